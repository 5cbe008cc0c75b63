"""Draws soft-edged shapes: outlines are drawn at twice their size and brought down."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
Point = tuple[float, float]
Outline = Sequence[Point]
Box = tuple[int, int, int, int]

_FINE = 2


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """Blend two colours.

    Args:
        one: the colour at share 0.
        other: the colour at share 1.
        share: 0 to 1.
    """
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def path(text: str) -> list[Point]:
    """Read points written as ``x,y`` with spaces between them."""
    pairs = (pair.split(",") for pair in text.split())
    return [(float(x), float(y)) for x, y in pairs]


def smooth(points: Outline, *, closed: bool = True, steps: int = 8) -> list[Point]:
    """Lead a round curve (Catmull-Rom) through points.

    Args:
        points: what the curve passes through, in pixels or any other unit.
        closed: whether it returns to its beginning.
        steps: short straight pieces between two points.
    """
    line = [points[-1], *points, points[0], points[1]] if closed else [points[0], *points, points[-1]]
    curve = [_between(line[i : i + 4], step / steps) for i in range(len(line) - 3) for step in range(steps)]
    return curve if closed else [*curve, points[-1]]


def _between(four: Outline, t: float) -> Point:
    before, start, end, after = four
    weights = (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3)
    pairs = list(zip(weights, (before, start, end, after), strict=True))
    return sum(w * p[0] for w, p in pairs) / 2, sum(w * p[1] for w, p in pairs) / 2


def oval(x: float, y: float, across: float, up: float, turn: float = 0.0) -> list[Point]:
    """Outline an ellipse.

    Args:
        x: centre, from the left.
        y: centre, from the top.
        across: half its width.
        up: half its height.
        turn: degrees clockwise.
    """
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    round_ = [(across * math.cos(a), up * math.sin(a)) for a in (math.tau * i / 56 for i in range(56))]
    return [(x + p * cos - q * sin, y + p * sin + q * cos) for p, q in round_]


def ribbon(points: Outline, width: float, *, tip: float = 1.0) -> list[Point]:
    """Outline a band along a line of at least two points.

    Args:
        points: the middle of the band.
        width: of the band at its beginning.
        tip: width at its end, as a share of the width at its beginning.
    """
    left: list[Point] = []
    right: list[Point] = []
    for i, (x, y) in enumerate(points):
        (ax, ay), (bx, by) = points[max(i - 1, 0)], points[min(i + 1, len(points) - 1)]
        half = width / 2 * (1 + (tip - 1) * i / (len(points) - 1)) / (math.hypot(bx - ax, by - ay) or 1.0)
        left.append((x - (by - ay) * half, y + (bx - ax) * half))
        right.append((x + (by - ay) * half, y - (bx - ax) * half))
    return [*left, *reversed(right)]


class Canvas:
    """A picture in the making.

    Args:
        width: in pixels.
        height: in pixels.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.unit = min(width, height) / 1000
        self.picture = Image.new("RGB", (width, height))

    def sky(self, stops: Sequence[Colour], bottom: float) -> None:
        """Lay evenly spaced colours from the top of the canvas down to ``bottom`` (pixels)."""
        self.picture.paste(gradient(stops, self.width, round(bottom)), (0, 0))

    def fill(
        self, colour: Colour, *outlines: Outline, fade: Colour | None = None, opacity: float = 1.0, blur: float = 0.0
    ) -> None:
        """Fill outlines.

        Args:
            colour: at their top.
            outlines: in pixels; what lies outside the canvas is left out.
            fade: the colour at their bottom; None for the same.
            opacity: 0 to 1.
            blur: softness of the edge in pixels.
        """
        box = self._box(outlines, 3 * blur + 1)
        width, height = box[2] - box[0], box[3] - box[1]
        if width <= 0 or height <= 0:
            return
        mask = _mask(outlines, box, opacity)
        mask = mask.filter(ImageFilter.BoxBlur(blur)).filter(ImageFilter.BoxBlur(blur)) if blur else mask
        ink = colour if fade is None else gradient((colour, fade), width, height)
        self.picture.paste(ink, box, mask)

    def glow(self, x: float, y: float, radius: float, colour: Colour, opacity: float) -> None:
        """Shine around a point.

        Args:
            x: centre in pixels.
            y: centre in pixels.
            radius: where nothing is left of it, in pixels.
            colour: of the light.
            opacity: at the centre, 0 to 1.
        """
        side = max(2, round(2 * radius))
        light = Image.radial_gradient("L").point([round(opacity * 255 * max(0, 1 - i / 180) ** 2) for i in range(256)])
        mask, left, top = light.resize((side, side)), round(x - side / 2), round(y - side / 2)
        self.picture.paste(colour, (left, top, left + side, top + side), mask)

    def _box(self, outlines: Sequence[Outline], margin: float) -> Box:
        across = [x for outline in outlines for x, _ in outline] or [0.0]
        down = [y for outline in outlines for _, y in outline] or [0.0]
        left, top = max(0, math.floor(min(across) - margin)), max(0, math.floor(min(down) - margin))
        right, bottom = math.ceil(max(across) + margin), math.ceil(max(down) + margin)
        return left, top, min(self.width, right), min(self.height, bottom)


