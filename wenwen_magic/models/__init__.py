"""Model names: what is known of them, which of them draw pictures, and the list that an endpoint gives."""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from difflib import SequenceMatcher
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

LONGEST_NAME = 200
"""Most characters of a model's name."""
SOON = timedelta(days=60)
"""How long before its end a model is told to end."""
_LONGEST_TEXT, _MOST_TYPES = 60, 12
_TYPES = ("supported_endpoint_types", "supported_endpoints")
_PICTURE_TYPE = "image-generation"
_OF_IMAGES = re.compile(r"(?:chat)?gpt-image|dall[-.]?e|imagen")
"""Models whose makers have an interface of its own for pictures; asked where the endpoint names no types."""


# -- what is known of names --------------------------------------------------------------------------------------------


@cache
def _known() -> dict[str, Any]:
    """Return the tables of ``models.toml``, read when they are first needed."""
    import tomllib  # noqa: PLC0415  %load_ext needs no names

    return tomllib.loads(Path(__file__).with_name("models.toml").read_text("utf-8"))


def bare(name: str) -> str:
    """Return what a name means without its maker's prefix: ``google/Gemini_x`` is ``gemini-x``."""
    return re.sub(r"[\s_]+", "-", name.strip().rstrip("/").rpartition("/")[2].casefold())


def default_model(form: str = "chat", *, words: bool = False) -> str:
    """Return the model that draws through a format, or with ``words`` answers, when nobody names one."""
    table: dict[str, str] = _known()["readers" if words else "defaults"]
    return table.get(form) or table["chat"]


def former_defaults(form: str) -> list[str]:
    """Return the models that drew or answered through a format when nobody named one, in earlier versions."""
    return list(_known()["former"].get(form, ()))


def suggested() -> list[str]:
    """Return the models to suggest before the endpoint has named its own."""
    return list(_known()["suggested"]["models"])


def aliases() -> Mapping[str, str]:
    """Return other names for models, and the models that they mean."""
    table: Mapping[str, str] = _known()["aliases"]
    return table


def meant_by(name: str) -> str:
    """Return the model that a name is another name for; empty for none."""
    return aliases().get(bare(name), "")


def family(form: str, name: str) -> Mapping[str, Any]:
    """Return what is known of a model's family in a format: its row in ``models.toml``; empty for an unknown one."""
    names = (bare(name), meant_by(name))
    return next((row for row in _known()[form] if any(re.fullmatch(row["names"], one) for one in names)), {})


class Retired(NamedTuple):
    """Tell on which day (``YYYY-MM-DD``) a model's maker shuts it down, what to use in its place, and who says so."""

    day: str
    use: str
    source: str


def retired(name: str, by: date = date.max) -> Retired | None:
    """Return what is known of a model's end, if it comes by a day; None for none."""
    row = _known()["retired"].get(bare(name))
    return Retired(*row) if row and row[0] <= by.isoformat() else None


def replacement_in(words: str, today: date | None = None) -> str:
    """Return what to use in place of the first model in some words that is shut down, today in UTC; empty for none."""
    today = today or datetime.now(UTC).date()
    for name in sorted(_known()["retired"], key=len, reverse=True):
        if re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-]|\.\w)", words.casefold()):
            end = retired(name, today)
            return end.use if end else ""
    return ""


@lru_cache(maxsize=8192)
def rule_for(name: str) -> Mapping[str, Any]:
    """Return the first rule of ``models.toml`` that matches a name; empty when none does."""
    spelled = re.sub(r"[\s_]+", "-", name.strip().casefold())
    return next((rule for rule in _known()["rules"] if _pattern(rule["names"]).search(spelled)), {})


@cache
def _pattern(names: str) -> re.Pattern[str]:
    """Return the pattern of any of some parts of names, separated by spaces; none begins or ends inside a word."""
    return re.compile(rf"(?<![a-z])(?:{'|'.join(names.split())})(?![a-z])")


def draws(name: str, types: Iterable[str] = ()) -> bool:
    """Tell whether a model draws pictures: by its name, and where no rule matches by its endpoint types."""
    return bool(rule_for(name).get("picture", _PICTURE_TYPE in types))


@lru_cache(maxsize=8192)
def makes_clips(name: str) -> bool:
    """Tell by its name whether a model makes clips."""
    known, spelled = _known()["clips"], bare(name)
    others = _pattern(known["others"]).search(spelled)
    return not (others or draws(name)) and bool(_pattern(known["names"]).search(spelled))


def by_task(name: str) -> bool:
    """Tell by its name whether a model is known to make clips through ``POST /v1/videos`` only."""
    return bool(re.fullmatch(_known()["clips"]["videos"], bare(name)))


@lru_cache(maxsize=512)
def answers_for(reported: str, asked: str) -> bool:
    """Tell whether the name that came with an answer means the model that was asked, or none.

    It does with a vendor before it, and with a date or ``latest`` behind it.
    """
    name, wanted = bare(reported), bare(asked)
    meant = re.escape(meant_by(wanted) or wanted)
    same = rf"(?:{re.escape(wanted)}|{meant})(?:[-@:](?:\d{{3,}}[\d-]*|latest|preview))*"
    return not name or _known()["reported"].get(name) == wanted or bool(re.fullmatch(same, name))


