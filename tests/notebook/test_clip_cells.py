"""A cell makes a clip, which plays under it; whatever is done with it afterwards works as with a picture."""

import base64
import re
from dataclasses import replace

import pytest
from support.clips import mp4
from support.html import Document
from support.scripted import answering
from support.widgets import MODELS, cell_of, client_of, panel_under, settle, words_to_copy

from wenwen_magic import Generation
from wenwen_magic.media.save import _previews
from wenwen_magic.notebook.cell_source import animated, cell, retyped
from wenwen_magic.notebook.widgets.panel import _summary
from wenwen_magic.records import CLIP

FOX = "%%wenwen_image fox\na fox in the snow"
CLIP_OF_FOX = "%%wenwen_video clip --ref fox -o 横屏 --seconds 8\nthe fox turns its head"


@pytest.fixture
def demo(shell):
    shell.run("%wenwen demo")
    shell.run("%config WenwenMagics.video_model = 'veo3.1-fast'")
    return shell


def player(shell):
    """The one player that the last cell shows, and the picture in it."""
    document = Document(shell.shown()[-1]["text/html"].partition("<style")[0])
    [video] = document.named("video")
    [image] = document.named("img")
    return video, image


def test_a_clip_plays_from_its_file_and_its_poster_is_the_still_picture_of_all(demo):
    demo.run(FOX)
    made = demo.run(CLIP_OF_FOX)
    [clip] = made.clips
    shown = demo.shown()[-1]
    assert isinstance(made, Generation)
    assert made is demo.user_ns["clip"]
    assert (clip.width, clip.height, clip.seconds, clip.path.suffix) == (320, 180, 4.0, ".mp4")
    assert sorted(shown) == ["image/jpeg", "text/html", "text/plain"]
    assert base64.b64decode(shown["image/jpeg"]) == clip.poster.read_bytes()
    video, image = player(demo)
    assert (video["src"], video["preload"], "controls" in video) == (
        f"wenwen_images/{made.created[:10]}/{clip.path.name}",
        "metadata",
        True,
    )
    assert video["poster"] == image["src"] == "data:image/jpeg;base64," + shown["image/jpeg"]
    assert image["alt"] == "the fox turns its head"
    assert "<source" not in shown["text/html"]
    for words in (shown["text/html"], shown["text/plain"]):
        assert "▶ 0:04 · 320×180 · veo3.1-fast" in words
        assert "picture" not in words
    assert clip.path.name in shown["text/plain"]
    demo.run("clip.clips[0]")  # by itself it shows as the cell did
    assert player(demo)[0]["src"] == video["src"]


def test_the_same_cell_shows_it_again_for_free_and_a_replay_too(demo):
    demo.run(FOX)
    first, second = demo.run(CLIP_OF_FOX), demo.run(CLIP_OF_FOX)
    assert (second.id, second.from_history) == (first.id, True)
    assert "saved clip, free" in demo.words()
    assert demo.run(CLIP_OF_FOX.replace("--seconds", "--mode replay --seconds")).id == first.id
    assert demo.run(CLIP_OF_FOX.replace("--seconds 8", "--seconds 4")).id != first.id


@pytest.mark.parametrize("place", ["deeper", ".."])
def test_bug_behind_a_cd_the_player_did_not_find_its_file(place, demo, here):
    (here / "deeper").mkdir()
    demo.run(f"%cd {place}")
    made = demo.run("%%wenwen_video\na river")
    assert player(demo)[0]["src"] == f"wenwen_images/{made.created[:10]}/{made.clips[0].path.name}"


def test_a_small_clip_is_in_the_notebook_where_that_is_wanted(demo):
    made = demo.run("%%wenwen_video --embed\na river")
    video, _image = player(demo)
    assert video["src"] == "data:video/mp4;base64," + base64.b64encode(made.clips[0].path.read_bytes()).decode()
    demo.run("%%wenwen_video\na river")
    assert player(demo)[0]["src"].startswith("wenwen_images/")
    demo.run("%config WenwenMagics.embed = True")
    demo.run("%%wenwen_video\na river")
    assert player(demo)[0]["src"].startswith("data:")


