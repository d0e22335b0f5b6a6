"""Pictures made for the tests, sound ones and traps."""

import struct
import zlib
from io import BytesIO

from PIL import Image
from PIL.ExifTags import GPS, IFD, Base


def saved(picture: Image.Image, form: str, **options: object) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def two_halves(mode: str = "RGB", size: tuple[int, int] = (600, 400)) -> Image.Image:
    """Red on the left, blue on the right."""
    picture = Image.new("RGB", size, "#ff0000")
    picture.paste("#0000ff", (size[0] // 2, 0, *size))
    return picture.convert(mode)


def camera_exif(orientation: int = 1) -> Image.Exif:
    """What a camera writes, with the place where it stood."""
    exif = Image.Exif()
    exif[Base.Make] = "Nikon"
    exif[Base.Model] = "Z 6"
    exif[Base.Orientation] = orientation
    exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = "2024:05:06 12:34:56"
    exif.get_ifd(IFD.GPSInfo)[GPS.GPSLatitudeRef] = "N"
    return exif


def png_that_claims(width: int, height: int) -> bytes:
    """57 bytes whose header speaks of a large picture."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", b"") + _chunk(b"IEND", b"")


def gif_whose_frame_claims(width: int, height: int) -> bytes:
    """The screen is 10 by 10; the first frame on it says otherwise."""
    screen = b"GIF89a" + struct.pack("<HHBBB", 10, 10, 0x80, 0, 0) + b"\0" * 6
    return screen + b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x4c\x01\x00;"


def png_with_text_of(size: int) -> bytes:
    """A small picture with a compressed comment that swells to `size` bytes."""
    comment = _chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"\0" * size, 9))
    sound = saved(Image.new("RGB", (10, 10)), "PNG")
    return sound[:33] + comment + sound[33:]


def jpeg_of_scans(count: int) -> bytes:
    """A progressive JPEG that draws its last scan again and again."""
    sound = saved(Image.new("L", (64, 64)), "JPEG", progressive=True)
    last_scan = sound[sound.rindex(b"\xff\xda") : -2]
    return sound[:-2] + last_scan * count + sound[-2:]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
