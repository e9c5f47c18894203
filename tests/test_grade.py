"""A class is graded: right, wrong, broken and hostile notebooks, and none of them costs more than its own lines."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from d2lconv.exercises import EXERCISES
from d2lconv.grade import BUBBLEWRAP, HOOK, can_contain, draw_histogram, main, parsed, summary
from d2lconv.grade import write as write_table
from d2lconv.grading.judge import NOT_DONE, Row

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the grader says that it does not run here")

ROOT = Path(__file__).parent.parent
PRANK = Path("/dev/shm/prank-of-a-notebook")  # in a folder that may be read, and written by everybody
ASKED = ("corr2d", "corr2d_multi_in", "macs")
START = "import torch\nimport d2lconv as d2l\nfrom d2lconv import exercises"
CORR2D = """
def corr2d(X, K):
    (h, w), (k_h, k_w) = X.shape, K.shape
    rows = [[(X[i:i + k_h, j:j + k_w] * K).sum() for j in range(w - k_w + 1)] for i in range(h - k_h + 1)]
    return torch.stack([torch.stack(row) for row in rows])

assert exercises.check_corr2d(corr2d)
"""
MULTI_IN = "def corr2d_multi_in(X, K): return sum(corr2d(x, k) for x, k in zip(X, K))"
MEAN = "def corr2d_multi_in(X, K): return torch.stack([corr2d(x, k) for x, k in zip(X, K)]).mean(0)"
SOCKETS = """
import os, stat
def is_socket(number):
    try:
        return stat.S_ISSOCK(os.fstat(number).st_mode)
    except OSError:
        return False
