"""The dashboard in a browser: what is drawn is what the tables say, and anybody can use it."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SCREENSHOTS
from tests.browser.people import ADMIN, log_in

AXE = (Path(__file__).parent / "vendor/axe-core/axe.min.js").read_text()
FAULTS = (Path(__file__).parent / "layout.js").read_text()
WIDTHS = {"desktop": 1280, "phone": 360}
# What the chart on a canvas has drawn: for each visible series its label, its values, and how many points there are.
DRAWN = """(canvas) => {
  const chart = Chart.getChart(canvas);
  return chart.getSortedVisibleDatasetMetas().map((meta) => ({
    label: meta.label,
    values: [...chart.data.datasets[meta.index].data],
    points: meta.data.filter((point) => Number.isFinite(point.x) && Number.isFinite(point.y)).length,
  }));
}"""
COLOR = "(canvas) => Chart.getChart(canvas).data.datasets[0].backgroundColor"
# Names may take several lines: the values of the figures that stand side by side begin at one height all the same.
UNEVEN = """() => [...document.querySelectorAll(".analytics-figures")].flatMap((list) => {
  const top = (element) => Math.round(element.getBoundingClientRect().top);
  const heights = new Map();
  for (const figure of list.children) {
    const value = top(figure.querySelector(".analytics-value"));
    heights.set(top(figure), (heights.get(top(figure)) ?? new Set()).add(value));
  }
  return [...heights.values()].filter((found) => found.size > 1).map((found) => `values at ${[...found]}`);
})"""
FOCUSED = """(() => {
  const { tagName, id, name, innerText } = document.activeElement;
  return `${tagName} ${tagName === "SELECT" ? id : tagName === "INPUT" ? name : innerText}`;
})()"""


def open_dashboard(page, query=""):
    log_in(page, ADMIN)
    page.goto(f"/admin/analytics/{query}")
    wait_for_panels(page)
    return page.locator("#credits")


def wait_for_panels(page):
    page.locator(".analytics-panel").first.wait_for()
    expect(page.locator(".analytics-waiting")).to_have_count(0)


def canvas(panel):
    return panel.locator("canvas:visible")


def drawn(panel):
    return canvas(panel).evaluate(DRAWN)


def test_charts_draw_what_the_json_says_for_every_period(page):
    panel = open_dashboard(page)
    for name, query, points in [("7 days", "7d", 7), ("90 days", "90d", 90), ("12 months", "12m", 12)]:
        page.get_by_role("link", name=name).click()
        wait_for_panels(page)
        answer = page.request.get(f"/admin/analytics/credits.json?period={query}").json()
        series = {each["label"]: [float(point["value"]) for point in each["points"]] for each in answer["series"]}
        shown = drawn(panel)
        assert [(each["label"], each["points"]) for each in shown] == [(label, points) for label in list(series)[:3]]
        assert [each["values"] for each in shown] == list(series.values())[:3]
        assert page.get_by_role("link", name=name).get_attribute("aria-current") == "true"
    assert any(any(each["values"]) for each in shown)


def test_days_of_ones_own_choice_are_shown(page):
    panel = open_dashboard(page, "?period=7d")
    page.get_by_label("From").fill(page.get_by_label("To", exact=True).input_value())
    page.get_by_role("button", name="Show", exact=True).click()
    wait_for_panels(page)
    assert {each["points"] for each in drawn(panel)} == {1}


def test_charts_series_and_definitions_are_switched_by_keyboard(page):
    panel = open_dashboard(page)
    button = panel.get_by_role("button", name="Granted: promotional", exact=True)
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "false"
    assert "Granted: promotional" not in [each["label"] for each in drawn(panel)]
    page.keyboard.press("Space")
    assert "Granted: promotional" in [each["label"] for each in drawn(panel)]

    panel.get_by_label("Chart", exact=True).focus()
    page.keyboard.press("ArrowDown")
    assert [each["label"] for each in drawn(panel)] == ["Spent", "Expired", "Revoked"]
    assert canvas(panel).count() == 1

    hint = panel.get_by_role("button", name="What Spent means")
    tooltip = page.locator(f"#{hint.get_attribute('aria-describedby')}")
    expect(tooltip).to_be_hidden()
    hint.focus()
    expect(tooltip).to_be_visible()

    wanted = {"A 7 days", "INPUT since", "BUTTON Show", "SELECT credits-choice", "BUTTON ?", "SUMMARY Table", "A CSV"}
    reached = set()
    page.locator(".analytics-periods a").first.focus()
    for _ in range(60):
        reached.add(page.evaluate(FOCUSED))
        page.keyboard.press("Tab")
    assert wanted <= reached


def test_a_panel_that_cannot_be_loaded_says_so(page):
    log_in(page, ADMIN)
    page.add_init_script("console.error = () => {}")  # htmx reports there what this test provokes
    page.route("**/analytics/credits/*", lambda route: route.fulfill(status=403))
    page.goto("/admin/analytics/")
    failed = page.locator(".analytics-failed:visible")
    failed.wait_for()
    assert failed.count() == 1


def test_without_scripts_there_are_tables(open_page):
    page = open_page(java_script_enabled=False)
    log_in(page, ADMIN)
    page.goto("/admin/analytics/")
    page.get_by_role("link", name="Show all panels as tables").click()
    expect(page.locator("#credits").get_by_role("cell").first).to_be_visible()
    page.screenshot(path=SCREENSHOTS / "desktop" / "analytics-no-scripts.png", full_page=True)
    page.get_by_role("link", name="Outstanding credits").click()
    expect(page.get_by_role("heading", level=1, name="Outstanding credits")).to_be_visible()
    expect(page.get_by_role("rowheader", name="Under 30 days")).to_be_visible()


@pytest.mark.parametrize("device", WIDTHS)
def test_the_dashboard_fits_and_is_accessible_in_light_and_dark(open_page, device):
    page = open_page(width=WIDTHS[device])
    panel = open_dashboard(page, "?period=90d")
    found, colors = [], set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=SCREENSHOTS / device / f"analytics-{scheme}.png", full_page=True)
        colors.add(canvas(panel).evaluate(COLOR))
        found += [fault for fault in page.evaluate(FAULTS) if "analytics" in fault or "page is" in fault]
        found += accessibility_faults(page)
    found += page.evaluate(UNEVEN)
    assert found == []
    assert len(colors) == 2


def accessibility_faults(page):
    """What axe-core finds serious or critical in our part of the page, its tables unfolded."""
    page.evaluate("document.querySelectorAll('.analytics details').forEach((details) => (details.open = true))")
    page.evaluate(AXE)
    found = page.evaluate("axe.run('#content', { resultTypes: ['violations'] })")
    page.evaluate("document.querySelectorAll('.analytics details').forEach((details) => (details.open = false))")
    assert len(found["passes"]) > 10
    return [
        f"{each['id']}: {each['nodes'][0]['html'][:200]}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]
