"""The catalog file: TOML with a table for each plan and each pack."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from quickscale_billing.exceptions import CatalogInvalid
from quickscale_billing.models import CreditPack, Interval, Plan, PlanPrice

PLAN_FIELDS = (
    "slug",
    "name",
    "description",
    "credits",
    "refill_every",
    "signup_bonus",
    "trial_days",
    "trial_credits",
    "unused",
    "rollover_cap",
    "features",
    "position",
    "is_active",
)
PACK_FIELDS = (
    "slug",
    "name",
    "description",
    "credits",
    "bonus_credits",
    "amount",
    "currency",
    "position",
    "is_active",
)
PRICE_FIELDS = ("interval", "amount", "currency")
TABLES = ("currency", "plans", "packs")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A plan or a pack of the file: values of columns, and for a plan those of its prices."""

    values: dict[str, Any]
    prices: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class CatalogFile:
    path: Path
    plans: list[Entry]
    packs: list[Entry]


def read(path: str | Path) -> CatalogFile:
    """Raises `CatalogInvalid`, which names the file, the line and the entry."""
    return _Reader(Path(path)).read()


class _Reader:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.where = ""

    def read(self) -> CatalogFile:
        self.text = self._text()
        self.tables = self._tables()
        self._refuse_unknown(self.tables, TABLES)
        plans = [self._plan(*found) for found in self._entries("plans")]
        packs = [self._pack(*found) for found in self._entries("packs")]
        self._refuse_twice([entry.values["slug"] for entry in [*plans, *packs]])
        return CatalogFile(path=self.path, plans=plans, packs=packs)

    def _text(self) -> str:
        try:
            return self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CatalogInvalid(f"The catalog {self.path} cannot be read: {error}") from error

    def _tables(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self.text, parse_float=Decimal)
        except tomllib.TOMLDecodeError as error:
            raise CatalogInvalid(f"{self.path} is no TOML: {error}") from error

    def _entries(self, table: str) -> Iterator[tuple[int, dict[str, Any]]]:
        """Each with its number, and with `where` set to what an error about it begins with."""
        found = self.tables.get(table, [])
        self.where = f"{self.path}"
        if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
            raise self._error(f"{table} must be tables, each under [[{table}]]")
        header = re.compile(rf"^\s*\[\[\s*{table}\s*\]\]", re.MULTILINE)
        lines = [self.text.count("\n", 0, match.end()) + 1 for match in header.finditer(self.text)]
        for number, entry in enumerate(found):
            line = f", line {lines[number]}" if number < len(lines) else ""
            self.where = f"{self.path}{line}, {table[:-1]} {entry.get('slug', number + 1)!r}"
            yield number, entry

    def _plan(self, number: int, table: dict[str, Any]) -> Entry:
        self._refuse_unknown(table, (*PLAN_FIELDS, "prices"))
        values = {"position": number} | {key: value for key, value in table.items() if key != "prices"}
        self._check(Plan, values, PLAN_FIELDS, required=("slug", "name", "credits"))
        if values.get("rollover_cap") is not None and values.get("unused") != "rollover":
            raise self._error('rollover_cap needs unused = "rollover"')
        features = values.get("features", [])
        if not isinstance(features, list) or not all(isinstance(line, str) for line in features):
            raise self._error('features must be a list of lines, such as ["Priority support"]')
        return Entry(values=values, prices=self._prices(table.get("prices", [])))

    def _pack(self, number: int, table: dict[str, Any]) -> Entry:
        self._refuse_unknown(table, PACK_FIELDS)
        values = {"position": number} | self._with_currency(table)
        self._check(CreditPack, values, PACK_FIELDS, required=("slug", "name", "credits", "amount"))
        if Decimal(str(values["credits"])) <= 0:
            raise self._error("credits must be above 0")
        if values["amount"] <= 0:
            raise self._error("amount must be above 0")
        return Entry(values=values)

    def _prices(self, tables: Any) -> list[dict[str, Any]]:
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise self._error('prices must be a list such as [{ interval = "month", amount = 900 }]')
        prices = []
        for table in tables:
            self._refuse_unknown(table, PRICE_FIELDS)
            prices.append({"interval": Interval.MONTH} | self._with_currency(table))
            self._check(PlanPrice, prices[-1], PRICE_FIELDS, required=("amount",))
        pairs = [f"{price['interval']} in {price['currency']}" for price in prices]
        if twice := next((pair for pair in pairs if pairs.count(pair) > 1), None):
            raise self._error(f"there are two prices for a {twice}")
        return prices

    def _with_currency(self, table: dict[str, Any]) -> dict[str, Any]:
        currency = table.get("currency", self.tables.get("currency"))
        if not isinstance(currency, str):
            raise self._error('a currency is missing: write one here, or currency = "usd" at the top of the file')
        return table | {"currency": currency.lower()}

    def _check(
        self, model: type[models.Model], values: dict[str, Any], known: tuple[str, ...], *, required: tuple[str, ...]
    ) -> None:
        if missing := [key for key in required if key not in values]:
            raise self._error(f"{missing[0]} is missing")
        for key in known:
            if key in values:
                values[key] = self._cleaned(model, key, values[key])

    def _cleaned(self, model: type[models.Model], key: str, value: Any) -> Any:
        column = model._meta.get_field(key)
        expected = _type_of(column)
        if expected and (not isinstance(value, expected[0]) or (isinstance(value, bool) and bool not in expected[0])):
            raise self._error(f"{key} must be {expected[1]}, not {value!r}")
        try:
            return column.clean(value, None)  # type: ignore[union-attr]
        except ValidationError as error:
            raise self._error(f"{key}: {' '.join(error.messages)}") from error

    def _refuse_unknown(self, table: Mapping[str, Any], known: tuple[str, ...]) -> None:
        for key in table:
            if key not in known:
                close = get_close_matches(key, known, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"there is {', '.join(known)}"
                raise self._error(f"nothing is called {key!r} here: {hint}")

    def _refuse_twice(self, slugs: list[str]) -> None:
        self.where = f"{self.path}"
        if twice := next((slug for slug in slugs if slugs.count(slug) > 1), None):
            raise self._error(f"the slug {twice!r} is there twice; plans and packs share one namespace")

    def _error(self, problem: str) -> CatalogInvalid:
        return CatalogInvalid(f"{self.where or self.path}: {problem.rstrip('.')}.")


def _type_of(column: Any) -> tuple[tuple[type, ...], str] | None:
    """What TOML must have for a column, and how to say so."""
    from quickscale_billing.fields import MinorUnitsField
    from quickscale_credits.fields import CreditField

    if isinstance(column, MinorUnitsField):
        return (int,), "whole minor units, such as 4900 for 49.00 dollars"
    if isinstance(column, CreditField):
        return (int, Decimal, str), "an amount, such as 500 or 2.5"
    if isinstance(column, models.BooleanField):
        return (bool,), "true or false"
    if isinstance(column, models.IntegerField):
        return (int,), "a whole number"
    if isinstance(column, models.CharField | models.TextField):
        return (str,), "text"
    return None
