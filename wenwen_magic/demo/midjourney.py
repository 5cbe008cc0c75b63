"""Serves the Midjourney format: takes submissions, reports how far a job is, its picture and its buttons.

Source: wenwen's pages of the folder Midjourney for the calls they show, else midjourney-proxy and new-api (not seen on
wenwen's pages).
"""

import hashlib
import re
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image

from wenwen_magic.demo import exchange
from wenwen_magic.demo.exchange import RELAY, Ask, Directives, Question, Reply, Shelf, Studio
from wenwen_magic.demo.painter import check, coarse, encoded, opened, size_for, turn_of
from wenwen_magic.kinds import JPEG, PNG, split_data_uri
from wenwen_magic.text.sanitize import one_line

_UPLOADS = "/mj/uploads/"
_PARAMETER = re.compile(r"\s*(?:--|—)[a-z]\w*(?:\s+(?!--|—)\S+)?", re.IGNORECASE)
_LINK = re.compile(r"https?://\S+")
_RATIO = re.compile(r"(?:--|—)(?:ar|aspect)\s+(\d{1,4}):(\d{1,4})", re.IGNORECASE)
_ZOOM = re.compile(r"(?:--|—)zoom\s+(\d(?:\.\d{1,3})?)", re.IGNORECASE)
_TASK = re.compile(r"/mj/(task|image)/([^/]+)(/fetch|/image-seed|)")
_SCENES = ("a quiet scene", "a small painting", "a dreamlike view", "a picture book page")
_RATIOS = {"landscape": "3:2", "portrait": "2:3", "square": "1:1"}
_MOST_LISTED, _GRID = 100, 4


@dataclass(frozen=True)
class Job:
    """A job as it was submitted, and what it draws."""

    action: str  # ``IMAGINE``, ``UPSCALE`` and so on
    prompt: str  # as it came
    ask: Ask  # what is to be painted
    tiles: tuple[Ask, ...] = ()  # what is painted: one picture, or four in two rows; none for words
    words: str = ""  # the result of a description
    window: str = ""  # the order of a button that opens a window first; empty once it is filled
    parent: str = ""  # the number of the job whose button it was
    id: str = ""  # its number, sixteen digits
    born: float = field(default_factory=time.time)  # when it was submitted, in seconds since 1970

    @property
    def steps(self) -> tuple[tuple[str, int], ...]:
        """Give status and percent at each look, the last for ever."""
        if self.window:
            return (("MODAL", 0),)
        waits = (("NOT_START", 0),) if self.ask.directives.queued else ()
        if self.ask.directives.fail:
            return (*waits, ("IN_PROGRESS", 31), ("FAILURE", 100))
        long = (("IN_PROGRESS", 31), ("IN_PROGRESS", 71)) if len(self.tiles) == _GRID else (("IN_PROGRESS", 50),)
        return (*waits, *long, ("SUCCESS", 100))

    @property
    def buttons(self) -> list[dict[str, Any]]:
        """The buttons under its picture."""
        known = RELAY["buttons"]["described" if self.words else "four" if len(self.tiles) == _GRID else "one"]
        mark, usual = uuid.UUID(int=int(self.id)), {"type": 2, "style": 2}
        return [{"customId": one.format(mark), "emoji": sign, "label": label, **usual} for one, sign, label in known]


