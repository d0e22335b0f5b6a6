"""A team's page: its members, its invitations, what each may spend; and changing from one team to another."""

import logging
import re
from functools import wraps

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from inkwell.pages.sending import is_repeated
from inkwell.teams import inviting, members
from inkwell.teams.forms import InvitationForm, LimitForm, OrganizationForm
from inkwell.teams.models import Membership
from inkwell.teams.owners import SESSION_KEY, current_membership, found
from quickscale_credits.models import SpendingLimit

logger = logging.getLogger(__name__)

ID = re.compile(r"[0-9]{1,18}")


def for_members(view):
    @login_required
    @wraps(view)
    def wrapped(request, *args, **kwargs):
        membership = current_membership(request)
        if membership is None:
            return redirect("teams:found")
        return view(request, membership, *args, **kwargs)

    return wrapped


def for_administrators(view):
    @for_members
    @wraps(view)
    def wrapped(request, membership, *args, **kwargs):
        if not membership.is_administrator:
            raise PermissionDenied(_("Only an administrator of the team may do this."))
        return view(request, membership, *args, **kwargs)

    return wrapped


@require_safe
@for_members
def team(request, membership):
    return render(request, "teams/team.html", _context(request, membership))


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def found_team(request):
    form = OrganizationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if not is_repeated(request):
            _choose(request, found(form.cleaned_data["name"], by=request.user))
        return redirect("teams:team")
    return render(request, "teams/found.html", {"form": form}, status=422 if form.errors else 200)


@require_POST
@login_required
def switch(request):
    chosen = request.POST.get("organization", "")
    membership = request.user.memberships.filter(organization=chosen).first() if ID.fullmatch(chosen) else None
    if membership is None:
        raise Http404
    _choose(request, membership.organization)
    return redirect("dashboard")


@require_POST
@for_administrators
def invite(request, membership):
    form = InvitationForm(request.POST)
    if form.is_valid() and (is_repeated(request) or is_invited(request, membership, form)):
        return redirect("teams:team")
    return render(request, "teams/team.html", _context(request, membership) | {"form": form}, status=422)


def is_invited(request, membership, form):
    """Whether there is an invitation then; what became of it is said by a message, or by the form."""
    email, team = form.cleaned_data["email"], membership.organization
    try:
        inviting.invite(team, email, by=request.user, link_to=lambda token: _link(request, token))
    except inviting.AlreadyMember:
        form.add_error("email", _("Whoever has this address is a member already."))
    except inviting.TooManyLetters:
        form.add_error("email", _("So many invitations were sent that this one is not. Please try again tomorrow."))
    except OSError:
        logger.exception("An invitation could not be sent.")
        messages.error(request, _("The invitation to %s could not be sent now. Send it later.") % email)
    else:
        messages.success(request, _("The invitation is on its way to %s.") % email)
    return not form.errors


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def accept(request, token):
    """Opening the link does nothing yet: mail programs open links, too."""
    if request.method != "POST":
        return render(request, "teams/accept.html")
    try:
        organization = inviting.accept(token, request.user)
    except inviting.NotForYou:
        return render(request, "teams/not_for_you.html", status=404)
    _choose(request, organization)
    messages.success(request, _("Welcome to %s.") % organization)
    return redirect("dashboard")


@require_POST
@for_administrators
def withdraw(request, membership, pk):
    membership.organization.invitations.filter(pk=pk).delete()
    return redirect("teams:team")


@require_POST
@for_members
def remove(request, membership, pk):
    try:
        members.remove(pk, by=membership)
    except members.LastAdministrator:
        messages.error(request, _("A team needs an administrator: make somebody else one first."))
        return redirect("teams:team")
    return redirect("dashboard" if pk == membership.pk else "teams:team")


@require_POST
@for_administrators
def promote(request, membership, pk):
    members.promote(pk, by=membership)
    return redirect("teams:team")


@require_POST
@for_administrators
def limit(request, membership, pk):
    """One limit a member; the admin knows more of them."""
    form = LimitForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("That is no limit: name a number of credits, or none to take it away."))
        return redirect("teams:team")
    try:
        members.limit(pk, by=membership, **form.cleaned_data)
    except Membership.DoesNotExist:
        messages.error(request, _("They are not in the team, or not any more."))
    except members.NoCredits:
        messages.error(request, _("The team has no credits yet: set a limit when it has some."))
    return redirect("teams:team")


def _choose(request, organization):
    request.session[SESSION_KEY] = organization.pk


def _link(request, token):
    return request.build_absolute_uri(reverse("teams:accept", args=[token]))


def _context(request, membership):
    organization = membership.organization
    limits = {each.member_id: each for each in SpendingLimit.objects.filter(account__owner=organization)}
    return {
        "membership": membership,
        "members": [(each, limits.get(each.user_id)) for each in organization.memberships.select_related("user")],
        "invitations": organization.invitations.open() if membership.is_administrator else [],
        "others": request.user.organizations.exclude(pk=organization.pk),
        "form": InvitationForm(),
        "periods": SpendingLimit.Period.choices,
    }
