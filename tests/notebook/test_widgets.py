"""The controls: changing one asks for nothing, Generate draws beside the notebook, Stop ends the waiting."""

import re
import threading

import ipywidgets
import pytest
from support.relay import whole
from support.scripted import answering
from support.widgets import (
    called,
    cell_of,
    client_of,
    comparison_of,
    letters,
    marked,
    message,
    panel_of,
    panel_under,
    press,
    settle,
    shown,
    takes_in,
    words_to_copy,
)

from wenwen_magic.client import Client
from wenwen_magic.notebook.widgets import is_hidden
from wenwen_magic.notebook.widgets.takes_strip import MOST, names
from wenwen_magic.text.i18n import speak


@pytest.fixture
def panel(client):
    return panel_of(cell_of(client, client.request("a cat")))


@pytest.fixture
def blind(client):
    """A cell that compares two models without telling which is which, and is not drawn yet."""
    return comparison_of(client, blind=True)


def older(panel):
    settle(panel)
    return panel.strip.view.children[-1].value


def open_presses(panel):
    """For each press that has not ended the buttons that the page's script would press when it has, or has not, inserted."""
    return [row.children[1:] for row in panel.inserter.view.children[1].children]


def test_changing_a_control_asks_for_nothing(panel, relay):
    panel.choices.model.value, panel.choices.orientation.value, panel.choices.count.value = "two", "portrait", 3
    assert relay.posts == []


def test_generate_draws_what_the_controls_say_and_names_the_result(panel, relay):
    panel.choices.model.value = "two"
    panel.choices.orientation.value = "portrait"
    press(panel)
    assert [body["model"] for _, body in relay.posts] == ["two"]
    assert "portrait" in relay.posts[0][1]["messages"][0]["content"]
    assert panel.names["cat"].request.model == "two"
    assert not message(panel)


def test_generate_pays_for_a_new_take_each_time(panel, relay):
    press(panel)
    press(panel)
    assert len(relay.posts) == 2


def test_a_double_press_is_one(panel, relay):
    press(panel)
    panel.generate.click()
    settle(panel)
    assert len(relay.posts) == 1


def test_a_second_click_that_waited_while_the_first_was_handled_is_none(panel, relay, monkeypatch):
    request = Client.request

    def slowly(client, *given, **options):
        panel.ticks.now += 2
        return request(client, *given, **options)

    monkeypatch.setattr(Client, "request", slowly)
    panel.generate.click()
    panel.generate.click()
    settle(panel)
    assert len(relay.posts) == 1


def test_what_cannot_be_is_told_under_the_controls_and_not_sent(panel, relay):
    panel.choices.model.value = " "
    panel.ticks.now += 60
    panel.generate.click()
    assert "empty" in panel.note.value
    assert (relay.posts, panel.generate.description) == ([], "Generate")


def test_stop_ends_the_waiting_and_the_picture_comes_all_the_same(panel, relay):
    panel.ticks.now += 60
    panel.generate.click()
    [job] = panel._jobs
    panel.ticks.now += 60
    panel.generate.click()
    assert (panel.generate.description, "Stopped waiting" in panel.note.value) == ("Generate", True)
    assert job.wait(20)
    assert job.result[0].images


def test_a_note_shows_no_markup_of_a_stranger(panel):
    panel.show_message('<img src=x onerror="alert(1)">')
    assert "<img" not in panel.note.value


def test_more_than_one_press_may_draw_is_told_and_not_sent_and_stays_as_it_was_typed(panel, relay):
    panel.choices.count.value = panel.cell.client.settings.confirm_above + 2
    assert "at most 4 pictures, not 6" in panel.note.value
    panel.show_message()
    press(panel)
    assert "at most 4 pictures, not 6" in panel.note.value
    assert (panel.choices.count.value, relay.posts) == (6, [])
    panel.choices.count.value = 4
    assert panel.note.value == ""


