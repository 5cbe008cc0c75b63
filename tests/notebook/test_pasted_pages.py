"""Every code block of the READMEs and of docs/ does what it says when a reader pastes it, page by page, in order."""

import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from support.demo import DemoServer
from support.pages import PAGES, READMES, blocks
from support.shells import KEY, records

from wenwen_magic.settings import PROJECT_FILE, Layer, load


def of(language):
    return [page for page in PAGES if any(block.language == language for block in blocks(page))]


def pasted(block):
    """The block as a page's copy button gives it: without the last line's end."""
    return block.text.removesuffix("\n")


@pytest.fixture
def reader(shell, monkeypatch):
    """A fresh shell without the extension and without a key; the relay that would be asked is on this machine."""
    shell.run("%unload_ext wenwen_magic")
    monkeypatch.setattr("wenwen_magic.notebook.commands.account.getpass", lambda _: KEY)
    with DemoServer(wait=lambda _: None) as server:
        monkeypatch.setenv("WENWEN_BASE_URL", server.address.removesuffix("/demo"))
        shell.server = server
        yield shell
        shell.run("%reload_ext wenwen_magic")


def far_away(monkeypatch, name):
    """Have a cluster's module, whose workers are threads here."""
    cluster = SimpleNamespace(get_executor=lambda: ThreadPoolExecutor(2))
    monkeypatch.setitem(sys.modules, name, SimpleNamespace(Client=lambda _address: cluster))


def under_way(shell):
    magics = shell.magics_manager.registry.get("WenwenMagics")
    return magics.state.runner.under_way() if magics else 0


@pytest.mark.parametrize("page", of("python"))
def test_every_cell_of_the_page_runs_as_it_is_pasted(page, reader, monkeypatch):
    for block in (block for block in blocks(page) if block.language == "python"):
        marks = dict((*mark.split(": "), "")[:2] for mark in block.marks)
        if "needs a key" in marks:
            monkeypatch.setenv("WENWEN_API_KEY", KEY)
        if "elsewhere" in marks:
            far_away(monkeypatch, marks["elsewhere"])
        if "fails" in marks:
            assert type(reader.fail(pasted(block))).__name__ == marks["fails"]
            continue
        reader.run(pasted(block))
        assert reader.wait_for(lambda: not under_way(reader)), block.text
        if "%wenwen_image " in block.text and not {"-h", "--dry-run", "--预览", "--improve", "--改进"} & set(
            block.text.split()
        ):
            assert "<img" in reader.words(), block.text


@pytest.mark.parametrize("page", READMES)
def test_the_first_cells_of_the_readme_draw_without_a_key_and_ask_no_relay(page, reader):
    cells = [pasted(block) for block in blocks(page) if block.language == "python"]
    for cell in cells:
        reader.run(cell)
    assert len(cells) == 4
    assert [(record["demo"], record["state"]) for record in records()] == [(True, "complete")] * 4
    assert not reader.server.posts


@pytest.mark.parametrize("page", of("sh"))
def test_every_command_of_the_page_is_a_command(page):
    for block in blocks(page):
        if block.language == "sh":
            subprocess.run(["bash", "-n"], input=block.text, text=True, check=True)


@pytest.mark.parametrize("page", of("toml"))
def test_every_project_file_of_the_page_holds_settings(page):
    for block in blocks(page):
        if block.language == "toml":
            table = tomllib.loads(block.text)["tool"]["wenwen"]
            loaded = load(Layer(PROJECT_FILE, table))
            assert {loaded.sources[name] for name in table} == {PROJECT_FILE}


def test_every_code_block_is_of_a_language_that_is_tried():
    assert {block.language for page in PAGES for block in blocks(page)} == {"python", "sh", "toml"}
