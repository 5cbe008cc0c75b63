"""An address is downloaded within its limits (size, time, whole bodies), every way to it checked: redirects, proxies."""

import gzip
import itertools
import pickle
import socket
import threading
import time
import zlib

import pytest
from support.loopback import PNG, PUBLIC, answering, moved, nowhere, policy, reply, trickle

from wenwen_magic.endpoint.transport import USER_AGENT
from wenwen_magic.media import download
from wenwen_magic.media.download import FetchFailed, fetch


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("LC_ALL", "C")


def fetched(address, path, *rest, **options):
    fetch(address, path, *rest, **options)
    return path.read_bytes()


def test_a_picture_is_written_whole_without_key_cookie_or_netrc(serve, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server = serve(reply())
    assert fetched(f"{server.origin}/a.png?sign=1#part", tmp_path / "x", policy(server.origin)) == PNG
    lines = server.asked[0].split("\r\n")
    assert lines[0] == "GET /a.png?sign=1 HTTP/1.1"
    assert {line.split(":")[0] for line in lines[1:] if line} == {"Host", "User-Agent", "Accept", "Accept-Encoding"}
    assert {"Accept-Encoding: identity", f"User-Agent: Mozilla/5.0 (compatible; {USER_AGENT})"} < set(lines)


@pytest.mark.parametrize(
    "body",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: x\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nabcde",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 5\r\n\r\nabcde and more",
        b"HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-4/5\r\nContent-Length: 5\r\n\r\nabcde",
    ],
)
def test_a_body_is_read_however_its_end_is_told(body, serve, tmp_path):
    server = serve(body)
    assert fetched(server.origin, tmp_path / "x", policy(server.origin)) == b"abcde"


