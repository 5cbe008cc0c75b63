"""Makes prompts of the rows of a file, a list or a table, and of a template for their columns."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wenwen_magic.engine import prompt_files
from wenwen_magic.errors import ConfigError
from wenwen_magic.request import ImageRequest
from wenwen_magic.text.i18n import say
from wenwen_magic.text.template import interpolate, names_in

_COLUMNS = ("model", "orientation", "style")
_COUNTS = ("count", "张数")
_JSON = (".json", ".jsonl", ".ndjson")


def prompts(
    source: Any, template: str, names: Mapping[str, Any]
) -> Iterator[tuple[str | ImageRequest, dict[str, str]]]:
    """Give the prompt of each row, or the finished request that it is, and the options that the row has of its own.

    Args:
        source: as for :func:`wenwen_magic.engine.prompt_files.read`; a list may hold requests too.
        template: a prompt with ``{{column}}``; empty for the column ``prompt``.
        names: further names for the template; a row's columns go before.

    Raises:
        ConfigError: a row is wrong, or would be asked for otherwise than it says.
    """
    used, counts = names_in(template), _COUNTS + (("n",) if _is_json(source) else ())
    for row in _rows(source):
        if isinstance(row, ImageRequest):
            yield row, {}
            continue
        own = {name: row[name] for name in _COLUMNS if row.get(name)}
        prompt = interpolate(template, {**names, **row}) if template else _prompt_of(row)
        if template and not own and not used & row.keys():
            raise _no_column(row)
        if counted := next((name for name in counts if row.get(name) and name not in used), ""):
            raise _no_count(counted)
        yield prompt, own


def is_lasting(source: Any) -> bool:
    """Whether a source can be read twice: a file, a list or a table can, a generator cannot."""
    return not isinstance(source, Iterator)


def _is_json(source: Any) -> bool:
    """Whether an object per row may be meant as what an endpoint is sent, where ``n`` is a number of pictures."""
    return isinstance(source, (str, Path)) and Path(source).suffix.lower() in _JSON


def _rows(source: Any) -> Iterator[Any]:
    """The rows of a source; requests as they are."""
    mixed = isinstance(source, Iterator) or (
        isinstance(source, (list, tuple)) and any(isinstance(item, ImageRequest) for item in source)
    )
    if not mixed:
        yield from prompt_files.read(source)
        return
    for item in source:
        yield from [item] if isinstance(item, ImageRequest) else prompt_files.read([item])


def _prompt_of(row: Mapping[str, str]) -> str:
    if not row.get("prompt"):
        raise ConfigError(
            say("There is no column called prompt.", "没有名为 prompt（提示词）的列。"),
            why=", ".join(row),
            do=say("Name it so, or write a prompt with {{column}}.", "请如此命名，或在提示词中写 {{列名}}。"),
        )
    return row["prompt"]


def _no_column(row: Mapping[str, str]) -> ConfigError:
    word = "{{" + next(iter(row)) + "}}"
    return ConfigError(
        say("The prompt uses no column: every row would draw the same.", "提示词没有用到任何列：每行都会画同样的图。"),
        why=say("columns: ", "列：") + ", ".join(row),
        do=say(
            f"Write {word} into it, or leave the prompt out. A variable: g = %wenwen_image --from …",
            f"请在提示词中写 {word}，或不写提示词。变量：g = %wenwen_image --from …",
        ),
    )


def _no_count(name: str) -> ConfigError:
    return ConfigError(
        say(f"The column {name} does not say how many.", f"列 {name} 不能指定张数。"),
        do=say(
            "-n 2 on the line counts for every row; else give the column another name.",
            "行首的 -n 2 对每一行有效；否则请给该列换个名称。",
        ),
    )
