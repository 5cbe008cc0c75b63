"""The magics ``%%wenwen_image``, ``%%wenwen_video``, ``%wenwen_image`` and ``%wenwen``: the one home of IPython."""

# What draws and shows is imported where it is first needed, each time with PLC0415: %load_ext stays quick.

import atexit
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from inspect import currentframe
from pathlib import Path
from traceback import walk_stack
from typing import TYPE_CHECKING, Any

from IPython.core.displayhook import CapturingDisplayHook, DisplayHook
from IPython.core.magic import MagicAlias, Magics, line_cell_magic, line_magic, magics_class, no_var_expand
from IPython.display import display
from IPython.utils.dir2 import get_real_method
from traitlets import Any as AnyTrait
from traitlets.config import Configurable

from wenwen_magic.errors import ConfigError
from wenwen_magic.notebook import cell_lines, scope
from wenwen_magic.settings import NAMES, NOTEBOOK, TOLD, Layer, Loaded, about, load, load_here, working_folder
from wenwen_magic.text.i18n import N_, _, is_chinese, speak
from wenwen_magic.text.template import interpolate, known_value

if TYPE_CHECKING:
    from wenwen_magic.client import Client
    from wenwen_magic.notebook.cell import Cell
    from wenwen_magic.notebook.commands.registry import KernelState
    from wenwen_magic.notebook.completion import Completion
    from wenwen_magic.notebook.options import Options
    from wenwen_magic.notebook.widgets.panel import Panel

_MATCHER = "wenwen_magic"
_MAGICS = ("wenwen", *cell_lines.CELL_MAGICS)
_OPTION = N_("option")
_QUIET = 0.5
"""Seconds after the extension was loaded until the process that draws is started."""
_LAST_WAIT = 3600.0
"""Seconds that a terminal waits at its end, at most, for a picture in the background."""
_RECORDS = "wenwen_magic.records"
_SHOWN_ONCE = (f"{_RECORDS}.Generation", f"{_RECORDS}.Gallery")

_TRAITS = {name: AnyTrait(None, allow_none=True, help=about(name)).tag(config=True) for name in NAMES}
_SettingTraits: Any = type("_SettingTraits", (Configurable,), dict(_TRAITS))


@dataclass(frozen=True)
class _Here:
    """What a magic finds when it begins, for all its cells; the settings are None where one is wrong."""

    loaded: Loaded | None
    names: dict[str, Any]
    front: scope.FrontEnd


