"""Adding a day's runs up once all of them have ended. This module is a `rolling.Rollup`.

A day is closed when it has been over for an hour and none of its runs is under way. Runs that turn up in a closed day
later, from a transaction that was long under way, are noticed within a week and the day is counted anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import transaction
from django.db.models import BigIntegerField, Case, CharField, Count, DateField, F, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce, TruncDate, TruncMonth
from django.utils import timezone

from quickscale_credits.analytics import rolling
from quickscale_credits.analytics.merging import merge
from quickscale_credits.analytics.periods import reporting_zone
from quickscale_credits.models import RollupWatermark
from quickscale_services.analytics import durations
from quickscale_services.models import ArchivedRuns, ServiceAccountRollup, ServiceRollup, ServiceRun

name = "services"
what = "runs"
MARGIN = timedelta(hours=1)
ONE_DAY = timedelta(days=1)
LOOKED_BACK = 7 * ONE_DAY
KEY = ["day", "service", "status", "error_code", "at_most"]
NUMBERS = ["runs", "cost", "known_runs", "known_cost", "provider_cost"]
_KEY = ("of_day", "service", "status", "error_code", "of_class")
_NUMBERS = ("number", "charged", "known", "charged_known", "provided")
Span = ServiceAccountRollup.Span


def roll_up() -> Iterator[int]:
    rolling.make_watermark(name)
    with transaction.atomic(using=rolling.database()):
        _reopen_where_runs_turned_up(rolling.locked_watermark(name))
    while (count := _roll_up_day()) is not None:
        yield count


def rebuild() -> Iterator[int]:
    using = rolling.database()
    rolling.made_watermark(name)
    with transaction.atomic(using=using):
        rolling.reset_watermark(name)
        for model in (ServiceRollup, ServiceAccountRollup):
            model.objects.using(using).all().delete()
    yield from roll_up()


def problems() -> Iterator[str]:
    from quickscale_services.analytics import auditing

    return auditing.problems()


def runs() -> QuerySet[ServiceRun]:
    return ServiceRun.objects.using(rolling.database()).order_by()


def archived() -> QuerySet[ArchivedRuns]:
    """The sums that are left of runs that were archived, to be added wherever runs are."""
    return ArchivedRuns.objects.using(rolling.database()).order_by()


def midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, reporting_zone())


def day_of(moment: datetime) -> date:
    return moment.astimezone(reporting_zone()).date()


def of_days(first: date, last: date) -> QuerySet[ServiceRun]:
    return runs().filter(created_at__gte=midnight(first), created_at__lt=midnight(last + ONE_DAY))


def _roll_up_day() -> int | None:
    """Counts the next day that has runs. None when there is no further day that can be closed."""
    with transaction.atomic(using=rolling.database()):
        watermark = rolling.locked_watermark(name)
        limit = _first_open_day()
        day = _next_day_with_runs(watermark.closed_until)
        if day is None or day >= limit:
            _close(watermark, limit)
            return None
        todays = of_days(day, day)
        _add_up(todays, archived().filter(day=day))
        _close(watermark, day + ONE_DAY)
        return todays.count()


def _first_open_day() -> date:
    """The first that is not over, or of which a run is under way."""
    over = day_of(timezone.now() - MARGIN)
    first = ServiceRun.objects.using(rolling.database()).under_way().order_by("created_at").first()
    return over if first is None else min(over, day_of(first.created_at))


def _next_day_with_runs(closed_until: date | None) -> date | None:
    since = datetime.min.replace(tzinfo=UTC) if closed_until is None else midnight(closed_until)
    first = runs().filter(created_at__gte=since).order_by("created_at").first()
    gone = archived().filter(day__gte=closed_until or date.min).order_by("day").first()
    days = [*([day_of(first.created_at)] if first else []), *([gone.day] if gone else [])]
    return min(days, default=None)


def _close(watermark: RollupWatermark, until: date) -> None:
    watermark.closed_until = max(until, watermark.closed_until or until)
    watermark.save(using=rolling.database(), update_fields=["closed_until"])


def _add_up(found: QuerySet[ServiceRun], gone: QuerySet[ArchivedRuns]) -> None:
    for part in (by_day(found, with_durations=True), archived_by_day(gone, with_durations=True)):
        merge(part, ServiceRollup, key=KEY, added=NUMBERS)
    for part in [*by_account(found), *archived_by_account(gone)]:
        merge(part, ServiceAccountRollup, key=["span", "start", "service", "account"], added=["runs", "cost"])


def by_day(found: QuerySet[ServiceRun], *, with_durations: bool, day: Any = None) -> QuerySet[Any]:
    """Day, service, status, error code, class of duration (or 0), and then the numbers.

    `day` is an expression for something else that takes its place, here and in `archived_by_day`.
    """
    return _counted(found, with_durations=with_durations, day=day).values_list(*_KEY, *_NUMBERS)


def to_archive(found: QuerySet[ServiceRun]) -> QuerySet[Any]:
    """The columns of `by_day`, with the account after the service: what is kept of runs that go."""
    day, service, *rest = _KEY
    return _counted(found, "account_id", with_durations=True).values_list(day, service, "account_id", *rest, *_NUMBERS)


def _counted(found: QuerySet[ServiceRun], *more: str, with_durations: bool, day: Any = None) -> QuerySet[Any]:
    zero = Value(0)
    timed = When(status=ServiceRun.Status.SUCCEEDED, duration__isnull=False, then=durations.class_of("duration"))
    grouped = found.order_by().values(
        "service",
        "status",
        "error_code",
        *more,
        of_day=day or TruncDate("created_at", tzinfo=reporting_zone()),
        of_class=Case(timed, default=zero) if with_durations else zero,
    )
    is_known = Q(provider_cost__isnull=False)
    counted: QuerySet[Any] = grouped.annotate(
        number=Count("pk"),
        charged=Sum("cost"),
        known=Count("pk", filter=is_known),
        charged_known=Coalesce(Sum("cost", filter=is_known), zero, output_field=BigIntegerField()),
        provided=Coalesce(Sum("provider_cost"), zero, output_field=BigIntegerField()),
    )
    return counted


def archived_by_day(gone: QuerySet[ArchivedRuns], *, with_durations: bool, day: Any = None) -> QuerySet[Any]:
    """As `by_day`."""
    grouped = gone.values(
        "service",
        "status",
        "error_code",
        of_day=day or F("day"),
        of_class=F("at_most") if with_durations else Value(0),
    )
    counted: QuerySet[Any] = grouped.annotate(
        number=Sum("runs"),
        charged=Sum("cost"),
        known=Sum("known_runs"),
        charged_known=Sum("known_cost"),
        provided=Sum("provider_cost"),
    )
    return counted.values_list(*_KEY, *_NUMBERS)


def by_account(found: QuerySet[ServiceRun]) -> list[QuerySet[Any]]:
    """Span, start, service, account, runs, cost."""
    zone = reporting_zone()
    starts = {
        Span.DAY: TruncDate("created_at", tzinfo=zone),
        Span.MONTH: TruncMonth("created_at", output_field=DateField(), tzinfo=zone),
    }
    return [runs_by(found, span, start) for span, start in starts.items()]


def runs_by(found: QuerySet[ServiceRun], span: str, start: Any) -> QuerySet[Any]:
    named = found.order_by().annotate(of_span=Value(str(span), CharField()), of_start=start)
    counted = named.values("of_span", "of_start", "service", "account_id").annotate(
        number=Count("pk"), charged=Sum("cost")
    )
    return counted.values_list("of_span", "of_start", "service", "account_id", "number", "charged")


def archived_by_account(gone: QuerySet[ArchivedRuns]) -> list[QuerySet[Any]]:
    """As `by_account`."""
    starts = {Span.DAY: F("day"), Span.MONTH: TruncMonth("day", output_field=DateField())}
    return [_archived_by(gone, span, start) for span, start in starts.items()]


def _archived_by(gone: QuerySet[ArchivedRuns], span: str, start: Any) -> QuerySet[Any]:
    named = gone.annotate(of_span=Value(str(span), CharField()), of_start=start)
    counted = named.values("of_span", "of_start", "service", "account_id").annotate(
        number=Sum("runs"), charged=Sum("cost")
    )
    return counted.values_list("of_span", "of_start", "service", "account_id", "number", "charged")


def _reopen_where_runs_turned_up(watermark: RollupWatermark) -> None:
    if watermark.closed_until is None:
        return
    since = watermark.closed_until - LOOKED_BACK
    turned_up = [*_days_with_other_counts(since, watermark.closed_until - ONE_DAY), _first_open_day()]
    if min(turned_up) < watermark.closed_until:
        _reopen(watermark, min(turned_up))


def _days_with_other_counts(first: date, last: date) -> Iterator[date]:
    counted = ServiceRollup.objects.using(rolling.database()).filter(day__gte=first, day__lte=last).order_by()
    has = dict(counted.values_list("day").annotate(Sum("runs")))
    days = of_days(first, last).values(of_day=TruncDate("created_at", tzinfo=reporting_zone()))
    there = Counter(dict(days.annotate(number=Count("pk")).values_list("of_day", "number")))
    gone = archived().filter(day__gte=first, day__lte=last).values_list("day")
    there.update(dict(gone.annotate(Sum("runs"))))
    return (day for day in has.keys() | there.keys() if has.get(day) != there.get(day))


def _reopen(watermark: RollupWatermark, day: date) -> None:
    """Forget this day and those after it. Of its month, what is before it is added up again from its days."""
    using, month = rolling.database(), day.replace(day=1)
    ServiceRollup.objects.using(using).filter(day__gte=day).delete()
    spans = ServiceAccountRollup.objects.using(using)
    spans.filter(Q(span=Span.DAY, start__gte=day) | Q(span=Span.MONTH, start__gte=month)).delete()
    if day > month:
        gone = archived().filter(day__gte=month, day__lt=day)
        for part in [*by_account(of_days(month, day - ONE_DAY))[1:], *archived_by_account(gone)[1:]]:
            merge(part, ServiceAccountRollup, key=["span", "start", "service", "account"], added=["runs", "cost"])
    watermark.closed_until = day
    watermark.save(using=using, update_fields=["closed_until"])
