"""Puts a text into a new cell from a button: by a script in JupyterLab's page, elsewhere as a text to copy."""

import json
from html import escape
from typing import Any

import ipywidgets

from wenwen_magic.text.i18n import _

ROW, INSERTED, REFUSED = "wenwen-insertion", "wenwen-inserted", "wenwen-not-inserted"
"""CSS classes: of the box with the script's output, and of the two buttons in it, of which the script presses one."""

# Why so: `set_next_input` works only while a cell runs, and a page gives scripts no command to run. So the script does
# what a person does: makes the cell the active one, presses the notebook's own "+", pastes. Pasted text is not indented
# or completed by the editor. What is asked of the page is its class names, the same in JupyterLab 4 and Notebook 7.
_SCRIPT = """\
(() => {
  const text = %(text)s, name = %(name)s;
  const place = typeof element !== "undefined" && element instanceof Element ? element : null;
  let cell, book, panel;
  const until = async (find) => {
    for (let tries = 0; tries < 100; tries++) {
      const found = find();
      if (found) return found;
      await new Promise((next) => setTimeout(next, 20));
    }
    return null;
  };
  const active = () => book.querySelector(".jp-Cell.jp-mod-active");

  // Some versions act on mousedown, some on click, none on both: a whole press is right for all.
  const press = (button) => {
    for (const kind of ["mousedown", "mouseup", "click"])
      button.dispatchEvent(new MouseEvent(kind, { bubbles: true, cancelable: true }));
  };
  // In a narrow window the notebook's toolbar has put its "+" away; the active cell has one, too.
  const plus = () => panel.querySelector('[data-command="notebook:insert-cell-below"]');

  // The "+" acts on the notebook that has the focus: one behind another tab cannot have it.
  const takeFocus = () => {
    for (const one of [cell, plus()])
      if (!panel.contains(document.activeElement)) one?.focus({ preventScroll: true });
    return panel.contains(document.activeElement);
  };
  const activate = () => {
    cell.dispatchEvent(new FocusEvent("focusin", { bubbles: true }));
    return until(() => active() === cell);
  };
  const fill = (editor) => {
    const paste = new ClipboardEvent("paste", { cancelable: true });
    const data = new DataTransfer();
    data.setData("text/plain", text);
    Object.defineProperty(paste, "clipboardData", { value: data });
    editor.dispatchEvent(paste);
    editor.focus();
    return editor.textContent !== "";
  };
  // Not simply the active cell: a second press may have made another one active meanwhile.
  const fresh = (before) =>
    [cell.nextElementSibling, active()].find((one) => one?.matches(".jp-Cell") && !before.has(one));
  const insert = async () => {
    // A script may run before its output is in the page.
    await until(() => place.isConnected);
    [cell, book, panel] = [".jp-Cell", ".jp-Notebook", ".jp-NotebookPanel"].map((one) => place.closest(one));
    if (!cell || !panel || !takeFocus() || !(await activate())) return false;
    const button = await until(plus);
    if (!button) return false;
    const before = new Set(book.querySelectorAll(".jp-Cell"));
    press(button);
    const editor = await until(() => fresh(before)?.querySelector(".cm-content"));
    return editor?.textContent === "" && fill(editor);
  };

  // A script is run again wherever its output is drawn again; and two at once would fill each other's cell.
  const known = (window.wenwenInsertions ??= { names: new Set(), last: Promise.resolve() });
  if (!place || known.names.has(name)) return;
  known.names.add(name);
  known.last = known.last.then(insert).catch(() => false).then((done) => {
    place.closest(".%(row)s")?.querySelector(done ? ".%(inserted)s" : ".%(refused)s")?.click();
  });
})();
"""

# The text is shown a moment later, so that nothing flickers where the script makes it unnecessary.
_LATE = "<style>@keyframes wenwen-late{from{visibility:hidden;max-height:0}}</style>"
_LATER = "animation:wenwen-late 1.5s step-end;overflow:hidden"
_PRE = "user-select:all;white-space:pre-wrap;max-height:200px;overflow:auto"


def script(text: str, name: str) -> str:
    """JavaScript that puts a text into a new cell below the cell in whose output it runs.

    It must run in an output inside a box of class ``ROW``. When it is done it presses the button of class ``INSERTED``
    or ``REFUSED`` in that box; where it is no JupyterLab page it presses ``REFUSED``, or nothing.

    Args:
        text: what the cell is to hold; it arrives as it is, but that a line ends in one line feed.
        name: tells one press from another: a script of the same name does nothing.
    """
    words = {"text": _literal(_sound(text)), "name": _literal(name)}
    return _SCRIPT % {**words, "row": ROW, "inserted": INSERTED, "refused": REFUSED}


def fallback_html(text: str) -> str:
    """The text as HTML, to be copied into a new cell by hand; a click selects all of it.

    Args:
        text: what the cell is to hold.
    """
    ask = _("Copy this into a new cell:")
    # HTML drops a line end right after <pre>: the first is not the text's.
    copy = f'<pre style="{_PRE}">\n{escape(_sound(text))}</pre>'
    return f'{_LATE}<div style="{_LATER}"><small>{ask}</small>{copy}</div>'


def _sound(text: str) -> str:
    """The text without half characters: a notebook that holds one cannot be saved."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\r\n", "\n").replace("\r", "\n")


def _literal(text: str) -> str:
    """A JavaScript string, safe in HTML as well."""
    return json.dumps(text).replace("<", "\\u003c")


class Inserter:
    """Puts texts into new cells below the cell whose controls it stands in.

    Attributes:
        view: to be put among the controls; empty but for a text to copy where no script could insert it.
    """

    def __init__(self) -> None:
        self._copy = ipywidgets.HTML()
        # Shown nowhere, but in the page: the script runs in it and presses one of its buttons when it is done.
        self._rows = ipywidgets.VBox(layout={"display": "none"})
        self._latest: Any = None
        self.view = ipywidgets.VBox([self._copy, self._rows])

    def insert(self, text: str) -> None:
        """Put a text into a new cell; only from the main thread."""
        output, yes, no = ipywidgets.Output(), ipywidgets.Button(), ipywidgets.Button()
        row = self._latest = ipywidgets.HBox([output, yes, no])
        for widget, name in ((row, ROW), (yes, INSERTED), (no, REFUSED)):
            widget.add_class(name)
        yes.on_click(lambda _: self._end(row, done=True))
        no.on_click(lambda _: self._end(row, done=False))
        self._copy.value = fallback_html(text)
        self._rows.children = (*self._rows.children, row)
        data = {"application/javascript": script(text, output.model_id)}
        # An Output widget's content is in no saved notebook.
        output.outputs = ({"output_type": "display_data", "data": data, "metadata": {}},)

    def _end(self, row: Any, *, done: bool) -> None:
        """Take a row away; the text to copy is the latest press's, and only its own success makes it needless."""
        self._rows.children = tuple(one for one in self._rows.children if one is not row)
        if done and row is self._latest:
            self._copy.value = ""
        for widget in (*row.children, row):
            widget.close()
