"""What the commands of the ledger share: progress, and errors that say what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.db.models import Model

from quickscale_credits.conf import owner_model
from quickscale_credits.exceptions import CreditsError

T = TypeVar("T")

LINE_EVERY = 10_000


class LedgerCommand(BaseCommand):
    """Subclasses write `run`. What they did is kept when they are stopped, so that running them again goes on."""

    when_stopped = "What was done is kept: run it again to go on."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.run(**options)
        except KeyboardInterrupt:
            raise CommandError(f"Stopped. {self.when_stopped}", returncode=130) from None
        except DatabaseError as error:
            raise CommandError(f"The database refused: {error}\nIs it up, and was `migrate` run?") from error
        except (CreditsError, ImproperlyConfigured, OSError) as error:
            raise CommandError(str(error)) from error

    def run(self, *args: Any, **options: Any) -> None:
        raise NotImplementedError("A command of the ledger writes run().")

    def counted(self, items: Iterable[T], unit: str) -> Iterator[T]:
        """A bar where standard error is a terminal and tqdm is installed, else a line every ten thousand."""
        try:
            from tqdm import tqdm  # type: ignore[import-untyped]
        except ImportError:
            tqdm = None
        if tqdm is not None and self.stderr.isatty():
            yield from tqdm(items, unit=f" {unit}")
            return
        for count, item in enumerate(items, 1):
            yield item
            if count % LINE_EVERY == 0:
                self.stderr.write(f"{count:,} {unit}")


def named_owner(key: str) -> Model:
    """The owner with this primary key, as it was typed."""
    model = apps.get_model(owner_model())
    try:
        owner: Model | None = model._default_manager.filter(pk=key).first()
    except (TypeError, ValueError, ValidationError) as error:
        raise CommandError(f"{key!r} is no primary key of {model._meta.label}.") from error
    if owner is None:
        raise CommandError(f"There is no {model._meta.label} with the primary key {key}.")
    return owner
