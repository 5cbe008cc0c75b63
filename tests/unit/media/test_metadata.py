"""A recipe travels in the picture's own file: pixels untouched, other programs read it, strangers' files do no harm."""

import contextlib
import io
import json
import re
import struct
import time
import tracemalloc
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageOps, PngImagePlugin

from wenwen_magic.errors import ImageError
from wenwen_magic.media.metadata import LARGEST_RECIPE, embed, read_recipe, without_words

PROMPT = "画一只猫\n\"quoted\" & <b>bold</b> ]]> 🐱 'x' {a}%s"
RECIPE = {
    "version": 1,
    "prompt": PROMPT,
    "model": "gpt-4o-image",
    "orientation": "portrait",
    "format": "chat",
    "params": {"seed": 7, "风格": ["水彩", None, True, 1.5]},
}
CORE = {name: value for name, value in RECIPE.items() if name != "version"}
FOREIGN_XMP = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
    b'<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><r:Description r:about="" '
    b'xmlns:t="http://www.tc260.org.cn/ns/AIGC/1.0/"><t:AIGC>{"Label":"1"}</t:AIGC></r:Description>'
    b"</r:RDF>\n</x:xmpmeta>\n" + b" " * 2000 + b'\n<?xpacket end="w"?>'
)


def painted(mode="RGB", size=(37, 23), turn=0):
    """A picture in which every pixel differs from its neighbours."""
    plain = Image.effect_noise(size, 90).rotate(turn)
    layers = [ImageChops.offset(plain, step, step) for step in range(4)]
    if mode == "P":
        return Image.merge("RGB", layers[:3]).quantize(16)
    if mode in {"RGB", "RGBA", "LA", "CMYK"}:
        return Image.merge(mode, layers[: len(mode)])
    return plain.convert(mode)


def saved(kind, picture=None, **options):
    out = io.BytesIO()
    (picture or painted()).save(out, kind, **options)
    return out.getvalue()


def exif(orientation=0):
    tags = Image.Exif()
    tags[0x010E] = "a secret place"
    if orientation:
        tags[0x0112] = orientation
    return tags.tobytes()


def words_of_png():
    words = PngImagePlugin.PngInfo()
    words.add_text("Comment", "a secret comment")
    words.add_text("Notes", "a secret note" * 50, zip=True)
    words.add_itxt("Description", "a secret description", "en", "description")
    return words


ICC = b"\0\0\0\x80" + bytes(8) + b"mntrRGB XYZ " + bytes(104)
FRAMES = {"save_all": True, "append_images": [painted(turn=40), painted(turn=80)], "duration": 90}
PICTURES = {
    **{f"png-{mode}": saved("PNG", painted(mode)) for mode in ("1", "L", "I;16", "P", "LA", "RGB", "RGBA")},
    "png-transparent": saved("PNG", painted("P"), transparency=3, gamma=0.5),
    "png-words": saved("PNG", pnginfo=words_of_png(), exif=exif(), icc_profile=ICC, dpi=(300, 300)),
    "png-animated": saved("PNG", **FRAMES),
    "jpeg": saved("JPEG"),
    "jpeg-progressive": saved("JPEG", progressive=True, quality=95),
    "jpeg-grey": saved("JPEG", painted("L")),
    "jpeg-cmyk": saved("JPEG", painted("CMYK")),
    "jpeg-restarts": saved("JPEG", painted(size=(99, 77)), restart_marker_blocks=1),
    "jpeg-words": saved("JPEG", exif=exif(6), icc_profile=ICC, xmp=FOREIGN_XMP, comment=b"a secret comment"),
    "webp": saved("WEBP"),
    "webp-odd": saved("WEBP", painted(size=(1, 1))),
    "webp-lossless": saved("WEBP", lossless=True),
    "webp-lossless-alpha": saved("WEBP", painted("RGBA"), lossless=True, exact=True),
    "webp-alpha": saved("WEBP", painted("RGBA")),
    "webp-animated": saved("WEBP", **FRAMES),
    "webp-words": saved("WEBP", exif=exif(8), icc_profile=ICC, xmp=FOREIGN_XMP),
}
ONE_EACH = ("png-RGB", "jpeg", "webp")
every_picture = pytest.mark.parametrize("data", PICTURES.values(), ids=PICTURES)
one_of_each = pytest.mark.parametrize("data", [PICTURES[name] for name in ONE_EACH], ids=ONE_EACH)


