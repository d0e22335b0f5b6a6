"""The text that the text services take."""

from typing import Annotated

from django.utils.translation import gettext as _
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from quickscale_services.examples.words import words

MAX_CHARACTERS = 50_000  # about 8,000 words of English; the slowest text of this length takes two seconds


def _with_words(text: str) -> str:
    if not words(text):
        raise PydanticCustomError("no_words", _("There are no words in this text."))
    return text


Prose = Annotated[
    str,
    Field(title="Text", min_length=1, max_length=MAX_CHARACTERS, description="At most 50,000 characters."),
    AfterValidator(_with_words),
]
