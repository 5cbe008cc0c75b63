"""The output of a cell: its pictures and a status line, changed through one handle from any thread."""

import base64
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from IPython.display import display

from wenwen_magic.client import Client
from wenwen_magic.errors import ImageError
from wenwen_magic.kinds import PNG, kind_of
from wenwen_magic.media.sandbox import SandboxPool
from wenwen_magic.notebook.scope import FrontEnd
from wenwen_magic.records import Gallery, Generation
from wenwen_magic.render import generation as look
from wenwen_magic.text.i18n import _


class Handle(Protocol):
    """What IPython's ``DisplayHandle`` does."""

    def update(self, obj: Any, **kwargs: Any) -> None:
        """Show something else in the same output."""


class Area:
    """The output where a cell's pictures are.

    Args:
        show: puts a MIME bundle into a new output and returns its handle; None where nothing may be shown.
        live: whether a shown output can be changed; a terminal's cannot, it gets the end result only.
        gather: makes a gallery of several generations.

    Attributes:
        live: as given.
        rows: the generations that are shown, in the order they came; those of a gallery not among them.
        gallery: the comparison that the cell drew; above the rows.
        render: makes the MIME bundle of a generation that is shown alone.
    """

    def __init__(
        self,
        show: Callable[[dict[str, Any]], Handle] | None,
        *,
        live: bool,
        gather: Callable[[list[Generation]], Gallery],
    ) -> None:
        self._show, self.live, self._gather = show, live, gather
        self._handle: Handle | None = None
        self._lock = threading.RLock()
        self._style = look.dead_controls_style()
        self._rendered: dict[str, Any] = {"text/plain": ""}  # the gallery and the rows
        self.rows: list[Generation] = []
        self.gallery: Gallery | None = None
        self.render: Callable[[Generation], dict[str, Any]] = partial(look.generation_bundle, asked_here=True)

    def status(self, line: str, preview: Path | None = None, *, plain: str = "", percent: float | None = None) -> None:
        """Show one line in place of the pictures, or under them.

        Args:
            line: the text.
            preview: a small file of the next picture as far as it is; it replaces the one before.
            plain: the line where only text is shown; empty for the same.
            percent: 0 to 100, shown as a bar before the line; None for no bar.
        """
        with self._lock:
            if self.live:
                self._put(_with_line(self._rendered, line, preview, plain, percent))

    def preview(self, bundle: dict[str, Any], line: str) -> None:
        """Show a bundle, such as an unfinished gallery's, and a line under it, without keeping it."""
        with self._lock:
            if self.live:
                self._put(_with_line(bundle, line))

    def put(self, gallery: Gallery) -> None:
        """Show a gallery in place of the one before."""
        with self._lock:
            self.gallery = gallery
            self.refresh()

    def show(self, *generations: Generation) -> None:
        """Show generations in the place of those that are there; a comparison stays above them."""
        with self._lock:
            self.rows = list(generations)
            self.refresh()

    def dim(self, preview: Path | None = None) -> None:
        """Show that another picture is being drawn: what is there stays in its place, pale.

        Args:
            preview: a small file of the next picture as far as it is; it lies over the one that is there.
        """
        with self._lock:
            if self.live and self._handle is not None:
                html = look.dimmed(self._rendered.get("text/html", ""), preview)
                self._put({**self._rendered, "text/html": html})

    def refresh(self) -> None:
        """Show the generations as they are, without a status line."""
        with self._lock:
            self._rendered = self._bundle()
            self._put(self._rendered)

    def _bundle(self) -> dict[str, Any]:
        """Return the comparison and, under a heading of their own, the generations beside it."""
        bundles = [dict(self.gallery._repr_mimebundle_())] if self.gallery is not None else []
        if self.rows:
            if bundles:
                heading = _("Beside the comparison:")
                bundles.append({"text/html": f"<p><b>{heading}</b></p>", "text/plain": heading})
            if len(self.rows) == 1:
                bundles.append(self.render(self.rows[0]))
            else:
                bundles.append(dict(self._gather(self.rows)._repr_mimebundle_()))
        return _joined(bundles) if bundles else {"text/plain": ""}

    def _put(self, bundle: dict[str, Any]) -> None:
        bundle = {**bundle, "text/html": bundle.get("text/html", "") + self._style}
        if self._handle is not None:
            self._handle.update(bundle, raw=True)
        elif self._show is not None and (self.rows or self.gallery or self.live):
            self._handle = self._show(bundle)

    def settle(self) -> None:
        """Leave what is shown in its place for good: the cell ends, and with it what captures its outputs."""
        with self._lock:
            if settle := getattr(self._handle, "settle", None):
                settle()

    def clear(self) -> None:
        """Remove a status line."""
        with self._lock:
            if self._handle is not None:
                self._handle.update({"text/plain": ""}, raw=True)


