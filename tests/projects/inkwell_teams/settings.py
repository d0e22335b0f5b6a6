"""The example's variant for teams, on the database of the test run."""

from inkwell.team_settings import *  # noqa: F403
from tests.settings.database import databases

DATABASES = databases()
# dj-stripe's own migrations take a minute or two.
MIGRATION_MODULES = {"djstripe": "quickscale_billing.testing.djstripe_tables"}
STRIPE_TEST_SECRET_KEY = "sk_test_" + "example" * 4
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
