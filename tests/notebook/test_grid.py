"""Comparisons in a real IPython shell: axes, labels, places, failures, and that a second run is free."""

import re

import pytest
from support.scripted import answering
from support.shells import cell, prompts, records
from support.widgets import client_of, comparison_of

from wenwen_magic import Client, Gallery
from wenwen_magic.engine.worker_pool import Job
from wenwen_magic.errors import ConfigError, EndpointError, WenwenError
from wenwen_magic.records import Words

TALK = "The animals that look good in ink are these: fox, owl, cat, rabbit, deer."


def labels(gallery):
    return [dict(label) for label in gallery.labels]


def as_asked(gallery):
    """Of each row what was really asked for, by the names of the axes."""
    return [{"model": row.request.model, "orientation": row.request.orientation} for row in gallery]


# -- axes --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        '--grid "model=a;b" "orientation=landscape;portrait"',
        '--grid "model=a;b" --grid "orientation=landscape;portrait"',
        '--网格 "模型＝a；b" "方向＝landscape；portrait"',
        '-m a,b --grid "orientation=landscape;portrait"',
        "--grid model=a;b orientation=landscape;portrait",
        '--grid " Model = a ; b ; " "ORIENTATION=landscape;;portrait"',
        '--grid="model=a;b;a" "orientation=landscape;portrait;landscape"',
        "--grid \"model=a;b\" \"方向={{['landscape', 'portrait']}}\"",
        "--网格 “模型=a；b” --网格 “方向=landscape；portrait”",
        "--网格 “模型=a；b” “方向=landscape；portrait”",
    ],
)
def test_every_way_to_write_a_grid_draws_every_combination_once(shell, relay, line):
    drawn = shell.run(cell(f"g {line}"))
    wanted = [{"model": m, "orientation": o} for m in "ab" for o in ("landscape", "portrait")]
    assert drawn is shell.user_ns["g"]
    assert isinstance(drawn, Gallery)
    assert as_asked(drawn) == labels(drawn) == wanted
    assert len(relay.posts) == 4
    assert len(shell.shown()) == 1


def test_an_orientation_is_one_value_however_it_is_typed(shell, relay):
    drawn = shell.run(cell('--grid "方向=横屏；竖屏;landscape"', "画只猫"))
    assert [row.request.orientation for row in drawn] == ["landscape", "portrait"]
    assert [label["orientation"] for label in labels(drawn)] == ["landscape", "portrait"]
    assert "横屏" in shell.words()


def test_values_for_names_in_the_prompt(shell, painter):
    drawn = shell.run(cell('--for "animal=猫；狗" "place=海边" --对 "n=1;2"', "{{n}}只{{animal}}在{{place}}"))
    assert [row.request.prompt for row in drawn] == ["1只猫在海边", "2只猫在海边", "1只狗在海边", "2只狗在海边"]
    assert labels(drawn)[2] == {"animal": "狗", "place": "海边", "n": "1"}


@pytest.mark.parametrize(
    "expression", ["animals", "[one for one in animals]", "(one for one in animals)", "dict.fromkeys(animals)"]
)
def test_values_from_a_list_of_the_notebook(shell, relay, expression):
    shell.run("animals = ['a cat; black', 'dog', 'dog', 7]")
    drawn = shell.run(cell(f'--for "animal={{{{{expression}}}}}"', "draw {{animal}}"))
    assert [row.request.prompt for row in drawn] == ["draw a cat; black", "draw dog", "draw 7"]
    assert [label["animal"] for label in labels(drawn)] == ["a cat; black", "dog", "7"]


def test_a_value_is_not_looked_into_and_shadows_a_variable(shell, relay):
    shell.run("x, animal = 'no', 'hen'\nvalues = ['{{x}}', '{prompt}']")
    drawn = shell.run(cell('--for "animal={{values}}"', "draw {{animal}}"))
    assert [row.request.prompt for row in drawn] == ["draw {{x}}", "draw {prompt}"]
    assert shell.user_ns["animal"] == "hen"


def test_bug_a_list_among_the_values_was_drawn_as_python_writes_it(shell, relay):
    shell.run("animals = ['cat', 'dog']")
    drawn = shell.run(cell('--for "animal={{animals}};hen"', "draw {{animal}}"))
    assert [row.request.prompt for row in drawn] == ["draw cat", "draw dog", "draw hen"]


