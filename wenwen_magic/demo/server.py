"""Serves the demo endpoint on a thread of its own: a relay on this machine that paints by itself."""

import json
import os
import re
import socket
import struct
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Event, Thread
from typing import Any, Self

from wenwen_magic.demo import chat, exchange, gemini, images, midjourney, videos
from wenwen_magic.demo.exchange import Ask, Format, Question, Refused, Reply, Studio
from wenwen_magic.errors import ConfigError
from wenwen_magic.kinds import data_uri
from wenwen_magic.text.i18n import _

FORMATS = (chat.FORMAT, gemini.FORMAT, images.FORMAT, midjourney.FORMAT, videos.FORMAT, chat.MODELS)
LARGEST_BODY = 128 << 20
SLOW_SECONDS, TRICKLE_SECONDS = 3.0, 0.5
_HOST = re.compile(r"[\w.-]{1,253}(?::\d{1,5})?|\[[0-9a-fA-F:]+\](?::\d{1,5})?", re.ASCII)
_NO_LINGER = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


class DemoServer:
    """The demo endpoint: models and pictures in the relay's shapes, painted here, nothing to pay.

    Args:
        host: the address to listen at.
        port: 0 for any that is free.
        delay: seconds before each answer.
        wait: lets seconds pass; None waits in real time and ends early when the server stops.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        delay: float = 0.0,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self._place, self.delay, self._wait = (host, port), delay, wait
        self._stopped = Event()
        self._listener: _Listener | None = None
        self.studio = Studio()
        self.address = ""

    def start(self) -> str:
        """Begin to listen, and return the base address, such as ``http://127.0.0.1:8010/demo``.

        Raises:
            ConfigError: the port is in use, or the host is not an address of this machine.
        """
        if self._listener is None:
            self._stopped = Event()
            try:
                self._listener = _Listener(self._place, type("OwnHandler", (_Handler,), {"demo": self}))
            except (OSError, OverflowError) as problem:
                host, port = self._place
                hint = _("Another program may use the port: choose another one.")
                what = _("The demo cannot listen at {host}, port {port}.", host=host, port=port)
                raise ConfigError(what, why=str(problem), do=hint) from problem
            self.address = "http://{}:{}/demo".format(*self._listener.server_address[:2])
            Thread(target=self._listener.serve_forever, args=(0.05,), name="wenwen-demo", daemon=True).start()
        return self.address

    def stop(self) -> None:
        """Stop at once: close the port, and let go of those that still wait for an answer."""
        listener, self._listener = self._listener, None
        self._stopped.set()
        if listener is not None:
            listener.shutdown()
            listener.server_close()

    def heard(self, method: str, path: str, headers: Mapping[str, str], body: Any) -> None:
        """Take note of a request, before it is answered; the demo itself keeps none.

        Args:
            method: ``GET`` or ``POST``.
            path: as it was sent.
            headers: as they were sent.
            body: parsed JSON or a form; the bytes when they are neither; None without a body.
        """

    def pause(self, seconds: float) -> bool:
        """Let seconds pass; tells whether the server still runs."""
        if seconds > 0:
            (self._wait or self._stopped.wait)(seconds)
        return not self._stopped.is_set()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Listener(ThreadingTCPServer):
    """The listening socket."""

    daemon_threads = True
    request_queue_size = 128
    # On Windows this option would let two programs share one port.
    allow_reuse_address = os.name != "nt"

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that goes away is ordinary; anything else is a bug of ours and is shown.
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Answers one request after the other on a connection; a subclass names the demo."""

    demo: DemoServer
    protocol_version = "HTTP/1.1"
    server_version = "wenwen-demo"
    sys_version = ""
    timeout = 120
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Serve the formats' questions, the pictures and a page that says what this is."""
        path = self._heard(None)
        if picture := exchange.PICTURE.fullmatch(path):
            self._send_picture(picture[1])
        elif path == "/":
            words = "This is a demo endpoint: its address belongs into WENWEN_BASE_URL."
            self._send(exchange.page("wenwen demo", words))
        else:
            self._serve(path, None)

    def do_POST(self) -> None:
        """Serve what the formats ask for."""
        length, chunked = self.headers.get("Content-Length", "0"), self.headers.get("Transfer-Encoding")
        if chunked or not (length.isascii() and length.isdigit()):
            words = "Content-Length is required" if chunked else "bad Content-Length"
            self._refuse(exchange.error_reply(f"Invalid request, {words}", 411 if chunked else 400))
        elif len(length) > len(str(LARGEST_BODY)) or int(length) > LARGEST_BODY:
            self._refuse(exchange.error_reply("request body too large", 413, "read_request_body_failed"))
        else:
            raw = self.rfile.read(int(length))
            body = images.form_in(raw, self.headers.get("Content-Type", "")) or _parsed(raw)
            self._serve(self._heard(body), body)

    def _refuse(self, reply: Reply) -> None:
        """Refuse a body unread; what the client is still sending is dropped, or closing would take the answer away."""
        self._heard(None)
        self.close_connection = True
        self._send(reply)
        self.request.shutdown(socket.SHUT_WR)
        self.request.settimeout(1.0)
        for _block in range(2 * LARGEST_BODY // 65_536):
            if not self.rfile.read1(65_536):
                return

    def _heard(self, body: Any) -> str:
        """Tell the server of a request, and return its path below the demo's address."""
        self.demo.heard(self.command, self.path, dict(self.headers.items()), body)
        path = self.path.partition("?")[0]
        return (path.removeprefix("/demo") if path.startswith("/demo/") or path == "/demo" else path) or "/"

    def _serve(self, path: str, body: Any) -> None:
        """Let the format that the path belongs to understand the request, and do what it asks."""
        if not self.demo.pause(0):  # a connection from before the server stopped
            self.close_connection = True
            return
        host = self.headers.get("Host", "")
        known = host if _HOST.fullmatch(host) else "{}:{}".format(*self.request.getsockname()[:2])
        query = self.path.partition("?")[2]
        question = Question(self.command, path, query, body, f"http://{known}", self.demo.studio)
        spoken = next((each for each in FORMATS if each.path.fullmatch(path)), None)
        if spoken is None:
            self._send(exchange.wrong_path(question))
            return
        try:
            ask = spoken.read(question)
            if isinstance(ask, Reply):
                self._send(ask)
            else:
                self._perform(ask, spoken, question.root)
        except Refused as refused:
            self._send(*refused.args)
        except ValueError as problem:
            self._send(spoken.refuse(str(problem)))

    def _perform(self, ask: Ask, spoken: Format, root: str) -> None:
        """Wait, fail as the directives say, or paint and word the answer."""
        asked, studio = ask.directives, self.demo.studio
        seconds = self.demo.delay + asked.delay + (SLOW_SECONDS if ask.model == exchange.SLOW else 0.0)
        instead = exchange.special(ask)
        streams = ask.stream and not instead and not asked.reset and asked.form != "data_list"
        if not streams and not self.demo.pause(seconds):
            self.close_connection = True
        elif asked.reset:
            self.close_connection = True
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self.request.close()
        elif instead:
            self._send(instead)
        else:
            if ask.describe and not ask.refused:
                ask = replace(ask, words=studio.describe(ask))
            pictures = [] if ask.refused or ask.describe else studio.order(ask)
            addresses = [f"{root}/pictures/{each.file_name}" for each in pictures]
            if spoken.inline(ask):
                files = map(studio.file, pictures)
                addresses = [data_uri(content_type.partition(";")[0], data) for content_type, data in files]
            if streams:
                self._stream(ask, spoken, addresses, seconds)
            else:
                whole = spoken.answer(ask, addresses)
                self._send(exchange.cut(whole, addresses, asked.cut) if asked.cut else whole)

    def _stream(self, ask: Ask, spoken: Format, addresses: Sequence[str], seconds: float) -> None:
        first, rest = spoken.events(ask, addresses)
        chunked = self.request_version != "HTTP/1.0"
        length = ("Transfer-Encoding", "chunked") if chunked else ("Connection", "close")
        self._head(200, "text/event-stream; charset=utf-8", length)
        where = ask.directives.cut
        for event in first:
            self._chunk(event, chunked=chunked)
            if not self.demo.pause(seconds / max(1, len(first))):
                where = "early"
        for event in () if where == "early" else rest[: len(rest) - spoken.ending] if where else rest:
            self._chunk(event, chunked=chunked)
        if where or not chunked:
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, data: bytes, *, chunked: bool) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) if chunked else data)

    def _send_picture(self, name: str) -> None:
        ask = self.demo.studio.find(name)
        if ask is None:
            self._send(exchange.no_such_key(f"{name}.png"))
            return
        kind, data = self.demo.studio.file(ask)
        if not ask.directives.trickle:
            self._send(Reply(200, data, kind))
            return
        self._head(200, kind, ("Content-Length", str(len(data))))
        for place in range(len(data)):
            if not self.demo.pause(TRICKLE_SECONDS):
                self.close_connection = True
                return
            self.wfile.write(data[place : place + 1])

    def _send(self, reply: Reply) -> None:
        self._head(reply.status, reply.content_type, ("Content-Length", str(len(reply.body))), *reply.headers)
        self.wfile.write(reply.body[: reply.stop_at])
        if reply.stop_at is not None:
            self.close_connection = True

    def _head(self, status: int, kind: str, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (("Content-Type", kind), *headers):
            self.send_header(name, value)
        self.end_headers()

    def end_headers(self) -> None:
        """Say on every answer that a demo gave it."""
        self.send_header("X-Wenwen-Demo", "1")
        if self.close_connection:
            self.send_header("Connection", "close")
        super().end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what the standard library refuses (an unknown method, a broken request line) as JSON."""
        self.close_connection = True
        code_word = "api_not_implemented" if code == HTTPStatus.NOT_IMPLEMENTED else ""
        self._send(exchange.error_reply(message or explain or "API not implemented", code, code_word))

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""


def _parsed(raw: bytes) -> Any:
    with suppress(ValueError, RecursionError):
        return json.loads(raw)
    return raw
