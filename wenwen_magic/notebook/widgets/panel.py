"""The controls under a picture: what Generate draws and costs, Save, Edit, versions, votes, and more behind ⋯."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from shutil import copyfile
from typing import Any

import ipywidgets

from wenwen_magic.client import Client
from wenwen_magic.engine import limits
from wenwen_magic.engine.worker_pool import Job
from wenwen_magic.errors import ConfigError, LimitReached, WenwenError
from wenwen_magic.notebook.cell import TICK, Cell, Turn, doubts, status_line
from wenwen_magic.notebook.cell_source import animated, cell_of, retyped
from wenwen_magic.notebook.options import suggested_models
from wenwen_magic.notebook.widgets import button, is_hidden, named, row, show, view_bundle
from wenwen_magic.notebook.widgets.edit_row import ActionButtons, EditRow
from wenwen_magic.notebook.widgets.insert_cell import Inserter
from wenwen_magic.notebook.widgets.takes_strip import TakesStrip, saved_takes
from wenwen_magic.records import Button, Gallery, Generation, ImageRequest
from wenwen_magic.render import generation
from wenwen_magic.render.markup import clipped, join, small, stacked, tag
from wenwen_magic.text import orientation
from wenwen_magic.text.i18n import N_, _, is_chinese, ngettext, speak, spoken

DOUBLE_PRESS = 0.8
"""Seconds within which a second press of a button that pays is taken for the same."""
MOST = 8
"""Pictures that one press may draw; never more than a cell may ask for without a question."""
_HIGHEST = 1000
_ROW = "34px"
"""The height of the rows whose contents change while a picture is drawn: what is under them stays in its place."""
_LINE = "1px solid var(--jp-border-color2, #ccc)"
_LONGEST_WORDS = 60
_BEFORE_ALL_JOBS = -1
_UNSEEN = "position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap"
# Its own width counts nothing: else the field would be as wide as the words.
_WORDS = "display:block;width:0;min-width:100%;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;opacity:.7"
# JupyterLab marks a cell whose text was changed since it ran; elsewhere the second line is never seen.
_EITHER = tag(
    "style",
    ".wenwen-changed,.jp-mod-dirty .wenwen-words{display:none!important}"
    ".jp-mod-dirty .wenwen-changed{display:block!important}",
)
_SHAPES = (*orientation.ORIENTATIONS, *orientation.RATIOS)
_OF_PICTURES = {
    "count": N_("how many pictures"),
    "draws": N_("draws a new picture (pays)"),
    "stops": N_("A picture that still arrives is saved (and may be charged)."),
    "stopped": N_("Stopped waiting. A picture that still arrives is saved (and may be charged) and appears here."),
    "fresh": N_("The new cell has --fresh: running it draws a new picture and pays."),
    "failed": N_("{failed} without a picture"),
}
_OF_CLIPS = {
    "count": N_("how many clips"),
    "draws": N_("makes a new clip (pays)"),
    "stops": N_("A clip that still arrives is saved (and may be charged)."),
    "stopped": N_("Stopped waiting. A clip that still arrives is saved (and may be charged) and appears here."),
    "fresh": N_("The new cell has --fresh: running it makes a new clip and pays."),
    "failed": N_("{failed} without a clip"),
}


def _words_of(request: ImageRequest) -> Mapping[str, str]:
    """Return what the controls say of what a request wants."""
    return _OF_CLIPS if request.wants_clip else _OF_PICTURES


class Choices:
    """The fields of a request that a person changes most: prompt, model, orientation and count.

    Args:
        request: what they begin with.
        models: names to suggest.
        with_prompt: whether the prompt begins empty, to be typed here.
        count: how many pictures a press asks for at first.
    """

    def __init__(self, request: ImageRequest, models: Sequence[str], *, with_prompt: bool, count: int) -> None:
        self.prompt = ipywidgets.Textarea(
            value="" if with_prompt else request.prompt,
            placeholder=_("what to draw"),
            layout={"width": "auto", "height": "72px"},
        )
        self.model = ipywidgets.Combobox(
            value=request.model,
            options=list(models),
            ensure_option=False,
            continuous_update=False,
            placeholder=_("model"),
            **named(ipywidgets.Combobox, _("model"), width=190),
        )
        self.orientation = ipywidgets.Dropdown(
            options=[(orientation.said(name), name) for name in dict.fromkeys([*_SHAPES, request.orientation])],
            value=request.orientation,
            **named(ipywidgets.Dropdown, _("orientation"), width=116),
        )
        # No limit of the field's own: it would put another number in the place of what was typed, and not say so.
        self.count = ipywidgets.BoundedIntText(
            value=count,
            min=1,
            max=_HIGHEST,
            **named(ipywidgets.BoundedIntText, _(_words_of(request)["count"]), width=56),
        )
        self._at_first = self.values

    @property
    def values(self) -> dict[str, Any]:
        """What is chosen, as the fields of a request, but for the prompt."""
        return {"model": self.model.value.strip(), "orientation": self.orientation.value, "count": self.count.value}

    @property
    def changed(self) -> dict[str, Any]:
        """What is not as it began."""
        return {name: value for name, value in self.values.items() if value != self._at_first[name]}

    def choose(self, values: Mapping[str, Any]) -> None:
        """Choose what :attr:`values` gave."""
        for name, value in values.items():
            getattr(self, name).value = value


class _Box(ipywidgets.VBox):  # type: ignore[misc]
    """A box whose bundle also says, for places without live widgets, what is missing there."""

    _ipython_display_ = None  # of ipywidgets 7, which would show a bundle of its own

    def _repr_mimebundle_(self, **_kwargs: Any) -> dict[str, Any]:
        return {**view_bundle(self), "text/html": generation.controls_html()}


class Panel:
    """The controls of one cell, to be shown as their ``view``.

    Settings count as they are at a press, the cell's own options before them.

    Args:
        cell: has the area where the pictures go; its first request is what the controls begin with.
        defer: runs a callable in the main thread when that is free: widgets are changed only there.
        models: names to suggest.
        with_prompt: whether there is a field for the prompt.
        undrawn: whether the first press draws what the cell left undrawn: what is saved or under way then counts.
    """

    def __init__(
        self,
        cell: Cell,
        defer: Callable[[Callable[[], None]], None],
        models: Sequence[str],
        *,
        with_prompt: bool = False,
        undrawn: bool = False,
    ) -> None:
        self._cell, self._defer, self._undrawn = cell, defer, undrawn
        self._jobs: list[Job] = []
        self._pressed: dict[str, float] = {}
        self._before_edit: dict[str, Any] = {}
        self._own = [take.id for take in cell.area.rows]  # what the cell itself shows
        self._requests = {request.fingerprint: request for request in cell.requests}  # of all that was shown here
        first = cell.requests[0]
        self.choices = chosen = Choices(first, models, with_prompt=with_prompt, count=first.count if undrawn else 1)
        for field in (chosen.model, chosen.orientation, chosen.count, chosen.prompt):
            field.observe(lambda _change: self._check_choices(), names="value")
        compared, self._clip, self._says = bool(cell.labels), first.wants_clip, _words_of(first)
        self.action_buttons = ActionButtons(self._press_action)
        self.strip = TakesStrip(self._press_show)
        self.edit_row = EditRow(self._press_cancel)
        self._missed = False  # whether the last press brought no picture
        self._held = False  # whether nothing may be drawn: what else is shown would tell a label
        self.inserter = Inserter()
        self.ballot = row([])
        self.note = ipywidgets.HTML("")
        self._agreed: Callable[[], None] | None = None  # what is done after a yes to the question that is open
        yes = button(_("Go on"), self._press_yes, style="primary", width="auto")
        self.question = row([yes, button(_("Cancel"), self._press_no, width="auto")], display="none")

        wide, beside = {"width": "auto", "min_width": "72px"}, _("copy the original beside the notebook")
        self.save = button("⤓ " + _("Save"), self._press_save, tooltip=beside, **wide)
        self.edit = button("✎ " + _("Edit"), self._press_edit, **wide)
        self.more = button("⋯", self._press_more, tooltip=_("star, insert as cell, prompt as sent, file"), width="40px")
        self.tools = row(
            [self.action_buttons.first, self.save, self.edit, self.more], justify_content="flex-end", width="100%"
        )
        self.percent = ipywidgets.FloatProgress(min=0, max=100, layout={"flex": "1 1 120px", "min_width": "60px"})
        self.progress_line = ipywidgets.HTML(layout={"margin": "0 4px"})
        self.progress = row([self.percent, self.progress_line], display="none", width="100%")
        upper = ipywidgets.Box([self.tools, self.progress], layout={"min_height": _ROW, "width": "100%"})

        self.star = button("☆ " + _("Star"), self._press_star, tooltip=_("a re-run shows the latest with a star"))
        means = _("a new cell that says what is chosen here")
        if compared:
            means = _("this cell again; after a change here: one alone, as chosen")
        self.insert = button(_("Insert as cell"), self._press_insert, tooltip=means, width="auto")
        self.details = ipywidgets.HTML()
        moves = _("a new cell that makes a clip which begins with this picture")
        self.animate = button("▶ " + _("Animate"), self._press_animate, tooltip=moves, width="auto")
        self.menu = ipywidgets.VBox(
            [self.action_buttons.rest, row([self.star, self.insert, self.animate]), self.details],
            layout={"display": "none"},
        )

        self.words = ipywidgets.HTML(
            layout={"flex": "1 1 40px", "width": "auto", "min_width": "0", "overflow": "hidden"}
        )
        # One button for both, so that the focus of the keyboard stays where it was.
        self.generate = button("", self._press_generate, width="auto", min_width="120px")
        # On the right, also where the row has wrapped, and never one without the other.
        last = ipywidgets.HBox([self.generate, self.edit_row.cancel], layout={"margin": "0 0 0 auto"})
        self._settings = (chosen.model, chosen.orientation, chosen.count, self.words)
        press = [*self.edit_row.fields, *self._settings, last]
        self.drawing = ipywidgets.VBox(
            [
                upper,
                self.menu,
                self.strip.view,
                *([ipywidgets.HTML(small(_("One more, beside the comparison:")))] if compared else []),
                *([self.choices.prompt] if with_prompt else []),
                ipywidgets.VBox(
                    [row(press, width="100%"), self.edit_row.below],
                    layout={"border_top": _LINE, "padding": "4px 0 0 0", "width": "100%"},
                ),
            ]
        )
        self.view = _Box(
            [self.ballot, self.drawing, self.note, self.question, self.inserter.view], layout={"max_width": "820px"}
        )
        self._with_prompt = with_prompt
        cell.voted.append(self._show_result)
        self._show_result()

    def suggest(self, models: Sequence[str]) -> None:
        """Suggest other models, and tell if the one in the field is none of them; only from the main thread."""
        self.choices.model.options = list(models)
        if not self.note.value:
            self._check_choices()

    def show_message(self, *lines: str, unseen: str = "") -> None:
        """Write lines under the controls, escaped; only from the main thread.

        ``unseen`` is read to who cannot see the picture, and not shown.
        """
        self._agreed = None  # the words of an open question give way to these
        show(self.question, on=False)
        text = join(stacked(*lines), tag("span", unseen, style=_UNSEEN) if unseen else "")
        # What is put into the page is read aloud where it is an alert; the field itself can have no role.
        self.note.value = tag("div", text, role="alert", lang=spoken()) if text else ""

    def show_error(self, error: BaseException) -> None:
        """Write an error under the controls, in one line; only from the main thread."""
        self.show_message(error.in_short() if isinstance(error, WenwenError) else f"{type(error).__name__}: {error}")

    def follow(self, job: Job) -> None:
        """Show the result of the cell's own job, and let Stop end the waiting for it."""
        self._held = self._cell.blind
        self._follow(job, own=True, wanted=sum(request.count for request in self._cell.requests))

    # -- what the controls say -----------------------------------------------------------------------------------------

    def _update(self) -> None:
        """Let the controls say what is shown, chosen and waited for; while a job is waited for Generate is Stop."""
        waiting = bool(self._jobs)
        show(self.drawing, on=waiting or not self._held)
        show(self.progress, on=waiting)
        show(self.tools, on=not waiting)
        self._update_generate(waiting=waiting)
        take, area = None if self._held else self._last_shown, self._cell.area
        self.tools.layout.visibility = None if area.rows or area.gallery else "hidden"  # it keeps its place
        self.save.disabled = self.edit.disabled = self.star.disabled = self.animate.disabled = take is None
        # Of a clip neither can be made.
        show(self.edit, self.animate, on=not self._clip and (take is None or bool(take.images)))
        self.edit.tooltip = (
            _("press a thumbnail first") if take is None else _("say what to change in: ") + generation.caption(take)
        )
        self.star.description = f"{'★' if take is not None and take.star else '☆'} {_('Star')}"
        styles = self._cell.client.settings.styles
        self.details.value = generation.details_html(take, styles) if take is not None else ""

    def _update_generate(self, *, waiting: bool) -> None:
        """Write on Generate what it costs, and beside it which prompt it uses."""
        price, does = self._price()
        face = " · ".join(filter(None, (_("Try again") if self._missed else _("Generate"), price)))
        self.generate.description = _("Stop waiting") if waiting else face
        self.generate.button_style = "" if waiting else "primary"
        self.generate.disabled = self._held and not waiting
        self.generate.tooltip = _(self._says["stops"]) if waiting else does
        editing = self.edit_row.take is not None
        # The change stands in the place of what the picture was asked with; behind ⋯ that can be changed all the same.
        show(*self._settings, on=not editing or not is_hidden(self.menu))
        prompt = "" if editing or self._with_prompt else self.choices.prompt.value
        lang = "zh" if is_chinese(prompt) else None
        title, name = prompt[:1000], "wenwen-words"
        words = tag("small", clipped(prompt, _LONGEST_WORDS), title=title, style=_WORDS, lang=lang, class_=name)
        changed = _("Run the cell to use the new prompt")
        hint = tag("small", changed, title=changed, style=_WORDS, class_="wenwen-changed")
        self.words.value = join(_EITHER, words, hint) if prompt else ""

    def _price(self) -> tuple[str, str]:
        """Return what a press costs, or how many pictures it draws (empty for neither known), and what it does."""
        does = _(self._says["draws"])
        with suppress(WenwenError):
            client, values = self._cell.current_client(), self.choices.values
            if client.settings.mode == "replay":
                return "", _("replay mode is offline")
            if self.edit_row.take is not None:
                values["params"] = {}  # a change is asked for without those of the picture
            request = replace(self._cell.requests[0], **values)
            cost = limits.cost_of(client.missing([request], fresh=True))
            if not cost.unknown and cost.pictures and not client.is_demo:
                return limits.amount(cost.known, client.settings.currency), does
            if cost.pictures > 1:
                short = ngettext("{count} clip", "{count} clips", cost.clips) if cost.clips else limits.things(cost)
                return short, does
        return "", does

    def _check_choices(self) -> None:
        """Tell at once what Generate would cost, and what would be refused or doubted; what was typed stays."""
        self._update()
        with self._handling():
            client, values = self._cell.current_client(), self.choices.values
            _check_count(client, values["count"], clips=self._clip)
            if values["model"]:
                request = replace(self._cell.requests[0], **values)
                self.show_message(*doubts(client, client.look_through([request], fresh=True).asked))

    def _speak(self) -> None:
        """Choose the language of messages: a press runs in a context of its own, where no magic has done so."""
        speak(self._cell.client.settings.lang, prompt=self.choices.prompt.value or self._cell.requests[0].prompt)

    @contextmanager
    def _handling(self) -> Iterator[None]:
        """Handle a press: in the cell's language, the last message gone, an error of ours shown in its place."""
        self._speak()
        self.show_message()
        try:
            yield
        except WenwenError as error:
            self.show_error(error)

    # -- drawing -------------------------------------------------------------------------------------------------------

    def _press_generate(self) -> None:
        if self._jobs:
            self._press_stop()
            return

        def wanted(client: Client) -> tuple[ImageRequest, bool]:
            request = self._chosen(client)
            _check_count(client, request.count, clips=request.wants_clip)
            request = client.request(request)
            own = self._undrawn and request.fingerprint == self._cell.requests[0].fingerprint
            fresh = self._cell.options.fresh or not own
            return request, fresh and client.settings.mode != "replay"

        self._draw(self._drawn, wanted)

    def _press_action(self, take: Generation, offered: Button) -> None:
        key = f"{take.id} {offered.label} {offered.params}"
        self._draw(key, lambda client: client.press_request(take, offered))

    def _draw(self, key: str, wanted: Callable[[Client], tuple[ImageRequest, bool]]) -> None:
        """Draw in the background, unless the same key was pressed a moment ago: a double click wants one picture.

        ``wanted`` makes the request, and tells whether it is drawn although a take is saved.
        """
        if self._is_double(key):
            return
        with self._handling():
            client = self._cell.current_client()
            request, fresh = wanted(client)
            start = partial(self._start, client, request, fresh=fresh)
            cost = self._cell.pressed(request, client, fresh=fresh).cost_to_agree()
            if cost is None:
                start()
            else:
                self.show_message(
                    _("This asks for {cost}. Go on?", cost=limits.cost_text(cost, client.settings.currency))
                )
                self._agreed = start  # another press, or another choice, is a no
                show(self.question)
        self._pressed[key] = self._cell.runner.now()  # a second click has waited while this was done

    def _start(self, client: Client, request: ImageRequest, *, fresh: bool) -> None:
        job = self._cell.runner.start_or_run(
            lambda job: client.draw([request], fresh=fresh, tell=job.tell, on_arrival=job.arrive)
        )
        self._follow(job, own=False, wanted=request.count)

    def _press_yes(self) -> None:
        go_on = self._agreed  # None for the second press of a double click
        if go_on is not None:
            with self._handling():
                go_on()

    def _press_no(self) -> None:
        if self._agreed is not None:
            with self._handling():
                self.show_message(_("Cancelled, nothing was sent."))

    @property
    def _drawn(self) -> str:
        """What Generate draws now: the change that is typed, or the prompt."""
        return "prompt" if self.edit_row.take is None else "change"

    def _is_double(self, key: str) -> bool:
        """Tell whether a button was pressed a moment ago, and note that it is pressed now."""
        before, self._pressed[key] = self._pressed.get(key, float("-inf")), self._cell.runner.now()
        return self._pressed[key] - before < DOUBLE_PRESS

    def _chosen(self, client: Client) -> ImageRequest:
        """Make the request that is chosen in the controls; ConfigError for a value that cannot be."""
        values = self.choices.values
        if self.edit_row.take is not None:
            return self.edit_row.request(client, self.edit_row.take, **values)
        return replace(self._cell.requests[0], prompt=self.choices.prompt.value.strip(), **values)

    def _follow(self, job: Job, *, own: bool, wanted: int) -> None:
        self._jobs.append(job)
        self._show_line("", None)
        self._update()
        turn = self._cell.turn()
        self._cell.runner.start_or_run(lambda _: self._watch(job, turn, own=own, wanted=wanted))

    def _watch(self, job: Job, turn: Turn, *, own: bool, wanted: int) -> None:
        """Follow a job to its end; runs in a thread of its own and changes no widget itself."""
        area, runner = self._cell.area, self._cell.runner
        show_own = self._cell.progress_of(job) if own else None
        previewed: Path | None = None
        if not own:
            area.dim()
        while not job.wait(TICK):
            if job not in self._jobs:
                continue
            if show_own is not None:
                show_own()
            elif job.preview != previewed:
                previewed = job.preview
                area.dim(previewed)
            line = status_line(job, runner.now(), self._cell.requests[0], wanted)
            percent = job.progress.percent if job.progress else None
            self._defer(partial(self._show_progress, job, line, percent))
        try:
            if job.error is not None:
                area.refresh()
            elif own:
                self._cell.finished(job, turn)
            else:
                area.show(*job.result)
        finally:
            self._defer(lambda: self._finish(job, turn, own=own))

    def _show_progress(self, job: Job, line: str, percent: float | None) -> None:
        if job in self._jobs:
            self._show_line(line, percent)

    def _show_line(self, line: str, percent: float | None) -> None:
        self.percent.value, self.percent.layout.visibility = percent or 0, "hidden" if percent is None else None
        self.progress_line.value = small(line) if line else ""

    def _finish(self, job: Job, turn: Turn, *, own: bool) -> None:
        """Update, in the main thread, the buttons, the message and the cell's variable after a job."""
        self._speak()
        if job in self._jobs:
            self._jobs.remove(job)
            self._show_line("", None)
        self._missed, self._held = job.error is not None, self._cell.hides_labels
        self._update()
        if job.error is not None:
            self.show_error(job.error)
            return
        drawn = [take for take in job.result if take.files]
        self._undrawn = self._undrawn and not drawn
        if own:
            self._own = [take.id for take in self._cell.area.rows]
        else:
            if not self._cell.labels:  # the variable of a comparison stays: it is still shown
                self._cell.say_left_alone(self._cell.hand_over(job.result, turn))
            edited = self.edit_row.take
            # No edit goes on from a video, which may have been answered.
            if drawn and drawn[-1].images and edited is not None and drawn[-1].request.parent == edited.id:
                self.edit_row.open(drawn[-1], done=drawn[-1].request.prompt)  # the next change goes on from it
        if not (own and self._held):
            alts = [generation.alt_of(take) for take in drawn]
            came = " ".join(
                f"{generation.caption(take, numbered=True)}: {alt}" for take, alt in zip(drawn, alts, strict=True)
            )
            self.show_message(_summary(job.result), unseen=came)
        self._show_result()

    def _press_stop(self) -> None:
        """End the waiting, but not by the second press of a double click on Generate; the answers are saved."""
        if self._is_double(self._drawn):
            return
        with self._handling():
            self._jobs.clear()
            self._update()
            self.show_message(_(self._says["stopped"]))
            self._cell.area.refresh()

    # -- editing -------------------------------------------------------------------------------------------------------

    @property
    def _last_shown(self) -> Generation | None:
        """The picture or clip that the cell shows last; None where there is none, or only a comparison."""
        return next((take for take in reversed(self._cell.area.rows) if take.files), None)

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
            show(self.choices.prompt, on=False)
            self.edit_row.open(take)
            self.choices.choose({"model": take.request.model, "orientation": "auto", "count": 1})
            self._update()

    def _press_cancel(self) -> None:
        with self._handling():
            self.edit_row.close()
            show(self.choices.prompt)
            self.choices.choose(self._before_edit)
            self._update()

    # -- what is saved -------------------------------------------------------------------------------------------------

    def _show_result(self) -> None:
        """Ask for a vote where one is open, else show the takes: their names would tell what is hidden."""
        gallery = self._cell.area.gallery
        self._held = self._cell.hides_labels
        self._update()
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
        own, others = self._cell.client, list[Client]()
        shown = (*(self._cell.area.gallery or ()), *self._cell.area.rows)
        self._requests.update({take.request.fingerprint: take.request for take in shown})
        requests = list(self._requests.values())
        # Asked in the main thread: a key that is kept by the notebook's page comes through it.
        with suppress(ConfigError):
            others = [now for now in [self._cell.current_client()] if now.saved_takes != own.saved_takes]

        def find() -> None:
            try:
                takes, older = saved_takes(requests, own, others)
            except WenwenError as error:
                self._defer(partial(self.show_error, error))
                return
            self._defer(lambda: fill(takes, older))

        def fill(takes: Sequence[tuple[Generation, Path | None]], older: int) -> None:
            self._speak()
            self.strip.fill(takes, older)
            self._mark_shown()

        self._cell.runner.start_or_run(lambda _: find())

    def _mark_shown(self) -> None:
        """Mark what the cell shows, and offer what can be done with it."""
        shown = self._cell.area.rows
        self.strip.mark({take.id for take in shown})
        self.action_buttons.fill(shown)
        self._update()

    def _press_more(self) -> None:
        show(self.menu, on=is_hidden(self.menu))
        self._update()

    def _press_show(self, take: Generation) -> None:
        """Show a version large; the cell's variable is what is shown."""
        with self._handling():
            cell = self._cell
            cell.area.show(take)
            if not cell.labels and isinstance(cell.names.get(cell.name), Generation | Gallery):
                cell.hand_over([take], replace(cell.turn(), number=_BEFORE_ALL_JOBS))  # what a job brings is newer
            self._mark_shown()
            if self.edit_row.take is not None and take.images:
                self._open_edit(take)

    def _press_save(self) -> None:
        """Copy the originals of what is shown into the working folder, under names that are free."""
        with self._handling():
            name = self._cell.name or ("clip" if self._clip else "picture")
            files = [path for take in self._cell.area.rows for path in take.files]
            try:
                paths = [Path(copyfile(path, _free(name, path.suffix))) for path in files]
            except OSError as error:
                raise ConfigError(
                    _("The file could not be copied."),
                    why=error.strerror or type(error).__name__,
                ) from None
            self.show_message(_("saved: {names}", names=", ".join(path.name for path in paths)))

    def _press_star(self) -> None:
        if (take := self._last_shown) is None:
            return
        with self._handling():
            own = self._cell.client.history
            starred = (own if own.find(take.id) else self._cell.current_client().history).star(take, on=not take.star)
            rows = self._cell.area.rows
            self._cell.area.rows = [replace(row, star=starred.star) if row.id == take.id else row for row in rows]
            self.strip.update(starred)
            self._update()

    def _press_animate(self) -> None:
        """Insert a cell that makes a clip of what is shown; it asks for nothing itself."""
        if (take := self._last_shown) is None:
            return
        with self._handling():
            client = self._cell.current_client()
            named = client.settings.video_model
            models = [] if named else suggested_models(client.known_models(), clips=True)
            self.inserter.insert(animated(take, model=next(iter(models), ""), like=self._cell.text or self._cell.like))

    def _press_insert(self) -> None:
        """Insert the cell of what is shown: as it was typed, of a version, or as it is chosen in the controls."""
        with self._handling():
            cell, changed = self._cell, self.choices.changed
            made_here = self.edit_row.take is not None or self._with_prompt
            chosen = made_here or bool(changed)
            own = bool(cell.labels) or [take.id for take in cell.area.rows] == self._own
            as_typed = own and not chosen
            take = None if chosen or own else self._last_shown
            alone = bool(cell.text) and not cell.labels and not made_here
            if cell.text and (as_typed or (alone and take is None)):
                if self.choices.count.value != cell.requests[0].count:
                    changed["count"] = self.choices.count.value
                # As it was typed: with its name, its options and its language.
                self.inserter.insert(cell.text if as_typed else retyped(cell.text, **changed))
                if cell.options.fresh:
                    self.show_message(_(self._says["fresh"]))
                return
            client = cell.current_client()
            if alone and take is not None and take.request == cell.requests[0]:
                self.inserter.insert(retyped(cell.text, take=client.history.take_of(take)))
                return
            if cell.labels and not chosen:
                self.show_message(_("The new cell asks only for the first combination."))
            name = "" if cell.labels else cell.name
            made = take or (self._chosen(client) if chosen or cell.labels else cell.requests[0])
            self.inserter.insert(cell_of(client, made, name=name, like=cell.text or cell.like))


def _free(name: str, ending: str) -> Path:
    """Return a path in the working folder that no file has."""
    numbered = (Path(f"{name}{f'-{number}' if number > 1 else ''}{ending}") for number in count(1))
    return next(path for path in numbered if not path.exists())


def _check_count(client: Client, count: int, *, clips: bool) -> None:
    """Refuse more pictures, or clips, than one press may ask for."""
    if clips and count > 1:
        what = _("One press makes one clip, not {count}.", count=count)
        raise LimitReached(what, why=_("For more: ⋯, Insert as cell."))
    most = MOST if client.is_demo else max(1, min(MOST, client.settings.confirm_above))
    if count > most:
        raise LimitReached(
            _("One press draws at most {most} pictures, not {count}.", most=most, count=count),
            why=_("For more: ⋯, Insert as cell."),
        )


def _summary(rows: Sequence[Generation]) -> str:
    """Say what is worth a line of its own: that it was free, or how many pictures did not come."""
    drawn, failed = [take for take in rows if take.files], sum(not take.files for take in rows)
    free = _("saved before: free") if drawn and all(take.from_history for take in drawn) else ""
    missing = _(_words_of(rows[0].request)["failed"], failed=failed) if failed else ""
    return " · ".join(filter(None, (free, missing)))
