"""Reads from a prompt's words what is to be painted."""

import hashlib
import re
from dataclasses import dataclass
from random import Random

from wenwen_magic.demo.canvas import Colour
from wenwen_magic.demo.palettes import BY_DAY, PALETTES, Palette

SIZES = {"square": (1024, 1024), "landscape": (1536, 1024), "portrait": (1024, 1536)}

_TURNS = {
    "landscape": r"横屏|横版|横幅|横图|\blandscape\b",
    "portrait": r"竖屏|竖版|竖幅|竖图|\bportrait\b",
    "square": r"方形(?:构图)?|方图|\bsquare\b",
}
_NAMES = {
    "panda": r"熊猫|\bpandas?\b",
    "owl": r"猫头鹰|\bowls?\b",
    "cat": r"(?<!熊)猫(?!头鹰)|\b(?:cat|kitten)s?\b",
    "dog": r"狗|犬|\b(?:dog|pupp(?:y|ie)|corgi)s?\b",
    "fox": r"狐|\bfox(?:es)?\b",
    "rabbit": r"兔|\b(?:rabbit|bunn(?:y|ie)|hare)s?\b",
    "fish": r"鱼|锦鲤|\b(?:fish|goldfish|koi|carp)(?:es)?\b",
    "bird": r"鸟|雀|\b(?:bird|sparrow|robin)s?\b",
    "boat": r"船|帆|舟|\b(?:boat|ship|sail|sailboat)s?\b",
    "house": r"房|屋|小镇|村|\b(?:house|cottage|cabin|village|home)s?\b",
    "lighthouse": r"灯塔|\blighthouses?\b",
    "balloon": r"热气球|气球|\bballoons?\b",
    "tree": r"(?<!森)树|\btrees?\b",
    "flower": r"花(?!猫)|\b(?:flower|tulip|rose|blossom|garden)s?\b",
    "forest": r"森林|树林|竹|\b(?:forest|wood|pine)s?\b",
    "mountain": r"山|峰|\b(?:mountain|peak|alp)s?\b",
    "city": r"城|都市|上海|街|\b(?:city|cities|skyline|town|street|skyscrapers?)\b",
    "hills": r"丘|草原|田野|草地|\b(?:hill|meadow|field|prairie)s?\b",
    "desert": r"沙漠|沙丘|\b(?:desert|dune)s?\b",
    "sea": r"海|洋|湖|江|河|山水|\b(?:sea|ocean|lake|river|coast|beach|water|harbou?r|island|bay)s?\b",
    "moon": r"月|\bmoon(?:light|lit)?\b",
    "night": r"夜|星|\b(?:night|stars?|starry|midnight)\b",
    "winter": r"雪|冬|\b(?:winter|snowy?|frost|ice|christmas)\b",
    "autumn": r"秋|枫|\b(?:autumn|fall|maple)\b",
    "spring": r"春|樱|\b(?:spring|cherry)\b",
    "summer": r"夏|\bsummer\b",
    "sunset": r"夕阳|日落|黄昏|晚霞|\b(?:sunset|dusk|evening)\b",
    "sunrise": r"日出|清晨|早晨|黎明|\b(?:sunrise|dawn|morning)\b",
    "rain": r"雨|\brain(?:y|ing)?\b",
    "fog": r"雾|\b(?:mist|misty|fog|foggy)\b",
    "ink": r"水墨|国画|\b(?:ink|sumi-e)\b",
    "aurora": r"极光|\baurora\b",
}
_COATS: dict[str, Colour] = {
    r"橘|橙|\b(?:orange|ginger)\b": (229, 138, 66),
    r"黑|\bblack\b": (52, 50, 62),
    r"白|\bwhite\b": (244, 239, 230),
    r"灰|\bgr[ae]y\b": (139, 146, 158),
    r"棕|褐|\bbrown\b": (139, 94, 66),
    r"红|\bred\b": (207, 73, 56),
    r"蓝|\bblue\b": (86, 132, 190),
    r"绿|\bgreen\b": (96, 150, 104),
    r"粉|\bpink\b": (236, 150, 168),
    r"紫|\bpurple\b": (138, 106, 176),
    r"黄|金|\b(?:yellow|golden?)\b": (238, 190, 84),
}
_HOURS = (
    ("ink", "ink"),
    ("aurora", "aurora"),
    ("fog", "mist"),
    ("rain", "mist"),
    ("sunset", "ember dusk"),
    ("sunrise", "dawn rose"),
    ("autumn", "autumn"),
    ("spring", "rose meadow"),
    ("summer", "noon tide"),
    ("desert", "ember autumn"),
    ("forest", "mist tide meadow"),
    ("flower", "meadow rose dawn"),
)


@dataclass(frozen=True)
class Plan:
    """What is to be painted.

    Args:
        words: the names of all that the prompt speaks of.
        backdrop: ``hills``, ``mountain``, ``forest``, ``city``, ``desert`` or ``pond``.
        water: whether land is mirrored in water.
        palette: the colours.
        coat: the colour the prompt asks for; None when it names none.
    """

    words: frozenset[str]
    backdrop: str
    water: bool
    palette: Palette
    coat: Colour | None


def orientation_of(prompt: str) -> str:
    """Tell ``landscape``, ``portrait`` or ``square`` by the last word about it; ``square`` without one."""
    found = [
        (match.end(), name) for name, words in _TURNS.items() for match in re.finditer(words, prompt, re.IGNORECASE)
    ]
    return max(found, default=(0, "square"))[1]


def dice(prompt: str, *marks: object) -> Random:
    """Make the chance that paints a prompt: the same for the same words, whatever the orientation.

    Args:
        prompt: the words.
        marks: what else shall change the picture.
    """
    bare = re.sub(r"[\W_]+", " ", re.sub("|".join(_TURNS.values()), " ", prompt, flags=re.IGNORECASE)).strip().lower()
    seed = hashlib.sha256(repr((bare, *marks)).encode("utf-8", "surrogatepass")).digest()
    return Random(seed)  # noqa: S311  a brush, not a lock


def plan(prompt: str, chance: Random) -> Plan:
    """Decide what is painted.

    Args:
        prompt: the words, Chinese or English.
        chance: decides what they leave open.
    """
    words = frozenset(name for name, pattern in _NAMES.items() if re.search(pattern, prompt, re.IGNORECASE))
    backdrop = _backdrop(words, chance)
    water = bool(words & {"sea", "boat", "lighthouse"}) or backdrop == "city"
    water = water or (backdrop == "mountain" and not words & {"house", "tree", "flower"})
    return Plan(words, backdrop, water, PALETTES[_hour(words, chance)], _coat(prompt))


def _backdrop(words: frozenset[str], chance: Random) -> str:
    if "fish" in words and not words & {"sea", "boat", "cat"}:
        return "pond"
    named = [name for name in ("city", "forest", "mountain", "desert") if name in words]
    free = chance.choice(("hills", "hills", "mountain", "forest"))
    return named[0] if named else ("hills" if words & {"flower", "house", "sea", "tree", "hills"} else free)


def _hour(words: frozenset[str], chance: Random) -> str:
    dark = words & {"night", "moon"}
    if "winter" in words:
        return "frost" if dark else "winter"
    if dark and not words & {"ink", "aurora"}:
        return "night"
    wishes = next((hours for word, hours in _HOURS if word in words), " ".join(BY_DAY))
    return chance.choice(wishes.split())


def _coat(prompt: str) -> Colour | None:
    return next((colour for words, colour in _COATS.items() if re.search(words, prompt, re.IGNORECASE)), None)
