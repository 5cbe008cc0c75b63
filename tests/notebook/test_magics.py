"""The magics in a real IPython shell inside this process: what a cell gives, shows, sends and refuses."""

import builtins
import logging
import os
import re
import socket
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import requests
import urllib3
from IPython.core import completer
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from IPython.lib.pretty import pretty
from PIL import Image
from support.demo import DemoServer
from support.relay import whole
from support.scripted import answering, png
from support.shells import KEY, cell, prompts, records
from support.widgets import cell_of

from wenwen_magic import Gallery, Generation, WenwenError
from wenwen_magic.engine.worker_pool import WorkerPool
from wenwen_magic.notebook import magics
from wenwen_magic.notebook.commands import account
from wenwen_magic.text.i18n import is_chinese


@pytest.fixture
def demo(monkeypatch):
    with DemoServer(wait=lambda _: None) as server:
        monkeypatch.setenv("WENWEN_BASE_URL", server.address)
        yield server


@pytest.fixture
def no_sockets(monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a socket was opened"))


# -- what a cell gives and shows ---------------------------------------------------------------------------------------


def test_loading_is_silent(shell):
    assert (shell.seen, shell.told) == ([], [])


def test_a_cell_gives_its_generation_and_shows_it_once(shell, relay):
    drawn = shell.run(cell("img"))
    count = shell.execution_count - 1
    assert isinstance(drawn, Generation)
    assert shell.user_ns["img"] is shell.user_ns["_"] is shell.user_ns["Out"][count] is drawn
    assert len(shell.shown()) == 1
    assert {"text/html", "text/plain", "image/png"} <= shell.shown()[0].keys()


def test_the_prompt_goes_out_as_typed(shell, relay):
    shell.run(cell("-o 横屏", '  {"kind": "cat", $HOME {x}}  ?\n第二行  '))
    assert prompts(relay) == ['{"kind": "cat", $HOME {x}}  ?\n第二行\n横屏构图']


@pytest.mark.parametrize("use", ["img", "display(img)", "Out[n]", "img.images[0] and img"])
def test_a_generation_is_shown_again_in_a_later_cell(shell, relay, use):
    shell.run(cell("img"))
    count = shell.execution_count - 1
    shell.run("from IPython.display import display\n" + use.replace("n]", f"{count}]"))
    assert len(shell.shown()) == 1
    assert "<img" in shell.shown()[0]["text/html"]


@pytest.mark.parametrize(
    ("use", "pictures"),
    [
        ("img.images", 1),
        ("img.images[0]", 1),
        ("list(img.images)", 1),
        ("img, img", 2),
        ("[img, img.images[0]]", 2),
        ("img.images + img.images", 2),
        ("[*both, img]", 3),
        ("[both, img]", 3),
        ("both.images", 2),
        ("both.images[:1]", 1),
        ("both.rows", 2),
        ("history.recent()", 2),
        ("list(history.recent())", 2),
        ("history.recent()[:2]", 2),
        ("history.recent()[0]", 1),
        ("history.search('dog')", 1),
        ("history.get(img.id)", 1),
    ],
)
def test_pictures_are_shown_however_they_are_held(shell, relay, use, pictures):
    shell.run(cell("img"))
    shell.run("dog = %wenwen_image a dog")
    shell.run("from wenwen_magic import Client\nclient = Client()\nhistory = client.history")
    shell.run("both = client.gallery([img, dog])")
    shell.run(use)
    (data,) = shell.shown()
    assert data["text/html"].count("<img") == pictures
    assert str(Path.cwd()) not in data["text/plain"] + data["text/html"]


@pytest.mark.parametrize(
    "use", ["[]", "()", "[1, img]", "[img, 1]", "(img, None)", "{'a': img}", "{1, 2}", "type('L', (list,), {})([img])"]
)
def test_any_other_list_is_shown_as_python_shows_it(shell, relay, use):
    shell.run(cell("img"))
    value = shell.run(use)
    assert shell.shown() == [{"text/plain": pretty(value)}]


def test_a_list_of_others_loads_nothing_and_their_own_way_to_be_shown_is_kept_and_given_back(shell, monkeypatch):
    formatter = shell.display_formatter.mimebundle_formatter
    shell.run("%unload_ext wenwen_magic")
    formatter.for_type(list, lambda items: {"text/plain": "theirs", "text/html": f"{len(items)} of them"})
    shell.run("%load_ext wenwen_magic")
    shell.run("%reload_ext wenwen_magic")
    monkeypatch.setitem(sys.modules, "wenwen_magic.render.gallery", None)
    shell.run("[1, 2]")
    assert shell.shown()[0]["text/html"] == "2 of them"
    shell.run("class Own(list):\n    def _repr_mimebundle_(self, **_):\n        return {'text/html': 'own'}")
    shell.run("%unload_ext wenwen_magic")
    shell.run("[1]")
    assert shell.shown()[0]["text/html"] == "1 of them"
    assert tuple not in formatter.type_printers


def test_a_class_derived_from_list_is_shown_in_its_own_way(shell, relay):
    shell.run("class Own(list):\n    def _repr_mimebundle_(self, **_):\n        return {'text/html': 'own'}")
    shell.run("Own([1])")
    assert shell.shown()[0]["text/html"] == "own"


def test_the_pictures_of_a_blind_comparison_do_not_tell_what_they_are(shell, relay):
    shell.run(cell("img -m model-a,model-b --blind"))
    for use in ("img.images", "[img]", "repr(img)", "print(img)"):
        shell.run(use)
        assert "model-" not in str(shell.seen)


def test_a_generation_used_in_the_middle_of_a_later_cell_is_not_shown(shell, relay):
    shell.run(cell("img"))
    shell.run("img\n1")
    assert [data["text/plain"] for data in shell.shown()] == ["1"]


def test_the_line_form_gives_its_generation_to_a_name(shell, relay):
    shell.run("img = %wenwen_image -o square a cat")
    assert isinstance(shell.user_ns["img"], Generation)
    assert prompts(relay) == ["a cat\nsquare composition"]
    assert len(shell.shown()) == 1


def test_the_line_form_is_shown_once(shell, relay):
    shell.run("%wenwen_image 'a cat'")
    assert prompts(relay) == ["a cat"]
    assert len(shell.shown()) == 1


def test_the_line_form_leaves_dollars_and_braces_alone(shell, relay):
    shell.run("x = 7")
    shell.run('%wenwen_image a cat for $x and {x} in {{x}} "quotes"')
    assert prompts(relay) == ['a cat for $x and {x} in 7 "quotes"']


def test_a_semicolon_quiets(shell, relay):
    shell.run("img = %wenwen_image a cat")
    shell.run("img;")
    assert shell.shown() == []
    shell.run("%wenwen_image a dog;")
    assert shell.shown() == []
    assert prompts(relay) == ["a cat", "a dog"]


def test_quiet_shows_nothing_and_still_gives_the_generation(shell, relay):
    shell.run(cell("img -q"))
    assert shell.shown() == []
    assert shell.user_ns["img"].images


def test_the_magic_works_in_a_loop_and_shows_each_picture(shell, relay):
    shell.run("for kind in ('cat', 'dog', 'hen'):\n    %wenwen_image a {{kind}}\n")
    assert prompts(relay) == ["a cat", "a dog", "a hen"]
    assert len(shell.shown()) == 3


def test_several_models_are_shown_as_one_table(shell, relay):
    drawn = shell.run(cell("both -m one,two -m three"))
    assert isinstance(drawn, Gallery)
    assert drawn is shell.user_ns["both"]
    assert [row.request.model for row in drawn] == ["one", "two", "three"]
    assert len(shell.shown()) == 1
    assert shell.shown()[0]["text/html"].count("<img") == 3
    shell.run("both")
    assert len(shell.shown()) == 1


def test_three_then_four_draws_one_more(shell, relay):
    assert len(shell.run(cell("-n 3"))) == 3
    assert len(relay.posts) == 3
    rows = shell.run(cell("-n 4"))
    assert [row.take for row in rows] == [1, 2, 3, 4]
    assert len(relay.posts) == 4
    assert shell.run(cell()).take == 1
    assert len(relay.posts) == 4


def test_takes_drawn_together_are_numbered_one_by_one(shell, relay):
    assert sorted(row.take for row in shell.run(cell("-n 3"))) == [1, 2, 3]


def test_fresh_adds_a_take_and_take_shows_an_old_one(shell, relay):
    first = shell.run(cell())
    assert shell.run(cell("--fresh")).take == 2
    again = shell.run(cell("--take 1"))
    assert (again.id, again.take, again.from_history) == (first.id, 1, True)
    assert "saved picture, free" in shell.shown()[0]["text/html"]
    assert len(relay.posts) == 2
    assert "Take 5" in str(shell.fail(cell("--take 5")))
    assert len(relay.posts) == 2


def test_chinese_options_are_the_english_ones(shell, relay):
    drawn = shell.run(cell("图 --方向 竖屏 --模型=m --张数 ２", "画只猫"))
    assert [row.request.orientation for row in drawn] == ["portrait"] * 2
    assert {row.request.model for row in drawn} == {"m"}
    assert shell.user_ns["图"] is drawn


def test_params_and_streams_go_along(shell, relay):
    shell.run(cell("--param seed=7 --param style=ink --stream"))
    body = relay.posts[0][1]
    assert (body["seed"], body["style"], body["stream"]) == (7, "ink", True)


# -- interpolation -----------------------------------------------------------------------------------------------------


def test_values_are_put_in_once(shell, relay):
    shell.run("animal, n = '{{n}} cats', 3")
    shell.run(cell("", "draw {{animal}} and {{n + 1}} {n}"))
    assert prompts(relay) == ["draw {{n}} cats and 4 {n}"]


def test_an_undefined_name_stops_before_anything_is_sent(shell, relay):
    shell.run("animal = 'cat'")
    error = shell.fail(cell("", "draw {{anmal}}"))
    assert isinstance(error, WenwenError)
    assert "animal" in error.do
    assert (relay.posts, records()) == ([], [])


def test_raw_sends_the_braces(shell, relay):
    shell.run(cell("--raw", "draw {{anmal}}"))
    assert prompts(relay) == ["draw {{anmal}}"]


# -- nothing is sent ---------------------------------------------------------------------------------------------------


def test_a_dry_run_sends_nothing_and_needs_no_key(shell, no_sockets, capsys):
    assert shell.run(cell("-n 3 -m a,b -o 横屏 --dry-run", "画只猫")) is None
    out = capsys.readouterr().out
    assert out.count("画只猫\n横屏构图") == 2
    assert "6" in out
    assert records() == []


def test_without_a_key_the_cell_fails_and_nothing_is_sent(shell, no_sockets):
    error = shell.fail(cell())
    assert "no key" in error.what
    assert "%wenwen key" in error.do
    assert "%wenwen demo" in error.do
    assert records() == []


def test_replay_shows_what_is_saved_and_names_what_is_not(shell, relay, monkeypatch):
    shell.run(cell())
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a socket was opened"))
    monkeypatch.delenv("WENWEN_API_KEY")
    monkeypatch.setenv("WENWEN_MODE", "replay")
    assert shell.run(cell()).from_history
    assert "{+dog+}" in shell.fail(cell("", "a dog")).why
    assert "{+dog+}" in shell.fail(cell("--fresh", "a dog")).why
    assert len(relay.posts) == 1


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("--orentation square", "--orientation"),
        ("-o squre", "square"),
        ("-n 0", "above zero"),
        ("-n 2.5", "a whole number above zero"),
        ("-n", "needs a value"),
        ("--take x", "above zero"),
        ("--mode chace", "cache"),
        ("--format chatt", "chat"),
        ("two words", "variable"),
        ("1name", "variable"),
        ("--param model=x", "--param"),
        ("--ref nothing_here.png", "cannot be used"),
        ("-m ''", "model"),
        ("--timeout -3", "above zero"),
    ],
)
def test_a_mistake_on_the_line_is_told_before_anything_is_sent(shell, relay, line, told):
    error = shell.fail(cell(line))
    assert isinstance(error, WenwenError), shell.told
    assert told in str(error)
    assert "Traceback" not in shell.told[0]
    assert (relay.posts, records()) == ([], [])


