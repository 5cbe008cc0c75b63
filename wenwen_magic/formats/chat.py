"""The chat format: a prompt goes out as a chat message, pictures come back in the answer's Markdown.

Source: wenwen's page 生成图片(chat), ``POST /v1/chat/completions``. The page shows one answer (a Markdown
picture with an https address); the other shapes read here are those of servers of the same family (not seen on
wenwen's pages).
"""

import json
import re
from collections.abc import Generator, Iterator
from typing import Any

from wenwen_magic import events
from wenwen_magic.answers import Gathering
from wenwen_magic.errors import AnswerError, ConfigError, EndpointError, mask
from wenwen_magic.language import is_chinese, say
from wenwen_magic.payloads import Payloads
from wenwen_magic.problems import error_of_object, looks_like_html, web_page
from wenwen_magic.records import ImageRequest
from wenwen_magic.wire import Answer, HttpCall, HttpReply, Progress, WireFormat

PATH = "/v1/chat/completions"
# The page says that the ratio is told in the prompt, by words like 横屏 and 竖屏, and that no size can be given.
_PHRASES = {
    "square": ("square composition", "方形构图"),
    "landscape": ("landscape composition", "横屏构图"),
    "portrait": ("portrait composition", "竖屏构图"),
}
_OWN_FIELDS = {"model", "messages", "stream"}
_DONE = b"[DONE]"
_WHOLE_ADDRESS = re.compile(r'(?:"(b64_json)"\s*:\s*"|"(?=(?:https?:|data:)))((?:[^"\\]|\\.)*+)"')


def prompt_as_sent(request: ImageRequest) -> str:
    """The prompt with the orientation's phrase on a line of its own, in the prompt's language."""
    phrases = _PHRASES.get(request.orientation)
    if not phrases:
        return request.prompt
    return f"{request.prompt}\n{phrases[is_chinese(request.prompt)]}"


def body(request: ImageRequest) -> dict[str, Any]:
    """The request's body, exactly as the page shows it; further ``params`` stand beside the page's fields.

    Raises:
        ConfigError: a param would replace a field that the request itself sets.
    """
    if taken := sorted(_OWN_FIELDS & request.params.keys()):
        raise ConfigError(
            say(f"--param cannot set {', '.join(taken)}.", f"--param 不能设置 {', '.join(taken)}。"),
            do=say(
                "Use -m for the model and --stream for streaming; the cell's text is the message.",
                "模型用 -m，流式用 --stream；单元格内容就是消息。",
            ),
        )
    message = {"role": "user", "content": _content(request)}
    return {"model": request.model, "stream": request.stream, "messages": [message], **request.params}


def _content(request: ImageRequest) -> str | list[dict[str, Any]]:
    """Words alone as a string; with pictures a list, the words first (page 修改图片(chat))."""
    words = prompt_as_sent(request)
    if not request.references:
        return words
    pictures = [{"type": "image_url", "image_url": {"url": reference.address}} for reference in request.references]
    return [{"type": "text", "text": words}, *pictures]


def talk(request: ImageRequest) -> Generator[HttpCall | Progress, HttpReply | None, Answer]:
    """The conversation: one call, one reply.

    Raises:
        ConfigError: as :func:`body`.
        EndpointError: the answer is an error object or a web page, or broke off before a picture.
        AnswerError: the answer is empty or cannot be read.
    """
    reply = yield HttpCall("POST", PATH, body(request), stream=request.stream)
    if reply is None:
        raise TypeError("a call must be answered with a reply")
    return (yield from read(reply))


def read(reply: HttpReply) -> Generator[Progress, Any, Answer]:
    """Read an answer by its first bytes, whatever was asked and whatever its type claims."""
    head, chunks = events.begin(reply.chunks)
    if not head:
        raise _unreadable(say("The answer is empty.", "服务端的回答是空的。"), "")
    if head[:1] in b"{[":
        return _read_object(chunks)
    if head.startswith((b"data:", b":", b"event:", b"id:", b"retry:")):
        return (yield from _read_events(chunks))
    text = _all(chunks)[0][:65_536].decode("utf-8", "replace")
    if looks_like_html(text):
        raise web_page(reply.status, text)
    raise _unreadable(say("The answer cannot be read.", "无法读懂服务端的回答。"), text)


