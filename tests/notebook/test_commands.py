"""``%wenwen``: status with sources, models, the demo, and the key that is never shown."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from wenwen_magic.endpoint.api_key import Secret
from wenwen_magic.engine import limits
from wenwen_magic.errors import ConfigError
from wenwen_magic.notebook.commands import account
from wenwen_magic.notebook.commands.registry import CommandContext, KernelState, commands, run
from wenwen_magic.notebook.completion import complete
from wenwen_magic.notebook.scope import FrontEnd
from wenwen_magic.settings import NAMES, Layer, Settings, environment, load
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
def _no_demo(monkeypatch):
    monkeypatch.setattr(account, "DemoServer", Demo)
    monkeypatch.setattr(account, "getpass", lambda _: pytest.fail("asked"))


@pytest.fixture
def keyring(monkeypatch):
    """What was kept, by a keyring that can be told to be broken."""
    kept = SimpleNamespace(keys=[], works=True)

    def keep(key):
        kept.keys += [key.reveal()] if kept.works else []
        return kept.works

    monkeypatch.setattr(account.api_key, "keep", keep)
    return kept


def client(saved=0, unreadable=()):
    history = SimpleNamespace(
        folder=Path("/home/me/wenwen_images"), count=lambda: saved, unreadable=lambda: list(unreadable)
    )
    return SimpleNamespace(history=history, session=limits.Session())


def said(line, state=None, *, loaded=None, asks=None, attended=True, in_kernel=False):
    """What a command answers, in a kernel where nothing is but what is handed in."""
    return run(
        CommandContext(
            line=line,
            make_client=asks or client,
            load=lambda: loaded or load(),
            state=state or KernelState(),
            front=FrontEnd(object() if in_kernel else None, can_ask=attended, attended=attended, changes=False),
            insert=lambda _: pytest.fail("inserted"),
            value_of=lambda _: None,
        )
    )


def table(text):
    """The lines of a status by their first word: the rest in words."""
    return {line[:16].strip(): line[16:].split() for line in text.splitlines()}


def test_status_lists_every_setting_with_value_and_source():
    loaded = load(
        Layer("%config", {"mode": "replay"}), environment({"WENWEN_TIMEOUT": "5", "WENWEN_TRUSTED_HOSTS": "a,b"})
    )
    rows = table(said("status", loaded=loaded))
    assert set(NAMES) <= set(rows)
    assert rows["mode"] == ["replay", "%config"]
    assert rows["timeout"] == ["5.0", "environment"]
    assert rows["trusted_hosts"] == ["a,", "b", "environment"]
    assert rows["model"] == ["gpt-4o-image", "default"]


def test_status_counts_what_is_saved_broken_and_under_way():
    state = KernelState()
    state.runner = SimpleNamespace(under_way=lambda: 2)
    rows = table(said("status", state, asks=lambda: client(7, ["torn.json"])))
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
    text = said("status", KernelState(key=Secret(typed) if typed else None))
    assert table(text)["key"][: len(row)] == row
    assert KEY not in text
    assert "another-key" not in text


def test_status_works_when_the_key_in_the_environment_is_none(monkeypatch):
    """It is the command that people run to find out what is wrong."""
    monkeypatch.setenv("WENWEN_API_KEY", "two words")
    text = said("status")
    assert "key" in table(text)
    assert "two words" not in text


def test_status_names_no_folder_of_this_machine():
    assert "/home/me" not in said("status", asks=lambda: client(1, ["x.json"]))


def test_status_in_chinese_says_so():
    speak("zh")
    text = said("status")
    assert all(word in text for word in ("密钥", "未设置", "已保存", "进行中", "默认"))


def test_the_demo_starts_once_and_is_ended_once():
    state = KernelState()
    assert "without a key" in said("demo", state)
    first = state.demo
    said("demo on", state)
    assert state.demo is first
    assert "off" in said("demo off", state)
    assert (state.demo, first.done) == (None, ["start", "stop"])


@pytest.mark.parametrize("word", ["off", "stop", "关", "停"])
def test_ending_a_demo_that_is_not_running_is_no_error(word):
    state = KernelState()
    assert "off" in said(f"demo {word}", state)
    assert state.demo is None


@pytest.mark.parametrize("word", ["of", "OFF!", "fast"])
def test_a_word_that_the_demo_does_not_know_does_not_start_it(word):
    state = KernelState()
    with pytest.raises(ConfigError):
        said(f"demo {word}", state)
    assert state.demo is None


def type_key(monkeypatch, text):
    monkeypatch.setattr(account, "getpass", lambda _: text)


def test_a_key_that_was_asked_for_is_kept_and_never_shown(keyring, capsys, monkeypatch):
    state = KernelState()
    type_key(monkeypatch, f" {KEY}\n")
    told = said("key", state)
    assert state.key.reveal() == KEY
    assert keyring.keys == [KEY]
    assert "keyring" in told
    assert KEY not in told + "".join(capsys.readouterr())
    assert KEY not in repr(state)


def test_without_a_keyring_the_key_lasts_until_the_kernel_ends(keyring, monkeypatch):
    keyring.works = False
    state = KernelState()
    type_key(monkeypatch, KEY)
    assert "until the kernel ends" in said("key", state)
    assert state.key.reveal() == KEY


@pytest.mark.parametrize("typed", [KEY, f"{KEY} {KEY}", f"--set {KEY}"])
def test_a_key_typed_into_a_cell_is_refused_and_not_repeated(keyring, typed):
    state = KernelState()
    with pytest.raises(ConfigError) as caught:
        said(f"key {typed}", state)
    assert KEY not in str(caught.value)
    assert "Delete this cell" in caught.value.do
    assert (state.key, keyring.keys) == (None, [])


def test_with_nobody_to_ask_the_error_names_the_variable(keyring):
    with pytest.raises(ConfigError, match="WENWEN_API_KEY"):
        said("key", attended=False, in_kernel=True)


@pytest.mark.parametrize("typed", ["", "  ", "a b", "密钥"])
def test_a_key_that_cannot_be_used_leaves_the_earlier_one(keyring, monkeypatch, typed):
    state = KernelState(key=Secret(KEY))
    type_key(monkeypatch, typed)
    with pytest.raises(ConfigError):
        said("key", state)
    assert state.key.reveal() == KEY
    assert keyring.keys == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_all_that_is_said_is_said_in_both_languages(keyring, monkeypatch, language):
    speak(language)
    type_key(monkeypatch, KEY)
    texts = [said("demo"), said("demo off"), said("key"), *(line[34:] for line in said("help").splitlines())]
    assert all(text and is_chinese(text) == (language == "zh") for text in texts)


@pytest.mark.parametrize("line", ["budget 10", "预算 10", "status now", "styles ink", "doctor key", "votes A"])
def test_words_behind_a_command_that_takes_none_are_not_passed_over(line):
    with pytest.raises(ConfigError, match=f"%wenwen {line.split()[0]} takes no words"):
        said(line)


@pytest.mark.parametrize("line", ["", "help", "  help  ", "帮助"])
def test_the_help_lists_every_command_and_its_options_a_line_each(line):
    lines = said(line).splitlines()
    for command in commands().values():
        assert sum(text.startswith(f"%wenwen {command.name} ") for text in lines) == 1
        for option in command.options:
            assert sum(text.lstrip().startswith(", ".join(option.names)) for text in lines) == 1
    assert len(lines) == 5 + sum(1 + len(command.options) for command in commands().values())


def test_every_command_has_one_name_in_each_language_and_its_options_too():
    known = commands().values()
    names = [name for command in known for name in (command.name, command.chinese)]
    assert len(set(names)) == len(names) == 2 * len(known)
    assert all(command.name.isascii() and is_chinese(command.chinese) for command in known)
    assert all(any(map(is_chinese, option.names)) for command in known for option in command.options)


def offered(typed, **names):
    """What Tab offers behind ``%wenwen``."""
    return complete(f"%wenwen {typed}", Settings, names)[1]


def test_tab_offers_every_command_and_after_it_its_options_and_no_others():
    for command in commands().values():
        for name in (command.name, command.chinese):
            assert name in offered(name[:1])
            assert offered(f"{name} -") == [word for option in command.options for word in option.names]
    assert offered("") == offered(" ")
    assert offered("nothing --") == []
    assert offered("history --since ") == []
    assert offered("history fox --fa") == ["--failed"]
    assert offered("show fo", fox=1, four="a", forest={}) == ["four", "forest"]
    assert "history" in offered("help hi")
    assert "off" in offered("demo o")


def test_importing_the_magics_loads_no_command():
    code = (
        "import sys, wenwen_magic.notebook.magics;"
        "late = ('wenwen_magic.client', 'wenwen_magic.notebook.commands.saved', 'ipywidgets', 'PIL', 'requests', 'tqdm');"
        "print([name for name in late if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


WHO = {
    "a process": ({"pid": 4711, "problem": ""}, True, "process 4711", "goes on when the kernel is restarted"),
    "none yet": ({"pid": 0, "problem": ""}, True, "a process of its own", "from the first picture on"),
    "none to be had": (
        {"pid": 0, "problem": "No memory."},
        True,
        "threads of this kernel",
        "stop with the kernel: No memory.",
    ),
    "a terminal": ({"pid": 0, "problem": ""}, False, "threads of this Python", "end with it"),
}


@pytest.mark.parametrize(("detached", "in_kernel", "who", "meaning"), WHO.values(), ids=WHO)
def test_status_says_who_draws_and_whether_that_outlives_the_kernel(monkeypatch, detached, in_kernel, who, meaning):
    monkeypatch.setattr(limits.SESSION, "detached", SimpleNamespace(**detached))
    (line,) = [line for line in said("status", in_kernel=in_kernel).splitlines() if line.startswith("drawn by")]
    assert line.removeprefix("drawn by").strip().startswith(who)
    assert meaning in line


def test_after_a_change_of_folder_the_same_cell_is_free_and_status_says_where_its_pictures_are(
    shell, relay, capsys, here
):
    shell.run("%%wenwen_image -q\na cat")
    (here / "elsewhere").mkdir()
    shell.run("%cd elsewhere\n%reload_ext wenwen_magic")
    shell.run("%%wenwen_image -q\na cat")
    capsys.readouterr()
    shell.run("%wenwen status")
    assert f"{here / 'wenwen_images'}/" in capsys.readouterr().out
    assert (len(relay.posts), list((here / "elsewhere").iterdir())) == (1, [])
