"""Draw one picture, from the request to the files on disk, or finish a saved one without paying again."""

import secrets
from collections.abc import Callable, Generator, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from wenwen_magic.endpoint import api_key, transport
from wenwen_magic.endpoint.api_key import Secret
from wenwen_magic.endpoint.bodies import parsed
from wenwen_magic.endpoint.failures import about_models
from wenwen_magic.endpoint.masking import mask, mask_reply, masked
from wenwen_magic.engine import outcomes
from wenwen_magic.engine.build_request import names_model, refuse_stripped
from wenwen_magic.engine.executor import LOCAL, ExecutorTransport
from wenwen_magic.engine.limits import ClipPrice, Price, Session, price_of
from wenwen_magic.engine.processes.claims import Claims
from wenwen_magic.engine.processes.detached import Order, environment_without_key
from wenwen_magic.engine.takes import Given, Takes, holds_answer, is_here
from wenwen_magic.engine.worker_pool import TURNS, give_way, ignore, refuse_alone
from wenwen_magic.errors import (
    CHARGES,
    AnswerError,
    ConfigError,
    EndpointError,
    HistoryError,
    ImageError,
    NotInHistory,
    NotSentError,
    WaitEnded,
    WenwenError,
)
from wenwen_magic.formats import FORMATS
from wenwen_magic.formats.parse.answer import task_in
from wenwen_magic.history.store import History, unwritable
from wenwen_magic.media.save import ImagePipeline
from wenwen_magic.models import ModelList
from wenwen_magic.protocol import Answer, HttpCall, HttpReply, Pause, Progress, Step, WireFormat
from wenwen_magic.records import Generation, ImageRequest, Video
from wenwen_magic.settings import Settings
from wenwen_magic.text.i18n import _, spoken
from wenwen_magic.text.suggest import did_you_mean

Result = TypeVar("Result")
OnProgress = Callable[[Progress], None]
Send = Callable[[HttpCall], HttpReply]
GROWTH = 1.2
"""How many times longer each pause between two questions is than the one before."""
LONGEST = 10.0
"""Seconds of the longest pause between two questions."""
_MODELS_TIMEOUT = 30.0
"""Seconds of the endpoint's silence before the question for its models ends."""
_BRIEFLY = 5.0
"""The same where a picture waits for the list; its whole answer may take four times as long."""
_JUST_NOW = 60.0
"""Seconds within which a list counts as just asked for."""
_LOOK = 0.5
"""Seconds between two looks at the request of another process."""
_UNKNOWN = {400, 404, 410}
"""The statuses with which an endpoint says that it does not know a job."""
_ASKS = 3
"""How often it has to say so."""


