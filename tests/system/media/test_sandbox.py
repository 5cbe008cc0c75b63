"""The sandbox: what it answers, and what it survives."""

import os
import select
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image, ImageFile
from support.pictures import encoded, noise, png, with_scans

from wenwen_magic.errors import ImageError
from wenwen_magic.media.sandbox import Inspection, SandboxPool
from wenwen_magic.text.i18n import speak

needs_posix = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
needs_pidfd = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="no process descriptors here")


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "图 片.png"
    path.write_bytes(encoded(noise(), "PNG"))
    return path


@pytest.fixture(autouse=True)
def _careless_notebook(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)


def refused(job, *arguments):
    with pytest.raises(ImageError) as caught:
        job(*arguments)
    return caught.value


def has_ended(pid_descriptor):
    return bool(select.select([pid_descriptor], [], [], 10)[0])


def test_a_sound_picture_is_measured_and_gets_a_preview(pool, picture, tmp_path):
    found = pool.inspect(picture, tmp_path / "preview")
    assert found == Inspection("image/png", "png", 300, 260, "image/jpeg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["preview", picture.name]


def test_a_name_in_chinese_is_found_though_the_notebook_changed_its_locale(picture, tmp_path, monkeypatch):
    for name, value in {"LC_ALL": "C", "LANG": "C"}.items():
        monkeypatch.setenv(name, value)
    late = SandboxPool()
    try:
        assert late.inspect(picture, tmp_path / "预览").width == 300
    finally:
        late.close()


def test_a_broken_picture_is_kept_and_leaves_no_preview(pool, tmp_path):
    broken = tmp_path / "broken"
    broken.write_bytes(encoded(noise(), "JPEG")[:-500])
    speak("zh")
    chinese = refused(pool.inspect, broken, tmp_path / "preview")
    speak("en")
    error = refused(pool.inspect, broken, tmp_path / "preview")
    assert (error.text, error.charged, error.what) == ("truncated", "yes", "The picture is cut off or damaged.")
    assert (chinese.text, chinese.what) == ("truncated", "图片不完整或已损坏。")
    assert "truncated" in error.why.lower()
    assert [path.name for path in tmp_path.iterdir()] == ["broken"]


def test_paths_are_those_of_the_notebook_even_after_it_changed_its_folder(pool, picture, monkeypatch):
    pool.warm()
    monkeypatch.chdir(picture.parent)
    assert pool.inspect(Path(picture.name), Path("preview")).width == 300
    assert Path("preview").is_file()


def test_a_place_that_cannot_be_written_is_said(pool, picture, tmp_path):
    assert refused(pool.inspect, picture, tmp_path / "gone" / "preview").text == "disk"
    assert refused(pool.inspect, tmp_path / "none.png", tmp_path / "preview").text == "disk"
    assert pool.inspect(picture, tmp_path / "preview").width == 300


def test_eighty_million_pixels_do_not_weigh_on_the_notebook(tmp_path):
    (tmp_path / "large.png").write_bytes(png(9000, 9000))
    code = (
        "import resource, sys; from pathlib import Path; from wenwen_magic.media.sandbox import SandboxPool\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; before = peak()\n"
        "print(SandboxPool().inspect(Path('large.png'), Path('preview')).width, peak() - before, 'PIL' in sys.modules)"
    )
    width, grown, loaded = run(code, tmp_path).split()
    assert (width, loaded) == ("9000", "False")
    assert int(grown) < 10_000  # KiB


def run(code, folder):
    found = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, env=found, capture_output=True, text=True, check=True, timeout=60).stdout


def test_warming_starts_one_child_and_the_job_uses_it(picture, tmp_path):
    pool = SandboxPool()
    assert pool.pids == ()
    pool.warm()
    pool.warm()
    (pid,) = pool.pids
    pool.inspect(picture, tmp_path / "preview")
    assert pool.pids == (pid,)
    pool.close()


def test_threads_share_the_children(picture, tmp_path):
    pool = SandboxPool(size=2)
    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(lambda n: pool.inspect(picture, tmp_path / f"p{n}"), range(12)))
    assert {one.width for one in found} == {300}
    assert 1 <= len(pool.pids) <= 2
    pool.close()


@needs_posix
def test_an_idle_child_that_was_killed_is_replaced(picture, tmp_path):
    pool = SandboxPool()
    pool.inspect(picture, tmp_path / "preview")
    (pid,) = pool.pids
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert pool.inspect(picture, tmp_path / "preview").width == 300
    assert pid not in pool.pids
    pool.close()


@needs_posix
def test_a_child_killed_in_a_job_is_told_and_the_next_job_works(picture, tmp_path):
    pool = SandboxPool()
    endless = tmp_path / "pipe"
    os.mkfifo(endless)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(refused, pool.inspect, endless, tmp_path / "preview")
        with endless.open("wb"):  # opens when the child has begun to read
            os.kill(pool.pids[0], signal.SIGKILL)
            assert waiting.result().text == "died"
    assert pool.inspect(picture, tmp_path / "preview").width == 300
    pool.close()


