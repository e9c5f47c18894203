"""The mutants are different from the package, each in one place, and leave no trace of the one before."""

import ast
import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOL = runpy.run_path(str(ROOT / "tools" / "mutants.py"))


def made(source, folder):
    """The mutants of a few lines, as what they say instead."""
    module = folder / "module.py"
    module.write_text(source)
    TOOL["mutants"].__globals__["ROOT"] = folder
    return {ast.unparse(tree) for _, tree in TOOL["mutants"](module)}


def test_each_operator_and_constant_is_changed_once(tmp_path):
    assert made("y = a + 1 < b", tmp_path) == {"y = a - 1 < b", "y = a + 2 < b", "y = a + 1 <= b"}


def test_a_condition_is_turned_round_and_an_error_left_out(tmp_path):
    assert made("if x:\n    raise E", tmp_path) == {"if not x:\n    raise E", "if x:\n    pass"}


def test_a_check_is_left_out_whether_it_is_a_line_or_a_decorator(tmp_path):
    assert made("@shapes\ndef f():\n    check(x)", tmp_path) == {
        "def f():\n    check(x)", "@shapes\ndef f():\n    pass"}


def test_messages_are_left_alone_and_names_are_not(tmp_path):
    assert made("raise_(f'{x} is wrong')\ny = 'same'", tmp_path) == {
        "pass\ny = 'same'", "raise_(f'{x} is wrong')\ny = 'same?'"}


def test_every_survivor_is_listed_with_a_reason():
    lines = [line for line in (ROOT / "tools/mutants.txt").read_text(encoding="utf-8").splitlines()
             if line and not line.startswith("#")]
    assert all(len(line.split(" | ")) >= 4 for line in lines)
    assert all((ROOT / line.split(" | ")[0]).read_text(encoding="utf-8").count(line.split(" | ")[1]) for line in lines)
