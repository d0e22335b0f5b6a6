from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from inkwell.pages import views

urlpatterns = [
    path("", views.home, name="home"),
    path("dashboard/", views.dashboard, name="dashboard"),
    path("api/", include("quickscale_services.api.urls")),
    path("services/", include("quickscale_services.urls")),
    path("billing/", include("quickscale_billing.urls")),
    path("stripe/", include("djstripe.urls", namespace="djstripe")),
    path("credits/", include("quickscale_credits.urls")),
    path("accounts/", include("allauth.account.urls")),
    path("admin/", admin.site.urls),
]

if settings.DEMO:
    urlpatterns += [
        path("mailbox/", include("inkwell.mailbox.urls")),
        path("time-machine/", include("inkwell.demo.urls")),
    ]

handler500 = "inkwell.pages.views.server_error"
