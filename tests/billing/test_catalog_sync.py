"""`sync_catalog`: the file, our rows and Stripe agree."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from quickscale_billing.models import CreditPack, Plan, PlanPrice
from tests.billing.conftest import CATALOG

pytestmark = pytest.mark.once


def sync(path: Path, *options: str) -> str:
    out = StringIO()
    call_command("sync_catalog", str(path), *options, stdout=out)
    return out.getvalue()


@pytest.fixture
def edited(tmp_path: Path) -> Any:
    """`edited("900", "1200")` is the catalog with that text in place of the other."""

    def edit(*changes: tuple[str, str]) -> Path:
        text = CATALOG.read_text()
        for before, after in changes:
            assert before in text
            text = text.replace(before, after)
        file = tmp_path / "catalog.toml"
        file.write_text(text)
        return file

    return edit


def prices_at_stripe(shop: Any) -> dict[str, Any]:
    return {price["id"]: price for price in shop.sandbox.all("price")}


def test_everything_in_the_file_is_a_row_and_a_price_at_stripe(shop):
    pro = Plan.objects.get(slug="pro")
    assert (pro.credits, pro.signup_bonus, pro.features) == (10_000, 1_000, ["Priority support", "Longer texts"])
    assert {price.interval: price.amount for price in pro.prices.all()} == {"month": 4900, "year": 49000}
    at_stripe = prices_at_stripe(shop)
    large = CreditPack.objects.get(slug="large")
    assert at_stripe[large.stripe_price_id]["unit_amount"] == 4900
    assert all(price.stripe_price_id in at_stripe for price in PlanPrice.objects.all())


def test_syncing_again_does_nothing(shop):
    before = prices_at_stripe(shop)
    assert sync(CATALOG) == "Nothing to do.\n"
    assert prices_at_stripe(shop) == before


def test_a_dry_run_tells_the_difference_and_changes_nothing(shop, edited):
    before = prices_at_stripe(shop)
    said = sync(edited(("amount = 900 }", "amount = 1200 }")), "--dry-run")
    assert "plan basic: price by the month in usd 900 → 1200" in said
    assert "at Stripe: plan basic: price 9.00 USD / month → 12.00 USD / month, as a new price" in said
    assert prices_at_stripe(shop) == before
    assert PlanPrice.objects.get(plan__slug="basic", interval="month").amount == 900


def test_a_dry_run_of_a_new_catalog_names_all_that_would_be_made(stripe_simulator, db):
    said = sync(CATALOG, "--dry-run")
    assert "pack large: new" in said
    assert "at Stripe: pack large: new price 49.00 USD" in said
    assert not Plan.objects.exists()
    assert not stripe_simulator.sandbox.all("product")


def test_a_changed_amount_makes_a_new_price_and_keeps_the_old_one_for_who_pays_it(shop, edited):
    old = PlanPrice.objects.get(plan__slug="basic", interval="month")
    sync(edited(("amount = 900 }", "amount = 1200 }")))
    now = PlanPrice.objects.for_sale().get(plan__slug="basic", interval="month")
    kept = PlanPrice.objects.get(stripe_price_id=old.stripe_price_id)
    assert (now.amount, kept.amount, kept.is_active, kept.plan) == (1200, 900, False, old.plan)
    at_stripe = prices_at_stripe(shop)
    assert (at_stripe[now.stripe_price_id]["unit_amount"], at_stripe[now.stripe_price_id]["active"]) == (1200, True)
    assert at_stripe[kept.stripe_price_id]["active"] is False


def test_a_price_may_go_up_and_down_again(shop, edited):
    for amount in ("1200", "900", "1200"):
        sync(edited(("amount = 900 }", f"amount = {amount} }}")))
        now = PlanPrice.objects.for_sale().get(plan__slug="basic", interval="month")
        assert prices_at_stripe(shop)[now.stripe_price_id]["unit_amount"] == int(amount)
    assert PlanPrice.objects.filter(plan__slug="basic", interval="month").count() == 4


def test_a_pack_that_costs_more_has_a_new_price(shop, edited):
    before = CreditPack.objects.get(slug="large").stripe_price_id
    sync(edited(("amount = 4900\n", "amount = 5900\n")))
    large = CreditPack.objects.get(slug="large")
    at_stripe = prices_at_stripe(shop)
    assert (large.amount, at_stripe[large.stripe_price_id]["unit_amount"]) == (5900, 5900)
    assert at_stripe[before]["active"] is False


def test_names_and_descriptions_follow_the_file(shop, edited):
    said = sync(edited(('name = "Pro"', 'name = "Professional"')))
    assert "plan pro: name Pro → Professional" in said
    product = Plan.objects.get(slug="pro").stripe_product_id
    assert shop.sandbox.get("product", product)["name"] == "Professional"


def test_what_the_file_no_longer_names_is_taken_off_sale_and_stays(shop, edited):
    text = CATALOG.read_text()
    said = sync(edited((text[text.index('[[packs]]\nslug = "large"') :], "")))
    large = CreditPack.objects.get(slug="large")
    assert "pack large: not in the file: taken off sale" in said
    assert (large.is_active, prices_at_stripe(shop)[large.stripe_price_id]["active"]) == (False, False)


def test_what_comes_back_into_the_file_is_sold_at_its_old_price_again(shop, edited):
    before = CreditPack.objects.get(slug="large").stripe_price_id
    text = CATALOG.read_text()
    sync(edited((text[text.index('[[packs]]\nslug = "large"') :], "")))
    sync(CATALOG)
    large = CreditPack.objects.get(slug="large")
    assert (large.is_active, large.stripe_price_id) == (True, before)
    assert prices_at_stripe(shop)[before]["active"] is True


def test_a_lost_database_finds_its_prices_at_stripe_again(shop):
    before = prices_at_stripe(shop)
    PlanPrice.objects.all().delete()
    Plan.objects.all().delete()
    CreditPack.objects.all().delete()
    sync(CATALOG)
    assert prices_at_stripe(shop) == before
    assert len(shop.sandbox.all("product")) == 5


@pytest.mark.parametrize("answered", [0, 3, 7, 12])
def test_a_sync_that_was_cut_short_is_finished_by_the_next(stripe_simulator, db, outage, answered):
    with outage(after=answered), pytest.raises(CommandError, match="Stripe could not"):
        sync(CATALOG)
    sync(CATALOG)
    assert sync(CATALOG) == "Nothing to do.\n"
    assert len(stripe_simulator.sandbox.all("product")) == 5
    assert len(prices_at_stripe(stripe_simulator)) == 7


def test_without_a_file_the_command_says_what_it_wants(db):
    with pytest.raises(CommandError, match="Name a file, or set"):
        call_command("sync_catalog")


def test_without_a_key_nothing_is_begun(db, settings):
    settings.STRIPE_TEST_SECRET_KEY = ""
    with pytest.raises(CommandError, match="Set STRIPE_TEST_SECRET_KEY"):
        sync(CATALOG)
    assert not Plan.objects.exists()
