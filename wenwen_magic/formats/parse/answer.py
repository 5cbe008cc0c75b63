"""Read the pictures, videos and texts of an answer from its JSON objects, whatever format was asked.

An answer is one whole object, or the pieces of a stream. One walk goes through all of it
(:mod:`wenwen_magic.formats.parse.walk`); here it is decided what of it is the answer. Choices with Markdown are on
wenwen's page 生成图片(chat).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from wenwen_magic.endpoint.bodies import is_complaint, is_failure, plain_fields, read_problem
from wenwen_magic.endpoint.failures import error_of_object
from wenwen_magic.errors import EndpointError
from wenwen_magic.formats.parse import markdown, shapes, walk
from wenwen_magic.formats.parse.addresses import is_picture
from wenwen_magic.formats.parse.json_text import Payloads, json_in, json_within
from wenwen_magic.protocol import Answer, Progress, Source
from wenwen_magic.records import LENGTH_REACHED, ImageRequest
from wenwen_magic.text.i18n import _
from wenwen_magic.text.sanitize import mask_keys, one_line

_COMPLETED = ("image_generation.completed", "image_edit.completed")
_RESULTS = (shapes.WRAPPERS | shapes.VIDEOS | {*shapes.ADDRESSES}) - (
    shapes.TEXTS | {"message", "parts", "part", "contentblock", "source", "payload", "body"}
)
"""Fields by which an object without a type shows that it is a whole answer."""
_LAST = {"message_stop", "message_end", "workflow_finished", "done", "end", "complete", "completed", "finish"}
"""The names of events behind which nothing comes."""
_OF_PIECES = frozenset({"id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier"})
"""The fields of a chat completion's pieces; an object with others is looked through."""


