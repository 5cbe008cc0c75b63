"""The magics ``%%wenwen_image``, ``%wenwen_image`` and ``%wenwen``: the one home of IPython."""

import inspect
import re
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

from wenwen_magic import completion, options
from wenwen_magic.errors import ConfigError
from wenwen_magic.interpolation import interpolate, value_of
from wenwen_magic.language import say, speak
from wenwen_magic.nearest import did_you_mean
from wenwen_magic.options import Options
from wenwen_magic.runner import Runner
from wenwen_magic.settings import NAMES, Layer, Loaded, about, environment, load, project, working_folder
from wenwen_magic.vocabulary import PICTURE_MODELS

if TYPE_CHECKING:
    from wenwen_magic.cell import Cell, Front
    from wenwen_magic.client import Client
    from wenwen_magic.commands import Desk
    from wenwen_magic.records import ImageRequest
    from wenwen_magic.widgets import Panel

_EXPRESSION = re.compile(r"([^\W\d]\w*)(?:\[[^\[\]]+\]|\.[^\W\d]\w*)*")
_SETTING_OPTIONS = ("mode", "format", "timeout")
_COMMANDS = ("status", "models", "show", "fetch", "demo", "key", "help")
_NO_OPTIONS = Options({}, "")
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
        self._models: dict[str, list[str]] = {}

    @no_var_expand
    @line_cell_magic
    def wenwen_image(self, line: str, cell: str | None = None) -> Any:
        """Draw the cell's text; ``%%wenwen_image -h`` lists the options."""
        self._speak(cell or line)
        given = options.read(line, self._fill)
        if cell is None and given.words.endswith(";"):  # as anywhere in IPython, it quiets; a cell's text may end so
            given = Options({**given.given, "quiet": True}, given.words.rstrip("; "))
        if given.help:
            print(options.help_text("%%wenwen_image" if cell is not None else "%wenwen_image"))
            return None
        name, prompt = name_and_prompt(given, cell)
        if not prompt and cell is None:
            return self._panel(given)
        drawn = self._cell(given, prompt if given.raw else self._fill(prompt), name, alone=cell is not None)
        if given.dry_run:
            print(drawn.dry_run())
            return None
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
        command, _, rest = line.strip().partition(" ")
        if command and command not in _COMMANDS:
            what = say(f"There is no command %wenwen {command}.", f"没有命令 %wenwen {command}。")
            raise ConfigError(what, do=did_you_mean(command, _COMMANDS))
        said = getattr(self, f"_command_{command or 'help'}")(rest.strip())
        if not isinstance(said, str):
            return said
        print(said)
        return None

    def take_over(self, earlier: "WenwenMagics") -> None:
        """Go on with the demo, the typed key and the jobs of magics that were loaded before."""
        self.runner, self._desk_used, self._models = earlier.runner, earlier._desk_used, earlier._models  # noqa: SLF001

    # -- a cell --------------------------------------------------------------------------------------------------------

    def _cell(self, given: Options, prompt: str, name: str, *, alone: bool) -> "Cell":
        client = self._client(given)
        front = self._front(alone=alone)
        show = None if given.quiet else front.show
        area = _late("area").Area(show, live=front.live and not given.quiet, gather=client.gallery)
        requests = self._requests(client, given, prompt)
        return _late("cell").Cell(client, requests, given, name, front, self.runner, area)  # type: ignore[no-any-return]

    def _requests(self, client: "Client", given: Options, prompt: str) -> "tuple[ImageRequest, ...]":
        """One request for each model named; all that is wrong with one is found here, before anything is sent."""
        fixed = {
            "orientation": given.orientation,
            "count": given.count,
            "params": dict(given.param) if given.param else None,
            "references": [self._reference(client, word) for word in given.ref or ()],
            "stream": given.stream,
        }
        return tuple(client.request(prompt, model=model, **fixed) for model in given.model or [None])

    def _reference(self, client: "Client", word: str) -> Any:
        """What a word after ``--ref`` means: a variable or a part of one, a saved id, else a path or an address."""
        make = client.reference
        names = self.shell.user_ns
        expression = _EXPRESSION.fullmatch(word)
        if expression and expression.group(1) in names and not Path(word).is_file():
            return make(value_of(word, names), word)
        if re.fullmatch(r"#[0-9a-f]{6,8}|[0-9a-f]{8}", word):
            return make(client.history.get(word), word)
        return make(word, word)

    def _panel(self, given: Options) -> None:
        if not self.attended:
            print(say("The control panel needs a live notebook.", "控件面板需要可交互的笔记本。"))
            return
        cell = self._cell(given, "…", "", alone=False)
        self._controls(cell, with_prompt=True)
        cell.area.status(say("The picture will appear here.", "图片会显示在这里。"))

    def _controls(self, cell: "Cell", *, with_prompt: bool = False) -> "Panel":
        known = self._models.get(cell.client.address)
        panel = _late("widgets").Panel(cell, self._defer, known or PICTURE_MODELS, with_prompt=with_prompt)
        display(panel.view)  # type: ignore[no-untyped-call]
        asked = with_prompt or any(not row.from_history for row in cell.area.rows)
        if known is None and asked and cell.client.settings.mode != "replay":  # what is saved is shown offline
            self._models[cell.client.address] = []  # asked once, answered or not
            self.runner.start(lambda _: self._suggest(cell.client, panel.suggest))
        return panel  # type: ignore[no-any-return]

    def _suggest(self, client: "Client", suggest: Callable[[list[str]], None]) -> None:
        """Ask the endpoint for its models once, beside everything else; without an answer the known ones stay."""
        self._models[client.address] = client.models()
        self._defer(lambda: suggest(self._models[client.address]))

    # -- what surrounds a cell -----------------------------------------------------------------------------------------

    @property
    def _kernel(self) -> Any:
        return getattr(self.shell, "kernel", None)

    @property
    def attended(self) -> bool:
        """Whether a person is at the notebook: papermill, nbconvert and their kind allow no input."""
        return bool(self._kernel is not None and getattr(self._kernel, "_allow_stdin", False))

    def _front(self, *, alone: bool) -> "Front":
        return _late("cell").Front(  # type: ignore[no-any-return]
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
            self._desk_used = _late("commands").Desk()
        return self._desk_used

    def _loaded(self, given: Options) -> Loaded:
        demo = self._desk_used.demo if self._desk_used else None
        return load(
            Layer(say("option", "选项"), {name: getattr(given, name) for name in _SETTING_OPTIONS}),
            Layer("%wenwen demo", {"base_url": demo.address} if demo else {}),
            Layer("%config", {name: getattr(self, name) for name in NAMES}),
            environment(),
            project(working_folder()),
        )

    def _client(self, given: Options = _NO_OPTIONS) -> "Client":
        key = self._desk_used.key if self._desk_used else None
        if key is None and "google.colab" in sys.modules:  # whose answer comes through the main thread
            key = _late("keys").find()[0]
        return _late("client").Client(settings=self._loaded(given), api_key=key)  # type: ignore[no-any-return]

    def _speak(self, text: str) -> None:
        speak("auto", prompt=text)  # an error in the settings themselves is told in the prompt's language
        with suppress(ConfigError):  # told when a setting is needed; help can be read without any
            speak(self._loaded(_NO_OPTIONS).settings.lang, prompt=text)

    def _fill(self, text: str) -> str:
        return interpolate(text, self.shell.user_ns)

    def complete(self, line: str) -> list[str]:
        """Words that could stand at the end of a line; models' names without asking anybody for them."""
        named = (name for names in self._models.values() for name in names)
        known = {self._loaded(_NO_OPTIONS).settings.model, *PICTURE_MODELS, *named}
        return completion.complete(line, sorted(known))

    # -- %wenwen -------------------------------------------------------------------------------------------------------

    def _command_help(self, _: str) -> str:
        return str(_late("commands").help_text())

    def _command_status(self, _: str) -> str:
        loaded = self._loaded(_NO_OPTIONS)
        return str(_late("commands").status(self._client(), loaded, self._desk, self.runner.under_way()))

    def _command_models(self, words: str) -> str:
        client = self._client()
        self._models[client.address] = client.models()
        return str(_late("commands").models(self._models[client.address], words))

    def _command_show(self, id: str) -> Any:
        client = self._client()
        return client.ready(client.history.get(id))

    def _command_fetch(self, id: str) -> Any:
        return self._client().fetch(id)

    def _command_demo(self, word: str) -> str:
        return str(_late("commands").demo(self._desk, word))

    def _command_key(self, word: str) -> str:
        attended = self.attended or self._kernel is None
        return str(_late("commands").key(self._desk, word, attended=attended))


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
            say(f"{given.words!r} is not a variable's name.", f"{given.words!r} 不是变量名。"),
            do=say("The prompt goes below the first line.", "提示词写在第一行下面。"),
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
    for name in ("%%wenwen_image", "%wenwen_image"):
        shell.set_hook("complete_command", lambda _, event: magics.complete(event.text_until_cursor), str_key=name)
    shell.set_hook("complete_command", lambda _, __: list(_COMMANDS), str_key="%wenwen")


def unregister(shell: Any) -> None:
    """Take away what :func:`register` hooked in."""
    formatter = shell.display_formatter.ipython_display_formatter
    for kind in _SHOWN_ONCE:
        formatter.pop(kind, None)
    if _registered:
        shell.events.unregister("pre_run_cell", _forget_shown)
        _registered.clear()
    for kind_of_magic in shell.magics_manager.magics.values():
        for name in ("wenwen", "wenwen_image"):
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
