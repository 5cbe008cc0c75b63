"""Says which saved generations answer a request, so that nothing is paid for twice."""

from dataclasses import dataclass

from wenwen_magic.history import History
from wenwen_magic.records import Generation, ImageRequest


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

        In mode ``replay`` nobody is asked, and any will do; the demo's come first, so that the last is a real one.
        """
        found = self.history.takes(request.fingerprint)
        if self.mode == "replay":
            return sorted(found, key=lambda one: not one.demo)
        return [one for one in found if one.demo == self.demo or (one.demo and one.endpoint == self.origin)]

    def look_at_saved(self, *, fresh: bool, take: int) -> bool:
        """Whether what is saved counts at all."""
        return bool(take) or self.mode == "replay" or (self.mode == "cache" and not fresh)

    def best(self, request: ImageRequest, take: int) -> Generation | None:
        """The newest take with its pictures, or the one with a number; else a kept answer; None for neither."""
        found = self.of(request)
        if drawn := next((one for one in reversed(found) if is_here(one) and take in {0, one.take}), None):
            return drawn
        return None if take else next((one for one in reversed(found) if self.is_answered(one)), None)

    def counted(self, request: ImageRequest, *, fresh: bool, take: int) -> list[Generation]:
        """The saved ones that count towards what a request wants: drawn, paid but not fetched, and then refused."""
        if not self.look_at_saved(fresh=fresh, take=take):
            return []
        found = [one for one in self.of(request) if take in {0, one.take}]
        drawn = [one for one in found if is_here(one) or self.is_unfetched(one)][-request.count :]
        refused = [one for one in found if self._is_refused(one)]  # an answer too: it is not paid for again
        return [*drawn, *refused[-(request.count - len(drawn)) :]] if len(drawn) < request.count else drawn

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
