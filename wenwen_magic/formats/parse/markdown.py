"""Find the pictures in Markdown as models write it, and part its words from its thoughts, in time linear in its length.

It is read with markdown-it-py.
"""

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from html import unescape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline, emphasis, strikethrough

from wenwen_magic.formats.parse import addresses
from wenwen_magic.formats.parse.addresses import Found, Pairs
from wenwen_magic.formats.parse.json_text import Payloads
from wenwen_magic.formats.parse.shapes import MEDIA_TYPES
from wenwen_magic.kinds import DATA_HEAD, PNG
from wenwen_magic.protocol import Source

LONGEST = 20_000
"""Characters that are parsed as Markdown, after pictures were taken out; an ordinary answer has a few thousand.

The parser is not linear on brackets; what comes behind is searched for pictures all the same, by plain patterns.
"""

# Models write Markdown within HTML without a blank line, and addresses with signs of emphasis in them.
_PARSER = MarkdownIt("commonmark", {"maxNesting": 20}).disable(["html_block", "emphasis"])
# Addresses are taken as they were written, and judged where they are fetched.
_PARSER.validateLink = lambda url: True  # type: ignore[method-assign]  # noqa: ARG005
_PARSER.normalizeLink = lambda url: url  # type: ignore[method-assign]

# For showing: HTML in the text stays text, and a picture is a link, for a remote one would be fetched by the page.
_SHOWN = MarkdownIt("commonmark", {"html": False, "maxNesting": 20}).enable(["table", "strikethrough"]).disable("image")
_SHOWN.validateLink = lambda url: url.lower().startswith(("http://", "https://"))  # type: ignore[method-assign]
_WIDE = "\u2e80"
"""The first of the signs and letters that stand without spaces between them, as Chinese ones do."""


def _beside_chinese(tokenize: Callable[[StateInline, bool], bool]) -> Callable[[StateInline, bool], bool]:
    """Let signs of emphasis begin and end beside Chinese, as in ``**注意：**它``, where CommonMark wants a space."""

    def tokenized(state: StateInline, silent: bool) -> bool:
        start, known = state.pos, len(state.delimiters)
        found = tokenize(state, silent)
        before, after = state.src[max(0, start - 1) : start], state.src[state.pos : state.pos + 1]
        if found and state.src[start] != "_" and max(before, after) >= _WIDE:
            for sign in state.delimiters[known:]:
                sign.open, sign.close = sign.open or bool(after.strip()), sign.close or bool(before.strip())
        return found

    return tokenized


_SHOWN.inline.ruler.at("emphasis", _beside_chinese(emphasis.tokenize))
_SHOWN.inline.ruler.at("strikethrough", _beside_chinese(strikethrough.tokenize))
# Rules, and tables of letters in addresses, are put together at the first text, which must not come in two threads.
for _parser in (_PARSER, _SHOWN):
    _parser.render("<https://a.example/%20>")

_RUN = re.compile(r"[A-Za-z0-9+/_=%-]*+")
_RUN_IN_LINES = re.compile(r"[A-Za-z0-9+/_=%\s-]*+")
_NEED_CLOSING = {"(": ")", '"': '"', "'": "'", "<": ">"}
_CLOSED = re.compile(r"[)>\"']|\s+[\"']")
_CUT = re.compile(r"data:,cut(\d+)")
_SAYS_VIDEO = re.compile(r"(?i)视频|影片|video|观看|播放|watch|\bplay|\.mp4")
_OFFERS = re.compile(r"(?i)下[载載]|download")
"""The words of a link that is the clip where one was asked for, and the link stands alone on its line."""
_LINK = re.compile(r"(?i)\[[^\[\]\n]{0,200}+\]\([^()\n]*+\)|<a\b[^<>]{0,4000}+>[^<]{0,200}+</a>|https?://\S++")
_NAMES_VIDEO = re.compile(r"(?i).*(?:视频|影片|video|播放|观看|watch).*[:：]\W*")
"""What stands before the address of a clip that was asked for, whatever the address is."""
_ALONE = re.compile(r"\W*+(?:[^:：]{1,30}[:：])?\W*+")
"""What may stand beside such a link: signs, and a few words with a colon."""

_SAYS_ELSE = re.compile(
    r"(?i)进度|状态|任务|数据|说明|文档|帮助|教程|规则|失败|progress|status|\btask|\bdata|polic|rule|guide|help|doc|fail"
)
"""The words of a link to what is known about a task, or to a page of rules, though they name its video."""

