"""Finding what is for sale."""

from __future__ import annotations

from quickscale_billing.exceptions import UnknownItem
from quickscale_billing.models import CreditPack, Plan, PlanPrice

Item = Plan | CreditPack


def find(item: Item | str) -> Item:
    """The plan or pack as the database has it now, by its row or its slug; `UnknownItem` if it is not for sale."""
    if not isinstance(item, str | Plan | CreditPack):
        raise TypeError(f"Name a Plan, a CreditPack or a slug, not a {type(item).__name__}.")
    models = (Plan, CreditPack) if isinstance(item, str) else (type(item),)
    where = {"slug": item} if isinstance(item, str) else {"pk": item.pk}
    for model in models:
        if "\x00" not in str(item) and (found := model.objects.for_sale().filter(**where).first()):
            row: Item = found
            return row
    raise UnknownItem(f"Neither a plan nor a pack that is for sale is {item!r}: {_known()}.")


def price_of(plan: Plan, interval: str, currency: str | None = None) -> PlanPrice:
    """What the plan costs now. Without a currency, the one that the plan has; of several, the one that came first."""
    prices = [price for price in plan.prices.for_sale().order_by("pk") if price.interval == interval]
    if currency is not None:
        prices = [price for price in prices if price.currency == currency.lower()]
    if not prices:
        wanted = f"by the {interval}" + (f" in {currency}" if currency else "")
        raise UnknownItem(f"The plan {plan.slug!r} is not sold {wanted}: {_prices_known(plan)}.")
    first: PlanPrice = prices[0]
    return first


def refuse_other_currency(pack: CreditPack, currency: str | None) -> None:
    if currency is not None and currency.lower() != pack.currency:
        raise UnknownItem(f"The pack {pack.slug!r} is sold in {pack.currency}, not in {currency}.")


def slug_is_taken(slug: str, *, by_other_than: type[Item]) -> bool:
    """Whether a pack has the slug wanted for a plan, or a plan that wanted for a pack."""
    other = CreditPack if by_other_than is Plan else Plan
    return other._default_manager.filter(slug=slug).exists()


def _known() -> str:
    slugs = [row.slug for model in (Plan, CreditPack) for row in model.objects.for_sale()]
    return f"for sale are {', '.join(slugs)}" if slugs else "nothing is for sale"


def _prices_known(plan: Plan) -> str:
    known = [f"{price.interval} in {price.currency}" for price in plan.prices.for_sale()]
    return f"there is {', '.join(known)}" if known else "it has no price"
