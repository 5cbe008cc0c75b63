"""``%wenwen``: status with sources, models, the demo, and the key that is never shown."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from wenwen_magic.endpoint.api_key import Secret
from wenwen_magic.errors import ConfigError
from wenwen_magic.notebook.commands import kernel
from wenwen_magic.notebook.commands.kernel import Desk
from wenwen_magic.settings import NAMES, Layer, environment, load
from wenwen_magic.text.i18n import is_chinese, speak

KEY = "wk_0123456789abcdef"


class Demo:
    """A double for the demo endpoint that notes what is done to it."""

    def __init__(self):
        self.done = []

    def start(self):
        self.done.append("start")

    def stop(self):
        self.done.append("stop")


@pytest.fixture(autouse=True)
def _english(monkeypatch):
    speak("en")
    monkeypatch.setattr(kernel, "DemoServer", Demo)
    yield
    speak("auto")


@pytest.fixture
def keyring(monkeypatch):
    """What was kept, by a keyring that can be told to be broken."""
    kept = SimpleNamespace(keys=[], works=True)

    def keep(key):
        kept.keys += [key.reveal()] if kept.works else []
        return kept.works

    monkeypatch.setattr(kernel.api_key, "keep", keep)
    return kept


def client(saved=0, unreadable=()):
    history = SimpleNamespace(
        folder=Path("/home/me/wenwen_images"), count=lambda: saved, unreadable=lambda: list(unreadable)
    )
    return SimpleNamespace(history=history)


def table(text):
    """The lines of a status by their first word: the rest in words."""
    return {line[:16].strip(): line[16:].split() for line in text.splitlines()}


def test_status_lists_every_setting_with_value_and_source():
    loaded = load(
        Layer("%config", {"mode": "replay"}), environment({"WENWEN_TIMEOUT": "5", "WENWEN_TRUSTED_HOSTS": "a,b"})
    )
    rows = table(kernel.status(client(), loaded, Desk(), 0))
    assert set(NAMES) <= set(rows)
    assert rows["mode"] == ["replay", "%config"]
    assert rows["timeout"] == ["5.0", "environment"]
    assert rows["trusted_hosts"] == ["a,", "b", "environment"]
    assert rows["model"] == ["gpt-4o-image", "default"]


def test_status_counts_what_is_saved_broken_and_under_way():
    rows = table(kernel.status(client(7, ["torn.json"]), load(), Desk(), 2))
    assert rows["saved"] == ["7", "wenwen_images/"]
    assert rows["unreadable"] == ["torn.json", "wenwen_images/"]
    assert rows["under way"][0] == "2"


@pytest.mark.parametrize(
    ("typed", "environ", "row"),
    [
        (KEY, "", ["set", "%wenwen", "key"]),
        (None, KEY, ["set", "WENWEN_API_KEY"]),
        (KEY, "another-key", ["set", "%wenwen", "key"]),
        (None, "", ["not", "set"]),
    ],
)
def test_status_says_where_the_key_is_from_and_never_the_key(monkeypatch, typed, environ, row):
    monkeypatch.setenv("WENWEN_API_KEY", environ)
    text = kernel.status(client(), load(), Desk(key=Secret(typed) if typed else None), 0)
    assert table(text)["key"][: len(row)] == row
    assert KEY not in text
    assert "another-key" not in text


def test_status_works_when_the_key_in_the_environment_is_none(monkeypatch):
    """It is the command that people run to find out what is wrong."""
    monkeypatch.setenv("WENWEN_API_KEY", "two words")
    text = kernel.status(client(), load(), Desk(), 0)
    assert "key" in table(text)
    assert "two words" not in text


def test_status_names_no_folder_of_this_machine():
    assert "/home/me" not in kernel.status(client(1, ["x.json"]), load(), Desk(), 0)


def test_status_in_chinese_says_so():
    speak("zh")
    text = kernel.status(client(), load(), Desk(), 0)
    assert all(word in text for word in ("密钥", "未设置", "已保存", "进行中", "默认"))


def test_the_demo_starts_once_and_is_ended_once():
    desk = Desk()
    assert "without a key" in kernel.demo(desk, "")
    first = desk.demo
    kernel.demo(desk, "")
    assert desk.demo is first
    assert "off" in kernel.demo(desk, "off")
    assert (desk.demo, first.done) == (None, ["start", "stop"])


@pytest.mark.parametrize("word", ["off", "stop", "关", "停"])
def test_ending_a_demo_that_is_not_running_is_no_error(word):
    desk = Desk()
    assert "off" in kernel.demo(desk, word)
    assert desk.demo is None


@pytest.mark.parametrize("word", ["of", "OFF!", "fast"])
def test_a_word_that_the_demo_does_not_know_does_not_start_it(word):
    desk = Desk()
    with pytest.raises(ConfigError):
        kernel.demo(desk, word)
    assert desk.demo is None


def test_a_key_that_was_asked_for_is_kept_and_never_shown(keyring, capsys):
    desk = Desk()
    said = kernel.key(desk, "", attended=True, ask=lambda _: f" {KEY}\n")
    assert desk.key.reveal() == KEY
    assert keyring.keys == [KEY]
    assert "keyring" in said
    assert KEY not in said + "".join(capsys.readouterr())
    assert KEY not in repr(desk)


def test_without_a_keyring_the_key_lasts_until_the_kernel_ends(keyring):
    keyring.works = False
    desk = Desk()
    assert "until the kernel ends" in kernel.key(desk, "", attended=True, ask=lambda _: KEY)
    assert desk.key.reveal() == KEY


@pytest.mark.parametrize("typed", [KEY, f"{KEY} {KEY}", f"--set {KEY}"])
def test_a_key_typed_into_a_cell_is_refused_and_not_repeated(keyring, typed):
    desk = Desk()
    with pytest.raises(ConfigError) as caught:
        kernel.key(desk, typed, attended=True, ask=lambda _: pytest.fail("asked"))
    assert KEY not in str(caught.value)
    assert "Delete this cell" in caught.value.do
    assert (desk.key, keyring.keys) == (None, [])


def test_with_nobody_to_ask_the_error_names_the_variable(keyring):
    with pytest.raises(ConfigError, match="WENWEN_API_KEY"):
        kernel.key(Desk(), "", attended=False, ask=lambda _: pytest.fail("asked"))


@pytest.mark.parametrize("typed", ["", "  ", "a b", "密钥"])
def test_a_key_that_cannot_be_used_leaves_the_earlier_one(keyring, typed):
    desk = Desk(key=Secret(KEY))
    with pytest.raises(ConfigError):
        kernel.key(desk, "", attended=True, ask=lambda _: typed)
    assert desk.key.reveal() == KEY
    assert keyring.keys == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_all_that_is_said_is_said_in_both_languages(keyring, language):
    speak(language)
    said = [
        kernel.demo(Desk(), ""),
        kernel.demo(Desk(), "off"),
        kernel.key(Desk(), "", attended=True, ask=lambda _: KEY),
        *(line[34:] for line in kernel.help_text().splitlines()),
    ]
    assert all(words and is_chinese(words) == (language == "zh") for words in said)


def test_the_help_lists_commands_a_line_each():
    lines = kernel.help_text().splitlines()
    assert len({line.split("  ")[0] for line in lines}) == len(lines)
    assert all(
        f"%wenwen {command}" in "\n".join(lines) for command in ("status", "models", "show", "fetch", "demo", "key")
    )
