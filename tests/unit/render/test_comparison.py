"""How two generations differ: nothing of either prompt is lost, marks are legible without styles, all is bounded."""

import random
import re
import string
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.html import UNSHOWABLE, Document, read
from support.scripted import png

from wenwen_magic.records import GeneratedImage, Generation, ImageRequest, Reference
from wenwen_magic.render.comparison import (
    Comparison,
    Difference,
    Piece,
    bundle,
    describe_differences,
    diff_html,
    diff_text,
    nearest,
    pieces,
)
from wenwen_magic.text.i18n import speak

CAT = Reference("https://example.com/cat.png", "1f3a" * 16, "cat.png")
OTHER_CAT = replace(CAT, digest="9c2d" * 16)
HOSTILE = "\x00<b>\x1b[31m\ud800\u202e</td></table><script>alert(1)</script>&lt;\n\x9b2J\x08"
# Few letters, so that two texts share much; what is hard to cut; and anything at all.
TEXTS = (
    st.text("ab ,猫\n", max_size=40)
    | st.text("猫狗ab'’ \t\r\n\u0301\u200d👩🏽🇨🇳กิ。", max_size=30)
    | st.text(max_size=40)
)


def make(prompt="a cat", *, size=(1536, 1024), request=None, **more):
    pictures = (GeneratedImage(Path("x.png"), "image/png", *size),) if size else ()
    fields = {"created": "2026-11-22T12:00:00+08:00", "elapsed": 41.2, "take": 1, "model_reported": "m", **more}
    request = request or ImageRequest(prompt)
    return Generation(
        fields.pop("id", "a1b2c3d4"), request, prompt, fields.pop("state", "complete"), pictures=pictures, **fields
    )


def sides(marked):
    return tuple("".join(one.text for one in marked if one.mark != without) for without in ("new", "gone"))


def marks(old, new):
    return diff_text(pieces(old, new))


def differing(old, new):
    return {one.name: (one.old, one.new) for one in Comparison(old, new).differences}


# Pieces


@settings(max_examples=60)
@given(TEXTS, TEXTS)
def test_both_prompts_can_be_read_from_pieces_that_are_few_and_in_order(old, new):
    marked = pieces(old, new)
    assert sides(marked) == (old, new)
    assert all(one.text for one in marked)
    # Each change is what is gone, then what is new, and no white space alone is between two changes.
    assert not re.search("ss|gg|nn|ng", "".join(one.mark[0] for one in marked))
    assert not any(one.mark == "same" and one.text.isspace() for one in marked[1:-1])
    assert pieces(old, old) == ([Piece(old, "same")] if old else [])
    reader = Document(diff_html(marked))
    assert {tag for tag, _ in reader.tags} <= {"del", "ins", "br", "wbr", "span"}
    assert not UNSHOWABLE.search(reader.words)


@pytest.mark.parametrize(
    ("old", "new", "marked"),
    [
        ("画一只猫", "画一只狗", "画一只[-猫-]{+狗+}"),
        ("ねこが歩く", "いぬが歩く", "[-ねこ-]{+いぬ+}が歩く"),
        ("고양이 그림", "강아지 그림", "[-고양이-]{+강아지+} 그림"),
        ("a red cat", "a read cat", "a [-red-]{+read+} cat"),
        ("don't stop", "don’t stop", "[-don't-]{+don’t+} stop"),
        ("seed 12", "seed 123", "seed [-12-]{+123+}"),
        ("a cat", "a big cat", "a {+big +}cat"),
        ("a big cat with a tiny hat", "small dog with a huge boat", "[-a big cat-]{+small dog+} with a [-tiny hat-]{+huge boat+}"),
        ("a red cat, oil, night", "a blue dog, ink, day", "a [-red cat-]{+blue dog+}, [-oil-]{+ink+}, [-night-]{+day+}"),
        ("a cat", "a cat!", "a cat{+!+}"),
        ("one\ntwo\nthree", "one\nthree", "one\n[-two\n-]three"),
        ("a  b", "a b", "a[-  -]{+ +}b"),
        ("cafe\u0301", "cafe", "[-cafe\u0301-]{+cafe+}"),
        ("👩\u200d🚀 flies", "👩\u200d🔬 flies", "[-👩\u200d🚀-]{+👩\u200d🔬+} flies"),
        ("👍🏽", "👍", "[-👍🏽-]{+👍+}"),
        ("🇨🇳", "🇨🇦", "[-🇨🇳-]{+🇨🇦+}"),
        ("สวัสดี ครับ", "สวัสดี ค่ะ", "สวัสดี [-ครับ-]{+ค่ะ+}"),
        ("", "猫", "{+猫+}"),
        ("猫", "", "[-猫-]"),
    ],
)  # fmt: skip
def test_a_difference_is_marked_as_a_person_would_mark_it(old, new, marked):
    assert marks(old, new) == marked


