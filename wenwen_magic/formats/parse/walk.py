"""Walk through the JSON of an answer, and collect its pictures, videos, texts, thoughts, refusals and failures.

What a field holds is decided by its name, in the tables of :mod:`wenwen_magic.formats.parse.shapes`, and by its value.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from wenwen_magic.endpoint.bodies import filters_in, is_failure, plain_fields
from wenwen_magic.formats.parse import addresses, shapes
from wenwen_magic.formats.parse.json_text import Payloads, json_in
from wenwen_magic.formats.parse.markdown import split_thoughts
from wenwen_magic.kinds import PICTURES, PNG, VIDEOS, kind_of_base64, split_data_uri
from wenwen_magic.protocol import Progress, Source
from wenwen_magic.text.i18n import N_, _

# The words of progress are those of servers of the relay's family (not seen on wenwen's pages).
_PROGRESS = re.compile(
    r"(?i)^\s*>?\s*[^\w\s>]*\s*.{0,12}?(?:进度|(?:video generation )?progress|排队|queue|生成中|generating|生成完成"
    r"|视频生成任务|视频已生成|开始生成|等待处理|上传首帧)\W*(?:\d{1,3}\.{2,}(?=\d))*(\d{1,3}(?:\.\d+)?)?.{0,24}$"
)
_TARGET = re.compile(r"(?<=\d\])\([^()\s]*\)$")
"""Where the last number of a line of progress leads."""
_LONGEST_STATUS = 200
"""Characters; a longer line reports no progress."""
_PROGRESS_ID = re.compile(r"^\s*>\s*(?:ID|sid)\s*:", re.IGNORECASE)
_EMPTY_FENCE = re.compile(r"(?m)^```\w*\s*^```$")
_THOUGHT_TITLE = re.compile(r"\s*\*\*([^*\n]{1,120})\*\*")
_REASONS = ("finishreason", "stopreason", "donereason", "blockreason")
_ORDINARY = {
    *("STOP", "SUCCESS", "FINISH_REASON_UNSPECIFIED", "BLOCK_REASON_UNSPECIFIED", "BLOCKED_REASON_UNSPECIFIED"),
}
_MEANINGS = {
    "SAFETY": N_("a safety filter held it back"),
    "PROHIBITED_CONTENT": N_("it counts as prohibited content"),
    "RECITATION": N_("it comes too close to an existing work"),
    "BLOCKLIST": N_("it holds a word that is not allowed"),
    "NO_IMAGE": N_("the model drew no picture"),
    "MAX_TOKENS": N_("the answer reached its length limit (maxOutputTokens)"),
    "OTHER": N_("the endpoint gives no reason"),
}
"""What Google's reasons for the end of an answer mean."""
_SPOKEN = shapes.TEXTS | shapes.REASONING | shapes.ARGUMENTS | {"refusal"}
_SOURCES = {*shapes.BASE64, *shapes.ADDRESSES}
_OF_PATHS = {"", *shapes.ADDRESSES, *shapes.VIDEOS}
"""Names under which a text that begins with a slash is a path below the endpoint."""
_PLAIN = {"url", "imageurl"}
"""Names of an address and nothing else."""
_MAY_HOLD_SOURCE = _SOURCES | {"data"}

_DEEPEST = 14
"""Fields within fields that are looked into; ordinary answers have eight."""
_STEP = 8
"""Least characters by which words grow until they are told again."""
_REPEATED = 24
"""Least characters of a piece that is all that was said before once more; a shorter one may be said twice."""

_PERCENT = re.compile(r"\s*(\d{1,3}(?:\.\d{1,4})?)")
_SHORTEST = 40
"""Least bytes of a picture's base64; a word such as ``pending`` is shorter."""
_SHORTEST_TOKEN = 24
"""Least characters of what :class:`Payloads` puts in place of base64 that it took out; other base64 is longer."""
_SHORT_TYPES = {suffix[1:]: kind.mime for kind in (*PICTURES, *VIDEOS) for suffix in kind.suffixes}
"""Types by their short names."""
_MIME = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)
_SCHEME = re.compile(r"(?i)[a-z][a-z0-9+.-]*:")
_HTTP = ("http://", "https://")


