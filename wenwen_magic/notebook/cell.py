"""Runs a cell: starts its job, waits beside it, and shows what comes."""

import random
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any

from wenwen_magic.client import Client
from wenwen_magic.engine import money
from wenwen_magic.engine.outcomes import budget_reached, refuse_gaps, wait_ended
from wenwen_magic.engine.runner import POLL, Job, Runner
from wenwen_magic.errors import ConfigError, LimitReached
from wenwen_magic.notebook import voting
from wenwen_magic.notebook.option_line import Options
from wenwen_magic.notebook.output_area import Area, Handle, status_line
from wenwen_magic.records import Gallery, Generation, ImageRequest, Label
from wenwen_magic.render import verdict
from wenwen_magic.text.i18n import say, speak

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

    def missing(self) -> money.Cost:
        """What would be asked for."""
        return money.cost_of(self.client.missing(self.requests, **self.how))

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
        self.area.status(say("drawing in the background", "正在后台作图"))
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
                say("There is nothing to vote on yet.", "还没有可投票的内容。"),
                do=say("Wait until the pictures are there.", "请等图片出现。"),
            )
        label = voting.cast(self.client.history.folder, gallery, letter)
        told = replace(gallery, blind=False)
        self.area.put(replace(told, render=verdict.shower(letter)))
        self.named(told)
        for tell in self.voted:
            tell()
        named = " · ".join(value for _, value in label)
        return say(
            f"{letter.upper()} was {named}. %wenwen votes tallies.",
            f"{letter.upper()} 是 {named}。%wenwen votes 查看统计。",
        )

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
        head = say("as sent", "发送的提示词")
        words = []
        for number, one in enumerate(self.requests):
            label = " · ".join(value for _, value in self.labels[number]) if self.labels else one.model
            words.append(f"{head} ({label}):\n{self.client.prompt_as_sent(one)}\n")
        return "\n".join([*words, cost_line(self.client, self.missing())])

    def _confirm(self) -> None:
        confirm(
            self.client, self.options, self.front, sum(one.count * one.pictures for one in self.requests), self.missing
        )


def cost_line(client: Client, cost: money.Cost) -> str:
    """What a dry run says at its end: how many pictures would be asked for, and what they cost."""
    free = say(", free (demo)", "，免费（演示）") if client.is_demo else ""
    told = money.pictures(cost.pictures) if free else money.told(cost, client.settings.currency)
    return say(f"Would be asked for: {told}{free}. Nothing was sent.", f"将请求：{told}{free}。没有发送任何请求。")


def confirm(client: Client, options: Options, front: Front, most: int, missing: Callable[[], money.Cost]) -> None:
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
        raise budget_reached(money.Cost(), cost, options.budget, currency, cell=True)
    if options.yes or cost.pictures <= limit:
        return
    told = money.told(cost, currency)
    question = say(f"This cell asks for {told}. Go on? [y/N] ", f"此单元格将请求 {told}。继续？[y/N] ")
    if front.attended and front.ask(question).strip().lower() in {"y", "yes", "是", "好"}:
        return
    raise LimitReached(
        say(
            f"This cell asks for {told}; more than {limit} need a yes.",
            f"此单元格将请求 {told}，超过 {limit} 张需确认。",
        ),
        do=say("Nothing was sent. Add -y to go on.", "没有发送任何请求。加 -y 可继续。"),
    )
