"""Every route of the example, asked for as a visitor, as a customer and as each role of the staff."""

import re
import uuid

import pytest
from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import user_pk_to_url_str
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.test import Client
from django.urls import get_resolver, reverse

from quickscale_billing.models import Payment
from quickscale_billing.roles import make_roles
from quickscale_credits import ledger
from quickscale_credits.models import CreditAccount, RedeemCode, SpendingLimit
from quickscale_services import registry
from quickscale_services.models import ApiKey, RateCard, ServiceRun
from tests.browser.access import ROLES, table
from tests.browser.test_payloads import business  # noqa: F401 - a fixture: rows of every kind

PASSWORD = "a long enough secret"
# dj-stripe's own pages; and routes without a name, which lead on to those that have one.
LEFT_OUT = re.compile(r"^admin:djstripe|:None$|^admin:app_list$")
A_ROW = re.compile(
    r"admin:(auth_user|\w+?_[a-z]+)_(change|history|delete|give|refund|investigate|credit_back|password_change)$"
)
# What ends the session is asked for last.
ENDING = ("account_logout", "admin:logout")


@pytest.fixture
def customer(business):  # noqa: F811
    """With a row of each kind that the business has not made."""
    business.set_password(PASSWORD)
    business.save()
    EmailAddress.objects.create(user=business, email=business.email, verified=True, primary=True)
    UserSession.objects.create(user=business, ip="127.0.0.1", user_agent="", session_key="a")
    SpendingLimit.objects.create(account=CreditAccount.objects.get(), amount=9000, period="month")
    RedeemCode.objects.create(code="HARBOR", amount=5)
    RateCard.objects.create(model="small", input=1, output=2)
    ledger.redeem(business, "HARBOR")
    ledger.spend(business, 480, reason="note")  # of several grants
    registry["text-summary"].run(business, text="One. Two. Three.")
    return business


@pytest.fixture
def clients(customer, django_user_model):
    cache.clear()
    make_roles()
    people = {"customer": customer, "admin": django_user_model.objects.create_superuser("admin@example.com", PASSWORD)}
    for role in ("support", "billing", "analyst"):
        people[role] = django_user_model.objects.create_user(f"{role}@example.com", PASSWORD, is_staff=True)
        people[role].groups.add(Group.objects.get(name=role.capitalize()))
    return [logged_in(people.get(role)) for role in ROLES]


def logged_in(user):
    client = Client()
    if user:
        client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


def routes(patterns, before=""):
    for pattern in patterns:
        inner = getattr(pattern, "url_patterns", None)
        if inner is None:
            yield f"{before}{pattern.name}"
        else:
            yield from routes(inner, f"{before}{pattern.namespace}:" if pattern.namespace else before)


def addresses(customer):
    """An example of each route, those last that end the session."""
    asked = {route for route in routes(get_resolver().url_patterns) if not LEFT_OUT.search(route)}
    arguments = arguments_of(customer)
    for route in sorted(asked, key=lambda route: (route in ENDING, route)):
        row = A_ROW.match(route)
        yield route, reverse(route, args=[row_of(row[1]).pk] if row else arguments.get(route, []))


def row_of(model):
    app, _, name = model.replace("auth_user", "accounts_user").rpartition("_")
    rows = apps.get_model(app, name).objects
    return rows.order_by("pk").first() or pytest.fail(f"There is no {name}.")


def arguments_of(customer):
    text_summary = ["text-summary"]
    run, key = [ServiceRun.objects.get().pk], [ApiKey.objects.get().public_id]
    return {
        "quickscale_services:run": run,
        "quickscale_services:cancel_run": run,
        "quickscale_api:one_run": run,
        "quickscale_api:cancel_run": run,
        "quickscale_services:rotate_key": key,
        "quickscale_services:revoke_key": key,
        "quickscale_services:detail": text_summary,
        "quickscale_api:service": text_summary,
        "quickscale_api:estimate": text_summary,
        "quickscale_api:run": text_summary,
        "quickscale_billing:plan": ["basic"],
        "quickscale_billing:pack": ["pack-1000"],
        "quickscale_billing:buy": ["pack-1000"],
        "quickscale_billing:receipt": [Payment.objects.order_by("pk").last().pk],
        "quickscale_analytics:panel": ["revenue"],
        "quickscale_analytics:csv": ["revenue"],
        "quickscale_analytics:json": ["revenue"],
        "account_confirm_email": [EmailConfirmationHMAC(EmailAddress.objects.get()).key],
        "account_reset_password_from_key": [user_pk_to_url_str(customer), default_token_generator.make_token(customer)],
        "djstripe:djstripe_webhook_by_uuid": [uuid.uuid4()],
        "admin:view_on_site": [ContentType.objects.get_for_model(customer).pk, customer.pk],
    }


def test_every_route_answers_each_role_as_the_table_says(customer, clients):
    answers = {
        route: " ".join(str(client.get(address).status_code) for client in clients)
        for route, address in addresses(customer)
    }
    assert answers == table()
