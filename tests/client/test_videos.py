"""A video where a picture was expected is paid, fetched, kept and told; when it cannot be fetched its address is told."""

import hashlib
import json
import threading
import tracemalloc
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from zipfile import ZipFile

import pytest
from support.clips import box, mp4
from support.clock import HASTE
from support.scripted import answering, data_uri, png

from wenwen_magic import Client
from wenwen_magic.engine.limits import Session
from wenwen_magic.errors import ConfigError, ImageError, NotInHistory
from wenwen_magic.formats import FORMATS, chat
from wenwen_magic.history.archive import LIST
from wenwen_magic.protocol import Source

MP4 = mp4()


class Store:
    """Serves files on loopback: ``files`` by path, each a status and a body; others are not found."""

    def __init__(self):
        self.files, self.asked, store = {}, [], self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                store.asked.append(self.path)
                status, body = store.files.get(self.path, (404, b'{"msg":"no such file"}'))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def address(self, path):
        return f"http://{self.host}{path}"


def talk(request):
    """A chat whose answer's text names videos behind a bar, in hexadecimal: no reader of addresses sees them."""
    answer = yield from chat.FORMAT.talk(request)
    words, _, videos = answer.text.partition("|")
    videos = json.loads(bytes.fromhex(videos) or "[]")
    return replace(answer, text=words.strip(), videos=tuple(map(Source, videos)))


@pytest.fixture
def store():
    with Store() as one:
        one.files["/a.mp4"] = (200, MP4)
        yield one


@pytest.fixture
def client(relay, store, here, monkeypatch):
    monkeypatch.setitem(FORMATS, "chat", replace(chat.FORMAT, talk=talk))
    return client_for(relay, store)


def client_for(relay, store, **more):
    session = Session()
    return Client(
        base_url=relay.address, api_key="k" * 20, clock=HASTE, session=session, trusted_hosts=(store.host,), **more
    )


@pytest.fixture
def lesson(client, relay, store, tmp_path):
    answer_with(relay, store.address("/a.mp4"))
    client.generate("p")
    client.export(tmp_path / "lesson.zip")
    return tmp_path / "lesson.zip"


def answer_with(relay, *videos, pictures="", words="done"):
    relay.answer = lambda _: answering(f"{words} {pictures}|{json.dumps(videos).encode().hex()}")


def files(client):
    return sorted(path.name.partition("-")[2][8:] for path in client.history.folder.rglob("p-*"))


def failure(client):
    with pytest.raises(ImageError) as caught:
        client.generate("p")
    return caught.value


def test_a_video_is_paid_and_kept_in_the_records_folder_with_its_address(client, relay, store):
    answer_with(relay, store.address("/a.mp4?sign=1"))
    store.files["/a.mp4?sign=1"] = (200, MP4)
    drawn = client.generate("p")
    (video,) = drawn.videos
    assert (drawn.state, drawn.charged, drawn.error, drawn.images, drawn.has_result) == (
        "complete",
        "yes",
        None,
        (),
        True,
    )
    assert (video.path.read_bytes(), video.mime, video.address) == (MP4, "video/mp4", store.address("/a.mp4?sign=1"))
    assert video.path.parent == client.history.path(drawn, "").parent
    assert client.history.get(drawn.id).videos == drawn.videos


def test_the_cell_tells_it_plainly_with_the_files_path(client, relay, store):
    answer_with(relay, store.address("/a.mp4"))
    drawn = client.generate("p")
    shown = drawn._repr_mimebundle_()
    for text in (shown["text/html"], shown["text/plain"]):
        assert drawn.videos[0].path.name in text
        assert "a video, not a picture" in text
        assert "Change the prompt" not in text
    assert "done" in shown["text/html"]


def test_the_same_cell_shows_it_again_for_free(client, relay, store):
    answer_with(relay, store.address("/a.mp4"))
    first, second = client.generate("p"), client.generate("p")
    assert (second.id, second.from_history, second.take) == (first.id, True, 1)
    assert (len(relay.posts), len(store.asked)) == (1, 1)
    assert client.generate("p", fresh=True).take == 2


@pytest.mark.parametrize("mib", [12, pytest.param(50, marks=pytest.mark.long)])
def test_a_large_clip_goes_to_disk_in_pieces(mib, client, relay, store):
    large = mp4(media=box("mdat", bytes(mib << 20)))
    store.files["/large.mp4"] = (200, large)
    answer_with(relay, store.address("/large.mp4"))
    client.generate("a small one first")  # what is loaded once is no part of it
    tracemalloc.start()
    try:
        (video,) = client.generate("p").videos
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (video.size, video.seconds) == (len(large), 8.0)
    assert peak < 6 << 20


