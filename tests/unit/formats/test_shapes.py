"""Every shape of an answer that is known gives its pictures, videos and words to every format."""

import json

import pytest
from support.replies import FOLDER, READERS, lead, outcome, recorded, request_in
from support.scripted import reply_of, told

from wenwen_magic.errors import WenwenError
from wenwen_magic.formats import FORMATS
from wenwen_magic.protocol import Answer

SHAPES = list(recorded("shapes").values())
READABLE = [one for one in SHAPES if "error" not in one.row]
REFUSED = [one for one in SHAPES if "error" in one.row]


def test_every_recorded_shape_has_its_expectation():
    assert {path.name for path in (FOLDER / "shapes").iterdir()} - {"expected.json"} == set(recorded("shapes"))


@pytest.mark.parametrize("one", READABLE, ids=lambda one: one.name)
def test_a_shape_gives_the_same_pictures_whatever_format_was_asked(one):
    for wire in READERS:
        led = lead(FORMATS[wire].talk(request_in(wire)), one.reply())
        answer = led.result
        found = {
            "wire": wire,
            "pictures": [told(source) for source in answer.sources if not source.draft],
            "videos": [source.address for source in answer.videos],
            "text": answer.text,
            "finish": answer.finish_reason,
            "model": answer.model,
            "usage": dict(answer.usage),
            "revised": answer.revised_prompt,
            "partials": [told(step.picture) for step in led.told if step.picture],
        }
        row = {"videos": [], "partials": []} | one.row
        assert found == {name: value if row.get(name) is None else row[name] for name, value in found.items()}
        assert row.get("says", "") in answer.text
        assert not [word for word in ["base64,", "![", "iVBOR", "wwcut", *row.get("silent", [])] if word in answer.text]


@pytest.mark.parametrize("one", REFUSED, ids=lambda one: one.name)
def test_what_is_no_picture_is_told_in_the_endpoints_words_and_is_no_paid_answer(one):
    for wire in READERS:
        with pytest.raises(WenwenError) as caught:
            lead(FORMATS[wire].talk(request_in(wire)), one.reply())
        assert (wire, type(caught.value).__name__) == (wire, one.row["error"])
        assert [word for word in one.row["words"] if word not in str(caught.value)] == []
        assert caught.value.charged == one.row.get("charged", "maybe")


# -- JSON of any kind around a picture

CAT = "https://h.example/files/7f3a"
WHOLE = {"data": [{"url": CAT}]}


def pictures(body, kind="application/json"):
    answer = lead(FORMATS["chat"].talk(request_in("chat")), reply_of(body, kind)).result
    return [source.address for source in answer.sources]


@pytest.mark.parametrize("name", ["b64_json", "B64_JSON", "b64Json", "b64-json"])
def test_a_name_may_be_written_in_any_case(name):
    data = told(
        lead(FORMATS["chat"].talk(request_in("chat")), recorded("images")["g02-b64.json"].reply()).result.sources[0]
    )
    body = recorded("images")["g02-b64.json"].body.replace(b"b64_json", name.encode())
    answer = lead(FORMATS["chat"].talk(request_in("chat")), reply_of(body)).result
    assert [told(source) for source in answer.sources] == [data]


@pytest.mark.parametrize(
    "wrapper", ["data", "result", "output", "response", "payload", "body", "resp", "results", "anything"]
)
def test_an_answer_may_stand_in_any_envelope(wrapper):
    images = {"images": [{"url": CAT}]}
    assert pictures(json.dumps({wrapper: images})) == [CAT]
    assert pictures(json.dumps({"code": 0, "msg": "ok", wrapper: images, "request_id": "1"})) == [CAT]
    assert pictures(json.dumps({"code": 0, wrapper: {"choices": [{"message": {"content": f"![a]({CAT})"}}]}})) == [CAT]


@pytest.mark.parametrize("times", [1, 2, 3, 4])
def test_json_may_be_written_as_a_text_several_times_over(times):
    body = json.dumps(WHOLE)
    for _ in range(times):
        body = json.dumps(body)
    assert pictures(body) == [CAT]
    assert pictures(json.dumps({"data": body})) == [CAT]


@pytest.mark.parametrize(
    "name",
    ["input_image", "init_image", "mask", "reference_images", "request", "parameters", "messages", "avatar", "qr_code"],
)
def test_what_was_sent_along_is_no_result(name):
    echo = {"image": "https://h.example/sent.png", "url": "https://h.example/sent.png"}
    for value in (echo, [echo], "https://h.example/sent.png"):
        assert pictures(json.dumps({name: value, **WHOLE})) == [CAT]
        assert pictures(json.dumps({name: value, "status": "queued", "task_id": "7"})) == []


@pytest.mark.parametrize(
    "name", ["thumbnail", "thumbnail_url", "cover", "coverUrl", "poster", "preview_url", "first_frame"]
)
def test_a_small_form_of_a_video_or_picture_is_no_result_beside_it(name):
    small = "https://h.example/small.png"
    for one in ({"url": CAT, name: small}, {name: small, "url": CAT}):
        assert pictures(json.dumps({"data": [one]})) == [CAT]
        assert pictures(json.dumps(one)) == [CAT]
    for one in ({"video_url": CAT, name: small}, {"type": "video", "url": CAT, name: small}):
        assert pictures(json.dumps({"data": [one]})) == []
        assert pictures(json.dumps(one)) == []


def test_videos_of_several_fields_come_in_the_order_of_the_fields():
    names = ["video", "mp4_url", "video_urls", "video_url", "videos", "mp4", "video_list", "output_video", "video_uri"]
    body = {name: f"https://h.example/{number}.mp4" for number, name in enumerate(names)}
    answer = outcome("chat", reply_of(json.dumps({"data": [body]})))[0]
    assert [source.address for source in answer.videos] == list(body.values())


VALUES = [True, -1, 7.5, "x", [], [[]], [None], ["x"], {"a": 1}, [{}], "data:", "{"]
KINDS = [
    "type",
    "role",
    "content",
    "text",
    "choices",
    "candidates",
    "message",
    "delta",
    "index",
    "error",
    "data",
    "url",
]
KINDS += [
    "images",
    "status",
    "finish_reason",
    "refusal",
    "tool_calls",
    "arguments",
    "video",
    "thought",
    "parts",
    "code",
]
KINDS += [
    "usage",
    "model",
    "revised_prompt",
    "output",
    "result",
    "base_resp",
    "detail",
    "object",
    "task_id",
    "loc",
    "msg",
]


@pytest.mark.parametrize("name", KINDS)
def test_a_field_may_hold_any_type(name):
    for turn, value in enumerate(VALUES):
        one = {name: value}
        places = [
            one,
            {"choices": [{**one, "message": {**one, "content": [one]}}]},
            {"candidates": [{**one, "content": {**one, "parts": [one]}}]},
            {"data": [one], "error": one},
            {"output": one, "response": one},
            [one, value],
        ]
        # Every value meets the name in two places, and every place two values: all of them together take seconds.
        for body in (places[turn % len(places)], places[(turn + 1) % len(places)]):
            for text in (json.dumps(body), f"event: error\ndata: {json.dumps(body)}\n\n"):
                found = outcome("chat", reply_of(text))
                assert isinstance(found[0], Answer) or issubclass(found[0], WenwenError)
