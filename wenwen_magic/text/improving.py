"""Ask a text model to rewrite a prompt, and read the new prompt out of its answer."""

import re

from wenwen_magic.errors import AnswerError
from wenwen_magic.text.i18n import _, is_chinese
from wenwen_magic.text.sanitize import mask_keys

_BEGIN = ("Rewrite the prompt below", "请改写下面的提示词")
_ENGLISH = (
    " for a model that draws pictures, so that the picture becomes richer and clearer: subject, surroundings, light, "
    "style, composition. Keep its language and all that it asks for. Keep unchanged: names, texts in quotes, words in "
    "double braces, options such as --ar 16:9. Pictures that you do not see may go with it: say of them only what it "
    "says. Answer with the new prompt alone: no words around it, no quotes."
)
_CHINESE = (
    "，它用于画图模型，让画面更丰富、更清楚：主体、环境、光线、风格、构图。保持它的语言和全部要求。人名地名、引号里的文字、"
    "双花括号里的词、--ar 16:9 这样的参数都原样保留。它可能附有你看不到的图片：关于这些图片，只写它已经写的。"
    "只回答新的提示词：前后不要有别的文字，也不要加引号。"
)
_FENCE = re.compile(r"```[^\S\n]*\w*[^\S\n]*\n(.*?)\n?[^\S\n]*```", re.DOTALL)
_LABEL = re.compile(
    r"(?i)\**(?:(?:here is |here's )?(?:the |your )?(?:new|improved|rewritten|revised|final) prompt"
    r"|prompt|(?:新的?|改写后的?|优化后的?|改进后的?)?提示词)\**[^\S\n]*[:：]\**"
)
_DECLINES = re.compile(
    r"(?i)(?:(?:i am |i['’]m )?(?:very |so )?sorry\b|unfortunately\b|i (?:can['’]t|can ?not|won['’]t|am unable)\b"
    r"|(?:非常|很|十分)?抱歉|对不起|我(?:不能|无法))"
)
_QUOTES = ('""', "“”", "「」", "''", "‘’", "``")


def with_request(prompt: str) -> str:
    """Return the question, in the prompt's language, that asks for a better prompt."""
    chinese = is_chinese(prompt)
    return f"{_BEGIN[chinese]}{_CHINESE if chinese else _ENGLISH}\n\n{prompt}"


def asked_in(question: str) -> str:
    """Return the prompt that a question of :func:`with_request` asks to rewrite; empty for another question."""
    return question.partition("\n\n")[2] if question.startswith(_BEGIN) else ""


def prompt_in(answer: str, asked: str = "", record: str = "") -> str:
    """Return the prompt in an answer: without a fence, a heading or quotes around the whole.

    Args:
        answer: the words.
        asked: the prompt that was to be rewritten; empty for unknown.
        record: the answer's id.

    Raises:
        AnswerError: it says that it will not rewrite that prompt.
    """
    text = answer.strip()
    fenced = _FENCE.fullmatch(text)
    text = fenced[1].strip() if fenced else text
    label = _LABEL.match(text)
    text = text[label.end() :].strip() if label else text
    inner = text[1:-1].strip()
    around = next((pair for pair in _QUOTES if text[:1] + text[-1:] == pair), "")
    if around and inner and not set(around) & set(inner):
        text = inner
    if asked and _DECLINES.match(text) and not _DECLINES.match(asked):
        raise AnswerError(
            _("The prompt was not rewritten; nothing was drawn."),
            why=mask_keys(text),
            do=_("Change the prompt, or leave --improve out. --fresh asks again, which costs again."),
            charged="yes",
            text=mask_keys(text),
            record=record,
        )
    return text or answer.strip()
