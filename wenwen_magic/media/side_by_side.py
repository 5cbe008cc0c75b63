"""Runs several works side by side; one failure leaves the others alone."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from wenwen_magic.errors import WenwenError

Result = TypeVar("Result")
WIDTH = 4
"""Works under way at the same time."""


def side_by_side(works: Sequence[Callable[[], Result]], width: int = WIDTH) -> list[Result | WenwenError]:
    """The results of several works, in their order; an error of ours stands in its work's place.

    Args:
        works: what to do; one alone runs in the calling thread.
        width: how many are under way at the same time.
    """
    if len(works) == 1:
        return [_result(works[0])]
    with ThreadPoolExecutor(width, thread_name_prefix="wenwen") as pool:
        futures = [pool.submit(copy_context().run, _result, work) for work in works]
        return [future.result() for future in futures]


def _result(work: Callable[[], Result]) -> Result | WenwenError:
    try:
        return work()
    except WenwenError as error:
        return error
