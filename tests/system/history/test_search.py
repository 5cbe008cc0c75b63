"""A search finds the records that are as wanted, newest first, and no others; it takes no longer in a long history."""

import json
import os
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.records import IDS, agrees, later, made, planted, print_of, true
from support.scripted import grows_in_proportion

from wenwen_magic.errors import HistoryError
from wenwen_magic.history.index import Wanted
from wenwen_magic.history.record_json import encode
from wenwen_magic.history.store import History
from wenwen_magic.records import ImageRequest

PIECES = [
    "猫",
    "狗",
    "a",
    "A",
    "ä",
    "Ä",
    "ß",
    "ẞ",
    "SS",
    "İ",
    "ı",
    "ſ",
    "k",
    "\u212a",
    "Ａ",
    "ａ",
    "%",
    "_",
    "\\",
    "'",
    '"',
]
TEXT = st.lists(st.sampled_from([*PIECES, "😀", "*", "?", "[", "\0", "é", "e\u0301", ";--", "ς", "Σ"]), max_size=4).map(
    "".join
)
ZONES = st.sampled_from([timezone(timedelta(hours=hours)) for hours in (-12, 0, 8, 14)])
MOMENTS = st.builds(
    lambda start, more, zone: (start + timedelta(milliseconds=more)).astimezone(zone),
    st.sampled_from([datetime(2026, 1, 1, tzinfo=UTC), datetime(3, 3, 3, tzinfo=UTC)]),
    st.integers(0, 3),
    ZONES,
)
RECORDS = st.lists(
    st.fixed_dictionaries(
        {"prompt": TEXT.map("x{}".format), "prompt_sent": TEXT, "text": TEXT, "model_reported": TEXT}
        | {
            "created": MOMENTS.map(datetime.isoformat),
            "star": st.booleans(),
            "drawn": st.booleans(),
            "demo": st.booleans(),
            "tags": st.lists(st.sampled_from(["fox", "FOX", "猫", "fo"]), unique=True).map(tuple),
            "model": TEXT.map("m{}".format),
        }
    ),
    max_size=5,
)
MOMENT = st.none() | MOMENTS.map(datetime.timestamp)
WANTED = st.builds(
    Wanted,
    words=st.lists(TEXT | st.text(max_size=1), max_size=2),
    model=TEXT,
    since=MOMENT,
    until=MOMENT,
    star=st.booleans(),
    failed=st.booleans(),
    drawn=st.booleans(),
    demo=st.sampled_from([None, True, False]),
    tag=st.sampled_from(["", "", "fox", "Fox", "o", "猫", "%"]),
)


def holds(one, wanted):
    """Whether a record is as wanted, in plain words."""
    said = (
        one.request.prompt,
        one.prompt_sent,
        one.request.model,
        one.model_reported,
        one.id,
        one.text,
        "\n".join(one.tags),
    )
    sent = datetime.fromisoformat(one.created).timestamp()
    return (
        all(any(word.casefold() in text.casefold() for text in said) for word in wanted.words)
        and wanted.model.casefold() in one.request.model.casefold()
        and (wanted.since is None or sent >= wanted.since)
        and (wanted.until is None or sent < wanted.until)
        and (one.star or not wanted.star)
        and not (wanted.failed and one.images)
        and bool(one.images or not wanted.drawn)
        and wanted.demo in {None, one.demo}
        and (not wanted.tag or wanted.tag.casefold() in map(str.casefold, one.tags))
    )


def filled(folder, records):
    for fields in records:
        request = ImageRequest(fields["prompt"], fields["model"])
        more = {name: value for name, value in fields.items() if name not in {"prompt", "model", "drawn"}}
        planted(folder, **more, request=request, **({} if fields["drawn"] else {"pictures": ()}))
    return History(folder)


