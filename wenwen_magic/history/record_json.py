"""Writes a generation as JSON and reads it again; what is not of the right types is no record."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from wenwen_magic.records import DRAW, Button, GeneratedImage, Generation, ImageRequest, Reference

VERSION = 1
STRIPPED = "…"
"""Stands for a prompt that was left out; the request's fingerprint is kept beside it."""
Render = Callable[[Generation], dict[str, Any]]

_FIELDS: Mapping[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("id", "prompt_sent", "state", "created", "charged", "text", "finish_reason"), str),
    **dict.fromkeys(("model_reported", "endpoint"), str),
    "usage": dict,
    "elapsed": (int, float, type(None)),
    "error": (dict, type(None)),
    "demo": bool,
}
# Younger than the first records: the kind, and what stands for it in a record that has none.
_LATER: Mapping[str, tuple[Any, Any]] = {
    "price": ((int, float, type(None)), None),
    "star": (bool, False),
    "revised_prompt": (str, ""),
    "job": (str, ""),
}
_PICTURE = {
    **dict.fromkeys(("mime", "alt", "sha256", "problem"), str),
    **dict.fromkeys(("width", "height", "size"), int),
    "draft": bool,
}
_REQUEST = {
    **dict.fromkeys(("prompt", "model", "orientation", "format"), str),
    "stream": bool,
    "params": dict,
}
_REQUEST_LATER: Mapping[str, tuple[Any, Any]] = {"task": (str, DRAW), "parent": (str, "")}
_REFERENCE = dict.fromkeys(("address", "digest", "label"), str)
_BUTTON = {"label": str, "params": dict, "again": bool, "task": str}
_WORDS = {"state": {"sent", "answered", "complete", "failed"}, "charged": {"no", "maybe", "yes"}}


def encode(generation: Generation) -> bytes:
    """Write a generation as JSON that people can read; half a character, which UTF-8 has no word for, as an escape."""
    request = generation.request
    record = {
        "version": VERSION,
        **{name: getattr(generation, name) for name in (*_FIELDS, *_LATER)},
        "request": {
            **{name: getattr(request, name) for name in _REQUEST if name != "params"},
            "params": dict(request.params),
            "references": [_without_bytes(reference) for reference in request.references],
            **{name: getattr(request, name) for name in _REQUEST_LATER},
            **({"mask": _without_bytes(request.mask)} if request.mask else {}),
            **({"fingerprint": request.fingerprint} if is_stripped(request) else {}),
        },
        "sources": list(generation.sources),
        "buttons": [asdict(button) for button in generation.buttons],
        "pictures": [
            {"file": picture.path.name, **{name: getattr(picture, name) for name in _PICTURE}}
            for picture in generation.pictures
        ],
    }
    try:
        return json.dumps(record, ensure_ascii=False, indent=1, default=str).encode()
    except UnicodeEncodeError:
        return json.dumps(record, indent=1, default=str).encode()


def _without_bytes(reference: Reference) -> dict[str, str]:
    """A reference without its bytes and without anybody's folders: an address on the web, or digest and name."""
    if reference.is_link:
        return asdict(reference)
    label = re.split(r"[/\\]", reference.label)[-1]
    return {"address": "", "digest": reference.digest, "label": label, "origin": reference.origin}


def stripped(request: ImageRequest) -> ImageRequest:
    """A request without its prompt, params and references' names; whoever asks the same still finds it.

    Its fingerprint is that of the whole request, and stays with the record; ``dataclasses.replace`` loses it.
    """
    references = tuple(Reference("", reference.digest) for reference in request.references)
    mask = Reference("", request.mask.digest) if request.mask else None
    bare = replace(request, prompt=STRIPPED, params={}, references=references, mask=mask)
    return _known_by(bare, request.fingerprint)


def is_stripped(request: ImageRequest) -> bool:
    """Whether a request is known by a fingerprint that its own words do not give."""
    return request.prompt == STRIPPED and request.fingerprint != replace(request).fingerprint


def _known_by(request: ImageRequest, fingerprint: str) -> ImageRequest:
    request.__dict__["fingerprint"] = fingerprint
    return request


