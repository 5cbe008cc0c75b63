"""Each message of the code is there in every language, with the same values."""

import ast
from functools import cache
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.pofile import read_po

import wenwen_magic
from wenwen_magic import errors
from wenwen_magic.text.i18n import is_chinese

PACKAGE = Path(wenwen_magic.__file__).parent
CATALOGUES = sorted(path.name for path in (PACKAGE / "text/locale").glob("[a-z]*"))


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


def test_no_error_of_the_package_speaks_one_language_only():
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
    found = [given[0] for name, given in calls() if name in kinds]
    assert len(found) > 20
    fixed = [ast.unparse(what) for what in found if isinstance(what, ast.Constant | ast.JoinedStr)]
    assert [what for what in fixed if "_(" not in what] == []
