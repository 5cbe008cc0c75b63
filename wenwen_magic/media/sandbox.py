"""Runs the sandbox: child processes with limits that open the pictures, so that the kernel never does."""

import contextlib
import importlib.util
import json
import os
import runpy
import secrets
import signal
import subprocess
import sys
import sysconfig
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wenwen_magic.errors import Charged, ImageError
from wenwen_magic.forks import after_fork
from wenwen_magic.text.i18n import N_, _

_WORKER = Path(__file__).with_name("sandbox_worker.py")
_ENVIRONMENT = frozenset({"PATH", "LANG", "LC_ALL", "LC_CTYPE", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR"})
"""The variables that go to a child: none that holds a key, or that loads code of others into it."""
_LIBRARIES = {"LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"} if sysconfig.get_config_var("Py_ENABLE_SHARED") else set()
"""Where an interpreter that is a library itself may have to be found."""
_OVERWORKED = -getattr(signal, "SIGXCPU", 0)
"""How a child ends whose job took more of the processor's time than it may; Windows has no such limit."""
_IN_A_PAGE = sys.platform == "emscripten"
"""Whether Python itself runs within the page of a browser, as in JupyterLite."""
WORK_FOR_A_STRIP = 10
"""Seconds of the processor that the frames of a clip may take; a minute in 1080p takes about seven."""
MESSAGES = {
    "truncated": N_("The picture is cut off or damaged."),
    "not-a-picture": N_("What came is not a picture."),
    "svg": N_("SVG drawings are not opened: they can carry scripts."),
    "html": N_("What came is a web page, not a picture."),
    "format": N_("Pictures of this format are not opened."),
    "too-many-pixels": N_("The picture has too many pixels to be opened safely."),
    "too-long-a-side": N_("The picture is too wide or too high to be opened safely."),
    "memory": N_("The picture needs too much memory to be opened safely."),
    "effort": N_("The picture takes too much work to be opened safely."),
    "timeout": N_("The picture took too long to open."),
    "died": N_("The program that checks pictures stopped on this one."),
    "start": N_("The program that checks pictures could not be started."),
    "no-clip": N_("What came is not a video."),
    "cut-clip": N_("The clip is cut off: its file ends too early."),
    "disk": N_("A file could not be read or written."),
    "failed": N_("The picture could not be handled."),
}
"""What an error's code says; the code is its ``text``."""


@dataclass(frozen=True)
class Inspection:
    """What a picture is that a child checked or made, or a clip.

    Args:
        mime: the type, by the bytes.
        extension: the file ending that goes with it, without a dot.
        width, height: in pixels, as a person sees the picture.
        preview_mime: ``image/jpeg`` or ``image/png``; empty when no preview was asked for.
        seconds: how long a clip plays; None for a picture, and for a clip that does not say it.
    """

    mime: str
    extension: str
    width: int
    height: int
    preview_mime: str = ""
    seconds: float | None = None


class _Failed(Exception):
    """A job failed: the code of what happened, and the reason as far as it is known."""


class _Child:
    """One running worker: one job at a time."""

    def __init__(self, memory: int) -> None:
        pillow = importlib.util.find_spec("PIL")
        if not sys.executable or not pillow or not pillow.submodule_search_locations:
            raise OSError("No Python interpreter or no Pillow was found.")
        # Isolated from the notebook's folder, variables and start-up files, yet with the Pillow the kernel would load.
        # A notebook may change LC_ALL, which goes to the child: files are named as this process reads their names.
        flags = ["-I", "-S", "-X", f"utf8={int(sys.getfilesystemencoding() == 'utf-8')}"]
        folder = Path(pillow.submodule_search_locations[0]).absolute().parent
        self._process: Any = subprocess.Popen(  # noqa: S603  our own interpreter, our own file
            [sys.executable, *flags, str(_WORKER), str(memory), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if name.upper() in _ENVIRONMENT | _LIBRARIES},
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self.pid, self._owner, self._greeted = self._process.pid, os.getpid(), False

    def is_running(self) -> bool:
        return self._owner == os.getpid() and self._process.poll() is None

    def ask(self, job: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        if not self._greeted:
            if not (hello := self._exchange(b"", 60.0))["ready"]:  # Pillow may come from a slow network disk
                raise _Failed("start", hello["problem"])
            self._greeted = True
        line = json.dumps(job, default=lambda path: str(path.absolute()))  # the kernel may have changed its folder
        return self._exchange(line.encode() + b"\n", seconds)

    def _exchange(self, line: bytes, seconds: float) -> dict[str, Any]:
        reply, late = b"", list[None]()
        timer = threading.Timer(seconds, lambda: late.append(self._process.kill()))
        timer.daemon = True
        try:
            timer.start()
        except RuntimeError as error:  # no thread can be had to watch over it
            raise _Failed("start", str(error)) from None
        try:
            with contextlib.suppress(OSError, ValueError):  # a pipe broken or closed: no reply says the same
                self._process.stdin.write(line)
                self._process.stdin.flush()
                reply = self._process.stdout.readline()
        finally:
            timer.cancel()
            timer.join()  # from here on it is certain whether the child was killed
        if not late and reply.endswith(b"\n"):
            return dict(json.loads(reply))
        if not self._greeted:
            raise _Failed("start", "")
        raise _Failed("timeout" if late else "effort" if self._was_overworked() else "died", "")

    def _was_overworked(self) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return bool(_OVERWORKED and self._process.wait(5) == _OVERWORKED)
        return False

    def end(self) -> None:
        """Kill the child and wait for it; one that a forked process inherited is its parent's to end."""
        if self._owner != os.getpid():
            return
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired, OSError):
            self._process.wait(5)
            self._process.stdout.close()
            self._process.stdin.close()


class _Here:
    """Does a child's work in this process, where the page of a browser is the sandbox: there are no processes.

    Without a limit on time: there is nobody to keep it.
    """

    pid = 0

    def __init__(self) -> None:
        self._answer = runpy.run_path(str(_WORKER), run_name=_WORKER.stem)["_answer"]

    def is_running(self) -> bool:
        return True

    def ask(self, job: Mapping[str, Any], _seconds: float) -> dict[str, Any]:
        return dict(self._answer(json.dumps(job, default=str)))

    def end(self) -> None:
        """Do nothing: there is no process."""


def _end_all(children: set[_Child | _Here]) -> None:
    for child in tuple(children):
        child.end()
    children.clear()


class SandboxPool:
    """Child processes that check, shrink and convert pictures; may be used from several threads.

    Args:
        size: children at most; further callers wait for a free one.
        memory: what a child may hold, in bytes, where the platform can bound it.
        seconds: what a job may take before its child is killed: long enough for ``work`` on a busy machine, because
            only what took too much work is known to be no fault of the machine.
        work: seconds of the processor that a job may take; then the picture counts as one that cannot be opened. A
            hundred million pixels of noise take ten.
        max_pixels: width x height of a picture that is opened, at most.
    """

    def __init__(
        self,
        *,
        size: int = 2,
        memory: int = 2 << 30,
        seconds: float = 60.0,
        work: int = 20,
        max_pixels: int = 100_000_000,
    ) -> None:
        self._memory, self._seconds = memory, seconds
        self._limits = {"max_pixels": max_pixels, "work": work}
        self._size = size
        self._renew()
        after_fork(self._renew)
        self._idle, self._children = list[_Child | _Here](), set[_Child | _Here]()
        weakref.finalize(self, _end_all, self._children)

    def _renew(self) -> None:
        self._slots, self._lock = threading.Semaphore(self._size), threading.RLock()

    @property
    def pids(self) -> tuple[int, ...]:
        """Return the process ids of the children that run."""
        return tuple(child.pid for child in tuple(self._children) if child.is_running())

    def warm(self) -> None:
        """Start a child for the job to come, if none runs; does not wait for it, raises nothing."""
        with contextlib.suppress(Exception), self._lock:
            if not self.pids:
                self._idle.append(self._take_child())

    def inspect(self, path: Path, preview: Path) -> Inspection:
        """Check a picture by decoding it, and write a small one for showing.

        Args:
            path: the file.
            preview: where to write at most 768 x 768 pixels, JPEG or PNG; appears whole or not at all.

        Raises:
            ImageError: it cannot be decoded within the limits, or cannot be checked now; ``text`` is the code.
        """
        return self._make("inspect", preview, "yes", path=path)

    def sheet(self, previews: Sequence[Path], target: Path) -> Inspection:
        """Write a contact sheet of several previews: a JPEG at most 768 pixels wide.

        Args:
            previews: the small pictures, in order.
            target: where to write; appears whole or not at all.

        Raises:
            ImageError: a preview is not a picture, or the sheet cannot be made; ``text`` is the code.
        """
        return self._make("sheet", target, "yes", previews=list(previews))

    def convert(self, path: Path, target: Path, *, max_side: int = 2048, exact: bool = False) -> Inspection:
        """Write a picture that a relay accepts as a reference: PNG, JPEG or WebP, upright, without location data.

        Args:
            path: the file; copied byte for byte when it is so already.
            target: where to write; appears whole or not at all.
            max_side: width or height of the result, in pixels, at most.
            exact: whether it shall be a PNG, whatever it was.

        Raises:
            ImageError: it cannot be decoded within the limits, or cannot be converted; ``text`` is the code.
        """
        return self._make("convert", target, "no", path=path, max_side=max_side, exact=exact)

    def clip(self, path: Path, poster: Path, stills: Sequence[Path] = ()) -> Inspection:
        """Judge a clip by the parts of its file, decoding nothing; its sides are 0 where the file does not say them.

        Args:
            path: the file.
            poster: where to write a small JPEG that stands for it; appears whole or not at all.
            stills: pictures for that, the best first; without one that can be opened it is an empty frame.

        Raises:
            ImageError: it is no clip, is cut off, or cannot be judged now; ``text`` is the code.
        """
        return self._make("clip", poster, "yes", path=path, stills=list(stills))

    def strip(self, path: Path, target: Path) -> Inspection:
        """Write a small picture of a clip, of six frames, which PyAV decodes, where the extra ``video`` has brought it.

        Args:
            path: a file that :meth:`clip` has judged.
            target: where to write; appears whole or not at all.

        Raises:
            ImageError: there is no PyAV, or it cannot decode them within the limits; ``text`` is the code.
        """
        return self._make("strip", target, "yes", path=path, work=WORK_FOR_A_STRIP)

    def close(self) -> None:
        """End the children; a job in flight fails, a later one starts a new child."""
        with self._lock:
            _end_all(self._children)

    def _make(self, job: str, target: Path, charged: Charged, **options: Any) -> Inspection:
        part = target.with_name(f"{target.name}.{secrets.token_hex(4)}.part")
        try:
            answer = self._run({"job": job, "target": part, **self._limits, **options})
            part.replace(target)
        except (_Failed, OSError) as error:
            code, why = error.args if isinstance(error, _Failed) else ("disk", error.strerror or type(error).__name__)
            raise ImageError(_(MESSAGES[code]), why=why, charged=charged, text=code) from None
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
        return Inspection(**answer)

    def _run(self, job: Mapping[str, Any]) -> dict[str, Any]:
        with self._slots:
            child = self._take_child()
            try:
                answer = child.ask(job, self._seconds)
            except BaseException:  # also an interrupt: a child in the midst of a job is of no use
                child.end()
                self._children.discard(child)
                raise
            self._idle.append(child)
        if not answer.pop("ok", False):
            raise _Failed(answer.get("code", "died"), answer["problem"])
        return answer

    def _take_child(self) -> _Child | _Here:
        with self._lock:
            while self._idle:
                if (child := self._idle.pop()).is_running():
                    return child
                child.end()
                self._children.discard(child)
            try:
                child = _Here() if _IN_A_PAGE else _Child(self._memory)
            except (OSError, ImportError) as error:
                raise _Failed("start", str(error)) from error
            self._children.add(child)
            return child
