"""What a person uses from Python: one picture, several, many, and what is saved."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from tqdm import tqdm

from wenwen_magic.client_free import Enquirer
from wenwen_magic.engine import batch, buttons, prompt_rows
from wenwen_magic.engine.batch import Rows, Wish
from wenwen_magic.engine.build_request import refuse_stripped, usual_format
from wenwen_magic.engine.generate import Tell
from wenwen_magic.engine.manyrun import finish_many, moving
from wenwen_magic.engine.takes import is_here
from wenwen_magic.engine.worker_pool import Many
from wenwen_magic.errors import WenwenError
from wenwen_magic.history import archive
from wenwen_magic.notebook import cell_source
from wenwen_magic.records import Gallery, Generation, ImageRequest, Label, Reference
from wenwen_magic.render import comparison, gallery
from wenwen_magic.render import generation as display
from wenwen_magic.render.comparison import Comparison
from wenwen_magic.text.vocabulary import DESCRIBE

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
        if prompt_rows.is_lasting(source):
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
        for prompt, own in prompt_rows.prompts(source, template, names or {}):
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
        still = self.gallery((shown.old, shown.new)).still
        pictures = display.generation_html(shown.old), display.generation_html(shown.new)
        return comparison.bundle(shown, pictures, display.still(still))

    def thumbnail(self, generation: Generation) -> Path | None:
        """A small picture of a generation, at most 224 pixels a side, in the user's cache folder; None without one."""
        return self._workshop.thumbnail(self.ready(generation))

    def cell_of(self, made: ImageRequest | Generation) -> str:
        """The cell that repeats a request, or shows a saved generation again for free.

        Raises:
            ConfigError: no cell can say it exactly.
        """
        refuse_stripped(made if isinstance(made, ImageRequest) else made.request)
        if isinstance(made, ImageRequest):
            usual = usual_format(made.model, self.settings)
            return cell_source.cell(self._by_ids(made), usual=usual, count=made.count)
        several = len(self.takes(made.request)) > 1
        take = self.history.take_of(made) if several else 0
        usual = usual_format(made.request.model, self.settings)
        return cell_source.cell(self._by_ids(made.request), take=take, usual=usual)

    def _by_ids(self, request: ImageRequest) -> ImageRequest:
        """A request whose references are called by their ids: a variable may be gone, or hold another picture now."""
        return replace(request, references=tuple(map(self._by_id, request.references)))

    def _by_id(self, one: Reference) -> Reference:
        with suppress(WenwenError):  # a picture that is gone has no name but the one that it was given
            if one.origin and self.reference(self.history.get(one.origin)).digest == one.digest:
                return replace(one, label=one.origin)
        return one

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
