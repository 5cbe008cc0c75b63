"""Whole notebooks in real kernels: run twice, interrupted, killed, refused, and what is left of a key."""

import copy
import json
import os
import re
import threading
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from support.demo import DemoServer
from support.kernels import LOAD, cell, end_group, errors, images, kernels, kill, plain, shown, until
from support.relay import whole
from support.scripted import answering
from support.shells import KEY, records

pytestmark = pytest.mark.usefixtures("quiet_jupyter")
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def demo(here, monkeypatch, quick_paint):
    with DemoServer() as server:
        monkeypatch.setenv("WENWEN_BASE_URL", server.address)
        yield server


def notebook(*cells):
    return nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )


def run(book, **options):
    NotebookClient(book, **{"timeout": 60, **options}, kernel_name="python3").execute()
    return book


def outputs(book):
    return [output for one in book.cells if one.cell_type == "code" for output in one.outputs]


def pictures(book):
    return [output for output in outputs(book) if {"image/png", "image/jpeg"} & output.get("data", {}).keys()]


@pytest.fixture(scope="module")
def any_kernel():
    """One kernel for the tests that do not end theirs."""
    with kernels() as start:
        yield start()


ANEW = """
import os
from wenwen_magic.engine.limits import SESSION, Session
get_ipython().run_line_magic("unload_ext", "wenwen_magic")
get_ipython().magics_manager.registry.pop("WenwenMagics")  # which a %reload_ext carries on
vars(SESSION).update({{**vars(Session()), "detached": SESSION.detached}})
os.chdir({folder!r})
for name in [name for name in os.environ if name.startswith("WENWEN_")]:
    del os.environ[name]
os.environ.update({wenwen!r})
get_ipython().reset()
"""


@pytest.fixture
def kernel(here, any_kernel):
    """A kernel without variables, outputs and costs, in the test's folder, with the test's settings."""
    wenwen = {name: value for name, value in os.environ.items() if name.startswith("WENWEN_")}
    ticket = any_kernel.client.execute(ANEW.format(folder=str(here), wenwen=wenwen), silent=True)
    assert errors(any_kernel.gather(ticket)) == []
    assert shown(any_kernel.run(LOAD)) == []
    return any_kernel


# -- notebooks ---------------------------------------------------------------------------------------------------------


def test_a_notebook_run_twice_pays_once_and_embeds_its_pictures_and_its_page_has_them(demo, here):
    from nbconvert import HTMLExporter  # takes some seconds: not for every process that collects the tests
    from nbconvert.preprocessors import ExecutePreprocessor

    book = notebook(LOAD, cell("a cat"), cell("画一只狗", "-o 横屏"), cell("a hen", "img"))
    again = copy.deepcopy(book)
    first = run(book)
    assert (len(pictures(first)), len(demo.posts)) == (3, 3)
    assert all(output.data["text/html"].count("data:image/") == 1 for output in pictures(first))
    second, _ = ExecutePreprocessor(kernel_name="python3").preprocess(again)  # `jupyter nbconvert --execute`
    assert (len(pictures(second)), len(demo.posts)) == (3, 3)
    assert all(output.data["text/html"].count("data:image/") == 1 for output in pictures(second))
    assert not [output for output in outputs(second) if WIDGET in output.get("data", {})]
    assert not second.metadata.get("widgets")
    page, _ = HTMLExporter().from_notebook_node(second)
    figures = re.findall(r'<figure[^>]*><a [^>]*><img alt="([^"]*)" src="data:image/', page)
    assert figures == ["a cat", "画一只狗", "a hen"]


def test_a_notebook_that_starts_its_own_demo_draws_each_picture_once(here):
    for _ in range(2):
        assert len(pictures(run(notebook(LOAD, "%wenwen demo", cell("a cat"), cell("a dog"))))) == 2
        assert sorted(record["request"]["prompt"] for record in records()) == ["a cat", "a dog"]


def test_replay_runs_a_notebook_without_an_endpoint(demo, kernel, monkeypatch):
    assert images(kernel.run(cell("a cat")))
    demo.stop()
    monkeypatch.setenv("WENWEN_MODE", "replay")
    book = notebook(LOAD, cell("a cat"), cell("a dog"))
    with pytest.raises(CellExecutionError, match="a dog"):
        run(book)
    assert len(pictures(book)) == 1