def test_the_count_of_the_cell_is_not_carried_over_in_silence(client, relay):
    panel = panel_of(cell_of(client, client.request("a cat", count=3), text="%%wenwen_image cat -n 3\na cat"))
    assert panel.choices.count.value == 1
    panel.insert.click()
    assert "%%wenwen_image cat -n 3\na cat" in words_to_copy(panel)
    panel.choices.model.value = "two"
    panel.insert.click()
    assert "%%wenwen_image cat -n 1 -m two\na cat" in words_to_copy(panel)
    panel.choices.count.value = 2
    panel.insert.click()
    assert "%%wenwen_image cat -n 2 -m two\na cat" in words_to_copy(panel)
    panel.choices.count.value = 1
    press(panel)
    assert len(relay.posts) == 1


@pytest.mark.parametrize(
    ("settings", "count", "face"),
    [
        ({}, 1, "Generate"),
        ({}, 3, "Generate · 3 pictures"),
        ({"prices": {"*": 0.4}, "currency": "元"}, 1, "Generate · 0.4 元"),
        ({"prices": {"*": 0.4}, "currency": "元"}, 2, "Generate · 0.8 元"),
        ({"prices": {"two": 0.1}, "currency": "$"}, 2, "Generate · 2 pictures"),
    ],
)
def test_generate_says_what_it_costs_before_it_is_pressed(here, relay, settings, count, face):
    client = client_of(relay, **settings)
    panel = panel_of(cell_of(client, client.request("a cat", model="one")))
    settle(panel)  # here what looks for versions updates the controls in a thread of its own
    panel.choices.count.value = count
    assert panel.generate.description == face


def test_generate_says_what_it_costs_now_and_not_when_the_cell_was_run(here, relay):
    before, now = client_of(relay), client_of(relay, prices={"*": 0.4}, currency="元")
    panel = panel_of(cell_of(before, before.request("a cat"), current_client=lambda: now))
    assert panel.generate.description == "Generate · 0.4 元"


def test_in_mode_replay_generate_has_no_price_and_does_not_say_that_it_pays(here, relay):
    client = client_of(relay, prices={"*": 0.4}, currency="元", mode="replay")
    panel = panel_of(cell_of(client, client.request("a cat")))
    assert (panel.generate.description, panel.generate.tooltip) == ("Generate", "replay mode is offline")


def test_a_model_that_cannot_draw_the_chosen_ratio_is_told_before_it_is_paid(client):
    panel = panel_of(cell_of(client, client.request("a cat", model="gpt-image-1", format="images")))
    panel.choices.orientation.value = "21:9"
    assert "gpt-image-1 does not draw 21:9" in panel.note.value


def test_generate_says_which_prompt_it_will_use(client):
    panel = panel_of(cell_of(client, client.request("一只红色的狐狸 <b>")))
    assert 'lang="zh"' in panel.words.value
    assert "一只红色的狐狸 &lt;b&gt;" in panel.words.value


def test_a_model_that_the_endpoint_does_not_list_is_told_before_it_is_paid(client, relay):
    relay.models = ["one", "two"]
    client.model_list(refresh=True)
    panel = panel_of(cell_of(client, client.request("a cat", model="one")))
    panel.choices.model.value = "twoo"
    assert "twoo" in panel.note.value
    assert "two" in panel.note.value
    assert relay.posts == []


def test_a_default_that_the_endpoint_does_not_list_is_told_in_the_panel_and_not_sent(client, relay):
    relay.listing = lambda: '{"data": [{"id": "flux-2"}]}'
    panel = panel_of(cell_of(client, client.request("a cat")))
    press(panel)
    assert "is the default model, and the endpoint does not list it" in panel.note.value
    panel.choices.model.value = "flux-2"
    press(panel)
    assert [body["model"] for _, body in relay.posts] == ["flux-2"]


