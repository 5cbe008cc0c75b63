"""The strip of takes under a picture: a thumbnail each, to show, to mark, to edit, or to insert as a cell."""

from collections import Counter
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import ipywidgets

from wenwen_magic.client import Client
from wenwen_magic.notebook.output_area import Area
from wenwen_magic.notebook.widgets import button, thumbnails
from wenwen_magic.records import Generation, ImageRequest
from wenwen_magic.render import generation
from wenwen_magic.render.markup import small
from wenwen_magic.text.i18n import _
from wenwen_magic.text.sanitize import one_line

MOST = 12
"""Takes in a strip; the latest are shown."""
_FRAME, _MARKED = "1px solid var(--jp-border-color2, #ccc)", "2px solid var(--jp-brand-color1, #1976d2)"
_HEIGHT, _WIDEST = 96, 184
_LONGEST_CHANGE = 24
_LITTLE = {"height": "26px", "padding": "0 4px", "margin": "1px"}


@dataclass(frozen=True)
class Presses:
    """What the buttons of a take do; each is called in the main thread.

    Args:
        show: shows a take in the picture area.
        star: marks a take, or takes the mark away; returns it as it is then.
        edit: opens the row that draws a take again with a change.
        insert: puts the cell of a take below.
    """

    show: Callable[[Generation], None]
    star: Callable[[Generation], Generation]
    edit: Callable[[Generation], None]
    insert: Callable[[Generation], None]


class _Item:
    """One take in the strip: its thumbnail, its name, and its buttons."""

    def __init__(self, take: Generation, thumbnail: Path | None, presses: Presses) -> None:
        self._take, self._presses = take, presses
        self._name = ipywidgets.HTML(layout={"max_width": f"{_WIDEST}px", "margin": "0 2px"})
        self._show = button(
            generation.take_mark(take.take) or "#",
            lambda: presses.show(take),
            tooltip=_("show") + " " + generation.caption(take, numbered=True),
            width="36px",
            **_LITTLE,
        )
        self._star = button(
            _star(take), self._press_star, tooltip=_("mark it, or take the mark away"), width="36px", **_LITTLE
        )
        edit = button(
            _("edit"),
            lambda: presses.edit(take),
            tooltip=_("say what to change in this picture; opening it costs nothing"),
            width="46px",
            **_LITTLE,
        )
        insert = button(
            _("insert"),
            lambda: presses.insert(take),
            tooltip=_("insert as cell: it shows this picture for free"),
            width="54px",
            **_LITTLE,
        )
        insert.add_class("wenwen-insert")
        buttons = ipywidgets.HBox([self._show, self._star, edit, insert])
        self.view = ipywidgets.VBox(
            [*thumbnails(thumbnail, _HEIGHT, _WIDEST), self._name, buttons],
            layout={"align_items": "center", "justify_content": "space-between", "margin": "4px 8px 4px 0"},
        )

    def _press_star(self) -> None:
        self._take = self._presses.star(self._take)
        self._star.description = _star(self._take)

    def call(self, name: str) -> None:
        """Write a name over the buttons; empty for none."""
        self._name.value = small(name) if name else ""
        self._name.layout.display = None if name else "none"

    def mark(self, *, shown: bool) -> None:
        """Tell whether it is one of those that the cell shows large."""
        self.view.layout.border = _MARKED if shown else _FRAME
        self.view.layout.padding = "3px" if shown else "4px"  # nothing moves when the frame grows
        self._show.button_style = "info" if shown else ""


def _star(take: Generation) -> str:
    return "★" if take.star else "☆"


class TakesStrip:
    """A row of takes, and a line on those it has no room for.

    Args:
        presses: what the buttons do.

    Attributes:
        view: to be put among the controls.
    """

    def __init__(self, presses: Presses) -> None:
        self._presses = presses
        self._items: dict[str, _Item] = {}
        self._row = ipywidgets.HBox(layout={"flex_flow": "row wrap", "align_items": "stretch"})
        self._more = ipywidgets.HTML(layout={"display": "none"})
        self.view = ipywidgets.VBox([self._more, self._row])

    @property
    def items(self) -> tuple[Any, ...]:
        """The boxes of the takes: thumbnail, name, buttons."""
        return tuple(self._row.children)

    def fill(self, takes: Sequence[tuple[Generation, Path | None]], older: int = 0) -> None:
        """Show takes with their thumbnails, in their order; those that are there already stay as they are.

        Args:
            takes: generations, and small pictures of them.
            older: how many saved takes are left out.
        """
        self._items = {
            take.id: self._items.get(take.id) or _Item(take, thumbnail, self._presses) for take, thumbnail in takes
        }
        for key, name in names([take for take, _thumbnail in takes]).items():
            self._items[key].call(name)
        more = _("{count} older takes are not in this row: %wenwen history", count=older)
        self._more.value = small(more) if older else ""
        self._more.layout.display = None if older else "none"
        self._row.children = tuple(item.view for item in self._items.values())

    def mark(self, shown: Container[str]) -> None:
        """Mark the takes that the cell shows large.

        Args:
            shown: their ids.
        """
        for key, item in self._items.items():
            item.mark(shown=key in shown)


def saved_takes(
    area: Area, client: Client, others: Sequence[Client]
) -> tuple[list[tuple[Generation, Path | None]], int]:
    """Find the latest saved takes of all that a cell shows, with thumbnails, and count the older ones.

    Args:
        area: what the cell shows.
        client: the cell's own.
        others: further clients that may know other takes.
    """
    shown = (*(area.gallery or ()), *area.rows)
    requests = {drawn.request.fingerprint: drawn.request for drawn in shown}.values()
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
                _(request.orientation) if differs["orientation"] else "",
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
