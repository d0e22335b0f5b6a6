"""A real `celery worker` process, on RabbitMQ and on Redis, where they answer."""

import os
import signal
import socket
import subprocess
import sys
from datetime import timedelta
from uuid import uuid4

import pytest
from celery import Celery
from django.utils import timezone

from quickscale_credits import ledger
from quickscale_credits.testing import assert_balance, fund
from quickscale_services.celery import execute_run
from quickscale_services.exceptions import QueueUnavailable
from quickscale_services.models import ServiceRun
from quickscale_services.sweeping import sweep_runs
from quickscale_services.testing import register_temporarily
from tests.services import worked
from tests.services.samples import CountWords
from tests.services.test_background_workers import has_ended, until
from tests.services.test_handing_over import PATIENCE

pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True)]

BROKERS = {"rabbitmq": "amqp://guest:guest@127.0.0.1:5672//", "redis": "redis://127.0.0.1:6379/15"}
ENGINE = {"QUEUE": "quickscale_services.celery.enqueue"}


def answers(url):
    port = int(url.split(":")[-1].split("/")[0])
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(params=BROKERS)
def broker(request):
    url = BROKERS[request.param]
    if not answers(url):
        pytest.skip(f"no {request.param} answers at {url.rpartition('@')[2]}")
    return url


@pytest.fixture
def celery(broker, settings):
    """An application as a host has it, with a queue of its own that is deleted at the end of the test."""
    settings.QUICKSCALE_SERVICES = ENGINE
    app = Celery(broker=broker)
    app.conf.task_default_queue = f"quickscale-tests-{uuid4().hex}"
    app.conf.broker_connection_retry_on_startup = True
    app.set_default()
    yield app
    with app.connection_for_write() as connection, connection.channel() as channel:
        channel.queue_delete(app.conf.task_default_queue)
        if hasattr(channel, "client"):  # Redis, where Kombu keeps what it knows of the queue
            channel.client.delete(*channel.client.keys(f"*{app.conf.task_default_queue}*"))
    app.close()


@pytest.fixture
def workers(celery, database_environment):
    """`workers(3)` starts so many `celery worker` processes of so many `children`."""
    names = {"CELERY_BROKER": celery.conf.broker_url, "CELERY_QUEUE": celery.conf.task_default_queue}
    command = [sys.executable, "-m", "celery", "-A", "tests.services.celery_app", "worker", "-l", "WARNING"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    started = []

    def start(count=1, *, children=2):
        for _ in range(count):
            arguments = [*command, *quiet, f"-n{uuid4().hex}", f"-c{children}", "--prefetch-multiplier=1"]
            environment = database_environment | names
            started.append(subprocess.Popen(arguments, env=environment, start_new_session=True))
        return started[-count:]

    yield start
    for process in started:
        kill(process)


@pytest.fixture
def worker(workers):
    return workers()[0]


def kill(process):
    """With its children."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_worker_takes_runs_from_the_broker_and_charges_each_once(user, celery, worker):
    fund(user, 10)
    runs = [CountWords().enqueue(user, text="one two"), worked.Flaky().enqueue(user)]
    execute_run.delay(str(runs[0].pk), 0)
    until(lambda: all(has_ended(run) for run in runs))
    assert [(run.status, run.attempts) for run in runs] == [("succeeded", 1), ("succeeded", 2)]
    assert runs[0].output == {"words": 2}
    assert_balance(user, 6)


def test_a_worker_killed_while_it_executes_costs_nothing_once_swept(user, celery, worker, time_machine):
    fund(user, 5)
    run = worked.Slow().enqueue(user, seconds=600)
    until(lambda: ServiceRun.objects.filter(progress=0.5).exists())
    kill(worker)
    assert ledger.balance(user).held == 2
    time_machine.move_to(ServiceRun.objects.get().deadline + timedelta(seconds=1))
    assert sweep_runs().runs_expired == 1
    assert (has_ended(run), run.status, run.error_code) == (True, "expired", "service_lost")
    assert (ledger.balance(user).total, ledger.balance(user).held) == (5, 0)


def test_of_three_workers_one_is_killed_and_every_run_is_charged_once_or_not_at_all(user, workers, time_machine):
    fund(user, 50)
    lost = worked.Slow().enqueue(user, seconds=600)
    [killed] = workers(children=1)
    until(lambda: ServiceRun.objects.filter(pk=lost.pk, progress=0.5).exists())
    runs = [worked.Slow().enqueue(user, seconds=0.01) for _ in range(10)]
    execute_run.delay(str(runs[-1].pk), 0)
    workers(2)
    until(lambda: ServiceRun.objects.filter(status="succeeded").count() >= len(runs) - 1)
    kill(killed)  # with a task that it took beforehand, which Redis brings back after an hour only
    time_machine.move_to(timezone.now() + PATIENCE)
    with register_temporarily(worked.Slow):
        sweep_runs()
    until(lambda: ServiceRun.objects.filter(status="succeeded").count() == len(runs))
    time_machine.move_to(ServiceRun.objects.get(pk=lost.pk).deadline + timedelta(seconds=1))
    sweep_runs()
    assert (has_ended(lost), lost.status) == (True, "expired")
    assert (ledger.balance(user).total, ledger.balance(user).held) == (30, 0)


def test_a_broker_that_does_not_answer_costs_nothing(user, settings):
    settings.QUICKSCALE_SERVICES = ENGINE
    fund(user, 5)
    with Celery(broker="amqp://guest:guest@127.0.0.1:1//", set_as_current=True), pytest.raises(QueueUnavailable):
        CountWords().enqueue(user, text="one")
    assert (ledger.balance(user).total, ledger.balance(user).held) == (5, 0)