def test_a_short_word_between_long_changes_is_no_island():
    assert marks("远处山坡上开满野花的草地", "近处城市里挤满行人的街道与商店的橱窗").count("[-") == 2
    assert (
        marks(
            "mountains covered in snow the wide valley below", "streets full of people the narrow harbour above"
        ).count("[-")
        == 1
    )


def test_a_space_seen_as_another_space_is_shown_by_its_number():
    assert marks("a\u3000b", "a b") == "a[-U+3000-]{+ +}b"
    assert marks("a", "a\u200b") == "a{+U+200B+}"


DICE = random.Random(1)
HUGE = {
    "repeated": ("xy" * 20_000, "xxyy" * 10_000),
    "spaced": ("x y " * 10_000, "x x y y " * 5_000),
    "few signs": ("的一是不了人我在有他" * 4_000, "他有我人的在一是不了" * 4_000),
    "many signs": tuple("".join(chr(0x4E00 + DICE.randrange(300)) for _ in range(40_000)) for _ in "ab"),
    "nothing shared but commas": (",a" * 20_000, ",b" * 20_000),
    "white space": (" \n" * 20_000, "\n " * 20_000),
    "marks": ("\u0301" * 40_000, "a" + "\u200d" * 39_999),
    "quotes": ("a'" * 20_000, "b'" * 20_000),
    "distinct": (" ".join(map(str, range(7_000))), " ".join(map(str, range(7_000, 0, -1)))),
}


@pytest.mark.parametrize("case", HUGE)
def test_the_longest_prompts_take_no_long_time(case):
    start = time.process_time()
    marked = pieces(*HUGE[case])
    assert time.process_time() - start < 3
    assert sides(marked) == HUGE[case]


@pytest.mark.parametrize("case", ["words", "signs"])
def test_changes_far_apart_in_a_long_prompt_are_marked_apart(case):
    words = (
        [f"word{number % 1500}" for number in range(6_000)]
        if case == "words"
        else [chr(0x4E00 + number % 900) for number in range(6_000)]
    )
    changed = ["X", *words[:3_000], "Y", *words[3_000:], "Z"]
    join = (" " if case == "words" else "").join
    assert [one.text.strip() for one in pieces(join(words), join(changed)) if one.mark == "new"] == ["X", "Y", "Z"]


def test_a_hundred_changes_in_a_hundred_thousand_characters_are_all_found():
    chance = random.Random(2)
    words = [f"w{chance.randrange(3000)}" for _ in range(18_000)]
    places = set(chance.sample(range(1, 18_000, 2), 100))
    changed = [f"X{number}" if number in places else word for number, word in enumerate(words)]
    marked = pieces(" ".join(words), " ".join(changed))
    assert sum(one.mark == "new" for one in marked) == 100


# Forms


def test_marked_html_is_legible_with_all_styles_removed():
    html = diff_html(pieces("画一只猫坐着", "画一只狗坐着"))
    assert re.sub(' style="[^"]*"', "", html) == "画一只<del>[−猫]</del><ins>[+狗]</ins>坐着"
    assert Document(html).words == "画一只[−猫][+狗]坐着"


def test_line_breaks_stay_line_breaks_and_a_changed_one_shows():
    assert Document(diff_html(pieces("a\nb", "a\nc"))).words == "a\n[−b][+c]"
    assert Document(diff_html(pieces("a b", "a\nb"))).words == "a[− ][+¶\n]b"


def test_hostile_words_stay_words():
    marked = pieces(f"a {HOSTILE} b", f"a {HOSTILE[::-1]} b")
    assert "<script>" in Document(diff_html(marked)).words
    for form in (diff_html(marked), diff_text(marked)):
        form.encode()
        assert not UNSHOWABLE.search(form)


# Comparisons


def test_the_prompts_of_two_generations_are_marked():
    assert diff_text(Comparison(make("画一只猫"), make("画一只狗")).prompt) == "画一只[-猫-]{+狗+}"


def test_two_equal_generations_have_no_differences():
    assert Comparison(make(), make()).differences == ()


