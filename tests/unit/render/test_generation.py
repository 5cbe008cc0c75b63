"""What a front end gets of one generation: complete, legible as plain HTML, and text from outside stays text."""

import base64
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from support.html import Document, read
from support.scripted import png

from wenwen_magic.engine import limits
from wenwen_magic.records import Gallery, ImageRequest
from wenwen_magic.render import generation as display
from wenwen_magic.render.gallery import gallery_bundle
from wenwen_magic.render.generation import caption, described, generation_bundle, plain, short_path
from wenwen_magic.text.i18n import speak

FAULT = {"kind": "EndpointError", "what": "The endpoint failed.", "why": "up <stream>"}


def bundles(generation):
    lost = replace(generation, pictures=(), still=None, state="failed")
    return [generation_bundle(generation), gallery_bundle(Gallery((generation, lost, generation)))]


# Types


def test_a_picture_comes_as_html_with_alternative_text_as_still_picture_and_as_plain_text(make):
    bundle = generation_bundle(make((1536, 1024)))
    assert set(bundle) == {"text/html", "text/plain", "image/jpeg"}
    assert base64.b64decode(bundle["image/jpeg"]) == b"\xff\xd8\xffpreview 1"
    (image,) = read(bundle).named("img")
    assert (image["src"], image["alt"]) == ("data:image/jpeg;base64," + bundle["image/jpeg"], "a cat")
    assert json.dumps(bundle)


def test_a_png_preview_is_called_png(make):
    bundle = generation_bundle(make((9, 9), mime="image/png"))
    assert "image/png" in bundle
    assert read(bundle).named("img")[0]["src"].startswith("data:image/png;base64,")


def test_a_preview_that_is_gone_leaves_words_in_its_place(make, tmp_path):
    generation = make((9, 9))
    (tmp_path / "1.jpg").unlink()
    bundle = generation_bundle(generation)
    assert set(bundle) == {"text/html", "text/plain"}
    assert "secret-1.png" in read(bundle).words


def test_a_still_picture_is_the_small_one_and_not_the_original(make, here):
    original = png(2000, 2000)
    generation = make((2000, 2000))
    generation.pictures[0].path.parent.mkdir()
    generation.pictures[0].path.write_bytes(original)
    assert base64.b64encode(original).decode()[:60] not in json.dumps(generation_bundle(generation))


def test_several_pictures_of_one_answer_are_in_a_table_with_their_sizes(make):
    ((row,),) = read(generation_bundle(make((10, 20), (30, 40), (50, 60)))).tables
    assert [cell.words for cell in row] == ["\n1. 10×20", "\n2. 30×40", "\n3. 50×60"]
    assert [len(cell.images) for cell in row] == [1, 1, 1]


# The caption


@pytest.mark.parametrize(
    ("changes", "options", "words"),
    [
        ({}, {}, "9×9 · gpt-4o-image · 41 s"),
        ({}, {"numbered": True}, "① 9×9 · gpt-4o-image · 41 s"),
        ({"model_reported": "sora"}, {}, "9×9 · gpt-4o-image → sora · 41 s"),
        ({"model_reported": "sora"}, {"headed": True}, "9×9 · answered by sora · 41 s"),
        ({"model_reported": "sora_image"}, {"headed": True}, "9×9 · 41 s"),
        ({}, {"headed": True}, "9×9 · 41 s"),
        ({"demo": True}, {}, "9×9 · gpt-4o-image · 41 s"),
        ({"elapsed": 0.4}, {}, "9×9 · gpt-4o-image"),
        ({"price": 0.4, "currency": "元"}, {}, "9×9 · gpt-4o-image · 41 s · 0.4 元"),
        ({"price": 0.4}, {}, "9×9 · gpt-4o-image · 41 s"),
        ({"take": 2}, {}, "version 2 · 9×9 · gpt-4o-image · 41 s"),
        *(
            ({"take": take}, {"numbered": True}, f"{mark} 9×9 · gpt-4o-image · 41 s")
            for take, mark in ((2, "②"), (20, "⑳"), (21, "21."), (300, "300."))
        ),
        ({"id": "", "elapsed": None, "pictures": (), "take": 0}, {"numbered": True}, "gpt-4o-image"),
    ],
)
def test_the_caption_describes_the_picture_without_what_a_header_says(changes, options, words, make):
    assert caption(replace(make((9, 9)), **changes), **options) == words


