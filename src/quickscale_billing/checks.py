"""System checks of the settings, and of what is for sale. Those of the database run with `check --database NAME`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import apps
from django.conf import global_settings, settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, router
from django.urls import NoReverseMatch, Resolver404, resolve, reverse

from quickscale_billing.conf import conf
from quickscale_billing.exceptions import CatalogInvalid
from quickscale_billing.stripe.client import API_VERSION, is_live
from quickscale_credits.checks import misspelled_keys
from quickscale_credits.conf import owner_model

KEY = re.compile(r"(sk|rk)_(?P<mode>test|live)_[A-Za-z0-9]{24,}")


@register()
def check_settings(**kwargs: Any) -> list[CheckMessage]:
    return [*misspelled_keys(conf, "quickscale_billing.W001"), *_unusable_values(), *_reserved_options()]


@register()
def check_djstripe(**kwargs: Any) -> list[CheckMessage]:
    """dj-stripe must be there, before us, and mean the same owners."""
    names = [config.name for config in apps.get_app_configs()]
    if "djstripe" not in names or names.index("djstripe") > names.index("quickscale_billing"):
        message = "djstripe must stand in INSTALLED_APPS, before quickscale_billing: our webhooks build on its signals."
        hint = 'INSTALLED_APPS = [..., "djstripe", "quickscale_billing", ...]'
        return [Error(message, hint=hint, id="quickscale_billing.E003")]
    subscriber = getattr(settings, "DJSTRIPE_SUBSCRIBER_MODEL", settings.AUTH_USER_MODEL)
    if subscriber.lower() == owner_model().lower():
        return []
    message = f"Credits belong to {owner_model()}, but dj-stripe's customers to {subscriber}."
    hint = f'Set DJSTRIPE_SUBSCRIBER_MODEL = "{owner_model()}" before the first migrate.'
    return [Error(message, hint=hint, id="quickscale_billing.E004")]


@register()
def check_keys(**kwargs: Any) -> list[CheckMessage]:
    name = _key_setting()
    if not (key := getattr(settings, name, "")):
        hint = f"Set {name} to a secret key of your Stripe account, from the environment, or start the simulator."
        message = f"{name} is not set: nothing can be sold."
        return [Warning(message, hint=hint, id="quickscale_billing.W002")]
    wanted = "live" if is_live() else "test"
    found = KEY.fullmatch(str(key))
    if found is None or found["mode"] != wanted:
        message = f"{name} is no secret key of {wanted} mode."
        hint = f"It begins with sk_{wanted}_ or rk_{wanted}_ and goes on for at least 24 letters and digits."
        return [Error(message, hint=hint, id="quickscale_billing.E005")]
    return []


@register()
def check_mode(**kwargs: Any) -> list[CheckMessage]:
    if not (settings.DEBUG and is_live()):
        return []
    message = "DEBUG is on and STRIPE_LIVE_MODE too: real cards would be charged by a site that shows its secrets."
    hint = "Turn DEBUG off, or develop with STRIPE_LIVE_MODE = False and a test key."
    return [Error(message, hint=hint, id="quickscale_billing.E006")]


@register()
def check_api_version(**kwargs: Any) -> list[CheckMessage]:
    if getattr(settings, "STRIPE_API_VERSION", None):
        return []
    message = "STRIPE_API_VERSION is not set: dj-stripe, your webhook endpoint and we may read Stripe differently."
    hint = f'Set STRIPE_API_VERSION = "{API_VERSION}", and make the webhook endpoint with it (see check_webhooks).'
    return [Warning(message, hint=hint, id="quickscale_billing.W003")]


@register()
def check_queue(**kwargs: Any) -> list[CheckMessage]:
    from quickscale_billing import queueing

    try:
        queueing.require()
    except Exception as error:  # django.tasks has its own errors, by version
        if isinstance(conf.raw().get("QUEUE"), str):  # else E001 says so
            hint = "Name a backend of TASKS, or the dotted path of a function of a job's name and a number."
            return [Error(str(error), hint=hint, id="quickscale_billing.E009")]
    return []


@register()
def check_mail(**kwargs: Any) -> list[CheckMessage]:
    """Django's own sender is nobody, and most mail servers refuse it."""
    try:
        is_sent = bool(conf.MAIL) and conf.MAIL_FROM is None
    except ImproperlyConfigured:
        return []  # E001 says so
    if not (is_sent and settings.DEFAULT_FROM_EMAIL == global_settings.DEFAULT_FROM_EMAIL):
        return []
    message = f"Letters about billing would come from {settings.DEFAULT_FROM_EMAIL}."
    hint = f'Set DEFAULT_FROM_EMAIL, or {conf.setting}["MAIL_FROM"], such as "Inkwell <billing@inkwell.example>".'
    return [Warning(message, hint=hint, id="quickscale_billing.W009")]


@register()
def check_addresses(**kwargs: Any) -> list[CheckMessage]:
    return [*_pages(), *_site()]


