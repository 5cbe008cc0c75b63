"""Plans a picture by its prompt's words and paints it: sky, land, water, and the figures in them."""

import hashlib
import math
import re
from dataclasses import dataclass, replace
from random import Random

from PIL import Image, ImageOps

from wenwen_magic.demo import figures
from wenwen_magic.demo.canvas import LAMP, WHITE, Canvas, Colour, Place, Point, gradient, mix, oval, ribbon
from wenwen_magic.demo.figures import ANIMALS, PALETTES, PARTS, THINGS, Figure, Palette, inks

_HORIZON = 0.61
_LAYERS = 4
_LEAVES = {"winter": (226, 236, 244), "autumn": (210, 88, 48), "spring": (240, 160, 180)}
_KOI = ((224, 84, 46), (236, 120, 52), (58, 56, 66), (226, 104, 52))


@dataclass(frozen=True)
class Plan:
    """What is to be painted."""

    words: frozenset[str]  # the names of all that the prompt speaks of
    backdrop: str  # ``hills``, ``mountain``, ``forest``, ``city`` or ``pond``
    water: bool  # whether the land is mirrored in water
    palette: Palette  # the colours
    coat: Colour | None  # the colour the prompt asks for

    def inks(self, usual: Colour | None) -> dict[str, Colour]:
        """Mix the inks for a figure by its usual coat."""
        share = 0.16 if self.palette.dark and "winter" not in self.words else 0.0
        return inks(self.coat or usual or self.palette.accent, self.palette.near, share)

    def tone(self, share: float) -> Colour:
        """Give the colour of the land: 0 for the most distant, 1 at one's feet."""
        return mix(mix(self.palette.far, self.palette.sky[-1], 0.25), self.palette.near, share**1.25)


RATIO = re.compile(r"(?:aspect ratio|宽高比)\s*(?P<ratio>\d+:\d+)", re.IGNORECASE)
"""How a prompt asks for a ratio."""
_RESOLUTION = r"\b[124]K (?:resolution|分辨率)"


def orientation_of(prompt: str) -> str:
    """Tell ``landscape``, ``portrait`` or ``square`` by the last word about it; nothing without one."""
    turns = figures.TURNS.items()
    found = [(hit.end(), name) for name, words in turns for hit in re.finditer(words, prompt, re.IGNORECASE)]
    return max(found, default=(0, ""))[1]


def dice(prompt: str, *marks: object) -> Random:
    """Make the chance that paints a prompt: the same for the same words and marks, whatever the orientation."""
    turnless = re.sub("|".join([RATIO.pattern, _RESOLUTION, *figures.TURNS.values()]), " ", prompt, flags=re.IGNORECASE)
    words = re.sub(r"[\W_]+", " ", turnless).strip().lower()
    seed = hashlib.sha256(repr((words, *marks)).encode("utf-8", "surrogatepass")).digest()
    return Random(seed)  # noqa: S311  a brush, not a lock


def plan(prompt: str, chance: Random) -> Plan:
    """Decide what is painted; chance decides what the words leave open."""
    words = figures.words_in(prompt)
    free = chance.choice(("hills", "hills", "mountain", "forest"))
    calm = words & {"flower", "house", "sea", "tree", "hills"}
    named = (name for name in ("city", "forest", "mountain") if name in words)
    backdrop = next(named, "hills" if calm else free)
    if "fish" in words and not words & {"sea", "boat", *ANIMALS}:
        backdrop = "pond"
    water = bool(words & {"sea", "boat", "lighthouse"}) or backdrop == "city"
    water = water or (backdrop == "mountain" and not words & {"house", "tree", "flower"})
    hours = next(hours for word, hours in figures.HOURS.items() if word in {*words, "any"})
    if words & {"night", "moon"} and "ink" not in words:
        hours = "frost" if "winter" in words else "night"
    elif "winter" in words:
        hours = "winter"
    return Plan(words, backdrop, water, PALETTES[chance.choice(hours.split())], figures.coat_in(prompt))


def paint_scene(canvas: Canvas, plan: Plan, chance: Random) -> Place | None:
    """Paint a whole picture, and return where the first animal's head is: its top, and its width as the size."""
    if plan.backdrop == "pond":
        _pond(canvas, plan, chance)
        return None
    horizon = canvas.height * _HORIZON
    light = _sky(canvas, plan, chance, horizon)
    {"mountain": _mountains, "city": _town}.get(plan.backdrop, _layers)(canvas, plan, chance, horizon)
    if plan.water:
        _mirror(canvas, plan, chance, horizon, light)
    _afar(canvas, plan, chance, horizon)
    head = _near(canvas, plan, chance)
    weather(canvas, plan.words, chance)
    return head


