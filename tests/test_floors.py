"""A module imports only from floors below its own; each library has one home."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "wenwen_magic"

# Lowest first. The design's floor 0 (words: no I/O) is the first seven rows, floor 1 (tools) the next two, and so on.
FLOORS = (
    "language vocabulary",
    "errors",
    "nearest insertion secret payloads events torn embed wholefile money request models",
    "records imagemodels",
    "wire",
    "markdown recordfile problems outcomes addresses faults optionline spelling promptlist many worddiff mjorder",
    "comparison answers index replyfile lessonfile mjtask modelcache",
    "catalogue parcel mjreply reading picturelist candidates",
    (
        "settings formats transport dialling pictures inspection inspector history display keys references options "
        "interpolation runner batch conversation demo grid masking"
    ),
    "guard completion area session takes ballot tables remote styles",
    "lessons orders historytable modeltable lineage verdict promptrows recipes",
    "workshop",
    "painter",
    "several buttons",
    "manyrun enquirer",
    "client",
    "askabout historyoptions cell commands wishes parts",
    "longcell commandline strip inserter maskeditor controls choices editing offers actions",
    "doubts",
    "widgets",
    "magics",
    "__init__",
)
LEVEL = {name: level for level, names in enumerate(FLOORS) for name in names.split()}
# What a library's name may be imported by; demo/ is a program of its own.
HOMES = {
    "requests": {"transport"},
    "urllib3": {"transport", "faults", "guard", "addresses", "dialling"},
    "markdown_it": {"markdown"},
    "PIL": {"inspector", "masking", "records", "references", "demo"},
    "ipywidgets": {"widgets", "strip", "inserter", "maskeditor", "parts", "choices", "editing", "offers", "actions"},
    "IPython": {"magics"},
    "traitlets": {"magics"},
    "subprocess": {"inspection"},
    "sqlite3": {"index"},
    "tqdm": {"many", "client"},
}
# Doors that load late on purpose: Pillow for those who ask for a PIL image, TOML where there is a file of it.
LATE = {("records", "pandas"), ("records", "PIL"), ("references", "PIL"), ("settings", "tomllib")}


def files():
    return sorted(PACKAGE.rglob("*.py"))


def unit(path):
    """The module, or the package that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(tree):
    """Every imported module by its full name, and whether the import stands inside a function."""
    inner = {id(node) for call in ast.walk(tree) if isinstance(call, ast.FunctionDef) for node in ast.walk(call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in inner) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ((name, id(node) in inner) for name in names)


def own(name):
    """The unit of the package that an imported name stands for, or None for another library."""
    parts = name.split(".")
    if parts[0] != "wenwen_magic" or len(parts) < 2:
        return None
    return parts[1] if parts[1] in LEVEL else "__init__"


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_floors_below(path):
    here = unit(path)
    found = {own(name) for name, _ in imports(ast.parse(path.read_text("utf-8")))} - {None}
    if here in {"demo", "formats"}:
        found -= {here}
    if here == "__init__":
        return
    assert {name for name in found if LEVEL[name] >= LEVEL[here]} == set()


def test_every_module_has_a_floor():
    assert {unit(path) for path in files()} == LEVEL.keys()


def test_formats_do_not_know_one_another():
    for path in (PACKAGE / "formats").glob("[!_]*.py"):
        names = [name for name, _ in imports(ast.parse(path.read_text("utf-8")))]
        assert not [name for name in names if name.startswith("wenwen_magic.formats")]


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_library_is_imported_at_its_home_only(path):
    found = {name.split(".")[0] for name, _ in imports(ast.parse(path.read_text("utf-8")))}
    assert {name for name in found & HOMES.keys() if unit(path) not in HOMES[name]} == set()


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_is_imported_inside_a_function_except_at_a_door(path):
    late = {(unit(path), name.split(".")[0]) for name, inside in imports(ast.parse(path.read_text("utf-8"))) if inside}
    assert late <= LATE


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_and_functions_stay_small(path):
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            length = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            assert length <= 40, f"{node.name} has {length} lines"


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_says_in_its_first_line_what_it_does(path):
    first = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").splitlines()[:1]
    assert first
    assert len(first[0]) > 20


def test_no_code_asks_for_a_format_by_name():
    for path in files():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Compare):
                words = {value.value for value in ast.walk(node) if isinstance(value, ast.Constant)}
                assert not {"chat", "gemini", "midjourney"} & {word for word in words if isinstance(word, str)}
