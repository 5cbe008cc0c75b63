"""What a picture's kind is by its bytes, its endings and its address."""

import base64
import io

import pytest
from PIL import Image

from wenwen_magic import kinds


def picture(kind):
    file = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("kind", kinds.CONVERTIBLE, ids=lambda kind: kind.name)
def test_a_picture_that_pillow_wrote_is_known_by_its_first_bytes_and_by_its_base64(kind):
    data = picture(kind.name)
    assert [one for one in kinds.CONVERTIBLE if kinds.kind_of(data[:80], (one,))] == [kind]
    assert kinds.kind_of(data[:80]) == (kind if kind in kinds.PICTURES else None)
    address = kinds.data_uri(kind.mime, data)
    mime, text = kinds.split_data_uri(address)
    assert (mime, base64.b64decode(text)) == (kind.mime, data)
    for written in (text, base64.encodebytes(data).decode(), base64.encodebytes(data).decode().replace("\n", "\r\n")):
        assert kinds.kind_of_base64(written) == kinds.kind_of(data)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\xef\xbb\xbf <?xml version='1.0'?>\n<!-- x --><svg/>", "SVG"),
        (b"<!-- a drawing --> <SVG/>", "SVG"),
        (b"<!DOCTYPE html><body><svg/>", "HTML"),
        (b"\n<html><h1>502</h1>", "HTML"),
        (b"<?xml version='1.0'?><Error/>", "XML"),
        (b" {'error': 1}", "JSON"),
        (b"%PDF-1.7", "PDF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"BM", "BMP"),
        (b"\0\0\1\0", "ICO"),
        (b"cat", ""),
        (b"", ""),
    ],
)
def test_what_is_no_picture_of_ours_has_a_name_where_one_is_known(data, name):
    assert kinds.other_kind(data) == name
    assert kinds.kind_of(data) is None


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("data:image/PNG;charset=utf-8;base64,aGk=", ("image/png", "aGk=")),
        ("DATA:;base64,aGk=", ("", "aGk=")),
        ("data:image/png,hi", ("", "")),
        ("https://pictures.example/data:image/png;base64,aGk=", ("", "")),
        ("", ("", "")),
    ],
)
def test_an_address_that_is_a_picture_is_taken_apart(address, parts):
    assert kinds.split_data_uri(address) == parts


@pytest.mark.parametrize("text", ["", "pending", "iVBORw0KGgo", "图", "/9j", "R0lGOD!!"])
def test_what_is_too_short_or_no_base64_is_no_picture(text):
    assert kinds.kind_of_base64(text) is None


def test_no_two_kinds_share_an_ending():
    endings = [suffix for kind in kinds.CONVERTIBLE for suffix in kind.suffixes]
    assert len(set(endings)) == len(endings)
    assert kinds.JPEG.extension == "jpg"
