"""Ask a demo endpoint over a plain connection, and read its reply."""

import http.client
import json
from urllib.parse import urlsplit

SECONDS = 20
"""How long a test waits at most."""


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


def connect(demo):
    """Open a connection that has to be closed."""
    address = urlsplit(demo.address)
    return http.client.HTTPConnection(address.hostname, address.port, timeout=SECONDS)


def ask_server(demo, method, path, body=None, headers=None):
    """Send a request; its path begins at the root."""
    connection = connect(demo)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return Reply(response, response.read())
    finally:
        connection.close()
