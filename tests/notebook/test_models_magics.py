"""Models in the notebook: ``%wenwen models``, what Tab and the controls suggest, and a name that is not listed."""

import json
import shutil
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from support.scripted import png
from support.shells import cell

from wenwen_magic.engine.limits import SESSION
from wenwen_magic.engine.model_cache import FRESH, ModelCache
from wenwen_magic.models import Model, former_defaults, suggested

# -- %wenwen models ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "names"),
    [("drawer", ["drawer-1", "drawer-2"]), ("r-2", ["drawer-2"]), ("ER DRAW", ["drawer-1", "drawer-2"])],
)
def test_models_are_listed_as_a_table_and_filtered(shell, relay, words, names):
    listed = shell.run(f"%wenwen models {words}")
    assert [model.id for model in listed] == names
    [shown] = shell.shown()
    for kind in ("text/html", "text/plain"):
        assert [name for name in ("drawer-1", "drawer-2") if name in shown[kind]] == names


def test_models_are_asked_for_once_and_again_when_that_is_wished(shell, relay):
    shell.run("%wenwen models")
    assert "--refresh" not in shell.words()
    relay.listing = lambda: '{"data": [{"id": "new-image"}]}'
    shell.run("%wenwen models")
    assert "drawer-1" in shell.words()
    assert "just now" in shell.words()
    assert "%wenwen models --refresh" in shell.words()
    for number, word in enumerate(("--refresh", "--刷新"), 2):
        assert [model.id for model in shell.run(f"%wenwen models {word} new")] == ["new-image"]
        assert relay.gets == number


def test_in_mode_replay_the_list_at_hand_is_shown_and_nobody_is_asked(shell, relay):
    shell.run("%wenwen models")
    shell.run("%config WenwenMagics.mode = 'replay'")
    assert len(shell.run("%wenwen models --refresh drawer")) == 2
    assert "replay mode is offline" in shell.words()
    assert relay.gets == 1


def test_a_model_that_the_endpoint_did_not_name_is_doubted_in_one_line_and_asked_all_the_same(shell, relay, capsys):
    shell.run("%wenwen models")
    asked = relay.gets
    shell.run(cell("-m drawer1"))
    [line] = capsys.readouterr().out.splitlines()
    assert line == "drawer1 is not in the model list. Did you mean drawer-1? Trying it anyway."
    assert [body["model"] for _, body in relay.posts] == ["drawer1"]
    assert relay.gets == asked


def test_the_doubt_speaks_the_prompts_language(shell, relay, capsys):
    shell.run("%wenwen models")
    shell.run(cell("-m drawer1", "画一只猫"))
    said = capsys.readouterr().out
    assert "drawer1 不在模型列表中" in said
    assert "drawer-1" in said


def test_another_name_for_a_model_is_sent_as_it_is_typed(shell, relay, capsys):
    relay.listing = lambda: '{"data": [{"id": "gemini-2.5-flash-image-preview"}]}'
    shell.run("%wenwen models")
    shell.run(cell("-m nano-banana"))
    assert "Did you mean gemini-2.5-flash-image-preview?" in capsys.readouterr().out
    assert relay.posts[0][1]["model"] == "nano-banana"


@pytest.mark.parametrize("line", ["-m drawer-1", "-q -m drawer1", "-m drawer1 --mode replay", "-m saved"])
def test_what_is_listed_quiet_saved_or_not_asked_for_is_not_doubted(shell, relay, capsys, line):
    shell.run(cell("-m saved"))
    shell.run("%wenwen models")
    shell.run_cell(cell(line))
    assert "model list" not in capsys.readouterr().out


def test_without_a_list_no_name_is_doubted_and_nobody_is_asked_for_one(shell, relay, capsys):
    shell.run(cell("-m drawer1"))
    assert capsys.readouterr().out == ""
    assert relay.gets == 0


def test_a_list_of_yesterday_doubts_no_name_but_is_suggested(shell, relay, capsys, monkeypatch):
    shell.run("%wenwen models")
    monkeypatch.setattr(SESSION.models, "_now", lambda: time.time() + FRESH + 1)
    shell.run(cell("-m drawer1"))
    assert capsys.readouterr().out == ""
    assert shell.complete("drawer", "%%wenwen_image -m drawer", 24)[1] == ["drawer-1", "drawer-2"]


