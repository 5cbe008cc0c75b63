"""Speaks images: reads a drawing's JSON or a change's form, and words the answer, plain and streamed.

Source: wenwen's pages 生成图片(images) and 修改图片(images) for the paths and the fields they name; limits, answers,
events and errors are those of OpenAI and of new-api (not seen on wenwen's pages).
"""

import base64
import io
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from PIL import Image

from wenwen_magic.demo import exchange
from wenwen_magic.demo.exchange import Ask, Question, Refused, Reply
from wenwen_magic.demo.painter import SIZES, check, coarse, turn_of
from wenwen_magic.kinds import split_data_uri
from wenwen_magic.protocol import FilePart
from wenwen_magic.text.i18n import is_chinese

_DRAWING, _CHANGING = "/v1/images/generations", "/v1/images/edits"
_GPT, _DALL_E, _DALL_E_3 = "gpt-image", "dall-e", "dall-e-3"
_GPT_SIZES = ("1024x1024", "1024x1536", "1536x1024", "auto")
_DALL_E_SIZES, _VALUES = exchange.RELAY["sizes"], exchange.RELAY["images"]
_TIMES = "size an unexpected error occurred in the parameter, please use 'x' instead of the multiplication sign '×'"
_SIZE = re.compile(r"([1-9]\d{1,3})x([1-9]\d{1,3})")
_LARGEST = 3840
_TOKENS = {"low": 272, "medium": 1056, "high": 4160, "xhigh": 6240, "max": 8320}
_COARSE = (12, 40, 96)
"""Pixels across that a picture on its way has at first, then, and from the third on."""
_SKETCH = 512


@dataclass(frozen=True)
class Form:
    """A form: the values of its fields by name, and its files in order."""

    fields: Mapping[str, str]
    files: tuple[FilePart, ...]


def form_in(raw: bytes, content_type: str) -> Form | None:
    """Read a body as a form; None when its type says that it is none, or it cannot be read."""
    if not content_type.lower().startswith("multipart/form-data"):
        return None
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + raw)
    fields: dict[str, str] = {}
    files: list[FilePart] = []
    for part in message.iter_parts() if message.is_multipart() else ():
        name, filename = str(part.get_param("name", header="content-disposition") or ""), part.get_filename()
        data = part.get_payload(decode=True)
        if isinstance(data, bytes) and filename is None:
            fields[name] = data.decode("utf-8", "replace")
        elif isinstance(data, bytes):
            files.append(FilePart(name, str(filename), part.get_content_type(), data))
    return Form(fields, tuple(files)) if message.is_multipart() else None


def _invalid(message: str, param: str, code: str = "invalid_value") -> Refused:
    """Make the error as OpenAI words it."""
    return Refused(exchange.error_reply(message, 400, code, "invalid_request_error", param))


def _unsupported(name: str, value: Any, known: Sequence[str]) -> Refused:
    *others, last = (f"'{each}'" for each in known)
    return _invalid(f"Invalid value: '{value}'. Supported values are: {', '.join(others)}, and {last}.", name)


def _read(question: Question) -> Ask | Reply:
    body = question.body
    if question.method != "POST":
        return exchange.wrong_path(question)
    if question.path == _DRAWING:
        if not isinstance(body, dict):
            raise ValueError("invalid character looking for beginning of value")
        return _understood(body, "dall-e-2", "image_generation")
    if not isinstance(body, Form):
        raise ValueError("request Content-Type isn't multipart/form-data")  # noqa: TRY004  answered like every wrong body
    ask = _understood(body.fields, f"{_GPT}-1", "image_edit")
    files = tuple(check(each.data) for each in body.files if each.name.partition("[")[0] == "image")
    mask = next((check(each.data) for each in body.files if each.name == "mask"), b"")
    if not files:
        raise Refused(exchange.error_reply("image is required", 500, "convert_request_failed"))
    if mask:
        with Image.open(io.BytesIO(mask)) as over, Image.open(io.BytesIO(files[0])) as under:
            wrong = "size does not match image size" if over.size != under.size else "image missing alpha channel"
            if over.size != under.size or not over.has_transparency_data:
                raise _invalid(f"Invalid mask image format - mask {wrong}", "mask", "invalid_mask")
    return replace(ask, files=files, mask=mask)


def _understood(values: Mapping[str, Any], usual_model: str, event: str) -> Ask:
    model, words = values.get("model") or usual_model, values.get("prompt")
    if not isinstance(model, str):
        raise ValueError("model is not a string")  # noqa: TRY004  answered like every wrong body
    size = _size(model, values.get("size") or "")
    if not isinstance(words, str) or not words.strip():
        raise _invalid("Missing required parameter: 'prompt'.", "prompt", "missing_required_parameter")
    if model.startswith(_GPT) and "response_format" in values:
        raise _invalid("Unknown parameter: 'response_format'.", "response_format", "unknown_parameter")
    for name, known in _VALUES.items():
        checked = model.startswith(_GPT) or name == "output_format"
        if checked and values.get(name) and values[name] not in known:
            raise _unsupported(name, values[name], known)
    prompt, asked = exchange.directives_in(words)
    streams = not model.startswith(_DALL_E) and (values.get("stream") in (True, "true") or asked.sse)
    count = _whole(values, "n", 1, 10)
    if model.startswith(_DALL_E_3) and (count or 1) > 1:
        raise _invalid("You must provide n=1 for this model.", "n")
    more = {name: values[name] for name in (*_VALUES, "response_format") if isinstance(values.get(name), str)}
    more |= {"event": event, "partial_images": _whole(values, "partial_images", 0, 3) or 0}
    kind = more.get("output_format") or "png"
    ask = Ask(model, prompt, streams, asked, count=count, kind=kind, more=more)
    # What is refused is refused before a stream begins.
    ask = replace(ask, stream=streams and not ask.refused)
    if not size:
        return ask
    turn = turn_of(size)
    return replace(ask, orientation=turn, size=None if SIZES[turn] == size else size)


