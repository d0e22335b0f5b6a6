"""The host of `tests.settings.base`, which sells its credits."""

import hashlib

from tests.settings.base import *  # noqa: F403
from tests.settings.base import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "djstripe", "quickscale_billing"]
ROOT_URLCONF = "tests.settings.billing_urls"
# dj-stripe's own migrations take a minute or two; `tox -e stripe` runs them.
MIGRATION_MODULES = {"djstripe": "quickscale_billing.testing.djstripe_tables"}

# A key of no account, in the form that Stripe's have.
STRIPE_TEST_SECRET_KEY = "sk_test_" + hashlib.sha256(b"only for tests").hexdigest()[:24]
STRIPE_TEST_PUBLIC_KEY = STRIPE_TEST_SECRET_KEY.replace("sk", "pk", 1)
STRIPE_LIVE_MODE = False
STRIPE_API_VERSION = "2026-05-27.dahlia"
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"
DJSTRIPE_WEBHOOK_VALIDATION = "verify_signature"
