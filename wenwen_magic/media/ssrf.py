"""Checks addresses against server-side request forgery: which may be fetched; opens no socket, resolves no name."""

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from wenwen_magic.text.i18n import _
from wenwen_magic.text.sanitize import CONTROLS, SURROGATES, mask_keys

IP = IPv4Address | IPv6Address

LONGEST = 8192
_SHOWN = 200
_ISATAP = 0x5EFE
_PORTS = {"http": 80, "https": 443}
_UNSAFE = re.compile(rf"[\s\\{CONTROLS}{SURROGATES}]")
_FRONT = re.compile(r"(?i)https?://([^/?#]+)")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_INSIDE = frozenset(
    {
        *("localhost", "local", "localdomain", "internal", "lan", "home", "home.arpa", "corp", "private", "intranet"),
        *("intra", "domain", "workgroup", "test", "invalid", "onion", "alt", "svc", "consul", "docker", "in-addr.arpa"),
        "ip6.arpa",
    }
)
"""Endings of names that no public server has: reserved (RFC 6761, 6762, 8375, 9476), or in use inside networks."""
_WRITTEN_OUT = frozenset(
    {
        *("nip.io", "sslip.io", "xip.io", "traefik.me", "backname.io", "localtest.me", "lvh.me", "vcap.me", "local.gd"),
        *("localho.st", "yoogle.com", "fuf.me", "1u.ms", "rbndr.us", "rebind.network", "127-0-0-1.org.uk"),
        "lacolhost.com",
    }
)
"""Endings whose names lead to whatever address is written in them, or to this machine."""
_METADATA_NAMES = frozenset(
    {
        *("metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"),
        *("metadata.azure.internal", "metadata.azure.com", "metadata.tencentyun.com", "metadata.packet.net"),
        *("metadata.platformequinix.com", "metadata.nicesrv.de", "rancher-metadata.rancher.internal"),
        "rancher-metadata",
    }
)
_WRITTEN = re.compile(r"(?<![0-9])(?:[0-9]{1,3}[.-]){3}[0-9]{1,3}(?![0-9])")
"""An IPv4 address inside a name."""