@pytest.mark.parametrize("line", ['--for "animal={{one}};{{two}}"', '--for "animal=old {{one}};young {{two}}"'])
def test_expressions_among_the_values_are_put_in(shell, relay, line):
    shell.run("one, two = 'cat', 'dog'")
    shell.run(cell(line, "draw {{animal}}"))
    assert not [text for text in prompts(relay) if "{{" in text]


def test_params_vary(shell, relay):
    drawn = shell.run(cell('--grid "param.quality=low;high" --param size=big'))
    assert [row.request.params for row in drawn] == [{"size": "big", "quality": one} for one in ("low", "high")]
    assert sorted(body["quality"] for _, body in relay.posts) == ["high", "low"]
    assert [label["quality"] for label in labels(drawn)] == ["low", "high"]


def test_a_param_in_a_grid_is_what_it_is_after_param(shell, relay):
    shell.run(cell("--param seed=7"))
    drawn = shell.run(cell('--grid "param.seed=7;8"'))
    assert [row.request.params["seed"] for row in drawn] == [7, 8]
    assert len(relay.posts) == 2


def test_styles_vary(shell, relay):
    shell.run("%config WenwenMagics.styles = {'水彩': '{prompt}，水彩', 'oil': 'oil: {prompt}'}")
    drawn = shell.run(cell('--grid "风格=水彩;oil"'))
    assert [row.request.prompt for row in drawn] == ["a cat，水彩", "oil: a cat"]
    assert [label["style"] for label in labels(drawn)] == ["水彩", "oil"]


def test_one_value_is_a_comparison_with_one_place(shell, relay):
    drawn = shell.run(cell('--grid "model=a"'))
    assert (labels(drawn), len(relay.posts)) == ([{"model": "a"}], 1)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('--for "animal=fox,owl"', "animal has one value: fox,owl. Put ; between several; a list goes as {{a_list}}."),
        ("--for animal=猫、狗", "animal has one value: 猫、狗. Put ; between several; a list goes as {{a_list}}."),
        ("--for animal=ideas", "animal has one value: ideas. Put ; between several; a list goes as {{ideas}}."),
        ("--for animal=lines", "animal has one value: lines. Put ; between several; a list goes as {{lines}}."),
        (
            '--for "animal={{talk}}"',
            f"animal has one value: {TALK[:60]}…. Put ; between several; a list goes as {{{{a_list}}}}.",
        ),
        ("--for animal=fox", ""),
        ('--for "animal={{ideas}}"', ""),
        ('--for "animal=fox, red;owl"', ""),
    ],
)
def test_one_value_that_looks_like_several_is_drawn_and_told(shell, relay, capsys, line, told):
    shell.run("ideas, fox = ['a, b', 'c'], 'red fox'")
    shell.user_ns.update(lines=Words("a\nb"), talk=Words(TALK))
    capsys.readouterr()
    shell.run(cell(line, "a {{animal}}"))
    assert capsys.readouterr().out.strip() == told


def test_a_list_within_one_prompt_is_told_with_what_draws_each(shell, relay, capsys):
    shell.run("animal, fox = ['fox', 'owl'], 'a fox'")
    capsys.readouterr()
    typed = cell("", "{{fox}} and {{animal}}")
    shell.run(typed)
    told = capsys.readouterr().out
    assert told.startswith('All of the list animal is in one prompt. For one each: --for "item={{animal}}"')
    shell.run(typed)  # what is saved needs no advice
    shell.run(cell("--raw", "all of {{animal}}"))
    shell.run(cell('--for "animal={{animal}}"', "a {{animal}}"))
    relay.answer = lambda _: answering("The owl.")
    shell.run("%%wenwen_ask\nWhich of {{animal}} flies?")
    assert "All of the list" not in capsys.readouterr().out


