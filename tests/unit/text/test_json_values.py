"""The JSON in a model's words is read however it came, or it is said why not; never anything in between."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wenwen_magic.text.json_values import Found, value_in, with_request

READ = {
    "a list": ('["fox", "owl"]', ["fox", "owl"]),
    "an object": ('{"a": {"b": [1, 2.5, -3e2, true, false, null]}}', {"a": {"b": [1, 2.5, -300.0, True, False, None]}}),
    "an empty list": ("[]", []),
    "an empty object": (" {} ", {}),
    "a number alone": ("42", 42),
    "a text alone": ('"fox"', "fox"),
    "a word alone": ("true", True),
    "Chinese": ('["狐狸", "猫头鹰"]', ["狐狸", "猫头鹰"]),
    "escapes": (r'["a\"b", "\u72d0", "c\\", "\/"]', ['a"b', "狐", "c\\", "/"]),
    "half a character": (r'["\ud800"]', ["\ufffd"]),
    "half a character alone": (r'"\ud800"', "\ufffd"),
    "half a character as a key": (r'{"\ud800": 1}', {"\ufffd": 1}),
    "a line break in a text": ('["a\nb"]', ["a\nb"]),
    "a mark before it": ("\ufeff[1]", [1]),
    "a fence": ('```json\n["fox"]\n```', ["fox"]),
    "a fence without a name": ('```\n{"a": 1}\n```', {"a": 1}),
    "a fence on one line": ('```json ["fox"] ```', ["fox"]),
    "a fence that never ends": ('```json\n["fox"]', ["fox"]),
    "tildes": ('~~~\n["fox"]\n~~~', ["fox"]),
    "code in a line": ('The list is `["fox"]`.', ["fox"]),
    "words before": ('Here you are: ["fox"]', ["fox"]),
    "words behind": ('{"a": 1}\nShall I go on?', {"a": 1}),
    "words in brackets": ('Ten animals [as asked]: ["fox"] (see [note])', ["fox"]),
    "words in braces": ('Fill {animal} with one of ["fox"].', ["fox"]),
    "a quotation mark before": ('Five" wide, he said: ["fox"]', ["fox"]),
    "an apostrophe before": ("Here's the list: ['fox']", ["fox"]),
    "pages that are cited": ('["fox", "owl"] [1][2]\n\n[1]: https://example.org', ["fox", "owl"]),
    "a number alone in a list": ("[7]", [7]),
    "the same twice": ('["fox"] — that is, ["fox"]', ["fox"]),
    "an example and the fence": ('Like {"a": 1}:\n```json\n[{"a": 2}]\n```', [{"a": 2}]),
    "objects in lines": ('{"a": 1}\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
    "objects in fenced lines": ('```jsonl\n{"a": 1}\n{"a": 2}\n```', [{"a": 1}, {"a": 2}]),
    "lists in lines": ('["a", 1]\n["b", 2]', [["a", 1], ["b", 2]]),
    "a comma too many": ('["fox", "owl",]', ["fox", "owl"]),
    "a comma too many in an object": ('{"a": [1,],\n}', {"a": [1]}),
    "as Python": (
        "['fox', \"it's\", 'it\\'s', 'a \"b\"', True, False, None]",
        ["fox", "it's", "it's", 'a "b"', True, False, None],
    ),
    "brackets in a text": ('["a]b", "c}d", "e[f"]', ["a]b", "c}d", "e[f"]),
    "single quotes in an object": ("{'a': 'b'}", {"a": "b"}),
    "curled quotes": ("[“fox”, “owl”]", ["fox", "owl"]),
    "curled quotes in an object": ("{“name”: “fox”, “tags”: [“red”]}", {"name": "fox", "tags": ["red"]}),
    "curled quotes in a text": ('["“fox”", "a ‘b’"]', ["“fox”", "a ‘b’"]),
    "Chinese signs": ('{"名字"："狐狸"，"颜色"：["红"、"白"]}', {"名字": "狐狸", "颜色": ["红", "白"]}),
    "Chinese signs in a text": ('["红，白：、"]', ["红，白：、"]),
    "a comment": ('[{"a":1}, // first\n {"b":2}]', [{"a": 1}, {"b": 2}]),
    "a comment at the end": ('["fox", // red\n "owl" // grey\n]', ["fox", "owl"]),
    "a comment between stars": ('{/* a */ "a" /* ** */ : 1 /* b */}', {"a": 1}),
    "an address in a text": ('["https://example.org/a//b", "/* c */"]', ["https://example.org/a//b", "/* c */"]),
    "a comma too many, a fence and words": ('Sure!\n```json\n["fox",\n "owl",\n]\n```\nEnjoy.', ["fox", "owl"]),
    "a mark before a fence": ('\ufeff```json\n["fox"]\n```', ["fox"]),
    "lines with a mark and an end": ('\ufeff{"a": 1}\r\n{"a": 2}\r\n', [{"a": 1}, {"a": 2}]),
    "lines with commas": ('{"a": 1},\n{"a": 2},', [{"a": 1}, {"a": 2}]),
    "thoughts before": ('<think>They want a list.</think>\n["fox"]', ["fox"]),
    "thoughts in brackets before": ('<think>[maybe] {owls}?</think>["fox"]', ["fox"]),
    "the same in two fences": ('```json\n["fox"]\n```\nAgain:\n```\n["fox"]\n```', ["fox"]),
    "a list behind a numbered one": ('1. fox\n2. owl\n\n["fox", "owl"]', ["fox", "owl"]),
    "a table": ('[["fox", 1], ["owl", 2]]', [["fox", 1], ["owl", 2]]),
}
BROKEN = {
    "in a text": ('["fox", "ow', ["fox"]),
    "behind a text": ('["fox", "owl"', ["fox", "owl"]),
    "behind a comma": ('["fox",', ["fox"]),
    "in a number": ("[1, 2, 3", [1, 2]),
    "in a word": ("[1, tru", [1]),
    "in an escape": ('["fox", "a\\', ["fox"]),
    "in an object of a list": ('[{"a": 1}, {"a": 2, "b": ', [{"a": 1}]),
    "in a key": ('[{"a": 1}, {"', [{"a": 1}]),
    "in a row": ("[[1, 2], [3", [[1, 2]]),
    "in a list of an object": ('{"animals": ["fox", "ow', {"animals": ["fox"]}),
    "deep in an object": ('{"a": {"b": ["fox", "ow', {"a": {"b": ["fox"]}}),
    "behind whole fields": ('{"title": "Ink", "animals": ["fox",', {"title": "Ink", "animals": ["fox"]}),
    "in a fence": ('```json\n[\n  "fox",\n  "ow', ["fox"]),
    "behind words": ('Here: ["fox", "ow', ["fox"]),
    "between lines": ('{"a": 1}\n{"a": 2}\n{"a"', [{"a": 1}, {"a": 2}]),
    "as Python": ("['fox', 'ow", ["fox"]),
    "in curled quotes": ("[“fox”, “ow", ["fox"]),
    "behind a Chinese comma": ('["狐狸"，', ["狐狸"]),
    "behind a comment": ('["fox", // red\n', ["fox"]),
    "behind a number and a space": ("[1, 2 ", [1, 2]),
}
UNREAD = {
    "nothing": ("", "no JSON"),
    "words": ("I cannot do that.", "no JSON"),
    "words in brackets": ("[sic] {see there}", "no JSON"),
    "no number": ("NaN", "no JSON"),
    "dots for the rest": ('["fox", "owl", ...]', "no JSON"),
    "no comma": ('["fox" "owl"]', "no JSON"),
    "no value": ('{"a": }', "no JSON"),
    "no key": ("{1: 2}", "no JSON"),
    "the wrong end": ('["fox"}', "no JSON"),
    "quotes inside": ('[{"t":"say "hi" now"},{"t":"b"}]', "no JSON"),
    "a comment without an end": ('[{"a":1}, /* first {"b":2}]', "no JSON"),
    "a comment that breaks off": ('["fox", // red', "no JSON"),
    "a comment of another language": ('[{"a":1}, # first\n {"b":2}]', "no JSON"),
    "no numbers": ("[NaN, Infinity]", "no JSON"),
    "no value of JSON": ("[undefined]", "no JSON"),
    "a numbered list": ("1. fox\n2. owl\n3. cat", "no JSON"),
    "a list with dashes": ("- fox\n- owl [grey]", "no JSON"),
    "a table of words": ("| animal |\n|---|\n| fox |", "no JSON"),
    "two fences with words": ("```\nfox\n```\n```\nowl\n```", "no JSON"),
    "thoughts that hold another": ('<think>["owl"]</think>["fox"]', "2 JSON values"),
    "a curled quotation mark and a straight one": ('[“fox", “owl"]', "no JSON|broke off"),
    "dots inside": ('[{"a":1}, ..., {"b":2}]', "no JSON"),
    "no number inside": ('[{"a":NaN},{"b":2}]', "no JSON"),
    "names without quotes": ('{name: "x", tags: ["a","b"]}', "no JSON"),
    "two lists": ('Cats: ["a"]. Dogs: ["b"].', "2 JSON values"),
    "two fences": ('```json\n["a"]\n```\nor\n```json\n["b"]\n```', "2 JSON values"),
    "a whole one and a broken one": ('Like ["a"]: ["fox", "ow', "2 JSON values"),
    "a bracket": ("[", "broke off"),
    "a brace": ('{"', "broke off"),
    "an object without its fields": ('{"title": "Ink", "text": "So', "broke off"),
    "an object behind its list": ('{"title": "Ink", "animals": ["fox"], "text": "So', "broke off"),
    "an object without its end": ('{"a": 1', "broke off"),
    "the first item": ('["fo', "broke off"),
    "the first row": ('[{"a": 1, ', "broke off"),
}


@pytest.mark.parametrize(("text", "value"), READ.values(), ids=READ)
def test_a_value_is_read(text, value):
    assert value_in(text) == Found(value, whole=True)


@pytest.mark.parametrize(("text", "value"), BROKEN.values(), ids=BROKEN)
def test_of_what_broke_off_the_whole_items_are_left(text, value):
    assert value_in(text) == Found(value, whole=False)


@pytest.mark.parametrize(("text", "why"), UNREAD.values(), ids=UNREAD)
def test_what_cannot_be_read_is_told(text, why):
    with pytest.raises(ValueError, match=why):
        value_in(text)


def test_the_words_that_ask_for_json_have_the_questions_language():
    assert with_request("Ten animals").splitlines()[1].startswith("Answer with JSON")
    assert "JSON" in with_request("十种动物").splitlines()[1]
    assert "Answer" not in with_request("十种动物")


# -- any value, any text -----------------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4))
WHOLE = st.lists(VALUES, max_size=4) | st.dictionaries(TEXTS, VALUES, max_size=4)
PIECES = st.lists(
    st.sampled_from([*"[]{},:\"'\\ \n1ae-", "true", "null", "```", "json", '"a"', "[1]"]), max_size=30
).map("".join)


@given(
    WHOLE,
    st.sampled_from(["{}", "```json\n{}\n```", "Here it is:\n{}\nBye.", "\ufeff {} "]),
    st.booleans(),
    st.booleans(),
)
def test_every_value_comes_back(value, around, ascii, wide):
    text = json.dumps(value, ensure_ascii=ascii, indent=2 if wide else None)
    assert value_in(around.replace("{}", text)) == Found(value, whole=True)


@given(st.lists(VALUES, min_size=1, max_size=6), st.integers(0, 10_000))
def test_of_a_list_cut_anywhere_there_are_its_first_items(value, place):
    text = json.dumps(value)
    cut = text[: place % len(text)]
    try:
        found, whole = value_in(cut)
    except ValueError:
        return
    assert not whole
    assert isinstance(found, list)
    assert found == value[: len(found)]


@given(st.text() | PIECES)
def test_any_text_gives_a_value_that_can_be_written_or_a_reason(text):
    try:
        found = value_in(text)
    except ValueError:
        return
    written = json.dumps(found.value, ensure_ascii=False)
    assert written.encode()
    assert json.loads(written) == found.value or "Infinity" in written


def test_what_is_too_deep_to_be_shown_is_not_read():
    with pytest.raises(ValueError, match="deep"):
        value_in("[" * 100_000 + "]" * 100_000)
    assert value_in("[" * 90 + "1" + "]" * 90).whole


def test_a_number_that_no_float_holds_is_read_as_python_reads_it():
    assert value_in("[1e999]").value == [math.inf]
    with pytest.raises(ValueError, match="no JSON"):
        value_in("[" + "9" * 5000 + "]")
