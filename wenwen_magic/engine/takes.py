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

Recorded = Sequence[Generation] | None
_CANDIDATES = 1000
"""Latest records among which the nearest to one that is not saved is looked for."""


def is_here(generation: Generation) -> bool:
    """Tell whether a generation has pictures whose files are still there, or the words that were wanted."""
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

    def of(self, request: ImageRequest, recorded: Recorded = None) -> list[Generation]:
        """Return the generations that may answer a request, oldest first.

        The demo's never answer for a real endpoint, nor the other way round. In mode ``replay`` nobody is asked, and
        any will do; real ones come first.

        Args:
            request: what is wanted.
            recorded: what the history has of it, where that was just looked up; None to look it up.
        """
        recorded = self.history.takes(request.fingerprint) if recorded is None else recorded
        if self.mode == "replay":
            return sorted(recorded, key=lambda one: one.demo)
        return [one for one in recorded if one.demo == self.demo or (one.demo and one.endpoint == self.origin)]

    def may_answer(self, *, fresh: bool, take: int = 0) -> bool:
        """Tell whether what is saved counts at all."""
        return bool(take) or self.mode == "replay" or (self.mode == "cache" and not fresh)

    def best(self, request: ImageRequest, take: int, recorded: Recorded = None) -> Generation | None:
        """Return the take to show for one, or the one with a number; else a kept answer; None for neither."""
        takes = self.of(request, recorded)
        if drawn := [one for one in takes if is_here(one) and take in {0, one.take}]:
            return _chosen(drawn, 1)[0]
        answered = (one for one in reversed(takes) if self._is_unfetched(one) or self._is_refused(one))
        return None if take else next(answered, None)

    def counted(self, request: ImageRequest, *, fresh: bool, take: int) -> list[Generation]:
        """Return the saved ones that count towards a request: drawn, paid but not fetched, and then refused."""
        if not self.may_answer(fresh=fresh, take=take):
            return []
        takes = [one for one in self.of(request) if take in {0, one.take}]
        counted = _chosen([one for one in takes if is_here(one)], request.count)
        if len(counted) < request.count:
            others = [one for one in takes if not is_here(one)]
            counted += [one for one in others if self._is_unfetched(one)][: request.count - len(counted)]
        if len(counted) < request.count:  # refused: an answer too, it is not paid for again
            counted += [one for one in takes if self._is_refused(one)][len(counted) - request.count :]
        return counted

    def noted(self, generation: Generation, recorded: Sequence[Generation] = ()) -> Generation:
        """Return the generation with a note for its caption: it was free, or how to see it again.

        Args:
            generation: numbered as a take.
            recorded: for one that was drawn now: what the history has of its request, with or without it.
        """
        if not generation.has_result:
            return replace(generation, note="")
        if generation.from_history:
            return replace(generation, note=_saved_note(generation, self.mode))
        others = [one for one in recorded if one.id != generation.id]
        if not others:
            return generation
        drawn = [one for one in self.of(generation.request, [*others, generation]) if is_here(one)]
        shown = _chosen(sorted(drawn, key=lambda one: one.take), generation.request.count)
        again = any(one.id == generation.id for one in shown)
        return replace(generation, note="" if again else self._new_take_note(generation))

    def _new_take_note(self, generation: Generation) -> str:
        if generation.request.count > 1 or self.mode != "cache":  # a star decides about one saved picture only
            return _("new take; --take {number} shows it again", number=generation.take)
        return _("new take; star it, or --take {number}, to see it again", number=generation.take)

    def not_in_history(self, request: ImageRequest, take: int) -> NotInHistory:
        """Make the error for what is not saved; it names the takes that are, or the nearest request."""
        saved = [one.take for one in self.of(request) if one.take]
        why = _("Saved takes: {count}.", count=len(saved)) if saved else self._nearest(request)
        return outcomes.not_in_history(request, take, why=why, replay=self.mode == "replay")

    def _nearest(self, request: ImageRequest) -> str:
        """Say in words which saved request is nearest, and what differs; empty for none."""
        nearest = comparison.nearest(request, [one.request for one in self._candidates])
        if nearest is None:
            return ""
        name = next(one.id for one in self._candidates if one.request is nearest)[:6]
        return _("Nearest: #{name}, {differs}", name=name, differs=comparison.describe_differences(request, nearest))

    @cached_property
    def _candidates(self) -> list[Generation]:
        """The records among which the nearest is looked for; read once, as a cell may miss many."""
        return self.history.search(Wanted(), count=_CANDIDATES)

    def _is_unfetched(self, generation: Generation) -> bool:
        """Tell whether one whose pictures are not here, or not any more, is paid and its answer kept."""
        gone = generation.demo and generation.endpoint != self.origin  # a demo's pictures end with its kernel
        return generation.state != "failed" and not gone and self.is_kept(generation)

    def _is_refused(self, generation: Generation) -> bool:
        return (generation.error or {}).get("kind") == "NoImageError" and self.is_kept(generation)

    def is_kept(self, generation: Generation) -> bool:
        """Tell whether the raw reply is on disk."""
        return self.history.path(generation, ".reply").is_file()


def _chosen(drawn: Sequence[Generation], count: int) -> list[Generation]:
    """Return the first takes: what a notebook showed first it shows again; of one the latest with a star goes first."""
    starred = [one for one in drawn if one.star and one.demo == drawn[0].demo]  # real ones come first in a replay
    return starred[-1:] if starred and count == 1 else list(drawn[:count])


def _saved_note(generation: Generation, mode: str) -> str:
    """Say that it was free, and how to get another."""
    words = generation.request.wants_words
    if mode == "replay":
        return _("saved answer; replay mode is offline") if words else _("saved take; replay mode is offline")
    return _("saved answer, free; --fresh asks again") if words else _("saved take, free; --fresh draws a new one")
