"""--improve: a text model rewrites the prompt, both are shown, and nothing is drawn until a person says so."""

import re
from html import unescape
from types import SimpleNamespace

import pytest
from support.demo import DemoServer
from support.relay import whole
from support.scripted import answering
from support.shells import KEY, cell, prompts, records
from support.widgets import words_to_copy

from wenwen_magic import Client
from wenwen_magic.engine.limits import SESSION, Session
from wenwen_magic.errors import AnswerError, ConfigError, LimitReached, NoImageError, NotInHistory
from wenwen_magic.notebook.options import TABLE, Options, read, table_of
from wenwen_magic.notebook.widgets import panel as panels
from wenwen_magic.records import Gallery
from wenwen_magic.text import improving

NEW = 'A cat, "Café" on the sign, {{soft}} light --ar 16:9'
PROMPTS = {
    "a line": "a cat in a garden, soft light",
    "Chinese": "一只猫，水墨，留白，柔光",
    "several lines": "a cat\n\n  in a garden\n",
    "braces, which are never evaluated": "a {{1/0}} cat {{__import__('os')}}",
    "braces and what editors change": "a {{x}} cat\n   \n>>> in a garden",
    "what looks like a magic": "%%time\n!ls\n--raw -n 9",
    "quotes and backslashes": "a \"cat\" and a 'dog' \\ #1",
}
ANSWERS = {
    "alone": (NEW, NEW),
    "with room around": (f"\n  {NEW} \n", NEW),
    "in quotes": ('"a cat at dawn"', "a cat at dawn"),
    "in Chinese quotes": ("“一只猫”", "一只猫"),
    "in a fence": ("```text\na cat\nat dawn\n```", "a cat\nat dawn"),
    "behind a heading": ("**Improved prompt:** a cat at dawn", "a cat at dawn"),
    "behind a Chinese heading": ("优化后的提示词：一只猫", "一只猫"),
    "a heading, a fence and quotes": ('Here is the new prompt:\n"a cat"', "a cat"),
    "two quotations": ('"Open" and "Closed"', '"Open" and "Closed"'),
    "quotes around nothing": ('""', '""'),
    "a colon of its own": ("a poster: a cat", "a poster: a cat"),
    "a heading alone": ("Prompt:", "Prompt:"),
}


@pytest.fixture
def demo(shell, monkeypatch):
    with DemoServer(wait=lambda _: None) as server:
        monkeypatch.setenv("WENWEN_BASE_URL", server.address)
        yield server


@pytest.fixture
def writer(relay):
    """A relay that rewrites the prompt first, and then draws."""
    relay.new = NEW
    relay.answer = lambda number: whole(number) if number else answering(relay.new)
    return relay


@pytest.fixture
def controls(shell, monkeypatch):
    """Puts a person at the notebook; gives the panels of controls, in the order they come."""
    shell.asked = shell.attend(monkeypatch, "y")
    shell.kernel.io_loop = SimpleNamespace(add_callback=lambda work: work())
    made = []

    class Panel(panels.Panel):
        def __init__(self, *given, **named):
            super().__init__(*given, **named)
            made.append(self)

    monkeypatch.setattr(panels, "Panel", Panel)
    return made


def written(capsys):
    """The cell that draws, as it was printed."""
    line, _feed, text = capsys.readouterr().out.partition("\n")
    assert line == "Nothing is drawn yet. This cell draws it:"
    return text[:-1]


# -- what is asked, and shown ------------------------------------------------------------------------------------------


def test_the_prompt_is_rewritten_and_the_change_is_shown_and_nothing_drawn(shell, writer):
    said = shell.run(cell("img --improve"))
    [asked] = prompts(writer)
    assert asked == improving.with_request("a cat")
    assert writer.posts[0][1]["model"] == "gpt-4o"
    assert (said.text, said.request.task, said.images) == (NEW, "ask", ())
    assert "img" not in shell.user_ns
    [change] = shell.shown()  # it takes the answer's place
    assert "--ar 16:9+}\ngpt-4o" in change["text/plain"]
    assert re.search("<del.*<ins|<ins", change["text/html"])
    assert [record["text"] for record in records()] == [NEW]


