"""Speaks Gemini: reads a request's contents and words the answer, whole, as events or as one array.

Source: shapes of Google's own interface, which relays pass on; wenwen's pages Gemini 聊天 and 编辑图片(nano banana)
show requests and no answer.
"""

import base64
import binascii
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, unquote

from wenwen_magic.demo.asks import Ask, Exchange, Wording
from wenwen_magic.demo.directives import read
from wenwen_magic.demo.paint import as_kind, shrink
from wenwen_magic.demo.replies import Reply, json_reply, wrong_path
from wenwen_magic.errors import ConfigError
from wenwen_magic.text.i18n import is_chinese

PATH = re.compile(r"/v1(?:beta)?/models/([^/]+):(generateContent|streamGenerateContent)")
SIZES = {
    "1:1": (1024, 1024),
    "2:3": (832, 1248),
    "3:2": (1248, 832),
    "3:4": (864, 1184),
    "4:3": (1184, 864),
    "4:5": (896, 1152),
    "5:4": (1152, 896),
    "9:16": (768, 1344),
    "16:9": (1344, 768),
    "21:9": (1536, 672),
}
"""Width and height in pixels of each ratio, for the size 1K."""
SCALES = {"1K": 1, "2K": 2, "4K": 4}
_THINKERS = "gemini-3-pro"
_LINKED = frozenset({"link", "parts"})
_USAGE = {"promptTokenCount": 0, "candidatesTokenCount": 0, "totalTokenCount": 0}
_WITHHELD = "Unable to show the generated image. The image was filtered out because it violated the usage policy."


def bad_request(message: str) -> Reply:
    """Answer to a request that cannot be read, as Google words it."""
    return json_reply({"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}, 400)


def read_ask(model: str, body: Any, *, stream: bool = False) -> Ask | Reply:
    """Read the body of a request; gives the error to answer when it cannot be read.

    Args:
        model: as the path names it.
        body: parsed JSON, or the bytes when they are not JSON.
        stream: whether the path asks for a stream.
    """
    if not isinstance(body, dict):
        return bad_request("Invalid JSON payload received. Unexpected token.")
    parts = _parts(body.get("contents"))
    words = "\n".join(part["text"] for part in parts if isinstance(part.get("text"), str))
    if not words.strip():
        return bad_request("* GenerateContentRequest.contents: contents is not specified")
    try:
        prompt, directives = read(words)
        files = tuple(_file(part) for part in parts if _get(part, "inlineData") is not None)
        ask = Ask(model, prompt, stream or directives.sse, directives, files, _links(parts))
        return _configured(ask, _get(body, "generationConfig"))
    except ConfigError as problem:
        return bad_request(problem.what)
    except ValueError as problem:
        return bad_request(str(problem))


def _get(value: Any, name: str) -> Any:
    """A field in either of its spellings: ``inlineData`` or ``inline_data``."""
    if not isinstance(value, Mapping):
        return None
    return value.get(name, value.get(re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), name)))


def _parts(contents: Any) -> list[Mapping[str, Any]]:
    """The parts of the last thing the user said."""
    listed = contents if isinstance(contents, list) else [contents]
    asked = [each for each in listed if isinstance(each, Mapping) and each.get("role", "user") == "user"]
    parts = asked[-1].get("parts") if asked else None
    return [part for part in (parts if isinstance(parts, list) else [parts]) if isinstance(part, Mapping)]


def _file(part: Mapping[str, Any]) -> bytes:
    """The picture in a part.

    Raises:
        ValueError: it is no base64, or no picture.
    """
    inline = _get(part, "inlineData")
    # Google's own client writes the other alphabet of base64, and not everybody pads.
    data = str(inline.get("data") if isinstance(inline, Mapping) else "").translate(str.maketrans("-_", "+/"))
    data = data.rstrip("=")
    try:
        file = base64.b64decode(data + "=" * (-len(data) % 4), validate=True)
    except binascii.Error:
        raise ValueError("Invalid value at 'contents.parts.inline_data.data': Base64 decoding failed") from None
    try:
        shrink(file)
    except ValueError:
        raise ValueError("Unable to process input image. Please retry.") from None
    return file


