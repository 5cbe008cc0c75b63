"""Downloads a picture's address that a model named, and that is not trusted: the one way out for such addresses.

What describes a clip in JSON, in place of its bytes, leads on to the address that it names, as a redirect does.
The key goes with a download only to the endpoint's own scheme, host and port, over https or to this machine, when the
server has answered 401 or 403 without it, and never behind a redirect.
"""

import re
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin

from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationValueError
from urllib3.util import make_headers, parse_url

from wenwen_magic import kinds
from wenwen_magic.endpoint import bodies
from wenwen_magic.endpoint.api_key import Secret, not_for
from wenwen_magic.endpoint.bodies import clip_addresses
from wenwen_magic.endpoint.masking import mask, mask_bytes, mask_reply
from wenwen_magic.endpoint.transport import CODINGS, USER_AGENT, BoundedResponse, Deadline, unpacked
from wenwen_magic.errors import AnswerError, ImageError
from wenwen_magic.media import ssrf
from wenwen_magic.text.i18n import _
from wenwen_magic.text.sanitize import mask_keys, one_line

__all__ = ["FetchFailed", "Policy", "fetch"]

Resolve = Callable[[str, int, int, int], Sequence[tuple[Any, ...]]]

DEADLINE = 300.0
"""Seconds of a picture's whole download at most."""
_CHUNK = 1 << 18
_CONNECT = 10.0  # seconds to wait for a connection
_LOOK = 3.0
"""Seconds to wait for a name's addresses before a proxy is asked for it: without a resolver they never come."""
_LISTEN = 3.0
"""Seconds to wait for the words of a server that does not give the picture."""
_MOST_REDIRECTS = 5
_LONGEST_DESCRIPTION = 1 << 20
"""Bytes of JSON that are read for a clip's address."""
_HEADERS = {
    "User-Agent": f"Mozilla/5.0 (compatible; {USER_AGENT})",
    "Accept": "image/*,*/*;q=0.8",
    "Accept-Encoding": "identity",
}
_WHOLE = frozenset({200, 203})
_ALL = re.compile(r"bytes 0-(\d{1,18})/(\d{1,18})")
"""The range of an answer that some stores call a part (206), though nobody asked for one and it is the whole file."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LOCKED = frozenset({401, 403})
_PASSING = frozenset({202, 404, 408, 409, 425, 429})


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What may be fetched, by which way, and how much of it.

    Args:
        trusted: exact origins ``scheme://host:port`` (the user's own endpoint), and ``host`` or ``host:port`` (the
            setting ``trusted_hosts``); they may lead to private addresses, never to metadata or link-local ones.
        endpoint: the endpoint's own origin, ``scheme://host:port``; it alone is sent the key and a referer.
        key: for pictures on the endpoint itself that want it; None for none.
        foreign: whether only a project file names the endpoint: then the user's own key is not there by default.
        proxies: proxy address by scheme, ``{"http": "http://...", "https": ...}``; empty for none.
        ca_bundle: file or folder of certificate authorities; None for the system's own.
        limit: largest picture, in bytes.
        read: longest silence of a server, in seconds.
        video: whether a clip is wanted, which some servers describe in JSON in place of its bytes.
        deadline: longest time for the whole download with all redirects, in seconds; only the system's resolver
            of names, and TLS within the TLS of an https proxy, cannot be cut short.
    """

    trusted: frozenset[str] = frozenset()
    endpoint: str = ""
    key: Secret | None = None
    foreign: bool = False
    proxies: Mapping[str, str] = field(default_factory=dict)
    ca_bundle: str | None = None
    limit: int = 64 * 1024 * 1024
    video: bool = False
    read: float = 60.0
    deadline: float = DEADLINE


class FetchFailed(ImageError):
    """A picture could not be downloaded; its answer is paid for and kept, and downloading again is free.

    Args:
        what: what happened, one sentence.
        again: whether trying again at once may help.
        lasting: whether trying again can never help.
        fields: as for every error; ``charged`` is ``yes`` unless given.
    """

    def __init__(self, what: str, *, again: bool = False, lasting: bool = False, **fields: Any) -> None:
        super().__init__(what, **{"charged": "yes", **fields})
        self.again, self.lasting = again, lasting


