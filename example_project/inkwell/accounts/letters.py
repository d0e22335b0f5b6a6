"""The page that a letter has beside its text."""

from django.template.loader import render_to_string


def page_of(subject, body):
    """A whole document, in the language of now, with the text's links."""
    return render_to_string("accounts/letter.html", {"subject": subject, "body": body})
