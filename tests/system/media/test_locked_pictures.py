"""A picture that its server does not give to everybody: the key goes to the endpoint itself only, and only when it must."""

import logging
import re
import socket
import traceback
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as some
from support.loopback import PATIENCE, PNG, PUBLIC, answering, moved, nowhere, policy, reply

from wenwen_magic.endpoint.api_key import Secret
from wenwen_magic.endpoint.transport import Deadline
from wenwen_magic.engine.outcomes import as_recorded, error_of_record
from wenwen_magic.media import ssrf
from wenwen_magic.media.download import FetchFailed, Policy, _Step, fetch

KEY = "canary-0123456789abcdefXYZ"
SECRET = Secret(KEY)
NO, NEVER = reply(body=b"", status="401 Unauthorized"), reply(body=b"", status="403 Forbidden")
HOST = "https://pictures.example"


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("LC_ALL", "C")


def own(server, *trusted, key=SECRET, **more):
    """The policy of a client whose endpoint is a server on loopback."""
    return policy(server.origin, *trusted, endpoint=server.origin, key=key, **more)


def keys(server):
    """Which of a server's requests came with the key, in order."""
    return ["Authorization: Bearer " + KEY in ask and ask.count(KEY) == 1 for ask in server.asked]


def headers(ask, name):
    return re.findall(rf"(?im)^{name}: (.*)\r$", ask)


# -- on the endpoint itself --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [NO, NEVER])
def test_the_key_opens_a_picture_on_the_endpoint_itself_after_a_refusal_without_it(first, serve, tmp_path):
    server = serve(first, reply())
    fetch(f"{server.origin}/files/a.png?sign=1", tmp_path / "x", own(server))
    assert (tmp_path / "x").read_bytes() == PNG
    assert keys(server) == [False, True]


@pytest.mark.parametrize("status", [200, 404, 500, 400, 402, 407, 429, 451])
def test_no_other_answer_brings_the_key_out(status, serve, tmp_path):
    server = serve(reply(status=f"{status} x"), reply())
    with suppress(FetchFailed):
        fetch(f"{server.origin}/a", tmp_path / "x", own(server))
    assert keys(server) == [False]


def test_a_referer_of_the_endpoint_goes_to_the_endpoint_with_every_request(serve, tmp_path):
    server = serve(NO, reply())
    fetch(f"{server.origin}/a", tmp_path / "x", own(server))
    assert [headers(ask, "Referer") for ask in server.asked] == [[f"{server.origin}/"]] * 2


def test_the_referer_alone_may_be_enough_and_then_no_key_is_sent(serve, tmp_path):
    def page(connection):
        connection.sendall(reply() if headers(server.asked[-1], "Referer") else NEVER)

    server = serve(page)
    fetch(f"{server.origin}/a", tmp_path / "x", own(server))
    assert keys(server) == [False]


@pytest.mark.parametrize("refusal", [NO, NEVER])
def test_a_wrong_key_is_one_clear_error_after_two_requests(refusal, serve, failing):
    server = serve(refusal, refusal, reply())
    error = failing(f"{server.origin}/a.png", own(server))
    assert keys(server) == [False, True]
    assert (error.again, error.lasting, error.charged) == (False, False, "yes")
    assert "with your key too" in error.why
    assert "%wenwen key" in error.do
    assert f"browser: {server.origin}/a.png" in error.do


def test_without_a_key_the_error_names_the_way_to_set_one(serve, failing):
    server = serve(NO, reply())
    error = failing(f"{server.origin}/a.png", own(server, key=None))
    assert ("%wenwen key" in error.do, error.lasting, len(server.asked)) == (True, False, 1)


@pytest.mark.parametrize("host", ["localhost", "LocalHost"])
def test_the_name_localhost_is_this_machine_however_it_is_written(host, serve, tmp_path):
    server = serve(NO, reply())
    origin = f"http://localhost:{server.port}"
    mine = policy(origin, endpoint=origin, key=SECRET)
    fetch(f"http://{host}:{server.port}/a", tmp_path / "x", mine, resolve=answering("127.0.0.1", "127.0.0.1"))
    assert keys(server) == [False, True]


def test_a_name_localhost_that_leads_elsewhere_gets_no_key(serve, failing, routes):
    server = serve(NO, reply())
    routes[PUBLIC] = server.port
    mine = policy("http://localhost:80", endpoint="http://localhost:80", key=SECRET)
    failing("http://localhost/a", mine, resolve=answering(PUBLIC, PUBLIC))
    assert keys(server) == [False]


