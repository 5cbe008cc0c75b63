"""Carries out the commands of ``%wenwen``: each is handed the rest of its line and gives a text or a thing to show."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from keyword import iskeyword
from pathlib import Path
from typing import Any

from wenwen_magic.client import Client
from wenwen_magic.engine import build_request, limits
from wenwen_magic.errors import ConfigError
from wenwen_magic.history.index import Wanted
from wenwen_magic.notebook import options, voting
from wenwen_magic.notebook.cell import Cell
from wenwen_magic.notebook.cell_source import cell_of
from wenwen_magic.notebook.commands import history_options, kernel, tasks
from wenwen_magic.notebook.commands.kernel import Desk
from wenwen_magic.notebook.commands.names import COMMAND_WORDS, COMMANDS
from wenwen_magic.notebook.options import Option
from wenwen_magic.protocol import Progress
from wenwen_magic.records import Gallery, Generation
from wenwen_magic.render import history as historytable
from wenwen_magic.render import lineage, models
from wenwen_magic.render.generation import MOST_SHOWN
from wenwen_magic.render.models import ModelTable
from wenwen_magic.settings import Loaded
from wenwen_magic.text.i18n import N_, _, is_chinese, speak
from wenwen_magic.text.suggest import did_you_mean

PAGE = 20
"""Generations on a page of the history."""


@dataclass(frozen=True)
class Surroundings:
    """What the commands work with.

    Args:
        client: makes a client of the settings as they are now.
        loaded: the settings as they are now.
        desk: the demo that runs and the key that was typed.
        under_way: tells how many jobs are not done.
        attended: whether a person can be asked.
        insert: puts a text into a new cell below.
        value_of: what a word is as an expression in the notebook's names; None for no such name.
        ballots: the cells that wait for a vote, the latest last.
        open_mask: opens the mask editor: on a small picture, for a size in pixels, filling a variable; None where
            nobody can paint.
    """

    client: Callable[[], Client]
    loaded: Callable[[], Loaded]
    desk: Desk
    under_way: Callable[[], int]
    attended: bool
    insert: Callable[[str], None]
    value_of: Callable[[str], Any]
    ballots: list[Cell]
    open_mask: Callable[[Path, tuple[int, int], str], Any] | None


@dataclass(frozen=True)
class Shown:
    """Generations with a way of showing them of their own.

    Args:
        rows: the generations.
        bundle: what front ends show.
    """

    rows: tuple[Generation, ...]
    bundle: dict[str, Any] = field(repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Generation:
        return self.rows[index]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:  # noqa: ARG002
        return self.bundle


def run(line: str, around: Surroundings) -> Any:
    """Carry out a command; gives a text to print, or a thing to show.

    Raises:
        ConfigError: there is no such command, or it cannot be understood.
        WenwenError: of any kind, by the command.
    """
    command, _space, rest = line.strip().partition(" ")
    command = COMMAND_WORDS.get(command, command) or "help"
    if command not in _TABLE:
        what = _("There is no command %wenwen {command}.", command=command)
        named = tuple(COMMAND_WORDS) if is_chinese(command) else COMMANDS
        raise ConfigError(what, do=did_you_mean(command, named))
    return _TABLE[command](around, rest.strip())


def _status(around: Surroundings, _: str) -> str:
    return kernel.status(around.client(), around.loaded(), around.desk, around.under_way())


_MODELS = (Option(("--refresh", "--刷新"), N_("ask again")),)


def _models(around: Surroundings, line: str) -> ModelTable:
    """The models that hold all words, as a table; in mode replay those that are at hand."""
    given = options.read_line(line, _MODELS)
    client = around.client()
    known = client.model_list(refresh=bool(given.refresh))
    replay = client.settings.mode == "replay"
    return models.table(known, given.words, age=client.session.models.age(known), replay=replay)


def _demo(around: Surroundings, word: str) -> str:
    if around.loaded().settings.mode == "replay" and word not in kernel.OFF:
        return _("Mode replay: the pictures come from the history, the demo is not started.")
    return kernel.demo(around.desk, word)


def _key(around: Surroundings, word: str) -> str:
    return kernel.key(around.desk, word, attended=around.attended)


# -- the history -------------------------------------------------------------------------------------------------------


def _history(around: Surroundings, line: str) -> Shown:
    given = options.read_line(line, history_options.HISTORY)
    wanted = Wanted(
        words=tuple(_words(given.words)),
        model=given.model or "",
        since=given.since,
        until=given.until,
        star=bool(given.star),
        failed=bool(given.failed),
    )
    client = around.client()
    page = client.history.page(wanted, given.page or 1, PAGE)
    page = replace(page, rows=tuple(replace(one, take=client.history.take_of(one)) for one in page.rows))
    shown = {one.id: path for one in page.rows if (path := client.thumbnail(one))}
    command = "%wenwen history " + re.sub(r"\s*--(?:page|页)(?:\s+|=)\S+", "", line)
    currency = client.settings.currency
    bundle = historytable.page_bundle(
        page, thumbnails=shown, command=command.strip(), price=lambda price: limits.amount(price, currency)
    )
    return Shown(page.rows, bundle)


def _saved(around: Surroundings, word: str) -> Generation:
    """The saved generation that a word stands for: an id, or a variable that holds one.

    What is told of it is told in the language of its prompt.
    """
    _ids(word)
    value = around.value_of(word)
    if isinstance(value, (Gallery, Shown)) and len(value) > 1:
        raise ConfigError(
            _("{word} holds {count}, and one is wanted.", word=word, count=len(value)),
            do=_("Name it: {word}[0]", word=word),
        )
    value = value[0] if isinstance(value, (Gallery, Shown)) and len(value) else value
    found = around.client().history.get(value.id if isinstance(value, Generation) else word)
    _speak_as(around, found)
    return found


def _speak_as(around: Surroundings, *found: Generation) -> None:
    """Go on in Chinese where a prompt is Chinese, if the user has chosen no language."""
    if chinese := next((one.request.prompt for one in found if is_chinese(one.request.prompt)), ""):
        speak(around.loaded().settings.lang, prompt=chinese)


def _all_saved(around: Surroundings, words: Sequence[str]) -> list[Generation]:
    """The saved generations that words stand for: all of a gallery."""
    found: list[Generation] = []
    for word in words:
        value = around.value_of(word)
        several = isinstance(value, (Gallery, Shown))
        found += [around.client().history.get(one.id) for one in value if one.id] if several else [_saved(around, word)]
    return found


_SHOW = (Option(("--lineage", "--来历"), N_("what it came from, and what was made of it")),)


def _show(around: Surroundings, line: str) -> Generation | Gallery | Shown:
    given = options.read_line(line, _SHOW)
    client, value = around.client(), around.value_of(given.words)
    if isinstance(value, (Gallery, Shown)) and len(value) > 1 and not given.lineage:
        return _show_all(around, given.words, value)
    generation = _saved(around, given.words)
    if not given.lineage:
        return client.ready(generation)
    members = lineage.family(client.history, generation)
    rows = tuple(one.generation for one in members)
    thumbnails = {one.id: path for one in rows if (path := client.thumbnail(one))}
    return Shown(rows, lineage.family_bundle(members, generation, thumbnails))


def _show_all(around: Surroundings, word: str, value: Gallery | Shown) -> Gallery:
    """All of a gallery; a comparison in its table."""
    rows = [around.client().ready(one) for one in _all_saved(around, [word])]
    _speak_as(around, *rows[:MOST_SHOWN])
    labels = value.labels if isinstance(value, Gallery) and len(value.labels) == len(rows) else ()
    return around.client().gallery(rows, labels, blind=isinstance(value, Gallery) and value.blind)


def _task(around: Surroundings, line: str) -> Any:
    """Ask after works that the endpoint numbers, or press one of a work's buttons, whose labels may hold spaces."""
    words, client = _ids(line), around.client()
    known = list(takewhile(lambda word: tasks.is_id(word) or around.value_of(word) is not None, words))
    shown = _all_saved(around, known or words[:1])
    rest = " ".join(words[len(known) or 1 :]).strip("\"'")
    if not rest:
        return tasks.told(client.ask_about(*tasks.about(shown)))
    if label := tasks.label_of(shown, rest):
        return client.ready(client.press(shown[0], label))
    return tasks.told(client.ask_about(shown, rest))


