"""The midjourney format sends what the pages and the proxies say, asks until the work has ended, and reads the answers."""

import json

import pytest
from support.replies import lead, outcome, recorded
from support.scripted import broken_connection, data_uri, png, reply_of

from wenwen_magic.errors import AnswerError, ConfigError, EndpointError, WenwenError
from wenwen_magic.formats.midjourney import FORMAT
from wenwen_magic.protocol import HttpCall, Progress, Source
from wenwen_magic.records import WORD_TASKS, ImageRequest, Reference
from wenwen_magic.text.i18n import speak

RECORDED = recorded("midjourney")
EXPECTED = {name: one.row for name, one in RECORDED.items()}
REFUSED = [name for name, row in EXPECTED.items() if "error" in row]
GOING_ON = [name for name, row in EXPECTED.items() if "goes_on" in row]
FINISHED = [name for name in EXPECTED if name not in {*REFUSED, *GOING_ON} and not name.startswith("submit")]
TAKEN = [name for name, row in EXPECTED.items() if "asks" in row]
CAT, DATA = "https://h.example/cat.png", data_uri(png())
PICTURE, LINK, OTHER = Reference(DATA, "1"), Reference(CAT, "2"), Reference(data_uri(png(colour="blue")), "3")
NUMBER, PRESSED = "1728781324658687", {"taskId": "17287", "customId": "MJ::JOB::upsample::1::82c5"}
FETCH = HttpCall("GET", f"/mj/task/{NUMBER}/fetch", free=True)


def asked(prompt="Cat", task="draw", *references, **more):
    return ImageRequest(prompt, task=task, references=references, **more)


def call_of(request):
    talk = FORMAT.talk(request)
    step = next(talk)
    return step if isinstance(step, HttpCall) else next(talk)


def play(*script, request=None):
    """Lead a conversation with recorded replies (by name) or finished ones."""
    replies = [RECORDED[one].reply() if isinstance(one, str) else one for one in script]
    return lead(FORMAT.talk(request or asked()), *replies)


# -- what is sent


def test_a_prompt_is_sent_as_the_page_shows_it():
    body = {"mode": "RELAX", "prompt": "Cat", "base64Array": [], "notifyHook": ""}
    assert call_of(asked()) == HttpCall("POST", "/mj/submit/imagine", body)


def test_pictures_go_along_with_a_prompt_and_addresses_stand_before_it():
    body = call_of(asked("Cat", "draw", PICTURE, LINK, OTHER)).body
    assert body["base64Array"] == [DATA, OTHER.address]
    assert body["prompt"] == f"{CAT} Cat"


@pytest.mark.parametrize(
    ("task", "references", "path", "body"),
    [
        ("blend", (PICTURE, OTHER), "/mj/submit/blend", {"base64Array": [DATA, OTHER.address], "mode": "RELAX"}),
        ("describe", (PICTURE,), "/mj/submit/describe", {"base64": DATA}),
        ("describe", (LINK,), "/mj/submit/describe", {"link": CAT}),
        ("swap", (PICTURE, OTHER), "/mj/insight-face/swap", {"sourceBase64": DATA, "targetBase64": OTHER.address}),
        ("upload", (PICTURE, OTHER), "/mj/submit/upload-discord-images", {"base64Array": [DATA, OTHER.address]}),
        ("edit", (LINK,), "/mj/submit/edits", {"prompt": "Cat", "image": CAT}),
    ],
)
def test_each_task_sends_its_pictures_in_its_own_fields(task, references, path, body):
    call = call_of(asked("Cat", task, *references))
    assert (call.method, call.path, call.free) == ("POST", path, False)
    assert {name: call.body[name] for name in body} == body
    assert set(call.body) <= {*body, "notifyHook", "state"}


def test_a_button_is_pressed_as_the_page_shows_it():
    call = call_of(asked("Cat", "action", params=PRESSED))
    assert call == HttpCall(
        "POST", "/mj/submit/action", {"chooseSameChannel": True, "notifyHook": "", "state": "", **PRESSED}
    )