@pytest.mark.parametrize("name", ["class", "None", "True", "lambda"])
def test_a_keyword_is_no_variables_name(shell, relay, name):
    assert "variable" in str(shell.fail(cell(name)))
    assert relay.posts == []


@pytest.mark.parametrize("magic", ["image", "video -m veo3.1-fast", "describe --ref fox"])
def test_a_prompt_on_the_first_line_that_could_be_a_name_is_told_where_it_goes(shell, relay, magic):
    error = shell.fail(f"%%wenwen_{magic} 画一只狐狸\n")
    assert (error.what, error.do) == ("提示词是空的。", "提示词写在第一行下面。")
    assert relay.posts == []


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (cell("", "a {{animal} in the snow"), "{{ is sent as it is: a value is written {{name}}."),
        (cell("", "画一只｛｛动物｝｝"), "｛｛ is sent as it is: a value is written {{name}}."),
        (cell("--raw", "a {{animal}"), ""),
        (
            "thing = 'fox'\n%wenwen_image a {thing} in the snow",
            "{thing} is sent as it is: a value is written {{thing}}.",
        ),
        ("thing = 'fox'\n%wenwen_image a $thing for $5", "$thing is sent as it is: a value is written {{thing}}."),
        (cell("", "a {animal} {{'here'}}"), ""),
    ],
)
def test_braces_that_fill_in_nothing_are_told(shell, relay, capsys, typed, told):
    shell.run("%config WenwenMagics.lang = 'en'")
    capsys.readouterr()
    shell.run(typed)
    assert capsys.readouterr().out.strip() == told


