"""Who may do what is done with the team's money."""

from django.core.exceptions import PermissionDenied
from django.http.request import HttpRequest

from inkwell.teams.owners import current_membership

READING = ("GET", "HEAD", "OPTIONS")


class OnlyAdministratorsPay:
    """Members look at plans, cards and history; administrators buy, change and cancel."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view, args, kwargs):
        if request.method in READING or "quickscale_billing" not in request.resolver_match.app_names:
            return
        membership = current_membership(request)
        if membership is not None and not membership.is_administrator:
            raise PermissionDenied
