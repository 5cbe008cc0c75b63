"""Which addresses may be fetched: disguises, trust and fake-ip, with every connection trapped."""

import socket

import pytest

from wenwen_magic.media.download import FetchFailed, Policy, fetch
from wenwen_magic.media.ssrf import ip_problem, literal, place_of, proxied_problem, redacted, spelling_problem

TABLE = """
http://127.0.0.1/ http://127.0.0.1:80/ http://127.1/ http://127.0.1/ http://2130706433/ http://017700000001/
http://0177.0.0.1/ http://0x7f.0.0.1/ http://0x7f000001/ http://0X7F.1/ http://0x7f.0x0.0x0.0x1/ http://127.0.0.1./
http://127.0.0.1../ http://0/ http://0.0.0.0/ http://00000177.1/ http://127.000.000.001/ http://0x/ http://1.1.1.1.1/
http://256.256.256.256/ http://4294967297/ http://127.0.0.1.0x10/ http://10.0.0.1/ http://172.16.0.1/ http://172.31.255.255/
http://192.168.1.1/ http://100.64.0.1/ http://169.254.169.254/latest/meta-data/ http://0xa9fea9fe/ http://2852039166/
http://169.254.43518/ http://0251.0376.0251.0376/ http://169.254.170.2/v2 http://100.100.100.200/ http://168.63.129.16/
http://192.0.0.192/ http://192.0.0.8/ http://192.0.2.1/ http://192.88.99.1/ http://198.18.0.1/ https://198.18.0.1/
http://198.51.100.7/ http://203.0.113.9/ http://224.0.0.1/ http://240.0.0.1/ http://255.255.255.255/
http://[::1]/ http://[::]/ http://[0:0:0:0:0:0:0:1]/ http://[::127.0.0.1]/ http://[::7f00:1]/ http://[::ffff:127.0.0.1]/
http://[::ffff:7f00:1]/ http://[::FFFF:0a00:0001]/ http://[0:0:0:0:0:ffff:169.254.169.254]/ http://[::ffff:0:127.0.0.1]/
http://[64:ff9b::127.0.0.1]/ http://[64:ff9b::8.8.8.8]/ http://[64:ff9b:1::a00:1]/ http://[2002:7f00:1::]/
http://[2002:808:808::1]/ http://[2001::7f00:1]/ http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/ http://[2001:db8::1]/
http://[3fff::1]/ http://[fe80::1]/ http://[fe80::1%25eth0]/ http://[fe80::1%eth0]/ http://[::1%25lo]/ http://[fc00::1]/
http://[fd00:ec2::254]/ http://[fd12:3456::1]/ http://[fec0::1]/ http://[ff02::1]/ http://[100::1]/ http://[5f00::1]/
http://[2606:2800:220:1:0:5efe:7f00:1]/ http://[2606:2800:220:1:200:5efe:808:808]/ http://[::1]:80:81/ http://[::1/
http://[127.0.0.1]/ http://[v1.fe80::a]/ http://::1/ http://localhost/ http://LOCALHOST/ http://localhost./ http://a.localhost/
http://127.0.0.1.nip.example/ http://metadata.google.internal/ http://printer.local/ http://user@127.0.0.1/
http://user:secret@pictures.example/ http://@pictures.example/ http://:@pictures.example/ http://8.8.8.8@127.0.0.1/
http://127.0.0.1@8.8.8.8/ http://8.8.8.8%40127.0.0.1/ http://127.0.0.1%2f@8.8.8.8/
http://127%2e0%2e0%2e1/ http://%31%32%37.0.0.1/ http://loc%61lhost/ http://127.0.0.1%00.pictures.example/
http://１２７.0.0.1/ http://①②⑦.⓪.⓪.①/ http://127。0。0。1/ http://127．0．0．1/ http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/ http://loc\u00adalhost/ http://١٢٧.0.0.1/
http://8.8.8.8\\@127.0.0.1/ http://127.0.0.1\\.pictures.example/ http:\\\\127.0.0.1/ http:/127.0.0.1/ http:127.0.0.1/
http:///127.0.0.1/ http:////127.0.0.1/ //127.0.0.1/ 127.0.0.1 http:// http://? http://. http://.. http://a..b/ http://-/
http://a,b/ http://a|b/ http://127.0.0.1:99999/ http://127.0.0.1:-1/ http://127.0.0.1:80a/ http://127.0.0.1:/
file:///etc/passwd ftp://127.0.0.1/ gopher://127.0.0.1:6379/_x data:image/png;base64,AAAA javascript:alert(1) httpx://8.8.8.8/
dict://127.0.0.1:11211/ unix:///run/docker.sock jar:http://127.0.0.1!/ blob:http://127.0.0.1/1 view-source:http://127.0.0.1/
"""
DISGUISES = TABLE.split()
UNTIDY = [
    *(
        " http://8.8.8.8/",
        "http://8.8.8.8/a b",
        "http://8.8.8.8/\r\nHost: localhost",
        "http://8.8.8.8\t/",
        "http://127.0.0.1\n",
    ),
    *(
        "http://\x00127.0.0.1/",
        "http://8.8.8.8/\x7f",
        "http://8.8.8.8/\x9b31m",
        "http://127.0.0.1\u3000/",
        "http://8.8.8.8/\u2028",
    ),
    *("http://8.8.8.8/\ud800", "", "http://8.8.8.8/" + "a" * 8192, "http://8.8.8.8/" + "画" * 2800),
]
POLICY = Policy()


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("LC_ALL", "C")