def test_a_picture_at_the_ipv6_address_of_this_machine_gets_the_key(serve, tmp_path, routes):
    server = serve(NO, reply())
    routes["::1"] = server.port
    real = socket.socket

    class Four(real):
        def __init__(self, family=socket.AF_INET, *args, **options):
            super().__init__(socket.AF_INET, *args, **options)

    mine = policy("http://[::1]:80", endpoint="http://[::1]:80", key=SECRET)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "socket", Four)
        fetch("http://[::1]/a", tmp_path / "x", mine)
    assert keys(server) == [False, True]


def secure(tls, tmp_path, **more):
    return policy(f"{HOST}:443", ca_bundle=str(tmp_path / "pem"), **{"endpoint": f"{HOST}:443", "key": SECRET, **more})


@pytest.mark.parametrize("address", [f"{HOST}/a", f"{HOST}:443/a", "HTTPS://Pictures.EXAMPLE/a", f"{HOST}:0443/a"])
def test_over_https_the_key_goes_to_the_endpoints_name_however_it_is_written(address, serve, tls, routes, tmp_path):
    server = serve((tls, NO), (tls, reply()))
    routes[PUBLIC] = server.port
    fetch(address, tmp_path / "x", secure(tls, tmp_path), resolve=answering(PUBLIC, PUBLIC))
    assert keys(server) == [False, True]
    assert headers(server.asked[0], "Referer") == [f"{HOST}/"]


def test_through_a_proxy_the_key_goes_in_the_tunnel_only(serve, tls, tmp_path):
    def tunnel(answer):
        def script(connection):
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with tls.wrap_socket(connection, server_side=True) as inner:
                proxy.hear(inner)
                inner.sendall(answer)

        return script

    proxy = serve(tunnel(NO), tunnel(reply()))
    through = secure(tls, tmp_path, proxies={"all": f"127.0.0.1:{proxy.port}"})
    fetch(f"{HOST}/a", tmp_path / "x", through, resolve=nowhere)
    assert [ask.split()[0] for ask in proxy.asked] == ["CONNECT", "GET", "CONNECT", "GET"]
    assert keys(proxy) == [False, False, False, True]


# -- elsewhere ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("refusal", [NO, NEVER])
@pytest.mark.parametrize("trusting", [False, True])
def test_another_port_gets_neither_key_nor_referer_also_when_it_is_trusted(refusal, trusting, serve, failing):
    endpoint, other = serve(reply()), serve(refusal, reply())
    error = failing(f"{other.origin}/a", own(endpoint, other.origin, *["127.0.0.1"] * trusting))
    assert (keys(other), headers(other.asked[0], "Referer"), endpoint.asked) == ([False], [], [])
    assert f"browser: {other.origin}/a" in error.do
    # An object store says 403 of a picture that is not there yet.
    passing = error.status == 403
    assert (error.again, error.lasting, "free" in error.do) == (passing, not passing, passing)
    assert "paid" in error.do or "kept" in error.do


@pytest.mark.parametrize(
    "address",
    [
        "http://pictures.example/a",
        "https://img.pictures.example/a",
        "https://pictures.example./a",
        "https://pictures.example:8443/a",
        "https://example/a",
        "https://xpictures.example/a",
        "https://pictures.example.evil.example/a",
        f"https://{PUBLIC}/a",
    ],
)
@pytest.mark.parametrize("trusting", [False, True])
def test_another_place_than_the_endpoints_own_may_have_no_key(address, trusting, tmp_path):
    entries = {urlsplit(address).netloc, urlsplit(address).hostname} if trusting else set()
    mine = Policy(endpoint=f"{HOST}:443", key=SECRET, trusted=frozenset({f"{HOST}:443", *entries}))
    step = step_to(address, mine)
    assert not step.may_have_key
    assert "Referer" not in step.headers


@pytest.mark.parametrize("written", ["me:pw@", "pictures.example@", "@", "a%40b@", "canary@"])
def test_an_address_with_a_user_name_is_not_fetched_at_all(written, serve, failing):
    server = serve(reply())
    assert "user name" in failing(f"http://{written}127.0.0.1:{server.port}/a", own(server)).why
    assert server.asked == []


