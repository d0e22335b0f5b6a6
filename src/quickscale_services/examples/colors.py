"""Which colors a picture is made of."""

from PIL import Image

Rgb = tuple[int, int, int]

_SAMPLE = 96
_HALF_VISIBLE = 128
_CANDIDATES = 24
_ALIKE = 48  # of 255, in each of red, green and blue: what lies nearer counts as the larger one's shade


def dominant_colors(picture: Image.Image, count: int) -> list[tuple[str, float]]:
    """At most `count` colors as `#rrggbb` with their percent of the visible pixels, the largest first."""
    sample = picture.convert("RGBA")
    sample.thumbnail((_SAMPLE, _SAMPLE), Image.Resampling.BOX)
    visible = [pixel[:3] for pixel in _pixels(sample) if pixel[3] >= _HALF_VISIBLE]
    if not visible:
        return []
    shares = _merged(_counted(visible))
    largest = sorted(shares, key=lambda color: -shares[color])[:count]
    return [("#{:02x}{:02x}{:02x}".format(*color), round(shares[color] * 100 / len(visible), 1)) for color in largest]


def _pixels(picture: Image.Image) -> list[tuple[int, int, int, int]]:
    data = picture.tobytes()
    return list(zip(data[0::4], data[1::4], data[2::4], data[3::4], strict=True))


def _counted(pixels: list[Rgb]) -> dict[Rgb, int]:
    """A few colors that stand for all, the most frequent first."""
    strip = Image.new("RGB", (len(pixels), 1))
    strip.putdata(pixels)
    strip = strip.quantize(_CANDIDATES, Image.Quantize.MEDIANCUT)
    palette, times = strip.getpalette() or [], strip.histogram()
    found = sorted(filter(times.__getitem__, range(len(times))), key=lambda index: -times[index])
    return {(palette[3 * i], palette[3 * i + 1], palette[3 * i + 2]): times[i] for i in found}


def _merged(counted: dict[Rgb, int]) -> dict[Rgb, int]:
    merged: dict[Rgb, int] = {}
    for color, times in counted.items():
        shade_of = next((larger for larger in merged if _are_alike(color, larger)), color)
        merged[shade_of] = merged.get(shade_of, 0) + times
    return merged


def _are_alike(one: Rgb, other: Rgb) -> bool:
    return all(abs(a - b) <= _ALIKE for a, b in zip(one, other, strict=True))