# -- what an endpoint offers -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Model:
    """Describe a model that an endpoint offers.

    Args:
        id: its name, as requests use it.
        owner: its owner, as the endpoint says; empty where it does not say.
        endpoint_types: the interfaces through which it may be used, as the endpoint says.
        ends: the day on which it is shut down, as the endpoint says, ``YYYY-MM-DD``; empty where it does not say.
        picture: whether it draws, as :func:`draws` tells.
        alias_of: the model that it is another name for; empty for none.
        aliases: other names for it.
    """

    id: str
    owner: str = ""
    endpoint_types: tuple[str, ...] = ()
    ends: str = ""
    picture: bool = field(init=False)
    alias_of: str = field(init=False)
    aliases: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "picture", draws(self.id, self.endpoint_types))
        object.__setattr__(self, "alias_of", meant_by(self.id))
        object.__setattr__(self, "aliases", tuple(name for name, model in aliases().items() if model == self.id))

    def is_gone(self, today: date) -> bool:
        """Tell whether the endpoint says that it is shut down by a day."""
        return bool(self.ends) and self.ends <= today.isoformat()

    def ends_soon(self, today: date) -> bool:
        """Tell whether the endpoint says that it is shut down within the next weeks."""
        return today.isoformat() < self.ends <= (today + SOON).isoformat()


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

    def lacks(self, name: str, today: date) -> bool:
        """Tell whether a model is not in the list, or shut down by a day; an empty list tells of none."""
        found = self.find(name)
        return bool(self.models) and (found is None or found.is_gone(today))

    def instead_of(self, name: str, form: str, today: date, *, words: bool = False) -> list[str]:
        """Return the models to use in place of one, the likeliest first.

        Args:
            name: of the model.
            form: the format: what the endpoint lists for it comes first.
            today: what is shut down by now is left out.
            words: whether models that answer in words are wanted, and not those that draw.
        """
        end, kind = retired(name), _known()["types"].get(form, "")
        same = {meant_by(name) or bare(name), end.use if end else ""}
        silent = _pattern(_known()["silent"]["names"])  # what draws has other names

        def is_offered(model: Model) -> bool:
            talks = not (model.picture or makes_clips(model.id) or silent.search(bare(model.id)))
            fits = talks if words else model.picture
            return fits and not model.is_gone(today)

        def rank(model: Model) -> tuple[bool, bool, bool, float]:
            types, own = model.endpoint_types, kind == _PICTURE_TYPE
            # What has an interface for pictures of its own seldom draws through a chat, though it is listed for it too.
            has_own = _PICTURE_TYPE in types if types else bool(_OF_IMAGES.match(bare(model.id)))
            other = has_own != own if own or not types else has_own or kind not in types
            is_shut = retired(model.id, today) is not None
            alike = SequenceMatcher(None, bare(name), bare(model.id)).ratio()
            return other, is_shut, not same & {bare(model.id), model.alias_of}, -alike

        return [one.id for one in sorted(filter(is_offered, self.models), key=rank)]

    def clips(self, today: date) -> list[str]:
        """Return the models that make clips, without those that are known to be shut down by a day."""
        names = (model.id for model in self.models if makes_clips(model.id) and not model.is_gone(today))
        return [name for name in names if not retired(name, today)]

    def find(self, name: str) -> Model | None:
        """Return the model with a name, else one whose name means the same; None where the list has none."""
        # Google has models/ before its names; large and small letters may be two names to an endpoint.
        plain = name.removeprefix("models/")
        alike = [model for model in self.models if model.id.removeprefix("models/") == plain]
        return next((model for model in alike if model.id == name), alike[0] if alike else None)


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
    if not isinstance(answer, Mapping) or answer.get("success") is False or answer.get("error"):
        raise ValueError("an error, or no list")
    rows = answer.get("data")
    if not isinstance(rows, list) and isinstance(answer.get("models"), list):
        objects = (row if isinstance(row, Mapping) else {} for row in answer["models"])
        named = ((row, row.get("name")) for row in objects)
        rows = [{"id": name.removeprefix("models/") if isinstance(name, str) else None, **row} for row, name in named]
    if not isinstance(rows, list):
        raise ValueError("no list")  # noqa: TRY004  an answer of any other type is no list either
    models: dict[str, Model] = {}
    for row in rows:
        if model := _model(row):
            models.setdefault(model.id, model)
    if rows and not models:
        raise ValueError("no row names a model")
    return in_order(models.values())


def _model(row: Any) -> Model | None:
    """Return the model of one row; None for a row without a name that can be typed."""
    name = row.get("id") if isinstance(row, Mapping) else None
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or not name.strip():
        return None
    types = next((row[key] for key in _TYPES if row.get(key)), ())
    several = types if isinstance(types, list) else [types]
    kinds = tuple(filter(None, map(_short, several[:_MOST_TYPES])))
    return Model(name, _short(row.get("owned_by")), kinds, day_in(row.get("shutdown_date")))


def day_in(value: Any) -> str:
    """Return the day at the beginning of a text, as ``YYYY-MM-DD``; empty for anything else."""
    with suppress(ValueError):
        return date.fromisoformat(value[:10]).isoformat() if isinstance(value, str) else ""
    return ""


def _short(value: Any) -> str:
    """Return the first characters of a text of one line; empty for anything else."""
    text = value.strip() if isinstance(value, str) else ""
    return text[:_LONGEST_TEXT] if text.isprintable() else ""
