from django.conf import settings


def site(request):
    return {"site_name": "Inkwell", "demo": settings.DEMO}
