"""Whatever a person points at becomes a reference picture, or an error that says why not."""

import base64
import hashlib
import io
import sys
from dataclasses import replace
from pathlib import Path
from threading import Event, get_ident
from types import ModuleType, SimpleNamespace

import ipywidgets
import numpy as np
import pytest
from IPython import display
from PIL import Image
from support.scripted import data_uri, png

from wenwen_magic.engine.worker_pool import WorkerPool
from wenwen_magic.errors import ConfigError
from wenwen_magic.media.reference import LARGEST, pictures_in, reference
from wenwen_magic.records import Gallery, GeneratedImage, Generation, ImageRequest, Reference
from wenwen_magic.text.i18n import is_chinese, speak

PICTURE = png()
PIXELS = np.zeros((4, 5, 3), np.uint8)
PIXELS[1, 2] = (200, 100, 50)


def encoded(kind, mode="RGB"):
    out = io.BytesIO()
    Image.new(mode, (8, 6)).save(out, kind)
    return out.getvalue()


def generation(*pictures):
    return Generation("a1b2c3d4", ImageRequest("a cat"), "a cat", "complete", "2026-01-01", pictures=pictures)


def on_disk(folder, name="cat.png", data=PICTURE):
    path = folder / name
    path.write_bytes(data)
    return GeneratedImage(path, "image/png", 8, 6)


def pixels_of(made):
    data = base64.b64decode(made.address.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(data)))


def refused(value, label=""):
    with pytest.raises(ConfigError) as caught:
        reference(value, label)
    return caught.value


@pytest.mark.parametrize(
    "address", ["https://example.com/cat.png", "http://example.com/c?a=1", "HTTPS://EXAMPLE.COM/猫"]
)
def test_an_address_goes_out_as_it_is(address):
    assert reference(address) == Reference(address, hashlib.sha256(address.encode()).hexdigest(), address)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_path_is_read_as_text_and_as_path(here, kind):
    on_disk(here, "my cat.png")
    assert reference(kind("my cat.png")).address == data_uri(PICTURE)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_path_of_which_nobody_named_the_variable_is_labelled_by_its_name(here, kind):
    on_disk(here)
    assert reference(kind("cat.png")).label == "cat.png"


def test_a_path_from_the_home_folder_is_found(here, monkeypatch):
    monkeypatch.setenv("HOME", str(here))
    monkeypatch.setenv("USERPROFILE", str(here))
    on_disk(here)
    assert reference("~/cat.png").address == data_uri(PICTURE)


@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_bytes_of_a_picture_are_taken_as_they_are(kind):
    assert reference(kind(PICTURE)).address == data_uri(PICTURE)


@pytest.mark.parametrize(("kind", "mime"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")])
def test_the_type_is_judged_by_the_bytes_and_not_by_the_name(here, kind, mime):
    data = encoded(kind)
    on_disk(here, "cat.gif", data)
    assert reference("cat.gif").address == data_uri(data, mime)


@pytest.mark.parametrize(
    "data", [encoded("GIF"), encoded("BMP"), encoded("TIFF"), b"<svg xmlns='x'/>", b"%PDF-1.7", b"", b"RIFF0000WAVE"]
)
def test_other_types_are_refused_with_the_types_that_can_be_sent(data):
    assert "PNG, JPEG and WebP" in refused(data, "cat").why


def test_a_drawing_in_svg_is_refused_though_it_is_called_png(here):
    on_disk(here, data=b"<?xml version='1.0'?><svg/>")
    assert "PNG" in refused("cat.png").why


def test_a_picture_of_exactly_the_largest_size_is_sent_and_one_byte_more_is_not():
    assert reference(PICTURE.ljust(LARGEST, b"\0")).digest
    assert "20 MiB" in refused(PICTURE.ljust(LARGEST + 1, b"\0"), "cat").why


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"])
def test_a_picture_of_pillow_is_sent_as_png(mode):
    assert reference(Image.new(mode, (8, 6)), "cat").address.startswith("data:image/png;base64,iVBOR")


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "HSV", "LAB", "F", "I"])
def test_a_picture_in_colours_that_png_does_not_know_is_sent_converted_or_refused(mode):
    try:
        assert reference(Image.new(mode, (8, 6)), "cat").address.startswith("data:image/")
    except ConfigError as error:
        assert error.why  # noqa: PT017  either is a fair answer