def decode(data: bytes, folder: Path, render: Render | None) -> Generation:
    """Read a generation's JSON; it may come from a stranger.

    Args:
        data: the file's bytes.
        folder: where the file is; its pictures are beside it.
        render: makes the MIME bundle that front ends show.

    Raises:
        ValueError: it is not JSON, of another version, or a field is missing or of a wrong type or form.
        ConfigError: the request in it could not be asked.
    """
    record = _json(data)
    plain = _typed(record, _FIELDS)
    plain |= _typed_or(record, _LATER)
    if record.get("version") != VERSION or not re.fullmatch(r"[0-9a-f]{8}", plain["id"]):
        raise ValueError("not a record of this version")
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}T.*", plain["created"]) or moment(plain["created"]).tzinfo is None:
        raise ValueError("created is no moment in time")
    if any(plain[name] not in words for name, words in _WORDS.items()):
        raise ValueError("an unknown state")
    sources = [_of_type(address, str, "sources") for address in _of_type(record.get("sources"), list, "sources")]
    pictures = _of_type(record.get("pictures"), list, "pictures")
    buttons = [_button(one) for one in _of_type(record.get("buttons", []), list, "buttons")]
    request = _request(record.get("request"))
    return Generation(
        request=request,
        **plain,
        sources=tuple(sources),
        pictures=tuple(replace(_picture(one, folder, request), record=plain["id"]) for one in pictures),
        buttons=tuple(buttons),
        from_history=True,
        render=render,
    )


def moment(created: str) -> datetime:
    """The moment that a record's ``created`` tells; raises ValueError for none."""
    return datetime.fromisoformat(created)


def _json(data: bytes) -> dict[str, Any]:
    try:
        record = json.loads(data)
    except RecursionError:
        raise ValueError("nested too deep") from None
    return dict(_of_type(record, dict, "record"))


def _request(asked: Any) -> ImageRequest:
    fields = _typed(_of_type(asked, dict, "request"), _REQUEST) | _typed_or(asked, _REQUEST_LATER)
    references = [_reference(one) for one in _of_type(asked.get("references"), list, "references")]
    mask = _reference(asked["mask"]) if "mask" in asked else None
    request = ImageRequest(**fields, references=tuple(references), mask=mask)
    return _known_by(request, _fingerprint(asked)) if "fingerprint" in asked else request


def _button(one: Any) -> Button:
    return Button(**_typed(_of_type(one, dict, "button"), _BUTTON), **_typed_or(one, {"asks": (str, "")}))


def _reference(one: Any) -> Reference:
    fields = _typed(_of_type(one, dict, "reference"), _REFERENCE)
    return Reference(**fields, origin=_of_type(one.get("origin", ""), str, "origin"))


def _fingerprint(asked: Mapping[str, Any]) -> str:
    """The fingerprint of a stripped request; a prompt that can be read tells its own."""
    given = str(_of_type(asked["fingerprint"], str, "fingerprint"))
    if asked["prompt"] != STRIPPED or not re.fullmatch(r"[0-9a-f]{64}", given):
        raise ValueError("fingerprint is none, or of a request that has a prompt")
    return given


def _picture(picture: Any, folder: Path, request: ImageRequest) -> GeneratedImage:
    fields = _typed(_of_type(picture, dict, "picture"), _PICTURE)
    if not re.fullmatch(r"[0-9a-f]{64}|", fields["sha256"]):
        raise ValueError("sha256 is no digest")
    name = Path(_of_type(picture.get("file"), str, "file")).name
    if not name or "\\" in name or "\0" in name:
        raise ValueError("file is no file's name")
    return GeneratedImage(path=folder / name, **fields, request=request)


def _typed(record: Any, types: Mapping[str, Any]) -> dict[str, Any]:
    """The fields named, each of its type."""
    return {name: _of_type(record.get(name), kind, name) for name, kind in types.items()}


def _typed_or(record: Mapping[str, Any], types: Mapping[str, tuple[Any, Any]]) -> dict[str, Any]:
    """The fields named, each of its type, or what stands for one that is not there."""
    return {name: _of_type(record.get(name, other), kind, name) for name, (kind, other) in types.items()}


def _of_type(value: Any, kind: Any, name: str) -> Any:
    boolean = isinstance(value, bool) and kind is not bool
    if boolean or not isinstance(value, kind):
        raise ValueError(f"{name} is of a wrong type")
    return value
