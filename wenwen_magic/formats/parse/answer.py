"""Gathers an answer from the JSON objects it comes in: one whole object, or the pieces of a stream."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from wenwen_magic.formats.parse import markdown
from wenwen_magic.formats.parse.base64_data import Payloads
from wenwen_magic.protocol import Answer, Progress, Source

_PROGRESS = re.compile(
    r"(?i)^\s*>?\s*[^\w\s>]*\s*.{0,12}?(?:进度|progress|排队|queue|生成中|generating|生成完成)"
    r"\W*(\d{1,3}(?:\.\d+)?)?.{0,24}$"
)
_PROGRESS_ID = re.compile(r"^\s*>\s*(?:ID|sid)\s*:", re.IGNORECASE)
_EMPTY_FENCE = re.compile(r"(?m)^```\w*\s*^```$")
_REASONING = ("reasoning_content", "reasoning")
_TEXT_PARTS = {"text", "output_text"}


def progress_in(line: str) -> Progress | None:
    """Read one line of text as a word on progress; None when it is none."""
    found = _PROGRESS.match(line) if len(line) < 200 else None  # noqa: PLR2004  longer is no status line
    if not found or "![" in line or "](" in line:
        return None
    words = line.strip().lstrip("> ").strip().replace("**", "")
    percent = float(found.group(1)) if found.group(1) else None
    return Progress(words, min(percent, 100.0) if percent is not None else None)


def without_progress(text: str, *, quoted_only: bool = False) -> str:
    """The text without the lines that only told of progress.

    Args:
        text: an answer's words.
        quoted_only: drop only lines marked as quotations; without a picture, "the queue is long" explains why.
    """
    told = [line for line in text.splitlines() if not _PROGRESS_ID.match(line)]
    kept = [line for line in told if not progress_in(line) or (quoted_only and not line.lstrip().startswith(">"))]
    return re.sub(r"\n{3,}", "\n\n", _EMPTY_FENCE.sub("", "\n".join(kept))).strip()


class Gathering:
    """Collects what the objects of one answer hold; :meth:`answer` reads the whole.

    Args:
        payloads: where base64 that was cut out of the objects is kept.
    """

    def __init__(self, payloads: Payloads) -> None:
        self._payloads = payloads
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._pictures: dict[tuple[str, bytes], Source] = {}
        self._line = ""
        self.finish_reason = ""
        self.model = ""
        self.usage: Mapping[str, Any] = {}
        self.error: Any = None
        self.seen = False

    def add(self, body: Any) -> Iterator[Progress]:
        """Take in one object; gives the words on progress that it completes."""
        if not isinstance(body, Mapping):
            return
        self.seen = True
        if _is_error(body):
            self.error = self.error or body
        self.model = self._shown(body.get("model")) or self.model
        self.usage = body["usage"] if isinstance(body.get("usage"), Mapping) else self.usage
        output = body.get("output")
        for choice in _list(body.get("choices")) or _list(
            output.get("choices") if isinstance(output, Mapping) else None
        ):
            if isinstance(choice, Mapping):
                yield from self._add_choice(choice)
        for key in ("data", "images", "image_urls"):
            self._add_pictures(body.get(key))

    @property
    def ended(self) -> bool:
        """Whether what came says that it is the end."""
        return bool(self.finish_reason)

    @property
    def complete(self) -> bool:
        """Whether nothing can follow that matters, so that a stream need not be read on."""
        return False

    def _shown(self, value: Any) -> str:
        return _whole_characters(self._payloads.hide(value)) if isinstance(value, str) else ""

    def _add_choice(self, choice: Mapping[str, Any]) -> Iterator[Progress]:
        self.finish_reason = self._shown(choice.get("finish_reason")) or self.finish_reason
        for key in ("message", "delta"):
            message = choice.get(key)
            if isinstance(message, Mapping):
                yield from self._add_message(message)

    def _add_message(self, message: Mapping[str, Any]) -> Iterator[Progress]:
        content = message.get("content")
        for part in content if isinstance(content, list) else [content]:
            yield from self._add_part(part)
        self._add_pictures(message.get("images"))
        self._add_pictures(message.get("image"))
        self._reasoning += [message[key] for key in _REASONING if isinstance(message.get(key), str)][:1]

    def _add_part(self, part: Any) -> Iterator[Progress]:
        if isinstance(part, str):
            yield from self._add_text(part)
        elif isinstance(part, Mapping):
            if isinstance(part.get("text"), str) and part.get("type", "text") in _TEXT_PARTS:
                yield from self._add_text(part["text"])
            else:
                self._add_picture(part)

    def _add_text(self, text: str) -> Iterator[Progress]:
        self._text.append(text)
        *done, self._line = (self._line + text[-4096:]).split("\n")
        self._line = self._line[-256:]
        for line in done:
            if progress := progress_in(line):
                yield progress

    def _add_pictures(self, value: Any) -> None:
        for item in value if isinstance(value, list) else [value]:
            self._add_picture(item)

    def _add_picture(self, item: Any) -> None:
        """A picture given as an address, or as an object that holds one in any of the family's shapes."""
        if isinstance(item, Mapping):
            for key in ("image_url", "url", "image", "b64_json"):
                value = item.get(key)
                if isinstance(value, Mapping) or (isinstance(value, str) and value):
                    self._add_picture(_as_data_uri(value) if key == "b64_json" else value)
                    return
        elif isinstance(item, str) and item.strip():
            for source in _address_as_source(item.strip(), self._payloads):
                self._pictures.setdefault((source.address, source.data), source)

    def answer(self, *, cut: bool = False) -> Answer:
        """Read what was gathered.

        Args:
            cut: whether the connection broke before the end.
        """
        text = "".join(self._text)
        self._text.clear()
        reading = markdown.read(text, self._payloads, whole=not cut)
        reasoning = "".join(self._reasoning)
        found = tuple(self._pictures.values()) or reading.pictures()
        if not found and not reading.video:
            found = markdown.read(reasoning, self._payloads, whole=not cut).pictures()
        return Answer(
            sources=_mark_drafts(found) if reasoning.strip() else found,
            text=_whole_characters(without_progress(reading.words, quoted_only=not found)),
            finish_reason="cut" if cut else self.finish_reason,
            model=self.model,
            usage=self.usage,
        )


