"""Words on pictures: asked with a magic or from Python, shown formatted and safe, kept, found, and free the second time."""

import pytest
from support.demo import DemoServer
from support.scripted import answering
from support.shells import cell, records

from wenwen_magic import Client
from wenwen_magic.errors import ConfigError, LimitReached, NotInHistory
from wenwen_magic.formats.parse.markdown import render


@pytest.fixture
def demo(shell, monkeypatch):
    with DemoServer(wait=lambda _: None) as server:
        monkeypatch.setenv("WENWEN_BASE_URL", server.address)
        shell.run(cell("fox", "a fox"))
        yield server


def test_a_question_on_a_picture_is_answered_with_words(shell, demo):
    said = shell.run("%%wenwen_describe words --ref fox\nWhich colours are there?")
    asked = demo.posts[-1].body
    assert (asked["model"], asked["max_tokens"]) == ("gpt-4o", 2000)
    assert [part["type"] for part in asked["messages"][0]["content"]] == ["text", "image_url"]
    assert "256×256" in said.text
    assert (said.images, said.state, said.charged) == ((), "complete", "yes")
    assert shell.user_ns["words"] is said
    assert "<li><strong>Picture 1</strong>" in shell.words()
    assert said.text in shell.words()


def test_the_line_alone_asks_what_is_there(shell, demo):
    said = shell.run("said = %wenwen_describe --ref fox") or shell.user_ns["said"]
    assert said.request.prompt == "What is in this picture?"


def test_the_same_question_again_is_free_and_says_so(shell, demo):
    first = shell.run("%%wenwen_describe --ref fox\nwhat?")
    asked = len(demo.posts)
    again = shell.run("%%wenwen_describe --ref fox\nwhat?")
    assert (again.id, len(demo.posts)) == (first.id, asked)
    assert "saved answer, free" in shell.words()
    assert shell.run("%%wenwen_describe --ref fox --fresh\nwhat?").take == 2


def test_an_answer_is_replayed_and_a_missing_one_is_an_error(shell, demo):
    first = shell.run("%%wenwen_describe --ref fox\nwhat?")
    shell.run("%config WenwenMagics.mode = 'replay'")
    assert shell.run("%%wenwen_describe --ref fox\nwhat?").id == first.id
    assert isinstance(shell.fail("%%wenwen_describe --ref fox\nwhy?"), NotInHistory)


def test_an_answer_is_found_in_the_history_by_its_words(shell, demo):
    said = shell.run("%%wenwen_describe --ref fox\nwhat?")
    page = shell.run("%wenwen history mostly")
    assert [row.id for row in page.rows] == [said.id]
    assert "mostly" in shell.words()
    assert shell.run(f"%wenwen show {said.id}").text == said.text


def test_a_description_without_a_picture_is_refused_before_anything_is_sent(shell, demo):
    asked = len(demo.calls)
    assert isinstance(shell.fail("%%wenwen_describe\nwhat?"), ConfigError)
    assert "--ref" in shell.told[0]
    assert len(demo.calls) == asked


def test_its_cell_can_be_written_again(shell, demo):
    said = shell.run("%%wenwen_describe --ref fox\nwhat?")
    shell.run(f"%wenwen use {said.id}")
    assert shell.inserted == [f"%%wenwen_describe -m gpt-4o --ref {shell.user_ns['fox'].id}\nwhat?"]
    asked = len(demo.posts)
    assert shell.run(shell.inserted[0]).id == said.id
    assert len(demo.posts) == asked


def test_a_refused_description_is_words_too(shell, demo):
    said = shell.run("%%wenwen_describe --ref fox\nwho is this [demo: refuse]")
    assert "content policy" in said.text


def test_a_description_counts_towards_the_limits(shell, relay):
    shell.run(cell("fox", "a fox"))
    shell.run("%config WenwenMagics.session_limit = 1")
    assert isinstance(shell.fail("%%wenwen_describe --ref fox\nwhat?"), LimitReached)
    assert len(relay.posts) == 1


def test_from_python_it_is_a_generation_with_a_text(here, quick_paint):
    with DemoServer(wait=lambda _: None) as server:
        client = Client(base_url=server.address)
        fox = client.generate("一只狐狸")
        assert "像素" in client.describe("图里有什么？", references=[fox]).text
        changed = client.edit("改成蓝色", references=[fox])
        assert changed.parent == fox.id
        assert [row.id for row in client.history.children(fox.id)] == [row.id for row in client.history.recent(2)][::-1]


def test_a_record_keeps_what_it_was_for_and_whose_child_it_is(shell, demo):
    shell.run("%%wenwen_describe --ref fox\nwhat?")
    [kept] = [one for one in records() if one["request"]["task"] == "describe"]
    assert kept["request"]["parent"] == shell.user_ns["fox"].id
    assert kept["request"]["references"][0]["address"] == ""


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![x](https://h.example/x.png)",
        "![x](data:image/png;base64,AAAA)",
        "[x](javascript:alert(1))",
        "[x](data:text/html,1)",
        '<a href="https://h.example" onclick="x">y</a>',
        "![x][1]\n\n[1]: https://h.example/x.png",
    ],
)
def test_words_shown_hold_no_script_and_fetch_nothing(text):
    shown = render(text).lower()
    assert "<img" not in shown
    assert "<script" not in shown
    assert 'href="javascript' not in shown
    assert 'href="data:' not in shown
    assert "<a href" not in shown.replace("<a rel=", "")


def test_words_shown_keep_their_form():
    shown = render("# 题\n\n- **一**\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n[c](https://h.example)")
    for piece in ("<h1>", "<li>", "<strong>一", "<table>", 'href="https://h.example"'):
        assert piece in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("这是**“狐狸”**的", "这是<strong>“狐狸”</strong>的"),
        ("**注意：**它们**（很）**聪明", "<strong>注意：</strong>它们<strong>（很）</strong>聪明"),
        ("和**`x`**的*“斜”*体", "和<strong><code>x</code></strong>的<em>“斜”</em>体"),
        ("是~~“小”~~的, ~~old~~", "是<s>“小”</s>的, <s>old</s>"),
        ("** 星 **，好~~ 呀~~，5~10", "** 星 **，好~~ 呀~~，5~10"),
        ("变_“量”_名 **a:**b", "变_“量”_名 **a:**b"),
    ],
)
def test_bold_words_beside_chinese_are_bold_though_no_space_is_there(text, shown):
    assert render(text) == f"<p>{shown}</p>\n"


# -- what a stranger's answer may not do -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        "A logo like ![x](https://nowhere.invalid/a.png) here.",
        "See https://nowhere.invalid/a.png for more.",
        'An <img src="https://nowhere.invalid/a.png"> tag.',
    ],
)
def test_a_picture_that_a_description_names_is_not_fetched_and_the_words_are_kept(shell, relay, monkeypatch, answer):
    shell.run(cell("fox", "a fox"))
    relay.answer = lambda _: answering(answer)
    monkeypatch.setattr("wenwen_magic.media.download.fetch", lambda *_: pytest.fail("something was fetched"))
    said = shell.run("%%wenwen_describe words --ref fox\nwhat?")
    assert (said.state, said.charged, said.images) == ("complete", "yes", ())
    assert said.text.split()[0] == answer.split()[0]
    assert "<img" not in shell.shown()[-1]["text/html"]
