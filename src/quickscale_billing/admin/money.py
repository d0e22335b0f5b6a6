"""Invoices, payments and what went back of them, to look at; and the form that pays back."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from quickscale_billing import refunds
from quickscale_billing.admin import operating
from quickscale_billing.admin.refunding import PERMISSION, RefundForm
from quickscale_billing.admin.settling import AccountRowsAdmin
from quickscale_billing.exceptions import BillingError, StripeUnavailable
from quickscale_billing.models import Dispute, Invoice, Payment, PaymentTax, Refund
from quickscale_billing.money import exponent, formatted
from quickscale_credits.admin.base import ReadOnly

if TYPE_CHECKING:  # generic to the type checker alone
    TabularInline = admin.TabularInline[Any, Any]
else:
    from django.contrib.admin import TabularInline


class TaxInline(ReadOnly, TabularInline):
    model = PaymentTax
    template = "admin/quickscale_billing/scrolling.html"
    fields = ("name", "percentage", "amount", "is_included", "stripe_tax_rate_id")
    extra = 0


class MoneyBackInline(ReadOnly, TabularInline):
    template = "admin/quickscale_billing/scrolling.html"
    readonly_fields = ("money",)
    extra = 0

    @admin.display(description=gettext_lazy("amount"))
    def money(self, row: Refund | Dispute) -> str:
        return formatted(row.amount, row.currency)


class RefundInline(MoneyBackInline):
    model = Refund
    fields = ("created_at", "money", "status", "cancels", "reason", "actor", "problem", "stripe_id")


class DisputeInline(MoneyBackInline):
    model = Dispute
    fields = ("opened_at", "money", "status", "reason", "evidence_due_at", "closed_at", "stripe_id")


class BackFilter(admin.SimpleListFilter):
    title = gettext_lazy("what went back")
    parameter_name = "back"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("none", _("Nothing")), ("some", _("Refunded")), ("disputed", _("Disputed"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        narrowed = {
            "none": Q(refunded=0, disputed=0),
            "some": Q(refunded__gt=0),
            "disputed": Q(pk__in=Dispute.objects.values("payment")),
        }
        return queryset.filter(narrowed.get(str(self.value()), Q()))


class SoldFilter(admin.SimpleListFilter):
    title = gettext_lazy("what it paid")
    parameter_name = "sold"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("packs", _("Packs")), ("plans", _("Plans"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        is_of_plan = Q(invoice__subscription__isnull=False)
        return queryset.filter(~is_of_plan if self.value() == "packs" else is_of_plan) if self.value() else queryset


def minor_units(term: str) -> Q | None:
    """Payments of an amount such as 49, 49.00 or 49,00; None for other words."""
    try:
        amount = Decimal(term.strip().replace(",", "."))
    except InvalidOperation:
        return None
    if not amount.is_finite() or not 0 < amount < 10**9:
        return None
    found = Q(pk__in=[])
    for currency in Payment.objects.order_by().values_list("currency", flat=True).distinct():
        minor = amount * 10 ** exponent(currency)
        if minor == minor.to_integral_value():
            found |= Q(currency=currency, amount=int(minor))
    return found


@admin.register(Invoice)
class InvoiceAdmin(AccountRowsAdmin):
    list_display = ("__str__", "account", "status", "total", "amount_paid", "created_at")
    list_filter = ("status", "currency")
    list_select_related = ("account__owner",)
    date_hierarchy = "created_at"
    stripe_ids = ("stripe_id", "number")
    csv_fields = (
        *("account_id", "number", "status", "subtotal", "discount", "tax", "total", "amount_paid", "currency"),
        *("stripe_id", "created_at", "paid_at"),
    )


@admin.register(Payment)
class PaymentAdmin(AccountRowsAdmin):
    list_display = ("__str__", "account", "money", "money_back", "paid_at")
    list_filter = ("currency", BackFilter, SoldFilter)
    list_select_related = ("account__owner",)
    date_hierarchy = "paid_at"
    search_help_text = gettext_lazy("Owner, email, number of the account, any id at Stripe, or an amount such as 49.00")
    csv_fields = (
        *("account_id", "amount", "tax", "discount", "refunded", "disputed", "currency", "paid_at"),
        *("stripe_payment_intent_id", "stripe_session_id", "invoice__stripe_id"),
    )
    stripe_ids = (
        *("stripe_payment_intent_id", "stripe_charge_id", "stripe_session_id", "invoice__stripe_id", "invoice__number"),
        *("invoice__subscription__stripe_id", "account__customers__stripe_id"),
        *("refunds__stripe_id", "disputes__stripe_id"),
    )
    inlines = (TaxInline, RefundInline, DisputeInline)
    change_form_template = "admin/quickscale_billing/payment.html"

    @admin.display(description=gettext_lazy("paid"), ordering="amount")
    def money(self, payment: Payment) -> str:
        return formatted(payment.amount, payment.currency)

    @admin.display(description=gettext_lazy("went back"))
    def money_back(self, payment: Payment) -> str:
        return formatted(payment.gone, payment.currency) if payment.gone else ""

    def get_urls(self) -> list[URLPattern]:
        view = transaction.non_atomic_requests(self.admin_site.admin_view(self.refund))  # Stripe is asked
        look = transaction.non_atomic_requests(self.admin_site.admin_view(partial(operating.investigate, self)))
        return [
            path("<int:pk>/refund/", view, name="quickscale_billing_payment_refund"),
            path("<int:pk>/investigate/", look, name="quickscale_billing_payment_investigate"),
            *super().get_urls(),
        ]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Amounts as people write them, whatever places the currency has."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        amounts = minor_units(search_term)
        return (found | queryset.filter(amounts), may_repeat) if amounts else (found, may_repeat)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        payment = self.get_object(request, object_id)
        extra = {}
        if payment is not None:
            extra["investigate_url"] = reverse("admin:quickscale_billing_payment_investigate", args=[payment.pk])
        if payment is not None and payment.refundable > 0 and request.user.has_perm(PERMISSION):
            extra["refund_url"] = reverse("admin:quickscale_billing_payment_refund", args=[payment.pk])
        return super().change_view(request, object_id, *args, **kwargs | {"extra_context": extra})

    def refund(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The form; without the permission a 403, whatever else somebody may do here."""
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied
        payment = Payment.objects.select_related("account", "invoice__subscription").filter(pk=pk).first()
        if payment is None:
            raise Http404
        form = RefundForm(request.POST or None, payment=payment)
        if request.method == "POST" and form.is_valid() and self._paid_back(request, payment, form):
            return redirect("admin:quickscale_billing_payment_change", payment.pk)
        context = self.admin_site.each_context(request) | {
            "title": _("Pay back"),
            "form": form,
            "payment": payment,
            "back": reverse("admin:quickscale_billing_payment_change", args=[payment.pk]),
            "left": formatted(payment.refundable, payment.currency),
            "opts": self.opts,
        }
        return render(request, "admin/quickscale_billing/refund.html", context)

    def _paid_back(self, request: HttpRequest, payment: Payment, form: RefundForm) -> bool:
        try:
            made = refunds.sent(self._requested(request, payment, form))
        except StripeUnavailable as error:
            unknown = _("It is not known whether Stripe has done it. It is finished by itself, or by this form again.")
            return self._refused(form, f"{error} {unknown}")
        except BillingError as error:
            return self._refused(form, str(error))
        if made.status == Refund.Status.FAILED:
            return self._refused(form, made.problem)
        shown = formatted(made.amount, made.currency)
        told = {"amount": shown, "status": made.get_status_display(), "problem": made.problem}
        if made.status == Refund.Status.REQUESTED:  # its money is on its way, and must not be sent by hand, too
            messages.warning(
                request, _("%(amount)s is paid back, but its credits are not taken yet: %(problem)s") % told
            )
        else:
            messages.success(request, _("%(amount)s is paid back (%(status)s).") % told)
        return True

    def _requested(self, request: HttpRequest, payment: Payment, form: RefundForm) -> Refund:
        """What somebody asked for stands in the log with the row, whatever Stripe answers; its outcome, in the row."""
        with transaction.atomic():
            row, is_new = form.request(request.user)
            if is_new:
                self._log(request, payment, row)
        return row

    def _log(self, request: HttpRequest, payment: Payment, row: Refund) -> None:
        told = {"amount": formatted(row.amount, row.currency), "reason": row.reason}
        if row.cancels and payment.invoice is not None and payment.invoice.subscription is not None:
            message = _("To be paid back: %(amount)s, and the subscription to be canceled now: %(reason)s") % told
            self.log_change(request, payment.invoice.subscription, message)
        else:
            message = _("To be paid back: %(amount)s: %(reason)s") % told
        self.log_change(request, payment, message)

    def _refused(self, form: RefundForm, problem: str) -> bool:
        form.add_error(None, problem)
        form.renew()
        return False


@admin.register(Refund)
class RefundAdmin(AccountRowsAdmin):
    list_display = ("__str__", "payment", "amount", "status", "reason", "actor", "created_at")
    list_filter = ("status", "currency")
    list_select_related = ("payment",)
    stripe_ids = ("stripe_id", "payment__stripe_payment_intent_id")
    csv_fields: tuple[str, ...] = (
        *("stripe_id", "payment__stripe_payment_intent_id", "amount", "currency", "status", "reason"),
        *("actor", "created_at"),
    )

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return [f"={name}" for name in self.stripe_ids]


@admin.register(Dispute)
class DisputeAdmin(RefundAdmin):
    list_display = ("__str__", "payment", "amount", "status", "reason", "evidence_due_at", "opened_at")
    csv_fields = (
        *("stripe_id", "payment__stripe_payment_intent_id", "amount", "currency", "status", "reason"),
        *("evidence_due_at", "opened_at", "closed_at"),
    )