def _links(parts: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    named = (_get(_get(part, "fileData"), "fileUri") for part in parts)
    return tuple(address for address in named if isinstance(address, str))


def _configured(ask: Ask, config: Any) -> Ask:
    """The request with what its settings say of shape, size and kind.

    Raises:
        ValueError: one has a value it cannot have.
    """
    image = _get(config, "imageConfig")
    ratio, size = _get(image, "aspectRatio"), _get(image, "imageSize") or "1K"
    if ratio not in {None, "", *SIZES}:
        raise ValueError(f"aspect_ratio must be one of {', '.join(SIZES)}")
    if size not in SCALES:
        raise ValueError(f"image_size must be one of {', '.join(SCALES)}")
    modalities = _get(config, "responseModalities")
    draws = "IMAGE" in modalities if isinstance(modalities, list) and modalities else "image" in ask.model
    describes = not draws and bool(modalities or ask.files or ask.links)
    return replace(_shaped(ask, ratio or "", SCALES[size]), describe=describes)


def _shaped(ask: Ask, ratio: str, scale: int) -> Ask:
    if not ratio and scale == 1:
        return ask
    width, height = SIZES[ratio or "1:1"]
    turn = "square" if width == height else "landscape" if width > height else "portrait"
    # A PNG of sixteen million pixels takes long to write.
    return replace(ask, orientation=turn, size=(width * scale, height * scale), kind="png" if scale == 1 else "jpeg")


def answer(ask: Ask, addresses: Sequence[str]) -> Reply:
    """Word the whole answer.

    Args:
        ask: what was asked.
        addresses: of the pictures: data URIs, or web addresses where the directives say so.
    """
    if ask.directives.form == "data_list" and addresses:
        items = [{"b64_json": address.partition(",")[2]} for address in addresses]
        return json_reply({"created": 0, "data": items})
    if not addresses and not ask.words:
        return json_reply(_refusal(ask))
    return json_reply(_chunk(ask, [*_before(ask, addresses), *_drawn(ask, addresses)], "STOP"))


def events(ask: Ask, addresses: Sequence[str]) -> tuple[list[bytes], list[bytes]]:
    """Word the answer as events: what is thought before the picture, and the rest.

    Args:
        ask: what was asked.
        addresses: of the pictures.
    """
    first, rest = _chunks(ask, addresses)
    return [_event(one) for one in first], [_event(one) for one in rest]


def array(ask: Ask, addresses: Sequence[str]) -> Reply:
    """Word the stream that was asked for without ``alt=sse``: the same objects in one array."""
    first, rest = _chunks(ask, addresses)
    return json_reply([*first, *rest])


def _chunks(ask: Ask, addresses: Sequence[str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    if not addresses and not ask.words:
        return [], [_refusal(ask)]
    before = [_chunk(ask, [part]) for part in _before(ask, addresses)]
    rest = [_chunk(ask, [part]) for part in _drawn(ask, addresses, pieces=2)]
    return before, [*rest, _chunk(ask, [{"text": ""}], "STOP")]


def _before(ask: Ask, addresses: Sequence[str]) -> list[dict[str, Any]]:
    """What a model that thinks says first, with a small draft; nothing of the others."""
    asked = ask.directives
    spoilt = asked.svg or asked.html_picture or asked.bomb or asked.broken or asked.form in _LINKED
    if not addresses or spoilt or not ask.model.startswith(_THINKERS):
        return []
    width, height = ask.size or (1024, 1024)
    small = as_kind(base64.b64decode(addresses[0].partition(",")[2]), "png", (width // 4, height // 4))
    draft = {"mimeType": "image/png", "data": base64.b64encode(small).decode()}
    return [
        {"text": "**Composing the scene**\n\nA first sketch of the whole.", "thought": True},
        {"inlineData": draft, "thought": True},
    ]


def _drawn(ask: Ask, addresses: Sequence[str], *, pieces: int = 1) -> list[dict[str, Any]]:
    """The parts of an answer: words, and pictures as the directives say.

    Args:
        ask: what was asked.
        addresses: of the pictures.
        pieces: how many parts a description comes in.
    """
    if not addresses:
        step = -(-len(ask.words) // pieces)
        return [{"text": ask.words[at : at + step]} for at in range(0, len(ask.words), step)]
    words = ("给你画好了：" if is_chinese(ask.prompt) else "Here is your picture:") if ask.directives.text else ""
    return [*([{"text": words}] if words else []), *(_part(ask, address) for address in addresses)]


def _part(ask: Ask, address: str) -> dict[str, Any]:
    if ask.directives.form == "parts":
        return {"url": address}
    if ask.directives.form == "link":
        return {"fileData": {"mimeType": "image/png", "fileUri": address}}
    if ask.directives.form == "data":
        return {"text": f"![image]({address})"}
    head, _, data = address.partition(";base64,")
    return {"inlineData": {"mimeType": head.removeprefix("data:"), "data": data}, "thoughtSignature": "ZGVtbw=="}


def _chunk(ask: Ask, parts: list[dict[str, Any]], finish: str = "") -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": parts}, **({"finishReason": finish} if finish else {})}
    return _object(ask, {**candidate, "index": 0})


def _refusal(ask: Ask) -> dict[str, Any]:
    return _object(ask, {"finishReason": "IMAGE_SAFETY", "finishMessage": _WITHHELD, "index": 0})


def _object(ask: Ask, candidate: dict[str, Any]) -> dict[str, Any]:
    more = {"usageMetadata": _USAGE, "modelVersion": ask.model, "responseId": uuid.uuid4().hex[:22]}
    return {"candidates": [candidate], **more}


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\r\n\r\n"


def _is_inline(ask: Ask) -> bool:
    return ask.directives.form not in _LINKED


# What is left out of a stream that breaks off: the event with the reason it stopped.
WORDING = Wording(answer, events, _is_inline, ending=1)
ARRAY = Wording(array, events, _is_inline, ending=1)


def takes(path: str) -> bool:
    """Whether a path is Gemini's."""
    return PATH.fullmatch(path) is not None


def serve(exchange: Exchange) -> None:
    """Answer a request for content; a key may come in the address or in a header, and none is looked at."""
    named = PATH.fullmatch(exchange.path)
    if named is None or exchange.method != "POST":
        exchange.line.say(wrong_path(exchange.method, exchange.path))
        return
    streams = named[2] == "streamGenerateContent"
    as_events = parse_qs(exchange.query).get("alt") == ["sse"]
    ask = read_ask(unquote(named[1]), exchange.body, stream=streams and as_events)
    if isinstance(ask, Reply):
        exchange.line.say(ask)
    else:
        exchange.line.perform(ask, ARRAY if streams and not as_events else WORDING)
