"""The strip of versions under a picture: thumbnails that are pressed to show one large."""

from collections import Counter
from collections.abc import Callable, Container, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import ipywidgets

from wenwen_magic.client import Client
from wenwen_magic.notebook.widgets import describe, show, thumbnail, thumbnails
from wenwen_magic.records import Generation, ImageRequest
from wenwen_magic.render import generation
from wenwen_magic.render.markup import small
from wenwen_magic.text.i18n import _
from wenwen_magic.text.orientation import said
from wenwen_magic.text.sanitize import one_line

MOST = 12
"""Versions in a strip; the latest are shown."""
_HEIGHT, _NARROWEST, _WIDEST = 56, 40, 112
"""Pixels of a thumbnail: its height, and the least and the most of its width."""
_LONGEST_CHANGE = 24
_STYLE = f"""
.wenwen-take{{height:{_HEIGHT}px;line-height:1.4;padding:0 2px;margin:2px 6px 2px 0;color:#fff;
text-shadow:0 0 3px #000,0 0 3px #000,0 0 2px #000}}
"""
"""The number lies on the picture, at its lower left, where it is legible on any."""


class TakesStrip:
    """A row of versions, hidden while there are fewer than two, and a line on those it has no room for.

    Its ``view`` is put among the controls; in it, ``row`` has the buttons of the versions, in their order.

    Args:
        show: is called, in the main thread, with the version that is pressed.
    """

    def __init__(self, show: Callable[[Generation], None]) -> None:
        self._show = show
        self._takes: dict[str, Generation] = {}
        self._names: dict[str, str] = {}
        self._buttons: dict[str, Any] = {}
        self._shown: Container[str] = ()
        self._style = ipywidgets.HTML(layout={"display": "none"})
        self.row = ipywidgets.HBox(layout={"flex_flow": "row wrap"})
        self._more = ipywidgets.HTML(layout={"display": "none"})
        self.view = ipywidgets.VBox([self._style, self.row, self._more], layout={"display": "none"})

    def fill(self, takes: Sequence[tuple[Generation, Path | None]], older: int = 0) -> None:
        """Show versions with small pictures of them, in their order, and how many older ones are left out."""
        self._takes = {take.id: take for take, _small_file in takes}
        self._names = names(list(self._takes.values()))
        # A button stays the same: it may have the focus of the keyboard.
        self._buttons = {take.id: self._buttons.get(take.id) or self._button(take) for take, _small_file in takes}
        more = _("{count} older versions: %wenwen history", count=older)
        self._more.value = small(more) if older else ""
        show(self._more, on=bool(older))
        self._style.value = thumbnails(_STYLE, {_class(take.id): small_file for take, small_file in takes})
        self.row.children = tuple(self._buttons.values())
        show(self.view, on=len(takes) > 1)
        self._describe()

    def _button(self, take: Generation) -> Any:
        width = _NARROWEST
        for image in take.results[:1]:
            width = min(_WIDEST, max(_NARROWEST, _HEIGHT * image.width // max(1, image.height)))

        def press() -> None:
            self._show(self._takes.get(take.id, take))

        return thumbnail(press, "wenwen-take", _class(take.id), width=f"{width}px")

    def mark(self, shown: Container[str]) -> None:
        """Mark the versions that the cell shows large, given by their ids."""
        self._shown = shown
        self._describe()

    def update(self, take: Generation) -> None:
        """Show that a version has a star, or none."""
        if take.id in self._takes:
            self._takes[take.id] = take
            self._describe()

    def _describe(self) -> None:
        """Say on each button what tells it from the others, and whether its version has a star and is shown."""
        for key, take in self._takes.items():
            shown, edited, star = key in self._shown, "✎" if take.request.parent else "", " ★" if take.star else ""
            number = _("version {number}", number=take.take) if take.take == 1 else ""
            what = " · ".join(filter(None, (self._names[key], number, generation.caption(take))))
            item = self._buttons[key]
            item.description = f"{'▣ ' if shown else ''}{edited}{take.take or '#'}{star}"
            describe(item, what, shown=shown)


def _class(key: str) -> str:
    return f"wenwen-take-{key}"


def saved_takes(
    requests: Sequence[ImageRequest], client: Client, others: Sequence[Client]
) -> tuple[list[tuple[Generation, Path | None]], int]:
    """Find the latest saved takes of some requests, with thumbnails, and count the older ones.

    Besides a cell's own client ``others`` may know other takes.
    """
    takes = {take.id: take for request in requests for one in (client, *others) for take in one.takes(request)}
    latest = sorted(takes, key=lambda key: datetime.fromisoformat(takes[key].created))[-MOST:]
    ready = [client.ready(take) for key, take in takes.items() if key in latest]
    return [(take, client.thumbnail(take)) for take in ready], len(takes) - len(latest)


def names(takes: Sequence[Generation]) -> dict[str, str]:
    """Name takes, by their ids: nothing where numbers tell them apart, else what differs in their requests.

    Args:
        takes: of one request or of several; where words do not tell two requests apart, ids do.
    """
    requests = {take.request.fingerprint: take.request for take in takes}
    parents = {take.id: take for take in takes}
    models, shapes = ({getattr(one, name) for one in requests.values()} for name in ("model", "orientation"))

    def name(request: ImageRequest) -> str:
        model = request.model if len(models) > 1 else ""
        shape = said(request.orientation) if len(shapes) > 1 else ""
        return " · ".join(filter(None, (_origin(request, parents.get(request.parent)), model, shape)))

    by_request = {key: name(request) for key, request in requests.items()}
    counts = Counter(by_request.values())
    named = {take.id: by_request[take.request.fingerprint] for take in takes}
    return {key: text if counts[text] == 1 else f"{text} #{key[:6]}".strip() for key, text in named.items()}


def _origin(request: ImageRequest, parent: Generation | None) -> str:
    """Tell how it goes on from another picture: the button that was pressed, or the change that was asked for."""
    if label := generation.pressed(request, parent):
        return label
    edits = request.parent and request.references
    return "✎ " + one_line(request.prompt, _LONGEST_CHANGE, "…") if edits else ""
