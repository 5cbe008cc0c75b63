"""Mode replay: the pictures come from the history, no socket is opened, and what is missing is named."""

import html
import os
import re
import shutil
import socket
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from support.relay import Relay, whole
from support.scripted import answering
from support.shells import KEY, cell, records

from wenwen_magic import Client
from wenwen_magic.engine import generate
from wenwen_magic.engine.limits import Session
from wenwen_magic.errors import ConfigError, NotInHistory, WenwenError

FORBID = """
import socket
class Forbidden(socket.socket):
    def __init__(self, family=-1, *rest, **more):
        pair = family == getattr(socket, "AF_UNIX", None)  # the event loop wakes itself through one
        if not pair and not rest[2:] and more.get("fileno") is None:
            raise AssertionError("a socket was opened")
        super().__init__(family, *rest, **more)

def forbidden(*_, **__):
    raise AssertionError("a socket was opened")

socket.socket = Forbidden
socket.create_connection = socket.getaddrinfo = socket.create_server = forbidden
"""


@pytest.fixture
def forbid(monkeypatch):
    """Call it, and from then on no socket can be opened in this process."""

    def forbidden(*_, **__):
        raise AssertionError("a socket was opened")

    def start():
        monkeypatch.delenv("WENWEN_API_KEY", raising=False)
        for name in ("create_connection", "getaddrinfo", "create_server"):
            monkeypatch.setattr(socket, name, forbidden)
        for name in ("__init__", "connect", "connect_ex", "bind"):
            monkeypatch.setattr(socket.socket, name, forbidden)

    return start


def replayed(shell, forbid, how):
    """Turn mode replay on and sockets off; gives the options for the line."""
    forbid()
    if how == "environment":
        os.environ["WENWEN_MODE"] = "replay"
    if how == "config":
        shell.run("%config WenwenMagics.mode = 'replay'")
    return "--mode replay" if how == "option" else ""


@pytest.fixture(autouse=True)
def _mode(monkeypatch):
    monkeypatch.setenv("WENWEN_MODE", "cache")


def known(result):
    return sorted((row.id, row.images[0].sha256) for row in (result if hasattr(result, "rows") else [result]))


LINES = [
    ("", "a cat"),
    ("-n 3", "a cat"),
    ("-m a,b -n 2", "a cat"),
    ('--grid "model=a;b" "orientation=横屏;竖屏"', "a cat"),
    ('--for "x=1;2"', "draw {{x}}"),
    ("--from things -n 2 -y", "a {{prompt}}"),
    ("--style oil", "a cat"),
    ("--fresh", "a cat"),
    ("--stream --param seed=7", "a cat"),
    ("--ref red.png", "as this"),
]


@pytest.mark.parametrize("how", ["environment", "config", "option"])
@pytest.mark.parametrize(("line", "text"), LINES)
def test_every_cell_that_was_drawn_is_shown_again_without_a_socket(shell, relay, forbid, how, line, text):  # noqa: PLR0917
    from support.scripted import png

    Path("red.png").write_bytes(png())
    shell.run("things = ['cat', 'dog']\n%config WenwenMagics.styles = {'oil': 'oil {prompt}'}")
    first = shell.run(cell(line, text))
    asked = len(relay.posts)
    more = replayed(shell, forbid, how)
    again = shell.run(cell(f"{line} {more}", text))
    assert known(again) == known(first)
    assert shell.words().count("<img") == len(known(first))
    assert len(relay.posts) == asked


@pytest.mark.parametrize(
    ("line", "text", "differs"),
    [
        ("", "a red cat", "{+red +}"),
        ("-m other", "a cat", "model: other here, gpt-4o-image there"),
        ("-o 横屏", "a cat", "orientation: landscape here, auto there"),
        ("--param seed=7", "a cat", "param seed: 7 here, none there"),
    ],
)
def test_what_is_missing_is_named_with_the_nearest_and_what_differs(shell, relay, forbid, line, text, differs):  # noqa: PLR0917
    saved = shell.run(cell())
    replayed(shell, forbid, "config")
    shell.run("%config WenwenMagics.lang = 'en'")
    error = shell.fail(cell(line, text))
    assert isinstance(error, NotInHistory)
    assert error.charged == "no"
    assert f"#{saved.id[:6]}" in error.why
    assert differs in error.why
    assert "--take" not in str(error)
    assert "Traceback" not in shell.told[0]


def test_with_nothing_like_it_only_the_prompt_is_named(shell, relay, forbid):
    shell.run(cell())
    replayed(shell, forbid, "config")
    error = shell.fail(cell("", "壮丽的群山"))
    assert error.why == "壮丽的群山"
    assert "#" not in str(error)


