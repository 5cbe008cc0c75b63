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
from wenwen_magic.text.i18n import padded, speak, text_width
from wenwen_magic.text.sanitize import one_line

FAULT = {"what": "The endpoint failed.", "why": "up <stream>"}


def listed(*rows, total=None, number=1, size=24, thumbnails=None, command="%wenwen history"):
    page = Page(tuple(rows), len(rows) if total is None else total, number, size)
    return page_bundle(page, thumbnails=thumbnails or {}, command=command, currency="¥")


def words(cell):
    """The lines of a cell that hold anything."""
    return [line for line in cell.words.splitlines() if line.strip()]


def test_a_picture_tells_its_prompt_id_star_take_tags_model_time_and_price(make):
    one = make((9, 9), sent="画一只猫", star=True, take=3, tags=("冬", "b"), price=0.2, model_reported="another")
    ((cell,),) = read(listed(one)).rows
    assert cell.words == "saved, no preview画一只猫#000001 ★ ③ #冬 #b\ngpt-4o-image → another\n2026-11-22 12:01\n0.2 ¥"
    line = listed(one)["text/plain"].splitlines()[1]
    assert re.split(r"  +", line) == [
        *("#000001", "2026-11-22 12:01", "gpt-4o-image → another", "0.2 ¥", "★ ③ #冬 #b", "画一只猫"),
    ]


def test_the_demo_and_what_has_no_picture_stand_apart_under_names_each_newest_first(make, failed):
    rows = [failed(sent="f"), make((9, 9), sent="p"), make((9, 9), sent="d", demo=True), make((9, 9), sent="q")]
    bundle = listed(*rows)
    page = read(bundle)
    prompts = [[re.search(r"(.)#0", cell.words)[1] for row in table for cell in row] for table in page.tables]
    assert prompts == [["p", "q"], ["d"], ["f"]]
    assert page.outside.startswith("ResultsDemoWithout a result")
    assert [line[-1] for line in bundle["text/plain"].splitlines()[1:5]] == ["f", "p", "d", "q"]


@pytest.mark.parametrize(("changes", "name"), [({}, ""), ({"demo": True}, "Demo")])
def test_a_page_of_one_kind_is_named_where_it_is_not_the_usual_one(make, changes, name):
    assert read(listed(make((9, 9), **changes))).outside == f"{name}1–1 of 1"


def test_names_and_footer_speak_the_readers_language(make, failed):
    speak("zh")
    try:
        bundle = listed(make((9, 9)), failed(), total=30, number=2, size=20)
    finally:
        speak("auto")
    assert read(bundle).outside.startswith("结果没有结果")
    assert bundle["text/plain"].split()[:4] == ["编号", "日期", "模型", "价格"]
    assert "第 2 页，共 2 页" in bundle["text/plain"]


@pytest.mark.parametrize(("size", "wide"), [((2000, 1000), 160), ((1000, 2000), 80), ((9, 9), 160), ((1, 5000), 1)])
def test_the_thumbnail_is_small_with_styles_stripped_too(make, tmp_path, size, wide):
    one = make(size)
    (tmp_path / "small.jpg").write_bytes(b"\xff\xd8\xffsmall")
    picture = read(listed(one, thumbnails={one.id: tmp_path / "small.jpg"})).rows[0][0]
    (image,) = picture.images
    assert image["src"] == "data:image/jpeg;base64," + base64.b64encode(b"\xff\xd8\xffsmall").decode()
    assert (int(image["width"]), image["alt"]) == (wide, "a cat")


def test_further_pictures_are_counted(make, tmp_path):
    one = make((9, 9), (8, 8), (7, 7), (6, 6))
    cell = read(listed(one, thumbnails={one.id: tmp_path / "1.jpg"})).rows[0][0]
    assert (len(cell.images), words(cell)[0]) == (1, "+3a cat#000001 ")


@pytest.mark.parametrize("thumbnails", [{}, {"000001ff": Path("gone.jpg")}])
def test_a_lost_thumbnail_leaves_words_and_no_failure(make, thumbnails):
    cell = read(listed(make((9, 9)), thumbnails=thumbnails)).rows[0][0]
    assert (cell.images, "saved" in cell.words, "✗" in cell.words) == ([], True, False)


