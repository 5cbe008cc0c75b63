"""Checks all that drawing needs, from the key to the clock: free, in bounded time, and offline in mode replay."""

import base64
import importlib.metadata
import importlib.util
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from wenwen_magic.endpoint import transport
from wenwen_magic.engine import limits
from wenwen_magic.engine.worker_pool import Job, WorkerPool
from wenwen_magic.errors import AnswerError, ConfigError, EndpointError, HistoryError, WenwenError
from wenwen_magic.history.atomic import SPACE, check_space
from wenwen_magic.history.store import unwritable
from wenwen_magic.models import default_model
from wenwen_magic.notebook.commands.account import key_status, who_draws
from wenwen_magic.notebook.commands.registry import CommandContext, command
from wenwen_magic.protocol import HttpCall
from wenwen_magic.render.models import model_warning
from wenwen_magic.text.i18n import N_, _, padded, spoken

LONGEST = 20.0
"""Seconds that all checks take together, at most; they run side by side."""
_READ = 10.0
_OK, _WARNING, _PROBLEM = N_("ok"), N_("warning"), N_("problem")
_SIGNS = {_OK: "✓", _WARNING: "!", _PROBLEM: "✗"}
_MODELS = N_("models")
_OURS = "wenwen-magic"
_FLOOR = re.compile(r"([\w-]+)>=([\d.]+)")
_DAY = 24 * 3600
_PACKAGES = ("ipython", "ipykernel", "ipywidgets", "jupyterlab", "notebook", "pillow")
_FONTS = re.compile(r"CJK|Han Sans|Hei|YaHei|PingFang|WenQuanYi|SimSun|Song|Kai", re.IGNORECASE)
_LITTLE_SPACE = 1 << 30
_DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""A PNG of one pixel."""
Check = Callable[[CommandContext], "Finding | Iterable[Finding]"]


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Args:
        state: ``ok``, ``warning`` or ``problem``.
        what: a phrase.
        do: what to do about it.
        name: what was checked; empty for the check's own name.
    """

    state: str
    what: str
    do: str = ""
    name: str = ""


@command("doctor", "体检", help=N_("check key, network, folder, versions and more, for free"))
def doctor(context: CommandContext, _line: str) -> str:
    """Run all checks side by side, and show a line on each, with what to do about it."""
    checks, wrong = _CHECKS, list[tuple[str, Finding]]()
    try:
        context.client  # noqa: B018  made here once, for all threads
    except ConfigError as error:  # a setting is wrong: what needs none is checked all the same
        checks, wrong = {name: _CHECKS[name] for name in _WITHOUT_SETTINGS}, [(N_("settings"), _of_error(error))]
    found = [*wrong, *_all_found(context, checks, LONGEST)]
    lines = []
    for name, finding in found:
        state = padded(f"{_SIGNS[finding.state]} {_(finding.state)}", 12)
        lines.append(f"{state}{padded(_(finding.name or name), 12)}{finding.what}")
        lines += [f"{' ' * 24}{finding.do}"] if finding.do else []
    states = {finding.state for _name, finding in found}
    fine, end = _("Everything is fine."), _(" These checks are free: nothing was drawn.")
    told = _("Problems: see above what to do.") if _PROBLEM in states else _("Warnings: see above.")
    return "\n".join([*lines, "", f"{fine if states == {_OK} else told}{end}"])


def _all_found(context: CommandContext, checks: Mapping[str, Check], seconds: float) -> list[tuple[str, Finding]]:
    """Run checks side by side, and return what they found in time, in the order of the checks."""
    pool, jobs, end = WorkerPool(), dict[str, Job](), time.monotonic() + seconds
    for name, check in checks.items():
        if name in _MAIN_THREAD and "google.colab" in sys.modules:  # whose answer comes through the main thread
            jobs[name] = Job(0.0)
            jobs[name].run(partial(_found, context, check))
        else:
            jobs[name] = pool.start_or_run(partial(_found, context, check))
        if (error := jobs[name].error) and not isinstance(error, Exception):  # an interrupt of the main thread
            raise error
    found = []
    for name, job in jobs.items():
        if not job.wait(max(0.0, end - time.monotonic())):
            late = _("no answer within {seconds:g} s", seconds=seconds)
            found.append((name, Finding(_PROBLEM, late)))
        elif job.error is not None:
            found.append((name, _of_error(job.error)))
        else:
            found += [(name, finding) for finding in job.result]
    return found


def _found(context: CommandContext, check: Check, _job: Job) -> list[Finding]:
    made = check(context)
    return [made] if isinstance(made, Finding) else list(made)


def _of_error(error: BaseException) -> Finding:
    """Return what an error tells; whatever is wrong with this machine, the other checks go on."""
    if isinstance(error, WenwenError):
        return Finding(_PROBLEM, " ".join(filter(None, [error.what, error.why])), error.do)
    return Finding(_PROBLEM, f"{type(error).__name__}: {str(error)[:200]}")


