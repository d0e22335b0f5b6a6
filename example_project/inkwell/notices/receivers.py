"""What becomes a notice. Each signal arrives after its commit; one that fails here harms nothing."""

from django.contrib.auth import get_user_model
from django.dispatch import receiver
from django.urls import reverse

from inkwell.notices.models import Notice
from quickscale_credits.signals import balance_depleted, balance_low, credits_granted
from quickscale_services.signals import run_failed, run_succeeded


@receiver(balance_low)
def tell_that_credits_run_low(account, **kwargs):
    tell(account, Notice.Kind.BALANCE_LOW, reverse("quickscale_billing:pricing"))


@receiver(balance_depleted)
def tell_that_credits_are_used_up(account, **kwargs):
    tell(account, Notice.Kind.BALANCE_DEPLETED, reverse("quickscale_billing:pricing"))


@receiver(credits_granted)
def tell_that_credits_came(account, **kwargs):
    tell(account, Notice.Kind.CREDITS_RECEIVED, reverse("quickscale_credits:credits"))


@receiver(run_succeeded)
def tell_that_a_run_is_done(run, **kwargs):
    tell_of_run(run, Notice.Kind.RUN_SUCCEEDED)


@receiver(run_failed)
def tell_that_a_run_has_failed(run, **kwargs):
    tell_of_run(run, Notice.Kind.RUN_FAILED)


def tell_of_run(run, kind):
    """Only of what happened while nobody was looking: other runs are answered on the spot."""
    if run.in_background:
        tell(run.account, kind, reverse("quickscale_services:run", args=[run.pk]))


def tell(account, kind, url):
    if account.owner is not None:
        Notice.objects.bulk_create(Notice(user=user, kind=kind, url=url) for user in people_of(account.owner))


def people_of(owner):
    """The user whose credits they are, or every member of the team."""
    return [owner] if isinstance(owner, get_user_model()) else owner.members.all()
