"""Registers the commands of ``%wenwen``: one decorated function each, from which dispatch, help and Tab are made."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wenwen_magic.engine.worker_pool import WorkerPool
from wenwen_magic.errors import ConfigError
from wenwen_magic.notebook.cell_lines import CELL_MAGICS
from wenwen_magic.notebook.options import TABLE, Option, help_lines, help_text, read_line
from wenwen_magic.notebook.scope import FrontEnd
from wenwen_magic.settings import Loaded
from wenwen_magic.text.i18n import N_, _, is_chinese, padded, spoken
from wenwen_magic.text.suggest import did_you_mean

if TYPE_CHECKING:
    from wenwen_magic.client import Client
    from wenwen_magic.demo import DemoServer
    from wenwen_magic.endpoint.api_key import Secret
    from wenwen_magic.notebook.cell import Cell

OFF = ("off", "stop", "关", "停")
"""Words that take something back."""


@dataclass
class KernelState:
    """What lasts from cell to cell, and through ``%reload_ext``.

    Args:
        demo: the demo endpoint of this kernel, None when it is off.
        key: the key typed in this kernel, None when none was.
        asked: addresses of endpoints that were asked for their models.
        ballot: the blind comparison that waits for a vote; None for none.
        put: what cells have put into variables; as in :class:`~wenwen_magic.notebook.cell.Cell`.
        runner: runs the jobs of this kernel.
    """

    demo: "DemoServer | None" = None
    key: "Secret | None" = None
    asked: set[str] = field(default_factory=set)
    ballot: "Cell | None" = None
    put: dict[str, tuple[int, Any, Any]] = field(default_factory=dict)
    runner: WorkerPool = field(default_factory=WorkerPool)


@dataclass(frozen=True)
class CommandContext:
    """What a command works with.

    Args:
        line: what was typed after ``%wenwen``.
        make_client: makes a client of the settings.
        load: returns the settings and their sources.
        state: what lasts in this kernel.
        front: where its results are shown.
        insert: puts a text into a new cell below.
        value_of: returns the value of a word as an expression in the notebook; None for no such name.
        names: the notebook's variables, which controls set.
        folder: the working folder when the extension was loaded, which the history's is named from; None for unknown.
    """

    line: str
    make_client: "Callable[[], Client]"
    load: Callable[[], Loaded]
    state: KernelState
    front: FrontEnd
    insert: Callable[[str], None]
    value_of: Callable[[str], Any]
    names: dict[str, Any] = field(default_factory=dict)
    folder: Path | None = None

    @cached_property
    def client(self) -> "Client":
        """The client of this command.

        Raises:
            ConfigError: a setting has an unusable value.
        """
        return self.make_client()


@dataclass(frozen=True)
class Command:
    """A command of ``%wenwen``.

    Args:
        name: in English.
        chinese: its name in Chinese.
        usage: what may follow the name; None for nothing.
        help: a phrase on what it does, marked for translation.
        options: the options it takes; without any its line is passed on as typed.
        run: is called with the context, the rest of the line, and the given options by name; returns a text to print,
            or a thing to show.
    """

    name: str
    chinese: str
    usage: str | None
    help: str
    options: tuple[Option, ...]
    run: Callable[..., Any]


_commands: dict[str, Command] = {}


def command(
    name: str, chinese: str, usage: str | None = None, *, help: str, options: tuple[Option, ...] = ()
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function as a command; the arguments are those of :class:`Command`."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        _commands[name] = Command(name, chinese, usage, help, options, function)
        return function

    return register


def commands() -> dict[str, Command]:
    """Return the commands by their English names; the first call loads what they work with."""
    # Here: they import this module, and %load_ext stays quick.
    from wenwen_magic.notebook.commands import account, doctor, saved  # noqa: F401, PLC0415

    return _commands


@command("help", "帮助", "[command]", help=N_("this text, or what a command takes"))
def _help(_context: CommandContext, line: str) -> str:
    """List the magics, the commands and their options; or those of the command that is named."""
    words = line.split()
    if named := words[0].lstrip("%").removeprefix("wenwen_") if words else "":
        if f"wenwen_{named}" in CELL_MAGICS:
            return help_text(f"%%wenwen_{named}")
        return "\n".join(_usage(_named(named)))
    lines = [f"{padded(usage, 34)}{_(text)}" for usage, text in _MAGICS.items()]
    for known in commands().values():
        lines += _usage(known)
    return "\n".join(lines)


def _usage(known: Command) -> list[str]:
    """Return what is typed for a command, what it does, and a line on each of its options."""
    usage = f"%wenwen {known.name} {known.usage or ''}".rstrip()
    chinese = f"{known.chinese} · " if spoken() == "zh" else ""
    return [f"{padded(usage, 34)}{chinese}{_(known.help)}", *help_lines(known.options)]


_HELP = {*next(option.names for option in TABLE if option.destination == "help"), "-？"}
_MAGICS = {
    "%%wenwen_image [NAME] [options]": N_("draw the cell's text; -h lists the options"),
    "%%wenwen_describe [NAME] --ref X": N_("answer the cell's question on a picture"),
    "%%wenwen_ask [NAME] [--json]": N_("answer the cell's question with words, or JSON, for NAME"),
    "%%wenwen_video [NAME] [--ref X]": N_("make a clip of the cell's text, and of a picture"),
    "%wenwen_image": N_("the control panel"),
}


def run(context: CommandContext) -> Any:
    """Carry out the command on the line; returns a text to print, or a thing to show.

    Raises:
        ConfigError: there is no such command, or its line cannot be understood.
        WenwenError: of any kind, by the command.
    """
    name, rest = (*context.line.split(maxsplit=1), "", "")[:2]
    if name in _HELP or set(rest.split()) & _HELP:
        name, rest = "help", "" if name in _HELP else name
    typed = _named(name or "help")
    given, words = read_line(rest, typed.options) if typed.options else ({}, rest.strip())
    if typed.usage is None and words.strip("; "):
        raise ConfigError(
            _("%wenwen {command} takes no words.", command=name),
            do=_("Leave them out; %wenwen help says what the commands take."),
        )
    return typed.run(context, words, **given)


def _named(name: str) -> Command:
    """Return the command of a name, in either language."""
    known, magic = by_name(), f"wenwen_{name}"
    if name not in known:
        near = did_you_mean(name, [other for other in known if is_chinese(other) == is_chinese(name)])
        raise ConfigError(
            _("There is no command %wenwen {command}.", command=name),
            do=_("Did you mean {near}?", near=f"%{magic}") if magic in CELL_MAGICS else near,
        )
    return known[name]


def by_name() -> dict[str, Command]:
    """Return the commands by either of their names, English and Chinese in turn."""
    return {name: known for known in commands().values() for name in (known.name, known.chinese)}
