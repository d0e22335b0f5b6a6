"""Inviting by mail, and what becomes of the link."""

from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _

from inkwell.teams.models import Invitation, Membership


class NotForYou(Exception):
    """The invitation is somebody else's, was accepted, or is too old."""


def invite(organization, email, *, link_to):
    """One open invitation an address; asked again, the same link is sent again. `link_to` makes it from the token."""
    invitation = organization.invitations.open().filter(email__iexact=email).first()
    invitation = invitation or Invitation.objects.create(organization=organization, email=email)
    context = {"organization": organization, "link": link_to(invitation.token)}
    send_mail(
        " ".join((_("Inkwell: you are invited to %s") % organization).split()),
        render_to_string("teams/invitation.txt", context),
        None,
        [email],
    )
    return invitation


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