def _unreadable(what: str, text: str) -> AnswerError:
    do = say(
        "What came is kept in the history. Running the cell again asks again, which may cost again.",
        "收到的内容已保存在历史中。再次运行会重新请求，可能再次扣费。",
    )
    return AnswerError(what, why=mask(text)[:600], do=do, charged="maybe", text=mask(text))


def _all(chunks: Iterator[bytes]) -> tuple[bytearray, EndpointError | None]:
    """All that comes, and the error that cut it off, if one did."""
    whole = bytearray()
    try:
        for chunk in chunks:
            whole += chunk
    except EndpointError as cut:
        return whole, cut
    return whole, None


def _read_object(chunks: Iterator[bytes]) -> Answer:
    payloads = Payloads()
    whole, cut = _all(chunks)
    small = payloads.cut(whole)
    del whole
    gathering = Gathering(payloads)
    try:
        value = json.loads(small)
    except (ValueError, RecursionError):
        return _read_torn(small, gathering, cut)
    for part in value if isinstance(value, list) else [value]:
        list(gathering.add(part))
    return _finished(gathering, cut)


def _read_torn(small: bytes | bytearray, gathering: Gathering, cut: EndpointError | None) -> Answer:
    """What a broken-off object still holds: pictures whose address had come whole."""
    text = small.decode("utf-8", "replace")
    list(gathering.add({"choices": [{"message": {"content": _torn_string(text, '"content"')}}]}))
    list(gathering.add({"data": [{name or "url": _unescaped(value)} for name, value in _WHOLE_ADDRESS.findall(text)]}))
    answer = gathering.answer(cut=True)
    if answer.sources:
        return answer
    raise cut or _unreadable(
        say("The answer broke off or is not JSON.", "服务端的回答不完整，或不是 JSON。"), text[:2000]
    )


def _torn_string(text: str, name: str) -> str:
    """The beginning of a JSON string that never ends, up to the last bracket that closes a picture in it."""
    _, _, rest = text.partition(name)
    start = rest.find('"')
    whole = rest[start + 1 : rest.rfind(")") + 1] if start >= 0 else ""
    return _unescaped(whole)


def _unescaped(inside: str) -> str:
    try:
        return str(json.loads(f'"{inside}"', strict=False))
    except ValueError:
        return ""


def _read_events(chunks: Iterator[bytes]) -> Generator[Progress, Any, Answer]:
    payloads = Payloads()
    gathering = Gathering(payloads)
    strays: list[bytes] = []
    cut: EndpointError | None = None
    done = False
    try:
        for event in events.data(chunks, strays):
            if event == _DONE:
                done = True
                break  # the connection may stay open for long
            yield from gathering.add(_parsed(payloads.cut(event), strays))
    except EndpointError as error:
        cut = error
    for stray in [b"\n".join(strays), *strays]:
        if gathering.error is None:
            yield from gathering.add(_parsed(stray, []))
    if strays and not gathering.seen and not cut:
        raise _unreadable(
            say("The answer cannot be read.", "无法读懂服务端的回答。"), strays[0].decode("utf-8", "replace")
        )
    return _finished(gathering, cut or (None if done or gathering.finish_reason else _broken_off()))


def _parsed(event: bytes | bytearray, strays: list[bytes]) -> Any:
    if bytes(event) in {b"", _DONE}:
        return None
    try:
        return json.loads(event)
    except (ValueError, RecursionError):
        strays.append(bytes(event[:65_536]))
        return None


def _broken_off() -> EndpointError:
    return EndpointError(
        say("The answer broke off before its end.", "回答在结束之前中断了。"),
        do=say(
            "The work may have been charged, so it was not sent again. Running the cell again asks again.",
            "可能已经扣费，因此没有自动重发。再次运行单元格会重新请求。",
        ),
        charged="maybe",
    )


def _finished(gathering: Gathering, cut: EndpointError | None) -> Answer:
    """The answer if it holds a picture or came whole; else the error that stood in its way."""
    answer = gathering.answer(cut=cut is not None)
    if answer.sources:
        return answer
    if gathering.error is not None:
        raise error_of_object(gathering.error)
    if cut is not None:
        raise cut
    return answer


FORMAT = WireFormat(name="chat", talk=talk, prompt_as_sent=prompt_as_sent)
