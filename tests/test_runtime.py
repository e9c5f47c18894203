"""Where to compute, and how exactly: D2LCONV_DEVICE is obeyed or refused, TF32 is off and comes back."""

import pytest
import torch

from d2lconv import conv2d, corr2d, default_device, exact_float32
from oracles import assert_conv2d
from strategies import tensors

new_names = pytest.mark.skipif("not hasattr(torch.backends.cuda.matmul, 'fp32_precision')",
                               reason="this torch has the older names only")


def precisions():
    """The two switches: of matrix products, and of cuDNN's convolutions."""
    return torch.backends.cuda.matmul.fp32_precision, torch.backends.cudnn.conv.fp32_precision


@pytest.fixture
def tf32():
    """Switch TF32 on, as a user may have, and back afterwards."""
    before = precisions()
    torch.backends.cuda.matmul.fp32_precision = torch.backends.cudnn.conv.fp32_precision = "tf32"
    yield
    torch.backends.cuda.matmul.fp32_precision, torch.backends.cudnn.conv.fp32_precision = before


@pytest.mark.parametrize("name", ["cpu", "cpu:0", "meta"])
def test_the_device_that_is_asked_for_is_taken(monkeypatch, name):
    monkeypatch.setenv("D2LCONV_DEVICE", name)
    assert torch.empty(0, device=name).device == default_device()


@pytest.mark.parametrize("unset", [lambda patch: patch.delenv("D2LCONV_DEVICE", raising=False),
                                   lambda patch: patch.setenv("D2LCONV_DEVICE", "")], ids=["unset", "empty"])
def test_without_a_wish_it_is_cuda_where_there_is_one(monkeypatch, unset):
    unset(monkeypatch)
    assert default_device().type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_the_device_is_the_one_that_tensors_name(device):
    assert torch.ones(1, device=device).device == device


@pytest.mark.parametrize("name", ["cuda:99", "banana", " cpu", "cpu:x", "gpu"])
def test_a_device_that_cannot_be_had_is_an_error(monkeypatch, name):
    monkeypatch.setenv("D2LCONV_DEVICE", name)
    with pytest.raises(RuntimeError, match=f"D2LCONV_DEVICE asks for '{name}', which is not available .* unset it"):
        default_device()


def test_the_error_says_what_torch_says_in_one_line(monkeypatch):
    monkeypatch.setenv("D2LCONV_DEVICE", "banana")
    with pytest.raises(RuntimeError, match=r"torch says: [^\n]+banana$") as caught:
        default_device()
    assert isinstance(caught.value.__cause__, RuntimeError)


@new_names
def test_inside_float32_is_exact_and_afterwards_as_before(tf32):
    with exact_float32():
        assert precisions() == ("ieee", "ieee")
    assert precisions() == ("tf32", "tf32")


@new_names
def test_each_switch_comes_back_on_its_own(tf32):
    torch.backends.cuda.matmul.fp32_precision = "ieee"
    with exact_float32():
        pass
    assert precisions() == ("ieee", "tf32")


@new_names
def test_an_exception_brings_the_switches_back(tf32):
    with pytest.raises(ZeroDivisionError), exact_float32():
        raise ZeroDivisionError
    assert precisions() == ("tf32", "tf32")


@new_names
def test_it_decorates_a_function_for_every_call(tf32):
    @exact_float32()
    def inside(X):
        """Add one."""
        return precisions(), X + 1

    assert inside(1) == inside(X=1) == (("ieee", "ieee"), 2)
    assert inside.__doc__ == "Add one."
    assert precisions() == ("tf32", "tf32")


@new_names
def test_it_can_be_nested(tf32):
    with exact_float32():
        with exact_float32():
            assert precisions() == ("ieee", "ieee")
        assert precisions() == ("ieee", "ieee")
    assert precisions() == ("tf32", "tf32")


@new_names
def test_what_is_set_inside_does_not_leak_out(tf32):
    with exact_float32():
        torch.backends.cudnn.conv.fp32_precision = "none"
    assert precisions() == ("tf32", "tf32")


def test_float32_meets_the_bound_inside(device):
    X, K = tensors((2, 64, 16, 16), (8, 64, 3, 3), device=device)
    with exact_float32():
        assert_conv2d(conv2d(X, K, padding=1), X, K, padding=1)


def test_results_stay_on_the_device(device):
    X, K = tensors((5, 5), (2, 2), device=device)
    assert corr2d(X, K).device == device


@new_names
def test_products_on_the_cpu_are_exact_too():
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with exact_float32():
            assert torch.backends.mkldnn.matmul.fp32_precision == "ieee"
        assert torch.backends.mkldnn.matmul.fp32_precision == "bf16"
    finally:
        torch.set_float32_matmul_precision(before)