def test_a_video_beside_pictures_is_told_below_them(client, relay, store):
    answer_with(relay, store.address("/a.mp4"), pictures=f"![x]({data_uri(png())})")
    drawn = client.generate("p")
    assert (len(drawn.images), len(drawn.kept_videos), drawn.state) == (1, 1, "complete")
    assert drawn.videos[0].path.name in drawn._repr_mimebundle_()["text/html"]
    assert "a video beside it" in drawn._repr_mimebundle_()["text/plain"]
    assert client.generate("p").from_history


def test_a_video_behind_a_pictures_address_is_the_answer(client, relay, store):
    store.files["/film"] = (200, MP4)
    relay.answer = lambda _: answering(f"![x]({store.address('/film')})")
    assert client.generate("p").kept_videos
    assert client.generate("p").from_history
    assert len(relay.posts) == 1


def test_a_video_that_cannot_be_fetched_is_told_with_its_address_and_fetched_later_for_free(client, relay, store):
    address = store.address("/late.mp4?sign=1")
    answer_with(relay, address)
    error = failure(client)
    assert (error.charged, address in error.do, "no such file" in error.why) == ("yes", True, True)
    assert f"%wenwen fetch {error.record[:6]}" in error.do
    assert "Change the prompt" not in str(error)
    record = client.history.get(error.record)
    assert (record.state, [video.address for video in record.videos]) == ("answered", [address])
    again = failure(client)
    assert (again.charged, again.record) == ("yes", error.record)
    store.files["/late.mp4?sign=1"] = (200, MP4)
    assert client.fetch(error.record).kept_videos
    assert client.generate("p").from_history
    assert len(relay.posts) == 1


def test_a_rerun_fetches_a_late_video_for_free(client, relay, store):
    answer_with(relay, store.address("/late.mp4"))
    failure(client)
    store.files["/late.mp4"] = (200, MP4)
    drawn = client.generate("p")
    assert (drawn.kept_videos[0].path.read_bytes(), drawn.state, len(relay.posts)) == (MP4, "complete", 1)


def test_a_video_whose_file_was_deleted_is_fetched_again_for_free(client, relay, store):
    answer_with(relay, store.address("/a.mp4"))
    client.generate("p").videos[0].path.unlink()
    drawn = client.generate("p")
    assert (drawn.videos[0].path.read_bytes(), len(relay.posts), len(store.asked)) == (MP4, 1, 2)


