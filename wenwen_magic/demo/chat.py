"""Speaks chat: reads a request's body and words the answer, plain and streamed."""

import base64
import binascii
import json
import re
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from wenwen_magic.demo.asks import READERS, Ask, Exchange, Wording
from wenwen_magic.demo.directives import read
from wenwen_magic.demo.replies import Reply, bad_request, json_reply
from wenwen_magic.errors import ConfigError
from wenwen_magic.text.i18n import is_chinese

PATH = "/v1/chat/completions"
INLINE = frozenset({"data", "bare_data", "images"})
PROGRESS = ("> 排队中......\n\n", "> 进度 **14%**\n\n", "> 进度 **34%**\n\n", "> 进度 **76%**\n\n")
_DATA = re.compile(r"data:image/[\w.+-]+(?:;[\w=-]+)*;base64,", re.IGNORECASE)
_USAGE = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def read_ask(body: Any) -> Ask | Reply:
    """Read the body of a request; gives the error to answer when it cannot be read.

    Args:
        body: parsed JSON, or the bytes when they are not JSON.
    """
    if not isinstance(body, dict):
        return bad_request("Invalid request, invalid character looking for beginning of value")
    model, messages = body.get("model"), body.get("messages")
    if not isinstance(model, str) or not model.strip():
        return bad_request("未指定模型名称，模型名称不能为空")
    if not isinstance(messages, list) or not messages:
        return bad_request("field messages is required", 500, "invalid_request")
    ask = _understood(model, _parts(messages), stream=body.get("stream") is True)
    if isinstance(ask, Ask) and "max_tokens" in body and (ask.files or ask.links):
        return replace(ask, describe=True)  # a length in words is asked for where words are wanted
    return ask


def _parts(messages: Sequence[Any]) -> list[Any]:
    asked = [each for each in messages if isinstance(each, dict) and each.get("role", "user") == "user"]
    content = asked[-1].get("content") if asked else None
    return content if isinstance(content, list) else [{"type": "text", "text": content}]


def _understood(model: str, parts: Sequence[Any], *, stream: bool) -> Ask | Reply:
    named = [part for part in parts if isinstance(part, dict)]
    words = "\n".join(part["text"] for part in named if isinstance(part.get("text"), str))
    try:
        prompt, directives = read(words)
        files, links = _references([_address(part) for part in named if "image_url" in part])
    except ConfigError as problem:
        return bad_request(problem.what)
    except ValueError:
        return bad_request("Invalid request, invalid base64 image data")
    if not words.strip():
        return bad_request("Invalid request, content of the last user message is empty")
    describes = model in READERS and bool(files or links)
    return Ask(model, prompt, stream or directives.sse, directives, files, links, describe=describes)


def _address(part: dict[str, Any]) -> str:
    image = part["image_url"]
    address = image.get("url") if isinstance(image, dict) else image
    return address if isinstance(address, str) else ""


def _references(addresses: Sequence[str]) -> tuple[tuple[bytes, ...], tuple[str, ...]]:
    links = tuple(each for each in addresses if each.startswith(("http://", "https://")))
    return tuple(_decoded(each) for each in addresses if each not in links), links


def _decoded(address: str) -> bytes:
    head = _DATA.match(address)
    if head is None:
        raise ValueError("no data URI")
    try:
        return base64.b64decode(address[head.end() :] + "==")
    except binascii.Error as problem:
        raise ValueError("no base64") from problem


def refusal(prompt: str) -> str:
    """Word a refusal in the prompt's language."""
    if is_chinese(prompt):
        return "抱歉，由于内容政策，我无法生成这张图片。你可以换一种描述再试一次。"
    return "I'm sorry, I can't create this image because of our content policy. Please try another description."


def answer(ask: Ask, addresses: Sequence[str]) -> Reply:
    """Word the plain answer.

    Args:
        ask: what was asked.
        addresses: of the pictures: web addresses or data URIs.
    """
    if ask.directives.form == "data_list" and addresses:
        items = [{"url": address, "revised_prompt": ask.prompt} for address in addresses]
        return json_reply({"created": int(time.time()), "model": _echo(ask), "data": items})
    message = {"role": "assistant", **_message(ask, addresses)}
    choice = {"index": 0, "message": message, "finish_reason": _finish(ask)}
    return json_reply({**_head("chat.completion", ask), "choices": [choice], "usage": _USAGE})


