"""The catalog in the admin: edited and pushed, or shown with the file that says it."""

from typing import Any

import pytest
from django.utils.html import escape

from quickscale_billing.models import CreditPack, Plan, PlanPrice
from tests.billing.conftest import CATALOG

ADMIN = "/admin/quickscale_billing"
PACK = {"slug": "huge", "name": "10000 credits", "description": "", "position": "9", "is_active": "on"}
PACK |= {"credits": "10000", "bonus_credits": "0", "amount": "39000", "currency": "usd"}


# What follows a commit must happen before the response is made, so that it can say so.
pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def staff(admin_client: Any) -> Any:
    """A superuser's browser: `staff(path, form)` posts, and answers with the page that follows."""

    def post(path: str, form: dict[str, Any]) -> str:
        answer = admin_client.post(f"{ADMIN}/{path}", form)
        return admin_client.get(answer.url).content.decode() if answer.status_code == 302 else answer.content.decode()

    return post


def plan_form(plan: Plan, **changes: str) -> dict[str, str]:
    """The form of a plan with its prices, as a browser sends it."""
    names = ("name", "description", "credits", "refill_every", "signup_bonus", "trial_days", "trial_credits", "unused")
    form = {name: str(getattr(plan, name)) for name in names}
    form |= {"position": "0", "is_active": "on", "features": "[]", "rollover_cap": ""}
    prices = list(plan.prices.order_by("plan", "amount", "pk"))
    form |= {"prices-TOTAL_FORMS": str(len(prices)), "prices-INITIAL_FORMS": str(len(prices))}
    for number, price in enumerate(prices):
        row = {"id": price.pk, "plan": plan.pk, "interval": price.interval, "amount": price.amount}
        row |= {"currency": price.currency, "is_active": "on" if price.is_active else ""}
        form |= {f"prices-{number}-{name}": str(value) for name, value in row.items() if value != ""}
    return form | changes


def test_a_pack_that_is_added_is_on_sale_at_stripe(stripe_simulator, staff):
    page = staff("creditpack/add/", PACK)
    huge = CreditPack.objects.get(slug="huge")
    assert "At Stripe: pack huge: new price 390.00 USD" in page
    assert stripe_simulator.sandbox.get("price", huge.stripe_price_id)["unit_amount"] == 39000


def test_a_changed_amount_makes_a_new_price(shop, staff):
    basic = Plan.objects.get(slug="basic")
    old = basic.prices.get(interval="month").stripe_price_id
    page = staff(f"plan/{basic.pk}/change/", plan_form(basic, **{"prices-0-amount": "1200"}))
    assert "9.00 USD / month → 12.00 USD / month, as a new price" in page
    now = PlanPrice.objects.for_sale().get(plan=basic, interval="month")
    assert now.amount == 1200 != old
    assert PlanPrice.objects.get(stripe_price_id=old).is_active is False


def test_what_is_saved_while_stripe_is_down_can_be_pushed_later(shop, staff, outage):
    large = CreditPack.objects.get(slug="large")
    with outage():
        page = staff(f"creditpack/{large.pk}/change/", PACK | {"name": "1000 credits", "amount": "5900"})
    assert "is saved, but not at Stripe" in page
    large.refresh_from_db()
    assert (large.amount, large.is_at_stripe) == (5900, False)
    staff("creditpack/", {"action": "push", "_selected_action": [large.pk]})
    large.refresh_from_db()
    assert large.is_at_stripe


def test_a_price_keeps_its_interval_and_its_currency(shop, staff):
    basic = Plan.objects.get(slug="basic")
    for change in ({"prices-0-interval": "day"}, {"prices-0-currency": "eur"}):
        page = staff(f"plan/{basic.pk}/change/", plan_form(basic, **change))
        assert "take it off sale, and add another" in page
    assert set(basic.prices.values_list("interval", "currency")) == {("month", "usd"), ("year", "usd")}


def test_a_slug_means_one_thing(shop, staff):
    page = staff("creditpack/add/", PACK | {"slug": "pro"})
    assert "this slug is taken" in page


@pytest.mark.parametrize(("field", "value"), [("currency", "dollars"), ("currency", "USD"), ("credits", "-1")])
def test_what_could_not_be_sold_is_not_saved(stripe_simulator, staff, field, value):
    staff("creditpack/add/", PACK | {field: value})
    assert not CreditPack.objects.exists()
    assert not stripe_simulator.sandbox.all("product")


def test_where_a_file_says_what_is_sold_the_admin_shows_it_and_names_the_file(shop, admin_client, settings):
    settings.QUICKSCALE_BILLING = {"CATALOG": CATALOG}
    for row in (Plan.objects.get(slug="pro"), CreditPack.objects.get(slug="large")):
        page = admin_client.get(f"{ADMIN}/{row._meta.model_name}/{row.pk}/change/").content.decode()
        assert escape(str(CATALOG)) in page
        assert 'name="credits"' not in page
        assert 'name="prices-0-amount"' not in page
        assert 'name="is_active"' not in page


def test_where_a_file_says_what_is_sold_nothing_is_added_or_changed(shop, admin_client, settings):
    settings.QUICKSCALE_BILLING = {"CATALOG": CATALOG}
    assert admin_client.get(f"{ADMIN}/plan/add/").status_code == 403
    basic = Plan.objects.get(slug="basic")
    form = plan_form(basic, name="Mine", **{"prices-0-amount": "1"})
    admin_client.post(f"{ADMIN}/plan/{basic.pk}/change/", form)
    basic.refresh_from_db()
    assert (basic.name, basic.prices.get(interval="month").amount) == ("Basic", 900)


def test_a_plan_is_never_renamed_by_its_slug(shop, staff):
    """Who is subscribed, Stripe's lookup keys and the host's own code know it by that."""
    basic = Plan.objects.get(slug="basic")
    staff(f"plan/{basic.pk}/change/", plan_form(basic, slug="other"))
    basic.refresh_from_db()
    assert basic.slug == "basic"
