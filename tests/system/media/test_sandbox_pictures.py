"""What is made of pictures: previews as a person sees them, contact sheets, references that a relay accepts."""

import io
from pathlib import Path

import pytest
from PIL import Image, ImageCms
from support.pictures import encoded, moving, noise, png

from wenwen_magic.errors import ImageError
from wenwen_magic.media.sandbox import SandboxPool


class Folder:
    """A folder with a pool: bytes in, what was found and made out."""

    def __init__(self, path: Path, pool: SandboxPool) -> None:
        self.path, self.pool = path, pool

    def inspect(self, data: bytes):
        (self.path / "picture").write_bytes(data)
        return self.pool.inspect(self.path / "picture", self.path / "preview")

    def convert(self, data: bytes, **options):
        (self.path / "picture").write_bytes(data)
        return self.pool.convert(self.path / "picture", self.path / "converted", **options)

    def preview(self) -> Image.Image:
        return Image.open(io.BytesIO((self.path / "preview").read_bytes()))

    def shows(self, colour) -> bool:
        return all(abs(a - b) < 5 for a, b in zip(self.preview().getpixel((150, 150)), colour, strict=True))

    def converted(self) -> Image.Image:
        return Image.open(io.BytesIO((self.path / "converted").read_bytes()))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    pool = SandboxPool()
    yield Folder(tmp_path_factory.mktemp("made"), pool)
    pool.close()


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (encoded(noise(1600, 900), "PNG"), (768, 432)),
        (png(3000, 1), (768, 1)),
        (encoded(noise(257, 300), "PNG"), (257, 300)),
    ],
)
def test_a_preview_is_at_most_768_pixels_a_side_and_never_enlarged(made, data, size):
    made.inspect(data)
    assert made.preview().size == size


def test_a_small_picture_and_one_that_shows_through_get_a_png(made):
    assert made.inspect(encoded(noise(256, 256), "JPEG")).preview_mime == "image/png"
    through, opaque = noise(300, 300, "RGBA"), noise(300, 300).convert("RGBA")
    assert made.inspect(encoded(through, "WEBP")).preview_mime == "image/png"
    assert made.preview().mode == "RGBA"
    assert made.inspect(encoded(opaque, "PNG")).preview_mime == "image/jpeg"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_to_sizes_and_previews(made, orientation):
    picture = Image.new("RGB", (400, 300), "white")
    picture.paste("red", (0, 0, 100, 100))
    exif = Image.Exif()
    exif[0x0112] = orientation
    said = made.inspect(encoded(picture, "JPEG", exif=exif, quality=95))
    size = (400, 300) if orientation < 5 else (300, 400)
    corner = [(5, 5), (-5, 5), (-5, -5), (5, -5), (5, 5), (-5, 5), (-5, -5), (5, -5)][orientation - 1]
    assert ((said.width, said.height), made.preview().size) == (size, size)
    red, green, _ = made.preview().getpixel(tuple(at % side for at, side in zip(corner, size, strict=True)))
    assert red - green > 150
    assert not made.preview().getexif()


def test_unusual_modes_keep_their_look(made):
    deep = Image.new("I;16", (300, 300), 0x8000)
    cases = [
        (encoded(Image.new("CMYK", (300, 300), (0, 255, 255, 0)), "JPEG"), (255, 0, 0)),
        (encoded(deep, "PNG"), (127, 127, 127)),
        (encoded(Image.new("1", (300, 300), 1), "PNG"), (255, 255, 255)),
        (encoded(Image.new("RGB", (300, 300), (0, 255, 0)).quantize(4), "PNG"), (0, 255, 0)),
        (encoded(Image.new("L", (300, 300), 80), "JPEG"), (80, 80, 80)),
    ]
    for data, colour in cases:
        assert made.inspect(data).preview_mime == "image/jpeg"
        assert made.shows(colour)


