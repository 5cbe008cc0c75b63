"""Makes requests of prompts and options; all that can be wrong with one is found here, before anything is sent."""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from wenwen_magic.engine.limits import best_pattern
from wenwen_magic.errors import ConfigError
from wenwen_magic.formats import FORMATS
from wenwen_magic.history.record_json import is_stripped
from wenwen_magic.media import metadata
from wenwen_magic.protocol import HttpCall
from wenwen_magic.records import DESCRIBE, WORD_TASKS, Gallery, ImageRequest, Reference
from wenwen_magic.settings import PLACE, Settings
from wenwen_magic.text.i18n import _, columns, comma, padded
from wenwen_magic.text.suggest import did_you_mean

_HOW = "%config WenwenMagics.styles = {'watercolour': '{prompt}, watercolour'}"


def styled(prompt: str, name: str, styles: Mapping[str, str]) -> str:
    """The prompt inside the template of a style; what stands in the prompt is not looked at.

    Raises:
        ConfigError: there is no such style; the text names the nearest.
    """
    if name not in styles:
        raise ConfigError(
            _("There is no style {name!r}.", name=name),
            do=did_you_mean(name, styles) if styles else _("Define it: ") + _HOW,
        )
    return styles[name].replace(PLACE, prompt)


def listing(styles: Mapping[str, str]) -> str:
    """All styles with their templates, a line each; how to define one where there are none."""
    if not styles:
        return _("There are no styles yet. Define one: ") + _HOW
    width = max(map(columns, styles)) + 2
    return "\n".join(f"{padded(name, width)}{' '.join(template.split())}" for name, template in styles.items())


_DEFAULTS = ("model", "orientation", "format", "stream")


def make(
    prompt: str | ImageRequest, options: Mapping[str, Any], settings: Settings, reference: Callable[[Any], Reference]
) -> ImageRequest:
    """Make a request.

    Args:
        prompt: the words, or a finished request to change.
        options: the request's fields by name, and ``style``; None counts as not given.
        settings: what is not given comes from them.
        reference: makes a reference of whatever a user points at.

    Raises:
        ConfigError: an unknown option, or a value that cannot be; also one that only the format knows to refuse.
    """
    known = {"style", *(item.name for item in fields(ImageRequest))}
    if unknown := next((name for name in options if name not in known), ""):
        what = _("There is no option {unknown!r}.", unknown=unknown)
        raise ConfigError(what, do=did_you_mean(unknown, known))
    given = {name: value for name, value in options.items() if value is not None}
    style = given.pop("style", "")
    if "references" in given:
        several = isinstance(given["references"], (list, tuple, Gallery))
        listed = given["references"] if several else [given["references"]]
        given["references"] = tuple(reference(value) for value in listed)
    if given.get("mask") is not None:
        given["mask"] = reference(given["mask"])
    request = _changed(prompt, given) if isinstance(prompt, ImageRequest) else _new(prompt, given, settings)
    request = _with_parent(request)
    if style:
        request = replace(request, prompt=styled(request.prompt, style, settings.styles))
    _check_format(request)
    return request


def _with_parent(request: ImageRequest) -> ImageRequest:
    """A request that goes on from the generation its first reference is a picture of, if it says no other."""
    origin = next((one.origin for one in request.references if one.origin), "")
    return replace(request, parent=origin) if origin and not request.parent else request


def _check_format(request: ImageRequest) -> None:
    if request.format not in FORMATS:
        raise ConfigError(
            _("There is no format {format!r}.", format=request.format),
            do=did_you_mean(request.format, FORMATS),
        )
    tasks = FORMATS[request.format].tasks
    if request.task not in tasks:
        raise ConfigError(
            _("The format {format} does not know the task {task!r}.", format=request.format, task=request.task),
            do=_("It knows: ") + ", ".join(tasks),
        )
    if request.task == DESCRIBE and not request.references:
        raise ConfigError(
            _("There is no picture to describe."),
            do=_("Name one: --ref with a variable, an id, a path or an address."),
        )
    next(FORMATS[request.format].talk(request))  # what the first call refuses is refused here


