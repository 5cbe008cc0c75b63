"""The ways of a download: redirects, changing names, certificates, fake-ip and proxies, each judged."""

import time

import pytest
from support.loopback import PNG, PUBLIC, answering, moved, policy, reply, trickle

from wenwen_magic.media.download import fetch


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("LC_ALL", "C")


@pytest.mark.parametrize("status", ["301 x", "302 x", "303 x", "307 x", "308 x"])
def test_a_redirect_is_followed_without_cookies(status, serve, routes, tmp_path):
    server = serve(moved("/图 1.png".replace(" ", "%20"), status), reply())
    routes[PUBLIC], resolve = server.port, answering(PUBLIC, PUBLIC)
    got = fetch("http://pictures.example/a/b.png", tmp_path / "x", policy(), resolve=resolve)
    assert (got.size, got.address) == (len(PNG), "http://pictures.example/图%201.png")
    assert server.asked[1].startswith("GET /%E5%9B%BE%201.png ")
    assert "ookie" not in "".join(server.asked)
    assert resolve.asked == ["pictures.example"] * 2


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1/",
        "//127.0.0.1/",
        "http://[::1]/",
        "http://0x7f.1/",
        "http://localhost/",
        "http://a@8.8.8.8/",
        "file:///etc/passwd",
        "http://169.254.169.254/latest",
        "http://[::ffff:127.0.0.1]/",
        "http://[::/",
        "http://a b/",
        "http:\\\\8.8.8.8",
        "//a\x1b[2J/",
    ],
)
def test_a_redirect_is_judged_from_the_start(location, serve, failing, routes):
    server, canary = serve(moved(location)), serve(reply())
    routes[PUBLIC] = server.port
    error = failing("http://pictures.example/", policy(canary.origin), resolve=answering(PUBLIC, "127.0.0.1"))
    assert ("refused" in error.what, error.again, len(server.asked)) == (True, False, 1)
    assert "\x1b" not in str(error)
    assert canary.asked == []


def test_a_name_that_changes_its_answer_is_resolved_and_judged_once_per_connection(serve, failing, routes):
    routes[PUBLIC], resolve = serve(moved("/again")).port, answering(PUBLIC, "127.0.0.1", PUBLIC)
    assert "127.0.0.1" in failing("http://rebind.example/", policy(), resolve=resolve).why
    assert resolve.asked == ["rebind.example"] * 2


def test_five_redirects_are_followed_and_a_sixth_is_not(serve, failing, tmp_path):
    server = serve(*[moved("/on")] * 5, reply())
    assert fetch(server.origin, tmp_path / "x", policy(server.origin)).size == len(PNG)
    server = serve(*[moved("/on")] * 6, reply())
    assert "more than 5 redirects" in failing(server.origin, policy(server.origin)).why
    assert len(server.asked) == 6


def test_a_redirect_from_https_to_http_is_refused_unless_that_place_is_trusted(serve, failing, routes, tls, tmp_path):
    plain = serve(reply())
    server = serve((tls, moved("http://pictures.example/b")), (tls, moved(f"{plain.origin}/b")))
    routes[PUBLIC] = server.port
    error = failing(
        "https://pictures.example/", policy(ca_bundle=str(tmp_path / "pem")), resolve=answering(PUBLIC, PUBLIC)
    )
    assert "from https to http" in error.why
    trusting = policy(plain.origin, ca_bundle=str(tmp_path / "pem"))
    assert fetch("https://pictures.example/", tmp_path / "x", trusting, resolve=answering(PUBLIC)).size == len(PNG)


