from django.apps import AppConfig


class MailboxConfig(AppConfig):
    name = "inkwell.mailbox"
    label = "mailbox"
