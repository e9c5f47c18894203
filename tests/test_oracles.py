"""The measure itself: what is a little wrong must be rejected, and the oracles must agree with each other."""

import pytest
import torch

from d2lconv import corr2d_multi_in_out
from oracles import HALF, assert_conv2d
from strategies import COMPLEX, REALS, tensors
from tf32 import ten_bits


@pytest.mark.parametrize("dtype", REALS + COMPLEX, ids=str)
def test_the_comparison_rejects_one_element_that_is_off(dtype, device):
    X, K = tensors((3, 5, 4), (2, 3, 2, 2), dtype=dtype, device=device)
    Y = corr2d_multi_in_out(X, K)
    off = 4 if dtype in HALF else 400  # half types have nothing but their own rounding to lose
    Y[1, 2, 1] += (off * (Y[1, 2, 1].abs() + 1) * torch.finfo(dtype).eps).to(dtype)
    with pytest.raises(AssertionError, match=r"1 of 24 elements are out of bounds, the first at \(1, 2, 1\)"):
        assert_conv2d(Y, X, K)


def test_the_comparison_rejects_an_integer_that_is_off_by_one():
    X, K = tensors((3, 5, 4), (2, 3, 2, 2), dtype=torch.int64)
    Y = corr2d_multi_in_out(X, K)
    Y[0, 0, 0] += 1
    with pytest.raises(AssertionError):
        assert_conv2d(Y, X, K)


@pytest.mark.parametrize("wrong", [
    lambda Y: Y.double(), lambda Y: Y[None], lambda Y: Y.mT, lambda Y: Y.to("meta"),
    lambda Y: Y.index_fill(0, torch.tensor(0, device=Y.device), float("nan")),
], ids=["dtype", "shape", "exchanged sides", "device", "nan"])
def test_the_comparison_rejects(wrong, device):
    X, K = tensors((3, 5, 4), (2, 3, 2, 2), device=device)
    with pytest.raises(AssertionError):
        assert_conv2d(wrong(corr2d_multi_in_out(X, K)), X, K)


def test_the_comparison_rejects_10_bit_inputs_as_tf32_would_take_them(device):
    X, K = tensors((64, 8, 8), (4, 64, 3, 3), device=device)

    with pytest.raises(AssertionError, match="out of bounds"):
        assert_conv2d(corr2d_multi_in_out(ten_bits(X), ten_bits(K)), X, K)