def test_an_empty_cell_is_told(shell, relay):
    assert isinstance(shell.fail(cell("", "   ")), WenwenError)
    assert relay.posts == []


@pytest.mark.parametrize("word", ["-h", "--help", "--帮助"])
def test_help_lists_every_option(shell, relay, capsys, word):
    shell.run(cell(word))
    shell.run(f"%wenwen_image {word}")
    assert capsys.readouterr().out.count("--orientation") == 2
    assert relay.posts == []


# -- money -------------------------------------------------------------------------------------------------------------


def test_many_pictures_need_a_yes_when_nobody_can_be_asked(shell, relay):
    error = shell.fail(cell("-n 5"))
    assert "-y" in error.do
    assert (error.charged, relay.posts) == ("no", [])
    assert len(shell.run(cell("-n 5 -y"))) == 5
    assert len(shell.run(cell("-n 5"))) == 5
    assert len(relay.posts) == 5


@pytest.mark.parametrize(("said", "posts"), [("y", 5), ("n", 0), ("", 0), ("是", 5)])
def test_a_person_is_asked_before_many_pictures(shell, relay, monkeypatch, said, posts):
    monkeypatch.setattr(shell, "kernel", SimpleNamespace(_allow_stdin=True), raising=False)
    monkeypatch.setattr(builtins, "input", lambda _: said)
    drawn = shell.run(cell("-n 5 --no-ui"))  # a no ends the cell quietly
    assert (0 if drawn is None else len(drawn)) == len(relay.posts) == posts


