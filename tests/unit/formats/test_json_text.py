"""Long base64 is taken out of JSON text and comes back whole; text that broke off keeps what had come whole."""

import base64
import json
import os

import pytest
from support.replies import outcome
from support.scripted import reply_of

from wenwen_magic.errors import EndpointError
from wenwen_magic.formats.parse.json_text import SHORTEST, Payloads, parse_partial_json

RUN = base64.b64encode(bytes(range(256)) * 8).decode()


def small_and_back(text):
    payloads = Payloads()
    small = json.loads(payloads.extract(json.dumps(text).encode()))
    return small, payloads.restore_text(small)


def test_a_long_run_is_replaced_by_something_short_and_comes_back():
    small, back = small_and_back(f"![a](data:image/png;base64,{RUN}) and words")
    assert len(small) < 120
    assert back == f"![a](data:image/png;base64,{RUN}) and words"


def test_a_run_comes_back_as_bytes_without_a_copy_when_it_stands_alone():
    payloads = Payloads()
    token = payloads.extract(RUN.encode()).decode()
    assert payloads.restore(token) is payloads.restore(token)
    assert payloads.restore(token) == RUN.encode()


@pytest.mark.parametrize(("length", "cut"), [(SHORTEST - 1, False), (SHORTEST, True), (SHORTEST + 1, True)])
def test_only_runs_of_some_length_are_cut(length, cut):
    body = b'"' + b"A" * length + b'"' + b" " * SHORTEST
    assert (Payloads().extract(body) != body) is cut


def test_padding_belongs_to_the_run():
    payloads = Payloads()
    small = payloads.extract(b'"' + b"A" * 2000 + b'==" x')
    assert small.endswith(b'n" x')
    assert payloads.restore(small.decode()[1:-3]) == b"A" * 2000 + b"=="


def test_several_runs_keep_their_order_also_when_joined():
    payloads = Payloads()
    tokens = [payloads.extract(letter * 1500).decode() for letter in (b"A", b"B", b"C")]
    assert payloads.restore("".join(tokens)) == b"A" * 1500 + b"B" * 1500 + b"C" * 1500
    assert payloads.restore(f"x{tokens[1]}é{tokens[0]}") == b"x" + b"B" * 1500 + "é".encode() + b"A" * 1500


@pytest.mark.parametrize("before", ["\\n", "\\t", "\\u00e9", "\\u753b", '\\"', "\\\\", "\\/", "\\\\n", "\\\\u12"])
def test_an_escape_right_before_a_run_stays_an_escape(before):
    payloads, body = Payloads(), f'"{before}{RUN}{before}"'
    small = payloads.extract(body.encode())
    assert len(small) < 120
    assert payloads.restore_text(json.loads(small)) == json.loads(body)


def test_slashes_that_are_escaped_in_json_come_back_plain():
    payloads, body = Payloads(), '"' + RUN.replace("/", "\\/") + '"'
    assert payloads.restore_text(json.loads(payloads.extract(body.encode()))) == RUN


def test_a_text_for_reading_shows_an_ellipsis_in_place_of_a_run():
    payloads = Payloads()
    assert payloads.redact(payloads.extract(f"see {RUN} there".encode()).decode()) == "see … there"


def test_bug_the_number_in_an_error_showed_the_sign_that_stands_for_a_run():
    payloads = Payloads()
    run = payloads.extract(RUN.encode()).decode()
    error = payloads.redact_error(EndpointError("x", why=f"a {run}", text=run, request_id=f"{run}-1"))
    assert (error.why, error.text, error.request_id) == ("a …", "…", "…-1")


def test_bug_the_usage_of_an_answer_held_the_sign_that_stands_for_a_run():
    body = {"choices": [{"message": {"content": "no"}}], "usage": {"tokens": 1, "of": [{"content": RUN}]}}
    answer, _ = outcome("chat", reply_of(json.dumps(body)))
    assert answer.usage == {"tokens": 1, "of": [{"content": "…"}]}


def test_an_answer_cannot_name_a_run_by_itself():
    payloads = Payloads()
    payloads.extract(RUN.encode())
    forged = Payloads().extract(RUN.encode()).decode()
    assert payloads.restore_text(f"wwcut0n0n {forged}") == f"wwcut0n0n {forged}"


def test_a_picture_of_many_megabytes_leaves_a_short_token():
    body = b'{"b64_json": "' + base64.b64encode(os.urandom(6_000_000)) + b'"}'
    assert len(json.loads(Payloads().extract(body))["b64_json"]) < 60


WHOLE = {"a": [1, {"text": 'x "y" \\ \u732b'}, "z"], "b": {"data": "abc", "c": None}}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{"a": 1, "b": 2', {"a": 1}),
        ('{"a": "x"', {"a": "x"}),
        ('{"a": "x", "b', {"a": "x"}),
        ('{"a": {"b": [1, 2', {"a": {"b": [1]}}),
        ('[{"a": 1},\n{"a": 2}\n,', [{"a": 1}, {"a": 2}]),
        ('["x", "y"', ["x", "y"]),
        ('{"data": "abc', {}),
        ('{"text": "abc', {"text": "abc"}),
        ('{"text": "ab\\u73', {"text": "ab"}),
        ('{"text": "ab\\\\', {"text": "ab\\"}),
        ('{"text": "ab\\', {"text": "ab"}),
        ('{"a": 1}{"b": 2}', {"a": 1}),
        ("", None),
        ("no json", None),
        ("{]", None),
        ('{"a" 1, ', None),
    ],
)
def test_what_came_whole_is_kept_and_words_as_far_as_they_came(text, kept):
    assert parse_partial_json(text) == kept


def test_a_text_may_break_off_anywhere():
    text = json.dumps(WHOLE)
    for end in range(1, len(text)):
        parsed = parse_partial_json(text[:end])
        assert parsed.keys() <= WHOLE.keys()
        assert parsed.get("b", {}).get("data", "abc") == "abc"
    assert parse_partial_json(text) == WHOLE


def test_the_words_of_a_long_text_are_not_looked_at_one_by_one(monkeypatch):
    seen = []
    monkeypatch.setattr(Payloads, "_kept", lambda _, run: seen.append(run) or b"")
    text = b"a word, and/or two " * 5000
    assert Payloads().extract(text + b"A" * SHORTEST) == text
    assert seen == [b"A" * SHORTEST]