@needs_posix
def test_a_job_over_its_time_is_ended_and_the_next_one_works(picture, tmp_path):
    pool = SandboxPool(seconds=0.2)
    os.mkfifo(tmp_path / "pipe")
    error = refused(pool.inspect, tmp_path / "pipe", tmp_path / "preview")
    assert (error.text, error.charged) == ("timeout", "yes")
    assert pool.pids == ()
    assert SandboxPool().inspect(picture, tmp_path / "preview").width == 300
    assert pool.inspect(picture, tmp_path / "preview").width == 300
    pool.close()


@needs_posix
def test_a_picture_that_keeps_the_processor_busy_is_given_up_and_the_next_one_is_opened(picture, tmp_path):
    pool = SandboxPool(work=0)
    # Much more than the second that the system measures by, on fast machines too.
    (tmp_path / "busy").write_bytes(with_scans(20, 8000, noise=12, progressive=True, quality=30))
    assert refused(pool.inspect, tmp_path / "busy", tmp_path / "preview").text == "effort"
    assert pool.pids == ()
    assert pool.inspect(picture, tmp_path / "preview").width == 300
    pool.close()


@needs_posix
def test_closing_leaves_no_process_and_a_later_job_starts_anew(picture, tmp_path):
    pool = SandboxPool()
    pool.inspect(picture, tmp_path / "preview")
    (pid,) = pool.pids
    pool.close()
    pool.close()
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)
    assert pool.inspect(picture, tmp_path / "preview").width == 300
    pool.close()
    assert pool.pids == ()


@needs_posix
def test_closing_ends_a_job_in_flight(tmp_path):
    pool = SandboxPool()
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(refused, pool.inspect, tmp_path / "pipe", tmp_path / "preview")
        with (tmp_path / "pipe").open("wb"):
            pool.close()
            assert waiting.result().text == "died"


@needs_pidfd
@pytest.mark.parametrize("how", ["ends", "is killed"])
def test_children_end_with_their_parent(picture, how):
    code = (
        "import sys; from pathlib import Path; from wenwen_magic.media.sandbox import SandboxPool\n"
        "pool = SandboxPool(); pool.inspect(Path(sys.argv[1]), Path('preview')); print(*pool.pids, flush=True)\n"
        "sys.stdin.readline()"
    )
    found = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-c", code, str(picture), how]
    with subprocess.Popen(command, cwd=picture.parent, env=found, stdin=-1, stdout=-1) as parent:
        child = os.pidfd_open(int(parent.stdout.readline()))
        if how == "is killed":
            parent.kill()
        else:
            parent.communicate(b"\n")
        assert has_ended(child)
    os.close(child)


def test_a_script_without_a_main_guard_runs_once(picture, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "print('once')\nfrom pathlib import Path\nfrom wenwen_magic.media.sandbox import SandboxPool\n"
        f"print(SandboxPool().inspect(Path({str(picture)!r}), Path('preview')).width)",
        encoding="utf-8",
    )
    (tmp_path / "json.py").write_text("raise SystemExit('the notebook folder was searched')")
    assert run(f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')", Path("/")) == "once\n300\n"


def test_a_platform_that_starts_no_children_is_told_in_a_sentence(picture, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    pool = SandboxPool()
    pool.warm()
    error = refused(pool.inspect, picture, tmp_path / "preview")
    assert (error.text, error.charged) == ("start", "yes")
    assert refused(pool.convert, picture, tmp_path / "new").charged == "no"


def test_a_child_that_cannot_load_is_told(picture, tmp_path):
    if sys.platform != "linux":
        pytest.skip("the platform does not bound memory")
    assert refused(SandboxPool(memory=1 << 20).inspect, picture, tmp_path / "preview").text == "start"


@needs_posix
def test_no_key_and_nothing_that_loads_code_goes_to_a_child(picture, tmp_path, monkeypatch):
    monkeypatch.setenv("WENWEN_API_KEY", "sk-nobody-may-see-this")
    for name in (
        "LD_PRELOAD",
        "LD_AUDIT",
        "DYLD_INSERT_LIBRARIES",
        "TMPDIR",
        "TMP",
        "TEMP",
        "PYTHONPATH",
        "LANGSMITH_KEY",
    ):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    pool = SandboxPool()
    pool.warm()
    if Path("/proc").is_dir():
        given = Path(f"/proc/{pool.pids[0]}/environ").read_bytes().decode()
        names = {line.partition("=")[0] for line in given.split("\0") if line}
        assert "sk-nobody" not in given
        assert "LC_ALL" in names
        assert names <= {"PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH"}
    pool.close()
