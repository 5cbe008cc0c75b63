"""The pages for users are short, whole, in step with the code and with each other."""

import re
import tomllib

import pytest
from support.pages import IN_CHINESE, PAGES, ROOT, anchors, blocks, headings, links, prose, rows, text_of

import wenwen_magic
from wenwen_magic.formats import FORMATS
from wenwen_magic.models import default_model
from wenwen_magic.notebook import options
from wenwen_magic.notebook.commands.registry import commands
from wenwen_magic.settings import NAMES, Settings
from wenwen_magic.text.i18n import LANGUAGES, in_every_language

OPTIONS = {"docs/options.md": ("Options", "Settings", "Commands"), "docs/zh/options.md": ("选项", "设置", "命令")}
CATALOGUE = ROOT / "wenwen_magic/text/locale/zh_CN/LC_MESSAGES/wenwen_magic.po"


# -- the options, the settings, the commands ---------------------------------------------------------------------------


@pytest.mark.parametrize("page", OPTIONS)
def test_every_option_is_told_and_no_other(page):
    told = [name for row in rows(page, OPTIONS[page][0]) for name in re.findall(r"`(--?[^\s`]+)`", "".join(row[:2]))]
    assert sorted(told) == sorted(name for option in options.TABLE for name in option.names)


def shown(value):
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value in (None, {}) else str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("page", OPTIONS)
def test_every_setting_is_told_with_its_default_and_no_other(page):
    told = {row[0].strip("`"): row[1].strip("`") for row in rows(page, OPTIONS[page][1])}
    usual = {"model": default_model(), "describe_model": default_model(words=True)}
    assert told == {
        name: shown(getattr(Settings(), name) or usual.get(name, getattr(Settings(), name))) for name in NAMES
    }


@pytest.mark.parametrize("page", OPTIONS)
def test_every_language_is_told(page):
    [told] = [row[2] for row in rows(page, OPTIONS[page][1]) if row[0].strip("`") == "lang"]
    assert set(re.findall(r"`(\w+)`", told)) == {*LANGUAGES, "auto"}


@pytest.mark.parametrize("page", OPTIONS)
def test_every_command_is_told_with_its_names_and_options_and_no_other(page):
    table = {row[0].split()[1].strip("`"): row for row in rows(page, OPTIONS[page][2])}
    assert sorted(table) == sorted({each.name for each in commands().values()})
    for each in commands().values():
        row = table[each.name]
        assert row[1].strip("`") == each.chinese
        for option in each.options:
            assert any(f"`{name}`" in row[2] for name in option.names), option.names


@pytest.mark.parametrize(
    ("page", "title", "unnamed"),
    [
        ("docs/formats.md", "Formats", "(when nothing is named)"),
        ("docs/zh/formats.md", "接口格式", "（没有指定模型时）"),
    ],
)
def test_every_format_is_told_and_the_model_that_draws_when_nothing_is_named(page, title, unnamed):
    told = {row[0].strip("`"): row[1] for row in rows(page, title)}
    assert sorted(told) == sorted(FORMATS)
    named = {form: cell.partition(unnamed)[0].strip() for form, cell in told.items() if unnamed in cell}
    assert named == {form: default_model(form) for form in named}
    assert {"chat", "images", "gemini"} <= named.keys()


# -- the READMEs, and the languages ------------------------------------------------------------------------------------


def test_the_readme_is_short():
    assert len(text_of("README.md").encode()) <= 6000


@pytest.mark.parametrize("page", IN_CHINESE)
def test_a_page_and_its_chinese_one_have_the_same_headings_and_code(page):
    chinese = IN_CHINESE[page]
    assert [level for level, _ in headings(chinese)] == [level for level, _ in headings(page)]
    if page.endswith("troubleshooting.md"):  # a message that is in two rows of one may be in one of the other
        return
    here, there = blocks(page), blocks(chinese)
    assert [block.language for block in there][: len(here)] == [block.language for block in here][: len(there)]


def meaning(line):
    """What a line of a cell says, whatever language its options are in."""
    magic, _, rest = line.partition(" ")
    return (magic, options.read(rest)) if magic.startswith("%%") else line


