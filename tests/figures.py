"""What the page of figures must say of the panels that an app has registered."""

from collections.abc import Iterator

from quickscale_credits import analytics
from quickscale_credits.analytics.answers import Answer, ask


def sections(*apps: str) -> dict[str, str]:
    """The title of each panel of these apps, and the text below it."""
    period = analytics.Period.last_days(30)
    panels = [panel for panel in analytics.registry.values() if type(panel).__module__.partition(".")[0] in apps]
    return {str(panel.title): "\n".join(_lines(ask(panel, period))) for panel in panels}


def _lines(answer: Answer) -> Iterator[str]:
    """Figures of several currencies, and series of one chart, share a line."""
    rows = [(figure.label, figure.definition) for figure in answer.figures]
    rows += [(series.chart or series.label, series.definition) for series in answer.series]
    rows += [(table.title, table.definition) for table in answer.tables]
    lines = dict.fromkeys(f"| {name} | {definition} |" for name, definition in rows if definition)
    yield from ["| figure | definition |", "|---|---|", *lines]


def assert_compared(period: analytics.Period, *apps: str) -> None:
    """What a figure was in the period before is what is said when that one is asked about."""
    for panel in analytics.registry.values():
        if type(panel).__module__.partition(".")[0] in apps:
            before = {(each.key, each.currency): each.value for each in ask(panel, period.previous).figures}
            for each in ask(panel, period).figures:
                assert each.previous == (before.get((each.key, each.currency)) if each.is_compared else None), each


def printed(*apps: str) -> str:
    return "\n\n".join(f"## {title}\n\n{text}" for title, text in sections(*apps).items())
