"""The strip of versions under a picture: thumbnails that are pressed to show one large."""

from collections import Counter
from collections.abc import Callable, Container, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import ipywidgets

from wenwen_magic.client import Client
from wenwen_magic.kinds import PNG, data_uri, kind_of
from wenwen_magic.notebook.widgets import button
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
.wenwen-take{{background-size:cover;background-position:center;height:{_HEIGHT}px;line-height:1.4;padding:0 2px;
margin:2px 6px 2px 0;border:2px solid transparent;border-radius:2px;color:#fff;
text-shadow:0 0 3px #000,0 0 3px #000,0 0 2px #000;display:flex;align-items:flex-end;justify-content:flex-start}}
.wenwen-take.wenwen-shown{{border-color:var(--jp-brand-color1,#1976d2)}}
.wenwen-take:focus-visible{{outline:2px solid var(--jp-brand-color1,#1976d2);outline-offset:1px}}
"""
"""The number lies on the picture, at its lower left, where it is legible on any."""


class _Item:
    """One version in the strip: its thumbnail, which is pressed to show it."""

    def __init__(self, take: Generation, thumbnail: Path | None, show: Callable[[Generation], None]) -> None:
        self.take, self._name, self._shown = take, "", False
        self.rule = background(_class(take.id), thumbnail)
        width = _NARROWEST
        if take.images:
            image = take.images[0]
            width = min(_WIDEST, max(_NARROWEST, _HEIGHT * image.width // max(1, image.height)))
        self.view = button("", lambda: show(self.take), width=f"{width}px")
        for name in ("wenwen-take", _class(take.id)):
            self.view.add_class(name)

    def describe(self, *, take: Generation | None = None, name: str | None = None, shown: bool | None = None) -> None:
        """Change what is known of it: the star of its record, what tells it from others, whether it is shown."""
        self.take = self.take if take is None else take
        self._name = self._name if name is None else name
        self._shown = self._shown if shown is None else shown
        edited = "✎" if self.take.request.parent else ""
        large = "▣ " if self._shown else ""
        self.view.description = f"{large}{edited}{self.take.take or '#'}{' ★' if self.take.star else ''}"
        number = _("version {number}", number=self.take.take) if self.take.take == 1 else ""
        what = " · ".join(filter(None, (self._name, number, generation.caption(self.take))))
        self.view.tooltip = (_("shown: {what}", what=what)) if self._shown else _("show {what}", what=what)
        (self.view.add_class if self._shown else self.view.remove_class)("wenwen-shown")


def _class(key: str) -> str:
    return f"wenwen-take-{key}"


def background(name: str, thumbnail: Path | None) -> str:
    """Return the style that puts a thumbnail on the button of a class; without a file the button is grey."""
    with suppress(OSError):
        if thumbnail is not None:
            data = thumbnail.read_bytes()
            uri = data_uri((kind_of(data) or PNG).mime, data)
            return f".{name}{{background-image:url({uri})}}"
    return f".{name}{{background-color:#777}}"


class TakesStrip:
    """A row of versions, hidden while there are fewer than two, and a line on those it has no room for.

    Args:
        show: is called, in the main thread, with the version that is pressed.

    Attributes:
        view: to be put among the controls.
    """

    def __init__(self, show: Callable[[Generation], None]) -> None:
        self._show = show
        self._items: dict[str, _Item] = {}
        self._style = ipywidgets.HTML(layout={"display": "none"})
        self._row = ipywidgets.HBox(layout={"flex_flow": "row wrap"})
        self._more = ipywidgets.HTML(layout={"display": "none"})
        self.view = ipywidgets.VBox([self._style, self._row, self._more], layout={"display": "none"})

    @property
    def items(self) -> tuple[Any, ...]:
        """The buttons of the versions, in their order."""
        return tuple(self._row.children)

    def fill(self, takes: Sequence[tuple[Generation, Path | None]], older: int = 0) -> None:
        """Show versions with their thumbnails, in their order.

        Args:
            takes: generations, and small pictures of them.
            older: how many saved versions are left out.
        """
        kept = self._items
        self._items = {take.id: kept.get(take.id) or _Item(take, small_file, self._show) for take, small_file in takes}
        called = names([take for take, _small_file in takes])
        for take, _small_file in takes:
            self._items[take.id].describe(take=take, name=called[take.id])
        more = _("{count} older versions: %wenwen history", count=older)
        self._more.value = small(more) if older else ""
        self._more.layout.display = None if older else "none"
        self._style.value = f"<style>{_STYLE}{''.join(item.rule for item in self._items.values())}</style>"
        self._row.children = tuple(item.view for item in self._items.values())
        self.view.layout.display = None if len(self._items) > 1 else "none"

    def mark(self, shown: Container[str]) -> None:
        """Mark the versions that the cell shows large.

        Args:
            shown: their ids.
        """
        for key, item in self._items.items():
            item.describe(shown=key in shown)

    def update(self, take: Generation) -> None:
        """Show that a version has a star, or none."""
        if take.id in self._items:
            self._items[take.id].describe(take=take)


def saved_takes(
    requests: Sequence[ImageRequest], client: Client, others: Sequence[Client]
) -> tuple[list[tuple[Generation, Path | None]], int]:
    """Find the latest saved takes of some requests, with thumbnails, and count the older ones.

    Args:
        requests: of all that a cell shows or has shown.
        client: the cell's own.
        others: further clients that may know other takes.
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
    differs = {
        field: len({getattr(request, field) for request in requests.values()}) > 1 for field in ("model", "orientation")
    }
    parents = {take.id: take for take in takes}

    def name(request: ImageRequest) -> str:
        return " · ".join(
            part
            for part in (
                _origin(request, parents.get(request.parent)),
                request.model if differs["model"] else "",
                said(request.orientation) if differs["orientation"] else "",
            )
            if part
        )

    by_request = {key: name(request) for key, request in requests.items()}
    counts = Counter(by_request.values())
    named = {take.id: by_request[take.request.fingerprint] for take in takes}
    return {key: text if counts[text] == 1 else f"{text} #{key[:6]}".strip() for key, text in named.items()}


def _origin(request: ImageRequest, parent: Generation | None) -> str:
    """Tell how it goes on from another picture: the button that was pressed, or the change that was asked for."""
    labels = (offered.label for offered in (parent.buttons if parent else ()) if offered.params == request.params)
    if label := next(labels, ""):
        return label
    edits = request.parent and request.references
    return "✎ " + one_line(request.prompt, _LONGEST_CHANGE, "…") if edits else ""