@magics_class
class WenwenMagics(Magics, _SettingTraits):  # type: ignore[misc]
    """Draws pictures from prompts in cells."""

    shell: Any

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self.shown: Any = None
        self.folder: Path | None = None
        with suppress(ConfigError):  # it was deleted; the next command says so
            self.folder = working_folder()

    @cached_property
    def state(self) -> "KernelState":
        """What outlives a cell: the demo, the typed key, the running jobs."""
        from wenwen_magic.notebook.commands.registry import KernelState  # noqa: PLC0415

        return KernelState()

    @no_var_expand
    @line_cell_magic
    def wenwen_image(self, line: str, cell: str | None = None) -> Any:
        """Draw the cell's text; ``%%wenwen_image -h`` lists the options."""
        return self._run("wenwen_image", line, cell)

    @no_var_expand
    @line_cell_magic
    def wenwen_describe(self, line: str, cell: str | None = None) -> Any:
        """Answer the cell's question on pictures with words: ``%%wenwen_describe --ref cat.png``."""
        return self._run("wenwen_describe", line, cell)

    @no_var_expand
    @line_cell_magic
    def wenwen_ask(self, line: str, cell: str | None = None) -> Any:
        """Answer the cell's question with words, or with JSON: ``%%wenwen_ask ideas --json``."""
        return self._run("wenwen_ask", line, cell)

    @no_var_expand
    @line_cell_magic
    def wenwen_video(self, line: str, cell: str | None = None) -> Any:
        """Make a clip of the cell's text, which may begin with a picture: ``%%wenwen_video --ref fox --seconds 8``."""
        return self._run("wenwen_video", line, cell)

    @no_var_expand
    @line_magic
    def wenwen(self, line: str) -> Any:
        """Look at settings, models and saved pictures; ``%wenwen help`` lists the commands."""
        from wenwen_magic.notebook.commands import registry  # noqa: PLC0415
        from wenwen_magic.notebook.options import comment_note, split_comment  # noqa: PLC0415

        line, comment = split_comment(line)
        loaded = self._begin(line)
        if comment:
            print(comment_note(comment))
        context = registry.CommandContext(
            line=line,
            make_client=lambda: self._client(loaded=loaded),
            load=lambda: loaded or self._load(),
            state=self.state,
            front=scope.front_end(self.shell),
            insert=self.shell.set_next_input,
            value_of=lambda word: known_value(word, scope.seen_names(self.shell.user_ns)),
            names=self.shell.user_ns,
            folder=self.folder,
        )
        result = registry.run(context)
        if not isinstance(result, str):
            return result
        print(result)
        return None

    # -- a cell --------------------------------------------------------------------------------------------------------

    def _run(self, magic: str, line: str, cell: str | None) -> Any:
        """Run a cell, or a line where there is no cell."""
        from wenwen_magic.notebook import options  # noqa: PLC0415

        loaded = self._begin(line, cell)
        words, comment = options.split_comment(line, prompt=cell is None)
        given = options.read(words, lambda text: interpolate(text, scope.seen_names(self.shell.user_ns)), magic)
        if cell is None and loaded is not None:
            speak(loaded.settings.lang, prompt=given.words)  # the prompt is known only now
        if comment and not given.quiet:
            print(options.comment_note(comment))
        called = f"%{magic}" if cell is None else f"%%{magic}"
        if given.help:
            print(options.help_text(called))
            return None
        given, name, prompt = options.for_magic(magic, given, cell)
        names = scope.seen_names(self.shell.user_ns, setting=name)
        here = _Here(loaded, names, scope.front_end(self.shell))
        if given.fresh:
            scope.check_runs_once()
        if not (prompt or magic == "wenwen_video" or given.from_ or given.improve) and cell is None:
            return self._open_panel(given, here)
        typed = f"{called} {line}" if cell is None else f"{called} {line}\n{cell}"
        drawn = self._cell(given, prompt, name, here, typed=typed.rstrip())
        return self._improve(drawn, prompt, here) if given.improve else self._run_cell(drawn, here.front)

    def _run_cell(self, drawn: "Cell", front: scope.FrontEnd) -> Any:
        """Draw, with controls below; None for a dry run, where a person said no, and while it is drawn beside."""
        given, terminal = drawn.options, front.kernel is None
        if drawn.blind and not given.dry_run:
            self.state.ballot = drawn  # an earlier one is not on the screen any more
        # Where nobody is, the kernel is ended after the last cell, and what comes later is seen by nobody.
        beside = given.background and (front.attended or terminal)
        if beside and terminal and not (drawn.client.is_demo or given.dry_run):
            drawn.client.session.detached.start()  # a script may end before its job could start it
        if (result := drawn.run(beside=beside)) is None:
            return None
        controls = front.attended and drawn.wants_controls
        if not beside:
            self.shown = result
            if controls:
                self._show_controls(drawn, front)
            return result
        if terminal:  # a script in a terminal may end here; an interrupt ends the wait
            atexit.register(result.wait, _LAST_WAIT)
        (self._show_controls(drawn, front) if controls else drawn).follow(result)
        return None

    def _improve(self, typed: "Cell", prompt: str, here: "_Here") -> Any:
        """Have a cell's prompt rewritten, show the change, and draw only what is saved or agreed to with ``-y``.

        Else the controls draw it; without any, a line says what does. What the rewrite says is never evaluated.
        """
        from wenwen_magic.engine.limits import Cost, budget_reached, cost_of  # noqa: PLC0415
        from wenwen_magic.notebook.cell_source import cell_of  # noqa: PLC0415
        from wenwen_magic.notebook.options import for_question  # noqa: PLC0415
        from wenwen_magic.render.comparison import prompts_bundle  # noqa: PLC0415
        from wenwen_magic.text import improving  # noqa: PLC0415

        given = typed.options
        filled = prompt if given.raw else interpolate(prompt, here.names)
        asking = self._cell(for_question(given), improving.with_request(filled), "", here)
        cost, client = cost_of(asking.estimate.missing), typed.client
        if given.yes and cost.pictures and not given.dry_run:  # else the question may be paid for nothing
            ask, own = asking.estimate, client.look_through(typed.requests, fresh=True)
            client.check(replace(ask, missing=[*ask.missing, *own.missing], asked=[*ask.asked, *own.asked]))
            both = cost + cost_of(own.missing)
            if given.budget is not None and both.units > given.budget and not client.is_demo:
                raise budget_reached(Cost(), both, given.budget, client.settings.currency, cell=True)
        asking.area.render = lambda said: prompts_bundle(filled, improving.prompt_in(said.text), said)
        if (said := self._run_cell(asking, here.front)) is None:
            return None
        new = improving.prompt_in(said.text, filled, said.id)
        drawn = replace(self._cell(replace(given, raw=True), new, typed.name, here), like=typed.text)
        if given.yes or not (drawn.estimate.missing or drawn.estimate.unsaved):
            return self._run_cell(drawn, here.front)
        undrawn = _("Nothing is drawn yet.") if drawn.estimate.unsaved else _("Not all is drawn yet.")
        if here.front.attended and drawn.wants_controls:
            drawn.area.status(undrawn)
            drawn.area.settle()
            self._show_controls(drawn, here.front, undrawn=True)
            return said
        line = cell_of(drawn.client, drawn.requests[0], name=drawn.name, like=drawn.like)
        print(f"{undrawn} {_('This cell draws it:')}", line, sep="\n")
        return said

    def _cell(self, given: "Options", prompt: str, name: str, here: "_Here", *, typed: str = "") -> "Cell":
        """Make the cell with its requests: one, those of a comparison, or with ``--from`` many."""
        from wenwen_magic.notebook.cell import BatchCell, Cell  # noqa: PLC0415
        from wenwen_magic.notebook.cell_requests import CellRequests  # noqa: PLC0415
        from wenwen_magic.notebook.output_area import area_of  # noqa: PLC0415

        client = self._client(given, here.loaded)
        wanted = CellRequests(client, given, here.names)
        requests, labels = ((), ()) if given.from_ else wanted.all(prompt)
        area = area_of(client, here.front, quiet=given.quiet)
        make = partial(BatchCell, many=wanted.many(prompt, given.from_)) if given.from_ else Cell
        return make(
            client=client,
            requests=requests,
            options=given,
            name=name,
            names=self.shell.user_ns,
            ask=input if here.front.can_ask else None,
            runner=self.state.runner,
            area=area,
            current_client=lambda: self._client(given),
            labels=labels,
            text=typed,
            put=self.state.put,
        )

    def _open_panel(self, given: "Options", here: "_Here") -> None:
        needs = _("The control panel needs a live notebook.")
        if not here.front.attended:
            print(needs)
            return
        cell = self._cell(replace(given, raw=True), "…", "", here)
        self._show_controls(cell, here.front, with_prompt=True)
        cell.area.status(_("The picture will appear here."), plain=needs)
        cell.area.settle()

    def _show_controls(
        self, cell: "Cell", front: scope.FrontEnd, *, with_prompt: bool = False, undrawn: bool = False
    ) -> "Panel":
        from wenwen_magic.notebook import options  # noqa: PLC0415
        from wenwen_magic.notebook.widgets.panel import Panel  # noqa: PLC0415

        client, asked = cell.client, self.state.asked
        suggested = partial(options.suggested_models, clips=cell.requests[0].wants_clip)
        panel = Panel(cell, front.defer, suggested(client.known_models()), with_prompt=with_prompt, undrawn=undrawn)
        display(panel.view)  # type: ignore[no-untyped-call]
        wanted = with_prompt or any(not row.from_history for row in cell.area.rows)  # what is saved is shown offline
        may_ask = client.settings.mode != "replay" and client.address not in asked
        if wanted and may_ask and not client.known_models(fresh=True):

            def suggest(_: Any) -> None:
                """Ask the endpoint for its models; without an answer the known ones stay."""
                names = suggested(client.model_list())
                front.defer(lambda: panel.suggest(names))

            asked.add(client.address)  # once, answered or not
            with suppress(RuntimeError):  # no thread can be had: only the suggestions are missing
                self.state.runner.start(suggest)
        return panel

    # -- settings ------------------------------------------------------------------------------------------------------

    def _begin(self, line: str, cell: str | None = None) -> Loaded | None:
        """Load the settings and choose the language; None if a setting is wrong, for help can be read without any."""
        loaded = None
        with suppress(ConfigError):  # raised again when a setting is needed
            loaded = self._load()
        # An English line may hold only options or a command, which Chinese readers type as well.
        prompt = (cell or "").strip() or (line if is_chinese(line) else "")
        speak(loaded.settings.lang if loaded else "auto", prompt=prompt)
        return loaded

    def told(self) -> tuple[Sequence[Layer], Any]:
        """Return the settings that the magics were told, the strongest first, and the key that was typed."""
        demo = {"base_url": self.state.demo.address} if self.state.demo else {}
        own = {name: getattr(self, name) for name in NAMES}
        return (Layer("%wenwen demo", demo), Layer("%config", own)), self.state.key

    def _load(self) -> Loaded:
        return load_here(*self.told()[0])

    @property
    def _in_terminal(self) -> bool:
        return getattr(self.shell, "kernel", None) is None

    def _client(self, given: "Options | None" = None, loaded: Loaded | None = None) -> "Client":
        from wenwen_magic.client import Client  # noqa: PLC0415
        from wenwen_magic.endpoint import api_key  # noqa: PLC0415

        key = self.state.key
        if key is None and "google.colab" in sys.modules:  # whose answer comes through the main thread
            key = api_key.find()[0]
        wanted = loaded or self._load()
        if own := {name: value for name in ("mode", "timeout", "embed") if (value := getattr(given, name, None))}:
            wanted = load(Layer(_OPTION, own), base=wanted)
        # A kernel may be restarted. A terminal that is closed ends its work, but for what is in the background: while
        # Python ends no thread can be started, and without any no picture is saved.
        worker = not self._in_terminal or (given is not None and given.background)
        if self.folder is not None:  # after a %cd the same cell must find its pictures
            place = self.folder / Path(wanted.settings.history).expanduser()
            wanted = replace(wanted, settings=replace(wanted.settings, history=str(place)))
        client = Client(settings=wanted, api_key=key, worker=worker)
        client.history.when_long(print)
        return client

    # -- completion ----------------------------------------------------------------------------------------------------

    def complete(self, before: str) -> "Completion | None":
        """Return what may stand at the end of a cell up to the cursor; None where that is no magic of ours."""
        from wenwen_magic.notebook.completion import complete  # noqa: PLC0415

        own = {name: value for name, value in self.shell.user_ns.items() if name not in self.shell.user_ns_hidden}
        try:
            return complete(before, lambda: self._load().settings, own)
        except ConfigError:  # a setting is wrong; the next cell says so
            return "", []

    # -- a picture is shown once ---------------------------------------------------------------------------------------

    def forget_shown(self, *_: Any) -> None:
        """Show everything again from the next cell on."""
        self.shown = None

    def show_once(self, result: Any) -> None:
        """Show nothing for what the cell has just shown; anything else is shown as usual."""
        if result is self.shown and _is_for_the_cells_end():
            self.shown = None
            return
        if self._in_terminal and sys.stdout.isatty():
            from wenwen_magic.engine.limits import SESSION  # noqa: PLC0415
            from wenwen_magic.notebook.output_area import print_still  # noqa: PLC0415

            with suppress(ConfigError):  # a setting is wrong: the next command says so
                print_still(result._repr_mimebundle_(), lambda: SESSION.pool(self._load().settings.max_megapixels))
        raise NotImplementedError  # IPython then goes on to the MIME bundle


