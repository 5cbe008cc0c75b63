"""Fetches a picture's address that a model returned and nobody vouches for: the one safe way out."""

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import HTTPError, LocationValueError

from wenwen_magic.errors import ImageError, mask
from wenwen_magic.media.sockets import Watchdog, connect, manager
from wenwen_magic.media.ssrf import (
    IP,
    Policy,
    ip_problem,
    literal,
    place_of,
    proxied_problem,
    shown,
    spelling_problem,
    step_problem,
)
from wenwen_magic.text.i18n import _

__all__ = ["Download", "FetchFailed", "Policy", "fetch"]

Resolve = Callable[[str, int, int, int], Sequence[tuple[Any, ...]]]

_CHUNK = 65536
_WHOLE = frozenset({200, 203})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({403, 404, 408, 429})


@dataclass(frozen=True)
class Download:
    """A file that was fetched whole.

    Args:
        path: where it was written.
        size: in bytes.
        content_type: the header as it came, lower case; it may lie.
        address: where it was found after all redirects.
    """

    path: Path
    size: int
    content_type: str
    address: str


class FetchFailed(ImageError):
    """A picture could not be fetched; its answer is paid for and kept, and fetching again is free.

    Args:
        what: what happened, one sentence.
        again: whether trying again may help.
        fields: as for every error; ``charged`` is ``yes`` unless given.
    """

    def __init__(self, what: str, *, again: bool = False, **fields: Any) -> None:
        super().__init__(what, **{"charged": "yes", **fields})
        self.again = again

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), again=self.again, **self.as_dict()), (self.what,)


def fetch(
    address: str,
    target: Path,
    policy: Policy,
    *,
    clock: Callable[[], float] = time.monotonic,
    resolve: Resolve = socket.getaddrinfo,
) -> Download:
    """Fetch an address into a file, judging every address that is dialled and every redirect from the start.

    Sends no key, no cookie, no netrc password. What came before a failure stays in the file.

    Args:
        address: what the model returned.
        target: the file to write; the caller renames or removes it.
        policy: trust, proxies and limits.
        clock: gives the time in seconds.
        resolve: stands for ``socket.getaddrinfo``.

    Raises:
        FetchFailed: the address was refused, the download failed, or it was too big; ``again`` tells which may pass.
        OSError: the file cannot be written.
    """
    with Watchdog(policy.deadline, clock) as watchdog:
        for _hop in range(policy.redirects + 1):
            trip = _Trip(address, policy, watchdog, resolve)
            with _answer(trip) as response:
                onward = _onward(trip, response)
                if not onward:
                    return _save(trip, response, target)
            address = onward
    raise _failed(address, _("more than {redirects} redirects", redirects=policy.redirects))


class _Trip:
    """One request of a download: an address, judged as far as can be before dialling, and the way to its server."""

    def __init__(self, address: str, policy: Policy, watchdog: Watchdog, resolve: Resolve) -> None:
        _stop_if(spelling_problem(address), address)
        self.address, self.policy, self.watchdog, self._resolve = address, policy, watchdog, resolve
        self.place = place_of(address)
        proxy = policy.proxies.get(self.place.scheme) or policy.proxies.get("all") or ""
        self.proxy = f"http://{proxy}" if proxy and "://" not in proxy else proxy
        if self.proxy:
            _stop_if(proxied_problem(self.place, policy.trusted), address)

    def dial(self, host: str, port: int) -> socket.socket:
        """Resolve once, judge all answers, connect to the first that can be reached."""
        try:
            found = self._found(host, port)
            for ip in () if self.proxy else found:
                _stop_if(ip_problem(ip, self.place, self.policy.trusted), self.address)
            return connect(found, port, self.policy.connect, self.watchdog)
        except (OSError, UnicodeError) as problem:
            if self.watchdog.expired:
                raise _late(self) from None
            raise _failed(self.address, f"{host}: {problem}", again=True) from None

    def _found(self, host: str, port: int) -> list[IP]:
        written = literal(host)
        if written:
            return [written]
        rows = self._resolve(host, port, 0, socket.SOCK_STREAM)
        return [ip for ip in (literal(row[4][0]) for row in rows) if ip]


