"""A catalog file that cannot be used says where and why."""

import pytest

from quickscale_billing import catalog
from quickscale_billing.exceptions import CatalogInvalid

pytestmark = pytest.mark.once

PACK = """
currency = "usd"

[[packs]]
slug = "large"
name = "1000 credits"
credits = 1_000
amount = 4900
"""
PLAN = """
[[plans]]
slug = "pro"
name = "Pro"
credits = 10_000
prices = [{ interval = "month", amount = 4900 }]
"""


def problem(tmp_path, text):
    file = tmp_path / "catalog.toml"
    file.write_text(text)
    with pytest.raises(CatalogInvalid) as refusal:
        catalog.read(file)
    return str(refusal.value).replace(str(file), "catalog.toml")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("credits = 1_000", "credits = 0", "credits must be above 0"),
        ("credits = 1_000", "credits = -1", "credits"),
        ("credits = 1_000", "credits = true", "credits must be an amount, such as 500 or 2.5, not True"),
        ("credits = 1_000", 'credits = "0.0000001"', "credits"),
        ("credits = 1_000\n", "", "credits is missing"),
        ("amount = 4900", "amount = 49.00", "amount must be whole minor units, such as 4900 for 49.00 dollars, not"),
        ("amount = 4900", "amount = 0", "amount must be above 0"),
        ('slug = "large"', 'slug = "a slug"', "slug"),
        ('name = "1000 credits"', "name = 7", "name must be text, not 7"),
        ("amount", "ammount", "nothing is called 'ammount' here: did you mean 'amount'?"),
        ('currency = "usd"', "", "a currency is missing"),
        ('currency = "usd"', 'currency = "dollars"', "three-letter"),
    ],
)
def test_what_is_wrong_with_a_pack_is_told_with_its_line(tmp_path, before, after, said):
    told = problem(tmp_path, PACK.replace(before, after))
    assert told.startswith("catalog.toml, line ")
    assert said in told


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("credits = 10_000", 'credits = 1\nunused = "vanish"', "unused"),
        ("credits = 10_000", "credits = 1\nrollover_cap = 5", 'rollover_cap needs unused = "rollover"'),
        ("credits = 10_000", 'credits = 1\nrefill_every = "fortnight"', "refill_every"),
        ("credits = 10_000", 'credits = 1\nfeatures = "fast"', "features must be a list of lines"),
        ("credits = 10_000", "credits = 1\ntrial_days = -1", "trial_days"),
        ("amount = 4900 }", "amount = 4900 }, { amount = 5 }", "there are two prices for a month in usd"),
        ("prices = [{ interval", "prices = { interval", "catalog.toml"),
    ],
)
def test_what_is_wrong_with_a_plan_is_told(tmp_path, before, after, said):
    assert said in problem(tmp_path, 'currency = "usd"\n' + PLAN.replace(before, after))


def test_the_line_is_that_of_the_entry(tmp_path):
    told = problem(tmp_path, PACK + PLAN.replace("10_000", "-1"))
    assert told.startswith("catalog.toml, line 10, plan 'pro': credits: ")


def test_a_slug_is_a_plan_or_a_pack(tmp_path):
    assert "the slug 'large' is there twice" in problem(tmp_path, PACK + PLAN.replace("pro", "large"))


def test_broken_toml_is_told_with_its_line(tmp_path):
    assert "is no TOML" in problem(tmp_path, "[[packs]\n")


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(CatalogInvalid, match="cannot be read"):
        catalog.read(tmp_path / "absent.toml")


def test_amounts_are_exact_and_what_is_left_out_has_its_default(tmp_path):
    file = tmp_path / "catalog.toml"
    file.write_text(PACK.replace("1_000", "2.1"))
    [pack] = catalog.read(file).packs
    assert str(pack.values["credits"]) == "2.1"
    assert (pack.values["position"], pack.values["currency"]) == (0, "usd")
