"""Know by their names what the fields of an answer hold: pictures, videos, words, thoughts, or more fields.

A new shape is a name more in a table here. Names are compared in lower case and without ``_`` and ``-``, for servers
write the same one as ``b64_json``, ``image-url``, ``imageURL`` or ``ResultImage``. ``{"data": [{"url": ...}]}`` is on
wenwen's page 修改图片(images), dall-e-2; the other names are those of OpenAI, Google, Anthropic, MCP, Azure, Bedrock,
DashScope, MiniMax, ModelScope, Cloudflare, Replicate, Ollama, Dify, Coze, Stability, fal, Kling, Luma, Leonardo, BFL,
Runware, Tencent, Volcengine, Baidu, iFlytek and servers of the relay's family (not seen on wenwen's pages). Of tasks in
place of a picture they are those of asynchronous servers of the relay's family.
"""

import re
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, NamedTuple

from wenwen_magic.endpoint.failures import is_complaint, plain_fields
from wenwen_magic.formats.parse import addresses
from wenwen_magic.formats.parse.json_text import Payloads
from wenwen_magic.kinds import PICTURES, PNG, kind_of_base64, split_data_uri
from wenwen_magic.kinds import VIDEOS as VIDEO_KINDS
from wenwen_magic.protocol import Source

# -- names of fields ---------------------------------------------------------------------------------------------------

BASE64 = (
    *("b64json", "b64", "base64", "imagebase64", "b64image", "imageb64", "base64image", "imagebase64data"),
    *("bytesbase64encoded", "imagebytes", "videobytes", "binarydatabase64", "partialimageb64", "bytes", "blob"),
)
"""Hold a picture in base64."""
ADDRESSES = (
    *("url", "imageurl", "image", "result", "fileuri", "uri", "imageuri", "imgurl", "img", "picture", "pictureurl"),
    *("resultimage", "resultimageurl", "outputimage", "outputurl", "downloadurl", "fileurl", "publicurl", "ossurl"),
    *("sample", "originalurl", "cdnurl", "src"),
)
"""Hold a picture's address, or base64 that begins as a picture does."""
CHATS = {"choices", "candidates"}
"""Hold what a model said; each item is a text of its own."""
WRAPPERS = {
    *("data", "images", "imageurls", "urls", "output", "outputs", "results", "outputimages", "resulturls"),
    *("imagelist", "generatedimages", "generations", "finalimagelist", "pictures", "artifacts", "predictions"),
    *("generatedsamples", "response", "responses", "item", "filedata", "inlinedata", "source", "message", "delta"),
    *("content", "parts", "part", "contentblock", "files", "assets", "attachments", "taskresult"),
    *("subtaskresultlist", "resource", "text", "generationsbypk", "payload", "body", "resp", "generatevideoresponse"),
    *("toolresult", "promptfeedback", "incompletedetails", "audio"),
}
"""Hold results further inside: an object, a list, one address, or base64 that begins as a picture does."""
VIDEOS = {
    *("video", "videos", "videourl", "videourls", "videouri", "videolist", "outputvideo", "generatedvideos"),
    *("mp4", "mp4url"),
}
"""Hold a video, however it is written."""
ECHOES = {
    *("input", "inputs", "request", "parameters", "params", "prompt", "origprompt", "actualprompt", "negativeprompt"),
    *("inputimage", "inputimages", "initimage", "initimages", "sourceimage", "sourceimages", "referenceimages"),
    *("referenceimage", "referenceimageurl", "refimages", "mask", "maskimage", "originalimage", "imageprompt"),
    *("inputreference", "tools", "instructions", "metadatainput", "usage", "error", "errors", "safetyratings"),
    *("messages", "history", "avatar", "avatarurl", "icon", "logo", "user", "author", "documentation", "webhook"),
    *("callback", "notifyhook"),
}
"""Hold what was asked, or what is about the answer and not in it."""
TEXTS = {"content", "text", "answer", "outputtext", "delta", "completion", "generatedtext", "transcript"}
"""Hold words of the answer, which may hold pictures."""
VALUES = {"data", "result", "response", "output", "outputs", "body", "payload", "resp", "results", "message"}
"""Hold, where the value is a text, one address, base64, JSON once more, or words."""
REASONING = {"reasoningcontent", "reasoning", "thinking"}
"""Hold thoughts on the way to an answer."""
THOUGHTS = ("thinking", "reasoning", "thought")
"""Mark an object as a thought, by a piece of its ``type``."""
ARGUMENTS = {"arguments", "partialjson"}
"""Hold the JSON text with which a model calls a function, whole or in pieces."""
_IMAGE_TYPES = {"image", "input_image", "output_image", "base64"}
"""Mark ``data`` as a picture's base64, by its ``type``."""
_PERCENT = re.compile(r"\s*(\d{1,3}(?:\.\d{1,4})?)")
_NAMES_A_TYPE = ("outputformat", "mimetype", "mediatype", "contenttype", "format", "mime")


