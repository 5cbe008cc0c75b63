"""Gathers an answer from Gemini's objects: the parts of its candidates, drafts and thoughts kept apart, refusals told.

Source: Google's own interface, which relays pass on, and what servers of the family make of it (not seen on wenwen's
pages, which show no answer of this format).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from wenwen_magic.formats.parse import markdown
from wenwen_magic.formats.parse.answer import Gathering
from wenwen_magic.formats.parse.base64_data import Payloads
from wenwen_magic.protocol import Answer, Progress, Source
from wenwen_magic.text.i18n import N_, _

_ORDINARY = ("STOP", "FINISH_REASON_UNSPECIFIED", "BLOCK_REASON_UNSPECIFIED", "BLOCKED_REASON_UNSPECIFIED")
_MEANINGS = {
    "SAFETY": N_("a safety filter held it back"),
    "PROHIBITED_CONTENT": N_("it counts as prohibited content"),
    "RECITATION": N_("it comes too close to an existing work"),
    "BLOCKLIST": N_("it holds a word that is not allowed"),
    "NO_IMAGE": N_("the model drew no picture"),
    "MAX_TOKENS": N_("the answer met its limit of length (maxOutputTokens)"),
    "OTHER": N_("the endpoint tells no reason"),
}
_MIME = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)
_TITLE = re.compile(r"\s*\*\*([^*\n]{1,120})\*\*")


class Candidates(Gathering):
    """Collects Gemini's objects, whole or the pieces of a stream; shapes of the other formats are read as well.

    Args:
        payloads: where base64 that was cut out of the objects is kept.
        words_wanted: whether words are the result, so that a refusal must not pass for them.
    """

    def __init__(self, payloads: Payloads, *, words_wanted: bool = False) -> None:
        super().__init__(payloads)
        self._words_wanted = words_wanted
        self._said: dict[int, list[str]] = {}
        self._thoughts: list[str] = []
        self._drafts: dict[tuple[str, bytes], Source] = {}
        self._reason = ""

    def add(self, body: Any) -> Iterator[Progress]:
        """Take in one object; gives the words on progress that it completes, titles of thoughts and drafts included."""
        yield from super().add(body)
        if not isinstance(body, Mapping):
            return
        self.model = self._shown(_get(body, "modelVersion")) or self.model
        usage, feedback, candidates = (_get(body, name) for name in ("usageMetadata", "promptFeedback", "candidates"))
        self.usage = usage if isinstance(usage, Mapping) else self.usage
        if isinstance(feedback, Mapping):
            self._add_end(_get(feedback, "blockReason"), _get(feedback, "blockReasonMessage"))
        for place, candidate in enumerate(candidates if isinstance(candidates, list) else []):
            if isinstance(candidate, Mapping):
                yield from self._add_candidate(candidate, place)

    def _add_candidate(self, candidate: Mapping[str, Any], place: int) -> Iterator[Progress]:
        self._add_end(_get(candidate, "finishReason"), _get(candidate, "finishMessage"))
        content, index = candidate.get("content"), candidate.get("index")
        said = self._said.setdefault(index if isinstance(index, int) else place, [])
        parts = content.get("parts") if isinstance(content, Mapping) else None
        for part in parts if isinstance(parts, list) else [parts]:
            if isinstance(part, Mapping) and part.get("thought") is True:
                yield from self._add_thought(part)
            elif isinstance(part, Mapping):
                self._add_said(part, said)

    def _add_end(self, reason: Any, message: Any) -> None:
        """Why an answer ended: the endpoint's word, and what it says about it or what is known of it."""
        word = self._shown(reason)
        if not word:
            return
        self.finish_reason = word
        meaning = _MEANINGS.get(word.removeprefix("IMAGE_")) or _MEANINGS.get(word)
        told = self._shown(message).strip() or (_(meaning) if meaning else "")
        if word not in _ORDINARY:
            self._reason = f"{word}: {told}" if told else word

    def _add_said(self, part: Mapping[str, Any], said: list[str]) -> None:
        if isinstance(part.get("text"), str):
            said.append(part["text"])
        for source in self._pictures_of(part):
            self._pictures.setdefault((source.address, source.data), source)
            said.append("\n\n")  # what is said before a picture and behind it are two things

    def _add_thought(self, part: Mapping[str, Any]) -> Iterator[Progress]:
        words = part.get("text")
        if isinstance(words, str):
            self._thoughts.append(words)
            if title := _TITLE.match(words):
                yield Progress(self._shown(title[1]).strip())
        for source in self._pictures_of(part):
            self._drafts.setdefault((source.address, source.data), source)
            yield Progress(_("A draft"), picture=source)

    def _pictures_of(self, part: Mapping[str, Any]) -> tuple[Source, ...]:
        """The picture that a part holds, in any of the shapes that relays give it."""
        inline, file = _get(part, "inlineData"), _get(part, "fileData")
        shape: Any = part
        if isinstance(inline, Mapping):
            shape = _as_data_uri(inline)
        elif isinstance(file, Mapping):
            shape = _get(file, "fileUri")
        one = Gathering(self._payloads)
        list(one.add({"images": [shape]}))
        return one.answer().sources

    def answer(self, *, cut: bool = False) -> Answer:
        """Read what was gathered; a draft is the result where no other picture came.

        Args:
            cut: whether the connection broke before the end.
        """
        said = "\n\n".join("".join(pieces) for pieces in self._said.values())
        list(super().add({"choices": [{"message": {"content": said}}]}))
        answer = super().answer(cut=cut)
        drafts = tuple(self._drafts.values()) or self._thought_of(whole=not cut)
        return self._explained(replace(answer, sources=_with_drafts(drafts, answer.sources)))

    def _thought_of(self, *, whole: bool) -> tuple[Source, ...]:
        """Drafts that stand in the words of thoughts; addresses there are none, for a model may think of any page."""
        reading = markdown.read("".join(self._thoughts), self._payloads, whole=whole)
        return tuple(source for source in (*reading.images, *reading.naked) if source.data)

    def _explained(self, answer: Answer) -> Answer:
        """An answer without a picture, the reason before its words, where no length of theirs can hide it."""
        if answer.sources or not self._reason:
            return answer
        if not self._words_wanted:
            return replace(answer, text="\n\n".join(part for part in (self._reason, answer.text) if part))
        return answer if answer.text else replace(answer, finish_reason=self._reason)


def _get(value: Mapping[str, Any], name: str) -> Any:
    """A field in either of its spellings: ``inlineData`` or ``inline_data``."""
    return value.get(name, value.get(re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), name)))


def _as_data_uri(inline: Mapping[str, Any]) -> str:
    """A picture in a part as an address; base64 may come in lines, or as an address already."""
    data, mime = _get(inline, "data"), _get(inline, "mimeType")
    if not isinstance(data, str) or not data.strip():
        return ""
    if data.lstrip().startswith("data:"):
        return data
    mime = mime if isinstance(mime, str) and _MIME.fullmatch(mime) else "image/png"
    return f"data:{mime};base64,{''.join(data.split())}"


def _with_drafts(drafts: tuple[Source, ...], results: tuple[Source, ...]) -> tuple[Source, ...]:
    """All pictures, drafts first and marked; without a result the last draft is one."""
    if not results:
        return (*(replace(draft, draft=True) for draft in drafts[:-1]), *drafts[-1:])
    found = {(source.address, source.data) for source in results}
    steps = (draft for draft in drafts if (draft.address, draft.data) not in found)
    return (*(replace(draft, draft=True) for draft in steps), *results)
