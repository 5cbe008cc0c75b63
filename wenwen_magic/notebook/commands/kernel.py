"""The commands of ``%wenwen``: settings, models, saved pictures, the demo and the key."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from getpass import getpass
from pathlib import Path
from typing import Any

from wenwen_magic.client import Client
from wenwen_magic.demo import DemoServer
from wenwen_magic.endpoint import api_key
from wenwen_magic.endpoint.api_key import Secret
from wenwen_magic.engine import limits
from wenwen_magic.errors import ConfigError, HistoryError
from wenwen_magic.notebook.commands.names import COMMAND_WORDS
from wenwen_magic.settings import NAMES, Loaded
from wenwen_magic.text.i18n import N_, _, comma, padded, spoken
from wenwen_magic.text.suggest import did_you_mean

OFF = ("off", "stop", "关", "停")


@dataclass
class Desk:
    """What the commands change: the demo that runs and the key that was typed.

    Args:
        demo: the demo endpoint of this kernel, None when it is off.
        key: the key typed in this kernel, None when none was.
    """

    demo: DemoServer | None = None
    key: Secret | None = None


def status(client: Client, loaded: Loaded, desk: Desk, under_way: int) -> str:
    """Every setting with its source, then the key (set or not), and what is saved and under way."""
    key, place = _key(desk)
    folder = client.history.folder.name + "/"
    rows = [(name, _shown(getattr(loaded.settings, name)), loaded.sources[name]) for name in NAMES]
    rows.append((_("key"), key, place))
    rows.append((_("saved"), str(client.history.count()), folder))
    rows += [(_("unreadable"), name, folder) for name in client.history.unreadable()]
    rows.append((_("under way"), str(under_way), _("this kernel")))
    return "\n".join(f"{padded(name, 16)} {padded(value or '–', 40)} {source or '–'}" for name, value, source in rows)


def _key(desk: Desk) -> tuple[str, str]:
    """Whether there is a key, in a word, and where it comes from."""
    try:
        found, place = (desk.key, "%wenwen key") if desk.key else api_key.find()
    except ConfigError as error:
        return _("unusable"), error.why
    return (_("set") if found else _("not set")), place


def _shown(value: Any) -> str:
    """A setting's value in one line; of a table its names."""
    if value is None:
        return ""
    return ", ".join(value) if isinstance(value, (tuple, Mapping)) else str(value)


def demo(desk: Desk, word: str) -> str:
    """Start the demo endpoint in this kernel, or end it with ``off``.

    Raises:
        ConfigError: another word.
    """
    if word not in {"", "on", "开", *OFF}:
        what = _("There is no %wenwen demo {word}.", word=word)
        raise ConfigError(what, do=did_you_mean(word, ("on", "off")))
    if word in OFF:
        if desk.demo is not None:
            desk.demo.stop()
        desk.demo = None
        return _("The demo is off; cells ask the endpoint again.")
    if desk.demo is None:
        desk.demo = DemoServer()
        desk.demo.start()
    return _("Demo: painted on this machine, without a key, for free. %wenwen demo off ends it.")


def key(desk: Desk, word: str, *, attended: bool, ask: Callable[[str], str] = getpass) -> str:
    """Ask for the key, without showing it, and keep it.

    Raises:
        ConfigError: the key was typed into the cell, cannot be used, or there is nobody to ask.
    """
    if word:
        raise ConfigError(
            _("A key is not typed into a cell: it would be saved with the notebook."),
            do=_("Run %wenwen key alone; it asks. Delete this cell."),
        )
    if not attended:
        raise ConfigError(
            _("Nobody is here to type a key."),
            do=_("Set {variable} before the notebook is run.", variable=api_key.VARIABLE),
        )
    desk.key = Secret(ask(_("wenwen key: ")))
    kept = api_key.keep(desk.key)
    where = _("kept in the system's keyring") if kept else _("kept until the kernel ends")
    return _("The key is set, {where}.", where=where)


