"""Who can log in to the demo."""

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.utils.module_loading import import_string

from inkwell.accounts.models import User

PASSWORD = "inkwell-demo"  # noqa: S105 - printed at the start, for a database that is thrown away
ADMIN = "admin@inkwell.example"
CUSTOMER = "ada@inkwell.example"
NEARLY_OUT = "nell@inkwell.example"
# Of the variant with teams: who belongs to the customer's.
MEMBER = "mila@inkwell.example"
STAFF = {f"{role.lower()}@inkwell.example": role for role in ("Support", "Billing", "Analyst")}


def join(email, **fields):
    user = User.objects.create_user(email, **fields)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def owner_of(user):
    """Whose the credits are that this user earns: their own, or in the variant with teams those of their first one."""
    return import_string(settings.FIRST_OWNER)(user)


def make_staff():
    join(ADMIN, is_staff=True, is_superuser=True)
    for email, role in STAFF.items():
        join(email, is_staff=True).groups.add(Group.objects.get(name=role))


def let_them_log_in():
    """A hash is made to cost time: one will do for all of them."""
    emails = [ADMIN, CUSTOMER, NEARLY_OUT, MEMBER, *STAFF]
    User.objects.filter(email__in=emails).update(password=make_password(PASSWORD))
