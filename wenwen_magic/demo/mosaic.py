"""Lays painted pictures together: four in one, one inside another, moved, varied, and coarse while they are drawn."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from PIL import Image, ImageFilter, ImageOps

from wenwen_magic.demo.studio import Recipe, Studio

_SOFT = 40
"""Pixels over which one picture fades into the other."""
_SHIFTS = {"left": (1, 0), "right": (-1, 0), "up": (0, 1), "down": (0, -1)}
"""Where the old picture goes when the view moves; the other way, by a third of its size."""


@dataclass(frozen=True)
class Tile:
    """One picture, painted anew or made of another.

    Args:
        recipe: what is painted: all of it, or what is around and behind the other.
        inside: the other picture; None for none.
        how: what is made of it: ``vary``, ``zoom``, ``region``, ``left``, ``right``, ``up`` or ``down``.
        amount: how many times the view widens, or the number of the variation.
        mask: for ``region`` a picture file, transparent where the recipe shows.
    """

    recipe: Recipe
    inside: "Tile | None" = None
    how: str = ""
    amount: float = 2.0
    mask: bytes = b""


def sheet(tiles: Sequence[Tile], studio: Studio) -> bytes:
    """Paint one picture, or four in two rows; gives a PNG file of the usual size.

    Args:
        tiles: one or four.
        studio: where they are painted.
    """
    pictures = [_painted(tile, studio) for tile in tiles]
    if len(pictures) == 1:
        return _file(pictures[0])
    width, height = pictures[0].size
    paper = Image.new("RGB", (width, height), (16, 18, 24))
    for place, picture in enumerate(pictures):
        small = picture.resize((width // 2 - 2, height // 2 - 2), Image.Resampling.BICUBIC, reducing_gap=2)
        paper.paste(small, (place % 2 * (width // 2 + 2), place // 2 * (height // 2 + 2)))
    return _file(paper)


def coarse(file: bytes, percent: int) -> bytes:
    """A picture that is not yet done: a quarter of its size, in few large spots.

    Args:
        file: the finished picture.
        percent: how far it is, 1 to 100.
    """
    with Image.open(io.BytesIO(file)) as picture:
        small = picture.convert("RGB").reduce(4)
    spots = max(8, small.width * percent // 400), max(8, small.height * percent // 400)
    return _file(small.resize(spots, Image.Resampling.BOX).resize(small.size, Image.Resampling.BICUBIC))


def _painted(tile: Tile, studio: Studio) -> Image.Image:
    if tile.inside is None:
        return _opened(studio.file(tile.recipe)[1])
    inner = _painted(tile.inside, studio)
    if tile.how == "vary":
        return _varied(inner, int(tile.amount))
    outer = ImageOps.fit(_opened(studio.file(tile.recipe)[1]), inner.size)
    if tile.how == "region":
        outer.paste(inner, mask=_alpha(tile.mask, inner.size))
    elif tile.how == "zoom":
        small = inner.resize((round(inner.width / tile.amount), round(inner.height / tile.amount)))
        place = (outer.width - small.width) // 2, (outer.height - small.height) // 2
        outer.paste(small, place, _soft(small.size))
    else:
        across, down = _SHIFTS[tile.how]
        outer.paste(inner, (across * inner.width // 3, down * inner.height // 3), _soft(inner.size))
    return outer


def _varied(picture: Image.Image, number: int) -> Image.Image:
    """The same picture in other light, every other one mirrored, and a little nearer."""
    chance = Random(number)  # noqa: S311  a brush, not a lock
    margin = chance.uniform(0.02, 0.12)
    near = ImageOps.fit(picture.crop(_within(picture.size, margin)), picture.size)
    near = ImageOps.mirror(near) if number % 2 else near
    gains = [chance.uniform(0.72, 1.2) for _ in range(3)]
    bands = [
        band.point([min(255, round(i * gain)) for i in range(256)])
        for band, gain in zip(near.split(), gains, strict=True)
    ]
    return Image.merge("RGB", bands)


def _within(size: tuple[int, int], margin: float) -> tuple[int, int, int, int]:
    width, height = size
    return round(width * margin), round(height * margin), round(width * (1 - margin)), round(height * (1 - margin))


def _soft(size: tuple[int, int]) -> Image.Image:
    """A mask that lets a picture's edges fade."""
    mask = Image.new("L", size, 0)
    mask.paste(255, (_SOFT, _SOFT, max(_SOFT + 1, size[0] - _SOFT), max(_SOFT + 1, size[1] - _SOFT)))
    return mask.filter(ImageFilter.BoxBlur(_SOFT // 2))


def _alpha(mask: bytes, size: tuple[int, int]) -> Image.Image:
    """Where a mask is opaque; one that is none leaves the left half as it is."""
    if not mask:
        half = Image.new("L", size, 0)
        half.paste(255, (0, 0, size[0] // 2, size[1]))
        return half
    return _opened(mask, "RGBA").getchannel("A").resize(size)


def _opened(file: bytes, mode: str = "RGB") -> Image.Image:
    with Image.open(io.BytesIO(file)) as picture:
        return picture.convert(mode)


def _file(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=4)
    return out.getvalue()
