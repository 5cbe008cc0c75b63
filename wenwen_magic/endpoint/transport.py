"""Sends calls to the endpoint and reads its replies: the one home of requests and of the key's header.

What an endpoint can make of a reply is bounded: the time of the whole call, and the size of a body that comes packed.
"""

import http.client
import io
import json
import logging
import os
import socket
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

import requests
from certifi import where
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.utils import get_environ_proxies
from urllib3.filepost import encode_multipart_formdata

from wenwen_magic.endpoint import bodies, failures
from wenwen_magic.endpoint.api_key import Secret
from wenwen_magic.endpoint.masking import mask, mask_bytes, mask_reply
from wenwen_magic.errors import AnswerError, ConfigError, EndpointError, NotSentError, WenwenError
from wenwen_magic.kinds import PICTURES, VIDEOS, kind_of
from wenwen_magic.models import Model, listed
from wenwen_magic.protocol import HttpCall, HttpReply
from wenwen_magic.text.i18n import _
from wenwen_magic.text.sanitize import mask_keys

USER_AGENT = "wenwen-magic/0.1 (+https://pypi.org/project/wenwen-magic)"
LONGEST_ERROR = 1 << 20
LONGEST_LIST = 1 << 22
"""Bytes of a list of models that are read at most: 4 MiB, where some relays spend half a kilobyte on each."""
LONGEST_REPLY = 1 << 29
"""Bytes of an answer that are read at most: 512 MiB, a dozen pictures of 30 MB in base64."""
PACKED, GROWTH = 8 << 20, 8
"""Bytes that a packed body may become, and how many times its own size beside them; base64 grows by a third."""
PIECE = 1 << 16
CODINGS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
"""The codings that are unpacked, with the window of each as zlib counts it."""
_GZIP = b"\x1f\x8b\x08"
REPEATS = 2
IN_ADDRESS = "?"
"""Begins the name of a key's place that is a parameter of the address, not a header."""
ECHO = 8
"""Bytes at the end of a broken body that may be shown though a key begins with them."""
LONGEST_PAUSE = 60.0
LONGEST_CALL = 1800.0
"""Seconds of a whole call, to the last byte of its answer; a longer silence that the user allows counts more."""
LONGEST_ERROR_BODY = 5.0
"""Seconds to wait for the body of an error: the status is known, and may be worth repeating the call."""
_SYSTEM_NAMES_PROXIES = sys.platform in {"darwin", "win32"}
_PROXIES = [write(f"{scheme}_proxy") for scheme in ("http", "https", "all") for write in (str.lower, str.upper)]
_CONNECT = 10.0  # seconds to wait for a connection
_under_way: ContextVar[Secret | None] = ContextVar("the key of the call under way", default=None)
_PASSING = {0, 200, 408, 500, 502, 504, 520, 522, 524}
"""What a free question may be asked again after: a connection that broke (0), a page in its place (200), a failure."""


class _WithoutKeys(logging.Filter):
    """Masks the key in what is logged: it may be in the address, and an endpoint may name a job by it."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                _masked(item, _under_way.get()) if isinstance(item, str) else item for item in record.args
            )
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_WithoutKeys())  # it logs every address


def _masked(text: str, key: Secret | None) -> str:
    return mask_keys(mask(text, key), key.reveal() if key else "")


def normalised(base_url: str) -> str:
    """Give the endpoint's address without ``/v1``, ``/v1beta``, ``/chat/completions`` and trailing slashes.

    Raises:
        ConfigError: it is not an http or https address with a host, or it carries a user name or a password.
    """
    address = base_url.strip().rstrip("/")
    for ending in ("/chat/completions", "/v1beta", "/v1"):
        address = address.removesuffix(ending).rstrip("/")
    try:
        parts = urlsplit(address)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # also for a port that is not valid
        usable = False
    if not usable or not address.isprintable() or any(sign in address for sign in " @?#\\"):
        raise ConfigError(
            _("base_url is not a usable address."),
            do=_("It should look like https://api.wenwen-ai.com"),
        )
    return address


def origin(address: str) -> str:
    """Return scheme, host as written and port of an address, like ``https://api.example:443``."""
    parts = urlsplit(address)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return f"{parts.scheme}://{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def ca_bundle() -> str:
    """Return the file of certificates: the environment's, or the one that comes with requests."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or str(where())


def proxies_for(address: str) -> dict[str, str]:
    """Return the proxies that the environment names for an address; empty for none."""
    if not _SYSTEM_NAMES_PROXIES and not any(name in os.environ for name in _PROXIES):
        return {}  # looked up for every call and picture: requests takes a hundred times as long
    return dict(get_environ_proxies(address))


@dataclass(frozen=True)
class Clock:
    """Time, given from outside so that tests need not wait.

    Args:
        now: seconds that only grow.
        sleep: waits for some seconds.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