@pytest.mark.parametrize(
    "typed", [cell("img --improve -y"), cell("img --improve -y --budget 5"), cell("img --改进 --确认")]
)
def test_with_yes_it_is_drawn_at_once_with_the_new_prompt(shell, writer, typed):
    drawn = shell.run(typed)
    assert [drawn.request.prompt, prompts(writer)[1]] == [NEW, NEW]
    assert shell.user_ns["img"] is drawn
    again = shell.run(typed)
    assert (again.id, len(writer.posts)) == (drawn.id, 2)
    assert shell.run(cell("img --improve")).id == drawn.id


def test_the_same_question_again_is_free(shell, writer):
    first = shell.run(cell("--improve"))
    assert (shell.run(cell("--improve")).id, len(writer.posts)) == (first.id, 1)
    assert "saved answer, free" in shell.words()
    writer.answer = lambda _: answering("Another cat")
    assert shell.run(cell("--improve --fresh")).text == "Another cat"


@pytest.mark.parametrize("new", PROMPTS.values(), ids=PROMPTS)
def test_without_controls_the_cell_that_draws_is_exact(shell, writer, capsys, new):
    writer.new = new
    shell.run("x = 'never'")
    capsys.readouterr()
    shell.run(cell("img --improve -o square", "a cat, {{x}}"))
    typed = written(capsys)
    assert typed.startswith("%%wenwen_image img -m gpt-4o-image -o square")
    drawn = shell.run(typed)
    assert drawn.request.prompt == new.strip()
    assert prompts(writer)[0].endswith("a cat, never")
    assert len(writer.posts) == 2
    assert shell.run(cell("img --improve -o square", "a cat, {{x}}")).id == drawn.id


@pytest.mark.parametrize(("typed", "line"), [("a fox", "--improve"), ("{{'a {' + '{x}'}}}", "--improve --raw")])
def test_the_cell_of_a_saved_rewrite_has_the_users_words_and_is_free(shell, writer, typed, line):
    asked = shell.run(cell("fox --improve", typed))
    shell.run(f"%wenwen use {asked.id}")
    assert shell.inserted == [f"%%wenwen_image {line}\n{improving.asked_in(asked.request.prompt)}"]
    assert shell.run(shell.inserted[0]).id == asked.id
    assert len(writer.posts) == 1


def test_the_cell_of_a_rewrite_by_another_model_is_the_whole_question(shell, writer):
    shell.run("%config WenwenMagics.describe_model = 'gpt-5'")
    asked = shell.run(cell("fox --improve", "a fox"))
    shell.run("%config WenwenMagics.describe_model = 'gpt-4o'")
    shell.run(f"%wenwen use {asked.id}")
    assert shell.inserted == [f"%%wenwen_ask -m gpt-5\n{asked.request.prompt}"]


@pytest.mark.parametrize("answer", ["I'm sorry, I can't help with that.", "I cannot do this.", "抱歉，我无法改写。"])
def test_bug_words_that_declined_were_drawn(shell, writer, answer):
    writer.new = answer
    for line in ("--improve -y", "--improve"):
        error = shell.fail(cell(line))
        assert isinstance(error, AnswerError)
        assert (error.why, error.charged) == (answer, "yes")
    assert len(writer.posts) == 1
    with pytest.raises(AnswerError):
        Client().improve("a cat")
    assert improving.prompt_in("Sorry, a card", "sorry, a card") == "Sorry, a card"


@pytest.mark.parametrize(("answer", "new"), ANSWERS.values(), ids=ANSWERS)
def test_the_new_prompt_is_taken_out_of_the_answer(answer, new):
    assert improving.prompt_in(answer) == new


@pytest.mark.parametrize("prompt", ["a cat", "一只猫", "a cat\n\nin a garden"])
def test_the_question_has_the_prompts_language_and_holds_it_as_it_is(prompt):
    question = improving.with_request(prompt)
    assert improving.asked_in(question) == prompt
    assert ("提示词" in question) is ("猫" in prompt)
    assert improving.asked_in(prompt) == ""


