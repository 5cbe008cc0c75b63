"""One question to a text model: its words, or its JSON, are in the cell's variable, kept, and free the second time."""

import json

import pytest
from support.demo import DemoServer
from support.relay import whole
from support.scripted import answering, png
from support.shells import cell, records

from wenwen_magic.errors import AnswerError, ConfigError, LimitReached, NoImageError, NotInHistory

ANIMALS = ["fox", "owl", "cat", "rabbit", "deer", "panda", "tiger", "bird", "bear", "dog"]
TEN = "%%wenwen_ask ideas --json\nTen animals that look good in ink, as a JSON list of strings."


@pytest.fixture
def demo(shell, monkeypatch):
    with DemoServer(wait=lambda _: None) as server:
        monkeypatch.setenv("WENWEN_BASE_URL", server.address)
        yield server


def test_a_question_is_answered_with_words(shell, demo):
    said = shell.run("%%wenwen_ask words\nWhat is ink?")
    asked = demo.posts[-1].body
    assert asked == {"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": "What is ink?"}]}
    assert shell.user_ns["words"] == said.text == str(said)
    assert said.text in shell.words()
    assert (said.state, said.charged, said.request.task) == ("complete", "yes", "ask")


def test_with_json_the_variable_is_the_list(shell, demo):
    said = shell.run(TEN)
    assert shell.user_ns["ideas"] == said.value == ANIMALS
    assert "JSON only" in demo.posts[-1].body["messages"][0]["content"]
    assert "<pre" in shell.shown()[-1]["text/html"]


def test_an_answer_gives_the_values_that_are_drawn(shell, demo):
    shell.run(TEN)
    drawn = shell.run('%%wenwen_image zoo --for "animal={{ideas[:3]}}"\n画一只{{animal}}，水墨')
    assert [row.request.prompt for row in drawn] == [f"画一只{name}，水墨" for name in ANIMALS[:3]]


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ('["a", "b"]', ["a", "b"]),
        ('{"animals": ["a", "b"]}', ["a", "b"]),
        ("[1, 2]", ["1", "2"]),
        ('["a; b", "{{c}}"]', ["a; b", "{{c}}"]),
        ('["a", "a", " ", "b"]', ["a", "b"]),
    ],
)
def test_the_values_of_an_axis_are_the_answers(shell, relay, value, names):
    relay.answer = lambda number: whole(number) if number else answering(value)
    shell.run("%%wenwen_ask ideas --json\nnames?")
    shell.run("answer = %wenwen_ask --json names?")
    assert shell.user_ns["ideas"] == shell.user_ns["answer"].value == json.loads(value)
    drawn = shell.run('%%wenwen_image -y --for "animal={{ideas}}"\na {{animal}}\n')
    assert [row.request.prompt for row in drawn] == [f"a {name}" for name in names]
    again = shell.run('%%wenwen_image -y --for "animal={{answer}}"\na {{animal}}\n')
    assert [row.id for row in again] == [row.id for row in drawn]
    assert len(relay.posts) == 1 + len(names)


@pytest.mark.parametrize("value", ['[{"name": "fox"}]', '[["fox", 1]]', '["fox", {"a": 1}]'])
def test_values_that_are_no_words_are_refused_before_anything_is_sent(shell, relay, value):
    relay.answer = lambda _: answering(value)
    shell.run("%%wenwen_ask ideas --json\nnames?")
    error = shell.fail('%%wenwen_image --for "animal={{ideas}}"\na {{animal}}\n')
    assert isinstance(error, ConfigError)
    assert "for one in ideas" in error.do
    assert len(relay.posts) == 1


def test_the_same_question_again_is_free_and_sets_the_variable(shell, demo):
    first = shell.run(TEN)
    shell.user_ns.pop("ideas")
    again = shell.run(TEN)
    assert (again.id, len(demo.posts)) == (first.id, 1)
    assert shell.user_ns["ideas"] == ANIMALS
    assert "saved answer, free" in shell.words()
    assert shell.run(f"{TEN.replace('--json', '--json --fresh')}").take == 2


def test_words_and_json_are_two_questions(shell, demo):
    shell.run("%%wenwen_ask words\nTen animals as JSON")
    shell.run("%%wenwen_ask words --json\nTen animals as JSON")
    assert len(demo.posts) == 2


def test_an_answer_is_replayed_and_a_missing_one_is_an_error(shell, demo):
    first = shell.run(TEN)
    shell.run("%config WenwenMagics.mode = 'replay'")
    shell.user_ns.pop("ideas")
    assert shell.run(TEN).id == first.id
    assert shell.user_ns["ideas"] == ANIMALS
    assert isinstance(shell.fail("%%wenwen_ask\nwhy?"), NotInHistory)


