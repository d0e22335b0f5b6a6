from django import forms
from django.conf import settings
from django.core.mail import EmailMessage
from django.utils.translation import gettext_lazy as _


class ContactForm(forms.Form):
    """A letter to whoever runs the site. Who has an account does not have to say who they are."""

    name = forms.CharField(label=_("Your name"), max_length=100)
    email = forms.EmailField(label=_("Your email address"))
    message = forms.CharField(label=_("Message"), max_length=5000, widget=forms.Textarea(attrs={"rows": 8}))
    # A person does not see this field, and so leaves it empty; a program that fills in all fields does not.
    website = forms.CharField(label=_("Leave this empty"), required=False, widget=forms.TextInput({"tabindex": -1}))

    @property
    def is_from_a_program(self):
        return bool(self.cleaned_data["website"])

    def send(self):
        """Raises `OSError` (as `smtplib` does) where the mail server does not take it."""
        letter = self.cleaned_data
        EmailMessage(
            subject=f"Inkwell: {' '.join(letter['name'].split())} wrote on the contact page",
            body=letter["message"],
            to=[settings.CONTACT_EMAIL],
            reply_to=[letter["email"]],
        ).send()
