"""The demo speaks Gemini: Google's own client and ours draw, edit, describe and stream with it."""

import base64
import io
import json

import pytest
from PIL import Image
from support.demo import ask_server
from support.scripted import png

from wenwen_magic import Client
from wenwen_magic.demo import painter
from wenwen_magic.endpoint.transport import Clock
from wenwen_magic.errors import ConfigError, EndpointError, ImageError, NoImageError

PICTURE = png(300, 200, (250, 0, 190))

pytestmark = pytest.mark.usefixtures("quick_paint")

MODEL, THINKER = "gemini-2.5-flash-image-preview", "gemini-3-pro-image-preview"
BOTH = ["TEXT", "IMAGE"]


@pytest.fixture
def google(demo):
    from google import genai
    from google.genai import types

    return genai.Client(api_key="any", http_options=types.HttpOptions(base_url=demo.address))


@pytest.fixture
def client(demo, tmp_path):
    return Client(base_url=demo.address, format="gemini", model=MODEL, history=str(tmp_path))


def said(demo, *parts, model=MODEL, method="generateContent", query="", headers=None, **config):
    """The status and the body of the answer to some parts, texts standing for themselves."""
    asked = [{"text": part} if isinstance(part, str) else part for part in parts]
    body = {"contents": [{"role": "user", "parts": asked}], "generationConfig": config}
    return posted(demo, f"/v1beta/models/{model}:{method}{query}", json.dumps(body), headers)


def posted(demo, path, body, headers=None):
    reply = ask_server(demo, "POST", f"/demo{path}", body, headers)
    return reply.status, reply.body


def parts_of(answer):
    return answer["candidates"][0]["content"]["parts"]


def size_of(data):
    with Image.open(io.BytesIO(data)) as picture:
        return picture.size


def pictures_in(parts):
    return [size_of(base64.b64decode(part["inlineData"]["data"])) for part in parts if "inlineData" in part]


def inline(data=None, name="inlineData"):
    return {name: {"mimeType": "image/png", "data": base64.b64encode(data or PICTURE).decode()}}


# Shapes


def test_an_answer_has_googles_shape(demo):
    status, body = said(demo, "a cat [demo: text]")
    answer = json.loads(body)
    assert (status, answer["modelVersion"], answer["candidates"][0]["finishReason"]) == (200, MODEL, "STOP")
    assert [sorted(part) for part in parts_of(answer)] == [["text"], ["inlineData", "thoughtSignature"]]
    assert answer["usageMetadata"].keys() >= {"promptTokenCount", "totalTokenCount"}


@pytest.mark.parametrize(("ratio", "size"), [("16:9", (1344, 768)), ("2:3", (832, 1248)), ("1:1", (1024, 1024))])
@pytest.mark.parametrize("names", [("imageConfig", "aspectRatio"), ("image_config", "aspect_ratio")])
def test_a_ratio_gives_a_picture_of_googles_size(demo, ratio, size, names):
    outer, inner = names
    assert pictures_in(parts_of(json.loads(said(demo, "a cat", **{outer: {inner: ratio}})[1]))) == [size]


def test_a_size_scales_the_picture(demo):
    config = {"aspectRatio": "3:2", "imageSize": "2K"}
    assert pictures_in(parts_of(json.loads(said(demo, "a cat", imageConfig=config)[1]))) == [(2496, 1664)]


def test_a_model_that_thinks_shows_a_small_draft_first(demo):
    thought, draft, result = parts_of(json.loads(said(demo, "a cat", model=THINKER)[1]))
    assert (thought["thought"], draft["thought"], "thought" in result) == (True, True, False)
    assert pictures_in([draft, result]) == [(256, 256), (1024, 1024)]


@pytest.mark.parametrize("name", ["inlineData", "inline_data"])
def test_a_picture_that_comes_along_is_the_one_that_is_changed(demo, monkeypatch, name):
    monkeypatch.setattr("wenwen_magic.demo.exchange.paint", painter.paint)
    assert pictures_in(parts_of(json.loads(said(demo, "make it blue", inline(name=name))[1]))) == [(300, 200)]


@pytest.mark.parametrize(
    ("model", "config"), [("gemini-2.5-flash", {}), (MODEL, {"responseModalities": ["TEXT"]}), ("gpt-4o", {})]
)
def test_pictures_are_described_where_no_picture_is_wanted(demo, model, config):
    [part] = parts_of(json.loads(said(demo, "what is there?", inline(), model=model, **config)[1]))
    assert "300×200 pixels" in part["text"]


