"""What an operator opens on the day that something goes wrong: a payment's whole story, Stripe compared with us, and
whether webhooks arrive. Each act asks for its permission and leaves a line in the admin's log."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ActionForm
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from quickscale_billing import clawing_back, facts, reconciliation
from quickscale_billing.exceptions import BillingError
from quickscale_billing.models import Fact, InboxItem, Payment
from quickscale_billing.stripe import endpoints, looking
from quickscale_credits.exceptions import CreditsError
from quickscale_credits.models import LedgerEntry

RECONCILE = "quickscale_billing.reconcile_billing"
SETTLE = "quickscale_billing.settle_again"


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=200, help_text=gettext_lazy("Stands in the admin's log.")
    )


class ReasonActionForm(ActionForm):
    reason = forms.CharField(label=gettext_lazy("Reason:"), required=False, max_length=200)


class ReconcileForm(forms.Form):
    days = forms.IntegerField(label=gettext_lazy("Days back"), min_value=1, max_value=400, initial=30)

    @property
    def since(self) -> datetime:
        return timezone.now() - timedelta(days=self.cleaned_data["days"])


class RepairForm(ReasonForm, ReconcileForm):
    days = forms.IntegerField(min_value=1, max_value=400, widget=forms.HiddenInput)


def investigate(admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """A payment: what it paid, what was booked for it, what was heard of it, what Stripe says now, what differs."""
    if not admin.has_view_permission(request):
        raise PermissionDenied
    payment = Payment.objects.select_related("account__owner", "invoice__subscription").filter(pk=pk).first()
    if payment is None:
        raise Http404
    form = ReasonForm(request.POST or None)
    if request.method == "POST":
        if not request.user.has_perm(SETTLE):
            raise PermissionDenied
        if form.is_valid():
            _settle_again(admin, request, payment, form.cleaned_data["reason"])
            return redirect(request.path)
    told, problem = _asked(lambda: looking.payment(str(payment.stripe_payment_intent_id)), payment)
    drift, uncompared = _asked(lambda: looking.differences(payment, told)) if told else ([], "")
    booked = _booked(payment)
    context = {
        "title": _("Investigate %(payment)s") % {"payment": payment},
        "payment": payment,
        "facts": booked,
        "entries": _entries(booked),
        "deliveries": looking.deliveries_about(_ids(payment)),
        "stripes": json.dumps(told, indent=2, sort_keys=True) if told else "",
        "problem": problem or uncompared,
        "drift": drift,
        "form": form,
        "may_settle": request.user.has_perm(SETTLE),
    }
    return _page(admin, request, "investigate", context)


def reconcile(admin: Any, request: HttpRequest) -> HttpResponse:
    """`reconcile_billing` with a button: GET compares once somebody has said how far back, POST repairs."""
    if not (admin.has_view_permission(request) and request.user.has_perm(RECONCILE)):
        raise PermissionDenied
    form = ReconcileForm(request.POST or (request.GET if "days" in request.GET else None))
    context: dict[str, Any] = {"title": _("Compare with Stripe"), "form": form}
    if form.is_bound and form.is_valid():
        repairing = RepairForm(request.POST or None, initial=form.cleaned_data)
        if request.method == "POST" and repairing.is_valid():
            context["repaired"] = _repaired(request, repairing)
        found, problem = _asked(lambda: reconciliation.drift(form.since))
        context |= {"drift": found, "problem": problem, "compared": not problem, "repairing": repairing}
        context["unasked"] = reconciliation.unasked(form.since)
    return _page(admin, request, "reconcile", context)


def health(admin: Any, request: HttpRequest) -> HttpResponse:
    """Whether Stripe's events arrive, and whether they are settled."""
    if not admin.has_view_permission(request):
        raise PermissionDenied
    waiting = InboxItem.objects.exclude(state=InboxItem.State.SETTLED)
    problems, unasked = _asked(lambda: list(endpoints.problems()))
    context = {
        "title": _("Webhook health"),
        "health": looking.health(timezone.now() - timedelta(days=1)),
        "waiting": waiting.count(),
        "oldest": waiting.order_by("arrived_at").first(),
        "problems": problems or [],
        "problem": unasked,
    }
    return _page(admin, request, "health", context)


