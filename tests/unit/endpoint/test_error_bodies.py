"""What a server says in place of a file is found, whatever it is wrapped in, and is safe to show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scripted import grows_in_proportion

from wenwen_magic.endpoint.bodies import MOST_READ, advice_on, words_of

STORE = "<Error><Code>{code}</Code><Message>{message}</Message><RequestId>68A0</RequestId><HostId>h</HostId></Error>"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (STORE.format(code="AccessDenied", message="Request has expired"), "AccessDenied: Request has expired"),
        ("\ufeff\n<?xml version='1.0'?>\n" + STORE.format(code="NoSuchKey", message="No."), "NoSuchKey: No."),
        ("<a:error xmlns:a='x'><a:message lang='en'>gone</a:message></a:error>", "gone"),
        ("<error><message><![CDATA[no & nothing]]></message></error>", "no & nothing"),
        ("<Error><Code>X</Code><Message>X</Message></Error>", "X"),
        ("<Error><Code>ExpiredToken</Code><Details>It expired.</Details></Error>", "ExpiredToken: It expired."),
        ('{"error":{"code":"not_found","message":"gone"}}', "not_found: gone"),
        ('{"error":"token expired"}', "token expired"),
        ('{"code":404,"msg":"图片不存在"}', "图片不存在"),
        ('{"code":-1,"message":"no"}', "no"),
        ('{"detail":"File not found"}', "File not found"),
        ('[{"message":"gone"}]', "gone"),
        ('["gone"]', "gone"),
        ('[1, {"message":"gone"}]', "gone"),
        ('{"unknown":true}', '{"unknown": true}'),
        ('{"error":', '{"error":'),
        ('{"msg":"two\nlines"}', "two lines"),
        ("<!doctype html><title>404 &amp; more</title><p>x", "404 & more"),
        ("<html><body><script>run()</script><h1>404</h1><p>Not here</body>", "404 Not here"),
        ("<html><script>never ends", ""),
        ("no such file", "no such file"),
        ("not found (request id: 2024abc)", "not found (request id: 2024abc)"),
        ('{"message":"gone (request id: 2024abc)"}', "gone (request id: 2024abc)"),
        ("", ""),
        (b"\xff\xfe" + '{"msg":"wide"}'.encode("utf-16-le"), "wide"),
        ("图片不存在".encode()[:-1], "图片不存"),
        ("图片不存在".encode("gb18030"), "图片不存在"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), ""),
        (bytes(range(256)), ""),
        (b"\0" * 99, ""),
    ],
)
def test_the_words_of_an_error_are_found(body, words):
    assert words_of(body if isinstance(body, bytes) else body.encode()) == words


@pytest.mark.parametrize(
    "words",
    [
        "AccessDenied: Request has expired",
        "ExpiredToken: The provided token has expired.",
        "token expired",
        "Signature not valid in the specified time frame: Start a - Expiry b",
        "This content is no longer available.",
        "URL expiration time passed",
        "图片已过期",
        "链接已失效",
    ],
)
def test_an_address_that_has_expired_has_an_advice_of_its_own(words):
    assert "--fresh" in advice_on(words)


@pytest.mark.parametrize("words", ["", "no such key", "AccessDenied", "experience", "图片不存在"])
def test_other_words_have_none(words):
    assert advice_on(words) == ""


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")))
def test_whatever_came_the_words_are_one_short_line_without_controls(body):
    words = words_of(body)
    assert len(words) <= 302
    assert not set(words) & set("\n\r\x00\x1b\u202e")


@pytest.mark.parametrize("piece", ["<script", "<message ", "<", "<a:", "&amp;", "{", "[", "<!--", "<title"])
def test_a_hostile_page_takes_time_in_proportion(piece):
    def repeated(times):
        return (piece * MOST_READ).encode()[: MOST_READ // 4 * times]

    assert grows_in_proportion(repeated, words_of)
