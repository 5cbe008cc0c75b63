"""The demo's pictures: sizes, sameness, difference, references."""

import io

import pytest
from PIL import Image, ImageChops, ImageStat

from wenwen_magic.demo.paint import paint, shrink
from wenwen_magic.demo.plan import dice, orientation_of, plan


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def difference(one: bytes, other: bytes) -> float:
    return sum(ImageStat.Stat(ImageChops.difference(opened(one), opened(other))).mean)


def file_of(colour: tuple[int, ...], size: tuple[int, int] = (300, 200), kind: str = "PNG", mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, colour).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize(
    ("words", "size"),
    [
        ("画一只猫", (1024, 1024)),
        ("画一只猫，横屏", (1536, 1024)),
        ("a cat, landscape composition", (1536, 1024)),
        ("画一只猫，竖版", (1024, 1536)),
        ("a cat, portrait composition", (1024, 1536)),
        ("a cat, square composition", (1024, 1024)),
    ],
)
def test_the_prompts_words_decide_about_the_size(words, size):
    picture = opened(paint(words))
    assert (picture.format, picture.size) == ("PNG", size)


def test_the_last_word_about_orientation_wins():
    assert orientation_of("a portrait of a queen, landscape composition") == "landscape"
    assert orientation_of("横屏的反面是竖屏") == "portrait"


def test_an_orientation_given_beats_the_words():
    assert opened(paint("a cat, landscape", "portrait")).size == (1024, 1536)


def test_an_unknown_orientation_is_refused():
    with pytest.raises(KeyError):
        paint("a cat", "diagonal")


def test_the_same_words_give_the_same_bytes():
    assert paint("a boat at sea") == paint("a boat at sea")


def test_a_variant_and_another_hand_give_other_pictures():
    first = paint("a boat at sea")
    assert difference(first, paint("a boat at sea", variant=1)) > 3
    assert difference(first, paint("a boat at sea", hand="jimeng-3.0")) > 3


def test_orientation_words_leave_the_scene_as_it_is():
    plain, wide = (plan(words, dice(words)) for words in ("一只猫", "一只猫，横屏"))
    assert plain == wide


@pytest.mark.long
def test_different_prompts_look_clearly_different():
    words = [
        "一只猫",
        "a dog",
        "夜晚的城市",
        "锦鲤",
        "雪山",
        "a boat at sunset",
        "a house in winter",
        "flowers",
        "红色的狐狸",
    ]
    pictures = [paint(each) for each in words]
    pairs = [(a, b) for i, a in enumerate(pictures) for b in pictures[:i]]
    assert min(difference(a, b) for a, b in pairs) > 12


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("猫", "cat"), ("two cats", "cat"), ("狗", "dog"), ("a fox", "fox"), ("鱼", "fish"), ("鸟", "bird"), ("树", "tree"),
        ("flower", "flower"), ("山", "mountain"), ("the sea", "sea"), ("城市", "city"), ("houses", "house"), ("月亮", "moon"),
        ("帆船", "boat"), ("夜", "night"), ("雪", "winter"), ("RABBIT", "rabbit"),
    ],
)  # fmt: skip
def test_chinese_and_english_words_are_understood(words, name):
    assert name in plan(words, dice(words)).words


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("大熊猫", "cat"),
        ("猫头鹰", "cat"),
        ("concatenate", "cat"),
        ("hotdogma", "dog"),
        ("a fallacy", "autumn"),
        ("水彩", "sea"),
    ],
)
def test_words_within_other_words_are_not_taken_for_motifs(words, name):
    assert name not in plan(words, dice(words)).words


def test_a_colour_in_the_prompt_dresses_the_animal():
    middle = [opened(paint(words)).resize((64, 64)) for words in ("a black cat", "a white cat")]
    dark, light = (ImageStat.Stat(picture.crop((24, 44, 40, 56)).convert("L")).mean[0] for picture in middle)
    assert light - dark > 40


@pytest.mark.parametrize("words", ["", "!!!", "\ud800", "🐈", "a" * 20_000, "[demo]", "\x00"])
def test_any_words_can_be_painted(words):
    assert opened(paint(words)).size == (1024, 1024)


@pytest.mark.parametrize(
    "words", ["画一只橘猫", "a mountain lake at dawn", "锦鲤", "flowers in front of a house", "夜晚的森林"]
)
def test_a_square_picture_stays_below_six_hundred_and_fifty_kilobytes(words):
    assert len(paint(words)) < 650_000


def test_a_reference_is_visible_in_the_picture():
    plain, with_one = paint("a cat"), paint("a cat", references=[file_of((255, 0, 200))])
    pink = [colour for colour in opened(with_one).getcolors(1 << 20) if colour[1][0] > 220 and colour[1][1] < 50]
    assert sum(count for count, _ in pink) > 50_000
    assert not [colour for colour in opened(plain).getcolors(1 << 20) if colour[1][0] > 220 and colour[1][1] < 50]


def test_several_references_are_all_shown():
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]
    picture = opened(paint("画", references=[file_of(colour) for colour in colours]))
    for colour in colours:
        close = [
            n
            for n, found in picture.getcolors(1 << 20)
            if max(abs(a - b) for a, b in zip(found, colour, strict=True)) < 45
        ]
        assert sum(close) > 10_000, colour


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_reference_may_have_any_usual_format_and_is_made_small(kind):
    small = opened(shrink(file_of((10, 20, 30), (3000, 1500), kind)))
    assert (small.format, small.size) == ("JPEG", (640, 320))


def test_a_small_reference_stays_as_it_is():
    once = shrink(file_of((10, 20, 30), (3000, 1500)))
    assert shrink(once) == once


def test_a_transparent_reference_gets_paper_beneath_it():
    small = opened(shrink(file_of((0, 0, 0, 0), mode="RGBA")))
    assert min(small.getpixel((5, 5))) > 220


def test_what_is_no_picture_is_refused():
    for file in (b"", b"no picture", file_of((1, 2, 3))[:60]):
        with pytest.raises(ValueError, match="not a picture"):
            shrink(file)


def test_a_huge_reference_is_refused_before_it_is_unpacked():
    with pytest.raises(ValueError, match="too large"):
        shrink(file_of((0,), (8000, 8000), mode="1"))


def test_a_corner_says_demo():
    picture = opened(paint("a dog in the meadow")).convert("L")
    corner = picture.crop((picture.width - 100, picture.height - 54, picture.width - 22, picture.height - 20))
    assert corner.getextrema()[1] > 200
    assert ImageStat.Stat(corner).stddev[0] > 15