def test_a_palette_with_a_hole_shows_through(made):
    holed = Image.new("P", (300, 300), 1)
    holed.putpalette([255, 0, 0, 0, 0, 255])
    for kind in ("PNG", "GIF"):
        assert made.inspect(encoded(holed, kind, transparency=1)).preview_mime == "image/png"
        assert made.preview().getpixel((9, 9))[3] == 0


def test_a_moving_picture_shows_its_first_frame(made):
    for kind in ("GIF", "WEBP", "PNG"):
        frames = [Image.new("RGB", (300, 300), colour) for colour in ("red", "blue")]
        assert made.inspect(encoded(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True))
        assert made.preview().getpixel((9, 9))[0] > 250


def test_colours_are_turned_into_srgb_and_the_profile_is_dropped(made):
    usual = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = usual.replace(b"rXYZ", b"    ").replace(b"bXYZ", b"rXYZ").replace(b"    ", b"bXYZ", 1)
    for profile, colour in ((usual, (200, 30, 30)), (b"nonsense", (200, 30, 30)), (swapped, (30, 30, 200))):
        made.inspect(encoded(Image.new("RGB", (300, 300), (200, 30, 30)), "PNG", icc_profile=profile))
        assert "icc_profile" not in made.preview().info
        assert made.shows(colour)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_the_relay_reads_passes_byte_for_byte(made, kind):
    data = encoded(noise(), kind)
    assert made.convert(data).mime == f"image/{kind.lower()}"
    assert (made.path / "converted").read_bytes() == data


def test_a_picture_with_a_place_or_turned_is_written_anew(made):
    placed, turned = Image.Exif(), Image.Exif()
    placed.get_ifd(0x8825)[1] = "N"
    turned[0x0112] = 6
    for exif, size in ((placed, (300, 260)), (turned, (260, 300))):
        said = made.convert(encoded(noise(), "JPEG", exif=exif))
        assert (said.mime, (said.width, said.height)) == ("image/jpeg", size)
        assert (made.converted().size, len(made.converted().getexif())) == (size, 0)
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><exif:GPSLatitude>1</exif:GPSLatitude></x:xmpmeta>'
    assert made.convert(encoded(noise(), "JPEG", xmp=xmp))
    assert "xmp" not in made.converted().info


def test_large_moving_and_foreign_pictures_are_written_anew(made):
    assert made.convert(encoded(noise(300, 260), "PNG"), max_side=150).width == 150
    assert made.convert(moving("WEBP")).mime == "image/jpeg"
    assert made.convert(encoded(noise(), "AVIF")).mime == "image/jpeg"
    assert made.convert(encoded(noise(99, 99, "RGBA"), "AVIF")).mime == "image/png"
    with pytest.raises(ImageError) as caught:
        made.convert(encoded(noise(), "JPEG")[:-400])
    assert (caught.value.text, caught.value.charged) == ("truncated", "no")


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (2, 2), (5, 3), (300, 18)])
def test_a_contact_sheet_holds_all_previews_and_is_at_most_768_wide(made, count, columns):
    preview, target = made.path / "one.png", made.path / "sheet.jpg"
    preview.write_bytes(encoded(Image.new("RGBA", (100, 50), "blue"), "PNG"))
    said = made.pool.sheet([preview] * count, target)
    sheet = Image.open(target)
    assert (said.mime, sheet.format, sheet.size) == ("image/jpeg", "JPEG", (said.width, said.height))
    assert sheet.width <= 768
    blue = sum(sheet.getchannel("R").histogram()[:128])
    side = min(100, 768 // columns - 3)
    assert blue > count * side * side // 2 * 0.6


def test_a_contact_sheet_with_a_broken_preview_is_refused(made):
    (made.path / "broken").write_bytes(b"{}")
    with pytest.raises(ImageError) as caught:
        made.pool.sheet([made.path / "broken"], made.path / "none")
    assert caught.value.text == "not-a-picture"
    assert not (made.path / "none").exists()
