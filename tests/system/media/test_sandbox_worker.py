"""What the child program says of good, broken and hostile files, and what it makes of pictures."""

import io
import json
import struct
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image, ImageFile
from support.pictures import encoded, moving, noise, png, webp_header, with_scans

SCRIPT = Path(__file__).parents[3] / "wenwen_magic" / "media" / "sandbox_worker.py"
PILLOW = str(Path(find_spec("PIL").origin).parents[1])
KINDS = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "GIF": "gif", "AVIF": "avif"}


class Child:
    """The program as it is, spoken to line by line."""

    def __init__(self, folder: Path, memory: int = 2 << 30) -> None:
        command = [sys.executable, "-I", "-S", str(SCRIPT), str(memory), PILLOW]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder)
        self.folder, self.hello = folder, json.loads(self.process.stdout.readline())

    def ask(self, **job):
        self.process.stdin.write(json.dumps({"work": 10, **job}).encode() + b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def inspect(self, data: bytes, max_pixels: int = 100_000_000):
        (self.folder / "picture").write_bytes(data)
        return self.ask(job="inspect", path="picture", target="preview", max_pixels=max_pixels)

    def end(self) -> int:
        self.process.stdin.close()
        status = self.process.wait(10)
        self.process.stdout.close()
        return status


@pytest.fixture(scope="module")
def child(tmp_path_factory):
    one = Child(tmp_path_factory.mktemp("child"))
    yield one
    assert one.end() == 0


@pytest.fixture(autouse=True)
def _careless_notebook(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)


def test_it_says_when_it_is_ready(child):
    assert child.hello == {"ready": True}


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_picture_is_named_by_its_bytes_and_measured(child, kind):
    said = child.inspect(encoded(noise(), kind))
    assert said == {
        "ok": True,
        "mime": f"image/{kind.lower()}",
        "extension": KINDS[kind],
        "width": 300,
        "height": 260,
        "preview_mime": "image/jpeg",
    }
    preview = Image.open(io.BytesIO((child.folder / "preview").read_bytes()))
    assert (preview.format, preview.size, preview.mode) == ("JPEG", (300, 260), "RGB")


@pytest.mark.parametrize("kind", [*KINDS, "moving PNG", "moving GIF", "moving WEBP", "moving AVIF", "moving MPO"])
def test_a_picture_cut_off_anywhere_is_refused(child, kind):
    data = moving(kind.split()[1]) if " " in kind else encoded(noise(40, 30), kind)
    assert child.inspect(data)["ok"]
    cuts = {*range(32, len(data), len(data) // 25), *range(len(data) - 9, len(data))}
    passed = [cut for cut in sorted(cuts) if child.inspect(data[:cut]).get("code") != "truncated"]
    assert passed == []


def test_a_picture_with_a_flipped_byte_is_refused(child):
    data = bytearray(encoded(noise(), "PNG"))
    data[len(data) // 2] ^= 0xFF
    assert child.inspect(bytes(data))["code"] == "truncated"


@pytest.mark.parametrize(
    ("data", "code", "word"),
    [
        (b"<svg/>", "svg", "SVG text"),
        (b"\n<html><h1>502</h1>", "html", "HTML text"),
        (b' {"error": "expired"}', "not-a-picture", "JSON text"),
        (b"", "not-a-picture", "empty"),
        (b"cat", "not-a-picture", "no picture"),
        (b"%PDF-1.7", "format", "PDF"),
        (encoded(Image.new("L", (9, 9)), "BMP"), "format", "BMP"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "format", "HEIC"),
    ],
)
def test_what_is_no_picture_of_ours_is_refused_by_name(child, data, code, word):
    said = child.inspect(data)
    assert (said["ok"], said["code"]) == (False, code)
    assert word in said["problem"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (png(40_000, 40_000, rows=False), "too-many-pixels"),
        (png(16_385, 1), "too-long-a-side"),
        (webp_header(b"VP8L", b"\x2f" + struct.pack("<I", 16382 | 16382 << 14) + bytes(19)), "too-many-pixels"),
        (webp_header(b"VP8X", bytes(4) + (b"\xff\xff\xff") * 2), "too-many-pixels"),
        (webp_header(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 16383, 16383)), "too-many-pixels"),
        (b"GIF89a" + struct.pack("<HH", 60_000, 60_000) + b"\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;", "too-many-pixels"),
    ],
)
def test_a_bomb_is_refused_by_its_header(child, data, code):
    said = child.inspect(data)
    assert said.get("code") == code
    assert " x " in said["problem"]


def test_the_limit_of_pixels_comes_with_the_job(child):
    data = encoded(noise(300, 260), "PNG")
    assert child.inspect(data, max_pixels=300 * 260)["ok"]
    assert child.inspect(data, max_pixels=300 * 260 - 1)["code"] == "too-many-pixels"


def test_a_picture_over_the_memory_is_refused_and_the_next_one_is_not(tmp_path):
    if sys.platform != "linux":
        pytest.skip("the platform does not bound memory")
    small = Child(tmp_path, memory=256 << 20)
    assert small.inspect(png(9000, 9000, depth=8, colour=2))["code"] == "memory"
    assert small.inspect(encoded(noise(), "PNG"))["ok"]
    assert small.end() == 0


def test_a_broken_note_in_the_file_does_not_make_a_broken_picture(child):
    assert child.inspect(encoded(noise(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"))["ok"]


def test_whatever_a_job_meets_the_next_one_works(child):
    lines = [
        {"job": "dance"},
        {},
        {"job": "inspect", "path": "gone", "max_pixels": 1},
        {"job": "sheet", "previews": []},
    ]
    said = [child.ask(**line) for line in lines]
    assert [one["code"] for one in said] == ["failed", "failed", "disk", "failed"]
    child.process.stdin.write(b"not json\n")
    child.process.stdin.flush()
    assert json.loads(child.process.stdout.readline())["ok"] is False
    assert child.inspect(encoded(noise(), "PNG"))["ok"]


def test_it_loads_little_and_nothing_of_the_package():
    arguments = [str(SCRIPT), str(2 << 30), PILLOW]
    code = f"import runpy, sys; sys.argv = {arguments}; runpy.run_path(sys.argv[0], run_name='__main__')"
    code += "\nprint(*sys.modules, *sys.path, file=sys.stderr)"
    run = subprocess.run([sys.executable, "-I", "-S", "-c", code], input=b"", capture_output=True, check=True)
    loaded = run.stderr.decode().split()
    assert "PIL.WebPImagePlugin" in loaded
    assert not {"PIL.PsdImagePlugin", "wenwen_magic", str(SCRIPT.parent)} & set(loaded)


def test_what_stops_it_from_starting_is_said(tmp_path):
    command = [sys.executable, "-I", "-S", str(SCRIPT), str(2 << 30), str(tmp_path)]
    done = subprocess.run(command, input=b"", capture_output=True, check=False)
    assert done.returncode == 1
    assert json.loads(done.stdout) == {"ready": False, "problem": "ModuleNotFoundError: No module named 'PIL'"}


def test_a_jpeg_with_scan_after_scan_over_many_pixels_is_refused_before_it_is_decoded(child):
    assert child.inspect(with_scans(1, progressive=True))["ok"]
    refused = child.inspect(with_scans(4000, progressive=True))
    assert (refused["ok"], refused["code"]) == (False, "effort")


def test_a_small_jpeg_may_have_many_scans(child):
    assert child.inspect(with_scans(300, 64, progressive=True))["ok"]
