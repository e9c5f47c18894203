"""The record of what was verified counts what nbval has said, and nothing else."""

import runpy
from pathlib import Path

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


def test_the_fingerprint_changes_with_nothing_but_the_package_and_the_notebooks():
    assert TOOL["fingerprint"]() == TOOL["fingerprint"]()
    assert len(TOOL["fingerprint"]()) == 16