def look(data):
    """All that decides how a file is seen: mode, size, orientation, colours and the pixels of every frame."""
    with Image.open(io.BytesIO(data)) as picture:
        frames = []
        for number in range(getattr(picture, "n_frames", 1)):
            picture.seek(number)
            frames.append((picture.info.get("duration"), picture.convert(picture.mode).tobytes()))
        turned = picture.getexif().get(0x0112, 1)
        facts = {name: picture.info.get(name) for name in ("icc_profile", "transparency", "gamma", "loop", "dpi")}
        return picture.format, picture.mode, picture.size, picture.getpalette(), turned, facts, frames


def packet_of(data):
    with Image.open(io.BytesIO(data)) as picture:
        return picture.info["xmp"]


def with_packet(kind, packet):
    return saved(kind, xmp=packet)


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_with(*chunks, after=b"IHDR"):
    """A PNG with further chunks behind its header."""
    data = PICTURES["png-RGB"]
    at = data.index(after) + 4 + 13 + 4
    return data[:at] + b"".join(chunks) + data[at:]


def wenwen_chunk(text, packed=False):
    return chunk(b"iTXt", b"wenwen\0" + bytes([packed, 0, 0, 0]) + (zlib.compress(text) if packed else text))


# Embedding


@every_picture
def test_a_recipe_comes_back_nothing_seen_changes_and_another_one_leaves_no_trace(data):
    assert read_recipe(data) is None
    made = embed(data, RECIPE)
    assert read_recipe(made) == CORE
    assert look(made) == look(data)
    again = embed(embed(data, {**RECIPE, "prompt": "another, rather longer " * 99}), RECIPE)
    assert again == made
    assert b"another" not in again


@pytest.mark.parametrize("name", [name for name in PICTURES if name.startswith("png")])
def test_pillow_reads_recipe_and_prompt_in_a_png(name):
    with Image.open(io.BytesIO(embed(PICTURES[name], RECIPE))) as picture:
        picture.load()
        assert json.loads(picture.text["wenwen"]) == RECIPE
        assert picture.text["Description"] == PROMPT
        assert picture.text["Description"].tkey == "提示词"


def test_a_png_keeps_the_words_of_other_programs():
    with Image.open(io.BytesIO(embed(PICTURES["png-words"], RECIPE))) as picture:
        assert picture.text["Comment"] == "a secret comment"
        assert picture.text["Notes"] == "a secret note" * 50
    assert b"a secret description" in embed(PICTURES["png-words"], RECIPE)


def test_a_png_has_its_recipe_before_the_pixels():
    made = embed(PICTURES["png-animated"], RECIPE)
    assert made.index(b"wenwen\0") < made.index(b"Description\0") < made.index(b"IDAT")


def test_a_long_recipe_is_compressed_in_a_png():
    long = {**RECIPE, "prompt": "画一只猫，" * 5000}
    made = embed(PICTURES["png-RGB"], long)
    assert len(made) < len(PICTURES["png-RGB"]) + 2500
    assert read_recipe(made)["prompt"] == long["prompt"]
    with Image.open(io.BytesIO(made)) as picture:
        assert picture.text["Description"] == long["prompt"]


