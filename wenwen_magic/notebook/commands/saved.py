"""Commands on saved pictures: search, show, star, compare, repeat, finish, mask, ask after jobs, vote, export."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any

from IPython.display import display

from wenwen_magic.engine import build_request
from wenwen_magic.errors import ConfigError, HistoryError
from wenwen_magic.history.index import Wanted
from wenwen_magic.notebook import voting
from wenwen_magic.notebook.cell import says_yes
from wenwen_magic.notebook.cell_source import cell_of
from wenwen_magic.notebook.commands.registry import OFF, CommandContext, command
from wenwen_magic.notebook.options import Option, check_variable, folded, model_names, split_quoted
from wenwen_magic.protocol import Progress
from wenwen_magic.records import Gallery, Generation
from wenwen_magic.render import history as history_table
from wenwen_magic.text.i18n import N_, _, comma, ngettext, padded
from wenwen_magic.text.sanitize import mask_keys, one_line, replace_unshown

# -- which pictures are meant ------------------------------------------------------------------------------------------


def required_ids(line: str) -> list[str]:
    """Split a line at spaces and commas; quotes around a word are left out.

    Raises:
        ConfigError: there is nothing on it.
    """
    ids = [word for piece in re.split(r"[\s,，、]", line) if (word := piece.strip("\"'“”‘’"))]
    if not ids:
        raise ConfigError(
            _("Which one? An id is missing."),
            do=_("The id stands after # in %wenwen history; a variable does as well."),
        )
    return ids


def _meant(context: CommandContext, word: str) -> Any:
    """Return the value of a variable, of a picture and of an answer their generation; None for no such name."""
    value = context.value_of(word)
    _number, put, result = context.state.put.get(word, (0, None, None))
    return result if value is not None and value is put else getattr(value, "origin", None) or value


def all_saved(context: CommandContext, words: Sequence[str]) -> list[Generation]:
    """Return the saved generations that words mean; a variable with a gallery means all of it."""
    history, meant = context.client.history, list[Generation]()
    for word in words:
        value = _meant(context, word)
        if isinstance(value, Gallery):
            meant += [history.get(row.id) for row in value if row.id]
        elif isinstance(value, (str, list, dict)):  # what an answer leaves in its variable
            raise ConfigError(
                _("{word} holds words or a list, and nothing saved.", word=word),
                do=_("Find it with %wenwen history, and give its id, which stands after #."),
            )
        else:
            meant.append(history.get(value.id if isinstance(value, Generation) else word))
    return meant


def _saved(context: CommandContext, word: str) -> Generation:
    """Return the saved generation that a word means: an id, or a variable that holds one."""
    meant = all_saved(context, required_ids(word))
    if len(meant) != 1:
        raise ConfigError(
            _("{word} holds {count} pictures; choose one.", word=word, count=len(meant)),
            do=_("Name it: {word}[0]", word=word),
        )
    return meant[0]


# -- the history -------------------------------------------------------------------------------------------------------


def _page_number(text: str) -> int:
    if not re.fullmatch(r"0*[1-9]\d{0,8}", folded(text)):
        raise ConfigError(_("There is no page {text!r}.", text=text), do="--page 2")
    return int(text)


_PAGE_OPTION = re.compile(r"\s*--(?:page|页)(?:\s+|=)\S+")
_AGO = re.compile(r"(\d{1,4})\s*(h|d|w|小时|天|日|周)")
_HOURS = {"h": 1, "小时": 1, "d": 24, "天": 24, "日": 24, "w": 168, "周": 168}
_DAYS = {"today": 0, "今天": 0, "yesterday": 1, "昨天": 1}


def _moment_of(text: str, *, end: bool = False) -> float:
    """Read a day (or its ``end``), a moment, ``today`` or a time ago (3d, 2w, 12h), in seconds since 1970."""
    now = datetime.now().astimezone()
    word = folded(text).lower()
    if ago := _AGO.fullmatch(word):
        return (now - timedelta(hours=int(ago.group(1)) * _HOURS[ago.group(2)])).timestamp()
    try:
        day = now.date() - timedelta(days=_DAYS[word]) if word in _DAYS else datetime.fromisoformat(word)
        at = datetime.fromisoformat(day.isoformat()).astimezone()
        whole_day = end and (word in _DAYS or len(word) <= len("2026-11-22"))
        return (at + timedelta(days=1 if whole_day else 0)).timestamp()
    except (ValueError, OverflowError):
        raise ConfigError(
            _("{text!r} is not a date.", text=text[:40]), do=_("For example: 2026-11-22, today, 3d, 2w")
        ) from None


@command(
    "history",
    "历史",
    "[words]",
    help=N_("saved pictures, searched by words and options"),
    options=(
        Option(("-m", "--model", "--模型"), N_("a piece of the model's name"), str, choices=model_names),
        Option(("--since", "--自"), N_("since a day: 2026-11-22, 3d"), _moment_of),
        Option(("--until", "--至"), N_("until a day"), lambda text: _moment_of(text, end=True)),
        Option(("--star", "--星标"), N_("only starred ones")),
        Option(("--tag", "--标签"), N_("only those with a tag"), str),
        Option(("--demo", "--演示"), N_("only the demo's")),
        Option(("--failed", "--失败"), N_("only those without a result")),
        Option(("--page", "--页"), N_("which page"), _page_number),
    ),
)
def history(context: CommandContext, words: str, *, page: int = 1, demo: bool = False, **conditions: Any) -> Gallery:
    """Show a page of the saved generations that hold all words and fulfil all conditions.

    In a live notebook it is shown with controls, once; the page itself stays in the saved notebook.
    """
    client = context.client
    wanted = Wanted(words=tuple(split_quoted(words)), demo=demo or None, **conditions)
    found = client.history.page(wanted, page)
    shown = history_table.page_bundle(
        found,
        thumbnails={row.id: path for row in found.rows if (path := client.thumbnail(row))},
        command=f"%wenwen history {re.sub(_PAGE_OPTION, '', context.line.partition(' ')[2])}".strip(),
        currency=client.settings.currency,
    )
    showing = [display] if context.front.attended and client.settings.ui and found.rows else []

    def render(_gallery: Gallery) -> dict[str, Any]:
        if not showing:
            return shown
        from wenwen_magic.notebook.widgets import view_bundle  # noqa: PLC0415
        from wenwen_magic.notebook.widgets.history_gallery import HistoryGallery  # noqa: PLC0415

        live = HistoryGallery(client, wanted, found, context.names)
        # Without the text of the widget, which places without it would show above the page.
        showing.pop()(view_bundle(live.view), raw=True)  # type: ignore[no-untyped-call]
        return {**shown, "text/html": live.twin(shown["text/html"])}

    return Gallery(found.rows, render=render, differ=client.compare)


@command(
    "show",
    "查看",
    "ID",
    help=N_("a saved picture"),
    options=(Option(("--lineage", "--来历"), N_("what it came from, and what was made of it")),),
)
def show(context: CommandContext, line: str, *, lineage: bool = False) -> Generation | Gallery:
    """Show saved pictures, a whole gallery (a comparison in its table), or with ``--lineage`` a family of pictures."""
    client, words = context.client, required_ids(line)
    if not lineage and len(meant := all_saved(context, words)) > 1:
        value = context.value_of(words[0]) if len(words) == 1 else None
        rows, labels = [client.ready(row) for row in meant], getattr(value, "labels", ())
        return client.gallery(rows, labels if len(labels) == len(rows) else (), blind=getattr(value, "blind", False))
    generation = _saved(context, line)
    if not lineage:
        return client.ready(generation)
    members = history_table.family(client.history, generation)
    family = tuple(member for member, _depth in members)
    thumbnails = {row.id: path for row in family if (path := client.thumbnail(row))}
    bundle = history_table.family_bundle(members, generation, thumbnails)
    return Gallery(family, render=lambda _gallery: bundle, differ=client.compare)


@command("star", "星标", "ID [off]", help=N_("star a picture, or remove the star"))
def star(context: CommandContext, line: str) -> str:
    """Mark pictures, or with ``off`` after them take the marks away; repeated, it changes nothing."""
    words = required_ids(line)
    on = words[-1] not in OFF
    history, marks = context.client.history, []
    for generation in all_saved(context, required_ids(" ".join(words if on else words[:-1]))):
        changed = generation if generation.star == on else history.star(generation, on=on)
        marks.append(f"{'★' if changed.star else '☆'} #{changed.id[:6]}")
    return "  ".join(marks)


@command("tag", "标签", "ID WORDS [off]", help=N_("add tags to a picture, or remove them"))
def tag(context: CommandContext, line: str) -> str:
    """Give a picture tags beside those that it has; with ``off`` after them take these away, or without words all."""
    word, *words = required_ids(line)
    generation, given = _saved(context, word), [each.strip("#＃") for each in words]
    if given and given[-1] in OFF:
        tags = [each for each in generation.tags if given[:-1] and each not in given]
    else:
        tags = [*generation.tags, *given]
    changed = context.client.history.tag(generation, tags) if given else generation
    return f"#{changed.id[:6]}: " + (" ".join(f"#{each}" for each in changed.tags) or _("no tags"))


@command(
    "delete",
    "删除",
    "ID",
    help=N_("a record and its files, for good; asks first"),
    options=(Option(("-y", "--yes", "--确认"), N_("do not ask")),),
)
def delete(context: CommandContext, line: str, *, yes: bool = False) -> str:
    """Delete saved generations for good, after a question.

    Raises:
        ConfigError: nobody is here to be asked.
        HistoryError: a picture may still come, or a file cannot be deleted.
    """
    chosen = all_saved(context, required_ids(line))
    names = ", ".join(f"#{row.id[:6]}" for row in chosen)
    if not yes:
        if not context.front.takes_answers:
            raise ConfigError(
                _("This notebook runs unattended: it cannot ask."), do=f"%wenwen delete {line.strip()} --yes"
            )
        question = _("Delete {names} and the files for good? Asking for it again costs again. [y/N] ", names=names)
        if not says_yes(input(question)):
            return _("Cancelled, nothing was deleted.")
    for row in chosen:
        context.client.history.delete(row)
    return _("Deleted: {names}", names=names)


@command("compare", "比较", "ID ID", help=N_("how two pictures differ"))
def compare(context: CommandContext, line: str) -> Any:
    """Show how two saved pictures differ."""
    ids = required_ids(line)
    if len(ids) != 2:  # noqa: PLR2004  old and new
        raise ConfigError(_("Two ids are needed."), do="%wenwen compare a1b2c3 d4e5f6")
    return context.client.compare(_saved(context, ids[0]), _saved(context, ids[1]))


# -- going on from a picture -------------------------------------------------------------------------------------------


@command("use", "使用", "ID", help=N_("put the cell that made it below; also for a picture file"))
def use(context: CommandContext, word: str) -> str:
    """Insert the cell that made a picture: of a saved one by its id, of a file by the recipe in it."""
    required_ids(word)
    path = Path(word.strip("\"'")).expanduser()
    client = context.client
    if path.is_file():
        request = build_request.read(path, client.settings.max_mib << 20)
        # A format can check pictures only when they are here.
        context.insert(cell_of(client, request if build_request.needed(request) else client.request(request)))
        return _("The cell is below.") + build_request.needed(request)
    generation = _saved(context, word)
    context.insert(cell_of(client, generation))
    if client.saved_takes.best(generation.request, 0) is None:
        return _("The cell is below; running it sends a new request.")
    return _("The cell is below; running it shows what is saved, for free.")


@command("fetch", "取回", "ID", help=N_("finish a download, for free"))
def fetch(context: CommandContext, word: str) -> Generation:
    """Finish a saved generation: download what is missing, or wait for its job; prints the progress."""
    printed: list[str] = []

    def tell(progress: Progress) -> None:
        if progress.text and progress.text not in printed[-1:]:
            printed.append(progress.text)
            print(progress.text)

    return context.client.fetch(_saved(context, word).id, tell=tell)


@command("mask", "蒙版", "NAME", help=N_("paint where a picture may be changed"))
def open_mask(context: CommandContext, line: str) -> None:
    """Open the mask editor on a picture; the mask goes into a variable, NAME_mask where none is named.

    Raises:
        ConfigError: the notebook is not live, it is not a picture, or the variable's name cannot be one.
    """
    word, *names = split_quoted(line) or required_ids(line)
    if not context.front.attended:
        raise ConfigError(_("The mask editor needs a live notebook."), do=_("Give --mask an array or a PNG file."))
    value = word if Path(word).expanduser().is_file() else context.value_of(word)
    if value is None:
        value = _saved(context, word)
    stem = re.sub(r"\W+", "_", Path(word).stem).strip("_")
    name = names[0] if names else f"{'' if stem.isidentifier() else 'picture_'}{stem}_mask"
    check_variable(name, do="%wenwen mask cat cat_mask")
    from wenwen_magic.notebook.widgets.mask_editor import MaskEditor  # noqa: PLC0415  it loads ipywidgets

    editor = MaskEditor(
        *context.client.to_mask(value, word), name, lambda mask: context.names.update({name: mask.image()})
    )
    display(editor.view)  # type: ignore[no-untyped-call]


# -- jobs at the endpoint ----------------------------------------------------------------------------------------------


@command("task", "任务", "ID [seed|U1]", help=N_("query a Midjourney job, or press its button"))
def task(context: CommandContext, line: str) -> Any:
    """Ask after jobs that the endpoint numbers, or press a button of one; a button's label may hold spaces."""
    words, client = required_ids(line), context.client
    ids = list(
        takewhile(lambda word: re.fullmatch(r"#?[0-9a-f]{6,8}", word) or context.value_of(word) is not None, words)
    )
    generations = all_saved(context, ids or words[:1])
    rest = " ".join(words[len(ids) or 1 :]).strip("\"'")
    buttons = generations[0].buttons if len(generations) == 1 else ()
    wanted = _bare(rest)
    if label := next((one.label for one in buttons if wanted and _bare(one.label) == wanted), ""):
        return client.ready(client.press(generations[0], label))
    return _formatted(client.ask_about(generations, rest or ("query" if len(generations) == 1 else "queries")))


