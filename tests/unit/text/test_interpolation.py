"""``{{expression}}`` becomes its value, once; every other brace stays as typed."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wenwen_magic.errors import ConfigError, WenwenError
from wenwen_magic.text.i18n import is_chinese, speak
from wenwen_magic.text.template import interpolate, names_in

JSON = st.recursive(
    st.none() | st.integers() | st.text("ab{}"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("ab"), inner),
    max_leaves=8,
)


def refused(text, **names):
    with pytest.raises(ConfigError) as caught:
        interpolate(text, names)
    return caught.value


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("画一只{{animal}},水彩", "画一只猫,水彩"),
        ("{{ animal }}", "猫"),
        ("{{\n  animal\n}}", "猫"),
        ("{{animal}}{{number}}", "猫3"),
        ("{{number + 1}}", "4"),
        ("{{names['a b']}}", "x"),
        ("{{f'{number:03d}'}}", "003"),
        ("{{', '.join(sorted(names))}}", "a b"),
        ("{{[number for _ in range(2)]}}", "[3, 3]"),
        ("{{(lambda: number)()}}", "3"),
        ("{{len(animal)}}", "1"),
        ("{{None}}", "None"),
        ("{{动物}}", "狗"),
        ("{{number}}}", "3}"),
        ("{x} {{number}} {", "{x} 3 {"),
        ("{{my column}} {{ a-b }} {{meta.style}}", "c d e"),
    ],
)
def test_an_expression_in_double_braces_becomes_its_value(text, filled):
    columns = {"my column": "c", "a-b": "d", "meta.style": "e"}
    assert interpolate(text, {"animal": "猫", "number": 3, "names": {"a b": "x"}, "动物": "狗", **columns}) == filled


@pytest.mark.parametrize("value", [len, object(), json, Exception, lambda: "x"])
def test_bug_a_picture_or_a_function_in_braces_was_sent_as_python_writes_it(value):
    error = refused("a {{thing}}", thing=value)
    assert error.what == "{{thing}} is no text; nothing was sent."
    assert "--ref" in error.do
    assert interpolate("a {{thing}}", {"thing": "<b>"}) == "a <b>"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a cat",
        "{animal}",
        "{",
        "}}",
        "{ {animal} }",
        '{"a": {"b": [1, {"c": {}}]}}',
        "{{",
        "{{}}",
        "$animal ${animal} %(animal)s",
        "a\r\nb\n",
        "\\{{\\",
    ],
)
def test_everything_else_stays_as_typed(text):
    assert interpolate(text, {"animal": "cat"}) == text


@pytest.mark.parametrize("text", ["{{}} and {{animal}}", "{{}}{{animal}}", "{{animal}} and {{}}"])
def test_empty_braces_stay_beside_others(text):
    assert interpolate(text, {"animal": "cat"}) == text.replace("{{animal}}", "cat")


@pytest.mark.parametrize("value", ["{{b}}", "{{", "}}", "\\1 \\g<0>", "{b}", "{{1/0}}"])
def test_an_inserted_value_is_never_looked_at_again(value):
    assert interpolate("x{{a}}y{{b}}", {"a": value, "b": "B"}) == f"x{value}yB"


def test_two_values_that_meet_make_no_new_expression():
    assert interpolate("{{a}}{{b}}", {"a": "{{c", "b": "}}", "c": "no"}) == "{{c}}"


def test_the_notebooks_names_win_over_builtins_and_are_left_alone():
    names = {"list": "my list"}
    assert interpolate("{{list}} {{(y := 5)}}", names) == "my list 5"
    assert names == {"list": "my list"}


@pytest.mark.parametrize(
    ("text", "names", "nearest"),
    [
        ("{{anima}}", {"animal": 1, "x": 2}, "{{animal}}"),
        ("{{动}}", {"动物": 1}, "{{动物}}"),
        ("{{lenn('a')}}", {}, "{{len}}"),
        ("{{style + colr}}", {"style": 1, "color": 2}, "{{color}}"),
    ],
)
def test_an_undefined_name_stops_and_names_the_nearest(text, names, nearest):
    error = refused(text, **names)
    assert "not defined" in error.what
    assert nearest in error.do


def test_an_undefined_name_like_no_other_says_how_to_go_on():
    error = refused("{{qqqqqq}}")
    assert "'qqqqqq'" in error.what
    assert "--raw" in error.do


def test_hidden_names_of_the_notebook_are_not_suggested():
    assert "_animal" not in refused("{{animal}}", _animal=1).do


class Speechless:
    def __str__(self):
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{{1/0}}", "ZeroDivisionError"),
        ("{{x = 3}}", "SyntaxError"),
        ("{{ }}", "SyntaxError"),
        ("{{names['b']}}", "KeyError"),
        ("{{import os}}", "SyntaxError"),
        ("{{a\0b}}", "Error"),
        ("{{" + "(" * 300 + "}}", "Error"),
        ("{{speechless}}", "no words"),
    ],
    ids=lambda text: text[:12].replace("\0", "0"),
)
def test_an_expression_that_fails_stops_says_why_and_how_to_go_on(text, why):
    error = refused(text, names={}, speechless=Speechless())
    assert why in error.why
    assert "--raw" in error.do
    assert error.charged == "no"


def test_an_interrupt_in_an_expression_is_an_interrupt():
    def wait():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interpolate("{{wait()}}", {"wait": wait})


def test_the_first_wrong_expression_stops_before_a_later_one_is_evaluated():
    done = []
    refused("{{missing}} {{done.append(1)}}", done=done)
    assert done == []


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("text", ["{{anima}}", "{{qqqqqq}}", "{{1/0}}"])
def test_every_refusal_comes_in_both_languages(text, language):
    speak(language)
    error = refused(text, animal=1)
    assert is_chinese(error.what) == is_chinese(error.do) == (language == "zh")


@given(st.text().filter(lambda text: "{{" not in text))
@settings(max_examples=60, deadline=None)
def test_a_text_without_double_braces_is_unchanged(text):
    assert interpolate(text, {}) == text


@given(JSON)
@settings(max_examples=60, deadline=None)
def test_a_prompt_in_json_is_unchanged_however_it_is_nested(value):
    for text in (json.dumps(value), json.dumps(value, indent=1)):
        if "{{" not in text:
            assert interpolate(text, {}) == text


@given(
    st.text(),
    st.text().filter(lambda text: "{{" not in text and not text.endswith("{")),
    st.text().filter(lambda text: "{{" not in text),
)
@settings(max_examples=60, deadline=None)
def test_any_value_arrives_whole_between_its_neighbours(value, before, after):
    assert interpolate(f"{before}{{{{ value }}}}{after}", {"value": value}) == f"{before}{value}{after}"


@given(st.text("{}ab1+ "))
@settings(max_examples=60, deadline=None)
def test_any_braces_are_filled_or_refused_and_never_break(text):
    try:
        filled = interpolate(text, {"a": 1, "b": "x"})
    except WenwenError as error:
        assert error.charged == "no"  # noqa: PT017  either is a fair answer
    else:
        assert "{{" in text or filled == text


def test_a_letter_that_is_not_defined_is_not_taken_for_a_word_of_python():
    with pytest.raises(ConfigError) as caught:
        interpolate("{{y}}", {})
    assert "any" not in caught.value.do


@pytest.mark.parametrize(
    ("text", "names"),
    [("{{a}} {{b.c[d]}}", {"a", "b", "d"}), ("no", set()), ("{{}} {{1+}} {{x", set()), ("{{ f(x) }}", {"f", "x"})],
)
def test_the_names_in_a_text_are_those_that_its_expressions_use(text, names):
    assert names_in(text) == names
