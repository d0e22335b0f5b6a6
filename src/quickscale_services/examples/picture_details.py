"""What is known of a picture, and a thumbnail that tells nothing else."""

from datetime import datetime
from typing import Annotated

from django.utils.translation import gettext_lazy as _
from PIL import Image
from pydantic import BaseModel, Field

from quickscale_services import BaseService
from quickscale_services.context import Context
from quickscale_services.examples.colors import dominant_colors
from quickscale_services.examples.exif import read_exif
from quickscale_services.examples.picture_file import FORMATS, is_animated, opened
from quickscale_services.examples.thumbnails import data_uri, thumbnail
from quickscale_services.files import MB, Accept, Upload

PICTURES = ("image/jpeg", "image/png", "image/webp", "image/gif", ".jpg", ".jpeg", ".png", ".webp", ".gif")
COLORS = 5

# By the number that EXIF gives them.
ORIENTATIONS = {
    1: "upright",
    2: "mirrored",
    3: "upside down",
    4: "upside down and mirrored",
    5: "on its left side and mirrored",
    6: "on its left side",
    7: "on its right side and mirrored",
    8: "on its right side",
}


class DominantColor(BaseModel):
    color: str
    percent: float


class PictureDetails(BaseService):
    name = "picture-details"
    title = _("Picture details and thumbnail")
    description = _("Format, size, camera and colors of a picture, and a thumbnail without hidden data.")
    cost = "1.5"
    timeout = 60

    class Input(BaseModel):
        picture: Annotated[
            Upload,
            Accept(*PICTURES, max_size=10 * MB),
            Field(description="JPEG, PNG, WebP or GIF; at most 10 MB and 20 megapixels."),
        ]

    class Output(BaseModel):
        thumbnail: str = Field(description="A data: URI of at most 320 by 320 pixels.")
        format: str
        width: int = Field(description="Pixels, as the picture is to be seen.")
        height: int
        bytes: int
        mode: str = Field(description="How its file keeps colors, in Pillow's words: RGB, CMYK, L for gray …")
        transparent: bool
        animated: bool
        camera: str | None
        taken_at: datetime | None = Field(description="In the camera's local time.")
        orientation: str = Field(description="How its file holds the picture; the thumbnail is upright.")
        location_removed: bool = Field(
            description="Its file says where it was taken. Neither this answer nor the thumbnail does."
        )
        colors: list[DominantColor]

    def execute(self, data: Input, context: Context) -> Output:
        content = data.picture.read()
        with opened(content) as picture:
            return self._described(picture, len(content))

    def _described(self, picture: Image.Image, size: int) -> Output:
        exif = read_exif(picture)
        small = thumbnail(picture, exif.orientation)
        on_its_side = exif.orientation >= 5
        width, height = picture.size[::-1] if on_its_side else picture.size
        return self.Output(
            thumbnail=data_uri(small),
            format=FORMATS[str(picture.format)],
            width=width,
            height=height,
            bytes=size,
            mode=picture.mode,
            transparent=small.mode == "RGBA",
            animated=is_animated(picture),
            camera=exif.camera,
            taken_at=exif.taken_at,
            orientation=ORIENTATIONS[exif.orientation],
            location_removed=exif.tells_location,
            colors=[DominantColor(color=color, percent=part) for color, part in dominant_colors(small, COLORS)],
        )