@pytest.mark.parametrize("name", ["jpeg", "jpeg-progressive", "jpeg-words", "webp", "webp-alpha", "webp-words"])
def test_pillow_reads_the_prompt_in_the_xmp(name):
    with Image.open(io.BytesIO(embed(PICTURES[name], RECIPE))) as picture:
        found = picture.getxmp()["xmpmeta"]["RDF"]["Description"]
    own = found[-1] if isinstance(found, list) else found
    assert own["description"]["Alt"]["li"] == {"lang": "x-default", "text": PROMPT}
    assert json.loads(own["recipe"]) == RECIPE


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_a_packet_that_is_there_stays_byte_for_byte(kind):
    packet = packet_of(embed(with_packet(kind, FOREIGN_XMP), RECIPE))
    start, end = FOREIGN_XMP.split(b"</r:RDF>")
    assert packet.startswith(start)
    assert packet.endswith(b"</r:RDF>" + end)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_a_description_that_is_there_is_not_doubled(kind):
    theirs = b'<dc:description xmlns:dc="http://purl.org/dc/elements/1.1/"><r:Alt/></dc:description></r:Description>'
    made = embed(with_packet(kind, FOREIGN_XMP.replace(b"</r:Description>", theirs)), RECIPE)
    assert packet_of(made).count(b"<dc:description") == 1
    assert read_recipe(made) == CORE


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
@pytest.mark.parametrize("blank", [b"\n", b" \0"])
def test_a_blank_packet_is_replaced(kind, blank):
    assert read_recipe(embed(with_packet(kind, blank), RECIPE)) == CORE


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
@pytest.mark.parametrize(
    "packet",
    [
        b"no XMP at all",
        FOREIGN_XMP.decode().encode("utf-16-be"),
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>',
        FOREIGN_XMP.replace(b"</r:RDF>", b"</r:RDF >  -->"),
    ],
)
def test_a_packet_to_which_nothing_can_be_added_is_refused(kind, packet):
    with pytest.raises(ImageError, match="cannot be added to") as caught:
        embed(with_packet(kind, packet), RECIPE)
    assert caught.value.charged == "no"
    assert caught.value.do


def test_a_comment_that_looks_like_the_end_is_not_taken_for_it():
    packet = FOREIGN_XMP.replace(b"<r:Description", b"<!-- </r:RDF></x:xmpmeta> --><r:Description")
    with Image.open(io.BytesIO(embed(with_packet("WEBP", packet), RECIPE))) as picture:
        assert json.loads(picture.getxmp()["xmpmeta"]["RDF"]["Description"][-1]["recipe"]) == RECIPE


@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_packet_that_another_program_has_written_anew_is_read_and_replaced(quote):
    text = json.dumps(RECIPE).replace("&", "&amp;").replace("<", "&lt;").replace("'", "&#39;").replace('"', "&quot;")
    attribute = f" xmlns:wenwen={quote}urn:x-wenwen-magic:recipe:1#{quote} wenwen:recipe = {quote}{text}{quote}"
    data = with_packet("WEBP", FOREIGN_XMP.replace(b' r:about=""', b' r:about=""' + attribute.encode()))
    assert read_recipe(data) == CORE
    made = embed(data, {**RECIPE, "prompt": "new"})
    assert read_recipe(made)["prompt"] == "new"
    assert packet_of(made).count(b"wenwen:recipe>") == 2
    assert b'{"Label":"1"}' in packet_of(made)
    with Image.open(io.BytesIO(made)) as picture:
        assert picture.getxmp()


def test_the_segments_that_a_jpeg_must_begin_with_stay_first():
    made = embed(saved("JPEG", exif=exif(3)), RECIPE)
    assert made.index(b"JFIF\0") < made.index(b"Exif\0\0") < made.index(b"http://ns.adobe.com/xap/1.0/\0")
    assert made.index(b"http://ns.adobe.com/xap/1.0/\0") < made.index(b"\xff\xdb")


