"""Runs a cell: makes its requests, starts its job, waits beside it, and shows the pictures as they come."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import count, islice
from threading import Lock
from typing import Any

from wenwen_magic.client import Client
from wenwen_magic.engine import limits
from wenwen_magic.engine.batch import Estimate, Place, Rows
from wenwen_magic.engine.build_request import names_model
from wenwen_magic.engine.outcomes import (
    default_not_listed,
    error_of_record,
    refuse_gaps,
    stopped,
    unanswered,
    wait_ended,
)
from wenwen_magic.engine.worker_pool import POLL, BatchRun, Job, WorkerPool, wait_through
from wenwen_magic.errors import AnswerError, ConfigError, LimitReached, UnansweredRequest, WenwenError
from wenwen_magic.models import draws, makes_clips
from wenwen_magic.notebook import voting
from wenwen_magic.notebook.options import Options
from wenwen_magic.notebook.output_area import Area
from wenwen_magic.records import ASK_JSON, Gallery, Generation, ImageRequest, Label, Words
from wenwen_magic.render.gallery import gallery_bundle, vote_result
from wenwen_magic.render.generation import MOST_SHOWN, doing, words_bundle
from wenwen_magic.render.models import model_warning
from wenwen_magic.settings import PerSecond
from wenwen_magic.text.i18n import _
from wenwen_magic.text.orientation import said, shape_of
from wenwen_magic.text.sanitize import one_line
from wenwen_magic.text.template import expressions_in

TICK = 1.0
"""Seconds between two status lines."""


def status_line(job: Job, now: float, request: ImageRequest, wanted: int = 1) -> str:
    """Return one line on a job under way: which of several it draws, how long it takes, and the endpoint's words.

    ``now`` is the time in seconds, and ``request`` the first of the ``wanted`` pictures that the job is to bring.
    """
    seconds, number = int(now - job.began), min(len(job.arrived) + 1, wanted)
    line = doing(request, number, wanted)
    parts = [line, _("{seconds} s", seconds=seconds) if seconds > 0 else "", job.progress.text if job.progress else ""]
    return " · ".join(filter(None, parts))


_numbers = count()
_naming = Lock()
"""Is held while a variable is set: two jobs may end at once."""
_NOTHING = object()


class Cancelled(Exception):
    """A person answered no to a question of a cell."""

    def __init__(self) -> None:
        super().__init__(_("Cancelled, nothing was sent."))


@dataclass(frozen=True)
class Turn:
    """The number of a job, and what its variable was when it was started, or a mark for none."""

    number: int
    was: Any


@dataclass(frozen=True)
class Cell:
    """One run of a cell.

    Args:
        client: sends the requests and keeps the answers.
        requests: what is wanted; several are shown as one table.
        options: those of the cell's line.
        name: the variable that receives the result; empty for none.
        names: the notebook's names.
        ask: asks a person for a line of text; None where nobody can answer.
        runner: runs jobs beside the main thread.
        area: where the pictures go.
        labels: for each request its place in the comparison; empty for no comparison.
        text: the cell as it was typed; empty for none.
        like: where that is none, a cell whose language the options of inserted cells have.
        current_client: makes a client of the settings as they are when it is called; the cell's own options still
            override them.
        voted: functions to call when a vote has been cast.
        put: by the names of variables the number of the job whose result was put there last, what was put, and the
            result: an answer's variable holds the words alone.
    """

    client: Client
    requests: tuple[ImageRequest, ...]
    options: Options
    name: str
    names: MutableMapping[str, Any]
    ask: Callable[[str], str] | None
    runner: WorkerPool
    area: Area
    current_client: Callable[[], Client]
    labels: tuple[Label, ...] = ()
    text: str = ""
    like: str = ""
    voted: list[Callable[[], None]] = field(default_factory=list)
    put: dict[str, tuple[int, Any, Any]] = field(default_factory=dict)

    @property
    def how(self) -> dict[str, Any]:
        """Whether to ignore saved takes, and which take is wanted."""
        return {"fresh": self.options.fresh, "take": self.options.take or 0}

    @property
    def blind(self) -> bool:
        """Whether the labels stay hidden until a vote is cast."""
        return self.options.blind and bool(self.labels)

    @property
    def tells_progress(self) -> bool:
        """Whether a person is there to see it: nbval compares, and Voila keeps, what is shown first."""
        return self.area.live and self.ask is not None

    @property
    def wants_controls(self) -> bool:
        """Whether controls are to be shown under it, where they can be."""
        options = self.options
        return self.client.settings.ui and not (options.no_ui or options.quiet or options.from_)

    def run(self, *, beside: bool) -> Any:
        """Say what is doubtful, draw, and leave what is shown in its place.

        Args:
            beside: start to draw in the background, and return the job, which the caller has to :meth:`follow`.

        Returns:
            The generation or the gallery, or the job; None for a dry run, which is printed, and where a person said no.

        Raises:
            WenwenError: as :meth:`draw`.
        """
        if not self.options.quiet:
            for doubt in self.doubts():
                print(doubt)
        if self.options.dry_run:
            print(self.dry_run())
            return None
        try:
            if not beside:
                return self.draw()
            self._agree_to_all()
            self.area.status(_("{doing} in the background", doing=doing(self.requests[0])))
            return self._start()
        except Cancelled as said:
            print(said)
            return None
        finally:
            self.area.settle()

    def draw(self) -> Generation | Gallery:
        """Draw, wait, and show.

        Raises:
            WenwenError: nothing could be drawn, something is missing in mode ``replay``, or the wait was interrupted.
            Cancelled: a person said no.
        """
        self._agree()
        job = self._start()
        try:
            self._wait(job)
        except UnansweredRequest as error:
            self._agree_again(error)
            job = self._start()
            self._wait(job)
        result = self.finished(job)
        if self.client.settings.mode == "replay":
            refuse_gaps(job.result)
        return result

    def _start(self) -> Job:
        """Start the job; a cell that is run again joins the same job under way instead of paying twice."""
        how = self.how
        wanted = tuple((request.fingerprint, request.count) for request in self.requests)
        place = self.client.address, str(self.client.history.folder)
        key = None if self.options.fresh else (*place, self.options.take, wanted)
        return self.runner.start_or_run(
            lambda job: self.client.draw(self.requests, **how, tell=job.tell, on_arrival=job.arrive), key
        )

    def _wait(self, job: Job) -> None:
        """Wait for a job in the main thread; an interrupt ends the waiting and not the job."""
        shown, show_progress = (0, 0, 0), self.progress_of(job)
        tells = self.tells_progress
        try:
            while not job.wait(POLL):
                now = (int(self.runner.now() - job.began), len(job.arrived), len(job.said))
                if tells and now != shown:
                    shown = now
                    show_progress()
        except KeyboardInterrupt:
            # The output is made here: from another thread it would come under whichever cell ran last.
            show_progress()
            self.follow(job)
            raise wait_ended() from None
        if job.error is not None:
            self.area.clear()
            raise job.error

    # -- what is shown -------------------------------------------------------------------------------------------------

    def progress_of(self, job: Job) -> Callable[[], None]:
        """Return a function that shows how far a job of this cell is: the pictures that have arrived, and a line.

        In a comparison the others have a placeholder each. The pictures are rendered when one has arrived, not at
        every call.
        """
        blind, alone = self.blind, len(self.requests) == 1 and self.requests[0].count == 1
        arrived, pictures = 0, dict[str, Any]()
        wanted = sum(request.count for request in self.requests)

        def show_progress() -> None:
            nonlocal arrived, pictures
            line = status_line(job, self.runner.now(), self.requests[0], wanted)
            if alone and job.said and not blind:
                self.area.preview(words_bundle(job.said, as_it_is=self.requests[0].task == ASK_JSON), line)
                return
            if blind or alone or not job.arrived:
                percent = job.progress.percent if alone and job.progress else None
                self.area.status(line, None if blind else job.preview, percent=percent)
                return
            if arrived < len(job.arrived):
                arrived, rows = len(job.arrived), {**self._placeholders, **job.arrived}
                places = sorted(rows)
                so_far = self.client.gallery([rows[place] for place in places], self._labels_of(places))
                pictures = so_far._repr_mimebundle_()
            self.area.preview(pictures, line)

        return show_progress

    @cached_property
    def _placeholders(self) -> dict[Place, Generation]:
        """What is in each place of a comparison until its picture arrives."""
        return {
            (number, take): Generation("", request, self.client.prompt_as_sent(request), "sent", "")
            for number, request in enumerate(self.requests if self.labels else ())
            for take in range(request.count)
        }

    def _labels_of(self, places: list[Place]) -> tuple[Label, ...]:
        return tuple(self.labels[number] for number, _ in places) if self.labels else ()

    def finished(self, job: Job, turn: Turn | None = None) -> Generation | Gallery:
        """Name the result of a job of this cell, show it, and return it: what is seen can be used at once.

        Args:
            job: that is done.
            turn: what the variable was when the job was started, where others may have set it since.
        """
        places = sorted(job.arrived)
        if not self.labels:
            try:
                result = self.hand_over(job.result, turn)
            finally:  # what was answered is shown, also where its JSON cannot be read
                self.area.show(*job.result)
            self.say_left_alone(result)
            return result
        if self.blind:
            # By chance, and for all who have the same pictures the same.
            places.sort(key=lambda place: job.arrived[place].id)
        rows = [job.arrived[place] for place in places]
        gallery = self.client.gallery(rows, self._labels_of(places), blind=self.blind)
        self.named(gallery, turn)
        self.area.put(gallery)
        self.say_left_alone(gallery)
        return gallery

    def hand_over(self, rows: list[Generation], turn: Turn | None = None) -> Generation | Gallery:
        """Put generations into the cell's variable as one result, and return it; ``turn`` as for :meth:`named`."""
        return self.named(rows[0] if len(rows) == 1 else self.client.gallery(rows), turn)

    def turn(self) -> Turn:
        """Note what the cell's variable is now."""
        return Turn(next(_numbers), self.names.get(self.name, _NOTHING))

    def named(self, result: Generation | Gallery, turn: Turn | None = None) -> Generation | Gallery:
        """Put a result into the cell's variable, and return it.

        Args:
            result: what a job gave.
            turn: of the job. The variable is set only while it is what it was, or holds the result of an earlier job:
                what a person has put there meanwhile, and the result of a later cell, are newer. None to set it.
        """
        if not self.name:
            return result
        kept = said_by(result)  # it may take long to read
        with _naming:
            turn, now = turn or self.turn(), self.names.get(self.name, _NOTHING)
            number, latest, _result = self.put.get(self.name, (turn.number, _NOTHING, None))
            if now is turn.was or (now is latest and number < turn.number):
                self.names[self.name] = kept
                self.put[self.name] = turn.number, kept, result
        return result

    def say_left_alone(self, result: Generation | Gallery) -> None:
        """Say under the pictures that the variable holds something newer, and how to get them."""
        if self.name and self.names.get(self.name) is not said_by(result):
            ids = " ".join(row.id for row in ([result] if isinstance(result, Generation) else result) if row.id)
            line = _("{name} was set meanwhile and is left alone. These: %wenwen show {ids}", name=self.name, ids=ids)
            self.area.status(line)

    @property
    def hides_labels(self) -> bool:
        """Whether a blind comparison waits for its vote."""
        return self.area.gallery is not None and self.area.gallery.blind

    def vote(self, letter: str) -> str:
        """Save which picture is best, and show the labels; returns one sentence on the winner.

        Raises:
            ConfigError: no picture has this letter, or there is nothing to vote on.
        """
        gallery = self.area.gallery
        if gallery is None or not gallery.blind:
            raise ConfigError(_("There is nothing to vote on yet."), do=_("Wait until the pictures are there."))
        label = voting.cast(self.client.history.folder, gallery, letter)
        revealed = replace(gallery, blind=False)
        self.area.put(replace(revealed, render=partial(vote_result, winner=letter)))
        if self.names.get(self.name) is gallery:
            self.named(revealed)
        for call in self.voted:
            call()
        named = " · ".join(value for _, value in label)
        return _("{letter} was {named}. %wenwen votes shows the tally.", letter=letter.upper(), named=named)

    def follow(self, job: Job) -> None:
        """Follow a job in the background; its pictures come into the area by themselves."""
        turn = self.turn()

        def follow(_: Any) -> None:
            show_progress = self.progress_of(job)
            while not job.wait(TICK):
                show_progress()
            error = job.error
            if error is None:
                try:
                    self.finished(job, turn)
                except AnswerError as unread:
                    error = unread
            if error is not None:
                self.area.status(str(error).replace("\n", " · "))

        self.runner.start_or_run(follow)

    # -- before anything is sent ---------------------------------------------------------------------------------------

    @cached_property
    def estimate(self) -> Estimate:
        """What the cell wants, and what of it is missing, as it was before anything was sent."""
        return self.client.look_through(self._wanted, **self.how)

    @property
    def _wanted(self) -> Iterable[ImageRequest]:
        return self.requests

    @property
    def _wanted_pictures(self) -> int:
        """How many pictures it wants, saved ones included."""
        return sum(request.count * request.pictures for request in self.requests)

    @property
    def _wants_words(self) -> bool:
        """Whether all that it asks for are answers."""
        kinds = self.requests or self.estimate.asked  # --from has no requests yet
        return bool(kinds) and all(one.wants_words for one in kinds)

    def doubts(self) -> list[str]:
        """Return what is doubtful about the models and the shapes that would be asked for, a line each."""
        runs = not self.options.dry_run
        # What is saved is looked for only where there is a doubt.
        asked = doubts(self.client, self.requests, runs=runs) and doubts(self.client, self.estimate.asked, runs=runs)
        return [*self._slips(), *asked]

    def _slips(self) -> Iterator[str]:
        """Yield a line on braces that fill in nothing, on lists in the cell's text, and on each axis of one value.

        That is of one that looks like several: with commas, or the name of a list.
        """
        # As IPython's own magics and f-strings have it, it is a slip only where there is such a variable.
        signs = () if self.options.raw else re.finditer(r"{{|｛｛|{(\w+)}|\$(\w+)", self.requests[0].prompt)
        left = next((sign for sign in signs if not sign.lastindex or sign[sign.lastindex] in self.names), None)
        if left:
            example = f"{{{{{left[1] or left[2] or 'name'}}}}}"
            yield _("{braces} is sent as it is: a value is written {example}.", braces=left[0], example=example)
        varied = {name for name, _value in self.labels[0]} if self.labels else set()
        may_list = self.options.raw or self._wants_words
        for word in () if may_list else expressions_in(self.text.partition("\n")[2]):
            # What is saved is looked for last.
            if word not in varied and isinstance(self.names.get(word), (list, tuple)) and self.estimate.asked:
                yield _(
                    'All of the list {name} is in one prompt. For one each: --for "item={example}", and {item} below.',
                    name=word,
                    example="{{" + word + "}}",
                    item="{{item}}",
                )
        for pairs in zip(*self.labels, strict=True):
            name, value = pairs[0]
            listed = isinstance(self.names.get(value), (list, tuple, Gallery, Words))
            if len({*pairs}) == 1 and (listed or re.search("[,，、]", value)):
                example = "{{" + (value if listed else "a_list") + "}}"
                yield _(
                    "{name} has one value: {value}. Put ; between several; a list goes as {example}.",
                    name=name,
                    value=one_line(value, _LONGEST_VALUE, "…"),
                    example=example,
                )

    def dry_run(self) -> str:
        """Return what would be sent first, how many pictures that asks for, and what they cost; sends nothing."""
        head = _("as sent")
        texts = []
        for number, request in enumerate(self.requests[:MOST_SHOWN]):
            label = " · ".join(value for _, value in self.labels[number]) if self.labels else request.model
            shape = self.client.shape_as_sent(request)
            beside = _("size: {size}", size=said(shape)) + "\n" if shape else ""
            texts.append(f"{head} ({label}):\n{self.client.prompt_as_sent(request)}\n{beside}")
        if (total := len(self.requests)) > len(texts):
            texts.append(_("… {requests} prompts in all", requests=total))
        return "\n".join([*texts, self._cost_line()])

    def _cost_line(self) -> str:
        if self.client.settings.mode == "replay":
            missing, prompts = len(self.estimate.unsaved), self.estimate.requests
            return _("Replay mode is offline: {missing} of {prompts} not saved.", missing=missing, prompts=prompts)
        cost, demo, words = limits.cost_of(self.estimate.missing), self.client.is_demo, self._wants_words
        paid = limits.cost_text(cost, self.client.settings.currency, words=words)
        amount = limits.things(cost, words=words) if demo else paid
        free = _(", free (demo)") if demo else ""
        return _("This would ask for {cost}{free}. Nothing was sent.", cost=amount, free=free)

    def _agree(self) -> None:
        """Keep to the cell's own budget, and ask a person before many pictures or a clip."""
        if (cost := self.cost_to_agree()) is None:
            return
        self.client.check(self.estimate)  # nobody is asked about what would be refused after a yes
        amount = limits.cost_text(cost, self.client.settings.currency, words=self._wants_words)
        limit = self.client.settings.confirm_above
        refusal = LimitReached(
            _("This cell asks for {cost}; a clip must be confirmed.", cost=amount)
            if cost.clips or cost.pictures <= limit
            else _("This cell asks for {cost}; more than {limit} must be confirmed.", cost=amount, limit=limit),
            do=_("Nothing was sent. Add -y to go on."),
        )
        self._confirm(_("This cell asks for {cost}. Go on? [y/N] ", cost=amount), refusal)

    def cost_to_agree(self) -> limits.Cost | None:
        """Return what would be asked for, saved pictures not counted, where a person must agree to it; else None.

        Raises:
            LimitReached: it would cost more than the cell's own budget.
        """
        if self.client.is_demo:
            return None
        settings, options = self.client.settings, self.options
        clips = any(map(_brings_clip, self.requests or self.estimate.asked))  # --from has no requests yet
        few = self._wanted_pictures <= settings.confirm_above and not clips
        if options.budget is None and (options.yes or few):
            return None
        cost = limits.cost_of(self.estimate.missing)
        if options.budget is not None and cost.units > options.budget:
            raise limits.budget_reached(limits.Cost(), cost, options.budget, settings.currency, cell=True)
        priced = options.budget is not None and not cost.unknown  # what clips cost is known, and agreed to
        clips = any(map(_brings_clip, self.estimate.asked))  # without what is saved
        much = not priced if clips else cost.pictures > settings.confirm_above
        return cost if much and not options.yes else None

    def pressed(self, request: ImageRequest, client: Client, *, fresh: bool) -> "Cell":
        """Return the cell of a press of its controls: it keeps to the same budget, and a person agrees to the same."""
        options = replace(self.options, fresh=fresh, take=None)
        return replace(self, client=client, requests=(request,), options=options)

    def _agree_to_all(self) -> None:
        """Check and ask all that can be before anything is sent; errors as :meth:`_agree` and :meth:`_agree_again`."""
        self.client.check(self.estimate)
        self._agree()
        if self.estimate.unanswered:  # last: it gives up what was sent, so a no to the other must come before it
            self._agree_again(unanswered(self.estimate.unanswered))

    def _agree_again(self, error: UnansweredRequest) -> None:
        """Ask a person whether a request is sent again whose answer never came; without a person, raise its error."""
        question = _("{what} {why} It may have been charged. Send it again? [y/N] ", what=error.what, why=error.why)
        self._confirm(question, error)
        self.client.give_up(error.records)

    def _confirm(self, question: str, refusal: WenwenError) -> None:
        """Ask a person, whose no ends the cell; where nobody can answer, raise the refusal."""
        if self.ask is None:
            raise refusal
        if not says_yes(self.ask(question)):
            raise Cancelled


