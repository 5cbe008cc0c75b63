"""The midjourney format: a work is submitted, asked after until it is done, and gone on from by its buttons.

Source: wenwen's pages 文生图(Imagine), 图片融合(Blend), 按钮点击(Action), 任务查询接口 and 任务批量查询接口 show the
calls of the tasks ``draw``, ``blend`` and ``action`` and the two queries; 获取种子(Seed) is named there as a GET, and
its path is new-api's. Of 图生文(Describe), 换脸(FaceSwap), 上传(upload), 窗口执行(Modal) and 编辑图片(Edit) only the
names are there: their calls are those of midjourney-proxy (novicezk, trueai-org) and new-api (not seen on wenwen's
pages). 刷新链接(Refresh) is in none of these: its call is a guess, and unproven. No model is sent, nothing is streamed.
"""

from collections.abc import Generator, Mapping
from typing import Any
from urllib.parse import quote

from wenwen_magic.endpoint.failures import unreadable
from wenwen_magic.formats.midjourney import task as mjreply
from wenwen_magic.formats.midjourney.submit import ORDERS, body, prompt_as_sent, window
from wenwen_magic.formats.midjourney.task import CANCEL, FAILURE, MODAL, SUCCESS, Submission, Work
from wenwen_magic.protocol import Answer, HttpCall, HttpReply, Pause, Progress, Source, Step, WireFormat
from wenwen_magic.records import ImageRequest
from wenwen_magic.text.i18n import _

_MODAL = "/mj/submit/modal"


def talk(request: ImageRequest) -> Generator[Step, HttpReply | None, Answer]:
    """The conversation: submit, fill the window that a button may open, ask after the work until it has ended.

    Raises:
        ConfigError: as :func:`wenwen_magic.formats.midjourney.submit.body`.
        EndpointError: the submission was refused, or the work failed or was cancelled.
        AnswerError: the submission's answer is empty or cannot be read.
    """
    order = ORDERS[request.task]
    call = HttpCall("POST", order.path, body(request))
    if notice := order.notice and _(order.notice):
        yield Progress(notice)
    told = yield from _submitted(call)
    if told.links:
        return _linked(request, told)
    job = told.job or (str(request.params["taskId"]) if order.continues else "")
    if not job:
        raise mjreply.unnumbered(told)
    windows = request.task == "action"
    if told.modal and windows:
        job, windows = (yield from _opened(request, job)), False
    return (yield from _followed(request, job, windows=windows))


def _submitted(call: HttpCall) -> Generator[Step, HttpReply | None, Submission]:
    told = mjreply.submission(_received((yield call)))
    if told.told:
        yield told.told
    return told


def _opened(request: ImageRequest, job: str) -> Generator[Step, HttpReply | None, str]:
    """Fill the window that a button has opened; gives the number of the work that goes on."""
    told = yield from _submitted(HttpCall("POST", _MODAL, window(request, job)))
    return told.job or job


def _followed(request: ImageRequest, job: str, *, windows: bool) -> Generator[Step, HttpReply | None, Answer]:
    """Ask after a work until it has ended; what cannot be read is asked again."""
    shown = None
    while True:
        yield Pause()
        work = mjreply.work(_received((yield _question(job))))
        if work is None:
            yield Progress(_("no readable word from the endpoint; asking again"))
            continue
        if work.status == SUCCESS:
            return _answer(request, work, job)
        if work.status in {FAILURE, CANCEL}:
            raise mjreply.failed(work)
        yield work.told(shown)
        shown = work.picture or shown
        if work.status == MODAL and windows:
            job, windows = (yield from _opened(request, job)), False


def _question(job: str) -> HttpCall:
    """Page 任务查询接口; its curl leaves the number's place in the path open, and every other server has it there."""
    return HttpCall("GET", f"/mj/task/{quote(job, safe='')}/fetch", free=True)


def _received(reply: HttpReply | None) -> HttpReply:
    if reply is None:
        raise TypeError("a call must be answered with a reply")
    return reply