def test_a_stream_comes_as_events_without_an_end_mark(demo):
    body = said(demo, "a cat", model=THINKER, method="streamGenerateContent", query="?alt=sse")[1].decode()
    events = [json.loads(line.removeprefix("data: ")) for line in body.splitlines() if line]
    assert "[DONE]" not in body
    assert pictures_in([part for event in events for part in parts_of(event)]) == [(256, 256), (1024, 1024)]
    assert [event["candidates"][0].get("finishReason") for event in events] == [None, None, None, "STOP"]


def test_a_stream_without_the_word_for_events_is_one_array(demo):
    chunks = json.loads(said(demo, "a cat", method="streamGenerateContent")[1])
    assert pictures_in([part for chunk in chunks for part in parts_of(chunk)]) == [(1024, 1024)]
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"


def test_a_refusal_has_a_reason_and_no_parts(demo):
    [candidate] = json.loads(said(demo, "a cat [demo: refuse]")[1])["candidates"]
    assert candidate["finishReason"] == "IMAGE_SAFETY"
    assert "content" not in candidate
    assert candidate["finishMessage"].startswith("Unable to show")


@pytest.mark.parametrize(
    ("query", "headers"),
    [("?key=k", {}), ("", {"x-goog-api-key": "k"}), ("", {"Authorization": "Bearer k"}), ("", {})],
)
def test_a_key_is_taken_wherever_it_stands(demo, query, headers):
    assert said(demo, "a cat", query=query, headers=headers)[0] == 200


