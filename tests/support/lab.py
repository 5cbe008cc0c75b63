"""Runs a real JupyterLab on this machine for the tests, and does and reads there what a person would.

Who imports it without what it needs is skipped, but not where all tests have to run.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = os.environ.get("WENWEN_CHROMIUM", "/usr/bin/chromium")
NEEDED = ("playwright", "jupyterlab", "nbformat", "axe_playwright_python")
LACKING = [name for name in NEEDED if find_spec(name) is None]
LACKING += [] if Path(CHROMIUM).is_file() else [f"a Chromium ({CHROMIUM}; WENWEN_CHROMIUM names another)"]
if LACKING and not os.environ.get("CI"):
    pytest.skip(f"needs {', '.join(LACKING)}", allow_module_level=True)

import nbformat  # noqa: E402
from axe_playwright_python.base import AXE_SCRIPT as AXE  # noqa: E402
from playwright.sync_api import expect, sync_playwright  # noqa: E402

DEMO = "%load_ext wenwen_magic\n%wenwen demo"
# Run in each kernel before the first cell: pictures of half the width and height, larger than they are shown.
FIRST = """
from wenwen_magic.demo import painter

painter.SIZES.update({turn: (width // 2, height // 2) for turn, (width, height) in painter.SIZES.items()})
"""
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 1180, "height": 900}
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
expect.set_options(timeout=15_000)
STARTING, STOPPING = 45.0, 15.0
"""Seconds that the server may take."""
WAIT = 30_000
"""Milliseconds that anything in the browser may take."""


@contextmanager
def browser() -> Iterator[Any]:
    """Start a browser with an empty profile; its pages share a cache."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield chromium.new_context()
        chromium.close()


def write_notebook(path: Path, *cells: str) -> Path:
    """Write a notebook of code cells; without the kernel's name JupyterLab would ask for one and never be ready."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    book.metadata["language_info"] = {"name": "python"}
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(book, path)
    return path


class Server:
    """A JupyterLab on loopback, without a token, that knows nothing of this user's settings.

    Args:
        root: the folder it shows.
        home: a folder for its own files; kept between two servers, notebooks stay trusted.
    """

    def __init__(self, root: Path, home: Path) -> None:
        self.root, self.home = root, home
        self._write_settings()
        self.start()

    def start(self) -> None:
        """Start the server on a free port, and wait for its first answer."""
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.log = self.home / f"server-{port}.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command(port),
                cwd=self.root,
                env=self._environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._await_answer()
        except BaseException:
            self.stop()
            raise

    def _write_settings(self) -> None:
        quiet = {
            "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
            "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
        }
        folder = self.home / "config" / "labconfig"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "default_setting_overrides.json").write_text(json.dumps(quiet))
        startup = self.home / "ipython" / "profile_default" / "startup"
        startup.mkdir(parents=True, exist_ok=True)
        (startup / "first.py").write_text(FIRST)

    def _command(self, port: int) -> list[str]:
        options = {
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.port": port,
            "ServerApp.port_retries": 0,
            "ServerApp.root_dir": self.root,
            "ServerApp.open_browser": False,
            "ServerApp.allow_root": True,
            "IdentityProvider.token": "",
            "LabApp.expose_app_in_browser": True,
            "LabApp.news_url": None,
            "LabApp.collaborative": False,
        }
        return [sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in options.items())]

    def _environment(self) -> dict[str, str]:
        strange = re.compile(r"(?i)jupyter|jpy_|wenwen_|ipython|.*_proxy$|lc_|language$")
        kept = {name: value for name, value in os.environ.items() if not strange.match(name)}
        places = {
            "HOME": "home",
            "IPYTHONDIR": "ipython",
            "XDG_CACHE_HOME": "cache",
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        }
        for folder in places.values():
            (self.home / folder).mkdir(parents=True, exist_ok=True)
        return {**kept, **{name: str(self.home / folder) for name, folder in places.items()}, "LANG": "C.UTF-8"}

    def _await_answer(self) -> None:
        until = time.monotonic() + STARTING
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise RuntimeError(f"JupyterLab ended: {self.log.read_text(errors='replace')[-2000:]}")
            try:
                with urllib.request.urlopen(f"{self.url}/api", timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                self._gone_within(0.1)
        raise TimeoutError(f"JupyterLab did not answer: {self.log.read_text(errors='replace')[-2000:]}")

    def _gone_within(self, seconds: float) -> bool:
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self) -> None:
        """End the server, which ends its kernels; what does not listen is killed."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is None:
                os.killpg(self._process.pid, number)
                self._gone_within(STOPPING)
        if self._process.poll() is None:
            raise TimeoutError(f"process {self._process.pid} did not end")


OPENED = """path => {
    const shown = window.jupyterapp.shell.currentWidget;
    return shown?.context?.path === path && shown.sessionContext !== undefined;
}"""
REPLACED = """sources => {
    const book = window.jupyterapp.shell.currentWidget.content.model.sharedModel;
    const cells = sources.map((source) => ({ cell_type: "code", source, metadata: { trusted: true } }));
    book.transact(() => { book.deleteCellRange(0, book.cells.length); book.insertCells(0, cells); });
}"""
CLOSED = """async path => {
    for (const shown of [...window.jupyterapp.shell.widgets("main")].filter(one => one.context?.path === path)) {
        await shown.sessionContext?.shutdown();
        shown.dispose();
    }
}"""
VIOLATIONS = """async outputs => {
    const found = await axe.run(outputs, { resultTypes: ["violations"] });
    return found.violations.flatMap((one) => one.nodes.map((node) => `${one.id}: ${one.help}: ${node.html}`));
}"""


class Lab:
    """One notebook in a browser page, where others may be open behind it.

    Args:
        page: Playwright's page; one in which this server's JupyterLab is loaded is not loaded again.
        server: where the notebook is.
        path: the notebook, below the server's root.
        windowed: whether the page holds only the cells in view, as JupyterLab does by itself.
    """

    def __init__(self, page: Any, server: Server, path: Path, *, windowed: bool = False) -> None:
        self.page, self.server, self.path = page, server, path
        self.name = path.relative_to(server.root).as_posix()
        self._earlier: list[Path] = []
        page.set_default_timeout(WAIT)
        if not page.url.startswith(server.url):
            page.goto(f"{server.url}/lab?reset")
            page.wait_for_function("() => window.jupyterapp?.restored")
            page.evaluate("() => window.jupyterapp.restored.then(() => null)")
        self.open()
        if windowed:
            page.evaluate(
                """() => { const book = window.jupyterapp.shell.currentWidget.content;
                           book.notebookConfig = { ...book.notebookConfig, windowingMode: "full" }; }"""
            )

    def open(self) -> "Lab":
        """Open the notebook, or bring it to the front; gives this."""
        self.page.set_viewport_size(WIDE)
        self.command("docmanager:open", path=self.name)
        self.page.wait_for_function(OPENED, arg=self.name)
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.ready")
        self._panel = "#" + self.page.evaluate("() => window.jupyterapp.shell.currentWidget.id")
        return self

    def replace(self, *cells: str) -> "Lab":
        """Put other cells in the place of all there are, which the kernel outlives; gives this."""
        self.open().page.evaluate(REPLACED, cells)
        self._earlier += self.records()
        return self

    def wear(self, theme: str) -> None:
        """Change JupyterLab's theme to ``Light`` or ``Dark``, and wait for its styles."""
        self.command("apputils:change-theme", theme=f"JupyterLab {theme}")
        self.page.wait_for_function(
            "light => document.body.dataset.jpThemeLight === String(light)", arg=theme == "Light"
        )

    def violations(self, index: int | None = None) -> list[str]:
        """List what axe-core finds wrong in the outputs of one cell or of all: its rule, its help, and the element."""
        self.page.evaluate(AXE)
        cell = "" if index is None else f".jp-Cell[data-windowed-list-index='{index}']"
        return list(self.page.evaluate(VIOLATIONS, f"{self._panel} {cell} .jp-OutputArea-output"))

    def command(self, name: str, **arguments: Any) -> None:
        """Run a command of JupyterLab, and wait for what it gives."""
        self.page.evaluate("([n, a]) => window.jupyterapp.commands.execute(n, a).then(() => null)", [name, arguments])

    def kernel_ready(self, *, seconds: float = WAIT / 1000) -> "Lab":
        """Wait for an idle kernel; gives this."""
        self.page.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'",
            timeout=seconds * 1000,
        )
        return self

    def run_all(self) -> "Lab":
        """Run every cell, and wait for their end; gives this."""
        self.kernel_ready().command("notebook:run-all-cells")
        return self

    def run(self, index: int) -> None:
        """Run one cell, and wait for its end."""
        self.choose(index)
        self.command("notebook:run-cell")

    def start(self, index: int) -> None:
        """Start a cell without waiting for its end."""
        self.choose(index)
        self.page.evaluate("() => void window.jupyterapp.commands.execute('notebook:run-cell')")

    def rewrite(self, index: int, source: str) -> None:
        """Give a cell another source."""
        self.page.evaluate(
            """([index, source]) => window.jupyterapp.shell.currentWidget.content.model.cells.get(index)
                                          .sharedModel.setSource(source)""",
            [index, source],
        )

    def choose(self, index: int) -> None:
        """Make one cell the active one."""
        self.page.evaluate(
            """index => { const book = window.jupyterapp.shell.currentWidget.content;
                          book.deselectAll(); book.activeCellIndex = index; }""",
            index,
        )

    def saved(self) -> nbformat.NotebookNode:
        """Save the notebook, and read it from the disk."""
        self.command("docmanager:save")
        return nbformat.read(self.path, as_version=4)

    def cell(self, index: int) -> Any:
        """Find the cell of a number, from 0, as a locator."""
        return self.page.locator(f"{self._panel} .jp-Notebook .jp-CodeCell").nth(index)

    def pictures(self, index: int = -1) -> Any:
        """Find the pictures under a cell, thumbnails among the controls left out, as a locator."""
        return self.cell(index).locator(".jp-OutputArea img")

    def press(self, index: int, name: str, number: int = 0) -> None:
        """Press the n-th button of a name under a cell."""
        self.cell(index).get_by_role("button", name=name, exact=True).nth(number).click()

    def thumbnails(self, index: int) -> Any:
        """Find the thumbnails among the controls of a cell, which are pressed, as a locator."""
        return self.cell(index).locator("button.wenwen-take:visible")

    def tiles(self, index: int) -> Any:
        """Find the thumbnails of a history, which are pressed, as a locator."""
        return self.cell(index).locator("button.wenwen-tile:visible")

    def model(self, index: int) -> Any:
        """Find the field for the model under a cell, as a locator."""
        return self.cell(index).locator("input[list]")

    def orientation(self, index: int) -> Any:
        """Find the list of orientations under a cell, as a locator."""
        return self.cell(index).locator("select")

    def words(self) -> Any:
        """Find all places of words in the outputs, and the outputs themselves, as a locator."""
        places = "th, td, figcaption, button, .widget-label, .widget-html-content"
        return self.page.locator(self._panel).locator(f".jp-OutputArea-output :is({places}), .jp-OutputArea-output")

    def frame(self) -> Any:
        """Find what would scroll sideways if the notebook were too wide, as a locator."""
        return self.page.locator(self._panel).locator(".jp-Notebook, .jp-Notebook .jp-WindowedPanel-outer")

    def html(self, index: int) -> str:
        """Read the saved HTML of a cell's outputs."""
        outputs = self.saved().cells[index].outputs
        return "".join(out.data.get("text/html", "") for out in outputs if "data" in out)

    def inserted(self, index: int) -> str:
        """Wait for a cell that a button puts there, and read its text."""
        came = """index => window.jupyterapp.shell.currentWidget.content.model.cells.get(index)
                               ?.sharedModel.getSource().startsWith("%%wenwen_")"""
        self.page.wait_for_function(came, arg=index)
        return self.saved().cells[index].source

    def records(self) -> list[Path]:
        """List the records of the pictures that the notebook's cells asked for."""
        return sorted(path for path in self.path.parent.glob("wenwen_images/*/*.json") if path not in self._earlier)

    def end(self) -> None:
        """End the kernel and close the notebook, and a dialog that is left."""
        self.page.evaluate(CLOSED, self.name)
        if self.page.locator(".jp-Dialog").count():
            self.page.keyboard.press("Escape")


def source(picture: Any) -> str | None:
    """Return the address of a picture."""
    return picture.get_attribute("src")


def sizes(pictures: Any) -> list[tuple[int, int]]:
    """Return width and height in pixels of every picture that the browser could decode."""
    found = [picture.evaluate("one => [one.naturalWidth, one.naturalHeight]") for picture in pictures.all()]
    return [(width, height) for width, height in found if width]


def shown(pictures: Any) -> int:
    """Count the pictures that a person can see."""
    seen = """one => one.naturalWidth > 0 && one.getBoundingClientRect().width > 20
                     && one.checkVisibility({opacityProperty: true, visibilityProperty: true})"""
    return pictures.evaluate_all(f"all => all.filter({seen}).length")


def legible(words: Any) -> list[str]:
    """Return those of the texts that a person can see."""
    seen = "one => one.offsetHeight > 0 && getComputedStyle(one).fontSize !== '0px'"
    return words.evaluate_all(f"all => all.filter({seen}).map(one => one.innerText)")


def cut(elements: Any) -> list[str]:
    """Return the texts that do not fit into their place; what has no place is there to be read aloud."""
    return elements.evaluate_all(
        "all => all.filter(one => one.scrollWidth > one.clientWidth && one.clientWidth).map(one => one.innerText)"
    )
