"""Runs a cell with many prompts, from a file, a list or a table."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from wenwen_magic.client import Look
from wenwen_magic.engine import money
from wenwen_magic.engine.batch import Rows
from wenwen_magic.engine.outcomes import error_of_record, refuse_gaps, stopped
from wenwen_magic.engine.worker_pool import Many, wait_through
from wenwen_magic.notebook.cell import Cell, confirm, cost_line
from wenwen_magic.records import Gallery, Generation, ImageRequest
from wenwen_magic.render import gallery as tables
from wenwen_magic.render.generation import MOST_SHOWN
from wenwen_magic.text.i18n import say

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
        confirm(cell.client, cell.options, cell.front, look.wanted, lambda: money.cost_of(look.missing))
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
            self.cell.area.preview(Gallery(come, render=tables.gallery_bundle), line)
        else:
            self.cell.area.status(line)

    def dry_run(self) -> str:
        """The first prompts as they would be sent, how many pictures are missing, and what they cost; sends nothing."""
        cell = self.cell
        first = enumerate(islice(self.requests(), _SHOWN), 1)
        shown = [f"{number}. {cell.client.prompt_as_sent(one)}\n" for number, one in first]
        look = self._look_through()
        more = say(f"… {look.requests} prompts in all", f"…… 共 {look.requests} 个提示词")
        lines = [*shown, more] if look.requests > len(shown) else shown
        return "\n".join([*lines, cost_line(cell.client, money.cost_of(look.missing))])


def _small(row: Generation, thumbnail: Path | None) -> Generation:
    pictures = tuple(replace(one, preview=thumbnail) for one in row.pictures)
    return replace(row, pictures=pictures if len(pictures) == 1 else row.pictures)


def _finishing(count: int) -> str:
    return say(
        f" · stopping, waiting for {count}; interrupt again to stop waiting",
        f" · 正在停止，等待 {count} 个；再次中断则不再等待",
    )
