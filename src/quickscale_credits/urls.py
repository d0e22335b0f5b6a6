from django.urls import path

from quickscale_credits import redeeming, views

app_name = "quickscale_credits"

urlpatterns = [
    path("", views.credits, name="credits"),
    path("history.csv", views.history_csv, name="history_csv"),
    path("redeem/", redeeming.redeem, name="redeem"),
]
