"""The record of what was verified counts what nbval has said, and nothing else."""

import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from notebooks import miniature, write

ROOT = Path(__file__).parent.parent
TOOL = runpy.run_path(str(ROOT / "tools" / "record.py"))


def report(folder, *cases):
    path = folder / "report.xml"
    path.write_text(f"<testsuite>{''.join(cases)}</testsuite>", encoding="utf-8")
    return path


def test_a_cell_counts_as_equal_only_if_it_passed(tmp_path):
    passed = '<testcase classname="_build.alone.groups.ipynb" name="Cell 1"/>'
    failed = '<testcase classname="_build.alone.groups.ipynb" name="Cell 2"><failure/></testcase>'
    compared, equal = TOOL["cells"](report(tmp_path, passed, failed))
    assert equal == 1 < compared


def test_a_measurement_is_not_counted(tmp_path):
    everything = "".join(f'<testcase classname="_build.alone.speed.ipynb" name="Cell {n}"/>' for n in range(26))
    _, equal = TOOL["cells"](report(tmp_path, everything))
    assert 0 < equal < 26


@pytest.fixture
def fork(tmp_path):
    """A copy of the repository; the function that takes its fingerprint comes with it."""
    shutil.copytree(ROOT, tmp_path / "fork", ignore=shutil.ignore_patterns(".*", "_build", "dist", "*.egg-info"))
    subprocess.run(["git", "init", "--quiet", tmp_path / "fork"], check=True)
    return tmp_path / "fork"


def fingerprint(root):
    return runpy.run_path(str(root / "tools" / "record.py"))["fingerprint"]()


@pytest.mark.parametrize("path", ["d2lconv/corr.py", "d2lconv/measured.json", "book/groups.ipynb"])
def test_the_fingerprint_changes_with_the_package_and_the_notebooks(fork, path):
    before = fingerprint(fork)
    (fork / path).write_text((fork / path).read_text(encoding="utf-8") + " ", encoding="utf-8")
    assert fingerprint(fork) != before


def test_the_fingerprint_changes_with_nothing_else(fork):
    before = fingerprint(fork)
    for path in ("README.md", "book/index.md", "tests/test_corr.py", "_config.yml"):
        (fork / path).write_text((fork / path).read_text(encoding="utf-8") + " ", encoding="utf-8")
    subprocess.run([sys.executable, fork / "tools" / "address.py", "ada-l/" "conv.2-d"], check=True)
    assert fingerprint(fork) == before == fingerprint(ROOT)


def test_repeated_runs_take_every_notebook_each_time(tmp_path):
    for name, shown in (("right", "2"), ("wrong", "3")):
        write(miniature(("1 + 1", shown)), tmp_path / f"{name}.ipynb")
    options = ["-p", "tests.ipc", "--nbval", "--nbval-current-env"]
    run = subprocess.run([sys.executable, ROOT / "tools" / "repeat.py", "2", tmp_path, *options],
                         cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.count("1 failed, 1 passed") == 2
    assert {path.name for path in tmp_path.glob("*.xml")} == {"1.xml", "2.xml"}


def test_the_page_says_which_runs_there_were_and_which_not():
    row = runpy.run_path(str(ROOT / "_ext" / "verified.py"))["row"]
    entry = {"device": "a card", "torch": "2", "cuda": "13.0", "driver": "580", "date": "today", "runs": 50,
             "compared": 18_000, "equal": 17_999, "state": "old"}
    assert row(entry, "new") == [
        "a card", "2, CUDA 13.0, driver 580", "today", "50", "17,999 of 18,000", "an earlier one"]
    assert row(None, "new")[0] == "not run"
