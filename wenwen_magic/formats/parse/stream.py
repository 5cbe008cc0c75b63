"""Read a reply as it comes, whole or as a stream of events, into one answer."""

import base64
import json
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import chain
from typing import Any, TypeVar

from wenwen_magic.endpoint.bodies import looks_like_html, looks_like_xml, parsed
from wenwen_magic.endpoint.failures import error_of_object, unreadable, web_page
from wenwen_magic.errors import AnswerError, EndpointError, WenwenError
from wenwen_magic.formats.parse.answer import AnswerParser, piece_in
from wenwen_magic.formats.parse.json_text import Payloads, parse_partial_json
from wenwen_magic.kinds import PICTURES, VIDEOS, kind_of
from wenwen_magic.protocol import Answer, HttpCall, HttpReply, Inquiry, Pause, Progress, Source, Step
from wenwen_magic.records import ImageRequest
from wenwen_magic.text.i18n import _

Job = TypeVar("Job")

_FIELDS = (b"event:", b"id:", b"retry:")
_BOM = b"\xef\xbb\xbf"
# These first bytes, or this many of any others, show what a body is; `d` alone could still become `data:`.
_DECIDING = (b"{", b"[", b":", b"\x1e")
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


def event_data(chunks: Iterable[bytes], strays: list[bytes]) -> Iterator[tuple[str, bytes | None]]:
    """Yield every ``data:`` line as the event's name and its payload, and None at the end of an event of several.

    Args:
        chunks: the body in pieces.
        strays: receives the lines that belong to no field; some relays put a JSON error there.
    """
    name, count = "", 0
    for line in lines(chunks):
        if line.startswith(b"data:"):
            event = [line[6 if line[5:6] == b" " else 5 :].strip()]  # one copy, not two
            del line
            count += 1
            yield name, event.pop()
        elif line.startswith(b"event:"):
            name = line[6:].strip()[:80].decode("utf-8", "replace")
        elif not line.strip():
            if count > 1:
                yield name, None
            name, count = "", 0
        elif not line.startswith((b":", *_FIELDS)):
            strays.append(line.strip())
    if count > 1:
        yield name, None


_LONGEST_TORN = 2 << 20
"""Characters of a broken answer, without base64, that are searched for pictures: a million takes a second or two."""
_UNANSWERED = "a call must be answered with a reply"
_DONE = b"[DONE]"
_EVENTS = re.compile(rb"data:(?!\s?[\w.+-]+/[\w.+-]+[;,])|:|event:|id:|retry:")
"""How a stream of events begins; ``data:image/png;base64,`` begins a picture."""
_JSON = (b"{", b"[", b'"', b"\x1e")
_LINK = re.compile(r"\[[^\[\]{}\"\n]{1,200}+\]\(")
"""How words begin that are no list in JSON."""
_WORDS = re.compile(rb'"content"\s*:\s*"((?:[^"\\]|\\.)*+)"')
_MOST_LEARNT = 1000
"""How often it is learnt what is around the words of events; where they are of many kinds, it is not worth it."""
_BETWEEN = " \t\r\n,\x1e"
"""What may be between the JSON values of a body that has several: lines, commas, the sign of JSON text sequences."""
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
    if _EVENTS.match(head):
        return (yield from _read_events(chunks, AnswerParser(request, Payloads())))
    body, cut = read_all(chunks)
    return (_read_object if head.startswith(_JSON) else _read_other)(body, cut, request, reply.status)


