"""The key goes to the endpoint alone, in a header or the address, and no error, frame, record or message holds it."""

import gzip
import itertools
import json
import logging
import re
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from IPython.core.ultratb import VerboseTB
from support.clock import Ticks
from test_transport import AWAY, BUSY, KEY, POST, failure, line_to, relay, said, silent, whole

from wenwen_magic import Client
from wenwen_magic.endpoint import masking, transport
from wenwen_magic.endpoint.api_key import Secret
from wenwen_magic.endpoint.masking import mask_bytes
from wenwen_magic.endpoint.transport import Transport
from wenwen_magic.errors import ConfigError, EndpointError, WenwenError
from wenwen_magic.protocol import HttpCall

__all__ = ["relay"]
PLAIN = "0123456789abcdefghijklmnopqrstuv"
"""A key that nothing but its own text gives away."""
NO_KEY_LEFT = "***"
STREAM = HttpCall("POST", "/v1beta/models/m:streamGenerateContent?alt=sse", {"contents": []}, stream=True)
IN_ADDRESS_KEY = (f"{transport.IN_ADDRESS}key", "{key}")


def chain(error):
    """An error and all that it was raised from or while handling, also where that is not shown."""
    waiting, seen = [error], []
    while waiting:
        one = waiting.pop()
        if one is not None and one not in seen:
            seen.append(one)
            waiting += [one.__cause__, one.__context__]
    return seen


def frames(error):
    step = error.__traceback__
    while step:
        yield step.tb_frame
        step = step.tb_next


def held(error):
    """All that can be read off an error: words, fields, the fields' fields, the variables of the frames of the module."""
    for one in chain(error):
        yield from (str(one), repr(one), repr(one.args), repr(vars(one)))
        yield from (repr(getattr(value, "headers", "")) for value in vars(one).values())
        for frame in frames(one):
            if "wenwen_magic" in frame.f_code.co_filename or one is error:
                yield from (repr(value) for value in frame.f_locals.values() if "test_" not in frame.f_code.co_filename)


def verbose(error):
    """What IPython prints after ``%xmode Verbose``, from the first frame of the package on."""
    step = error.__traceback__
    while "wenwen_magic" not in step.tb_frame.f_code.co_filename:
        step = step.tb_next
    return "".join(VerboseTB("nocolor").text(type(error), error, step))


def broken_at(*way):
    """Scripts, each with a failure of another kind."""
    return {
        "error body": said("401 No", body=json.dumps({"error": {"message": f"bad key {PLAIN}"}}).encode()),
        "plain error": said("500 Oh", body=b"key " + PLAIN.encode()),
        "page": said(body=b"<html><title>" + PLAIN.encode()).replace(b"application/json", b"text/html"),
        "cut": b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhello",
        "cut after an echo": b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\nyou sent " + PLAIN.encode() + b" and",
        "silence": silent,
        "closed": lambda _: None,
        "redirect": said("302 Found", f"Location: http://127.0.0.1:9/?key={PLAIN}"),
        "request id": said("500 Oh", f"X-Request-Id: {PLAIN}"),
        "one-api id": said("500 Oh", f"X-Oneapi-Request-Id: {PLAIN}"),
        "strange header": f"HTTP/1.1 {PLAIN}\r\n\r\n".encode(),
    }


@pytest.mark.parametrize("call_and_auth", [(POST,), (STREAM, IN_ADDRESS_KEY)], ids=["header", "address"])
@pytest.mark.parametrize("way", [*broken_at(), "unreachable"])
def test_no_error_holds_the_key_in_words_fields_frames_or_traceback(way, call_and_auth, relay):
    origin = "http://127.0.0.1:9" if way == "unreachable" else relay(*[broken_at()[way]] * 3).origin
    with pytest.raises(WenwenError) as caught:
        whole(Transport(origin, Secret(PLAIN), clock=Ticks(), read=0.1).send(*call_and_auth))
    assert not [text for text in held(caught.value) if PLAIN in text]
    assert PLAIN not in verbose(caught.value)


def test_an_error_of_the_network_leads_back_to_no_request_with_the_key(relay):
    error = failure(Transport(relay(lambda _: None).origin, Secret(PLAIN), clock=Ticks()))
    requests_seen = [getattr(one, "request", None) for one in chain(error)]
    assert not [one for one in requests_seen if one is not None and PLAIN in str(one.headers)]


