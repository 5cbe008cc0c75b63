"""What an endpoint offers under a picture is pressed from Python and with buttons: once paid, then free, or anew."""

from dataclasses import replace

import ipywidgets
import pytest
from support.widgets import (
    called,
    cell_of,
    client_of,
    comparison_of,
    letters,
    message,
    panel_under,
    press,
    settle,
    shown,
    takes_in,
    words_to_copy,
)

from wenwen_magic.client import Client
from wenwen_magic.engine.build_request import of_button
from wenwen_magic.engine.limits import Session
from wenwen_magic.errors import ConfigError, LimitReached
from wenwen_magic.formats import FORMATS, chat
from wenwen_magic.notebook.widgets.edit_row import ActionButtons, button_rows
from wenwen_magic.records import Button, Generation, ImageRequest

OFFERED = (
    Button("U1", {"custom": "up-1"}),
    Button("V1", {"custom": "vary-1"}, again=True),
    Button("U2", {"custom": "up-2"}),
    Button("🔄 reroll", {"custom": "again"}, again=True),
)


def talk(request):
    answer = yield from chat.FORMAT.talk(request)
    return replace(answer, buttons=OFFERED)


@pytest.fixture(autouse=True)
def offering(monkeypatch):
    """A format whose every picture has buttons."""
    monkeypatch.setitem(FORMATS, "offering", replace(chat.FORMAT, talk=talk, tasks=("draw", "action")))


@pytest.fixture
def grid(client):
    return client.generate("a cat", format="offering", model="one")


@pytest.fixture
def panel(client, relay):
    """The controls under a picture with buttons, drawn and shown."""
    return panel_under(cell_of(client, client.request("a cat", format="offering", model="one")))


def offered(panel):
    """The rows of buttons: the first beside Save, the others behind the menu; of several pictures each in its group."""
    settle(panel)
    first, rest = panel.action_buttons.first.children, panel.action_buttons.rest.children
    return [[one.description for one in row] for row in (first, *map(buttons_in, rest)) if row]


def buttons_in(box):
    if hasattr(box, "description"):
        return [box] if isinstance(box, ipywidgets.Button) else []
    return [
        one
        for child in box.children
        for one in (buttons_in(child) if hasattr(child, "children") else [child])
        if isinstance(one, ipywidgets.Button)
    ]


def button(panel, label):
    settle(panel)
    found = [*panel.action_buttons.first.children, *buttons_in(panel.action_buttons.rest)]
    return next(one for one in found if one.description == label)


def click(panel, label):
    panel.ticks.now += 60
    button(panel, label).click()
    settle(panel)


def bodies(relay):
    return [body for _, body in relay.posts]


# -- from Python -------------------------------------------------------------------------------------------------------


def test_a_press_asks_with_the_buttons_params_and_goes_on_from_the_picture(client, grid, relay):
    up = client.press(grid, "U1")
    assert (bodies(relay)[1]["custom"], bodies(relay)[1]["model"]) == ("up-1", "one")
    assert (up.parent, up.request.task, up.request.prompt) == (grid.id, "action", "a cat")
    assert client.history.get(up.id).buttons == OFFERED


def test_what_gives_one_result_is_paid_once_and_what_draws_anew_each_time(client, grid, relay):
    assert client.press(grid, "U1").id == client.press(grid, "u1").id
    assert len(relay.posts) == 2
    assert client.press(grid, "V1").id != client.press(grid, "V1").id
    assert len(relay.posts) == 4


def test_a_press_of_a_saved_picture_is_the_same_press(client, grid, relay):
    up = client.press(grid, "U2")
    assert client.press(client.history.get(grid.id), "U2").id == up.id
    assert len(relay.posts) == 2


def test_a_button_that_is_not_there_is_an_error_that_names_the_nearest(client, grid):
    with pytest.raises(ConfigError, match="no button 'U9'") as caught:
        client.press(grid, "U9")
    assert "U" in caught.value.do
    with pytest.raises(ConfigError, match="no button") as caught:
        client.press(replace(grid, buttons=()), "U1")
    assert "no buttons" in caught.value.do


def test_another_endpoints_button_is_not_pressed_here_but_its_saved_result_is_shown(client, grid, relay):
    up = client.press(grid, "U1")
    strange = Client(base_url="https://other.example", api_key="sk-any-key-of-some-length", session=Session())
    with pytest.raises(ConfigError, match="another endpoint") as caught:
        strange.press(grid, "U2")
    assert relay.address in caught.value.why
    assert strange.press(grid, "U1").id == up.id
    offline = Client(base_url="https://other.example", mode="replay", session=Session())
    assert offline.press(grid, "U1").id == up.id
    assert len(relay.posts) == 2


def test_limits_apply_to_a_press(here, relay):
    client = client_of(relay, session_limit=1)
    grid = client.generate("a cat", format="offering")
    with pytest.raises(LimitReached):
        client.press(grid, "U1")
    assert len(relay.posts) == 1


