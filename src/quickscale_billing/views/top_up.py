"""The owner's auto top-up: agreeing to it, what becomes of it, turning it off."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core.validators import MinValueValidator
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from quickscale_billing import payment_methods, topup
from quickscale_billing.conf import conf
from quickscale_billing.exceptions import DisputeOpen, NoPaymentMethod, PackChanged
from quickscale_billing.models import AutoTopUp, CreditPack, TopUp
from quickscale_billing.money import exponent, formatted, major
from quickscale_billing.views.telling import asking_stripe_for, fetched
from quickscale_credits.models import CreditAccount
from quickscale_credits.templatetags.quickscale_credits import credits as in_words

PAGE = "quickscale_billing:top_up"
SHOWN = 10
WORDING = gettext_lazy(
    "I agree that my default payment method is charged the price of this pack, plus tax where it applies, each time "
    "fewer credits than I say here are available; at most the amount that I say here in a calendar month (UTC), and "
    "until I turn this off."
)
asking = asking_stripe_for(PAGE, refused=gettext_lazy("Our payment provider did not accept this. Nothing was changed."))


if TYPE_CHECKING:  # generic to the type checker alone
    ModelChoiceField = forms.ModelChoiceField[CreditPack]
else:
    from django.forms import ModelChoiceField


class PackField(ModelChoiceField):
    def label_from_instance(self, pack: CreditPack) -> str:
        return f"{pack.name}: {formatted(pack.amount, pack.currency)}"


class TopUpForm(forms.Form):
    """The cap is in the unit of the pack's currency, such as 50.00."""

    pack = PackField(CreditPack.objects.none(), label=gettext_lazy("Pack"), to_field_name="slug", empty_label=None)
    threshold = forms.DecimalField(
        label=gettext_lazy("When fewer credits are available than"),
        max_digits=18,
        decimal_places=6,
        validators=[MinValueValidator(Decimal("0.000001"))],
        widget=forms.NumberInput({"class": "input", "inputmode": "decimal"}),
    )
    monthly_cap = forms.DecimalField(
        label=gettext_lazy("At most in a month"),
        max_digits=12,
        min_value=0,
        help_text=gettext_lazy("In the currency of the pack, tax included."),
        widget=forms.NumberInput({"class": "input", "inputmode": "decimal"}),
    )
    agreed = forms.BooleanField(label=WORDING)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        packs: Any = self.fields["pack"]
        packs.queryset = CreditPack.objects.for_sale()

    @property
    def offered(self) -> str:
        """What the page says of each pack; it comes back with the owner's word, which is good for this alone."""
        packs: Any = self.fields["pack"]
        return " ".join(topup.offer_of(pack) for pack in packs.queryset)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        pack: CreditPack | None = given.get("pack")
        if pack is None:
            return given
        if topup.offer_of(pack) not in self.data.get("offered", "").split():
            self.ask_again()
        if given.get("threshold", 0) > pack.credits + pack.bonus_credits:
            most = in_words(pack.credits + pack.bonus_credits)
            self.add_error("threshold", _("At most what the pack gives: %(most)s.") % {"most": most})
        if "monthly_cap" in given:
            minor = given["monthly_cap"] * 10 ** exponent(pack.currency)
            if minor != minor.to_integral_value() or minor < pack.amount:
                least = formatted(pack.amount, pack.currency)
                self.add_error("monthly_cap", _("At least the price of the pack: %(least)s.") % {"least": least})
            given["monthly_cap"] = int(minor)
        return given

    def ask_again(self) -> None:
        self.add_error("pack", _("This pack has changed since the page was opened. Look at it, and agree again."))
        self.data = {name: value for name, value in self.data.items() if name != "agreed"}


@asking(require_http_methods(["GET", "HEAD", "POST"]))
def page(request: HttpRequest, owner: Model) -> HttpResponseBase:
    """POST agrees, to what was agreed before as well as to something new."""
    _refuse_where_not_offered()
    if request.method != "POST":
        return _shown(request, owner, TopUpForm(initial=_agreed_before(topup.current(owner))))
    form = TopUpForm(request.POST)
    if form.is_valid() and _turned_on(request, owner, form):
        messages.success(request, _("Your credits are topped up by themselves from now on."))
        return redirect(PAGE)
    return _shown(request, owner, form, status=422)


@asking(require_POST)
def stop(request: HttpRequest, owner: Model) -> HttpResponseBase:
    topup.turn_off(owner)
    messages.success(request, _("Nothing is bought by itself any more."))
    return redirect(PAGE)


def _refuse_where_not_offered() -> None:
    if not conf.AUTO_TOP_UP:
        raise Http404("This site tops nothing up by itself.")


def _turned_on(request: HttpRequest, owner: Model, form: TopUpForm) -> bool:
    given = form.cleaned_data
    try:
        topup.turn_on(
            owner,
            given["pack"],
            threshold=given["threshold"],
            monthly_cap=given["monthly_cap"],
            wording=str(WORDING),
            actor=request.user,
            offer=topup.offer_of(given["pack"]),
        )
    except PackChanged:
        form.ask_again()
    except NoPaymentMethod:
        form.add_error(None, _("Add a card first: there is none that could be charged."))
    except DisputeOpen:
        form.add_error(None, _("One of your payments is disputed: nothing is bought by itself until that is over."))
    return form.is_valid()


def _shown(request: HttpRequest, owner: Model, form: TopUpForm, status: int = 200) -> HttpResponse:
    accounts = CreditAccount.objects.for_owner(owner)
    attempts = TopUp.objects.filter(account__in=accounts).select_related("pack")
    charged, is_known = fetched(request, lambda: payment_methods.charged(owner))
    context = {
        "form": form,
        "agreed": topup.current(owner),
        "pending": attempts.pending().first(),
        "attempts": attempts[:SHOWN],
        "charged": charged,
        "is_known": is_known,
    }
    return render(request, "quickscale_billing/top_up.html", context, status=status)


def _agreed_before(agreed: AutoTopUp | None) -> dict[str, Any]:
    if agreed is None:
        return {}
    return {
        "pack": agreed.pack.slug,
        "threshold": agreed.threshold,
        "monthly_cap": major(agreed.monthly_cap, agreed.currency),
    }
