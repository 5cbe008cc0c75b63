"""Speaks images: reads a drawing's JSON or a change's form, and words the answer, plain and streamed.

Source: wenwen's pages 生成图片(images) and 修改图片(images) for the paths and the fields they name; answers, events and
errors are those of OpenAI and of new-api (not seen on wenwen's pages).
"""

import base64
import io
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from PIL import Image

from wenwen_magic.demo.asks import Ask, Exchange, Wording
from wenwen_magic.demo.directives import read
from wenwen_magic.demo.forms import Form
from wenwen_magic.demo.paint import as_kind, shrink
from wenwen_magic.demo.plan import SIZES
from wenwen_magic.demo.replies import Reply, bad_request, error, json_reply, wrong_path
from wenwen_magic.errors import ConfigError
from wenwen_magic.language import is_chinese

DRAWING, CHANGING = "/v1/images/generations", "/v1/images/edits"
GPT, DALL_E_3, DALL_E = "gpt-image", "dall-e-3", "dall-e"
_GPT_SIZES = ("1024x1024", "1024x1536", "1536x1024", "auto")
_DALL_E_SIZES = {
    DALL_E_3: (
        ("1024x1024", "1024x1792", "1792x1024"),
        "size must be one of 1024x1024, 1024x1792 or 1792x1024 for dall-e-3",
    ),
    DALL_E: (
        ("256x256", "512x512", "1024x1024"),
        "size must be one of 256x256, 512x512, or 1024x1024 for dall-e-2 or dall-e",
    ),
}
_TIMES = "size an unexpected error occurred in the parameter, please use 'x' instead of the multiplication sign '×'"
_VALUES = {
    "quality": ("low", "medium", "high", "auto"),
    "background": ("transparent", "opaque", "auto"),
    "output_format": ("png", "jpeg", "webp"),
    "moderation": ("low", "auto"),
    "input_fidelity": ("high", "low"),
}
_TOKENS = {"low": 272, "medium": 1056, "high": 4160, "auto": 1056}
_WIDTH_X_HEIGHT = re.compile(r"([1-9]\d{1,3})x([1-9]\d{1,3})")
_LARGEST = 3840
_MOST, _MOST_PARTIAL = 10, 3
_COARSE = (12, 40)
"""Pixels across that a picture on its way has at first, and from the second on."""
_SKETCH = 512


class _Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


def _invalid(message: str, param: str, code: str) -> _Refused:
    """The error as OpenAI words it."""
    body = error(message, code=code, kind="invalid_request_error")
    body["error"]["param"] = param
    return _Refused(json_reply(body, 400))


def read_ask(path: str, body: Any) -> Ask | Reply:
    """Read the body of a request; gives the error to answer when it cannot be read.

    Args:
        path: which of the two was asked.
        body: parsed JSON, a form, or the bytes of anything else.
    """
    try:
        if path == CHANGING:
            return _changing(body)
        if not isinstance(body, dict):
            return bad_request("Invalid request, invalid character looking for beginning of value")
        return _understood(body, "dall-e-2")
    except _Refused as refused:
        return refused.reply
    except ConfigError as problem:
        return bad_request(problem.what)
    except ValueError as problem:
        return bad_request(f"Invalid request, {problem}")


def _changing(body: Any) -> Ask | Reply:
    if not isinstance(body, Form):
        return bad_request("Invalid request, request Content-Type isn't multipart/form-data")
    ask = _understood(body.fields, GPT + "-1")
    files = tuple(each.data for each in body.files if each.name.partition("[")[0] == "image")
    masks = [each.data for each in body.files if each.name == "mask"]
    if not files:
        return bad_request("image is required", 500, "convert_request_failed")
    for file in files:
        shrink(file)  # raises ValueError for what is no picture
    if masks:
        _check_mask(masks[0], files[0])
    return replace(ask, files=files, more={**ask.more, "event": "image_edit"})


def _check_mask(mask: bytes, first: bytes) -> None:
    shrink(mask)
    with Image.open(io.BytesIO(mask)) as over, Image.open(io.BytesIO(first)) as under:
        if over.size != under.size:
            raise _invalid("Invalid mask image format - mask size does not match image size", "mask", "invalid_mask")
        if not over.has_transparency_data:
            raise _invalid("Invalid mask image format - mask image missing alpha channel", "mask", "invalid_mask")


