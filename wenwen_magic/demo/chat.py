"""Speaks chat: reads a request's body, words the answer plain and streamed, and lists the models."""

import json
import re
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from wenwen_magic.demo import exchange
from wenwen_magic.demo.exchange import Ask, Format, Question, Refused, Reply
from wenwen_magic.demo.painter import size_for
from wenwen_magic.demo.scene import RATIO
from wenwen_magic.kinds import split_data_uri
from wenwen_magic.models import makes_clips
from wenwen_magic.text.i18n import is_chinese

_PATH = re.compile("/v1/chat/completions")
_PROGRESS = ("> 排队中......\n\n", "> 进度 **14%**\n\n", "> 进度 **34%**\n\n", "> 进度 **76%**\n\n")
_PIECES = 20
"""In how many pieces a stream brings words."""
_INLINE = frozenset({"data", "bare_data", "images"})
_PATTERNS = {"data": "![image]({})", "bare": "{}", "bare_data": "{}", "link": "[点击查看]({})"}
_REFUSALS = (
    "I'm sorry, I can't create this image because of our content policy. Please try another description.",
    "抱歉，由于内容政策，我无法生成这张图片。你可以换一种描述再试一次。",
)
_USAGE = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def _read(question: Question) -> Ask | Reply:
    body = question.body
    if question.method != "POST" or not isinstance(body, dict):
        raise ValueError("invalid character looking for beginning of value")
    model, messages = body.get("model"), body.get("messages")
    if not isinstance(model, str) or not model.strip():
        raise Refused(exchange.error_reply("未指定模型名称，模型名称不能为空"))
    if not isinstance(messages, list) or not messages:
        raise Refused(exchange.error_reply("field messages is required", 500, "invalid_request"))
    parts, words = exchange.said(messages, "content")
    if not words.strip():
        raise ValueError("content of the last user message is empty")
    prompt, asks = exchange.directives_in(words)
    addresses = [_address(part["image_url"]) for part in parts if "image_url" in part]
    links = tuple(each for each in addresses if not each.lower().startswith("data:"))
    files = tuple(exchange.decoded(each) for each in addresses if each not in links)
    # A length in words is asked for where words on pictures are wanted.
    describe = exchange.answers(model) or (bool(addresses) and "max_tokens" in body)
    ask = Ask(model, prompt, body.get("stream") is True or asks.sse, asks, files, links, describe=describe)
    named = RATIO.search(prompt)
    ask = replace(ask, size=size_for(named["ratio"])) if named else ask
    return exchange.as_clip(ask) if makes_clips(model) else ask


def _address(image: Any) -> str:
    address = image.get("url") if isinstance(image, dict) else image
    remote = isinstance(address, str) and address.lower().startswith(("http://", "https://"))
    if not isinstance(address, str) or not (remote or split_data_uri(address)[0].startswith("image/")):
        raise ValueError("invalid base64 image data")
    return address


def _answer(ask: Ask, addresses: Sequence[str]) -> Reply:
    if ask.directives.form == "data_list" and addresses:
        items = [{"url": address, "revised_prompt": ask.prompt} for address in addresses]
        return exchange.json_reply({"created": int(time.time()), "model": _echo(ask), "data": items})
    message = {"role": "assistant", **_message(ask, addresses)}
    choice = {"index": 0, "message": message, "finish_reason": _finish(ask)}
    return exchange.json_reply({**_head("chat.completion", ask), "choices": [choice], "usage": _USAGE})


def _events(ask: Ask, addresses: Sequence[str]) -> tuple[list[bytes], list[bytes]]:
    head = _head("chat.completion.chunk", ask)

    def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
        return b"data: " + exchange.json_bytes({**head, "choices": choices}) + b"\n\n"

    progress = () if ask.refused or ask.describe else _PROGRESS
    first = [event({"role": "assistant", "content": ""}), *(event({"content": line}) for line in progress)]
    message = _message(ask, addresses)
    text = message["content"]
    deltas = [message]
    if ask.words:  # they come one after the other while the demo waits
        size = len(text) // _PIECES + 1
        *begun, last = ({"content": text[at : at + size]} for at in range(0, len(text), size))
        first, deltas = [*first, *map(event, begun)], [last]
    elif isinstance(text, str) and "images" not in message:
        # The picture's address comes in two pieces.
        start = text.find("/pictures/")
        middle = start + len("/pictures/") + 4 if start >= 0 else len(text) // 2
        deltas = [{"content": text[:middle]}, {"content": text[middle:]}]
    usage = b"data: " + exchange.json_bytes({**head, "choices": [], "usage": _USAGE}) + b"\n\n"
    return first, [*map(event, deltas), event({}, _finish(ask)), usage, b"data: [DONE]\n\n"]


def _message(ask: Ask, addresses: Sequence[str]) -> dict[str, Any]:
    """Word the message with the pictures as the directives say, or without them the refusal or the description."""
    form, words = ask.directives.form, ask.greeting
    if not addresses:
        return {"content": "" if ask.directives.safety else ask.words or _REFUSALS[is_chinese(ask.prompt)]}
    items = [{"type": "image_url", "image_url": {"url": address}} for address in addresses]
    if form == "images":
        return {"content": words, "images": items}
    if form == "parts":
        return {"content": [*([{"type": "text", "text": words}] if words else []), *items]}
    pattern = "[下载视频]({})" if ask.clip else "![图片]({})"
    text = "\n".join(_PATTERNS.get(form, pattern).format(address) for address in addresses)
    if ask.directives.progress:
        asked = {"prompt": ask.prompt, "n": len(addresses), "referenced_image_ids": []}
        block = f"```json\n{json.dumps(asked, ensure_ascii=False)}\n```"
        download = addresses[0].replace("/pictures/", "/pictures/download/")
        lines = "> 排队中.\n\n> 进度 **14%**\n\n> 进度 **76%**\n\n> 生成完成 ✅"
        text = f"{block}\n\n{lines}\n\n{text}\n\n[点击下载]({download})"
    else:
        text += "\n\n"
    return {"content": f"{words}\n\n{text}" if words else text}


def _finish(ask: Ask) -> str:
    return "content_filter" if ask.directives.safety else "stop"


def _head(kind: str, ask: Ask) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid.uuid4()}", "object": kind, "created": int(time.time()), "model": _echo(ask)}


def _echo(ask: Ask) -> str:
    return "sora_image" if ask.model == "gpt-4o-image" else ask.model


def _models(question: Question) -> Reply:
    """List the models or tell of one; an unknown one is an error object with status 200, as at the relay."""
    if question.method == "POST":
        return exchange.wrong_path(question)
    listed = {}
    for name, (owner, *types) in ((name, row.split()) for name, row in exchange.RELAY["models"].items()):
        head = {"id": name, "object": "model", "created": 1626777600, "owned_by": owner}
        listed[name] = {**head, "supported_endpoint_types": types}
    name = question.path.removeprefix("/v1/models").removeprefix("/")
    if not name:
        return exchange.json_reply({"success": True, "object": "list", "data": list(listed.values())})
    fault = {"message": f"The model '{name}' does not exist", "type": "invalid_request_error", "param": "model"}
    return exchange.json_reply(listed.get(name, {"error": {**fault, "code": "model_not_found"}}))


# What is left out of a stream that breaks off: the reason it stopped, the usage, [DONE].
FORMAT = Format(_PATH, _read, exchange.bad_request, _answer, _events, lambda ask: ask.directives.form in _INLINE, 3)
MODELS = Format(re.compile("/v1/models(/.*)?"), _models, exchange.bad_request, _answer)
