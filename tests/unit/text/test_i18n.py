"""Messages come in the language of the person at the notebook, and each is there in every one."""

import ast
import locale
import threading
from contextvars import copy_context
from functools import cache
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.pofile import read_po

import wenwen_magic
from wenwen_magic import errors
from wenwen_magic.text import i18n
from wenwen_magic.text.i18n import _, is_chinese, ngettext, speak, spoken

PACKAGE = Path(wenwen_magic.__file__).parent
CATALOGUES = sorted(path.name for path in (PACKAGE / "text/locale").glob("[a-z]*"))


@pytest.fixture(autouse=True)
def _nothing_decided(monkeypatch):
    monkeypatch.setattr(i18n, "_decided", "")
    speak("auto")
    yield
    speak("auto")


def in_system(monkeypatch, **variables):
    monkeypatch.setattr(locale, "setlocale", lambda *_: "C")
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("text", ["猫", "draw 一 cat", "㐀", "豈"])
def test_one_han_character_makes_a_text_chinese(text):
    assert is_chinese(text)


@pytest.mark.parametrize("text", ["", "a cat", "Katze, bunt", "ｆｕｌｌ", "，。！", "кот", "ねこ", "🐈"])
def test_a_text_without_han_characters_is_not_chinese(text):
    assert not is_chinese(text)


@pytest.mark.parametrize(
    ("system", "heard"), [("zh_CN.UTF-8", "zh"), ("en_GB.UTF-8", "en"), ("xx_XX.UTF-8", "en"), ("C.UTF-8", None)]
)
def test_the_readers_locale_goes_before_the_prompt(monkeypatch, system, heard):
    in_system(monkeypatch, LANG=system)
    speak("auto", prompt="a cat" if heard == "zh" else "画一只猫")
    assert spoken() == (heard or "zh")


@pytest.mark.parametrize(("first", "then"), [("画一只猫", "a cat"), ("a cat", "画一只猫")])
def test_without_a_locale_the_first_prompt_decides_once(monkeypatch, first, then):
    in_system(monkeypatch, LC_ALL="C.UTF-8")
    speak("auto", prompt=first)
    heard = spoken()
    for prompt in ("", then, first, then):
        speak("auto", prompt=prompt)
        assert spoken() == heard == ("zh" if is_chinese(first) else "en")


@pytest.mark.parametrize("text", ["", "  \n", "{{animal}}", "7 + 7", "{{a}} {{b}}"])
def test_a_prompt_without_letters_of_its_own_decides_nothing(monkeypatch, text):
    in_system(monkeypatch)
    speak("auto", prompt=text)
    speak("auto", prompt="猫")
    assert spoken() == "zh"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_chosen_language_outweighs_prompt_and_system_and_changes_at_once(monkeypatch, language):
    other = "en" if language == "zh" else "zh"
    in_system(monkeypatch, LANG="en_US.UTF-8" if language == "zh" else "zh_CN.UTF-8")
    speak("auto", prompt="a cat")
    assert spoken() == other
    speak(language, prompt="a cat" if language == "zh" else "猫")
    assert spoken() == language
    speak("auto")
    assert spoken() == other


@pytest.mark.parametrize(
    ("variables", "heard"),
    [
        ({"LC_ALL": "zh_CN.UTF-8", "LANG": "en_US.UTF-8"}, "zh"),
        ({"LC_ALL": "C.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LC_MESSAGES": "zh_TW", "LANG": "en_US"}, "zh"),
        ({"LC_ALL": "", "LANG": "zh_SG"}, "zh"),
        ({"LANG": "ZH_cn"}, "zh"),
        ({}, "en"),
    ],
)
def test_the_system_names_its_language_in_the_usual_order_of_variables(monkeypatch, variables, heard):
    in_system(monkeypatch, **variables)
    assert spoken() == heard


@pytest.mark.parametrize(
    ("name", "heard"),
    [
        ("Chinese (Simplified)_China.936", "zh"),
        ("zh_CN.UTF-8", "zh"),
        ("English_Europe.1252", "en"),
        ("C.UTF-8", None),
        ("UTF-8", None),
        ("C", None),
    ],
)
def test_without_variables_the_locale_decides_as_on_windows(monkeypatch, name, heard):
    in_system(monkeypatch)
    monkeypatch.setattr(locale, "setlocale", lambda *_: name)
    speak("auto", prompt="a cat" if heard == "zh" else "画一只猫")
    assert spoken() == (heard or "zh")


