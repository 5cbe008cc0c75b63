"""Compare two generations, or two requests: prompts word by word, settings and results by name."""

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

from wenwen_magic.records import Generation, ImageRequest
from wenwen_magic.render import markup
from wenwen_magic.render.generation import amount, described, generation_html, size_of
from wenwen_magic.render.markup import Markup, cell, join, lines, small, stacked, table, tag
from wenwen_magic.text.i18n import _
from wenwen_magic.text.orientation import said
from wenwen_magic.text.sanitize import mask_keys, one_line, replace_unshown

_CJK = "\u3005-\u3007\u3040-\u3098\u309b-\u30ff\u3105-\u318f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_CJK += "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
# What belongs to the character before it: accents, voicing marks, emoji variants and skin colours.
_MARKS = "[\u0300-\u036f\u3099\u309a\u20d0-\u20ff\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]"
_LETTER = rf"[^\W{_CJK}]"
# A word and the white space after it; only a text that begins with white space begins with an empty word.
_WORD = re.compile(
    rf"(\A(?=\s)|[{_CJK}]{_MARKS}*"
    # All characters of the scripts of India and Thailand are letters here: half of their words are marks.
    rf"|{_LETTER}(?:{_LETTER}|{_MARKS}|[\u0900-\u0eff]|['’](?={_LETTER}))*"
    rf"|[\U0001f1e6-\U0001f1ff]{{2}}|.(?:{_MARKS}|\u200d\S)*)(\s*)",
    re.DOTALL,
)
_MOST_STEPS = 2_000_000  # comparisons of two words that one pair of prompts may cost: about a third of a second
_STRAY = 4  # how many times longer than a shared word the changes beside it are, for it to be one of them
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
        text: the text of the part.
        mark: ``same`` in both, ``gone`` from the old one, or ``new`` in the new one.
    """

    text: str
    mark: Mark


class _Step(NamedTuple):
    """Text that both share, then what is gone after it and what is new in its place."""

    same: str
    gone: str
    new: str


def pieces(old: str, new: str) -> list[Piece]:
    """Mark how two prompts differ: Chinese, Japanese and Korean character by character, all else word by word.

    The pieces marked ``same`` and ``gone`` make the old prompt, those marked ``same`` and ``new`` the new one. Between
    two pieces marked ``same`` is at most one marked ``gone``, then at most one marked ``new``.

    Args:
        old: one prompt, of any length; long ones that have little in common are marked coarsely.
        new: the other prompt.
    """
    steps: list[_Step] = []
    for step in _merged(_steps(_WORD.findall(old), _WORD.findall(new))):
        if steps and _is_stray(steps[-1], step):
            same, gone, new_ = steps.pop()
            steps.append(_Step(same, gone + step.same + step.gone, new_ + step.same + step.new))
        else:
            steps.append(step)
    return [Piece(text, mark) for step in steps for text, mark in zip(step, get_args(Mark), strict=True) if text]


def _is_stray(before: _Step, step: _Step) -> bool:
    """Tell whether the shared text is too short to be read: white space, or a short word between long changes."""
    word, changed = step.same.strip(), len(step.gone) + len(step.new)
    around = min(changed, len(before.gone) + len(before.new))
    return changed > 0 and (not word or (word.isalnum() and _STRAY * len(word) <= around))


def _merged(steps: Iterable[_Step]) -> Iterator[_Step]:
    """Join steps, so that each has all shared text up to the next change."""
    held: tuple[list[str], ...] = [], [], []
    for step in steps:
        if step.same and (held[1] or held[2]):
            yield _Step(*map("".join, held))
            held = [], [], []
        for parts, text in zip(held, step, strict=True):
            parts.extend([text] if text else [])
    yield _Step(*map("".join, held))


def _steps(old: list[_Word], new: list[_Word]) -> Iterator[_Step]:
    """Yield shared and changed text in turn; white space is compared only after a word that both have."""
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
    """Find the runs of words that two lists share, in order: index in the old, index in the new, length."""
    first, second = [word for word, _space in old], [word for word, _space in new]
    start, end = _shared_ends(first, second)
    inner = _inner_blocks(first[start : len(first) - end], second[start : len(second) - end])
    blocks = [(here + start, there + start, size) for here, there, size in sorted(inner)]
    return [(0, 0, start), *blocks, (len(first) - end, len(second) - end, end)]


def _inner_blocks(old: list[str], new: list[str]) -> list[tuple[int, int, int]]:
    """Find the runs of words that two lists share, the longest first, until :data:`_MOST_STEPS` are taken.

    :meth:`SequenceMatcher.get_matching_blocks` does the same without a limit, and needs minutes for hostile prompts.
    """
    counts, most_frequent, steps_left = Counter(new), len(new), _MOST_STEPS
    if sum(counts[word] for word in old) > _MOST_STEPS // 20:
        most_frequent = len(new) // 100 + 1  # SequenceMatcher's own limit: it starts no run with a more frequent word
    matcher = SequenceMatcher(None, old, new, autojunk=most_frequent < len(new))
    costs = list(accumulate((1 + counts[word] * (counts[word] <= most_frequent) for word in old), initial=0))
    blocks, ranges = [], deque([(0, len(old), 0, len(new))])
    while ranges:
        first, last, low, high = ranges.popleft()
        if first == last or low == high or (cost := costs[last] - costs[first]) > steps_left:
            continue
        here, there, size = matcher.find_longest_match(first, last, low, high)
        steps_left -= cost
        if size:
            blocks.append((here, there, size))
            ranges += (first, here, low, there), (here + size, last, there + size, high)
    return blocks


def _shared_ends(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """Count the items that two sequences share at their beginnings, and those more at their ends."""
    short = range(1, min(len(old), len(new)) + 1)
    start = bisect_left(short, True, key=lambda count: old[:count] != new[:count])
    old, new = old[start:], new[start:]
    short = range(1, min(len(old), len(new)) + 1)
    return start, bisect_left(short, True, key=lambda count: old[-count:] != new[-count:])


def diff_text(marked: Iterable[Piece]) -> str:
    """Write what :func:`pieces` returns as plain text: ``画一只[-猫-]{+狗+}``."""
    return "".join(_TEXT[piece.mark] % _visible(piece) for piece in marked)


def diff_html(marked: Iterable[Piece]) -> Markup:
    """Write what :func:`pieces` returns as HTML, legible without styles: ``画一只<del>[−猫]</del><ins>[+狗]</ins>``."""
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
    """Return a piece's text, safe to show; a change that cannot be seen is named by its code points."""
    text = _safe(piece.text)
    if piece.mark == "same" or any(char in " \n" or (char.isprintable() and not char.isspace()) for char in text):
        return text
    return " ".join(f"U+{ord(char):04X}" for char in text)


