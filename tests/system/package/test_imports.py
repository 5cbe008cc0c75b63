"""What importing and loading cost: which modules come along, and that nothing touches the network."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import wenwen_magic

HEAVY = ("IPython", "ipywidgets", "requests", "PIL", "urllib3", "markdown_it", "certifi", "numpy")
NO_SOCKETS = """
import sys
def watch(event, details):
    if event.startswith("socket.") and event not in {"socket.gethostname", "socket.__new__"}:
        print("OPENED", event, details)
sys.addaudithook(watch)
"""
LOADED = "\nprint('LOADED', *sorted({name.partition('.')[0] for name in sys.modules}))"


def words(text):
    """What a fresh interpreter prints when it runs this text."""
    command = [sys.executable, "-c", f"import sys\n{text}{LOADED}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.split()


def loaded_by(text):
    return set(words(text)) & set(HEAVY)


SHELL = "from IPython.core.interactiveshell import InteractiveShell\nshell = InteractiveShell.instance()\n"
LOAD = "assert shell.run_cell('%load_ext wenwen_magic').success\n"


def test_importing_the_package_imports_nothing_heavy():
    assert loaded_by("import wenwen_magic; dir(wenwen_magic); wenwen_magic.__version__") == set()


def test_words_and_errors_can_be_had_without_anything_heavy():
    assert loaded_by("from wenwen_magic import ImageRequest, Generation, Gallery, WenwenError") == set()


def test_a_client_in_a_plain_script_needs_no_notebook(here):
    assert loaded_by("import wenwen_magic; wenwen_magic.Client()") & {"IPython", "ipywidgets", "ipykernel"} == set()


def test_the_demo_alone_needs_neither_a_notebook_nor_requests():
    assert loaded_by("import wenwen_magic.demo") & {"IPython", "ipywidgets", "requests", "urllib3"} == set()


def test_loading_the_extension_adds_nothing_heavy(here):
    assert loaded_by(SHELL + LOAD) == loaded_by(SHELL)


def test_loading_the_extension_loads_none_of_ipythons_magics_that_wait_for_their_first_use(here):
    count = "print(sum(repr(one).startswith('<unloaded') for kind in shell.magics_manager.magics.values() for one in kind.values()))\n"
    another = "shell.run_cell('%load_ext autoreload')\n"  # the magic %load_ext is one of them
    before, after = words(f"{SHELL}{another}{count}{LOAD}{count}")[:2]
    assert before == after


def test_loading_the_extension_opens_no_socket(here):
    said = words(NO_SOCKETS + SHELL + LOAD + "print('READY')")
    assert "READY" in said
    assert "OPENED" not in said


def test_the_watch_on_sockets_sees_one():
    assert "OPENED" in words(NO_SOCKETS + "import socket; socket.socket().bind(('127.0.0.1', 0))")


def test_every_public_name_resolves_and_is_listed():
    for name in wenwen_magic.__all__:
        assert getattr(wenwen_magic, name) is not None
        assert name in dir(wenwen_magic)
    with pytest.raises(AttributeError, match="Clint"):
        wenwen_magic.Clint  # noqa: B018


@pytest.mark.parametrize("path", sorted(Path(wenwen_magic.__file__).parent.rglob("*.py")), ids=lambda path: path.stem)
def test_every_module_says_what_it_does(path):
    parts = path.relative_to(Path(wenwen_magic.__file__).parents[1]).with_suffix("").parts
    first = (importlib.import_module(".".join(parts).removesuffix(".__init__")).__doc__ or "").splitlines()[0]
    assert first[0].isupper()
    assert first[-1] in ".。`:!" or first.endswith("``.")


def test_the_version_is_the_change_logs_newest():
    log = Path(wenwen_magic.__file__).parents[1] / "CHANGELOG.md"
    found = re.search(r"^##\s*\[?v?(\d+\.\d+\.\d+)", log.read_text("utf-8"), re.MULTILINE)
    assert found
    assert found.group(1) == wenwen_magic.__version__
