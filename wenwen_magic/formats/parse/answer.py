"""Read the pictures and texts of an answer from its JSON objects, whatever format was asked.

An answer is one whole object, or the pieces of a stream. Pictures are found by the tables of field names below: a new
shape is one more name there. Choices with Markdown and ``{"data": [{"url": ...}]}`` are on wenwen's pages
生成图片(chat) and 修改图片(images), dall-e-2. The other shapes are those of OpenAI (lists of images, streamed events),
Google (candidates), Doubao Seedream and servers of the relay's family (not seen on wenwen's pages).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from wenwen_magic.endpoint.failures import read_problem
from wenwen_magic.formats.parse import markdown
from wenwen_magic.formats.parse.json_text import Payloads
from wenwen_magic.kinds import PICTURES, PNG, kind_of_base64, split_data_uri
from wenwen_magic.protocol import Answer, Progress, Source
from wenwen_magic.records import ImageRequest
from wenwen_magic.text.i18n import N_, _

# -- where pictures are ------------------------------------------------------------------------------------------------

_BASE64 = ("b64_json", "b64", "base64", "image_base64", "bytesBase64Encoded", "binary_data_base64", "partial_image_b64")
"""Fields that hold a picture in base64."""
_ADDRESSES = ("url", "image_url", "image", "result", "fileUri", "file_uri")
"""Fields that hold a picture's address, or base64 that begins as a picture does."""
_LISTS = {"data", "images", "image_urls", "urls", "output", "outputs", "results"}
"""Fields with pictures in them that may be one address, or base64 that begins as a picture does."""
_WRAPPERS = _LISTS | {
    *("result", "response", "item", "artifacts", "predictions", "image", "image_url", "url", "fileData", "file_data")
}
"""Fields with pictures in them: an object, or a list."""
_TYPED = ("inlineData", "inline_data")
"""Fields whose object has a picture's base64 under ``data``, beside its type."""
_DEEPEST = 8
"""Wrappers within wrappers that are looked into; ordinary answers have three."""
_SHORTEST = 40
"""Least bytes of a picture's base64; a word such as ``pending`` is shorter."""
_TYPES = {suffix[1:]: kind.mime for kind in PICTURES for suffix in kind.suffixes}
"""The types of pictures by their short names."""
_MIME = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)
_SCHEME = re.compile(r"(?i)[a-z][a-z0-9+.-]*:")


def source_of(value: Any, payloads: Payloads, key: str = "url", mime: str = PNG.mime) -> Source | None:
    """Return what a field's value names: an address, base64 with or without a head, or nothing.

    Args:
        value: of the field.
        payloads: where base64 that was taken out of the answer is kept.
        key: the field's name; empty for an item of a list.
        mime: the picture's type where the value itself does not say it.
    """
    if not isinstance(value, str) or not (value := value.strip()):
        return None
    if value[:8].lower().startswith(("http://", "https://")) and (key or len(value.split()) == 1):
        return Source(payloads.restore_text(value))
    named, data_of_uri = split_data_uri(value)
    if data_of_uri:
        value, key, mime = data_of_uri, _BASE64[0], named or mime
    elif _SCHEME.match(value):
        return None
    if key in _BASE64 or kind_of_base64(payloads.restore(value[:120])[:120].decode("ascii", "replace")):
        data = payloads.restore_base64(value) if mime.startswith(markdown.PICTURE_TYPES) else b""
        return Source(f"data:{mime}", data=data) if len(data) >= _SHORTEST else None
    below_endpoint = value.startswith("/") or (key in {"url", "image_url"} and ("/" in value or "." in value))
    # A slash alone leads nowhere.
    return Source(payloads.restore_text(value)) if below_endpoint and len(value.split()) == 1 < len(value) else None


def _type_in(item: Mapping[str, Any], mime: str = PNG.mime) -> str:
    """Return the pictures' type as an object names it; the bytes decide later."""
    named = item.get("output_format") or item.get("mime_type") or item.get("mimeType")
    if not isinstance(named, str):
        return mime
    named = named.lower()
    return _TYPES.get(named.removeprefix("image/")) or (named if _MIME.fullmatch(named) else mime)


# -- progress, and reasons for the end of an answer --------------------------------------------------------------------

