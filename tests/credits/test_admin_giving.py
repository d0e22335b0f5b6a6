"""Staff give credits by a form with a permission of its own; each use is in the ledger and in the admin's log."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django.utils import timezone, translation

from quickscale_credits import ledger
from quickscale_credits.admin import AccountSection, sections
from quickscale_credits.models import CreditAccount
from quickscale_credits.testing import assert_balance, fund

LIST = "admin:quickscale_credits_creditaccount_changelist"


@pytest.fixture
def account(user):
    fund(user, 10)
    return CreditAccount.objects.get(owner=user)


@pytest.fixture
def staff(client, db):
    """Logged in, and may look at accounts; `staff("adjust_credits")` may do that as well."""
    member = User.objects.create_user("staff", is_staff=True)

    def with_permissions(*codenames):
        wanted = Permission.objects.filter(codename__in=["view_creditaccount", *codenames])
        member.user_permissions.set(wanted)
        client.force_login(member)
        return client

    return with_permissions


def given(**changes):
    return {"amount": "5", "credit_type": "promotional", "reason": "Sorry for the delay", "token": "t-1"} | changes


def give_url(account):
    return reverse("admin:quickscale_credits_creditaccount_give", args=[account.pk])


def test_an_adjustment_needs_a_reason_and_is_written_down_twice(admin_client, account, user):
    refused = admin_client.post(give_url(account), given(reason=""))
    assert "reason" in refused.context["form"].errors
    admin_client.post(give_url(account), given())
    entry = account.entries.get(kind="adjustment")
    assert (entry.reason, entry.metadata["reason"]) == ("sorry-for-the-delay", "Sorry for the delay")
    assert "Sorry for the delay" in LogEntry.objects.get(object_id=str(account.pk)).change_message
    assert_balance(user, 15)


@pytest.mark.parametrize(
    ("amount", "told"), [("1", "+1 crédito: "), ("-1", "-1 crédito: "), ("1.5", "+1.5 créditos: ")]
)
def test_one_credit_is_told_as_one_to_the_staff_too_and_in_their_language(admin_client, account, amount, told):
    with translation.override("es"):
        answer = admin_client.post(give_url(account), given(amount=amount), follow=True)
    assert told in answer.content.decode()


def test_a_last_day_makes_it_a_grant_that_expires(admin_client, account):
    day = (timezone.now() + timedelta(days=3)).date()
    admin_client.post(give_url(account), given(last_day=day.isoformat()))
    grant = account.grants.get(credit_type="promotional")
    assert (grant.amount, grant.expires_at.date()) == (5, day + timedelta(days=1))


def test_sending_the_form_twice_gives_once(admin_client, account, user):
    for _attempt in range(2):
        admin_client.post(give_url(account), given())
    assert_balance(user, 15)


@pytest.mark.parametrize("amount", ["0", "-11", "1.0000001", "words", "9999999999999"])
def test_what_cannot_be_given_is_said_and_changes_nothing(admin_client, account, user, amount):
    answer = admin_client.post(give_url(account), given(amount=amount), follow=True)
    told = str(answer.context.get("form") and answer.context["form"].errors) + str(
        list(answer.context.get("messages", []))
    )
    assert "errorlist" in told or "missing" in told
    assert_balance(user, 10)


def test_a_past_day_is_refused(admin_client, account):
    answer = admin_client.post(give_url(account), given(last_day="2020-01-01"))
    assert "last_day" in answer.context["form"].errors


def test_without_the_permission_neither_form_nor_action_is_there(staff, account, user):
    client = staff()
    assert client.get(give_url(account)).status_code == 403
    assert client.post(give_url(account), given()).status_code == 403
    client.post(reverse(LIST), given(action="give_to_selected", _selected_action=[account.pk]))
    page = client.get(reverse("admin:quickscale_credits_creditaccount_change", args=[account.pk]))
    assert give_url(account) not in page.content.decode()
    assert_balance(user, 10)


def test_with_the_permission_the_account_page_leads_to_the_form(staff, account, user):
    client = staff("adjust_credits")
    page = client.get(reverse("admin:quickscale_credits_creditaccount_change", args=[account.pk]))
    assert give_url(account) in page.content.decode()
    client.post(give_url(account), given())
    assert_balance(user, 15)


def test_selected_accounts_are_given_to_at_once_each_once(admin_client, account, user):
    other = User.objects.create_user("bob")
    fund(other, 1)
    chosen = list(CreditAccount.objects.values_list("pk", flat=True))
    asked = {"action": "give_to_selected", "_selected_action": chosen}
    page = admin_client.post(reverse(LIST), asked)
    assert "To each of these 2 accounts" in page.content.decode()
    for _attempt in range(2):
        admin_client.post(reverse(LIST), given(**asked))
    assert_balance(user, 15)
    assert_balance(other, 6)
    assert LogEntry.objects.count() >= 2


def test_one_refusal_does_not_keep_others_from_theirs(admin_client, account, user):
    other = User.objects.create_user("bob")
    fund(other, 1)
    chosen = list(CreditAccount.objects.values_list("pk", flat=True))
    asked = given(action="give_to_selected", _selected_action=chosen, amount="-5")
    answer = admin_client.post(reverse(LIST), asked, follow=True)
    assert "4 are missing" in answer.content.decode()
    assert_balance(user, 5)
    assert_balance(other, 1)


def test_a_filtered_list_comes_as_csv_to_those_who_may(staff, account):
    fund(User.objects.create_user("bob"), 1)
    address = reverse("admin:quickscale_credits_creditaccount_export")
    assert staff().get(address).status_code == 403
    answer = staff("export_credits").get(address, {"q": "ada"})
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert lines[0] == "id,owner_id,balance,held,debt,created,modified"
    assert [line.split(",")[:3] for line in lines[1:]] == [[str(account.pk), str(account.owner_id), "10"]]


def test_a_filter_that_makes_no_sense_leads_from_the_csv_back_to_the_list(admin_client, account):
    address = reverse("admin:quickscale_credits_creditaccount_export")
    assert admin_client.get(address, {"nothing": "1"}).url == "../?e=1"


def test_csv_of_entries_defuses_formulas(admin_client, account, user):
    ledger.spend(user, 1, reason="x", reference="=HYPERLINK(1)")
    answer = admin_client.get(reverse("admin:quickscale_credits_ledgerentry_export"))
    assert b"'=HYPERLINK(1)" in b"".join(answer.streaming_content)


def test_another_app_adds_its_section_to_the_account_page(admin_client, account, monkeypatch):
    monkeypatch.setattr(sections, "_makers", [])
    sections.account_section(lambda _: AccountSection(title="Parcels", header=["Day"], rows=[["<b>Monday"]]))
    page = admin_client.get(
        reverse("admin:quickscale_credits_creditaccount_change", args=[account.pk])
    ).content.decode()
    assert "Parcels" in page
    assert "&lt;b&gt;Monday" in page


@pytest.mark.parametrize(("standing", "expected"), [("debt", "grace"), ("empty", "grace"), ("held", "ada")])
def test_accounts_are_filtered_by_how_they_stand(admin_client, account, user, standing, expected):
    grace = User.objects.create_user("grace")
    grant = fund(grace, 5).grant
    ledger.spend(grace, 5, reason="work")
    ledger.revoke(grant, reason="refund")
    ledger.hold(user, 1, reason="work")
    found = admin_client.get(reverse(LIST), {"standing": standing}).context["cl"].queryset
    assert [str(row.owner) for row in found] == [expected]