# -- mistakes are told before anything is sent -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('--grid "modle=a;b"', "model"),
        ('--grid "模形=a;b"', "模型"),
        ('--grid "orientaton=square"', "orientation"),
        ('--grid "animal=a;b"', "--for"),
        ('--grid "param.=a;b"', "param"),
        ('--grid "model="', "no values"),
        ('--grid "model=;；"', "no values"),
        ('--grid "a;b"', "no values"),
        ("--grid", "needs a value"),
        ('--grid "style=nobody;none"', "nobody"),
        ('--grid "orientation=square;sideways"', "sideways"),
        ('--grid "model=a;b" "模型=c"', "twice"),
        ('-m a,b --grid "model=c;d"', "twice"),
        ('--for "x=1;2" "x=3"', "twice"),
        ('--for "1x=a;b"', "1x"),
        ('--for "animal={{anmals}}"', "animals"),
        ('--for "animal={{1/0}}"', "ZeroDivisionError"),
        ('--for "animal={{[]}}"', "no values"),
        ('--for "other=a;b"', "animal"),
        ('--for "animal={{range(401)}}"', "401 combinations"),
        ('-m c --grid "model=a;b"', "twice"),
        ('-o square --grid "orientation=square;auto"', "twice"),
        ('--style x --grid "style=x;y"', "twice"),
        ('--param q=1 --grid "param.q=1;2"', "twice"),
        ('--for "animal=a;b" "x=1;2"', "prompt does not contain {{x}}"),
        ('--raw --for "animal=a;b"', "prompt does not contain {{animal}}"),
        ('--grid "model=a;b" --for "model=1;2"', "twice"),
        ("--blind", "nothing to compare"),
        ("--blind -n 3", "nothing to compare"),
        ('--blind --grid "model=a"', "nothing to compare"),
        ('--for "animal={{range(41)}}" "b={{range(10)}}"', "410 combinations"),
    ],
)
def test_a_wrong_axis_is_told_before_anything_is_sent(shell, relay, line, told):
    shell.run("animals = ['cat']")
    error = shell.fail(cell(f"{line} -y", "draw {{animal}}" if "--for" in line else "draw"))
    assert isinstance(error, ConfigError), shell.told
    assert told in str(error)
    assert (relay.posts, records()) == ([], [])


# -- places ------------------------------------------------------------------------------------------------------------


def test_every_picture_stands_under_its_own_headers(shell, painter):
    drawn = shell.run(cell('--for "animal=cat;dog;hen" "place=sea;hill" -y', "a {{animal}} by the {{place}}"))
    for label, row in zip(drawn.labels, drawn, strict=True):
        found = dict(label)
        assert row.prompt_sent == f"a {found['animal']} by the {found['place']}"
        assert row.images[0].data == shell.run(f"%wenwen show {row.id}").images[0].data
    assert len({row.images[0].sha256 for row in drawn}) == 6
    shell.run("drawn = _")
    rows = [re.findall(r"<td|by the \w+|a (?:cat|dog|hen)", row) for row in html_of(shell, drawn).split("<tr")]
    assert [row.count("<td") for row in rows if "<td" in row] == [2, 2, 2]


def html_of(shell, gallery):
    return gallery._repr_mimebundle_()["text/html"]


def test_two_takes_of_each_combination_stand_in_one_place(shell, relay):
    drawn = shell.run(cell("-m a,b -n 2"))
    assert labels(drawn) == [{"model": "a"}] * 2 + [{"model": "b"}] * 2
    assert [row.request.model for row in drawn] == ["a", "a", "b", "b"]
    assert sorted(row.take for row in drawn[:2]) == sorted(row.take for row in drawn[2:]) == [1, 2]
    html = html_of(shell, drawn)
    assert (html.count("<img"), html.count("<td")) == (4, 2)
    assert len(relay.posts) == 4


def test_one_failure_stays_in_its_place_with_its_reason_and_the_others_are_drawn(shell, painter):
    drawn = shell.run(cell('--for "x=cat;dog [demo: status=400];hen"', "a {{x}}"))
    assert [bool(row.images) for row in drawn] == [True, False, True]
    assert labels(drawn)[1] == {"x": "dog [demo: status=400]"}
    assert drawn.failures == (drawn[1],)
    assert shell.words().count("✗") == 2  # in HTML and in the text
    assert drawn[1].error["what"] in shell.words()
    shell.run(cell('--for "x=cat;dog [demo: status=400];hen"', "a {{x}}"))
    assert len(painter.posts) == 4  # only what failed is asked again


def test_where_all_fail_the_cell_fails_and_the_name_stays(shell, painter):
    shell.run("g = 1")
    error = shell.fail(cell('g --for "x=1;2"', "{{x}} [demo: status=401]"))
    assert isinstance(error, EndpointError)
    assert (error.status, shell.user_ns["g"]) == (401, 1)