def test_an_array_of_bytes_is_sent_pixel_by_pixel():
    assert np.array_equal(pixels_of(reference(PIXELS, "pixels")), PIXELS)


def test_an_array_seen_backwards_is_sent_as_seen():
    assert np.array_equal(pixels_of(reference(PIXELS[::-1, ::-1], "pixels")), PIXELS[::-1, ::-1])


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3), (4, 5, 4)])
def test_grey_colour_and_transparent_arrays_are_sent(shape):
    assert pixels_of(reference(np.full(shape, 7, np.uint8), "pixels")).shape == shape


def test_an_array_and_the_same_picture_of_pillow_are_the_same_reference():
    assert reference(PIXELS, "x") == reference(Image.fromarray(PIXELS), "x") == reference(PIXELS.copy(), "x")


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 5)),
        np.zeros((4, 5, 3)),
        np.zeros((4, 5), np.float32),
        np.zeros((4, 5), np.complex64),
        np.zeros((1, 4, 5, 3), np.uint8),
        np.zeros((4, 5, 5), np.uint8),
        np.zeros((0, 0, 3), np.uint8),
        np.array(5, np.uint8),
        np.array([["cat"]]),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_an_array_that_is_no_picture_is_refused_and_named(array):
    error = refused(array, "pixels")
    assert "pixels" in error.what
    assert error.why


def test_a_picture_of_pillow_whose_file_is_cut_is_refused():
    cut = Image.open(io.BytesIO(encoded("PNG", "RGB") + b"")).copy()
    broken = Image.open(io.BytesIO(png(300, 300)[:200]))
    assert reference(cut, "cut").digest
    assert "broken" in refused(broken, "broken").what


def test_a_saved_picture_is_taken_as_it_is_on_disk(tmp_path):
    assert reference(on_disk(tmp_path), "img").address == data_uri(PICTURE)


def test_a_generation_stands_for_its_first_sound_picture(tmp_path):
    blue = png(colour="blue")
    draft = replace(on_disk(tmp_path, "1.png"), draft=True)
    unsound = replace(on_disk(tmp_path, "2.png", b"x"), problem="cut")
    made = reference(generation(draft, unsound, on_disk(tmp_path, "3.png", blue)))
    assert (made.address, made.label) == (data_uri(blue), "a1b2c3d4")


def test_a_gallery_stands_for_the_first_of_its_pictures(tmp_path):
    assert reference(Gallery((generation(), generation(on_disk(tmp_path)))), "all").address == data_uri(PICTURE)


@pytest.mark.parametrize("empty", [generation(), Gallery(()), Gallery((generation(),))])
def test_a_result_without_a_picture_is_refused(empty):
    assert refused(empty, "img").why == "it holds no picture"


@pytest.mark.parametrize("lost", [lambda image: image, generation, lambda image: Gallery((generation(image),))])
def test_a_saved_picture_whose_file_is_gone_is_refused_with_its_name(tmp_path, lost):
    image = on_disk(tmp_path)
    image.path.unlink()
    error = refused(lost(image), "img")
    assert "img" in error.what or "cat.png" in error.what


def test_a_finished_reference_is_taken_as_it_is():
    made = reference(PICTURE, "cat")
    assert reference(made, "other") is made


@pytest.mark.parametrize(
    "path",
    [
        "missing.png",
        "no/such/folder/cat.png",
        ".",
        "",
        "a\0b.png",
        "~nobody-has-this-name/cat.png",
        "x" * 5000,
        Path("missing.png"),
    ],
    ids=["file", "folder", "a-folder", "empty", "nul", "home", "long", "path"],
)
def test_a_path_that_cannot_be_read_is_an_error_of_ours_that_fits_one_screen(here, path):
    error = refused(path)
    assert error.why
    assert len(str(error)) < 2000


