"""A picture from somebody else's file: formats allow-listed, size checked before a pixel is decoded."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from django.utils.translation import gettext as _
from PIL import Image

from quickscale_services.exceptions import InvalidInput

FORMATS = {"JPEG": "JPEG", "MPO": "JPEG", "PNG": "PNG", "WEBP": "WebP", "GIF": "GIF"}
MAX_PIXELS = 20_000_000
MAX_SCANS = 100  # a progressive JPEG has about ten; one of thousands keeps a decoder busy for minutes

# What Pillow raises for damaged files, as found by damaging some; warnings where a host makes errors of them.
DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    LookupError,
    TypeError,
    ArithmeticError,
    Warning,
    struct.error,
    zlib.error,
)


@contextmanager
def opened(content: bytes) -> Iterator[Image.Image]:
    """The picture (of an animation the first frame), decoded and whole; all else raises `InvalidInput`."""
    with _header(content) as picture:
        _check_size(picture)
        _check_scans(picture, content)
        _decode(picture)
        yield picture


def is_animated(picture: Image.Image) -> bool:
    """Whether a second frame can be found. Looking for it leaves the first: do it last."""
    try:
        return bool(getattr(picture, "is_animated", False))
    except DAMAGE:
        return False


def _header(content: bytes) -> Image.Image:
    try:
        return Image.open(BytesIO(content), formats=["JPEG", "PNG", "WEBP", "GIF"])
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels() from None
    except DAMAGE:
        message = _("This file cannot be read as a picture. Send a JPEG, PNG, WebP or GIF.")
        raise InvalidInput.on("picture", message) from None


def _check_size(picture: Image.Image) -> None:
    if picture.width * picture.height > MAX_PIXELS:
        raise _too_many_pixels()


def _too_many_pixels() -> InvalidInput:
    return InvalidInput.on("picture", _("A picture may have at most 20 megapixels; this one has more."))


def _check_scans(picture: Image.Image, content: bytes) -> None:
    # Inside the compressed data FF is followed by 00, so these two bytes are a scan's beginning.
    if FORMATS[str(picture.format)] == "JPEG" and content.count(b"\xff\xda") > MAX_SCANS:
        raise InvalidInput.on("picture", _("This JPEG has too many scans. Save it anew and send that."))


def _decode(picture: Image.Image) -> None:
    try:
        picture.load()
    except DAMAGE:
        message = _("This picture is damaged or cut off: its file ends before the picture does.")
        raise InvalidInput.on("picture", message) from None
