"""What goes on from a picture: the fields that say what to change in it, and the buttons its endpoint offers."""

import re
from collections.abc import Callable, Sequence
from functools import partial

import ipywidgets

from wenwen_magic.client import Client
from wenwen_magic.errors import ConfigError
from wenwen_magic.notebook.widgets import button, empty, is_hidden, row, show, upload, uploaded
from wenwen_magic.notebook.widgets.mask_editor import Mask, MaskEditor
from wenwen_magic.records import Button, Generation, ImageRequest
from wenwen_magic.render import generation
from wenwen_magic.render.markup import small
from wenwen_magic.text.i18n import _
from wenwen_magic.text.sanitize import one_line, replace_unshown


class EditRow:
    """What stands in the row of Generate while a picture is changed; it asks for nothing itself.

    Args:
        cancel: is called when the row is to be closed.

    Attributes:
        take: the picture that is to be changed; None while the row is closed.
        words: the field for what to change.
        mask: opens and closes what says where the picture may change.
        more: takes further pictures, which go along with the one that is changed.
        cancel: the button behind Generate.
        fields: all but the last, to be put before Generate.
        below: the mask, to be put under the row.
    """

    def __init__(self, cancel: Callable[[], None]) -> None:
        self.take: Generation | None = None
        self._painted: Mask | None = None
        self._head = ipywidgets.HTML(layout={"margin": "0 4px 0 0"})
        self.words = ipywidgets.Text(
            placeholder=_("what to change, for example: make it night"),
            layout={"flex": "1 1 200px", "width": "auto", "min_width": "120px"},
        )
        self.mask = button(_("Mask"), self._press_mask, tooltip=_("say where the picture may change"), width="64px")
        self.more = upload(
            _("+ reference"),
            accept="image/*",
            multiple=True,
            tooltip=_("pictures to send along, such as a style or a second figure"),
        )
        self.cancel = button("×", cancel, tooltip=_("stop editing: Generate draws the prompt again"), width="32px")
        self._mask_hint = _("a PNG as large as the picture, transparent where it may change")
        self.mask_file = upload(_("Upload a mask"), accept="image/png", tooltip=self._mask_hint)
        self.below = ipywidgets.VBox(layout={"display": "none", "width": "100%"})
        self.fields = (self._head, self.words, self.mask, self.more)
        self._show(on=False)

    def _show(self, *, on: bool) -> None:
        # Always in the page: a field that is only hidden can be given the focus when it is shown.
        show(*self.fields, self.cancel, on=on)
        show(self.below, on=False)

    def open(self, take: Generation, *, done: str = "") -> None:
        """Begin to change a picture, or go on with another one: the words that are typed stay.

        Args:
            take: the picture.
            done: a prompt that was drawn: words that are in it are taken away.
        """
        if self.take is None or self.words.value.strip() in done:
            self.words.value = ""
        self.take, self._painted = take, None
        self._head.value = small(f"✎ {take.take or ''}")
        empty(self.more)
        empty(self.mask_file)
        self.below.children = ()
        self._show(on=True)
        if hasattr(self.words, "focus"):  # not in ipywidgets 7
            self.words.focus()

    def close(self) -> None:
        """Close the row; Generate draws the prompt again."""
        self.take = None
        self._show(on=False)

    def _press_mask(self) -> None:
        """Show what says where the picture may change, or hide it; what is painted stays."""
        if is_hidden(self.below) and not self.below.children and self.take is not None:
            self.below.children = self._mask_fields(self.take)
        show(self.below, on=is_hidden(self.below))

    def _mask_fields(self, take: Generation) -> tuple[ipywidgets.Widget, ...]:
        image, hint, editors = take.images[0], self._mask_hint, []
        try:
            if image.preview is not None:
                editors = [MaskEditor(image.preview, (image.width, image.height), "", self._paint).view]
        except ConfigError:
            hint += "; " + _("to paint it here: pip install 'wenwen-magic[mask]', then restart")
        return (*editors, row([self.mask_file, ipywidgets.HTML(small(hint))]))

    def _paint(self, mask: Mask) -> None:
        self._painted = mask if mask.strokes else None

    def request(self, client: Client, take: Generation, *, model: str, count: int, orientation: str) -> ImageRequest:
        """Make the request that draws a picture again with the change that is typed.

        The picture's own model is spoken to in the format of the picture.

        Raises:
            ConfigError: no words, a value that cannot be, or the picture cannot be sent.
        """
        if not (change := self.words.value.strip()):
            raise ConfigError(_('Describe the change first, e.g. "make it night".'))
        mask = self._painted.image() if self._painted else next(iter(uploaded(self.mask_file)), None)
        own = take.request.format if model == take.request.model else None
        return client.request(
            change,
            references=[client.reference(take, take.id), *map(client.reference, uploaded(self.more))],
            model=model,
            count=count,
            orientation=orientation,
            mask=mask,
            format=own if mask is None else "images",  # the only one that takes a mask with any picture
        )


MOST = 4
"""Pictures whose buttons are shown; the latest."""
MOST_BUTTONS = 40
"""Buttons of one picture that are shown."""
_LONGEST_LABEL = 40
_MOST_BESIDE = 4
"""Buttons that have room beside Save and Edit."""


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
        first: the first row of the only picture that is shown, such as U1 to U4, if it is short; else empty.
        rest: all others; of several pictures each has its number before its rows.
    """

    def __init__(self, press: Callable[[Generation, Button], None]) -> None:
        self._press = press
        self._shown: list[str] = []
        self.first = row([])
        self.rest = ipywidgets.VBox([])

    def fill(self, takes: Sequence[Generation]) -> None:
        """Show the buttons of the pictures that the cell shows."""
        offering = [take for take in takes if take.buttons][-MOST:]
        alone = len(takes) == 1
        shown = [str(alone), *(take.id for take in offering)]
        if shown == self._shown:
            return
        self._shown = shown
        groups = [
            (take, [row(map(partial(self._button, take), line)) for line in button_rows(take.buttons)])
            for take in offering
        ]
        if alone and groups:
            _take, rows = groups[0]
            beside = len(rows[0].children) <= _MOST_BESIDE
            self.first.children = rows[0].children if beside else ()
            self.rest.children = tuple(rows[beside:])
            return
        self.first.children = ()
        self.rest.children = tuple(
            ipywidgets.HBox([ipywidgets.HTML(small(generation.take_mark(take.take) or f"#{take.id[:6]}")), *rows])
            for take, rows in groups
        )

    def _button(self, take: Generation, offered: Button) -> ipywidgets.Button:
        once, again = _("draws it once (pays), then shows it for free"), _("draws a new picture each time (pays)")
        label = replace_unshown(one_line(offered.label))[:_LONGEST_LABEL]
        tooltip, press = f"{label}: {again if offered.again else once}", partial(self._press, take, offered)
        return button(label, press, tooltip=tooltip, width="auto", min_width="40px")
