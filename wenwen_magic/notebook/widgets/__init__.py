"""The ipywidgets under a picture; here the helpers with which all of them are made."""

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets

WRAP = {"flex_flow": "row wrap", "align_items": "center"}
"""The layout of a row that goes on below where the window is narrow."""


def button(
    description: str, press: Callable[[], object], *, tooltip: str | None = None, style: str = "", **layout: str
) -> Any:
    """Make a button.

    Args:
        description: the text on it.
        press: is called, in the main thread, when it is pressed.
        tooltip: what it does.
        style: ``primary``, ``info``, or empty for a plain one.
        **layout: ``width`` and others, as CSS has them.
    """
    made = ipywidgets.Button(description=description, tooltip=tooltip, button_style=style, layout=layout)
    made.on_click(lambda _: press())
    return made


def row(children: Sequence[Any], **layout: str) -> Any:
    """Put widgets beside one another; they wrap where there is no room. ``layout`` as CSS has it."""
    return ipywidgets.HBox(list(children), layout={**WRAP, **layout})
