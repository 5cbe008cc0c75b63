"""A magic's line: options in two languages, forgiving punctuation, everything else as typed."""

import copy
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wenwen_magic.errors import ConfigError, WenwenError
from wenwen_magic.formats import FORMATS
from wenwen_magic.notebook.options import TABLE, Options, help_text, read
from wenwen_magic.text.i18n import is_chinese, speak

NAMES = [name for option in TABLE for name in option.names]

EXAMPLES = {
    "model": (("-m", "--model", "--模型"), "jimeng-3.0", ("jimeng-3.0",)),
    "orientation": (("-o", "--orientation", "--方向"), "横屏", "landscape"),
    "size": (("--size", "--尺寸"), "2k", "auto 2K"),
    "count": (("-n", "--count", "--张数"), "3", 3),
    "ref": (("--ref", "--参考"), "cat.png", ("cat.png",)),
    "mask": (("--mask", "--蒙版"), "hole.png", "hole.png"),
    "task": (("--task", "--任务"), "blend", "blend"),
    "style": (("--style", "--风格"), "水彩", "水彩"),
    "grid": (("--grid", "--网格"), "model=a;b", ("model=a;b",)),
    "for_": (("--for", "--对"), "animal=猫;狗", ("animal=猫;狗",)),
    "blind": (("--blind", "--盲评"), None, True),
    "from_": (("--from", "--来自"), "prompts.txt", "prompts.txt"),
    "budget": (("--budget", "--预算"), "2.5", 2.5),
    "seconds": (("--seconds", "--秒数"), "8", 8.0),
    "embed": (("--embed", "--内嵌"), None, True),
    "fresh": (("--fresh", "--重画"), None, True),
    "take": (("--take", "--第几张"), "2", 2),
    "dry_run": (("--dry-run", "--预览"), None, True),
    "mode": (("--mode", "--模式"), "replay", "replay"),
    "format": (("--format", "--格式"), "chat", "chat"),
    "param": (("--param", "--参数"), "seed=7", (("seed", 7),)),
    "timeout": (("--timeout", "--超时"), "1.5", 1.5),
    "stream": (("--stream", "--流式"), None, True),
    "background": (("--background", "--后台"), None, True),
    "json": (("--json", "--数据"), None, True),
    "improve": (("--improve", "--改进"), None, True),
    "no_ui": (("--no-ui", "--无控件"), None, True),
    "quiet": (("-q", "--quiet", "--安静"), None, True),
    "raw": (("--raw", "--原样"), None, True),
    "yes": (("-y", "--yes", "--确认"), None, True),
    "help": (("-h", "--help", "-?", "--帮助"), None, True),
}
TYPED = [(name, option) for option, (names, _, _) in EXAMPLES.items() for name in names]
VALUED = [(name, option) for name, option in TYPED if EXAMPLES[option][1] is not None]
FLAGS = [(name, option) for name, option in TYPED if EXAMPLES[option][1] is None]
PIECES = st.sampled_from(
    [
        *NAMES,
        *"='\"\\ \u3000\n，、",
        "--",
        "{{",
        "}}",
        "a,b",
        "横屏",
        "3",
        "３",
        "x=1",
        "-5",
        "nan",
        "--x",
        "a cat",
        "-z",
    ]
)
LINES = st.text() | st.lists(PIECES, max_size=8).map("".join) | st.lists(PIECES, max_size=8).map(" ".join)


DEFAULTS = vars(Options())


def given_on(line, fill=str):
    """The options on a line, by name."""
    return {
        name: value for name, value in vars(read(line, fill)).items() if name != "words" and value != DEFAULTS[name]
    }


def refused(line):
    with pytest.raises(ConfigError) as caught:
        read(line)
    return caught.value


@pytest.mark.parametrize(
    ("magic", "typed", "meant"),
    [
        ("wenwen_video", "--duration 8", "--seconds"),
        ("wenwen_video", "--时长 8", "--秒数"),
        ("wenwen_image", "--ar 16:9", "--orientation"),
        ("wenwen_image", "--比例 16:9", "--方向"),
        ("wenwen_image", "--number=2", "--count"),
        ("wenwen_image", "--图片 fox", "--参考"),
        ("wenwen_image", "--foreach a=b;c", "--for"),
        ("wenwen_image", "--modle x", "--model"),
        ("wenwen_image", "--风各 x", "--风格"),
        ("wenwen_image", "--dry_run", "--dry-run"),
        ("wenwen_image", "-N 2", "-n"),
        ("wenwen_ask", "--josn", "--json"),
        ("wenwen_image", "--josn", ""),  # it takes none
        ("wenwen_ask", "--orientaton 16:9", ""),
        ("wenwen_image", "--quality high", ""),
        ("wenwen_image", "--seed 7", ""),
        ("wenwen_image", "--循 x", ""),
    ],
)
def test_an_unknown_option_names_one_of_the_magic_that_means_the_same_or_is_spelt_alike(magic, typed, meant):
    with pytest.raises(ConfigError) as caught:
        read(typed, magic=magic)
    assert caught.value.do.startswith(f"Did you mean {meant}?" if meant else "-h lists the options.")


