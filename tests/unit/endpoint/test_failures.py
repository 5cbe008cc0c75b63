"""What an endpoint answers in place of a picture: its words, its number, and whether it cost."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.scripted import grows_in_proportion

from wenwen_magic.endpoint.failures import (
    about_models,
    error_of_object,
    error_of_reply,
    looks_like_html,
    read_problem,
    web_page,
)
from wenwen_magic.errors import EndpointError
from wenwen_magic.text.i18n import speak

NUMBER = "20260203113641101064610Ab3dE9xZ"
QUOTA = "用户额度不足, 剩余额度: ＄0.000000"


def error_for(body, status=400, seconds=1.0, **more):
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return error_of_reply(status, raw, seconds=seconds, **more)


BODIES = [
    {"error": {"message": QUOTA, "type": "new_api_error", "param": "", "code": "x"}},
    {"error": {"message": QUOTA}},
    {"error": {"message": QUOTA, "code": None}},
    {"error": {"message": QUOTA, "code": 4}},
    {"error": {"message": QUOTA, "code": "", "type": "requests"}},
    {"error": {"code": 400, "message": QUOTA, "status": "INVALID_ARGUMENT"}},
    {"type": "error", "error": {"type": "invalid_request_error", "message": QUOTA}},
    {"error": QUOTA},
    {"message": QUOTA},
    {"msg": QUOTA},
    {"err": QUOTA},
    {"error_msg": QUOTA},
    {"detail": QUOTA},
    {"success": False, "message": QUOTA},
    {"code": "x", "message": QUOTA, "data": None},
    {"code": 4, "description": QUOTA, "type": "quota_not_enough"},
    {"error": {"message": "", "msg": QUOTA}},
    {"error": None, "message": QUOTA},
    {"errmsg": QUOTA, "errcode": 4},
    {"errorMessage": QUOTA},
    {"base_resp": {"status_code": 1008, "status_msg": QUOTA}},
    {"Response": {"Error": {"Code": "x", "Message": QUOTA}, "RequestId": "r"}},
    {"ResponseMetadata": {"Error": {"Code": "x", "Message": QUOTA}}},
    {"header": {"code": 1, "message": QUOTA}},
    {"code": 0, "message": "SUCCEED", "data": {"task_status": "failed", "task_status_msg": QUOTA}},
    {"detail": [{"msg": QUOTA}]},
    {"detail": {"error": {"message": QUOTA}}},
    {"errors": [QUOTA]},
    {"errors": [{"message": QUOTA}, {"message": QUOTA}]},
    {"error": [{"message": QUOTA}]},
    {"error": {"error": {"message": QUOTA}}},
    {"error": {"message": {"text": QUOTA}}},
    {"error": json.dumps({"error": {"message": QUOTA}})},
    {"error": "denied", "error_description": QUOTA},
    {"fault": {"faultstring": QUOTA, "detail": {"errorcode": "x"}}},
    [{"error": {"code": 400, "message": QUOTA}}],
    {"title": QUOTA, "status": 403, "type": "about:blank"},
]


@pytest.mark.parametrize("body", BODIES, ids=json.dumps)
def test_the_message_is_found_in_every_shape_and_with_every_status(body):
    assert error_for(body).why == error_of_object(body).why == QUOTA


STORES = [
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>{}</Message><HostId>h</HostId></Error>',
    "<Error><Code>AccessDenied</Code>\n<Message>{}</Message></Error>",
    '\ufeff<?xml version="1.0"?><!-- x --><Error xmlns="http://h"><Message lang="en"> {} </Message></Error>',
]


@pytest.mark.parametrize("body", STORES)
@pytest.mark.parametrize("status", [403, 404, 500])
def test_the_message_of_a_store_of_files_is_its_xmls(body, status):
    error = error_for(body.format("Request has expired.").encode(), status)
    assert error.why == "Request has expired."
    assert error_of_object(body.format("Request has expired.")).why == error.why


def test_the_filters_that_refused_are_named():
    results = {
        "hate": {"filtered": False, "severity": "safe"},
        "violence": {"filtered": True, "severity": "high"},
        "jailbreak": {"filtered": True, "detected": True},
    }
    for place in ("content_filter_result", "content_filter_results"):
        body = {"error": {"code": "content_filter", "message": "Blocked.", "innererror": {place: results}}}
        assert error_for(body).why == "Blocked. · violence: high · jailbreak"


def test_title_and_detail_and_the_place_of_a_fault_are_told():
    assert (
        error_for({"title": "Bad Gateway", "status": 502, "detail": "Nothing came."}).why
        == "Bad Gateway: Nothing came."
    )
    assert (
        error_for({"detail": [{"loc": ["body", "size"], "msg": "field required"}]}).why == "body.size: field required"
    )
    assert (
        error_for({"errors": {"prompt": ["is empty"], "n": ["is no number"]}}).why
        == "prompt: is empty; n: is no number"
    )


@pytest.mark.parametrize(
    "around",
    [
        b"%s",
        b"\n\n %s \n",
        b": PING\n\n: PING\n\n%s",
        b": PING\n\ndata: %s\n\n",
        b"\xef\xbb\xbf%s",
        b"data:%s\n\ndata: [DONE]\n",
    ],
)
def test_the_message_is_found_behind_what_keeps_a_connection_alive(around):
    assert error_for(around % json.dumps({"error": {"message": QUOTA}}).encode()).why == QUOTA


@pytest.mark.parametrize(
    "body",
    [
        {"detail": [{"loc": ["body", "size"], "msg": "field required", "type": "missing"}]},
        {"error": ["field required"]},
        {"error": {"error": {"message": "field required"}}},
        {"error": {"message": {"text": "field required"}}},
        [{"error": {"code": 400, "message": "field required"}}],
        {"errors": [{"message": "field required"}]},
    ],
)
def test_words_in_a_shape_that_nobody_foresaw_are_shown_all_the_same(body):
    assert "field required" in error_for(body).why
    assert "field required" in error_for(body).text


@pytest.mark.parametrize("body", [b"", b" \n", b"null", b"{}", b"[]", b"0", b'{"error": null}', b'{"error": {}}'])
def test_a_body_without_words_is_an_error_that_still_says_what_happened(body):
    error = error_for(body, 429)
    assert error.what.startswith("The endpoint is busy")
    assert "None" not in str(error)


def test_plain_text_is_shown_as_it_is():
    assert error_for(b"upstream connect error", 503).why == "upstream connect error"


def test_of_a_web_page_the_title_is_shown_and_no_tag():
    page = b"<!DOCTYPE html>\n<html><head><TITLE lang=en>524:\n A timeout occurred</TITLE></head><body>much</body>"
    error = error_for(page, 524, 100.0)
    assert (error.why, error.charged) == ("524: A timeout occurred", "maybe")


@pytest.mark.parametrize("wrapped", ["(request id: {})", "( Request ID: {} )", "request id:{}"])
def test_the_number_of_the_request_is_read_from_the_words(wrapped):
    assert error_for({"error": {"message": f"{QUOTA} {wrapped.format(NUMBER)}"}}).request_id == NUMBER


def test_the_number_of_the_request_is_taken_from_the_header_when_the_words_have_none():
    assert error_for(b"", 500, request_id="abc-1").request_id == "abc-1"


@pytest.mark.parametrize("code", ["x", "", None, 400, 4.5, True, [], {}, {"a": 1}])
def test_a_code_of_any_kind_is_read(code):
    assert isinstance(read_problem({"error": {"message": "m", "code": code}}).code, str)


def test_what_looks_like_a_key_or_steers_a_terminal_is_not_shown():
    error = error_for(
        {"error": {"message": "[sk-abc***xyz] 该令牌额度已用尽 \x1b[31m\x1b]8;;http://e\x07 Bearer abcdefgh"}}, 401
    )
    said = str(error) + error.text + repr(error.as_dict())
    assert "sk-abc" not in said
    assert "abcdefgh" not in said
    assert "\x1b" not in error.why + error.text
    assert "额度已用尽" in error.why


# What it cost


COSTS = [
    ("no", 300.0, (300, 302, 308, 400, 401, 402, 403, 404, 405, 410, 413, 415, 422, 431, 451)),  # however late
    ("maybe", 0.1, (408, 409, 500, 501, 502, 504, 507, 520, 521, 522, 523, 524, 525, 529, 530, 598)),  # however soon
    *(("no", seconds, (429, 503)) for seconds in (0.2, 10.0)),  # at once
    *(("maybe", seconds, (429, 503)) for seconds in (10.1, 99.0)),
]


@pytest.mark.parametrize(("charged", "seconds", "statuses"), COSTS)
def test_what_a_status_cost(charged, seconds, statuses):
    assert {status: error_for(b"", status, seconds).charged for status in statuses} == dict.fromkeys(statuses, charged)


REFUSED = [
    *("convert_request_failed", "insufficient_user_quota", "invalid_request", "model_not_found", "model_price_error"),
    *("pre_consume_token_quota_failed", "read_request_body_failed", "sensitive_words_detected"),
]


@pytest.mark.parametrize("code", REFUSED)
def test_what_the_relay_refuses_before_it_asks_a_model_costs_nothing(code):
    body = {"error": {"message": "m", "code": code}}
    errors = [error_of_object(body), *(error_for(body, status, 60.0) for status in (403, 500, 503))]
    assert [error.charged for error in errors] == ["no"] * 4


def test_an_error_object_with_status_200_may_have_cost():
    error = error_of_object({"error": {"message": "upstream", "code": "do_request_failed"}})
    assert (error.charged, error.status) == ("maybe", 200)


def test_a_redirect_names_the_setting():
    assert "base_url" in error_for(b"", 302).do


@pytest.mark.parametrize("status", [200, 201, 204, 299, 600, 700, 999])
def test_a_status_from_outside_the_table_is_explained_too(status):
    assert isinstance(error_for({"error": {"message": "m"}}, status), EndpointError)


# What to do


@pytest.mark.parametrize("charged", ["no", "maybe", "yes"])
def test_a_question_for_models_costs_nothing_whatever_comes_of_it(charged):
    error = about_models(EndpointError("x", charged=charged, do="wait"))
    assert error.charged == "no"
    assert ("without the list" in error.do) == (charged != "no")


def test_a_model_that_is_not_there_points_at_the_list_of_models():
    error = error_for({"error": {"message": "分组 default 下模型 X 无可用渠道", "code": "model_not_found"}}, 503)
    assert "%wenwen models" in error.do


def test_a_refused_key_points_at_the_ways_to_set_one_and_at_the_demo():
    error = error_for(b"", 401)
    assert "%wenwen key" in error.do
    assert "%wenwen demo" in error.do


def test_what_may_have_cost_is_not_called_free_to_repeat():
    assert "charged" in error_for(b"", 502).do


@pytest.mark.parametrize("status", [300, 400, 401, 403, 404, 408, 413, 429, 499, 500, 503, 524, 598])
def test_every_explanation_names_its_status_and_exists_in_both_languages(status):
    english = error_for(b"", status).lines()
    speak("zh")
    try:
        chinese = error_for(b"", status).lines()
    finally:
        speak("")
    assert all(f"HTTP {status}" in words[0] for words in (english, chinese))
    assert english[0] != chinese[0]


# Web pages


@pytest.mark.parametrize(
    "text", ["<!DOCTYPE html>", "\ufeff <html>", "\n<HTML lang='zh'>", "<!-- x --><html>", "<head>"]
)
def test_a_web_page_is_known_by_its_beginning(text):
    assert looks_like_html(text)


@pytest.mark.parametrize("text", ["", "{}", "<think>a cat</think>", "<img src=x>", "![](http://h/x.png)", "html"])
def test_an_answer_is_not_taken_for_a_web_page(text):
    assert not looks_like_html(text)


def test_a_web_page_in_place_of_an_answer_costs_nothing():
    error = web_page(200, "<html><title>New API</title>")
    assert (error.charged, error.why, error.status) == ("no", "New API", 200)


def test_a_page_of_titles_without_end_takes_time_in_proportion():
    assert grows_in_proportion(lambda factor: "<html>" + "<title>" * 4_000 * factor, lambda page: web_page(200, page))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["error", "message", "code", "type", "detail"]), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(JSON, st.integers(300, 599))
def test_any_json_makes_an_error_that_can_be_shown_and_stored(body, status):
    for error in (error_for(json.dumps(body).encode(), status), error_of_object(body)):
        assert json.dumps(error.as_dict())
        assert "\n".join(error._render_traceback_())


@given(st.binary(max_size=200), st.integers(300, 599))
def test_any_bytes_make_an_error_that_can_be_shown(body, status):
    assert str(error_for(body, status))


def test_a_deeply_nested_body_makes_an_error_like_any_other():
    assert error_for(b"[" * 100_000, 500).status == 500
    assert error_for(b'{"error":' * 100_000, 500).status == 500


@pytest.mark.parametrize(("status", "seconds"), [(408, 1), (409, 1), (429, 60), (503, 60), (500, 1), (524, 1)])
def test_bug_what_may_have_been_charged_was_to_be_run_again_without_a_word_on_the_cost(status, seconds):
    error = error_for({}, status, seconds)
    assert (error.charged, "asks again" in error.do, "refused" in error.what) == ("maybe", True, False)