def test_the_caption_speaks_chinese(make):
    speak("zh")
    assert caption(make((1024, 1536), take=2)).startswith("第 2 版 · 1024×1536")
    (figure,) = read(generation_bundle(make((9, 9)))).named("figure")
    assert figure["lang"] == "zh"


# Notes


def test_the_note_of_the_engine_is_shown_and_nothing_without_one(make):
    assert described(make((9, 9), note="saved picture, free"))[1:] == ["saved picture, free"]
    assert described(make((9, 9), from_history=True))[1:] == []


@pytest.mark.parametrize(
    ("asked", "size", "noted"),
    [
        ("landscape", (1024, 1536), True),
        ("landscape", (1536, 1024), False),
        ("square", (1536, 1024), True),
        ("portrait", (1024, 1024), True),
        ("auto", (1024, 1536), False),
    ],
)
def test_another_shape_than_asked_for_is_noted(asked, size, noted, make):
    said = described(make(size, request=ImageRequest("x", orientation=asked)))[1:]
    assert [asked in note for note in said] == [True] * noted


def test_drafts_are_counted_and_damaged_pictures_named_and_neither_is_shown(make):
    generation = make((9, 9), (5, 5), (5, 5), (0, 0))
    result, *drafts, damaged = generation.pictures
    drafts = [replace(draft, draft=True) for draft in drafts]
    generation = replace(generation, pictures=(result, *drafts, replace(damaged, problem="it is cut <short>")))
    assert any("2 draft" in note for note in described(generation))
    reader = read(generation_bundle(generation))
    assert "secret-1.png: it is cut <short>" in reader.words
    assert len(reader.named("img")) == 1


def test_an_answer_that_broke_off_says_so(make):
    assert any("broke off" in note for note in described(make((9, 9), finish_reason="cut")))


# Text and failures


def test_words_that_came_with_the_picture_are_shown_and_what_was_sent_is_folded(make):
    generation = make((9, 9), text="Here is\nyour cat.", sent="a cat\nlandscape", revised_prompt="a fine cat")
    html = generation_bundle(generation)["text/html"]
    assert "Here is\nyour cat." in Document(html).words
    assert [name in html.partition("<details>")[2] for name in (">a cat<", ">landscape<", ">a fine cat<")] == [True] * 3


@pytest.mark.parametrize(
    ("prompt", "sent", "styles", "shown"),
    [
        ("a cat", "a cat", {}, ["prompt: a cat"]),
        ("a cat", "a cat\nlandscape composition", {}, ["prompt: a cat", "added: landscape composition"]),
        ("a cat", "a cat, square", {}, ["prompt: a cat", "added: square"]),
        ("a cat, ink", "a cat, ink", {"ink": "{prompt}, ink"}, ["prompt: a cat", "added: ink"]),
        ("ink: a cat", "ink: a cat\nx", {"a": "ink: {prompt}"}, ["prompt: a cat", "added: ink: · x"]),
        (
            "a cat, wet ink",
            "a cat, wet ink",
            {"a": "{prompt} ink", "b": "{prompt}, wet ink"},
            ["prompt: a cat", "added: wet ink"],
        ),
        (", ink", ", ink", {"ink": "{prompt}, ink"}, ["prompt: , ink"]),
        ("a cat", "another", {}, ["prompt: another"]),
    ],
)
def test_the_prompt_and_what_was_added_to_it_are_two_lines(make, prompt, sent, styles, shown):
    html = display.sent_html(make((9, 9), sent=sent, request=ImageRequest(prompt)), styles)
    assert [Document(part).words for part in re.findall("<p .*?</p>", html, re.DOTALL)] == shown


def test_a_long_text_is_folded_and_an_endless_one_cut(make):
    html = generation_bundle(make((9, 9), text="word " * 100_000))["text/html"]
    assert html.index("<details>") < html.index("word")
    assert len(html) < 60_000


