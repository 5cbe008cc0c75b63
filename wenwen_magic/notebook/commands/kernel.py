"""The commands of ``%wenwen``: settings, models, saved pictures, the demo and the key."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from getpass import getpass
from pathlib import Path
from typing import Any

from wenwen_magic.client import Client
from wenwen_magic.demo import DemoServer
from wenwen_magic.endpoint import api_key
from wenwen_magic.endpoint.api_key import Secret
from wenwen_magic.engine import limits
from wenwen_magic.errors import ConfigError, HistoryError
from wenwen_magic.notebook.commands.names import COMMAND_WORDS
from wenwen_magic.settings import NAMES, Loaded
from wenwen_magic.text.i18n import comma, padded, say, spoken
from wenwen_magic.text.suggest import did_you_mean

OFF = ("off", "stop", "关", "停")


@dataclass
class Desk:
    """What the commands change: the demo that runs and the key that was typed.

    Args:
        demo: the demo endpoint of this kernel, None when it is off.
        key: the key typed in this kernel, None when none was.
    """

    demo: DemoServer | None = None
    key: Secret | None = None


def status(client: Client, loaded: Loaded, desk: Desk, under_way: int) -> str:
    """Every setting with its source, then the key (set or not), and what is saved and under way."""
    key, place = _key(desk)
    folder = client.history.folder.name + "/"
    rows = [(name, _shown(getattr(loaded.settings, name)), loaded.sources[name]) for name in NAMES]
    rows.append((say("key", "密钥"), key, place))
    rows.append((say("saved", "已保存"), str(client.history.count()), folder))
    rows += [(say("unreadable", "无法读取"), name, folder) for name in client.history.unreadable()]
    rows.append((say("under way", "进行中"), str(under_way), say("this kernel", "本内核")))
    return "\n".join(f"{padded(name, 16)} {padded(value or '–', 40)} {source or '–'}" for name, value, source in rows)


def _key(desk: Desk) -> tuple[str, str]:
    """Whether there is a key, in a word, and where it comes from."""
    try:
        found, place = (desk.key, "%wenwen key") if desk.key else api_key.find()
    except ConfigError as error:
        return say("unusable", "无法使用"), error.why
    return (say("set", "已设置") if found else say("not set", "未设置")), place


def _shown(value: Any) -> str:
    """A setting's value in one line; of a table its names."""
    if value is None:
        return ""
    return ", ".join(value) if isinstance(value, (tuple, Mapping)) else str(value)


def demo(desk: Desk, word: str) -> str:
    """Start the demo endpoint in this kernel, or end it with ``off``.

    Raises:
        ConfigError: another word.
    """
    if word not in {"", "on", "开", *OFF}:
        what = say(f"There is no %wenwen demo {word}.", f"没有 %wenwen demo {word}。")
        raise ConfigError(what, do=did_you_mean(word, ("on", "off")))
    if word in OFF:
        if desk.demo is not None:
            desk.demo.stop()
        desk.demo = None
        return say("The demo is off; cells ask the endpoint again.", "演示已关闭；单元格将请求真正的服务端。")
    if desk.demo is None:
        desk.demo = DemoServer()
        desk.demo.start()
    return say(
        "Demo: painted on this machine, without a key, for free. %wenwen demo off ends it.",
        "演示：图片在本机绘制，无需密钥，不产生费用。%wenwen demo off 结束演示。",
    )


def key(desk: Desk, word: str, *, attended: bool, ask: Callable[[str], str] = getpass) -> str:
    """Ask for the key, without showing it, and keep it.

    Raises:
        ConfigError: the key was typed into the cell, cannot be used, or there is nobody to ask.
    """
    if word:
        raise ConfigError(
            say(
                "A key is not typed into a cell: it would be saved with the notebook.",
                "不要在单元格中输入密钥：它会随笔记本保存。",
            ),
            do=say(
                "Run %wenwen key alone; it asks. Delete this cell.",
                "请单独运行 %wenwen key，它会询问。请删除此单元格。",
            ),
        )
    if not attended:
        raise ConfigError(
            say("Nobody is here to type a key.", "没有人可以输入密钥。"),
            do=say(
                f"Set {api_key.VARIABLE} before the notebook is run.", f"请在运行笔记本之前设置 {api_key.VARIABLE}。"
            ),
        )
    desk.key = Secret(ask(say("wenwen key: ", "wenwen 密钥：")))
    kept = api_key.keep(desk.key)
    where = (
        say("kept in the system's keyring", "已存入系统钥匙串")
        if kept
        else say("kept until the kernel ends", "保留到内核结束")
    )
    return say(f"The key is set, {where}.", f"密钥已设置，{where}。")


def budget(client: Client) -> str:
    """What this session has spent, what may be charged, and what is left of its limits."""
    settings, session = client.settings, client.session
    spent = session.account()
    pictures = limits.pictures(settings.session_limit)
    left = limits.pictures(max(0, settings.session_limit - spent.pictures))
    if settings.budget is not None:
        pictures += comma() + limits.amount(settings.budget, settings.currency)
        left += comma() + limits.amount(max(0.0, settings.budget - spent.units), settings.currency)
    rows = [
        (say("spent", "已花费"), limits.told(session.account("yes"), settings.currency)),
        (say("maybe", "可能"), limits.told(session.account("maybe"), settings.currency)),
        (say("limit", "上限"), pictures),
        (say("left in this session", "本次会话剩余"), left),
    ]
    lines = [f"{padded(name, 24)}{value}" for name, value in rows]
    return "\n".join([*lines, _how_to_price()] if spent.unknown else lines)