@dataclass(frozen=True)
class Engine:
    """Draws for one client.

    Args:
        settings: the client's.
        address: the endpoint's, normalised.
        history: where records and pictures are kept.
        session: what is shared with other clients of this process.
        claims: say which process asks for a request.
        takes: finds the saved generations that answer a request.
        media: saves pictures and makes previews.
        clock: returns the time and waits.
        key: the key that the client was given; None to look for one.
        foreign: whether only a project file names the endpoint: the user's own key does not go there.
        executor: sends the calls from its workers; None to send them from here.
        detached: whether to draw in a process that outlives this one, where one can be had.
    """

    settings: Settings
    address: str
    history: History
    session: Session
    claims: Claims
    takes: Takes
    media: ImagePipeline
    clock: transport.Clock
    key: Secret | None = field(default=None, repr=False)
    foreign: bool = False
    executor: Executor | None = None
    detached: bool = False

    @classmethod
    def of(cls, settings: Settings, folder: Path, session: Session, clock: transport.Clock, **more: Any) -> "Engine":
        """Make the engine for settings.

        Args:
            settings: all of them.
            folder: the history's.
            session: what is shared with other clients of this process.
            clock: returns the time and waits.
            **more: ``key``, ``foreign`` and ``detached``, as for the class.

        Raises:
            ConfigError: the endpoint's address is none.
        """
        address, history = transport.normalised(settings.base_url), session.history(folder)
        claims = session.claims(folder)
        is_demo = urlsplit(address).path.endswith("/demo")
        return cls(
            settings=settings,
            address=address,
            history=history,
            session=session,
            claims=claims,
            takes=Takes(history, settings.mode, is_demo, transport.origin(address), claims.records),
            media=ImagePipeline(
                settings,
                address,
                session.pool(settings.max_megapixels),
                clock,
                foreign=more.get("foreign", False),
                waiting=TURNS.given_back,
            ),
            clock=clock,
            **more,
        )

    # -- from a request to a picture -----------------------------------------------------------------------------------

    def draw(
        self, request: ImageRequest, *, fresh: bool = False, given: Given | None = None, progress: OnProgress = ignore
    ) -> Generation:
        """Ask the endpoint for one picture and save it.

        Where several processes, or threads of one, want the same picture, one asks and the others wait for its answer.

        Args:
            request: what to draw.
            fresh: draw although a take is saved.
            given: what the request has by now, where it wants several pictures; this one is added.
            progress: is called with the endpoint's words on progress.

        Raises:
            LimitReached: a limit would be passed; nothing was sent.
            UnansweredRequest: an earlier process asked for the same, and ended before the answer came.
            WenwenError: of any kind; ``charged`` tells whether money may be gone.
        """
        way = self._draw_detached if self._is_detached() else self.draw_here
        with self.session.turn(None if fresh or request.count > 1 else self.same(request)) as waited:
            if waited:
                found = self.takes.found(request)
                if found.saved:  # the one before has drawn it
                    return self.completed(found.saved[0])
                if error := self.shared_failure(found.recorded):
                    raise error
            return way(request, fresh=fresh, given=given or Given(), progress=progress)

    def draw_here(
        self, request: ImageRequest, *, fresh: bool, given: Given, progress: OnProgress, counted: bool = False
    ) -> Generation:
        """Draw in this process, as :meth:`draw` does; while another process asks for the same, wait for its answer.

        Args:
            request: what to draw.
            fresh: draw although a take is saved.
            given: what the request has by now, where it wants several pictures; this one is added.
            progress: is called with the endpoint's words on progress.
            counted: whether the kernel has checked the model and the limits, and counted the picture, already.

        Raises:
            WenwenError: as :meth:`draw`.
        """
        refuse_alone()
        record_id, waited = secrets.token_hex(4), False
        name = f"{request.fingerprint}.{record_id}" if fresh else request.fingerprint
        while True:
            with TURNS.taken(), self.claims.held(name, record_id, given.token) as other:
                if other is None:
                    found = self.takes.found(request, fresh=fresh)  # just before paying
                    if saved := given.another(found.saved):
                        return self.takes.noted(self.completed(saved), joined=waited)
                    given.add(record_id)
                    if waited and (error := self.shared_failure(found.recorded)):
                        raise error
                    if found.unanswered:
                        raise outcomes.unanswered(found.unanswered)
                    if not counted:
                        self.check_defaults([request])
                    key, prices = self._key_for(request), [] if counted else self._prices(request)
                    place = 1 + max((one.number for one in found.recorded), default=0)
                    with self.session.reserve(prices, self.settings):
                        report = partial(self._report, name, progress)
                        record = self._pay(request, record_id, key, report, number=place)
                    break
            waited = True
            while (owner := self.claims.owner(name)) and owner.token == other.token:
                progress(Progress(owner.text or _waiting(own=self.claims.is_own(owner))))
                self.clock.sleep(_LOOK)
        take = 1 + sum(one.has_result and one.demo == record.demo for one in found.recorded)
        record = replace(record, take=take)
        with suppress(WenwenError, OSError):  # it is paid for and saved: its note and previews can be had later
            return self.takes.noted(self.media.ready(record), found.recorded)
        return record

    def shared_failure(self, recorded: Sequence[Generation]) -> WenwenError | None:
        """Return the error of a request that has just failed, where it may have cost: its equal is not sent at once."""
        for latest in self.takes.of(recorded)[-1:]:
            shares = self.settings.mode == "cache" and not self.is_demo
            if shares and latest.state == "failed" and latest.charged != "no":
                return outcomes.error_of_record(dict(latest.error or {}))
        return None

    def _draw_detached(self, request: ImageRequest, *, fresh: bool, given: Given, progress: OnProgress) -> Generation:
        """Draw as :meth:`draw_here` does, in the process that outlives this one; the limits count here."""
        with TURNS.taken():
            self.check_defaults([request])
            key = self._key_for(request)
            order = Order(
                self.settings,
                self.history.folder,
                request,
                key.reveal() if key else "",
                fresh=fresh,
                given=given,
                language=spoken(),
                environment=environment_without_key(),
                foreign=self.foreign,
            )
            with self.session.reserve(self._prices(request), self.settings) as bill:
                try:
                    with TURNS.given_back():
                        result = self.session.detached.draw(order, progress)
                except WenwenError as error:
                    given.add(error.record)  # a refusal is an answer too
                    raise
                given.add(result.record)
                bill.charged = "no" if result.saved else bill.charged
            record = None
            with suppress(HistoryError):
                record = self.history.at(result.path)
            if record is None:
                raise outcomes.record_gone(result.record)
            asked = replace(record.request, count=request.count)  # a record says nothing of it
            record = replace(record, request=asked, from_history=result.saved, note=result.note, take=result.take)
            with suppress(WenwenError, OSError):
                return self.media.ready(record)
            return record

    def _pay(
        self, request: ImageRequest, record_id: str, key: Secret | None, progress: OnProgress, *, number: int
    ) -> Generation:
        price = self.price_of(request)
        record = self.history.begin(  # on disk before the POST
            request,
            id=record_id,
            prompt_sent=FORMATS[request.format].prompt_as_sent(request),
            endpoint=self.takes.origin,
            demo=self.is_demo,
            price=None if price is None else price * request.pictures,
            number=number,
        )
        try:
            self.media.pool.warm()  # while the endpoint draws
            record, answer = self._ask(record, key, progress)
            with TURNS.given_back():
                give_way()  # the answer is on disk: fetching and checking its pictures keeps no other request waiting
            return self._save(record, answer, key)
        except (WenwenError, OSError) as error:
            raise self.failed(record, error) from None

    def _report(self, name: str, progress: OnProgress, step: Progress) -> None:
        if not step.said:
            self.claims.report(name, step.text)
        progress(step)

    def _is_detached(self) -> bool:
        """Tell whether another process draws for this one; the demo ends with this one, and executors have workers."""
        return self.detached and not self.is_demo and self.executor is None and self.session.detached.start()

    def give_up(self, generations: Sequence[Generation]) -> None:
        """Write into unanswered records that their answer will not come, so that the request may be sent again."""
        for generation in generations:
            if generation.state != "sent":  # its answer has come while a person was asked, and is paid for
                continue
            error = outcomes.never_answered(generation)
            self.history.update(generation, state="failed", error=outcomes.as_recorded(error))

    def reopen(self, record: str) -> None:
        """Let a failed record count as never answered: nobody was told that its request may have cost."""
        generation = self.history.find(record)
        if generation and generation.state == "failed":
            self.history.update(generation, state="sent")

    def _ask(self, record: Generation, key: Secret | None, progress: OnProgress) -> tuple[Generation, Answer]:
        """Return the record as answered, still to be written, and the answer; the raw reply is kept as it is read."""
        wire = FORMATS[record.request.format]
        send, began, demo = self._sender(wire, key), self.clock.now(), record.demo

        def pay(call: HttpCall) -> HttpReply:
            nonlocal demo
            try:
                reply = send(call)
            except EndpointError as error:  # who gave up may name a job that goes on
                reply = HttpReply(error.status, "", [error.text.encode()])
                named = wire.inquiries and task_in(parsed(error.text))
                if error.charged == "no" or not (named and holds_answer(record, reply)):
                    raise
            if reply.demo and not demo:  # saved before the reply is: it must not count as a real endpoint's
                with suppress(HistoryError):  # the reply says so too
                    self.history.update(record, demo=True)
            demo = demo or reply.demo
            return self.history.keep_reply(record, reply, lambda pieces: mask_reply(pieces, key))

        answer = self._talk(record, pay, send, progress, key)
        return _answered(record, answer, elapsed=round(self.clock.now() - began, 1), demo=demo), answer

    def _talk(self, record: Generation, pay: Send, ask: Send, progress: OnProgress, key: Secret | None) -> Answer:
        talk = FORMATS[record.request.format].talk(record.request)
        listener = self.media.showing(progress, self._key_for_files(record, key))
        wait = self._backoff().wait
        return run_protocol(talk, asking(pay, ask, wait), listener, wait, key)

    def _save(
        self, record: Generation, answer: Answer, key: Secret | None, *, keep_complete: bool = False
    ) -> Generation:
        """Save an answered record and every picture and video of it, or its words where wanted; return the record.

        Until then the record of a new request says that it was sent, and the kept reply beside it what was answered.
        With ``keep_complete``, a record that another kernel has completed meanwhile stays as it is: the one that sent
        the request knows more about it.
        """
        words = record.request.wants_words
        # A picture that a description mentions is not a result, and is not fetched.
        if words or not (answer.sources or answer.videos):
            if not (words and answer.text):
                raise outcomes.no_image(answer, words=words, clip=record.request.wants_clip)
            return self.history.update(record, keep_complete=keep_complete, state="complete")
        # An error may quote the server of a picture.
        stem = self.history.path(record, "")
        stem.parent.mkdir(parents=True, exist_ok=True)  # somebody may have moved the history meanwhile
        files_key = self._key_for_files(record, key)
        saved = masked(self.media.save(record, answer.sources, stem, answer.videos, files_key), key)
        pictures = tuple(replace(picture, request=record.request, record=record.id) for picture in saved.pictures)
        record = replace(record, pictures=pictures, videos=saved.videos)
        if not record.has_result:
            raise outcomes.none_saved(record, saved.failed)
        if saved.failed:
            return self.history.update(record, error=outcomes.as_recorded(saved.failed[0]))
        record = self.history.update(record, keep_complete=keep_complete, state="complete")
        self.history.forget_reply(record)
        return record

    def _key_for_files(self, record: Generation, key: Secret | None) -> Secret | None:
        """Return the key for a record's files; None where another endpoint's answer says what is asked with it."""
        return key if record.endpoint == self.takes.origin else None

    def failed(self, record: Generation, fault: WenwenError | OSError) -> WenwenError:
        """Write an error into its record, as far as that can be written, and return it with the record's id."""
        error = unwritable(self.history.folder, fault) if isinstance(fault, OSError) else fault
        error.record = error.record or record.id
        if isinstance(error, HistoryError):  # it may not know that the request was sent
            error.charged = max(error.charged, record.charged, key=CHARGES.index)
            error.do = self._with_answer(error.do, record)
        latest = None
        with suppress(HistoryError):
            latest = self.history.find(record.id)
        if latest and latest.state == "complete":  # another kernel has finished it meanwhile
            return error
        unsaved = latest and latest.state in {"sent", record.state} and not latest.has_result
        if latest is None or unsaved:  # then the one in hand may know more
            latest = record
        # What is paid and kept stays "answered": the next run reads the kept reply and asks no endpoint.
        kept = True  # where it cannot be told now, the next run looks again
        with suppress(HistoryError):
            kept = self.takes.is_kept(latest)
        paid = isinstance(error, (ImageError, HistoryError)) and kept
        error.charged = "yes" if paid else error.charged
        error.do = outcomes.with_fetch(error, record.id) if paid else error.do
        state = "answered" if paid else latest.state if kept and isinstance(error, WaitEnded) else "failed"
        changes: dict[str, Any] = {"state": state, "charged": error.charged, "error": outcomes.as_recorded(error)}
        try:
            self.history.update(latest, **changes)
        except WenwenError as second:
            known = isinstance(error, HistoryError)
            error.do = f"{error.do if known else self._with_answer(error.do, record)} {second.what}"
        return error

    def _with_answer(self, do: str, record: Generation) -> str:
        """Add to advice where the answer is, for a record that could not be written."""
        return outcomes.with_answer(do, record.sources, self.history.spooled(record))

    # -- what is saved -------------------------------------------------------------------------------------------------

    def completed(self, generation: Generation) -> Generation:
        """Return a saved generation with its pictures; fetch them where their files are missing.

        Raises:
            WenwenError: as :meth:`finish`.
        """
        here = self.media.ready(generation) if is_here(generation) else self.finish(generation)
        return self.takes.noted(here)

    def finish(self, generation: Generation, progress: OnProgress = ignore) -> Generation:
        """Read a kept answer again and fetch its pictures; nothing is paid.

        A job that goes on at the endpoint is asked about, for at most the setting ``poll_limit`` in seconds.

        Raises:
            WaitEnded: the job goes on; it can be asked about again.
            WenwenError: there is no kept answer, or its pictures still cannot be had.
        """
        kept = self.history.reply(generation) if self.takes.is_kept(generation) else None
        if kept is None:
            if latest := self._finished(generation):
                return self._numbered(latest)
            raise outcomes.nothing_kept(generation)
        refuse_alone()
        record = generation
        try:
            key = self._key_if_any()
            answer = self._read_again(generation, kept, progress, key)
            latest = self.history.find(generation.id) or generation  # asking may have taken long
            if not (latest.state == "complete" and is_here(latest)):
                record = _answered(latest, answer, demo=latest.demo or kept.demo, from_history=True)
                latest = self._save(record, answer, key, keep_complete=latest.state != "complete")
        except NotInHistory:
            raise
        except (WenwenError, OSError) as error:
            latest = self._finished(generation)
            if latest is None:
                raise self.failed(record, error) from None
        return self._numbered(latest)

    def _read_again(self, generation: Generation, kept: HttpReply, progress: OnProgress, key: Secret | None) -> Answer:
        """Return the answer that a kept reply holds, or that the endpoint gives when it is asked about the job.

        Raises:
            NotInHistory: what it names would have to be fetched, and the mode is ``replay``.
            WenwenError: it cannot be read, or the endpoint cannot be asked.
        """

        def ask(call: HttpCall) -> HttpReply:
            if self.settings.mode == "replay":
                raise outcomes.not_fetched(generation)
            if generation.endpoint not in {"", self.takes.origin}:
                raise outcomes.job_elsewhere(generation)
            return self._sender(FORMATS[generation.request.format], self.find_key())(call)

        answer = self._talk(generation, lambda _: kept, ask, progress, key)
        if self.settings.mode == "replay" and not all(
            one.address.startswith("data:") for one in (*answer.sources, *answer.videos)
        ):
            raise outcomes.not_fetched(generation)
        return answer

    def _finished(self, generation: Generation) -> Generation | None:
        """Return what another kernel has finished meanwhile, whose reply it may have deleted; None where none has."""
        with suppress(HistoryError):
            latest = self.history.find(generation.id)
            return latest if latest and latest.state == "complete" and is_here(latest) else None
        return None

    def _numbered(self, generation: Generation) -> Generation:
        """Return a saved generation with its number and previews, where they can be had now."""
        with suppress(HistoryError, OSError):
            return self.media.ready(replace(generation, take=self.history.take_of(generation)))
        return generation

    # -- calls ---------------------------------------------------------------------------------------------------------

    def ask_for_models(self, *, briefly: bool = False) -> ModelList:
        """Ask the endpoint which models it offers to this key, and keep its list; free.

        Args:
            briefly: ask once, and not for long: a picture waits for the list.

        Raises:
            WenwenError: the endpoint cannot be reached or answers with an error.
        """
        key = self.find_key()
        limits: dict[str, Any] = {"read": _MODELS_TIMEOUT}
        limits |= {"read": _BRIEFLY, "repeats": 0, "longest": 4 * _BRIEFLY} if briefly else {}
        line = transport.Transport(self.address, key, clock=self.clock, **limits)
        try:
            models = transport.read_models(line.send(HttpCall("GET", "/v1/models", free=True)))
        except EndpointError as error:
            raise about_models(masked(error, key)) from None
        return self.session.models.keep(self.address, list(masked(models, key)), lasting=not self.is_demo)

    def check_defaults(self, requests: Iterable[ImageRequest]) -> None:
        """Check, before anything is sent, that the endpoint lists the models of requests where nobody named one.

        Asks for the list where there is none of the last day, and again before a default is refused. Without a list
        nothing is refused; nor in the demo, nor where an executor's workers may see another endpoint.

        Raises:
            ConfigError: a default is not in the list.
        """
        if self.is_demo or self.executor is not None or self.settings.mode == "replay":
            return
        cache = self.session.models
        today = cache.today()
        for request in requests:
            if not request.unnamed:
                continue
            known = cache.fresh(self.address)
            if (known and not known.lacks(request.model, today)) or not names_model(request):
                continue
            if known is None or cache.age(known) > _JUST_NOW:
                known = self._models_or_none() or known
            if known and known.lacks(request.model, today):
                raise outcomes.default_not_listed(request, known, today, self.settings.format)

    def clip_models(self) -> list[str]:
        """Return the models for clips that the endpoint lists; none where it cannot be asked, or the mode is replay."""
        cache = self.session.models
        known = cache.fresh(self.address)
        if known is None and self.settings.mode != "replay":
            known = self._models_or_none()
        return known.clips(cache.today()) if known else []

    def _models_or_none(self) -> ModelList | None:
        """Ask which models there are; None without a key, or where the endpoint fails or has failed lately."""
        keyed = self._key_if_any() is not None or urlsplit(self.address).hostname in LOCAL
        if self.is_demo or (keyed and self.session.models.may_ask(self.address)):
            try:
                with TURNS.given_back():
                    return self.ask_for_models(briefly=True)
            except WenwenError:
                self.session.models.note_failure(self.address)
        return None

    def ask_about(self, generations: Sequence[Generation], question: str) -> Mapping[str, Any]:
        """Ask the endpoint one of a format's ``inquiries`` about the jobs of generations; notes come with the answer.

        Raises:
            ConfigError: the format has no such question, a generation has no job, or the mode is ``replay``.
            WenwenError: the endpoint cannot be asked; what is wrong with a free call has cost nothing.
        """
        wire = FORMATS[generations[0].request.format]
        if question not in wire.inquiries:
            raise ConfigError(
                _("The format {name} has no question {question!r}.", name=wire.name, question=question),
                do=did_you_mean(question, wire.inquiries)
                if wire.inquiries
                else _("Jobs can be asked about, such as Midjourney's."),
            )
        if self.settings.mode == "replay":
            raise ConfigError(_("Replay mode is offline: no endpoint is asked."))
        jobs = [one.job for one in generations if one.job]
        if len(jobs) < len(generations):
            raise ConfigError(
                _("The endpoint has no number for this picture."),
                do=_("%wenwen fetch finishes a running job."),
            )
        notes: list[str] = []
        key = self.find_key()
        talk, send = wire.inquiries[question](",".join(jobs)), self._sender(wire, key)
        try:
            answer = run_protocol(talk, send, lambda told: notes.append(told.text), self._backoff().wait, key)
        except (AnswerError, EndpointError) as error:  # a question is free, whatever is answered
            error.charged, error.do = "no", _("Ask again later.")
            raise
        return {**({_("note"): " ".join(notes)} if notes else {}), **answer}

    def _sender(self, wire: WireFormat, key: Secret | None) -> Send:
        """Return what sends a format's calls: from this process, or from an executor's workers."""
        in_address = self.settings.key_in == "query" and wire.key_parameter
        auth = (transport.IN_ADDRESS + wire.key_parameter, "{key}") if in_address else wire.auth
        waiting = partial(TURNS.given_back, first=True)
        if self.executor is None:
            line = transport.Transport(self.address, key, read=self.settings.timeout, clock=self.clock, waiting=waiting)
            return lambda call: line.send(call, auth)
        worker = ExecutorTransport(self.executor, self.address, read=self.settings.timeout)

        def send(call: HttpCall) -> HttpReply:
            with waiting():
                return worker.send(call, auth)

        return send

    def _backoff(self) -> "Backoff":
        """Return the pauses between questions about a job, as the settings say."""

        def sleep(seconds: float) -> None:
            with TURNS.given_back():
                self.clock.sleep(seconds)

        return Backoff(self.settings.poll_seconds, self.settings.poll_limit, sleep)

    def _key_for(self, request: ImageRequest) -> Secret | None:
        """Return the key to ask with; None for an endpoint on this machine that may need none.

        Raises:
            ConfigError: there is no key, or a lesson left the prompt out.
        """
        refuse_stripped(request)
        key = self.find_key()
        # The workers of an executor have keys of their own.
        elsewhere = not self.is_demo and urlsplit(self.address).hostname not in LOCAL
        if key is None and self.executor is None and elsewhere:
            raise api_key.missing()
        return key

    def find_key(self) -> Secret | None:
        """Return the key for this endpoint; None for none.

        Raises:
            ConfigError: the user's own key would go to an endpoint that only a project file names.
        """
        if self.is_demo:
            return None
        if self.key:
            return self.key
        if not self.foreign:
            return api_key.find()[0]
        if urlsplit(self.address).hostname not in LOCAL:
            raise api_key.not_for(self.takes.origin)
        return None  # which program of this machine gets the key is not a project file's to choose either

    def _key_if_any(self) -> Secret | None:
        """Return the key as :meth:`find_key` does; None also where a project file's endpoint may not have it."""
        try:
            return self.find_key()
        except ConfigError:
            return None

    # -- money ---------------------------------------------------------------------------------------------------------

    @property
    def is_demo(self) -> bool:
        """Whether the address is the demo's."""
        return self.takes.demo

    def check_limits(self, prices: Sequence[Price]) -> None:
        """Check that pictures of these prices may be asked for; the demo's are not counted.

        Raises:
            LimitReached: a limit would be passed.
        """
        if not self.is_demo:
            self.session.check(prices, self.settings)

    def price_of(self, request: ImageRequest) -> float | None:
        """Return the price of one picture by the user's table; None for unknown, and for the demo, which is free."""
        return None if self.is_demo else price_of(request, self.settings.prices)

    def prices_of(self, request: ImageRequest) -> list[Price]:
        """Return the prices of the pictures or clips of one answer."""
        price = self.price_of(request)
        one: Price = ClipPrice(price, self.settings.clip_counts) if request.wants_clip else price
        return [one] * request.pictures

    def _prices(self, request: ImageRequest) -> list[Price]:
        """Return what the limits count for one answer: nothing for the demo."""
        return [] if self.is_demo else self.prices_of(request)

    def same(self, request: ImageRequest) -> tuple[Hashable, ...]:
        """Return what is equal for requests that give the same picture."""
        return self.address, self.history.folder, request.fingerprint


