"""A cell as people type it reaches its magic: comments above it, odd spaces, no text, a question at its end."""

import pytest
from support.shells import prompts

from wenwen_magic.errors import ConfigError
from wenwen_magic.text.i18n import is_chinese, speak

DRAWN = {
    "a comment above": "# my cat\n%%wenwen_image -q\na cat",
    "comments and empty lines above": "\n# my cat\n\n   # of 2026\n#%%\n%%wenwen_image -q\na cat",
    "a comment and spaces above": "    # my cat\n    %%wenwen_image -q\na cat",
    "spaces before it": "  %%wenwen_image -q\na cat",
    "spaces before all": "    %%wenwen_image -q\n    a cat",
    "a byte order mark": "\ufeff%%wenwen_image -q\na cat",
    "a byte order mark and a comment": "\ufeff# my cat\r\n%%wenwen_image -q\r\na cat\r\n",
    "Windows ends": "%%wenwen_image -q\r\na cat",
    "a thin space": "%%wenwen_image\u2009-q\na cat",
    "a narrow space that breaks no line": "%%wenwen_image\u202f-q\na cat",
    "a space without width": "%%wenwen_image\u200b-q\na cat",
    "spaces without width everywhere": "%%wenwen_image \u200b\u2060-q\ufeff\na cat",
    "a mark behind the name": "%%wenwen_image\ufeff -q\na cat",
    "Chinese spaces between options": "%%wenwen_image\u3000\u3000fox\u3000-q\na cat",
    "full-width signs": "％％wenwen_image -q\na cat",
    "a full-width sign on a line": "％wenwen_image -q a cat",
    "code below a line": "%wenwen_image -q a cat\nfox = 1\nfox\n# and a dog",
    "a target with quotes": "d = {}\nd['x'] = %wenwen_image\u3000-q a cat",
    "an annotation": "fox: object = %wenwen_image\u00a0-q a cat",
    "under another magic": "%%time\n# my cat\n%%wenwen_image -q\na cat",
    "a source without text": "%%wenwen_image -q --from {{['a cat']}}",
    "a cell of a file": "open('s.ipy', 'w').write('# my cat\\n%%wenwen_image -q\\na cat')\n%run -i s.ipy",
}


@pytest.mark.parametrize("typed", DRAWN.values(), ids=DRAWN)
def test_a_cell_is_drawn_as_it_is_meant(shell, relay, typed):
    shell.run(typed)
    assert prompts(relay) == ["a cat"]


def test_a_text_of_several_lines_is_one_request_whatever_ends_its_lines(shell, relay):
    for end in ("\n", "\r\n"):
        shell.run(f"%%wenwen_image -q{end}a cat{end}{end}# and a dog{end}")
    assert prompts(relay) == ["a cat\n\n# and a dog"]


def test_a_cell_may_be_quoted_in_a_question(shell, relay):
    shell.run("%%wenwen_ask -q\nWhat does this do?\n    %%wenwen_image fox\n    a fox")
    assert prompts(relay) == ["What does this do?\n    %%wenwen_image fox\n    a fox"]


QUESTIONS = {
    "a line": "%wenwen_image -q what is this?",
    "a line in Chinese": "％wenwen_image　-q what is this?  ",
    "a line in a block": "if True:\n    %wenwen_image -q what is this?\n",
    "a variable": "fox = %wenwen_image -q what is this?\nassert fox.images",
}


@pytest.mark.parametrize("typed", QUESTIONS.values(), ids=QUESTIONS)
def test_a_question_mark_at_the_end_of_a_prompt_asks_ipython_nothing(shell, relay, typed):
    shell.run(typed)
    assert prompts(relay) == ["what is this?"]


@pytest.mark.parametrize("typed", ["%wenwen_image?", "%%wenwen_image?", "%wenwen_describe?", "%wenwen_ask?"])
def test_a_question_mark_behind_the_name_is_ipythons(shell, relay, capsys, typed):
    shell.run(typed)
    assert "Docstring" in capsys.readouterr().out
    assert prompts(relay) == []