def test_the_demos_pictures_need_no_yes(shell, demo):
    assert len(shell.run(cell("-n 5"))) == 5


def test_the_demo_servers_plain_address_needs_a_yes(shell, demo, monkeypatch):
    monkeypatch.setenv("WENWEN_BASE_URL", demo.address.removesuffix("/demo"))
    assert "-y" in shell.fail(cell("-n 5")).do
    assert demo.posts == []


def test_the_sessions_limit_fails_the_cell_before_the_call(shell, relay, monkeypatch):
    monkeypatch.setenv("WENWEN_SESSION_LIMIT", "2")
    shell.run(cell("-n 2"))
    error = shell.fail(cell("", "a dog"))
    assert "session_limit" in error.do
    assert len(relay.posts) == 2
    shell.run(cell("-n 2"))


def test_a_cell_that_would_pass_the_sessions_limit_sends_nothing(shell, relay, monkeypatch):
    monkeypatch.setenv("WENWEN_SESSION_LIMIT", "2")
    assert "session_limit" in shell.fail(cell("-n 3")).do
    assert relay.posts == []


# -- background, interrupts --------------------------------------------------------------------------------------------


def until(true, seconds=10):
    stop = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if true():
            return True
        stop.wait(0.02)
    return False


def test_background_returns_at_once_and_the_picture_comes(shell, relay, monkeypatch):
    shell.attend(monkeypatch, "")
    relay.gate.clear()
    assert shell.run(cell("img --background --no-ui")) is None
    assert "img" not in shell.user_ns
    relay.gate.set()
    assert until(lambda: "img" in shell.user_ns)
    assert until(lambda: any(kind == "update" and "<img" in data["text/html"] for kind, data in shell.seen))
    assert len(relay.posts) == 1


MEANWHILE = {
    "by hand": "fox = 5",
    "by a later cell": "%%wenwen_image fox\na hen",
    "by deleting it": "del fox",
}


@pytest.mark.parametrize("meanwhile", MEANWHILE.values(), ids=MEANWHILE)
def test_a_late_picture_leaves_a_variable_alone_that_was_set_meanwhile(shell, relay, monkeypatch, meanwhile):
    slow = threading.Event()
    relay.answer = lambda number: (number or slow.wait(10)) and whole(number)
    shell.attend(monkeypatch, "")
    shell.run("fox = 1")
    shell.run(cell("fox --background --no-ui"))
    assert until(lambda: relay.posts)
    shell.run(meanwhile)
    now = shell.user_ns.get("fox")
    slow.set()
    assert until(lambda: "%wenwen show" in shell.words())
    assert shell.user_ns.get("fox") is now
    (record,) = [record for record in records() if record["request"]["prompt"] == "a cat"]
    assert f"fox was set meanwhile and is left alone. These: %wenwen show {record['id']}" in shell.words()