FAILURES = {
    "status=401": ("no", 1),
    "status=403": ("no", 1),
    "status=429": ("no", 3),
    "status=500": ("maybe", 1),
    "status=524": ("maybe", 1),
    "html": ("no", 1),
    "error200": ("maybe", 1),
    "refuse": ("yes", 1),
    "cut=early": ("maybe", 1),
    "empty": ("maybe", 1),
    "reset": ("maybe", 1),
}


def test_every_failure_fails_its_cell_in_a_few_lines_and_the_next_cell_works(demo, kernel):
    for directive, (charged, posts) in FAILURES.items():
        before, saved = len(demo.posts), len(records())
        messages = kernel.run(cell(f"a cat [demo: {directive}]"))
        (error,) = errors(messages)
        said = plain(error)
        assert len(said.splitlines()) <= 24, said
        assert f"charged: {charged}" in said, said
        assert "Traceback" not in said
        assert ".py" not in said
        assert not images(messages)
        assert len(demo.posts) - before == posts, directive
        assert len(records()) - saved == 1
        assert records()[-1]["error"] or any(record["error"] for record in records())
    assert all(record["error"] and record["state"] == "failed" for record in records())
    assert images(kernel.run(cell("a dog")))


@pytest.mark.parametrize("place", ["http://a\ud800.invalid/x.png", "/\udfff"])
def test_an_answer_with_half_a_character_is_an_error_that_is_shown_and_ends_its_cell(relay, kernel, place):
    relay.answer = lambda _: json.dumps({"choices": [{"message": {"content": f"![x]({place})"}}]})
    ticket = kernel.send(cell("a cat"))
    (error,) = errors(kernel.gather(ticket))
    assert "charged: yes" in plain(error)
    assert kernel.reply(ticket)["status"] == "error"
    assert [kind for kind, _ in shown(kernel.run("1 + 1"))] == ["execute_result"]


def test_a_failing_cell_fails_the_notebook(demo):
    with pytest.raises(CellExecutionError, match="charged"):
        run(notebook(LOAD, cell("a cat [demo: refuse]")))
    assert len(demo.posts) == 1


def test_a_cell_message_by_message(demo, kernel):
    messages = kernel.run(cell("a cat", "img"))
    assert [kind for kind, _ in shown(messages)] == ["display_data"]
    assert len(images(messages)) == 1
    assert [kind for kind, _ in shown(kernel.run("img"))] == ["execute_result"]
    assert shown(kernel.run("img;")) == []
    assert shown(kernel.run(cell("a cat", "-q"))) == []
    assert [kind for kind, _ in shown(kernel.run("img = %wenwen_image a cat"))] == ["display_data"]
    assert [kind for kind, _ in shown(kernel.run("Out[2] is img"))] == ["execute_result"]


def test_where_nobody_is_a_cell_shows_its_end_only_as_nbval_compares_what_comes_first(relay, kernel):
    relay.gate.clear()
    ticket = kernel.send(cell("a cat"))
    until(lambda: relay.posts)
    threading.Timer(1.6, relay.gate.set).start()
    assert [kind for kind, _ in kernel.gather(ticket) if "display" in kind] == ["display_data"]


def test_an_error_erases_the_line_of_progress_and_not_the_hint_above_it(relay, kernel):
    relay.gate.clear()
    relay.answer = lambda _: answering("never")
    ticket = kernel.send(cell("a cat", "-o square  # mine"), stdin=True)
    until(lambda: relay.posts)
    threading.Timer(1.6, relay.gate.set).start()
    messages = kernel.gather(ticket)
    assert errors(messages)
    assert "Left out as a comment: # mine" in str(messages)
    assert "clear_output" not in [kind for kind, _ in messages]
    updates = [content["data"] for kind, content in messages if kind == "update_display_data"]
    assert updates[-1:] in ([], [{"text/plain": ""}])


def test_a_person_gets_controls_of_their_own_and_nobody_else_does(demo, kernel):
    live = kernel.run(cell("a cat"), stdin=True)
    assert [WIDGET in content["data"] for _, content in shown(live)] == [False, True]
    assert not [content for _, content in shown(kernel.run(cell("a cat"))) if WIDGET in content.get("data", {})]
    assert len([1 for _, content in shown(kernel.run(cell("a cat", "--no-ui"), stdin=True))]) == 1