def _mask(around: Surroundings, line: str) -> Any:
    """Open the mask editor on a picture; the mask goes into a variable, NAME_mask where none is named."""
    word, *names = _words(line) or _ids(line)
    if around.open_mask is None:
        raise ConfigError(
            _("The mask editor needs a live notebook."),
            do=_("Give --mask an array or a PNG file."),
        )
    value = around.value_of(word)
    value = value if value is not None else word if Path(word).expanduser().is_file() else _saved(around, word)
    return around.open_mask(*around.client().to_mask(value, word), _name_of_mask(word, names))


def _name_of_mask(word: str, names: Sequence[str]) -> str:
    """The variable for a mask: the one that is named, else one called after the picture."""
    stem = re.sub(r"\W+", "_", Path(word).stem).strip("_")
    name = names[0] if names else f"{'' if stem.isidentifier() else 'picture_'}{stem}_mask"
    if not name.isidentifier() or iskeyword(name):
        raise ConfigError(_("{name!r} is not a variable's name.", name=name), do="%wenwen mask cat cat_mask")
    return name


def _star(around: Surroundings, line: str) -> str:
    """Mark pictures, or with ``off`` behind them take the marks away; done twice it is the same as once."""
    words = _ids(line)
    on = words[-1] not in kernel.OFF
    history, told = around.client().history, []
    for generation in _all_saved(around, _ids(" ".join(words if on else words[:-1]))):
        changed = generation if generation.star == on else history.star(generation, on=on)
        told.append(f"{'★' if changed.star else '☆'} #{changed.id[:6]}")
    return "  ".join(told)


