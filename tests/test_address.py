"""The repository's address stands in many files; one command writes them all."""

import re
import shutil
import subprocess
import sys

import pytest

from tools import ROOT, address

# Any repository that a link can name: GitHub itself, its raw files, Colab, Binder, GitHub Pages.
LINKED = re.compile(
    rb"(?:github(?:usercontent)?\.com|colab\.research\.google\.com/github|mybinder\.org/v2/gh)"
    rb"(?:/|%2F)([\w.-]+)(?:/|%2F)([\w.-]+)"
    rb"|([\w-]+)\.github\.io/([\w.-]+)")

# In two pieces, lest the command find these addresses in this file.
NEW, MERGED = "ada-l/" "conv.2-d", "bob/" "conv"


def run(root, *arguments):
    return subprocess.run([sys.executable, "-B", "-m", "tools.address", *arguments], cwd=root,
                          capture_output=True, text=True)


@pytest.fixture
def copy(tmp_path):
    """The tree as it is now, in a repository of its own."""
    for path in address.files():
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    return tmp_path


def contents(root):
    return {path.relative_to(root).as_posix(): path.read_bytes()
            for path in root.rglob("*") if path.is_file() and ".git" not in path.parts}


def test_all_copies_agree():
    """Who shares our owner or our name is us, and must share the other half too."""
    ours = address.present().encode().split(b"/")
    strays = []
    for path in address.files():
        for match in LINKED.finditer(path.read_bytes()):
            owner, name = (part for part in match.groups() if part is not None)
            name = name.removesuffix(b".git").rstrip(b".")
            if (owner == ours[0]) != (name == ours[1]):
                strays.append(f"{path.relative_to(ROOT)}: {match[0].decode()}")
    assert not strays


@pytest.mark.parametrize("place", ["_config.yml", "README.md", "CITATION.cff", "pyproject.toml"])
def test_the_address_stands_where_readers_look(place):
    assert address.occurrences(address.present()).search((ROOT / place).read_bytes())


def test_there_and_back_leaves_no_difference(copy):
    old, before = address.present(), contents(copy)
    there = run(copy, NEW)
    assert there.returncode == 0, there.stderr
    changed = contents(copy)
    assert {line.rpartition(": ")[0] for line in there.stdout.splitlines()} == {
        name for name in before if before[name] != changed[name]}
    assert not any(address.occurrences(old).search(text) for text in changed.values())
    assert run(copy, old).returncode == 0
    assert contents(copy) == before


def test_every_form_of_link_is_written_and_nothing_else(copy):
    owner, name = address.present().split("/")
    form = ("https://github.com/{o}/{n}.git\r\nhttps://colab.research.google.com/github/{o}/{n}/blob\n"
            "https://mybinder.org/v2/gh/{o}/{n}/main?repo=https%3A%2F%2Fgithub.com%2F{o}%2F{n}&x\n"
            "https://{o}.github.io/{n}/ git+https://github.com/{o}/{n}. ")
    others = f"https://github.com/x{owner}/{name} {owner}/{name}-fork {owner}/other {name}".encode()
    page = copy / "page.txt"
    page.write_bytes(form.format(o=owner, n=name).encode() + others)
    assert "page.txt: 6" in run(copy, NEW).stdout
    assert page.read_bytes() == form.format(o="ada-l", n="conv.2-d").encode() + others


def test_without_git_the_same_files_are_found(copy):
    code = "from tools import ROOT, address; print([path.relative_to(ROOT).as_posix() for path in address.files()])"
    (copy / "_build").mkdir()
    (copy / "_build/page.html").touch()
    with_git = subprocess.run([sys.executable, "-c", code], cwd=copy, capture_output=True, text=True, check=True).stdout
    shutil.rmtree(copy / ".git")
    assert with_git == subprocess.run(
        [sys.executable, "-c", code], cwd=copy, capture_output=True, text=True, check=True).stdout


def test_the_present_address_changes_nothing(copy):
    before = contents(copy)
    result = run(copy, address.present())
    assert (result.returncode, result.stdout, contents(copy)) == (0, "", before)


def test_a_merged_page_is_found_by_its_old_address(copy):
    run(copy, NEW)
    (copy / "merged.md").write_text(f"https://github.com/{MERGED}", encoding="utf-8")
    assert run(copy, NEW, MERGED).stdout == "merged.md: 1\n"


@pytest.mark.parametrize("bad", ["", "name", "a/b/c", "a_/c", "-a/c", "a-/c", "a--b/c", "a/b c", "a/b\n",
                                 "a/", "a/c.git", "a/a.github.io", "https://github.com/a/c"])
def test_what_is_no_address_is_refused(copy, bad):
    before = contents(copy)
    assert run(copy, bad).returncode != 0
    assert contents(copy) == before