def test_of_two_late_pictures_the_later_cells_is_in_the_variable(client):
    names, put = {}, {}
    first, second = (replace(cell_of(client, client.request(text)), names=names, put=put) for text in ("a", "b"))
    turns = first.turn(), second.turn()
    early, late = client.generate("a"), client.generate("b")
    first.named(early, turns[0])
    second.named(late, turns[1])
    assert names["cat"] is late
    first.named(early, turns[0])
    assert names["cat"] is late


def test_bug_the_earlier_of_two_answers_that_came_at_once_took_the_variable_of_the_later(client, monkeypatch):
    names, put, reading, going_on = {}, {}, threading.Event(), threading.Event()
    first, second = (replace(cell_of(client, client.request(text)), names=names, put=put) for text in ("a", "b"))
    turns = first.turn(), second.turn()
    early, late = client.generate("a"), client.generate("b")

    def slowly(result):
        if result is early and not reading.is_set():
            reading.set()
            going_on.wait(20)
        return result

    monkeypatch.setattr("wenwen_magic.notebook.cell.said_by", slowly)
    job = WorkerPool().start(lambda _: first.named(early, turns[0]))
    assert reading.wait(20)
    second.named(late, turns[1])
    going_on.set()
    assert job.wait(20)
    assert names["cat"] is late


def test_a_failure_in_the_background_is_told_in_the_cell(shell, relay, monkeypatch):
    shell.attend(monkeypatch, "")
    relay.answer = lambda _: answering("never")
    shell.run(cell("--background --no-ui"))
    assert until(lambda: any(kind == "update" and "no picture" in data["text/html"] for kind, data in shell.seen))


def test_the_same_cell_run_while_it_is_under_way_joins_it(shell, relay):
    relay.gate.clear()
    shell.run(cell("--background"))
    assert until(lambda: relay.posts)
    threading.Timer(0.3, relay.gate.set).start()
    assert shell.run(cell("img")).images
    assert len(relay.posts) == 1


def test_no_controls_without_a_person(shell, demo, monkeypatch):
    monkeypatch.setattr(shell, "kernel", SimpleNamespace(_allow_stdin=False), raising=False)
    shell.run(cell())
    assert not [data for _, data in shell.seen if "application/vnd.jupyter.widget-view+json" in data]
    assert "<img" in shell.shown()[-1]["text/html"]


# -- references --------------------------------------------------------------------------------------------------------


def test_references_by_every_way_to_name_them(shell, relay, here):
    (here / "a b.png").write_bytes(png())
    first = shell.run(cell("img"))
    number = shell.execution_count - 1
    shell.user_ns.update(picture=Image.new("RGB", (4, 4)), rows=np.zeros((4, 4, 3), "uint8"), here=here)
    words = ["img", f"Out[{number}]", first.id, "#" + first.id[:6], f"'{first.images[0].path}'", "'a b.png'", "picture"]
    for word in [*words, "rows", "{{here / 'a b.png'}}", "https://pictures.example/x.png"]:
        shell.run(cell(f"--ref {word} --fresh", "as this"))
        sent = relay.posts[-1][1]["messages"][0]["content"][1]["image_url"]["url"]
        assert sent.startswith("https://pictures" if "https" in word else "data:image/png;base64,"), word


def test_an_expression_names_a_reference_of_its_own(shell, relay):
    shell.run(cell("both -n 2"))
    for word in ("both[1]", "both[1].images[0]"):
        shell.run(cell(f"--ref {word}", "as this"))
    assert len(relay.posts) == 3


def test_two_references_go_along_in_order(shell, relay):
    shell.run(cell("a -m one", "first"))
    shell.run(cell("b", "second"))
    shell.run(cell("--ref b --参考 a", "both"))
    labels = [one.label for one in shell.user_ns["_"].request.references]
    assert labels == ["b", "a"]
    assert len(relay.posts[-1][1]["messages"][0]["content"]) == 3


@pytest.mark.parametrize("word", ["Out[99]", "#abcdef", "nobody", "7"])
def test_a_reference_that_is_nothing_is_told(shell, relay, word):
    assert isinstance(shell.fail(cell(f"--ref {word}")), WenwenError)
    assert relay.posts == []


# -- %wenwen -----------------------------------------------------------------------------------------------------------


def test_help_names_every_command(shell, capsys):
    shell.run("%wenwen")
    shell.run("%wenwen help")
    out = capsys.readouterr().out
    for word in ("status", "models", "show", "fetch", "demo", "key"):
        assert out.count(f"%wenwen {word}") == 2


def test_an_unknown_command_is_told_with_the_nearest(shell):
    assert "status" in shell.fail("%wenwen staus").do


