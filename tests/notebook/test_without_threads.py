"""A place without threads and processes, such as JupyterLite: what is saved is shown, and nothing is asked for."""

import runpy
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from support.scripted import png
from support.shells import KEY, cell, records

from wenwen_magic import Client
from wenwen_magic.engine.limits import SESSION, Session
from wenwen_magic.engine.processes.detached import Detached
from wenwen_magic.errors import ConfigError, NotInHistory
from wenwen_magic.media import sandbox
from wenwen_magic.media.sandbox import SandboxPool


@pytest.fixture
def alone(monkeypatch):
    """Call it, and from then on no thread and no process can be started; an executor's threads neither."""

    def no_thread(_):
        raise RuntimeError("can't start new thread")

    def no_process(*_, **__):
        raise OSError(138, "emscripten does not support processes.")

    def start():
        monkeypatch.setattr(SESSION, "detached", Detached())  # an earlier test's process would still draw
        monkeypatch.setattr(threading.Thread, "start", no_thread)
        monkeypatch.setattr(subprocess, "Popen", no_process)

    return start


def known(result):
    return sorted((row.id, row.images[0].sha256) for row in (result if hasattr(result, "rows") else [result]))


LINES = [
    ("fox", "a cat"),
    ("-n 3", "a cat"),
    ("-m a,b -n 2", "a cat"),
    ("-m a,b --blind", "a cat"),
    ("--from things -n 2 -y", "a {{prompt}}"),
    ("--background", "a cat"),
]


@pytest.mark.parametrize("mode", ["replay", "cache"])
@pytest.mark.parametrize("attended", [False, True])
@pytest.mark.parametrize(("line", "text"), LINES)
def test_every_cell_that_was_drawn_is_shown_again(mode, attended, line, text, shell, relay, alone, monkeypatch):  # noqa: PLR0917
    shell.run("things = ['cat', 'dog']")
    first = shell.run(cell(line.replace("--background", ""), text))
    asked = len(relay.posts)
    if attended:
        shell.attend(monkeypatch, "y")
    alone()
    again = shell.run(cell(f"{line} --mode {mode}", text))
    assert again is None or known(again) == known(first)
    assert shell.words().count("<img") >= len(known(first))
    assert len(relay.posts) == asked


@pytest.mark.parametrize("command", ["history", "show {id}", "status", "compare {id} {id}", "star {id}", "budget"])
def test_the_history_is_looked_at_as_elsewhere(command, shell, relay, alone):
    drawn = shell.run(cell())
    alone()
    shell.run(f"%wenwen {command.format(id=drawn.id)}")


def test_a_history_is_shown_with_its_pictures(shell, relay, alone):
    shell.run(cell("-n 3"))
    alone()
    shell.run("%wenwen history")
    assert shell.words().count("<img") == 3


def test_python_shows_saved_pictures_too(shell, relay, alone):
    shell.run(cell("-n 2"))
    alone()
    client = Client(base_url=relay.address, api_key=KEY, session=Session(), mode="replay")
    assert client.generate("a cat")._repr_mimebundle_()["image/png"]
    assert len(client.generate_many(["a cat"], progress=False)) == 1
    assert all(row._repr_mimebundle_()["text/html"] for row in client.history.recent())


@pytest.mark.parametrize("line", ["", "-n 3", "-m a,b", "--from things -y {{prompt}}", "--background"])
@pytest.mark.parametrize("attended", [False, True])
def test_nothing_is_asked_for_that_could_not_be_saved(line, attended, shell, relay, alone, monkeypatch):  # noqa: PLR0917
    shell.run("things = ['cat', 'dog']")
    if attended:
        shell.attend(monkeypatch, "y")
    alone()
    line, _, text = line.partition("{{")
    text = "a " + ("{{" + text if text else "cat")
    if line == "--background":
        shell.run(cell(line))
    else:
        assert "no thread" in str(shell.fail(cell(line, text)))
    assert (relay.posts, records()) == ([], [])


def test_python_is_told_so_too_before_anything_is_sent(shell, relay, alone):
    alone()
    client = Client(base_url=relay.address, api_key=KEY, session=Session())
    for draw in (lambda: client.generate("a cat"), lambda: client.generate("a cat", fresh=True)):
        with pytest.raises(ConfigError, match="no thread"):
            draw()
    row, *_ = client.generate_many(["a cat", "a dog"], progress=False)
    assert "no thread" in row.error["what"]
    assert (relay.posts, records()) == ([], [])


def test_what_is_not_saved_is_named_in_mode_replay(shell, relay, alone):
    alone()
    assert isinstance(shell.fail(cell("--mode replay")), NotInHistory)


def test_the_demo_says_that_it_needs_a_thread_and_is_off(shell, alone):
    alone()
    assert isinstance(shell.fail("%wenwen demo"), ConfigError)
    assert "no thread" in shell.told[0]
    assert "demo is off" not in shell.told[0]


def test_a_preview_that_is_lost_leaves_the_pictures_name(shell, relay, alone, monkeypatch):
    drawn = shell.run(cell())
    alone()
    monkeypatch.setenv("XDG_CACHE_HOME", str(Path("elsewhere").absolute()))
    monkeypatch.setattr(SandboxPool, "_take_child", lambda _: sandbox._Child(1 << 30))
    shell.run(cell("--mode replay"))
    assert drawn.images[0].path.name in shell.words()


# -- where the page of a browser is the sandbox ------------------------------------------------------------------------


@pytest.fixture
def in_a_page(alone, monkeypatch):
    """Call it, and Python is within the page of a browser: it has no limits of a process either."""
    worker = runpy.run_path(str(sandbox._WORKER), run_name="worker")
    worker["_limit_work"].__globals__.pop("resource")

    def start():
        alone()
        monkeypatch.setattr(sandbox, "_IN_A_PAGE", True)
        monkeypatch.setattr(sandbox.runpy, "run_path", lambda *_, **__: worker)

    return start


def test_in_a_page_pictures_are_checked_and_made_small_by_python_itself(in_a_page, tmp_path):
    in_a_page()
    pool = SandboxPool(max_pixels=10_000)
    (tmp_path / "a.png").write_bytes(png(90, 60))
    result = pool.inspect(tmp_path / "a.png", tmp_path / "small")
    assert (result.width, result.height, result.mime, pool.pids) == (90, 60, "image/png", (0,))
    assert pool.sheet([tmp_path / "small"] * 3, tmp_path / "sheet").mime == "image/jpeg"
    for data, code in ((png(200, 100), "too-many-pixels"), (b"{}", "not-a-picture"), (b"", "not-a-picture")):
        (tmp_path / "b.png").write_bytes(data)
        with pytest.raises(sandbox.ImageError) as caught:
            pool.inspect(tmp_path / "b.png", tmp_path / "none")
        assert caught.value.text == code
    pool.close()


def test_in_a_page_a_folder_of_pictures_is_shown_though_no_preview_is_kept(shell, relay, in_a_page, monkeypatch):
    shell.run(cell("-n 2"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(Path("elsewhere").absolute()))
    in_a_page()
    pool = SandboxPool()
    client = Client(base_url=relay.address, api_key=KEY, session=Session(), mode="replay")
    monkeypatch.setattr(client._media, "pool", pool)
    assert "<img" in client.generate("a cat")._repr_mimebundle_()["text/html"]
    shutil.rmtree("elsewhere")
