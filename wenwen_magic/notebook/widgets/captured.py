"""A cell's output inside an ``Output`` widget, where updates by display id do not arrive."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
from IPython.display import display
from ipywidgets.widgets.widget import _instances


def capturing() -> list[ipywidgets.Output]:
    """Return the ``Output`` widgets that capture what is shown now, the oldest first: ``with out:`` is around it."""
    return [widget for widget in list(_instances.values()) if isinstance(widget, ipywidgets.Output) and widget.msg_id]


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
        self,
        bundle: dict[str, Any],
        outputs: Sequence[ipywidgets.Output],
        defer: Callable[[Callable[[], None]], None],
    ) -> None:
        self._outputs, self._defer = outputs, defer
        self._bundle = self._displayed = bundle
        self._lock = threading.Lock()
        self._running: ipywidgets.HTML | None = ipywidgets.HTML(_html(bundle))
        # Without the text of the widget, which a saved notebook would keep as it is now.
        display({**self._running._repr_mimebundle_(), "text/plain": ""}, raw=True)  # type: ignore[no-untyped-call]

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
            shown = [_html(one.get("data", {})) for one in output.outputs]
            places = [place for place, html in enumerate(shown) if html and html == _html(before)]
            if places:
                output.outputs = (*output.outputs[: places[-1]], new, *output.outputs[places[-1] + 1 :])
                return
        self._outputs[-1].outputs += (new,)  # a front end that does not tell the kernel, or it was cleared


def _html(bundle: dict[str, Any]) -> str:
    return str(bundle.get("text/html", ""))
