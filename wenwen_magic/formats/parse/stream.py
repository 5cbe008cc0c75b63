"""Reads a reply as it comes, whole or as a stream, into one answer; a format says what the objects in it mean."""

import json
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import chain
from typing import Any

from wenwen_magic.endpoint.failures import error_of_object, looks_like_html, unreadable, web_page
from wenwen_magic.errors import EndpointError
from wenwen_magic.formats.parse.answer import Gathering
from wenwen_magic.formats.parse.base64_data import Payloads
from wenwen_magic.formats.parse.partial_json import mend
from wenwen_magic.protocol import Answer, HttpReply, Progress
from wenwen_magic.text.i18n import _

_FIELDS = (b"event:", b"id:", b"retry:")
_BOM = b"\xef\xbb\xbf"
# These first bytes, or so many of any others, tell what a body is; `d` alone could still become `data:`.
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


def whole(chunks: Iterable[bytes]) -> tuple[bytearray, EndpointError | None]:
    """All that comes, and the error that cut it off, if one did."""
    body = bytearray()
    try:
        for chunk in chunks:
            body += chunk
    except EndpointError as cut:
        return body, cut
    return body, None


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Split at line feeds only (a JSON string may hold U+2028 and its kind); the carriage return is dropped.

    Takes time in proportion to the body, however long a line is.
    """
    waiting: list[bytes] = []
    for chunk in chunks:
        first, *rest = chunk.split(b"\n")
        waiting.append(first)
        for line in rest:
            whole = [b"".join(waiting).rstrip(b"\r")]
            waiting = [line]
            yield whole.pop()  # nothing here holds on to a line of many megabytes while it is read
    yield b"".join(waiting).rstrip(b"\r")


def data(chunks: Iterable[bytes], strays: list[bytes]) -> Iterator[bytes]:
    """Give the payload of every ``data:`` line; comments and the other fields are passed over.

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


_DONE = b"[DONE]"
_EVENTS = (b"data:", b":", b"event:", b"id:", b"retry:")
_WHOLE_ADDRESS = re.compile(r'(?:"(b64_json)"\s*:\s*"|"(?=(?:https?:|data:)))((?:[^"\\]|\\.)*+)"')


def read(
    reply: HttpReply, gathering_in: Callable[[Payloads], Gathering] = Gathering
) -> Generator[Progress, Any, Answer]:
    """Read an answer by its first bytes, whatever was asked and whatever its type claims.

    Args:
        reply: as it comes.
        gathering_in: makes what understands the format's objects, given where cut-out base64 is kept.

    Raises:
        EndpointError: the answer is an error object or a web page, or broke off before a picture.
        AnswerError: the answer is empty or cannot be read.
    """
    head, chunks = begin(reply.chunks)
    if not head:
        raise unreadable("")
    payloads = Payloads()
    if head[:1] in b"{[":
        return _read_object(chunks, payloads, lambda: gathering_in(payloads))
    if head.startswith(_EVENTS):
        return (yield from _read_events(chunks, payloads, gathering_in(payloads)))
    text = whole(chunks)[0][:65_536].decode("utf-8", "replace")
    if looks_like_html(text):
        raise web_page(reply.status, text)
    raise unreadable(text)


def _read_object(chunks: Iterator[bytes], payloads: Payloads, gathering_in: Callable[[], Gathering]) -> Answer:
    body, cut = whole(chunks)
    small = payloads.cut(body)
    del body
    try:
        value = json.loads(small)
    except (ValueError, RecursionError):
        return _read_torn(small, gathering_in, cut)
    gathering = gathering_in()
    for part in value if isinstance(value, list) else [value]:
        list(gathering.add(part))
    return _finished(gathering, cut)


def _read_torn(
    small: bytes | bytearray,
    gathering_in: Callable[[], Gathering],
    cut: EndpointError | None,
) -> Answer:
    """What a broken-off object still holds: pictures that had come whole, by its shape, else by their looks alone."""
    text = small.decode("utf-8", "replace")
    mended, loose = gathering_in(), gathering_in()
    value = mend(text)
    for part in value if isinstance(value, list) else [value]:
        list(mended.add(part))
    list(loose.add({"choices": [{"message": {"content": _torn_string(text, '"content"')}}]}))
    list(loose.add({"data": [{name or "url": _unescaped(value)} for name, value in _WHOLE_ADDRESS.findall(text)]}))
    answers = (gathering.answer(cut=True) for gathering in (mended, loose))
    if answer := next((one for one in answers if one.sources), None):
        return answer
    raise cut or unreadable(text[:2000], _("The answer broke off or is not JSON."))


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


def _read_events(chunks: Iterator[bytes], payloads: Payloads, gathering: Gathering) -> Generator[Progress, Any, Answer]:
    strays: list[bytes] = []
    cut: EndpointError | None = None
    done = False
    try:
        for event in data(chunks, strays):
            if event == _DONE:
                done = True
                break  # the connection may stay open for long
            yield from gathering.add(_parsed(payloads.cut(event), strays))
            del event  # a line of many megabytes is not kept while the next one comes
            if gathering.complete:
                done = True
                break
    except EndpointError as error:
        cut = error
    whole = _parsed(b"\n".join(strays), []) if strays else None  # a JSON answer behind a comment that kept it awake
    done = done or whole is not None
    for body in [whole] if whole is not None else [_parsed(one, []) for one in list(strays)]:
        if gathering.error is None:
            yield from gathering.add(body)
    if strays and not (done or gathering.ended):  # the last event broke off; a picture in it may have come whole
        yield from gathering.add(mend(strays[-1].decode("utf-8", "replace"), ()))
    if strays and not gathering.seen and not cut:
        raise unreadable(strays[0].decode("utf-8", "replace"))
    return _finished(gathering, cut or (None if done or gathering.ended else _broken_off()))


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
        _("The answer broke off before its end."),
        do=_("The work may have been charged, so it was not sent again. Running the cell again asks again."),
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
