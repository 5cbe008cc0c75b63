"""Pictures come to disk as they are, checked, whatever base64 or server they come from."""

import base64
import hashlib
import os
import threading
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scripted import answering, data_uri, png, read

from wenwen_magic.errors import ImageError
from wenwen_magic.media.download import FetchFailed
from wenwen_magic.media.save import PAUSES, Tools, _decode, bring, preview_of
from wenwen_magic.protocol import Source

PICTURE = png(40, 30)


@dataclass(frozen=True)
class Found:
    mime: str = "image/png"
    extension: str = "png"
    width: int = 40
    height: int = 30
    preview_mime: str = "image/jpeg"


class Bench:
    """Tools that note what they are used for; a picture is sound when it is this file's."""

    def __init__(self, folder, *failures, preview_mime="image/jpeg"):
        self.stem, self.failures, self.waits, self.fetched, self.checked = folder / "a-1", list(failures), [], [], 0
        self._found = Found(preview_mime=preview_mime)
        self.tools = Tools(self.download, self.inspect, folder / "previews", self.waits.append)

    def download(self, address, path):
        self.fetched.append(address)
        if self.failures:
            path.write_bytes(b"half")
            raise self.failures.pop(0)
        path.write_bytes(PICTURE)

    def inspect(self, path, preview):
        self.checked += 1
        if path.read_bytes() != PICTURE:
            raise ImageError("This is no picture.", why="a web page", charged="yes")
        preview.write_bytes(b"small")
        return self._found

    def bring(self, source):
        return bring(source, self.stem, self.tools, "a cat")


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def again(status=404):
    return FetchFailed("not yet", again=True, status=status)


def of_data(data):
    return Source("data:image/png", data=data)


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_a_picture_in_the_answer_is_on_disk_bit_for_bit_with_all_that_is_known_of_it(bench, tmp_path):
    found = bench.bring(of_data(base64.b64encode(PICTURE)))
    assert found.data == PICTURE
    assert (found.path, found.mime, found.width, found.height) == (tmp_path / "a-1.png", "image/png", 40, 30)
    assert (found.size, found.sha256) == (len(PICTURE), hashlib.sha256(PICTURE).hexdigest())
    assert (found.alt, found.problem, found.preview.read_bytes()) == ("a cat", "", b"small")
    assert names(tmp_path) == ["a-1.png"]


PLAIN = base64.b64encode(PICTURE)


@pytest.mark.parametrize(
    "written",
    {
        "other alphabet": base64.urlsafe_b64encode(PICTURE),
        "no padding": PLAIN.rstrip(b"="),
        "too much padding": PLAIN.rstrip(b"=") + b"=====",
        "line breaks": base64.encodebytes(PICTURE),
        "carriage returns": base64.encodebytes(PICTURE).replace(b"\n", b"\r\n"),
        "blanks": b" " + PLAIN[:50] + b"  \t" + PLAIN[50:] + b" ",
        "escaped line breaks": PLAIN[:60] + b"\\" + PLAIN[60:],
        "quotes around": b'"' + PLAIN + b'"',
        "one letter too many": PLAIN.rstrip(b"=") + (b"A" if len(PLAIN.rstrip(b"=")) % 4 == 0 else b""),
    }.items(),
    ids=lambda item: item[0],
)
def test_base64_is_forgiven_what_people_forgive(written, bench):
    assert bench.bring(of_data(written[1])).data == PICTURE


def test_a_percent_encoded_picture_in_an_answer_comes_to_disk_whole(bench):
    uri = "data:image/png;base64," + quote(data_uri(PICTURE).partition(",")[2], safe="")
    (source,) = read(answering(f"![cat]({uri})")).sources
    assert bench.bring(source).data == PICTURE


@given(st.binary(max_size=300), st.integers(1, 99), st.booleans(), st.sampled_from([b"", b"\n", b" \r\n", b"\t"]))
def test_any_bytes_survive_any_line_length_alphabet_and_padding(tmp_path_factory, data, width, other, gap):
    text = (base64.urlsafe_b64encode if other else base64.b64encode)(data)
    lines = gap.join(text[at : at + width] for at in range(0, len(text), width))
    part = tmp_path_factory.getbasetemp() / "decoded"
    _decode(of_data(lines.rstrip(b"=")), part)
    assert part.read_bytes() == data