_PROGRESS = re.compile(
    r"(?i)^\s*>?\s*[^\w\s>]*\s*.{0,12}?(?:进度|progress|排队|queue|生成中|generating|生成完成)"
    r"\W*(\d{1,3}(?:\.\d+)?)?.{0,24}$"
)
_PROGRESS_ID = re.compile(r"^\s*>\s*(?:ID|sid)\s*:", re.IGNORECASE)
_EMPTY_FENCE = re.compile(r"(?m)^```\w*\s*^```$")
_THOUGHT_TITLE = re.compile(r"\s*\*\*([^*\n]{1,120})\*\*")
_REASONING = ("reasoning_content", "reasoning")
_TEXT_PARTS = ("text", "output_text", None)
_COMPLETED = ("image_generation.completed", "image_edit.completed")
_ORDINARY = ("STOP", "FINISH_REASON_UNSPECIFIED", "BLOCK_REASON_UNSPECIFIED", "BLOCKED_REASON_UNSPECIFIED")
_MEANINGS = {
    "SAFETY": N_("a safety filter held it back"),
    "PROHIBITED_CONTENT": N_("it counts as prohibited content"),
    "RECITATION": N_("it comes too close to an existing work"),
    "BLOCKLIST": N_("it holds a word that is not allowed"),
    "NO_IMAGE": N_("the model drew no picture"),
    "MAX_TOKENS": N_("the answer reached its length limit (maxOutputTokens)"),
    "OTHER": N_("the endpoint gives no reason"),
}
"""What Google's reasons for the end of an answer mean."""


def progress_in(line: str) -> Progress | None:
    """Read one line of text as a report of progress; None when it is none."""
    match = _PROGRESS.match(line) if len(line) < 200 else None  # noqa: PLR2004  a longer line is not a status line
    if not match or "![" in line or "](" in line:
        return None
    text = line.strip().lstrip("> ").strip().replace("**", "")
    return Progress(text, min(float(match[1]), 100.0) if match[1] else None)


def without_progress(text: str, *, quoted_only: bool = False) -> str:
    """Return the text without the lines that only reported progress.

    Args:
        text: an answer's words.
        quoted_only: drop only lines marked as quotations; without a picture, "the queue is long" explains why.
    """
    kept = [
        line
        for line in text.splitlines()
        if not _PROGRESS_ID.match(line)
        and (not progress_in(line) or (quoted_only and not line.lstrip().startswith(">")))
    ]
    return re.sub(r"\n{3,}", "\n\n", _EMPTY_FENCE.sub("", "\n".join(kept))).strip()


Pictures = dict[tuple[str, bytes], Source]
"""Sources in order, each once."""


