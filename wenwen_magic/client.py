"""What a person uses from Python: draws one picture, several or many, and gives what is saved."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Unpack
from urllib.parse import urlsplit

from tqdm import tqdm

from wenwen_magic.endpoint import transport
from wenwen_magic.endpoint.api_key import Secret
from wenwen_magic.endpoint.failures import about_models, no_models_in_replay
from wenwen_magic.engine import batch, build_request, prompt_files
from wenwen_magic.engine.batch import DrawOptions, Estimate, Rows
from wenwen_magic.engine.build_request import EditOptions, RequestOptions
from wenwen_magic.engine.generate import Engine, OnProgress
from wenwen_magic.engine.limits import SESSION, Session
from wenwen_magic.engine.takes import Takes, is_here
from wenwen_magic.engine.worker_pool import BatchRun, beside_main_thread, ignore
from wenwen_magic.errors import ConfigError, EndpointError
from wenwen_magic.formats import FORMATS
from wenwen_magic.history import archive
from wenwen_magic.media.reference import reference
from wenwen_magic.media.save import ImagePipeline
from wenwen_magic.models import Model, ModelList
from wenwen_magic.protocol import HttpCall
from wenwen_magic.records import DESCRIBE, Button, Gallery, Generation, ImageRequest, Label, Reference
from wenwen_magic.render import comparison, gallery
from wenwen_magic.render.comparison import Comparison
from wenwen_magic.settings import (
    PROJECT_FILE,
    Layer,
    Loaded,
    SettingsOptions,
    environment,
    load,
    project,
    working_folder,
)
from wenwen_magic.text.i18n import _
from wenwen_magic.text.suggest import did_you_mean

_SHOWN = 16
"""Pictures on the contact sheet of a long gallery."""


class Client:
    """Draws pictures from Python, with the same history and money rules as the magics.

    Args:
        api_key: the key; without it ``WENWEN_API_KEY``, the keyring and Colab's secrets are asked.
        session: what is shared with other clients of this process.
        settings: finished settings with their sources, in place of the keywords.
        clock: tells and waits time.
        **values: any setting by its name, such as ``base_url``, ``history``, ``mode`` or ``timeout`` (seconds).

    Attributes:
        settings: the values of all settings.
        session: the account of what was asked for, and what else is shared.
        address: the endpoint's, normalised.
        history: the folder of pictures and records.
        is_demo: whether the address is the demo's: it ends in ``/demo``.
        saved_takes: tells which saved generations answer a request.

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
        **values: Unpack[SettingsOptions],
    ) -> None:
        key = Secret(api_key) if isinstance(api_key, str) else api_key
        api_key = None  # no frame that may be shown keeps it as a text
        loaded = settings or load(Layer(_("keyword"), values), environment(), project(working_folder()))
        self.settings, self.session = loaded.settings, session
        self.address = transport.normalised(self.settings.base_url)
        self.history = session.history(working_folder() / Path(self.settings.history).expanduser())
        self._clock = clock or transport.Clock()
        self._media = ImagePipeline(
            self.settings, self.address, session.pool(self.settings.max_megapixels), self._clock
        )
        self.is_demo = urlsplit(self.address).path.endswith("/demo")
        self.saved_takes = Takes(self.history, self.settings.mode, self.is_demo, transport.origin(self.address))
        self._engine = Engine(
            settings=self.settings,
            address=self.address,
            history=self.history,
            session=session,
            takes=self.saved_takes,
            media=self._media,
            clock=self._clock,
            key=key,
            foreign=loaded.sources["base_url"] == PROJECT_FILE,
        )

    # -- one picture ---------------------------------------------------------------------------------------------------

    def generate(
        self,
        prompt: str | ImageRequest,
        *,
        fresh: bool = False,
        take: int = 0,
        tell: OnProgress | None = None,
        **options: Unpack[RequestOptions],
    ) -> Generation:
        """Draw one picture, or give the saved one.

        Called in the main thread it waits beside the request: an interrupt ends the waiting, and while the process
        lives the answer is still saved when it comes.

        Args:
            prompt: the words, or a finished request.
            fresh: draw although a take is saved.
            take: a saved take by its number, from 1; 0 for the one with a star, else the first.
            tell: is called with the endpoint's words on progress, in a thread that may be another.
            **options: ``model``, ``orientation``, ``references``, ``params``, ``format``, ``stream``, ``style`` (by
                name); all in :class:`wenwen_magic.engine.build_request.RequestOptions`.

        Raises:
            WenwenError: of any kind; ``charged`` tells whether money may be gone.
        """
        request = self.request(prompt, **options)
        if saved := self._engine.saved(request, fresh=fresh, take=take):
            return saved
        key = self._engine.key_for(request)
        return beside_main_thread(
            lambda: self._engine.draw(request, key, fresh=fresh, progress=tell or ignore),
        )

    def edit(self, prompt: str, *, references: Any, **options: Unpack[EditOptions]) -> Generation:
        """Draw from pictures: what to change, in words.

        Args:
            prompt: what to change.
            references: a picture or several, in order; each as for :func:`wenwen_magic.media.reference.reference`.
            **options: as for :meth:`generate`; ``mask`` tells where the first may be changed, where the format has it.

        Raises:
            WenwenError: as :meth:`generate`.
        """
        return self.generate(prompt, references=references, **options)

    def describe(self, question: str, *, references: Any, **options: Unpack[EditOptions]) -> Generation:
        """Ask a question about pictures; the answer is the ``text`` of the generation.

        Args:
            question: the words.
            references: a picture or several, in order.
            **options: as for :meth:`generate`.

        Raises:
            WenwenError: as :meth:`generate`.
        """
        return self.generate(question, references=references, task=DESCRIBE, **options)

    def press(self, generation: Generation, label: str, *, prompt: str = "", mask: Any = None) -> Generation:
        """Press a button that the endpoint offers under a picture: :attr:`Generation.buttons`, such as ``U1``.

        What gives one result only is free when it is pressed again.

        Args:
            generation: the picture.
            label: of the button.
            prompt: words, for a button that asks for them, such as Custom Zoom.
            mask: where the picture may be changed, for one that asks for a region; as a reference.

        Raises:
            ConfigError: there is no such button, it asks for more, or it is another endpoint's.
            WenwenError: as :meth:`generate`.
        """
        hole = None if mask is None else self.reference(mask)
        button = build_request.find_button(generation, label)
        request, fresh = self.press_request(generation, button, prompt=prompt, mask=hole)
        return self.generate(request, fresh=fresh)

    def press_request(
        self, generation: Generation, button: Button, *, prompt: str = "", mask: Reference | None = None
    ) -> tuple[ImageRequest, bool]:
        """Build the request that presses a button, and tell whether it is to be drawn though a result is saved.

        Raises:
            ConfigError: the button asks for more, or the picture is another endpoint's, which alone knows the button,
                and no result is saved.
        """
        request = self.request(build_request.of_button(generation, button, prompt, mask))
        replay = self.settings.mode == "replay"
        fresh = button.again and not replay
        elsewhere = generation.endpoint not in {"", self.saved_takes.origin}
        if elsewhere and not replay and (fresh or self.saved_takes.best(request, 0) is None):
            raise ConfigError(
                _("This picture was drawn by another endpoint."),
                why=generation.endpoint,
                do=_("Its buttons work there only. Draw it again here."),
            )
        return request, fresh

    def fetch(self, id: str, *, tell: OnProgress | None = None) -> Generation:
        """Finish a saved generation by its id: fetch what is missing, or wait for a job under way, for free.

        Args:
            id: or its first digits.
            tell: is called with the endpoint's words on progress.

        Raises:
            HistoryError: there is no such id.
            WaitEnded: the job goes on; it can be asked about again.
            WenwenError: there is no kept answer, or its pictures still cannot be had.
        """
        generation = self.history.get(id)
        whole = is_here(generation) and generation.state == "complete"
        return self.ready(generation) if whole else self.finish(generation, tell)

    def finish(self, generation: Generation, tell: OnProgress | None = None) -> Generation:
        """Read a kept answer again and fetch its pictures; nothing is paid. See :meth:`fetch`."""
        return self._engine.finish(generation, tell or ignore)

    # -- requests ------------------------------------------------------------------------------------------------------

    def request(self, prompt: str | ImageRequest, **options: Unpack[RequestOptions]) -> ImageRequest:
        """Build a request from a prompt and options; what is not given comes from the settings.

        Raises:
            ConfigError: an unknown option, or a value that cannot be; also one that only the format knows to refuse.
        """
        request = build_request.make(prompt, options, self.settings, self.reference)
        if request.mask and request.references:
            self._media.check_mask(request.mask, request.references[0])
        return request

    def requests_from(
        self,
        source: Any,
        *,
        template: str = "",
        names: Mapping[str, Any] | None = None,
        **options: Unpack[RequestOptions],
    ) -> Iterator[ImageRequest]:
        """Build requests from a file, a list or a table, one at a time.

        Args:
            source: as for :meth:`generate_many`.
            template: a prompt with ``{{column}}``; empty for the column ``prompt``.
            names: further names for the template; a row's columns go before.
            **options: for all requests; a row's own model, orientation and style go before.

        Raises:
            ConfigError: a row is wrong or cannot be asked for.
        """
        for prompt, own in prompt_files.prompts(source, template, names or {}):
            every: dict[str, Any] = {**options, **own}
            yield self.request(prompt, **every)

    def reference(self, value: Any, label: str = "") -> Reference:
        """Return a picture to start from, checked, upright, without location data, and of a type that relays take.

        Args:
            value: as in :func:`wenwen_magic.media.reference.reference`.
            label: what the user called it.

        Raises:
            ConfigError: it cannot be used; nothing was sent.
        """
        return reference(value, label, convert=self._media.as_sendable)

    def to_mask(self, value: Any, label: str = "") -> tuple[Path, tuple[int, int]]:
        """Return a small picture to paint a mask on, and the width and height in pixels that the mask must have.

        Args:
            value: a reference as for :meth:`edit`; web addresses are not fetched.
            label: what the user called it.

        Raises:
            ConfigError: it is no picture that can be painted on.
        """
        start = self.reference(value, label)
        seen = self._media.seen(start)
        if seen is None or seen.preview is None:
            raise ConfigError(
                _("{label} cannot be painted on.", label=start.label),
                do=_("Give a saved picture, a variable or a file."),
            )
        return seen.preview, (seen.width, seen.height)

    def prompt_as_sent(self, request: ImageRequest) -> str:
        """Return the words that go out for a request, with what its format adds."""
        return FORMATS[request.format].prompt_as_sent(request)

    # -- several and many ----------------------------------------------------------------------------------------------

    def draw(
        self,
        requests: Sequence[ImageRequest],
        *,
        fresh: bool = False,
        take: int = 0,
        tell: OnProgress | None = None,
        came: batch.OnArrival = ignore,
    ) -> list[Generation]:
        """Draw what is missing of several requests, side by side; saved takes count towards a request's ``count``.

        One failure leaves the others alone and is a row like them.

        Args:
            requests: what is wanted.
            fresh: draw although takes are saved.
            take: a saved take by its number; 0 for any.
            tell: is called with the endpoint's words on progress.
            came: is handed each row when it comes, and its place.

        Raises:
            LimitReached: there are more pictures missing than may be asked for; nothing was sent.
            WenwenError: nothing could be drawn; the first request's error.
        """
        return batch.draw(self._engine, requests, DrawOptions(fresh, take, tell or ignore), came)

    def generate_many(
        self,
        source: Any,
        *,
        template: str = "",
        concurrency: int | None = None,
        executor: Executor | None = None,
        fresh: bool = False,
        progress: bool = True,
        **options: Unpack[RequestOptions],
    ) -> Gallery:
        """Draw many prompts; saved ones are free, one failure never stops the rest, memory does not grow with them.

        An interrupt stops what has not begun, and waits for what is under way; a second one ends the waiting too.
        Called again, only what is missing is asked for.

        Args:
            source: requests, texts, or mappings with a ``prompt``; or what
                :func:`wenwen_magic.engine.prompt_files.read` reads: the path of a txt, CSV or JSON Lines file,
                a column or a DataFrame.
            template: a prompt with ``{{column}}`` for the values of each row.
            concurrency: requests under way at the same time; the setting's, 4, when not given.
            executor: sends the calls from its workers, which find a key of their own.
            fresh: draw although takes are saved.
            progress: show a bar with the time left.
            **options: for all requests, as for :meth:`generate`; a row's own columns go before.

        Returns:
            A gallery in the order asked; a failure is a row.

        Raises:
            ConfigError: a row is wrong; for files and lists this is found before anything is sent.
            LimitReached: there are more pictures missing than may be asked for; nothing was sent.
            WaitEnded: it was interrupted; what is under way is saved when it comes.
        """

        def requests() -> Iterator[ImageRequest]:
            return self.requests_from(source, template=template, **options)

        total = None
        if not isinstance(source, Iterator):  # else it can be read only once
            estimate = self.look_through(requests(), fresh=fresh)
            self.check_limits(estimate.missing)
            total = estimate.requests
        with tqdm(total=total, disable=not progress, unit="") as bar:
            run, rows = self.begin_many(
                requests(),
                concurrency=concurrency,
                executor=executor,
                fresh=fresh,
                total=total,
                tell=lambda tally: batch.move(bar, tally),
            )
            batch.finish_run(run, rows, self.session)
        return self.gallery(rows)

    def begin_many(
        self,
        requests: Iterable[ImageRequest],
        *,
        concurrency: int | None = None,
        executor: Executor | None = None,
        fresh: bool = False,
        **how: Any,
    ) -> tuple[BatchRun[Any, Any], Rows]:
        """Return a run through many requests, not yet begun, and the rows that it fills.

        Args:
            requests: what is wanted.
            concurrency: requests under way at the same time; the setting's when not given.
            executor: sends the calls from its workers.
            fresh: draw although takes are saved.
            **how: ``total`` and ``tell`` of :class:`wenwen_magic.engine.worker_pool.BatchRun`.
        """
        width = self.settings.concurrency if concurrency is None else concurrency
        engine = replace(self._engine, executor=executor)
        return batch.prepare_run(engine, requests, DrawOptions(fresh), width=width, **how)

    def look_through(self, requests: Iterable[ImageRequest], *, fresh: bool = False) -> Estimate:
        """Look at requests before any is sent: what they want, and what of it is missing; equal ones share theirs."""
        return batch.estimate(self._engine, requests, fresh=fresh)

    def missing(self, requests: Iterable[ImageRequest], *, fresh: bool = False, take: int = 0) -> list[float | None]:
        """Return the prices of the pictures that would be asked for, None for an unknown one."""
        how = DrawOptions(fresh, take)
        counted = ((request, len(batch.saved(self._engine, request, how))) for request in requests)
        return [price for request, saved in counted for price in batch.missing(self._engine, request, how, saved)]

    def check_limits(self, prices: Sequence[float | None]) -> None:
        """Check that pictures of these prices may be asked for: all of a cell, before the first.

        Raises:
            LimitReached: a limit would be passed.
        """
        self._engine.check_limits(prices)

    # -- what the endpoint can be asked for free -----------------------------------------------------------------------

    def models(self, *, refresh: bool = False) -> list[Model]:
        """Return the models that the endpoint offers to this key (``GET /v1/models``), those for pictures first.

        What it named within the last day is not asked for again; in mode ``replay`` it is never asked.

        Args:
            refresh: ask all the same.

        Raises:
            WenwenError: the endpoint cannot be reached or answers with an error; asking costs nothing.
        """
        return list(self.model_list(refresh=refresh).models)

    def model_list(self, *, refresh: bool = False) -> ModelList:
        """Return what :meth:`models` does, and when it was asked for."""
        replay = self.settings.mode == "replay"
        known = None if refresh and not replay else self.known_models(fresh=not replay)
        if known:
            return known
        if replay:
            raise no_models_in_replay()
        line = transport.Transport(self.address, self._engine.find_key(), read=30.0, clock=self._clock)
        try:
            models = transport.read_models(line.send(HttpCall("GET", "/v1/models", free=True)))
        except EndpointError as error:
            raise about_models(error) from None
        return self.session.models.keep(self.address, models, lasting=not self.is_demo)

    def known_models(self, *, fresh: bool = False) -> ModelList | None:
        """Return the models that are known without asking, however old; ``fresh`` for those of the last day only."""
        known = self.session.models.read(self.address)
        return None if known is None or (fresh and not self.session.models.is_fresh(known)) else known

    def ask_about(self, generations: Sequence[Generation], question: str = "query") -> Mapping[str, Any]:
        """Ask the endpoint about jobs that it numbers, such as Midjourney's: their state, their seed.

        Args:
            generations: of one format; most questions are about one.
            question: one that the format knows, such as ``query`` or ``seed``.

        Raises:
            ConfigError: the format has no such question, or a generation has no number there.
            WenwenError: the endpoint cannot be asked; asking costs nothing, unless the format says that it may.
        """
        wire = FORMATS[generations[0].request.format]
        if question not in wire.inquiries:
            raise ConfigError(
                _("The format {name} has no question {question!r}.", name=wire.name, question=question),
                do=did_you_mean(question, wire.inquiries) if wire.inquiries else "",
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
        answer = self._engine.ask_about(wire, question, ",".join(jobs), lambda said: notes.append(said.text))
        return {**({_("note"): " ".join(notes)} if notes else {}), **answer}

    # -- what is saved -------------------------------------------------------------------------------------------------

    def takes(self, request: ImageRequest) -> list[Generation]:
        """Return the saved takes of a request that hold a picture, oldest first."""
        return [one for one in self.saved_takes.of(request) if is_here(one)]

    def ready(self, generation: Generation) -> Generation:
        """Return a generation with its previews at hand, made again where the cache has lost them."""
        return self._media.ready(generation)

    def thumbnail(self, generation: Generation) -> Path | None:
        """Return a small picture of a generation, at most 224 pixels a side, in the user's cache folder; or None."""
        return self._media.thumbnail(generation)

    def gallery(self, rows: Sequence[Generation], labels: tuple[Label, ...] = (), *, blind: bool = False) -> Gallery:
        """Return several generations as one thing to show and to return.

        Args:
            rows: the generations.
            labels: for each row where in a comparison it is.
            blind: whether the labels stay hidden.
        """
        images = [image for row in islice(rows, _SHOWN) for image in row.images]
        render = gallery.grid_bundle if labels else gallery.gallery_bundle
        still = self._media.still(images[:_SHOWN])
        return Gallery(rows, labels=labels, blind=blind, still=still, render=render, differ=self.compare)

    def compare(self, old: Generation, new: Generation) -> Comparison:
        """Compare two generations: the prompts marked, and the settings, seconds and price that are not the same."""
        old, new = (replace(self.ready(generation), note="") for generation in (old, new))
        return Comparison(old, new, render=self._comparison_bundle, currency=self.settings.currency)

    def _comparison_bundle(self, shown: Comparison) -> dict[str, Any]:
        still = self.gallery((shown.old, shown.new)).still
        return comparison.bundle(shown, still)

    def export(self, path: str | Path, ids: Iterable[str] | None = None, *, strip: bool = False) -> archive.Exported:
        """Write records and pictures into a zip that can be given away: no key, no user or machine name.

        Args:
            path: where to.
            ids: of the generations; None for all that hold a picture.
            strip: leave the prompts out.

        Raises:
            ConfigError: there is nothing to export, or another file is in the way.
            HistoryError: an id is unknown, or a file cannot be read or written.
        """
        chosen = None if ids is None else [self.history.get(one) for one in ids]
        return archive.export_archive(self.history, Path(path).expanduser(), chosen, strip=strip)

    def import_(self, path: str | Path) -> archive.Imported:
        """Take such a zip into the history; it may be anybody's: with one wrong entry nothing of it is taken.

        Raises:
            ConfigError: it is no such zip, or something in it is wrong.
            HistoryError: a file cannot be read or written.
        """
        return archive.import_archive(self.history, Path(path).expanduser())