def test_an_endless_prompt_is_shown_from_its_beginning(make):
    generation = make((9, 9), sent="word " * 100_000)
    assert len(display.prompt_of(generation)) == display.LONGEST_TEXT + 2
    assert len(generation_bundle(generation)["text/html"]) < 60_000


def test_a_table_in_an_answer_has_its_words_at_the_left_and_code_a_place_of_its_own():
    html = display.words_html("| a | b |\n|---|:---:|\n| 1 | 2 |\n\n```\n<td>\n```")
    assert html.count('<th style="text-align:left">') == html.count('<td style="text-align:left">') == 1
    assert html.count('"text-align:center"') == 2
    assert '<pre style="margin:0;margin-bottom:1em"><code>&lt;td&gt;' in html


def test_words_that_were_wanted_are_shown_as_they_are_formatted(make):
    described = make(request=ImageRequest("x", task="describe"), text="# A *fox*\n<script>")
    html = generation_bundle(described)["text/html"]
    assert "<h1>A <em>fox</em></h1>" in html
    assert "<script" not in html


def test_a_failed_generation_alone_shows_its_error(failed):
    bundle = generation_bundle(failed())
    reader = read(bundle)
    assert all(words in reader.words for words in ("✗ The endpoint failed.\nup <stream>", "charged: maybe"))
    assert "The endpoint failed." in bundle["text/plain"]
    assert reader.tables == []


def test_a_generation_without_picture_and_error_tells_its_state(make):
    assert "✗ answered" in read(generation_bundle(make(state="answered"))).words


def test_plain_text_is_one_line_with_all_that_matters(make):
    shown = make((1536, 1024))
    assert plain(shown, described(shown)) == "1536×1024 · gpt-4o-image · 41 s · …/wenwen_images/secret-1.png"


def test_controls_and_a_preview_have_words(make):
    assert "controls" in Document(display.controls_html()).words
    assert "controls" in display.dead_controls_style()
    (image,) = Document(display.preview_html(make((9, 9)).still)).named("img")
    assert "preview" in image["alt"]


# No place of this machine


def test_a_bundle_does_not_tell_where_the_home_folder_is(make, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    monkeypatch.setenv("HOME", str(tmp_path))
    generation = make((9, 9), (8, 8))
    pictures = tuple(replace(image, path=tmp_path / image.path) for image in generation.pictures)
    for bundle in bundles(replace(generation, pictures=pictures)):
        assert str(tmp_path)[1:] not in json.dumps(bundle, ensure_ascii=False)
        assert tmp_path.parent.name not in json.dumps(bundle)


def test_a_path_below_the_working_folder_is_shown_from_there_and_another_by_its_end(here):
    assert short_path(here / "a" / "b.png") == "a/b.png"
    assert short_path(Path("/home/somebody/pictures/w/2026/x.png")) == "…/2026/x.png"


def test_a_working_folder_that_is_gone_is_no_reason_to_show_nothing(make, tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert "secret-1.png" in generation_bundle(make((9, 9)))["text/plain"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0 $"),
        (0.4, "0.4 $"),
        (0.30000000000000004, "0.3 $"),
        (0.00003, "0.00003 $"),
        (0.00012345, "0.00012 $"),
        (1e-9, "0.000000001 $"),
        (0.0012, "0.0012 $"),
        (100, "100 $"),
        (12345.678, "12345.678 $"),
        (1e6, "1000000 $"),
    ],
)
def test_a_sum_is_written_the_same_everywhere_and_a_small_one_is_not_nothing(make, value, words):
    assert display.amount(value, "$") == limits.amount(value, "$") == words
    assert caption(replace(make((9, 9)), price=value, currency="$")).endswith(words) == bool(value)


def test_a_failure_that_cost_nothing_has_no_price(make):
    lost = replace(make((9, 9)), pictures=(), state="failed", error=FAULT, price=0.4, currency="元")
    said = {charged: "0.4 元" in caption(replace(lost, charged=charged)) for charged in ("no", "maybe", "yes")}
    assert said == {"no": False, "maybe": True, "yes": True}