class Jobs:
    """Remembers the last jobs, some of their files, and uploads."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.known, self.files, self.uploads = Shelf(512), Shelf(8), Shelf(64)
        self.looks: Counter[str] = Counter()

    def find(self, id: Any) -> Job:
        """Give a job by its number; ValueError for one that is not known."""
        if str(id) not in self.known:
            raise ValueError("task_no_found")
        job: Job = self.known[str(id)]
        return job

    def look(self, job: Job) -> tuple[str, int]:
        """Return how far a job is: status and percent; each question that was counted brings it forward."""
        return job.steps[min(max(self.looks[job.id] - 1, 0), len(job.steps) - 1)]


def _job(action: str, body: Mapping[str, Any], files: Sequence[bytes] = (), turn: str = "", count: int = 4) -> Job:
    """Make a job for the prompt of a body; directives for the demo may also be in ``state``."""
    prompt = _text(body, "prompt")
    words, asked = exchange.directives_in(prompt)
    asked = exchange.directives_in(_text(body, "state"))[1] if asked == Directives() else asked
    bare, ratio = one_line(_PARAMETER.sub("", _LINK.sub("", words))), _RATIO.findall(prompt)
    turn = turn or (turn_of((int(ratio[-1][0]), int(ratio[-1][1]))) if ratio else "square")
    size = size_for(":".join(ratio[-1])) if ratio else None
    ask = Ask("mj_imagine", bare, directives=asked, files=tuple(files), orientation=turn, size=size, count=count)
    return Job(action, prompt, ask)


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    return value.strip() if isinstance(value, str) else ""


def _files(given: Sequence[Any], jobs: Jobs) -> list[bytes]:
    """Read pictures from data URIs or links to uploads; links elsewhere are left out."""
    files = []
    for one in given:
        name = str(one).rpartition(_UPLOADS)[2]
        if name in jobs.uploads:
            files.append(jobs.uploads[name])
        elif split_data_uri(str(one))[0].startswith("image/"):
            files.append(check(exchange.decoded(one)))
        elif not str(one).startswith(("http://", "https://")):
            raise ValueError("base64格式错误")
    return files


def _submit(body: Mapping[str, Any], jobs: Jobs, row: Sequence[Any]) -> Job:
    """Read a submission with its own pictures or words."""
    action, names, count, least, most = row
    prompt, mask = _text(body, "prompt"), body.get("maskBase64")
    if action in {"IMAGINE", "EDIT"} and not prompt:
        raise ValueError("prompt不能为空")
    given = [body[name] for name in names if body.get(name)]
    listed = [one for each in given for one in (each if isinstance(each, list) else [each])]
    files, turn = _files([*listed, *_LINK.findall(prompt)], jobs), _text(body, "dimensions").lower()
    if not least <= len(files) <= most:
        raise ValueError("base64List参数错误" if action == "BLEND" else "base64不能为空")
    job = _job(action, body, files, turn if turn in _RATIOS else "", count)
    return replace(job, ask=replace(job.ask, mask=_files([mask], jobs)[0] if mask else b""))


def _press(body: Mapping[str, Any], jobs: Jobs) -> Job:
    """Read a press on a button."""
    parent, order = jobs.find(body.get("taskId")), _text(body, "customId")
    if jobs.look(parent)[0] != "SUCCESS":
        raise ValueError("task_status_not_success")
    if order not in {button["customId"] for button in parent.buttons}:
        raise ValueError("customId参数错误")
    which = next((int(digit) - 1 for digit in re.findall(r"::(\d)::", order)), 0)
    if "PicReader" in order:
        line = parent.words.split("\n\n")[which].partition(" ")[2]
        return replace(_job("IMAGINE", {**body, "prompt": line}), parent=parent.id)
    if "upsample" in order:
        return replace(_again(parent, body, "UPSCALE", count=0), tiles=(parent.tiles[which],))
    if "reroll" in order:
        return _again(parent, body, "REROLL")
    for sign, (action, words) in RELAY["edits"].items():
        if sign in order:
            return _edited(_again(parent, body, action), parent.tiles[which], words, jobs)
    return replace(_again(parent, body, "MODAL", count=0), window=order)


def _fill(body: Mapping[str, Any], jobs: Jobs) -> Job:
    """Read what a window was filled with."""
    job = jobs.find(body.get("taskId"))
    parent = jobs.find(job.parent)
    if not job.window:
        raise ValueError("task_status_not_modal")
    made = replace(_again(parent, body, job.action), id=job.id)
    if "Inpaint" not in job.window:
        zoom = _ZOOM.search(made.prompt)
        return _edited(made, parent.tiles[0], f"zoom out {zoom[1]}" if zoom else "zoom out", jobs)
    mask = _files([body["maskBase64"]], jobs)[0] if body.get("maskBase64") else b""
    return _edited(replace(made, ask=replace(made.ask, mask=mask)), parent.tiles[0], made.ask.prompt, jobs)


def _again(parent: Job, body: Mapping[str, Any], action: str, count: int = 4) -> Job:
    """Make a job that continues another, with its own prompt or the other's."""
    prompt = _text(body, "prompt") or parent.prompt
    job = _job(action, {**body, "prompt": prompt}, parent.ask.files, parent.ask.orientation, count)
    return replace(job, parent=parent.id)


