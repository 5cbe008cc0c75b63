"""A picture or a video on the endpoint itself that wants the key is fetched: at once, by a re-run, by fetch."""

import json
import logging
from pathlib import Path

import pytest
from support.clips import mp4
from support.clock import HASTE
from support.relay import Relay
from support.scripted import answering, png

from wenwen_magic import Client
from wenwen_magic.engine.limits import Session
from wenwen_magic.errors import ImageError

KEY = "canary-0123456789abcdefXYZ"
MP4 = mp4()
GOOD = f"Bearer {KEY}"


class Locked(Relay):
    """A relay that gives its files only with the right key; ``asked`` has the key of each request for a file."""

    def __init__(self, answer=None):
        super().__init__(answer or (lambda _: answering(f"![x]({self.address}/files/a.png)")))
        self.asked, self.good, self.status, self.file = [], GOOD, 401, self._file

    def _file(self, path, headers):
        if "/files/" not in path:
            return None
        self.asked.append(headers["Authorization"] or "")
        if self.asked[-1] == self.good:
            return 200, MP4 if path.endswith(".mp4") else png()
        return self.status, b'{"error":{"message":"no: %b"}}' % self.asked[-1].encode()


@pytest.fixture
def relay():
    with Locked() as server:
        yield server


def client_of(relay, key=KEY, **more):
    return Client(base_url=relay.address, api_key=key, clock=HASTE, session=Session(), **more)


def failure(client, **more):
    with pytest.raises(ImageError) as caught:
        client.generate("p", **more)
    return caught.value


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("worker", [False, True])
def test_a_picture_that_wants_the_key_comes_at_once(status, worker, relay, here):
    relay.status = status
    assert client_of(relay, worker=worker).generate("p").images[0].width == 8
    assert (relay.asked, len(relay.posts)) == (["", GOOD], 1)


def submitted(relay, **task):
    """A Midjourney job whose answer is a task on the relay."""
    relay.answer = lambda _: json.dumps({"code": 1, "description": "ok", "result": "17"})
    relay.listing = lambda: json.dumps(
        {"id": "17", "action": "IMAGINE", "status": "SUCCESS", "progress": "100%", **task}
    )


WAYS = {
    "images": ("images", lambda at: {"data": [{"url": f"{at}/files/a.png"}]}),
    "images, below the endpoint": ("images", lambda at: {"data": [{"url": "/files/a.png"}]}),
    "a video in chat": ("chat", lambda at: {"choices": [{"message": {"content": f"[video]({at}/files/a.mp4)"}}]}),
    "Gemini": (
        "gemini",
        lambda at: {"candidates": [{"content": {"parts": [{"fileData": {"fileUri": f"{at}/files/a.png"}}]}}]},
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_format_gets_it(way, relay, here):
    name, body = WAYS[way]
    relay.answer = lambda _: json.dumps(body(relay.address))
    assert client_of(relay, format=name).generate("p").has_result
    assert relay.asked == ["", GOOD]


def test_midjourney_gets_it(relay, here):
    submitted(relay, imageUrl=f"{relay.address}/files/a.png")
    assert client_of(relay, format="midjourney").generate("p").images[0].width == 8
    assert relay.asked[-1] == GOOD


def test_a_wrong_key_is_told_once_and_a_re_run_with_the_right_one_gets_the_picture_for_free(relay, here, caplog):
    caplog.set_level(logging.DEBUG)
    relay.good = "Bearer another-0123456789abcdef"
    error = failure(client_of(relay))
    assert (error.charged, relay.asked) == ("yes", ["", GOOD])
    assert "%wenwen key" in error.do
    assert f"%wenwen fetch {error.record[:6]}" in error.do
    again = client_of(relay, "another-0123456789abcdef").generate("p")
    assert (again.images[0].width, again.id, len(relay.posts)) == (8, error.record, 1)
    told = f"{error}{error!r}{vars(error)}{caplog.text}".encode()
    kept = b"".join(path.read_bytes() for path in Path().rglob("*") if path.is_file())
    assert KEY[:9].encode() not in told + kept


def test_fetch_gets_it_when_the_right_key_is_set(relay, here):
    relay.good = "Bearer another-0123456789abcdef"
    record = failure(client_of(relay)).record
    assert client_of(relay, "another-0123456789abcdef").fetch(record).images[0].width == 8
    assert len(relay.posts) == 1


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("ending", ["png", "mp4"])
def test_on_another_host_it_stays_an_address_to_open_in_a_browser(status, ending, relay, here):
    with Locked() as other:
        other.status, address = status, f"{other.address}/files/a.{ending}?sign=1"
        mark = "!" if ending == "png" else ""
        relay.answer = lambda _: answering(f"{mark}[x]({address})")
        client = client_of(relay, trusted_hosts=(other.address.removeprefix("http://"),))
        error = failure(client)
        assert failure(client).record == error.record
        tries = 4 if status == 403 else 1  # a store may not have the picture yet
        assert (other.asked, len(relay.posts), error.charged) == ([""] * 2 * tries, 1, "yes")
    assert error.do.count(address) == 1
    assert "Open it in a browser" in error.do
    assert ("%wenwen fetch" in error.do) is (status == 403)
    assert client.history.get(error.record).state == "answered"


def test_an_answer_of_another_endpoint_does_not_say_what_is_asked_with_the_key(relay, here):
    with Locked() as first:
        first.answer = lambda _: answering(f"![x]({relay.address}/files/a.png)")
        hosts = (relay.address.removeprefix("http://"),)
        record = failure(client_of(first, trusted_hosts=hosts)).record
    with pytest.raises(ImageError) as caught:
        client_of(relay).fetch(record)
    assert (set(relay.asked), caught.value.charged) == ({""}, "yes")


def test_an_address_that_has_expired_is_not_said_to_be_fetched_again(relay, here):
    relay.good, relay.file = "", lambda path, _: (403, b'{"msg":"the link has expired"}') if "/files/" in path else None
    error = failure(client_of(relay))
    assert ("--fresh" in error.do, "%wenwen fetch" in error.do) == (True, False)
