from django.urls import path

from inkwell.mailbox import views

app_name = "mailbox"

urlpatterns = [
    path("", views.MailList.as_view(), name="list"),
    path("<int:pk>/", views.MailDetail.as_view(), name="detail"),
]
