"""Sending a call: what is repeated and what never is, counted at the endpoint; how a body is read."""

import gzip
import json
import os
import re
import select
import socket
import struct
import threading
import time
import zlib
from dataclasses import replace
from email.utils import formatdate
from functools import partial

import pytest
from support.clock import Ticks
from support.loopback import PATIENCE, Server

from wenwen_magic.endpoint import transport
from wenwen_magic.endpoint.api_key import Secret
from wenwen_magic.endpoint.transport import Transport, normalised, origin, read_models
from wenwen_magic.engine.worker_pool import Turns
from wenwen_magic.errors import AnswerError, ConfigError, EndpointError, NotSentError, WenwenError
from wenwen_magic.models import Model
from wenwen_magic.protocol import FilePart, HttpCall, HttpReply

KEY = "sk-Zq8vT1bY6mWn4xLd0pRc"
POST = HttpCall("POST", "/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": "画只猫"}]})
BUSY = "429 Too Many Requests"
AWAY = "503 Service Unavailable"


class Relay(Server):
    """An endpoint that reads the whole request and counts connections and requests."""

    def __init__(self, scripts):
        self.accepted, self.bodies = 0, []
        super().__init__(scripts)

    def _accept(self):
        connection = super()._accept()
        self.accepted += connection is not None
        return connection

    def hear(self, connection):
        super().hear(connection)
        named = re.search(r"(?i)content-length: (\d+)", self.asked[-1])
        body = b""
        while len(body) < int(named.group(1) if named else 0) and (piece := connection.recv(65536)):
            body += piece
        self.bodies.append(body)


def said(status="200 OK", *headers, body=b'{"ok": 1}'):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def silent(connection):
    """Say nothing until the other side gives up, at most five seconds."""
    connection.recv(1)


@pytest.fixture
def relay():
    started = []

    def start(*scripts):
        started.append(Relay(scripts))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def ticks():
    return Ticks()


def line_to(server, ticks=None, **options):
    return Transport(server.origin, Secret(KEY), clock=ticks or Ticks(), **options)


def whole(reply):
    return b"".join(reply.chunks)


def failure(line, call=POST):
    with pytest.raises(WenwenError) as caught:
        whole(line.send(call))
    return caught.value


def test_bug_a_test_waited_ten_minutes_for_a_server_that_had_ended(relay):
    server = relay()  # that has nothing to say
    server._thread.join(5)
    assert isinstance(failure(line_to(server, read=1)), NotSentError)


# The endpoint's address


@pytest.mark.parametrize(
    "written",
    [
        "https://api.example",
        "https://api.example/",
        " https://api.example/v1\n",
        "https://api.example/v1/",
        "https://api.example/v1//",
        "https://api.example/v1/chat/completions",
        "https://api.example/v1/chat/completions/",
        "https://api.example/chat/completions",
        "https://api.example/v1beta",
        "https://api.example/v1beta/",
    ],
)
def test_the_address_is_understood_with_or_without_its_path(written):
    assert normalised(written) == "https://api.example"


@pytest.mark.parametrize(
    "kept",
    ["http://127.0.0.1:8010/demo", "https://a.example/proxy/openai", "http://[::1]:80", "http://v1", "http://v1/v2"],
)
def test_what_belongs_to_the_address_stays_in_it(kept):
    assert normalised(kept + "/v1/") == kept


@pytest.mark.parametrize(
    "bad",
    [
        *("", "   ", "/", "api.wenwen-ai.com", "https://", "https:///v1", "ftp://a.example", "file:///etc/passwd"),
        *("javascript:alert(1)", "https://user:pass@a.example", "https://user@a.example", "https://a.example:99999"),
        *("https://a.example:port", "https://[::1", "http://:8000", "https：//a.example"),
        *(
            "https://a.example/v1?key=secret",
            "https://a.example/v1#top",
            "https://a b.example",
            "https://a\n.example/v1",
        ),
    ],
)
def test_an_address_that_cannot_be_called_is_refused_when_it_is_set(bad):
    with pytest.raises(ConfigError):
        normalised(bad)


