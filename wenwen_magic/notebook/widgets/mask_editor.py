"""A small editor for masks: brush, rectangle and eraser on the picture; with strip and inserter a home of widgets."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import ipywidgets
from PIL import Image, ImageDraw

from wenwen_magic.errors import ConfigError
from wenwen_magic.text.i18n import _

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


_WIDEST, _HIGHEST = 640, 480
"""Pixels of the picture on the screen, at most."""
_COLOUR, _ALPHA = (217, 48, 79), 120
BRUSH, RECTANGLE, ERASER = "brush", "rectangle", "eraser"


def open_editor(picture: Path, size: tuple[int, int], name: str, changed: Callable[[Mask], None]) -> "MaskEditor":
    """Open an editor on a picture.

    Args:
        picture: a small file of it, JPEG or PNG.
        size: the width and height in pixels that the mask will have.
        name: the variable that receives the mask.
        changed: is handed the mask after every stroke.

    Raises:
        ConfigError: the canvas library is not installed.
    """
    try:
        canvas = import_module("ipycanvas")
    except ImportError:
        raise ConfigError(
            _("The mask editor needs the library ipycanvas."),
            do=_("pip install 'wenwen-magic[mask]' and restart; or give --mask an array or a PNG file."),
        ) from None
    return MaskEditor(canvas, picture, Mask(size), name, changed)


class MaskEditor:
    """The picture, what is painted over it, and the tools.

    Args:
        canvas: the canvas library.
        picture: a small file of the picture.
        mask: the empty mask of the picture's size.
        name: the variable that receives the mask.
        changed: is handed the mask after every stroke.

    Attributes:
        mask: as it is now.
        view: to be shown.
    """

    def __init__(self, canvas: Any, picture: Path, mask: Mask, name: str, changed: Callable[[Mask], None]) -> None:
        self.mask, self._name, self._changed, self._library = mask, name, changed, canvas
        width, height = mask.size
        self._scale = min(1.0, _WIDEST / width, _HIGHEST / height)
        self._hand: list[tuple[float, float]] = []
        self.canvas = self._make_canvas(picture)
        self._make_tools()
        self.note = ipywidgets.HTML()
        tools = ipywidgets.HBox([self.tool, self.width], layout={"flex_flow": "row wrap", "align_items": "center"})
        ends = ipywidgets.HBox([self.undo, self.clear], layout={"flex_flow": "row wrap"})
        self.view = ipywidgets.VBox([tools, self.canvas, ends, self.note])
        self._tell()

    def _make_canvas(self, picture: Path) -> Any:
        width, height = (max(1, round(side * self._scale)) for side in self.mask.size)
        made = self._library.MultiCanvas(3, width=width, height=height, layout={"width": f"{width}px"})
        kind = "png" if picture.suffix == ".png" else "jpeg"
        made[0].draw_image(ipywidgets.Image(value=picture.read_bytes(), format=kind), 0, 0, width, height)
        made[2].line_cap = made[2].line_join = "round"
        made[2].stroke_style = made[2].fill_style = f"rgb{_COLOUR}"
        made[2].global_alpha = _ALPHA / 255
        made.layout.border = "1px solid #8886"
        self._listen(made)
        return made

    def _listen(self, canvas: Any) -> None:
        canvas.on_mouse_down(self.press)
        canvas.on_mouse_move(self.move)
        canvas.on_mouse_up(self.lift)
        canvas.on_mouse_out(self.lift)
        canvas.on_touch_start(lambda touches: self.press(*touches[0]))
        canvas.on_touch_move(lambda touches: self.move(*touches[0]))
        canvas.on_touch_end(lambda *_: self.lift())

    def _make_tools(self) -> None:
        names = ((_("brush"), BRUSH), (_("rectangle"), RECTANGLE), (_("eraser"), ERASER))
        self.tool = ipywidgets.ToggleButtons(options=names, value=BRUSH, style={"button_width": "92px"})
        self.width = ipywidgets.IntSlider(value=32, min=4, max=120, description=_("width"), layout={"width": "280px"})
        self.undo = ipywidgets.Button(description=_("Undo"), layout={"width": "92px"})
        self.clear = ipywidgets.Button(description=_("Clear"), layout={"width": "92px"})
        self.undo.on_click(lambda _: self._become(self.mask.strokes[:-1]))
        self.clear.on_click(lambda _: self._become(()))

    # -- the hand; in pixels of the screen -----------------------------------------------------------------------------

    def press(self, x: float, y: float) -> None:
        """Begin a stroke."""
        self._hand = [(x, y)]

    def move(self, x: float, y: float) -> None:
        """Go on with the stroke, if one has begun; it is shown on a layer of its own until it is done."""
        if not self._hand:
            return
        self._hand.append((x, y))
        layer, (from_x, from_y) = self.canvas[2], self._hand[-2]
        if self.tool.value != RECTANGLE:
            layer.line_width = self.width.value
            layer.stroke_line(from_x, from_y, x, y)
            return
        (left, right), (top, bottom) = (sorted(pair) for pair in zip(self._hand[0], (x, y), strict=True))
        with self._library.hold_canvas():
            layer.clear()
            layer.fill_rect(left, top, right - left, bottom - top)

    def lift(self, *_: float) -> None:
        """End the stroke: it is part of the mask now."""
        if self._hand:
            stroke, self._hand = self._stroke(), []
            self._become((*self.mask.strokes, stroke))

    def _stroke(self) -> Stroke:
        points = scaled(self._hand, 1 / self._scale)
        if self.tool.value == RECTANGLE:
            return Stroke((points[0], points[-1]))
        return Stroke(points, self.width.value / self._scale, erase=self.tool.value == ERASER)

    def _become(self, strokes: tuple[Stroke, ...]) -> None:
        self.mask = replace(self.mask, strokes=strokes)
        self._redraw()
        self._changed(self.mask)
        self._tell()

    # -- what is seen --------------------------------------------------------------------------------------------------

    def _redraw(self) -> None:
        """Show the mask as a whole, so that strokes that cross look like one."""
        width, height = self.canvas.width, self.canvas.height
        data = self.mask.overlay((width, height), (*_COLOUR, _ALPHA))
        pixels = import_module("numpy").frombuffer(data, "uint8").reshape(height, width, 4)
        with self._library.hold_canvas():
            self.canvas[2].clear()
            self.canvas[1].put_image_data(pixels)

    def _tell(self) -> None:
        name, share = self._name, f"{self.mask.share:.0%}"
        told = _(
            "<code>{name}</code> holds the mask: {share} of the picture may change. Use it: "
            "<code>--format images --ref … --mask {name}</code>",
            name=name,
            share=share,
        )
        empty = _("Paint over what may change.")
        self.note.value = told if self.mask.strokes else empty
