import secrets
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models.deletion import ProtectedError
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

INVITATION_LASTS = timedelta(days=7)


class Organization(models.Model):
    """Who has the credits in this variant of the example; its members spend them."""

    name = models.CharField(_("name"), max_length=100)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="Membership", related_name="organizations", verbose_name=_("members")
    )

    class Meta:
        verbose_name = _("organization")
        verbose_name_plural = _("organizations")

    def __str__(self):
        return self.name

    @property
    def email(self):
        """Where Stripe and our mail reach it: its longest-standing administrator."""
        first = self.memberships.filter(role=Membership.Role.ADMINISTRATOR).select_related("user").first()
        return first.user.email if first else ""


def keep_an_administrator(collector, field, memberships, using):
    """Whoever is a team's only administrator is not deleted: the admin says which membership is in the way."""
    administrator = Membership.Role.ADMINISTRATOR
    leaving = [each for each in memberships if each.role == administrator]
    staying = Membership.objects.using(using).filter(role=administrator).exclude(pk__in=[each.pk for each in leaving])
    kept = set(staying.values_list("organization", flat=True))
    last = {each for each in leaving if each.organization_id not in kept}
    if last:
        raise ProtectedError(_("A team needs an administrator: make somebody else one first."), last)
    models.CASCADE(collector, field, memberships, using)


class Membership(models.Model):
    class Role(models.TextChoices):
        ADMINISTRATOR = "administrator", _("Administrator")
        MEMBER = "member", _("Member")

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=keep_an_administrator, related_name="memberships")
    role = models.CharField(_("role"), max_length=13, choices=Role, default=Role.MEMBER)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["organization", "user"], name="teams_member_once")]

    def __str__(self):
        return f"{self.user}, {self.organization}"

    @property
    def is_administrator(self):
        return self.role == self.Role.ADMINISTRATOR


class InvitationQuerySet(models.QuerySet):
    def open(self):
        """For a week from the last letter on, for that is what it says."""
        since = Coalesce("sent_at", "created_at")
        return self.filter(accepted_at=None).alias(since=since).filter(since__gt=timezone.now() - INVITATION_LASTS)


def new_token():
    return secrets.token_urlsafe(32)


class Invitation(models.Model):
    """A link in a mail, which makes whoever opens it with that address a member."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField(_("email address"))
    token = models.CharField(max_length=43, unique=True, default=new_token, editable=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    # Empty: no letter went out yet.
    sent_at = models.DateTimeField(_("sent at"), null=True)
    accepted_at = models.DateTimeField(_("accepted at"), null=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        ordering = ["-pk"]

    def __str__(self):
        return f"{self.email}, {self.organization}"
