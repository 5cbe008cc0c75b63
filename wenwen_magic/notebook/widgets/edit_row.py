"""The row in which a person says what to change in a picture; it opens and closes, and asks for nothing itself."""

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets

from wenwen_magic.engine import buttons
from wenwen_magic.notebook.widgets import takes_strip
from wenwen_magic.records import Button, Generation
from wenwen_magic.render import generation
from wenwen_magic.text.i18n import _

_HEIGHT, _WIDEST = 72, 128


class Editing:
    """A thumbnail, a field for words, Cancel.

    Args:
        cancel: is called when Cancel is pressed.

    Attributes:
        take: the picture that is to be changed; None while the row is closed.
        words: the field for what to change.
        cancel: the button.
        view: to be put among the controls.
    """

    def __init__(self, cancel: Callable[[], None]) -> None:
        self.take: Generation | None = None
        self.words = ipywidgets.Textarea(
            placeholder=_("what to change, for example: make it night"),
            layout={"width": "auto", "height": "56px", "margin": "2px 0"},
        )
        self.cancel = ipywidgets.Button(
            description=_("Cancel"),
            tooltip=_("back to a new picture of the prompt"),
            layout={"width": "90px", "align_self": "flex-end"},
        )
        self.cancel.on_click(lambda _: cancel())
        self._picture = ipywidgets.HBox(layout={"margin": "0 8px 0 0", "align_items": "flex-end"})
        self._head = ipywidgets.HTML()
        middle = ipywidgets.VBox([self._head, self.words], layout={"flex": "1 1 auto", "max_width": "560px"})
        self._row = ipywidgets.HBox([self._picture, middle, self.cancel], layout={"margin": "4px 0"})
        # Always in the page: a field that is only hidden can be given the focus when it is shown.
        self.view = ipywidgets.Box([self._row], layout={"display": "none"})
        self._row.layout.width = "100%"

    def open(self, take: Generation, thumbnail: Path | None) -> None:
        """Begin to change a picture.

        Args:
            take: the picture.
            thumbnail: a small file of it.
        """
        self.take = take
        self._picture.children = tuple(takes_strip.thumbnails(thumbnail, _HEIGHT, _WIDEST))
        told = " ".join(
            part for part in (generation.take_mark(take.take) if take.take else "", f"#{take.id[:6]}") if part
        )
        head = _("what to change in {told} (Generate draws it, and pays)", told=told)
        self._head.value = f"<small>{escape(head)}</small>"
        self.words.value = ""
        self.view.layout.display = None
        self.words.focus()

    def close(self) -> None:
        """Change nothing any more."""
        self.take = None
        self.view.layout.display = "none"

    @property
    def is_open(self) -> bool:
        """Whether a picture is being changed."""
        return self.take is not None


MOST = 4
"""Pictures whose buttons are shown; the latest."""
_OFFER_HEIGHT, _OFFER_WIDEST = 56, 72
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
        rows = [takes_strip.row([self._button(take, one) for one in line]) for line in buttons.rows(take.buttons)]
        if alone:
            return ipywidgets.VBox(rows, layout={"margin": "0 0 6px 0"})
        name = f"{escape(generation.take_mark(take.take))} #{escape(take.id[:6])}"
        head = ipywidgets.HTML(f"<small>{name}</small>")
        side = ipywidgets.VBox(
            [*takes_strip.thumbnails(path, _OFFER_HEIGHT, _OFFER_WIDEST), head], layout={"min_width": "80px"}
        )
        return ipywidgets.HBox([side, ipywidgets.VBox(rows)], layout={"margin": "0 0 6px 0"})

    def _button(self, take: Generation, button: Button) -> Any:
        cost = _("draws anew each time (pays)") if button.again else _("draws it once (pays), then shows it for free")
        label = generation.sound(" ".join(button.label.split()))[:_LONGEST_LABEL]
        made = ipywidgets.Button(
            description=label,
            tooltip=f"{label}: {cost}",
            layout={"width": "auto", "min_width": "48px", "height": "28px", "margin": "1px 2px"},
        )
        made.on_click(lambda _: self._press(take, button))
        return made
