"""Says how two generations, or two requests, differ: prompts marked word by word, settings by name; pure."""

import json
import re
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from difflib import SequenceMatcher
from functools import cached_property, partial
from html import escape
from itertools import accumulate
from typing import Any, Literal, NamedTuple, get_args

from wenwen_magic.errors import mask
from wenwen_magic.records import Generation, ImageRequest
from wenwen_magic.text.i18n import _, spoken

_CJK = "\u3005-\u3007\u3040-\u3098\u309b-\u30ff\u3105-\u318f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_CJK += "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
# What belongs to the sign before it: accents, voicing marks, emoji variants and skin colours.
_MARKS = "[\u0300-\u036f\u3099\u309a\u20d0-\u20ff\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]"
_LETTER = rf"[^\W{_CJK}]"
# A word and the white space after it; only a text that begins with white space begins with an empty word.
_WORD = re.compile(
    rf"(\A(?=\s)|[{_CJK}]{_MARKS}*"
    # The signs of India and Thailand are letters here: half of their words are marks.
    rf"|{_LETTER}(?:{_LETTER}|{_MARKS}|[\u0900-\u0eff]|['’](?={_LETTER}))*"
    rf"|[\U0001f1e6-\U0001f1ff]{{2}}|.(?:{_MARKS}|\u200d\S)*)(\s*)",
    re.DOTALL,
)
# Half characters, which nothing can be sent, and those that turn the direction of all that follows.
_UNSOUND = dict.fromkeys((*range(0xD800, 0xE000), *range(0x202A, 0x202F), *range(0x2066, 0x206A)), "\ufffd")
_MOST_STEPS = 2_000_000  # comparisons of two words that one pair of prompts may cost: about a third of a second
_CONFETTI = 4
_TEXT = {"same": "%s", "gone": "[-%s-]", "new": "{+%s+}"}
_HTML = {
    "same": "%s",
    "gone": '<del style="color:#82071e;background:#ffebe9;text-decoration:none">[−%s]</del>',
    "new": '<ins style="color:#0a4a1f;background:#dafbe1;text-decoration:none">[+%s]</ins>',
}
_Word = tuple[str, str]
Mark = Literal["same", "gone", "new"]


@dataclass(frozen=True)
class Piece:
    """A part of two prompts.

    Args:
        text: the words.
        mark: ``same`` in both, ``gone`` from the old one, or ``new`` in the new one.
    """

    text: str
    mark: Mark


class _Step(NamedTuple):
    same: str
    gone: str
    new: str


def pieces(old: str, new: str) -> list[Piece]:
    """The difference of two prompts: Chinese, Japanese and Korean signs one by one, all else word by word.

    What both share and what is gone make the old prompt, what both share and what is new the new one. Between two
    pieces of what both share stands at most one piece that is gone, then at most one that is new.

    Args:
        old: one prompt, of any length; long ones that have little in common are marked coarsely.
        new: the other one.
    """
    calm: list[_Step] = []
    for step in _gathered(_steps(_WORD.findall(old), _WORD.findall(new))):
        if calm and _is_stray(calm[-1], step):
            same, gone, new_ = calm.pop()
            calm.append(_Step(same, gone + step.same + step.gone, new_ + step.same + step.new))
        else:
            calm.append(step)
    return [Piece(text, mark) for step in calm for text, mark in zip(step, get_args(Mark), strict=True) if text]


def _is_stray(before: _Step, step: _Step) -> bool:
    """Whether what is shared is too little to read: white space, or a short word between long changes."""
    word, changed = step.same.strip(), len(step.gone) + len(step.new)
    around = min(changed, len(before.gone) + len(before.new))
    return changed > 0 and (not word or (word.isalnum() and _CONFETTI * len(word) <= around))


def _gathered(steps: Iterable[_Step]) -> Iterator[_Step]:
    """The same steps, each with all that is shared up to the next change."""
    held: tuple[list[str], ...] = [], [], []
    for step in steps:
        if step.same and (held[1] or held[2]):
            yield _Step(*map("".join, held))
            held = [], [], []
        for parts, text in zip(held, step, strict=True):
            parts.extend([text] if text else [])
    yield _Step(*map("".join, held))


def _steps(old: list[_Word], new: list[_Word]) -> Iterator[_Step]:
    """Shared and changed text in turn; white space is compared only behind a word that both have."""
    at_old = at_new = 0
    for here, there, size in [*_blocks(old, new), (len(old), len(new), 0)]:
        yield from _changed(old[at_old:here], new[at_new:there])
        at_old, at_new = here + size, there + size
        for (word, space), (_old, other) in zip(old[here:at_old], new[there:at_new], strict=True):
            yield _Step(word, "", "")
            yield _Step(space, "", "") if space == other else _Step("", space, other)


