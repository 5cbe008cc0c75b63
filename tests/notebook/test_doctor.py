"""``%wenwen doctor`` checks all that drawing needs: for free, in bounded time, offline where asked to be."""

import socket
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from support.demo import DemoServer
from support.shells import KEY, cell

from wenwen_magic.endpoint import transport
from wenwen_magic.engine.limits import Cost
from wenwen_magic.notebook.commands import doctor
from wenwen_magic.text.i18n import is_chinese

NAMES = {"key", "address", "network", "models", "proxy", "limit", "folder", "disk", "sandbox", "versions", "widgets"}
NAMES |= {"clock", "drawn by"}


@pytest.fixture
def examine(shell, capsys):
    """Run the command; gives the lines by what was checked, and all the text."""

    def examine(word="doctor"):
        capsys.readouterr()
        shell.run(f"%wenwen {word}")
        text = capsys.readouterr().out
        rows = [line for line in text.splitlines() if line[:1] in {*"✓!✗"}]
        return {row[12:24].strip(): row for row in rows}, text

    return examine


def test_all_is_well_on_a_machine_where_all_is_well(shell, relay, examine):
    shell.run("%config WenwenMagics.model = 'drawer-1'")
    rows, text = examine()
    assert {*rows} >= NAMES
    assert all(row.startswith("✓ ok") for row in rows.values())
    assert "Everything is fine. These checks are free" in text
    assert (relay.posts, relay.gets) == ([], 1)
    assert KEY not in text


def test_each_line_that_is_not_well_says_what_to_do(shell, relay, examine, monkeypatch):
    monkeypatch.delenv("WENWEN_API_KEY")
    rows, text = examine()
    assert rows["key"].startswith("✗ problem")
    assert rows["network"].startswith("✓ ok")  # it can be told without a key
    assert "%wenwen key" in text
    assert "Problems: see above" in text


def test_in_mode_replay_nothing_is_connected(shell, examine, monkeypatch):
    def forbidden(*_given, **_named):
        raise AssertionError("a socket was opened")

    shell.run("%config WenwenMagics.mode = 'replay'")
    monkeypatch.setattr(socket.socket, "connect", forbidden)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    rows, text = examine()
    assert "offline" in rows["network"]
    assert not [row for row in rows.values() if row.startswith("✗")], text


def test_the_demo_needs_no_key(shell, examine, monkeypatch):
    monkeypatch.delenv("WENWEN_API_KEY", raising=False)
    shell.run("%wenwen demo")
    rows, text = examine()
    assert not [row for row in rows.values() if row.startswith("✗")], text


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have one address of their own")
def test_a_demo_on_the_teachers_machine_needs_no_key_either(shell, examine, monkeypatch, quick_paint):
    monkeypatch.delenv("WENWEN_API_KEY", raising=False)
    with DemoServer(host="127.0.0.2", wait=lambda _: None) as server:
        monkeypatch.setenv("WENWEN_BASE_URL", server.address)
        assert shell.run(cell("cat")).images
        rows, text = examine()
    assert not [row for row in rows.values() if not row.startswith("✓ ok")], text


def test_an_endpoint_that_nobody_answers_is_told(shell, relay, examine):
    shell.run("%config WenwenMagics.base_url = 'http://127.0.0.1:9'")
    rows, text = examine()
    assert rows["network"].startswith("✗ problem")
    assert "could not be reached" in text


@pytest.mark.parametrize(("status", "name"), [(401, "key"), (403, "key"), (500, "models")])
def test_an_endpoint_that_refuses_is_reached_all_the_same(shell, examine, monkeypatch, status, name):
    def refused(_client, **_how):
        from wenwen_magic.errors import EndpointError

        raise EndpointError("No.", do="Look at your account.", status=status)

    monkeypatch.setattr("wenwen_magic.client.Client.model_list", refused)
    rows, text = examine()
    assert rows["network"].startswith("✓ ok")
    assert rows[name].startswith("✗ problem")
    assert "Look at your account." in text


def test_what_takes_for_ever_is_not_waited_for(shell, relay, examine, monkeypatch):
    ended = threading.Event()
    monkeypatch.setattr(doctor, "LONGEST", 0.3)
    monkeypatch.setitem(doctor._CHECKS, "disk", lambda _context: ended.wait(60) or None)
    began = time.monotonic()
    rows, _text = examine()
    ended.set()
    assert time.monotonic() - began < 20
    assert "no answer within 0.3 s" in rows["disk"]


def test_a_check_that_breaks_does_not_stop_the_others(shell, relay, examine, monkeypatch):
    monkeypatch.setitem(doctor._CHECKS, "disk", lambda _context: 1 / 0)
    rows, _text = examine()
    assert "ZeroDivisionError" in rows["disk"]
    assert {*rows} >= NAMES


