"""Going on from pictures: by which name they are called, what they are converted to, and what is asked before a press."""

import io
import re

import pytest
from PIL import Image
from support.shells import cell

from wenwen_magic import Client
from wenwen_magic.endpoint.transport import Clock
from wenwen_magic.errors import ConfigError, LimitReached


@pytest.fixture
def mj(painter, here):
    """A client that asks after works without waiting."""
    return Client(format="midjourney", clock=Clock(sleep=lambda _: None))


def picture(kind, size=(40, 30), **more):
    out = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(out, kind, **more)
    return out.getvalue()


# -- names -------------------------------------------------------------------------------------------------------------


def test_a_cell_of_an_edit_calls_its_picture_by_id_and_is_free_though_the_variable_is_another(shell, relay):
    shell.run(cell("fox", "a fox"))
    edited = shell.run(cell("blue --ref fox", "make it blue"))
    name = shell.user_ns["fox"].id
    shell.run(cell("fox", "a cat"))
    asked = len(relay.posts)
    shell.run(f"%wenwen use {edited.id}")
    assert shell.inserted[-1] == f"%%wenwen_image -m gpt-4o-image --ref {name} -o auto\nmake it blue"
    assert shell.run(shell.inserted[-1]).id == edited.id
    assert len(relay.posts) == asked


@pytest.mark.parametrize("shorten", [lambda name: name[:6], lambda name: f"#{name[:6]}", str.upper, str])
def test_an_id_is_taken_as_it_is_shown(shell, relay, shorten):
    fox = shell.run(cell("fox", "a fox"))
    del shell.user_ns["fox"]
    assert shell.run(cell(f"--ref {shorten(fox.id)}", "make it blue")).parent == fox.id


def test_an_address_with_a_password_is_refused_and_not_repeated(shell, relay):
    error = shell.fail(cell("--ref https://user:pw123@h.example/x.png", "x"))
    assert isinstance(error, ConfigError)
    assert "pw123" not in str(error) + "".join(shell.told)
    assert relay.posts == []


# -- conversions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "GIF"])
def test_what_relays_do_not_take_is_converted(shell, relay, here, kind):
    (here / "x").write_bytes(picture(kind))
    shell.run(cell("--ref x", "make it blue"))
    address = relay.posts[-1][1]["messages"][0]["content"][1]["image_url"]["url"]
    assert address.startswith(("data:image/jpeg", "data:image/png"))


def test_a_picture_of_a_stranger_in_those_kinds_stays_unopened(shell, relay):
    from support.scripted import answering, data_uri

    relay.answer = lambda _: answering(f"![x]({data_uri(picture('TIFF'), 'image/tiff')})")
    assert "is damaged" in str(shell.fail(cell("", "a fox")))


def test_a_large_file_is_shrunk_and_not_refused(shell, relay, here):
    (here / "big.png").write_bytes(picture("PNG", (4200, 3000), compress_level=0))
    assert (here / "big.png").stat().st_size > 20 << 20
    shell.run("%config WenwenMagics.reference_side = 512")
    shell.run(cell("--ref big.png", "make it blue"))
    assert len(relay.posts[-1][1]["messages"][0]["content"][1]["image_url"]["url"]) < 2 << 20


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_mask_of_another_size_is_refused_before_anything_is_sent(shell, painter, here, kind):
    (here / "x").write_bytes(picture(kind))
    hole = Image.new("RGBA", (30, 30))
    shell.user_ns["hole"] = hole
    error = shell.fail(cell("--format images --ref x --mask hole", "a hat"))
    assert isinstance(error, ConfigError)
    assert re.fullmatch("30.30.*40.30", error.why)
    assert painter.posts == []


# -- money -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["--param n=5", "-n 3 --param n=2"])
def test_pictures_that_one_call_asks_for_count_before_the_question(shell, painter, line):
    assert isinstance(shell.fail(cell(f"--format images {line}", "a cat")), LimitReached)
    assert painter.posts == []


# -- models ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("chat", "gpt-4o-image"),
        ("images", "gpt-image-2"),
        ("gemini", "gemini-3-pro-image"),
        ("midjourney", "midjourney"),
    ],
)
def test_a_format_draws_with_its_own_model_when_nobody_named_one(here, name, model):
    client = Client(api_key="sk-any-key-of-some-length", format=name)
    assert client.request("a cat").model == model
    assert client.request("a cat", model="other").model == "other"
    assert Client(api_key="sk-any-key-of-some-length", format=name, model="mine").request("a cat").model == "mine"


def test_a_model_that_was_given_a_format_draws_in_it(here):
    client = Client(api_key="sk-any-key-of-some-length", formats={"gpt-4o-image": "images"})
    request = client.request("a cat")
    assert (request.model, request.format) == ("gpt-4o-image", "images")


# -- buttons -----------------------------------------------------------------------------------------------------------


def test_a_button_that_asks_for_more_spends_nothing_until_it_has_it(mj, painter):
    large = mj.press(mj.generate("a cat"), "U1")
    asked = len(painter.posts)
    for label in ("Custom Zoom", "Vary (Region)"):
        with pytest.raises(ConfigError, match="asks for") as caught:
            mj.press(large, label)
        assert "client.press" in caught.value.do
    assert len(painter.posts) == asked
    assert mj.press(large, "Custom Zoom", prompt="a cat --zoom 1.5").images
    hole = Image.new("RGBA", (1024, 1024))
    assert mj.press(large, "Vary (Region)", prompt="a hat", mask=hole).images
    assert [post.path.rpartition("/")[2] for post in painter.posts[asked:]] == ["action", "modal"] * 2


def test_labels_with_spaces_are_pressed_by_command_and_told_in_the_lineage(shell, mj, painter):
    four = mj.generate("a cat")
    shell.run("%config WenwenMagics.poll_seconds = 0.01")
    large = shell.run(f"%wenwen task {four.id} U1")
    for words in ("Vary (Strong)", '"Zoom Out 2x"', "pan left"):
        assert shell.run(f"%wenwen task {large.id} {words}").parent == large.id
    shell.run(f"%wenwen show {four.id} --lineage")
    for label in ("U1: a cat", "Vary (Strong): a cat", "Zoom Out 2x: a cat"):
        assert label in shell.words()


def test_a_question_that_no_public_server_is_known_to_answer_is_not_sent(mj, painter):
    four = mj.generate("a cat")
    asked = len(painter.posts)
    with pytest.raises(ConfigError, match="no question 'refresh'"):
        mj.ask_about([four], "refresh")
    assert len(painter.posts) == asked


def test_a_download_that_goes_on_tells_how_far_it_is(shell, mj, painter, capsys):
    def die(_):
        raise SystemExit

    with pytest.raises(SystemExit):
        Client(format="midjourney", clock=Clock(sleep=die)).generate("a cat")
    [left] = mj.history.recent(2)
    shell.run("%config WenwenMagics.poll_seconds = 0.01")
    capsys.readouterr()
    assert shell.run(f"%wenwen fetch {left.id}").images
    assert "%" in capsys.readouterr().out
    assert len(painter.posts) == 1


def test_an_address_in_capitals_is_an_address(shell, painter):
    error = shell.fail(cell("--format gemini --ref HTTPS://h.example/x.png", "x"))
    assert isinstance(error, ConfigError)
    assert painter.posts == []
