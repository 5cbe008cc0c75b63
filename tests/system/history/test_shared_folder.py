"""Kernels, threads and forks share one history, also over links and with its cache deleted; no record is missed."""

import itertools
import os
import shutil
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from support.records import agrees, file_of, forked, later, planted, saved, takes

from wenwen_magic.history import index
from wenwen_magic.history.store import History
from wenwen_magic.protocol import HttpReply
from wenwen_magic.records import ImageRequest

SETTLED = index.SETTLED
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


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


def test_eight_threads_ask_and_write_and_each_finds_what_it_saved(folder, monkeypatch):
    monkeypatch.setattr(index, "REMEMBERED", 3)
    histories = [History(folder), History(folder)]
    before = sys.getswitchinterval()

    def work(number):
        history, mine = histories[number % 2], []
        for turn in range(4):
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
    assert len(set(written)) == 32
    assert [agrees(one) for one in (*histories, History(folder))] == [44, 44, 44]


# In several processes


@forks
@pytest.mark.parametrize("memory", [False, True])
def test_a_kernel_that_forks_loses_nothing(memory, folder):
    history = History(folder)
    if memory:
        history._index._use_memory()

    def ask():
        return len(takes(history, "fox")), history.count()

    assert ask() == (6, 12)
    assert forked(lambda: [ask(), saved(history) and ask()])() == "[(6, 12), (7, 13)]"
    assert ask() == (7, 13)
    assert agrees(History(folder)) == 13


@forks
def test_a_fork_in_the_middle_of_a_write_is_not_locked_by_it_and_does_not_undo_it(folder, monkeypatch):
    monkeypatch.setattr(index, "WAIT", 0.02)
    history, held, done = History(folder), threading.Event(), threading.Event()
    history.count()

    def write():
        with history._index._lock:
            connection = history._index._connected()
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("UPDATE records SET star = 1")
            held.set()
            done.wait(60)
            connection.execute("ROLLBACK")

    busy = threading.Thread(target=write)
    busy.start()
    held.wait(60)
    assert forked(lambda: (len(takes(history, "fox")), agrees(history)))() == "(6, 12)"
    done.set()
    busy.join()
    assert agrees(history) == 12


@forks
def test_bug_two_threads_that_came_first_in_a_fork_asked_the_index_at_once(folder, monkeypatch):
    history, both, one_asks = History(folder), threading.Barrier(2), threading.Event()
    history.count()
    answer, asking, together = index.Index._answer, [], []

    def lock():
        made = threading.RLock()
        with suppress(threading.BrokenBarrierError):
            if both.wait(0.5):
                one_asks.wait(0.5)
        return made

    def slowly(*arguments):
        asking.append(1)
        together.append(len(asking))
        one_asks.set()
        threading.Event().wait(0.3)
        asking.pop()
        return answer(*arguments)

    def ask():
        with ThreadPoolExecutor(2) as threads:
            return set(threads.map(lambda _: history.count(), range(2)))

    monkeypatch.setattr(index, "threading", SimpleNamespace(RLock=lock))
    monkeypatch.setattr(index.Index, "_answer", slowly)
    assert forked(lambda: (ask(), max(together)))() == "({12}, 1)"


def saving(folder, name, cache, count):
    """Work for a fork: save records, and count those that are missed."""
    os.environ["XDG_CACHE_HOME"] = str(cache)
    history, missed, ids = History(folder), 0, []
    for number in range(count):
        ids.append(saved(history, f"{name} {number}").id)
        missed += takes(history, f"{name} {number}") != ids[-1:]
    return missed


@forks
@pytest.mark.parametrize("way", ["one cache", "a cache each", "a cache that is cleared"])
def test_kernels_that_save_at_one_time_miss_no_record(way, tmp_path):
    caches = [tmp_path / ("other" if way == "a cache each" else "cache"), tmp_path / "cache"]
    running = [
        forked(lambda name=name, cache=cache: saving(tmp_path / "w", name, cache, 30))
        for name, cache in zip("ab", caches, strict=True)
    ]
    file = caches[1] / "wenwen_magic" / "index" / file_of(tmp_path / "w").name
    while way == "a cache that is cleared" and len(list((tmp_path / "w").glob("*/*.json"))) < 50:
        file.unlink(missing_ok=True)
    assert [result() for result in running] == ["0", "0"]
    history = History(tmp_path / "w")
    assert [history.count(), len({one.id for one in history.all()})] == [60, 60]
    assert len(takes(history, "a 7")) == 1


@forks
def test_what_another_process_writes_between_two_questions_is_seen(folder):
    history = History(folder)
    agrees(history)
    for number in range(3):
        assert forked(lambda number=number: saving(folder, f"n {number}", os.environ["XDG_CACHE_HOME"], 2))() == "0"
        assert len(takes(history, f"n {number} 1")) == 1
    assert agrees(history) == 18


@forks
def test_a_kernel_killed_at_any_moment_leaves_every_record_whole(tmp_path):
    order = ("sent", "answered")

    def write(pipe):
        history = History(tmp_path / "w")
        while True:
            one = history.begin(ImageRequest("cat"), prompt_sent="x" * 3000, endpoint="https://a:443")
            os.write(pipe, f"{one.id} sent\n".encode())
            b"".join(history.keep_reply(one, HttpReply(200, "", [b"y" * 5000] * 4)).chunks)
            one = history.update(one, state="answered", text="y" * 20000)
            os.write(pipe, f"{one.id} answered\n".encode())

    for turn in range(10):
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            try:
                write(writing)
            finally:
                os._exit(1)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            seen = [pipe.readline() for _ in range(1 + turn % 7)]
            for _ in range(turn * 400):  # a little later each time, at no moment in particular
                pass
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            seen += pipe.readlines()
        history = History(tmp_path / "w")
        assert history.unreadable() == []
        for name, state in (line.split() for line in seen if line.endswith("\n")):
            assert order.index(history.find(name).state) >= order.index(state)


def test_threads_ask_while_the_index_is_deleted_under_them(folder, monkeypatch):
    monkeypatch.setattr(index, "SETTLED", SETTLED)  # they save faster than the clock of files goes on
    history, end, wrong = History(folder), threading.Event(), []

    def delete():
        while not end.wait(0.005):
            with suppress(FileNotFoundError):
                file_of(folder).unlink()

    def ask(number):
        for turn in range(5):
            one = saved(history, f"{number} {turn}")
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


def test_bug_a_kernel_whose_index_was_deleted_took_the_journal_of_the_new_one_for_its_own_and_missed_a_record(
    folder, monkeypatch
):
    connected, half, go_on = threading.Event(), threading.Event(), threading.Event()
    old, new = History(folder), History(folder)
    assert agrees(old) == 12
    connect, put = old._index._connected, new._index._put

    def slowly_connected():
        connection = connect()
        if not connected.is_set():
            connected.set()
            assert half.wait(20)
        return connection

    def slowly_put(connection, path, look):
        found = put(connection, path, look)
        if path.parent.name == "2026-01-06":
            half.set()
            assert go_on.wait(20)
        return found

    monkeypatch.setattr(old._index, "_connected", slowly_connected)
    monkeypatch.setattr(new._index, "_put", slowly_put)
    with ThreadPoolExecutor(2) as pool:
        asking = pool.submit(takes, old, "fox")
        assert connected.wait(20)
        file_of(folder).unlink()
        making = pool.submit(takes, new, "fox")
        assert half.wait(20)
        found = asking.result(20)
        go_on.set()
        assert len(found) == len(making.result(20)) == 6
    assert [agrees(old), agrees(new)] == [12, 12]
