"""CONTRIBUTING.md sends nobody to a file, or to a command, that is not there, and leaves no room out."""

import re

import pytest

from tools import ROOT
from tools.address import files

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
TREE = re.search(r"## The house\n\n```\n(.*?)```", TEXT, re.DOTALL)[1].splitlines()
ROWS = [row.strip("| ").split(" | ") for row in re.findall(r"^\|.*\|$", TEXT, re.MULTILINE)][2:]
PATHS = {path for row in ROWS for path in re.findall(r"`([^`]+)`", row[1])}
COMMANDS = set(re.findall(r"\bmake((?: [a-z][a-z-]*)+)", " ".join(row[2] for row in ROWS)))
ROOMS = ["", "_ext/", "d2lconv/", "tools/"]  # of which everything has a line


def tree():
    """Every path in the tree of the house, a folder with a slash at its end."""
    above = []
    for line in TREE:
        depth = (len(line) - len(line.lstrip())) // 2
        above = [*above[:depth], line.split()[0]]
        yield "".join(above)


def inside(room):
    """What is in a room, but for what is hidden, and data of a module; a folder with a slash at its end."""
    for path in files():
        name, *deeper = path.relative_to(ROOT).as_posix().removeprefix(room).split("/")
        hidden = not path.is_relative_to(ROOT / room) or name.startswith((".", "__init__"))
        if not hidden and (deeper or not room or path.suffix == ".py"):
            yield f"{room}{name}{'/' if deeper else ''}"


def test_the_tree_names_what_is_there():
    assert len(TREE) > 40
    assert not [path for path in tree() if not (ROOT / path).exists()]


@pytest.mark.parametrize("room", ROOMS)
def test_the_tree_leaves_nothing_out(room):
    assert set(inside(room)) <= set(tree())


def test_the_table_has_three_columns():
    assert len(ROWS) > 10
    assert {len(row) for row in ROWS} == {3}


@pytest.mark.parametrize("path", sorted(PATHS | set(re.findall(r"\]\(([^)#:]+)\)", TEXT))))
def test_a_path_exists(path):
    assert (ROOT / path).exists()


@pytest.mark.parametrize("target", sorted({target for command in COMMANDS for target in command.split()}))
def test_a_target_exists(target):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:", makefile, re.MULTILINE)
