"""Make the errors of requests that give no picture: an answer without one, nothing saved, a job that goes on."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, cast

from wenwen_magic import errors as tree
from wenwen_magic.endpoint import bodies
from wenwen_magic.errors import (
    AnswerError,
    Charged,
    ConfigError,
    EndpointError,
    HistoryError,
    ImageError,
    NoImageError,
    NotInHistory,
    UnansweredRequest,
    WaitEnded,
    WenwenError,
)
from wenwen_magic.models import ModelList
from wenwen_magic.protocol import Answer
from wenwen_magic.records import GeneratedImage, Generation, ImageRequest, Video
from wenwen_magic.text.i18n import N_, _, ngettext
from wenwen_magic.text.improving import asked_in
from wenwen_magic.text.sanitize import drop_controls, mask_keys, one_line

_OFFLINE = N_("Nothing was sent: replay mode is offline. Mode cache asks the endpoint.")
_ASK_AGAIN = N_(
    "Nothing is sent twice: running this cell again, or %wenwen fetch with the id, asks for free. "
    "--fresh submits again, which may cost again."
)
_LONGEST_PROMPT = 200
"""Characters of a prompt that an error quotes."""
_MOST_NAMES = 8
"""Models that an error names."""
_PASTED = re.compile(r"[^\W_][\w./:@+=-]*")
"""Names that run nothing where they are pasted into a cell, with its quotation marks, ``$`` and ``{}``."""


def no_image(answer: Answer, *, words: bool = False, clip: bool = False) -> NoImageError:
    """Make the error for an answer without the picture, words or clip that were asked for; its text says why."""
    return NoImageError(
        _("The answer holds no words.")
        if words
        else _("The answer holds no clip.")
        if clip
        else _("The answer holds no picture."),
        why=mask_keys(answer.text) or answer.finish_reason,
        do=_("What it says is all that came. It is saved: the same cell shows it again for free, --fresh asks again.")
        if clip
        else _("Change the prompt. This answer is saved: the same cell shows it again for free, --fresh asks again."),
        charged="yes",
        status=200,
        text=mask_keys(answer.text),
    )


def unread(problem: str) -> AnswerError:
    """Make the error for an answer that made its reader fail in a way that nobody foresaw; ``problem`` says how."""
    return AnswerError(
        _("The answer cannot be read."),
        why=mask_keys(problem),
        do=_("What came is kept in the history. Running the cell again asks again, which may cost again."),
        charged="yes",
        status=200,
    )


def as_recorded(error: WenwenError) -> dict[str, Any]:
    """Return an error as it is saved in records."""
    kind = next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == WenwenError.__module__)
    return {"kind": kind, "what": error.what, **error.as_dict()}


def error_of_record(fault: Mapping[str, Any]) -> WenwenError:
    """Make the error that a record describes; the record may be imported, so nothing in it is trusted."""
    kind = getattr(tree, str(fault.get("kind")), None)
    kind = kind if isinstance(kind, type) and issubclass(kind, WenwenError) else WenwenError
    texts = {name: mask_keys(str(fault.get(name) or "")) for name in ("what", "why", "request_id", "text", "record")}
    texts["do"] = drop_controls(str(fault.get("do") or ""))  # an address in it opens nothing where it is masked
    status, charged = fault.get("status"), fault.get("charged")
    return kind(
        texts.pop("what") or _("An error is recorded."),
        **texts,
        status=status if isinstance(status, int) else 0,
        charged=cast(Charged, charged if charged in {"no", "maybe", "yes"} else "maybe"),
    )


def not_in_history(request: ImageRequest, take: int, *, why: str = "", replay: bool = True) -> NotInHistory:
    """Make the error for a request, or a take of it (0: any), that is not saved; ``why`` says what is saved instead."""
    prompt = asked_in(request.prompt) or request.prompt
    return NotInHistory(
        _("Take {take} of this request is not saved.", take=take) if take else _("This request is not saved."),
        why=" · ".join(filter(None, (one_line(prompt, _LONGEST_PROMPT), why))),
        do=_(_OFFLINE) if replay else _("Nothing was sent. Without --take the endpoint is asked."),
    )


def default_not_listed(request: ImageRequest, known: ModelList, today: date, usual: str = "chat") -> ConfigError:
    """Make the error for a model that nobody named and that the endpoint does not list, or says is shut down by today.

    Only names without signs that mean something in a cell are suggested. A request in another format than the usual
    one, of the settings, is not answered with a setting that counts for all.
    """
    listed, words = known.find(request.model), request.wants_words
    offered = known.instead_of(request.model, request.format, today, words=words)
    first, several, line = _suggested(offered, "describe_model" if words else "model")
    if not several:
        do = _("Name a model that it has: -m NAME. %wenwen models lists all.")
    elif request.format == usual:
        do = _("Choose one: {line} (or -m in the cell)", line=line)
    else:
        do = _("Choose one: {line}", line=f"--format {request.format} -m {first}")
    none = _("It lists no model that describes.") if words else _("It lists no model for pictures.")
    return ConfigError(
        _("{model} is the default model, and the endpoint shut it down on {day}.", model=request.model, day=listed.ends)
        if listed
        else _("{model} is the default model, and the endpoint does not list it.", model=request.model),
        why=_("It has: ") + several if several else none,
        do=do,
    )


def _suggested(models: Iterable[str], setting: str) -> tuple[str, str, str]:
    """Return the first model whose name can be pasted (or nothing), the first few, and the line that sets the first."""
    names = [mask_keys(name) for name in models if _PASTED.fullmatch(name)] or [""]
    several = ", ".join(names[:_MOST_NAMES]) + (" …" if len(names) > _MOST_NAMES else "")
    return names[0], several, f"%config WenwenMagics.{setting} = {names[0]!r}"


def no_clip_model(offered: Sequence[str]) -> ConfigError:
    """Make the error for a clip whose model nobody named: there is no default that is sure to be offered and to last.

    Args:
        offered: the models for clips that the endpoint lists.
    """
    _first, several, line = _suggested(offered, "video_model")
    return ConfigError(
        _("No model for clips is named."),
        why=_("The endpoint has: ") + several if several else _("There is no default: such models come and go."),
        do=_("Nothing was sent. Name one: {line} (or -m in the cell)", line=line)
        if several
        else _("Nothing was sent. Name one with -m (model=), or in the setting video_model. %wenwen models lists all."),
    )


def refuse_gaps(rows: Iterable[Generation]) -> None:
    """Raise ``NotInHistory`` with the first one's reason for rows that a replay lacks; saved refusals are no gaps."""
    shown = list(rows)
    faults = [row.error or {} for row in shown if not row.has_result]
    if gaps := [fault for fault in faults if fault.get("kind") in {None, "NotInHistory"}]:
        raise NotInHistory(
            _("{count} of {total} are not saved.", count=len(gaps), total=len(shown)),
            why=" ".join(str(gaps[0].get(name, "")) for name in ("what", "why")).strip(),
            do=_(_OFFLINE),
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
    """Make the error for a generation without a kept answer: the error that its record describes, if it has one."""
    if generation.error:
        return error_of_record(dict(generation.error))
    return NotInHistory(
        _("No answer is kept for this request."),
        do=_("Run its cell again to ask again."),
        charged=generation.charged,
        record=generation.id,
    )


def none_saved(generation: Generation, failed: Sequence[WenwenError]) -> WenwenError:
    """Make the error for an answer without a sound picture or video; ``failed`` are the errors of fetching them."""
    if failed and not generation.videos:
        return failed[0]
    clip = generation.request.wants_clip
    if clip and not generation.videos and generation.images:
        return no_image(Answer(text=_("It is a picture: {name}", name=generation.images[0].path.name)), clip=True)
    lost: GeneratedImage | Video = (generation.videos or generation.pictures)[0]
    locked = next((one for one in failed if isinstance(one, ImageError) and one.status in {401, 403}), None)
    final = locked.do if locked else bodies.advice_on(lost.problem)
    if isinstance(lost, Video):
        what = _("The answer is a video, not a picture, and the video could not be fetched.")
        what = _("The clip could not be fetched.") if clip else what
        do = final or _("%wenwen fetch {record} fetches it again, for free.", record=generation.id[:6])
        addresses = [video.address for video in generation.videos if video.address not in do]
        do = " ".join(filter(None, (do, _found_at(N_("It is at {addresses}"), addresses))))
    else:
        what = _("The picture of the answer is damaged or is not a picture.")
        do = final or _(
            "The bytes are kept as {name}. %wenwen fetch {record} fetches them again, for free.",
            name=lost.path.name,
            record=generation.id[:6],
        )
    error = ImageError(what, why=lost.problem, do=do, charged="yes", record=generation.id)
    error.lasting = locked.lasting if locked else bool(final)
    return error


def with_fetch(error: WenwenError, record: str) -> str:
    """Add the command that fetches an answer's pictures to what an error says to do, where that can help."""
    if "%wenwen fetch" in error.do or (isinstance(error, ImageError) and error.lasting):
        return error.do
    return f"{error.do} %wenwen fetch {record[:6]}".strip()


def with_answer(do: str, sources: Sequence[str], spooled: Path | None) -> str:
    """Add to what an error says to do where an answer can be had that the history folder did not take.

    Args:
        do: what the error says.
        sources: the addresses in the answer.
        spooled: where the raw answer is kept instead; None for nowhere.
    """
    kept = _("The answer is kept in {place}; the same cell uses it for free.", place=spooled) if spooled else ""
    return " ".join(filter(None, (do, _found_at(N_("The picture is at {addresses}"), sources), kept)))


def _found_at(message: str, addresses: Iterable[str]) -> str:
    """Write addresses into a message so that a person can open them; empty without any that a browser opens."""
    shown = [one_line(mask_keys(address), 400) for address in addresses if address.lower().startswith("http")]
    return _(message, addresses=" ".join(shown)) if shown else ""


def wait_ended() -> WaitEnded:
    """Make the error for a wait that was interrupted."""
    return WaitEnded(
        _("Stopped waiting; the request goes on."),
        do=_("Its answer is saved when it comes: running this cell again then shows it for free."),
        charged="maybe",
    )


def goes_on(error: WenwenError) -> WaitEnded:
    """Make the error for a job that could not be asked about; the job itself goes on."""
    return WaitEnded(
        _("The endpoint could not be asked about the job."),
        do=f"{error.do if isinstance(error, ConfigError) else ''} {_(_ASK_AGAIN)}".strip(),
        **_quoted(error),
    )


def unknown_job(error: WenwenError) -> EndpointError:
    """Make the error for a job that the endpoint does not know, or not any more."""
    return EndpointError(
        _("The endpoint no longer knows this job."),
        do=_(
            "%wenwen fetch with the id asks for it once more, for free; running the cell submits it again, "
            "which may cost again."
        ),
        **_quoted(error),
    )


def _quoted(error: WenwenError) -> dict[str, Any]:
    """Return what the error for a job takes from the error of a question about it; the job may have been charged."""
    why = f"{error.what} {error.why}".strip()
    return {"why": why, "charged": "maybe", "status": error.status, "request_id": error.request_id, "text": error.text}


def job_elsewhere(generation: Generation) -> WaitEnded:
    """Make the error for a job that runs at another endpoint than the setting ``base_url`` names now."""
    return WaitEnded(
        _("This job is running at another endpoint."),
        why=generation.endpoint,
        do=_("Nothing was sent. Set base_url to that one again."),
        charged="maybe",
        record=generation.id,
    )


def still_working() -> WaitEnded:
    """Make the error for a job that takes longer than the setting ``poll_limit``."""
    return WaitEnded(
        _("The job is still running; the waiting has ended."),
        why=_("The limit is the setting poll_limit."),
        do=_(_ASK_AGAIN),
        charged="maybe",
    )


def never_answered(generation: Generation) -> EndpointError:
    """Make the error for a request whose process ended before its answer came."""
    return EndpointError(
        _("The process that sent this request ended before the answer came."),
        do=_("Run its cell again to ask again."),
        charged="maybe",
        record=generation.id,
    )


def record_gone(record: str) -> HistoryError:
    """Make the error for a picture that was drawn, and whose record cannot be found any more."""
    return HistoryError(
        _("The picture was saved, but its record cannot be found."),
        do=_("Look in the history folder for files with {id} in their names.", id=record),
        charged="yes",
        record=record,
    )


def unanswered(generations: Sequence[Generation]) -> UnansweredRequest:
    """Make the error for records, one at least, that an earlier process sent and may have paid for."""
    last = generations[-1]
    moment = last.created[:16].replace("T", " ")
    why = _("Sent at {moment}; the process that waited for the answer has ended.", moment=moment)
    untold = error_of_record(dict(last.error)).what if last.error else ""  # it came when nobody was there
    error = UnansweredRequest(
        ngettext(
            "{count} such request was sent and has no answer.",
            "{count} such requests were sent and have no answer.",
            len(generations),
        ),
        why=f"{why} {untold}".strip(),
        do=_("Nothing was sent now: the earlier request may have been charged. --fresh (fresh=True) sends a new one."),
        record=last.id,
    )
    error.records = tuple(generation.id for generation in generations)
    return error


def stopped(done: int, *, paid: bool) -> WaitEnded:
    """Make the error for a run that was interrupted, with so many requests done, of which any may have been paid."""
    return WaitEnded(
        _("Stopped; {done} are done and saved.", done=done),
        do=_("Run it again for the rest: only what is missing is asked for."),
        charged="yes" if paid else "no",
    )
