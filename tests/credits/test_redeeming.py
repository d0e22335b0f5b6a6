"""Credits for a code."""

import pytest

from quickscale_credits import ledger
from quickscale_credits.exceptions import CodeNotRedeemable
from quickscale_credits.models import CreditAccount

pytestmark = pytest.mark.django_db


@pytest.mark.mariadb
@pytest.mark.parametrize("code", ["never-made", "", "nul\x00", "half\ud800", "x" * 10_000, None])
def test_a_code_that_cannot_exist_is_as_unknown_as_any_other(user, code):
    with pytest.raises(CodeNotRedeemable, match="This code cannot be redeemed"):
        ledger.redeem(user, code)
    assert not CreditAccount.objects.exists()
