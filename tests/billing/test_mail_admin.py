"""Letters in the admin: who sees them, and who may have them sent again."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.core import mail as outbox
from django.core.management import call_command

from quickscale_billing import mail
from quickscale_billing.models import Mail
from quickscale_billing.roles import make_roles
from quickscale_credits.ledger.accounts import open_account

pytestmark = [pytest.mark.once, pytest.mark.django_db]

LIST = "/admin/quickscale_billing/mail/"
NAME = "<img src=x onerror=alert(1)>"


@pytest.fixture
def failed(settings: Any) -> Mail:
    settings.QUICKSCALE_BILLING = {"MAIL": "all", "SITE_URL": "https://shop.example"}
    ada = get_user_model().objects.create_user(NAME, email="ada@example.com")
    mail.tell(Mail.Kind.CREDITS_LOW, "1", open_account(ada), about={"available": "1", "threshold": "2"})
    Mail.objects.update(state="failed", problem=f"550 no mailbox {NAME}", to="ada@example.com")
    return Mail.objects.get()


@pytest.fixture
def staff_of(client: Any) -> Any:
    """`staff_of("Support")` logs a member of that group in."""

    def log_in(role: str) -> Any:
        make_roles()
        member = get_user_model().objects.create_user(f"member-{role}", is_staff=True)
        member.groups.set(Group.objects.filter(name=role))
        client.force_login(member)
        return client

    return log_in


def resend(client: Any, row: Mail, reason: str) -> str:
    form = {"action": "resend", "_selected_action": row.pk, "reason": reason}
    return client.post(LIST, form, follow=True).content.decode()


def test_what_could_not_be_sent_is_listed_and_found_and_its_words_are_escaped(failed, admin_client):
    for query in ("?state=failed", "?q=ada@example.com", f"?q={failed.account_id}"):
        page = admin_client.get(LIST + query).content.decode()
        assert "550 no mailbox" in page
        assert NAME not in page
    assert "550 no mailbox" not in admin_client.get(LIST + "?state=sent").content.decode()
    assert NAME not in admin_client.get(f"{LIST}{failed.pk}/change/").content.decode()


def test_support_sends_again_with_a_reason_and_leaves_a_line_in_the_log(failed, staff_of):
    client = staff_of("Support")
    assert "Give a reason" in resend(client, failed, " ")
    assert not LogEntry.objects.exists()
    assert "1 letter is sent again." in resend(client, failed, "They moved")
    assert "Sent again: They moved" in LogEntry.objects.get().change_message
    assert outbox.outbox == []  # no mail server is asked in a request
    call_command("send_mail", verbosity=0)
    [letter] = outbox.outbox
    assert letter.to == ["ada@example.com"]


def test_whoever_may_only_look_sends_nothing_again(failed, client):
    viewer = get_user_model().objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_mail"))
    client.force_login(viewer)
    assert "Send the selected again" not in client.get(LIST).content.decode()
    resend(client, failed, "because")
    assert Mail.objects.get().state == "failed"


def test_whoever_has_no_permission_sees_nothing(failed, staff_of):
    assert staff_of("Analyst").get(LIST).status_code == 403