def _size(model: str, size: Any) -> tuple[int, int] | None:
    """Read the size asked for; what the relay refuses itself comes with its own words and status."""
    if not isinstance(size, str):
        raise ValueError("size is not a string")  # noqa: TRY004  answered like every wrong body
    if "×" in size:
        raise Refused(exchange.error_reply(_TIMES, 500, "invalid_request"))
    known, words = next((row for start, row in _DALL_E_SIZES.items() if model.startswith(start)), ((), ""))
    if size and known and size not in known:
        raise Refused(exchange.error_reply(f"size must be one of {words}", 500, "invalid_request"))
    found = _SIZE.fullmatch(size)
    if size in {"", "auto"}:
        return None
    pixels = (int(found[1]), int(found[2])) if found else (0, 0)
    if not found or max(pixels) > _LARGEST or (model.startswith(f"{_GPT}-1") and size not in _GPT_SIZES):
        raise _unsupported("size", size, _GPT_SIZES)
    return pixels


def _whole(values: Mapping[str, Any], name: str, low: int, high: int) -> int | None:
    """Read a whole number, written as one or, in a form, as text."""
    value = values.get(name)
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int):
        raise _invalid(f"Invalid type for '{name}': expected an integer.", name, "invalid_type")
    if not low <= number <= high:
        words = f"Invalid '{name}': expected a value from {low} to {high}, but got {number} instead."
        raise _invalid(words, name, "integer_out_of_range")
    return number


def _answer(ask: Ask, addresses: Sequence[str]) -> Reply:
    form = ask.directives.form
    if not addresses:
        words = "Your request was rejected by the safety system. safety_violations=[demo]."
        if ask.model.startswith(_GPT):
            return exchange.error_reply(words, 400, "moderation_blocked", "image_generation_user_error")
        words = "Your request was rejected as a result of our safety system. Your prompt may contain forbidden text."
        return exchange.error_reply(words, 400, "content_policy_violation", "invalid_request_error")
    if form == "images":
        return exchange.json_reply({"images": [{"url": address} for address in addresses]})
    if form == "bare":
        return exchange.json_reply({"created": int(time.time()), "data": list(addresses)})
    more = {**_settings_of(ask), "usage": _usage(ask, len(addresses))} if ask.model.startswith(_GPT) else {}
    data = [_item(ask, address) for address in addresses]
    return exchange.json_reply({"created": int(time.time()), **more, "data": data})


def _item(ask: Ask, address: str) -> dict[str, Any]:
    if ask.directives.form in {"data", "bare_data"}:
        return {"url" if ask.directives.form == "data" else "b64_json": address}
    data = split_data_uri(address)[1]
    item = {"b64_json": data} if data else {"url": address}
    if ask.model.startswith(_DALL_E_3):
        words = "，演示服务手绘风格。" if is_chinese(ask.prompt) else ", as the demo paints it."
        return {"revised_prompt": ask.prompt + words, **item}
    # The relay's own conversions write all three, empty where they know nothing.
    return item if ask.model.startswith((_GPT, _DALL_E)) else {"url": "", "b64_json": "", "revised_prompt": "", **item}


def _settings_of(ask: Ask) -> dict[str, Any]:
    """Return the settings of a picture that gpt-image names beside it."""
    quality = ask.more.get("quality", "auto")
    shown = {"background": "opaque", "output_format": ask.kind, "quality": "medium" if quality == "auto" else quality}
    return {**shown, "size": "x".join(map(str, ask.size or SIZES.get(ask.orientation, SIZES["square"])))}


def _usage(ask: Ask, pictures: int) -> dict[str, Any]:
    drawn = _TOKENS.get(ask.more.get("quality", ""), 1056) * pictures
    asked = {"text_tokens": len(ask.prompt) // 4 + 1, "image_tokens": 194 * len(ask.files)}
    given = sum(asked.values())
    return {"total_tokens": given + drawn, "input_tokens": given, "output_tokens": drawn, "input_tokens_details": asked}


def _events(ask: Ask, addresses: Sequence[str]) -> tuple[list[bytes], list[bytes]]:
    def event(name: str, more: dict[str, Any]) -> bytes:
        kind = f"{ask.more['event']}.{name}"
        value = {"type": kind, "created_at": int(time.time()), **_settings_of(ask), **more}
        return f"event: {kind}\ndata: {json.dumps(value)}\n\n".encode()

    files = [split_data_uri(address)[1] for address in addresses]
    steps = range(0 if ask.directives.spoils else ask.more["partial_images"])
    data = [(i, coarse(base64.b64decode(file), _COARSE[i], _SKETCH, ask.kind)) for file in files for i in steps]
    partial = [{"partial_image_index": i, "b64_json": base64.b64encode(part).decode()} for i, part in data]
    done = [{"b64_json": file, "usage": _usage(ask, 1)} for file in files]
    return [event("partial_image", more) for more in partial], [event("completed", more) for more in done]


def _inline(ask: Ask) -> bool:
    wanted = ask.more.get("response_format") == "b64_json" or ask.directives.form in {"data", "bare_data"}
    return wanted or ask.stream or ask.model.startswith(_GPT)


FORMAT = exchange.Format(re.compile(f"{_DRAWING}|{_CHANGING}"), _read, exchange.bad_request, _answer, _events, _inline)
