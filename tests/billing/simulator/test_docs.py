"""The reference page names what the simulator plays, and nothing else; and all of that is Stripe's."""

import re
import subprocess
import sys

import pytest

from quickscale_billing.management.commands.stripe_simulator import Command
from quickscale_billing.testing.cards import CARDS
from quickscale_billing.testing.pages.panel import ACTIONS
from quickscale_billing.testing.parameters import Required
from quickscale_billing.testing.routes import ROUTES
from quickscale_billing.testing.routing import Route
from quickscale_billing.testing.simulator import StripeSimulator
from quickscale_billing.testing.webhooks import Webhooks
from tests.billing.stripe_description import parameters_of
from tests.parts import ROOT

pytestmark = pytest.mark.once

PAGE = (ROOT / "docs" / "reference" / "simulator.md").read_text()
FIRST_CELLS = re.findall(r"^\| (`[^|]+) \|", PAGE, re.MULTILINE)
DJANGOS_OWN = {"help", "version", "verbosity", "settings", "pythonpath", "traceback", "no_color", "force_color"}


def in_first_cells(pattern: str) -> set[str]:
    return {name for cell in FIRST_CELLS for name in re.findall(pattern, cell)}


def test_each_operation_is_listed() -> None:
    assert set(re.findall(r"`((?:GET|POST|DELETE) [^`]+)`", PAGE)) == {f"{each.method} {each.path}" for each in ROUTES}


@pytest.mark.parametrize("route", ROUTES, ids=lambda each: f"{each.method} {each.path}")
def test_an_operation_takes_what_stripe_takes_and_asks_for_what_it_asks(route: Route) -> None:
    known, required = parameters_of(route.method, route.path)
    assert route.fields.keys() <= known
    assert {name for name, field in route.fields.items() if isinstance(field, Required)} >= required


def test_each_test_card_is_listed_with_its_tokens() -> None:
    rows = dict(re.findall(r"^\| `(\d+)` \| ([^|]+) \|", PAGE, re.MULTILINE))
    listed = {number: set(re.findall(r"`(\w+)`", tokens)) for number, tokens in rows.items()}
    assert listed == {card.number: set(card.tokens) for card in CARDS}


def test_each_action_of_the_panel_is_listed() -> None:
    actions = PAGE[PAGE.index("| `do` |") : PAGE.index("## Test cards")]
    assert set(re.findall(r"^\| `(\w+)` \|", actions, re.MULTILINE)) - {"do"} == ACTIONS.keys()


def test_each_option_of_the_command_is_listed() -> None:
    parser = Command().create_parser("manage.py", "stripe_simulator")
    options = {f"--{action.dest}" for action in parser._actions if action.dest not in DJANGOS_OWN | {"skip_checks"}}
    assert in_first_cells(r"^`(--\w+)") == options


def test_what_the_page_names_is_there() -> None:
    verbs = in_first_cells(r"`(\w+)\(")
    assert verbs
    assert [name for name in verbs if not hasattr(StripeSimulator, name)] == []
    handled = in_first_cells(r"`webhooks\.(\w+)")
    assert [name for name in handled if not hasattr(Webhooks, name) and name not in {"history", "send"}] == []


def test_the_plugin_of_pytest_costs_a_host_nothing_that_does_not_ask_for_it() -> None:
    code = "import sys, quickscale_billing.testing.pytest_plugin; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"django", "stripe", "djstripe", "quickscale_billing.testing.simulator"} & {*loaded}
