"""The reference pages name all that there is, and nothing that is not.

Each page is read as its headings and the first column of its tables, in which names stand as `code`.
"""

import inspect
import pkgutil
import re
from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.core.management import BaseCommand, load_command_class
from django.dispatch import Signal
from django.template import engines
from django.template.loader import get_template
from django.urls import get_resolver

from quickscale_billing import conf as billing_conf
from quickscale_credits import conf as credits_conf
from quickscale_credits import exceptions as credits_exceptions
from quickscale_credits import ledger
from quickscale_credits import signals as credits_signals
from quickscale_services import base, context, files, pricing, sweeping, testing, usage
from quickscale_services import conf as services_conf
from quickscale_services import exceptions as services_exceptions
from quickscale_services import signals as services_signals
from quickscale_services.api.errors import ANSWERS
from quickscale_services.api.routes import api
from quickscale_services.examples import conf as examples_conf
from tests import settings_pages
from tests.parts import ROOT

pytestmark = pytest.mark.once

DOCS = ROOT / "docs"
APPS = ("quickscale_credits", "quickscale_services")
SETTINGS = (credits_conf.conf, services_conf.conf, examples_conf.conf, billing_conf.conf)
HEADING = re.compile(r"^#{2,3} (.+)$", re.MULTILINE)
FIRST_CELL = re.compile(r"^\| ([^|]*`[^|]*) \|", re.MULTILINE)
CODE = re.compile(r"`([^`]+)`")
CHECK_ID = re.compile(r"\b[EWCID]\d{3}\b")


def page(name: str) -> str:
    return (DOCS / "reference" / f"{name}.md").read_text()


def sections(name: str) -> dict[str, str]:
    """The text below each heading; a heading that is code is known by its name alone."""
    _, *parts = HEADING.split(page(name))
    return {heading.strip("`"): text for heading, text in zip(parts[::2], parts[1::2], strict=True)}


def listed(text: str) -> list[str]:
    """The names in the first column of the tables: of `charge(amount)` and `--owner PK` the first word."""
    return [re.match(r"[-\w./:]+", code)[0] for cell in FIRST_CELL.findall(text) for code in CODE.findall(cell)]


def public(module: ModuleType, kind: type) -> set[str]:
    """What the module defines of this kind, itself."""
    found = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    if kind is Exception:
        return {name for name, value in found.items() if is_error(value) and value.__module__ == module.__name__}
    return {name for name, value in found.items() if isinstance(value, kind)}


def is_error(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Exception)


def own_commands() -> dict[str, str]:
    """Each management command, and the app that it is in."""
    folders = {app: import_module(f"{app}.management.commands").__path__ for app in APPS}
    return {module.name: app for app, folder in folders.items() for module in pkgutil.iter_modules(folder)}


def options_of(name: str, app: str) -> set[str]:
    """What a command takes beside that which every command of Django does."""
    common = {action.dest for action in BaseCommand().create_parser("manage.py", "any")._actions}
    actions = load_command_class(app, name).create_parser("manage.py", name)._actions
    return {(action.option_strings or [action.metavar])[0] for action in actions if action.dest not in common}


def signature(verb: Any) -> str:
    """As it is called: without types, and without what is the verb's own affair."""
    parameters = inspect.signature(verb).parameters.values()
    shown = [parameter for parameter in parameters if not parameter.name.startswith("_")]
    plain = [each.replace(annotation=each.empty, default=plain_default(each.default)) for each in shown]
    return verb.__name__ + str(inspect.Signature(plain)).replace("'", '"')


def plain_default(default: Any) -> Any:
    return default.value if isinstance(default, Enum) else default


def test_every_verb_is_listed_with_its_signature():
    written = {name: re.search(r"```text\n(.*?)\n```", text, re.DOTALL) for name, text in sections("verbs").items()}
    shown = {name: re.sub(r"\s+", " ", found[1]) for name, found in written.items() if found}
    assert shown == {name: signature(getattr(ledger, name)) for name in ledger.__all__}


@pytest.mark.parametrize("settings_dict", SETTINGS, ids=lambda conf: conf.setting)
def test_every_setting_is_listed(settings_dict):
    assert sorted(listed(sections("settings")[settings_dict.setting])) == settings_dict.keys()


@pytest.mark.parametrize("name", [page.stem for page in (DOCS / "reference").glob("*.md")])
def test_what_a_page_says_of_settings_is_what_the_code_says(name):
    assert page(name) == settings_pages.made(page(name)), "Run python -m tests.settings_pages."


@pytest.mark.parametrize("module", [credits_signals, services_signals], ids=lambda module: module.__name__)
def test_every_signal_is_listed(module):
    assert set(listed(sections("signals")[module.__name__])) == public(module, Signal)