def _waiting(*, own: bool) -> str:
    if own:
        return _("an earlier run has asked for this; waiting for its answer")
    return _("another kernel has asked for this; waiting for its answer")


def _answered(record: Generation, answer: Answer, **more: Any) -> Generation:
    return replace(
        record,
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
        videos=tuple(Video(video.address) for video in answer.videos),
        error=None,
        **more,
    )


# -- running a format's conversation -----------------------------------------------------------------------------------


def run_protocol(
    talk: Generator[Step, HttpReply | None, Result],
    send: Send,
    progress: OnProgress,
    wait: Callable[[], None],
    key: Secret | None = None,
) -> Result:
    """Run a format's conversation: send its calls, report its progress, wait at its pauses, return its answer.

    The key is masked in all that the conversation reports, returns and raises: what was put together from the replies
    may hold it whole, though it came escaped, or in several pieces of a stream.

    Args:
        talk: of a wire format.
        send: sends a call and returns the reply.
        progress: is given what the conversation reports.
        wait: waits before the next question about a job.
        key: the key that the calls carry; None for none.

    Raises:
        WenwenError: as the conversation, ``send`` and ``wait``.
        AnswerError: the conversation failed at an answer in a way that nobody foresaw; the reply was read to its end.
    """
    reply: HttpReply | None = None
    answered: HttpReply | None = None
    error: WenwenError
    told = ""
    while True:
        try:
            step = talk.send(reply)
        except StopIteration as end:
            result: Result = masked(end.value, key)
            return result
        except WenwenError as problem:
            error = masked(problem, key)
            break
        except Exception as problem:  # whatever an answer does to its reader, it was paid for
            if answered is None:
                raise
            error = outcomes.unread(mask(f"{type(problem).__name__}: {problem}", key))
            with suppress(EndpointError):
                for _piece in answered.chunks:
                    pass
            break
        reply = None
        if isinstance(step, HttpCall):
            reply = answered = send(step)
        elif isinstance(step, Pause):
            try:
                wait()
            except WaitEnded as ended:
                ended.why = f"{ended.why} {told}".strip()
                raise
        else:
            progress(step := masked(step, key))
            told = step.text and f"({step.text})"
    raise error.with_traceback(None) from None  # its frames hold the texts as they came