def test_a_window_and_an_edit_take_a_mask():
    window = call_of(asked("a hat", "modal", params={"taskId": 17287}, mask=PICTURE))
    assert window == HttpCall("POST", "/mj/submit/modal", {"prompt": "a hat", "maskBase64": DATA, "taskId": "17287"})
    assert call_of(asked("a hat", "edit", LINK, mask=PICTURE)).body["maskBase64"] == DATA
    assert "maskBase64" not in call_of(asked("a hat", "modal", params={"taskId": "1"})).body


@pytest.mark.parametrize(
    ("orientation", "ratio", "dimensions"),
    [("landscape", "3:2", "LANDSCAPE"), ("portrait", "2:3", "PORTRAIT"), ("square", "1:1", "SQUARE")],
)
def test_an_orientation_is_a_ratio_behind_the_prompt_and_the_dimensions_of_a_blend(orientation, ratio, dimensions):
    request = asked(orientation=orientation)
    assert call_of(request).body["prompt"] == FORMAT.prompt_as_sent(request) == f"Cat --ar {ratio}"
    assert call_of(asked("Cat", "blend", PICTURE, OTHER, orientation=orientation)).body["dimensions"] == dimensions
    assert "dimensions" not in call_of(asked("Cat", "blend", PICTURE, OTHER)).body


@pytest.mark.parametrize("prompt", ["Cat --ar 16:9", "Cat --aspect 16:9 --v 6", "Cat —ar 16:9", "--AR 4:5 Cat"])
def test_a_ratio_that_the_prompt_names_is_left_alone(prompt):
    assert FORMAT.prompt_as_sent(asked(prompt, orientation="portrait")) == prompt


@pytest.mark.parametrize("prompt", ["Cat --art 5", "a car", "Cat--ar 16:9"])
def test_what_only_looks_like_a_ratio_is_none(prompt):
    assert FORMAT.prompt_as_sent(asked(prompt, orientation="portrait")) == f"{prompt} --ar 2:3"


def test_a_prompt_that_stays_here_is_shown_as_it_is():
    assert FORMAT.prompt_as_sent(asked("Cat", "blend", PICTURE, OTHER, orientation="portrait")) == "Cat"


