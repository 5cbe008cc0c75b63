"""Puts a text into a new cell from a button: by a script in JupyterLab's page, elsewhere as a text to copy."""

import json
from pathlib import Path
from typing import Any

import ipywidgets

from wenwen_magic.render.markup import join, small, tag
from wenwen_magic.text.i18n import _
from wenwen_magic.text.sanitize import in_lines

BOX, INSERTED, REFUSED = "wenwen-insertion", "wenwen-inserted", "wenwen-not-inserted"
"""CSS classes: of the box with the script's output, and of the two buttons in it, of which the script presses one."""

# The text is shown a moment later, so that nothing flickers where the script makes it unnecessary.
_LATE = tag("style", "@keyframes wenwen-late{from{visibility:hidden;max-height:0}}")
_LATER = "animation:wenwen-late 1.5s step-end;overflow:hidden"
_PRE = "user-select:all;white-space:pre-wrap;max-height:200px;overflow:auto"


def script(text: str, name: str) -> str:
    """Return JavaScript that puts a text into a new cell below the cell in whose output it runs.

    It must run in an output inside a box of class ``BOX``. When it is done it presses the button of class ``INSERTED``
    or ``REFUSED`` in that box; where it is no JupyterLab page it presses ``REFUSED``, or nothing.

    Args:
        text: what the cell is to hold; it arrives as it is, but that a line ends in one line feed.
        name: tells one press from another: a script of the same name does nothing.
    """
    values = (in_lines(text), name, {"box": BOX, "inserted": INSERTED, "refused": REFUSED})
    written = ", ".join(json.dumps(value).replace("<", "\\u003c") for value in values)  # safe in HTML as well
    source = Path(__file__).with_suffix(".js").read_text("utf-8")
    place = 'typeof element !== "undefined" && element instanceof Element ? element : null'
    return f"(() => {{\n{source}\ninsertCell({place}, {written});\n}})();\n"


def fallback_html(text: str) -> str:
    """Return the text of a cell as HTML, to be copied into a new one by hand; a click selects all of it."""
    ask = small(_("Copy this into a new cell:"))
    # HTML drops a line end right after <pre>: the first is not the text's.
    return join(_LATE, tag("div", ask, tag("pre", "\n" + in_lines(text), style=_PRE), style=_LATER))


class Inserter:
    """Puts texts into new cells below the cell among whose controls its ``view`` is.

    That is empty, but for a text to copy where no script could insert it.
    """

    def __init__(self) -> None:
        self._copy = ipywidgets.HTML()
        # Shown nowhere, but in the page: the script runs in it and presses one of its buttons when it is done.
        self._boxes = ipywidgets.VBox(layout={"display": "none"})
        self._latest: Any = None
        self.view = ipywidgets.VBox([self._copy, self._boxes])

    def insert(self, text: str) -> None:
        """Put a text into a new cell; only from the main thread."""
        output, yes, no = ipywidgets.Output(), ipywidgets.Button(), ipywidgets.Button()
        box = self._latest = ipywidgets.HBox([output, yes, no])
        for widget, name in ((box, BOX), (yes, INSERTED), (no, REFUSED)):
            widget.add_class(name)

        def end(pressed: Any) -> None:
            """Remove the box; the text to copy is the latest press's, and only its own success makes it needless."""
            self._boxes.children = tuple(other for other in self._boxes.children if other is not box)
            if pressed is yes and box is self._latest:
                self._copy.value = ""
            for widget in (output, yes, no, box):
                widget.close()

        yes.on_click(end)
        no.on_click(end)
        self._copy.value = fallback_html(text)
        self._boxes.children = (*self._boxes.children, box)
        data = {"application/javascript": script(text, output.model_id)}
        # An Output widget's content is in no saved notebook.
        output.outputs = ({"output_type": "display_data", "data": data, "metadata": {}},)
