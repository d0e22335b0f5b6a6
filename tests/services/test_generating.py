"""`generate_service`, in a project that Django made just now, and what it refuses."""

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command

from quickscale_services import discovery, registry
from quickscale_services.management import scaffolding

pytestmark = pytest.mark.once

GENERATE = """
from django.core.management import call_command
call_command("generate_service", "greet", "--app", "shop", "--cost", "1.50")
call_command("generate_service", "count-words", "--app", "shop", "--type", "text", "--cost", "2")
call_command("generate_service", "picture_size", "--app", "shop", "--type", "image", "--free")
call_command("generate_service", "totals", "--app", "shop", "--type", "data")
"""
SETTINGS = '\nINSTALLED_APPS += ["quickscale_credits", "quickscale_services", "shop"]\n'


def manage(project, *arguments):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DJANGO_")}
    command = [sys.executable, "-W", "error::DeprecationWarning", "manage.py", *arguments]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def project(tmp_path):
    call_command("startproject", "mysite", tmp_path)
    (tmp_path / "shop").mkdir()
    call_command("startapp", "shop", tmp_path / "shop")
    with (tmp_path / "mysite" / "settings.py").open("a") as settings:
        settings.write(SETTINGS)
    return tmp_path


def test_services_of_all_types_pass_their_tests_as_they_are_generated(project):
    done = manage(project, "shell", "-c", GENERATE)
    assert done.returncode == 0, done.stderr
    tests = manage(project, "test")
    assert "Ran 8 tests" in tests.stderr, tests.stderr
    assert tests.returncode == 0, tests.stderr
    for command in ("validate_service", "list_services", "sweep_runs"):  # there are no tables yet
        assert_says_to_migrate(manage(project, command))
    assert manage(project, "migrate").returncode == 0
    assert manage(project, "validate_service").stdout.splitlines() == [
        "count-words: sound; the example costs 2 credits.",
        "greet: sound; the example costs 1.5 credits.",
        "picture_size: sound; the example costs 0 credits.",
        "totals: sound; the example costs 1 credit.",
    ]
    assert_in_style(project)


def assert_says_to_migrate(done):
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == "Is it up, and was `migrate` run?"
    assert "Traceback" not in done.stderr


def assert_in_style(project):
    """Where ruff is installed, as it is for those who work on this repository."""
    written = [str(path) for path in (project / "shop").rglob("*.py") if "services" in path.parts or "_" in path.stem]
    lint = ["check", "--isolated", "--line-length=120", "--select=A,B,E,F,I,N,PIE,RET,RUF,SIM,UP,W", *written]
    style = ["format", "--isolated", "--check", "--line-length=120", *written]
    for arguments in (lint, style):
        try:
            done = subprocess.run(["ruff", *arguments], cwd=project, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            return
        assert done.returncode == 0, done.stdout


def test_a_refusal_is_a_line_on_standard_error_and_exit_code_1_without_a_traceback(project):
    done = manage(project, "generate_service", "../evil", "--app", "shop")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("CommandError: '../evil' is no name for a service. Use ")
    (project / "shop" / "services.py").write_text("import no_such_module\n")
    done = manage(project, "generate_service", "greet", "--app", "shop")
    assert done.returncode == 1
    assert done.stderr.count("No module named 'no_such_module'") == 2  # once when Django starts, and once here
    assert "Traceback" not in done.stderr


@pytest.fixture
def shop(tmp_path, monkeypatch, settings):
    """The folder of an installed app without services."""
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / "shop_new"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "tests.py").touch()
    before = registry.snapshot()
    apps.set_installed_apps([*settings.INSTALLED_APPS, "shop_new"])
    yield folder
    apps.unset_installed_apps()
    registry.restore(before)
    discovery.failed_imports.clear()
    for name in [name for name in sys.modules if name.startswith("shop_new")]:
        del sys.modules[name]


def generate(name, app="shop_new", **options):
    said = StringIO()
    call_command("generate_service", name, app=app, stdout=said, **options)
    return said.getvalue()


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.py")}


def test_it_says_which_files_it_wrote_and_what_to_do_next(shop, monkeypatch):
    monkeypatch.chdir(shop.parent)
    said = generate("sum-up")
    for told in ("  shop_new/services/sum_up.py\n", "  shop_new/test_sum_up.py\n", "  shop_new/services/__init__.py\n"):
        assert told in said
    assert "python manage.py test shop_new.test_sum_up" in said
    assert set(files(shop)) == {
        *("__init__.py", "tests.py", "test_sum_up.py"),
        *("services/__init__.py", "services/sum_up.py"),
    }


def test_what_is_generated_is_found_at_the_next_start(shop):
    generate("sum-up", cost="0.25")
    discovery.discover()
    service = registry["sum-up"]
    assert (type(service).__name__, str(service), service.cost) == ("SumUp", "Sum up", "0.25")


@pytest.mark.parametrize(("options", "written"), [({}, "1"), ({"cost": "2.50"}, '"2.5"'), ({"cost": "1.0"}, "1")])
def test_a_cost_is_written_without_trailing_zeros(shop, options, written):
    generate("sum-up", **options)
    assert f"    cost = {written}\n" in (shop / "services" / "sum_up.py").read_text()


@pytest.mark.parametrize("options", [{"free": True}, {"free": True, "cost": "3"}, {"cost": "0"}])
def test_a_free_service_costs_nothing(shop, options):
    generate("sum-up", **options)
    assert "    cost = 0\n" in (shop / "services" / "sum_up.py").read_text()