@pytest.mark.parametrize("value", [None, 5, 1.5, [PICTURE], {"a": 1}, object(), Image.Image, print])
def test_what_is_no_picture_is_refused_with_its_name(value):
    assert "thing" in refused(value, "thing").what


def test_a_thing_that_can_be_saved_but_is_no_picture_is_refused():
    class Model:
        def save(self, path):
            raise AssertionError("saved into nowhere")

    assert "model" in refused(Model(), "model").what


@pytest.mark.parametrize("value", [None, 5, b"x", np.zeros((4, 5, 3)), generation(), "missing.png"])
def test_a_thing_without_a_label_is_still_called_something(here, value):
    assert "  " not in refused(value).what


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    "value", [None, b"x", "missing.png", b"\xff\xd8\xff".ljust(LARGEST + 1)], ids=["none", "bytes", "path", "large"]
)
def test_every_refusal_says_what_and_what_to_do_in_both_languages(here, value, language):
    speak(language)
    error = refused(value, "thing")
    assert "--ref" in error.do
    assert error.charged == "no"
    assert is_chinese(error.what) == is_chinese(error.do) == (language == "zh")


def test_equal_pictures_have_equal_digests_and_other_pictures_others():
    assert reference(PICTURE, "a").digest == reference(PICTURE, "b").digest
    assert reference(PICTURE).digest != reference(png(colour="blue")).digest
    assert len(reference(PICTURE).digest) == 64


def test_the_picture_itself_is_not_printed():
    assert "base64" not in repr(reference(PICTURE, "cat"))


# -- what notebooks hold -----------------------------------------------------------------------------------------------


class Shown:
    """A thing that only shows itself, as charts of other packages do."""

    def __init__(self, shown):
        self._repr_png_ = lambda: shown


def opened_at_its_end():
    file = io.BytesIO(PICTURE)
    file.seek(0, io.SEEK_END)
    return file


HELD = {
    "a file in memory": opened_at_its_end,
    "a view of bytes": lambda: memoryview(PICTURE),
    "IPython's Image": lambda: display.Image(PICTURE),
    "IPython's Image of a file": lambda: display.Image("cat.png"),
    "a widget": lambda: ipywidgets.Image(value=PICTURE),
    "an upload": lambda: SimpleNamespace(name="cat.png", content=memoryview(PICTURE)),
    "a web answer": lambda: SimpleNamespace(url="https://h.example/a", content=PICTURE),
    "a data address": lambda: data_uri(PICTURE),
    "what shows itself": lambda: Shown(PICTURE),
    "what shows itself in base64": lambda: Shown(base64.b64encode(PICTURE).decode()),
    "what shows itself with notes": lambda: Shown((PICTURE, {"width": 8})),
    "a file of the disk": lambda: Path("cat.png").open("rb"),  # noqa: SIM115  the reader has its own end
    "a file that was opened as text": lambda: Path("cat.png").open(encoding="utf-8"),  # noqa: SIM115  likewise
    "what can only be read": lambda: SimpleNamespace(read=lambda _most: PICTURE),
}


@pytest.mark.parametrize("kind", HELD)
def test_what_a_notebook_holds_as_a_picture_is_one(here, kind):
    on_disk(here)
    assert reference(HELD[kind](), "cat").address == data_uri(PICTURE)


def test_an_open_file_stays_where_it_is():
    file = opened_at_its_end()
    reference(file, "cat")
    assert file.tell() == len(PICTURE)


def test_an_image_that_is_only_an_address_goes_out_as_the_address():
    assert reference(display.Image(url="https://h.example/a.png"), "x").address == "https://h.example/a.png"


@pytest.fixture
def figures(monkeypatch):
    """A stand-in for matplotlib, with what is used of it: figures, and what is drawn in them."""
    module = ModuleType("matplotlib.figure")

    class Figure:
        figure = property(lambda self: self)

        def savefig(self, file, **how):
            assert how == {"format": "png", "bbox_inches": "tight", "metadata": {"Software": None}}
            file.write(PICTURE)

    module.Figure = Figure
    monkeypatch.setitem(sys.modules, "matplotlib.figure", module)
    return Figure


