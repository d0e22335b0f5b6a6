"""A host project with one database, which `BENCHMARK_DATABASE` names and `BENCHMARK_PLACE` locates."""

import os
from importlib.util import find_spec

from benchmarks.databases import DATABASES as KNOWN

DATABASES = {"default": KNOWN[os.environ["BENCHMARK_DATABASE"]].settings(os.environ["BENCHMARK_PLACE"])}
DATABASES["default"]["CONN_MAX_AGE"] = None

SECRET_KEY = "only for benchmarks"
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
ROOT_URLCONF = "benchmarks.serving"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "quickscale_credits",
    "quickscale_services",
    "benchmarks",
]
# Peers are measured where they are installed: `pip install --group bench`.
if find_spec("dj_wallet"):
    INSTALLED_APPS += ["dj_wallet"]
if find_spec("hordak") and KNOWN[os.environ["BENCHMARK_DATABASE"]].is_server:
    INSTALLED_APPS += ["mptt", "hordak"]

DEFAULT_CURRENCY = "EUR"
CURRENCIES = ["EUR"]
