"""What every viewer opens is opened: notes of any size and kind are passed over, and so is what comes after the end."""

import os
import struct
import zlib

import pytest
from PIL import Image, ImageCms
from support.pictures import chunk, encoded, moving, noise, png, riff

from wenwen_magic.errors import ImageError
from wenwen_magic.media.file_parts import png_without_notes
from wenwen_magic.records import GeneratedImage

PNG, JPEG, GIF, WEBP = (encoded(noise(40, 30), kind) for kind in ("PNG", "JPEG", "GIF", "WEBP"))
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SWAPPED = SRGB.replace(b"rXYZ", b"    ").replace(b"bXYZ", b"rXYZ").replace(b"    ", b"bXYZ", 1)
WORKFLOW = b'{"class_type": "KSampler"}' * 200_000
NOISE = os.urandom(5 << 20)
TURNED = b"MM\0*\0\0\0\x08" + struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, 6, 0, 0)


@pytest.fixture
def opened(pool, tmp_path):
    def open_(data):
        (tmp_path / "picture").write_bytes(data)
        return pool.inspect(tmp_path / "picture", tmp_path / "preview")

    return open_


def with_notes(*chunks, data=PNG):
    """The picture with chunks behind its header."""
    return data[:33] + b"".join(chunks) + data[33:]


def late(*chunks):
    return PNG[:-12] + b"".join(chunks) + PNG[-12:]


def packed(data):
    return zlib.compress(data, 1)


def spoilt(part):
    return part[:-1] + bytes([part[-1] ^ 1])


def segments(*bodies, marker):
    parts = [b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body for body in bodies]
    return JPEG[:2] + b"".join(parts) + JPEG[2:]


def without_other_pictures(mpo):
    """The first picture of several, whose list still names the others, as it comes from some picture hosts."""
    return mpo[: mpo.index(b"\xff\xd8\xff", 10)]