def test_a_clip_above_two_mebibytes_stays_a_file(demo):
    made = demo.run("%%wenwen_video --embed\na river")
    path = made.clips[0].path
    grown = path.read_bytes() + (3 << 20).to_bytes(4) + b"free" + bytes((3 << 20) - 8)
    path.write_bytes(grown)
    large = replace(made, videos=(replace(made.videos[0], size=len(grown)),))
    assert "data:video" not in large._repr_mimebundle_()["text/html"]


def test_a_clip_whose_file_is_gone_shows_its_poster(demo):
    made = demo.run("%%wenwen_video --embed\na river")
    made.clips[0].path.unlink()
    html = made._repr_mimebundle_()["text/html"]
    assert "<img" in html
    assert "<video" not in html


def test_without_a_poster_it_still_plays(demo):
    made = demo.run("%%wenwen_video\na river")
    made.clips[0].poster.unlink()
    shown = made._repr_mimebundle_()
    assert "<video" in shown["text/html"]
    assert "image/jpeg" not in shown or made.still


def test_several_clips_play_beside_one_another_and_have_one_sheet(demo):
    gallery = demo.run("%%wenwen_video -n 2\na river")
    assert [len(row.clips) for row in gallery] == [1, 1]
    shown = demo.shown()[-1]
    assert shown["text/html"].count("<video") == 2
    assert shown["text/html"].count("<table") == 1
    assert "image/jpeg" in shown
    assert gallery.failures == ()


def test_bug_several_clips_had_no_clips_where_one_had(demo):
    made = demo.run("%%wenwen_video -n 2\na river")
    assert made.clips == tuple(clip for row in made for clip in row.clips)
    assert len(made.clips) == 2


def test_a_comparison_of_clips_has_them_in_its_table(demo):
    demo.run('%%wenwen_video --for "animal=fox;owl"\na {{animal}} in the snow')
    assert demo.shown()[-1]["text/html"].count("<video") == 2


@pytest.mark.parametrize(
    ("line", "option"),
    [
        ("--blind -m a,b", "--blind goes with %%wenwen_image, %%wenwen_ask, %%wenwen_describe"),
        ("--mask hole.png", "--mask goes with %%wenwen_image"),
        ("--task blend", "--task goes with %%wenwen_image"),
        ("--盲评", "--blind goes with %%wenwen_image, %%wenwen_ask, %%wenwen_describe"),
    ],
)
def test_an_option_that_means_nothing_for_a_clip_is_refused(line, option, demo):
    error = demo.fail(f"%%wenwen_video {line}\na river")
    assert (error.what, error.charged) == (f"{option} only.", "no")


@pytest.mark.parametrize("magic", ["wenwen_image", "wenwen_describe"])
@pytest.mark.parametrize(
    ("line", "option"), [("--seconds 8", "--seconds"), ("--embed", "--embed"), ("--秒数 8", "--seconds")]
)
def test_an_option_for_clips_is_refused_elsewhere(magic, line, option, demo):
    assert demo.fail(f"%%{magic} {line}\na river").what == f"{option} goes with %%wenwen_video only."


@pytest.mark.parametrize("seconds", ["0", "-3", "x", "inf", "4000"])
def test_a_length_that_cannot_be_is_refused(seconds, demo):
    assert demo.fail(f"%%wenwen_video --seconds {seconds}\na river").charged == "no"


def test_without_a_model_the_endpoints_are_named(demo):
    demo.run("%config WenwenMagics.video_model = ''")
    error = demo.fail("%%wenwen_video\na river")
    assert "sora_video2" in error.why
    assert demo.run("%%wenwen_video -m sora_video2\na river").clips


def test_an_empty_line_opens_no_panel_and_says_what_to_write(demo):
    assert "empty" in demo.fail("%wenwen_video").what


def test_options_are_in_chinese_too(demo):
    demo.run(FOX)
    first = demo.run(CLIP_OF_FOX)
    assert demo.run(CLIP_OF_FOX.replace("--ref", "--参考").replace("--seconds", "--秒数")).id == first.id