def test_buttons_of_a_letter_and_a_digit_stand_in_rows_of_their_own_and_no_more_than_forty():
    labels = ["U1", "V1", "🔄 reroll", "U2", "V2", "pan left"]
    shown = button_rows([Button(label) for label in labels])
    assert [[one.label for one in row] for row in shown] == [["U1", "U2"], ["V1", "V2"], ["🔄 reroll", "pan left"]]
    assert sum(map(len, button_rows([Button(str(number)) for number in range(90)]))) == 40
    assert button_rows(()) == []


def test_the_request_of_a_button_keeps_nothing_of_the_picture_but_prompt_model_and_format():
    asked = ImageRequest("a cat", "one", "portrait", params={"seed": 7}, format="offering", stream=True, count=3)
    wanted = of_button(Generation("a1b2c3d4", asked, "a cat", "complete", ""), OFFERED[0])
    assert wanted == ImageRequest(
        "a cat", "one", params={"custom": "up-1"}, format="offering", task="action", parent="a1b2c3d4"
    )


# -- with the controls -------------------------------------------------------------------------------------------------


def test_the_buttons_of_the_picture_that_is_shown_stand_under_it(panel, relay):
    assert offered(panel) == [["U1", "U2"], ["V1"], ["🔄 reroll"]]
    assert [one.description for one in panel.action_buttons.first.children] == ["U1", "U2"]
    assert "pays" in button(panel, "U1").tooltip
    assert len(relay.posts) == 1


def test_a_pressed_button_draws_and_its_picture_offers_its_own(panel, relay):
    [grid] = panel.cell.area.rows
    click(panel, "U1")
    [up] = panel.cell.area.rows
    assert (up.parent, relay.posts[1][1]["custom"]) == (grid.id, "up-1")
    click(panel, "V1")
    [varied] = panel.cell.area.rows
    assert varied.parent == up.id
    assert ["U1" in called(panel)[1], len(takes_in(panel))] == [True, 3]


def test_a_button_that_gives_one_result_shows_it_again_for_free(panel, relay):
    click(panel, "U1")
    [up] = panel.cell.area.rows
    takes_in(panel)[0].click()
    click(panel, "U1")
    assert [row.id for row in panel.cell.area.rows] == [up.id]
    assert message(panel) == "saved before: free"
    for _ in range(2):
        takes_in(panel)[0].click()
        click(panel, "V1")
    assert [body.get("custom") for body in bodies(relay)] == [None, "up-1", "vary-1", "vary-1"]


def test_a_double_click_is_one_press_and_two_buttons_are_two(panel, relay):
    panel.ticks.now += 60
    one, other = button(panel, "V1"), button(panel, "U1")
    for pressed in (one, one, other):
        pressed.click()
    settle(panel)
    assert sorted(body["custom"] for body in bodies(relay)[1:]) == ["up-1", "vary-1"]


def test_the_buttons_of_a_selected_take_are_its_own(panel, relay):
    [grid] = panel.cell.area.rows
    click(panel, "U1")
    takes_in(panel)[0].click()
    click(panel, "U2")
    assert panel.cell.area.rows[-1].parent == grid.id


def test_the_buttons_of_several_pictures_are_behind_the_menu_with_their_numbers(panel, relay):
    panel.choices.count.value = 2
    press(panel)
    assert panel.action_buttons.first.children == ()
    assert [group.children[0].value for group in panel.action_buttons.rest.children] == [
        "<small>②</small>",
        "<small>③</small>",
    ]


@pytest.mark.parametrize(
    ("labels", "beside"),
    [(["U1", "U2", "U3", "U4", "V1"], 4), ([f"act {number}" for number in range(14)], 0), (["a", "b"], 2)],
)
def test_at_most_a_group_of_four_buttons_stands_beside_save_and_edit(client, labels, beside):
    made = replace(client.generate("a fox"), buttons=tuple(Button(label, {"custom": label}) for label in labels))
    row = ActionButtons(lambda *_: None)
    row.fill([made])
    assert len(row.first.children) == beside
    assert len(row.first.children) + sum(len(line.children) for line in row.rest.children) == len(labels)


def test_a_pressed_button_as_a_cell_costs_nothing(panel):
    click(panel, "U1")
    panel.insert.click()
    assert "--format offering --param custom=up-1 --task action" in words_to_copy(panel)


def test_what_a_press_is_refused_for_is_told_under_the_controls(panel, relay, client):
    panel.cell.client.settings.__dict__["session_limit"] = 1
    click(panel, "U1")
    assert "limit of 1 pictures" in panel.note.value
    assert len(relay.posts) == 1


def test_a_label_is_shown_as_it_is_and_no_longer_than_a_button(panel):
    take = replace(panel.cell.area.rows[0], id="ffffffff", buttons=(Button("<b>\u202e" + "x" * 90),))
    panel.action_buttons.fill([take])
    assert offered(panel) == [["<b> " + "x" * 36]]


def test_a_blind_comparison_offers_nothing_until_the_vote(client):
    panel = panel_under(comparison_of(client, format="offering", blind=True))
    assert offered(panel) == []
    assert (panel.generate.disabled, panel.edit.disabled) == (True, True)
    letters(panel)[0].click()
    press(panel)
    assert offered(panel)[0] == ["U1", "U2"]
    assert "Beside the comparison" in shown(panel)