def test_over_plain_http_only_this_machine_gets_the_key(serve, failing, routes):
    server = serve(NO, reply())
    routes[PUBLIC] = server.port
    mine = policy("http://pictures.example:80", endpoint="http://pictures.example:80", key=SECRET)
    error = failing("http://pictures.example/a", mine, resolve=answering(PUBLIC))
    assert keys(server) == [False]
    assert headers(server.asked[0], "Referer") == ["http://pictures.example/"]
    assert "over https" in error.do


def test_a_private_address_over_plain_http_gets_no_key_either(serve, failing, routes):
    server = serve(NO, reply())
    routes["192.168.1.7"] = server.port
    failing("http://192.168.1.7/a", policy("http://192.168.1.7:80", endpoint="http://192.168.1.7:80", key=SECRET))
    assert keys(server) == [False]


def test_a_proxy_between_here_and_this_machine_reads_no_key(serve, failing):
    proxy = serve(NO, reply())
    mine = policy("http://localhost:1", endpoint="http://localhost:1", key=SECRET)
    failing("http://localhost:1/a", replaced(mine, proxies={"http": proxy.origin}), resolve=nowhere)
    assert keys(proxy) == [False]


def test_words_of_an_expired_address_go_before_the_advice_on_keys(serve, failing):
    other, words = serve(reply()), reply(body=b'{"msg":"the link has expired"}', status="403 x")
    server = serve(words)
    error = failing(f"{server.origin}/a", own(other, server.origin))
    assert ("--fresh" in error.do, error.lasting) == (True, True)


# -- redirects ---------------------------------------------------------------------------------------------------------


def test_a_redirect_to_the_endpoint_itself_brings_no_key_out(serve, failing):
    server = serve(moved("/b"), NO, reply())
    error = failing(f"{server.origin}/a", own(server))
    assert keys(server) == [False, False]
    assert f"browser: {server.origin}/a" in error.do
    assert "never behind a redirect" in error.do


def test_a_redirect_behind_the_key_is_followed_without_it(serve, tmp_path):
    store = serve(reply())
    server = serve(NO, moved(f"{store.origin}/b?sign=1"))
    fetch(f"{server.origin}/a", tmp_path / "x", own(server, store.origin))
    assert (tmp_path / "x").read_bytes() == PNG
    assert (keys(server), keys(store), headers(store.asked[0], "Referer")) == ([False, True], [False], [])


def test_a_redirect_behind_the_key_to_the_same_host_is_followed_without_it(serve, failing):
    server = serve(NO, moved("/b"), NO, reply())
    failing(f"{server.origin}/a", own(server))
    assert keys(server) == [False, True, False]


def test_a_redirect_elsewhere_and_back_brings_no_key_out(serve, failing):
    server = serve(NO, reply())
    other = serve(moved(f"{server.origin}/secrets"))
    failing(f"{other.origin}/a", own(server, other.origin))
    assert keys(server) + keys(other) == [False, False]


@pytest.mark.parametrize("spelled", [KEY, KEY.replace("y", "%79"), KEY.encode().hex()])
def test_a_redirect_into_which_the_server_writes_the_key_leads_elsewhere_without_it(spelled, serve, tmp_path):
    store = serve(reply())
    server = serve(NO, moved(f"{store.origin}/b?token={spelled}&a=1"))
    fetch(f"{server.origin}/a", tmp_path / "x", own(server, store.origin))
    assert store.asked[0].startswith("GET /b?token=***&a=1 ")


@pytest.mark.parametrize("header", ["Location: http://127.0.0.1:9/", "Refresh: 0; url=http://127.0.0.1:9/"])
def test_a_refusal_that_names_another_place_leads_nowhere(header, serve, failing):
    server = serve(reply(header, body=b"", status="401 x"), reply(header, body=b"", status="403 x"))
    failing(f"{server.origin}/a", own(server))
    assert keys(server) == [False, True]


def test_redirects_and_refusals_in_turn_come_to_an_end(serve, failing):
    server = serve(*[NO, moved("/a")] + [moved("/a")] * 9)
    failing(f"{server.origin}/a", own(server))
    assert keys(server) == [False, True, *[False] * 5]


# -- the key is found nowhere ------------------------------------------------------------------------------------------


def echo(spelled, status):
    return reply(body=f'{{"error":{{"message":"{"x" * 250} bad key {spelled} !"}}}}'.encode(), status=status)


