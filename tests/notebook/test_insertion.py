"""The script and the text to copy hold any text, and nothing of it acts."""

import html
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.widgets import cell_of, message, panel_under, press, takes_in, words_to_copy

from wenwen_magic.errors import ConfigError
from wenwen_magic.notebook.cell_source import retyped
from wenwen_magic.notebook.options import read, split_comment
from wenwen_magic.notebook.widgets.insert_cell import BOX, INSERTED, REFUSED, fallback_html, script

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r"))


def held(text):
    """The text as the script's page will read it."""
    return json.loads(re.search(r'null, (".*"), "one", ', script(text, "one"))[1])


def copied(text):
    """The text as a browser shows it: a line end right after <pre> is not shown."""
    return html.unescape(re.search(r"<pre[^>]*>\n(.*)</pre>", box(text), re.DOTALL)[1])


def box(text):
    """The text to copy as HTML, but for the elements around dollars."""
    return fallback_html(text).replace("<span>$</span>", "$")


@given(TEXTS)
def test_any_text_is_held_as_it_is(text):
    assert (held(text), copied(text)) == (text, text)


@given(TEXTS)
def test_no_text_leaves_its_quotes_or_its_element(text):
    assert script(text, "one").count("\n") == script("", "one").count("\n")
    assert script(text, "one").isascii()
    assert box(text).count("<") == box("").count("<")


def test_a_closing_tag_is_no_tag():
    assert "</script" not in script("</script>", "</script>")


def test_line_ends_of_other_systems_become_line_feeds():
    assert held("a\r\nb\rc\n") == copied("a\r\nb\rc\n") == "a\nb\nc\n"


def test_half_a_character_does_not_reach_the_notebook_which_could_not_be_saved():
    assert held("a\ud83d b") == copied("a\ud83d b") == "a\ufffd b"
    assert held("\ud83d\ude00") == "😀"


def test_the_script_names_its_box_and_buttons():
    assert {BOX, INSERTED, REFUSED} <= set(re.findall(r"wenwen-[a-z-]+", script("", "one")))


# -- what is inserted --------------------------------------------------------------------------------------------------

RETYPED = {
    "%%wenwen_image fox -q -m a --style ink\na {{animal}}": "%%wenwen_image fox -q -m b --style ink -o 16:9\na {{animal}}",
    "%%wenwen_image fox\na fox": "%%wenwen_image fox -m b -o 16:9\na fox",
    "%%wenwen_image 狐狸 --模型 a --方向 横屏\n狐狸": "%%wenwen_image 狐狸 --模型 b --方向 16:9\n狐狸",
    "%%wenwen_image 狐狸 --安静\n狐狸": "%%wenwen_image 狐狸 --安静 --模型 b --方向 16:9\n狐狸",
    "%%wenwen_image fox -o=landscape --size 2K -ma\na": "%%wenwen_image fox -o 16:9 -m b\na",
    "%%wenwen_image fox -o 横屏 3:2 -m a\na": "%%wenwen_image fox -o 16:9 -m b\na",
    "%%wenwen_image fox --take 2 -n 3\na": "%%wenwen_image fox -n 3 -m b -o 16:9\na",
    "%%wenwen_image fox -m a  # mine\na": "%%wenwen_image fox -m b -o 16:9  # mine\na",
    "%wenwen_image -m a a red fox  \\#art of a dog": "%wenwen_image -m b a red fox  \\#art of a dog -o 16:9",
    "%wenwen_image -m a \\#art  # mine": "%wenwen_image -m b \\#art -o 16:9  # mine",
    "%wenwen_image -m a a red fox": "%wenwen_image -m b a red fox -o 16:9",
    "%wenwen_image -q -- -m is no option here": "%wenwen_image -q -m b -o 16:9 -- -m is no option here",
}


@pytest.mark.parametrize("typed", RETYPED)
def test_a_cell_keeps_its_name_its_options_and_its_language_when_something_else_is_chosen(typed):
    text = retyped(typed, model="b", orientation="16:9")
    assert text == RETYPED[typed]
    line, _feed, _body = text.partition(" ")[2].partition("\n")
    again = read(split_comment(line, prompt=not typed.startswith("%%"))[0])
    assert (again.model, again.orientation, again.size, again.take) == (("b",), "16:9", None, None)


def test_a_cell_for_which_nothing_is_chosen_is_as_it_was_typed():
    for typed in RETYPED:
        assert retyped(typed) == typed.replace(" --take 2", "")


def test_a_resolution_a_number_and_a_version_are_written_as_people_write_them():
    assert retyped("%%wenwen_image fox -q\na", orientation="auto 2K") == "%%wenwen_image fox -q -o auto --size 2K\na"
    assert retyped("%%wenwen_image fox --张数 3\na", count=2) == "%%wenwen_image fox --张数 2\na"
    assert retyped("%%wenwen_image fox --fresh\na", take=2) == "%%wenwen_image fox --take 2\na"
    assert retyped("%%wenwen_image fox\na", model="my model") == "%%wenwen_image fox -m 'my model'\na"
    assert retyped("%%wenwen_image fox\na", model='it\'s "x"') == '%%wenwen_image fox -m=it\\\'s\\ \\"x\\"\na'


def test_a_name_that_no_line_can_hold_is_refused():
    with pytest.raises(ConfigError):
        retyped("%%wenwen_image fox\na", model="a,b")


def test_the_button_keeps_what_was_typed(client):
    panel = panel_under(
        cell_of(client, client.request("a cat"), text="%%wenwen_image fox --安静 -o 横屏\na {{animal}}")
    )
    panel.choices.model.value = "two"
    panel.insert.click()
    assert "%%wenwen_image fox --安静 -o 横屏 --模型 two\na {{animal}}" in words_to_copy(panel)
    panel.choices.model.value = panel.cell.requests[0].model
    press(panel)
    takes_in(panel)
    panel.insert.click()
    assert "%%wenwen_image fox --安静 -o 横屏 --第几张 2\na {{animal}}" in words_to_copy(panel)


def test_an_edit_is_inserted_in_the_language_of_its_cell(client):
    panel = panel_under(
        cell_of(client, client.request("一只猫", model="one"), text="%%wenwen_image 猫 --模型 one\n一只猫")
    )
    panel.edit.click()
    panel.edit_row.words.value = "改成夜晚"
    panel.insert.click()
    source = panel.cell.area.rows[0].id
    assert f"%%wenwen_image cat --模型 one --参考 {source} --方向 自动\n改成夜晚" in words_to_copy(panel)


def test_a_changed_cell_that_would_pay_again_says_so(client):
    panel = panel_under(cell_of(client, client.request("a cat"), text="%%wenwen_image --fresh\na cat", fresh=True))
    panel.choices.model.value = "two"
    panel.insert.click()
    assert "--fresh -m two" in words_to_copy(panel)
    assert "draws a new picture and pays" in message(panel)
