"""Models in the notebook: ``%wenwen models``, what Tab and the controls suggest, and a name that is not listed."""

import json
import threading
import time
from types import SimpleNamespace

import pytest
from support.shells import cell

from wenwen_magic.engine.limits import SESSION
from wenwen_magic.engine.model_cache import FRESH, ModelCache
from wenwen_magic.models import PICTURE_MODELS, Model

# -- %wenwen models ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "names"), [("", ["drawer-1", "drawer-2"]), ("-2", ["drawer-2"]), ("ER DRAW", ["drawer-1", "drawer-2"])]
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
    assert len(shell.run("%wenwen models --refresh")) == 2
    assert "replay mode is offline" in shell.words()
    assert relay.gets == 1


def test_a_model_that_the_endpoint_did_not_name_is_doubted_in_one_line_and_asked_all_the_same(shell, relay, capsys):
    shell.run("%wenwen models")
    asked = relay.gets
    shell.run(cell("-m drawer1"))
    [line] = capsys.readouterr().out.splitlines()
    assert line == "drawer1 is unknown to the endpoint's list; nearest: drawer-1. It is sent as typed."
    assert [body["model"] for _, body in relay.posts] == ["drawer1"]
    assert relay.gets == asked


def test_the_doubt_speaks_the_prompts_language(shell, relay, capsys):
    shell.run("%wenwen models")
    shell.run(cell("-m drawer1", "画一只猫"))
    assert "最接近：drawer-1" in capsys.readouterr().out


def test_another_name_for_a_model_is_sent_as_it_is_typed(shell, relay, capsys):
    relay.listing = lambda: '{"data": [{"id": "gemini-2.5-flash-image-preview"}]}'
    shell.run("%wenwen models")
    shell.run(cell("-m nano-banana"))
    assert "nearest: gemini-2.5-flash-image-preview" in capsys.readouterr().out
    assert relay.posts[0][1]["model"] == "nano-banana"


@pytest.mark.parametrize("line", ["-m drawer-1", "-q -m drawer1", "-m drawer1 --mode replay", "-m saved"])
def test_what_is_listed_quiet_saved_or_not_asked_for_is_not_doubted(shell, relay, capsys, line):
    shell.run(cell("-m saved"))
    shell.run("%wenwen models")
    shell.run_cell(cell(line))
    assert "unknown" not in capsys.readouterr().out


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
    assert ("nobody is unknown" in capsys.readouterr().out) == doubted


def test_a_dry_run_doubts_too_and_asks_nobody(shell, relay, capsys):
    shell.run("%wenwen models")
    shell.run(cell("-m drawer1 --dry-run"))
    assert "drawer1 is unknown" in capsys.readouterr().out
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
    shell.run(cell())
    assert panels[0].models[0] == list(PICTURE_MODELS)
    assert settled(panels[0]) == ["b-image", "c-image", "a-chat"]
    shell.run(cell("", "a dog"))
    assert panels[1].models == [["b-image", "c-image", "a-chat"]]
    assert relay.gets == 1


def test_the_controls_take_the_list_of_another_kernel_without_asking(shell, relay, panels):
    ModelCache().keep(relay.address, [Model("drawer-9")])
    shell.run(cell())
    assert panels[0].models == [["drawer-9"]]
    assert relay.gets == 0


def test_an_endpoint_that_lists_nothing_is_asked_once_and_the_known_models_stay(shell, relay, panels):
    relay.listing = lambda: "<html>"
    for text in ("a cat", "a dog", "a hen"):
        shell.run(cell("", text))
        while shell.magics_manager.registry["WenwenMagics"].state.runner.under_way():
            threading.Event().wait(0.01)
    assert [panel.models for panel in panels] == [[list(PICTURE_MODELS)]] * 3
    assert relay.gets == 1


def test_what_is_saved_is_shown_with_its_controls_and_nobody_is_asked(shell, relay, panels, monkeypatch):
    monkeypatch.setattr(shell.kernel, "_allow_stdin", False)
    shell.run(cell())
    monkeypatch.setattr(shell.kernel, "_allow_stdin", True)
    for line in ("", "--mode replay"):
        shell.run(cell(line))
    assert len(panels) == 2
    assert relay.gets == 0