def test_the_longest_recipe_of_a_jpeg_fits_and_one_byte_more_is_refused():
    room = 65533 - len(packet_of(embed(PICTURES["jpeg"], {"prompt": "x"}))) - len(b"http://ns.adobe.com/xap/1.0/\0")
    fits = {"prompt": "x", "params": {"p": ""}}
    base = len(packet_of(embed(PICTURES["jpeg"], fits))) - len(packet_of(embed(PICTURES["jpeg"], {"prompt": "x"})))
    fits["params"]["p"] = "y" * (room - base)
    assert read_recipe(embed(PICTURES["jpeg"], fits)) == fits
    assert Image.open(io.BytesIO(embed(PICTURES["jpeg"], fits))).getxmp()
    with pytest.raises(ImageError, match="65,534 bytes") as caught:
        embed(PICTURES["jpeg"], {**fits, "prompt": "x", "params": {"p": fits["params"]["p"] + "y"}})
    assert caught.value.charged == "no"


@pytest.mark.parametrize("name", ["png-RGB", "webp"])
def test_a_recipe_of_a_mebibyte_fits_and_one_byte_more_is_refused(name):
    fits = {"prompt": "x" * (LARGEST_RECIPE - len('{"prompt": ""}'))}
    made = embed(PICTURES[name], fits)
    assert read_recipe(made) == fits
    assert look(made) == look(PICTURES[name])
    with pytest.raises(ImageError, match="1 MiB"):
        embed(PICTURES[name], {"prompt": fits["prompt"] + "x"})


@one_of_each
@pytest.mark.parametrize(
    "recipe",
    [
        {},
        {"prompt": " "},
        {"prompt": 3},
        {"prompt": "x", "model": None},
        {"prompt": "x", "params": {"a": float("nan")}},
        {"prompt": "x", "params": {("a",): 1}},
        {"prompt": "x", "params": ["a"]},
    ],
)
def test_a_recipe_that_would_not_come_back_is_refused(data, recipe):
    with pytest.raises(ImageError, match="cannot be written"):
        embed(data, recipe)


def test_a_recipe_that_holds_itself_or_is_endlessly_deep_is_refused():
    params, deep = {}, []
    params["again"] = params
    for _ in range(500_000):
        deep = [deep]
    for endless in (params, {"deep": deep}):
        with pytest.raises(ImageError, match="cannot be written"):
            embed(PICTURES["webp"], {"prompt": "x", "params": endless})


@one_of_each
def test_single_surrogates_are_replaced_and_pairs_put_together(data):
    made = embed(data, {"prompt": "a\ud83d\ude00b\udc00", "params": {"\ud800": "\udfff"}})
    assert read_recipe(made) == {"prompt": "a😀b\ufffd", "params": {"\ufffd": "\ufffd"}}


@one_of_each
def test_characters_that_xml_forbids_come_back_in_the_recipe(data):
    odd = "a\0b\x1b[31m\r\n\x0b\x7f\x85\u2028\ufeff\ufffe\uffff\U0010ffff\\u0000"
    made = embed(data, {"prompt": odd})
    assert read_recipe(made)["prompt"] == odd
    with Image.open(io.BytesIO(made)) as picture:
        picture.load()
        assert picture.getxmp() or picture.text["wenwen"]


@one_of_each
def test_lines_of_the_prompt_end_in_one_way_for_other_programs(data):
    with Image.open(io.BytesIO(embed(data, {"prompt": "a\r\nb\rc\nd"}))) as picture:
        text = picture.text["Description"] if picture.format == "PNG" else picture.info["xmp"].decode()
    assert "a\nb\nc\nd" in text


@one_of_each
def test_bytes_after_the_picture_stay(data):
    made = embed(data + b"and more", RECIPE)
    assert made.endswith(b"and more")
    assert read_recipe(made) == CORE


words = st.text(st.characters(categories=None), max_size=40)
recipes = st.fixed_dictionaries(
    {"prompt": words.filter(lambda text: text.strip())},
    optional={
        **dict.fromkeys(("model", "orientation", "format", "task", "mask"), words),
        "references": st.lists(words, max_size=3),
        "params": st.dictionaries(words, st.recursive(st.none() | st.booleans() | st.integers() | words, st.lists)),
    },
)


def expected(value):
    """A recipe as it must come back: surrogates paired or replaced."""
    text = json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return json.loads(text)


