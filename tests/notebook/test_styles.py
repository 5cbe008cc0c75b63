"""Named templates around a prompt: where they come from, what is sent, and what is shown and kept of it."""

import json

import pytest
from support.shells import cell, prompts, records

from wenwen_magic import Client
from wenwen_magic.engine.build_request import styled
from wenwen_magic.engine.limits import Session
from wenwen_magic.errors import ConfigError

STYLES = {
    "水彩": "{prompt}，水彩，留白",
    "oil": "an oil painting of {prompt}\nin the manner of {prompt}!",
    "bare": "{prompt}",
}


@pytest.fixture
def styles(shell, relay):
    shell.run(f"%config WenwenMagics.styles = {STYLES!r}")
    return shell


def test_a_style_goes_around_the_prompt(styles, relay):
    styles.run(cell("--style 水彩", "画只猫"))
    styles.run(cell("--风格=oil -o square", "a cat"))
    styles.run(cell("--style ' oil '", "a dog"))
    assert prompts(relay) == [
        "画只猫，水彩，留白",
        "an oil painting of a cat\nin the manner of a cat!\nsquare composition",
        "an oil painting of a dog\nin the manner of a dog!",
    ]


def test_a_style_that_adds_nothing_is_the_same_picture(styles, relay):
    assert styles.run(cell()).id == styles.run(cell("--style bare")).id
    assert len(relay.posts) == 1


def test_another_template_under_the_same_name_is_another_picture(styles, relay):
    styles.run(cell("--style bare"))
    styles.run("%config WenwenMagics.styles = {'bare': 'only {prompt}'}")
    styles.run(cell("--style bare"))
    assert prompts(relay) == ["a cat", "only a cat"]


def test_what_looks_like_a_place_in_the_prompt_is_sent_as_it_is(styles, relay):
    styles.run("x = '{prompt}'")
    styles.run(cell("--style bare", "a {prompt} and {{x}} {style}"))
    styles.run(cell("--style oil --raw", "{{x}} {prompt}"))
    assert prompts(relay) == [
        "a {prompt} and {prompt} {style}",
        "an oil painting of {{x}} {prompt}\nin the manner of {{x}} {prompt}!",
    ]


def test_braces_of_a_template_are_no_expressions(shell, relay):
    shell.run('%config WenwenMagics.styles = {\'json\': \'{"draw": "{prompt}", "x": {{y}} }\'}')
    shell.run(cell("--style json"))
    assert prompts(relay) == ['{"draw": "a cat", "x": {{y}} }']


def test_the_prompt_as_sent_is_in_the_record_and_shown(styles, relay):
    drawn = styles.run(cell("--style 水彩"))
    assert drawn.prompt_sent == drawn.request.prompt == "a cat，水彩，留白"
    assert records()[0]["prompt_sent"] == "a cat，水彩，留白"
    assert "a cat，水彩，留白" in styles.shown()[-1]["text/html"]
    assert len(styles.run("%wenwen history 留白")) == 1


@pytest.mark.parametrize(("name", "told"), [("水墨", "水彩"), ("oill", "oil"), ("OIL", "oil"), ("''", "missing")])
def test_an_unknown_style_is_told_with_the_nearest(styles, relay, name, told):
    error = styles.fail(cell(f"--style {name}"))
    assert isinstance(error, ConfigError)
    assert told in str(error)
    assert (relay.posts, records()) == ([], [])


def test_where_there_are_no_styles_it_is_told_how_to_define_one(shell, relay, capsys):
    assert "%config WenwenMagics.styles" in shell.fail(cell("--style oil")).do
    shell.run("%wenwen styles")
    assert "%config WenwenMagics.styles" in capsys.readouterr().out


def test_styles_of_every_place_are_there_and_the_nearer_one_wins(shell, relay, here, monkeypatch):
    (here / "pyproject.toml").write_text(
        '[tool.wenwen.styles]\na = "file {prompt}"\nb = "file {prompt}"\n"水彩" = "水彩{prompt}"\n'
    )
    monkeypatch.setenv("WENWEN_STYLES", json.dumps({"b": "environ {prompt}", "c": "environ {prompt}"}))
    shell.run("%config WenwenMagics.styles = {'c': 'config {prompt}'}")
    for name in ("a", "b", "c", "水彩"):
        shell.run(cell(f"--style {name}", "x"))
    assert prompts(relay) == ["file x", "environ x", "config x", "水彩x"]


@pytest.mark.parametrize("wrong", ["{'a': 'no place'}", "'a'", "['{prompt}']", "{'a': 5}"])
def test_a_template_without_a_place_for_the_prompt_is_told(shell, relay, wrong):
    shell.run(f"%config WenwenMagics.styles = {wrong}")
    error = shell.fail(cell())
    assert isinstance(error, ConfigError)
    assert "{prompt}" in error.do or "JSON" in str(error) or "Expecting" in error.do
    assert relay.posts == []


def test_the_styles_are_listed(styles, capsys):
    styles.run("%wenwen styles")
    told = capsys.readouterr().out
    assert "an oil painting of {prompt} in the manner of {prompt}!" in told
    assert "水彩" in told


def test_styles_are_completed(styles):
    _, found = styles.complete("o", "%%wenwen_image --style o", 24)
    assert "oil" in found


def test_styles_work_from_python_and_for_rows(relay, here):
    client = Client(base_url=relay.address, styles=STYLES, session=Session())
    client.generate("a cat", style="水彩")
    client.generate_many([{"prompt": "a dog", "style": "bare"}, "a hen"], style="水彩", progress=False)
    assert sorted(prompts(relay)) == ["a cat，水彩，留白", "a dog", "a hen，水彩，留白"]


def test_a_prompt_is_put_in_once():
    assert styled("{prompt} \\1 $x", "s", {"s": "<{prompt}|{prompt}>"}) == "<{prompt} \\1 $x|{prompt} \\1 $x>"
