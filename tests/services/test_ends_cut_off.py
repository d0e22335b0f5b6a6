"""The end of a run that somebody else has recorded, or whose own recording is cut off; and what the log keeps of it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from quickscale_credits import ledger
from quickscale_credits.testing import assert_balance, fund
from quickscale_services import records
from quickscale_services.exceptions import InvalidInput, ServiceFailed, ServiceTimeout
from quickscale_services.models import ServiceRun
from tests.services.samples import doing, streaming_service


def swept() -> None:
    assert records.fail(ServiceRun.objects.get(), "service_lost")


def test_a_result_that_comes_when_the_run_was_given_up_is_none(user: Any) -> None:
    fund(user, 5)
    with pytest.raises(ServiceTimeout, match="no result in time") as told:
        doing(lambda context: swept()).run(user)
    run = ServiceRun.objects.get()
    assert (told.value.run, run.status, run.error_code) == (run, "failed", "service_lost")
    assert_balance(user, 5)


def test_a_stream_that_breaks_off_when_the_run_was_given_up_is_charged_nothing(user: Any) -> None:
    def pieces(context: Any) -> Iterator[str]:
        yield "one"
        context.charge("0.5")
        swept()
        raise LookupError("lost")

    fund(user, 5)
    with pytest.raises(ServiceFailed, match="nothing was charged"):
        streaming_service(pieces, charge_partial=True).run(user)
    assert ServiceRun.objects.get().error_code == "service_lost"
    assert_balance(user, 5)


def test_who_is_interrupted_while_the_end_is_written_gives_the_credits_back(user: Any) -> None:
    def interrupt(execute: Any, sql: str, *arguments: Any) -> Any:
        if sql.startswith("UPDATE") and "servicerun" in sql and not interrupted:
            interrupted.append(sql)
            raise KeyboardInterrupt
        return execute(sql, *arguments)

    interrupted: list[str] = []
    fund(user, 5)
    with pytest.raises(KeyboardInterrupt), connection.execute_wrapper(interrupt):
        doing(lambda context: "done").run(user)
    run = ServiceRun.objects.get()
    assert (run.status, run.error_code) == ("failed", "interrupted")
    assert ledger.balance(user).available == 5


@pytest.mark.parametrize(("error", "is_kept"), [(LookupError("lost"), True), (InvalidInput([]), False)])
def test_the_log_keeps_where_a_service_failed_but_not_where_its_caller_did(
    user: Any, caplog: pytest.LogCaptureFixture, error: Exception, is_kept: bool
) -> None:
    def fail(context: Any) -> None:
        raise error

    fund(user, 5)
    with pytest.raises((ServiceFailed, InvalidInput)):
        doing(fail).run(user)
    [record] = [each for each in caplog.records if each.message.endswith("of doing failed.")]
    assert bool(record.exc_info) == is_kept
    assert ("Traceback" in caplog.text) == is_kept