def test_save_copies_the_original_under_a_name_that_is_free(panel, here):
    press(panel)
    panel.save.click()
    panel.save.click()
    original = panel.names["cat"].images[0].data
    assert [(here / name).read_bytes() for name in ("cat.png", "cat-2.png")] == [original] * 2
    assert message(panel) == "saved: cat-2.png"


def test_while_a_picture_is_drawn_generate_is_stop_and_a_double_press_of_either_is_one(panel, relay):
    panel.ticks.now += 60
    panel.generate.click()
    assert panel.generate.description == "Stop waiting"
    panel.generate.click()
    assert panel.generate.description == "Stop waiting"
    panel.ticks.now += 60
    panel.generate.click()
    panel.generate.click()
    assert panel.generate.description == "Generate"
    settle(panel)
    assert (panel.generate.description, len(relay.posts)) == ("Generate", 1)


def test_at_most_eight_controls_stand_under_a_first_picture(panel):
    press(panel)
    takes_in(panel)
    controls = (
        ipywidgets.Button,
        ipywidgets.Text,
        ipywidgets.Dropdown,
        ipywidgets.BoundedIntText,
        ipywidgets.FileUpload,
    )

    def seen(widget):
        if widget.layout.display == "none":
            return []
        inside = [one for child in getattr(widget, "children", ()) for one in seen(child)]
        return [widget, *inside] if isinstance(widget, controls) else inside

    assert len(seen(panel.view)) + shown(panel).count("<a ") + shown(panel).count("<summary") <= 8


def test_the_bundle_says_something_where_no_live_widget_can_be(panel):
    bundle = panel.view._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "Run the cell" in bundle["text/html"]


# -- the strip of takes ------------------------------------------------------------------------------------------------


def test_the_strip_grows_with_each_take(panel):
    press(panel)
    press(panel)
    assert [item.description for item in takes_in(panel)] == ["1", "▣ 2"]
    assert [row.take for row in panel.cell.area.rows] == [2]


def test_the_strip_shows_the_latest_takes_of_many_and_says_where_the_others_are(panel, relay):
    panel.choices.count.value = 4
    for _ in range(4):
        press(panel)
    assert [item.description for item in takes_in(panel)] == [
        *map(str, range(5, 13)),
        *(f"▣ {number}" for number in range(13, 17)),
    ][-MOST:]
    assert "4 older versions" in older(panel)
    assert "%wenwen history" in older(panel)


def test_a_strip_that_holds_all_takes_says_nothing_of_others(panel):
    press(panel)
    assert panel.strip.view.layout.display == "none"
    press(panel)
    assert len(takes_in(panel)) == 2
    assert panel.strip.view.layout.display is None
    assert older(panel) == ""


def test_the_takes_that_are_shown_large_are_marked(panel):
    press(panel)
    press(panel)
    assert marked(panel) == ["▣ 2"]
    takes_in(panel)[0].click()
    assert marked(panel) == ["▣ 1"]
    assert [item.tooltip.startswith("shown") for item in takes_in(panel)] == [True, False]


def test_takes_of_another_request_are_told_apart_by_what_was_asked(panel):
    press(panel)
    panel.choices.orientation.value = "portrait"
    press(panel)
    assert [name in words for name, words in zip(("auto", "portrait"), called(panel), strict=True)] == [True, True]
    panel.choices.model.value = "<b>two"
    press(panel)
    assert "<b>two · portrait" in called(panel)[2]


def test_takes_that_differ_in_their_prompts_are_called_by_their_ids(client):
    takes = [client.generate(prompt) for prompt in ("a cat", "a dog")]
    assert names(takes) == {take.id: f"#{take.id[:6]}" for take in takes}


def test_a_take_that_is_pressed_is_the_one_shown_and_nothing_is_asked_for(panel, relay):
    press(panel)
    press(panel)
    first = panel.cell.client.takes(panel.cell.requests[0])[0]
    takes_in(panel)[0].click()
    assert first.id in shown(panel)
    assert shown(panel).count("<img") == 1
    assert len(relay.posts) == 2