class AnswerParser:
    """Collect what the objects of one answer hold; :meth:`answer` reads the whole.

    Args:
        request: says how many pictures are wanted, or that words are the result: then a refusal must not pass for one.
        payloads: where base64 that was taken out of the objects is kept.
    """

    def __init__(self, request: ImageRequest, payloads: Payloads) -> None:
        self._request, self._payloads = request, payloads
        self._texts: dict[int, list[str]] = {}
        self._line = ""
        self._reasoning: list[str] = []
        self._thoughts: list[str] = []
        self._pictures: Pictures = {}
        self._drafts: Pictures = {}
        self._revised: list[str] = []
        self._failures: list[Any] = []
        self._completed = 0
        self._finish_reason = self._refusal = self._model = ""
        self._usage: Mapping[str, Any] = {}
        self._error: Any = None
        self._listed = False
        self.seen = False

    @property
    def error(self) -> Any:
        """The object that reports an error, or that of the first picture that failed; None for none."""
        return self._error or next(iter(self._failures), None)

    @property
    def ended(self) -> bool:
        """Whether the answer named its end: by a reason, a completed picture, or a plain list of them."""
        return self._listed or bool(self._finish_reason)

    @property
    def complete(self) -> bool:
        """Whether as many pictures as were asked for are complete: no further event, not even ``[DONE]``, is due."""
        return bool(self._pictures) and self._completed >= self._request.pictures

    def add(self, body: Any) -> Iterator[Progress]:
        """Take in one object, or a list of them, and yield the progress in it, pictures on their way included."""
        for item in body if isinstance(body, list) else [body]:
            if isinstance(item, Mapping):
                self.seen = True
                yield from self._add_object(item)
            else:
                self._keep(item, self._pictures)

    def _add_object(self, body: Mapping[str, Any]) -> Iterator[Progress]:
        kind = body["type"] if isinstance(body.get("type"), str) else ""
        unnamed = not kind and "partial_image_index" in body
        if unnamed or kind.endswith("partial_image") or "partial_image_b64" in body:
            number = body.get("partial_image_index")
            text = _("a picture on its way")
            text += f" ({number + 1})" if isinstance(number, int) and not isinstance(number, bool) else ""
            yield Progress(text, picture=self._own_picture(body, _type_in(body)))
            return
        if kind.endswith("partial_failed"):
            self._failures.append(body)
            return
        self._keep(body, self._pictures)
        self._completed += kind in _COMPLETED
        said = body.keys() & {"choices", "candidates"}
        self._listed |= kind.endswith(".completed") or not (kind or said or _WRAPPERS.isdisjoint(body))
        refused = body.get("success") is False or ("code" in body and "message" in body)
        nothing = not (said or body.get("data") or self._pictures)
        if body.get("error") or "error" in (kind, body.get("object")) or (refused and nothing):
            self._error = self._error or body
        for model in (body.get("model"), _get(body, "modelVersion", "model_version")):
            self._model = model if model and isinstance(model, str) else self._model
        for usage in (body.get("usage"), _get(body, "usageMetadata", "usage_metadata")):
            self._usage = usage if isinstance(usage, Mapping) else self._usage
        yield from self._add_choices(body)
        yield from self._add_candidates(body)

    def _add_choices(self, body: Mapping[str, Any]) -> Iterator[Progress]:
        """Read the choices of a chat completion, or the pieces of one."""
        for choice in _objects(body.get("choices")) or _objects(_get(body.get("output"), "choices")):
            reason = choice.get("finish_reason")
            self._finish_reason = reason if reason and isinstance(reason, str) else self._finish_reason
            for message in _objects([choice.get("message"), choice.get("delta")]):
                content = message.get("content")
                for part in content if isinstance(content, list) else [content]:
                    yield from self._add_part(part, self._texts.setdefault(-1, []))
                self._keep([message.get("images"), message.get("image")], self._pictures)
                self._reasoning += [message[key] for key in _REASONING if isinstance(message.get(key), str)][:1]

    def _add_candidates(self, body: Mapping[str, Any]) -> Iterator[Progress]:
        """Read Google's candidates, or the pieces of them, and why there are none."""
        feedback = _get(body, "promptFeedback", "prompt_feedback")
        self._add_end(
            _get(feedback, "blockReason", "block_reason"),
            _get(feedback, "blockReasonMessage", "block_reason_message"),
        )
        for place, candidate in enumerate(_objects(body.get("candidates"))):
            self._add_end(
                _get(candidate, "finishReason", "finish_reason"), _get(candidate, "finishMessage", "finish_message")
            )
            index, parts = candidate.get("index"), _get(candidate.get("content"), "parts")
            texts = self._texts.setdefault(index if isinstance(index, int) else place, [])
            for part in parts if isinstance(parts, list) else [parts]:
                yield from self._add_part(part, texts)

    def _add_end(self, reason: Any, message: Any) -> None:
        """Note why an answer ended: Google's reason, and its explanation or our own."""
        if not reason or not isinstance(reason, str):
            return
        self._finish_reason = reason
        if reason not in _ORDINARY:
            meaning = _MEANINGS.get(reason.removeprefix("IMAGE_")) or _MEANINGS.get(reason)
            why = self._payloads.redact(message).strip() or (_(meaning) if meaning else "")
            self._refusal = ": ".join(part for part in (self._payloads.redact(reason), why) if part)

    def _add_part(self, part: Any, texts: list[str]) -> Iterator[Progress]:
        """Read one part of a message: text, a picture, or a thought on the way to them."""
        part = {"text": part} if isinstance(part, str) else part
        if not isinstance(part, Mapping):
            return
        thought = part.get("thought") is True
        kind = part.get("type")
        text = part.get("text") if kind in _TEXT_PARTS or not isinstance(kind, str) else None
        if isinstance(text, str) and thought:
            self._thoughts.append(text)
            if title := _THOUGHT_TITLE.match(text):
                yield Progress(self._payloads.redact(title[1]).strip())
        elif isinstance(text, str):
            texts.append(text)
            *lines, self._line = (self._line + text[-4096:]).split("\n")
            self._line = self._line[-256:]
            yield from filter(None, map(progress_in, lines))
        for source in self._keep(part, self._drafts if thought else self._pictures):
            if thought:
                yield Progress(_("A draft"), picture=source)
            else:
                texts.append("\n\n")  # the texts before and after a picture are two paragraphs

    def _keep(self, value: Any, kept: Pictures) -> list[Source]:
        """Add the pictures in a value of any shape to those that are kept, and return them."""
        sources = list(self._find(value, PNG.mime, 0))
        for source in sources:
            kept.setdefault((source.address, source.data), source)
        return sources

    def _find(self, value: Any, mime: str, depth: int) -> Iterator[Source]:
        """Find the pictures in a value; prompts that were rewritten and pictures that failed are noted on the way."""
        if depth > _DEEPEST:
            return
        if isinstance(value, list):
            for item in value:
                yield from self._find(item, mime, depth + 1)
            return
        if not isinstance(value, Mapping):
            yield from filter(None, [source_of(value, self._payloads, "", mime)])
            return
        mime = _type_in(value, mime)
        if value.get("error") and depth:
            self._failures.append(value)
        if value.get("revised_prompt"):
            self._revised.append(self._payloads.redact(value["revised_prompt"]))
        source = None if value.get("error") else self._own_picture(value, mime)
        yield from filter(None, [source])
        for key, inner in value.items() if not (source and depth) else ():
            if key in _TYPED:
                typed = {"mime_type": _get(inner, "mimeType", "mime_type"), _BASE64[0]: _get(inner, "data")}
                yield from self._find(typed, mime, depth + 1)
            elif key in _LISTS or (key in (*_WRAPPERS, *_BASE64) and isinstance(inner, (list, Mapping))):
                yield from self._find(inner, mime, depth + 1)

    def _own_picture(self, item: Mapping[str, Any], mime: str) -> Source | None:
        """Return an object's own picture; base64 comes before an address, for it need not be fetched."""
        fields = ((key, item[key]) for key in (*_BASE64, *_ADDRESSES) if item.get(key))
        return next(filter(None, (source_of(value, self._payloads, key, mime) for key, value in fields)), None)

    def answer(self, *, cut: bool = False) -> Answer:
        """Read what was collected; a draft is the result where no other picture came.

        Args:
            cut: whether the connection broke before the end.
        """
        reading = markdown.read(
            "\n\n".join("".join(pieces) for pieces in self._texts.values()), self._payloads, whole=not cut
        )
        self._texts.clear()
        sources = self._with_drafts(tuple(self._pictures.values()) or reading.pictures(), reading, cut=cut)
        failures = dict.fromkeys(self._payloads.redact(read_problem(failure).message) for failure in self._failures)
        text = without_progress(self._payloads.redact(reading.words), quoted_only=not sources)
        text = "\n".join(part for part in (text, *failures) if part)
        if reading.elsewhere and not (sources or reading.videos or self._request.wants_words):
            named = ", ".join(reading.elsewhere)[:400]
            text = "\n\n".join(
                part
                for part in (_("Only the endpoint's own page can open {addresses}.", addresses=named), text)
                if part
            )
        finish_reason = "cut" if cut else self._payloads.redact(self._finish_reason)
        if self._refusal and not sources:
            if not self._request.wants_words:  # the reason comes first, where no length of the text can hide it
                text = "\n\n".join(part for part in (self._refusal, text) if part)
            elif not text:
                finish_reason = self._refusal
        return Answer(
            sources=sources,
            text=text,
            finish_reason=finish_reason,
            model=self._payloads.redact(self._model),
            usage=self._usage,
            revised_prompt="\n".join(dict.fromkeys(filter(None, self._revised))),
            videos=reading.videos,
        )

    def _with_drafts(self, results: tuple[Source, ...], reading: markdown.Reading, *, cut: bool) -> tuple[Source, ...]:
        """Return all pictures, those of thoughts first; steps on the way are marked as drafts."""
        reasoning, thoughts = "".join(self._reasoning), "".join(self._thoughts)
        if reasoning and not results and not reading.videos:
            thought = markdown.read(reasoning, self._payloads, whole=not cut)
            results = thought.pictures() or thought.drafts
        if reasoning.strip() and all(source.data for source in results):
            # A model that thinks aloud draws drafts into its answer; the last picture is the result. Source: new-api's
            # Gemini channel writes pictures of thoughts as ordinary ones (not seen on wenwen's pages).
            results = (*(replace(source, draft=True) for source in results[:-1]), *results[-1:])
        drafts = tuple(self._drafts.values())
        if thoughts and not drafts:
            thought = markdown.read(thoughts, self._payloads, whole=not cut)
            # Addresses in thoughts are none: a model may think of any page.
            drafts = tuple(source for source in (*thought.images, *thought.naked, *thought.drafts) if source.data)
        results = results or drafts[-1:] or (() if self._error or self._refusal else reading.hidden)
        drafts += tuple(source for source in reading.drafts if source.data or not results)
        results = results or drafts[-1:]
        known = {(source.address, source.data) for source in results}
        steps = (draft for draft in drafts if (draft.address, draft.data) not in known)
        return (*(replace(draft, draft=True) for draft in steps), *results)


def _get(value: Any, *names: str) -> Any:
    """Return the first of these fields that an object has; None for none, and for what is not an object."""
    return next((value[name] for name in names if name in value), None) if isinstance(value, Mapping) else None


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
