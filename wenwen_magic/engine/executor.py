"""Sends a conversation's calls through an executor: other processes or machines ask the endpoint and return bytes."""

import pickle
import sys
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor, Future
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from wenwen_magic.endpoint import api_key, transport
from wenwen_magic.endpoint.api_key import Secret
from wenwen_magic.errors import ConfigError, EndpointError, NotSentError, WenwenError, mask
from wenwen_magic.protocol import HttpCall, HttpReply
from wenwen_magic.text.i18n import _, speak, spoken

_LOCAL = ("127.0.0.1", "localhost", "::1")
# The task was queued, and then no thread or process could be started for it: one that already runs may take it.
_MAYBE_QUEUED = (OSError, MemoryError)
_NO_THREAD = "start new thread"


@dataclass(frozen=True)
class Delivery:
    """What a worker brings back: plain values that can be pickled.

    Args:
        status: the HTTP status.
        content_type: the header as it came, lower case.
        body: the whole body, or what came of it.
        demo: whether the demo endpoint answered.
        broken: why the body ends too early; None for a whole one.
    """

    status: int
    content_type: str
    body: bytes = field(repr=False)
    demo: bool
    broken: EndpointError | None = None


@dataclass(frozen=True)
class _Order:
    """What a worker is asked to do. It holds no key: each worker has its own.

    Args:
        address, call, auth, read: as for :func:`deliver`.
        language: of the messages, ``en`` or ``zh``.
        ticket: makes this order unlike every other, and lets it be carried out once.
    """

    address: str
    call: HttpCall
    auth: tuple[str, str]
    read: float
    language: str
    ticket: str


class Line:
    """Sends calls as :class:`wenwen_magic.endpoint.transport.Transport` does, from the workers of an executor.

    The key is never sent to a worker: each finds its own, in ``WENWEN_API_KEY`` of its environment or in its keyring,
    and the package has to be installed there. An answer is handed over when it is whole: words on progress come all at
    its end; what had come of a body that breaks is kept, unless the worker itself is lost. The waiting for a free
    worker has no limit, the endpoint's silence has (``read``). Dask runs a task again whose worker is lost; such an
    order is not carried out twice. Any other executor must not run a task again by itself.

    Args:
        executor: such as a process pool, or Dask's ``client.get_executor()``.
        address: the endpoint's, as a worker sees it: ``localhost`` is the worker's own machine.
        read: seconds that a worker waits for the endpoint's next byte.

    Raises:
        ConfigError: the address is none.
    """

    def __init__(self, executor: Executor, address: str, *, read: float) -> None:
        self.address = transport.normalised(address)
        self._executor, self._read = executor, read

    def send(self, call: HttpCall, auth: tuple[str, str] = ("Authorization", "Bearer {key}")) -> HttpReply:
        """Send a call from a worker and wait for its answer; it is never handed to an executor again.

        Args:
            call: what to send.
            auth: the key's header and its pattern.

        Raises:
            NotSentError: the executor did not take it, or the worker could not send it.
            ConfigError: the call cannot be sent as JSON, or the worker has no key.
            EndpointError: as the transport; also when the worker was lost, and nobody knows whether it had sent.
        """
        order = _Order(self.address, call, auth, self._read, spoken(), uuid4().hex)
        delivery = _brought(_submitted(self._executor, _packed(order)))
        if isinstance(delivery, WenwenError):
            raise delivery
        return HttpReply(delivery.status, delivery.content_type, _chunks(delivery), demo=delivery.demo)


def _packed(order: _Order) -> bytes:
    """The order as bytes: executors look into other values, and would meet what cannot be pickled only after taking it.

    Raises:
        ConfigError: a parameter cannot be pickled, and so is none that JSON knows.
    """
    try:
        return pickle.dumps(order)
    except Exception as error:  # noqa: BLE001  an object may raise anything when it is pickled
        raise ConfigError(
            _("A parameter cannot be sent as JSON."),
            why=str(error),
            do=_("Use text, numbers, true, false, lists and dicts."),
        ) from None


