"""What goes on from a picture: the row that says what to change in it, and the buttons its endpoint offers."""

import re
from collections.abc import Callable, Sequence

import ipywidgets

from wenwen_magic.client import Client
from wenwen_magic.errors import ConfigError
from wenwen_magic.notebook.widgets import button, row
from wenwen_magic.records import Button, Generation, ImageRequest
from wenwen_magic.render import generation
from wenwen_magic.render.markup import small
from wenwen_magic.text.i18n import _
from wenwen_magic.text.sanitize import one_line, replace_unshown


class EditRow:
    """One row: a field for what to change, further pictures to send along, and a way back; it asks for nothing itself.

    Args:
        cancel: is called when the row is to be closed.

    Attributes:
        take: the picture that is to be changed; None while the row is closed.
        words: the field for what to change.
        more: further pictures, which go along with the one that is changed.
        cancel: the button.
        view: to be put among the controls.
    """

    def __init__(self, cancel: Callable[[], None]) -> None:
        self.take: Generation | None = None
        self._head = ipywidgets.HTML(layout={"margin": "0 4px 0 0"})
        self.words = ipywidgets.Text(
            placeholder=_("what to change, for example: make it night"),
            layout={"flex": "1 1 200px", "width": "auto", "min_width": "120px"},
        )
        self.more = ipywidgets.FileUpload(
            accept="image/*",
            multiple=True,
            description=_("+ picture"),
            tooltip=_("pictures to send along, such as a style or a second figure"),
            icon="",
            layout={"width": "auto", "min_width": "88px"},
        )
        self.cancel = button("×", cancel, tooltip=_("stop editing: Generate draws the prompt again"), width="32px")
        whole = row([self._head, self.words, self.more, self.cancel], width="100%")
        # Always in the page: a field that is only hidden can be given the focus when it is shown.
        self.view = ipywidgets.Box([whole], layout={"display": "none", "width": "100%"})

    def open(self, take: Generation) -> None:
        """Begin to change a picture."""
        self.take = take
        self._head.value = small(f"✎ {generation.take_mark(take.take) if take.take else ''}")
        self.words.value, self.more.value = "", ()
        self.view.layout.display = None
        self.words.focus()

    def close(self) -> None:
        """Close the row; Generate draws the prompt again."""
        self.take = None
        self.view.layout.display = "none"

    @property
    def _uploaded(self) -> list[bytes]:
        return [bytes(each["content"]) for each in self.more.value]

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
            references=[client.reference(take, take.id), *map(client.reference, self._uploaded)],
            model=model,
            count=count,
            orientation=orientation,
            format=take.request.format if model == take.request.model else None,
        )


MOST = 4
"""Pictures whose buttons are shown; the latest."""
MOST_BUTTONS = 40
"""Buttons of one picture that are shown."""
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
        first: the first row of the only picture that is shown, such as U1 to U4; else empty.
        rest: all others; of several pictures each has its number before its rows.
    """

    def __init__(self, press: Callable[[Generation, Button], None]) -> None:
        self._press = press
        self._shown: list[str] = []
        self.first = row([])
        self.rest = ipywidgets.VBox([])

    def fill(self, takes: Sequence[Generation]) -> None:
        """Show the buttons of some pictures.

        Args:
            takes: what the cell shows, in its order.
        """
        offering = [take for take in takes if take.buttons][-MOST:]
        alone = len(takes) == 1
        shown = [str(alone), *(take.id for take in offering)]
        if shown == self._shown:
            return
        self._shown = shown
        groups = [(take, [self._row(take, line) for line in button_rows(take.buttons)]) for take in offering]
        if alone and groups:
            _take, rows = groups[0]
            self.first.children, self.rest.children = rows[0].children, tuple(rows[1:])
            return
        self.first.children = ()
        self.rest.children = tuple(
            ipywidgets.HBox([ipywidgets.HTML(small(generation.take_mark(take.take) or f"#{take.id[:6]}")), *rows])
            for take, rows in groups
        )

    def _row(self, take: Generation, offered: Sequence[Button]) -> ipywidgets.Box:
        return row([self._button(take, one) for one in offered])

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
            min_width="40px",
        )
