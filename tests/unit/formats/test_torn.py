"""JSON that broke off keeps what had come whole of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scripted import grows_in_proportion

from wenwen_magic.formats.parse.json_text import parse_partial_json

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


@pytest.mark.parametrize("end", range(1, len(json.dumps(WHOLE)) + 1))
def test_a_text_may_break_off_anywhere(end):
    parsed = parse_partial_json(json.dumps(WHOLE)[:end])
    assert parsed.keys() <= WHOLE.keys()
    assert parsed.get("b", {}).get("data", "abc") == "abc"
    assert end < len(json.dumps(WHOLE)) or parsed == WHOLE


@given(st.text('{}[]:,"\\tex u0', max_size=60))
def test_any_text_is_mended_or_given_up(text):
    assert json.dumps(parse_partial_json(text))


@pytest.mark.parametrize("piece", ['{"text":', "[", '"a",', '"', "\\", '{"a":"b"},', "[]"])
def test_mending_takes_time_in_proportion(piece):
    assert grows_in_proportion(lambda factor: "[" + piece * (20_000 * factor), parse_partial_json)
