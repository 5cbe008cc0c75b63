"""Understands what Midjourney's submissions ask of the demo: reads their bodies into wishes for works."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from wenwen_magic.demo import directives
from wenwen_magic.demo.asks import Ask
from wenwen_magic.demo.mosaic import Tile
from wenwen_magic.demo.paint import shrink
from wenwen_magic.demo.studio import Recipe
from wenwen_magic.demo.works import GRID, Work, Works

MODEL = "mj_imagine"
UPLOADS = "/mj/uploads/"
_PARAMETER = re.compile(r"\s*(?:--|—)[a-z]\w*(?:\s+(?!--|—)\S+)?", re.IGNORECASE)
_LINK = re.compile(r"https?://\S+")
_RATIO = re.compile(r"(?:--|—)(?:ar|aspect)\s+(\d{1,4}):(\d{1,4})", re.IGNORECASE)
_ZOOM = re.compile(r"(?:--|—)zoom\s+(\d(?:\.\d{1,3})?)", re.IGNORECASE)
_DIMENSIONS = {"PORTRAIT": "portrait", "SQUARE": "square", "LANDSCAPE": "landscape"}
_FEWEST, _MOST = 2, 5
Compose = Callable[[Sequence[Recipe]], tuple[Tile, ...]]


def _as_painted(recipes: Sequence[Recipe]) -> tuple[Tile, ...]:
    return tuple(map(Tile, recipes))


@dataclass(frozen=True)
class Wish:
    """A work that is wanted.

    Args:
        action: what a question after it calls it.
        prompt: as it came.
        ask: what is to be painted; its ``count`` of 0 orders nothing.
        asked: the directives that came along.
        compose: makes the work's picture of what was ordered.
        window: the order of a button that opens a window first.
        parent: the number of the work whose button it was.
        number: of the work that goes on; empty for a new one.
        whole: whether the answer gives the number as a number, as on wenwen's page.
        uploads: files that were only brought.
    """

    action: str
    prompt: str
    ask: Ask
    asked: directives.Directives = field(default_factory=directives.Directives)
    compose: Compose = _as_painted
    window: str = ""
    parent: str = ""
    number: str = ""
    whole: bool = False
    uploads: tuple[bytes, ...] = ()


def _wish(action: str, body: Mapping[str, Any], files: Sequence[bytes] = (), **more: Any) -> Wish:
    """A wish for the prompt of a body; what it asks of the demo itself may also stand in ``state``.

    Raises:
        ConfigError: an unknown directive.
    """
    prompt, note = _text(body, "prompt"), _text(body, "state")
    words, asked = directives.read(prompt)
    asked = directives.read(note)[1] if asked == directives.Directives() else asked
    bare = " ".join(_PARAMETER.sub("", _LINK.sub("", words)).split())
    given = {"orientation": _turn(prompt), "count": GRID, **more.pop("ask", {})}
    # The works count how often a picture is missing: the studio shall find every one.
    ask = Ask(MODEL, bare, directives=replace(asked, missing=0), files=tuple(files), **given)
    return Wish(action, prompt, ask, asked, **more)


def imagine(body: Mapping[str, Any], works: Works) -> Wish:
    """Read an imagine.

    Raises:
        ValueError: there is no prompt, or a picture cannot be read.
        ConfigError: an unknown directive.
    """
    linked = [_uploaded(link, works) for link in _LINK.findall(_text(body, "prompt"))]
    return _wish("IMAGINE", _with_prompt(body), [*_files(body.get("base64Array") or []), *filter(None, linked)])


def blend(body: Mapping[str, Any], _: Works) -> Wish:
    """Read a blend; errors as for :func:`imagine`."""
    files = _files(body.get("base64Array"))
    if not _FEWEST <= len(files) <= _MOST:
        raise ValueError("base64List参数错误")
    turn = _DIMENSIONS.get(_text(body, "dimensions"), "square")
    return _wish("BLEND", body, files, ask={"orientation": turn}, whole=True)


def describe(body: Mapping[str, Any], works: Works) -> Wish:
    """Read a describe; errors as for :func:`imagine`."""
    given = body.get("base64") or _uploaded(_text(body, "link"), works)
    if not given:
        raise ValueError("base64不能为空")
    files = [given] if isinstance(given, bytes) else _files([given])
    return _wish("DESCRIBE", body, files, ask={"count": 0}, compose=lambda _: ())


def swap(body: Mapping[str, Any], _: Works) -> Wish:
    """Read a face swap; errors as for :func:`imagine`."""
    files = _files([body.get("sourceBase64"), body.get("targetBase64")])
    return _wish("SWAP_FACE", body, files, ask={"count": 1})


def edit(body: Mapping[str, Any], works: Works) -> Wish:
    """Read an edit; errors as for :func:`imagine`."""
    image = _text(body, "image")
    known = _uploaded(image, works)
    files = [known] if known else [] if _LINK.match(image) else _files([image])
    _files([body["maskBase64"]] if body.get("maskBase64") else [])
    return _wish("EDIT", _with_prompt(body), files)


def upload(body: Mapping[str, Any], _: Works) -> Wish:
    """Read an upload; errors as for :func:`imagine`."""
    files = tuple(_files(body.get("base64Array")))
    return _wish("UPLOAD", body, ask={"count": 0}, uploads=files)


def action(body: Mapping[str, Any], works: Works) -> Wish:
    """Read a press on a button.

    Raises:
        ValueError: there is no such work or button, or the work is not done.
        ConfigError: an unknown directive.
    """
    parent = works.find(_text(body, "taskId"))
    order = _text(body, "customId")
    if parent is None:
        raise ValueError("task_no_found")
    if not works.is_done(parent):
        raise ValueError("task_status_not_success")
    if order not in {button["customId"] for button in parent.buttons}:
        raise ValueError("customId参数错误")
    read = next(read for sign, read in _BUTTONS.items() if sign in order)
    return read(_Press(parent, order, works.press(order), _text(body, "state")))


def modal(body: Mapping[str, Any], works: Works) -> Wish:
    """Read what a window was filled with; errors as for :func:`action`."""
    work = works.find(_text(body, "taskId"))
    parent = works.find(work.parent) if work else None
    if work is None or parent is None:
        raise ValueError("task_no_found")
    if not work.window:
        raise ValueError("task_status_not_modal")
    mask = _files([body["maskBase64"]], small=False)[0] if body.get("maskBase64") else b""
    found = _ZOOM.search(_text(body, "prompt"))
    how = "region" if "Inpaint" in work.window else "zoom"
    around = _around(parent.tiles[0], how, min(max(float(found[1]), 1.01), 4.0) if found else 2.0, mask)
    again = _again(parent, work.action, _text(body, "prompt"), around)
    return replace(again, number=work.id, parent=parent.id)


@dataclass(frozen=True)
class _Press:
    """A press on a button: of which work, which button, how often before, and what the demo itself shall do."""

    parent: Work
    order: str
    before: int
    note: str

    @property
    def which(self) -> int:
        """The number in the order, from 1."""
        return int(self.order.split("::")[3])

    def wish(self, name: str, compose: Compose, count: int = 0) -> Wish:
        asked = directives.read(self.note)[1]
        again = _again(self.parent, name, self.parent.ask.prompt, compose, count)
        ask = replace(again.ask, directives=replace(asked, missing=0))
        return replace(again, ask=ask, asked=asked, parent=self.parent.id)


def _again(parent: Work, name: str, prompt: str, compose: Compose, count: int = GRID) -> Wish:
    """A wish that goes on from a work: with a prompt of its own, else with that work's."""
    fresh = _wish(name, {"prompt": prompt}, parent.ask.files, compose=compose)
    ask = replace(
        fresh.ask, orientation=parent.ask.orientation, count=count, prompt=fresh.ask.prompt or parent.ask.prompt
    )
    return replace(fresh, ask=ask)


