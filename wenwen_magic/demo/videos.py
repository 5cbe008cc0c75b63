"""Speaks videos: takes submissions as JSON or as a form, reports how far a job is, and gives its clip.

Source: OpenAI's Videos API as new-api serves it (not seen on wenwen's pages).
"""

import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from wenwen_magic.demo import exchange
from wenwen_magic.demo.exchange import Ask, Question, Refused, Reply, Shelf
from wenwen_magic.demo.images import Form
from wenwen_magic.models import makes_clips

_PATH = re.compile(r"/v1/videos(?:/([^/]+)(/content)?)?")
_SIZE = re.compile(r"(\d{2,4})x(\d{2,4})")
_WRONG = "invalid_request_error"


class Jobs:
    """Remembers the last jobs, and how often each was asked about."""

    def __init__(self) -> None:
        self.known: Shelf = Shelf(512)
        self.looks: Counter[str] = Counter()


def _read(question: Question) -> Ask | Reply:
    jobs = question.studio.kept.setdefault("videos", Jobs())
    path = _PATH.fullmatch(question.path)
    if question.method == "GET" and path and path[1]:
        return _shown(question, jobs, path[1], content=bool(path[2]))
    if question.method != "POST" or question.path != "/v1/videos":
        return exchange.wrong_path(question)
    body, form = question.body, question.body if isinstance(question.body, Form) else None
    fields: Mapping[str, Any] = form.fields if form else body if isinstance(body, dict) else {}
    for name in ("model", "prompt"):
        if not isinstance(fields.get(name), str) or not fields[name].strip():
            raise Refused(exchange.error_reply(f"field {name} is required", 400, "invalid_request", _WRONG))
    if not isinstance(fields.get("seconds", ""), str):
        raise Refused(exchange.error_reply("cannot unmarshal number", 400, "parse_request_failed", _WRONG))
    if not makes_clips(fields["model"]):
        raise Refused(exchange.error_reply(f"model {fields['model']} makes no videos", 400, "model_not_found", _WRONG))
    prompt, asked = exchange.directives_in(fields["prompt"])
    given = fields.get("input_reference", [])
    links = tuple(str(each) for each in (given if isinstance(given, list) else [given]))
    files = tuple(part.data for part in form.files if part.name.startswith("input_reference")) if form else ()
    size = _SIZE.fullmatch(str(fields.get("size", "")))
    more = {"jobs": jobs, "seconds": fields.get("seconds", "4"), "size": fields.get("size", "720x1280")}
    sides = (int(size[1]), int(size[2])) if size else None
    return exchange.as_clip(
        Ask(fields["model"], prompt, directives=asked, files=files, links=links, size=sides, count=1, more=more)
    )


def _answer(ask: Ask, addresses: Sequence[str]) -> Reply:
    if ask.refused:
        words = "Your request was rejected by our moderation system."
        return exchange.error_reply(words, 400, "moderation_blocked", _WRONG)
    jobs: Jobs = ask.more["jobs"]
    name = addresses[0].rpartition("/")[2].partition(".")[0]
    number = f"video_{name}"
    jobs.known[number] = (ask, name, addresses[0], int(time.time()))
    jobs.looks[number] = 0
    return exchange.json_reply(_as_job(jobs, number, "queued", 0))


def _as_job(jobs: Jobs, number: str, status: str, percent: int) -> dict[str, Any]:
    ask, _, address, born = jobs.known[number]
    job = {"id": number, "object": "video", "model": ask.model, "status": status, "progress": percent}
    job |= {"created_at": born, "seconds": ask.more["seconds"], "size": ask.more["size"]}
    if status == "failed":
        job["error"] = {"code": "demo", "message": "The demo failed to do this work, as it was asked to."}
    if status == "completed" and ask.directives.form == "link":
        job["video_url"] = address
    return job


def _shown(question: Question, jobs: Jobs, number: str, *, content: bool) -> Reply:
    """Answer a question about a job, or give its clip; each question brings a job forward."""
    if number not in jobs.known:
        return exchange.json_reply({"code": "task_not_exist", "message": "task_not_exist", "data": None}, 400)
    ask, name, address, _ = jobs.known[number]
    asked = ask.directives
    steps = [("queued", 0)] * (2 if asked.queued else 1) + [("in_progress", 45), ("in_progress", 80)]
    steps.append(("failed", 100) if asked.fail else ("completed", 100))
    if not content:
        jobs.looks[number] += 1
    status, percent = steps[min(jobs.looks[number], len(steps) - 1)]
    if not content:
        return exchange.json_reply(_as_job(jobs, number, status, percent))
    if status != "completed":
        words = f"Task is not completed yet, current status: {status.upper()}"
        return exchange.error_reply(words, 400, kind=_WRONG)
    if asked.form == "bare":  # some relays describe the clip in place of giving it
        return exchange.json_reply({**_as_job(jobs, number, status, percent), "url": address, "video_url": address})
    found = question.studio.find(name)
    if found is None:
        return exchange.error_reply("Task not found", 404, kind=_WRONG)
    kind, data = question.studio.file(found)
    return Reply(200, data, kind)


FORMAT = exchange.Format(_PATH, _read, exchange.bad_request, _answer, inline=lambda _: False)
