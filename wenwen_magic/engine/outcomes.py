"""Makes the errors for a request that gives no picture: an answer without one, nothing saved, a job that goes on."""

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
from wenwen_magic.text.i18n import _
from wenwen_magic.text.sanitize import one_line

_LONGEST_PROMPT = 200
"""Characters of a prompt that an error quotes."""


def no_image(answer: Answer, *, words: bool = False) -> NoImageError:
    """Make the error for an answer without what was wanted: a picture, or words; what it says is the explanation."""
    missing = _("no words") if words else _("no picture")
    return NoImageError(
        _("The answer holds {missing}.", missing=missing),
        why=mask(answer.text) or answer.finish_reason,
        do=_("Change the prompt. This answer is saved: the same cell shows it again for free, --fresh asks again."),
        charged="yes",
        status=200,
        text=mask(answer.text),
    )


def as_recorded(error: WenwenError) -> dict[str, Any]:
    """Return an error as records keep it."""
    kind = next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == WenwenError.__module__)
    return {"kind": kind, "what": error.what, **error.as_dict()}


def error_of_record(fault: Mapping[str, Any]) -> WenwenError:
    """Make the error that a record keeps; a record may be anybody's, so nothing in it is trusted."""
    kind = getattr(tree, str(fault.get("kind")), None)
    kind = kind if isinstance(kind, type) and issubclass(kind, WenwenError) else WenwenError
    words = {name: mask(str(fault.get(name) or "")) for name in ("what", "why", "do", "request_id", "text", "record")}
    status, charged = fault.get("status"), fault.get("charged")
    return kind(
        words.pop("what") or _("An error is recorded."),
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
    which = _("Take {take} of this request", take=take) if take else _("This request")
    return NotInHistory(
        which + _(" is not saved."),
        why=" · ".join(part for part in (one_line(request.prompt, _LONGEST_PROMPT), why) if part),
        do=_nobody_asked() if replay else _("Nothing was sent. Without --take the endpoint is asked."),
    )


def _nobody_asked() -> str:
    return _("Nothing was sent: replay mode is offline. Mode cache asks the endpoint.")


def refuse_gaps(rows: Iterable[Generation]) -> None:
    """Refuse a replay that shows less than was asked for, when what is there has been shown.

    Args:
        rows: what is shown; a saved refusal is no gap, for that is what was answered.

    Raises:
        NotInHistory: there are rows that are not saved; the text gives the first one's reason.
    """
    shown = list(rows)
    gaps = [row for row in shown if not row.has_result and (row.error or {}).get("kind") in {None, "NotInHistory"}]
    if gaps:
        error = gaps[0].error or {}
        raise NotInHistory(
            _("{count} of {count2} are not saved.", count=len(gaps), count2=len(shown)),
            why=" ".join(str(error.get(name, "")) for name in ("what", "why")).strip(),
            do=_nobody_asked(),
        )


def not_fetched(generation: Generation) -> NotInHistory:
    """Make the error for a saved answer whose pictures would have to be fetched, in mode ``replay``."""
    return NotInHistory(
        _("This prompt's answer is saved, its picture is not."),
        why=one_line(generation.request.prompt, _LONGEST_PROMPT),
        do=_("Nothing was sent. Where there is a network: %wenwen fetch {id} in mode cache.", id=generation.id[:6]),
        charged=generation.charged,
        record=generation.id,
    )


def nothing_kept(generation: Generation) -> WenwenError:
    """Make the error for a generation whose answer never came: the error it met then, if it met one."""
    if generation.error:
        return error_of_record(dict(generation.error))
    return NotInHistory(
        _("No answer is kept for this request."),
        do=_("Run its cell again to ask again."),
        charged=generation.charged,
        record=generation.id,
    )


def none_valid(pictures: tuple[GeneratedImage, ...], record: str) -> ImageError:
    """Make the error for an answer whose pictures all failed the check."""
    first = pictures[0]
    return ImageError(
        _("What came is not a sound picture."),
        why=first.problem,
        do=_(
            "The bytes are kept as {name}. %wenwen fetch {record} fetches them again, for free.",
            name=first.path.name,
            record=record[:6],
        ),
        charged="yes",
        record=record,
    )


def with_fetch(do: str, record: str) -> str:
    """Say what to do about an answer whose pictures are not here, with the command that fetches them."""
    if "%wenwen fetch" in do:
        return do
    return f"{do} %wenwen fetch {record[:6]}".strip()


def wait_ended() -> WaitEnded:
    """Make the error for an interrupted wait."""
    return WaitEnded(
        _("Stopped waiting; the request goes on."),
        do=_("Its answer is saved when it comes: running this cell again then shows it for free."),
        charged="maybe",
    )


def goes_on(error: WenwenError) -> WaitEnded:
    """Make the error for a job that could not be asked about; the job itself goes on."""
    return WaitEnded(
        _("The endpoint does not say how the work is going."),
        do=" ".join(part for part in (error.do if isinstance(error, ConfigError) else "", _ask_again()) if part),
        **_quoted(error),
    )


def unknown_job(error: WenwenError) -> EndpointError:
    """Make the error for a job that the endpoint does not know, or not any more."""
    return EndpointError(
        _("The endpoint does not know this work any more."),
        do=_(
            "%wenwen fetch with the id asks for it once more, for free; running the cell submits it again, "
            "which may cost again."
        ),
        **_quoted(error),
    )


def _quoted(error: WenwenError) -> dict[str, Any]:
    """Return what the error for a job takes over from that of a question about it; the job may have been charged."""
    why = " ".join(part for part in (error.what, error.why) if part)
    return {"why": why, "charged": "maybe", "status": error.status, "request_id": error.request_id, "text": error.text}


def at_work_elsewhere(generation: Generation) -> WaitEnded:
    """Make the error for a job that goes on at another endpoint than the one that is set now."""
    return WaitEnded(
        _("This work is under way at another endpoint."),
        why=generation.endpoint,
        do=_("Nothing was sent. Set base_url to that one again."),
        charged="maybe",
        record=generation.id,
    )


def still_working() -> WaitEnded:
    """Make the error for a job that takes longer than the user's settings wait for it."""
    return WaitEnded(
        _("The endpoint is still at work; the waiting has ended."),
        why=_("The limit is the setting poll_limit."),
        do=_ask_again(),
        charged="maybe",
    )


def _ask_again() -> str:
    return _("Nothing is sent twice: running this cell again, or %wenwen fetch with the id, goes on waiting for free.")


def stopped(done: int, *, paid: bool) -> WaitEnded:
    """Make the error for a run through many requests that was interrupted after so many, paid or all of them free."""
    return WaitEnded(
        _("Stopped; {done} are done and saved.", done=done),
        do=_("Run it again for the rest: only what is missing is asked for."),
        charged="yes" if paid else "no",
    )
