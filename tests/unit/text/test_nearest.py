"""A mistyped word is answered with the nearest one that exists."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wenwen_magic.text.i18n import speak
from wenwen_magic.text.suggest import did_you_mean, nearest

MODELS = ("gpt-4o-image", "gemini-2.5-flash-image-preview", "jimeng-3.0")


@pytest.mark.parametrize(
    ("typed", "meant"), [("gpt-4o-imgae", "gpt-4o-image"), ("gpt4o", "gpt-4o-image"), ("jimeng3", "jimeng-3.0")]
)
def test_a_slip_names_the_word_that_was_meant(typed, meant):
    assert nearest(typed, MODELS) == meant
    assert did_you_mean(typed, MODELS) == f"Did you mean {meant}?"


def test_a_word_like_no_other_names_all_that_are_known():
    assert nearest("xyz", MODELS) == ""
    assert did_you_mean("xyz", MODELS) == "Known: gpt-4o-image, gemini-2.5-flash-image-preview, jimeng-3.0"


@pytest.mark.parametrize(("typed", "said"), [("竖版图", "您是指“竖版”吗？"), ("q", "可用：竖版, 横版")])
def test_the_hint_is_chinese_for_a_chinese_reader(typed, said):
    speak("zh")
    assert did_you_mean(typed, ("竖版", "横版")) == said


@pytest.mark.parametrize("typed", ["REPLAY", "Replay", "REPALY"])
def test_capital_letters_do_not_hide_the_word_that_was_meant(typed):
    assert nearest(typed, ("cache", "live", "replay")) == "replay"


def test_words_that_can_be_read_only_once_are_enough():
    assert did_you_mean("jimeng", iter(MODELS)) == "Did you mean jimeng-3.0?"
    assert did_you_mean("zzz", iter(["a", "b"])) == "Known: a, b"


@given(st.text(), st.lists(st.text()))
@settings(max_examples=60, deadline=None)
def test_only_words_that_exist_are_named(typed, known):
    assert nearest(typed, known) in {*known, ""}


@given(st.lists(st.text(min_size=1), min_size=1))
@settings(max_examples=60, deadline=None)
def test_a_known_word_is_nearest_to_itself(known):
    assert nearest(known[0], known) == known[0]
