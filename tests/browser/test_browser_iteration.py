"""Iterating in JupyterLab, in a real browser: the strip of takes, grids, comparisons, votes, and cells that are inserted."""

import re
import shutil

import pytest
from support.lab import DEMO, NARROW, cut, expect, legible, shown, sizes, source

pytestmark = pytest.mark.browser
LONG = (
    "一只猫坐在窗台上看雨，窗外是江南的石桥和乌篷船，桌上有一盏灯、一本翻开的书和一杯冒着热气的茶，水彩，留白，柔和的光"
)
CELLS = (
    DEMO,
    '%%wenwen_image --grid "model=gpt-4o-image;gemini-2.5-flash-image-preview" "orientation=landscape;portrait"\na lighthouse at dusk',
    '%%wenwen_image --for "what=a cat;a dog [demo: refuse]"\n{{what}}',
    f"%%wenwen_image one\n{LONG}",
    f"%%wenwen_image two -o 横屏\n{LONG.replace('猫', '狗')}",
    "%wenwen compare one two",
    "%wenwen history",
    "%%wenwen_image --blind -m first-model,second-model\na boat at night",
    "%wenwen votes",
    '%%wenwen_image --for "what=a hill;a lake [demo: delay=4]"\n{{what}}',
)
GRID, FAILED, _, TWO, COMPARED, LISTED, BLIND, VOTES, SLOW = range(1, len(CELLS))
RUN = range(BLIND + 1)
PICTURES = {GRID: 4, FAILED: 1, TWO: 1, COMPARED: 2, LISTED: 7, BLIND: 2}
BARE = """() => {
    document.querySelectorAll("style, link").forEach((one) => one.remove());
    for (const one of document.querySelectorAll("[style], [class]"))
        for (const name of ["style", "class"]) one.removeAttribute(name);
}"""


@pytest.fixture(scope="module")
def drawn(opened):
    """A notebook whose comparisons are drawn; nobody has voted, and its last two cells are not run."""
    lab = opened("iteration", *CELLS)
    lab.page.set_viewport_size(NARROW)
    lab.kernel_ready()
    for index in RUN:
        lab.run(index)
    yield lab
    lab.end()


@pytest.fixture
def book(drawn, limit):
    """The same, in front of all others."""
    drawn.open().page.set_viewport_size(NARROW)
    return drawn


def test_a_take_of_the_strip_is_shown_starred_and_inserted_as_a_cell_that_costs_nothing(english):
    lab = english(DEMO, "%%wenwen_image -n 3\na red fox", "%wenwen history --star")
    lab.kernel_ready()
    for index in (0, 1):
        lab.run(index)
    expect(lab.thumbnails(1)).to_have_count(3)
    assert all(one.bounding_box()["height"] <= 60 for one in lab.thumbnails(1).all())
    styles = lab.thumbnails(1).evaluate_all(
        "all => all.map(one => getComputedStyle(one)).map(one => [one.backgroundImage, one.backgroundOrigin])"
    )
    assert all("url(" in image and origin == "border-box" for image, origin in styles)  # else it is repeated there
    second = source(lab.pictures(1).nth(1))
    lab.thumbnails(1).nth(1).focus()
    lab.page.keyboard.press("Enter")  # a thumbnail is pressed with the keyboard too
    expect(lab.pictures(1)).to_have_count(1)
    expect(lab.cell(1).locator("figcaption")).to_contain_text("version 2")
    original = lab.cell(1).locator("figure a").get_attribute("title")
    assert source(lab.pictures(1)) == second
    expect(lab.cell(1).locator("button.wenwen-shown")).to_have_text(["▣ 2"])
    assert (lab.html(1).count("<img"), second in lab.html(1)) == (1, True)
    lab.press(1, "⋯")
    lab.press(1, "☆ Star")
    expect(lab.cell(1).locator("button.wenwen-shown")).to_have_text(["▣ 2 ★"])
    lab.run(2)
    expect(lab.tiles(2)).to_have_count(1)
    made = lab.records()
    lab.press(1, "Insert as cell")
    assert lab.inserted(2) == "%%wenwen_image -m gpt-4o-image -o auto --take 2\na red fox"
    lab.run(2)
    expect(lab.cell(2).locator("figure a")).to_have_attribute("title", original)
    assert source(lab.pictures(2)) == second
    assert (lab.records(), len(made)) == (made, 3)