def test_an_answer_is_found_by_its_words_and_shown(shell, demo):
    said = shell.run("%%wenwen_ask\nWhat is ink?")
    page = shell.run("%wenwen history panda")
    assert [row.id for row in page.rows] == [said.id]
    assert shell.run(f"%wenwen show {said.id}").text == said.text


@pytest.mark.parametrize(
    ("line", "written"),
    [("", "%%wenwen_ask -m gpt-4o"), ("-o auto --json", "%%wenwen_ask -m gpt-4o --json")],
)
def test_its_cell_can_be_written_again(shell, demo, line, written):
    said = shell.run(f"%%wenwen_ask {line}\nTen animals?")
    shell.run(f"%wenwen use {said.id}")
    assert shell.inserted == [f"{written}\nTen animals?"]
    assert shell.run(shell.inserted[0]).id == said.id
    assert len(demo.posts) == 1


def test_pictures_go_along_with_a_question(shell, demo):
    shell.run(cell("fox", "a fox"))
    said = shell.run("%%wenwen_ask words --ref fox\nWhich colours?")
    assert [part["type"] for part in demo.posts[-1].body["messages"][0]["content"]] == ["text", "image_url"]
    assert "256×256" in shell.user_ns["words"]
    assert said.parent == shell.user_ns["fox"].id


def test_a_line_gives_the_answer_to_python_and_to_prompts(shell, demo, capsys):
    shell.run("said = %wenwen_ask Ten animals?")
    assert shell.user_ns["said"].text.startswith("The demo knows")
    shell.run("%%wenwen_image --dry-run\n{{said}}")
    assert shell.user_ns["said"].text in capsys.readouterr().out


def test_the_chinese_names_do_the_same(shell, demo):
    shell.run("%%wenwen_ask 动物 --数据\n列出十种动物")
    assert shell.user_ns["动物"][:2] == ["狐狸", "猫头鹰"]


def test_several_models_answer_side_by_side(shell, demo):
    rows = shell.run("%%wenwen_ask both -m gpt-4o,claude-5\nWhat is ink?")
    assert shell.user_ns["both"] is rows
    assert [row.text for row in rows] == [rows[0].text] * 2


@pytest.mark.parametrize("typed", ["%%wenwen_ask", "%wenwen_ask", "%%wenwen_ask words\n  \n", "%wenwen_ask --json"])
def test_no_question_is_refused_before_anything_is_sent(shell, demo, typed):
    error = shell.fail(typed)
    assert isinstance(error, ConfigError)
    assert "question" in error.what
    assert demo.posts == []


@pytest.mark.parametrize("typed", ["%%wenwen_image --json\na cat", "%%wenwen_describe --json --ref x.png\nwhat?"])
def test_json_goes_with_questions_only(shell, demo, typed):
    error = shell.fail(typed)
    assert isinstance(error, ConfigError)
    assert "--json" in error.what
    assert demo.posts == []


@pytest.mark.parametrize("magic", ["%%wenwen_ask", "%%wenwen_describe --ref x.png"])
@pytest.mark.parametrize(("option", "name"), [("-o 16:9", "-o"), ("--方向 横屏", "-o"), ("--size 2K", "--size")])
def test_a_shape_goes_with_pictures_and_clips_only(shell, demo, magic, option, name):
    error = shell.fail(f"{magic} {option}\nwhat?")
    assert isinstance(error, ConfigError)
    assert error.what == f"{name} goes with %%wenwen_image, %%wenwen_video only."
    assert demo.posts == []


@pytest.mark.parametrize(
    "line", ['--grid "orientation=square;landscape"', "--from {{[{'prompt': 'a', 'orientation': 'wide'}]}}"]
)
def test_a_shape_from_elsewhere_is_no_part_of_a_question(shell, demo, line):
    error = shell.fail(f"%%wenwen_ask {line}\n{'{{prompt}}' if 'from' in line else 'what?'}")
    assert "no shape" in str(error)
    assert demo.posts == []


@pytest.mark.parametrize("wire", ["images", "midjourney"])
def test_a_format_that_answers_no_questions_is_told(shell, demo, wire):
    error = shell.fail(f"%%wenwen_ask --format {wire}\nWhat is ink?")
    assert isinstance(error, ConfigError)
    assert error.do == "These formats do: chat, gemini"
    assert demo.posts == []


