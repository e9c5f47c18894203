"""The four functions, as loops and as a contraction: the book's numbers, and what others compute."""

import inspect

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from d2lconv import corr, loops
from oracles import assert_conv2d, assert_within, error_bound
from strategies import COMPLEX, INTEGERS, REALS, tensors


@pytest.fixture
def X(device):
    """The book's image: two channels, the second one more than the first."""
    x = torch.arange(9.0, device=device).reshape(3, 3)
    return torch.stack([x, x + 1])


@pytest.fixture
def K(device):
    """The book's kernel, with a slice for each channel."""
    k = torch.arange(4.0, device=device).reshape(2, 2)
    return torch.stack([k, k + 1])


def test_one_channel_gives_the_numbers_of_section_7_2(form, X, K):
    assert form.corr2d(X[0], K[0]).tolist() == [[0*0 + 1*1 + 3*2 + 4*3, 1*0 + 2*1 + 4*2 + 5*3],
                                                [3*0 + 4*1 + 6*2 + 7*3, 4*0 + 5*1 + 7*2 + 8*3]]
    assert form.corr2d(X[0], K[0]).tolist() == [[19, 25], [37, 43]]


def test_two_input_channels_are_added_up(form, X, K):
    assert form.corr2d(X[1], K[1]).tolist() == [[37, 47], [67, 77]]
    assert form.corr2d_multi_in(X, K).tolist() == [[19 + 37, 25 + 47], [37 + 67, 43 + 77]]
    assert form.corr2d_multi_in(X, K)[0, 0] == (0*0 + 1*1 + 3*2 + 4*3) + (1*1 + 2*2 + 4*3 + 5*4) == 56


def test_three_kernels_give_three_output_channels(form, X, K):
    Y = form.corr2d_multi_in_out(X, torch.stack([K, K + 1, K + 2]))
    assert Y.tolist() == [[[56, 72], [104, 120]], [[76, 100], [148, 172]], [[96, 128], [192, 224]]]


def test_a_kernel_that_is_one_more_adds_the_sum_of_the_window(form, X, K):
    Y = form.corr2d_multi_in_out(X, torch.stack([K, K + 1]))
    assert (Y[1] - Y[0])[0, 0] == (0 + 1 + 3 + 4) + (1 + 2 + 4 + 5) == 76 - 56


def test_a_1x1_kernel_mixes_the_channels_of_each_pixel(form, device):
    X = torch.tensor([[[1.0, 2.0]], [[3.0, 4.0]], [[5.0, 6.0]]], device=device)
    K = torch.tensor([[1.0, 10.0, 100.0], [2.0, 0.0, -1.0]], device=device).reshape(2, 3, 1, 1)
    assert form.corr2d_multi_in_out_1x1(X, K).tolist() == [[[1*1 + 3*10 + 5*100, 2*1 + 4*10 + 6*100]],
                                                           [[1*2 + 3*0 - 5*1, 2*2 + 4*0 - 6*1]]]


def test_the_1x1_function_equals_one_matrix_product(form, device):
    X, K = torch.arange(27.0, device=device).reshape(3, 3, 3), torch.arange(6.0, device=device).reshape(2, 3)
    Y = form.corr2d_multi_in_out_1x1(X, K.reshape(2, 3, 1, 1))
    assert torch.equal(Y.reshape(2, 9), K @ X.reshape(3, 9))


def test_a_kernel_as_large_as_the_image_leaves_one_number(form, device):
    X, K = tensors((2, 4, 3), (5, 2, 4, 3), dtype=torch.float64, device=device)
    assert form.corr2d_multi_in_out(X, K).shape == (5, 1, 1)
    assert_conv2d(form.corr2d_multi_in_out(X, K), X, K)


def test_one_pixel_and_one_weight_are_one_product(form, device):
    X, K = torch.full((1, 1), 3.0, device=device), torch.full((1, 1), 5.0, device=device)
    assert form.corr2d(X, K).tolist() == [[3 * 5]]


