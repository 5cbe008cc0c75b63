"""The cell that repeats a request means that request, exactly; what cannot be said exactly is refused."""

import ast
import hashlib
import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager
from support.shells import prompts

from wenwen_magic.errors import ConfigError
from wenwen_magic.notebook import options
from wenwen_magic.notebook.cell_source import cell
from wenwen_magic.records import ImageRequest, Reference
from wenwen_magic.text.i18n import is_chinese, speak
from wenwen_magic.text.orientation import read as join
from wenwen_magic.text.template import interpolate


def reference(address="", label=""):
    return Reference(address, hashlib.sha256(f"{address}|{label}".encode("utf-8", "surrogatepass")).hexdigest(), label)


def as_ipython_runs_it(text):
    """The magic, the line and the body that IPython hands to it."""
    call = ast.parse(TransformerManager().transform_cell(text)).body[0].value
    assert call.func.attr == "run_cell_magic"
    return tuple(argument.value for argument in call.args)


def asked_by(text, references=()):
    """The request that a cell leads to, by the way of the magic, and its take and NAME."""
    magic, line, body = as_ipython_runs_it(text)

    def fill(words):
        return interpolate(words, {})

    assert options.read(line) == options.read(line, fill)  # nothing on the line waits to be filled in
    read = options.read(line, fill)
    meant, name, prompt = options.for_magic(magic, read, body)
    (model,) = read.model
    known = {one.address if one.address.startswith("http") else one.label: one for one in references}
    request = ImageRequest(
        (prompt if read.raw else fill(prompt)).strip(),  # as Client.request does
        model=model,
        orientation=join(read.orientation or "auto", read.size),
        task=meant.task or "draw",
        params=dict(read.param),
        references=tuple(known[word] for word in read.ref),
        format=read.format or "chat",
    )
    return request, read.take, name


def comes_back(request, **how):
    again, take, name = asked_by(cell(request, **how), request.references)
    assert again.fingerprint == request.fingerprint
    assert (take, name) == (how.get("take") or None, how.get("name", ""))
    return True


def refused(request, **how):
    with pytest.raises(ConfigError) as caught:
        cell(request, **how)
    assert caught.value.charged == "no"
    return caught.value


def cannot_be_written(request):
    return "cannot be written as a cell" in refused(request).what


def test_the_cell_names_model_orientation_and_take():
    request = ImageRequest("画一只猫", model="gpt-4o-image", orientation="landscape")
    assert cell(request, take=2) == "%%wenwen_image -m gpt-4o-image -o landscape --take 2\n画一只猫"
    assert cell(ImageRequest("a cat")) == "%%wenwen_image -m gpt-4o-image -o auto\na cat"


def test_the_name_of_a_variable_comes_first():
    assert cell(ImageRequest("a cat"), name="猫").startswith("%%wenwen_image 猫 -m ")
    assert comes_back(ImageRequest("a cat"), name="猫", take=3)


@pytest.mark.parametrize("name", ["a b", "1a", "-q", "for", "a.b", " a", "a\n", "--"])
def test_what_is_no_variables_name_is_refused(name):
    assert "variable" in refused(ImageRequest("a cat"), name=name).what


def test_a_format_is_named_when_it_is_not_the_usual_one():
    assert "--format" not in cell(ImageRequest("a cat"))
    assert " --format images " in cell(ImageRequest("a cat", format="images"))
    assert comes_back(ImageRequest("a cat", format="images"))


def test_a_prompt_with_double_braces_is_sent_untouched():
    request = ImageRequest("a {{colour}} cat")
    assert " --raw" in cell(request)
    assert cell(request).endswith("\na {{colour}} cat")
    assert "--raw" not in cell(ImageRequest('{"animal": {"name": "cat"}}'))


def test_a_reference_is_named_by_its_address_or_its_label():
    request = ImageRequest(
        "a cat",
        references=(reference("https://a.b/c.png?x=1&y=2"), reference("data:image/png;base64,AA", "my cat.png")),
    )
    assert "--ref https://a.b/c.png?x=1&y=2 --ref 'my cat.png'" in cell(request)
    assert comes_back(request)


def test_a_reference_without_a_name_is_refused():
    assert cannot_be_written(ImageRequest("a cat", references=(reference("data:image/png;base64,AA"),)))


def test_half_the_request_does_not_matter_for_the_saved_take_and_is_not_written():
    assert cell(ImageRequest("a cat", count=4, stream=True)) == cell(ImageRequest("a cat"))