# -- the endpoint ------------------------------------------------------------------------------------------------------


def _key(context: CommandContext) -> Finding:
    state, place = key_status(context.state)
    if state == _("set"):
        return Finding(_OK, f"{state} ({place})")
    if context.client.is_demo or context.load().settings.mode == "replay":
        return Finding(_OK, _("{state}; none is needed now", state=state))
    return Finding(_PROBLEM, f"{state} {place}".strip(), _("%wenwen key asks for one. %wenwen demo draws without."))


def _address(context: CommandContext) -> Finding:
    loaded = context.load()
    address, source = context.client.address, _(loaded.sources["base_url"])
    elsewhere = not context.client.is_demo and urlsplit(address).hostname not in {"127.0.0.1", "localhost", "::1"}
    if urlsplit(address).scheme == "http" and elsewhere:
        return Finding(_WARNING, address, _("http:// sends the key readable by all on the way; use https://."))
    return Finding(_OK, f"{address} ({source})")


def _network(context: CommandContext) -> Iterable[Finding]:
    """Ask for the models, which tells of the network, the key and the models."""
    client, began = context.client, time.monotonic()
    if client.settings.mode == "replay":
        yield Finding(_OK, _("replay mode: offline, nothing was sent"))
        known = client.known_models()
        saved = _("{count} in the saved list", count=len(known.names)) if known else _("no saved list")
        yield Finding(_OK, saved, name=_MODELS)
        return
    try:
        known = client.model_list(refresh=True)
    except ConfigError as error:  # no key, or none for this endpoint
        yield _reached(client.address, began)
        yield Finding(_WARNING, error.what, error.do, _MODELS)
    except (AnswerError, EndpointError) as error:
        status = getattr(error, "status", 0)
        yield Finding(_OK, _took(began)) if status else _of_error(error)
        if status:
            yield replace(_of_error(error), name=N_("key") if status in {401, 403} else _MODELS)
    else:
        yield Finding(_OK, _took(began))
        model = client.settings.model or default_model(client.settings.format)
        doubt = model_warning(model, known, client.session.models.today())
        listed = _("{count} listed", count=len(known.names))
        advice = _("%wenwen models lists them; choose one with -m or the setting model.")
        good = Finding(_OK, _("{listed}, {model} among them", listed=listed, model=model), name=_MODELS)
        yield Finding(_WARNING, f"{listed}. {doubt}", advice, _MODELS) if doubt else good


def _reached(address: str, began: float) -> Finding:
    """Ask without a key: any answer tells that the endpoint can be reached."""
    try:
        transport.Transport(address, None, read=_READ).send(HttpCall("GET", "/v1/models", free=True))
    except EndpointError as error:
        if not error.status:
            return _of_error(error)
    return Finding(_OK, _took(began))


def _took(began: float) -> str:
    return _("answered in {seconds:.1f} s", seconds=time.monotonic() - began)


def _proxy(context: CommandContext) -> Finding:
    address = context.client.address
    proxy = transport.proxies_for(address).get(urlsplit(address).scheme, "")
    bundle = transport.ca_bundle()
    if not Path(bundle).is_file():
        wrong = _("the file of certificates is missing: {name}", name=Path(bundle).name)
        return Finding(_PROBLEM, wrong, _("Correct REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE, or unset it."))
    if not proxy:
        return Finding(_OK, _("none"))
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2] or '?'}"  # without a password
    if parts.scheme.startswith("socks") and importlib.util.find_spec("socks") is None:
        return Finding(_PROBLEM, shown, _("pip install pysocks, and restart the kernel."))
    return Finding(_OK, shown)


def _limits(context: CommandContext) -> Finding:
    settings, spent = context.client.settings, context.client.session.account()
    shown = _("{cost} of {limit}", cost=limits.pictures(spent.pictures), limit=settings.session_limit)
    if spent.pictures >= settings.session_limit:
        more = max(50, 2 * settings.session_limit, 2 * spent.pictures)
        return Finding(_WARNING, shown, f"%config WenwenMagics.session_limit = {more}")
    if settings.budget is not None and spent.units >= settings.budget:
        cost = limits.cost_text(spent, settings.currency)
        return Finding(_WARNING, cost, f"%config WenwenMagics.budget = {settings.budget * 2:g}")
    return Finding(_OK, shown)


# -- this machine ------------------------------------------------------------------------------------------------------