def number_of(value: Any) -> int | None:
    """Return a whole number, and None for anything else, truth values included."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def percent_in(value: Any) -> float | None:
    """Return how far a job is, told as a number or as a text, 100 at most; None where it is not told."""
    number = _PERCENT.match(str(value))
    return min(float(number[1]), 100.0) if number else None


# -- values ------------------------------------------------------------------------------------------------------------

_SHORTEST = 40
"""Least bytes of a picture's base64; a word such as ``pending`` is shorter."""
_SHORTEST_TOKEN = 24
"""Least characters of what :class:`Payloads` puts in place of base64 that it took out; other base64 is longer."""
_TYPES = {suffix[1:]: kind.mime for kind in (*PICTURES, *VIDEO_KINDS) for suffix in kind.suffixes}
"""Types by their short names."""
PICTURE_TYPES = ("image/", "application/octet-stream")
"""Beginnings of the types that an answer may name for a picture."""
_MIME = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)
_SCHEME = re.compile(r"(?i)[a-z][a-z0-9+.-]*:")
_HTTP = ("http://", "https://")


class Sources:
    """Keep sources in order, equal bytes and equal addresses once."""

    def __init__(self, sources: Iterable[Source] = ()) -> None:
        self._kept: dict[Hashable, Source] = {}
        for source in sources:
            self.add(source)

    def add(self, source: Source) -> None:
        """Keep a source unless it is there already."""
        self._kept.setdefault(identity(source), source)

    def __len__(self) -> int:
        return len(self._kept)

    def all(self) -> tuple[Source, ...]:
        """Return them in the order in which they came."""
        return tuple(self._kept.values())


def identity(source: Source) -> Hashable:
    """Return what is equal for equal sources: of bytes themselves, whatever type they go by, else the address."""
    return _Bytes(source.data) if source.data else source.address


class _Bytes:
    """Compares base64 without its padding, byte by byte, but only with what has the same size, beginning and end."""

    def __init__(self, data: bytes) -> None:
        end = data[-_SHORTEST:]
        self._data, self._size = data, len(data) - len(end) + len(end.rstrip(b"="))

    def __hash__(self) -> int:
        return hash((self._size, self._data[:_SHORTEST], self._data[max(0, self._size - _SHORTEST) : self._size]))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Bytes) or self._size != other._size:
            return False
        return self._data[: self._size] == other._data[: other._size]


class Item(NamedTuple):
    """Hold what an object says of itself.

    Args:
        fields: by their plain names.
        kind: its ``type``; empty where that is no text.
        number: its ``index``; None for none.
        mime: the type of its picture or video as it names it; the bytes decide later.
    """

    fields: dict[str, Any]
    kind: str
    number: int | None
    mime: str


def read_object(value: Mapping[str, Any], mime: str = PNG.mime) -> Item:
    """Read what an object says of itself.

    Args:
        value: the object.
        mime: the type of its picture or video where it names none.
    """
    fields = plain_fields(value)
    kind = fields["type"] if isinstance(fields.get("type"), str) else ""
    values = (fields[name] for name in _NAMES_A_TYPE if isinstance(fields.get(name), str))
    for value_of_type in (*values, *([kind] if "/" in kind else [])):
        named = value_of_type.lower()
        if known := _TYPES.get(named.removeprefix("image/")) or (named if _MIME.fullmatch(named) else ""):
            mime = known
            break
    return Item(fields, kind, number_of(fields.get("index")), mime)


def is_video(source: Source, mime: str = "") -> bool:
    """Tell whether a source is a video: by its address, or by the type that the answer names."""
    if source.address.startswith("data:"):
        return source.address.startswith("data:video/")
    return mime.startswith("video/") or addresses.is_video(source.address)


def shows_a_kind(address: str) -> bool:
    """Tell whether an address is a picture in the answer itself, or a full one that ends as pictures and videos do."""
    full = address[:8].lower().startswith(_HTTP)
    return address.startswith("data:") or (full and (addresses.is_picture(address) or addresses.is_video(address)))


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
        return Source(payloads.restore_text(value))
    if _SCHEME.match(value):
        named, value = split_data_uri(value)
        if not value:
            return None
        key, mime = BASE64[0], named or mime
    if key in BASE64 or begins_as_picture(value, payloads):
        data = payloads.restore_base64(value) if mime.startswith((*PICTURE_TYPES, "video/")) else b""
        return Source(f"data:{mime}", data=data) if len(data) >= _SHORTEST else None
    is_path = value.startswith("/") and (key in {"", "result", "fileuri"} or "url" in key or "im" in key)
    below_endpoint = is_path or (key in {"url", "imageurl"} and ("/" in value or "." in value))
    # A slash alone leads nowhere.
    return Source(payloads.restore_text(value)) if below_endpoint and len(value.split()) == 1 < len(value) else None


