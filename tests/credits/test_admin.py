"""Staff see the whole ledger in the admin, find accounts by owner, and change limits alone."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from quickscale_credits import ledger
from quickscale_credits.models import CreditAccount, SpendingLimit

MODELS = ["creditaccount", "creditgrant", "ledgerentry", "hold", "allocation"]


@pytest.fixture
def history(user):
    ledger.grant(user, 10, credit_type="promotional", expires_at=timezone.now() + timedelta(days=3))
    ledger.grant(user, 20)
    ledger.spend(user, 15, reason="work")
    ledger.hold(user, 5, reason="render")
    return CreditAccount.objects.get(owner=user)


def changelist(model):
    return reverse(f"admin:quickscale_credits_{model}_changelist")


@pytest.mark.parametrize("model", MODELS)
def test_lists_and_rows_are_shown_and_offer_no_change(admin_client, history, model):
    listed = admin_client.get(changelist(model))
    row = listed.context["cl"].queryset.first()
    detail = admin_client.get(reverse(f"admin:quickscale_credits_{model}_change", args=[row.pk]))
    assert (listed.status_code, detail.status_code) == (200, 200)
    assert not detail.context["has_change_permission"]
    assert not detail.context["has_delete_permission"]
    assert admin_client.get(reverse(f"admin:quickscale_credits_{model}_add")).status_code == 403


def test_an_owner_is_a_link_only_for_staff_who_may_open_it(client, django_user_model, history):
    staff = django_user_model.objects.create_user("sam", is_staff=True)
    client.force_login(staff)
    address = reverse("admin:quickscale_credits_creditaccount_change", args=[history.pk])
    link = reverse("admin:auth_user_change", args=[history.owner.pk])
    staff.user_permissions.set(Permission.objects.filter(codename="view_creditaccount"))
    page = client.get(address).content.decode()
    assert str(history.owner) in page
    assert link not in page
    staff.user_permissions.add(Permission.objects.get(codename="view_user"))
    assert link in client.get(address).content.decode()


@pytest.mark.parametrize("model", MODELS)
def test_posting_changes_to_the_ledger_is_refused(admin_client, history, model):
    row = admin_client.get(changelist(model)).context["cl"].queryset.first()
    address = reverse(f"admin:quickscale_credits_{model}_change", args=[row.pk])
    assert admin_client.post(address, {"amount": "1000"}).status_code == 403
    assert ledger.balance(history).total == 15


@pytest.mark.parametrize("model", [name for name in MODELS if name != "allocation"])
def test_rows_are_found_by_their_owner(admin_client, history, model):
    other = get_user_model().objects.create_user("bob", email="bob@example.com")
    ledger.grant(other, 1)
    found = admin_client.get(changelist(model), {"q": "ada"}).context["cl"].queryset
    assert found.exists()
    assert {getattr(row, "account", row) for row in found} == {history}


def test_an_account_shows_what_its_owner_would_read(admin_client, history):
    page = admin_client.get(reverse("admin:quickscale_credits_creditaccount_change", args=[history.pk]))
    assert "10 Pay as you go" in page.content.decode()
    assert f"account__id__exact={history.pk}" in page.content.decode()


def test_an_expired_grant_counts_for_nothing_in_the_list(admin_client, user, clock):
    ledger.grant(user, 10, expires_at=timezone.now() + timedelta(days=1))
    clock.shift(timedelta(days=2))
    content = admin_client.get(changelist("creditaccount")).content.decode()
    assert '<td class="field-available">0</td>' in content


def test_a_limit_is_set_in_the_admin(admin_client, history):
    form = {"account": history.pk, "member": "", "amount": "2.5", "period": "day"}
    response = admin_client.post(reverse("admin:quickscale_credits_spendinglimit_add"), form)
    assert response.status_code == 302
    assert SpendingLimit.objects.get(account=history, period="day").amount == Decimal("2.5")


def test_staff_without_permission_see_nothing(client, history):
    staff = get_user_model().objects.create_user("clerk", is_staff=True)
    client.force_login(staff)
    assert client.get(changelist("ledgerentry")).status_code == 403
