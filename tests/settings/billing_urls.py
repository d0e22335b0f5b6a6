from django.urls import include, path

from tests.settings import urls

urlpatterns = [
    *urls.urlpatterns,
    path("stripe/", include("djstripe.urls", namespace="djstripe")),
]
