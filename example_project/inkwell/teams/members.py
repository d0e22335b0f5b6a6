"""What becomes of members: each verb locks their team, and looks again at who acts."""

from django.core.exceptions import PermissionDenied
from django.db import transaction

from inkwell.teams.models import Membership, Organization
from quickscale_credits.models import CreditAccount, SpendingLimit


class LastAdministrator(Exception):
    """A team keeps one."""


class NoCredits(Exception):
    """The team has no account yet, on which a limit could be set."""


def lock(organization):
    """Until the transaction ends, nobody else changes who belongs to it, or is invited."""
    Organization.objects.select_for_update().get(pk=organization.pk)


@transaction.atomic
def remove(pk, *, by):
    """Nothing where they are gone already. An administrator removes anybody, a member only themselves."""
    lock(by.organization)
    members = {each.pk: each for each in by.organization.memberships.all()}
    leaving, acting = members.get(pk), members.get(by.pk)
    if leaving is None:
        return
    if acting is None or not (acting.is_administrator or acting == leaving):
        raise PermissionDenied
    if not any(each.is_administrator for each in members.values() if each != leaving):
        raise LastAdministrator
    leaving.delete()


@transaction.atomic
def promote(pk, *, by):
    """Nothing where they are gone already."""
    _lock_as_administrator(by)
    by.organization.memberships.filter(pk=pk).update(role=Membership.Role.ADMINISTRATOR)


@transaction.atomic
def limit(pk, *, by, amount, period):
    """In place of the limits that they had; no amount: in place of them none. Raises `Membership.DoesNotExist`."""
    _lock_as_administrator(by)
    member = by.organization.memberships.get(pk=pk).user
    account = CreditAccount.objects.for_owner(by.organization).first()
    if account is None:
        raise NoCredits
    account.limits.filter(member=member).delete()
    if amount is not None:
        SpendingLimit.objects.create(account=account, member=member, amount=amount, period=period)


def _lock_as_administrator(membership):
    lock(membership.organization)
    if not Membership.objects.filter(pk=membership.pk, role=Membership.Role.ADMINISTRATOR).exists():
        raise PermissionDenied
