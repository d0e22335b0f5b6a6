"""From a file to our rows, and on to Stripe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import models, transaction

from quickscale_billing.catalog.files import PACK_FIELDS, PLAN_FIELDS, CatalogFile, Entry
from quickscale_billing.catalog.lookup import Item
from quickscale_billing.catalog.pushing import offer_of, push
from quickscale_billing.models import CreditPack, Plan, PlanPrice
from quickscale_billing.stripe import products


@dataclass
class Draft:
    """A row as the file wants it, not saved yet, and what that changes, in words."""

    item: Item
    prices: list[PlanPrice] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def save(self) -> None:
        self.item.save()
        for price in self.prices:
            price.plan_id = self.item.pk
            price.save()


def sync(file: CatalogFile) -> Iterator[str]:
    """Make rows and Stripe agree with the file; each thing done is told, in words, as it is done. May be repeated."""
    found = drafts(file)
    with transaction.atomic():
        for draft in found:
            draft.save()
    for draft in found:
        yield from draft.lines
        yield from (f"at Stripe: {line}" for line in push(draft.item))


def compare(file: CatalogFile) -> Iterator[str]:
    """What `sync` would do."""
    for draft in drafts(file):
        yield from draft.lines
        offer = offer_of(draft.item, draft.prices)
        yield from (f"at Stripe: {change.line}" for change in products.changes(offer, products.shelf_of(offer)))


def drafts(file: CatalogFile) -> list[Draft]:
    plans = [_plan(entry) for entry in file.plans]
    packs = [_pack(entry) for entry in file.packs]
    return [*plans, *_left_out(Plan, file.plans), *packs, *_left_out(CreditPack, file.packs)]


def _plan(entry: Entry) -> Draft:
    draft = _draft(Plan, PLAN_FIELDS, entry)
    on_sale = list(PlanPrice.objects.for_sale().filter(plan=draft.item.pk)) if draft.item.pk else []
    for wanted in entry.prices:
        price = next((price for price in on_sale if _is_for(price, wanted)), None)
        draft.prices.append(_priced(price, wanted, draft))
    for price in on_sale:
        if price not in draft.prices:
            price.is_active = False
            draft.prices.append(price)
            draft.lines.append(f"plan {draft.item.slug}: no longer sold by the {price.interval} in {price.currency}")
    return draft


def _pack(entry: Entry) -> Draft:
    return _draft(CreditPack, PACK_FIELDS, entry)


def _draft(model: type[Item], known: Iterable[str], entry: Entry) -> Draft:
    label, slug = model._meta.model_name, entry.values["slug"]
    kind = "plan" if label == "plan" else "pack"
    found = model._default_manager.filter(slug=slug).first()
    item: Any = found or model(slug=slug)
    lines = [] if found else [f"{kind} {slug}: new"]
    for key in known:
        value = entry.values.get(key, _default(model, key))
        if found and getattr(item, key) != value:
            lines.append(f"{kind} {slug}: {key} {getattr(item, key)} → {value}")
        setattr(item, key, value)
    return Draft(item, lines=lines)


def _priced(price: PlanPrice | None, wanted: dict[str, Any], draft: Draft) -> PlanPrice:
    per = f"{wanted['interval']} in {wanted['currency']}"
    if price is None:
        draft.lines.append(f"plan {draft.item.slug}: a price by the {per}: {wanted['amount']}")
        return PlanPrice(**wanted)
    if price.amount != wanted["amount"]:
        draft.lines.append(f"plan {draft.item.slug}: price by the {per} {price.amount} → {wanted['amount']}")
        price.amount = wanted["amount"]
    return price


def _is_for(price: PlanPrice, wanted: dict[str, Any]) -> bool:
    return (price.interval, price.currency) == (wanted["interval"], wanted["currency"])


def _left_out(model: type[Item], entries: list[Entry]) -> Iterator[Draft]:
    """What the file no longer names is taken off sale; whoever pays for it keeps it."""
    kind = "plan" if model is Plan else "pack"
    named = [entry.values["slug"] for entry in entries]
    for item in model._default_manager.filter(is_active=True).exclude(slug__in=named):
        item.is_active = False
        prices = list(item.prices.for_sale()) if isinstance(item, Plan) else []
        yield Draft(item, prices=prices, lines=[f"{kind} {item.slug}: not in the file: taken off sale"])


def _default(model: type[models.Model], key: str) -> Any:
    return model._meta.get_field(key).get_default()  # type: ignore[union-attr]
