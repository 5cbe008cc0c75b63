"""What a screen reader says of our outputs, and what the keyboard alone can do with them, in a real browser."""

import re

import pytest
from support.lab import DEMO, expect, source

pytestmark = pytest.mark.browser
THEMES = ("Light", "Dark")
FIRST, VERSIONS, MORE, EDITED, REFUSED, FAILED, PANEL, MODELS, STATUS, HELP, HISTORY = range(1, 12)
CELLS = (
    DEMO,
    "%%wenwen_image\na mountain",
    "%%wenwen_image -n 2\na house",
    "%%wenwen_image\na tree",
    "%%wenwen_image\na horse",
    "%%wenwen_image\na bird [demo: refuse]",
    "%%wenwen_image\na bird [demo: status=401]",
    "%wenwen_image",
    "%wenwen models",
    "%wenwen status",
    "%wenwen help",
    "%wenwen history",
)


@pytest.fixture(scope="module")
def drawn(opened):
    """A notebook that shows a cell in many states at once."""
    lab = opened("states", *CELLS).kernel_ready()
    for index in range(len(CELLS)):
        lab.run(index)
    lab.press(MORE, "⋯")
    lab.press(EDITED, "✎ Edit")
    lab.press(EDITED, "Generate")  # without words: its error is in the form
    lab.thumbnails(VERSIONS).nth(1).click()
    expect(lab.pictures(VERSIONS)).to_have_count(1)
    expect(lab.cell(EDITED).get_by_text("Describe the change first")).to_be_visible()
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


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_wrong_while_a_picture_is_drawn(states, theme):
    states.wear(theme)
    states.cell(EDITED).get_by_placeholder("what to change").fill("make it night [demo: delay=60]")
    states.press(EDITED, "Generate")
    expect(states.cell(EDITED).get_by_text(re.compile(r"drawing · \d+ s"))).to_be_visible()
    assert states.violations() == []
    states.press(EDITED, "Stop waiting")


def test_axe_names_what_is_wrong(states):
    bare = "one => ['alt', 'title'].forEach(name => one.removeAttribute(name))"
    states.cell(FIRST).locator("figure img").evaluate(bare)
    assert [found.split(":")[0] for found in states.violations()].count("image-alt") == 1


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
