"""Runs a cell: starts its job, waits beside it, and shows what comes."""

import random
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from wenwen_magic.client import Client, Look
from wenwen_magic.engine import limits
from wenwen_magic.engine.batch import Rows
from wenwen_magic.engine.build_request import names_model
from wenwen_magic.engine.outcomes import error_of_record, refuse_gaps, stopped, wait_ended
from wenwen_magic.engine.worker_pool import POLL, Job, Many, Runner, wait_through
from wenwen_magic.errors import ConfigError, LimitReached
from wenwen_magic.notebook import voting
from wenwen_magic.notebook.options import Options
from wenwen_magic.notebook.output_area import Area, Handle, status_line
from wenwen_magic.records import Gallery, Generation, ImageRequest, Label
from wenwen_magic.render.gallery import gallery_bundle, vote_result
from wenwen_magic.render.generation import MOST_SHOWN
from wenwen_magic.render.models import doubt
from wenwen_magic.text.i18n import _, speak

TICK = 1.0
"""Seconds between two status lines."""


@dataclass(frozen=True)
class Front:
    """What a cell's surroundings can do; the magics know which front end it is.

    Args:
        show: puts a MIME bundle into a new output and gives its handle.
        clear: empties the cell's outputs; None where the cell may have others than ours.
        live: whether a shown output can be changed: in a notebook, not in a terminal.
        attended: whether a person can answer a question.
        ask: asks a person for a line of text.
        names: the notebook's names.
    """

    show: Callable[[dict[str, Any]], Handle]
    clear: Callable[[], None] | None
    live: bool
    attended: bool
    ask: Callable[[str], str]
    names: MutableMapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """One run of a cell.

    Args:
        client: asks and keeps.
        requests: what is wanted; several are shown as one table.
        options: what stood on the cell's line.
        name: the variable that receives the result; empty for none.
        front: the surroundings.
        runner: does the asking beside the main thread.
        area: where the pictures go.
        labels: for each request where in a comparison it stands; empty for no comparison.
        text: the cell as it was typed; empty for nobody's.
        renew: makes a client of the settings as they are when it is called; None for the same client always.
        voted: what is called when a vote has been cast.
    """

    client: Client
    requests: tuple[ImageRequest, ...]
    options: Options
    name: str
    front: Front
    runner: Runner
    area: Area
    labels: tuple[Label, ...] = ()
    text: str = ""
    renew: Callable[[], Client] | None = None
    voted: list[Callable[[], None]] = field(default_factory=list)

    @property
    def now(self) -> Client:
        """A client of the settings as they are now; the cell's own options still go before.

        Raises:
            ConfigError: a setting that cannot be.
        """
        return self.renew() if self.renew else self.client

    @property
    def how(self) -> dict[str, Any]:
        """Whether to draw anew, and which take is wanted."""
        return {"fresh": bool(self.options.fresh), "take": int(self.options.take or 0)}

    @property
    def blind(self) -> bool:
        """Whether the labels stay hidden until a vote is cast."""
        return bool(self.options.blind and self.labels)

    def missing(self) -> limits.Cost:
        """What would be asked for."""
        return limits.cost_of(self.client.missing(self.requests, **self.how))

    def draw(self) -> Generation | Gallery:
        """Draw, wait, and show.

        Raises:
            WenwenError: nothing could be drawn, something is missing in mode ``replay``, or the wait was interrupted.
        """
        self._confirm()
        job = self._start()
        self._wait(job)
        result = self.finished(job)
        if self.client.settings.mode == "replay":
            refuse_gaps(job.result)
        return result

    def draw_in_background(self) -> Job:
        """Start drawing and return at once; somebody has to :meth:`follow` the job.

        Raises:
            LimitReached: the cell asks for more than is allowed; nothing was sent.
        """
        self._confirm()
        self.client.check_limits(self.client.missing(self.requests, **self.how))
        self.area.status(_("drawing in the background"))
        return self._start()

    def _start(self) -> Job:
        return self.runner.start(
            lambda job: self.client.draw(self.requests, **self.how, tell=job.tell, came=job.arrive), self._key()
        )

    def _key(self) -> Any:
        """What makes two runs the same: a cell that is run again joins the run under way instead of paying twice."""
        if self.options.fresh:
            return None
        wanted = tuple((one.fingerprint, one.count) for one in self.requests)
        return self.client.address, str(self.client.history.folder), self.how["take"], wanted

    def _wait(self, job: Job) -> None:
        """Wait for a job in the main thread; an interrupt ends the waiting and not the job."""
        told = (0, 0)
        try:
            while not job.wait(POLL):
                if (now := (int(self.runner.now() - job.began), len(job.arrived))) != told:
                    told = now
                    self.tell(job)
        except KeyboardInterrupt:
            # The output is made here: from another thread it would come under whichever cell ran last.
            self.tell(job)
            self.follow(job)
            raise wait_ended() from None
        if job.error is not None:
            self.area.clear(self.front.clear)
            raise job.error

    # -- what is shown -------------------------------------------------------------------------------------------------

    def tell(self, job: Job) -> None:
        """Show how far a job of this cell is: what has come of several pictures, and a line."""
        line = status_line(job, self.runner.now())
        if self.blind or not job.arrived or (len(self.requests) == 1 and self.requests[0].count == 1):
            self.area.status(line, None if self.blind else job.preview)
        else:
            self.area.preview(self._so_far(job), line)

    def _so_far(self, job: Job) -> Gallery:
        """What has come, in its places; in a comparison with a stand-in for each that has not."""
        rows = dict(job.arrived)
        if self.labels:
            for number, request in enumerate(self.requests):
                for place in ((number, take) for take in range(request.count)):
                    rows.setdefault(place, Generation("", request, self.client.prompt_as_sent(request), "sent", ""))
        places = sorted(rows)
        return self.client.gallery([rows[place] for place in places], self._labels_of(places))

    def _labels_of(self, places: list[tuple[int, int]]) -> tuple[Label, ...]:
        return tuple(self.labels[number] for number, _ in places) if self.labels else ()

    def finished(self, job: Job) -> Generation | Gallery:
        """Show what came of a job of this cell, and give it."""
        places = sorted(job.arrived)
        if not self.labels:
            self.area.add(*job.result)
            return self.hand_over(job.result)
        if self.blind:
            random.SystemRandom().shuffle(places)
        rows = [job.arrived[place] for place in places]
        gallery = self.client.gallery(rows, self._labels_of(places), blind=self.blind)
        self.area.put(gallery)
        return self.named(gallery)

    def hand_over(self, rows: list[Generation]) -> Generation | Gallery:
        """The result as one thing, put into the cell's variable."""
        return self.named(rows[0] if len(rows) == 1 else self.client.gallery(rows))

    def named(self, result: Generation | Gallery) -> Generation | Gallery:
        """Put the result into the cell's variable, and give it."""
        if self.name:
            self.front.names[self.name] = result
        return result

    @property
    def hides_labels(self) -> bool:
        """Whether a blind comparison waits for its vote."""
        return self.area.gallery is not None and self.area.gallery.blind

    def vote(self, letter: str) -> str:
        """Write down which picture is best, and show the labels; gives one sentence on the winner.

        Raises:
            ConfigError: no picture has this letter, or there is nothing to vote on.
        """
        gallery = self.area.gallery
        if gallery is None or not gallery.blind:
            raise ConfigError(
                _("There is nothing to vote on yet."),
                do=_("Wait until the pictures are there."),
            )
        label = voting.cast(self.client.history.folder, gallery, letter)
        told = replace(gallery, blind=False)
        self.area.put(replace(told, render=vote_result(letter)))
        self.named(told)
        for tell in self.voted:
            tell()
        named = " · ".join(value for _, value in label)
        return _("{letter} was {named}. %wenwen votes tallies.", letter=letter.upper(), named=named)

    def follow(self, job: Job) -> None:
        """Let a job go on in the background; its pictures come into the area by themselves."""

        def follow(_: Any) -> None:
            while not job.wait(TICK):
                self.tell(job)
            if job.error is None:
                self.finished(job)
            else:
                self.area.status(str(job.error).replace("\n", " · "))

        self.runner.start(follow)

    def speak(self, prompt: str = "") -> None:
        """Go on in the language of the cell, also where another cell has spoken since."""
        speak(self.client.settings.lang, prompt=prompt or self.requests[0].prompt)

    # -- money ---------------------------------------------------------------------------------------------------------

    def dry_run(self) -> str:
        """What would be sent, how many pictures that asks for, and what they cost; sends nothing."""
        head = _("as sent")
        words = []
        for number, one in enumerate(self.requests):
            label = " · ".join(value for _, value in self.labels[number]) if self.labels else one.model
            words.append(f"{head} ({label}):\n{self.client.prompt_as_sent(one)}\n")
        return "\n".join([*words, cost_line(self.client, self.missing())])

    def _confirm(self) -> None:
        confirm(
            self.client, self.options, self.front, sum(one.count * one.pictures for one in self.requests), self.missing
        )