def register(shell: Any) -> None:
    """Register the magics, their completion, and the rule that a drawn picture is shown once."""
    magics, earlier = WenwenMagics(shell), shell.magics_manager.registry.get(WenwenMagics.__name__)
    if earlier is not None:
        # After %reload_ext the demo, the typed key and the jobs go on, and the history stays where it is.
        magics.state, magics.folder = earlier.state, earlier.folder
        unregister(shell)
    NOTEBOOK[:], TOLD[:] = [magics.folder] if magics.folder else [], [magics.told]
    shell.register_magics(magics)
    _keep_braces_of_aliases(shell.magics_manager)
    shell.ast_transformers.append(scope.Capture())
    shell.input_transformers_cleanup.append(cell_lines.prepare)
    formatter = shell.display_formatter.ipython_display_formatter
    for kind in _SHOWN_ONCE:
        formatter.for_type(kind, magics.show_once)
    for sequence in (list, tuple):
        _show_pictures_in(shell.display_formatter.mimebundle_formatter, sequence)
    shell.events.register("pre_run_cell", magics.forget_shown)
    loop = getattr(getattr(shell, "kernel", None), "io_loop", None)  # kernels other than ipykernel have none
    if loop is not None and os.environ.get("WENWEN_API_KEY"):
        # The process that draws is ready before the first cell needs it, and loading the extension waits for nothing.
        loop.call_later(_QUIET, _start_worker)
    _offer_only_our_words(shell)


