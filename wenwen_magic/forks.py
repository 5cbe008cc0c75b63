"""Renew locks in a forked process: threads of the parent may hold them, and these threads are not in the fork."""

import os
from collections.abc import Callable
from weakref import WeakMethod


def after_fork(renew: Callable[[], None]) -> None:
    """Call a method in each forked process, before anything else runs there, while its object exists.

    Args:
        renew: a bound method; only a weak reference to its object is kept.
    """
    method = WeakMethod(renew)

    def call() -> None:
        if found := method():
            found()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=call)
