from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission

from quickscale_credits import ledger
from quickscale_credits.exceptions import IdempotencyConflict, NotReversible
from quickscale_credits.models import LedgerEntry
from quickscale_credits.testing import assert_balance, fund
from quickscale_services.crediting import credit_back, credited_back
from quickscale_services.exceptions import ServiceFailed
from quickscale_services.models import ServiceRun
from quickscale_services.testing import run_service
from tests.services.samples import doing

RUNS = "/admin/quickscale_services/servicerun/"


@pytest.fixture
def charged(user):
    return run_service("count-words", user, text="one").run


@pytest.fixture
def failed(user):
    def fail(context):
        raise ValueError

    with pytest.raises(ServiceFailed):
        run_service(type(doing(fail)), user)
    return ServiceRun.objects.get(status="failed")


def page_of(run):
    return f"{RUNS}{run.pk}/change/"


def form_of(run):
    return f"{RUNS}{run.pk}/credit-back/"


def test_what_a_run_was_charged_goes_back_to_the_grants_that_paid(user, charged):
    entry = credit_back(charged, reason="Wrong result", actor=user)
    assert (entry.kind, entry.origin, entry.amount) == ("reversal", charged.entry, 2)
    assert (entry.metadata["reason"], entry.actor) == ("Wrong result", str(user.pk))
    assert_balance(user, 2)


def test_a_part_of_it_can_be_given_back(user, charged):
    credit_back(charged, "0.5", reason="Half wrong")
    assert_balance(user, "0.5")


def test_for_a_run_that_cost_nothing_credits_are_granted(user, failed):
    entry = credit_back(failed, 3, reason="Sorry for the trouble")
    assert (entry.kind, entry.grant.credit_type, entry.reference) == ("grant", "promotional", str(failed.pk))
    assert_balance(user, 2 + 3)


def test_a_run_is_credited_back_once(user, charged):
    first = credit_back(charged, 1, reason="Wrong")
    assert credit_back(charged, 1, reason="Wrong, says a colleague") == first
    with pytest.raises(IdempotencyConflict):
        credit_back(charged, 2, reason="Wrong")
    assert credited_back(charged) == first
    assert_balance(user, 1)


def test_never_more_than_is_left_of_the_charge(user, charged):
    ledger.reverse(charged.entry, "1.5", reason="by-hand")
    with pytest.raises(NotReversible, match=r"Only 0\.5"):
        credit_back(charged, 2, reason="Wrong")
    assert credit_back(charged, reason="Wrong").amount == Decimal("0.5")


def test_one_credit_back_is_told_as_one(admin_client, charged):
    assert "charged 2 credits." in admin_client.get(form_of(charged)).content.decode()
    form = {"amount": "1", "reason": "Wrong"}
    assert "1 credit back: Wrong" in admin_client.post(form_of(charged), form, follow=True).content.decode()


def test_a_run_under_way_cannot_be_credited_back(user, charged):
    ServiceRun.objects.filter(pk=charged.pk).update(status="failed", cost=0, entry=None)
    charged.refresh_from_db()
    charged.status = "running"
    with pytest.raises(ValueError, match="has not ended"):
        credit_back(charged, 1, reason="Impatient")


@pytest.mark.parametrize(("amount", "reason"), [(1, ""), (1, "  "), (None, "Nothing was charged"), (-1, "Less")])
def test_a_credit_needs_a_reason_and_an_amount(failed, amount, reason):
    with pytest.raises(ValueError, match=r"why|how many|amount"):
        credit_back(failed, amount, reason=reason)
    assert credited_back(failed) is None


def test_staff_credit_a_run_back_with_a_reason_that_is_logged_and_shown(admin_client, admin_user, user, charged):
    assert form_of(charged) in admin_client.get(page_of(charged)).content.decode()
    response = admin_client.post(form_of(charged), {"amount": "2", "reason": "<b>Wrong</b> result"})
    assert response.status_code == 302
    [entry] = LedgerEntry.objects.filter(kind="reversal")
    assert entry.actor == str(admin_user.pk)
    assert "<b>Wrong</b> result" in LogEntry.objects.get().change_message
    page = admin_client.get(page_of(charged)).content.decode()
    assert "&lt;b&gt;Wrong&lt;/b&gt; result" in page
    assert form_of(charged) not in page
    assert_balance(user, 2)


def test_sending_the_form_twice_gives_once(admin_client, user, charged):
    for _ in range(2):
        assert admin_client.post(form_of(charged), {"amount": "2", "reason": "Wrong"}).status_code == 302
    assert LogEntry.objects.count() == 1
    assert_balance(user, 2)


def test_the_form_begins_with_what_was_charged_and_says_when_it_was_nothing(admin_client, charged, failed):
    assert 'value="2"' in admin_client.get(form_of(charged)).content.decode()
    assert "in promotional credits" in admin_client.get(form_of(failed)).content.decode()


@pytest.mark.parametrize(
    ("amount", "reason"), [("", "Wrong"), ("2", ""), ("0", "Wrong"), ("-1", "Wrong"), ("3", "Wrong"), ("x", "Wrong")]
)
def test_what_cannot_be_given_back_is_told_in_the_form(admin_client, user, charged, amount, reason):
    response = admin_client.post(form_of(charged), {"amount": amount, "reason": reason})
    assert response.status_code == 200
    assert "errorlist" in response.content.decode()
    assert LedgerEntry.objects.filter(kind="reversal").count() == LogEntry.objects.count() == 0


def test_crediting_back_needs_a_permission_of_its_own(client, user, charged):
    user.is_staff = True
    user.save()
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="quickscale_services"))
    user.user_permissions.remove(Permission.objects.get(codename="credit_back_run"))
    client.force_login(user)
    assert form_of(charged) not in client.get(page_of(charged)).content.decode()
    assert client.post(form_of(charged), {"amount": "2", "reason": "Wrong"}).status_code == 403
    user.user_permissions.set(Permission.objects.filter(codename__in=["credit_back_run", "view_servicerun"]))
    assert client.post(form_of(charged), {"amount": "2", "reason": "Wrong"}).status_code == 302


@pytest.mark.parametrize("run_id", ["nope", "3f1c3a52-6f0d-4a53-9d6a-0b8a5a0f6a11"])
def test_a_run_that_is_none_is_not_found(admin_client, run_id):
    assert admin_client.get(f"{RUNS}{run_id}/credit-back/").status_code == 404


def test_an_erased_owners_run_can_still_be_credited_back(user, charged):
    account = charged.account
    user.delete()
    charged.refresh_from_db()
    assert credit_back(charged, reason="Wrong").account == account


def test_runs_are_found_by_error_and_downloaded(admin_client, failed, charged):
    page = admin_client.get(RUNS, {"q": "service_failed"}).content.decode()
    assert str(failed.pk) in page
    assert str(charged.pk) not in page
    lines = admin_client.get(f"{RUNS}export/", {"q": "service_failed"}).getvalue().decode().splitlines()
    assert [line.split(",")[0] for line in lines] == ["id", str(failed.pk)]


def test_a_gift_does_not_touch_what_the_owner_has(user, failed):
    fund(user, 10)
    credit_back(failed, 1, reason="Sorry")
    assert ledger.balance(user).by_type["promotional"] == 1


def test_the_owner_sees_it_on_the_page_of_the_run(client, user, charged):
    client.force_login(user)
    page = f"/services/runs/{charged.pk}/"
    assert "Credited back" not in client.get(page).content.decode()
    credit_back(charged, "0.5", reason="Half wrong")
    assert "<dt>Credited back</dt><dd>0.5 credits</dd>" in client.get(page).content.decode()
