"""The demo endpoint: the relay's shapes, every failure on request, and a quick end."""

import base64
import http.client
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from threading import Event, Thread

import pytest
from PIL import Image
from support.demo import SECONDS, DemoServer, ask_server, connect
from support.pictures import painted
from support.scripted import png

from wenwen_magic.demo import painter
from wenwen_magic.demo.__main__ import main
from wenwen_magic.demo.exchange import Directives, directives_in
from wenwen_magic.errors import ConfigError

pytestmark = pytest.mark.usefixtures("small_paint")
PICTURE = png(300, 200, (250, 0, 190))


def chat(demo, prompt, *, model="gpt-4o-image", path="/demo/v1/chat/completions", **more):
    body = {"model": model, "stream": False, "messages": [{"role": "user", "content": prompt}], **more}
    return ask_server(demo, "POST", path, json.dumps(body).encode("utf-8", "surrogatepass"))


def content(got):
    return got.json["choices"][0]["message"]["content"]


def picture_path(text):
    start = text.index("/pictures/")
    return text[start : text.index(".png", start) + 4]


def picture_of(demo, got):
    return ask_server(demo, "GET", picture_path(content(got)))


def size_of(data):
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return picture.size


def with_reference(words, data):
    return [{"type": "text", "text": words}, {"type": "image_url", "image_url": {"url": data}}]


def data_uri(data):
    return "data:image/png;base64," + base64.b64encode(data).decode()


@pytest.mark.usefixtures("quick_paint", "full_size")
@pytest.mark.parametrize(
    ("words", "size"),
    [
        ("a cat\nlandscape composition, aspect ratio 16:9", (1536, 864)),
        ("画只猫\n竖屏构图，宽高比 9:16", (864, 1536)),
        ("画只猫\n方形构图，宽高比 1:1", (1024, 1024)),
        ("a cat, aspect ratio 1:99", (1024, 1024)),
    ],
)
def test_a_ratio_in_the_words_is_the_pictures(demo, words, size):
    assert size_of(picture_of(demo, chat(demo, words)).body) == size


