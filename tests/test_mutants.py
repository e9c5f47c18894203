"""The mutants are different from the package, each in one place, and leave no trace of the one before."""

import ast

import pytest

from tools import ROOT, mutants


def made(source, folder, monkeypatch):
    """The mutants of a few lines, each name with what the lines say instead."""
    module = folder / "module.py"
    module.write_text(source)
    monkeypatch.setattr(mutants, "ROOT", folder)
    return {name: ast.unparse(tree) for name, tree in mutants.mutants(module)}


@pytest.mark.parametrize(("source", "instead"), [
    ("y = a + 1 < b", {"y = a - 1 < b", "y = a + 2 < b", "y = a + 1 <= b"}),
    ("if x:\n    raise E", {"if not x:\n    raise E", "if x:\n    pass"}),
    ("@shapes\ndef f():\n    check(x)", {"def f():\n    check(x)", "@shapes\ndef f():\n    pass"}),
    ("class C:\n    @staticmethod\n    def f():\n        g()", {
        "class C:\n\n    @staticmethod\n    def f():\n        pass"}),
    ("raise_(f'{x} is wrong')\ny = 'same'", {  # messages are left alone, and names are not
        "pass\ny = 'same'", "raise_(f'{x} is wrong')\ny = 'same?'"}),
])
def test_every_change_is_made_once(tmp_path, monkeypatch, source, instead):
    assert set(made(source, tmp_path, monkeypatch).values()) == instead


def test_a_mutant_is_named_by_its_function_wherever_its_line_is(tmp_path, monkeypatch):
    source = "class C:\n    def f(self):\n        return 1 + 1"
    names = list(made(source, tmp_path, monkeypatch))
    assert names == [f"module.py | C.f | {what}" for what in ("Add in 1 + 1", "in 1 + 1 | 1", "in 1 + 1 | 1 (2)")]
    assert list(made(f"# moved\n\n{source}", tmp_path, monkeypatch)) == names


def test_every_mutant_that_may_live_is_one_that_is_made():
    modules = {name.split(" | ")[0] for name in mutants.explained()}
    names = {name for module in modules for name, _ in mutants.mutants(ROOT / module)}
    assert mutants.explained().keys() <= names
    assert all(mutants.explained().values())


def test_every_module_that_is_tried_is_there_with_the_tests_that_answer_for_it():
    for module in mutants.MODULES:
        assert (ROOT / f"d2lconv/{module}.py").exists()
        for name in mutants.tests_of(ROOT / f"d2lconv/{module}.py"):
            assert (ROOT / f"tests/test_{name}.py").exists()
