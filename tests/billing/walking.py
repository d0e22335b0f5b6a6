"""Somebody who opens every page of a project, presses every button on it, and sends every address what it may want."""

import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from itertools import product
from typing import Any
from uuid import uuid4

from django.apps import apps
from django.contrib.admin import site
from django.contrib.auth.models import Permission
from django.http import HttpResponseBase
from django.test import Client
from django.urls import get_resolver

PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
OF_A_ROW = re.compile(r"^admin/(\w+)/(\w+)/<(?:\w+:)?\w+>/")
# What forms ask for, under all names that are known.
GIVEN = {
    "amount": "1.00",
    "reason": "because",
    "cancel": "on",
    "agreed": "on",
    "confirm": "yes",
    "post": "yes",
    "days": "30",
    "action": "refund",
    "index": "0",
    "select_across": "1",
}
ROWS_EACH = 2
# Where whoever may write gives themselves any permission; and dj-stripe's page of actions, the same for all its models.
LEFT_OUT = re.compile(r"^admin/auth/|^admin/djstripe/(?!subscription/)\w+/action/")


class Forms(HTMLParser):
    """Each form of a page as (action, fields), as it comes, with something where it must not be empty."""

    @classmethod
    def of(cls, page: str) -> list[tuple[str, dict[str, Any]]]:
        found = cls()
        found.forms, found.select, found.choices = [], "", {}
        found.feed(page)
        return found.forms

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append((told.get("action", ""), {}))
        elif self.forms and tag in ("input", "textarea", "button") and told.get("name"):
            wanted = GIVEN.get(told["name"], "1" if "required" in told else "")
            self.fields.setdefault(told["name"], told.get("value") or wanted)
        elif self.forms and tag == "select":
            self.select = told.get("name", "")
        elif self.forms and tag == "option" and self.select and told.get("value"):
            self.choices.setdefault(self.select, []).append(told["value"])
            if "selected" in told or self.select not in self.fields:
                self.fields[self.select] = told["value"]

    @property
    def fields(self) -> dict[str, Any]:
        return self.forms[-1][1]


class Walker:
    def __init__(self, user: Any, arguments: dict[str, list[Any]]) -> None:
        """`arguments` are what a parameter of an address may be, where it names no row of the admin."""
        self.user, self.arguments = user, arguments
        self.client = Client(raise_request_exception=False)
        self.answers: dict[str, set[int]] = {}

    def walk(self) -> None:
        for route in sorted(routes(get_resolver().url_patterns)):
            if not LEFT_OUT.match(route):
                for address in self.addresses(route):
                    self.visit(address)
        for admin in site._registry.values():
            self.act(admin)

    def visit(self, address: str) -> None:
        page = self.ask("get", address)
        self.press(address, page)
        self.ask("post", address, GIVEN | {"token": str(uuid4())})

    def act(self, admin: Any) -> None:
        """Each action by its name, whether it is offered or not, and what it asks on a page of its own."""
        meta, offered = admin.model._meta, [name for _, name, _ in admin._get_base_actions()]
        address = f"/admin/{meta.app_label}/{meta.model_name}/"
        chosen = {"_selected_action": [str(pk) for pk in keys(admin.model)] or ["1"]}
        for name in [*offered, "refund", "_cancel"]:
            answer = self.ask("post", address, GIVEN | chosen | {"action": name})
            self.press(address, answer, **chosen)

    def press(self, address: str, page: HttpResponseBase, **chosen: Any) -> None:
        """Send each form of the page as it stands there."""
        shown = "" if page.streaming else page.content.decode(errors="replace")
        for action, fields in Forms.of(shown):
            self.ask("post", action if action.startswith("/") else address, fields | chosen | {"post": "yes"})

    def ask(self, method: str, address: str, data: dict[str, Any] | None = None) -> HttpResponseBase:
        self.client.force_login(self.user)  # also where the last page was that of leaving
        as_json = {"content_type": "application/json"} if address.startswith("/api/") else {}
        answer: HttpResponseBase = getattr(self.client, method)(address, data, **(as_json if method == "post" else {}))
        self.answers.setdefault(address, set()).add(answer.status_code)
        return answer

    def addresses(self, route: str) -> Iterator[str]:
        row = OF_A_ROW.match(route)
        known = {name: self.arguments.get(name, ["1"]) for name in PARAMETER.findall(route)}
        if row:
            known |= dict.fromkeys(list(known)[:1], keys(apps.get_model(row[1], row[2])) or ["1"])
        for given in product(*known.values()):
            address = route
            for name, value in zip(known, given, strict=True):
                address = re.sub(rf"<(?:\w+:)?{name}>", str(value), address)
            yield f"/{address}"


def routes(patterns: Iterable[Any], before: str = "") -> Iterator[str]:
    """All but those of regular expressions, which lead on to others."""
    for pattern in patterns:
        route = f"{before}{pattern.pattern}"
        if hasattr(pattern, "url_patterns"):
            yield from routes(pattern.url_patterns, route)
        elif "(?P" not in route:
            yield route


def keys(model: Any) -> list[Any]:
    return list(model._default_manager.order_by("pk").values_list("pk", flat=True)[:ROWS_EACH])


def allow_all_but(user: Any, *codenames: str) -> None:
    user.user_permissions.set(Permission.objects.exclude(codename__in=codenames))
