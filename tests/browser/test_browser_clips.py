"""A clip plays under its cell in JupyterLab, in a notebook that is opened again too, trusted or not."""

import nbformat
import pytest
from support.lab import DEMO, expect

pytestmark = pytest.mark.browser
CLIPS = f"{DEMO}\n%config WenwenMagics.video_model = 'veo3.1-fast'"
FOX = "%%wenwen_image fox --no-ui\na fox in the snow"
MADE = "%%wenwen_video clip --ref fox -o {turn} --no-ui {more}\nthe fox turns its head"
PLAYED = """async video => {
    video.muted = true;
    if (!video.readyState) await new Promise((done, failed) => { video.onloadeddata = done; video.onerror = failed; });
    const size = [video.videoWidth, video.videoHeight, Math.round(video.duration)];
    await video.play();
    await new Promise(done => { video.ontimeupdate = () => video.currentTime > 0 && done(); });
    video.pause();
    return [video.readyState > 1, ...size];
}"""
LOADED = "async video => { while (!video.videoWidth) await new Promise(done => setTimeout(done, 50)); }"
TRUSTED = "index => window.jupyterapp.shell.currentWidget.content.model.cells.get(index).trusted"


def player(lab, index):
    """The player under a cell; it has a poster, and the place of one."""
    video = lab.cell(index).locator("video")
    expect(video).to_be_visible()
    assert video.get_attribute("poster").startswith("data:image/jpeg;base64,")
    assert video.bounding_box()["width"] > 100
    return video


@pytest.mark.parametrize(
    ("turn", "more", "size"), [("landscape", "", [320, 180, 4]), ("portrait", "--embed", [180, 320, 4])]
)
def test_a_clip_plays_and_does_so_in_a_notebook_that_is_opened_again(turn, more, size, notebook, opened):
    lab = notebook(CLIPS, FOX, MADE.format(turn=turn, more=more)).run_all()
    assert player(lab, 2).evaluate(PLAYED) == [True, *size]
    book = lab.saved()
    assert ('src="data:video/webm' if more else 'src="wenwen_images/') in lab.html(2)
    assert "video/mp4" not in book.cells[2].outputs[0].data
    assert lab.violations(2) == []
    lab.end()
    for number, trusted in enumerate([True, False]):
        path = lab.path.with_name(f"again-{number}.ipynb")
        if not trusted:  # its text is another than the one that was signed
            book.cells[2].source += " slowly"
        nbformat.write(book, path)
        again = opened("again", path=path)
        assert again.page.evaluate(TRUSTED, 2) == trusted
        assert player(again, 2).evaluate(PLAYED) == [True, *size]
        again.end()


def test_a_notebook_without_its_folder_shows_the_poster(notebook, opened):
    lab = notebook(CLIPS, FOX, MADE.format(turn="landscape", more="")).run_all()
    player(lab, 2)
    book = lab.saved()
    lab.end()
    path = lab.server.root / "elsewhere" / "book.ipynb"
    path.parent.mkdir()
    nbformat.write(book, path)
    again = opened("elsewhere", path=path)
    assert player(again, 2).bounding_box()["height"] > 100
    again.end()


def test_animate_puts_a_cell_for_a_clip_below_the_picture(english):
    lab = english(CLIPS, "%%wenwen_image\na kite over the sea").run_all()
    lab.press(1, "⋯")
    lab.press(1, "▶ Animate")
    assert lab.inserted(2).startswith("%%wenwen_video --ref ")
    lab.run(2)
    assert player(lab, 2).evaluate(PLAYED)[0]
    for name in ("✎ Edit", "▶ Animate"):
        expect(lab.cell(2).get_by_role("button", name=name, exact=True)).to_have_count(0)
    lab.press(2, "⤓ Save")
    expect(lab.cell(2).get_by_text("saved: clip.mp4")).to_be_visible()


def test_the_history_shows_a_tall_clip_whole_at_any_width(english):
    lab = english(
        CLIPS, "%%wenwen_video --no-ui -o portrait\na tall tower by the sea", "%wenwen history tower"
    ).run_all()
    for width, most in ((1280, 300), (760, 200)):
        lab.page.set_viewport_size({"width": width, "height": 900})
        film = lab.cell(2).locator(".wenwen-details video")
        expect(film).to_be_visible()
        film.evaluate(LOADED)
        box = film.bounding_box()
        assert box["height"] <= most
        assert abs(box["height"] * 180 / 320 - box["width"]) < 2


def test_clips_side_by_side_in_a_narrow_notebook_keep_their_buttons_to_play(english):
    lab = english(CLIPS, "%%wenwen_video --no-ui -n 3 -y\na tall tower by the sea").run_all()
    lab.page.set_viewport_size({"width": 640, "height": 900})
    players = lab.cell(1).locator("video")
    expect(players).to_have_count(3)
    assert all(one.bounding_box()["width"] >= 128 for one in players.all())
