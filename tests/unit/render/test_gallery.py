"""Galleries, comparisons and votes as tables: all in its place under headers, and nothing shown that is hidden."""

import base64
import itertools
import re
from dataclasses import replace

import pytest
from support.html import read

from wenwen_magic.records import Gallery, ImageRequest
from wenwen_magic.render.gallery import gallery_bundle, vote_result
from wenwen_magic.render.generation import MOST_SHOWN, described, plain
from wenwen_magic.text.i18n import speak

FAULT = {"what": "The endpoint failed.", "why": "up <stream>"}


def headers(table):
    """The words of the headers over and beside every cell with content: ``[(column, row headers, cell), ...]``."""
    names = [cell.words for row in table[:2] for cell in row if cell.attributes["scope"] == "col"]
    columns = [cell.words for cell in table[1]]
    assert table[0][-1].attributes["colspan"] == str(len(columns))
    assert len(names) == len(table[0]) - 1 + len(columns)
    found = []
    for row in table[2:]:
        heads = [cell.words for cell in row if cell.tag == "th"]
        assert all(cell.attributes["scope"] == "row" for cell in row if cell.tag == "th")
        cells = [cell for cell in row if cell.tag == "td"]
        assert len(cells) == len(columns)
        found += [(column, tuple(heads), cell) for column, cell in zip(columns, cells, strict=True)]
    return found