def test_status_tells_every_setting_with_its_source(shell, relay, capsys):
    shell.run("%config WenwenMagics.model = 'mine'")
    shell.run("%wenwen status")
    out = capsys.readouterr().out
    assert re.search(r"model +mine +%config", out)
    assert re.search(rf"base_url +{relay.address} +environment", out)
    assert re.search(r"key +set +WENWEN_API_KEY", out)
    assert KEY not in out


def test_show_and_fetch_give_a_saved_picture(shell, relay):
    first = shell.run(cell())
    for command in ("show", "fetch"):
        assert shell.run(f"%wenwen {command} #{first.id[:6]}").id == first.id
        assert len(shell.shown()) == 1
    assert "id" in shell.fail("%wenwen show ffffffff").what
    assert isinstance(shell.fail("%wenwen show"), WenwenError)
    assert isinstance(shell.fail("%wenwen fetch"), WenwenError)
    assert len(relay.posts) == 1


def test_a_lost_picture_is_fetched_by_its_id(shell, demo):
    error = shell.fail("%config WenwenMagics.lang = 'en'\n" + "%wenwen_image a cat [demo: missing=1000]")
    assert error.charged == "yes"
    assert isinstance(shell.fail(f"%wenwen fetch {error.record}"), WenwenError)
    assert len(demo.posts) == 1


def test_the_demo_draws_without_a_key_until_it_is_turned_off(shell, monkeypatch, capsys):
    shell.run("%wenwen demo")
    shell.run("%wenwen demo")
    assert shell.run(cell()).demo
    shell.run("%wenwen demo off")
    shell.run("%wenwen demo off")
    assert "no key" in shell.fail(cell("--fresh")).what
    assert "no key" in shell.fail(cell()).what


def test_the_demo_is_shown_in_the_caption(shell):
    shell.run("%wenwen demo")
    shell.run(cell())
    assert "demo" in shell.shown()[0]["text/plain"]  # a picture shows the word itself


def test_the_demos_take_never_answers_for_a_real_endpoint_nor_the_other_way_round(shell, relay):
    assert not shell.run(cell()).demo
    shell.run("%wenwen demo")
    assert shell.run(cell()).demo
    shell.run("%wenwen demo off")
    assert not shell.run(cell()).demo
    assert len(relay.posts) == 1


# -- settings ----------------------------------------------------------------------------------------------------------


def test_config_sets_the_model(shell, relay):
    shell.run("%config WenwenMagics.model = 'mine'")
    assert shell.run(cell()).request.model == "mine"
    assert shell.run(cell("-m other")).request.model == "other"


def test_a_misspelt_setting_is_told(shell):
    with pytest.warns(UserWarning, match="modell.*Did you mean.*model"):
        shell.run_cell("%config WenwenMagics.modell = 'mine'")


def test_a_misspelt_value_is_told_with_the_right_ones(shell, relay):
    shell.run("%config WenwenMagics.mode = 'repaly'")
    error = shell.fail(cell())
    assert "replay" in error.do
    assert "%config" in error.why
    assert relay.posts == []
    shell.run("%config WenwenMagics.mode = 'cache'")
    shell.run(cell())


def test_a_wrong_setting_still_lets_help_be_read(shell, capsys):
    shell.run("%config WenwenMagics.mode = 'repaly'")
    shell.run("%wenwen help")
    assert "%wenwen status" in capsys.readouterr().out


def test_the_project_file_sets_what_nobody_else_does(shell, relay, here):
    (here / "pyproject.toml").write_text('[tool.wenwen]\nmodel = "mine"\n')
    assert shell.run(cell()).request.model == "mine"
    (here / "pyproject.toml").write_text('[tool.wenwen]\nmodell = "mine"\n')
    error = shell.fail(cell())
    assert "model" in error.do
    assert "pyproject.toml" in error.why


# -- loading and unloading ---------------------------------------------------------------------------------------------


def test_after_unloading_the_magics_are_gone(shell, relay):
    shell.run("%unload_ext wenwen_magic")
    shell.seen.clear()
    assert not shell.run_cell(cell()).success
    assert relay.posts == []


def test_after_reloading_a_cell_works_and_is_shown_once(shell, relay):
    shell.run("%reload_ext wenwen_magic")
    shell.run("%reload_ext wenwen_magic")
    shell.run(cell("img"))
    assert len(shell.shown()) == 1
    shell.run("%unload_ext wenwen_magic")
    shell.run("%load_ext wenwen_magic")
    shell.run(cell("img"))
    assert len(shell.shown()) == 1
    assert len(relay.posts) == 1


def test_reloading_keeps_the_demo_on_and_the_typed_key(shell, relay):
    shell.run("%wenwen demo")
    shell.run("%reload_ext wenwen_magic")
    assert shell.run(cell()).demo
    assert relay.posts == []