VALUES = [
    "--fresh",
    "--",
    "-m",
    "-5x",
    "—m",
    "",
    "two words",
    " outer spaces ",
    "it's",
    '7" disc',
    "both ' and \"",
    "both ' and \" and a space at the end ",
    "C:\\cats\\new.png",
    "C:\\my cats\\",
    "\\ \\\" \\\\' \\\\\\ x",
    "a=b",
    '="x"',
    "='x'",
    "，、 “x”",
    "ｆｕｌｌ　ｗｉｄｔｈ",
    "}}",
    "{x}",
    '{"a": 1}',
    "[1]",
    '"quoted"',
    "$HOME {HOME} ?",
    "a?",
    "%%html",
    "# not a comment",
    "\t",
    "\u3000",
    "\xa0",
    ",",
]


@pytest.mark.parametrize("value", VALUES)
def test_values_of_all_kinds_come_back_as_a_param_and_as_a_reference(value):
    assert comes_back(ImageRequest("a cat", params={"style": value, "n": 1}))
    if value:
        assert comes_back(ImageRequest("a cat", references=(reference(label=value), reference("http://a.b/c"))))


@pytest.mark.parametrize("model", ["-x", "my model", "it's", 'a"b', "a=b", "C:\\x", "模型 一", "'", '"', "{x}", "a;b"])
def test_models_of_odd_names_come_back(model):
    assert comes_back(ImageRequest("a cat", model=model))


@pytest.mark.parametrize("model", ["a,b", "ａ", "a，b", "a、b", "“a”", " a", "a\u3000", "＂a＂", "a\nb", "{{a}}", "①"])
def test_a_model_that_the_line_would_read_as_another_is_refused(model):
    assert cannot_be_written(ImageRequest("a cat", model=model))


@pytest.mark.parametrize(
    "value", [7, -1, 0, 10**18, 0.5, 7.0, 1e300, -0.0, 5e-324, True, False, None, "seven", "True", "nan", "1024x1024"]
)
def test_a_params_value_comes_back_with_its_type(value):
    assert comes_back(ImageRequest("a cat", params={"p": value}))


@pytest.mark.parametrize(
    "value",
    [
        *("7", "0.5", "1e3", "true", "false", "null", "1_000", " 7", "７", "٣", "-1", "9" * 400),  # read as a number
        *("a＝b", "two\nlines", "a\rb", "a\u2028b", "a\x85b", "a\0b", "\ud800", "{{x}}", "{{"),
        *([1, 2], {"a": 1}, {}, [], {"a": [{"b": "“猫”"}]}),
    ],
    ids=lambda value: str(type(value)) + repr(value)[:20],
)
def test_what_a_line_would_read_as_another_value_is_written_as_json(value):
    assert comes_back(ImageRequest("a cat", params={"p": value}))


@pytest.mark.parametrize(
    "value",
    [
        *("it's\\", "both ' \" \\"),
        *(math.nan, math.inf, -math.inf, 10**400, 10**5000, b"x", object()),
    ],
    ids=lambda value: str(type(value)) + repr(value)[:20] if value != 10**5000 else "huge",
)
def test_a_params_value_that_no_line_can_say_is_refused(value):
    assert cannot_be_written(ImageRequest("a cat", params={"p": value}))


@pytest.mark.parametrize("name", ["", " a", "a ", "a=b", "a＝b", "=", "a\nb", "{{a}}", 1, None])
def test_a_params_name_that_no_line_can_say_is_refused(name):
    assert cannot_be_written(ImageRequest("a cat", params={name: 1}))


@pytest.mark.parametrize("label", ["a\nb", "a\rb", "a\u2028b", "{{a}}", "\ud800", "it's\\"])
def test_a_label_that_no_line_can_say_is_refused(label):
    assert cannot_be_written(ImageRequest("a cat", references=(reference(label=label),)))


@pytest.mark.parametrize("prompt", [" a cat", "a cat\n", "\n\na cat", "a cat\u3000", "a cat\r\n"])
def test_a_prompt_that_a_cell_would_trim_is_refused(prompt):
    assert "prompt" in refused(ImageRequest(prompt)).why


