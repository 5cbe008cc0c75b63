"""Answers one HTTP request after the other on a connection to the demo."""

import json
import os
import re
import socket
import struct
from collections.abc import Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import Any

from wenwen_magic.demo import forms
from wenwen_magic.demo.asks import SLOW, Ask, Exchange, Wording
from wenwen_magic.demo.desk import Call, Desk
from wenwen_magic.demo.replies import Reply, bad_request, cut, error, fault, json_reply, no_such_key, page, wrong_path
from wenwen_magic.demo.speakers import SPEAKERS
from wenwen_magic.demo.studio import ADDRESS

LARGEST_BODY = 128 * 1024 * 1024
SLOW_SECONDS = 3.0
TRICKLE_SECONDS = 0.5
_HOST = re.compile(r"[\w.-]{1,253}(?::\d{1,5})?|\[[0-9a-fA-F:]+\](?::\d{1,5})?", re.ASCII)
_NO_LINGER = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


class Handler(BaseHTTPRequestHandler):
    """Speaks with one client; a subclass names the desk."""

    desk: Desk
    protocol_version = "HTTP/1.1"
    server_version = "wenwen-demo"
    sys_version = ""
    timeout = 120
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Serve the formats' questions, the pictures and a page that says what this is."""
        self._note(None, 0)
        path = self._below()
        picture = ADDRESS.fullmatch(path)
        if picture:
            self._picture(picture[1])
        elif path == "/":
            self._send(page("wenwen demo", "This is a demo endpoint: its address belongs into WENWEN_BASE_URL."))
        else:
            self._serve(path, None)

    def do_POST(self) -> None:
        """Serve what the formats ask for."""
        raw = self._body()
        if isinstance(raw, Reply):
            self._note(None, 0)
            self._send_and_close(raw)
            return
        body = forms.read(raw, self.headers.get("Content-Type", "")) or _parsed(raw)
        self._note(body, len(raw))
        self._serve(self._below(), body)

    def _serve(self, path: str, body: Any) -> None:
        speaker = next((one for one in SPEAKERS if one.takes(path)), None)
        if speaker is None:
            self._send(wrong_path(self.command, path))
        else:
            speaker.serve(Exchange(self.command, path, self.path.partition("?")[2], body, self))

    def say(self, reply: Reply) -> None:
        """Send a ready answer."""
        self._send(reply)

    def perform(self, ask: Ask, wording: Wording) -> None:
        """Do what was asked: wait, fail as the directives say, or draw and word the answer."""
        asked = ask.directives
        seconds = self.desk.delay + asked.delay + (SLOW_SECONDS if ask.model == SLOW else 0.0)
        special = _special(ask)
        streams = ask.stream and not special and not asked.reset and asked.form != "data_list"
        if not streams and not self.desk.pause(seconds):
            self.close_connection = True
        elif asked.reset:
            self._reset()
        elif special:
            self._send(special)
        else:
            self._draw(ask, wording, seconds, streams=streams)

    def _draw(self, ask: Ask, wording: Wording, seconds: float, *, streams: bool) -> None:
        try:
            if ask.describe and not ask.refused:
                ask = replace(ask, words=self.desk.studio.describe(ask))
            names = [] if ask.refused or ask.describe else self.desk.studio.order(ask)
        except ValueError as problem:
            self._send(bad_request(f"Invalid request, {problem}"))
            return
        addresses = [self.address(name, inline=wording.inline(ask)) for name in names]
        if streams:
            self._stream(ask, wording, addresses, seconds)
        else:
            whole = wording.answer(ask, addresses)
            self._send(cut(whole, addresses, ask.directives.cut) if ask.directives.cut else whole)

    def address(self, name: str, *, inline: bool) -> str:
        """A picture's web address, or the picture itself as a data URI."""
        if inline:
            return self.desk.studio.data_uri(name)
        host = self.headers.get("Host", "")
        known = host if _HOST.fullmatch(host) else "{}:{}".format(*self.request.getsockname()[:2])
        return f"http://{known}/pictures/{name}.png"

    def _stream(self, ask: Ask, wording: Wording, addresses: Sequence[str], seconds: float) -> None:
        first, rest = wording.events(ask, addresses)
        chunked = self.request_version != "HTTP/1.0"
        self._head(
            200,
            "text/event-stream; charset=utf-8",
            ("Transfer-Encoding", "chunked") if chunked else ("Connection", "close"),
        )
        where = ask.directives.cut
        for event in first:
            self._chunk(event, chunked=chunked)
            if not self.desk.pause(seconds / max(1, len(first))):
                where = "early"
        for event in () if where == "early" else rest[: len(rest) - wording.ending] if where else rest:
            self._chunk(event, chunked=chunked)
        if where or not chunked:
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, data: bytes, *, chunked: bool) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) if chunked else data)

    def _picture(self, name: str) -> None:
        recipe = self.desk.studio.find(name)
        if recipe is None:
            self._send(no_such_key(f"{name}.png"))
            return
        kind, data = self.desk.studio.file(recipe)
        if recipe.asked.trickle:
            self._trickle(kind, data)
        else:
            self._send(Reply(200, data, kind))

    def _trickle(self, kind: str, data: bytes) -> None:
        self._head(200, kind, ("Content-Length", str(len(data))))
        for place in range(len(data)):
            self.wfile.write(data[place : place + 1])
            if not self.desk.pause(TRICKLE_SECONDS):
                self.close_connection = True
                return

    def _send(self, reply: Reply) -> None:
        self._head(reply.status, reply.content_type, ("Content-Length", str(len(reply.body))), *reply.headers)
        self.wfile.write(reply.body[: reply.stop_at])
        if reply.stop_at is not None:
            self.close_connection = True

    def _send_and_close(self, reply: Reply) -> None:
        self.close_connection = True
        self._send(reply)
        # What the client is still sending is read and dropped: closing at once would take the answer from it.
        self.request.shutdown(socket.SHUT_WR)
        self.request.settimeout(1.0)
        for _ in range(2 * LARGEST_BODY // 65_536):
            if not self.rfile.read1(65_536):
                return

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
        words = message or explain or "API not implemented"
        self._send(json_reply(error(words, code="api_not_implemented" if code == 501 else ""), code))  # noqa: PLR2004  HTTP's own number

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""

    def _note(self, body: Any, size: int) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.desk.log.add(Call(self.command, self.path, headers, body, size))

    def _below(self) -> str:
        path = self.path.split("?")[0]
        path = path.removeprefix("/demo") if path.startswith("/demo/") or path == "/demo" else path
        return path or "/"

    def _body(self) -> bytes | Reply:
        length = self.headers.get("Content-Length", "0")
        if self.headers.get("Transfer-Encoding"):
            return bad_request("Invalid request, Content-Length is required", 411)
        if not (length.isascii() and length.isdigit()):
            return bad_request("Invalid request, bad Content-Length")
        if len(length) > len(str(LARGEST_BODY)) or int(length) > LARGEST_BODY:
            return bad_request("request body too large", 413, "read_request_body_failed")
        return self.rfile.read(int(length))

    def _reset(self) -> None:
        self.close_connection = True
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.request.close()


def _special(ask: Ask) -> Reply | None:
    asked = ask.directives
    if asked.status:
        return fault(ask.model, asked)
    if asked.html:
        return page("wenwen", "Please enable JavaScript to run this app.")
    if asked.error200:
        return json_reply(error("upstream error: do request failed", code="bad_response", kind="upstream_error"))
    return Reply(200, b"") if asked.empty else None


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return raw
