"""Paints the demo's pictures: the same words, the same picture."""

import io
import struct
from collections.abc import Sequence
from functools import cache
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFont, ImageOps

from wenwen_magic.demo.canvas import Canvas, Easel, Point, mix, oval
from wenwen_magic.demo.creatures import ANIMALS
from wenwen_magic.demo.land import ground, paint_land
from wenwen_magic.demo.plan import SIZES, Plan, dice, orientation_of, plan
from wenwen_magic.demo.pond import paint_pond
from wenwen_magic.demo.sky import paint_sky, paint_weather
from wenwen_magic.demo.things import balloon, boat, branch, flowers, house, lighthouse, tree
from wenwen_magic.demo.water import paint_water

LARGEST = 40_000_000
_GRAIN = 128
_INSET = 640


def paint(
    prompt: str, orientation: str = "auto", *, variant: int = 0, references: Sequence[bytes] = (), hand: str = ""
) -> bytes:
    """Paint a prompt; gives a PNG file.

    Args:
        prompt: the words, Chinese or English.
        orientation: ``landscape`` (1536 x 1024 pixels), ``portrait`` (1024 x 1536), ``square`` (1024 x 1024) or
            ``auto``: what the prompt says, else square.
        variant: 0 for the first picture, others for further ones.
        references: picture files to show in the picture.
        hand: who paints; another name, another picture.

    Raises:
        KeyError: no such orientation.
        ValueError: a reference is not a picture, or is larger than 40 million pixels.
    """
    chance = dice(prompt, variant, hand)
    design = plan(prompt, chance)
    canvas = Canvas(*SIZES[orientation_of(prompt) if orientation == "auto" else orientation])
    _scene(canvas, design, chance)
    _hang(canvas, design, [shrink(reference) for reference in references])
    return _encode(_marked(_grained(canvas.picture)))


def as_kind(file: bytes, kind: str, size: tuple[int, int] | None) -> bytes:
    """Give a picture file as another type and size.

    Args:
        file: the picture.
        kind: ``png``, ``jpeg`` or ``webp``.
        size: width and height in pixels, cropped to; None to leave it.
    """
    with Image.open(io.BytesIO(file)) as picture:
        made = ImageOps.fit(picture.convert("RGB"), size) if size else picture.convert("RGB")
    out = io.BytesIO()
    made.save(out, kind.upper())
    return out.getvalue()


def shrink(file: bytes) -> bytes:
    """Make a reference small enough to keep: at most 640 pixels a side, JPEG.

    Args:
        file: a picture file, as it came.

    Raises:
        ValueError: it is not a picture, or is larger than 40 million pixels.
    """
    try:
        with Image.open(io.BytesIO(file)) as picture:
            if picture.width * picture.height > LARGEST:
                raise ValueError("the reference is too large")
            if picture.format == "JPEG" and max(picture.size) <= _INSET and not picture.getexif():
                picture.load()
                return file
            picture.draft("RGB", (2 * _INSET, 2 * _INSET))
            small = ImageOps.exif_transpose(picture).convert("RGBA")
    except (OSError, SyntaxError, EOFError, IndexError, struct.error, Image.DecompressionBombError) as problem:
        raise ValueError("the reference is not a picture") from problem
    small.thumbnail((_INSET, _INSET))
    paper = Image.new("RGB", small.size, (250, 246, 238))
    paper.paste(small, mask=small)
    return _encode(paper, "JPEG")


def _scene(canvas: Canvas, design: Plan, chance: Random) -> None:
    if design.backdrop == "pond":
        paint_pond(canvas, design, chance)
        return
    animals = [name for name in ANIMALS if name in design.words]
    horizon = canvas.height * (0.6 if design.water else 0.62)
    light = paint_sky(canvas, design, chance, horizon)
    paint_land(canvas, design, chance, horizon)
    if design.water:
        paint_water(canvas, design, chance, horizon, light)
    _afar(canvas, design, chance, horizon)
    _near(canvas, design, chance, animals)
    paint_weather(canvas, design, chance)


def _afar(canvas: Canvas, design: Plan, chance: Random, horizon: float) -> None:
    unit = canvas.unit
    if "balloon" in design.words:
        for size, x, y in ((250, 0.3, 0.42), (150, 0.7, 0.3), (95, 0.52, 0.2)):
            balloon(
                Easel(
                    canvas, canvas.width * (x + chance.uniform(-0.08, 0.08)), canvas.height * y + 60 * unit, size * unit
                ),
                design,
            )
    if "boat" in design.words:
        place = canvas.width * chance.choice((0.36, 0.5, 0.62))
        boat(Easel(canvas, place, horizon + 118 * unit, 330 * unit, turned=chance.random() < 0.5), design)  # noqa: PLR2004  either way
    elif design.water and "sea" in design.words and not design.words & set(ANIMALS):
        boat(Easel(canvas, canvas.width * chance.uniform(0.2, 0.8), horizon + 44 * unit, 96 * unit), design)