@pytest.mark.parametrize("line", ["%%wenwen_ask x --json", "%%wenwen_ask x"])
def test_the_variable_of_an_answer_stands_for_it_in_commands(shell, demo, capsys, line):
    said = shell.run(f"{line}\nTen animals?")
    assert shell.run("%wenwen show x").id == said.id
    shell.run("%wenwen star x\n%wenwen export x.zip x")
    told = capsys.readouterr().out
    assert f"★ #{said.id[:6]}" in told
    assert "x.zip: 1 records" in told
    assert shell.fail("%wenwen export x").do == "%wenwen export x.zip x"


@pytest.mark.parametrize("command", ["show", "star", "compare x"])
def test_bug_words_and_lists_were_taken_for_an_id_that_is_not_saved(shell, demo, command):
    shell.run("%%wenwen_ask x --json\nTen animals?")
    shell.run("y = list(x)")
    error = shell.fail(f"%wenwen {command} y")
    assert isinstance(error, ConfigError)
    assert "y holds words or a list" in error.what


def test_it_counts_towards_the_limits(shell, relay):
    relay.answer = lambda _: answering("Soot.")
    shell.run("%config WenwenMagics.session_limit = 1")
    shell.run("%%wenwen_ask\nWhat is ink?")
    assert isinstance(shell.fail("%%wenwen_ask\nWhat is paper?"), LimitReached)
    assert len(relay.posts) == 1


def test_a_dry_run_shows_what_asks_for_json(shell, demo, capsys):
    shell.run("%%wenwen_ask --json --dry-run\nTen animals?")
    told = capsys.readouterr().out
    assert "Answer with JSON only" in told
    assert "This would ask for 1 answer, free (demo)" in told
    assert demo.posts == []


def test_bug_a_person_was_asked_about_pictures_before_answers(shell, relay, monkeypatch):
    asked = shell.attend(monkeypatch, "n")
    shell.run("%%wenwen_ask -n 6\nTen animals?")
    shell.run("%%wenwen_ask --from {{list('abcdef')}}\n")
    assert asked == ["This cell asks for 6 answers, price unknown. Go on? [y/N] "] * 2


# -- answers that are not what was asked for ---------------------------------------------------------------------------


def test_json_that_cannot_be_read_is_shown_and_kept_and_leaves_the_variable(shell, relay):
    relay.answer = lambda _: answering("I'd rather not.")
    error = shell.fail("%%wenwen_ask ideas --json\nTen animals?")
    assert isinstance(error, AnswerError)
    assert (error.charged, error.text) == ("yes", "I'd rather not.")
    assert "ideas" not in shell.user_ns
    assert "I'd rather not." in "\n".join(data.get("text/plain", "") for data in shell.shown())
    shell.fail("%%wenwen_ask ideas --json\nTen animals?")
    assert len(relay.posts) == 1
    [kept] = records()
    assert (kept["state"], kept["text"]) == ("complete", "I'd rather not.")


def test_a_list_that_broke_off_is_mended_and_told(shell, relay):
    relay.answer = lambda _: answering('["fox", "owl", "cra').replace('"stop"', '"length"')
    shell.run("%%wenwen_ask ideas --json\nTen animals?")
    assert shell.user_ns["ideas"] == ["fox", "owl"]
    assert "broke off" in shell.words()


def test_a_fence_around_json_is_not_shown(shell, relay):
    relay.answer = lambda _: answering('```json\n["a"]\n```')
    assert shell.run("%%wenwen_ask ideas --json\nnames?").value == ["a"]
    assert '<code>["a"]</code></pre>' in shell.shown()[-1]["text/html"].replace("&quot;", '"')


def test_a_connection_that_breaks_within_a_piece_tells_nothing_of_pythons_numbers(shell, demo):
    error = shell.fail("%%wenwen_ask\nwhat is ink? [demo: cut=early]")
    assert ("connection broke" in str(error), error.why, error.charged) == (True, "", "maybe")


def test_words_that_reached_their_limit_are_told(shell, relay):
    relay.answer = lambda _: answering("Ink is made of").replace('"stop"', '"length"')
    shell.run("%%wenwen_ask words\nWhat is ink?")
    assert shell.user_ns["words"] == "Ink is made of"
    assert "broke off" in shell.words()


def test_a_refusal_is_an_answer_without_words(shell, relay):
    relay.answer = lambda _: answering(None, refusal="I can't help with that.")
    error = shell.fail("%%wenwen_ask words\nWho am I?")
    assert isinstance(error, NoImageError)
    assert "I can't help with that." in str(error)
    assert "words" not in shell.user_ns


