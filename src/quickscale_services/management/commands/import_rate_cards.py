from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from quickscale_credits.management.ledger_command import LedgerCommand
from quickscale_services.models import RateCard
from quickscale_services.pricing.quantities import quantity


class Command(LedgerCommand):
    help = (
        "Make rate cards of models from their published prices, offline, with the package genai-prices. "
        "A model whose card in force says the same already gets no new version."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("models", nargs="+", metavar="MODEL", help="as it is called in requests")
        parser.add_argument("--credits-per-dollar", required=True, metavar="N", help="what a dollar is in your credits")
        parser.add_argument("--margin", default="0", metavar="M", help="put on top: 0.25 for a quarter more")
        parser.add_argument("--provider", metavar="ID", help="whose prices, where several sell a model: openai, azure…")
        parser.add_argument("--dry-run", action="store_true", help="say what would be made, and make nothing")

    def run(self, *, models: list[str], dry_run: bool, **options: Any) -> None:
        new = [card for card in _cards(models, **options) if self._is_new(card)]
        if not dry_run:
            with transaction.atomic():
                for card in new:
                    card.save()
        self.stdout.write(f"{len(new)} rate cards {'would be made' if dry_run else 'made'}.")

    def _is_new(self, card: RateCard) -> bool:
        current = RateCard.objects.in_force().filter(model=card.model).first()
        if current and current.agrees_with(card):
            self.stdout.write(f"{current}: as before")
            return False
        prices = ", ".join(f"{unit.removesuffix('_tokens')} {price:f}" for unit, price in card.prices.items())
        self.stdout.write(f"{card.model}: {prices} credits for a million tokens, margin {card.margin} ({card.note})")
        return True


def _cards(
    models: list[str], *, credits_per_dollar: str, margin: str, provider: str | None, **options: Any
) -> list[RateCard]:
    """All of them, or none: a misspelled name must not leave the others made."""
    try:
        from quickscale_services.pricing.known_prices import Terms, UnknownModel, card_of
    except ImportError as error:
        raise CommandError(f'{error}. Install it: pip install "django-quickscale[prices]"') from error
    worth = _number(credits_per_dollar, "--credits-per-dollar", places=6)
    if not worth:
        raise CommandError("--credits-per-dollar must be above 0, or every token would be free.")
    terms = Terms(credits_per_dollar=worth, margin=_number(margin, "--margin", places=4))
    try:
        return [card_of(model, terms, provider=provider) for model in dict.fromkeys(models)]
    except UnknownModel as error:
        raise CommandError(f"{error} Name it as its provider does, or make its card in the admin.") from error


def _number(text: str, option: str, *, places: int) -> Decimal:
    try:
        return quantity(text, option, places=places)
    except ValueError as error:
        raise CommandError(str(error)) from error
