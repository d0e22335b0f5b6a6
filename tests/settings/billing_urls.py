from django.urls import include, path

from tests.settings import urls

urlpatterns = [
    *urls.urlpatterns,
    path("billing/", include("quickscale_billing.urls")),
    path("stripe/", include("djstripe.urls", namespace="djstripe")),
]