def _bare(label: str) -> str:
    """Return a button's label in small letters, without its sign."""
    return " ".join(re.findall(r"[\w.()]+", label)).lower()


_LONGEST = 300
_MOMENTS = range(10**12, 10**13)
"""Numbers that are moments: milliseconds since 1970, of 2001 to 2286."""


def _formatted(answer: Mapping[str, Any]) -> str:
    """Return an endpoint's answer, a line for each value that is set; buttons are shown under the picture."""
    lines = []
    for name, value in answer.items():
        if value in ("", None, [], {}, 0) or name == "buttons":
            continue
        if isinstance(value, int) and value in _MOMENTS:
            text = datetime.fromtimestamp(value / 1000).astimezone().isoformat(" ", "seconds")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
            text = one_line(text, _LONGEST, " …")
        lines.append(f"{padded(str(name), 16)}{text}")
    return replace_unshown(mask_keys("\n".join(lines)))


# -- votes -------------------------------------------------------------------------------------------------------------


@command("vote", "投票", "LETTER", help=N_("the best picture of a blind comparison"))
def vote(context: CommandContext, letter: str) -> str:
    """Vote in the blind comparison that was drawn last, and show its labels.

    Raises:
        ConfigError: no comparison waits for a vote, or no picture has this letter.
        HistoryError: the vote cannot be written.
    """
    if context.state.ballot is None:
        raise ConfigError(
            _("There is nothing to vote on."), do=_("%%wenwen_image -m a,b --blind shows pictures without names.")
        )
    result = context.state.ballot.vote(letter)
    context.state.ballot = None
    return result


