"""The straight way from a prompt to a picture: the one place where the tools meet."""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from wenwen_magic import batch, conversation, display, keys, outcomes, runner, transport
from wenwen_magic.errors import ConfigError, HistoryError, ImageError, WenwenError
from wenwen_magic.formats import FORMATS
from wenwen_magic.language import say
from wenwen_magic.nearest import did_you_mean
from wenwen_magic.records import (
    Answer,
    Gallery,
    Generation,
    HttpCall,
    HttpReply,
    ImageRequest,
    Progress,
    Reference,
    WireFormat,
)
from wenwen_magic.references import reference
from wenwen_magic.secret import Secret
from wenwen_magic.session import SESSION, Session
from wenwen_magic.settings import PROJECT_FILE, Layer, Loaded, environment, load, project, working_folder
from wenwen_magic.takes import Takes, is_here
from wenwen_magic.workshop import Workshop

Tell = Callable[[Progress], None]
_LOCAL = ("127.0.0.1", "localhost", "::1")
_REQUEST_FIELDS = {"model", "orientation", "format", "stream"}


class Client:
    """Draws pictures from Python, with the same history and money rules as the magics.

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
        loaded = settings or load(Layer(say("keyword", "关键字参数"), values), environment(), project(working_folder()))
        self.settings = loaded.settings
        self._foreign = loaded.sources["base_url"] == PROJECT_FILE
        self._session, self._clock = session, clock or transport.Clock()
        self.address = transport.normalised(self.settings.base_url)
        self.history = session.history(working_folder() / Path(self.settings.history).expanduser())
        origin = transport.origin(self.address)
        self._takes = Takes(self.history, self.settings.mode, self.is_demo, origin)
        self._workshop = Workshop(self.settings, self.address, session, self._clock)

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
            take: a saved take by its number, from 1; 0 for the newest.
            tell: is called with the endpoint's words on progress, in a thread that may be another.
            **options: ``model``, ``orientation``, ``references``, ``params``, ``format``, ``stream``.

        Raises:
            WenwenError: of any kind; ``charged`` tells whether money may be gone, the history what came.
        """
        request = self.request(prompt, **options)
        if saved := self.saved(request, fresh=fresh, take=take):
            return saved
        key = self.permit(1)
        return runner.beside_main_thread(lambda: self._draw_anew(request, key, tell or _nobody))

    def _draw_anew(self, request: ImageRequest, key: Secret | None, tell: Tell) -> Generation:
        """The straight way: record, call, reply, answer, bytes on disk."""
        wire = FORMATS[request.format]
        generation = self.history.begin(
            request,
            prompt_sent=wire.prompt_as_sent(request),
            endpoint=transport.origin(self.address),
            demo=self.is_demo,
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
        known = {item.name for item in fields(ImageRequest)}
        if unknown := next((name for name in options if name not in known), ""):
            what = say(f"There is no option {unknown!r}.", f"没有选项 {unknown!r}。")
            raise ConfigError(what, do=did_you_mean(unknown, known))
        given = {name: value for name, value in options.items() if value is not None}
        if "references" in given:
            several = isinstance(given["references"], (list, tuple))
            listed = given["references"] if several else [given["references"]]
            given["references"] = tuple(self.reference(value) for value in listed)
        request = replace(prompt, **given) if isinstance(prompt, ImageRequest) else self._new_request(prompt, given)
        if request.format not in FORMATS:
            raise ConfigError(
                say(f"There is no format {request.format!r}.", f"没有格式 {request.format!r}。"),
                do=did_you_mean(request.format, FORMATS),
            )
        next(FORMATS[request.format].talk(request))  # what the first call refuses is refused here, before it is sent
        return request

    def reference(self, value: Any, label: str = "") -> Reference:
        """A picture to start from, checked, upright, without location data, and of a type that relays take.

        Args:
            value: as in :func:`wenwen_magic.references.reference`.
            label: what the user called it.

        Raises:
            ConfigError: it cannot be used; nothing was sent.
        """
        return reference(value, label, convert=self._workshop.as_sendable)

    def _new_request(self, prompt: str, given: dict[str, Any]) -> ImageRequest:
        if not isinstance(prompt, str):
            raise ConfigError(
                say("The prompt is not a text.", "提示词不是文本。"),
                why=type(prompt).__name__,
                do='client.generate("a cat")',
            )
        defaults = {name: getattr(self.settings, name) for name in _REQUEST_FIELDS}
        return ImageRequest(prompt.strip(), **{**defaults, **given})

    def saved(self, request: ImageRequest, *, fresh: bool = False, take: int = 0) -> Generation | None:
        """The saved take of a request, its pictures fetched if they were not; None when the endpoint has to be asked.

        Raises:
            NotInHistory: in mode ``replay``, or with a take's number, when there is none.
            NoImageError: the saved answer holds no picture; asking again is ``fresh``.
        """
        if self._takes.look_at_saved(fresh=fresh, take=take) and (found := self._takes.best(request, take)):
            return self._completed(found)
        if take or self.settings.mode == "replay":
            raise outcomes.not_in_history(request, take)
        return None

    @property
    def is_demo(self) -> bool:
        """Whether the address is the demo's: it ends in ``/demo``."""
        return urlsplit(self.address).path.endswith("/demo")

    def permit(self, count: int) -> Secret | None:
        """Check that so many pictures may be asked for now, and count them; the demo's are not counted.

        Returns:
            The key; None for an endpoint on this machine that may need none.

        Raises:
            LimitReached: the session's limit would be passed; nothing was sent.
            ConfigError: there is no key.
        """
        key = self._find_key()
        if key is None and urlsplit(self.address).hostname not in _LOCAL:
            raise keys.missing()
        if not self.is_demo:
            self._session.count(count, self.settings.session_limit)
        return key

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
        line = transport.Transport(self.address, key, read=self.settings.timeout, clock=self._clock)
        began = self._clock.now()
        demo: list[bool] = [generation.demo]

        def send(call: HttpCall) -> HttpReply:
            reply = line.send(call, wire.auth)
            if reply.demo and not any(demo):  # noted before the answer is on disk and could pass for a real one's
                self.history.update(generation, demo=True)
            demo.append(reply.demo)
            return self.history.keep_reply(generation, reply)

        answer = conversation.lead(wire.talk(generation.request), send, tell)
        elapsed = round(self._clock.now() - began, 1)
        return self._answered(generation, answer, elapsed=elapsed, demo=any(demo)), answer

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
            error=None,
            **more,
        )

    def _bring(self, generation: Generation, answer: Answer) -> Generation:
        """Bytes on disk: every picture of the answer; then the record is complete."""
        if not answer.sources:
            raise outcomes.no_image(answer)
        found, failed = self._workshop.bring(generation, answer.sources, self.history.path(generation, ""))
        if not any(not picture.problem and not picture.draft for picture in found):
            raise failed[0] if failed else outcomes.none_sound(found, generation.id)
        fault = _fault(failed[0]) if failed else None
        state = "answered" if failed else "complete"
        generation = self.history.update(generation, pictures=found, state=state, error=fault)
        if not failed:
            self.history.forget_reply(generation)
        return self.ready(replace(generation, take=self.history.take_of(generation)))

    # -- several at once -----------------------------------------------------------------------------------------------

    def draw(
        self, requests: Sequence[ImageRequest], *, fresh: bool = False, take: int = 0, tell: Tell | None = None
    ) -> list[Generation]:
        """Draw what is missing of several requests, side by side; saved takes count towards a request's ``count``.

        One failure leaves the others alone and is a row like them.

        Raises:
            WenwenError: nothing could be drawn; the first request's error.
        """
        self._permit_all(requests, fresh=fresh, take=take)
        works: list[Callable[[], Generation]] = []
        asked: list[ImageRequest] = []
        for request in requests:
            saved = self._takes.counted(request, fresh=fresh, take=take)
            numbers = range(len(saved) + 1, 1 if take and saved else request.count + 1)
            works += [partial(self._completed, one) for one in saved]
            works += [self._new_take(request, number, fresh=fresh, take=take, tell=tell) for number in numbers]
            asked += [request] * (len(saved) + len(numbers))
        results = batch.side_by_side(works)
        if not any(isinstance(result, Generation) for result in results):
            raise next(result for result in results if isinstance(result, WenwenError))
        return [self._row(request, result) for request, result in zip(asked, results, strict=True)]

    def missing(self, requests: Sequence[ImageRequest], *, fresh: bool = False, take: int = 0) -> int:
        """How many pictures would be asked for."""
        if take or self.settings.mode == "replay":
            return 0
        return sum(max(0, one.count - len(self._takes.counted(one, fresh=fresh, take=0))) for one in requests)

    def _new_take(
        self, request: ImageRequest, number: int, *, fresh: bool, take: int, tell: Tell | None
    ) -> Callable[[], Generation]:
        """The work of drawing the take that would be the cell's number so and so; in mode ``replay`` a miss."""
        if self.settings.mode == "replay":
            take = take or (number if number > 1 else 0)
        return partial(self.generate, request, fresh=fresh or number > 1, take=take, tell=tell)

    def _permit_all(self, requests: Sequence[ImageRequest], *, fresh: bool, take: int) -> None:
        """All the pictures of a cell must be permitted before the first is asked for."""
        if len(requests) == 1 and requests[0].count == 1:
            return  # the one that draws it asks
        missing = self.missing(requests, fresh=fresh, take=take)
        if missing and not self.is_demo:
            self._session.check(missing, self.settings.session_limit)

    def _completed(self, generation: Generation) -> Generation:
        return self.ready(generation) if is_here(generation) else self.finish(generation)

    def _row(self, request: ImageRequest, result: Generation | WenwenError) -> Generation:
        """A result as it is; a failure as its record, or, where nothing was sent, as a generation without one."""
        if isinstance(result, Generation):
            return replace(result, take=self.history.take_of(result))
        if result.record:
            return replace(self.history.get(result.record), from_history=False)
        words = self.prompt_as_sent(request)
        return Generation("", request, words, "failed", "", error=_fault(result), render=display.generation_bundle)

    def prompt_as_sent(self, request: ImageRequest) -> str:
        """The words that go out for a request, what its format adds included."""
        return FORMATS[request.format].prompt_as_sent(request)

    # -- what is saved -------------------------------------------------------------------------------------------------

    def finish(self, generation: Generation, tell: Tell | None = None) -> Generation:
        """Read a kept answer again and fetch its pictures; nothing is asked and nothing paid.

        Raises:
            WenwenError: there is no kept answer, or its pictures still cannot be had.
        """
        kept = self.history.reply(generation)
        if kept is None:
            raise outcomes.nothing_kept(generation)
        try:
            answer = conversation.lead(
                FORMATS[generation.request.format].talk(generation.request), lambda _: kept, tell or _nobody
            )
            demo = generation.demo or kept.demo
            return self._bring(self._answered(generation, answer, demo=demo, from_history=True), answer)
        except WenwenError as error:
            raise self._recorded(generation, error) from None

    def fetch(self, id: str) -> Generation:
        """Finish a saved generation by its id: fetch what is missing, for free.

        Raises:
            HistoryError: there is no such id.
            WenwenError: as :meth:`finish`.
        """
        generation = self.history.get(id)
        whole = is_here(generation) and generation.state == "complete"
        return self.ready(generation) if whole else self.finish(generation)

    def ready(self, generation: Generation) -> Generation:
        """The generation with its previews at hand, made again where the cache has lost them."""
        return self._workshop.ready(generation)

    def gallery(self, rows: Sequence[Generation]) -> Gallery:
        """Several generations as one thing to show and to return."""
        images = tuple(image for row in rows for image in row.images)
        return Gallery(tuple(rows), still=self._workshop.still(images), render=display.gallery_bundle)

    def _recorded(self, generation: Generation, error: WenwenError) -> WenwenError:
        """The error, with the record's id, after it was written into the record as well as that can be."""
        error.record = error.record or generation.id
        latest = next((one for one in self.history.all() if one.id == generation.id), generation)
        if latest.state == "complete":  # another kernel has finished it meanwhile
            return error
        # What is paid and kept stays "answered": the next run goes on from the reply and asks nobody.
        paid = isinstance(error, (ImageError, HistoryError)) and self._takes.is_kept(latest)
        error.charged = "yes" if paid else error.charged
        changes = {"state": "answered" if paid else "failed", "charged": error.charged, "error": _fault(error)}
        try:
            self.history.update(latest, **changes)
        except WenwenError as unwritable:
            error.do += " " + unwritable.what
        return error

    def models(self) -> list[str]:
        """The names of the models that the endpoint offers to this key (``GET /v1/models``), sorted.

        Raises:
            WenwenError: the endpoint cannot be reached or answers with an error; asking costs nothing.
        """
        line = transport.Transport(self.address, self._find_key(), read=30.0, clock=self._clock)
        return transport.read_models(line.send(HttpCall("GET", "/v1/models")))


def _nobody(_: Progress) -> None:
    """Hear no words on progress."""


def _fault(error: WenwenError) -> dict[str, Any]:
    """An error as it stands in a record."""
    kind = next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == WenwenError.__module__)
    return {"kind": kind, "what": error.what, **error.as_dict()}