@pytest.mark.parametrize(
    ("line", "sent"),
    [("--improve", "a red cat"), ("--improve --raw", "a {{colour}} cat"), ("--improve --style ink", "a red cat")],
)
def test_the_words_that_are_rewritten_are_filled_in_and_without_their_style(shell, writer, line, sent):
    shell.run("colour = 'red'")
    shell.run("%config WenwenMagics.styles = {'ink': '{prompt}, ink'}")
    drawn = shell.run(cell(f"{line} -y", "a {{colour}} cat"))
    assert improving.asked_in(prompts(writer)[0]) == sent
    assert drawn.request.prompt == NEW + (", ink" if "ink" in line else "")


def test_the_options_of_the_picture_are_the_pictures(shell, writer):
    first = shell.run(cell("--improve -y -n 2 -m jimeng-3.0 -o landscape --param seed=7"))
    assert [row.request.model for row in first] == ["jimeng-3.0"] * 2
    question, drawn = writer.posts[0][1], writer.posts[1][1]
    assert (question["model"], question.get("seed"), drawn["model"], drawn["seed"]) == ("gpt-4o", None, "jimeng-3.0", 7)


def test_pictures_go_to_the_model_that_draws(shell, writer):
    writer.answer = lambda number: answering(NEW) if number == 1 else whole(number)
    shell.run(cell("fox"))
    drawn = shell.run(cell("--improve -y --ref fox", "make it night"))
    question, made = writer.posts[1][1]["messages"][0]["content"], writer.posts[2][1]["messages"][0]["content"]
    assert question.endswith("make it night")
    assert [part["type"] for part in made] == ["text", "image_url"]
    assert drawn.parent == shell.user_ns["fox"].id


def test_the_setting_for_questions_names_the_model(shell, writer):
    shell.run("%config WenwenMagics.describe_model = 'claude-5'")
    shell.run("%config WenwenMagics.format = 'images'")
    shell.run(cell("--improve"))
    assert writer.posts[0][1]["model"] == "claude-5"


def test_a_line_does_the_same(shell, writer, capsys):
    shell.run("%wenwen_image --improve -o square a cat")
    assert shell.run(written(capsys)).request.prompt == NEW


def test_bug_a_line_without_words_opened_the_controls_and_improved_nothing(shell, writer, controls):
    assert isinstance(shell.fail("%wenwen_image --improve"), ConfigError)
    assert (writer.posts, controls) == ([], [])


# -- with controls -----------------------------------------------------------------------------------------------------


def test_with_controls_generate_draws_it(shell, writer, controls):
    shell.run(cell("img --improve -n 2"))
    [panel] = controls
    assert (len(writer.posts), panel.choices.count.value, shell.asked) == (1, 2, [])
    assert "Nothing is drawn yet." in shell.words()
    panel.choices.count.value = 1
    panel.generate.click()
    assert shell.wait_for(lambda: "img" in shell.user_ns)
    assert (shell.user_ns["img"].request.prompt, len(writer.posts)) == (NEW, 2)
    assert shell.run(cell("img --improve")).id == shell.user_ns["img"].id


def test_the_cell_that_the_controls_insert_is_exact(shell, writer, controls, capsys):
    shell.run(cell("img --improve"))
    controls[0].insert.click()
    typed = unescape(re.search("<pre[^>]*>(.*?)</pre>", words_to_copy(controls[0]), re.DOTALL)[1])
    assert shell.run(typed).request.prompt == NEW
    assert len(writer.posts) == 2


def test_bug_generate_drew_all_again_where_a_part_was_saved(shell, writer, controls):
    shell.run(cell("img --improve -y"))
    shell.run(cell("img --improve -n 2"))
    assert "Not all is drawn yet." in shell.words()
    controls[-1].generate.click()
    assert shell.wait_for(lambda: len(shell.user_ns["img"]) == 2 if isinstance(shell.user_ns["img"], Gallery) else None)
    assert len(writer.posts) == 3  # the question and two pictures


