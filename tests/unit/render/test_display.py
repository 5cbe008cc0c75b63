"""What a front end is handed: complete, legible as plain HTML, and nothing from outside gets out of its text."""

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scripted import png

from wenwen_magic.errors import EndpointError
from wenwen_magic.records import Gallery, GeneratedImage, Generation, ImageRequest
from wenwen_magic.render import generation as display
from wenwen_magic.render.gallery import gallery_bundle
from wenwen_magic.render.generation import caption, generation_bundle, notes, plain, short_path
from wenwen_magic.text.i18n import speak

TAGS = {
    *(
        "figure",
        "img",
        "figcaption",
        "small",
        "br",
        "details",
        "summary",
        "pre",
        "p",
        "table",
        "tr",
        "td",
        "wbr",
        "tbody",
        "div",
    ),
}


class Reader(HTMLParser):
    """What a browser makes of a piece of HTML: tags with their attributes, and words."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.words, self.open, self.faults = [], "", [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in {"img", "br", "wbr"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)

    def handle_data(self, data):
        self.words += data

    def handle_comment(self, data):
        self.faults.append(data)

    handle_decl = handle_pi = unknown_decl = handle_comment

    def named(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


def read(html):
    """Read HTML that must be sound and harmless: known tags only, no way to run or to load anything."""
    reader = Reader(html)
    assert (reader.faults, reader.open) == ([], [])
    assert {tag for tag, _ in reader.tags} <= TAGS
    for tag, attributes in reader.tags:
        own = {"src", "alt", "title"} if tag == "img" else {"align", "valign", "cellpadding"}
        assert set(attributes) <= {*own, "width", "style"}
        assert re.fullmatch(r"[a-z0-9:;%-]*", attributes.get("style", ""))
        assert "none" not in attributes.get("style", "").replace("background:none", "")
        assert attributes.get("src", "data:").startswith("data:")
    return reader


@pytest.fixture
def make(tmp_path):
    """Makes generations with pictures of given sizes (pixels), their previews in a cache of its own."""

    def image(number, size, mime="image/jpeg", **more):
        preview = tmp_path / f"{number}.{'png' if mime == 'image/png' else 'jpg'}"
        preview.write_bytes(b"preview %d" % number)
        path = tmp_path / "nb" / "wenwen_images" / "2026-11-22" / f"cat-a1b2c3d4-{number}.png"
        return GeneratedImage(path, "image/png", *size, alt="a cat", preview=preview, **more)

    def generation(*sizes, mime="image/jpeg", request=None, **more):
        pictures = tuple(image(number, size, mime) for number, size in enumerate(sizes, 1))
        fields = {"state": "complete", "created": "2026-11-22T12:00:00+08:00", "elapsed": 41.2, "take": 1, **more}
        still = pictures[0].preview if pictures else None
        return Generation(
            "a1b2c3d4", request or ImageRequest("a cat"), "a cat", pictures=pictures, still=still, **fields
        )

    generation.image = image
    return generation


def bundles(generation):
    failed = replace(generation, pictures=(), still=None, state="failed")
    return [generation_bundle(generation), gallery_bundle(Gallery((generation, failed, generation)))]


# Keys and types


def test_a_picture_comes_as_html_still_picture_and_plain_text(make):
    bundle = generation_bundle(make((1536, 1024)))
    assert set(bundle) == {"text/html", "text/plain", "image/jpeg"}
    assert base64.b64decode(bundle["image/jpeg"]) == b"preview 1"
    assert all(isinstance(value, str) for value in bundle.values())
    assert json.dumps(bundle)


def test_a_png_preview_is_called_png(make):
    bundle = generation_bundle(make((9, 9), mime="image/png"))
    assert "image/png" in bundle
    assert read(bundle["text/html"]).named("img")[0]["src"].startswith("data:image/png;base64,")


def test_no_bundle_is_ever_webp(make):
    for bundle in bundles(make((9, 9), (8, 8))):
        assert "webp" not in json.dumps(bundle)


def test_the_picture_in_the_html_is_the_preview_with_its_alternative_text(make):
    (image,) = read(generation_bundle(make((9, 9)))["text/html"]).named("img")
    assert (image["src"], image["alt"]) == (
        "data:image/jpeg;base64," + base64.b64encode(b"preview 1").decode(),
        "a cat",
    )


def test_a_preview_that_is_gone_leaves_words_in_its_place(make, tmp_path):
    generation = make((9, 9))
    (tmp_path / "1.jpg").unlink()
    bundle = generation_bundle(generation)
    assert set(bundle) == {"text/html", "text/plain"}
    assert "cat-a1b2c3d4-1.png" in read(bundle["text/html"]).words


# The caption


def test_the_caption_tells_take_shape_size_models_seconds_and_id(make):
    generation = make((1536, 1024), model_reported="sora_image", request=ImageRequest("x", model="gpt-4o-image"))
    assert caption(generation, numbered=True) == "① landscape 1536×1024 · gpt-4o-image → sora_image · 41 s · #a1b2c3"


def test_a_model_that_answers_by_its_own_name_is_named_once(make):
    assert caption(make((9, 9), model_reported="gpt-4o-image")).count("gpt-4o-image") == 1


def test_a_picture_of_the_demo_says_so(make):
    assert caption(make((9, 9), demo=True)).endswith("demo")


def test_a_first_take_has_its_number_only_beside_others(make):
    assert caption(make((9, 9))).startswith("square")
    assert caption(make((9, 9)), numbered=True).startswith("①")


@pytest.mark.parametrize(("take", "mark"), [(2, "②"), (20, "⑳"), (21, "21"), (300, "300")])
def test_every_later_take_has_its_number(take, mark, make):
    assert caption(make((9, 9), take=take)).startswith(mark)


def test_a_row_that_was_never_sent_shows_no_empty_number(make):
    row = Generation("", ImageRequest("x"), "x", "failed", "", error={"what": "limit"})
    assert "#" not in caption(row)


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ((100, 100), "square"),
        ((100, 95), "square"),
        ((100, 94), "landscape"),
        ((94, 100), "portrait"),
        ((1, 9), "portrait"),
    ],
)
def test_the_shape_is_told_by_the_size(size, shape, make):
    assert display.orientation_of(make(size).images[0]) == shape


def test_the_caption_speaks_chinese(make):
    speak("zh")
    try:
        assert caption(make((1024, 1536))).startswith("竖屏 1024×1536")
    finally:
        speak("")


# Notes


def test_the_caption_tells_the_note_of_whoever_drew_or_found_it_and_nothing_without_one(make):
    assert notes(make((9, 9), note="saved take, free")) == ["saved take, free"]
    assert notes(make((9, 9), from_history=True)) == []


@pytest.mark.parametrize(
    ("asked", "size", "told"),
    [
        ("landscape", (1024, 1536), True),
        ("landscape", (1536, 1024), False),
        ("square", (1536, 1024), True),
        ("portrait", (1024, 1024), True),
        ("auto", (1024, 1536), False),
    ],
)
def test_another_shape_than_asked_for_is_told(asked, size, told, make):
    found = notes(make(size, request=ImageRequest("x", orientation=asked)))
    assert [asked in note for note in found] == [True] * told


def test_drafts_are_counted_and_not_shown(make):
    generation = make((9, 9))
    drafts = tuple(make.image(number, (5, 5), draft=True) for number in (2, 3))
    generation = replace(generation, pictures=(*generation.pictures, *drafts))
    assert any("2 draft" in note for note in notes(generation))
    assert len(read(generation_bundle(generation)["text/html"]).named("img")) == 1


def test_an_unsound_picture_is_named_with_its_fault_and_not_shown(make):
    generation = make((9, 9))
    bad = make.image(2, (0, 0), problem="it is cut <short>")
    html = generation_bundle(replace(generation, pictures=(*generation.pictures, bad)))["text/html"]
    assert "it is cut <short>" in read(html).words
    assert len(read(html).named("img")) == 1


def test_an_answer_that_broke_off_says_so(make):
    assert any("broke off" in note for note in notes(make((9, 9), finish_reason="cut")))


# Text beside the picture


def test_words_that_came_with_the_picture_are_shown_and_what_was_sent_is_folded(make):
    generation = replace(make((9, 9), text="Here is\nyour cat."), prompt_sent="a cat\nlandscape composition")
    reader = read(generation_html := generation_bundle(generation)["text/html"])
    assert "Here is" in reader.words
    assert "landscape composition" in reader.words
    assert generation_html.index("<details>") > generation_html.index("your cat.")


def test_a_long_text_is_folded_and_an_endless_one_cut(make):
    html = generation_bundle(make((9, 9), text="word " * 100_000))["text/html"]
    assert read(html).named("details")
    assert len(html) < 60_000


# Failures


FAULT = {"kind": "EndpointError", "what": "The endpoint failed.", **EndpointError("", why="upstream <b>").as_dict()}


def test_a_failed_generation_alone_shows_its_error(make):
    bundle = generation_bundle(make(state="failed", error=FAULT, charged="maybe"))
    reader = read(bundle["text/html"])
    assert "The endpoint failed." in reader.words
    assert "upstream <b>" in reader.words
    assert "The endpoint failed." in bundle["text/plain"]
    assert reader.named("table") == []


def test_a_failure_stands_in_its_place_in_the_table(make):
    rows = (make((9, 9), model_reported="one"), make(state="failed", error=FAULT), make((9, 9), model_reported="three"))
    bundle = gallery_bundle(Gallery(rows))
    words = read(bundle["text/html"]).words
    assert words.index("one") < words.index("The endpoint failed.") < words.index("three")
    assert len(read(bundle["text/html"]).named("td")) == 3
    assert len(bundle["text/plain"].splitlines()) == 3


def test_a_gallery_shows_its_contact_sheet_as_the_still_picture(make, tmp_path):
    (tmp_path / "sheet.jpg").write_bytes(b"sheet")
    bundle = gallery_bundle(Gallery((make((9, 9)), make((8, 8))), still=tmp_path / "sheet.jpg"))
    assert base64.b64decode(bundle["image/jpeg"]) == b"sheet"


def test_an_empty_gallery_can_be_shown():
    assert set(gallery_bundle(Gallery(()))) == {"text/html", "text/plain"}


@pytest.mark.parametrize(("count", "rows"), [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (8, 2), (9, 3)])
def test_many_cells_stand_in_rows_of_at_most_four(count, rows):
    reader = read(display.table([f"cell {number}" for number in range(count)]))
    assert (len(reader.named("tr")), len(reader.named("td"))) == (rows, count)
    assert re.findall(r"cell \d", reader.words) == [f"cell {number}" for number in range(count)]


def test_several_pictures_of_one_answer_stand_in_a_table_with_their_sizes(make):
    reader = read(generation_bundle(make((10, 20), (30, 40), (50, 60)))["text/html"])
    assert (len(reader.named("img")), len(reader.named("td"))) == (3, 3)
    assert all(size in reader.words for size in ("10×20", "30×40", "50×60"))


# Legible without any CSS


def test_all_is_said_in_plain_html_without_style_sheet_script_or_class(make):
    for bundle in bundles(make((9, 9), (8, 8), text="words", error=FAULT)):
        assert not re.search(r"(?i)<style|class=|<script|<link|<svg|<iframe|onclick|javascript:", bundle["text/html"])
        words = read(bundle["text/html"]).words
        assert "#a1b2c3" in words
        assert "words" in words


def test_plain_text_is_one_line_with_all_that_matters(make, here):
    generation = make((1536, 1024))
    path = here / "wenwen_images" / "2026-11-22" / "cat.png"
    generation = replace(generation, pictures=(replace(generation.pictures[0], path=path),))
    assert plain(generation) == "landscape 1536×1024 · gpt-4o-image · 41 s · #a1b2c3 · wenwen_images/2026-11-22/cat.png"


# No place of this machine


def test_a_bundle_does_not_tell_where_the_home_folder_is(make, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    monkeypatch.setenv("HOME", str(tmp_path))
    for bundle in bundles(make((9, 9), (8, 8))):
        assert str(tmp_path)[1:] not in json.dumps(bundle, ensure_ascii=False)
        assert tmp_path.parent.name not in json.dumps(bundle)


def test_a_path_below_the_working_folder_is_told_from_there_and_another_by_its_end(here):
    assert short_path(here / "a" / "b.png") == "a/b.png"
    assert short_path(Path("/home/somebody/pictures/w/2026/x.png")) == "…/2026/x.png"


def test_a_working_folder_that_is_gone_is_no_reason_to_show_nothing(make, tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert "cat-a1b2c3d4-1.png" in generation_bundle(make((9, 9)))["text/plain"]


# Nothing gets out of its text

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    '" onerror="alert(1)',
    "</pre></details></summary></figcaption></figure><script>alert(1)</script>",
    "<!--<script>-->",
    "<![CDATA[<b>]]>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#x3c;img src=x&#x3e;",
    "![x](http://evil.example/x.png) [y](javascript:alert(1))",
    "javascript:alert(1)",
    "<style>*{display:none}</style>",
    "<base href=//evil.example>",
    "$$\\href{javascript:alert(1)}{x}$$",
    "{{7*7}} ${7*7} %s %(x)s {0}",
    "\x00<b>\x1b[31m",
    "<a\u2028href=x>",
    "＜script＞",
]
PLACES = ["prompt", "text", "model", "model_reported", "alt", "what", "why", "file", "problem", "finish_reason", "id"]


def infected(make, place, attack):
    generation = make((9, 9), (8, 8))
    first, second = generation.pictures
    fault = {**FAULT, "what": "failed", "why": "because"}
    changes = {
        "prompt": lambda: {"prompt_sent": attack, "request": ImageRequest(attack)},
        "text": lambda: {"text": attack},
        "model": lambda: {"request": ImageRequest("x", model=attack)},
        "model_reported": lambda: {"model_reported": attack},
        "alt": lambda: {"pictures": (replace(first, alt=attack), replace(second, alt=attack))},
        "what": lambda: {"error": {**fault, "what": attack}},
        "why": lambda: {"error": {**fault, "why": attack}},
        "file": lambda: {
            "pictures": tuple(
                replace(one, path=Path("w") / attack.replace("/", "∕"), preview=None) for one in (first, second)
            )
        },
        "problem": lambda: {"pictures": (first, replace(second, problem=attack))},
        "finish_reason": lambda: {"finish_reason": attack},
        "id": lambda: {"id": attack},
    }
    return replace(generation, **changes[place]())


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("attack", ATTACKS)
def test_html_from_outside_stays_text_wherever_it_stands(attack, place, make):
    generation = infected(make, place, attack)
    single = replace(generation, pictures=generation.pictures[:1])
    for bundle in (*bundles(generation), *bundles(single)):
        read(bundle["text/html"])


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_status_line_from_outside_stays_text(attack):
    assert attack.replace("\x00", "") in read(display.status_html(attack)).words.replace("\x00", "").replace(
        "\ufffd", ""
    )


@pytest.mark.parametrize("place", ["text", "model_reported", "what", "prompt", "id", "problem"])
def test_plain_text_steers_no_terminal(place, make):
    attack = "a\x1b]8;;http://evil.example\x07click\x1b]8;;\x07\x1b[2J\x9b31m\x08b"
    for bundle in bundles(infected(make, place, attack)):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", bundle["text/plain"])


@given(st.text(max_size=60), st.sampled_from(["text", "prompt_sent", "model_reported", "id"]))
def test_any_text_at_all_stays_text(words, field):
    generation = Generation("a1b2", ImageRequest("x"), "x", "complete", "", text="t", error=FAULT)
    read(generation_bundle(replace(generation, **{field: words}))["text/html"])


def test_controls_have_words_in_their_place():
    assert "controls" in read(display.controls_html()).words


@pytest.mark.parametrize("place", ["text", "prompt", "model_reported", "what", "alt", "id"])
def test_html_holds_no_control_character_half_character_or_turn_of_direction(place, make):
    for bundle in bundles(infected(make, place, "a\x00\x1b[2J\x9b\ud83d\u202eb\u2066c")):
        assert not re.search(
            r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]", bundle["text/html"]
        )


def test_a_caption_leaves_out_what_a_header_tells(make):
    generation = make((90, 60), request=ImageRequest("x", "a", "landscape"), model_reported="b")
    assert caption(generation) == "landscape 90×60 · a → b · 41 s · #a1b2c3"
    assert caption(generation, told={"model", "orientation"}) == "90×60 · answered by b · 41 s · #a1b2c3"
    assert caption(replace(generation, model_reported=""), told={"model"}) == "landscape 90×60 · 41 s · #a1b2c3"


def test_a_word_as_long_as_a_line_may_break_and_loses_nothing():
    words = "short 短 " + "x" * 50 + "<&" + "\0" + "y" * 20
    html = display.lines_html(words)
    assert html.count("<wbr>") == 2
    assert Reader(html).words == words.replace("\0", " ")


def test_a_still_picture_is_the_small_one_and_not_the_original(make, tmp_path):
    original = png(2000, 2000)
    generation = make((2000, 2000))
    generation.pictures[0].path.parent.mkdir(parents=True)
    generation.pictures[0].path.write_bytes(original)
    assert base64.b64encode(original).decode()[:60] not in json.dumps(generation_bundle(generation))