@pytest.fixture
def dialled(monkeypatch):
    """Every connect of the process, recorded and refused."""
    dials = []

    def trap(_self, sockaddr):
        dials.append(sockaddr[:2])
        raise ConnectionRefusedError("trapped")

    monkeypatch.setattr(socket.socket, "connect", trap)
    return dials


def inward(host, port, family, kind):
    """Read numbers as generously as the system does, and send every name to loopback."""
    try:
        return socket.getaddrinfo(host, port, family, kind, 0, socket.AI_NUMERICHOST)
    except OSError:
        return [(socket.AF_INET, kind, 6, "", ("127.0.0.1", port))]


def test_the_table_of_disguises_is_long_and_each_is_another():
    assert len(set(DISGUISES)) == len(DISGUISES) >= 60


def test_a_disguised_address_is_refused_and_nothing_is_dialled(dialled, tmp_path):
    for address in [*DISGUISES, *UNTIDY]:
        with pytest.raises(FetchFailed) as caught:
            fetch(address, tmp_path / "x", POLICY, resolve=inward)
        assert (address, dialled, caught.value.again, caught.value.charged) == (address, [], False, "yes")
        assert "trusted_hosts" in caught.value.do
        assert "secret" not in str(caught.value)
        assert not (tmp_path / "x").exists()


def test_a_proxy_is_never_asked_for_a_disguised_literal_or_an_inside_name(dialled, tmp_path):
    policy = Policy(proxies={"http": "http://127.0.0.1:3128", "https": "http://127.0.0.1:3128"})
    for address in DISGUISES:
        with pytest.raises(FetchFailed):
            fetch(address, tmp_path / "x", policy, resolve=inward)
        assert (address, dialled) == (address, [])


@pytest.mark.parametrize(
    ("address", "sockaddr"),
    [
        ("http://93.184.216.34/a.png", ("93.184.216.34", 80)),
        ("https://93.184.216.34:8443/a.png", ("93.184.216.34", 8443)),
        ("http://[2606:2800:220:1::1]/", ("2606:2800:220:1::1", 80)),
        ("http://[::ffff:8.8.8.8]/", ("8.8.8.8", 80)),
        ("HTTP://93.184.216.34?@localhost", ("93.184.216.34", 80)),
        ("http://93.184.216.34#@127.0.0.1:1@localhost/", ("93.184.216.34", 80)),
        ("http://93.184.216.34/画/@x?a=b@c#d", ("93.184.216.34", 80)),
    ],
)
def test_a_public_address_is_dialled_as_it_was_judged(address, sockaddr, dialled, tmp_path):
    with pytest.raises(FetchFailed) as caught:
        fetch(address, tmp_path / "x", POLICY, resolve=inward)
    assert (dialled, caught.value.again) == ([sockaddr], True)


