"""Paints what words ask for, edits pictures that come along, and describes them: the same request, the same bytes."""

import io
import math
import re
import struct
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from functools import cache, partial
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont, ImageOps, ImageStat
from PIL.PngImagePlugin import PngInfo

from wenwen_magic.demo import scene
from wenwen_magic.demo.canvas import WHITE, Canvas, Place, gradient, mix, oval
from wenwen_magic.demo.figures import ANIMALS, LIGHTS, NAMES, PALETTES, THINGS, WORN
from wenwen_magic.errors import ConfigError
from wenwen_magic.text.i18n import is_chinese
from wenwen_magic.text.orientation import pixels_for, shape_of

SIZES = {"square": (1024, 1024), "landscape": (1536, 1024), "portrait": (1024, 1536)}
LARGEST, LONGEST = 40_000_000, 2048
Box = tuple[int, int, int, int]
_HANGING = re.compile(r"墙上|挂|画框|\bon (?:the|a) wall\b|\bframed?\b", re.IGNORECASE)
_VIEW = re.compile(
    r"(?:zoom out|缩小|拉远) ?(?P<amount>\d(?:\.\d+)?)?|\bpan (?P<way>left|right|up|down)\b", re.IGNORECASE
)
_WAYS = {"left": (1, 0), "right": (-1, 0), "up": (0, 1), "down": (0, -1)}
"""Where the old picture goes when the view moves."""
_MUCH_WHITE = re.compile(r"留白|much white|white space", re.IGNORECASE)
_PLACES = frozenset({"sea", "mountain", "forest", "city", "hills", "fish"})
_HEIGHTS = {"tree": 520, "lighthouse": 520, "house": 300, "boat": 280, "moon": 170, "balloon": 300}
_SHAPES = {"landscape": "横幅", "square": "方形", "portrait": "竖幅"}
_DARK, _MILK = 84, (255, 252, 244)


def paint(
    prompt: str,
    orientation: str = "auto",
    *,
    variant: int = 0,
    hand: str = "",
    references: Sequence[bytes] = (),
    mask: bytes = b"",
) -> bytes:
    """Paint a prompt, or edit the first reference by it, and return a PNG file.

    Args:
        prompt: the words, Chinese or English.
        orientation: ``landscape``, ``portrait``, ``square``, or ``auto`` for what the prompt or the reference says.
        variant: 0 for the first picture, others for further ones.
        hand: who paints; another name, another picture.
        references: checked picture files: to change, or to hang in the picture where the words say so.
        mask: a PNG file, transparent where the change belongs; see :func:`within`.
    """
    chance = scene.dice(prompt, variant, hand)
    plan = scene.plan(prompt, chance)
    style = next((style for words, style in _STYLES.items() if re.search(words, prompt, re.IGNORECASE)), None)
    turn = scene.orientation_of(prompt) if orientation == "auto" else orientation
    if references and not _HANGING.search(prompt):
        base, head = opened(references[0])
        base, head = _fitted(base, head, None if mask else SIZES.get(turn))
        canvas, hung, view = Canvas(base), references[1:], _VIEW.search(prompt)
        known = bool(view or plan.words or plan.coat or style)
        if hung and not prompt.strip():
            canvas.picture, hung, known = Image.blend(base, ImageOps.fit(opened(hung[0])[0], base.size), 0.5), (), True
        elif view:
            head = _view(canvas, view, head)
        else:
            _edit(canvas, plan, chance, head, _hole(mask, base.size).getbbox() if mask else None)
        if variant or not known:
            _vary(canvas, chance, strew=not plan.words and bool(prompt.strip()))
    else:
        canvas, hung = Canvas(Image.new("RGB", SIZES[turn or "square"])), references
        head = scene.paint_scene(canvas, plan, chance)
        canvas.picture = ImageChops.add(canvas.picture, _grain(canvas.picture.size), 1.0, -128)
    if style:
        canvas.picture = style(canvas.picture, chance, 0.1 if _MUCH_WHITE.search(prompt) else 0.04)
    for place, file in enumerate(hung[:4]):
        _hang(canvas, opened(file)[0], place, 420 if len(hung) == 1 else 270)
    if not (references and b"demo-head" in references[0][:200]):  # it is signed
        _sign(canvas.picture)
    return encoded(canvas.picture, head)


