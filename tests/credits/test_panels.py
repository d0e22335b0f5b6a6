"""Panels, the periods they are asked about, and what they answer."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Count

from quickscale_credits import analytics
from quickscale_credits.analytics.answers import ask
from quickscale_credits.analytics.presenting import ShownFigure
from quickscale_credits.conf import conf

ZONES = ["UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "America/Sao_Paulo", "Africa/Cairo"]


@pytest.fixture
def registry():
    known = analytics.registry.snapshot()
    yield analytics.registry
    analytics.registry.restore(known)


class Weather(analytics.Panel):
    """As many degrees as the month."""

    key = "weather"
    title = "Weather"

    def figures(self, period):
        return [analytics.Figure(key="degrees", label="Degrees", value=period.start.month, definition="The month.")]


def test_a_registered_panel_is_found_by_its_key(registry):
    assert analytics.register(Weather) is Weather
    assert isinstance(registry["weather"], Weather)
    analytics.register(Weather)
    assert list(registry).count("weather") == 1


def test_two_panels_cannot_have_one_key(registry):
    analytics.register(Weather)
    with pytest.raises(analytics.AlreadyRegistered, match="another key"):
        analytics.register(type("Storms", (analytics.Panel,), {"key": "weather"}))


def test_a_panel_needs_a_key_that_fits_an_address(registry):
    with pytest.raises(ValueError, match="slug"):
        analytics.register(type("Storms", (analytics.Panel,), {"key": "big storms"}))


def test_an_unknown_panel_says_where_panels_are_written(registry):
    with pytest.raises(KeyError, match=r"analytics\.py"):
        registry["tides"]
    with pytest.raises(analytics.UnknownPanel):
        registry.unregister("tides")


def test_a_panel_can_be_left_out(registry):
    analytics.register(Weather)
    registry.unregister("weather")
    assert "weather" not in registry


def test_figures_are_compared_with_the_period_before():
    march = analytics.Period(start=date(2026, 3, 1), end=date(2026, 3, 28))
    [figure] = ask(Weather(), march).figures
    assert (figure.value, figure.previous) == (3, 2)


def test_what_only_the_present_can_tell_is_not_compared():
    class Now(analytics.Panel):
        def figures(self, period):
            assert period.end == date(2026, 3, 28)
            return [analytics.Figure(key="now", label="Now", value=1, definition="Now.", is_compared=False)]

    [figure] = ask(Now(), analytics.Period(start=date(2026, 3, 1), end=date(2026, 3, 28))).figures
    assert figure.previous is None


def test_figures_are_compared_by_currency():
    class Revenue(analytics.Panel):
        def figures(self, period):
            currencies = ["usd", "eur"] if period.start.month == 3 else ["eur"]
            return [
                analytics.Figure(
                    key="gross",
                    label="Gross",
                    value=period.start.month,
                    unit=analytics.Unit.MONEY,
                    currency=currency,
                    definition="",
                )
                for currency in currencies
            ]

    answer = ask(Revenue(), analytics.Period(start=date(2026, 3, 1), end=date(2026, 3, 28)))
    assert [(figure.currency, figure.previous) for figure in answer.figures] == [("usd", None), ("eur", 2)]


@pytest.mark.parametrize(
    ("currencies", "beginning"),
    [
        (["", "usd", "usd", "", "eur", "eur", ""], [False, False, False, False, True, False, False]),
        (["", "usd", "eur", "jpy", ""], [False] * 5),
    ],
)
def test_a_currency_begins_a_row_unless_each_has_but_one_figure(currencies, beginning):
    figures = [
        analytics.Figure(
            key=f"figure-{number}",
            label="Figure",
            value=1,
            unit=analytics.Unit.MONEY if currency else analytics.Unit.COUNT,
            currency=currency,
            definition="",
        )
        for number, currency in enumerate(currencies)
    ]
    assert [shown.begins_row for shown in ShownFigure.all_of(figures)] == beginning


def test_money_has_a_currency_and_nothing_else_has():
    with pytest.raises(ValueError, match="currency"):
        analytics.Figure(key="gross", label="Gross", value=1, unit=analytics.Unit.MONEY, definition="")
    with pytest.raises(ValueError, match="currency"):
        analytics.Series(key="runs", label="Runs", points={}, currency="usd")


def test_the_last_days_end_today_in_the_reporting_zone(settings, time_machine):
    settings.QUICKSCALE_CREDITS = {"REPORTING_TIME_ZONE": "Asia/Tokyo"}
    time_machine.move_to(datetime(2026, 3, 9, 23, 30, tzinfo=UTC), tick=False)
    week = analytics.Period.last_days(7)
    assert (week.start, week.end) == (date(2026, 3, 4), date(2026, 3, 10))
    assert week.since == datetime(2026, 3, 3, 15, tzinfo=UTC)
    assert week.until == datetime(2026, 3, 10, 15, tzinfo=UTC)
    assert (week.previous.start, week.previous.end) == (date(2026, 2, 25), date(2026, 3, 3))


def test_the_last_months_begin_on_a_first_day(time_machine):
    time_machine.move_to(datetime(2026, 3, 9, tzinfo=UTC), tick=False)
    year = analytics.Period.last_months(12)
    assert (year.start, year.end) == (date(2025, 4, 1), date(2026, 3, 9))
    assert year.granularity == "month"
    assert len(year.places) == 12
    assert year.last_day(date(2026, 2, 1)) == date(2026, 2, 28)
    assert year.last_day(date(2026, 3, 1)) == date(2026, 3, 9)


def test_the_months_of_a_period_need_not_be_whole():
    period = analytics.Period(start=date(2025, 12, 20), end=date(2026, 4, 2))
    assert period.places == [date(2025, 12, 1), *(date(2026, month, 1) for month in range(1, 5))]
    assert period.filled({date(2026, 1, 1): 4}, 0) == dict(zip(period.places, [0, 4, 0, 0, 0], strict=True))


def test_a_period_begins_before_it_ends():
    with pytest.raises(ValueError, match="begins before"):
        analytics.Period(start=date(2026, 2, 1), end=date(2026, 1, 1))


@pytest.mark.parametrize("zone", ZONES)
def test_every_instant_belongs_to_one_day_whatever_clocks_do(zone):
    year = analytics.Period(start=date(2011, 12, 1), end=date(2012, 2, 1), zone=ZoneInfo(zone))
    instant = year.since
    while instant < year.until:
        day = instant.astimezone(year.zone).date()
        assert year.midnight(day) <= instant < year.midnight(day + timedelta(days=1))
        instant += timedelta(hours=1)
        instant = instant.astimezone(UTC)


@pytest.mark.parametrize("zone", ["America/New_York", "Africa/Cairo", "UTC"])
@pytest.mark.parametrize("days", [90, 365])
def test_the_database_finds_the_places_that_python_finds(db, zone, days):
    period = analytics.Period(start=date(2025, 3, 1), end=date(2025, 2, 28) + timedelta(days=days), zone=ZoneInfo(zone))
    moments = [period.since + number * timedelta(hours=7, minutes=13) for number in range(-10, days * 4)]
    User.objects.bulk_create(User(username=str(number), date_joined=moment) for number, moment in enumerate(moments))
    expected = dict.fromkeys(period.places, 0)
    for moment in moments:
        day = moment.astimezone(period.zone).date()
        if period.start <= day <= period.end:
            expected[period.place(day)] += 1
    users = User.objects.filter(period.within("date_joined"))
    found = users.values(place=period.place_of("date_joined")).annotate(number=Count("pk")).order_by()
    assert period.filled(found.values_list("place", "number"), 0) == expected


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", 5, "../etc/passwd", "America"])
def test_a_zone_that_is_none_is_refused(settings, zone):
    settings.QUICKSCALE_CREDITS = {"REPORTING_TIME_ZONE": zone}
    with pytest.raises(ImproperlyConfigured, match="time zone"):
        assert conf.REPORTING_TIME_ZONE
