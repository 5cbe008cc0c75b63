"""Begin anew in forks of this process: what other threads hold then stays held there, as only one comes along."""

import os
from collections.abc import Callable
from weakref import WeakMethod


def in_forks(begin_anew: Callable[[], None]) -> None:
    """Call a method in every fork of this process before anything else there, as long as its object lives.

    Args:
        begin_anew: a bound method.
    """
    method = WeakMethod(begin_anew)

    def begin() -> None:
        if found := method():
            found()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=begin)
