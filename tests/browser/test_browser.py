"""What a person sees in JupyterLab, in a real browser, drawn by the demo."""

import re

import pytest
from support.lab import DEMO, cut, expect, sizes

pytestmark = pytest.mark.browser
FOX = "%%wenwen_image fox -o 横屏\n画一只狐狸，水彩"
CONTROLS = ".jp-OutputArea :is(a, button, input, select, textarea, summary):visible"
ERROR = ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr'], .jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']"


def previews(book):
    """The still pictures that are saved in the outputs of the last cell."""
    return [out["data"]["image/jpeg"] for out in book.cells[-1].outputs if "image/jpeg" in out.get("data", {})]


def test_a_cells_picture_appears_under_it_with_its_caption_and_the_controls(chinese):
    lab = chinese(DEMO, FOX).run_all()
    cell = lab.cell(1)
    expect(cell.get_by_alt_text("画一只狐狸，水彩")).to_be_visible()
    [(width, height)] = sizes(lab.pictures(1))
    assert width > height
    expect(cell.locator("figcaption")).to_contain_text("768×512 · gpt-4o-image")
    expect(lab.model(1)).to_have_value("gpt-4o-image")
    assert lab.orientation(1).locator("option").all_inner_texts()[:4] == ["自动", "方形", "横屏", "竖屏"]
    assert lab.orientation(1).locator("option:checked").inner_text() == "横屏"
    expect(cell.locator("input[type=number]")).to_have_value("1")
    controls = cell.locator(CONTROLS)
    assert controls.count() <= 8, controls.all_inner_texts()
    expect(cell.locator("figure a")).to_have_attribute("href", re.compile(r"wenwen_images/.+\.png"))


def test_a_picture_drawn_with_the_controls_is_in_the_saved_notebook(chinese):
    lab = chinese(DEMO, FOX.replace("狐狸", "猫")).run_all()
    cell = lab.cell(1)
    expect(lab.pictures(1)).to_have_count(1)
    [first] = previews(lab.saved())
    lab.model(1).fill("jimeng-3.0")
    lab.model(1).press("Enter")
    lab.orientation(1).select_option(label="竖屏")
    lab.press(1, "生成")
    expect(lab.thumbnails(1)).to_have_count(2)
    [(width, height)] = sizes(lab.pictures(1))
    assert height > width
    expect(cell.locator("figcaption", has_text="jimeng-3.0")).to_be_visible()
    [second] = previews(lab.saved())
    assert second != first
    assert len(lab.records()) == 2


def test_the_captions_keep_the_prompts_language_when_the_controls_draw(chinese):
    lab = chinese(DEMO, FOX.replace("狐狸", "狗"), "%wenwen help").run_all()  # the cell that ran last speaks English
    lab.orientation(1).select_option(label="竖屏")
    lab.press(1, "生成")
    expect(lab.cell(1).locator("figcaption")).to_contain_text("512×768")
    expect(lab.cell(1).locator("figure")).to_have_attribute("lang", "zh")


def test_beside_generate_stands_the_prompt_it_uses_and_for_a_changed_cell_how_to_use_the_new_one(english):
    lab = english(DEMO, "%%wenwen_image\nan owl on a fence").run_all()
    words, changed = lab.cell(1).locator(".wenwen-words"), lab.cell(1).locator(".wenwen-changed")
    expect(words).to_have_text("an owl on a fence")
    expect(words).to_be_visible()
    expect(changed).to_be_hidden()
    lab.rewrite(1, "%%wenwen_image\nan owl at dusk")
    expect(changed).to_be_visible()
    expect(changed).to_have_text("Run the cell to use the new prompt")
    expect(words).to_be_hidden()
    lab.run(1)
    expect(words).to_have_text("an owl at dusk")
    expect(changed).to_be_hidden()


