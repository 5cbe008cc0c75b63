"""The key is looked for in the environment, the keyring and Colab's secrets, in that order and quietly."""

from types import SimpleNamespace

import pytest

from wenwen_magic.endpoint import api_key
from wenwen_magic.endpoint.api_key import Secret
from wenwen_magic.errors import ConfigError
from wenwen_magic.text.i18n import is_chinese, speak

ENVIRONMENT = {"WENWEN_API_KEY": "key-of-environment"}


@pytest.fixture(autouse=True)
def _english():
    speak("en")
    yield
    speak("auto")


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
