import sys
import textwrap

import pytest
from django.apps import apps
from django.core.checks import run_checks
from django.core.management import call_command

from quickscale_services import discovery, register_service, registry
from quickscale_services.exceptions import AlreadyRegistered
from quickscale_services.models import Service
from quickscale_services.switches import make_after_migrate
from quickscale_services.testing import register_temporarily
from tests.services.samples import CountWords

pytestmark = pytest.mark.once

SOUND = """
    from quickscale_services import BaseService, register_service

    @register_service
    class Found(BaseService):
        name = "{name}"

        def execute(self, data, context):
            return "found"
"""


@pytest.fixture
def app(tmp_path, monkeypatch, settings):
    """Writes an app whose module has this source, installs it, and looks for services."""
    monkeypatch.syspath_prepend(tmp_path)
    before = registry.snapshot()

    def install(name, source, module="services"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        (tmp_path / name / f"{module}.py").write_text(textwrap.dedent(source))
        apps.set_installed_apps([*settings.INSTALLED_APPS, name])

    yield install
    apps.unset_installed_apps()
    registry.restore(before)
    discovery.failed_imports.clear()
    for name in [name for name in sys.modules if name.startswith("shop_")]:
        del sys.modules[name]


def errors():
    return [message for message in run_checks(databases=[]) if message.id == "quickscale_services.E001"]


def test_services_are_found_in_any_app(app):
    app("shop_sound", SOUND.format(name="found"))
    assert repr(registry["found"]) == "<Found 'found'>"
    assert errors() == []


def test_the_module_to_look_for_is_a_setting(app, settings):
    settings.QUICKSCALE_SERVICES = {"AUTODISCOVER_MODULE": "paid"}
    app("shop_paid", SOUND.format(name="found"), module="paid")
    assert "found" in registry


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import no_such_module", "ModuleNotFoundError"),
        ("def broken(:", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError"),
        (SOUND.format(name="count-words"), "AlreadyRegistered"),
    ],
)
def test_a_module_that_fails_to_import_is_an_error_that_names_it_and_stops_nothing(app, source, error):
    app("shop_broken", source)
    (message,) = errors()
    assert "shop_broken.services" in message.msg
    assert error in message.msg
    assert type(registry["count-words"]) is CountWords


def test_a_module_that_fails_halfway_registers_nothing(app):
    app("shop_half", SOUND.format(name="half") + "\n    1 / 0")
    assert "half" not in registry


def test_two_services_of_one_name_are_refused():
    class Other(CountWords):
        pass

    with pytest.raises(AlreadyRegistered, match=r"Other.*'count-words'.*CountWords"):
        register_service(Other)
    assert type(registry["count-words"]) is CountWords


def test_the_same_class_may_register_again():
    assert register_service(CountWords) is CountWords
    assert len([name for name in registry if name == "count-words"]) == 1


def test_classes_made_in_a_function_are_not_mistaken_for_a_reload():
    def make():
        class Made(CountWords):
            name = "made"

        return Made

    with register_temporarily(make()), pytest.raises(AlreadyRegistered, match="Made"):
        register_service(make())


def test_what_is_registered_temporarily_is_gone_afterwards():
    temporary = type("Temporary", (CountWords,), {"name": "temporary"})
    with register_temporarily(temporary):
        assert "temporary" in registry
    assert "temporary" not in registry


def test_migrate_makes_a_row_for_each_service_and_keeps_what_was_set(db):
    Service.objects.update_or_create(name="count-words", defaults={"is_active": False})
    for _ in range(2):
        make_after_migrate(using="default")
    assert not Service.objects.get(name="count-words").is_active
    assert set(Service.objects.values_list("name", flat=True)) >= set(registry)


@pytest.mark.django_db(transaction=True)
def test_flush_makes_the_rows_again():
    call_command("flush", interactive=False)
    assert set(Service.objects.values_list("name", flat=True)) == set(registry)
