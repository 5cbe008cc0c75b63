"""One process at a time asks for a request: claims, their owners, and what becomes of those of the dead."""

import json
import os
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
from support.records import forked

from wenwen_magic.engine.processes import claims as claims_module
from wenwen_magic.engine.processes.claims import FOLDER, Claims
from wenwen_magic.errors import HistoryError

HOLD = """
import sys
from pathlib import Path
from wenwen_magic.engine.processes.claims import Claims
with Claims(Path(sys.argv[1])).held("fox", "00000001") as other:
    print("other" if other else "mine", flush=True)
    sys.stdin.readline()
"""


def holder(folder):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-c", HOLD, str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout.readline().strip() == "mine"
    return process


@pytest.fixture
def claims(tmp_path):
    return Claims(tmp_path)


def claim_file(folder):
    return folder / FOLDER / "fox"


def change(folder, **fields):
    """Make a claim look like that of another machine or process."""
    path = claim_file(folder)
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **fields}))
    return path


def test_a_claim_names_its_process_and_record_and_leaves_nothing_behind(claims, tmp_path):
    with claims.held("fox", "0000000a") as other:
        assert other is None
        owner = Claims(tmp_path).owner("fox")
        assert (owner.pid, owner.records) == (os.getpid(), ("0000000a",))
    assert claims.owner("fox") is None
    assert list(tmp_path.iterdir()) == []


def test_several_records_of_one_process_share_a_claim(claims, tmp_path):
    with claims.held("fox", "0000000a"), claims.held("fox", "0000000b") as other:
        assert other is None
        assert claims.owner("fox").records == ("0000000a", "0000000b")
    assert list(tmp_path.iterdir()) == []


def test_another_process_holds_its_claim_until_it_ends(claims, tmp_path):
    with holder(tmp_path) as process:
        with claims.held("fox", "0000000a") as other:
            assert (other.pid, other.records) == (process.pid, ("00000001",))
        assert claims.owner("fox").pid == process.pid
        process.communicate("\n")
    assert claims.owner("fox") is None


def test_the_claim_of_a_killed_process_is_taken_over(claims, tmp_path):
    with holder(tmp_path) as process:
        process.kill()
    assert claim_file(tmp_path).exists()
    assert claims.owner("fox") is None
    with claims.held("fox", "0000000a") as other:
        assert other is None
        assert claims.owner("fox").pid == os.getpid()


def test_a_later_process_with_the_number_of_a_dead_one_is_not_its_owner(claims, tmp_path):
    with holder(tmp_path) as process:
        process.kill()
    change(tmp_path, pid=os.getpid())  # this process started at another time
    assert claims.owner("fox") is None


@pytest.mark.parametrize(
    ("age", "alive"),
    [(0, True), (claims_module.SILENCE / 2, True), (claims_module.SILENCE + 9, False), (-2 * 24 * 3600, False)],
    ids=["now", "lately", "long ago", "in days to come: the clock was set back since"],
)
def test_an_owner_on_another_machine_lives_as_long_as_it_shows_life(claims, tmp_path, age, alive):
    with holder(tmp_path) as process:
        path = change(tmp_path, host="elsewhere")
        moment = path.stat().st_mtime - age
        os.utime(path, (moment, moment))
        assert bool(claims.owner("fox")) is alive
        with claims.held("fox", "0000000a") as other:
            assert bool(other) is alive
        process.kill()


def test_a_claim_that_is_just_being_written_belongs_to_somebody(claims, tmp_path):
    claim_file(tmp_path).parent.mkdir()
    claim_file(tmp_path).write_bytes(b"")
    with claims.held("fox", "0000000a") as other:
        assert other is not None


def test_a_claim_that_was_taken_over_is_neither_kept_fresh_nor_deleted(claims, tmp_path):
    with claims.held("fox", "0000000a"):
        path = change(tmp_path, token="another")
        os.utime(path, (1e9, 1e9))
        claims._show_life_once()
        assert path.stat().st_mtime == 1e9
        assert json.loads(path.read_bytes())["token"] == "another"
    assert path.exists()


def test_a_claim_is_held_and_left_where_no_thread_can_be_started(claims, tmp_path, monkeypatch):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with claims.held("fox", "0000000a") as other:
        assert (other, Claims(tmp_path).owner("fox").pid) == (None, os.getpid())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
def test_bug_a_claim_of_a_fork_was_not_kept_fresh_where_its_parent_held_another(claims):
    def is_kept_fresh():
        with claims.held("owl", "0000000b"):
            return any(thread.name == "wenwen-claims" for thread in threading.enumerate())

    with claims.held("fox", "0000000a"):
        assert forked(is_kept_fresh)() == "True"