def test_loading_twice_changes_nothing(shell, relay):
    shell.run("%wenwen demo")
    shell.run("%load_ext wenwen_magic")
    assert shell.run(cell()).demo
    assert len(shell.shown()) == 1


# -- the language ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "silent",
    ["%wenwen status", "%%wenwen_image -h\n{{1}}", "%wenwen_image -h", "%wenwen_image -q --raw", "%wenwen_describe -h"],
)
def test_what_is_no_prompt_decides_no_language(shell, relay, capsys, silent):
    shell.run(silent)
    assert is_chinese(shell.fail(cell("-m ''", "画只猫")).what)


@pytest.mark.parametrize("first", [cell("", "a cat"), "%wenwen_image -o square a cat"])
def test_the_first_prompt_decides_the_language_of_a_kernel(shell, relay, first):
    shell.run(first)
    shell.run(cell("-o 横屏", "画只猫"))
    assert 'lang="en"' in shell.words()
    shell.run("%config WenwenMagics.lang = 'zh'")
    shell.run(cell("-o portrait", "a dog"))
    assert "竖屏" in shell.words()


def test_an_error_in_the_settings_is_told_in_the_prompts_language(shell, relay):
    shell.run("%config WenwenMagics.mode = 'repaly'")
    assert is_chinese(shell.fail(cell("", "画只猫")).what)


# -- completion --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("%%wenwen_image --or", "--orientation"),
        ("%%wenwen_image -o la", "landscape"),
        ("%%wenwen_image -o 横", "横屏"),
        ("%%wenwen_image img --mode re", "replay"),
        ("%%wenwen_image -m gpt-4o", "gpt-4o-image"),
        ("%%wenwen_image -m gpt-4o-image,gem", "gemini-3-pro-image"),
        ("%wenwen_image --fr", "--fresh"),
        ("%wenwen st", "status"),
        ("%wenwen ", "models"),
        ("%wenwen 历", "历史"),
        ("%wenwen history --si", "--since"),
        ("%wenwen 历史 --模", "--模型"),
        ("%wenwen history -m gpt-4o", "gpt-4o-image"),
    ],
)
def test_tab_completes_options_values_and_commands(shell, line, wanted):
    found = completed(shell, line)
    assert any(text.endswith(wanted) for text in found), found


def completed(shell, line):
    shell.Completer.use_jedi = False  # it is asked too, in a kernel, by a test of that
    with provisionalcompleter():
        return [line[: one.start] + one.text for one in shell.Completer.completions(line, len(line))]


@pytest.mark.parametrize("jedi", [False, True])
def test_tab_inside_our_magics_offers_our_words_and_no_others(shell, jedi):
    shell.run("foxes = ['a fox']\nfor_nothing = 5\nhistogram = 7\nhi = 'x'\nimport platform")
    shell.Completer.use_jedi = jedi
    with provisionalcompleter():
        for before, wanted in {
            "%%wenwen_image --ref fo": ["foxes"],
            "%wenwen hi": ["history"],
            "x = %wenwen hi": ["history"],
            "%%wenwen_image -o port": ["portrait"],
            "%%wenwen_image -o squ -n 2\na cat": ["square"],
            "%%wenwen_image\na cat on a plat": [],
            "%%wenwen_image\na cat on {{fo": ["foxes", "for_nothing"],
            "%%wenwen_image pri": [],
        }.items():
            place = before.index(" -n") if " -n" in before else len(before)
            found = list(shell.Completer.completions(before, place))
            assert [one.text for one in found] == wanted, before
            assert all(before[one.start : place] == one.text[: place - one.start] for one in found)
        assert list(shell.Completer.completions("histog", 6))  # elsewhere everything is as it was
    shell.run("%unload_ext wenwen_magic\n%load_ext wenwen_magic\n%reload_ext wenwen_magic")
    assert len(shell.Completer.custom_matchers) == 1


def test_tab_completes_in_an_old_ipython_too(shell, monkeypatch):
    """Before version 8.6 it knew no such matchers."""
    monkeypatch.delattr(completer, "context_matcher")
    shell.run("%reload_ext wenwen_magic")
    assert shell.Completer.custom_matchers == []
    assert "history" in shell.complete("hi", "%wenwen hi", 10)[1]
    assert "portrait" in shell.complete("por", "%%wenwen_image -o por", 21)[1]


def test_tab_follows_the_settings_after_a_reload(shell):
    shell.run("%reload_ext wenwen_magic")
    shell.run("%config WenwenMagics.styles = {'watercolour': '{prompt}, watercolour'}")
    assert "%%wenwen_image --style watercolour" in completed(shell, "%%wenwen_image --style wat")


