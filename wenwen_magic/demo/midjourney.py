"""Speaks Midjourney: takes submissions, tells how far a work is, gives its picture and what can be done next.

Source: wenwen's pages of the folder Midjourney for the calls they show, else midjourney-proxy and new-api (not seen on
wenwen's pages); the call for refreshing links is a guess.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from wenwen_magic.demo import mjorders
from wenwen_magic.demo.asks import Ask, Exchange, Wording
from wenwen_magic.demo.directives import Directives
from wenwen_magic.demo.mjorders import UPLOADS, Wish
from wenwen_magic.demo.mosaic import coarse, sheet
from wenwen_magic.demo.replies import Reply, json_reply, no_such_key, wrong_path
from wenwen_magic.demo.studio import Studio
from wenwen_magic.demo.works import DONE, FAILURE, Work, Works
from wenwen_magic.errors import ConfigError

SUBMITS = {
    "/mj/submit/imagine": mjorders.imagine,
    "/mj/submit/blend": mjorders.blend,
    "/mj/submit/describe": mjorders.describe,
    "/mj/submit/action": mjorders.action,
    "/mj/submit/modal": mjorders.modal,
    "/mj/submit/edits": mjorders.edit,
    "/mj/submit/upload-discord-images": mjorders.upload,
    "/mj/insight-face/swap": mjorders.swap,
}
LIST, REFRESH = "/mj/task/list-by-condition", "/mj/submit/refresh"
_TASK = re.compile(r"/mj/task/([^/]+)/(fetch|image-seed)")
_IMAGE = re.compile(r"/mj/image/([^/]+)")
_TAKEN = "提交成功"
_SCENES = ("a quiet scene", "a small painting", "a dreamlike view", "a picture book page")
_MOST_LISTED = 100


def takes(path: str) -> bool:
    """Whether a path is Midjourney's."""
    return path.startswith("/mj/")


def serve(exchange: Exchange) -> None:
    """Answer a request to a path of Midjourney's."""
    works: Works = exchange.line.desk.shelf.setdefault("midjourney", Works())
    if exchange.method == "POST" and exchange.path in SUBMITS:
        _submit(exchange, works)
    else:
        exchange.line.say(_told(exchange, works))


def refused(words: str) -> Reply:
    """Answer to a submission that cannot be taken: always a text, a blank and nothing, as new-api writes it.

    Args:
        words: what is wrong.
    """
    return json_reply({"description": f"{words} ", "type": "upstream_error", "code": 4}, 400)


# -- submissions -------------------------------------------------------------------------------------------------------


def _submit(exchange: Exchange, works: Works) -> None:
    try:
        if not isinstance(exchange.body, dict):
            raise ValueError("bind_request_body_failed")  # noqa: TRY004, TRY301  told like all that is wrong with a body
        wish = SUBMITS[exchange.path](exchange.body, works)
    except ConfigError as problem:
        exchange.line.say(refused(problem.what))
    except ValueError as problem:
        exchange.line.say(refused(str(problem)))
    else:
        _perform(exchange, works, wish)


def _perform(exchange: Exchange, works: Works, wish: Wish) -> None:
    """Do what was asked; for words and for what is only made of earlier pictures nothing is ordered."""
    line = exchange.line

    def answer(ask: Ask, addresses: Sequence[str]) -> Reply:
        if wish.uploads:
            return _uploaded(wish, works, _root(exchange))
        return _turned_away(ask) or _taken(wish, _work(wish, ask, addresses, works, line.desk.studio), works)

    ask = replace(wish.ask, describe=not wish.ask.count)
    line.perform(ask, Wording(answer, lambda *_: ([], []), lambda _: False))


def _turned_away(ask: Ask) -> Reply | None:
    """The answer to what is not taken; None for what is."""
    if ask.refused:
        word = (ask.prompt.split() or ["demo"])[-1]
        return _answer(24, "可能包含敏感词", {"promptEn": ask.prompt, "bannedWord": word})
    if ask.directives.full:
        return _answer(23, "队列已满，请稍后尝试", {})
    if ask.directives.saturated:
        words = "当前分组负载已饱和，请稍后再试，或升级账户以提升服务质量。"
        return json_reply({"description": words, "type": "upstream_error", "code": 30}, 429)
    return None


def _work(wish: Wish, ask: Ask, addresses: Sequence[str], works: Works, studio: Studio) -> Work:
    """The work, with its picture; the directives that spoil a file do not reach the pieces it is laid of."""
    names = [address.rpartition("/")[2].removesuffix(".png") for address in addresses]
    recipes = [replace(found, asked=Directives()) for name in names if (found := studio.find(name))]
    return Work(
        id=wish.number or works.number(),
        action=wish.action,
        ask=replace(ask, words=""),
        prompt=wish.prompt,
        tiles=wish.compose(recipes),
        asked=wish.asked,
        words=_prompts(ask) if wish.action == "DESCRIBE" else "",
        window=wish.window,
        parent=wish.parent,
    )