assert sum(map(is_socket, range(256))) == 1
"""
NOTEBOOKS = {
    "right": [CORR2D, "%pip install nothing\n!ls\n" + MULTI_IN, "%%time\nimport matplotlib.pyplot as plt\nplt.show()"],
    "mean": [CORR2D, MEAN, "def macs(input_shape, weight_shape, stride, padding): ..."],
    "mean again": [CORR2D, MEAN, "def macs(*_): return 10**5000"],
    "changed": [CORR2D, "def corr2d_multi_in(X, K):\n    X += 1\n    return sum(map(corr2d, X - 1, K))",
                "def macs(*_): return {1: 2}"],
    "layer": ["corr2d = torch.nn.Conv2d(1, 1, 1)", "class corr2d_multi_in: pass", "macs = 5"],
    "borrowed": ["def corr2d(X, K):\n    Y = d2l.corr2d(X, K)\n    return Y.clone()",
                 "from d2lconv.loops import corr2d_multi_in",
                 "def macs(I, W, s, p): return d2l.conv2d_cost(I, W, stride=s, padding=p).macs"],
    "truth": ["corr2d = exercises.EXERCISES['corr2d'].truth"],
    "renamed": ["def corr2d(X, K): ...",
                CORR2D.replace("corr2d(", "mine(").replace("check_mine(corr2d)", "check_corr2d(mine)"),
                "exercises.check_corr2d(corr2d)",
                "def sums(X, K): return sum(map(mine, X, K))\n# check_corr2d_multi_in(corr2d)\n"
                "assert exercises.check_corr2d_multi_in( sums, seconds=5)",
                "def macs(*_): ...\nexercises.check_macs(lambda *_: 5); exercises.check_macs(gone)"],
    "half": ["1 / 0", CORR2D, "def corr2d_multi_in(X, K) return X"],
    "nothing": [],
    "endless": ["while True: print('x' * 1000)", CORR2D, "def corr2d_multi_in(X, K):\n    while True: pass"],
    "deaf": [CORR2D, "import signal\nsignal.signal(signal.SIGPROF, signal.SIG_IGN)\nwhile True: pass"],
    "exits": ["import os, sys", CORR2D, "os._exit(0)", "sys.exit()", "def corr2d_multi_in(X, K): os._exit(1)",
              "macs = ..."],
    "bomb": ["x = bytearray(1 << 40)", "x = []\nwhile True: x.append(bytearray(1 << 24))", CORR2D,
             "def corr2d_multi_in(X, K): return torch.zeros(10**11)"],
    "forger": ["exercises.check_corr2d = lambda function: True", "torch.equal = torch.allclose = lambda *_, **__: True",
               "exercises.Report.__bool__ = lambda self: True", "def corr2d(X, K): return X",
               "class Equal:\n    def __eq__(self, other): return True", "def macs(*_): return Equal()"],
    "killer": ["import os, subprocess", "os.kill(os.getppid(), 9)", "os.fork()", "subprocess.run(['kill', '-9', '1'])",
               "import ctypes\nctypes.CDLL(None).kill(os.getppid(), 9)",
               "judge = int(open(f'/proc/{os.getppid()}/stat').read().rsplit(')')[1].split()[1])",
               "import signal\nsignal.pidfd_send_signal(os.pidfd_open(judge), 9)", CORR2D],
    "vandal": ["import os, shutil", "open('{victim}', 'w')", "os.remove('{victim}')", "shutil.rmtree('{folder}')",
               "torch.save(torch.ones(1), '{victim}')", "os.rename('{victim}', 'mine')",
               "import multiprocessing\nspawn = multiprocessing.get_context('spawn')",
               "it = spawn.Process(target=os.remove, args=('{victim}',))\nit.start()\nit.join()",
               "os.mkfifo('{folder}/fifo')", f"below = os.open('{PRANK.parent}', os.O_RDONLY)",
               f"os.open('{PRANK.name}', os.O_CREAT, dir_fd=below)", "open('mine', 'w').close()", CORR2D],
    "liar": ["from d2lconv.grading import notebook\nnotebook.told = lambda error: ['ValueError', 'no', '{victim}']",
             "def corr2d(X, K): raise ValueError('no')"],
    "stub": ["def corr2d(X, K):\n    ...", "def corr2d(X, K):\n    return X *"],
    "module": ["class Corr2d(torch.nn.Module):\n    def forward(self, X, K):\n        return mine(X, K)",
               CORR2D.replace("corr2d(", "mine(").replace("check_mine(corr2d)", "check_corr2d(mine)"),
               "corr2d = Corr2d()"],
    "forgot": ["def corr2d(X, K):\n    Y = d2l.corr2d(X, K)"],
    "group": ["raise ExceptionGroup('several', [ValueError('one')])", CORR2D,
              "import sys\ndef macs(*_):\n    sys.stdout.close()\n    return 5"],
    "spy": ["stolen = open('{folder}/right.ipynb').read()", "import os\nassert os.listdir() == []", SOCKETS, CORR2D],
}
NAUGHTY = ("killer", "vandal", "spy", "exits", "bomb")
WRITES_IN_C = "torch.from_file('{victim}', shared=True, size=1, dtype=torch.uint8).fill_(120)"


def write(folder, name, cells):
    victim = folder / "victim"
    victim.write_text("mine")
    sources = [cell.replace("{victim}", str(victim)).replace("{folder}", str(folder)) for cell in (START, *cells)]
    code = [{"cell_type": "code", "source": source.splitlines(keepends=True)} for source in sources]
    path = folder / f"{name}.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": "markdown", "source": "# Mine"}, *code]}), "utf-8")
    return path


def grade(folder, paths, *options, asked=ASKED):
    """Grade notebooks as a lecturer does; return the rows by notebook and exercise, and what was printed."""
    command = [sys.executable, "-m", "d2lconv.grade", *paths, "--csv", folder / "marks.csv", "--figure",
               folder / "figure.png", "--only", *asked, *options]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=900).stdout
    with open(folder / "marks.csv", encoding="utf-8-sig", newline="") as file:
        table = list(csv.DictReader(file))
    return {(Path(row["notebook"]).stem, row["exercise"]): row for row in table}, printed


@pytest.fixture(scope="module")
def class_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("class")


@pytest.fixture(scope="module")
def graded(class_folder):
    """A class, graded behind the weaker of the two protections."""
    paths = [write(class_folder, name, cells) for name, cells in NOTEBOOKS.items()]
    for name, content in {"empty": b"", "zip": b"PK\x03\x04\xff", "=1+1": b"{}"}.items():
        paths.append(class_folder / f"{name}.ipynb")
        paths[-1].write_bytes(content)
    return grade(class_folder, [*paths, class_folder / "missing.ipynb"], "--protection", "hook")


@pytest.fixture
def marks(graded):
    return graded[0]


def passed(marks, name):
    return [marks[name, exercise]["passed"] == "True" for exercise in ASKED]


def test_every_notebook_has_a_line_for_every_exercise(marks):
    assert len(marks) == (len(NOTEBOOKS) + 4) * len(ASKED)
    assert list(next(iter(marks.values()))) == ["notebook", "exercise", "passed", "misconception", "finding"]


@pytest.mark.parametrize(("name", "right"), [
    ("right", [1, 1, 0]), ("renamed", [1, 1, 0]), ("mean", [1, 0, 0]), ("changed", [1, 0, 0]), ("layer", [0, 0, 0]),
    ("borrowed", [1, 1, 1]),
    ("half", [1, 0, 0]), ("nothing", [0, 0, 0]), ("endless", [1, 0, 0]), ("deaf", [1, 0, 0]), ("exits", [1, 0, 0]),
    ("bomb", [1, 0, 0]), ("forger", [0, 0, 0]), ("killer", [1, 0, 0]), ("vandal", [1, 0, 0]), ("spy", [1, 0, 0]),
    ("module", [1, 0, 0]), ("forgot", [0, 0, 0]),
    ("liar", [0, 0, 0]), ("group", [1, 0, 0]), ("stub", [0, 0, 0]),
    ("empty", [0, 0, 0]), ("zip", [0, 0, 0]), ("=1+1", [0, 0, 0]), ("missing", [0, 0, 0])])
def test_right_functions_pass_and_no_others(marks, name, right):
    assert passed(marks, name) == right


@pytest.mark.parametrize(("name", "exercise", "said"), [
    ("mean", "macs", "Not yet. Write macs"),
    ("right", "macs", "no macs in this notebook"),
    ("mean", "corr2d_multi_in", "yours = [[28, 36], [52, 60]] wanted = [[ 56, 72], [104, 120]]"),
    ("mean again", "macs", "it stops with an error. ValueError"),
    ("layer", "macs", "the function itself"),
    ("changed", "corr2d_multi_in", "changes X"),
    ("changed", "macs", "a number is wanted, but an object of type dict came back"),
    ("half", "corr2d_multi_in", "cell 2 stopped: ZeroDivisionError: division by zero; cell 4 stopped: SyntaxError"),
    ("endless", "corr2d_multi_in", "did not end in time"),
    ("endless", "macs", "cell 2 stopped: "),
    ("deaf", "macs", "cell 3 stopped: it did not end in time, and its process was ended"),
    ("exits", "corr2d_multi_in", "it ended its own process"),
    ("exits", "macs", "Not yet"),
    ("bomb", "corr2d_multi_in", "can't allocate memory"),
    ("killer", "macs", "os.kill is not allowed"),
    ("vandal", "macs", "is outside of the folder of this notebook"),
    ("spy", "macs", "right.ipynb is outside of the folder"),
    ("nothing", "corr2d", "no corr2d in this notebook"),
    ("renamed", "macs", "Not yet. Write macs"),
    ("forgot", "corr2d", "computes something, but returns nothing"),
    ("group", "macs", "the answer is not right yet"),
    ("stub", "corr2d", "Not yet. Write corr2d(X, K)"),
    ("stub", "corr2d", "; cell 3 stopped: SyntaxError"),
    ("zip", "corr2d", "a zip"),
    ("empty", "corr2d", "not a notebook: perhaps empty"),
    ("=1+1", "corr2d", "not a notebook: it has no cells"),
    ("missing", "corr2d", "not a notebook: FileNotFoundError")])
def test_the_line_says_why(marks, name, exercise, said):
    assert said in marks[name, exercise]["finding"]


def test_an_empty_folder_is_what_a_notebook_finds(marks):
    assert "cell 3" not in marks["spy", "macs"]["finding"]


def test_a_notebook_cannot_take_what_is_asked_of_the_server(marks):
    assert "cell 4" not in marks["spy", "macs"]["finding"]


def test_no_file_is_read_where_a_notebook_says_that_an_error_stands(marks):
    assert "stops with an error. ValueError" in marks["liar", "corr2d"]["finding"]
    assert "mine" not in marks["liar", "corr2d"]["finding"]


def test_nothing_outside_was_written_or_removed(marks, class_folder):
    assert (class_folder / "victim").read_text() == "mine"
    assert not (class_folder / "fifo").exists()
    assert not PRANK.exists()


@pytest.mark.parametrize(("name", "exercise"), [
    ("borrowed", "corr2d"), ("borrowed", "corr2d_multi_in"), ("borrowed", "macs"), ("truth", "corr2d")])
def test_an_answer_of_the_package_is_marked(graded, name, exercise):
    marks, printed = graded
    assert marks[name, exercise]["finding"].startswith("right, but only calls the package's own function")
    assert f"{marks[name, exercise]['notebook']}: {exercise}" in printed


def test_an_answer_of_ones_own_is_not_marked(marks):
    found = {name for (name, _), row in marks.items() if "the package's own function" in row["finding"]}
    assert found == {"borrowed", "truth"}


def test_a_misconception_is_counted_once_for_each_notebook_that_shows_it(graded):
    marks, printed = graded
    assert marks["mean", "corr2d_multi_in"]["misconception"] == "mean instead of sum"
    (line,) = (line for line in printed.splitlines() if "mean instead" in line)
    assert line.split() == ["mean", "instead", "of", "sum", "2"]


def test_the_summary_says_which_protection_there_was_and_what_is_no_notebook(graded):
    _, printed = graded
    assert "an audit hook and limits" in printed
    assert "not against malice" in printed
    assert printed.split("Not a notebook:")[1].split("Protected")[0].count(".ipynb") == 4


def test_the_summary_counts_what_passed_what_is_wrong_and_what_is_not_done(graded):
    marks, printed = graded
    names = {name for name, _ in marks}
    for exercise in ASKED:
        (line,) = (line for line in printed.splitlines() if line.split()[:1] == [exercise])
        counts = [int(number) for number in line.split()[1:]]
        assert sum(counts) == len(names)
        assert counts[0] == sum(marks[name, exercise]["passed"] == "True" for name in names)
        if exercise == "corr2d":  # there are four that are no notebooks, one with nothing in it, and one with dots
            assert counts[2] == 6


def test_what_is_not_done_is_not_found_by_the_words_of_a_finding():
    rows = [Row("a", "macs", False, (), "Not yet"), Row("b", "macs", False, (), "wrong", NOT_DONE)]
    assert summary(rows, []).splitlines()[1].split() == ["macs", "0", "1", "1"]


@pytest.mark.parametrize(("options", "said"), [
    (["nowhere.ipynb"], "no such file: nowhere.ipynb. Is the terminal in the folder of the notebooks?"),
    (["right.ipynb", "--timeout", "0"], "--timeout: seconds for a notebook, 1 or more"),
    (["right.ipynb", "--csv", "no/such/marks.csv"], "cannot write no/such/marks.csv: there is no such folder"),
    (["right.ipynb", "--figure", "no/such/figure.png"], "cannot write no/such/figure.png: there is no such folder"),
], ids=["file", "timeout", "table", "figure"])
def test_a_slip_in_the_command_is_told_before_anything_is_written(tmp_path, monkeypatch, capsys, options, said):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "right", [CORR2D])
    (tmp_path / "marks.csv").write_text("the old marks")
    with pytest.raises(SystemExit):
        main(options)
    assert said in capsys.readouterr().err
    assert (tmp_path / "marks.csv").read_text() == "the old marks"


def test_a_notebook_that_is_named_twice_is_one(tmp_path):
    path = str(write(tmp_path, "right", [CORR2D]))
    assert parsed([path, path]).notebooks == [path]


def test_a_spreadsheet_takes_no_line_for_a_formula(tmp_path):
    write_table([Row("=1+1.ipynb", "corr2d", False, (), "@a\x1b[31m")], tmp_path / "marks.csv")
    assert "\n'=1+1.ipynb,corr2d,False,,'@a [31m\n" in (tmp_path / "marks.csv").read_text("utf-8")


def test_the_figure_has_a_bar_for_each_misconception_and_its_number(class_folder, graded):
    (axes,) = draw_histogram([("kernel flipped", 7), ("mean instead of sum", 2)], 80).axes
    assert [bar.get_width() for bar in axes.patches] == [7, 2]
    assert [text.get_text() for text in axes.texts] == ["7", "2"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["kernel flipped", "mean instead of sum"]
    assert (class_folder / "figure.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture(scope="module")
def protected_best(tmp_path_factory):
    """The worst of the class, the worked solutions and the exercises, graded as well protected as this computer can."""
    folder = tmp_path_factory.mktemp("best")
    paths = [write(folder, name, NOTEBOOKS[name]) for name in NAUGHTY]
    paths.append(write(folder, "c", [WRITES_IN_C, CORR2D] if can_contain("auto") else [CORR2D]))
    paths += [ROOT / "book/solutions.ipynb", ROOT / "book/exercises.ipynb"]
    return folder, *grade(folder, paths, "--timeout", "240", asked=EXERCISES)


def test_the_worked_solutions_pass_every_exercise_and_are_not_marked(protected_best):
    _, marks, _ = protected_best
    rows = [row for (name, _), row in marks.items() if name == "solutions"]
    assert len(rows) == len(EXERCISES)
    assert [row for row in rows if row["passed"] != "True" or "package's own" in row["finding"]] == []


def test_a_notebook_in_which_nothing_was_done_has_nothing_done(protected_best):
    _, marks, _ = protected_best
    rows = [row for (name, _), row in marks.items() if name == "exercises"]
    assert len(rows) == len(EXERCISES)
    assert [row for row in rows if not row["finding"].startswith("Not yet.") or row["misconception"]] == []


def test_where_bubblewrap_works_not_even_c_writes_outside(protected_best):
    folder, marks, printed = protected_best
    assert (BUBBLEWRAP if can_contain("auto") else HOOK).split(",")[0] in printed
    assert [passed(marks, name) for name in (*NAUGHTY, "c")] == [[True, False, False]] * 6
    assert ("cell 2 stopped: RuntimeError" in marks["c", "macs"]["finding"]) == can_contain("auto")
    assert (folder / "victim").read_text() == "mine"
