"""``%wenwen history``, ``show``, ``star``, ``use`` and their kind, with real records in a real IPython shell."""

import re
import shutil
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.relay import Relay, whole
from support.scripted import answering
from support.shells import cell
from support.widgets import client_of

from wenwen_magic import Gallery
from wenwen_magic.errors import ConfigError, HistoryError, WenwenError
from wenwen_magic.notebook.commands.registry import commands


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A history of four pictures and one failure."""
    folder = tmp_path_factory.mktemp("drawn")
    with Relay(lambda number: whole(number) if number < 4 else answering("I may not draw that")) as relay:
        client = client_of(relay, history=folder, lang="en")
        client.generate("a black cat", orientation="landscape")
        client.generate("画只狗", model="other")
        for model in "ab":
            client.generate("a hen", model=model)
        with pytest.raises(WenwenError, match="no picture"):
            client.generate("a secret")
    return folder


@pytest.fixture
def saved(drawn, shell, relay):
    """The same history, copied for the test; its pictures are in ``cat``, ``dog`` and ``g`` (two)."""
    shutil.copytree(drawn, "wenwen_images", dirs_exist_ok=True)
    shell.run(cell("cat -o 横屏", "a black cat"))
    shell.run(cell("dog -m other", "画只狗"))
    shell.run(cell("g -m a,b", "a hen"))
    yield shell
    assert relay.posts == [], "a look at what is saved was paid for"


def found(shell, line):
    return [row.request.prompt for row in shell.run(f"%wenwen history {line}")]


# -- history -----------------------------------------------------------------------------------------------------------


SEARCHES = {
    "": ["a secret", "a hen", "a hen", "画只狗", "a black cat"],
    "cat": ["a black cat"],
    "CAT black": ["a black cat"],
    "画只": ["画只狗"],
    "cat dog": [],
    "may not": ["a secret"],
    "-m other": ["画只狗"],
    "--模型 othe": ["画只狗"],
    "--failed": ["a secret"],
    "--since today hen": ["a hen", "a hen"],
    "--since 3d --until today --failed": ["a secret"],
    "--since 2小时 -m other": ["画只狗"],
    "--自 ２天 --页 １ -m other": ["画只狗"],
    "--自 今天 --至=今天 狗": ["画只狗"],
    "--until yesterday": [],
    "--until 2020-01-01": [],
    "--since 2020-01-01T10:30 狗": ["画只狗"],
    "--star": [],
    "100% _ ' \\": [],
}


def test_the_history_is_searched_by_words_and_conditions(saved):
    for line, wanted in SEARCHES.items():
        assert (line, found(saved, line)) == (line, wanted)
        assert len(saved.shown()) == 1


def test_words_may_be_quoted(saved):
    assert found(saved, '"black cat"') == ["a black cat"]


def test_a_page_holds_every_prompt_and_its_id(saved):
    page = saved.run("%wenwen history")
    for row in page:
        for kind in ("text/html", "text/plain"):
            assert row.request.prompt in saved.shown()[0][kind]
            assert row.id[:6] in saved.shown()[0][kind]
    assert saved.shown()[0]["text/html"].count("<img") == 4


def test_pages_are_turned_by_the_line_that_is_told(shell, demo):
    rows = shell.run(cell("-n 27 --model=m -q", "many"))
    first = shell.run("%wenwen history --model m many")
    turn = re.search(r"%wenwen history .*--page 2", shell.shown()[0]["text/plain"]).group()
    second = shell.run(turn)
    assert (len(first), len(second)) == (24, 3)
    assert {row.id for page in (first, second) for row in page} == {row.id for row in rows}
    shell.run("%wenwen history --page=3")
    assert "--page 2" in shell.words()


@pytest.fixture
def demo(shell):
    shell.run("%wenwen demo")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("--page 0", "page"),
        ("--page x", "page"),
        ("--page -1", "page"),
        ("--page", "needs a value"),
        ("--since soon", "date"),
        ("--since 2026-13-01", "date"),
        ("--until 99999d", "date"),
        ("--since 9999w", None),
        ("--modle x", "--model"),
        ("--bogus", "-h lists the options"),
        ("--page", "-h lists the options"),
        ("--star=yes", "no value"),
        ("--since 0001-01-01", None),
        ("--until 9999-12-31", None),
        ("--page 99999999999999999999", None),
    ],
)
def test_a_bad_value_is_told_and_never_a_stack(shell, line, told):
    result = shell.run_cell(f"%wenwen history {line}")
    error = result.error_in_exec
    assert error is None or isinstance(error, ConfigError), error
    assert told is None or told in str(error)


def test_in_a_live_notebook_the_history_shows_its_controls_once_and_hides_the_page_only_there(saved, monkeypatch):
    kernel = SimpleNamespace(_allow_stdin=True)
    monkeypatch.setattr(saved, "kernel", kernel, raising=False)
    page = saved.run("%wenwen history")
    widgets = [data for _kind, data in saved.seen if "application/vnd.jupyter.widget-view+json" in data]
    assert len(widgets) == 1
    assert 'class="wenwen-twin-' in saved.shown()[-1]["text/html"]
    saved.run("_")
    assert len(saved.shown()) == 1
    assert "wenwen-twin" not in saved.shown()[0]["text/html"]
    saved.run("kept = %wenwen history")
    assert saved.shown() == []
    assert len(page) == len(saved.user_ns["kept"])


@pytest.mark.parametrize(
    ("words", "tags"),
    [
        ("winter", "#winter"),
        ("#winter 冬，mood", "#winter #冬 #mood"),
        ("winter winter", "#winter"),
        ("", "no tags"),
        ("a b c", "#a #b #c"),
    ],
)
def test_tags_are_given_told_and_found(saved, capsys, words, tags):
    saved.run(f"%wenwen tag cat {words}")
    assert capsys.readouterr().out == f"#{saved.user_ns['cat'].id[:6]}: {tags}\n"
    if words:
        tag = tags.split()[-1].strip("#").upper()
        assert found(saved, f"--tag {tag}") == found(saved, f"--标签={tag}") == ["a black cat"]
        assert tags.split()[-1] in saved.shown()[0]["text/html"]


@pytest.mark.parametrize(
    ("line", "left"), [("off", ()), ("b off", ("a", "c")), ("a c 关", ("b",)), ("x off", ("a", "b", "c"))]
)
def test_tags_are_taken_away(saved, line, left):
    saved.run("%wenwen tag cat a b c")
    saved.run(f"%wenwen tag cat {line}")
    assert saved.run("%wenwen history --star")[:] == ()
    assert saved.run("%wenwen show cat").tags == left


def test_demo_pictures_are_found_alone(shell, relay):
    shell.run(cell("", "a real one"))
    shell.run("%wenwen demo")
    shell.run(cell("", "a demo one"))
    assert found(shell, "--demo") == found(shell, "--演示") == ["a demo one"]
    assert found(shell, "") == ["a demo one", "a real one"]


def test_what_is_not_confirmed_is_not_deleted(saved, monkeypatch, capsys):
    for answer in ("", "n", "no", "否", "yess"):
        asked = []
        monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or answer)  # noqa: B023  called here
        saved.run("%wenwen delete cat")
        assert capsys.readouterr().out == "Cancelled, nothing was deleted.\n", answer
        assert (len(asked), saved.user_ns["cat"].id[:6] in asked[0]) == (1, True)
        assert saved.user_ns["cat"].images[0].path.is_file(), answer


@pytest.mark.parametrize(("word", "gone"), [("cat", 1), ("g", 2), ("cat dog", 2), ("{id}", 1), ("#{id}", 1)])
def test_what_is_deleted_is_gone_with_its_files_and_nothing_else(saved, monkeypatch, word, gone):
    monkeypatch.setattr("builtins.input", lambda _: "y")
    word = word.format(id=saved.user_ns["cat"].id[:6])
    before = {row.id: row for row in saved.run("%wenwen history")}
    saved.run(f"%wenwen delete {word}")
    left = {row.id for row in saved.run("%wenwen history")}
    assert len(left) == len(before) - gone
    for key, row in before.items():
        assert all(image.path.is_file() == (key in left) for image in row.images)
    assert "No record" in str(saved.fail(f"%wenwen show {(before.keys() - left).pop()}"))


def test_nothing_is_deleted_where_a_word_means_nothing(saved, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda _: "y")
    for word in ("", "nobody", "ffffffff", "cat nobody"):
        assert isinstance(saved.fail(f"%wenwen delete {word}"), WenwenError), word
        assert len(saved.run("%wenwen history")) == 5, word


@pytest.mark.parametrize(("option", "left"), [("", 5), ("--yes", 4), ("-y", 4), ("--确认", 4)])
def test_where_nobody_can_be_asked_deleting_wants_an_option(saved, monkeypatch, option, left):
    monkeypatch.setattr("builtins.input", lambda _: pytest.fail("asked"))
    monkeypatch.setattr(saved, "kernel", object(), raising=False)
    result = saved.run_cell(f"%wenwen delete cat {option}")
    assert result.success == (left == 4)
    assert option or "--yes" in result.error_in_exec.do
    monkeypatch.undo()
    assert len(saved.run("%wenwen history")) == left


# -- show, star, fetch, compare ----------------------------------------------------------------------------------------


def test_a_saved_picture_is_shown_by_id_or_by_name(saved):
    saved.run("h = %wenwen history")
    cat = saved.user_ns["cat"]
    for word in ("cat", "g[0]", "_", "{id}", "#{id}", "#{short}", "Out[2]", "h[3]", '"cat"', "“cat”", "cat.images[0]"):
        saved.run("_ = cat\ncat")
        shown = saved.run(f"%wenwen show {word.format(id=cat.id, short=cat.id[:6])}")
        assert shown.images[0].sha256, word
        assert (shown.id == cat.id) == (word not in {"g[0]", "h[3]"}), word
        assert saved.words().count("<img") == 1, word


def test_several_pictures_are_shown_beside_one_another(saved):
    assert [row.id for row in saved.run("%wenwen show cat, dog")] == [saved.user_ns[name].id for name in ("cat", "dog")]
    assert saved.words().count("<img") == 2


def test_a_word_that_stands_for_nothing_saved_is_told(saved):
    words = ("", "nobody", "ffffffff", "g[9]", "cat.nothing", "#", "a x c", "__import__", "*")
    for command, word in product(("show", "star", "use", "fetch", "compare cat"), words):
        error = saved.fail(f"%wenwen {command} {word}")
        assert isinstance(error, WenwenError), (command, word, error)
        assert saved.inserted == []


def test_a_star_is_given_found_shown_and_taken_away(saved, capsys):
    saved.run("%wenwen star cat, g[1]")
    assert capsys.readouterr().out.count("★") == 2
    assert sorted(found(saved, "--star")) == ["a black cat", "a hen"]
    assert saved.words().count("★") >= 2
    saved.run(f"%wenwen star {saved.user_ns['cat'].id[:6]} off")
    assert "☆" in capsys.readouterr().out
    assert found(saved, "--星标") == ["a hen"]


def test_a_gallery_stands_for_all_its_pictures(saved):
    saved.run("%wenwen star g")
    assert found(saved, "--star") == ["a hen", "a hen"]


def test_two_are_compared_by_name(saved):
    for pair in ("cat dog", "g[0] g[1]", "cat g[0]", "cat，dog", "cat、dog"):
        comparison = saved.run(f"%wenwen compare {pair}")
        assert "model" in str(comparison), pair
        assert saved.words().count("<img") == 2


def test_of_a_gallery_nothing_is_left_out_in_silence(saved):
    for command in ("use g", "fetch g", "compare cat g", "show --lineage g"):
        error = saved.fail(f"%wenwen {command}")
        assert isinstance(error, ConfigError), command
        assert "g[0]" in error.do
    assert saved.inserted == []


def test_a_gallery_is_shown_whole(saved):
    shown = saved.run("%wenwen show g")
    assert ([one.id for one in shown], shown.labels) == (
        [one.id for one in saved.user_ns["g"]],
        saved.user_ns["g"].labels,
    )
    assert saved.words().count("<img") == 2
    assert "--fresh" not in saved.words()
    saved.run("h = %wenwen history")
    assert len(saved.run("%wenwen show h")) == 5


def test_what_is_shown_and_compared_of_a_saved_take_says_nothing_of_drawing_anew(saved):
    saved.run(cell("cat -o 横屏", "a black cat"))
    assert "--fresh" in saved.words()
    for command in ("show cat", "compare cat dog"):
        saved.run(f"%wenwen {command}")
        assert "--fresh" not in saved.words()


def test_a_comparison_tells_why_one_has_no_picture_what_it_cost_and_the_currency(saved):
    saved.run("%config WenwenMagics.currency = '元'")
    failed = saved.run("%wenwen history --failed")[0]
    told = str(saved.run(f"%wenwen compare cat {failed.id}"))
    assert "failure: none → The answer holds no picture. I may not draw that" in told
    priced = [replace(saved.user_ns["cat"], price=price) for price in (0.5, 0.25)]
    assert "price: 0.5 元 → 0.25 元" in str(saved.magics_manager.registry["WenwenMagics"]._client().compare(*priced))


CHINESE = {"历史": "画只狗", "历史 狗": "画只狗", "查看 dog": "<img", "状态": "", "帮助": "", "统计": ""}


def test_commands_have_chinese_names(saved, capsys):
    for line, told in CHINESE.items():
        saved.run(f"%wenwen {line}")
        assert told in saved.words(), line


def test_the_chinese_help_tells_the_chinese_name_of_every_command(shell, capsys):
    shell.run("%wenwen 帮助")
    told = capsys.readouterr().out
    assert [one.chinese for one in commands().values() if f"{one.chinese} · " not in told] == []
    assert "历史" in shell.fail("%wenwen 历使").do


def test_what_is_shown_keeps_the_language_of_the_first_prompt_until_a_setting_says_another(saved):
    for command in ("compare dog dog", "历史 狗", "compare cat cat"):  # the first prompt was English
        saved.run(f"%wenwen {command}")
    assert "one and the same" in saved.words()
    saved.run("%wenwen show dog")
    assert "as sent" in saved.words()
    saved.run("%config WenwenMagics.lang = 'zh'")
    saved.run("%wenwen compare cat cat")
    assert "这是同一次生成" in saved.words()
    saved.run("%wenwen 历史 --失败")
    assert "扣费：是" in saved.words()
    saved.run("%config WenwenMagics.lang = 'en'")
    saved.run("%wenwen show cat")
    assert "landscape" in saved.words()


def test_after_a_chinese_prompt_all_is_told_in_chinese(shell, relay, capsys):
    shell.run("%wenwen demo off")  # a command tells no language
    shell.run(cell("cat", "画只猫"))
    shell.run(cell("-o portrait", "a cat"))
    assert "竖屏" in shell.words()
    assert "没有" in shell.fail("%wenwen historie").what
    shell.run("%config WenwenMagics.lang = 'en'")
    assert "There is no command" in shell.fail("%wenwen historie").what


@pytest.mark.parametrize("name", ["image", "ask", "video", "describe"])
def test_a_magic_typed_as_a_command_is_named(shell, name):
    assert shell.fail(f"%wenwen {name} a fox").do == f"Did you mean %wenwen_{name}?"


@pytest.mark.parametrize("words", ["cat", "cat dog g"])
def test_a_comparison_is_of_two(saved, words):
    assert "Two" in str(saved.fail(f"%wenwen compare {words}"))


# -- use ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["cat", "dog", "g[1]", "{id}"])
def test_the_cell_that_made_a_picture_is_put_below_and_shows_it_for_free(saved, word):
    saved.run(f"%wenwen use {word.format(id=saved.user_ns['dog'].id[:6])}")
    meant = saved.user_ns["dog"] if "id" in word else saved.run(f"%wenwen show {word}")
    assert len(saved.inserted) == 1
    again = saved.run(saved.inserted[0])
    assert (again.id, again.images[0].data) == (meant.id, meant.images[0].data)


LINES = [
    ("-n 3", "a cat"),
    ("--param seed=7 --param style='a b' --param flag=true", "a cat"),
    ("--stream", "a cat"),
    ("--raw", "a {{cat}}"),
    ("--style s", "  line one\n\n>>> line {two}\n%%magic\n第三行？"),
    ('--for "x=1"', "{{x}} 'q' \"q\" $HOME !ls ?"),
    ("--ref red.png -o 竖屏", "as this"),
    ("-m 'two words'", "a cat"),
]


@pytest.mark.parametrize(("line", "text"), LINES)
def test_whatever_was_drawn_its_cell_gives_the_very_same_picture_for_free(shell, relay, line, text):
    from support.scripted import png

    Path("red.png").write_bytes(png())
    shell.run("%config WenwenMagics.styles = {'s': '{prompt}\\n...'}")
    drawn = shell.run(cell(f"made {line}", text))
    asked = len(relay.posts)
    for number, row in enumerate(drawn if isinstance(drawn, Gallery) else [drawn]):
        shell.run(f"%wenwen use {row.id}")
        again = shell.run(shell.inserted[number])
        assert (again.id, len(relay.posts)) == (row.id, asked)


@pytest.mark.parametrize("made", ["%wenwen show cat", "cat"])
def test_a_file_with_a_recipe_gives_its_cell(saved, made):
    saved.run(f"made = {made}\nmade.images[0].save('my cat.png', recipe=True)\nmade.images[0].save('plain.png')")
    for path in ("my cat.png", "'my cat.png'", '"my cat.png"', "./my cat.png"):
        saved.run(f"%wenwen use {path}")
        assert saved.run(saved.inserted.pop()).id == saved.user_ns["cat"].id
    error = saved.fail("%wenwen use plain.png")
    assert "recipe" in error.do
    Path("text.png").write_text("no picture")
    assert isinstance(saved.fail("%wenwen use text.png"), ConfigError)


def test_a_recipe_names_the_pictures_it_started_from_and_never_gives_another_request(saved, capsys):
    relay_posts = len(saved.run("%wenwen history"))
    Path("sub").mkdir()
    saved.user_ns["cat"].images[0].save("sub/eye.png")
    assert relay_posts == 5
    for given, told in (("cat", "cat"), ("sub/eye.png", "eye.png")):
        client = saved.magics_manager.registry["WenwenMagics"]._client()
        asked = client.request("blue", references=[client.reference(saved.user_ns.get(given, given), given)])
        replace(saved.user_ns["dog"].images[0], request=asked).save("rr.png", recipe=True)
        capsys.readouterr()
        saved.run("%wenwen use rr.png")
        assert f"--ref {told}" in saved.inserted.pop()
        said = capsys.readouterr().out
        assert f"not in the file: --ref {told}" in said
        assert b"sub/eye" not in Path("rr.png").read_bytes()


def test_a_recipe_of_pictures_without_names_is_refused(saved):
    client = saved.magics_manager.registry["WenwenMagics"]._client()
    nameless = replace(client.reference(saved.user_ns["cat"]), label="")
    asked = client.request("blue", references=[nameless])
    replace(saved.user_ns["dog"].images[0], request=asked).save("rr.png", recipe=True)
    error = saved.fail("%wenwen use rr.png")
    assert isinstance(error, ConfigError)
    assert "--ref" in error.do
    assert saved.inserted == []


def test_a_strangers_recipe_is_told_by_an_error_of_ours(saved):
    from wenwen_magic.media.metadata import embed

    data = saved.user_ns["cat"].images[0].data
    for recipe in ({"model": ""}, {"orientation": "up"}, {"format": "none"}, {"params": {"model": "x"}}):
        Path("x.png").write_bytes(embed(data, {"version": 1, "prompt": "x", "unknown": 5, **recipe}))
        assert isinstance(saved.fail("%wenwen use x.png"), ConfigError), recipe
        assert saved.inserted == [], recipe


# -- handing on --------------------------------------------------------------------------------------------------------


def test_a_lesson_is_exported_and_taken_in_by_name(saved, here, monkeypatch, capsys):
    saved.run("%wenwen export lesson.zip cat g[1]")
    assert "2 records, 2 pictures" in capsys.readouterr().out
    monkeypatch.setenv("WENWEN_HISTORY", "other")
    saved.run("%wenwen import lesson.zip\n%wenwen import 'lesson.zip'")
    told = capsys.readouterr().out
    assert "2 records and 2 pictures imported" in told
    assert "2 were here already" in told
    assert found(saved, "") == ["a hen", "a black cat"]
    assert saved.run(cell("--mode replay -o 横屏", "a black cat")).id == saved.user_ns["cat"].id


def test_all_is_exported_and_what_has_no_picture_is_counted(saved, capsys):
    saved.run("%wenwen export --strip all.zip")
    assert "4 records, 4 pictures" in (told := capsys.readouterr().out)
    assert "1 without a file to share left out" in told
    assert b"black" not in Path("all.zip").read_bytes()


def test_a_lessons_name_may_be_quoted(saved, here):
    saved.run("%wenwen export 'my lesson, one.zip' cat")
    saved.run("%wenwen export “my lesson, two.zip” cat")
    assert [one.name for one in sorted(here.glob("my*"))] == ["my lesson, one.zip", "my lesson, two.zip"]


@pytest.mark.parametrize("name", ["cat", "g", "#a1b2c3"])
def test_bug_all_that_is_saved_was_exported_under_the_name_of_a_picture(saved, here, name):
    assert saved.fail(f"%wenwen export {name}").do == f"%wenwen export {name.strip('#')}.zip {name}"
    assert not list(here.glob("*.zip"))


def test_a_lesson_that_cannot_be_is_told(saved):
    for line in ("export", "export x.zip nobody", "export nowhere/x.zip", "import", "import none.zip"):
        assert isinstance(saved.fail(f"%wenwen {line}"), (ConfigError, HistoryError)), line


def test_a_lesson_without_an_ending_becomes_a_zip(saved, here, capsys):
    saved.run("%wenwen export 课程 cat")
    assert (here / "课程.zip").is_file()
    saved.run("%wenwen import 课程")
    assert "课程.zip" in capsys.readouterr().out


def test_a_lesson_for_a_folder_that_is_not_there_names_it(saved):
    error = saved.fail("%wenwen export sub/y.zip")
    assert isinstance(error, ConfigError)
    assert "sub" in error.what


def test_a_history_that_is_empty_says_so(shell):
    assert len(shell.run("%wenwen history")) == 0
    assert "Nothing is saved here yet" in shell.words()
    shell.run("%wenwen history cat")
    assert "Nothing saved matches" in shell.words()


@pytest.mark.parametrize("command", ["show", "use", "fetch"])
def test_a_missing_id_is_called_missing(shell, command):
    assert "An id is missing" in shell.fail(f"%wenwen {command}").what
