"""The history as thumbnails that are pressed: to show, use, star, tag or delete one; searched and turned in place."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import ipywidgets

from wenwen_magic.client import Client
from wenwen_magic.errors import ConfigError, WenwenError
from wenwen_magic.history.index import Wanted
from wenwen_magic.history.store import Page
from wenwen_magic.notebook.cell_source import cell_of
from wenwen_magic.notebook.options import check_variable, split_quoted
from wenwen_magic.notebook.widgets import button, describe, mark, named, row, show, thumbnail, thumbnails
from wenwen_magic.notebook.widgets.insert_cell import Inserter
from wenwen_magic.records import Generation
from wenwen_magic.render import generation, history
from wenwen_magic.render.markup import Markup, clipped, join, lines, small, stacked, tag
from wenwen_magic.text.i18n import N_, _, speak

_SIDE, _GAP = 92, 6
"""Pixels: of a thumbnail, and after it."""
_GRID, _DETAILS = 4 * (_SIDE + _GAP), 380
"""Pixels: the width of four thumbnails, and the least of what is beside them."""
_HEIGHT, _LOWER = 440, 300
"""Pixels: the height of the box of the large picture, beside the thumbnails and above them."""
_BESIDE = {"flex_flow": "row-reverse wrap", "justify_content": "flex-end", "width": "100%"}
_WORDS_ON_TILE = 40
_NONE = -1
"""The place of what is shown large while nothing is."""
KINDS: Mapping[str, Mapping[str, bool]] = {
    N_("All"): {},
    N_("Results"): {"drawn": True, "demo": False},
    N_("With a star"): {"star": True},
    N_("Demo"): {"demo": True},
    N_("Without a result"): {"failed": True},
}
"""What is shown, by its name: the conditions that every other one of these leaves out."""
_STYLE = f"""
.wenwen-tile{{width:{_SIDE}px;height:{_SIDE}px;padding:2px 4px;margin:0 {_GAP}px {_GAP}px 0;position:relative;
line-height:1.25;font-size:11px;white-space:normal;text-align:left;overflow:hidden;overflow-wrap:anywhere}}
.wenwen-tile.wenwen-words{{align-items:flex-start;background:var(--jp-layout-color2,#eee);
color:var(--jp-ui-font-color1,#222)}}
.wenwen-tile.wenwen-star::after{{position:absolute;right:4px;top:2px;color:#fff;font-size:14px;
text-shadow:0 0 3px #000,0 0 2px #000;content:"★"}}
.wenwen-tile.wenwen-star::after{{content:"★" / ""}}
.wenwen-details .widget-html-content{{line-height:1.4}}
.wenwen-details{{height:{_HEIGHT}px}}
.wenwen-details figure :is(img,video){{max-height:300px!important}}
.wenwen-details figure video{{width:auto!important;min-width:0!important}}
.wenwen-history{{container-type:inline-size}}
@container (max-width:{_GRID + _DETAILS}px){{.wenwen-details{{height:{_LOWER}px}}
.wenwen-details figure :is(img,video){{max-height:200px!important}}.wenwen-tiles{{max-width:none!important}}}}
@media print{{.wenwen-history{{display:none!important}}}}
"""


class HistoryGallery:
    """A page of the history with controls, to be shown as its ``view``.

    Args:
        client: whose history it is.
        wanted: which records, as they were asked for.
        page: the page to begin with.
        names: the notebook's variables.
    """

    def __init__(self, client: Client, wanted: Wanted, page: Page, names: dict[str, Any]) -> None:
        self._client, self._names = client, names
        self._key = uuid4().hex[:8]
        self._asked, self._page = wanted, page
        self._rows: dict[int, Generation] = {}  # by their places on the page
        self._chosen = _NONE

        self.words = ipywidgets.Text(
            value=" ".join(map(_quoted, wanted.words)),
            placeholder=_("search words"),
            continuous_update=False,
            **named(ipywidgets.Text, _("search words"), flex="1 1 160px", min_width="100px"),
        )
        self.kind = ipywidgets.Dropdown(
            options=[(_(name), name) for name in KINDS],
            value=_kind_of(wanted),
            **named(ipywidgets.Dropdown, _("what is shown"), width=150),
        )
        self.newer = self._button("‹", lambda: self._load(self._page.number - 1), tooltip=_("newer"), width="36px")
        self.older = self._button("›", lambda: self._load(self._page.number + 1), tooltip=_("older"), width="36px")
        self.place = ipywidgets.HTML(layout={"margin": "0 4px"})
        self.tiles = [
            thumbnail(partial(self._do, partial(self._choose, number)), "wenwen-tile", self._class(number))
            for number in range(page.size)
        ]
        self._style = ipywidgets.HTML(layout={"display": "none"})
        self.grid = ipywidgets.VBox(layout={"flex": f"1 1 {_GRID}px", "max_width": f"{_GRID}px", "min_width": "0"})
        self.grid.add_class("wenwen-tiles")

        self.star = self._button("", self._press_star, width="auto")
        self.insert = self._button(_("Insert as cell"), self._press_insert, width="auto")
        self.delete = self._button(_("Delete"), self._press_delete, width="auto")
        self.yes = self._button(_("Delete for good"), self._press_yes, style="danger", width="auto")
        self.no = self._button(_("Keep"), lambda: self._ask(on=False), width="auto")
        self.name = ipywidgets.Text(
            placeholder=_("name"),
            **named(ipywidgets.Text, _("name of a variable"), flex="1 1 80px"),
        )
        self.use = self._button(_("Use as variable"), self._press_use, width="auto")
        self.tags = ipywidgets.Text(
            placeholder=_("tags"),
            continuous_update=False,
            **named(ipywidgets.Text, _("tags, with spaces between them"), flex="1 1 120px"),
        )
        self.tools = row([self.star, self.insert, self.delete], width="100%")
        self.question = row([self.yes, self.no], display="none", width="100%")
        self.note = ipywidgets.HTML(layout={"min_height": "24px"})  # a message of one line moves nothing
        self.shown = ipywidgets.HTML(layout={"width": "100%", "overflow": "auto"})
        self.shown.add_class("wenwen-details")
        self.shown.tabbable = True  # what scrolls can be scrolled by keys
        self.inserter = Inserter()
        details = ipywidgets.VBox(
            [
                self.tools,
                self.question,
                row([self.name, self.use, self.tags], width="100%"),
                self.note,
                self.inserter.view,
                self.shown,
            ],
            layout={"flex": f"1 1 {_DETAILS}px", "min_width": "0", "max_width": "100%", "overflow": "visible"},
        )
        self.view = ipywidgets.VBox(
            [
                self._style,
                row([self.words, self.kind, ipywidgets.HBox([self.newer, self.place, self.older])], width="100%"),
                # Where there is no room beside the thumbnails, what is shown large is above them.
                ipywidgets.HBox([details, self.grid], layout=_BESIDE),
            ],
            layout={"max_width": "820px"},
        )
        for name in ("wenwen-history", f"wenwen-live-{self._key}"):
            self.view.add_class(name)
        for field in (self.words, self.kind):
            field.observe(lambda _change: self._do(partial(self._load, 1)), names="value")
        self.tags.observe(lambda _change: self._set_tags(), names="value")
        self._fill(page)

    def twin(self, html: str) -> Markup:
        """Return the page for places without these controls; where they are live, only print shows it."""
        return tag("div", Markup(html), generation.dead_controls_style(), class_=f"wenwen-twin-{self._key}")

    def _class(self, number: int) -> str:
        return f"wenwen-tile-{self._key}-{number}"

    # -- a page --------------------------------------------------------------------------------------------------------

    def _fill(self, page: Page) -> None:
        """Show a page, and its first generation large."""
        self._page, self._rows = page, dict(enumerate(page.rows))
        files = dict[str, Path | None]()
        for number, (each, tile) in enumerate(zip(page.rows, self.tiles, strict=False)):
            thumbnail = self._client.thumbnail(each)
            files[self._class(number)] = thumbnail
            tile.description = "" if thumbnail else _words(each)
            mark(tile, "wenwen-words", on=not thumbnail)
            tile.layout.visibility = None
            self._describe(number)
        twin = f".wenwen-twin-{self._key}"
        # Only beside these controls: a copy of the notebook that is open too has the same page, and no controls.
        here = f":is(.jp-OutputArea,body:not(:has(.jp-OutputArea))):has(.wenwen-live-{self._key})"
        live = f"@media screen{{{here} {twin},{here}>.jp-OutputArea-child:has({twin}){{display:none}}}}"
        self._style.value = thumbnails(_STYLE + live, files)
        self.place.value = small(history.place(page) if page.rows else "")
        self.newer.disabled, self.older.disabled = page.number <= 1, page.number >= page.pages
        places, children = {each.id: number for number, each in enumerate(page.rows)}, []
        in_order = list[int]()
        for name, rows in history.apart(page.rows).items():
            if name:
                children.append(ipywidgets.HTML(tag("b", _(name))))
            numbers = [places[each.id] for each in rows]
            children.append(ipywidgets.HBox([self.tiles[one] for one in numbers], layout={"flex_flow": "row wrap"}))
            in_order += numbers
        self.grid.children = children or [ipywidgets.HTML(small(_("Nothing saved matches.")))]
        self._choose(next(iter(in_order), _NONE))

    def _describe(self, number: int) -> None:
        """Say on a thumbnail what it is, and whether it is marked and shown."""
        if (each := self._rows.get(number)) is None:
            return
        tile = self.tiles[number]
        prompt = clipped(generation.own_words(each), 200)
        what = " · ".join(filter(None, (prompt, generation.caption(each), history.marks(each), _name(each))))
        mark(tile, "wenwen-star", on=each.star)
        describe(tile, what, shown=number == self._chosen)

    def _load(self, number: int) -> None:
        """Show another page of what is asked for now; what the line asked for is one with it."""
        asked, kind = self._asked, self.kind.value
        if kind != _kind_of(asked):
            asked = replace(asked, star=False, failed=False, drawn=False, demo=None)
        chosen: Mapping[str, Any] = KINDS[kind]
        wanted = replace(asked, words=tuple(split_quoted(self.words.value)), **chosen)
        self._fill(self._client.history.page(wanted, number, self._page.size))

    # -- one generation ------------------------------------------------------------------------------------------------

    def _choose(self, number: int) -> None:
        """Show a generation large, with what can be done with it."""
        before, self._chosen = self._chosen, number
        for each in {before, number}:
            self._describe(each)
        take = self._rows.get(number)
        self._ask(on=False)
        for control in (self.star, self.insert, self.delete, self.use, self.name, self.tags):
            control.disabled = take is None
        self.star.description = f"{'★' if take and take.star else '☆'} {_('Star')}"
        self.tags.value = " ".join(take.tags) if take else ""
        self.shown.value = ""
        if take:
            ready, prompt = self._client.ready(take), tag("p", lines(generation.prompt_of(take)))
            described = generation.described(ready)
            about = tag("p", small(_name(take)))
            self.shown.value = join(
                generation.generation_html(ready, described, asked_here=True, in_widget=True), prompt, about
            )

    @property
    def _take(self) -> Generation:
        """What is shown large; ConfigError where nothing is."""
        if (take := self._rows.get(self._chosen)) is None:
            raise ConfigError(_("Press a thumbnail first."))
        return take

    def _change(self, changed: Generation) -> None:
        """Show what was changed of the generation that is shown large."""
        self._rows[self._chosen] = changed
        self._choose(self._chosen)

    def _press_star(self) -> None:
        self._change(self._client.history.star(self._take, on=not self._take.star))

    def _set_tags(self) -> None:
        take = self._rows.get(self._chosen)
        if take is not None and self.tags.value != " ".join(take.tags):  # else another generation is shown now
            self._do(self._save_tags)

    def _save_tags(self) -> None:
        self._change(self._client.history.tag(self._take, [self.tags.value]))
        self._say(_("tags: {tags}", tags=self.tags.value) if self.tags.value else _("no tags"))

    def _press_insert(self) -> None:
        take = self._take
        self.inserter.insert(cell_of(self._client, take))
        if self._client.missing([take.request]) and not self._client.is_demo:
            asks_for = (
                N_("Running the new cell draws a new picture and pays."),
                N_("Running the new cell makes a new clip and pays."),
                N_("Running the new cell asks again and pays."),
            )
            self._say(_(asks_for[1 if take.request.wants_clip else 2 * take.request.wants_words]))

    def _press_use(self) -> None:
        name = check_variable(self.name.value.strip(), do=N_("Use letters, digits and _: cat_1"))
        self._names[name] = self._client.ready(self._take).said
        self._say(_("{name} holds this now.", name=name))

    # -- deleting ------------------------------------------------------------------------------------------------------

    def _ask(self, *, on: bool) -> None:
        """Put the question whether to delete in the place of the tools, or the tools back."""
        show(self.tools, on=not on)
        show(self.question, on=on)

    def _press_delete(self) -> None:
        self._ask(on=True)
        self._say(_("Its files are deleted too. Asking for it again costs again."))

    def _press_yes(self) -> None:
        """Delete what is shown; its place stays empty, so that no other thumbnail moves."""
        take = self._take
        self._ask(on=False)
        self._client.history.delete(take)
        del self._rows[self._chosen]
        self.tiles[self._chosen].layout.visibility = "hidden"
        self._choose(_NONE)
        self._say(_("Deleted: {names}", names=f"#{take.id[:6]}"))

    # -- presses and messages ------------------------------------------------------------------------------------------

    def _button(self, description: str, press: Callable[[], None], **look: str) -> Any:
        return button(description, lambda: self._do(press), **look)

    def _do(self, press: Callable[[], None]) -> None:
        """Do what was pressed: in the reader's language, the last message gone, an error of ours shown in its place."""
        speak(self._client.settings.lang)
        self._say()
        try:
            press()
        except WenwenError as error:
            self._say(*error.lines())

    def _say(self, *words: str) -> None:
        self.note.value = tag("div", stacked(*words), role="status") if words else ""


def _quoted(word: str) -> str:
    """Return a word of a search as it is typed: in quotes where it holds a space."""
    quote = "'" if '"' in word else '"'
    return f"{quote}{word}{quote}" if any(map(str.isspace, word)) else word


def _kind_of(wanted: Wanted) -> str:
    """Return the kind that was asked for; the first, everything, where it is none of the others."""
    asked = [
        name for name, kind in KINDS.items() if kind and all(getattr(wanted, key) == on for key, on in kind.items())
    ]
    return next(iter(asked), next(iter(KINDS)))


def _name(row: Generation) -> str:
    return f"#{row.id[:6]} · {row.created[:10]} {row.created[11:16]}"


def _words(row: Generation) -> str:
    """Return what is on the button of a generation without a picture: a sign, and how its prompt begins."""
    sign = "▶" if row.kept_videos else "¶" if row.has_result else "…" if row.state == "sent" else "✗"
    return f"{sign} {clipped(generation.own_words(row), _WORDS_ON_TILE)}"
