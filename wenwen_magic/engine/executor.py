"""Sends calls through an executor: other processes or machines ask the endpoint and return bytes."""

import pickle
import sys
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from wenwen_magic.endpoint import api_key, transport
from wenwen_magic.endpoint.masking import mask_reply
from wenwen_magic.errors import ConfigError, EndpointError, NotSentError, WenwenError
from wenwen_magic.protocol import HttpCall, HttpReply
from wenwen_magic.text.i18n import _, speak, spoken
from wenwen_magic.text.sanitize import mask_keys

LOCAL = ("127.0.0.1", "localhost", "::1")
"""Hosts that are this machine: an endpoint there may need no key."""


@dataclass(frozen=True)
class Delivery:
    """Hold a reply read to its end, and the error if the connection broke; the bytes before it are kept."""

    reply: HttpReply
    broken: EndpointError | None = None


class ExecutorTransport:
    """Sends calls as :class:`wenwen_magic.endpoint.transport.Transport` does, from the workers of an executor.

    The key is never sent to a worker: each finds its own, in ``WENWEN_API_KEY`` of its environment or in its keyring,
    and the package has to be installed there. A reply is returned when it is whole. The wait for a free worker has no
    limit; the endpoint's silence has one (``read``). Dask runs the task of a lost worker again; such a call is not made
    twice. Any other executor must not run a task again by itself.

    Args:
        executor: such as a process pool, or Dask's ``client.get_executor()``.
        address: the endpoint's, as a worker sees it: ``localhost`` is the worker's own machine.
        read: seconds that a worker waits for the endpoint's next byte.

    Raises:
        ConfigError: the address is invalid.
    """

    def __init__(self, executor: Executor, address: str, *, read: float) -> None:
        self._executor, self._address, self._read = executor, transport.normalised(address), read

    def send(self, call: HttpCall, auth: tuple[str, str] = ("Authorization", "Bearer {key}")) -> HttpReply:
        """Send a call from a worker, as the transport does, and wait for its answer; it is never submitted again.

        Raises:
            NotSentError: the executor did not take it, or the worker could not send it.
            ConfigError: the call cannot be sent as JSON, or the worker has no key.
            EndpointError: as the transport; also when the worker was lost, which may have sent the call.
        """
        # Packed here: an executor would find only after taking the call that it cannot be pickled.
        order = packed((spoken(), uuid4().hex, self._address, call, auth, self._read))
        try:
            future = self._executor.submit(carry_out, order)
        except Exception as error:  # noqa: BLE001  executors have errors of their own
            # The task is queued before a thread or process is started for it: one that already runs may take it.
            if isinstance(error, (OSError, MemoryError)) or "start new thread" in str(error):
                raise _lost(error) from None
            raise NotSentError(
                _("The executor did not take the request."),
                why=_masked(error),
                do=_("Start a new executor, then ask again."),
            ) from None
        try:  # exception() returns the worker's error; an interrupt that is raised here is this process's own
            fault = future.exception()
        except CancelledError as cancelled:
            fault = cancelled
        delivery = future.result() if fault is None else _lost(fault)
        if isinstance(delivery, WenwenError):
            raise delivery
        return replace(delivery.reply, chunks=_chunks(delivery))


def packed(order: Any) -> bytes:
    """Pickle what another process is to do; raise ``ConfigError`` where a parameter of the request is no JSON."""
    try:
        return pickle.dumps(order)
    except Exception as error:  # noqa: BLE001  an object may raise anything when it is pickled
        raise ConfigError(
            _("A parameter cannot be sent as JSON."),
            why=str(error),
            do=_("Use text, numbers, true, false, lists and dicts."),
        ) from None


def _chunks(delivery: Delivery) -> Iterator[bytes]:
    yield from delivery.reply.chunks
    if delivery.broken is not None:
        raise delivery.broken


def _lost(error: BaseException | str) -> EndpointError:
    return EndpointError(
        _("The worker was lost before it brought the answer."),
        why=error if isinstance(error, str) else _masked(error),
        do=_("It may have sent the request, so it was not sent again. Asking again may cost again."),
        charged="maybe",
    )


def _masked(error: BaseException) -> str:
    return mask_keys(f"{type(error).__name__}: {error}".removesuffix(": "))[:600]


# -- on the worker -----------------------------------------------------------------------------------------------------


def carry_out(order: bytes) -> Delivery | WenwenError:
    """Make a pickled call on a worker; return errors, as executors may log what is raised and run it again."""
    # Anyone who can submit a task to a worker can run any code there anyway.
    return copy_context().run(_carry_out, *pickle.loads(order))  # noqa: S301


def _carry_out(language: str, ticket: str, *order: Any) -> Delivery | WenwenError:
    speak(language)
    try:
        _refuse_second_run(ticket)
        return deliver(*order)
    except WenwenError as error:
        return error.with_traceback(None)


def deliver(address: str, call: HttpCall, auth: tuple[str, str], read: float) -> Delivery:
    """Ask the endpoint with the key that is found on this machine, and read the whole answer.

    Raises:
        ConfigError: there is no key here, and the endpoint is neither the demo nor on this machine.
        WenwenError: as :class:`wenwen_magic.endpoint.transport.Transport` raises it.
    """
    parts = urlsplit(transport.normalised(address))
    is_demo = parts.path.endswith("/demo")
    key = None if is_demo else api_key.find()[0]
    if key is None and not is_demo and parts.hostname not in LOCAL:
        raise ConfigError(
            _("The worker has no key; nothing was sent."),
            do=_(
                "Keys are not sent to workers: set {variable} in their environment before they start.",
                variable=api_key.VARIABLE,
            ),
        )
    reply = transport.Transport(address, key, read=read).send(call, auth)
    pieces: list[bytes] = []
    broken = None
    try:
        pieces.extend(reply.chunks)
    except EndpointError as error:
        broken = error.with_traceback(None)
    clean = mask_reply(pieces, key)  # only here the key is known that this endpoint can have echoed
    body = b"".join(pieces) if clean is None else clean
    return Delivery(HttpReply(reply.status, reply.content_type, (body,), demo=reply.demo), broken)


def _refuse_second_run(ticket: str) -> None:
    """Note the ticket at Dask's scheduler, which outlives workers and runs the tasks of lost ones again.

    ``allowed-failures`` is not enough: it does not count retired workers, nor results lost with their worker.

    Raises:
        EndpointError: it is noted already; the worker that noted it may have sent the request.
    """
    dask: Any = sys.modules.get("distributed")  # loaded wherever its tasks run; this package does not depend on it
    try:
        dask.get_worker()
    except (AttributeError, ValueError):  # there is no Dask, or this is not one of its tasks
        return
    noted = dask.Event(f"wenwen-{ticket}")
    if noted.is_set():
        raise _lost(_("Dask ran its task again elsewhere."))
    noted.set()
