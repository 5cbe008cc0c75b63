"""A picture's shape is understood as people type it, told to each model as it wants it, or refused before sending."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wenwen_magic.errors import ConfigError
from wenwen_magic.formats import FORMATS
from wenwen_magic.records import ImageRequest
from wenwen_magic.text.i18n import is_chinese, speak
from wenwen_magic.text.orientation import (
    ORIENTATIONS,
    RATIOS,
    WORDS,
    Shape,
    over,
    pixels_for,
    read,
    said,
    shape_of,
    turn_of,
)

TYPED = {
    "16:9": [
        *("16:9", "16：9", "16∶9", "１６：９", "16x9", "16X9", "16×9", "16*9", "21/9".replace("21", "16"), "16 : 9"),
        *("16比9", "横屏 16:9", "16:9横屏", "横屏16比9", "landscape, 16:9", "1920:1080", "16:9 16:9", "16:9."),
    ],
    "21:9": ["21:9", "21/9", "wide 21:9"],
    "9:16": ["9:16", "竖屏 9:16", "９：１６", "1080:1920"],
    "1:1": ["1:1", "方形 1:1", "square 1x1"],
    "191:100": ["1.91:1"],
    "1536x1024": [
        "1536x1024",
        "1536×1024",
        "1536 x 1024",
        "1536*1024",
        "１５３６ｘ１０２４",
        "1536x1024px",
        "横屏 1536x1024",
    ],
    "64x64": ["64x64"],
    "auto 2K": ["2K", "2k", "２Ｋ", "2 K", "auto 2K", "自动 2k"],
    "landscape 4K": ["landscape 4K", "4K 横屏", "横屏，4k", "4k、horizontal"],
    "16:9 2K": ["16:9 2K", "2K 16:9", "16：9，2k", "横版 16:9 2K", "2k16:9"],
    "landscape": ["landscape", "LANDSCAPE", "横向", "ｌａｎｄｓｃａｐｅ", " 横屏。"],
    "portrait": ["portrait", "纵向", "竖向", "vertical"],
    "auto": ["auto", "自动"],
}


@pytest.mark.parametrize("meant", TYPED)
def test_a_shape_is_the_same_however_it_is_typed(meant):
    assert {read(text) for text in TYPED[meant]} == {meant}
    assert read(meant) == ImageRequest("a cat", orientation=meant).orientation == meant


def test_width_and_height_may_be_two_numbers():
    assert read((1536, 1024)) == "1536x1024"
    assert read([16, 9]) == "16:9"


REFUSED = {
    "0:5": "1:16",
    "5:0": "1:16",
    "0x0": "1:16",
    "100:1": "1:16",
    "17:1": "1:16",
    "2000x100": "1:16",
    "50x400": "64 to 16384",
    "99999x99999": "64 to 16384",
    "1536.5x1024": "64 to 16384",
    "8K": "2K",
    "0K": "2K",
    "1024": "1024x1024",
    "720p": "1280x720",
    "1080P": "1920x1080",
    "2K 4K": "one of them",
    "16:9 4:3": "one of them",
    "1024x1024 1536x1024": "one of them",
    "1024x1024 2K": "one of them",
    "竖屏 16:9": "9:16",
    "横屏 竖屏": "one of them",
    "landscape 1:1": "one of them",
    "square 16:9": "one of them",
    "square 1536x1024": "one of them",
    "landscap": "landscape",
    "16:9:4": "16:9",
    "-16:9": "16:9",
    "a4": "16:9",
    "": "16:9",
    "\ud800": "16:9",
    "九比十六": "16:9",
}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_is_refused_with_what_can(text, language):
    speak(language)
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert caught.value.charged == "no"
    assert is_chinese(caught.value.do) == (language == "zh")
    if language == "en":
        assert REFUSED[text] in caught.value.do


def test_a_size_takes_the_rest_from_what_is_usual():
    assert over("landscape", "2K") == "landscape 2K"
    assert over("portrait", "1536x1024") == "1536x1024"  # what is typed stands above a setting
    assert over("1536x1024", "4K") == "3:2 4K"
    assert over("auto", "16:9") == "16:9"
    assert read("16:9", "2K") == "16:9 2K"
    with pytest.raises(ConfigError):
        read("portrait", "1536x1024")  # both are typed


@given(st.text(st.sampled_from([*"0123456789:x/.K横 "]), max_size=12) | st.sampled_from([*WORDS, *RATIOS]))
@settings(max_examples=200, deadline=None)
def test_what_is_read_is_read_the_same_again(text):
    try:
        once = read(text)
    except ConfigError:
        return
    assert read(once) == once
    assert shape_of(once).turn in ORIENTATIONS


SENT = {  # in the order of ASKED
    "16:9": ["1536x1024", "1536x864", "1792x1024", "1536x864", "16:9", "--ar 16:9", "横屏构图，宽高比 16:9"],
    "9:16": ["1024x1536", "864x1536", "1024x1792", "864x1536", "9:16", "--ar 9:16", "竖屏构图，宽高比 9:16"],
    "3:2": ["1536x1024", "1536x1024", "1792x1024", "1536x1024", "3:2", "--ar 3:2", "横屏构图，宽高比 3:2"],
    "1:1": ["1024x1024", "1024x1024", "1024x1024", "1024x1024", "1:1", "--ar 1:1", "方形构图，宽高比 1:1"],
    "21:9": ["1536x1024", "1904x816", "1792x1024", "1904x816", "21:9", "--ar 21:9", "横屏构图，宽高比 21:9"],
    "16:10": ["1536x1024", "1536x960", "1792x1024", "1536x960", "3:2", "--ar 16:10", "横屏构图，宽高比 16:10"],
    "8:1": [None, "3456x432", None, "3456x432", "8:1", "--ar 8:1", "横屏构图，宽高比 8:1"],
    "1536x1024": ["1536x1024", "1536x1024", "1792x1024", "1536x1024", "3:2", "--ar 3:2", "横屏构图，宽高比 3:2"],
    "1920x1080": ["1536x1024", "1920x1088", "1792x1024", "1920x1080", "16:9", "--ar 16:9", "横屏构图，宽高比 16:9"],
    "7680x4320": ["1536x1024", "3840x2160", "1792x1024", "4096x2304", "16:9 4K", "--ar 16:9", "横屏构图，宽高比 16:9"],
    "1000x667": ["1536x1024", "992x672", "1792x1024", "1000x667", "3:2", "--ar 3:2", "横屏构图，宽高比 3:2"],
    "2K": [None, "2048x2048", None, "2048x2048", "2K", None, "2K 分辨率"],
    "横屏 2K": [None, "2496x1664", None, "2496x1664", "3:2 2K", None, "横屏构图，2K 分辨率"],
    "16:9 4K": [None, "3840x2160", None, "4096x2304", "16:9 4K", None, "横屏构图，宽高比 16:9，4K 分辨率"],
    "1K": ["", "", "", "", "1K", "", "1K 分辨率"],
    "横屏": ["1536x1024", "1536x1024", "1792x1024", "1536x1024", "3:2", "--ar 3:2", "横屏构图"],
    "auto": ["", "", "", "", "", "", ""],
}
ASKED = [
    ("images", "gpt-image-1"),
    ("images", "gpt-image-2"),
    ("images", "dall-e-3"),
    ("images", "flux-pro"),
    ("gemini", "gemini-3-pro-image-preview"),
    ("midjourney", "midjourney"),
    ("chat", "gpt-4o-image"),
]


def shape_in(call):
    """What a call says about the shape."""
    body = call.body
    if "contents" in body:
        image = body["generationConfig"].get("imageConfig", {})
        return " ".join(filter(None, [image.get("aspectRatio"), image.get("imageSize")]))
    if "messages" in body:
        return body["messages"][0]["content"].removeprefix("画只猫").strip()
    return body.get("size", body["prompt"].removeprefix("画只猫").strip())


@pytest.mark.parametrize("text", SENT)
def test_every_format_tells_a_shape_in_its_own_way_the_nearest_that_the_model_knows(text):
    for (wire, model), sent in zip(ASKED, SENT[text], strict=True):
        request = ImageRequest("画只猫", model, text, format=wire)
        if sent is None:
            with pytest.raises(ConfigError) as caught:
                next(FORMATS[wire].talk(request))
            assert caught.value.do
        else:
            assert shape_in(next(FORMATS[wire].talk(request))) == sent, model
            beside = FORMATS[wire].shape_as_sent(request)
            assert beside == (sent if wire in {"images", "gemini"} else "")
            assert beside == "" or shape_of(beside)


@pytest.mark.parametrize(
    ("wire", "model", "params", "sent"),
    [
        ("gemini", "gemini-3-pro-image", {"aspectRatio": "16:9"}, "16:9"),
        ("gemini", "gemini-3-pro-image", {"aspect_ratio": "16:9", "imageSize": "2k"}, "16:9 2K"),
        ("gemini", "gemini-3-pro-image", {"personGeneration": "ALLOW_ALL"}, "2:3"),
        ("images", "gpt-image-2", {"size": "1536x1024"}, "1536x1024"),
    ],
)
def test_bug_a_shape_given_as_a_param_was_not_told(wire, model, params, sent):
    request = ImageRequest("a cat", model, "auto" if "size" in params else "portrait", params=params, format=wire)
    assert FORMATS[wire].shape_as_sent(request) == sent
    assert shape_in(next(FORMATS[wire].talk(request))) == sent


@pytest.mark.parametrize(("text", "turn"), [("16:9", "LANDSCAPE"), ("832x1248", "PORTRAIT"), ("1:1", "SQUARE")])
def test_a_blend_knows_three_shapes(text, turn):
    from support.scripted import data_uri, png

    from wenwen_magic.records import Reference

    pictures = tuple(Reference(data_uri(png(colour=colour)), colour) for colour in ("red", "blue"))
    request = ImageRequest("x", "midjourney", text, references=pictures, format="midjourney", task="blend")
    assert next(FORMATS["midjourney"].talk(request)).body["dimensions"] == turn


@pytest.mark.parametrize("ratio", [*RATIOS, "16:10", "239:100", "7:5", "1:16", "16:1", "333:334"])
@pytest.mark.parametrize("area", [1 << 20, 1 << 22, 1 << 26])
@pytest.mark.parametrize("step", [1, 16, 64])
def test_a_computed_size_keeps_the_ratio_and_the_limits(ratio, area, step):
    width, height = pixels_for(shape_of(ratio), area, (3840, 2160), step)
    assert max(width, height) <= 3840
    assert width * height <= 3840 * 2160 * 1.05
    assert width % step == height % step == 0
    assert abs(width - height * float(shape_of(ratio).ratio)) <= step * max(1.0, float(shape_of(ratio).ratio))


FITS = {
    ("16:9", 1920, 1080): True,
    ("16:9", 1536, 1024): False,
    ("16:9 2K", 2752, 1536): True,
    ("16:9 2K", 1376, 768): False,
    ("1536x1024", 1536, 1024): True,
    ("1536x1024", 768, 512): False,
    ("2K", 2048, 2048): True,
    ("2K", 1024, 1024): False,
    ("横屏", 1536, 1024): True,
    ("横屏", 1024, 1024): False,
    ("auto", 10, 900): True,
    ("square", 1024, 1000): True,
    ("square", 0, 0): True,
}


@pytest.mark.parametrize("case", FITS)
def test_a_picture_is_what_was_asked_for_or_is_not(case):
    text, width, height = case
    assert shape_of(text).fits(width, height) is FITS[case]


def test_a_shape_is_said_in_the_readers_language():
    speak("zh")
    assert said("landscape 2K") == "横屏 2K"
    assert said("1536x1024") == "1536×1024"
    assert said("auto 4K") == "4K"


def test_words_of_old_requests_keep_their_fingerprints():
    """They are in the records of every folder: a saved picture is found by them."""
    asked = ImageRequest("一座雪山，清晨", orientation="横屏")
    assert asked.fingerprint == "d8a1760bbe5b3bb86090d59d6d4f99f0335e4a28b8165d30525925a02751e9ca"
    assert asked.shape == Shape("landscape")
    assert (
        ImageRequest("a cat", orientation="16：9").fingerprint == ImageRequest("a cat", orientation="16/9").fingerprint
    )
    assert ImageRequest("a cat", orientation="3:2").shape.ratio == Fraction(3, 2)


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        *(((100, 100), "square"), ((100, 95), "square"), ((100, 94), "landscape")),
        *(((94, 100), "portrait"), ((1, 9), "portrait")),
    ],
)
def test_the_size_decides_about_the_shape(size, shape):
    assert turn_of(Fraction(*size)) == shape
