"""What has to be done again and again, and how often. Each of it may run twice, at once, or late."""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.core.management import CommandError, call_command
from django.utils import timezone

logger = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Job:
    command: str
    every: timedelta
    arguments: list[str] = field(default_factory=list)
    due_at: datetime | None = None
    """None: at once, when the schedule starts."""


def jobs():
    minute, hour, day = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
    return [
        Job(command="settle_facts", every=minute),
        Job(command="top_up", every=minute),
        Job(command="send_mail", every=minute),
        Job(command="sweep_runs", every=minute),
        Job(command="refill_credits", every=10 * minute),
        Job(command="expire_credits", every=10 * minute),
        Job(command="rollup_usage", every=15 * minute),
        Job(command="check_webhooks", every=hour),
        Job(command="write_reminders", every=day),
        Job(command="verify_ledger", every=day),
        Job(command="reconcile_billing", every=day, arguments=["--since", "3d"]),
        Job(command="clearsessions", every=day),
        Job(command="prune_db_task_results", every=day),
    ]


def run_due(schedule):
    """Runs what is due, one after the other; answers in how many seconds the next is."""
    for job in schedule:
        if job.due_at is None or job.due_at <= timezone.now():
            job.due_at = timezone.now() + job.every
            run(job)
    wait = min(job.due_at for job in schedule) - timezone.now()
    return max(0.0, wait.total_seconds())


def run(job):
    """One that fails is logged, and tried again when its time comes; the others go on."""
    try:
        call_command(job.command, *job.arguments, verbosity=0)
    except CommandError as error:
        logger.error("%s failed: %s", job.command, error)
    except Exception:  # Whatever it was: the other jobs must go on, and this one is tried again.
        logger.exception("%s broke.", job.command)
