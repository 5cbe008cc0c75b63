"""Keeps the votes of blind comparisons, one file each beside the pictures, and tallies them."""

import json
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from wenwen_magic.errors import ConfigError, HistoryError
from wenwen_magic.history.atomic import write_whole
from wenwen_magic.notebook.options import folded
from wenwen_magic.records import Gallery, Label
from wenwen_magic.render.gallery import label_words
from wenwen_magic.text.i18n import _, padded
from wenwen_magic.text.orientation import WORDS
from wenwen_magic.text.suggest import did_you_mean

FOLDER = "votes"
Vote = tuple[Label, tuple[Label, ...]]
"""The label that won, and all candidates."""


def cast(history: Path, gallery: Gallery, letter: str) -> Label:
    """Save a vote for one letter of a gallery, in any case, and return the label of the winner.

    Raises:
        ConfigError: no picture has this letter.
        HistoryError: the folder cannot be written.
    """
    places = gallery.letters
    chosen = places.get(folded(letter).upper())
    if chosen is None:
        raise ConfigError(_("No picture is called {letter!r}.", letter=letter[:20]), do=did_you_mean(letter, places))
    vote = {
        "version": 1,
        "created": datetime.now().astimezone().isoformat(timespec="seconds"),
        "winner": dict(gallery.labels[chosen]),
        "candidates": [dict(gallery.labels[number]) for number in places.values()],
        "ids": [gallery[number].id for number in places.values()],
    }
    folder = history / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / f"{secrets.token_hex(4)}.json", json.dumps(vote, ensure_ascii=False, indent=1).encode())
    except OSError as error:
        raise HistoryError(
            _("The vote cannot be written."),
            why=f"{error.strerror}: {FOLDER}/",
            do=_("Free space, or set another folder: history"),
        ) from None
    return gallery.labels[chosen]


def votes(history: Path) -> Iterator[Vote]:
    """Yield all votes that can be read."""
    for path in sorted((history / FOLDER).glob("*.json")):
        try:
            vote = json.loads(path.read_bytes())
            yield _label(vote["winner"]), tuple(map(_label, vote["candidates"]))
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue  # a damaged or foreign file is not a vote


def _label(axes: Mapping[str, Any]) -> Label:
    """Return a label with every orientation under its one name, however it was typed."""
    return tuple(
        (str(axis), WORDS.get(str(value), str(value)) if axis == "orientation" else str(value))
        for axis, value in axes.items()
    )


def tally(history: Path) -> dict[tuple[str, str], tuple[int, int]]:
    """Count for each axis and value how often it won, and how often it was a candidate against another."""
    counts: dict[tuple[str, str], tuple[int, int]] = {}
    for winner, candidates in votes(history):
        values = dict.fromkeys(pair for label in candidates for pair in label)
        axes = Counter(axis for axis, _value in values)
        for pair in values:
            if axes[pair[0]] > 1:
                won, shown = counts.get(pair, (0, 0))
                counts[pair] = won + (pair in winner), shown + 1
    return counts


def listing(history: Path) -> str:
    """Return the tally as a text table, axis by axis, the best first."""
    counts = tally(history)
    if not counts:
        return _("No votes yet. %%wenwen_image -m a,b --blind asks for one.")
    ordered = sorted(counts.items(), key=lambda item: (item[0][0], -item[1][0] / item[1][1], item[0][1]))
    words = label_words(counts)
    return "\n".join(
        f"{padded(words[pair][0], 14)}{padded(words[pair][1], 34)}" + _("{won} of {shown} votes", won=won, shown=shown)
        for pair, (won, shown) in ordered
    )