def test_a_cell_with_several_models_doubts_each_once(shell, relay, capsys):
    shell.run("%wenwen models")
    shell.run(cell('--grid "model=drawer1;other;drawer-2" "orientation=square;portrait" -y'))
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["drawer1", "other"]


def test_the_models_of_many_prompts_are_doubted_too(shell, relay, capsys):
    shell.run("%wenwen models")
    shell.run(
        "rows = [{'prompt': 'a', 'model': 'drawer-1'}, {'prompt': 'b', 'model': 'x'}, {'prompt': 'c', 'model': 'x'}]"
    )
    shell.run("%wenwen_image --from rows")
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["x"]


@pytest.mark.parametrize(("form", "doubted"), [("chat", True), ("gemini", True), ("midjourney", False)])
def test_a_name_that_does_not_go_out_is_not_doubted(shell, relay, capsys, form, doubted):
    shell.run("%wenwen models")
    shell.run(cell(f"-m nobody --format {form} --dry-run"))
    assert ("nobody is not in the model list" in capsys.readouterr().out) == doubted


def test_a_dry_run_doubts_too_and_asks_nobody(shell, relay, capsys):
    shell.run("%wenwen models")
    shell.run(cell("-m drawer1 --dry-run"))
    assert "drawer1 is not in the model list" in capsys.readouterr().out
    assert relay.posts == []


# -- a default that nobody named ----------------------------------------------------------------------------------------


def listing(*names, **ends):
    rows = [*({"id": name} for name in names), *({"id": name, "shutdown_date": day} for name, day in ends.items())]
    return lambda: json.dumps({"data": rows})


SOLD = ("flux-2", "gpt-4o", "gpt-image-2-vip")
"""What a relay sells that has none of the defaults."""


@pytest.mark.parametrize(
    "line", ["", "--format images", "--format gemini", "-n 3 -y", '--for "animal=cat;dog"', "--fresh"]
)
def test_a_default_that_the_endpoint_does_not_list_stops_the_cell_and_names_what_it_has(shell, relay, line):
    relay.listing = listing(*SOLD)
    error = shell.fail(cell(line, "a {{animal}}" if "--for " in line else "a cat"))
    assert type(error).__name__ == "ConfigError"
    assert (error.charged, relay.posts, relay.gets) == ("no", [], 1)
    assert "is the default model, and the endpoint does not list it" in error.what
    assert {"flux-2", "gpt-image-2-vip"} <= set(error.why.removeprefix("It has: ").split(", "))
    assert ("-m " if "--format" in line else "%config WenwenMagics.model = '") in error.do


def test_the_line_that_the_error_names_sets_a_model_that_works(shell, relay):
    relay.listing = listing(*SOLD)
    error = shell.fail(cell())
    shell.run(error.do[error.do.index("%config") : error.do.rindex(" (")])
    shell.run(cell())
    assert [body["model"] for _, body in relay.posts] == ["flux-2"]


def test_a_question_about_a_picture_stops_in_the_same_way(shell, relay, here):
    (here / "cat.png").write_bytes(png())
    relay.listing = listing("gpt-6-luna", "flux-2")
    error = shell.fail("%%wenwen_describe --ref cat.png\nWhat is it?")
    assert (relay.posts, error.why) == ([], "It has: gpt-6-luna")
    assert "describe_model = 'gpt-6-luna'" in error.do