def grid_of(make, axes, requests=lambda values: ImageRequest("a cat"), sent=lambda values: "a cat"):
    """A comparison of all combinations, every picture of the same size."""
    labels = [tuple(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    rows = [make((90, 60), request=requests(dict(label)), sent=sent(dict(label))) for label in labels]
    return Gallery(tuple(rows), tuple(labels))


# -- many prompts ------------------------------------------------------------------------------------------------------


def many(make, *prompts, **more):
    rows = [make((90, 60), request=ImageRequest(prompt), **more) for prompt in prompts]
    return Gallery(tuple(replace(row, prompt_sent=row.request.prompt) for row in rows))


def test_where_prompts_differ_each_is_under_its_picture_and_in_the_plain_text(make):
    gallery = many(make, "a cat", "a dog", "a hen")
    lost = replace(gallery[1], pictures=(), state="failed", error={"what": "The endpoint failed."})
    bundle = gallery_bundle(Gallery((gallery[0], lost, gallery[2])))
    cells = read(bundle).cells
    assert [prompt in cell.words for prompt, cell in zip(("a cat", "a dog", "a hen"), cells, strict=True)] == [True] * 3
    assert [line.partition(":")[0] for line in bundle["text/plain"].splitlines()] == ["a cat", "a dog", "a hen"]
    assert len({cell.attributes["width"] for cell in cells}) == 1


def test_one_prompt_of_all_is_shown_once_and_takes_are_numbered_in_both_texts(make):
    gallery = many(make, "a cat", "a cat")
    numbered = Gallery(tuple(replace(row, take=number) for number, row in enumerate(gallery, 1)))
    bundle = gallery_bundle(numbered)
    assert bundle["text/html"].count("a cat</span>") == 1
    for kind in ("text/html", "text/plain"):
        assert [bundle[kind].count(mark) for mark in "①②③"] == [1, 1, 0]


def test_bug_pictures_of_one_prompt_were_all_the_first_while_the_others_were_drawn(make):
    for take, told in ((1, "①"), (2, "②"), (2, "version")):
        assert told not in gallery_bundle(many(make, "a cat", "a cat", "a cat", take=take))["text/plain"]


def test_a_long_prompt_is_cut_and_whole_where_it_is_unfolded(make):
    long = "word " * 60
    bundle = gallery_bundle(many(make, long + "one", "another"))
    assert long + "one" in bundle["text/html"]
    assert bundle["text/html"].count("<details>") == 1
    assert max(map(len, bundle["text/plain"].splitlines())) < 260


def test_prompts_that_begin_alike_for_long_are_shown_from_where_they_differ(make):
    begin = "in the style of an old master, " * 8
    bundle = gallery_bundle(many(make, begin + "a cat", begin + "a dog"))
    assert "… master, a cat:" in bundle["text/plain"]
    assert "… master, a dog<" in bundle["text/html"]


def test_a_gallery_longer_than_a_notebook_should_be_heavy_is_cut_and_says_so(make):
    bundle = gallery_bundle(many(make, *map(str, range(MOST_SHOWN + 3))))
    assert len(read(bundle).named("img")) == MOST_SHOWN
    assert bundle["text/plain"].endswith("… and 3 more: %wenwen history shows them all")
    assert "3 more" in read(bundle).outside


def test_a_note_that_several_share_is_shown_once_below(make):
    saved = many(make, "a cat", "a dog", "a hen", note="saved picture, free")
    for bundle in (
        gallery_bundle(saved),
        gallery_bundle(replace(saved, labels=((("x", "1"),), (("x", "2"),), (("x", "3"),)))),
    ):
        for kind in ("text/html", "text/plain"):
            assert bundle[kind].count("saved picture, free") == 1
    fresh = Gallery((replace(saved[0], note=""), *saved[1:]))
    assert "2 of 3: saved picture, free" in gallery_bundle(fresh)["text/plain"]
    assert "saved picture, free" in gallery_bundle(Gallery((fresh[0], saved[1])))["text/html"]


def test_a_models_name_has_room_beside_its_row(make):
    axes = {"model": ["gpt-4o-image", "b"], "orientation": ["landscape", "portrait"]}
    heads = [cell for cell in read(gallery_bundle(grid_of(make, axes))).cells if cell.attributes.get("scope") == "row"]
    assert {int(head.attributes["width"]) for head in heads} == {112}


# A comparison


def test_one_axis_has_a_column_for_each_value(make):
    grid = grid_of(make, {"model": ["a", "b", "c"]}, lambda values: ImageRequest("a cat", values["model"]))
    grid = replace(grid, rows=[replace(row, elapsed=float(number)) for number, row in enumerate(grid, 1)])
    (table,) = read(gallery_bundle(grid)).tables
    assert table[0][0].words == "model"
    found = headers(table)
    assert [(column, heads) for column, heads, _ in found] == [("a", ()), ("b", ()), ("c", ())]
    assert [f"{number} s" in cell.words for number, (_, _, cell) in enumerate(found, 1)] == [True] * 3


def test_many_values_are_in_bands_of_four_with_their_headers_again(make):
    tables = read(gallery_bundle(grid_of(make, {"model": list("abcdefghi")}))).tables
    assert [[column for column, _, _ in headers(table)] for table in tables] == [list("abcd"), list("efgh"), ["i"]]
    assert {table[0][0].words for table in tables} == {"model"}
    assert len({cell.attributes["width"] for table in tables for cell in table[1]}) == 1


def test_of_two_axes_the_first_heads_the_rows_and_the_second_the_columns(make):
    (table,) = read(gallery_bundle(grid_of(make, {"model": ["a", "b"], "animal": ["猫", "狗", "鹤"]}))).tables
    assert [cell.words for cell in table[0]] == ["model", "animal"]
    assert [(column, *heads) for column, heads, _ in headers(table)] == [
        (animal, model) for model in "ab" for animal in "猫狗鹤"
    ]


def test_a_second_axis_that_is_too_wide_heads_the_rows(make):
    (table,) = read(gallery_bundle(grid_of(make, {"model": ["a", "b"], "animal": list("12345")}))).tables
    assert [cell.words for cell in table[0]] == ["animal", "model"]
    assert [(column, *heads) for column, heads, _ in headers(table)] == [
        (model, animal) for animal in "12345" for model in "ab"
    ]


def test_two_axes_too_wide_keep_their_order_unless_the_first_is_shorter(make):
    tables = read(gallery_bundle(grid_of(make, {"x": list("abcde"), "y": list("12345")}))).tables
    assert ([cell.words for cell in tables[0][0]], len(tables)) == (["x", "y"], 2)
    tables = read(gallery_bundle(grid_of(make, {"x": list("abcde"), "y": list("123456")}))).tables
    assert ([cell.words for cell in tables[0][0]], len(tables)) == (["y", "x"], 2)


@pytest.mark.parametrize(
    ("counts", "names"), [((2, 2, 3), "xyz"), ((2, 3, 6), "xzy"), ((5, 6, 7), "yzx"), ((3, 5, 6), "yzx")]
)
def test_of_three_axes_the_one_that_fits_best_has_the_columns(make, counts, names):
    axes = {name: list("abcdefg"[:count]) for name, count in zip("xyz", counts, strict=True)}
    gallery = grid_of(make, axes)
    gallery = replace(gallery, rows=[replace(row, model_reported=f"by {row.id}.") for row in gallery])
    ids = {frozenset(label): f"by {row.id}." for label, row in zip(gallery.labels, gallery, strict=True)}
    tables = read(gallery_bundle(gallery)).tables
    assert "".join(cell.words for cell in tables[0][0]) == names
    for table in tables:
        for column, heads, cell in headers(table):
            assert ids.pop(frozenset(zip(names, (*heads, column), strict=True))) in cell.words
    assert ids == {}


def test_rows_are_in_the_order_of_their_values_however_they_came(make):
    gallery = grid_of(make, {"x": ["b", "a"], "y": ["2", "1"], "z": ["m", "n"]})
    order = [0, 7, 3, 4, 1, 6, 2, 5]
    mixed = Gallery(tuple(gallery[i] for i in order), tuple(gallery.labels[i] for i in order))
    (table,) = read(gallery_bundle(mixed)).tables
    assert [[cell.words for cell in row[:2]] for row in table[2:]] == [list("b2"), list("b1"), list("a2"), list("a1")]


def test_two_axes_of_one_name_are_two(make):
    labels = tuple((("model", "a"), ("model", word)) for word in ("car", "boat"))
    (table,) = read(gallery_bundle(Gallery((make((9, 9)), make((9, 9))), labels))).tables
    assert [(column, *heads) for column, heads, _ in headers(table)] == [("car", "a"), ("boat", "a")]


def test_orientations_are_shown_in_the_readers_language(make):
    gallery = grid_of(make, {"orientation": ["landscape", "portrait"]})
    speak("zh")
    try:
        bundle = gallery_bundle(gallery)
    finally:
        speak("auto")
    assert [cell.words for cell in read(bundle).tables[0][1]] == ["横屏", "竖屏"]
    assert bundle["text/plain"].startswith("方向=横屏: ")


def test_a_caption_does_not_repeat_the_headers(make):
    axes = {"model": ["a", "b"], "orientation": ["landscape", "portrait"]}
    gallery = grid_of(make, axes, lambda values: ImageRequest("a cat", values["model"], values["orientation"]))
    other = replace(gallery[0], model_reported="sora")
    cells = [cell for *_, cell in headers(read(gallery_bundle(replace(gallery, rows=(other, *gallery[1:])))).tables[0])]
    assert cells[0].words.strip() == "90×60 · answered by sora · 41 s"
    assert cells[2].words.strip() == "90×60 · 41 s"
    assert "asked for portrait" in cells[1].words


def test_a_header_of_the_same_name_that_says_something_else_hides_nothing(make):
    cell = read(gallery_bundle(grid_of(make, {"model": ["car", "boat"]}))).tables[0][2][0]
    assert "gpt-4o-image" in cell.words


def test_takes_of_one_combination_share_its_place_and_have_numbers(make):
    labels = ((("x", "1"),), (("x", "2"),), (("x", "1"),))
    gallery = Gallery((make((9, 9)), make((9, 9)), make((9, 9), take=2)), labels)
    cells = [cell for *_, cell in headers(read(gallery_bundle(gallery)).tables[0])]
    assert [len(cell.images) for cell in cells] == [2, 1]
    assert ["①" in cell.words and "②" in cell.words for cell in cells] == [True, False]


def test_a_failure_is_in_its_place_with_its_reason_and_cost(make, failed):
    gallery = grid_of(make, {"x": ["1", "2", "3"]})
    rows = (gallery[0], failed(), gallery[2])
    bundle = gallery_bundle(replace(gallery, rows=rows))
    cell = headers(read(bundle).tables[0])[1][2]
    assert all(words in cell.words for words in ("✗ The endpoint failed.", "up <stream>", "charged: maybe"))
    assert bundle["text/plain"].splitlines()[1] == f"x=2: {plain(rows[1], described(rows[1]))}"


def test_what_is_under_way_is_being_drawn(make):
    gallery = grid_of(make, {"x": ["1", "2"]})
    bundle = gallery_bundle(replace(gallery, rows=(make(state="sent"), gallery[1])))
    assert headers(read(bundle).tables[0])[0][2].words == "… drawing"
    assert bundle["text/plain"].splitlines()[0] == "x=1: … drawing"


def test_a_combination_that_was_not_asked_for_leaves_its_place_empty(make):
    labels = tuple((("x", x), ("y", y)) for x, y in ("11", "12", "21"))
    found = headers(read(gallery_bundle(Gallery((make((9, 9)), make((9, 9)), make((9, 9))), labels))).tables[0])
    assert [bool(cell.images) for *_, cell in found] == [True, True, True, False]
    assert found[3][2].words == "–"


def test_one_prompt_for_all_is_once_and_folded_under_the_table(make):
    reader = read(gallery_bundle(grid_of(make, {"x": ["1", "2"]}, sent=lambda values: "a cat <b>\nnight")))
    assert reader.outside == "as sentprompt: a catadded: <b>\nnight"
    assert "night" not in "".join(cell.words for cell in reader.cells)


def test_prompts_that_differ_are_whole_and_open_under_each_picture(make):
    long = "一只戴着圆框眼镜的橘猫坐在石桥上，" * 60
    reader = read(
        gallery_bundle(
            grid_of(make, {"animal": ["猫", "狗"]}, lambda one: ImageRequest(long + one["animal"]), sent=lambda one: "")
        )
    )
    found = headers(reader.tables[0])
    assert [cell.words.endswith(long + animal) for animal, _, cell in found] == [True, True]
    assert (reader.outside, {cell.folded for cell in reader.cells}) == ("", {""})


def test_takes_of_one_prompt_have_it_once(make):
    labels = ((("x", "1"),), (("x", "1"),), (("x", "2"),))
    rows = [make((9, 9), request=ImageRequest(name), sent="") for name in ("first", "first", "second")]
    cells = [cell for *_, cell in headers(read(gallery_bundle(Gallery(tuple(rows), labels))).tables[0])]
    assert [cell.words.count("first") for cell in cells] == [1, 0]


def test_one_prompt_in_several_shapes_is_folded_away_as_it_was_sent(make):
    turns = {"orientation": ["landscape", "portrait"]}
    reader = read(gallery_bundle(grid_of(make, turns, sent=lambda one: f"a cat\n{one['orientation']} composition")))
    assert not any("cat" in cell.words for *_, cell in headers(reader.tables[0]))
    assert reader.outside == "as senta cat\nlandscape compositiona cat\nportrait composition"


def test_words_that_came_with_a_picture_are_shown(make):
    gallery = Gallery((make((9, 9), text="Here is <it>."),), ((("x", "1"),),))
    assert "Here is <it>." in read(gallery_bundle(gallery)).cells[-1].words


def test_a_comparison_has_its_contact_sheet_as_the_still_picture(make, tmp_path):
    (tmp_path / "sheet.jpg").write_bytes(b"\xff\xd8\xffsheet")
    gallery = replace(grid_of(make, {"x": ["1"]}), still=tmp_path / "sheet.jpg")
    for one in (gallery, replace(gallery, blind=True)):
        assert base64.b64decode(gallery_bundle(one)["image/jpeg"]) == b"\xff\xd8\xffsheet"


@pytest.mark.parametrize(
    "axes", [{"x": "ab"}, {"x": "ab", "y": "abcd"}, {"w": "ab", "x": "ab", "y": "ab", "z": "abcd"}]
)
def test_a_comparison_is_not_wider_than_a_notebook(make, axes):
    for table in read(gallery_bundle(grid_of(make, {name: list(values) for name, values in axes.items()}))).tables:
        heads = [int(cell.attributes["width"]) for cell in table[2] if cell.tag == "th"]
        columns = [int(cell.attributes["width"]) for cell in table[1]]
        assert sum(heads) + sum(columns) + 12 * len(heads + columns) <= 760
        assert min(columns) >= 60


@pytest.mark.parametrize("size", [(4000, 10), (10, 4000), (1, 1), (0, 0), (1024, 1536)])
def test_a_picture_of_any_shape_has_a_width_that_fits(make, size):
    (image,) = read(gallery_bundle(Gallery((make(size),), ((("x", "1"),),)))).cells[-1].images
    width = int(image["width"])
    assert 1 <= width <= 360
    assert size[0] == 0 or width * size[1] / size[0] <= 4000


def test_a_preview_that_is_gone_leaves_words_in_its_place(make, tmp_path):
    one = make((9, 9))
    (tmp_path / "1.jpg").unlink()
    assert "secret-1.png" in read(gallery_bundle(Gallery((one,), ((("x", "1"),),)))).cells[-1].words


@pytest.mark.parametrize("labels", [(), ((), ()), ((("x", "1"),),), ((("x", "1"),), (("y", "1"),))])
def test_rows_on_no_common_axes_are_shown_as_any_gallery(make, labels):
    rows = (make((9, 9)), make((8, 8)))
    assert gallery_bundle(Gallery(rows, labels)) == gallery_bundle(Gallery(rows))


def test_four_hundred_combinations_are_laid_out(make):
    gallery = grid_of(make, {"x": [str(n) for n in range(20)], "y": [str(n) for n in range(20)]})
    tables = read(gallery_bundle(gallery)).tables
    assert sum(len(cell.images) for table in tables for row in table for cell in row) == 400


# A blind vote


@pytest.fixture
def contest(make):
    """Three models and a failure, with everything different that could tell one from another."""
    names = ("alpha-model", "beta-model", "gamma-model", "delta-model")
    rows = [
        make(
            (900 + number, 600 + number),
            request=ImageRequest(f"prompt of {name}", name, "portrait"),
            sent="",
            model_reported=f"{name}-2026",
            text=f"drawn by {name}",
            elapsed=100.0 + number,
            demo=True,
            from_history=True,
        )
        for number, name in enumerate(names)
    ]
    rows = [
        replace(row, pictures=(replace(row.pictures[0], alt=f"alt {row.request.model}", draft=False),)) for row in rows
    ]
    rows[1] = replace(rows[1], pictures=(), state="failed", error=FAULT)
    return Gallery(tuple(rows), tuple((("model", name),) for name in names), blind=True)


def test_a_blind_comparison_shows_letters_and_pictures_in_order(contest):
    reader = read(gallery_bundle(contest))
    ((heads, pictures),) = reader.tables
    assert [(cell.tag, cell.attributes["scope"], cell.words) for cell in heads] == [
        ("th", "col", letter) for letter in "ABC"
    ]
    shown = [base64.b64decode(image["src"].partition(",")[2]) for cell in pictures for image in cell.images]
    assert shown == [b"\xff\xd8\xffpreview 1", b"\xff\xd8\xffpreview 3", b"\xff\xd8\xffpreview 4"]
    assert "%wenwen vote A" in reader.outside


def test_a_blind_comparison_tells_nothing_else(contest):
    bundle = gallery_bundle(contest)
    shown = re.sub(r'src="[^"]*"', "", bundle["text/html"]) + bundle["text/plain"]
    for row in contest:
        for secret in (row.request.model, row.id[:6], "secret-", "prompt of", "drawn by", "alt ", "title", "saved"):
            assert secret not in shown
    assert not re.search(r"90\d|60\d|10\d s|demo|orientation|portrait|endpoint|charged|2026", shown)
    images = [image for cell in read(bundle).cells for image in cell.images]
    assert [image["alt"] for image in images] == ["A", "B", "C"]
    assert len({image["width"] for image in images}) == 1
    assert bundle["text/plain"].splitlines()[0] == "A  B  C"


def test_rows_without_a_picture_are_counted_in_a_blind_comparison(contest):
    bundle = gallery_bundle(contest)
    assert "without a result: 1" in read(bundle).outside
    assert "without a result: 1" in bundle["text/plain"]
    assert "failed" not in bundle["text/html"]


def test_a_blind_comparison_of_failures_only_asks_for_no_vote(contest):
    bundle = gallery_bundle(replace(contest, rows=(contest[1],), labels=contest.labels[1:2]))
    assert read(bundle).tables == []
    assert "vote" not in bundle["text/plain"]
    assert "without a result: 1" in bundle["text/plain"]


def test_a_lost_preview_tells_no_name_in_a_blind_comparison(contest, tmp_path):
    (tmp_path / "3.jpg").unlink()
    assert read(gallery_bundle(contest)).tables[0][1][1].words == "B: no preview"


def test_blind_letters_are_four_to_a_row_and_go_on_after_z(make):
    rows = tuple(make((9, 9)) for _ in range(28))
    gallery = Gallery(rows, blind=True)
    tables = read(gallery_bundle(gallery)).tables
    assert [len(table[0]) for table in tables] == [4] * 7
    letters = [cell.words for table in tables for cell in table[0]]
    assert letters[24:] == ["Y", "Z", "AA", "AB"]
    assert {letter: gallery[number] for letter, number in gallery.letters.items()} == dict(
        zip(letters, rows, strict=True)
    )


def test_a_letter_means_the_row_that_is_shown_under_it(contest):
    assert [row.request.model for row in map(contest.__getitem__, contest.letters.values())] == [
        "alpha-model",
        "gamma-model",
        "delta-model",
    ]


def test_a_line_of_the_comparison_stays_one_line_whatever_its_label(make):
    labels = tuple((("x\ny", f"a\u2028b\n{number}"),) for number in range(2))
    text = gallery_bundle(Gallery((make((9, 9)), make((9, 9))), labels))["text/plain"]
    assert len(text.splitlines()) == 2


def test_a_saved_take_says_so_in_a_comparison(make):
    one = make((9, 9), from_history=True, note="saved picture, free")
    cell = read(gallery_bundle(Gallery((one,), ((("x", "1"),),)))).cells[-1]
    assert all(note in cell.words for note in described(one)[1:])
    assert "free" in cell.words


# The result of a vote


def test_after_a_vote_letters_have_their_labels_and_captions_and_the_winner_a_star(contest):
    bundle = vote_result(contest, " c ")
    reader = read(bundle)
    ((heads, cells),) = reader.tables
    assert [head.words for head in heads] == ["A\nalpha-model", "B\ngamma-model", "C ★\ndelta-model"]
    assert [image["alt"] for cell in cells for image in cell.images] == [
        f"alt {name}-model" for name in ("alpha", "gamma", "delta")
    ]
    assert "903×603 · 103 s" in cells[2].words
    assert "drawn by delta-model" in cells[2].words
    assert cells[2].words.endswith("prompt of delta-model")
    lines = [line for line in bundle["text/plain"].splitlines() if not line.startswith("drawn by")]
    assert [line.partition(":")[0] for line in lines] == ["A alpha-model", "B gamma-model", "C ★ delta-model"]


def test_pictures_are_as_wide_after_the_vote_as_before(make):
    gallery = replace(grid_of(make, {"x": ["1", "2"]}), blind=True)
    before, after = (read(bundle).named("img") for bundle in (gallery_bundle(gallery), vote_result(gallery, "A")))
    assert [image["width"] for image in before] == [image["width"] for image in after] == ["360", "360"]


def test_a_failure_is_below_the_result_with_its_label_and_reason(contest):
    outside = read(vote_result(contest, "A")).outside
    assert outside.startswith("beta-model✗ The endpoint failed.\nup <stream>")
    assert "charged" in outside


def test_one_prompt_of_all_is_once_and_folded_under_the_result(make):
    gallery = grid_of(make, {"orientation": ["landscape", "portrait"]}, sent=lambda values: "a cat <b>\nnight")
    reader = read(vote_result(gallery, "A"))
    assert reader.outside == "as sentprompt: a catadded: <b>\nnight"
    assert [cell.words for cell in reader.tables[0][0]] == ["A ★\nlandscape", "B\nportrait"]


def test_a_vote_on_many_has_its_result_in_rows_of_four(make):
    tables = read(vote_result(grid_of(make, {"x": list("abcdef")}), "A")).tables
    assert [len(table[0]) for table in tables] == [4, 2]