@pytest.mark.parametrize(
    "line",
    [
        "%wenwen history",
        "%wenwen history river",
        "%wenwen show {id}",
        "%wenwen show clip.clips[0]",
        "%wenwen fetch {id}",
        "%wenwen star {id}",
        "%wenwen tag {id} good",
        "%wenwen show {id} --lineage",
        "%wenwen export lesson.zip",
        "%wenwen compare {id} {id}",
    ],
)
def test_commands_work_on_a_clip_and_call_it_one(line, demo):
    made = demo.run("%%wenwen_video clip\na river")
    demo.run(line.format(id=made.id[:6]))
    assert "a video, not a picture" not in demo.words()


def test_bug_a_lesson_of_clips_said_that_nothing_but_records_was_in_it(demo, capsys):
    made = demo.run("%%wenwen_video\na river")
    demo.run("%wenwen export lesson.zip")
    assert "1 records, 0 pictures, 0.0 MiB, 1 clip" in demo.words() + capsys.readouterr().out
    made.clips[0].path.unlink()
    demo.run("%wenwen import lesson.zip")
    assert "0 pictures imported, 1 clip; 1 were here already" in demo.words() + capsys.readouterr().out


def test_the_history_and_the_lineage_show_the_poster(demo):
    fox = demo.run(FOX)
    made = demo.run(CLIP_OF_FOX)
    for line in ("%wenwen history", f"%wenwen show {fox.id} --lineage"):
        demo.run(line)
        assert len(Document(demo.shown()[-1]["text/html"]).named("img")) == 2, line
        assert ("▶ 0:04" in demo.words()) == ("history" in line)
    assert made.parent == fox.id


def test_a_comparison_of_two_has_the_posters_beside_one_another(demo):
    one, two = demo.run("%%wenwen_video\na river"), demo.run("%%wenwen_video\na fox at night")
    demo.run(f"%wenwen compare {one.id} {two.id}")
    shown = demo.shown()[-1]
    assert shown["text/html"].count("<video") == 2
    assert "image/jpeg" in shown


def test_deleting_a_clip_deletes_its_poster_and_small_copies(demo):
    made = demo.run("%%wenwen_video\na river")
    demo.run("%wenwen history")
    history = demo.magics_manager.registry["WenwenMagics"]._client().history
    history.delete(made)
    assert not [path for path in history.folder.rglob("*") if path.suffix in {".mp4", ".jpg"}]
    assert not list(_previews().glob(f"*{made.id}*"))


def test_a_clip_is_no_reference(demo):
    demo.run("%%wenwen_video clip\na river")
    assert "no picture" in demo.fail("%%wenwen_image --ref clip\nat night").why


def test_tab_offers_models_for_clips_and_the_options(demo):
    offered = demo.magics_manager.registry["WenwenMagics"].complete
    demo.run("%wenwen models")
    assert offered("%%wenwen_video -m ")[1] == ["veo3.1-fast", "sora_video2"]
    assert "--seconds" in offered("%%wenwen_video --s")[1]
    assert "--blind" not in offered("%%wenwen_video --b")[1]
    assert "--seconds" not in offered("%%wenwen_image --s")[1]


# -- what is written for it --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("params", [{"seconds": "8"}, {"seconds": "8", "x": 1}, {"seconds": 8}, {"seconds": "8s"}, {}])
def test_the_cell_of_a_clip_asks_for_the_same_clip(params, demo):
    client = demo.magics_manager.registry["WenwenMagics"]._client()
    request = client.request("a river", task=CLIP, params=params, model="veo3.1-fast", format="chat")
    text = cell(request)
    assert text.startswith("%%wenwen_video ")
    assert ("--seconds 8" in text) == (params.get("seconds") == "8")
    assert demo.run(text).request.fingerprint == request.fingerprint


def test_a_typed_cell_keeps_its_magic():
    assert retyped("%%wenwen_video a --seconds 8\nb", take=2) == "%%wenwen_video a --seconds 8 --take 2\nb"


