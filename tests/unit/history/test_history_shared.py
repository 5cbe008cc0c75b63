"""Many share one history: kernels, threads, a fork, links to it, and whoever clears the cache; nobody misses a record."""

import itertools
import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from test_index import agrees, file_of, folder, later, planted, takes, trusted

from wenwen_magic.history import store as module
from wenwen_magic.history.store import History
from wenwen_magic.records import ImageRequest

__all__ = ["folder", "trusted"]

ROOT = str(Path(__file__).parents[3])


def saved(history, prompt="fox"):
    return history.begin(ImageRequest(prompt), prompt_sent=prompt, endpoint="https://a.example")


# In one process


def test_two_histories_in_one_process_see_what_the_other_saves(folder):
    first, second = History(folder), History(folder)
    for number in range(10):
        one = saved((first, second)[number % 2], f"n {number}")
        assert takes(first, f"n {number}") == takes(second, f"n {number}") == [one.id]
    assert [agrees(first), agrees(second)] == [22, 22]


def test_two_folders_of_one_name_are_two_histories(tmp_path, trusted):
    first, second = History(tmp_path / "a" / "w"), History(tmp_path / "b" / "w")
    one, two = saved(first), saved(second)
    assert (takes(first, "fox"), takes(second, "fox")) == ([one.id], [two.id])


def test_a_history_reached_by_a_link_is_the_same(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    linked, plain = History(tmp_path / "link"), History(folder)
    agrees(plain)
    assert agrees(linked) == 12
    one = saved(linked, "bear")
    assert takes(plain, "bear") == takes(linked, "bear") == [one.id]


def test_a_link_that_is_set_to_another_folder_shows_what_is_there(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "v")
    planted(tmp_path / "v", "bear", day="2026-01-01")
    planted(folder, "wolf", day="2026-01-01")
    later(tmp_path / "v")
    (tmp_path / "link").symlink_to(folder)
    linked, plain = History(tmp_path / "link"), History(folder)
    assert [agrees(linked), agrees(plain)] == [13, 13]
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to(tmp_path / "v")
    for history in (linked, plain, linked, plain):
        agrees(history)


def test_a_folder_that_is_moved_away_is_empty_and_whole_when_it_is_back(folder, tmp_path):
    history = History(folder)
    agrees(history)
    folder.rename(tmp_path / "away")
    assert [history.count(), agrees(History(tmp_path / "away"))] == [0, 12]
    planted(tmp_path / "away", "bear", day="2026-01-02")
    later(tmp_path / "away")
    (tmp_path / "away").rename(folder)
    assert (agrees(history), len(takes(history, "bear"))) == (13, 1)


def test_a_folder_in_place_of_another_is_seen(folder, tmp_path):
    history = History(folder)
    agrees(history)
    planted(tmp_path / "other", "bear", day="2026-01-02")
    shutil.rmtree(folder)
    (tmp_path / "other").rename(folder)
    assert agrees(history) == 1


def test_a_clock_that_goes_backwards_loses_no_record(tmp_path):
    noon = datetime(2026, 3, 1, 0, 0, 5, tzinfo=timezone(timedelta(hours=8)))
    moments = itertools.count()
    history = History(tmp_path / "w", now=lambda: noon - timedelta(seconds=next(moments)))
    written = [saved(history).id for _ in range(10)]
    assert takes(history, "fox") == written[::-1]
    assert {path.name for path in (tmp_path / "w").iterdir()} == {"2026-02-28", "2026-03-01"}


@pytest.mark.long
def test_eight_threads_ask_and_write_and_each_finds_what_it_saved(folder, monkeypatch):
    monkeypatch.setattr(module, "REMEMBERED", 3)
    histories = [History(folder), History(folder)]
    before = sys.getswitchinterval()

    def work(number):
        history, mine = histories[number % 2], []
        for turn in range(8):
            mine.append(saved(history, f"thread {number}").id)
            assert {one.id for one in history.takes(ImageRequest(f"thread {number}").fingerprint)} == set(mine)
            assert history.find(mine[turn // 2]).id == mine[turn // 2]
            assert len(history.search("fox")) == 6
        return mine

    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as pool:
            written = [one for mine in pool.map(work, range(8)) for one in mine]
    finally:
        sys.setswitchinterval(before)
    assert len(set(written)) == 64
    assert [agrees(one) for one in (*histories, History(folder))] == [76, 76, 76]


class Forgetful(dict):
    """Another thread throws a record out of memory between any two looks."""

    def __contains__(self, key):
        found = super().__contains__(key)
        self.clear()
        return found


def test_a_record_that_another_thread_throws_out_of_memory_is_read_again(folder):
    history = History(folder)
    agrees(history)
    history._read = Forgetful(history._read)
    assert len(list(history.all())) == 12


# In several processes

FORK = """
import os, sys, threading
from pathlib import Path
from wenwen_magic.history.store import History
from wenwen_magic.records import ImageRequest

history = History(Path(sys.argv[1]))
index = history._catalogue._index
if sys.argv[2] == "memory":
    index._file = ":memory:"
fox = ImageRequest("fox")
ask = lambda: print(len(history.takes(fox.fingerprint)), history.count(), flush=True)
ask()
held, done = threading.Event(), threading.Event()

def write(line):
    line.execute("DELETE FROM records")
    held.set()
    done.wait(60)
    raise KeyError("not after all")

def busy():
    try:
        index._write(write)
    except KeyError:
        pass

thread = threading.Thread(target=busy)
if sys.argv[2] == "busy":
    thread.start()
    held.wait(60)
child = os.fork()
if not child:
    done.set()
    ask_in_child = threading.Thread(target=lambda: [ask(), history.begin(fox, prompt_sent="fox", endpoint="https://a"), ask()], daemon=True)
    if sys.argv[2] == "busy":  # until its parent lets go, the file is locked; only a lock of its own may not be
        print("child", index._lock.acquire(timeout=10), flush=True)
        os._exit(0)
    ask_in_child.start()
    ask_in_child.join(60)
    os._exit(0)
os.waitpid(child, 0)
done.set()
if sys.argv[2] == "busy":
    thread.join(60)
ask()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize(
    ("way", "told"),
    [
        ("plain", ["6 12", "6 12", "7 13", "7 13"]),
        ("memory", ["6 12", "6 12", "7 13", "7 13"]),
        ("busy", ["6 12", "child True", "6 12"]),
    ],
)
def test_a_kernel_that_forks_loses_nothing(way, told, folder):
    for day in folder.iterdir():
        os.utime(day, ns=(10**18, 10**18))
    run = [sys.executable, "-c", FORK, str(folder), way]
    assert subprocess.check_output(run, cwd=ROOT, text=True, timeout=120).splitlines() == told
    assert agrees(History(folder)) == (12 if way == "busy" else 13)


SAVING = """
import sys
from pathlib import Path
from wenwen_magic.history.store import History
from wenwen_magic.records import ImageRequest

history, name, missed, ids = History(Path(sys.argv[1])), sys.argv[2], 0, []
for number in range(int(sys.argv[3])):
    request = ImageRequest(f"{name} {number}")
    ids.append(history.begin(request, prompt_sent="x", endpoint="https://a:443").id)
    if not number % 10:
        missed += [one.id for one in history.takes(request.fingerprint)] != ids[-1:]
print("written", missed, flush=True)
sys.stdin.readline()
both = [one.id for one in history.all()]
missed += sum(len(history.takes(ImageRequest(f"{each} {n}").fingerprint)) != 1 for each in "ab" for n in range(0, len(ids), 25))
print(history.count(), len(both), len(set(both)), len(set(both) & set(ids)), missed, flush=True)
"""


def saving(folder, name, cache):
    return subprocess.Popen(
        [sys.executable, "-c", SAVING, str(folder), name, "1000"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
    )


CLEARING = """
import sys, threading
from pathlib import Path
end = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), end.set())).start()
while not end.wait(0.5):  # a history is made anew faster than that
    Path(sys.argv[1]).unlink(missing_ok=True)
