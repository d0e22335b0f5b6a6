"""Keys with which programs run services in an owner's name."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any, Self

from django.conf import settings
from django.db import models, router, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from quickscale_credits.exceptions import IdempotencyConflict
from quickscale_credits.ledger.joining import checked_text, open_account
from quickscale_credits.models import CreditAccount
from quickscale_services import scopes as known_scopes
from quickscale_services.exceptions import KeyInUse
from quickscale_services.lookups import Lookup
from quickscale_services.plain_keys import PlainKey
from quickscale_services.rates import validate_rate

OVERLAP = timedelta(hours=1)
# Whether a key is in use need not be known to the second, and a write a minute is enough.
LAST_USED_PRECISION = timedelta(minutes=1)
# What an unknown key is compared with, so that it takes as long as a known one.
NO_DIGEST = "0" * 64


class KeyQuerySet(models.QuerySet["ApiKey"]):
    def for_owner(self, owner: models.Model) -> Self:
        return self.filter(account__in=CreditAccount.objects.for_owner(owner))

    def usable(self) -> Self:
        """Neither revoked nor expired."""
        return self.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now()), revoked_at__isnull=True)

    def issue(
        self,
        owner: Any,
        *,
        name: str,
        scopes: Iterable[str] = (known_scopes.RUN,),
        expires_at: datetime | None = None,
        user: Any = None,
        once: str = "",
    ) -> tuple[ApiKey, str]:
        """The key, and its text, which is known to nobody afterwards. `user` becomes the actor of its runs.

        `once` names the request, such as a form: asked for again, the key that was made gets a new text, as long as it
        was not used. Raises `KeyInUse` if it was, `IdempotencyConflict` if something else is asked for by the same
        name, and `ValueError` for an unknown scope, an empty name, a time that is over or has no zone.
        """
        return self._make(
            once,
            name=_checked_name(name),
            scopes=known_scopes.checked(scopes),
            issued_until=_checked_expiry(expires_at),
            user=_checked_user(user),
            account=open_account(owner),
        )

    def _make(self, once: str, *, account: CreditAccount, **values: Any) -> tuple[ApiKey, str]:
        plain = PlainKey.make(_public_id(account, once) if once else "")
        new = values | {"expires_at": values["issued_until"], "digest": plain.digest}
        with transaction.atomic(using=router.db_for_write(self.model)):
            key, is_new = self.select_for_update().get_or_create(new, account=account, public_id=plain.public_id)
            if not is_new:
                key._require_same(**values)
                key.digest = plain.digest
                key.save(update_fields=["digest"])
        return key, str(plain)

    def verify(self, text: str) -> ApiKey | None:
        """The usable key with this text. None for any other, whatever the reason."""
        plain = PlainKey.parse(text)
        key = None
        if plain is not None:
            key = _by_public_id().find(plain.public_id, using=self.db)
        matches = plain is not None and plain.matches(key.digest if key else NO_DIGEST)
        return key if key is not None and matches and key.is_usable else None


class ApiKey(models.Model):
    """Of the key itself only the SHA-256 of its secret is stored: whoever reads this table can use none."""

    account = models.ForeignKey(
        CreditAccount, on_delete=models.PROTECT, related_name="api_keys", verbose_name=_("account")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("user"),
        help_text=_("Who stands as the actor of its runs. The key works only as long as they may log in."),
    )
    name = models.CharField(_("name"), max_length=100)
    public_id = models.CharField(_("public id"), max_length=16, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    scopes = models.JSONField(_("scopes"), default=list, editable=False)
    rate_limit = models.CharField(
        _("rate limit"),
        max_length=32,
        blank=True,
        validators=[validate_rate],
        help_text=_("Requests with this key, such as 60/minute. Empty: only the limit of the account."),
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires at"), null=True, editable=False)
    # What it was issued with, and what its successors get: `expires_at` is earlier once it was rotated.
    issued_until = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, editable=False)
    last_used_at = models.DateTimeField(_("last used at"), null=True, editable=False)

    objects = KeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.name} (qs_{self.public_id}_…)"

    @property
    def is_usable(self) -> bool:
        """Also whether its owner still exists, and they and its user may log in."""
        is_over = self.expires_at is not None and self.expires_at <= timezone.now()
        people = [self.account.owner, *([self.user] if self.user_id else [])]
        return self.revoked_at is None and not is_over and all(map(_may_log_in, people))

    def revoke(self) -> None:
        """From now on the key is refused. Revoking it again changes nothing."""
        now = timezone.now()
        type(self).objects.filter(pk=self.pk, revoked_at=None).update(revoked_at=now)
        self.refresh_from_db(fields=["revoked_at"])

    def rotate(self, overlap: timedelta = OVERLAP, *, once: str = "") -> tuple[ApiKey, str]:
        """A new key that may do the same until the same day; this one ends when the overlap does.

        `once` is that of `issue`, and answers even when the overlap is over. Raises what that does for it, and
        `ValueError` if it is revoked or expired, or the overlap is below zero.
        """
        if overlap < timedelta(0):
            raise ValueError(f"An overlap is zero or more, not {overlap}.")
        with transaction.atomic(using=router.db_for_write(type(self))):
            self.refresh_from_db(from_queryset=type(self).objects.select_for_update())
            request = once and f"{self.public_id} {once}"
            if not (self.is_usable or self._has_successor(request)):
                raise ValueError("Only a key that works can be rotated: issue a new one.")
            made = self._successor(request)
            self.expires_at = min(filter(None, (self.expires_at, timezone.now() + overlap)))
            self.save(update_fields=["expires_at"])
        return made

    def _has_successor(self, once: str) -> bool:
        """Whether this request has made one, and this key has ended since by its overlap alone."""
        made = type(self).objects.filter(account=self.account_id, public_id=_public_id(self.account, once))
        return bool(once) and self.revoked_at is None and made.exists()

    def _successor(self, once: str) -> tuple[ApiKey, str]:
        kept = ("account", "user", "name", "scopes", "rate_limit", "issued_until")
        return type(self).objects.all()._make(once, **{field: getattr(self, field) for field in kept})

    def _require_same(self, *, issued_until: datetime | None, **values: Any) -> None:
        """Raises `IdempotencyConflict` and `KeyInUse`."""
        is_same = all(getattr(self, name) == value for name, value in values.items())
        if not (is_same and self._ends_as_asked(issued_until)):
            raise IdempotencyConflict("This request has made a key before, with other values: name this one anew.")
        if self.last_used_at is not None or not self.is_usable:
            raise KeyInUse("The key that this request made is in use, or has ended: ask for another.")

    def _ends_as_asked(self, until: datetime | None) -> bool:
        """A request for so many days, made again, asks for an end that is later by the time between the two."""
        if until is None or self.issued_until is None:
            return until is self.issued_until
        between = timezone.now() - self.created_at + timedelta(seconds=1)
        return timedelta(0) <= until - self.issued_until <= between

    def touch(self) -> None:
        """Note that it is used: at most one write a minute, however many requests come at once."""
        now = timezone.now()
        before = now - LAST_USED_PRECISION
        if self.last_used_at is None or self.last_used_at <= before:
            stale = Q(last_used_at__isnull=True) | Q(last_used_at__lte=before)
            type(self).objects.filter(stale, pk=self.pk).update(last_used_at=now)


def _public_id(account: CreditAccount, once: str) -> str:
    return sha256(f"{account.pk} {once}".encode()).hexdigest()[:16]


@cache
def _by_public_id() -> Lookup:
    return Lookup(ApiKey, "public_id", "account__owner", "user")


def _may_log_in(person: Any) -> bool:
    """Owners that are no users have no `is_active`; one who was erased is None."""
    return person is not None and bool(getattr(person, "is_active", True))


def _checked_name(name: str) -> str:
    if not checked_text("name", name, longest=100).strip():
        raise ValueError("Give the key a name, so that its owner can tell it from others.")
    return name.strip()


def _checked_expiry(expires_at: datetime | None) -> datetime | None:
    if expires_at is None:
        return None
    if timezone.is_naive(expires_at):
        raise ValueError("expires_at needs a time zone, such as django.utils.timezone.now() has.")
    if expires_at <= timezone.now():
        raise ValueError(f"expires_at must be in the future, not {expires_at}.")
    return expires_at


def _checked_user(user: Any) -> Any:
    if user is not None and user.pk is None:
        raise ValueError("Save the user first: only what is in the database can hold a key.")
    return user
