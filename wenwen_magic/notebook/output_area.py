"""The output of a cell: its pictures and a status line, changed through one handle from any thread."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from wenwen_magic.engine.worker_pool import Job
from wenwen_magic.records import Gallery, Generation
from wenwen_magic.render import generation as display
from wenwen_magic.text.i18n import _

KEPT = 8
"""Generations that stay in the area when further ones are drawn with the controls."""


class Handle(Protocol):
    """What IPython's ``DisplayHandle`` does."""

    def update(self, obj: Any, **kwargs: Any) -> None:
        """Show something else in the same output."""


def status_line(job: Job, now: float) -> str:
    """Return one line on a job under way: how long it takes, and the endpoint's words."""
    line = _("sent, drawing · {seconds} s", seconds=max(0, int(now - job.began)))
    return f"{line} · {job.progress.text}" if job.progress else line


class Area:
    """The output where a cell's pictures are.

    Args:
        show: puts a MIME bundle into a new output and returns its handle; None where nothing may be shown.
        live: whether a shown output can be changed; a terminal's cannot, it gets the end result only.
        gather: makes a gallery of several generations.

    Attributes:
        rows: the generations that are shown, in the order they came; those of a gallery not among them.
        gallery: the comparison that the cell drew; above the rows.
    """

    def __init__(
        self,
        show: Callable[[dict[str, Any]], Handle] | None,
        *,
        live: bool,
        gather: Callable[[list[Generation]], Gallery],
    ) -> None:
        self._show, self._live, self._gather = show, live, gather
        self._handle: Handle | None = None
        self._lock = threading.RLock()
        self._style = display.dead_controls_style()
        self.rows: list[Generation] = []
        self.gallery: Gallery | None = None

    def status(self, line: str, preview: Path | None = None) -> None:
        """Show one line in place of the pictures, or under them.

        Args:
            line: the text.
            preview: a small file of the next picture as far as it is; it replaces the one before.
        """
        with self._lock:
            if self._live:
                self._put(_with_line(self._bundle(), line, preview))

    def preview(self, gallery: Gallery, line: str) -> None:
        """Show an unfinished gallery and a line under it, without keeping it."""
        with self._lock:
            if self._live:
                self._put(_with_line(dict(gallery._repr_mimebundle_()), line))

    def put(self, gallery: Gallery) -> None:
        """Show a gallery in place of the one before."""
        with self._lock:
            self.gallery = gallery
            self.refresh()

    def add(self, *generations: Generation) -> None:
        """Show further generations after those that are there; the oldest are dropped beyond :data:`KEPT`."""
        new = {one.id for one in generations if one.id}
        with self._lock:
            before = [row for row in self.rows if row.id not in new]
            self.rows = [*before, *generations][-max(KEPT, len(generations)) :]
            self.refresh()

    def select(self, generation: Generation) -> None:
        """Show one generation in the place of all others; a comparison stays above it."""
        with self._lock:
            self.rows = [generation]
            self.refresh()

    def refresh(self) -> None:
        """Show the generations as they are, without a status line."""
        with self._lock:
            self._put(self._bundle())

    def _bundle(self) -> dict[str, Any]:
        """Return the comparison and, under a heading of their own, the generations beside it."""
        bundles = [dict(self.gallery._repr_mimebundle_())] if self.gallery is not None else []
        if self.rows:
            if bundles:
                heading = _("Beside the comparison:")
                bundles.append({"text/html": f"<p><b>{heading}</b></p>", "text/plain": heading})
            shown = self.rows[0] if len(self.rows) == 1 else self._gather(self.rows)
            bundles.append(dict(shown._repr_mimebundle_()))
        return _joined(bundles) if bundles else {"text/plain": ""}

    def _put(self, bundle: dict[str, Any]) -> None:
        bundle = {**bundle, "text/html": bundle.get("text/html", "") + self._style}
        if self._handle is not None:
            self._handle.update(bundle, raw=True)
        elif self._show is not None and (self.rows or self.gallery or self._live):
            self._handle = self._show(bundle)

    def clear(self, wipe: Callable[[], None] | None) -> None:
        """Remove a status line.

        Args:
            wipe: empties the cell's outputs; None where the cell may have others than ours.
        """
        with self._lock:
            if self._handle is not None and wipe is not None:
                wipe()
            elif self._handle is not None:
                self._handle.update({"text/plain": ""}, raw=True)


def _joined(bundles: list[dict[str, Any]]) -> dict[str, Any]:
    """Join bundles: texts below one another, the still picture of the first that has one."""
    texts = {kind: "\n".join(bundle.get(kind, "") for bundle in bundles) for kind in ("text/html", "text/plain")}
    stills = [{kind: one for kind, one in bundle.items() if kind.startswith("image/")} for bundle in bundles]
    return {**next((still for still in stills if still), {}), **texts}


def _with_line(bundle: dict[str, Any], line: str, preview: Path | None = None) -> dict[str, Any]:
    html = bundle.get("text/html", "") + display.preview_html(preview)
    plain = bundle["text/plain"]
    said = display.status_html(line)
    return {**bundle, "text/html": html + said, "text/plain": f"{plain}\n{line}".strip()}
