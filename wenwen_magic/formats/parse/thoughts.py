"""Take the thoughts out of an answer's text: what models write between marks before they answer."""

import re

_NAME = (
    r"(?:[a-z]{1,20}:)?"
    r"(?:think|(?:ant)?thinking|thoughts?|reason|reasoning|reflection|scratchpad|cot|inner_monologue|思考|思考过程)"
)
_OPEN, _CLOSE = r"(?:<|&lt;)[ |]?", r"[ |]?(?:>|&gt;)"
_BEGIN = rf"{_OPEN}{_NAME}(?:\s[^<>]{{0,300}}?)?(?<!/){_CLOSE}|◁think▷|\[think\]|<\|begin_of_thought\|>"
_END = rf"{_OPEN}/ ?{_NAME}\s{{0,9}}{_CLOSE}|◁/think▷|\[/think\]|<\|end_of_thought\|>"
# A folded part is one where its type, or its heading, says so. Source: Open WebUI's <details type="reasoning">.
_DETAILS = (
    r"<details\b(?:(?=[^<>]{0,300}?\btype\s{0,9}=\s{0,9}[\"']?(?:reasoning|think))[^<>]{0,400}+>"
    r"|[^<>]{0,400}+>\s{0,20}+<summary\b[^<>]{0,200}+>[^<]{0,60}?(?:思考|推理|思维|thought|think|reasoning))"
)
_MARK = re.compile(
    rf"(?im)^ {{0,3}}(?P<fence>```|~~~)|(?<!`)(?:(?P<begin>{_BEGIN})|(?P<end>{_END})|(?P<details>{_DETAILS}))"
)
_IS_END = re.compile(f"(?i){_END}")
_FOLD = re.compile(r"(?i)<(/?)details\b[^<>]{0,400}+>")
_FENCE_END = {sign: re.compile(rf"(?m)^ {{0,3}}{sign}{{3,}}[ \t]*$") for sign in "`~"}


def split(text: str) -> tuple[str, str]:
    """Part a text into what answers and what thinks; takes time in proportion to the text.

    A thought that never ends goes to the end of the text; where only its end is marked, all before it is thought. What
    stands in code that is closed marks nothing.

    Args:
        text: as the model wrote it.

    Returns:
        The answer and the thoughts, without the marks.
    """
    answer, thoughts = list[str](), list[str]()
    start = at = 0
    open_for_ever: set[str] = set()
    while mark := _MARK.search(text, at):
        at = mark.end()
        if sign := (mark["fence"] or "")[:1]:
            closed = None if sign in open_for_ever else _FENCE_END[sign].search(text, at)
            at = closed.end() if closed else at
            open_for_ever |= set() if closed else {sign}
            continue
        answer.append(text[start : mark.start()])
        if mark["end"]:
            thoughts += answer
            answer.clear()
            start = at
            continue
        end, start = _end_of_fold(text, at) if mark["details"] else _end_of_thought(text, at)
        thoughts.append(text[at:end])
        at = start
    if not start:
        return text, ""
    return "\n\n".join([*answer, text[start:]]), "\n\n".join(thoughts)


def _end_of_thought(text: str, at: int) -> tuple[int, int]:
    end = _IS_END.search(text, at)
    return end.span() if end else (len(text), len(text))


def _end_of_fold(text: str, at: int) -> tuple[int, int]:
    depth = 1
    for fold in _FOLD.finditer(text, at):
        depth += -1 if fold[1] else 1
        if not depth:
            return fold.span()
    return len(text), len(text)