def _edit(canvas: Canvas, plan: scene.Plan, chance: Random, head: Place | None, area: Box | None) -> None:
    """Change a picture by what its prompt names, anywhere or in an area; ``head`` is an animal's, None if unknown."""
    words, added = plan.words, plan.words & {*THINGS, *ANIMALS, *WORN, "flower"}
    if words & _PLACES:
        _move(canvas, replace(plan, words=words - ANIMALS.keys()), chance, head)
    else:
        _light(canvas, plan, tint=not added)
    if ImageStat.Stat(canvas.picture.convert("L")).mean[0] < _DARK:
        plan = replace(plan, palette=PALETTES["night"])
    if "night" in words:
        before = canvas.picture.copy()
        scene.stars(canvas, chance, canvas.height * 0.5)
        canvas.picture.paste(before, mask=_around(canvas, head) if head else Image.new("L", before.size))
        added |= {"moon"}
    for i, name in enumerate(sorted(added)):
        place = _spot(canvas, name, i, head, area)
        if name == "flower":
            scene.flowers(canvas, plan, chance, canvas.height * 0.84)
        elif name in WORN:
            canvas.draw(WORN[name].lines, place, plan.inks(WORN[name].coat))
        elif name in ANIMALS:
            scene.sit(canvas, plan, ANIMALS[name], place)
        else:
            scene.stand(canvas, plan, name, place)
    scene.weather(canvas, words, chance)


def _light(canvas: Canvas, plan: scene.Plan, *, tint: bool) -> None:
    """Throw the light that words name on a picture, and the colour if it is to be a tint."""
    if plan.coat and tint:
        dark, bright = mix(plan.coat, (0, 0, 0), 0.75), mix(plan.coat, WHITE, 0.85)
        toned = ImageOps.colorize(canvas.picture.convert("L"), dark, bright, plan.coat)
        canvas.picture = Image.blend(canvas.picture, toned, 0.7)
    for share, top, low in [light for word, light in LIGHTS.items() if word in plan.words]:
        light, lit = gradient((top, low), canvas.width, canvas.height), canvas.picture
        canvas.picture = Image.blend(lit, light, share) if share else ImageChops.multiply(lit, light)


def _vary(canvas: Canvas, chance: Random, *, strew: bool) -> None:
    """Show a picture in other light, for words that say nothing to the demo with sparkles on it."""
    gains = [chance.uniform(0.76, 1.2) for _ in range(3)]
    canvas.picture = canvas.picture.point([min(255, round(i * gain)) for gain in gains for i in range(256)])
    tint = chance.choice(((255, 226, 140), (255, 190, 210), (190, 226, 255)))
    scene.specks(canvas, chance, ((3.0, 60), (6.0, 24), (11.0, 9)) if strew else (), canvas.height, tint)


def _view(canvas: Canvas, found: re.Match[str], head: Place | None) -> Place | None:
    """Widen a picture's view, or move it by a third, and return where the head is then."""
    old, amount = canvas.picture, 1.0 if found["way"] else min(max(float(found["amount"] or 2), 1.01), 4.0)
    across, down = _WAYS.get(found["way"], (0, 0))
    small = old.resize((math.ceil(old.width / amount), math.ceil(old.height / amount)))
    left = (old.width - small.width) // 2 + across * old.width // 3
    top = (old.height - small.height) // 2 + down * old.height // 3
    soft = Image.new("L", small.size)
    soft.paste(255, (24, 24, max(25, small.width - 24), max(25, small.height - 24)))
    canvas.picture = ImageOps.mirror(old).filter(ImageFilter.GaussianBlur(40 * canvas.unit))
    canvas.picture.paste(small, (left, top), soft.filter(ImageFilter.BoxBlur(12)))
    return Place(head.x / amount + left, head.y / amount + top, head.size / amount) if head else None


