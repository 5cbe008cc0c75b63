"""Pictures are found in Markdown as models write it."""

import json

import pytest
from support.replies import FOLDER, STREAM
from support.scripted import (
    addresses,
    answering,
    broken_connection,
    data_uri,
    event,
    noise,
    png,
    read,
    streaming,
    told,
)

from wenwen_magic.errors import EndpointError

CAT = "https://h.example/cat.png"


WILD = json.loads((FOLDER / "chat" / "markdown.json").read_text("utf-8"))


def results(content):
    """The addresses of the pictures in a text, whole and in small pieces; those of thoughts are no results."""
    pieces = (content[start : start + 3] for start in range(0, len(content), 3))
    both = (read(answering(content)), read(streaming(*pieces), STREAM))
    whole, streamed = ([source.address for source in answer.sources if not source.draft] for answer in both)
    assert whole == streamed
    return whole


@pytest.mark.parametrize("kind", ["one", "html", "thoughts", "code", "written", "markups", "tangled"])
def test_the_picture_that_a_person_would_name_is_found_in(kind):
    contents = WILD[kind].values() if kind == "one" else WILD[kind]
    found = {content: [address.replace("_(1)", "") for address in results(content)] for content in contents}
    assert {content: one for content, one in found.items() if one != ["https://h.example/x.png"]} == {}


@pytest.mark.parametrize(
    "content",
    [
        "![a](https://h.example/1 a.png) ![b](https://h.example/2.png)",
        "![a](https://h.example/1.png) ![b](https://h.example/2 a.png) <img src='https://h.example/3.png'>",
        "<img src='https://h.example/1.png'>\n![[https://h.example/2.png]]\n![b](https://h.example/3.png)",
        "https://h.example/1.png https://h.example/2.png,https://h.example/3.png",
        "1. ![a](https://h.example/1.png)\n2. ![a](https://h.example/2.png)\n\n<p>\n![a](https://h.example/3.png)",
        "```\n![a](https://h.example/1.png)\n![a](https://h.example/2 a.png)\n```",
    ],
)
def test_several_pictures_keep_their_order(content):
    found = addresses(read(answering(content)))
    assert len(found) == content.count("https")
    assert found == sorted(found)


def test_an_address_is_given_as_it_was_meant():
    found = {content: addresses(read(answering(content))) for content in WILD["address"]}
    assert found == {content: [address] for content, address in WILD["address"].items()}


def test_an_address_may_hold_a_space():
    (address,) = addresses(read(answering("![a](https://h.example/my cat.png)")))
    assert address.replace("%20", " ") == "https://h.example/my cat.png"


def test_no_picture_is_found_in_what_holds_none():
    found = {name: addresses(read(answering(content))) for name, content in WILD["none"].items()}
    assert found == {name: [] for name in WILD["none"]}


def test_a_video_is_given_and_its_thumbnails_are_no_results():
    answers = {content: read(answering(content)) for content in WILD["videos"]}
    found = {content: [source.address for source in answer.videos] for content, answer in answers.items()}
    assert found == WILD["videos"]
    for answer in answers.values():
        assert all(source.data for source in answer.videos if source.address == "data:video/mp4")
        assert answer.sources == ()


def test_no_video_is_found_in_what_holds_none():
    for content in WILD["no video"]:
        answer = read(answering(content))
        assert (content, answer.videos) == (content, ())
        assert addresses(answer) == (["https://h.example/x.png"] if ".png)" in content else [])


def test_an_address_that_only_the_endpoints_page_can_open_is_told():
    for content, told_as in WILD["elsewhere"].items():
        answer = read(answering(content))
        assert (content, answer.sources) == (content, ())
        assert f"{told_as}." in answer.text.partition("\n")[0]
        assert content.partition("</think>")[2] in answer.text


def test_such_an_address_is_not_told_beside_a_picture():
    assert "sandbox" not in read(answering(f"![a](sandbox:/mnt/x.png) ![b]({CAT})")).text


