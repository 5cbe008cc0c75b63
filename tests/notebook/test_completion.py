"""Tab completes options and the values of those that have a fixed set."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wenwen_magic.formats import FORMATS
from wenwen_magic.notebook import options
from wenwen_magic.notebook.options import NAMES, TABLE, Options, complete, read
from wenwen_magic.settings import MODES, Settings

MODELS = ("gpt-4o-image", "gemini-3-pro-image-preview", "jimeng-3.0")


def known():
    return Settings(model=MODELS[0], styles={"水彩": "{prompt}", "ink": "{prompt}"})


@pytest.fixture(autouse=True)
def _models(monkeypatch):
    monkeypatch.setattr(options, "suggested", lambda: list(MODELS))


def offered(line):
    return complete(f"%%wenwen_image {line}", TABLE, known)


@pytest.mark.parametrize("line", ["", "img ", "-q ", "-m jimeng-3.0 ", "画一只猫 "])
def test_after_a_space_every_option_is_offered(line):
    assert set(offered(line)) == set(NAMES)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--fre", {"--fresh"}),
        ("-q --mod", {"--model", "--mode"}),
        ("--模", {"--模型", "--模式"}),
        ("--方", {"--方向"}),
        ("--nothing", set()),
        ("画猫", set()),
    ],
)
def test_a_word_begun_is_completed_to_options(line, words):
    assert set(offered(line)) == words


@pytest.mark.parametrize("option", ["-m", "--model", "--模型"])
def test_models_are_offered_where_a_model_stands(option):
    assert offered(f"{option} ") == list(MODELS)
    assert offered(f"-q {option} g") == ["gpt-4o-image", "gemini-3-pro-image-preview"]


@pytest.mark.parametrize("option", ["-o", "--orientation", "--方向"])
@pytest.mark.parametrize(("begun", "word"), [("land", "landscape"), ("竖屏", "竖屏"), ("横", "横屏"), ("", "square")])
def test_orientations_are_offered_in_both_languages(option, begun, word):
    assert word in offered(f"{option} {begun}")
    assert "--fresh" not in offered(f"{option} {begun}")


def test_modes_and_formats_are_offered_and_none_is_forgotten():
    assert set(offered("--mode ")) == set(offered("--模式 ")) == set(MODES)
    assert set(offered("--format ")) == set(offered("--格式 ")) == set(FORMATS)


@pytest.mark.parametrize(
    ("line", "words"), [("-m=ji", ["jimeng-3.0"]), ("--model=ji", ["jimeng-3.0"]), ("--mode=l", ["live"])]
)
def test_a_value_behind_an_equals_sign_is_completed_too(line, words):
    """The front end replaces what follows the sign, so the value alone is offered."""
    assert offered(line) == words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("-m jimeng-3.0,ge", ["gemini-3-pro-image-preview"]),
        ("-m a，b、ji", ["jimeng-3.0"]),
        ("-m jimeng-3.0, gp", ["gpt-4o-image"]),
        ("-m=a,gp", ["gpt-4o-image"]),
        ("-m a,", list(MODELS)),
        ("-m a, ", list(MODELS)),
        ("--style a,i", []),
        ("--style ", ["ink", "水彩"]),
    ],
)
def test_a_list_is_completed_after_each_comma_and_only_a_list(line, words):
    assert offered(line) == words


def test_where_a_value_must_stand_no_option_is_offered():
    """Every option with a value, under each of its names: a table of its own would forget one."""
    for option in TABLE:
        for name in option.names:
            for line in (f"{name} ", f"-q {name} --", f"{name}="):
                assert option.parse is None or not set(offered(line)) & set(NAMES), line
                assert option.parse is not None or option.names[0] in offered(f"{name} ")


def test_what_is_offered_is_understood_when_it_is_typed():
    for option in ("-o", "--mode", "--format", "-m"):
        for word in offered(f"{option} "):
            assert read(f"{option} {word}") != Options()
    assert all(name in str(NAMES) for name in offered("-"))


@pytest.mark.parametrize("line", ["", " ", "%%wenwen_image", "\t"])
def test_a_line_with_nothing_on_it_breaks_nothing(line):
    assert isinstance(complete(line, TABLE, known), list)


@given(st.text(min_size=1))
@settings(max_examples=60, deadline=None)
def test_any_line_is_completed_only_by_words_that_begin_like_its_last(line):
    start = "" if line[-1].isspace() else line.split()[-1]
    assert all(word.startswith(start.rpartition("=")[2]) for word in complete(line, TABLE, known))
