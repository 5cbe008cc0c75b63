"""Holds what the formats share: a request as understood, what it asks of the demo itself, its pictures, its replies."""

import base64
import binascii
import hashlib
import json
import re
import secrets
import struct
import tomllib
import zlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from wenwen_magic.demo.painter import as_kind, check, describe, paint, turn_of, within
from wenwen_magic.demo.scene import orientation_of
from wenwen_magic.kinds import PNG, split_data_uri
from wenwen_magic.models import bare, draws
from wenwen_magic.text.i18n import _, is_chinese
from wenwen_magic.text.improving import asked_in
from wenwen_magic.text.sanitize import replace_lone_surrogates

REFUSES, SLOW, READERS = "demo-refuses", "demo-slow", ("gpt-4o", "gemini-3.5-flash-lite", "demo-describes")
PICTURE = re.compile(r"/pictures/(?:download/)?([0-9a-f]{32})\.(?:png|mp4|webm)$")
_TALKS = re.compile(r"gpt|claude|gemini|deepseek|qwen|grok|glm|kimi|llama|doubao|o[1-9]\b", re.IGNORECASE)
_ANIMALS = (
    ["fox", "owl", "cat", "rabbit", "deer", "panda", "tiger", "bird", "bear", "dog"],
    ["狐狸", "猫头鹰", "猫", "兔子", "鹿", "熊猫", "老虎", "小鸟", "熊", "小狗"],
)
"""Those that the demo can paint, in English and Chinese."""
_CHINESE, _ENGLISH = "一两三四五六七八九十", "one two three four five six seven eight nine ten"
_NUMBERS = [*_CHINESE, *map(str, range(1, 11)), *_ENGLISH.split()]
_NUMBER = re.compile(rf"[{_CHINESE}](?=[种只个])|\b(?:{'|'.join(_NUMBERS[10:])})\b", re.ASCII)
_NOTE = re.compile(r"[\[［]\s{0,9}demo\s{0,9}[:：]([^\]］]{0,300})[\]］]", re.IGNORECASE)
_CLIPS = {"landscape": "landscape.mp4", "portrait": "portrait.webm"}
_JSON, _HTML = "application/json; charset=utf-8", "text/html; charset=utf-8"
RELAY: dict[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_name("relay.toml").read_text("utf-8"))
"""What the relay says and takes, as far as it is a table."""


@dataclass(frozen=True)
class Directives:
    """What one answer of the demo shall be like; the defaults make an ordinary one."""

    delay: float = 0.0  # seconds before the answer, 0 to 3600
    status: int = 0  # the HTTP status of an error to answer with; 0 for none
    retry_after: str = ""  # the ``Retry-After`` header, seconds or a date; empty for none
    html: bool = False  # answer with a web page and status 200
    error200: bool = False  # answer with an error object and status 200
    refuse: bool = False  # answer with words and no picture
    empty: bool = False  # answer with nothing and status 200
    cut: str = ""  # break off after the picture's address (``late``) or before it (``early``)
    reset: bool = False  # reset the connection instead of answering
    images: int = 1  # pictures, 1 to 10
    form: str = "url"  # how the answer names the picture; written ``as=``
    text: bool = False  # say some words beside the picture
    progress: bool = False  # put a JSON block, progress lines and a download link around the picture
    sse: bool = False  # answer as a stream even when not asked to
    broken: bool = False  # cut the picture's file short
    svg: bool = False  # give an SVG for the picture
    html_picture: bool = False  # give a web page for the picture
    missing: int = 0  # how often the picture's address answers 404 first
    trickle: bool = False  # send the picture one byte every half second
    bomb: bool = False  # give a PNG file that claims 40000 x 40000 pixels
    fail: bool = False  # let a Midjourney job fail
    queued: bool = False  # let a Midjourney job wait in a queue first
    full: bool = False  # answer that Midjourney's queue is full
    saturated: bool = False  # answer that Midjourney's relay is saturated, with status 429
    safety: bool = False  # stop for safety, in the format's own way; chat then says nothing at all

    @property
    def spoils(self) -> bool:
        """Whether the picture's file cannot be opened."""
        return self.broken or self.svg or self.html_picture or self.bomb


_VALUES = {**{each.name: ("", "") for each in fields(Directives) if each.name != "form"}, **RELAY["directives"]}