# -- a call that ends in time ------------------------------------------------------------------------------------------


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

    def within(self, seconds: float) -> float:
        """Return the time that a socket may wait: what is left, at most some seconds, never 0, which is not to wait."""
        return max(min(seconds, self.left), 0.001)

    def shorten(self, seconds: float) -> None:
        """Leave at most some seconds from now."""
        self._end = min(self._end, self._now() + seconds)


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


class _Adapter(HTTPAdapter):
    """Opens connections whose answers, also a proxy's, end at the deadline of the one call that goes through it."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        super().__init__()

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        """Return requests' own pool of connections, whose answers are read as said above."""
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        made = pool.ConnectionCls

        def connection(*args: Any, **options: Any) -> Any:
            new = made(*args, **options)
            new.response_class = partial(BoundedResponse, self._deadline)
            return new

        pool.ConnectionCls = connection
        return pool


class _Auth(AuthBase):
    """Puts the key into its header at the last moment, so that no frame holds it in a variable of its own."""

    def __init__(self, key: Secret | None, header: str, pattern: str) -> None:
        self._key, self._header, self._pattern = key, header, pattern

    def __call__(self, request: Any) -> Any:
        if self._key is None:
            return request
        if self._header.startswith(IN_ADDRESS):
            request.prepare_url(request.url, {self._header[1:]: self._key.reveal()})
        else:
            request.headers[self._header] = self._pattern.format(key=self._key.reveal())
        return request


class _Body(io.BytesIO):
    """A body that knows whether sending it has begun; before that, a call cannot have arrived."""

    def __init__(self, data: bytes, deadline: Deadline) -> None:
        super().__init__(data)
        self.touched, self._deadline = False, deadline

    def read(self, size: int | None = -1, /) -> bytes:
        if self._deadline.left <= 0:  # the other side takes it very slowly
            raise TimeoutError("the deadline of the call has passed")
        self.touched = True
        return super().read(size)


def _body_of(call: HttpCall, deadline: Deadline) -> tuple[_Body | None, dict[str, str]]:
    """Return a call's body and the header of its type: JSON, or a form whose values are texts or JSON.

    Raises:
        ConfigError: it cannot be written as JSON.
    """
    if call.body is None and not call.files:
        return None, {}
    try:
        if not call.files:
            data = json.dumps(call.body, allow_nan=False).encode()
            return _Body(data, deadline), {"Content-Type": "application/json"}
        texts = [
            (name, value if isinstance(value, str) else json.dumps(value, allow_nan=False))
            for name, value in (call.body or {}).items()
        ]
    except (ValueError, TypeError, RecursionError) as error:
        raise ConfigError(
            _("A parameter cannot be sent as JSON."),
            why=str(error),
            do=_("Use text, numbers, true, false, lists and dicts."),
        ) from None
    files = [(part.name, (part.filename, part.data, part.mime)) for part in call.files]
    data, content_type = encode_multipart_formdata([*texts, *files])
    return _Body(data, deadline), {"Content-Type": content_type}


