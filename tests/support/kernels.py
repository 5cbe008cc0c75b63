"""Real kernels: started, run, listened to, and ended as a person, a server or a crash ends them."""

import os
import re
import signal
import threading
import time
from contextlib import contextmanager, suppress
from queue import Empty

import psutil
import pytest

LOAD = "%load_ext wenwen_magic"


@pytest.fixture
def quiet_jupyter(monkeypatch, tmp_path_factory):
    """Keep Jupyter's own files out of the home folder; for all tests that start kernels."""
    home = tmp_path_factory.mktemp("home")
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(home / name))
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")


def cell(text, line=""):
    return f"%%wenwen_image {line}\n{text}"


def until(true, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := true():
            return found
        threading.Event().wait(0.02)
    raise AssertionError("it never came true")


class Kernel:
    """One real kernel: ``run`` gives what a cell showed, as (kind of message, its content)."""

    def __init__(self):
        from jupyter_client.manager import start_new_kernel  # not loaded where no kernel is started

        self.manager, self.client = start_new_kernel(kernel_name="python3")

    @property
    def process(self):
        return psutil.Process(self.manager.provisioner.process.pid)

    def send(self, code, *, stdin=False):
        return self.client.execute(code, allow_stdin=stdin)

    def gather(self, ticket, seconds=30):
        """All messages of a cell up to idle."""
        found, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                message = self.client.get_iopub_msg(timeout=0.5)
            except Empty:
                continue
            if message["parent_header"].get("msg_id") != ticket:
                continue
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return found
            found.append((message["msg_type"], message["content"]))
        raise AssertionError("the cell did not end")

    def run(self, code, **how):
        return self.gather(self.send(code, **how))

    def reply(self, ticket):
        """The content of the reply to a request, without which a notebook waits for ever."""
        while (reply := self.client.get_shell_msg(timeout=60))["parent_header"].get("msg_id") != ticket:
            pass
        return reply["content"]

    def later(self, ticket, true, seconds=20):
        """The first message of a cell, come after it ended, for which ``true`` holds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                message = self.client.get_iopub_msg(timeout=0.5)
            except Empty:
                continue
            if message["parent_header"].get("msg_id") == ticket and true(message["content"]):
                return message
        raise AssertionError("no such message came")

    def restart(self):
        """Restart as JupyterLab's button does: interrupted, asked to end, and another process in its place."""
        self.manager.restart_kernel()
        self.client.wait_for_ready(timeout=60)
        until(self._is_heard, seconds=60)
        assert shown(self.run(LOAD)) == []

    def _is_heard(self):
        """Whether what it shows comes here: behind a restart the first messages may pass before one listens."""
        with suppress(AssertionError):
            self.gather(self.client.kernel_info(), seconds=1)
            return True

    def end(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@contextmanager
def kernels():
    started = []

    def start():
        started.append(Kernel())
        assert shown(started[-1].run(LOAD)) == []
        return started[-1]

    try:
        yield start
    finally:
        for one in started:
            one.end()


def kill(kernel):
    """End a kernel as a crash would."""
    os.kill(kernel.process.pid, signal.SIGKILL)
    kernel.process.wait(10)


def end_group(kernel):
    """End a kernel with its process group, as a server does that restarts it."""
    os.killpg(os.getpgid(kernel.process.pid), signal.SIGKILL)
    kernel.process.wait(10)


def shown(messages):
    kinds = {"display_data", "execute_result", "error", "stream"}
    return [(kind, content) for kind, content in messages if kind in kinds]


def errors(messages):
    return [content for kind, content in messages if kind == "error"]


def plain(error):
    return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error["traceback"]))


def images(messages):
    kinds = {"display_data", "execute_result", "update_display_data"}
    return [content for kind, content in messages if kind in kinds and "<img" in content["data"].get("text/html", "")]
