"""Leads a format's conversation: sends its calls, passes on its words on progress, waits for it, gives its answer."""

from collections.abc import Callable, Generator
from typing import TypeVar, cast

from wenwen_magic.engine.outcomes import goes_on, still_working, unknown_work
from wenwen_magic.errors import ConfigError, EndpointError, NotSentError
from wenwen_magic.protocol import HttpCall, HttpReply, Pause, Progress, Step

Result = TypeVar("Result")
GROWTH = 1.2
"""How many times longer each pause between two questions is than the one before."""
_UNKNOWN = {400, 404, 410}
"""The statuses with which an endpoint says that it knows no such work."""
LONGEST = 10.0
"""Seconds of the longest pause between two questions."""


class Patience:
    """Waits between questions after a work that goes on: a little longer each time, and not for ever.

    Args:
        first: seconds of the first pause.
        limit: seconds of all pauses together.
        sleep: waits for some seconds.
    """

    def __init__(self, first: float, limit: float, sleep: Callable[[float], None]) -> None:
        self._next, self._left, self._sleep = first, limit, sleep

    def wait(self) -> None:
        """Wait once.

        Raises:
            WaitEnded: it has waited long enough; the work goes on.
        """
        if self._left <= 0:
            raise still_working()
        self._sleep(min(self._next, self._left))
        self._left -= self._next
        self._next = min(self._next * GROWTH, max(LONGEST, self._next))


def lead(
    talk: Generator[Step, HttpReply | None, Result],
    send: Callable[[HttpCall], HttpReply],
    tell: Callable[[Progress], None],
    wait: Callable[[], None],
) -> Result:
    """Lead a format's conversation: send its calls, pass on its words on progress, wait for it, give its answer."""
    try:
        step = next(talk)
        while True:
            if isinstance(step, HttpCall):
                step = talk.send(send(step))
                continue
            if isinstance(step, Pause):
                wait()
            else:
                tell(step)
            step = next(talk)
    except StopIteration as end:
        return cast(Result, end.value)


def asking(
    pay: Callable[[HttpCall], HttpReply], ask: Callable[[HttpCall], HttpReply]
) -> Callable[[HttpCall], HttpReply]:
    """What sends calls: those that may cost through one door, free questions through the other.

    A question that gets no answer leaves the work as it is: it goes on, and can be asked after again. A work that the
    endpoint does not know any more has failed.
    """

    def send(call: HttpCall) -> HttpReply:
        if not call.free:
            return pay(call)
        try:
            return ask(call)
        except (ConfigError, EndpointError, NotSentError) as error:
            raise (unknown_work(error) if error.status in _UNKNOWN else goes_on(error)) from None

    return send
