"""The Spanish catalogs are complete and as the source is now, and text that people read is marked for translation."""

import ast
import gettext
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polib
import pytest
from django.core.management import call_command
from django.utils import translation

from quickscale_services import registry
from quickscale_services.pages.forms import ServiceForm
from tests.parts import ROOT

pytestmark = pytest.mark.once

FOLDERS = [*sorted((ROOT / "src").glob("quickscale_*")), ROOT / "example_project"]
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd%]|\{\w+\}|</?\w+")

# In templates: words between tags, or in an attribute that people read, outside of what is marked.
NO_TEXT = re.compile(
    r"{% comment %}.*?{% endcomment %}|{% blocktrans.*?{% endblocktrans\w* %}|<script.*?</script>|<code.*?</code>"
    r"|{% block bodyclass %}.*?{% endblock %}",
    re.DOTALL,
)
READ_ATTRIBUTE = re.compile(r'\s(?:title|alt|placeholder|aria-label)="([^"{]*[A-Za-z]{2}[^"{]*)"')
TEMPLATE_TAGS = re.compile(r"{%.*?%}|{{.*?}}|{#.*?#}", re.DOTALL)
TAGS = re.compile(r"<[^>]*>|&\w+;")
NAMES = {"CSV", "JSON", "openapi.json"}

# In code: what is told, and what stands on a form, a model or a page of the admin.
TELLS = {"success", "error", "warning", "info", "message_user", "ValidationError", "add_error", "PermissionDenied"}
SHOWS = {"label", "help_text", "verbose_name", "verbose_name_plural", "empty_label", "short_description"}
# For programmers: commands, the API's document, Stripe's stand-in.
UNSEEN = re.compile(r"/(migrations|testing|management|api|mcp|stripe)/|/apps\.py$")


def source_files(suffix: str) -> Iterator[Path]:
    for folder in FOLDERS:
        yield from (path for path in sorted(folder.rglob(f"*{suffix}")) if not UNSEEN.search(path.as_posix()))


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def folder(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def catalog(folder: Path) -> polib.POFile:
    return polib.pofile(str(folder / "locale/es/LC_MESSAGES/django.po"))


def identity(entry: polib.POEntry) -> tuple[str | None, str, str]:
    return entry.msgctxt, entry.msgid, entry.msgid_plural


def versions(entry: polib.POEntry) -> list[tuple[str, str]]:
    """Each pair of a text and its translation."""
    if not entry.msgid_plural:
        return [(entry.msgid, entry.msgstr)]
    return [(entry.msgid_plural if index else entry.msgid, text) for index, text in entry.msgstr_plural.items()]


@pytest.mark.skipif(shutil.which("xgettext") is None, reason="gettext is not installed")
def test_a_catalog_has_every_text_of_the_source_and_no_other(folder, catalog, tmp_path, monkeypatch):
    copied = tmp_path / folder.name
    shutil.copytree(folder, copied, ignore=shutil.ignore_patterns("testing", "static", "staticfiles", "locale"))
    (copied / "locale").mkdir()
    monkeypatch.chdir(copied)
    call_command("makemessages", locale=["es"], extensions=["html", "txt", "py"], verbosity=0)
    found = polib.pofile(str(copied / "locale/es/LC_MESSAGES/django.po"))
    assert {identity(entry) for entry in catalog} == {identity(entry) for entry in found}


def test_every_text_is_translated_with_its_placeholders(catalog):
    assert [entry.msgid for entry in catalog if not entry.translated() or entry.fuzzy or entry.obsolete] == []
    differing = [
        (text, translated)
        for entry in catalog
        for text, translated in versions(entry)
        if sorted(PLACEHOLDER.findall(text)) != sorted(PLACEHOLDER.findall(translated))
    ]
    assert differing == []


def test_the_compiled_catalog_says_the_same(folder, catalog):
    with (folder / "locale/es/LC_MESSAGES/django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for entry in catalog:
        if entry.msgid_plural:
            assert compiled.ngettext(entry.msgid, entry.msgid_plural, 2) == entry.msgstr_plural[2]
        elif entry.msgctxt:
            assert compiled.pgettext(entry.msgctxt, entry.msgid) == entry.msgstr
        else:
            assert compiled.gettext(entry.msgid) == entry.msgstr


def test_templates_hold_no_text_that_is_not_marked():
    assert {path.name: found for path in source_files(".html") if (found := unmarked(path.read_text()))} == {}


def unmarked(source: str) -> list[str]:
    source = NO_TEXT.sub("", source)
    lines = [line.strip() for line in TAGS.sub("\n", TEMPLATE_TAGS.sub("", source)).splitlines()]
    return [
        *READ_ATTRIBUTE.findall(source),
        *(line for line in lines if re.search("[A-Za-z]{2}", line) and line not in NAMES),
    ]


def test_code_tells_and_shows_no_text_that_is_not_marked():
    found = [f"{path.name}:{line}: {text}" for path in source_files(".py") for line, text in literals(path)]
    assert found == []


def literals(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            shown = [keyword.value for keyword in node.keywords if keyword.arg in SHOWS]
            told = node.args if name_of(node.func) in TELLS and not is_logger(node.func) else []
            yield from ((node.lineno, value.value) for value in [*shown, *told] if is_words(value))


def name_of(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def is_logger(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and getattr(function.value, "id", "") in {"logger", "logging"}


def is_words(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and isinstance(value.value, str) and " " in value.value.strip()


@pytest.mark.parametrize("service", registry.values(), ids=str)
def test_the_form_of_an_example_service_speaks_spanish(service: Any):
    with translation.override("en"):
        english = words_of(service)
    with translation.override("es"):
        spanish = words_of(service)
    assert [word for word in english & spanish if word not in {"No", ""} and len(word) > 2] == []


def words_of(service: Any) -> set[str]:
    fields = ServiceForm(service).fields.values()
    return {str(text) for field in fields for text in (field.label, field.help_text)} | {
        str(service),
        str(service.description),
    }