def _edited(job: Job, tile: Ask, words: str, jobs: Jobs) -> Job:
    """Turn a job into an edit of a picture."""
    return replace(job, ask=replace(job.ask, files=(jobs.studio.draw(tile),), prompt=words))


def _read(question: Question) -> Ask | Reply:
    jobs: Jobs = question.studio.kept.setdefault("midjourney", Jobs(question.studio))
    path, body = question.path, question.body
    if question.method == "GET":
        return _shown(question, jobs)
    if not isinstance(body, dict):
        raise ValueError("bind_request_body_failed")  # noqa: TRY004  answered with 400 like every wrong body
    if path == "/mj/task/list-by-condition":
        ids = body["ids"] if isinstance(body.get("ids"), list) else []
        known = [jobs.find(one) for one in ids[:_MOST_LISTED] if str(one) in jobs.known]
        return exchange.json_reply([_as_task(job, jobs.look(job), question.root) for job in known])
    if path in RELAY["submissions"]:
        job = _submit(body, jobs, RELAY["submissions"][path])
    elif path in {"/mj/submit/action", "/mj/submit/modal"}:
        job = (_press if path.endswith("action") else _fill)(body, jobs)
    else:
        return exchange.wrong_path(question)
    more = {"job": job, "jobs": jobs, "root": question.root}
    return replace(job.ask, describe=job.action == "DESCRIBE", count=0, more=more)


