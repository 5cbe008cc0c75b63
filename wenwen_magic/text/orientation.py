"""Reads what a person says about a picture's shape: an orientation, a ratio, a size in pixels, 1K, 2K or 4K.

All of it is one text in a request: ``auto``, ``landscape``, ``16:9`` or ``1536x1024``, then perhaps ``2K``.
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

from wenwen_magic.errors import ConfigError
from wenwen_magic.text.i18n import _
from wenwen_magic.text.suggest import did_you_mean

ORIENTATIONS = ("auto", "square", "landscape", "portrait")
WORDS = {
    **dict.fromkeys(("auto", "自动", "随意"), "auto"),
    **dict.fromkeys(("square", "方", "方形", "方图", "正方形"), "square"),
    **dict.fromkeys(("landscape", "horizontal", "wide", "横", "横屏", "横版", "横图", "横向"), "landscape"),
    **dict.fromkeys(("portrait", "vertical", "tall", "竖", "竖屏", "竖版", "竖图", "竖向", "纵向"), "portrait"),
}
"""The names that a user may type for an orientation, and the orientation each means."""
CHINESE = dict(zip(ORIENTATIONS, ("自动", "方形", "横屏", "竖屏"), strict=True))
"""What a cell with Chinese options says for each orientation."""
RATIOS = ("1:1", "3:2", "2:3", "4:3", "3:4", "16:9", "9:16", "21:9")
"""The usual ratios of width to height, which are offered."""
RESOLUTIONS = {"1K": 1024, "2K": 2048, "4K": 4096}
"""The side in pixels of a square picture of each resolution; others have as many pixels."""
_EXTREME = 16
"""The longer side over the shorter one, at most: Midjourney's 14:1 is the longest that any model is known to draw."""
_SMALLEST, _LARGEST = 64, 16384
"""Pixels of a side; two smaller numbers are a ratio."""
_NUMBER = r"\d{1,6}(?:\.\d{1,4})?"
_PIECE = re.compile(
    rf"(?P<k>\d+)\s*k(?![a-z])|(?P<a>{_NUMBER})\s*(?P<sign>[:∶x×х*/比])\s*(?P<b>{_NUMBER})(?:\s*px)?"
    r"|(?P<word>[^\W\d_]+)|[\s,;·()、]+"
)
_ALIKE, _SAME, _NEAR, _TURNED = 1.02, 20 / 19, 1.6, 1.2
"""How many times wider a shape may be: to go by a usual ratio's name, to count as what was asked for, to be sent in
its place, and to be that though its turn is another."""


@dataclass(frozen=True)
class Shape:
    """What is asked of a picture's shape.

    Args:
        turn: ``auto``, ``square``, ``landscape`` or ``portrait``.
        ratio: width over height; None where only a turn is asked for.
        named: the ratio in whole numbers, as it was typed; empty for none.
        pixels: width and height, where they are asked for.
        resolution: ``1K``, ``2K``, ``4K``, or empty.
    """

    turn: str = "auto"
    ratio: Fraction | None = None
    named: str = ""
    pixels: tuple[int, int] | None = None
    resolution: str = ""

    @property
    def in_words(self) -> str:
        """The ratio as it can be said to a model: of a size in pixels the usual one next to it, such as ``3:2``."""
        ratio = self.ratio
        close = (
            name for name in RATIOS if ratio and not self.named and _apart(Fraction(*_sides(name)), ratio) < _ALIKE
        )
        return next(close, self.named or (f"{ratio.numerator}:{ratio.denominator}" if ratio else ""))

    def stands_for(self, asked: "Shape") -> bool:
        """Tell whether a picture of this shape is what was asked for."""
        if self.pixels or self.ratio is None or asked.ratio is None:
            return not self.pixels or asked.fits(*self.pixels)
        return _apart(self.ratio, asked.ratio) <= _SAME

    def fits(self, width: int, height: int) -> bool:
        """Tell whether a picture has the shape that is asked for, within a twentieth."""
        ratio = Fraction(width or 1, height or 1)
        wide, high = self.pixels or (width, height)
        if self.pixels and max(_apart(Fraction(width), wide), _apart(Fraction(height), high)) > _SAME:
            return False
        if self.resolution and math.sqrt(width * height) * _TURNED < RESOLUTIONS[self.resolution]:
            return False
        if self.ratio is not None:
            return _apart(ratio, self.ratio) <= _SAME
        return self.turn in {"auto", turn_of(ratio)}


