"""Tab completes options and the values of those that have a fixed set."""

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wenwen_magic.formats import FORMATS
from wenwen_magic.notebook import options
from wenwen_magic.notebook.completion import complete
from wenwen_magic.notebook.options import TABLE, Options, read
from wenwen_magic.settings import MODES, Settings

NAMES = [name for option in TABLE for name in option.names]

MODELS = ("gpt-4o-image", "gemini-3-pro-image-preview", "jimeng-3.0")


def known():
    return Settings(model=MODELS[0], styles={"水彩": "{prompt}", "ink": "{prompt}"})


@pytest.fixture(autouse=True)
def _models(monkeypatch):
    monkeypatch.setattr(options, "suggested", lambda: list(MODELS))


def offered(line):
    return complete(f"%%wenwen_image {line}", known, {})[1]


@pytest.mark.parametrize("line", ["", "img ", "-q ", "-m jimeng-3.0 ", "画一只猫 "])
def test_after_a_space_every_option_is_offered(line):
    others = {name for option in TABLE if option.destination in {"seconds", "embed"} for name in option.names}
    assert set(offered(line)) == set(NAMES) - others - {"--json", "--数据"}
    assert others < set(complete(f"%%wenwen_video {line}", known, {})[1])


@pytest.mark.parametrize("magic", ["wenwen_ask", "wenwen_describe"])
def test_bug_models_that_draw_and_options_that_are_refused_were_offered_for_questions(magic):
    assert complete(f"%%{magic} -m ", known, {})[1] == ["gpt-4o"]
    words = set(complete(f"%%{magic} --", known, {})[1])
    assert not words & {"--improve", "--mask", "--task"}
    assert ("--json" in words) == (magic == "wenwen_ask")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--fre", {"--fresh"}),
        ("-q --mod", {"--model", "--mode"}),
        ("--模", {"--模型", "--模式"}),
        ("--方", {"--方向"}),
        ("--nothing", set()),
        ("画猫", set()),
    ],
)
def test_a_word_begun_is_completed_to_options(line, words):
    assert set(offered(line)) == words


@pytest.mark.parametrize("option", ["-m", "--model", "--模型"])
def test_models_are_offered_where_a_model_stands(option):
    assert offered(f"{option} ") == list(MODELS)
    assert offered(f"-q {option} g") == ["gpt-4o-image", "gemini-3-pro-image-preview"]


@pytest.mark.parametrize("option", ["-o", "--orientation", "--方向"])
@pytest.mark.parametrize(("begun", "word"), [("land", "landscape"), ("竖屏", "竖屏"), ("横", "横屏"), ("", "square")])
def test_orientations_are_offered_in_both_languages(option, begun, word):
    assert word in offered(f"{option} {begun}")
    assert "--fresh" not in offered(f"{option} {begun}")


def test_modes_and_formats_are_offered_and_none_is_forgotten():
    assert set(offered("--mode ")) == set(offered("--模式 ")) == set(MODES)
    assert set(offered("--format ")) == set(offered("--格式 ")) == set(FORMATS)


@pytest.mark.parametrize(
    ("line", "words"), [("-m=ji", ["jimeng-3.0"]), ("--model=ji", ["jimeng-3.0"]), ("--mode=l", ["live"])]
)
def test_a_value_behind_an_equals_sign_is_completed_too(line, words):
    """The front end replaces what follows the sign, so the value alone is offered."""
    assert offered(line) == words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("-m jimeng-3.0,ge", ["gemini-3-pro-image-preview"]),
        ("-m a，b、ji", ["jimeng-3.0"]),
        ("-m jimeng-3.0, gp", ["gpt-4o-image"]),
        ("-m=a,gp", ["gpt-4o-image"]),
        ("-m a,", list(MODELS)),
        ("-m a, ", list(MODELS)),
        ("--style a,i", []),
        ("--style ", ["ink", "水彩"]),
    ],
)
def test_a_list_is_completed_after_each_comma_and_only_a_list(line, words):
    assert offered(line) == words


def test_where_a_value_must_stand_no_option_is_offered():
    """Every option with a value, under each of its names: a table of its own would forget one."""
    for option in TABLE:
        for name in option.names:
            for line in (f"{name} ", f"-q {name} --", f"{name}="):
                clips = option.destination in {"seconds", "embed"}
                found = complete(f"%%wenwen_video {line}", known, {})[1] if clips else offered(line)
                assert option.parse is None or not set(found) & set(NAMES), line
                assert option.parse is not None or "-m" in offered(f"{name} ")


def test_what_is_offered_is_understood_when_it_is_typed():
    for option in ("-o", "--mode", "--format", "-m"):
        for word in offered(f"{option} "):
            assert read(f"{option} {word}") != Options()
    assert all(name in str(NAMES) for name in offered("-"))


