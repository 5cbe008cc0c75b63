"""Draw the orders of a kernel, in a process that goes on when the kernel ends; ``detached`` starts it."""

import json
import os
import pickle
import sys
import threading
from contextlib import suppress
from typing import IO, Any

from wenwen_magic.endpoint.api_key import Secret
from wenwen_magic.endpoint.transport import Clock
from wenwen_magic.engine.generate import Engine
from wenwen_magic.engine.limits import SESSION
from wenwen_magic.engine.outcomes import as_recorded
from wenwen_magic.engine.processes.detached import Order, Result
from wenwen_magic.engine.worker_pool import giving_way
from wenwen_magic.errors import HistoryError, WenwenError
from wenwen_magic.text.i18n import _, speak

_writing = threading.Lock()


def main(orders: IO[bytes], replies: IO[bytes]) -> None:
    """Draw each order in a thread of its own, until the orders end, and wait for the threads."""
    replies.write(b'{"order": 0}\n')  # ready
    replies.flush()
    threads: list[threading.Thread] = []
    with suppress(EOFError, pickle.UnpicklingError):  # the end, which a killed kernel may make inside an order
        while True:
            number, order = pickle.load(orders)  # noqa: S301  from our own kernel
            threads = [thread for thread in threads if thread.is_alive()]
            threads.append(threading.Thread(target=_draw, args=(number, order, replies), name="wenwen-order"))
            threads[-1].start()
    for thread in threads:  # at the end of Python itself they could start no threads of their own
        thread.join()


def _draw(number: int, order: Order, replies: IO[bytes]) -> None:
    def told(**values: Any) -> bool:
        line = json.dumps({"order": number, **values}, default=str).encode() + b"\n"
        with _writing, suppress(OSError, ValueError):  # the kernel may be gone: the answer is saved all the same
            replies.write(line)
            replies.flush()
            return True
        return False

    def reply(**values: Any) -> None:
        told(**values)

    os.environ.update(order.environment)
    for name in os.environ.keys() - order.environment.keys():  # other orders may read the rest at the same time
        os.environ.pop(name, None)
    speak(order.language)
    try:
        key = Secret(order.key) if order.key else None
        engine = Engine.of(order.settings, order.folder, SESSION, Clock(), key=key, foreign=order.foreign)
        with giving_way(lambda: reply(answered=True)):
            made = engine.draw_here(
                order.request,
                fresh=order.fresh,
                given=order.given,
                progress=lambda step: reply(progress=(step.text, step.percent, step.preview, step.said)),
                counted=True,
            )
        path = str(engine.history.path(made, ".json").relative_to(engine.history.folder))
        reply(result=Result(made.id, path, made.from_history, made.take, made.note))
    except WenwenError as error:
        if not told(error=as_recorded(error)) and error.charged != "no":  # nobody has read it: the next run asks
            with suppress(HistoryError):
                engine.reopen(error.record)
    except BaseException as error:
        unexpected = WenwenError(
            _("Something unexpected failed."), why=f"{type(error).__name__}: {error}", charged="maybe"
        )
        reply(error=as_recorded(unexpected))
        raise


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