def turn_of(ratio: Fraction) -> str:
    """Judge the orientation of a ratio: square within a twentieth."""
    return "square" if _apart(ratio, 1) <= _SAME else "landscape" if ratio > 1 else "portrait"


@lru_cache(maxsize=512)
def shape_of(text: str) -> Shape:
    """Read a shape.

    Args:
        text: an orientation in either language, a ratio in any spelling (``16:9``, ``16x9``, ``21/9``), a size
            (``1536x1024``), ``2K``, or several that agree: ``横屏 16:9 2K``.

    Raises:
        ConfigError: it is none of these, cannot be, or contradicts itself.
    """
    folded = unicodedata.normalize("NFKC", text).strip(" .,;:!?。\t\n").lower()
    made, end = Shape(), 0
    while (piece := _PIECE.match(folded, end)) and (piece["word"] is None or piece["word"] in WORDS):
        if piece["k"]:
            added = Shape(resolution=f"{int(piece['k'])}K")
            if added.resolution not in RESOLUTIONS:
                raise ConfigError(
                    _("There is no size {name}.", name=added.resolution[:20]),
                    do=_("Use 1K, 2K or 4K, or a size in pixels."),
                )
        elif piece["a"]:
            added = _pair(piece["a"], piece["b"], piece["sign"])
        else:
            added = Shape(WORDS[piece["word"] or "auto"])
        made, end = _merged(made, added), piece.end()
    if not folded or end < len(folded):
        known = [*_("auto square landscape portrait").split(), "16:9", "1536x1024", "2K"]
        lines = re.fullmatch(r"(\d{3,5})(p?)", folded)  # 720p is what films call 1280x720
        wide = lines and (round(int(lines[1]) * 16 / 9) if lines[2] else lines[1])
        advice = _("Write both sides: {size}", size=f"{wide}x{lines[1]}") if lines else ""
        raise ConfigError(
            _("No orientation or size is called {value!r}.", value=text[:60]),
            do=advice or did_you_mean(folded, WORDS, known),
        )
    return made


@lru_cache(maxsize=512)
def spelled(text: str) -> str:
    """Return the one text for a shape in any spelling; see :func:`shape_of`."""
    return _written(shape_of(text))


def read(value: Any, beside: Any = None) -> str:
    """Return the one text for a shape, however it was typed; of two that agree, both together.

    Args:
        value: as for :func:`shape_of`, or width and height.
        beside: another that was given too.

    Raises:
        ConfigError: as :func:`shape_of`.
    """
    return (
        spelled(_text(value)) if beside is None else _written(_merged(shape_of(_text(value)), shape_of(_text(beside))))
    )


def over(usual: str, value: Any) -> str:
    """Return a shape as :func:`read` does; what it does not say is as usual."""
    made, before = shape_of(_text(value)), shape_of(usual)
    if made.turn == "auto":
        made = replace(before, resolution=made.resolution, pixels=None if made.resolution else before.pixels)
    return _written(made)


def _text(value: Any) -> str:
    pair = isinstance(value, (tuple, list)) and len(value) == 2  # noqa: PLR2004  width and height
    return "x".join(map(str, value)) if pair else str(value)


def _written(shape: Shape) -> str:
    first = shape.turn
    if shape.pixels:
        first = "{}x{}".format(*shape.pixels)
    elif shape.ratio is not None:
        first = shape.in_words
    return f"{first} {shape.resolution}".strip()


def said(text: str) -> str:
    """Return a request's shape in the reader's language."""
    first, _space, resolution = text.partition(" ")
    word = _(first) if first in ORIENTATIONS else first.replace("x", "×")
    return resolution if resolution and first == "auto" else f"{word} {resolution}".strip()


