"""Servers on loopback that say what they are told to, and fixtures that lead a download to them."""

import socket
import ssl
import threading
from contextlib import suppress

import pytest

from wenwen_magic.media.download import FetchFailed, Policy, fetch

PATIENCE = (0.2, 2.0, 20.0)
"""Silences to bear in turn, in seconds: under load a server may not hear what it is asked within the first."""
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 300
PUBLIC = "93.184.216.34"
# A key made for these tests alone, with its self-signed certificate for pictures.example (2020 to 2120).
PEM = """-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgWH9XrCFfXmbetLiG
GATJF3H9HnTUP63jLlLG+VmTkF+hRANCAASX9YSfr+R3LIJjZ3CrRNcST7OaILAu
8ThhfbR5aGlAolcJB5RrVOcv14gQ5KMuc2Gh2lKXOM4ZPdQIhgWOCYYF
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBqzCCAVKgAwIBAgIBATAKBggqhkjOPQQDAjAdMRswGQYDVQQDDBJ3ZW53ZW4t
bWFnaWMgdGVzdHMwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMB0x
GzAZBgNVBAMMEndlbndlbi1tYWdpYyB0ZXN0czBZMBMGByqGSM49AgEGCCqGSM49
AwEHA0IABJf1hJ+v5HcsgmNncKtE1xJPs5ogsC7xOGF9tHloaUCiVwkHlGtU5y/X
iBDkoy5zYaHaUpc4zhk91AiGBY4JhgWjgYAwfjAbBgNVHREEFDASghBwaWN0dXJl
cy5leGFtcGxlMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgKEMB0GA1Ud
DgQWBBQ10CixPUB3TcrKNxBXYM3nwF15pjAfBgNVHSMEGDAWgBQ10CixPUB3TcrK
NxBXYM3nwF15pjAKBggqhkjOPQQDAgNHADBEAiBfbRuV8CtmroaShv80mY7cyY+8
mFh0R/lhe/rUYAC2mgIgMW3ZOyPgLm8IoBn/CwgBhUMosxdeF24mVINW73qO7cY=
-----END CERTIFICATE-----
"""


def reply(*headers, body=PNG, status="200 OK"):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: Image/PNG", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def moved(location, status="302 Found"):
    return reply(f"Location: {location}", "Set-Cookie: a=b", body=b"elsewhere", status=status)


def trickle(first):
    """Say something, then a byte every 20 ms, for five seconds at most."""

    def script(connection):
        connection.sendall(first)
        for _ in range(250):
            connection.sendall(b"x")
            threading.Event().wait(0.02)

    return script


class Server:
    """Answers connection after connection on loopback, each by the next script; remembers what it was asked."""

    def __init__(self, scripts):
        self.asked, self._scripts, self._over = [], scripts, threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.port = self._listener.getsockname()[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        """Play the scripts; who comes behind the last, or behind one that failed, is refused and does not wait."""
        with self._listener:
            for script in self._scripts:
                connection = self._accept()
                if connection is None:
                    return
                with connection, suppress(OSError):
                    self._play(connection, script)

    def _accept(self):
        while not self._over.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            connection.settimeout(5)
            return connection
        return None

    def _play(self, connection, script):
        if isinstance(script, tuple):  # a TLS context, and what to say below it
            with script[0].wrap_socket(connection, server_side=True) as secure:
                return self._play(secure, script[1])
        self.hear(connection)
        return connection.sendall(script) if isinstance(script, bytes) else script(connection)

    def hear(self, connection):
        head = b""
        while b"\r\n\r\n" not in head and (piece := connection.recv(1)):
            head += piece
        if not head:  # a client that went before it asked: another may come
            raise ConnectionAbortedError
        self.asked.append(head.decode("latin-1"))

    def stop(self):
        self._over.set()
        self._thread.join(10)
        assert not self._thread.is_alive()


@pytest.fixture
def serve():
    servers = []

    def start(*scripts):
        servers.append(Server(scripts))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def routes(monkeypatch):
    """Where dials of public addresses end up instead, as loopback ports; any other address counts as unreachable."""
    table, real = {}, socket.socket.connect

    def connect(self, sockaddr):
        if sockaddr[0] != "127.0.0.1" and sockaddr[0] not in table:
            raise ConnectionRefusedError("trapped")
        real(self, ("127.0.0.1", table.get(sockaddr[0], sockaddr[1])))

    monkeypatch.setattr(socket.socket, "connect", connect)
    return table


@pytest.fixture
def tls(tmp_path):
    """What a server for pictures.example wraps its connections with; its authority is in ``tmp_path / "pem"``."""
    (tmp_path / "pem").write_text(PEM)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pem")
    return context


@pytest.fixture
def failing(tmp_path):
    """Fetches what must fail, and gives the error."""

    def attempt(address, policy, **options):
        with pytest.raises(FetchFailed) as caught:
            fetch(address, tmp_path / "x", policy, **options)
        assert caught.value.charged == "yes"
        return caught.value

    return attempt


def policy(*trusted, **options):
    return Policy(trusted=frozenset(trusted), **options)


def answering(*ips):
    """A resolver that answers one address after another, one for each question; the questions are its ``asked``."""
    left, asked = iter(ips), []

    def resolve(host, port, _family, kind):
        asked.append(host)
        return [(socket.AF_INET, kind, 6, "", (next(left), port))]

    resolve.asked = asked
    return resolve


def nowhere(*_):
    """A resolver that knows no name."""
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
