"""A picture is drawn anew with a change: what to change is typed in a row of its own, nothing is spent by opening it."""

import io
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from support.relay import whole
from support.widgets import (
    called,
    cell_of,
    client_of,
    comparison_of,
    panel_under,
    press,
    settle,
    shown,
    takes_in,
    words_to_copy,
)

from wenwen_magic.client import Client
from wenwen_magic.engine.limits import Session
from wenwen_magic.notebook import magics as magics_module
from wenwen_magic.notebook import options
from wenwen_magic.notebook.scope import front_end
from wenwen_magic.notebook.widgets.mask_editor import Mask, Stroke


@pytest.fixture
def panel(client):
    """The controls under one picture."""
    return panel_under(cell_of(client, client.request("a cat", orientation="landscape", model="one")))


def is_open(panel):
    return panel.edit_row.words.layout.display != "none"


def taken(field, image):
    """Let a button for files take a picture, as the page does it in each version of ipywidgets."""
    file = io.BytesIO()
    image.save(file, "PNG")
    content, name = file.getvalue(), "mask.png"
    if isinstance(field.value, dict):
        field.metadata, field.data, field._counter = [{"name": name}], [content], 1
    else:
        known = {"name": name, "type": "image/png", "size": 1, "last_modified": datetime.now(UTC)}
        field.value = ({**known, "content": memoryview(content)},)


def asked(relay, number=-1):
    """What the n-th POST holds: its words, and how many pictures."""
    content = relay.posts[number][1]["messages"][0]["content"]
    if isinstance(content, str):
        return content, 0
    words = [part["text"] for part in content if part["type"] == "text"]
    return words[0], len(content) - len(words)


def test_bug_a_change_that_was_asked_for_soon_after_a_picture_counted_as_a_double_click(panel, relay):
    panel.generate.click()
    settle(panel)
    panel.edit.click()
    panel.edit_row.words.value = "make it night"
    panel.generate.click()  # at the same moment of the clock
    panel.generate.click()
    settle(panel)
    assert [asked(relay, number)[1] for number in range(len(relay.posts))] == [0, 0, 1]


# -- settings count as they are at the press ---------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{"mode": "replay"}, {"session_limit": 1}, {"budget": 0.5, "prices": {"*": 1}}])
def test_a_setting_that_was_changed_since_the_cell_ran_counts_at_the_press(here, relay, settings):
    session = Session()
    client = client_of(relay, session=session)
    now = [client]
    panel = panel_under(cell_of(client, client.request("a cat"), current_client=lambda: now[0]))
    now[0] = client_of(relay, session=session, **settings)
    press(panel)
    assert len(relay.posts) == 1
    now[0] = client
    press(panel)
    assert len(relay.posts) == 2


def test_a_setting_that_cannot_be_is_told_at_the_press(client, relay):
    panel = panel_under(cell_of(client, client.request("a cat"), current_client=lambda: Client(mode="never")))
    press(panel)
    assert "never" in panel.note.value
    assert len(relay.posts) == 1


def test_a_magics_cell_has_the_settings_of_the_moment_with_its_own_options_first(shell, relay):
    magics = shell.magics_manager.registry["WenwenMagics"]
    here = magics_module._Here(None, {}, front_end(shell))
    cell = magics._cell(options.read("--timeout 7"), "a cat", "", here, typed="%%wenwen_image --timeout 7\na cat")
    own = magics._cell(options.read("--mode live"), "a cat", "", here)
    shell.run("%config WenwenMagics.mode = 'replay'\n%config WenwenMagics.timeout = 9")
    now = cell.current_client().settings
    assert (cell.client.settings.mode, now.mode, now.timeout) == ("cache", "replay", 7)
    assert own.current_client().settings.mode == "live"
    assert cell.text == "%%wenwen_image --timeout 7\na cat"


def test_takes_drawn_before_a_setting_was_changed_stay_in_the_strip(client, relay):
    other = Client(base_url=relay.address + "/elsewhere", api_key="sk-any-key-of-some-length", session=Session())
    panel = panel_under(cell_of(client, client.request("a cat"), current_client=lambda: other))
    assert len(takes_in(panel)) == 1


# -- a comparison's variable and line ----------------------------------------------------------------------------------


def test_generate_under_a_comparison_leaves_its_variable(client):
    panel = panel_under(comparison_of(client))
    gallery = panel.names["cat"]
    press(panel)
    assert panel.names["cat"] is gallery
    assert len(panel.cell.area.rows) == 1


def test_the_variable_is_what_is_shown_large(client):
    panel = panel_under(cell_of(client, client.request("a cat", count=2)))
    assert len(panel.names["cat"]) == 2
    press(panel)
    assert panel.names["cat"].take == 3
    takes_in(panel)[0].click()
    assert panel.names["cat"].take == 1
    panel.names["cat"] = 5
    takes_in(panel)[1].click()
    assert panel.names["cat"] == 5


