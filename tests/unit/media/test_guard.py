"""A picture's address is fetched within its limits: size, time, whole bodies, honest errors."""

import itertools
import pickle
import socket
import threading
import time
import zlib

import pytest
from support.loopback import PNG, policy, reply, trickle

from wenwen_magic.media.download import Download, FetchFailed, fetch


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("LC_ALL", "C")


def test_a_picture_is_written_whole_without_key_cookie_or_netrc(serve, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server = serve(reply())
    got = fetch(f"{server.origin}/a.png?sign=1#part", tmp_path / "x", policy(server.origin))
    assert got == Download(tmp_path / "x", len(PNG), "image/png", f"{server.origin}/a.png?sign=1#part")
    assert got.path.read_bytes() == PNG
    lines = server.asked[0].split("\r\n")
    assert lines[0] == "GET /a.png?sign=1 HTTP/1.1"
    assert {line.split(":")[0] for line in lines[1:] if line} == {"Host", "User-Agent", "Accept", "Accept-Encoding"}
    assert {"Accept-Encoding: identity", "User-Agent: Mozilla/5.0 (compatible; wenwen-magic/0)"} < set(lines)


@pytest.mark.parametrize(
    "body",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: x\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nabcde",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 5\r\n\r\nabcde and more",
    ],
)
def test_a_body_is_read_however_its_end_is_told(body, serve, tmp_path):
    server = serve(body)
    assert fetch(server.origin, tmp_path / "x", policy(server.origin)).size == 5
    assert (tmp_path / "x").read_bytes() == b"abcde"


@pytest.mark.parametrize(
    ("status", "again"),
    [
        (403, True),
        (404, True),
        (408, True),
        (429, True),
        (500, True),
        (503, True),
        (524, True),
        (400, False),
        (401, False),
        (410, False),
        (451, False),
        (204, False),
        (206, False),
        (300, False),
        (304, False),
    ],
)
def test_a_status_says_whether_trying_again_may_help(status, again, serve, failing):
    server = serve(reply(status=f"{status} Whatever"))
    error = failing(f"{server.origin}/a.png?sign=secret", policy(server.origin))
    assert (error.status, error.again, "free" in error.do) == (status, again, True)
    assert f"{server.origin}/a.png" in str(error)
    assert "secret" not in str(error)


@pytest.mark.parametrize("packing", ["gzip", "GZip", "deflate", "br", "identity, gzip"])
def test_a_packed_body_is_refused_before_a_byte_of_it_is_read(packing, serve, failing, tmp_path):
    server = serve(reply(f"Content-Encoding: {packing}", body=zlib.compress(bytes(9_000_000))))
    error = failing(server.origin, policy(server.origin))
    assert ("packed" in error.why, error.again, (tmp_path / "x").exists()) == (True, False, False)


def test_a_picture_announced_as_too_large_is_not_begun(serve, failing, tmp_path):
    server = serve(reply())
    error = failing(server.origin, policy(server.origin, limit=len(PNG) - 1))
    assert ("larger" in error.why, error.again, (tmp_path / "x").exists()) == (True, False, False)


@pytest.mark.parametrize(
    "head", ["Transfer-Encoding: chunked\r\n\r\n12c00\r\n", "Content-Length: nonsense\r\n\r\n", "\r\n"]
)
def test_a_picture_that_turns_out_too_large_is_stopped_at_the_limit(head, serve, failing, tmp_path):
    server = serve(b"HTTP/1.1 200 OK\r\n" + head.encode() + PNG)
    error = failing(server.origin, policy(server.origin, limit=1000))
    assert ("larger" in error.why, error.again) == (True, False)
    assert (tmp_path / "x").stat().st_size <= 1000


@pytest.mark.parametrize("head", ["Content-Length: 76809", "Transfer-Encoding: chunked\r\n\r\n12c09"])
def test_a_body_cut_short_is_an_error_and_what_came_is_kept(head, serve, failing, tmp_path):
    server = serve(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".replace("12c09\r\n\r\n", "12c09\r\n").encode() + PNG)
    assert failing(server.origin, policy(server.origin)).again
    assert (tmp_path / "x").read_bytes() == PNG


@pytest.mark.parametrize(
    "garbage", [b"", b"\x16\x03\x01\x02", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200]
)
def test_a_server_that_speaks_no_http_is_a_failure_like_others(garbage, serve, failing):
    server = serve(garbage)
    assert failing(server.origin, policy(server.origin)).again


def test_a_port_where_nobody_listens_may_be_tried_again(failing):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert failing(f"http://127.0.0.1:{port}/", policy("127.0.0.1")).again


@pytest.mark.parametrize(
    "first",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: ",
        b"HTTP/1.1 100 Go",
    ],
)
def test_a_trickle_in_body_or_headers_ends_at_the_deadline_and_leaves_no_thread(first, serve, failing):
    server, threads, begun = serve(trickle(first)), threading.active_count(), time.monotonic()
    error = failing(server.origin, policy(server.origin, deadline=0.3))
    assert ("after 0.3 s" in error.why, error.again) == (True, False)
    assert time.monotonic() - begun < 1.3
    assert threading.active_count() <= threads


def test_the_deadline_goes_by_the_clock_that_is_handed_in(serve, failing, tmp_path):
    server, ticks = serve(trickle(b"HTTP/1.1 200 OK\r\n\r\n")), itertools.count(step=20)
    assert "after 300 s" in failing(server.origin, policy(server.origin), clock=lambda: next(ticks)).why
    assert (tmp_path / "x").stat().st_size < 15


def test_silence_ends_at_the_read_timeout(serve, failing):
    server = serve(lambda connection: connection.recv(1))
    error = failing(server.origin, policy(server.origin, read=0.1))
    assert ("ReadTimeoutError" in error.why, error.again) == (True, True)


def test_a_failure_keeps_its_fields_when_it_is_pickled():
    error = pickle.loads(pickle.dumps(FetchFailed("x", again=True, why="y", status=503)))
    assert (error.what, error.again, error.why, error.status, error.charged) == ("x", True, "y", 503, "yes")
