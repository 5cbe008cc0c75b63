"""Measure what a drawn picture costs beside the bare calls: ``requests``, Pillow and one fsync with Client and a cell.

    python benchmarks/cell_overhead.py [PAIRS] [CASE ...]

The endpoint runs in a process of its own and has its answers ready, so that only our own work shows. One round is:
bare, client, cell, in turning order; a ratio is the median over the rounds. Behind them the memory of one picture: how
much the client's process holds at most, and with its children, beside the size of the answer. Exit code 1 when a
median is above its limit.
"""

import base64
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
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import requests
from IPython.core.interactiveshell import InteractiveShell
from PIL import Image, ImageChops
from traitlets.config import Config

from wenwen_magic import Client

PROMPT = "a red cat on a roof"
KEY = "sk-" + "benchmarks0123456789" * 2 + "abcdefgh"
"""As long as a real one: it is looked for in every answer."""
SMALL, LARGE = ("RGB", (1024, 1024), 4), ("RGB", (4096, 2800), 80)
"""Mode, width x height in pixels, strength of the noise: PNGs of 1.9 and of 30 MB."""
Way = Callable[[str], None]


@dataclass(frozen=True)
class Case:
    """What is drawn, and what it may cost.

    Args:
        picture: mode, width x height in pixels, strength of the noise.
        shape: how the answer holds it.
        client: the highest ratio through ``Client``; None for no limit of its own.
        cell: the highest ratio of a whole cell; None for no limit of its own.
        stream: whether a stream of events is asked for.
        memory: how many times the answer's size a client's process may grow; None for no limit.
    """

    picture: tuple[str, tuple[int, int], int]
    shape: str
    client: float | None = None
    cell: float | None = None
    stream: bool = False
    memory: float | None = None


CASES = {
    "small-link": Case(SMALL, "link", client=1.25, cell=1.25),
    "large-link": Case(LARGE, "link", client=1.10, cell=1.10),
    "data-uri": Case(LARGE, "data-uri", client=1.20, memory=4.0),
    "sse-line": Case(LARGE, "events-1", client=1.25, stream=True, memory=4.0),
    "small-events": Case(LARGE, "events-5000", client=1.50, stream=True, memory=4.0),
    "words": Case(SMALL, "words-5000", client=1.50, stream=True),
}


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
    """Answers every POST with what was made before, after some seconds."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or the bare way, which keeps its connection, would wait 40 ms an answer
    picture = answer = b""
    kind = "application/json"
    seconds = 0.0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.seconds)
        self._say(self.kind, self.answer)

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            return self._say("application/json", b'{"data": [{"id": "gpt-4o-image"}]}')
        return self._say("image/png", self.picture)

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


def answer_of(shape: str, address: str, picture: bytes) -> bytes:
    """Write an answer: a link, a data URI, or that in events; ``words`` are events before one with the picture."""
    kind, _, count = shape.partition("-")
    if kind == "link":
        return json.dumps({"choices": [{"message": {"content": f"![x]({address}/x.png)"}}]}).encode()
    content = f"![x](data:image/png;base64,{base64.b64encode(picture).decode()})"
    if kind == "data":
        return json.dumps({"choices": [{"message": {"content": content}}]}).encode()
    pieces = ["a word " for _ in range(int(count))] + [content]
    if kind == "events":
        step = -(-len(content) // int(count))
        pieces = [content[at : at + step] for at in range(0, len(content), step)]
    events = [{"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]} for piece in pieces]
    ended = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return "".join(f"data: {json.dumps(event)}\n\n" for event in [*events, ended]).encode() + b"data: [DONE]\n\n"


def serve(name: str) -> None:
    """Serve the answer of one case until terminated."""
    case = CASES[name]
    Ready.picture = painted(*case.picture)
    Ready.kind = "text/event-stream" if case.stream else Ready.kind
    server = ThreadingHTTPServer(("127.0.0.1", 0), Ready)
    address = f"http://127.0.0.1:{server.server_port}"
    Ready.answer = answer_of(case.shape, address, Ready.picture)
    print(address)
    server.serve_forever()


def bare(address: str, case: Case) -> Way:
    """What anybody would write: one session, POST, GET, decode, a preview of 768 pixels, one file that lasts."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {KEY}"

    def content_of(reply: requests.Response) -> str:
        if not case.stream:
            return str(reply.json()["choices"][0]["message"]["content"])
        lines = (line[6:] for line in reply.content.split(b"\n") if line.startswith(b"data: {"))
        return "".join(json.loads(line)["choices"][0]["delta"].get("content", "") for line in lines)

    def draw(prompt: str) -> None:
        body = {"model": "gpt-4o-image", "stream": case.stream, "messages": [{"role": "user", "content": prompt}]}
        content = content_of(session.post(f"{address}/v1/chat/completions", json=body, timeout=60))
        if case.shape == "link":
            link = re.search(r"\((http\S+)\)", content)
            assert link
            data = session.get(link.group(1), timeout=60).content
        else:
            data = base64.b64decode(content[content.index("base64,") + 7 : -1])
        with Path("bare.png").open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        picture = Image.open(io.BytesIO(data))
        picture.load()
        picture.thumbnail((768, 768))
        picture.convert("RGB").save(io.BytesIO(), "JPEG", quality=85)

    return draw


