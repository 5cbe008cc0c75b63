"""Speaks images: reads a drawing's JSON or a change's form, and words the answer, plain and streamed.

Source: wenwen's pages 生成图片(images) and 修改图片(images) for the paths and the fields they name; answers, events and
errors are those of OpenAI and of new-api (not seen on wenwen's pages).
"""

import base64
import io
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from PIL import Image

from wenwen_magic.demo.asks import Ask, Exchange, Wording
from wenwen_magic.demo.imageasks import CHANGING, DALL_E, DALL_E_3, DRAWING, GPT, read_ask
from wenwen_magic.demo.paint import as_kind
from wenwen_magic.demo.plan import SIZES
from wenwen_magic.demo.replies import Reply, error, json_reply, wrong_path
from wenwen_magic.text.i18n import is_chinese

_TOKENS = {"low": 272, "medium": 1056, "high": 4160, "auto": 1056}
_COARSE = (12, 40, 96)
"""Pixels across that a picture on its way has at first, then, and from the third on."""
_SKETCH = 512


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
