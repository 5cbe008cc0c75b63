"""Know by their names what the fields of an answer hold: pictures, videos, words, thoughts, or more fields.

A new shape is a name more in a table here. Names are compared in lower case and without ``_`` and ``-``, for servers
write the same one as ``b64_json``, ``image-url``, ``imageURL`` or ``ResultImage``. ``{"data": [{"url": ...}]}`` is on
wenwen's page 修改图片(images), dall-e-2; the other names are those of OpenAI, Google, Anthropic, MCP, Azure, Bedrock,
DashScope, MiniMax, ModelScope, Cloudflare, Replicate, Ollama, Dify, Coze, Stability, fal, Kling, Luma, Leonardo, BFL,
Runware, Tencent, Volcengine, Baidu, iFlytek and servers of the relay's family (not seen on wenwen's pages).
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from wenwen_magic.formats.parse import addresses, markdown
from wenwen_magic.formats.parse.json_text import Payloads
from wenwen_magic.kinds import PICTURES, PNG, kind_of_base64, split_data_uri
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
    *("data", "images", "imageurls", "urls", "output", "outputs", "results", "outputimages", "resulturls", "imagelist"),
    *("generatedimages", "generations", "finalimagelist", "pictures", "artifacts", "predictions", "generatedsamples"),
    *("response", "responses", "item", "filedata", "inlinedata", "source", "message", "delta", "content", "parts"),
    *("part", "contentblock", "files", "assets", "attachments", "taskresult", "subtaskresultlist", "resource", "text"),
    *(
        "generationsbypk",
        "payload",
        "body",
        "resp",
        "generatevideoresponse",
        "toolresult",
        "promptfeedback",
        "incompletedetails",
    ),
}
"""Hold results further inside: an object, a list, one address, or base64 that begins as a picture does."""
VIDEOS = {
    "video",
    "videos",
    "videourl",
    "videourls",
    "videouri",
    "videolist",
    "outputvideo",
    "generatedvideos",
    "mp4",
    "mp4url",
}
"""Hold a video, however it is written."""
ECHOES = {
    *("input", "inputs", "request", "parameters", "params", "prompt", "origprompt", "actualprompt", "negativeprompt"),
    *("inputimage", "inputimages", "initimage", "initimages", "sourceimage", "sourceimages", "referenceimages"),
    *("referenceimage", "referenceimageurl", "refimages", "mask", "maskimage", "originalimage", "imageprompt"),
    *("inputreference", "tools", "instructions", "metadatainput", "usage", "error", "errors", "safetyratings"),
    *(
        "messages",
        "history",
        "avatar",
        "avatarurl",
        "icon",
        "logo",
        "user",
        "author",
        "documentation",
        "webhook",
        "callback",
        "notifyhook",
    ),
}
"""Hold what was asked, or what is about the answer and not in it."""
TEXTS = {"content", "text", "answer", "outputtext", "delta", "completion", "generatedtext"}
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
_NAMES_A_TYPE = ("outputformat", "mimetype", "mediatype", "contenttype", "format", "mime")


@lru_cache(4096)
def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").replace(" ", "").lower()


def plain_fields(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object's fields by their names in lower case, without ``_`` and ``-``; of equal names the first."""
    fields: dict[str, Any] = {}
    for name, value in item.items():
        fields.setdefault(_plain(name) if len(name) < 40 else name, value)  # noqa: PLR2004  longer ones name nothing
    return fields


def number_of(value: Any) -> int | None:
    """Return a whole number, and None for anything else, truth values included."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


# -- values ------------------------------------------------------------------------------------------------------------

_SHORTEST = 40
"""Least bytes of a picture's base64; a word such as ``pending`` is shorter."""
_FILMS = {"mp4": "video/mp4", "webm": "video/webm", "mov": "video/quicktime", "m4v": "video/mp4"}
_TYPES = {suffix[1:]: kind.mime for kind in PICTURES for suffix in kind.suffixes} | _FILMS
"""Types by their short names."""
_MIME = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)
_SCHEME = re.compile(r"(?i)[a-z][a-z0-9+.-]*:")
_HTTP = ("http://", "https://")


def type_in(fields: Mapping[str, Any], mime: str = PNG.mime) -> str:
    """Return the type of an object's picture or video as the object names it; the bytes decide later.

    Args:
        fields: of the object, by their plain names.
        mime: the type where the object names none.
    """
    values = (fields[name] for name in _NAMES_A_TYPE if isinstance(fields.get(name), str))
    kind = fields.get("type")
    for value in (*values, *([kind] if isinstance(kind, str) and "/" in kind else [])):
        named = value.lower()
        if known := _TYPES.get(named.removeprefix("image/")) or (named if _MIME.fullmatch(named) else ""):
            return known
    return mime


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
    named, data_of_uri = split_data_uri(value)
    if data_of_uri:
        value, key, mime = data_of_uri, BASE64[0], named or mime
    elif _SCHEME.match(value):
        return None
    if key in BASE64 or kind_of_base64(payloads.restore(value[:120])[:120].decode("ascii", "replace")):
        data = payloads.restore_base64(value) if mime.startswith((*markdown.PICTURE_TYPES, "video/")) else b""
        return Source(f"data:{mime}", data=data) if len(data) >= _SHORTEST else None
    is_path = value.startswith("/") and (key in {"", "result", "fileuri"} or "url" in key or "im" in key)
    below_endpoint = is_path or (key in {"url", "imageurl"} and ("/" in value or "." in value))
    # A slash alone leads nowhere.
    return Source(payloads.restore_text(value)) if below_endpoint and len(value.split()) == 1 < len(value) else None


def own_source(
    fields: Mapping[str, Any], payloads: Payloads, mime: str, *, within: str = "", video: bool = False
) -> Source | None:
    """Return an object's own picture or video; base64 comes before an address, for it need not be fetched.

    Args:
        fields: of the object, by their plain names.
        payloads: as for :func:`source_of`.
        mime: the object's type.
        within: the plain name of the field that the object stands in.
        video: whether the object describes a video: then what is named an image is not the result.
    """
    kind = fields.get("type")
    marked = isinstance(kind, str) and kind in _IMAGE_TYPES
    typed = marked or within == "inlinedata" or any(isinstance(fields.get(name), str) for name in _NAMES_A_TYPE[:4])
    names = (*BASE64, *ADDRESSES, *(["data"] if typed else []))
    for name in names:
        value = fields.get(name)
        if value and isinstance(value, str) and not (video and ("im" in name or "pic" in name)):
            source = source_of(value, payloads, BASE64[0] if name == "data" and not _is_address(value) else name, mime)
            if source:
                return source
    return None


def _is_address(value: str) -> bool:
    return value[:8].lower().startswith((*_HTTP, "data:"))
