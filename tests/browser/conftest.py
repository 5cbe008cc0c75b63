"""One JupyterLab, one browser and a few notebooks for all the tests here, which one worker runs (tests/conftest.py)."""

import signal
from functools import partial

import pytest

SECONDS = 120
"""What a test may take, the start of server and browser left out."""


@pytest.fixture(scope="package")
def server(tmp_path_factory):
    from support.lab import Server

    base = tmp_path_factory.mktemp("lab")
    (base / "root").mkdir()
    running = Server(base / "root", base / "home")
    yield running
    running.stop()


@pytest.fixture(scope="package")
def browser():
    """A browser that ends with the tests here: while it is open nothing else may run an event loop."""
    from support import lab

    with lab.browser() as opened:
        yield opened


@pytest.fixture
def limit(server, browser):
    """Ends a test that takes too long."""

    def late(*_):
        raise TimeoutError(f"the test took more than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="package")
def opened(server, browser):
    """Opens a notebook of the given cells, in a folder of its own, in the one page; the caller ends it."""
    from support.lab import Lab, write_notebook

    page = browser.new_page()

    def lab(name, *cells, path=None, **how):
        return Lab(page, server, path or write_notebook(server.root / name / "book.ipynb", *cells), **how)

    return lab


@pytest.fixture
def notebook(limit, opened, request):
    """Opens a notebook with a kernel and a folder of its own."""
    labs = []

    def lab(*cells, **how):
        labs.append(opened(request.node.name, *cells, **how))
        return labs[-1]

    yield lab
    for one in labs:
        one.end()


@pytest.fixture(scope="package")
def shared(opened):
    """Notebooks by name: their kernels and folders are kept from test to test, so their prompts have to differ."""
    labs = {}

    def lab(name, *cells, **how):
        if name in labs:
            return labs[name].replace(*cells)
        labs[name] = opened(name, *cells, **how)
        return labs[name]

    yield lab
    for one in labs.values():
        one.end()


@pytest.fixture
def english(limit, shared):
    """Writes cells into a notebook whose kernel speaks English; the first prompt of a kernel decides that."""
    return partial(shared, "english")


@pytest.fixture
def chinese(limit, shared):
    """Writes cells into a notebook whose kernel speaks Chinese."""
    return partial(shared, "chinese")
