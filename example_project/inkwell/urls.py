from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from inkwell.accounts import views as accounts
from inkwell.pages import views

urlpatterns = [
    path("", views.home, name="home"),
    path("about/", views.about, name="about"),
    path("contact/", include("inkwell.contact.urls")),
    path("dashboard/", views.dashboard, name="dashboard"),
    path("notices/", include("inkwell.notices.urls")),
    path("staff/", views.staff, name="staff"),
    path("api/", include("quickscale_services.api.urls")),
    path("services/", include("quickscale_services.urls")),
    path("billing/", include("quickscale_billing.urls")),
    path("stripe/", include("djstripe.urls", namespace="djstripe")),
    path("credits/", include("quickscale_credits.urls")),
    path("accounts/profile/", accounts.profile, name="profile"),
    path("accounts/sessions/", include("allauth.usersessions.urls")),
    path("accounts/", include("allauth.account.urls")),
    path("admin/analytics/", include("quickscale_credits.analytics.urls")),
    path("admin/", admin.site.urls),
]

if apps.is_installed("inkwell.teams"):
    urlpatterns += [path("team/", include("inkwell.teams.urls"))]

if settings.DEMO:
    urlpatterns += [
        path("mailbox/", include("inkwell.mailbox.urls")),
        path("time-machine/", include("inkwell.demo.urls")),
    ]

handler400 = "inkwell.pages.views.bad_request"
handler500 = "inkwell.pages.views.server_error"
