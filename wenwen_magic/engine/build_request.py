"""Build and check requests, from prompts and options, buttons and recipes."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict
from urllib.parse import unquote

from wenwen_magic.engine.limits import best_pattern
from wenwen_magic.errors import ConfigError
from wenwen_magic.formats import FORMATS
from wenwen_magic.history.record_json import is_stripped
from wenwen_magic.media import metadata
from wenwen_magic.media.reference import pictures_in
from wenwen_magic.models import by_task, default_model
from wenwen_magic.protocol import HttpCall
from wenwen_magic.records import (
    CLIP,
    DESCRIBE,
    DRAW,
    QUESTIONS,
    WORD_TASKS,
    Button,
    Gallery,
    Generation,
    ImageRequest,
    Reference,
)
from wenwen_magic.settings import PLACE, Settings
from wenwen_magic.text import orientation
from wenwen_magic.text.i18n import _, comma, padded, text_width
from wenwen_magic.text.sanitize import one_line
from wenwen_magic.text.suggest import did_you_mean

_LONGEST_CLIP = 3600
"""Seconds; beyond it a number is a slip of the pen."""
_HOW = "%config WenwenMagics.styles = {'watercolour': '{prompt}, watercolour'}"


class EditOptions(TypedDict, total=False):
    """What a user may give with a prompt and pictures; None counts as not given.

    Args:
        model: the relay's name of the model.
        orientation: ``auto``, ``square``, ``landscape``, ``portrait``, a ratio or a size, as in
            :class:`wenwen_magic.records.ImageRequest`.
        size: ``1K``, ``2K``, ``4K``, or width and height (``1536x1024``), beside an orientation that it agrees with.
        count: wanted takes, at least 1.
        params: further fields of the request body.
        format: the wire format's name.
        stream: whether to ask for the answer as a stream.
        style: the name of a template around the prompt, one of the setting ``styles``.
        mask: where the first reference may be changed, as a reference.
        seconds: how long a clip shall be; goes into ``params``, as a text, where those given with it name none.
        parent: the id of the generation that this one continues.
    """

    model: str | None
    orientation: str | None
    size: str | tuple[int, int] | None
    count: int | None
    params: Mapping[str, Any] | None
    format: str | None
    stream: bool | None
    style: str | None
    mask: Any
    seconds: float | str | None
    parent: str | None


class RequestOptions(EditOptions, total=False):
    """What a user may give with a prompt; None counts as not given.

    Args:
        references: a picture to start from or several, each as for
            :func:`wenwen_magic.media.reference.reference`.
        task: ``draw``, ``describe``, ``ask``, ``ask_json``, or another that the format knows.
    """

    references: Any
    task: str | None


REQUEST_OPTIONS = tuple(RequestOptions.__annotations__)
"""The names of all options of a request; an option of a magic that has such a name is passed on."""


def styled(prompt: str, name: str, styles: Mapping[str, str]) -> str:
    """Put a prompt, whose braces stay as they are, into a style's template; raise ``ConfigError`` for no such style."""
    if name not in styles:
        do = did_you_mean(name, styles) if styles else _("Define it: ") + _HOW
        raise ConfigError(_("There is no style {name!r}.", name=name), do=do)
    return styles[name].replace(PLACE, prompt)


def listing(styles: Mapping[str, str]) -> str:
    """List the styles with their templates, a line each; without any say how to define one."""
    if not styles:
        return _("There are no styles yet. Define one: ") + _HOW
    width = max(map(text_width, styles)) + 2
    return "\n".join(f"{padded(name, width)}{one_line(template)}" for name, template in styles.items())


def make(
    prompt: str | ImageRequest, options: Mapping[str, Any], settings: Settings, reference: Callable[[Any], Reference]
) -> ImageRequest:
    """Make a request.

    Args:
        prompt: the words, or a finished request to change.
        options: the request's fields by name, and ``style``; None counts as not given.
        settings: for what is not given.
        reference: makes a reference of a value that the user gave.

    Raises:
        ConfigError: an unknown option, or a value that cannot be; also one that only the format knows to refuse.
    """
    known = ("prompt", *REQUEST_OPTIONS)
    if unknown := next((name for name in options if name not in known), ""):
        what = _("There is no option {unknown!r}.", unknown=unknown)
        raise ConfigError(what, do=did_you_mean(unknown, known))
    given = {name: value for name, value in options.items() if value is not None}
    style = given.pop("style", "")
    if (size := given.pop("size", None)) is not None:
        if "orientation" in given:
            given["orientation"] = orientation.read(given["orientation"], size)
        else:
            usual = "auto" if given.get("task") in WORD_TASKS else settings.orientation
            own = prompt.orientation if isinstance(prompt, ImageRequest) else usual
            given["orientation"] = orientation.over(own, size)
    if "seconds" in given:
        given["params"] = _with_seconds(given.pop("seconds"), prompt, given)
    given |= _pictures(given, reference)
    if not isinstance(prompt, ImageRequest):
        request = _new(prompt, given, settings)
    elif given:
        refuse_stripped(prompt)
        request = _changed(prompt, given, settings)
    else:
        request = prompt  # unchanged, even where a lesson left its prompt out
    origin = next((one.origin for one in request.references if one.origin), "")
    if origin and not request.parent:  # it continues the generation of its first reference
        request = replace(request, parent=origin)
    if style:
        request = replace(request, prompt=styled(request.prompt, style, settings.styles))
    _check_format(request)
    return request


