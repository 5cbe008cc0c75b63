"""Leads a format's conversation: sends its calls, passes on its words on progress, gives its answer."""

from collections.abc import Callable, Generator
from typing import cast

from wenwen_magic.wire import Answer, HttpCall, HttpReply, Progress


def lead(
    talk: Generator[HttpCall | Progress, HttpReply | None, Answer],
    send: Callable[[HttpCall], HttpReply],
    tell: Callable[[Progress], None],
) -> Answer:
    """Lead a format's conversation: send its calls, pass on its words on progress, give its answer."""
    try:
        step = next(talk)
        while True:
            if isinstance(step, Progress):
                tell(step)
                step = next(talk)
            else:
                step = talk.send(send(step))
    except StopIteration as end:
        return cast(Answer, end.value)