def test_a_wrong_setting_is_told_once(shell, relay, examine):
    shell.run("%config WenwenMagics.mode = 'repaly'")
    rows, text = examine()
    assert text.count("repaly") == 1
    assert set(rows) == {"settings", "drawn by", "versions"}


def test_where_there_are_no_threads_the_checks_run_one_after_the_other(shell, relay, examine, monkeypatch):
    def none(*_given, **_named):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(doctor.WorkerPool, "start", none)
    shell.run("%config WenwenMagics.mode = 'replay'")
    assert {*examine()[0]} >= NAMES


def break_machine(monkeypatch, wrong):
    """Break one thing of this machine."""
    if wrong == "disk":
        monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _place: SimpleNamespace(free=1 << 20))
        monkeypatch.setattr(doctor, "check_space", lambda *_: None)
    elif wrong == "proxy":
        monkeypatch.setattr(transport, "proxies_for", lambda _address: {"https": "socks5://me:secret@127.0.0.1:1080"})
        monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda _name: None)
    elif wrong == "certificates":
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    elif wrong == "clock":
        monkeypatch.setattr(doctor, "time", SimpleNamespace(time=lambda: 1e9, monotonic=time.monotonic))
    elif wrong == "versions":
        monkeypatch.setattr(doctor.importlib.metadata, "requires", lambda _name: ["ipython>=999.0", "x>=1 ; extra"])


WRONG = {
    "disk": ("disk", "Free"),
    "proxy": ("proxy", "pysocks"),
    "certificates": ("proxy", "REQUESTS_CA_BUNDLE"),
    "clock": ("clock", "Set the clock"),
    "versions": ("versions", "pip install -U 'ipython>=999.0'"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_with_the_machine_is_told(shell, examine, monkeypatch, wrong):
    shell.run("%config WenwenMagics.mode = 'replay'")
    break_machine(monkeypatch, wrong)
    rows, text = examine()
    name, advice = WRONG[wrong]
    assert rows[name][0] in "!✗"
    assert advice in text
    assert "secret" not in text


def test_it_is_said_in_chinese(shell, relay, examine):
    shell.run("%config WenwenMagics.lang = 'zh'")
    _rows, text = examine("体检")
    assert all(is_chinese(line) for line in text.splitlines() if line.strip()), text
    assert not {"ok", "key", "network", "saved", "of", "free", "listed"} & {*text.split()}
    assert "。 " not in text
    assert "线程: " not in text


def test_status_begins_with_what_matters(shell, relay, capsys):
    shell.run("%wenwen status")
    first = [line[:16].strip() for line in capsys.readouterr().out.splitlines()[:5]]
    assert first == ["endpoint", "key", "demo", "mode", "spent"]


PROXIES = {
    "127.0.0.1:7890": "http://127.0.0.1:7890",
    "proxy.corp:8080": "http://proxy.corp:8080",
    "user:secret@host:80": "http://host:80",
    "http://user:secret@host:80": "http://host:80",
    "http://us@er:secret@host": "http://host",
    "http://h:abc": "http://h:abc",
    "http://[::1]:7890": "http://[::1]:7890",
    "https://": "https://?",
}


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_proxy_is_shown_as_it_is_used_and_without_its_password(shell, examine, monkeypatch, proxy):
    shell.run("%config WenwenMagics.mode = 'replay'")
    monkeypatch.setattr(transport, "proxies_for", lambda _address: {"https": proxy, "http": proxy})
    rows, text = examine()
    assert rows["proxy"].split()[-1] == PROXIES[proxy]
    assert "secret" not in text


@pytest.mark.parametrize(("limit", "spent", "advised"), [(1, 1, 50), (200, 200, 400), (100, 200, 400)])
def test_the_advice_on_a_limit_that_is_reached_raises_it(limit, spent, advised):
    settings = SimpleNamespace(session_limit=limit, budget=None, currency="")
    session = SimpleNamespace(account=lambda: Cost(spent, 0.0, spent))
    context = SimpleNamespace(client=SimpleNamespace(settings=settings, session=session))
    found = doctor._limits(context)
    assert found.do.endswith(f"= {advised}")
    assert found.what.endswith(f"of {limit}")


def test_a_history_that_is_a_file_is_told_once(shell, relay, here, examine):
    (here / "taken").write_text("")
    shell.run("%config WenwenMagics.history = 'taken'")
    rows, _text = examine()
    assert rows["folder"].startswith("✗")
    assert rows["clock"].startswith("✓")


def test_an_interrupt_where_no_thread_can_be_had_ends_the_checks(shell, relay, monkeypatch):
    def none(*_, **__):
        raise RuntimeError("can't start new thread")

    def interrupted(_context):
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor.WorkerPool, "start", none)
    monkeypatch.setitem(doctor._CHECKS, "disk", interrupted)
    assert isinstance(shell.fail("%wenwen doctor"), KeyboardInterrupt)