def _brings_clip(request: ImageRequest) -> bool:
    """Tell whether a request asks for a clip, or for something else a model that is known to make clips."""
    return request.wants_clip or makes_clips(request.model)


def says_yes(answer: str) -> bool:
    """Tell whether a person's answer to a question is yes."""
    return answer.strip().lower() in {"y", "yes", "是", "好"}


def said_by(result: Generation | Gallery) -> Any:
    """Return what a cell's variable holds: the answer to one question itself, anything else as it is."""
    return result.said if isinstance(result, Generation) else result


PATIENCE = 10
"""Seconds between two updates of pictures that are shown while others are drawn."""
_SHOWN = 5
"""Prompts that a dry run shows."""
_LONGEST_VALUE = 60


@dataclass(frozen=True, kw_only=True)
class BatchCell(Cell):
    """One run of a cell with many prompts.

    Args:
        many: makes the requests, one at a time; called again for every pass over them. ``requests`` is empty.
    """

    many: Callable[[], Iterator[ImageRequest]]

    @property
    def _wanted(self) -> Iterable[ImageRequest]:
        return self.many()

    @property
    def _wanted_pictures(self) -> int:
        return self.estimate.wanted

    def doubts(self) -> list[str]:
        """Return what is doubtful, as for any cell; each kind of request is looked at once."""
        return doubts(self.client, self.estimate.asked, runs=not self.options.dry_run)

    def draw(self) -> Gallery:
        """Draw what is missing, wait, and show.

        Raises:
            WenwenError: a prompt cannot be asked for, a limit would be passed, none could be drawn, or the run was
                interrupted.
            Cancelled: a person said no.
        """
        client, before = self.client, self.client.session.account()
        self._agree_to_all()
        run, rows = client.begin_many(self.many(), fresh=self.options.fresh, estimate=self.estimate)
        self._wait_for(run, rows)
        if not run.tally.done and run.tally.failed:
            self.area.clear()
            raise error_of_record(dict(rows[0].error or {}))
        gallery = client.gallery(rows)
        self.area.put(gallery)
        self.named(gallery)
        if rows.refusal:
            raise rows.refusal
        if run.tally.failed and client.settings.mode == "replay":
            refuse_gaps(rows)
        if run.stopped:
            raise stopped(run.tally.done, paid=rows.asked or client.session.account() != before)
        return gallery

    def _wait_for(self, run: BatchRun[Any, Any], rows: Rows) -> None:
        job = self.runner.start_or_run(lambda _: run.run())
        last, shown, next_at, tells = -1, 0, 0, self.tells_progress

        def wait(seconds: float) -> bool:
            nonlocal last, shown, next_at
            over, now = job.wait(seconds), int(run.tally.seconds)
            arrived = min(len(rows), MOST_SHOWN)
            # With pictures an update is heavy: it is made for new pictures, else at times only.
            if tells and not over and now != last and (arrived > shown or now >= next_at):
                last, shown, next_at = now, arrived, now + (PATIENCE if arrived else 1)
                self._tell(run, rows)
            return over

        wait_through(run, wait)
        if job.error is not None:
            self.area.clear()
            raise job.error

    def _tell(self, run: BatchRun[Any, Any], rows: Rows) -> None:
        """Show the first pictures that are there, small, and a line."""
        line = run.tally.line()
        if run.stopped:
            line += _(" · stopping, waiting for {count}; interrupt again to stop waiting", count=run.tally.under_way)
        small = []
        for row in rows[:MOST_SHOWN]:
            alone = [replace(row.pictures[0], preview=self.client.thumbnail(row))] if len(row.pictures) == 1 else []
            small.append(replace(row, pictures=tuple(alone)) if alone else row)
        if small:
            self.area.preview(gallery_bundle(Gallery(small)), line)
        else:
            self.area.status(line)

    def dry_run(self) -> str:
        """Return the first prompts as sent, how many pictures are missing, and what they cost; sends nothing."""
        first, total = enumerate(islice(self.many(), _SHOWN), 1), self.estimate.requests
        lines = [f"{number}. {self.client.prompt_as_sent(request)}\n" for number, request in first]
        if total > len(lines):
            lines.append(_("… {requests} prompts in all", requests=total))
        return "\n".join([*lines, self._cost_line()])