def fetch(
    address: str,
    target: Path,
    policy: Policy,
    *,
    clock: Callable[[], float] = time.monotonic,
    resolve: Resolve = socket.getaddrinfo,
) -> None:
    """Download an address into a file, checking every address that is connected to and every redirect from the start.

    Sends no cookie, no netrc password; the key only as said at the top. What came before a failure stays in the file.

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
    step_to, redirects, key, was_secure = address, 0, None, False
    deadline = Deadline(policy.deadline, clock)
    while redirects <= _MOST_REDIRECTS:
        step = _Step(step_to, policy, deadline, resolve, key)
        if was_secure and step.place.scheme == "http" and not step.place.trusted(policy.trusted):
            raise _refused(_("a redirect leads from https to http"), step_to)
        was_secure = step.place.scheme == "https"
        with _response(step) as response:
            if redirect := _redirect(step, response):
                step_to, redirects, key = redirect, redirects + 1, None
            elif response.status in _LOCKED and not redirects and policy.key and not key and step.may_have_key:
                key = policy.key
            elif response.status in _WHOLE or _is_all(response):
                if not (named := _save(step, response, target)):
                    return
                step_to, redirects, key = mask(urljoin(step.address, named), policy.key), redirects + 1, None
            else:
                raise _not_given(step, response, address, may_have_key=not redirects and step.may_have_key)
    raise _failed(step_to, _("more than {redirects} redirects", redirects=_MOST_REDIRECTS))


class _Step:
    """One request of a download: an address, checked as far as can be before connecting, and the way to its server."""

    def __init__(
        self, address: str, policy: Policy, deadline: Deadline, resolve: Resolve, key: Secret | None = None
    ) -> None:
        if problem := ssrf.spelling_problem(address):
            raise _refused(problem, address)
        self.address, self.policy, self.deadline, self._resolve, self.key = address, policy, deadline, resolve, key
        self.place = ssrf.place_of(address)
        self.is_own = self.place.trusted({policy.endpoint})  # the endpoint itself
        # Some relays give their pictures only to pages of their own.
        self.headers = {**_HEADERS, "Referer": f"{self.place.origin}/"} if self.is_own else _HEADERS
        proxy = policy.proxies.get(self.place.scheme) or policy.proxies.get("all") or ""
        self.proxy = f"http://{proxy}" if proxy and "://" not in proxy else proxy
        if self.proxy:
            if problem := ssrf.proxied_problem(self.place, policy.trusted):
                raise _refused(problem, address)
            for ip in self._seen_from_here():
                if ip not in ssrf.FAKE and (problem := ssrf.ip_problem(ip, self.place, policy.trusted)):
                    raise _refused(problem, address)

    @property
    def may_have_key(self) -> bool:
        """Whether this is the endpoint itself, and nobody between here and there reads what is sent."""
        if not self.is_own:
            return False
        return self.place.scheme == "https" or (not self.proxy and ssrf.is_this_machine(self.place))

    def _seen_from_here(self) -> Sequence[ssrf.IP]:
        """Return the addresses that the name has here; none where they take long: only the proxy may know the name."""
        seen: list[ssrf.IP] = []

        def look() -> None:
            with suppress(OSError, UnicodeError):
                seen.extend(self._addresses(self.place.host, self.place.port))

        thread = threading.Thread(target=look, name="wenwen-look", daemon=True)
        thread.start()
        thread.join(_LOOK)
        return tuple(seen)

    def _addresses(self, host: str, port: int) -> list[ssrf.IP]:
        if written := ssrf.literal(host):
            return [written]
        rows = self._resolve(host, port, 0, socket.SOCK_STREAM)
        return [ip for row in rows if (ip := ssrf.literal(row[4][0]))]

    def dial(self, host: str, port: int) -> socket.socket:
        """Resolve once, check all answers, connect to the first that can be reached."""
        try:
            ips = self._addresses(host, port)
            for ip in () if self.proxy else ips:
                if problem := ssrf.ip_problem(ip, self.place, self.policy.trusted):
                    raise _refused(problem, self.address)
            if self.key and self.place.scheme == "http":  # whatever the name localhost leads to
                ips = [ip for ip in ips if ip.is_loopback]
            return _connect(ips, port, self.deadline)
        except (OSError, UnicodeError) as problem:
            if self.deadline.left <= 0:
                raise _late(self) from None
            raise _failed(self.address, f"{host}: {problem}", again=True) from None


def _connect(ips: Sequence[ssrf.IP], port: int, deadline: Deadline) -> socket.socket:
    """Connect to the first of some addresses that can be reached before the deadline."""
    problem = OSError("no address")
    for ip in ips:
        try:
            connection = socket.create_connection((str(ip), port), deadline.within(_CONNECT))
        except OSError as error:
            problem = error
        else:
            connection.settimeout(deadline.within(_CONNECT))  # for TLS, whose greeting has this time in all
            return connection
    raise problem


@contextmanager
def _response(step: _Step) -> Iterator[BaseHTTPResponse]:
    once: dict[str, Any] = {"redirect": False, "retries": False, "preload_content": False, "decode_content": False}
    try:
        with _pool_manager(step) as pools:
            response = pools.urlopen("GET", step.address, headers=step.headers, timeout=step.policy.read, **once)
            try:
                yield response
            finally:
                response.close()
            return
    except (HTTPError, zlib.error) as problem:
        error = _broken(step, problem)
    except AnswerError as problem:
        error = _failed(step.address, problem.what)
    except BaseException as other:
        if step.key is None:
            raise
        raise other.with_traceback(None) from None  # its frames may hold the key's header
    raise error  # out here, for inside it would carry urllib3's error and its frames


def _broken(step: _Step, problem: HTTPError | zlib.error) -> FetchFailed:
    if step.deadline.left <= 0:
        return _late(step)
    if isinstance(problem, LocationValueError):
        # Not quoted: a proxy's address may hold a password.
        return _failed(step.address, _("the proxy's address is not http:// or https://"))
    lasting = "CERTIFICATE_VERIFY_FAILED" in str(problem)
    return _failed(step.address, f"{type(problem).__name__}: {problem}", again=not lasting)


def _pool_manager(step: _Step) -> PoolManager:
    """Make a urllib3 manager whose connections are a step's own; TLS, Host and SNI stay urllib3's own."""
    ca_bundle = step.policy.ca_bundle
    kind = "ca_cert_dir" if ca_bundle and Path(ca_bundle).is_dir() else "ca_certs"
    tls: dict[str, Any] = {"cert_reqs": "CERT_REQUIRED", kind: ca_bundle}
    auth = parse_url(step.proxy).auth if step.proxy else None
    headers = dict(make_headers(proxy_basic_auth=unquote(auth))) if auth else {}
    made = ProxyManager(step.proxy, proxy_headers=headers, **tls) if step.proxy else PoolManager(**tls)
    pools: dict[str, Any] = {"http": partial(_PlainPool, step=step), "https": partial(_SecurePool, step=step)}
    # Assigned, not changed in place: the dictionary it had belongs to all of urllib3.
    made.pool_classes_by_scheme = pools
    return made


class _PlainConnection(HTTPConnection):
    response_class: Any

    def __init__(self, *args: Any, step: _Step, **options: Any) -> None:
        super().__init__(*args, **options)
        self._step = step
        self.response_class = partial(BoundedResponse, step.deadline)

    def _new_conn(self) -> socket.socket:
        return self._step.dial(self._dns_host, self.port)

    def putrequest(self, method: str, url: str, *args: Any, **options: Any) -> None:
        """Ask for the address in its own letters: a signature may be over ``%2f``, which urllib3 makes ``%2F``."""
        own = self._step.address.partition("#")[0][-len(url) :]
        super().putrequest(method, own if own.lower() == url.lower() else url, *args, **options)

    def endheaders(self, *args: Any, **options: Any) -> None:
        """Send the headers, the key's the last: no frame before holds it, and the request to a proxy does not."""
        if self._step.key:
            self.putheader("Authorization", f"Bearer {self._step.key.reveal()}")
        super().endheaders(*args, **options)