def test_bug_generate_after_a_stop_paid_for_what_was_under_way(shell, writer, controls):
    shell.run(cell("img --improve"))
    writer.gate.clear()
    controls[0].generate.click()
    assert shell.wait_for(lambda: len(writer.posts) == 2)
    controls[0]._pressed.clear()  # some time goes by
    controls[0].generate.click()  # Stop
    shell.run(cell("img --improve"))
    controls[-1].generate.click()
    writer.gate.set()
    assert shell.wait_for(lambda: "img" in shell.user_ns)
    assert len(writer.posts) == 2


@pytest.mark.parametrize("count", [1, 3])
def test_bug_the_inserted_cell_had_another_count_and_english_options(shell, writer, controls, count):
    shell.run(cell(f"img --改进 --确认 --张数 {count}", "一只猫"))
    controls[0].insert.click()
    typed = unescape(re.search("<pre[^>]*>(.*?)</pre>", words_to_copy(controls[0]), re.DOTALL)[1])
    assert re.search("--模型|--方向", typed)
    assert ("--张数 3" in typed) == (count == 3)


@pytest.mark.parametrize("line", ["--no-ui", "-q"])
def test_who_wants_no_controls_gets_the_cell(shell, writer, controls, capsys, line):
    shell.run(cell(f"img --improve {line}"))
    assert controls == []
    assert written(capsys).endswith(NEW)


# -- money -------------------------------------------------------------------------------------------------------------


def test_the_question_and_the_picture_count(shell, writer):
    shell.run("%config WenwenMagics.prices = {'gpt-4o': 0.02, 'gpt-4o-image': 0.1}")
    shell.run(cell("--improve"))
    assert SESSION.account("yes").known == 0.02
    shell.run(cell("--improve -y"))
    assert SESSION.account("yes").known == 0.12


@pytest.mark.parametrize(("budget", "asked"), [(0.01, 0), (0.11, 0), (0.12, 2)])
def test_the_cells_budget_is_for_both(shell, writer, budget, asked):
    shell.run("%config WenwenMagics.prices = {'gpt-4o': 0.02, 'gpt-4o-image': 0.1}")
    typed = cell(f"--improve -y --budget {budget}")
    if asked == 2:
        shell.run(typed)
    else:
        assert isinstance(shell.fail(typed), LimitReached)
    assert len(writer.posts) == asked


def test_without_yes_the_cells_budget_is_for_the_question(shell, writer, capsys):
    shell.run("%config WenwenMagics.prices = {'gpt-4o': 0.02, 'gpt-4o-image': 0.1}")
    shell.run(cell("--improve --budget 0.05"))
    assert isinstance(shell.fail(cell("--improve -y --budget 0.05")), LimitReached)
    assert len(writer.posts) == 1
    shell.run(cell("--improve -y --budget 0.1"))
    assert shell.run(cell("--improve -y --budget 0.01")).images


def test_the_limit_of_the_session_holds(shell, writer):
    shell.run("%config WenwenMagics.session_limit = 1")
    assert isinstance(shell.fail(cell("--improve -y")), LimitReached)
    assert writer.posts == []  # the question would have been paid for nothing
    shell.run("%config WenwenMagics.session_limit = 0")
    assert isinstance(shell.fail(cell("--improve", "a dog")), LimitReached)
    assert writer.posts == []


def test_a_question_that_must_be_confirmed_asks_first(shell, writer, controls, monkeypatch):
    shell.run("%config WenwenMagics.confirm_above = 0")
    monkeypatch.setattr("builtins.input", lambda _: "n")
    assert shell.run(cell("--improve")) is None
    assert (writer.posts, controls) == ([], [])


def test_a_dry_run_asks_nothing_and_shows_the_question(shell, writer, capsys):
    shell.run(cell("--improve --dry-run"))
    assert "Rewrite the prompt below" in capsys.readouterr().out
    assert writer.posts == []


