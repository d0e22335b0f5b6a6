"""Fixtures of billing: a catalog at the simulator, and somebody to sell it to."""

from pathlib import Path
from typing import Any

import pytest

from quickscale_billing import catalog

CATALOG = Path(__file__).with_name("catalog.toml")


@pytest.fixture
def shop(stripe_simulator: Any, db: None) -> Any:
    """The simulator, with the catalog of `catalog.toml` on sale."""
    list(catalog.sync(catalog.read(CATALOG)))
    return stripe_simulator
