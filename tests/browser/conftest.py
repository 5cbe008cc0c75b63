"""One JupyterLab for all the files here, and for each file one browser, whose page goes from test to test."""

import signal

import pytest

SECONDS = 120
"""What a test may take, the start of server and browser left out."""


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    from support.lab import Server

    base = tmp_path_factory.mktemp("lab")
    (base / "root").mkdir()
    running = Server(base / "root", base / "home")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser():
    """A browser that ends with the file: while it is open nothing else may run an event loop."""
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


@pytest.fixture(scope="module")
def free_pages():
    """Pages in which JupyterLab is loaded, and no notebook is open."""
    return []


@pytest.fixture
def notebook(limit, server, browser, free_pages, request):
    """Opens a notebook of the given cells in a folder of its own."""
    from support.lab import Lab, write_notebook

    opened = []

    def lab(*cells, path=None, **how):
        path = path or write_notebook(server.root / request.node.name / "book.ipynb", *cells)
        page = free_pages.pop() if free_pages else browser.new_page()
        opened.append(Lab(page, server, path, **how))
        return opened[-1]

    yield lab
    for one in opened:
        one.end()
        if not one.page.is_closed():
            free_pages.append(one.page)
