"""Serves a classroom: ``python -m wenwen_magic.demo [--host H] [--port N] [--delay S]``."""

import argparse
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Event

from wenwen_magic.demo.server import DemoServer
from wenwen_magic.errors import ConfigError
from wenwen_magic.text.i18n import _


def main(arguments: Sequence[str] | None = None, *, wait: Callable[[], object] | None = None) -> int:
    """Serve until Ctrl-C, and return the exit code.

    Args:
        arguments: the command line; None for the program's own.
        wait: returns, or raises KeyboardInterrupt, when it is time to go; None for Ctrl-C.
    """
    parser = argparse.ArgumentParser(
        "python -m wenwen_magic.demo", description=_("A demo endpoint that paints by itself.")
    )
    parser.add_argument("--host", default="127.0.0.1", help=_("0.0.0.0 for a whole class"))
    parser.add_argument("--port", type=int, default=8010, help=_("0 for any that is free"))
    parser.add_argument("--delay", type=float, default=0.0, help=_("seconds before each answer"))
    options = parser.parse_args(arguments)
    server = DemoServer(host=options.host, port=options.port, delay=options.delay)
    try:
        address = server.start()
        if options.host in {"0.0.0.0", ""}:  # noqa: S104  compared with, not bound to
            address = address.replace("//" + options.host, "//" + _own_address(), 1)
        print(f"The demo is ready. Set WENWEN_BASE_URL={address}  (no key is needed; Ctrl-C ends it)")
        print(f"演示服务已就绪。请设置 WENWEN_BASE_URL={address}  （不需要密钥；按 Ctrl-C 结束）", flush=True)
        (wait or _forever)()
    except ConfigError as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print()
    finally:
        server.stop()
    return 0


def _forever() -> None:
    # A wait without an end cannot be interrupted on Windows.
    while not Event().wait(0.5):
        continue


def _own_address() -> str:
    # Connecting a datagram socket sends nothing; it only tells which of our addresses would be used.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])
    return "127.0.0.1"


if __name__ == "__main__":
    sys.exit(main())
