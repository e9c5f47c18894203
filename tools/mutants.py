"""Change the package in one place at a time, and see whether its tests notice: python -m tools.mutants [MODULE...]

mutmut (3.8.1, file_mutation.py) leaves functions with decorators alone, so all that `shapes` guards; cosmic-ray
starts Python, and with it torch, anew for each of thousands of mutants. This imports torch once, forks, and puts
the mutant in the place of the module: no file is touched. A mutant is killed if a test fails; taking too long is
not enough. Those that live stand in mutants.txt, by module, function and change, with the reason why that is
harmless. The exit status is 1 if one does not, or if less than 95 % are killed.
"""

import ast
import json
import os
import signal
import sys
import tempfile
from collections import Counter
from importlib.machinery import SourceFileLoader
from pathlib import Path

if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"  # threads do not survive a fork, and torch would wait for them forever
    os.environ |= {"THOROUGH": "1", "HYPOTHESIS_PROFILE": "quick"}

import hypothesis  # noqa: F401
import pytest
import torch._dynamo  # noqa: F401

from tools import ROOT

MODULES = ["validation", "arithmetic", "contraction", "tiling", "conv", "corr", "cost", "loops", "runtime", "winograd",
           "layers", "reasons", "repairs", "summary", "trace",
           *(f"exercises/engine/{name}" for name in (  # not the tasks, which are data
               "binding", "check", "exercise", "feedback", "notes", "observe", "recognise", "report", "sandbox",
               "show", "surroundings", "trial", "values"))]
TESTS = {  # which tests answer for a module, where it is not test_<module>.py alone; the surest first
    "validation": ["validation", "conv", "layer", "loops", "cost", "arithmetic"], "conv": ["conv", "layer"],
    "contraction": ["corr", "conv", "loops"],
    "tiling": ["tiling", "corr", "conv", "layer"], "corr": ["corr", "loops", "validation"],
    "loops": ["loops", "corr", "validation"], "runtime": ["runtime", "corr", "conv"],
    **{name: ["summary"] for name in ("layers", "reasons", "repairs", "trace")}}
LIMIT, PROCESSES, GOAL = 600, 2, 0.95  # seconds, at once, killed
SWAP = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
        ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.MatMult: ast.Mult, ast.And: ast.Or, ast.Or: ast.And,
        ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.USub: ast.UAdd,
        ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In}


def changes(node):
    """The changes to one node as (what, attribute, its new value)."""
    if type(getattr(node, "op", None)) in SWAP:
        yield f"{type(node.op).__name__} in {short(node)}", "op", SWAP[type(node.op)]()
    for place, op in enumerate(getattr(node, "ops", [])):
        swapped = [*node.ops[:place], SWAP[type(op)](), *node.ops[place + 1:]]
        yield f"{type(op).__name__} in {short(node)}", "ops", swapped
    if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float)):
        yield f"{node.value}", "value", not node.value if isinstance(node.value, bool) else node.value + 1
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and 0 < len(node.value) < 12:
        yield repr(node.value), "value", node.value + "?"  # a name or an axis; what is longer is prose
    if isinstance(node, (ast.If, ast.IfExp, ast.While)):
        yield f"if {short(node.test)}", "test", ast.UnaryOp(ast.Not(), node.test)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield f"{short(node)}", "operand", ast.UnaryOp(ast.Not(), node.operand)
    decorators = [ast.unparse(decorator) for decorator in getattr(node, "decorator_list", [])]
    if decorators and decorators != ["staticmethod"]:  # whose functions are called by their class, and need none
        yield "decorators", "decorator_list", []
    for block in ("body", "orelse", "finalbody"):
        lines = getattr(node, block, None)
        for place, line in enumerate(lines if isinstance(lines, list) else []):
            call = isinstance(line, ast.Expr) and isinstance(line.value, ast.Call)
            if call or isinstance(line, ast.Raise):
                yield f"no {short(line)}", block, [*lines[:place], ast.Pass(), *lines[place + 1:]]


def short(node):
    return ast.unparse(node).partition("\n")[0][:60]


