"""Compare two generations, or two requests: prompts marked word by word, settings by name."""

import json
import re
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, field, replace
from difflib import SequenceMatcher
from functools import cached_property, partial
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from wenwen_magic.errors import mask
from wenwen_magic.records import Generation, ImageRequest
from wenwen_magic.render import markup
from wenwen_magic.render.generation import generation_html
from wenwen_magic.render.markup import Markup, cell, join, lines, stacked, table, tag
from wenwen_magic.text.i18n import _
from wenwen_magic.text.sanitize import one_line, replace_unshown

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
_MOST_STEPS = 2_000_000  # comparisons of two words that one pair of prompts may cost: about a third of a second
_CONFETTI = 4
_TEXT = {"same": "%s", "gone": "[-%s-]", "new": "{+%s+}"}
_HTML = {
    "gone": ("del", "[−", "color:#82071e;background:#ffebe9;text-decoration:none"),
    "new": ("ins", "[+", "color:#0a4a1f;background:#dafbe1;text-decoration:none"),
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
    """Mark the difference of two prompts: Chinese, Japanese and Korean characters one by one, all else word by word.

    What both share and what is gone make the old prompt, what both share and what is new the new one. Between two
    pieces of what both share is at most one piece that is gone, then at most one that is new.

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
    """Join steps, so that each has all that is shared up to the next change."""
    held: tuple[list[str], ...] = [], [], []
    for step in steps:
        if step.same and (held[1] or held[2]):
            yield _Step(*map("".join, held))
            held = [], [], []
        for parts, text in zip(held, step, strict=True):
            parts.extend([text] if text else [])
    yield _Step(*map("".join, held))


def _steps(old: list[_Word], new: list[_Word]) -> Iterator[_Step]:
    """Give shared and changed text in turn; white space is compared only behind a word that both have."""
    at_old = at_new = 0
    for here, there, size in [*_blocks(old, new), (len(old), len(new), 0)]:
        gone, added = old[at_old:here], new[at_new:there]
        # The white space with which both sides of a change end is shared.
        end = gone[-1][1] if gone and added and gone[-1][1] == added[-1][1] else ""
        before, after = ("".join(word + space for word, space in side).removesuffix(end) for side in (gone, added))
        yield _Step("", before, after)
        yield _Step(end, "", "")
        at_old, at_new = here + size, there + size
        for (word, space), (_old, other) in zip(old[here:at_old], new[there:at_new], strict=True):
            yield _Step(word, "", "")
            yield _Step(space, "", "") if space == other else _Step("", space, other)


def _blocks(old: list[_Word], new: list[_Word]) -> list[tuple[int, int, int]]:
    """Find what two lists of words share, in order: place in the old, place in the new, length."""
    first, second = [word for word, _ in old], [word for word, _ in new]
    start, end = shared_ends(first, second)
    inner = _inner_blocks(first[start : len(first) - end], second[start : len(second) - end])
    found = [(here + start, there + start, size) for here, there, size in sorted(inner)]
    return [(0, 0, start), *found, (len(first) - end, len(second) - end, end)]


def _inner_blocks(old: list[str], new: list[str]) -> list[tuple[int, int, int]]:
    """Find what two lists of words share, the longest first, until :data:`_MOST_STEPS` are taken.

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
    """Count the items that two sequences share at their beginnings, and those more at their ends."""
    short = range(1, min(len(old), len(new)) + 1)
    start = bisect_left(short, True, key=lambda count: old[:count] != new[:count])
    old, new = old[start:], new[start:]
    short = range(1, min(len(old), len(new)) + 1)
    return start, bisect_left(short, True, key=lambda count: old[-count:] != new[-count:])


def diff_text(marked: Iterable[Piece]) -> str:
    """Give marked words as plain text: ``画一只[-猫-]{+狗+}``.

    Args:
        marked: what :func:`pieces` returns.
    """
    return "".join(_TEXT[piece.mark] % _visible(piece) for piece in marked)


def diff_html(marked: Iterable[Piece]) -> Markup:
    """Give marked words as HTML: ``画一只<del>[−猫]</del><ins>[+狗]</ins>``, distinct without any styles too.

    Args:
        marked: what :func:`pieces` returns.
    """
    shown = []
    for piece in marked:
        text = _visible(piece)
        if piece.mark == "same":
            shown.append(lines(text))
        else:
            name, start, style = _HTML[piece.mark]
            shown.append(tag(name, start, lines(text.replace("\n", "¶\n")), "]", style=style))
    return join(*shown)


def _visible(piece: Piece) -> str:
    """Sanitize the words of a piece; a change that cannot be seen is named by its code points."""
    text = _safe(piece.text)
    if piece.mark == "same" or any(sign in " \n" or (sign.isprintable() and not sign.isspace()) for sign in text):
        return text
    return "".join(f"U+{ord(sign):04X} " for sign in text).rstrip()


def _safe(text: str) -> str:
    """Take keys out of a text, and mark what cannot be shown in it."""
    return replace_unshown(mask(text), "\ufffd")


def cut(marked: list[Piece], *, around: int, most: int, count: int) -> list[Piece]:
    """Keep the first pieces, ``around`` characters of shared text beside changes and at most ``most`` of a change."""
    last = len(marked) - 1
    kept = []
    for place, piece in enumerate(marked[:count]):
        sides = (around if place else 0, around if place < last else 0) if last else (most, 0)
        kept.append(replace(piece, text=ends_of(piece.text, *(sides if piece.mark == "same" else [most // 2] * 2))))
    return [*kept, Piece(" …", "same")] if len(marked) > count else kept


def ends_of(text: str, head: int, tail: int) -> str:
    """Keep the first ``head`` and the last ``tail`` characters of a long text."""
    return text if len(text) <= head + tail + 1 else text[:head] + "…" + text[len(text) - tail :]


_WIDTHS = (120, 310, 310)
"""Of the table of differences, in pixels: a setting's name, and its two values."""
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
        """What differs beside the prompt: settings first, then results."""
        asked = _between(_settings(self.old.request), _settings(self.new.request))
        return *asked, *_between(*(_results(one, self.currency) for one in (self.old, self.new)))

    def __str__(self) -> str:
        rows = (map(_value, astuple(one)) for one in self.differences)
        table = [_("{name}: {old} → {new}", name=name, old=old, new=new) for name, old, new in rows]
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
    """List what a request asks for beside the prompt, by name, in the order of the options."""
    references = (f"{one.label} {one.digest[:6]}".strip() for one in request.references)
    return {
        _("model"): request.model,
        _("orientation"): _(request.orientation),
        _("format"): request.format,
        **{_("param {name}", name=name): _json(value) for name, value in request.params.items()},
        _("references"): ", ".join(references) or _("none"),
    }


def _results(one: Generation, currency: str) -> dict[str, str]:
    """List the results of a request, by name."""
    none, unknown = _("none"), _("unknown")
    error = {} if one.has_result else one.error or {}
    return {
        _("model as reported"): one.model_reported or unknown,
        _("endpoint"): "demo" if one.demo else one.endpoint or unknown,
        _("size"): ", ".join(f"{image.width}×{image.height}" for image in one.images) or none,
        _("seconds"): unknown if one.elapsed is None else f"{one.elapsed:.{int(one.elapsed < 10)}f} s",  # noqa: PLR2004
        _("price"): unknown if one.price is None else f"{one.price:g} {currency}".strip(),
        _("charged"): _(one.charged),
        _("failure"): " ".join(str(error[name]) for name in ("what", "why") if error.get(name)) or none,
        _("take"): str(one.take or none),
        _("state"): _(one.state),
        _("day"): one.created[:10] or unknown,
    }


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
    """Name the two by the beginnings of their ids, numbered where these are the same."""
    left, right = (_safe(f"#{one.id[:6]}" if one.id else "") for one in (comparison.old, comparison.new))
    return (left, right) if left != right and left and right else (f"1. {left}".strip(), f"2. {right}".strip())


def _value(text: str, most: int = 200) -> str:
    return one_line(_safe(ends_of(text, most, 0)))


def bundle(comparison: Comparison, still: Path | None) -> dict[str, Any]:
    """Make the MIME bundle of a comparison: both pictures, the marked prompt, a table of the differences.

    Args:
        comparison: what to show.
        still: a small picture of both, for front ends without HTML.
    """
    names = [tag("b", name) for name in _names(comparison)]
    shown = generation_html(comparison.old), generation_html(comparison.new)
    both = [cell(stacked(name, html), width="50%") for name, html in zip(names, shown, strict=True)]
    words = diff_html(cut(comparison.prompt, around=2_000, most=20_000, count=2_000))
    prompt = cell(tag("span", words, style="white-space:pre-wrap"), colspan=2)
    rows = [map(_value, astuple(difference)) for difference in comparison.differences]
    # Of a long value on one side the other side and the names keep their room.
    heads = [cell(name, width=width) for name, width in zip(["", *names], _WIDTHS, strict=True)]
    same = _sentence(comparison)
    html = join(
        table([both, [prompt]]),
        tag("p", same) if same else "",
        table([heads, *rows]) if rows else "",
    )
    return markup.bundle(html, str(comparison), still)


_LOOK = 250  # characters in the middle of two prompts whose pairs are compared
_ALIKE = 0.4


def nearest(wanted: ImageRequest, known: Iterable[ImageRequest]) -> ImageRequest | None:
    """Find the request that is most like another: the same prompt first, then a similar one; None without any.

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
    """Rate two texts from 0 for nothing in common to 1 for equal: shared ends, and pairs of neighbours between them.

    Pairs and not :class:`SequenceMatcher`, which is slower by far and finds half of any English sentence in any other.
    """
    start, end = shared_ends(first, second)
    middles = [text[start : len(text) - end] for text in (first, second)]
    here, there = (set(zip(" " + text[:_LOOK], text[:_LOOK] + " ", strict=True)) for text in middles)
    between = len(here & there) / (len(here) + len(there)) * sum(map(len, middles))
    return 2 * (start + end + between) / (len(first) + len(second))


def told(wanted: ImageRequest, found: ImageRequest) -> str:
    """Describe how a request differs from a saved one, in one line: settings, then the prompt around its changes.

    Args:
        wanted: what was asked for here.
        found: what is saved there.
    """
    form = _("{0}: {2} here, {1} there")
    differences = _between(_settings(found), _settings(wanted))
    parts = [form.format(*(_value(text, 60) for text in astuple(one))) for one in differences]
    if wanted.prompt != found.prompt:
        marked = pieces(mask(found.prompt), mask(wanted.prompt))
        line = one_line(diff_text(cut(marked, around=12, most=40, count=12)).replace("\n", "¶ "))
        hidden = all(piece.mark == "same" for piece in marked)
        parts.append(
            _("prompt: only in what cannot be shown")
            if hidden
            else _("prompt ([-there-] {{+here+}}): {line}", line=line)
        )
    return _("; ").join(parts) or _("nothing differs")
