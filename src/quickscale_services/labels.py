"""Names from code as people read them."""

from django.utils.translation import gettext


def label(name: str) -> str:
    """`sentences_kept` → "Sentences kept"."""
    return (name[:1].upper() + name[1:]).replace("_", " ")


def told(text: str) -> str:
    """What a schema says, in the reader's language. `gettext_noop` marks it there, for `makemessages` to find."""
    return gettext(text) if text else ""
