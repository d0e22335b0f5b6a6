"""What is configured badly is told with a remedy."""

from typing import Any

import pytest
from django.apps import apps
from django.core.checks import run_checks

from quickscale_billing.mail_conf import KINDS
from quickscale_billing.models import CreditPack, Customer, Mail
from quickscale_credits.ledger.accounts import open_account

# dj-stripe's own checks look into its tables.
pytestmark = [pytest.mark.once, pytest.mark.django_db]

LIVE_KEY = "sk_live_" + "x" * 24


def told(**options: Any) -> list[str]:
    """The ids of our own messages; each has words and, but for unusable values, a remedy."""
    found = [each for each in run_checks(**options) if each.id.startswith("quickscale_billing.")]
    assert all(each.msg and (each.hint or each.id.endswith("E001")) for each in found)
    return [each.id.removeprefix("quickscale_billing.") for each in found]


def test_the_settings_of_the_tests_are_fine():
    assert told() == []


def test_a_misspelled_setting_is_told(settings):
    settings.QUICKSCALE_BILLING = {"CATALOGUE": "catalog.toml"}
    assert told() == ["W001"]


@pytest.mark.parametrize(
    "value",
    [
        {"CATALOG": 7},
        {"CHECKOUT": ["locale"]},
        {"SITE_URL": "inkwell.example"},
        {"SITE_URL": "https://inkwell.example/shop"},
        {"SUCCESS_URL": "javascript:alert(1)"},
        {"CANCEL_URL": 7},
        {"PLAN_CHANGE_CREDITS": "all"},
        {"REFILL_GRACE": 24},
        {"QUEUE": 7},
        {"MAIL": True},
        {"MAIL": ["receipts"]},
        {"MAIL_FROM": "Inkwell"},
        {"MAIL_STAFF": "boss@shop.example"},
        {"MAIL_READER": "shop.readers.nobody"},
        {"MAIL_BEFORE_EXPIRY": 7},
    ],
)
def test_a_value_that_cannot_be_used_is_told(settings, value):
    settings.QUICKSCALE_BILLING = value
    assert "E001" in told()


@pytest.mark.parametrize("queue", ["slow-lane", "shop.queue.nobody"])
def test_a_queue_that_is_not_there_is_told(settings, queue):
    settings.QUICKSCALE_BILLING = {"QUEUE": queue}
    assert told() == ["E009"]


def test_mail_from_nobody_is_told(settings):
    settings.QUICKSCALE_BILLING = {"MAIL": "all"}
    assert told() == ["W009"]
    settings.DEFAULT_FROM_EMAIL = "Inkwell <hello@inkwell.example>"
    assert told() == []
    settings.QUICKSCALE_BILLING = {"MAIL": ["receipt"], "MAIL_FROM": "billing@inkwell.example"}
    assert told() == []


def test_the_kinds_that_a_setting_may_name_are_those_that_there_are():
    assert set(Mail.Kind.values) == KINDS


def test_options_of_the_checkout_that_are_ours_are_told(settings):
    settings.QUICKSCALE_BILLING = {"CHECKOUT": {"customer": "cus_1", "subscription_data": {"trial_period_days": 9}}}
    [message] = [each for each in run_checks() if each.id == "quickscale_billing.E002"]
    assert "customer, subscription_data.trial_period_days" in message.msg


def test_dj_stripe_must_stand_before_us(settings):
    others = [name for name in settings.INSTALLED_APPS if name not in ("djstripe", "quickscale_billing")]
    with apps_in_order([*others, "quickscale_billing", "djstripe"]):
        assert "E003" in told()
    with apps_in_order([*others, "quickscale_billing"]):
        assert "E003" in told()


class apps_in_order:  # noqa: N801 - reads as a verb
    """The app configs as they would stand in another INSTALLED_APPS, without loading them again."""

    def __init__(self, names: list[str]) -> None:
        self.configs = {config.label: config for config in apps.get_app_configs() if config.name in names}
        self.configs = dict(sorted(self.configs.items(), key=lambda item: names.index(item[1].name)))

    def __enter__(self) -> None:
        self.before, apps.app_configs = apps.app_configs, self.configs

    def __exit__(self, *raised: object) -> None:
        apps.app_configs = self.before


def test_dj_stripe_must_mean_the_same_owners(settings):
    settings.DJSTRIPE_SUBSCRIBER_MODEL = "auth.Group"
    assert "E004" in told()


def test_without_a_key_nothing_can_be_sold(settings):
    settings.STRIPE_TEST_SECRET_KEY = ""
    assert told() == ["W002"]


@pytest.mark.parametrize("key", ["sk_test_short", "pk_test_" + "x" * 24, LIVE_KEY, "sk_test_" + "-" * 24])
def test_a_key_of_another_form_or_mode_is_told(settings, key):
    settings.STRIPE_TEST_SECRET_KEY = key
    assert told() == ["E005"]


def test_the_key_is_never_told(settings):
    settings.STRIPE_TEST_SECRET_KEY = "sk_test_secret"
    assert not [each for each in run_checks() if "secret" in f"{each.msg}{each.hint}".replace("secret key", "")]


def test_a_restricted_key_will_do(settings):
    settings.STRIPE_TEST_SECRET_KEY = "rk_test_" + "x" * 99
    assert told() == []


def test_live_keys_and_debug_do_not_go_together(settings):
    settings.STRIPE_LIVE_MODE, settings.STRIPE_LIVE_SECRET_KEY = True, LIVE_KEY
    assert told() == []
    settings.DEBUG = True
    assert told() == ["E006"]


def test_an_api_version_that_is_not_set_is_told(settings):
    del settings.STRIPE_API_VERSION
    assert told() == ["W003"]


def test_pages_without_an_address_are_told(settings):
    settings.ROOT_URLCONF = "tests.settings.urls"
    assert told() == ["W004"]
    settings.QUICKSCALE_BILLING = {"SUCCESS_URL": "/thanks/", "CANCEL_URL": "/prices/"}
    assert told() == []


def test_a_site_that_does_not_know_where_it_is_is_told(settings):
    settings.ALLOWED_HOSTS = ["*"]
    assert told() == ["W006"]
    settings.QUICKSCALE_BILLING = {"SITE_URL": "https://inkwell.example"}
    assert told() == []


def test_a_catalog_that_cannot_be_read_is_told(settings, tmp_path):
    settings.QUICKSCALE_BILLING = {"CATALOG": tmp_path / "absent.toml"}
    assert told() == ["E007"]


def test_what_stripe_has_no_price_for_is_told(shop):
    assert told(databases=["default"]) == []
    CreditPack.objects.filter(slug="large").update(amount=5900)
    assert told(databases=["default"]) == ["W005"]


def test_customers_of_the_other_mode_are_told(user):
    Customer.objects.create(account=open_account(user), livemode=True)
    assert told(databases=["default"]) == ["E008"]