@settings(max_examples=20, deadline=None)
@given(name=st.sampled_from(sorted(PICTURES)), recipe=recipes)
def test_any_recipe_comes_back_from_any_picture(name, recipe):
    made = embed(PICTURES[name], recipe)
    assert read_recipe(made) == expected(recipe)
    with Image.open(io.BytesIO(made)) as picture:
        assert picture.format == "PNG" or picture.getxmp()


# Files that are not what they should be


@pytest.mark.parametrize("call", [lambda data: embed(data, RECIPE), without_words], ids=["embed", "without_words"])
@pytest.mark.parametrize(
    "data", [b"", b"GIF89a" + bytes(99), b"<svg/>", b"RIFF\0\0\0\0WAVE", saved("GIF"), saved("BMP")]
)
def test_other_types_are_refused(call, data):
    with pytest.raises(ImageError, match="not a PNG, JPEG or WebP") as caught:
        call(data)
    assert caught.value.why
    assert caught.value.do
    assert read_recipe(data) is None


@every_picture
def test_a_picture_cut_off_anywhere_is_refused(data):
    made = embed(data, RECIPE)
    for length in range(12, len(made) - 1, max(1, len(made) // 60)):
        for call in (lambda cut: embed(cut, RECIPE), without_words):
            with pytest.raises(ImageError):
                call(made[:length])
        assert read_recipe(made[:length]) in (None, CORE)


@pytest.mark.parametrize("name", ["png-RGB", "jpeg"])
def test_a_picture_cut_off_in_its_pixels_still_gives_its_recipe(name):
    assert read_recipe(embed(PICTURES[name], RECIPE)[:-20]) == CORE


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n" + chunk(b"IDAT", b"") + chunk(b"IEND", b""),
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13)) + chunk(b"IEND", b""),
        b"\x89PNG\r\n\x1a\n\xff\xff\xff\xffIHDR",
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8\xff\xe0\0\1\xff\xd9",
        b"\xff\xd8\xffgarbage",
        b"\xff\xd8\xff\xda\0\0pixels\xff\xd9",
        b"\xff\xd8" + b"\xff" * 1000,
        b"RIFF\4\0\0\0WEBP",
        b"RIFF\x0c\0\0\0WEBPXMP \0\0\0\0",
        b"RIFF\x0c\0\0\0WEBPVP8X\0\0\0\0",
        b"RIFF\x0c\0\0\0WEBPVP8 \xff\xff\xff\xff",
        b"RIFF\x14\0\0\0WEBPXMP \0\0\0\0VP8 \0\0\0\0",
        b"RIFF\x14\0\0\0WEBPVP8X\0\0\0\0VP8 \0\0\0\0",
        b"RIFF\xff\xff\xff\xffWEBP" + PICTURES["webp"][12:],
        b"RIFF" + struct.pack("<I", len(PICTURES["webp"]) - 4) + PICTURES["webp"][8:],
    ],
)
def test_a_structure_that_does_not_fit_together_is_refused(data):
    for call in (lambda broken: embed(broken, RECIPE), without_words):
        with pytest.raises(ImageError, match="broken"):
            call(data)
    assert read_recipe(data) is None


@pytest.mark.parametrize("body", [b"", bytes(9), bytes(10)])
def test_a_webp_whose_only_chunk_has_no_size_is_refused(body):
    chunks = b"VP8 " + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)
    with pytest.raises(ImageError, match="broken"):
        embed(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks, RECIPE)


def test_a_webp_without_the_byte_after_an_odd_length_is_taken():
    made = (embed(PICTURES["webp"], {"prompt": "x", "model": "m" * length}) for length in (1, 2))
    data = next(data for data in made if data[data.index(b"XMP ") + 4] % 2)
    shorter = data[:4] + struct.pack("<I", len(data) - 9) + data[8:-1]
    for short in (shorter, data[:-1]):
        assert read_recipe(short) == read_recipe(data)
        assert embed(short, RECIPE) == embed(data, RECIPE)