def test_bug_a_reference_was_refused_while_another_thread_loaded_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", ModuleType("matplotlib.figure"))
    file = io.BytesIO(PICTURE)
    assert pictures_in(file) == [(file, "")]
    assert reference(file) == reference(PICTURE)


def test_a_figure_its_axes_and_what_is_drawn_in_them_are_one_picture(figures):
    figure = figures()
    axes = SimpleNamespace(figure=figure)
    inner = SimpleNamespace(figure=SimpleNamespace(figure=figure))
    for thing in (figure, axes, inner):
        assert reference(thing, "fig") == reference(PICTURE, "fig")
    several = np.array([[axes, inner], [axes, axes]], dtype=object)
    assert pictures_in(several, "axs") == [(figure, "axs")]


def test_a_figure_that_cannot_be_drawn_is_an_error_of_ours(figures, monkeypatch):
    def fail(_self, _file, **_how):
        raise ZeroDivisionError("no LaTeX here")

    monkeypatch.setattr(figures, "savefig", fail)
    assert "no LaTeX here" in refused(figures(), "fig").why


def test_a_list_is_several_pictures_each_with_its_name():
    assert pictures_in([PICTURE, "cat.png"], "both") == [(PICTURE, "both[0]"), ("cat.png", "both[1]")]
    assert pictures_in((PICTURE,)) == [(PICTURE, "")]
    assert pictures_in(PICTURE, "cat") == [(PICTURE, "cat")]
    with pytest.raises(ConfigError, match="both"):
        pictures_in([], "both")


@pytest.mark.parametrize(
    "value",
    [
        io.StringIO("a cat"),
        display.HTML("a cat"),
        display.SVG("<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ipywidgets.Text("a cat"),
        np.array([None, object()], dtype=object),
        "data:image/png;base64,!!!",
        "data:text/plain,cat",
        Shown(None),
        SimpleNamespace(data=None, url="file:///etc/passwd"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_notebook_holds_and_is_no_picture_is_refused_by_its_name(value):
    error = refused(value, "thing")
    assert "thing" in error.what
    assert error.why


@pytest.mark.parametrize("value", [b"x", None, np.zeros((4, 5, 3)), SimpleNamespace(read=lambda _most: b"x"), ""])
def test_a_thing_that_nobody_named_is_not_called_by_its_type(value):
    assert refused(value).what == "The reference cannot be used."


def test_what_nobody_named_has_no_label_that_a_cell_could_repeat():
    for value in (PICTURE, PIXELS, io.BytesIO(PICTURE), data_uri(PICTURE)):
        assert reference(value).label == ""


def test_a_figure_is_sent_once_though_a_list_holds_it_in_several_ways(figures):
    one, other = figures(), figures()
    line, axes = SimpleNamespace(figure=SimpleNamespace(figure=one)), SimpleNamespace(figure=other)
    assert pictures_in([line, line], "Out[3]") == [(one, "Out[3][0]")]
    assert pictures_in((one, np.array([line, line], dtype=object)), "both") == [(one, "both[0]")]
    assert pictures_in([line, axes, one], "all") == [(one, "all[0]"), (other, "all[1]")]
    assert pictures_in([PICTURE, PICTURE], "raw") == [(PICTURE, "raw[0]"), (PICTURE, "raw[1]")]


def test_bug_what_two_threads_read_of_one_pillow_picture_was_no_picture():
    begun, over = Event(), Event()

    class Shared(io.BytesIO):
        def read(self, size=-1):
            data = super().read(size)
            if get_ident() != own:
                begun.set()
                over.wait(0.5)
            elif begun.is_set():
                over.set()
            return data

    own = get_ident()
    picture = Image.open(Shared(PICTURE))
    job = WorkerPool().start(lambda _: reference(picture).digest)
    assert begun.wait(20)
    assert reference(picture).digest == reference(Image.open(io.BytesIO(PICTURE))).digest
    assert job.wait(20)
    assert job.result == reference(picture).digest