def test_a_refused_address_is_not_repeated_in_the_message_for_it_may_hold_a_password():
    with pytest.raises(ConfigError) as caught:
        normalised("https://me:hunter2@a.example")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://API.example/x", "https://api.example:443"),
        ("http://a.example", "http://a.example:80"),
        ("http://127.0.0.1:8010/demo", "http://127.0.0.1:8010"),
        ("http://[::1]:8010/demo", "http://[::1]:8010"),
    ],
)
def test_an_origin_is_scheme_host_and_port(address, expected):
    assert origin(address) == expected


# What goes out


def test_a_call_goes_out_as_the_page_shows_it_with_the_key_in_its_header(relay):
    server = relay(said())
    reply = line_to(server).send(POST)
    assert (reply.status, whole(reply)) == (200, b'{"ok": 1}')
    head = server.asked[0]
    assert head.startswith("POST /v1/chat/completions HTTP/1.1\r\n")
    assert f"\r\nAuthorization: Bearer {KEY}\r\n" in head
    assert "application/json" in head
    assert "\\u753b\\u53ea\\u732b" in server.bodies[0].decode() or "画只猫" in server.bodies[0].decode()


def test_a_format_may_name_another_header_for_the_key(relay):
    server = relay(said())
    whole(line_to(server).send(POST, ("x-goog-api-key", "{key}")))
    assert f"\r\nx-goog-api-key: {KEY}\r\n" in server.asked[0]
    assert "Authorization" not in server.asked[0]


def test_without_a_key_no_header_of_a_key_is_sent(relay):
    server = relay(said())
    whole(Transport(server.origin, None, clock=Ticks()).send(POST))
    assert "authorization" not in server.asked[0].lower()


def test_a_prompt_with_half_a_surrogate_pair_and_controls_is_sent(relay):
    server = relay(said())
    whole(line_to(server).send(HttpCall("POST", "/v1/x", {"content": "a\ud83d\x00\u2028b"})))
    assert b"\\ud83d" in server.bodies[0]


def test_cookies_of_one_answer_are_not_sent_with_the_next_call(relay):
    server = relay(said("200 OK", "Set-Cookie: a=b"), said())
    line = line_to(server)
    whole(line.send(POST))
    whole(line.send(POST))
    assert "cookie" not in server.asked[1].lower()


# Repeated: what cannot have arrived


def test_a_refused_connection_is_tried_three_times_and_costs_nothing(ticks):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = failure(Transport(f"http://127.0.0.1:{port}", Secret(KEY), clock=ticks))
    assert (type(error), error.charged, len(ticks.waits)) == (NotSentError, "no", 2)
    assert ticks.waits == sorted(ticks.waits)


def test_a_name_that_is_not_found_is_tried_three_times_and_costs_nothing(ticks, monkeypatch):
    asked = []

    def unknown(host, *_rest, **_more):
        asked.append(host)
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = failure(Transport("http://relay.example", Secret(KEY), clock=ticks))
    assert (type(error), error.charged, len(asked), len(ticks.waits)) == (NotSentError, "no", 3, 2)
    assert "Name or service not known" in error.why


def test_a_connection_that_takes_too_long_is_tried_three_times(ticks, monkeypatch):
    tries = []

    def slow(*_rest, **_more):
        tries.append(1)
        raise TimeoutError("timed out")

    monkeypatch.setattr("urllib3.util.connection.create_connection", slow)
    error = failure(Transport("http://relay.example", Secret(KEY), clock=ticks))
    assert (type(error), error.charged, len(tries)) == (NotSentError, "no", 3)


@pytest.fixture
def at_loopback(monkeypatch):
    """Every name leads to loopback."""
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _host, *rest, **more: real("127.0.0.1", *rest, **more))


