"""Executes what is queued, in a thread of the demo: it ends with the demo, however that ends."""

import threading
from contextlib import contextmanager

from django.db import connections
from django_tasks_db.management.commands.db_worker import Worker

INTERVAL_SECONDS = 0.5


@contextmanager
def working():
    worker = Worker(
        queue_names=["*"],
        excluded_queue_names=[],
        interval=INTERVAL_SECONDS,
        batch=False,
        backend_name="default",
        startup_delay=False,
        max_tasks=None,
        worker_id="demo",
    )
    thread = threading.Thread(target=work, args=[worker], daemon=True)
    thread.start()
    try:
        yield
    finally:
        worker.running = False
        thread.join(timeout=10)


def work(worker):
    try:
        worker.run()
    finally:
        connections.close_all()
