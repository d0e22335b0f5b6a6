from django.urls import path

from quickscale_services import key_views, run_views, views

app_name = "quickscale_services"

urlpatterns = [
    path("", views.services, name="list"),
    path("runs/", run_views.runs, name="runs"),
    path("runs/<uuid:run_id>/", run_views.run, name="run"),
    path("runs/<uuid:run_id>/cancel/", run_views.cancel, name="cancel_run"),
    path("keys/", key_views.keys, name="keys"),
    path("keys/<slug:public_id>/rotate/", key_views.rotate, name="rotate_key"),
    path("keys/<slug:public_id>/revoke/", key_views.revoke, name="revoke_key"),
    path("<slug:name>/", views.service, name="detail"),
]