def _keep_braces_of_aliases(manager: Any) -> None:
    """Let aliases of our magics, which ``%alias_magic`` makes, expand no braces either, as the magics themselves."""
    make = type(manager).register_alias

    def mark() -> None:
        for kind in manager.magics.values():
            for magic in kind.values():
                # Others are not asked: IPython loads some of its magics only then.
                if isinstance(magic, MagicAlias) and magic.magic_name in _MAGICS:
                    no_var_expand(magic)

    def register_alias(*arguments: Any, **named: Any) -> None:
        make(manager, *arguments, **named)
        mark()

    manager.register_alias = register_alias
    mark()


def _start_worker() -> None:
    """Start the process that draws, in a thread: a cell may be running by now."""
    from threading import Thread  # noqa: PLC0415

    def start() -> None:
        from wenwen_magic.engine.limits import SESSION  # noqa: PLC0415

        SESSION.detached.start()

    with suppress(RuntimeError):  # no thread can be had: then no process of its own draws
        Thread(target=start, daemon=True, name="wenwen-start").start()


class _Only(list[Any]):
    """Completions that keep others away even where there are none: IPython asks for their number."""

    def __len__(self) -> int:
        return super().__len__() or 1


def _offer_only_our_words(shell: Any) -> None:
    """Let Tab inside our magics offer our words, and in IPython since 8.6 nothing else."""

    def latest() -> "WenwenMagics":
        return shell.magics_manager.registry[WenwenMagics.__name__]  # type: ignore[no-any-return]  # of a %reload_ext

    try:
        from IPython.core.completer import SimpleCompletion, context_matcher  # noqa: PLC0415  not in older ones
    except ImportError:

        def words(_shell: Any, event: Any) -> Sequence[str]:
            return (latest().complete(event.text_until_cursor) or ("", []))[1]

        for name in ("%wenwen", *(f"{sign}{magic}" for magic in cell_lines.CELL_MAGICS for sign in ("%%", "%"))):
            shell.set_hook("complete_command", words, str_key=name)
        return

    @context_matcher(identifier=_MATCHER, priority=1000)  # type: ignore[untyped-decorator]
    def match(context: Any) -> dict[str, Any]:
        lines = context.full_text.split("\n")
        found = latest().complete("\n".join([*lines[: context.cursor_line], context.text_until_cursor]))
        if found is None:
            return {"completions": []}
        start, known = found
        shown = _Only(SimpleCompletion(text=word, type="param") for word in known)
        return {"completions": shown, "matched_fragment": start, "suppress": True, "ordered": True}

    shell.Completer.custom_matchers.append(match)


