"""Gathers an answer that lists its pictures: whole, or as the events of a stream that shows them on their way.

The plain shape is ``{"data": [{"url": ...}]}`` (wenwen's page 修改图片(images), dall-e-2). The other shapes, and the
events, are those of OpenAI, of Doubao Seedream and of servers of the relay's family (not seen on wenwen's pages).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote_to_bytes

from wenwen_magic.endpoint.failures import read_problem
from wenwen_magic.formats.parse.answer import Gathering
from wenwen_magic.formats.parse.base64_data import Payloads
from wenwen_magic.protocol import Answer, Progress, Source
from wenwen_magic.text.i18n import _

_WRAPPERS = frozenset(
    {"data", "images", "image_urls", "urls", "output", "outputs", "result", "results", "response", "item", "artifacts"}
    | {"predictions", "image", "image_url", "url"}
)
_TEXTS = {"data", "images", "image_urls", "urls", "output", "outputs", "results"}
"""The wrappers that may be a text themselves."""
_INLINE = ("b64_json", "b64", "base64", "image_base64", "bytesBase64Encoded", "binary_data_base64", "partial_image_b64")
_ADDRESSES = ("url", "image_url", "image", "result")
_LAST = ("image_generation.completed", "image_edit.completed")
_DEEPEST = 8
"""Wrappers within wrappers that are looked into; an honest answer has three."""
_BEGINNINGS = ("iVBORw0KGgo", "/9j/", "UklGR", "R0lGOD")
"""How PNG, JPEG, WebP and GIF begin in base64."""
_SHORTEST = 40
"""Bytes of base64 that no picture is shorter than; a word such as ``pending`` is."""
_TYPES = {"png": "png", "jpeg": "jpeg", "jpg": "jpeg", "webp": "webp"}
_DATA_HEAD = re.compile(r"(?i)data:(image/[\w.+-]+|application/octet-stream)?(?:;[\w=.+-]+)*;base64,")
_SCHEME = re.compile(r"(?i)[a-z][a-z0-9+.-]*:")


class PictureList(Gathering):
    """Collects listed pictures, what was made of the prompt, and which pictures failed.

    Args:
        payloads: where base64 that was cut out of the objects is kept.
        wanted: how many pictures were asked for.
    """

    def __init__(self, payloads: Payloads, wanted: int) -> None:
        super().__init__(payloads)
        self._wanted = wanted
        self._completed = 0
        self._ended = False
        self._revised: list[str] = []
        self._failures: list[Any] = []

    @property
    def ended(self) -> bool:
        """Whether a picture was told to be complete, or the plain list came."""
        return self._ended or super().ended

    @property
    def complete(self) -> bool:
        """Whether as many pictures as were asked for are complete: no further event, not even ``[DONE]``, is due."""
        return bool(self._pictures) and self._completed >= self._wanted

    def add(self, body: Any) -> Iterator[Progress]:
        """Take in one object; gives the picture on its way that it shows."""
        if not isinstance(body, Mapping):
            self._collect(body, "png", 0)
            return
        kind = body["type"] if isinstance(body.get("type"), str) else ""
        if _is_partial(kind, body):
            self.seen = True
            yield from self._on_its_way(body)
        elif kind.endswith("partial_failed"):
            self.seen = True
            self._failures.append(body)
        else:
            self._completed += kind in _LAST
            self._ended = self._ended or kind.endswith(".completed") or (not kind and not _WRAPPERS.isdisjoint(body))
            yield from super().add(self._without_pictures(kind, body))

    def _on_its_way(self, body: Mapping[str, Any]) -> Iterator[Progress]:
        number = body.get("partial_image_index")
        words = _("a picture on its way")
        if isinstance(number, int) and not isinstance(number, bool):
            words += f" ({number + 1})"
        yield Progress(words, picture=self._source_in(body, _type_in(body, "png")))

    def _without_pictures(self, kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Take the pictures out of an object; gives the rest, which is read as any other answer's."""
        before = len(self._pictures)
        self._collect(body, "png", 0, outermost=True)
        found = len(self._pictures) > before
        rest = {key: value for key, value in body.items() if key not in _WRAPPERS and key not in _INLINE}
        output = body.get("output")
        if isinstance(output, Mapping):
            rest["output"] = {"choices": output.get("choices")}
        if found or body.get("data"):
            rest["data"] = []  # an answer with a code and a message is no error when it has data
        return {**rest, "object": "error"} if kind == "error" else rest

    def _collect(self, value: Any, kind: str, depth: int, *, outermost: bool = False) -> None:
        """Find the pictures in a value of any shape."""
        if depth > _DEEPEST:
            return
        if isinstance(value, str):
            self._keep(self._source(value, kind))
        elif isinstance(value, list):
            for one in value:
                self._collect(one, kind, depth + 1)
        elif isinstance(value, Mapping):
            self._collect_from(value, _type_in(value, kind), depth, outermost=outermost)

    def _collect_from(self, item: Mapping[str, Any], kind: str, depth: int, *, outermost: bool) -> None:
        if item.get("error") and not outermost:
            self._failures.append(item)
        if words := self._shown(item.get("revised_prompt")):
            self._revised.append(words)
        source = None if item.get("error") else self._source_in(item, kind)
        if source:
            self._keep(source)
        for key, inner in item.items() if outermost or not source else ():
            if key in _WRAPPERS and (isinstance(inner, (list, Mapping)) or key in _TEXTS):
                self._collect(inner, kind, depth + 1)
        for key in _INLINE:
            if isinstance(item.get(key), list):
                self._collect(item[key], kind, depth + 1)

    def _source_in(self, item: Mapping[str, Any], kind: str) -> Source | None:
        """An item's own picture; one that is in the answer itself comes before its address: it need not be fetched."""
        for key in (*_INLINE, *_ADDRESSES):
            value = item.get(key)
            if isinstance(value, str) and (source := self._source(value, kind, key)):
                return source
        return None

    def _source(self, value: str, kind: str, key: str = "") -> Source | None:
        """What a text under a key stands for: an address, base64 with or without a head, or nothing."""
        value = value.strip()
        if value[:8].lower().startswith(("http://", "https://")) and (key or len(value.split()) == 1):
            return Source(self._payloads.restore_text(value))
        if head := _DATA_HEAD.match(value):
            return self._inline(value[head.end() :], (head.group(1) or f"image/{kind}").lower())
        if not value or _SCHEME.match(value):
            return None
        if key in _INLINE or self._is_picture(value):
            return self._inline(value, f"image/{kind}")
        return Source(self._payloads.restore_text(value)) if _is_path(value, key) else None

    def _is_picture(self, value: str) -> bool:
        """Whether a text without any head is a picture in base64."""
        return self._payloads.restore(value[:80])[:16].decode("ascii", "replace").startswith(_BEGINNINGS)

    def _inline(self, value: str, mime: str) -> Source | None:
        data = self._payloads.restore(value)
        if b"%" in data:
            data = unquote_to_bytes(data)
        return Source(f"data:{mime}", data=data) if len(data) >= _SHORTEST else None

    def _keep(self, source: Source | None) -> None:
        if source:
            self._pictures.setdefault((source.address, source.data), source)

    def answer(self, *, cut: bool = False) -> Answer:
        """Read what was gathered.

        Args:
            cut: whether the connection broke before the end.
        """
        answer = super().answer(cut=cut)
        if not answer.sources:
            self.error = self.error or next(iter(self._failures), None)
        told = dict.fromkeys(self._payloads.hide(read_problem(failure).message) for failure in self._failures)
        words = "\n".join(part for part in (answer.text, *told) if part)
        return replace(answer, text=words, revised_prompt="\n".join(dict.fromkeys(self._revised)))


def _is_partial(kind: str, body: Mapping[str, Any]) -> bool:
    unnamed = not kind and "partial_image_index" in body
    return unnamed or kind.endswith("partial_image") or "partial_image_b64" in body


def _is_path(value: str, key: str) -> bool:
    """Whether a text without a scheme is an address below the endpoint's."""
    if any(sign.isspace() for sign in value) or len(value) < 2:  # noqa: PLR2004  a slash alone leads nowhere
        return False
    return value.startswith("/") or (key in {"url", "image_url"} and ("/" in value or "." in value))


def _type_in(item: Mapping[str, Any], kind: str) -> str:
    """The pictures' type as an object names it; the bytes decide later."""
    named = item.get("output_format") or item.get("mime_type") or item.get("mimeType")
    return _TYPES.get(named.lower().removeprefix("image/"), kind) if isinstance(named, str) else kind
