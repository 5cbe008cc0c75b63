"""Read HTML as a front end without styles does, and refuse what is not well formed or not harmless."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

UNSHOWABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, what turns the direction of writing, lone surrogates."""
VOID = {"br", "img", "wbr"}
TAGS = VOID | {
    *("table", "thead", "tbody", "tr", "th", "td", "p", "div", "span", "pre", "code", "figure", "figcaption"),
    *("small", "b", "del", "ins", "nobr", "details", "summary", "video"),
}
ATTRIBUTES = {
    "video": {"controls", "preload", "poster", "src", "width", "style", "aria-label"},
    "img": {"src", "alt", "title", "width", "style"},
    "table": {"cellpadding", "style"},
    "th": {"scope", "width", "rowspan", "colspan", "align", "valign", "style"},
    "td": {"width", "rowspan", "colspan", "align", "valign", "style"},
}


@dataclass
class Cell:
    """A cell of a table: its attributes, its words, those of them that are folded, and the attributes of its images."""

    tag: str
    attributes: dict
    words: str = ""
    folded: str = ""
    images: list = field(default_factory=list)


class Document(HTMLParser):
    """Read a piece of HTML that a bundle may hold.

    Known elements and attributes only, closed in order; nothing that runs, is loaded or hides anything; no comment.

    Attributes:
        tags: all elements with their attributes, in order.
        words: all text, a line break for each ``<br>``.
        outside: the text outside of tables.
        tables: the rows of each table; those of a table in a table stand on their own.
    """

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        assert not UNSHOWABLE.search(html)
        self.tags, self.words, self.outside, self.tables = [], "", "", []
        self._open, self._rows, self._cells = [], [], []
        self.feed(html)
        self.close()
        assert self._open == []

    @property
    def rows(self):
        return [row for table in self.tables for row in table]

    @property
    def cells(self):
        return [cell for row in self.rows for cell in row]

    def named(self, name):
        """The attributes of all elements of a name."""
        return [attributes for tag, attributes in self.tags if tag == name]

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        style = attributes.get("style", "")
        assert tag in TAGS
        assert set(attributes) <= ATTRIBUTES.get(tag, {"style"}) | {"lang"}
        assert re.fullmatch(r"[a-z0-9:;%#-]*", style)
        assert not re.search(r"display|visibility|opacity", style)
        assert attributes.get("poster", "data:image/").startswith("data:image/")
        places = ("data:video/", "wenwen_images/") if tag == "video" else ("data:image/",)
        assert attributes.get("src", places[0]).startswith(places)
        self.tags.append((tag, attributes))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "table":
            self._rows.append([])
            self.tables.append(self._rows[-1])
        elif tag == "tr":
            self._rows[-1].append([])
        elif tag in {"td", "th"}:
            self._cells.append(Cell(tag, attributes))
            self._rows[-1][-1].append(self._cells[-1])
        elif tag == "img" and self._cells:
            self._cells[-1].images.append(attributes)
        elif tag == "br":
            self.handle_data("\n")

    def handle_endtag(self, tag):
        assert self._open.pop() == tag
        if tag == "table":
            self._rows.pop()
        elif tag in {"td", "th"}:
            self._cells.pop()

    def handle_data(self, data):
        self.words += data
        if "table" not in self._open:
            self.outside += data
        for cell in self._cells:
            cell.words += data
            cell.folded += data if "details" in self._open else ""

    def handle_comment(self, data):
        raise AssertionError(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


def read(bundle):
    """Read the HTML of a bundle all of whose entries are text that can be sent and shown."""
    assert all(isinstance(value, str) and value.encode() for value in bundle.values() if value)
    assert not UNSHOWABLE.search(bundle["text/plain"])
    return Document(bundle["text/html"])