def test_an_answer_without_words_draws_nothing(shell, writer):
    writer.answer = lambda _: answering(None, refusal="I can't help with that.")
    assert isinstance(shell.fail(cell("img --improve -y")), NoImageError)
    assert len(writer.posts) == 1


def test_in_replay_what_is_saved_is_shown_and_what_is_not_stays_undrawn(shell, writer):
    shell.run(cell("--improve"))
    drawn = shell.run(cell("--improve -y", "a cat"))
    shell.run("%config WenwenMagics.mode = 'replay'")
    assert shell.run(cell("--improve")).id == drawn.id
    missing = shell.fail(cell("--improve", "a dog"))
    assert isinstance(missing, NotInHistory)
    assert missing.why.startswith("a dog")


def test_in_replay_a_rewrite_that_was_never_drawn_is_shown(shell, writer):
    said = shell.run(cell("--improve"))
    shell.run("%config WenwenMagics.mode = 'replay'")
    assert shell.run(cell("--improve")).id == said.id


WRONG = {
    "--for": cell('--improve --for "x=a;b"', "a {{x}}"),
    "--grid": cell('--improve --grid "model=a;b"'),
    "--from": cell("--improve --from things.txt"),
    "--blind": cell("--improve --blind -m a,b"),
    "--take": cell("--improve --take 1"),
    "--background": cell("--improve --background"),
    "-m a,b": cell("--improve -m a,b"),
    "only.": "%%wenwen_video --improve -m sora-2\na cat",
    "%%wenwen_image only": "%%wenwen_ask --improve\na cat?",
    "wenwen_image only": "%%wenwen_describe --improve --ref x.png",
    "empty": cell("--improve", "  "),
    "no axis|not defined": cell("--improve", "a {{nothing}}"),
    "No file|no file": cell("--improve --ref gone", "a cat"),
    "style": cell("--improve --style none", "a cat"),
}


@pytest.mark.parametrize(("why", "typed"), WRONG.items(), ids=WRONG)
def test_what_cannot_be_is_refused_before_the_question(shell, writer, why, typed):
    error = shell.fail(typed)
    assert isinstance(error, ConfigError)
    assert re.search(why, error.what)
    assert error.charged == "no"
    assert writer.posts == []


# -- from Python, and where it is told ---------------------------------------------------------------------------------


@pytest.mark.parametrize("wire", ["chat", "gemini", "images"])
@pytest.mark.parametrize("prompt", ["a fox", "一只狐狸"])
def test_python_gets_the_new_prompt_as_text(demo, wire, prompt):
    client = Client(base_url=demo.address, api_key=KEY, session=Session(), format=wire)
    said = client.improve(f" {prompt} ")
    assert said.text.startswith(prompt)
    assert len(said.text) > len(prompt) + 5
    assert client.improve(prompt).from_history
    assert len(demo.posts) == 1
    assert client.generate(said.text, format="chat").images


def test_python_gets_it_without_the_quotes(shell, writer):
    writer.new = '"a cat at dawn"'
    assert Client(base_url=writer.address, api_key=KEY, session=Session()).improve("a cat").text == "a cat at dawn"


@pytest.mark.parametrize("prompt", ["", " \n"])
def test_an_empty_prompt_is_refused(shell, writer, prompt):
    with pytest.raises(ConfigError, match="empty"):
        Client(base_url=writer.address, api_key=KEY, session=Session()).improve(prompt)
    assert writer.posts == []


def test_it_is_completed_and_in_the_help_of_pictures_alone(shell, demo, capsys):
    assert {"--improve", "--改进"} < {name for option in TABLE for name in option.names}
    assert "improve" not in {option.destination for option in table_of("wenwen_video")}
    assert shell.complete("--imp", "%%wenwen_image --imp", 20)[1] == ["--improve"]
    shell.run("%wenwen_image -h")
    assert "--improve" in capsys.readouterr().out
    assert read("--improve a cat") == Options("a cat", improve=True)