@pytest.mark.parametrize(
    ("changes", "name", "values"),
    [
        ({"request": ImageRequest("a cat", model="other")}, "model", ("gpt-4o-image", "other")),
        ({"request": ImageRequest("a cat", orientation="横屏")}, "orientation", ("auto", "landscape")),
        ({"request": ImageRequest("a cat", format="images")}, "format", ("chat", "images")),
        ({"request": ImageRequest("a cat", task="clip")}, "task", ("draw", "clip")),
        ({"request": ImageRequest("a cat", params={"seed": 7})}, "param seed", ("none", "7")),
        ({"request": ImageRequest("a cat", params={"seed": None})}, "param seed", ("none", "null")),
        ({"request": ImageRequest("a cat", references=(CAT,))}, "references", ("none", "cat.png 1f3a1f")),
        ({"model_reported": "sora_image"}, "model as reported", ("m", "sora_image")),
        ({"model_reported": ""}, "model as reported", ("m", "unknown")),
        ({"demo": True}, "endpoint", ("unknown", "demo")),
        ({"endpoint": "https://e.example"}, "endpoint", ("unknown", "https://e.example")),
        ({"size": (1024, 1024)}, "size", ("1536×1024", "1024×1024")),
        ({"size": ()}, "size", ("1536×1024", "none")),
        ({"elapsed": 4.26}, "time taken", ("41 s", "4.3 s")),
        ({"elapsed": None}, "time taken", ("41 s", "unknown")),
        ({"price": 0.0}, "price", ("unknown", "0")),
        ({"price": 0.1 + 0.2}, "price", ("unknown", "0.3")),
        ({"take": 2}, "take", ("1", "2")),
        ({"take": 0}, "take", ("1", "none")),
        ({"state": "failed"}, "state", ("complete", "failed")),
        ({"created": "2026-11-23T01:00:00+08:00"}, "day", ("2026-11-22", "2026-11-23")),
    ],
)
def test_one_change_is_one_difference(changes, name, values):
    assert Comparison(make(), make(**changes)).differences == (Difference(name, *values),)


def test_what_is_too_small_to_tell_is_no_difference():
    assert Comparison(make(), make(elapsed=41.3, created="2026-11-22T23:00:00+08:00", id="b1")).differences == ()


def test_one_and_true_and_the_word_one_are_three_values():
    one, true, word = (make(request=ImageRequest("a cat", params={"n": value})) for value in (1, True, "1"))
    assert differing(one, true) == {"param n": ("1", "true")}
    assert differing(one, word) == {"param n": ("1", '"1"')}


def test_the_order_of_a_parameters_keys_is_no_difference():
    first, second = (
        make(request=ImageRequest("a cat", params={"x": value})) for value in ({"a": 1, "b": 2}, {"b": 2, "a": 1})
    )
    assert Comparison(first, second).differences == ()


def test_references_are_listed_in_order_and_apart():
    first, second = (
        make(request=ImageRequest("a cat", references=refs)) for refs in ((CAT, OTHER_CAT), (OTHER_CAT, CAT))
    )
    old, new = differing(first, second)["references"]
    assert (old, new) == ("cat.png 1f3a1f, cat.png 9c2d9c", "cat.png 9c2d9c, cat.png 1f3a1f")


def test_settings_are_listed_before_results():
    new = make(request=ImageRequest("a cat", model="z", params={"seed": 1}), take=2, price=1)
    assert list(differing(make(), new)) == ["model", "param seed", "price", "take"]


def test_a_comparison_speaks_chinese():
    speak("zh")
    new = make(request=ImageRequest("a cat", orientation="portrait", params={"seed": 1}), state="failed", size=())
    assert str(Comparison(make(), replace(new, id="b1c2d3"))).splitlines()[2:] == [
        "方向：自动 → 竖屏",
        "参数 seed：无 → 1",
        "尺寸：1536×1024 → 无",
        "状态：完成 → 失败",
    ]  # fmt: skip


def test_the_text_of_a_comparison_has_ids_prompt_and_differences():
    text = str(Comparison(make("画一只猫"), make("画一只狗", id="d4e5f6a7", take=3)))
    assert text.splitlines() == ["#a1b2c3 → #d4e5f6", "画一只[-猫-]{+狗+}", "take: 1 → 3"]


def test_two_takes_of_one_request_are_called_so():
    assert "The same request, two takes." in str(Comparison(make(), make(id="d4e5f6a7", take=2)))
    assert "The same request" not in str(Comparison(make(), make("a dog", id="d4e5f6a7")))


