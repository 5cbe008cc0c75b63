"""Prepares a cell as it was typed for IPython, which reads magics more strictly than people type them."""

import re

from IPython.core.inputtransformer2 import TransformerManager

from wenwen_magic.errors import ConfigError
from wenwen_magic.text.i18n import _

CELL_MAGICS = ("wenwen_image", "wenwen_describe", "wenwen_ask", "wenwen_video")
"""The magics that take a cell's text, or a line's."""
_CELL_MAGIC = "|".join(CELL_MAGICS)
_UNSEEN = "\u200b\u2060\ufeff"
_SPACES = rf"[^\S\r\n{_UNSEEN}]|[{_UNSEEN}]"
_BLANK = re.compile(rf"[\s{_UNSEEN}]*(?:#|\Z)")
_CELL = re.compile(rf"[\s{_UNSEEN}]*[%％]{{2}}({_CELL_MAGIC})(?![\w])")
_ASSIGNED = r"\s*(?:[^\W\d][^=%#\n]*=\s*)?"
_LINE = re.compile(rf"^({_ASSIGNED})[%％]({_CELL_MAGIC}|wenwen)((?:{_SPACES})+|(?=[\r\n]|$))")
_NAMED = re.compile(rf"\s*([^\W\d]\w*)\s*=\s*[%％]{{2}}({_CELL_MAGIC})(?!\w)[^\S\n]*(.*)")
_ALONE = re.compile(rf"[%％]({_CELL_MAGIC})(?!\w)")
_QUESTION = re.compile(
    rf"^({_ASSIGNED})%(?:({_CELL_MAGIC}) +(.*\S.*[?])|(wenwen) +((?:.* )?-[?]))[^\S\n]*$",
    re.MULTILINE,
)


def prepare(lines: list[str]) -> list[str]:
    """Return the lines of a cell as IPython understands them, where a magic of ours is in it.

    Comments and empty lines above a ``%%`` magic are left out, and a cell without text gets an empty one. Chinese
    spaces, tabs, unseen characters and full-width percent signs at a magic's name become the plain ones. A line that
    ends in a question mark is no question to IPython.

    Raises:
        ConfigError: code or another cell is above a ``%%`` magic, or a name before it; or a prompt is below a ``%``
            magic.
    """
    first = next((number for number, line in enumerate(lines) if not _BLANK.match(line)), 0)
    if lines and (magic := _CELL.match(lines[first])):
        for line in lines[first + 1 :]:  # two cells were pasted into one; an indented line is text
            if line[:1] in "%％" and (second := _CELL.match(line)):
                raise _below(second[1])
        head = f"%%{magic[1]}{lines[first][magic.end() :]}"
        text = [line[:-2] + "\n" if line.endswith("\r\n") else line for line in lines[first + 1 :]]
        return [re.sub(_SPACES, " ", head), *(text or ["\n"])]
    if not lines or lines[0].startswith("%%"):  # whose text stays as it is
        return lines
    for number, line in enumerate(lines):
        if (magic := _CELL.match(line)) and _completeness("".join(lines[:number])) == "complete":
            raise _below(magic[1])
    if named := _NAMED.match(lines[first]):
        raise ConfigError(
            _("Nothing stands before %%{magic}; nothing was run.", magic=named[2]),
            do=_("Its variable stands behind it: ") + f"%%{named[2]} {named[1]} {named[3]}".rstrip(),
        )
    if (magic := _ALONE.match(lines[first])) and _is_prompt("".join(lines[first + 1 :]).strip()):
        raise ConfigError(
            _("%{magic} is one line, and what is below it is no code; nothing was run.", magic=magic[1]),
            do=_("A prompt below the first line takes two signs: %%{magic} …", magic=magic[1]),
        )
    return [_QUESTION.sub(_as_call, _LINE.sub(_plain, line)) for line in lines]


def magic_before(before: str) -> tuple[str, str] | None:
    """Return the magic of ours that the end of a text belongs to, without ``%``, and what is typed behind its name.

    What is typed for a ``%%`` magic has a line feed where the text of its cell begins.

    Args:
        before: a cell up to the cursor.
    """
    lines = before.split("\n")
    for number, line in enumerate(lines):
        if magic := _CELL.match(line):
            typed = "\n".join([line[magic.end() :], *lines[number + 1 :]])
            return (magic[1], typed) if re.match(r"\s", typed) else None
        if not _BLANK.match(line) and not line.startswith("%%"):
            break
    at = _LINE.match(lines[-1])
    return (at[2], lines[-1][at.end(2) :]) if at and at[3] else None


# Where a console asks whether a cell is complete, it is asked of what was typed.
prepare.has_side_effects = True  # type: ignore[attr-defined]


def _below(magic: str) -> ConfigError:
    return ConfigError(
        _("%%{magic} is not at the top of its cell; nothing was run.", magic=magic),
        why=_("Only comments and empty lines may be above it."),
        do=_("Put it into a cell of its own, or write on one line: %{magic} …", magic=magic),
    )


def _plain(magic: re.Match[str]) -> str:
    return f"{magic[1]}%{magic[2]}{' ' * len(magic[3])}"


def _as_call(magic: re.Match[str]) -> str:
    return f"{magic[1]}get_ipython().run_line_magic({magic[2] or magic[4]!r}, {magic[3] or magic[5]!r})"


def _is_prompt(below: str) -> bool:
    """Tell whether lines are no code; Chinese has no spaces, and a prompt may be a name."""
    return (below.isidentifier() and not below.isascii()) or _completeness(below) == "invalid"


def _completeness(text: str) -> str:
    """Return what lines are: ``complete`` code that ends there, ``incomplete``, as in open quotes, or ``invalid``."""
    state, _indent = TransformerManager().check_complete(f"{text}\n\n")  # type: ignore[no-untyped-call]
    return str(state)