class AnswerParser:
    """Collect what the objects of one answer hold; :meth:`answer` reads the whole.

    Args:
        request: says how many pictures are wanted, or that words are the result: then a refusal must not pass for one.
        payloads: where base64 that was taken out of the objects is kept.
    """

    def __init__(self, request: ImageRequest, payloads: Payloads) -> None:
        self.request, self.payloads = request, payloads
        self._found = walk.Collector(payloads, words=request.wants_words)
        self._others: list[Mapping[str, Any]] = []
        self._completed = 0
        self._error: Any = None
        self._listed = False
        self._heard = False
        self._begun = False
        """Whether words or a draft came before an error."""

    @property
    def _said(self) -> bool:
        return any(piece.strip() for _, piece in self._found.pieces)

    @property
    def error(self) -> Any:
        """What reports an error: an object that says so, the first that failed inside, or nothing but a complaint."""
        found = self._found
        if self._error or found.failures:
            return self._error or found.failures[0]
        told = found.said_again or found.refusals or found.refused_again or found.refusal
        if self._said or told or self._task()[0]:
            return None
        return next((body for body in self._others if is_failure(plain_fields(body)) or _is_bare(body)), None)

    @property
    def seen(self) -> bool:
        """Whether there was an object, or a picture without one."""
        return self._heard or bool(self._found.pictures or self._found.videos)

    @property
    def ended(self) -> bool:
        """Whether the answer named its end: by a reason, a completed picture, or a plain list of them."""
        return self._listed or bool(self._found.finish_reason)

    @property
    def complete(self) -> bool:
        """Whether as many pictures as were asked for are complete: no further event, not even ``[DONE]``, is due."""
        return bool(self._found.pictures) and self._completed >= self.request.pictures

    def add(self, body: Any, event: str = "") -> Iterator[Progress]:
        """Take in one JSON value, and yield the progress in it, pictures on their way included.

        Args:
            body: an object, a list of them, or a text, which may hold JSON once more.
            event: the name that a stream gives it.
        """
        if isinstance(body, str) and event != "error":
            inner = json_in(body)
            if inner is not None:
                yield from self.add(inner)
            else:
                yield from self._found.read_text(body, walk.Place(key="content"))
            return
        for item in body if isinstance(body, list) else [body]:
            if isinstance(item, Mapping):
                self._heard = True
                piece = None if event else piece_in(item)
                if piece is None:
                    yield from self._add_body(item, event)
                else:  # the thousands of such events are not searched for what they cannot hold
                    self._found.model = item.get("model") or self._found.model
                    self._found.usage = item.get("usage") or self._found.usage
                    yield from self.add_words(*piece)
            elif event == "error":
                self._note_begun()
                self._error = self._error or ({"message": item} if isinstance(item, str) else body)
            else:
                yield from self._found.walk(item, walk.Place(key="data"))

    def add_words(self, choice: int, text: str) -> Iterator[Progress]:
        """Take in a few more words of an answer that is known to have begun; the rest of the event says nothing new.

        Args:
            choice: which of several texts they belong to.
            text: the words.
        """
        return self._found.say(text, walk.Place(key="content", choice=choice)) if text else iter(())

    def _add_body(self, body: Mapping[str, Any], event: str) -> Iterator[Progress]:
        kind = next((body[name] for name in ("type", "event") if isinstance(body.get(name), str)), "")
        unnamed = not kind and "partial_image_index" in body
        if unnamed or kind.endswith("partial_image") or "partial_image_b64" in body:
            number, fields = walk.number_of(body.get("partial_image_index")), plain_fields(body)
            self._begun = True
            text = _("a picture on its way") + (f" ({number + 1})" if number is not None else "")
            yield Progress(text, picture=walk.own_source(fields, walk.inside(fields, walk.Place()), self.payloads))
            return
        if kind.endswith("partial_failed"):
            self._note_begun()
            self._found.failures.append(body)
            return
        self._completed += kind in _COMPLETED
        said = body.keys() & shapes.CHATS
        last = kind.endswith(".completed") or kind in _LAST or event in _LAST or body.get("done") is True
        whole = not (kind or said) and body.get("done") is not False
        self._listed |= last or (whole and not _RESULTS.isdisjoint(plain_fields(body)))
        if body.get("error") or "error" in (kind, body.get("object"), event):
            self._note_begun()
            self._error = self._error or body
        elif not any(body[name] for name in said):
            self._others.append(body)
            del self._others[4:-4]  # the others of a long stream are on the way
        repeated = kind.startswith("response.") and not kind.endswith(".delta")
        yield from self._found.walk(body, walk.Place(repeated=repeated))

    def _note_begun(self) -> None:
        """Note, before an error is taken in, whether part of an answer came; an error's own words are none."""
        if self._error is None and not self._begun:
            self._begun = self._said or bool(self._found.reasoning or self._found.thoughts or self._found.drafts)

    def finish(self, cut: EndpointError | None) -> Answer:
        """Return the answer if it holds a picture or a video, or is complete.

        Args:
            cut: what broke it off; None for nothing.

        Raises:
            EndpointError: it holds an error object and no picture, or broke off before one.
        """
        answer = self.answer(cut=cut is not None)
        if not (answer.sources or answer.videos):
            if (error := self.error) is not None:
                raise self.payloads.redact_error(error_of_object(error, begun=self._begun))
            if cut is not None:
                raise cut
        return answer

    def answer(self, *, cut: bool = False) -> Answer:
        """Read what was collected; a draft is the result where no other picture came.

        Args:
            cut: whether the connection broke before the end.
        """
        text = self._text() or "".join(self._found.said_again)
        if self.request.wants_words:
            return self._in_words(text)
        clip = self.request.wants_clip
        broken = cut or (self._begun and bool(self._error) and not self._found.finish_reason)
        reading, failures = markdown.read(text, self.payloads, whole=not broken, clip=clip), list(self._found.failures)
        # A video's thumbnail is no picture, but the poster of a clip.
        written, words = reading.images if clip and reading.videos else reading.pictures, reading.words
        found: Sequence[Source] = self._found.pictures or (written if reading.images else ())
        if not (found or cut or self._error):
            found, words = self._in_place_of_words(text, words)
        videos = markdown.distinct([*self._found.videos, *reading.videos])
        pictures = markdown.distinct(found or (() if videos else written), but=videos)
        sources = self._with_drafts(pictures, reading, cut=cut)
        if not (sources or videos):
            sources, videos = self._anywhere()
        if clip:
            sources, videos = self._clips(sources, videos)
            words = markdown.without_links(words, videos)
        finish_reason, job = "cut" if cut else self.payloads.redact(self._found.finish_reason), ""
        model, words = self.payloads.redact(self._found.model), self.payloads.redact(words)
        usage = self.payloads.redact_within(self._found.usage)
        failed = dict.fromkeys(self.payloads.redact(read_problem(failure).message) for failure in failures)
        text = walk.without_progress(words, quoted_only=not (sources or (clip and videos)))
        text = "\n".join(filter(None, [text, *failed]))
        if not (sources or videos):
            # Why there is none comes first, where no length of the text can hide it.
            named = ", ".join(reading.elsewhere)[:400]
            only = _("Only the endpoint's own page can open {addresses}.", addresses=named) if named else ""
            text = _paragraphs(self._why(), only, text)
            job, text = ("", text) if text else self._instead()
        return Answer(
            sources=sources,
            text=text,
            finish_reason=finish_reason,
            model=model,
            usage=usage,
            revised_prompt="\n".join(dict.fromkeys(filter(None, self._found.revised))),
            job=job,
            videos=videos,
        )

    def _in_words(self, text: str) -> Answer:
        """Read what was collected where words are wanted: all of them, with what pictures and JSON they hold.

        Thoughts are none, unless there is nothing else and the answer came to its end. Where nothing was said, what was
        given to a function was; else the reason for the end is why.
        """
        reason, why, found = self.payloads.redact(self._found.finish_reason), self._why(), self._found
        said, thought = markdown.split_thoughts(text)
        said = walk.without_progress(self.payloads.redact(said), quoted_only=True)
        if not said and reason.lower() not in LENGTH_REACHED:
            failed = (read_problem(failure).message for failure in found.failures)
            given = "\n".join(map("".join, found.arguments.values()))
            said = self.payloads.redact(thought or ("" if why else given) or "\n".join(dict.fromkeys(failed))).strip()
        reason = why if why and not said else reason
        model, usage = self.payloads.redact(found.model), self.payloads.redact_within(found.usage)
        return Answer(text=said, finish_reason=reason, model=model, usage=usage)

    def _in_place_of_words(self, text: str, words: str) -> tuple[Sequence[Source], str]:
        """Return the pictures of a text that is base64 or holds JSON, and the words beside them."""
        begins = walk.begins_as_picture(text.strip(), self.payloads)
        if begins and (alone := walk.source_of(text, self.payloads, "")):
            return (alone,), ""
        failures = list(self._found.failures)
        for start, end, inner in json_within(text):
            list(self._found.walk(inner, walk.Place(depth=1, key="data")))
            self._found.failures = failures  # an error in a model's words is no error of the endpoint
            if self._found.pictures or self._found.videos:
                words = markdown.read(text[:start] + text[end:], self.payloads).words
                break
        return self._found.pictures, words

    def _anywhere(self) -> tuple[tuple[Source, ...], tuple[Source, ...]]:
        """Return the pictures, or the videos, that are under names that say nothing, or given to functions."""
        for pieces in self._found.arguments.values():
            list(self._found.walk(json_in("".join(pieces)), walk.Place(depth=1, key="data", known=False)))
        videos = markdown.distinct(self._found.perhaps_videos)
        return (() if videos else markdown.distinct(self._found.perhaps)), videos

    def _clips(
        self, sources: tuple[Source, ...], videos: tuple[Source, ...]
    ) -> tuple[tuple[Source, ...], tuple[Source, ...]]:
        """Return the pictures and the clips of an answer that is to be a clip.

        A clip may be named in the thoughts alone, and stand where pictures do, under an address that does not tell.
        """
        if not videos:
            videos = markdown.read("".join(self._found.reasoning), self.payloads).videos
        if not videos:
            videos = tuple(one for one in sources if not (one.data or one.draft or is_picture(one.address)))
        return markdown.distinct(sources, but=videos), videos

    def _text(self) -> str:
        """Return all texts, those of several choices one after the other, however they took turns in a stream."""
        chosen = [choice for choice, piece in self._found.pieces if choice >= 0]
        took_turns = any(later < earlier for earlier, later in pairwise(chosen))
        texts: dict[int, list[str]] = {}
        for choice, piece in self._found.pieces:
            texts.setdefault(choice if took_turns or choice < 0 else 0, []).append(piece)
        return "\n\n".join("".join(pieces) for pieces in texts.values())

    def _why(self) -> str:
        """Return why there is no picture, as far as the answer says: its reason, the filters, the model's refusal."""
        filters = self.payloads.redact(", ".join(dict.fromkeys(self._found.filters)))
        refusal = self.payloads.redact("".join(self._found.refusals) or self._found.refused_again).strip()
        return _paragraphs(": ".join(filter(None, [self._found.refusal, filters])), refusal)

    def _instead(self) -> tuple[str, str]:
        """Return a task's number, and what is told where there is no picture and no text."""
        number, state = self._task()
        if number:
            number, state = (mask_keys(one_line(self.payloads.redact(text), 200)) for text in (number, state or "?"))
            words = _(
                "There is no picture yet: the endpoint made it task {number} ({state}).", number=number, state=state
            )
            return number, words
        if self.request.wants_clip and (told := walk.without_progress("".join(self._found.reasoning))):
            return "", self.payloads.redact(told)[-2000:].strip()  # some say there alone that it has failed
        if said := [*self._found.words, *map("".join, self._found.arguments.values())]:
            return "", self.payloads.redact("\n".join(said))[:2000].strip()
        strange = next((body for body in reversed(self._others) if _is_strange(body)), None)
        text = "" if strange is None else json.dumps(strange, ensure_ascii=False, default=str)
        return "", mask_keys(one_line(self.payloads.redact(text), 300, " …"))

    def _task(self) -> tuple[str, str]:
        """Return the number and the state of the task that an answer names in place of a picture; empty for none."""
        return next(filter(None, map(task_in, self._others)), ("", ""))

    def _with_drafts(self, results: tuple[Source, ...], reading: markdown.Reading, *, cut: bool) -> tuple[Source, ...]:
        """Return all pictures, those of thoughts first; steps on the way are marked as drafts."""
        found = self._found
        if results and not (found.reasoning or found.thoughts or found.drafts or reading.drafts):
            return results
        reasoning, thoughts = "".join(found.reasoning), "".join(found.thoughts)
        if reasoning and not (results or reading.videos or found.videos):
            thought = markdown.read(reasoning, self.payloads, whole=not cut)
            results = thought.pictures or thought.drafts
        if reasoning.strip() and all(source.data for source in results):
            # A model that thinks aloud draws drafts into its answer; the last picture is the result. Source: new-api's
            # Gemini channel writes pictures of thoughts as ordinary ones (not seen on wenwen's pages).
            results = (*(replace(source, draft=True) for source in results[:-1]), *results[-1:])
        drafts = markdown.distinct(found.drafts)
        if thoughts and not drafts:
            thought = markdown.read(thoughts, self.payloads, whole=not cut)
            # Addresses in thoughts are none: a model may think of any page.
            drafts = tuple(source for source in (*thought.images, *thought.naked, *thought.drafts) if source.data)
        hidden = () if self._error or found.refusal or found.videos else reading.hidden
        results = results or drafts[-1:] or hidden
        drafts += tuple(source for source in reading.drafts if source.data or not results)
        results = results or drafts[-1:]
        steps = (*(replace(draft, draft=True) for draft in drafts), *(source for source in results if source.draft))
        final = tuple(source for source in results if not source.draft)
        return (*markdown.distinct(steps, but=final), *final)