def directives_in(prompt: str) -> tuple[str, Directives]:
    """Split a prompt into its words and its directives, ``[demo: status=503 delay=3]``; ValueError lists the known."""
    given: dict[str, Any] = {}
    for note in _NOTE.findall(prompt):
        for word in filter(None, re.split(r"[\s,，]+", note)):
            name, equals, value = word.partition("=")
            name = name.lower().replace("-", "_")
            if name not in _VALUES or not re.fullmatch(_VALUES[name][0], equals + value):
                known = ", ".join(each + (shown or one.replace("|=", "|")) for each, (one, shown) in _VALUES.items())
                message = _("The demo knows no directive {word!r}. Known: {known}", word=word, known=known)
                raise ValueError(message)
            name = "form" if name == "as" else name
            kind = type(getattr(Directives, name))
            given[name] = kind(value or {"cut": "late"}.get(name, True))
    words = (piece.strip() for piece in _NOTE.split(prompt)[::2])
    return " ".join(filter(None, words)), Directives(**given)


@dataclass(frozen=True)
class Ask:
    """A request as the demo understands it; with a variant and without links it decides all about one picture."""

    model: str  # the name asked for
    prompt: str  # the last message's words, directives removed
    stream: bool = False  # whether the answer is a stream
    directives: Directives = field(default_factory=Directives)  # what the prompt asks of the demo itself
    files: tuple[bytes, ...] = ()  # the pictures that came along
    links: tuple[str, ...] = ()  # addresses of pictures that came along
    mask: bytes = b""  # a PNG file, transparent where the first picture may change; empty for none
    orientation: str = "auto"  # asked for beside the prompt; ``auto`` for what the prompt says
    size: tuple[int, int] | None = None  # width and height in pixels; None for the usual one
    kind: str = "png"  # the picture files' type: ``png``, ``jpeg`` or ``webp``
    count: int | None = None  # how many pictures; None for what the directives say
    variant: int = 0  # how often the same was asked before
    clip: bool = False  # whether a clip is wanted
    describe: bool = False  # whether words on the pictures that came along are wanted
    words: str = ""  # those words, once they are there
    more: Mapping[str, Any] = field(default_factory=dict)  # what the format wants to know when it words the answer

    @property
    def refused(self) -> bool:
        """Whether the answer is words without a picture."""
        return self.directives.refuse or self.directives.safety or self.model == REFUSES

    @property
    def greeting(self) -> str:
        """The words beside the picture, in the prompt's language."""
        if not self.directives.text:
            return ""
        return "给你画好了：" if is_chinese(self.prompt) else "Here is your picture:"

    @property
    def file_name(self) -> str:
        """The file's name: where it is to be had."""
        return f"{self.name}.{self.kind if self.clip else 'png'}"

    @property
    def name(self) -> str:
        """32 hexadecimal digits for the picture."""
        marks = [hashlib.sha256(each).hexdigest() for each in (*self.files, self.mask)]
        shape = (self.variant, self.directives, self.orientation, self.size, self.kind)
        text = repr((self.model, self.prompt, marks, shape))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def answers(model: str) -> bool:
    """Tell whether a model talks, and draws no pictures."""
    return model in READERS or bool(_TALKS.match(bare(model)) and not draws(model))


def _answer(question: str) -> str:
    """Answer a question: with a prompt that has more words, or with the animals that the demo knows, as JSON too."""
    chinese = is_chinese(question)
    if prompt := asked_in(question):
        return prompt + (
            "，清晨的柔光，背景简洁，细节丰富" if chinese else ", soft light of the morning, a plain background"
        )
    animals = _ANIMALS[chinese]
    if re.search(r"(?i)json", question):
        numbers = [_NUMBERS.index(word) % 10 + 1 for word in _NUMBER.findall(question.lower())]
        animals = animals[: max(numbers, default=10)]
        asked = re.search(r"(?i)\bobject\b|对象", question)
        return json.dumps({"动物" if chinese else "animals": animals} if asked else animals, ensure_ascii=False)
    if chinese:
        return f"演示服务只认识这些动物：{'、'.join(animals)}。"
    return f"The demo knows these animals and nothing else: {', '.join(animals)}."


def said(messages: Any, content: str) -> tuple[list[Any], str]:
    """Give the parts of the last thing the user said, and the words in them."""
    listed = messages if isinstance(messages, list) else [messages]
    asked = [each for each in listed if isinstance(each, dict) and each.get("role", "user") == "user"]
    found = asked[-1].get(content) if asked else None
    parts = [{"text": found}] if isinstance(found, str) else found if isinstance(found, list) else [found]
    named = [part for part in parts if isinstance(part, dict)]
    return named, "\n".join(part["text"] for part in named if isinstance(part.get("text"), str))


