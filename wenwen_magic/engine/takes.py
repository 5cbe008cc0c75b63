"""Says which saved generations answer a request, so that nothing is paid for twice."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from wenwen_magic.engine import outcomes
from wenwen_magic.errors import NotInHistory
from wenwen_magic.history.index import Wanted
from wenwen_magic.history.store import History
from wenwen_magic.records import Generation, ImageRequest
from wenwen_magic.render import comparison
from wenwen_magic.text.i18n import _

_CANDIDATES = 1000
"""Latest records among which the nearest to one that is not saved is looked for."""


def is_here(generation: Generation) -> bool:
    """Whether a generation has pictures whose files are still there, or the words that were wanted."""
    if generation.request.wants_words:
        return generation.has_result
    return any(image.path.is_file() for image in generation.images)


@dataclass(frozen=True)
class Takes:
    """The saved generations as one client sees them.

    Args:
        history: where they are.
        mode: ``cache``, ``live`` or ``replay``.
        demo: whether the client's address says that it is the demo's.
        origin: scheme, host and port that the client asks.
    """

    history: History
    mode: str
    demo: bool
    origin: str

    def of(self, request: ImageRequest) -> list[Generation]:
        """The generations of a request, oldest first: the demo's never stand for a real endpoint's, nor the other way.

        In mode ``replay`` nobody is asked, and any will do; real ones come first.
        """
        found = self.history.takes(request.fingerprint)
        if self.mode == "replay":
            return sorted(found, key=lambda one: one.demo)
        return [one for one in found if one.demo == self.demo or (one.demo and one.endpoint == self.origin)]

    def look_at_saved(self, *, fresh: bool, take: int) -> bool:
        """Whether what is saved counts at all."""
        return bool(take) or self.mode == "replay" or (self.mode == "cache" and not fresh)

    def best(self, request: ImageRequest, take: int) -> Generation | None:
        """The take that a wish for one shows, or the one with a number; else a kept answer; None for neither."""
        found = self.of(request)
        drawn = [one for one in found if is_here(one) and take in {0, one.take}]
        if drawn:
            return _chosen(drawn, 1)[0]
        return None if take else next((one for one in reversed(found) if self.is_answered(one)), None)

    def counted(self, request: ImageRequest, *, fresh: bool, take: int) -> list[Generation]:
        """The saved ones that count towards what a request wants: drawn, paid but not fetched, and then refused."""
        if not self.look_at_saved(fresh=fresh, take=take):
            return []
        found = [one for one in self.of(request) if take in {0, one.take}]
        drawn = _chosen([one for one in found if is_here(one)], request.count)
        drawn += [one for one in found if self.is_unfetched(one)][: request.count - len(drawn)]
        refused = [one for one in found if self._is_refused(one)]  # an answer too: it is not paid for again
        return [*drawn, *refused[-(request.count - len(drawn)) :]] if len(drawn) < request.count else drawn

    def noted(self, generation: Generation) -> Generation:
        """The generation with a note for its caption: it was free, or how to see it again where a re-run does not."""
        return replace(generation, note=self._note(generation) if generation.has_result else "")

    def _note(self, generation: Generation) -> str:
        if generation.from_history:
            return _saved_note(generation, self.mode)
        drawn = [one for one in self.of(generation.request) if is_here(one)]
        shown = {one.id for one in _chosen(drawn, generation.request.count)}
        number = generation.take
        if number < 1 or generation.id in shown:
            return ""
        if generation.request.count > 1 or self.mode != "cache":  # a star decides about one saved picture only
            return _("new take; --take {number} shows it again", number=number)
        return _("new take; star it, or --take {number}, to see it again", number=number)

    def not_in_history(self, request: ImageRequest, take: int) -> NotInHistory:
        """The error for what is not saved; it names its takes that are, or the nearest request and what differs."""
        saved = [one.take for one in self.of(request) if one.take]
        why = _("Saved takes: {count}.", count=len(saved)) if saved else self._nearest(request)
        return outcomes.not_in_history(request, take, why=why, replay=self.mode == "replay")

    def _nearest(self, request: ImageRequest) -> str:
        found = comparison.nearest(request, [one.request for one in self._candidates])
        if found is None:
            return ""
        name = next(one.id for one in self._candidates if one.request is found)[:6]
        differs = comparison.told(request, found)
        return _("Nearest: #{name}, {differs}", name=name, differs=differs)

    @cached_property
    def _candidates(self) -> list[Generation]:
        """What the nearest is looked for among; once, as a cell may miss many."""
        return self.history.search(Wanted(), count=_CANDIDATES)

    def is_answered(self, generation: Generation) -> bool:
        """Whether an answer is kept that says more than the record's pictures; an error in its place is none."""
        return self.is_unfetched(generation) or self._is_refused(generation)

    def is_unfetched(self, generation: Generation) -> bool:
        """Whether a generation is paid and its answer kept, but its pictures are not here, or not any more."""
        gone = generation.demo and generation.endpoint != self.origin  # a demo's pictures end with its kernel
        return self.is_kept(generation) and not gone and not is_here(generation) and generation.state != "failed"

    def _is_refused(self, generation: Generation) -> bool:
        return (generation.error or {}).get("kind") == "NoImageError" and self.is_kept(generation)

    def is_kept(self, generation: Generation) -> bool:
        """Whether the raw reply is on disk."""
        return self.history.path(generation, ".reply").is_file()


def _chosen(drawn: Sequence[Generation], count: int) -> list[Generation]:
    """The first takes: what a notebook showed first it shows again; of one the latest with a star goes first."""
    starred = [one for one in drawn if one.star and one.demo == drawn[0].demo]  # real ones come first in a replay
    return starred[-1:] if starred and count == 1 else list(drawn[:count])


def _saved_note(generation: Generation, mode: str) -> str:
    words = generation.request.wants_words
    if mode == "replay":
        return _("saved answer; mode replay asks nobody") if words else _("saved take; mode replay draws none")
    return _("saved answer, free; --fresh asks again") if words else _("saved take, free; --fresh draws a new one")
