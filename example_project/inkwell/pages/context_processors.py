from django.apps import apps
from django.conf import settings

from quickscale_credits.owners import owner_for


def site(request):
    return {
        "site_name": "Inkwell",
        "demo": settings.DEMO,
        "teams": apps.is_installed("inkwell.teams"),
        "owner": lambda: owner_for(request),
    }
