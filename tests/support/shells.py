"""A real IPython shell inside the test's process that notes what its cells show, and endpoints for it to ask."""

import atexit
import builtins
import json
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

from support.clock import HASTE
from support.demo import DemoServer
from support.relay import Relay
from wenwen_magic import client
from wenwen_magic.endpoint import transport
from wenwen_magic.engine.limits import SESSION, Session

assert client.Client  # loaded before a test puts another clock in its place

KEY = "MARKER7f3a9c-not-like-a-key"


class Publisher(DisplayPublisher):
    def publish(self, data, metadata=None, *, transient=None, update=False, **_):
        self.shell.seen.append(("update" if update else "display", data))

    def clear_output(self, wait=False):
        self.shell.seen.append(("clear", {}))


class Hook(DisplayHook):
    def write_output_prompt(self):
        pass

    def write_format_data(self, format_dict, md_dict=None):
        self.shell.seen.append(("result", format_dict))

    def flush(self):
        """Keep what the shell shows: the shell ends, and IPython would look through all objects of the process."""


class Shell(InteractiveShell):
    display_pub_class = Type(Publisher)
    displayhook_class = Type(Hook)

    def __init__(self, **options):
        self.seen, self.told, self.inserted = [], [], []
        super().__init__(**options)

    def _showtraceback(self, etype, evalue, stb):
        self.told.append("\n".join(stb))

    def enable_gui(self, gui=None):
        pass

    def set_next_input(self, text, replace=False):
        self.inserted.append(text)

    def run(self, text):
        """Run a cell that works; what it shows is in ``seen``."""
        self.seen.clear(), self.told.clear()
        result = self.run_cell(text, store_history=True)
        assert result.success, self.told
        return result.result

    def fail(self, text):
        """Run a cell that fails; gives the error, and what is shown of it is in ``told``."""
        self.seen.clear(), self.told.clear()
        result = self.run_cell(text, store_history=True)
        assert not result.success
        return result.error_in_exec or result.error_before_exec

    def wait_for(self, true, seconds=10):
        """Wait until something is true; gives whether it came true."""
        moment = threading.Event()
        return any(true() or moment.wait(0.02) for _ in range(int(seconds / 0.02)))

    def shown(self):
        return [data for kind, data in self.seen if kind != "clear" and data.get("text/plain")]

    def words(self):
        """All that the last cell shows, as one text."""
        return "\n".join(data.get(kind, "") for data in self.shown() for kind in ("text/html", "text/plain"))

    def attend(self, monkeypatch, answer):
        """Let a person sit at the notebook, who answers every question so; gives the questions."""
        asked = []

        def reply(question):
            asked.append(question)
            return answer

        monkeypatch.setattr(self, "kernel", SimpleNamespace(_allow_stdin=True), raising=False)
        monkeypatch.setattr(builtins, "input", reply)
        return asked


@pytest.fixture
def shell(here, monkeypatch, quick_paint, tmp_path_factory):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path_factory.getbasetemp() / "ipython"))
    monkeypatch.setattr(transport, "Clock", lambda: HASTE)
    monkeypatch.setattr(SESSION, "_sums", Session()._sums)
    monkeypatch.setattr(SESSION, "models", Session().models)
    InteractiveShell.clear_instance()
    main = sys.modules["__main__"]
    made = Shell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    made.run("%load_ext wenwen_magic")
    yield made
    magics = made.magics_manager.registry["WenwenMagics"]
    if magics.state.demo:
        magics.state.demo.stop()
    made.run("%unload_ext wenwen_magic")
    made.atexit_operations()
    atexit.unregister(made.atexit_operations)
    made.restore_sys_module_state()
    sys.modules["__main__"] = main
    Shell.clear_instance()
    for name in ("get_ipython", "display"):
        builtins.__dict__.pop(name, None)


@pytest.fixture
def relay(monkeypatch):
    """An endpoint that is no demo; its pictures are told apart by the order of asking."""
    monkeypatch.setenv("WENWEN_API_KEY", KEY)
    with Relay() as server:
        monkeypatch.setenv("WENWEN_BASE_URL", server.address)
        yield server


@pytest.fixture
def painter(monkeypatch, quick_paint):
    """An endpoint that is paid for, whose pictures depend on the prompt, and that fails where the prompt says so."""
    monkeypatch.setenv("WENWEN_API_KEY", KEY)
    with DemoServer(wait=lambda _: None) as server:
        monkeypatch.setenv("WENWEN_BASE_URL", server.address.removesuffix("/demo"))
        yield server


def cell(line="", text="a cat"):
    return f"%%wenwen_image {line}\n{text}\n"


def prompts(server):
    """The words of every POST, in the order of asking."""
    bodies = (post.body if hasattr(post, "body") else post[1] for post in server.posts)
    return [body["messages"][0]["content"] for body in bodies]


def records(folder=Path("wenwen_images")):
    return [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("20*/*.json"))]