def _linked(request: ImageRequest, told: Submission) -> Answer:
    """Addresses in place of a work: words where words were wanted, else pictures."""
    if request.wants_words:
        return Answer(text="\n".join(told.links), finish_reason=SUCCESS)
    return Answer(sources=tuple(map(Source, told.links)), finish_reason=SUCCESS)


def _answer(request: ImageRequest, work: Work, job: str) -> Answer:
    videos = [_("Video: ") + address for address in work.videos]
    words = [work.described] if request.wants_words else []
    return Answer(
        sources=(work.picture,) if work.picture and not request.wants_words else (),
        text="\n".join([*words, *videos]),
        finish_reason=work.status,
        revised_prompt="" if request.wants_words else _rewritten(request, work),
        buttons=work.buttons(job),
        job=job,
    )


def _rewritten(request: ImageRequest, work: Work) -> str:
    """The prompt that was worked from, where it is not the one that was sent."""
    known = {request.prompt.strip(), prompt_as_sent(request).strip()}
    return "" if work.rewritten in known else work.rewritten


# -- questions after a finished work -----------------------------------------------------------------------------------


def query(job: str) -> Generator[Step, HttpReply | None, Mapping[str, Any]]:
    """Ask after one work (page 任务查询接口, cut off behind ``buttons``); gives it as it stands there, free.

    Args:
        job: its number.

    Raises:
        EndpointError: the answer is a web page, or the connection broke.
        AnswerError: the answer is empty or cannot be read.
    """
    return _mapping(mjreply.plain(_received((yield _question(job)))))


def queries(jobs: str) -> Generator[Step, HttpReply | None, Mapping[str, Any]]:
    """Ask after several works (page 任务批量查询接口); gives those that the endpoint knows, by their numbers, free.

    Args:
        jobs: the numbers, commas between them.

    Raises:
        EndpointError: the answer is a web page, or the connection broke.
        AnswerError: the answer is empty or cannot be read.
    """
    ids = [one.strip() for one in jobs.replace("，", ",").split(",") if one.strip()]
    call = HttpCall("POST", "/mj/task/list-by-condition", {"ids": ids}, free=True)
    found = mjreply.plain(_received((yield call)))
    # The page shows an object, other servers answer with an array.
    works = [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, Mapping)]
    return {str(work.get("id", number)): dict(work) for number, work in enumerate(works)}


def seed(job: str) -> Generator[Step, HttpReply | None, Mapping[str, Any]]:
    """Ask for a work's seed (page 获取种子(Seed): the method only); gives it under ``seed``, free.

    Args:
        job: the work's number.

    Raises:
        EndpointError: it was refused, the answer is a web page, or the connection broke.
        AnswerError: the answer is empty or cannot be read.
    """
    told = mjreply.submission(
        _received((yield HttpCall("GET", f"/mj/task/{quote(job, safe='')}/image-seed", free=True)))
    )
    return {"seed": told.job}


def refresh(job: str) -> Generator[Step, HttpReply | None, Mapping[str, Any]]:
    """Ask for new addresses of a work's pictures; unproven: no public server is known to have this call.

    It is not seen on wenwen's pages (刷新链接(Refresh) is only named) and may cost.

    Args:
        job: the work's number.

    Raises:
        EndpointError: it was refused, the answer is a web page, or the connection broke.
        AnswerError: the answer is empty or cannot be read.
    """
    order = ORDERS["refresh"]
    yield Progress(order.notice and _(order.notice))
    return _mapping(mjreply.plain(_received((yield HttpCall("POST", order.path, {"taskId": job})))))


def _mapping(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise unreadable(str(value)[:1000])


FORMAT = WireFormat(
    name="midjourney",
    talk=talk,
    prompt_as_sent=prompt_as_sent,
    model="midjourney",
    reader="midjourney",
    tasks=tuple(ORDERS),
    inquiries={"query": query, "queries": queries, "seed": seed, "refresh": refresh},
)