def number_of(value: Any) -> int | None:
    """Return a whole number, and None for anything else, truth values included."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def percent_in(value: Any) -> float | None:
    """Return how far a job is, told as a number, a part of 1 or a text, 100 at most; None where it is not told."""
    number = _PERCENT.match(str(round(value * 100, 2) if isinstance(value, float) and value <= 1 else value))
    return min(float(number[1]), 100.0) if number else None


def source_of(value: Any, payloads: Payloads, key: str = "url", mime: str = PNG.mime) -> Source | None:
    """Return what a field's value names: an address, base64 with or without a head, or nothing.

    Args:
        value: of the field.
        payloads: where base64 that was taken out of the answer is kept.
        key: the field's name, plain; empty for an item of a list.
        mime: the type where the value itself does not say it.
    """
    if not isinstance(value, str) or not (value := value.strip()):
        return None
    if value[:8].lower().startswith(_HTTP) and (key or len(value.split()) == 1):
        return Source(payloads.restore_text(value).replace("&amp;", "&").replace(" ", "%20"))
    if key in _PLAIN and (within := next(addresses.written_in(value), "")).lower().startswith(_HTTP):
        return Source(payloads.restore_text(within))  # it was in quotes, or in Markdown
    while _SCHEME.match(value):  # some write a head before what has one
        named, value = split_data_uri(value)
        key, mime = shapes.BASE64[0], named or mime
    if key in shapes.BASE64 or begins_as_picture(value, payloads):
        film = kind_of_base64(_head_of(value, payloads), VIDEOS)  # fields of pictures hold clips, too
        mime = film.mime if film else mime
        data = payloads.restore_base64(value) if mime.startswith(shapes.MEDIA_TYPES) else b""
        return Source(f"data:{mime}", data=data) if len(data) >= _SHORTEST else None
    is_path = value.startswith("/") and (key in _OF_PATHS or "url" in key or "im" in key)
    below_endpoint = is_path or (key in _PLAIN and ("/" in value or "." in value))
    # A slash alone leads nowhere.
    return Source(payloads.restore_text(value)) if below_endpoint and len(value.split()) == 1 < len(value) else None


def begins_as_picture(text: str, payloads: Payloads) -> bool:
    """Tell whether a text begins as the base64 of a picture or clip does; a word like ``assistant`` is too short."""
    if len(text) < _SHORTEST_TOKEN:
        return False
    return kind_of_base64(_head_of(text, payloads), (*PICTURES, *VIDEOS)) is not None


def _head_of(text: str, payloads: Payloads) -> str:
    return payloads.restore(text[:120])[:120].decode("ascii", "replace")


class Place(NamedTuple):
    """Say where a value stands.

    Args:
        key: the plain name of its field, or of the list that it is in.
        depth: how many values it is in.
        position: in its list.
        kind: the ``type`` of the object that it is in; empty where that is no text.
        number: the ``index`` of that object; None for none.
        mime: the type of a picture or video that was named last; the bytes decide later.
        choice: which of several texts it belongs to; those of candidates are below zero.
        thought: whether it is on the way to a result.
        repeated: whether the event says once more what others said in pieces.
        video: whether it describes a video.
        known: whether all names on the way to it are known to lead to results.
        strict: whether the name it stands under says nothing, so that the value must speak for itself.
    """

    key: str = ""
    depth: int = 0
    position: int = 0
    kind: str = ""
    number: int | None = None
    mime: str = PNG.mime
    choice: int = 0
    thought: bool = False
    repeated: bool = False
    video: bool = False
    known: bool = True
    strict: bool = False


def inside(fields: Mapping[str, Any], place: Place) -> Place:
    """Return the place of what is in an object, with what the object says of itself.

    Args:
        fields: the object's, by their plain names.
        place: of the object.
    """
    kind = fields["type"] if isinstance(fields.get("type"), str) else ""
    number, mime, choice = number_of(fields.get("index")), place.mime, place.choice
    types = [fields[name].lower() for name in shapes.TYPES if isinstance(fields.get(name), str)]
    for named in (*types, *([kind.lower()] if "/" in kind else [])):
        if known := _SHORT_TYPES.get(named.removeprefix("image/")) or (named if _MIME.fullmatch(named) else ""):
            mime = known
            break
    if place.key == "candidates":
        choice = -1 - abs(place.position if number is None else number)
    elif place.key == "choices":
        choice = abs(number or 0)
    return place._replace(
        kind=kind,
        number=number,
        mime=mime,
        choice=choice,
        thought=place.thought or fields.get("thought") is True or any(word in kind for word in shapes.THOUGHTS),
        video=place.video or kind in shapes.VIDEOS or kind == "video_url" or fields.get("object") == "video",
    )


def own_source(fields: Mapping[str, Any], place: Place, payloads: Payloads) -> Source | None:
    """Return an object's own picture or video; base64 comes before an address, for it need not be fetched.

    Args:
        fields: the object's, by their plain names.
        place: as :func:`inside` returns it; in an object that describes a video, what is named an image is no result.
        payloads: as for :func:`source_of`.
    """
    if _MAY_HOLD_SOURCE.isdisjoint(fields):
        return None
    marked = place.kind in shapes.IMAGE_TYPES or place.key == "inlinedata"
    typed = marked or any(isinstance(fields.get(name), str) for name in shapes.TYPES[:4])
    for name in (*shapes.BASE64, *shapes.ADDRESSES, *(["data"] if typed else [])):
        value = fields.get(name)
        if value and isinstance(value, str) and not (place.video and ("im" in name or "pic" in name)):
            is_base64 = name == "data" and not value[:8].lower().startswith((*_HTTP, "data:"))
            if source := source_of(value, payloads, shapes.BASE64[0] if is_base64 else name, place.mime):
                return source
    return None


class Collector:
    """Collect what an answer holds, as far as the walk has come.

    Args:
        payloads: where base64 that was taken out of the answer is kept.
        words: whether words are the result: then they are told as they grow.
    """

    def __init__(self, payloads: Payloads, *, words: bool = False) -> None:
        self._payloads, self._words = payloads, words
        self.pictures: list[Source] = []
        self.drafts: list[Source] = []
        self.videos: list[Source] = []
        self.perhaps: list[Source] = []
        self.perhaps_videos: list[Source] = []
        """Found under names that say nothing; they count where nothing else is there."""
        self.pieces: list[tuple[int, str]] = []
        """The texts in the order in which they came, each with the choice that it belongs to."""
        self.said_again: list[str] = []
        self.reasoning: list[str] = []
        self.thoughts: list[str] = []
        self.refusals: list[str] = []
        self.refused_again = ""
        self.words: list[str] = []
        """Texts in the place of a result."""
        self.arguments: dict[tuple[int, int], list[str]] = {}
        self.revised: list[str] = []
        self.failures: list[Any] = []
        self.filters: list[str] = []
        self.finish_reason = self.refusal = self.model = ""
        self.usage: Mapping[str, Any] = {}
        self._lengths: dict[int, int] = {}
        self._line = ""
        self._kept = self._length = self._told = 0

    def walk(self, value: Any, place: Place) -> Iterator[Progress]:
        """Read a value of any type, and yield the progress in it; what is about the answer is noted on the way.

        Args:
            value: of any JSON type.
            place: where it stands.
        """
        if place.depth > _DEEPEST:
            return
        if isinstance(value, Mapping):
            yield from self._add_object(value, place)
        elif isinstance(value, list):
            for position, item in enumerate(value):
                yield from self.walk(item, place._replace(depth=place.depth + 1, position=position))
        elif isinstance(value, str):
            named = place.video or place.key in shapes.BASE64
            if place.key in shapes.TEXTS and not place.strict:
                yield from self.say(value, place)
            elif named or place.strict:
                self._keep(source_of(value, self._payloads, place.key if named else "", place.mime), place)
            else:
                yield from self.read_text(value, place)

    def _add_object(self, item: Mapping[str, Any], place: Place) -> Iterator[Progress]:
        fields = plain_fields(item)
        failed = bool(place.depth) and is_failure(fields)
        if fields.get("role") in ("user", "system"):  # what was asked
            return
        place = inside(fields, place)
        self._note(item, fields, place)
        if failed:
            self.failures.append(item)
        kept = self._kept
        for name in [name for name in fields if name in shapes.VIDEOS]:
            film = place._replace(key=name, depth=place.depth + 1, video=True, strict=False)
            yield from self.walk(fields[name], film)
        filmed = self._kept > kept
        own = None if filmed or (failed and fields.get("error")) else self._own(fields, place)
        is_first = own in (*self.pictures[-1:], *self.perhaps[-1:])
        for name, value in fields.items():
            if not value or isinstance(value, (int, float)) or name in shapes.VIDEOS:
                continue
            if isinstance(value, str) and name in _SPOKEN:
                yield from self._add_words(name, value, place)
            else:
                listed = is_first and name in shapes.WRAPPERS and isinstance(value, list) and len(value) > 1
                yield from self._add_field(name, value, place, own=(own is not None or filmed) and not listed)
        if own is not None and place.thought:
            yield Progress(_("A draft"), picture=own)
        if self._kept > kept and place.key in {"content", "parts"}:
            self.pieces.append((place.choice, "\n\n"))  # the texts before and after a picture are two paragraphs

    def _own(self, fields: Mapping[str, Any], place: Place) -> Source | None:
        """Keep an object's own picture or video, and return it."""
        source = own_source(fields, place, self._payloads)
        if source is None:
            return None
        named = any("im" in name or "pic" in name for name in fields if name in shapes.ADDRESSES)
        return self._keep(source, place._replace(strict=place.strict and not named))

    def _add_words(self, name: str, value: str, place: Place) -> Iterator[Progress]:
        """Read a field with words: of the answer, a refusal, thoughts, or a call of a function."""
        kind = place.kind
        if name == "refusal" or (name == "delta" and "refusal" in kind):
            self._refuse(value, place)
        elif name in shapes.ARGUMENTS or (name == "delta" and "arguments" in kind):
            call = place.choice, place.number or place.position
            self.arguments.setdefault(call, []).append(value)
        elif name in shapes.REASONING:
            self.reasoning.append(value)
            if len(value) < _LONGEST_STATUS:
                yield from filter(None, map(progress_in, value.splitlines()))
        elif place.thought or not kind or "text" in kind or name not in {"delta", "text"}:
            yield from self.walk(value, place._replace(key=name, depth=place.depth + 1))

    def _add_field(self, name: str, value: Any, place: Place, *, own: bool) -> Iterator[Progress]:
        """Read a field of an object, apart from its words and its own picture.

        Args:
            name: the field's plain name.
            value: its value, neither empty nor a number.
            place: of the object.
            own: whether the object itself is a picture or holds a video: then others in it are forms of the same. Of
                a list of several it is the first.
        """
        # What else a picture's object holds can only be another form of the same picture.
        is_form = own and place.depth > 0 and not (name == "images" and place.key in {"message", "delta"})
        if name in shapes.ECHOES or is_form:
            return
        known, strict = place.known, place.strict
        if isinstance(value, str) and (name == "message" or name in _SOURCES):
            inner = place._replace(key=name, depth=place.depth + 1)
            if name == "message" and place.key == "choices":  # elsewhere it is about the answer
                yield from self.say(value, inner)
            elif name in shapes.VALUES and name in _SOURCES and not own:
                yield from self.read_text(value, inner)
            return
        if name in shapes.CHATS:
            known, strict = True, False
        elif name in _SOURCES:
            strict = False
        elif name in shapes.WRAPPERS or name in shapes.VALUES:
            strict = strict and name in shapes.VALUES
        elif name.isdigit():  # an object in place of a list
            name = place.key
        else:
            known, strict = False, True
        yield from self.walk(value, place._replace(key=name, depth=place.depth + 1, known=known, strict=strict))

    def _note(self, item: Mapping[str, Any], fields: Mapping[str, Any], place: Place) -> None:
        """Note what an object says about the answer: its model, its cost, why it ended."""
        if isinstance(fields.get("revisedprompt"), str):
            self.revised.append(self._payloads.redact(fields["revisedprompt"]))
        if not place.known or place.key in {"data", "images"}:
            return
        for name in ("model", "modelversion"):
            self.model = fields[name] if isinstance(fields.get(name), str) and fields[name] else self.model
        for name in ("usage", "usagemetadata"):
            self.usage = fields[name] if isinstance(fields.get(name), Mapping) and fields[name] else self.usage
        reason = next((fields[name] for name in _REASONS if isinstance(fields.get(name), str)), "")
        if place.key == "incompletedetails" and isinstance(fields.get("reason"), str):
            reason = fields["reason"]
        if reason and place.key != "artifacts":  # one for each picture
            self._end(reason, fields.get("finishmessage") or fields.get("blockreasonmessage"))
        if isinstance(fields.get("raifilteredreason"), str):
            self._refuse(fields["raifilteredreason"], place)
        if filters := {name: item[name] for name in item if "filter" in name or "afety" in name}:
            self.filters += filters_in(filters)

    def _end(self, reason: str, message: Any) -> None:
        """Note why an answer ended: the reason; of Google's, which are in capitals, its explanation or our own."""
        self.finish_reason = reason
        if reason not in _ORDINARY and reason.isupper():
            meaning = _MEANINGS.get(reason.removeprefix("IMAGE_")) or _MEANINGS.get(reason)
            why = self._payloads.redact(message).strip() or (_(meaning) if meaning else "")
            self.refusal = ": ".join(part for part in (self._payloads.redact(reason), why) if part)

    def _refuse(self, words: str, place: Place) -> None:
        if place.repeated:
            self.refused_again = words
        else:
            self.refusals.append(words)

    def read_text(self, value: str, place: Place) -> Iterator[Progress]:
        """Read a text that may be an address, base64, JSON once more, or words.

        Args:
            value: the text.
            place: where it stands.
        """
        if source := source_of(value, self._payloads, "", place.mime):
            self._keep(source, place)
            return
        inner = json_in(value)
        if isinstance(inner, (Mapping, list, str)):
            yield from self.walk(inner, place._replace(depth=place.depth + 1))
        elif "![" in value or "<img" in value or place.key == "content":
            yield from self.say(value, place)
        else:
            self.words.append(value)

    def say(self, text: str, place: Place) -> Iterator[Progress]:
        """Take in words of the answer, or of a thought on the way to it.

        Args:
            text: the words.
            place: where they stand.
        """
        if place.thought:
            self.thoughts.append(text)
            if title := _THOUGHT_TITLE.match(text):
                yield Progress(self._payloads.redact(title[1]).strip())
            return
        if not place.known:
            return
        if place.repeated:
            if not place.position:  # a later event says more, and all of it
                self.said_again.clear()
            self.said_again.append(text)
            return
        length = self._lengths.get(place.choice, 0)
        if len(text) == length >= _REPEATED and text == "".join(
            piece for choice, piece in self.pieces if choice == place.choice
        ):
            return  # the last piece of a stream says the whole once more
        self._lengths[place.choice] = length + len(text)
        self._length += len(text)
        self.pieces.append((place.choice, text))
        if self._words:
            yield from self._grown()
        if "\n" not in text:  # as most words of a stream
            self._line = (self._line + text)[-256:]
            if text.endswith("..") and (told := progress_in(self._line)) and told.percent:  # numbers, one by one
                yield told
            return
        *lines, self._line = (self._line + text[-4096:]).split("\n")
        self._line = self._line[-256:]
        yield from filter(None, map(progress_in, lines))

    def _grown(self) -> Iterator[Progress]:
        """Yield the words so far, without thoughts, where a sixteenth is new: all that is told stays in proportion."""
        if self._length >= self._told + max(_STEP, self._told // 16):
            self._told = self._length
            if said := split_thoughts("".join(piece for _, piece in self.pieces))[0].strip():
                yield Progress("", said=self._payloads.redact(said))

    def _keep(self, source: Source | None, place: Place) -> Source | None:
        """Add a source to those of its kind, and return it; None where it does not count."""
        if source is None:
            return None
        address, named = source.address, place.mime
        inside, is_video = address.startswith("data:"), addresses.is_video(address)
        if place.strict and not inside:  # the address must be a full one, and tell its kind
            full = address[:8].lower().startswith(_HTTP)
            if not (full and (is_video or addresses.is_picture(address))):
                return None
        self._kept += 1
        is_video = address.startswith("data:video/") if inside else is_video or named.startswith("video/")
        if is_video or (place.video and not source.data):
            (self.videos if place.known else self.perhaps_videos).append(source)
        elif place.video:
            self.videos.append(replace(source, address="data:video/mp4"))
        elif place.thought:
            self.drafts.append(source)
        else:
            (self.pictures if place.known else self.perhaps).append(source)
        return source


def progress_in(line: str) -> Progress | None:
    """Read one line of text as a report of progress; None when it is none."""
    match = _PROGRESS.match(line) if len(line) < _LONGEST_STATUS else None
    if not match or "![" in line or "](" in line:
        return None
    text = line.strip().lstrip("> ").strip().replace("**", "")
    return Progress(text, min(float(match[1]), 100.0) if match[1] else None)


def without_progress(text: str, *, quoted_only: bool = False) -> str:
    """Return the text without the lines that only reported progress.

    Args:
        text: an answer's words.
        quoted_only: drop only lines marked as quotations; without a picture, "the queue is long" explains why.
    """
    kept = [
        line
        for line in text.splitlines()
        if not _PROGRESS_ID.match(line)
        and (
            not progress_in(line if quoted_only else _TARGET.sub("", line))
            or (quoted_only and not line.lstrip().startswith(">"))
        )
    ]
    return re.sub(r"\n{3,}", "\n\n", _EMPTY_FENCE.sub("", "\n".join(kept))).strip()