@pytest.fixture
def trusted(tls, at_loopback, tmp_path, monkeypatch):
    """What a server for pictures.example wraps its connections with; its authority is the user's own."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "pem"))
    return tls


def test_a_certificate_nobody_vouches_for_is_tried_three_times_and_sees_no_request(relay, tls, ticks, at_loopback):
    server = relay(*[(tls, said())] * 5)
    error = failure(Transport(f"https://pictures.example:{server.port}", Secret(KEY), clock=ticks))
    assert (type(error), error.charged, server.accepted, server.asked) == (NotSentError, "no", 3, [])


def test_a_certificate_for_another_host_sees_no_request(relay, trusted, ticks):
    server = relay(*[(trusted, said())] * 5)
    error = failure(Transport(f"https://other.example:{server.port}", Secret(KEY), clock=ticks))
    assert (type(error), error.charged, server.asked) == (NotSentError, "no", [])


def test_a_certificate_of_the_users_own_authority_is_accepted(relay, trusted):
    server = relay((trusted, said()))
    assert whole(Transport(f"https://pictures.example:{server.port}", Secret(KEY)).send(POST)) == b'{"ok": 1}'


def test_https_asked_of_a_server_without_it_is_tried_three_times(relay, ticks):
    server = relay(*[lambda _: None] * 5)
    server._play = lambda connection, _: (connection.recv(64), connection.sendall(b"HTTP/1.1 400 Bad\r\n\r\n"))
    error = failure(Transport(f"https://127.0.0.1:{server.port}", Secret(KEY), clock=ticks))
    assert (type(error), error.charged, server.accepted) == (NotSentError, "no", 3)


def test_trouble_in_the_encryption_after_the_call_was_sent_is_never_repeated(relay, trusted, ticks):
    tls = trusted
    tls.maximum_version = tls.minimum_version = 0x0303

    def unencrypted(secure):
        os.write(secure.fileno(), b"HTTP/1.1 502 Bad Gateway\r\n\r\n" * 4)
        silent(secure)

    server = relay(*[(tls, unencrypted)] * 5)
    error = failure(Transport(f"https://pictures.example:{server.port}", Secret(KEY), clock=ticks, read=2))
    assert (len(server.asked), error.charged) == (1, "maybe")


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_missing_or_broken_file_of_certificates_costs_nothing(content, tmp_path, monkeypatch, ticks):
    if content:
        (tmp_path / "pem").write_text(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "pem"))
    error = failure(Transport("https://127.0.0.1:9", Secret(KEY), clock=ticks))
    assert (error.charged, type(error).__name__) in [("no", "NotSentError"), ("no", "ConfigError")]


def test_a_proxy_that_cannot_be_reached_costs_nothing(monkeypatch, ticks):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("http_proxy", f"http://me:hunter2@127.0.0.1:{port}")
    error = failure(Transport("http://relay.example", Secret(KEY), clock=ticks))
    assert (type(error), error.charged, len(ticks.waits)) == (NotSentError, "no", 2)
    assert "hunter2" not in str(error)


@pytest.mark.parametrize(
    "proxy", ["http://me:hunter2@", "http://me:hunter2@[::1", "socks9://me:hunter2@h:1", "http://me:hunter2@h:port"]
)
def test_a_proxy_of_no_use_is_told_without_its_password_and_costs_nothing(proxy, monkeypatch, ticks):
    monkeypatch.setenv("http_proxy", proxy)
    error = failure(Transport("http://relay.example", Secret(KEY), clock=ticks))
    assert error.charged == "no"
    assert "hunter2" not in str(error) + error.text


def test_a_value_that_json_has_no_word_for_is_told_at_once_and_not_sent(relay, ticks):
    server = relay(said())
    error = failure(line_to(server, ticks), HttpCall("POST", "/v1/x", {"seed": float("nan")}))
    assert (error.charged, server.asked, ticks.waits) == ("no", [], [])


def test_what_arrives_at_the_second_try_is_the_answer(ticks, relay, monkeypatch):
    server, real = relay(said()), socket.getaddrinfo
    answers = [socket.gaierror(-3, "Temporary failure in name resolution")]

    def once_unknown(_host, *rest, **more):
        if answers:
            raise answers.pop()
        return real("127.0.0.1", *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", once_unknown)
    assert whole(Transport(f"http://relay.example:{server.port}", Secret(KEY), clock=ticks).send(POST)) == b'{"ok": 1}'
    assert len(ticks.waits) == 1


# Repeated: refused at once


@pytest.mark.parametrize("status", [BUSY, AWAY])
def test_a_busy_endpoint_is_asked_three_times_and_costs_nothing(status, relay, ticks):
    server = relay(*[said(status)] * 5)
    error = failure(line_to(server, ticks))
    assert (len(server.asked), error.charged, error.status) == (3, "no", int(status[:3]))
    assert len(ticks.waits) == 2


@pytest.mark.parametrize("status", [BUSY, AWAY])
def test_a_busy_endpoint_that_has_time_again_gives_its_answer(status, relay, ticks):
    server = relay(said(status), said(status), said())
    assert whole(line_to(server, ticks).send(POST)) == b'{"ok": 1}'


@pytest.mark.parametrize("seconds", ["0", "7", "59.5", "60"])
def test_the_pause_that_the_endpoint_asks_for_is_kept(seconds, relay, ticks):
    server = relay(said(BUSY, f"Retry-After: {seconds}"), said())
    whole(line_to(server, ticks).send(POST))
    assert ticks.waits == [float(seconds)]


def test_a_pause_named_as_a_date_is_kept(relay, ticks):
    server = relay(said(BUSY, f"Retry-After: {formatdate(time.time() + 30, usegmt=True)}"), said())
    whole(line_to(server, ticks).send(POST))
    assert ticks.waits == [pytest.approx(30, abs=3)]


def test_a_date_that_has_passed_asks_for_no_pause(relay, ticks):
    server = relay(said(BUSY, "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT"), said())
    whole(line_to(server, ticks).send(POST))
    assert ticks.waits == [0.0]


@pytest.mark.parametrize("asked", ["61", "3600", "1e9", "inf", formatdate(4e9, usegmt=True)])
def test_a_pause_of_more_than_a_minute_is_not_waited_for(asked, relay, ticks):
    server = relay(*[said(BUSY, f"Retry-After: {asked}")] * 5)
    error = failure(line_to(server, ticks))
    assert (len(server.asked), ticks.waits, error.charged) == (1, [], "no")


@pytest.mark.parametrize(
    "asked", ["soon", "-5", "nan", "", "1,5", "Mon, 99 Foo 2020", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"]
)
def test_a_pause_that_makes_no_sense_does_no_harm(asked, relay, ticks):
    server = relay(*[said(BUSY, f"Retry-After: {asked}")] * 5)
    error = failure(line_to(server, ticks))
    assert (type(error), error.status, len(server.asked)) == (EndpointError, 429, 3)
    assert max(ticks.waits) <= 60


# Never repeated


@pytest.mark.parametrize("status", [BUSY, AWAY])
@pytest.mark.parametrize(
    "message", ["no available channels for model X", "分组 default 下模型 X 无可用渠道（distributor）"]
)
@pytest.mark.parametrize("free", [False, True])
def test_a_model_that_is_gone_is_asked_for_once(status, message, free, relay, ticks):
    server = relay(*[said(status, "Retry-After: 1", body=json.dumps({"message": message}).encode())] * 5)
    error = failure(line_to(server, ticks), replace(POST, free=free))
    assert (len(server.asked), ticks.waits, error.charged) == (1, [], "no")


ONCE = [
    "500 Internal Server Error",
    *("502 Bad Gateway", "504 Gateway Timeout", "520 Unknown", "524 A Timeout Occurred", "408 Request Timeout"),
    *("409 Conflict", "529 Overloaded", "599 Odd"),
]


@pytest.mark.parametrize("status", ONCE)
def test_work_that_may_have_been_done_is_asked_for_once(status, relay, ticks):
    server = relay(*[said(status)] * 5)
    error = failure(line_to(server, ticks))
    assert (len(server.asked), error.charged, error.status, ticks.waits) == (1, "maybe", int(status[:3]), [])


@pytest.mark.parametrize("status", [BUSY, AWAY])
def test_a_busy_endpoint_that_says_so_after_a_long_wait_is_asked_once(status, relay, ticks):
    server = relay(*[ticks.during(10.5, said(status, "Retry-After: 1"))] * 5)
    error = failure(line_to(server, ticks))
    assert (len(server.asked), error.charged, ticks.waits) == (1, "maybe", [])


@pytest.mark.parametrize(
    "status", ["400 Bad", "401 Who", "402 Pay", "403 No", "404 What", "413 Large", "422 Odd", "418 Tea"]
)
def test_a_refusal_is_final_and_costs_nothing(status, relay, ticks):
    server = relay(*[said(status, "Retry-After: 1")] * 5)
    error = failure(line_to(server, ticks))
    assert (len(server.asked), error.charged, error.status, ticks.waits) == (1, "no", int(status[:3]), [])


@pytest.mark.parametrize("status", ["600 Beyond", "999 Request denied"])
def test_a_status_that_http_does_not_know_is_an_error_like_the_others(status, relay, ticks):
    server = relay(*[said(status)] * 5)
    error = failure(line_to(server, ticks))
    assert (type(error), len(server.asked), error.status) == (EndpointError, 1, int(status[:3]))


def test_an_answer_that_does_not_come_in_time_is_not_asked_for_again(relay, ticks):
    for read in PATIENCE:
        server = relay(*[silent] * 5)
        error = failure(line_to(server, ticks, read=read))
        if server.asked:
            break
    assert (type(error), len(server.asked), error.charged, error.status) == (EndpointError, 1, "maybe", 0)
    assert "in time" in error.what


@pytest.mark.parametrize(
    "breaking",
    [
        reset,
        lambda _: None,
        b"HTTP/1.",
        b"no HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    ],
    ids=["reset", "closed", "half a version", "no HTTP", "endless header", "headers without number"],
)
def test_a_connection_that_breaks_after_sending_is_not_tried_again(breaking, relay, ticks):
    server = relay(*[breaking] * 5)
    error = failure(line_to(server, ticks))
    assert (type(error), len(server.asked), error.charged, ticks.waits) == (EndpointError, 1, "maybe", [])


@pytest.mark.parametrize("status", ["200 OK", "404 No", "307 Go"])
@pytest.mark.parametrize("kind", ["application/json", "text/html"])
def test_bug_an_error_kept_the_connection_that_the_endpoint_had_not_closed(status, kind, relay, ticks):
    def stays_open(connection):
        connection.sendall(said(status, body=b"<html>no</html>").replace(b"application/json", kind.encode()))
        closed.append(connection.recv(1))

    closed = []
    server = relay(stays_open)
    try:
        kept = whole(line_to(server, ticks).send(POST))
    except WenwenError as error:
        kept = error
    server.stop()
    assert kept
    assert closed == [b""]


# The body


def cut_bodies():
    packed = gzip.compress(os.urandom(4000))[:3000]
    return {
        "length": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 400,
        "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n" + b"x" * 400,
        "between chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n190\r\n" + b"x" * 400 + b"\r\n",
        "bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n190\r\n" + b"x" * 400 + b"\r\nzz\r\n",
        "gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3500\r\n\r\n" + packed,
    }


@pytest.mark.parametrize("way", cut_bodies())
def test_a_body_that_breaks_off_keeps_all_that_came_and_is_not_asked_for_again(way, relay, ticks):
    server, came = relay(*[cut_bodies()[way]] * 5), []
    reply = line_to(server, ticks).send(POST)
    with pytest.raises(EndpointError) as caught:
        came.extend(reply.chunks)
    assert (len(server.asked), caught.value.charged, caught.value.status) == (1, "maybe", 0)
    assert len(b"".join(came)) >= 400


def test_a_body_that_falls_silent_is_an_error_after_what_came(relay, ticks):
    def stops(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello ")
        silent(connection)

    for read in PATIENCE:
        server, came = relay(*[stops] * 5), []
        with pytest.raises(EndpointError) as caught:
            came.extend(line_to(server, ticks, read=read).send(POST).chunks)
        if came:
            break
    assert (len(server.asked), caught.value.charged, b"".join(came)) == (1, "maybe", b"hello ")


def test_the_last_letters_before_a_break_are_kept_also_when_a_key_could_begin_with_them(relay):
    server, came = relay(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhttps://h/cat.png?glass"), []
    with pytest.raises(EndpointError):
        came.extend(line_to(server).send(POST).chunks)
    assert b"".join(came) == b"https://h/cat.png?glass"


@pytest.mark.parametrize(
    ("pack", "said_of_it"),
    [(gzip.compress, "gzip"), (zlib.compress, "deflate"), (gzip.compress, "identity"), (bytes, "gzip")],
    ids=["gzip", "deflate", "gzip without a word", "gzip that is none"],
)
def test_an_answer_that_comes_packed_unasked_is_unpacked(pack, said_of_it, relay):
    text = b'{"content": "' + b"a cat " * 9000 + b'"}'
    server = relay(said("200 OK", f"Content-Encoding: {said_of_it}", body=pack(text)))
    assert whole(line_to(server).send(POST)) == text


@pytest.mark.parametrize("filling", [b" ", b"[],", b"![x](a)"])
def test_a_small_answer_that_unpacks_to_a_large_one_is_given_up_early(filling, relay):
    packer = zlib.compressobj(1, wbits=31)
    body = b"".join(packer.compress(filling * (1 << 20)) for _ in range(20)) + packer.flush()
    came = []
    with pytest.raises(AnswerError, match="unpacks to more than") as caught:
        came.extend(line_to(relay(said("200 OK", "Content-Encoding: gzip", body=body))).send(POST).chunks)
    assert caught.value.charged == "yes"
    assert 8 << 20 < sum(map(len, came)) < 16 << 20
    assert max(map(len, came)) <= 1 << 16


@pytest.mark.parametrize("size", [transport.PIECE - 1, transport.PIECE, transport.PIECE + 1, 3 * transport.PIECE])
@pytest.mark.parametrize(
    ("window", "parts"),
    [(31, 1), (31, 2), (15, 1), (-15, 1)],
    ids=["gzip", "gzip in two parts", "deflate", "deflate without a head"],
)
def test_a_packed_answer_is_unpacked_to_its_last_byte(window, parts, size, relay):
    packer = [zlib.compressobj(9, wbits=window) for _ in range(parts)]
    body = b"".join(one.compress(b"a" * size) + one.flush() for one in packer)
    coding = "gzip" if window == 31 else "deflate"
    server = relay(said("200 OK", f"Content-Encoding: {coding}", body=body))
    assert whole(line_to(server).send(POST)) == b"a" * size * parts


# The time of a whole call


def dripping(first, drip, ticks, each=600):
    """A script that says something, then a little more with each ten minutes that pass, for a day; or more often."""

    def script(connection):
        connection.sendall(first)
        for _ in range(144):
            ticks.passed += each
            connection.sendall(drip)
            if select.select([connection], [], [], 0.02)[0]:
                return

    return script


ENDLESS = {
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    "one header": (b"HTTP/1.1 200 OK\r\nX-A: ", b"b"),
    "continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
}


@pytest.mark.parametrize("way", ENDLESS)
def test_an_answer_that_comes_little_by_little_for_ever_ends_after_half_an_hour(way, relay, ticks):
    error = failure(line_to(relay(dripping(*ENDLESS[way], ticks)), ticks))
    assert (type(error), error.charged) == (EndpointError, "maybe")
    assert "in time" in error.what
    assert 1800 <= ticks.passed < 5 * 3600


@pytest.mark.parametrize(
    ("began", "status", "why"),
    [
        (b"HTTP/1.1 400 Bad\r\n\r\nwhy", 400, "why"),
        (b"HTTP/1.1 502 Bad\r\nContent-Type: text/html\r\n\r\n<html><title>why</title>", 502, "why"),
        (b"HTTP/1.1 307 Moved\r\nLocation: http://h.invalid/\r\n\r\nwhy", 307, ""),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><title>why</title>", 200, "why"),
    ],
    ids=["an error", "an error's page", "a redirect", "a page in place of an answer"],
)
def test_the_body_of_an_error_that_comes_for_ever_is_shown_as_far_as_it_came_in_five_seconds(
    began, status, why, relay, ticks
):
    error = failure(line_to(relay(dripping(began, b" and", ticks, each=6)), ticks))
    assert error.status == status
    assert error.why.startswith(why)
    assert ticks.passed < 300  # of 864: the other side goes on until it notices


def test_a_request_that_is_taken_little_by_little_for_ever_ends_after_half_an_hour(relay, ticks, monkeypatch):
    read = transport._Body.read

    def slowly(body, size=-1, /):
        ticks.passed += 600
        return read(body, size)

    monkeypatch.setattr(transport._Body, "read", slowly)
    call = HttpCall("POST", "/v1/images/edits", {}, files=(FilePart("image[]", "a.png", "image/png", bytes(1 << 20)),))
    error = failure(line_to(relay(said()), ticks), call)
    assert (type(error), error.charged) == (EndpointError, "maybe")
    assert "in time" in error.what


def test_a_silence_that_the_user_allows_is_not_cut_short_by_the_limit_of_a_call(relay, ticks):
    server = relay(ticks.during(7000, said()))
    assert whole(line_to(server, ticks, read=7200.0).send(POST)) == b'{"ok": 1}'


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 200 OK\r\n\r\nhello",
        b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",
    ],
    ids=["HTTP/1.0", "no reason", "bare line feeds", "continue first", "chunk extension"],
)
def test_an_answer_of_old_or_odd_form_is_read(answer, relay):
    assert whole(line_to(relay(answer)).send(POST)) == b"hello"


def test_headers_that_come_byte_by_byte_are_waited_for(relay):
    def dripping(connection):
        for byte in said():
            connection.sendall(bytes([byte]))

    server = relay(dripping)
    assert whole(line_to(server).send(POST)) == b'{"ok": 1}'
    assert len(server.asked) == 1


def test_pieces_are_handed_on_before_the_body_is_whole(relay):
    went_on = threading.Event()

    def waits(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
        went_on.wait(5)
        connection.sendall(b"other")

    chunks = iter(line_to(relay(waits)).send(POST).chunks)
    first = next(piece for piece in chunks if piece)
    went_on.set()
    assert (first, b"".join(chunks)) == (b"first", b"other")


@pytest.mark.parametrize("packed", [False, True])
def test_an_answer_of_the_longest_size_is_read_whole_and_one_byte_more_is_not(packed, relay, monkeypatch):
    assert transport.LONGEST_REPLY == 512 << 20
    monkeypatch.setattr(transport, "LONGEST_REPLY", 1 << 20)
    for size in (1 << 20, (1 << 20) + 1):
        body = b"x" * size
        headers = ["Content-Encoding: gzip"] if packed else []
        server, came = relay(said("200 OK", *headers, body=gzip.compress(body) if packed else body)), []
        reply = line_to(server).send(POST)
        if size == transport.LONGEST_REPLY:
            assert whole(reply) == body
            continue
        with pytest.raises(EndpointError, match="longer than 1 MiB") as caught:
            came.extend(reply.chunks)
        assert (caught.value.charged, sum(map(len, came)) <= 1 << 20) == ("maybe", True)


def test_an_error_page_without_end_is_read_at_its_beginning_and_its_connection_closed(relay):
    hung_up = threading.Event()

    def pours(connection):
        connection.settimeout(0.5)
        connection.sendall(b"HTTP/1.1 500 Oh\r\nContent-Length: 900000000\r\n\r\n")
        try:
            for _ in range(300):
                connection.sendall(b"x" * 100_000)
        except TimeoutError:
            return
        except OSError:
            hung_up.set()

    error = failure(line_to(relay(pours)))
    assert (error.status, len(error.text) <= 65_536, hung_up.wait(2)) == (500, True, True)


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><title>New  API</title>", b"\n\n <html><title>New\nAPI</title>"])
def test_a_web_page_in_place_of_an_answer_costs_nothing_and_points_at_the_address(page, relay, ticks):
    server = relay(*[said("200 OK", body=page).replace(b"application/json", b"Text/HTML; charset=utf-8")] * 5)
    error = failure(line_to(server, ticks))
    assert (error.charged, error.status, len(server.asked), error.why) == ("no", 200, 1, "New API")
    assert "base_url" in error.do


def test_an_answer_whose_type_wrongly_says_web_page_is_read(relay):
    server = relay(said().replace(b"application/json", b"text/html"))
    assert whole(line_to(server).send(POST)) == b'{"ok": 1}'


def test_a_reply_tells_its_type_and_whether_the_demo_gave_it(relay):
    server = relay(said("200 OK", "X-Wenwen-Demo: 1"), said())
    first, second = line_to(server).send(POST), line_to(server).send(POST)
    assert (first.demo, second.demo, first.content_type) == (True, False, "application/json")


# The list of models


def models(body):
    return read_models(HttpReply(200, "application/json", [body]))


def test_the_models_come_in_order_each_once_with_what_is_told_of_them():
    rows = b'{"id": "b"}, {"id": "a"}, {"id": "b", "owned_by": "x"}, {"id": "z-image", "supported_endpoints": ["y"]}'
    assert models(b'{"data": [%s]}' % rows) == [Model("z-image", "", ("y",)), Model("a"), Model("b")]


@pytest.mark.parametrize(
    "body",
    [
        *(
            b'{"error": {"message": "no such key"}}',
            b'{"success": false, "message": "get user group failed"}',
            b"",
            b"[]",
            b"null",
            b'{"data": null}',
            b'{"data": ["a"]}',
        ),
        *(b'{"data": [{"name": "a"}]}', b'{"data": 1}', b"<html>", b"\xff\xfe", b"[" * 200_000, b'{"data": [null]}'),
    ],
)
def test_what_is_no_list_of_models_is_an_error_of_ours(body):
    with pytest.raises(WenwenError) as caught:
        models(body)
    assert caught.value.charged == "no"


def test_the_relays_own_words_on_why_there_is_no_list_are_told():
    with pytest.raises(WenwenError) as caught:
        models(b'{"success": false, "message": "get user group failed"}')
    assert caught.value.why == "get user group failed"


def test_a_long_list_of_models_is_read_whole():
    rows = ", ".join(f'{{"id": "model-{number}", "about": "{"x" * 600}"}}' for number in range(6000))
    body = f'\ufeff{{"data": [{rows}]}}'.encode()
    pieces = [body[at : at + (1 << 16)] for at in range(0, len(body), 1 << 16)]
    assert len(read_models(HttpReply(200, "application/json", pieces))) == 6000


def test_while_an_answer_or_a_piece_of_it_is_waited_for_others_have_the_turn(relay):
    turns, free = Turns(1), []

    def note():
        until = time.monotonic() + 5
        while not turns._free and time.monotonic() < until:
            time.sleep(0.001)
        free.append(turns._free)

    def halves(connection):
        note()
        connection.sendall(said(body=b"ab")[:-1])
        assert came.wait(5)
        note()
        connection.sendall(b"b")

    came = threading.Event()
    line = line_to(relay(halves), waiting=partial(turns.given_back, first=True))
    with turns.taken():
        pieces = iter(line.send(POST).chunks)
        own = [(next(pieces), turns._free)]
        came.set()
        own += [(piece, turns._free) for piece in pieces]
    assert b"".join(piece for piece, _ in own) == b"ab"
    assert {held for _, held in own} == {0}
    assert free == [1, 1]
