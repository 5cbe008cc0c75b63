"""Find the saved generations that answer a request, so that nothing is paid for twice."""

import secrets
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import chain, islice
from typing import Any

from wenwen_magic.engine import outcomes
from wenwen_magic.errors import NotInHistory, WenwenError
from wenwen_magic.formats import FORMATS
from wenwen_magic.history.index import Wanted
from wenwen_magic.history.store import History, is_file
from wenwen_magic.models import former_defaults
from wenwen_magic.protocol import HttpCall, HttpReply
from wenwen_magic.records import Generation, ImageRequest
from wenwen_magic.render import comparison
from wenwen_magic.text.i18n import _

_CANDIDATES = 1000
"""How many of the latest records are compared with a request that is not saved, to name the nearest."""


def is_here(generation: Generation) -> bool:
    """Tell whether a generation has a picture, or else a video, whose file still exists, or the words that were wanted.

    Raises:
        HistoryError: the folder cannot be read: the picture may be there, and must not be paid for again.
    """
    if generation.request.wants_words:
        return generation.has_result
    return any(map(is_file, generation.files))


class Given:
    """The takes that a request for several pictures has by now: each of its threads gets another one.

    What other processes draw for the same request meanwhile is as good as what it would draw itself. A copy in another
    process shares what it holds with the other copies there, which have the same token.
    """

    def __init__(self, ids: Iterable[str] = (), token: str = "") -> None:
        self._ids, self.token, self._lock = set(ids), token or secrets.token_hex(8), threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        with self._lock:
            return Given._copied, (frozenset(self._ids), self.token)

    @staticmethod
    def _copied(ids: frozenset[str], token: str) -> "Given":
        with _sharing:
            given = _copy(token)
        given.add(*ids)
        return given

    def add(self, *ids: str) -> None:
        """Note takes that the request has, or is going to have."""
        with self._lock:
            self._ids.update(ids)

    def another(self, saved: Iterable[Generation]) -> Generation | None:
        """Return the first of saved takes that the request does not have yet, and note it; None where there is none."""
        with self._lock:
            found = next((one for one in saved if one.id not in self._ids), None)
            if found:
                self._ids.add(found.id)
            return found


_sharing = threading.Lock()


@lru_cache(4096)  # a copy may come when those before it are done: none is forgotten while its request may go on
def _copy(token: str) -> Given:
    return Given(token=token)


@dataclass(frozen=True)
class Found:
    """What is saved of a request.

    Args:
        recorded: all its generations, oldest first.
        saved: those that count towards it, at most as many as it wants.
        unanswered: the records that were sent, whose answers are not saved, and that no process waits for; empty where
            enough is saved, and where no answer is missed.
    """

    recorded: Sequence[Generation] = ()
    saved: Sequence[Generation] = ()
    unanswered: Sequence[Generation] = ()