def _near(canvas: Canvas, design: Plan, chance: Random, animals: list[str]) -> None:
    things = design.words & {"house", "tree", "lighthouse", "flower"}
    if not animals and not things:
        return
    top = canvas.height * 0.8
    if animals and animals[0] in {"bird", "owl"}:
        branch(canvas, design, chance, canvas.height * 0.7)
    else:
        ground(canvas, design, chance, top)
        _stand(canvas, design, chance, top, things)
    if "flower" in design.words:
        flowers(canvas, design, chance, top)
    _sit(canvas, design, chance, animals)


def _stand(canvas: Canvas, design: Plan, chance: Random, top: float, things: frozenset[str]) -> None:
    unit, side = canvas.unit, chance.choice((0.27, 0.73))
    base = top + 26 * unit
    if "lighthouse" in things:
        lighthouse(Easel(canvas, canvas.width * side, base, 470 * unit), design)
    if "tree" in things:
        tree(Easel(canvas, canvas.width * (1 - side), base + 10 * unit, 560 * unit), design, chance)
    if "house" in things:
        house(Easel(canvas, canvas.width * side, base, 290 * unit), design, chance)


def _sit(canvas: Canvas, design: Plan, chance: Random, animals: list[str]) -> None:
    for i, name in enumerate(animals[:3]):
        draw, usual = ANIMALS[name]
        share = (i + 1) / (len(animals[:3]) + 1) if len(animals) > 1 else chance.choice((0.42, 0.5, 0.58))
        perched = animals[0] in {"bird", "owl"}
        y = canvas.height * (0.712 if perched else 0.93)
        size = (400 if perched else 520) * canvas.unit * (0.8 if len(animals) > 1 else 1.0)
        if not perched:
            canvas.fill(
                (10, 14, 24),
                oval(canvas.width * share, y, size * 0.36, size * 0.045),
                opacity=0.34,
                blur=7 * canvas.unit,
            )
        coat = mix(
            design.coat or usual,
            design.palette.near,
            0.16 if design.palette.dark and "winter" not in design.words else 0.0,
        )
        draw(Easel(canvas, canvas.width * share, y, size, turned=chance.random() < 0.5), coat)  # noqa: PLR2004  either way


def _hang(canvas: Canvas, design: Plan, references: Sequence[bytes]) -> None:
    for i, file in enumerate(references[:4]):
        with Image.open(io.BytesIO(file)) as inset:
            side = round((420 if len(references) == 1 else 270) * canvas.unit)
            framed = ImageOps.contain(inset.convert("RGB"), (side, side))
        framed = Image.blend(framed, Image.new("RGB", framed.size, design.palette.sky[-1]), 0.12)
        framed = ImageOps.expand(framed, round(16 * canvas.unit), (252, 248, 240))
        left, top = _corner(canvas, i, framed.size)
        right, low = left + framed.width, top + framed.height
        canvas.fill(
            (8, 12, 20),
            [(left, top + 8), (right, top + 8), (right, low + 12), (left, low + 12)],
            opacity=0.45,
            blur=12 * canvas.unit,
        )
        canvas.picture.paste(framed, (round(left), round(top)))


def _corner(canvas: Canvas, place: int, size: tuple[int, int]) -> Point:
    margin = 46 * canvas.unit
    left = margin if place % 2 == 0 else canvas.width - margin - size[0]
    return left, margin if place < 2 else margin + 330 * canvas.unit  # noqa: PLR2004  two a row


def _grained(picture: Image.Image) -> Image.Image:
    return ImageChops.add(picture, _grain(*picture.size), 1.0, -128)


@cache
def _grain(width: int, height: int) -> Image.Image:
    noise = dice("paper").randbytes(_GRAIN * _GRAIN)
    tile = Image.frombytes("L", (_GRAIN, _GRAIN), noise).point([126 + i // 52 for i in range(256)])
    sheet = Image.new("L", (width, height))
    for x in range(0, width, _GRAIN):
        for y in range(0, height, _GRAIN):
            sheet.paste(tile, (x, y))
    return Image.merge("RGB", (sheet, sheet, sheet))


def _marked(picture: Image.Image) -> Image.Image:
    plate, letters = _sign()
    place = picture.width - plate.width - 22, picture.height - plate.height - 20
    picture.paste((18, 22, 34), place, plate)
    picture.paste((255, 255, 255), place, letters)
    return picture


@cache
def _sign() -> tuple[Image.Image, Image.Image]:
    plate, letters = Image.new("L", (156, 68)), Image.new("L", (156, 68))
    ImageDraw.Draw(plate).rounded_rectangle((0, 0, 155, 67), 34, fill=72)
    ImageDraw.Draw(letters).text((78, 32), "demo", font=ImageFont.load_default(38), fill=225, anchor="mm")
    return plate.reduce(2), letters.reduce(2)


def _encode(picture: Image.Image, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, compress_level=4, quality=88)
    return file.getvalue()
