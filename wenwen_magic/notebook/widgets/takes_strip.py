"""The strip of takes under a picture: a thumbnail each, to show, to mark, to edit, or to insert as a cell."""

from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets

from wenwen_magic.records import Generation, ImageRequest
from wenwen_magic.render import generation
from wenwen_magic.text.i18n import _

WRAP = {"flex_flow": "row wrap", "align_items": "center"}
"""The layout of a row that goes on below where the window is narrow."""
FRAME = "1px solid var(--jp-border-color2, #ccc)"
MARKED = "2px solid var(--jp-brand-color1, #1976d2)"


def button(description: str, tooltip: str, *, width: str = "36px") -> Any:
    """A little button.

    Args:
        description: what stands on it.
        tooltip: what it does.
        width: as CSS has it.
    """
    layout = {"width": width, "height": "26px", "padding": "0 4px", "margin": "1px"}
    return ipywidgets.Button(description=description, tooltip=tooltip, layout=layout)


def thumbnail(path: Path, height: int, widest: int) -> Any:
    """A small picture, so many pixels high or, if it is wide, lower.

    Args:
        path: a PNG or JPEG file.
        height: in pixels.
        widest: in pixels.
    """
    kind = "png" if path.suffix == ".png" else "jpeg"
    layout = {"max_height": f"{height}px", "width": "auto", "max_width": f"{widest}px", "margin": "0"}
    return ipywidgets.Image(value=path.read_bytes(), format=kind, layout=layout)


def thumbnails(path: Path | None, height: int, widest: int) -> list[Any]:
    """The picture as :func:`thumbnail` gives it, or none where there is no file."""
    return [thumbnail(path, height, widest)] if path and path.is_file() else []


def row(children: Sequence[Any]) -> Any:
    """Some parts beside one another, that wrap where there is no room."""
    return ipywidgets.HBox(list(children), layout=dict(WRAP))


MOST = 12
"""Takes in a strip; the latest are shown."""
_HEIGHT, _WIDEST = 96, 184
_LONGEST_WORDS = 24


@dataclass(frozen=True)
class Acts:
    """What the buttons of a strip do; each is called in the main thread.

    Args:
        show: shows a take in the picture area.
        star: marks a take, or takes the mark away; gives it as it is then.
        edit: opens the row that draws a take anew with a change.
        insert: puts the cell of a take below.
    """

    show: Callable[[Generation], None]
    star: Callable[[Generation], Generation]
    edit: Callable[[Generation], None]
    insert: Callable[[Generation], None]


@dataclass(frozen=True)
class _Item:
    """One take as it stands in the strip: its box, its name, and the button that shows it."""

    view: Any
    name: Any
    show: Any

    def mark(self, *, shown: bool) -> None:
        """Tell whether it is one of those that the cell shows large."""
        self.view.layout.border = MARKED if shown else FRAME
        self.view.layout.padding = "3px" if shown else "4px"  # nothing moves when the frame grows
        self.show.button_style = "info" if shown else ""


