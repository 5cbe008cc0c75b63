"""The videos format: what is sent, what every known answer means, and that a job is submitted once."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.replies import lead, recorded, request_in
from support.scripted import data_uri, png, reply_of, told

from wenwen_magic.errors import AnswerError, ConfigError, EndpointError, WaitEnded
from wenwen_magic.formats import FORMATS
from wenwen_magic.formats.videos import FORMAT
from wenwen_magic.records import CLIP, Reference
from wenwen_magic.text.i18n import speak

TALK = FORMATS["videos"].talk
RECORDED = recorded("videos")
SUBMITTED = [one for one in RECORDED.values() if "job" in one.row]
REFUSED = [one for one in RECORDED.values() if "refused" in one.row]
AT_ONCE = [one for one in RECORDED.values() if "at_once" in one.row]
ASKED = [one for one in RECORDED.values() if "poll" in one.row]
TAKEN, DONE = RECORDED["c30.json"], RECORDED["c20-completed.json"]
PNG = Reference(data_uri(png()), "a", "a")
LINK = Reference("https://h.example/b.png", "b", "b")


def wanted(**more):
    return request_in("videos", **{"task": CLIP, **more})


def sent(**more):
    return next(TALK(wanted(**more)))


# -- what is sent ------------------------------------------------------------------------------------------------------


def test_words_alone_go_out_as_json():
    call = sent(params={"seconds": "8"}, orientation="landscape")
    assert (call.method, call.path, call.files) == ("POST", "/v1/videos", ())
    assert call.body == {"model": "a-model", "prompt": "a cat", "size": "1280x720", "seconds": "8"}


def test_pictures_go_out_as_files_the_first_frame_first():
    call = sent(references=(PNG, PNG))
    assert [(part.name, part.filename, part.mime) for part in call.files] == [
        ("input_reference", "image-1.png", "image/png"),
        ("input_reference", "image-2.png", "image/png"),
    ]
    assert call.files[0].data == png()
    assert "input_reference" not in call.body


@pytest.mark.parametrize(("links", "field"), [(1, LINK.address), (2, [LINK.address] * 2)])
def test_an_address_goes_out_as_an_address(links, field):
    call = sent(references=(LINK,) * links)
    assert (call.body["input_reference"], call.files) == (field, ())


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ("auto", ""),
        ("landscape", "1280x720"),
        ("portrait", "720x1280"),
        ("square", "960x960"),
        ("16:9", "1280x720"),
        ("9:16", "720x1280"),
        ("1:1", "960x960"),
        ("4:3", "1088x816"),
        ("1792x1024", "1792x1024"),
        ("854x480", "854x480"),
    ],
)
def test_a_shape_is_sent_as_width_and_height(shape, size):
    assert sent(orientation=shape).body.get("size", "") == size
    assert FORMATS["videos"].shape_as_sent(wanted(orientation=shape)) == size


def test_a_size_that_is_given_stays():
    assert sent(orientation="landscape", params={"size": "16x9"}).body["size"] == "16x9"


@pytest.mark.parametrize(
    "wrong",
    [
        {"params": {"model": "x"}},
        {"params": {"prompt": "x"}},
        {"params": {"input_reference": "x"}},
        {"orientation": "16:9 4K"},
        {"references": (PNG,), "mask": PNG},
        {"references": (PNG, LINK)},
        {"references": (LINK, PNG)},
    ],
    ids=repr,
)
def test_what_cannot_be_sent_is_refused_before_the_first_call(wrong):
    with pytest.raises(ConfigError):
        sent(**wrong)


# -- what comes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("one", SUBMITTED, ids=str)
def test_a_submission_gives_the_number_that_is_asked_about(one):
    led = lead(TALK(wanted()), one.reply(), DONE.reply())
    assert led.result.job == one.row["job"]
    assert [(call.method, call.free) for call in led.calls] == [("POST", False), ("GET", True)]
    assert led.calls[1].path == f"/v1/videos/{one.row['job'].replace(':', '%3A').replace('/', '%2F')}"
    assert led.waits == 1


@pytest.mark.parametrize("one", REFUSED, ids=str)
def test_a_refused_submission_says_why_and_is_not_asked_about(one):
    with pytest.raises((EndpointError, AnswerError)) as caught:
        lead(TALK(wanted()), one.reply())
    assert one.row["refused"] in str(caught.value)


@pytest.mark.parametrize("one", AT_ONCE, ids=str)
def test_a_clip_that_is_there_at_once_needs_no_question(one):
    led = lead(TALK(wanted()), one.reply())
    assert [source.address for source in led.result.videos] == one.row["at_once"]


@pytest.mark.parametrize("one", ASKED, ids=str)
def test_an_answer_about_a_job_is_its_clip_its_failure_or_a_reason_to_wait(one):
    row = one.row
    if "failed" in row:
        with pytest.raises(EndpointError, match="could not make the clip") as caught:
            lead(TALK(wanted()), TAKEN.reply(), one.reply())
        assert (caught.value.charged, row["failed"] in caught.value.why) == ("maybe", True)
        return
    led = lead(TALK(wanted()), TAKEN.reply(), one.reply(), *([DONE.reply()] if row.get("waits") else []))
    assert [call.method for call in led.calls].count("POST") == 1
    assert led.waits == 1 + bool(row.get("waits"))
    percents = [step.percent for step in led.told[1:] if step.percent is not None]
    assert percents == row.get("percents", percents)
    answer = led.result
    assert answer.job == "video_1"  # of the submission, whatever an answer calls it
    if not row.get("waits"):
        assert [told(source) for source in answer.videos] == row["videos"]
        assert [told(source) for source in answer.sources] == row.get("posters", [])
        assert answer.revised_prompt == row.get("revised", "")
        assert answer.finish_reason == row.get("finish", answer.finish_reason)


@pytest.mark.parametrize("body", ["", "<html>busy</html>", "{", "[]", "null", '"x"', "5"])
def test_an_answer_that_cannot_be_read_is_asked_for_again(body):
    led = lead(TALK(wanted()), TAKEN.reply(), reply_of(body), DONE.reply())
    assert led.result.videos
    assert led.waits == 2


def test_an_answer_that_cannot_be_read_is_told_until_the_next_one_comes():
    led = lead(TALK(wanted()), TAKEN.reply(), reply_of("<html>busy</html>"), DONE.reply())
    assert led.told[-1].text == "the endpoint's answer could not be read; asking again"


COMPLAINTS = [
    {"code": "task_not_exist", "message": "no such task", "data": None},
    {"error": {"message": "no such task", "type": "invalid_request_error"}},
    {"error": "no such task"},
    {"success": False, "message": "no such task"},
    {"message": "no such task"},
    {"detail": "no such task"},
    {"status": 404, "message": "no such task"},
    {"code": 1001, "data": {"message": "no such task"}},
    {"code": 200, "data": {"code": 404, "msg": "no such task"}},
    [{"error": {"message": "no such task"}}],
]


@pytest.mark.parametrize("body", COMPLAINTS, ids=json.dumps)
def test_bug_errors_in_place_of_a_state_were_waited_out_for_twenty_minutes(body):
    with pytest.raises(WaitEnded, match="no such task") as caught:
        lead(TALK(wanted()), TAKEN.reply(), *(reply_of(json.dumps(body)) for _ in range(3)))
    assert (caught.value.charged, "asks for free" in caught.value.do) == ("maybe", True)


@pytest.mark.parametrize(
    "between",
    [
        {"status": "queued"},
        {"id": "video_1"},
        {"progress": 30, "message": "still at it"},
        {"status": "x", "error": "a"},
    ],
    ids=json.dumps,
)
def test_only_errors_in_a_row_end_the_wait(between):
    told = [COMPLAINTS[0], COMPLAINTS[1], between] * 3
    led = lead(TALK(wanted()), TAKEN.reply(), *(reply_of(json.dumps(body)) for body in told), DONE.reply())
    assert (len(led.result.videos), led.waits) == (1, 10)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"id": "video_1"}, "submitted"),
        ({"id": "video_1", "progress": 45}, "45%"),
        ({"id": "video_1", "message": "three before it"}, "three before it"),
    ],
)
def test_bug_an_answer_without_a_state_was_shown_as_json(body, told):
    led = lead(TALK(wanted()), reply_of(json.dumps(body)), DONE.reply())
    assert [one.text for one in led.told] == [told]


@pytest.mark.parametrize(
    ("state", "told"), [("queued", "排队中"), ("IN_PROGRESS", "进行中"), ("warming up", "warming up")]
)
def test_a_usual_state_is_told_in_the_readers_language(state, told):
    speak("zh")
    led = lead(TALK(wanted()), reply_of(json.dumps({"id": "video_1", "status": state})), DONE.reply())
    assert [one.text for one in led.told] == [told]


@given(word=st.text(max_size=30))
def test_any_word_for_a_state_is_a_clip_a_failure_or_a_wait_and_never_a_second_submission(word):
    body = reply_of(json.dumps({"id": "video_1", "status": word}))
    line = []
    with suppress(EndpointError):
        line = lead(TALK(wanted()), TAKEN.reply(), body, DONE.reply()).calls
    assert [call.path for call in line if call.method == "POST"] in ([], ["/v1/videos"])


def test_a_job_can_be_asked_about_as_it_is():
    assert lead(FORMAT.inquiries["query"]("video_1"), DONE.reply()).result["status"] == "completed"