def _changed(gone: list[_Word], new: list[_Word]) -> Iterator[_Step]:
    """A change, and then the white space with which both of its sides end."""
    space = gone[-1][1] if gone and new and gone[-1][1] == new[-1][1] else ""
    first, second = ("".join(word + after for word, after in words) for words in (gone, new))
    yield _Step("", first.removesuffix(space), second.removesuffix(space))
    yield _Step(space, "", "")


def _blocks(old: list[_Word], new: list[_Word]) -> list[tuple[int, int, int]]:
    """What two lists of words share, in order: place in the old, place in the new, length."""
    first, second = [word for word, _ in old], [word for word, _ in new]
    start, end = shared_ends(first, second)
    inner = _inner_blocks(first[start : len(first) - end], second[start : len(second) - end])
    found = [(here + start, there + start, size) for here, there, size in sorted(inner)]
    return [(0, 0, start), *found, (len(first) - end, len(second) - end, end)]


def _inner_blocks(old: list[str], new: list[str]) -> list[tuple[int, int, int]]:
    """What two lists of words share, the longest first, until so many steps are taken as may be.

    :meth:`SequenceMatcher.get_matching_blocks` does the same without a limit, and needs minutes for hostile prompts.
    """
    counted, often, left = Counter(new), len(new), _MOST_STEPS
    if sum(counted[word] for word in old) > _MOST_STEPS // 20:
        often = len(new) // 100 + 1  # so says SequenceMatcher, which then starts no run with a word seen more often
    matcher = SequenceMatcher(None, old, new, autojunk=often < len(new))
    costs = list(accumulate((1 + counted[word] * (counted[word] <= often) for word in old), initial=0))
    found, waiting = [], deque([(0, len(old), 0, len(new))])
    while waiting:
        first, last, low, high = waiting.popleft()
        if first == last or low == high or (cost := costs[last] - costs[first]) > left:
            continue
        here, there, size = matcher.find_longest_match(first, last, low, high)
        left -= cost
        if size:
            found.append((here, there, size))
            waiting += (first, here, low, there), (here + size, last, there + size, high)
    return found