def test_the_words_are_what_a_person_would_read():
    assert {content: read(answering(content)).text for content in WILD["words"]} == WILD["words"]


RED, GREEN = data_uri(png()), data_uri(png(colour="green"))


@pytest.mark.parametrize(
    ("content", "drafts", "results"),
    [
        (f"![image]({RED})\n\n![image]({RED})", [], ["red"]),
        (f"![image]({RED})\n\n<img src='{RED.rstrip('=')}'>", [], ["red"]),
        (f"{RED}\n{RED}", [], ["red"]),
        (RED + RED, [], ["red"]),
        (f"![image]({RED})![image]({GREEN})", [], ["red", "green"]),
        (f"<center>\n![a]({RED})\n</center>", [], ["red"]),
        (f"```\n{RED}\n```", [], ["red"]),
        (f"`{RED}`", [], ["red"]),
        (f"    {RED}", [], ["red"]),
        (f"<think>\nok\n</think>\n![image]({RED})", [], ["red"]),
        (f"<think>![a]({RED})</think>\n![b]({GREEN})", ["red"], ["green"]),
        (f"<think>\n\n![d]({RED})\n\n</think>\n\nHere:\n\n![image]({GREEN})", ["red"], ["green"]),
        (f"<think>![a]({RED})</think>\n![b]({RED})", [], ["red"]),
        (f"<think>![a]({RED})</think>", [], ["red"]),
        (f"<think>![a]({RED})![b]({GREEN})</think>", ["red"], ["green"]),
        (f"![a]({RED})</think>![b]({GREEN})", ["red"], ["green"]),
        (f"<think>![a]({CAT})</think>![b]({GREEN})", [], ["green"]),
    ],
    ids=str,
)
def test_equal_pictures_are_one_and_those_in_thoughts_are_drafts(content, drafts, results):
    answer = read(answering(content))
    assert [told(source) for source in answer.sources if source.draft] == [f"data:image/png {one}" for one in drafts]
    assert [told(source) for source in answer.sources if not source.draft] == [
        f"data:image/png {one}" for one in results
    ]


def test_a_thought_in_the_field_for_thoughts_is_read_as_well():
    answer = read(answering("", reasoning_content=f"<think>![a]({RED})</think>"))
    assert [told(source) for source in answer.sources] == ["data:image/png red"]


def test_code_and_comments_are_not_searched_in_an_answer_that_broke_off_or_reports_an_error():
    quoted = f'```json\n{{"image": "{CAT}"}}\n```\nThe'
    assert addresses(read(answering(quoted))) == [CAT]
    with pytest.raises(EndpointError):
        read(event(quoted), STREAM, broken=broken_connection())
    with pytest.raises(EndpointError, match="overloaded"):
        read(answering(quoted)[:-1] + ', "error": {"message": "overloaded"}}')


@pytest.mark.parametrize("filling", [25, 19_960, 19_975, 20_010])
def test_a_long_answer_is_parted_at_a_line(filling):
    content = "word " * (filling // 5) + f"\n![a]({CAT})\n" + "word " * 4_000
    assert addresses(read(answering(content))) == [CAT]


def test_words_that_came_with_a_picture_become_its_alternative_text():
    answer = read(answering(f'![a [b] **c**]({CAT})\n<img src="https://h.example/2.png" alt="two &amp; three">'))
    assert [source.alt for source in answer.sources][1:] == ["two & three"]
    assert "b" in answer.sources[0].alt


@pytest.mark.parametrize(
    "frame", ["{}", "![a]({})", "[a]({})", "`{}`", "```\n{}\n```", "<img src='{}'>", "> {}", '"{}"', "x{}y"]
)
@pytest.mark.parametrize("size", [300, 3000])
def test_the_text_never_holds_a_picture(frame, size):
    answer = read(answering(f"one {frame.format('data:image/png;base64,' + noise(size))} two\n\nthree"))
    assert noise(size)[200:230] not in answer.text
    assert "three" in answer.text
    assert not any("base64" in source.address for source in answer.sources)
