"""Commands on settings, models, money, the demo and the key."""

from collections.abc import Mapping
from getpass import getpass
from typing import Any

from wenwen_magic.demo import DemoServer
from wenwen_magic.endpoint import api_key
from wenwen_magic.engine import build_request, limits
from wenwen_magic.engine.worker_pool import no_threads
from wenwen_magic.errors import ConfigError
from wenwen_magic.models import default_model
from wenwen_magic.notebook.commands.registry import OFF, CommandContext, KernelState, command
from wenwen_magic.notebook.options import Option
from wenwen_magic.render import models as model_table
from wenwen_magic.settings import NAMES, working_folder
from wenwen_magic.text.i18n import N_, _, comma, padded
from wenwen_magic.text.suggest import did_you_mean


@command("status", "状态", help=N_("endpoint, key, mode, spent; every setting with its source"))
def status(context: CommandContext, _line: str) -> str:
    """Tell what matters (endpoint, key, demo, mode, money, what is saved), then every setting with its source."""
    loaded, client = context.load(), context.client
    settings, history, spent = loaded.settings, client.history, client.session.account()
    # The path is shown only where it is needed: notebooks are shared.
    moved = context.folder is not None and context.folder != working_folder()
    folder = f"{history.folder if moved else history.folder.name}/"
    usual = {"model": default_model(settings.format), "describe_model": default_model(settings.format, words=True)}
    rows = [
        (_("endpoint"), settings.base_url, _(loaded.sources["base_url"])),
        (_("key"), *key_status(context.state)),
        (_("demo"), _("off") if context.state.demo is None else _("on"), "%wenwen demo"),
        (_("mode"), settings.mode, _(loaded.sources["mode"])),
        (_("spent"), limits.cost_text(spent, settings.currency), "%wenwen budget"),
        (_("saved"), str(history.count()), folder),
        *((_("unreadable"), name, folder) for name in history.unreadable()),
        (_("under way"), str(context.state.runner.under_way()), _("this kernel")),
        (_("drawn by"), *who_draws(context)),
        ("", "", ""),
        *((name, _shown(getattr(settings, name)) or usual.get(name, ""), _(loaded.sources[name])) for name in NAMES),
    ]
    lines = [
        f"{padded(name, 16)} {padded(value or '–', 31)} {source or '–'}" if name else "" for name, value, source in rows
    ]
    return "\n".join([*lines, "", _("%wenwen doctor checks all of it, for free.")])


def who_draws(context: CommandContext) -> tuple[str, str]:
    """Return who asks the endpoint and saves the pictures, and what that means when the kernel ends."""
    detached = limits.SESSION.detached
    if context.state.demo is not None:
        return _("this kernel"), _("the demo stops with the kernel")
    if detached.pid:
        return _("process {pid}", pid=detached.pid), _("goes on when the kernel is restarted")
    if detached.problem:
        return _("threads of this kernel"), _("stop with the kernel: {problem}", problem=detached.problem)
    if context.front.kernel is not None:
        return _("a process of its own"), _("from the first picture on; goes on when the kernel is restarted")
    return _("threads of this Python"), _("end with it")


def key_status(state: KernelState) -> tuple[str, str]:
    """Return whether there is a key, in a word, and where it comes from."""
    try:
        key, place = (state.key, "%wenwen key") if state.key else api_key.find()
    except ConfigError as error:
        return _("unusable"), error.why
    return (_("set") if key else _("not set")), place


def _shown(value: Any) -> str:
    """Return a setting's value in one line; of a table its names."""
    if value is None:
        return ""
    return ", ".join(value) if isinstance(value, (tuple, Mapping)) else str(value)


@command(
    "models",
    "模型",
    "[words]",
    help=N_("the endpoint's models"),
    options=(Option(("--refresh", "--刷新"), N_("ask again")),),
)
def models(context: CommandContext, words: str, *, refresh: bool = False) -> model_table.ModelTable:
    """Show the models whose names hold all words; in mode ``replay`` those that were listed before."""
    client = context.client
    known = client.model_list(refresh=refresh)
    replay = client.settings.mode == "replay"
    return model_table.table(known, words, age=client.session.models.age(known), replay=replay)


@command("styles", "风格", help=N_("named templates for prompts"))
def styles(context: CommandContext, _line: str) -> str:
    """List the styles."""
    return build_request.listing(context.load().settings.styles)


@command("budget", "预算", help=N_("what was spent, and what is left"))
def budget(context: CommandContext, _line: str) -> str:
    """Show what this session has spent, what may be charged, and what is left of its limits."""
    settings, session = context.client.settings, context.client.session
    spent = session.account()
    limit = limits.pictures(settings.session_limit)
    left = limits.pictures(max(0, settings.session_limit - spent.pictures))
    if settings.budget is not None:
        limit += comma() + limits.amount(settings.budget, settings.currency)
        left += comma() + limits.amount(max(0.0, settings.budget - spent.units), settings.currency)
    rows = [
        (_("spent"), limits.cost_text(session.account("yes"), settings.currency)),
        (_("maybe"), limits.cost_text(session.account("maybe"), settings.currency)),
        (_("limit"), limit),
        (_("left in this session"), left),
    ]
    lines = [f"{padded(name, 24)}{value}" for name, value in rows]
    if spent.unknown:
        lines.append(
            _("A picture of unknown price counts as 1. Prices: %config WenwenMagics.prices = {'gpt-4o-image': 0.1}")
        )
    return "\n".join(lines)


@command("demo", "演示", "[off]", help=N_("draw on this machine, without a key"))
def demo(context: CommandContext, word: str) -> str:
    """Start the demo endpoint in this kernel, or end it with ``off``; in mode ``replay`` it is not started.

    Raises:
        ConfigError: another word.
    """
    state = context.state
    if word in OFF:
        if state.demo is not None:
            state.demo.stop()
        state.demo = None
        return _("The demo is off; cells ask the endpoint again.")
    if context.load().settings.mode == "replay":
        return _("Mode replay: the pictures come from the history, the demo is not started.")
    if word not in {"", "on", "开"}:
        what = _("There is no %wenwen demo {word}.", word=word)
        raise ConfigError(what, do=did_you_mean(word, ("on", "off")))
    if state.demo is None:
        demo = DemoServer()
        try:
            demo.start()
        except RuntimeError:
            raise no_threads() from None
        state.demo = demo
    return _("Demo: painted on this machine, without a key, for free. %wenwen demo off ends it.")


@command("key", "密钥", "", help=N_("set the key"))
def key(context: CommandContext, word: str) -> str:
    """Ask for the key, without showing it, and keep it.

    Raises:
        ConfigError: the key was typed into the cell, cannot be used, or the notebook runs unattended.
    """
    if word:
        raise ConfigError(
            _("A key is not typed into a cell: it would be saved with the notebook."),
            do=_("Run %wenwen key alone; it asks. Delete this cell."),
        )
    if not context.front.takes_answers:
        raise ConfigError(
            _("This notebook runs unattended: no key can be typed."),
            do=_("Set {variable} before the notebook is run.", variable=api_key.VARIABLE),
        )
    context.state.key = api_key.Secret(getpass(_("wenwen key: ")))
    kept = api_key.keep(context.state.key)
    where = _("kept in the system's keyring") if kept else _("kept until the kernel ends")
    return _("The key is set, {where}.", where=where)
