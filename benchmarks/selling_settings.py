"""The host of `benchmarks.settings`, which sells its credits; nothing here asks Stripe."""

import hashlib

from benchmarks.settings import *  # noqa: F403
from benchmarks.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "djstripe", "quickscale_billing"]
MIGRATION_MODULES = {"djstripe": "quickscale_billing.testing.djstripe_tables"}
ROOT_URLCONF = "benchmarks.serving"

STRIPE_TEST_SECRET_KEY = "sk_test_" + hashlib.sha256(b"only for benchmarks").hexdigest()[:24]
STRIPE_TEST_PUBLIC_KEY = STRIPE_TEST_SECRET_KEY.replace("sk", "pk", 1)
STRIPE_LIVE_MODE = False
STRIPE_API_VERSION = "2026-05-27.dahlia"
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"
