"""A service of Inkwell's own, which takes its time: it is handed to a worker, and its page shows how far it is."""

import textwrap

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop
from pydantic import BaseModel, Field

from quickscale_services import BaseService, register_service
from quickscale_services.examples.words import content_words

CHARACTERS_ON_A_PAGE = 1800


class Entry(BaseModel):
    word: str
    pages: str


@register_service
class BookIndex(BaseService):
    name = "book-index"
    title = _("Book index")
    description = _(
        "The words of a long text, and the pages on which they stand. It works while you do something else."
    )
    cost = 5
    timeout = 600
    in_background = True
    retries = 1

    class Input(BaseModel):
        text: str = Field(min_length=1, max_length=1_000_000, description=gettext_noop("Of a whole book, if you like."))

    class Output(BaseModel):
        pages: int
        entries: list[Entry]

    def execute(self, data, context):
        pages = textwrap.wrap(data.text, CHARACTERS_ON_A_PAGE)
        found: dict[str, list[int]] = {}
        for number, page in enumerate(pages, 1):
            context.progress(number / len(pages), f"page {number} of {len(pages)}")
            for word in set(content_words(page)):
                found.setdefault(word, []).append(number)
        entries = [Entry(word=word, pages=", ".join(map(str, found[word]))) for word in sorted(found)]
        return self.Output(pages=len(pages), entries=entries)
