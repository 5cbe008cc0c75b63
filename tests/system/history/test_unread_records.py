"""A record that cannot be read for a moment is no damaged record; and damage of the index is only the index's."""

import errno
import sqlite3
from contextlib import nullcontext
from pathlib import Path

import pytest
from support.faulty_disk import CODES
from support.records import agrees, file_of, planted, takes

from wenwen_magic.errors import HistoryError
from wenwen_magic.history import index
from wenwen_magic.history.store import History
from wenwen_magic.records import ImageRequest


def fox_of(folder):
    return next(path for path in folder.glob("2026-01-02/*.json") if b'"fox"' in path.read_bytes())


@pytest.fixture
def failing(monkeypatch):
    """Let the reading of records fail, by the file's name, until the set is emptied."""
    names, real = {}, Path.read_bytes

    def read(self):
        if self.name in names:
            raise OSError(names[self.name], "it cannot be read", str(self))
        return real(self)

    monkeypatch.setattr(Path, "read_bytes", read)
    return names


@pytest.mark.parametrize("code", [*CODES, errno.EMFILE, errno.EPERM], ids=errno.errorcode.get)
@pytest.mark.parametrize("again", [True, False], ids=["the same kernel", "another kernel"])
def test_an_error_of_a_moment_hides_no_record_for_good(code, again, folder, failing):
    path = fox_of(folder)
    failing[path.name] = code
    history = History(folder)
    assert (len(history.recent()), history.unreadable()) == (11, [path.name])
    with pytest.raises(HistoryError) as caught:
        takes(history, "fox")
    assert path.name in caught.value.why
    with pytest.raises(HistoryError):
        takes(history, "never drawn")  # its file's name does not tell its prompt
    assert history.known({"0" * 64}) == {"0" * 64}
    failing.clear()
    assert history.known({"0" * 64}) == set()
    seeing = history if again else History(folder)
    assert (len(takes(seeing, "fox")), seeing.unreadable(), agrees(seeing)) == (6, [], 12)


def test_a_record_that_is_known_and_cannot_be_read_now_is_not_passed_over(folder, failing):
    agrees(History(folder))
    path = fox_of(folder)
    failing[path.name] = errno.EIO
    with pytest.raises(HistoryError):
        takes(History(folder), "fox")
    assert len(takes(History(folder), "prompt 2")) == 1  # the index knows that it is another
    failing.clear()
    assert len(takes(History(folder), "fox")) == 6


OF_A_PROMPT = ("fox-00000001.json", "the-fox-00000001.json", "月亮-00000001.json", "a-red-cat-00000001.json")
NAMES = {
    "fox-00000001.json": False,
    "the-fox-00000001.json": False,
    "月亮-00000001.json": False,
    "a-red-cat-00000001.json": True,
    "picture-00000001.json": True,  # of a request whose prompt was left out
    "a-red-cat-00000001 (1).json": True,
    "Copy of fox-00000001.json": True,
    "fox.json": True,
    "00000001.json": True,
    "fox-0001.json": True,
    "f\udcff-00000001.json": True,
}


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_record_that_can_never_be_read_stops_only_the_requests_that_it_may_be_of(name, tmp_path, failing):
    planted(tmp_path / "w", "a red cat", name=name)
    failing[name] = errno.EACCES
    history = History(tmp_path / "w")
    for prompt, stopped in {"A red, cat!": NAMES[name], "a blue cat": name not in OF_A_PROMPT}.items():
        request = ImageRequest(prompt)
        assert history.takes(request.fingerprint, prompt=request.prompt, partial=True) == []
        with pytest.raises(HistoryError, match="cannot be read now") if stopped else nullcontext():
            assert history.takes(request.fingerprint, prompt=request.prompt) == []


@pytest.mark.parametrize("byte", [0xC9, 0x00, 0xFF])
def test_a_changed_byte_in_the_schema_of_the_index_is_damage_whatever_sqlite_says_of_it(byte, folder):
    agrees(History(folder))
    valid = file_of(folder).read_bytes()
    start = valid.index(b"CREATE TABLE")
    for at in range(start, start + 400, 7):
        file_of(folder).write_bytes(valid[:at] + bytes([byte]) + valid[at + 1 :])
        assert len(takes(History(folder), "fox")) == 6


def test_an_index_that_is_locked_for_good_costs_two_seconds_and_is_left_to_its_owner(folder, monkeypatch):
    assert index.WAIT <= 2
    monkeypatch.setattr(index, "WAIT", 0.02)
    history = History(folder)
    history.count()
    holder = sqlite3.connect(file_of(folder), isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    before = file_of(folder).stat().st_ino
    assert [len(takes(history, "fox")), len(takes(History(folder), "fox"))] == [6, 6]
    assert file_of(folder).stat().st_ino == before
    holder.close()


def test_an_index_that_cannot_be_made_at_all_is_an_error_of_ours(folder, monkeypatch):
    def fail(*_, **__):
        raise sqlite3.OperationalError("out of everything")

    monkeypatch.setattr(index.sqlite3, "connect", fail)
    with pytest.raises(HistoryError, match="cannot be read"):
        History(folder).recent()
