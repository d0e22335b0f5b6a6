from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/analytics/", include("quickscale_credits.analytics.urls")),
    path("admin/", admin.site.urls),
    path("api/", include("quickscale_services.api.urls")),
    path("credits/", include("quickscale_credits.urls")),
    path("services/", include("quickscale_services.urls")),
]
