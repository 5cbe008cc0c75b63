"""Reads what a prompt asks of the demo itself: ``[demo: status=503 delay=3]``."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from wenwen_magic.errors import ConfigError
from wenwen_magic.text.i18n import say

FORMS = ("url", "data", "bare", "bare_data", "link", "parts", "images", "data_list")
STATUSES = (400, 401, 403, 404, 413, 429, 500, 502, 503, 504, 524)
_MOST_PICTURES = 10
_LONGEST = 3600.0
_NOTE = re.compile(r"[\[［]\s{0,9}demo\s{0,9}[:：]([^\]］]{0,300})[\]］]", re.IGNORECASE)


@dataclass(frozen=True)
class Directives:
    """What one answer of the demo shall be like; as it stands: an ordinary one.

    Args:
        delay: seconds before the answer, 0 to 3600.
        status: the HTTP status of an error to answer with; 0 for none.
        retry_after: the ``Retry-After`` header, seconds or a date; empty for none.
        html: answer with a web page and status 200.
        error200: answer with an error object and status 200.
        refuse: answer with words and no picture.
        empty: answer with nothing and status 200.
        cut: break off after the picture's address (``late``) or before it (``early``); empty for neither.
        reset: reset the connection instead of answering.
        images: pictures, 1 to 10.
        form: how the answer names the picture, one of ``FORMS``; written ``as=``.
        text: say some words beside the picture.
        progress: put a JSON block, progress lines and a download link around the picture.
        sse: answer as a stream even when not asked to.
        broken: cut the picture's file short.
        svg: give an SVG for the picture.
        html_picture: give a web page for the picture.
        missing: how often the picture's address answers 404 first.
        trickle: send the picture one byte every half second.
        bomb: give a PNG file that claims 40000 x 40000 pixels.
        fail: let a Midjourney work fail.
        queued: let a Midjourney work wait in a queue first.
        full: answer that Midjourney's queue is full.
        safety: stop for safety, in the format's own way; chat then says nothing at all.
        saturated: answer that Midjourney's relay is saturated, with status 429.
    """

    delay: float = 0.0
    status: int = 0
    retry_after: str = ""
    html: bool = False
    error200: bool = False
    refuse: bool = False
    empty: bool = False
    cut: str = ""
    reset: bool = False
    images: int = 1
    form: str = "url"
    text: bool = False
    progress: bool = False
    sse: bool = False
    broken: bool = False
    svg: bool = False
    html_picture: bool = False
    missing: int = 0
    trickle: bool = False
    bomb: bool = False
    fail: bool = False
    queued: bool = False
    full: bool = False
    saturated: bool = False
    safety: bool = False


def read(prompt: str) -> tuple[str, Directives]:
    """Split a prompt into its words and its directives.

    Args:
        prompt: as it came.

    Raises:
        ConfigError: an unknown directive, or a value it cannot have; the message lists the known ones.
    """
    found = Directives()
    words, notes = _NOTE.split(prompt)[::2], _NOTE.findall(prompt)
    for note in notes:
        for word in re.split(r"[\s,，]+", note.strip()):
            found = _with(found, word) if word else found
    return " ".join(piece.strip() for piece in words if piece.strip()), found


def _with(found: Directives, word: str) -> Directives:
    name, equals, value = word.partition("=")
    name = name.lower().replace("-", "_")
    try:
        return replace(found, **{"form" if name == "as" else name: _READERS[name](value if equals else None)})
    except (KeyError, ValueError) as problem:
        raise _unknown(word) from problem


def _unknown(word: str) -> ConfigError:
    known = ", ".join(_known())
    return ConfigError(
        say(f"The demo knows no directive {word!r}. Known: {known}", f"演示服务不认识指令 {word!r}。可用: {known}")
    )


def _known() -> list[str]:
    shown = {
        "delay": "delay=SECONDS",
        "status": "status=" + "|".join(map(str, STATUSES)),
        "retry_after": "retry_after=SECONDS",
        "cut": "cut[=early]",
        "images": f"images=1-{_MOST_PICTURES}",
        "form": "as=" + "|".join(FORMS),
        "missing": "missing=TIMES",
    }
    return [shown.get(each.name, each.name) for each in fields(Directives)]


def _flag(value: str | None) -> bool:
    if value is not None:
        raise ValueError("a flag has no value")
    return True


def _seconds(value: str | None) -> float:
    number = float(value or "")
    if not (math.isfinite(number) and 0 <= number <= _LONGEST):
        raise ValueError("out of range")
    return number


def _whole(low: int, high: int) -> Callable[[str | None], int]:
    return lambda value: int(value or "") if low <= int(value or "") <= high else _no()


def _no() -> int:
    raise ValueError("out of range")


def _one_of(*known: Any) -> Callable[[str | None], Any]:
    return lambda value: next((each for each in known if str(each) == value), None) or _no()


_READERS: dict[str, Callable[[str | None], Any]] = {
    **{each.name: _flag for each in fields(Directives) if each.type in (bool, "bool")},
    "delay": _seconds,
    "status": _one_of(*STATUSES),
    "retry_after": lambda value: value or str(_no()),
    "cut": lambda value: "late" if value is None else _one_of("early", "late")(value),
    "images": _whole(1, _MOST_PICTURES),
    "as": _one_of(*FORMS),
    "missing": _whole(0, 1000),
}