def test_params_stand_beside_the_own_fields_and_change_the_usual_ones():
    more = {
        "mode": "fast",
        "botType": "NIJI_JOURNEY",
        "accountFilter": {"modes": ["FAST"]},
        "state": "x",
        "notifyHook": CAT,
    }
    assert call_of(asked(params=more)).body == {"prompt": "Cat", "base64Array": [], **more, "mode": "FAST"}
    blend = asked("Cat", "blend", PICTURE, OTHER, orientation="portrait", params={"dimensions": "SQUARE"})
    assert call_of(blend).body["dimensions"] == "SQUARE"


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (asked(params={"prompt": "x"}), "prompt"),
        (asked(params={"base64Array": []}), "base64Array"),
        (asked("Cat", "blend", PICTURE), "2-5"),
        (asked("Cat", "blend", *[PICTURE] * 6), "2-5"),
        (asked("Cat", "blend", PICTURE, LINK), "addresses"),
        (asked("Cat", "describe"), "takes 1"),
        (asked("Cat", "swap", PICTURE), "takes 2"),
        (asked("Cat", "swap", *[PICTURE] * 3), "takes 2"),
        (asked("Cat", "swap", PICTURE, LINK), "addresses"),
        (asked("Cat", "upload"), "1-100"),
        (asked("Cat", "edit"), "takes 1"),
        (asked("Cat", "edit", PICTURE, params={"image": CAT}), "image"),
        (asked("Cat", "action"), "taskId"),
        (asked("Cat", "action", params={"taskId": "1"}), "customId"),
        (asked("Cat", "action", params={"taskId": "1", "customId": " "}), "customId"),
        (asked("Cat", "action", PICTURE, params=PRESSED), "takes 0"),
        (asked("Cat", "modal", params={"taskId": True}), "taskId"),
        (asked("Cat", "modal", params={"taskId": "1"}, mask=LINK), "addresses"),
        (asked(mask=PICTURE), "action, modal, edit"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_before_anything_is_sent(request_, words):
    with pytest.raises(ConfigError, match=words) as caught:
        next(FORMAT.talk(request_))
    assert caught.value.charged == "no"
    assert caught.value.do


def test_a_saved_request_whose_pictures_were_not_kept_can_still_be_led_again():
    gone = Reference("", "1")
    for task, number in (("blend", 2), ("swap", 2), ("describe", 1), ("upload", 1), ("edit", 1), ("draw", 3)):
        assert isinstance(next(FORMAT.talk(asked("Cat", task, *[gone] * number))), HttpCall)


# -- what is read


@pytest.mark.parametrize("name", TAKEN)
def test_a_submission_that_was_taken_is_asked_after_by_its_number(name):
    played = play(name, "task-grid.json")
    assert played.calls[1] == HttpCall("GET", f"/mj/task/{EXPECTED[name]['asks']}/fetch", free=True)
    assert played.result.job == EXPECTED[name]["asks"]
    assert [one.text for one in played.told] == EXPECTED[name].get("told", [])
    assert played.waits == 1


def test_addresses_in_place_of_a_number_are_the_result():
    assert [one.address for one in play("submit-links.json").result.sources] == EXPECTED["submit-links.json"][
        "pictures"
    ]
    uploaded = play("submit-links.json", request=asked("Cat", "upload", PICTURE)).result
    assert (uploaded.text.split("\n"), uploaded.sources) == (EXPECTED["submit-links.json"]["pictures"], ())


def test_an_address_that_is_given_twice_in_place_of_a_number_is_one_picture():
    body = {"code": 1, "result": ["https://h.example/a.png", "https://h.example/a.png", "https://h.example/b.png"]}
    sources = lead(FORMAT.talk(asked()), reply_of(json.dumps(body))).result.sources
    assert [one.address for one in sources] == ["https://h.example/a.png", "https://h.example/b.png"]


@pytest.mark.parametrize("name", FINISHED)
def test_a_finished_work_gives_its_picture_words_and_buttons(name):
    row = EXPECTED[name]
    request = asked("Cat", "describe", PICTURE) if name.startswith("described") else asked()
    answer = play("submit-text.json", name, *[name] * 4 * row.get("asked_again", False), request=request).result
    assert [source.address for source in answer.sources] == row.get("pictures", [])
    assert (answer.text, answer.revised_prompt) == (row.get("text", ""), row.get("revised", ""))
    assert (answer.finish_reason, answer.model, answer.job) == ("SUCCESS", "", NUMBER)
    if "number" in row:
        assert len(answer.buttons) == row["number"]
        return
    assert [button.label for button in answer.buttons] == row.get("buttons", [])
    assert [button.label for button in answer.buttons if button.again] == row.get("again", [])


@pytest.mark.parametrize("name", REFUSED)
def test_what_was_refused_or_failed_is_raised_with_the_endpoints_words_and_the_cost(name):
    row = EXPECTED[name]
    with pytest.raises(WenwenError) as caught:
        play(*([name] if name.startswith("submit") else ["submit-text.json", name]))
    assert (type(caught.value).__name__, caught.value.charged) == (row["error"], row["charged"])
    said = f"{caught.value} {caught.value.text}"
    assert [word for word in row["words"] if word not in said] == []


@pytest.mark.parametrize("name", GOING_ON)
def test_a_work_that_goes_on_is_told_and_asked_after_again(name):
    row, played = EXPECTED[name], play("submit-text.json", name, "task-grid.json")
    picture = Source(row["preview"]) if "preview" in row else None
    assert played.told == [Progress(row["goes_on"], row.get("percent"), picture=picture)]
    assert (played.calls[1:], played.waits) == ([FETCH, FETCH], 2)
    assert played.result.finish_reason == "SUCCESS"


NO_ADDRESS = [None, "", " ", [], {}, 0, False, "javascript:alert(1)", "pending"]


@pytest.mark.parametrize("address", NO_ADDRESS, ids=json.dumps)
@pytest.mark.parametrize("times", [1, 4])
def test_a_work_that_is_done_before_its_picture_has_an_address_is_asked_after_again_for_free(address, times):
    early = task_with(imageUrl=address)
    played = play("submit-text.json", *(reply_of(early) for _ in range(times)), "task-grid.json")
    assert [source.address for source in played.result.sources] == EXPECTED["task-grid.json"]["pictures"]
    assert (played.calls[1:], played.waits) == ([FETCH] * (times + 1), times + 1)
    assert all(call.free for call in played.calls[1:])


def test_a_picture_that_never_gets_an_address_is_asked_for_by_fetch_again():
    early = [reply_of(task_with(imageUrl="")) for _ in range(5)]
    answer = play("submit-text.json", *early).result
    assert (answer.sources, answer.job) == ((), NUMBER)
    assert "%wenwen fetch" in answer.text
    assert play("submit-text.json", "task-grid.json").result.sources  # the kept reply is led again


@pytest.mark.parametrize(
    "origin",
    [
        *("http://localhost:3000", "http://LOCALHOST", "http://127.0.0.1:8080", "http://[::1]:3000", "http://10.0.0.7"),
        *("https://192.168.1.2", "http://172.17.0.2:8080", "http://midjourney-proxy:8080", "http://mj.internal"),
        *("http://0.0.0.0:8080", "http://host.docker.internal:3000", "http://mj.default.svc", "http://169.254.1.1"),
    ],
)
def test_a_picture_at_the_servers_own_network_is_asked_of_the_endpoint(origin):
    path = f"/mj/image/{NUMBER}?rand=1"
    done = reply_of(task_with(imageUrl=origin + path))
    assert [source.address for source in play("submit-text.json", done).result.sources] == [path]


@pytest.mark.parametrize(
    "address", ["https://cdn.example/a.png", "http://8.8.8.8/mj/a.png", "https://[2606:4700::1111]/a.png"]
)
def test_a_picture_at_any_other_host_stays_where_it_is(address):
    assert play("submit-text.json", reply_of(task_with(imageUrl=address))).result.sources == (Source(address),)


LISTS = [
    [CAT, f"{CAT}?2"],
    [{"url": CAT}, {"url": f"{CAT}?2"}],
    [{"imageUrl": CAT}, None, {"url": f"{CAT}?2", "thumbnail": "https://h.example/s.png"}, CAT],
]


@pytest.mark.parametrize("listed", LISTS)
@pytest.mark.parametrize("name", ["imageUrls", "image_urls"])
def test_a_list_of_pictures_counts_where_there_is_no_grid(listed, name):
    done = task_with(imageUrl="", **{name: listed})
    assert play("submit-text.json", reply_of(done)).result.sources == (Source(CAT), Source(f"{CAT}?2"))
    grid = task_with(imageUrl="https://h.example/grid.png", **{name: listed})
    assert play("submit-text.json", reply_of(grid)).result.sources == (Source("https://h.example/grid.png"),)


@pytest.mark.parametrize(
    "kind", [None, True, 7, "x", [], {}, [[]], [7, None], {"url": 7}, [{"url": []}]], ids=json.dumps
)
@pytest.mark.parametrize(
    "name", ["imageUrl", "imageUrls", "videoUrl", "videoUrls", "buttons", "properties", "progress"]
)
def test_a_field_of_a_work_may_be_of_any_type(kind, name):
    done = task_with(**{"imageUrl": CAT, name: kind})
    assert play("submit-text.json", *[reply_of(done), "task-grid.json"]).result.finish_reason == "SUCCESS"


def test_a_film_is_among_the_videos():
    films = play("submit-text.json", "task-film.json").result.videos
    assert films == (Source("https://cdn.example/1.mp4"), Source("https://cdn.example/2.mp4"))


def task_with(**fields):
    return json.dumps({**json.loads(RECORDED["task-nothing.json"].body), **fields})


def test_progress_is_told_in_chinese_to_a_chinese_reader():
    speak("zh")
    assert play("submit-text.json", "task-drawing.json", "task-grid.json").told[0].text == "绘制中 45%"
    assert "🔄 重新生成" in [one.label for one in play("submit-text.json", "task-grid.json").result.buttons]


def test_a_preview_is_shown_once():
    other = reply_of(RECORDED["task-drawing.json"].body.replace(b"preview", b"preview2"))
    script = [
        "submit-text.json",
        "task-drawing.json",
        "task-submitted.json",
        "task-drawing.json",
        other,
        "task-grid.json",
    ]
    shown = [one.picture and one.picture.address for one in play(*script).told]
    assert shown == ["https://cdn.example/preview.webp", None, None, "https://cdn.example/preview2.webp"]


@pytest.mark.parametrize(
    "unread",
    [
        lambda: reply_of(""),
        lambda: reply_of("null"),
        lambda: reply_of('{"code":3,"description":"task_no_found "}'),
        lambda: reply_of("<html>bad gateway</html>"),
        lambda: reply_of('{"status":"SUC', broken=broken_connection()),
        lambda: reply_of("", broken=broken_connection()),
        lambda: reply_of("[" * 100_000),
    ],
    ids=["empty", "null", "code", "page", "torn", "broken", "deep"],
)
def test_an_answer_on_progress_that_cannot_be_read_is_asked_for_again(unread):
    played = play("submit-text.json", unread(), "task-grid.json")
    assert (played.calls[1:], played.waits) == ([FETCH, FETCH], 2)
    assert [one.text for one in played.told] == ["the endpoint's answer could not be read; asking again"]
    assert played.result.sources


@pytest.mark.parametrize("torn", ['{"code":1,"result":"%s","properties":{"ac', ': OK\n\n{"code":1,"result":"%s"}'])
def test_bug_a_job_whose_number_came_in_a_broken_answer_was_submitted_again(torn):
    answer = reply_of(torn % NUMBER, broken=broken_connection() if torn[0] == "{" else None)
    assert play(answer, "task-grid.json").result.job == NUMBER


def test_a_whole_answer_counts_though_the_connection_broke_behind_it():
    whole = reply_of(RECORDED["submit-text.json"].body, broken=broken_connection())
    assert play(whole, "task-grid.json").result.job == NUMBER
    with pytest.raises(EndpointError, match="broke"):
        play(reply_of('{"code":1,', broken=broken_connection()))


def test_a_picture_inside_the_answer_is_taken_as_it_came():
    body = json.loads(RECORDED["task-grid.json"].body)
    inline = reply_of(json.dumps({**body, "imageUrl": data_uri(png(400, 400))}))
    (source,) = play("submit-text.json", inline).result.sources
    assert (source.address, f"data:image/png;base64,{source.data.decode()}") == (
        "data:image/png",
        data_uri(png(400, 400)),
    )


def test_a_number_that_is_no_number_cannot_lead_the_question_elsewhere():
    told = reply_of(json.dumps({"code": 1, "result": "../../v1/models?x=1#y"}))
    assert play(told, "task-grid.json").calls[1].path == "/mj/task/..%2F..%2Fv1%2Fmodels%3Fx%3D1%23y/fetch"


# -- windows

ZOOM = asked("Cat --zoom 1.5", "action", params=PRESSED, mask=PICTURE, orientation="landscape")
FILLED = {"taskId": "1728781324658688", "prompt": "Cat --zoom 1.5 --ar 3:2", "maskBase64": DATA}


def test_a_window_that_a_button_opens_is_filled_with_the_prompt_and_the_mask():
    played = play("submit-modal.json", "submit-text.json", "task-grid.json", request=ZOOM)
    assert played.calls[1:] == [HttpCall("POST", "/mj/submit/modal", FILLED), FETCH]


def test_a_window_that_opens_later_is_filled_too_and_only_once():
    script = ["submit-text.json", "task-modal.json", "submit-text.json", "task-modal.json", "task-grid.json"]
    paths = [call.path for call in play(*script, request=ZOOM).calls]
    assert paths == ["/mj/submit/action", FETCH.path, "/mj/submit/modal", FETCH.path, FETCH.path]


def test_the_work_goes_on_under_its_number_where_the_window_names_none():
    nameless = reply_of('{"code":1,"description":"","result":""}')
    played = play("submit-modal.json", nameless, "task-grid.json", request=ZOOM)
    assert played.calls[2].path == "/mj/task/1728781324658688/fetch"


def test_a_button_without_a_number_is_not_taken_for_the_work_it_hangs_under():
    with pytest.raises(AnswerError, match="gave no job number"):
        play("submit-no-number.json", request=asked("Cat", "action", params=PRESSED))


def test_a_conversation_whose_last_reply_was_kept_goes_on_from_it():
    """A window's own answer is the last that may have cost, so the way to it is not repeated."""
    assert [call.path for call in play("submit-text.json", "task-grid.json", request=ZOOM).calls] == [
        "/mj/submit/action",
        FETCH.path,
    ]


# -- further questions


def inquire(name, job, *replies):
    led = lead(FORMAT.inquiries[name](job), *replies)
    return led.result, led.calls


def test_a_work_can_be_looked_at():
    found, calls = inquire("query", NUMBER, RECORDED["task-grid.json"].reply())
    assert found == json.loads(RECORDED["task-grid.json"].body)
    assert calls == [FETCH]


@pytest.mark.parametrize("wrap", [lambda body: body, lambda body: [body]], ids=["object", "array"])
def test_several_works_can_be_looked_at_at_once(wrap):
    body = json.loads(RECORDED["task-grid.json"].body)
    found, calls = inquire("queries", f"{NUMBER}, 2，3,", reply_of(json.dumps(wrap(body))))
    assert found == {NUMBER: body}
    assert calls == [HttpCall("POST", "/mj/task/list-by-condition", {"ids": [NUMBER, "2", "3"]}, free=True)]


def test_a_seed_can_be_asked_for():
    found, calls = inquire("seed", NUMBER, reply_of('{"code":1,"description":"成功","result":"3141592653"}'))
    assert (found, calls[0].path, calls[0].free) == ({"seed": "3141592653"}, f"/mj/task/{NUMBER}/image-seed", True)


def test_no_question_may_cost():
    assert set(FORMAT.inquiries) == {"query", "queries", "seed"}
    for question in FORMAT.inquiries.values():
        assert next(question(NUMBER)).free


@pytest.mark.parametrize("name", FORMAT.inquiries)
@pytest.mark.parametrize("body", ["", "nothing", "["])
def test_a_question_that_gets_no_sense_is_an_error(name, body):
    with pytest.raises(AnswerError):
        inquire(name, NUMBER, reply_of(body))


def test_a_list_of_nothing_is_empty():
    assert inquire("queries", NUMBER, reply_of("[null, 5]"))[0] == {}


def test_words_are_the_result_of_the_tasks_that_give_no_picture():
    assert set(WORD_TASKS) & set(FORMAT.tasks) == {"describe", "upload"}  # it answers no questions


def test_a_recorded_reply_reads_the_same_in_pieces():
    for name, one in RECORDED.items():
        before = [] if name.startswith("submit") else ["submit-text.json"]
        outcomes = [
            outcome(
                "midjourney", *(RECORDED[other].reply() for other in before), reply, RECORDED["task-grid.json"].reply()
            )
            for reply in (one.reply(), one.reply(chunk=1), one.reply(chunk=7), one.reply(chunk=300))
        ]
        assert outcomes == outcomes[:1] * 4, name