@contextmanager
def _answer(trip: _Trip) -> Iterator[BaseHTTPResponse]:
    headers = {"User-Agent": trip.policy.user_agent, "Accept": "image/*,*/*;q=0.8", "Accept-Encoding": "identity"}
    wait = Timeout(connect=min(trip.policy.connect, trip.watchdog.left), read=min(trip.policy.read, trip.watchdog.left))
    once: dict[str, Any] = {"redirect": False, "retries": False, "preload_content": False, "decode_content": False}
    try:
        with manager(trip.dial, proxy=trip.proxy, ca_bundle=trip.policy.ca_bundle) as pools:
            response = pools.urlopen("GET", trip.address, headers=headers, timeout=wait, **once)
            try:
                yield response
            finally:
                response.close()
    except HTTPError as problem:
        raise _broken(trip, problem) from None


def _onward(trip: _Trip, response: BaseHTTPResponse) -> str:
    """Where a redirect leads, allowed as a step from here; empty for an answer that is no redirect."""
    location = response.headers.get("location", "")
    if response.status not in _REDIRECTS or not location:
        return ""
    try:
        # Headers arrive read as Latin-1; servers write UTF-8 into this one.
        onward = urljoin(trip.address, location.encode("latin-1").decode("utf-8", "replace"))
    except ValueError:
        onward = location
    _stop_if(step_problem(trip.place, onward, trip.policy.trusted), onward)
    return onward


def _save(trip: _Trip, response: BaseHTTPResponse, target: Path) -> Download:
    _check_head(trip, response)
    size = 0
    with target.open("wb") as file:
        for piece in iter(partial(response.read1, _CHUNK, decode_content=False), b""):
            size += len(piece)
            if size > trip.policy.limit:
                raise _too_big(trip)
            if trip.watchdog.expired:
                break
            file.write(piece)
    if trip.watchdog.expired:
        # Also when the body seems to have ended: a socket that the watchdog shut looks just like that.
        raise _late(trip)
    return Download(target, size, response.headers.get("content-type", "").lower(), trip.address)


def _check_head(trip: _Trip, response: BaseHTTPResponse) -> None:
    status, encoding = response.status, response.headers.get("content-encoding", "").strip().lower()
    if status not in _WHOLE:
        words = _("the server answered HTTP {status}", status=status)
        raise _failed(
            trip.address, words, again=status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR, status=status
        )
    if encoding not in {"", "identity"}:
        raise _failed(trip.address, _("it came packed ({encoding})", encoding=mask(encoding)))
    if (response.length_remaining or 0) > trip.policy.limit:
        raise _too_big(trip)


def _stop_if(problem: str, address: str) -> None:
    if not problem:
        return
    raise FetchFailed(
        _("The picture's address was refused: {shown}", shown=shown(address)),
        why=problem,
        do=_(
            "If the host is your own, add it to the setting trusted_hosts; the picture can be fetched again for free."
        ),
    )


def _failed(address: str, problem: str, *, again: bool = False, status: int = 0) -> FetchFailed:
    return FetchFailed(
        _("The picture could not be fetched: {shown}", shown=shown(address)),
        again=again,
        why=mask(problem),
        do=_("The answer is kept; the picture can be fetched again for free."),
        status=status,
    )


def _too_big(trip: _Trip) -> FetchFailed:
    limit = trip.policy.limit
    return _failed(trip.address, _("it is larger than {limit} bytes", limit=limit))


def _late(trip: _Trip) -> FetchFailed:
    seconds = trip.policy.deadline
    return _failed(trip.address, _("it was not there after {seconds:g} s", seconds=seconds), again=False)


def _broken(trip: _Trip, problem: HTTPError) -> FetchFailed:
    if trip.watchdog.expired:
        return _late(trip)
    if isinstance(problem, LocationValueError):
        # Not quoted: a proxy's address may hold a password.
        return _failed(trip.address, _("the proxy's address is not http:// or https://"))
    lasting = "CERTIFICATE_VERIFY_FAILED" in str(problem)
    return _failed(trip.address, f"{type(problem).__name__}: {problem}", again=not lasting)
