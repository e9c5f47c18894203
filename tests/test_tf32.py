"""What TF32 does to a convolution, and that not one printed tensor of the book changes under it."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import torch
from torch.nn.functional import conv2d

import d2lconv
from d2lconv import runtime
from strategies import tensors
from tf32 import TF32, ten_bits

ROOT = Path(__file__).parent.parent
STARTUP = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'tests')!r}]; import tf32; tf32.TF32().__enter__()"


@pytest.fixture
def rounding(device):
    """Convolutions in TF32: the GPU's own if there is one that has it, else the rounding alone."""
    (name, exact), (_, convolutions) = runtime._PRECISION, runtime._backends()
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


def run(notebooks, folder):
    """Compare notebooks with their stored outputs, while torch's convolutions round; return what pytest prints."""
    startup = folder / "ipython/profile_default/startup"
    startup.mkdir(parents=True)
    (startup / "tf32.py").write_text(STARTUP, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-q", "-p", "no:cacheprovider",
         "--nbval-cell-timeout=120", f"--nbval-sanitize-with={ROOT / 'tests/nbval-sanitize.cfg'}", *notebooks],
        env=os.environ | {"IPYTHONDIR": str(folder / "ipython"), "D2LCONV_DEVICE": "cpu"}, cwd=folder,
        capture_output=True, text=True).stdout


@pytest.mark.peers
def test_no_output_of_the_book_changes_under_tf32(tmp_path):
    notebooks = sorted((ROOT / "book").glob("*.ipynb"))
    report = run(notebooks, tmp_path)
    assert "passed" in report, report
    assert "failed" not in report, report


def test_an_output_that_does_change_is_noticed(tmp_path):
    third = torch.tensor(1 / 3).item()
    source = f"import torch\ntorch.conv2d(torch.full((1, 1, 1, 1), {third}), torch.ones(1, 1, 1, 1)).item()"
    output = nbformat.v4.new_output("execute_result", {"text/plain": str(third)}, execution_count=1)
    cell = nbformat.v4.new_code_cell(source, execution_count=1, outputs=[output])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "third.ipynb")
    report = run([tmp_path / "third.ipynb"], tmp_path)
    assert "1 failed" in report, report
    assert "0.33325" in report, report