@pytest.mark.parametrize(
    ("status", "again"),
    [
        (202, True),
        (404, True),
        (408, True),
        (409, True),
        (425, True),
        (429, True),
        (500, True),
        (503, True),
        (524, True),
        (400, False),
        (403, True),
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
    assert (error.status, error.again, error.lasting, "free" in error.do) == (status, again, False, True)
    assert f"{server.origin}/a.png" in str(error)
    assert ("secret" in str(error)) is (status == 403)  # this one is to be opened in a browser


@pytest.mark.parametrize(
    "place",
    ["/a%2fb~c.png?sig=%2fx+y/z%3d%3D&e=1:2,3", "/%e7%8c%ab.png?token=a:b=", "/x//a;v=1*(1).png?u=http://h/?a=b"],
)
def test_a_signed_address_is_asked_for_letter_by_letter(place, serve, tmp_path):
    server = serve(reply())
    assert fetched(f"{server.origin}{place}#top", tmp_path / "x", policy(server.origin)) == PNG
    assert server.asked[0].startswith(f"GET {place} HTTP/1.1\r\n")


@pytest.mark.parametrize("part", ["bytes 0-4/9", "bytes 1-5/6", "bytes 0-4/*", "bytes */5", f"bytes 0-{'9' * 5000}/5"])
def test_a_part_of_a_picture_is_none(part, serve, failing):
    server = serve(reply(f"Content-Range: {part}", status="206 Partial"))
    assert failing(server.origin, policy(server.origin)).status == 206


WORDS = {
    "an object store": (
        "403 Forbidden",
        b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>',
        "HTTP 403: AccessDenied: Request has expired",
        False,
    ),
    "Azure": (
        "403 x",
        b"<e><Code>No</Code><AuthenticationErrorDetail>Not valid in the specified time</AuthenticationErrorDetail></e>",
        "HTTP 403: No: Not valid in the specified time",
        False,
    ),
    "a key that is not there yet": (
        "404 Not Found",
        b"<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>",
        "HTTP 404: NoSuchKey: The specified key does not exist.",
        True,
    ),
    "an error of the family": ("500 x", b'{"error":{"message":"disk full","type":"x_error"}}', "disk full", True),
    "a message": ("404 x", '{"code":-1,"msg":"图片已过期"}'.encode(), "图片已过期", False),
    "a page": ("403 x", b"<html><head><title>403 Forbidden</title></head></html>", "HTTP 403: 403 Forbidden", True),
    "words": ("410 Gone", b"This content is no longer available.", "no longer available", False),
    "keys": ("400 x", b'{"msg":"bad sk-abcdefghijkl"}', "bad ***", False),
    "nothing": ("404 x", b"", "the server answered HTTP 404", True),
    "bytes": ("404 x", bytes(range(256)), "the server answered HTTP 404", True),
}


@pytest.mark.parametrize("case", WORDS)
def test_what_a_server_says_in_place_of_a_picture_is_told(case, serve, failing):
    status, body, words, again = WORDS[case]
    server = serve(reply(body=body, status=status))
    error = failing(server.origin, policy(server.origin))
    assert words in error.why
    assert error.again is again
    assert len(error.why) < 400


def test_an_address_that_has_expired_is_told_with_what_helps(serve, failing):
    server = serve(reply(body=WORDS["an object store"][1], status="403 x"))
    assert "--fresh" in failing(server.origin, policy(server.origin)).do


@pytest.mark.parametrize(
    "body",
    [
        b"HTTP/1.1 404 x\r\nContent-Length: 999\r\n\r\nno such picture",
        b"HTTP/1.1 404 x\r\nTransfer-Encoding: chunked\r\n\r\nf\r\nno such picture\r\nzz\r\n",
    ],
)
def test_words_that_break_off_are_told_as_far_as_they_came(body, serve, failing):
    server = serve(body)
    error = failing(server.origin, policy(server.origin))
    assert "HTTP 404: no such picture" in error.why
    assert error.again


def test_words_that_never_end_are_waited_for_no_longer_than_some_seconds(serve, failing, monkeypatch):
    monkeypatch.setattr(download, "_LISTEN", 0.2)
    server, threads = serve(trickle(b"HTTP/1.1 404 x\r\n\r\nno such picture")), threading.active_count()
    begun = time.monotonic()
    assert "HTTP 404: no such picture" in failing(server.origin, policy(server.origin)).why
    assert time.monotonic() - begun < 1.2
    assert threading.active_count() <= threads


def test_of_endless_words_only_the_beginning_is_read(serve, failing):
    server = serve(reply(body=b"no " * 3_000_000, status="404 x"))
    assert "HTTP 404: no no no" in failing(server.origin, policy(server.origin)).why


def raw(data):
    return zlib.compress(data)[2:-4]


PACKED = {
    "gzip": ("gzip", gzip.compress(PNG)),
    "in capitals": ("GZip", gzip.compress(PNG)),
    "its old name": ("x-gzip", gzip.compress(PNG)),
    "beside identity": ("identity, gzip", gzip.compress(PNG)),
    "in two parts": ("gzip", gzip.compress(PNG[:999]) + gzip.compress(PNG[999:])),
    "zeros behind it": ("gzip", gzip.compress(PNG) + bytes(600_000)),
    "hardly packed": ("gzip", gzip.compress(PNG, 0)),
    "a name in its head": (
        "gzip",
        gzip.compress(PNG)[:3] + b"\x08" + gzip.compress(PNG)[4:10] + b"a.mp4\0" + gzip.compress(PNG)[10:],
    ),
    "deflate": ("deflate", zlib.compress(PNG)),
    "deflate without a head": ("deflate", raw(PNG)),
    "no header says it": ("", gzip.compress(PNG)),
    "the header is wrong": ("gzip", PNG),
    "the other header": ("deflate", gzip.compress(PNG)),
    "deflate that is none": ("deflate", PNG),
}


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("name", PACKED)
def test_bug_a_body_that_came_packed_was_never_fetched(name, chunked, serve, tmp_path):
    coding, body = PACKED[name]
    headers = [f"Content-Encoding: {coding}"] if coding else []
    whole = reply(*headers, body=body)
    if chunked:
        pieces = (body[at : at + 7001] for at in range(0, len(body), 7001))
        sent = b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in (*pieces, b""))
        whole = reply("Transfer-Encoding: chunked", *headers, body=b"").replace(b"Content-Length: 0\r\n", b"") + sent
    server = serve(whole)
    assert fetched(f"{server.origin}/a.png", tmp_path / "x", policy(server.origin)) == PNG


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize("left", [8, 40_000, 70_000])
def test_a_packed_body_that_ends_too_early_is_an_error_and_what_came_is_kept(coding, left, serve, failing, tmp_path):
    packed = gzip.compress(PNG, 0) if coding == "gzip" else zlib.compress(PNG, 0)
    server = serve(reply(f"Content-Encoding: {coding}", body=packed[:-left]))
    error = failing(server.origin, policy(server.origin))
    came = (tmp_path / "x").read_bytes()
    assert (error.again, "end mark" in error.why, PNG.startswith(came), len(came) > 5000) == (True, True, True, True)


@pytest.mark.parametrize("video", [False, True])
@pytest.mark.parametrize("length", [1, 300, 5000])
def test_bug_of_a_clip_that_broke_off_early_the_begin_was_lost(video, length, serve, failing, tmp_path):
    server = serve(reply(body=PNG)[: -len(PNG)] + PNG[:length])
    assert failing(server.origin, policy(server.origin, video=video)).again
    assert (tmp_path / "x").read_bytes() == PNG[:length]


@pytest.mark.parametrize("at", [9, 2000, 70_000])
def test_a_packed_body_that_is_damaged_is_a_broken_download(at, serve, failing):
    packed = bytearray(gzip.compress(PNG, 0))
    packed[at : at + 30] = bytes(byte ^ 255 for byte in packed[at : at + 30])
    server = serve(reply("Content-Encoding: gzip", body=bytes(packed)))
    assert failing(server.origin, policy(server.origin)).again


def test_the_limit_counts_what_is_unpacked(serve, failing, tmp_path):
    server = serve(reply("Content-Encoding: gzip", body=gzip.compress(PNG)))
    error = failing(server.origin, policy(server.origin, limit=len(PNG) - 1))
    assert ("larger" in error.why, error.again) == (True, False)
    assert (tmp_path / "x").stat().st_size < len(PNG)


def test_a_small_body_that_unpacks_to_a_large_one_is_given_up_early(serve, failing, tmp_path):
    server = serve(reply("Content-Encoding: gzip", body=gzip.compress(PNG + bytes(50_000_000))))
    error = failing(server.origin, policy(server.origin))
    assert ("unpacks to more than" in error.why, error.again) == (True, False)
    assert (tmp_path / "x").stat().st_size < 10_000_000


def test_words_that_come_packed_are_told(serve, failing):
    body = gzip.compress(b'{"error":{"message":"Task is not completed yet"}}')
    server = serve(reply("Content-Encoding: gzip", body=body, status="400 x"))
    assert "not completed yet" in failing(server.origin, policy(server.origin)).why


@pytest.mark.parametrize("packing", ["br", "zstd", "gzip, br", "gzip, gzip"])
def test_a_body_that_is_packed_in_another_way_is_refused_before_a_byte_of_it_is_read(packing, serve, failing, tmp_path):
    server = serve(reply(f"Content-Encoding: {packing}", body=zlib.compress(bytes(9_000_000))))
    error = failing(server.origin, policy(server.origin))
    assert ("compressed" in error.why, error.again, (tmp_path / "x").exists()) == (True, False, False)


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
    assert time.monotonic() - begun < 4
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


# The way: redirects, changing names, certificates, fake-ip and proxies


@pytest.mark.parametrize("status", ["301 x", "302 x", "303 x", "307 x", "308 x"])
def test_a_redirect_is_followed_without_cookies(status, serve, routes, tmp_path):
    server = serve(moved("/图 1.png ", status), reply())
    routes[PUBLIC], resolve = server.port, answering(PUBLIC, PUBLIC)
    fetch("http://pictures.example/a/b.png", tmp_path / "x", policy(), resolve=resolve)
    assert (tmp_path / "x").read_bytes() == PNG
    assert server.asked[1].startswith("GET /%E5%9B%BE%201.png ")
    assert "ookie" not in "".join(server.asked)
    assert resolve.asked == ["pictures.example"] * 2


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1/",
        "//127.0.0.1/",
        "http://[::1]/",
        "http://0x7f.1/",
        "http://localhost/",
        "http://a@8.8.8.8/",
        "file:///etc/passwd",
        "http://169.254.169.254/latest",
        "http://[::ffff:127.0.0.1]/",
        "http://[::/",
        "http://a b/",
        "http:\\\\8.8.8.8",
        "//a\x1b[2J/",
    ],
)
def test_a_redirect_is_judged_from_the_start(location, serve, failing, routes):
    server, canary = serve(moved(location)), serve(reply())
    routes[PUBLIC] = server.port
    error = failing("http://pictures.example/", policy(canary.origin), resolve=answering(PUBLIC, "127.0.0.1"))
    assert ("refused" in error.what, error.again, len(server.asked)) == (True, False, 1)
    assert "\x1b" not in str(error)
    assert canary.asked == []