OPENED = {
    "a workflow of 5 MiB, packed": lambda: with_notes(chunk(b"zTXt", b"workflow\0\0" + packed(WORKFLOW))),
    "the same in Unicode": lambda: with_notes(chunk(b"iTXt", b"workflow\0\1\0\0\0" + packed(WORKFLOW))),
    "the same behind the pixels": lambda: late(chunk(b"zTXt", b"workflow\0\0" + packed(WORKFLOW))),
    "5 MiB of plain text": lambda: with_notes(chunk(b"tEXt", b"prompt\0" + WORKFLOW)),
    "5 MiB of plain Unicode": lambda: with_notes(chunk(b"iTXt", b"prompt\0\0\0\0\0" + WORKFLOW)),
    "70 MiB of plain text": lambda: with_notes(*[chunk(b"tEXt", b"prompt\0" + WORKFLOW)] * 14),
    "200 packed texts of 1 MiB": lambda: with_notes(*[chunk(b"zTXt", b"p\0\0" + packed(bytes(1 << 20)))] * 200),
    "20,000 texts": lambda: with_notes(*[chunk(b"tEXt", b"key\0" + b"value" * 20)] * 20_000),
    "a text that unpacks to 200 MiB": lambda: with_notes(chunk(b"zTXt", b"p\0\0" + packed(bytes(200 << 20)))),
    "a text packed in an unknown way": lambda: with_notes(chunk(b"zTXt", b"p\0\x07text")),
    "a text that cannot be unpacked": lambda: with_notes(chunk(b"zTXt", b"p\0\0text")),
    "an empty text": lambda: with_notes(chunk(b"iTXt", b""), chunk(b"tEXt", b""), chunk(b"zTXt", b"")),
    "XMP of 5 MiB": lambda: with_notes(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + WORKFLOW)),
    "packed XMP of 5 MiB": lambda: with_notes(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + packed(WORKFLOW))),
    "XMP of 1 MiB 200 times": lambda: with_notes(
        *[chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + packed(bytes(1 << 20)))] * 200
    ),
    "two profiles": lambda: with_notes(*[chunk(b"iCCP", b"p\0\0" + packed(SRGB))] * 2),
    "a profile of 5 MiB": lambda: with_notes(chunk(b"iCCP", b"p\0\0" + packed(SRGB + NOISE))),
    "a profile that is none": lambda: with_notes(chunk(b"iCCP", b"p\0\0" + packed(b"nonsense"))),
    "a profile that cannot be unpacked": lambda: with_notes(chunk(b"iCCP", b"p\0\0nonsense")),
    "a profile packed in an unknown way": lambda: with_notes(chunk(b"iCCP", b"p\0\x07nonsense")),
    "an empty profile": lambda: with_notes(chunk(b"iCCP", b"")),
    "EXIF of 5 MiB": lambda: with_notes(chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\0" + NOISE)),
    "EXIF that is none": lambda: with_notes(chunk(b"eXIf", b"MMMM")),
    "a signed origin of 5 MiB": lambda: with_notes(chunk(b"caBX", NOISE)),
    "a chunk nobody knows": lambda: with_notes(chunk(b"abCd", NOISE)),
    "a text with a wrong checksum": lambda: with_notes(spoilt(chunk(b"tEXt", b"a\0b"))),
    "the same behind the pixels, too": lambda: late(spoilt(chunk(b"tEXt", b"a\0b"))),
    "a profile with a wrong checksum": lambda: with_notes(spoilt(chunk(b"iCCP", b"p\0\0" + packed(SRGB)))),
    "an end with a wrong checksum": lambda: spoilt(PNG),
    **{
        f"{kind.decode()} cut short": lambda kind=kind: with_notes(chunk(kind, b"\0"))
        for kind in (b"gAMA", b"pHYs", b"cHRM", b"tRNS")
    },
    "an empty sRGB": lambda: with_notes(chunk(b"sRGB", b"")),
    "a list of frames that is none": lambda: with_notes(chunk(b"acTL", b"\0")),
    "frames that do not fit": lambda: with_notes(chunk(b"acTL", struct.pack(">II", 2, 0)), chunk(b"fcTL", bytes(26))),
    "frames that never come": lambda: with_notes(chunk(b"acTL", struct.pack(">II", 5, 0))),
    "bytes behind a PNG": lambda: PNG + NOISE,
    "a zip behind a PNG": lambda: PNG + b"PK\3\4" + bytes(99),
    "two PNG in one file": lambda: PNG + PNG,
    "bytes behind a JPEG": lambda: JPEG + NOISE,
    "a JPEG with a film behind it": lambda: JPEG + b"\0\0\0\x18ftypmp42" + bytes(99_999),
    "zeros behind a JPEG": lambda: JPEG + bytes(4096),
    "a JPEG of 13 MB of notes": lambda: segments(*[b"x" * 65_000] * 200, marker=0xE5),
    "a JPEG with 13 MB of comments": lambda: segments(*[b"x" * 65_000] * 200, marker=0xFE),
    "a JPEG with all the XMP that fits": lambda: segments(
        b"http://ns.adobe.com/xap/1.0/\0" + b"x" * 65_000, marker=0xE1
    ),
    "a JPEG with broken EXIF": lambda: segments(b"Exif\0\0nonsense", marker=0xE1),
    "a JPEG with half a profile": lambda: segments(b"ICC_PROFILE\0\1\2nonsense", marker=0xE2),
    "a JPEG with a profile of 3 MiB": lambda: encoded(noise(40, 30), "JPEG", icc_profile=SRGB + NOISE[: 3 << 20]),
    "a JPEG with broken Photoshop notes": lambda: segments(
        b"Photoshop 3.0\x008BIM\4\4\0\0\xff\xff\xff\xff", marker=0xED
    ),
    "a JPEG with a broken list of pictures": lambda: segments(b"MPF\0nonsense", marker=0xE2),
    "a JPEG whose further pictures were taken away": lambda: without_other_pictures(moving("MPO")),
    "the same with zeros in their place": lambda: without_other_pictures(moving("MPO")) + bytes(999),
    "bytes behind several JPEG": lambda: moving("MPO") + b"x" * 99,
    "filling bytes in a JPEG": lambda: JPEG[:2] + b"\xff\xff\xff" + JPEG[2:],
    "a progressive JPEG": lambda: encoded(noise(40, 30), "JPEG", progressive=True),
    "a JPEG for print": lambda: encoded(noise(40, 30).convert("CMYK"), "JPEG"),
    "a grey JPEG": lambda: encoded(noise(40, 30).convert("L"), "JPEG"),
    "a WebP with XMP, EXIF and profile": lambda: encoded(
        noise(40, 30), "WEBP", exif=b"Exif\0\0" + TURNED[:8] + b"\0\0", xmp=WORKFLOW, icc_profile=SRGB
    ),
    "a WebP with a profile that is none": lambda: encoded(noise(40, 30), "WEBP", icc_profile=b"nonsense"),
    "a WebP with a chunk nobody knows": lambda: riff(WEBP[12:] + b"ABCD" + struct.pack("<I", 4) + b"abcd"),
    "bytes behind a WebP": lambda: WEBP + NOISE,
    "a moving WebP": lambda: moving("WEBP"),
    "a moving PNG": lambda: moving("PNG"),
    "a moving GIF": lambda: moving("GIF"),
    "bytes behind a GIF": lambda: GIF + NOISE,
    "bytes behind a moving GIF": lambda: moving("GIF") + b"x",
    "a GIF with comments": lambda: encoded(noise(40, 30), "GIF", comment=b"x" * 100_000),
    "a GIF with a zero too many": lambda: GIF[:-1] + b"\0\0;",
    "bytes behind an AVIF": lambda: encoded(noise(40, 30), "AVIF") + b"x" * 999,
    "a deep grey PNG": lambda: encoded(Image.new("I;16", (40, 30), 0x8000), "PNG"),
    "a deep PNG": lambda: png(40, 30, depth=16, colour=2),
    "a PNG of two colours": lambda: png(40, 30),
    "a PNG with a palette that shows through": lambda: encoded(noise(40, 30).quantize(9), "PNG", transparency=3),
}


