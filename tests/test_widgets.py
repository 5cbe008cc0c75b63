"""The controls: changing one asks for nothing, Generate draws beside the notebook, Stop ends the waiting."""

from threading import Event

import pytest
from relay import Relay

from wenwen_magic.area import Area
from wenwen_magic.cell import Cell, Front
from wenwen_magic.client import Client
from wenwen_magic.optionline import Options
from wenwen_magic.runner import Runner
from wenwen_magic.session import Session
from wenwen_magic.widgets import Panel


class Screen:
    """Collects what is shown in a cell's output."""

    def __init__(self):
        self.bundles = []

    def __call__(self, bundle):
        self.bundles.append(bundle)
        return self

    def update(self, bundle, **_):
        self.bundles.append(bundle)


class Ticks:
    """Seconds that pass when told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def relay():
    with Relay() as server:
        yield server


@pytest.fixture
def panel(here, relay):
    client = Client(base_url=relay.address, api_key="sk-any-key-of-some-length", session=Session())
    ticks, screen, names = Ticks(), Screen(), {}
    area = Area(screen, live=True, gather=client.gallery)
    front = Front(screen, None, live=True, attended=True, ask=input, names=names)
    cell = Cell(client, (client.request("a cat"),), Options({}, ""), "cat", front, Runner(ticks), area)
    made = Panel(cell, lambda work: work(), ["one", "two"])
    made.ticks, made.screen, made.names, made.cell = ticks, screen, names, cell
    return made


def press(panel):
    """Press Generate, and wait until what it started is done and shown."""
    panel.ticks.now += 60
    panel.generate.click()
    moment = Event()
    assert any(not panel.cell.runner.under_way() or moment.wait(0.02) for _ in range(1000))


def test_changing_a_control_asks_for_nothing(panel, relay):
    panel.model.value, panel.orientation.value, panel.count.value = "two", "portrait", 3
    assert relay.posts == []


def test_generate_draws_what_the_controls_say_and_names_the_result(panel, relay):
    panel.model.value = "two"
    panel.orientation.value = "portrait"
    press(panel)
    assert [body["model"] for _, body in relay.posts] == ["two"]
    assert "portrait" in relay.posts[0][1]["messages"][0]["content"]
    assert panel.names["cat"].request.model == "two"
    assert "#" + panel.names["cat"].id[:6] in panel.note.value


def test_generate_pays_for_a_new_take_each_time(panel, relay):
    press(panel)
    press(panel)
    assert len(relay.posts) == 2


def test_a_double_press_is_one(panel, relay):
    press(panel)
    panel.generate.click()
    assert len(relay.posts) == 1


def test_what_cannot_be_is_told_under_the_controls_and_not_sent(panel, relay):
    panel.model.value = " "
    panel.ticks.now += 60
    panel.generate.click()
    assert "empty" in panel.note.value
    assert (relay.posts, panel.stop.disabled) == ([], True)


def test_stop_ends_the_waiting_and_the_picture_comes_all_the_same(panel, relay):
    panel.ticks.now += 60
    panel.generate.click()
    [job] = panel._jobs
    panel.stop.click()
    assert (panel.stop.disabled, "Stopped waiting" in panel.note.value) == (True, True)
    assert job.wait(20)
    assert job.result[0].images


def test_a_note_shows_no_markup_of_a_stranger(panel):
    panel.say('<img src=x onerror="alert(1)">')
    assert "<" not in panel.note.value.replace("<br>", "")


def test_one_press_draws_no_more_than_a_cell_may_without_a_question(panel):
    panel.count.value = 100
    assert panel.count.value == panel.cell.client.settings.confirm_above


def test_the_bundle_says_something_where_no_live_widget_can_be(panel):
    bundle = panel.view._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "Run the cell" in bundle["text/html"]
