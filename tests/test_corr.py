"""The contraction: every dtype and layout within the bound, its derivatives, and what a correlation must obey."""

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.func import grad, jacfwd, jacrev, jvp, vmap

from d2lconv import corr, loops
from d2lconv.contraction import windows
from d2lconv.corr import corr2d, corr2d_multi_in, corr2d_multi_in_out, corr2d_multi_in_out_1x1
from oracles import (
    assert_conv2d,
    assert_within,
    d2l_corr2d,
    error_bound,
    plain_conv2d,
    rational_conv2d,
    scipy_conv2d,
    torch_conv2d,
    wide,
)
from strategies import COMPLEX, INTEGERS, LAYOUTS, REALS, computable, tensors

pytestmark = pytest.mark.usefixtures("tiles")

SIZES = {
    "one number": ((1, 1, 1), (1, 1, 1, 1)), "many channels": ((64, 7, 6), (5, 64, 3, 3)),
    "wide": ((3, 2, 40), (2, 3, 1, 7)), "as large as the image": ((2, 5, 4), (3, 2, 5, 4)),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", REALS + COMPLEX + INTEGERS, ids=str)
def test_every_dtype_meets_the_bound(size, dtype, device):
    X, K = tensors(*SIZES[size], dtype=dtype, device=device if dtype in computable(device) else "cpu")
    assert_conv2d(corr2d_multi_in_out(X, K), X, K)


@pytest.mark.parametrize("oracle", [torch_conv2d, pytest.param(scipy_conv2d, marks=pytest.mark.peers)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex128], ids=str)
def test_it_agrees_with_others(oracle, dtype, device):
    X, K = tensors((3, 6, 5), (4, 3, 3, 2), dtype=dtype, device=device)
    assert_conv2d(corr2d_multi_in_out(X, K), X, K, oracle=oracle)


@pytest.mark.peers
def test_one_channel_agrees_with_d2l(device):
    X, K = tensors((7, 5), (3, 2), device=device)
    assert_within(2 * error_bound(*(plain_conv2d(x[None, None], k[None, None])[0, 0]
                                    for x, k in ((X, K), (X.abs(), K.abs()))), 6, torch.float32),
                  corr2d(X, K), wide(d2l_corr2d()(X.cpu(), K.cpu())))


def test_float64_is_within_the_bound_of_the_exact_rational_numbers(device):
    X, K = tensors((3, 4, 3), (2, 3, 2, 2), dtype=torch.float64, device=device)
    Y, exact = corr2d_multi_in_out(X, K).tolist(), rational_conv2d(X, K)
    magnitude, a = rational_conv2d(X.abs(), K.abs()), 2.0**-53
    g = 12 * a / (1 - 12 * a)  # three channels of four weights
    assert all(abs(Y[o][i][j] - exact[o][i][j]) <= (1 + a) * g * magnitude[o][i][j] + a * abs(exact[o][i][j])
               for o in range(2) for i in range(3) for j in range(2))


def test_int64_is_exact_where_float64_is_not(form):
    X, K = torch.tensor([[2**53 + 1]]), torch.tensor([[3]])
    assert form.corr2d(X, K).item() == 3 * (2**53 + 1) != int(3 * float(2**53 + 1))


def test_half_types_sum_in_float32(device):
    X, K = torch.ones(1, 1, 4097, dtype=torch.float16), torch.ones(1, 1, 4097, dtype=torch.float16)
    assert corr2d_multi_in(X.to(device), K.to(device)).item() == 4096  # 4097 rounded; a float16 sum stops at 2048


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_in_memory_changes_nothing(form, layout, device):
    X, K = (LAYOUTS[layout](t) for t in tensors((3, 6, 5), (4, 3, 2, 3), dtype=torch.float64, device=device))
    assert_conv2d(form.corr2d_multi_in_out(X, K), X, K)


def test_lazily_conjugated_tensors_are_right(form, device):
    X, K = tensors((2, 4, 4), (3, 2, 2, 2), dtype=torch.complex64, device=device)
    assert_conv2d(form.corr2d_multi_in_out(X.conj(), K), X.conj(), K)


def test_windows_are_a_view_that_copies_nothing(device):
    X = torch.arange(12, device=device).reshape(3, 4)
    W = windows(X, (2, 2))
    assert W.shape == (2, 3, 2, 2)
    assert W.data_ptr() == X.data_ptr()
    assert W[1, 2].tolist() == [[6, 7], [10, 11]]


def test_windows_skip_with_stride_and_spread_with_dilation(device):
    X = torch.arange(35, device=device).reshape(5, 7)
    assert windows(X, (2, 2), stride=(2, 3), dilation=(1, 2))[1, 1].tolist() == [[17, 19], [24, 26]]


def test_first_derivatives_are_right(form, device):
    X, K = (t.requires_grad_() for t in tensors((2, 3, 4), (2, 2, 2, 2), dtype=torch.float64, device=device))
    assert gradcheck(form.corr2d_multi_in_out, (X, K), nondet_tol=1e-12)


def test_second_derivatives_are_right(form, device):
    X, K = (t.requires_grad_() for t in tensors((2, 2, 3), (2, 2, 2, 2), dtype=torch.float64, device=device))
    assert gradgradcheck(form.corr2d_multi_in_out, (X, K), nondet_tol=1e-12)


def test_complex_derivatives_are_right(form, device):
    X, K = (t.requires_grad_() for t in tensors((2, 3, 3), (1, 2, 2, 2), dtype=torch.complex128, device=device))
    assert gradcheck(form.corr2d_multi_in_out, (X, K), nondet_tol=1e-12)


def test_the_gradient_of_the_kernel_is_the_window_and_of_the_image_the_kernel(form, device):
    X, K = tensors((2, 3, 3), (2, 3, 3), dtype=torch.float64, device=device)
    dX, dK = grad(lambda X, K: form.corr2d_multi_in(X, K).sum(), argnums=(0, 1))(X, K)
    assert torch.equal(dX, K)
    assert torch.equal(dK, X)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")  # torch's own, on first use
def test_forward_derivatives_are_right(form, device):
    X, K, dX = tensors((2, 3, 4), (2, 2, 2, 2), (2, 3, 4), dtype=torch.float64, device=device)
    _, dY = jvp(lambda X: form.corr2d_multi_in_out(X, K), (X,), (dX,))
    assert_conv2d(dY, dX, K)


@pytest.mark.parametrize(("in_dims", "X_shape", "K_shape"), [
    ((0, None), (5, 2, 4, 3), (3, 2, 2, 2)), ((None, 0), (2, 4, 3), (5, 3, 2, 2, 2)),
    ((0, 0), (5, 2, 4, 3), (5, 3, 2, 2, 2)), ((3, 4), (2, 4, 3, 5), (3, 2, 2, 2, 5)),
], ids=["images", "kernels", "both", "last axis"])
def test_vmap_equals_a_loop(form, in_dims, X_shape, K_shape, device):
    X, K = tensors(X_shape, K_shape, dtype=torch.float64, device=device)
    Y = vmap(form.corr2d_multi_in_out, in_dims)(X, K)
    for p in range(5):
        x, k = (t if d is None else t.select(d, p) for t, d in zip((X, K), in_dims))
        assert_conv2d(Y[p], x, k)


def test_each_of_many_images_has_its_own_gradient(form, device):
    X, K = tensors((3, 2, 4, 3), (1, 2, 2, 2), dtype=torch.float64, device=device)
    dK = vmap(grad(lambda K, x: form.corr2d_multi_in_out(x, K).sum()), (None, 0))(K, X)
    assert_conv2d(dK[2, 0, 0], X[2, 0], torch.ones(3, 2, dtype=torch.float64, device=device))


def test_inputs_are_not_written_to(form, device):
    X, K = tensors((2, 4, 4), (3, 2, 2, 2), device=device)
    before = X.clone(), K.clone(), X._version, K._version
    form.corr2d_multi_in_out(X.requires_grad_(), K.requires_grad_()).sum().backward()
    assert torch.equal(X, before[0])
    assert torch.equal(K, before[1])
    assert (X._version, K._version) == before[2:]


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_no_gradient_is_kept_where_none_is_wanted(form, mode, device):
    X, K = tensors((2, 4, 4), (3, 2, 2, 2), device=device)
    with mode():
        assert not form.corr2d_multi_in_out(X, K.requires_grad_()).requires_grad


def test_parameters_and_subclasses_are_tensors(form, device):
    class Image(torch.Tensor):
        pass

    X, K = tensors((2, 4, 4), (3, 2, 2, 2), device=device)
    Y = form.corr2d_multi_in_out(X.as_subclass(Image), torch.nn.Parameter(K))
    assert isinstance(Y, Image)
    assert Y.requires_grad


def test_meta_tensors_have_shapes_only(form):
    X, K = torch.empty(3, 50, 40, device="meta"), torch.empty(2, 3, 50, 39, device="meta")
    assert form.corr2d_multi_in_out(X, K).shape == (2, 1, 2)


@pytest.mark.filterwarnings("ignore:.*autograd.function.Function.* should not be instantiated:DeprecationWarning")
def test_torch_can_compile_it(form, device):
    X, K = tensors((2, 4, 4), (3, 2, 2, 2), dtype=torch.float64, device=device)
    compiled = torch.compile(form.corr2d_multi_in_out, fullgraph=True, backend="eager")
    assert_conv2d(compiled(X, K), X, K)


def test_it_is_linear_in_the_image_and_in_the_kernel(form, device):
    X1, X2, K = (t.round() for t in tensors((3, 5, 4), (3, 5, 4), (2, 3, 2, 3), device=device))  # exact
    f = form.corr2d_multi_in_out
    assert torch.equal(f(2 * X1 + 3 * X2, K), 2 * f(X1, K) + 3 * f(X2, K))
    assert torch.equal(f(X1, -4 * K), -4 * f(X1, K))


def test_a_shifted_image_gives_a_shifted_output(form, device):
    X, K = tensors((3, 8, 9), (2, 3, 2, 3), dtype=torch.float64, device=device)
    Y = form.corr2d_multi_in_out(X, K)
    assert_conv2d(Y[:, 3:, 2:], X[:, 3:, 2:], K)


def test_input_channels_may_be_permuted_together(form, device):
    X, K = (t.round() for t in tensors((5, 4, 4), (2, 5, 2, 2), device=device))
    order = [3, 0, 4, 2, 1]
    assert torch.equal(form.corr2d_multi_in_out(X[order], K[:, order]), form.corr2d_multi_in_out(X, K))


def test_output_channels_follow_the_order_of_the_kernels(form, device):
    X, K = (t.round() for t in tensors((2, 4, 4), (4, 2, 2, 2), device=device))
    order = [3, 0, 2, 1]
    assert torch.equal(form.corr2d_multi_in_out(X, K[order]), form.corr2d_multi_in_out(X, K)[order])


def test_a_channel_of_zeros_contributes_nothing(form, device):
    X, K = (t.round() for t in tensors((3, 4, 4), (2, 3, 2, 2), device=device))
    X[1] = 0
    assert torch.equal(form.corr2d_multi_in_out(X, K), form.corr2d_multi_in_out(X[[0, 2]], K[:, [0, 2]]))


def test_two_1x1_layers_fold_into_one(form, device):
    X, K1, K2 = (t.round() for t in tensors((3, 4, 5), (6, 3, 1, 1), (2, 6, 1, 1), device=device))
    folded = (K2[..., 0, 0] @ K1[..., 0, 0])[..., None, None]
    one_by_one = form.corr2d_multi_in_out_1x1
    assert torch.equal(one_by_one(one_by_one(X, K1), K2), one_by_one(X, folded))


def test_the_1x1_function_equals_the_general_one_with_nan_and_infinity(device):
    X, K = tensors((3, 2, 2), (2, 3, 1, 1), device=device)
    X[0, 0, 0], X[1, 1, 1] = float("nan"), float("inf")
    torch.testing.assert_close(corr2d_multi_in_out_1x1(X, K), loops.corr2d_multi_in_out(X, K), equal_nan=True)


def test_autocast_rounds_nothing_in_the_four_functions(device):
    X, K = tensors((3, 5, 6), (4, 3, 2, 2), device=device)
    outside = corr.corr2d_multi_in_out(X, K)
    with torch.autocast(torch.device(device).type, torch.bfloat16):
        assert torch.equal(corr.corr2d_multi_in_out(X, K), outside)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
def test_second_forward_derivatives_are_those_of_the_way_back(device):
    both = tensors((2 * 3 * 4 + 2 * 2 * 2 * 2,), dtype=torch.float64, device=device)

    def total(both):
        X, K = both[:24].reshape(2, 3, 4), both[24:].reshape(2, 2, 2, 2)
        return corr2d_multi_in_out(X, K).square().sum()

    torch.testing.assert_close(jacfwd(jacfwd(total))(both), jacrev(jacrev(total))(both))


def test_autocast_rounds_no_gradient_in_tiles(small_tiles, device):
    X, K = (t.requires_grad_() for t in tensors((2, 6, 5), (3, 2, 2, 2), device=device))
    expected = torch.autograd.grad(corr2d_multi_in_out(X, K).sum(), (X, K))
    with torch.autocast(torch.device(device).type, torch.bfloat16):
        actual = torch.autograd.grad(corr2d_multi_in_out(X, K).sum(), (X, K))
    assert all(map(torch.equal, actual, expected))