@pytest.mark.parametrize(
    "named",
    [
        cell("-m gpt-4o-image"),
        "%config WenwenMagics.model = 'gpt-4o-image'\n%wenwen_image a cat",
        "import os; os.environ['WENWEN_MODEL'] = 'gpt-4o-image'\n%wenwen_image a cat",
        cell('--grid "model=gpt-4o-image;gpt-5-image" -y'),
        cell("-m nobody --format midjourney --dry-run"),
        "%wenwen_image --from {{[{'prompt': 'a cat', 'model': 'gpt-4o-image'}]}}",
        "from wenwen_magic import Client; Client(base_url='ADDRESS', model='gpt-4o-image').generate('a cat')",
        "from wenwen_magic import Client; Client(base_url='ADDRESS').generate('a cat', model='gpt-4o-image')",
    ],
)
def test_a_model_that_anyone_named_is_asked_though_it_is_not_listed(shell, relay, named, monkeypatch):
    monkeypatch.setenv("WENWEN_MODEL", "")
    relay.listing = listing(*SOLD)
    shell.run(named.replace("ADDRESS", relay.address))
    assert relay.gets == 0
    assert all(body["model"] in {"gpt-4o-image", "gpt-5-image"} for _, body in relay.posts)


@pytest.mark.parametrize(
    "said", ["<html>", "{}", '{"error": {"message": "x"}}', '{"data": []}', '{"success": false}', ""]
)
def test_where_no_list_can_be_had_the_default_is_asked_and_the_list_not_again(shell, relay, said):
    relay.listing = lambda: said
    for text in ("a cat", "a dog"):
        shell.run(cell("", text))
    assert [body["model"] for _, body in relay.posts] == ["gpt-4o-image"] * 2
    assert relay.gets == 1


def test_what_is_saved_is_shown_for_free_without_asking_for_a_list(shell, relay):
    shell.run(cell())
    asked = relay.gets
    relay.listing = listing(*SOLD)
    SESSION.models._held.clear()
    shutil.rmtree(SESSION.models._path("x").parent)
    for line in ("", "--mode replay", "--take 1", "--dry-run"):
        shell.run(cell(line))
    assert (len(relay.posts), relay.gets) == (1, asked)


@pytest.mark.parametrize("form", ["images", "gemini"])
def test_what_an_earlier_default_drew_is_shown_for_free(shell, relay, form):
    shell.run(cell(f"--format {form} -m {former_defaults(form)[0]}"))
    relay.listing = listing(*SOLD)
    assert shell.run(cell(f"--format {form}")).from_history
    assert shell.run(cell(f"--format {form} --mode replay")).from_history
    assert len(relay.posts) == 1
    assert "does not list" in shell.fail(cell(f"--format {form} --fresh")).what


def test_the_list_is_asked_for_again_before_a_default_is_refused(shell, relay):
    relay.listing = listing(*SOLD)
    shell.run("%wenwen models")
    SESSION.models._held[relay.address] = replace(SESSION.models.read(relay.address), asked=time.time() - 3600)
    SESSION.models._path(relay.address).unlink()
    relay.listing = listing(*SOLD, "gpt-4o-image")
    shell.run(cell())
    assert relay.gets == 2


def test_a_default_that_the_list_says_is_shut_down_counts_as_gone(shell, relay):
    relay.listing = listing("flux-2", **{"gpt-4o-image": "2026-04-22"})
    error = shell.fail(cell())
    assert "the endpoint shut it down on 2026-04-22" in error.what
    assert error.why == "It has: flux-2"
    assert relay.posts == []


def test_a_model_that_is_shut_down_soon_is_asked_and_told(shell, relay, capsys):
    soon = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
    relay.listing = listing("flux-2", **{"gpt-4o-image": soon})
    shell.run("%wenwen models")
    for line in ("", "-m gpt-4o-image --fresh"):
        shell.run(cell(line))
        assert capsys.readouterr().out == f"gpt-4o-image will be shut down on {soon}.\n"
    assert len(relay.posts) == 2


def test_a_dry_run_of_such_a_default_says_so_and_sends_nothing(shell, relay, capsys):
    relay.listing = listing(*SOLD)
    shell.run("%wenwen models")
    shell.run(cell("--dry-run"))
    assert "gpt-4o-image is the default model, and the endpoint does not list it." in capsys.readouterr().out
    assert (relay.posts, relay.gets) == ([], 1)


def test_no_row_of_many_prompts_is_sent_when_one_would_use_such_a_default(shell, relay):
    relay.listing = listing(*SOLD)
    shell.run("rows = [{'prompt': 'a', 'model': 'flux-2'}, {'prompt': 'b'}]")
    assert "default model" in shell.fail("%wenwen_image --from rows").what
    assert relay.posts == []


