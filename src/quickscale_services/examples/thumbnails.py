"""A small copy of a picture, upright and without anything that was written into its file."""

import base64
from io import BytesIO

from PIL import Image

LONGEST_SIDE = 320

# What brings a picture upright, by the number that EXIF gives its orientation.
_UPRIGHT_BY = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def thumbnail(picture: Image.Image, orientation: int) -> Image.Image:
    """RGB, or RGBA where something is transparent."""
    small = displayable(picture)
    small.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    if orientation in _UPRIGHT_BY:
        small = small.transpose(_UPRIGHT_BY[orientation])
    clean = Image.new(small.mode, small.size)
    clean.paste(small)
    return clean


def displayable(picture: Image.Image) -> Image.Image:
    """A copy in RGB or RGBA of any mode that our formats come in."""
    if picture.mode.startswith("I"):  # 16 bits of gray, which Pillow would cut off rather than scale
        return picture.convert("I").point(lambda level: level / 256).convert("L").convert("RGB")
    return _without_idle_alpha(picture.convert("RGBA" if picture.has_transparency_data else "RGB"))


def _without_idle_alpha(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGBA" and picture.getchannel("A").getextrema()[0] == 255:
        return picture.convert("RGB")
    return picture


def data_uri(picture: Image.Image) -> str:
    """As a PNG where something is transparent, else as a JPEG."""
    form = "PNG" if picture.mode == "RGBA" else "JPEG"
    buffer = BytesIO()
    picture.save(buffer, form, quality=85, optimize=True)
    return f"data:image/{form.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"