def test_the_test_goes_where_the_other_tests_are(shop):
    (shop / "tests.py").unlink()
    (shop / "tests").mkdir()
    assert "manage.py test shop_new.tests.test_sum_up" in generate("sum-up")
    assert (shop / "tests" / "test_sum_up.py").exists()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_module_of_services_that_exists_keeps_every_line_and_gets_an_import(shop, end):
    before = f"# mine{end}import math{end}{end}PI = math.pi".encode()
    (shop / "services.py").write_bytes(before)
    generate("sum-up")
    line = "from shop_new.sum_up_service import SumUp as SumUp  # noqa: E402"
    assert (shop / "services.py").read_bytes() == before + f"{end}{line}{end}".encode()
    discovery.discover()
    assert "sum-up" in registry


def test_an_import_is_added_among_those_that_were_and_never_inside_another(shop):
    source = 'from shop_new.apps import (  # noqa\n    NAME,\n)\n\nTEXT = """a\x0cb\u2028c"""\n'
    (shop / "apps.py").write_text('NAME = "shop_new"\n')
    (shop / "services.py").write_text(source)
    for name in ("sum-up", "add-up", "zip-up"):
        generate(name)
    lines = (shop / "services.py").read_text().removeprefix(source).splitlines()
    assert [line.split()[3] for line in lines] == ["AddUp", "SumUp", "ZipUp"]
    discovery.discover()
    assert {"sum-up", "add-up", "zip-up"} <= set(registry)


def test_where_there_are_both_the_package_is_the_one_that_python_takes(shop):
    generate("sum-up")
    (shop / "services.py").write_text("# passed over\n")
    generate("add-up")
    assert (shop / "services" / "add_up.py").exists()
    assert (shop / "services.py").read_text() == "# passed over\n"


@pytest.mark.parametrize("existing", ["services/sum_up.py", "test_sum_up.py"])
def test_nothing_is_overwritten(shop, existing):
    (shop / "services").mkdir()
    (shop / existing).write_text("# mine\n")
    before = files(shop)
    with pytest.raises(CommandError, match=rf"{existing} exists, and nothing is overwritten\. Choose another"):
        generate("sum-up")
    assert files(shop) == before


@pytest.mark.parametrize(
    "name",
    [
        *("", "Upper", "two words", "über", "9lives", "x-", "a__b", "x" * 65, "a.py", "a\n"),
        *("../evil", "/etc/evil", "a/b", "a\\b", "..", "%2e%2e"),
        *(
            "class",
            "import",
            "none",
            "true",
            "base-model",
            "invalid-input",
            "test-case",
            "field",
            "context",
            "runs",
            "keys",
            "free-words",
        ),
    ],
)
def test_a_name_that_cannot_be_one_is_refused_with_a_remedy(shop, name):
    before = files(shop.parent)
    with pytest.raises(CommandError, match=r"Use |Choose another"):
        generate(name)
    assert files(shop.parent) == before


@pytest.mark.parametrize("app", [None, "nope", "../shop_new", "auth", "quickscale_credits", "quickscale_services"])
def test_only_an_app_of_the_project_gets_a_service(shop, app):
    with pytest.raises(CommandError, match=r"In this project: .*shop_new"):
        generate("sum-up", app=app)


def test_an_app_that_is_installed_inside_the_project_is_not_the_projects(shop, monkeypatch):
    monkeypatch.setattr(apps.get_app_config("shop_new"), "path", "/srv/mysite/venv/lib/site-packages/shop_new")
    with pytest.raises(CommandError, match="not this project's to change"):
        generate("sum-up")


@pytest.mark.parametrize("cost", ["", "abc", "-1", "NaN", "1,5", "0.0000001", "1e3", "1" * 20])
def test_a_cost_that_is_none_is_refused(shop, cost):
    with pytest.raises(CommandError, match=r"is no cost\. Write credits such as"):
        generate("sum-up", cost=cost)


def test_a_type_that_is_unknown_is_refused(shop):
    with pytest.raises(CommandError, match="Choose one of basic, text, image, data"):
        generate("sum-up", type="video")


def test_an_app_whose_services_cannot_be_imported_is_to_be_mended_first(shop):
    (shop / "services.py").write_text("1 / 0\n")
    discovery.discover()
    with pytest.raises(
        CommandError, match=r"ZeroDivisionError: division by zero \(.*services\.py, line 1\)\. Mend it first"
    ):
        generate("sum-up")


def test_when_something_cannot_be_written_nothing_is(shop):
    (shop / "services").write_text("a file where a folder is needed")
    before = files(shop.parent)
    with pytest.raises(CommandError, match="Nothing was written"):
        generate("sum-up")
    assert files(shop.parent) == before


def test_a_module_that_is_no_utf_8_is_left_alone_and_what_was_written_is_removed(shop):
    (shop / "services.py").write_bytes(b"# caf\xe9\n")
    discovery.failed_imports.clear()
    before = files(shop)
    with pytest.raises(CommandError, match="Nothing was written"):
        generate("sum-up")
    assert files(shop) == before
    assert {path.name for path in shop.iterdir()} == {"__init__.py", "tests.py", "services.py"}


def test_every_type_has_its_templates():
    names = {path.name for path in Path(scaffolding.TEMPLATES).iterdir()}
    assert names == {f"{prefix}{kind}.py-tpl" for kind in scaffolding.KINDS for prefix in ("", "test_")}
