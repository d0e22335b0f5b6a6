"""A site that sends all its mail."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model

from tests.billing.letters import SETTINGS
from tests.billing.webhooks import connect


@pytest.fixture
def ada(db: None, settings: Any) -> Any:
    """Of a site that sends all its mail."""
    settings.QUICKSCALE_BILLING = SETTINGS | {"MAIL_STAFF": ["boss@shop.example"]}
    return get_user_model().objects.create_user("ada", email="ada@example.com", first_name="Ada", last_name="Lovelace")


@pytest.fixture
def buyer(clock: Any, shop: Any, ada: Any) -> Any:
    connect(shop)
    return ada