def test_every_option_is_known_to_these_tests():
    assert set(EXAMPLES) == {option.destination for option in TABLE} == set(DEFAULTS) - {"words"}
    assert {name for name, _ in TYPED} == set(NAMES)
    assert len(NAMES) == len(set(NAMES))


def test_every_option_has_a_name_in_each_language():
    for names, _, _ in EXAMPLES.values():
        assert any(name.isascii() and name.startswith("--") for name in names)
        assert any(is_chinese(name) for name in names)


@pytest.mark.parametrize("line", ["{} {}", "{}={}", "{}   {}", '{} "{}"', "{}='{}'", "猫 {} {} 狗"])
def test_every_option_with_a_value_is_read_under_each_of_its_names(line):
    for name, option in VALUED:
        _, value, meant = EXAMPLES[option]
        assert given_on(line.format(name, value)) == {option: meant}


@pytest.mark.parametrize("line", ["{}", "猫 {} 狗", "{0} {0}"])
def test_every_option_without_a_value_is_read_under_each_of_its_names(line):
    for name, option in FLAGS:
        assert given_on(line.format(name)) == {option: True}


@pytest.mark.parametrize(
    ("meant", "words"),
    [
        ("landscape", ("landscape", "横屏", "横版", "横", "LANDSCAPE", "ｌａｎｄｓｃａｐｅ")),
        ("portrait", ("portrait", "竖屏", "竖版", "竖", "Portrait")),
        ("square", ("square", "方", "方形", "正方形")),
        ("auto", ("auto", "自动")),
    ],
)
def test_an_orientation_is_understood_in_both_languages(meant, words):
    assert {read(f"-o {word}").orientation for word in words} == {meant}


@pytest.mark.parametrize(
    ("line", "given"),
    [
        ("-n ３", {"count": 3}),
        ("-n=３", {"count": 3}),
        ("-n\u3000３", {"count": 3}),
        ("-m a，b", {"model": ("a", "b")}),
        ("-m a、b", {"model": ("a", "b")}),
        ("-m ａ，ｂ", {"model": ("a", "b")}),
        ("--timeout ６０．５", {"timeout": 60.5}),
        ("--take ２", {"take": 2}),
        ("--mode ｌｉｖｅ", {"mode": "live"}),
        ("--format ｃｈａｔ", {"format": "chat"}),
        ("-o “横屏”", {"orientation": "landscape"}),
        ("--seconds 8", {"seconds": 8.0}),
        ("--seconds 8s", {"seconds": 8.0}),
        ("--秒数 ２.5秒", {"seconds": 2.5}),
        ("-m ‘a’", {"model": ("a",)}),
        ("-o ＂横屏＂", {"orientation": "landscape"}),
        ("--param seed＝７", {"param": (("seed", 7),)}),
    ],
)
def test_full_width_letters_and_punctuation_in_a_value_are_forgiven(line, given):
    assert read(line) == Options(**given)


def test_a_path_keeps_the_punctuation_it_has():
    assert read("--ref 猫，狗（１）.png").ref == ("猫，狗（１）.png",)


@pytest.mark.parametrize("line", ["-m a,b -m c", "-m a -m b,c", '-m "a, b" -m c', "-m a,,b,c,", "--模型 a,b --model=c"])
def test_models_named_in_any_way_are_one_list_in_order(line):
    assert read(line).model == ("a", "b", "c")


@pytest.mark.parametrize("line", ["-m a, b", "-m a ,b", "-m a， b"])
def test_a_space_beside_the_comma_does_not_lose_a_model(line):
    """``%%wenwen_image -m a, b`` would draw with ``a`` alone and put the picture into a variable ``b``."""
    assert read(line) == Options(model=("a", "b"))


