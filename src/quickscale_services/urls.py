from django.urls import path

from quickscale_services.pages import keys, runs, services

app_name = "quickscale_services"

urlpatterns = [
    path("", services.services, name="list"),
    path("runs/", runs.runs, name="runs"),
    path("runs/<uuid:run_id>/", runs.run, name="run"),
    path("runs/<uuid:run_id>/cancel/", runs.cancel, name="cancel_run"),
    path("keys/", keys.keys, name="keys"),
    path("keys/<slug:public_id>/rotate/", keys.rotate, name="rotate_key"),
    path("keys/<slug:public_id>/revoke/", keys.revoke, name="revoke_key"),
    path("<slug:name>/", services.service, name="detail"),
]