@pytest.mark.parametrize("how", ["environment", "config", "option"])
def test_more_than_is_saved_is_a_row_that_says_so_and_then_the_cell_fails(shell, relay, forbid, how):
    saved = shell.run(cell("-m a,b"))
    more = replayed(shell, forbid, how)
    error = shell.fail(cell(f"rows -m a,b,c {more}"))
    assert isinstance(error, NotInHistory)
    assert "1 of 3" in error.what
    rows = shell.user_ns["rows"]
    assert [bool(row.images) for row in rows] == [True, True, False]
    assert rows[2].error["kind"] == "NotInHistory"
    assert "✗" in shell.words()
    assert any(f"Nearest: #{one.id[:6]}, model: c here" in shell.words() for one in saved)


@pytest.mark.parametrize(
    ("line", "text", "there", "told"),
    [
        ('--grid "model=gpt-4o-image;x"', "a dog", 1, "model: x here, gpt-4o-image there"),
        ("-n 5", "a dog", 3, "Saved takes: 3."),
        ('--for "x=dog;cow"', "a {{x}}", 1, "{+cow+}"),
        ("--from things", "a {{prompt}}", 1, "{+cow+}"),
        ("--from things", "a {{prompt}}", 1, "[-dog-]"),
    ],
)
def test_each_gap_names_what_is_nearest_and_the_cell_fails_when_the_rest_is_shown(  # noqa: PLR0917
    shell, relay, forbid, line, text, there, told
):
    shell.user_ns["things"] = ["dog", "cow"]
    shell.run(cell("-n 3", "a dog"))
    replayed(shell, forbid, "config")
    assert isinstance(shell.fail(cell(line, text)), NotInHistory)
    assert told in re.sub("<wbr>", "", shell.words())
    assert shell.words().count("<img") == there
    assert "Nothing was sent" in shell.told[0]


def test_a_saved_refusal_is_no_gap(shell, relay, forbid):
    relay.answer = lambda number: answering("never") if number == 0 else whole(number)
    shell.run("%config WenwenMagics.concurrency = 1")
    first = shell.run(cell("-m a,b"))
    assert [bool(row.images) for row in first] == [False, True]
    replayed(shell, forbid, "config")
    assert [bool(row.images) for row in shell.run(cell("-m a,b"))] == [False, True]


def test_fresh_in_replay_says_that_nothing_is_drawn(shell, relay, forbid):
    shell.run(cell())
    replayed(shell, forbid, "config")
    shell.run(cell("--fresh"))
    assert "replay mode is offline" in shell.words()
    assert "draws a new one" not in shell.words()


@pytest.mark.usefixtures("relay")
@pytest.mark.parametrize(("line", "missing"), [("", 0), ("-m gpt-4o-image,nano-banana", 1), ("--take 9", 1)])
def test_a_dry_run_tells_what_is_not_saved(shell, forbid, capsys, line, missing):
    shell.run(cell())
    replayed(shell, forbid, "config")
    shell.run(cell(f"{line} --dry-run"))
    assert re.search(rf"offline: {missing} of \d not saved", capsys.readouterr().out)


def test_a_picture_of_several_that_was_never_fetched_is_a_gap_that_says_so(shell, painter, forbid):
    shell.user_ns["things"] = ["a cat", "a dog [demo: missing=5]"]
    shell.run("%wenwen_image --from things")
    replayed(shell, forbid, "config")
    assert isinstance(shell.fail("%wenwen_image --from things"), NotInHistory)
    assert "its picture is not" in shell.told[0]
    assert "✗ This prompt's answer is saved, its picture is not." in html.unescape(shell.words())


def test_an_answer_whose_picture_was_never_fetched_is_an_error_and_is_not_fetched(shell, painter, forbid):
    lost = shell.fail(cell("", "a cat [demo: missing=5]"))
    gets = len(painter.calls)
    replayed(shell, forbid, "config")
    for text in (cell("", "a cat [demo: missing=5]"), f"%wenwen fetch {lost.record}"):
        error = shell.fail(text)
        assert isinstance(error, NotInHistory)
        assert lost.record[:6] in str(error)
    assert len(painter.calls) == gets
    assert len(painter.posts) == 1


def interrupted(monkeypatch, client, text):
    """A generation whose process ends between the answer's last byte and the record."""
    with monkeypatch.context() as context:
        context.setattr(generate, "_answered", lambda *_, **__: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            client.generate(text)
    assert records()[0]["state"] == "sent"


def test_an_answer_that_was_never_read_is_not_fetched_either(painter, here, monkeypatch, forbid):
    interrupted(monkeypatch, Client(session=Session()), "a cat")
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("a socket was opened"))
    with pytest.raises(NotInHistory):
        Client(mode="replay", session=Session()).generate("a cat")