@pytest.mark.parametrize("line", ["-m a,b, -q", "-m a, b， —q", "-m a,b, --安静"])
def test_bug_a_comma_behind_the_last_model_took_the_next_option_for_a_model(line):
    assert read(line) == Options(model=("a", "b"), quiet=True)


def test_references_and_params_may_be_repeated():
    assert read("--ref a --参考 b --ref a").ref == ("a", "b", "a")
    assert read("--param a=1 --param b=x").param == (("a", 1), ("b", "x"))


def test_of_an_option_that_is_said_twice_the_last_counts():
    assert given_on("-n 2 -o 横屏 -n 3 --方向 竖屏") == {"count": 3, "orientation": "portrait"}


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("7", 7),
        ("-1", -1),
        ("0.5", 0.5),
        ("1e3", 1000.0),
        ("true", True),
        ("false", False),
        ("null", None),
        ("1024x1024", "1024x1024"),
        ("high", "high"),
        ("a=b", "a=b"),
        ("", ""),
        ('"two words"', "two words"),
    ],
)
def test_a_param_that_reads_as_a_number_or_a_truth_is_one(typed, value):
    ((name, got),) = read(f"--param p={typed}").param
    assert (name, got, type(got)) == ("p", value, type(value))


@pytest.mark.parametrize("typed", ["nan", "inf", "-inf", "Infinity", "NaN", "1e999", "9" * 5000])
def test_a_param_that_json_has_no_number_for_stays_text(typed):
    assert read(f"--param p={typed}").param == (("p", typed),)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", ""),
        ("   ", ""),
        ("画一只猫", "画一只猫"),
        ("a  cat,   watercolour", "a  cat,   watercolour"),
        ("-o 横屏 画  一只猫 -n 2", "画  一只猫"),
        ("画 -q 猫", "画 猫"),
        ('{"subject": {"animal": "cat", "n": -1}}', '{"subject": {"animal": "cat", "n": -1}}'),
        ("at -10 degrees, 5-6 cats - or --- more", "at -10 degrees, 5-6 cats - or --- more"),
        ("a half-timbered house -5", "a half-timbered house -5"),
        ("it's", "it's"),
        ('he said "no -q"', 'he said "no -q"'),
        ("'-n 3'", "'-n 3'"),
        ("{{ names['-n 3'] }} cat", "{{ names['-n 3'] }} cat"),
        ("a\\b \\n c", "a\\b \\n c"),
        ("“a cat”", "“a cat”"),
        ("C:\\cats -q", "C:\\cats"),
        ("画一只-o横屏猫", "画一只-o横屏猫"),
    ],
)
def test_words_that_are_no_options_are_kept_as_typed(line, words):
    assert read(line).words == words


def test_after_two_dashes_nothing_is_an_option():
    assert read("-q -- a --cat -n 2") == Options("a --cat -n 2", quiet=True)
    assert read("a -- -- b").words == "a -- b"


@pytest.mark.parametrize(
    "line", ["it's a dog's life -o portrait", "it's -o portrait, isn't it", 'a 12" -o portrait 7" disc']
)
def test_an_apostrophe_inside_a_word_opens_no_quote(line):
    assert read(line).orientation == "portrait"


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("'my cat.png'", "my cat.png"),
        ('"my cat.png"', "my cat.png"),
        ("it's.png", "it's.png"),
        ('"it\'s.png"', "it's.png"),
        ("https://a/b.png?x=1&y=2#z", "https://a/b.png?x=1&y=2#z"),
        ("#a1b2c3", "#a1b2c3"),
        ("Out[3]", "Out[3]"),
        ("C:\\cats\\new.png", "C:\\cats\\new.png"),
        ('"C:\\my cats\\new.png"', "C:\\my cats\\new.png"),
        ("my\\ cat.png", "my cat.png"),
    ],
)
def test_a_value_loses_its_quotes_and_nothing_else(typed, value):
    assert read(f"--ref {typed} -q") == Options(ref=(value,), quiet=True)


@pytest.mark.parametrize(
    ("line", "given"), [("-n3", {"count": 3}), ("-n３", {"count": 3}), ("-o横屏", {"orientation": "landscape"})]
)
def test_a_value_may_stick_to_a_short_option_as_everywhere_else(line, given):
    assert read(f"猫 {line}") == Options("猫", **given)


@pytest.mark.parametrize(
    ("line", "nearest"),
    [
        ("--modell x", "--model"),
        ("-model x", "--model"),
        ("--orientaton 方", "--orientation"),
        ("--refs a", "--ref"),
        ("--dry_run", "--dry-run"),
        ("--Fresh", "--fresh"),
        ("--张 3", "--张数"),
        ("--orient=方", "--orientation"),
        ("猫 --frash", "--fresh"),
    ],
)
def test_an_unknown_option_stops_and_names_the_nearest(line, nearest):
    error = refused(line)
    assert f" {nearest}?" in error.do
    assert " -- " in error.do


