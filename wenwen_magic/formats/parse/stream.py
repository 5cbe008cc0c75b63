"""Read a reply as it comes, whole or as a stream of events, into one answer."""

import json
import re
from collections.abc import Generator, Iterable, Iterator
from itertools import chain
from typing import Any

from wenwen_magic.endpoint.failures import error_of_object, looks_like_html, unreadable, web_page
from wenwen_magic.errors import EndpointError, WenwenError
from wenwen_magic.formats.parse.answer import AnswerParser
from wenwen_magic.formats.parse.json_text import Payloads, parse_partial_json
from wenwen_magic.protocol import Answer, HttpReply, Progress
from wenwen_magic.records import ImageRequest
from wenwen_magic.text.i18n import _

_FIELDS = (b"event:", b"id:", b"retry:")
_BOM = b"\xef\xbb\xbf"
# These first bytes, or this many of any others, show what a body is; `d` alone could still become `data:`.
_DECIDING = (b"{", b"[", b":")
_ENOUGH = 16


def begin(chunks: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Read on to the first bytes that are not white space, until they tell what the body is.

    Returns:
        Those first bytes (empty for an empty body; without a byte order mark), and all that follows them, the first
        bytes included. An exception of ``chunks`` before that point is raised here, later ones when it is reached.
    """
    pieces = iter(chunks)
    raw = head = b""
    for piece in pieces:
        raw = (raw + piece).lstrip()
        head = raw.removeprefix(_BOM).lstrip()
        if head[:1] in _DECIDING or len(head) >= _ENOUGH:
            break
    return head, chain([head] if head else [], pieces)


def read_all(chunks: Iterable[bytes]) -> tuple[bytearray, EndpointError | None]:
    """Return all that comes, and the error that cut it off, if one did."""
    body = bytearray()
    try:
        for chunk in chunks:
            body += chunk
    except EndpointError as cut:
        return body, cut
    return body, None


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Split at line feeds only (a JSON string may hold U+2028 and similar signs); the carriage return is dropped.

    Takes time in proportion to the body, however long a line is. A break in the middle of a line comes after the line.
    """
    waiting: list[bytes] = []
    cut: EndpointError | None = None
    try:
        for chunk in chunks:
            first, *rest = chunk.split(b"\n")
            waiting.append(first)
            for line in rest:
                complete = [b"".join(waiting).rstrip(b"\r")]
                waiting = [line]
                yield complete.pop()  # nothing here holds on to a line of many megabytes while it is read
    except EndpointError as error:
        cut = error
    yield b"".join(waiting).rstrip(b"\r")
    if cut:
        raise cut


def event_data(chunks: Iterable[bytes], strays: list[bytes]) -> Iterator[bytes]:
    """Yield the payload of every ``data:`` line; comments and the other fields are passed over.

    Args:
        chunks: the body in pieces.
        strays: receives the lines that belong to no field; some relays put a JSON error there.
    """
    for line in lines(chunks):
        if line.startswith(b"data:"):
            event = [line[6 if line[5:6] == b" " else 5 :].strip()]  # one copy, not two
            del line
            yield event.pop()
        elif line.strip() and not line.startswith((b":", *_FIELDS)):
            strays.append(line.strip())


_LONGEST_TORN = 2 << 20
"""Characters of a broken answer, without base64, that are searched for pictures: a million takes a second or two."""
_UNANSWERED = "a call must be answered with a reply"
_DONE = b"[DONE]"
_EVENTS = (b"data:", b":", *_FIELDS)
_WHOLE_ADDRESS = re.compile(r'(?<!\\)(?:"(b64_json)"\s*:\s*"|"(?=(?:https?:|data:)))((?:[^"\\]|\\.)*+)"')


def read(reply: HttpReply | None, request: ImageRequest) -> Generator[Progress, Any, Answer]:
    """Read an answer by its first bytes, whatever was asked and whatever its type claims.

    Args:
        reply: as it comes.
        request: says how many pictures are wanted, or that words are.

    Raises:
        EndpointError: the answer is an error object or a web page, or broke off before a picture.
        AnswerError: the answer is empty or cannot be read.
    """
    if reply is None:
        raise TypeError(_UNANSWERED)
    head, chunks = begin(reply.chunks)
    payloads = Payloads()
    if head.startswith((b"{", b"[")):
        return _read_object(chunks, payloads, request)
    if head.startswith(_EVENTS):
        return (yield from _read_events(chunks, payloads, AnswerParser(request, payloads)))
    raise _no_json(reply.status, read_all(chunks)[0][:65_536].decode("utf-8", "replace"))


def read_json(reply: HttpReply | None, payloads: Payloads | None = None) -> Any:
    """Read a reply as the JSON value that it is.

    Args:
        reply: as it comes.
        payloads: takes long base64 out of the value; None leaves it in.

    Raises:
        EndpointError: the answer is a web page, or the connection broke before its end.
        AnswerError: the answer is empty or no JSON.
    """
    if reply is None:
        raise TypeError(_UNANSWERED)
    body, cut = read_all(begin(reply.chunks)[1])
    small = payloads.extract(body) if payloads else body
    try:
        return json.loads(small)
    except (ValueError, RecursionError):
        text = small[:65_536].decode("utf-8", "replace")
    raise cut or _no_json(reply.status, payloads.redact(text) if payloads else text)


def _no_json(status: int, text: str) -> WenwenError:
    return web_page(status, text) if looks_like_html(text) else unreadable(text)


def _read_object(chunks: Iterator[bytes], payloads: Payloads, request: ImageRequest) -> Answer:
    body, cut = read_all(chunks)
    small = payloads.extract(body)
    del body
    parser = AnswerParser(request, payloads)
    try:
        list(parser.add(json.loads(small)))
    except (ValueError, RecursionError):
        return _read_torn(small.decode("utf-8", "replace"), payloads, request, cut)
    return _finished(parser, cut)


def _read_torn(text: str, payloads: Payloads, request: ImageRequest, cut: EndpointError | None) -> Answer:
    """Read what a broken-off object still holds: whole pictures, found by its structure, else by patterns."""
    text = text[:_LONGEST_TORN]
    words = text.partition('"content"')[2].partition('"')[2]
    words = _unescaped(words[: words.rfind(")") + 1])  # up to the last bracket that closes a picture
    listed = [{name or "url": _unescaped(value)} for name, value in _WHOLE_ADDRESS.findall(text)]
    for body in (parse_partial_json(text), {"choices": [{"message": {"content": words}}], "data": listed}):
        parser = AnswerParser(request, payloads)
        list(parser.add(body))
        answer = parser.answer(cut=True)
        if answer.sources:
            return answer
    raise cut or unreadable(text[:2000], _("The answer broke off or is not JSON."))


def _unescaped(inside: str) -> str:
    try:
        return str(json.loads(f'"{inside}"', strict=False))
    except ValueError:
        return ""


def _read_events(chunks: Iterator[bytes], payloads: Payloads, parser: AnswerParser) -> Generator[Progress, Any, Answer]:
    strays: list[bytes] = []
    cut: EndpointError | None = None
    done = False
    try:
        for event in event_data(chunks, strays):
            if event == _DONE:
                done = True
                break  # the connection may stay open for long
            yield from parser.add(_parsed(payloads.extract(event), strays))
            del event  # a line of many megabytes is not kept while the next one comes
            if parser.complete:
                done = True
                break
    except EndpointError as error:
        cut = error
    whole = _parsed(b"\n".join(strays), []) if strays else None  # a JSON answer after keep-alive comments
    done = done or whole is not None
    for body in [whole] if whole is not None else [_parsed(line, []) for line in strays]:
        yield from parser.add(body)
    if strays and not (done or parser.ended):  # the last event broke off; a picture in it may have come whole
        yield from parser.add(parse_partial_json(strays[-1].decode("utf-8", "replace"), ()))
    if strays and not parser.seen and not cut:
        raise unreadable(strays[0].decode("utf-8", "replace"))
    if not cut and not done and not parser.ended:
        cut = EndpointError(
            _("The answer broke off before its end."),
            do=_("The work may have been charged, so it was not sent again. Running the cell again asks again."),
            charged="maybe",
        )
    return _finished(parser, cut)


def _parsed(event: bytes | bytearray, strays: list[bytes]) -> Any:
    if bytes(event) in {b"", _DONE}:
        return None
    try:
        return json.loads(event)
    except (ValueError, RecursionError):
        strays.append(bytes(event[:65_536]))
        return None


def _finished(parser: AnswerParser, cut: EndpointError | None) -> Answer:
    """Return the answer if it holds a picture or came whole.

    Raises:
        EndpointError: it holds an error object and no picture, or broke off before one.
    """
    answer = parser.answer(cut=cut is not None)
    if not answer.sources and parser.error is not None:
        raise error_of_object(parser.error)
    if not answer.sources and cut is not None:
        raise cut
    return answer
