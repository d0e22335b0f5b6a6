"""Credits for newcomers, as soon as their address is known to be theirs."""

from allauth.account.signals import email_confirmed
from django.dispatch import receiver

from quickscale_credits import ledger


@receiver(email_confirmed)
def give_signup_credits(email_address, **kwargs):
    ledger.grant_signup(email_address.user)