@pytest.mark.parametrize("magic", ["image", "describe", "ask"])
@pytest.mark.parametrize(
    "typed",
    [
        "%%wenwen_{} -h",
        "%%wenwen_{} --help\n",
        "%%wenwen_{}　--帮助\n\n",
        "%wenwen_{} -h",
        "%%wenwen_{} -?",
        "%wenwen_{} -?",
        "%%wenwen_{}　-？\n",
    ],
)
def test_help_needs_no_text(shell, relay, capsys, magic, typed):
    shell.run(typed.format(magic))
    assert "--model" in capsys.readouterr().out
    assert prompts(relay) == []


@pytest.mark.parametrize(
    "typed", ["%%wenwen_image", "%%wenwen_image\n", "%%wenwen_image\n  \n", "%%wenwen_image fox -q"]
)
def test_a_cell_without_text_says_that_it_is_empty(shell, relay, typed):
    error = shell.fail(typed)
    assert isinstance(error, ConfigError)
    assert "empty" in error.what
    assert prompts(relay) == []


def test_a_prompt_on_the_first_line_of_a_cell_is_told_where_it_goes(shell, relay):
    error = shell.fail("%%wenwen_image a red fox")
    assert "below the first line" in error.do
    assert prompts(relay) == []


ABOVE = {
    "code": "x = 1\n%%wenwen_image -q\na cat",
    "a block": "for x in 'ab':\n    print(x)\n%%wenwen_image -q\na cat",
    "an import and a comment": "import os\n\n# now\n  %%wenwen_image -q\na cat",
    "another magic": "%matplotlib inline\n%%wenwen_image -q\na cat",
    "another cell": "%%wenwen_image -q\na dog\n\n%%wenwen_image fox -q\na cat",
    "another cell with full-width signs": "%%wenwen_ask\nwhat?\n％％wenwen_image -q\na cat",
    "a line of ours": "%wenwen status\n%%wenwen_describe\nwhat?",
}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("typed", ABOVE.values(), ids=ABOVE)
def test_code_above_a_cell_magic_is_told_and_not_run(shell, relay, capsys, typed, language):
    speak(language)
    error = shell.fail(typed)
    assert isinstance(error, ConfigError)
    assert "%%wenwen_" in error.what
    assert [is_chinese(words) for words in (error.what, error.why, error.do)] == [language == "zh"] * 3
    assert capsys.readouterr().out == ""
    assert prompts(relay) == []


ODD = {
    "a prompt below a line": ("%wenwen_image fox -o 16:9\na red fox", "%%wenwen_image …"),
    "a Chinese one": ("\n# 狐\n%wenwen_image fox\n画一只狐狸，水彩\n", "%%wenwen_image …"),
    "a Chinese one that could be a name": ("％wenwen_ask\n\n有哪些动物\n", "%%wenwen_ask …"),
    "a name before": ("ideas = %%wenwen_ask --json\nTen animals", "%%wenwen_ask ideas --json"),
    "a name before, in Chinese": ("点子 = ％％wenwen_ask\n十种动物", "%%wenwen_ask 点子"),
}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(("typed", "meant"), ODD.values(), ids=ODD)
def test_bug_a_line_was_paid_for_before_the_prompt_below_it_was_no_code(shell, relay, typed, meant, *, language):
    speak(language)
    error = shell.fail(typed)
    assert isinstance(error, ConfigError)
    assert error.do.endswith(meant)
    assert is_chinese(error.what) == (language == "zh")
    assert prompts(relay) == []


KEPT = {
    "quoted": 'text = """\nx\n%%wenwen_image -q\n  a cat"""\nassert text == "\\nx\\n%%wenwen_image -q\\n  a cat"',
    "a comment": "x = 1\n# %%wenwen_image -q\n",
    "the text of another magic": "%%writefile x.txt\n# a\n%%wenwen_image　-q\n%wenwen_image what?\r\n",
}


