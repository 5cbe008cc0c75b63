"""The straight way from a prompt to a picture: the one place where the tools meet."""

import copy
from collections.abc import Callable, Hashable
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from wenwen_magic.endpoint import api_key as keys
from wenwen_magic.endpoint import transport
from wenwen_magic.endpoint.api_key import Secret
from wenwen_magic.engine import build_request, conversation, limits, outcomes, worker_pool
from wenwen_magic.engine import executor as remote
from wenwen_magic.engine.limits import SESSION, Limits, Session
from wenwen_magic.engine.takes import Takes, is_here
from wenwen_magic.errors import Charged, HistoryError, ImageError, NotInHistory, WaitEnded, WenwenError
from wenwen_magic.formats import FORMATS
from wenwen_magic.media.reference import reference
from wenwen_magic.media.save import ImagePipeline
from wenwen_magic.protocol import Answer, HttpCall, HttpReply, Progress, WireFormat
from wenwen_magic.records import Generation, ImageRequest, Reference
from wenwen_magic.render import generation as display
from wenwen_magic.settings import PROJECT_FILE, Layer, Loaded, environment, load, project, working_folder
from wenwen_magic.text.i18n import _

Tell = Callable[[Progress], None]
_LOCAL = ("127.0.0.1", "localhost", "::1")