def _changed(request: ImageRequest, given: Mapping[str, Any]) -> ImageRequest:
    """A finished request with other values; without any it stays itself, prompt left out or not."""
    if not given:
        return request
    refuse_stripped(request)
    return replace(request, **given)


def _new(prompt: str, given: Mapping[str, Any], settings: Settings) -> ImageRequest:
    if not isinstance(prompt, str):
        raise ConfigError(
            _("The prompt is not a text."),
            why=type(prompt).__name__,
            do='client.generate("a cat")',
        )
    defaults = {name: getattr(settings, name) for name in _DEFAULTS}
    if given.get("task") in WORD_TASKS:  # words have no shape
        defaults |= {"model": settings.describe_model, "orientation": "auto"}
    defaults["format"] = usual_format(given.get("model", defaults["model"]), settings)
    chosen = defaults["model"] not in {Settings.model, Settings.describe_model}
    if not chosen and best_pattern(defaults["model"], settings.formats) is None:
        own = _own_model(given.get("format", defaults["format"]), words=given.get("task") in WORD_TASKS)
        defaults["model"] = own or defaults["model"]
    return ImageRequest(prompt.strip(), **{**defaults, **given})


def names_model(request: ImageRequest) -> bool:
    """Whether the model's name goes out with a request; to some formats it only says which of them to speak."""
    call = next(FORMATS[request.format].talk(request))
    if not isinstance(call, HttpCall):
        return False
    named = call.body.get("model") if isinstance(call.body, Mapping) else None
    return named == request.model or request.model in unquote(call.path)


def _own_model(name: str, *, words: bool) -> str:
    """The model that a format has of its own, for drawing or for describing; empty for none."""
    wire = FORMATS.get(name)
    return (wire.reader if words else wire.model) if wire else ""


def usual_format(model: str, settings: Settings) -> str:
    """The format that a model's requests are spoken in when they name none."""
    return best_pattern(model, settings.formats) or settings.format


def refuse_stripped(request: ImageRequest) -> None:
    """Refuse a request whose prompt a lesson left out: nobody here knows what to ask for.

    Raises:
        ConfigError: it is one.
    """
    if is_stripped(request):
        raise ConfigError(
            _("The prompt of this picture was left out of the lesson."),
            do=_("Type the prompt yourself: the saved picture comes for free."),
        )


def read(path: Path, limit: int) -> ImageRequest:
    """The request in a file; its reference pictures have names and nothing else.

    Args:
        path: the picture's file.
        limit: bytes of it that are looked at.

    Raises:
        ConfigError: there is no recipe, it could not be asked for, or it started from pictures without names.
    """
    with path.open("rb") as file:
        recipe = metadata.read_recipe(file.read(limit))
    if recipe is None:
        raise ConfigError(
            _("{name} holds no recipe.", name=path.name),
            do=_("image.save(path, recipe=True) writes one."),
        )
    named = [_named(str(name)) for name in recipe.pop("references", ())]
    mask = _named(recipe.pop("mask")) if "mask" in recipe else None
    if any(not one.label for one in (*named, *([mask] if mask else []))):
        raise _nameless(str(recipe["prompt"]))
    return ImageRequest(**recipe, references=tuple(named), mask=mask)


def _named(name: str) -> Reference:
    return Reference(name, name, name)


def _nameless(prompt: str) -> ConfigError:
    return ConfigError(
        _("The picture was made from others that have no name."),
        why=_("They are not in the file."),
        do=_("Write the cell yourself, with --ref for each: ") + prompt[:200],
    )


def needed(request: ImageRequest) -> str:
    """Which pictures have to be given before the cell of a recipe can be run; empty for none."""
    words = [f"--ref {one.label}" for one in request.references]
    words += [f"--mask {request.mask.label}"] if request.mask else []
    if not words:
        return ""
    return _(
        " It starts from pictures that are not in the file: {words}. Before you run it, have them under "
        "these names, or name others.",
        words=comma().join(words),
    )
