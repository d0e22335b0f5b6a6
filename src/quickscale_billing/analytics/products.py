"""What a payment was for: each of the packs that were bought with it, with its money, else a plan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import OuterRef, Subquery

from quickscale_billing.analytics.sale import UNKNOWN, Product
from quickscale_billing.models import CreditPack, PaidSegment, Plan, Purchase
from quickscale_credits.analytics import remembered, rolling


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A part of a payment, in minor units; `amount` is with tax."""

    product: Product
    amount: int
    tax: int


@remembered
def names() -> dict[Product, str]:
    """In the order of the catalog."""
    plans = Plan.objects.order_by("position", "slug").values_list("pk", "name")
    packs = CreditPack.objects.order_by("position", "slug").values_list("pk", "name")
    return {_plan(pk): name for pk, name in plans} | {_pack(pk): name for pk, name in packs}


def _plan(pk: int | None) -> Product:
    return f"plan-{pk}" if pk else UNKNOWN


def _pack(pk: int) -> Product:
    return f"pack-{pk}"


def plan_of_invoice() -> Subquery:
    """Of a payment: the last plan that its invoice pays for."""
    segments = PaidSegment.objects.filter(stripe_invoice_id=OuterRef("invoice__stripe_id"))
    return Subquery(segments.order_by("-starts_at", "-pk").values("plan")[:1])


def bought(payments: Collection[int]) -> defaultdict[int, list[Line]]:
    """The packs that were bought with each of these."""
    found: defaultdict[int, list[Line]] = defaultdict(list)
    rows = Purchase.objects.using(rolling.database()).filter(payment__in=payments, amount__gt=0)
    for payment, pack, amount, tax in rows.order_by("pk").values_list("payment", "pack", "amount", "tax"):
        found[payment].append(Line(product=_pack(pack), amount=amount, tax=min(tax, amount)))
    return found


def whole(lines: list[Line], *, amount: int, tax: int, plan: int | None) -> list[Line]:
    """With what is left of the payment: under its plan where no pack was bought."""
    left = amount - sum(line.amount for line in lines)
    if left <= 0:
        return lines
    left_tax = min(left, max(0, tax - sum(line.tax for line in lines)))
    return [*lines, Line(product=UNKNOWN if lines else _plan(plan), amount=left, tax=left_tax)]


def parts(lines: list[Line], gone: int) -> list[tuple[int, int]]:
    """Of each line, what is gone of it and how much of that is no tax, once so much is gone of the payment.

    In proportion, and all of each line when all is gone.
    """
    total = sum(line.amount for line in lines)
    found, so_far, taken = [], 0, 0
    for line in lines:
        so_far += line.amount
        of_line = gone * so_far // total - taken
        taken += of_line
        found.append((of_line, of_line * (line.amount - line.tax) // line.amount))
    return found