@pytest.mark.parametrize("line", ["-N 3", "-z", "猫 -c", "-count 3"])
def test_an_unknown_short_option_stops_too_and_is_not_painted(line):
    assert refused(line).do


def test_the_value_of_an_unknown_option_is_not_repeated():
    assert "secret" not in str(refused("--api-key=secret-0123456789"))


@pytest.mark.parametrize(
    ("line", "named", "helped"),
    [
        ("-o landsacpe", "landsacpe", "landscape"),
        ("-o 横平", "横平", "横"),
        ("-o ''", "''", "landscape"),
        ("--mode cach", "cach", "cache"),
        ("--mode x", "x", "replay"),
        ("--mode offline", "offline", "replay"),
    ],
)
def test_an_unknown_value_is_named_with_the_nearest_that_is_known(line, named, helped):
    error = refused(line)
    assert named in error.what
    assert helped in error.do


@pytest.mark.parametrize("value", ["0", "-1", "x", "''", "nan", "inf", "二", "-0.0", "9e9e9"])
def test_a_number_that_is_none_or_not_above_zero_is_refused(value):
    for option in ("-n", "--take", "--timeout"):
        assert "above zero" in refused(f"{option} {value}").what


@pytest.mark.parametrize("value", ["1.5", "inf", "1e3", "9" * 5000], ids=["half", "inf", "e", "huge"])
def test_a_count_is_a_whole_number_and_a_silly_one_does_not_fill_the_screen(value):
    assert len(str(refused(f"-n {value}"))) < 2500


@pytest.mark.parametrize("line", ["--param seed", "--param =7", "--param ''", "--param ' =7'"])
def test_a_param_without_name_or_value_is_refused_with_an_example(line):
    assert "seed=7" in refused(line).do


@pytest.mark.parametrize("name", ["seed", "quality"])
def test_what_may_be_a_parameter_of_the_model_is_told_how_to_pass_it(name):
    assert f"--param {name}=…" in refused(f"--{name} 7").do


@pytest.mark.parametrize("line", ["{}", "猫 {}", "{} -q", "{} --", "{} --fresh"])
def test_an_option_whose_value_is_missing_is_named(line):
    for name, _ in VALUED:
        assert name in str(refused(line.format(name)))


@pytest.mark.parametrize("value", ["", "1", "yes", "false", "y", "qy"])
def test_an_option_that_takes_no_value_is_named_when_it_is_given_one(value):
    """``-q=y`` must not come to mean ``-q -y``: that would be a yes to paying."""
    for name, _ in FLAGS:
        assert name in str(refused(f"{name}={value}"))


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    "line", ["--modle x", "-o x", "--mode x", "-n x", "--param x", "-m", "-n -q", "--fresh=yes", "--ref"]
)
def test_every_refusal_speaks_the_language_of_the_reader_in_every_line(line, language):
    speak(language)
    error = refused(line)
    said = [words for words in (error.what, error.why) if words]
    for name in NAMES:
        said = [words.replace(name, "") for words in said]
    assert [is_chinese(words) for words in said] == [language == "zh"] * len(said)
    assert error.do
    assert error.charged == "no"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_help_lists_every_option_a_line_each_in_the_language_of_the_reader(language):
    speak(language)
    head, *lines = help_text("%%wenwen_image").splitlines()
    every = [line for magic in ("%%wenwen_ask", "%%wenwen_video") for line in help_text(magic).splitlines()[1:]]
    more = [line for line in every if line not in lines]
    assert [line.split()[0] for line in more] == ["--json,", "--size,", "--ref,", "--seconds,", "--embed,"]
    of_clips = ("--size", "--ref")  # a clip's sides in pixels, its frames
    lines += [line for line in more if not line.lstrip().startswith(of_clips)]
    assert head.startswith("%%wenwen_image [")
    assert "{{" in head
    assert "{{{" not in head
    assert len(lines) == len(TABLE)
    assert set(NAMES) == {
        name for line in lines for name in line[:38].replace(",", " ").split() if name.startswith("-")
    }
    assert all(is_chinese(line[38:]) == (language == "zh") for line in lines if line[38:].isascii() or language == "zh")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_help_names_every_wire_format(language):
    speak(language)
    [line] = [line for line in help_text("%%wenwen_image").splitlines() if "--format" in line]
    assert [name for name in FORMATS if name not in line] == []


