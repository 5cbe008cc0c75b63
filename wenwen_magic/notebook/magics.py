"""The magics ``%%wenwen_image``, ``%wenwen_image`` and ``%wenwen``: the one home of IPython."""

import inspect
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.displayhook import DisplayHook
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, no_var_expand
from IPython.display import clear_output, display
from traitlets import Any as AnyTrait
from traitlets.config import Configurable

from wenwen_magic.engine.worker_pool import Runner
from wenwen_magic.errors import ConfigError
from wenwen_magic.models import PICTURE_MODELS
from wenwen_magic.notebook import options
from wenwen_magic.notebook.commands.names import COMMAND_WORDS, COMMANDS
from wenwen_magic.notebook.options import Options
from wenwen_magic.records import DESCRIBE
from wenwen_magic.settings import NAMES, Layer, Loaded, about, environment, load, project, working_folder
from wenwen_magic.text.i18n import _, speak
from wenwen_magic.text.template import interpolate, known_value

if TYPE_CHECKING:
    from wenwen_magic.client import Client
    from wenwen_magic.models import ModelList
    from wenwen_magic.notebook.cell import Cell, Front
    from wenwen_magic.notebook.commands.kernel import Desk
    from wenwen_magic.notebook.widgets.panel import Panel

_SETTING_OPTIONS = ("mode", "timeout")
_NO_OPTIONS = Options({}, "")
_MAGICS = ("wenwen", "wenwen_image", "wenwen_describe")
_SHOWN_ONCE = ("wenwen_magic.records.Generation", "wenwen_magic.records.Gallery")

_TRAITS = {name: AnyTrait(None, allow_none=True, help=about(name)).tag(config=True) for name in NAMES}
_SettingTraits: Any = type("_SettingTraits", (Configurable,), dict(_TRAITS))


def _late(module: str) -> Any:
    """Import one of our heavier modules when it is first needed: ``%load_ext`` stays as quick as nothing."""
    return import_module(f"wenwen_magic.{module}")