@pytest.mark.parametrize(
    "spelled", [KEY, f"Bearer {KEY}", KEY.replace("c", "\\u0063"), KEY.replace("y", "%79"), KEY.encode().hex()]
)
def test_a_server_that_repeats_the_key_does_not_bring_it_into_an_error(spelled, serve, failing, caplog):
    caplog.set_level(logging.DEBUG)
    server = serve(NO, echo(spelled, "403 x"))
    error = failing(f"{server.origin}/a", own(server))
    told = f"{error!r}{error}{vars(error)}{''.join(traceback.format_exception(error))}{caplog.text}"
    assert not [part for part in (spelled, KEY, spelled[:12]) if part in told]


@pytest.mark.parametrize(
    "body",
    [
        b'{"headers":{"Authorization":"Bearer %b"}}' % KEY.encode(),
        b'{"data":{"id":1,"access_token":"another-token","quota":5}}',
        b"\r\n [1, 2]",
        b"another-token",
        b"<html>another-token",
        b'<?xml version="1.0"?><user>another-token</user>',
        "\ufeff{}".encode(),
        b"{" + b" " * 9000 + b"}",
    ],
)
def test_a_text_that_came_with_the_key_is_the_users_account_and_nothing_of_it_is_kept_or_quoted(
    body, serve, failing, tmp_path
):
    server = serve(NO, reply(body=body))
    error = failing(f"{server.origin}/api/user/self", own(server))
    assert (error.why, error.again, error.charged) == ("with your key came a text, not a picture or clip", False, "yes")
    assert "another-token" not in f"{error}{vars(error)}"
    server = serve(NO, reply(body=body))
    with pytest.raises(FetchFailed):
        fetch(f"{server.origin}/a", tmp_path / "x", own(server))
    assert (tmp_path / "x").read_bytes() == b""


@pytest.mark.parametrize(
    "body",
    [
        PNG + KEY.encode(),
        b"\r\n" + PNG,
        b"\xef\xbb\xbf" + PNG,
        b"\0\0\0\x18ftypheic" + b"\0" * 99,
        b"\0\0\0\x20ftypisom" + b"\0" * 9000,
        b"BM" + b"\0" * 99,
        b"",
    ],
)
def test_a_picture_or_a_video_that_came_with_the_key_is_kept_as_it_came(body, serve, tmp_path):
    server = serve(NO, reply(body=body))
    fetch(f"{server.origin}/a", tmp_path / "x", own(server))
    assert (tmp_path / "x").read_bytes() == body


def test_a_picture_whose_first_bytes_come_one_by_one_is_not_taken_for_a_text(serve, tmp_path):
    def slowly(connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(PNG))
        for at in range(len(PNG)):
            connection.sendall(PNG[at : at + 1])

    server = serve(NO, slowly)
    fetch(f"{server.origin}/a", tmp_path / "x", own(server))
    assert (tmp_path / "x").read_bytes() == PNG


@pytest.mark.parametrize(
    "rest", ["?Signature=" + "b" * 2000 + "END", "?key=AIzaSign123456&x=1", "?token=sk-signed1234567", "?a=1&b=%20"]
)
def test_the_address_to_open_in_a_browser_is_shown_whole_and_as_it_is(rest, serve, failing):
    server = serve(NO, NO)
    error = failing(f"{server.origin}/a.png{rest}", own(server))
    told = error_of_record(as_recorded(error))
    assert all(f"{server.origin}/a.png{rest} " in shown for shown in (error.do, str(error), told.do, str(told)))


def test_the_address_to_open_in_a_browser_does_not_hold_the_key(serve, failing):
    server = serve(NO, NO)
    error = failing(f"{server.origin}/a.png?token={KEY}", own(server))
    assert f"{server.origin}/a.png?token=***" in error.do
    assert KEY not in f"{error}{vars(error)}"


@pytest.mark.parametrize("more", [b"", b"A" * 5000])
def test_words_that_repeat_the_key_to_who_did_not_send_it_are_masked_before_they_are_cut(more, serve, failing):
    other = serve(reply(body=b'{"error":{"message":"' + b"x " * 140 + KEY.encode() + more + b'"}}', status="404 x"))
    error = failing(f"{other.origin}/a", own(serve(), other.origin))
    assert "x ***" in error.why
    assert KEY[:9] not in error.why


def test_a_key_is_not_asked_for_where_a_project_files_endpoint_does_not_get_it(serve, failing):
    server = serve(NO)
    error = failing(f"{server.origin}/a", own(server, key=None, foreign=True))
    assert ("%wenwen key" in error.do, "WENWEN_BASE_URL" in error.do) == (False, True)


