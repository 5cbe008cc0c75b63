"""The strip of takes under a picture: a thumbnail each, to show, to mark, or to insert as a cell."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets

from wenwen_magic import display
from wenwen_magic.language import say
from wenwen_magic.records import Generation, ImageRequest

MOST = 12
"""Takes in a strip; the latest are shown."""
_HEIGHT = 72
_WIDTH = 156


@dataclass(frozen=True)
class Acts:
    """What the buttons of a strip do; each is called in the main thread.

    Args:
        show: shows a take in the picture area.
        star: marks a take, or takes the mark away; gives it as it is then.
        insert: puts the cell of a take below.
    """

    show: Callable[[Generation], None]
    star: Callable[[Generation], Generation]
    insert: Callable[[Generation], None]


class Strip:
    """A row of takes.

    Args:
        acts: what the buttons do.

    Attributes:
        view: to be put among the controls.
    """

    def __init__(self, acts: Acts) -> None:
        self._acts = acts
        self._known: dict[str, Any] = {}
        self._names: dict[str, Any] = {}
        self.view = ipywidgets.HBox(layout={"flex_flow": "row wrap", "align_items": "flex-end"})

    def fill(self, takes: Sequence[tuple[Generation, Path | None]]) -> None:
        """Show takes with their thumbnails, in their order; those that are there already stay as they are.

        Args:
            takes: generations, and small pictures of them.
        """
        shown = takes[-MOST:]
        self._known = {one.id: self._known.get(one.id) or self._item(one, path) for one, path in shown}
        told = names([one for one, _ in shown])
        for take, name in told.items():
            self._names[take].value = f"<small>{escape(name)}</small>" if name else ""
        self.view.children = tuple(self._known.values())

    def clear(self) -> None:
        """Show no takes."""
        self.fill(())

    def _item(self, take: Generation, path: Path | None) -> Any:
        self._names[take.id] = name = ipywidgets.HTML(layout={"max_width": f"{_WIDTH}px", "margin": "0 2px"})
        buttons = ipywidgets.HBox([self._show(take), self._star(take), self._insert(take)])
        picture = [_thumbnail(path)] if path else []
        layout = {"align_items": "flex-start", "margin": "4px 14px 0 0"}
        return ipywidgets.VBox([*picture, name, buttons], layout=layout)

    def _show(self, take: Generation) -> Any:
        words = say(f"show {display.caption(take, numbered=True)}", f"显示 {display.caption(take, numbered=True)}")
        button = _button(display.take_mark(take.take) or "#", words)
        button.on_click(lambda _: self._acts.show(take))
        return button

    def _star(self, take: Generation) -> Any:
        held = [take]
        button = _button(_mark(take), say("mark it, or take the mark away", "加星标或取消"))

        def press(_: Any) -> None:
            held[0] = self._acts.star(held[0])
            button.description = _mark(held[0])

        button.on_click(press)
        return button

    def _insert(self, take: Generation) -> Any:
        words = say("insert as cell: it shows this picture for free", "插入为单元格：可免费显示这张图片")
        button = _button(say("insert", "插入"), words, width="54px")
        button.add_class("wenwen-insert")
        button.on_click(lambda _: self._acts.insert(take))
        return button


def names(takes: Sequence[Generation]) -> dict[str, str]:
    """What to call takes, by their ids: nothing where numbers tell them apart, else what differs in their requests.

    Args:
        takes: of one request or of several; where model and orientation do not tell the requests apart, ids do.
    """
    requests = {take.request.fingerprint: take.request for take in takes}
    several = {name for name in ("model", "orientation") if len({getattr(one, name) for one in requests.values()}) > 1}
    words = {key: _wishes(request, several) for key, request in requests.items()}
    if len(set(words.values())) < len(words):
        return {take.id: f"#{take.id[:6]}" for take in takes}
    return {take.id: words[take.request.fingerprint] for take in takes}


def _wishes(request: ImageRequest, which: set[str]) -> str:
    wishes = {"model": request.model, "orientation": display.orientation_word(request.orientation)}
    return " · ".join(word for name, word in wishes.items() if name in which)


def _mark(take: Generation) -> str:
    return "★" if take.star else "☆"


def _button(description: str, tooltip: str, *, width: str = "36px") -> Any:
    layout = {"width": width, "height": "26px", "padding": "0", "margin": "1px"}
    return ipywidgets.Button(description=description, tooltip=tooltip, layout=layout)


def _thumbnail(path: Path) -> Any:
    kind = "png" if path.suffix == ".png" else "jpeg"
    layout = {"height": f"{_HEIGHT}px", "width": "auto", "max_width": f"{_WIDTH}px", "margin": "0 2px"}
    return ipywidgets.Image(value=path.read_bytes(), format=kind, layout=layout)
