"""Draws soft-edged shapes and figures: outlines are drawn at twice their size and brought down."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
Point = tuple[float, float]
Outline = Sequence[Point]

INK: Colour = (44, 38, 48)
CREAM: Colour = (250, 240, 224)
WHITE: Colour = (255, 255, 255)
LAMP: Colour = (255, 221, 140)
_FINE = 2


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """Blend two colours; a share of 0 gives the first, 1 the other."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def colour(digits: str) -> Colour:
    """Read a colour written as six hexadecimal digits."""
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue


def smooth(points: Outline, *, closed: bool = True) -> list[Point]:
    """Lead a round curve (Catmull-Rom) through points; a closed one returns to its beginning."""
    line = [points[-1], *points, points[0], points[1]] if closed else [points[0], *points, points[-1]]
    curve = [_between(line[i : i + 4], step / 8) for i in range(len(line) - 3) for step in range(8)]
    return curve if closed else [*curve, points[-1]]


def _between(four: Outline, t: float) -> Point:
    weights = (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3)
    pairs = list(zip(weights, four, strict=True))
    return sum(w * p[0] for w, p in pairs) / 2, sum(w * p[1] for w, p in pairs) / 2


def oval(x: float, y: float, across: float, up: float, turn: float = 0.0) -> list[Point]:
    """Outline an ellipse by its centre, half its width, half its height, and degrees clockwise."""
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    around = [(across * math.cos(a), up * math.sin(a)) for a in (math.tau * i / 48 for i in range(48))]
    return [(x + p * cos - q * sin, y + p * sin + q * cos) for p, q in around]


def ribbon(points: Outline, width: float, *, tip: float = 1.0) -> list[Point]:
    """Outline a band along a line of at least two points; ``tip`` is the share of the width left at its end."""
    left: list[Point] = []
    right: list[Point] = []
    for i, (x, y) in enumerate(points):
        (ax, ay), (bx, by) = points[max(i - 1, 0)], points[min(i + 1, len(points) - 1)]
        half = width / 2 * (1 + (tip - 1) * i / (len(points) - 1)) / (math.hypot(bx - ax, by - ay) or 1.0)
        left.append((x - (by - ay) * half, y + (bx - ax) * half))
        right.append((x + (by - ay) * half, y - (bx - ax) * half))
    return [*left, *reversed(right)]


def gradient(stops: Sequence[Colour], width: int, height: int) -> Image.Image:
    """Lay evenly spaced colours from the top to the bottom."""
    column = Image.new("RGB", (1, max(1, height)))
    places = [row / max(1, height - 1) * (len(stops) - 1) for row in range(max(1, height))]
    pairs = [(place, min(int(place), len(stops) - 2)) for place in places]
    column.putdata([mix(stops[first], stops[first + 1], place - first) for place, first in pairs])
    return column.resize((width, max(1, height)), Image.Resampling.NEAREST)


@dataclass(frozen=True)
class Place:
    """The place, size and direction of a figure."""

    x: float  # its base, in pixels from the left
    y: float  # its base, in pixels from the top
    size: float  # its height in pixels
    flip: bool = False  # whether it looks the other way
    turn: float = 0.0  # degrees clockwise
    sink: bool = False  # whether it is upside down, as in water below it

    def of(self, point: Point) -> Point:
        """Give the pixel for a point in the figure's own measure: base at (0, 0), up to -1."""
        x, y = (-point[0] if self.flip else point[0]), (-point[1] if self.sink else point[1])
        cos, sin = math.cos(math.radians(self.turn)), math.sin(math.radians(self.turn))
        return self.x + self.size * (x * cos - y * sin), self.y + self.size * (x * sin + y * cos)


class Canvas:
    """A picture that is drawn on; a unit is a thousandth of its shorter side."""

    def __init__(self, picture: Image.Image) -> None:
        self.picture = picture
        self.width, self.height = picture.size
        self.unit = min(picture.size) / 1000

    def fill(
        self, ink: Colour, *outlines: Outline, fade: Colour | None = None, opacity: float = 1.0, blur: float = 0.0
    ) -> None:
        """Fill outlines in pixels, in colours from top to bottom; ``blur`` is the softness of the edge in pixels."""
        margin = 3 * blur + 1
        xs, ys = [x for line in outlines for x, _ in line], [y for line in outlines for _, y in line]
        if not xs:
            return
        left, top = max(0, math.floor(min(xs) - margin)), max(0, math.floor(min(ys) - margin))
        right, low = min(self.width, math.ceil(max(xs) + margin)), min(self.height, math.ceil(max(ys) + margin))
        if right <= left or low <= top:
            return
        mask = Image.new("L", ((right - left) * _FINE, (low - top) * _FINE))
        brush = ImageDraw.Draw(mask)
        for outline in outlines:
            brush.polygon([((x - left) * _FINE, (y - top) * _FINE) for x, y in outline], fill=round(255 * opacity))
        mask = mask.reduce(_FINE)
        mask = mask.filter(ImageFilter.BoxBlur(blur)).filter(ImageFilter.BoxBlur(blur)) if blur else mask
        paint = ink if fade is None else gradient((ink, fade), right - left, low - top)
        self.picture.paste(paint, (left, top, right, low), mask)

    def glow(self, x: float, y: float, radius: float, ink: Colour, opacity: float) -> None:
        """Shine around a point, less and less up to the radius."""
        side = max(2, round(2 * radius))
        light = Image.radial_gradient("L").point([round(opacity * 255 * max(0, 1 - i / 180) ** 2) for i in range(256)])
        left, top = round(x - side / 2), round(y - side / 2)
        self.picture.paste(ink, (left, top, left + side, top + side), light.resize((side, side)))

    def draw(self, figure: str, place: Place, inks: Mapping[str, Colour], *, opacity: float = 1.0) -> None:
        """Draw a figure, one shape a line: its kind, its ink, its points.

        Kinds are ``poly``, ``blob`` (a round curve through the points), ``oval`` (a centre and two radii, perhaps
        with a turn, for each) and ``line`` (a width and the share of it at the end, then the points). A star draws
        the mirror image as well. An ink is a name or six hexadecimal digits, ``>`` and the ink at the bottom,
        ``@`` and an opacity.
        """
        for line in filter(None, figure.splitlines()):
            kind, paint, *points = line.split()
            names, _, share = paint.partition("@")
            top, _, low = names.partition(">")
            outlines = list(_outlines(kind.rstrip("*"), [tuple(map(float, pair.split(","))) for pair in points]))
            if kind.endswith("*"):
                outlines += [[(-x, y) for x, y in outline] for outline in outlines]
            placed = [[place.of(point) for point in outline] for outline in outlines]
            shades = [inks.get(name) or colour(name) for name in (top, low or top)]
            self.fill(shades[0], *placed, fade=shades[1] if low else None, opacity=opacity * float(share or 1))


def _outlines(kind: str, points: Sequence[tuple[float, ...]]) -> Iterator[list[Point]]:
    if kind == "oval":
        yield from (oval(*centre, *radii) for centre, radii in zip(points[::2], points[1::2], strict=True))
        return
    line = [(point[0], point[1]) for point in points]
    if kind == "line":
        (width, tip), curve = line[0], smooth(line[1:], closed=False)
        yield ribbon(curve, width, tip=tip)
        yield oval(*curve[0], width / 2, width / 2)
        yield oval(*curve[-1], width * tip / 2, width * tip / 2)
    else:
        yield smooth(line) if kind == "blob" else line