def test_a_fake_ip_passes_over_https_because_the_certificate_proves_the_name(serve, failing, routes, tls, tmp_path):
    server = serve((tls, reply()), (tls, reply()), reply())
    routes["198.18.0.7"], safe = server.port, policy(ca_bundle=str(tmp_path / "pem"))
    assert fetch("https://pictures.example/a", tmp_path / "x", safe, resolve=answering("198.18.0.7")).size == len(PNG)
    error = failing("https://other.example/a", safe, resolve=answering("198.18.0.7"))
    assert ("CERTIFICATE_VERIFY_FAILED" in error.why, error.again) == (True, False)
    error = failing("http://pictures.example/a", safe, resolve=answering("198.18.0.7"))
    assert "fake-ip" in error.why
    assert "trusted_hosts" in error.do
    assert [ask.split()[4] for ask in server.asked] == ["pictures.example"]


def test_a_certificate_nobody_vouches_for_is_not_accepted(serve, failing, routes, tls):
    server = serve((tls, reply()))
    routes[PUBLIC] = server.port
    assert "CERTIFICATE" in failing("https://pictures.example/", policy(), resolve=answering(PUBLIC)).why
    assert server.asked == []


def test_a_proxy_resolves_names_itself_and_gets_its_own_password_only(serve, tmp_path):
    proxy = serve(reply())
    through = policy(proxies={"http": f"http://me:pass%20word@127.0.0.1:{proxy.port}"})
    assert fetch("http://only.the-proxy.knows/a", tmp_path / "x", through, resolve=None).size == len(PNG)
    assert proxy.asked[0].startswith("GET http://only.the-proxy.knows/a HTTP/1.1\r\n")
    assert "Host: only.the-proxy.knows\r\n" in proxy.asked[0]
    assert "roxy-authorization: basic bwu6cgfzcyb3b3jk" in proxy.asked[0].lower()


def test_https_goes_through_a_proxy_in_a_tunnel_with_the_certificate_checked(serve, tls, failing, tmp_path):
    def tunnel(connection):
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with tls.wrap_socket(connection, server_side=True) as secure:
            proxy.hear(secure)
            secure.sendall(reply())

    proxy = serve(tunnel, tunnel, reply(status="407 No"))
    through = policy(proxies={"all": f"127.0.0.1:{proxy.port}"}, ca_bundle=str(tmp_path / "pem"))
    assert fetch("https://pictures.example/a", tmp_path / "x", through, resolve=None).size == len(PNG)
    assert [ask.split(" HTTP")[0] for ask in proxy.asked] == ["CONNECT pictures.example:443", "GET /a"]
    assert "CERTIFICATE_VERIFY_FAILED" in failing("https://other.example/a", through, resolve=None).why
    assert failing("https://pictures.example/a", through, resolve=None).again


@pytest.mark.parametrize(
    "proxy", ["socks5://me:secret@127.0.0.1:1", "http://me:secret@127.0.0.1:99999", "http://me:secret@["]
)
def test_a_proxy_that_cannot_be_used_is_named_without_its_password(proxy, failing):
    error = failing("http://pictures.example/", policy(proxies={"http": proxy}), resolve=None)
    assert ("proxy" in error.why, "secret" in str(error), error.again) == (True, False, False)


def test_a_proxied_redirect_into_this_machine_is_refused(serve, failing):
    proxy = serve(moved("http://localhost/"))
    error = failing(
        "http://pictures.example/", policy(proxies={"http": f"http://127.0.0.1:{proxy.port}"}), resolve=None
    )
    assert ("refused" in error.what, len(proxy.asked)) == (True, 1)


def test_a_trickle_below_tls_and_a_silent_handshake_end_at_the_deadline_too(serve, failing, routes, tls, tmp_path):
    safe = policy(deadline=0.3, ca_bundle=str(tmp_path / "pem"))
    drips = [(tls, trickle(b"HTTP/1.1 200 OK\r\n\r\n")), (tls, trickle(b"HTTP/1.1 200 OK\r\nA: "))]
    for script in [*drips, lambda connection: connection.recv(9999)]:
        routes[PUBLIC], begun = serve(script).port, time.monotonic()
        assert "after 0.3 s" in failing("https://pictures.example/", safe, resolve=answering(PUBLIC)).why
        assert time.monotonic() - begun < 1.3
