"""What import-linter cannot see: where foreign keys point, and that only the ledger writes credits' rows."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db.models import Model

from tests.parts import ROOT

pytestmark = pytest.mark.once

SRC = ROOT / "src"
WRITES = {
    "create",
    "get_or_create",
    "update_or_create",
    "bulk_create",
    "bulk_update",
    "update",
    "save",
    "delete",
    "acreate",
    "aget_or_create",
    "aupdate_or_create",
    "abulk_create",
    "abulk_update",
    "aupdate",
    "asave",
    "adelete",
}
CREDITS = re.compile(
    r"\b(CreditAccount|CreditGrant|LedgerEntry|Allocation|Hold|HoldAllocation"
    r"|accounts?|credit_account|grants?|entry|entries|allocations?|holds?)\b"
)
WRITERS = ("quickscale_credits/ledger/", "quickscale_credits/migrations/")


def apps_reached_from(label: str) -> set[str]:
    """The apps that a foreign key of this app points at; the owner and the user belong to the host."""
    models = apps.get_app_config(label).get_models()
    fields = [field for model in models for field in model._meta.get_fields() if field.concrete and field.is_relation]
    reached = {field.related_model for field in fields} - {get_user_model()}
    return {model._meta.app_label for model in reached if issubclass(model, Model)}


def test_credits_point_at_nobody_but_owner_and_user():
    assert apps_reached_from("quickscale_credits") == {"quickscale_credits"}


def test_services_point_at_credits_only():
    assert apps_reached_from("quickscale_services") <= {"quickscale_credits", "quickscale_services"}


def writes_to_credits(source: str) -> Iterator[str]:
    """Calls such as `hold.save()` or `CreditGrant.objects.filter(…).update(…)`, as they are written."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    for called in [call.func for call in calls if isinstance(call.func, ast.Attribute)]:
        if called.attr in WRITES and CREDITS.search(ast.unparse(called.value)):
            yield f"line {called.lineno}: {ast.unparse(called)}"


def modules_that_may_not_write() -> list[Path]:
    return [path for path in sorted(SRC.rglob("*.py")) if not str(path.relative_to(SRC)).startswith(WRITERS)]


@pytest.mark.parametrize("module", modules_that_may_not_write(), ids=lambda path: str(path.relative_to(SRC)))
def test_only_the_ledger_writes_rows_of_credits(module):
    assert list(writes_to_credits(module.read_text())) == []


@pytest.mark.parametrize(
    "line", ["hold.save()", "CreditGrant.objects.filter(id=1).update(remaining=0)", "self.run.entry.delete()"]
)
def test_a_write_past_the_ledger_is_noticed(line):
    assert list(writes_to_credits(line))


def test_writing_other_rows_is_nobodys_concern():
    assert not list(writes_to_credits("run.save()\nheaders.update(held=1)\nService.objects.create()"))