def _asked(ask: Callable[[], Any], payment: Payment | None = None) -> tuple[Any, str]:
    """What Stripe answers, or why it does not: the page is of use all the same."""
    if payment is not None and payment.stripe_payment_intent_id is None:
        return None, _("Nothing was charged, so Stripe has no payment of it.")
    try:
        return ask(), ""
    except (BillingError, ImproperlyConfigured) as error:
        return None, str(error)


def _settle_again(admin: Any, request: HttpRequest, payment: Payment, reason: str) -> None:
    try:
        _settle(payment)
    except (BillingError, CreditsError) as error:
        admin.log_change(request, payment, f"{_('Could not be settled again')}: {reason} ({error})")
        messages.error(request, str(error))
        return
    admin.log_change(request, payment, f"{_('Settled again')}: {reason}")
    messages.success(request, _("%(payment)s is settled.") % {"payment": payment})


def _settle(payment: Payment) -> None:
    """What it paid first, then what went back of it."""
    if payment.stripe_session_id:
        facts.settle_session(payment.stripe_session_id)
    if payment.invoice is not None:
        facts.settle_invoice(payment.invoice.stripe_id)
    if payment.stripe_payment_intent_id:
        facts.settle_payment(payment.stripe_payment_intent_id)


def _ids(payment: Payment) -> list[str]:
    known = [payment.stripe_payment_intent_id, payment.stripe_charge_id, payment.stripe_session_id]
    return [each for each in (*known, payment.invoice.stripe_id if payment.invoice else None) if each]


def _booked(payment: Payment) -> QuerySet[Fact]:
    """What names it at Stripe, what gave credits for its money, and each step in which they were taken."""
    giving = list(clawing_back.facts_of(payment))
    taking = Fact.objects.filter(kind=Fact.Kind.CLAWBACK, account=payment.account_id)
    prefixes = tuple(f"clawback:{fact.key}:" for fact in giving)
    steps = [pk for pk, key in taking.values_list("pk", "key") if key.startswith(prefixes)]
    booked = Q(stripe_id__in=_ids(payment)) | Q(pk__in=[*(fact.pk for fact in giving), *steps])
    return Fact.objects.filter(booked).select_related("entry", "clawback").order_by("pk")


def _entries(booked: Any) -> Any:
    """The grants, and what was taken of them again."""
    grants = [fact.entry_id for fact in booked if fact.entry_id]
    found = LedgerEntry.objects.filter(pk__in=grants) | LedgerEntry.objects.filter(origin__in=grants)
    taken = LedgerEntry.objects.filter(grant__entry__in=grants)
    return (found | taken).distinct().select_related("account").order_by("account", "sequence")


def _repaired(request: HttpRequest, form: RepairForm) -> reconciliation.Repaired | None:
    """The admin's log tells of it, though it is about no row of ours. None where nothing differs any more."""
    found, _problem = _asked(lambda: reconciliation.drift(form.since))
    if not found:
        return None
    repaired = reconciliation.repair(found)
    told = _("Repaired: %(settled)d settled, %(failed)d failed") % {
        "settled": len(repaired.settled),
        "failed": len(repaired.failed),
    }
    LogEntry.objects.create(
        user_id=cast(int, request.user.pk),
        content_type=ContentType.objects.get_for_model(InboxItem),
        object_repr=str(_("Compare with Stripe")),
        action_flag=CHANGE,
        change_message=f"{told}: {form.cleaned_data['reason']}",
    )
    return repaired


def _page(admin: Any, request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    common = admin.admin_site.each_context(request) | {"opts": admin.opts}
    return render(request, f"admin/quickscale_billing/{name}.html", common | context)
