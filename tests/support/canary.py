"""An endpoint that echoes the key wherever an answer has a place for it, and what finds a key again in any spelling."""

import base64
import html
import json
from dataclasses import dataclass
from urllib.parse import quote

from support.faults import BASE64, EVENTS, INLINE, PICTURE, SHOWN, reply
from support.loopback import Server
from support.relay import DEFAULTS
from support.scripted import event

KEYS = (
    "sk-QzVxWkPmTnRsLhGfDbJc7391",
    "QzVxWkPmTnRsLhGfDbJc7391aabb",
    "sk-Ab/9+_x.YtGvQ7zKk$(m)=",
    "Qz\"V'x/W+k\\P~mT{n}%4=",
)
MARK = "KEYHERE"


# -- spellings ---------------------------------------------------------------------------------------------------------


def escaped(key, form="\\u{:04x}"):
    return "".join(form.format(ord(sign)) for sign in key)


def in_base64(key, before=0):
    return base64.b64encode(b"Bear"[:before] + key.encode() + b"<end>").decode()


def in_json(key):
    return json.dumps(key)[1:-1]


SPELLINGS = {
    "plain": in_json,
    "escapes": escaped,
    "large escapes": lambda key: escaped(key, "\\u{:04X}"),
    "half in escapes": lambda key: "".join(escaped(sign) if at % 2 else in_json(sign) for at, sign in enumerate(key)),
    "slashes": lambda key: in_json(key).replace("/", "\\/"),
    "percent": lambda key: escaped(key, "%{:02X}"),
    "small percent": lambda key: escaped(key, "%{:02x}"),
    "percent where needed": lambda key: quote(key, safe=""),
    "percent twice": lambda key: quote(quote(key, safe=""), safe=""),
    "entities": lambda key: in_json(html.escape(key)),
    "numbered entities": lambda key: escaped(key, "&#{};"),
    "base64": in_base64,
    "base64 behind one byte": lambda key: in_base64(key, 1),
    "base64 behind two bytes": lambda key: in_base64(key, 2),
    "base64 for addresses": lambda key: in_base64(key).replace("+", "-").replace("/", "_"),
    "hexadecimal": lambda key: key.encode().hex(),
    "data URI": lambda key: f"data:text/plain;base64,{in_base64(key)}",
}
"""How a key may be written where a JSON text is."""