def _answer(ask: Ask, _: Sequence[str]) -> Reply:
    job, jobs, root = ask.more["job"], ask.more["jobs"], ask.more["root"]
    if ask.refused:
        word = (ask.prompt.split() or ["demo"])[-1]
        return _result_reply(24, "可能包含敏感词", {"promptEn": ask.prompt, "bannedWord": word})
    if ask.directives.full:
        return _result_reply(23, "队列已满，请稍后尝试", {})
    if ask.directives.saturated:
        words = "当前分组负载已饱和，请稍后再试，或升级账户以提升服务质量。"
        return exchange.json_reply({"description": words, "type": "upstream_error", "code": 30}, 429)
    if job.action == "UPLOAD":
        names = [f"{hashlib.sha256(file).hexdigest()[:32]}.jpg" for file in ask.files]
        jobs.uploads.update(zip(names, ask.files, strict=True))
        return _result_reply(1, "success", {}, [f"{root}{_UPLOADS}{name}" for name in names])
    # The directives that spoil a file do not reach the pieces it is laid of.
    tiles = job.tiles or jobs.studio.order(replace(job.ask, directives=Directives()))
    number = job.id or str(time.time_ns() // 1000)
    jobs.known[number] = replace(job, id=number, tiles=tuple(tiles), words=_prompts(ask.words))
    jobs.looks[number] = 0
    result = int(number) if job.action == "BLEND" else number  # as on wenwen's page
    outcome: tuple[int, str, dict[str, Any]] = 1, "提交成功", {}
    if job.window:
        outcome = 21, "Waiting for window confirm", {"status": "MODAL", "remix": True}
    elif ask.directives.queued:
        outcome = 22, "排队中，前面还有1个任务", {"numberOfQueues": 1}
    return _result_reply(*outcome, result)


def _prompts(seen: str) -> str:
    """Return four prompts that could have drawn a picture, by what the demo sees in it; empty when it sees nothing."""
    seen = seen.rpartition("**: ")[2]
    turn = next((ratio for word, ratio in _RATIOS.items() if word in seen), "1:1")
    lines = (f"{n}\ufe0f\u20e3 {scene}, {seen} --ar {turn}" for n, scene in enumerate(_SCENES, 1))
    return "\n\n".join(lines) if seen else ""


def _result_reply(code: int, description: str, properties: Mapping[str, Any], result: Any = None) -> Reply:
    return exchange.json_reply({"code": code, "description": description, "properties": properties, "result": result})


def _refuse(problem: str) -> Reply:
    """Answer to a submission that cannot be taken: always a text, a blank and nothing, as new-api writes it."""
    return exchange.json_reply({"description": f"{problem} ", "type": "upstream_error", "code": 4}, 400)


def _shown(question: Question, jobs: Jobs) -> Reply:
    """Answer a question about a job, its seed or its picture, or about an upload."""
    upload = jobs.uploads.get(question.path.removeprefix(_UPLOADS))
    asked = _TASK.fullmatch(question.path)
    if upload or question.path.startswith(_UPLOADS):
        return Reply(200, upload, JPEG.mime) if upload else exchange.no_such_key(question.path)
    if not asked or (asked[1] == "task") != bool(asked[3]):
        return exchange.wrong_path(question)
    if asked[1] == "image":
        return _picture(question, jobs, jobs.known.get(asked[2]))
    job = jobs.find(asked[2])
    if asked[3] == "/fetch":
        jobs.looks[job.id] += 1
        return exchange.json_reply(_as_task(job, jobs.look(job), question.root))
    if jobs.look(job)[0] != "SUCCESS":
        raise ValueError("task_status_not_success")
    return _result_reply(1, "成功", {}, str(int(hashlib.sha256(job.id.encode()).hexdigest()[:8], 16)))


def _as_task(job: Job, step: tuple[str, int], root: str) -> dict[str, Any]:
    """Describe a job at one of its steps, in the fields of the proxies."""
    status, percent = step
    done, began = status == "SUCCESS", round(job.born * 1000)
    address = f"{root}/mj/image/{job.id}" if job.tiles and status in {"SUCCESS", "IN_PROGRESS"} else ""
    return {
        "id": job.id,
        "action": job.action,
        "prompt": job.prompt,
        "promptEn": job.prompt,
        "description": "",
        "state": "",
        "botType": "MID_JOURNEY",
        "submitTime": began,
        "startTime": began,
        "finishTime": began + 1000 if status in {"SUCCESS", "FAILURE"} else 0,
        "status": status,
        "progress": f"{percent}%",
        "imageUrl": address if done or not address else f"{address}?progress={percent}",
        "failReason": "The demo failed to do this work, as it was asked to." if status == "FAILURE" else "",
        "buttons": job.buttons if done else None,
        "properties": {"finalPrompt": job.words or job.prompt} if done else {},
    }


def _picture(question: Question, jobs: Jobs, job: Job | None) -> Reply:
    """Answer with a job's picture, spoilt where the directives say so; before its end with a preview."""
    step = re.fullmatch(r"progress=(\d{1,2})", question.query)
    if job is None or not job.tiles or not (step or jobs.look(job)[0] == "SUCCESS"):
        return exchange.no_such_key(question.path)
    if not step and jobs.studio.misses(job.id, job.ask.directives):
        return exchange.no_such_key(question.path)
    if job.id not in jobs.files:
        jobs.files[job.id] = _sheet([jobs.studio.draw(tile) for tile in job.tiles])
    data, size = jobs.files[job.id], max(opened(jobs.files[job.id])[0].size)
    if step:
        return Reply(200, coarse(data, max(8, size * int(step[1]) // 400), size // 4), PNG.mime)
    kind, data = exchange.spoilt(job.ask.directives, PNG.mime, data)
    return Reply(200, data, kind)


def _sheet(files: Sequence[bytes]) -> bytes:
    """Lay four pictures in two rows; one stays as it is."""
    if len(files) == 1:
        return files[0]
    width, height = opened(files[0])[0].size
    paper = Image.new("RGB", (width, height), (16, 18, 24))
    for place, file in enumerate(files):
        small = opened(file)[0].resize((width // 2 - 2, height // 2 - 2), Image.Resampling.BICUBIC)
        paper.paste(small, (place % 2 * (width // 2 + 2), place // 2 * (height // 2 + 2)))
    return encoded(paper)


FORMAT = exchange.Format(re.compile("/mj/.*"), _read, _refuse, _answer, inline=lambda _: False)
