"""Commands on votes, and on pictures that are given to others as a zip."""

from pathlib import Path

from wenwen_magic.errors import ConfigError, HistoryError
from wenwen_magic.notebook import voting
from wenwen_magic.notebook.commands.registry import CommandContext, command
from wenwen_magic.notebook.commands.saved import all_saved, required_ids, split_quoted
from wenwen_magic.notebook.options import Option
from wenwen_magic.text.i18n import N_, _


@command("vote", "投票", "LETTER", help=N_("the best picture of a blind comparison"))
def vote(context: CommandContext, letter: str) -> str:
    """Vote in the blind comparison that was drawn last, and show its labels.

    Raises:
        ConfigError: no comparison waits for a vote, or no picture has this letter.
        HistoryError: the vote cannot be written.
    """
    if context.state.ballot is None:
        raise ConfigError(
            _("There is nothing to vote on."),
            do=_("%%wenwen_image -m a,b --blind shows pictures without names."),
        )
    result = context.state.ballot.vote(letter)
    context.state.ballot = None
    return result


@command("votes", "统计", help=N_("the tally"))
def votes(context: CommandContext, _line: str) -> str:
    """Tally all votes."""
    return voting.listing(context.client.history.folder)


@command(
    "export",
    "导出",
    "FILE [IDs]",
    help=N_("records and pictures as a zip"),
    options=(Option(("--strip", "--去提示词"), N_("leave the prompts out")),),
)
def export(context: CommandContext, line: str, *, strip: bool = False) -> str:
    """Write records and pictures into a zip, all or those that are named; a name without an ending gets ``.zip``.

    Raises:
        ConfigError: no file is named, or it cannot be written there.
        HistoryError: an id is unknown.
    """
    name, *ids = split_quoted(line) or [""]
    if not name:
        raise ConfigError(_("A file's name is missing."), do="%wenwen export lesson.zip")
    chosen = [one.id for one in all_saved(context, required_ids(" ".join(ids)))] if ids else None
    path = Path(name if Path(name).suffix else f"{name}.zip")
    done = context.client.export(path, chosen, strip=strip)
    result = _(
        "{name}: {records} records, {pictures} pictures, {bytes:.1f} MiB",
        name=path.name,
        records=done.records,
        pictures=done.pictures,
        bytes=done.bytes / 2**20,
    )
    return result + (_("; {left_out} without a picture left out", left_out=done.left_out) if done.left_out else "")


@command("import", "导入", "FILE", help=N_("import pictures from such a zip"))
def import_(context: CommandContext, line: str) -> str:
    """Import records and pictures from such a zip.

    Raises:
        HistoryError: there is no such file, or it cannot be read.
        ConfigError: it was not written by ``%wenwen export``, or something in it is wrong.
    """
    named = Path(line.strip("\"'")).expanduser()
    path = next((one for one in (named, Path(f"{named}.zip")) if one.is_file()), None)
    if path is None:
        raise HistoryError(_("There is no file {name!r}.", name=named.name), do="%wenwen import lesson.zip")
    done = context.client.import_(path)
    result = _(
        "{name}: {records} records and {pictures} pictures taken in",
        name=path.name,
        records=done.records,
        pictures=done.pictures,
    )
    return result + (_("; {already} were here already", already=done.already) if done.already else "")