def test_a_webp_says_what_it_has():
    flags = {name: embed(PICTURES[name], RECIPE)[20] for name in PICTURES if name.startswith("webp")}
    alpha, animated, exif_and_profile, xmp = 0x10, 0x02, 0x28, 0x04
    assert flags == {
        "webp": xmp,
        "webp-odd": xmp,
        "webp-lossless": xmp,
        "webp-lossless-alpha": xmp | alpha,
        "webp-alpha": xmp | alpha,
        "webp-animated": xmp | animated,
        "webp-words": xmp | exif_and_profile,
    }


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"nothing",
        b"null",
        b'"prompt"',
        b'[{"prompt": "x"}]',
        b'{"prompt": ""}',
        b'{"prompt": " \\n"}',
        b'{"prompt": ["x"]}',
        b'{"model": "x"}',
        b'{"prompt": "x", "model": 1}',
        b'{"prompt": "x", "params": []}',
        b'{"prompt": "x", "format": null}',
        b'{"prompt": "\xff"}',
        b'{"prompt": "x", "params": {"n": NaN}}',
        b'{"prompt": "x", "params": {"n": 1e999}}',
        b'{"prompt": "x", "params": {"n": ' + b"9" * 5000 + b"}}",
        b'{"prompt": "x", "params": {"n": ' + b"[" * 200000 + b"]" * 200000 + b"}}",
        b'{"prompt": "x"' + b" " * LARGEST_RECIPE + b"}",
        '{"prompt": "x"}'.encode("utf-16"),
    ],
    ids=range(19),
)
def test_what_is_no_recipe_is_not_read_as_one(text):
    assert read_recipe(png_with(wenwen_chunk(text))) is None
    assert read_recipe(png_with(wenwen_chunk(text, packed=True))) is None
    packet = b'<wenwen:recipe xmlns:wenwen="urn:x-wenwen-magic:recipe:1#">' + text + b"</wenwen:recipe>"
    assert read_recipe(with_packet("WEBP", packet)) is None


def test_only_the_fields_of_a_recipe_come_back():
    text = b'{"prompt": "x\\ud800", "key": "sk-1", "model": "m", "prompt_sent": "y", "__class__": {}, "version": 9}'
    assert read_recipe(png_with(wenwen_chunk(text))) == {"prompt": "x\ufffd", "model": "m"}


def test_a_packed_text_that_swells_is_not_unpacked():
    data = png_with(wenwen_chunk(b'{"prompt": "x"' + b" " * 20_000_000 + b"}", packed=True))
    tracemalloc.start()
    found, (_, peak) = read_recipe(data), tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found is None
    assert peak < 5_000_000


def test_of_many_packed_texts_the_first_is_unpacked_only(monkeypatch):
    unpacked = []
    unpack = zlib.decompressobj
    monkeypatch.setattr(zlib, "decompressobj", lambda: unpacked.append(1) or unpack())
    assert read_recipe(png_with(*[wenwen_chunk(b" " * LARGEST_RECIPE, packed=True)] * 1000)) is None
    assert len(unpacked) == 1


@pytest.mark.parametrize("packed", [b"", b"not packed at all", zlib.compress(b'{"prompt": "x"}')[:-9]])
def test_a_packed_text_that_cannot_be_unpacked_is_not_read(packed):
    assert read_recipe(png_with(chunk(b"iTXt", b"wenwen\0\1\0\0\0" + packed))) is None


def test_a_recipe_whose_checksum_is_wrong_is_not_read():
    sound = wenwen_chunk(b'{"prompt": "a cat"}')
    assert read_recipe(png_with(sound)) == {"prompt": "a cat"}
    assert read_recipe(png_with(sound.replace(b"a cat", b"a rat"))) is None


def test_entities_that_a_stranger_declares_are_not_expanded():
    packet = (
        b'<!DOCTYPE x [<!ENTITY a "aaaaaaaa"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
        b'<wenwen:recipe xmlns:wenwen="urn:x-wenwen-magic:recipe:1#">{"prompt": "&a;&f;"}</wenwen:recipe>'
    )
    assert read_recipe(with_packet("WEBP", packet)) == {"prompt": "&a;&f;"}