@pytest.mark.parametrize("over", [-3, -1, 0, 1, 2, 700_000])
def test_a_large_picture_is_decoded_in_pieces_that_fit(over, tmp_path):
    data = os.urandom((3 << 18) + over)
    _decode(of_data(base64.b64encode(data)), tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == data


@pytest.mark.parametrize("data", [b"", b"=", b"!", b"A", b"AAAA", "猫".encode(), b"<html>"])
def test_what_is_no_picture_is_kept_as_unsound_and_told(data, bench, tmp_path):
    found = bench.bring(of_data(data))
    assert (found.path.name, found.mime, found.preview) == ("a-1.unsound", "", None)
    assert found.problem.startswith("This is no picture.")
    assert names(tmp_path) == ["a-1.unsound"]


# Downloads


def test_a_picture_at_an_address_is_fetched_once(bench, tmp_path):
    assert bench.bring(Source("https://h/cat.png", draft=True)).draft
    assert (bench.fetched, bench.waits, names(tmp_path)) == (["https://h/cat.png"], [], ["a-1.png"])


def test_a_picture_that_is_not_there_yet_is_fetched_again_after_growing_pauses(tmp_path):
    bench = Bench(tmp_path, again(), again(503))
    assert bench.bring(Source("https://h/x")).data == PICTURE
    assert (len(bench.fetched), bench.waits) == (3, list(PAUSES[:2]))


def test_a_picture_that_never_comes_is_tried_four_times_and_leaves_nothing_half(tmp_path):
    bench = Bench(tmp_path, *[again()] * 9)
    with pytest.raises(ImageError) as caught:
        bench.bring(Source("https://h/x"))
    assert (len(bench.fetched), bench.waits, caught.value.charged) == (4, list(PAUSES), "yes")
    assert names(tmp_path) == []


@pytest.mark.parametrize("failure", [FetchFailed("refused"), ImageError("no", charged="yes")])
def test_an_address_that_is_refused_is_not_tried_again(failure, tmp_path):
    bench = Bench(tmp_path, *[failure] * 9)
    with pytest.raises(ImageError):
        bench.bring(Source("http://169.254.169.254/x"))
    assert (len(bench.fetched), bench.waits) == (1, [])


def test_a_download_that_writes_no_more_than_before_leaves_no_old_bytes(tmp_path):
    (tmp_path / "a-1.part").write_bytes(b"x" * 99_999)
    assert Bench(tmp_path).bring(of_data(PLAIN)).data == PICTURE


# Previews


@pytest.mark.parametrize(("kind", "ending"), [("image/jpeg", ".jpg"), ("image/png", ".png")])
def test_a_preview_stands_in_the_cache_under_the_pictures_digest(kind, ending, tmp_path):
    found = Bench(tmp_path, preview_mime=kind).bring(of_data(PLAIN))
    assert found.preview == tmp_path / "previews" / f"{found.sha256}{ending}"
    assert names(tmp_path / "previews") == [found.preview.name]


def test_a_preview_at_hand_is_not_made_again(bench):
    found = bench.bring(of_data(PLAIN))
    assert preview_of(found, bench.tools) == found.preview
    assert bench.checked == 1


def test_a_preview_that_the_cache_lost_is_made_again(bench):
    found = bench.bring(of_data(PLAIN))
    found.preview.unlink()
    found.preview.parent.rmdir()
    assert preview_of(found, bench.tools).read_bytes() == b"small"


def test_a_picture_that_is_gone_or_was_changed_has_no_preview_and_is_no_error(bench):
    found = bench.bring(of_data(PLAIN))
    found.preview.unlink()
    found.path.write_bytes(b"changed")
    assert preview_of(found, bench.tools) is None
    found.path.unlink()
    assert preview_of(found, bench.tools) is None


def test_a_cache_that_cannot_be_written_does_not_lose_a_picture_that_came(tmp_path):
    bench = Bench(tmp_path)
    (tmp_path / "previews").write_text("a file")
    found = bench.bring(of_data(PLAIN))
    assert (found.data, found.problem, found.width) == (PICTURE, "", 40)


def test_the_same_picture_twice_at_the_same_time_comes_twice(bench, tmp_path):
    meeting, results, plain = threading.Barrier(2, timeout=5), [], bench.inspect

    def together(path, preview):
        found = plain(path, preview)
        meeting.wait()
        return found

    tools = Tools(bench.download, together, tmp_path / "previews", bench.waits.append)

    def work(number):
        try:
            results.append(bring(of_data(PLAIN), tmp_path / f"a-{number}", tools, ""))
        except OSError as error:
            results.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert [getattr(found, "problem", found) for found in results] == ["", ""]
    assert names(tmp_path) == ["a-1.png", "a-2.png"]
