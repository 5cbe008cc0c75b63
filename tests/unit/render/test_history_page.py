"""Pages of the history: a row for each generation under its headers, in HTML and in aligned text; how to turn them."""

import base64
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.html import read

from wenwen_magic.history.store import Page
from wenwen_magic.records import Generation, ImageRequest
from wenwen_magic.render.history import page_bundle
from wenwen_magic.text.i18n import padded, speak

FAULT = {"what": "The endpoint failed.", "why": "up <stream>"}


def listed(*rows, total=None, number=1, size=20, thumbnails=None, command="%wenwen history"):
    page = Page(tuple(rows), len(rows) if total is None else total, number, size)
    return page_bundle(page, thumbnails=thumbnails or {}, command=command, price=lambda value: f"¥{value:.2f}")


def test_a_row_tells_prompt_model_time_id_star_take_and_price_under_their_headers(make):
    one = make((9, 9), sent="画一只猫\n横屏构图", star=True, take=3, price=0.2, model_reported="another")
    head, row = read(listed(one)).rows
    assert [(cell.tag, cell.attributes["scope"], cell.words) for cell in head] == [
        ("th", "col", word) for word in ("picture", "prompt", "model", "date", "id", "price")
    ]
    assert [cell.words for cell in row[1:]] == [
        "画一只猫\n横屏构图",
        "gpt-4o-image → another",
        "2026-11-22\n12:01",
        "#000001\n★ ③",
        "¥0.20",
    ]


def test_headers_and_footer_speak_the_readers_language(make):
    speak("zh")
    try:
        bundle = listed(make((9, 9)), total=30, number=2, size=20)
    finally:
        speak("auto")
    assert [cell.words for cell in read(bundle).rows[0]] == ["图片", "提示词", "模型", "日期", "编号", "价格"]
    assert "第 2 页，共 2 页" in bundle["text/plain"]


def test_the_thumbnail_is_small_with_styles_stripped_too(make, tmp_path):
    one = make((2000, 1000))
    (tmp_path / "small.jpg").write_bytes(b"small")
    picture = read(listed(one, thumbnails={one.id: tmp_path / "small.jpg"})).rows[1][0]
    (image,) = picture.images
    assert image["src"] == "data:image/jpeg;base64," + base64.b64encode(b"small").decode()
    assert 96 <= int(image["width"]) <= 112
    assert image["alt"] == "a cat"


def test_further_pictures_are_counted(make, tmp_path):
    one = make((9, 9), (8, 8), (7, 7), (6, 6))
    cell = read(listed(one, thumbnails={one.id: tmp_path / "1.jpg"})).rows[1][0]
    assert (len(cell.images), cell.words.strip()) == (1, "+3")


@pytest.mark.parametrize("thumbnails", [{}, {"000001ff": Path("gone.jpg")}])
def test_a_lost_thumbnail_leaves_words_and_no_failure(make, thumbnails):
    cell = read(listed(make((9, 9)), thumbnails=thumbnails)).rows[1][0]
    assert (cell.images, "saved" in cell.words, "✗" in cell.words) == ([], True, False)


def test_a_failure_tells_its_reason_and_what_it_cost(failed):
    row = read(listed(failed(charged="no"))).rows[1]
    assert row[0].words == "✗ The endpoint failed.\nup <stream>"
    assert row[5].words == "–\ncharged: no"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": "sent", "charged": "maybe"}, "… sent, no answer so far"),
        ({"text": "A fox.", "charged": "yes"}, "text only"),
        ({"state": "answered"}, "✗ answered"),
    ],
)
def test_other_reasons_for_no_picture_are_shown(make, changes, words):
    row = read(listed(make(**changes))).rows[1]
    assert row[0].words == words
    assert "charged" in row[5].words


def test_a_long_reason_is_cut(failed):
    error = {**FAULT, "what": "w" * 500, "why": "y" * 500}
    assert len(read(listed(failed(error=error))).rows[1][0].words) < 140


