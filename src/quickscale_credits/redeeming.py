"""The page on which owners redeem codes; whoever guesses is stopped after a few."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.cache import cache
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from quickscale_credits import ledger
from quickscale_credits.exceptions import CodeNotRedeemable
from quickscale_credits.models import LedgerEntry
from quickscale_credits.owners import owner_required
from quickscale_credits.templatetags.quickscale_credits import credits as in_words
from quickscale_credits.templatetags.quickscale_credits import plurality

MOST_FAILURES = 10
COUNTED_FOR = 60 * 60
"""Seconds after the first failure in which so many are allowed."""


class RedeemForm(forms.Form):
    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=64,
        widget=forms.TextInput({"class": "input", "autocomplete": "off", "autocapitalize": "characters"}),
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@owner_required
def redeem(request: HttpRequest, owner: Model) -> HttpResponse:
    """`?code=…` fills the form in, and gives nothing: that takes a POST."""
    if request.method != "POST":
        return _page(request, RedeemForm(initial={"code": request.GET.get("code", "")[:64]}))
    form = RedeemForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    if cache.get(_counter(owner), 0) >= MOST_FAILURES:
        form.add_error(None, _("Too many codes that cannot be redeemed: try again in an hour."))
        return _page(request, form, status=429)
    return _redeemed(request, owner, form)


def _redeemed(request: HttpRequest, owner: Model, form: RedeemForm) -> HttpResponse:
    try:
        entry = ledger.redeem(owner, form.cleaned_data["code"])
    except CodeNotRedeemable:
        _count_failure(owner)
        form.add_error("code", _("This code cannot be redeemed."))
        return _page(request, form, status=422)
    messages.success(request, _told(entry), fail_silently=True)
    return redirect("quickscale_credits:credits")


def _told(entry: LedgerEntry) -> str:
    told = ngettext("%(amount)s credit was added.", "%(amount)s credits were added.", plurality(entry.amount))
    return told % {"amount": in_words(entry.amount)}


def _counter(owner: Model) -> str:
    return f"quickscale-credits-codes-{owner._meta.label_lower}-{owner.pk}"


def _count_failure(owner: Model) -> None:
    cache.add(_counter(owner), 0, COUNTED_FOR)
    try:
        cache.incr(_counter(owner))
    except ValueError:  # it has run out between these lines
        cache.set(_counter(owner), 1, COUNTED_FOR)


def _page(request: HttpRequest, form: Any, status: int = 200) -> HttpResponse:
    return render(request, "quickscale_credits/redeem.html", {"form": form}, status=status)