def test_a_family_whose_prompts_are_long_has_room_for_pictures_and_models(english):
    long = "a red barn in a wide field, soft light, " * 15
    lab = english(DEMO, f"%%wenwen_image barn --no-ui\n{long}", "%wenwen show barn --lineage").run_all()
    picture, model = lab.cell(2).locator("td img"), lab.cell(2).locator("td").nth(2)
    expect(picture).to_be_visible()
    for width in (1280, 900):
        lab.page.set_viewport_size({"width": width, "height": 900})
        assert picture.bounding_box()["width"] == 88
        assert model.bounding_box()["width"] >= 120
    expect(lab.cell(2).get_by_text("light, …")).to_be_visible()


def test_what_the_controls_drew_joins_the_strip_and_is_free_in_the_cell_they_insert(english):
    lab = english(DEMO, "%%wenwen_image\na white house", "'below'")
    lab.kernel_ready()
    for index in (0, 1):
        lab.run(index)
    expect(lab.thumbnails(1)).to_have_count(0)
    lab.model(1).fill("jimeng-3.0")
    lab.model(1).press("Enter")
    lab.orientation(1).select_option(label="portrait")
    lab.press(1, "Generate")
    expect(lab.thumbnails(1)).to_have_count(2)
    expect(lab.pictures(1)).to_have_count(1)
    expect(lab.thumbnails(1).nth(1)).to_have_attribute("title", re.compile("jimeng-3.0 · portrait"))
    newest = source(lab.pictures(1))
    assert cut(lab.words()) == []
    made = lab.records()
    lab.press(1, "⋯")
    lab.press(1, "Insert as cell")
    assert lab.inserted(2) == "%%wenwen_image -m jimeng-3.0 -o portrait\na white house"
    assert lab.saved().cells[3].source == "'below'"
    lab.run(2)
    expect(lab.cell(2).locator("figcaption")).to_contain_text("512×768 · jimeng-3.0")
    assert source(lab.pictures(2)) == newest
    assert (lab.records(), len(made)) == (made, 2)


def test_a_grid_has_its_headers_and_its_pictures_in_the_page_and_in_the_file(book):
    heads = book.cell(GRID).locator("th")
    for name in ("gpt-4o-image", "gemini-2.5-flash-image-preview", "landscape", "portrait"):
        expect(heads.get_by_text(name, exact=True)).to_be_visible()
    assert shown(book.pictures(GRID)) == 4
    assert [width > height for width, height in sizes(book.pictures(GRID))] == [True, False] * 2
    assert book.html(GRID).count('<img src="data:image/') == 4


def test_a_failure_stands_in_its_place_with_its_reason(book):
    cat, dog = book.cell(FAILED).locator("tbody td").all()
    assert (shown(cat.locator("img")), dog.locator("img").count()) == (1, 0)
    expect(dog).to_contain_text("content policy")
    expect(dog).to_contain_text("charged")
    expect(cat).not_to_contain_text("✗")
    assert "content policy" in book.html(FAILED)


def test_a_comparison_shows_both_pictures_marks_the_words_and_names_what_differs(book):
    assert shown(book.pictures(COMPARED)) == 2
    expect(book.cell(COMPARED).locator("del")).to_contain_text("猫")
    expect(book.cell(COMPARED).locator("ins")).to_contain_text("狗")
    differences = book.cell(COMPARED).locator("table").nth(1)
    expect(differences.locator("tr", has_text=re.compile("orientation|方向"))).to_contain_text(
        re.compile("landscape|横屏")
    )
    expect(differences.locator("tr", has_text=re.compile("size|尺寸"))).to_contain_text("768×512")