def nearest(shape: Shape, known: Iterable[str], model: str) -> str:
    """Return the ratio or size, of those a model knows, that is nearest to the one asked for.

    Args:
        shape: has a ratio.
        known: as ``16:9`` or ``1536x1024``.
        model: for the error.

    Raises:
        ConfigError: none is near.
    """
    wanted, names = shape.ratio or Fraction(1), list(known)
    area = math.prod(shape.pixels) if shape.pixels else RESOLUTIONS[shape.resolution or "1K"] ** 2

    def distance(name: str) -> tuple[float, float]:
        width, height = _sides(name)
        return round(_apart(Fraction(width, height), wanted), 3), _apart(Fraction(width * height), area)

    best = min(names, key=distance)
    ratio = Fraction(*_sides(best))
    if _apart(ratio, wanted) > (_NEAR if turn_of(ratio) == turn_of(wanted) else _TURNED):
        raise ConfigError(
            _("{model} cannot draw {shape}.", model=model, shape=_bare(shape)),
            do=_("It draws: ") + ", ".join(names),
        )
    return best


def pixels_for(shape: Shape, area: int, largest: Sequence[int], step: int) -> tuple[int, int]:
    """Return width and height for a ratio: in that ratio exactly where whole steps allow it.

    Args:
        shape: has a ratio.
        area: pixels in all that are wanted.
        largest: the sides of the largest picture; its longer side and its area are limits.
        step: what both sides are multiples of.
    """
    ratio = shape.ratio or Fraction(1)
    most, wide = float(max(largest)), float(ratio)
    width = min(math.sqrt(min(area, math.prod(largest)) * wide), most, most * wide)
    unit = math.lcm(ratio.numerator * step, step)
    width = max(unit, width // unit * unit) if unit <= width / 2 else max(step, width // step * step)
    return int(width), max(step, round(width / wide / step) * step)


def _pair(first: str, second: str, sign: str) -> Shape:
    width, height = Fraction(first), Fraction(second)
    if not width or not height or not Fraction(1, _EXTREME) <= width / height <= _EXTREME:
        raise ConfigError(
            _("A picture cannot be {value}.", value=f"{first}:{second}"),
            do=_("Use a ratio from 1:{most} to {most}:1, for example 16:9.", most=_EXTREME),
        )
    ratio = width / height
    if sign in ":∶比/" or max(width, height) < _SMALLEST:
        ratio = ratio.limit_denominator(1000)
        short = first.isdigit() and second.isdigit() and max(width, height) < _SMALLEST
        named = f"{width}:{height}" if short else f"{ratio.numerator}:{ratio.denominator}"
        return Shape(turn_of(ratio), ratio, named)
    if (
        min(width, height) < _SMALLEST
        or max(width, height) > _LARGEST
        or {width.denominator, height.denominator} != {1}
    ):
        raise ConfigError(
            _("A picture cannot be {value}.", value=f"{first}x{second}"),
            do=_("Use sides of {least} to {most} pixels, for example 1536x1024.", least=_SMALLEST, most=_LARGEST),
        )
    return Shape(turn_of(ratio), ratio, pixels=(int(width), int(height)))


def _merged(first: Shape, second: Shape) -> Shape:
    """Return what two shapes say together."""
    both = (first, second)
    turns, resolutions = {one.turn for one in both} - {"auto"}, {one.resolution for one in both} - {""}
    sizes = {one.pixels for one in both if one.pixels}
    exact = max(both, key=lambda one: (one.pixels is not None, one.ratio is not None, one.turn != "auto"))
    apart = max((_apart(one.ratio, exact.ratio) for one in both if one.ratio and exact.ratio), default=1.0) > _SAME
    if len(turns) > 1 or len(sizes) > 1 or len(resolutions) > 1 or apart or (sizes and resolutions):
        opposite = turns == {"landscape", "portrait"}
        turned = opposite and exact.ratio and not all(one.ratio for one in both) and not exact.pixels
        advice = _("Did you mean {near}?", near=":".join(exact.in_words.split(":")[::-1])) if turned else ""
        raise ConfigError(
            _("{first} and {second} contradict each other.", first=_bare(first), second=_bare(second)),
            do=advice or _("Keep one of them."),
        )
    return replace(exact, resolution="".join(resolutions))


def _bare(shape: Shape) -> str:
    return said(_written(shape))


def _sides(name: str) -> tuple[int, int]:
    first, _sign, second = name.replace("x", ":").partition(":")
    return int(first), int(second)


def _apart(one: Fraction, other: Fraction | int) -> float:
    """Return how many times the larger of two numbers is the smaller, at least 1."""
    return float(max(one / other, other / one))