def _is_error(body: Mapping[str, Any]) -> bool:
    """Whether an object tells of an error in one of the shapes that new-api and its like use, and of nothing else."""
    if body.get("error") or body.get("object") == "error":
        return True
    content = any(key in body for key in ("choices", "data", "images", "image_urls", "output"))
    refused = body.get("success") is False or ("code" in body and "message" in body)
    return refused and (not content or body.get("data") is None) and "choices" not in body


def _whole_characters(text: str) -> str:
    """The text with what is half a character, which no file and no page can hold, replaced."""
    return text.encode("utf-8", "replace").decode()


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _as_data_uri(value: Any) -> Any:
    return f"data:image/png;base64,{value}" if isinstance(value, str) and not value.startswith("data:") else value


def _address_as_source(address: str, payloads: Payloads) -> tuple[Source, ...]:
    if address.startswith("data:"):
        return markdown.read(address, payloads).naked
    if not address.startswith(("http://", "https://", "/")):
        return ()
    return (Source(payloads.restore_text(address)),)


def _mark_drafts(sources: tuple[Source, ...]) -> tuple[Source, ...]:
    """A model that thinks aloud draws drafts into its answer; the last picture is the result.

    Source: new-api's Gemini channel writes thought pictures as ordinary ones (not seen on wenwen's pages).
    """
    if len(sources) < 2 or not all(source.data for source in sources):  # noqa: PLR2004
        return sources
    *drafts, last = sources
    return (*(Source(draft.address, draft.alt, draft=True, data=draft.data) for draft in drafts), last)
