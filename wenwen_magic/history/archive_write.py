"""Writes a lesson's zip file, the same bytes for the same content, and says what of a generation may go into it."""

import hashlib
import io
import json
import os
import re
import secrets
import stat
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from wenwen_magic.errors import ConfigError, mask
from wenwen_magic.history.archive_read import KIND, LIMIT, LIST, MOST_WORDS, PIECE
from wenwen_magic.history.atomic import sync_folder
from wenwen_magic.history.record_json import encode, is_stripped, stripped
from wenwen_magic.media.metadata import without_words
from wenwen_magic.records import GeneratedImage, Generation, ImageRequest, Reference
from wenwen_magic.text.i18n import say

LEFT_BEHIND: Mapping[str, Any] = {"endpoint": "", "error": None, "price": None, "job": "", "buttons": ()}
"""What is nobody else's business: whom somebody asked, what went wrong, what it cost, what could be done next there."""


def told(generation: Generation, *, strip: bool) -> Generation:
    """A generation as a lesson tells it: nothing of the endpoint, the account, the prices or the machine.

    Args:
        generation: with the pictures that go along.
        strip: leave out the prompt and all other words; the model's name stays.
    """
    host = re.sub(r":[0-9]*$", "", generation.endpoint.partition("://")[2])
    secret = f"//{host}" if host else ""
    words = ("text", "finish_reason", "revised_prompt")
    bare: dict[str, Any] = dict.fromkeys((*words, "prompt_sent"), "") | {"sources": (), "usage": {}}
    names = (*words, "sources", "usage")
    return replace(
        generation,
        **LEFT_BEHIND,
        **(bare if strip else {name: _masked(getattr(generation, name), secret) for name in names}),
        model_reported=mask(generation.model_reported, secret),
        request=_told_request(generation.request, strip=strip),
        pictures=tuple(replace(one, alt="" if strip else mask(one.alt, secret)) for one in generation.pictures),
    )


def _masked(value: Any, secret: str) -> Any:
    """A value out of JSON, the keys in its texts masked."""
    if isinstance(value, str):
        return mask(value, secret)
    if isinstance(value, Mapping):
        return {_masked(name, secret): _masked(inner, secret) for name, inner in value.items()}
    return type(value)(_masked(inner, secret) for inner in value) if isinstance(value, (list, tuple)) else value


def _told_request(request: ImageRequest, *, strip: bool) -> ImageRequest:
    """A request whose references are told by digest and name: an address may be private, or signed."""
    if strip or is_stripped(request):
        return stripped(request)
    hole = _told_reference(request.mask) if request.mask else None
    return replace(request, references=tuple(map(_told_reference, request.references)), mask=hole)


def _told_reference(one: Reference) -> Reference:
    return Reference("", one.digest, mask(re.split("[?#]", one.label)[0]), one.origin)


@dataclass
class Parcel:
    """A lesson that is being written.

    Args:
        archive: open for writing.
        records, pictures: how many are in it so far.
        created: the day of its newest generation.
    """

    archive: ZipFile
    records: int = 0
    pictures: int = 0
    created: str = ""
    _files: dict[str, dict[str, Any]] = field(default_factory=dict)
    _left: int = LIMIT
    _words_left: int = MOST_WORDS

    def add(self, generation: Generation, name_of: Callable[[GeneratedImage | None, int], str], *, strip: bool) -> None:
        """Add a generation's pictures, read a piece at a time, then its record.

        Args:
            generation: as it is told; its pictures' files are read.
            name_of: names the entry of a picture by its number, from 1; of the record for None and 0.
            strip: take out the words in the pictures' files; each is held in memory then.

        Raises:
            ImageError: words cannot be taken out of a picture; nothing of the generation was added.
            ConfigError: it is too much for one lesson.
            OSError: a file cannot be read or written.
        """
        with ExitStack() as stack:
            contents = [stack.enter_context(_content(image, strip=strip)) for image in generation.pictures]
            found = []
            for number, (image, content) in enumerate(zip(generation.pictures, contents, strict=True), 1):
                name = name_of(image, number)
                found.append(replace(image, path=Path(name), **self._write(name, content)))
        record = encode(replace(generation, pictures=tuple(found)))
        self._write(name_of(None, 0), io.BytesIO(record), words=True)
        self.records, self.pictures = self.records + 1, self.pictures + len(found)
        self.created = max(self.created, generation.created[:10])

    def close(self) -> None:
        """Add the list of all that is in it.

        Raises:
            ConfigError: nothing is.
            OSError: it cannot be written.
        """
        if not self.records:
            raise ConfigError(
                say("There is no picture to hand on.", "没有可以分享的图片。"),
                do=say("%wenwen history lists what is saved.", "%wenwen history 列出已保存的内容。"),
            )
        files = [{"name": name, **self._files[name]} for name in sorted(self._files)]
        words = {**KIND, "created": self.created, "files": files}
        self._words_left = MOST_WORDS  # the list has as much room as the records
        self._write(LIST, io.BytesIO(json.dumps(words, ensure_ascii=False, indent=1).encode()), words=True)

    def _write(self, name: str, content: BinaryIO, *, words: bool = False) -> dict[str, Any]:
        """Write an entry; gives its size in bytes and its SHA-256."""
        info = ZipInfo(name)  # its date is the first that a zip can tell
        info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o644) << 16
        info.compress_type = ZIP_DEFLATED if words else ZIP_STORED
        digest, size = hashlib.sha256(), 0
        with self.archive.open(info, "w") as entry:
            while piece := content.read(PIECE):
                size += len(piece)
                self._judge_size(size, words=words)
                digest.update(piece)
                entry.write(piece)
        self._left, self._words_left = self._left - size, self._words_left - (size if words else 0)
        self._files[name] = {"size": size, "sha256": digest.hexdigest()}
        return self._files[name]

    def _judge_size(self, size: int, *, words: bool) -> None:
        if size > self._left or (words and size > self._words_left):
            raise ConfigError(
                say("This is too much for one lesson.", "内容过多，一个课程包放不下。"),
                why=say(
                    f"More than {LIMIT >> 20} MiB, or {MOST_WORDS >> 20} MiB of records.",
                    f"超过 {LIMIT >> 20} MiB，或记录超过 {MOST_WORDS >> 20} MiB。",
                ),
                do=say("Name the ids that belong into it.", "请指定要放入的编号。"),
            )


def _content(image: GeneratedImage, *, strip: bool) -> BinaryIO:
    return io.BytesIO(without_words(image.data)) if strip else image.path.open("rb")


def written(path: Path, fill: Callable[[Parcel], None]) -> Parcel:
    """Write a lesson beside its place, and put it there whole.

    Args:
        path: its place; a file that is there is replaced.
        fill: adds what belongs into it.

    Raises:
        OSError: it cannot be written; nothing is left of it.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            with ZipFile(file, "w") as archive:
                parcel = Parcel(archive)
                fill(parcel)
                parcel.close()
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
    return parcel
