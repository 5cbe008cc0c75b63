"""Speaks Gemini: reads a request's contents and words the answer, whole, as events or as one array.

Source: shapes of Google's own interface, which relays pass on; wenwen's pages Gemini 聊天 and 编辑图片(nano banana)
show requests and no answer.
"""

import base64
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, unquote

from wenwen_magic.demo import exchange
from wenwen_magic.demo.exchange import Ask, Question, Reply
from wenwen_magic.demo.painter import as_kind, check, turn_of
from wenwen_magic.kinds import PNG, split_data_uri

_PATH = re.compile(r"/v1(?:beta)?/models/([^/]+):(generateContent|streamGenerateContent)")
_SIZES = exchange.RELAY["ratios"]
_SCALES = {"1K": 1, "2K": 2, "4K": 4}
_LINKED = frozenset({"link", "parts"})
_USAGE = {"promptTokenCount": 0, "candidatesTokenCount": 0, "totalTokenCount": 0}
_WITHHELD = "Unable to show the generated image. The image was filtered out because it violated the usage policy."


def _refuse(problem: str) -> Reply:
    """Answer to a request that cannot be read, as Google words it."""
    return exchange.json_reply({"error": {"code": 400, "message": problem, "status": "INVALID_ARGUMENT"}}, 400)


def _get(value: Any, name: str) -> Any:
    """Give a field in either of its spellings: ``inlineData`` or ``inline_data``."""
    if not isinstance(value, Mapping):
        return None
    return value.get(name, value.get(re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), name)))


def _read(question: Question) -> Ask | Reply:
    """Understand a request for content; a key may come in the address or in a header, and none is looked at."""
    named, body = _PATH.fullmatch(question.path), question.body
    if named is None or question.method != "POST":
        return exchange.wrong_path(question)
    parts, words = exchange.said(_get(body, "contents"), "parts")
    if not words.strip():
        raise ValueError("* GenerateContentRequest.contents: contents is not specified")
    prompt, asked = exchange.directives_in(words)
    files = tuple(_file(part) for part in parts if _get(part, "inlineData") is not None)
    named_files = (_get(_get(part, "fileData"), "fileUri") for part in parts)
    links = tuple(address for address in named_files if isinstance(address, str))
    config = _get(body, "generationConfig")
    image, modalities = _get(config, "imageConfig"), _get(config, "responseModalities")
    ratio, scale = _get(image, "aspectRatio") or "", _get(image, "imageSize") or "1K"
    if ratio and ratio not in _SIZES:
        raise ValueError(f"aspect_ratio must be one of {', '.join(_SIZES)}")
    if scale not in _SCALES:
        raise ValueError(f"image_size must be one of {', '.join(_SCALES)}")
    model = unquote(named[1])
    draws = "IMAGE" in modalities if isinstance(modalities, list) and modalities else "image" in model
    describe = not draws and bool(modalities or files or links or exchange.answers(model))
    shape: dict[str, Any] = {}
    if ratio or scale != "1K":
        width, height = (side * _SCALES[scale] for side in _SIZES[ratio or "1:1"])
        # A PNG of sixteen million pixels takes long to write.
        kind = "png" if scale == "1K" else "jpeg"
        shape = {"orientation": turn_of((width, height)), "size": (width, height), "kind": kind}
    streams, events = named[2] != "generateContent", parse_qs(question.query).get("alt") == ["sse"]
    more = {"array": streams and not events}
    streams = (streams and events) or asked.sse
    return Ask(model, prompt, streams, asked, files, links, describe=describe, more=more, **shape)


def _file(part: Mapping[str, Any]) -> bytes:
    data = exchange.decoded(str(_get(_get(part, "inlineData"), "data") or ""))
    try:
        return check(data)
    except ValueError:
        raise ValueError("Unable to process input image. Please retry.") from None


def _answer(ask: Ask, addresses: Sequence[str]) -> Reply:
    if ask.directives.form == "data_list" and addresses:
        items = [{"b64_json": split_data_uri(address)[1]} for address in addresses]
        return exchange.json_reply({"created": 0, "data": items})
    first, rest = _chunks(ask, addresses)
    if ask.more["array"]:
        return exchange.json_reply([*first, *rest])
    if not addresses and not ask.words:
        return exchange.json_reply(rest[0])
    return exchange.json_reply(_chunk(ask, [*_before(ask, addresses), *_drawn(ask, addresses)], "STOP"))


def _events(ask: Ask, addresses: Sequence[str]) -> tuple[list[bytes], list[bytes]]:
    halves = _chunks(ask, addresses)
    first, rest = ([b"data: " + exchange.json_bytes(one) + b"\r\n\r\n" for one in half] for half in halves)
    return first, rest


def _chunks(ask: Ask, addresses: Sequence[str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Word the stream: what is thought before the picture, and the rest."""
    if not addresses and not ask.words:
        return [], [_object(ask, {"finishReason": "IMAGE_SAFETY", "finishMessage": _WITHHELD, "index": 0})]
    before = [_chunk(ask, [part]) for part in _before(ask, addresses)]
    return before, [*(_chunk(ask, [part]) for part in _drawn(ask, addresses)), _chunk(ask, [{"text": ""}], "STOP")]


def _before(ask: Ask, addresses: Sequence[str]) -> list[dict[str, Any]]:
    """Say what a model that thinks says first, with a small draft; nothing of the others."""
    spoilt = ask.directives.spoils or ask.directives.form in _LINKED
    if not addresses or spoilt or not ask.model.startswith("gemini-3-pro"):
        return []
    width, height = ask.size or (1024, 1024)
    small = as_kind(base64.b64decode(split_data_uri(addresses[0])[1]), "png", (width // 4, height // 4))
    draft = {"mimeType": PNG.mime, "data": base64.b64encode(small).decode()}
    words = "**Composing the scene**\n\nA first sketch of the whole."
    return [{"text": words, "thought": True}, {"inlineData": draft, "thought": True}]


def _drawn(ask: Ask, addresses: Sequence[str]) -> list[dict[str, Any]]:
    """Give the parts of an answer: words, and pictures as the directives say."""
    words = ask.greeting if addresses else ask.words
    return [*([{"text": words}] if words else []), *(_part(ask, address) for address in addresses)]


def _part(ask: Ask, address: str) -> dict[str, Any]:
    if ask.directives.form == "parts":
        return {"url": address}
    if ask.directives.form == "link":
        return {"fileData": {"mimeType": PNG.mime, "fileUri": address}}
    if ask.directives.form == "data":
        return {"text": f"![image]({address})"}
    mime, data = split_data_uri(address)
    return {"inlineData": {"mimeType": mime, "data": data}, "thoughtSignature": "ZGVtbw=="}


def _chunk(ask: Ask, parts: list[dict[str, Any]], finish: str = "") -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": parts}, **({"finishReason": finish} if finish else {})}
    return _object(ask, {**candidate, "index": 0})


def _object(ask: Ask, candidate: dict[str, Any]) -> dict[str, Any]:
    more = {"usageMetadata": _USAGE, "modelVersion": ask.model, "responseId": uuid.uuid4().hex[:22]}
    return {"candidates": [candidate], **more}


# What is left out of a stream that breaks off: the event with the reason it stopped.
FORMAT = exchange.Format(_PATH, _read, _refuse, _answer, _events, lambda ask: ask.directives.form not in _LINKED, 1)