def client(address: str, case: Case) -> Way:
    """The same through ``Client.generate``: record, checks, files and preview on disk."""
    ours = Client(base_url=address, api_key=KEY)
    return lambda prompt: use(ours.generate(prompt, fresh=True, stream=case.stream).images)


def cell(address: str, case: Case) -> Way:
    """The same as a whole cell in a shell, drawn by the process that outlives a kernel, shown and returned."""
    os.environ.update(WENWEN_BASE_URL=address, WENWEN_API_KEY=KEY)
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    if "wenwen_magic" not in shell.extension_manager.loaded:
        shell.run_line_magic("load_ext", "wenwen_magic")

    def draw(prompt: str) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            result = shell.run_cell(f"%%wenwen_image --fresh{' --stream' * case.stream}\n{prompt}")
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


def report(title: str, taken: dict[str, list[float]], limits: dict[str, float | None]) -> bool:
    """Print medians, ratios and differences to the bare way; tells whether a limit is missed."""
    print(title)
    plain, missed = taken["bare"], False
    for name, seconds in taken.items():
        limit = limits.get(name)
        ratio = median(ours / theirs for ours, theirs in zip(seconds, plain, strict=True))
        more = median(ours - theirs for ours, theirs in zip(seconds, plain, strict=True)) * 1000
        most = f"   at most {limit}" if limit else ""
        print(f"  {name:7} {median(seconds) * 1000:6.0f} ms   ratio {ratio:.3f}   difference {more:+6.1f} ms{most}")
        missed |= bool(limit and ratio > limit)
    return missed


def grown(address: str, case: Case) -> tuple[float, float]:
    """Return by how many bytes this process grows for one picture at most, and all its processes together (Linux)."""
    draw = client(address, case)
    draw(PROMPT)  # whatever is loaded once is loaded
    tree = [psutil.Process(), *psutil.Process().children(recursive=True)]
    before = [one.memory_info().rss for one in tree]
    for one in tree:
        Path(f"/proc/{one.pid}/clear_refs").write_text("5", encoding="ascii")  # forget the highest so far
    draw(PROMPT)
    status = [Path(f"/proc/{one.pid}/status").read_text(encoding="utf-8") for one in tree]
    highest = [int(text.partition("VmHWM:")[2].split()[0]) << 10 for text in status]
    more = [high - low for high, low in zip(highest, before, strict=True)]
    return more[0], sum(more)


def measure_memory(name: str, address: str) -> bool:
    """Measure one picture in a process of its own; tells whether the limit is missed."""
    case = CASES[name]
    if case.memory is None or not Path("/proc/self/clear_refs").exists():
        return False
    command = [sys.executable, str(Path(__file__).resolve()), "--memory", name, address]
    own, all_of_them = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    size = requests.post(f"{address}/", data=b"", timeout=60).headers["Content-Length"]
    own, all_of_them = own / int(size), all_of_them / int(size)
    print(f"  memory  {own:.2f} times the answer, {all_of_them:.2f} with children   at most {case.memory}")
    return bool(max(own, all_of_them) > case.memory)


def measure(name: str, pairs: int) -> bool:
    """Measure the three ways with one case; tells whether a limit is missed."""
    case = CASES[name]
    with endpoint((str(Path(__file__).resolve()), "--serve", name)) as address:
        ways = {way.__name__: way(address, case) for way in (bare, client, cell)}
        taken = rounds(ways, pairs)
        missed = report(f"{name}, median of {pairs} rounds", taken, {"client": case.client, "cell": case.cell})
        return measure_memory(name, address) or missed


def main(pairs: int = 15, *names: str) -> int:
    """Measure the cases of these names, all of them for none."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        os.environ.update(XDG_CACHE_HOME=folder, IPYTHONDIR=folder, WENWEN_SESSION_LIMIT="1000000")
        return int(sum(measure(name, pairs) for name in names or CASES) > 0)


def run(arguments: list[str]) -> Any:
    """Do what the command line says."""
    match arguments:
        case ["--serve", name]:
            return serve(name)
        case ["--memory", name, address]:
            return print(json.dumps(grown(address, CASES[name])))
        case [pairs, *names]:
            return main(int(pairs), *names)
    return main()


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
