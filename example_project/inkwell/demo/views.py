"""A panel for the demo alone: it moves the clock of the site and of the simulated Stripe."""

from django.contrib import messages
from django.db import transaction
from django.shortcuts import redirect, render
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from inkwell.demo import stripe
from quickscale_billing.models import PlanSubscription
from quickscale_credits.models import CreditAccount, LedgerEntry
from quickscale_credits.owners import owner_required

STEPS = {"day": stripe.next_day, "month": stripe.next_month}
ENTRIES = 12


@transaction.non_atomic_requests  # the simulated Stripe calls back
@require_http_methods(["GET", "POST"])
@owner_required
def time_machine(request, owner):
    if request.method == "POST":
        if step := STEPS.get(request.POST.get("step")):
            step()
            today = formats.date_format(timezone.localdate(), "DATE_FORMAT")
            messages.success(request, _("It is %(today)s now.") % {"today": today})
        return redirect("demo:time_machine")
    accounts = CreditAccount.objects.for_owner(owner)
    context = {
        "now": timezone.now(),
        "subscription": PlanSubscription.objects.filter(account__in=accounts).first(),
        "entries": LedgerEntry.objects.filter(account__in=accounts).order_by("-sequence")[:ENTRIES],
    }
    return render(request, "demo/time_machine.html", context)