def test_a_generation_beside_itself_is_called_so():
    assert "one and the same generation" in str(Comparison(make(), make()))


def test_ids_that_begin_alike_or_are_missing_are_numbered():
    assert str(Comparison(make(), make(id="a1b2c3ff"))).startswith("1. #a1b2c3 → 2. #a1b2c3\n")
    assert str(Comparison(make(id=""), make(id=""))).startswith("1. → 2.\n")


def test_the_small_picture_of_a_comparison_is_made_when_it_is_shown():
    asked = []
    comparison = Comparison(make(), make("a dog"), still=lambda: asked.append(1))
    assert (comparison == Comparison(make(), make("a dog")), asked) == (True, [])
    assert (comparison._repr_mimebundle_()["text/plain"], asked) == (str(comparison), [1])


# The bundle


def test_a_bundle_has_pictures_prompt_and_differences_in_this_order(tmp_path):
    (tmp_path / "a.png").write_bytes(png())
    old, new = make("画一只猫"), make("画一只狗", id="d4e5f6a7", take=2)
    pictures = tuple(replace(old.images[0], alt=alt, preview=tmp_path / "a.png") for alt in ("left", "right"))
    both = replace(old, pictures=pictures[:1]), replace(new, pictures=pictures[1:])
    comparison = Comparison(*both, still=lambda: tmp_path / "a.png")
    shown = bundle(comparison)
    reader = read(shown)
    assert (set(shown), shown["text/plain"]) == ({"image/png", "text/html", "text/plain"}, str(comparison))
    assert [image["alt"] for image in reader.named("img")] == ["left", "right"]
    (heads, (prompt,)), differences = reader.tables
    assert [cell.words.partition("\n")[0] for cell in heads] == ["#a1b2c3", "#d4e5f6"]
    assert prompt.words == "画一只[−猫][+狗]"
    assert [[cell.words for cell in row] for row in differences] == [["", "#a1b2c3", "#d4e5f6"], ["take", "1", "2"]]


def test_a_bundle_without_differences_says_why_and_shows_no_empty_table():
    reader = read(bundle(Comparison(make(), make(id="d4e5f6a7"))))
    assert "The same request, two takes." in reader.words
    assert len(reader.tables) == 1


def test_a_key_in_a_prompt_is_not_marked_as_a_difference():
    shown = bundle(Comparison(make("use sk-abcdefghij please"), make("use sk-klmnopqrst please")))
    assert read(shown).tables[0][1][0].words == "use *** please"
    assert not re.search("abcdef|klmnop", shown["text/plain"])


def test_prompts_without_end_leave_the_bundle_small():
    words = " ".join(map(str, range(20_000)))
    shown = bundle(Comparison(make(words), make(words[::-1] + words)))
    assert len(shown["text/html"]) < 110_000
    assert len(shown["text/plain"]) < 10_000


def test_a_value_without_end_is_cut():
    new = make(request=ImageRequest("a cat", params={"x": "y" * 10_000}))
    assert len(str(Comparison(make(), new))) < 400


# The nearest saved request


def test_the_same_prompt_with_other_settings_is_nearer_than_any_other_prompt():
    wanted = ImageRequest("画一只猫，水彩", orientation="landscape", params={"seed": 1})
    same = ImageRequest("画一只猫，水彩", model="other", format="images")
    assert nearest(wanted, [replace(wanted, prompt="画一只猫，水彩。"), same]) is same


def test_of_equal_prompts_the_one_with_most_settings_alike_is_nearest():
    wanted = ImageRequest("a cat", orientation="landscape", params={"seed": 1})
    near = replace(wanted, params={"seed": 2})
    assert nearest(wanted, [ImageRequest("a cat"), near, replace(near, model="other")]) is near


def test_bug_for_an_answer_that_is_not_saved_one_of_json_was_named_as_if_nothing_differed():
    wanted = ImageRequest("ten animals", task="ask")
    assert describe_differences(wanted, replace(wanted, task="ask_json")) == "task: ask here, ask_json there"


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("画一只狗", "画一只猫"),
        ("cats", "cat"),
        ("watercolor of a lighthouse", "watercolour of a light house"),
        ("A flat vector logo for a tea shop, green", "logo for a coffee shop, flat vector, brown"),
        ("Portrait of a man in the rain", None),
        ("霓虹灯", None),
        ("?", None),
    ],
)
def test_the_nearest_prompt_is_found_or_none(wanted, found):
    known = ["画一只猫", "cat", "watercolour of a light house", "logo for a coffee shop, flat vector, brown"]
    near = nearest(ImageRequest(wanted), (ImageRequest(prompt) for prompt in known))
    assert (near and near.prompt) == found