def area_of(client: Client, front: FrontEnd, *, quiet: bool) -> Area:
    """Make the output of a cell, where nothing is shown if it is to be ``quiet``."""
    outputs = _capturing() if front.kernel is not None else []

    def show(bundle: dict[str, Any]) -> Handle:
        if front.attended and not front.can_ask:
            return WidgetHandle(bundle, front.defer)
        if outputs and front.attended:
            return CapturedHandle(bundle, outputs, front.defer)
        if front.kernel is None:
            print_still(bundle, lambda: client.session.pool(client.settings.max_megapixels))
        return display(bundle, raw=True, display_id=True)  # type: ignore[no-any-return, no-untyped-call]

    live = front.changes and not quiet and (front.attended or not outputs)
    return Area(None if quiet else show, live=live, gather=client.gallery)


def _joined(bundles: list[dict[str, Any]]) -> dict[str, Any]:
    """Join bundles: texts below one another, the still picture of the first that has one."""
    texts = {kind: "\n".join(bundle.get(kind, "") for bundle in bundles) for kind in ("text/html", "text/plain")}
    stills = [{kind: data for kind, data in bundle.items() if kind.startswith("image/")} for bundle in bundles]
    return {**next((still for still in stills if still), {}), **texts}


def _with_line(
    bundle: dict[str, Any], line: str, preview: Path | None = None, plain: str = "", percent: float | None = None
) -> dict[str, Any]:
    html = bundle.get("text/html", "") + look.preview_html(preview) + look.status_html(line, percent)
    return {**bundle, "text/html": html, "text/plain": f"{bundle['text/plain']}\n{plain or line}".strip()}


# -- inside an Output widget, where updates by display id do not arrive ------------------------------------------------


def _capturing() -> list[Any]:
    """Return the ``Output`` widgets that capture what is shown now, the oldest first: ``with out:`` is around it."""
    if "ipywidgets" not in sys.modules:
        return []
    from ipywidgets import Output  # noqa: PLC0415
    from ipywidgets.widgets import widget as widgets  # noqa: PLC0415

    instances = widgets._instances if hasattr(widgets, "_instances") else widgets.Widget.widgets  # noqa: SLF001
    return [widget for widget in list(instances.values()) if isinstance(widget, Output) and widget.msg_id]


class CapturedHandle:
    """What is shown inside ``Output`` widgets, in place of IPython's ``DisplayHandle``.

    While the cell runs, a widget shows how far it is. When the cell ends, what it shows then is displayed as it is
    elsewhere; what replaces it later is put into the contents of the ``Output``, beside all else that is there.

    Args:
        bundle: what is shown first.
        outputs: the widgets that capture it.
        defer: runs a callable in the main thread when that is free: widgets are changed only there.
    """

    def __init__(
        self, bundle: dict[str, Any], outputs: Sequence[Any], defer: Callable[[Callable[[], None]], None]
    ) -> None:
        import ipywidgets  # noqa: PLC0415  only here: a cell that nothing captures needs no widgets

        from wenwen_magic.notebook.widgets import view_bundle  # noqa: PLC0415

        self._outputs, self._defer = outputs, defer
        self._bundle = self._displayed = bundle
        self._lock = threading.Lock()
        self._running: ipywidgets.HTML | None = ipywidgets.HTML(_html(bundle))
        # Without the text of the widget, which a saved notebook would keep as it is now.
        display(view_bundle(self._running), raw=True)  # type: ignore[no-untyped-call]

    def update(self, obj: Any, **_: Any) -> None:
        """Show another bundle in the place of the one before."""
        with self._lock:
            self._bundle = obj
            if self._running is not None:
                self._running.value = _html(obj)
                return
        self._defer(self._replace)

    def settle(self) -> None:
        """Display what is shown, in place of the widget that showed how far the cell is; in the cell's main thread."""
        with self._lock:
            running, self._running = self._running, None
            self._displayed = self._bundle
        if running is not None:
            # It is not closed: a page that is loaded again would show an error in its place.
            running.value, running.layout.display = "", "none"
            if _html(self._displayed) or self._displayed.get("text/plain"):
                display(self._displayed, raw=True)  # type: ignore[no-untyped-call]

    def _replace(self) -> None:
        with self._lock:
            before, self._displayed = self._displayed, self._bundle
        new = {"output_type": "display_data", "data": self._displayed, "metadata": {}}
        for output in reversed(self._outputs):
            texts = [_html(one.get("data", {})) for one in output.outputs]
            places = [place for place, html in enumerate(texts) if html and html == _html(before)]
            if places:
                output.outputs = (*output.outputs[: places[-1]], new, *output.outputs[places[-1] + 1 :])
                return
        self._outputs[-1].outputs += (new,)  # a front end that does not tell the kernel, or it was cleared


