"""The demo as a Midjourney relay, and the whole way of the format over it: ask, press, wait, go on after a break."""

import io
import json
import threading
import urllib.request
from urllib.error import HTTPError

import pytest
from PIL import Image
from support.demo import DemoServer
from support.scripted import data_uri, png

from wenwen_magic import Client, ImageRequest, WenwenError
from wenwen_magic.endpoint.transport import Clock, Transport
from wenwen_magic.engine.generate import Engine, asking
from wenwen_magic.engine.generate import run_protocol as lead
from wenwen_magic.engine.limits import Session
from wenwen_magic.errors import ConfigError, EndpointError, WaitEnded
from wenwen_magic.formats.midjourney import FORMAT
from wenwen_magic.protocol import HttpReply

pytestmark = pytest.mark.usefixtures("quick_paint")
SECONDS = 20
SINGLE = ["Vary (Strong)", "Vary (Region)", "Zoom Out 2x", "Custom Zoom"]
PANS = ["⬅️ pan left", "➡️ pan right", "⬆️ pan up", "⬇️ pan down"]


@pytest.fixture
def plain_side():
    """Four pictures in one are quick when they are small."""
    return 256


@pytest.fixture
def new_client(demo, here):
    """Makes clients of the demo, each like one of a fresh kernel, that never sleep; their pauses can be read."""

    def make(**more):
        pauses = []
        values = {"base_url": demo.address, "format": "midjourney", "poll_seconds": 0.01, "lang": "en", **more}
        made = Client(clock=Clock(sleep=pauses.append), session=Session(), **values)
        made.pauses = pauses
        return made

    return make


@pytest.fixture
def client(new_client):
    return new_client()


def press(client, generation, label, prompt="Cat", **more):
    button = next(one for one in generation.buttons if one.label == label)
    request = ImageRequest(
        prompt, format="midjourney", task=button.task, params=button.params, parent=generation.id, **more
    )
    return client.generate(request)


