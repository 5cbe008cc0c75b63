"""Measure how close many pictures come to the ideal: so many at a time, with an endpoint that takes two seconds.

    python benchmarks/many.py [ROUNDS]

The ideal is the number of pictures, by the width, times two seconds. The machine saves pictures meanwhile, so that its
processors count. Exit code 1 when the median of a case is above its limit.
"""

import contextlib
import io
import os
import sys
import tempfile
import time
from http.server import ThreadingHTTPServer
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent))
from cell_overhead import KEY, Ready, answer_of, endpoint, painted

from wenwen_magic import Client

SECONDS = 2.0
CASES = ((64, 16, 1.08), (512, 64, 1.10))
"""Pictures, how many at a time, and how many times the ideal they may take."""
PICTURE = ("RGB", (512, 512), 4)


class Server(ThreadingHTTPServer):
    """Takes as many connections at once as come."""

    request_queue_size = 512
    daemon_threads = True


def serve() -> None:
    """Serve one picture until terminated."""
    server = Server(("127.0.0.1", 0), Ready)
    address = f"http://127.0.0.1:{server.server_port}"
    Ready.picture, Ready.seconds = painted(*PICTURE), SECONDS
    Ready.answer = answer_of("link", address, Ready.picture)
    print(address)
    server.serve_forever()


def once(address: str, count: int, width: int, name: str, *, worker: bool) -> float:
    """Return how many times the ideal it takes."""
    client = Client(base_url=address, api_key=KEY, worker=worker)
    prompts = [f"{name} {number}" for number in range(count)]
    began = time.perf_counter()
    with contextlib.redirect_stderr(io.StringIO()):
        rows = client.generate_many(prompts, concurrency=width)
    taken = time.perf_counter() - began
    assert len(rows) == count
    return taken / (count / width * SECONDS)


def main(rounds: int = 3) -> int:
    """Measure both cases, in this process and in the one that outlives a kernel."""
    missed = False
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        os.environ.update(XDG_CACHE_HOME=folder, WENWEN_SESSION_LIMIT="1000000")
        with endpoint((str(Path(__file__).resolve()), "--serve")) as address:
            for worker in (False, True):  # what is loaded, and started, once
                Client(base_url=address, api_key=KEY, worker=worker).generate(f"in a worker: {worker}")
            for count, width, most in CASES:
                for worker in (False, True):
                    place = "in a worker" if worker else "in this process"
                    ratios = [
                        once(address, count, width, f"{count} {worker} {n}", worker=worker) for n in range(rounds)
                    ]
                    found = median(ratios)
                    print(f"{count} pictures, {width} at a time, {place}: {found:.3f} of the ideal, at most {most}")
                    missed |= found > most
    return int(missed)


if __name__ == "__main__":
    sys.exit(serve() if sys.argv[1:2] == ["--serve"] else main(*map(int, sys.argv[1:])))