# The relay's shapes


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/demo/v1/chat/completions"])
def test_an_answer_has_the_shape_of_the_relays_page(demo, path):
    got = chat(demo, "画只猫", path=path)
    answer = got.json
    assert (got.status, answer["object"], answer["model"]) == (200, "chat.completion", "sora_image")
    assert answer["usage"] == {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    assert answer["choices"][0]["finish_reason"] == "stop"
    host = demo.address.removesuffix("/demo")
    assert content(got).startswith(f"![图片]({host}/pictures/")
    assert content(got).endswith(".png)\n\n")


def test_the_picture_is_the_one_painted_for_the_words(demo):
    got = picture_of(demo, chat(demo, "画只猫，竖屏"))
    assert (got.status, got.headers["content-type"]) == (200, "image/png")
    assert got.body == painted("画只猫，竖屏", "portrait")


def test_asking_again_gives_another_picture_and_the_first_address_stays_good(demo):
    first, second = chat(demo, "a cat"), chat(demo, "a cat")
    assert picture_path(content(first)) != picture_path(content(second))
    assert picture_of(demo, second).body == painted("a cat", variant=1)
    assert picture_of(demo, first).body == painted("a cat")


def test_two_models_paint_differently(demo):
    one, other = (picture_of(demo, chat(demo, "a cat", model=name)).body for name in ("gpt-4o-image", "jimeng-3.0"))
    assert one != other


def test_models_are_listed_in_the_relays_shape(demo):
    listed = ask_server(demo, "GET", "/demo/v1/models").json
    names = [each["id"] for each in listed["data"]]
    assert listed["success"] is True
    assert names[0] == "gpt-4o-image"
    assert {"jimeng-3.0", "demo-slow", "demo-refuses"} < set(names)
    assert ask_server(demo, "GET", "/v1/models/demo-slow").json["id"] == "demo-slow"
    unknown = ask_server(demo, "GET", "/v1/models/other")
    assert (unknown.status, unknown.json["error"]["code"]) == (200, "model_not_found")


@pytest.mark.parametrize("key", [None, "Bearer sk-anything"])
def test_any_key_and_none_is_accepted(demo, key):
    assert ask_server(demo, "GET", "/v1/models", headers={"Authorization": key} if key else {}).status == 200


def test_every_answer_says_that_a_demo_gave_it(demo):
    answers = [
        chat(demo, "a cat"),
        chat(demo, "a cat", stream=True),
        chat(demo, "a cat [demo: status=524]"),
        ask_server(demo, "GET", "/v1/models"),
        ask_server(demo, "GET", "/nowhere"),
        ask_server(demo, "PUT", "/v1/models"),
        ask_server(demo, "GET", "/pictures/" + "0" * 32 + ".png"),
    ]
    assert [each.headers.get("x-wenwen-demo") for each in answers] == ["1"] * len(answers)


def test_a_stream_tells_its_progress_then_the_picture_then_the_end(demo):
    got = chat(demo, "画只猫", stream=True)
    events = [line.removeprefix(b"data: ") for line in got.body.split(b"\n\n") if line]
    assert got.headers["content-type"].startswith("text/event-stream")
    assert events[-1] == b"[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks if chunk["choices"])
    assert text.index("排队中") < text.index("进度 **14%**") < text.index("![图片](")
    assert size_of(ask_server(demo, "GET", picture_path(text)).body) == painter.SIZES["square"]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["total_tokens"] == 0
    assert not any(picture_path(text) in json.dumps(chunk) for chunk in chunks), "the address comes in two pieces"


def test_a_stream_spreads_its_delay_over_the_progress(demo, waits):
    chat(demo, "a cat [demo: delay=10]", stream=True)
    assert len(waits) > 2
    assert sum(waits) == pytest.approx(10)


def test_the_openai_client_lists_models_and_gets_a_picture(demo):
    import openai

    with openai.OpenAI(base_url=demo.address + "/v1", api_key="sk-any", max_retries=0, timeout=SECONDS) as client:
        assert "gpt-4o-image" in [model.id for model in client.models.list()]
        messages = [{"role": "user", "content": "画只猫"}]
        answer = client.chat.completions.create(model="gpt-4o-image", messages=messages)
        assert "/pictures/" in answer.choices[0].message.content
        stream = client.chat.completions.create(model="gpt-4o-image", messages=messages, stream=True)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
        assert size_of(ask_server(demo, "GET", picture_path(text)).body) == painter.SIZES["square"]


def test_the_openai_client_reads_the_errors(demo):
    import openai

    with openai.OpenAI(base_url=demo.address + "/v1", api_key="sk-any", max_retries=0, timeout=SECONDS) as client:
        messages = [{"role": "user", "content": "a cat [demo: status=401]"}]
        with pytest.raises(openai.AuthenticationError, match="无效的令牌"):
            client.chat.completions.create(model="gpt-4o-image", messages=messages)


# References


def test_a_reference_goes_into_the_picture(demo):
    got = picture_of(demo, chat(demo, with_reference("a cat", data_uri(PICTURE))))
    assert got.body == painted("a cat", references=[PICTURE])
    assert got.body != painted("a cat")


def test_a_picture_of_the_demo_itself_may_be_the_reference(demo):
    first = chat(demo, "a cat")
    address = content(first).split("(")[1].split(")")[0]
    second = chat(demo, with_reference("at night", address))
    assert picture_of(demo, second).body == painted("at night", references=[painted("a cat")])


@pytest.mark.parametrize("address", ["data:image/png;base64,@", "data:image/png;base64,AAAA", "ftp://x/y.png", ""])
def test_a_reference_that_is_no_picture_is_a_bad_request(demo, address):
    got = chat(demo, with_reference("a cat", address))
    assert (got.status, "error" in got.json) == (400, True)


def test_the_last_words_of_the_user_are_the_prompt(demo):
    messages = [
        {"role": "user", "content": "a dog"},
        {"role": "assistant", "content": "ok"},
        {"role": "user", "content": "a cat"},
    ]
    assert picture_of(demo, chat(demo, "", messages=messages)).body == painted("a cat")


# Mistakes a person makes


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"model": 5, "messages": []}']
)
def test_a_body_that_cannot_be_read_is_a_json_error(demo, body):
    got = ask_server(demo, "POST", "/demo/v1/chat/completions", body)
    assert got.status == 400
    assert got.json["error"]["type"] == "new_api_error"
    assert "request id: " in got.json["error"]["message"]


@pytest.mark.parametrize("messages", [None, [], "hello", {}])
def test_missing_messages_are_named(demo, messages):
    got = chat(demo, "", messages=messages)
    assert (got.status, got.json["error"]["code"]) == (500, "invalid_request")
    assert "field messages is required" in got.json["error"]["message"]