def test_tab_completes_through_the_kernel(kernel):
    for line, wanted in {
        "%%wenwen_image --or": "--orientation",
        "%%wenwen_image -o 横": "横屏",
        "x = 1\n%wenwen_image -m gpt": "gpt-4o-image",
        "%wenwen st": "status",
    }.items():
        content = kernel.reply(kernel.client.complete(line, len(line)))
        done = [line[: content["cursor_start"]] + match for match in content["matches"]]
        assert any(text.endswith(wanted) for text in done), (line, content)


# -- inside Output widgets ---------------------------------------------------------------------------------------------


def states(messages):
    """What comm messages set, in order."""
    kinds = {"comm_open", "comm_msg"}
    return [content["data"].get("state", {}) for kind, content in messages if kind in kinds]


OUTPUT = "import ipywidgets\nout = ipywidgets.Output()\n"
INSIDE = {
    "with": OUTPUT + "with out:\n    print('before')\n    %wenwen_image a cat",
    "a loop": OUTPUT + "with out:\n    print('before')\n    for n in (1, 2):\n        %wenwen_image cat {{n}}",
    "a cell magic": OUTPUT
    + "with out:\n    print('before')\n    get_ipython().run_cell_magic('wenwen_image', '', 'a cat')",
    "a function": OUTPUT + "@out.capture()\ndef draw():\n    print('before')\n    %wenwen_image a cat\ndraw()",
    "--from": OUTPUT + "with out:\n    print('before')\n    %wenwen_image --from {{['a cat', 'a dog']}}",
    "a comparison": OUTPUT + "with out:\n    print('before')\n    %wenwen_image -m drawer-1,drawer-2 a cat",
}


def test_pictures_inside_an_output_widget_are_in_it_beside_all_else(relay, here):
    cells = [text.replace("a cat", f"a cat {number}") for number, text in enumerate(INSIDE.values())]  # all are drawn
    # What nbclient says to an Output widget goes through the socket on which it waits for the reply of the cell. Then it
    # may sleep on until the cell's time is over, and only then see the reply.
    book = run(notebook(LOAD, *cells), timeout=None, timeout_func=lambda cell: 60 if cell.source == LOAD else 10)
    widgets = book.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"].values()
    inside = [one["state"]["outputs"] for one in widgets if one["model_name"] == "OutputModel"]
    assert {outputs[0]["text"] for outputs in inside} == {"before\n"}
    drawn = [sum("<img" in one.get("data", {}).get("text/html", "") for one in outputs) for outputs in inside]
    several = [2 if "loop" in text or "for n" in text else 1 for text in INSIDE.values()]
    assert sorted(drawn) == sorted(several)
    assert ">drawing" not in str(book)


def test_progress_inside_an_output_widget_is_seen_and_goes(relay, kernel):
    relay.gate.clear()
    ticket = kernel.send(OUTPUT + "with out:\n    %wenwen_image a cat --no-ui", stdin=True)
    until(lambda: relay.posts)
    threading.Timer(1.6, relay.gate.set).start()
    messages = kernel.gather(ticket)
    lines = [state["value"] for state in states(messages) if "value" in state]
    assert "drawing" in lines[0] + lines[1]
    assert lines[-1] == ""
    assert not [kind for kind, _ in messages if kind == "update_display_data"]
    assert [kind for kind, content in shown(messages) if "<img" in content.get("data", {}).get("text/html", "")]


def test_a_failure_inside_an_output_widget_leaves_no_line_of_progress(relay, kernel):
    relay.answer = lambda _: answering("never")
    messages = kernel.run(OUTPUT + "with out:\n    print('before')\n    %wenwen_image a cat", stdin=True)
    assert not [kind for kind, _ in messages if kind == "clear_output"]
    assert [state["value"] for state in states(messages) if "value" in state][-1:] in ([], [""])
    assert errors(messages)