class WidgetHandle:
    """What is shown as a widget: where a page shows outputs as they were, but widgets as they are, as Voila's does.

    Source: https://github.com/voila-dashboards/voila/issues/498. The arguments are those of :class:`CapturedHandle`.
    """

    def __init__(self, bundle: dict[str, Any], defer: Callable[[Callable[[], None]], None]) -> None:
        import ipywidgets  # noqa: PLC0415

        self._defer = defer
        self._shown = ipywidgets.HTML(_html(bundle))
        display(self._shown)  # type: ignore[no-untyped-call]

    def update(self, obj: Any, **_: Any) -> None:
        """Show another bundle in the place of the one before."""
        self._defer(lambda: setattr(self._shown, "value", _html(obj)))


def _html(bundle: dict[str, Any]) -> str:
    return str(bundle.get("text/html", ""))


# -- in a terminal -----------------------------------------------------------------------------------------------------

_PROGRAMS = {"iTerm.app": "iterm", "WezTerm": "iterm", "mintty": "iterm", "kitty": "kitty", "ghostty": "kitty"}
"""How terminals show pictures, by TERM_PROGRAM: as iTerm2 does, or as kitty does, which takes PNG alone."""
_TERMS = {"xterm-kitty": "kitty", "xterm-ghostty": "kitty"}
_PIECE = 4096
"""Characters of base64 that kitty takes at once, a multiple of four."""
_TERMINAL_SIDE = 768
"""Pixels of a picture's longer side in a terminal: those of a preview."""


def terminal_way(environ: Mapping[str, str]) -> str:
    """Tell how the terminal shows pictures, ``iterm`` or ``kitty``, by its own variables; empty where it does not.

    A terminal within another one (tmux, screen, Zellij) hides what the outer one can.
    """
    term, program = environ.get("TERM", ""), environ.get("TERM_PROGRAM", "")
    within = any(environ.get(name) for name in ("TMUX", "STY", "ZELLIJ", "INSIDE_EMACS"))
    if within or term == "dumb" or term.startswith(("tmux", "screen")):
        return ""
    if term in _TERMS or program:
        return _TERMS.get(term) or _PROGRAMS.get(program, "")
    if environ.get("LC_TERMINAL") == "iTerm2":  # it goes through ssh
        return "iterm"
    return "kitty" if environ.get("KITTY_WINDOW_ID") else ""


def print_still(bundle: Mapping[str, Any], pool: Callable[[], SandboxPool]) -> None:
    """Print the still picture of a bundle where standard output is a terminal that shows pictures.

    Args:
        bundle: what is going to be shown; its text comes below.
        pool: gives what makes a PNG of a picture, for terminals that take nothing else.
    """
    if way := terminal_way(os.environ) if sys.stdout.isatty() else "":
        still = next((data for kind, data in bundle.items() if kind.startswith("image/")), "")
        if still and (shown := _in_terminal(base64.b64decode(still), way, pool)):
            print(shown, flush=True)


def _in_terminal(picture: bytes, way: str, pool: Callable[[], SandboxPool]) -> str:
    if way == "iterm":
        # https://iterm2.com/documentation-images.html
        return f"\x1b]1337;File=inline=1;size={len(picture)}:{base64.b64encode(picture).decode()}\a"
    if not kind_of(picture, (PNG,)):
        picture = _as_png(picture, pool())
    text = base64.b64encode(picture).decode()
    pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
    # https://sw.kovidgoyal.net/kitty/graphics-protocol/: shown at once, PNG, no answer that would be read as typed.
    heads = ["a=T,f=100,q=2,", *[""] * len(pieces)]
    last = len(pieces) - 1
    return "".join(f"\x1b_G{heads[at]}m={int(at < last)};{piece}\x1b\\" for at, piece in enumerate(pieces))


def _as_png(picture: bytes, pool: SandboxPool) -> bytes:
    """Return a picture as PNG; nothing where it cannot be made."""
    with TemporaryDirectory(prefix="wenwen") as folder:
        given, made = Path(folder) / "given", Path(folder) / "made"
        try:
            given.write_bytes(picture)
            pool.convert(given, made, max_side=_TERMINAL_SIDE, exact=True)
            return made.read_bytes()
        except (ImageError, OSError):
            return b""