def test_a_name_that_changes_its_answer_is_resolved_and_judged_once_per_connection(serve, failing, routes):
    routes[PUBLIC], resolve = serve(moved("/again")).port, answering(PUBLIC, "127.0.0.1", PUBLIC)
    assert "127.0.0.1" in failing("http://rebind.example/", policy(), resolve=resolve).why
    assert resolve.asked == ["rebind.example"] * 2


def test_five_redirects_are_followed_and_a_sixth_is_not(serve, failing, tmp_path):
    server = serve(*[moved("/on")] * 5, reply())
    assert fetched(server.origin, tmp_path / "x", policy(server.origin)) == PNG
    server = serve(*[moved("/on")] * 6, reply())
    assert "more than 5 redirects" in failing(server.origin, policy(server.origin)).why
    assert len(server.asked) == 6


def test_a_redirect_from_https_to_http_is_refused_unless_that_place_is_trusted(serve, failing, routes, tls, tmp_path):
    plain = serve(reply())
    server = serve((tls, moved("http://pictures.example/b")), (tls, moved(f"{plain.origin}/b")))
    routes[PUBLIC] = server.port
    error = failing(
        "https://pictures.example/", policy(ca_bundle=str(tmp_path / "pem")), resolve=answering(PUBLIC, PUBLIC)
    )
    assert "from https to http" in error.why
    trusting = policy(plain.origin, ca_bundle=str(tmp_path / "pem"))
    assert fetched("https://pictures.example/", tmp_path / "x", trusting, resolve=answering(PUBLIC)) == PNG