@command("votes", "统计", help=N_("count the votes"))
def votes(context: CommandContext, _line: str) -> str:
    """Tally all votes."""
    return voting.listing(context.client.history.folder)


# -- archives ----------------------------------------------------------------------------------------------------------


@command(
    "export",
    "导出",
    "FILE [IDs]",
    help=N_("share pictures as a zip"),
    options=(Option(("--strip", "--去提示词"), N_("leave the prompts out")),),
)
def export(context: CommandContext, line: str, *, strip: bool = False) -> str:
    """Write records and pictures into a zip, all or those that are named; a name without an ending gets ``.zip``.

    Raises:
        ConfigError: no file is named, or it cannot be written there.
        HistoryError: an id is unknown.
    """
    name, *ids = split_quoted(line) or [""]
    value = _meant(context, name) if name.isidentifier() else None
    if not name or (not ids and (name.startswith("#") or isinstance(value, (Generation, Gallery)))):
        file = f"{name.strip('#') or 'lesson'}.zip"
        raise ConfigError(_("The file's name is missing."), do=f"%wenwen export {file} {name}".rstrip())
    chosen = [row.id for row in all_saved(context, required_ids(" ".join(ids)))] if ids else None
    path = Path(name if Path(name).suffix else f"{name}.zip")
    done = context.client.export(path, chosen, strip=strip)
    result = _(
        "{name}: {records} records, {pictures} pictures, {bytes:.1f} MiB",
        name=path.name,
        records=done.records,
        pictures=done.pictures,
        bytes=done.bytes / 2**20,
    )
    return (
        result
        + _and_clips(done.clips)
        + (_("; {left_out} without a file to share left out", left_out=done.left_out) if done.left_out else "")
    )


@command("import", "导入", "FILE", help=N_("import pictures from a zip"))
def import_(context: CommandContext, line: str) -> str:
    """Import records and pictures from such a zip.

    Raises:
        HistoryError: there is no such file, or it cannot be read.
        ConfigError: it was not written by ``%wenwen export``, or something in it is wrong.
    """
    named = Path(line.strip("\"'")).expanduser()
    path = next((file for file in (named, Path(f"{named}.zip")) if file.is_file()), None)
    if path is None:
        raise HistoryError(_("There is no file {name!r}.", name=named.name), do="%wenwen import lesson.zip")
    done = context.client.import_(path)
    result = _(
        "{name}: {records} records and {pictures} pictures imported",
        name=path.name,
        records=done.records,
        pictures=done.pictures,
    )
    here = _("; {already} were here already", already=done.already) if done.already else ""
    return result + _and_clips(done.clips) + here


def _and_clips(count: int) -> str:
    return comma() + ngettext("{count} clip", "{count} clips", count) if count else ""
