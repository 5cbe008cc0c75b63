"""An endpoint on loopback that fails in every way there is, and knows what it has done for its money."""

import gzip
import itertools
import json
import re
import select
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from support.clips import PLAYS
from support.loopback import Server
from support.scripted import data_uri, event, png

PICTURE = png()
BASE64 = data_uri(PICTURE).partition(",")[2]
_DRIPS = 60
"""Ten minutes each; an endless answer that nobody ends is over after ten hours."""


# -- what is right -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """One way of asking, and the answer of an endpoint that works.

    Args:
        name: of the way.
        options: of the request.
        body: the answer to the call that is paid for.
        content_type: of that answer.
        questions: whether the faults are those of the free questions about the job, and not of its submission.
        job: the answer to those questions.
        clip: whether a clip is asked for, and not a picture.
    """

    name: str
    options: dict
    body: str
    content_type: str = "application/json"
    questions: bool = False
    job: str = ""
    clip: bool = False

    @property
    def answer(self):
        """The answer that the faults are those of."""
        return (self.job if self.questions else self.body).encode()

    @property
    def file(self):
        """The picture, or the clip."""
        return PLAYS if self.clip else PICTURE

    @property
    def behind(self):
        """Bytes of that answer up to where all that matters of it has come."""
        body = self.answer
        last = next(mark for mark in (BASE64.encode(), b"/file", b"1320098173412546") if mark in body)
        return body.index(last) + len(last) + 2


SHOWN = f"![x]({data_uri(PICTURE)})"
EVENTS = "text/event-stream"
INLINE = {"inlineData": {"mimeType": "image/png", "data": BASE64}}
GEMINI = json.dumps({"candidates": [{"content": {"parts": [{"text": "here"}, INLINE]}, "finishReason": "STOP"}]})
JOB = json.dumps({"id": "1320098173412546", "status": "SUCCESS", "imageUrl": "/file", "progress": "100%"})
SUBMITTED = json.dumps({"code": 1, "description": "ok", "result": "1320098173412546"})
CLIP_TAKEN = json.dumps({"id": "1320098173412546", "object": "video", "status": "queued"})
CLIP_JOB = json.dumps({"id": "1320098173412546", "status": "completed", "video_url": "/file"})
BY_CHAT = json.dumps({"choices": [{"message": {"content": "[下载视频](/file)"}, "finish_reason": "stop"}]})
AS_CLIP = {"format": "videos", "model": "veo3.1"}
WAYS = (
    Way("chat", {}, json.dumps({"choices": [{"message": {"content": SHOWN}, "finish_reason": "stop"}]})),
    Way(
        "chat stream", {"stream": True}, event("here: ") + event(SHOWN) + event("", "stop") + "data: [DONE]\n\n", EVENTS
    ),
    Way("images", {"format": "images"}, json.dumps({"created": 1, "data": [{"b64_json": BASE64}]})),
    Way("gemini", {"format": "gemini"}, GEMINI),
    Way("gemini stream", {"format": "gemini", "stream": True}, f"data: {GEMINI}\r\n\r\n", EVENTS),
    Way("clip by chat", {"format": "chat", "model": "veo3.1"}, BY_CHAT, clip=True),
    Way("clip submission", AS_CLIP, CLIP_TAKEN, job=CLIP_JOB, clip=True),
    Way("clip task", AS_CLIP, CLIP_TAKEN, job=CLIP_JOB, clip=True, questions=True),
    Way("midjourney submission", {"format": "midjourney"}, SUBMITTED, job=JOB),
    Way("midjourney task", {"format": "midjourney"}, SUBMITTED, job=JOB, questions=True),
)
LINKED = Way("chat", {}, json.dumps({"choices": [{"message": {"content": "![x](/file)"}}]}))
"""Its picture is at an address of the endpoint, as Midjourney's is."""


def reply(body=b"", status="200 OK", *headers, content_type="application/json", length=None):
    """A reply as bytes; its length may be another than it says."""
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", f"Content-Length: {size}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


