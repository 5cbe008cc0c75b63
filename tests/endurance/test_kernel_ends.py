"""Kernels that end, restart or race while the endpoint thinks, over and over: every picture is shown and paid once."""

import json
from functools import partial

import pytest
from support.clips import PLAYS
from support.kernels import cell, end_group, images, kernels, kill, until
from support.shells import records

pytestmark = pytest.mark.usefixtures("quiet_jupyter")


def counted(short):
    """Run a test in one round or a few, and in its long form in twenty."""
    return pytest.mark.parametrize("rounds", [short, pytest.param(20, marks=pytest.mark.long)])


@pytest.fixture(autouse=True)
def _no_limit(monkeypatch):
    monkeypatch.setenv("WENWEN_SESSION_LIMIT", "1000")
    monkeypatch.setenv("WENWEN_POLL_SECONDS", "0.1")


def asked(relay, times):
    until(lambda: len(relay.posts) >= times)


def complete(count):
    return [record["state"] for record in records()] == ["complete"] * count


class Pictures:
    """Cells that draw: the relay answers when its gate is open."""

    saved = "saved picture, free"

    def __init__(self, relay):
        self._relay = relay

    def cell(self, number):
        self._relay.gate.clear()
        return cell(f"cat {number}")

    def finish(self):
        self._relay.gate.set()


class Clips:
    """Cells that make clips: the relay takes each job at once, and tells it done when it is told so."""

    saved = "saved clip, free"

    def __init__(self, relay):
        self._done = 0
        relay.answer = lambda number: json.dumps({"id": f"video_{number}", "status": "queued"})
        relay.file = self._file

    def _file(self, path, _headers):
        if path.endswith("/content"):
            return 200, PLAYS + path.encode()  # each another file
        if path.startswith("/v1/videos/video_"):
            is_done = int(path.rpartition("_")[2]) < self._done
            return 200, json.dumps({"status": "completed" if is_done else "in_progress"}).encode()
        return None

    def cell(self, number):
        return f"%%wenwen_video -y --format videos -m veo3.1\ncat {number}"

    def finish(self):
        self._done += 1


@pytest.mark.parametrize("kind", [Pictures, Clips])
@counted(1)
def test_a_kernel_killed_while_the_endpoint_thinks_loses_no_picture_and_pays_once(relay, here, rounds, kind):
    work = kind(relay)
    with kernels() as start:
        kernel = start()
        for done in range(rounds):
            prompt = work.cell(done)
            kernel.send(prompt)
            asked(relay, done + 1)
            (kill, end_group)[(done + (kind is Clips)) % 2](kernel)
            work.finish()
            until(partial(complete, done + 1))  # before anybody asks for it again
            kernel.end()
            kernel = start()
            (picture,) = images(kernel.run(prompt))
            assert work.saved in picture["data"]["text/html"]
            assert len(relay.posts) == done + 1


@pytest.mark.parametrize("kind", [Pictures, Clips])
@counted(1)
def test_a_kernel_restarted_while_the_endpoint_thinks_shows_the_picture_and_pays_once(relay, here, rounds, kind):
    work = kind(relay)
    with kernels() as start:
        kernel = start()
        for done in range(rounds):
            prompt = work.cell(done)
            kernel.send(prompt)
            asked(relay, done + 1)
            kernel.restart()
            ticket = kernel.send(prompt)
            work.finish()
            assert images(kernel.gather(ticket))
            assert len(relay.posts) == done + 1
            assert complete(done + 1)


@counted(4)
def test_two_kernels_that_run_the_same_cell_at_once_pay_once(relay, here, rounds):
    with kernels() as start:
        pair = start(), start()
        for done in range(rounds):
            prompt = cell(f"cat {done}", "--no-ui")
            if done % 2:  # the second asks while the endpoint thinks
                relay.gate.clear()
                first = pair[0].send(prompt)
                asked(relay, done + 1)
                second = pair[1].send(prompt, stdin=True)
                pair[1].later(second, lambda content: "another kernel has asked" in str(content.get("data")))
                relay.gate.set()
            else:  # both at the same moment
                first, second = (kernel.send(prompt) for kernel in pair)
            shown = [
                images(kernel.gather(ticket))[-1]["data"] for kernel, ticket in zip(pair, (first, second), strict=True)
            ]
            assert len(relay.posts) == done + 1
            assert shown[0]["image/png"] == shown[1]["image/png"]
            assert complete(done + 1)
