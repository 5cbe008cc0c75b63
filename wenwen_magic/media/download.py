"""Downloads a picture's address that a model named, and that is not trusted: the one way out for such addresses."""

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import HTTPError, LocationValueError

from wenwen_magic.errors import ImageError, mask
from wenwen_magic.media import ssrf
from wenwen_magic.media.sockets import Watchdog, connect, pool_manager
from wenwen_magic.media.ssrf import Policy
from wenwen_magic.text.i18n import _

__all__ = ["FetchFailed", "Policy", "fetch"]

Resolve = Callable[[str, int, int, int], Sequence[tuple[Any, ...]]]

_CHUNK = 1 << 18
_WHOLE = frozenset({200, 203})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({403, 404, 408, 429})


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

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), again=self.again, **self.as_dict()), (self.what,)


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
    with Watchdog(policy.deadline, clock) as watchdog:
        for _hop in range(policy.redirects + 1):
            step = _Step(address, policy, watchdog, resolve)
            with _response(step) as response:
                redirect = _redirect(step, response)
                if not redirect:
                    return _save(step, response, target)
            address = redirect
    raise _failed(address, _("more than {redirects} redirects", redirects=policy.redirects))


class _Step:
    """One request of a download: an address, checked as far as can be before connecting, and the way to its server."""

    def __init__(self, address: str, policy: Policy, watchdog: Watchdog, resolve: Resolve) -> None:
        _refuse_for(ssrf.spelling_problem(address), address)
        self.address, self.policy, self.watchdog, self._resolve = address, policy, watchdog, resolve
        self.place = ssrf.place_of(address)
        proxy = policy.proxies.get(self.place.scheme) or policy.proxies.get("all") or ""
        self.proxy = f"http://{proxy}" if proxy and "://" not in proxy else proxy
        if self.proxy:
            _refuse_for(ssrf.proxied_problem(self.place, policy.trusted), address)

    def dial(self, host: str, port: int) -> socket.socket:
        """Resolve once, check all answers, connect to the first that can be reached."""
        try:
            written = ssrf.literal(host)
            rows = () if written else self._resolve(host, port, 0, socket.SOCK_STREAM)
            ips = [written] if written else [ip for row in rows if (ip := ssrf.literal(row[4][0]))]
            for ip in () if self.proxy else ips:
                _refuse_for(ssrf.ip_problem(ip, self.place, self.policy.trusted), self.address)
            return connect(ips, port, self.policy.connect, self.watchdog)
        except (OSError, UnicodeError) as problem:
            if self.watchdog.expired:
                raise _late(self) from None
            raise _failed(self.address, f"{host}: {problem}", again=True) from None


@contextmanager
def _response(step: _Step) -> Iterator[BaseHTTPResponse]:
    headers = {"User-Agent": step.policy.user_agent, "Accept": "image/*,*/*;q=0.8", "Accept-Encoding": "identity"}
    left = step.watchdog.left
    wait = Timeout(connect=min(step.policy.connect, left), read=min(step.policy.read, left))
    once: dict[str, Any] = {"redirect": False, "retries": False, "preload_content": False, "decode_content": False}
    try:
        with pool_manager(step.dial, proxy=step.proxy, ca_bundle=step.policy.ca_bundle) as pools:
            response = pools.urlopen("GET", step.address, headers=headers, timeout=wait, **once)
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
        again = status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        raise _failed(step.address, why, again=again, status=status)
    if encoding not in {"", "identity"}:
        raise _failed(step.address, _("it came packed ({encoding})", encoding=mask(encoding)))
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


def _failed(address: str, problem: str, *, again: bool = False, status: int = 0) -> FetchFailed:
    return FetchFailed(
        _("The picture could not be fetched: {shown}", shown=ssrf.redacted(address)),
        again=again,
        why=mask(problem),
        do=_("The answer is kept; the picture can be fetched again for free."),
        status=status,
    )


def _late(step: _Step) -> FetchFailed:
    return _failed(step.address, _("it was not there after {seconds:g} s", seconds=step.policy.deadline))
