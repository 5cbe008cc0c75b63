"""Downloads a picture's address that a model named, and that is not trusted: the one way out for such addresses."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urljoin

from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationValueError
from urllib3.util import make_headers, parse_url

from wenwen_magic.endpoint.bounded import LastResponse
from wenwen_magic.endpoint.transport import USER_AGENT
from wenwen_magic.errors import ImageError
from wenwen_magic.media import error_bodies, ssrf
from wenwen_magic.text.i18n import _
from wenwen_magic.text.sanitize import mask_keys

__all__ = ["FetchFailed", "Policy", "fetch"]

Resolve = Callable[[str, int, int, int], Sequence[tuple[Any, ...]]]
Dial = Callable[[str, int], socket.socket]

_CHUNK = 1 << 18
_CONNECT = 10.0  # seconds to wait for a connection
_LOOK = 3.0
"""Seconds to wait for a name's addresses before a proxy is asked for it: without a resolver they never come."""
_LISTEN = 3.0
"""Seconds to wait for the words of a server that does not give the picture."""
_MOST_REDIRECTS = 5
_HEADERS = {
    "User-Agent": f"Mozilla/5.0 (compatible; {USER_AGENT})",
    "Accept": "image/*,*/*;q=0.8",
    "Accept-Encoding": "identity",
}
_WHOLE = frozenset({200, 203})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({403, 404, 408, 429})


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What may be fetched, by which way, and how much of it.

    Args:
        trusted: exact origins ``scheme://host:port`` (the user's own endpoint), and ``host`` or ``host:port`` (the
            setting ``trusted_hosts``); they may lead to private addresses, never to metadata or link-local ones.
        proxies: proxy address by scheme, ``{"http": "http://...", "https": ...}``; empty for none.
        ca_bundle: file or folder of certificate authorities; None for the system's own.
        limit: largest picture, in bytes.
        read: longest silence of a server, in seconds.
        deadline: longest time for the whole download with all redirects, in seconds; only the system's resolver
            of names cannot be cut short.
    """

    trusted: frozenset[str] = frozenset()
    proxies: Mapping[str, str] = field(default_factory=dict)
    ca_bundle: str | None = None
    limit: int = 64 * 1024 * 1024
    read: float = 60.0
    deadline: float = 300.0


class FetchFailed(ImageError):
    """A picture could not be downloaded; its answer is paid for and kept, and downloading again is free.

    Args:
        what: what happened, one sentence.
        again: whether trying again may help.
        fields: as for every error; ``charged`` is ``yes`` unless given.
    """

    def __init__(self, what: str, *, again: bool = False, **fields: Any) -> None:
        super().__init__(what, **{"charged": "yes", **fields})
        self.again = again


def fetch(
    address: str,
    target: Path,
    policy: Policy,
    *,
    clock: Callable[[], float] = time.monotonic,
    resolve: Resolve = socket.getaddrinfo,
) -> None:
    """Download an address into a file, checking every address that is connected to and every redirect from the start.

    Sends no key, no cookie, no netrc password. What came before a failure stays in the file.

    Args:
        address: what the model returned.
        target: the file to write; the caller renames or removes it.
        policy: trust, proxies and limits.
        clock: gives the time in seconds.
        resolve: ``socket.getaddrinfo``, or what tests put in its place.

    Raises:
        FetchFailed: the address was refused, the download failed, or it was too big; ``again`` says which may pass.
        OSError: the file cannot be written.
    """
    with _Watchdog(policy.deadline, clock) as watchdog:
        for _hop in range(_MOST_REDIRECTS + 1):
            step = _Step(address, policy, watchdog, resolve)
            with _response(step) as response:
                redirect = _redirect(step, response)
                if not redirect:
                    return _save(step, response, target)
            address = redirect
    raise _failed(address, _("more than {redirects} redirects", redirects=_MOST_REDIRECTS))


class _Watchdog:
    """Shuts every socket it watches when the time is over: a read timeout alone lets a trickle go on for ever.

    A context manager; its one thread ends with it.

    Args:
        seconds: from now to the deadline.
        clock: gives the time in seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._clock, self._end = clock, clock() + seconds
        self._sockets: list[socket.socket] = []
        self._bitten = threading.Event()
        self._timer = threading.Timer(seconds, self._bite)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._timer.join()
        for each in self._sockets:
            each.close()

    def shorter(self, seconds: float) -> "_Watchdog":
        """Return one that shuts the same sockets sooner.

        Args:
            seconds: from now to its deadline.
        """
        other = _Watchdog(seconds, self._clock)
        for each in self._sockets:
            other.watch(each)
        return other

    @property
    def left(self) -> float:
        """The seconds until the deadline; never quite 0, which would mean a socket that does not wait."""
        return max(self._end - self._clock(), 0.001)

    @property
    def expired(self) -> bool:
        """Whether the deadline has passed."""
        return self._bitten.is_set() or self._clock() >= self._end

    def watch(self, connection: socket.socket) -> None:
        """Shut a socket, too, when the time is over; it may come before or after TLS is laid over it.

        Args:
            connection: a connected socket; it stays the caller's.
        """
        # A duplicate: TLS takes the socket itself over, and shutting a TLS object from another thread is a race.
        self._sockets.append(connection.dup())
        if self._bitten.is_set():
            self._bite()

    def _bite(self) -> None:
        self._bitten.set()
        for each in list(self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


class _Step:
    """One request of a download: an address, checked as far as can be before connecting, and the way to its server."""

    def __init__(self, address: str, policy: Policy, watchdog: _Watchdog, resolve: Resolve) -> None:
        _refuse_for(ssrf.spelling_problem(address), address)
        self.address, self.policy, self.watchdog, self._resolve = address, policy, watchdog, resolve
        self.place = ssrf.place_of(address)
        proxy = policy.proxies.get(self.place.scheme) or policy.proxies.get("all") or ""
        self.proxy = f"http://{proxy}" if proxy and "://" not in proxy else proxy
        if self.proxy:
            _refuse_for(ssrf.proxied_problem(self.place, policy.trusted), address)
            for ip in self._seen_from_here():
                _refuse_for(ssrf.seen_problem(ip, self.place, policy.trusted), address)

    def _seen_from_here(self) -> Sequence[ssrf.IP]:
        """Return the addresses that the name has here; none where they take long: only the proxy may know the name."""
        seen: list[ssrf.IP] = []

        def look() -> None:
            with suppress(OSError, UnicodeError):
                rows = self._resolve(self.place.host, self.place.port, 0, socket.SOCK_STREAM)
                seen.extend(ip for row in rows if (ip := ssrf.literal(row[4][0])))

        thread = threading.Thread(target=look, name="wenwen-look", daemon=True)
        thread.start()
        thread.join(_LOOK)
        return tuple(seen)

    def dial(self, host: str, port: int) -> socket.socket:
        """Resolve once, check all answers, connect to the first that can be reached."""
        try:
            written = ssrf.literal(host)
            rows = () if written else self._resolve(host, port, 0, socket.SOCK_STREAM)
            ips = [written] if written else [ip for row in rows if (ip := ssrf.literal(row[4][0]))]
            for ip in () if self.proxy else ips:
                _refuse_for(ssrf.ip_problem(ip, self.place, self.policy.trusted), self.address)
            return _connect(ips, port, self.watchdog)
        except (OSError, UnicodeError) as problem:
            if self.watchdog.expired:
                raise _late(self) from None
            raise _failed(self.address, f"{host}: {problem}", again=True) from None


def _connect(ips: Sequence[ssrf.IP], port: int, watchdog: _Watchdog) -> socket.socket:
    """Connect to the first of some addresses that can be reached before the deadline."""
    problem = OSError("no address")
    for ip in ips:
        connection = socket.socket(socket.AF_INET if isinstance(ip, IPv4Address) else socket.AF_INET6)
        try:
            connection.settimeout(min(_CONNECT, watchdog.left))
            connection.connect((str(ip), port))
            watchdog.watch(connection)
        except OSError as error:
            connection.close()
            problem = error
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise problem


@contextmanager
def _response(step: _Step) -> Iterator[BaseHTTPResponse]:
    left = step.watchdog.left
    wait = Timeout(connect=min(_CONNECT, left), read=min(step.policy.read, left))
    once: dict[str, Any] = {"redirect": False, "retries": False, "preload_content": False, "decode_content": False}
    try:
        with _pool_manager(step.dial, proxy=step.proxy, ca_bundle=step.policy.ca_bundle) as pools:
            response = pools.urlopen("GET", step.address, headers=_HEADERS, timeout=wait, **once)
            try:
                yield response
            finally:
                response.close()
    except HTTPError as problem:
        if step.watchdog.expired:
            raise _late(step) from None
        if isinstance(problem, LocationValueError):
            # Not quoted: a proxy's address may hold a password.
            raise _failed(step.address, _("the proxy's address is not http:// or https://")) from None
        lasting = "CERTIFICATE_VERIFY_FAILED" in str(problem)
        raise _failed(step.address, f"{type(problem).__name__}: {problem}", again=not lasting) from None


def _pool_manager(dial: Dial, *, proxy: str, ca_bundle: str | None) -> PoolManager:
    """Make a urllib3 manager whose every socket comes from ``dial``; TLS, Host and SNI stay urllib3's own.

    Args:
        dial: given host and port, of the proxy when there is one, returns a connected socket.
        proxy: the proxy's address, a user name and password included; empty for none.
        ca_bundle: file or folder of certificate authorities; None for the system's own.
    """
    kind = "ca_cert_dir" if ca_bundle and Path(ca_bundle).is_dir() else "ca_certs"
    tls: dict[str, Any] = {"cert_reqs": "CERT_REQUIRED", kind: ca_bundle}
    auth = parse_url(proxy).auth if proxy else None
    headers = dict(make_headers(proxy_basic_auth=unquote(auth))) if auth else {}
    made = ProxyManager(proxy, proxy_headers=headers, **tls) if proxy else PoolManager(**tls)
    pools: dict[str, Any] = {"http": partial(_PlainPool, dial=dial), "https": partial(_SecurePool, dial=dial)}
    # Assigned, not changed in place: the dictionary it had belongs to all of urllib3.
    made.pool_classes_by_scheme = pools
    return made


class _PlainConnection(HTTPConnection):
    response_class = LastResponse

    def __init__(self, *args: Any, dial: Dial, **options: Any) -> None:
        super().__init__(*args, **options)
        self._dial = dial

    def _new_conn(self) -> socket.socket:
        return self._dial(self._dns_host, self.port)


class _SecureConnection(_PlainConnection, HTTPSConnection):
    """TLS over what ``dial`` opens."""


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def _redirect(step: _Step, response: BaseHTTPResponse) -> str:
    """Return where a redirect leads, allowed as a step from here; empty for an answer that is not a redirect."""
    location = response.headers.get("location", "")
    if response.status not in _REDIRECTS or not location:
        return ""
    try:
        # Headers arrive read as Latin-1; servers write UTF-8 into this one.
        redirect = urljoin(step.address, location.encode("latin-1").decode("utf-8", "replace"))
    except ValueError:
        redirect = location
    _refuse_for(ssrf.redirect_problem(step.place, redirect, step.policy.trusted), redirect)
    return redirect


def _save(step: _Step, response: BaseHTTPResponse, target: Path) -> None:
    status, encoding = response.status, response.headers.get("content-encoding", "").strip().lower()
    limit, watchdog = step.policy.limit, step.watchdog
    if status not in _WHOLE:
        why = _("the server answered HTTP {status}", status=status)
        words = _words(step, response) if encoding in {"", "identity"} else ""
        advice = error_bodies.advice_on(words)
        again = (status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR) and not advice
        raise _failed(step.address, f"{why}: {words}" if words else why, advice, again=again, status=status)
    if encoding not in {"", "identity"}:
        raise _failed(step.address, _("it is compressed ({encoding})", encoding=mask_keys(encoding)))
    size = response.length_remaining or 0
    if size <= limit:
        size = 0
        with target.open("wb") as file:
            for piece in iter(partial(response.read1, _CHUNK, decode_content=False), b""):
                size += len(piece)
                if size > limit or watchdog.expired:
                    break
                file.write(piece)
    if size > limit:
        raise _failed(step.address, _("it is larger than {limit} bytes", limit=limit))
    if watchdog.expired:
        # Also when the body seems to have ended: a socket that the watchdog shut looks just like that.
        raise _late(step)


def _words(step: _Step, response: BaseHTTPResponse) -> str:
    """Return what a server says in place of a picture, as far as it says it soon."""
    body = b""
    with step.watchdog.shorter(_LISTEN), suppress(HTTPError, OSError):
        while len(body) < error_bodies.MOST and (piece := response.read1(_CHUNK, decode_content=False)):
            body += piece
    return error_bodies.words_of(body)


def _refuse_for(problem: str, address: str) -> None:
    if problem:
        shown = ssrf.redacted(address)
        raise FetchFailed(
            _("The picture's address was refused: {shown}", shown=shown),
            why=problem,
            do=_(
                "If the host is your own, add it to the setting trusted_hosts; "
                "the picture can be fetched again for free."
            ),
        )


def _failed(address: str, problem: str, do: str = "", *, again: bool = False, status: int = 0) -> FetchFailed:
    return FetchFailed(
        _("The picture could not be fetched: {shown}", shown=ssrf.redacted(address)),
        again=again,
        why=mask_keys(problem),
        do=do or _("The answer is kept; the picture can be fetched again for free."),
        status=status,
    )


def _late(step: _Step) -> FetchFailed:
    return _failed(step.address, _("it was not complete after {seconds:g} s", seconds=step.policy.deadline))