def test_rows_and_columns_are_not_exchanged(form, device):
    X, K = tensors((3, 4, 9), (2, 3, 1, 5), dtype=torch.float64, device=device)
    assert form.corr2d_multi_in_out(X, K).shape == (2, 4 - 1 + 1, 9 - 5 + 1)
    assert_conv2d(form.corr2d_multi_in_out(X, K), X, K)


def test_the_kernel_is_not_flipped(form, device):
    X = torch.tensor([[1.0, 2.0, 4.0]], device=device)
    assert form.corr2d(X, torch.tensor([[1.0, 0.0]], device=device)).tolist() == [[1, 2]]


SIZES = {"corr2d": ((5, 4), (2, 3)), "corr2d_multi_in": ((3, 5, 4), (3, 2, 3)),
         "corr2d_multi_in_out": ((3, 5, 4), (4, 3, 2, 3)), "corr2d_multi_in_out_1x1": ((3, 5, 4), (4, 3, 1, 1))}


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("dtype", REALS + COMPLEX + INTEGERS, ids=str)
def test_loops_meet_the_bound_in_every_dtype(name, dtype, device):
    if not (dtype.is_floating_point or dtype.is_complex):
        device = "cpu"  # CUDA multiplies no integer matrices
    X, K = tensors(*SIZES[name], dtype=dtype, device=device)
    rounds_products = dtype in (torch.float16, torch.bfloat16)  # one product at a time, as the formula reads
    assert_conv2d(getattr(loops, name)(X, K), X, K, rounds_products=rounds_products)


@given(st.integers(1, 4), st.integers(1, 4), st.tuples(st.integers(1, 6), st.integers(1, 6)),
       st.tuples(st.integers(0, 3), st.integers(0, 3)), st.integers(0, 2**32 - 1))
def test_loops_agree_with_the_plain_oracle(device, c_i, c_o, size, more, seed):
    k_h, k_w = size
    X, K = tensors((c_i, k_h + more[0], k_w + more[1]), (c_o, c_i, k_h, k_w), device=device, seed=seed)
    assert_conv2d(loops.corr2d_multi_in_out(X, K), X, K)


@pytest.mark.parametrize("name", SIZES)
def test_both_forms_have_the_same_signature(name):
    assert inspect.signature(getattr(loops, name)) == inspect.signature(getattr(corr, name))


def one_by_one_problems(shapes=200, problems=100):
    """20,000 problems of a 1x1 layer: for each of 200 random shapes, 100 images and kernels."""
    generator = torch.Generator().manual_seed(74)
    for seed in range(shapes):
        c_i, c_o, h, w = (torch.randint(1, most, (), generator=generator).item() for most in (17, 7, 5, 5))
        yield seed, (problems, c_i, h, w), (problems, c_o, c_i, 1, 1)


@pytest.mark.parametrize(("one_by_one", "general"), [(loops, corr), (corr, loops)],
                         ids=["loops against corr", "corr against loops"])
def test_20000_random_1x1_problems_agree_with_the_general_function(one_by_one, general, device):
    for seed, X_shape, K_shape in one_by_one_problems():
        X, K = tensors(X_shape, K_shape, device=device, seed=seed)
        Y1 = torch.func.vmap(one_by_one.corr2d_multi_in_out_1x1)(X, K)
        Y2 = torch.func.vmap(general.corr2d_multi_in_out)(X, K)
        expected, magnitude = (torch.einsum("pchw,poc->pohw", x.double().cpu(), k.double().cpu()[..., 0, 0])
                               for x, k in ((X, K), (X.abs(), K.abs())))
        bound = error_bound(expected, magnitude, X_shape[1], torch.float32)
        assert_within(bound, Y1, expected)
        assert_within(bound, Y2, expected)
        assert_within(2 * bound, Y1, Y2.double().cpu())
