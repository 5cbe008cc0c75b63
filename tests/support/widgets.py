"""Cells with controls under them, outside of any notebook, and what a test presses and reads there."""

import re
from threading import Event

from wenwen_magic.client import Client
from wenwen_magic.engine.limits import Session
from wenwen_magic.engine.worker_pool import WorkerPool
from wenwen_magic.notebook.cell import Cell
from wenwen_magic.notebook.options import Options
from wenwen_magic.notebook.output_area import Area
from wenwen_magic.notebook.widgets.panel import Panel
from wenwen_magic.text.i18n import speak


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


def client_of(relay, **settings):
    """Make a client of a relay with sums of its own, or those of ``session``."""
    speak("auto")
    settings.setdefault("session", Session())
    return Client(base_url=relay.address, api_key="sk-any-key-of-some-length", **settings)


def cell_of(client, *requests, **more):
    """Make a cell that wants requests; its options are given by name, ``text`` and ``current_client`` as a cell has them."""
    screen = Screen()
    labels = more.pop("labels", ())
    text, current_client = more.pop("text", ""), more.pop("current_client", lambda: client)
    area = Area(screen, live=True, gather=client.gallery)
    area.screen = screen
    runner, options = WorkerPool(Ticks()), Options(**more)
    return Cell(client, requests, options, "cat", {}, input, runner, area, current_client, labels, text)


MODELS = ((("model", "one"),), (("model", "two"),))


def comparison_of(client, *, format="chat", **more):
    """Make a cell that compares two models, ``one`` and ``two``."""
    requests = [client.request("a cat", model=model, format=format) for model in ("one", "two")]
    return cell_of(client, *requests, labels=MODELS, **more)


def panel_of(cell):
    """Make the controls under a cell as it is."""
    made = Panel(cell, lambda work: work(), ["one", "two"])
    made.ticks, made.names, made.cell = cell.runner.now, cell.names, cell
    return made


def panel_under(cell):
    """Draw a cell, and make the controls under it."""
    cell.draw()
    made = panel_of(cell)
    settle(made)
    return made


def settle(panel):
    """Wait until nothing is under way."""
    moment = Event()
    assert any(not panel.cell.runner.under_way() or moment.wait(0.02) for _ in range(1000))


def press(panel):
    """Press Generate, and wait until what it started is done and shown."""
    panel.ticks.now += 60
    panel.generate.click()
    settle(panel)


def takes_in(panel):
    """Return the buttons of the versions in the strip, each of which shows its own."""
    settle(panel)
    return panel.strip.row.children


def called(panel):
    """Return what a pointer over each version in the strip says."""
    return [item.tooltip for item in takes_in(panel)]


def marked(panel):
    """Return what stands on the versions that are marked as shown."""
    return [item.description for item in takes_in(panel) if "wenwen-shown" in item._dom_classes]


def letters(panel):
    """Return the buttons of a vote."""
    return [button for button in panel.ballot.children if len(button.description) == 1]


def shown(panel):
    """Return the HTML that the cell shows now."""
    return panel.cell.area.screen.bundles[-1]["text/html"]


def words_to_copy(panel):
    """Return the text that a person is shown to copy, as HTML."""
    return panel.inserter.view.children[0].value


def message(panel):
    """Return the text that is shown under the controls; what is only read aloud is not in it."""
    return re.sub("<span.*?</span>|<[^>]*>", "", panel.note.value)