def test_a_comparison_is_inserted_as_it_was_typed_until_something_else_is_chosen(client):
    panel = panel_under(comparison_of(client, text="%%wenwen_image g -m one,two\na {{animal}}"))
    panel.insert.click()
    assert "%%wenwen_image g -m one,two\na {{animal}}" in words_to_copy(panel)
    panel.choices.orientation.value = "portrait"
    panel.insert.click()
    assert "%%wenwen_image -m one -o portrait\na cat" in words_to_copy(panel)


def test_an_inserted_comparison_that_would_pay_again_says_so(client):
    panel = panel_under(comparison_of(client, text="%%wenwen_image --fresh -m one,two\na cat", fresh=True))
    panel.insert.click()
    assert "--fresh" in panel.note.value


def test_a_comparison_that_nobody_typed_says_that_it_inserts_the_first_combination(client):
    panel = panel_under(comparison_of(client))
    panel.insert.click()
    assert "first combination" in panel.note.value
    assert "-m one" in words_to_copy(panel)


# -- editing -----------------------------------------------------------------------------------------------------------


def test_opening_the_row_asks_for_nothing_and_shows_which_picture_is_meant(panel, relay):
    take = panel.cell.area.rows[0]
    assert not is_open(panel)
    panel.edit.click()
    assert is_open(panel)
    assert "✎ 1" in panel.edit_row._head.value
    assert panel.edit_row.take.id == take.id
    assert panel.choices.values == {"model": "one", "orientation": "auto", "count": 1}
    assert len(relay.posts) == 1


def test_generate_then_draws_the_picture_anew_with_the_change(panel, relay):
    source = panel.cell.area.rows[0]
    panel.edit.click()
    panel.edit_row.words.value = " make it night\n"
    press(panel)
    assert asked(relay) == ("make it night", 1)
    edited = panel.cell.area.rows[-1]
    assert (edited.parent, edited.request.model, edited.request.orientation) == (source.id, "one", "auto")
    assert panel.names["cat"].id == edited.id
    assert "✎ make it night" in called(panel)[1]
    assert [row.id for row in panel.cell.area.rows] == [edited.id]
    assert panel.edit_row.take.id == edited.id


def test_the_edit_as_a_cell_names_the_picture_and_is_free(panel, client, relay):
    source = panel.cell.area.rows[0]
    panel.edit.click()
    panel.edit_row.words.value = "make it night"
    panel.insert.click()
    expected = f"%%wenwen_image cat -m one --ref {source.id} -o auto\nmake it night"
    assert expected in words_to_copy(panel)
    press(panel)
    panel.edit_row.cancel.click()
    panel.insert.click()
    assert expected in words_to_copy(panel)
    word = client.reference(client.history.get(source.id), source.id)
    again = client.generate("make it night", model="one", orientation="auto", references=[word])
    assert again.from_history
    assert len(relay.posts) == 2


def test_a_version_that_is_pressed_while_a_picture_is_changed_is_the_one_to_change(panel):
    [first] = panel.cell.area.rows
    press(panel)
    panel.edit.click()
    panel.edit_row.words.value = "make it night"
    takes_in(panel)[0].click()
    assert (panel.edit_row.take.id, panel.edit_row.words.value) == (first.id, "make it night")
    press(panel)
    assert panel.cell.area.rows[-1].parent == first.id
    assert panel.edit_row.words.value == ""


def test_only_the_change_that_was_asked_for_is_taken_out_of_the_field(panel, relay):
    panel.edit.click()
    panel.edit_row.words.value = "make it night"
    panel.ticks.now += 60
    typed = threading.Event()
    relay.answer = lambda number: whole(number) if typed.wait(20) else None
    panel.generate.click()
    panel.edit_row.words.value = "and add snow"
    typed.set()
    settle(panel)
    assert (panel.edit_row.take.parent, panel.edit_row.words.value) == (
        panel.edit_row.take.request.parent,
        "and add snow",
    )
    assert panel.edit_row.take.id == panel.cell.area.rows[-1].id


def test_a_picture_that_is_no_change_of_the_edited_one_leaves_the_field_as_it_is(panel, relay):
    panel.ticks.now += 60
    typed = threading.Event()
    relay.answer = lambda number: whole(number) if typed.wait(20) else None
    panel.generate.click()
    panel.edit.click()
    edited = panel.edit_row.take
    panel.edit_row.words.value = "make it night"
    typed.set()
    settle(panel)
    assert (panel.edit_row.take, panel.edit_row.words.value) == (edited, "make it night")


def test_the_price_of_a_change_counts_no_params_of_the_picture(here, relay):
    client = client_of(relay, prices={"*": 0.4}, currency="元")
    panel = panel_under(cell_of(client, client.request("a cat", format="images", params={"n": 4})))
    panel.edit.click()
    assert panel.generate.description == "Generate · 0.4 元"