@given(RECORDS, st.lists(WANTED, max_size=4))
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=20)
def test_a_search_finds_the_records_that_are_as_wanted_newest_first_and_no_others(tmp_path_factory, records, searches):
    history = filled(tmp_path_factory.mktemp("w"), records)
    for wanted in searches:
        found = [one.id for one in true(history.folder)[::-1] if holds(one, wanted)]
        assert [one.id for one in history.search(wanted)] == found
        assert history.count(wanted) == len(found)
        for size in (1, 2):
            pages = [history.page(wanted, number + 1, size) for number in range(-(-len(found) // size) + 1)]
            assert [one.id for page in pages for one in page.rows] == found
            assert {page.total for page in pages} == {len(found)}


@pytest.mark.parametrize(
    ("more", "lasting"),
    [
        ({}, True),
        ({"model": "m", "since": 0.0}, True),
        ({"words": ("a",)}, False),
        ({"star": True}, False),
        ({"failed": True}, False),
        ({"drawn": True}, False),
        ({"demo": False}, False),
        ({"tag": "fox"}, False),
    ],
)
def test_what_may_still_change_in_a_record_is_looked_up_in_its_file(more, lasting):
    assert Wanted(id="a1", **more).lasting is lasting


@pytest.mark.parametrize(
    ("words", "found"),
    [
        *[
            ("猫", 1),
            ("的", 1),
            ("WATER", 1),
            ("straße", 1),
            ("STRASSE", 1),
            ("100%", 1),
            ("0%", 1),
            ("%", 1),
            ("a_b", 1),
        ],
        *[
            ("_", 1),
            ("a\\b", 1),
            ("\\", 1),
            ("'", 1),
            ('"', 1),
            ("🐈", 1),
            ("Ｆｕｌｌ", 1),
            ("full", 0),
            ("猫 水彩", 1),
        ],
        *[
            ("猫 恐龙", 0),
            ("水彩 猫", 1),
            ("", 1),
            ("   ", 1),
            ("a%b", 0),
            ("h_t", 0),
            ("\\_", 0),
            ("before\0after", 1),
            ("after", 1),
        ],
        *[("gpt-4o", 1), ("\ud83d", 1), ("x\ud83dy", 1), ("half?", 0), ("' OR 1=1 --", 0), ("]", 0), ("*", 0)],
    ],
)
def test_any_piece_of_a_text_finds_it(words, found, tmp_path, folder):
    prompt = (
        '画只可爱的猫，水彩\tWatercolour STRAẞE 100% a_b a\\b it\'s "so" 🐈 Ｆｕｌｌ before\0after half x\ud83dy hat'
    )
    planted(tmp_path / "v", prompt)
    planted(tmp_path / "v", "zzz", request=ImageRequest("zzz", "nano"))
    history = History(tmp_path / "v")
    assert [one.request.prompt for one in history.search(words)][-found:] == [prompt] * found or not found
    assert history.count(words) == (found if words.strip() else 2)


@pytest.mark.parametrize("piece", ["猫" * 30_000, "x" * 100_000, "%" * 60_000, " ".join(map(str, range(3_000)))])
def test_a_text_of_any_length_is_found_by_itself(piece, tmp_path):
    planted(tmp_path / "w", f"a {piece} b")
    planted(tmp_path / "w", "x")
    history = History(tmp_path / "w")
    assert (history.count(piece), history.count(f"恐龙 {piece}")) == (1, 0)
    assert history.page(f"a b {piece}").rows[0].request.prompt == f"a {piece} b"
    assert isinstance(history._index._file, os.PathLike)


@pytest.mark.parametrize("id", ["\ud83d", "\0", "猫", "%", "_", "g", "ABCDEFGHIJ", "'", "f" * 100_000])
def test_an_id_that_is_none_is_an_error_of_ours(id, folder):
    history = History(folder)
    with pytest.raises(HistoryError):
        history.get(id)
    assert history.find(id) is None


EXTREMES = [
    *(
        "0001-01-01T00:00:00+14:00",
        "0001-01-01T00:00:00-12:00",
        "9999-12-31T23:59:59.999999-12:00",
        "1969-12-31T23:59:59+00:00",
    ),
    *("9999-12-31T23:59:59+14:00", "2026-01-01T12:00:00+08:00", "2026-01-01T04:00:00+00:00", "2026-01-01T04:00:00Z"),
    *(
        "2026-01-01T03:00:00.5-01:00",
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T02:10:00+01:00",
        "2026-01-01T12+08:00:30.000001",
    ),
]


def test_moments_of_any_year_and_time_zone_stand_in_their_order(tmp_path):
    for created in EXTREMES:
        planted(tmp_path / "w", created=created)
    history = History(tmp_path / "w")
    assert agrees(history) == len(EXTREMES)
    since = datetime.fromisoformat("2026-01-01T12:00:00+08:00").timestamp()
    assert history.count(Wanted(since=since)) + history.count(Wanted(until=since)) == len(EXTREMES)


def test_copies_of_one_record_stand_on_one_page_each(tmp_path):
    for number in range(9):
        planted(tmp_path / "w", f"{number // 3}", id=f"{number // 3:08x}", name=f"{number}.json")
    history = History(tmp_path / "w")
    pages = [one.request.prompt for number in range(1, 6) for one in history.page("", number, 2).rows]
    assert pages == ["2"] * 3 + ["1"] * 3 + ["0"] * 3


# Speed


def large(folder, days):
    """So many days of fifty records each, and the history that knows them."""
    data = json.loads(encode(made("猫 cat")))
    for number in range(50 * days):
        place = folder / f"2026-01-{1 + number // 50:02}"
        place.mkdir(parents=True, exist_ok=True)
        request = {**data["request"], "prompt": f"猫 {number}"}
        record = {**data, "id": f"{next(IDS):08x}", "request": request, "prompt_sent": request["prompt"]}
        (place / f"{number}.json").write_text(json.dumps(record))
    later(folder)
    return History(folder)


def test_a_history_is_looked_through_once_in_proportion_to_its_size(tmp_path, trusted):
    histories = iter(range(9))
    assert grows_in_proportion(
        lambda times: [large(tmp_path / f"{next(histories)}", times) for _ in range(2)], lambda some: some.pop().count()
    )


def test_a_question_takes_no_longer_in_a_long_history(tmp_path, trusted):
    small, long = large(tmp_path / "small", 1), large(tmp_path / "long", 8)

    def asking(history):
        for number in range(25):
            history.takes(print_of(f"猫 {number}"))
            history.page("猫", 2)
            history.get(history.recent(20)[number % 20].id)

    asking(small), asking(long)
    began = time.thread_time()
    asking(small)
    between = time.thread_time()
    asking(long)
    assert time.thread_time() - between < 2.2 * (between - began) + 0.05
