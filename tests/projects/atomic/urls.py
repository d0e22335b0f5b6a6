"""Views of a host that does not think about transactions."""

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.urls import path

from quickscale_credits import ledger
from quickscale_credits.exceptions import InsufficientCredits
from tests.settings.urls import urlpatterns as base


def spend_and_fail(request: HttpRequest) -> HttpResponse:
    ledger.spend(request.user, 30, reason="report")
    raise LookupError("after the credits were spent")


def spend_too_much_and_go_on(request: HttpRequest) -> HttpResponse:
    try:
        ledger.spend(request.user, 1000, reason="report")
    except InsufficientCredits:
        User.objects.filter(pk=request.user.pk).update(first_name="Ada")
    return HttpResponse()


def work_while_spending(request: HttpRequest) -> HttpResponse:
    with ledger.spending(request.user, 30, reason="report"):
        return HttpResponse()


urlpatterns = [
    *base,
    path("spend-and-fail/", spend_and_fail),
    path("spend-too-much-and-go-on/", spend_too_much_and_go_on),
    path("work-while-spending/", work_while_spending),
]