def test_a_late_picture_inside_an_output_widget_takes_the_place_of_its_line(relay, kernel):
    relay.gate.clear()
    ticket = kernel.send(OUTPUT + "with out:\n    %wenwen_image --background --no-ui a cat", stdin=True)
    messages = kernel.gather(ticket)
    (line,) = [content for _, content in shown(messages) if "drawing in the background" in str(content)]
    kernel.run(
        f"out.outputs = ({{'output_type': 'stream', 'name': 'stdout', 'text': 'x'}}, "
        f"{{'output_type': 'display_data', 'data': {line['data']!r}, 'metadata': {{}}}})"
    )
    relay.gate.set()
    until(lambda: [record["state"] for record in records()] == ["complete"])
    until(lambda: "<img" in str(kernel.run("print([one.get('data') for one in out.outputs])")))
    said = str(kernel.run("print(len(out.outputs), out.outputs[0]['text'], '<img' in str(out.outputs[1]))"))
    assert "2 x True" in said


def test_what_is_captured_is_shown_once(relay, kernel):
    kernel.run("%%capture cap\n%wenwen_image a cat")
    assert len(images(kernel.run("cap.show()"))) == 1
    kernel.run("%%capture cap\nimg = %wenwen_image a cat\nimg")
    assert len(images(kernel.run("cap.show()"))) == 1


# -- interrupts and ends -----------------------------------------------------------------------------------------------


def test_an_interrupt_ends_the_wait_and_keeps_the_answer(relay, kernel):
    relay.gate.clear()
    ticket = kernel.send(cell("a cat", "img"))
    until(lambda: relay.posts)
    began = time.monotonic()
    kernel.manager.interrupt_kernel()
    messages = kernel.gather(ticket)
    assert time.monotonic() - began < 1
    (error,) = errors(messages)
    assert "charged: maybe" in plain(error)
    assert len(plain(error).splitlines()) <= 6
    relay.gate.set()
    kernel.later(ticket, lambda content: "<img" in content.get("data", {}).get("text/html", ""))
    assert [record["state"] for record in records()] == ["complete"]
    again = kernel.run(cell("a cat"))
    assert "saved picture" in images(again)[0]["data"]["text/html"]
    assert len(relay.posts) == 1
    assert [kind for kind, _ in shown(kernel.run("img"))] == ["execute_result"]


def test_a_cell_run_again_while_its_call_is_under_way_joins_it(relay, kernel):
    relay.gate.clear()
    ticket = kernel.send(cell("a cat"))
    until(lambda: relay.posts)
    kernel.manager.interrupt_kernel()
    kernel.gather(ticket)
    ticket = kernel.send(cell("a cat"))
    threading.Timer(1.5, relay.gate.set).start()
    assert images(kernel.gather(ticket))
    assert (len(relay.posts), len(records())) == (1, 1)


def test_background_lets_the_next_cell_run_at_once(relay, kernel):
    relay.gate.clear()
    ticket = kernel.send(cell("a cat", "img --background"), stdin=True)
    kernel.gather(ticket, seconds=5)
    assert [content["data"]["text/plain"] for _, content in shown(kernel.run("1 + 1"))] == ["2"]
    relay.gate.set()
    kernel.later(ticket, lambda content: "<img" in content.get("data", {}).get("text/html", ""))
    assert images(kernel.run("img"))


def test_where_nobody_is_a_picture_in_the_background_is_waited_for_and_saved(relay, here):
    book = run(notebook(LOAD, cell("a cat", "--background"), cell("a dog", "--background")))
    assert len(pictures(book)) == 2
    assert "drawing in the background" not in str(book)
    assert [record["state"] for record in records()] == ["complete"] * 2


def answered():
    """Whether an answer is kept whole: what the record does not say yet."""
    return list(Path("wenwen_images").glob("20*/*.reply"))


@pytest.mark.parametrize("directive", ["trickle", "missing=3"])
def test_a_kernel_killed_after_the_answer_loses_nothing(demo, kernel, monkeypatch, directive):
    with kernels() as start:
        first = start()
        first.send(cell(f"a cat [demo: {directive}]"))
        until(answered)
        kill(first)
        if directive == "trickle":
            monkeypatch.setattr("wenwen_magic.demo.server.TRICKLE_SECONDS", 0.0)
        assert images(kernel.run(cell(f"a cat [demo: {directive}]")))
        assert (len(demo.posts), [record["state"] for record in records()]) == (1, ["complete"])