def _safe(text: str) -> str:
    """Take keys out of a text, and mark what cannot be shown in it."""
    return replace_unshown(mask_keys(text), "\ufffd")


def _cut(marked: list[Piece], *, around: int, most: int, count: int) -> list[Piece]:
    """Keep the first pieces, ``around`` characters of shared text beside changes and at most ``most`` of a change."""
    last = len(marked) - 1
    kept = []
    for place, piece in enumerate(marked[:count]):
        if piece.mark != "same":
            head = tail = most // 2
        elif last:
            head, tail = around if place else 0, around if place < last else 0
        else:
            head, tail = most, 0
        kept.append(replace(piece, text=_shortened(piece.text, head, tail)))
    return [*kept, Piece(" …", "same")] if len(marked) > count else kept


def _shortened(text: str, head: int, tail: int) -> str:
    """Keep the first ``head`` and the last ``tail`` characters of a long text."""
    return text if len(text) <= head + tail + 1 else text[:head] + "…" + text[len(text) - tail :]


_WIDTHS = (120, 310, 310)
"""Of the table of differences, in pixels: a setting's name, and its two values."""
# As it is sent, so that 1, true and "1" are three values.
_json = partial(json.dumps, ensure_ascii=False, sort_keys=True, default=str)


@dataclass(frozen=True)
class Difference:
    """Name one setting or result in which two generations differ.

    Args:
        name: of the setting or result, in the reader's language.
        old: its value in the old generation, as text.
        new: its value in the new generation, as text.
    """

    name: str
    old: str
    new: str


