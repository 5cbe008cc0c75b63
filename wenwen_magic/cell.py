"""Runs a cell: starts its job, waits beside it, shows what comes, and puts the controls under it."""

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, replace
from typing import Any

from wenwen_magic.area import Area, Handle, status_line
from wenwen_magic.client import Client
from wenwen_magic.errors import LimitReached
from wenwen_magic.language import say, speak
from wenwen_magic.options import Options
from wenwen_magic.outcomes import wait_ended
from wenwen_magic.records import Gallery, Generation, ImageRequest
from wenwen_magic.runner import POLL, Job, Runner

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
    """

    client: Client
    requests: tuple[ImageRequest, ...]
    options: Options
    name: str
    front: Front
    runner: Runner
    area: Area

    @property
    def _how(self) -> dict[str, Any]:
        return {"fresh": bool(self.options.fresh), "take": int(self.options.take or 0)}

    def missing(self) -> int:
        """How many pictures would be asked for."""
        return self.client.missing(self.requests, **self._how)

    def dry_run(self) -> str:
        """What would be sent, and how many pictures that asks for; sends nothing."""
        head = say("as sent", "发送的提示词")
        words = [f"{head} ({one.model}):\n{self.client.prompt_as_sent(one)}\n" for one in self.requests]
        count = self.missing()
        end = say(
            f"{count} picture(s) would be asked for; price unknown. Nothing was sent.",
            f"将请求 {count} 张图片；价格未知。没有发送任何请求。",
        )
        return "\n".join([*words, end])

    def draw(self) -> Generation | Gallery:
        """Draw, wait, and show.

        Raises:
            WenwenError: nothing could be drawn, or the wait was interrupted.
        """
        self._confirm()
        rows = self._wait(self._start())
        self.area.add(*rows)
        return self.hand_over(rows)

    def draw_in_background(self) -> Job:
        """Start drawing and return at once; somebody has to :meth:`follow` the job.

        Raises:
            LimitReached: the cell asks for more than is allowed; nothing was sent.
        """
        self._confirm()
        self.area.status(say("drawing in the background", "正在后台作图"))
        return self._start()

    def _start(self) -> Job:
        return self.runner.start(lambda tell: self.client.draw(self.requests, **self._how, tell=tell), self._key())

    def _key(self) -> Any:
        """What makes two runs the same: a cell that is run again joins the run under way instead of paying twice."""
        if self.options.fresh:
            return None
        wanted = tuple((one.fingerprint, one.count) for one in self.requests)
        return self.client.address, str(self.client.history.folder), self._how["take"], wanted

    def hand_over(self, rows: list[Generation]) -> Generation | Gallery:
        """The result as one thing, put into the cell's variable."""
        result: Generation | Gallery = rows[0] if len(rows) == 1 else self.client.gallery(rows)
        if self.name:
            self.front.names[self.name] = result
        return result

    def _wait(self, job: Job) -> list[Generation]:
        """Wait for a job in the main thread; an interrupt ends the waiting and not the job."""
        told = 0
        try:
            while not job.wait(POLL):
                if (seconds := int(self.runner.now() - job.began)) > told:
                    told = seconds
                    self.area.status(status_line(job, self.runner.now()))
        except KeyboardInterrupt:
            # The output is made here: from another thread it would come under whichever cell ran last.
            self.area.status(status_line(job, self.runner.now()))
            self.follow(job)
            raise wait_ended() from None
        if job.error is not None:
            self.area.clear(self.front.clear)
            raise job.error
        return list(job.result)

    def follow(self, job: Job) -> None:
        """Let a job go on in the background; its pictures come into the area by themselves."""

        def follow(_: Any) -> None:
            while not job.wait(TICK):
                self.area.status(status_line(job, self.runner.now()))
            if job.error is None:
                self.area.add(*job.result)
                self.hand_over(job.result)
            else:
                self.area.status(str(job.error).replace("\n", " · "))

        self.runner.start(follow)

    def speak(self, prompt: str = "") -> None:
        """Go on in the language of the cell, also where another cell has spoken since."""
        speak(self.client.settings.lang, prompt=prompt or self.requests[0].prompt)

    def generate(self, changed: ImageRequest) -> Job:
        """Draw a new take of a changed request in the background; in mode ``replay`` show the saved one."""
        self.speak(changed.prompt)
        request = self.client.request(changed)
        fresh = self.client.settings.mode != "replay"
        return self.runner.start(lambda tell: self.client.draw([request], fresh=fresh, tell=tell))

    def changed(self, **changes: Any) -> ImageRequest:
        """The cell's first request with other values.

        Raises:
            ConfigError: a value that cannot be.
        """
        return replace(self.requests[0], **changes)

    def _confirm(self) -> None:
        """Ask a person before many pictures; without one, fail."""
        limit = self.client.settings.confirm_above
        if self.options.yes or self.client.is_demo or sum(one.count for one in self.requests) <= limit:
            return
        missing = self.missing()
        if missing <= limit:
            return
        question = say(
            f"This cell asks for {missing} pictures. Go on? [y/N] ", f"此单元格将请求 {missing} 张图片。继续？[y/N] "
        )
        if self.front.attended and self.front.ask(question).strip().lower() in {"y", "yes", "是", "好"}:
            return
        raise LimitReached(
            say(
                f"This cell asks for {missing} pictures; more than {limit} need a yes.",
                f"此单元格将请求 {missing} 张图片，超过 {limit} 张需确认。",
            ),
            do=say("Nothing was sent. Add -y to go on.", "没有发送任何请求。加 -y 可继续。"),
        )
