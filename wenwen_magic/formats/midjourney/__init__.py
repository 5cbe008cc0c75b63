"""The midjourney format: a job is submitted, asked about until it is done, and continued by its buttons.

Source: wenwen's pages 文生图(Imagine), 图片融合(Blend), 按钮点击(Action), 任务查询接口 and 任务批量查询接口 show the
calls of the tasks ``draw``, ``blend`` and ``action`` and the two queries; 获取种子(Seed) is named there as a GET, and
its path is new-api's. Of 图生文(Describe), 换脸(FaceSwap), 上传(upload), 窗口执行(Modal) and 编辑图片(Edit) only the
names are there: their calls are those of midjourney-proxy (novicezk, trueai-org) and new-api (not seen on wenwen's
pages). 刷新链接(Refresh) is in none of these, and not here. No model is sent, nothing is streamed.
"""

from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from wenwen_magic.endpoint.failures import unreadable
from wenwen_magic.errors import AnswerError
from wenwen_magic.formats.midjourney import task
from wenwen_magic.formats.midjourney.submit import SUBMITS, body, prompt_as_sent, window
from wenwen_magic.formats.parse.stream import read_json
from wenwen_magic.protocol import Answer, HttpCall, HttpReply, Pause, Progress, Source, Step, WireFormat
from wenwen_magic.records import ImageRequest
from wenwen_magic.text.i18n import _

_ASKS = 4
"""How often a job that is done is asked about again: some servers say so before they have its picture's address."""


def talk(request: ImageRequest) -> Generator[Step, HttpReply | None, Answer]:
    """Submit a job, fill the window that a button may open, and ask about the job until it has ended.

    Raises:
        ConfigError: as :func:`wenwen_magic.formats.midjourney.submit.body`.
        EndpointError: the submission was refused, or the job failed or was cancelled.
        AnswerError: the submission's answer is empty or cannot be read.
    """
    submit = SUBMITS[request.task]
    taken = yield from _submit(HttpCall("POST", submit.path, body(request)))
    if taken.links:  # addresses in place of a job: words where words were wanted, else pictures
        if request.wants_words:
            return Answer(text="\n".join(taken.links), finish_reason=task.SUCCESS)
        return Answer(sources=tuple(map(Source, taken.links)), finish_reason=task.SUCCESS)
    number = taken.job or (str(request.params["taskId"]) if submit.continues else "")
    if not number:
        raise unreadable("", _("The endpoint accepted the request, but gave no job number."))
    windows = request.task == "action"
    if taken.modal and windows:
        number, windows = (yield from _fill_window(request, number)), False
    return (yield from _follow(request, number, windows=windows))


def _submit(call: HttpCall) -> Generator[Step, HttpReply | None, task.Submission]:
    taken = task.read_submission((yield call))
    if taken.queue is not None:
        yield Progress(_("queued, {queue} before it", queue=taken.queue))
    return taken


def _fill_window(request: ImageRequest, number: str) -> Generator[Step, HttpReply | None, str]:
    """Fill the window that a button has opened, and return the number of the job that goes on."""
    taken = yield from _submit(HttpCall("POST", SUBMITS["modal"].path, window(request, number)))
    return taken.job or number


def _follow(request: ImageRequest, number: str, *, windows: bool) -> Generator[Step, HttpReply | None, Answer]:
    """Ask about a job until it has ended; what cannot be read is asked again."""
    shown, asks = None, 0
    while True:
        yield Pause()
        job = task.read_job((yield _question(number)))
        if job is None:
            yield Progress(_("the endpoint's answer could not be read; asking again"))
            continue
        if job.status == task.SUCCESS:
            asks += 1
            if request.wants_words or job.pictures or job.videos or asks > _ASKS:
                return _answer(request, job, number)
            yield Progress(_("drawn; waiting for the picture's address"))
            continue
        if job.status in {task.FAILURE, task.CANCEL}:
            raise task.failed(job)
        yield job.progress(shown)
        shown = job.picture or shown
        if job.status == task.MODAL and windows:
            number, windows = (yield from _fill_window(request, number)), False


def _question(number: str) -> HttpCall:
    """Return the question about a job (page 任务查询接口, without the number that other servers have in the path)."""
    return HttpCall("GET", f"/mj/task/{quote(number, safe='')}/fetch", free=True)


def _answer(request: ImageRequest, job: task.Job, number: str) -> Answer:
    words = [_("Video: ") + video.address for video in job.videos]
    if not (job.pictures or words or request.wants_words):
        words = [_("The job is done, and its picture has no address yet. %wenwen fetch asks for it again, for free.")]
    answer = Answer(finish_reason=job.status, buttons=job.buttons(number), job=number, videos=job.videos)
    if request.wants_words:
        return replace(answer, text="\n".join([job.described, *words]))
    known = {request.prompt.strip(), prompt_as_sent(request).strip()}
    return replace(
        answer,
        sources=job.pictures,
        text="\n".join(words),
        revised_prompt="" if job.rewritten in known else job.rewritten,
    )


# -- questions about a finished job ------------------------------------------------------------------------------------


def query(job: str) -> Generator[Step, HttpReply | None, Mapping[str, Any]]:
    """Ask about one job (page 任务查询接口, cut off behind ``buttons``), and return it as it is there, free.

    Args:
        job: its number.

    Raises:
        EndpointError: the answer is a web page, or the connection broke.
        AnswerError: the answer is empty or cannot be read.
    """
    answer = yield from _ask_free(_question(job))
    if not isinstance(answer, Mapping):
        raise unreadable(str(answer)[:1000])
    return dict(answer)


def queries(jobs: str) -> Generator[Step, HttpReply | None, Mapping[str, Any]]:
    """Ask about several jobs (page 任务批量查询接口), and return those that the endpoint knows, by their numbers, free.

    Args:
        jobs: the numbers, commas between them.

    Raises:
        EndpointError: the answer is a web page, or the connection broke.
        AnswerError: the answer is empty or cannot be read.
    """
    ids = [number.strip() for number in jobs.replace("，", ",").split(",") if number.strip()]
    answer = yield from _ask_free(HttpCall("POST", "/mj/task/list-by-condition", {"ids": ids}, free=True))
    # The page shows an object, other servers answer with an array.
    known = [item for item in (answer if isinstance(answer, list) else [answer]) if isinstance(item, Mapping)]
    return {str(item.get("id", place)): dict(item) for place, item in enumerate(known)}


def seed(job: str) -> Generator[Step, HttpReply | None, Mapping[str, Any]]:
    """Ask for a job's seed (page 获取种子(Seed): the method only), and return it under ``seed``, free.

    Args:
        job: the job's number.

    Raises:
        EndpointError: it was refused, the answer is a web page, or the connection broke.
        AnswerError: the answer is empty or cannot be read.
    """
    reply = yield HttpCall("GET", f"/mj/task/{quote(job, safe='')}/image-seed", free=True)
    return {"seed": task.read_submission(reply).job}


def _ask_free(call: HttpCall) -> Generator[Step, HttpReply | None, Any]:
    reply = yield call
    try:
        return read_json(reply)
    except AnswerError as error:
        error.charged = "no"
        raise


FORMAT = WireFormat(
    name="midjourney",
    talk=talk,
    prompt_as_sent=prompt_as_sent,
    tasks=tuple(SUBMITS),
    inquiries={"query": query, "queries": queries, "seed": seed},
)
