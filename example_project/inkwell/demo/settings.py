"""The example on a database that lasts as long as the demo runs, with a mailbox in place of a mail server and a
simulator in place of Stripe."""

import os
import secrets
import socket
import tempfile
from pathlib import Path

from inkwell.settings import *  # noqa: F403
from inkwell.settings import CONTENT_SECURITY_POLICY, DATABASES, INSTALLED_APPS

DEMO = True
DEBUG = False
SECRET_KEY = secrets.token_urlsafe(40)
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]

# The command makes it, and removes it at the end.
DEMO_FOLDER = Path(
    os.environ.get("INKWELL_DEMO_FOLDER") or Path(tempfile.gettempdir()) / f"inkwell-demo-{secrets.token_hex(4)}"
)
DATABASES["default"]["NAME"] = DEMO_FOLDER / "db.sqlite3"
# What is thrown away anyway need not wait for the disk.
DATABASES["default"]["OPTIONS"]["init_command"] += "; PRAGMA synchronous=OFF"

INSTALLED_APPS = [*INSTALLED_APPS, "inkwell.mailbox", "inkwell.demo"]
EMAIL_BACKEND = "inkwell.mailbox.backend.MailboxBackend"

# Who travels a year in the time machine stays logged in.
SESSION_COOKIE_AGE = 10 * 365 * 24 * 60 * 60


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


# dj-stripe reads its host when it is imported, so the simulator's address must be known before it is started.
SIMULATOR_PORT = free_port()
STRIPE_API_HOST = f"http://127.0.0.1:{SIMULATOR_PORT}"
STRIPE_LIVE_MODE = False
STRIPE_TEST_SECRET_KEY = "sk_test_" + secrets.token_hex(12)
CONTENT_SECURITY_POLICY = CONTENT_SECURITY_POLICY.replace("https://checkout.stripe.com", STRIPE_API_HOST)
# Tables as the models are now, instead of by all migrations since the beginning: this database never meets the next.
MIGRATION_MODULES = {app.rpartition(".")[2]: None for app in INSTALLED_APPS} | {"django_tasks_database": None}
