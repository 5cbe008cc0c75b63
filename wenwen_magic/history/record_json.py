"""Read and write dataclasses as JSON, records above all; the types of their fields decide what is accepted."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from types import NoneType
from typing import Any, Literal, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

from wenwen_magic.media.file_parts import LONGEST_CLIP, WIDEST_CLIP
from wenwen_magic.records import GeneratedImage, Generation, ImageRequest, Reference, Video

VERSION = 1
STRIPPED = "…"
"""The prompt of a request whose own was left out; its fingerprint is kept beside it."""
Render = Callable[[Generation], dict[str, Any]]
_T = TypeVar("_T")
_UNSAVED: Mapping[type, tuple[str, ...]] = {
    Generation: ("take", "from_history", "note", "currency", "still", "embed", "render"),
    GeneratedImage: ("preview", "request", "record", "origin"),
    Video: ("origin",),
    ImageRequest: ("count", "usual"),
}
"""The fields that are not saved: they hold for one session, or follow from the object around them."""
_PLAIN = {str, int, float, bool, NoneType}
_LARGEST = 1 << 53
"""No number is larger: it is one in every program that reads JSON, and SQLite and a caption hold it."""
_IN_NO_NAME = re.compile(r"[\\\0\ud800-\udfff]")
"""What no name of a file has here: signs of paths, and half characters, for which any call of the system raises."""
_KEYS = {"path": "file"}
"""The fields that have another name in JSON."""


# -- any dataclass -----------------------------------------------------------------------------------------------------


class _Field(NamedTuple):
    name: str
    key: str
    read: Callable[[Any, str], Any]
    required: bool


def to_json(value: Any) -> Any:
    """Return a value as JSON has it: of a path the name of its file, of a reference not its bytes."""
    if type(value) in _PLAIN:  # as most are
        return value
    if isinstance(value, Reference) and not value.is_link:  # of the picture itself: its digest, and its name
        value = replace(value, address="", label=value.pointer)
    if is_dataclass(value):
        kind: Any = type(value)
        return {field.key: to_json(getattr(value, field.name)) for field in _saved_fields(kind)}
    if isinstance(value, (list, tuple)):
        return [to_json(member) for member in value]
    if isinstance(value, Mapping):
        return dict(value)
    return value.name if isinstance(value, Path) else value


def from_json(kind: type[_T], value: Any) -> _T:
    """Make a value of a type out of parsed JSON.

    Args:
        kind: a dataclass whose fields are texts, numbers, booleans, literals, mappings, paths (the name of a file),
            tuples of one type, other dataclasses, or one of these or None.
        value: as ``json.loads`` returns it. Unknown keys are ignored; a missing one leaves the field's default.

    Raises:
        ValueError: a value is of a wrong type, or one without a default is missing; it names the key.
    """
    made: _T = _reader(kind)(value, kind.__name__)  # type: ignore[arg-type]  # mypy takes no class for hashable
    return made


@cache
def _saved_fields(kind: Any) -> tuple[_Field, ...]:
    types, unsaved = get_type_hints(kind), _UNSAVED.get(kind, ())
    return tuple(
        _Field(f.name, _KEYS.get(f.name, f.name), _reader(types[f.name]), f.default is f.default_factory is MISSING)
        for f in fields(kind)
        if f.init and f.name not in unsaved
    )


@cache
def _reader(kind: Any) -> Callable[[Any, str], Any]:
    """Make the function that reads a value of a type; it is given the value and its key."""
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return partial(_read_object, kind)
    if kind is Path:
        return _read_file_name
    if origin is Literal:
        return lambda value, key: _insist(value, value in arguments, key)
    if NoneType in arguments:
        read = _reader(next(argument for argument in arguments if argument is not NoneType))
        return lambda value, key: None if value is None else read(value, key)
    if origin is tuple:
        read = _reader(arguments[0])
        return lambda value, key: tuple(read(member, key) for member in _insist(value, isinstance(value, list), key))
    accepted = (int, float) if kind is float else origin or kind
    return partial(_read_number if kind in {int, float} else _read_plain, accepted)


def _read_plain(accepted: Any, value: Any, key: str) -> Any:
    return _insist(value, isinstance(value, accepted) and (accepted is bool or not isinstance(value, bool)), key)


def _read_number(accepted: Any, value: Any, key: str) -> Any:
    _read_plain(accepted, value, key)
    return _insist(value, -_LARGEST <= value <= _LARGEST, key)  # NaN is in no range


def _insist(value: Any, right: object, key: str) -> Any:
    if not right:
        raise ValueError(f"{key} is of a wrong type")
    return value


def _read_object(kind: Any, value: Any, key: str) -> Any:
    _insist(value, isinstance(value, dict), key)
    given = {}
    for field in _saved_fields(kind):
        if field.key in value:
            given[field.name] = field.read(value[field.key], field.key)
        elif field.required:
            raise ValueError(f"{field.key} is missing")
    return kind(**given)


def _read_file_name(value: Any, key: str) -> Path:
    name = Path(_insist(value, isinstance(value, str), key)).name
    if name in {"", ".."} or _IN_NO_NAME.search(name):
        raise ValueError(f"{key} is not the name of a file")
    return Path(name)


# -- records -----------------------------------------------------------------------------------------------------------


def encode(generation: Generation) -> bytes:
    """Write a generation as JSON, a field a line; half a character, which UTF-8 cannot hold, becomes an escape."""
    record = {"version": VERSION, **to_json(generation)}
    if generation.request.mask is None:  # version 0.1.0 reads a mask wherever there is the key
        del record["request"]["mask"]
    if is_stripped(generation.request):
        record["request"]["fingerprint"] = generation.request.fingerprint
    try:
        return _in_lines(record, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return _in_lines(record).encode()


def _in_lines(record: Mapping[str, Any], *, ensure_ascii: bool = True) -> str:
    """Write an object with a field a line: whole indentation is written by Python itself, ten times as slowly."""
    write = json.JSONEncoder(default=str, ensure_ascii=ensure_ascii).encode
    return "{\n" + ",\n".join(f" {write(name)}: {write(value)}" for name, value in record.items()) + "\n}"


def decode(data: bytes, folder: Path, render: Render | None) -> Generation:
    """Read a generation's JSON, from a trusted source or not.

    Args:
        data: the file's bytes.
        folder: the folder of the file; its pictures are beside it.
        render: makes the MIME bundle that front ends show.

    Raises:
        ValueError: it is not JSON, of another version, or a field is missing or of a wrong type or form.
        ConfigError: the request in it could not be asked.
    """
    try:
        record = json.loads(data)
    except RecursionError:
        raise ValueError("nested too deep") from None
    made = from_json(Generation, record)
    if record.get("version") != VERSION or not re.fullmatch(r"[0-9a-f]{8}", made.id):
        raise ValueError("not a record of this version")
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}T.*", made.created) or datetime.fromisoformat(made.created).tzinfo is None:
        raise ValueError("created is not a moment in time")
    digests = [picture.sha256 for picture in made.pictures] + [video.sha256 for video in made.videos]
    if not all(re.fullmatch(r"[0-9a-f]{64}|", digest) for digest in digests):
        raise ValueError("sha256 is not a digest")
    if "fingerprint" in record["request"]:
        _know_by(made.request, record["request"]["fingerprint"])
    pictures = tuple(
        replace(picture, path=folder / picture.path, request=made.request, record=made.id) for picture in made.pictures
    )
    videos = tuple(
        replace(
            video,
            path=video.path and folder / video.path,
            poster=video.poster and folder / video.poster,
            **_measures(video),
        )
        for video in made.videos
    )
    return replace(made, pictures=pictures, videos=videos, from_history=True, render=render)


def _measures(video: Video) -> dict[str, Any]:
    """Return a video's size and length; what can be none is unknown."""
    sized = 0 < video.width <= WIDEST_CLIP and 0 < video.height <= WIDEST_CLIP
    lasts = video.seconds is not None and 0 < video.seconds <= LONGEST_CLIP
    return {
        "width": video.width if sized else 0,
        "height": video.height if sized else 0,
        "seconds": video.seconds if lasts else None,
    }


def stripped(request: ImageRequest) -> ImageRequest:
    """Return a request without its prompt, params and references' names; the same request still finds it.

    Its fingerprint is that of the whole request, and stays with the record; ``dataclasses.replace`` loses it.
    """
    references = tuple(Reference("", reference.digest) for reference in request.references)
    mask = Reference("", request.mask.digest) if request.mask else None
    bare = replace(request, prompt=STRIPPED, params={}, references=references, mask=mask)
    _know_by(bare, request.fingerprint)
    return bare


def is_stripped(request: ImageRequest) -> bool:
    """Tell whether a request is known by a fingerprint that its own fields do not give."""
    return request.prompt == STRIPPED and request.fingerprint != replace(request).fingerprint


def _know_by(request: ImageRequest, fingerprint: Any) -> None:
    """Give a stripped request its fingerprint; any other request computes its own.

    Raises:
        ValueError: it is not a fingerprint, or the request has a prompt.
    """
    if request.prompt != STRIPPED or not (isinstance(fingerprint, str) and re.fullmatch("[0-9a-f]{64}", fingerprint)):
        raise ValueError("fingerprint is not a digest, or the request has a prompt")
    request.__dict__["fingerprint"] = fingerprint