def _understood(fields: Mapping[str, Any], usual_model: str) -> Ask:
    model, words = fields.get("model") or usual_model, fields.get("prompt")
    if not isinstance(model, str):
        raise _Refused(bad_request("Invalid request, model is not a string"))
    size = _size(model, fields)
    if not isinstance(words, str) or not words.strip():
        raise _invalid("Missing required parameter: 'prompt'.", "prompt", "missing_required_parameter")
    _check_values(model, fields)
    prompt, directives = read(words)
    streams = not model.startswith(DALL_E) and (_is_true(fields.get("stream")) or directives.sse)
    asked = Ask(model, prompt, streams, directives, count=_count(model, fields), kind=_kind(fields))
    more = {name: fields[name] for name in (*_VALUES, "response_format", "size") if isinstance(fields.get(name), str)}
    partial = _whole(fields, "partial_images", 0, _MOST_PARTIAL) or 0
    return replace(asked, **_shape(size), more={"event": "image_generation", **more, "partial_images": partial})


def _is_true(value: Any) -> bool:
    return value is True or value == "true"


def _kind(fields: Mapping[str, Any]) -> str:
    kind = fields.get("output_format") or "png"
    if kind not in _VALUES["output_format"]:
        raise _unsupported("output_format", kind, _VALUES["output_format"])
    return str(kind)


def _size(model: str, fields: Mapping[str, Any]) -> str:
    """The size asked for; what the relay refuses itself comes with its own words and status."""
    size = fields.get("size") or ""
    if not isinstance(size, str):
        raise _Refused(bad_request("Invalid request, size is not a string"))
    if "×" in size:
        raise _Refused(bad_request(_TIMES, 500, "invalid_request"))
    sizes, words = next((row for start, row in _DALL_E_SIZES.items() if model.startswith(start)), ((), ""))
    if size and sizes and size not in sizes:
        raise _Refused(bad_request(words, 500, "invalid_request"))
    if size and model.startswith(f"{GPT}-1") and size not in _GPT_SIZES:
        raise _unsupported("size", size, _GPT_SIZES)
    found = _WIDTH_X_HEIGHT.fullmatch(size)
    if size not in {"", "auto"} and not (found and max(int(found[1]), int(found[2])) <= _LARGEST):
        raise _unsupported("size", size, _GPT_SIZES)
    return "" if size == "auto" else size


def _unsupported(name: str, value: Any, known: Sequence[str]) -> _Refused:
    *others, last = (f"'{each}'" for each in known)
    words = f"Invalid value: '{value}'. Supported values are: {', '.join(others)}, and {last}."
    return _invalid(words, name, "invalid_value")


def _shape(size: str) -> dict[str, Any]:
    """Orientation and size in pixels; no size where it is the orientation's usual one."""
    if not size:
        return {}
    width, height = map(int, size.split("x"))
    turn = "square" if width == height else "landscape" if width > height else "portrait"
    return {"orientation": turn, "size": None if SIZES[turn] == (width, height) else (width, height)}


def _check_values(model: str, fields: Mapping[str, Any]) -> None:
    if not model.startswith(GPT):
        return
    if "response_format" in fields:
        raise _invalid("Unknown parameter: 'response_format'.", "response_format", "unknown_parameter")
    for name, known in _VALUES.items():
        if fields.get(name) is not None and fields[name] not in known:
            raise _unsupported(name, fields[name], known)


def _count(model: str, fields: Mapping[str, Any]) -> int:
    count = _whole(fields, "n", 1, _MOST) or 0
    if model.startswith(DALL_E_3) and count > 1:
        raise _invalid("You must provide n=1 for this model.", "n", "invalid_value")
    return count


def _whole(fields: Mapping[str, Any], name: str, low: int, high: int) -> int | None:
    """A whole number, written as one or, in a form, as text."""
    value = fields.get(name)
    if value is None:
        return None
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
    if isinstance(number, bool) or not isinstance(number, int):
        raise _invalid(f"Invalid type for '{name}': expected an integer.", name, "invalid_type")
    if not low <= number <= high:
        words = f"Invalid '{name}': expected a value from {low} to {high}, but got {number} instead."
        raise _invalid(words, name, "integer_out_of_range")
    return number


def refusal(ask: Ask) -> Reply:
    """Word a refusal: the model's own words and code."""
    if ask.model.startswith(GPT):
        words = "Your request was rejected by the safety system. safety_violations=[demo]."
        return json_reply(error(words, code="moderation_blocked", kind="image_generation_user_error"), 400)
    words = (
        "Your request was rejected as a result of our safety system. Your prompt may contain text that is not allowed."
    )
    return json_reply(error(words, code="content_policy_violation", kind="invalid_request_error"), 400)


def answer(ask: Ask, addresses: Sequence[str]) -> Reply:
    """Word the plain answer.

    Args:
        ask: what was asked.
        addresses: of the pictures: web addresses or data URIs.
    """
    if not addresses:
        return refusal(ask)
    if ask.directives.form == "images":
        return json_reply({"images": [{"url": address} for address in addresses]})
    if ask.directives.form == "bare":
        return json_reply({"created": int(time.time()), "data": list(addresses)})
    data = [_item(ask, address) for address in addresses]
    more = {**_told(ask), "usage": _usage(ask, len(addresses))} if ask.model.startswith(GPT) else {}
    return json_reply({"created": int(time.time()), **more, "data": data})