BREAKS = {
    "reset": lambda connection: connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"),
    "silence": lambda connection: connection.recv(1),
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + PNG[:100],
    "no HTTP": b"hello\r\n\r\n",
    "a header as long as can be": b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70_000,
}


@pytest.mark.parametrize("way", BREAKS)
def test_no_frame_and_no_cause_of_an_error_holds_the_header(way, serve, failing):
    for read in PATIENCE:
        server = serve(NO, BREAKS[way])
        error = failing(f"{server.origin}/a", own(server, read=read))
        if len(server.asked) == 2:
            break
    assert keys(server) == [False, True]
    assert KEY not in "".join(everything(error))


def test_an_interrupt_while_the_key_is_sent_carries_no_frame_that_holds_it(serve, tmp_path, monkeypatch):
    server = serve(NO, reply())
    real = socket.socket.sendall

    def interrupted(self, data, *rest):
        if KEY.encode() in bytes(data):
            raise KeyboardInterrupt
        return real(self, data, *rest)

    monkeypatch.setattr(socket.socket, "sendall", interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        fetch(f"{server.origin}/a", tmp_path / "x", own(server))
    assert KEY not in "".join(everything(caught.value))


def everything(error):
    """What the variables of all frames of an error and its causes say."""
    seen = set()
    while error and id(error) not in seen:
        seen.add(id(error))
        yield repr(vars(error)) + str(error)
        for frame, _line in traceback.walk_tb(error.__traceback__):
            if "/tests/" not in frame.f_code.co_filename:
                yield repr(frame.f_locals)
        error = error.__cause__ or error.__context__


def test_a_policy_and_a_step_show_no_key():
    mine = policy(HOST, endpoint=HOST, key=SECRET)
    assert KEY not in f"{mine!r}{mine}{vars(step_to(f'{HOST}/a', mine))}"


# -- every other spelling ----------------------------------------------------------------------------------------------


def replaced(mine, **more):
    return Policy(**{**vars(mine), **more})


def step_to(address, mine):
    return _Step(address, mine, Deadline(1, lambda: 0.0), nowhere, None)


PARTS = some.tuples(
    some.sampled_from(["https", "http", "HTTPS", "https:", "ftp", "wss", ""]),
    some.sampled_from(["", "", "", "me@", "me:pw@", "relay.example@", "relay.example:443@", "%40@"]),
    some.sampled_from(
        [
            *("relay.example", "RELAY.example", "relay.example.", "www.relay.example", "relay.example.evil.example"),
            *(
                "evilrelay.example",
                "relay.exampl",
                "relay。example",
                "ｒelay.example",
                "rel\u00aday.example",
                "relay%2eexample",
            ),
            *(
                "127.0.0.1",
                "[::1]",
                "[::ffff:127.0.0.1]",
                "localhost",
                "relay.example%00.evil.example",
                "xn--relay-.example",
            ),
        ]
    ),
    some.sampled_from(["", ":443", ":0443", ":80", ":8443", ":", ":443@evil.example", ":4430", ":-1", ":65979"]),
    some.sampled_from(["/a", "", "?a", "#a", "/@evil.example/", "\\@evil.example/", "//evil.example/a", "/\t", ";a"]),
)


@given(PARTS)
def test_whatever_an_address_looks_like_the_key_goes_to_the_endpoints_own_place_only(parts):
    scheme, user, host, port, rest = parts
    address = f"{scheme}://{user}{host}{port}{rest}"
    try:
        step = step_to(address, Policy(endpoint="https://relay.example:443", key=SECRET))
    except FetchFailed:
        assume(True)
        return
    exact = (scheme.lower(), user, host.lower()) == ("https", "", "relay.example") and port in {
        "",
        ":",
        ":443",
        ":0443",
    }
    assert step.may_have_key == exact
    assert ("Referer" in step.headers) == exact
    assert not exact or (step.place.host, step.place.port) == ("relay.example", 443)


@given(some.text(min_size=1, max_size=40), some.sampled_from(["https://relay.example", "http://127.0.0.1:8010"]))
def test_an_address_that_begins_like_the_endpoints_is_told_from_it(more, endpoint):
    origin = f"{endpoint}:443" if endpoint.startswith("https") else endpoint
    try:
        step = step_to(endpoint + more, Policy(endpoint=origin, key=SECRET))
    except FetchFailed:
        return
    if step.may_have_key:
        place = ssrf.place_of(endpoint + more)
        assert f"{place.scheme}://{place.host}:{place.port}" == origin
        assert more[0] in "/?#:0123456789"
