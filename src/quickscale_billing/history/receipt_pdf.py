"""A receipt drawn as a PDF of one page or more. Whatever stands in a name, something is printed."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from django.utils.translation import get_language
from django.utils.translation import gettext as _
from fpdf import FPDF
from fpdf.enums import Align, WrapMode, XPos, YPos

from quickscale_billing.history.receipts import Content

MARGIN: Final = 20
LINE: Final = 5.5
SMALL, NORMAL, LARGE = 9, 10.5, 18
MONEY: Final = 45
ENCODING: Final = "windows-1252"
STANDARD: Final = "helvetica"
OWN: Final = "receipt"
UNKNOWN: Final = "?"


def drawn(content: Content, *, font: Path | None) -> bytes:
    """`font` is a TrueType font for scripts that the fonts of every PDF reader lack: they know Western Europe's."""
    paper = Paper(font)
    paper.head(content)
    paper.parties(content)
    paper.figures(content)
    return bytes(paper.pdf.output())


class Paper:
    def __init__(self, font: Path | None) -> None:
        self.pdf = FPDF(format="A4")
        self.pdf.core_fonts_encoding = ENCODING
        self.pdf.set_margins(MARGIN, MARGIN)
        self.pdf.set_auto_page_break(True, MARGIN)
        self.family = STANDARD if font is None else OWN
        if font is not None:
            self.pdf.add_font(OWN, fname=font)
        self.printable: Callable[[str], str] = partial(printable, standard=font is None)
        self.pdf.add_page()

    def head(self, content: Content) -> None:
        self.pdf.set_title(f"{_('Receipt')} {content.number}")
        self.pdf.set_lang(get_language() or "en")
        self.pdf.set_creation_date(content.paid_at)
        self.text(_("Receipt"), size=LARGE)
        for name, value in content.details:
            self.text(f"{name}: {value}")
        self.pdf.ln(LINE)

    def parties(self, content: Content) -> None:
        for title, lines in ((_("From"), content.seller), (_("To"), content.buyer)):
            if lines:
                self.text(title, size=SMALL)
                for line in lines:
                    self.text(line)
                self.pdf.ln(LINE)

    def figures(self, content: Content) -> None:
        for name, money in [*content.items, *content.sums]:
            self.row(name, money)
        self.rule()
        self.row(*content.total)
        for name, money in content.gone:
            self.row(name, money)
        if content.note:
            self.pdf.ln(LINE)
            self.text(content.note, size=SMALL)

    def row(self, name: str, money: str) -> None:
        """The words wrap; the money stands beside their last line, to the right."""
        self.text(name, width=self.pdf.epw - MONEY)
        self.pdf.set_y(self.pdf.get_y() - LINE)
        self.pdf.set_x(MARGIN + self.pdf.epw - MONEY)
        self.text(money, width=MONEY, align=Align.R)

    def rule(self) -> None:
        y = self.pdf.get_y() + 1
        self.pdf.line(MARGIN, y, MARGIN + self.pdf.epw, y)
        self.pdf.ln(2)

    def text(self, text: str, *, size: float = NORMAL, width: float = 0, align: Align = Align.L) -> None:
        self.pdf.set_font(self.family, size=size)
        height = LINE * max(1, size / NORMAL)
        shown = self.printable(text) or " "
        self.pdf.multi_cell(
            width, height, shown, align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT, wrapmode=_wrapping(shown)
        )


def printable(text: str, *, standard: bool) -> str:
    """Without what steers a terminal or the direction of writing; line ends stay."""
    kept = "".join(each if each == "\n" or unicodedata.category(each)[0] != "C" else " " for each in text)
    return "".join(map(_western, kept)) if standard else kept


def _western(character: str) -> str:
    """The character, the letter without its accent, or a question mark."""
    for each in (character, "".join(filter(str.isascii, unicodedata.normalize("NFKD", character)))):
        if each and _is_western(each):
            return each
    return UNKNOWN


def _is_western(text: str) -> bool:
    try:
        text.encode(ENCODING)
    except UnicodeEncodeError:
        return False
    return True


def _wrapping(text: str) -> WrapMode:
    """Languages without spaces, and whoever writes without them, wrap anywhere."""
    longest = max(map(len, text.split()), default=0)
    return WrapMode.CHAR if longest > 40 else WrapMode.WORD