def unregister(shell: Any) -> None:
    """Take away what :func:`register` hooked in."""
    magics = shell.magics_manager.registry.get(WenwenMagics.__name__)
    with suppress(ValueError):  # unregistered before
        if magics is not None:
            shell.events.unregister("pre_run_cell", magics.forget_shown)
            NOTEBOOK.clear()
            TOLD.clear()
    for kind in _SHOWN_ONCE:
        shell.display_formatter.ipython_display_formatter.pop(kind, None)
    for sequence in (list, tuple):
        _show_others_only(shell.display_formatter.mimebundle_formatter, sequence)
    # By name: after %reload_ext they may be those of an earlier import.
    hooks, cleaners = shell.ast_transformers, shell.input_transformers_cleanup
    matchers = getattr(shell.Completer, "custom_matchers", [])
    matchers[:] = [each for each in matchers if getattr(each, "matcher_identifier", "") != _MATCHER]
    hooks[:] = [hook for hook in hooks if type(hook).__module__ != scope.__name__]
    cleaners[:] = [cleaner for cleaner in cleaners if getattr(cleaner, "__module__", "") != cell_lines.__name__]
    vars(shell.magics_manager).pop("register_alias", None)
    for kind_of_magic in shell.magics_manager.magics.values():
        for name in _MAGICS:
            kind_of_magic.pop(name, None)