def test_nothing_known_is_nothing_near():
    assert nearest(ImageRequest("a cat"), []) is None


@settings(max_examples=30)
@given(st.text(min_size=1, max_size=40).filter(str.strip))
def test_a_request_is_nearest_to_itself(prompt):
    wanted = ImageRequest(prompt)
    assert nearest(wanted, [ImageRequest(prompt + "!"), replace(wanted)]) == wanted


@pytest.mark.parametrize("case", ["ends alike", "nothing alike", "all alike"])
def test_two_thousand_long_prompts_are_looked_through_quickly(case):
    base = " ".join(f"w{number * 7919 % 3000}" for number in range(1_700))[:10_000]
    rows = {
        "ends alike": [f"{base[:5_000]} {number} {base[5_000:]}" for number in range(2_000)],
        "nothing alike": [chr(0x4E00 + number) + string.ascii_letters[::-1] * 192 for number in range(2_000)],
        "all alike": [base + "!"] * 2_000,
    }
    known = [ImageRequest(prompt, params={"seed": number}) for number, prompt in enumerate(rows[case])]
    start = time.process_time()
    found = nearest(ImageRequest(base), known)
    assert time.process_time() - start < 2
    assert (found is None) == (case == "nothing alike")


# The line about it


def test_the_line_tells_settings_and_prompt():
    wanted = ImageRequest("画一只狗", orientation="landscape")
    assert (
        describe_differences(wanted, ImageRequest("画一只猫"))
        == "orientation: landscape here, auto there; prompt ([-saved-] {+here+}): 画一只[-猫-]{+狗+}"
    )
    speak("zh")
    assert (
        describe_differences(wanted, ImageRequest("画一只猫"))
        == "方向：此处 横屏，已存 自动；提示词（[-已存-]{+此处+}）：画一只[-猫-]{+狗+}"
    )


def test_the_line_tells_every_setting_that_differs():
    wanted = ImageRequest("a cat", model="m", format="images", params={"seed": 7, "hd": True}, references=(CAT,))
    assert describe_differences(wanted, ImageRequest("a cat", params={"seed": 8})).split("; ") == [
        "model: m here, gpt-4o-image there",
        "format: images here, chat there",
        "param seed: 7 here, 8 there",
        "references: cat.png 1f3a1f here, none there",
        "param hd: true here, none there",
    ]


def test_the_line_about_equal_requests_says_so():
    assert describe_differences(ImageRequest("a cat"), ImageRequest("a cat", count=2)) == "nothing differs"


def test_a_long_prompt_is_cut_around_its_changes():
    words = " ".join(f"w{number}" for number in range(500))
    line = describe_differences(ImageRequest(words.replace("w250 ", "changed ")), ImageRequest(words))
    assert "w249 [-w250-]{+changed+} w251" in line
    assert len(line) < 120


def test_a_hidden_difference_is_mentioned_without_what_it_hides():
    line = describe_differences(ImageRequest("a sk-abcdefghij"), ImageRequest("a sk-klmnopqrst"))
    assert line == "prompt: the difference cannot be shown"


@settings(max_examples=50)
@given(TEXTS, TEXTS)
def test_the_line_is_one_line_and_short(there, here):
    line = describe_differences(
        ImageRequest(f"a{here}", params={"x": here}), ImageRequest(f"a{there}", params={"x": there})
    )
    assert len(line.splitlines()) == 1
    assert not UNSHOWABLE.search(line)
    assert len(line) < 1_000


def test_the_line_about_hostile_words_is_one_line():
    wanted = ImageRequest(f"a {HOSTILE}", model=HOSTILE, params={HOSTILE: HOSTILE})
    line = describe_differences(wanted, ImageRequest(f"a {HOSTILE[::-1] * 10}"))
    assert len(line.splitlines()) == 1
    assert not UNSHOWABLE.search(line)


def test_a_comparison_is_equal_to_another_of_the_same_two():
    assert Comparison(make(), make("a dog")) == Comparison(make(), make("a dog")) != Comparison(make(), make("a cow"))


def test_a_long_reason_on_one_side_leaves_room_for_the_names():
    lost = replace(make(), pictures=(), state="failed", error={"what": "no " * 80})
    html = bundle(Comparison(make(), lost))["text/html"]
    assert re.findall(r'<td width="(\d{3})" ', html) == ["120", "310", "310"]
    assert "no no no" in html
