"""A button's text becomes a new cell in JupyterLab, in a real browser; where it cannot, it is shown to be copied."""

import json
from functools import partial

import pytest
from support.lab import expect

pytestmark = pytest.mark.browser
CONTROLS = """
import ipywidgets
from wenwen_magic.notebook.widgets.insert_cell import Inserter

class Controls:
    def __init__(self, text):
        self.inserter, self.button = Inserter(), ipywidgets.Button(description="Insert as cell")
        self.button.on_click(lambda _: self.inserter.insert(text))
        self.view = ipywidgets.VBox([self.button, self.inserter.view])
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
TWICE = f"""
from IPython.display import HTML, Javascript, display
from wenwen_magic.notebook.widgets.insert_cell import script
made = script({TEXT!r}, "one press")
display(Javascript(made), Javascript(made), HTML("<i>both are drawn</i>"))
"""
PRESS_LATER = """
from pathlib import Path
while not Path("go").exists():
    pass
controls.button.click()
"""


@pytest.fixture
def written(limit, shared):
    """Writes cells into a notebook in which only the cells in view are in the page."""
    return partial(shared, "insertion", windowed=True)


@pytest.fixture
def controls(written):
    """Writes a notebook whose third cell, number 2, has the button for a text; others may follow."""

    def lab(*others, text=TEXT):
        return written(CONTROLS, f"controls = Controls({text!r})", BUTTON, *others).run_all()

    return lab


def button(lab):
    return lab.page.get_by_role("button", name="Insert as cell")


def inserted(lab, count, text=TEXT):
    """The saved sources after the button's cell, once so many cells of the text have come."""
    came = """([count, text]) => [...window.jupyterapp.shell.currentWidget.content.model.cells]
              .filter(cell => cell.sharedModel.getSource() === text).length === count"""
    lab.page.wait_for_function(came, arg=[count, text])
    return [cell.source for cell in lab.saved().cells[3:]]


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


def test_a_script_that_is_drawn_twice_inserts_one_cell(written):
    lab = written(TWICE).run_all()
    expect(lab.page.get_by_text("both are drawn", exact=True)).to_be_visible()
    lab.page.evaluate("() => window.wenwenInsertions.last")
    assert [cell.source for cell in lab.saved().cells[1:]] == [TEXT]


def test_a_press_in_controls_that_are_shown_twice_inserts_one_cell(controls):
    lab = controls(BUTTON)
    expect(button(lab)).to_have_count(2)
    button(lab).first.click()
    inserted(lab, 1)
    expect(lab.page.locator(".wenwen-insertion")).to_have_count(0)
    lab.page.evaluate("() => window.wenwenInsertions.last")
    assert [cell.source for cell in lab.saved().cells].count(TEXT) == 1


def test_a_cell_out_of_view_gets_its_new_cell_though_another_is_active(controls):
    lab = controls(*[TALL] * 6, "'the end'")
    lab.rewrite(9, PRESS)
    lab.run(9)
    assert inserted(lab, 1) == [TEXT, *[TALL] * 6, PRESS]
    expect(lab.cell(3)).to_be_in_viewport()


def test_a_narrow_notebook_has_put_the_toolbars_button_away(controls):
    lab = controls("1 + 1")
    lab.page.set_viewport_size({"width": 420, "height": 700})
    expect(
        lab.page.locator(".jp-NotebookPanel:visible > .jp-Toolbar [data-command='notebook:insert-cell-below']")
    ).to_have_count(0)
    button(lab).click()
    assert inserted(lab, 1) == [TEXT, "1 + 1"]


def test_behind_another_notebook_nothing_is_inserted_and_the_text_is_shown(controls, notebook):
    lab = controls("'the end'")
    lab.rewrite(3, PRESS_LATER)
    lab.start(3)
    notebook("'another'")
    (lab.path.parent / "go").touch()
    shown = lab.page.locator("pre", has_text="%%wenwen_image -m")
    expect(shown).to_be_attached()
    expect(lab.page.locator(".wenwen-insertion")).to_have_count(0)
    lab.open()
    expect(shown).to_be_visible()
    assert shown.evaluate("one => one.textContent") == TEXT
    assert len(lab.saved().cells) == 4