@pytest.mark.parametrize("entity", [b"&#" + b"9" * 5000 + b";", b"&#x110000;", b"&#xd800;", b"&"])
def test_entities_that_mean_nothing_do_not_raise(entity):
    packet = b'<wenwen:recipe xmlns:wenwen="urn:x-wenwen-magic:recipe:1#">{"prompt": "x%s"}</wenwen:recipe>' % entity
    found = read_recipe(with_packet("WEBP", packet))
    assert found is None or found["prompt"].startswith("x")


def test_a_recipe_of_another_namespace_is_none_of_ours():
    assert (
        read_recipe(with_packet("WEBP", b'<wenwen:recipe xmlns:wenwen="urn:y">{"prompt": "x"}</wenwen:recipe>')) is None
    )


@pytest.mark.parametrize(
    "piece",
    [
        b"<wenwen:recipe ",
        b"<wenwen:recipe>",
        b" wenwen:recipe='",
        b" wenwen:recipe=\" wenwen:recipe='",
        b" wenwen:recipe=",
        b" ",
        b"&#",
        b"</rdf:RDF>",
        b"</rdf:RDF> </x:xmpmeta> <?xpacket ",
        b"<?xpacket ",
        b"<a",
        re.search(rb"<rdf:Description .*?>", packet_of(embed(PICTURES["jpeg"], RECIPE)))[0],
    ],
)
def test_a_long_hostile_packet_takes_linear_time(piece):
    packet = b"urn:x-wenwen-magic:recipe:1#" + piece * (300_000 // len(piece))
    data = with_packet("WEBP", packet)
    begun = time.process_time()
    assert read_recipe(data) is None
    with contextlib.suppress(ImageError):
        embed(data, RECIPE)
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    ("start", "part"),
    [
        (PICTURES["png-RGB"][:33], chunk(b"teXt", b"")),
        (b"RIFF" + struct.pack("<I", 800_000) + b"WEBP" + PICTURES["webp"][12:], b"none\0\0\0\0"),
        (b"\xff\xd8", b"\xff\xda\0\2"),
    ],
    ids=["png", "webp", "jpeg"],
)
def test_fifty_thousand_empty_parts_are_refused_in_time(start, part):
    data = start + part * 50_000
    begun = time.process_time()
    assert read_recipe(data) is None
    with pytest.raises(ImageError, match="broken"):
        without_words(data)
    assert time.process_time() - begun < 2


def test_a_long_hostile_jpeg_takes_linear_time():
    begun = time.process_time()
    for piece in (b"\xff", b"\xff\0", b"\xff\xff\0", b"\xff\xd0"):
        data = b"\xff\xd8\xff\xda\0\2" + piece * (1_000_000 // len(piece))
        assert read_recipe(data) is None
        with pytest.raises(ImageError):
            without_words(data)
    assert time.process_time() - begun < 2


@settings(max_examples=80, deadline=None)
@given(
    name=st.sampled_from(sorted(PICTURES)),
    edits=st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 6), st.binary(max_size=6)), min_size=1, max_size=5),
)
def test_no_change_of_its_bytes_makes_a_file_harmful(name, edits):
    data = embed(PICTURES[name], RECIPE)
    for place, gone, new in edits:
        data = data[:place] + new + data[place + gone :]
    found = read_recipe(data)
    assert found is None or (found["prompt"].strip() and json.dumps(found, ensure_ascii=False).encode())
    for call in (without_words, lambda changed: embed(changed, RECIPE)):
        try:
            made = call(data)
        except ImageError:
            continue
        assert read_recipe(made) == (None if call is without_words else CORE)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\x40\0\0\0WEBPVP8 ", b""]), st.binary(max_size=200)
)
def test_no_bytes_make_reading_raise(start, rest):
    assert read_recipe(start + rest) is None


# Taking words out


