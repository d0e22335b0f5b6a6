"""What billing points at, and what the others do without it."""

import pytest

from tests.test_architecture import apps_reached_from

pytestmark = pytest.mark.once


def test_billing_points_at_credits_only():
    """Not into dj-stripe: its resets of migrations, and tests without them, must not touch us."""
    assert apps_reached_from("quickscale_billing") == {"quickscale_billing", "quickscale_credits"}


@pytest.mark.parametrize("label", ["quickscale_credits", "quickscale_services"])
def test_nobody_points_at_billing(label):
    assert "quickscale_billing" not in apps_reached_from(label)
