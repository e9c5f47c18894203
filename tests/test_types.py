"""The types that the package states: a strict checker lets every right use pass, and notices each wrong one."""

import re
import runpy
from pathlib import Path

import pytest
from mypy import api

HERE = Path(__file__).parent
RIGHT = HERE / "typed_use.py"
WRONG = [
    "d2l.corr2d(X)", "d2l.corr2d(X, [[1.0]])", "d2l.corr2d_multi_in_out(X, kernel=K)", "d2l.loops.corr2d(X, K, 2)",
    "d2l.conv2d(X, K, stride='2')", "d2l.conv2d(X, K, stride=(1, 2, 3))", "d2l.conv2d(X, K, dilation='same')",
    "d2l.Conv2d(3, 5)", "d2l.Conv2d(3, 5, kernel_size='2')", "d2l.Conv2d(3, 5, 2, device=0.5)",
    "d2l.conv2d_cost(X, K)", "d2l.conv2d_cost(X.shape, K.shape, True, 1, 0, 1, 1, 8)",
    "d2l.conv2d_cost(X.shape, K.shape).mac", "d2l.explain(X, K)", "d2l.explain(X, K, at=0)",
    "d2l.explore(X, K, groups=(1, 1))", "d2l.draw(X, K, groups=(1, 1))", "d2l.draw_stacks((3, 64, 64))",
    "d2l.summary(X, X)", "d2l.summary(torch.nn.ReLU(), X).row",
    "d2l.default_device('cpu')", "exercises.check_corr2d(X)", "exercises.check_corr2d(d2l.corr2d).pass_",
]
HEAD = ["import torch", "import d2lconv as d2l", "from d2lconv import exercises", "X = K = torch.ones(3, 3)"]


@pytest.fixture(scope="module")
def complaints(tmp_path_factory):
    """What the checker says about right and wrong uses, from one run."""
    wrong = tmp_path_factory.mktemp("types") / "wrong_use.py"
    wrong.write_text("\n".join(HEAD + WRONG), encoding="utf-8")
    checked = map(str, (HERE.parent / "d2lconv", RIGHT, wrong))
    said, trouble, _ = api.run(["--config-file", str(HERE.parent / "pyproject.toml"), *checked])
    assert not trouble
    return said


def test_the_package_passes_the_strict_checker(complaints):
    assert not re.search(r"^\S*d2lconv/.*error", complaints, re.MULTILINE), complaints


def test_what_users_may_write_passes_the_strict_checker_and_runs(complaints):
    assert "typed_use.py" not in complaints
    runpy.run_path(str(RIGHT))


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_use_is_noticed(line, complaints):
    assert f"wrong_use.py:{1 + (HEAD + WRONG).index(line)}: error" in complaints, complaints
