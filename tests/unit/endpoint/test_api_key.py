"""A key shows itself nowhere by accident; it is looked for in the environment, the keyring and Colab's secrets."""

import copy
import json
import logging
import pickle
import pprint
import traceback
from dataclasses import asdict, dataclass
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wenwen_magic.endpoint import api_key
from wenwen_magic.endpoint.api_key import Secret
from wenwen_magic.errors import ConfigError
from wenwen_magic.text.i18n import is_chinese, speak

KEY = "wk_0123456789abcdefghij"


@dataclass(frozen=True)
class Holder:
    key: Secret


def test_a_key_gives_itself_only_when_asked_by_name():
    assert Secret(KEY).reveal() == KEY


@pytest.mark.parametrize(
    "shown",
    [
        repr,
        str,
        ascii,
        format,
        pprint.pformat,
        "{}".format,
        "{0!r}".format,
        "%s".__mod__,
        lambda key: f"{key}",
        lambda key: repr([key, {"key": key}]),
        lambda key: repr(Holder(key)),
        lambda key: json.dumps({"key": key}, default=str),
        lambda key: logging.makeLogRecord({"msg": "key %s %r", "args": (key, key)}).getMessage(),
    ],
)
def test_a_key_prints_as_three_stars(shown):
    text = shown(Secret(KEY))
    assert "***" in text
    assert KEY not in text


@pytest.mark.parametrize("padded", ["{:>40}", "{:40}", "{!s:<9}"])
def test_a_key_in_a_column_of_a_table_does_not_show(padded):
    try:
        text = padded.format(Secret(KEY))
    except TypeError as error:
        text = str(error)
    assert KEY not in text


@pytest.mark.parametrize("written", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, vars])
def test_a_key_is_not_written_anywhere(written):
    with pytest.raises(TypeError) as caught:
        written(Secret(KEY))
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("written", [pickle.dumps, asdict, copy.deepcopy])
def test_what_holds_a_key_is_not_written_with_it(written):
    with pytest.raises(TypeError, match="not written"):
        written(Holder(Secret(KEY)))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_no_protocol_of_pickle_takes_a_key(protocol):
    with pytest.raises(TypeError):
        pickle.dumps(Secret(KEY), protocol)


def test_a_traceback_with_all_its_variables_does_not_show_the_key():
    def fails(key):
        raise RuntimeError(f"with {key}")

    try:
        fails(Secret(KEY))
    except RuntimeError as error:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "key = ***" in shown
    assert KEY not in shown


@pytest.mark.parametrize("around", [" {}", "{}\n", "\t{}\r\n", "\u3000{}\u3000"])
def test_white_space_around_a_pasted_key_is_dropped(around):
    assert Secret(around.format(KEY)).reveal() == KEY


@pytest.mark.parametrize(
    "value", ["", "  \n", "a b", "a\nb", "a\r\nX-Evil: 1", "a\tb", "a\0b", "密钥", "ｓｋ-1", "\ufeffsk-1", "a\x7f"]
)
def test_what_cannot_stand_in_a_header_is_refused(value):
    with pytest.raises(ConfigError):
        Secret(value)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_refusal_says_why_and_what_to_do_and_not_the_key(language):
    speak(language)
    with pytest.raises(ConfigError) as caught:
        Secret(f"{KEY} {KEY}")
    error = caught.value
    assert "%wenwen key" in error.do
    assert error.charged == "no"
    assert all(is_chinese(line) == (language == "zh") for line in (error.what, error.why, error.do))
    assert KEY not in "".join(
        [str(error), repr(error), *error._render_traceback_(), *traceback.format_exception(error)]
    )


@given(st.text())
@settings(max_examples=60, deadline=None)
def test_any_text_is_a_key_for_a_header_or_refused(value):
    try:
        key = Secret(value).reveal()
    except ConfigError:
        return
    assert key == value.strip()
    assert key.encode("ascii").isalnum() or all(33 <= letter <= 126 for letter in key.encode("ascii"))


# Where it is looked for

ENVIRONMENT = {"WENWEN_API_KEY": "key-of-environment"}


