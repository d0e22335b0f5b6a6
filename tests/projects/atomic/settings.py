"""A host that wraps each request in a transaction."""

from tests.settings.base import *  # noqa: F403
from tests.settings.base import DATABASES

DATABASES["default"]["ATOMIC_REQUESTS"] = True
ROOT_URLCONF = "tests.projects.atomic.urls"
