"""Which accounts spend: all that is said of them, in one statement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db.models import F, Q, QuerySet

from quickscale_credits.amounts import from_micro
from quickscale_credits.analytics import archived, rolling, rollups
from quickscale_credits.analytics.comparing import Compared
from quickscale_credits.analytics.memory import asked_about, remembered
from quickscale_credits.analytics.merging import told
from quickscale_credits.analytics.periods import Period
from quickscale_credits.analytics.placing import Among
from quickscale_credits.analytics.reading import NONE, spans, uncounted
from quickscale_credits.models import AccountRollup, CreditAccount

LISTED = 10


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What an account spent in a period, and what it may spend now, as booked."""

    account_id: int
    spent: Decimal
    available: Decimal


@dataclass(frozen=True, kw_only=True)
class Spenders:
    """How many accounts spent, and those that come first; `first_to_run_out` are the first by available ÷ spent."""

    before: int
    number: int
    by_place: dict[date, int]
    spent_most: list[Pace]
    first_to_run_out: list[Pace]


def number(period: Period) -> int:
    asked = asked_about(period)
    return of(asked).number if period == asked else of(asked).before


@remembered
def of(period: Period) -> Spenders:
    rows: defaultdict[str, list[tuple[int, ...]]] = defaultdict(list)
    for what, *numbers in told(_spends(period), _STATEMENT):
        rows[what].append(tuple(map(int, numbers)))
    places = {place: count for place, count, *_rest in rows["place"]}
    [(_, of_period, *_rest)] = rows["period"]
    return Spenders(
        before=places.pop(0, 0),
        number=of_period,
        by_place={period.places[place - 1]: count for place, count in places.items()},
        spent_most=sorted(_paces(rows["most"]), key=lambda pace: (-pace.spent, pace.account_id)),
        first_to_run_out=sorted(_paces(rows["first"]), key=_by_what_is_left),
    )


def _paces(rows: Iterable[tuple[int, ...]]) -> list[Pace]:
    return [
        Pace(account_id=account, spent=from_micro(spent), available=from_micro(balance - held))
        for account, spent, balance, held in rows
    ]


def _by_what_is_left(pace: Pace) -> tuple[Fraction, int]:
    return Fraction(pace.available) / Fraction(pace.spent), pace.account_id


def _spends(period: Period) -> list[QuerySet[Any]]:
    """The number of the place, account, spent; the period before is number 0."""
    has_rollups = rolling.usable_watermark(rollups.name) is not None
    counted = AccountRollup.objects.using(rolling.database()).filter(Q() if has_rollups else NONE)
    days = tuple(max(place, period.start) for place in period.places)
    rows = counted.annotate(place=Among("start", days)).values_list("place", "account_id", "spent")
    times = tuple(map(period.midnight, days))
    live = uncounted().filter(Compared(period).whole.within("created_at"), kind=rollups.Kind.SPEND)
    live = live.annotate(place=Among("created_at", times), less=-F("amount"))
    found: list[QuerySet[Any]] = [rows.filter(each) for of in (period.previous, period) for each in spans(of)]
    found.append(live.values_list("place", "account_id", "less"))
    if not has_rollups:
        whole = Compared(period).whole
        gone = archived.sums().filter(kind=rollups.Kind.SPEND, day__gte=whole.start, day__lte=whole.end)
        gone = gone.annotate(place=Among("day", days), less=-F("amount"))
        found.append(gone.values_list("place", "archive__account_id", "less"))
    return found


_STATEMENT = """
WITH spends AS (SELECT place, account_id, SUM(spent) AS spent FROM {parts} GROUP BY place, account_id),
    of_period AS (SELECT account_id, SUM(spent) AS spent FROM spends WHERE place > 0 GROUP BY account_id),
    paces AS (
        SELECT account_id, spent, balance, held
        FROM of_period JOIN {accounts} accounts ON accounts.id = account_id
    )
SELECT 'place', place, COUNT(*), 0, 0 FROM spends GROUP BY place
UNION ALL SELECT 'period', 0, COUNT(*), 0, 0 FROM of_period
UNION ALL SELECT 'most', most.* FROM (SELECT * FROM paces ORDER BY spent DESC, account_id LIMIT {listed}) AS most
UNION ALL SELECT 'first', soonest.* FROM (
    SELECT * FROM paces ORDER BY 1.0 * (balance - held) / spent, account_id LIMIT {listed}
) AS soonest
""".replace("{accounts}", CreditAccount._meta.db_table).replace("{listed}", f"{LISTED:d}")