def specks(canvas: Canvas, chance: Random, kinds: tuple[tuple[float, int], ...], bottom: float, ink: Colour) -> None:
    """Scatter stars or flakes above a height in pixels, the given number of each size."""
    for size, count in kinds:
        radius = size * canvas.unit
        spots = [(chance.uniform(0, canvas.width), bottom * chance.random()) for _ in range(count)]
        canvas.fill(ink, *(oval(x, y, radius, radius)[::4] for x, y in spots), opacity=0.85)


def stars(canvas: Canvas, chance: Random, bottom: float) -> None:
    """Let stars shine above a height in pixels, the more the higher."""
    for share in (1.0, 0.5):
        specks(canvas, chance, ((0.9, 60), (1.5, 24), (2.3, 7)), bottom * share, (255, 250, 230))


def weather(canvas: Canvas, words: frozenset[str], chance: Random) -> None:
    """Let snow or rain fall where the words speak of it."""
    if "winter" in words:
        specks(canvas, chance, ((2.0, 120), (3.6, 60), (6.0, 18)), canvas.height, WHITE)
    if words & {"rain", "storm"}:
        long = 34 * canvas.unit
        drops = [(chance.uniform(0, canvas.width), chance.uniform(0, canvas.height)) for _ in range(170)]
        streaks = [ribbon([(x, y), (x - long * 0.22, y + long)], 1.8 * canvas.unit) for x, y in drops]
        canvas.fill(WHITE, *streaks, opacity=0.4)


def _shine(canvas: Canvas, palette: Palette, place: Point, radius: float) -> None:
    canvas.glow(*place, radius * 6.5, mix(palette.light, palette.sky[-1], 0.3), 0.55)
    canvas.glow(*place, radius * 2.4, palette.light, 0.5)


def _sky(canvas: Canvas, plan: Plan, chance: Random, horizon: float) -> float:
    """Paint all above the horizon, and return the sun's or moon's place across."""
    sky, tint, dark = plan.palette.sky, plan.palette.light, plan.palette.dark
    canvas.picture.paste(gradient(sky, canvas.width, canvas.height), (0, 0))
    radius = chance.uniform(64, 104) * canvas.unit * (1.5 if "moon" in plan.words else 1.0) * (0.8 if dark else 1.0)
    x = canvas.width * chance.choice((chance.uniform(0.24, 0.38), chance.uniform(0.62, 0.76)))
    y = horizon * (chance.uniform(0.28, 0.42) if dark else chance.uniform(0.4, 0.72))
    if dark:
        stars(canvas, chance, horizon)
        stand(canvas, plan, "moon", Place(x, y + radius, 2 * radius))
    elif "storm" not in plan.words:
        _shine(canvas, plan.palette, (x, y), radius)
        canvas.fill(tint, oval(x, y, radius, radius), fade=mix(tint, sky[-2], 0.25))
    puff = mix(sky[1], sky[-1], 0.5) if dark or "storm" in plan.words else mix(sky[-1], WHITE, 0.5)
    for i in range(chance.randint(3, 5)):
        high, long = horizon * (0.12 + 0.17 * i + chance.uniform(-0.04, 0.04)), chance.uniform(170, 360) * canvas.unit
        cloud = Place(chance.uniform(0, canvas.width), high, long * (1 - 0.1 * i), flip=chance.randrange(2) > 0)
        canvas.draw(PARTS["cloud"], cloud, {"coat": puff})
    if not dark and not plan.words & {"winter", "storm"}:
        flock = Place(canvas.width * chance.uniform(0.2, 0.7), horizon * chance.uniform(0.2, 0.4), 14 * canvas.unit)
        canvas.draw(PARTS["flock"], flock, {"ink": mix(plan.palette.near, sky[0], 0.25)})
    return x


def _wave(canvas: Canvas, chance: Random, base: float, height: float) -> list[Point]:
    """Outline rolling land down to the lower edge."""
    parts = [(chance.uniform(0.5, 1.1) * n, chance.uniform(0, math.tau), 1 / n) for n in (1, 2, 4)]
    rises = [sum(a * math.sin(math.tau * f * i / 90 + p) for f, p, a in parts) for i in range(92)]
    top = [(i * canvas.width / 90, base - height * rise) for i, rise in enumerate(rises)]
    return [*top, (canvas.width * 91 / 90, canvas.height), (0, canvas.height)]