def cores(key):
    """The characters of base64 that the key alone decides, at each place in a group of three."""
    for before in range(3):
        whole = base64.b64encode(bytes(before) + key.encode()).decode().rstrip("=")
        yield whole[-(-before * 8 // 6) : (before + len(key)) * 8 // 6]


def forms(key):
    """The key in all spellings, as they are and as JSON reads them."""
    made = {make(key) for name, make in SPELLINGS.items() if "base64" not in name and name != "data URI"}
    made |= {key, html.escape(key), *cores(key), *(core.replace("+", "-").replace("/", "_") for core in cores(key))}
    return {*made, *(one.replace("/", "\\/") for one in made), *(in_json(one) for one in made)}


def found(seen, key):
    """The spellings of a key that are in a text or in bytes; signs without width do not hide it."""
    text = seen if isinstance(seen, str) else seen.decode("latin-1")
    for hidden in ("<wbr>", "\u200b", "\\u200b"):
        text = text.replace(hidden, "")
    return sorted(form for form in forms(key) if form in text)


# -- answers -----------------------------------------------------------------------------------------------------------

CHAT = {
    "id": MARK,
    "model": MARK,
    "system_fingerprint": MARK,
    "choices": [
        {
            "message": {
                "role": MARK,
                "content": f"KEYHERE and ![KEYHERE](/picture.png?token=KEYHERE) {SHOWN} **KEYHERE**",
                "reasoning_content": "thinking KEYHERE ![KEYHERE](/picture.png?KEYHERE)",
            },
            "finish_reason": MARK,
        }
    ],
    "usage": {MARK: {"a": [MARK]}},
}
IMAGES = {
    "created": 1,
    "model": MARK,
    "data": [
        {"b64_json": BASE64, "revised_prompt": "a KEYHERE"},
        {"url": "/picture.png?token=KEYHERE", "revised_prompt": MARK},
    ],
    "usage": {MARK: 1, "details": [MARK]},
}
GEMINI = {
    "modelVersion": MARK,
    "responseId": MARK,
    "candidates": [
        {
            "content": {"parts": [{"text": "KEYHERE"}, {"text": "**KEYHERE**", "thought": True}, INLINE]},
            "finishReason": MARK,
            "finishMessage": MARK,
        }
    ],
    "usageMetadata": {MARK: 1},
}
JOB = {
    "id": MARK,
    "status": "SUCCESS",
    "progress": "100% KEYHERE",
    "imageUrl": "/picture.png?KEYHERE",
    "promptEn": MARK,
    "description": MARK,
    "failReason": MARK,
    "properties": {"finalPrompt": "KEYHERE!"},
    "videoUrl": "https://h.example/KEYHERE.mp4",
    "buttons": [{"customId": MARK, "label": "U1 KEYHERE"}, {"customId": "MJ::JOB::1", "label": "", "emoji": MARK}],
}
WORKING = {"status": "KEYHERE", "progress": "40% KEYHERE", "imageUrl": "/picture.png?KEYHERE"}


def sse(*objects):
    return "".join(f"data: {json.dumps(one)}\n\n" for one in objects)


def deltas(text):
    """A chat's stream: progress, thoughts, and a text in pieces of some signs."""
    first = event("> 进度 40% KEYHERE\n> 排队 KEYHERE\n")
    thought = sse({"choices": [{"delta": {"reasoning_content": "hm KEYHERE"}}]})
    last = {"model": MARK, "choices": [{"delta": {}, "finish_reason": MARK}], "usage": {MARK: 1}}
    return first + thought + event(text) + sse(last) + "data: [DONE]\n\n"


@dataclass(frozen=True)
class Echo:
    """An answer with the key in it.

    Args:
        options: of the request.
        body: of the answer to the call that is paid for.
        content_type: of it.
        status: of it.
    """

    options: dict
    body: str
    content_type: str = "application/json"
    status: str = "200 OK"


MJ = {"format": "midjourney"}
SUBMITTED = json.dumps({"code": 1, "description": MARK, "result": MARK, "properties": {"a": MARK}})
PARTIAL = {"type": "image_generation.partial_image", "partial_image_index": 0, "b64_json": BASE64, "note": MARK}
COMPLETED = {"type": "image_generation.completed", "b64_json": BASE64, "revised_prompt": MARK, "usage": {MARK: 1}}
ANSWERS = {
    "chat": Echo({}, json.dumps(CHAT)),
    "chat stream": Echo({"stream": True}, deltas(f"KEYHERE {SHOWN}"), EVENTS),
    "images": Echo({"format": "images"}, json.dumps(IMAGES)),
    "images stream": Echo({"format": "images", "stream": True}, sse(PARTIAL, COMPLETED), EVENTS),
    "gemini": Echo({"format": "gemini"}, json.dumps(GEMINI)),
    "gemini stream": Echo({"format": "gemini", "stream": True}, sse(GEMINI), EVENTS),
    "midjourney": Echo(MJ, SUBMITTED),
    "words": Echo({}, json.dumps({"choices": [{"message": {"content": MARK}, "finish_reason": MARK}]})),
    "words in a stream": Echo({"stream": True}, deltas("no KEYHERE"), EVENTS),
    "unsound": Echo({}, json.dumps({"choices": [{"message": {"content": "![KEYHERE](/none.png?KEYHERE)"}}]})),
    "nothing": Echo({}, MARK, "text/plain"),
    "torn": Echo({}, json.dumps(CHAT)[:-30]),
}
PROBLEMS = {
    "error": {"error": {"message": "bad KEYHERE (request id: KEYHERE)", "type": MARK, "code": MARK, "param": MARK}},
    "words": {"error": MARK},
    "message": {"message": MARK, "code": MARK, "success": False},
    "description": {"code": 4, "description": MARK, "properties": {"bannedWord": MARK}, "result": MARK},
    "Google": {"error": {"code": 400, "message": MARK, "status": MARK, "details": [{"reason": MARK}]}},
    "odd": {"odd": [MARK], MARK: 1},
    "list": [MARK, {"error": MARK}],
}
ERRORS = {
    **{
        f"{name} with {status[:3]}{' in midjourney' * (options is MJ)}": Echo(
            options, json.dumps(problem), status=status
        )
        for name, problem in PROBLEMS.items()
        for status, options in (("200 OK", {}), ("401 No", {}), ("503 Away", {"stream": True}), ("200 OK", MJ))
    },
    **{
        f"page with {status[:3]}": Echo({}, "<html><title>KEYHERE</title>KEYHERE</html>", "text/html", status)
        for status in ("200 OK", "404 No", "502 Bad")
    },
    "text with 400": Echo({}, "what is KEYHERE?", "text/plain", "400 Bad"),
}


class EchoingEndpoint(Server):
    """Answers with an echo in every place of head and body, and with pictures.

    Args:
        echo: the answer.
        key: is echoed.
        spelling: how.
        head: how it is spelled in the head; empty for not at all.
    """

    def __init__(self, echo, key, spelling=in_json, head="plain"):
        self.body = echo.body.replace(MARK, spelling(key))
        self.echo, self.posts, self._spelled = echo, 0, spelling(key)
        places = ("X-Oneapi-Request-Id: {}", "X-Request-Id: id {}", "Set-Cookie: k={}", "{}: 1", "Server: {}", "{}")
        self.head = [place.format(SPELLINGS[head](key)) for place in places] if head else []
        self.type = f"; boundary={SPELLINGS[head](key)}" if head else ""
        rows = [{"id": "drawer-KEYHERE", "owned_by": MARK}, {"id": MARK}, *({"id": name} for name in DEFAULTS)]
        self.listing = json.dumps({"data": rows})
        self._questions = 0
        super().__init__(iter(lambda: 0, 1))

    def _play(self, connection, _script):
        self.hear(connection)
        method, path = (*self.asked[-1].split(), "", "")[:2]  # a stranger may have found the port
        for line in self.asked[-1].splitlines():
            if line.lower().startswith("content-length:"):
                left = int(line.split(":")[1])
                while left and (piece := connection.recv(min(left, 65536))):
                    left -= len(piece)
        if path.startswith("/picture.png"):
            connection.sendall(reply(PICTURE, "200 OK", *self.head, content_type="image/png"))
        elif path.startswith("/none.png"):
            connection.sendall(reply(b"<html></html>", "200 OK", *self.head, content_type="text/html" + self.type))
        elif method == "POST" and "condition" not in path:
            self.posts += 1
            self._say(connection, self.body, self.echo.status, self.echo.content_type)
        elif path == "/v1/models":
            self._say(connection, self.listing.replace(MARK, self._spelled))
        else:
            self._questions += 1
            job = WORKING if self._questions == 1 else JOB
            self._say(connection, json.dumps(job).replace(MARK, self._spelled))

    def _say(self, connection, body, status="200 OK", content_type="application/json"):
        connection.sendall(reply(body.encode(), status, *self.head, content_type=content_type + self.type))