@pytest.mark.parametrize("word", ["", "on"])
def test_the_demo_is_not_started(shell, forbid, capsys, word):
    replayed(shell, forbid, "config")
    shell.run(f"%wenwen demo {word}")
    assert "not started" in capsys.readouterr().out
    assert shell.magics_manager.registry["WenwenMagics"].state.demo is None


def test_what_the_demo_drew_is_shown_without_the_demo(shell, forbid):
    shell.run("%wenwen demo")
    drawn = shell.run(cell())
    shell.run("%wenwen demo off")
    replayed(shell, forbid, "config")
    assert shell.run(cell()).id == drawn.id


def test_the_models_are_not_asked_for(shell, relay, forbid):
    replayed(shell, forbid, "config")
    assert isinstance(shell.fail("%wenwen models"), ConfigError)


def test_everything_that_looks_at_the_history_works(shell, relay, forbid, capsys):
    shell.run(cell("g -m a,b"))
    replayed(shell, forbid, "config")
    for command in (
        "status",
        "history cat",
        "show g",
        "star g",
        "use g[0]",
        "compare g[0] g[1]",
        "fetch g[0]",
        "budget",
    ):
        shell.run(f"%wenwen {command}")
    shell.run("%wenwen export lesson.zip\n%wenwen import lesson.zip")
    assert len(relay.posts) == 2


def test_no_limit_and_no_question_stand_in_the_way(shell, relay, forbid):
    shell.run(cell("-n 6 -y"))
    shell.run("%config WenwenMagics.session_limit = 0\n%config WenwenMagics.budget = 0")
    replayed(shell, forbid, "config")
    assert len(shell.run(cell("-n 6"))) == 6


# -- a whole notebook --------------------------------------------------------------------------------------------------


def notebook(*cells):
    return nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )


def told(book):
    """The pictures' files by each cell, and any error."""
    for one in book.cells:
        for output in one.outputs:
            assert output.output_type != "error", output
        yield [output.get("text", "") for output in one.outputs if output.output_type == "stream"]


def drawn(streams):
    """What a cell printed of the pictures' digests; the takes of one request stand in any order."""
    return sorted(re.findall(r"[0-9a-f]{64}", "".join(streams)))


NAMES = "print([image.sha256 for image in made.images])"
BOOK = (
    "%load_ext wenwen_magic",
    "things = ['cat', 'dog']",
    cell("made"),
    NAMES,
    cell("made -n 3", "画只猫"),
    NAMES,
    cell('made --grid "model=a;b" "方向=横屏；竖屏"'),
    NAMES,
    cell('made --for "x={{things}}" -n 2', "a {{x}}"),
    NAMES,
    cell("made --from things", "one {{prompt}}"),
    NAMES,
    "made = %wenwen_image a line",
    NAMES,
    "%wenwen history",
)


@pytest.mark.skipif(os.name == "nt", reason="there the event loop wakes itself through a socket of the network")
def test_a_notebook_that_was_drawn_runs_again_in_a_kernel_without_sockets(here, monkeypatch, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(home / name))
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    monkeypatch.setenv("WENWEN_API_KEY", KEY)
    monkeypatch.setenv("WENWEN_CONCURRENCY", "1")
    with Relay() as relay:
        monkeypatch.setenv("WENWEN_BASE_URL", relay.address)
        first = list(told(NotebookClient(notebook(*BOOK), timeout=120, kernel_name="python3").execute()))
        asked = len(relay.posts)
        startup = home / "IPYTHONDIR" / "profile_default" / "startup"
        startup.mkdir(parents=True, exist_ok=True)
        (startup / "forbid.py").write_text(FORBID)
        monkeypatch.delenv("WENWEN_API_KEY")
        monkeypatch.setenv("WENWEN_MODE", "replay")
        check = "import socket\ntry:\n    socket.socket()\nexcept AssertionError:\n    print('forbidden')"
        book = NotebookClient(notebook(*BOOK, check), timeout=120, kernel_name="python3").execute()
        *again, checked = told(book)
        assert len(relay.posts) == asked == 14
    assert [drawn(one) for one in again] == [drawn(one) for one in first]
    assert "".join(checked) == "forbidden\n"


def test_a_history_that_was_copied_elsewhere_answers_there(relay, here, monkeypatch, forbid):
    drawn = Client(base_url=relay.address, session=Session()).generate("a cat")
    (here / "class").mkdir()
    shutil.move("wenwen_images", "class/wenwen_images")
    monkeypatch.chdir("class")
    forbid()
    shown = Client(mode="replay", session=Session()).generate("a cat")
    assert shown.id == drawn.id
    assert shown.images[0].path.is_relative_to(here / "class")


def test_an_error_of_replay_is_one_of_ours(here, forbid):
    forbid()
    with pytest.raises(WenwenError):
        Client(mode="replay", session=Session()).generate("a cat", fresh=True)
    assert not Path("wenwen_images").exists()