def _paragraphs(*texts: str) -> str:
    return "\n\n".join(filter(None, texts))


def piece_in(body: Mapping[str, Any]) -> tuple[int, str] | None:
    """Return the choice and the words of an event that holds words and nothing else; None for any other."""
    if not body.keys() <= _OF_PIECES or body.get("object") not in (None, "chat.completion.chunk"):
        return None
    if not isinstance(body.get("model", ""), str) or not isinstance(body.get("usage") or {}, Mapping):
        return None
    match body.get("choices"):
        case [{"delta": {"content": str(text), **others}, **rest}]:
            role, choice = others.pop("role", None), walk.number_of(rest.pop("index", 0))
            more = any((*others.values(), *rest.values())) or role not in (None, "", "assistant")
            return None if more or choice is None else (abs(choice), text)
    return None


# -- objects without a picture: a task, a complaint, or something unknown ----------------------------------------------


def _waits(state: Any) -> bool:
    return isinstance(state, str) and state.strip().lower().replace(" ", "_") in shapes.WAITING


def task_in(value: Any, depth: int = 0) -> tuple[str, str] | None:
    """Return the number and the state of a task that an object, or one in it, describes; None for none."""
    if depth > 4:  # noqa: PLR2004  tasks are near the top
        return None
    if isinstance(value, list):
        return next(filter(None, (task_in(item, depth + 1) for item in value[:5])), None)
    if not isinstance(value, Mapping):
        return None
    fields = plain_fields(value)
    state = next((fields[name] for name in shapes.STATES if isinstance(fields.get(name), str)), "")
    waits = _waits(state)
    names = (*shapes.NUMBERS, *(("id", "requestid") if waits else ()), *(("result",) if "code" in fields else ()))
    for name in names:
        number = fields.get(name)
        number = str(number) if walk.number_of(number) is not None else number
        if isinstance(number, str) and number.strip() and (name != "result" or number.strip().isdigit()):
            return number.strip(), state
    return next(filter(None, (task_in(inner, depth + 1) for inner in fields.values())), None)


def _is_bare(body: Mapping[str, Any], depth: int = 0) -> bool:
    """Tell whether an object has a problem's words and nothing that is a result."""
    fields = plain_fields(body)
    if not is_complaint(fields) or any(_waits(fields.get(name)) for name in shapes.STATES):
        return False
    results = {*shapes.WRAPPERS, *shapes.ADDRESSES} - {"message"}
    held = [value for name, value in fields.items() if name in results and value]
    near = depth < 2  # noqa: PLR2004  envelopes are near the top
    return all(near and isinstance(value, Mapping) and _is_bare(value, depth + 1) for value in held)


def _is_strange(body: Mapping[str, Any]) -> bool:
    """Tell whether an object holds anything beside what is about an answer."""
    told = [value for name, value in plain_fields(body).items() if name not in shapes.ABOUT]
    return any(not isinstance(value, bool) and value not in (None, "", [], {}) for value in told)