def _show_pictures_in(formatter: Any, kind: Any) -> None:
    """Have lists or tuples whose items are all ours shown as a gallery; any other is shown as before."""
    others = formatter.type_printers.get(kind)

    def show(items: Any) -> Any:
        # The first item alone is looked at before anything is loaded.
        if type(items) is kind and items and type(items[0]).__module__ == _RECORDS:
            from wenwen_magic.render.gallery import sequence_bundle  # noqa: PLC0415

            if (bundle := sequence_bundle(items)) is not None:
                return bundle
        if others is not None:
            return others(items)
        own = get_real_method(items, formatter.print_method)  # of a class derived from it
        return own() if own is not None else None

    show.wenwen_others = others  # type: ignore[attr-defined]
    formatter.type_printers[kind] = show


def _show_others_only(formatter: Any, kind: Any) -> None:
    """Take back what :func:`_show_pictures_in` did."""
    shown = formatter.type_printers.get(kind)
    if hasattr(shown, "wenwen_others"):
        del formatter.type_printers[kind]
        if shown.wenwen_others is not None:
            formatter.type_printers[kind] = shown.wenwen_others


_AT_THE_END = {DisplayHook.compute_format_data.__code__, CapturingDisplayHook.__call__.__code__}


def _is_for_the_cells_end() -> bool:
    """Whether IPython shows a cell's last value just now; an explicit ``display()`` is shown all the same.

    Nothing else tells the two apart: ipykernel's display hook does not keep ``is_active``.
    """
    return any(frame.f_code in _AT_THE_END for frame, _line in walk_stack(currentframe()))
