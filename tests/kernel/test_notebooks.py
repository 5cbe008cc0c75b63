"""The notebooks: each request is made once, and a class runs the lesson without a key or a network."""

import json
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
# The kernel's own pipes are zmq's and the event loop's: neither connects by Python's sockets, asks for a name, or binds.
NO_NETWORK = """
import socket

def refuse(*_, **__):
    raise AssertionError("a socket was opened")

for _name in ("connect", "connect_ex", "bind", "listen", "sendto"):
    setattr(socket.socket, _name, refuse)
socket.create_connection = socket.getaddrinfo = socket.gethostbyname = refuse
"""


SMALL = """
from wenwen_magic.demo import painter

painter.SIZES.update({turn: (width // 4, height // 4) for turn, (width, height) in painter.SIZES.items()})
"""
LARGE = "pass"


def execute(path, first=SMALL):
    """Run a notebook in its folder and give it as it is then; the first cell is run before its own.

    Args:
        path: the notebook.
        first: the first cell; by itself one that has the demo paint small pictures, as large ones take most of the time.
    """
    book = nbformat.read(path, as_version=4)
    book.cells.insert(0, nbformat.v4.new_code_cell(first))
    NotebookClient(book, timeout=120, resources={"metadata": {"path": str(path.parent)}}).execute()
    return book


def copied(name, folder):
    for part in (name, "lesson"):
        source = NOTEBOOKS / part
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / part)
    return folder / name


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def pictures(book):
    """Every picture that is shown, in order."""
    outputs = [output for cell in book.cells for output in cell.get("outputs", [])]
    return [data[kind] for output in outputs for data in [output.get("data", {})] for kind in data if "image/" in kind]


def records(folder):
    return {path: path.read_bytes() for path in folder.rglob("*.json")}


def test_the_quickstart_runs_from_the_first_cell_to_the_last(tmp_path):
    book = execute(copied("01-quickstart.ipynb", tmp_path))
    assert len(pictures(book)) == 7
    assert [one for cell in book.cells for one in cell.get("outputs", []) if one.output_type == "error"] == []


def test_the_notebook_on_iterating_makes_each_request_once(tmp_path):
    path = copied("02-prompt-iteration.ipynb", tmp_path)
    first = pictures(execute(path))
    made = {path: data for path, data in records(tmp_path / "wenwen_images").items() if path.parent.name != "votes"}
    second = pictures(execute(path))
    assert len(made) > 15
    assert {path: path.read_bytes() for path in made} == made
    found = [path for path in records(tmp_path / "wenwen_images") if path.parent.name != "votes"]
    assert sorted(found) == sorted(made)
    assert len(second) == len(first) == 8


def test_the_notebook_on_editing_makes_each_request_once(tmp_path):
    path = copied("04-edit-and-describe.ipynb", tmp_path)
    first = pictures(execute(path, LARGE))  # its mask is as large as the pictures that it is for
    made = records(tmp_path / "wenwen_images")
    second = pictures(execute(path, LARGE))
    assert len(made) == len({json.loads(data)["request"]["prompt"] for data in made.values()}) + 1 == 8
    assert records(tmp_path / "wenwen_images") == made
    assert len(second) == len(first) == 7


def test_the_lesson_is_replayed_without_key_and_network_and_is_left_as_it_is(tmp_path, monkeypatch):
    monkeypatch.delenv("WENWEN_API_KEY", raising=False)
    path = copied("03-teaching-offline.ipynb", tmp_path)
    lesson = files(tmp_path / "lesson")
    book = execute(path, NO_NETWORK)
    assert len(pictures(book)) >= 3
    assert files(tmp_path / "lesson") == lesson
    [error] = [one for cell in book.cells for one in cell.get("outputs", []) if one.output_type == "error"]
    assert error.ename == "NotInHistory"
    assert "画一只狗，月光下" in "\n".join(error.traceback)
    assert "[-猫-]{+狗+}" in "\n".join(error.traceback)


def test_a_socket_would_have_been_noticed(tmp_path):
    path = tmp_path / "book.ipynb"
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("%load_ext wenwen_magic\n%wenwen demo")])
    nbformat.write(book, path)
    with pytest.raises(Exception, match="a socket was opened"):
        execute(path, NO_NETWORK)


def test_the_lesson_tells_nothing_of_where_it_was_made():
    for path in (NOTEBOOKS / "lesson").rglob("*.json"):
        record = json.loads(path.read_bytes())
        assert (record["endpoint"], record["error"], record["request"]["references"]) == ("", None, [])
        assert "127.0.0.1" not in path.read_text("utf-8")
        assert str(Path.home()) not in path.read_text("utf-8")
