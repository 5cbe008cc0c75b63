"""Plays written replies to a wire format or a client, without a socket."""

import base64
import io
import json
import random
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

from hypothesis import settings
from PIL import Image, ImageColor

from wenwen_magic.errors import EndpointError, WenwenError
from wenwen_magic.formats.chat import FORMAT
from wenwen_magic.protocol import Answer, HttpCall, HttpReply, Progress, Source, WireFormat
from wenwen_magic.records import ImageRequest

ASKED = ImageRequest("画只猫")
ENOUGH = 0.2
"""Seconds: four times the input would take sixteen times a square's time, which is above what is allowed from 0.15 on."""


def png(width: int = 8, height: int = 6, colour: str = "red") -> bytes:
    """A small picture of one colour; width and height in pixels."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, "PNG")
    return out.getvalue()


def data_uri(picture: bytes, mime: str = "image/png") -> str:
    """A picture as a ``data:`` URI."""
    return f"data:{mime};base64,{base64.b64encode(picture).decode()}"


def picture_in(source: Source) -> bytes:
    """The picture that an answer carries itself: base64 as it came, perhaps unpadded, broken or percent-encoded."""
    plain = b"".join(unquote_to_bytes(source.data).split())
    return base64.b64decode(
        plain + b"=" * (-len(plain) % 4), b"-_" if b"-" in plain or b"_" in plain else None, validate=True
    )


def told(source: Source) -> str:
    """A source in words: its address; for a picture in the answer itself also its colour (red, green or blue)."""
    if not source.data:
        return source.address
    pixel = Image.open(io.BytesIO(picture_in(source))).convert("RGB").getpixel((1, 1))
    colour = next(name for name in ("red", "green", "blue") if ImageColor.getrgb(name) == pixel)
    return f"{source.address} {colour}"


def addresses(answer: Answer) -> list[str]:
    """The addresses of an answer's pictures, in order."""
    return [source.address for source in answer.sources]


def broken_connection() -> EndpointError:
    """What the transport raises from the body's chunks when the connection breaks."""
    return EndpointError("The connection broke.", charged="maybe")


def pieces(body: bytes, chunk: int | None = None, broken: Exception | None = None) -> Iterator[bytes]:
    """A body in pieces of ``chunk`` bytes (None: whole), then the end or the exception ``broken``."""
    size = chunk or max(len(body), 1)
    yield from (body[at : at + size] for at in range(0, len(body), size))
    if broken:
        raise broken


def steps(
    reply: HttpReply, request: ImageRequest = ASKED, wire: WireFormat = FORMAT
) -> Generator[Progress, None, Answer]:
    """Drive a conversation of one call; gives its progress, returns its answer."""
    talk = wire.talk(request)
    next(talk)
    try:
        step: Any = talk.send(reply)
        while True:
            yield step
            step = talk.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


def read_reply(
    reply: HttpReply, request: ImageRequest = ASKED, wire: WireFormat = FORMAT
) -> tuple[list[Progress], Answer]:
    """All progress, and the answer, of one reply."""
    conversation, said = steps(reply, request, wire), list[Progress]()
    while True:
        try:
            said.append(next(conversation))
        except StopIteration as end:
            return said, end.value


def reply_of(
    body: bytes | str,
    content_type: str = "application/json",
    status: int = 200,
    chunk: int | None = None,
    broken: Exception | None = None,
) -> HttpReply:
    """A reply with this body, in pieces of ``chunk`` bytes (None: whole); ``broken`` is raised after the last."""
    raw = body.encode() if isinstance(body, str) else body
    return HttpReply(status, content_type, pieces(raw, chunk, broken))


def read(body: bytes | str, *reply: Any, **more: Any) -> Answer:
    """The answer that is read from a body; further arguments as for :func:`reply_of`."""
    return read_reply(reply_of(body, *reply, **more))[1]


def progress_of(body: bytes | str, *reply: Any, **more: Any) -> list[Progress]:
    """The progress told while a body is read; further arguments as for :func:`reply_of`."""
    return read_reply(reply_of(body, *reply, **more))[0]


def outcome_of(reply: HttpReply, wire: WireFormat = FORMAT) -> Answer | tuple[type, str, str]:
    """The answer, or the error's class and words: equal for equal outcomes."""
    try:
        return read_reply(reply, wire=wire)[1]
    except WenwenError as error:
        return type(error), str(error), error.text


def answering(content: Any, **message: Any) -> str:
    """A whole answer whose message has this content; further fields of the message by name."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **message}, "finish_reason": "stop"}
    return json.dumps({"id": "x", "model": "m", "choices": [choice]}, ensure_ascii=False)


def event(content: Any, finish: str | None = None) -> str:
    """One event of a stream whose delta has this content."""
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish}
    return "data: " + json.dumps({"choices": [choice]}, ensure_ascii=False) + "\n\n"


def streaming(*contents: str) -> str:
    """A whole stream, one event for each content."""
    return "".join(event(content) for content in contents) + event("", "stop") + "data: [DONE]\n\n"


@lru_cache(4)
def noise(size: int) -> str:
    """As many bytes of no meaning, in base64; always the same."""
    return base64.b64encode(random.Random(7).randbytes(size)).decode()


@dataclass
class Scripted:
    """A double for the transport: gives its replies in order, or raises them; one call too many is an error.

    Args:
        script: replies to give, exceptions to raise.
        calls: what was sent, in order.
    """

    script: list[HttpReply | BaseException]
    calls: list[HttpCall] = field(default_factory=list)

    def send(self, call: HttpCall) -> HttpReply:
        """Note the call and play the next step of the script."""
        self.calls.append(call)
        if len(self.calls) > len(self.script):
            raise AssertionError(f"call {len(self.calls)} was not expected: {call.method} {call.path}")
        step = self.script[len(self.calls) - 1]
        if isinstance(step, BaseException):
            raise step
        return step


def grows_in_proportion(make, work, largest=4):
    """Whether four times the input takes about four times as long and not its square; this thread's time alone.

    Args:
        make: gives the input of a size: 1, then four times as large, up to ``largest``.
        work: what takes the time.
        largest: where it ends; the quick tests end where an input took ``ENOUGH`` seconds, too long for a square to hide.
    """

    def seconds(thing):
        started = time.thread_time()
        work(thing)
        return time.thread_time() - started

    thorough = settings.default.max_examples > 1000  # in the long profile
    small, factor = make(1), 1
    took = min(seconds(small) for _ in range(2))
    while factor < largest and (factor == 1 or took < ENOUGH or thorough):
        factor, longest = factor * 4, 8.8 * took + 0.05
        large = make(factor)
        took = next((one for one in (seconds(large) for _ in range(2)) if one < longest), None)
        if took is None:
            return False
    return True
