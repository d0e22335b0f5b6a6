"""Keeps mail in the database instead of sending it, for the demo's mailbox page."""

from django.core.mail.backends.base import BaseEmailBackend

from inkwell.mailbox.models import Mail


class MailboxBackend(BaseEmailBackend):
    def send_messages(self, email_messages):
        kept = Mail.objects.bulk_create(
            Mail(
                sender=message.from_email,
                recipients=", ".join(message.recipients()),
                subject=message.subject,
                body=message.body,
            )
            for message in email_messages
        )
        return len(kept)