def test_cancel_brings_back_what_was_chosen(panel, relay):
    panel.choices.model.value = "two"
    panel.choices.count.value = 3
    panel.edit.click()
    panel.edit.click()
    panel.edit_row.cancel.click()
    assert not is_open(panel)
    assert panel.choices.values == {"model": "two", "orientation": "landscape", "count": 3}
    press(panel)
    assert asked(relay)[1] == 0


def test_the_edit_of_a_take_in_the_strip_starts_from_that_take(panel):
    [first] = panel.cell.area.rows
    press(panel)
    takes_in(panel)[0].click()
    panel.edit.click()
    panel.edit_row.words.value = "make it night"
    press(panel)
    assert panel.cell.area.rows[-1].parent == first.id


def test_the_panels_edit_is_of_the_picture_shown_last_and_is_off_where_there_is_none(client):
    panel = panel_under(comparison_of(client))
    assert panel.edit.disabled
    takes_in(panel)[1].click()
    assert (panel.edit.disabled, panel.edit_row.take) == (False, None)
    panel.edit.click()
    assert panel.edit_row.take.request.model == "two"


def test_while_a_picture_is_changed_one_row_holds_the_change_and_generate(panel):
    fields = (panel.choices.model, panel.choices.orientation, panel.choices.count)
    panel.edit.click()
    assert {each.layout.display for each in fields} == {"none"}
    panel.more.click()  # who wants another model finds it there
    assert {each.layout.display for each in fields} == {None}
    panel.more.click()
    panel.edit_row.cancel.click()
    assert {each.layout.display for each in fields} == {None}


def test_a_mask_says_where_the_picture_may_change(panel, relay):
    panel.edit.click()
    panel.edit_row.words.value = "a moon"
    panel.edit_row.mask.click()
    editor = panel.edit_row.below.children[0].children[1]
    assert panel.edit_row.below.layout.display is None
    panel.edit_row._paint(Mask((8, 6), (Stroke(((0, 0), (3, 3))),)))
    request = panel._chosen(panel.cell.client)
    assert (request.format, request.prompt, bool(request.mask), len(request.references)) == (
        "images",
        "a moon",
        True,
        1,
    )
    panel.edit_row._paint(Mask((8, 6)))
    assert panel._chosen(panel.cell.client).mask is None
    assert editor is panel.edit_row.below.children[0].children[1]


def test_without_the_canvas_library_a_mask_is_uploaded_and_one_line_says_what_to_install(panel, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipycanvas", None)
    panel.edit.click()
    panel.edit_row.mask.click()
    [row] = panel.edit_row.below.children
    assert "wenwen-magic[mask]" in row.children[1].value
    taken(row.children[0], Mask((8, 6), (Stroke(((0, 0), (3, 3))),)).image())
    panel.edit_row.words.value = "a moon"
    assert panel._chosen(panel.cell.client).mask
    panel.edit_row.mask.click()
    assert panel.edit_row.below.layout.display == "none"


def test_an_edit_without_words_is_told_and_not_sent(panel, relay):
    panel.edit.click()
    press(panel)
    assert "Describe the change first" in panel.note.value
    assert len(relay.posts) == 1


def test_an_edit_of_a_picture_whose_file_is_gone_is_told(panel, relay):
    panel.edit.click()
    panel.edit_row.words.value = "make it night"
    panel.edit_row.take.images[0].path.unlink()
    press(panel)
    assert "cannot be used" in panel.note.value
    assert len(relay.posts) == 1


def test_an_edit_is_told_in_the_language_of_its_cell(client):
    panel = panel_under(cell_of(client, client.request("一只猫")))
    panel.edit.click()
    panel.edit_row.words.value = "make it night"
    press(panel)
    assert panel.progress_line.value == ""
    assert 'lang="zh"' in shown(panel)


def test_a_cell_that_was_drawn_from_a_reference_keeps_it(client, relay):
    source = client.generate("a cat")
    start = client.reference(source, source.id)
    panel = panel_under(cell_of(client, client.request("make it night", references=[start])))
    press(panel)
    assert asked(relay) == ("make it night", 1)
    panel.insert.click()
    assert f"--ref {source.id}" in words_to_copy(panel)


def test_an_edit_by_another_model_is_spoken_in_that_models_format(client, panel):
    drawn = panel.cell.area.rows[0]
    source = replace(drawn, request=replace(drawn.request, format="gemini"))
    panel.edit_row.open(source)
    panel.edit_row.words.value = "make it night"
    for model, spoken in (("two", "chat"), ("one", "gemini")):
        made = panel.edit_row.request(client, source, model=model, count=1, orientation="auto")
        assert (made.format, made.model) == (spoken, model)