def _how_to_price() -> str:
    return say(
        "A picture of unknown price counts as 1. Prices: %config WenwenMagics.prices = {'gpt-4o-image': 0.1}",
        "价格未知的图片每张按 1 计。设置价格：%config WenwenMagics.prices = {'gpt-4o-image': 0.1}",
    )


def export(client: Client, name: str, ids: Sequence[str] | None, *, strip: bool) -> str:
    """Write a lesson, and tell what went into it; a name without an ending becomes a zip's.

    Raises:
        WenwenError: it cannot be written.
    """
    path = Path(name if Path(name).suffix else f"{name}.zip")
    done = client.export(path, ids, strip=strip)
    told = say(
        f"{path.name}: {done.records} records, {done.pictures} pictures, {done.bytes / 2**20:.1f} MiB",
        f"{path.name}：{done.records} 条记录，{done.pictures} 张图片，{done.bytes / 2**20:.1f} MiB",
    )
    left = say(f"; {done.left_out} without a picture left out", f"；{done.left_out} 条没有图片，未包含")
    return told + left if done.left_out else told


def import_(client: Client, line: str) -> str:
    """Take a lesson in, and tell what is new.

    Raises:
        HistoryError: there is no such file, or it cannot be read.
        ConfigError: it is no lesson.
    """
    named = Path(line.strip().strip("\"'")).expanduser()
    path = next((one for one in (named, Path(f"{named}.zip")) if one.is_file()), None)
    if path is None:
        raise HistoryError(
            say(f"There is no file {named.name!r}.", f"没有文件 {named.name!r}。"), do="%wenwen import lesson.zip"
        )
    done = client.import_(path)
    already = say(f"; {done.already} were here already", f"；{done.already} 条已有") if done.already else ""
    told = say(
        f"{path.name}: {done.records} records and {done.pictures} pictures taken in",
        f"{path.name}：导入 {done.records} 条记录，{done.pictures} 张图片",
    )
    return told + already


def help_text() -> str:
    """All commands, a line each."""
    chinese = {english: f"{word} · " for word, english in COMMAND_WORDS.items()} if spoken() == "zh" else {}
    return "\n".join(
        f"{padded(command, 34)}{chinese.get(command.split()[1], '') if ' ' in command else ''}{say(*words)}"
        for command, words in _HELP.items()
    )


_HELP = {
    "%%wenwen_image [NAME] [options]": ("draw the cell's text; -h lists the options", "画出单元格内容；-h 列出选项"),
    "%%wenwen_describe [NAME] --ref X": ("answer the cell's question on a picture", "用文字回答关于图片的问题"),
    "%wenwen_image": ("the control panel", "控件面板"),
    "%wenwen status": ("every setting with its source", "所有设置及其来源"),
    "%wenwen models [words]": (
        "the endpoint's models; --refresh asks again",
        "服务端的模型；--刷新 重新查询",
    ),
    "%wenwen history [words]": (
        "saved pictures, searched: --model --since --until --star --failed",
        "搜索已保存的图片：--模型 --自 --至 --星标 --失败",
    ),
    "%wenwen show ID": ("a saved picture; --lineage: what it came from", "显示已保存的图片；--来历 显示其由来"),
    "%wenwen star ID [off]": ("mark a picture, or take the mark away", "加星标，或用 off 取消"),
    "%wenwen mask NAME": ("paint where a picture may be changed", "涂抹图片中可以改动的部分"),
    "%wenwen task ID [seed|U1]": (
        "ask after a Midjourney work, or press its button",
        "查询 Midjourney 任务，或点击其按钮",
    ),
    "%wenwen use ID": (
        "the cell that made it, below; also of a file with a recipe",
        "把生成它的单元格放在下方；也可用含作图信息的文件",
    ),
    "%wenwen compare ID ID": ("how two pictures differ", "比较两张图片"),
    "%wenwen fetch ID": ("finish a download, for free", "免费完成下载"),
    "%wenwen styles": ("named templates for prompts", "命名的提示词模板"),
    "%wenwen budget": ("spent, maybe, and left in this session", "本次会话的花费和余额"),
    "%wenwen vote LETTER": ("the best picture of a blind comparison", "盲评中最好的一张"),
    "%wenwen votes": ("the tally", "投票统计"),
    "%wenwen export FILE [IDs]": (
        "records and pictures as a zip; --strip leaves prompts out",
        "导出为 zip；--去提示词 不含提示词",
    ),
    "%wenwen import FILE": ("take such a zip in", "导入这样的 zip"),
    "%wenwen demo [off]": ("draw on this machine, without a key", "在本机作图，无需密钥"),
    "%wenwen key": ("set the key", "设置密钥"),
}