@pytest.mark.parametrize(
    "messages", [[5], [{}], [{"role": "user", "content": None}], [{"role": "user", "content": [7, {}]}]]
)
def test_messages_without_words_are_a_bad_request(demo, messages):
    assert chat(demo, "", messages=messages).status == 400


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/nowhere"), ("GET", "/demo/v1/v1/models"), ("POST", "/chat"), ("GET", "/demo/x")]
)
def test_a_wrong_path_is_a_json_error(demo, method, path):
    got = ask_server(demo, method, path, b"{}")
    assert got.status == 404
    assert f"Invalid URL ({method} {path.removeprefix('/demo')})" in got.json["error"]["message"]


def test_an_unknown_method_is_a_json_error(demo):
    got = ask_server(demo, "DELETE", "/v1/models")
    assert (got.status, got.json["error"]["code"]) == (501, "api_not_implemented")


def test_a_body_over_the_limit_is_refused_before_it_is_read(demo):
    got = ask_server(demo, "POST", "/v1/chat/completions", headers={"Content-Length": str(128 * 1024 * 1024 + 1)})
    assert (got.status, got.json["error"]["code"]) == (413, "read_request_body_failed")


@pytest.mark.parametrize("length", ["-1", "x", "٣", "9" * 5000])
def test_a_strange_length_is_refused(demo, length):
    got = ask_server(demo, "POST", "/v1/chat/completions", headers={"Content-Length": length.encode()})
    assert got.status in (400, 413)


def test_a_person_with_a_browser_is_told_what_this_is(demo):
    got = ask_server(demo, "GET", "/demo")
    assert (got.status, got.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"WENWEN_BASE_URL" in got.body


# Directives


def test_a_prompt_without_directives_stays_as_it_is():
    assert directives_in("画一只猫 [in a box]") == ("画一只猫 [in a box]", Directives())


def test_directives_are_read_and_removed():
    words, asked = directives_in(
        "a cat [demo: status=503 delay=2.5 retry_after=7] at night ［DEMO：cut=early，as=link］"
    )
    assert words == "a cat at night"
    assert asked == Directives(delay=2.5, status=503, retry_after="7", cut="early", form="link")


@pytest.mark.parametrize(
    "word",
    [
        "statsu=503",
        "status=999",
        "status",
        "delay=x",
        "delay=-1",
        "delay=nan",
        "delay=inf",
        "images=0",
        "images=11",
        "as=gif",
        "cut=x",
        "html=1",
        "missing=-1",
        "form=url",
    ],
)
def test_an_unknown_directive_is_a_bad_request_that_lists_the_known_ones(demo, word):
    got = chat(demo, f"a cat [demo: {word}]")
    assert got.status == 400
    message = got.json["error"]["message"]
    assert word in message
    assert all(known in message for known in ("status=", "as=url|data", "html_picture", "trickle"))


def test_long_strange_prompts_are_read_quickly():
    begun = time.monotonic()
    for prompt in (" " * 200_000, "[demo:" * 20_000, "[" * 200_000, "[ " * 100_000, "[demo: text]" * 1_000):
        directives_in(prompt)
    assert time.monotonic() - begun < 5


def test_directives_do_not_change_what_is_painted(demo):
    assert picture_of(demo, chat(demo, "a cat [demo: text]")).body == painted("a cat")


def test_a_delay_is_waited_for(demo, waits):
    chat(demo, "a cat [demo: delay=3]")
    chat(demo, "a cat", model="demo-slow")
    assert waits == [3, 3]


@pytest.mark.parametrize(
    ("status", "sign"),
    [
        (400, "content_policy_violation"),
        (401, "无效的令牌"),
        (403, "insufficient_user_quota"),
        (429, "负载已饱和"),
        (500, "do_request_failed"),
        (503, "模型 m-1 无可用渠道"),
    ],
)
def test_an_error_on_request_has_the_relays_words(demo, status, sign):
    got = chat(demo, f"a cat [demo: status={status} retry_after=9]", model="m-1")
    assert (got.status, got.headers["retry-after"]) == (status, "9")
    assert sign in json.dumps(got.json["error"], ensure_ascii=False)


@pytest.mark.parametrize("status", [502, 504, 524])
def test_an_error_of_a_gateway_is_a_page(demo, status):
    got = chat(demo, f"a cat [demo: status={status}]")
    assert (got.status, got.headers["content-type"].split(";")[0]) == (status, "text/html")
    assert str(status).encode() in got.body


def test_answers_that_are_none(demo):
    html, fault, empty = (chat(demo, f"a cat [demo: {word}]") for word in ("html", "error200", "empty"))
    assert (html.status, html.body[:9].lower()) == (200, b"<!doctype")
    assert (fault.status, fault.json["error"]["type"]) == (200, "upstream_error")
    assert (empty.status, empty.body) == (200, b"")


@pytest.mark.parametrize(("words", "sign"), [("一只猫", "无法生成"), ("a cat", "I can't create")])
def test_a_refusal_speaks_the_prompts_language_and_has_no_picture(demo, words, sign):
    for got in (chat(demo, f"{words} [demo: refuse]"), chat(demo, words, model="demo-refuses")):
        assert sign in content(got)
        assert "/pictures/" not in content(got)
    assert "/pictures/" not in chat(demo, f"{words} [demo: refuse]", stream=True).body.decode()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("word", "has_picture"), [("cut", True), ("cut=early", False)])