def test_thoughts_are_not_in_the_variable(shell, relay):
    relay.answer = lambda _: answering('<think>["no"]</think>["fox"]', reasoning_content='["no"]')
    shell.run("%%wenwen_ask ideas --json\nOne animal?")
    assert shell.user_ns["ideas"] == ["fox"]


def test_addresses_in_an_answer_are_not_fetched_and_stay_words(shell, relay, monkeypatch):
    relay.answer = lambda _: answering('["https://nowhere.invalid/a.png", "https://nowhere.invalid/b.mp4"]')
    monkeypatch.setattr("wenwen_magic.media.download.fetch", lambda *_: pytest.fail("something was fetched"))
    shell.run("%%wenwen_ask links --json\nTwo pictures?")
    assert shell.user_ns["links"] == ["https://nowhere.invalid/a.png", "https://nowhere.invalid/b.mp4"]


@pytest.mark.parametrize("option", ["", "--json"])
@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))"]
)
def test_an_answer_is_shown_without_a_script(shell, relay, text, option):
    relay.answer = lambda _: answering(json.dumps([text]))
    shell.run(f"%%wenwen_ask x {option}\nwhat?")
    html = shell.shown()[-1]["text/html"].lower()
    for bad in ("<script", "<img", 'href="javascript'):
        assert bad not in html


# -- words on their way, and later -------------------------------------------------------------------------------------


def test_the_words_are_seen_as_they_come(shell, monkeypatch):
    shell.attend(monkeypatch, "y")
    pauses = []

    def wait(_seconds):
        pauses.append(len(shell.seen))
        if len(pauses) == 10:
            assert shell.wait_for(lambda: "The demo knows" in shell.words())

    with DemoServer(delay=0.1, wait=wait) as server:
        monkeypatch.setenv("WENWEN_BASE_URL", server.address)
        said = shell.run("%%wenwen_ask words\nWhat is ink?")
    on_their_way = [data for data in shell.shown() if "answering" in data["text/plain"]]
    assert any("The demo knows" in data["text/plain"] for data in on_their_way)
    assert not any(said.text in data["text/plain"] for data in on_their_way[:1])
    assert "answering" not in shell.shown()[-1]["text/plain"]


def test_in_the_background_the_variable_holds_the_words(shell, demo, monkeypatch):
    shell.run("%%wenwen_ask words --background\nWhat is ink?")
    assert shell.wait_for(lambda: "words" in shell.user_ns)
    assert shell.user_ns["words"].startswith("The demo knows")


def test_in_the_background_json_that_cannot_be_read_is_told_under_the_answer(shell, relay, monkeypatch):
    shell.attend(monkeypatch, "y")
    relay.answer = lambda _: answering("I'd rather not.")
    shell.run("%%wenwen_ask ideas --json --background\nTen animals?")
    assert shell.wait_for(lambda: "cannot be read" in shell.words())
    assert "I'd rather not." in shell.shown()[-1]["text/plain"]
    assert "ideas" not in shell.user_ns


def test_answers_alone_cannot_be_handed_on_without_their_words(shell, demo):
    shell.run("%%wenwen_ask\nWhat is ink?")
    assert "--strip" in shell.fail("%wenwen export ink.zip --strip").why


def test_a_question_mark_ends_a_question_and_asks_ipython_nothing(shell, demo):
    shell.run("said = %wenwen_ask --json ten animals?")
    assert shell.user_ns["said"].request.prompt == "ten animals?"


def test_expressions_are_filled_into_a_question(shell, demo):
    shell.run("what = 'ink'")
    assert shell.run("%%wenwen_ask\nWhat is {{what}}?").request.prompt == "What is ink?"


@pytest.mark.parametrize("line", ["%wenwen help", "%wenwen help ask", "%wenwen_ask -h"])
def test_help_names_the_magic(shell, demo, capsys, line):
    shell.run(line)
    assert "wenwen_ask" in capsys.readouterr().out


@pytest.mark.parametrize("magic", ["%%wenwen_ask", "%%wenwen_describe --ref fox"])
def test_a_blind_comparison_of_answers_shows_them_and_takes_a_vote(shell, relay, magic):
    relay.answer = lambda number: answering(f"Because of reason {number}.")
    shell.user_ns["fox"] = png()
    compared = shell.run(f"{magic} both -m one,two --blind\nWhy?")
    html = shell.shown()[-1]["text/html"]
    assert len(compared.letters) == 2
    assert html.count("Because of ") == 2
    assert "Press a letter" not in html
    assert "without a picture" not in html
    shell.run("%wenwen vote B")
    html = shell.shown()[-1]["text/html"]
    assert html.count("Because of ") == 2
    assert "B ★" in html
