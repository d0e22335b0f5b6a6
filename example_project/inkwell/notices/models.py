from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Notice(models.Model):
    """Something that a user should know when they come back. What it says is told in the reader's language."""

    class Kind(models.TextChoices):
        BALANCE_LOW = "balance_low", _("Your credits run low.")
        BALANCE_DEPLETED = "balance_depleted", _("Your credits are used up.")
        CREDITS_RECEIVED = "credits_received", _("You have new credits.")
        RUN_SUCCEEDED = "run_succeeded", _("A run in the background is done.")
        RUN_FAILED = "run_failed", _("A run in the background has failed. Nothing was charged.")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=20, choices=Kind)
    url = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["user", "read_at"], name="notices_unread")]

    def __str__(self):
        return self.get_kind_display()

    @property
    def is_warning(self):
        return self.kind in {self.Kind.BALANCE_LOW, self.Kind.BALANCE_DEPLETED, self.Kind.RUN_FAILED}