def test_the_history_shows_thumbnails_and_whole_prompts(book):
    tiles, large = book.tiles(LISTED), book.cell(LISTED).locator(".wenwen-details")
    painted = [one.evaluate("one => getComputedStyle(one).backgroundImage").startswith("url(") for one in tiles.all()]
    assert (len(painted), sum(painted)) == (8, 7)
    assert shown(book.pictures(LISTED)) == 1  # the page that is in the file is not beside its controls
    for prompt in (LONG, LONG.replace("猫", "狗")):
        book.cell(LISTED).locator(f'button.wenwen-tile[title*="{prompt[:8]}"]').click()
        expect(large.locator("p").first).to_contain_text(prompt)


def test_at_1180_pixels_nothing_is_cut_off_and_nothing_scrolls_sideways(book):
    assert cut(book.words()) == []
    assert cut(book.frame()) == []


@pytest.mark.parametrize("index", [GRID, FAILED, COMPARED, LISTED])
def test_a_table_keeps_all_its_words_and_pictures_when_its_styles_are_removed(book, browser, index):
    page = browser.new_page()
    page.set_content(book.html(index))
    styled, count = page.locator("body").inner_text().split(), shown(page.locator("img"))
    assert count == PICTURES[index]
    page.evaluate(BARE)
    bare = page.locator("body").inner_text().split()
    assert len(styled) > 10
    assert set(styled) <= set(bare)
    assert shown(page.locator("img")) == count
    page.close()


def test_the_saved_notebook_opened_anew_shows_its_pictures_and_nothing_broken(book, notebook):
    book.saved()
    copy = book.path.with_name("copy.ipynb")
    shutil.copy(book.path, copy)
    again = notebook(path=copy).kernel_ready()
    for index, count in PICTURES.items():
        expect(again.pictures(index)).to_have_count(count)
        assert shown(again.pictures(index)) == count
    assert not legible(again.page.get_by_text("Error displaying widget"))
    assert not legible(again.page.get_by_text("Loading widget"))


def test_a_blind_comparison_tells_no_name_until_a_letter_is_pressed(book):
    pictures = book.cell(BLIND).locator(".jp-OutputArea-output[data-mime-type='text/html']").first
    saved = [str(out.get("data")) for out in book.saved().cells[BLIND].outputs]
    for told in (*saved, pictures.inner_html()):
        assert "first-model" not in told
        assert "second-model" not in told
    expect(pictures.locator("th")).to_have_text(["A", "B"])
    expect(book.cell(BLIND).get_by_role("button", name="Generate", exact=True)).to_be_hidden()
    places = [round(one.bounding_box()["x"]) for one in pictures.locator("td img").all()]
    book.press(BLIND, "B")
    expect(pictures.locator("th").get_by_text("first-model")).to_be_visible()
    expect(pictures.locator("th").get_by_text("second-model")).to_be_visible()
    now = [round(one.bounding_box()["x"]) for one in pictures.locator("td img").all()]
    assert now == pytest.approx(places, abs=16)  # names may make a column a little wider
    letter, winner = pictures.locator("th[scope=col]").nth(1).inner_text().splitlines()
    assert letter.strip() == "B ★"
    expect(book.cell(BLIND).get_by_role("button", name="Generate", exact=True)).to_be_enabled()
    expect(book.cell(BLIND).get_by_role("button", name="B", exact=True)).to_have_count(0)
    assert "second-model" in book.html(BLIND)
    book.run(VOTES)
    tally = book.cell(VOTES).locator(".jp-OutputArea-output").inner_text().splitlines()
    assert [" ".join(line.split()[1:3]) for line in tally if "1 of 1" in line] == [f"{winner} 1"]


def test_a_picture_is_there_while_a_slower_one_is_still_drawn(book):
    book.start(SLOW)
    expect(book.pictures(SLOW)).to_have_count(1)
    expect(book.cell(SLOW).locator("td").nth(1)).to_contain_text("drawing")
    assert shown(book.pictures(SLOW)) == 1
    expect(book.cell(SLOW).locator(".jp-InputPrompt")).to_contain_text("*")
    expect(book.pictures(SLOW)).to_have_count(2)
