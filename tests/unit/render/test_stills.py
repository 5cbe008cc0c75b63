"""Wherever generations are shown, a clip has its poster, an answer its words, and none of them is an empty box."""

from dataclasses import replace

import pytest
from support.html import Document

from wenwen_magic.history.store import Page
from wenwen_magic.records import ASK, ASK_JSON, CLIP, DESCRIBE, Gallery, ImageRequest, Video
from wenwen_magic.render import comparison, gallery
from wenwen_magic.render.generation import generation_bundle
from wenwen_magic.render.history import family_bundle, page_bundle

JPEG = b"\xff\xd8\xffposter"


@pytest.fixture
def rows(make, failed, here):
    """By their names, one generation of each kind that a comparison or a history may hold."""

    def request(task, prompt="a river"):
        return ImageRequest(prompt, model="one", task=task)

    def video(name, *, poster=True, file=True, size=(320, 180, 4.0)):
        path, still = (here / "wenwen_images" / f"{name}.{ending}" for ending in ("mp4", "jpg"))
        path.parent.mkdir(exist_ok=True)
        if file:
            path.write_bytes(b"film")
        if poster:
            still.write_bytes(JPEG)
        width, height, seconds = size
        return Video("", path, "video/mp4", 4, width=width, height=height, seconds=seconds, poster=still)

    clip = request(CLIP)
    return {
        "picture": make((90, 60)),
        "clip": make(request=clip, videos=(video("clip"),)),
        "tall clip": make(request=clip, videos=(video("tall", size=(180, 320, 70.0)),)),
        "clip of unknown size": make(request=clip, videos=(video("unknown", size=(0, 0, None)),)),
        "two clips": make(request=clip, videos=(video("first"), video("second"))),
        "clip without a poster": make(request=clip, videos=(video("bare", poster=False),)),
        "clip whose file is gone": make(request=clip, videos=(video("gone", file=False),)),
        "clip of which nothing is left": make(request=clip, videos=(video("lost", file=False, poster=False),)),
        "video in place of a picture": make(videos=(video("instead"),)),
        "old video": make(videos=(replace(video("old", poster=False), poster=None),)),
        "clip that could not be fetched": failed(request=clip, videos=(Video("https://h/x", problem="gone"),)),
        "failed clip": failed(request=clip),
        "failed picture": failed(),
        "answer": make(request=request(ASK, "why?"), text="Because."),
        "JSON": make(request=request(ASK_JSON, "ten?"), text="[1, 2]"),
        "description": make(request=request(DESCRIBE, "what?"), text="A river."),
    }


def names(rows):
    return tuple((("model", name),) for name in rows)


def thumbnails(rows):
    return {row.id: row.stills[0] for row in rows.values() if row.stills and row.stills[0].exists()}


def a_page(rows):
    page = Page(tuple(rows.values()), 1, 24, len(rows))
    return page_bundle(page, thumbnails=thumbnails(rows), command="%wenwen history", currency="")


def a_family(rows):
    return family_bundle([(row, 0) for row in rows.values()], rows["picture"], thumbnails(rows))


PLACES = {
    "a list": lambda rows: gallery.sequence_bundle(list(rows.values())),
    "a gallery": lambda rows: gallery.gallery_bundle(Gallery(list(rows.values()))),
    "a grid": lambda rows: gallery.gallery_bundle(Gallery(list(rows.values()), names(rows))),
    "a vote's result": lambda rows: gallery.vote_result(Gallery(list(rows.values()), names(rows)), "A"),
    "a history": a_page,
    "a family": a_family,
    "a comparison": lambda rows: comparison.bundle(comparison.Comparison(*list(rows.values())[-2:])),
    "itself": lambda rows: generation_bundle(list(rows.values())[-1]),
}

SHORT = {"a history", "a family"}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("kind", "shown", "in_short"),
    [
        ("clip", "img", ""),
        ("tall clip", "img", ""),
        ("clip of unknown size", "img", ""),
        ("two clips", "img", ""),
        ("clip without a poster", "bare.mp4", "▶ 0:04 · 320×180"),
        ("clip whose file is gone", "img", ""),
        ("clip of which nothing is left", "lost.mp4", "▶ 0:04 · 320×180"),
        ("video in place of a picture", "img", ""),
        ("old video", "old.mp4", "a video, not a picture"),
        ("clip that could not be fetched", "The endpoint failed.", "The endpoint failed."),
        ("failed clip", "The endpoint failed.", "The endpoint failed."),
        ("answer", "Because.", "text"),
        ("JSON", "[1, 2]", "text"),
        ("description", "A river.", "text"),
    ],
)
def test_no_kind_is_an_empty_box(kind, shown, in_short, place, rows):
    document = Document(PLACES[place]({"picture": rows["picture"], kind: rows[kind]})["text/html"])
    said = " ".join([document.words, *(video["src"] for video in document.named("video"))])
    if shown == "img":
        assert len(document.named("img")) > (place != "itself")
    else:
        assert shown in said or (place in SHORT and in_short in said), said


@pytest.mark.parametrize("place", PLACES)
def test_every_still_has_alternative_text(place, rows):
    for image in Document(PLACES[place](rows)["text/html"]).named("img"):
        assert image["alt"]


def test_an_answer_under_way_is_not_being_drawn(rows):
    for task, doing in ((CLIP, "… making a clip"), (ASK, "… answering")):
        under_way = replace(rows["clip"], request=ImageRequest("x", model="one", task=task), state="sent", videos=())
        bundle = gallery.gallery_bundle(Gallery([rows["clip"], under_way], names(["one", "two"])))
        assert doing in bundle["text/plain"]
        assert doing in Document(bundle["text/html"]).words