def test_a_fake_ip_passes_over_https_because_the_certificate_proves_the_name(serve, failing, routes, tls, tmp_path):
    server = serve((tls, reply()), (tls, reply()), reply())
    routes["198.18.0.7"], safe = server.port, policy(ca_bundle=str(tmp_path / "pem"))
    assert fetched("https://pictures.example/a", tmp_path / "x", safe, resolve=answering("198.18.0.7")) == PNG
    error = failing("https://other.example/a", safe, resolve=answering("198.18.0.7"))
    assert ("CERTIFICATE_VERIFY_FAILED" in error.why, error.again) == (True, False)
    error = failing("http://pictures.example/a", safe, resolve=answering("198.18.0.7"))
    assert "fake-ip" in error.why
    assert "trusted_hosts" in error.do
    assert [ask.split()[4] for ask in server.asked] == ["pictures.example"]


def test_a_certificate_nobody_vouches_for_is_not_accepted(serve, failing, routes, tls):
    server = serve((tls, reply()))
    routes[PUBLIC] = server.port
    assert "CERTIFICATE" in failing("https://pictures.example/", policy(), resolve=answering(PUBLIC)).why
    assert server.asked == []


def test_a_proxy_resolves_names_itself_and_gets_its_own_password_only(serve, tmp_path):
    proxy = serve(reply())
    through = policy(proxies={"http": f"http://me:pass%20word@127.0.0.1:{proxy.port}"})
    assert fetched("http://only.the-proxy.knows/a", tmp_path / "x", through, resolve=nowhere) == PNG
    assert proxy.asked[0].startswith("GET http://only.the-proxy.knows/a HTTP/1.1\r\n")
    assert "Host: only.the-proxy.knows\r\n" in proxy.asked[0]
    assert "roxy-authorization: basic bwu6cgfzcyb3b3jk" in proxy.asked[0].lower()