def test_the_cells_of_both_readmes_do_the_same():
    here, there = (
        [
            list(map(meaning, block.text.splitlines()[:1])) if "%%" in block.text else block.text
            for block in blocks(page)
        ]
        for page in ("README.md", "README.zh-CN.md")
    )
    assert here == there


def test_both_readmes_have_the_same_tables_and_links():
    def shape(page):
        text = prose(page)
        twins = {**IN_CHINESE, "notebooks/01-quickstart.ipynb": "notebooks/01-quickstart.zh.ipynb"}
        chinese = {twins.get(target, target) for target, _ in links(page)}
        return (
            text.count("\n| "),
            text.count("\n- "),
            chinese - {"README.zh-CN.md"},
            re.findall(r"https?://[\w./-]+", text),
        )

    assert shape("README.md") == shape("README.zh-CN.md")


# -- what the pages name is there --------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_the_files_and_headings_it_links_to_are_there(page):
    for target, anchor in links(page):
        path = (ROOT / page).parent / target if target else ROOT / page
        assert path.is_file(), target
        if anchor:
            assert anchor in anchors(path.resolve().relative_to(ROOT)), f"{target}#{anchor}"


def test_every_page_is_reached_from_the_readmes():
    reached, waiting = set(), ["README.md", "README.zh-CN.md"]
    while waiting:
        page = waiting.pop()
        if page in PAGES and page not in reached:
            reached.add(page)
            folder = (ROOT / page).parent
            waiting += [(folder / target).resolve().relative_to(ROOT).as_posix() for target, _ in links(page) if target]
    assert reached == set(PAGES)


def test_the_extras_that_are_installed_are_there():
    extras = tomllib.loads(text_of("pyproject.toml"))["project"]["optional-dependencies"]
    named = {name for page in PAGES for name in re.findall(r"pip install '\.\[(\w+)\]'", text_of(page))}
    assert named
    assert named <= set(extras)


def test_the_test_command_is_the_one_that_decides():
    assert "README.md" in (ROOT / ".ci/run").read_text("utf-8")
    for page in ("README.md", "README.zh-CN.md"):
        assert [block.text for block in blocks(page) if "tests" in block.marks] == ["sh start.sh test\n"]


def test_the_changelog_tells_of_this_version():
    assert f"\n## {wenwen_magic.__version__}\n" in text_of("CHANGELOG.md")


# -- troubleshooting ---------------------------------------------------------------------------------------------------


def plain(message):
    """A message with … for each value, and without the marks around a value."""
    return re.sub(r"['\"]?…['\"]?", "…", re.sub(r"\{+[^{}]*\}+", "…", message)).strip()


def known_messages():
    texts = re.findall(r'^msg(?:id|id_plural) "(.+)"$', CATALOGUE.read_text("utf-8"), re.MULTILINE)
    texts += re.findall(r'^msgstr(?:\[0\])? "(.+)"$', CATALOGUE.read_text("utf-8"), re.MULTILINE)
    return {plain(text.replace('\\"', '"')) for text in texts}


@pytest.mark.parametrize("page", ["docs/troubleshooting.md", "docs/zh/troubleshooting.md"])
def test_every_message_that_is_explained_is_one_of_the_package(page):
    told = re.findall(r"^\| \*(.+?)\*", prose(page), re.MULTILINE)
    foreign = {"UsageError: Cell magic … not found."}  # IPython's
    part = "… is unknown …"
    known = known_messages()
    assert len(told) > 40
    assert [message for message in told if message not in known | foreign | {part}] == []


def test_the_catalogue_that_messages_are_looked_up_in_is_the_one_in_use():
    assert len(in_every_language("The prompt is empty.")) > 1


@pytest.mark.parametrize("page", ["README.zh-CN.md", *IN_CHINESE.values()])
def test_no_line_of_chinese_is_broken_where_a_space_would_appear(page):
    words = r"[\u2e80-\u9fff\u3000-\u303f\uff00-\uffef]"
    assert re.findall(rf"{words}\n {{0,2}}{words}", prose(page)) == []


def test_the_citation_names_this_version():
    assert f"version: {wenwen_magic.__version__}\n" in text_of("CITATION.cff")
