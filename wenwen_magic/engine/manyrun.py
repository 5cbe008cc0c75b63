"""Waits for a run through many requests in the main thread, with a bar; interrupts stop it in two steps."""

from collections.abc import Callable
from typing import Any

from wenwen_magic.engine import outcomes
from wenwen_magic.engine.batch import Rows
from wenwen_magic.engine.limits import Session
from wenwen_magic.engine.runner import Runner
from wenwen_magic.engine.worker_pool import Many, Tally, wait_through
from wenwen_magic.text.i18n import say


def finish_many(run: Many[Any, Any], rows: Rows, session: Session) -> None:
    """Run through many requests and wait: the first interrupt stops what has not begun, the second ends the waiting.

    Args:
        run: not yet begun.
        rows: that it fills.
        session: whose account tells whether anything was paid.

    Raises:
        WaitEnded: it was interrupted.
        LimitReached: a limit ended it.
    """
    before = session.account()
    try:
        job = Runner().start(lambda _: run.run())
        wait_through(run, job.wait, _say_stopping)
        stopped = run.stopped
    finally:
        run.stop()  # an interrupt between two lines must not leave a run that goes on paying
    if error := job.error or rows.refusal:
        raise error
    if stopped:
        raise outcomes.stopped(run.tally.done, paid=rows.asked or session.account() != before)


def _say_stopping(count: int) -> None:
    print(
        say(
            f"Stopping: waiting for {count} under way. Interrupt again to stop waiting.",
            f"正在停止：等待进行中的 {count} 个。再次中断则不再等待。",
        )
    )


def moving(bar: Any) -> Callable[[Tally], None]:
    """What moves a bar to where a run is."""

    def tell(tally: Tally) -> None:
        bar.n = tally.done + tally.failed
        if tally.failed:
            bar.set_postfix_str(say(f"{tally.failed} failed", f"{tally.failed} 个失败"), refresh=False)
        bar.refresh()

    return tell