PROMPTS = [
    "%%html",
    "%matplotlib inline\n!ls\nx?",
    "-o portrait",
    "a cat\n\n    indented\n\tand so on",
    "a cat\n   \n\t\n\u3000\nand a dog",
    ">>> a cat\n>>> a dog",
    "a cat\n>>> a dog\n... and a mouse",
    "  >>> x".strip() + "\n   >>> y\n    z",
    ">>>",
    "a >>> b",
    "... a cat",
    "...: a cat\n...: a dog",
    "In [1]: a cat\n   ...: a dog",
    "[ins] In [2]: a cat",
    "Out[1]: a cat",
    "a\r\nb\r\nc",
    "a\rb",
    "a\u2028>>> b\x85c\x0bd\x0ce",
    "a\0b\ud800c\udc00",
    '"""a cat\n>>> b\n"""',
    "it's a \\ 'cat' \"dog\" \\n",
    "{{a}} and {{{b}}} and {{}} and {{",
    "{{a}}\r\n{{b}}",
    "{\r{{\r{{{\r}}}\r}",
    "{{{{{{",
    ">>>{{x}}",
    "{ >>> {\r}",
    "🐱" * 3,
]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_prompts_of_all_kinds_come_through_ipython_as_they_are(prompt):
    assert comes_back(ImageRequest(prompt))


@pytest.mark.parametrize("prompt", ["%%html", "a\n\n  b\nc", "In a box: {x}", '{"a": {"b": 1}}', "a >>> b", "...？"])
def test_a_prompts_own_lines_follow_as_they_are(prompt):
    text = cell(ImageRequest(prompt))
    assert text.split("\n", 1)[1].lstrip("\n") == prompt
    assert as_ipython_runs_it(text)[1:] == (text.split("\n", 1)[0].partition(" ")[2], text.split("\n", 1)[1] + "\n")


@pytest.mark.parametrize("task", ["draw", "ask"])
def test_a_value_that_ends_in_a_space_comes_back_from_the_end_of_the_line(task):
    assert comes_back(ImageRequest("why?", task=task, params={"p": "'\" "}))


def test_an_old_question_that_was_asked_with_a_shape_is_no_cell():
    assert cannot_be_written(ImageRequest("why?", task="ask", orientation="landscape"))


def test_a_cell_is_read_by_an_editor_that_knows_one_line_end_only():
    text = cell(ImageRequest("a\r\nb\rc\u2028d"))
    assert text.splitlines() == text.split("\n")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_refusal_speaks_the_language_of_the_reader(language):
    speak(language)
    for request in (
        ImageRequest(" a"),
        ImageRequest("a", model="a,b"),
        ImageRequest("a", params={"p": math.nan}),
        ImageRequest("a", params={"p": "'\\"}),
        ImageRequest("a", references=(reference(),)),
    ):
        error = refused(request)
        assert [is_chinese(words) for words in (error.what, error.why, error.do)] == [language == "zh"] * 3


@pytest.mark.parametrize("piece", ["{", "\n ", " ", "{\r", ">>>\n", "\\"])
def test_a_long_prompt_full_of_traps_comes_back_in_time(piece):
    """Anything worse than linear would not end here."""
    assert comes_back(ImageRequest(f"a{piece * 30_000}b"))


@pytest.mark.parametrize("piece", ["\\", "' ", "\\ ", "'", '="', "a"])
def test_a_long_value_full_of_traps_comes_back_in_time(piece):
    assert comes_back(ImageRequest("a cat", params={"p": f"{piece * 10_000}x"}))


HARD = st.text(
    st.sampled_from("ab=-'\"\\ \t,{}7.e_，＝　\u2028\r\n>.In[1]:%?#“—\ud800é猫") | st.characters(), max_size=12
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | HARD
REQUESTS = st.builds(
    ImageRequest,
    prompt=(HARD | st.lists(st.sampled_from([*PROMPTS, "\n", " ", "{", ">>>", "\r"])).map("".join)).filter(str.strip),
    model=st.just("m") | HARD.filter(str.strip),
    orientation=st.sampled_from(["auto", "square", "landscape", "auto 2K", "21:9", "2:3 4K", "1536x1024"]),
    references=st.lists(st.builds(reference, label=HARD), max_size=2).map(tuple),
    params=st.dictionaries(st.sampled_from(["seed", "a b", "'", '"', "-q", "\\"]) | HARD, SCALARS, max_size=3),
    format=st.sampled_from(["chat", "images"]),
    task=st.sampled_from(["draw", "ask", "ask_json"]),
)


@given(REQUESTS, st.integers(0, 9), st.sampled_from(["", "img", "猫"]), st.booleans())
@settings(max_examples=150, deadline=None)
def test_a_cell_repeats_its_request_or_there_is_none(request, take, name, chinese):
    try:
        cell(request, take=take, name=name, chinese=chinese)
    except ConfigError as error:
        assert "cannot be written" in error.what  # noqa: PT017  either is a fair answer
    else:
        assert comes_back(request, take=take, name=name, chinese=chinese)


WRITABLE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters="{＝"), max_size=20)


