"""Who waits for dj-stripe's migrations is told why."""

from io import StringIO
from types import SimpleNamespace

import pytest

from quickscale_billing.migrating import say_why_it_takes_long

pytestmark = pytest.mark.once


def told(*, app: str = "djstripe", name: str = "0001_initial", backwards: bool = False, verbosity: int = 1) -> str:
    out = StringIO()
    plan = [(SimpleNamespace(app_label=app, name=name), backwards)]
    say_why_it_takes_long(verbosity=verbosity, plan=plan, stdout=out)
    return out.getvalue()


def test_the_first_migrate_says_why_it_takes_long():
    assert "a minute or two" in told()


@pytest.mark.parametrize("case", [{"name": "0003_2_11"}, {"app": "auth"}, {"backwards": True}])
def test_what_takes_no_time_is_not_announced(case):
    assert told(**case) == ""


def test_who_asked_for_silence_has_it():
    assert told(verbosity=0) == ""
