"""Holds ready answers: errors as the relay words them, and pages that are no answers."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from wenwen_magic.demo.directives import Directives

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Reply:
    """One answer, ready to be sent.

    Args:
        status: the HTTP status.
        body: in bytes.
        content_type: the header.
        headers: further headers.
        stop_at: break the connection after so many bytes of the body; None to send it all.
    """

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    stop_at: int | None = None


def json_reply(value: Any, status: int = 200) -> Reply:
    """Answer with a value as JSON."""
    return Reply(status, json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def error(message: str, *, code: str = "", kind: str = "new_api_error") -> dict[str, Any]:
    """Make an error object in the relay's shape.

    Args:
        message: the words; a request number is added.
        code: the word for programs.
        kind: the error's ``type``.
    """
    number = datetime.now(UTC).strftime("%Y%m%d%H%M%S%f") + secrets.token_hex(4)
    return {"error": {"message": f"{message} (request id: {number})", "type": kind, "param": "", "code": code}}


def bad_request(message: str, status: int = 400, code: str = "") -> Reply:
    """Answer to a request that cannot be read."""
    return json_reply(error(message, code=code), status)


def wrong_path(method: str, path: str) -> Reply:
    """Answer to a path that is none."""
    return json_reply(error(f"Invalid URL ({method} {path})", kind="invalid_request_error"), 404)


def page(title: str, words: str, status: int = 200) -> Reply:
    """Answer with a web page.

    Args:
        title: its heading, plain text.
        words: its paragraph, plain text.
        status: the HTTP status.
    """
    text = f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
    return Reply(status, f"{text}<body><h1>{title}</h1><p>{words}</p></body></html>\n".encode(), HTML)


def no_such_key(name: str) -> Reply:
    """Answer for a picture that is not there, as the object store words it."""
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code>'
    text = f"{head}<Message>The specified key does not exist.</Message><Key>{name}</Key></Error>\n"
    return Reply(404, text.encode(), "application/xml")


def fault(model: str, asked: Directives) -> Reply:
    """Answer with the error a directive asks for.

    Args:
        model: the name to put into the message.
        asked: ``status`` and ``retry_after`` count.
    """
    headers = (("Retry-After", asked.retry_after),) if asked.retry_after else ()
    if asked.status in _PAGES:
        return replace(page(*_PAGES[asked.status], status=asked.status), headers=headers)
    message, code, kind = _ERRORS[asked.status]
    return replace(json_reply(error(message.format(model=model), code=code, kind=kind), asked.status), headers=headers)


def cut(reply: Reply, addresses: Sequence[str], where: str) -> Reply:
    """Let an answer break off.

    Args:
        reply: the whole answer.
        addresses: of its pictures.
        where: ``late``: after the first address; ``early``: before it.
    """
    first = addresses[0].encode() if addresses else b""
    first = first.partition(b";base64,")[2] or first  # some formats name a picture's type and its data apart
    start = max(reply.body.find(first), 1)
    stop = start if where == "early" else min(start + len(first) + 1, len(reply.body) - 1)
    return replace(reply, stop_at=stop)


_ERRORS = {
    400: (
        "Your request was rejected as a result of our safety system.",
        "content_policy_violation",
        "invalid_request_error",
    ),
    401: ("无效的令牌", "", "new_api_error"),
    403: ("用户额度不足, 剩余额度: ＄0.000000", "insufficient_user_quota", "new_api_error"),
    404: ("Invalid URL (POST /v1/chat/completions)", "", "invalid_request_error"),
    413: ("request body too large", "read_request_body_failed", "new_api_error"),
    429: ("当前分组上游负载已饱和，请稍后再试", "", "upstream_error"),
    500: ("upstream error: do request failed", "do_request_failed", "new_api_error"),
    503: ("分组 default 下模型 {model} 无可用渠道（distributor）", "model_not_found", "new_api_error"),
}
_PAGES = {
    502: ("502 Bad Gateway", "nginx"),
    504: ("504 Gateway Time-out", "nginx"),
    524: ("Error 524: A timeout occurred", "The origin web server timed out responding to this request. Cloudflare"),
}