def decoded(text: str) -> bytes:
    """Read base64 in either alphabet, padded or not, behind a data URI's head or without one; else ValueError."""
    data = (split_data_uri(text)[1] or text).translate(str.maketrans("-_", "+/")).rstrip("=")
    try:
        return base64.b64decode(data + "=" * (-len(data) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("invalid image data: Base64 decoding failed") from None


class Shelf(OrderedDict[str, Any]):
    """A dictionary that forgets its oldest entries when it holds more than ``most``."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        while len(self) > self._most:
            self.popitem(last=False)


class Studio:
    """Notes what was asked to be painted and paints it when its address is opened; safe among threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._asks, self._files, self._counts, self._misses = Shelf(512), Shelf(64), Shelf(10_000), Shelf(512)
        self.kept: dict[str, Any] = {}
        """What a format keeps between its requests, by the format's name."""

    def order(self, ask: Ask) -> list[Ask]:
        """Note pictures to be painted; the same request again gets other pictures. ValueError for a bad reference."""
        files = tuple(check(file) for file in (*ask.files, *self._own(ask.links)))
        first = replace(ask, files=files, links=(), more={})
        key = replace(first, directives=Directives(), orientation="", size=None, kind="").name
        count = ask.directives.images if ask.count is None else ask.count
        with self._lock:
            before = self._counts.get(key, 0)
            self._counts[key] = before + count
            made = [replace(first, variant=before + i) for i in range(count)]
            for each in made:
                self._asks[each.name] = each
        return made

    def find(self, name: str) -> Ask | None:
        """Return the request for a picture; None for an unknown name, and while the picture shall seem missing."""
        ask: Ask | None = self._asks.get(name)
        return None if ask is None or self.misses(name, ask.directives) else ask

    def misses(self, name: str, asked: Directives) -> bool:
        """Tell whether a picture shall seem missing this time, as often as the directives say."""
        with self._lock:
            self._misses[name] = self._misses.get(name, 0) + 1
            return bool(self._misses[name] <= asked.missing)

    def draw(self, ask: Ask) -> bytes:
        """Paint a picture, whatever the directives say of its file; of a clip, give the one that is kept here."""
        if ask.clip:
            return clip_file(ask)
        name = replace(ask, directives=Directives()).name
        data: bytes | None = self._files.get(name)
        if data is None:
            hand, turn, files = "" if ask.model == "gpt-4o-image" else ask.model, ask.orientation, ask.files
            data = paint(ask.prompt, turn, variant=ask.variant, hand=hand, references=files, mask=ask.mask)
            data = within(data, files[0], ask.mask) if ask.mask and files else data
            data = as_kind(data, ask.kind, ask.size) if ask.size or ask.kind != "png" else data
            with self._lock:
                self._files[name] = data
        return data

    def file(self, ask: Ask) -> tuple[str, bytes]:
        """Give a picture's content type and bytes, spoilt where the directives say so."""
        return spoilt(ask.directives, f"{'video' if ask.clip else 'image'}/{ask.kind}", self.draw(ask))

    def describe(self, ask: Ask) -> str:
        """Describe the pictures of a request in words, or answer its question; errors as for :meth:`order`."""
        pictures = [*ask.files, *self._own(ask.links)]
        return describe(ask.prompt, pictures) if pictures else _answer(ask.prompt)

    def _own(self, links: Sequence[str]) -> list[bytes]:
        """Give the pictures behind those links that are this server's."""
        names = [match[1] for match in map(PICTURE.search, links) if match]
        return [self.draw(ask) for name in names if (ask := self._asks.get(name))]


def as_clip(ask: Ask) -> Ask:
    """Return a request as one for a clip, of a kind that its shape decides."""
    turn = (
        turn_of(ask.size) if ask.size else ask.orientation if ask.orientation in _CLIPS else orientation_of(ask.prompt)
    )
    return replace(ask, clip=True, kind=_CLIPS.get(turn, _CLIPS["landscape"]).partition(".")[2])


def clip_file(ask: Ask) -> bytes:
    """Give one of the two clips of this folder; what players pass over at its end makes each request's another file."""
    name = next(one for one in _CLIPS.values() if one.endswith(ask.kind))
    mark = bytes.fromhex(ask.name)
    ending = struct.pack(">I4s", 8 + len(mark), b"free") if ask.kind == "mp4" else bytes((0xEC, 0x80 + len(mark)))
    return Path(__file__).with_name("clips").joinpath(name).read_bytes() + ending + mark


def spoilt(asked: Directives, kind: str, file: bytes) -> tuple[str, bytes]:
    """Give the type and the bytes of a picture file, or what the directives put in its place."""
    if asked.svg:
        return "image/svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle r="5"/></svg>'
    if asked.html_picture:
        return _HTML, b"<!doctype html><title>demo</title><p>This is a web page, not a picture.</p>"
    if not asked.bomb:
        return kind, file[: len(file) * 3 // 5] if asked.broken else file
    bomb = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 0, 0, 0, 0)
    for name, data in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(40_001))), (b"IEND", b"")):
        bomb += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return PNG.mime, bomb