@magics_class
class WenwenMagics(Magics, _SettingTraits):  # type: ignore[misc]
    """Draws pictures from prompts in cells."""

    shell: Any

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self.runner = Runner()
        self.shown: Any = None
        self._desk_used: Desk | None = None
        self._asked: set[str] = set()
        self._ballots: list[Cell] = []

    @no_var_expand
    @line_cell_magic
    def wenwen_image(self, line: str, cell: str | None = None) -> Any:
        """Draw the cell's text; ``%%wenwen_image -h`` lists the options."""
        self._speak(cell or line)
        typed = f"%wenwen_image {line}" if cell is None else f"%%wenwen_image {line}\n{cell}"
        return self._run(options.read(line, self._fill), cell, "wenwen_image", typed.rstrip())

    @no_var_expand
    @line_cell_magic
    def wenwen_describe(self, line: str, cell: str | None = None) -> Any:
        """Answer the cell's question on pictures with words: ``%%wenwen_describe --ref cat.png``."""
        self._speak(cell or line)
        given = options.read(line, self._fill)
        asked = given.words or ("" if cell else _("What is in this picture?"))
        words = Options({**given.given, "task": DESCRIBE, "no_ui": True}, asked)
        return self._run(words, cell, "wenwen_describe")

    def _run(self, given: Options, cell: str | None, magic: str, typed: str = "") -> Any:
        """Run a cell, or a line where there is no cell."""
        if cell is None and given.words.endswith(";"):  # as anywhere in IPython, it quiets; a cell's text may end so
            given = Options({**given.given, "quiet": True}, given.words.rstrip("; "))
        if given.help:
            print(options.help_text(f"%%{magic}" if cell is not None else f"%{magic}"))
            return None
        name, prompt = name_and_prompt(given, cell)
        if not prompt and cell is None and not given.given.get("from"):
            return self._panel(given)
        drawn = self._cell(given, prompt, name, alone=cell is not None, typed=typed)
        for line in () if given.quiet else _late("notebook.cell").of_cell(drawn):
            print(line)
        if given.dry_run:
            print(drawn.dry_run())
            return None
        if given.given.get("from"):
            self.shown = drawn.draw()
            return self.shown
        return self._draw(drawn, given)

    def _draw(self, drawn: "Cell", given: Options) -> Any:
        if drawn.blind:
            self._ballots[:] = [drawn]  # an earlier one is not on the screen any more, or nobody cares
        controls = self.attended and drawn.client.settings.ui and not (given.no_ui or given.quiet)
        if given.background:
            job = drawn.draw_in_background()
            self._controls(drawn).follow(job) if controls else drawn.follow(job)
            return None
        self.shown = drawn.draw()
        if controls:
            self._controls(drawn)
        return self.shown

    @no_var_expand
    @line_magic
    def wenwen(self, line: str) -> Any:
        """Look at settings, models and saved pictures; ``%wenwen help`` lists the commands."""
        self._speak(line)
        said = _late("notebook.commands.registry").run(line, self._surroundings())
        if not isinstance(said, str):
            return said
        print(said)
        return None

    def _surroundings(self) -> Any:
        return _late("notebook.commands.registry").Surroundings(
            client=self._client,
            loaded=lambda: self._loaded(_NO_OPTIONS),
            desk=self._desk,
            under_way=self.runner.under_way,
            attended=self.attended or self._kernel is None,
            insert=self.shell.set_next_input,
            value_of=lambda word: known_value(word, self.shell.user_ns),
            ballots=self._ballots,
            open_mask=self._open_mask if self.attended else None,
        )

    def _open_mask(self, picture: Path, size: tuple[int, int], name: str) -> None:
        """Open the mask editor; the variable holds the mask as a PIL image from the first stroke on."""

        def changed(mask: Any) -> None:
            self.shell.user_ns[name] = mask.image()

        display(_late("notebook.widgets.mask_editor").open_editor(picture, size, name, changed).view)  # type: ignore[no-untyped-call]

    def take_over(self, earlier: "WenwenMagics") -> None:
        """Go on with the demo, the typed key and the jobs of magics that were loaded before."""
        self.runner, self._desk_used, self._asked = earlier.runner, earlier._desk_used, earlier._asked  # noqa: SLF001
        self._ballots = earlier._ballots  # noqa: SLF001

    # -- a cell --------------------------------------------------------------------------------------------------------

    def _cell(self, given: Options, prompt: str, name: str, *, alone: bool, typed: str = "") -> Any:
        """The cell's run: of one prompt, of a comparison, or of many prompts."""
        client = self._client(given)
        front = self._front(alone=alone)
        show = None if given.quiet else front.show
        area = _late("notebook.output_area").Area(show, live=front.live and not given.quiet, gather=client.gallery)
        make = _late("notebook.cell").Cell
        wishes = _late("notebook.cell_requests").Wishes(client, given, self.shell.user_ns)
        if source := given.given.get("from"):
            cell = make(client, (), given, name, front, self.runner, area)
            return _late("notebook.cell").LongCell(cell, wishes.many(prompt, source))
        requests, labels = wishes.requests(prompt)
        more = {"text": typed, "renew": lambda: self._client(given)}  # settings count as they are at a press
        return make(client, requests, given, name, front, self.runner, area, labels, **more)

    def _panel(self, given: Options) -> None:
        if not self.attended:
            print(_("The control panel needs a live notebook."))
            return
        cell = self._cell(Options({**given.given, "raw": True}, ""), "…", "", alone=False)
        self._controls(cell, with_prompt=True)
        cell.area.status(_("The picture will appear here."))

    def _controls(self, cell: "Cell", *, with_prompt: bool = False) -> "Panel":
        client = cell.client
        known = client.known_models()
        panel = _late("notebook.widgets.panel").Panel(cell, self._defer, _suggested(known), with_prompt=with_prompt)
        display(panel.view)  # type: ignore[no-untyped-call]
        wanted = with_prompt or any(not row.from_history for row in cell.area.rows)  # what is saved is shown offline
        if (
            wanted
            and not client.known_models(fresh=True)
            and client.settings.mode != "replay"
            and client.address not in self._asked
        ):
            self._asked.add(client.address)  # once, answered or not
            self.runner.start(lambda _: self._suggest(client, panel.suggest))
        return panel  # type: ignore[no-any-return]

    def _suggest(self, client: "Client", suggest: Callable[[list[str]], None]) -> None:
        """Ask the endpoint for its models, beside everything else; without an answer the known ones stay."""
        names = _suggested(client.model_list())
        self._defer(lambda: suggest(names))

    # -- what surrounds a cell -----------------------------------------------------------------------------------------

    @property
    def _kernel(self) -> Any:
        return getattr(self.shell, "kernel", None)

    @property
    def attended(self) -> bool:
        """Whether a person is at the notebook: papermill, nbconvert and their kind allow no input."""
        return bool(self._kernel is not None and getattr(self._kernel, "_allow_stdin", False))

    def _front(self, *, alone: bool) -> "Front":
        return _late("notebook.cell").Front(  # type: ignore[no-any-return]
            show=lambda bundle: display(bundle, raw=True, display_id=True),  # type: ignore[no-untyped-call]
            clear=clear_output if alone else None,
            live=self._kernel is not None,
            attended=self.attended,
            ask=input,
            names=self.shell.user_ns,
        )

    def _defer(self, work: Callable[[], None]) -> None:
        """Run something in the main thread when it is free; widgets must not be changed from another."""
        self._kernel.io_loop.add_callback(work)

    @property
    def _desk(self) -> "Desk":
        if self._desk_used is None:
            self._desk_used = _late("notebook.commands.kernel").Desk()
        return self._desk_used

    def _loaded(self, given: Options) -> Loaded:
        demo = self._desk_used.demo if self._desk_used else None
        return load(
            Layer(_("option"), {name: getattr(given, name) for name in _SETTING_OPTIONS}),
            Layer("%wenwen demo", {"base_url": demo.address} if demo else {}),
            Layer("%config", {name: getattr(self, name) for name in NAMES}),
            environment(),
            project(working_folder()),
        )

    def _client(self, given: Options = _NO_OPTIONS) -> "Client":
        key = self._desk_used.key if self._desk_used else None
        if key is None and "google.colab" in sys.modules:  # whose answer comes through the main thread
            key = _late("endpoint.api_key").find()[0]
        client = _late("client").Client(settings=self._loaded(given), api_key=key)
        client.history.when_long(print)
        return client  # type: ignore[no-any-return]

    def _speak(self, text: str) -> None:
        speak("auto", prompt=text)  # an error in the settings themselves is told in the prompt's language
        with suppress(ConfigError):  # told when a setting is needed; help can be read without any
            speak(self._loaded(_NO_OPTIONS).settings.lang, prompt=text)

    def _fill(self, text: str) -> str:
        return interpolate(text, self.shell.user_ns)

    def complete(self, line: str) -> list[str]:
        """Words that could stand at the end of a line; models' names without asking anybody for them."""
        settings = self._loaded(_NO_OPTIONS).settings
        known = None
        with suppress(ConfigError):  # an address that is none is told when somebody is asked
            address = _late("endpoint.transport").normalised(settings.base_url)
            known = _late("engine.limits").SESSION.models.read(address)
        models = dict.fromkeys([settings.model, *_suggested(known)])
        formats = lambda: sorted(_late("formats").FORMATS)  # noqa: E731  loaded only when one is wanted
        return options.complete(line, list(models), sorted(settings.styles), formats)


