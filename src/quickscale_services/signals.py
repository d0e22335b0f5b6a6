"""Sent by `send_robust` after commit, with `run`; its status tells failed from expired."""

from django.dispatch import Signal

run_succeeded = Signal()
run_failed = Signal()
run_canceled = Signal()
