"""Inviting by mail, and what becomes of the link."""

from hashlib import sha256

from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _

from inkwell.accounts.letters import page_of
from inkwell.operations.limits import is_within
from inkwell.teams.members import lock
from inkwell.teams.models import Invitation, Membership

DAY = 24 * 60 * 60
# So that nobody fills mailboxes in our name, whatever teams they found for it: letters a day.
LETTERS_OF_A_TEAM = 30
LETTERS_OF_A_USER = 30
LETTERS_TO_AN_ADDRESS = 3


class AlreadyMember(Exception):
    """Whoever has the address."""


class TooManyLetters(Exception):
    """For today."""


class NotForYou(Exception):
    """The invitation is somebody else's, was accepted, or is too old."""


def invite(organization, email, *, by, link_to):
    """One open invitation an address; asked again, the same link is sent again. `link_to` makes it from the token.

    Raises `AlreadyMember` and `TooManyLetters`; and `OSError`, as `smtplib` does, where the mail server does not take
    the letter: the invitation stays then, and its letter is sent when it is asked for again.
    """
    if organization.members.filter(email__iexact=email).exists():
        raise AlreadyMember
    if not may_send(organization, email, by):
        raise TooManyLetters
    invitation = open_invitation(organization, email)
    send(invitation, link_to(invitation.token))
    Invitation.objects.filter(pk=invitation.pk).update(sent_at=timezone.now())


def may_send(organization, email, user):
    counts = {
        f"invitations:to:{sha256(email.lower().encode()).hexdigest()}": LETTERS_TO_AN_ADDRESS,
        f"invitations:of-team:{organization.pk}": LETTERS_OF_A_TEAM,
        f"invitations:of-user:{user.pk}": LETTERS_OF_A_USER,
    }
    return all(is_within(key, times=times, seconds=DAY) for key, times in counts.items())


@transaction.atomic
def open_invitation(organization, email):
    lock(organization)
    found = organization.invitations.open().filter(email__iexact=email).first()
    return found or organization.invitations.create(email=email)


def send(invitation, link):
    subject = " ".join((_("Inkwell: you are invited to %s") % invitation.organization).split())
    body = render_to_string("teams/invitation.txt", {"organization": invitation.organization, "link": link})
    send_mail(subject, body, None, [invitation.email], html_message=page_of(subject, body))


@transaction.atomic
def accept(token, user):
    """The organization that the user is a member of then. Raises `NotForYou`."""
    invitation = Invitation.objects.select_for_update().open().filter(token=token).first()
    if invitation is None or not has_address(user, invitation.email):
        raise NotForYou
    invitation.accepted_at = timezone.now()
    invitation.save(update_fields=["accepted_at"])
    Membership.objects.get_or_create(organization=invitation.organization, user=user)
    return invitation.organization


def has_address(user, email):
    """An address counts only when it is known to be theirs."""
    return user.emailaddress_set.filter(email__iexact=email, verified=True).exists()
