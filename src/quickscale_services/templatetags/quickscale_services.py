from __future__ import annotations

from datetime import timedelta

from django import template
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from quickscale_services.crediting import credited_back
from quickscale_services.labels import label, told
from quickscale_services.models import ServiceRun
from quickscale_services.pages.key_forms import scope_words
from quickscale_services.pricing.words import in_credits
from quickscale_services.registry import registry

register = template.Library()


@register.filter
def service_title(name: str) -> str:
    """The title of the service of this name; the name, where it is registered no more."""
    return str(registry.get(name, name))


register.filter(in_credits)
register.filter(credited_back)
register.filter(scope_words)


@register.filter
def run_id(run: ServiceRun) -> str:
    return str(run.pk)


@register.filter
def measured(units: dict[str, int | str]) -> list[tuple[str, str]]:
    """What a run has recorded, for people: a unit may itself be called "items", as a dict's method is."""
    return [
        (told(label(unit)), number_format(number, use_l10n=True, force_grouping=True)) for unit, number in units.items()
    ]


@register.filter
def seconds(duration: timedelta | None) -> str:
    """1.25 s; a dash for what has not ended."""
    if duration is None:
        return "—"
    places = 2 if duration < timedelta(seconds=10) else 0
    return _("%s s") % number_format(duration.total_seconds(), places, use_l10n=True)


@register.filter
def error_words(code: str) -> str:
    """Why a run did not succeed; a code that is a service's own stands as it is."""
    words = {
        "service_failed": _("The service failed; nothing was charged."),
        "service_timeout": _("There was no result in time; nothing was charged."),
        "invalid_input": _("The input did not fit; nothing was charged."),
        "interrupted": _("The run was interrupted; nothing was charged."),
        "service_lost": _("The server stopped during the run; nothing was charged."),
        "not_started": _("No worker began it in time; nothing was charged."),
        "queue_unavailable": _("The queue did not take it; nothing was charged."),
        "unknown_service": _("The service is offered no more; nothing was charged."),
        "service_disabled": _("The service was switched off meanwhile; nothing was charged."),
        "hold_closed": _("Its credits were given back before it began; nothing was charged."),
        "owner_erased": _("Its owner is gone; nothing was charged."),
        "disconnected": _("Whoever asked for it went away before its end."),
    }
    return words.get(code, code)
