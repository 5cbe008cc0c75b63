"""The README tells every option and setting, and only what there is."""

import re
from pathlib import Path

from wenwen_magic.notebook import options
from wenwen_magic.notebook.commands.registry import commands
from wenwen_magic.settings import NAMES, Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def section(title):
    return re.split(r"^#+ ", README.split(f"# {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def rows(title):
    return [line for line in section(title).splitlines() if line.startswith("| `")]


def test_every_option_is_told_and_no_other():
    told = re.findall(r"`(--?[^\s`]+)`", "\n".join(" | ".join(row.split("|")[1:3]) for row in rows("Options")))
    assert sorted(told) == sorted(options.NAMES)


def test_every_setting_is_told_with_its_default_and_no_other():
    found = {row.split("|")[1].strip(" `"): row.split("|")[2].strip(" `") for row in rows("Settings")}
    assert sorted(found) == sorted(NAMES)
    defaults = {name: getattr(Settings(), name) for name in NAMES}
    shown = {
        name: ", ".join(value) if isinstance(value, tuple) else "none" if value in (None, {}) else value
        for name, value in defaults.items()
    }
    assert found == {
        name: str(value).lower()
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
        for name, value in shown.items()
    }


def test_every_command_is_told():
    for told in ("%%wenwen_image", "%%wenwen_describe", "%wenwen_image", *(f"%wenwen {name}" for name in commands())):
        assert re.search(rf"(?<!%){re.escape(told)}\b", README), told


def test_the_files_and_pictures_it_names_are_there():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).is_file(), target


def test_the_changelog_tells_of_this_version():
    import wenwen_magic

    assert f"\n## {wenwen_magic.__version__}\n" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_commands_are_two_and_work_from_a_clone():
    commands = re.findall(r"^```sh\n(.+?)\n```$", README, re.MULTILINE)
    assert commands == ["sh start.sh", "sh start.sh test"]
    assert (ROOT / "start.sh").is_file()