def test_under_a_picture_animate_inserts_a_cell_for_a_clip_that_begins_with_it(client):
    panel = panel_under(cell_of(client, client.request("a fox {{x}}")))
    [take] = panel.cell.area.rows
    panel.animate.click()
    assert re.search(rf"%%wenwen_video --ref {take.id}[^\n]* --raw\na fox \{{\{{x", words_to_copy(panel))


@pytest.mark.parametrize(
    ("shape", "kept"),
    [
        ("auto", ""),
        ("square", " --方向 方形"),
        ("landscape", " --方向 横屏"),
        ("竖屏", " --方向 竖屏"),
        ("16:9", " --方向 16:9"),
        ("7:5", " --方向 7:5"),
        ("16:9 2K", " --方向 16:9"),
        ("landscape 4K", " --方向 横屏"),
        ("2K", ""),
        ("1024x1024", " --方向 1:1"),
        ("1536x1024", " --方向 3:2"),
        ("1920x1080", " --方向 16:9"),
        ("1000x617", " --方向 横屏"),
        ("333x1000", " --方向 竖屏"),
    ],
)
def test_animate_speaks_the_language_of_the_cells_options_and_keeps_the_turn_or_the_ratio(shape, kept, client):
    made = replace(client.generate("a fox"), request=client.request("a fox", orientation=shape))
    like = "%%wenwen_image --方向 16:9\na fox"
    assert animated(made, model="veo", like=like) == f"%%wenwen_video --参考 {made.id} --模型 veo{kept}\na fox"


def test_a_chinese_cell_that_is_typed_again_names_the_orientation_in_chinese():
    typed = "%%wenwen_image --方向 方形 --张数 2\n一只猫"
    assert retyped(typed, orientation="landscape 2K") == "%%wenwen_image --方向 横屏 --张数 2 --尺寸 2K\n一只猫"


CLIP_PRICE = {"veo*": "0.03/s"}


@pytest.fixture
def films(relay):
    """An endpoint, no demo, that answers with clips."""
    relay.answer = lambda _: answering(f"![x]({relay.address}/film)")
    relay.file = lambda path, _headers: (200, mp4()) if path.endswith("/film") else None
    return relay


@pytest.fixture
def under_clip(here, films):
    """Make the controls under a clip of an endpoint that is no demo; settings and options by name."""
    relay = films

    def make(options=None, **settings):
        client = client_of(relay, **settings)
        request = client.request("a river", task=CLIP, model="veo3.1-fast", seconds=8)
        panel = panel_under(cell_of(client, request, yes=True))
        # What the cell's own clip was made with is not what a press may do.
        for name, value in {"yes": False, **(options or {})}.items():
            object.__setattr__(panel.cell.options, name, value)
        panel.posts = relay.posts
        return panel

    return make


def asks(panel):
    """What the panel asks before it pays; empty for nothing."""
    return panel.note.value.replace("<span>$</span>", "$") if panel.question.layout.display is None else ""


def test_generate_under_a_clip_asks_first_and_sends_nothing_before_the_yes(under_clip):
    panel = under_clip(prices=CLIP_PRICE, currency="$")
    panel.generate.click()
    settle(panel)
    assert "This asks for 1 clip (in all counted as 10 pictures), 0.24 $. Go on?" in asks(panel)
    assert len(panel.posts) == 1
    yes, _no = panel.question.children
    yes.click()
    yes.click()  # of a double click
    settle(panel)
    assert (asks(panel), len(panel.posts)) == ("", 2)
    assert len(panel.cell.client.takes(panel.cell.requests[0])) == 2


def test_a_no_under_a_clip_sends_nothing_and_says_so(under_clip):
    panel = under_clip()
    panel.generate.click()
    assert "price unknown" in asks(panel)
    panel.question.children[1].click()
    settle(panel)
    assert asks(panel) == ""
    assert "Cancelled, nothing was sent." in panel.note.value
    assert len(panel.posts) == 1


@pytest.mark.parametrize("change", ["model", "orientation"])
def test_another_choice_closes_the_question_that_was_about_the_first(change, under_clip):
    panel = under_clip()
    panel.generate.click()
    getattr(panel.choices, change).value = {"model": "veo-other", "orientation": "portrait"}[change]
    assert asks(panel) == ""
    panel.question.children[0].click()
    settle(panel)
    assert len(panel.posts) == 1