def _move(canvas: Canvas, plan: scene.Plan, chance: Random, head: Place | None) -> None:
    """Paint other surroundings and leave only what is around the head, or in the middle."""
    old, canvas.picture = canvas.picture, Image.new("RGB", canvas.picture.size)
    scene.paint_scene(canvas, plan, chance)
    kept = _around(canvas, head or Place(canvas.width / 2, canvas.height * 0.3, canvas.width * 0.3))
    canvas.picture.paste(old, mask=kept.filter(ImageFilter.BoxBlur(30 * canvas.unit)))


def _around(canvas: Canvas, head: Place) -> Image.Image:
    """Mask an animal by its head."""
    mask = Image.new("L", canvas.picture.size)
    ImageDraw.Draw(mask).polygon(oval(head.x, head.y + 0.95 * head.size, 0.95 * head.size, 1.4 * head.size), fill=255)
    return mask


def _spot(canvas: Canvas, name: str, count: int, head: Place | None, area: Box | None) -> Place:
    """Find the place for something new: on the head, in the area, in the sky, or on the ground beside the head."""
    width, height = canvas.width, canvas.height
    left, top, right, low = area or (0, 0, width, height)
    if name in WORN:
        known = head or Place(width / 2, height * 0.36, 300 * canvas.unit)
        inside = left <= known.x <= right and top <= known.y <= low
        return known if inside else Place((left + right) / 2, low, (right - left) * 0.7)
    if area:
        size = min(low - top, right - left) * 0.92
        return Place((left + right) / 2, (top + low + size) / 2, size)
    x = 0.24 + 0.2 * count if head and head.x > width / 2 else 0.76 - 0.2 * count
    size = _HEIGHTS.get(name, 380) * canvas.unit
    y = height * 0.08 + size if name in {"moon", "balloon"} else height * 0.93
    return Place(width * x, y, size)