@every_picture
def test_without_words_nothing_is_left_to_read_and_nothing_seen_changes(data):
    bare = without_words(embed(data, RECIPE) + b"a secret tail")
    assert look(bare) == look(data)
    assert read_recipe(bare) is None
    for trace in (b"secret", b"AIGC", b"wenwen", b"http://ns.adobe.com", b"Description"):
        assert trace not in bare
    with Image.open(io.BytesIO(bare)) as picture:
        picture.load()
        assert not getattr(picture, "text", {})
        assert not picture.info.keys() & {"xmp", "comment", "photoshop"}
        assert set(picture.getexif()) <= {0x0112}
    assert without_words(bare) == bare


@pytest.mark.parametrize("name", ["png-RGB", "png-animated", "jpeg", "jpeg-progressive", "webp", "webp-animated"])
def test_a_picture_without_words_stays_byte_for_byte(name):
    assert without_words(PICTURES[name]) == PICTURES[name]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_the_orientation_alone_stays_of_the_exif(kind, order):
    for orientation in range(10):
        tags = Image.Exif()
        tags.endian = order
        tags[0x010E], tags[0x0112] = "a secret place", orientation
        data = saved(kind, exif=tags.tobytes())
        with Image.open(io.BytesIO(data)) as before, Image.open(io.BytesIO(without_words(data))) as after:
            assert ImageOps.exif_transpose(after).tobytes() == ImageOps.exif_transpose(before).tobytes()
            assert dict(after.getexif()) == ({0x0112: orientation} if 2 <= orientation <= 8 else {})
            assert ("exif" in after.info) == (2 <= orientation <= 8)


@pytest.mark.parametrize(
    "tiff", [b"", b"II", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff" + bytes(30)]
)
def test_an_exif_that_cannot_be_read_goes_whole(tiff):
    body = b"Exif\0\0" + tiff
    jpeg = PICTURES["jpeg"][:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + PICTURES["jpeg"][2:]
    assert without_words(jpeg) == PICTURES["jpeg"]
    assert without_words(png_with(chunk(b"eXIf", tiff))) == PICTURES["png-RGB"]


def test_words_between_the_scans_of_a_jpeg_go_too():
    data = PICTURES["jpeg-progressive"]
    at = data.rindex(b"\xff\xda")
    between = data[:at] + b"\xff\xfe\0\x0asecret!!" + b"\xff\xed\0\x04ab" + data[at:]
    assert look(between) == look(data)
    assert without_words(between) == data


def test_a_jpeg_keeps_profile_and_colour_transform():
    bare = without_words(saved("JPEG", painted("CMYK"), icc_profile=ICC, exif=exif(6)))
    assert b"ICC_PROFILE\0" in bare
    assert b"Adobe\0" in bare
    assert b"secret" not in bare


def test_pictures_after_the_end_of_a_jpeg_go_with_their_list():
    data = saved("MPO", save_all=True, append_images=[painted(turn=50)])
    with Image.open(io.BytesIO(embed(data, RECIPE))) as both:
        assert both.n_frames == 2
    bare = without_words(data)
    assert b"MPF\0" not in bare
    with Image.open(io.BytesIO(bare)) as one, Image.open(io.BytesIO(data)) as first:
        assert one.format == "JPEG"
        assert one.tobytes() == first.tobytes()


def test_a_webp_no_longer_says_that_it_has_words():
    bare = without_words(embed(saved("WEBP", exif=exif(1), icc_profile=ICC), RECIPE))
    assert bare[20] == 0x20
    turned = without_words(embed(saved("WEBP", exif=exif(6), icc_profile=ICC), RECIPE))
    assert turned[20] == 0x28


def test_a_webp_shows_no_exif_that_was_not_shown_before():
    data = PICTURES["webp"]
    hidden = exif(6).removeprefix(b"Exif\0\0")
    body = data[12:] + b"EXIF" + struct.pack("<I", len(hidden)) + hidden + bytes(len(hidden) % 2)
    stray = b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body
    assert look(embed(stray, RECIPE)) == look(stray)
