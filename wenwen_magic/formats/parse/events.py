"""Splits a body that comes in pieces into lines and server-sent events, whatever the pieces."""

from collections.abc import Iterable, Iterator
from itertools import chain

from wenwen_magic.errors import EndpointError

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