# -- Tab ---------------------------------------------------------------------------------------------------------------


def test_tab_completes_the_models_that_the_endpoint_named(shell, relay):
    shell.run("%wenwen models")
    _, found = shell.complete("drawer", "%%wenwen_image -m drawer", 24)
    assert found == ["drawer-1", "drawer-2"]


def test_tab_completes_picture_models_first_and_asks_nobody(shell, relay):
    relay.listing = lambda: json.dumps({"data": [{"id": name} for name in ("gpt-4o", "gpt-5", "gpt-z-image")]})
    shell.run("%wenwen models")
    _, found = shell.complete("gpt-", "%%wenwen_image -m gpt-", 22)
    assert found == ["gpt-4o-image", "gpt-z-image", "gpt-4o", "gpt-5"]  # the setting's own model before all
    assert relay.gets == 1


def test_tab_completes_from_the_list_of_another_kernel(shell, relay):
    ModelCache().keep(relay.address, [Model("drawer-9")])
    assert shell.complete("drawer", "%%wenwen_image -m drawer", 24)[1] == ["drawer-9"]
    assert relay.gets == 0


def test_tab_works_where_the_address_is_none(shell, monkeypatch):
    monkeypatch.setenv("WENWEN_BASE_URL", "not an address")
    assert "gpt-4o-image" in shell.complete("gpt", "%%wenwen_image -m gpt", 21)[1]


# -- the controls ------------------------------------------------------------------------------------------------------


@pytest.fixture
def panels(shell, monkeypatch):
    """Puts a person at the notebook; gives what each panel of controls suggested, at first and later."""
    shell.attend(monkeypatch, "y")
    shell.kernel.io_loop = SimpleNamespace(add_callback=lambda work: work())
    made = []

    class Panel:
        view = None

        def __init__(self, cell, defer, models, **_):
            self.models = [list(models)]
            made.append(self)

        def suggest(self, models):
            self.models.append(list(models))

    monkeypatch.setattr("wenwen_magic.notebook.widgets.panel.Panel", Panel)
    return made


def settled(panel):
    """Wait until a panel was told of other models, ten seconds at most."""
    for _ in range(1000):
        if len(panel.models) > 1:
            return panel.models[-1]
        threading.Event().wait(0.01)
    raise AssertionError("nothing was suggested")


def test_the_controls_suggest_picture_models_first_and_ask_for_them_once(shell, relay, panels):
    relay.listing = lambda: json.dumps({"data": [{"id": name} for name in ("a-chat", "b-image", "c-image")]})
    shell.run(cell("-m b-image"))
    assert panels[0].models[0] == suggested()
    assert settled(panels[0]) == ["b-image", "c-image", "a-chat"]
    shell.run(cell("-m b-image", "a dog"))
    assert panels[1].models == [["b-image", "c-image", "a-chat"]]
    assert relay.gets == 1


def test_the_controls_take_the_list_of_another_kernel_without_asking(shell, relay, panels):
    ModelCache().keep(relay.address, [Model("drawer-9")])
    shell.run(cell("-m drawer-9"))
    assert panels[0].models == [["drawer-9"]]
    assert relay.gets == 0


def test_an_endpoint_that_lists_nothing_is_asked_once_and_the_known_models_stay(shell, relay, panels):
    relay.listing = lambda: "<html>"
    for text in ("a cat", "a dog", "a hen"):
        shell.run(cell("-m drawer-1", text))
        while shell.magics_manager.registry["WenwenMagics"].state.runner.under_way():
            threading.Event().wait(0.01)
    assert [panel.models for panel in panels] == [[suggested()]] * 3
    assert relay.gets == 1


def test_what_is_saved_is_shown_with_its_controls_and_nobody_is_asked(shell, relay, panels, monkeypatch):
    monkeypatch.setattr(shell.kernel, "_allow_stdin", False)
    shell.run(cell("-m drawer-1"))
    monkeypatch.setattr(shell.kernel, "_allow_stdin", True)
    for line in ("-m drawer-1", "-m drawer-1 --mode replay"):
        shell.run(cell(line))
    assert len(panels) == 2
    assert relay.gets == 0
