"""Ask a demo endpoint over a plain connection, and read its reply."""

import http.client
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from wenwen_magic import demo

SECONDS = 20
"""How long a test waits at most."""


@dataclass(frozen=True)
class Call:
    """A request as the demo got it; its headers have small letters."""

    method: str
    path: str
    headers: dict[str, str] = field(repr=False)
    body: Any = field(repr=False)


class DemoServer(demo.DemoServer):
    """A demo endpoint that keeps the requests that it gets: all are its ``calls``, those that may cost its ``posts``."""

    def __init__(self, **more):
        super().__init__(**more)
        self.calls = []

    def heard(self, method, path, headers, body):
        self.calls.append(Call(method, path, {name.lower(): value for name, value in headers.items()}, body))

    @property
    def posts(self):
        return [call for call in self.calls if call.method == "POST"]


class Reply:
    """A whole reply; its headers have small letters."""

    def __init__(self, response, body):
        self.status, self.body = response.status, body
        self.headers = {name.lower(): value for name, value in response.getheaders()}

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def kind(self):
        return self.headers["content-type"]

    @property
    def fault(self):
        return self.json["error"]


def connect(server):
    """Open a connection that has to be closed."""
    address = urlsplit(server.address)
    return http.client.HTTPConnection(address.hostname, address.port, timeout=SECONDS)


def ask_server(server, method, path, body=None, headers=None):
    """Send a request; its path begins at the root."""
    connection = connect(server)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return Reply(response, response.read())
    finally:
        connection.close()
