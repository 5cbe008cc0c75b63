"""Makes the errors for what can come of a request beside a picture: no picture, nothing saved, a limit."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from wenwen_magic import errors as tree
from wenwen_magic.errors import (
    Charged,
    ConfigError,
    EndpointError,
    ImageError,
    NoImageError,
    NotInHistory,
    WaitEnded,
    WenwenError,
    mask,
)
from wenwen_magic.protocol import Answer
from wenwen_magic.records import GeneratedImage, Generation, ImageRequest
from wenwen_magic.text.i18n import say

_LONGEST_PROMPT = 200
"""Characters of a prompt that an error quotes."""


def no_image(answer: Answer, *, words: bool = False) -> NoImageError:
    """Make the error for an answer without what was wanted: a picture, or words; what it says is the explanation."""
    missing = say("no words", "文字") if words else say("no picture", "图片")
    return NoImageError(
        say(f"The answer holds {missing}.", f"回答中没有{missing}。"),
        why=mask(answer.text) or answer.finish_reason,
        do=say(
            "Change the prompt. This answer is saved: the same cell shows it again for free, --fresh asks again.",
            "请修改提示词。此回答已保存：重新运行同一单元格会免费显示它，--fresh 会重新请求。",
        ),
        charged="yes",
        status=200,
        text=mask(answer.text),
    )


def error_of_record(fault: Mapping[str, Any]) -> WenwenError:
    """Make the error that a record tells of; a record may come from a stranger, so nothing in it is taken on trust."""
    kind = getattr(tree, str(fault.get("kind")), None)
    kind = kind if isinstance(kind, type) and issubclass(kind, WenwenError) else WenwenError
    words = {name: mask(str(fault.get(name) or "")) for name in ("what", "why", "do", "request_id", "text", "record")}
    status, charged = fault.get("status"), fault.get("charged")
    return kind(
        words.pop("what") or say("An error is recorded.", "有错误记录。"),
        **words,
        status=status if isinstance(status, int) else 0,
        charged=cast(Charged, charged if charged in {"no", "maybe", "yes"} else "maybe"),
    )


def not_in_history(request: ImageRequest, take: int, *, why: str = "", replay: bool = True) -> NotInHistory:
    """Make the error for a request, or one take of it (0: any), that is not saved.

    Args:
        request: what was asked for.
        take: the number asked for.
        why: what is saved instead, in words; stands behind the prompt.
        replay: whether the mode is ``replay``; else a take was asked for by its number.
    """
    which = say(f"Take {take} of this request", f"此请求的第 {take} 张") if take else say("This request", "此请求")
    return NotInHistory(
        which + say(" is not saved.", "没有保存。"),
        why=" · ".join(part for part in (_quoted(request), why) if part),
        do=_nobody_asked() if replay else _without_take(),
    )


def _quoted(request: ImageRequest) -> str:
    return " ".join(request.prompt.split())[:_LONGEST_PROMPT]


def _nobody_asked() -> str:
    return say(
        "Nothing was sent: in mode replay nobody is asked. In mode cache the endpoint is.",
        "没有发送任何请求：replay 模式不请求服务端，cache 模式会请求。",
    )


def _without_take() -> str:
    return say(
        "Nothing was sent. Without --take the endpoint is asked.", "没有发送任何请求。不用 --take 会请求服务端。"
    )


def refuse_gaps(rows: Iterable[Generation]) -> None:
    """Refuse a replay that shows less than was asked for, when what is there has been shown.

    Args:
        rows: what is shown; a saved refusal is no gap, for that is what was answered.

    Raises:
        NotInHistory: there are rows that are not saved; the first one's reason is told.
    """
    shown = list(rows)
    gaps = [row for row in shown if not row.has_result and (row.error or {}).get("kind") in {None, "NotInHistory"}]
    if gaps:
        error = gaps[0].error or {}
        raise NotInHistory(
            say(f"{len(gaps)} of {len(shown)} are not saved.", f"{len(shown)} 个中有 {len(gaps)} 个没有保存。"),
            why=" ".join(str(error.get(name, "")) for name in ("what", "why")).strip(),
            do=_nobody_asked(),
        )


def not_fetched(generation: Generation) -> NotInHistory:
    """Make the error for a saved answer whose pictures would have to be fetched, in mode ``replay``."""
    return NotInHistory(
        say("This prompt's answer is saved, its picture is not.", "此提示词的回答已保存，但图片没有。"),
        why=" ".join(generation.request.prompt.split())[:200],
        do=say(
            f"Nothing was sent. Where there is a network: %wenwen fetch {generation.id[:6]} in mode cache.",
            f"没有发送任何请求。请在有网络的地方，以 cache 模式运行 %wenwen fetch {generation.id[:6]}。",
        ),
        charged=generation.charged,
        record=generation.id,
    )


def nothing_kept(generation: Generation) -> WenwenError:
    """Make the error for a generation whose answer never came: the error it met then, if it met one."""
    if generation.error:
        return error_of_record(dict(generation.error))
    return NotInHistory(
        say("No answer is kept for this request.", "此请求没有保存的回答。"),
        do=say("Run its cell again to ask again.", "请再次运行其单元格重新请求。"),
        charged=generation.charged,
        record=generation.id,
    )


def none_sound(pictures: tuple[GeneratedImage, ...], record: str) -> ImageError:
    """Make the error for an answer whose pictures all failed the check."""
    first = pictures[0]
    return ImageError(
        say("What came is not a sound picture.", "收到的内容不是完好的图片。"),
        why=first.problem,
        do=say(
            f"The bytes are kept as {first.path.name}. %wenwen fetch {record[:6]} fetches them again, for free.",
            f"原始数据已保存为 {first.path.name}。%wenwen fetch {record[:6]} 可免费重新下载。",
        ),
        charged="yes",
        record=record,
    )


def with_fetch(do: str, record: str) -> str:
    """What to do about an answer whose pictures are not here, with the command that brings them."""
    if "%wenwen fetch" in do:
        return do
    return f"{do} %wenwen fetch {record[:6]}".strip()


def wait_ended() -> WaitEnded:
    """Make the error for an interrupted wait."""
    return WaitEnded(
        say("Stopped waiting; the request goes on.", "已停止等待；请求仍在进行。"),
        do=say(
            "Its answer is saved when it comes: running this cell again then shows it for free.",
            "回答到达后会保存：届时再次运行此单元格即可免费显示。",
        ),
        charged="maybe",
    )


def goes_on(error: WenwenError) -> WaitEnded:
    """Make the error for a work that could not be asked after; the work itself goes on."""
    return WaitEnded(
        say("The endpoint does not say how the work is going.", "服务端没有说明作图的进展。"),
        why=" ".join(part for part in (error.what, error.why) if part),
        do=" ".join(part for part in (error.do if isinstance(error, ConfigError) else "", _ask_again()) if part),
        charged="maybe",
        status=error.status,
        request_id=error.request_id,
        text=error.text,
    )


def unknown_work(error: WenwenError) -> EndpointError:
    """Make the error for a work that the endpoint does not know, or not any more."""
    return EndpointError(
        say("The endpoint does not know this work any more.", "服务端已找不到这个任务。"),
        why=" ".join(part for part in (error.what, error.why) if part),
        do=say(
            "%wenwen fetch with the id asks for it once more, for free; running the cell submits it anew, which may "
            "cost again.",
            "用编号运行 %wenwen fetch 可免费再查询一次；重新运行单元格会重新提交，可能再次扣费。",
        ),
        charged="maybe",
        status=error.status,
        request_id=error.request_id,
        text=error.text,
    )


def at_work_elsewhere(generation: Generation) -> WaitEnded:
    """Make the error for a work that goes on at another endpoint than the one that is set now."""
    return WaitEnded(
        say("This work is under way at another endpoint.", "此任务在另一个服务端进行。"),
        why=generation.endpoint,
        do=say("Nothing was sent. Set base_url to that one again.", "没有发送任何请求。请把 base_url 设回该地址。"),
        charged="maybe",
        record=generation.id,
    )


def still_working() -> WaitEnded:
    """Make the error for a work that takes longer than the user's settings wait for it."""
    return WaitEnded(
        say("The endpoint is still at work; the waiting has ended.", "服务端仍在作图；等待已结束。"),
        why=say("The limit is the setting poll_limit.", "上限是设置 poll_limit。"),
        do=_ask_again(),
        charged="maybe",
    )


def _ask_again() -> str:
    return say(
        "Nothing is sent twice: running this cell again, or %wenwen fetch with the id, goes on waiting for free.",
        "不会重复提交：再次运行此单元格，或用编号运行 %wenwen fetch，会免费继续等待。",
    )


def stopped(done: int, *, paid: bool) -> WaitEnded:
    """Make the error for a run through many requests that was interrupted after so many, paid or all of them free."""
    return WaitEnded(
        say(f"Stopped; {done} are done and saved.", f"已停止；{done} 个已完成并保存。"),
        do=say("Run it again for the rest: only what is missing is asked for.", "再次运行会只请求缺少的部分。"),
        charged="yes" if paid else "no",
    )
