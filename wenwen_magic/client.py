"""What a person uses from Python: one picture, several, many, and what is saved."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from tqdm import tqdm

from wenwen_magic.endpoint import transport
from wenwen_magic.endpoint.failures import about_models, no_models_in_replay
from wenwen_magic.engine import batch, buttons, conversation, prompt_files
from wenwen_magic.engine.batch import Rows, Wish, finish_many, moving
from wenwen_magic.engine.generate import Painter, Tell
from wenwen_magic.engine.takes import is_here
from wenwen_magic.engine.worker_pool import Many
from wenwen_magic.errors import ConfigError, EndpointError
from wenwen_magic.formats import FORMATS
from wenwen_magic.history import archive
from wenwen_magic.models import Model, ModelList
from wenwen_magic.protocol import HttpCall, HttpReply
from wenwen_magic.records import DESCRIBE, Gallery, Generation, ImageRequest, Label
from wenwen_magic.render import comparison, gallery
from wenwen_magic.render.comparison import Comparison
from wenwen_magic.text.i18n import _
from wenwen_magic.text.suggest import did_you_mean


class Enquirer(Painter):
    """Asks what costs nothing, beside drawing.

    Its arguments are those of :class:`wenwen_magic.engine.generate.Painter`.
    """

    def to_mask(self, value: Any, label: str = "") -> tuple[Path, tuple[int, int]]:
        """A small picture to paint a mask on, and the width and height in pixels that the mask must have.

        Args:
            value: a reference as for :meth:`edit`; web addresses are not fetched.
            label: what the user called it.

        Raises:
            ConfigError: it is no picture that can be painted on.
        """
        found = self.reference(value, label)
        seen = self._workshop.seen(found)
        if seen is None or seen.preview is None:
            raise ConfigError(
                _("{label} cannot be painted on.", label=found.label),
                do=_("Give a saved picture, a variable or a file."),
            )
        return seen.preview, (seen.width, seen.height)

    def fetch(self, id: str, *, tell: Tell | None = None) -> Generation:
        """Finish a saved generation by its id: fetch what is missing, or wait for a work under way, for free.

        Args:
            id: or its first digits.
            tell: is called with the endpoint's words on progress.

        Raises:
            HistoryError: there is no such id.
            WenwenError: as :meth:`finish`.
        """
        generation = self.history.get(id)
        whole = is_here(generation) and generation.state == "complete"
        return self.ready(generation) if whole else self.finish(generation, tell)

    def models(self, *, refresh: bool = False) -> list[Model]:
        """The models that the endpoint offers to this key (``GET /v1/models``), those for pictures first.

        What it named within the last day is not asked for again; in mode ``replay`` it is never asked.

        Args:
            refresh: ask all the same.

        Raises:
            WenwenError: the endpoint cannot be reached or answers with an error; asking costs nothing.
        """
        return list(self.model_list(refresh=refresh).models)

    def model_list(self, *, refresh: bool = False) -> ModelList:
        """What :meth:`models` gives, and when it was asked for."""
        replay = self.settings.mode == "replay"
        known = None if refresh and not replay else self.known_models(fresh=not replay)
        if known:
            return known
        if replay:
            raise no_models_in_replay()
        line = transport.Transport(self.address, self._find_key(), read=30.0, clock=self._clock)
        try:
            found = transport.read_models(line.send(HttpCall("GET", "/v1/models", free=True)))
        except EndpointError as error:
            raise about_models(error) from None
        return self.session.models.keep(self.address, found, lasting=not self.is_demo)

    def known_models(self, *, fresh: bool = False) -> ModelList | None:
        """The list of models that is at hand without asking, however old; ``fresh`` for one of the last day only."""
        known = self.session.models.read(self.address)
        return None if known is None or (fresh and not self.session.models.is_fresh(known)) else known

    def ask_about(self, generations: Sequence[Generation], question: str = "query") -> Mapping[str, Any]:
        """Ask the endpoint about works that it numbers, such as Midjourney's: their state, their seed.

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
            raise ConfigError(_("In mode replay nobody is asked."))
        jobs = [one.job for one in generations if one.job]
        if len(jobs) < len(generations):
            raise ConfigError(
                _("The endpoint has no number for this picture."),
                do=_("%wenwen fetch finishes a work that is under way."),
            )
        line, auth = self._line(self._find_key()), self._auth(wire)
        notes: list[str] = []
        answer = conversation.lead(
            wire.inquiries[question](",".join(jobs)),
            lambda call: _costing_nothing(call, lambda: line.send(call, auth)),
            lambda said: notes.append(said.text),
            self._patience().wait,
        )
        return {**({_("note"): " ".join(notes)} if notes else {}), **answer}


