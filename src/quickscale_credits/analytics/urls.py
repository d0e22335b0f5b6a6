"""`path("admin/analytics/", include("quickscale_credits.analytics.urls"))`, before the admin's own."""

from django.urls import path

from quickscale_credits.analytics import views

app_name = "quickscale_analytics"
urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("<slug:key>/", views.panel, name="panel"),
    path("<slug:key>.csv", views.panel_csv, name="csv"),
    path("<slug:key>.json", views.panel_json, name="json"),
]
