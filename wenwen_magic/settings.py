"""Declare every setting once, and merge options, %config, environment and pyproject.toml, with the source of each."""

import json
import os
import re
import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypedDict

from wenwen_magic.errors import ConfigError
from wenwen_magic.text import orientation
from wenwen_magic.text.i18n import LANGUAGES, N_, _, spoken
from wenwen_magic.text.suggest import did_you_mean

MODES = ("cache", "live", "replay")
PROJECT_FILE = "pyproject.toml"
PLACE = "{prompt}"
"""The place of the prompt in a style's template."""
_DEFAULT, _ENVIRONMENT = N_("default"), N_("environment")
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def _one_of(*names: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        word = str(value).strip()
        if word not in names:
            raise ValueError(_("one of ") + ", ".join(names))
        return word

    return parse


def _orientation(value: Any) -> str:
    try:
        return orientation.read(value)
    except ConfigError:
        raise ValueError(_("one of ") + ", ".join((*orientation.ORIENTATIONS, "16:9", "1536x1024", "2K"))) from None


def _at_least(kind: type[int] | type[float], lowest: float) -> Callable[[Any], Any]:
    def parse(value: Any) -> Any:
        wanted = _("a number of at least {lowest:g}", lowest=lowest)
        try:
            number = kind(value)
        except (ValueError, TypeError, OverflowError):
            raise ValueError(wanted) from None
        if isinstance(value, float) and number != value:
            raise ValueError(_("a whole number"))
        if not lowest <= number < float("inf"):
            raise ValueError(wanted)
        return number

    return parse


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError(_("some text"))
    return value.strip()


def _model(value: Any) -> str:
    return "" if value == "" else _text(value)


def _folder(value: Any) -> str:
    return _text(str(value) if isinstance(value, Path) else value)


def _unit(value: Any) -> str:
    return "" if isinstance(value, str) and not value.strip() else _text(value)


def _flag(value: Any) -> bool:
    word = str(value).strip().lower()
    if word not in (*_TRUE, *_FALSE):
        raise ValueError(_("true or false"))
    return word in _TRUE


def _names(value: Any) -> tuple[str, ...]:
    parts = value.replace("，", ",").split(",") if isinstance(value, str) else value
    return tuple(name for part in parts if (name := str(part).strip()))


def _pairs(value: Any) -> dict[str, Any]:
    """Read a table; as a text it is ``name=value, name=value``."""
    if isinstance(value, Mapping):
        return {str(name).strip(): entry for name, entry in value.items()}
    parts = [part.partition("=") for part in (_names(value) if isinstance(value, str) else ())]
    if not parts or not all(sign for _, sign, _ in parts):
        raise ValueError(_("a table: name=value, name=value"))
    return {name.strip(): entry.strip() for name, _, entry in parts}


class PerSecond(float):
    """A price of each second of a clip, written ``0.03/s``."""

    def __repr__(self) -> str:
        return f"{float(self):g}/s"

    __str__ = __repr__


def _price(value: Any) -> float:
    text = str(value).strip()
    per_second = re.sub(r"\s*/\s*(?:s|秒)$", "", text)
    price: float = _at_least(float, 0)(value if per_second == text else per_second)
    return PerSecond(price) if isinstance(value, PerSecond) or per_second != text else price


def _prices(value: Any) -> Mapping[str, float]:
    return {name: _price(price) for name, price in _pairs(value).items()}


def _words(value: Any) -> Mapping[str, str]:
    return {name: _text(word) for name, word in _pairs(value).items()}


def _styles(value: Any) -> Mapping[str, str]:
    """Read templates by name; as a text they are a JSON object, because they hold commas."""
    table = json.loads(value) if isinstance(value, str) else value
    if not isinstance(table, Mapping) or not all(PLACE in str(template) for template in table.values()):
        raise ValueError(_("a table of templates that hold {place}", place=PLACE))
    return {str(name).strip(): str(template) for name, template in table.items()}


def _setting(default: Any, parse: Callable[[Any], Any], about: str) -> Any:
    """Declare a setting; with the default ``dict`` a table: each layer adds entries, the first that has a name wins."""
    metadata = {"parse": parse, "about": about}
    return (
        field(default_factory=dict, metadata=metadata) if default is dict else field(default=default, metadata=metadata)
    )


@dataclass(frozen=True)
class Settings:
    """Hold all settings; the text after each default says what the setting is, with its unit."""

    base_url: str = _setting("https://api.wenwen-ai.com", _text, "the endpoint's address, with or without /v1")
    model: str = _setting("", _model, "the model that draws when a cell names none; empty: the format's own")
    orientation: str = _setting("auto", _orientation, "auto, square, landscape, portrait, a ratio or a size")
    format: str = _setting("chat", _text, "the wire format: chat, images, gemini, midjourney or videos")
    formats: Mapping[str, str] = _setting(dict, _words, "the wire format by model or pattern (mj_*)")
    describe_model: str = _setting(
        "", _model, "the model that describes and answers questions when a cell names none; empty: the format's own"
    )
    video_model: str = _setting("", _model, "the model that makes clips when a cell names none; empty: there is none")
    key_in: str = _setting(
        "header", _one_of("header", "query"), "where the key is sent, if the format lets you choose: header, query"
    )
    poll_seconds: float = _setting(3.0, _at_least(float, 0.01), "seconds between two questions about a running job")
    poll_limit: float = _setting(1200.0, _at_least(float, 0), "seconds to wait for a running job in all")
    reference_side: int = _setting(2048, _at_least(int, 64), "pixels of a reference picture's longer side")
    mode: str = _setting("cache", _one_of(*MODES), "cache: saved takes are free; live: always ask; replay: never ask")
    history: str = _setting("wenwen_images", _folder, "the folder of the pictures and records")
    timeout: float = _setting(600.0, _at_least(float, 0.1), "seconds to wait for the next byte of an answer")
    stream: bool = _setting(False, _flag, "ask for answers as a stream, with progress")
    confirm_above: int = _setting(4, _at_least(int, 0), "pictures one cell may ask for without a question")
    session_limit: int = _setting(50, _at_least(int, 0), "pictures one session may ask for")
    embed: bool = _setting(False, _flag, "keep clips of up to 2 MiB in the notebook itself")
    clip_counts: int = _setting(10, _at_least(int, 1), "as how many pictures a clip counts in the limits")
    budget: float | None = _setting(None, _at_least(float, 0), "what one session may spend, by the table of prices")
    prices: Mapping[str, float] = _setting(
        dict, _prices, "your price of one picture or clip, by model or pattern (gpt-*); 0.03/s"
    )
    currency: str = _setting("", _unit, "the unit of your prices, only shown")
    styles: Mapping[str, str] = _setting(dict, _styles, "templates by name, with {prompt} where the prompt goes")
    concurrency: int = _setting(4, _at_least(int, 1), "requests under way at the same time")
    max_mib: int = _setting(64, _at_least(int, 1), "largest picture to download, in MiB")
    max_megapixels: int = _setting(100, _at_least(int, 1), "largest picture to decode, in million pixels")
    trusted_hosts: tuple[str, ...] = _setting((), _names, 'private hosts to fetch pictures from: "host" or "host:port"')
    ui: bool = _setting(True, _flag, "show the controls under a picture")
    lang: str = _setting("auto", _one_of("auto", *LANGUAGES), f"language of the messages: auto, {', '.join(LANGUAGES)}")


class SettingsOptions(TypedDict, total=False):
    """The settings by name, as a user may give them; :class:`Settings` tells what each is. None counts as not given."""

    base_url: str | None
    model: str | None
    orientation: str | None
    format: str | None
    formats: Mapping[str, str] | str | None
    describe_model: str | None
    video_model: str | None
    key_in: Literal["header", "query"] | None
    poll_seconds: float | None
    poll_limit: float | None
    reference_side: int | None
    mode: Literal["cache", "live", "replay"] | None
    history: str | Path | None
    timeout: float | None
    stream: bool | None
    confirm_above: int | None
    session_limit: int | None
    embed: bool | None
    clip_counts: int | None
    budget: float | None
    prices: Mapping[str, float] | str | None
    currency: str | None
    styles: Mapping[str, str] | str | None
    concurrency: int | None
    max_mib: int | None
    max_megapixels: int | None
    trusted_hosts: Sequence[str] | None
    ui: bool | None
    lang: str | None


_FIELDS = {setting.name: setting for setting in fields(Settings)}
NAMES = tuple(_FIELDS)
"""The names of all settings."""
TABLES = tuple(name for name, setting in _FIELDS.items() if setting.default_factory is dict)
"""The names of those that are tables."""


def about(name: str) -> str:
    """Return one phrase that says what a setting is."""
    return str(_FIELDS[name].metadata["about"])


@dataclass(frozen=True)
class Layer:
    """Hold the settings of one place, by name; a value of None counts as not given. The place is named in English."""

    source: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Loaded:
    """Hold merged settings, and the place that each of them came from, by the setting's name."""

    settings: Settings
    sources: Mapping[str, str]


def load(*layers: Layer, base: Loaded | None = None) -> Loaded:
    """Merge layers; the first that gives a setting wins.

    Args:
        *layers: the places, the most important first.
        base: settings that the layers override; None for the defaults.

    Raises:
        ConfigError: a layer has an unknown name or an unusable value; the message names the place and the nearest name.
    """
    values: dict[str, Any] = dict(vars(base.settings)) if base else {}
    sources = dict(base.sources) if base else dict.fromkeys(NAMES, _DEFAULT)
    for layer in reversed(layers):
        for name, value in layer.values.items():
            if value is not None:
                parsed = _parsed(layer, name, value)
                values[name] = {**values.get(name, {}), **parsed} if name in TABLES else parsed
                sources[name] = layer.source
    return Loaded(Settings(**values), sources)


def load_here(*layers: Layer) -> Loaded:
    """Merge layers as :func:`load` does, before the environment and the project file of the working folder."""
    return load(*layers, environment(), project(working_folder()))


def _parsed(layer: Layer, name: str, value: Any) -> Any:
    if name not in _FIELDS:
        raise ConfigError(
            _("There is no setting {name!r}.", name=name),
            why=_("It is set in {source}.", source=_(layer.source)),
            do=did_you_mean(name, NAMES),
        )
    try:
        return _FIELDS[name].metadata["parse"](value)
    except (ValueError, TypeError, ArithmeticError) as error:
        shown = reprlib.repr(value)
        more = f" ({about(name)})" if spoken() == "en" else ""  # it is in English alone
        raise ConfigError(
            _("The setting {name} cannot be {shown}.", name=name, shown=shown),
            why=_("It is set in {source}.", source=_(layer.source)),
            do=_("It should be: ") + f"{error}{more}",
        ) from None


def environment(environ: Mapping[str, str] = os.environ) -> Layer:
    """Return the layer of ``WENWEN_<NAME>`` variables; other variables are not read."""
    values = {name: environ.get(f"WENWEN_{name.upper()}") for name in NAMES}
    return Layer(_ENVIRONMENT, {name: value for name, value in values.items() if value})


def working_folder() -> Path:
    """Return the working folder.

    Raises:
        ConfigError: it was deleted.
    """
    try:
        return Path.cwd()
    except OSError:
        raise ConfigError(_("The working folder is gone."), do=_("Change to another: %cd ~")) from None


NOTEBOOK: list[Path] = []
"""The folder of the notebook, which a ``%cd`` does not move; empty where none is known."""
TOLD: list[Callable[[], tuple[Sequence[Layer], Any]]] = []
"""Gives what the magics of the notebook were told, settings and the typed key; empty in a script."""


def project(folder: Path) -> Layer:
    """Return the layer of ``[tool.wenwen]`` in the nearest ``pyproject.toml``, from a folder upwards.

    Raises:
        ConfigError: the file is not TOML.
    """
    paths = (place / PROJECT_FILE for place in (folder, *folder.parents))
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        return Layer(PROJECT_FILE, {})
    import tomllib  # noqa: PLC0415  most notebooks have no pyproject.toml beside them

    try:
        tool = tomllib.loads(path.read_text("utf-8")).get("tool", {})
        table = tool.get("wenwen", {}) if isinstance(tool, dict) else None
        why = _("[tool.wenwen] should be a table.")
    except (ValueError, OSError, RecursionError) as error:
        table, why = None, str(error)
    if not isinstance(table, dict):
        raise ConfigError(_("pyproject.toml cannot be read."), why=f"{path.name}: {why}", do=_("Correct it."))
    return Layer(PROJECT_FILE, table)