def _ids(words: str) -> list[str]:
    found = words.replace(",", " ").replace("，", " ").split()
    if not found:
        raise ConfigError(
            _("Which one? An id is missing."),
            do=_("The id stands after # under a picture."),
        )
    return found


def _use(around: Surroundings, which: str) -> str:
    """Put the cell that made a picture below: of a saved one by its id, of a file by the recipe in it."""
    _ids(which)
    path = Path(which.strip("\"'")).expanduser()
    client = around.client()
    if path.is_file():
        request = build_request.read(path, client.settings.max_mib << 20)
        # What a format has to say of pictures is told when they are here.
        around.insert(cell_of(client, request if build_request.needed(request) else client.request(request)))
        return _("The cell is below.") + build_request.needed(request)
    generation = _saved(around, which)
    around.insert(cell_of(client, generation))
    if client.saved_takes.best(generation.request, 0) is None:
        return _("The cell is below; running it asks anew.")
    return _("The cell is below; running it shows the picture for free.")


def _compare(around: Surroundings, ids: str) -> Any:
    found = _ids(ids)
    if len(found) != 2:  # noqa: PLR2004  old and new
        raise ConfigError(_("Two ids are needed."), do="%wenwen compare a1b2c3 d4e5f6")
    return around.client().compare(_saved(around, found[0]), _saved(around, found[1]))


def _fetch(around: Surroundings, word: str) -> Generation:
    said: list[str] = []

    def tell(progress: Progress) -> None:
        if progress.text and progress.text not in said[-1:]:
            said.append(progress.text)
            print(progress.text)

    return around.client().fetch(_saved(around, word).id, tell=tell)


# -- money, styles and votes -------------------------------------------------------------------------------------------


def _budget(around: Surroundings, _: str) -> str:
    return kernel.budget(around.client())


def _styles(around: Surroundings, _: str) -> str:
    return build_request.listing(around.loaded().settings.styles)


def _vote(around: Surroundings, letter: str) -> str:
    if not around.ballots:
        raise ConfigError(
            _("There is nothing to vote on."),
            do=_("%%wenwen_image -m a,b --blind shows pictures without names."),
        )
    around.ballots[-1].speak()
    said = around.ballots[-1].vote(letter)
    around.ballots.clear()
    return said


def _votes(around: Surroundings, _: str) -> str:
    return voting.listing(around.client().history.folder)


# -- handing on --------------------------------------------------------------------------------------------------------

_QUOTED_OR_NOT = re.compile(r"""\"([^\"]*)\"|'([^']*)'|(\S+)""")


def _words(line: str) -> list[str]:
    """The words of a line; what stands in quotes is one."""
    return [first or second or third for first, second, third in _QUOTED_OR_NOT.findall(line)]


_EXPORT = (Option(("--strip", "--去提示词"), N_("leave the prompts out")),)


def _export(around: Surroundings, line: str) -> str:
    given = options.read_line(line, _EXPORT)
    path, *ids = _words(given.words) or [""]
    if not path:
        raise ConfigError(_("A file's name is missing."), do="%wenwen export lesson.zip")
    chosen = [one.id for one in _all_saved(around, _ids(" ".join(ids)))] if ids else None
    return kernel.export(around.client(), path, chosen, strip=bool(given.strip))


_TABLE: dict[str, Callable[[Surroundings, str], Any]] = {
    "status": _status,
    "models": _models,
    "history": _history,
    "show": _show,
    "star": _star,
    "mask": _mask,
    "task": _task,
    "use": _use,
    "compare": _compare,
    "fetch": _fetch,
    "styles": _styles,
    "budget": _budget,
    "vote": _vote,
    "votes": _votes,
    "export": _export,
    "import": lambda around, line: kernel.import_(around.client(), line),
    "demo": _demo,
    "key": _key,
    "help": lambda *_: kernel.help_text(),
}
