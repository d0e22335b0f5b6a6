"""A newcomer's first quarter of an hour, in a real browser."""

from io import BytesIO

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import expect

from tests.browser.conftest import SCREENSHOTS
from tests.browser.people import NEARLY_OUT, available, log_in, sign_up, summarize

TEXT = """The lighthouse on the north cape was dark for three nights in October. Its keeper had reported a
cracked lens in spring, but no money was found for a new one. Two fishing boats turned back rather than pass the
cape without its light. On Monday the council borrowed a lens from the museum, and the light burns again. A new
lens has been ordered and is to arrive before the winter storms."""

# Set on the window, it is gone when the page is loaded anew.
MARK = "window.wasNotReloaded = true"

WATCH_BUSY = """
window.busyStates = [];
new MutationObserver((changes) => changes.forEach(({ target }) => busyStates.push(target.ariaBusy)))
  .observe(document, { subtree: true, attributeFilter: ["aria-busy"] });
"""


def photograph():
    image = Image.new("RGB", (800, 500), (120, 170, 220))
    ImageDraw.Draw(image).rectangle((0, 330, 800, 500), fill=(40, 90, 60))
    buffer = BytesIO()
    image.save(buffer, "JPEG")
    return {"name": "hill.jpg", "mimeType": "image/jpeg", "buffer": buffer.getvalue()}


def shoot(page, name):
    page.screenshot(path=SCREENSHOTS / "desktop" / f"story-{name}.png", full_page=True)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_newcomer_signs_up_runs_two_services_and_sees_what_they_cost(open_page, scripts):
    page = open_page(java_script_enabled=scripts)
    sign_up(page, f"newcomer-{scripts}@example.com".lower())
    assert available(page) == "100"

    summarize(page, TEXT)
    assert "lens" in page.get_by_role("region", name="Result").inner_text()
    assert available(page) == "98"
    shoot(page, "text")

    page.goto("/services/picture-details/")
    page.get_by_label("Picture").set_input_files(photograph())
    page.get_by_role("button", name="Run for 1.5 credits").click()
    result = page.get_by_role("region", name="Result")
    assert "800" in result.inner_text()
    assert result.get_by_role("img").evaluate("image => image.naturalWidth") == 320
    assert available(page) == "96.5"
    shoot(page, "picture")

    page.goto("/services/runs/")
    assert [row.inner_text().split("\t")[-1] for row in page.locator("tbody tr").all()] == ["1.5", "2"]
    page.goto("/credits/")
    assert [row.inner_text().split("\t")[-1] for row in page.locator("#history tbody tr").all()] == [
        "96.5",
        "98",
        "100",
    ]


def test_who_runs_out_of_credits_reads_what_is_missing(open_page):
    page = open_page()
    log_in(page, NEARLY_OUT)
    summarize(page, TEXT)
    assert available(page) == "1"
    summarize(page, f"{TEXT} It cost a fortune.")
    message = page.get_by_role("main").get_by_role("alert")
    assert "needs 2 credits and you have 1: 1 are missing" in message.inner_text()
    assert available(page) == "1"
    shoot(page, "out-of-credits")
    page.goto("/dashboard/")
    assert "Only 1 credit is left" in page.get_by_role("main").inner_text()
    shoot(page, "low-balance")


def test_a_result_comes_without_a_reload_and_the_form_is_busy_meanwhile(page):
    sign_up(page, "patient@example.com")
    page.goto("/services/text-statistics/")
    page.evaluate(MARK)
    page.evaluate(WATCH_BUSY)
    page.get_by_label("Text").fill(TEXT)
    page.get_by_role("main").get_by_role("button", name="Run").click()
    page.get_by_role("region", name="Result").wait_for()
    assert page.evaluate("[window.wasNotReloaded, window.busyStates[0]]") == [True, "true"]
    expect(page.locator("form[aria-busy=true]")).to_have_count(0)


def test_what_is_no_picture_is_refused_beside_its_field(page):
    sign_up(page, "hasty@example.com")
    page.goto("/services/picture-details/")
    page.get_by_label("Picture").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": b"not one"})
    page.get_by_role("button", name="Run for 1.5 credits").click()
    expect(page.locator(".service-form")).to_contain_text("cannot be read as a picture")
    assert available(page) == "100"


def test_history_is_filtered_without_a_reload(page):
    log_in(page, "ada@inkwell.example")
    page.goto("/credits/")
    page.evaluate(MARK)
    page.get_by_label("Kind").select_option("Expiry")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url("**kind=expiry**")
    kinds = {cell.inner_text().split("\n")[0] for cell in page.locator("#history tbody td:nth-child(2)").all()}
    assert kinds == {"Expiry"}
    assert page.evaluate("window.wasNotReloaded")