def cost_line(client: Client, cost: limits.Cost) -> str:
    """What a dry run says at its end: how many pictures would be asked for, and what they cost."""
    free = _(", free (demo)") if client.is_demo else ""
    told = limits.pictures(cost.pictures) if free else limits.told(cost, client.settings.currency)
    return _("Would be asked for: {told}{free}. Nothing was sent.", told=told, free=free)


def confirm(client: Client, options: Options, front: Front, most: int, missing: Callable[[], limits.Cost]) -> None:
    """Keep to the cell's own budget, and ask a person before many pictures; without one, fail.

    Args:
        client: has the limits.
        options: ``budget`` and ``yes``.
        front: asks.
        most: pictures that are wanted, saved ones included.
        missing: tells what would be asked for.

    Raises:
        LimitReached: the budget is too small, or nobody said yes; nothing was sent.
    """
    limit, currency = client.settings.confirm_above, client.settings.currency
    if client.is_demo or (options.budget is None and (options.yes or most <= limit)):
        return
    cost = missing()
    if options.budget is not None and cost.units > options.budget:
        raise limits.budget_reached(limits.Cost(), cost, options.budget, currency, cell=True)
    if options.yes or cost.pictures <= limit:
        return
    told = limits.told(cost, currency)
    question = _("This cell asks for {told}. Go on? [y/N] ", told=told)
    if front.attended and front.ask(question).strip().lower() in {"y", "yes", "是", "好"}:
        return
    raise LimitReached(
        _("This cell asks for {told}; more than {limit} need a yes.", told=told, limit=limit),
        do=_("Nothing was sent. Add -y to go on."),
    )


