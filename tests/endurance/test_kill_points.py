"""A process killed at any point of a call: what is on disk whole is never asked for again, nothing is paid unasked."""

import json
import multiprocessing
import os
import signal
import sys
from pathlib import Path

import pytest
from support.relay import Relay, whole
from support.scripted import data_uri, png, streaming

from wenwen_magic import Client
from wenwen_magic.engine.limits import Session
from wenwen_magic.errors import UnansweredRequest

POINTS = 100
"""Places at which each kind of answer is killed; a call has fewer."""
FORK = multiprocessing.get_context("fork")
EVENTS = ("open", "os.", "socket.", "subprocess.", "shutil.", "sqlite3.")


def streamed(_):
    text = f"![x]({data_uri(png(colour='red'))})"
    return streaming("Here ", "it is: ", text[:40], text[40:], "\n")


ANSWERS = {"json": (whole, "application/json"), "stream": (streamed, "text/event-stream")}


def draw(address, folder, point, queue):
    """Draw in a process that kills itself at its n-th look at the outer world; without a point tell what came."""
    left = [point]

    def look(event, _):
        if event.startswith(EVENTS):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    client = Client(base_url=address, history=str(folder), session=Session(), stream=True)
    if point:
        sys.addaudithook(look)
    try:
        outcome = client.generate("fox").state
    except UnansweredRequest as error:
        outcome = f"asked {error.charged}"
    queue.put(outcome)
    queue.close()
    queue.join_thread()


def run(address, folder, point=0):
    queue = FORK.Queue()
    process = FORK.Process(target=draw, args=(address, folder, point, queue))
    process.start()
    process.join(60)
    return queue.get(timeout=5) if process.exitcode == 0 else "killed"


def has_whole_answer(folder):
    """Whether the body of a reply is on disk to its end, under whichever name."""
    for path in folder.glob("20*/*.reply*"):
        body = path.read_bytes().partition(b"\n")[2]
        if body.rstrip().endswith(b"[DONE]"):
            return True
        try:
            return bool(json.loads(body)["choices"])
        except (ValueError, KeyError):
            continue
    return False


@pytest.mark.parametrize(
    ("kind", "points"),
    [
        *((kind, range(1, POINTS, 17)) for kind in ANSWERS),
        *(pytest.param(kind, range(1, POINTS + 1), marks=pytest.mark.long) for kind in ANSWERS),
    ],
)
def test_a_call_that_is_killed_anywhere_loses_nothing_and_pays_nothing_unasked(here, monkeypatch, kind, points):
    monkeypatch.setenv("WENWEN_API_KEY", "MARKER7f3a9c-not-like-a-key")
    answer, content_type = ANSWERS[kind]
    outcomes = []
    with Relay(answer) as relay:
        relay.content_type = content_type
        for point in points:
            folder = Path(f"history-{point}")
            relay.posts.clear()
            first = run(relay.address, folder, point)
            kept = has_whole_answer(folder)
            second = run(relay.address, folder)
            outcomes.append((first, second))
            # Killed between the record and the POST it leaves a record of a request that was never sent.
            assert len(relay.posts) == 1 or (second == "asked no" and not relay.posts), point
            assert second in {"complete", "asked no"}, point
            assert second == "complete" or not kept, point
    assert ("killed", "complete") in outcomes