def _suggested(known: "ModelList | None") -> list[str]:
    """Models' names to suggest: those that the endpoint named, pictures first; until then those known to draw."""
    return list(known.names) if known and known.models else list(PICTURE_MODELS)


def name_and_prompt(given: Options, cell: str | None) -> tuple[str, str]:
    """The variable's name and the prompt; a line magic has only the prompt.

    Raises:
        ConfigError: what stands on a cell magic's line is no variable's name.
    """
    if cell is None:
        words = given.words
        quoted = len(words) > 1 and words[0] == words[-1] and words[0] in "\"'"
        return "", (words[1:-1] if quoted else words).strip()
    if given.words and (not given.words.isidentifier() or iskeyword(given.words)):
        raise ConfigError(
            _("{words!r} is not a variable's name.", words=given.words),
            do=_("The prompt goes below the first line."),
        )
    return given.words, cell.strip()


_registered: list[WenwenMagics] = []
_last: list[WenwenMagics] = []


def register(shell: Any) -> None:
    """Register the magics, their completion, and the rule that a drawn picture is shown once."""
    magics = WenwenMagics(shell)
    if _last and _last[0].shell is shell:
        magics.take_over(_last[0])
    shell.register_magics(magics)
    _registered[:] = _last[:] = [magics]
    formatter = shell.display_formatter.ipython_display_formatter
    for kind in _SHOWN_ONCE:
        formatter.for_type(kind, lambda thing: _show_once(magics, thing))
    shell.events.register("pre_run_cell", _forget_shown)
    for name in (f"{sign}{magic}" for magic in _MAGICS[1:] for sign in ("%%", "%")):
        shell.set_hook("complete_command", lambda _, event: magics.complete(event.text_until_cursor), str_key=name)
    shell.set_hook("complete_command", lambda _, __: [*COMMANDS, *COMMAND_WORDS], str_key="%wenwen")


def unregister(shell: Any) -> None:
    """Take away what :func:`register` hooked in."""
    formatter = shell.display_formatter.ipython_display_formatter
    for kind in _SHOWN_ONCE:
        formatter.pop(kind, None)
    if _registered:
        shell.events.unregister("pre_run_cell", _forget_shown)
        _registered.clear()
    for kind_of_magic in shell.magics_manager.magics.values():
        for name in _MAGICS:
            kind_of_magic.pop(name, None)


def _forget_shown(*_: Any) -> None:
    for magics in _registered:
        magics.shown = None


def _show_once(magics: WenwenMagics, thing: Any) -> None:
    """Show nothing for what the cell has just shown; anything else is shown as usual."""
    if thing is magics.shown and _is_for_the_cells_end():
        magics.shown = None
        return
    raise NotImplementedError  # IPython then goes on to the MIME bundle


def _is_for_the_cells_end() -> bool:
    """Whether IPython shows a cell's last value just now; an explicit ``display()`` is shown all the same.

    Nothing else tells the two apart: ipykernel's display hook does not keep ``is_active``.
    """
    frame = inspect.currentframe()
    while frame is not None and frame.f_code is not DisplayHook.compute_format_data.__code__:
        frame = frame.f_back
    return frame is not None
