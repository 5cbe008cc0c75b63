"""The controls under a picture: model, orientation, count, Generate and Stop; the one home of ipywidgets."""

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets

from wenwen_magic import display
from wenwen_magic.area import status_line
from wenwen_magic.cell import TICK, Cell
from wenwen_magic.errors import WenwenError
from wenwen_magic.language import say
from wenwen_magic.records import ORIENTATIONS
from wenwen_magic.runner import Job


class _Box(ipywidgets.VBox):  # type: ignore[misc]
    """A box whose bundle also says, for places without live widgets, what is missing there."""

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle = super()._repr_mimebundle_(**kwargs) or {}
        return {**bundle, "text/html": display.controls_html(), "text/plain": ""}


class Panel:
    """The controls of one cell.

    Args:
        cell: draws, and has the area where the pictures go; its first request is what the controls begin with.
        defer: runs a callable in the main thread when that is free: widgets are changed only there.
        models: names to suggest.
        with_prompt: whether there is a field for the prompt.
    """

    def __init__(
        self,
        cell: Cell,
        defer: Callable[[Callable[[], None]], None],
        models: Sequence[str],
        *,
        with_prompt: bool = False,
    ) -> None:
        self._cell, self._defer = cell, defer
        self._jobs: list[Job] = []
        request = cell.requests[0]
        self.prompt = ipywidgets.Textarea(
            value="" if with_prompt else request.prompt,
            placeholder=say("what to draw", "画什么"),
            layout={"width": "auto", "height": "72px"},
        )
        self.model = ipywidgets.Combobox(
            value=request.model, options=list(models), ensure_option=False, layout={"width": "250px"}
        )
        self.orientation = ipywidgets.ToggleButtons(
            options=[(display.orientation_word(name), name) for name in ORIENTATIONS],
            value=request.orientation,
            style={"button_width": "78px"},
        )
        self.count = ipywidgets.BoundedIntText(value=1, min=1, max=8, layout={"width": "56px"})
        self.generate = ipywidgets.Button(
            description=say("Generate", "生成"),
            button_style="primary",
            tooltip=say("draws a new picture (pays)", "画一张新图（付费）"),
        )
        self.stop = ipywidgets.Button(
            description=say("Stop", "停止"),
            disabled=True,
            tooltip=say("ends the waiting; an answer on its way is still saved", "停止等待；途中的回答仍会保存"),
        )
        self.note = ipywidgets.Label("")
        self.generate.on_click(self._press_generate)
        self.stop.on_click(self._press_stop)
        self.view = _Box(self._rows(with_prompt=with_prompt))

    def _rows(self, *, with_prompt: bool) -> list[Any]:
        wrap = {"flex_flow": "row wrap", "align_items": "center"}
        words = [ipywidgets.Label(say("model", "模型")), self.model, self.orientation]
        buttons = [ipywidgets.Label(say("count", "张数")), self.count, self.generate, self.stop, self.note]
        rows = [ipywidgets.HBox(words, layout=wrap), ipywidgets.HBox(buttons, layout=wrap)]
        return [self.prompt, *rows] if with_prompt else rows

    def suggest(self, models: Sequence[str]) -> None:
        """Suggest other models; only from the main thread."""
        self.model.options = list(models)

    def _press_generate(self, _: Any) -> None:
        self.note.value = ""
        try:
            job = self._cell.generate(
                self._cell.changed(
                    prompt=self.prompt.value.strip(),
                    model=self.model.value.strip(),
                    orientation=self.orientation.value,
                    count=self.count.value,
                )
            )
        except WenwenError as error:
            self.note.value = f"{error.what} {error.do}"
            return
        self._jobs.append(job)
        self.stop.disabled = False
        self._cell.runner.start(lambda _: self._watch(job))

    def _watch(self, job: Job) -> None:
        """Follow a job to its end; runs in a thread of its own and changes no widget itself."""
        area, runner = self._cell.area, self._cell.runner
        while not job.wait(TICK):
            if job in self._jobs:
                area.status(status_line(job, runner.now()))
        self._defer(lambda: self._finished(job))
        if job.error is None:
            area.add(*job.result)
        else:
            area.refresh()

    def _finished(self, job: Job) -> None:
        if job in self._jobs:
            self._jobs.remove(job)
        self.stop.disabled = not self._jobs
        if job.error is not None:
            self.note.value = _one_line(job.error)
        else:
            self._cell.hand_over(job.result)

    def _press_stop(self, _: Any) -> None:
        """End the waiting; the requests go on and their answers are saved."""
        self._jobs.clear()
        self.stop.disabled = True
        self.note.value = say(
            "Stopped waiting. What is on its way is still saved and will appear above.",
            "已停止等待。途中的回答仍会保存，并会显示在上方。",
        )
        self._cell.area.refresh()


def _one_line(error: BaseException) -> str:
    if isinstance(error, WenwenError):
        return " ".join(line.strip() for line in error.lines())[:400]
    return f"{type(error).__name__}: {error}"[:400]