def begins_as_picture(text: str, payloads: Payloads) -> bool:
    """Tell whether a text begins as the base64 of a picture does; a word such as ``assistant`` is too short for it."""
    if len(text) < _SHORTEST_TOKEN:
        return False
    return kind_of_base64(payloads.restore(text[:120])[:120].decode("ascii", "replace")) is not None


def own_source(item: Item, payloads: Payloads, *, within: str = "", video: bool = False) -> Source | None:
    """Return an object's own picture or video; base64 comes before an address, for it need not be fetched.

    Args:
        item: the object.
        payloads: as for :func:`source_of`.
        within: the plain name of the field that the object stands in.
        video: whether the object describes a video: then what is named an image is not the result.
    """
    fields, marked = item.fields, item.kind in _IMAGE_TYPES or within == "inlinedata"
    typed = marked or any(isinstance(fields.get(name), str) for name in _NAMES_A_TYPE[:4])
    for name in (*BASE64, *ADDRESSES, *(["data"] if typed else [])):
        value = fields.get(name)
        if value and isinstance(value, str) and not (video and ("im" in name or "pic" in name)):
            is_base64 = name == "data" and not value[:8].lower().startswith((*_HTTP, "data:"))
            if source := source_of(value, payloads, BASE64[0] if is_base64 else name, item.mime):
                return source
    return None


# -- objects without a picture: a task, a complaint, or something unknown ----------------------------------------------

NUMBERS = ("taskid", "jobid", "videoid", "taskuuid", "predictionid", "generationid")
"""Hold the number of a task, as a plain ``id`` may."""
STATES = ("taskstatus", "jobstatus", "videostatus", "status", "state")
"""Hold the word for a task's state; the last two are also those of an answer itself."""
_WAITING = {
    *("queued", "queueing", "queuing", "in_queue", "pending", "submitted", "submit", "processing", "in_progress"),
    *("running", "starting", "started", "created", "waiting", "not_start", "scheduled", "generating", "accepted"),
    *("dreaming", "drawing", "rendering", "executing", "initializing", "preparing", "not_started", "inprogress"),
    *("doing",),
}
_ABOUT = {"id", "created", "object", "model", "modelversion", "usage", "usagemetadata", "requestid", "type", "event"}
"""Fields that are no answer by themselves."""


def _waits(state: Any) -> bool:
    return isinstance(state, str) and state.strip().lower().replace(" ", "_") in _WAITING


def task_in(value: Any, depth: int = 0) -> tuple[str, str] | None:
    """Return the number and the state of a task that an object, or one in it, describes; None for none."""
    if depth > 4:  # noqa: PLR2004  tasks are near the top
        return None
    if isinstance(value, list):
        return next(filter(None, (task_in(item, depth + 1) for item in value[:5])), None)
    if not isinstance(value, Mapping):
        return None
    fields = plain_fields(value)
    state = next((fields[name] for name in STATES if isinstance(fields.get(name), str)), "")
    waits = _waits(state)
    names = (*NUMBERS, *(("id", "requestid") if waits else ()), *(("result",) if "code" in fields else ()))
    for name in names:
        number = fields.get(name)
        number = str(number) if number_of(number) is not None else number
        if isinstance(number, str) and number.strip() and (name != "result" or number.strip().isdigit()):
            return number.strip()[:200], state
    return next(filter(None, (task_in(inner, depth + 1) for inner in fields.values())), None)


def is_bare(body: Mapping[str, Any], depth: int = 0) -> bool:
    """Tell whether an object has a problem's words and nothing that is a result."""
    fields = plain_fields(body)
    if not is_complaint(body) or any(_waits(fields.get(name)) for name in STATES):
        return False
    results = {*WRAPPERS, *ADDRESSES} - {"message"}
    held = [value for name, value in fields.items() if name in results and value]
    near = depth < 2  # noqa: PLR2004  envelopes are near the top
    return all(near and isinstance(value, Mapping) and is_bare(value, depth + 1) for value in held)


def is_strange(body: Mapping[str, Any]) -> bool:
    """Tell whether an object holds anything beside what is about an answer."""
    told = [value for name, value in plain_fields(body).items() if name not in _ABOUT]
    return any(not isinstance(value, bool) and value not in (None, "", [], {}) for value in told)
