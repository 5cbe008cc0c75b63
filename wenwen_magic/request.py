"""The words for what is asked: a request and the pictures that go along with it, frozen."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from wenwen_magic.errors import ConfigError
from wenwen_magic.text.i18n import say
from wenwen_magic.text.vocabulary import DRAW, ORIENTATION_WORDS, ORIENTATIONS, WORD_TASKS


@dataclass(frozen=True)
class Reference:
    """A picture that goes along with a prompt.

    Args:
        address: an ``https`` address, or the picture itself as a ``data:`` URI (PNG, JPEG or WebP).
        digest: SHA-256 of the address in hexadecimal; what tells one reference from another in the history.
        label: what the user called it.
        origin: the id of the generation it is a picture of; empty for one from elsewhere.
    """

    address: str = field(repr=False)
    digest: str
    label: str = ""
    origin: str = field(default="", compare=False)

    @property
    def is_link(self) -> bool:
        """Whether it is an address on the web, and not the picture itself."""
        return self.address.lower().startswith(("http://", "https://"))

    @property
    def pointer(self) -> str:
        """What to point at it with: its address on the web, else what it is called, without anybody's folders."""
        if self.is_link:
            return self.address
        return re.split(r"[/\\]", self.label)[-1]


MOST_TAKES = 1000
"""Takes that one request may want."""
_REQUEST_TYPES: dict[str, Any] = {
    **dict.fromkeys(("prompt", "model", "orientation", "format", "task", "parent"), str),
    "mask": (Reference, type(None)),
    "count": int,
    "references": tuple,
    "params": Mapping,
    "stream": bool,
}


@dataclass(frozen=True)
class ImageRequest:
    """What is asked of a model; knows no address and no key.

    Args:
        prompt: the words, after interpolation.
        model: the relay's name of the model.
        orientation: ``auto`` (add nothing), ``square``, ``landscape`` or ``portrait``.
        count: wanted takes, at least 1.
        references: pictures to start from, in order.
        params: further fields of the request body, passed through as they are.
        format: the wire format's name.
        stream: ask for the answer as a stream.
        task: what for: ``draw``, ``describe``, or another that the format knows.
        mask: where the first reference may be changed: a PNG of its size, transparent there.
        parent: the id of the generation that this one goes on from; empty for none.

    Raises:
        ConfigError: an empty prompt or model, an unknown orientation, or a count below 1.
    """

    prompt: str
    model: str = "gpt-4o-image"
    orientation: str = "auto"
    count: int = 1
    references: tuple[Reference, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    format: str = "chat"
    stream: bool = False
    task: str = DRAW
    mask: Reference | None = None
    parent: str = ""

    def __post_init__(self) -> None:
        self._check_types()
        self._check_words()
        if not 1 <= self.count <= MOST_TAKES:
            raise ConfigError(
                say(f"{self.count:.3g} pictures cannot be drawn.", f"无法画 {self.count:.3g} 张图片。"),
                do=say(f"Ask for 1 to {MOST_TAKES}: -n 1", f"请要 1 到 {MOST_TAKES} 张：-n 1"),
            )
        # Copied, so that nobody changes a request after it was made; Chinese words count as what they mean.
        object.__setattr__(self, "params", dict(self.params))
        object.__setattr__(self, "orientation", ORIENTATION_WORDS[self.orientation])

    def _check_types(self) -> None:
        """A value of a wrong type could be sent, and then not be read back from its record."""
        for name, kind in _REQUEST_TYPES.items():
            if not isinstance(getattr(self, name), kind) or (name == "count" and isinstance(self.count, bool)):
                raise ConfigError(
                    say(f"{name} is of a wrong type.", f"{name} 的类型不对。"),
                    why=type(getattr(self, name)).__name__,
                    do=say(f"It should be: {_named(kind)}", f"应为：{_named(kind)}"),
                )

    def _check_words(self) -> None:
        if not self.prompt.strip():
            raise ConfigError(
                say("The prompt is empty.", "提示词是空的。"),
                do=say("Write what to draw, for example: a cat, watercolour.", "请写下要画什么，例如：一只猫，水彩。"),
            )
        if not self.model.strip():
            raise ConfigError(
                say("The model's name is empty.", "模型名是空的。"),
                do=say("Name one, for example: -m gpt-4o-image", "请给出模型名，例如：-m gpt-4o-image"),
            )
        if self.orientation not in ORIENTATION_WORDS:
            raise ConfigError(
                say(f"No orientation is called {self.orientation!r}.", f"没有名为 {self.orientation!r} 的方向。"),
                do=say("Use one of: ", "可用：") + ", ".join(ORIENTATIONS),
            )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (64 hexadecimal digits) of all that decides about the picture: equal for equal requests.

        How many takes are wanted and whether the answer streams do not change the picture and are left out.
        """
        parts: list[Any] = [self.prompt, self.model, self.orientation, [ref.digest for ref in self.references]]
        # What most requests do not have is left out of theirs, so that older records still answer them.
        more = {"task": self.task} if self.task != DRAW else {}
        more |= {"mask": self.mask.digest} if self.mask else {}
        parts += [dict(self.params), self.format, *([more] if more else [])]
        text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def wants_words(self) -> bool:
        """Whether the result is words and not a picture."""
        return self.task in WORD_TASKS

    @property
    def pictures(self) -> int:
        """How many pictures one answer to it is paid for: the parameter ``n``, where one is given."""
        wanted = self.params.get("n", 1)
        return wanted if isinstance(wanted, int) and not isinstance(wanted, bool) and wanted > 0 else 1

    @property
    def recipe(self) -> dict[str, Any]:
        """What a picture of it carries along, ready for JSON; of reference pictures the names alone."""
        names = ("prompt", "model", "orientation", "format")
        more: dict[str, Any] = {"task": self.task} if self.task != DRAW else {}
        more |= {"references": [one.pointer for one in self.references]} if self.references else {}
        more |= {"mask": self.mask.pointer} if self.mask else {}
        return {"version": 1, **{name: getattr(self, name) for name in names}, "params": dict(self.params), **more}


def _named(kind: Any) -> str:
    return " | ".join(one.__name__ for one in kind) if isinstance(kind, tuple) else str(kind.__name__)