def gradient(stops: Sequence[Colour], width: int, height: int) -> Image.Image:
    """Paint evenly spaced colours from top to bottom.

    Args:
        stops: at least two colours.
        width: in pixels.
        height: in pixels.
    """
    column = Image.new("RGB", (1, max(1, height)))
    column.putdata([_at(stops, row / max(1, height - 1)) for row in range(max(1, height))])
    return column.resize((width, max(1, height)), Image.Resampling.NEAREST)


def _at(stops: Sequence[Colour], share: float) -> Colour:
    place = share * (len(stops) - 1)
    first = min(int(place), len(stops) - 2)
    return mix(stops[first], stops[first + 1], place - first)


def _mask(outlines: Sequence[Outline], box: Box, opacity: float) -> Image.Image:
    left, top, right, bottom = box
    mask = Image.new("L", ((right - left) * _FINE, (bottom - top) * _FINE))
    draw = ImageDraw.Draw(mask)
    for outline in outlines:
        draw.polygon([((x - left) * _FINE, (y - top) * _FINE) for x, y in outline], fill=round(255 * opacity))
    return mask.reduce(_FINE)


@dataclass(frozen=True)
class Easel:
    """Draws a motif in its own measure: base at (0, 0), up to -1, half a step to each side.

    Args:
        canvas: where it is drawn.
        x: the base, in pixels from the left.
        y: the base, in pixels from the top.
        size: the motif's height in pixels.
        turned: whether it looks the other way.
        upside_down: as in a mirror of water.
        opacity: 0 to 1.
    """

    canvas: Canvas
    x: float
    y: float
    size: float
    turned: bool = False
    upside_down: bool = False
    opacity: float = 1.0

    def mirrored(self, opacity: float) -> "Easel":
        """The same place seen in the water below it."""
        return replace(self, upside_down=not self.upside_down, opacity=opacity)

    def patch(self, colour: Colour, *outlines: Outline, fade: Colour | None = None, opacity: float = 1.0) -> None:
        """Fill straight-edged outlines given in the motif's measure."""
        placed = [[self._place(point) for point in outline] for outline in outlines]
        self.canvas.fill(colour, *placed, fade=fade, opacity=opacity * self.opacity)

    def blob(self, colour: Colour, *outlines: Outline, fade: Colour | None = None, opacity: float = 1.0) -> None:
        """Fill round curves through points given in the motif's measure."""
        self.patch(colour, *(smooth(outline) for outline in outlines), fade=fade, opacity=opacity)

    def line(self, colour: Colour, points: Outline, width: float, *, tip: float = 1.0, opacity: float = 1.0) -> None:
        """Draw a curved band with round ends."""
        curve = smooth(points, closed=False)
        ends = [oval(*curve[0], width / 2, width / 2), oval(*curve[-1], width * tip / 2, width * tip / 2)]
        self.patch(colour, ribbon(curve, width, tip=tip), *ends, opacity=opacity)

    def _place(self, point: Point) -> Point:
        x = -point[0] if self.turned else point[0]
        y = -point[1] if self.upside_down else point[1]
        return self.x + self.size * x, self.y + self.size * y
