"""What is sold: read from a file or edited in the admin, pushed to Stripe, found by slug."""

from quickscale_billing.catalog.files import CatalogFile, read
from quickscale_billing.catalog.lookup import Item, find, price_of, refuse_other_currency, slug_is_taken
from quickscale_billing.catalog.pushing import ensure_pushed, push
from quickscale_billing.catalog.syncing import compare, sync

__all__ = [
    "CatalogFile",
    "Item",
    "compare",
    "ensure_pushed",
    "find",
    "price_of",
    "push",
    "read",
    "refuse_other_currency",
    "slug_is_taken",
    "sync",
]