class Strip:
    """A row of takes, and a line on those it has no room for.

    Args:
        acts: what the buttons do.

    Attributes:
        view: to be put among the controls.
    """

    def __init__(self, acts: Acts) -> None:
        self._acts = acts
        self._known: dict[str, _Item] = {}
        self._row = ipywidgets.HBox(layout={"flex_flow": "row wrap", "align_items": "stretch"})
        self._more = ipywidgets.HTML(layout={"display": "none"})
        self.view = ipywidgets.VBox([self._more, self._row])

    def fill(self, takes: Sequence[tuple[Generation, Path | None]], older: int = 0, shown: Container[str] = ()) -> None:
        """Show takes with their thumbnails, in their order; those that are there already stay as they are.

        Args:
            takes: generations, and small pictures of them.
            older: how many saved takes are left out.
            shown: the ids of those that the cell shows large.
        """
        latest = takes[-MOST:]
        self._known = {one.id: self._known.get(one.id) or self._item(one, path) for one, path in latest}
        told = names([one for one, _ in latest])
        for key, name in told.items():
            self._known[key].name.value = f"<small>{escape(name)}</small>" if name else ""
            self._known[key].name.layout.display = None if name else "none"
        self._say_more(older + len(takes) - len(latest))
        self.mark(shown)
        self._row.children = tuple(one.view for one in self._known.values())

    def mark(self, shown: Container[str]) -> None:
        """Mark the takes that the cell shows large.

        Args:
            shown: their ids.
        """
        for key, item in self._known.items():
            item.mark(shown=key in shown)

    @property
    def items(self) -> tuple[Any, ...]:
        """The boxes of the takes: thumbnail, name, buttons."""
        return tuple(self._row.children)

    def _say_more(self, count: int) -> None:
        told = _("{count} older takes are not in this row: %wenwen history", count=count)
        self._more.value = f"<small>{told}</small>" if count > 0 else ""
        self._more.layout.display = None if count > 0 else "none"

    def _item(self, take: Generation, path: Path | None) -> _Item:
        name = ipywidgets.HTML(layout={"max_width": f"{_WIDEST}px", "margin": "0 2px"})
        show = self._show(take)
        buttons = ipywidgets.HBox([show, self._star(take), self._edit(take), self._insert(take)])
        layout = {"align_items": "center", "justify_content": "space-between", "margin": "4px 8px 4px 0"}
        view = ipywidgets.VBox([*thumbnails(path, _HEIGHT, _WIDEST), name, buttons], layout=layout)
        return _Item(view, name, show)

    def _show(self, take: Generation) -> Any:
        words = _("show") + " " + generation.caption(take, numbered=True)
        made = button(generation.take_mark(take.take) or "#", words)
        made.on_click(lambda _: self._acts.show(take))
        return made

    def _star(self, take: Generation) -> Any:
        held = [take]
        made = button(_mark(take), _("mark it, or take the mark away"))

        def press(_: Any) -> None:
            held[0] = self._acts.star(held[0])
            made.description = _mark(held[0])

        made.on_click(press)
        return made

    def _edit(self, take: Generation) -> Any:
        words = _("say what to change in this picture; opening it costs nothing")
        made = button(_("edit"), words, width="46px")
        made.on_click(lambda _: self._acts.edit(take))
        return made

    def _insert(self, take: Generation) -> Any:
        words = _("insert as cell: it shows this picture for free")
        made = button(_("insert"), words, width="54px")
        made.add_class("wenwen-insert")
        made.on_click(lambda _: self._acts.insert(take))
        return made


def names(takes: Sequence[Generation]) -> dict[str, str]:
    """What to call takes, by their ids: nothing where numbers tell them apart, else what differs in their requests.

    Args:
        takes: of one request or of several; where words do not tell two requests apart, ids do.
    """
    requests = {take.request.fingerprint: take.request for take in takes}
    several = {name for name in ("model", "orientation") if len({getattr(one, name) for one in requests.values()}) > 1}
    known = {take.id: take for take in takes}
    words = {key: _words(request, several, known) for key, request in requests.items()}
    counts = Counter(words.values())
    called = {take.id: words[take.request.fingerprint] for take in takes}
    return {key: name if counts[name] == 1 else f"{name} #{key[:6]}".strip() for key, name in called.items()}


def _words(request: ImageRequest, which: set[str], known: Mapping[str, Generation]) -> str:
    wishes = {"model": request.model, "orientation": generation.orientation_word(request.orientation)}
    return " · ".join([*_origin(request, known), *(word for name, word in wishes.items() if name in which)])


def _origin(request: ImageRequest, known: Mapping[str, Generation]) -> list[str]:
    """What made it, if it goes on from another: the button that was pressed, or the change that was asked for."""
    parent = known.get(request.parent)
    pressed = (one.label for one in (parent.buttons if parent else ()) if one.params == request.params)
    if label := next(pressed, ""):
        return [label]
    changed = " ".join(request.prompt.split()) if request.parent and request.references else ""
    return [f"✎ {changed[:_LONGEST_WORDS]}{'…' if len(changed) > _LONGEST_WORDS else ''}"] if changed else []


def _mark(take: Generation) -> str:
    return "★" if take.star else "☆"
