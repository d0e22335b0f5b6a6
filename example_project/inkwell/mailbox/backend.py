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
                body=body_of(message),
            )
            for message in email_messages
        )
        return len(kept)


def body_of(message):
    """Its text, and the names of what is attached."""
    files = [f"📎 {name}" for name, *_ in message.attachments]
    return "\n".join([message.body, *files])
