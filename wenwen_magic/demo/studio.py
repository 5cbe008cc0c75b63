"""Keeps what was asked to be painted, and paints it when its address is opened."""

import base64
import hashlib
import re
import struct
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Any

from wenwen_magic.demo.asks import Ask
from wenwen_magic.demo.directives import Directives
from wenwen_magic.demo.paint import as_kind, paint, shrink
from wenwen_magic.demo.plan import orientation_of
from wenwen_magic.demo.replies import HTML
from wenwen_magic.demo.words import describe

ADDRESS = re.compile(r"/pictures/(?:download/)?([0-9a-f]{32})\.png$")
_FILES, _RECIPES, _PROMPTS = 64, 512, 10_000


@dataclass(frozen=True)
class Recipe:
    """All that decides about one picture.

    Args:
        prompt: the words.
        variant: 0 for the first time they were asked.
        hand: the model's name, empty for the usual one.
        references: small picture files.
        asked: the directives that came with it.
        orientation: ``auto`` for what the prompt says.
        size: width and height in pixels; None for the usual one.
        kind: the file's type: ``png``, ``jpeg`` or ``webp``.
    """

    prompt: str
    variant: int
    hand: str
    references: tuple[bytes, ...]
    asked: Directives
    orientation: str = "auto"
    size: tuple[int, int] | None = None
    kind: str = "png"

    @property
    def name(self) -> str:
        """32 hexadecimal digits."""
        marks = [hashlib.sha256(each).hexdigest() for each in self.references]
        shape = (self.orientation, self.size, self.kind)
        text = repr((self.prompt, self.variant, self.hand, marks, self.asked, shape))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Studio:
    """Remembers the last 512 pictures asked for and the bytes of the last 64; safe among threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._recipes: OrderedDict[str, Recipe] = OrderedDict()
        self._files: OrderedDict[str, bytes] = OrderedDict()
        self._asked: OrderedDict[tuple[str, ...], int] = OrderedDict()
        self._missing: dict[str, int] = {}

    def order(self, ask: Ask) -> list[str]:
        """Note pictures to be painted; gives their names.

        Args:
            ask: the request; the same one again gets other pictures.

        Raises:
            ValueError: a picture that came along cannot be read.
        """
        references = tuple(shrink(file) for file in (*ask.files, *self._own(ask.links)))
        hand = "" if ask.model == "gpt-4o-image" else ask.model
        count = ask.count or ask.directives.images
        shape = ask.orientation, ask.size, ask.kind
        with self._lock:
            first = self._count((ask.prompt, hand, *(hashlib.sha256(each).hexdigest() for each in references)), count)
            recipes = [Recipe(ask.prompt, first + i, hand, references, ask.directives, *shape) for i in range(count)]
            for recipe in recipes:
                self._missing[recipe.name] = ask.directives.missing
                _keep(self._recipes, recipe.name, recipe, _RECIPES)
            self._missing = {name: self._missing[name] for name in self._recipes if name in self._missing}
        return [recipe.name for recipe in recipes]

    def describe(self, ask: Ask) -> str:
        """Say in words what is on the pictures that came along.

        Raises:
            ValueError: one of them cannot be read.
        """
        return describe(ask.prompt, [*ask.files, *self._own(ask.links)])

    def find(self, name: str) -> Recipe | None:
        """Give a picture's recipe; None for an unknown name, and while it shall seem to be missing."""
        with self._lock:
            if self._missing.get(name, 0) > 0:
                self._missing[name] -= 1
                return None
            return self._recipes.get(name)

    def file(self, recipe: Recipe) -> tuple[str, bytes]:
        """Give a picture's content type and bytes, spoilt where the directives say so."""
        asked = recipe.asked
        if asked.svg:
            return "image/svg+xml", _SVG
        if asked.html_picture:
            return HTML, b"<!doctype html><title>demo</title><p>This is a web page, not a picture.</p>"
        if asked.bomb:
            return "image/png", _bomb()
        data = self._painted(recipe)
        return f"image/{recipe.kind}", data[: len(data) * 3 // 5] if asked.broken else data

    def data_uri(self, name: str) -> str:
        """Give a picture as a ``data:`` address.

        Raises:
            KeyError: no such picture.
        """
        with self._lock:
            recipe = self._recipes[name]
        kind, data = self.file(recipe)
        return f"data:{kind.split(';')[0]};base64,{base64.b64encode(data).decode()}"

    def _painted(self, recipe: Recipe) -> bytes:
        with self._lock:
            known = self._files.get(recipe.name)
        if known is not None:
            return known
        turn = recipe.orientation if recipe.orientation != "auto" else orientation_of(recipe.prompt)
        data = paint(recipe.prompt, turn, variant=recipe.variant, references=recipe.references, hand=recipe.hand)
        if recipe.size or recipe.kind != "png":
            data = as_kind(data, recipe.kind, recipe.size)
        with self._lock:
            _keep(self._files, recipe.name, data, _FILES)
        return data

    def _own(self, links: tuple[str, ...]) -> list[bytes]:
        names = [match[1] for match in map(ADDRESS.search, links) if match]
        with self._lock:
            recipes = [self._recipes[name] for name in names if name in self._recipes]
        return [self._painted(recipe) for recipe in recipes]

    def _count(self, key: tuple[str, ...], more: int) -> int:
        before = self._asked.get(key, 0)
        _keep(self._asked, key, before + more, _PROMPTS)
        return before


def _keep(shelf: "OrderedDict[Any, Any]", key: Any, value: Any, most: int) -> None:
    shelf[key] = value
    shelf.move_to_end(key)
    while len(shelf) > most:
        shelf.popitem(last=False)


def _bomb() -> bytes:
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(40_001))), (b"IEND", b""))
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


_SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="1024" height="1024">'
    b'<rect width="1024" height="1024" fill="#f6d7b0"/><circle cx="512" cy="512" r="200" fill="#e4704c"/></svg>'
)
