"""IPython in a terminal, as a process of its own: its end loses nothing that is drawn in the background."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.kernels import until
from support.shells import records

# Python refuses so from 3.12 on: it starts no thread while it ends.
NO_THREADS_AT_THE_END = """
import threading

def refuse(_):
    raise RuntimeError("can't create new thread at interpreter shutdown")

threading._register_atexit(lambda _threading=threading, _refuse=refuse: setattr(_threading.Thread, "start", _refuse))
"""


@pytest.fixture
def terminal(here, tmp_path_factory):
    """Start IPython with the lines of a script; gives the process."""
    home = tmp_path_factory.mktemp("ipython")
    environment = {**os.environ, "IPYTHONDIR": str(home), "PYTHONPATH": str(Path(__file__).parents[2])}
    started = []

    def start(*lines):
        Path("script.ipy").write_text("\n".join(lines))
        command = [sys.executable, "-m", "IPython", "--no-banner", "script.ipy"]
        quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        started.append(subprocess.Popen(command, env=environment, **quiet))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_script_that_ends_waits_for_what_is_drawn_in_the_background(relay, terminal):
    relay.gate.clear()
    script = terminal(NO_THREADS_AT_THE_END, "%load_ext wenwen_magic", "%wenwen_image --background -n 3 a cat")
    until(lambda: relay.posts)
    relay.gate.set()
    script.wait(60)
    assert [record["state"] for record in records()] == ["complete"] * 3
    assert len(relay.posts) == 3


def test_a_terminal_that_is_closed_loses_nothing_that_is_drawn_in_the_background(relay, terminal):
    relay.gate.clear()
    script = terminal("%load_ext wenwen_magic", "%wenwen_image --background a cat", "import time; time.sleep(60)")
    until(lambda: relay.posts)
    script.kill()
    script.wait()
    relay.gate.set()
    until(lambda: [record["state"] for record in records()] == ["complete"])
    assert len(relay.posts) == 1
