"""Does what the controls under a cell's pictures are pressed for: draws, edits, presses, marks; knows no widget."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wenwen_magic.client import Client
from wenwen_magic.engine import buttons
from wenwen_magic.engine.worker_pool import Job
from wenwen_magic.errors import ConfigError, LimitReached
from wenwen_magic.history.record_json import moment
from wenwen_magic.notebook.cell import Cell
from wenwen_magic.notebook.cell_source import cell_of
from wenwen_magic.records import Button, Generation, ImageRequest
from wenwen_magic.text.i18n import _

MOST = 8
"""Pictures that one press may draw; never more than a cell may ask for without a question."""


@dataclass(frozen=True)
class Controls:
    """What can be pressed under a cell; settings count as they are at the press, the cell's own options before them.

    Args:
        cell: the one that the controls stand under.
    """

    cell: Cell

    # -- drawing -------------------------------------------------------------------------------------------------------

    def chosen(self, **changes: Any) -> ImageRequest:
        """The cell's first request with other values.

        Raises:
            ConfigError: a value that cannot be.
        """
        return replace(self.cell.requests[0], **changes)

    def edited(self, take: Generation, words: str, *, model: str, count: int, orientation: str) -> ImageRequest:
        """The request that draws a take anew with a change.

        Args:
            take: the picture to start from.
            words: what to change.
            model: who draws; the take's own model is spoken to in the take's format.
            count: how many.
            orientation: of the new picture.

        Raises:
            ConfigError: no words, a value that cannot be, or the picture cannot be sent.
        """
        if not words.strip():
            raise ConfigError(
                _("It is not said what to change."),
                do=_("Write it, for example: make it night"),
            )
        client = self.cell.now
        start = client.reference(take, take.id)
        form = take.request.format if model == take.request.model else None
        wishes: dict[str, Any] = {"model": model, "count": count, "orientation": orientation, "format": form}
        return client.request(words.strip(), references=[start], **wishes)

    def most(self) -> int:
        """How many pictures one press may draw."""
        client = self.cell.now
        return MOST if client.is_demo else max(1, min(MOST, client.settings.confirm_above))

    def generate(self, wanted: ImageRequest) -> Job:
        """Draw new takes of a request in the background; in mode ``replay`` show the saved ones.

        Raises:
            ConfigError: a setting that cannot be.
            LimitReached: it wants more pictures than one press may draw; nothing was sent.
        """
        client = self.cell.now
        if wanted.count > (most := self.most()):
            raise too_many(wanted.count, most)
        request, fresh = client.request(wanted), client.settings.mode != "replay"
        return self.cell.runner.start(lambda job: client.draw([request], fresh=fresh, tell=job.tell))

    def press(self, take: Generation, button: Button) -> Job:
        """Press a button that the endpoint offers under a take, in the background.

        Raises:
            ConfigError: the button is another endpoint's.
        """
        client = self.cell.now
        request, fresh = buttons.pressed(client, take, button)
        return self.cell.runner.start(lambda job: client.draw([request], fresh=fresh, tell=job.tell))

    def keep(self, rows: list[Generation]) -> None:
        """Put a new take into the cell's variable.

        One that holds several pictures of the cell's own stays, and so does one whose picture was gone on from.
        """
        goes_on = any(row.parent != self.cell.requests[0].parent for row in rows)
        if not self.cell.labels and self.cell.requests[0].count == 1 and not goes_on:
            self.cell.hand_over(rows)

    # -- what is saved -------------------------------------------------------------------------------------------------

    def clients(self) -> list[Client]:
        """Who knows the takes: the cell's client and, where other takes are saved for it, the one of the moment.

        Only from the main thread: where the key is kept by the notebook's page, it is asked for there.
        """
        own = self.cell.client
        with suppress(ConfigError):
            return [own, *(now for now in [self.cell.now] if now.saved_takes != own.saved_takes)]
        return [own]

    def takes(self, clients: Sequence[Client], most: int) -> tuple[list[tuple[Generation, Path | None]], int]:
        """The latest saved takes of all that the cell shows, with thumbnails, and how many older ones there are.

        Args:
            clients: who knows them.
            most: how many.
        """
        area, own = self.cell.area, self.cell.client
        requests = {row.request.fingerprint: row.request for row in (*(area.gallery or ()), *area.rows)}
        found = {take.id: take for one in requests.values() for client in clients for take in client.takes(one)}
        latest = sorted(found, key=lambda name: moment(found[name].created))[-most:]
        shown = [own.ready(take) for name, take in found.items() if name in latest]
        return [(take, own.thumbnail(take)) for take in shown], max(0, len(found) - most)

    def star(self, take: Generation) -> Generation:
        """Mark a take, or take the mark away; gives it as it is then.

        Raises:
            HistoryError: the folder cannot be written.
        """
        own = self.cell.client.history
        history = own if own.find(take.id) else self.cell.now.history
        return history.star(take, on=not take.star)

    def spelled(self, made: ImageRequest | Generation) -> str:
        """The cell that repeats a request, or shows a saved generation again for free.

        Raises:
            ConfigError: no cell can say it exactly.
        """
        return cell_of(self.cell.now, made)


def too_many(count: int, most: int) -> LimitReached:
    """Make the error for more pictures than one press may draw."""
    return LimitReached(
        _("One press draws at most {most} pictures, not {count}.", most=most, count=count),
        do=_("Nothing was sent. Insert as cell writes a cell for more; it asks first."),
    )