_MARKUP = re.compile(r"!\[[^\[\]\n]{0,2000}+\]\((?>(?:[^()\n]++|\([^()\n]*+\))*)\)|<img\b[^<>]{0,4000}+>|data:,cut\d+")
_DOWNLOAD = re.compile(
    r"(?i)^[>\s|·-]*+(?>(?:\[[^\[\]\n]{0,200}?(?:下载|download|预览|原始数据|⏬)[^\[\]\n]*+\]\([^()\n]*+\)[\s|·]*+)+)$"
)
_ONLY_LINKS = re.compile(
    r"(?i)(?>(?:\[[^\[\]\n]{0,200}+\]\([^()\n]*+\)|<a\b[^<>]{0,4000}+>[^<]{0,200}+</a>|</?(?:video|source|p|br|div)\b[^<>]{0,4000}+>|https?://\S++|[>\s|·-])+)"
)
_GONE = "\0"
"""Stands in for what was taken out of the words, until all is out."""
_HELD_NOTHING_ELSE = re.compile(
    r"<([a-zA-Z][\w-]{0,20}+)\b[^<>]{0,400}+>(?>(?:\s*+\0)+)\s*+</\1\s*+>|(?<!`)`++\s*+\0\s*+`++|\[\s*+\0\s*+\]\([^()\n]*+\)"
    r"|(?im:^[ \t]*+<br\s*+/?>[ \t]*+$)"
)
_ENDS = 40
"""Bytes at the beginning and at the end by which pictures are told apart before they are compared whole."""
_DEEPEST = 8
"""HTML elements within elements that are taken out when a picture was all that they held."""

# Thoughts: what models write between marks before they answer.
_NAME = (
    r"(?:[a-z]{1,20}:)?"
    r"(?:think|(?:ant)?thinking|thoughts?|reason|reasoning|reflection|scratchpad|cot|inner_monologue|思考|思考过程)"
)
_OPEN, _CLOSE = r"(?:<|&lt;)[ |]?", r"[ |]?(?:>|&gt;)"
_BEGIN = rf"{_OPEN}{_NAME}(?:\s[^<>]{{0,300}}?)?(?<!/){_CLOSE}|◁think▷|\[think\]|<\|begin_of_thought\|>"
_END = rf"{_OPEN}/ ?{_NAME}\s{{0,9}}{_CLOSE}|◁/think▷|\[/think\]|<\|end_of_thought\|>"
# A folded part is one where its type, or its heading, says so. Source: Open WebUI's <details type="reasoning">.
_DETAILS = (
    r"<details\b(?:(?=[^<>]{0,300}?\btype\s{0,9}=\s{0,9}[\"']?(?:reasoning|think))[^<>]{0,400}+>"
    r"|[^<>]{0,400}+>\s{0,20}+<summary\b[^<>]{0,200}+>[^<]{0,60}?(?:思考|推理|思维|thought|think|reasoning))"
)
_MARK = re.compile(
    rf"(?im)^ {{0,3}}(?P<fence>```|~~~)|(?<!`)(?:(?P<begin>{_BEGIN})|(?P<end>{_END})|(?P<details>{_DETAILS}))"
)
_IS_END = re.compile(f"(?i){_END}")
_FOLD = re.compile(r"(?i)<(/?)details\b[^<>]{0,400}+>")
_FENCE_END = {sign: re.compile(rf"(?m)^ {{0,3}}{sign}{{3,}}[ \t]*$") for sign in "`~"}


def render(text: str) -> str:
    """Return a model's Markdown as HTML that is safe to show: no HTML of its own, no picture, no script behind a link.

    Args:
        text: at most :data:`LONGEST` characters of it are shown.
    """
    return str(_SHOWN.render(text[:LONGEST])).replace("<a href=", '<a rel="noopener noreferrer" href=')


@dataclass(frozen=True)
class Reading:
    """Hold what was read from a piece of Markdown.

    Args:
        images: what is written as a picture, in order, each once.
        naked: data URIs that are in the text by themselves.
        pictures: the best kind that was found, where no video was: those, naked data URIs, addresses that are in the
            text by themselves, or the targets of ordinary links.
        drafts: the pictures in what the model thought.
        hidden: the pictures that only a search of the raw text finds, in code or a comment; for where nothing else is.
        videos: the videos, in order, each once; the pictures beside one are its thumbnails.
        elsewhere: addresses of pictures that only the endpoint's own page can open, such as ``sandbox:/mnt/a.png``.
        words: the text without the pictures, and without thoughts where there are other words.
    """

    images: tuple[Source, ...] = ()
    naked: tuple[Source, ...] = ()
    pictures: tuple[Source, ...] = ()
    drafts: tuple[Source, ...] = ()
    hidden: tuple[Source, ...] = ()
    videos: tuple[Source, ...] = ()
    elsewhere: tuple[str, ...] = ()
    words: str = ""