def _pictures(given: Mapping[str, Any], reference: Callable[[Any], Reference]) -> dict[str, Any]:
    """Return the references and the mask among what was given, made of the user's values."""
    made: dict[str, Any] = {}
    if "references" in given:
        named = given["references"]
        listed = list(named) if isinstance(named, Gallery) and len(named) else named
        none = isinstance(listed, (list, tuple)) and not listed
        made["references"] = () if none else tuple(reference(value) for value, _name in pictures_in(listed))
    if "mask" in given:
        made["mask"] = reference(given["mask"])
    return made


def _with_seconds(value: float | str, prompt: str | ImageRequest, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return params with a clip's length as a text, the only form that all servers take; a param given with it stays.

    Raises:
        ConfigError: it is no length, or no clip is asked for.
    """
    before, usual = (prompt.params, prompt.task) if isinstance(prompt, ImageRequest) else ({}, DRAW)
    before = before if usual == CLIP else {}
    if given.get("task", usual) != CLIP:
        raise ConfigError(_("A picture has no length in seconds."), do=_("Leave it out: seconds are for clips."))
    try:
        number = 0.0 if isinstance(value, bool) else float(str(value).strip().removesuffix("s"))
    except ValueError:
        number = 0.0
    if not 0 < number <= _LONGEST_CLIP:
        raise ConfigError(
            _("A clip cannot last {seconds} seconds.", seconds=one_line(str(value), 20)),
            do=_("Give a number of seconds that the model offers, such as --seconds 8"),
        )
    length = {"seconds": f"{number:g}"}
    return {**length, **given["params"]} if "params" in given else {**before, **length}


def _changed(request: ImageRequest, given: Mapping[str, Any], settings: Settings) -> ImageRequest:
    """Change a request; where that makes a picture's a clip's or a question, it is asked in the way of these.

    A default model becomes that of the format and the task that the request has then.
    """
    changed = replace(request, **given, usual="" if "model" in given else request.usual)
    if _result(request) != _result(changed) and {request.task, changed.task} & {CLIP, *QUESTIONS}:
        usual = _defaults(given, settings)
        shape = usual["orientation"] if changed.wants_words else request.orientation
        # Params and a mask are for the model that they were given with.
        return replace(request, **{**usual, "orientation": shape, "params": {}, "mask": None, **given})
    if not changed.unnamed or not given.keys() & {"format", "task"}:
        return changed
    model = default_model(changed.format, words=changed.wants_words)
    return replace(changed, model=model, usual=model)


def _result(request: ImageRequest) -> tuple[bool, bool]:
    """Return what kind of thing a request is to bring."""
    return request.wants_words, request.wants_clip


def _check_format(request: ImageRequest) -> None:
    if request.format not in FORMATS:
        unknown = _("There is no format {format!r}.", format=request.format)
        raise ConfigError(unknown, do=did_you_mean(request.format, FORMATS))
    tasks = FORMATS[request.format].tasks
    if request.task not in tasks:
        others = [name for name, form in FORMATS.items() if request.task in form.tasks]
        raise ConfigError(
            _("The format {format} does not know the task {task!r}.", format=request.format, task=request.task),
            do=_("These formats do: ") + ", ".join(others) if others else _("It knows: ") + ", ".join(tasks),
        )
    if request.task == DESCRIBE and not request.references:
        raise ConfigError(
            _("There is no picture to describe."),
            do=_("Name one: --ref with a variable, an id, a path or an address."),
        )
    next(FORMATS[request.format].talk(request))  # raises what the format refuses


def _new(prompt: str, given: Mapping[str, Any], settings: Settings) -> ImageRequest:
    if not isinstance(prompt, str):
        raise ConfigError(_("The prompt is not a text."), why=type(prompt).__name__, do='client.generate("a cat")')
    request = ImageRequest(prompt.strip(), **{**_defaults(given, settings), **given})
    if request.task in (DESCRIBE, *QUESTIONS) and request.orientation != "auto":  # it would be words of the question
        raise ConfigError(_("An answer in words has no shape."), do=_("Leave it out: orientation and size."))
    return request


def _defaults(given: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Return the model, the format and the like that the settings have for a task, by the fields' names."""
    task = given.get("task", DRAW)
    words = task in WORD_TASKS
    set_model = settings.describe_model if words else settings.video_model if task == CLIP else settings.model
    named = given.get("model") or set_model
    usual = "" if named else default_model(given.get("format") or _able(settings.format, task), words=words)
    return {
        "model": named or usual,
        "orientation": "auto" if words else settings.orientation,  # a text has no orientation
        "format": usual_format(named or usual, settings, task),
        # Words are read as they come; and gateways end a silent call after 100 s, while a clip takes minutes.
        "stream": settings.stream or task in (CLIP, *QUESTIONS),
        "usual": usual,
    }


def names_model(request: ImageRequest) -> bool:
    """Tell whether a request sends its model's name; some formats only use it to choose how to ask."""
    call = next(FORMATS[request.format].talk(request))
    if not isinstance(call, HttpCall):
        return False
    in_body = isinstance(call.body, Mapping) and call.body.get("model") == request.model
    return in_body or request.model in unquote(call.path)


def usual_format(model: str, settings: Settings, task: str = DRAW) -> str:
    """Return the format of a model's requests that do not name one."""
    by_name = best_pattern(model, settings.formats) or ("videos" if task == CLIP and by_task(model) else "")
    return _able(by_name or settings.format, task)


def _able(form: str, task: str) -> str:
    """Return a format of the settings, which are for pictures; in its place ``chat`` for a task that it does not know.

    A name that is no format, and a task that chat does not know either, stay as they are, to be told.
    """
    known = FORMATS[form].tasks if form in FORMATS else (task,)
    return form if task in known or task not in FORMATS["chat"].tasks else "chat"


def refuse_stripped(request: ImageRequest) -> None:
    """Raise a ``ConfigError`` for a request whose prompt a lesson left out."""
    if is_stripped(request):
        raise ConfigError(
            _("The prompt of this picture was left out of the lesson."),
            do=_("Type the prompt yourself: the saved picture comes for free."),
        )


def read(path: Path, limit: int) -> ImageRequest:
    """Read the request from the recipe in the first bytes of a picture's file; its references have names only.

    Raises:
        ConfigError: there is no recipe, its request is invalid, or it started from pictures without names.
    """
    with path.open("rb") as file:
        recipe = metadata.read_recipe(file.read(limit))
    if recipe is None:
        raise ConfigError(
            _("{name} does not say how it was made.", name=path.name),
            do=_("Only pictures saved with image.save(path, recipe=True) do."),
        )
    names = [*map(str, recipe.pop("references", ())), *([recipe.pop("mask")] if (masked := "mask" in recipe) else [])]
    if not all(names):
        raise ConfigError(
            _("The picture was made from others that have no name."),
            why=_("They are not in the file."),
            do=_("Write the cell yourself, with --ref for each: ") + str(recipe["prompt"])[:200],
        )
    named = [Reference(name, name, name) for name in names]
    mask = named.pop() if masked else None
    return ImageRequest(**recipe, references=tuple(named), mask=mask)


def needed(request: ImageRequest) -> str:
    """Say which pictures the user has to provide before the cell of a recipe can run; empty for none."""
    options = [f"--ref {one.label}" for one in request.references]
    options += [f"--mask {request.mask.label}"] if request.mask else []
    if not options:
        return ""
    return _(
        " It starts from pictures that are not in the file: {words}. Before you run it, have them under "
        "these names, or name others.",
        words=comma().join(options),
    )


# -- buttons -----------------------------------------------------------------------------------------------------------


def find_button(generation: Generation, label: str) -> Button:
    """Return the button of a generation with a label; upper and lower case count alike.

    Raises:
        ConfigError: there is none; the text names those there are.
    """
    for button in generation.buttons:
        if button.label.casefold() == label.strip().casefold():
            return button
    labels = [button.label for button in generation.buttons]
    raise ConfigError(
        _("This picture has no button {label!r}.", label=label[:40]),
        do=did_you_mean(label, labels) if labels else _("It has no buttons."),
    )


def of_button(generation: Generation, button: Button, prompt: str = "", mask: Reference | None = None) -> ImageRequest:
    """Build the request that presses a button: the generation's prompt, model and format, the button's task and params.

    Args:
        generation: the picture.
        button: one of its buttons.
        prompt: words, for a button that asks for them; empty for the picture's own.
        mask: where the picture may be changed, for a button that asks for a region.

    Raises:
        ConfigError: a lesson left the generation's prompt out, or the button asks for more than is given.
    """
    asked = generation.request
    refuse_stripped(asked)
    needs_words, needs_region = button.asks == "words" and not prompt, button.asks == "region" and mask is None
    if needs_words or needs_region:
        more = f"prompt={asked.prompt[:60]!r}" + (", mask=hole" if needs_region else "")
        line = f'client.press(client.history.get("{generation.id}"), {button.label!r}, {more})'
        raise ConfigError(
            _("{label} asks for a region and words; nothing was sent.", label=button.label)
            if needs_region
            else _("{label} asks for words; nothing was sent.", label=button.label),
            do=_("From Python: ") + line + (_("; %wenwen mask paints one") if needs_region else ""),
        )
    return ImageRequest(
        prompt or asked.prompt,
        asked.model,
        params=button.params,
        format=asked.format,
        task=button.task,
        mask=mask,
        parent=generation.id,
    )
