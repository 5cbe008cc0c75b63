"""Tell where a finished clip is, by the fields of what an endpoint answers about it.

Source: the answers of relays and of new-api to ``GET /v1/videos/{id}`` and to the question for a clip's content (not
seen on wenwen's pages).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from wenwen_magic.endpoint.failures import plain_fields

_PLACES = (
    *("videourl", "url", "contenturl", "metadata.url", "content.videourl", "content.url", "detail.videourl"),
    *("resulturl", "output.url", "output", "videos.url", "result.video.url", "result.videos.url", "video.url"),
    *(
        "taskresult.videos.url",
        "detail.url",
        "result.videourl",
        "result.url",
        "resulturls",
        "result",
        "data",
        "failreason",
    ),
)
"""Fields with the address, names plain, in the order to look; of a list all. In new-api the last has it on success."""
_POSTERS = ("thumbnailurl", "coverurl", "posterurl", "coverimageurl")
_WRAPPERS = ("data", "response")
_DEEPEST = 5


def envelopes(body: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the fields of an answer about a job, and of the objects that it is wrapped in, the outermost first."""
    body = body[0] if isinstance(body, list) and body else body
    if isinstance(body, Mapping) and depth < _DEEPEST:
        fields = plain_fields(body)
        yield fields
        for name in _WRAPPERS:
            yield from envelopes(fields.get(name), depth + 1)


def clip_addresses(body: Any) -> tuple[str, ...]:
    """Return where the clips are that an answer names: addresses, or paths below the endpoint; empty for none."""
    for fields in envelopes(body):
        for place in _PLACES:
            if found := tuple(dict.fromkeys(_at(fields, place))):
                return found
    return ()


def posters(body: Any) -> tuple[str, ...]:
    """Return where the still picture is that an answer names beside its clip; empty for none."""
    found = (address for fields in envelopes(body) for name in _POSTERS for address in _at(fields, name))
    return tuple(dict.fromkeys(found))[:1]


def _at(value: Any, place: str) -> Iterator[str]:
    """Yield the addresses at a place of an object; those of each item of a list."""
    if isinstance(value, list):
        for item in value[:20]:
            yield from _at(item, place)
    elif place and isinstance(value, Mapping):
        name, _, rest = place.partition(".")
        yield from _at(plain_fields(value).get(name), rest)
    elif not place and isinstance(value, str):
        address = value.strip()
        is_path = address[:1] == "/" and len(address.split()) == 1 < len(address)
        if is_path or address[:8].lower().startswith(("http://", "https://")):
            yield address