@dataclass(frozen=True)
class Takes:
    """The saved generations as one client sees them.

    Args:
        history: where they are.
        mode: ``cache``, ``live`` or ``replay``.
        demo: whether the client's address is the demo's.
        origin: scheme, host and port that the client asks.
        claimed: returns the ids of the records that the holder of a claim fills, by the claim's name.
    """

    history: History
    mode: str
    demo: bool
    origin: str
    claimed: Callable[[str], Sequence[str]] = lambda _: ()

    def counts(self, *, fresh: bool, take: int = 0) -> bool:
        """Tell whether what is saved answers requests; mode ``replay`` draws nothing, whatever is asked for.

        Args:
            fresh: whether to draw although takes are saved.
            take: a saved take by its number; 0 for any.
        """
        return bool(take) or self.mode == "replay" or (self.mode == "cache" and not fresh)

    def found(self, request: ImageRequest, *, fresh: bool = False, take: int = 0) -> Found:
        """Look up what is saved of a request, in one look at the history; the arguments are those of :meth:`counts`.

        Raises:
            HistoryError: the folder, or a record that may be of this request, cannot be read.
        """
        # A new one is drawn whatever is saved: what can be read is enough.
        recorded = self._recorded(request, partial=fresh or self.mode == "live")
        if not self.counts(fresh=fresh, take=take):
            return Found(recorded)
        saved = self._answers(recorded, request.count, take)
        missed = self.mode == "cache" and not fresh and not take and len(saved) < request.count
        return Found(recorded, saved, self._unanswered(recorded) if missed else ())

    def known(self, requests: Iterable[ImageRequest]) -> set[str]:
        """Return the fingerprints of those requests that have a record, or may have one: one question for all.

        Raises:
            HistoryError: the folder cannot be read.
        """
        marks = {request.fingerprint: self._marks(request) for request in requests}
        known = self.history.known(chain.from_iterable(marks.values()))
        return {own for own, all_ in marks.items() if known.intersection(all_)}

    def best(self, request: ImageRequest, take: int = 0) -> Generation | None:
        """Return the saved generation to show where one is wanted, whatever the mode; None where nothing is saved."""
        return next(iter(self._answers(self._recorded(request), 1, take)), None)

    def _recorded(self, request: ImageRequest, *, partial: bool = False) -> list[Generation]:
        """Return the history's generations of a request, oldest first."""
        return self.history.takes(*self._marks(request), prompt=request.prompt, partial=partial)

    @staticmethod
    def _marks(request: ImageRequest) -> list[str]:
        """Return a request's fingerprints, those with earlier default models first.

        An update of this package costs nothing: what earlier defaults drew answers too, and is numbered along.
        """
        former = former_defaults(request.format)[::-1] if request.unnamed else ()
        return [*(replace(request, model=model).fingerprint for model in former), request.fingerprint]

    def of(self, recorded: Sequence[Generation]) -> list[Generation]:
        """Return those of a request's generations that may answer it.

        The demo's never answer for a real endpoint, nor the other way round. In mode ``replay``, where no endpoint is
        asked, both may; real ones come first.
        """
        if self.mode == "replay":
            return sorted(recorded, key=lambda one: one.demo)
        return [one for one in recorded if one.demo == self.demo or (one.demo and one.endpoint == self.origin)]

    def _answers(self, recorded: Sequence[Generation], count: int, take: int) -> list[Generation]:
        """Return at most ``count`` that answer a request: drawn ones, then paid but not fetched, then refusals."""
        takes = [one for one in self.of(recorded) if take in {0, one.take}]
        here = {one.id: is_here(one) for one in takes}
        answers = _chosen([one for one in takes if here[one.id]], count)
        if len(answers) < count:
            unfetched = (one for one in takes if not here[one.id] and self._is_unfetched(one))
            answers += islice(unfetched, count - len(answers))
        if len(answers) < count:  # a refusal is an answer too: it is not paid for again
            refused = [one for one in takes if (one.error or {}).get("kind") == "NoImageError" and self.is_kept(one)]
            answers += refused[len(answers) - count :]
        return answers

    def _unanswered(self, recorded: Sequence[Generation]) -> list[Generation]:
        """Return the records that were sent, whose answers are not saved, and that no process waits for."""
        if self.demo:  # it is free
            return []
        left = [one.id for one in self.of(recorded) if one.state == "sent" and one.id not in self._filled(one)]
        now = filter(None, map(self.history.find, left))  # one that was filled until now has been saved since
        return [one for one in now if one.state == "sent" and not self.is_kept(one)]

    def _filled(self, generation: Generation) -> Sequence[str]:
        """Return the ids of the records of a generation's request that some process fills now."""
        mark = generation.request.fingerprint
        return *self.claimed(mark), *self.claimed(f"{mark}.{generation.id}")

    def noted(self, generation: Generation, recorded: Sequence[Generation] = (), *, joined: bool = False) -> Generation:
        """Return the generation with a note for its caption: that it was free, or how to see it again.

        Args:
            generation: with the number of its take.
            recorded: where it was drawn now, the history's generations of its request, with or without itself.
            joined: whether another process was asking for it, and its answer was waited for.
        """
        if not generation.has_result:
            return replace(generation, note="")
        if joined:
            return replace(generation, note=_("joined a request that was already running: paid once"))
        if generation.from_history:
            return replace(generation, note=_saved_note(generation, self.mode))
        others = [one for one in recorded if one.id != generation.id]
        if not others:
            return generation
        drawn = [one for one in self.of([*others, generation]) if is_here(one)]
        shown = _chosen(sorted(drawn, key=lambda one: one.take), generation.request.count)
        if any(one.id == generation.id for one in shown):
            note = ""
        elif generation.request.count > 1 or self.mode != "cache":  # a star matters where one saved picture is shown
            note = _("--take {number} shows it again", number=generation.take)
        else:
            note = _("A re-run shows version {number} unless you star this one.", number=shown[0].take)
        return replace(generation, note=note)

    def not_in_history(self, request: ImageRequest, take: int) -> NotInHistory:
        """Make the error for a request or take that is not saved; it names the saved takes, or the nearest request."""
        saved = [one.take for one in self.of(self._recorded(request)) if one.take]
        why = _("Saved takes: {count}.", count=len(saved)) if saved else self._nearest(request)
        return outcomes.not_in_history(request, take, why=why, replay=self.mode == "replay")

    def _nearest(self, request: ImageRequest) -> str:
        """Describe the nearest saved request and how it differs; empty for none."""
        nearest = comparison.nearest(request, [one.request for one in self._candidates])
        if nearest is None:
            return ""
        name = next(one.id for one in self._candidates if one.request is nearest)[:6]
        return _("Nearest: #{name}, {differs}", name=name, differs=comparison.describe_differences(request, nearest))

    @cached_property
    def _candidates(self) -> Sequence[Generation]:
        """The latest records, to find the nearest among; read once, as many requests of a cell may not be saved."""
        return self.history.search(Wanted(), count=_CANDIDATES)

    def _is_unfetched(self, generation: Generation) -> bool:
        """Tell whether a generation's pictures can be fetched without paying again: its answer is kept."""
        gone = generation.demo and generation.endpoint != self.origin  # a demo and its pictures end with their kernel
        if generation.state == "failed" or gone or not self.is_kept(generation):
            return False
        # Who asked for it may still be writing the reply, wait for its job or save its pictures.
        return generation.state != "sent" or generation.id not in self._filled(generation)

    def is_kept(self, generation: Generation) -> bool:
        """Tell whether the raw reply is on disk, or as much of it as holds a picture or all words that were wanted.

        Raises:
            HistoryError: the folder cannot be read.
        """
        return self.history.has_whole_reply(generation) or holds_answer(generation, self.history.reply(generation))


