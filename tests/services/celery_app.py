"""The Celery application of a host, as a worker process loads it."""

import os

import django
from celery import Celery
from django.conf import settings

settings.QUICKSCALE_SERVICES = {"QUEUE": "quickscale_services.celery.enqueue"}
django.setup()

from tests.services import worked  # noqa: E402

app = Celery(broker=os.environ["CELERY_BROKER"])
app.conf.task_default_queue = os.environ["CELERY_QUEUE"]
app.conf.imports = ["quickscale_services.celery"]
app.conf.broker_connection_retry_on_startup = True
app.conf.worker_enable_remote_control = False
worked.offer()