# -- what is wrong -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """What becomes of a call.

    Args:
        name: of the fault.
        say: is given the connection, the way and the clock once the request was read, and says what the endpoint says.
        billed: whether an endpoint that fails so may have done the work.
        shown: whether the picture must be shown all the same, where the answer itself holds it.
        tries: how often the call may be sent.
        unread: the request is not read.
    """

    name: str
    say: Callable | None
    billed: bool = True
    shown: bool = False
    tries: int = 1
    unread: bool = False


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def drip(connection, clock, first, more):
    """Say something, then a little more with each ten minutes that pass, until the other side has gone."""
    connection.sendall(first)
    for _ in range(_DRIPS):
        clock.passed += 600
        connection.sendall(more)
        if select.select([connection], [], [], 0.02)[0]:
            return


def silent(connection, _way, _clock):
    connection.recv(1)


def says(make):
    """A fault's ``say`` that answers with what is made of the way."""
    return lambda connection, way, _clock: connection.sendall(make(way))


def mid_headers(connection, _way, _clock):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: appl")
    reset(connection)


def mid_body(connection, way, _clock):
    connection.sendall(whole(way)[: -len(way.answer) + 12])
    reset(connection)


def whole(way, *headers, content_type="", **more):
    return reply(way.answer, "200 OK", *headers, content_type=content_type or way.content_type, **more)


def instead(body, *headers, **more):
    return says(lambda way: reply(body, "200 OK", *headers, **{"content_type": way.content_type, **more}))


@cache
def bomb():
    """97 KiB that become 100 MiB; made in the processes that send it."""
    return gzip.compress(b" " * (100 << 20), 9)


def elsewhere(connection, _way, _clock):
    connection.sendall(reply(b"moved", "307 Go", "Location: http://127.0.0.2:9/v1/chat/completions"))


def around(connection, _way, _clock):
    connection.sendall(reply(b"moved", "308 Go", "Location: /v1/chat/completions"))


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ERROR = b'{"error": {"message": "upstream failed", "type": "new_api_error", "code": "do_request_failed"}}'
BODIES = {
    "JSON": (ERROR, "application/json"),
    "page": (b"<!DOCTYPE html><html><title>nginx</title></html>", "text/html"),
    "empty": (b"", "text/plain"),
}
REFUSALS = (400, 401, 402, 403, 404, 413, 422)
BUSY = (429, 503)
UNDECIDED = (408, 409, 500, 502, 504, 524)


def status_fault(status):
    """A status; which kind of body comes with it depends on the way, so that each kind comes with each status."""

    def say(connection, way, _clock):
        place = WAYS.index(way) if way in WAYS else 0
        body, content_type = list(BODIES.values())[(place + status) % len(BODIES)]
        connection.sendall(reply(body, f"{status} Odd", content_type=content_type))

    return Fault(f"status {status}", say, billed=status in UNDECIDED, tries=3 if status in BUSY else 1)


