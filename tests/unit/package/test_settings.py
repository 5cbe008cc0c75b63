"""Settings come from option, %config, environment, pyproject.toml and default, each with its source."""

import math
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wenwen_magic.errors import ConfigError
from wenwen_magic.settings import NAMES, Layer, Settings, about, environment, load, project
from wenwen_magic.text.i18n import is_chinese, speak

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)
USABLE = {
    "base_url": ("http://127.0.0.1:1/v1", "http://127.0.0.1:1/v1"),
    "model": (" jimeng-3.0 ", "jimeng-3.0"),
    "orientation": ("portrait", "portrait"),
    "format": ("chat", "chat"),
    "formats": ("mj-*=midjourney, a=chat", {"mj-*": "midjourney", "a": "chat"}),
    "describe_model": ("reader", "reader"),
    "video_model": ("veo3.1-fast", "veo3.1-fast"),
    "key_in": ("query", "query"),
    "poll_seconds": ("0.5", 0.5),
    "poll_limit": ("60", 60.0),
    "reference_side": ("512", 512),
    "mode": ("replay", "replay"),
    "history": ("pictures", "pictures"),
    "timeout": ("1.5", 1.5),
    "stream": ("yes", True),
    "confirm_above": ("0", 0),
    "session_limit": ("7", 7),
    "embed": ("yes", True),
    "clip_counts": ("8", 8),
    "budget": ("2.5", 2.5),
    "prices": ("a=0.1, gpt-*=2", {"a": 0.1, "gpt-*": 2.0}),
    "currency": (" 元 ", "元"),
    "styles": ('{"ink": "{prompt}, ink, sumi-e"}', {"ink": "{prompt}, ink, sumi-e"}),
    "concurrency": ("2", 2),
    "max_mib": ("3", 3),
    "max_megapixels": ("4", 4),
    "trusted_hosts": ("a:1, b,", ("a:1", "b")),
    "ui": ("off", False),
    "lang": ("zh", "zh"),
}


def refused(**values):
    with pytest.raises(ConfigError) as caught:
        load(Layer("the place", values))
    return caught.value


def pyproject(folder, text):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(text, "utf-8")
    return folder


def test_every_setting_is_known_to_these_tests():
    assert set(USABLE) == set(NAMES)


def test_without_layers_all_is_default_and_says_so():
    loaded = load()
    assert loaded.settings == Settings()
    assert set(loaded.sources) == set(NAMES)
    assert set(loaded.sources.values()) == {"default"}


def test_every_default_would_be_accepted_if_it_were_typed():
    assert load(Layer("x", vars(Settings()))).settings == Settings()


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_can_be_set_by_a_variable_of_the_environment(name):
    text, value = USABLE[name]
    loaded = load(environment({f"WENWEN_{name.upper()}": text}))
    found = getattr(loaded.settings, name)
    assert (found, type(found)) == (value, type(value))
    assert loaded.sources[name] == "environment"


def test_every_setting_says_what_it_is():
    assert all(len(about(name)) > 5 for name in NAMES)


def test_the_first_layer_that_gives_a_setting_wins_and_is_named(tmp_path):
    pyproject(tmp_path, "[tool.wenwen]\nmodel = 'p'\nmode = 'live'\ntimeout = 5\nhistory = 'h'\nui = false")
    layers = [
        Layer("option", {"model": "o", "mode": None, "timeout": None}),
        Layer("%config", {"model": "c", "mode": "replay", "timeout": None, "history": None}),
        environment({"WENWEN_MODEL": "e", "WENWEN_MODE": "cache", "WENWEN_TIMEOUT": "7"}),
        project(tmp_path),
    ]
    loaded = load(*layers)
    found = {
        name: (getattr(loaded.settings, name), loaded.sources[name])
        for name in ("model", "mode", "timeout", "history", "ui", "stream")
    }
    assert found == {
        "model": ("o", "option"),
        "mode": ("replay", "%config"),
        "timeout": (7.0, "environment"),
        "history": ("h", "pyproject.toml"),
        "ui": (False, "pyproject.toml"),
        "stream": (False, "default"),
    }


def test_an_empty_variable_and_other_variables_are_not_settings():
    loaded = load(
        environment({"WENWEN_MODEL": "", "WENWEN_API_KEY": "sk-1234567", "WENWEN_SOMETHING": "x", "MODEL": "y"})
    )
    assert loaded.settings == Settings()


@pytest.mark.parametrize("word", ["1", "true", "True", "YES", " on "])
def test_many_words_mean_yes(word):
    assert load(Layer("x", {"stream": word})).settings.stream is True


@pytest.mark.parametrize("word", ["0", "false", "False", "NO", "off", False])
def test_many_words_mean_no(word):
    assert load(Layer("x", {"ui": word})).settings.ui is False


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mode", "sometimes"),
        ("orientation", "diagonal"),
        ("lang", "xx"),
        ("timeout", "soon"),
        ("timeout", 0),
        ("timeout", math.nan),
        ("timeout", math.inf),
        ("timeout", 10**400),
        ("session_limit", -1),
        ("session_limit", math.inf),
        ("session_limit", "1.5"),
        ("session_limit", "9" * 5000),
        ("session_limit", [1]),
        ("max_mib", 0),
        ("stream", "perhaps"),
        ("ui", 2),
        ("model", " "),
        ("model", ["a", "b"]),
        ("base_url", ""),
        ("trusted_hosts", 5),
    ],
    ids=lambda value: str(value)[:20],
)
def test_an_unusable_value_is_an_error_that_names_setting_place_and_what_it_should_be(name, value):
    error = refused(**{name: value})
    assert name in error.what
    assert "the place" in error.why
    assert about(name) in error.do
    assert error.charged == "no"
    assert len(str(error)) < 2500


