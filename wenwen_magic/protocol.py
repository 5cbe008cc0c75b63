"""Define what the author of a wire format needs: calls, replies, progress, answers, the format; all frozen."""

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wenwen_magic.records import DRAW, Button, ImageRequest

__all__ = [
    "Answer",
    "FilePart",
    "HttpCall",
    "HttpReply",
    "Inquiry",
    "Pause",
    "Progress",
    "Source",
    "Step",
    "Talk",
    "WireFormat",
]


@dataclass(frozen=True)
class FilePart:
    """Hold one file of a form.

    Args:
        name: of the field.
        filename: by its ending the receiver knows the type.
        mime: its type.
        data: its bytes.
    """

    name: str
    filename: str
    mime: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class HttpCall:
    """Describe one call to the endpoint, without host and key.

    Args:
        method: ``POST`` or ``GET``.
        path: below the endpoint's address, beginning with a slash.
        body: what to send as JSON; None for nothing. With files it is the form's other fields.
        stream: whether a stream of events was asked for.
        files: makes the body a form (``multipart/form-data``) with these files.
        free: whether the call costs nothing and changes nothing; it may be repeated, and its reply is not kept.
    """

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    stream: bool = False
    files: tuple[FilePart, ...] = ()
    free: bool = False


@dataclass(frozen=True)
class HttpReply:
    """Hold what the endpoint answered; the body is read as it arrives.

    Args:
        status: the HTTP status.
        content_type: the header as received, lower case; it may be wrong.
        chunks: the body in pieces of bytes; may be iterated once.
        demo: whether the demo endpoint answered.
    """

    status: int
    content_type: str
    chunks: Iterable[bytes] = field(repr=False)
    demo: bool = False


@dataclass(frozen=True)
class Progress:
    """Report what the endpoint says while it works.

    Args:
        text: its words, one line.
        percent: 0 to 100, None when it names no number.
        picture: the unfinished picture; None for none.
        preview: that picture, checked and small, in the user's cache folder.
        said: the words of the answer so far, where words are wanted.
    """

    text: str
    percent: float | None = None
    picture: "Source | None" = field(default=None, repr=False)
    preview: Path | None = None
    said: str = ""


@dataclass(frozen=True)
class Pause:
    """Ask to wait before the next call; the user's settings say how long, and how long in all."""


@dataclass(frozen=True)
class Source:
    """Say where a picture of an answer is.

    Args:
        address: ``http(s)`` address or a path below the endpoint; for a picture in the answer itself ``data:<type>``.
        alt: the text that came with it.
        draft: whether it is an intermediate step and not a result.
        data: the picture itself in base64 as received, for an address that begins with ``data:``; else empty.
        otherwise: where it is too, for where that address does not give it; empty for nowhere.
    """

    address: str
    alt: str = ""
    draft: bool = False
    data: bytes = field(default=b"", repr=False)
    otherwise: str = field(default="", compare=False)


@dataclass(frozen=True)
class Answer:
    """Hold what was read from the endpoint's replies.

    Args:
        sources: the pictures, in order, drafts included.
        text: the text beside them.
        finish_reason: why the model stopped, as it said; ``cut`` when the connection broke.
        model: the model as the endpoint reports it.
        usage: token counts as received; never computed with.
        revised_prompt: the prompt as the endpoint rewrote it.
        buttons: what the endpoint offers to do next.
        job: the endpoint's own number of the job; empty for none.
        videos: the videos that came where pictures were expected, in order; each an address or its bytes.
    """

    sources: tuple[Source, ...] = ()
    text: str = ""
    finish_reason: str = ""
    model: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict)
    revised_prompt: str = ""
    buttons: tuple[Button, ...] = ()
    job: str = ""
    videos: tuple[Source, ...] = ()


Step = HttpCall | Progress | Pause
Talk = Callable[[ImageRequest], Generator[Step, HttpReply | None, Answer]]
Inquiry = Callable[[str], Generator[Step, HttpReply | None, Mapping[str, Any]]]
"""A free question about a finished job, by its number; returns the answer's fields."""


@dataclass(frozen=True)
class WireFormat:
    """Describe a wire format: how a request is sent and its replies are read; one file in ``formats/`` each.

    Args:
        name: what ``--format`` calls it.
        talk: the conversation as a generator: it yields calls, is sent the replies and returns the answer; it opens
            no socket.
        prompt_as_sent: returns the prompt that will be sent for a request, orientation included; without it, the prompt
            is sent as it is.
        shape_as_sent: returns the ratio or size that is sent beside the prompt; empty where there is none.
        auth: the header's name and its pattern, in which ``{key}`` is replaced by the key.
        key_parameter: the name under which the key may go into the address instead; empty where it may not.
        tasks: the tasks it knows, such as ``draw`` and ``describe``.
        inquiries: further questions about a job, by name.
    """

    name: str
    talk: Talk
    prompt_as_sent: Callable[[ImageRequest], str] = lambda request: request.prompt
    shape_as_sent: Callable[[ImageRequest], str] = lambda request: ""  # noqa: ARG005
    auth: tuple[str, str] = ("Authorization", "Bearer {key}")
    key_parameter: str = ""
    tasks: tuple[str, ...] = (DRAW,)
    inquiries: Mapping[str, Inquiry] = field(default_factory=dict)
