"""Iterating in JupyterLab, in a real browser: the strip of takes, grids, comparisons, votes, and cells that are inserted."""

import pytest
import test_browser
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.long]
browser, limit, notebook, server = test_browser.browser, test_browser.limit, test_browser.notebook, test_browser.server
DEMO = "%load_ext wenwen_magic\n%wenwen demo"
GRID = '%%wenwen_image --grid "model=gpt-4o-image;nano-banana" "orientation=landscape;portrait"\na lighthouse at dusk'
BARE = """() => {
    document.querySelectorAll("style, link[rel=stylesheet]").forEach((one) => one.remove());
    for (const one of document.querySelectorAll("[style], [class]"))
        if (one.closest(".jp-RenderedHTML")) { one.removeAttribute("style"); one.removeAttribute("class"); }
}"""


def records(lab):
    return sorted(lab.path.parent.glob("wenwen_images/*/*.json"))


def run(lab, count):
    lab.kernel_ready()
    for index in range(count):
        lab.run(index)
    return lab


def html(lab, index):
    outputs = lab.saved().cells[index].outputs
    return "".join(one.data.get("text/html", "") for one in outputs if "data" in one)


def thumbnails(lab, index):
    return lab.cell(index).locator(".widget-image")


def sources(lab):
    return [cell.source for cell in lab.saved().cells]


def test_the_strip_shows_marks_and_inserts_takes(notebook):
    lab = run(notebook(DEMO, "%%wenwen_image -n 3\na red fox"), 2)
    expect(thumbnails(lab, 1)).to_have_count(3)
    sizes = [one.evaluate("one => [one.naturalWidth, one.height]") for one in thumbnails(lab, 1).all()]
    assert all(width > 0 and height <= 80 for width, height in sizes)
    lab.cell(1).get_by_role("button", name="②", exact=True).click()
    expect(lab.cell(1).locator("figcaption")).to_contain_text("②")
    assert html(lab, 1).count("<img") == 1
    lab.cell(1).get_by_role("button", name="☆", exact=True).nth(1).click()
    expect(lab.cell(1).get_by_role("button", name="★", exact=True)).to_have_count(1)
    lab.cell(1).locator(".wenwen-insert").nth(1).click()
    expect(lab.page.locator(".jp-CodeCell")).to_have_count(3)
    lab.page.wait_for_function("() => [...document.querySelectorAll('.cm-content')].at(-1).textContent.includes('fox')")
    made = records(lab)
    assert "--take 2" in sources(lab)[2]
    lab.run(2)
    shown = lab.cell(1).locator("figcaption").inner_text().split("#")[1][:6]
    expect(lab.cell(2).locator("figcaption")).to_contain_text(f"#{shown}")
    assert records(lab) == made
    assert len(made) == 3


def test_insert_as_cell_says_what_the_controls_say_and_is_free_after_generate(notebook):
    lab = run(notebook(DEMO, "%%wenwen_image\na red fox"), 2)
    lab.cell(1).get_by_role("button", name="portrait").click()
    lab.cell(1).get_by_role("button", name="Generate").click()
    expect(thumbnails(lab, 1)).to_have_count(2)
    lab.cell(1).get_by_role("button", name="Insert as cell").click()
    expect(lab.page.locator(".jp-CodeCell")).to_have_count(3)
    lab.page.wait_for_function("() => [...document.querySelectorAll('.cm-content')].at(-1).textContent.includes('fox')")
    made = records(lab)
    assert "-o portrait" in sources(lab)[2]
    lab.run(2)
    expect(lab.cell(2).locator("figcaption")).to_contain_text("portrait 1024×1536")
    assert records(lab) == made


def test_a_grid_has_its_headers_and_pictures_and_a_failure_stands_in_its_place(notebook):
    lab = run(notebook(DEMO, GRID, '%%wenwen_image --for "what=a cat;a dog [demo: refuse]"\n{{what}}'), 3)
    table = html(lab, 1)
    assert table.count("<img") == 4
    for words in ("gpt-4o-image", "nano-banana", "landscape", "portrait"):
        expect(lab.cell(1).locator("th", has_text=words).first).to_be_visible()
    refused = html(lab, 2)
    assert refused.count("<img") == 1
    assert "content policy" in refused
    wide = "one => one.scrollWidth > one.clientWidth + 1"
    assert not any(one.evaluate(wide) for one in lab.page.locator(".jp-OutputArea-output").all())


def test_pictures_of_a_comparison_appear_as_they_come(notebook):
    lab = run(notebook(DEMO, '%%wenwen_image --for "what=a cat;a dog [demo: delay=6]"\n{{what}}'), 1)
    lab.start(1)
    expect(lab.pictures(1)).to_have_count(1)
    expect(lab.cell(1).locator(".jp-InputPrompt")).to_contain_text("*")
    expect(lab.pictures(1)).to_have_count(2)


def test_compare_and_history_are_legible_with_all_css_removed(notebook):
    cells = ("%%wenwen_image one\n画一只猫，水彩", "%%wenwen_image two -o 横屏\n画一只狗，水彩")
    lab = run(notebook(DEMO, GRID, *cells, "%wenwen compare one two", "%wenwen history 画"), 6)
    expect(lab.cell(4).locator("del")).to_contain_text("猫")
    expect(lab.cell(4).locator("ins")).to_contain_text("狗")
    expect(lab.pictures(4)).to_have_count(2)
    expect(lab.pictures(5)).to_have_count(2)
    assert all(one.evaluate("one => one.naturalWidth > 0") for one in lab.pictures(5).all())
    lab.page.evaluate(BARE)
    words = "\n".join(one.inner_text() for one in lab.page.locator("table").all())
    for told in (
        "gpt-4o-image",
        "nano-banana",
        "landscape",
        "portrait",
        "画一只猫，水彩",
        "画一只狗，水彩",
        "1536×1024",
    ):
        assert told in words


def test_a_blind_comparison_hides_its_names_until_the_vote(notebook):
    lab = run(notebook(DEMO, "%%wenwen_image --blind -m model-one,model-two\na boat at night"), 2)
    pictures = lab.cell(1).locator(".jp-RenderedHTML").first
    expect(pictures).to_contain_text("Which is best?")
    assert "model-" not in html(lab, 1)
    lab.cell(1).get_by_role("button", name="B", exact=True).click()
    expect(pictures).to_contain_text("model-one")
    expect(pictures).to_contain_text("model-two")
    assert "model-two" in html(lab, 1)


def test_grid_and_strip_survive_closing_and_opening_again(notebook):
    lab = run(notebook(DEMO, GRID, "%wenwen history lighthouse"), 3)
    lab.saved()
    lab.end()
    again = notebook(path=lab.path)
    expect(again.pictures(1)).to_have_count(4)
    expect(again.pictures(2)).to_have_count(4)
    hidden = again.page.get_by_text("Error displaying widget")
    assert all(one.evaluate("one => getComputedStyle(one).display") == "none" for one in hidden.all()) or all(
        float(one.evaluate("one => parseFloat(getComputedStyle(one).fontSize)")) < 1 for one in hidden.all()
    )
