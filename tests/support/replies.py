"""The recorded replies with what is expected of each, bodies in pieces, and conversations led to their end."""

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.scripted import Scripted, reply_of
from wenwen_magic.errors import WenwenError
from wenwen_magic.formats import FORMATS
from wenwen_magic.protocol import HttpCall, HttpReply, Pause, Progress
from wenwen_magic.records import ImageRequest

FOLDER = Path(__file__).parents[1] / "replies"
STREAM = "text/event-stream"
READERS = ("chat", "gemini", "images")
"""The formats of one call, whose replies are read by one parser."""


@dataclass(frozen=True)
class Recorded:
    """A recorded reply.

    Args:
        format: that asked for it.
        name: of its file.
        row: what is expected of it.
    """

    format: str
    name: str
    row: dict[str, Any] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.format}-{self.name}"

    @property
    def body(self) -> bytes:
        """Its bytes."""
        return (FOLDER / self.format / self.name).read_bytes()

    @property
    def kind(self) -> str:
        """Its content type."""
        return self.row.get("content_type", STREAM if self.name.endswith(".sse") else "application/json")

    def reply(self, **more: Any) -> HttpReply:
        """The reply itself; ``chunk`` and ``broken`` as for :func:`support.scripted.reply_of`."""
        return reply_of(self.body, self.kind, self.row.get("status", 200), **more)


def recorded(format: str) -> dict[str, Recorded]:
    """All recorded replies of a format, by name."""
    expected = json.loads((FOLDER / format / "expected.json").read_text("utf-8"))
    return {name: Recorded(format, name, row) for name, row in expected.items()}


def request_in(format: str, **more: Any) -> ImageRequest:
    """A request for one picture in a format."""
    return ImageRequest("a cat", **{"model": "a-model", "format": format, **more})


def in_pieces(body: bytes | str, places: Iterable[int]) -> list[Any]:
    """A body cut at these places, those beyond its end wrapped around."""
    marks = sorted({0, len(body), *(place % (len(body) + 1) for place in places)})
    return [body[start:end] for start, end in itertools.pairwise(marks)]


@dataclass
class Led:
    """A conversation that was led to its end.

    Args:
        result: what it returned.
        calls: what was sent, in order.
        told: the progress, in order.
        waits: how often it asked to wait.
    """

    result: Any = None
    calls: list[HttpCall] = field(default_factory=list)
    told: list[Progress] = field(default_factory=list)
    waits: int = 0


def lead(talk: Any, *replies: HttpReply | BaseException) -> Led:
    """Lead a conversation with these replies; one call too many is an error."""
    line = Scripted(list(replies))
    led = Led(calls=line.calls)
    answer = None
    while True:
        try:
            step = talk.send(answer)
        except StopIteration as end:
            led.result = end.value
            return led
        answer = line.send(step) if isinstance(step, HttpCall) else None
        led.told += [step] if isinstance(step, Progress) else []
        led.waits += isinstance(step, Pause)


def outcome(format: str, *replies: HttpReply, request: ImageRequest | None = None) -> Any:
    """The result and the progress, or the error's class and words: equal for equal outcomes."""
    try:
        led = lead(FORMATS[format].talk(request or request_in(format)), *replies)
    except WenwenError as error:
        return type(error), str(error), error.text
    return led.result, led.told