def budget(client: Client) -> str:
    """What this session has spent, what may be charged, and what is left of its limits."""
    settings, session = client.settings, client.session
    spent = session.account()
    pictures = limits.pictures(settings.session_limit)
    left = limits.pictures(max(0, settings.session_limit - spent.pictures))
    if settings.budget is not None:
        pictures += comma() + limits.amount(settings.budget, settings.currency)
        left += comma() + limits.amount(max(0.0, settings.budget - spent.units), settings.currency)
    rows = [
        (_("spent"), limits.told(session.account("yes"), settings.currency)),
        (_("maybe"), limits.told(session.account("maybe"), settings.currency)),
        (_("limit"), pictures),
        (_("left in this session"), left),
    ]
    lines = [f"{padded(name, 24)}{value}" for name, value in rows]
    return "\n".join([*lines, _how_to_price()] if spent.unknown else lines)


def _how_to_price() -> str:
    return _("A picture of unknown price counts as 1. Prices: %config WenwenMagics.prices = {'gpt-4o-image': 0.1}")


def export(client: Client, name: str, ids: Sequence[str] | None, *, strip: bool) -> str:
    """Write a lesson, and tell what went into it; a name without an ending becomes a zip's.

    Raises:
        WenwenError: it cannot be written.
    """
    path = Path(name if Path(name).suffix else f"{name}.zip")
    done = client.export(path, ids, strip=strip)
    told = _(
        "{name}: {records} records, {pictures} pictures, {bytes:.1f} MiB",
        name=path.name,
        records=done.records,
        pictures=done.pictures,
        bytes=done.bytes / 2**20,
    )
    left = _("; {left_out} without a picture left out", left_out=done.left_out)
    return told + left if done.left_out else told


def import_(client: Client, line: str) -> str:
    """Take a lesson in, and tell what is new.

    Raises:
        HistoryError: there is no such file, or it cannot be read.
        ConfigError: it is no lesson.
    """
    named = Path(line.strip().strip("\"'")).expanduser()
    path = next((one for one in (named, Path(f"{named}.zip")) if one.is_file()), None)
    if path is None:
        raise HistoryError(_("There is no file {name!r}.", name=named.name), do="%wenwen import lesson.zip")
    done = client.import_(path)
    already = _("; {already} were here already", already=done.already) if done.already else ""
    told = _(
        "{name}: {records} records and {pictures} pictures taken in",
        name=path.name,
        records=done.records,
        pictures=done.pictures,
    )
    return told + already


def help_text() -> str:
    """All commands, a line each."""
    chinese = {english: f"{word} · " for word, english in COMMAND_WORDS.items()} if spoken() == "zh" else {}
    return "\n".join(
        f"{padded(command, 34)}{chinese.get(command.split()[1], '') if ' ' in command else ''}{_(words)}"
        for command, words in _HELP.items()
    )


_HELP = {
    "%%wenwen_image [NAME] [options]": N_("draw the cell's text; -h lists the options"),
    "%%wenwen_describe [NAME] --ref X": N_("answer the cell's question on a picture"),
    "%wenwen_image": N_("the control panel"),
    "%wenwen status": N_("every setting with its source"),
    "%wenwen models [words]": N_("the endpoint's models; --refresh asks again"),
    "%wenwen history [words]": N_("saved pictures, searched: --model --since --until --star --failed"),
    "%wenwen show ID": N_("a saved picture; --lineage: what it came from"),
    "%wenwen star ID [off]": N_("mark a picture, or take the mark away"),
    "%wenwen mask NAME": N_("paint where a picture may be changed"),
    "%wenwen task ID [seed|U1]": N_("ask after a Midjourney work, or press its button"),
    "%wenwen use ID": N_("the cell that made it, below; also of a file with a recipe"),
    "%wenwen compare ID ID": N_("how two pictures differ"),
    "%wenwen fetch ID": N_("finish a download, for free"),
    "%wenwen styles": N_("named templates for prompts"),
    "%wenwen budget": N_("spent, maybe, and left in this session"),
    "%wenwen vote LETTER": N_("the best picture of a blind comparison"),
    "%wenwen votes": N_("the tally"),
    "%wenwen export FILE [IDs]": N_("records and pictures as a zip; --strip leaves prompts out"),
    "%wenwen import FILE": N_("take such a zip in"),
    "%wenwen demo [off]": N_("draw on this machine, without a key"),
    "%wenwen key": N_("set the key"),
}
