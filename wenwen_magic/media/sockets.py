"""Opens the sockets of a download by a function of the caller's, and shuts them when the time is over."""

import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import make_headers, parse_url

Dial = Callable[[str, int], socket.socket]


class Watchdog:
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


def connect(ips: Sequence[IPv4Address | IPv6Address], port: int, wait: float, watchdog: Watchdog) -> socket.socket:
    """Connect to the first of some addresses that can be reached; a watchdog sees to the deadline.

    Args:
        ips: where to connect, in order; nothing is resolved here.
        port: the port.
        wait: longest wait for each, in seconds.
        watchdog: watches the socket, and gives the deadline.

    Raises:
        OSError: none can be reached, or the deadline has passed.
    """
    problem = OSError("no address")
    for ip in ips:
        connection = socket.socket(socket.AF_INET if isinstance(ip, IPv4Address) else socket.AF_INET6)
        try:
            connection.settimeout(min(wait, watchdog.left))
            connection.connect((str(ip), port))
            watchdog.watch(connection)
        except OSError as failure:
            connection.close()
            problem = failure
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise problem


def pool_manager(dial: Dial, *, proxy: str, ca_bundle: str | None) -> PoolManager:
    """Make a urllib3 manager whose every socket comes from ``dial``; TLS, Host and SNI stay urllib3's own.

    Args:
        dial: given host and port, of the proxy when there is one, returns a connected socket.
        proxy: the proxy's address, a user name and password included; empty for none.
        ca_bundle: file or folder of certificate authorities; None for the system's own.

    Raises:
        urllib3.exceptions.HTTPError: the proxy's address is none of http or https.
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