@dataclass(frozen=True)
class Comparison:
    """Compare two generations side by side.

    Args:
        old: the generation to compare with.
        new: the generation to compare.
        still: makes a small picture of both, for front ends without HTML.
        currency: the unit of the prices.
    """

    old: Generation
    new: Generation
    still: Callable[[], Path | None] = field(default=lambda: None, repr=False, compare=False)
    currency: str = ""

    @cached_property
    def prompt(self) -> list[Piece]:
        """The old prompt and the new one, marked; what looks like a key is masked."""
        return pieces(mask_keys(self.old.request.prompt), mask_keys(self.new.request.prompt))

    @property
    def differences(self) -> tuple[Difference, ...]:
        """What differs beside the prompt: settings first, then results."""
        settings = _differing(_settings(self.old.request), _settings(self.new.request))
        return *settings, *_differing(_results(self.old, self.currency), _results(self.new, self.currency))

    def __str__(self) -> str:
        rows = map(_shown, self.differences)
        table = [_("{name}: {old} → {new}", name=name, old=old, new=new) for name, old, new in rows]
        prompt = diff_text(_cut(self.prompt, around=200, most=2_000, count=500))
        return "\n".join(filter(None, [" → ".join(_names(self)), _sameness(self), prompt, *table]))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:  # noqa: ARG002
        return bundle(self)


def _settings(request: ImageRequest) -> dict[str, str]:
    """List what a request asks for beside the prompt, by name, in the order of the options."""
    references = (f"{reference.label} {reference.digest[:6]}".strip() for reference in request.references)
    return {
        _("model"): request.model,
        _("orientation"): said(request.orientation),
        _("format"): request.format,
        _("task"): request.task,
        **{_("param {name}", name=name): _json(value) for name, value in request.params.items()},
        _("references"): ", ".join(references) or _("none"),
    }


def _results(row: Generation, currency: str) -> dict[str, str]:
    """List the results of a request, by name."""
    none, unknown = _("none"), _("unknown")
    error = {} if row.has_result else row.error or {}
    return {
        _("model as reported"): row.model_reported or unknown,
        _("endpoint"): "demo" if row.demo else row.endpoint or unknown,
        _("size"): ", ".join(map(size_of, row.results)) or none,
        _("time taken"): unknown if row.elapsed is None else f"{row.elapsed:.{int(row.elapsed < 10)}f} s",  # noqa: PLR2004
        _("price"): unknown if row.price is None else amount(row.price, currency),
        _("charged"): _(row.charged),
        _("failure"): " ".join(str(error[name]) for name in ("what", "why") if error.get(name)) or none,
        _("take"): str(row.take or none),
        _("state"): _(row.state),
        _("day"): row.created[:10] or unknown,
    }


def _differing(old: dict[str, str], new: dict[str, str]) -> Iterator[Difference]:
    none = _("none")
    for name in {**old, **new}:
        if old.get(name) != new.get(name):
            yield Difference(name, old.get(name, none), new.get(name, none))


def _sameness(comparison: Comparison) -> str:
    old, new = comparison.old, comparison.new
    if old.id and old.id == new.id:
        return _("This is one and the same generation.")
    same = old.request.fingerprint == new.request.fingerprint
    return _("The same request, two takes.") if same else ""


def _names(comparison: Comparison) -> tuple[str, str]:
    """Name the two by the beginnings of their ids, numbered where these are the same."""
    left, right = (_safe(f"#{row.id[:6]}" if row.id else "") for row in (comparison.old, comparison.new))
    return (left, right) if left != right and left and right else (f"1. {left}".strip(), f"2. {right}".strip())