def test_an_answer_breaks_off_after_or_before_the_address(demo, word, has_picture, stream):
    with pytest.raises(http.client.IncompleteRead) as caught:
        chat(demo, f"a cat [demo: {word}]", stream=stream)
    partial = caught.value.partial
    if stream:
        chunks = [json.loads(line[6:]) for line in partial.split(b"\n\n") if line]
        assert all(chunk["choices"][0]["finish_reason"] is None for chunk in chunks)
        partial = "".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks).encode()
    assert partial
    assert (b".png" in partial) is has_picture


def test_a_connection_is_reset_without_an_answer(demo):
    with pytest.raises(ConnectionResetError):
        chat(demo, "a cat [demo: reset]")


def test_several_pictures_come_one_a_line(demo):
    lines = content(chat(demo, "a cat [demo: images=3]")).strip().split("\n")
    assert [line.startswith("![图片](http://") for line in lines] == [True] * 3
    assert ask_server(demo, "GET", picture_path(lines[2])).body == painted("a cat", variant=2)


def test_the_forms_of_an_answer(demo):
    def made(form):
        return chat(demo, f"a cat [demo: as={form}]").json

    def words(form):
        return made(form)["choices"][0]["message"]["content"]

    assert words("url").startswith("![图片](http://")
    assert words("data").startswith("![image](data:image/png;base64,")
    assert words("bare").startswith("http://")
    assert words("bare_data").startswith("data:image/png;base64,")
    assert words("link").startswith("[点击查看](http://")
    assert words("parts")[0]["image_url"]["url"].startswith("http://")
    assert made("images")["choices"][0]["message"]["images"][0]["image_url"]["url"].startswith("data:image/png")
    assert made("images")["choices"][0]["message"]["content"] == ""
    assert "choices" not in made("data_list")
    assert made("data_list")["data"][0]["url"].startswith("http://")


def test_a_picture_within_the_answer_is_a_sound_one(demo):
    text = content(chat(demo, "a cat [demo: as=bare_data]"))
    assert base64.b64decode(text.split(",")[1]) == painted("a cat")


def test_words_beside_the_picture_speak_the_prompts_language(demo):
    assert content(chat(demo, "a cat [demo: text]")).startswith("Here is your picture:\n\n![")
    assert content(chat(demo, "画只猫 [demo: text]")).startswith("给你画好了")


def test_progress_stands_around_the_picture_and_the_download_link_works(demo):
    text = content(chat(demo, "a cat [demo: progress]"))
    assert text.startswith("```json\n{")
    assert text.index("进度 **14%**") < text.index("![图片](") < text.index("[点击下载](")
    download = text[text.index("/pictures/download/") :].split(")")[0]
    assert ask_server(demo, "GET", download).body == painted("a cat")


def test_a_stream_may_come_unasked(demo):
    assert chat(demo, "a cat [demo: sse]").headers["content-type"].startswith("text/event-stream")


def test_spoilt_pictures(demo):
    broken, svg, page, bomb = (
        picture_of(demo, chat(demo, f"a cat [demo: {word}]")) for word in ("broken", "svg", "html_picture", "bomb")
    )
    assert painted("a cat", variant=0).startswith(broken.body)
    assert len(broken.body) < len(painted("a cat", variant=0))
    assert svg.headers["content-type"] == "image/svg+xml"
    assert page.headers["content-type"].startswith("text/html")
    assert bomb.body[16:24] == (40_000).to_bytes(4) * 2
    assert len(bomb.body) < 1000


def test_a_picture_may_be_missing_at_first(demo):
    got = chat(demo, "a cat [demo: missing=2]")
    answers = [picture_of(demo, got) for _ in range(3)]
    assert [each.status for each in answers] == [404, 404, 200]
    assert b"NoSuchKey" in answers[0].body


def test_a_picture_may_trickle(demo, waits):
    got = picture_of(demo, chat(demo, "a cat [demo: trickle svg]"))
    assert waits == [0.5] * len(got.body)