def test_a_number_of_pictures_is_never_rounded():
    """A limit on money that says 1.9 is a slip, and not 1."""
    assert "session_limit" in refused(session_limit=1.9).what


def test_an_unknown_setting_names_the_nearest_and_its_place():
    error = refused(sesion_limit=5)
    assert "'sesion_limit'" in error.what
    assert error.do == "Did you mean session_limit?"
    assert "the place" in error.why


def test_a_key_among_the_settings_is_refused_without_being_repeated():
    assert "sk-1234567" not in str(refused(api_key="sk-1234567"))


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("values", [{"mode": "x"}, {"timeout": 0}, {"ui": "x"}, {"model": " "}, {"mod": "x"}])
def test_every_refusal_comes_in_both_languages(values, language):
    speak(language)
    error = refused(**values)
    assert all(is_chinese(line) == (language == "zh") for line in (error.what, error.why, error.do))
    assert language == "en" or "(" not in error.do  # which held words in English


@given(name=st.sampled_from(NAMES), value=ANYTHING)
@settings(max_examples=150, deadline=None)
def test_any_value_is_taken_or_refused_and_never_breaks(name, value):
    try:
        loaded = load(Layer("x", {name: value}))
    except ConfigError as error:
        assert name in error.what  # noqa: PT017  either is a fair answer
    else:
        default = getattr(Settings(), name)
        assert type(getattr(loaded.settings, name)) in ({type(default)} if default is not None else {float, type(None)})


def test_tables_of_several_places_are_put_together_and_the_first_place_wins():
    near, far = Layer("near", {"prices": {"a": 1}}), Layer("far", {"prices": {"a": 5, "b": 2}})
    assert load(near, far).settings.prices == {"a": 1.0, "b": 2.0}


@pytest.mark.parametrize("wrong", [{"a": "cheap"}, {"a": -1}, {"a": None}, "a", "a=", 3, ["a=1"]])
def test_a_price_that_is_no_number_is_refused(wrong):
    error = refused(prices=wrong)
    assert "prices" in error.what
    assert "iterable" not in error.do


@pytest.mark.parametrize("wrong", [{"ink": "no place for it"}, "{prompt}", "[1]", 3, {"ink": 3}])
def test_a_style_without_a_place_for_the_prompt_is_refused(wrong):
    assert "styles" in refused(styles=wrong).what


def test_a_pyproject_may_hold_prices_and_styles(tmp_path):
    pyproject(tmp_path, "[tool.wenwen.prices]\n'gpt-4o-image' = 0.4\n[tool.wenwen.styles]\n'水彩' = '{prompt}，水彩'")
    loaded = load(project(tmp_path)).settings
    assert (loaded.prices, loaded.styles) == ({"gpt-4o-image": 0.4}, {"水彩": "{prompt}，水彩"})


def test_the_nearest_pyproject_from_a_folder_upwards_counts(tmp_path):
    pyproject(tmp_path, "[tool.wenwen]\nmodel = 'top'")
    pyproject(tmp_path / "a", "[tool.wenwen]\nmodel = 'middle'")
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    assert load(project(deep)).settings.model == "middle"
    assert load(project(tmp_path)).settings.model == "top"


def test_a_pyproject_without_our_table_sets_nothing(tmp_path):
    pyproject(tmp_path, "[project]\nname = 'x'\n[tool.other]\nmodel = 'no'")
    assert load(project(tmp_path)).settings == Settings()


def test_a_pyproject_may_write_lists_numbers_and_truth_as_toml_does(tmp_path):
    pyproject(tmp_path, "[tool.wenwen]\ntrusted_hosts = ['a', 'b:1']\ntimeout = 5\nui = false\nsession_limit = 3")
    loaded = load(project(tmp_path)).settings
    assert (loaded.trusted_hosts, loaded.timeout, loaded.ui, loaded.session_limit) == (("a", "b:1"), 5.0, False, 3)


def test_an_unknown_setting_in_pyproject_names_the_file_and_the_nearest(tmp_path):
    pyproject(tmp_path, "[tool.wenwen]\nmodell = 'x'")
    with pytest.raises(ConfigError) as caught:
        load(project(tmp_path))
    assert "pyproject.toml" in caught.value.why
    assert caught.value.do == "Did you mean model?"


@pytest.mark.parametrize(
    "text",
    [
        b"[tool.wenwen\n",
        b"a = \xff\n",
        b"tool = 5\n",
        b"[tool]\nwenwen = 'x'\n",
        b"[tool]\nwenwen = ['model']\n",
        b"[[tool.wenwen]]\nmodel = 'x'\n",
        b"x = " + b"9" * 5000,
    ],
    ids=["torn", "not-utf8", "tool-is-a-number", "text", "list", "list-of-tables", "huge-number"],
)
def test_a_pyproject_that_cannot_be_read_is_an_error_that_names_it(tmp_path, text):
    (tmp_path / "pyproject.toml").write_bytes(text)
    with pytest.raises(ConfigError, match=r"pyproject\.toml"):
        load(project(tmp_path))


def test_settings_list_their_names_in_the_order_they_are_shown():
    assert tuple(item.name for item in fields(Settings)) == NAMES


@pytest.mark.parametrize("name", ["budget", "timeout", "session_limit"])
def test_what_is_no_number_is_told_what_it_should_be(name):
    with pytest.raises(ConfigError) as caught:
        load(Layer("here", {name: "y"}))
    assert "a number of at least" in caught.value.do
    assert "convert" not in str(caught.value)


def test_a_price_that_is_no_number_is_told_so():
    with pytest.raises(ConfigError, match="a number of at least 0"):
        load(Layer("here", {"prices": {"x": "y"}}))
