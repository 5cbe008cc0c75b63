"""Records on disk that nobody asked the history to write, and what a history has to say of them."""

import itertools
import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from wenwen_magic.history import index
from wenwen_magic.history.record_json import decode, encode
from wenwen_magic.records import GeneratedImage, Generation, ImageRequest

IDS = itertools.count(1)
TIMES = itertools.count(10**18, 10**12)


def made(prompt="cat", *, day="2026-01-01", id=None, **more):
    """A generation with a picture."""
    drawn = GeneratedImage(Path("x-1.png"), "image/png", 3, 2, size=1, sha256="0" * 64)
    one = Generation(id or f"{next(IDS):08x}", ImageRequest(prompt), prompt, "complete", f"{day}T12:00:00.000+00:00")
    return replace(one, **{"pictures": (drawn,), "charged": "yes", **more})


def planted(folder, prompt="cat", *, day="2026-01-01", name="", **more):
    """A record that somebody copied into the folder; its file."""
    one = made(prompt, day=day, **more)
    path = folder / day / (name or f"x-{one.id}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(one))
    return path


def later(folder):
    """Some time has passed: no two changes before and after it are within one tick of the file system's clock."""
    for day in sorted(folder.iterdir()):
        os.utime(day, ns=(next(TIMES),) * 2)


def print_of(prompt):
    """The fingerprint of a request."""
    return ImageRequest(prompt).fingerprint


def takes(history, prompt):
    """The ids of a request's generations."""
    return [one.id for one in history.takes(print_of(prompt))]


def saved(history, prompt="fox"):
    """A record that the history writes."""
    return history.begin(ImageRequest(prompt), prompt_sent=prompt, endpoint="https://a.example")


def true(folder):
    """All records, oldest first, read without any index."""
    read = []
    for path in folder.glob("????-??-??/*.json"):
        try:
            read.append(decode(path.read_bytes(), path.parent, None))
        except (ValueError, OSError):
            continue
    return sorted(read, key=lambda one: (datetime.fromisoformat(one.created), one.id))


def agrees(history):
    """How many records there are, after every question got the answer that the records give."""
    records = true(history.folder)
    ids = [one.id for one in records]
    assert [one.id for one in history.all()] == ids
    assert [one.id for one in history.recent(len(ids) + 9)] == ids[::-1]
    assert (history.count(), history.page("", 1, 2).total) == (len(ids), len(ids))
    for one in records:
        asked = one.request.fingerprint
        assert [take.id for take in history.takes(asked)] == [x.id for x in records if x.request.fingerprint == asked]
        assert history.find(one.id).id == one.id
        assert ids.count(one.id) > 1 or history.get(one.id).request == history.find(one.id).request == one.request
    return len(ids)


def file_of(folder):
    """The file of a folder's index."""
    return index.place(Path(os.environ["XDG_CACHE_HOME"]) / "wenwen_magic", folder)


def forked(work):
    """Start work in a child of this process, as another kernel; gives a function that waits for its result, as text."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writing, str(work()).encode())
        finally:
            os._exit(0)
    os.close(writing)

    def result():
        with os.fdopen(reading) as pipe:
            said = pipe.read()
        os.waitpid(child, 0)
        return said

    return result
