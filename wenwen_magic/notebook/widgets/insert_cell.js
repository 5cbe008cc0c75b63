// Puts a text into a new cell below the cell in whose output it runs, and presses one of two buttons when it is done.
//
// Why so: `set_next_input` works only while a cell runs, and a page gives scripts no command to run. So the script does
// what a person does: makes the cell the active one, presses the notebook's own "+", pastes. Pasted text is not indented
// or completed by the editor. What is asked of the page is its class names, the same in JupyterLab 4 and Notebook 7.
//
// place: the element of the output; text: what the cell is to hold; name: tells one press from another;
// classes: the CSS classes of the box with the output, and of the buttons for "inserted" and "refused" in that box.
function insertCell(place, text, name, classes) {
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
    for (const target of [cell, plus()])
      if (!panel.contains(document.activeElement)) target?.focus({ preventScroll: true });
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
    [cell.nextElementSibling, active()].find((made) => made?.matches(".jp-Cell") && !before.has(made));
  const insert = async () => {
    // A script may run before its output is in the page.
    await until(() => place.isConnected);
    [cell, book, panel] = [".jp-Cell", ".jp-Notebook", ".jp-NotebookPanel"].map((kind) => place.closest(kind));
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
    place.closest(`.${classes.box}`)?.querySelector(`.${done ? classes.inserted : classes.refused}`)?.click();
  });
}
