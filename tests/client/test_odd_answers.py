"""An answer of a shape that nobody foresaw ends in a picture or in an error that can be shown, and is kept."""

import base64
import json

import pytest
from support.clock import HASTE
from support.pictures import with_scans
from support.scripted import answering, data_uri, png

from wenwen_magic import Client, WenwenError
from wenwen_magic.engine.limits import Session
from wenwen_magic.errors import AnswerError, ImageError
from wenwen_magic.formats.parse.answer import AnswerParser
from wenwen_magic.media import download
from wenwen_magic.media.sandbox import SandboxPool

PICTURE = f"![x]({data_uri(png())})"


@pytest.fixture
def client(relay, here):
    return Client(base_url=relay.address, api_key="k" * 20, clock=HASTE, session=Session())


def failure(client):
    with pytest.raises(WenwenError) as caught:
        client.generate("p")
    return caught.value


def endings(client):
    return sorted(path.name.partition("-")[2][8:] for path in client.history.folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", [[], {}, ["text"], None, 5])
def test_a_part_whose_type_is_no_text_gives_its_picture(kind, client, relay):
    relay.answer = lambda _: answering([{"type": kind, "text": PICTURE}])
    assert client.generate("p").images
    assert client.generate("p").from_history
    assert len(relay.posts) == 1


@pytest.mark.parametrize("place", ["http://a\ud800.invalid/x.png", "http://h.invalid/\udfff.png", "/\ud800"])
def test_an_address_with_half_a_character_is_an_error_that_can_be_sent_and_shown(place, client, relay):
    relay.answer = lambda _: json.dumps({"choices": [{"message": {"content": f"![x]({place})"}}]})
    error = failure(client)
    assert error.charged == "yes"
    assert json.dumps([str(error), *error._render_traceback_(), vars(error)], ensure_ascii=False).encode()


@pytest.mark.parametrize("kind", [TypeError, KeyError, RecursionError, OverflowError, IndexError])
def test_an_answer_that_its_reader_fails_at_is_kept_and_paid_and_the_next_run_is_no_crash(
    kind, client, relay, monkeypatch
):
    def broken(*_, **__):
        raise kind("no reader")

    with monkeypatch.context() as patched:
        patched.setattr(AnswerParser, "answer", broken)
        error = failure(client)
    assert (type(error), error.charged) == (AnswerError, "yes")
    assert [name for name in endings(client) if name.endswith(".reply")]
    assert client.fetch(error.record).images  # a reader that knows the shape reads the kept answer, for free
    assert len(relay.posts) == 1


@pytest.mark.parametrize(
    "text", [f"{PICTURE}\n\n{PICTURE}", f"{PICTURE} and {PICTURE.replace('image/png', 'image/x-png')}"]
)
def test_the_same_picture_twice_is_one_also_when_it_is_fetched_again(text, client, relay):
    relay.answer = lambda _: answering(text)
    drawn = client.generate("p")
    assert (len(drawn.images), drawn.state) == (1, "complete")
    drawn.images[0].path.unlink()
    again = client.generate("p")
    assert (len(again.images), again.id, again.images[0].path) == (1, drawn.id, drawn.images[0].path)
    assert len(relay.posts) == 1


def test_what_stands_behind_a_pictures_address_in_its_place_is_told(client, relay):
    relay.answer = lambda _: answering(f"![x]({relay.address}/x.png)")
    relay.listing = lambda: "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
    error = failure(client)
    assert (error.charged, "Request has expired" in error.why, "--fresh" in error.do) == ("yes", True, True)
    relay.listing = lambda: '{"msg":"图片不存在"}'
    assert "图片不存在" in failure(client).why
    assert len(relay.posts) == 1


@pytest.fixture
def judged(monkeypatch):
    """The files that were handed to the sandbox."""
    files, inspect = [], SandboxPool.inspect

    def noted(pool, path, preview):
        files.append(path)
        return inspect(pool, path, preview)

    monkeypatch.setattr(SandboxPool, "inspect", noted)
    return files


@pytest.mark.parametrize(("times", "side"), [(2000, 1100), (4000, 2000)])
def test_slow_jpeg_of_thousands_of_scans_is_judged_once_and_leaves_no_further_files(times, side, client, relay, judged):
    data = base64.b64encode(with_scans(times, side, progressive=True)).decode()
    relay.answer = lambda _: answering(f"![x](data:image/jpeg;base64,{data})")
    first, files = failure(client), endings(client)
    again = [failure(client) for _run in range(2)]
    assert {(type(error), error.why, error.record) for error in again} == {(ImageError, first.why, first.record)}
    assert "too much work" in first.why
    assert (len(relay.posts), len(judged)) == (1, 1)
    assert files == endings(client)
    assert [name for name in files if name.endswith(".unsound")]
    assert not [name for name in files if name.endswith(".part")]


def test_a_picture_that_failed_the_check_is_fetched_and_checked_again_and_not_paid_again(client, relay, judged):
    pictures = [b"<html>busy</html>", b"<html>busy</html>", png()]
    fetched = []

    def fetch(address, part, policy):
        fetched.append(address)
        part.write_bytes(pictures[len(fetched) - 1])

    relay.answer = lambda _: answering("![x](https://pictures.invalid/a.png)")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(download, "fetch", fetch)
        assert [failure(client).charged for _run in range(2)] == ["yes", "yes"]
        assert client.generate("p").images[0].data == png()
    assert (len(relay.posts), len(fetched), len(judged)) == (1, 3, 3)