VARIABLES = {
    "fox": SimpleNamespace(images=("a", "b")),
    "photos": [1, 2, 3],
    "album": {"cat": 1},
    "_": 1,
    "np": pytest,
    "n": 3,
}
PLACES = {
    "%%wenwen_image -m gp": ("gp", ["gpt-4o-image"]),
    "%%wenwen_image -mgp": ("gp", ["gpt-4o-image"]),
    "%%wenwen_image -m GP": ("GP", ["gpt-4o-image"]),
    "％％wenwen_image　-m　gp": ("gp", ["gpt-4o-image"]),
    "# my cat\n\n%%wenwen_image -m gp": ("gp", ["gpt-4o-image"]),
    "%%time\n%%wenwen_image -m gp": ("gp", ["gpt-4o-image"]),
    "x = 1\nfox = %wenwen_image -m gp": ("gp", ["gpt-4o-image"]),
    "if x:\n    %wenwen_image -m gp": ("gp", ["gpt-4o-image"]),
    "%wenwen_describe -m gp": ("gp", ["gpt-4o"]),
    "%%wenwen_ask ideas --js": ("--js", ["--json"]),
    "%%wenwen_ask ideas --数": ("--数", ["--数据"]),
    "said = %wenwen_ask --ref fo": ("fo", ["fox"]),
    "%wenwen hi": ("hi", ["history"]),
    "%wenwen history -m gp": ("gp", ["gpt-4o-image"]),
    "%wenwen show fo": ("fo", ["fox"]),
    "%%wenwen_image --ref fo": ("fo", ["fox"]),
    "%%wenwen_image --ref ": ("", ["fox", "photos", "album", "cat.png", '"my cat.png"', "pictures/"]),
    "%%wenwen_image --ref c": ("c", ["cat.png"]),
    "%%wenwen_image --ref my": ("my", ['"my cat.png"']),
    "%%wenwen_image --mask pictures/": ("pictures/", ["pictures/dog.jpg"]),
    "%%wenwen_image --ref fox.": ("fox.", ["fox.images[0]", "fox.images[1]"]),
    "%%wenwen_image --ref photos[": ("photos[", ["photos[0]", "photos[1]", "photos[2]"]),
    "%%wenwen_image --ref=album[": ("album[", ["album['cat']"]),
    "%%wenwen_image --from p": ("p", ["photos", "pictures/", "prompts.txt"]),
    "%%wenwen_image -o 16": ("16", ["16:9"]),
    "%%wenwen_image --size 2": ("2", ["2K"]),
    "%%wenwen_image --尺寸 4": ("4", ["4K"]),
    "%%wenwen_image --siz": ("--siz", ["--size"]),
    "%%wenwen_image\na cat with np": ("", []),
    "%%wenwen_image fox -q\n--fre": ("", []),
    "%%wenwen_image\na cat in {{ph": ("ph", ["photos"]),
    "%%wenwen_image\na {{fox}} in {{": ("", ["fox", "photos", "album", "np", "n"]),
    "%%wenwen_image\na {{photos[n": ("n", ["np", "n"]),
    "%%wenwen_image\na {{fox}} ph": ("", []),
    "%wenwen_image a cat with {{ph": ("ph", ["photos"]),
    "%wenwen_image a cat with np": ("np", []),
    "%%wenwen_image --for animal={{ph": ("ph", ["photos"]),
    "%%wenwen_image\n{{fox.im": None,  # an attribute: IPython's own
    "%%wenwen_image": None,  # the name itself: IPython's own
    "%wenwen": None,
    "%wenwen_ima": None,
    "x = 1\n%%wenwen_image -m gp": None,  # it is no cell magic there
    "print(1)": None,
    "%matplotlib in": None,
    "'%wenwen hi": None,
    "": None,
}


@pytest.mark.parametrize("before", PLACES)
def test_tab_knows_where_it_is(here, monkeypatch, before):
    """Variables that cannot be meant (numbers, modules) are not offered where a picture is wanted."""
    monkeypatch.chdir(here)
    (here / "pictures").mkdir()
    for name in ("cat.png", "my cat.png", "prompts.txt", "notes.md", "pictures/dog.jpg", ".hidden.png"):
        (here / name).touch()
    assert complete(before, known, VARIABLES) == PLACES[before]


@pytest.mark.parametrize(
    "line", ["", " ", "%%wenwen_image", "\t", "%%wenwen_image --ref 'zz", "%%wenwen_image --ref ~nobody/"]
)
def test_a_line_with_nothing_on_it_breaks_nothing(line):
    assert complete(line, known, {}) in (None, ("'zz", []), ("~nobody/", []))


@given(st.text(min_size=1))
@settings(max_examples=60, deadline=None)
def test_any_line_is_completed_only_by_words_that_begin_like_its_last(line):
    found = complete(f"%%wenwen_image {line}", known, {})
    typed = found and found[0].strip("\"'").casefold()  # a quote that is open counts nothing
    assert found is None or all(word.strip('"').casefold().startswith(typed) for word in found[1])
    assert found is None or line.endswith(found[0])