PATIENCE = 10
"""Seconds between two looks at pictures that are shown while others are drawn."""
_SHOWN = 5
"""Prompts that a dry run shows."""


@dataclass(frozen=True)
class LongCell:
    """One run of a cell with many prompts.

    Args:
        cell: the surroundings: client, options, area.
        requests: makes the requests, one at a time; called again for every pass over them.
    """

    cell: Cell
    requests: Callable[[], Iterator[ImageRequest]]

    def draw(self) -> Gallery:
        """Draw what is missing, wait, and show.

        Raises:
            WenwenError: a prompt cannot be asked for, a limit stands in the way, none could be drawn, or the run was
                interrupted.
        """
        cell = self.cell
        look, before = self._look_through(), cell.client.session.account()
        cell.client.check_limits(look.missing)
        confirm(cell.client, cell.options, cell.front, look.wanted, lambda: limits.cost_of(look.missing))
        run, rows = cell.client.begin_many(self.requests(), fresh=cell.how["fresh"], total=look.requests)
        self._wait(run, rows)
        if not run.tally.done and run.tally.failed:
            cell.area.clear(cell.front.clear)
            raise error_of_record(dict(rows[0].error or {}))
        gallery = cell.client.gallery(rows)
        cell.area.put(gallery)
        cell.named(gallery)
        if rows.refusal:
            raise rows.refusal
        if run.tally.failed and cell.client.settings.mode == "replay":
            refuse_gaps(rows)
        if run.stopped:
            raise stopped(run.tally.done, paid=rows.asked or cell.client.session.account() != before)
        return gallery

    def _look_through(self) -> Look:
        """Look at every prompt before any is sent."""
        return self.cell.client.look_through(self.requests(), fresh=self.cell.how["fresh"])

    def _wait(self, run: Many[Any, Any], rows: Rows) -> None:
        cell = self.cell
        job = cell.runner.start(lambda _: run.run())
        told, shown, next_at = -1, 0, 0

        def wait(seconds: float) -> bool:
            nonlocal told, shown, next_at
            over, now = job.wait(seconds), int(run.tally.seconds)
            come = min(len(rows), MOST_SHOWN)
            # With pictures every look is heavy: it is repeated for new pictures, else at times only.
            if not over and now != told and (come > shown or now >= next_at):
                told, shown, next_at = now, come, now + (PATIENCE if come else 1)
                self._tell(run.tally.line() + (_finishing(run.tally.under_way) if run.stopped else ""), rows)
            return over

        wait_through(run, wait)
        if job.error is not None:
            cell.area.clear(cell.front.clear)
            raise job.error

    def _tell(self, line: str, rows: Rows) -> None:
        """Show the first of what has come, small, and a line."""
        client = self.cell.client
        come = [_small(row, client.thumbnail(row)) for row in rows[:MOST_SHOWN]]
        if come:
            self.cell.area.preview(Gallery(come, render=gallery_bundle), line)
        else:
            self.cell.area.status(line)

    def dry_run(self) -> str:
        """The first prompts as they would be sent, how many pictures are missing, and what they cost; sends nothing."""
        cell = self.cell
        first = enumerate(islice(self.requests(), _SHOWN), 1)
        shown = [f"{number}. {cell.client.prompt_as_sent(one)}\n" for number, one in first]
        look = self._look_through()
        more = _("… {requests} prompts in all", requests=look.requests)
        lines = [*shown, more] if look.requests > len(shown) else shown
        return "\n".join([*lines, cost_line(cell.client, limits.cost_of(look.missing))])