@pytest.mark.parametrize("module", [credits_exceptions, services_exceptions], ids=lambda module: module.__name__)
def test_every_error_is_listed(module):
    assert set(listed(sections("errors")[module.__name__])) == public(module, Exception)


def test_every_error_that_is_answered_exists():
    answered = set(listed(sections("errors")["Answering them"]))
    assert answered <= public(credits_exceptions, Exception) | public(services_exceptions, Exception)


def test_every_code_and_address_of_the_api_is_listed():
    tables = sections("http")
    routes = {path for router in api._get_bound_routers() for path in router.path_operations}
    listed_paths = {cell.split()[1] for cell in re.findall(r"^\| `([^`]+)` \|", tables["Addresses"], re.MULTILINE)}
    assert set(listed(tables["Errors"])) == {code for _status, code in ANSWERS.values()}
    assert {re.sub(r"\{.*?(\w+)\}", r"{\1}", route.strip("/")).replace("run_id", "id") for route in routes} == (
        listed_paths - {"openapi.json", "docs"}
    )


def test_every_command_is_listed():
    assert set(sections("commands")) == set(own_commands())


@pytest.mark.parametrize(("name", "app"), own_commands().items())
def test_every_option_of_a_command_is_listed(name, app):
    assert set(listed(sections("commands")[name])) == options_of(name, app)


@pytest.mark.parametrize("app", APPS)
def test_every_check_is_listed(app):
    raised = set(CHECK_ID.findall(inspect.getsource(import_module(f"{app}.checks"))))
    assert {name for name in listed(page("checks")) if name.startswith(f"{app}.")} == {
        f"{app}.{each}" for each in raised
    }


def models() -> dict[str, Any]:
    return {model.__name__: model for app in APPS for model in apps.get_app_config(app).get_models()}


def test_every_model_is_listed():
    assert set(sections("models")) == set(models())


@pytest.mark.parametrize("model", models().values(), ids=lambda model: model.__name__)
def test_what_a_page_says_of_a_model_exists(model):
    related = {relation.get_accessor_name() for relation in model._meta.related_objects}
    known = {field.name for field in model._meta.get_fields()} | related | set(dir(model))
    assert set(listed(sections("models")[model.__name__])) - known == set()


SERVICE_PARTS = {
    "BaseService": base.BaseService,
    "Context": context.Context,
    "ServiceResult": base.ServiceResult,
    "Prices": pricing,
    "quickscale_services.usage": usage,
    "quickscale_services.files": files,
    "quickscale_services.testing": testing,
    "quickscale_services.sweeping": sweeping,
}


@pytest.mark.parametrize("name", SERVICE_PARTS)
def test_what_a_page_says_of_services_exists(name):
    part = SERVICE_PARTS[name]
    known = set(dir(part)) | set(getattr(part, "__annotations__", {}))
    assert set(listed(sections("services")[name])) - known == set()


@pytest.mark.parametrize("name", ["BaseService", "Context", "ServiceResult"])
def test_all_that_a_service_may_say_and_is_told_is_listed(name):
    part = SERVICE_PARTS[name]
    said = {attribute for attribute in {*vars(part), *part.__annotations__} if not attribute.startswith("_")}
    assert said - set(listed(sections("services")[name])) - {"charged"} == set()


def templates() -> Iterator[str]:
    for app in APPS:
        folder = ROOT / "src" / app / "templates"
        yield from (str(found.relative_to(folder)) for found in folder.rglob("*.html"))


def test_every_template_is_listed():
    assert set(listed(sections("templates")["Pages"])) == set(templates())


def test_the_blocks_of_the_base_template_are_those_that_are_listed():
    source = get_template("quickscale/base.html").template.source
    assert re.findall(r"{% block (\w+) %}", source) == ["title", "head", "content"]
    assert "blocks `title`, `head`, `content`" in page("templates")


@pytest.mark.parametrize("app", APPS)
def test_every_template_tag_and_filter_is_listed(app):
    found = engines["django"].engine.template_libraries[app]
    assert set(listed(sections("templates")[f"{{% load {app} %}}"])) == {*found.tags, *found.filters}


def test_every_address_is_listed():
    resolver = get_resolver("tests.settings.urls")
    keys = {app: resolver.namespace_dict[app][1].reverse_dict for app in (*APPS, "quickscale_analytics")}
    names = {f"{app}:{key}" for app in keys for key in keys[app] if isinstance(key, str)}
    assert set(listed(sections("templates")["Addresses"])) == names


@pytest.mark.django_db
def test_every_permission_of_our_own_is_listed():
    extra = {f"{model._meta.app_label}.{code}" for model in models().values() for code, _ in model._meta.permissions}
    assert set(listed(sections("admin")["Permissions"])) == extra
    assert Permission.objects.filter(codename__in=[name.partition(".")[2] for name in extra]).count() == len(extra)