@pytest.mark.parametrize(
    ("options", "settings"),
    [({"yes": True}, {}), ({"budget": 0.3}, {"prices": CLIP_PRICE}), ({"budget": 1.0}, {"prices": {"*": 0.9}})],
)
def test_a_clip_that_was_agreed_to_in_its_cell_asks_nothing_again(options, settings, under_clip):
    panel = under_clip(options, **settings)
    panel.generate.click()
    settle(panel)
    assert (asks(panel), len(panel.posts)) == ("", 2)


@pytest.mark.parametrize(("budget", "settings"), [(0.2, {"prices": CLIP_PRICE}), (9.0, {})])
def test_a_clip_above_its_cells_budget_is_refused_under_it_too(budget, settings, under_clip):
    panel = under_clip({"budget": budget}, **settings)
    panel.generate.click()
    settle(panel)
    assert (asks(panel), len(panel.posts)) == ("", 1)
    assert "is too small" in panel.note.value


def test_a_comparison_of_clips_has_nothing_to_edit_or_animate(client, films):
    requests = [client.request("a river", task=CLIP, model=model) for model in ("one", "two")]
    panel = panel_under(cell_of(client, *requests, labels=MODELS, yes=True))
    assert [one.layout.display for one in (panel.edit, panel.animate)] == ["none", "none"]


def test_what_is_said_under_a_clip_speaks_of_a_clip(under_clip):
    panel = under_clip()
    controls = [panel.choices.count, *panel.tools.children, panel.generate, panel.insert]
    said = " ".join(f"{one.description} {one.tooltip}" for one in controls if hasattr(one, "description"))
    panel._jobs.append(None)  # while a job is waited for
    panel._update()
    said += panel.generate.tooltip
    panel.generate.click()
    said += panel.note.value
    object.__setattr__(panel.cell.options, "fresh", True)
    object.__setattr__(panel.cell, "text", "%%wenwen_video --fresh\na river")
    panel.insert.click()
    said += panel.note.value + _summary([replace(panel.cell.area.rows[0], videos=())])
    assert "makes a new clip and pays" in said
    assert "1 without a clip" in said
    assert "A clip that still arrives" in said
    assert not re.search("picture|draw", said), said


def test_a_picture_asks_nothing_under_it(here, relay):
    panel = panel_under(cell_of(client_of(relay), client_of(relay).request("a fox")))
    panel.generate.click()
    settle(panel)
    assert (asks(panel), len(relay.posts)) == ("", 2)


def test_under_a_clip_it_is_saved_and_starred_and_nothing_is_edited(here, painter):
    client = client_of(painter_of(painter))
    panel = panel_under(cell_of(client, client.request("a river", task=CLIP, model="veo3.1-fast"), yes=True))
    [take] = panel.cell.area.rows
    assert [one.layout.display for one in (panel.edit, panel.animate)] == ["none", "none"]
    assert (panel.save.disabled, panel.star.disabled) == (False, False)
    panel.save.click()
    assert (here / "cat.mp4").read_bytes() == take.clips[0].path.read_bytes()
    panel.star.click()
    assert client.history.get(take.id).star
    assert "without a picture" not in panel.note.value
    assert panel.generate.description == "Generate · 1 clip"
    assert panel.generate.tooltip == "makes a new clip (pays)"
    panel.choices.count.value = 2
    assert "One press makes one clip, not 2." in panel.note.value
    before = len(painter.posts)
    panel.generate.click()
    settle(panel)
    assert len(painter.posts) == before
    settle(panel)


def painter_of(server):
    class Relay:
        address = server.address.removesuffix("/demo")

    return Relay


def test_bug_what_replaced_the_sum_left_its_go_on_open(under_clip):
    panel = under_clip()
    panel.generate.click()
    assert "price unknown" in asks(panel)
    panel.show_message("0:04 · 320×180")  # such as of a clip that arrives
    assert asks(panel) == ""
    panel.question.children[0].click()
    settle(panel)
    assert len(panel.posts) == 1
