"""What a camera wrote into a picture. Never where it was taken: of that, only whether it says so."""

from dataclasses import dataclass
from datetime import datetime

from PIL import Image
from PIL.ExifTags import IFD, Base

from quickscale_services.examples.picture_file import DAMAGE

_LONGEST = 100
_UPRIGHT = 1


@dataclass(frozen=True, kw_only=True)
class Exif:
    camera: str | None = None
    taken_at: datetime | None = None
    orientation: int = _UPRIGHT
    tells_location: bool = False


def read_exif(picture: Image.Image) -> Exif:
    """Damaged EXIF counts as none: the picture is still a picture."""
    try:
        exif = picture.getexif()
        details = exif.get_ifd(IFD.Exif)
        tells_location = bool(exif.get_ifd(IFD.GPSInfo))
    except DAMAGE:
        return Exif()
    return Exif(
        camera=_camera(_text(exif.get(Base.Make)), _text(exif.get(Base.Model))),
        taken_at=_moment(_text(details.get(Base.DateTimeOriginal) or exif.get(Base.DateTime))),
        orientation=_orientation(exif.get(Base.Orientation)),
        tells_location=tells_location,
    )


def _text(value: object) -> str:
    """Printable and short, whatever the file says: this is shown to people."""
    if isinstance(value, bytes):
        value = value.decode("ascii", errors="ignore")
    printable = "".join(letter for letter in str(value or "") if letter.isprintable())
    return printable.strip()[:_LONGEST]


def _camera(make: str, model: str) -> str | None:
    if make and model.lower().startswith(make.lower()):
        return model
    return f"{make} {model}".strip() or None


def _moment(text: str) -> datetime | None:
    """EXIF writes `2024:05:06 12:34:56`, in the camera's local time and without saying which that is."""
    try:
        return datetime.fromisoformat(text.replace(":", "-", 2)).replace(tzinfo=None)
    except ValueError:
        return None


def _orientation(value: object) -> int:
    return value if isinstance(value, int) and 1 <= value <= 8 else _UPRIGHT
