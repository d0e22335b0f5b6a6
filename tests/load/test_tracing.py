"""A slow answer is told by what it waited for."""

from tests.load.tracing import EVERY, STARTING, UNKNOWN, Answer, Waits, cause, causes, waited_for_start

SLOW = Answer("run", 80, 10.0, 14.0)
LOCK = "Lock transactionid, held by: UPDATE account"


def test_an_answer_waited_for_a_start_only_while_its_process_was_not_ready() -> None:
    assert waited_for_start(SLOW, [(1.0, 5.0), (9.0, 13.0)]) == 3.0
    assert cause(SLOW, [(9.0, 13.0)], Waits()) == STARTING
    assert cause(SLOW, [(9.0, 11.0)], Waits()) == UNKNOWN


def test_an_answer_waited_for_a_lock_that_somebody_had_most_of_the_time() -> None:
    long = Waits([(10 + number * EVERY, LOCK) for number in range(12)])
    assert cause(SLOW, [], long) == LOCK
    assert cause(SLOW, [], Waits(long.seen[:3])) == UNKNOWN


def test_causes_leave_out_what_was_quick() -> None:
    quick = Answer("page", 80, 10.0, 10.1)
    assert list(causes([SLOW, quick], {80: [(9.0, 13.0)]}, Waits())) == [
        f"slower than 2 s: 1, up to 4.0 s: {STARTING}",
    ]