def _layers(canvas: Canvas, plan: Plan, chance: Random, horizon: float) -> None:
    """Paint hills one before the other, with woods on them or a few trees."""
    woods, unit, sky = plan.backdrop == "forest", canvas.unit, plan.palette.sky[-1]
    step = 74 * unit if woods else (canvas.height - horizon) / _LAYERS
    for i in range(_LAYERS + 1):
        share = i / (_LAYERS + 0.6)
        tone, dark = plan.tone(share), 0.0 if woods else 0.3
        line = _wave(canvas, chance, horizon - 100 * unit + step * i, (18 if woods else 52 - 6 * i) * unit)
        feet = line[: -2 : 2 + i // 2] if woods else [line[chance.randint(2, 86)] for _ in range(6 if i else 0)]
        leaves = mix(tone, (26, 44, 60), 0.5 * share if "winter" in plan.words else dark)
        tree = PARTS["pine" if woods or i > 1 else "bush"]
        paints = {"coat": leaves, "haze": mix(leaves, sky, 0.3 * (1 - share))}
        for x, y in feet:
            high = (130 + 38 * i if woods else 16 + 34 * share) * unit * chance.uniform(0.6, 1.2)
            canvas.draw(tree, Place(x, y + high * 0.2, high), paints)
        canvas.fill(tone, line, fade=mix(tone, sky, 0.5 * (1 - share)))


def _mountains(canvas: Canvas, plan: Plan, chance: Random, horizon: float) -> None:
    winter, sky = "winter" in plan.words, plan.palette.sky[-1]
    for i, high in enumerate((350, 258, 166)):
        rock = mix(plan.tone(0.12 + i * 0.24), (84, 112, 146), 0.3 + 0.15 * i if winter else 0.0)
        size, flip, start = high * canvas.unit, chance.randrange(2) > 0, chance.uniform(-3, 3)
        for step in range(-1, 4):
            place = Place((start + 6 * step) * size, horizon, size, flip=flip)
            canvas.draw(PARTS["range"], place, {"coat": rock, "haze": mix(rock, sky, 0.5)})
            if winter or i <= 1:
                canvas.draw(PARTS["snow"], place, {"coat": mix(sky, WHITE, 0.6)})
    for i in range(2):
        line = _wave(canvas, chance, horizon - (20 - 26 * i) * canvas.unit, 22 * canvas.unit)
        canvas.fill(plan.tone(0.66 + 0.16 * i), line, fade=plan.tone(0.5 + 0.2 * i))


def _town(canvas: Canvas, plan: Plan, chance: Random, horizon: float) -> None:
    far, lit = mix(plan.palette.far, plan.palette.sky[-1], 0.2), mix(plan.palette.accent, (255, 236, 170), 0.6)
    for share in (0.2, 0.5, 0.84):
        tone, x = mix(far, mix(plan.palette.near, (30, 40, 62), 0.6), share), 0.0
        paints = {"coat": tone, "haze": mix(tone, plan.palette.sky[-1], 0.4 * (1 - share))}
        while x < canvas.width:
            size = (460 - 200 * share) * canvas.unit * chance.uniform(0.4, 1.0)
            place = Place(x, horizon + 2 * canvas.unit, size, flip=chance.randrange(2) > 0)
            tower = PARTS[chance.choice(("tower_a", "tower_b", "tower_c"))]
            canvas.draw(tower, place, {**paints, "lit": tone if share == 0.2 else lit})  # noqa: PLR2004  the row behind
            x += size * chance.uniform(0.2, 0.34)


def _mirror(canvas: Canvas, plan: Plan, chance: Random, horizon: float, light: float) -> None:
    """Mirror what is above the horizon in rippled water below it, with glints under the light."""
    top, deep, palette = round(horizon), max(1, canvas.height - round(horizon)), plan.palette
    above = ImageOps.flip(canvas.picture.crop((0, max(0, top - deep), canvas.width, top))).resize((canvas.width, deep))
    water = above.copy()
    for y in range(0, deep, 2):
        shift = round(math.sin(y / (5 + y / 26) + chance.uniform(-0.4, 0.4)) * (1 + y / 60) * canvas.unit)
        water.paste(above.crop((0, y, canvas.width, y + 2)), (shift, y))
    stops = mix(palette.sky[-1], palette.far, 0.5), mix(palette.sky[0], palette.near, 0.55)
    canvas.picture.paste(Image.blend(water, gradient(stops, canvas.width, deep), 0.42), (0, top))
    path, calm = [], []
    for _ in range(46):
        down, x = chance.random() ** 1.4, chance.uniform(0, canvas.width)
        y, thick = horizon + (deep - 6) * down + 6, (1.2 + 2 * down) * canvas.unit
        near = light + chance.gauss(0, 26 + 60 * down) * canvas.unit
        path.append(oval(near, y, (14 + 30 * down) * canvas.unit, thick))
        calm.append(oval(x, y, (20 + 70 * down) * canvas.unit, thick * 0.7))
    canvas.fill(palette.light, *path, opacity=0.6)
    canvas.fill(mix(palette.sky[-1], WHITE, 0.3), *calm, opacity=0.22)


def _afar(canvas: Canvas, plan: Plan, chance: Random, horizon: float) -> None:
    """Draw what floats or flies behind the foreground."""
    unit, words = canvas.unit, plan.words
    for size, x, y in ((250, 0.3, 0.42), (150, 0.7, 0.3), (95, 0.52, 0.2)) if "balloon" in words else ():
        spot = canvas.width * (x + chance.uniform(-0.08, 0.08)), canvas.height * y + 60 * unit
        stand(canvas, plan, "balloon", Place(*spot, size * unit))
    if "boat" in words:
        x, flip = canvas.width * chance.choice((0.36, 0.5, 0.62)), chance.randrange(2) > 0
        stand(canvas, plan, "boat", Place(x, horizon + 118 * unit, 330 * unit, flip=flip))
    elif plan.water and "sea" in words and not words & ANIMALS.keys():
        stand(canvas, plan, "boat", Place(canvas.width * chance.uniform(0.2, 0.8), horizon + 44 * unit, 96 * unit))


def _near(canvas: Canvas, plan: Plan, chance: Random) -> Place | None:
    """Draw the foreground, and return the first animal's head."""
    animals = [one for name, one in ANIMALS.items() if name in plan.words][:3]
    things = plan.words & {"lighthouse", "tree", "house", "flower"}
    if not animals and not things:
        return None
    top, unit, side = canvas.height * 0.8, canvas.unit, chance.choice((0.27, 0.73))
    if animals and animals[0].perch:
        _branch(canvas, plan, chance)
    else:
        _ground(canvas, plan, chance, top)
        for name, size in (("lighthouse", 470), ("tree", 560), ("house", 290)):
            x = canvas.width * (1 - side if name == "tree" else side)
            if name in things:
                stand(canvas, plan, name, Place(x, top + 30 * unit, size * unit))
    if "flower" in things:
        flowers(canvas, plan, chance, top)
    heads = []
    for i, animal in enumerate(animals):
        share = (i + 1) / (len(animals) + 1) if len(animals) > 1 else chance.choice((0.42, 0.5, 0.58))
        size, base = (400, 0.712) if animal.perch else (520, 0.93)
        place = Place(canvas.width * share, canvas.height * base, size * unit * (0.8 if len(animals) > 1 else 1.0))
        heads.append(sit(canvas, plan, animal, replace(place, flip=chance.randrange(2) > 0)))
    return heads[0] if heads else None


def sit(canvas: Canvas, plan: Plan, animal: Figure, place: Place) -> Place:
    """Draw an animal, and return the place of its head."""
    if not animal.perch:
        shadow = oval(place.x, place.y, place.size * 0.36, place.size * 0.045)
        canvas.fill((10, 14, 24), shadow, opacity=0.34, blur=7 * canvas.unit)
    canvas.draw(animal.lines, place, plan.inks(animal.coat))
    x, top, width = animal.head
    return Place(*place.of((x, top)), width * place.size)


def stand(canvas: Canvas, plan: Plan, name: str, place: Place) -> None:
    """Draw a thing, with the light it gives and its image in the water."""
    usual = THINGS[name].coat
    if name == "tree":
        usual = next((tint for word, tint in _LEAVES.items() if word in plan.words), usual)
    if name == "lighthouse":
        canvas.glow(place.x, place.y - 0.87 * place.size, 0.5 * place.size, (255, 236, 170), 0.6)
    if name == "moon":
        _shine(canvas, PALETTES["night"], (place.x, place.y - place.size / 2), place.size / 2)
    if name == "boat":
        canvas.draw(THINGS[name].lines, replace(place, sink=True), plan.inks(usual), opacity=0.28)
    canvas.draw(THINGS[name].lines, place, plan.inks(usual))
    if name == "house" and plan.palette.dark:
        canvas.glow(place.x, place.y - 0.3 * place.size, 0.9 * place.size, LAMP, 0.32)


def _ground(canvas: Canvas, plan: Plan, chance: Random, top: float) -> None:
    near, winter, unit = mix(plan.palette.near, plan.palette.far, 0.12), "winter" in plan.words, canvas.unit
    line = _wave(canvas, chance, top, 16 * unit)
    canvas.fill(near, line, fade=mix(plan.palette.near, (0, 0, 0), 0.0 if winter else 0.35))
    for _ in range(0 if winter else 34):
        x, y = line[chance.randint(0, 90)]
        place = Place(x, y, chance.uniform(10, 26) * unit, flip=chance.randrange(2) > 0)
        canvas.draw(PARTS["grass"], place, {"coat": mix(near, plan.palette.far, 0.16)})


def flowers(canvas: Canvas, plan: Plan, chance: Random, top: float) -> None:
    """Let flowers grow below a height in pixels."""
    petals = [plan.coat or plan.palette.accent, (248, 196, 92), (240, 150, 168), (252, 244, 236), (166, 132, 204)]
    spots = sorted((chance.uniform(0.08, 1.0), canvas.width * (i + chance.random()) / 46) for i in range(46))
    for near, x in spots:
        paints = inks(chance.choice(petals), plan.palette.near, 0.3 if plan.palette.dark else 0.0)
        place = Place(x, top + (canvas.height * 1.04 - top) * near, (46 + 110 * near) * canvas.unit)
        canvas.draw(PARTS[chance.choice(("daisy", "tulip"))], place, paints)


def _branch(canvas: Canvas, plan: Plan, chance: Random) -> None:
    """Reach a blossoming branch into the picture."""
    place = Place(canvas.width / 2, canvas.height * 0.7, canvas.width / 1000)
    petal = (238, 244, 250) if "winter" in plan.words else mix((246, 176, 190), plan.palette.near, 0.1)
    canvas.draw(PARTS["branch"], place, {"bark": mix((98, 68, 56), plan.palette.near, 0.3)})
    for x, y in figures.SPOTS["buds"]:
        spot = place.of((x + chance.uniform(-16, 16), y + chance.uniform(-10, 10)))
        canvas.draw(PARTS["blossom"], Place(*spot, chance.uniform(24, 38) * canvas.unit), inks(petal))


def _pond(canvas: Canvas, plan: Plan, chance: Random) -> None:
    """Paint a pond seen from above: fish, lily pads and rings on the water."""
    width, height, unit = canvas.width, canvas.height, canvas.unit
    deep = (14, 36, 62) if plan.palette.dark else chance.choice(((22, 92, 104), (28, 84, 92), (34, 96, 122)))
    stops = mix(deep, (140, 210, 196), 0.42), deep, mix(deep, (6, 20, 40), 0.4)
    canvas.picture.paste(gradient(stops, width, height), (0, 0))
    canvas.glow(width * 0.3, height * 0.2, 620 * unit, mix(plan.palette.light, deep, 0.2), 0.4)
    for _ in range(5):
        x, y = chance.uniform(0.1, 0.9) * width, chance.uniform(0.1, 0.9) * height
        for size in (34, 70, 106):
            circle = oval(x, y, size * unit, size * unit * 0.94)
            canvas.fill(WHITE, ribbon([*circle, circle[0]], 2.4 * unit), opacity=0.3 - size / 500)
    angles = [chance.uniform(0, math.tau)] * 5
    fish = [(0.5 + 0.27 * math.cos(a + 1.257 * i), 0.5 + 0.27 * math.sin(a + 1.257 * i)) for i, a in enumerate(angles)]
    for across, down in (*fish, *figures.SPOTS["pads"]):
        name, long = ("koi", chance.uniform(250, 330)) if (across, down) in fish else ("pad", chance.uniform(140, 256))
        left, top = width * (across + chance.uniform(-0.03, 0.03)), height * (down + chance.uniform(-0.03, 0.03))
        place = Place(left, top, long * unit, flip=chance.randrange(2) > 0, turn=chance.uniform(0, 360))
        canvas.draw(PARTS[name], place, inks(plan.coat or chance.choice(_KOI)))
        if name == "pad" and chance.randrange(5) <= 1:
            canvas.draw(PARTS["lotus"], Place(left, top, long * 0.28 * unit), {})