def read(text: str, payloads: Payloads, *, whole: bool = True, clip: bool = False) -> Reading:
    """Read a piece of Markdown.

    Args:
        text: as the model wrote it; data URIs of any length.
        payloads: where runs that were taken out of the text before are kept.
        whole: whether the text came to its end; of one that broke off, the last word is not trusted.
        clip: whether a clip was asked for: an address that is all of the text is one, and a link that offers to load.
    """
    if not text.strip():
        return Reading()
    data: list[Source] = []
    short = _without_data(text, payloads, data, whole=whole)
    if not whole:  # up to where its last address is certainly whole
        short = short[: max(short.rfind(end) for end in ")>\"' \n") + 1]
    spoken, thought = split_thoughts(short)
    sources = _Sources(data, payloads, spoken if clip else None)
    reading = sources.read(_parse(spoken))
    thinking = sources.read(_parse(thought)) if thought else Reading()
    drafts = thinking.pictures
    hidden: tuple[Source, ...] = ()
    if whole and not (reading.videos or reading.pictures):
        raw = sources.read(_search(spoken))
        thinking = sources.read(_search(thought)) if thought and not (drafts or thinking.videos) else thinking
        drafts, hidden = thinking.pictures, raw.pictures
        videos = raw.videos or (() if hidden else thinking.videos)
        reading = replace(reading, videos=videos, elsewhere=(*reading.elsewhere, *raw.elsewhere, *thinking.elsewhere))
    found = bool(reading.pictures or drafts or hidden)
    words = _words(spoken, pictures=found, videos=bool(reading.videos))
    if not (words or found):
        words = _words(short, pictures=False, videos=bool(reading.videos))
    elsewhere = tuple(dict.fromkeys(reading.elsewhere))
    return replace(reading, drafts=drafts, hidden=hidden, elsewhere=elsewhere, words=words)


def _parse(text: str) -> Found:
    """Find what is in the Markdown of a text; code is no part of it, and neither are comments."""
    text = addresses.visible(_without_comments(text))
    end = len(text)
    if end > LONGEST:  # at the end of a line, or of a word
        end = max(text.rfind("\n", 0, LONGEST), 0) or max(text.rfind(" ", 0, LONGEST), 0) or LONGEST
    found = Found()
    kept: dict[str, Any] = {}
    for token in _PARSER.parse(text[:end], kept):
        if token.type == "inline":
            found.add_inline(token.children or [])
    found.links += [(str(reference["href"]), "") for reference in kept.get("references", {}).values()]
    found.add_text(text[end:])
    if re.fullmatch(r"/(?!/)\S*", alone := text[:end].strip()):  # a path below the endpoint
        found.alone.append((alone, ""))
    return found


def _search(text: str) -> Found:
    """Find what is in the raw text, code and comments included."""
    found = Found()
    found.add_raw(addresses.visible(text))
    return found


def _without_comments(text: str) -> str:
    """Return a text without HTML comments; what only seems to begin one stays."""
    pieces, at = [], 0
    while (begin := text.find("<!--", at)) >= 0 and (end := text.find("-->", begin + 4)) >= 0:
        pieces += [text[at:begin], " "]
        at = end + 3
    return "".join([*pieces, text[at:]])