def events(ask: Ask, addresses: Sequence[str]) -> tuple[list[bytes], list[bytes]]:
    """Word the streamed answer: the progress events, and those from the picture on.

    Args:
        ask: what was asked.
        addresses: of the pictures: web addresses or data URIs.
    """
    head = _head("chat.completion.chunk", ask)
    progress = [] if ask.refused or ask.describe else list(PROGRESS)
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}, *({"content": line} for line in progress)]
    rest = _deltas(_message(ask, addresses))
    usage = _event({**head, "choices": [], "usage": _USAGE})
    first = [_event(_chunk(head, delta, None)) for delta in deltas]
    last = [_event(_chunk(head, delta, None)) for delta in rest]
    return first, [*last, _event(_chunk(head, {}, _finish(ask))), usage, b"data: [DONE]\n\n"]


def _finish(ask: Ask) -> str:
    return "content_filter" if ask.directives.safety else "stop"


def _message(ask: Ask, addresses: Sequence[str]) -> dict[str, Any]:
    if not addresses:
        return {"content": "" if ask.directives.safety else ask.words or refusal(ask.prompt)}
    words = ("给你画好了：" if is_chinese(ask.prompt) else "Here is your picture:") if ask.directives.text else ""
    items = [{"type": "image_url", "image_url": {"url": address}} for address in addresses]
    if ask.directives.form == "images":
        return {"content": words, "images": items}
    if ask.directives.form == "parts":
        return {"content": [*([{"type": "text", "text": words}] if words else []), *items]}
    text = "\n".join(_PATTERNS.get(ask.directives.form, "![图片]({})").format(address) for address in addresses)
    text = _with_progress(ask, text, addresses[0]) if ask.directives.progress else text + "\n\n"
    return {"content": f"{words}\n\n{text}" if words else text}


_PATTERNS = {
    "data": "![image]({})",
    "bare": "{}",
    "bare_data": "{}",
    "link": "[点击查看]({})",
    "data_list": "![图片]({})",
}


def _with_progress(ask: Ask, text: str, address: str) -> str:
    block = json.dumps(
        {"prompt": ask.prompt, "n": len(text.splitlines()), "referenced_image_ids": []}, ensure_ascii=False
    )
    download = address.replace("/pictures/", "/pictures/download/")
    done = f"> 生成完成 ✅\n\n{text}\n\n[点击下载]({download})"
    return f"```json\n{block}\n```\n\n> 排队中.\n\n> 进度 **14%**\n\n> 进度 **76%**\n\n{done}"


def _deltas(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    if not isinstance(content, str) or "images" in message:
        return [message]
    middle = content.find("/pictures/") + len("/pictures/") + 4 if "/pictures/" in content else len(content) // 2
    return [{"content": content[:middle]}, {"content": content[middle:]}]


def _head(kind: str, ask: Ask) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid.uuid4()}", "object": kind, "created": int(time.time()), "model": _echo(ask)}


def _echo(ask: Ask) -> str:
    return "sora_image" if ask.model == "gpt-4o-image" else ask.model


def _chunk(head: dict[str, Any], delta: dict[str, Any], finish: str | None) -> dict[str, Any]:
    return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n\n"


def _is_inline(ask: Ask) -> bool:
    return ask.directives.form in INLINE


# What is left out of a stream that breaks off: the reason it stopped, the usage, [DONE].
WORDING = Wording(answer, events, _is_inline, ending=3)


def takes(path: str) -> bool:
    """Whether a path is chat's."""
    return path == PATH


def serve(exchange: Exchange) -> None:
    """Answer a chat request."""
    ask = read_ask(exchange.body)
    if isinstance(ask, Reply):
        exchange.line.say(ask)
    else:
        exchange.line.perform(ask, WORDING)
