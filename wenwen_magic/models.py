"""Model names: which of them draw pictures, their aliases, and the list that an endpoint gives."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

PICTURE_MODELS = ("gpt-4o-image", "gemini-2.5-flash-image-preview", "gemini-3-pro-image-preview", "jimeng-3.0")
"""Suggested before the endpoint has named its own; the first three are on wenwen's page 生成图片(chat)."""
LONGEST_NAME = 200
"""Most characters of a model's name."""
_LONGEST_TEXT, _MOST_TYPES = 60, 12
_TYPES = ("supported_endpoint_types", "supported_endpoints")
_PICTURE_TYPE = "image-generation"


@dataclass(frozen=True)
class Rule:
    """Tell by a model's name whether it draws.

    Args:
        picture: whether models whose names match draw pictures.
        names: parts of names as regular expressions, separated by spaces, in lower case with ``-`` for ``_`` and
            spaces; no match begins or ends inside a word.
    """

    picture: bool
    names: str

    def fits(self, name: str) -> bool:
        """Tell whether the rule matches a name."""
        return bool(_pattern(self.names).search(_folded(name)))


RULES = (
    # Video comes first, for many of these names hold the word image too; then words or numbers on pictures.
    Rule(picture=False, names="[a-z]*videos?x? [a-z0-9]*(?:t2v|i2v|v2v) veo seedance 视频"),
    Rule(
        picture=False,
        names="embed[a-z]* rerank[a-z]* moderation classif[a-z]* recognition understanding caption[a-z]* ocr"
        " (?:image|img|i)-?(?:to|2)-?t(?:ext)? describes? shorten upload",
    ),
    # Families that draw, whatever else their names say.
    Rule(
        picture=True,
        names=r"dall[-.]?e (?:nano-?)?banana imagen jimeng 即梦 dreamina seedream seededit flux stable-?diffusion sdxl"
        r" sd-?[1-9] midjourney mj niji swap-face ideogram recraft(?:v\d)? kolors cogview wanx hunyuan-?(?:image|dit)"
        r" hidream kandinsky pixart omnigen janus irag photon playground-v step-?1x auraflow reve",
    ),
    # Names that say so themselves.
    Rule(picture=True, names="images? imagine img [a-z0-9]*(?:t2i|i2i) text-?2-?im(?:age|g) 图[像片]? [绘生]图 画"),
    Rule(picture=True, names="demo-(?:slow|refuses)"),  # of the demo that comes with this package
)
"""The first rule that matches a name decides; where none does, the model does not draw.

The types that an endpoint lists do not help: gpt-4o-image is listed as ``openai``, like any model that chats.
"""

ALIASES = {
    "nano-banana": "gemini-2.5-flash-image-preview",
    "nano-banana2": "gemini-3-pro-image-preview",
    "nano-banana-pro": "gemini-3-pro-image-preview",
}
"""Other names, and the models that they mean; a name is still sent as it was typed.

The first is on wenwen's page 编辑图片(nano banana), the second on 生成图片(chat), the third not on wenwen's pages.
"""


_REPORTED = {"sora-image": "gpt-4o-image"}
"""The names under which models answer that have another when they are asked; source: wenwen's page 生成图片(chat)."""


@dataclass(frozen=True)
class Model:
    """Describe a model that an endpoint offers.

    Args:
        id: its name, as requests use it.
        owner: its owner, as the endpoint says; empty where it does not say.
        endpoint_types: the interfaces through which it may be used, as the endpoint says.
        picture: whether it draws, by :data:`RULES` or its endpoint type ``image-generation``.
        alias_of: the model that it is another name for; empty for none.
        aliases: other names for it.
    """

    id: str
    owner: str = ""
    endpoint_types: tuple[str, ...] = ()
    picture: bool = field(init=False)
    alias_of: str = field(init=False)
    aliases: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "picture", draws(self.id, self.endpoint_types))
        object.__setattr__(self, "alias_of", meant_by(self.id))
        object.__setattr__(self, "aliases", tuple(name for name, model in ALIASES.items() if model == self.id))


