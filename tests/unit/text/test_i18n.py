"""Messages come in the language of the person at the notebook."""

import locale
import threading
from contextvars import copy_context

import pytest

from wenwen_magic.text import i18n
from wenwen_magic.text.i18n import _, is_chinese, ngettext, speak, spoken


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


def test_a_message_without_values_keeps_its_braces():
    speak("en")
    assert _("put in {{animal}}") == "put in {{animal}}"
    assert _("{count} left", count="{x}") == "{x} left"


def test_a_count_chooses_the_words():
    speak("en")
    assert [ngettext("{count} picture", "{count} pictures", count) for count in (1, 2)] == ["1 picture", "2 pictures"]
    speak("zh")
    assert ngettext("{count} picture", "{count} pictures", 2) == "2 张图片"