def _item(ask: Ask, address: str) -> dict[str, Any]:
    if ask.directives.form == "data":
        return {"url": address}
    if ask.directives.form == "bare_data":
        return {"b64_json": address}
    data = address.partition(";base64,")[2]
    if ask.model.startswith(GPT):
        return {"b64_json": data}
    item = {"b64_json": data} if data else {"url": address}
    if ask.model.startswith(DALL_E_3):
        return {"revised_prompt": _revised(ask.prompt), **item}
    # The relay's own conversions write all three, empty where they know nothing.
    return item if ask.model.startswith(DALL_E) else {"url": "", "b64_json": "", "revised_prompt": "", **item}


def _revised(prompt: str) -> str:
    return f"{prompt}，演示服务手绘风格。" if is_chinese(prompt) else f"{prompt}, as the demo paints it."


def _told(ask: Ask) -> dict[str, Any]:
    """What gpt-image tells of the picture beside it."""
    quality = ask.more.get("quality", "auto")
    shown = {"background": "opaque", "output_format": ask.kind, "quality": "medium" if quality == "auto" else quality}
    return {**shown, "size": "x".join(map(str, ask.size or SIZES.get(ask.orientation, SIZES["square"])))}


def _usage(ask: Ask, pictures: int) -> dict[str, Any]:
    words, shown = len(ask.prompt) // 4 + 1, 194 * len(ask.files)
    drawn = _TOKENS.get(ask.more.get("quality", ""), _TOKENS["auto"]) * pictures
    details = {"text_tokens": words, "image_tokens": shown}
    asked = words + shown
    return {
        "total_tokens": asked + drawn,
        "input_tokens": asked,
        "output_tokens": drawn,
        "input_tokens_details": details,
    }


def events(ask: Ask, addresses: Sequence[str]) -> tuple[list[bytes], list[bytes]]:
    """Word the streamed answer: the pictures on their way, and the finished ones.

    Args:
        ask: what was asked.
        addresses: of the pictures, data URIs.
    """
    first: list[bytes] = []
    for address in addresses:
        for index in range(0 if _is_spoilt(ask) else ask.more["partial_images"]):
            more = {"partial_image_index": index, "b64_json": _sketch(ask, address, index)}
            first.append(_event(ask, "partial_image", more))
    rest = [
        _event(ask, "completed", {"b64_json": address.partition(";base64,")[2], "usage": _usage(ask, 1)})
        for address in addresses
    ]
    return first, rest


def _event(ask: Ask, name: str, more: dict[str, Any]) -> bytes:
    kind = f"{ask.more['event']}.{name}"
    value = {"type": kind, "created_at": int(time.time()), **_told(ask), **more}
    return f"event: {kind}\ndata: {json.dumps(value)}\n\n".encode()


def _is_spoilt(ask: Ask) -> bool:
    asked = ask.directives
    return asked.svg or asked.html_picture or asked.bomb or asked.broken


def _sketch(ask: Ask, address: str, index: int) -> str:
    """A picture as it looks before it is done: blurred, the less the later."""
    data = base64.b64decode(address.partition(";base64,")[2])
    with Image.open(io.BytesIO(data)) as picture:
        width, height = picture.size
    coarse, side = _COARSE[min(index, len(_COARSE) - 1)], max(width, height)
    few = (max(1, width * coarse // side), max(1, height * coarse // side))
    many = (max(1, width * _SKETCH // side), max(1, height * _SKETCH // side))
    return base64.b64encode(as_kind(as_kind(data, "png", few), ask.kind, many)).decode()


def _is_inline(ask: Ask) -> bool:
    wanted = ask.more.get("response_format") == "b64_json" or ask.directives.form in {"data", "bare_data"}
    return wanted or ask.stream or ask.model.startswith(GPT)


WORDING = Wording(answer, events, _is_inline)


def takes(path: str) -> bool:
    """Whether a path is one of this format's two."""
    return path in {DRAWING, CHANGING}


def serve(exchange: Exchange) -> None:
    """Answer a request to draw or to change."""
    if exchange.method != "POST":
        exchange.line.say(wrong_path(exchange.method, exchange.path))
        return
    ask = read_ask(exchange.path, exchange.body)
    if isinstance(ask, Reply):
        exchange.line.say(ask)
    else:  # what is refused is refused before a stream begins
        exchange.line.perform(replace(ask, stream=ask.stream and not ask.refused), WORDING)