CALL_FAULTS = (
    Fault("refused", None, billed=False, tries=0),
    Fault("closed unread", lambda *_: None, billed=False, unread=True),
    Fault("closed before headers", lambda *_: None),
    Fault("silence", silent),
    Fault("reset in the headers", mid_headers),
    Fault("reset in the body", mid_body),
    Fault("cut behind the picture", says(lambda way: whole(way)[: way.behind - len(way.answer)]), shown=True),
    Fault("length too large", says(lambda way: whole(way, length=len(way.answer) + 99)), shown=True),
    Fault("length too small", says(lambda way: whole(way, length=20))),
    Fault("chunks of garbage", says(lambda _: CHUNKED + b"zz\r\n{}\r\n")),
    Fault("trickle", lambda connection, _way, clock: drip(connection, clock, b"HTTP/1.1 200 OK\r\n\r\n", b" ")),
    Fault("endless continue", lambda connection, _way, clock: drip(connection, clock, b"", b"HTTP/1.1 100 C\r\n\r\n")),
    Fault("redirect to another host", elsewhere, billed=False),
    Fault("redirect loop", around, billed=False),
    Fault(
        "gzip bomb", says(lambda way: reply(bomb(), "200 OK", "Content-Encoding: gzip", content_type=way.content_type))
    ),
    Fault("gzip that is none", says(lambda way: whole(way, "Content-Encoding: gzip"))),
    Fault("huge header", says(lambda way: whole(way, "X-Odd: " + "x" * 70_000))),
    Fault("HTTP/0.9", says(lambda way: way.answer)),
    Fault("zero bytes", instead(bytes(3000))),
    Fault("another charset", says(lambda way: whole(way, content_type="text/plain; charset=utf-16")), shown=True),
    Fault("a web page", instead(*BODIES["page"][:1], content_type="text/html"), billed=False),  # of no endpoint
    Fault("an empty answer", instead(b"")),
    Fault("an error with status 200", instead(ERROR)),
    *map(status_fault, (*REFUSALS, *BUSY, *UNDECIDED)),
)
PICTURE_FAULTS = (
    *(Fault(f"picture: status {status}", says(lambda _, status=status: reply(ERROR, f"{status} No"))) for status in (403, 404, 500)),
    Fault("picture: page", instead(BODIES["page"][0], content_type="text/html")),
    Fault("picture: JSON", instead(ERROR, content_type="application/json")),
    Fault("picture: empty", instead(b"", content_type="image/png")),
    Fault("picture: too large", says(lambda way: reply(way.file, length=1 << 40))),
    Fault("picture: cut", says(lambda way: reply(way.file[:-20], length=len(way.file)))),
    Fault("picture: closed", lambda *_: None),
    Fault("picture: redirect to another host", says(lambda _: reply(b"", "302 Go", "Location: http://127.0.0.2:9/a"))),
    Fault("picture: redirect loop", says(lambda _: reply(b"", "302 Go", "Location: /file"))),
)  # fmt: skip


# -- the endpoint ------------------------------------------------------------------------------------------------------


@dataclass
class Seen:
    """A request, as far as it came."""

    method: str
    path: str
    whole: bool = field(default=False)


class FaultyEndpoint(Server):
    """Answers as a way says, but for what has a fault; ``heal`` takes the fault away.

    Args:
        way: of asking.
        fault: what is wrong.
        clock: passes time for the faults that take long.
    """

    def __init__(self, way, fault, clock):
        self.way, self.fault, self.clock, self.seen = way, fault, clock, []
        super().__init__(itertools.repeat(None))
        if fault.say is None:
            self.stop()  # its port is nobody's from now on

    def heal(self):
        if self.fault.say is None:
            super().__init__(itertools.repeat(None))
        self.fault = None

    @property
    def posts(self):
        """How many calls that are paid for came, at least their first line."""
        return sum(one.method == "POST" for one in self.seen)

    @property
    def came_whole(self):
        """Whether a call that is paid for came to its end."""
        return any(one.method == "POST" and one.whole for one in self.seen)

    def _play(self, connection, _script):
        if self.fault and self.fault.unread and not self.way.questions:
            return
        request = self._heard(connection)
        at_file = request.path == "/file"
        paid = request.method == "POST"
        place = "picture" if at_file else "call" if paid != self.way.questions else ""
        if self.fault and place == ("picture" if self.fault.name.startswith("picture") else "call"):
            self.fault.say(connection, self.way, self.clock)
        elif at_file:
            connection.sendall(reply(self.way.file, content_type="image/png"))
        elif paid:
            connection.sendall(reply(self.way.body.encode(), content_type=self.way.content_type))
        else:
            connection.sendall(reply(self.way.job.encode()))

    def _heard(self, connection):
        self.hear(connection)
        request = Seen(*self.asked[-1].split()[:2])
        self.seen.append(request)
        length = re.search(r"(?i)content-length: (\d+)", self.asked[-1])
        left = int(length[1]) if length else 0
        while left and (piece := connection.recv(min(left, 65536))):
            left -= len(piece)
        request.whole = not left
        return request
