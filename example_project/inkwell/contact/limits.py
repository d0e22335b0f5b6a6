"""So that nobody fills a mailbox: a few letters an hour from one address of the network."""

from allauth.account.adapter import get_adapter

from inkwell.operations.limits import is_within

LETTERS = 5
HOUR = 60 * 60


def may_write(request):
    """Counts the letter, by the address that logins are counted by: what a client says of itself is not believed."""
    return is_within(f"contact:{get_adapter().get_client_ip(request)}", times=LETTERS, seconds=HOUR)
