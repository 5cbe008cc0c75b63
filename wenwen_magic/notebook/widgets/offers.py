"""What the endpoint offers to do next with a picture, as buttons under it: in rows, each picture's own."""

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets

from wenwen_magic.engine import buttons
from wenwen_magic.notebook.widgets import parts
from wenwen_magic.records import Button, Generation
from wenwen_magic.render import generation
from wenwen_magic.text.i18n import say

MOST = 4
"""Pictures whose buttons are shown; the latest."""
_HEIGHT, _WIDEST = 56, 72
_LONGEST_LABEL = 40


class Offers:
    """The buttons of the pictures that a cell shows.

    Args:
        press: is called, in the main thread, with the picture and the button that was pressed.

    Attributes:
        view: to be put under the pictures.
    """

    def __init__(self, press: Callable[[Generation, Button], None]) -> None:
        self._press = press
        self._shown: tuple[Any, ...] = ()
        self.view = ipywidgets.VBox([])

    def fill(self, takes: Sequence[Generation], thumbnail: Callable[[Generation], Path | None]) -> None:
        """Show the buttons of some pictures; of several with a thumbnail each, so that one sees whose they are.

        Args:
            takes: what the cell shows, in its order.
            thumbnail: gives a small file of a picture; is called for those with buttons.
        """
        offering = [take for take in takes if take.buttons][-MOST:]
        alone = len(takes) == 1
        shown = (alone, *(take.id for take in offering))
        if shown == self._shown:
            return
        self._shown = shown
        self.view.children = tuple(self._group(take, None if alone else thumbnail(take), alone) for take in offering)

    def _group(self, take: Generation, path: Path | None, alone: bool) -> Any:
        rows = [parts.row([self._button(take, one) for one in line]) for line in buttons.rows(take.buttons)]
        if alone:
            return ipywidgets.VBox(rows, layout={"margin": "0 0 6px 0"})
        head = ipywidgets.HTML(f"<small>{escape(generation.take_mark(take.take))} #{escape(take.id[:6])}</small>")
        side = ipywidgets.VBox([*parts.thumbnails(path, _HEIGHT, _WIDEST), head], layout={"min_width": "80px"})
        return ipywidgets.HBox([side, ipywidgets.VBox(rows)], layout={"margin": "0 0 6px 0"})

    def _button(self, take: Generation, button: Button) -> Any:
        cost = (
            say("draws anew each time (pays)", "每次都重新作图（付费）")
            if button.again
            else say("draws it once (pays), then shows it for free", "只作图一次（付费），之后免费显示")
        )
        label = generation.sound(" ".join(button.label.split()))[:_LONGEST_LABEL]
        made = ipywidgets.Button(
            description=label,
            tooltip=f"{label}: {cost}",
            layout={"width": "auto", "min_width": "48px", "height": "28px", "margin": "1px 2px"},
        )
        made.on_click(lambda _: self._press(take, button))
        return made