def test_a_version_that_is_pressed_while_a_picture_is_drawn_is_older_than_that_picture(panel, relay):
    press(panel)
    press(panel)
    panel.ticks.now += 60
    pressed = threading.Event()
    relay.answer = lambda number: whole(number) if pressed.wait(20) else None
    panel.generate.click()
    panel.strip.row.children[0].click()
    pressed.set()
    settle(panel)
    assert panel.names["cat"].id == panel.cell.area.rows[-1].id
    assert "was set meanwhile" not in shown(panel)


def test_a_take_is_shown_in_the_language_of_its_cell(client):
    panel = panel_of(cell_of(client, client.request("一只猫")))
    press(panel)
    takes_in(panel)
    speak("en")
    takes_in(panel)[0].click()
    assert 'lang="zh"' in shown(panel)


def test_a_star_is_set_and_taken_away(panel):
    press(panel)
    press(panel)
    panel.star.click()
    assert (panel.star.description, takes_in(panel)[1].description) == ("★ Star", "▣ 2 ★")
    assert sorted(row.star for row in panel.cell.client.history.recent(2)) == [False, True]
    panel.star.click()
    assert (panel.star.description, takes_in(panel)[1].description) == ("☆ Star", "▣ 2")
    assert [row.star for row in panel.cell.client.history.recent(2)] == [False, False]


def test_a_star_that_cannot_be_written_is_told_and_not_shown(panel):
    press(panel)
    takes_in(panel)
    [day] = panel.cell.client.history.folder.glob("20*")
    day.rename(day.with_name("elsewhere"))
    day.write_text("in the way")
    panel.star.click()
    assert panel.star.description == "☆ Star"
    assert panel.note.value


def test_insert_while_another_take_is_shown_writes_the_cell_that_shows_it_again(panel, relay):
    press(panel)
    press(panel)
    panel.insert.click()
    assert "--take 2" in words_to_copy(panel)
    assert len(relay.posts) == 2


# -- Insert as cell ----------------------------------------------------------------------------------------------------


def test_insert_as_cell_says_what_the_controls_say(panel, relay):
    panel.choices.model.value, panel.choices.orientation.value = "two", "portrait"
    panel.insert.click()
    assert "%%wenwen_image cat -m two -o portrait\na cat" in words_to_copy(panel)
    assert relay.posts == []


def test_an_inserted_text_is_not_left_to_be_copied_and_its_widgets_are_closed(panel):
    panel.insert.click()
    [(done, _)] = open_presses(panel)
    done.click()
    assert (words_to_copy(panel), open_presses(panel)) == ("", [])
    assert done.comm is None


def test_a_text_that_could_not_be_inserted_stays_to_be_copied(panel):
    panel.insert.click()
    [(_, refused)] = open_presses(panel)
    refused.click()
    assert "a cat" in words_to_copy(panel)
    assert open_presses(panel) == []


def test_only_the_latest_press_may_take_away_the_text_to_copy(panel):
    panel.insert.click()
    panel.choices.model.value = "two"
    panel.insert.click()
    (first, _), (_, refused) = open_presses(panel)
    refused.click()
    first.click()
    assert "-m two" in words_to_copy(panel)


def test_what_no_cell_can_say_is_told_under_the_controls(panel):
    panel.choices.model.value = " "
    panel.insert.click()
    assert "empty" in panel.note.value
    assert open_presses(panel) == []


# -- votes -------------------------------------------------------------------------------------------------------------


def test_a_blind_comparison_has_a_button_for_each_letter_and_no_takes_until_the_vote(blind):
    panel = panel_under(blind)
    assert [button.description for button in letters(panel)] == ["A", "B"]
    assert list(takes_in(panel)) == []
    winner = blind.area.gallery.labels[1]
    letters(panel)[1].click()
    assert f"B was {winner[0][1]}" in panel.note.value
    assert (letters(panel), len(takes_in(panel))) == ([], 2)
    assert sorted(words.split()[1] for words in called(panel)) == ["one", "two"]