@dataclass(frozen=True)
class ModelList:
    """Hold the models that an endpoint listed.

    Args:
        models: those for pictures first, then by name.
        asked: when the endpoint was asked, in seconds since 1970.
        kept: whether the list was saved earlier, and not just asked for.
    """

    models: tuple[Model, ...]
    asked: float
    kept: bool = False

    @cached_property
    def names(self) -> dict[str, bool]:
        """Whether each model draws, by its name; in the list's order."""
        return {model.id: model.picture for model in self.models}


def draws(name: str, types: Iterable[str] = ()) -> bool:
    """Tell whether a model draws pictures: by its name, and where no rule matches by its endpoint types."""
    rule = rule_for(name)
    return rule.picture if rule else _PICTURE_TYPE in types


@lru_cache(maxsize=8192)
def rule_for(name: str) -> Rule | None:
    """Return the first rule that matches a name; None when none does."""
    return next((rule for rule in RULES if rule.fits(name)), None)


def meant_by(name: str) -> str:
    """Return the model that a name is another name for; empty for none."""
    return ALIASES.get(_folded(name), "")


def answers_for(reported: str, asked: str) -> bool:
    """Tell whether the name that came with an answer means the model that was asked, or none.

    It does with a vendor before it, and with a date or ``latest`` behind it.
    """
    name, wanted = _folded(reported), _folded(asked)
    meant = re.escape(meant_by(wanted) or wanted)
    same = rf"(?:.*/)?(?:{re.escape(wanted)}|{meant})(?:[-@:](?:\d{{3,}}[\d-]*|latest|preview))*"
    return not name or _REPORTED.get(name) == wanted or bool(re.fullmatch(same, name))


def in_order(models: Iterable[Model]) -> list[Model]:
    """Sort models: those that draw first, then by name."""
    return sorted(models, key=lambda one: (not one.picture, one.id.casefold(), one.id))


def listed(answer: Any) -> list[Model]:
    """Read the models in an answer to ``GET /v1/models``, in order, each once.

    Rows are under ``data`` with an ``id`` (OpenAI's and Anthropic's shape), or under ``models`` with a ``name``
    (Gemini's). The fields are those of new-api and its forks; they are not seen on wenwen's pages.

    Raises:
        ValueError: the answer is not a list of models, or reports an error.
    """
    rows = list(_rows(answer))
    models: dict[str, Model] = {}
    for model in filter(None, map(_model, rows)):
        models.setdefault(model.id, model)
    if rows and not models:
        raise ValueError("no row names a model")
    return in_order(models.values())


def _rows(answer: Any) -> Iterator[Any]:
    refused = isinstance(answer, Mapping) and (answer.get("success") is False or answer.get("error"))
    if not isinstance(answer, Mapping) or refused:
        raise ValueError("an error, or no list")
    if isinstance(answer.get("data"), list):
        yield from answer["data"]
        return
    if isinstance(answer.get("models"), list):
        yield from ({"id": _gemini_name(row), **row} for row in answer["models"] if isinstance(row, Mapping))
        return
    raise ValueError("no list")


def _gemini_name(row: Mapping[str, Any]) -> Any:
    name = row.get("name")
    return name.removeprefix("models/") if isinstance(name, str) else None


def _model(row: Any) -> Model | None:
    """Return the model of one row; None for a row without a name that can be typed."""
    name = row.get("id") if isinstance(row, Mapping) else None
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or not name.strip():
        return None
    types = next((row[key] for key in _TYPES if row.get(key)), ())
    several = types if isinstance(types, list) else [types]
    return Model(name, _short(row.get("owned_by")), tuple(filter(None, map(_short, several[:_MOST_TYPES]))))


def _short(value: Any) -> str:
    """Return the first characters of a text of one line; empty for anything else."""
    text = value.strip() if isinstance(value, str) else ""
    return text[:_LONGEST_TEXT] if text.isprintable() else ""


def _folded(name: str) -> str:
    """Write a name in lower case, with ``-`` for ``_`` and spaces."""
    return re.sub(r"[\s_]+", "-", name.strip().casefold())


@lru_cache(maxsize=len(RULES))
def _pattern(names: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z])(?:{'|'.join(names.split())})(?![a-z])")
