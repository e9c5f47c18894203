"""CONTRIBUTING.md sends nobody to a file, or to a command, that is not there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ROWS = [row.strip("| ").split(" | ") for row in re.findall(r"^\|.*\|$", TEXT, re.MULTILINE)][2:]
PATHS = {path for row in ROWS for path in re.findall(r"`([^`]+)`", row[1])}
COMMANDS = set(re.findall(r"\bmake((?: [a-z][a-z-]*)+)", " ".join(row[2] for row in ROWS)))


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