def _shown(difference: Difference, most: int = 200) -> list[str]:
    """Return a difference's name and values, each in one line of about ``most`` characters."""
    return [one_line(_safe(_shortened(text, most, 0))) for text in astuple(difference)]


def bundle(comparison: Comparison) -> dict[str, Any]:
    """Make the MIME bundle of a comparison: both pictures, the marked prompt, a table of the differences."""
    names = [tag("b", name) for name in _names(comparison)]
    shown = [generation_html(row, described(row)) for row in (comparison.old, comparison.new)]
    both = [cell(stacked(name, html), width="50%") for name, html in zip(names, shown, strict=True)]
    marked = diff_html(_cut(comparison.prompt, around=2_000, most=20_000, count=2_000))
    prompt = cell(tag("span", marked, style="white-space:pre-wrap"), colspan=2)
    rows = list(map(_shown, comparison.differences))
    # A long value on one side leaves room for the other side and the names.
    heads = [cell(name, width=width) for name, width in zip(["", *names], _WIDTHS, strict=True)]
    same = _sameness(comparison)
    html = join(table([both, [prompt]]), tag("p", same) if same else "", table([heads, *rows]) if rows else "")
    return markup.bundle(html, str(comparison), comparison.still())


def prompts_bundle(old: str, new: str, answer: Generation) -> dict[str, Any]:
    """Make the MIME bundle of a prompt and what an answer made of it, marked, with the answer's caption and notes."""
    marked = _cut(pieces(mask_keys(old), mask_keys(new)), around=2_000, most=20_000, count=2_000)
    about = described(answer)
    html = join(tag("p", diff_html(marked), style="white-space:pre-wrap"), stacked(*map(small, about)))
    return markup.bundle(html, "\n".join((diff_text(marked), *about)))


_LOOK = 250  # characters in the middle of two prompts whose pairs are compared
_ALIKE = 0.4


def nearest(wanted: ImageRequest, known: Iterable[ImageRequest]) -> ImageRequest | None:
    """Find the request that is most like another: the same prompt first, then a similar one; None without any.

    Args:
        wanted: the request that is looked for.
        known: where to look; 2,000 prompts of 10,000 characters take about a fifth of a second.
    """
    requests = list(known)
    likeness = {prompt: _likeness(wanted.prompt, prompt) for prompt in {request.prompt for request in requests}}
    best = max(likeness.values(), default=0.0)
    alike = (request for request in requests if likeness[request.prompt] == best >= _ALIKE)
    settings = _settings(wanted)
    return min(alike, key=lambda request: len([*_differing(settings, _settings(request))]), default=None)


def _likeness(first: str, second: str) -> float:
    """Rate two texts from 0 for nothing in common to 1 for equal: by shared ends, and pairs of characters between them.

    Not by :class:`SequenceMatcher`, which is much slower and finds half of any English sentence in any other.
    """
    start, end = _shared_ends(first, second)
    middles = [text[start : len(text) - end] for text in (first, second)]
    here, there = (set(zip(" " + text[:_LOOK], text[:_LOOK] + " ", strict=True)) for text in middles)
    between = len(here & there) / (len(here) + len(there)) * sum(map(len, middles))
    return 2 * (start + end + between) / (len(first) + len(second))


def describe_differences(wanted: ImageRequest, saved: ImageRequest) -> str:
    """Describe how a request made here differs from a saved one, in a line: settings, the prompt around its changes."""
    form = _("{0}: {2} here, {1} there")
    differences = _differing(_settings(saved), _settings(wanted))
    parts = [form.format(*_shown(difference, 60)) for difference in differences]
    if wanted.prompt != saved.prompt:
        marked = pieces(mask_keys(saved.prompt), mask_keys(wanted.prompt))
        if all(piece.mark == "same" for piece in marked):
            parts.append(_("prompt: the difference cannot be shown"))
        else:
            text = diff_text(_cut(marked, around=12, most=40, count=12)).replace("\n", "¶ ")
            parts.append(_("prompt ([-saved-] {{+here+}}): {line}", line=one_line(text)))
    return _("; ").join(parts) or _("nothing differs")