FAKE = ip_network("198.18.0.0/15")
"""Addresses that proxy tools such as Clash give out for any name: one of them says nothing on the place."""
_PUBLIC_6 = ip_network("2000::/3")
# Wider than is_global, whose answers differ between Python releases.
_REFUSED = tuple(
    ip_network(block)
    for block in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
)
_NEVER = tuple(
    ip_network(block)
    for block in (
        *("169.254.0.0/16", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32"),
        *("fe80::/10", "fd00:ec2::/32", "fd20:ce::254/128", "fd00:42::42/128"),
    )
)
_CARRIERS = tuple(ip_network(block) for block in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48"))


@dataclass(frozen=True)
class Place:
    """Where an address leads, as urllib3 reads it.

    Args:
        scheme: ``http`` or ``https``.
        host: the name or the literal as written, lower case; an IPv6 literal in brackets.
        port: the port, the scheme's own when none is written.
    """

    scheme: str
    host: str
    port: int

    @property
    def origin(self) -> str:
        """Scheme, host and port as browsers write them: without the scheme's own port."""
        return f"{self.scheme}://{self.host}" + ("" if self.port == _PORTS[self.scheme] else f":{self.port}")

    def trusted(self, entries: AbstractSet[str]) -> bool:
        """Whether one of the entries ``scheme://host:port``, ``host:port`` or ``host`` names exactly this place."""
        spellings = {
            f"{self.scheme}://{self.host}:{self.port}",
            f"{self.host}:{self.port}",
            self.host,
            self.host.strip("[]"),
        }
        return not spellings.isdisjoint(entry.lower() for entry in entries)


def spelling_problem(address: str) -> str:
    """Say why an address as written must not be fetched, wherever it leads; empty when nothing is wrong with it."""
    front = _FRONT.match(address)
    if len(address.encode("utf-8", "surrogatepass")) > LONGEST:
        return _("it is longer than {longest} bytes", longest=LONGEST)
    if _UNSAFE.search(address):
        return _("it holds a space, a control character or a backslash")
    if not front:
        return _("only http:// and https:// with a host are fetched")
    if "@" in front[1]:
        return _("it holds a user name before the host")
    return _host_problem(address, front[1])


def _host_problem(address: str, authority: str) -> str:
    try:
        host = parse_url(address).host or ""
    except LocationParseError:
        host = ""
    labels = host.removesuffix(".").split(".")
    if literal(host) and "%" not in authority:
        return ""
    if "%" in authority or not all(_LABEL.fullmatch(label) for label in labels):
        return _("its host is not a plain name, IPv4 or IPv6 address")
    if _NUMBER.fullmatch(labels[-1]):
        return _("its host is a numeric address in an unusual spelling")
    return ""


def place_of(address: str) -> Place:
    """Read where an address leads; only for one without a :func:`spelling_problem`."""
    url = parse_url(address)
    scheme = url.scheme or ""
    return Place(scheme, url.host or "", _PORTS[scheme] if url.port is None else url.port)


def literal(host: str) -> IP | None:
    """Read a host as an IP address, IPv4-mapped IPv6 as the IPv4 within; None when it is a name."""
    try:
        ip = ip_address(host[1:-1] if host.startswith("[") and host.endswith("]") else host)
    except ValueError:
        return None
    return (ip.ipv4_mapped or ip) if isinstance(ip, IPv6Address) else ip


def is_this_machine(place: Place) -> bool:
    """Tell whether a place is this machine by its spelling: ``localhost``, or a loopback address."""
    ip = literal(place.host)
    return ip.is_loopback if ip else place.host == "localhost"


def ip_problem(ip: IP, place: Place, trusted: AbstractSet[str]) -> str:
    """Say why an IP address must not be connected to for a place; empty when it may.

    Args:
        ip: what the place's name was resolved to, or the place's literal.
        place: what is fetched.
        trusted: the user's own origins and ``trusted_hosts``; they lift all but metadata and link-local addresses.
    """
    if _is_metadata(ip):
        return _metadata_problem(str(ip))
    outside = isinstance(ip, IPv4Address) or (ip in _PUBLIC_6 and not _is_isatap(ip))
    if place.trusted(trusted) or (outside and not any(ip in block for block in _REFUSED)):
        return ""
    if ip not in FAKE:
        return _("{host} leads to {ip}, which is not a public address", host=place.host, ip=ip)
    if place.scheme == "https" and not literal(place.host):
        return ""  # the certificate proves whom the proxy tool connects us to
    return _(
        "{host} leads to {ip}, an address that local proxy tools give out (fake-ip): safe only by name over https",
        host=place.host,
        ip=ip,
    )


def proxied_problem(place: Place, trusted: AbstractSet[str]) -> str:
    """Say why a place must not be asked of a proxy, which resolves names itself; empty when it may.

    Args:
        place: what is fetched.
        trusted: as for :func:`ip_problem`.
    """
    ip = literal(place.host)
    if ip:
        return ip_problem(ip, place, trusted)
    name = place.host.removesuffix(".")
    if name in _METADATA_NAMES:
        return _metadata_problem(place.host)
    if place.trusted(trusted):
        return ""
    labels = name.split(".")
    endings = {".".join(labels[start:]) for start in range(len(labels))}
    written = (literal(run.replace("-", ".")) for run in _WRITTEN.findall(name))
    leads_inside = any(ip and ip_problem(ip, place, trusted) for ip in written)
    if len(labels) == 1 or endings & (_INSIDE | _WRITTEN_OUT) or leads_inside:
        return _("{host} is a name inside this machine or network", host=place.host)
    return ""


def redacted(address: str) -> str:
    """Return an address for a message: no user name, no query, no control characters, at most 200 characters."""
    plain = re.sub(r"//[^/?#]*@", "//", re.split(r"[?#]", address, maxsplit=1)[0])
    return mask_keys(plain if len(plain) <= _SHOWN else plain[:_SHOWN] + "…")


def _metadata_problem(what: str) -> str:
    return _("{what} is a metadata or link-local address, which trusted_hosts cannot allow", what=what)


def _is_metadata(ip: IP) -> bool:
    """Tell whether an address, or the IPv4 one to which a tunnel or a translator would pass it on, is never allowed."""
    carried: IP | None = None
    if isinstance(ip, IPv6Address):
        carried = ip.teredo[1] if ip.teredo else ip.ipv4_mapped or ip.sixtofour
        if not ip.teredo and (_is_isatap(ip) or any(ip in block for block in _CARRIERS)):
            carried = IPv4Address(int(ip) & 0xFFFFFFFF)
    return any(address in block for block in _NEVER for address in (ip, carried) if address is not None)


def _is_isatap(ip: IPv6Address) -> bool:
    return int(ip) >> 32 & 0xFCFFFFFF == _ISATAP
