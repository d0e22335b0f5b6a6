"""The actions of dj-stripe's own admin, which change what is at Stripe."""

from typing import Any

import pytest
from django.contrib.admin import helpers
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from djstripe.models import Subscription

from quickscale_billing import checkout
from quickscale_billing.models import PlanSubscription
from tests.billing.webhooks import connect

pytestmark = pytest.mark.once

CANCEL = "/admin/djstripe/subscription/action/_cancel/{}/"


@pytest.mark.parametrize("name", ["subscription", "Subscription"])
@pytest.mark.parametrize("may", [False, True])
def test_who_cancels_at_stripe_must_be_allowed_to(shop: Any, client: Any, may: bool, name: str) -> None:
    connect(shop)
    shop.pay(checkout.start(get_user_model().objects.create_user("ada"), "pro"))
    staff = get_user_model().objects.create_user("staff", is_staff=True)
    if may:
        kind, _ = ContentType.objects.get_or_create(app_label="djstripe", model="subscription")
        staff.user_permissions.add(
            Permission.objects.get_or_create(content_type=kind, codename="change_subscription")[0]
        )
    client.force_login(staff)
    chosen = {helpers.ACTION_CHECKBOX_NAME: [Subscription.objects.get().pk]}
    answer = client.post(CANCEL.format(name), chosen)
    shop.webhooks.deliver()
    status = PlanSubscription.objects.get().status
    allowed = may and name == "subscription"
    assert (answer.status_code, status) == ((302, "canceled") if allowed else (403, "active"))
