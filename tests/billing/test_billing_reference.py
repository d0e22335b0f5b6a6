"""The reference page of billing names all that there is, and nothing that is not."""

import inspect
import re
from importlib import import_module

import pytest
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.dispatch import Signal
from django.template import engines
from django.urls import get_resolver

from quickscale_billing import (
    checkout,
    exceptions,
    history,
    mail,
    payment_methods,
    refunds,
    signals,
    subscriptions,
    topup,
)
from quickscale_billing.conf import conf
from tests.parts import ROOT
from tests.test_reference import CHECK_ID, listed, options_of, page, public, sections, signature

pytestmark = pytest.mark.once

APP = "quickscale_billing"
VERBS = [
    checkout.start,
    checkout.settle,
    subscriptions.current,
    subscriptions.is_active,
    subscriptions.preview_change,
    subscriptions.change_plan,
    subscriptions.cancel,
    subscriptions.resume,
    subscriptions.subscription_required,
    payment_methods.list,
    payment_methods.add,
    payment_methods.settle,
    payment_methods.set_default,
    payment_methods.remove,
    payment_methods.portal_url,
    history.invoices,
    history.payments,
    history.receipt,
    history.statement,
    history.timeline,
    refunds.refund,
    topup.current,
    topup.turn_on,
    topup.turn_off,
    mail.tell,
    mail.send,
    mail.send_each,
    mail.resend,
]


def section(name: str) -> str:
    return sections("billing")[name]


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.__name__)
def test_every_verb_is_listed_with_its_signature(verb):
    blocks = re.findall(
        r"```text\n(.*?)\n```", section(verb.__module__.split(".")[1].replace("_", " ").capitalize()), re.DOTALL
    )
    written = [re.sub(r"\s+", " ", line) for block in blocks for line in re.split(r"\n(?=\w)", block)]
    assert signature(verb) in written


def test_every_signal_is_listed():
    assert set(listed(section("Signals"))) == public(signals, Signal)


def test_every_error_is_listed():
    assert set(listed(section("Errors"))) == public(exceptions, Exception)


def test_every_command_is_listed_with_its_options():
    folder = ROOT / "src" / APP / "management" / "commands"
    names = {file.stem for file in folder.glob("*.py")} - {"__init__"}
    said = {name: set(re.findall(r"`((?:--)?[\w-]+)", line)) for name, line in command_rows()}
    assert said == {name: options_of(name, APP) for name in names}


def command_rows() -> list[tuple[str, str]]:
    return re.findall(r"^\| `(\w+)` \| (.*?) \|", section("Commands"), re.MULTILINE)


def test_every_check_is_listed():
    raised = set(CHECK_ID.findall(inspect.getsource(import_module(f"{APP}.checks"))))
    assert set(listed(section("Checks"))) == {f"{APP}.{each}" for each in raised}


def test_every_model_is_listed():
    assert set(listed(section("Models"))) == {model.__name__ for model in apps.get_app_config(APP).get_models()}


def test_every_template_is_listed():
    folder = ROOT / "src" / APP / "templates"
    assert set(listed(section("Templates"))) == {str(file.relative_to(folder)) for file in folder.rglob("*.html")}


def test_every_filter_is_listed():
    found = engines["django"].engine.template_libraries[APP]
    assert set(listed(section(f"{{% load {APP} %}}"))) == {*found.tags, *found.filters}


def test_every_address_is_listed():
    keys = get_resolver().namespace_dict[APP][1].reverse_dict
    assert set(listed(section("Addresses"))) == {f"{APP}:{key}" for key in keys if isinstance(key, str)}


def test_what_every_default_says_can_be_used():
    for key in conf.keys():  # noqa: SIM118 - no dict
        try:
            getattr(conf, key)
        except ImproperlyConfigured as problem:
            pytest.fail(str(problem))


def test_the_page_is_linked_from_the_others():
    assert "billing.md" in page("index")
