"""The history with controls: thumbnails that are pressed, searches and pages, stars, tags, names, and what is deleted."""

import re
import shutil

import pytest
from support.clips import box, mp4
from support.relay import Relay, whole
from support.scripted import answering
from support.widgets import client_of

from wenwen_magic.history.index import Wanted
from wenwen_magic.notebook.options import split_quoted
from wenwen_magic.notebook.widgets.history_gallery import KINDS, HistoryGallery
from wenwen_magic.render.generation import MOST_EMBEDDED
from wenwen_magic.text.i18n import speak

COUNT = 5
"""Thumbnails on a page here."""


@pytest.fixture
def names():
    return {}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A history of seven pictures, one of them with a star, and one failure before them."""
    folder = tmp_path_factory.mktemp("drawn")
    with Relay(lambda number: whole(number) if number else answering("I may not draw that")) as relay:
        client = client_of(relay, history=folder)
        with pytest.raises(Exception, match="no picture"):
            client.generate("a secret")
        foxes = [client.generate(f"fox {number}") for number in range(7)]
        client.history.star(foxes[2])
    return folder


@pytest.fixture
def gallery(drawn, here, client, names):
    """The same history, copied for the test."""
    shutil.copytree(drawn, here / "wenwen_images", dirs_exist_ok=True)
    return opened(client, names)


def opened(client, names, **wanted):
    asked = Wanted(**wanted)
    return HistoryGallery(client, asked, client.history.page(asked, 1, COUNT), names)


def of(client, prompt):
    """The record of a prompt; None where there is none."""
    return next((row for row in client.history.recent() if row.request.prompt == prompt), None)


def tiles(gallery):
    """The tooltips of the thumbnails that can be pressed, as they are laid out."""
    rows = [child.children for child in gallery.grid.children if hasattr(child, "children")]
    return [tile.tooltip for row in rows for tile in row if tile.layout.visibility != "hidden"]


def prompts(gallery):
    return [re.search(r"(?:fox \d|a secret)", tooltip)[0] for tooltip in tiles(gallery)]


def large(gallery):
    """The prompt of what is shown large."""
    found = re.search(r"<p>(fox \d)", gallery.shown.value)
    return found[1] if found else ""


def test_the_newest_is_shown_large_and_a_pressed_thumbnail_in_its_place(gallery, relay):
    asked = len(relay.posts)
    assert prompts(gallery) == [f"fox {number}" for number in (6, 5, 4, 3, 2)]
    assert large(gallery) == "fox 6"
    gallery.tiles[4].click()
    assert large(gallery) == "fox 2"
    assert [tooltip.startswith("shown: ") for tooltip in tiles(gallery)] == [False] * 4 + [True]
    assert "wenwen-shown" in gallery.tiles[4]._dom_classes
    assert "wenwen-shown" not in gallery.tiles[0]._dom_classes
    assert len(relay.posts) == asked


def test_every_thumbnail_and_every_field_says_what_it_is(gallery):
    assert all(tooltip and "#" in tooltip for tooltip in tiles(gallery))
    for field in (gallery.words, gallery.kind, gallery.newer, gallery.older, gallery.name, gallery.tags):
        assert field.tooltip


def test_pages_are_turned_in_place(gallery):
    assert (gallery.newer.disabled, gallery.older.disabled) == (True, False)
    assert "1–5 of 8" in gallery.place.value
    gallery.older.click()
    assert prompts(gallery) == ["fox 1", "fox 0", "a secret"]
    assert "6–8 of 8" in gallery.place.value
    assert (gallery.newer.disabled, gallery.older.disabled) == (False, True)
    gallery.newer.click()
    assert len(prompts(gallery)) == COUNT


def test_failures_stand_apart_and_say_why(gallery):
    gallery.older.click()
    heads = [child.value for child in gallery.grid.children if not hasattr(child, "children")]
    assert heads == ["<b>Results</b>", "<b>Without a result</b>"]
    gallery.tiles[2].click()
    assert gallery.tiles[2].description == "✗ a secret"
    assert "I may not draw that" in gallery.shown.value


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("All", ["fox 6", "fox 5", "fox 4", "fox 3", "fox 2"]),
        ("Results", ["fox 6", "fox 5", "fox 4", "fox 3", "fox 2"]),
        ("With a star", ["fox 2"]),
        ("Demo", []),
        ("Without a result", ["a secret"]),
    ],
)
def test_what_is_shown_can_be_chosen_and_searched(gallery, kind, found):
    gallery.kind.value = kind
    assert prompts(gallery) == found
    gallery.words.value = "nothing like it"
    assert prompts(gallery) == []
    assert "Nothing saved matches" in gallery.grid.children[0].value
    assert gallery.star.disabled
    gallery.words.value = ""
    assert prompts(gallery) == found


@pytest.mark.parametrize(
    ("wanted", "kind"),
    [({}, "All"), ({"failed": True}, "Without a result"), ({"demo": True}, "Demo"), ({"star": True}, "With a star")],
)
def test_it_begins_with_what_the_line_asked_for(gallery, client, names, wanted, kind):
    one = opened(client, names, **wanted, words=("secret",))
    assert (one.kind.value, one.words.value) == (kind, "secret")
    one.kind.value = "All"
    assert prompts(one) == ["a secret"]
    assert set(KINDS) == {name for _shown, name in one.kind.options}


def test_a_star_is_given_and_taken(gallery, client):
    gallery.star.click()
    assert (of(client, "fox 6").star, gallery.star.description) == (True, "★ Star")
    assert "wenwen-star" in gallery.tiles[0]._dom_classes
    gallery.star.click()
    assert not of(client, "fox 6").star
    assert "wenwen-star" not in gallery.tiles[0]._dom_classes


def test_tags_are_typed_saved_and_shown_with_their_picture(gallery, client):
    gallery.tags.value = "winter, #mood"
    assert client.history.search(Wanted(tag="mood"))[0].tags == ("winter", "mood")
    assert gallery.tags.value == "winter mood"
    gallery.tiles[1].click()
    assert gallery.tags.value == ""
    assert not of(client, "fox 5").tags
    gallery.tiles[0].click()
    gallery.tags.value = ""
    assert not client.history.search(Wanted(tag="mood"))


def test_a_picture_gets_the_name_that_is_typed(gallery, names):
    gallery.name.value = " snow "
    gallery.use.click()
    assert names["snow"].request.prompt == "fox 6"
    assert names["snow"].images[0].preview
    assert "snow holds this now." in gallery.note.value


def test_an_answer_gives_the_name_what_its_cell_gives(here, client, names, relay):
    relay.answer = lambda _: answering('["fox", "owl"]')
    client.ask("Two animals?", json=True)
    gallery = opened(client, names)
    gallery.name.value = "ideas"
    gallery.use.click()
    assert names == {"ideas": ["fox", "owl"]}


@pytest.mark.parametrize("name", ["", "2x", "a b", "class"])
def test_what_cannot_be_a_name_is_told(gallery, names, name):
    gallery.name.value = name
    gallery.use.click()
    assert (names, "is not a variable" in gallery.note.value) == ({}, True)


def test_the_cell_that_drew_it_is_inserted(gallery):
    gallery.insert.click()
    assert "%%wenwen_image -m gpt-4o-image -o auto" in gallery.inserter._copy.value


def test_deleting_asks_once_and_moves_no_other_thumbnail(gallery, client):
    before, count = tiles(gallery), client.history.count()
    gallery.tiles[1].click()
    gallery.delete.click()
    assert (gallery.tools.layout.display, gallery.question.layout.display) == ("none", None)
    gallery.no.click()
    assert (gallery.tools.layout.display, gallery.question.layout.display) == (None, "none")
    assert client.history.count() == count
    gallery.delete.click()
    gallery.yes.click()
    assert client.history.count() == count - 1
    assert not of(client, "fox 5")
    assert gallery.tiles[1].layout.visibility == "hidden"
    assert tiles(gallery) == [before[0].replace("shown: ", "show "), *before[2:]]
    assert (gallery.shown.value, gallery.delete.disabled, "Deleted: #" in gallery.note.value) == ("", True, True)
    gallery.yes.click()  # a double click
    assert client.history.count() == count - 1


def test_another_thumbnail_takes_the_question_back(gallery, client):
    gallery.delete.click()
    gallery.tiles[1].click()
    assert gallery.question.layout.display == "none"
    assert client.history.count() == 8


def test_it_speaks_the_readers_language(gallery, client, names):
    speak("zh")
    one = opened(client, names)
    assert [one.delete.description, one.use.description, one.kind.options[0][0]] == ["删除", "用作变量", "全部"]


def test_with_styles_only_print_shows_the_page_beside_the_controls(gallery):
    twin = gallery.twin("<p>page</p>")
    name = re.search(r'class="(wenwen-twin-\w+)"', twin)[1]
    assert (
        re.search(rf"@media screen{{[^{{]*:has\((\S+)\) \.{name},", gallery._style.value)[1][1:]
        in gallery.view._dom_classes
    )
    assert "@media print{.wenwen-history{display:none" in gallery._style.value


def test_thumbnails_of_two_galleries_do_not_share_their_styles(gallery, client, names):
    both = gallery, opened(client, names)
    classes = [{name for tile in one.tiles for name in tile._dom_classes if name[-1].isdigit()} for one in both]
    assert not classes[0] & classes[1]


@pytest.mark.parametrize("words", [("red fox",), ("red", "fox"), ('the "big" fox',), ("红 狐", "x")])
def test_words_of_the_line_stay_as_they_were_quoted(client, names, words):
    assert tuple(split_quoted(opened(client, names, words=words).words.value)) == words


def test_where_nothing_is_found_no_numbers_are_told(gallery):
    gallery.words.value = "nothing like it"
    assert gallery.place.value == "<small></small>"


def test_the_whole_prompt_of_a_failure_is_shown_and_a_cell_that_would_pay_says_so(gallery, client, names):
    gallery.kind.value = "Without a result"
    assert "<p>a secret" in gallery.shown.value
    gallery.insert.click()
    assert gallery.note.value == ""  # the refusal is saved: it is told again for free
    begun = client.history.begin(client.request("a hare"), prompt_sent="a hare", endpoint=client.saved_takes.origin)
    client.history.update(begun, state="failed", charged="no", error={"what": "busy", "charged": "no"})
    failures = opened(client, names, failed=True)
    failures.insert.click()
    assert "Running the new cell draws a new picture and pays." in failures.note.value


@pytest.mark.parametrize("more", [0, MOST_EMBEDDED])
def test_bug_a_large_clip_had_a_player_that_played_nothing(client, relay, more):
    relay.answer = lambda _: answering(f"![x]({relay.address}/film)")
    relay.file = lambda path, _headers: (200, mp4(tail=box("free", bytes(more)))) if path.endswith("/film") else None
    [made] = client.video("a river", model="veo").clips
    shown = opened(client, {}).shown.value
    assert re.findall(r'<video[^>]* src="(.{15})', shown) == ([] if more else ["data:video/mp4;"])
    assert (made.path.name in shown, '<img src="data:image/jpeg' in shown) == (bool(more), True)


def test_bug_a_tile_said_what_was_added_to_a_question(client, relay):
    relay.answer = lambda _: answering('["fox"]')
    client.ask("animals", json=True)
    shown = opened(client, {})
    assert shown.tiles[0].description == "¶ animals"
    assert "JSON" not in tiles(shown)[0]


def test_bug_the_history_showed_the_instruction_around_a_prompt_that_was_improved(client, relay):
    relay.answer = lambda _: answering("a cat at dawn")
    client.improve("a cat")
    shown = opened(client, {})
    assert shown.tiles[0].description == "¶ a cat"
    assert "Rewrite" not in tiles(shown)[0] + shown.shown.value
    assert "a cat at dawn" in shown.shown.value


def test_bug_where_no_widget_is_the_page_stood_below_the_text_of_one(shell, relay, monkeypatch):
    shell.run("%%wenwen_image\na cat")
    shell.attend(monkeypatch, "y")
    shell.run("%wenwen history")
    texts = [data["text/plain"] for _kind, data in shell.seen]
    assert [text.split()[:1] for text in texts] == [[], ["id"]]
