"""Writes a generation as JSON and reads it again; what is not of the right types is no record."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from wenwen_magic.records import GeneratedImage, Generation, ImageRequest, Reference

VERSION = 1
Render = Callable[[Generation], dict[str, Any]]

_FIELDS: Mapping[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("id", "prompt_sent", "state", "created", "charged", "text", "finish_reason"), str),
    **dict.fromkeys(("model_reported", "endpoint"), str),
    "usage": dict,
    "elapsed": (int, float, type(None)),
    "error": (dict, type(None)),
    "demo": bool,
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
_REFERENCE = dict.fromkeys(("address", "digest", "label"), str)
_WORDS = {"state": {"sent", "answered", "complete", "failed"}, "charged": {"no", "maybe", "yes"}}


def encode(generation: Generation) -> bytes:
    """Write a generation as JSON that people can read; half a character, which UTF-8 has no word for, as an escape."""
    request = generation.request
    record = {
        "version": VERSION,
        **{name: getattr(generation, name) for name in _FIELDS},
        "request": {
            **{name: getattr(request, name) for name in _REQUEST if name != "params"},
            "params": dict(request.params),
            "references": [_without_bytes(reference) for reference in request.references],
        },
        "sources": list(generation.sources),
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
    if reference.address.startswith("http"):
        return asdict(reference)
    return {"address": "", "digest": reference.digest, "label": re.split(r"[/\\]", reference.label)[-1]}


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
    if record.get("version") != VERSION or not re.fullmatch(r"[0-9a-f]{8}", plain["id"]):
        raise ValueError("not a record of this version")
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}T.*", plain["created"]) or moment(plain["created"]).tzinfo is None:
        raise ValueError("created is no moment in time")
    if any(plain[name] not in words for name, words in _WORDS.items()):
        raise ValueError("an unknown state")
    sources = [_of_type(address, str, "sources") for address in _of_type(record.get("sources"), list, "sources")]
    pictures = _of_type(record.get("pictures"), list, "pictures")
    return Generation(
        request=_request(record.get("request")),
        **plain,
        sources=tuple(sources),
        pictures=tuple(_picture(picture, folder) for picture in pictures),
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
    fields = _typed(_of_type(asked, dict, "request"), _REQUEST)
    references = [Reference(**_typed(one, _REFERENCE)) for one in _of_type(asked.get("references"), list, "references")]
    return ImageRequest(**fields, references=tuple(references))


def _picture(picture: Any, folder: Path) -> GeneratedImage:
    fields = _typed(_of_type(picture, dict, "picture"), _PICTURE)
    if not re.fullmatch(r"[0-9a-f]{64}|", fields["sha256"]):
        raise ValueError("sha256 is no digest")
    name = Path(_of_type(picture.get("file"), str, "file")).name
    if not name or "\\" in name or "\0" in name:
        raise ValueError("file is no file's name")
    return GeneratedImage(path=folder / name, **fields)


def _typed(record: Any, types: Mapping[str, Any]) -> dict[str, Any]:
    """The fields named, each of its type."""
    return {name: _of_type(record.get(name), kind, name) for name, kind in types.items()}


def _of_type(value: Any, kind: Any, name: str) -> Any:
    boolean = isinstance(value, bool) and kind is not bool
    if boolean or not isinstance(value, kind):
        raise ValueError(f"{name} is of a wrong type")
    return value