def fill(text):
    return text.replace("{{x}}", "-n 5 '{{y}}' --fresh")


@pytest.mark.parametrize("line", ["--param a={{x}}", "--param 'a={{x}}'", "--param=a={{x}}", '--param "a={{x}}"'])
def test_a_value_put_in_is_one_value_whatever_it_holds_and_is_not_read_again(line):
    assert read(line, fill) == Options(param=(("a", "-n 5 '{{y}}' --fresh"),))


@pytest.mark.parametrize("value", ["-cat.png", "--fresh", "--", "-5", "", "a b", "'", "-n"])
def test_a_value_put_in_is_never_taken_for_an_option(value):
    assert read("--style {{path}}x", lambda _: value + "x") == Options(style=(value + "x").strip())
    assert read("--ref {{path}}", lambda _: value) == Options(ref=("{{path}}",))  # filled in where pictures are read


def test_an_expression_with_spaces_and_quotes_is_one_piece():
    seen = []
    read("--style {{ d[ 'a b' ] }} 猫", lambda text: seen.append(text) or "v")
    assert seen == ["{{ d[ 'a b' ] }}"]


def test_values_are_put_into_options_only_the_words_wait_for_the_prompt():
    assert read("-n {{n}} 画{{n}}只猫", lambda text: text.replace("{{n}}", "2")) == Options("画{{n}}只猫", count=2)


def test_an_option_that_was_not_given_is_false_empty_or_none_and_one_that_does_not_exist_is_an_error():
    given = read("-q")
    assert (given.quiet, given.fresh, given.model, given.count) == (True, False, (), None)
    with pytest.raises(AttributeError):
        given.nonsense  # noqa: B018


def test_options_can_be_copied_and_pickled():
    given = read("-n 2 猫")
    assert copy.copy(given) == copy.deepcopy(given) == pickle.loads(pickle.dumps(given)) == given


@given(LINES)
@settings(max_examples=100, deadline=None)
def test_any_line_gives_options_or_an_error_of_ours(line):
    try:
        got = read(line)
    except WenwenError as error:
        assert error.what  # noqa: PT017  either is a fair answer
        assert error.do  # noqa: PT017
    else:
        assert got.words in line or got != Options(got.words) or "--" in line


@given(st.text(st.characters(blacklist_characters="-'\"{}\\"), max_size=60))
@settings(max_examples=60, deadline=None)
def test_a_line_without_dashes_and_quotes_is_all_words(line):
    assert read(line) == Options(line.strip())


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="-'\"{}\\")).filter(str.strip))
@settings(max_examples=60, deadline=None)
def test_a_quoted_value_arrives_as_it_was_typed(value):
    for quote in "'\"":
        assert read(f"--ref {quote}{value}{quote}").ref == (value,)


PROMPTS = {
    "-o landscape 24/7 diner sign at night": ("landscape", "24/7 diner sign at night"),
    "-o square 2x2 grid of cats": ("square", "2x2 grid of cats"),
    "-o portrait 3x4 grid": ("portrait", "3x4 grid"),
    "-o auto 16:9 monitor": ("auto", "16:9 monitor"),
    "-o 自动 16:9 的显示器": ("auto", "16:9 的显示器"),
    "-o landscape 9:41 on a phone's clock": ("landscape", "9:41 on a phone's clock"),
    "-o 横屏 1920x1081x2 pixels": ("landscape", "1920x1081x2 pixels"),
    "-o 竖屏 1536x1024 的屏幕": ("portrait", "1536x1024 的屏幕"),
    "-o 16:9 4:3 monitors": ("16:9", "4:3 monitors"),
    "-o 1:1 16:9 and 4:3 frames": ("1:1", "16:9 and 4:3 frames"),
    "-o 横屏 0:0 score": ("landscape", "0:0 score"),
    "-o 横屏 16:9 4:3 monitors": ("16:9", "4:3 monitors"),
    "-o 横屏 16：9 一只猫": ("16:9", "一只猫"),
    "-o portrait 9:16 a cat": ("9:16", "a cat"),
    "-o square 1:1 a cat": ("1:1", "a cat"),
}


@pytest.mark.parametrize("line", PROMPTS)
def test_words_of_the_prompt_do_not_disappear_into_the_orientation_before_them(line):
    given = read(line)
    assert (given.orientation, given.words) == PROMPTS[line]