def test_a_sign_of_life_is_a_new_time_of_the_same_file(claims, tmp_path):
    with claims.held("fox", "0000000a"):
        os.utime(claim_file(tmp_path), (1e9, 1e9))
        before = claim_file(tmp_path).stat()
        claims._show_life_once()
        after = claim_file(tmp_path).stat()
    assert (before.st_mtime, before.st_ino) == (1e9, after.st_ino)
    assert after.st_mtime > 1e9


def test_words_on_progress_are_seen_by_others_at_the_next_sign_of_life(claims, tmp_path):
    with claims.held("fox", "0000000a"):
        claims.report("fox", "50 %")
        claims._show_life_once()
        assert Claims(tmp_path).owner("fox").text == "50 %"


def test_a_folder_that_cannot_be_written_costs_nothing(tmp_path):
    (tmp_path / "h").write_text("a file")
    with pytest.raises(HistoryError) as caught, Claims(tmp_path / "h").held("fox", "0000000a"):
        pass
    assert caught.value.charged == "no"


def test_a_claim_whose_file_cannot_be_deleted_does_not_keep_its_own_process_waiting(claims, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        with claims.held("fox", "0000000a"):
            pass
    assert claim_file(tmp_path).exists()
    with Claims(tmp_path).held("fox", "0000000b") as other:
        assert other is None


@pytest.mark.parametrize(
    "fields",
    [{"pid": -5}, {"pid": 0, "started": 0}, {"pid": 2**70, "started": 0}, {"pid": 1, "started": float("nan")}],
    ids=lambda fields: str(fields["pid"]),
)
def test_bug_a_damaged_claim_with_the_number_of_no_process_was_waited_for(fields, claims, tmp_path):
    path = claim_file(tmp_path)
    with Claims(tmp_path).held("fox", "00000001"):
        claim = {**json.loads(path.read_bytes()), "token": "another", **fields}
    path.parent.mkdir()
    path.write_text(json.dumps(claim))
    assert claims.owner("fox") is None
    with claims.held("fox", "0000000a") as other:
        assert other is None


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system tells when a process started")
def test_bug_an_owner_counted_as_dead_when_the_clock_was_set(claims, tmp_path, monkeypatch):
    since = psutil.boot_time()
    with holder(tmp_path) as process:
        for step in (3, -3600, 2 * 24 * 3600):
            monkeypatch.setattr("psutil._pslinux.boot_time", lambda step=step: since + step)
            assert claims.owner("fox").pid == process.pid
        process.communicate("\n")


@pytest.mark.parametrize("link", [FOLDER, "."], ids=["the claims'", "the history's"])
def test_bug_a_folder_that_is_a_link_to_nowhere_was_waited_for(link, tmp_path):
    folder = tmp_path / "h"
    place = folder / link
    place.parent.mkdir(exist_ok=True)
    place.symlink_to("nowhere")
    with pytest.raises(HistoryError) as caught, Claims(folder).held("fox", "0000000a"):
        pass
    assert caught.value.charged == "no"


def test_bug_a_claim_that_the_disk_did_not_take_whole_stayed_and_was_waited_for(claims, tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(claims_module, "_encode", full)
        with pytest.raises(HistoryError), claims.held("fox", "0000000a"):
            pass
    assert not claim_file(tmp_path).exists()


def test_bug_a_claim_that_could_not_be_deleted_at_once_was_waited_for_while_its_process_lived(
    claims, tmp_path, monkeypatch
):
    delete, faults = Path.unlink, [OSError(5, "Input/output error")]

    def fail_once(path, **how):
        if faults:
            raise faults.pop()
        delete(path, **how)

    monkeypatch.setattr(claims_module, "_PAUSE", 0)
    monkeypatch.setattr(Path, "unlink", fail_once)
    with claims.held("fox", "0000000a"):
        pass
    assert (faults, claim_file(tmp_path).exists()) == ([], False)


def test_bug_the_claim_of_another_client_of_the_process_was_deleted_by_who_just_gave_its_own_back(
    claims, tmp_path, monkeypatch
):
    other, read, taken = Claims(tmp_path), claims_module._read, []

    def read_late(path):
        owner = read(path)
        monkeypatch.setattr(claims_module, "_read", read)
        taken.append(stack.enter_context(other.held("fox", "0000000b")))  # between the look at a file and its end
        return owner

    monkeypatch.setattr(claims_module, "_PAUSE", 0)
    with ExitStack() as stack:
        with claims.held("fox", "0000000a"):
            monkeypatch.setattr(claims_module, "_read", read_late)
        [owner] = taken
        assert owner is not None or claim_file(tmp_path).exists()
