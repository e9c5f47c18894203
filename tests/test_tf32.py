"""What TF32 does to a convolution, and that not one printed tensor of the book changes under it."""

import contextlib
from pathlib import Path

import pytest
import torch
from torch.nn.functional import conv2d

import d2lconv
from d2lconv import runtime
from notebooks import code_cells, miniature, nbval, read, write
from strategies import THOROUGH, tensors
from tf32 import TF32, ten_bits

ROOT = Path(__file__).parent.parent
# The short ones of the chapters in which torch's convolutions get factors that TF32 rounds. Weekly, it is all chapters.
ROUNDED = ["errors", "face", "frameworks", "input_channels", "what_conv2d_does"]
STARTUP = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'tests')!r}]; import tf32; tf32.TF32().__enter__()"


@pytest.fixture
def rounding(device):
    """Convolutions in TF32: the GPU's own if there is one that has it, else the rounding alone."""
    name, exact, (_, convolutions, *_) = runtime.switches()
    before = getattr(convolutions, name)
    setattr(convolutions, name, {"ieee": "tf32", False: True}[exact])
    own = device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
    with contextlib.nullcontext() if own else TF32():
        yield
    setattr(convolutions, name, before)


def test_tf32_keeps_integers_up_to_2048_and_three_digits_of_a_third():
    integers = torch.arange(-2048.0, 2049)
    assert torch.equal(ten_bits(integers), integers)
    assert ten_bits(torch.tensor(2049.0)) != 2049
    assert 1e-4 < abs(ten_bits(torch.tensor(1 / 3)) * 3 - 1) < 1e-3


def test_tf32_changes_random_numbers_unless_it_is_switched_off(device, rounding):
    X, K = tensors((1, 64, 32, 32), (64, 64, 3, 3), device=device)
    right = conv2d(X.double(), K.double())
    lossy = conv2d(X, K)
    with d2lconv.exact_float32():
        exact = conv2d(X, K)
    assert 1e-5 < (lossy - right).norm() / right.norm() < 1e-3
    assert (exact - right).norm() / right.norm() < 1e-6


def test_tf32_does_not_reach_the_package(device, rounding):
    X, K = tensors((1, 64, 32, 32), (64, 64, 3, 3), device=device)
    right = conv2d(X.double(), K.double())
    assert (d2lconv.conv2d(X, K) - right).norm() / right.norm() < 1e-6


def joined(*notebooks):
    """One notebook of several: what they all import is imported once.

    Before each, all names are forgotten and gradients are on again, and convolutions must be free to round still.
    """
    again = "%reset -f\nimport tf32\nimport torch\ntorch.set_grad_enabled(True)\ntf32.allowed()"
    cells = []
    for notebook in notebooks:
        cells += miniature((again, "True"))["cells"] + code_cells(notebook)
    return miniature() | {"cells": [cell | {"id": f"cell-{number}"} for number, cell in enumerate(cells)]}


def nbval_rounding(*notebooks, folder):
    """Compare notebooks with their stored outputs, while torch's convolutions round."""
    startup = folder / "ipython/profile_default/startup"
    startup.mkdir(parents=True)
    (startup / "tf32.py").write_text(STARTUP, encoding="utf-8")
    notebook = write(joined(*notebooks), folder / "joined.ipynb")
    return nbval(notebook, folder=folder, IPYTHONDIR=str(folder / "ipython"), D2LCONV_DEVICE="cpu")


@pytest.mark.peers
def test_no_output_of_any_chapter_changes_under_tf32(tmp_path):
    names = [path.stem for path in sorted((ROOT / "book").glob("*.ipynb"))]
    chapters = [read(ROOT / f"book/{name}.ipynb") for name in (names if THOROUGH else ROUNDED)]
    result = nbval_rounding(*chapters, folder=tmp_path)
    assert result.returncode == 0, result.stdout


def test_an_output_that_does_change_is_noticed_in_each_chapter_and_one_that_leaves_convolutions_exact(tmp_path):
    third = torch.tensor(1 / 3).item()
    code = f"import torch\ntorch.conv2d(torch.full((1, 1, 1, 1), {third}), torch.ones(1, 1, 1, 1)).item()"
    exact = ("from d2lconv import runtime\nname, exact, places = runtime.switches()\n"
             "setattr(places[1], name, exact)\n1 + 1")
    chapters = [miniature(pair) for pair in ((code, str(third)), (code, str(third)), (exact, "2"), ("1 + 1", "2"))]
    result = nbval_rounding(*chapters, folder=tmp_path)
    assert "3 failed, 5 passed" in result.stdout, result.stdout  # before each chapter is a cell, which asks
    assert result.stdout.count("0.33325") >= 2, result.stdout
    assert "False" in result.stdout, result.stdout