def _costing_nothing(call: HttpCall, send: Callable[[], HttpReply]) -> HttpReply:
    """Send a question; what goes wrong with a free one has cost nothing."""
    try:
        return send()
    except EndpointError as error:
        if call.free:
            error.charged, error.do = "no", _("Ask again later.")
        raise


_SHOWN = 16
"""Pictures on the contact sheet of a long gallery."""


@dataclass(frozen=True)
class Look:
    """What a look through many requests finds.

    Args:
        requests: how many there are.
        wanted: how many pictures they want, saved ones included.
        missing: the prices of the pictures that would be asked for, None for an unknown one.
    """

    requests: int
    wanted: int
    missing: list[float | None]


class Client(Enquirer):
    """Draws pictures from Python, with the same history and money rules as the magics.

    Its arguments are those of :class:`wenwen_magic.engine.generate.Painter`.
    """

    def draw(
        self,
        requests: Sequence[ImageRequest],
        *,
        fresh: bool = False,
        take: int = 0,
        tell: Tell | None = None,
        came: batch.Came = lambda *_: None,
    ) -> list[Generation]:
        """Draw what is missing of several requests, side by side; saved takes count towards a request's ``count``.

        One failure leaves the others alone and is a row like them.

        Args:
            requests: what is wanted.
            fresh: anew though takes are saved.
            take: a saved take by its number; 0 for any.
            tell: is called with the endpoint's words on progress.
            came: is handed each row when it comes, and its place.

        Raises:
            WenwenError: nothing could be drawn; the first request's error.
        """
        wish = Wish(fresh, take, tell)
        self.check_limits(self.missing(requests, fresh=fresh, take=take))
        return batch.draw(self, requests, wish, came)

    def missing(self, requests: Iterable[ImageRequest], *, fresh: bool = False, take: int = 0) -> list[float | None]:
        """The prices of the pictures that would be asked for, None for an unknown one."""
        wish = Wish(fresh, take)
        return [self.price_of(one) for one in requests for _ in range(batch.missing(self, one, wish) * one.pictures)]

    def check_limits(self, prices: Sequence[float | None]) -> None:
        """Check that pictures of these prices may be asked for: all of a cell, before the first.

        Raises:
            LimitReached: a limit would be passed.
        """
        if prices and not self.is_demo:
            self.session.check(prices, self._limits)

    def generate_many(
        self,
        source: Any,
        *,
        template: str = "",
        concurrency: int | None = None,
        executor: Executor | None = None,
        fresh: bool = False,
        progress: bool = True,
        **options: Any,
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
            fresh: anew though takes are saved.
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
        if prompt_files.is_lasting(source):
            look = self.look_through(requests(), fresh=fresh)
            self.check_limits(look.missing)
            total = look.requests
        with tqdm(total=total, disable=not progress, unit="") as bar:
            run, rows = self.begin_many(
                requests(), concurrency=concurrency, executor=executor, fresh=fresh, total=total, tell=moving(bar)
            )
            finish_many(run, rows, self.session)
        return self.gallery(rows)

    def begin_many(
        self,
        requests: Iterable[ImageRequest],
        *,
        concurrency: int | None = None,
        executor: Executor | None = None,
        **how: Any,
    ) -> tuple[Many[Any, Any], Rows]:
        """A run through many requests, not yet begun, and the rows that will fill.

        Args:
            requests: what is wanted.
            concurrency: requests under way at the same time.
            executor: sends the calls from its workers.
            **how: ``fresh``; ``total`` and ``tell`` of :class:`wenwen_magic.engine.worker_pool.Many`.
        """
        wish = Wish(fresh=how.pop("fresh", False))
        rows = Rows(self.history, self.ready)
        width = self.settings.concurrency if concurrency is None else concurrency
        return batch.run_through(self.through(executor), requests, wish, rows, width=width, **how), rows

    def look_through(self, requests: Iterable[ImageRequest], *, fresh: bool = False) -> Look:
        """Look at requests before any is sent: what they want, and what of it is missing; equal ones share theirs."""
        number = wanted = 0
        missing: list[float | None] = []
        asked: dict[bytes, int] = {}
        for request in requests:
            number, wanted = number + 1, wanted + request.count * request.pictures
            prices = self.missing([request], fresh=fresh)
            mark = bytes.fromhex(request.fingerprint[:24])
            missing += prices[asked.get(mark, 0) :]
            asked[mark] = max(len(prices), asked.get(mark, 0))
        return Look(number, wanted, missing)

    def requests_from(
        self, source: Any, *, template: str = "", names: Mapping[str, Any] | None = None, **options: Any
    ) -> Iterator[ImageRequest]:
        """Requests from a file, a list or a table, one at a time.

        Args:
            source: as for :meth:`generate_many`.
            template: a prompt with ``{{column}}``; empty for the column ``prompt``.
            names: further names for the template; a row's columns go before.
            **options: for all requests; a row's own model, orientation and style go before.

        Raises:
            ConfigError: a row is wrong or cannot be asked for.
        """
        for prompt, own in prompt_files.prompts(source, template, names or {}):
            yield self.request(prompt, **{**options, **own})

    # -- pictures that are there ---------------------------------------------------------------------------------------

    def edit(self, prompt: str, *, references: Any, **options: Any) -> Generation:
        """Draw anew from pictures: what to change, in words.

        Args:
            prompt: what to change.
            references: a picture or several, in order; each as for :func:`wenwen_magic.media.reference.reference`.
            **options: as for :meth:`generate`; ``mask`` tells where the first may be changed, where the format has it.

        Raises:
            WenwenError: as :meth:`generate`.
        """
        return self.generate(prompt, references=references, **options)

    def describe(self, question: str, *, references: Any, **options: Any) -> Generation:
        """Ask a question about pictures; the answer is the ``text`` of what is given.

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
        given = buttons.Given(prompt, None if mask is None else self.reference(mask))
        request, fresh = buttons.pressed(self, generation, buttons.named(generation, label), given)
        return self.generate(request, fresh=fresh)

    # -- looking at several --------------------------------------------------------------------------------------------

    def gallery(self, rows: Sequence[Generation], labels: tuple[Label, ...] = (), *, blind: bool = False) -> Gallery:
        """Several generations as one thing to show and to return.

        Args:
            rows: the generations.
            labels: for each row where in a comparison it stands.
            blind: whether the labels stay hidden.
        """
        images = [image for row in islice(rows, _SHOWN) for image in row.images]
        render = gallery.grid_bundle if labels else gallery.gallery_bundle
        still = self._workshop.still(images[:_SHOWN])
        return Gallery(rows, labels=labels, blind=blind, still=still, render=render, differ=self.compare)

    def compare(self, old: Generation, new: Generation) -> Comparison:
        """How two generations differ: the prompts marked, and the settings, seconds and price that are not the same."""
        shown = (replace(self.ready(one), note="") for one in (old, new))
        return replace(comparison.compare(*shown), render=self._comparison_bundle, currency=self.settings.currency)

    def _comparison_bundle(self, shown: Comparison) -> dict[str, Any]:
        return comparison.bundle(shown, self.gallery((shown.old, shown.new)).still)

    def thumbnail(self, generation: Generation) -> Path | None:
        """A small picture of a generation, at most 224 pixels a side, in the user's cache folder; None without one."""
        return self._workshop.thumbnail(self.ready(generation))

    def takes(self, request: ImageRequest) -> list[Generation]:
        """The saved takes of a request that hold a picture, oldest first."""
        return [one for one in self.saved_takes.of(request) if is_here(one)]

    # -- handing on ----------------------------------------------------------------------------------------------------

    def export(self, path: str | Path, ids: Iterable[str] | None = None, *, strip: bool = False) -> archive.Exported:
        """Write records and pictures into a zip that can be handed on: no key, no user or machine name.

        Args:
            path: where to.
            ids: of the generations; None for all that hold a picture.
            strip: leave the prompts out.

        Raises:
            ConfigError: there is nothing to export, or another file is in the way.
            HistoryError: an id is unknown, or a file cannot be read or written.
        """
        chosen = None if ids is None else [self.history.get(one) for one in ids]
        return archive.export(self.history, Path(path).expanduser(), chosen, strip=strip)

    def import_(self, path: str | Path) -> archive.Imported:
        """Take such a zip in; it may be a stranger's: one wrong entry, and nothing of it is taken.

        Raises:
            ConfigError: it is no lesson, or something in it is wrong.
            HistoryError: a file cannot be read or written.
        """
        return archive.import_(self.history, Path(path).expanduser())