def shared_ends(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """How many items two sequences share at their beginnings, and how many more at their ends."""
    short = range(1, min(len(old), len(new)) + 1)
    start = bisect_left(short, True, key=lambda count: old[:count] != new[:count])
    old, new = old[start:], new[start:]
    short = range(1, min(len(old), len(new)) + 1)
    return start, bisect_left(short, True, key=lambda count: old[-count:] != new[-count:])


def diff_text(marked: Iterable[Piece]) -> str:
    """Marked words as plain text: ``画一只[-猫-]{+狗+}``.

    Args:
        marked: what :func:`pieces` gives.
    """
    return "".join(_TEXT[piece.mark] % _shown(piece) for piece in marked)


def diff_html(marked: Iterable[Piece]) -> str:
    """Marked words as HTML: ``画一只<del>[−猫]</del><ins>[+狗]</ins>``, told apart without any styles too.

    Args:
        marked: what :func:`pieces` gives.
    """
    breaks = {"same": "<br>", "gone": "¶<br>", "new": "¶<br>"}
    return "".join(_HTML[piece.mark] % escape(_shown(piece)).replace("\n", breaks[piece.mark]) for piece in marked)


def _shown(piece: Piece) -> str:
    """The words of a piece, harmless; a change that cannot be seen is told by its numbers."""
    text = sound(piece.text)
    if piece.mark == "same" or any(sign in " \n" or (sign.isprintable() and not sign.isspace()) for sign in text):
        return text
    return "".join(f"U+{ord(sign):04X} " for sign in text).rstrip()


def sound(text: str) -> str:
    """The text without keys, half characters, and what turns the direction of all that follows."""
    return mask(text).translate(_UNSOUND)


def cut(marked: list[Piece], *, around: int, most: int, count: int) -> list[Piece]:
    """The first pieces, with so many characters of shared text around changes, and so many at most of a change."""
    last = len(marked) - 1
    kept = []
    for place, piece in enumerate(marked[:count]):
        sides = (around if place else 0, around if place < last else 0) if last else (most, 0)
        kept.append(replace(piece, text=ends_of(piece.text, *(sides if piece.mark == "same" else [most // 2] * 2))))
    return [*kept, Piece(" …", "same")] if len(marked) > count else kept


def ends_of(text: str, head: int, tail: int) -> str:
    """The beginning and the end of a long text, so many characters each."""
    return text if len(text) <= head + tail + 1 else text[:head] + "…" + text[len(text) - tail :]


_LOOK = 250
_ALIKE = 0.4
# Front ends centre and stripe tables; where styles are stripped, valign and cellpadding are what is left.
_TABLE = '<table cellpadding=4 style="margin-left:0">'
_WIDTHS = (120, 310, 310)
"""Of the table of differences, in pixels: a setting's name, and its two values."""
_CELL = 'valign=top style="text-align:left;vertical-align:top;background:none;overflow-wrap:anywhere"'
# As it is sent, so that 1, true and "1" are three values.
_json = partial(json.dumps, ensure_ascii=False, sort_keys=True, default=str)


@dataclass(frozen=True)
class Difference:
    """One setting or result in which two generations differ.

    Args:
        name: what it is, in the reader's language.
        old: its value in the old one, as text.
        new: its value in the new one, as text.
    """

    name: str
    old: str
    new: str


@dataclass(frozen=True)
class Comparison:
    """Two generations side by side.

    Args:
        old: the one that is compared with.
        new: the one that is compared.
        render: makes the MIME bundle that front ends show.
        currency: the unit of the prices.
    """

    old: Generation
    new: Generation
    render: "Callable[[Comparison], dict[str, Any]] | None" = field(default=None, repr=False, compare=False)
    currency: str = ""

    @cached_property
    def prompt(self) -> list[Piece]:
        """The old prompt and the new one, marked; whatever looks like a key is masked."""
        return pieces(mask(self.old.request.prompt), mask(self.new.request.prompt))

    @property
    def differences(self) -> tuple[Difference, ...]:
        """What differs beside the prompt: settings first, then what came of them."""
        asked = _between(_settings(self.old.request), _settings(self.new.request))
        return *asked, *_between(*(_results(one, self.currency) for one in (self.old, self.new)))

    def __str__(self) -> str:
        form = "{}：{} → {}" if spoken() == "zh" else "{}: {} → {}"
        table = (form.format(*map(_value, astuple(one))) for one in self.differences)
        words = diff_text(cut(self.prompt, around=200, most=2_000, count=500))
        return "\n".join(line for line in (" → ".join(_names(self)), _sentence(self), words, *table) if line)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:  # noqa: ARG002
        return self.render(self) if self.render else {"text/plain": str(self)}


def compare(old: Generation, new: Generation) -> Comparison:
    """Put two generations side by side.

    Args:
        old: the one to compare with.
        new: the one to compare.
    """
    return Comparison(old, new)


def _settings(request: ImageRequest) -> dict[str, str]:
    """What a request asks for beside the prompt, by name, in the order of the options."""
    references = (f"{one.label} {one.digest[:6]}".strip() for one in request.references)
    return {
        _("model"): request.model,
        _("orientation"): _(request.orientation),
        _("format"): request.format,
        **{_("param {name}", name=name): _json(value) for name, value in request.params.items()},
        _("references"): ", ".join(references) or _("none"),
    }


def _results(one: Generation, currency: str) -> dict[str, str]:
    """What came of a request, by name."""
    none, unknown = _("none"), _("unknown")
    return {
        _("model as reported"): one.model_reported or unknown,
        _("endpoint"): "demo" if one.demo else one.endpoint or unknown,
        _("size"): ", ".join(f"{image.width}×{image.height}" for image in one.images) or none,
        _("seconds"): unknown if one.elapsed is None else f"{one.elapsed:.{int(one.elapsed < 10)}f} s",  # noqa: PLR2004
        _("price"): unknown if one.price is None else f"{one.price:g} {currency}".strip(),
        _("charged"): _(one.charged),
        _("failure"): _failure(one) or none,
        _("take"): str(one.take or none),
        _("state"): _(one.state),
        _("day"): one.created[:10] or unknown,
    }


def _failure(one: Generation) -> str:
    """Why there is no picture."""
    error = {} if one.has_result else one.error or {}
    return " ".join(str(error[name]) for name in ("what", "why") if error.get(name))


def _between(old: dict[str, str], new: dict[str, str]) -> Iterator[Difference]:
    none = _("none")
    for name in {**old, **new}:
        if old.get(name) != new.get(name):
            yield Difference(name, old.get(name, none), new.get(name, none))


def _sentence(comparison: Comparison) -> str:
    old, new = comparison.old, comparison.new
    if old.id and old.id == new.id:
        return _("This is one and the same generation.")
    same = old.request.fingerprint == new.request.fingerprint
    return _("The same request, two takes.") if same else ""


def _names(comparison: Comparison) -> tuple[str, str]:
    """What to call the two: the beginnings of their ids, numbered where these are the same."""
    left, right = (sound(f"#{one.id[:6]}" if one.id else "") for one in (comparison.old, comparison.new))
    return (left, right) if left != right and left and right else (f"1. {left}".strip(), f"2. {right}".strip())


def _value(text: str, most: int = 200) -> str:
    return " ".join(sound(ends_of(text, most, 0)).split())


def bundle(comparison: Comparison, pictures: tuple[str, str], still: Mapping[str, str]) -> dict[str, Any]:
    """The MIME bundle of a comparison: the pictures side by side, the marked prompt, a table of the differences.

    Args:
        comparison: what to show.
        pictures: finished HTML of the two pictures; taken as it is.
        still: a picture for front ends without HTML, by its MIME type.
    """
    names = [f"<b>{escape(name)}</b>" for name in _names(comparison)]
    heads = _row((f"{name}<br>{picture}" for name, picture in zip(names, pictures, strict=True)), "width=50% ")
    words = diff_html(cut(comparison.prompt, around=2_000, most=20_000, count=2_000))
    prompt = _row([f'<span style="white-space:pre-wrap">{words}</span>'], "colspan=2 ")
    sentence = f"<p>{same}</p>" if (same := _sentence(comparison)) else ""
    rows = "".join(_row(escape(_value(text)) for text in astuple(one)) for one in comparison.differences)
    # Of a long value on one side the other side and the names keep their room.
    widths = zip(_WIDTHS, ["", *names], strict=True)
    head = "".join(f"<td width={width} {_CELL}>{name}</td>" for width, name in widths)
    table = f"{_TABLE}<tr>{head}</tr>{rows}</table>" if rows else ""
    # Half characters, which no front end can be sent, may stand in the pictures' words.
    html = f"{_TABLE}{heads}{prompt}</table>{sentence}{table}".encode("utf-8", "replace").decode()
    return {**still, "text/html": html, "text/plain": str(comparison)}


def _row(cells: Iterable[str], more: str = "") -> str:
    return f"<tr>{''.join(f'<td {more}{_CELL}>{cell}</td>' for cell in cells)}</tr>"


def nearest(wanted: ImageRequest, known: Iterable[ImageRequest]) -> ImageRequest | None:
    """The request that is most like another: the same prompt first, then a similar one; None when nothing is alike.

    Args:
        wanted: what is looked for.
        known: where to look; 2,000 prompts of 10,000 characters take about a fifth of a second.
    """
    requests = list(known)
    likeness = {prompt: _likeness(wanted.prompt, prompt) for prompt in {one.prompt for one in requests}}
    best = max(likeness.values(), default=0.0)
    alike = (one for one in requests if likeness[one.prompt] == best >= _ALIKE)
    return min(alike, key=lambda one: len([*_between(_settings(wanted), _settings(one))]), default=None)


def _likeness(first: str, second: str) -> float:
    """From 0 for nothing in common to 1 for equal: the shared ends, and the pairs of neighbours in what lies between.

    Pairs and not :class:`SequenceMatcher`, which is slower by far and finds half of any English sentence in any other.
    """
    start, end = shared_ends(first, second)
    middles = [text[start : len(text) - end] for text in (first, second)]
    here, there = (set(zip(" " + text[:_LOOK], text[:_LOOK] + " ", strict=True)) for text in middles)
    between = len(here & there) / (len(here) + len(there)) * sum(map(len, middles))
    return 2 * (start + end + between) / (len(first) + len(second))


def told(wanted: ImageRequest, found: ImageRequest) -> str:
    """How a request differs from a saved one, in one line: settings, then the prompt cut around its changes.

    Args:
        wanted: what was asked for here.
        found: what is saved there.
    """
    form = _("{0}: {2} here, {1} there")
    differences = _between(_settings(found), _settings(wanted))
    parts = [form.format(*(_value(text, 60) for text in astuple(one))) for one in differences]
    parts += [_told_prompt(found.prompt, wanted.prompt)] if wanted.prompt != found.prompt else []
    return ("；" if spoken() == "zh" else "; ").join(parts) or _("nothing differs")


def _told_prompt(there: str, here: str) -> str:
    marked = pieces(mask(there), mask(here))
    if all(piece.mark == "same" for piece in marked):
        return _("prompt: only in what cannot be shown")
    line = " ".join(diff_text(cut(marked, around=12, most=40, count=12)).replace("\n", "¶ ").split())
    return _("prompt ([-there-] {{+here+}}): {line}", line=line)
