"""A disk that fails after the request was sent: the cost is told truly, and what was answered is not paid for again."""

import errno
import shutil
from pathlib import Path

import pytest
from hypothesis import settings
from support.faulty_disk import CODES, FaultyDisk

from wenwen_magic import Client, WenwenError
from wenwen_magic.engine.limits import Session
from wenwen_magic.errors import HistoryError

FOLDER = Path("wenwen_images")


def draw():
    """Draw in a process that has just begun, as far as that goes within one."""
    return Client(session=Session()).generate("fox")


def after_the_post(relay, disk):
    """Let the disk's operations count from the moment on when the request has arrived."""
    answer = type(relay)().answer

    def started(number):
        disk.start()
        return answer(number)

    relay.answer = started


def ways(relay, monkeypatch):
    """How many operations there are after the POST."""
    disk = FaultyDisk(FOLDER)
    after_the_post(relay, disk)
    with disk.mounted(monkeypatch):
        draw()
    shutil.rmtree(FOLDER)
    relay.posts.clear()
    return len(disk.calls)


def faults_of(relay, monkeypatch, code, at, *, lasting):
    """Return what is wrong when one operation after the POST fails, in the run itself and in the next one."""
    disk, wrong = FaultyDisk(FOLDER, at, code, lasting=lasting), []
    after_the_post(relay, disk)
    with disk.mounted(monkeypatch):
        try:
            draw()
        except WenwenError as error:
            if error.charged == "no" or "Nothing was sent" in str(error) or not error.record:
                wrong.append(f"told wrongly: {error}")
        except Exception as error:
            wrong.append(f"raw: {error!r}")
    disk.start, name = lambda: None, disk.calls[at] if at < len(disk.calls) else "none"
    try:
        draw()
    except Exception as error:
        wrong.append(f"the next run: {error!r} {error}")
    if len(relay.posts) > 1:
        wrong.append("paid twice")
    shutil.rmtree(FOLDER, ignore_errors=True)
    relay.posts.clear()
    return [f"{errno.errorcode[code]} at {at} ({name}){' and later' * lasting}: {one}" for one in wrong]


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
def test_a_disk_that_fails_after_the_post_tells_no_lower_cost_and_loses_no_answer(
    code, lasting, relay, here, monkeypatch
):
    wrong, many = [], settings().max_examples > 1000  # by --hypothesis-profile=long every operation fails once
    start, step = (0, 1) if many else (CODES.index(code) * 2 + lasting, 8)  # else all tests together take each once
    for at in range(start, ways(relay, monkeypatch), step):
        wrong += faults_of(relay, monkeypatch, code, at, lasting=lasting)
    assert not wrong, "\n".join((f"{len(wrong)} wrong", *wrong))


def test_an_answer_that_the_folder_does_not_take_is_named_and_used_by_the_next_run(relay, here, monkeypatch):
    disk = FaultyDisk(FOLDER, 0, errno.EROFS, lasting=True)
    after_the_post(relay, disk)
    with disk.mounted(monkeypatch), pytest.raises(WenwenError) as caught:
        draw()
    spooled = Client(session=Session()).history.spooled(Client(session=Session()).history.find(caught.value.record))
    assert (caught.value.charged, str(spooled) in caught.value.do) == ("yes", True)
    disk.start = lambda: None
    assert (draw().id, len(relay.posts), spooled.exists()) == (caught.value.record, 1, False)


@pytest.mark.parametrize("known", [True, False], ids=["in the index", "new to the index"])
def test_a_record_that_can_never_be_read_stops_only_its_own_request_and_names_ways_out(relay, here, monkeypatch, known):
    first = draw().id
    (path,) = FOLDER.glob("20*/*.json")
    if not known:
        moved = Path("copied") / path.parent.name
        shutil.copytree(path.parent, moved)
        monkeypatch.setenv("WENWEN_HISTORY", "copied")
    real = Path.read_bytes

    def read(self):
        if self.name == path.name:
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return real(self)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", read)
        assert Client(session=Session()).generate("cat").state == "complete"
        with pytest.raises(HistoryError) as caught:
            draw()
        assert (len(relay.posts), caught.value.charged, path.name in caught.value.why) == (2, "no", True)
        assert "--fresh" in caught.value.do
        assert Client(session=Session()).generate("fox", fresh=True).id != first
    assert (draw().id, len(relay.posts)) == (first, 3)


def test_a_folder_that_is_gone_when_the_answer_comes_is_no_reason_to_say_that_nothing_was_sent(relay, here):
    answer = relay.answer

    def replaced(number):
        shutil.rmtree(FOLDER)
        FOLDER.write_text("a file")
        return answer(number).replace("![x](", "![x](http://127.0.0.1:9/a.png) ![x](")

    relay.answer = replaced
    with pytest.raises(WenwenError) as caught:
        draw()
    assert (caught.value.charged, len(caught.value.record), len(relay.posts)) == ("yes", 8, 1)
    assert "Nothing was sent" not in str(caught.value)
    assert "http://127.0.0.1:9/a.png" in caught.value.do


@pytest.mark.parametrize("taken_away", [shutil.rmtree, lambda folder: folder.rename("elsewhere")])
def test_bug_a_folder_taken_away_while_the_endpoint_drew_took_no_picture_and_a_clip_was_paid_twice(
    relay, here, taken_away
):
    answer = relay.answer

    def late(number):
        taken_away(FOLDER)
        return answer(number)

    relay.answer = late
    assert draw().pictures[0].path.is_file()
    assert draw().from_history
    assert len(relay.posts) == 1


def test_bug_a_request_counted_as_sent_where_the_folder_failed_before_it_was(relay, here, monkeypatch):
    refused = []

    def no_space(*_):
        disk.start()
        refused.append(disk)
        raise OSError(errno.ENOSPC, "No space left on device")

    disk = FaultyDisk(FOLDER, 0, errno.EIO, lasting=True)  # from then on nothing can be deleted either
    with disk.mounted(monkeypatch), monkeypatch.context() as patch:
        patch.setattr("wenwen_magic.history.atomic.check_space", no_space)
        with pytest.raises(HistoryError) as caught:
            draw()
    assert (caught.value.charged, refused, len(relay.posts)) == ("no", [disk], 0)
    assert (draw().state, len(relay.posts)) == ("complete", 1)


def test_bug_a_record_of_which_the_disk_says_nothing_at_all_was_an_error_without_words(relay, here, monkeypatch):
    draw()
    (path,) = FOLDER.glob("20*/*.json")
    real = Path.stat

    def stat(self, **how):
        if self.name == path.name:
            raise OSError(errno.ESTALE, "Stale file handle", str(self))
        return real(self, **how)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", stat)
        with pytest.raises(HistoryError, match="cannot be read now"):
            draw()
    assert (draw().state, len(relay.posts)) == ("complete", 1)
