"""People of the example's teams, and their browsers."""

from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.test import Client

from inkwell.teams.models import Membership


def person(email):
    user = get_user_model().objects.create_user(email, "a long enough secret")
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def join(team, email, role=Membership.Role.MEMBER):
    return Membership.objects.create(organization=team, user=person(email), role=role)


def browser_of(user):
    browser = Client()
    browser.force_login(user)
    return browser