def test_the_same_cell_again_is_free_and_the_same(shell, relay):
    line = 'g -m a,b --grid "orientation=square;auto" -n 2 -y'
    first = shell.run(cell(line))
    again = shell.run(cell(line))
    assert len(relay.posts) == 8
    assert {row.id for row in again} == {row.id for row in first}
    assert again.labels == first.labels
    assert as_asked(again) == as_asked(first)


def test_a_grid_that_grows_asks_only_for_what_is_new(shell, relay):
    shell.run(cell("-m a,b"))
    shell.run(cell("-m c,a,b"))
    shell.run(cell("-m b"))
    assert len(relay.posts) == 3


def test_combinations_that_come_to_the_same_request_are_paid_once(shell, relay):
    drawn = shell.run(cell('--for "x=1;2"', "a cat{{x[:0]}}"))
    assert (len(drawn), len({row.id for row in drawn}), len(relay.posts)) == (2, 1, 1)


def test_takes_of_combinations_that_come_to_the_same_request_are_paid_once(shell, relay):
    shell.run(cell('--for "x=1;2" -n 2', "a cat{{x[:0]}}"))
    assert len(relay.posts) == 2


def test_what_is_there_is_rendered_again_only_when_a_picture_has_arrived(here, relay, monkeypatch):
    compared, rendered = comparison_of(client_of(relay)), []
    gallery = Client.gallery
    monkeypatch.setattr(Client, "gallery", lambda client, *rows: rendered.append(rows) or gallery(client, *rows))
    job, clock, screen = Job(100.0), compared.runner.now, compared.area.screen
    show_progress = compared.progress_of(job)
    first = compared.client.generate(compared.requests[0])
    for arrived in ([], [first], []):
        for row in arrived:
            job.arrive((0, 0), row)
        show_progress()
        clock.now += 1
    assert len(rendered) == 1
    waiting, one, later = (bundle["text/plain"] for bundle in screen.bundles)
    assert waiting == "drawing 1 of 2"
    assert "2 s".join(one.rsplit("1 s", 1)) == later  # the picture may have taken a second too
    assert f"{first.images[0].path.name}" in one
    assert "model=two: … drawing" in one


# -- with other options ------------------------------------------------------------------------------------------------


def test_a_grid_in_the_background_comes_into_the_cell_and_its_variable(shell, relay):
    relay.gate.clear()
    assert shell.run(cell("g -m a,b --background")) is None
    assert "g" not in shell.user_ns
    relay.gate.set()
    for _ in range(500):
        if "g" in shell.user_ns:
            break
        relay.never.wait(0.02)
    assert labels(shell.user_ns["g"]) == [{"model": "a"}, {"model": "b"}]


@pytest.fixture
def relay(relay):
    relay.never = type(relay.gate)()
    return relay


def test_a_quiet_grid_shows_nothing_and_gives_all(shell, relay):
    drawn = shell.run(cell("g -m a,b -q"))
    assert shell.shown() == []
    assert len(shell.user_ns["g"].images) == len(drawn.images) == 2
    shell.run("g")
    assert shell.words().count("<img") == 2


def test_a_gallery_is_a_table_of_its_labels(shell, relay):
    shell.run(cell("g -m a,b"))
    frame = shell.run("g.dataframe()")
    assert list(frame["model"]) == ["a", "b"]
    assert shell.run("[dict(one) for one in g.labels]") == [{"model": "a"}, {"model": "b"}]


def test_headers_are_escaped(shell, relay):
    shell.run(cell('--for "x=<script>alert(1)</script>;b"', "draw {{x}}"))
    assert "<script" not in shell.shown()[-1]["text/html"]


def test_the_line_form_takes_a_grid_too(shell, relay):
    drawn = shell.run('g = %wenwen_image --for "x=1;2" draw {{x}}') or shell.user_ns["g"]
    assert sorted(prompts(relay)) == ["draw 1", "draw 2"]
    assert labels(drawn) == [{"x": "1"}, {"x": "2"}]


@pytest.mark.parametrize("line", ["-m a,b", '--grid "model=a;b"', '--for "x=1;2"', "-m a,b --blind", "--take 1"])
def test_what_many_prompts_cannot_go_with_is_told_and_not_passed_over(shell, relay, line):
    shell.run("things = ['cat', 'dog']")
    error = shell.fail(cell(f"--from things {line}", "a {{prompt}}"))
    assert isinstance(error, WenwenError)
    assert error.do.startswith("Leave it out") == ("--take" in line or "--blind" in line)
    assert relay.posts == []
