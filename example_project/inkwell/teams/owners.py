"""Whose credits a request means, where they belong to organizations."""

from dataclasses import replace

from inkwell.accounts import preferences
from inkwell.teams.models import Membership, Organization
from quickscale_billing import mail

SESSION_KEY = "organization"


def current_membership(request):
    """The one chosen in this session, else the oldest; None for a visitor. Asked of the database once a request."""
    if not request.user.is_authenticated:
        return None
    if not hasattr(request, "_membership"):
        mine = Membership.objects.filter(user=request.user).select_related("organization", "user")
        chosen = mine.filter(organization=request.session.get(SESSION_KEY)).first()
        request._membership = chosen or mine.first()
    return request._membership


def current_organization(request):
    """`QUICKSCALE_CREDITS["OWNER_RESOLVER"]`: always through a membership, so that nobody reaches another's credits."""
    membership = current_membership(request)
    return membership.organization if membership else None


def found_organization(user):
    """An organization of one's own, with the first address that was verified."""
    mine = Membership.objects.filter(user=user).select_related("organization").first()
    return mine.organization if mine else found(user.email[:100], by=user)


def found(name, *, by):
    organization = Organization.objects.create(name=name)
    Membership.objects.create(organization=organization, user=by, role=Membership.Role.ADMINISTRATOR)
    return organization


def reader_of(organization):
    """`QUICKSCALE_BILLING["MAIL_READER"]`: all administrators, in the language of the first, or nobody."""
    found = organization.memberships.filter(role=Membership.Role.ADMINISTRATOR).select_related("user")
    readers = [preferences.reader_of(each.user) for each in found]
    if not readers:
        return mail.Reader(to=[])
    return replace(readers[0], to=[address for reader in readers for address in reader.to])
