"""The words of a conversation with an endpoint: calls, replies, progress, answers, and the wire formats, all frozen."""

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wenwen_magic.records import DRAW, Button, ImageRequest


@dataclass(frozen=True)
class FilePart:
    """A file of a form.

    Args:
        name: of the field.
        filename: what the receiver judges its type by.
        mime: its type.
        data: its bytes.
    """

    name: str
    filename: str
    mime: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class HttpCall:
    """One step of a conversation with the endpoint: no host, no key.

    Args:
        method: ``POST`` or ``GET``.
        path: below the endpoint's address, beginning with a slash.
        body: what to send as JSON; None for nothing. With files it is the form's other fields.
        stream: whether a stream of events was asked for.
        files: makes the body a form (``multipart/form-data``) with these files.
        free: a question that costs nothing and changes nothing: it may be asked again, and its reply is not kept.
    """

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    stream: bool = False
    files: tuple[FilePart, ...] = ()
    free: bool = False


@dataclass(frozen=True)
class HttpReply:
    """What the endpoint answered, read as it comes.

    Args:
        status: the HTTP status.
        content_type: the header as it came, lower case; it may lie.
        chunks: the body in pieces of bytes; may be iterated once.
        demo: whether the demo endpoint answered.
    """

    status: int
    content_type: str
    chunks: Iterable[bytes] = field(repr=False)
    demo: bool = False


@dataclass(frozen=True)
class Progress:
    """What the endpoint says while it works.

    Args:
        text: its words, one line.
        percent: 0 to 100, None when it names no number.
        picture: how far the picture is; None for none.
        preview: that picture, checked and small, in the user's cache folder; for those who show it.
    """

    text: str
    percent: float | None = None
    picture: "Source | None" = field(default=None, repr=False)
    preview: Path | None = None


@dataclass(frozen=True)
class Pause:
    """A wish to wait before the next call: how long, and for how long in all, the user's settings say."""


@dataclass(frozen=True)
class Source:
    """Where a picture of an answer is.

    Args:
        address: ``http(s)`` address or a path below the endpoint; for a picture in the answer itself ``data:<type>``.
        alt: the words that came with it.
        draft: whether it is a step on the way and not a result.
        data: the picture itself in base64 as it came, for an address that begins with ``data:``; else empty.
    """

    address: str
    alt: str = ""
    draft: bool = False
    data: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Answer:
    """What came back, read.

    Args:
        sources: the pictures, in order, drafts included.
        text: the words beside them.
        finish_reason: why the model stopped, as it said; ``cut`` when the connection broke.
        model: the model as the endpoint reports it.
        usage: token counts as they came; never computed with.
        revised_prompt: the prompt as the endpoint rewrote it.
        buttons: what the endpoint offers to do next.
        job: the endpoint's own number of the work.
    """

    sources: tuple[Source, ...] = ()
    text: str = ""
    finish_reason: str = ""
    model: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict)
    revised_prompt: str = ""
    buttons: tuple[Button, ...] = ()
    job: str = ""


Step = HttpCall | Progress | Pause
Talk = Callable[[ImageRequest], Generator[Step, HttpReply | None, Answer]]
Inquiry = Callable[[str], Generator[Step, HttpReply | None, Mapping[str, Any]]]
"""A free question about a finished work, by its number; gives what was answered."""


@dataclass(frozen=True)
class WireFormat:
    """A way to speak a request: one file in ``formats/`` each.

    Args:
        name: what ``--format`` calls it.
        talk: the conversation: yields calls, is sent replies, returns the answer; opens no socket.
        prompt_as_sent: the words that will go out for a request, orientation included.
        auth: the header's name and its pattern, ``{key}`` standing for the key.
        key_parameter: the name under which the key may go into the address instead; empty where it may not.
        model: what draws when neither the cell nor a setting names a model; empty for the setting's default.
        reader: what describes then.
        tasks: what it can be asked for.
        inquiries: further questions about a work, by name.
    """

    name: str
    talk: Talk
    prompt_as_sent: Callable[[ImageRequest], str]
    auth: tuple[str, str] = ("Authorization", "Bearer {key}")
    key_parameter: str = ""
    model: str = ""
    reader: str = ""
    tasks: tuple[str, ...] = (DRAW,)
    inquiries: Mapping[str, Inquiry] = field(default_factory=dict)
