"""What the variant with teams shows beside: a team with a member who has a limit, and with somebody invited."""

from datetime import timedelta

from django.utils import timezone

from inkwell.accounts.models import User
from inkwell.demo.material import NOTES
from inkwell.demo.people import CUSTOMER, MEMBER, join, owner_of
from inkwell.teams.models import Membership
from quickscale_credits.models import SpendingLimit
from quickscale_services import registry


def gather_the_team():
    team = owner_of(User.objects.get(email=CUSTOMER))
    team.name = "Harbor Books"
    team.save()
    mila = join(MEMBER, date_joined=timezone.now() - timedelta(days=3))
    Membership.objects.create(organization=team, user=mila)
    SpendingLimit.objects.create(account=team.credit_account, member=mila, amount=25, period="month")
    registry["text-summary"].run(team, actor=mila, text=NOTES[0])
    team.invitations.create(email="omar@inkwell.example")