SETTINGS = """{
    // Locale
    // @jupyterlab/translation-extension:plugin
    // Set the interface display language.
    // Examples: "locale": "es_ES"
    // ************************************
    "locale": %s
}"""


@pytest.mark.parametrize(
    ("chosen", "heard"), [('"zh_CN"', "zh"), ('"zh_TW"', "zh"), ('"xx_XX"', "en"), ('"default"', "en"), ("5", "en")]
)
def test_in_a_kernel_the_language_of_jupyterlab_goes_before_the_systems(monkeypatch, tmp_path, chosen, heard):
    in_system(monkeypatch, LANG="en_US.UTF-8")
    file = tmp_path / "lab/user-settings/@jupyterlab/translation-extension/plugin.jupyterlab-settings"
    file.parent.mkdir(parents=True)
    file.write_text(SETTINGS % chosen)
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    assert spoken() == "en"
    monkeypatch.setenv("JPY_SESSION_NAME", "a.ipynb")
    assert spoken() == heard
    file.write_bytes(b"\xff")
    assert spoken() == "en"
    file.unlink()
    assert spoken() == "en"


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


@cache
def calls():
    """Every call of a plain name in the package, as the name and the arguments."""
    nodes = [node for path in sorted(PACKAGE.rglob("*.py")) for node in ast.walk(ast.parse(path.read_text("utf-8")))]
    return [
        (node.func.id, node.args) for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]


def messages():
    """Every message that the code names."""
    marks = {"_": 1, "N_": 1, "ngettext": 2}
    named = [text for name, given in calls() for text in given[: marks.get(name, 0)]]
    return {text.value for text in named if isinstance(text, ast.Constant)}


@cache
def catalogue(language):
    with (PACKAGE / f"text/locale/{language}/LC_MESSAGES/wenwen_magic.po").open("rb") as file:
        return [message for message in read_po(file) if message.id]


def texts(message):
    ids = [message.id] if isinstance(message.id, str) else list(message.id)
    return ids, [message.string] if isinstance(message.string, str) else list(message.string)


def holes(text):
    """The placeholders of a template; a text that is no template has none."""
    try:
        return {name for _text, name, _spec, _conversion in Formatter().parse(text) if name}
    except ValueError:
        return set()


def test_there_is_a_chinese_catalogue():
    assert "zh_CN" in CATALOGUES


@pytest.mark.parametrize("language", CATALOGUES)
def test_every_message_of_the_code_has_a_translation_and_no_translation_is_left_over(language):
    translated = {text for message in catalogue(language) for text in texts(message)[0]}
    assert len(messages()) > 500
    assert messages() - translated == set()
    assert translated - messages() == set()


@pytest.mark.parametrize("language", CATALOGUES)
def test_every_translation_is_used_and_fills_in_the_same_values(language):
    for message in catalogue(language):
        english, foreign = texts(message)
        assert all(not is_chinese(text.replace("横屏;竖屏", "").replace("猫;狗", "")) for text in english), english
        assert all(text.strip() for text in foreign), english
        assert not message.fuzzy, english  # such a one is not compiled
        assert {hole for text in english for hole in holes(text)} == {hole for text in foreign for hole in holes(text)}


def test_a_message_without_values_keeps_its_braces():
    speak("en")
    assert _("put in {{animal}}") == "put in {{animal}}"
    assert _("{count} left", count="{x}") == "{x} left"


def test_a_count_chooses_the_words():
    speak("en")
    assert [ngettext("{count} picture", "{count} pictures", count) for count in (1, 2)] == ["1 picture", "2 pictures"]
    speak("zh")
    assert ngettext("{count} picture", "{count} pictures", 2) == "2 张图片"


def test_no_error_of_the_package_speaks_one_language_only():
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
    found = [given[0] for name, given in calls() if name in kinds]
    assert len(found) > 20
    fixed = [ast.unparse(what) for what in found if isinstance(what, ast.Constant | ast.JoinedStr)]
    assert [what for what in fixed if "_(" not in what] == []
