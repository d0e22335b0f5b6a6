"""The example on a database that lasts as long as the demo runs, with a mailbox in place of a mail server."""

import os
import secrets
import tempfile
from pathlib import Path

from inkwell.settings import *  # noqa: F403
from inkwell.settings import DATABASES, INSTALLED_APPS

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
