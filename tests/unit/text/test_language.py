"""Messages come in the language of the person at the notebook, and each is there in both."""

import ast
import locale
import threading
from contextvars import copy_context
from functools import cache
from pathlib import Path

import pytest

import wenwen_magic
from wenwen_magic import errors
from wenwen_magic.text.i18n import is_chinese, say, speak

MODULES = sorted(Path(wenwen_magic.__file__).parent.rglob("*.py"))


@pytest.fixture(autouse=True)
def _no_choice():
    speak("auto")
    yield
    speak("auto")


def spoken():
    return say("en", "zh")


def in_system(monkeypatch, **variables):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@cache
def nodes():
    """Every call of a plain name in the package, with its place."""
    parsed = ((path.name, ast.walk(ast.parse(path.read_text("utf-8")))) for path in MODULES)
    found = ((name, node) for name, nodes in parsed for node in nodes if isinstance(node, ast.Call))
    return [(f"{name}:{node.lineno}", node) for name, node in found if isinstance(node.func, ast.Name)]


def calls(named):
    """Every call in the package of a function or class with one of these names, with its place."""
    return [(place, node) for place, node in nodes() if node.func.id in named]


def words_of(node):
    """The fixed words of a string or f-string."""
    return "".join(
        part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and part.value == str(part.value)
    )


def holes_of(node):
    """The variables that an f-string puts in, perhaps by way of a function that translates them."""
    holes = [part for hole in ast.walk(node) if isinstance(hole, ast.FormattedValue) for part in ast.walk(hole)]
    called = {id(part.func) for part in holes if isinstance(part, ast.Call)}
    return {part.id for part in holes if isinstance(part, ast.Name) and id(part) not in called}


@pytest.mark.parametrize("text", ["猫", "draw 一 cat", "㐀", "豈"])
def test_one_han_character_makes_a_text_chinese(text):
    assert is_chinese(text)


@pytest.mark.parametrize("text", ["", "a cat", "Katze, bunt", "ｆｕｌｌ", "，。！", "кот", "ねこ", "🐈"])
def test_a_text_without_han_characters_is_not_chinese(text):
    assert not is_chinese(text)


def test_a_chinese_prompt_is_answered_in_chinese_on_an_english_system(monkeypatch):
    in_system(monkeypatch, LANG="en_GB.UTF-8")
    speak("auto", prompt="画一只猫")
    assert spoken() == "zh"


@pytest.mark.parametrize(("system", "heard"), [("zh_CN.UTF-8", "zh"), ("en_US.UTF-8", "en"), ("de_DE.UTF-8", "en")])
def test_an_english_prompt_is_answered_as_the_system_speaks(monkeypatch, system, heard):
    in_system(monkeypatch, LANG=system)
    speak("auto", prompt="a cat")
    assert spoken() == heard


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_chosen_language_outweighs_prompt_and_system(monkeypatch, language):
    in_system(monkeypatch, LANG="en_US.UTF-8" if language == "zh" else "zh_CN.UTF-8")
    speak(language, prompt="a cat" if language == "zh" else "猫")
    assert spoken() == language


def test_auto_forgets_what_an_earlier_prompt_decided(monkeypatch):
    in_system(monkeypatch, LANG="en_US.UTF-8")
    speak("auto", prompt="猫")
    speak("auto", prompt="a cat")
    assert spoken() == "en"


@pytest.mark.parametrize(
    ("variables", "heard"),
    [
        ({"LC_ALL": "zh_CN.UTF-8", "LANG": "en_US.UTF-8"}, "zh"),
        ({"LC_ALL": "C.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LC_MESSAGES": "zh_TW", "LANG": "en_US"}, "zh"),
        ({"LC_ALL": "", "LANG": "zh_SG"}, "zh"),
        ({"LANG": "ZH_cn"}, "zh"),
    ],
)
def test_the_system_names_its_language_in_the_usual_order_of_variables(monkeypatch, variables, heard):
    in_system(monkeypatch, **variables)
    assert spoken() == heard


@pytest.mark.parametrize(
    ("name", "heard"), [("Chinese (Simplified)_China", "zh"), ("zh_CN", "zh"), ("English_Europe", "en"), (None, "en")]
)
def test_without_variables_the_locale_decides_as_on_windows(monkeypatch, name, heard):
    in_system(monkeypatch)
    monkeypatch.setattr(locale, "getlocale", lambda *_: (name, "cp936"))
    assert spoken() == heard


def test_work_that_takes_the_context_along_speaks_the_same_language():
    speak("zh")
    assert copy_context().run(spoken) == "zh"


def test_a_thread_of_somebody_else_keeps_its_own_language(monkeypatch):
    in_system(monkeypatch, LANG="en_US.UTF-8")
    speak("zh")
    heard = []
    thread = threading.Thread(target=lambda: heard.append(spoken()))
    thread.start()
    thread.join(5)
    assert (heard, spoken()) == (["en"], "zh")


def test_every_message_of_the_package_is_english_first_and_chinese_second():
    pairs = [(place, *call.args) for place, call in calls({"say"}) if len(call.args) == 2]
    assert len(pairs) > 50
    wrong = [
        place
        for place, english, chinese in pairs
        if isinstance(english, ast.Constant | ast.JoinedStr)
        if not words_of(english).strip() or is_chinese(words_of(english)) or not is_chinese(words_of(chinese))
    ]
    assert wrong == []


def test_both_versions_of_every_message_tell_the_same_values():
    pairs = [(place, *call.args) for place, call in calls({"say"}) if len(call.args) == 2]
    assert [place for place, english, chinese in pairs if holes_of(english) != holes_of(chinese)] == []


def test_no_error_of_the_package_speaks_one_language_only():
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
    found = [(place, call.args[0]) for place, call in calls(kinds) if call.args]
    assert len(found) > 20
    assert [place for place, what in found if isinstance(what, ast.Constant | ast.JoinedStr)] == []