def holds_answer(generation: Generation, part: HttpReply | None) -> bool:
    """Tell whether a reply is an answer all the same: its writing broke off with its process, or it is an error's."""
    if part is None:
        return False
    talk = FORMATS[generation.request.format].talk(generation.request)
    try:
        step = next(talk)
        while not (isinstance(step, HttpCall) and step.free):  # a job that can be asked about is one
            step = talk.send(part) if isinstance(step, HttpCall) else next(talk)
    except StopIteration as end:
        answer = end.value
        return answer.finish_reason != "cut" or any(not one.draft for one in (*answer.sources, *answer.videos))
    except (WenwenError, OSError):
        return False
    return True


def _chosen(drawn: Sequence[Generation], count: int) -> list[Generation]:
    """Return the first takes, which a notebook showed first; where one is wanted, the latest with a star instead."""
    starred = [one for one in drawn if one.star and one.demo == drawn[0].demo]  # real ones come first in a replay
    return starred[-1:] if starred and count == 1 else list(drawn[:count])


def _saved_note(generation: Generation, mode: str) -> str:
    """Return the note that a saved generation was free, and how to get another."""
    words, clip = generation.request.wants_words, generation.request.wants_clip
    if clip:
        return (
            _("saved clip; replay mode is offline")
            if mode == "replay"
            else _("saved clip, free; --fresh makes a new one")
        )
    if mode == "replay":
        return _("saved answer; replay mode is offline") if words else _("saved picture; replay mode is offline")
    return _("saved answer, free; --fresh asks again") if words else _("saved picture, free; --fresh draws a new one")