def test_a_video_that_has_expired_says_what_helps(client, relay, store):
    store.files["/old.mp4"] = (403, b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")
    answer_with(relay, store.address("/old.mp4"))
    error = failure(client)
    assert "Request has expired" in error.why
    assert "--fresh" in error.do
    assert len(store.asked) == 1


def test_what_is_no_video_is_told_in_its_own_words(client, relay, store):
    store.files["/a.mp4"] = (200, b'{"error":{"message":"task failed"}}')
    answer_with(relay, store.address("/a.mp4"))
    error = failure(client)
    assert ("task failed" in error.why, error.charged) == (True, "yes")
    assert [name for name in files(client) if name.endswith(".unsound")]


def test_pictures_are_shown_though_a_video_beside_them_cannot_be_fetched(client, relay, store):
    answer_with(relay, store.address("/none.mp4"), pictures=f"![x]({data_uri(png())})")
    drawn = client.generate("p")
    assert (len(drawn.images), drawn.kept_videos) == (1, ())
    assert store.address("/none.mp4") in drawn._repr_mimebundle_()["text/plain"]
    store.files["/none.mp4"] = (200, MP4)
    assert client.fetch(drawn.id).kept_videos
    assert len(relay.posts) == 1


def test_a_video_that_a_description_mentions_is_neither_fetched_nor_told(client, relay, store):
    answer_with(relay, store.address("/a.mp4"), words="It shows a cat.")
    told = client.describe("What is it?", references=[png()])
    assert (told.state, store.asked) == ("complete", [])
    assert "video" not in told._repr_mimebundle_()["text/plain"]


def test_a_video_at_a_private_address_is_refused_like_a_picture(client, relay, store):
    answer_with(relay, "http://127.0.0.1:1/a.mp4")
    error = failure(client)
    assert "not a public address" in error.why
    assert store.asked == []


def test_in_replay_a_kept_video_is_shown_and_an_unfetched_one_is_not_asked_for(client, relay, store):
    answer_with(relay, store.address("/a.mp4"))
    drawn = client.generate("p")
    replaying = client_for(relay, store, mode="replay")
    assert replaying.generate("p").kept_videos
    drawn.videos[0].path.unlink()
    with pytest.raises(NotInHistory):
        replaying.generate("p")
    assert len(store.asked) == 1


def test_the_history_lists_it(client, relay, store):
    answer_with(relay, store.address("/a.mp4"))
    drawn = client.generate("p")
    assert [one.id for one in client.history.recent()] == [drawn.id]
    assert client.history.takes(drawn.request.fingerprint)[0].take == 1
    gallery = client.gallery([drawn])
    assert (gallery.failures, gallery.images) == ((), ())
    assert drawn.videos[0].path.name in gallery._repr_mimebundle_()["text/html"]


def test_a_lesson_carries_it(client, relay, store, tmp_path, monkeypatch):
    answer_with(relay, store.address("/a.mp4"), pictures=f"![x]({data_uri(png())})")
    drawn = client.generate("p")
    client.export(tmp_path / "lesson.zip")
    with ZipFile(tmp_path / "lesson.zip") as zipped:
        assert sorted(name.rpartition(".")[2] for name in zipped.namelist()) == ["jpg", "json", "json", "mp4", "png"]
    other = client_for(relay, store, history=str(tmp_path / "other"))
    assert other.import_(tmp_path / "lesson.zip").records == 1
    taken = other.history.get(drawn.id)
    assert (taken.videos[0].path.read_bytes(), taken.videos[0].sha256) == (MP4, drawn.videos[0].sha256)
    assert taken.videos[0].path.is_relative_to(tmp_path / "other")
    assert taken.videos[0].poster.is_relative_to(tmp_path / "other")
    assert taken.videos[0].poster.read_bytes() == drawn.videos[0].poster.read_bytes()
    assert (taken.videos[0].width, taken.videos[0].seconds) == (1280, 8.0)
    assert taken.images[0].data == drawn.images[0].data


def test_a_lesson_of_a_video_alone_carries_it_and_one_without_words_leaves_it_out(client, relay, store, tmp_path):
    answer_with(relay, store.address("/a.mp4"))
    drawn = client.generate("p")
    client.export(tmp_path / "lesson.zip")
    other = client_for(relay, store, history=str(tmp_path / "other"))
    assert other.import_(tmp_path / "lesson.zip").records == 1
    assert other.history.get(drawn.id).kept_videos[0].path.read_bytes() == MP4
    with pytest.raises(ConfigError):
        client.export(tmp_path / "bare.zip", strip=True)
    answer_with(relay, store.address("/a.mp4"), pictures=f"![x]({data_uri(png())})")
    client.generate("q")
    client.export(tmp_path / "bare.zip", strip=True)
    with ZipFile(tmp_path / "bare.zip") as zipped:
        assert not [name for name in zipped.namelist() if name.endswith(".mp4")]


@pytest.mark.parametrize("file", ["gone", "a text", "a link", "a large one"])
def test_a_poster_that_is_none_stays_out_of_a_lesson_and_its_clip_does_not(file, client, relay, store, tmp_path):
    answer_with(relay, store.address("/a.mp4"))
    poster = client.generate("p").videos[0].poster
    still = poster.read_bytes()
    poster.unlink()
    (tmp_path / "secret").write_text("a key")
    if file == "a link":
        poster.symlink_to(tmp_path / "secret")
    elif file != "gone":
        poster.write_bytes(b"a text" if file == "a text" else still + bytes(2 << 20))
    client.export(tmp_path / "lesson.zip")
    other = client_for(relay, store, history=str(tmp_path / "other"))
    other.import_(tmp_path / "lesson.zip")
    (taken,) = other.history.all()
    assert (taken.videos[0].path.read_bytes(), taken.videos[0].poster) == (MP4, None)
    assert not list(tmp_path.glob("other/**/*.jpg"))


@pytest.mark.parametrize(
    "change",
    [
        (b'-1.jpg"', b'-1.mp4"'),
        (b'-1.jpg"', b'-9.jpg"'),
        (b'"mime": "video/mp4"', b'"mime": "video/webm"'),
        (b'"mime": "video/mp4"', b'"mime": "image/png"'),
        (b'"mime": "video/mp4"', b'"mime": "text/html"'),
        (b"-1.mp4", b"-9.mp4"),
    ],
)
def test_a_lesson_whose_video_is_something_else_is_refused(change, lesson, relay, store, tmp_path):
    old, new = change
    with ZipFile(lesson) as zipped:
        contents = {name: zipped.read(name) for name in zipped.namelist()}
    listing = json.loads(contents.pop(LIST))
    for entry in listing["files"]:
        name = entry["name"]
        if name.endswith(".json"):
            assert old in contents[name]
            contents[name] = contents[name].replace(old, new)
            entry.update(size=len(contents[name]), sha256=hashlib.sha256(contents[name]).hexdigest())
    with ZipFile(tmp_path / "other.zip", "w") as zipped:
        for name, data in {**contents, LIST: json.dumps(listing).encode()}.items():
            zipped.writestr(name, data)
    other = client_for(relay, store, history=str(tmp_path / "other"))
    with pytest.raises(ConfigError, match=r"of the type|missing"):
        other.import_(tmp_path / "other.zip")
    assert not list(tmp_path.glob("other/**/*.*"))