class _SecureConnection(_PlainConnection, HTTPSConnection):
    """TLS over what the step dials."""


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def _redirect(step: _Step, response: BaseHTTPResponse) -> str:
    """Return where a redirect leads; empty for an answer that is not a redirect."""
    location = response.headers.get("location", "")
    if response.status not in _REDIRECTS or not location:
        return ""
    try:
        # Headers arrive read as Latin-1; servers write UTF-8 into this one.
        plain = location.encode("latin-1").decode("utf-8", "replace").strip(" ").replace(" ", "%20")  # as browsers do
        redirect = urljoin(step.address, plain)
    except ValueError:
        redirect = location
    return mask(redirect, step.policy.key)  # a server that writes the key into it does not bring it elsewhere


def _is_all(response: BaseHTTPResponse) -> bool:
    part = _ALL.fullmatch(response.headers.get("content-range", ""))
    return bool(part and response.status == HTTPStatus.PARTIAL_CONTENT and int(part[1]) + 1 == int(part[2]))


def _save(step: _Step, response: BaseHTTPResponse, target: Path) -> str:
    """Write a body into a file; where it describes a clip instead, return where that is, else an empty text."""
    limit, encoding = step.policy.limit, _encoding(response)
    if encoding and encoding not in CODINGS:
        raise _failed(step.address, _("it is compressed ({encoding})", encoding=mask_keys(encoding)))
    size = response.length_remaining or 0
    if size <= limit:
        size, pieces = 0, unpacked(_body_in_parts(step, response), encoding, whole=True)
        if step.policy.video:
            head, pieces = _begun(pieces)
            if kinds.other_kind(head) == "JSON":
                head, pieces = _begun(pieces, _LONGEST_DESCRIPTION)
            if named := _named_clip(head):
                return named
        with target.open("wb") as file:
            for piece in _pieces(step, pieces):
                size += len(piece)
                if size > limit:
                    break
                file.write(piece)
    if size > limit:
        raise _failed(step.address, _("it is larger than {limit} bytes", limit=limit))
    return ""


