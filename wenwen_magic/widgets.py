"""The controls under a picture: model, orientation, count, Generate, Stop, Insert as cell, takes and votes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any

import ipywidgets

from wenwen_magic import display
from wenwen_magic.area import status_line
from wenwen_magic.cell import TICK, Cell
from wenwen_magic.errors import WenwenError
from wenwen_magic.inserter import Inserter
from wenwen_magic.language import say
from wenwen_magic.records import Generation, ImageRequest
from wenwen_magic.runner import Job
from wenwen_magic.strip import MOST as MOST_TAKES
from wenwen_magic.strip import Acts, Strip
from wenwen_magic.vocabulary import ORIENTATIONS

MOST = 8
"""Pictures that one press may draw; never more than a cell may ask for without a question."""
LABEL = "48px"
DOUBLE_PRESS = 0.8
"""Seconds within which a second press of Generate is taken for the same."""


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
        self._cell, self._defer, self._models = cell, defer, list(models)
        self._jobs: list[Job] = []
        self._pressed = float("-inf")
        self._make_wishes(with_prompt=with_prompt)
        self._make_buttons()
        self.inserter = Inserter()
        self.strip = Strip(Acts(show=self._show, star=self._press_star, insert=self._insert))
        self.ballot = ipywidgets.HBox(layout={"flex_flow": "row wrap", "align_items": "center"})
        self.note = ipywidgets.HTML("")
        self.view = _Box(self._rows(with_prompt=with_prompt))
        self._show_what_came()

    def _make_wishes(self, *, with_prompt: bool) -> None:
        """What can be chosen: changing it asks for nothing."""
        request = self._cell.requests[0]
        self.prompt = ipywidgets.Textarea(
            value="" if with_prompt else request.prompt,
            placeholder=say("what to draw", "画什么"),
            layout={"width": "auto", "height": "72px"},
        )
        self.model = ipywidgets.Combobox(
            value=request.model,
            options=self._models,
            ensure_option=False,
            description=say("model", "模型"),
            style={"description_width": LABEL},
            layout={"width": "310px"},
        )
        self.orientation = ipywidgets.ToggleButtons(
            options=[(display.orientation_word(name), name) for name in ORIENTATIONS],
            value=request.orientation,
            style={"button_width": "92px"},
        )
        self.count = ipywidgets.BoundedIntText(
            value=1,
            min=1,
            max=max(1, min(MOST, self._cell.client.settings.confirm_above)),
            description=say("count", "张数"),
            style={"description_width": LABEL},
            layout={"width": "124px"},
        )

    def _make_buttons(self) -> None:
        self.generate = ipywidgets.Button(
            description=say("Generate", "生成"),
            button_style="primary",
            tooltip=say("draws a new picture (pays)", "画一张新图（付费）"),
            layout={"width": "100px"},
        )
        self.stop = ipywidgets.Button(
            description=say("Stop", "停止"),
            disabled=True,
            tooltip=say("ends the waiting; an answer on its way is still saved", "停止等待；途中的回答仍会保存"),
            layout={"width": "90px"},
        )
        self.insert = ipywidgets.Button(
            description=say("Insert as cell", "插入为单元格"),
            tooltip=say("a new cell that says what is chosen here", "把这里的选择写成一个新单元格"),
            layout={"width": "124px"},
        )
        self.insert.on_click(self._press_insert)
        self.generate.on_click(self._press_generate)
        self.stop.on_click(self._press_stop)

    def _rows(self, *, with_prompt: bool) -> list[Any]:
        wrap = {"flex_flow": "row wrap", "align_items": "center"}
        rows = [
            ipywidgets.HBox([self.model, self.orientation], layout=wrap),
            ipywidgets.HBox([self.count, self.generate, self.stop, self.insert], layout=wrap),
            self.ballot,
            self.note,
            self.strip.view,
            self.inserter.view,
        ]
        return [self.prompt, *rows] if with_prompt else rows

    def suggest(self, models: Sequence[str]) -> None:
        """Suggest other models; only from the main thread."""
        self.model.options = list(models)

    def say(self, *lines: str) -> None:
        """Write lines under the controls, escaped; only from the main thread."""
        self.note.value = "<br>".join(escape(line, quote=True) for line in lines)

    def _press_generate(self, _: Any) -> None:
        if self._is_double_press():
            return
        self._cell.speak(self.prompt.value)
        self.say()
        with self._telling():
            self._follow(self._cell.generate(self._chosen()), own=False)

    def _chosen(self) -> ImageRequest:
        """The request that the controls stand for.

        Raises:
            ConfigError: a value that cannot be.
        """
        return self._cell.changed(
            prompt=self.prompt.value.strip(),
            model=self.model.value.strip(),
            orientation=self.orientation.value,
            count=self.count.value,
        )

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Write an error of ours under the controls."""
        try:
            yield
        except WenwenError as error:
            self.say(*error.lines())

    # -- what is saved -------------------------------------------------------------------------------------------------

    def _show_what_came(self) -> None:
        """Ask for a vote where one is open, else show the takes: their names would tell what is hidden."""
        gallery = self._cell.area.gallery
        if gallery is not None and gallery.blind:
            self._ask_for_vote(list(gallery.letters))
        else:
            self.ballot.children = ()  # also after a %wenwen vote
            self.show_takes()

    def show_takes(self) -> None:
        """Fill the strip with the takes of what the cell shows; their thumbnails are made beside everything else."""
        if not self._cell.hides_labels:
            self._cell.runner.start(lambda _: self._find_takes())

    def _find_takes(self) -> None:
        found = self._cell.takes(MOST_TAKES)
        self._defer(lambda: self.strip.fill(found))

    def _show(self, take: Generation) -> None:
        self._cell.speak()
        self._cell.area.select(take)

    def _press_star(self, take: Generation) -> Generation:
        self._cell.speak()
        with self._telling():
            return self._cell.client.history.star(take, on=not take.star)
        return take

    def _press_insert(self, _: Any) -> None:
        self._cell.speak(self.prompt.value)
        with self._telling():
            self.inserter.insert(self._cell.client.cell_of(self._chosen()))

    def _insert(self, take: Generation) -> None:
        self._cell.speak()
        with self._telling():
            self.inserter.insert(self._cell.client.cell_of(take))

    def _ask_for_vote(self, letters: Sequence[str]) -> None:
        if self.ballot.children:
            return
        buttons = [ipywidgets.Button(description=letter, layout={"width": "48px"}) for letter in letters]
        for button in buttons:
            button.on_click(lambda pressed: self._press_vote(pressed.description))
        words = [ipywidgets.Label(say("the best one:", "最好的一张："))] if buttons else []
        self.ballot.children = (*words, *buttons)

    def _press_vote(self, letter: str) -> None:
        """Vote, once: what is pressed after a vote, in a double click or beside ``%wenwen vote``, changes nothing."""
        self._cell.speak()
        with self._telling():
            if self._cell.hides_labels:
                self.say(self._cell.vote(letter))
            self._show_what_came()

    def _is_double_press(self) -> bool:
        """Whether the button was pressed a moment ago: a double click is not a wish for two pictures."""
        now = self._cell.runner.now()
        pressed, self._pressed = self._pressed, now
        return now - pressed < DOUBLE_PRESS

    def follow(self, job: Job) -> None:
        """Show what comes of the cell's own job, and let Stop end the waiting for it."""
        self._follow(job, own=True)

    def _follow(self, job: Job, *, own: bool) -> None:
        self._jobs.append(job)
        self.stop.disabled = False
        self._cell.runner.start(lambda _: self._watch(job, own=own))

    def _watch(self, job: Job, *, own: bool) -> None:
        """Follow a job to its end; runs in a thread of its own and changes no widget itself."""
        area, runner = self._cell.area, self._cell.runner
        while not job.wait(TICK):
            if job in self._jobs:
                self._cell.tell(job) if own else area.status(status_line(job, runner.now()), job.preview)
        try:
            if job.error is not None:
                area.refresh()
            elif own:
                self._cell.finished(job)
            else:
                area.add(*job.result)
        finally:
            self._defer(lambda: self._finished(job, own=own))

    def _finished(self, job: Job, *, own: bool) -> None:
        """In the main thread: the buttons, a line that says what came, and the cell's variable."""
        self._cell.speak(self.prompt.value)
        if job in self._jobs:
            self._jobs.remove(job)
        self.stop.disabled = not self._jobs
        if isinstance(job.error, WenwenError):
            self.say(*job.error.lines())
        elif job.error is not None:
            self.say(f"{type(job.error).__name__}: {job.error}")
        else:
            if not own:
                self._cell.hand_over(job.result)
            if not (own and self._cell.hides_labels):
                self.say(_drawn(job.result))
            self._show_what_came()

    def _press_stop(self, _: Any) -> None:
        """End the waiting; the requests go on and their answers are saved."""
        self._cell.speak(self.prompt.value)
        self._jobs.clear()
        self.stop.disabled = True
        self.say(
            say(
                "Stopped waiting. What is on its way is still saved, and will appear here.",
                "已停止等待。途中的回答仍会保存，并会显示在这里。",
            )
        )
        self._cell.area.refresh()


def _drawn(rows: Sequence[Generation]) -> str:
    """What came, by id: a page that was reloaded since has lost the place where it should appear."""
    ids = " ".join(f"#{row.id[:6]}" for row in rows)
    first = rows[0].id[:6]
    return say(
        f"drawn: {ids} (not to be seen here? %wenwen show {first})", f"已画好：{ids}（没有显示？%wenwen show {first}）"
    )
