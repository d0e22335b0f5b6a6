"""The example project, on the database of the test run."""

from inkwell.settings import *  # noqa: F403
from inkwell.settings import MIDDLEWARE
from tests.settings.database import databases

MIDDLEWARE = ["tests.browser.slowness.wait_at_the_gate", *MIDDLEWARE]

DATABASES = databases()
# dj-stripe's own migrations take a minute or two.
MIGRATION_MODULES = {"djstripe": "quickscale_billing.testing.djstripe_tables"}
STRIPE_TEST_SECRET_KEY = "sk_test_" + "example" * 4
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
