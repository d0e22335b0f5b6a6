"""A letter goes out at most once by itself, whoever fails, dies or is there twice."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core import mail as outbox
from django.core.management import CommandError, call_command
from django.db import transaction

from quickscale_billing import checkout, facts, mail
from quickscale_billing.mail.sending import ABANDONED_AFTER, MOST_TRIES
from quickscale_billing.models import Mail
from quickscale_credits.ledger.accounts import open_account
from quickscale_credits.testing import assert_balance
from tests.stories.threads import at_once

pytestmark = pytest.mark.django_db

SITE = {"MAIL": "all", "SITE_URL": "https://shop.example"}
DEADLY_SWEEP = """
from django.conf import settings
from django.core.management import CommandError, call_command
settings.QUICKSCALE_BILLING = {"MAIL": "all", "SITE_URL": "https://shop.example"}
settings.EMAIL_BACKEND = "tests.billing.mailers.Deadly"
call_command("send_mail")
"""


@pytest.fixture
def ada(db: None, settings: Any) -> Any:
    settings.QUICKSCALE_BILLING = SITE
    return get_user_model().objects.create_user("ada", email="ada@example.com")


def letter(owner: Any, key: str = "1") -> Mail:
    mail.tell(Mail.Kind.CREDITS_LOW, key, open_account(owner), about={"available": "1", "threshold": "2"})
    return Mail.objects.get(key=key)


def sweep() -> None:
    call_command("send_mail", verbosity=0)


def by(settings: Any, name: str) -> None:
    settings.EMAIL_BACKEND = f"tests.billing.mailers.{name}"


def states() -> list[str]:
    return list(Mail.objects.order_by("pk").values_list("state", flat=True))


def test_what_is_rolled_back_is_told_to_nobody(ada):
    with transaction.atomic():
        letter(ada)
        transaction.set_rollback(True)
    sweep()
    assert outbox.outbox == []


def test_a_letter_that_a_mailer_refuses_is_listed_and_sent_again_by_hand_alone(ada, settings, capsys):
    row = letter(ada)
    usual = settings.EMAIL_BACKEND
    by(settings, "Refusing")
    sweep()
    row.refresh_from_db()
    assert (row.state, row.to, "no such mailbox" in row.problem) == ("failed", "ada@example.com", True)
    assert "1 have failed" in capsys.readouterr().out
    settings.EMAIL_BACKEND = usual
    sweep()
    assert outbox.outbox == []
    assert mail.resend(row.pk)
    assert not mail.resend(row.pk)  # it waits already
    sweep()
    assert (states(), len(outbox.outbox)) == (["sent"], 1)


def test_where_the_server_cannot_be_reached_a_letter_waits_for_it(ada, settings, clock):
    letter(ada)
    usual = settings.EMAIL_BACKEND
    by(settings, "Unreachable")
    sweep()
    sweep()
    row = Mail.objects.get()
    assert (row.state, row.attempts) == ("waiting", 1)
    settings.EMAIL_BACKEND = usual
    clock.shift(timedelta(minutes=1))
    sweep()
    assert (states(), len(outbox.outbox)) == (["sent"], 1)


def test_after_a_day_without_a_server_somebody_must_look(ada, settings, clock):
    letter(ada)
    by(settings, "Unreachable")
    for _ in range(MOST_TRIES):
        sweep()
        clock.shift(timedelta(hours=1))
    assert states() == ["failed"]
    assert MOST_TRIES >= 24


@pytest.mark.parametrize("about", [{}, {"available": "much", "threshold": "2"}])
def test_a_letter_that_cannot_be_written_has_failed_and_keeps_none_waiting(ada, about):
    mail.tell(Mail.Kind.CREDITS_LOW, "broken", open_account(ada), about=about)
    letter(ada)
    sweep()
    assert (states(), len(outbox.outbox)) == (["failed", "sent"], 1)


def test_nobody_is_written_to_without_an_address_or_about_what_is_long_past(ada, clock, settings):
    old = letter(ada, "old")
    switched_off = letter(ada, "off")
    clock.shift(timedelta(days=8))
    Mail.objects.filter(pk=switched_off.pk).update(happened_at=old.happened_at + timedelta(days=8))
    settings.QUICKSCALE_BILLING = SITE | {"MAIL": ["receipt"]}
    mail.send(switched_off.pk)
    settings.QUICKSCALE_BILLING = SITE
    get_user_model().objects.update(email="")
    letter(ada, "nowhere")
    sweep()
    assert (states(), outbox.outbox) == (["dropped"] * 3, [])
    assert set(Mail.objects.values_list("problem", flat=True)) == {
        "It happened too long ago.",
        "MAIL has this kind switched off.",
        "There is nobody to send it to.",
    }


def test_a_mailer_that_fails_never_fails_a_sale(shop, ada, settings):
    by(settings, "Refusing")
    settings.QUICKSCALE_BILLING = SITE | {"QUEUE": "quickscale_billing.queueing.work"}  # at once, in this process
    session = checkout.start(ada, "large")
    shop.pay(session)
    facts.settle_session(session.stripe_id)
    sweep()
    assert_balance(ada, 1_050)
    assert states() == ["failed"]


def test_a_setting_that_cannot_be_used_fails_no_sale_and_keeps_letters_waiting(ada, settings):
    letter(ada)
    settings.QUICKSCALE_BILLING = {"MAIL": "al", "QUEUE": 7}
    letter_of_nothing = mail.tell(Mail.Kind.CREDITS_LOW, "2", open_account(ada), about={})
    with pytest.raises(CommandError, match="MAIL"):
        sweep()
    assert (letter_of_nothing, states()) == (False, ["waiting"])


@pytest.mark.django_db(transaction=True)
def test_mail_is_not_sent_inside_a_transaction(ada):
    row = letter(ada)
    with transaction.atomic(), pytest.raises(RuntimeError, match="Sending mail"):
        mail.send(row.pk)


@pytest.mark.django_db(transaction=True)
def test_three_sweeps_at_once_send_each_letter_once(ada):
    for number in range(12):
        letter(ada, str(number))
    outbox.outbox = []
    at_once(3, sweep)
    assert (len(outbox.outbox), set(states())) == (12, {"sent"})


@pytest.mark.django_db(transaction=True)
def test_a_process_that_dies_over_a_letter_leaves_it_to_a_person(ada, spawn):
    row = letter(ada)
    died = spawn(DEADLY_SWEEP)
    assert died.communicate(timeout=60)[0].strip() == "Your credits run low"
    sweep()
    assert (states(), outbox.outbox) == (["sending"], [])
    Mail.objects.update(claimed_at=Mail.objects.get().claimed_at - ABANDONED_AFTER)
    sweep()
    sweep()
    row.refresh_from_db()
    assert (row.state, outbox.outbox) == ("failed", [])
    assert "it may have arrived" in row.problem
    mail.resend(row.pk)
    sweep()
    assert len(outbox.outbox) == 1


def test_whoever_comes_back_late_does_not_speak_for_a_later_attempt(ada, settings):
    row = letter(ada)
    settings.EMAIL_BACKEND = f"{__name__}.SlowMailer"
    SlowMailer.meanwhile = lambda: Mail.objects.update(state="sending", attempts=2)
    mail.send(row.pk)
    assert states() == ["sending"]


class SlowMailer:
    meanwhile: Any

    def __init__(self, **options: Any) -> None: ...

    def send_messages(self, messages: Any) -> int:
        SlowMailer.meanwhile()
        return len(messages)
