from django.db import models
from django.utils import timezone


class Mail(models.Model):
    """A message that would have gone out."""

    sender = models.CharField(max_length=255)
    recipients = models.TextField()
    subject = models.CharField(max_length=998)
    body = models.TextField()
    sent_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]

    def __str__(self):
        return self.subject
