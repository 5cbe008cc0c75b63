"""What a person sees in JupyterLab, in a real browser, drawn by the demo."""

import os
import re
import signal
from importlib.util import find_spec
from pathlib import Path

import pytest

CHROMIUM = os.environ.get("WENWEN_CHROMIUM", "/usr/bin/chromium")
LACKING = [name for name in ("playwright", "jupyterlab", "nbformat") if find_spec(name) is None]
LACKING += [] if Path(CHROMIUM).is_file() else [f"a Chromium ({CHROMIUM}; WENWEN_CHROMIUM names another)"]
if LACKING and not os.environ.get("CI"):
    pytest.skip(f"needs {', '.join(LACKING)}", allow_module_level=True)

from playwright.sync_api import expect, sync_playwright  # noqa: E402
from support.lab import CHROMIUM_ARGS, Lab, Server, write_notebook  # noqa: E402

pytestmark = [pytest.mark.browser, pytest.mark.long]
DEMO = ("%load_ext wenwen_magic", "%wenwen demo")
FOX = "%%wenwen_image fox -o 横屏\n画一只狐狸，水彩"
ERROR = ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr'], .jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']"
SECONDS = 60
expect.set_options(timeout=15_000)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    base = tmp_path_factory.mktemp("lab")
    (base / "root").mkdir()
    running = Server(base / "root", base / "home")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser():
    """One browser with an empty profile; its pages share a cache, so that JupyterLab is loaded once."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield chromium.new_context(viewport={"width": 1280, "height": 900})
        chromium.close()


@pytest.fixture
def limit(server, browser):
    """A test may take a minute, the start of server and browser left out."""

    def late(*_):
        raise TimeoutError(f"the test took more than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def notebook(limit, server, browser, request):
    """Opens a notebook of the given cells in a folder of its own."""
    opened = []

    def lab(*cells, path=None):
        path = path or write_notebook(server.root / request.node.name / "book.ipynb", *cells)
        opened.append(Lab(browser.new_page(), server, path))
        return opened[-1]

    yield lab
    for one in opened:
        one.end()


def records(lab):
    return list((lab.path.parent / "wenwen_images").rglob("*.json"))


def sizes(pictures):
    """Width and height in pixels, of every picture that the browser could decode."""
    found = [picture.evaluate("one => [one.naturalWidth, one.naturalHeight]") for picture in pictures.all()]
    return [(width, height) for width, height in found if width]


def previews(book):
    """The still pictures that are saved in the outputs of the last cell."""
    return [out["data"]["image/jpeg"] for out in book.cells[-1].outputs if "image/jpeg" in out.get("data", {})]


def legible(words):
    """Those of the texts found that a person can see."""
    seen = "one => one.offsetHeight > 0 && getComputedStyle(one).fontSize !== '0px'"
    return [one.inner_text() for one in words.all() if one.evaluate(seen)]


def cut(elements):
    """The texts found that do not fit into their place."""
    narrow = "one => one.scrollWidth > one.clientWidth"
    return [one.inner_text() for one in elements.all() if one.evaluate(narrow)]


def test_a_cells_picture_appears_under_it_with_its_caption_and_the_controls(notebook):
    lab = notebook(*DEMO, FOX).run_all()
    cell = lab.cell(2)
    expect(cell.get_by_alt_text("画一只狐狸，水彩")).to_be_visible()
    [(width, height)] = sizes(lab.pictures(2))
    assert width > height
    expect(cell.locator("figcaption")).to_contain_text("横屏 1536×1024 · gpt-4o-image")
    expect(cell.get_by_role("combobox")).to_have_value("gpt-4o-image")
    for words in ("自动", "方形", "横屏", "竖屏", "生成", "停止"):
        expect(cell.get_by_role("button", name=words, exact=True)).to_be_visible()
    expect(cell.locator("button.mod-active")).to_have_text("横屏")
    expect(cell.locator("input[type=number]")).to_have_value("1")


def test_a_picture_drawn_with_the_controls_is_in_the_saved_notebook(notebook):
    lab = notebook(*DEMO, FOX).run_all()
    cell = lab.cell(2)
    expect(lab.pictures(2)).to_have_count(1)
    [first] = previews(lab.saved())
    model = cell.get_by_role("combobox")
    model.fill("jimeng-3.0")
    model.press("Enter")
    cell.get_by_role("button", name="竖屏").click()
    cell.get_by_role("button", name="生成").click()
    expect(lab.pictures(2)).to_have_count(2)
    assert any(height > width for width, height in sizes(lab.pictures(2)))
    expect(cell.locator("td small", has_text="jimeng-3.0")).to_be_visible()
    [second] = previews(lab.saved())
    assert second != first
    assert len(records(lab)) == 2


def test_the_captions_keep_the_prompts_language_when_the_controls_draw(notebook):
    lab = notebook(*DEMO, FOX, "%wenwen help").run_all()  # the cell that ran last speaks English
    cell = lab.cell(2)
    cell.get_by_role("button", name="竖屏").click()
    cell.get_by_role("button", name="生成").click()
    expect(cell.locator("td small")).to_have_count(2)
    for caption in cell.locator("td small").all():
        expect(caption).to_contain_text(re.compile("横屏|竖屏"))


def test_changing_a_control_asks_for_nothing(notebook):
    lab = notebook(*DEMO, FOX).run_all()
    cell = lab.cell(2)
    cell.get_by_role("combobox").fill("jimeng-3.0")
    cell.get_by_role("button", name="竖屏").click()
    expect(cell.locator("button.mod-active")).to_have_text("竖屏")
    cell.locator("input[type=number]").fill("3")
    cell.locator("input[type=number]").press("Enter")
    lab.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestKernelInfo()")
    assert len(records(lab)) == 1


def test_a_saved_notebook_shows_its_pictures_to_a_new_server_and_nothing_broken(notebook, server):
    lab = notebook(*DEMO, FOX).run_all()
    expect(lab.pictures(2)).to_have_count(1)
    lab.saved()
    lab.page.close()
    server.stop()
    server.start()
    again = notebook(path=lab.path).kernel_ready()
    expect(again.pictures(2)).to_have_count(1)
    expect(again.pictures(2)).to_be_visible()
    assert len(sizes(again.pictures(2))) == 1
    expect(again.cell(2).get_by_text("Loading widget")).to_have_count(0)
    assert not legible(again.cell(2).get_by_text("Error displaying widget"))


def test_the_line_alone_is_a_panel_with_a_field_for_the_prompt(notebook):
    lab = notebook(*DEMO, "%wenwen_image").run_all()
    cell = lab.cell(2)
    cell.get_by_placeholder("what to draw").fill("a lighthouse at dusk")
    cell.get_by_role("button", name="portrait").click()
    cell.get_by_role("button", name="Generate").click()
    expect(cell.get_by_alt_text("a lighthouse at dusk")).to_be_visible()
    [(width, height)] = sizes(lab.pictures(2))
    assert height > width


def test_no_word_in_the_panel_is_cut_off_not_even_an_errors(notebook):
    lab = notebook(*DEMO, "%wenwen_image").run_all()
    cell = lab.cell(2)
    cell.get_by_placeholder("what to draw").fill("a fox [demo: status=401]")
    cell.get_by_role("button", name="Generate").click()
    expect(cell.get_by_text("The endpoint did not accept the key.")).to_be_visible()
    assert not cut(
        cell.locator(".jp-OutputArea button, .jp-OutputArea .widget-label, .jp-OutputArea .widget-html-content")
    )


def test_an_interrupt_ends_the_wait_and_the_picture_is_there_all_the_same(notebook):
    lab = notebook(*DEMO, "%%wenwen_image\na slow fox [demo: delay=6]").kernel_ready()
    cell = lab.cell(2)
    for before in (0, 1):
        lab.run(before)
    lab.start(2)
    expect(cell.get_by_text("sent, drawing")).to_be_visible(timeout=5_000)
    lab.command("notebook:interrupt-kernel")
    expect(cell.get_by_text("Stopped waiting; the request goes on.")).to_be_visible(timeout=2_000)
    lab.kernel_ready(seconds=2)
    expect(lab.pictures(2)).to_have_count(1)
    [record] = records(lab)
    written = record.read_bytes()
    lab.run(2)
    expect(lab.pictures(2)).to_have_count(1)
    expect(cell.get_by_text("Stopped waiting")).to_have_count(0)
    assert records(lab) == [record]
    assert record.read_bytes() == written


def test_an_error_is_short_and_has_no_stack_trace(notebook):
    lab = notebook(*DEMO, "%%wenwen_image\na fox [demo: status=401]").run_all()
    said = lab.cell(2).locator(ERROR)
    expect(said).to_contain_text("EndpointError")
    expect(said).to_contain_text("无效的令牌")
    assert "Traceback" not in said.inner_text()
    assert not re.search(r'File "|line \d+', said.inner_text())
    assert said.bounding_box()["height"] < 200
