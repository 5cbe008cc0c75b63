"""What a build adds to the package: the repository's address, and a README whose links work anywhere."""

import subprocess

import pytest
from support.pages import ROOT

import hatch_build

HOME = "https://example.org/us/magic"


@pytest.fixture
def clone(tmp_path):
    def of(origin):
        subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
        subprocess.run(["git", "-C", str(tmp_path), "remote", "add", "origin", origin], check=True)
        return tmp_path

    return of


@pytest.mark.parametrize(
    "origin",
    [
        f"{HOME}.git",
        f"{HOME}/",
        "git@example.org:us/magic.git",
        "ssh://git@example.org:2222/us/magic.git",
        "https://me:ghp_secret@example.org/us/magic.git",
    ],
)
def test_a_build_names_the_page_of_the_repository_it_was_cloned_from(clone, origin):
    assert hatch_build.repository(clone(origin)) == HOME


@pytest.mark.parametrize("origin", ["/srv/magic", "../magic", "file:///srv/magic.git", "C:\\magic"])
def test_a_clone_of_a_folder_has_no_page(clone, origin):
    assert hatch_build.repository(clone(origin)) == ""


def test_an_sdist_keeps_the_address_of_the_clone_it_was_made_from(tmp_path):
    (tmp_path / "PKG-INFO").write_text(f"Name: x\nProject-URL: Repository, {HOME}\n\nProject-URL: no\n")
    assert hatch_build.repository(tmp_path) == HOME


def test_without_a_clone_there_is_no_address(tmp_path):
    assert hatch_build.repository(tmp_path) == ""


def test_links_and_pictures_of_the_readme_lead_to_the_repository():
    text = (ROOT / "README.md").read_text("utf-8")
    made = hatch_build.with_addresses(text, HOME)
    assert f"]({HOME}/blob/HEAD/docs/start.md)" in made
    assert f"]({HOME}/raw/HEAD/docs/" in made
    assert "](docs/" not in made
    assert made.count("](https://api.") == text.count("](https://api.")
    assert hatch_build.with_addresses(text, "") == text
