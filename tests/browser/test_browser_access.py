"""What a screen reader says of our outputs, and what the keyboard alone can do with them, in a real browser."""

import re
import shutil

import pytest
from support.lab import DEMO, expect, source

pytestmark = pytest.mark.browser
THEMES = ("Light", "Dark")
CELLS = {
    "demo": DEMO + "\n%config WenwenMagics.poll_seconds = 0.1",
    "first": "%%wenwen_image mountain\na mountain",
    "versions": "%%wenwen_image house -n 2\na house",
    "more": "%%wenwen_image\na tree",
    "edited": "%%wenwen_image\na horse",
    "refused": "%%wenwen_image\na bird [demo: refuse]",
    "failed": "%%wenwen_image\na bird [demo: status=401]",
    "not saved": "%%wenwen_image --mode replay\na mountain at night",
    "grid": '%%wenwen_image --grid "model=gpt-4o-image;nano-banana" "orientation=landscape;portrait"\na lighthouse',
    "grid with a failure": '%%wenwen_image --for "what=a cat;a dog [demo: refuse]"\n{{what}}',
    "compared": "%wenwen compare mountain house[1]",
    "blind": "%%wenwen_image --blind -m gpt-4o-image,nano-banana,jimeng-3.0\na castle",
    "voted": "%%wenwen_image --blind -m gpt-4o-image,nano-banana\na lake",
    "votes": "%wenwen votes",
    "many": "%wenwen_image --from {{['a cat', 'a fox [demo: refuse]', 'an owl']}}",
    "midjourney": "%%wenwen_image --format midjourney\na cat in a garden",
    "words": "%%wenwen_describe --ref mountain\nWhat is it?",
    "asked": "%%wenwen_ask answer\nWhat is ink?",
    "asked for JSON": "%%wenwen_ask ideas --json\nTen animals, as a JSON list",
    "family": "%wenwen show mountain --lineage",
    "dry": "%%wenwen_image --dry-run -n 3\na lake at dawn",
    "panel": "%wenwen_image",
    "mask": "%wenwen mask mountain",
    "models": "%wenwen models",
    "status": "%wenwen status",
    "budget": "%wenwen budget",
    "doctor": "%wenwen doctor",
    "help": "%wenwen help",
    "history": "%wenwen history",
}
AT = {state: index for index, state in enumerate(CELLS)}
"""The number of a state's cell."""


def prepare(lab):
    """Run every cell, and press what is not seen after a run."""
    for index in AT.values():
        lab.run(index)
    lab.press(AT["more"], "⋯")
    lab.press(AT["midjourney"], "⋯")
    lab.press(AT["edited"], "✎ Edit")
    lab.press(AT["edited"], "Generate")  # without words: its error is in the form
    expect(lab.cell(AT["edited"]).get_by_text("Describe the change first")).to_be_visible()
    lab.thumbnails(AT["versions"]).nth(1).click()
    expect(lab.pictures(AT["versions"])).to_have_count(1)
    lab.press(AT["voted"], "A")
    expect(lab.cell(AT["voted"]).locator("th", has_text="nano-banana")).to_be_visible()
    lab.run(AT["votes"])
    lab.tiles(AT["history"]).nth(3).click()
    expect(lab.cell(AT["history"]).locator(".wenwen-details img")).to_be_visible()


@pytest.fixture(scope="module")
def drawn(opened):
    """A notebook that shows every state of a cell, and the answer of every command, at once."""
    lab = opened("states", *CELLS.values()).kernel_ready()
    prepare(lab)
    yield lab
    lab.wear("Light")
    lab.end()


@pytest.fixture
def states(drawn, limit):
    """The same, in front of all others."""
    return drawn.open()


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_wrong_in_any_state_of_a_cell(states, theme):
    states.wear(theme)
    assert states.violations() == []


def test_axe_finds_nothing_wrong_while_a_picture_is_drawn(states):
    states.cell(AT["edited"]).get_by_placeholder("what to change").fill("make it night [demo: delay=60]")
    states.press(AT["edited"], "Generate")
    expect(states.cell(AT["edited"]).get_by_text(re.compile(r"drawing · \d+ s"))).to_be_visible()
    for theme in THEMES:
        states.wear(theme)
        assert states.violations(AT["edited"]) == []
    states.press(AT["edited"], "Stop waiting")


def test_axe_finds_nothing_wrong_in_the_saved_notebook_that_is_opened_anew(states, opened):
    states.saved()
    copy = states.path.with_name("copy.ipynb")
    shutil.copy(states.path, copy)
    lab = opened("copy", path=copy)
    assert lab.pictures(AT["grid"]).count() == 4
    for theme in THEMES:
        lab.wear(theme)
        assert lab.violations() == []
    lab.end()


def test_axe_names_what_is_wrong(states):
    bare = "one => ['alt', 'title'].forEach(name => one.removeAttribute(name))"
    states.cell(AT["first"]).locator("figure img").evaluate(bare)
    assert [found.split(":")[0] for found in states.violations(AT["first"])].count("image-alt") == 1


def focused(lab):
    """What has the focus: the words on it, and whether a person sees that it has."""
    return lab.page.evaluate(
        """() => { const one = document.activeElement, style = getComputedStyle(one);
                   return [one.innerText.trim(), one.matches(":focus-visible") && style.outlineStyle !== "none" && style.outlineWidth !== "0px" ]; }"""
    )


def tab_to(lab, name, key="Tab"):
    """Press a key until what has a name has the focus, as one who cannot use a mouse does."""
    for _ in range(20):
        lab.page.keyboard.press(key)
        if focused(lab)[0] == name:
            return
    raise AssertionError(f"{name} is not reached by {key}; the focus is on {focused(lab)}")


def test_the_keyboard_alone_goes_from_the_cell_to_a_second_version_and_back(english):
    lab = english(DEMO, "%%wenwen_image owl\nan owl", "print(owl.id)")
    keyboard, says = lab.page.keyboard, lab.cell(2).locator(".jp-OutputArea-output")
    lab.kernel_ready().run(0)
    lab.choose(1)
    lab.cell(1).locator(".cm-content").focus()
    keyboard.press("Shift+Enter")
    expect(lab.cell(1).get_by_role("button", name="Generate", exact=True)).to_be_visible()
    first = source(lab.pictures(1))
    tab_to(lab, "Generate", "Shift+Tab")
    keyboard.press("Enter")
    expect(lab.thumbnails(1)).to_have_count(2)
    expect(lab.cell(1).locator("button.wenwen-shown")).to_have_text(["▣ 2"])
    assert source(lab.pictures(1)) != first
    assert focused(lab) == ["Generate", True]
    lab.run(2)
    second = says.inner_text()
    tab_to(lab, "1", "Shift+Tab")
    keyboard.press("Space")
    expect(lab.cell(1).locator("button.wenwen-shown")).to_have_text(["▣ 1"])
    assert source(lab.pictures(1)) == first
    assert focused(lab) == ["▣ 1", True]
    lab.run(2)
    assert says.inner_text() != second