def _body(response: BaseHTTPResponse) -> Iterator[bytes]:
    return iter(partial(response.read1, _CHUNK, decode_content=False), b"")


def _body_in_parts(step: _Step, response: BaseHTTPResponse) -> Iterator[bytes]:
    """Yield a body; where a clip breaks off, ask for the rest, if its server tells what that is a part of."""
    came, whole, told = 0, response.length_remaining or 0, _version(response)
    broken: HTTPError | None = None
    with ExitStack() as parts:
        while True:
            begun = came
            try:
                for piece in _body(response):
                    came += len(piece)
                    yield piece
            except HTTPError as problem:
                broken = problem
            if broken is None or came >= whole > 0:
                return
            if came == begun or not (step.policy.video and whole and told[0].startswith('"')):
                raise broken
            step.headers = {**step.headers, "Range": f"bytes={came}-", "If-Range": told[0]}
            response = parts.enter_context(_response(step))
            is_rest = response.headers.get("content-range", "").startswith(f"bytes {came}-")
            if not is_rest or response.status != HTTPStatus.PARTIAL_CONTENT or _version(response) != told:
                raise broken


def _version(response: BaseHTTPResponse) -> tuple[str, str]:
    return response.headers.get("etag", ""), _encoding(response)


def _begun(pieces: Iterator[bytes], enough: int = kinds.HEAD) -> tuple[bytes, Iterator[bytes]]:
    """Return the begin of a body, of which some bytes tell what it is, and all of the body, which may break off there.

    Args:
        pieces: of the body as it comes.
        enough: bytes of the begin, or fewer where the body has no more.
    """
    head, rest = b"", pieces
    try:
        while len(head) < enough and (piece := next(pieces, b"")):
            head += piece
    except (HTTPError, OSError, AnswerError, FetchFailed, zlib.error) as problem:
        rest = _raising(problem)
    return head, chain(filter(None, [head]), rest)


def _raising(problem: Exception) -> Iterator[bytes]:
    yield from ()
    raise problem


def _named_clip(body: bytes) -> str:
    """Return the address of the clip that a body describes in JSON, or that is all of it; empty for any other body."""
    told = body.decode("utf-8", "replace").strip('\ufeff" \t\r\n')
    is_words = told[:1] not in {"{", "["} and len(told.split()) != 1
    return "" if is_words else next(iter(clip_addresses(told)), "")


