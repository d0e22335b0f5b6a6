"""What owners agree to, in whose words, and that it is kept."""

from datetime import timedelta

import pytest
from django.utils import timezone

from quickscale_billing import billing, topup
from quickscale_billing.exceptions import PackChanged, UnknownItem
from quickscale_billing.models import CreditPack, TopUpConsent
from tests.billing.topping import agree

pytestmark = pytest.mark.once

HOUR = timedelta(hours=1)


def test_what_was_agreed_is_kept_with_who_said_so_and_when(ada):
    agreed = agree(ada)
    assert (agreed.consented_by, agreed.consented_at) == (str(ada.pk), timezone.now())
    assert (agreed.consent_wording, agreed.amount, agreed.threshold) == ("Charge my card.", 700, 20)
    assert topup.current(ada) == agreed


def test_each_time_that_somebody_agreed_is_kept(ada, calendar):
    began = timezone.now()
    agree(ada)
    calendar.shift(HOUR)
    topup.turn_on(ada, "large", threshold=30, monthly_cap=9000, wording="More of it.", actor=ada)
    second, first = TopUpConsent.objects.all()
    assert (first.consented_at, first.consent_wording, first.monthly_cap) == (began, "Charge my card.", 7000)
    assert (first.pack.slug, first.amount, first.currency, first.given) == ("small", 700, "usd", 100)
    assert (second.consented_by, second.consent_wording, second.threshold) == (str(ada.pk), "More of it.", 30)
    billing.close(ada)
    assert set(TopUpConsent.objects.values_list("consented_by", "consent_wording")) == {("", "")}


def test_what_cannot_be_meant_is_refused(ada):
    for wrong in ({"threshold": 101}, {"threshold": 0}, {"monthly_cap": 699}, {"monthly_cap": 7.5}):
        with pytest.raises(ValueError, match="not "):
            agree(ada, **wrong)
    for pack in ("pro", "none"):
        with pytest.raises(UnknownItem):
            agree(ada, pack)
    for consent in ({"wording": " ", "actor": ada}, {"wording": "Yes.", "actor": None}):
        with pytest.raises(ValueError, match="agreed"):
            topup.turn_on(ada, "small", threshold=20, monthly_cap=700, **consent)
    assert topup.current(ada) is None


@pytest.mark.parametrize("changed", [{"amount": 600}, {"credits": 99}, {"currency": "eur"}])
def test_who_was_shown_another_pack_has_agreed_to_nothing(ada, changed):
    shown = topup.offer_of(CreditPack.objects.get(slug="small"))
    CreditPack.objects.filter(slug="small").update(**changed)
    with pytest.raises(PackChanged, match="ask again"):
        agree(ada, offer=shown)
    assert (topup.current(ada), TopUpConsent.objects.count()) == (None, 0)
    assert agree(ada, offer=topup.offer_of(CreditPack.objects.get(slug="small"))).is_as_agreed