@pytest.mark.parametrize("name", OPENED)
def test_what_viewers_open_is_opened_and_a_png_by_pillow_in_the_kernel_too(name, opened, tmp_path):
    data = OPENED[name]()
    found = opened(data)
    assert (found.width, found.height) == (40, 30)
    if data.startswith(b"\x89PNG"):
        (tmp_path / "picture.png").write_bytes(data)
        image = GeneratedImage(tmp_path / "picture.png", "image/png", 40, 30)
        assert image.pil().size == (40, 30)


def test_a_file_with_nothing_to_leave_out_is_not_copied_in_memory():
    assert png_without_notes(PNG) is PNG
    for data in (with_notes(chunk(b"tEXt", b"Comment\0x")), PNG + b"\0", PNG[:-1] + b"\0"):
        assert png_without_notes(data) == PNG


def test_one_pixel_is_a_picture(opened):
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "AVIF"):
        assert opened(encoded(noise(1, 1), kind)).width == 1


@pytest.mark.parametrize(
    "data",
    {
        "no end": lambda: PNG[:-12],
        "half an end": lambda: PNG[:-3],
        "half a text behind the pixels": lambda: late(chunk(b"tEXt", b"a\0" + b"b" * 999))[:-400],
        "pixels with a wrong checksum": lambda: PNG[:-13] + bytes([PNG[-13] ^ 1]) + PNG[-12:],
        "half a text before the pixels": lambda: with_notes(chunk(b"tEXt", WORKFLOW))[:-9999],
        "only the end's name in a text": lambda: with_notes(chunk(b"tEXt", b"a\0IEND\xaeB`\x82"))[:-40],
        "no end of a JPEG": lambda: JPEG[:-2],
        "no end of a GIF": lambda: GIF[:-1],
        "half a GIF that has an end in its comment": lambda: GIF[:-1] + b"!\xfe\x05ab\0;c",
        "half of the second picture": lambda: moving("MPO")[:-700],
    }.items(),
    ids=lambda item: item[0],
)
def test_what_is_cut_off_is_told_as_cut_off(data, opened):
    with pytest.raises(ImageError) as caught:
        opened(data[1]())
    assert caught.value.text == "truncated"


@pytest.mark.parametrize(
    "data",
    {
        "a PNG of 400,000 notes": lambda: with_notes(chunk(b"abCd", b"") * 400_000),
        "a PNG of 400,000 pieces": lambda: late(chunk(b"IDAT", b"") * 400_000),
        "a GIF of 400,000 comments": lambda: GIF[:-1] + b"!\xfe\1x\0" * 400_000 + b";",
        "a GIF of 400,000 pieces": lambda: GIF[:-1] + b"!\xfe" + b"\1x" * 400_000 + b"\0;",
        "a JPEG of 400,000 notes": lambda: JPEG[:2] + b"\xff\xe5\0\2" * 400_000 + JPEG[2:],
    }.items(),
    ids=lambda item: item[0],
)
def test_a_file_of_too_many_parts_is_too_much_work(data, opened):
    with pytest.raises(ImageError) as caught:
        opened(data[1]())
    assert caught.value.text == "effort"


def test_a_note_too_many_takes_neither_colours_nor_turn_nor_holes_from_a_picture(pool, tmp_path, opened):
    workflow = chunk(b"zTXt", b"workflow\0\0" + packed(WORKFLOW))
    red = encoded(Image.new("RGB", (300, 280), (200, 30, 30)), "PNG")
    swapped = chunk(b"iCCP", b"p\0\0" + packed(SWAPPED))
    assert opened(with_notes(workflow, swapped, data=red)).width == 300
    assert Image.open(tmp_path / "preview").getpixel((9, 9))[2] > 180
    found = opened(with_notes(workflow, chunk(b"eXIf", TURNED), data=red))
    assert (found.width, found.height) == (280, 300)
    holed = encoded(noise(300, 280).quantize(9), "PNG", transparency=bytes(9))
    assert opened(with_notes(workflow, data=holed)).preview_mime == "image/png"


def converted(pool, tmp_path, data):
    (tmp_path / "picture").write_bytes(data)
    pool.convert(tmp_path / "picture", tmp_path / "converted", max_side=2048)
    return (tmp_path / "converted").read_bytes()


def test_a_reference_with_a_large_note_passes_byte_for_byte(pool, tmp_path):
    data = OPENED["a workflow of 5 MiB, packed"]()
    assert converted(pool, tmp_path, data) == data


@pytest.mark.parametrize("name", ["XMP of 5 MiB", "packed XMP of 5 MiB", "a moving PNG"])
def test_a_reference_that_may_hold_a_place_unseen_or_moves_is_written_anew(name, pool, tmp_path):
    data = OPENED[name]()
    assert len(converted(pool, tmp_path, data)) < len(data)


def test_a_place_in_small_packed_xmp_is_seen(pool, tmp_path):
    place = b"<x:xmpmeta><exif:GPSLatitude>1</exif:GPSLatitude></x:xmpmeta>"
    for body in (b"\0\0\0\0" + place, b"\1\0\0\0" + packed(place)):
        data = with_notes(chunk(b"iTXt", b"XML:com.adobe.xmp\0" + body))
        assert converted(pool, tmp_path, data)[:2] == b"\xff\xd8"
