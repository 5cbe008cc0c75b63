"""Many prompts from Python: every kind of source, limits before the first call, and only what is missing is asked."""

import csv
import json
import threading
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from support.relay import COLOURS, Relay, whole
from support.scripted import answering, png
from support.shells import KEY, prompts

from wenwen_magic import Client, ImageRequest
from wenwen_magic.engine import batch
from wenwen_magic.engine.batch import Rows
from wenwen_magic.engine.limits import Session
from wenwen_magic.errors import ConfigError, LimitReached
from wenwen_magic.history.store import History
from wenwen_magic.records import Generation


@pytest.fixture
def client(relay, here):
    return Client(base_url=relay.address, session=Session())


def many(client, source, **options):
    return client.generate_many(source, progress=False, **options)


def text_file(name, text):
    Path(name).write_text(text, "utf-8")
    return name


def table_file(name, rows):
    with Path(name).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return Path(name)


# -- sources -----------------------------------------------------------------------------------------------------------

SOURCES = {
    "texts": lambda: ["a cat", "a dog"],
    "tuple": lambda: ("a cat", "a dog"),
    "requests": lambda: [ImageRequest("a cat"), ImageRequest("a dog")],
    "mixed": lambda: [ImageRequest("a cat"), "a dog"],
    "mappings": lambda: [{"prompt": "a cat"}, {"提示词": "a dog"}],
    "generator": lambda: (text for text in ("a cat", "a dog")),
    "requests of a generator": lambda: (ImageRequest(text) for text in ("a cat", "a dog")),
    "txt": lambda: text_file("p.txt", "a cat\n\na dog\n"),
    "csv": lambda: table_file("p.csv", [["prompt", "note"], ["a cat", "x"], ["a dog", ""]]),
    "jsonl": lambda: text_file("p.jsonl", '{"prompt": "a cat"}\n"a dog"\n'),
    "series": lambda: pd.Series(["a cat", "a dog"], index=[7, 3]),
    "frame": lambda: pd.DataFrame({"n": [1, 2], "prompt": ["a cat", "a dog"]}),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_every_kind_of_source_is_drawn_in_its_order_and_a_second_run_is_free(client, relay, kind):
    rows = many(client, SOURCES[kind]())
    assert [row.request.prompt for row in rows] == ["a cat", "a dog"]
    assert all(row.images for row in rows)
    again = many(client, SOURCES[kind]())
    assert [row.id for row in again] == [row.id for row in rows]
    assert all(row.from_history for row in again)
    assert len(relay.posts) == 2


def test_columns_fill_a_template_and_set_model_orientation_and_style(client, relay):
    rows = [["animal", "模型", "方向", "style"], ["猫", "m1", "横屏", ""], ["狗", "", "", "oil"]]
    client = Client(base_url=relay.address, session=Session(), styles={"oil": "oil {prompt}"}, model="usual")
    drawn = many(client, table_file("p.csv", rows), template="一只{{animal}}{x}", orientation="square")
    assert [row.request.prompt for row in drawn] == ["一只猫{x}", "oil 一只狗{x}"]
    assert [row.request.model for row in drawn] == ["m1", "usual"]
    assert [row.request.orientation for row in drawn] == ["landscape", "square"]


def test_a_rows_text_is_no_template(client, relay):
    many(client, ["a {{cat}}"])
    many(client, ["{{7}} {{x}}"], template="draw {{prompt}}")
    assert prompts(relay) == ["a {{cat}}", "draw {{7}} {{x}}"]


def test_two_takes_of_each_stand_beside_one_another(client, relay):
    rows = many(client, ["a cat", "a dog"], count=2)
    assert [row.request.prompt for row in rows] == ["a cat", "a cat", "a dog", "a dog"]
    assert len({row.id for row in rows}) == len(relay.posts) == 4
    assert len(many(client, ["a cat", "a dog"], count=3)) == 6
    assert len(relay.posts) == 6


def test_a_second_take_that_comes_before_the_first_does_not_stand_for_it(client, relay):
    first, second = batch.tasks(client._engine, client.request("a cat", count=2), batch.DrawOptions(), ())
    assert second().id != first().id
    assert len(relay.posts) == 2


@pytest.mark.parametrize(
    "wrong", [["a cat", ""], ["a cat", {"note": "x"}], ["a cat", 7], [{"prompt": "x", "方向": "up"}]]
)
def test_a_wrong_row_is_found_before_anything_is_sent(client, relay, wrong):
    with pytest.raises(ConfigError):
        many(client, wrong)
    assert relay.posts == []


def test_a_wrong_row_is_named_by_its_number_in_a_list_and_a_generator_requests_among_them(client):
    rows = ["a cat", ImageRequest("a dog"), ""]
    for source in (rows, iter(rows)):
        with pytest.raises(ConfigError, match="row 3"):
            many(client, source)


def test_a_wrong_line_of_a_file_is_told_by_its_number(client, relay):
    with pytest.raises(ConfigError, match="line 3"):
        many(client, text_file("p.jsonl", '"a cat"\n"a dog"\n{"prompt": }\n'))
    assert relay.posts == []


def test_an_undefined_name_in_the_template_is_found_before_anything_is_sent(client, relay):
    with pytest.raises(ConfigError, match="anmal"):
        many(client, [{"animal": "cat"}], template="{{anmal}}")
    assert relay.posts == []


# -- failures, doubles, width ------------------------------------------------------------------------------------------


def test_one_failure_is_a_row_and_never_stops_the_rest(painter, here):
    client = Client(session=Session())
    rows = many(client, ["a", "b [demo: status=400]", "c", "d [demo: refuse]", "e [demo: broken]", "f"])
    assert [bool(row.images) for row in rows] == [True, False, True, False, False, True]
    assert [row.error["kind"] for row in rows.failures] == ["EndpointError", "NoImageError", "ImageError"]
    assert "✗" in rows._repr_mimebundle_()["text/html"]
    assert rows.dataframe()["state"].iloc[0] == "complete"
    asked = len(painter.posts)
    many(client, ["a", "c", "f", "d [demo: refuse]"])
    assert len(painter.posts) == asked


def test_where_all_fail_the_rows_say_why(painter, here):
    rows = many(Client(session=Session()), ["a [demo: status=401]", "b [demo: status=401]"])
    assert [row.error["status"] for row in rows] == [401, 401]


def test_the_same_prompt_twice_is_paid_once(client, relay):
    rows = many(client, ["a cat"] * 9)
    assert (len(rows), len({row.id for row in rows}), len(relay.posts)) == (9, 1, 1)


@pytest.mark.parametrize(("status", "calls"), [(504, 1), (401, 3)])
@pytest.mark.parametrize("concurrency", [1, 3])
def test_bug_the_same_prompt_was_sent_again_at_once_where_its_failure_may_have_cost(
    client, relay, concurrency, status, calls
):
    relay.answer = lambda _: (status, '{"error": {"message": "no"}}')
    rows = many(client, ["a cat"] * 3, concurrency=concurrency)
    assert len(relay.posts) == calls
    assert {row.error["what"] for row in rows} == {rows[0].error["what"]}
    assert len(rows) == 3
    relay.answer = whole
    assert many(client, ["a cat"] * 3)[2].images
    assert len(relay.posts) == calls + 1


def test_the_same_prompt_twice_with_two_takes_each_is_paid_twice(client, relay):
    many(client, ["a cat"] * 2, count=2)
    assert len(relay.posts) == 2


def test_the_same_prompt_twice_counts_once_towards_the_limits(relay, here):
    client = Client(base_url=relay.address, session=Session(), session_limit=1, concurrency=1)
    assert len(many(client, ["a cat", "a cat"])) == 2


class Counting(Relay):
    """A relay that knows how many answers were waited for at once, and answers none until as many as expected are."""

    def __init__(self, expected):
        super().__init__(self._count)
        self.now, self.most, self._lock = 0, 0, threading.Lock()
        self._expected, self._all_there = expected, threading.Event()

    def _count(self, number):
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
            if self.most >= self._expected:
                self._all_there.set()
        self._all_there.wait(30)
        with self._lock:
            self.now -= 1
        return whole(number)


@pytest.mark.parametrize("width", [1, 3])
def test_no_more_than_were_allowed_are_under_way(here, monkeypatch, width):
    monkeypatch.setenv("WENWEN_API_KEY", KEY)
    with Counting(width) as relay:
        client = Client(base_url=relay.address, session=Session())
        many(client, [f"cat {number}" for number in range(6)], concurrency=width, count=2)
        assert relay.most == width
        assert len(relay.posts) == 12


def test_a_width_that_is_none_is_told(client, relay):
    with pytest.raises(ConfigError):
        many(client, ["a cat"], concurrency=-1)
    assert relay.posts == []


# -- limits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["texts", "csv", "series", "frame", "requests", "txt", "jsonl"])
def test_a_limit_is_told_before_the_first_call(relay, here, kind):
    for limits in ({"session_limit": 1}, {"budget": 1.5}, {"budget": 0.3, "prices": {"gpt-*": 0.2}}):
        with pytest.raises(LimitReached):
            many(Client(base_url=relay.address, session=Session(), **limits), SOURCES[kind]())
    assert relay.posts == []


def test_a_generator_stops_at_the_limit_and_what_was_drawn_is_saved(relay, here):
    client = Client(base_url=relay.address, session=Session(), session_limit=2, concurrency=1)
    with pytest.raises(LimitReached):
        many(client, (f"cat {number}" for number in range(4)))
    assert len(relay.posts) == 2
    assert all(row.images for row in many(client, ["cat 0", "cat 1"]))


def test_only_what_is_missing_counts_towards_the_limit(relay, here):
    session = Session()
    client = Client(base_url=relay.address, session=session, session_limit=3)
    many(client, ["a", "b"])
    assert len(many(client, ["a", "b", "c"])) == 3
    with pytest.raises(LimitReached):
        many(client, ["a", "d"])
    with pytest.raises(LimitReached):
        many(client, ["a"], fresh=True)
    assert len(relay.posts) == 3


def test_a_generator_is_taken_from_no_further_ahead_than_is_worked_on(client, relay):
    taken = []

    def source():
        for number in range(30):
            taken.append(number)
            assert len(taken) - len(relay.posts) <= 6
            yield f"cat {number}"

    assert len(many(client, source(), concurrency=2)) == 30


def test_what_was_refused_is_not_asked_again_and_fresh_asks(client, relay):
    relay.answer = lambda _: answering("never")
    many(client, ["a", "b"])
    many(client, ["a", "b"])
    assert len(relay.posts) == 2
    relay.answer = whole
    assert all(row.images for row in many(client, ["a", "b"], fresh=True))
    assert all(row.images for row in many(client, ["a", "b"]))
    assert len(relay.posts) == 4


def test_bug_the_row_of_a_request_that_was_sent_before_and_never_answered_said_nothing_of_it(client, relay):
    request = client.request("a cat")
    begun = client.history.begin(request, prompt_sent="a cat", endpoint=client.saved_takes.origin)
    [row] = many(client, ["a cat"])
    assert (row.id, row.state, row.error["kind"], relay.posts) == (begun.id, "sent", "UnansweredRequest", [])


def test_a_long_gallery_is_a_sequence_that_can_be_sliced_and_saved(client, relay):
    rows = many(client, [f"cat {number}" for number in range(7)])
    assert [row.request.prompt for row in rows[2:4]] == ["cat 2", "cat 3"]
    assert rows[-1].request.prompt == "cat 6"
    assert len(rows.images) == 7
    assert json.loads(rows.dataframe()["prompt"].to_json()) == {str(n): f"cat {n}" for n in range(7)}


def test_the_rows_of_a_run_tell_whether_anything_was_asked_for(tmp_path):
    rows = Rows(History(tmp_path), None)
    found = Generation("a1b2c3d4", ImageRequest("a cat"), "a cat", "complete", "", from_history=True)
    rows.put((0, 0), found)
    assert not rows.asked
    rows.put((1, 0), replace(found, from_history=False))
    assert rows.asked


def test_pictures_that_come_slowly_keep_no_other_from_being_drawn_and_saved(relay, client):
    slow, guard, quick, late = 6, threading.Lock(), threading.Event(), []
    left = [slow]

    def file(path, _headers):
        if not path.startswith("/picture-"):
            return None
        number = int(path.removeprefix("/picture-").removesuffix(".png"))
        if number < slow:
            if not quick.wait(5):
                late.append(number)
        else:
            with guard:
                left[0] -= 1
                if not left[0]:
                    quick.set()
        return 200, png(colour=COLOURS[number % len(COLOURS)])

    relay.answer = lambda number: answering(f"![x]({relay.address}/picture-{number}.png)")
    relay.file = file
    rows = many(client, [f"number {number}" for number in range(2 * slow)], concurrency=2 * slow)
    assert [row.state for row in rows] == ["complete"] * 2 * slow
    assert not late