def test_a_double_press_is_one_vote(blind):
    panel = panel_under(blind)
    button = letters(panel)[0]
    button.click()
    told = panel.note.value
    button.click()
    assert panel.note.value == told
    assert len(list((blind.client.history.folder / "votes").iterdir())) == 1


def test_a_vote_cast_with_the_command_ends_the_buttons_too(blind):
    panel = panel_under(blind)
    late = letters(panel)[1]
    assert (panel.generate.disabled, is_hidden(panel.drawing)) == (True, True)
    blind.vote("A")
    assert (letters(panel), panel.generate.disabled, is_hidden(panel.drawing)) == ([], False, False)
    late.click()
    assert (letters(panel), panel.note.value) == ([], "")
    assert len(takes_in(panel)) == 2
    assert len(list((blind.client.history.folder / "votes").iterdir())) == 1


def test_a_blind_comparison_in_the_background_hides_its_names_until_the_vote(blind):
    panel = panel_of(blind)
    panel.follow(blind.run(beside=True))
    assert (panel.generate.description, is_hidden(panel.drawing)) == ("Stop waiting", False)
    settle(panel)
    assert (panel.generate.disabled, panel.edit.disabled, is_hidden(panel.drawing)) == (True, True, True)
    assert [button.description for button in letters(panel)] == ["A", "B"]
    assert list(takes_in(panel)) == []
    for row in blind.area.gallery:
        assert row.id[:6] not in shown(panel) + panel.note.value
    assert blind.names["cat"].blind


def test_a_blind_comparison_that_could_not_be_drawn_lets_generate_draw_again(blind, relay):
    relay.answer = lambda _: answering("I will not draw that.")
    panel = panel_of(blind)
    panel.follow(blind.run(beside=True))
    assert panel.generate.description == "Stop waiting"
    settle(panel)
    assert (panel.generate.disabled, len(relay.posts)) == (False, 2)
    assert panel.note.value


def test_a_comparison_in_the_background_keeps_its_headers(client):
    cell = comparison_of(client)
    panel = panel_of(cell)
    panel.follow(cell.run(beside=True))
    settle(panel)
    assert "<th" in shown(panel)
    assert cell.names["cat"].labels == cell.labels
    assert len(takes_in(panel)) == 2


# -- after the vote ----------------------------------------------------------------------------------------------------


def widths(html):
    return re.findall(r'<img[^>]*width="(\d+)"', html)


def test_after_the_vote_every_picture_is_where_it_was_with_its_letter_and_its_label(blind):
    panel = panel_under(blind)
    before, order = shown(panel), [row.request.model for row in blind.area.gallery]
    letters(panel)[1].click()
    settle(panel)
    after = shown(panel)
    assert re.findall(r"px\">([AB][ ★]*)</span><br>(\w+)", after) == [("A", order[0]), ("B ★", order[1])]
    assert (widths(after), len(widths(after))) == (widths(before), 2)
    assert panel.names["cat"].labels == blind.area.gallery.labels
    assert "★" not in panel.names["cat"]._repr_mimebundle_()["text/html"]


def test_after_the_vote_a_failure_stands_below_with_its_reason(blind, relay):
    relay.answer = lambda number: whole(number) if number else answering("I will not draw that.")
    panel = panel_under(blind)
    assert [button.description for button in letters(panel)] == ["A"]
    letters(panel)[0].click()
    failed = next(row for row in blind.area.gallery if not row.images)
    assert shown(panel).index("A ★") < shown(panel).index(f"<b>{failed.request.model}</b>")
    assert "✗" in shown(panel)


def test_the_buttons_of_the_vote_stand_right_under_the_pictures(blind):
    assert panel_under(blind).view.children[0].children[1].description == "A"
