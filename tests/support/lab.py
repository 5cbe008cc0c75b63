"""Runs a real JupyterLab and a real Chromium on this machine for the tests, and stops them."""

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
from pathlib import Path
from typing import Any

import nbformat

CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
STARTING, STOPPING = 45.0, 15.0
"""Seconds that the server may take."""
WAIT = 30_000
"""Milliseconds that anything in the browser may take."""


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
        settings: JupyterLab's settings, by plug-in.
    """

    def __init__(self, root: Path, home: Path, settings: dict[str, Any] | None = None) -> None:
        self.root, self.home = root, home
        self._write_settings(settings or {})
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

    def _write_settings(self, settings: dict[str, Any]) -> None:
        quiet = {
            "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
            "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
        }
        folder = self.home / "config" / "labconfig"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "default_setting_overrides.json").write_text(json.dumps({**quiet, **settings}))

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


class Lab:
    """One notebook in one browser page.

    Args:
        page: Playwright's page.
        server: where the notebook is.
        path: the notebook, below the server's root.
    """

    def __init__(self, page: Any, server: Server, path: Path) -> None:
        self.page, self.path = page, path
        self._name = path.relative_to(server.root).as_posix()
        page.set_default_timeout(WAIT)
        page.goto(f"{server.url}/lab/tree/{self._name}?reset")
        page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.sessionContext !== undefined")
        page.evaluate("() => window.jupyterapp.shell.currentWidget.context.ready")

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
        self._choose(index)
        self.command("notebook:run-cell")

    def start(self, index: int) -> None:
        """Start a cell without waiting for its end."""
        self._choose(index)
        self.page.evaluate("() => void window.jupyterapp.commands.execute('notebook:run-cell')")

    def _choose(self, index: int) -> None:
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
        """The cell of a number, from 0, as a locator."""
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(index)

    def pictures(self, index: int = -1) -> Any:
        """The pictures under a cell, thumbnails among the controls left out, as a locator."""
        return self.cell(index).locator(".jp-OutputArea img:not(.widget-image)")

    def end(self) -> None:
        """End the kernel and close the page, if that has not been done."""
        if self.page.is_closed():
            return
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        self.page.close()
