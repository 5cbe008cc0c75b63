"""The demo's pictures: sizes, sameness, difference, and what an edit changes."""

import hashlib
import io
import subprocess
import sys
from functools import cache

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageStat

from wenwen_magic.demo import painter
from wenwen_magic.demo.canvas import Canvas
from wenwen_magic.demo.figures import ANIMALS, THINGS
from wenwen_magic.demo.painter import check, opened, paint, within
from wenwen_magic.demo.scene import dice, orientation_of, paint_scene, plan

pytestmark = pytest.mark.usefixtures("small_paint")


def pixels(data: bytes) -> Image.Image:
    return opened(data)[0]


def difference(one: bytes, other: bytes) -> float:
    return sum(ImageStat.Stat(ImageChops.difference(pixels(one), pixels(other))).mean)


def brightness(data: bytes) -> float:
    return ImageStat.Stat(pixels(data).convert("L")).mean[0]


def changed(old: bytes, new: bytes, least: int = 24) -> tuple[int, int, int, int] | None:
    """The box around all pixels that changed clearly."""
    band = ImageChops.difference(pixels(old), pixels(new)).convert("L")
    return band.point([255 * (i > least) for i in range(256)]).getbbox()


def file_of(colour: tuple[int, ...], size: tuple[int, int] = (300, 200), kind: str = "PNG", mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, colour).save(out, kind)
    return out.getvalue()


def test_pictures_are_as_large_as_those_of_the_endpoint(full_size):
    assert painter.SIZES == {"square": (1024, 1024), "landscape": (1536, 1024), "portrait": (1024, 1536)}
    assert pixels(paint("a cat")).size == (1024, 1024)


@pytest.mark.parametrize(
    ("words", "turn"),
    [
        ("画一只猫", "square"),
        ("画一只猫，横屏", "landscape"),
        ("a cat, landscape composition", "landscape"),
        ("画一只猫，竖版", "portrait"),
        ("a cat, portrait composition", "portrait"),
        ("a cat, square composition", "square"),
    ],
)
def test_the_prompts_words_decide_about_the_size(words, turn):
    assert pixels(paint(words)).size == painter.SIZES[turn]


def test_the_last_word_about_orientation_wins():
    assert orientation_of("a portrait of a queen, landscape composition") == "landscape"
    assert orientation_of("横屏的反面是竖屏") == "portrait"
    assert orientation_of("a cat") == ""


def test_an_orientation_given_beats_the_words():
    assert pixels(paint("a cat, landscape", "portrait")).size == painter.SIZES["portrait"]


def test_an_unknown_orientation_is_refused():
    with pytest.raises(KeyError):
        paint("a cat", "diagonal")


def test_the_same_words_give_the_same_bytes_also_in_another_process():
    prompts = ["a boat at sea", "锦鲤，水彩"]
    program = f"import hashlib, sys; from wenwen_magic.demo import painter; painter.SIZES = {painter.SIZES}; "
    program += "print(*(hashlib.sha256(painter.paint(words)).hexdigest() for words in sys.argv[1:]))"
    told = subprocess.run(
        [sys.executable, "-c", program, *prompts], capture_output=True, text=True, timeout=60, check=True
    )
    assert told.stdout.split() == [hashlib.sha256(paint(words)).hexdigest() for words in prompts]


def test_a_variant_and_another_hand_give_other_pictures():
    first = paint("a boat at sea")
    assert difference(first, paint("a boat at sea", variant=1)) > 3
    assert difference(first, paint("a boat at sea", hand="jimeng-3.0")) > 3


