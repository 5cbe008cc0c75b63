"""Makes the small parts that the controls are put together of: little buttons, thumbnails, rows that wrap."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ipywidgets

WRAP = {"flex_flow": "row wrap", "align_items": "center"}
"""The layout of a row that goes on below where the window is narrow."""
FRAME = "1px solid var(--jp-border-color2, #ccc)"
MARKED = "2px solid var(--jp-brand-color1, #1976d2)"


def button(description: str, tooltip: str, *, width: str = "36px") -> Any:
    """A little button.

    Args:
        description: what stands on it.
        tooltip: what it does.
        width: as CSS has it.
    """
    layout = {"width": width, "height": "26px", "padding": "0 4px", "margin": "1px"}
    return ipywidgets.Button(description=description, tooltip=tooltip, layout=layout)


def thumbnail(path: Path, height: int, widest: int) -> Any:
    """A small picture, so many pixels high or, if it is wide, lower.

    Args:
        path: a PNG or JPEG file.
        height: in pixels.
        widest: in pixels.
    """
    kind = "png" if path.suffix == ".png" else "jpeg"
    layout = {"max_height": f"{height}px", "width": "auto", "max_width": f"{widest}px", "margin": "0"}
    return ipywidgets.Image(value=path.read_bytes(), format=kind, layout=layout)


def thumbnails(path: Path | None, height: int, widest: int) -> list[Any]:
    """The picture as :func:`thumbnail` gives it, or none where there is no file."""
    return [thumbnail(path, height, widest)] if path and path.is_file() else []


def row(children: Sequence[Any]) -> Any:
    """Some parts beside one another, that wrap where there is no room."""
    return ipywidgets.HBox(list(children), layout=dict(WRAP))
