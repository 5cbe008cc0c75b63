"""What a magic finds where it runs: the front end, and the names.

The names are those of the function that runs it, then of its module, then of the notebook.
"""

import ast
import inspect
import linecache
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from keyword import iskeyword
from traceback import walk_stack
from types import CodeType, FrameType
from typing import Any

from IPython.core.displaypub import CapturingDisplayPublisher

from wenwen_magic.errors import ConfigError
from wenwen_magic.text.i18n import _
from wenwen_magic.text.template import Unseen

_CALLS = {"run_line_magic", "run_cell_magic", "magic"}
_BETWEEN = {"IPython", "decorator", "wenwen_magic"}
"""Packages whose frames may be between a magic and the code that runs it."""
_CALLERS = {"asyncio", "comm", "concurrent", "ipykernel", "ipywidgets", "threading", "tornado", "traitlets"}
"""Packages that run a magic which was handed to them as it is: their names are nobody's."""
_TIMED = {"<magic-timeit>", "<timeit-src>"}
"""What IPython and Python call the code that they run again and again."""
_MARK = "_wenwen_words"
_WORD = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class FrontEnd:
    """What shows a cell's outputs, as it is while the cell runs.

    Args:
        kernel: around the shell; None in a terminal.
        can_ask: whether a person can answer a question: papermill, nbconvert and their kind allow no input.
        attended: whether a person is at the notebook, who can at least press buttons.
        changes: whether what is shown can be changed. A terminal's output cannot, and %%capture keeps every change.
    """

    kernel: Any
    can_ask: bool
    attended: bool
    changes: bool

    @property
    def takes_answers(self) -> bool:
        """Whether a command can ask something: in a terminal too."""
        return self.can_ask or self.kernel is None

    def defer(self, work: Callable[[], None]) -> None:
        """Run something in the main thread when it is free; widgets must not be changed from another."""
        self.kernel.io_loop.add_callback(work)


def front_end(shell: Any) -> FrontEnd:
    """Look up what shows the outputs of a shell's cell.

    A server that runs a notebook for the visitor of a page, such as Voila, allows no input. It describes the visitor's
    request in variables of the environment, as CGI (RFC 3875) names them.
    """
    kernel = getattr(shell, "kernel", None)
    can_ask = bool(getattr(kernel, "_allow_stdin", False))
    attended = can_ask or (kernel is not None and "SERVER_SOFTWARE" in os.environ)
    changes = kernel is not None and not isinstance(shell.display_pub, CapturingDisplayPublisher)
    return FrontEnd(kernel, can_ask, attended, changes)


def seen_names(notebook: Mapping[str, Any], *, setting: str = "") -> dict[str, Any]:
    """Return the names where the magic runs, as they are now.

    A name that belongs to a function there and has no value that can be read is an
    :class:`~wenwen_magic.text.template.Unseen`: nothing of the same name takes its place. So are all names where a
    thread or a callback runs the magic directly.

    Args:
        notebook: the notebook's own.
        setting: the variable that the magic is to set; it can set the notebook's only.

    Raises:
        ConfigError: the variable to be set belongs to the function that runs the magic; nothing was sent.
    """
    frame = _caller()
    if frame is None:  # a function may have started what runs the magic now, and have meant its own names
        return {name: Unseen(name, "") for name in notebook if not name.startswith("__")}
    if setting in _local(frame.f_code):
        function = frame.f_code.co_qualname.rpartition("<locals>.")[2]
        raise ConfigError(
            _(
                "A cell cannot set {name!r}: it is a variable of the function {function}.",
                name=setting,
                function=function,
            ),
            do=_("In a function write: {name} = %wenwen_image …", name=setting),
        )
    if frame.f_locals is notebook:
        return dict(notebook)
    names = {**notebook, **frame.f_globals}
    names |= {name: Unseen(name, function) for name, function in _of_functions(frame.f_code)}
    return names | frame.f_locals


def check_runs_once() -> None:
    """Refuse to draw a new take where ``%timeit`` runs the magic, which would be paid for at every run.

    Raises:
        ConfigError: it does; nothing was sent.
    """
    if any(frame.f_code.co_filename in _TIMED for frame, _line in walk_stack(inspect.currentframe())):
        raise ConfigError(
            _("%timeit runs a magic many times: with --fresh each would be paid for."),
            do=_("Leave --fresh out: then the first run alone pays. Or use %time."),
        )