def read_json(
    reply: HttpReply | None, payloads: Payloads | None = None, *, torn: Callable[[Any], object] = lambda _: False
) -> Any:
    """Read a reply as the JSON value that it is, also behind keep-alive comments or as an event.

    Args:
        reply: as it comes.
        payloads: takes long base64 out of the value; None leaves it in.
        torn: tells whether the complete parts of a value that broke off are enough.

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
    if text.startswith(("{", "[")):
        if torn(value := parse_partial_json(text, ())):
            return value
    elif isinstance(value := parsed(text), (Mapping, list)):
        return value
    text = payloads.redact(text) if payloads else text
    raise cut or (web_page(reply.status, text) if looks_like_html(text) else unreadable(text))


def ask_free(call: HttpCall) -> Generator[Step, HttpReply | None, Any]:
    """Make a call that costs nothing, and return its answer as the JSON value that it is.

    Raises:
        EndpointError: the answer is a web page, or the connection broke.
        AnswerError: the answer is empty or cannot be read.
    """
    reply = yield call
    try:
        return read_json(reply)
    except (AnswerError, EndpointError) as error:
        error.charged = "no"
        raise


def ask_about_job(
    question: HttpCall, read: Callable[[HttpReply | None], Job | None]
) -> Generator[Step, HttpReply | None, Job]:
    """Wait, then ask about a job that goes on; where the answer cannot be read, tell so, wait and ask again.

    Args:
        question: the call.
        read: reads its reply; None where nothing can be made of it.
    """
    while True:
        yield Pause()
        with suppress(EndpointError, AnswerError):
            if (job := read((yield question))) is not None:
                return job
        yield Progress(_("the endpoint's answer could not be read; asking again"))


def inquiry(question: Callable[[str], HttpCall]) -> Inquiry:
    """Make the free question about one job, which returns the fields of its answer as they are.

    Args:
        question: makes the call, by the job's number.
    """

    def query(job: str) -> Generator[Step, HttpReply | None, Mapping[str, Any]]:
        answer = yield from ask_free(question(job))
        if not isinstance(answer, Mapping):
            raise unreadable(str(answer)[:1000])
        return dict(answer)

    return query


def _read_other(body: bytearray, cut: EndpointError | None, request: ImageRequest, status: int) -> Answer:
    """Read a body that is no JSON: the picture or video itself, or text."""
    if kind := kind_of(bytes(body[:80]), (*PICTURES, *VIDEOS)):
        if cut:
            raise cut
        source = Source(f"data:{kind.mime}", data=base64.b64encode(body))
        return Answer(videos=(source,)) if kind in VIDEOS else Answer(sources=(source,))
    payloads = Payloads()
    text = bytes(payloads.extract(body)).decode("utf-8", "replace")
    return _read_text(text, cut, AnswerParser(request, payloads), status)


def _read_text(text: str, cut: EndpointError | None, parser: AnswerParser, status: int) -> Answer:
    """Read a text that is no JSON: a picture's base64, its address, or Markdown."""
    shown = parser.payloads.redact(text[:65_536])
    if looks_like_html(text):
        raise web_page(status, shown)
    if looks_like_xml(text):
        raise error_of_object(shown)
    if cut and "![" not in text:  # of what broke off, only what Markdown closes is whole
        raise cut
    return _read_words(text, parser, cut or unreadable(shown), whole=cut is None)


def _read_words(text: str, parser: AnswerParser, error: WenwenError, *, whole: bool) -> Answer:
    """Return the pictures of a text that is no JSON; where there are none, raise the error."""
    list(parser.add(text if whole else _said(text)))
    return _with_result(parser.answer(cut=not whole), error)


def _with_result(answer: Answer, error: WenwenError) -> Answer:
    if answer.sources or answer.videos:
        return answer
    raise error


def _read_object(body: bytearray, cut: EndpointError | None, request: ImageRequest, status: int) -> Answer:
    payloads = Payloads()
    small = bytes(payloads.extract(body))
    body.clear()
    parser = AnswerParser(request, payloads)
    try:
        values, rest = [json.loads(small)], ""
    except (ValueError, RecursionError):
        text = small.decode("utf-8", "replace")
        values, rest = _values_in(text)
        if not values and (text.startswith('"') or _LINK.match(text)):
            cut = cut or (None if text.rstrip().endswith('"') or text[0] == "[" else _broken_off())
            return _read_text(text, cut, parser, status)
        if not values:
            return _read_torn(text, parser, cut)
    for value in values:
        list(parser.add(value))
    if rest:  # the last value broke off; a picture in it may have come whole
        list(parser.add(parse_partial_json(rest[:_LONGEST_TORN], ())))
        cut = cut or (None if parser.ended else _broken_off())
    if not (rest or cut or parser.seen):
        raise unreadable(payloads.redact(small[:65_536].decode("utf-8", "replace")))
    return parser.finish(cut)


def _values_in(text: str) -> tuple[list[Any], str]:
    """Return the JSON values of a body that has several, one after the other, and what is left of it."""
    values: list[Any] = []
    at, decoder = 0, json.JSONDecoder(strict=False)
    while True:
        while text[at : at + 1] and text[at] in _BETWEEN:
            at += 1
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return values, text[at:]
        values.append(value)


def _read_torn(text: str, parser: AnswerParser, cut: EndpointError | None) -> Answer:
    """Read what a broken-off object still holds: whole pictures, found by its structure, else by patterns."""
    text = text[:_LONGEST_TORN]
    body = parse_partial_json(text)
    if body is None:
        words = text.partition('"content"')[2].partition('"')[2]
        words = _unescaped(words[: words.rfind(")") + 1])  # up to the last bracket that closes a picture
        listed = [{name or "url": _unescaped(value)} for name, value in _WHOLE_ADDRESS.findall(text)]
        body = {**_said(words), "data": listed}
    list(parser.add(body))
    broken = unreadable(parser.payloads.redact(text[:2000]), _("The answer broke off or is not JSON."))
    return _with_result(parser.answer(cut=True), cut or broken)