def _submitted(executor: Executor, packed: bytes) -> "Future[Delivery | WenwenError]":
    try:
        return executor.submit(carry_out, packed)
    except Exception as error:  # noqa: BLE001  executors have errors of their own
        if isinstance(error, _MAYBE_QUEUED) or _NO_THREAD in str(error):
            raise _lost(_plain(error)) from None
        raise NotSentError(
            _("The executor did not take the request."),
            why=_plain(error),
            do=_("Start a new executor, then ask again."),
        ) from None


def _brought(future: "Future[Delivery | WenwenError]") -> Delivery | WenwenError:
    """What the worker brings; its error is asked for and not raised, for an interrupt that is raised here is ours."""
    try:
        fault = future.exception()
    except CancelledError as cancelled:
        fault = cancelled
    return future.result() if fault is None else _lost(_plain(fault))


def _chunks(delivery: Delivery) -> Iterator[bytes]:
    yield delivery.body
    if delivery.broken is not None:
        raise delivery.broken


def _lost(why: str) -> EndpointError:
    return EndpointError(
        _("The worker was lost before it brought the answer."),
        why=why,
        do=_("It may have sent the request, so it was not sent again. Asking again may cost again."),
        charged="maybe",
    )


def _plain(error: BaseException) -> str:
    return mask(f"{type(error).__name__}: {error}".removesuffix(": "))[:600]


# -- on the worker -----------------------------------------------------------------------------------------------------


def deliver(address: str, call: HttpCall, auth: tuple[str, str], read: float) -> Delivery:
    """Ask the endpoint from here, with the key that is found here, and read the whole answer.

    Args:
        address: the endpoint's.
        call: what to send.
        auth: the key's header and its pattern.
        read: seconds to wait for the next byte.

    Raises:
        ConfigError: there is no key here.
        NotSentError: the call cannot have arrived.
        EndpointError: an HTTP error status, or a connection that broke before the answer began.
    """
    address = transport.normalised(address)
    reply = transport.Transport(address, _key_for(address), read=read).send(call, auth)
    body, broken = _whole(reply)
    return Delivery(reply.status, reply.content_type, body, reply.demo, broken)


def carry_out(packed: bytes) -> Delivery | WenwenError:
    """Carry out an order on a worker; an error is given and not raised, for executors may log and repeat what raises.

    Args:
        packed: a pickled order. Whoever can hand a worker one can have it run anything anyway.
    """
    return copy_context().run(_carry_out, pickle.loads(packed))  # noqa: S301  as the docstring says


def _carry_out(order: _Order) -> Delivery | WenwenError:
    speak(order.language)
    try:
        _punch(order.ticket)
        return deliver(order.address, order.call, order.auth, order.read)
    except WenwenError as error:
        return error.with_traceback(None)


def _whole(reply: HttpReply) -> tuple[bytes, EndpointError | None]:
    """The body, and the error if it broke: what came before is not lost."""
    body, broken = bytearray(), None
    try:
        for piece in reply.chunks:
            body += piece
    except EndpointError as error:
        broken = error.with_traceback(None)
    return bytes(body), broken


def _key_for(address: str) -> Secret | None:
    """This worker's key; none for the demo, nor for an endpoint on its own machine where it has none."""
    parts = urlsplit(address)
    if parts.path.endswith("/demo"):
        return None
    key, _source = api_key.find()
    if key is None and parts.hostname not in _LOCAL:
        raise ConfigError(
            _("The worker has no key; nothing was sent."),
            do=_(
                "Keys are not sent to workers: set {variable} in their environment before they start.",
                variable=api_key.VARIABLE,
            ),
        )
    return key


def _punch(ticket: str) -> None:
    """On a Dask worker, note the ticket at the scheduler, which outlives workers and runs the tasks of lost ones again.

    ``allowed-failures`` would not do: it does not count workers that are retired, nor results lost with their worker.

    Raises:
        EndpointError: the ticket is noted already; the worker that noted it may have sent the request.
    """
    dask: Any = sys.modules.get("distributed")  # loaded wherever its tasks run; no dependency of ours
    try:
        dask.get_worker()
    except (AttributeError, ValueError):  # there is no Dask, or this is no task of its
        return
    noted = dask.Event(f"wenwen-{ticket}")
    if noted.is_set():
        raise _lost(_("Dask ran its task again elsewhere."))
    noted.set()