def fails(*_):
    raise RuntimeError("locked: password is hunter2")


def modules(keyring=None, colab=None):
    """Imports doubles: a keyring and Colab's secrets, whose answers are values or callables; None is not installed."""

    def load(name):
        answer = {"keyring": keyring, "google.colab.userdata": colab}[name]
        if answer is None:
            raise ModuleNotFoundError(name)
        ask = answer if callable(answer) else lambda *_: answer
        return SimpleNamespace(get_password=ask, get=ask)

    return load


def found(environ, load):
    key, place = api_key.find(environ, load)
    return (key and key.reveal(), place)


@pytest.mark.parametrize(
    ("environ", "keyring", "colab", "expected"),
    [
        (ENVIRONMENT, "of-keyring", "of-colab", ("key-of-environment", "WENWEN_API_KEY")),
        ({}, "of-keyring", "of-colab", ("of-keyring", "keyring")),
        ({}, None, "of-colab", ("of-colab", "Colab")),
        ({"WENWEN_API_KEY": ""}, "", "of-colab", ("of-colab", "Colab")),
        ({}, None, None, (None, "")),
        ({}, "", "", (None, "")),
    ],
)
def test_the_environment_goes_before_the_keyring_and_that_before_colab(environ, keyring, colab, expected):
    assert found(environ, modules(keyring, colab)) == expected


def test_a_key_in_the_environment_leaves_keyring_and_colab_unasked():
    asked = []
    assert found(ENVIRONMENT, asked.append)[0] == "key-of-environment"
    assert asked == []


def test_a_broken_keyring_is_passed_over_quietly(capsys):
    assert found({}, modules(fails, "of-colab")) == ("of-colab", "Colab")
    assert found({}, modules(fails, fails)) == (None, "")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("error", [ImportError, OSError, AttributeError, RecursionError])
def test_a_keyring_that_cannot_be_imported_holds_no_key(error):
    def load(name):
        raise error(name)

    assert found({}, load) == (None, "")


def test_an_interrupt_while_the_keyring_asks_for_its_password_is_an_interrupt():
    def interrupted(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        api_key.find({}, modules(interrupted))


@pytest.mark.parametrize(
    ("environ", "load"),
    [({"WENWEN_API_KEY": "two words"}, modules()), ({}, modules("two words")), ({}, modules(None, "two words"))],
)
def test_what_cannot_be_a_key_is_an_error_that_does_not_repeat_it(environ, load):
    with pytest.raises(ConfigError) as caught:
        api_key.find(environ, load)
    assert "two words" not in str(caught.value)


def test_the_keyring_is_asked_for_the_entry_that_was_kept():
    kept = {}

    def load(_):
        return SimpleNamespace(
            set_password=lambda service, user, key: kept.__setitem__((service, user), key),
            get_password=lambda service, user: kept.get((service, user)),
        )

    assert api_key.keep(Secret("abc"), load)
    assert found({}, load) == ("abc", "keyring")


def test_a_keyring_that_cannot_be_written_is_told_and_no_error(capsys):
    assert api_key.keep(Secret("abc"), lambda _: SimpleNamespace(set_password=fails)) is False
    assert api_key.keep(Secret("abc"), modules()) is False
    assert capsys.readouterr() == ("", "")


def test_a_keyring_that_keeps_nothing_is_not_told_as_one_that_does():
    """The null backend of keyring, which ``keyring --disable`` sets up, takes every password and forgets it."""
    null = SimpleNamespace(set_password=lambda *_: None, get_password=lambda *_: None)
    assert api_key.keep(Secret("abc"), lambda _: null) is False


@pytest.mark.parametrize("language", ["en", "zh"])
def test_without_a_key_the_error_names_every_way_on(language):
    speak(language)
    error = api_key.missing()
    assert isinstance(error, ConfigError)
    assert error.charged == "no"
    assert all(way in error.do for way in ("%wenwen key", "WENWEN_API_KEY", "%wenwen demo"))
    assert is_chinese(error.what) == is_chinese(error.do) == (language == "zh")
