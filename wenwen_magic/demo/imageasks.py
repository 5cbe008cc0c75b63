"""Reads what is asked in the images format: a drawing's JSON or a change's form, refused in the relay's own words.

Source: wenwen's pages 生成图片(images) and 修改图片(images) for the paths and the fields they name; limits and words of
errors are those of OpenAI and of new-api (not seen on wenwen's pages).
"""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from PIL import Image

from wenwen_magic.demo.asks import Ask
from wenwen_magic.demo.directives import read
from wenwen_magic.demo.forms import Form
from wenwen_magic.demo.paint import shrink
from wenwen_magic.demo.plan import SIZES
from wenwen_magic.demo.replies import Reply, bad_request, error, json_reply
from wenwen_magic.errors import ConfigError

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
_WIDTH_X_HEIGHT = re.compile(r"([1-9]\d{1,3})x([1-9]\d{1,3})")
_LARGEST = 3840
_MOST, _MOST_PARTIAL = 10, 3


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
