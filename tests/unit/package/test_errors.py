"""An error says what happened, why, what to do and whether it cost, on one screen, and never the key."""

import copy
import json
import pickle
import string
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wenwen_magic import errors
from wenwen_magic.errors import EndpointError, WenwenError
from wenwen_magic.text.i18n import is_chinese, speak
from wenwen_magic.text.sanitize import mask_keys

TREE = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, WenwenError)]
DESIGN = {
    "ConfigError", "NotSentError", "EndpointError", "AnswerError", "NoImageError",
    "ImageError", "HistoryError", "NotInHistory", "LimitReached",
}  # fmt: skip
FIELDS = {
    "why": "Because.",
    "do": "Do that.",
    "charged": "maybe",
    "status": 502,
    "request_id": "r-1",
    "text": "body",
    "record": "a1b2c3d4",
}
KEY = "0123456789abcdef0123"


def rows(error, columns=100):
    """How many rows of a screen an error takes."""
    return sum(max(1, ceil(len(row) / columns)) for line in error.lines() for row in line.split("\n"))


def fields_of(error):
    return {**vars(error), "args": error.args}


def test_an_error_tells_what_why_what_to_do_and_the_cost_a_line_each():
    error = WenwenError("It broke.", why="A fuse.", do="Change it.", charged="yes")
    assert str(error) == "It broke.\n  why: A fuse.\n  try: Change it.\n  charged: yes: an answer came"


def test_an_error_in_chinese_has_the_same_lines():
    speak("zh")
    error = WenwenError("坏了。", why="保险丝。", do="换掉。", charged="maybe")
    what, why, do, charged = error.lines()
    assert (what, why, do) == ("坏了。", "  原因: 保险丝。", "  怎么办: 换掉。")
    assert charged.startswith("  扣费: 可能：")


def test_what_is_not_known_takes_no_line():
    assert WenwenError("It broke.").lines() == ["It broke.", "  charged: no"]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("charged", ["no", "maybe", "yes"])
def test_every_error_names_the_cost_in_both_languages(charged, language):
    speak(language)
    for kind in TREE:
        cost = kind("x", charged=charged).lines()[-1]
        assert charged in cost or language == "zh"
        assert is_chinese(cost) == (language == "zh")


def test_the_cost_line_names_the_record_and_the_number_to_quote_where_it_may_have_cost():
    numbers = {"record": "a1b2c3d4", "request_id": "r-1"}
    assert WenwenError("x", charged="maybe", **numbers).lines()[-1].endswith(" · #a1b2c3 · r-1")
    assert WenwenError("x", **numbers).lines()[-1] == "  charged: no"


@pytest.mark.parametrize("kind", TREE)
def test_a_notebook_shows_the_kind_of_error_and_its_lines_and_no_stack(kind):
    error = kind("It broke.", why="A fuse.")
    shown = error._render_traceback_()
    assert shown == [f"{kind.__name__}: It broke.", *error.lines()[1:]]


@pytest.mark.parametrize(
    "long",
    [
        {"why": "word " * 4000},
        {"why": "line\n" * 4000},
        {"what": "word " * 4000},
        {"what": "line\n" * 100},
        {"do": "word " * 4000},
        {"text": "body\n" * 4000},
        {"request_id": "r" * 4000},
    ],
    ids=lambda long: "-".join((*long, "lines" if "\n" in str(*long.values()) else "words")),
)
def test_an_error_fits_one_screen_however_long_its_words(long):
    error = WenwenError(**{"what": "x", "why": "y", "do": "z", **long})
    assert rows(error) <= 30


def test_a_quoted_text_cannot_pretend_to_be_the_line_on_the_cost():
    error = WenwenError("x", why="sorry\n  charged: no", charged="maybe")
    assert [line for row in error.lines() for line in row.split("\n") if line.startswith("  charged:")] == [
        "  charged: maybe: the endpoint may have done the work"
    ]


UNSHOWN = ("\ud800", "\udfff", "\x00", "\x1b[2J", "\x9b31m", "\u202e", "\u2066", "\x7f")


