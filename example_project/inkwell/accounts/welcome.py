"""Credits for newcomers, as soon as their address is known to be theirs."""

from allauth.account.signals import email_confirmed
from django.conf import settings
from django.dispatch import receiver
from django.utils.module_loading import import_string

from quickscale_credits import ledger


@receiver(email_confirmed)
def give_signup_credits(email_address, **kwargs):
    owner_of = import_string(settings.FIRST_OWNER)
    ledger.grant_signup(owner_of(email_address.user))


def themselves(user):
    return user
