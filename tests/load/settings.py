"""The host that is put under load: it sells at the simulator that `LOAD_STRIPE` names, and keeps its connections."""

import os

from tests.settings.billing import *  # noqa: F403
from tests.settings.billing import DATABASES

STRIPE_API_HOST = os.environ["LOAD_STRIPE"]
LOGGING = {"version": 1, "disable_existing_loggers": True}
DATABASES["default"]["CONN_MAX_AGE"] = 60