def doubts(client: Client, requests: Sequence[ImageRequest], *, runs: bool = False) -> list[str]:
    """Return a line on each model that the last list of the endpoint does not name, on each odd shape, and on clips.

    ``runs`` says that they are about to be asked for: a default that is not listed stops them then, and says why.
    """
    known, today = client.known_models(fresh=True), client.session.models.today()

    def model_doubt(request: ImageRequest) -> str:
        if known is None or not names_model(request):
            return ""
        if request.unnamed and known.lacks(request.model, today):
            return "" if runs else default_not_listed(request, known, today).what
        return model_warning(request.model, known, today, words=request.wants_words)

    def shape_doubt(request: ImageRequest) -> str:
        """Say that a picture will have the nearest shape that its model knows, where that is not the one asked for."""
        if request.orientation == "auto":
            return ""
        plain = replace(request, params={}) if request.params else request  # a param is sent as it was typed
        try:
            sent = client.shape_as_sent(plain)
        except ConfigError:  # the model cannot draw it; a param that was typed says what is sent
            return ""
        if not sent or shape_of(sent).stands_for(request.shape):
            return ""
        asked, model = said(request.orientation), request.model
        return _(
            "{model} does not draw {asked}; it is asked for {sent}, the nearest.",
            model=model,
            asked=asked,
            sent=said(sent),
        )

    prices = client.settings.prices
    lines = [*map(model_doubt, requests), *map(shape_doubt, requests), *(_clip_doubt(one, prices) for one in requests)]
    return [line for line in dict.fromkeys(lines) if line]


def _clip_doubt(request: ImageRequest, prices: Mapping[str, float]) -> str:
    """Say that a clip comes where none is asked for, or none where one is; and what tells a price by the second."""
    model = request.model
    if not request.wants_clip:
        return _("{model} makes clips: %%wenwen_video asks for one.", model=model) if makes_clips(model) else ""
    if draws(model):
        return _("{model} draws pictures: %%wenwen_image asks for one.", model=model)
    by_second = isinstance(limits.best_pattern(model, prices), PerSecond)
    unknown = by_second and limits.price_of(request, prices) is None
    return _("{model} is paid by the second: --seconds tells its price.", model=model) if unknown else ""