@pytest.mark.parametrize("end", [kill, end_group, lambda kernel: kernel.manager.restart_kernel(now=True)])
def test_what_a_kernel_asked_for_before_it_ended_is_shown_by_another_and_paid_once(relay, kernel, end):
    with kernels() as start:
        relay.gate.clear()
        first = start()
        first.send(cell("a cat"))
        until(lambda: relay.posts)
        end(first)
        assert [(record["state"], record["charged"]) for record in records()] == [("sent", "maybe")]
        joined = kernel.send(cell("a cat", "--no-ui"), stdin=True)
        kernel.later(joined, lambda content: "another kernel has asked" in str(content.get("data")))
        relay.gate.set()
        (*_, picture) = images(kernel.gather(joined))
        assert "joined a request that was already running" in picture["data"]["text/html"]
        assert len(relay.posts) == 1
        assert [record["state"] for record in records()] == ["complete"]


def test_where_all_processes_of_a_kernel_end_the_next_run_asks_before_it_pays_again(relay, kernel):
    with kernels() as start:
        relay.gate.clear()
        first = start()
        first.send(cell("a cat"))
        until(lambda: relay.posts)
        for process in first.process.children(recursive=True):  # as when a container is deleted
            process.kill()
        kill(first)
        relay.gate.set()
        (shown,) = errors(kernel.run(cell("a cat")))
        assert shown["ename"] == "UnansweredRequest"
        assert "--fresh" in shown["evalue"]
        assert len(relay.posts) == 1
        assert images(kernel.run(cell("a cat", "--fresh")))
        assert len(relay.posts) == 2


def test_the_children_of_a_killed_kernel_end_when_their_work_is_done(relay, here):
    with kernels() as start:
        one = start()
        one.run(cell("a cat", "-n 4 -y"))
        children = one.process.children(recursive=True)
        # The process that draws, its checking processes for two pictures at a time, and the kernel's own for previews.
        assert 1 <= len(children) <= 5
        kill(one)
        psutil.wait_procs(children, timeout=5)
        assert [child for child in children if child.is_running() and child.status() != "zombie"] == []


def test_thirty_cells_leak_no_thread_and_little_memory(relay, kernel, monkeypatch):
    def draw(first, last):
        lines = "\n".join(f"get_ipython().run_cell_magic('wenwen_image', '-q', 'cat {n}')" for n in range(first, last))
        kernel.run("%config WenwenMagics.session_limit = 1000")
        assert not errors(kernel.run(lines))

    draw(0, 5)
    threads, memory = kernel.process.num_threads(), kernel.process.memory_info().rss
    draw(5, 35)
    assert len(relay.posts) == 35
    until(lambda: kernel.process.num_threads() <= threads)
    assert len(kernel.process.children()) <= 3  # two of the sandbox, one that draws
    assert kernel.process.memory_info().rss - memory < 30 << 20


# -- the key -----------------------------------------------------------------------------------------------------------


def test_the_key_is_in_no_output_no_file_and_no_traceback(relay, here, tmp_path_factory):
    relay.answer = lambda number: answering(f"I know {KEY}") if number == 1 else whole(number)
    book = notebook(
        LOAD,
        "%xmode Verbose\nimport logging; logging.basicConfig(level=logging.DEBUG, force=True)",
        cell("a cat", "img"),
        cell("a dog"),
        "%wenwen status",
        "%wenwen models",
        "img, repr(img), vars(img)",
        "import urllib3\ndef fail(*_, **__):\n    raise RuntimeError('trouble')\n"
        "urllib3.connectionpool.HTTPConnectionPool._make_request = fail",
        cell("a hen"),
        "%tb",
    )
    run(book, allow_errors=True)
    nbformat.write(book, here / "book.ipynb")
    assert "DEBUG" in (here / "book.ipynb").read_text("utf-8")
    found = [path for root in (here, tmp_path_factory.getbasetemp()) for path in root.rglob("*") if path.is_file()]
    assert [path for path in found if KEY.encode() in path.read_bytes()] == []
    assert {headers["Authorization"] for headers, _ in relay.posts} == {f"Bearer {KEY}"}
