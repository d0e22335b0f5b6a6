"""A form that was sent twice counts once, with scripts and without."""

from django.core.cache import cache

HOUR = 60 * 60


def is_repeated(request):
    """Whether this very form, by the id that `{% form_id %}` gave it, was sent before."""
    form_id = request.POST.get("form_id", "")[:64]
    return bool(form_id) and not cache.add(f"sent:{form_id}", True, timeout=HOUR)
