"""The ipywidgets under a picture; here the helpers with which all of them are made."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from itertools import starmap
from pathlib import Path
from typing import Any

import ipywidgets

from wenwen_magic.kinds import PNG, data_uri, kind_of
from wenwen_magic.text.i18n import _

_MARGIN = 8
"""Pixels that ipywidgets leaves between a field and its name."""
_THUMBNAILS = """
.wenwen-thumbnail{background-size:cover;background-position:center;background-origin:border-box;
border:2px solid transparent;border-radius:2px;display:flex;align-items:flex-end;justify-content:flex-start}
.wenwen-thumbnail.wenwen-shown{border-color:var(--jp-brand-color1,#1976d2)}
.wenwen-thumbnail:focus-visible{outline:2px solid var(--jp-brand-color1,#1976d2);outline-offset:1px}
"""


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
    made = ipywidgets.Button(description=description, tooltip=tooltip or "", button_style=style, layout=layout)
    made.on_click(lambda _made: press())
    return made


def row(children: Iterable[Any], **layout: str) -> Any:
    """Put widgets beside one another; they wrap where there is no room. ``layout`` as CSS has it."""
    return ipywidgets.HBox(list(children), layout={"flex_flow": "row wrap", "align_items": "center", **layout})


def show(*widgets: Any, on: bool = True) -> None:
    """Show widgets, or hide them: a hidden one takes no room, and keeps what is in it."""
    for widget in widgets:
        widget.layout.display = None if on else "none"


def is_hidden(widget: Any) -> bool:
    """Tell whether a widget was hidden by :func:`show`."""
    return bool(widget.layout.display == "none")


def thumbnail(press: Callable[[], object], *names: str, **layout: str) -> Any:
    """Make a button for a thumbnail, with CSS classes by which :func:`thumbnails` puts its picture there."""
    made = button("", press, **layout)
    for name in ("wenwen-thumbnail", *names):
        made.add_class(name)
    return made


def describe(made: Any, what: str, *, shown: bool) -> None:
    """Say on a thumbnail what it shows, and mark it where that is shown large."""
    made.tooltip = _("shown: {what}", what=what) if shown else _("show {what}", what=what)
    mark(made, "wenwen-shown", on=shown)


def thumbnails(style: str, files: Mapping[str, Path | None]) -> str:
    """Return the HTML of a style that puts thumbnails on buttons; one without a file is grey.

    Args:
        style: what else is said of the buttons, as CSS.
        files: by the class of each button, which also has the class ``wenwen-thumbnail``.
    """
    return f"<style>{_THUMBNAILS}{style}{''.join(starmap(_background, files.items()))}</style>"


def _background(name: str, file: Path | None) -> str:
    with suppress(OSError):
        if file is not None:
            data = file.read_bytes()
            uri = data_uri((kind_of(data) or PNG).mime, data)
            return f".{name}{{background-image:url({uri})}}"
    return f".{name}{{background-color:#777}}"


def mark(widget: Any, name: str, *, on: bool) -> None:
    """Give a widget a CSS class, or take it away."""
    (widget.add_class if on else widget.remove_class)(name)


def hint(kind: Any, text: str) -> dict[str, str]:
    """Return the argument that gives a widget its tooltip, by the name that this version of ipywidgets has for it."""
    name = next((name for name in ("tooltip", "description_tooltip") if hasattr(kind, name)), "")
    return {name: text} if name else {}


def named(kind: Any, name: str, *, width: int = 0, **layout: str) -> dict[str, Any]:
    """Return the arguments that give a field a name which is read aloud, takes no room, and is shown under a pointer.

    Args:
        kind: the class of the field.
        name: what is to be put into it.
        width: in pixels; 0 for as wide as ``layout`` says.
        **layout: as CSS has it.
    """
    place = {"width": f"{width + _MARGIN}px" if width else "auto", "margin": f"2px 2px 2px {2 - _MARGIN}px"}
    style = {"description_width": "0"}
    return {"description": name, "style": style, "layout": {**place, **layout}, **hint(kind, name)}


def upload(description: str, *, accept: str, tooltip: str, multiple: bool = False) -> Any:
    """Make a button that takes files; :func:`uploaded` gives what is in them."""
    return ipywidgets.FileUpload(
        description=description,
        accept=accept,
        multiple=multiple,
        icon="",
        layout={"width": "auto", "min_width": "88px"},
        **hint(ipywidgets.FileUpload, tooltip),
    )


def uploaded(field: Any) -> list[bytes]:
    """Return the files that a button has taken; ipywidgets 7 has them by their names, later ones in a row."""
    files = field.value.values() if isinstance(field.value, Mapping) else field.value
    return [bytes(each["content"]) for each in files]


def empty(field: Any) -> None:
    """Let a button for files forget what it has taken."""
    if isinstance(field.value, Mapping):
        field.metadata, field.data, field._counter = [], [], 0  # noqa: SLF001  ipywidgets 7 reads its value out of these
    else:
        field.value = ()


def view_bundle(widget: Any) -> dict[str, Any]:
    """Return the MIME bundle that shows a widget; ipywidgets 7 has no method that gives it."""
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    return {"text/plain": "", "application/vnd.jupyter.widget-view+json": view}
