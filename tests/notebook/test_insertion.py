"""The script and the text to copy hold any text, and nothing of it acts."""

import html
import json
import re

from hypothesis import given
from hypothesis import strategies as st

from wenwen_magic.notebook.widgets.insert_cell import BOX, INSERTED, REFUSED, fallback_html, script

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r"))


def held(text):
    """The text as the script's page will read it."""
    return json.loads(re.search(r'null, (".*"), "one", ', script(text, "one"))[1])


def copied(text):
    """The text as a browser shows it: a line end right after <pre> is not shown."""
    return html.unescape(re.search(r"<pre[^>]*>\n(.*)</pre>", fallback_html(text), re.DOTALL)[1])


@given(TEXTS)
def test_any_text_is_held_as_it_is(text):
    assert (held(text), copied(text)) == (text, text)


@given(TEXTS)
def test_no_text_leaves_its_quotes_or_its_element(text):
    assert script(text, "one").count("\n") == script("", "one").count("\n")
    assert script(text, "one").isascii()
    assert fallback_html(text).count("<") == fallback_html("").count("<")


def test_a_closing_tag_is_no_tag():
    assert "</script" not in script("</script>", "</script>")


def test_line_ends_of_other_systems_become_line_feeds():
    assert held("a\r\nb\rc\n") == copied("a\r\nb\rc\n") == "a\nb\nc\n"


def test_half_a_character_does_not_reach_the_notebook_which_could_not_be_saved():
    assert held("a\ud83d b") == copied("a\ud83d b") == "a\ufffd b"
    assert held("\ud83d\ude00") == "😀"


def test_the_script_names_its_box_and_buttons():
    assert {BOX, INSERTED, REFUSED} <= set(re.findall(r"wenwen-[a-z-]+", script("", "one")))
