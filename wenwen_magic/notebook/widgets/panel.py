"""The controls under a picture: what to draw, Generate, Stop, Edit, Insert as cell, takes, votes, action buttons."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import ipywidgets

from wenwen_magic.client import Client
from wenwen_magic.engine.worker_pool import Job
from wenwen_magic.errors import ConfigError, LimitReached, WenwenError
from wenwen_magic.notebook.cell import TICK, Cell, Turn, status_line
from wenwen_magic.notebook.cell_source import cell_of
from wenwen_magic.notebook.widgets import button, row
from wenwen_magic.notebook.widgets.edit_row import ActionButtons, EditRow
from wenwen_magic.notebook.widgets.insert_cell import Inserter
from wenwen_magic.notebook.widgets.takes_strip import Presses, TakesStrip, saved_takes
from wenwen_magic.records import ORIENTATIONS, Button, Generation, ImageRequest
from wenwen_magic.render import generation
from wenwen_magic.render.markup import small, stacked
from wenwen_magic.text.i18n import _

DOUBLE_PRESS = 0.8
"""Seconds within which a second press of a button that pays is taken for the same."""
MOST = 8
"""Pictures that one press may draw; never more than a cell may ask for without a question."""
_LABEL = {"description_width": "48px"}
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
            style=_LABEL,
            layout={"width": "310px"},
        )
        self.orientation = ipywidgets.ToggleButtons(
            options=[(_(name), name) for name in ORIENTATIONS],
            value=request.orientation,
            style={"button_width": "92px"},
        )
        # No limit of the field's own: it would put another number in the place of what was typed, and not say so.
        self.count = ipywidgets.BoundedIntText(
            value=request.count,
            min=1,
            max=_HIGHEST,
            description=_("count"),
            style=_LABEL,
            layout={"width": "124px"},
        )
        self._at_first = self.values

    @property
    def values(self) -> dict[str, Any]:
        """What is chosen, as the fields of a request, but for the prompt."""
        return {"model": self.model.value.strip(), "orientation": self.orientation.value, "count": self.count.value}

    @property
    def untouched(self) -> bool:
        """Whether everything is as it began."""
        return self.values == self._at_first

    def choose(self, values: Mapping[str, Any]) -> None:
        """Choose what :attr:`values` gave."""
        for name, value in values.items():
            getattr(self, name).value = value


class _Box(ipywidgets.VBox):  # type: ignore[misc]
    """A box whose bundle also says, for places without live widgets, what is missing there."""

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle = super()._repr_mimebundle_(**kwargs) or {}
        return {**bundle, "text/html": generation.controls_html(), "text/plain": ""}


class Panel:
    """The controls of one cell.

    Settings count as they are at a press, the cell's own options before them.

    Args:
        cell: has the area where the pictures go; its first request is what the controls begin with.
        defer: runs a callable in the main thread when that is free: widgets are changed only there.
        models: names to suggest.
        with_prompt: whether there is a field for the prompt.

    Attributes:
        view: to be shown.
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
        self._pressed: dict[str, float] = {}
        self._before_edit: dict[str, Any] = {}
        self.choices = Choices(cell.requests[0], models, with_prompt=with_prompt)
        self.choices.count.observe(self._check_count, names="value")
        self.generate = button(_("Generate"), self._press_generate, style="primary", width="100px")
        self.stop = button(
            _("Stop"),
            self._press_stop,
            tooltip=_("ends the waiting; an answer on its way is still saved"),
            width="90px",
        )
        self.stop.disabled = True
        self.edit = button(_("Edit this one"), self._press_edit, width="116px")
        compared = bool(cell.labels)
        self.insert = button(
            _("Insert as cell"),
            self._press_insert,
            tooltip=_("this cell again; after a change here: one picture as chosen")
            if compared
            else _("a new cell that says what is chosen here"),
            width="124px",
        )
        self.inserter = Inserter()
        self.strip = TakesStrip(
            Presses(show=self._press_show, star=self._press_star, edit=self._open_edit, insert=self._press_insert_take)
        )
        self.edit_row = EditRow(self._press_cancel)
        self.action_buttons = ActionButtons(self._press_action)
        self.ballot = row([])
        self.note = ipywidgets.HTML("")
        self.view = _Box(
            [
                self.ballot,
                self.action_buttons.view,
                *([ipywidgets.HTML(small(_("One more picture, beside the comparison:")))] if compared else []),
                *([self.choices.prompt] if with_prompt else []),
                self.edit_row.view,
                row([self.choices.model, self.choices.orientation]),
                row([self.choices.count, self.generate, self.stop, self.edit, self.insert]),
                self.note,
                self.strip.view,
                self.inserter.view,
            ]
        )
        cell.voted.append(self._show_result)
        self._show_result()

    def suggest(self, models: Sequence[str]) -> None:
        """Suggest other models; only from the main thread."""
        self.choices.model.options = list(models)

    def show_message(self, *lines: str) -> None:
        """Write lines under the controls, escaped; only from the main thread."""
        self.note.value = stacked(*lines)

    def follow(self, job: Job) -> None:
        """Show the result of the cell's own job, and let Stop end the waiting for it."""
        self._hold(on=self._cell.blind)
        self._follow(job, own=True)

    def _speak(self) -> None:
        self._cell.speak(self.choices.prompt.value)

    @contextmanager
    def _handling(self) -> Iterator[None]:
        """Handle a press: in the cell's language, the last message gone, an error of ours shown in its place."""
        self._speak()
        self.show_message()
        try:
            yield
        except WenwenError as error:
            self.show_message(*error.lines())

    # -- drawing -------------------------------------------------------------------------------------------------------

    def _press_generate(self) -> None:
        def wanted(client: Client) -> tuple[ImageRequest, bool]:
            request = self._chosen(client)
            if request.count > (most := _most(client)):
                raise _too_many(request.count, most)
            return client.request(request), client.settings.mode != "replay"

        self._draw("", wanted)

    def _press_action(self, take: Generation, offered: Button) -> None:
        key = f"{take.id} {offered.label} {offered.params}"
        self._draw(key, lambda client: client.press_request(take, offered))

    def _draw(self, key: str, wanted: Callable[[Client], tuple[ImageRequest, bool]]) -> None:
        """Draw in the background, unless the same was pressed a moment ago: a double click wants one picture.

        Args:
            key: tells one button from another.
            wanted: makes the request, and tells whether it is drawn although a take is saved.
        """
        runner, before = self._cell.runner, self._pressed.get(key, float("-inf"))
        self._pressed[key] = runner.now()
        if self._pressed[key] - before < DOUBLE_PRESS:
            return
        with self._handling():
            client = self._cell.current_client()
            request, fresh = wanted(client)
            job = runner.start(lambda job: client.draw([request], fresh=fresh, tell=job.tell))
            self._follow(job, own=False)
        self._pressed[key] = runner.now()  # a second click has waited while this was done

    def _chosen(self, client: Client) -> ImageRequest:
        """Make the request that is chosen in the controls.

        Raises:
            ConfigError: a value that cannot be.
        """
        values = self.choices.values
        if self.edit_row.take is not None:
            return self.edit_row.request(client, self.edit_row.take, **values)
        return replace(self._cell.requests[0], prompt=self.choices.prompt.value.strip(), **values)

    def _check_count(self, change: Mapping[str, Any]) -> None:
        """Tell at once that a count is too large; it stays as it was typed."""
        with self._handling():
            if change["new"] > (most := _most(self._cell.current_client())):
                self.show_message(_too_many(change["new"], most).what)

    def _follow(self, job: Job, *, own: bool) -> None:
        self._jobs.append(job)
        self.stop.disabled = False
        turn = self._cell.turn()
        self._cell.runner.start(lambda _: self._watch(job, turn, own=own))

    def _watch(self, job: Job, turn: Turn, *, own: bool) -> None:
        """Follow a job to its end; runs in a thread of its own and changes no widget itself."""
        area, runner = self._cell.area, self._cell.runner
        show_progress = self._cell.progress_of(job)
        while not job.wait(TICK):
            if job in self._jobs:
                show_progress() if own else area.status(status_line(job, runner.now()), job.preview)
        try:
            if job.error is not None:
                area.refresh()
            elif own:
                self._cell.finished(job, turn)
            else:
                area.add(*job.result)
        finally:
            self._defer(lambda: self._finish(job, turn, own=own))

    def _finish(self, job: Job, turn: Turn, *, own: bool) -> None:
        """Update, in the main thread, the buttons, the message and the cell's variable after a job."""
        self._speak()
        if job in self._jobs:
            self._jobs.remove(job)
        self.stop.disabled = not self._jobs
        error, hidden = job.error, self._cell.hides_labels
        if error is not None:
            self.show_message(
                *(error.lines() if isinstance(error, WenwenError) else [f"{type(error).__name__}: {error}"])
            )
            self._hold(on=hidden)
            return
        first = self._cell.requests[0]
        several = self._cell.labels or first.count > 1
        # A variable that holds several pictures of the cell's own stays, and so does one that was gone on from.
        if not (own or several or any(take.parent != first.parent for take in job.result)):
            self._cell.say_left_alone(self._cell.hand_over(job.result, turn))
        if not (own and hidden):
            self.show_message(_summary(job.result))
        self._show_result()

    def _press_stop(self) -> None:
        """End the waiting; the requests go on and their answers are saved."""
        with self._handling():
            self._jobs.clear()
            self.stop.disabled = True
            self.show_message(_("Stopped waiting. What is on its way is still saved, and will appear here."))
            self._cell.area.refresh()

    # -- editing -------------------------------------------------------------------------------------------------------

    @property
    def _last_shown(self) -> Generation | None:
        """The picture that the cell shows last; None where there is none, or only a comparison."""
        return next((take for take in reversed(self._cell.area.rows) if take.images), None)

    def _press_edit(self) -> None:
        if (take := self._last_shown) is not None:
            self._open_edit(take)

    def _open_edit(self, take: Generation) -> None:
        """Let Generate draw a take again with a change, until Cancel; this alone asks for nothing."""
        with self._handling():
            edited = self.edit_row.take
            if edited is not None and edited.id == take.id:
                return  # what was typed stays
            if edited is None:
                self._before_edit = self.choices.values
            self.choices.choose({"model": take.request.model, "orientation": "auto", "count": 1})
            self.choices.prompt.layout.display = "none"
            self.edit_row.open(take, self._cell.client.thumbnail(take))

    def _press_cancel(self) -> None:
        with self._handling():
            self.edit_row.close()
            self.choices.prompt.layout.display = None
            self.choices.choose(self._before_edit)

    # -- what is saved -------------------------------------------------------------------------------------------------

    def _show_result(self) -> None:
        """Ask for a vote where one is open, else show the takes: their names would tell what is hidden."""
        gallery = self._cell.area.gallery
        self._hold(on=self._cell.hides_labels)
        if gallery is None or not gallery.blind:
            self.ballot.children = ()  # also after a %wenwen vote
            self._show_takes()
        elif not self.ballot.children and gallery.letters:
            letters = [button(letter, partial(self._press_vote, letter), width="48px") for letter in gallery.letters]
            self.ballot.children = (ipywidgets.Label(_("the best one:")), *letters)

    def _press_vote(self, letter: str) -> None:
        """Vote, once: what is pressed after a vote, in a double click or beside ``%wenwen vote``, changes nothing."""
        if self._cell.hides_labels:
            with self._handling():
                self.show_message(self._cell.vote(letter))

    def _show_takes(self) -> None:
        """Fill the strip with the takes of what the cell shows; their thumbnails are made beside everything else."""
        own, others = self._cell.client, []
        # Asked in the main thread: a key that is kept by the notebook's page comes through it.
        with suppress(ConfigError):
            others = [now for now in [self._cell.current_client()] if now.saved_takes != own.saved_takes]

        def find() -> None:
            try:
                takes, older = saved_takes(self._cell.area, own, others)
            except WenwenError as error:
                lines = error.lines()
                self._defer(lambda: self.show_message(*lines))
                return
            small_files = {take.id: own.thumbnail(take) for take in list(self._cell.area.rows) if take.buttons}
            self._defer(lambda: fill(takes, older, small_files))

        def fill(
            takes: Sequence[tuple[Generation, Path | None]], older: int, small_files: Mapping[str, Path | None]
        ) -> None:
            self._speak()
            self.strip.fill(takes, older)
            self._mark_shown(small_files)

        self._cell.runner.start(lambda _: find())

    def _mark_shown(self, small_files: Mapping[str, Path | None]) -> None:
        """Mark what the cell shows, and put its buttons under it."""
        shown = self._cell.area.rows
        self.strip.mark({take.id for take in shown})
        self.action_buttons.fill(shown, small_files)
        self._update_edit()

    def _hold(self, *, on: bool) -> None:
        """Draw nothing while a comparison is blind: what else is shown would tell a label."""
        self.generate.disabled = on
        pays = _("draws a new picture (pays)")
        self.generate.tooltip = _("vote first") if on else pays
        self._update_edit()

    def _update_edit(self) -> None:
        """Say which picture would be edited, if any."""
        take = None if self.generate.disabled else self._last_shown
        self.edit.disabled = take is None
        self.edit.tooltip = (
            _("press edit under a thumbnail")
            if take is None
            else _("say what to change in: ") + generation.caption(take, numbered=True)
        )

    def _press_show(self, take: Generation) -> None:
        with self._handling():
            self._cell.area.select(take)
            self._mark_shown({})

    def _press_star(self, take: Generation) -> Generation:
        with self._handling():
            own = self._cell.client.history
            return (own if own.find(take.id) else self._cell.current_client().history).star(take, on=not take.star)
        return take

    def _press_insert_take(self, take: Generation) -> None:
        with self._handling():
            self.inserter.insert(cell_of(self._cell.current_client(), take))

    def _press_insert(self) -> None:
        """Insert the cell that is chosen in the controls: a comparison's own, until something else is chosen."""
        with self._handling():
            cell, text = self._cell, ""
            if cell.labels and self.choices.untouched and self.edit_row.take is None:
                text = cell.text
                if not text:
                    self.show_message(_("The new cell draws only the first combination."))
                elif cell.options.fresh:
                    self.show_message(_("The new cell has --fresh: running it draws a new picture and pays."))
            if not text:
                client = cell.current_client()
                text = cell_of(client, self._chosen(client))
            self.inserter.insert(text)


def _most(client: Client) -> int:
    """Return how many pictures one press may draw."""
    return MOST if client.is_demo else max(1, min(MOST, client.settings.confirm_above))


def _too_many(count: int, most: int) -> LimitReached:
    return LimitReached(
        _("One press draws at most {most} pictures, not {count}.", most=most, count=count),
        do=_("Nothing was sent. Insert as cell writes a cell for more; it asks first."),
    )


def _summary(rows: Sequence[Generation]) -> str:
    """Name what was drawn, by id, and count what was not."""
    drawn = [take for take in rows if take.images]
    ids, failed = " ".join(f"#{take.id[:6]}" for take in drawn), len(rows) - len(drawn)
    missing = _("; {failed} without a picture", failed=failed) if failed else ""
    if all(take.from_history for take in drawn):
        return _("saved, free: {ids}", ids=ids) + missing
    return _("drawn: {ids}", ids=ids) + missing
