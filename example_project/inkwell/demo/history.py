"""Half a year of a small business, played through the ledger's verbs and the services, event by event."""

import random
from dataclasses import dataclass, field
from datetime import timedelta

from django.apps import apps
from django.utils import timezone

from inkwell.accounts.models import User
from inkwell.demo import material, people
from inkwell.demo.clock import clock_at
from inkwell.demo.people import CUSTOMER, NEARLY_OUT
from quickscale_credits import ledger
from quickscale_credits.exceptions import InsufficientCredits
from quickscale_services import registry
from quickscale_services.exceptions import InvalidInput


@dataclass(frozen=True, kw_only=True)
class Customer:
    email: str
    joined: int
    """Days ago."""
    packs: dict[int, int] = field(default_factory=dict)
    """Credits bought, by how many days ago."""
    plan: int = 0
    """Credits a month."""
    runs_a_week: int = 2


CUSTOMERS = [
    Customer(email=CUSTOMER, joined=170, packs={120: 100, 45: 150}, plan=40, runs_a_week=4),
    Customer(email="bram@inkwell.example", joined=140, packs={100: 200, 30: 200}, runs_a_week=5),
    Customer(email="carla@inkwell.example", joined=95, plan=60, runs_a_week=4),
    Customer(email="dmitri@inkwell.example", joined=60, packs={20: 50}, runs_a_week=1),
    Customer(email="esi@inkwell.example", joined=12, runs_a_week=6),
]


def load_history():
    chance = random.Random(7)  # noqa: S311 - the same history each time
    now = timezone.now()
    events = sorted(
        (event for customer in CUSTOMERS for event in events_of(customer, chance)),
        key=lambda event: event[0],
        reverse=True,
    )
    for days_ago, happen in events:
        with clock_at(now - timedelta(days=days_ago)):
            happen()
    ledger.expire()
    create_one_who_is_nearly_out()
    people.make_staff()
    if apps.is_installed("inkwell.teams"):
        from inkwell.demo.team import gather_the_team

        gather_the_team()
    people.let_them_log_in()


def events_of(customer, chance):
    """Pairs of days ago and what happens then."""
    yield customer.joined, lambda: join(customer)
    for days_ago, size in customer.packs.items():
        yield days_ago, lambda size=size: buy_pack(customer, size)
    if customer.plan:
        for days_ago in range(customer.joined - 3, 0, -30):
            yield days_ago, lambda: refill(customer)
    runs = customer.joined * customer.runs_a_week // 7
    for number in range(runs):
        days_ago = chance.uniform(0.05, customer.joined - 0.1)
        work = chance.choice(WORK)
        yield days_ago, lambda work=work, number=number: run(customer, work, number)
    for days_ago in range(customer.joined, 0, -30):
        yield days_ago - 0.5, ledger.expire


def join(customer):
    user = people.join(customer.email, date_joined=timezone.now())
    ledger.grant_signup(people.owner_of(user))


def buy_pack(customer, size):
    ledger.grant(owner(customer), size, reason="pack", reference=f"Pack of {size}")


def refill(customer):
    month = timezone.now() + timedelta(days=30)
    ledger.grant(owner(customer), customer.plan, credit_type="subscription", reason="plan", expires_at=month)


def owner(customer):
    return people.owner_of(User.objects.get(email=customer.email))


def run(customer, work, number):
    """As in life, some runs are refused: for want of credits, or because of what they were given."""
    name, material_for = work
    user = User.objects.get(email=customer.email)
    try:
        registry[name].run(people.owner_of(user), actor=user, **material_for(number))
    except (InsufficientCredits, InvalidInput):
        return


def create_one_who_is_nearly_out():
    ledger.grant(people.owner_of(people.join(NEARLY_OUT)), 3, credit_type="promotional", reason="trial")


def note(number):
    return {"text": material.NOTES[number % len(material.NOTES)]}


WORK = [
    ("text-summary", note),
    ("text-summary", note),
    ("text-statistics", note),
    ("sentence-review", note),
    ("picture-details", lambda number: {"picture": material.picture(number)}),
    ("csv-check", lambda number: {"file": material.orders()}),
]
