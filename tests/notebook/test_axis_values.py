"""What --for draws of a Python value, of an answer, or of several: each item once, or nothing, and why."""

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import json
import pathlib
import re

import pandas as pd
import pytest

from wenwen_magic.errors import ConfigError
from wenwen_magic.notebook.cell_requests import CellRequests
from wenwen_magic.notebook.options import read
from wenwen_magic.records import ASK, ASK_JSON, DESCRIBE, Gallery, GeneratedImage, Generation, ImageRequest, Words

Animal = dataclasses.make_dataclass("Animal", ["name"])
LINES = "fox\nowl\n\n cat \n"
NUMBERED = "Here are three animals:\n\n1. fox\n2. owl\n10) cat\n\nShall I go on?"


class Kind(enum.StrEnum):
    """Animals, as a person may have them."""

    FOX = "fox"
    OWL = "owl"


def answer(text, task=ASK, state="complete", **more):
    request = ImageRequest("Three animals", "gpt-4o", task=task)
    return Generation("0a1b2c3d", request, "", state, "", text=text, **more)


def picture():
    return Generation("0a1b2c3d", ImageRequest("a fox", "m"), "", "complete", "")


DRAWN = {
    "a list of words": (["fox", "owl"], ["fox", "owl"]),
    "a tuple": (("fox", "owl"), ["fox", "owl"]),
    "what is counted": (collections.Counter(["fox", "owl"]).keys(), ["fox", "owl"]),
    "what is made once": (iter(["fox", "owl"]), ["fox", "owl"]),
    "numbers": ([1, 2.5, decimal.Decimal("0.10")], ["1", "2.5", "0.10"]),
    "one number": (7, ["7"]),
    "yes and no": ([True, False], ["True", "False"]),
    "days": ([dt.date(2026, 11, 28)], ["2026-11-28"]),
    "paths": ([pathlib.PurePosixPath("a/b")], ["a/b"]),
    "names of a kind": (list(Kind), ["fox", "owl"]),
    "a column": (pd.Series(["fox", "owl"]), ["fox", "owl"]),
    "a column of numbers": (pd.Series([1, 2]), ["1", "2"]),
    "one word": ("fox", ["fox"]),
    "words with semicolons, braces and lines": (["a; b", "{{c}}", "d\ne"], ["a; b", "{{c}}", "d\ne"]),
    "the same twice, and nothing between": (["a", "a", " ", "", "b "], ["a", "b"]),
    "an object with one list": ({"title": "Ink", "animals": ["fox", "owl"]}, ["fox", "owl"]),
    "names without values": ({"fox": None, "owl": None}, ["fox", "owl"]),
    "a text of several lines, which is one prompt": ("a fox\nin the snow", ["a fox\nin the snow"]),
    "a text with a list": (NUMBERED, [NUMBERED]),
    "the text of an answer": (Words(LINES), ["fox", "owl", "cat"]),
    "an answer with a list": (Words(NUMBERED), ["fox", "owl", "cat"]),
    "an answer with dashes": (Words("- fox\n* owl\n• cat"), ["fox", "owl", "cat"]),
    "a Chinese answer": (Words("好的：\n1、狐狸\n2．猫头鹰"), ["狐狸", "猫头鹰"]),
    "an answer with numbers": (Words("2.5 m\n3.5 m"), ["2.5 m", "3.5 m"]),
    "a dash within a word": (Words("well-known\nred - green"), ["well-known", "red - green"]),
    "a text that is JSON": ('["fox", "owl"]', ["fox", "owl"]),
    "a text that is fenced JSON": ('```json\n{"animals": ["fox", "owl"]}\n```', ["fox", "owl"]),
    "a text that is JSON of numbers": ("[1, 2]", ["1", "2"]),
    "a text that is JSON that broke off": ('["fox", "owl", "ca', ["fox", "owl"]),
    "a text in brackets": ("[demo: slow] fox", ["[demo: slow] fox"]),
    "a text behind a number in brackets": ("[1] fox", ["[1] fox"]),
    "an answer as JSON": (answer('["fox", "owl"]', ASK_JSON), ["fox", "owl"]),
    "an answer as JSON with a list": (answer('{"animals": ["fox"]}', ASK_JSON), ["fox"]),
    "an answer as JSON that is a word": (answer('"fox"', ASK_JSON), ["fox"]),
    "an answer in lines": (answer(LINES), ["fox", "owl", "cat"]),
    "an answer in words": (answer(NUMBERED), ["fox", "owl", "cat"]),
    "an answer in words that is JSON": (answer('["fox", "owl"]'), ["fox", "owl"]),
    "a description": (answer("A red fox.", DESCRIBE), ["A red fox."]),
    "several answers": (Gallery([answer('["fox"]', ASK_JSON), answer("owl\ncat")]), ["fox", "owl", "cat"]),
    "a list of answers": ([answer("fox"), answer("A red\nowl", DESCRIBE)], ["fox", "A red\nowl"]),
}
REFUSED = {
    "a list of objects": ([{"name": "fox"}], "[one['name'] for one in ideas]"),
    "a list with an object": (["fox", {"a": 1}], "[one['a'] for one in ideas]"),
    "an object without names": ([{}], "[one['name'] for one in ideas]"),
    "lists in a list": ([["fox", 1]], "[one[0] for one in ideas]"),
    "tuples in a list": ([("fox", 1)], "[one[0] for one in ideas]"),
    "an object without a list": ({"fox": 1}, "ideas['fox']"),
    "an object with two lists": ({"cats": ["a"], "dogs": ["b"]}, "ideas['cats']"),
    "a list in an object in a list": ({"animals": [["fox"]]}, "['fox', 'owl']"),
    "nothing": (None, "['fox', 'owl']"),
    "nothing in a list": (["fox", None], "['fox', 'owl']"),
    "no number": ([1, float("nan")], "['fox', 'owl']"),
    "a gap in a column": (pd.Series(["fox", None]), "['fox', 'owl']"),
    "a table": (pd.DataFrame({"a": ["fox"], "b": ["owl"]}), "['fox', 'owl']"),
    "a set in a list": ([{"fox"}], "['fox', 'owl']"),
    "bytes": (b"fox", "['fox', 'owl']"),
    "a thing without a text": ([Animal("fox")], "['fox', 'owl']"),
    "a function": (len, "['fox', 'owl']"),
    "a picture": (picture(), "['fox', 'owl']"),
    "pictures": (Gallery([picture(), picture()]), "['fox', 'owl']"),
    "a picture's file": ([GeneratedImage(pathlib.Path("a.png"), "image/png", 1, 1)], "['fox', 'owl']"),
    "an answer that failed": (Gallery([answer("fox"), answer("", state="failed")]), "['fox', 'owl']"),
    "an answer with objects": (answer('[{"name": "fox"}]', ASK_JSON), "[one['name'] for one in ideas"),
    "an answer with nothing": (answer('["fox", null]', ASK_JSON), "['fox', 'owl']"),
    "a text that is JSON of objects": ('[{"name": "fox"}]', "[one['name'] for one in ideas"),
}
EMPTY = [
    [],
    "",
    "  \n ",
    (),
    ["", " "],
    {"animals": []},
    answer("[]", ASK_JSON),
    "[]",
    Gallery([]),
    pd.Series([], dtype=str),
]
BROKEN = ['["fox" "owl"]', '[{"a": 1}, # first\n{"b": 2}]', '```json\n["a"\n"b"]\n```', '{"a": NaN}', '["']


