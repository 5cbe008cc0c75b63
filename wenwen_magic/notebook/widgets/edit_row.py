"""What goes on from a picture: the row that says what to change in it, and the buttons its endpoint offers."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import ipywidgets

from wenwen_magic.client import Client
from wenwen_magic.errors import ConfigError
from wenwen_magic.notebook.widgets import button, row, thumbnails
from wenwen_magic.records import Button, Generation, ImageRequest
from wenwen_magic.render import generation
from wenwen_magic.render.markup import small
from wenwen_magic.text.i18n import _
from wenwen_magic.text.sanitize import one_line, replace_unshown

_HEIGHT, _WIDEST = 72, 128


class EditRow:
    """A thumbnail, a field for words, Cancel; it opens and closes, and asks for nothing itself.

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
        tooltip = _("back to a new picture of the prompt")
        self.cancel = button(_("Cancel"), cancel, tooltip=tooltip, width="90px", align_self="flex-end")
        self._picture = ipywidgets.HBox(layout={"margin": "0 8px 0 0", "align_items": "flex-end"})
        self._head = ipywidgets.HTML()
        middle = ipywidgets.VBox([self._head, self.words], layout={"flex": "1 1 auto", "max_width": "560px"})
        whole = ipywidgets.HBox([self._picture, middle, self.cancel], layout={"margin": "4px 0", "width": "100%"})
        # Always in the page: a field that is only hidden can be given the focus when it is shown.
        self.view = ipywidgets.Box([whole], layout={"display": "none"})

    def open(self, take: Generation, thumbnail: Path | None) -> None:
        """Begin to change a picture.

        Args:
            take: the picture.
            thumbnail: a small file of it.
        """
        self.take = take
        self._picture.children = tuple(thumbnails(thumbnail, _HEIGHT, _WIDEST))
        number = generation.take_mark(take.take) + " " if take.take else ""
        picture = f"{number}#{take.id[:6]}"
        self._head.value = small(_("what to change in {picture} (Generate draws it, and pays)", picture=picture))
        self.words.value = ""
        self.view.layout.display = None
        self.words.focus()

    def close(self) -> None:
        """Close the row; Generate draws the prompt again."""
        self.take = None
        self.view.layout.display = "none"

    def request(self, client: Client, take: Generation, *, model: str, count: int, orientation: str) -> ImageRequest:
        """Make the request that draws a picture again with the change that is typed.

        Args:
            client: sends it.
            take: the picture to start from.
            model: who draws; the take's own model is spoken to in the take's format.
            count: how many.
            orientation: of the new picture.

        Raises:
            ConfigError: no words, a value that cannot be, or the picture cannot be sent.
        """
        if not (change := self.words.value.strip()):
            raise ConfigError(
                _("The text that says what to change is missing."),
                do=_("Write it, for example: make it night"),
            )
        return client.request(
            change,
            references=[client.reference(take, take.id)],
            model=model,
            count=count,
            orientation=orientation,
            format=take.request.format if model == take.request.model else None,
        )


MOST = 4
"""Pictures whose buttons are shown; the latest."""
MOST_BUTTONS = 40
"""Buttons of one picture that are shown."""
_SIDE_HEIGHT, _SIDE_WIDEST = 56, 72
_LONGEST_LABEL = 40


def button_rows(offered: Sequence[Button]) -> list[list[Button]]:
    """Group buttons: those of one letter and a digit by their letter (U1 to U4, V1 to V4), then all others."""
    groups: dict[str, list[Button]] = {}
    for one in offered[:MOST_BUTTONS]:
        letter = re.fullmatch(r"([A-Za-z])\d", one.label)
        groups.setdefault(letter[1].upper() if letter else "", []).append(one)
    others = groups.pop("", [])
    return [*groups.values(), *([others] if others else [])]


class ActionButtons:
    """The buttons that the endpoint offers under the pictures that a cell shows.

    Args:
        press: is called, in the main thread, with the picture and the button that was pressed.

    Attributes:
        view: to be put under the pictures.
    """

    def __init__(self, press: Callable[[Generation, Button], None]) -> None:
        self._press = press
        self._shown: list[str] = []
        self.view = ipywidgets.VBox([])

    def fill(self, takes: Sequence[Generation], small_files: Mapping[str, Path | None]) -> None:
        """Show the buttons of some pictures; of several with a thumbnail each, so that one sees whose they are.

        Args:
            takes: what the cell shows, in its order.
            small_files: small files of the pictures with buttons, by their ids.
        """
        offering = [take for take in takes if take.buttons][-MOST:]
        alone = len(takes) == 1
        shown = [str(alone), *(take.id for take in offering)]
        if shown == self._shown:
            return
        self._shown = shown
        self.view.children = tuple(self._group(take, small_files.get(take.id), alone=alone) for take in offering)

    def _group(self, take: Generation, thumbnail: Path | None, *, alone: bool) -> ipywidgets.Box:
        """Return the rows of a picture's buttons and, where there are several pictures, which one it is."""
        lines = [row([self._button(take, offered) for offered in line]) for line in button_rows(take.buttons)]
        layout = {"margin": "0 0 6px 0"}
        if alone:
            return ipywidgets.VBox(lines, layout=layout)
        name = ipywidgets.HTML(small(f"{generation.take_mark(take.take)} #{take.id[:6]}"))
        picture = thumbnails(thumbnail, _SIDE_HEIGHT, _SIDE_WIDEST)
        side = ipywidgets.VBox([*picture, name], layout={"min_width": "80px"})
        return ipywidgets.HBox([side, ipywidgets.VBox(lines)], layout=layout)

    def _button(self, take: Generation, offered: Button) -> ipywidgets.Button:
        cost = (
            _("draws a new picture each time (pays)")
            if offered.again
            else _("draws it once (pays), then shows it for free")
        )
        label = replace_unshown(one_line(offered.label))[:_LONGEST_LABEL]
        return button(
            label,
            lambda: self._press(take, offered),
            tooltip=f"{label}: {cost}",
            width="auto",
            min_width="48px",
            height="28px",
            margin="1px 2px",
        )