def _around(tile: Tile, how: str, amount: float = 2.0, mask: bytes = b"") -> Compose:
    return lambda recipes: tuple(Tile(recipe, tile, how, amount, mask) for recipe in recipes)


def _upscale(press: _Press) -> Wish:
    return press.wish("UPSCALE", lambda _: (press.parent.tiles[press.which - 1],))


def _vary(press: _Press) -> Wish:
    tile = press.parent.tiles[press.which - 1]
    first = press.before * GRID + 1
    return press.wish(
        "VARIATION", lambda _: tuple(Tile(tile.recipe, tile, "vary", first + place) for place in range(GRID))
    )


def _reroll(press: _Press) -> Wish:
    return press.wish("REROLL", _as_painted, GRID)


def _zoom(press: _Press) -> Wish:
    return press.wish("ZOOM", _around(press.parent.tiles[0], "zoom"), GRID)


def _pan(press: _Press) -> Wish:
    side = press.order.partition("pan_")[2].partition("::")[0]
    return press.wish("PAN", _around(press.parent.tiles[0], side), GRID)


def _open(press: _Press) -> Wish:
    return replace(press.wish("MODAL", lambda _: ()), window=press.order)


def _read_out(press: _Press) -> Wish:
    line = press.parent.words.split("\n\n")[press.which - 1].partition(" ")[2]
    return _wish("IMAGINE", {"prompt": line, "state": press.note}, parent=press.parent.id)


_BUTTONS: Mapping[str, Callable[[_Press], Wish]] = {
    "::upsample::": _upscale,
    "variation::": _vary,
    "::reroll::": _reroll,
    "Outpaint": _zoom,
    "::pan_": _pan,
    "CustomZoom": _open,
    "Inpaint": _open,
    "PicReader": _read_out,
}
"""What a button does, by a sign in its order."""


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    return value.strip() if isinstance(value, str) else ""


def _with_prompt(body: Mapping[str, Any]) -> Mapping[str, Any]:
    if not _text(body, "prompt"):
        raise ValueError("prompt不能为空")
    return body


def _turn(prompt: str) -> str:
    """The orientation of the last ratio that a prompt names; square without one, as at Midjourney."""
    found = _RATIO.findall(prompt)
    if not found:
        return "square"
    across, down = map(int, found[-1])
    return "landscape" if across > down else "portrait" if across < down else "square"


def _files(given: Any, *, small: bool = True) -> list[bytes]:
    """Pictures that came as data URIs; small enough to keep, unless their transparency counts.

    Raises:
        ValueError: one is none.
    """
    if not isinstance(given, list) or not all(isinstance(one, str) and one.startswith("data:image/") for one in given):
        raise ValueError("base64格式错误")
    try:
        files = [base64.b64decode(one.partition(",")[2] + "==") for one in given]
    except binascii.Error:
        raise ValueError("base64格式错误") from None
    checked = [shrink(file) for file in files]
    return checked if small else files


def _uploaded(link: str, works: Works) -> bytes | None:
    name = link.rpartition(UPLOADS)[2]
    return works.uploaded(name) if UPLOADS in link else None
