"""IPython in a terminal: its end loses nothing that is drawn in the background, and pictures are shown where it can."""

import base64
import io
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image
from support.kernels import until
from support.scripted import png
from support.shells import records

from wenwen_magic.media.sandbox import SandboxPool
from wenwen_magic.notebook import output_area
from wenwen_magic.notebook.output_area import print_still, terminal_way

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


# -- pictures ----------------------------------------------------------------------------------------------------------

WAYS = {
    "iTerm2": ({"TERM_PROGRAM": "iTerm.app", "TERM": "xterm-256color"}, "iterm"),
    "iTerm2 through ssh": ({"LC_TERMINAL": "iTerm2", "TERM": "xterm-256color"}, "iterm"),
    "WezTerm": ({"TERM_PROGRAM": "WezTerm", "TERM": "xterm-256color"}, "iterm"),
    "mintty": ({"TERM_PROGRAM": "mintty", "TERM": "xterm"}, "iterm"),
    "kitty": ({"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1"}, "kitty"),
    "kitty through ssh": ({"TERM": "xterm-kitty"}, "kitty"),
    "kitty with another TERM": ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
    "Ghostty": ({"TERM_PROGRAM": "ghostty", "TERM": "xterm-ghostty"}, "kitty"),
    "Ghostty through ssh": ({"TERM": "xterm-ghostty"}, "kitty"),
    "Apple's": ({"TERM_PROGRAM": "Apple_Terminal", "TERM": "xterm-256color"}, ""),
    "GNOME's": ({"TERM": "xterm-256color", "VTE_VERSION": "7600"}, ""),
    "Windows Terminal": ({"WT_SESSION": "1"}, ""),
    "VS Code's, started from kitty": ({"TERM_PROGRAM": "vscode", "KITTY_WINDOW_ID": "1", "TERM": "xterm-256color"}, ""),
    "VS Code's, started from iTerm2": ({"TERM_PROGRAM": "vscode", "LC_TERMINAL": "iTerm2"}, ""),
    "tmux in iTerm2": ({"TMUX": "/tmp/t", "TERM": "screen-256color", "LC_TERMINAL": "iTerm2"}, ""),
    "tmux in kitty": ({"TMUX": "/tmp/t", "TERM": "tmux-256color", "TERM_PROGRAM": "tmux", "KITTY_WINDOW_ID": "1"}, ""),
    "tmux on another machine": ({"TERM": "tmux-256color", "LC_TERMINAL": "iTerm2"}, ""),
    "screen": ({"STY": "1.x", "TERM": "xterm-kitty"}, ""),
    "Zellij": ({"ZELLIJ": "0", "TERM_PROGRAM": "WezTerm"}, ""),
    "Emacs": ({"INSIDE_EMACS": "30", "TERM_PROGRAM": "iTerm.app"}, ""),
    "a dumb one": ({"TERM": "dumb", "LC_TERMINAL": "iTerm2"}, ""),
    "none": ({}, ""),
}


@pytest.mark.parametrize("terminal", WAYS)
def test_a_terminal_is_known_by_its_own_variables(terminal):
    environ, way = WAYS[terminal]
    assert terminal_way(environ) == way


def test_bug_a_console_without_buttons_promised_a_picture_with_nothing_to_press(shell, relay, monkeypatch):
    shell.attend(monkeypatch, "y")
    shell.run("%wenwen_image")
    [bundle] = [data for _, data in shell.seen if "will appear here" in data.get("text/html", "")]
    assert bundle["text/plain"] == "The control panel needs a live notebook."


def test_a_terminal_says_at_once_that_the_panel_is_for_notebooks(shell, relay, capsys):
    shell.run("%wenwen_image")
    assert capsys.readouterr().out == "The control panel needs a live notebook.\n"
    assert shell.seen == []


class Tty(io.StringIO):
    def isatty(self):
        return True


def jpeg(width=90, height=60):
    out = io.BytesIO()
    Image.effect_noise((width, height), 90).convert("RGB").save(out, "JPEG")
    return out.getvalue()


def printed(monkeypatch, way, kind, data, out):
    monkeypatch.setattr(output_area, "terminal_way", lambda _: way)
    monkeypatch.setattr(sys, "stdout", out)
    print_still({kind: base64.b64encode(data).decode(), "text/plain": "x"}, SandboxPool)
    return out.getvalue()


def of_kitty(text):
    pieces = re.findall(r"\x1b_G([^;]*);([A-Za-z0-9+/=]*)\x1b\\", text)
    assert "".join(f"\x1b_G{head};{data}\x1b\\" for head, data in pieces) + "\n" == text
    assert all(
        len(data) <= 4096 and (at == len(pieces) - 1 or len(data) % 4 == 0) for at, (_, data) in enumerate(pieces)
    )
    assert [head for head, _ in pieces] == ["a=T,f=100,q=2,m=1", *["m=1"] * (len(pieces) - 2), "m=0"] or len(
        pieces
    ) == 1
    return Image.open(io.BytesIO(base64.b64decode("".join(data for _, data in pieces))))


@pytest.mark.parametrize(("kind", "data"), [("image/png", png(40, 30)), ("image/jpeg", jpeg())], ids=["png", "jpeg"])
def test_iterm_gets_the_picture_as_it_is(kind, data, monkeypatch):
    text = printed(monkeypatch, "iterm", kind, data, Tty())
    assert text == f"\x1b]1337;File=inline=1;size={len(data)}:{base64.b64encode(data).decode()}\a\n"


@pytest.mark.parametrize(
    ("kind", "data", "size"),
    [("image/png", png(40, 30), (40, 30)), ("image/jpeg", jpeg(300, 200), (300, 200))],
    ids=["png", "jpeg"],
)
def test_kitty_gets_a_png_in_pieces(kind, data, size, monkeypatch):
    shown = of_kitty(printed(monkeypatch, "kitty", kind, data, Tty()))
    assert (shown.size, shown.format) == (size, "PNG")


def test_what_is_no_picture_or_goes_to_no_terminal_is_not_printed(monkeypatch):
    assert printed(monkeypatch, "kitty", "image/jpeg", b"\xff\xd8\xff none", Tty()) == ""
    assert printed(monkeypatch, "iterm", "text/html", b"x", Tty()) == ""
    assert printed(monkeypatch, "iterm", "image/png", png(), io.StringIO()) == ""
    assert printed(monkeypatch, "", "image/png", png(), Tty()) == ""


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no such terminals")
@pytest.mark.parametrize(("name", "marks"), [("WezTerm", 3), ("kitty", 3), ("tmux in iTerm2", 0)])
def test_ipython_shows_pictures_in_a_terminal_that_can(name, marks, relay, here, tmp_path_factory):
    environ = {key: value for key, value in os.environ.items() if key not in {"TMUX", "STY"}} | WAYS[name][0]
    environ |= {"IPYTHONDIR": str(tmp_path_factory.mktemp("i")), "PYTHONPATH": str(Path(__file__).parents[2])}
    lines = ["%load_ext wenwen_magic", "%wenwen_image a cat", "fox = %wenwen_image a cat", "display(fox)"]
    Path("script.ipy").write_text("\n".join(lines))
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", "script.ipy"]
    with subprocess.Popen(command, env=environ, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        said = b""
        with suppress(OSError):  # the other side is closed
            while piece := os.read(ours, 1 << 16):
                said += piece
    os.close(ours)
    assert process.returncode == 0
    assert len(re.findall(rb"\x1b(?:_G|\]1337;File=)", said)) == marks, said[-2000:]
    assert b"wenwen_images/" in said