@pytest.mark.parametrize(
    ("parts", "config", "word"),
    [
        ([], {}, "contents"),
        (["  "], {}, "contents"),
        (["a cat", {"inlineData": {"data": "!"}}], {}, "Base64"),
        (["a cat", inline(b"no picture")], {}, "input image"),
        (["a cat"], {"imageConfig": {"aspectRatio": "7:9"}}, "aspect_ratio"),
        (["a cat"], {"imageConfig": {"imageSize": "3K"}}, "image_size"),
        (["a cat [demo: nonsense]"], {}, "nonsense"),
    ],
)
def test_a_bad_request_is_told_as_google_tells_it(demo, parts, config, word):
    status, body = said(demo, *parts, **config)
    error = json.loads(body)["error"]
    assert (status, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
    assert word in error["message"]


@pytest.mark.parametrize("body", ["no json", "[]", '{"contents": 3}', '{"contents": [{"parts": [1]}]}'])
def test_a_strange_body_is_a_bad_request(demo, body):
    assert posted(demo, f"/v1beta/models/{MODEL}:generateContent", body)[0] == 400


@pytest.mark.parametrize(
    "path", [f"/v1beta/models/{MODEL}", f"/v1beta/models/{MODEL}:countTokens", "/v1beta/models/a/b:generateContent"]
)
def test_another_path_is_none(demo, path):
    assert posted(demo, path, "{}")[0] == 404


# Google's own client


def drawn(answer):
    return [part.inline_data.data for part in answer.parts if part.inline_data and not part.thought]


def test_googles_client_draws_and_edits(google):
    from google.genai import types

    shape = types.ImageConfig(aspect_ratio="16:9")
    config = types.GenerateContentConfig(response_modalities=BOTH, image_config=shape)
    [cat] = drawn(google.models.generate_content(model=MODEL, contents="a cat", config=config))
    assert size_of(cat) == (1344, 768)
    along = types.Part.from_bytes(data=cat, mime_type="image/png")
    assert len(drawn(google.models.generate_content(model=THINKER, contents=["make it blue", along]))) == 1


def test_googles_client_streams(google):
    chunks = list(google.models.generate_content_stream(model=THINKER, contents="a cat"))
    assert len([data for chunk in chunks for data in drawn(chunk)]) == 1
    assert chunks[0].parts[0].thought


def test_googles_client_meets_a_refusal_and_an_error(google):
    from google import genai
    from google.genai import types

    refused = google.models.generate_content(model=MODEL, contents="a cat [demo: refuse]")
    assert refused.candidates[0].finish_reason == types.FinishReason.IMAGE_SAFETY
    with pytest.raises(genai.errors.ClientError) as caught:
        google.models.generate_content(model=MODEL, contents=" ")
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")


# Ours


def test_a_picture_is_drawn_in_the_shape_asked_for(client, demo):
    made = client.generate("a cat", orientation="landscape")
    assert [(one.width, one.height) for one in made.images] == [(1248, 832)]
    assert (made.finish_reason, made.model_reported, made.prompt_sent) == ("STOP", MODEL, "a cat")
    assert demo.posts[-1].path == f"/demo/v1beta/models/{MODEL}:generateContent"


def test_the_same_request_again_is_free(client, demo):
    first = client.generate("a cat")
    assert client.generate("a cat").id == first.id
    assert client.generate("a cat", stream=True).id == first.id
    assert len(demo.posts) == 1


def test_a_picture_is_changed(client, demo):
    cat = client.generate("a cat")
    changed = client.edit("make it blue", references=[cat])
    words, picture = demo.posts[-1].body["contents"][0]["parts"]
    assert (words["text"], picture["inline_data"]["mime_type"]) == ("make it blue", "image/png")
    assert changed.images[0].sha256 != cat.images[0].sha256
    assert changed.parent == cat.id


def test_an_address_is_refused_before_anything_is_sent(client, demo):
    with pytest.raises(ConfigError, match="address"):
        client.edit("make it blue", references=["https://h.example/cat.png"])
    assert not demo.calls


def test_a_picture_is_described(client, demo):
    cat = client.generate("a cat", params={"aspectRatio": "4:3"})
    told = client.generate("what is there?", task="describe", references=[cat])
    assert "1184×864 pixels" in told.text
    assert (told.images, told.state) == ((), "complete")
    assert demo.posts[-1].path == "/demo/v1beta/models/gemini-3.5-flash-lite:generateContent"


@pytest.mark.parametrize("stream", [False, True])
def test_drafts_are_kept_and_are_no_results(client, stream):
    made = client.generate("a cat", model=THINKER, stream=stream)
    assert [(one.width, one.draft) for one in made.pictures] == [(256, True), (1024, False)]
    assert [one.width for one in made.images] == [1024]
    assert [one.width for one in client.history.get(made.id).images] == [1024]
    assert "Composing" not in made.text


def test_a_stream_shows_the_draft_on_its_way(client):
    told = []
    client.generate("a cat", model=THINKER, stream=True, tell=told.append)
    assert told[0].text == "Composing the scene"
    assert size_of(told[1].preview.read_bytes()) == (256, 256)


def test_a_refusal_says_its_reason_was_paid_and_is_kept(client, demo):
    with pytest.raises(NoImageError) as caught:
        client.generate("a cat [demo: refuse]")
    assert "IMAGE_SAFETY: Unable to show the generated image" in str(caught.value)
    assert caught.value.charged == "yes"
    with pytest.raises(NoImageError, match="IMAGE_SAFETY"):
        client.generate("a cat [demo: refuse]")
    assert len(demo.posts) == 1


@pytest.mark.parametrize("form", ["link", "parts", "data", "data_list", "url"])
def test_a_picture_is_found_in_every_shape_that_relays_give_it(client, form):
    assert [one.width for one in client.generate(f"a cat [demo: as={form}]").images] == [1024]


def test_several_pictures_of_one_answer_are_all_kept(client):
    assert len(client.generate("a cat [demo: images=3 text]").images) == 3


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_cut_behind_its_picture_keeps_it(client, stream):
    made = client.generate("a cat [demo: cut]", stream=stream)
    assert [(one.width, one.problem) for one in made.images] == [(1024, "")]
    assert made.finish_reason == "cut"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("way", ["cut=early", "status=500", "error200", "reset"])
def test_a_failure_is_an_error_that_may_have_cost(client, way, stream):
    with pytest.raises(EndpointError) as caught:
        client.generate(f"a cat [demo: {way}]", stream=stream)
    assert caught.value.charged == "maybe"


def test_a_kept_answer_is_read_again_though_its_references_are_not_kept(demo, tmp_path):
    hasty = Clock(sleep=lambda _: None)
    client = Client(base_url=demo.address, format="gemini", model=MODEL, history=str(tmp_path), clock=hasty)
    with pytest.raises(ImageError) as caught:
        client.edit("blue [demo: as=link missing=4]", references=[PICTURE])
    [reference] = client.history.get(caught.value.record).request.references
    assert reference.address == ""
    assert client.fetch(caught.value.record).images
    assert len(demo.posts) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_the_key_goes_into_the_address_where_that_is_wanted(demo, tmp_path, stream):
    settings = {
        "base_url": demo.address.removesuffix("/demo"),
        "api_key": "sk-of-these-tests",
        "history": str(tmp_path),
    }
    inside = Client(**settings, key_in="query", format="gemini", model=MODEL)
    assert inside.generate("a cat", stream=stream).images
    method = "streamGenerateContent?alt=sse&" if stream else "generateContent?"
    assert demo.posts[-1].path == f"/v1beta/models/{MODEL}:{method}key=sk-of-these-tests"
    assert "x-goog-api-key" not in demo.posts[-1].headers
    Client(**settings, format="gemini", model=MODEL).generate("a dog")
    assert demo.posts[-1].headers["x-goog-api-key"] == "sk-of-these-tests"