@dataclass(frozen=True)
class Reply:
    """One answer, ready to be sent."""

    status: int
    body: bytes
    content_type: str = _JSON
    headers: tuple[tuple[str, str], ...] = ()
    stop_at: int | None = None  # bytes of the body after which the connection breaks; None for all


class Refused(Exception):
    """A request is answered with an error, the only argument: a :class:`Reply`."""


@dataclass(frozen=True)
class Question:
    """One request as it came."""

    method: str  # ``GET`` or ``POST``
    path: str  # below the demo's address, without the query
    query: str  # behind the question mark
    body: Any  # parsed JSON, a form of the images format, or the bytes of anything else; None without one
    root: str  # the address that the request came to, without a path
    studio: Studio  # where pictures are painted


@dataclass(frozen=True)
class Format:
    """A way to speak with the demo."""

    path: re.Pattern[str]  # the pattern of its paths
    # Understands a request, or answers it at once; raises Refused, or ValueError with what is wrong.
    read: Callable[[Question], Ask | Reply]
    refuse: Callable[[str], Reply]  # answers with what is wrong
    # Words the plain answer for the addresses of the pictures, none for a refusal or a description.
    answer: Callable[[Ask, Sequence[str]], Reply]
    # Words the streamed answer: the events before the picture, and those from the picture on.
    events: Callable[[Ask, Sequence[str]], tuple[list[bytes], list[bytes]]] = lambda *_: ([], [])
    inline: Callable[[Ask], bool] = lambda _: True  # whether the addresses are data URIs: the pictures themselves
    ending: int = 0  # how many events of a stream are left out at its end when it breaks off behind the picture


def json_bytes(value: Any) -> bytes:
    """Write a value as JSON."""
    return replace_lone_surrogates(json.dumps(value, ensure_ascii=False)).encode()


def json_reply(value: Any, status: int = 200) -> Reply:
    """Answer with a value as JSON."""
    return Reply(status, json_bytes(value))


def error_reply(message: str, status: int = 400, code: str = "", kind: str = "new_api_error", param: str = "") -> Reply:
    """Answer with an error object in the relay's shape; a request number is added to its message."""
    number = datetime.now(UTC).strftime("%Y%m%d%H%M%S%f") + secrets.token_hex(4)
    words = f"{message} (request id: {number})"
    return json_reply({"error": {"message": words, "type": kind, "param": param, "code": code}}, status)


def bad_request(problem: str) -> Reply:
    """Answer to a request that cannot be read."""
    return error_reply(f"Invalid request, {problem}")


def wrong_path(question: Question) -> Reply:
    """Answer to an unknown path."""
    return error_reply(f"Invalid URL ({question.method} {question.path})", 404, kind="invalid_request_error")


def page(title: str, words: str, status: int = 200) -> Reply:
    """Answer with a web page: a heading and a paragraph in plain text."""
    text = f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
    return Reply(status, f"{text}<body><h1>{title}</h1><p>{words}</p></body></html>\n".encode(), _HTML)


def no_such_key(name: str) -> Reply:
    """Answer for a picture that is not there, as the object store words it."""
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code>'
    text = f"{head}<Message>The specified key does not exist.</Message><Key>{name}</Key></Error>\n"
    return Reply(404, text.encode(), "application/xml")


def special(ask: Ask) -> Reply | None:
    """Answer with what the directives ask for in place of an answer; None for an ordinary one."""
    asked = ask.directives
    if asked.status:
        words, code, *kind = RELAY["statuses"][str(asked.status)]
        fault = page(words, code, asked.status)
        fault = error_reply(words.format(model=ask.model), asked.status, code, *kind) if kind else fault
        return replace(fault, headers=(("Retry-After", asked.retry_after),) if asked.retry_after else ())
    if asked.html:
        return page("wenwen", "Please enable JavaScript to run this app.")
    if asked.error200:
        return error_reply("upstream error: do request failed", 200, "bad_response", "upstream_error")
    return Reply(200, b"") if asked.empty else None


def cut(reply: Reply, addresses: Sequence[str], where: str) -> Reply:
    """Let an answer break off after its first picture's address, or for ``early`` before it."""
    address = addresses[0] if addresses else ""
    first = (split_data_uri(address)[1] or address).encode()  # some formats name a picture's type and its data apart
    start = max(reply.body.find(first), 1)
    return replace(reply, stop_at=start if where == "early" else min(start + len(first) + 1, len(reply.body) - 1))