def _taken(wish: Wish, work: Work, works: Works) -> Reply:
    works.add(work)
    result = int(work.id) if wish.whole else work.id
    if work.window:
        return _answer(21, "Waiting for window confirm", {"status": "MODAL", "remix": True}, result)
    if work.asked.queued:
        return _answer(22, "排队中，前面还有1个任务", {"numberOfQueues": 1}, result)
    return _answer(1, _TAKEN, {}, result)


def _answer(code: int, description: str, properties: Mapping[str, Any], result: Any = None) -> Reply:
    return json_reply({"code": code, "description": description, "properties": properties, "result": result})


def _prompts(ask: Ask) -> str:
    """Four prompts that could have drawn a picture, as far as the demo sees it."""
    seen = ask.words.rpartition("**: ")[2]
    turn = next((ratio for word, ratio in _RATIOS.items() if word in seen), "1:1")
    lines = (f"{number}\ufe0f\u20e3 {scene}, {seen} --ar {turn}" for number, scene in enumerate(_SCENES, 1))
    return "\n\n".join(lines)


_RATIOS = {"landscape": "3:2", "portrait": "2:3"}


def _uploaded(wish: Wish, works: Works, root: str) -> Reply:
    names = [f"{hashlib.sha256(file).hexdigest()[:32]}.jpg" for file in wish.uploads]
    for name, file in zip(names, wish.uploads, strict=True):
        works.upload(name, file)
    return _answer(1, "success", {}, [f"{root}{UPLOADS}{name}" for name in names])


# -- questions ---------------------------------------------------------------------------------------------------------


def _told(exchange: Exchange, works: Works) -> Reply:
    if exchange.method == "POST":
        return _told_of_several(exchange, works)
    if exchange.path.startswith(UPLOADS):
        file = works.uploaded(exchange.path.removeprefix(UPLOADS))
        return Reply(200, file, "image/jpeg") if file else no_such_key(exchange.path)
    if picture := _IMAGE.fullmatch(exchange.path):
        return _picture(works.find(picture[1]), exchange, works)
    asked = _TASK.fullmatch(exchange.path)
    return _told_of_one(exchange, works, *asked.groups()) if asked else wrong_path(exchange.method, exchange.path)


def _told_of_one(exchange: Exchange, works: Works, number: str, question: str) -> Reply:
    work = works.find(number)
    if work is None:
        return refused("task_no_found")
    if question == "fetch":
        return json_reply(_as_task(work, works.look(work), _root(exchange)))
    return _answer(1, "成功", {}, work.seed) if works.is_done(work) else refused("task_status_not_success")


def _told_of_several(exchange: Exchange, works: Works) -> Reply:
    body = exchange.body if isinstance(exchange.body, dict) else {}
    if exchange.path == REFRESH:
        work = works.find(str(body.get("taskId")))
        return _answer(1, _TAKEN, {}, work.id) if work else refused("task_no_found")
    if exchange.path != LIST:
        return wrong_path(exchange.method, exchange.path)
    ids = body.get("ids") if isinstance(body.get("ids"), list) else []
    found = [work for one in (ids or [])[:_MOST_LISTED] if (work := works.find(str(one)))]
    return json_reply([_as_task(work, works.look(work, forward=False), _root(exchange)) for work in found])


def _as_task(work: Work, step: tuple[str, int], root: str) -> dict[str, Any]:
    """A work as the proxies word it, at one of its steps."""
    status, percent = step
    done = status == "SUCCESS"
    began = round(work.born * 1000)
    address = f"{root}/mj/image/{work.id}" if work.tiles and status in {"SUCCESS", "IN_PROGRESS"} else ""
    return {
        "id": work.id,
        "action": work.action,
        "prompt": work.prompt,
        "promptEn": work.prompt,
        "description": "",
        "state": "",
        "botType": "MID_JOURNEY",
        "submitTime": began,
        "startTime": began,
        "finishTime": began + 1000 if percent == DONE else 0,
        "status": status,
        "progress": f"{percent}%",
        "imageUrl": address if done or not address else f"{address}?progress={percent}",
        "failReason": FAILURE if status == "FAILURE" else "",
        "buttons": work.buttons if done else None,
        "properties": {"finalPrompt": work.words or work.prompt} if done else {},
    }


def _picture(work: Work | None, exchange: Exchange, works: Works) -> Reply:
    """A work's picture, spoilt where the directives say so; before its end only what can be seen so far."""
    step = re.fullmatch(r"progress=(\d{1,2})", exchange.query)
    hidden = work is None or not work.tiles or not (step or works.is_done(work))
    if work is None or hidden or (not step and works.press(f"missing {work.id}") < work.asked.missing):
        return no_such_key(exchange.path)
    studio: Studio = exchange.line.desk.studio
    asked = work.asked
    if asked.svg or asked.html_picture or asked.bomb:
        kind, data = studio.file(replace(work.tiles[0].recipe, asked=asked))
        return Reply(200, data, kind)
    data = works.file(work, lambda: sheet(work.tiles, studio))
    if step:
        return Reply(200, coarse(data, max(1, int(step[1]))), "image/png")
    return Reply(200, data[: len(data) * 3 // 5] if asked.broken else data, "image/png")


def _root(exchange: Exchange) -> str:
    """The address under which this server was called."""
    return exchange.line.address("", inline=False).partition("/pictures/")[0]
