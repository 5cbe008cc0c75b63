"""What an endpoint answers in place of a picture: its words, its number, and whether it cost."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.scripted import grows_in_proportion

from wenwen_magic.endpoint.bodies import looks_like_html, read_problem
from wenwen_magic.endpoint.failures import about_models, error_of_object, error_of_reply, web_page
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


def said(message, code=None, **more):
    return {"error": {"message": message, **({} if code is None else {"code": code}), **more}}


GONE = [
    (
        404,
        said("The model gpt-4o-image has been retired. Please use gpt-image-2.6-flare instead.", ""),
        "gpt-image-2.6-flare",
    ),
    (404, said("models/x-1 is not found for API version v1beta, or is not supported for generateContent.", 404), ""),
    (404, said("Publisher Model `projects/p/models/imagen-9` was not found or your project does not have access."), ""),
    (
        404,
        said("This model models/x is no longer available to new users. Please update your code to use a newer model"),
        "",
    ),
    (
        404,
        said("The model or endpoint x-9 does not exist or you do not have access.", "InvalidEndpointOrModel.NotFound"),
        "",
    ),
    (404, said("Your account 21 has not activated the model x-9.", "ModelNotOpen"), ""),
    (404, said("The API deployment for this resource does not exist. Please wait a moment.", "DeploymentNotFound"), ""),
    (503, said("分组 default 下模型 x-9 无可用渠道（distributor） (request id: 20260520)", "model_not_found"), ""),
    (503, said("分组 default 下模型 x-9 无可用渠道（distributor） (request id: 20260520)"), ""),
    (503, said("当前分组 default 下对于模型 x-1 无可用渠道"), ""),
    (503, said("No available channel for model X under group default (distributor)"), ""),
    (503, {"message": "no available channels for model X"}, ""),
    (500, said("no available channel found for model X"), ""),
    (403, said("该令牌无权访问模型 x-1"), ""),
    (403, said("该令牌无权使用模型：x-1"), ""),
    (403, said("您没有权限使用该模型"), ""),
    (403, said("当前令牌未授权使用该模型"), ""),
    (403, said("没有模型 x-1 的访问权限"), ""),
    (403, said("This token has no access to model x-1"), ""),
    (403, said("Project `proj_1` does not have access to model `x-1`"), ""),
    (404, said("The model `x` does not exist or you do not have access to it.", "model_not_found"), ""),
    (404, said("The model `x` does not exist or you do not have access"), ""),
    (404, said("The model `davinci-003` has been deprecated, learn more here: https://h.example/deprecations"), ""),
    (400, {"code": 20012, "message": "Model does not exist. Please check it carefully.", "data": None}, ""),
    (403, {"code": 30003, "message": "Model disabled."}, ""),
    (400, {"code": "InvalidParameter", "message": "Model not exist."}, ""),
    (404, said("Not found the model X or Permission denied", "resource_not_found_error"), ""),
    (400, said("模型不存在，请检查模型代码。", "1211"), ""),
    (404, {"detail": "未找到模型"}, ""),
    (400, {"msg": "找不到该模型"}, ""),
    (410, said("模型 x-1 已下线，请改用 gpt-image-2.6-flare"), "gpt-image-2.6-flare"),
    (400, said("该模型已停用，请切换到 gemini-3-pro-image"), "gemini-3-pro-image"),
    (400, said("模型「即梦 2.0」已于 2026-10-01 下架，推荐使用 jimeng-4.0。"), "jimeng-4.0"),
    (400, said("不支持的模型: foo"), ""),
    (400, said("无效的模型名称 foo"), ""),
    (400, said("x-y is not a valid model ID"), ""),
    (404, said("No endpoints found for openai/x."), ""),
    (404, said("No allowed providers are available for the selected model."), ""),
    (400, said("The model `x-8b` has been decommissioned and is no longer supported.", "model_decommissioned"), ""),
    (404, {"type": "error", "error": {"type": "not_found_error", "message": "model: x-1"}}, ""),
    (400, {"message": "Invalid model: x", "type": "invalid_model"}, ""),
    (
        404,
        said(
            "Unable to access model x. Please visit https://h.example/models to view the list.", "model_not_available"
        ),
        "",
    ),
    (404, said("Model not found, inaccessible, and/or not deployed"), ""),
    (404, {"error": "model 'x' not found, try pulling it first"}, ""),
    (400, said("Invalid model name passed in model=x. Call `/v1/models` to view available models for your key."), ""),
    (401, said("key not allowed to access model. This key can only access models=['a']. Tried to access x", "401"), ""),
    (400, {"message": "The provided model identifier is invalid."}, ""),
    (404, {"message": "This model version has reached the end of its life. Please refer to the documentation."}, ""),
    (400, {"base_resp": {"status_code": 2013, "status_msg": "invalid params, unknown model 'x'"}}, ""),
    (400, {"error": "unsupported model: x"}, ""),
    (400, said("Can't find model x"), ""),
    (400, said("不支持该模型"), ""),
    (400, said("模型名称错误"), ""),
    (403, said("您的账户未开通该模型"), ""),
    (403, said("该模型暂未开放"), ""),
    (404, said("模型[x-1]不存在或已被删除"), ""),
    (404, "model_not_found", ""),
    (404, said("The API deployment for this resource does not exist."), ""),
    (404, said("Gemini 2.5 Flash Image Preview is no longer available."), ""),
    (404, said("The engine x does not exist"), ""),
    (400, said("Invalid value for 'model': x"), ""),
    (422, {"detail": [{"loc": ["body", "model"], "msg": "Input should be 'a' or 'b'"}]}, ""),
    (403, said("Access to model x is denied"), ""),
    (403, said("You don't have permission to use model x"), ""),
    (403, said("Model x is not in your allowlist"), ""),
    (400, said("model x isn't supported"), ""),
    (410, said("Model x-2.5 has been retired.", 410, type="model_gone", replacement="x-3"), "x-3"),
    (404, said("gemini-x-2.5 was shut down on 2026-01-15. Use x-nano-3."), "x-nano-3"),
    (400, said("Model x-1 has been replaced by x-2 and is no longer available"), "x-2"),
    (404, said("The model 'x-1' was removed. Successor: openai/x-2"), "openai/x-2"),
    (404, said("The model `gpt-image-1` does not exist or you do not have access to it."), "gpt-image-2.6-flare"),
    (503, said("分组 default 下模型 gemini-3-pro-image-preview 无可用渠道"), "gemini-3-pro-image"),
]


@pytest.mark.parametrize(
    ("status", "body", "instead"), GONE, ids=lambda value: json.dumps(value, ensure_ascii=False)[:70]
)
def test_a_model_that_is_gone_is_told_as_that_for_free_with_what_to_use_now(status, body, instead):
    raw = body.encode() if isinstance(body, str) else body
    for error in (error_for(raw, status, 60.0), error_of_object(body)):
        assert error.what == "The endpoint has no such model for your key."
        assert error.charged == "no"
        assert error.do.startswith(f"Try -m {instead}. " if instead else "Check the model's name: ")
        assert "%wenwen models" in error.do
    assert error_for(raw, status).lasting


ELSE = [
    (404, "404 page not found", "no such address"),
    (404, "<html><title>404 Not Found</title></html>", "no such address"),
    (404, "", "no such address"),
    (404, {"detail": "Not Found"}, "no such address"),
    (404, said("Invalid URL (POST /v1/chat/completions)"), "no such address"),
    (404, said("Invalid URL (POST /v1/models/chat/completions)"), "no such address"),
    (404, {"code": 404, "message": "The requested resource was not found"}, "no such address"),
    (503, said("The model is overloaded. Please try again later."), "no channel"),
    (503, said("The model x is not available right now, try again later."), "no channel"),
    (503, said("模型暂时不可用，请稍后重试"), "no channel"),
    (429, said("当前分组上游负载已饱和，请稍后再试"), "busy"),
    (429, said("Rate limit reached for model x in organization org-1"), "busy"),
    (400, said("The model x does not support the parameter style"), "refused the request"),
    (400, said("Invalid value for model dall-e-3: style is not supported"), "refused the request"),
    (400, said("quality 'hd' is not supported by model x"), "refused the request"),
    (400, said("image_size 512 is not available for model x"), "refused the request"),
    (400, said("Invalid model parameter: size"), "refused the request"),
    (400, said("该模型不支持图像输入"), "refused the request"),
    (422, {"detail": [{"loc": ["body", "model"], "msg": "field required"}]}, "refused the request"),
    (503, said("模型暂不可用"), "no channel"),
    (404, said("The model x-9 is temporarily unavailable."), "no channel"),
    (404, said("The model x-9 does not exist right now, try again later."), "no channel"),
    (404, said("模型 x-9 暂时不可用"), "no channel"),
    (404, said("The page is temporarily away"), "no such address"),
    (404, said("This API version is no longer supported"), "no such address"),
    (400, said("The prompt was removed by the safety model"), "refused the request"),
    (400, said("模型参数 size 不存在"), "refused the request"),
    (401, said("无效的令牌"), "did not accept the key"),
    (500, said("do request failed", "do_request_failed"), "failed"),
]


@pytest.mark.parametrize(
    ("status", "body", "words"), ELSE, ids=lambda value: json.dumps(value, ensure_ascii=False)[:70]
)
def test_other_words_on_models_and_addresses_are_told_as_before(status, body, words):
    error = error_for(body.encode() if isinstance(body, str) else body, status)
    assert words in error.what
    assert not error.lasting


@pytest.mark.parametrize(
    ("message", "do"),
    [
        ("not supported model for image generation, only imagen models are supported", "gemini or --format chat"),
        ("The model x does not support image generation", "gemini or --format chat"),
        ("x is not an image generation model", "gemini or --format chat"),
        ("该模型不支持图像生成接口", "gemini or --format chat"),
        ("This is not a chat model and thus not supported in the v1/chat/completions endpoint.", "--format images"),
        ("The requested model 'x' is not supported with the chat completions API", "--format images"),
        ("This model can only be used with v1/images/generations", "--format images"),
        ("该模型不是对话模型，请使用绘图接口", "--format images"),
    ],
)
@pytest.mark.parametrize(("status", "code"), [(500, "convert_request_failed"), (500, ""), (400, "x"), (404, "")])
def test_a_model_for_another_format_names_the_format_and_costs_nothing(message, do, status, code):
    for error in (error_for(said(message, code), status), error_of_object(said(message, code))):
        assert do in error.do
        assert error.charged == "no"


OF_RESULTS = [
    "The model output was removed because it violates our content policy",
    "The model's output was removed",
    "Model response is no longer available",
    "The model's generated image has been removed",
    "This model is not allowed to generate images of real people",
    "The model is not allowed to draw public figures",
    "Gemini image was removed for safety reasons",
    "gemini-3-pro-image picture was deleted and is no longer available",
    "The gpt-4o result has been removed",
    "gpt-4o image generation was disabled for this prompt",
    "gpt-image-2 was disabled for your prompt",
    "The image generated by the model has been removed",
    "Model reply was removed",
    "gpt-4o video was removed",
    "gpt-image-2 edit was removed",
    "Your gpt-image-2 order has been removed",
    "Model text not allowed",
    "The model is not allowed: the picture depicts minors",
    "模型因内容风险已停止服务本次请求",
    "Model size is not supported",
    "Model quality is not available",
    "request-12345 was removed",
    "task-20260101 has been deactivated",
    "模型返回的内容因违规被删除",
    "模型生成的内容已被系统禁用",
    "模型返回结果不可用",
    "模型调用失败：生成的内容已下架",
    "模型输出已被删除",
    "模型生成的图片已被移除",
    "该模型画的图已删除",
    "模型输出内容涉嫌色情，已被禁用",
]


@pytest.mark.parametrize("message", OF_RESULTS)
def test_bug_words_on_a_result_that_was_removed_were_taken_for_a_model_that_is_gone_for_free(message):
    for error in (error_for(said(message), 500, 90.0), error_of_object(said(message))):
        assert error.charged == "maybe"
        assert "no such model" not in error.what


STILL_GONE = [
    "GPT Image 1.5 has been deprecated",
    "Gemini Flash Image Preview was shut down",
    "Imagen 3 is no longer available",
    "Veo 3 has been discontinued",
    "Model x does not exist, please check the request content",
    "模型 gpt-4o-image 不存在，请检查输入内容",
    "图像生成模型不存在",
    "gpt-4o-image was retired",
    "The model gpt-4o-image has been disabled",
]


@pytest.mark.parametrize("message", STILL_GONE)
def test_a_model_with_image_in_its_name_is_gone_all_the_same(message):
    assert error_for(said(message), 500, 90.0).what == "The endpoint has no such model for your key."


def test_bug_an_error_after_part_of_an_answer_was_called_free():
    error = error_of_object(said("模型不存在", "model_not_found"), begun=True)
    assert (error.charged, "may cost again" in error.do) == ("maybe", True)


CODES = ["", "x", "do_request_failed", *REFUSED, "insufficient_quota", "DeploymentNotFound", "400"]
SAYING = ["m", "模型不存在", "额度不足", "not a chat model", "The model is overloaded. Try again later.", ""]


STATUSES = sorted({status for _, _, statuses in COSTS for status in statuses} | {401, 404, 499, 599})


@pytest.mark.parametrize("status", STATUSES)
def test_a_message_never_says_two_things_about_the_cost(status):
    for code in CODES:
        for message in SAYING:
            for seconds in (1.0, 60.0):
                assert_agree(error_for(said(message, code), status, seconds))


@given(st.sampled_from(CODES), st.sampled_from(SAYING))
def test_nor_does_an_error_object_with_status_200(code, message):
    assert_agree(error_of_object(said(message, code)))


def assert_agree(error):
    doubtful = any(words in error.do for words in ("may have been done", "may cost again", "asks again"))
    assert doubtful == (error.charged == "maybe")


def test_a_refused_key_names_a_wrong_site_as_a_cause():
    for host in ("api.wenwen-ai.com", "breakout.wenwen-ai.com", "api.apipro.ai", "base_url"):
        assert host in error_for(b"", 401).do


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


@pytest.mark.parametrize(
    ("title", "charged"),
    [("New API", "no"), ("504 Gateway Time-out", "maybe"), ("a | 524: A timeout occurred", "maybe")],
)
def test_a_web_page_in_place_of_an_answer_costs_nothing_unless_it_is_a_gateways(title, charged):
    error = web_page(200, f"<html><title>{title}</title>")
    assert (error.charged, error.why, error.status) == (charged, title, 200)


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
