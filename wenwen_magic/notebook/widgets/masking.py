"""Makes a mask of strokes: a PNG of a picture's size, transparent where the picture may be changed."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

Point = tuple[float, float]


@dataclass(frozen=True)
class Stroke:
    """One movement of the hand, in pixels of the picture.

    Args:
        points: where it went; of a rectangle two opposite corners.
        width: of a brush, in pixels; 0 for a rectangle.
        erase: whether it takes away from the mask.
    """

    points: tuple[Point, ...]
    width: float = 0.0
    erase: bool = False


@dataclass(frozen=True)
class Mask:
    """Where a picture may be changed.

    Args:
        size: the picture's width and height in pixels.
        strokes: in the order they were made.
    """

    size: tuple[int, int]
    strokes: tuple[Stroke, ...] = ()

    def image(self) -> Image.Image:
        """The mask as relays take it: opaque, and transparent where the picture may be changed.

        Source: OpenAI's page on image edits; not seen on wenwen's pages.
        """
        made = Image.new("RGBA", self.size, (0, 0, 0, 255))
        made.putalpha(self._painted().point(lambda value: 255 - value))
        return made

    def png(self) -> bytes:
        """The mask as a PNG file."""
        out = io.BytesIO()
        self.image().save(out, "PNG")
        return out.getvalue()

    def overlay(self, size: tuple[int, int], colour: tuple[int, int, int, int]) -> bytes:
        """What is painted, to lie over the picture on a screen: rows x columns x 4 bytes, red, green, blue, alpha.

        Args:
            size: width and height in pixels of the screen.
            colour: of what is painted; its last number is the alpha, 0 to 255.
        """
        *shade, alpha = colour
        made = Image.new("RGBA", size, (*shade, 0))
        made.putalpha(self._painted().resize(size).point(lambda value: value * alpha // 255))
        return made.tobytes()

    @property
    def share(self) -> float:
        """How much of the picture may be changed, 0 to 1."""
        count: int = self._painted().histogram()[255]
        return count / (self.size[0] * self.size[1])

    def _painted(self) -> Image.Image:
        painted = Image.new("L", self.size, 0)
        draw = ImageDraw.Draw(painted)
        for stroke in self.strokes:
            _paint(draw, stroke)
        return painted


def _paint(draw: ImageDraw.ImageDraw, stroke: Stroke) -> None:
    colour = 0 if stroke.erase else 255
    if not stroke.width:
        draw.rectangle(_box(stroke.points[0], stroke.points[-1]), fill=colour)
        return
    radius = stroke.width / 2
    draw.line(stroke.points, fill=colour, width=max(1, round(stroke.width)))
    for x, y in stroke.points:  # round ends, and a dot where the hand did not move
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _box(one: Point, other: Point) -> tuple[float, float, float, float]:
    left, right = sorted((one[0], other[0]))
    top, bottom = sorted((one[1], other[1]))
    return left, top, right, bottom


def scaled(points: Sequence[Point], factor: float) -> tuple[Point, ...]:
    """Points in another measure: of the screen as pixels of the picture."""
    return tuple((x * factor, y * factor) for x, y in points)