def test_a_demo_picture_is_marked_and_an_unknown_price_is_a_dash(make):
    bundle = listed(make((9, 9), demo=True))
    row = read(bundle).rows[1]
    assert (row[2].words, row[5].words) == ("gpt-4o-image\ndemo", "–")
    assert "demo" in bundle["text/plain"]


@pytest.mark.parametrize(
    "prompt",
    [
        "一只戴着圆框眼镜的橘猫坐在江南水乡的石桥上，身后是细雨" * 40,
        "a lighthouse on a cliff above a stormy sea " * 40,
        "x" * 1500,
        "{\n" + '  "line": 1,\n' * 40 + "}",
    ],
)
def test_a_long_prompt_begins_in_the_open_and_goes_on_folded_without_a_loss(make, prompt):
    cell = read(listed(make((9, 9), sent=prompt))).rows[1][1]
    rest = re.sub(r"^… \d+ more characters", "", cell.folded)
    start = cell.words.removesuffix(cell.folded)
    assert start + rest == prompt
    assert (len(start) <= 301, start.count("\n") <= 8, rest != "") == (True, True, True)


@settings(max_examples=50)
@given(st.text(alphabet="ab ，。\n<&", min_size=1, max_size=900))
def test_no_prompt_loses_a_letter_by_folding(prompt):
    one = Generation("a1b2c3d4", ImageRequest("x"), prompt, "complete", "")
    cell = read(listed(one)).rows[1][1]
    rest = re.sub(r"^… \d+ more characters", "", cell.folded)
    assert cell.words.removesuffix(cell.folded) + rest == prompt


def test_a_prompt_that_is_hardly_longer_stays_whole_in_the_open(make):
    cell = read(listed(make((9, 9), sent="猫" * 340))).rows[1][1]
    assert (cell.words, cell.folded) == ("猫" * 340, "")


def test_the_footer_says_which_page_it_is_and_how_to_turn_it(make):
    rows = [make((9, 9)) for _ in range(20)]
    bundle = listed(*rows, total=137, number=2, command="%wenwen history 猫")
    footer = "21–40 of 137 · page 2 of 7 · next: %wenwen history 猫 --page 3"
    assert read(bundle).outside == footer
    assert bundle["text/plain"].splitlines()[-1] == footer


def test_the_last_page_has_no_next_and_a_single_one_no_number(make):
    assert read(listed(make((9, 9)), total=21, number=2)).outside == "21–21 of 21 · page 2 of 2"
    assert read(listed(make((9, 9)))).outside == "1–1 of 1"


def test_nothing_found_says_how_to_widen(make):
    bundle = listed(command="%wenwen history <狗>")
    assert set(bundle) == {"text/html", "text/plain"}
    assert read(bundle).tables == []
    for words in (read(bundle).outside, bundle["text/plain"]):
        assert "%wenwen history <狗>" in words
        assert "to find more" in words


def test_a_page_beyond_the_last_names_the_last(make):
    assert "%wenwen history 猫 --page 7" in listed(total=137, number=9, command="%wenwen history 猫")["text/plain"]


def test_the_text_table_is_aligned_with_chinese_in_it(make, failed):
    rows = [make((9, 9), sent="画一只猫" * 30), make((9, 9), sent="short", price=12.5, star=True), failed()]
    lines = listed(*rows)["text/plain"].splitlines()[:4]
    starts = {line.index(word) for line, word in zip(lines, ("prompt", "画一", "short", "a cat"), strict=True)}
    assert len(starts) == 1
    cut = lines[1][starts.pop() :]
    assert cut.endswith("…")
    assert padded(cut, 60) in {cut, cut + " "}
    assert "★" in lines[2]
    assert "✗" in lines[3]


def test_the_table_is_not_wider_than_a_notebook(make):
    widths = [int(cell.attributes.get("width", 0)) for cell in read(listed(make((9, 9)))).rows[0]]
    assert widths[1] == 0
    assert sum(widths) <= 500
