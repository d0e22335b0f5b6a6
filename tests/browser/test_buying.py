"""A newcomer buys: a pack and a plan, on the simulated Stripe's pages, in a real browser."""

import re
from time import monotonic
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SCREENSHOTS
from tests.browser.people import available, sign_up

VISA, DECLINED = "4242 4242 4242 4242", "4000 0000 0000 0002"


def choose(page, button):
    """From the prices to the simulated Stripe."""
    page.goto("/billing/")
    page.get_by_role("button", name=button).click()
    page.wait_for_url("**/c/pay/**")


def pay(page, card=VISA):
    page.get_by_label("Card number").fill(card)
    page.get_by_label("Expiry").fill("12 / 34")
    page.get_by_label("CVC").fill("123")
    page.get_by_role("button", name=re.compile("^(Pay|Subscribe)")).click()


def tell_simulator(page, stripe, what):
    """A button of the simulator's panel: hold the webhooks, let them come twice, deliver them."""
    answer = page.request.post(f"{stripe}/_simulator", form={"do": what}, headers={"Accept": "application/json"})
    assert answer.ok, answer.text()


def address_of_stripe(page):
    address = urlsplit(page.url)
    return f"{address.scheme}://{address.netloc}"


def open_letter(page, to, subject):
    """The demo's worker sends it within a second."""
    letter = page.get_by_role("link", name=re.compile(subject)).filter(has_text=to)
    page.goto("/mailbox/")
    until = monotonic() + 30
    while not letter.count() and monotonic() < until:
        page.reload()
    letter.click()


@pytest.mark.parametrize("first", ["webhook", "page"])
def test_a_pack_gives_its_credits_once_however_often_stripe_and_the_page_say_so(page, first):
    sign_up(page, f"{first}@example.com")
    before = int(available(page))
    choose(page, "Buy 1000 credits")
    stripe = address_of_stripe(page)
    if first == "page":
        tell_simulator(page, stripe, "hold")
    pay(page)
    page.wait_for_url("**/checkout/success/**")
    for _ in range(5):
        expect(page.get_by_role("main")).to_contain_text("1,000 credits")
        page.reload()
    tell_simulator(page, stripe, "duplicate")
    tell_simulator(page, stripe, "deliver")
    page.reload()
    assert available(page) == f"{before + 1000:,}"
    page.screenshot(path=SCREENSHOTS / "desktop" / "buying-success.png", full_page=True)
    open_letter(page, f"{first}@example.com", "Receipt RCP-")
    expect(page.get_by_role("main")).to_contain_text("49.00 USD")
    expect(page.get_by_role("main")).to_contain_text(re.compile(r"RCP-\S+\.pdf"))


def test_a_declined_card_buys_nothing_and_another_does(page):
    sign_up(page, "declined@example.com")
    before = available(page)
    choose(page, "Buy 100 credits")
    pay(page, DECLINED)
    expect(page.get_by_text(re.compile("declined"))).to_be_visible()
    pay(page)
    page.wait_for_url("**/checkout/success/**")
    assert available(page) == str(int(before) + 100)


def test_who_turns_back_has_bought_nothing(page):
    sign_up(page, "undecided@example.com")
    before = available(page)
    choose(page, "Buy 500 credits")
    page.get_by_role("link", name="Back without paying").click()
    page.wait_for_url("**/checkout/canceled/**")
    assert available(page) == before


def test_a_plan_is_refilled_each_month_and_what_is_left_of_the_last_one_expires(page):
    sign_up(page, "subscriber@example.com")
    choose(page, "Subscribe to Basic")
    pay(page)
    page.wait_for_url("**/checkout/success/**")
    assert available(page) == "600"
    page.goto("/time-machine/")
    page.get_by_role("button", name="Next month").click()
    page.wait_for_load_state()
    booked = page.get_by_role("region", name="What was booked last")
    expect(booked).to_contain_text("-500")
    expect(booked).to_contain_text("-100")
    assert available(page) == "500"
    page.screenshot(path=SCREENSHOTS / "desktop" / "time-machine.png", full_page=True)
