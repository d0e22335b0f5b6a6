from django.urls import path

from quickscale_services.mcp import endpoint
from tests.settings.urls import urlpatterns as others

urlpatterns = [path("mcp", endpoint), *others]