class _Sources:
    """Make sources of addresses.

    Args:
        data: the pictures that were taken out of the text.
        payloads: where runs that were taken out of it before are kept.
        spoken: the text itself, where a clip was asked for; else None.
    """

    def __init__(self, data: list[Source], payloads: Payloads, spoken: str | None = None) -> None:
        self._data, self._payloads, self._spoken = data, payloads, spoken

    def read(self, found: Found) -> Reading:
        """Return what was found by kinds, each picture once; two with equal bytes are one."""
        images, naked = self._each(found.images), self._each(found.naked)
        stills = [source for source in images if not addresses.is_video(source.address)]
        seen = (*found.images, *found.links)
        films = [*found.videos, *(pair for pair in (*seen, *found.bare) if addresses.is_video(pair[0]))]
        elsewhere = [address for address, _ in (*seen, *found.local) if addresses.is_elsewhere(address)]
        alone = [pair for pair in found.alone if not addresses.is_question(pair[0])]
        bare = _once(self._each([pair for pair in found.bare if addresses.is_picture(pair[0])] + alone))
        linked = _once(self._each([pair for pair in found.links if addresses.is_picture(pair[0])]))
        videos = (*(source for source in (*images, *naked) if _is_clip(source)), *self._each(films))
        if not videos and (self._spoken is not None or not (stills or naked or bare or linked)):
            named = [pair for pair in found.links if _SAYS_VIDEO.search(pair[1]) and _may_be_video(pair)]
            if self._spoken is not None:
                named = (named or _alone_on_its_line(self._spoken)) + [pair for pair in alone if _may_be_video(pair)]
            videos = self._each(named)
        images = tuple(source for source in stills if not _is_clip(source))
        naked = tuple(source for source in naked if not _is_clip(source))
        return Reading(
            images=images,
            naked=naked,
            pictures=() if videos else images or naked or bare or linked,
            videos=_once(videos),
            elsewhere=tuple(map(self._payloads.redact, elsewhere)),
        )

    def _each(self, pairs: Pairs) -> tuple[Source, ...]:
        """Return each source once, with the words of its first place."""
        return distinct([source for pair in pairs if (source := self._source(*pair))])

    def _source(self, address: str, alt: str) -> Source | None:
        cut = _CUT.fullmatch(address)
        address = address if cut else self._payloads.restore_text(address)
        alt = self._payloads.redact(_CUT.sub("…", alt)).strip()
        if cut:
            kept = self._data[int(cut[1])] if int(cut[1]) < len(self._data) else None
            return Source(kept.address, alt, data=kept.data) if kept else None
        return Source(address, alt) if address.lower().startswith(("http://", "https://", "/", "data:")) else None


def _is_clip(source: Source) -> bool:
    """Tell whether a source is a video in the text itself."""
    return source.address.startswith("data:video/")


def _may_be_video(link: tuple[str, str]) -> bool:
    """Tell whether a link, which says that it leads to a video, may lead there and not to another page."""
    address, words = link
    is_else = addresses.is_other(address) or addresses.is_picture(address) or addresses.is_question(address)
    return not (is_else or _SAYS_ELSE.search(words))


def _alone_on_its_line(text: str) -> Pairs:
    """Return what offers to load something, or stands behind words for a video, and is no part of a sentence."""
    named: Pairs = []
    for line in text[-LONGEST:].splitlines():
        if not _ALONE.fullmatch(said := _LINK.sub("", line)):
            continue
        is_video = bool(_NAMES_VIDEO.fullmatch(said))
        if is_video or _OFFERS.search(line):
            found = _parse(line.strip())
            named += [pair for pair in found.links if _OFFERS.search(pair[1])]
            named += [(address, said) for address, _ in (*found.links, *found.bare) if is_video]
    return [pair for pair in named if _may_be_video(pair)]


def distinct(sources: Sequence[Source], but: Sequence[Source] = ()) -> tuple[Source, ...]:
    """Return sources in order, equal bytes and equal addresses once.

    Args:
        sources: what to return.
        but: those that are left out.
    """
    if len(sources) + len(but) < 2:  # noqa: PLR2004  as in most answers
        return tuple(sources)
    kept: dict[Hashable, Source] = {}
    for source in sources:
        kept.setdefault(_identity(source), source)
    for source in but:
        kept.pop(_identity(source), None)
    return tuple(kept.values())


def _identity(source: Source) -> Hashable:
    """Return what is equal for equal sources: of bytes themselves, whatever type they go by, else the address."""
    return _Bytes(source.data) if source.data else source.address


class _Bytes:
    """Compares base64 without its padding, byte by byte, but only with what has the same size, beginning and end."""

    def __init__(self, data: bytes) -> None:
        end = data[-_ENDS:]
        self._data, self._size = data, len(data) - len(end) + len(end.rstrip(b"="))

    def __hash__(self) -> int:
        return hash((self._size, self._data[:_ENDS], self._data[max(0, self._size - _ENDS) : self._size]))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Bytes) or self._size != other._size:
            return False
        return self._data[: self._size] == other._data[: other._size]


def _once(sources: Sequence[Source]) -> tuple[Source, ...]:
    """Return links without those to the same file under the path of its download."""
    kept = {(source.address.replace("/download/", "/"), source.data): source for source in reversed(sources)}
    return tuple(reversed(kept.values()))