def _small(row: Generation, thumbnail: Path | None) -> Generation:
    pictures = tuple(replace(one, preview=thumbnail) for one in row.pictures)
    return replace(row, pictures=pictures if len(pictures) == 1 else row.pictures)


def _finishing(count: int) -> str:
    return _(" · stopping, waiting for {count}; interrupt again to stop waiting", count=count)


_LOOKED_AT = 100
"""Requests of many prompts whose models are looked up."""


def of_cell(drawn: Cell | LongCell) -> list[str]:
    """A line on each model that a cell would ask and that the endpoint's list does not name; asks nobody."""
    if isinstance(drawn, Cell):
        return on(drawn.client, drawn.requests, **drawn.how)
    return on(drawn.cell.client, islice(drawn.requests(), _LOOKED_AT), **drawn.cell.how)


def on(client: Client, requests: Iterable[ImageRequest], **how: Any) -> list[str]:
    """A line on each model that would be asked and that is not in the list that the endpoint gave in the last day.

    Args:
        client: knows the list, if there is one.
        requests: what is wanted.
        **how: ``fresh`` and ``take``.
    """
    known = client.known_models(fresh=True)
    if known is None:
        return []
    strange = [one for one in requests if one.model not in known.names and names_model(one)]
    asked = dict.fromkeys(one.model for one in strange if client.missing([one], **how))
    return [line for line in (doubt(model, known) for model in asked) if line]