def _folder(context: CommandContext) -> Finding:
    history = context.client.history
    with _nearest(history.folder) as place:
        tempfile.TemporaryFile(dir=place).close()
    if unreadable := history.unreadable():
        names = ", ".join(unreadable[:3]) + (" …" if len(unreadable) > 3 else "")  # noqa: PLR2004  a few are enough
        return Finding(_WARNING, _("records that cannot be read: {names}", names=names), _("The others work."))
    return Finding(_OK, _("{name}/: {count} saved", name=history.folder.name, count=history.count()))


@contextmanager
def _nearest(folder: Path) -> Iterator[Path]:
    """Give the folder, or where it is not made yet the one it would be made in; tell how to get one that works."""
    place = next(each for each in (folder, *folder.parents) if each.is_dir())
    try:
        yield place
    except OSError as error:
        raise unwritable(folder, error) from None


def _disk(context: CommandContext) -> Finding:
    with _nearest(context.client.history.folder) as place:
        with tempfile.NamedTemporaryFile(dir=place) as file:
            check_space(file.file, SPACE)
        free = shutil.disk_usage(place).free
    shown = _("{free:.1f} GiB free", free=free / 2**30)
    return Finding(_WARNING, shown, _("Free some space.")) if free < _LITTLE_SPACE else Finding(_OK, shown)


def _versions(_context: CommandContext) -> Iterable[Finding]:
    found = {name: version for name in (_OURS, *_PACKAGES) if (version := _version(name))}
    shown = [f"Python {platform.python_version()}", *(f"{name} {version}" for name, version in found.items())]
    yield Finding(_OK, ", ".join(shown))
    with suppress(importlib.metadata.PackageNotFoundError):
        for one in importlib.metadata.requires(_OURS) or ():
            if (wanted := _FLOOR.fullmatch(one)) and _numbers(_version(wanted[1])) < _numbers(wanted[2]):
                yield Finding(_WARNING, _("{needed} is needed", needed=one), f"pip install -U '{one}'")


def _version(name: str) -> str:
    with suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(name)
    return ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:3]))


def _widgets(context: CommandContext) -> Finding:
    if context.front.kernel is None:
        return Finding(_OK, _("none in a terminal: a picture is its caption and its path"))
    if not context.load().settings.ui:
        return Finding(_OK, _("off, by the setting ui"))
    if not context.front.takes_answers:
        return Finding(_OK, _("none: this notebook runs unattended"))
    if importlib.util.find_spec("ipycanvas") is None:
        return Finding(_OK, _("available, without the mask editor"), "pip install 'wenwen-magic[mask]'")
    return Finding(_OK, _("available, with the mask editor"))


def _fonts(_context: CommandContext) -> Iterable[Finding]:
    """Look for a Chinese font where figures of matplotlib may be drawn with Chinese words."""
    manager = sys.modules.get("matplotlib.font_manager")
    if manager is None or spoken() != "zh":
        return
    names = {font.name for font in manager.fontManager.ttflist if _FONTS.search(font.name)}
    missing = _("matplotlib has no Chinese font: words in figures become boxes")
    yield Finding(_OK, min(names)) if names else Finding(_WARNING, missing, _("Install one, such as Noto Sans CJK."))


def _clock(context: CommandContext) -> Finding:
    """Compare the clock with what was written before now: a wrong one breaks https and the order of pictures."""
    now = time.time()
    shown = datetime.fromtimestamp(now).astimezone().isoformat(" ", "minutes")
    written = [Path(__file__).stat().st_mtime]
    with suppress(HistoryError):  # which the folder's own line tells
        written += [datetime.fromisoformat(one.created).timestamp() for one in context.client.history.recent(1)]
    if now < max(written) - _DAY:
        return Finding(
            _WARNING, _("{shown} is earlier than the newest saved picture", shown=shown), _("Set the clock.")
        )
    return Finding(_OK, shown)


def _sandbox(context: CommandContext) -> Finding:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dot.png"
        path.write_bytes(_DOT)
        context.client.session.pool(context.client.settings.max_megapixels).inspect(path, path.with_name("small.png"))
    return Finding(_OK, _("a picture was checked in {seconds:.1f} s", seconds=time.monotonic() - began))


def _drawn_by(context: CommandContext) -> Finding:
    who, ends = who_draws(context)
    return Finding(_WARNING if limits.SESSION.detached.problem else _OK, _("{who}: {ends}", who=who, ends=ends))


_WITHOUT_SETTINGS = ("drawn by", "versions")
_MAIN_THREAD = ("key", "address", "network")
_CHECKS: Mapping[str, Check] = {
    N_("key"): _key,
    N_("address"): _address,
    N_("network"): _network,
    N_("proxy"): _proxy,
    N_("limit"): _limits,
    N_("folder"): _folder,
    N_("disk"): _disk,
    N_("sandbox"): _sandbox,
    N_("drawn by"): _drawn_by,
    N_("versions"): _versions,
    N_("widgets"): _widgets,
    N_("fonts"): _fonts,
    N_("clock"): _clock,
}