def _without_data(text: str, payloads: Payloads, data: list[Source], *, whole: bool) -> str:
    """Replace every base64 data URI by ``data:,cut<number>`` and keep the picture in ``data``."""
    pieces, at = [], 0
    while head := DATA_HEAD.search(text, at):
        closing = _NEED_CLOSING.get(text[head.start() - 1 : head.start()])
        end = _end_of_run(text, head, closing)
        mime = (head[1] or PNG.mime).lower()
        taken = mime.startswith(MEDIA_TYPES) and (whole or not closing or _CLOSED.match(text, end))
        run = payloads.restore_base64(text[head.end() : end]) if taken else b""
        data.append(Source(f"data:{mime}", data=run))
        pieces += [text[at : head.start()], f"data:,cut{len(data) - 1}" if run else "…"]
        at = end
    return "".join([*pieces, text[at:]])


def _end_of_run(text: str, head: re.Match[str], closing: str | None) -> int:
    """Return where the base64 ends; inside brackets or quotes it may be broken into lines, and must be closed."""
    if closing:
        end = _RUN_IN_LINES.match(text, head.end()).end()  # type: ignore[union-attr]
        if text[end : end + 1] in (closing, '"'):
            return end
    end = _RUN.match(text, head.end()).end()  # type: ignore[union-attr]
    # A second one may follow the first directly; its first word is no base64.
    return end - 4 if text[end : end + 1] == ":" and text[end - 4 : end] == "data" else end


def without_links(text: str, videos: Sequence[Source]) -> str:
    """Return an answer's words without the lines that only lead to its clips, which are kept."""
    names = [video.address.replace("/download/", "/") for video in videos if not video.address.startswith("data:")]

    def leads(line: str) -> bool:
        plain = unescape(line).replace("/download/", "/")
        return any(name in plain for name in names) and bool(_ONLY_LINKS.fullmatch(line.strip()))

    return "\n".join(line for line in text.splitlines() if not leads(line))


def _words(text: str, *, pictures: bool, videos: bool) -> str:
    """Return a text for reading; where nothing was found in it, it tells why and stays whole.

    A picture's markup goes, and with it the elements, code and links that held nothing else, and the lines that offer
    its download. The way to a video stays.
    """
    if pictures or videos:
        text = _MARKUP.sub(_GONE, text)
    if pictures:
        for _depth in range(_DEEPEST):
            text, count = _HELD_NOTHING_ELSE.subn(_GONE, text)
            if not count:
                break
        half = len(text) // 2
        text = text[:half] if text[:half] == text[half:] else text  # the last piece of a stream repeated the whole
        text = "\n".join(line for line in text.splitlines() if not _DOWNLOAD.match(line))
    return re.sub(r"\n{3,}", "\n\n", _CUT.sub("", text.replace(_GONE, ""))).strip()


def split_thoughts(text: str) -> tuple[str, str]:
    """Part a text into what answers and what thinks; takes time in proportion to the text.

    A thought that never ends goes to the end of the text; where only its end is marked, all before it is thought. What
    stands in code that is closed marks nothing.

    Args:
        text: as the model wrote it.

    Returns:
        The answer and the thoughts, without the marks.
    """
    answer, thoughts = list[str](), list[str]()
    start = at = 0
    open_for_ever: set[str] = set()
    while mark := _MARK.search(text, at):
        at = mark.end()
        if sign := (mark["fence"] or "")[:1]:
            closed = None if sign in open_for_ever else _FENCE_END[sign].search(text, at)
            at = closed.end() if closed else at
            open_for_ever |= set() if closed else {sign}
            continue
        answer.append(text[start : mark.start()])
        if mark["end"]:
            thoughts += answer
            answer.clear()
            start = at
            continue
        if mark["details"]:
            end, start = _end_of_fold(text, at)
        else:
            end, start = found.span() if (found := _IS_END.search(text, at)) else (len(text), len(text))
        thoughts.append(text[at:end])
        at = start
    if not start:
        return text, ""
    return "\n\n".join([*answer, text[start:]]), "\n\n".join(thoughts)


def _end_of_fold(text: str, at: int) -> tuple[int, int]:
    depth = 1
    for fold in _FOLD.finditer(text, at):
        depth += -1 if fold[1] else 1
        if not depth:
            return fold.span()
    return len(text), len(text)
