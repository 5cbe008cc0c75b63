"""Holds a request as the demo understands it, whatever format it was spoken in, and what words the answer to it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from wenwen_magic.demo.directives import Directives
from wenwen_magic.demo.replies import Reply

SLOW, REFUSES, DESCRIBES = "demo-slow", "demo-refuses", "demo-describes"
READERS = ("gpt-4o", DESCRIBES)
"""The models that answer with words on the pictures that came along."""


@dataclass(frozen=True)
class Ask:
    """A request as the demo understands it.

    Args:
        model: the name asked for.
        prompt: the last message's words, directives removed.
        stream: whether the answer is a stream.
        directives: what the prompt asks of the demo itself.
        files: the pictures that came along, as bytes.
        links: addresses of pictures that came along.
        orientation: asked for beside the prompt; ``auto`` for what the prompt says.
        size: width and height in pixels; None for the usual one.
        kind: the picture files' type: ``png``, ``jpeg`` or ``webp``.
        count: how many pictures; 0 for what the directives say.
        describe: whether words on the pictures that came along are wanted.
        words: those words, once they are there.
        more: what the format itself wants to know when it words the answer.
    """

    model: str
    prompt: str
    stream: bool = False
    directives: Directives = field(default_factory=Directives)
    files: tuple[bytes, ...] = ()
    links: tuple[str, ...] = ()
    orientation: str = "auto"
    size: tuple[int, int] | None = None
    kind: str = "png"
    count: int = 0
    describe: bool = False
    words: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def refused(self) -> bool:
        """Whether the answer is words without a picture."""
        return self.directives.refuse or self.directives.safety or self.model == REFUSES


@dataclass(frozen=True)
class Wording:
    """How a format words its answers.

    Args:
        answer: the plain answer for the addresses of the pictures, none for a refusal or a description.
        events: the streamed answer: the events before the picture, and those from the picture on.
        inline: whether the answer holds the pictures themselves, their addresses being data URIs.
        ending: how many events at the end of a stream are left out when it breaks off behind the picture.
    """

    answer: Callable[[Ask, Sequence[str]], Reply]
    events: Callable[[Ask, Sequence[str]], tuple[list[bytes], list[bytes]]]
    inline: Callable[[Ask], bool] = lambda _: True
    ending: int = 0


@dataclass(frozen=True)
class Exchange:
    """One request as it came.

    Args:
        method: ``GET`` or ``POST``.
        path: below the demo's address, without the query.
        query: behind the question mark.
        body: parsed JSON, a :class:`wenwen_magic.demo.forms.Form`, or the bytes of anything else; None without a body.
        line: what the answer goes out through.
    """

    method: str
    path: str
    query: str
    body: Any
    line: "Line"


class Line(Protocol):
    """What a speaker can do with a connection."""

    desk: Any

    def say(self, reply: Reply) -> None:
        """Send a ready answer."""

    def perform(self, ask: Ask, wording: Wording) -> None:
        """Do what was asked: wait, fail as the directives say, or draw and word the answer."""

    def address(self, name: str, *, inline: bool) -> str:
        """A picture's web address, or the picture itself as a data URI."""


class Speaker(Protocol):
    """A format that the demo speaks: one module each."""

    def takes(self, path: str) -> bool:
        """Whether a path is this format's."""

    def serve(self, exchange: Exchange) -> None:
        """Answer a request to such a path."""