def _said(text: str) -> dict[str, Any]:
    return {"choices": [{"message": {"content": text}}]}


def _unescaped(inside: str) -> str:
    try:
        return str(json.loads(f'"{inside}"', strict=False))
    except ValueError:
        return ""


def _read_events(chunks: Iterator[bytes], parser: AnswerParser) -> Generator[Progress, Any, Answer]:
    strays: list[bytes] = []
    broken: list[bytes] = []
    alike = _Alike(parser.payloads)
    cut: EndpointError | None = None
    done = False
    try:
        for name, event in event_data(chunks, strays):
            if event is None:  # one JSON text in several lines
                yield from parser.add(_parsed(b"\n".join(broken), strays), name)
                broken.clear()
                continue
            if event == _DONE:
                done = True
                break  # the connection may stay open for long
            words = None if name else alike.words_in(event)
            if words is not None:
                yield from parser.add_words(alike.choice, words)
                continue
            small = parser.payloads.extract(event)
            del event  # a line of many megabytes is not kept while the next one comes
            value = _parsed(small, broken)
            alike.learn(small, None if name else value)
            if value is None and name == "error" and broken:
                value = broken.pop().decode("utf-8", "replace")
            yield from parser.add(value, name)
            if parser.complete:
                done = True
                break
    except EndpointError as error:
        cut = error
    return (yield from _read_strays([*strays, *broken], parser, cut, done=done))


def _read_strays(
    strays: list[bytes], parser: AnswerParser, cut: EndpointError | None, *, done: bool
) -> Generator[Progress, Any, Answer]:
    """Read what belongs to no event, and return the answer of the stream; ``done`` says whether it came to its end."""
    whole = _parsed(b"\n".join(strays), []) if strays else None  # an answer behind keep-alive comments
    for body in [_parsed(line, []) for line in strays] if whole is None else [whole]:
        yield from parser.add(body)
    if strays and whole is None and not (done or parser.ended):
        # The last event broke off; a picture in it may have come whole.
        yield from parser.add(parse_partial_json(strays[-1].decode("utf-8", "replace"), ()))
    if strays and not (parser.seen or cut):
        parser = AnswerParser(parser.request, parser.payloads)  # its lines were no answers of their own
        text = b"\n".join(strays).decode("utf-8", "replace")
        if text.startswith(("{", "[")):
            return _read_torn(text, parser, None)
        return _read_words(text, parser, unreadable(parser.payloads.redact(text)), whole=done)
    if not (cut or done or whole is not None or parser.ended):
        cut = _broken_off()
    return parser.finish(cut)


class _Alike:
    """Read the events that differ from the one before in their words alone, as thousands of a stream do, at a glance.

    Args:
        payloads: takes long base64 out of the words.
    """

    def __init__(self, payloads: Payloads) -> None:
        self._payloads, self._left = payloads, _MOST_LEARNT
        self._head = self._tail = b""
        self.choice = 0
        """Which of several texts the words belong to."""

    def words_in(self, event: bytes) -> str | None:
        """Return the words of an event that is like the one before; None for another."""
        head, tail = len(self._head), len(event) - len(self._tail)
        if not head or tail < head or not (event.startswith(self._head) and event.endswith(self._tail)):
            return None
        inside = self._payloads.extract(event[head:tail])
        try:
            words = inside.decode()
            if words.isprintable() and '"' not in words and "\\" not in words:
                return words
            return str(json.loads(b'"' + inside + b'"'))  # more than one text raises
        except ValueError:
            return None

    def learn(self, event: bytes | bytearray, value: Any) -> None:
        """Learn what stands before and behind the words of an event, given as it came and as it was read."""
        self._head = b""
        piece = piece_in(value) if self._left and isinstance(value, dict) else None
        words = _WORDS.match(event, event.rfind(b'"content"')) if piece else None
        if not (piece and words):
            return
        self._left -= 1
        head, tail = bytes(event[: words.start(1)]), bytes(event[words.end(1) :])
        self.choice = piece[0]
        other = piece_in(_parsed(head + b"?" + tail, []) or {})
        if other == (self.choice, "?") != piece:  # it is where the words came from
            self._head, self._tail = head, tail


def _parsed(event: bytes | bytearray, strays: list[bytes]) -> Any:
    if bytes(event) in {b"", _DONE}:
        return None
    try:
        return json.loads(event.decode("utf-8-sig", "replace"), strict=False)
    except (ValueError, RecursionError):
        strays.append(bytes(event[:65_536]))
        return None


def _broken_off() -> EndpointError:
    return EndpointError(
        _("The answer broke off before its end."),
        do=_("The work may have been charged, so it was not sent again. Running the cell again asks again."),
        charged="maybe",
    )