@register()
def check_catalog(**kwargs: Any) -> list[CheckMessage]:
    from quickscale_billing import catalog

    try:
        if conf.CATALOG is not None:
            catalog.read(conf.CATALOG)
    except CatalogInvalid as error:
        hint = "Mend the file, then run sync_catalog."
        return [Error(str(error), hint=hint, id="quickscale_billing.E007")]
    except ImproperlyConfigured:
        return []  # E001 says so
    return []


@register(deploy=True)
def check_workers(**kwargs: Any) -> list[CheckMessage]:
    from quickscale_billing import queueing

    if not isinstance(conf.raw().get("QUEUE"), str) or check_queue() or queueing.has_workers():
        return []
    message = f"The backend {conf.QUEUE!r} in TASKS is meant for development: Stripe would be asked within requests."
    hint = (
        "Choose one that workers empty, such as django_tasks_db.DatabaseBackend; or None, and the sweep alone tops up."
    )
    return [Warning(message, hint=hint, id="quickscale_billing.W007")]


@register(Tags.database)
def check_packs_to_top_up_with(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    from quickscale_billing.models import CreditPack

    if router.db_for_read(CreditPack) not in (databases or []) or conf.raw().get("AUTO_TOP_UP") is not True:
        return []
    try:
        if CreditPack.objects.for_sale().exists():
            return []
    except DatabaseError:
        return []  # not migrated yet
    message = "AUTO_TOP_UP is on, but no pack is for sale that could be bought by itself."
    hint = "Put a pack into the catalog, or turn AUTO_TOP_UP off."
    return [Warning(message, hint=hint, id="quickscale_billing.W008")]


@register(Tags.database)
def check_prices(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """What is for sale and has no price at Stripe."""
    from quickscale_billing.models import CreditPack, PlanPrice

    if router.db_for_read(CreditPack) not in (databases or []):
        return []
    try:
        plans = PlanPrice.objects.for_sale().filter(plan__is_active=True).select_related("plan")
        priced = [*plans, *CreditPack.objects.for_sale()]
        unknown = sorted({str(price) for price in priced if not price.is_at_stripe})
    except DatabaseError:
        return []  # not migrated yet
    if not unknown:
        return []
    message = f"Stripe does not know the price of {', '.join(unknown)}, or knows another."
    hint = "Run sync_catalog, or save it in the admin again."
    return [Warning(message, hint=hint, id="quickscale_billing.W005")]


@register(Tags.database)
def check_one_mode(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    from quickscale_billing.models import Customer

    if router.db_for_read(Customer) not in (databases or []):
        return []
    try:
        others = Customer.objects.filter(livemode=not is_live()).count()
    except DatabaseError:
        return []  # not migrated yet
    if not others:
        return []
    modes = ("live", "test") if is_live() else ("test", "live")
    message = f"STRIPE_LIVE_MODE says {modes[0]} mode, but {others} customers of this database are of {modes[1]} mode."
    hint = "A database is of one mode: use one of its own for the other."
    return [Error(message, hint=hint, id="quickscale_billing.E008")]


def _key_setting() -> str:
    if getattr(settings, "STRIPE_SECRET_KEY", ""):
        return "STRIPE_SECRET_KEY"
    return "STRIPE_LIVE_SECRET_KEY" if is_live() else "STRIPE_TEST_SECRET_KEY"


def _unusable_values() -> Iterator[CheckMessage]:
    for key in conf.keys():  # noqa: SIM118 - no dict
        try:
            getattr(conf, key)
        except ImproperlyConfigured as error:
            yield Error(str(error), id="quickscale_billing.E001")


def _reserved_options() -> Iterator[CheckMessage]:
    from quickscale_billing.session_options import reserved_in

    try:
        reserved = reserved_in(conf.CHECKOUT)
    except ImproperlyConfigured:
        return  # E001 says so
    if reserved:
        message = f'{conf.setting}["CHECKOUT"] cannot say {", ".join(reserved)}: that is for checkout.start to say.'
        yield Error(message, hint="Leave it out.", id="quickscale_billing.E002")


def _pages() -> Iterator[CheckMessage]:
    if conf.raw().get("SUCCESS_URL") and conf.raw().get("CANCEL_URL"):
        return
    try:
        resolve(reverse("quickscale_billing:success"))
    except (NoReverseMatch, Resolver404):
        message = "Nobody who has paid could come back: the pages of quickscale_billing have no address."
        hint = 'path("billing/", include("quickscale_billing.urls")), or set SUCCESS_URL and CANCEL_URL to your own.'
        yield Warning(message, hint=hint, id="quickscale_billing.W004")


def _site() -> Iterator[CheckMessage]:
    named = [host for host in settings.ALLOWED_HOSTS if not host.startswith(("*", "."))]
    if settings.DEBUG or named or conf.raw().get("SITE_URL"):
        return
    message = "Outside a request nobody knows where this site is, so nobody could be led back to it."
    hint = f'Set {conf.setting}["SITE_URL"] = "https://your.example", or name a host in ALLOWED_HOSTS.'
    yield Warning(message, hint=hint, id="quickscale_billing.W006")