@pytest.mark.parametrize("answers", [["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], ["2606:2800::1", "fe80::1%1"]])
def test_one_private_answer_among_public_ones_spoils_the_name(answers, dialled, tmp_path):
    with pytest.raises(FetchFailed, match="refused"):
        fetch(
            "https://mixed.example/",
            tmp_path / "x",
            POLICY,
            resolve=lambda *_: [(0, 0, 0, "", (ip, 1)) for ip in answers],
        )
    assert dialled == []


@pytest.mark.parametrize("failure", [socket.gaierror(-2, "Name not known"), UnicodeError("label too long")])
def test_a_name_that_cannot_be_resolved_may_be_tried_again(failure, dialled, tmp_path):
    def unresolved(*_):
        raise failure

    with pytest.raises(FetchFailed, match="could not be fetched") as caught:
        fetch("http://nowhere.example/", tmp_path / "x", POLICY, resolve=unresolved)
    assert (dialled, caught.value.again) == ([], True)


TRUST = [
    ("http://localhost:8000/a", "127.0.0.1", {"http://localhost:8000"}, True),
    ("http://LocalHost:8000/a", "::1", {"HTTP://LOCALHOST:8000"}, True),
    ("http://localhost:8001/a", "127.0.0.1", {"http://localhost:8000"}, False),
    ("https://localhost:8000/a", "127.0.0.1", {"http://localhost:8000"}, False),
    ("http://localhost.:8000/a", "127.0.0.1", {"http://localhost:8000"}, False),
    ("http://127.0.0.1:8000/a", "127.0.0.1", {"http://localhost:8000"}, False),
    ("http://localhost:8000/a", "127.0.0.1", {"http://127.0.0.1:8000"}, False),
    ("http://a.localhost:8000/a", "127.0.0.1", {"http://localhost:8000"}, False),
    ("http://relay.lan/a", "192.168.1.9", {"http://relay.lan:80"}, True),
    ("https://relay.lan/a", "192.168.1.9", {"https://relay.lan:443"}, True),
    ("http://relay.lan:81/a", "192.168.1.9", {"relay.lan:80"}, False),
    ("http://relay.lan/a", "192.168.1.9", {"relay.lan:80"}, True),
    ("https://relay.lan:81/a", "fd12::9", {"relay.lan"}, True),
    ("http://[::1]:81/a", "::1", {"::1"}, True),
    ("http://[::1]:81/a", "::1", {"[::1]:81"}, True),
    ("http://[::1]:81/a", "::1", {"localhost"}, False),
    ("http://relay.lan/a", "198.18.0.9", {"relay.lan"}, True),
]


@pytest.mark.parametrize(("address", "ip", "trusted", "passes"), TRUST)
def test_trust_is_for_exactly_the_place_that_was_named(address, ip, trusted, passes):
    assert (ip_problem(literal(ip), place_of(address), trusted) == "") is passes


METADATA = [
    *("169.254.169.254", "169.254.170.2", "169.254.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
    *("fd00:ec2::254", "fe80::1", "fe80::1%1", "::ffff:169.254.169.254", "::169.254.169.254", "64:ff9b::a9fe:a9fe"),
    *("2002:a9fe:a9fe::1", "fd12::5efe:a9fe:a9fe", "2001:0:1::5601:5601"),
]


def test_no_trust_reaches_a_metadata_or_link_local_address():
    place = place_of("http://relay.lan/")
    for ip in METADATA:
        problem = ip_problem(literal(ip), place, {"relay.lan", "http://relay.lan:80"})
        assert (ip, "trusted_hosts cannot allow" in problem) == (ip, True)


def test_a_fake_ip_answer_passes_only_for_a_name_over_https():
    fake = literal("198.18.3.4")
    assert ip_problem(fake, place_of("https://pictures.example:8443/"), set()) == ""
    assert "fake-ip" in ip_problem(fake, place_of("http://pictures.example/"), set())
    assert "fake-ip" in ip_problem(fake, place_of("https://198.18.3.4/"), set())
    assert ip_problem(fake, place_of("http://pictures.example/"), {"pictures.example"}) == ""


def test_behind_a_proxy_a_trusted_inside_name_passes_but_the_metadata_name_never():
    assert proxied_problem(place_of("http://relay.internal/"), {"relay.internal"}) == ""
    assert proxied_problem(place_of("http://localhost:1/"), {"http://localhost:1"}) == ""
    assert proxied_problem(place_of("http://127.0.0.1:1/"), {"127.0.0.1"}) == ""
    assert proxied_problem(place_of("http://metadata.google.internal./"), {"metadata.google.internal."})
    assert proxied_problem(place_of("https://pictures.example/"), set()) == ""


def test_a_name_written_in_chinese_is_read_as_its_ascii_form():
    assert spelling_problem("https://图片.example/画.png") == ""
    assert place_of("https://图片.example/画.png").host == "图片.example".encode("idna").decode()


def test_a_message_shows_an_address_without_secrets_and_controls():
    assert redacted("https://me:word@h.example/a\x1b[31m.png?sign=1#x") == "https://h.example/a.png"
    assert len(redacted("https://h.example/" + "a" * 9000)) == 201


NAMES = """
10.0.0.1.nip.io app.10.0.0.1.nip.io app-10-0-0-1.sslip.io 0a000001.nip.io 127-0-0-1.sslip.io www.192.168.1.1.xip.io
10-0-0-1.my.example 192.168.0.10.example.net ip-172-16-4-4.pictures.example localtest.me a.lvh.me 7f000001.1u.ms
nas.lan printer.local wiki.internal router.home.arpa db.localdomain intranet wiki router printer host files.corp hub.home
share.private portal.intranet box.test x.invalid a.svc.cluster.local consul.service.consul site.onion localhost a.localhost
metadata instance-data metadata.google.internal metadata.goog metadata.tencentyun.com metadata.azure.com
"""
INSIDE = NAMES.split()


@pytest.mark.parametrize("ending", ["", "."])
def test_a_proxy_is_not_asked_for_a_name_that_can_only_be_inside(ending):
    asked = [name for name in INSIDE if not proxied_problem(place_of(f"http://{name}{ending}/"), set())]
    assert asked == []


def test_a_trusted_name_inside_is_asked_of_a_proxy_and_a_metadata_name_never():
    refused = [name for name in INSIDE if proxied_problem(place_of(f"http://{name}/"), {name})]
    assert refused == [name for name in INSIDE if name.startswith(("metadata", "instance-data"))]


@pytest.mark.parametrize(
    "name",
    [
        "pictures.example",
        "cdn-8-8-8-8.pictures.example",
        "v1-2-3.example",
        "a.local.example.com",
        "lan.example",
        "1.2.3.example",
    ],
)
def test_a_proxy_is_asked_for_ordinary_names(name):
    assert proxied_problem(place_of(f"https://{name}/"), set()) == ""
