"""A place among the controls from where a text is put into a new cell; elsewhere than in JupyterLab it is shown."""

from typing import Any

import ipywidgets

from wenwen_magic.notebook.widgets import insert_cell


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
        for widget, name in ((row, insert_cell.ROW), (yes, insert_cell.INSERTED), (no, insert_cell.REFUSED)):
            widget.add_class(name)
        yes.on_click(lambda _: self._end(row, done=True))
        no.on_click(lambda _: self._end(row, done=False))
        self._copy.value = insert_cell.fallback_html(text)
        self._rows.children = (*self._rows.children, row)
        data = {"application/javascript": insert_cell.script(text, output.model_id)}
        # An Output widget's content is in no saved notebook.
        output.outputs = ({"output_type": "display_data", "data": data, "metadata": {}},)

    def _end(self, row: Any, *, done: bool) -> None:
        """Take a row away; the text to copy is the latest press's, and only its own success makes it needless."""
        self._rows.children = tuple(one for one in self._rows.children if one is not row)
        if done and row is self._latest:
            self._copy.value = ""
        for widget in (*row.children, row):
            widget.close()
