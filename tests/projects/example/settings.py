"""The example project, on the database of the test run."""

from inkwell.settings import *  # noqa: F403
from tests.settings.database import databases

DATABASES = databases()