def test_https_goes_through_a_proxy_in_a_tunnel_with_the_certificate_checked(serve, tls, failing, tmp_path):
    def tunnel(connection):
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with tls.wrap_socket(connection, server_side=True) as secure:
            proxy.hear(secure)
            secure.sendall(reply())

    proxy = serve(tunnel, tunnel, reply(status="407 No"))
    through = policy(proxies={"all": f"127.0.0.1:{proxy.port}"}, ca_bundle=str(tmp_path / "pem"))
    assert fetched("https://pictures.example/a", tmp_path / "x", through, resolve=nowhere) == PNG
    assert [ask.split(" HTTP")[0] for ask in proxy.asked] == ["CONNECT pictures.example:443", "GET /a"]
    assert "CERTIFICATE_VERIFY_FAILED" in failing("https://other.example/a", through, resolve=nowhere).why
    assert failing("https://pictures.example/a", through, resolve=nowhere).again


@pytest.mark.parametrize(
    "proxy", ["socks5://me:secret@127.0.0.1:1", "http://me:secret@127.0.0.1:99999", "http://me:secret@["]
)
def test_a_proxy_that_cannot_be_used_is_named_without_its_password(proxy, failing):
    error = failing("http://pictures.example/", policy(proxies={"http": proxy}), resolve=nowhere)
    assert ("proxy" in error.why, "secret" in str(error), error.again) == (True, False, False)


@pytest.mark.parametrize("seen", ["10.0.0.7", "127.0.0.1", "169.254.169.254", "100.64.0.1"])
def test_a_proxy_is_not_asked_for_a_name_that_leads_inside_from_here(seen, failing):
    through = policy(proxies={"http": "http://127.0.0.1:9"})
    error = failing("http://wiki.company.example/", through, resolve=answering(seen))
    assert ("refused" in error.what, seen in error.why) == (True, True)


@pytest.mark.parametrize("seen", [PUBLIC, "198.18.0.7"])
def test_a_proxy_is_asked_for_a_name_with_a_public_address_or_one_that_proxy_tools_give_out(seen, serve, tmp_path):
    proxy = serve(reply())
    through = policy(proxies={"http": f"http://127.0.0.1:{proxy.port}"})
    assert fetched("http://pictures.example/a", tmp_path / "x", through, resolve=answering(seen)) == PNG


def test_a_proxied_redirect_into_this_machine_is_refused(serve, failing):
    proxy = serve(moved("http://localhost/"))
    error = failing(
        "http://pictures.example/", policy(proxies={"http": f"http://127.0.0.1:{proxy.port}"}), resolve=nowhere
    )
    assert ("refused" in error.what, len(proxy.asked)) == (True, 1)


def test_a_trickle_below_tls_and_a_silent_handshake_end_at_the_deadline_too(serve, failing, routes, tls, tmp_path):
    safe = policy(deadline=0.3, ca_bundle=str(tmp_path / "pem"))
    drips = [(tls, trickle(b"HTTP/1.1 200 OK\r\n\r\n")), (tls, trickle(b"HTTP/1.1 200 OK\r\nA: "))]
    for script in [*drips, lambda connection: connection.recv(9999)]:
        routes[PUBLIC], begun = serve(script).port, time.monotonic()
        assert "after 0.3 s" in failing("https://pictures.example/", safe, resolve=answering(PUBLIC)).why
        assert time.monotonic() - begun < 4