def test_orientation_words_leave_the_scene_as_it_is():
    for words, more in {
        "一只猫": "，横屏",
        "一只狗": "\n4K 分辨率",
        "一只猫\n横屏构图": "，宽高比 16:9，2K 分辨率",
    }.items():
        assert plan(words, dice(words)) == plan(words + more, dice(words + more))


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
        ("帆船", "boat"), ("夜", "night"), ("雪", "winter"), ("RABBIT", "rabbit"), ("一头鹿", "deer"), ("a bear", "bear"),
        ("小女孩", "child"), ("戴帽子", "hat"), ("暴风雨", "storm"), ("a hut", "house"),
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
        ("熊猫", "bear"),
        ("墨镜", "ink"),
    ],
)
def test_words_within_other_words_are_not_taken_for_motifs(words, name):
    assert name not in plan(words, dice(words)).words


@pytest.mark.parametrize("name", [*ANIMALS, *THINGS])
def test_every_animal_and_thing_can_be_seen(name):
    shown = []
    for words in (f"a {name} on the hills", "the hills"):
        canvas = Canvas(Image.new("RGB", (200, 200)))
        paint_scene(canvas, plan(words, dice("hills")), dice("hills"))
        shown.append(canvas.picture)
    assert sum(ImageStat.Stat(ImageChops.difference(*shown)).mean) > 3


def test_white_paper_makes_no_white_animal():
    assert plan("狐狸，大量留白", dice("")).coat is None


def test_a_colour_in_the_prompt_dresses_the_animal():
    middle = [pixels(paint(words)).resize((64, 64)) for words in ("a black cat", "a white cat")]
    dark, light = (ImageStat.Stat(picture.crop((24, 44, 40, 56)).convert("L")).mean[0] for picture in middle)
    assert light - dark > 40


@pytest.mark.parametrize("words", ["", "!!!", "\ud800", "🐈", "a" * 20_000, "[demo]", "\x00"])
def test_any_words_can_be_painted(words):
    assert pixels(paint(words)).size == painter.SIZES["square"]


@pytest.mark.parametrize(
    "words", ["画一只橘猫", "a mountain lake at dawn", "锦鲤", "flowers in front of a house", "夜晚的森林"]
)
def test_a_square_picture_stays_below_six_hundred_and_fifty_kilobytes(full_size, words):
    assert len(paint(words)) < 650_000


# Edits


@cache
def cat() -> bytes:
    return paint("a cat")


def test_an_edit_keeps_the_shape_of_its_picture_unless_another_is_asked_for():
    fox = paint("a fox", "landscape")
    sizes = [pixels(paint("at night", turn, references=[fox])).size for turn in ("auto", "portrait")]
    assert sizes == [painter.SIZES["landscape"], painter.SIZES["portrait"]]


@pytest.mark.parametrize(
    "words", ["make it night", "改成夜晚", "add a hat", "戴帽子", "make it blue", "add snow", "水彩", "ink",
              "at sunset", "加一座小木屋", "add a dog", "flowers", "by the sea", "zoom out", "more drama", ""]
)  # fmt: skip
def test_an_edit_shows_and_leaves_the_picture_recognisable(words):
    edited = paint(words, references=[cat()])
    assert 0.4 < difference(cat(), edited) < 300
    assert paint(words, references=[cat()]) == edited
    assert paint(words, references=[cat()], variant=1) != edited or words in {
        "make it blue",
        "ink",
        "pencil sketch",
        "zoom out",
    }