def asking(pay: Send, ask: Send, wait: Callable[[], None]) -> Send:
    """Return what sends calls: those that may cost with ``pay``, free questions with ``ask``.

    A job goes on, and can be asked about again, when a question about it gets no answer. It has failed when the
    endpoint, asked :data:`_ASKS` times with a ``wait`` between, does not know it: what was just submitted may not be
    known everywhere yet, and a job that counts as failed is submitted, and paid, again.
    """

    def send(call: HttpCall) -> HttpReply:
        if not call.free:
            return pay(call)
        for asks_left in reversed(range(_ASKS)):
            try:
                return ask(call)
            except (ConfigError, EndpointError, NotSentError) as error:
                if error.status not in _UNKNOWN:
                    raise outcomes.goes_on(error) from None
                if not asks_left:
                    raise outcomes.unknown_job(error) from None
            wait()
        raise AssertionError("the last round returns or raises")

    return send


class Backoff:
    """Waits between questions about a running job: a little longer each time, up to a limit.

    Args:
        first: seconds of the first pause.
        limit: seconds of all pauses together.
        sleep: waits for some seconds.
    """

    def __init__(self, first: float, limit: float, sleep: Callable[[float], None]) -> None:
        self._next, self._left, self._sleep = first, limit, sleep

    def wait(self) -> None:
        """Wait for the next pause.

        Raises:
            WaitEnded: the pauses have reached the limit; the job goes on.
        """
        if self._left <= 0:
            raise outcomes.still_working()
        self._sleep(min(self._next, self._left))
        self._left -= self._next
        self._next = min(self._next * GROWTH, max(LONGEST, self._next))
