"""A key that goes into the address stands beside what is there, and no error, frame, record or message holds it."""

import json
import logging
import re

import pytest
from support.clock import Ticks
from test_transport import POST, relay, said, whole
from test_transport_key import PLAIN, broken_at, held, verbose

from wenwen_magic import Client
from wenwen_magic.endpoint.api_key import Secret
from wenwen_magic.endpoint.transport import IN_ADDRESS, Transport, normalised
from wenwen_magic.errors import WenwenError
from wenwen_magic.protocol import HttpCall

__all__ = ["relay"]
STREAM = HttpCall("POST", "/v1beta/models/m:streamGenerateContent?alt=sse", {"contents": []}, stream=True)
AUTH = (f"{IN_ADDRESS}key", "{key}")


def failing(origin, call=STREAM):
    with pytest.raises(WenwenError) as caught:
        whole(Transport(origin, Secret(PLAIN), clock=Ticks(), read=0.2).send(call, AUTH))
    return caught.value


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (STREAM, f"/v1beta/models/m:streamGenerateContent?alt=sse&key={PLAIN}"),
        (POST, f"/v1/chat/completions?key={PLAIN}"),
    ],
)
def test_the_key_joins_the_address_and_stands_in_no_header(call, line, relay):
    server = relay(said())
    whole(Transport(server.origin, Secret(PLAIN)).send(call, AUTH))
    assert server.asked[0].startswith(f"POST {line} HTTP/1.1\r\n")
    assert server.asked[0].count(PLAIN) == 1


def test_signs_of_a_key_that_mean_something_in_an_address_are_written_for_it(relay):
    server = relay(said())
    whole(Transport(server.origin, Secret("a+b/c=d&e#f%25")).send(STREAM, AUTH))
    assert "?alt=sse&key=a%2Bb%2Fc%3Dd%26e%23f%2525 HTTP/1.1" in server.asked[0]


@pytest.mark.parametrize("way", broken_at())
def test_no_error_holds_the_key_in_words_fields_or_frames(way, relay):
    error = failing(relay(*[broken_at()[way]] * 3).origin)
    assert not [text for text in held(error) if PLAIN in text]


@pytest.mark.parametrize("way", broken_at())
def test_a_verbose_traceback_does_not_show_the_key(way, relay):
    assert PLAIN not in verbose(failing(relay(*[broken_at()[way]] * 3).origin))


def test_an_endpoint_that_cannot_be_reached_is_told_without_the_key():
    error = failing("http://127.0.0.1:9")
    assert not [text for text in held(error) if PLAIN in text]
    assert PLAIN not in verbose(error)


def test_an_address_that_the_endpoint_repeats_is_told_without_the_key(relay):
    body = json.dumps({"error": {"message": f"Invalid URL (POST /v1beta/x?alt=sse&key={PLAIN})"}}).encode()
    error = failing(relay(*[said("404 No", body=body)] * 3).origin)
    assert "alt=sse&key=***" in str(error)


def test_an_interrupt_while_waiting_does_not_show_the_key(relay, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("http.client.HTTPConnection.getresponse", interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        Transport(relay(said()).origin, Secret(PLAIN), clock=Ticks()).send(STREAM, AUTH)
    assert PLAIN not in verbose(caught.value)


def test_no_record_and_no_log_holds_the_key(relay, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    echo = json.dumps({"candidates": [{"content": {"parts": [{"text": f"?alt=sse&key={PLAIN}"}]}}]}).encode()
    server = relay(said(body=echo))
    client = Client(base_url=server.origin, api_key=PLAIN, format="gemini", key_in="query", history=str(tmp_path))
    with pytest.raises(WenwenError) as caught:
        client.generate("a cat", model="m", stream=True)
    assert re.match(rf"POST \S+\?alt=sse&key={PLAIN} ", server.asked[0])
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"key=***" in kept
    assert PLAIN.encode() not in kept
    assert PLAIN not in caplog.text
    assert not [text for text in held(caught.value) if PLAIN in text]


@pytest.mark.parametrize(
    "base", ["https://api.example/v1beta", "https://api.example/v1beta/", "https://api.example/v1"]
)
def test_an_address_with_the_formats_own_beginning_is_taken(base):
    assert normalised(base) == "https://api.example"