@pytest.mark.parametrize("typed", KEPT.values(), ids=KEPT)
def test_what_is_no_magic_of_ours_stays_as_it_is(shell, relay, here, typed):
    shell.run(typed)
    assert prompts(relay) == []
    if typed.startswith("%%writefile"):
        assert (here / "x.txt").read_bytes().decode() == typed.split("\n", 1)[1]


def test_an_alias_expands_no_braces_and_goes_through_a_reload(shell, relay):
    shell.run("x = 7\n%alias_magic d wenwen_image\n%d -q {x} {{x}} $x")
    shell.run("%%d -q\n{x} {{x}} $x cell")
    shell.run("%reload_ext wenwen_magic\n%alias_magic e wenwen_image\n%e -q {x} $x e")
    shell.run("%d -q {x} d")
    assert prompts(relay) == ["{x} 7 $x", "{x} 7 $x cell", "{x} $x e", "{x} d"]
    shell.run("%unload_ext wenwen_magic")
    assert "register_alias" not in vars(shell.magics_manager)
    shell.run("%load_ext wenwen_magic")


REPEATED = {
    "%time": "%time %wenwen_image -q a cat",
    "%%time": "%%time\n%%wenwen_image -q\na cat",
    "%timeit": "%timeit -n2 -r2 %wenwen_image -q a cat",
    "%%timeit": "%%timeit -n2 -r2\n%wenwen_image -q a cat",
    "%prun": "%prun -q %wenwen_image -q a cat",
    "%%prun": "%%prun -q\n%wenwen_image -q a cat",
    "%rerun": "%wenwen_image -q a cat\nfor _ in 'ab':\n    %wenwen_image -q a cat",
    "%%capture": "%%capture cap\n%%wenwen_image\na cat",
    "a macro": "get_ipython().user_ns['m'] = 'get_ipython().run_line_magic(\"wenwen_image\", \"-q a cat\")'\nexec(m); exec(m)",
}


@pytest.mark.parametrize("typed", REPEATED.values(), ids=REPEATED)
def test_what_runs_a_cell_in_its_own_way_pays_once(shell, relay, capsys, typed):
    shell.run(typed)
    assert prompts(relay) == ["a cat"]


@pytest.mark.parametrize(
    "typed",
    [
        "%timeit -n1 -r2 %wenwen_image -q --fresh a cat",
        "%%timeit\n%wenwen_image -q --重画 a cat",
        "def draw():\n    %wenwen_image -q --fresh a cat\n%timeit draw()",
        "def draw():\n    %wenwen_image -q --fresh a cat\nimport timeit\ntimeit.repeat(draw, number=2)",
    ],
)
def test_a_new_take_at_every_turn_of_timeit_is_refused_before_anything_is_sent(shell, relay, typed):
    error = shell.fail(typed)
    assert isinstance(error, ConfigError)
    assert "%time" in error.do
    assert prompts(relay) == []


COMMANDS = {
    "%wenwen -h": "%wenwen status",
    "%wenwen -?": "%wenwen status",
    "%wenwen history -?": "--since",
    "%wenwen 历史 -？": "--since",
    "%wenwen --help": "%wenwen status",
    "%wenwen help image": "--orientation",
    "%wenwen help %%wenwen_describe": "--model",
    "%wenwen help history": "--since",
    "%wenwen 帮助 历史": "--since",
    "%wenwen history -h": "--since",
    "%wenwen history cats --help": "--since",
    "%wenwen export -h": "FILE",
}


@pytest.mark.parametrize(("typed", "told"), COMMANDS.items())
def test_help_of_commands(shell, capsys, typed, told):
    shell.run(typed)
    said = capsys.readouterr().out
    assert told in said
    assert ("%wenwen status" in said) == (told == "%wenwen status")


@pytest.mark.parametrize("typed", ["%wenwen help histroy", "%wenwen histroy -h"])
def test_help_of_no_command_names_the_nearest(shell, typed):
    assert "history" in shell.fail(typed).do
