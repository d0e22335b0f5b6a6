from django.urls import path

from inkwell.contact import views

app_name = "contact"

urlpatterns = [
    path("", views.write, name="write"),
    path("thanks/", views.thanks, name="thanks"),
]
