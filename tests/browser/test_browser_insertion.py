"""A button's text becomes a new cell in JupyterLab, in a real browser; where it cannot, it is shown to be copied."""

import json

import pytest
import test_browser
from playwright.sync_api import expect
from support.lab import Server, write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.long]
browser, limit, notebook = test_browser.browser, test_browser.limit, test_browser.notebook

CONTROLS = """
import ipywidgets
from wenwen_magic import insertion

class Controls:
    def __init__(self, text):
        self.text, self.done = text, []
        self.button = ipywidgets.Button(description="Insert as cell")
        self.button.on_click(self.insert)
        self.copy, self.rows = ipywidgets.HTML(), ipywidgets.VBox(layout={"display": "none"})
        self.view = ipywidgets.VBox([self.button, self.copy, self.rows])

    def insert(self, _):
        output, yes, no = ipywidgets.Output(), ipywidgets.Button(), ipywidgets.Button()
        row = ipywidgets.HBox([output, yes, no])
        for widget, name in ((row, insertion.ROW), (yes, insertion.INSERTED), (no, insertion.REFUSED)):
            widget.add_class(name)
        yes.on_click(lambda _: self.end(row, True))
        no.on_click(lambda _: self.end(row, False))
        self.copy.value = insertion.fallback_html(self.text)
        self.rows.children = [*self.rows.children, row]
        data = {"application/javascript": insertion.script(self.text, output.model_id)}
        output.outputs = ({"output_type": "display_data", "data": data, "metadata": {}},)

    def end(self, row, done):
        self.done.append(done)
        self.rows.children = [one for one in self.rows.children if one is not row]
        if done:
            self.copy.value = ""
"""
TEXT = """%%wenwen_image -m "gpt 4o" -o 横屏
画一只猫 {[("'`
    indented
\tif x:
        y = {'a': "\\\\n"}
</script><b>&amp; ${x} {{y}} %s \u2028 😀
def f(
  """
BUTTON = "controls.view"
TALL = "print('\\n' * 60)"
PRESS = "controls.button.click()"
PRESS_LATER = """
from pathlib import Path
while not Path("go").exists():
    pass
controls.button.click()
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server whose notebooks hide the cells out of view."""
    base = tmp_path_factory.mktemp("lab")
    (base / "root").mkdir()
    running = Server(
        base / "root", base / "home", {"@jupyterlab/notebook-extension:tracker": {"windowingMode": "full"}}
    )
    yield running
    running.stop()


@pytest.fixture
def controls(notebook):
    """Opens a notebook whose third cell, number 2, has the button for a text; others may follow."""

    def lab(*others, text=TEXT):
        return notebook(CONTROLS, f"controls = Controls({text!r})", BUTTON, *others).run_all()

    return lab


def button(lab):
    return lab.page.get_by_role("button", name="Insert as cell")


def inserted(lab, count, text=TEXT):
    """The saved sources after the button's cell, once so many cells of the text have come."""
    came = """([count, text]) => [...window.jupyterapp.shell.currentWidget.content.model.cells]
              .filter(cell => cell.sharedModel.getSource() === text).length === count"""
    lab.page.wait_for_function(came, arg=[count, text])
    return [cell.source for cell in lab.saved().cells[3:]]


def rewrite(lab, index, source):
    """Give a cell another source."""
    lab.page.evaluate(
        """([index, source]) => window.jupyterapp.shell.currentWidget.content.model.cells.get(index)
                                      .sharedModel.setSource(source)""",
        [index, source],
    )


def test_the_text_is_a_new_code_cell_right_below_exactly_as_it_was(controls):
    lab = controls("1 + 1", "2 + 2")
    button(lab).click()
    assert inserted(lab, 1) == [TEXT, "1 + 1", "2 + 2"]
    assert lab.saved().cells[3].cell_type == "code"
    expect(lab.cell(3).locator(".cm-content")).to_be_focused()


def test_nothing_of_the_way_there_is_left_in_the_notebook(controls):
    lab = controls()
    button(lab).click()
    inserted(lab, 1)
    expect(lab.page.locator(".wenwen-insertion")).to_have_count(0)
    expect(lab.page.get_by_text("Copy this into a new cell")).to_have_count(0)
    saved = lab.saved()
    rest = json.dumps([saved.metadata, *(cell.get("outputs", []) for cell in saved.cells)])
    assert "javascript" not in rest
    assert "wenwen-" not in rest


def test_a_double_press_makes_two_cells(controls):
    lab = controls("1 + 1")
    button(lab).dblclick()
    assert inserted(lab, 2) == [TEXT, TEXT, "1 + 1"]


def test_a_cell_out_of_view_gets_its_new_cell_though_another_is_active(controls):
    lab = controls(*[TALL] * 6, "'the end'")
    rewrite(lab, 9, PRESS)
    lab.run(9)
    assert inserted(lab, 1) == [TEXT, *[TALL] * 6, PRESS]
    expect(lab.cell(3)).to_be_in_viewport()


def test_a_narrow_notebook_has_put_the_toolbars_button_away(controls):
    lab = controls("1 + 1")
    lab.page.set_viewport_size({"width": 420, "height": 700})
    expect(
        lab.page.locator(".jp-NotebookPanel > .jp-Toolbar [data-command='notebook:insert-cell-below']")
    ).to_have_count(0)
    button(lab).click()
    assert inserted(lab, 1) == [TEXT, "1 + 1"]


def test_behind_another_notebook_nothing_is_inserted_and_the_text_is_shown(controls, server):
    lab = controls("'the end'")
    rewrite(lab, 3, PRESS_LATER)
    other = write_notebook(lab.path.parent / "other.ipynb", "'other'")
    lab.start(3)
    lab.command("docmanager:open", path=other.relative_to(server.root).as_posix())
    lab.page.wait_for_function("() => window.jupyterapp.shell.currentWidget.content.model?.cells.length === 1")
    (lab.path.parent / "go").touch()
    shown = lab.page.locator("pre", has_text="%%wenwen_image -m")
    expect(shown).to_be_attached()
    expect(lab.page.locator(".wenwen-insertion")).to_have_count(0)
    lab.command("docmanager:open", path=lab.path.relative_to(server.root).as_posix())
    expect(shown).to_be_visible()
    assert shown.evaluate("one => one.textContent") == TEXT
    assert len(lab.saved().cells) == 4
    expect(lab.page.locator(".jp-Cell")).to_have_count(4 + 1)
