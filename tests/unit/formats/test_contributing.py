"""The format that CONTRIBUTING.md shows works as it is: one file and one line, and everything else follows."""

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support.replies import READERS, outcome, recorded
from support.scripted import png

from wenwen_magic import Client
from wenwen_magic.formats import FORMATS

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")


class Painter(BaseHTTPRequestHandler):
    """Answers with the address of a picture, and serves that."""

    def do_POST(self):
        self.server.asked.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        self.say(b"/p.png", "text/plain")

    def do_GET(self):
        self.say(png(), "image/png")

    def say(self, body, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def example():
    return re.search(r"<!-- a wire format -->\n```python\n(.*?)```", TEXT, re.DOTALL)[1]


@pytest.fixture
def server():
    made = ThreadingHTTPServer(("127.0.0.1", 0), Painter)
    made.asked = []
    threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.mark.parametrize("folder", ["shapes", *READERS])
def test_the_example_reads_every_shape_that_the_formats_read(folder, example, monkeypatch):
    names = {}
    exec(example, names)
    monkeypatch.setitem(FORMATS, "plain", names["FORMAT"])
    for one in recorded(folder).values():
        assert outcome("plain", one.reply()) == outcome("chat", one.reply()), one.name


def test_the_guide_is_short():
    assert len(TEXT.encode()) <= 8192


def test_every_file_that_the_guide_names_is_there():
    named = re.findall(r"`([\w./]+(?:/|\.(?:py|sh|toml|po|json)))`", TEXT)
    places = (ROOT, ROOT / "wenwen_magic", ROOT / "wenwen_magic/formats", ROOT / "tests/replies/shapes")
    assert len(named) > 30
    assert [
        name for name in named if name != "wenwen_magic.po" and not any((at / name).exists() for at in places)
    ] == []


def test_every_name_that_the_guide_gives_is_in_the_code():
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "wenwen_magic").rglob("*.py"))
    code += (ROOT / "tests/support/replies.py").read_text("utf-8")
    named = set(re.findall(r"`(?:\w+\.)?(_?[A-Za-z]\w*)`", TEXT)) - {"po"}
    assert [name for name in sorted(named) if not re.search(rf"\b{name}\b", code)] == []


def test_the_example_has_ten_lines(example):
    assert len([line for line in example.splitlines() if line.strip()]) <= 10


def test_the_example_is_a_whole_format(example, server, here, monkeypatch):
    names = {}
    exec(example, names)
    monkeypatch.setitem(FORMATS, "plain", names["FORMAT"])
    client = Client(base_url=f"http://127.0.0.1:{server.server_port}", format="plain")
    drawn = client.generate("a cat")
    assert server.asked == [("/v1/paint", b'{"words": "a cat"}')]
    assert (drawn.images[0].mime, drawn.state, drawn.charged) == ("image/png", "complete", "yes")
    assert client.generate("a cat").id == drawn.id
    assert len(server.asked) == 1