def ask_server(demo, method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(demo.address + path, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:
            return response.status, json.loads(response.read())
    except HTTPError as error:
        return error.code, json.loads(error.read())


def submit(demo, what="imagine", **body):
    return ask_server(demo, "POST", f"/mj/submit/{what}", body)


def fetch(demo, number):
    return ask_server(demo, "GET", f"/mj/task/{number}/fetch")[1]


def finished(demo, **body):
    number = submit(demo, **{"prompt": "Cat", **body})[1]["result"]
    while (task := fetch(demo, number))["status"] not in {"SUCCESS", "FAILURE"}:
        pass
    return task


def button(task, label):
    return next(one for one in task["buttons"] if one["label"] == label)["customId"]


def picture(address):
    with urllib.request.urlopen(address, timeout=SECONDS) as response:
        return Image.open(io.BytesIO(response.read())).convert("RGB")


def colours(generation):
    """The colours of a picture's four quarters."""
    with generation.images[0].pil().convert("RGB") as one:
        places = [(x, y) for y in (one.height // 4, one.height * 3 // 4) for x in (one.width // 4, one.width * 3 // 4)]
        return [one.getpixel(place) for place in places]


def posts(demo):
    return [call.path.removeprefix("/demo") for call in demo.posts]


# -- the shapes


def test_a_work_goes_forward_with_each_look_and_shows_how_far_it_is(demo):
    status, told = submit(demo, prompt="Cat --ar 3:2", base64Array=[])
    assert (status, told["code"], told["description"], told["properties"]) == (200, 1, "提交成功", {})
    looks = [fetch(demo, told["result"]) for _ in range(4)]
    assert [(one["status"], one["progress"]) for one in looks] == [
        ("IN_PROGRESS", "31%"),
        ("IN_PROGRESS", "71%"),
        ("SUCCESS", "100%"),
        ("SUCCESS", "100%"),
    ]
    first, second, last, _ = [picture(one["imageUrl"]) for one in looks]
    assert (first.size, second.size, last.size) == ((96, 64), (96, 64), (384, 256))
    assert first.tobytes() != second.tobytes()
    assert looks[0]["buttons"] is None
    signs = [one["label"] or one["emoji"] for one in looks[-1]["buttons"]]
    assert signs == ["U1", "U2", "U3", "U4", "🔄", "V1", "V2", "V3", "V4"]


def test_a_number_is_a_number_where_the_page_shows_one(demo):
    body = {"base64Array": [data_uri(png()), data_uri(png(colour="blue"))], "dimensions": "PORTRAIT"}
    told = submit(demo, "blend", **body)[1]
    assert isinstance(told["result"], int)
    assert fetch(demo, told["result"])["action"] == "BLEND"


def test_a_list_of_works_leaves_them_where_they_are(demo):
    numbers = [submit(demo, prompt="Cat")[1]["result"] for _ in range(2)]
    for _ in range(3):
        _, listed = ask_server(demo, "POST", "/mj/task/list-by-condition", {"ids": [*numbers, "0"]})
        assert [(one["id"], one["progress"]) for one in listed] == [(number, "31%") for number in numbers]


def test_a_seed_is_told_once_the_work_is_done(demo):
    number = submit(demo, prompt="Cat")[1]["result"]
    assert ask_server(demo, "GET", f"/mj/task/{number}/image-seed")[0] == 400
    assert [fetch(demo, number)["status"] for _ in range(3)][-1] == "SUCCESS"
    _, told = ask_server(demo, "GET", f"/mj/task/{number}/image-seed")
    assert (told["code"], told["result"].isdigit()) == (1, True)


@pytest.mark.parametrize(
    ("what", "body", "words"),
    [
        ("imagine", {}, "prompt不能为空 "),
        ("imagine", {"prompt": "Cat", "base64Array": ["x"]}, "base64格式错误 "),
        ("imagine", {"prompt": "Cat", "base64Array": ["data:image/png;base64,AAAA"]}, "the reference is not a picture "),
        ("imagine", {"prompt": "Cat [demo: nonsense]"}, "nonsense"),
        ("blend", {"base64Array": []}, "base64List参数错误 "),
        ("describe", {}, "base64不能为空 "),
        ("action", {"taskId": "1", "customId": "x"}, "task_no_found "),
        ("modal", {"taskId": "1"}, "task_no_found "),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_refused_as_new_api_words_it(demo, what, body, words):
    status, told = submit(demo, what, **body)
    assert (status, told["type"], told["code"]) == (400, "upstream_error", 4)
    assert words in told["description"]


def test_a_button_needs_a_finished_work_that_has_it(demo):
    number = submit(demo, prompt="Cat")[1]["result"]
    assert submit(demo, "action", taskId=number, customId="x")[1]["description"] == "task_status_not_success "
    task = finished(demo)
    assert submit(demo, "action", taskId=task["id"], customId="x")[1]["description"] == "customId参数错误 "
    assert submit(demo, "action", taskId=task["id"], customId=button(task, "U1"))[1]["code"] == 1
    assert submit(demo, "modal", taskId=task["id"])[1]["description"] == "task_no_found "


@pytest.mark.parametrize("path", ["/mj/submit/shorten", "/mj/nowhere"])
def test_a_wrong_path_is_a_json_error(demo, path):
    assert [ask_server(demo, method, path, {})[0] for method in ("POST", "GET")] == [404, 404]


def test_a_picture_is_hidden_until_it_is_done(demo):
    number = submit(demo, prompt="Cat")[1]["result"]
    for address in (f"/mj/image/{number}", "/mj/image/0", "/mj/uploads/0.jpg"):
        with pytest.raises(HTTPError):
            urllib.request.urlopen(demo.address + address, timeout=SECONDS)


# -- the way over it


def test_a_prompt_becomes_four_pictures_in_one_with_buttons_below(client, demo):
    told = []
    drawn = client.generate("Cat", orientation="landscape", tell=told.append)
    assert drawn.prompt_sent == "Cat --ar 3:2"
    assert [(one.width, one.height, one.mime) for one in drawn.images] == [(384, 256, "image/png")]
    assert len(set(colours(drawn))) == 4
    assert [(one.text, one.percent, bool(one.preview)) for one in told] == [
        ("drawing 31%", 31, True),
        ("drawing 71%", 71, True),
    ]
    assert (drawn.state, drawn.charged, drawn.demo, drawn.finish_reason) == ("complete", "yes", True, "SUCCESS")
    assert drawn.job.isdigit()
    assert [one.label for one in drawn.buttons] == ["U1", "U2", "U3", "U4", "🔄 reroll", "V1", "V2", "V3", "V4"]
    assert client.pauses == pytest.approx([0.01, 0.012, 0.0144])


def test_the_same_request_again_is_free(client, demo, new_client):
    first = client.generate("Cat")
    asked = len(demo.calls)
    assert client.generate("Cat").id == first.id
    again = new_client(mode="replay").generate("Cat")
    assert (again.id, again.buttons, again.job) == (first.id, first.buttons, first.job)
    assert len(demo.calls) == asked


@pytest.mark.parametrize("number", [1, 4])
def test_one_of_four_is_made_large(client, number):
    grid = client.generate("Cat")
    large = press(client, grid, f"U{number}")
    assert set(colours(large)) == {colours(grid)[number - 1]}
    assert [one.label for one in large.buttons] == [*SINGLE, *PANS]
    assert (large.parent, large.request.task) == (grid.id, "action")


def test_a_button_pressed_twice_is_paid_once_unless_it_gives_something_new(client, demo):
    grid = client.generate("Cat")
    assert press(client, grid, "U1").id == press(client, grid, "U1").id
    first = press(client, grid, "V2")
    button = next(one for one in grid.buttons if one.label == "V2")
    second = client.generate(first.request, fresh=button.again)
    assert colours(first) != colours(second)
    assert posts(demo).count("/mj/submit/action") == 3


def test_a_reroll_draws_four_others(client):
    grid = client.generate("Cat")
    assert not set(colours(press(client, grid, "🔄 reroll"))) & set(colours(grid))


def test_every_button_under_one_picture_gives_four_others_of_its_size(client, demo):
    large = press(client, client.generate("Cat", orientation="portrait"), "U2")
    made = [press(client, large, label) for label in (*SINGLE, *PANS)]
    assert {(one.images[0].width, one.images[0].height) for one in made} == {(256, 384)}
    assert {one.buttons[0].label for one in made} == {"U1"}
    assert len({one.images[0].sha256 for one in made}) == len(made)
    assert posts(demo).count("/mj/submit/modal") == 2


def test_a_window_gets_the_prompt_and_the_mask(client, demo):
    large = press(client, client.generate("Cat"), "U1")
    mask = Image.new("RGBA", (256, 256), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, 256, 128))
    made = press(client, large, "Vary (Region)", "a blue hat", mask=client.reference(mask))
    body = demo.posts[-1].body
    assert (body["prompt"], body["maskBase64"][:22]) == ("a blue hat", "data:image/png;base64,")
    part = press(client, made, "U1")
    above, below = colours(part)[0], colours(part)[2]
    assert below == colours(large)[0] != above


def test_pictures_are_blended(client, demo):
    made = client.generate("mix", task="blend", references=[png(), png(colour="blue")], orientation="landscape")
    assert (made.images[0].width, made.images[0].height) == (384, 256)
    assert demo.posts[0].body["dimensions"] == "LANDSCAPE"
    with pytest.raises(ConfigError):
        client.generate("mix", task="blend", references=[png()])
    assert len(demo.posts) == 1


def test_a_picture_is_described_in_four_prompts_that_can_be_drawn(client):
    told = client.generate("what is this?", task="describe", references=[png(600, 400)])
    assert [line[:3] for line in told.text.split("\n\n")] == ["1️⃣", "2️⃣", "3️⃣", "4️⃣"]
    assert "red" in told.text
    assert (told.images, told.state, told.charged) == ((), "complete", "yes")
    assert client.generate("what is this?", task="describe", references=[png(600, 400)]).id == told.id
    drawn = press(client, told, "2️⃣")
    assert drawn.images[0].width == 384


def test_faces_are_swapped_and_pictures_edited(client):
    swapped = client.generate("swap", task="swap", references=[png(), png(colour="blue")])
    edited = client.generate("a hat", task="edit", references=[png()])
    assert [len(set(colours(one))) for one in (swapped, edited)] == [1, 4]


def test_uploads_are_links_that_prompts_can_begin_with(client, demo):
    links = client.generate("keep", task="upload", references=[png(300, 200), png(colour="blue")]).text.split("\n")
    assert [picture(link).size for link in links] == [(300, 200), (8, 6)]
    assert client.generate(f"{links[0]} Cat").images


def test_further_questions_are_answered(client, demo):
    job = client.generate("Cat").job
    line = Transport(demo.address, None)

    def inquire(name, asked):
        return lead(
            FORMAT.inquiries[name](asked), asking(line.send, line.send, lambda: None), lambda _: None, lambda: None
        )

    assert inquire("query", job)["status"] == "SUCCESS"
    assert list(inquire("queries", f"{job},0")) == [job]
    assert inquire("seed", job)["seed"].isdigit()


# -- what goes wrong


@pytest.mark.parametrize(
    ("word", "charged", "words"),
    [
        ("refuse", "no", ["bloody", "Leave out", "code 24"]),
        ("full", "no", ["队列已满", "Wait a minute", "code 23"]),
        ("saturated", "no", ["负载已饱和", "Wait a minute", "HTTP 429"]),
        ("fail", "maybe", ["could not finish the job", "as it was asked to"]),
        ("status=401", "no", ["无效的令牌"]),
        ("status=524", "maybe", ["524"]),
        ("html", "no", ["web page"]),
        ("empty", "maybe", ["The answer is empty"]),
        ("reset", "maybe", []),
        ("cut", "maybe", []),
    ],
)
def test_a_failure_says_why_what_to_do_and_what_it_cost(client, word, charged, words):
    with pytest.raises(WenwenError) as caught:
        client.generate(f"a bloody [demo: {word}]")
    assert (caught.value.charged, bool(caught.value.do)) == (charged, True)
    assert [one for one in words if one not in str(caught.value)] == []
    saved = client.history.get(caught.value.record)
    assert (saved.state, saved.charged) == ("failed", charged)


def test_what_the_relay_refuses_is_shown_without_its_trailing_blank(client):
    with pytest.raises(EndpointError) as caught:
        client.generate("Cat", task="action", params={"taskId": "1", "customId": "MJ::x"})
    assert (caught.value.why, caught.value.charged, caught.value.status) == ("task_no_found", "no", 400)


def test_a_queue_is_told(client):
    told = []
    client.generate("Cat [demo: queued]", tell=told.append)
    assert [one.text for one in told][:2] == ["queued, 1 before it", "waiting to start 0%"]


def test_a_saturated_relay_is_asked_thrice_at_most_and_a_failed_work_once(client, demo):
    for word in ("saturated", "fail"):
        with pytest.raises(EndpointError):
            client.generate(f"Cat [demo: {word}]")
    assert len(demo.posts) == 3 + 1


def test_directives_may_stand_in_the_state_where_no_prompt_goes_out(client):
    with pytest.raises(EndpointError, match="could not finish the job"):
        client.generate("x", task="swap", references=[png(), png()], params={"state": "[demo: fail]"})


# -- after a break


class Dying:
    """A transport whose questions meet a dead server while ``dead`` is set; what was submitted stays submitted."""

    def __init__(self, monkeypatch, how):
        self.dead, real = True, Transport.send

        def send(line, call, auth):
            return how(line, call) if call.free and self.dead else real(line, call, auth)

        monkeypatch.setattr(Transport, "send", send)


def unreachable(*_):
    raise EndpointError("The connection broke.", charged="maybe")


def silent(*_):
    return HttpReply(200, "application/json", iter([b""]))


@pytest.mark.parametrize("how", [unreachable, silent])
def test_a_wait_that_ends_leaves_the_work_sent_and_the_same_cell_goes_on_for_free(new_client, demo, monkeypatch, how):
    client, line = new_client(poll_limit=1), Dying(monkeypatch, how)
    with pytest.raises(WaitEnded) as caught:
        client.generate("Cat")
    saved = client.history.get(caught.value.record)
    assert (saved.state, saved.charged, caught.value.charged) == ("sent", "maybe", "maybe")
    line.dead = False
    drawn = client.generate("Cat")
    assert (drawn.id, drawn.state, drawn.charged) == (saved.id, "complete", "yes")
    assert posts(demo) == ["/mj/submit/imagine"]


def test_a_wait_that_ends_can_be_ended_again_and_again(new_client, demo, monkeypatch):
    client, _ = new_client(poll_limit=1), Dying(monkeypatch, silent)
    for _ in range(3):
        with pytest.raises(WaitEnded, match="still running"):
            client.generate("Cat")
    assert [one.state for one in client.history.all()] == ["sent"]
    assert len(demo.posts) == 1
    assert sum(client.pauses) == pytest.approx(3)


def test_a_second_kernel_goes_on_by_the_id_without_a_second_submission(new_client, demo, monkeypatch):
    line = Dying(monkeypatch, unreachable)
    with pytest.raises(WaitEnded) as caught:
        new_client().generate("mix", task="blend", references=[png(), png(colour="blue")], orientation="portrait")
    line.dead = False
    drawn = new_client().fetch(caught.value.record)
    assert (drawn.state, drawn.charged, drawn.images[0].height) == ("complete", "yes", 384)
    assert [one.label for one in drawn.buttons][:1] == ["U1"]
    assert posts(demo) == ["/mj/submit/blend"]


def test_a_second_kernel_goes_on_with_a_filled_window(new_client, demo, monkeypatch):
    first = new_client()
    large = press(first, first.generate("Cat"), "U1")
    line = Dying(monkeypatch, unreachable)
    with pytest.raises(WaitEnded) as caught:
        press(first, large, "Custom Zoom", "Cat --zoom 1.5")
    line.dead = False
    assert new_client().fetch(caught.value.record).images
    assert posts(demo)[2:] == ["/mj/submit/action", "/mj/submit/modal"]


def test_a_work_that_failed_meanwhile_is_said_and_then_asked_for_anew(new_client, demo, monkeypatch):
    client, line = new_client(), Dying(monkeypatch, unreachable)
    with pytest.raises(WaitEnded):
        client.generate("Cat [demo: fail]")
    line.dead = False
    with pytest.raises(EndpointError, match="could not finish the job"):
        client.generate("Cat [demo: fail]")
    assert len(demo.posts) == 1
    with pytest.raises(EndpointError, match="could not finish the job"):
        client.generate("Cat [demo: fail]")
    assert len(demo.posts) == 2


def forgotten(*_):
    raise EndpointError("refused", why="task_no_found", status=400)


def test_a_work_that_the_endpoint_forgot_is_told_fetched_for_free_if_it_comes_up_and_else_submitted_anew(
    new_client, demo, monkeypatch
):
    client, line = new_client(), Dying(monkeypatch, forgotten)
    with pytest.raises(EndpointError, match="no longer knows this job") as caught:
        client.generate("Cat")
    assert (caught.value.charged, [one.state for one in client.history.all()]) == ("maybe", ["failed"])
    line.dead = False
    assert new_client().fetch(caught.value.record).images
    assert len(demo.posts) == 1
    with pytest.raises(EndpointError):
        Dying(monkeypatch, forgotten) and client.generate("Dog")
    assert len(demo.posts) == 2


def test_a_kernel_that_dies_while_it_waits_has_the_submission_on_disk(new_client, demo, monkeypatch):
    """The thread of the first kernel never returns; a second kernel finds its record and its submission's reply."""
    stuck, gate = threading.Event(), threading.Event()

    def hang(*_):
        stuck.set()
        gate.wait(SECONDS)
        raise EndpointError("gone")

    def wait():
        with pytest.raises(WaitEnded):
            first.generate("Cat")

    line, first = Dying(monkeypatch, hang), new_client()
    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    assert stuck.wait(SECONDS)
    line.dead = False
    drawn = new_client().generate("Cat")
    gate.set()
    waiting.join(SECONDS)
    assert drawn.images
    assert posts(demo) == ["/mj/submit/imagine"]
    assert first.history.get(drawn.id).state == "complete"


def test_a_work_in_mode_replay_is_not_asked_after(new_client, demo, monkeypatch):
    Dying(monkeypatch, unreachable)
    with pytest.raises(WaitEnded):
        new_client().generate("Cat")
    asked = len(demo.calls)
    with pytest.raises(WenwenError, match="Nothing was sent"):
        new_client(mode="replay").generate("Cat")
    assert len(demo.calls) == asked


def test_a_wrong_key_while_a_work_goes_on_does_not_lose_it(new_client, demo, monkeypatch):
    line = Dying(monkeypatch, unreachable)
    with pytest.raises(WaitEnded):
        new_client().generate("Cat")
    line.dead = False
    client = new_client()

    def no_key(_):
        raise ConfigError("The key is none.", do="Set one.")

    with monkeypatch.context() as patch:
        patch.setattr(Engine, "find_key", no_key)
        [sent] = client.history.all()
        with pytest.raises(WaitEnded, match=r"The key is none\.(?s:.*)Set one\."):
            client.finish(sent)
    assert [one.state for one in client.history.all()] == ["sent"]
    assert new_client().generate("Cat").images
    assert len(demo.posts) == 1


def test_a_work_at_another_endpoint_is_left_alone(new_client, demo, monkeypatch):
    line = Dying(monkeypatch, unreachable)
    with pytest.raises(WaitEnded) as caught:
        new_client().generate("Cat")
    line.dead = False
    with DemoServer() as other:
        stranger = new_client(base_url=other.address)
        with pytest.raises(WaitEnded, match="another endpoint"):
            stranger.fetch(caught.value.record)
        assert other.calls == []
    assert [one.state for one in stranger.history.all()] == ["sent"]
    assert new_client().generate("Cat").images
    assert len(demo.posts) == 1


def test_what_another_kernel_finished_meanwhile_is_not_written_over(new_client, demo, monkeypatch):
    line = Dying(monkeypatch, unreachable)
    with pytest.raises(WaitEnded) as caught:
        new_client().generate("Cat")
    line.dead = False
    slow, quick = new_client(), new_client()
    find_key = Engine.find_key

    def late(engine):
        if engine is slow._engine and quick.history.get(caught.value.record).state != "complete":
            done = quick.fetch(caught.value.record)
            quick.history.star(done)
        return find_key(engine)

    monkeypatch.setattr(Engine, "find_key", late)
    found = slow.fetch(caught.value.record)
    assert (found.state, found.star, len(found.images)) == ("complete", True, 1)
    assert quick.history.get(found.id).star
