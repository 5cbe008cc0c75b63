"""Serves the demo endpoint on a thread of its own: a stand-in for the relay that paints by itself."""

import os
import socket
import sys
from collections.abc import Callable
from http.server import HTTPServer
from socketserver import TCPServer, ThreadingMixIn
from threading import Event, Thread
from typing import Any, Self

from wenwen_magic.demo.desk import Call, CallLog, Desk
from wenwen_magic.demo.handler import Handler
from wenwen_magic.demo.studio import Studio
from wenwen_magic.errors import ConfigError
from wenwen_magic.text.i18n import say


class _Listener(ThreadingMixIn, HTTPServer):
    """The listening socket; knows its open connections, to close them when it goes."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    # On Windows this option would let two programs share one port.
    allow_reuse_address = os.name != "nt"

    def __init__(self, place: tuple[str, int], handler: type[Handler]) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(place, handler)

    def server_bind(self) -> None:
        # HTTPServer asks for the host's full name here, which can take seconds without a network.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that goes away is no event; anything else is a fault of ours and shall be seen.
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def hang_up(self) -> None:
        self.server_close()
        for request in list(self._open):
            try:
                request.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class DemoServer:
    """The demo endpoint: models and chat in the relay's shapes, pictures painted here, nothing to pay.

    Args:
        host: the address to listen at.
        port: 0 for any that is free.
        delay: seconds before each answer.
        wait: lets seconds pass; None waits in real time and ends early when the server stops.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        delay: float = 0.0,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self._place, self._delay, self._wait = (host, port), delay, wait
        self._log, self._studio, self._stopped = CallLog(), Studio(), Event()
        self._listener: _Listener | None = None
        self.address = ""

    def start(self) -> str:
        """Begin to listen; gives the base address, such as ``http://127.0.0.1:8010/demo``.

        Raises:
            ConfigError: the port is in use, or the host is not an address of this machine.
        """
        if self._listener is None:
            self._stopped = Event()
            self._listener = self._listen()
            host, port = self._listener.server_name, self._listener.server_port
            self.address = f"http://{host}:{port}/demo"
            Thread(target=self._listener.serve_forever, args=(0.05,), name="wenwen-demo", daemon=True).start()
        return self.address

    def stop(self) -> None:
        """Stop at once: close the port and every connection, also those that still wait for an answer."""
        listener, self._listener = self._listener, None
        self._stopped.set()
        if listener is not None:
            listener.shutdown()
            listener.hang_up()

    @property
    def calls(self) -> list[Call]:
        """The requests received so far, the oldest first: the last 1000."""
        return self._log.all()

    @property
    def posts(self) -> list[Call]:
        """Those of the requests that were POSTs."""
        return [call for call in self.calls if call.method == "POST"]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _listen(self) -> _Listener:
        desk = Desk(self._delay, self._wait or self._stopped.wait, self._stopped, self._log, self._studio)
        handler = type("DeskHandler", (Handler,), {"desk": desk})
        try:
            return _Listener(self._place, handler)
        except (OSError, OverflowError) as problem:
            host, port = self._place
            raise ConfigError(
                say(f"The demo cannot listen at {host}, port {port}.", f"演示服务无法监听 {host} 的端口 {port}。"),
                why=str(problem),
                do=say("Another program may use the port: choose another one.", "端口可能已被占用：请换一个端口。"),
            ) from problem
