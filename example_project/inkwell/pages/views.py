import logging
import sys
import uuid
from datetime import timedelta
from decimal import Decimal

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Sum
from django.http import HttpResponseServerError
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.csrf import requires_csrf_token

from inkwell.pages import tools
from quickscale_credits import ledger
from quickscale_credits.conf import conf
from quickscale_credits.models import CreditAccount, LedgerEntry
from quickscale_credits.owners import owner_required
from quickscale_services import registry
from quickscale_services.models import ServiceRun
from quickscale_services.pricing.labels import price_label
from quickscale_services.switches import switch_of

logger = logging.getLogger(__name__)


def home(request):
    return render(request, "pages/home.html", {"services": offered(), "signup": conf.SIGNUP_GRANT})


def about(request):
    return render(request, "pages/about.html")


@login_required
def staff(request):
    """The way to every tool that this member of the staff may use."""
    if not request.user.is_staff:
        raise PermissionDenied
    return render(request, "pages/staff.html", {"sections": tools.sections_for(request.user)})


@owner_required
def dashboard(request, owner):
    balance, threshold = ledger.balance(owner), conf.LOW_BALANCE_THRESHOLD
    context = {
        "balance": balance,
        "is_low": threshold is not None and balance.available < threshold,
        "account": CreditAccount.objects.for_owner(owner).first(),
        "spent": spent_lately(owner),
        "runs": ServiceRun.objects.for_owner(owner).order_by("-created_at")[:5],
        "services": offered(),
    }
    return render(request, "pages/dashboard.html", context)


def spent_lately(owner):
    month_ago = timezone.now() - timedelta(days=30)
    spends = LedgerEntry.objects.filter(
        account__in=CreditAccount.objects.for_owner(owner), kind=LedgerEntry.Kind.SPEND, created_at__gte=month_ago
    )
    return -(spends.aggregate(sum=Sum("amount"))["sum"] or Decimal(0))


def offered():
    """The services that are switched on, each with its price in words."""
    switches = [(service, switch_of(service.name)) for service in registry.values()]
    return [(service, price_label(service, switch)) for service, switch in switches if switch.is_active]


def bad_request(request, exception):
    return render(request, "400.html", status=400)


@requires_csrf_token
def server_error(request):
    """Names the error by an id that stands in the log beside its traceback, and needs no database."""
    error_id = uuid.uuid4().hex[:8]
    logger.error("Error %s at %s", error_id, request.path, exc_info=sys.exc_info())
    return HttpResponseServerError(render_to_string("500.html", {"error_id": error_id}))
