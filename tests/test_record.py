"""Notebooks are stored so that other programs can use them; the record of what was verified counts what nbval has
said, and nothing else."""

import json
import shutil
import subprocess
import sys

import pytest

from _ext import verified
from notebooks import miniature, write
from tools import ROOT
from tools import notebooks as tool

CHART = "# A straight line\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"

FIGURE = "import d2lconv as d2l\nd2l.draw_stacks([(1, 12, 12), (3, 10, 10)])"


def test_a_stored_notebook_says_what_its_pictures_show_and_what_it_is_written_in(tmp_path):
    page = write(miniature(("1 + 1", ""), (CHART, ""), (FIGURE, "")), tmp_path / "page.ipynb")
    tool.store(page)
    stored = page.read_text("utf-8")
    notebook = json.loads(stored)
    assert notebook["cells"][0]["outputs"][0]["data"]["text/plain"] == ["2"]
    assert notebook["cells"][1]["outputs"][-1]["metadata"]["image/png"] == {"alt": "A straight line"}
    assert notebook["cells"][2]["outputs"][-1]["metadata"]["image/png"].keys() == {"alt", "width"}
    assert notebook["metadata"]["language_info"]["file_extension"] == ".py"
    tool.store(page)
    assert page.read_text("utf-8") == stored


def report(folder, *cases):
    path = folder / "report.xml"
    path.write_text(f"<testsuite>{''.join(cases)}</testsuite>", encoding="utf-8")
    return path


def test_a_cell_counts_as_equal_only_if_it_passed(tmp_path):
    passed = '<testcase classname="_build.alone.groups.ipynb" name="Cell 1"/>'
    failed = '<testcase classname="_build.alone.groups.ipynb" name="Cell 2"><failure/></testcase>'
    compared, equal = tool.count(report(tmp_path, passed, failed))
    assert equal == 1 < compared


def test_a_measurement_is_not_counted(tmp_path):
    everything = "".join(f'<testcase classname="_build.alone.speed.ipynb" name="Cell {n}"/>' for n in range(26))
    _, equal = tool.count(report(tmp_path, everything))
    assert 0 < equal < 26


@pytest.fixture
def fork(tmp_path):
    """A copy of the repository; the function that takes its fingerprint comes with it."""
    shutil.copytree(ROOT, tmp_path / "fork", ignore=shutil.ignore_patterns(".*", "_build", "dist", "*.egg-info"))
    subprocess.run(["git", "init", "--quiet", tmp_path / "fork"], check=True)
    return tmp_path / "fork"


def fingerprint(root):
    code = "from tools.notebooks import fingerprint; print(fingerprint())"
    return subprocess.run([sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("path", ["d2lconv/corr.py", "d2lconv/measured.json", "book/groups.ipynb"])
def test_the_fingerprint_changes_with_the_package_and_the_notebooks(fork, path):
    before = fingerprint(fork)
    (fork / path).write_text((fork / path).read_text(encoding="utf-8") + " ", encoding="utf-8")
    assert fingerprint(fork) != before


def test_the_fingerprint_changes_with_nothing_else(fork):
    before = fingerprint(fork)
    for path in ("README.md", "book/index.md", "tests/test_corr.py", "_config.yml"):
        (fork / path).write_text((fork / path).read_text(encoding="utf-8") + " ", encoding="utf-8")
    subprocess.run([sys.executable, "-m", "tools.address", "ada-l/" "conv.2-d"], cwd=fork, check=True)
    assert fingerprint(fork) == before == fingerprint(ROOT)


def test_repeated_runs_take_every_notebook_each_time(tmp_path):
    for name, shown in (("right", "2"), ("wrong", "3")):
        write(miniature(("1 + 1", shown)), tmp_path / f"{name}.ipynb")
    run = subprocess.run([sys.executable, "-m", "tools.notebooks", "repeat", "2", tmp_path], cwd=ROOT,
                         capture_output=True, text=True, check=True)
    assert run.stdout.count("1 failed, 1 passed") == 2
    assert {path.name for path in tmp_path.glob("*.xml")} == {"1.xml", "2.xml"}


def test_the_page_says_which_runs_there_were_and_which_not():
    entry = {"device": "a card", "torch": "2", "cuda": "13.0", "driver": "580", "date": "today", "runs": 50,
             "compared": 18_000, "equal": 17_999, "state": "old"}
    assert verified.row(entry, "new") == [
        "a card", "2, CUDA 13.0, driver 580", "today", "50", "17,999 of 18,000", "an earlier one"]
    assert verified.row(None, "new")[0] == "not run"