def values(client, value):
    """Return the values that the requests of a cell have, in their order."""
    requests, labels = CellRequests(client, read('--for "animal={{ideas}}"'), {"ideas": value}).all("a {{animal}}!")
    assert [label[0][1] for label in labels] == [request.prompt[2:-1] for request in requests]
    return [request.prompt[2:-1] for request in requests]


@pytest.mark.parametrize(("value", "drawn"), DRAWN.values(), ids=DRAWN)
def test_every_item_is_a_value(client, value, drawn):
    assert values(client, value) == drawn


@pytest.mark.parametrize(("value", "instead"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_word_is_refused_and_told_what_to_give(client, relay, value, instead):
    with pytest.raises(ConfigError, match="not all words or numbers; nothing was sent") as caught:
        values(client, value)
    assert "animal={{" + instead in caught.value.do
    assert caught.value.charged == "no"
    assert relay.posts == []


@pytest.mark.parametrize("value", EMPTY, ids=repr)
def test_what_is_empty_has_no_values(client, value):
    with pytest.raises(ConfigError, match="has no values") as caught:
        values(client, value)
    assert (caught.value.charged, caught.value.do) == ("no", '--for "animal=cat;dog"')


@pytest.mark.parametrize("value", [*BROKEN, *(answer(text, ASK_JSON) for text in BROKEN)])
def test_json_that_cannot_be_read_is_not_drawn_sign_for_sign(client, value):
    with pytest.raises(ConfigError, match="JSON") as caught:
        values(client, value)
    assert caught.value.charged == "no"
    assert re.search("no JSON|cannot be read|broke off", caught.value.why)


@pytest.mark.parametrize("text", [json.dumps(["fox", "owl"], indent=2), '\ufeff["fox", "owl"]'])
def test_a_pasted_answer_is_an_answer(client, text):
    assert values(client, text) == ["fox", "owl"]


def test_the_advice_is_a_line_that_runs(client):
    ideas = [{"name": "fox"}, {"name": "owl"}]
    with pytest.raises(ConfigError) as caught:
        values(client, ideas)
    line = caught.value.do[caught.value.do.index("--for") :]
    requests, _labels = CellRequests(client, read(line), {"ideas": ideas}).all("a {{animal}}")
    assert [request.prompt for request in requests] == ["a fox", "a owl"]