"""


@pytest.mark.long
@pytest.mark.parametrize("way", ["one cache", "a cache each", "a cache that is cleared"])
def test_two_kernels_that_save_a_thousand_records_each_miss_none(way, tmp_path):
    caches = [tmp_path / ("a" if way == "a cache each" else "both"), tmp_path / "both"]
    first, second = (saving(tmp_path / "w", name, cache) for name, cache in zip("ab", caches, strict=True))
    clearing = clear(tmp_path / "w", caches[1]) if way == "a cache that is cleared" else None
    with first, second:
        assert [one.stdout.readline() for one in (first, second)] == ["written 0\n"] * 2
        if clearing:
            clearing.communicate("", timeout=60)
        told = [one.communicate("go\n", timeout=300)[0] for one in (first, second)]
    assert told == ["2000 2000 2000 1000 0\n"] * 2
    assert len(list((tmp_path / "w").rglob("*.json"))) == 2000
    assert len({one.id for one in History(tmp_path / "w").all()}) == 2000


def clear(folder, cache):
    file = cache / "wenwen_magic" / "index" / file_of(folder).name
    return subprocess.Popen([sys.executable, "-c", CLEARING, str(file)], stdin=subprocess.PIPE, text=True)


def test_what_another_process_writes_between_two_questions_is_seen(folder):
    history = History(folder)
    agrees(history)
    script = SAVING.replace("sys.stdin.readline()", "sys.exit()")
    for number in range(3):
        run = [sys.executable, "-c", script, str(folder), f"n {number}", "2"]
        assert subprocess.check_output(run, cwd=ROOT, text=True, timeout=60) == "written 0\n"
        assert len(takes(history, f"n {number} 1")) == 1
    assert agrees(history) == 18


@pytest.mark.long
def test_threads_ask_while_the_index_is_deleted_under_them(folder):
    history, end, wrong = History(folder), threading.Event(), []

    def delete():
        while not end.wait(0.01):
            with suppress(FileNotFoundError):
                file_of(folder).unlink()

    def ask(number):
        until = time.monotonic() + 20
        for turn in range(15):
            one = saved(history, f"{number} {turn}")
            if time.monotonic() > until:
                break
            wrong.extend([turn] * (takes(history, f"{number} {turn}") != [one.id] or len(takes(history, "fox")) != 6))

    deleting = threading.Thread(target=delete)
    deleting.start()
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(ask, range(4)))
    finally:
        end.set()
        deleting.join()
    assert wrong == []
    agrees(history)