def test_night_is_darker_and_has_a_moon():
    night = paint("make it night", references=[cat()])
    assert brightness(night) < brightness(cat()) - 20
    sky = pixels(night).convert("L").crop((0, 0, pixels(night).width, pixels(night).height // 3))
    without_stars = sky.filter(ImageFilter.MinFilter(9))  # which are smaller than the moon
    assert without_stars.getextrema()[1] > 200


@pytest.mark.parametrize("words", ["add a hat", "戴皇冠", "glasses"])
def test_what_is_worn_sits_on_the_head(words):
    _, head = opened(cat())
    left, top, right, low = changed(cat(), paint(words, references=[cat()]))
    assert head.x - head.size < left < head.x < right < head.x + head.size
    assert head.y - head.size < top < head.y + head.size / 2
    assert low < head.y + head.size


def test_the_head_is_known_after_several_edits_also_in_another_shape():
    wide = paint("make it night", "landscape", references=[paint("add snow", references=[cat()])])
    _, head = opened(wide)
    left, _, right, _ = changed(wide, paint("add a crown", references=[wide]))
    assert left < head.x < right


def test_a_picture_from_elsewhere_gets_its_hat_above_the_middle():
    photo = file_of((120, 170, 210), (900, 600), "JPEG")
    left, top, right, low = changed(photo, paint("add a hat", references=[photo]))
    assert left < 450 < right
    assert 0 < top < low < 300 or (left, right) != (0, 900)


@pytest.mark.parametrize("words", ["make it night", "a balloon", "戴帽子", "水彩", "nothing known", "a lake"])
def test_only_what_a_mask_leaves_transparent_changes(words):
    hole = Image.new("RGBA", painter.SIZES["square"], (0, 0, 0, 255))
    ImageDraw.Draw(hole).rectangle((25, 15, 100, 115), fill=(0, 0, 0, 0))
    file = io.BytesIO()
    hole.save(file, "PNG")
    mask = file.getvalue()
    edited = pixels(within(paint(words, references=[cat()], mask=mask), cat(), mask))
    left, top, right, low = ImageChops.difference(pixels(cat()), edited).getbbox()
    assert left >= 25
    assert top >= 15
    assert right <= 101
    assert low <= 116


def test_several_references_are_all_shown():
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]
    picture = pixels(paint("画", references=[file_of(colour, (800, 800)) for colour in colours]))
    found = picture.quantize(64).convert("RGB").getcolors()
    for colour in colours[1:]:
        near = [n for n, tint in found if max(abs(a - b) for a, b in zip(tint, colour, strict=True)) < 60]
        assert sum(near) > 5_000, colour


def test_a_picture_hangs_on_the_wall_where_the_words_say_so(full_size):
    file = file_of((255, 0, 200))
    shown = pixels(paint("a house by the sea, with this picture on the wall", references=[file]))
    assert shown.size == (1024, 1024)
    pink = [count for count, tint in shown.getcolors(1 << 20) if tint[0] > 220 and tint[1] < 50]
    assert sum(pink) > 50_000


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_reference_may_have_any_usual_format_and_a_large_one_is_made_smaller(kind, monkeypatch):
    monkeypatch.setattr(painter, "LONGEST", 512)
    assert pixels(check(file_of((10, 20, 30), (520, 260), kind))).size == (512, 256)
    small = file_of((10, 20, 30), (300, 150), kind)
    assert check(small) == small


def test_a_transparent_reference_gets_paper_beneath_it():
    assert min(pixels(file_of((0, 0, 0, 0), mode="RGBA")).getpixel((5, 5))) > 220


def test_what_is_no_picture_is_refused():
    for file in (b"", b"no picture", file_of((1, 2, 3))[:60]):
        with pytest.raises(ValueError, match="not a picture"):
            check(file)


def test_a_huge_reference_is_refused_before_it_is_unpacked():
    with pytest.raises(ValueError, match="too large"):
        check(file_of((0,), (8000, 8000), mode="1"))


@pytest.mark.parametrize("size", [(1, 1), (8, 6), (40, 900)])
def test_a_tiny_reference_can_be_edited(size):
    for words in ("make it night, add a hat", "水彩", "flowers by the sea", "zoom out", "?"):
        assert pixels(paint(words, references=[file_of((9, 99, 199), size)])).size == size


def test_a_corner_says_demo():
    picture = pixels(paint("a dog in the meadow")).convert("L")
    corner = picture.crop((picture.width - 100, picture.height - 54, picture.width - 22, picture.height - 20))
    assert corner.getextrema()[1] > 200
    assert ImageStat.Stat(corner).stddev[0] > 15