def _caller() -> FrameType | None:
    """Return the frame of the code that runs the magic; None where no Python code does."""
    frames = (frame for frame, _line in walk_stack(inspect.currentframe()))
    outer = (frame for frame in frames if _package(frame) not in _BETWEEN and not _only_calls(frame))
    frame = next(outer, None)
    return None if frame is None or _package(frame) in _CALLERS else frame


def _only_calls(frame: FrameType) -> bool:
    """Tell whether a library's code runs what it was handed, such as a retry: the magic's text is its caller's."""
    code = frame.f_code
    words = {*code.co_names, *(constant for constant in code.co_consts if isinstance(constant, str))}
    library = code.co_filename.startswith(_libraries()) and _package(frame) not in _CALLERS
    return library and not any(word in _CALLS or "wenwen" in word for word in words)


@cache
def _libraries() -> tuple[str, ...]:
    """Return the folders of Python's own modules and of installed packages."""
    import sysconfig  # noqa: PLC0415  it reads how Python was built: not while a notebook starts

    return tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _local(code: CodeType) -> set[str]:
    """Return the names that belong to a function, or that it has of the functions around it; a class has none."""
    if not code.co_flags & inspect.CO_OPTIMIZED:
        return set()
    return {*code.co_varnames, *code.co_cellvars, *code.co_freevars}


def _of_functions(code: CodeType) -> Iterator[tuple[str, str]]:
    """Yield the names of a function and of those around it, each with the function's name.

    Python hands a function only those names of the functions around it that the function's own code uses, and a
    magic's text is no code to it. What the others are is read from the source.
    """
    around = list(_around(code)) if code.co_flags & inspect.CO_NESTED else []
    for one in (*around, code):
        for name in _local(one):
            yield name, one.co_qualname.rpartition("<locals>.")[2]


def _around(code: CodeType) -> Iterator[CodeType]:
    """Yield the code around a nested function, the outermost first."""
    source = "".join(linecache.getlines(code.co_filename))
    try:
        tree = compile(source, code.co_filename, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except (SyntaxError, ValueError):
        tree = None
    path = tree and _path(tree, code)
    if not path and any(isinstance(one, CodeType) and _MARK in one.co_varnames for one in code.co_consts):
        return  # it was made to keep all names that its texts use
    if not path:
        raise ConfigError(
            _(
                "The variables of {function} cannot be seen from a magic: its source is gone.",
                function=code.co_qualname,
            ),
            do=_("Use Client().generate(prompt) there, with the prompt as a Python text."),
        )
    yield from path


def _path(tree: CodeType, wanted: CodeType) -> tuple[CodeType, ...]:
    """Return the code from a module's to the one around a function's; nothing if it is not in there."""
    for inner in tree.co_consts:
        if isinstance(inner, CodeType):
            if inner.co_qualname == wanted.co_qualname and _lines(inner) == _lines(wanted):
                return (tree,)
            if path := _path(inner, wanted):
                return (tree, *path)
    return ()


def _lines(code: CodeType) -> set[int]:
    return {code.co_firstlineno, *(line for _start, _end, line in code.co_lines() if line)}


class Capture(ast.NodeTransformer):
    """Let functions in cells keep the names that their magics' texts use, as if the texts were code.

    ``f(text)`` becomes ``f(text) if lambda mark: (word, …) else None``: it is never called, but for it Python hands
    the words to the function, where they are names of the functions around it.
    """

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Put a lambda with the words of a magic's text beside its call."""
        self.generic_visit(node)
        called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if called not in _CALLS:
            return node
        texts = [part.value for argument in node.args for part in ast.walk(argument) if isinstance(part, ast.Constant)]
        text = "\n".join(text for text in texts if isinstance(text, str))
        if "wenwen" not in text:
            return node
        words = sorted({word for word in _WORD.findall(text) if word.isidentifier() and not iskeyword(word)})
        names = ast.Tuple([ast.Name(word, ast.Load()) for word in words], ast.Load())
        mark = ast.arguments(posonlyargs=[], args=[ast.arg(_MARK)], kwonlyargs=[], kw_defaults=[], defaults=[])
        kept = ast.IfExp(ast.Lambda(mark, names), node, ast.Constant(None))
        return ast.fix_missing_locations(ast.copy_location(kept, node))