@pytest.mark.parametrize("sign", UNSHOWN)
def test_no_line_of_an_error_holds_half_a_character_or_what_steers_a_terminal(sign):
    error = WenwenError(
        *[f"what{sign}ever"], **dict.fromkeys(("why", "do", "request_id", "text", "record"), f"a{sign}b")
    )
    error.do += sign  # some are completed later
    lines = "".join([str(error), *error._render_traceback_()])
    assert sign not in lines
    assert json.dumps(lines, ensure_ascii=False).encode()
    assert json.dumps({"what": error.what, **error.as_dict()}, ensure_ascii=False).encode()


@pytest.mark.parametrize("kind", TREE)
@pytest.mark.parametrize("copied", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
def test_every_error_survives_pickle_and_copy_whole(kind, copied):
    error = kind("It broke.", **FIELDS)
    twin = copied(error)
    assert type(twin) is kind
    assert fields_of(twin) == fields_of(error)
    assert str(twin) == str(error)


def test_a_pickled_answer_still_tells_how_long_it_took_and_when_to_ask_again():
    error = EndpointError("Busy.", status=429)
    error.seconds, error.retry_after = 0.4, 7.0
    twin = pickle.loads(pickle.dumps(error))
    assert (twin.seconds, twin.retry_after) == (0.4, 7.0)


@pytest.mark.parametrize("kind", TREE)
def test_the_fields_of_an_error_go_through_json_and_make_it_again(kind):
    error = kind("It broke.", **FIELDS)
    twin = kind(error.what, **json.loads(json.dumps(error.as_dict())))
    assert fields_of(twin) == fields_of(error)


def test_the_tree_in_the_docstring_names_every_error_and_no_other():
    drawn = {
        word for word in errors.__doc__.split() if word.endswith(("Error", "Reached", "History", "Ended", "Request"))
    }
    assert drawn == {kind.__name__ for kind in TREE}
    assert drawn >= DESIGN


def test_catching_the_root_catches_every_error():
    assert all(issubclass(kind, WenwenError) and kind.__doc__ for kind in TREE)


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-abcdef0123456789.",
        "Incorrect API key provided: sk-abc****6789",
        "sk-proj-abc_DEF-123456",
        "Authorization: Bearer abcdef0123456789",
        "authorization: bearer  abcdef0123456789",
        "https://host/v1?key=abcdef0123456789&x=1",
        "AK-ABCDEF0123456789",
    ],
)
def test_what_looks_like_a_key_is_masked(text):
    masked = mask_keys(text)
    assert "***" in masked
    assert "6789" not in masked
    assert "123456" not in masked


@pytest.mark.parametrize(
    "text",
    [
        "a risk-averse task-force",
        "the key is on the table",
        "ask-me-anything",
        "a bear's ear",
        "画一只猫",
        "a\tb\nc",
        "***",
    ],
)
def test_ordinary_words_are_not_masked(text):
    assert mask_keys(text) == text


@pytest.mark.parametrize(
    "text", ["\x1b[31mred\x1b[0m", "\x1b]0;title\x07red", "r\x00e\x7fd", "r\x9be\rd\b", "\x1b]8;;red"]
)
def test_what_could_command_a_terminal_is_dropped(text):
    assert mask_keys(text) in {"red", ""}


@pytest.mark.parametrize("between", ["\x00", "\x1b[1m", "\r", "\x9b"])
def test_a_key_cut_by_control_characters_is_masked_too(between):
    assert KEY not in mask_keys(f"key: {KEY[:9]}{between}{KEY[9:]}", KEY)


@given(st.text(), st.text(), st.text(string.hexdigits, min_size=12, max_size=60))
@settings(max_examples=60, deadline=None)
def test_the_key_is_masked_wherever_it_stands(before, after, key):
    masked = mask_keys(f"{before}{key}{after} {key}", key)
    assert key not in masked
    assert masked.count("***") >= 1


@given(st.text())
@settings(max_examples=60, deadline=None)
def test_masking_twice_is_masking_once(text):
    assert mask_keys(mask_keys(text)) == mask_keys(text)