def _pieces(step: _Step, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield a body as it comes, but no text that was asked for with the key: it may be anything of the user's account.

    Raises:
        FetchFailed: it is such a text; nothing of it is kept or quoted.
    """
    if not step.key:
        return pieces
    head, pieces = _begun(pieces)
    begin = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if kinds.kind_of(begin, (*kinds.PICTURES, *kinds.VIDEOS)):
        return pieces
    if head and kinds.other_kind(begin) in {"", *kinds.TEXTS}:
        # In place of a clip it may say that the clip is not there yet.
        raise _failed(step.address, _("with your key came a text, not a picture or clip"), again=step.policy.video)
    return _without_key(pieces, step.key)  # such as HEIC: kept, and not shown


def _without_key(pieces: Iterator[bytes], key: Secret) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        whole, rest = mask_bytes(rest + piece, key)
        yield whole
    yield rest


def _encoding(response: BaseHTTPResponse) -> str:
    """Return how a body is packed; empty for one that is not."""
    codings = (name.strip().lower() for name in response.headers.get("content-encoding", "").split(","))
    # The last is left by uploads, and says nothing of what the store gives.
    return ", ".join(name for name in codings if name not in {"", "identity", "aws-chunked"})


def _not_given(step: _Step, response: BaseHTTPResponse, address: str, *, may_have_key: bool) -> FetchFailed:
    """Make the error for a picture that its server does not give, or does not give to everybody.

    Args:
        step: the last request.
        response: its answer.
        address: what the model returned, to be opened in a browser.
        may_have_key: whether a key, or another key, may help.
    """
    words, status = _words(step, response), response.status
    why = _("the server answered HTTP {status}", status=status)
    if step.key and status in _LOCKED:
        why = _("the server answered HTTP {status}, with your key too", status=status)
    why = f"{why}: {words}" if words else why
    expired = bodies.advice_on(words)
    if expired or status not in _LOCKED:
        # new-api answers 400 where a clip is done, and not everywhere yet.
        early = status == HTTPStatus.BAD_REQUEST and step.policy.video and step.is_own
        again = not expired and (early or status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR)
        return _failed(step.address, why, expired, again=again, lasting=bool(expired), status=status)
    lasting = status == HTTPStatus.UNAUTHORIZED and not may_have_key
    kept = _("The picture is paid, and its address is kept.") if lasting else _free_again()
    key = _("Your key goes only to the endpoint itself, over https, and never behind a redirect.")
    if may_have_key:
        key = _("Set a key that may fetch it: %wenwen key.")
        if step.policy.foreign and not step.policy.key:
            key = not_for(step.place.origin).do
    # Whole, and with a signature that looks like a key: else it opens nothing. It is at most ssrf.LONGEST long.
    browser = _("Open it in a browser: {address}", address=one_line(mask(address, step.policy.key)))
    # An object store may not have the picture yet, and says it so; the endpoint itself knows its pictures.
    again = status == HTTPStatus.FORBIDDEN and not step.is_own
    return _failed(step.address, why, f"{key} {browser} {kept}", again=again, lasting=lasting, status=status)


def _words(step: _Step, response: BaseHTTPResponse) -> str:
    """Return what a server says in place of a picture, as far as it says it soon."""
    if (encoding := _encoding(response)) and encoding not in CODINGS:
        return ""
    step.deadline.shorten(_LISTEN)
    body, _rest = _begun(unpacked(_body(response), encoding), 2 * bodies.MOST_READ)
    clean = mask_reply([body], step.policy.key) or body
    # Once more also where a run of letters looked like a picture's: the words are cut, through a key that is left too.
    return bodies.words_of(mask(clean.decode("latin-1"), step.policy.key).encode("latin-1"))


def _refused(problem: str, address: str) -> FetchFailed:
    return FetchFailed(
        _("The picture's address was refused: {shown}", shown=ssrf.redacted(address)),
        why=problem,
        do=_(
            "If the host is your own, add it to the setting trusted_hosts; the picture can be fetched again for free."
        ),
    )


def _failed(address: str, problem: str, do: str = "", **more: Any) -> FetchFailed:
    return FetchFailed(
        _("The picture could not be fetched: {shown}", shown=ssrf.redacted(address)),
        why=mask_keys(problem),
        do=do or _free_again(),
        **more,
    )


def _free_again() -> str:
    return _("The answer is kept; the picture can be fetched again for free.")


def _late(step: _Step) -> FetchFailed:
    return _failed(step.address, _("it was not complete after {seconds:g} s", seconds=step.policy.deadline))