def _hang(canvas: Canvas, picture: Image.Image, place: int, side: float) -> None:
    """Hang a framed picture in an upper corner, the third and fourth below."""
    unit, most = canvas.unit, max(1, round(side * canvas.unit))
    framed = ImageOps.expand(ImageOps.contain(picture, (most, most)), round(16 * unit), (252, 248, 240))
    left = round(46 * unit) if place % 2 == 0 else canvas.width - round(46 * unit) - framed.width
    top, (wide, high) = round((46 + 330 * (place // 2)) * unit), framed.size
    frame = [(left, top), (left + wide, top), (left + wide, top + high), (left, top + high)]
    canvas.fill((8, 12, 20), [(x, y + 10 * unit) for x, y in frame], opacity=0.45, blur=12 * unit)
    canvas.picture.paste(framed, (left, top))


def _noise(chance: Random, size: tuple[int, int], few: int, table: Callable[[int], int]) -> Image.Image:
    """Spread soft grey noise, few spots across."""
    spots = Image.frombytes("L", (few, few), chance.randbytes(few * few))
    return spots.resize(size, Image.Resampling.BICUBIC).point([table(i) for i in range(256)])


def _watercolour(picture: Image.Image, chance: Random, margin: float) -> Image.Image:
    """Lay flowing pigment on white paper with a ragged margin."""
    wash = Image.blend(picture.filter(ImageFilter.MedianFilter(3)), Image.new("RGB", picture.size, _MILK), 0.16)
    pigment = _noise(chance, picture.size, 9, lambda i: 226 + i // 9)
    rims = picture.convert("L").filter(ImageFilter.GaussianBlur(2)).filter(ImageFilter.FIND_EDGES)
    wash = ImageChops.multiply(wash, Image.merge("RGB", [pigment] * 3))
    wash = ImageChops.subtract(wash, Image.merge("RGB", [rims.point([min(40, i) for i in range(256)])] * 3))
    edge, side = Image.new("L", picture.size), round(margin * min(picture.size)) + 1
    edge.paste(255, (side, side, max(side + 1, edge.width - side), max(side + 1, edge.height - side)))
    ragged = ImageChops.add(edge.filter(ImageFilter.BoxBlur(side)), _noise(chance, edge.size, 24, lambda i: i // 3))
    paper = Image.new("RGB", picture.size, (252, 249, 241))
    paper.paste(wash, mask=ragged.point([min(255, max(0, (i - 150) * 6)) for i in range(256)]))
    return paper


def _ink(picture: Image.Image, chance: Random, margin: float) -> Image.Image:
    """Keep ink of a picture, and a breath of its colours."""
    grey = ImageOps.autocontrast(picture.convert("L"), 1)
    washed = ImageOps.colorize(grey, (34, 34, 38), (247, 243, 233), (142, 140, 136))
    return _watercolour(Image.blend(washed, picture, 0.36), chance, margin)


_STYLES: dict[str, Callable[[Image.Image, Random, float], Image.Image]] = {
    r"水彩|\bwater-?colou?rs?\b": _watercolour,
    r"墨(?!镜)|国画|\b(?:ink|sumi-e)\b": _ink,
    r"黑白|素描|铅笔|\b(?:sketch|pencil|black and white)\b": lambda picture, _, __: picture.convert("L").convert("RGB"),
}


@cache
def _grain(size: tuple[int, int]) -> Image.Image:
    """Make the grain of paper: a small tile of noise, again and again."""
    tile = Image.frombytes("L", (128, 128), scene.dice("paper").randbytes(128 * 128))
    sheet = Image.new("L", size)
    for x in range(0, size[0], 128):
        for y in range(0, size[1], 128):
            sheet.paste(tile.point([126 + i // 52 for i in range(256)]), (x, y))
    return Image.merge("RGB", (sheet, sheet, sheet))


def _sign(picture: Image.Image) -> None:
    """Write ``demo`` into the lower right corner."""
    plate, letters = Image.new("L", (156, 68)), Image.new("L", (156, 68))
    ImageDraw.Draw(plate).rounded_rectangle((0, 0, 155, 67), 34, fill=72)
    ImageDraw.Draw(letters).text((78, 32), "demo", font=ImageFont.load_default(38), fill=225, anchor="mm")
    place = picture.width - 100, picture.height - 54
    picture.paste((18, 22, 34), place, plate.reduce(2))
    picture.paste((255, 255, 255), place, letters.reduce(2))


def check(file: bytes) -> bytes:
    """Give an editable picture file, at most 2048 pixels a side; ValueError for none, or above 40 million pixels."""
    try:
        with Image.open(io.BytesIO(file)) as picture:
            if picture.width * picture.height > LARGEST:
                raise ValueError("the reference is too large")
            picture.load()
            if max(picture.size) <= LONGEST:
                return file
            small = ImageOps.exif_transpose(picture).convert("RGBA")
    except (OSError, SyntaxError, EOFError, IndexError, struct.error, Image.DecompressionBombError) as problem:
        raise ValueError("the reference is not a picture") from problem
    small.thumbnail((LONGEST, LONGEST))
    return encoded(small)


def within(new: bytes, old: bytes, mask: bytes) -> bytes:
    """Lay a changed picture over the old one where a mask of its size is transparent; the rest stays as it was."""
    below, head = opened(old)
    above = ImageOps.fit(opened(new)[0], below.size)
    return encoded(Image.composite(above, below, _hole(mask, below.size)), head)


def _hole(mask: bytes, size: tuple[int, int]) -> Image.Image:
    """Make white of all that a mask leaves transparent."""
    with Image.open(io.BytesIO(mask)) as picture:
        alpha = picture.convert("RGBA").getchannel("A").resize(size, Image.Resampling.NEAREST)
    return alpha.point([255] + [0] * 255)


def as_kind(file: bytes, kind: str, size: tuple[int, int] | None) -> bytes:
    """Give a picture file as ``png``, ``jpeg`` or ``webp``, and cropped to a size unless that is None."""
    return encoded(*_fitted(*opened(file), size), kind)


def coarse(file: bytes, spots: int, side: int, kind: str = "png") -> bytes:
    """Draw a coarse preview: ``spots`` squares along the longer side, which has ``side`` pixels."""
    picture, _ = opened(file)
    long = max(picture.size)
    few = max(1, picture.width * spots // long), max(1, picture.height * spots // long)
    many = max(1, picture.width * side // long), max(1, picture.height * side // long)
    spotted = picture.resize(few, Image.Resampling.BOX).resize(many, Image.Resampling.BICUBIC)
    return encoded(spotted, None, kind)


def opened(file: bytes) -> tuple[Image.Image, Place | None]:
    """Open a picture file upright, on paper where it is transparent, and return where it notes that a head is, too."""
    with Image.open(io.BytesIO(file)) as picture:
        noted = re.fullmatch(r"(0\.\d+) (0\.\d+) (0\.\d+)", str(picture.info.get("demo-head", "")))
        upright = ImageOps.exif_transpose(picture).convert("RGBA")
    paper = Image.new("RGB", upright.size, (250, 246, 238))
    paper.paste(upright, mask=upright)
    x, y, size = map(float, noted.groups()) if noted else (0.0, 0.0, 0.0)
    return paper, Place(x * paper.width, y * paper.height, size * paper.width) if noted else None


def encoded(picture: Image.Image, head: Place | None = None, kind: str = "png") -> bytes:
    """Write a picture file; a PNG notes where the head is, in shares of the width and height."""
    file, noted = io.BytesIO(), PngInfo()
    shares = (head.x / picture.width, head.y / picture.height, head.size / picture.width) if head else ()
    noted.add_text("demo-head", " ".join(f"{share:.5f}" for share in shares))
    picture.save(file, kind.upper(), pnginfo=noted, compress_level=4, quality=90)
    return file.getvalue()


def _fitted(picture: Image.Image, head: Place | None, size: tuple[int, int] | None) -> tuple[Image.Image, Place | None]:
    """Scale and crop a picture to a size unless that is None, and follow the head."""
    if size is None:
        return picture, head
    scale = max(size[0] / picture.width, size[1] / picture.height)
    left, top = (picture.width * scale - size[0]) / 2, (picture.height * scale - size[1]) / 2
    moved = Place(head.x * scale - left, head.y * scale - top, head.size * scale) if head else None
    return ImageOps.fit(picture, size), moved


def size_for(ratio: str) -> tuple[int, int] | None:
    """Return the size for a ratio (``16:9``); None where a usual size has it, and for a ratio that cannot be."""
    with suppress(ConfigError):
        shape = shape_of(ratio)
        if not any(shape.ratio == Fraction(*size) for size in SIZES.values()):
            return pixels_for(shape, math.prod(SIZES["landscape"]), (LONGEST, LONGEST), 16)
    return None


def turn_of(size: tuple[int, int]) -> str:
    """Tell the orientation of a size."""
    return "square" if size[0] == size[1] else "landscape" if size[0] > size[1] else "portrait"


def describe(question: str, pictures: Sequence[bytes]) -> str:
    """Describe pictures in the question's language, as a Markdown list; errors as for :func:`check`."""
    chinese = is_chinese(question)
    english = "What is there (the demo sees colours and shapes only):"
    lines = ["图片内容（演示服务只看颜色和形状）：" if chinese else english, ""]
    for number, file in enumerate(pictures, 1):
        picture, _ = opened(check(file))
        turn, size = turn_of(picture.size), "{}×{}".format(*picture.size)
        data = picture.resize((24, 24)).tobytes()
        few = Counter(min(NAMES, key=partial(math.dist, data[i : i + 3])) for i in range(0, len(data), 3))
        names = [NAMES[tint][chinese] for tint, _ in few.most_common(2)]
        if chinese:
            lines.append(f"- **第 {number} 张**：{_SHAPES[turn]}，{size} 像素，以{'、'.join(names)}为主")
        else:
            lines.append(f"- **Picture {number}**: {turn}, {size} pixels, mostly {' and '.join(names)}")
    return "\n".join(lines)
