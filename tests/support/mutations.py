"""Change replies at random: their bytes, their JSON, the pieces in which they come; the same seed, the same changes."""

import json
import random
from typing import Any

from support.replies import FOLDER, STREAM
from support.scripted import broken_connection
from wenwen_magic.protocol import HttpReply

BODIES = sorted(
    path
    for path in FOLDER.glob("*/*")
    if path.suffix in {".json", ".sse", ".txt", ".ndjson", ".xml", ".bin"} and path.name != "expected.json"
)
CAT = "https://h.example/cat.png"
NAMES = [
    "choices",
    "message",
    "delta",
    "content",
    "images",
    "image_url",
    "url",
    "data",
    "b64_json",
    "error",
    "type",
    "text",
    "object",
    "usage",
    "model",
    "index",
    "role",
    "finish_reason",
    "reasoning_content",
    "output",
    "image_urls",
    "image",
    "candidates",
    "parts",
    "thought",
    "inlineData",
    "inline_data",
    "mimeType",
    "fileData",
    "fileUri",
    "finishReason",
    "finishMessage",
    "promptFeedback",
    "blockReason",
    "safetyRatings",
    "usageMetadata",
    "modelVersion",
    "code",
    "revised_prompt",
    "result",
    "output_format",
    "partial_image_index",
    "partial_image_b64",
    "success",
    "item",
    "status",
    "state",
    "task_id",
    "id",
    "detail",
    "msg",
    "errmsg",
    "base_resp",
    "status_code",
    "status_msg",
    "Response",
    "Error",
    "refusal",
    "tool_calls",
    "function",
    "arguments",
    "video",
    "videos",
    "video_url",
    "thumbnail",
    "source",
    "media_type",
    "event",
    "answer",
    "response",
    "done",
    "errors",
    "title",
    "loc",
    "content_filter_results",
    "filtered",
    "description",
    "properties",
    "progress",
    "imageUrl",
    "imageUrls",
    "failReason",
    "buttons",
    "customId",
    "videoUrls",
    "numberOfQueues",
]
LEAVES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1e308,
    10**25,
    "",
    " ",
    "x",
    "\ud800",
    "\x1b[31m",
    "![",
    "data:",
    "{",
    "[",
]
LEAVES += [
    "[]",
    '"',
    "\\",
    CAT,
    f"![a]({CAT})",
    "data:image/png;base64,iVBORw0K",
    "iVBORw0KGgo" + "A" * 60,
    "/p",
    "%zz",
]
LEAVES += [
    "text",
    "error",
    "image/png",
    "STOP",
    "SAFETY",
    "SUCCESS",
    "FAILURE",
    "MODAL",
    "queued",
    "failed",
    "45%",
    "video/mp4",
]
LEAVES += ["image_generation.completed", "image_edit.partial_failed", "response.completed", "thinking", "message_stop"]
LEAVES += [
    "data:video/mp4;base64,AAAA",
    "https://h.example/a.mp4",
    '{"url":"https://h.example/a"}',
    "```json\n{}\n```",
    "A" * 1500,
]
LEAVES += [[], {}, [[]], [None], [{}], {"a": 1}]
BYTES = [
    b"",
    b"\0",
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\n",
    b"\n\n",
    b"data: ",
    b"event: error\n",
    b"[DONE]",
    b"\xff",
    b"\xef\xbb\xbf",
]
BYTES += [
    b":",
    b",",
    b"\\ud800",
    b"null",
    b"<html>",
    b"<?xml><Error>",
    b"\x1e",
    b"data:image/png;base64,",
    b"```",
    b"![",
    b"wwcut",
]
KINDS = ["application/json", STREAM, "text/html", "text/plain", "image/png", ""]


def reply_for(dice: random.Random, bodies: list[bytes]) -> HttpReply:
    """A recorded reply, changed one to four times, in pieces, and perhaps broken off."""
    body = dice.choice(bodies)
    for _ in range(dice.randint(1, 4)):
        change = dice.choice([_bytes, _json, _json, _json, _cut, _lines, _spliced])
        body = change(dice, body, bodies)[:40_000]
    places = sorted(dice.randrange(len(body) + 1) for _ in range(dice.choice([0, 0, 1, 5])))
    pieces = [body[start:end] for start, end in zip([0, *places], [*places, len(body)], strict=True)]
    broken = dice.random() < 0.1

    def chunks():
        yield from pieces
        if broken:
            raise broken_connection()

    return HttpReply(200, dice.choice(KINDS), chunks())


def _bytes(dice, body, bodies):
    at = dice.randrange(len(body) + 1)
    return body[:at] + dice.choice([*BYTES, dice.randbytes(3)]) + body[at + dice.choice([0, 0, 1, 7, 60]) :]


def _cut(dice, body, bodies):
    return body[: dice.randrange(len(body) + 1)] if dice.random() < 0.7 else body[dice.randrange(len(body) + 1) :]


def _lines(dice, body, bodies):
    lines = body.split(b"\n")
    first, second = dice.randrange(len(lines)), dice.randrange(len(lines))
    change = dice.choice(["drop", "double", "swap"])
    if change == "drop":
        del lines[first]
    elif change == "double":
        lines.insert(second, lines[first])
    else:
        lines[first], lines[second] = lines[second], lines[first]
    return b"\n".join(lines)


def _spliced(dice, body, bodies):
    other = dice.choice(bodies)
    return body[: dice.randrange(len(body) + 1)] + other[dice.randrange(len(other) + 1) :]


def _json(dice, body, bodies):
    """Change a value of a body that is JSON, or of one line of a stream."""
    lines = [body] if body.lstrip()[:1] in b"{[" and b"\n{" not in body else body.split(b"\n")
    place = dice.randrange(len(lines))
    head = b"data: " if lines[place].startswith(b"data:") else b""
    try:
        value = json.loads(lines[place].removeprefix(b"data:"))
    except (ValueError, RecursionError):
        return _bytes(dice, body, bodies)
    for _ in range(dice.randint(1, 3)):
        value = _changed(dice, value)
    lines[place] = head + json.dumps(value).encode()
    return b"\n".join(lines)


def _changed(dice, value, depth=0):
    """A JSON value with one thing in it that is another now."""
    inside = isinstance(value, (dict, list)) and value and dice.random() < 0.8 and depth < 8
    if inside and isinstance(value, dict):
        name = dice.choice(list(value))
        if dice.random() < 0.2:
            return {dice.choice(NAMES) if key == name else key: inner for key, inner in value.items()}
        if dice.random() < 0.2:
            return {**value, dice.choice(NAMES): dice.choice([value[name], *LEAVES])}
        return {**value, name: _changed(dice, value[name], depth + 1)}
    if inside:
        place = dice.randrange(len(value))
        return [*value[:place], _changed(dice, value[place], depth + 1), *value[place + dice.randint(0, 1) :]]
    new = dice.choice(LEAVES)
    wrapped = [new, {dice.choice(NAMES): new}, [value], {dice.choice(NAMES): value}, {dice.choice(NAMES): value}]
    return dice.choice([*wrapped, json.dumps(value), f"![a]({value})" if isinstance(value, str) else new])