def test_a_failure_tells_its_reason_and_what_it_cost(failed):
    cell = read(listed(failed(charged="no"))).rows[0][0]
    assert words(cell)[:2] == ["✗ The endpoint failed.", "up <stream>a cat#000001 "]
    assert words(cell)[-1] == "charged: no"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"state": "sent", "charged": "maybe"}, "… sent, no answer so far"),
        ({"text": "A fox.", "charged": "yes"}, "text only"),
        ({"state": "answered"}, "✗ answered"),
    ],
)
def test_other_reasons_for_no_picture_are_shown(make, changes, told):
    cell = read(listed(make(**changes))).rows[0][0]
    assert cell.words.startswith(told)
    assert "charged" in cell.words


def test_a_long_reason_is_cut(failed):
    error = {**FAULT, "what": "w" * 500, "why": "y" * 500}
    cell = read(listed(failed(error=error))).rows[0][0]
    assert len(cell.words) < 250


def test_a_demo_picture_is_marked_in_the_text_and_an_unknown_price_is_a_dash(make):
    line = listed(make((9, 9), demo=True))["text/plain"].splitlines()[1]
    assert re.split(r"  +", line)[2:4] == ["gpt-4o-image (demo)", "–"]


@pytest.mark.parametrize(
    "prompt",
    [
        "一只戴着圆框眼镜的橘猫坐在江南水乡的石桥上，身后是细雨" * 40,
        "a lighthouse on a cliff above a stormy sea " * 40,
        "x" * 1500,
        "{\n" + '  "line": 1,\n' * 40 + "}",
        "short\n" * 20,
    ],
)
def test_a_long_prompt_begins_in_the_open_and_unfolds_without_a_loss(make, prompt):
    cell = read(listed(make((9, 9), sent=prompt))).rows[0][0]
    assert prompt in cell.folded
    start = cell.folded.removesuffix(prompt)
    assert text_width(start) <= 64
    assert start.removesuffix("…").strip() in one_line(prompt)


@settings(max_examples=50)
@given(st.text(alphabet="ab ，。\n<&", min_size=1, max_size=900))
def test_no_prompt_loses_a_letter_by_folding(prompt):
    one = Generation("a1b2c3d4", ImageRequest("x"), prompt, "complete", "")
    assert prompt in read(listed(one)).rows[0][0].words


def test_a_short_prompt_stays_in_the_open(make):
    for prompt in ("猫" * 32, "a fox\nsquare composition"):
        cell = read(listed(make((9, 9), sent=prompt))).rows[0][0]
        assert (prompt in cell.words, cell.folded) == (True, "")


def test_the_footer_says_which_page_it_is_and_how_to_turn_it(make):
    rows = [make((9, 9)) for _ in range(24)]
    bundle = listed(*rows, total=137, number=2, command="%wenwen history 猫")
    footer = "25–48 of 137 · page 2 of 6 · next: %wenwen history 猫 --page 3"
    assert read(bundle).outside == footer
    assert bundle["text/plain"].splitlines()[-1] == footer


def test_the_last_page_has_no_next_and_a_single_one_no_number(make):
    assert read(listed(make((9, 9)), total=25, number=2)).outside == "25–25 of 25 · page 2 of 2"
    assert read(listed(make((9, 9)))).outside == "1–1 of 1"


def test_nothing_found_says_how_to_widen(make):
    bundle = listed(command="%wenwen history <狗>")
    assert set(bundle) == {"text/html", "text/plain"}
    assert read(bundle).tables == []
    for words in (read(bundle).outside, bundle["text/plain"]):
        assert "%wenwen history <狗>" in words
        assert "to find more" in words


def test_a_page_beyond_the_last_names_the_last(make):
    assert "%wenwen history 猫 --page 6" in listed(total=137, number=9, command="%wenwen history 猫")["text/plain"]


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
    row, second = read(listed(*(make((9, 9)) for _ in range(6)))).rows
    assert [len(row), len(second)] == [4, 2]
    assert sum(int(cell.attributes["width"]) for cell in row) <= 720