class Transport:
    """Sends calls to one endpoint.

    Args:
        base_url: the endpoint's address, in any of the forms :func:`normalised` takes.
        key: goes into the header of every call, and nowhere else; None for none.
        read: seconds to wait for the next byte.
        clock: measures and waits time.
        repeats: how often a call is sent again at most.
        longest: seconds of a whole call, to the last byte of its answer; a longer silence that is allowed counts more.
        waiting: makes the block in which a thread waits for the network.

    Raises:
        ConfigError: as :func:`normalised`.
    """

    def __init__(
        self,
        base_url: str,
        key: Secret | None,
        *,
        read: float = 600.0,
        clock: Clock | None = None,
        repeats: int = REPEATS,
        longest: float = LONGEST_CALL,
        waiting: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self.address, self._repeats, self._longest = normalised(base_url), repeats, longest
        self._key = key
        self._timeout = (_CONNECT, read)
        self._clock, self._waiting = clock or Clock(), waiting

    def send(self, call: HttpCall, auth: tuple[str, str] = ("Authorization", "Bearer {key}")) -> HttpReply:
        """Send a call; the reply's chunks are read from the connection as they are asked for.

        What cannot have arrived, and a 429 or 503 answered at once, is repeated at most twice; of the rest only a
        call that is free. A refusal that would come again is final.

        Args:
            call: what to send.
            auth: the key's header and its pattern; ``?name`` in place of a header puts it into the address.

        Raises:
            NotSentError: the call cannot have arrived.
            EndpointError: an HTTP error status, a redirect, or a connection that broke after sending.
        """
        with self._waiting():
            for repeat in range(self._repeats + 1):
                try:
                    return self._send_once(call, auth)
                except (NotSentError, EndpointError) as error:
                    for name in ("why", "text", "request_id"):  # the endpoint may have echoed the key
                        setattr(error, name, _masked(getattr(error, name), self._key))
                    pause = _pause_before_repeat(error, repeat, free=call.free) if repeat < self._repeats else None
                    if pause is None:
                        raise
                    self._clock.sleep(pause)
        raise AssertionError("the last round returns or raises")

    def _send_once(self, call: HttpCall, auth: tuple[str, str]) -> HttpReply:
        began = self._clock.now()
        deadline = Deadline(max(self._longest, self._timeout[1]), self._clock.now)
        response = self._open(call, _Auth(self._key, *auth), deadline)
        content_type = _masked(response.headers.get("Content-Type", ""), self._key).lower()
        coding = response.headers.get("Content-Encoding", "")
        pieces = _pieces(response.raw, coding, self._key, self._waiting)
        failed, is_page = response.status_code >= 300, False  # noqa: PLR2004  no redirect of a paid request is followed
        if not failed and "text/html" in content_type:  # the type may lie
            first = next(pieces, b"")
            is_page = bodies.looks_like_html(first.decode("utf-8", "replace"))
            pieces = chain([first], pieces)
        if not failed and not is_page:
            return HttpReply(response.status_code, content_type, pieces, demo="X-Wenwen-Demo" in response.headers)
        deadline.shorten(LONGEST_ERROR_BODY)
        body = _beginning(pieces)
        response.close()
        body = mask_reply([body], self._key) or body  # before a part of it is quoted
        raise _error(response, body, self._clock.now() - began, is_page=is_page)

    def _open(self, call: HttpCall, auth: _Auth, deadline: Deadline) -> requests.Response:
        """Open a connection of its own: a kept one may be dead, and then it is not known whether the call arrived."""
        body, content_type = _body_of(call, deadline)
        headers = {
            "User-Agent": USER_AGENT,
            "Accept-Encoding": "identity",
            "Accept": "*/*",
            "Connection": "close",
            **content_type,
        }
        before = _under_way.set(self._key)
        try:
            # Without a session, which might follow a redirect, and would read its body for that, however long it is.
            return _Adapter(deadline).send(
                requests.Request(call.method, self.address + call.path, headers, data=body, auth=auth).prepare(),
                stream=True,
                timeout=self._timeout,
                proxies=proxies_for(self.address),
                verify=ca_bundle(),
            )
        except Exception as problem:  # noqa: BLE001  whatever requests meets, it must not be shown with its frames
            error = failures.connection_error(problem, origin(self.address), sent=body is not None and body.touched)
        except BaseException as interrupt:  # noqa: BLE001  an interrupt goes on, without the frames that hold the header
            raise interrupt.with_traceback(None) from None
        finally:
            _under_way.reset(before)
        raise error  # out here, for inside it would carry requests' error and its frames, and those hold the header


def _pieces(
    raw: Any, coding: str, key: Secret | None, waiting: Callable[[], AbstractContextManager[object]]
) -> Iterator[bytes]:
    """Yield a body as it arrives, unpacked and without the key; what arrived before a connection broke is not lost.

    Args:
        raw: urllib3's response, which leads to no header of the request; requests' own does, and this frame may be
            shown.
        coding: the header Content-Encoding.
        key: is replaced should the endpoint echo it, also where it is cut in two; None for none.
        waiting: makes the block in which the next bytes are waited for.
    """

    def read() -> bytes:
        with waiting():
            return bytes(raw.read1(PIECE, decode_content=False))

    size, rest = 0, b""
    error: WenwenError | None = None
    try:
        for piece in unpacked(iter(read, b""), coding):
            size += len(piece)
            if size > LONGEST_REPLY:
                error = failures.too_long(LONGEST_REPLY)
                break
            whole, rest = mask_bytes(rest + piece, key) if key else (piece, b"")
            del piece  # it may hold an echo of the key
            yield whole
    except AnswerError as problem:
        error = problem
    except Exception as problem:  # noqa: BLE001  as above
        error = failures.broken(problem)
    finally:
        raw.close()
    if rest:
        yield rest if error is None or len(rest) < ECHO else b"***"
    if error is None:
        return
    error.why = _masked(error.why, key)
    raw = None  # it may lead to an address with the key in it
    raise error.with_traceback(None)  # out here, so that it carries no frames of requests


def _beginning(pieces: Iterator[bytes], longest: int = LONGEST_ERROR) -> bytes:
    body = b""
    try:
        for piece in pieces:
            body += piece
            if len(body) > longest:
                break
    except (AnswerError, EndpointError):
        pass  # what matters is the status; the body is shown as far as it arrived
    return body


def _error(response: requests.Response, body: bytes, seconds: float, *, is_page: bool) -> EndpointError:
    """Make the error of an answer; a function of its own, for no frame that raises it may hold a header."""
    if is_page:
        return failures.web_page(response.status_code, body.decode("utf-8", "replace"))
    number = response.headers.get("X-Oneapi-Request-Id") or response.headers.get("X-Request-Id") or ""
    error = failures.error_of_reply(response.status_code, body, seconds=seconds, request_id=number)
    error.retry_after, error.seconds = _retry_after(response.headers.get("Retry-After", "")), seconds
    return error


def _retry_after(header: str) -> float | None:
    """Read Retry-After, seconds or a date; returns seconds, None for what makes no sense."""
    for read in (float, lambda text: parsedate_to_datetime(text).timestamp() - time.time()):
        with suppress(ValueError, TypeError, OverflowError):
            return max(0.0, read(header))
    return None


def _pause_before_repeat(error: NotSentError | EndpointError, repeat: int, *, free: bool) -> float | None:
    """Return the seconds to wait before a call may be repeated; None when it may not."""
    if isinstance(error, NotSentError) or (free and error.status in _PASSING and not error.lasting):
        return 0.5 * 3.0**repeat
    if error.status not in {429, 503} or error.seconds > failures.SOON or error.lasting:
        return None
    pause = error.retry_after if error.retry_after is not None else 1.0 * 3.0**repeat
    return pause if pause <= LONGEST_PAUSE else None


def read_models(reply: HttpReply) -> list[Model]:
    """Read the answer of ``GET /v1/models``, in the order of :func:`wenwen_magic.models.listed`.

    Raises:
        EndpointError: the answer is an error or not a list of models.
    """
    body = _beginning(iter(reply.chunks), LONGEST_LIST).decode("utf-8-sig", "replace")
    try:
        return listed(json.loads(body))
    except (ValueError, RecursionError):
        raise failures.not_models(body) from None


def unpacked(pieces: Iterator[bytes], coding: str, *, whole: bool = False) -> Iterator[bytes]:
    """Yield a body unpacked, in pieces of at most :data:`PIECE` bytes, however much is packed into one.

    Args:
        pieces: of the body as it comes; its first bytes tell that it is packed, or is not, before the header does.
        coding: the header Content-Encoding; a body of another coding than gzip and deflate is left as it is.
        whole: whether one that ends before its end mark is an error; all of it is yielded first.

    Raises:
        AnswerError: the body is larger than an answer may be; the pieces before that are yielded first.
        zlib.error: it is not packed as the header says, or is to be whole and ends too early.
    """
    head = next(pieces, b"")
    window = CODINGS.get(coding.strip().lower())
    if head.startswith(_GZIP):
        window = CODINGS["gzip"]
    elif kind_of(head, (*PICTURES, *VIDEOS)) or (window == CODINGS["gzip"] and not _GZIP.startswith(head[:3])):
        window = None
    pieces = chain(filter(None, [head]), pieces)
    yield from pieces if window is None else _unpacked(pieces, window, whole=whole)


def _unpacked(pieces: Iterator[bytes], window: int, *, whole: bool) -> Iterator[bytes]:
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
