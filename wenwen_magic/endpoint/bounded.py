"""Bounds what an endpoint can make of a reply: the time of a whole call, and the size of a body that comes packed."""

import http.client
import io
import socket
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from requests.adapters import HTTPAdapter

from wenwen_magic.endpoint import failures

PACKED, GROWTH = 8 << 20, 8
"""Bytes that a packed body may become, and how many times its own size beside them; base64 grows by a third."""
PIECE = 1 << 16
CODINGS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
"""The codings that are unpacked, with the window of each as zlib counts it."""


class Deadline:
    """The moment by which a call must be over.

    Args:
        seconds: from now to that moment.
        now: gives the time in seconds.
    """

    def __init__(self, seconds: float, now: Callable[[], float]) -> None:
        self._now, self._end = now, now() + seconds

    @property
    def left(self) -> float:
        """The seconds that are left; 0 or less when it has passed."""
        return self._end - self._now()

    def shorten(self, seconds: float) -> None:
        """Leave at most some seconds from now."""
        self._end = min(self._end, self._now() + seconds)


class DeadlineAdapter(HTTPAdapter):
    """Opens connections whose answers, also a proxy's, end at a deadline.

    Args:
        deadline: of all calls that go through it.
    """

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        super().__init__()

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        """Return requests' own pool of connections, whose answers are read as said above."""
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        pool.ConnectionCls = partial(_connection, pool.ConnectionCls, self._deadline)
        return pool


def _connection(kind: Callable[..., Any], deadline: Deadline, *args: Any, **options: Any) -> Any:
    connection = kind(*args, **options)
    connection.response_class = partial(BoundedResponse, deadline)
    return connection


class BoundedResponse(http.client.HTTPResponse):
    """The one reply of a connection, every read of which ends at a deadline: a timeout alone lets it trickle for ever.

    Args:
        deadline: of the call.
        sock: what to read from.
    """

    def __init__(self, deadline: Deadline, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        file: Any = self.fp
        self.fp = io.BufferedReader(_Reader(file.detach(), sock, deadline))

    def begin(self) -> None:
        """Read the headers, and let the connection end with this reply, also where the endpoint would keep it open.

        What is no header is forgotten: urllib3 would write it into its log, whatever it holds.
        """
        super().begin()
        self.will_close = True
        self.msg.defects.clear()
        self.msg.set_payload("")


class _Reader(io.RawIOBase):
    """Reads from a socket until the deadline."""

    def __init__(self, raw: Any, sock: socket.socket, deadline: Deadline) -> None:
        self._raw, self._sock, self._deadline = raw, sock, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline.left
        if left <= 0:
            raise TimeoutError("the deadline of the call has passed")
        timeout = self._sock.gettimeout()
        self._sock.settimeout(left if timeout is None else min(timeout, left))
        size: int | None = self._raw.readinto(buffer)
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()


def unpacked(pieces: Iterator[bytes], coding: str, *, whole: bool = False) -> Iterator[bytes]:
    """Yield a body unpacked, in pieces of at most :data:`PIECE` bytes, however much is packed into one.

    Args:
        pieces: of the body as it comes.
        coding: the header Content-Encoding; a body of another coding than gzip and deflate is yielded as it is.
        whole: whether one that ends before its end mark is an error; all of it is yielded first.

    Raises:
        AnswerError: the body is larger than an answer may be; the pieces before that are yielded first.
        zlib.error: it is not packed as the header says, or is to be whole and ends too early.
    """
    window = CODINGS.get(coding.strip().lower())
    if window is None:
        yield from pieces
        return
    packer, came, made, ended = zlib.decompressobj(window), 0, 0, False
    for piece in pieces:
        came += len(piece)
        rest, out = piece.lstrip(b"\0") if ended else piece, b""
        ended = ended and not rest
        if came == len(piece) and window == zlib.MAX_WBITS:
            has_head = piece[0] & 0x0F == zlib.DEFLATED and int.from_bytes(piece[:2], "big") % 31 == 0
            packer = zlib.decompressobj(window if has_head else -window)  # some send it without its head
        while rest or len(out) == PIECE:  # after a full piece of output more may wait in the unpacker
            out = packer.decompress(rest, PIECE)
            made += len(out)
            if made > PACKED + GROWTH * came:
                raise failures.too_packed(made)
            if out:
                yield out
            rest = packer.unconsumed_tail
            if packer.eof:  # another part may follow
                rest, out, packer = packer.unused_data.lstrip(b"\0"), b"", zlib.decompressobj(window)
                ended = not rest
    if whole and not ended:
        raise zlib.error("it ends before its end mark")
