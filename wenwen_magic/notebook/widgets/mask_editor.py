"""A small editor for masks: brush, rectangle and eraser on the picture."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import ipywidgets
from PIL import Image, ImageDraw

from wenwen_magic.errors import ConfigError
from wenwen_magic.notebook.widgets import button, row
from wenwen_magic.text.i18n import _

Point = tuple[float, float]
BRUSH, RECTANGLE, ERASER = "brush", "rectangle", "eraser"
_WIDEST, _HIGHEST = 640, 480
"""Pixels of the picture on the screen, at most."""
_COLOUR, _ALPHA = (217, 48, 79), 120


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

    def paint(self, draw: ImageDraw.ImageDraw) -> None:
        """Paint it on an image of one channel: 255, or 0 where it erases."""
        colour = 0 if self.erase else 255
        if not self.width:
            draw.rectangle(_box(self.points[0], self.points[-1]), fill=colour)
            return
        radius = self.width / 2
        draw.line(self.points, fill=colour, width=max(1, round(self.width)))
        for x, y in self.points:  # round ends, and a dot where the hand did not move
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _box(corner: Point, opposite: Point) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of a rectangle."""
    (left, right), (top, bottom) = (sorted(pair) for pair in zip(corner, opposite, strict=True))
    return left, top, right, bottom


@dataclass(frozen=True)
class Mask:
    """Where a picture may be changed.

    Args:
        size: the picture's width and height in pixels.
        strokes: in the order they were made.
    """

    size: tuple[int, int]
    strokes: tuple[Stroke, ...] = ()

    def painted(self) -> Image.Image:
        """Return an image of one channel: 255 where the picture may be changed, else 0."""
        made = Image.new("L", self.size, 0)
        draw = ImageDraw.Draw(made)
        for stroke in self.strokes:
            stroke.paint(draw)
        return made

    def image(self) -> Image.Image:
        """Return the mask as relays take it: opaque, and transparent where the picture may be changed.

        Source: OpenAI's page on image edits; not seen on wenwen's pages.
        """
        made = Image.new("RGBA", self.size, (0, 0, 0, 255))
        made.putalpha(self.painted().point(lambda value: 255 - value))
        return made

    @property
    def share(self) -> float:
        """How much of the picture may be changed, 0 to 1."""
        count: int = self.painted().histogram()[255]
        return count / (self.size[0] * self.size[1])


class MaskEditor:
    """The picture, what is painted over it, and the tools.

    Args:
        picture: a small file of the picture, JPEG or PNG.
        size: the width and height in pixels that the mask will have.
        name: the variable that receives the mask; empty for none.
        changed: is handed the mask after every stroke.

    Attributes:
        mask: as it is now.
        view: to be shown.

    Raises:
        ConfigError: the canvas library is not installed.
    """

    def __init__(self, picture: Path, size: tuple[int, int], name: str, changed: Callable[[Mask], None]) -> None:
        try:
            self._library: Any = import_module("ipycanvas")
        except ImportError:
            raise ConfigError(
                _("The mask editor needs the library ipycanvas."),
                do=_("pip install 'wenwen-magic[mask]' and restart; or give --mask an array or a PNG file."),
            ) from None
        self.mask, self._name, self._changed = Mask(size), name, changed
        self._scale = min(1.0, _WIDEST / size[0], _HIGHEST / size[1])
        self._hand: list[Point] = []
        width, height = (max(1, round(side * self._scale)) for side in size)
        layout = {"width": f"{width}px", "max_width": "100%", "height": "auto", "border": "1px solid #8886"}
        self.canvas = self._library.MultiCanvas(3, width=width, height=height, layout=layout)
        shown = ipywidgets.Image.from_file(picture)
        self.canvas[0].draw_image(shown, 0, 0, width, height)
        pen = self.canvas[2]
        pen.line_cap = pen.line_join = "round"
        pen.stroke_style = pen.fill_style = f"rgb{_COLOUR}"
        pen.global_alpha = _ALPHA / 255
        self.canvas.on_mouse_down(self.press)
        self.canvas.on_mouse_move(self.move)
        self.canvas.on_mouse_up(self.lift)
        self.canvas.on_mouse_out(self.lift)
        self.canvas.on_touch_start(lambda touches: self.press(*touches[0]))
        self.canvas.on_touch_move(lambda touches: self.move(*touches[0]))
        self.canvas.on_touch_end(lambda *_: self.lift())
        names = ((_("brush"), BRUSH), (_("rectangle"), RECTANGLE), (_("eraser"), ERASER))
        self.tool = ipywidgets.ToggleButtons(options=names, value=BRUSH, style={"button_width": "92px"})
        brush = {"value": 32, "min": 4, "max": 120, "description": _("width")}
        self.width = ipywidgets.BoundedIntText(**brush, layout={"width": "160px"})  # a slider has no name
        self.undo = button(_("Undo"), lambda: self._set(self.mask.strokes[:-1]), width="92px")
        self.clear = button(_("Clear"), lambda: self._set(()), width="92px")
        self.note = ipywidgets.HTML()
        self.view = ipywidgets.VBox(
            [row([self.tool, self.width]), self.canvas, row([self.undo, self.clear]), self.note]
        )
        self._update_note()

    # -- the hand; in pixels of the screen -----------------------------------------------------------------------------

    def press(self, x: float, y: float) -> None:
        """Begin a stroke."""
        self._hand = [(x, y)]

    def move(self, x: float, y: float) -> None:
        """Continue the stroke, if one has begun; it is shown on a layer of its own until it is done."""
        if not self._hand:
            return
        self._hand.append((x, y))
        pen = self.canvas[2]
        if self.tool.value != RECTANGLE:
            pen.line_width = self.width.value
            pen.stroke_line(*self._hand[-2], x, y)
            return
        left, top, right, bottom = _box(self._hand[0], (x, y))
        with self._library.hold_canvas():
            pen.clear()
            pen.fill_rect(left, top, right - left, bottom - top)

    def lift(self, *_: float) -> None:
        """End the stroke: it is part of the mask now."""
        if not self._hand:
            return
        points = tuple((x / self._scale, y / self._scale) for x, y in self._hand)
        self._hand = []
        if self.tool.value == RECTANGLE:
            stroke = Stroke((points[0], points[-1]))
        else:
            stroke = Stroke(points, self.width.value / self._scale, erase=self.tool.value == ERASER)
        self._set((*self.mask.strokes, stroke))

    def _set(self, strokes: tuple[Stroke, ...]) -> None:
        """Change the mask; it is shown as a whole, so that strokes that cross look like one."""
        self.mask = replace(self.mask, strokes=strokes)
        on_screen = self.canvas.width, self.canvas.height
        overlay = Image.new("RGBA", on_screen, _COLOUR)
        overlay.putalpha(self.mask.painted().resize(on_screen).point(lambda value: value * _ALPHA // 255))
        pixels = import_module("numpy").asarray(overlay)
        with self._library.hold_canvas():
            self.canvas[2].clear()
            self.canvas[1].put_image_data(pixels)
        self._changed(self.mask)
        self._update_note()

    def _update_note(self) -> None:
        note, share = _("Paint over what may change."), f"{self.mask.share:.0%}"
        if self.mask.strokes and self._name:
            note = _(
                "<code>{name}</code> holds the mask: {share} of the picture may change. Use it: "
                "<code>--format images --ref … --mask {name}</code>",
                name=self._name,
                share=share,
            )
        elif self.mask.strokes:
            note = _("{share} of the picture may change.", share=share)
        self.note.value = note
