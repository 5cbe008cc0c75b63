"""Marks how two texts differ, word by word; Chinese, Japanese and Korean sign by sign; pure."""

import re
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from html import escape
from itertools import accumulate
from typing import Literal, NamedTuple, get_args

from wenwen_magic.errors import mask

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
        for (word, space), (_, other) in zip(old[here:at_old], new[there:at_new], strict=True):
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