class Painter:
    """Draws one picture at a time, keeps it, and gives what is saved; see :class:`wenwen_magic.client.Client`.

    Args:
        api_key: the key; without it ``WENWEN_API_KEY``, the keyring and Colab's secrets are asked.
        session: what is shared with other clients of this process.
        settings: finished settings with their sources, in place of the keywords.
        clock: tells and waits time.
        **values: any setting by its name, such as ``base_url``, ``history``, ``mode`` or ``timeout`` (seconds).

    Raises:
        ConfigError: an unknown setting, an unusable value or key.
    """

    def __init__(
        self,
        *,
        api_key: str | Secret | None = None,
        session: Session = SESSION,
        settings: Loaded | None = None,
        clock: transport.Clock | None = None,
        **values: Any,
    ) -> None:
        self._key = Secret(api_key) if isinstance(api_key, str) else api_key
        api_key = None  # no frame that may be shown keeps it as a text
        loaded = settings or load(Layer(_("keyword"), values), environment(), project(working_folder()))
        self.settings = loaded.settings
        self._foreign = loaded.sources["base_url"] == PROJECT_FILE
        self.session, self._clock = session, clock or transport.Clock()
        self._executor: Executor | None = None
        self.address = transport.normalised(self.settings.base_url)
        self.history = session.history(working_folder() / Path(self.settings.history).expanduser())
        origin = transport.origin(self.address)
        self.saved_takes = Takes(self.history, self.settings.mode, self.is_demo, origin)
        self._workshop = ImagePipeline(
            self.settings, self.address, session.pool(self.settings.max_megapixels), self._clock
        )

    # -- the straight way ----------------------------------------------------------------------------------------------

    def generate(
        self,
        prompt: str | ImageRequest,
        *,
        fresh: bool = False,
        take: int = 0,
        tell: Tell | None = None,
        **options: Any,
    ) -> Generation:
        """Draw one picture, or give the saved one.

        Called in the main thread it waits beside the request: an interrupt ends the waiting, and while the process
        lives the answer is still saved when it comes.

        Args:
            prompt: the words, or a finished request.
            fresh: ask anew though a take is saved.
            take: a saved take by its number, from 1; 0 for the one with a star, else the first.
            tell: is called with the endpoint's words on progress, in a thread that may be another.
            **options: ``model``, ``orientation``, ``references``, ``params``, ``format``, ``stream``,
                ``style`` (by name).

        Raises:
            WenwenError: of any kind; ``charged`` tells whether money may be gone, the history what came.
        """
        request = self.request(prompt, **options)
        if saved := self.saved(request, fresh=fresh, take=take):
            return saved
        key = self._key_for(request)
        same = None if fresh else self.same(request)
        return worker_pool.beside_main_thread(lambda: self._draw_in_turn(request, key, tell or _nobody, same))

    def same(self, request: ImageRequest) -> tuple[Hashable, ...]:
        """What makes two wishes for a picture the same."""
        return self.address, self.history.folder, request.fingerprint

    def _draw_in_turn(self, request: ImageRequest, key: Secret | None, tell: Tell, same: Hashable) -> Generation:
        """Draw, unless somebody else has drawn the same while this one waited for its turn."""
        with self.session.turn(same) as waited:
            if waited and same and (saved := self.saved(request)):
                return saved
            return self.saved_takes.noted(self._draw_on_account(request, key, tell))

    def _draw_on_account(self, request: ImageRequest, key: Secret | None, tell: Tell) -> Generation:
        """Draw what the limits allow, and tell the session what it came to; the demo's pictures are not counted.

        Raises:
            LimitReached: a limit would be passed; nothing was sent.
        """
        if self.is_demo:
            return self._draw_anew(request, key, tell)
        charged: Charged = "maybe"
        self.session.enter(self.price_of(request), self._limits, count=request.pictures)
        try:
            drawn = self._draw_anew(request, key, tell)
        except WenwenError as error:
            charged = error.charged
            raise
        else:
            charged = drawn.charged
            return drawn
        finally:
            self.session.settle(self.price_of(request), charged, count=request.pictures)

    def _draw_anew(self, request: ImageRequest, key: Secret | None, tell: Tell) -> Generation:
        """The straight way: record, call, reply, answer, bytes on disk."""
        wire = FORMATS[request.format]
        generation = self.history.begin(
            request,
            prompt_sent=wire.prompt_as_sent(request),
            endpoint=transport.origin(self.address),
            demo=self.is_demo,
            price=None if (price := self.price_of(request)) is None else price * request.pictures,
        )
        self._workshop.warm()
        try:
            generation, answer = self._ask(generation, wire, key, tell)
            return self._bring(generation, answer)
        except WenwenError as error:
            raise self._recorded(generation, error) from None

    def request(self, prompt: str | ImageRequest, **options: Any) -> ImageRequest:
        """Make a request of a prompt and options; what is not given comes from the settings.

        Raises:
            ConfigError: an unknown option, or a value that cannot be; also one that only the format knows to refuse.
        """
        request = build_request.make(prompt, options, self.settings, self.reference)
        self._workshop.check_mask(request)
        return request

    def reference(self, value: Any, label: str = "") -> Reference:
        """A picture to start from, checked, upright, without location data, and of a type that relays take.

        Args:
            value: as in :func:`wenwen_magic.media.reference.reference`.
            label: what the user called it.

        Raises:
            ConfigError: it cannot be used; nothing was sent.
        """
        return reference(value, label, convert=self._workshop.as_sendable)

    def saved(self, request: ImageRequest, *, fresh: bool = False, take: int = 0) -> Generation | None:
        """The saved take of a request, its pictures fetched if they were not; None when the endpoint has to be asked.

        Raises:
            NotInHistory: in mode ``replay``, or with a take's number, when there is none.
            NoImageError: the saved answer holds no picture; asking again is ``fresh``.
        """
        if self.saved_takes.look_at_saved(fresh=fresh, take=take) and (found := self.saved_takes.best(request, take)):
            return self.completed(found)
        if take or self.settings.mode == "replay":
            raise self.saved_takes.not_in_history(request, take)
        return None

    @property
    def is_demo(self) -> bool:
        """Whether the address is the demo's: it ends in ``/demo``."""
        return urlsplit(self.address).path.endswith("/demo")

    def price_of(self, request: ImageRequest) -> float | None:
        """The price of one picture by the user's table of prices; None for unknown, and for the demo, which is free."""
        return None if self.is_demo else limits.price_of(request.model, self.settings.prices)

    def _key_for(self, request: ImageRequest) -> Secret | None:
        """The key to ask with; None for an endpoint on this machine that may need none.

        Raises:
            ConfigError: there is no key, or nobody knows what to ask for.
        """
        build_request.refuse_stripped(request)
        key = self._find_key()
        # The workers of an executor have keys of their own.
        if key is None and self._executor is None and urlsplit(self.address).hostname not in _LOCAL:
            raise keys.missing()
        return key

    @property
    def _limits(self) -> Limits:
        return Limits(self.settings.session_limit, self.settings.budget, self.settings.currency)

    def _find_key(self) -> Secret | None:
        """The key for this endpoint; one that was not given for it does not go where somebody's project file says."""
        if self.is_demo or self._key:
            return None if self.is_demo else self._key
        if self._foreign and urlsplit(self.address).hostname not in _LOCAL:
            raise keys.not_for(transport.origin(self.address))
        return keys.find()[0]

    def _ask(
        self, generation: Generation, wire: WireFormat, key: Secret | None, tell: Tell
    ) -> tuple[Generation, Answer]:
        """Call, reply, answer; the raw reply is on disk before anything is read into it."""
        line, auth = self._line(key), self._auth(wire)
        began = self._clock.now()
        demo: list[bool] = [generation.demo]

        def send(call: HttpCall) -> HttpReply:
            reply = line.send(call, auth)
            if reply.demo and not any(demo):  # noted before the answer is on disk and could pass for a real one's
                self.history.update(generation, demo=True)
            demo.append(reply.demo)
            return self.history.keep_reply(generation, reply)

        answer = conversation.lead(
            wire.talk(generation.request),
            conversation.asking(send, lambda call: line.send(call, auth)),
            self._workshop.showing(tell),
            self._patience().wait,
        )
        elapsed = round(self._clock.now() - began, 1)
        return self._answered(generation, answer, elapsed=elapsed, demo=any(demo)), answer

    def _auth(self, wire: WireFormat) -> tuple[str, str]:
        """Where the key goes: a header, or for formats that may, and users who want, the address."""
        in_address = self.settings.key_in == "query" and wire.key_parameter
        return (transport.IN_ADDRESS + wire.key_parameter, "{key}") if in_address else wire.auth

    def _patience(self) -> conversation.Patience:
        return conversation.Patience(self.settings.poll_seconds, self.settings.poll_limit, self._clock.sleep)

    def _line(self, key: Secret | None) -> transport.Transport | remote.Line:
        if self._executor is not None:
            return remote.Line(self._executor, self.address, read=self.settings.timeout)
        return transport.Transport(self.address, key, read=self.settings.timeout, clock=self._clock)

    def through(self, executor: Executor | None) -> Self:
        """The same client, whose calls go out from the workers of an executor; they find a key of their own."""
        other = copy.copy(self)
        other._executor = executor  # noqa: SLF001  a copy of its own kind
        return other

    def _answered(self, generation: Generation, answer: Answer, **more: Any) -> Generation:
        return self.history.update(
            generation,
            state="answered",
            charged="yes",
            text=answer.text,
            sources=tuple(source.address for source in answer.sources),
            finish_reason=answer.finish_reason,
            model_reported=answer.model,
            usage=answer.usage,
            revised_prompt=answer.revised_prompt,
            buttons=answer.buttons,
            job=answer.job,
            error=None,
            **more,
        )

    def _bring(self, generation: Generation, answer: Answer) -> Generation:
        """Bytes on disk: every picture of the answer; then the record is complete."""
        # A picture that is named in words on another one is a stranger's, and is not fetched.
        if generation.request.wants_words or not answer.sources:
            return self._worded(generation, answer)
        brought, failed = self._workshop.save(generation, answer.sources, self.history.path(generation, ""))
        found = tuple(replace(one, request=generation.request, record=generation.id) for one in brought)
        if not any(not picture.problem and not picture.draft for picture in found):
            raise failed[0] if failed else outcomes.none_sound(found, generation.id)
        fault = _fault(failed[0]) if failed else None
        state = "answered" if failed else "complete"
        generation = self.history.update(generation, pictures=found, state=state, error=fault)
        if not failed:
            self.history.forget_reply(generation)
        return self.ready(replace(generation, take=self.history.take_of(generation)))

    def _worded(self, generation: Generation, answer: Answer) -> Generation:
        """An answer of words alone: what was wanted, or the reason why there is no picture."""
        if not (generation.request.wants_words and answer.text):
            raise outcomes.no_image(answer, words=generation.request.wants_words)
        generation = self.history.update(generation, state="complete")
        return replace(generation, take=self.history.take_of(generation))

    def completed(self, generation: Generation) -> Generation:
        """A saved generation with its pictures here: fetched, if they were not.

        Raises:
            WenwenError: as :meth:`finish`.
        """
        return self.saved_takes.noted(self.ready(generation) if is_here(generation) else self.finish(generation))

    def row(self, request: ImageRequest, result: Generation | WenwenError) -> Generation:
        """A result as it is; a failure as its record, or, where nothing was sent, as a generation without one."""
        if isinstance(result, Generation):
            return replace(result, take=self.history.take_of(result))
        if result.record:
            return replace(self.history.get(result.record), from_history=False, error=_fault(result))
        words = self.prompt_as_sent(request)
        return Generation("", request, words, "failed", "", error=_fault(result), render=display.generation_bundle)

    def prompt_as_sent(self, request: ImageRequest) -> str:
        """The words that go out for a request, what its format adds included."""
        return FORMATS[request.format].prompt_as_sent(request)

    # -- what is saved -------------------------------------------------------------------------------------------------

    def finish(self, generation: Generation, tell: Tell | None = None) -> Generation:
        """Read a kept answer again and fetch its pictures; nothing is paid.

        A work under way is asked after, for at most the setting ``poll_limit`` in seconds.

        Raises:
            WaitEnded: the work goes on; it can be asked after again.
            WenwenError: there is no kept answer, or its pictures still cannot be had.
        """
        kept = self.history.reply(generation)
        if kept is None:
            raise outcomes.nothing_kept(generation)
        wire = FORMATS[generation.request.format]
        try:
            answer = conversation.lead(
                wire.talk(generation.request),
                conversation.asking(lambda _: kept, lambda call: self._ask_after(generation, wire, call)),
                self._workshop.showing(tell or _nobody),
                self._patience().wait,
            )
            if self.settings.mode == "replay" and not _is_all_here(answer):
                raise outcomes.not_fetched(generation)
            generation = self.history.find(generation.id) or generation  # asking may have taken long
            if generation.state == "complete" and is_here(generation):
                return self.ready(replace(generation, take=self.history.take_of(generation)))
            demo = generation.demo or kept.demo
            return self._bring(self._answered(generation, answer, demo=demo, from_history=True), answer)
        except NotInHistory:
            raise
        except WenwenError as error:
            raise self._recorded(generation, error) from None

    def _ask_after(self, generation: Generation, wire: WireFormat, call: HttpCall) -> HttpReply:
        """Ask after a work that was submitted before; free, but no question of the replay's."""
        if self.settings.mode == "replay":
            raise outcomes.not_fetched(generation)
        if generation.endpoint not in {"", transport.origin(self.address)}:
            raise outcomes.at_work_elsewhere(generation)
        return self._line(self._find_key()).send(call, self._auth(wire))

    def ready(self, generation: Generation) -> Generation:
        """The generation with its previews at hand, made again where the cache has lost them."""
        return self._workshop.ready(generation)

    def _recorded(self, generation: Generation, error: WenwenError) -> WenwenError:
        """The error, with the record's id, after it was written into the record as well as that can be."""
        error.record = error.record or generation.id
        latest = self.history.find(generation.id) or generation
        if latest.state == "complete":  # another kernel has finished it meanwhile
            return error
        # What is paid and kept stays "answered": the next run goes on from the reply and asks nobody.
        kept = self.saved_takes.is_kept(latest)
        paid = isinstance(error, (ImageError, HistoryError)) and kept
        error.charged = "yes" if paid else error.charged
        error.do = outcomes.with_fetch(error.do, generation.id) if paid else error.do
        state = "answered" if paid else latest.state if kept and isinstance(error, WaitEnded) else "failed"
        changes = {"state": state, "charged": error.charged, "error": _fault(error)}
        try:
            self.history.update(latest, **changes)
        except WenwenError as unwritable:
            error.do += " " + unwritable.what
        return error


def _nobody(_: Progress) -> None:
    """Hear no words on progress."""


def _is_all_here(answer: Answer) -> bool:
    """Whether an answer holds its pictures itself, so that nobody has to be asked for them."""
    return all(source.address.startswith("data:") for source in answer.sources)


def _fault(error: WenwenError) -> dict[str, Any]:
    """An error as it stands in a record."""
    kind = next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == WenwenError.__module__)
    return {"kind": kind, "what": error.what, **error.as_dict()}