def test_a_wrong_setting_still_lets_options_be_completed(shell):
    shell.run("%config WenwenMagics.mode = 'repaly'")
    assert any(text.endswith("--fresh") for text in completed(shell, "%%wenwen_image --fr"))


# -- the key -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", [False, True])
@pytest.mark.parametrize(
    ("place", "name"),
    [
        (None, ""),
        (requests.adapters.HTTPAdapter, "send"),
        (urllib3.connectionpool.HTTPConnectionPool, "_make_request"),
        (urllib3.response.HTTPResponse, "read1"),
        (urllib3.connection.HTTPConnection, "request"),
    ],
)
def test_the_key_is_shown_nowhere(shell, relay, monkeypatch, capsys, caplog, here, typed, place, name):  # noqa: PLR0917
    caplog.set_level(logging.DEBUG)
    if typed:
        monkeypatch.delenv("WENWEN_API_KEY")
        monkeypatch.setattr(account, "getpass", lambda _: KEY)
        shell.run("%wenwen key")
    if place:

        def fail(*_, **__):
            raise RuntimeError("trouble")

        monkeypatch.setattr(place, name, fail)
    shell.run("%xmode Verbose")
    said = []
    for text in (cell("img"), "img", "%wenwen status", "%wenwen models", "%tb", cell("-n 2"), "[n for n in locals()]"):
        shell.seen.clear(), shell.told.clear()
        shell.run_cell(text, store_history=True)
        said += [str(shell.seen), str(shell.told)]
    magics = shell.magics_manager.registry["WenwenMagics"]
    said += [caplog.text, str(capsys.readouterr()), repr(vars(magics)), repr(shell.user_ns.get("img"))]
    said += [repr(magics._client().__dict__), repr(magics.state), str(magics.trait_values())]
    files = b"".join(
        path.read_bytes()
        for path in (*here.rglob("*"), *Path(os.environ["XDG_CACHE_HOME"]).rglob("*"))
        if path.is_file()
    )
    assert not [text for text in said if KEY in text]
    assert KEY.encode() not in files
    if not place:
        assert {headers["Authorization"] for headers, _ in relay.posts} == {f"Bearer {KEY}"}


def test_a_key_typed_into_the_cell_is_refused_without_being_repeated(shell):
    error = shell.fail(f"%wenwen key {KEY}")
    assert KEY not in str(error) + "".join(shell.told)


# -- errors ------------------------------------------------------------------------------------------------------------


def test_an_error_is_a_few_lines_without_a_stack(shell, demo):
    for mode in ("Plain", "Context", "Verbose", "Minimal"):
        shell.run(f"%xmode {mode}")
        error = shell.fail(cell("", "a cat [demo: status=500]"))
        told = shell.told[0]
        assert "charged: maybe" in told
        assert "Traceback" not in told
        assert "File " not in told
        assert len(told.splitlines()) <= 24
        assert error.record[:6] in told


def test_an_error_in_the_line_form_inside_code_can_be_caught(shell, demo):
    shell.run(
        "import wenwen_magic\ntry:\n    %wenwen_image a cat [demo: status=401]\nexcept wenwen_magic.WenwenError as e:\n    status = e.status\n"
    )
    assert shell.user_ns["status"] == 401


def test_the_cell_after_a_failed_one_works(shell, relay):
    relay.answer = lambda number: answering("never") if number == 0 else whole(number)
    shell.fail(cell("", "a dog"))
    shell.run(cell())
    assert len(shell.shown()) == 1


def test_a_failed_cell_leaves_the_variable_as_it_was(shell, demo):
    shell.run("img = 1")
    shell.fail(cell("img", "a cat [demo: status=401]"))
    assert shell.user_ns["img"] == 1


def test_thirty_cells_leave_no_thread(shell, relay):
    shell.run(cell())
    before = {thread.name for thread in threading.enumerate() if thread.name.startswith("wenwen")}
    for number in range(30):
        shell.run(cell("", f"cat {number}"))
    assert until(lambda: {one.name for one in threading.enumerate() if one.name.startswith("wenwen")} <= before)


def test_an_explicit_display_shows_what_the_line_has_drawn_quietly(shell, relay):
    shell.run("img = %wenwen_image -q a cat\nfrom IPython.display import display\ndisplay(img)")
    assert len(shell.shown()) == 1


def test_unregistering_twice_does_nothing_the_second_time(shell):
    shell.run("%unload_ext wenwen_magic")
    magics.unregister(shell)
    magics.unregister(InteractiveShell())
