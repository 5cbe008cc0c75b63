"""Says how two generations, or two requests, differ: prompts marked word by word, settings by name; pure."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, field
from functools import cached_property, partial
from html import escape
from typing import Any

from wenwen_magic.errors import mask
from wenwen_magic.records import Generation, ImageRequest
from wenwen_magic.render.word_diff import Piece, cut, diff_html, diff_text, ends_of, pieces, shared_ends, sound
from wenwen_magic.text.i18n import say, spoken

_LOOK = 250
_ALIKE = 0.4
_ORIENTATIONS = {"auto": "自动", "square": "方形", "landscape": "横屏", "portrait": "竖屏"}
_STATES = {"sent": "已发送", "answered": "已回答", "complete": "完成", "failed": "失败"}
_CHARGED = {"no": "没有", "maybe": "可能", "yes": "是"}
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
        say("model", "模型"): request.model,
        say("orientation", "方向"): say(request.orientation, _ORIENTATIONS[request.orientation]),
        say("format", "格式"): request.format,
        **{say(f"param {name}", f"参数 {name}"): _json(value) for name, value in request.params.items()},
        say("references", "参考图"): ", ".join(references) or say("none", "无"),
    }


def _results(one: Generation, currency: str) -> dict[str, str]:
    """What came of a request, by name."""
    none, unknown = say("none", "无"), say("unknown", "未知")
    return {
        say("model as reported", "实际模型"): one.model_reported or unknown,
        say("endpoint", "服务地址"): "demo" if one.demo else one.endpoint or unknown,
        say("size", "尺寸"): ", ".join(f"{image.width}×{image.height}" for image in one.images) or none,
        say("seconds", "用时"): unknown if one.elapsed is None else f"{one.elapsed:.{int(one.elapsed < 10)}f} s",  # noqa: PLR2004
        say("price", "价格"): unknown if one.price is None else f"{one.price:g} {currency}".strip(),
        say("charged", "扣费"): say(one.charged, _CHARGED.get(one.charged, one.charged)),
        say("failure", "失败原因"): _failure(one) or none,
        say("take", "第几张"): str(one.take or none),
        say("state", "状态"): say(one.state, _STATES.get(one.state, one.state)),
        say("day", "日期"): one.created[:10] or unknown,
    }


def _failure(one: Generation) -> str:
    """Why there is no picture."""
    error = {} if one.has_result else one.error or {}
    return " ".join(str(error[name]) for name in ("what", "why") if error.get(name))


def _between(old: dict[str, str], new: dict[str, str]) -> Iterator[Difference]:
    none = say("none", "无")
    for name in {**old, **new}:
        if old.get(name) != new.get(name):
            yield Difference(name, old.get(name, none), new.get(name, none))


def _sentence(comparison: Comparison) -> str:
    old, new = comparison.old, comparison.new
    if old.id and old.id == new.id:
        return say("This is one and the same generation.", "这是同一次生成。")
    same = old.request.fingerprint == new.request.fingerprint
    return say("The same request, two takes.", "同一个请求，两次生成。") if same else ""


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
    form = say("{0}: {2} here, {1} there", "{0}：此处 {2}，已存 {1}")
    differences = _between(_settings(found), _settings(wanted))
    parts = [form.format(*(_value(text, 60) for text in astuple(one))) for one in differences]
    parts += [_told_prompt(found.prompt, wanted.prompt)] if wanted.prompt != found.prompt else []
    return ("；" if spoken() == "zh" else "; ").join(parts) or say("nothing differs", "没有不同")


def _told_prompt(there: str, here: str) -> str:
    marked = pieces(mask(there), mask(here))
    if all(piece.mark == "same" for piece in marked):
        return say("prompt: only in what cannot be shown", "提示词：仅有无法显示的不同")
    line = " ".join(diff_text(cut(marked, around=12, most=40, count=12)).replace("\n", "¶ ").split())
    return say(f"prompt ([-there-] {{+here+}}): {line}", f"提示词（[-已存-]{{+此处+}}）：{line}")