def within(node, place="", parent=None):
    """Every node of a tree, with where it stands (a function, a class, a constant), and with its parent."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        place = f"{place}.{node.name}" if place else node.name
    if isinstance(node, ast.Assign) and isinstance(parent, (ast.Module, ast.ClassDef)):
        place = f"{place}.{short(node.targets[0])}" if place else short(node.targets[0])
    yield node, place, parent
    for child in ast.iter_child_nodes(node):
        yield from within(child, place, node)


def mutants(path):
    """Every mutant of a module, one after the other, as (where and what, its syntax tree)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    prose |= {getattr(node, place, None) for node in ast.walk(tree) for place in ("annotation", "returns")}  # types
    seen = Counter()
    for node, place, parent in [*within(tree)]:
        if isinstance(node, ast.Constant) and isinstance(parent, ast.expr):
            place += f" | in {short(parent)}"
        for what, attribute, value in [] if node in prose else [*changes(node)]:
            before = getattr(node, attribute)
            setattr(node, attribute, value)
            name = f"{path.relative_to(ROOT).as_posix()} | {place} | {what}"
            seen[name] += 1
            again = f" ({seen[name]})" if seen[name] > 1 else ""  # the same change at the same place once more
            ast.fix_missing_locations(node)
            yield name + again, tree
            setattr(node, attribute, before)


def tests_of(path):
    return ["feedback", "exercises"] if path.parent.name == "engine" else TESTS.get(path.stem, [path.stem])


class QuickestFirst:
    """A plugin of pytest: what took least time when all was right comes first, so that most mutants die soon."""

    def __init__(self):
        self.seconds = Counter()
        self.folder = tempfile.TemporaryDirectory()  # a child tells its parent and the next ones
        self.file = Path(self.folder.name) / "seconds.json"

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items):
        if self.file.exists():
            self.seconds = Counter(json.loads(self.file.read_text(encoding="utf-8")))  # a mutant may name new tests
        items.sort(key=lambda item: self.seconds[item.nodeid])

    def pytest_runtest_logreport(self, report):
        self.seconds[report.nodeid] += report.duration

    def pytest_sessionfinish(self):
        if not self.file.exists():
            self.file.write_text(json.dumps(self.seconds), encoding="utf-8")


def test(path, tree, order):
    """Run in a child the tests of a module, with this tree in its place; return the child's number."""
    if child := os.fork():
        return child
    signal.alarm(LIMIT)  # ends the child by itself
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    get_code = SourceFileLoader.get_code
    SourceFileLoader.get_code = lambda loader, name: (
        compile(tree, path, "exec") if Path(loader.path) == path else get_code(loader, name))
    os._exit(pytest.main(["-x", "-q", "-m", "not peers", "-p", "no:cacheprovider", "--assert=plain",
                          "--doctest-modules", str(path), *[f"tests/test_{name}.py" for name in tests_of(path)]],
                         plugins=[order]))


def survivors(path, counts):
    """Try every mutant of a module, a few at a time; count what becomes of them, and return those not killed."""
    order = QuickestFirst()
    if os.waitpid(test(path, ast.parse(path.read_text(encoding="utf-8")), order), 0)[1]:
        sys.exit(f"{path}: its tests fail without any change, or take longer than {LIMIT} s")
    if not os.waitpid(test(path, ast.parse("raise ImportError"), order), 0)[1]:
        sys.exit(f"{path}: its tests pass without it, so they import it from somewhere else")
    running, left = {}, []

    def wait():
        child, status = os.wait()
        what = "lived" if status == 0 else "took too long" if status == signal.SIGALRM else "killed"
        counts[what] += 1
        name = running.pop(child)
        if what != "killed":
            left.append(name)
            print(f"{what}: {name}", flush=True)

    for name, tree in mutants(path):
        running[test(path, tree, order)] = name
        if len(running) == PROCESSES:
            wait()
    while running:
        wait()
    return left


def explained():
    """The mutants that may live, each with its reason."""
    lines = (ROOT / "tools/mutants.txt").read_text(encoding="utf-8").splitlines()
    entries = [line.rpartition(" | ") for line in lines if line and not line.startswith("#")]
    return {name: reason for name, _, reason in entries}


def main(modules):
    harmless = explained()
    total, unexplained = Counter(), []
    for path in [path for module in modules for path in sorted((ROOT / "d2lconv").glob(f"{module}.py"))]:
        counts = Counter()
        unexplained += [name for name in survivors(path, counts) if name not in harmless]
        total += counts
        print(f"{path.stem}: {dict(counts)}", flush=True)
    killed = total["killed"] / total.total()
    print(f"{total.total()} mutants: {dict(total)}; {killed:.1%} killed", *unexplained, sep="\nnot explained: ")
    return killed < GOAL or bool(unexplained)


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main(sys.argv[1:] or MODULES))
