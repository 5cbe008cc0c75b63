"""Measure what a drawn picture costs beside the bare calls: ``requests`` + Pillow against Client and a whole cell.

    python benchmarks/cell_overhead.py [PAIRS]

The endpoint runs in a process of its own and has its picture ready, so that only our own work shows. One round is:
bare, client, cell, in turning order; a ratio is the median over the rounds. Exit code 1 when a whole cell is above its
limit.
"""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median

import requests
from IPython.core.interactiveshell import InteractiveShell
from PIL import Image, ImageChops
from traitlets.config import Config

from wenwen_magic import Client

PROMPT = "a red cat on a roof"
PICTURES = {
    "a PNG of 1.9 MB, 1024 x 1024": ("RGB", (1024, 1024), 4, 1.25),
    "a PNG of 30 MB, 4096 x 2800": ("RGB", (4096, 2800), 80, 1.10),
}
"""What is drawn: mode, width x height in pixels, strength of the noise, and the highest ratio of a whole cell."""
Way = Callable[[str], None]


@contextlib.contextmanager
def endpoint(program: tuple[str, ...]) -> Iterator[str]:
    """The address of an endpoint, while it runs in a process of its own."""
    command = [sys.executable, "-u", *program]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
    assert process.stdout is not None
    try:
        found = re.search(r"http://[\w./:]+", process.stdout.readline())
        assert found
        yield found.group()
    finally:
        process.terminate()
        process.wait(10)


class Ready(BaseHTTPRequestHandler):
    """Answers every POST with the address of one picture, painted before."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or the bare way, which keeps its connection, would wait 40 ms an answer
    picture = b""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        content = f"![x](http://{self.headers['Host']}/x.png)"
        self._say("application/json", json.dumps({"choices": [{"message": {"content": content}}]}).encode())

    def do_GET(self) -> None:
        self._say("image/png", self.picture)

    def _say(self, kind: str, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


def painted(mode: str, size: tuple[int, int], noise: float) -> bytes:
    """Make a PNG that is as hard to compress as a photograph: a gradient under noise."""
    gradient = Image.linear_gradient("L").resize(size)
    bands = [ImageChops.add(gradient, Image.effect_noise(size, noise), 1, -128) for _band in mode]
    file = io.BytesIO()
    Image.merge(mode, bands).save(file, "PNG", compress_level=3)
    return file.getvalue()


def serve(title: str) -> None:
    """Serve one picture until terminated."""
    Ready.picture = painted(*PICTURES[title][:3])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Ready)
    print(f"http://127.0.0.1:{server.server_port}")
    server.serve_forever()


def bare(address: str) -> Way:
    """What anybody would write: one session, POST, GET, decode, a preview of 768 pixels."""
    session = requests.Session()

    def draw(prompt: str) -> None:
        body = {"model": "gpt-4o-image", "stream": False, "messages": [{"role": "user", "content": prompt}]}
        answer = session.post(f"{address}/v1/chat/completions", json=body, timeout=60).json()
        link = re.search(r"\((http\S+)\)", answer["choices"][0]["message"]["content"])
        assert link
        picture = Image.open(io.BytesIO(session.get(link.group(1), timeout=60).content))
        picture.load()
        picture.thumbnail((768, 768))
        picture.convert("RGB").save(io.BytesIO(), "JPEG", quality=85)

    return draw


def client(address: str) -> Way:
    """The same through ``Client.generate``: record, checks, files and preview on disk."""
    ours = Client(base_url=address)
    return lambda prompt: use(ours.generate(prompt, fresh=True).images)


def cell(address: str) -> Way:
    """The same as a whole cell in a shell, shown and returned."""
    os.environ["WENWEN_BASE_URL"] = address
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    if "wenwen_magic" not in shell.extension_manager.loaded:
        shell.run_line_magic("load_ext", "wenwen_magic")

    def draw(prompt: str) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            result = shell.run_cell(f"%%wenwen_image --fresh\n{prompt}")
        use(result.result.images)

    return draw


def use(images: object) -> None:
    """Insist on a picture."""
    assert images


def rounds(ways: dict[str, Way], pairs: int) -> dict[str, list[float]]:
    """Seconds of each way in each round; the order turns from round to round."""
    names, taken = list(ways), {name: list[float]() for name in ways}
    for number in range(-2, pairs):  # the first two rounds only warm up
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            began = time.perf_counter()
            ways[name](PROMPT)
            if number >= 0:
                taken[name].append(time.perf_counter() - began)
    return taken


def report(title: str, taken: dict[str, list[float]]) -> float:
    """Print medians, ratios and differences to the bare way; returns the ratio of a whole cell."""
    print(title)
    plain, ratio = taken["bare"], 0.0
    for name, seconds in taken.items():
        ratio = median(ours / theirs for ours, theirs in zip(seconds, plain, strict=True))
        more = median(ours - theirs for ours, theirs in zip(seconds, plain, strict=True)) * 1000
        print(f"  {name:7} {median(seconds) * 1000:6.0f} ms   ratio {ratio:.3f}   difference {more:+6.1f} ms")
    return ratio


def measure(title: str, pairs: int) -> float:
    """Measure the three ways with one picture; returns the ratio of a whole cell."""
    with endpoint((str(Path(__file__).resolve()), "--serve", title)) as address:
        ways = {"bare": bare(address), "client": client(address), "cell": cell(address)}
        taken = rounds(ways, pairs)
    return report(f"{title} (a cell at most {PICTURES[title][3]}), median of {pairs} rounds", taken)


def main(pairs: int = 15) -> int:
    """Measure with every picture."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        os.environ.update(XDG_CACHE_HOME=folder, IPYTHONDIR=folder, WENWEN_SESSION_LIMIT="1000000")
        ratios = {title: measure(title, pairs) for title in PICTURES}
        return int(any(ratio > PICTURES[title][3] for title, ratio in ratios.items()))


if __name__ == "__main__":
    sys.exit(serve(sys.argv[2]) if sys.argv[1:2] == ["--serve"] else main(*map(int, sys.argv[1:])))
