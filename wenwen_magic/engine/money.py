"""Counts what pictures cost by the user's own table of prices; a price that is not in it is never guessed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TypeVar

from wenwen_magic.text.i18n import comma, say

Value = TypeVar("Value")


@dataclass(frozen=True)
class Cost:
    """What some pictures cost.

    Args:
        pictures: how many.
        known: the sum of the known prices, in the unit of the table of prices.
        unknown: how many of the pictures have no known price.
    """

    pictures: int = 0
    known: float = 0.0
    unknown: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        known = round(self.known + other.known, 9)  # three times 0.1 is 0.3 here
        return Cost(self.pictures + other.pictures, known, self.unknown + other.unknown)

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(self.pictures - other.pictures, round(self.known - other.known, 9), self.unknown - other.unknown)

    @property
    def units(self) -> float:
        """What a budget counts: the known prices, and 1 for each picture of unknown price."""
        return self.known + self.unknown


def best_pattern(model: str, table: Mapping[str, Value]) -> Value | None:
    """What a table has for a model: under its name, else under the longest pattern that fits it; None for nothing."""
    if model in table:
        return table[model]
    patterns = [pattern for pattern in table if fnmatchcase(model, pattern)]
    return table[max(patterns, key=len)] if patterns else None


def price_of(model: str, prices: Mapping[str, float]) -> float | None:
    """The price of one picture: that of the model itself, else of the longest pattern (``gpt-*``) that fits it."""
    return best_pattern(model, prices)


def cost_of(prices: Iterable[float | None]) -> Cost:
    """The cost of pictures with these prices, None for an unknown one."""
    listed = list(prices)
    known = [price for price in listed if price is not None]
    return Cost(len(listed), round(sum(known), 9), len(listed) - len(known))


def amount(value: float, currency: str = "") -> str:
    """A sum with its unit, without needless digits."""
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    return f"{text} {currency}".strip()


def pictures(count: int) -> str:
    """So many pictures, in words."""
    return say(f"{count} picture{'s' * (count != 1)}", f"{count} 张图片")


def told(cost: Cost, currency: str = "") -> str:
    """A cost in words: ``3 pictures, 0.12 $``, ``3 pictures, price unknown``."""
    if not cost.unknown:
        price = amount(cost.known, currency)
    elif cost.unknown == cost.pictures:
        price = say("price unknown", "价格未知")
    else:
        price = amount(cost.known, currency) + say(
            f" and {cost.unknown} of unknown price", f"，另有 {cost.unknown} 张价格未知"
        )
    return f"{pictures(cost.pictures)}{comma()}{price}"