@given(WRITABLE)
@settings(max_examples=100, deadline=None)
@example("' \" \\ x")
def test_a_text_of_one_line_that_begins_with_a_letter_can_always_be_a_params_value(value):
    assert comes_back(ImageRequest("a cat", params={"p": f"x{value}."}))


# -- the author's comments, and white space behind a magic's name ------------------------------------------------------

COMMENTED = {
    "a boat  # the line form": ("a boat", "# the line form"),
    "a boat\t\t#x": ("a boat", "#x"),
    "a boat # not apart": ("a boat # not apart", ""),
    r"a boat  \# kept": ("a boat  # kept", ""),
    "--raw a boat  # kept": ("a boat  # kept", ""),
    '"a boat  # quoted"  # left out': ("a boat  # quoted", "# left out"),
    "a {{'#  # x'}} boat  # left out": ("a #  # x boat", "# left out"),
    "it's a boat  # isn't": ("it's a boat", "# isn't"),
    "-o square a boat  # -o landscape": ("a boat", "# -o landscape"),
    "a boat, C#  and F#": ("a boat, C#  and F#", ""),
    "-q # a boat": ("# a boat", ""),
    r"\# a boat": ("# a boat", ""),
    "a  #ff0000 boat": ("a  #ff0000 boat", ""),
    "a  #f00, #fff boat": ("a  #f00, #fff boat", ""),
    "a  #0af8 boat": ("a  #0af8 boat", ""),
    "a boat in  #FFF": ("a boat in  #FFF", ""),
    "the  #1 boat": ("the  #1 boat", ""),
    "the  #12345号 boat": ("the  #12345号 boat", ""),
    "a boat  #add oars": ("a boat", "#add oars"),
    "a boat\u3000 # Chinese spaces": ("a boat", "# Chinese spaces"),
    "a boat  ## left out": ("a boat", "## left out"),
    "a boat  #": ("a boat", "#"),
    "--param color=#ff0000  a boat": ("a boat", ""),
}


@pytest.mark.parametrize(("typed", "expected"), COMMENTED.items(), ids=COMMENTED)
def test_a_comment_behind_a_line_is_no_part_of_the_prompt_and_is_told(shell, relay, capsys, typed, expected):
    capsys.readouterr()
    prompt, comment = expected
    shell.run(f"%wenwen_image {typed}")
    said = capsys.readouterr().out
    assert relay.posts[0][1]["messages"][0]["content"].startswith(prompt)
    assert not any(word in str(relay.posts) for word in ("left out", "the line form", "landscape"))
    assert (f"Left out as a comment: {comment} " in said) == bool(comment)


def test_a_comment_is_left_out_behind_commands_and_first_lines_and_an_id_is_none(shell, relay, capsys):
    fox = shell.run("%%wenwen_image fox -q  # my fox\na fox")
    assert shell.user_ns["fox"] is fox
    assert shell.run(f"%wenwen show {fox.id}  # look").id == fox.id
    assert shell.run(f"%wenwen show  #{fox.id[:6]}").id == fox.id
    assert shell.run(f"%wenwen show {fox.id} # look").id == fox.id
    shell.run("%%wenwen_image hen -q # my hen\na hen # with a hat")
    assert prompts(relay)[-1] == "a hen # with a hat"
    shell.run("%wenwen_image # the control panel")
    assert len(prompts(relay)) == 2
    shell.run("%wenwen demo # draw here")
    assert "draw here" in capsys.readouterr().out
    assert shell.magics_manager.registry["WenwenMagics"].state.demo


@pytest.mark.parametrize("space", ["\u3000", "\u00a0", "\t", "\u2003", "\u3000 "])
def test_any_white_space_ends_a_magics_name(shell, relay, space):
    shell.run(f"%%wenwen_image{space}fox -q\na fox\n%wenwen_image{space}is text")
    shell.run(f"hen = %wenwen_image{space}-q a hen\nfor _ in 'a':\n    %wenwen_image{space}-q a cat")
    shell.run(f"%wenwen{space}show{space}fox")
    assert prompts(relay) == [f"a fox\n%wenwen_image{space}is text", "a hen", "a cat"]
    assert shell.user_ns["hen"].images
