"""Draw from Python, one picture, several or many, and use what is saved."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Unpack

from tqdm import tqdm

from wenwen_magic.endpoint import transport
from wenwen_magic.endpoint.api_key import Secret
from wenwen_magic.endpoint.failures import no_models_in_replay
from wenwen_magic.engine import batch, build_request, prompt_files
from wenwen_magic.engine.batch import DrawOptions, Estimate, Rows
from wenwen_magic.engine.build_request import EditOptions, RequestOptions
from wenwen_magic.engine.generate import Engine, OnProgress
from wenwen_magic.engine.limits import SESSION, Price, Session
from wenwen_magic.engine.outcomes import no_clip_model
from wenwen_magic.engine.takes import is_here
from wenwen_magic.engine.worker_pool import BatchRun, ignore
from wenwen_magic.errors import ConfigError
from wenwen_magic.formats import FORMATS
from wenwen_magic.history import archive
from wenwen_magic.media.reference import reference
from wenwen_magic.models import Model, ModelList
from wenwen_magic.records import (
    ASK,
    ASK_JSON,
    CLIP,
    DESCRIBE,
    Button,
    Gallery,
    Generation,
    ImageRequest,
    Label,
    Reference,
)
from wenwen_magic.render.comparison import Comparison
from wenwen_magic.render.gallery import gallery_bundle
from wenwen_magic.settings import (
    NOTEBOOK,
    PROJECT_FILE,
    TOLD,
    Layer,
    Loaded,
    SettingsOptions,
    load_here,
    working_folder,
)
from wenwen_magic.text import improving
from wenwen_magic.text.i18n import _, speak

_SHOWN = 16
"""Pictures on the contact sheet of a long gallery."""
ID = re.compile(r"#?[0-9a-fA-F]{6,8}")
"""How a generation is named where a file may be named too."""


Prompt = str | ImageRequest | Generation
"""What can be asked: words, a finished request, or an answer whose words are asked."""


def _words(prompt: Any) -> Any:
    """Return the words of an answer, as braces in a cell give them; anything else as it is."""
    said = isinstance(prompt, Generation) and prompt.request.wants_words and prompt.has_result
    return prompt.text if said else prompt


class Client:
    """Draws pictures from Python, with the same history and money rules as the magics.

    Args:
        api_key: the key; without it the one typed in the notebook, for the endpoint of its cells, ``WENWEN_API_KEY``,
            the keyring and Colab's secrets are asked.
        session: shared with other clients of this process.
        settings: finished settings with their sources, in place of the keywords.
        clock: returns the time and waits.
        worker: draw in a process of its own, which goes on when this one ends; the magics do so.
        **values: any setting by its name, such as ``base_url``, ``history``, ``mode`` or ``timeout`` (seconds).
            The rest are those of the notebook's cells, ``%config`` and ``%wenwen demo`` included.

    Attributes:
        settings: the values of all settings.
        session: the account of what was asked for, and what else is shared.
        address: the endpoint's, normalised.
        history: the folder of pictures and records.
        is_demo: whether the address is the demo's: it ends in ``/demo``.
        saved_takes: finds the saved generations that answer a request.

    Raises:
        ConfigError: a setting is unknown, or a value or the key is unusable.
    """

    def __init__(
        self,
        *,
        api_key: str | Secret | None = None,
        session: Session = SESSION,
        settings: Loaded | None = None,
        clock: transport.Clock | None = None,
        worker: bool = False,
        **values: Unpack[SettingsOptions],
    ) -> None:
        key = Secret(api_key) if isinstance(api_key, str) else api_key
        api_key = None  # no frame that may be shown keeps it as a text
        told, typed = TOLD[0]() if TOLD and not settings else ((), None)
        loaded = settings or load_here(Layer(_("keyword"), values), *told)
        key = key or (None if "base_url" in values else typed)  # it was typed for the cells' endpoint
        if settings is None and loaded.settings.lang != "auto":  # a script: no magic has chosen the language
            speak(loaded.settings.lang)
        self.settings, self.session = loaded.settings, session
        self._engine = Engine.of(
            self.settings,
            (NOTEBOOK[0] if NOTEBOOK else working_folder()) / Path(self.settings.history).expanduser(),
            session,
            clock or transport.Clock(),
            key=key,
            foreign=loaded.sources["base_url"] == PROJECT_FILE,
            detached=worker,
        )
        self.address, self.history, self._media = self._engine.address, self._engine.history, self._engine.media
        self.is_demo, self.saved_takes = self._engine.is_demo, self._engine.takes

    def __repr__(self) -> str:
        return f"<Client {self.address}>"

    def __copy__(self) -> "Client":
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> "Client":
        return self

    def __reduce__(self) -> str:
        raise ConfigError(
            _("A client cannot be handed to another process."),
            why=_("It holds the key, open connections and its own count of costs."),
            do=_("Make one there: Client(…).generate(prompt); it shares the folder of pictures."),
        )

    # -- one picture ---------------------------------------------------------------------------------------------------

    def generate(
        self,
        prompt: Prompt,
        *,
        fresh: bool = False,
        take: int = 0,
        tell: OnProgress | None = None,
        **options: Unpack[RequestOptions],
    ) -> Generation:
        """Draw one picture, or return the saved one.

        An interrupt ends the waiting and not the request: its answer is still saved when it comes, as long as the
        process lives.

        Args:
            prompt: the words, an answer that holds them, such as that of :meth:`improve`, or a finished request.
            fresh: draw although a take is saved.
            take: a saved take by its number, from 1; 0 for the one with a star, else the first.
            tell: is called with the endpoint's progress, in another thread.
            **options: ``model``, ``orientation``, ``references``, ``params``, ``format``, ``stream``, ``style`` (by
                name); all in :class:`wenwen_magic.engine.build_request.RequestOptions`.

        Raises:
            WenwenError: of any kind; ``charged`` says whether it may have cost.
        """
        request = self.request(prompt, **options)
        if "count" in options and request.count > 1:
            raise ConfigError(
                _("This call returns one result, not {count}.", count=request.count),
                do=_("Nothing was sent. For several: ") + f"client.generate_many([prompt], count={request.count})",
            )
        return self.draw([replace(request, count=1)], fresh=fresh, take=take, tell=tell)[0]

    def edit(self, prompt: Prompt, *, references: Any, **options: Unpack[EditOptions]) -> Generation:
        """Draw from pictures and a prompt that says what to change.

        Args:
            prompt: what to change.
            references: a picture or several, in order; each as for :func:`wenwen_magic.media.reference.reference`.
            **options: as for :meth:`generate`; ``mask`` says where the first may be changed, if the format allows it.

        Raises:
            WenwenError: as :meth:`generate`.
        """
        return self.generate(prompt, references=references, **options)

    def describe(self, question: Prompt, *, references: Any, **options: Unpack[EditOptions]) -> Generation:
        """Ask a question about pictures; the answer is the ``text`` of the generation.

        Args:
            question: what to ask.
            references: a picture or several, in order.
            **options: as for :meth:`generate`.

        Raises:
            WenwenError: as :meth:`generate`.
        """
        return self.generate(question, references=references, task=DESCRIBE, **options)

    def ask(
        self,
        question: Prompt,
        *,
        references: Any = None,
        json: bool = False,
        **options: Unpack[EditOptions],
    ) -> Generation:
        """Ask a text model one question; the answer is the ``text`` of the generation, streamed as it comes.

        Args:
            question: what to ask; a finished request to ask its prompt.
            references: pictures that go with it, if any; of a finished request its own when not given.
            json: whether to ask for JSON; :attr:`Generation.value` is then the list or the object.
            **options: as for :meth:`generate`.

        Raises:
            WenwenError: as :meth:`generate`.
        """
        return self.generate(question, references=references, task=ASK_JSON if json else ASK, **options)

    def improve(self, prompt: Prompt, **options: Unpack[EditOptions]) -> Generation:
        """Let a text model rewrite a prompt; the new prompt is the ``text`` of the generation. Draws nothing.

        It is a question as for :meth:`ask`: counted as one, kept, free the second time.

        Args:
            prompt: the words; what is in double braces stays.
            **options: as for :meth:`ask`.

        Raises:
            ConfigError: the prompt is empty.
            AnswerError: the model says that it will not rewrite it.
            WenwenError: as :meth:`generate`.
        """
        words = self.request(prompt).prompt
        said = self.ask(improving.with_request(words), **options)
        return replace(said, text=improving.prompt_in(said.text, words, said.id))

    def video(self, prompt: Prompt, *, references: Any = None, **options: Unpack[EditOptions]) -> Generation:
        """Make a clip; the files are in the ``clips`` of the generation.

        It costs as much as 5 to 40 pictures, and takes minutes.

        Args:
            prompt: what happens in it; a picture's finished request for a clip with its prompt, orientation and
                references; the rest is as for any clip.
            references: none, a picture to begin with, or the first and the last picture of the clip; of a finished
                request its own when not given.
            **options: as for :meth:`generate`; ``model`` unless the setting ``video_model`` names one, ``seconds`` for
                another length than the model's own, ``format`` (``chat``, ``videos``) for another way than its own.

        Raises:
            WenwenError: as :meth:`generate`.
        """
        return self.generate(prompt, references=references, task=CLIP, **options)

    def press(self, generation: Generation, label: str, *, prompt: str = "", mask: Any = None) -> Generation:
        """Press a button that the endpoint offers under a picture: :attr:`Generation.buttons`, such as ``U1``.

        A button that always gives the same result is free when it is pressed again.

        Args:
            generation: the picture.
            label: of the button.
            prompt: words, for a button that asks for them, such as Custom Zoom.
            mask: where the picture may be changed, for a button that asks for a region; as a reference.

        Raises:
            ConfigError: there is no such button, it asks for more, or it belongs to another endpoint.
            WenwenError: as :meth:`generate`.
        """
        hole = None if mask is None else self.reference(mask)
        button = build_request.find_button(generation, label)
        request, fresh = self.press_request(generation, button, prompt=prompt, mask=hole)
        return self.generate(request, fresh=fresh)

    def press_request(
        self, generation: Generation, button: Button, *, prompt: str = "", mask: Reference | None = None
    ) -> tuple[ImageRequest, bool]:
        """Return the request that presses a button, and whether to draw it although a result is saved.

        Raises:
            ConfigError: the button asks for more; or only another endpoint, which drew the picture, knows the button,
                and no result is saved.
        """
        request = self.request(build_request.of_button(generation, button, prompt, mask))
        if self.settings.mode == "replay":
            return request, False
        elsewhere = generation.endpoint not in {"", self.saved_takes.origin}
        if elsewhere and (button.again or self.saved_takes.best(request) is None):
            raise ConfigError(
                _("This picture was drawn by another endpoint."),
                why=generation.endpoint,
                do=_("Its buttons work there only. Draw it again here."),
            )
        return request, button.again

    def fetch(self, id: str | Generation, *, tell: OnProgress | None = None) -> Generation:
        """Finish a saved generation: fetch its missing pictures, or wait for its running job, for free.

        Args:
            id: of the generation, or its first digits, or the generation itself.
            tell: is called with the endpoint's progress.

        Raises:
            HistoryError: there is no such id.
            WaitEnded: the job goes on; it can be asked about again.
            WenwenError: no answer is kept, or its pictures still cannot be fetched.
        """
        generation = self.history.get(id)
        whole = is_here(generation) and generation.state == "complete"
        return self.ready(generation) if whole else self.finish(generation, tell)

    def finish(self, generation: Generation, tell: OnProgress | None = None) -> Generation:
        """Read a kept answer again and fetch its pictures; nothing is paid. See :meth:`fetch`."""
        return self._engine.finish(generation, tell or ignore)

    # -- requests ------------------------------------------------------------------------------------------------------

    def request(self, prompt: Prompt, **options: Unpack[RequestOptions]) -> ImageRequest:
        """Build a request from a prompt and options; what is not given comes from the settings.

        Raises:
            ConfigError: an option is unknown, or a value is invalid, in general or for the format.
        """
        asked = _words(prompt)
        named = options.get("model") or self.settings.video_model
        if not isinstance(named, str):
            what, should = _("{name} is of a wrong type.", name="model"), _("It should be: {named}", named="str")
            raise ConfigError(what, why=type(named).__name__, do=should)
        has_model = isinstance(asked, ImageRequest) and asked.wants_clip  # a picture's model makes none
        if options.get("task") == CLIP and not (named or has_model):
            raise no_clip_model(self._engine.clip_models())
        request = build_request.make(asked, options, self.settings, self.reference)
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
            names: further names for the template; a row's columns win over them.
            **options: for all requests; a row's own model, orientation and style win over them.

        Raises:
            ConfigError: a row is wrong, or its request is invalid.
        """
        source = [_words(one) for one in source] if isinstance(source, list) else source
        for prompt, own in prompt_files.prompts(source, template, names or {}):
            merged: dict[str, Any] = {**options, **own}
            yield self.request(prompt, **merged)

    def reference(self, value: Any, label: str = "") -> Reference:
        """Return a picture to start from: checked, upright, without location data, and of a type that relays accept.

        Args:
            value: as in :func:`wenwen_magic.media.reference.reference`; or the id of a generation.
            label: what the user called it.

        Raises:
            ConfigError: it cannot be used; nothing was sent.
            HistoryError: no file and no generation is called so.
        """
        if isinstance(value, str) and ID.fullmatch(value) and not Path(value).is_file():
            value = self.history.get(value)
        return reference(value, label, convert=self._media.as_sendable)

    def to_mask(self, value: Any, label: str = "") -> tuple[Path, tuple[int, int]]:
        """Return a small picture to paint a mask on, and the width and height in pixels that the mask must have.

        Args:
            value: a reference as for :meth:`edit`; web addresses are not fetched.
            label: what the user called it.

        Raises:
            ConfigError: it cannot be painted on.
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
        """Return the prompt that is sent for a request, with what its format adds."""
        return FORMATS[request.format].prompt_as_sent(request)

    def shape_as_sent(self, request: ImageRequest) -> str:
        """Return the ratio or size that is sent beside the prompt, the nearest that the model knows; empty for none."""
        return "" if request.wants_words else FORMATS[request.format].shape_as_sent(request)

    # -- several and many ----------------------------------------------------------------------------------------------

    def draw(
        self,
        requests: Sequence[ImageRequest],
        *,
        fresh: bool = False,
        take: int = 0,
        tell: OnProgress | None = None,
        on_arrival: batch.OnArrival = ignore,
    ) -> list[Generation]:
        """Draw what is missing of several requests, side by side; saved takes count towards a request's ``count``.

        A failure does not stop the others; it is a row like them.

        Args:
            requests: what is wanted.
            fresh: draw although takes are saved.
            take: a saved take by its number; 0 for any.
            tell: is called with the endpoint's progress.
            on_arrival: is called with each row's place and the row, when it comes.

        Raises:
            LimitReached: more pictures are missing than may be asked for; nothing was sent.
            WenwenError: nothing could be drawn; the first request's error.
        """
        return batch.draw(self._engine, requests, DrawOptions(fresh, take, tell or ignore), on_arrival)

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
        """Draw many prompts; saved ones are free, a failure does not stop the rest, memory does not grow with them.

        After an interrupt no new request begins, and those under way are waited for; a second one ends the wait too.
        A call with the same prompts asks only for what is missing.

        Args:
            source: requests, texts, or mappings with a ``prompt``; or what
                :func:`wenwen_magic.engine.prompt_files.read` reads: the path of a txt, CSV or JSON Lines file,
                a column or a DataFrame.
            template: a prompt with ``{{column}}`` for the values of each row.
            concurrency: requests under way at the same time; the setting's, 4, when not given.
            executor: sends the calls from its workers, each with a key of its own.
            fresh: draw although takes are saved.
            progress: show a bar with the time left.
            **options: for all requests, as for :meth:`generate`; a row's own columns win over them.

        Returns:
            A gallery in the order of the source; a failure is a row.

        Raises:
            ConfigError: a row is wrong; for files and lists this is found before anything is sent.
            LimitReached: more pictures are missing than may be asked for; nothing was sent.
            WaitEnded: it was interrupted; what is under way is saved when it comes.
        """
        estimate = None
        if not isinstance(source, Iterator):  # an iterator can be read only once
            estimate = self.look_through(self.requests_from(source, template=template, **options), fresh=fresh)
            self.check(estimate)
        with tqdm(total=estimate.requests if estimate else None, disable=not progress, unit="") as bar:
            run, rows = self.begin_many(
                self.requests_from(source, template=template, **options),
                concurrency=concurrency,
                executor=executor,
                fresh=fresh,
                estimate=estimate,
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
        """Return a run through many requests, not yet started, and the rows that it fills.

        Args:
            requests: what is wanted.
            concurrency: requests under way at the same time; the setting's when not given.
            executor: sends the calls from its workers.
            fresh: draw although takes are saved.
            **how: ``estimate`` and ``tell`` of :func:`wenwen_magic.engine.batch.prepare_run`.
        """
        width = self.settings.concurrency if concurrency is None else concurrency
        engine = replace(self._engine, executor=executor)
        return batch.prepare_run(engine, requests, DrawOptions(fresh), width=width, **how)

    def look_through(self, requests: Iterable[ImageRequest], *, fresh: bool = False, take: int = 0) -> Estimate:
        """Count what requests want, and what of it is missing, before any is sent; equal requests share their takes."""
        return batch.estimate(self._engine, requests, DrawOptions(fresh, take))

    def missing(self, requests: Iterable[ImageRequest], *, fresh: bool = False, take: int = 0) -> list[Price]:
        """Return the prices of the pictures and clips that would be asked for, None for a picture of unknown price."""
        return self.look_through(requests, fresh=fresh, take=take).missing

    def give_up(self, records: str | Iterable[str]) -> None:
        """Note that the answers to requests will not come, so that they may be sent, and paid for, again.

        Args:
            records: the ids of their records, as :class:`wenwen_magic.errors.UnansweredRequest` names them.

        Raises:
            HistoryError: the folder cannot be written, or there is no such record.
        """
        self._engine.give_up(self._saved(records))

    def check(self, estimate: Estimate) -> None:
        """Check all that is missing of a run before its first call: the limits, and the models that nobody named.

        Raises:
            LimitReached: a limit would be passed.
            ConfigError: a default model is not in the endpoint's list.
        """
        self._engine.check_limits(estimate.missing)
        self._engine.check_defaults(estimate.asked)

    # -- free questions to the endpoint --------------------------------------------------------------------------------

    def models(self, *, refresh: bool = False) -> list[Model]:
        """Return the models that the endpoint offers to this key (``GET /v1/models``), those for pictures first.

        A list of the last day is not asked for again; in mode ``replay`` the endpoint is never asked.

        Args:
            refresh: ask although there is a list of the last day.

        Raises:
            WenwenError: the endpoint cannot be reached or answers with an error; asking costs nothing.
        """
        return list(self.model_list(refresh=refresh).models)

    def model_list(self, *, refresh: bool = False) -> ModelList:
        """Return the models as :meth:`models`, with the time of the answer."""
        if self.settings.mode == "replay":
            if known := self.known_models():
                return known
            raise no_models_in_replay()
        known = None if refresh else self.known_models(fresh=True)
        return known or self._engine.ask_for_models()

    def known_models(self, *, fresh: bool = False) -> ModelList | None:
        """Return the saved list of models, of any age, or with ``fresh`` of the last day; None if there is none."""
        cache = self.session.models
        return cache.fresh(self.address) if fresh else cache.read(self.address)

    def ask_about(self, generations: Sequence[Generation], question: str = "query") -> Mapping[str, Any]:
        """Ask the endpoint about jobs, such as Midjourney's: their state, their seed.

        Args:
            generations: of one format; most questions are about one.
            question: one that the format knows, such as ``query`` or ``seed``.

        Raises:
            ConfigError: the format has no such question, or a generation has no job.
            WenwenError: the endpoint cannot be asked; asking costs nothing, unless the format says that it may.
        """
        return self._engine.ask_about(generations, question)

    # -- what is saved -------------------------------------------------------------------------------------------------

    def takes(self, request: ImageRequest) -> list[Generation]:
        """Return the saved takes of a request that hold a picture, oldest first."""
        readable = self.history.takes(request.fingerprint, partial=True)
        return [one for one in self.saved_takes.of(readable) if is_here(one)]

    def ready(self, generation: Generation) -> Generation:
        """Return a generation with its previews, made again where the cache has lost them."""
        return self._media.ready(generation)

    def thumbnail(self, generation: Generation) -> Path | None:
        """Return a small picture of a generation, at most 224 pixels a side, in the user's cache folder; or None."""
        return self._media.thumbnail(generation)

    def gallery(self, rows: Sequence[Generation], labels: tuple[Label, ...] = (), *, blind: bool = False) -> Gallery:
        """Return several generations as one result, which can be shown.

        Args:
            rows: the generations.
            labels: for each row its place in a comparison.
            blind: whether the labels stay hidden.
        """
        stills = [still for row in islice(rows, _SHOWN) for still in row.stills]
        still = self._media.still(stills[:_SHOWN])
        return Gallery(rows, labels=labels, blind=blind, still=still, render=gallery_bundle, differ=self.compare)

    def _saved(self, ids: str | Generation | Iterable[str | Generation]) -> list[Generation]:
        return [self.history.get(one) for one in ([ids] if isinstance(ids, (str, Generation)) else ids)]

    def compare(self, old: Generation, new: Generation) -> Comparison:
        """Compare two generations: the prompts marked, and the settings, seconds and price that are not the same."""
        old, new = (replace(self.ready(generation), note="") for generation in (old, new))
        return Comparison(old, new, lambda: self.gallery((old, new)).still, self.settings.currency)

    def export(
        self,
        path: str | Path,
        ids: str | Generation | Iterable[str | Generation] | None = None,
        *,
        strip: bool = False,
    ) -> archive.Exported:
        """Write records and pictures into a zip file to share; it holds no key, user name or machine name.

        Args:
            path: of the zip file.
            ids: of the generations, or these themselves, one or several; None for all that hold a picture.
            strip: leave the prompts out.

        Raises:
            ConfigError: there is nothing to export, or another file is in the way.
            HistoryError: an id is unknown, or a file cannot be read or written.
        """
        chosen = None if ids is None else self._saved(ids)
        return archive.export_archive(self.history, Path(path).expanduser(), chosen, strip=strip)

    def import_(self, path: str | Path) -> archive.Imported:
        """Import a zip file of :meth:`export` into the history; with one wrong entry nothing of it is imported.

        Raises:
            ConfigError: it is not such a zip file, or something in it is wrong.
            HistoryError: a file cannot be read or written.
        """
        return archive.import_archive(self.history, Path(path).expanduser())