@pytest.mark.parametrize("call_and_auth", [(POST,), (STREAM, IN_ADDRESS_KEY)], ids=["header", "address"])
def test_a_verbose_traceback_of_an_interrupt_while_waiting_does_not_show_the_key(call_and_auth, relay, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("http.client.HTTPConnection.getresponse", interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        Transport(relay(said()).origin, Secret(PLAIN), clock=Ticks()).send(*call_and_auth)
    assert PLAIN not in verbose(caught.value)


def test_a_verbose_traceback_of_an_interrupt_while_reading_does_not_show_the_key(relay, monkeypatch):
    reply = Transport(relay(said()).origin, Secret(PLAIN), clock=Ticks()).send(POST)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("urllib3.response.HTTPResponse.read1", interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        whole(reply)
    assert PLAIN not in verbose(caught.value)


def test_neither_transport_nor_reply_shows_the_key(relay):
    line = line_to(relay(said()))
    reply = line.send(POST)
    assert KEY not in repr(vars(line)) + repr(line) + repr(reply)


@pytest.mark.parametrize("key", ["sk-abc\ndef", "sk-abc def", "sk-ä", "密钥", "", " \n", "sk-\x7f"])
def test_a_key_that_cannot_stand_in_a_header_is_refused_without_being_repeated(key):
    with pytest.raises(ConfigError) as caught:
        Secret(key)
    assert not key.strip() or key.strip() not in str(caught.value) + repr(caught.value.__context__)


def test_a_pasted_key_with_a_line_break_behind_it_is_sent_without_it(relay):
    server = relay(said())
    whole(Transport(server.origin, Secret(f" {KEY}\r\n")).send(POST))
    assert f"Authorization: Bearer {KEY}\r\n" in server.asked[0]


# To nobody else


@pytest.mark.parametrize(
    ("status", "header"),
    [*((status, "Authorization") for status in (300, 301, 302, 303, 307, 308)), (307, "x-api-key")],
)
def test_no_redirect_takes_key_or_prompt_to_another_host(status, header, relay):
    other = relay(*[said()] * 3)
    server = relay(*[said(f"{status} Go", f"Location: {other.origin}/v1/chat/completions")] * 3)
    with pytest.raises(EndpointError) as caught:
        whole(line_to(server).send(POST, (header, "{key}")))
    assert (len(server.asked), other.accepted, caught.value.status, caught.value.charged) == (1, 0, status, "no")


def test_a_redirect_within_the_endpoint_is_not_followed_either(relay):
    server = relay(*[said("307 Go", "Location: /v1/elsewhere")] * 3)
    assert failure(line_to(server)).status == 307
    assert len(server.asked) == 1


def test_a_page_that_refreshes_itself_elsewhere_is_not_followed(relay):
    other = relay(said())
    server = relay(said("200 OK", f"Refresh: 0; url={other.origin}", f"Link: <{other.origin}>; rel=next"))
    whole(line_to(server).send(POST))
    assert other.accepted == 0


def test_a_password_file_does_not_replace_the_key(relay, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password hunter2\ndefault login you password hunter3\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server = relay(said(), said())
    whole(line_to(server).send(POST))
    whole(Transport(server.origin, None).send(POST))
    assert f"Authorization: Bearer {KEY}\r\n" in server.asked[0]
    assert "authorization" not in server.asked[1].lower()


def test_a_proxy_of_the_environment_is_used_and_does_not_replace_the_key(relay, monkeypatch):
    proxy = relay(said())
    monkeypatch.setenv("http_proxy", proxy.origin.replace("//", "//me:hunter2@"))
    whole(Transport("http://relay.example", Secret(KEY)).send(POST))
    assert proxy.asked[0].startswith("POST http://relay.example/v1/chat/completions ")
    assert f"\r\nAuthorization: Bearer {KEY}\r\n" in proxy.asked[0]
    assert "hunter2" not in proxy.asked[0]


def test_a_host_that_the_environment_exempts_is_asked_directly(relay, monkeypatch):
    proxy, server = relay(said()), relay(said())
    monkeypatch.setenv("http_proxy", proxy.origin)
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    whole(line_to(server).send(POST))
    assert (proxy.accepted, len(server.asked)) == (0, 1)


# An endpoint that repeats the key


@pytest.mark.parametrize(
    ("status", "packed"), [("200 OK", False), ("200 OK", True), ("401 No", False), (BUSY, True), (AWAY, False)]
)
def test_a_key_in_the_body_never_reaches_the_caller(status, packed, relay):
    body = json.dumps({"error": {"message": f"Incorrect key: {PLAIN}.", "code": PLAIN}}).encode()
    more = ("Content-Encoding: gzip",) if packed else ()
    server = relay(*[said(status, *more, body=gzip.compress(body) if packed else body)] * 3)
    line = Transport(server.origin, Secret(PLAIN), clock=Ticks())
    try:
        seen = whole(line.send(POST)).decode()
    except WenwenError as error:
        seen = f"{error}{error.as_dict()}"
    assert PLAIN not in seen
    assert NO_KEY_LEFT in seen


@pytest.mark.parametrize("header", ["Content-Type: text/plain; key={}", "Content-Type: {}"])
def test_a_key_in_the_type_of_the_answer_never_reaches_the_caller(header, relay):
    server = relay(said().replace(b"Content-Type: application/json", header.format(PLAIN).encode()))
    assert PLAIN not in Transport(server.origin, Secret(PLAIN)).send(POST).content_type


def test_a_key_that_arrives_in_two_packets_never_reaches_the_caller(relay):
    text = f'{{"seen": "{PLAIN}"}}'.encode()

    def halves(connection):
        head = said(body=text)
        connection.sendall(head[: -len(text) + 20])
        connection.sendall(head[-len(text) + 20 :])

    assert whole(Transport(relay(halves).origin, Secret(PLAIN)).send(POST)) == b'{"seen": "***"}'


def masked(pieces, key):
    clean, rest = [], b""
    for piece in pieces:
        whole, rest = mask_bytes(rest + piece, Secret(key.decode()))
        clean.append(whole)
    return [*clean, rest]


def cut_at(body, places):
    edges = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    return [body[start:end] for start, end in itertools.pairwise(edges)]


def test_a_key_cut_in_two_at_any_place_is_masked():
    body = b"say " + KEY.encode() + b" now"
    for place in range(len(body)):
        assert b"".join(masked([body[:place], body[place:]], KEY.encode())) == b"say *** now"


LETTERS = st.text("ab*", min_size=1, max_size=6).map(str.encode)


@settings(max_examples=50, deadline=None)
@given(LETTERS, st.lists(st.one_of(LETTERS, st.none()), max_size=8), st.lists(st.integers(0, 99), max_size=6))
@example(b"aab", [b"a", None], [1, 2])
@example(b"abab", [b"ab", None, b"ab"], [3])
def test_no_piece_and_no_joint_of_pieces_holds_the_key(key, words, places):
    body = b"".join(key if word is None else word for word in words)
    with mock.patch.object(masking, "SHORTEST_IN_BYTES", 1):
        came = b"".join(masked(cut_at(body, places), key))
    assert b"*" in key or key not in came
    assert key in body or came == body


@given(st.binary(max_size=300), st.lists(st.integers(0, 999), max_size=9))
def test_a_body_without_the_key_comes_as_it_is_however_it_is_cut(body, places):
    assert b"".join(masked(cut_at(body, places), KEY.encode())) == body


def test_masking_a_large_body_takes_time_in_proportion_to_it():
    piece = KEY.encode()[:-1] * 3000
    assert sum(map(len, masked([piece] * 200, KEY.encode()))) == len(piece) * 200


def test_a_classrooms_short_key_does_not_spoil_a_picture_that_holds_its_letters():
    assert b"".join(masked([b"abc in a picture"], b"abc")) == b"abc in a picture"


# In the address


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (STREAM, f"/v1beta/models/m:streamGenerateContent?alt=sse&key={PLAIN}"),
        (POST, f"/v1/chat/completions?key={PLAIN}"),
    ],
)
def test_the_key_joins_the_address_and_stands_in_no_header(call, line, relay):
    server = relay(said())
    whole(Transport(server.origin, Secret(PLAIN)).send(call, IN_ADDRESS_KEY))
    assert server.asked[0].startswith(f"POST {line} HTTP/1.1\r\n")
    assert server.asked[0].count(PLAIN) == 1


def test_signs_of_a_key_that_mean_something_in_an_address_are_written_for_it(relay):
    server = relay(said())
    whole(Transport(server.origin, Secret("a+b/c=d&e#f%25")).send(STREAM, IN_ADDRESS_KEY))
    assert "?alt=sse&key=a%2Bb%2Fc%3Dd%26e%23f%2525 HTTP/1.1" in server.asked[0]


def test_an_address_that_the_endpoint_repeats_is_told_without_the_key(relay):
    body = json.dumps({"error": {"message": f"Invalid URL (POST /v1beta/x?alt=sse&key={PLAIN})"}}).encode()
    with pytest.raises(WenwenError) as caught:
        whole(Transport(relay(said("404 No", body=body)).origin, Secret(PLAIN)).send(STREAM, IN_ADDRESS_KEY))
    assert "alt=sse&key=***" in str(caught.value)


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
