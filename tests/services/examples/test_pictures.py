"""What is read from a picture, what its thumbnail keeps, and what is refused before it is decoded."""

import random
import resource
from base64 import b64decode
from contextlib import suppress
from datetime import datetime
from io import BytesIO

import pytest
from PIL import Image

from quickscale_services.examples.colors import dominant_colors
from quickscale_services.examples.exif import Exif, read_exif
from quickscale_services.examples.picture_file import is_animated, opened
from quickscale_services.examples.thumbnails import data_uri, thumbnail
from quickscale_services.exceptions import InvalidInput
from tests.services.examples.pictures import (
    camera_exif,
    gif_whose_frame_claims,
    jpeg_of_scans,
    png_that_claims,
    png_with_text_of,
    saved,
    two_halves,
)

pytestmark = pytest.mark.once

RED, BLUE = (255, 0, 0), (0, 0, 255)
FORMS = ["JPEG", "PNG", "WEBP", "GIF"]


def small_copy(content: bytes) -> Image.Image:
    """The thumbnail as a browser gets it."""
    with opened(content) as picture:
        uri = data_uri(thumbnail(picture, read_exif(picture).orientation))
    return Image.open(BytesIO(b64decode(uri.partition(",")[2])))


def near(color: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return all(abs(a - b) < 10 for a, b in zip(color[:3], other, strict=True))


@pytest.mark.parametrize("form", FORMS)
def test_a_thumbnail_is_small_and_shows_the_same_picture(form: str):
    small = small_copy(saved(two_halves(), form)).convert("RGB")
    assert small.size == (320, 213)
    assert near(small.getpixel((20, 100)), RED)
    assert near(small.getpixel((300, 100)), BLUE)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode_of_a_png_has_a_thumbnail(mode: str):
    picture = two_halves("I").convert("I;16") if mode == "I;16" else two_halves(mode)
    assert small_copy(saved(picture, "PNG")).size == (320, 213)


def test_sixteen_bits_of_gray_are_scaled_and_not_cut_off():
    gray = Image.new("I", (40, 40), 32_768).convert("I;16")
    assert near(small_copy(saved(gray, "PNG")).getpixel((5, 5)), (128, 128, 128))


def test_a_jpeg_in_print_colors_is_shown_in_screen_colors():
    small = small_copy(saved(two_halves("CMYK"), "JPEG"))
    assert small.mode == "RGB"
    assert near(small.getpixel((20, 100)), RED)


def test_a_thumbnail_is_never_larger_than_the_picture():
    assert small_copy(saved(two_halves(size=(30, 20)), "PNG")).size == (30, 20)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_thumbnail_is_upright_however_the_camera_was_held(orientation: int):
    upright = two_halves(size=(300, 200))
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow's number of the turn that EXIF's number undoes
    held = upright.transpose(undo[orientation]) if orientation > 1 else upright
    small = small_copy(saved(held, "PNG", exif=camera_exif(orientation)))
    assert small.size == (300, 200)
    assert near(small.getpixel((20, 100)), RED)
    assert near(small.getpixel((280, 100)), BLUE)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_the_camera_is_read_and_the_place_is_not(form: str):
    with opened(saved(two_halves(), form, exif=camera_exif())) as picture:
        assert read_exif(picture) == Exif(
            camera="Nikon Z 6", taken_at=datetime.fromisoformat("2024-05-06T12:34:56"), tells_location=True
        )


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_thumbnail_has_no_hidden_data(form: str):
    options = {"exif": camera_exif(), "icc_profile": b"a profile", "comment": b"for my eyes only"}
    small = small_copy(saved(two_halves(), form, **options))
    assert not small.getexif()
    assert not {"exif", "icc_profile", "comment", "xmp", "photoshop"} & set(small.info)


def test_damaged_and_strange_exif_counts_as_none():
    strange = Image.Exif()
    strange[0x0110] = "\x1b[31m" + "x" * 500
    strange[0x0112] = 77
    strange[0x0132] = "yesterday"
    with opened(saved(two_halves(), "JPEG", exif=strange)) as picture:
        assert read_exif(picture) == Exif(camera=("[31m" + "x" * 500)[:100])
    with opened(saved(two_halves(), "JPEG", exif=b"Exif\0\0no TIFF at all")) as picture:
        assert read_exif(picture) == Exif()


def test_colors_come_with_their_share_and_the_largest_first():
    picture = Image.new("RGB", (100, 100), "#00ff00")
    picture.paste("#ffffff", (0, 0, 100, 25))
    assert dominant_colors(picture, 5) == [("#00ff00", 75.0), ("#ffffff", 25.0)]


def test_shades_of_one_color_count_as_one():
    shades = Image.linear_gradient("L").point(lambda level: 200 + level // 8)
    [(color, percent)] = dominant_colors(shades.convert("RGB"), 5)
    assert percent == 100.0
    assert 200 <= int(color[1:3], 16) <= 231


def test_what_is_transparent_has_no_color():
    picture = Image.new("RGBA", (100, 100))
    assert dominant_colors(picture, 5) == []
    picture.paste("#123456", (0, 0, 10, 10))
    assert dominant_colors(picture, 5) == [("#123456", 100.0)]


def test_only_a_picture_with_something_transparent_becomes_a_png():
    opaque = two_halves("RGBA")
    assert data_uri(thumbnail(opaque, 1)).startswith("data:image/jpeg;base64,")
    opaque.putpixel((0, 0), (0, 0, 0, 0))
    assert data_uri(thumbnail(opaque, 1)).startswith("data:image/png;base64,")


@pytest.mark.parametrize("form", ["GIF", "WEBP"])
def test_an_animation_is_told_and_shown_by_its_first_frame(form: str):
    frames = [two_halves(), two_halves().rotate(180)]
    with opened(saved(frames[0], form, save_all=True, append_images=frames[1:])) as picture:
        assert near(thumbnail(picture, 1).getpixel((20, 100)), RED)
        assert is_animated(picture)


@pytest.mark.parametrize(
    "bomb",
    [png_that_claims(50_000, 50_000), png_that_claims(5_001, 4_000), gif_whose_frame_claims(65_535, 65_535)],
    ids=["far beyond", "just beyond", "frame beyond its screen"],
)
def test_more_than_twenty_megapixels_are_refused_without_decoding_them(bomb: bytes):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InvalidInput, match="20 megapixels"), opened(bomb):
        pass
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KB, or bytes on some systems


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("part", [0.2, 0.9])
def test_a_picture_that_is_cut_off_is_refused(form: str, part: float):
    content = saved(Image.effect_noise((200, 200), 80).convert("RGB"), form)
    with (
        pytest.raises(InvalidInput, match=r"damaged or cut off|cannot be read"),
        opened(content[: int(len(content) * part)]),
    ):
        pass


@pytest.mark.parametrize(
    "content",
    [
        b"Only a letter, in a file that is called portrait.png.",
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        saved(two_halves(), "BMP"),
        saved(two_halves(), "TIFF"),
        png_that_claims(0, 0),
        png_with_text_of(50_000_000),
    ],
    ids=["text", "nothing", "svg", "postscript", "bmp", "tiff", "no pixels", "comment that swells"],
)
def test_what_is_no_picture_of_an_accepted_format_is_refused(content: bytes):
    with pytest.raises(InvalidInput, match="cannot be read as a picture"), opened(content):
        pass


def test_a_jpeg_that_would_keep_the_decoder_busy_is_refused():
    with opened(jpeg_of_scans(20)) as picture:
        assert picture.size == (64, 64)
    with pytest.raises(InvalidInput, match="scans"), opened(jpeg_of_scans(2_000)):
        pass


@pytest.mark.parametrize("form", FORMS)
def test_a_thousand_damaged_files_are_read_or_refused_and_nothing_else(form: str):
    dice = random.Random(form)
    sound = saved(two_halves(size=(60, 40)), form, exif=camera_exif()) if form != "GIF" else saved(two_halves(), form)
    for _ in range(1_000):
        damaged = bytearray(sound[: dice.randrange(1, len(sound) * 2)])
        for _ in range(dice.choice([1, 2, 8])):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        with suppress(InvalidInput), opened(bytes(damaged)) as picture:
            assert data_uri(thumbnail(picture, read_exif(picture).orientation))
            is_animated(picture)