def test_changing_a_control_asks_for_nothing(chinese):
    lab = chinese(DEMO, FOX.replace("狐狸", "兔子")).run_all()
    cell = lab.cell(1)
    lab.model(1).fill("jimeng-3.0")
    lab.orientation(1).select_option(label="竖屏")
    cell.locator("input[type=number]").fill("3")
    cell.locator("input[type=number]").press("Enter")
    lab.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestKernelInfo()")
    assert len(lab.records()) == 1


def test_the_line_alone_is_a_panel_with_a_field_for_the_prompt(english):
    lab = english(DEMO, "%wenwen_image").run_all()
    cell = lab.cell(1)
    cell.get_by_placeholder("what to draw").fill("a lighthouse at dusk")
    lab.orientation(1).select_option(label="portrait")
    lab.press(1, "Generate")
    expect(cell.get_by_alt_text("a lighthouse at dusk")).to_be_visible()
    [(width, height)] = sizes(lab.pictures(1))
    assert height > width


def test_no_word_in_the_panel_is_cut_off_not_even_an_errors(english):
    lab = english(DEMO, "%wenwen_image").run_all()
    cell = lab.cell(1)
    cell.get_by_placeholder("what to draw").fill("a fox [demo: status=401]")
    cell.get_by_role("button", name="Generate").click()
    expect(cell.get_by_text("The endpoint did not accept the key.")).to_be_visible()
    assert not cut(
        cell.locator(".jp-OutputArea button, .jp-OutputArea .widget-label, .jp-OutputArea .widget-html-content")
    )


def test_nothing_moves_while_a_picture_is_drawn(english):
    lab = english(DEMO, "%%wenwen_image fox\na fox").run_all()
    cell = lab.cell(1)
    lab.press(1, "Generate")
    expect(lab.thumbnails(1)).to_have_count(2)
    lab.press(1, "✎ Edit")
    cell.get_by_placeholder("what to change").fill("make it night [demo: delay=3]")
    expect(cell.locator(".wenwen-words")).to_be_hidden()  # the row of the other Generate

    def below_the_picture(name):  # wherever the page is scrolled to
        place = cell.get_by_role("button", name=name, exact=True).bounding_box()
        return place["x"], place["y"] - lab.pictures(1).bounding_box()["y"]

    before = below_the_picture("Generate")
    lab.press(1, "Generate")
    expect(cell.locator("figure").locator("xpath=..")).to_have_css("opacity", "0.45")
    expect(cell.get_by_text(re.compile(r"drawing · \d+ s"))).to_be_visible()
    assert below_the_picture("Stop waiting") == before
    expect(lab.thumbnails(1)).to_have_count(3)
    expect(cell.locator("figure").locator("xpath=..")).to_have_css("opacity", "1")


def test_an_interrupt_ends_the_wait_and_the_picture_is_there_all_the_same(english):
    lab = english(DEMO, "%%wenwen_image\na slow fox [demo: delay=6]").kernel_ready()
    cell = lab.cell(1)
    lab.run(0)
    lab.start(1)
    expect(cell.get_by_text(re.compile("^drawing"))).to_be_visible(timeout=5_000)
    lab.command("notebook:interrupt-kernel")
    expect(cell.get_by_text("Stopped waiting; the request goes on.")).to_be_visible(timeout=5_000)
    lab.kernel_ready(seconds=2)
    expect(lab.pictures(1)).to_have_count(1)
    [record] = lab.records()
    written = record.read_bytes()
    lab.run(1)
    expect(lab.pictures(1)).to_have_count(1)
    expect(cell.get_by_text("Stopped waiting")).to_have_count(0)
    assert lab.records() == [record]
    assert record.read_bytes() == written


def test_an_error_is_short_and_has_no_stack_trace(english):
    lab = english(DEMO, "%%wenwen_image\na boat [demo: status=401]").run_all()
    said = lab.cell(1).locator(ERROR)
    expect(said).to_contain_text("EndpointError")
    expect(said).to_contain_text("无效的令牌")
    assert "Traceback" not in said.inner_text()
    assert not re.search(r'File "|line \d+', said.inner_text())
    assert said.bounding_box()["height"] < 200