# The server


def test_the_server_tells_of_each_request_as_it_came(demo):
    chat(demo, "a cat")
    ask_server(demo, "POST", "/demo/v1/chat/completions", b"{broken", {"X-Some": "Thing"})
    ask_server(demo, "GET", "/demo/v1/models?x=1")
    first, second, third = demo.calls
    assert (first.method, first.path) == ("POST", "/demo/v1/chat/completions")
    assert first.body["messages"][0]["content"] == "a cat"
    assert (second.body, second.headers["x-some"]) == (b"{broken", "Thing")
    assert third.path == "/demo/v1/models?x=1"
    assert demo.posts == [first, second]


def test_one_connection_carries_many_requests(demo):
    connection = connect(demo)
    for path in ("/v1/models", "/nowhere", "/v1/models"):
        connection.request("GET", path)
        opened = connection.sock
        connection.getresponse().read()
        assert connection.sock is opened
    connection.close()


def test_many_may_ask_at_once_and_each_gets_a_picture_of_its_own(demo):
    paths = []
    askers = [Thread(target=lambda: paths.append(picture_path(content(chat(demo, "a cat"))))) for _ in range(12)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(SECONDS)
    assert len(set(paths)) == 12


@pytest.mark.parametrize(("host", "shown"), [("class.example:8010", "class.example:8010"), ('evil")(x', "127.0.0.1")])
def test_the_pictures_address_is_where_the_question_came_to(demo, host, shown):
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "a cat"}]})
    got = ask_server(demo, "POST", "/v1/chat/completions", body, {"Host": host})
    assert f"(http://{shown}" in content(got)


def test_stopping_is_quick_while_an_answer_is_delayed():
    server = DemoServer(delay=600)
    server.start()
    outcome = []

    def ask():
        try:
            outcome.append(chat(server, "a cat"))
        except (OSError, http.client.HTTPException) as problem:
            outcome.append(problem)

    asker = Thread(target=ask)
    asker.start()
    deadline = time.monotonic() + SECONDS
    while not server.posts and time.monotonic() < deadline:
        Event().wait(0.01)
    begun = time.monotonic()
    server.stop()
    asker.join(SECONDS)
    assert time.monotonic() - begun < 2
    assert isinstance(outcome[0], (OSError, http.client.HTTPException))


def test_a_stopped_server_has_closed_its_port_and_can_start_again():
    server = DemoServer()
    address = server.start()
    assert server.start() == address
    server.stop()
    server.stop()
    port = int(address.removesuffix("/demo").rsplit(":", 1)[1])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), SECONDS)
    with server:
        assert ask_server(server, "GET", "/v1/models").status == 200


def test_a_port_in_use_is_said_plainly(demo):
    port = int(demo.address.removesuffix("/demo").rsplit(":", 1)[1])
    with pytest.raises(ConfigError, match=f"port {port}|端口 {port}"):
        DemoServer(port=port).start()
    with pytest.raises(ConfigError):
        DemoServer(port=70_000).start()


def test_the_command_names_the_address_and_ends_on_interrupt(capsys):
    def interrupted():
        raise KeyboardInterrupt

    assert main(["--port", "0"], wait=interrupted) == 0
    english, chinese = capsys.readouterr().out.strip().splitlines()
    address = english.split("WENWEN_BASE_URL=")[1].split()[0]
    assert address.startswith("http://127.0.0.1:")
    assert address.endswith("/demo")
    assert f"WENWEN_BASE_URL={address}" in chinese


def test_the_command_says_plainly_that_a_port_is_in_use(demo, capsys):
    port = demo.address.removesuffix("/demo").rsplit(":", 1)[1]
    assert main(["--port", port], wait=lambda: None) == 1
    assert port in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to another program there")
def test_the_program_serves_and_ends_cleanly_on_ctrl_c():
    command = [sys.executable, "-m", "wenwen_magic.demo", "--port", "0"]
    program = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", env=_utf8()
    )
    try:
        address = program.stdout.readline().split("WENWEN_BASE_URL=")[1].split()[0]
        program.stdout.readline()
        host, port = address.removeprefix("http://").removesuffix("/demo").split(":")
        socket.create_connection((host, int(port)), SECONDS).close()
        program.send_signal(signal.SIGINT)
        _, complaints = program.communicate(timeout=SECONDS)
    finally:
        program.kill()
    assert (program.returncode, complaints) == (0, "")


def _utf8():
    return {**os.environ, "PYTHONIOENCODING": "utf-8"}
