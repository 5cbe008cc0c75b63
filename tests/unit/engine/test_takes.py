"""Which saved generations answer a request."""

import pickle
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count

import pytest

from wenwen_magic.engine.takes import Given, Takes, is_here
from wenwen_magic.history.store import History
from wenwen_magic.models import default_model, former_defaults
from wenwen_magic.records import GeneratedImage, ImageRequest

HERE = "https://relay.example:443"
REQUEST = ImageRequest("a cat", count=2)


@pytest.fixture
def history(tmp_path):
    seconds = count(1_700_000_000)  # two records of one moment would stand by their ids, which are made by chance
    return History(tmp_path / "wenwen_images", now=lambda: datetime.fromtimestamp(next(seconds), UTC))


def saved(history, *, state="complete", picture=True, reply=False, **more):
    """A generation of the request in a state, with or without its picture's file and its raw reply."""
    made = history.begin(
        more.pop("request", REQUEST),
        prompt_sent="a cat",
        endpoint=more.pop("endpoint", HERE),
        demo=more.pop("demo", False),
        number=more.pop("number", 0),
    )
    path = history.path(made, "-1.png")
    if picture:
        path.write_bytes(b"bytes")
    if reply:
        history.path(made, ".reply").write_bytes(b'{"status":200,"content_type":"","demo":false}\n{}')
    pictures = (GeneratedImage(path, "image/png", 8, 6),) if state == "complete" and not more.get("error") else ()
    return history.update(made, state=state, pictures=pictures, **more)


def takes(history, mode="cache", *, demo=False):
    return Takes(history, mode, demo, HERE)


def ids(found):
    return [one.id for one in found]


def test_the_first_take_answers_or_the_one_with_a_number(history):
    first, second = saved(history), saved(history)
    seen = takes(history)
    assert seen.best(REQUEST, 0).id == first.id
    assert seen.best(REQUEST, 2).id == second.id
    assert seen.best(REQUEST, 3) is None


def test_of_one_the_latest_starred_take_is_shown_and_of_several_the_first_ones(history):
    first, second, third, fourth = (saved(history, star=star) for star in (False, True, True, False))
    seen = takes(history)
    assert seen.best(REQUEST, 0).id == third.id
    assert ids(seen.found(replace(REQUEST, count=1)).saved) == [third.id]
    assert ids(seen.found(REQUEST).saved) == [first.id, second.id]
    assert ids(seen.found(replace(REQUEST, count=3)).saved) == [first.id, second.id, third.id]
    assert seen.best(REQUEST, 4).id == fourth.id


def test_a_take_whose_file_is_gone_counts_only_while_its_reply_is_kept(history):
    gone, kept = saved(history, picture=False), saved(history, picture=False, reply=True)
    assert not is_here(gone)
    assert ids(takes(history).found(REQUEST).saved) == [kept.id]


def test_refusals_count_behind_pictures_and_only_while_they_are_wanted(history):
    refused = saved(history, state="failed", reply=True, error={"kind": "NoImageError"})
    drawn = saved(history)
    assert ids(takes(history).found(REQUEST).saved) == [drawn.id, refused.id]
    also = saved(history)
    assert ids(takes(history).found(REQUEST).saved) == [drawn.id, also.id]


def test_a_picture_that_is_here_goes_before_an_older_one_that_would_have_to_be_fetched(history):
    unfetched, here = saved(history, picture=False, reply=True), saved(history)
    assert ids(takes(history).found(replace(REQUEST, count=1)).saved) == [here.id]
    assert ids(takes(history).found(REQUEST).saved) == [here.id, unfetched.id]


@pytest.mark.parametrize("fresh", [False, True])
def test_bug_takes_of_an_earlier_default_and_of_this_one_had_the_same_numbers(history, fresh):
    now, before = default_model("images"), former_defaults("images")[0]
    request = ImageRequest("a cat", now, format="images", usual=now)
    old = saved(history, request=replace(request, model=before, usual=before), number=1)
    new = saved(history, request=request, number=2)
    seen = takes(history)
    assert [(one.id, one.take) for one in seen.found(request, fresh=fresh).recorded] == [(old.id, 1), (new.id, 2)]
    assert seen.best(request, 2).id == new.id


def test_one_question_says_which_of_several_requests_have_a_record_also_of_an_earlier_default(history):
    now, before = default_model("images"), former_defaults("images")[0]
    unnamed = ImageRequest("a cat", now, format="images", usual=now)
    saved(history, request=replace(unnamed, model=before, usual=before))
    saved(history)
    assert takes(history).known([REQUEST, unnamed, replace(REQUEST, prompt="another")]) == {
        REQUEST.fingerprint,
        unnamed.fingerprint,
    }


def test_a_failure_without_an_answer_counts_for_nothing(history):
    saved(history, state="failed", error={"kind": "EndpointError"}, reply=True)
    assert takes(history).best(REQUEST, 0) is None
    assert takes(history).found(REQUEST).saved == []


@pytest.mark.parametrize(("mode", "fresh", "looked"), [("cache", True, 0), ("live", False, 0), ("replay", True, 1)])
def test_what_is_saved_counts_as_mode_and_fresh_say(history, mode, fresh, looked):
    saved(history)
    assert len(takes(history, mode).found(REQUEST, fresh=fresh).saved) == looked


def test_the_demos_and_real_takes_never_answer_for_one_another_but_in_replay(history):
    real, demo = saved(history), saved(history, demo=True, endpoint="http://127.0.0.1:1")
    assert ids(takes(history).of([real, demo])) == [real.id]
    assert ids(takes(history, demo=True).of([real, demo])) == [demo.id]
    assert takes(history, "replay").best(REQUEST, 0).id == real.id


def test_an_unread_answer_of_a_demo_that_has_ended_is_not_waited_for(history):
    saved(history, state="sent", picture=False, reply=True, demo=True, endpoint="http://127.0.0.1:1")
    assert takes(history, demo=True).best(REQUEST, 0) is None


def test_each_thread_of_a_request_gets_another_take_and_so_do_its_copies_in_another_process(history):
    first, second, third = (saved(history) for _ in range(3))
    given = Given([first.id])
    assert given.another([first, second, third]).id == second.id
    copies = [pickle.loads(pickle.dumps(given)) for _ in range(2)]
    assert copies[0].another([first, second, third]).id == third.id
    assert copies[1].another([first, second, third]) is None
    assert given.another([first, second, third]).id == third.id  # it is told by the order's result
    given.add("0000000a")
    assert pickle.loads(pickle.dumps(given)) is copies[0]
    assert Given().another([first]).id == first.id


def test_bug_a_copy_that_came_when_all_before_it_were_done_got_their_take_again(history):
    first = saved(history)
    late = pickle.dumps(given := Given())  # packed before the order's result is told
    pickle.loads(pickle.dumps(given)).add(first.id)
    assert pickle.loads(late).another([first]) is None


def test_bug_a_request_that_was_answered_between_two_looks_counted_as_never_answered(history):
    sent = saved(history, state="sent", picture=False)

    def saved_meanwhile(_name):
        history.update(sent, state="complete")
        return ()

    assert ids(takes(history).found(REQUEST).unanswered) == [sent.id]
    assert not replace(takes(history), claimed=saved_meanwhile).found(REQUEST).unanswered
