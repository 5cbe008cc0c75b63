"""The controls under a picture: what to draw, Generate, Stop, Edit, Insert as cell, takes, votes, offers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets

from wenwen_magic.client import Client
from wenwen_magic.engine.worker_pool import Job
from wenwen_magic.errors import WenwenError
from wenwen_magic.notebook.cell import TICK, Cell
from wenwen_magic.notebook.output_area import status_line
from wenwen_magic.notebook.widgets import takes_strip
from wenwen_magic.notebook.widgets.actions import Controls, too_many
from wenwen_magic.notebook.widgets.edit_row import Editing, Offers
from wenwen_magic.notebook.widgets.insert_cell import Inserter
from wenwen_magic.notebook.widgets.takes_strip import MOST as MOST_TAKES
from wenwen_magic.notebook.widgets.takes_strip import Acts, Strip
from wenwen_magic.records import ORIENTATIONS, Button, Generation, ImageRequest
from wenwen_magic.render import generation
from wenwen_magic.text.i18n import _

LABEL = "48px"
_HIGHEST = 1000


class Choices:
    """The fields of a request that a person changes most.

    Args:
        request: what they begin with.
        models: names to suggest.
        with_prompt: whether the prompt begins empty, to be typed here.

    Attributes:
        prompt: what to draw.
        model: who draws.
        orientation: ``auto``, ``square``, ``landscape`` or ``portrait``.
        count: how many.
    """

    def __init__(self, request: ImageRequest, models: Sequence[str], *, with_prompt: bool) -> None:
        self.prompt = ipywidgets.Textarea(
            value="" if with_prompt else request.prompt,
            placeholder=_("what to draw"),
            layout={"width": "auto", "height": "72px"},
        )
        self.model = ipywidgets.Combobox(
            value=request.model,
            options=list(models),
            ensure_option=False,
            description=_("model"),
            style={"description_width": LABEL},
            layout={"width": "310px"},
        )
        self.orientation = ipywidgets.ToggleButtons(
            options=[(generation.orientation_word(name), name) for name in ORIENTATIONS],
            value=request.orientation,
            style={"button_width": "92px"},
        )
        # No limit of the field's own: it would put another number in the place of what was typed, and not say so.
        self.count = ipywidgets.BoundedIntText(
            value=request.count,
            min=1,
            max=_HIGHEST,
            description=_("count"),
            style={"description_width": LABEL},
            layout={"width": "124px"},
        )
        self._began = self.wishes

    @property
    def wishes(self) -> dict[str, Any]:
        """What is chosen, as the fields of a request, but for the prompt."""
        return {"model": self.model.value.strip(), "orientation": self.orientation.value, "count": self.count.value}

    @property
    def untouched(self) -> bool:
        """Whether everything is as it began."""
        return self.wishes == self._began

    def put(self, wishes: dict[str, Any]) -> None:
        """Choose what :attr:`wishes` gave."""
        for name, value in wishes.items():
            getattr(self, name).value = value

    def on_count(self, told: Callable[[int], None]) -> None:
        """Call something with the count whenever it is changed."""
        self.count.observe(lambda change: told(change["new"]), names="value")


class Actions:
    """The four buttons; what pressing them does is said where they are put together.

    Args:
        compared: whether they stand under a comparison.

    Attributes:
        generate: draws.
        stop: ends the waiting.
        edit: begins to change the picture shown last.
        insert: puts a cell below.
    """

    def __init__(self, *, compared: bool) -> None:
        self.generate = ipywidgets.Button(description=_("Generate"), button_style="primary", layout={"width": "100px"})
        self.stop = ipywidgets.Button(
            description=_("Stop"),
            disabled=True,
            tooltip=_("ends the waiting; an answer on its way is still saved"),
            layout={"width": "90px"},
        )
        self.edit = ipywidgets.Button(description=_("Edit this one"), layout={"width": "116px"})
        self.insert = ipywidgets.Button(
            description=_("Insert as cell"),
            tooltip=_told_of_comparison() if compared else _told_of_choice(),
            layout={"width": "124px"},
        )

    def hold(self, *, on: bool) -> None:
        """Draw nothing while a comparison is blind: what else is shown would tell a label."""
        self.generate.disabled = on
        pays = _("draws a new picture (pays)")
        self.generate.tooltip = _("vote first") if on else pays

    def tell_of_edit(self, take: Generation | None) -> None:
        """Say which picture would be edited; None for none."""
        self.edit.disabled = take is None
        self.edit.tooltip = (
            _("press edit under a thumbnail")
            if take is None
            else _("say what to change in: ") + generation.caption(take, numbered=True)
        )


def _told_of_comparison() -> str:
    return _("this cell again; after a change here: one picture as chosen")


def _told_of_choice() -> str:
    return _("a new cell that says what is chosen here")


DOUBLE_PRESS = 0.8
"""Seconds within which a second press of a button that pays is taken for the same."""


class _Box(ipywidgets.VBox):  # type: ignore[misc]
    """A box whose bundle also says, for places without live widgets, what is missing there."""

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle = super()._repr_mimebundle_(**kwargs) or {}
        return {**bundle, "text/html": generation.controls_html(), "text/plain": ""}


class Panel:
    """The controls of one cell.

    Args:
        cell: has the area where the pictures go; its first request is what the controls begin with.
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
        self._cell, self._defer, self._controls = cell, defer, Controls(cell)
        self._jobs: list[Job] = []
        self._pressed: dict[str, float] = {}
        self._before_edit: dict[str, Any] = {}
        self.choices = Choices(cell.requests[0], models, with_prompt=with_prompt)
        self._actions = Actions(compared=bool(cell.labels))
        self.generate, self.stop = self._actions.generate, self._actions.stop
        self.edit, self.insert = self._actions.edit, self._actions.insert
        self._listen()
        self.inserter = Inserter()
        self.strip = Strip(Acts(show=self._show, star=self._press_star, edit=self._open_edit, insert=self._insert))
        self.editing = Editing(self._close_edit)
        self.offers = Offers(self._press_offer)
        self.ballot = takes_strip.row([])
        self.note = ipywidgets.HTML("")
        self.view = _Box(self._rows(with_prompt=with_prompt))
        cell.voted.append(self._show_what_came)
        self._show_what_came()

    def _listen(self) -> None:
        self.choices.on_count(self._look_at_count)
        self.insert.on_click(self._press_insert)
        self.edit.on_click(self._press_edit)
        self.generate.on_click(self._press_generate)
        self.stop.on_click(self._press_stop)

    def _rows(self, *, with_prompt: bool) -> list[Any]:
        chosen, buttons = self.choices, [self.generate, self.stop, self.edit, self.insert]
        beside = _("One more picture, beside the comparison:")
        return [
            self.ballot,
            self.offers.view,
            *([ipywidgets.HTML(f"<small>{beside}</small>")] if self._cell.labels else []),
            *([chosen.prompt] if with_prompt else []),
            self.editing.view,
            takes_strip.row([chosen.model, chosen.orientation]),
            takes_strip.row([chosen.count, *buttons]),
            self.note,
            self.strip.view,
            self.inserter.view,
        ]

    def suggest(self, models: Sequence[str]) -> None:
        """Suggest other models; only from the main thread."""
        self.choices.model.options = list(models)

    def say(self, *lines: str) -> None:
        """Write lines under the controls, escaped; only from the main thread."""
        self.note.value = "<br>".join(escape(line, quote=True) for line in lines)

    def _speak(self) -> None:
        self._cell.speak(self.choices.prompt.value)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Write an error of ours under the controls."""
        try:
            yield
        except WenwenError as error:
            self.say(*error.lines())

    def _is_double_press(self, what: str) -> bool:
        """Whether the same was pressed a moment ago: a double click is not a wish for two pictures."""
        now = self._cell.runner.now()
        before, self._pressed[what] = self._pressed.get(what, float("-inf")), now
        return now - before < DOUBLE_PRESS

    # -- drawing -------------------------------------------------------------------------------------------------------

    def _press_generate(self, _: Any) -> None:
        if self._is_double_press(""):
            return
        self._speak()
        self.say()
        with self._telling():
            self._follow(self._controls.generate(self._chosen()), own=False)
        self._pressed[""] = self._cell.runner.now()  # a second click has waited while this was done

    def _chosen(self) -> ImageRequest:
        """The request that the controls stand for.

        Raises:
            ConfigError: a value that cannot be.
        """
        if self.editing.take is not None:
            return self._controls.edited(self.editing.take, self.editing.words.value, **self.choices.wishes)
        return self._controls.chosen(prompt=self.choices.prompt.value.strip(), **self.choices.wishes)

    def _look_at_count(self, count: int) -> None:
        """Tell at once that a count is too large; it stays as it was typed."""
        self._speak()
        with self._telling():
            most = self._controls.most()
            self.say(*([too_many(count, most).what] if count > most else []))

    def _press_offer(self, take: Generation, button: Button) -> None:
        what = f"{take.id} {button.label} {button.params}"
        if button.again and self._is_double_press(what):
            return
        self._speak()
        self.say()
        with self._telling():
            self._follow(self._controls.press(take, button), own=False)
        self._pressed[what] = self._cell.runner.now()

    def follow(self, job: Job) -> None:
        """Show what comes of the cell's own job, and let Stop end the waiting for it."""
        self._hold(on=self._cell.blind)
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
        self._speak()
        if job in self._jobs:
            self._jobs.remove(job)
        self.stop.disabled = not self._jobs
        if job.error is not None:
            strange = [f"{type(job.error).__name__}: {job.error}"]
            self.say(*(job.error.lines() if isinstance(job.error, WenwenError) else strange))
            self._hold(on=self._cell.hides_labels)
            return
        if not own:
            self._controls.keep(job.result)
        if not (own and self._cell.hides_labels):
            self.say(_drawn(job.result))
        self._show_what_came()

    def _press_stop(self, _button: Any) -> None:
        """End the waiting; the requests go on and their answers are saved."""
        self._speak()
        self._jobs.clear()
        self.stop.disabled = True
        self.say(_("Stopped waiting. What is on its way is still saved, and will appear here."))
        self._cell.area.refresh()

    # -- editing -------------------------------------------------------------------------------------------------------

    @property
    def _this_one(self) -> Generation | None:
        """The picture that the cell shows last; None where there is none, or only a comparison."""
        return next((row for row in reversed(self._cell.area.rows) if row.images), None)

    def _press_edit(self, _: Any) -> None:
        if (take := self._this_one) is not None:
            self._open_edit(take)

    def _open_edit(self, take: Generation) -> None:
        """Let Generate draw a take anew with a change, until Cancel; this alone asks for nothing."""
        self._speak()
        self.say()
        if self.editing.take is not None and self.editing.take.id == take.id:
            return  # what was typed stays
        if not self.editing.is_open:
            self._before_edit = self.choices.wishes
        self.choices.put({"model": take.request.model, "orientation": "auto", "count": 1})
        self.choices.prompt.layout.display = "none"
        self.editing.open(take, self._cell.client.thumbnail(take))

    def _close_edit(self) -> None:
        self._speak()
        self.say()
        self.editing.close()
        self.choices.prompt.layout.display = None
        self.choices.put(self._before_edit)

    # -- what is saved -------------------------------------------------------------------------------------------------

    def _show_what_came(self) -> None:
        """Ask for a vote where one is open, else show the takes: their names would tell what is hidden."""
        gallery = self._cell.area.gallery
        self._hold(on=self._cell.hides_labels)
        if gallery is not None and gallery.blind:
            self._ask_for_vote(list(gallery.letters))
        else:
            self.ballot.children = ()  # also after a %wenwen vote
            self.show_takes()

    def _hold(self, *, on: bool) -> None:
        self._actions.hold(on=on)
        self._tell_of_edit()

    def show_takes(self) -> None:
        """Fill the strip with the takes of what the cell shows; their thumbnails are made beside everything else."""
        if not self._cell.hides_labels:
            clients = self._controls.clients()
            self._cell.runner.start(lambda _: self._find_takes(clients))

    def _find_takes(self, clients: Sequence[Client]) -> None:
        try:
            found, older = self._controls.takes(clients, MOST_TAKES)
        except WenwenError as error:
            lines = error.lines()
            self._defer(lambda: self.say(*lines))
            return
        shown = list(self._cell.area.rows)
        small = {row.id: self._cell.client.thumbnail(row) for row in shown if row.buttons}
        self._defer(lambda: self._fill(found, older, small))

    def _fill(
        self, found: Sequence[tuple[Generation, Path | None]], older: int, small: Mapping[str, Path | None]
    ) -> None:
        self._speak()
        self.strip.fill(found, older)
        self._tell_of_shown(small)

    def _tell_of_shown(self, small: Mapping[str, Path | None]) -> None:
        """Mark what the cell shows, and put its buttons under it."""
        shown = self._cell.area.rows
        self.strip.mark({row.id for row in shown})
        self.offers.fill(shown, lambda row: small.get(row.id))
        self._tell_of_edit()

    def _tell_of_edit(self) -> None:
        self._actions.tell_of_edit(None if self.generate.disabled else self._this_one)

    def _show(self, take: Generation) -> None:
        self._speak()
        self.say()
        self._cell.area.select(take)
        self._tell_of_shown({})

    def _press_star(self, take: Generation) -> Generation:
        self._speak()
        self.say()
        with self._telling():
            return self._controls.star(take)
        return take

    def _press_insert(self, _: Any) -> None:
        self._speak()
        self.say()
        with self._telling():
            self.inserter.insert(self._to_insert())

    def _to_insert(self) -> str:
        """The cell that the controls stand for: a comparison's own, until something else is chosen."""
        cell = self._cell
        if cell.labels and self.choices.untouched and not self.editing.is_open:
            if cell.text:
                self.say(*([_pays_again()] if cell.options.fresh else []))
                return cell.text
            self.say(_("The new cell draws the first combination alone."))
        return self._controls.spelled(self._chosen())

    def _insert(self, take: Generation) -> None:
        self._speak()
        self.say()
        with self._telling():
            self.inserter.insert(self._controls.spelled(take))

    # -- votes ---------------------------------------------------------------------------------------------------------

    def _ask_for_vote(self, letters: Sequence[str]) -> None:
        if self.ballot.children:
            return
        buttons = [ipywidgets.Button(description=letter, layout={"width": "48px"}) for letter in letters]
        for button in buttons:
            button.on_click(lambda pressed: self._press_vote(pressed.description))
        words = [ipywidgets.Label(_("the best one:"))] if buttons else []
        self.ballot.children = (*words, *buttons)

    def _press_vote(self, letter: str) -> None:
        """Vote, once: what is pressed after a vote, in a double click or beside ``%wenwen vote``, changes nothing."""
        self._speak()
        with self._telling():
            if self._cell.hides_labels:
                self.say(self._cell.vote(letter))  # which shows what came
            else:
                self._show_what_came()


def _drawn(rows: Sequence[Generation]) -> str:
    """What came, by id, and how many did not."""
    came = [row for row in rows if row.images]
    ids, failed = " ".join(f"#{row.id[:6]}" for row in came), len(rows) - len(came)
    missing = _("; {failed} without a picture", failed=failed) if failed else ""
    if all(row.from_history for row in came):
        return _("saved, free: {ids}", ids=ids) + missing
    return _("drawn: {ids}", ids=ids) + missing


def _pays_again() -> str:
    return _("The new cell has --fresh: run, it draws anew and pays.")
