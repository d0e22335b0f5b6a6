from django.urls import path

from inkwell.demo import views

app_name = "demo"

urlpatterns = [path("", views.time_machine, name="time_machine")]
