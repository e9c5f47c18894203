"""conv2d: the contract of torch.nn.functional.conv2d, and what others compute."""

import warnings

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck
from torch.func import vmap

from d2lconv import conv2d, corr2d_multi_in_out
from oracles import assert_conv2d, jax_conv2d, keras_conv2d, scipy_conv2d, torch_conv2d
from strategies import MISTAKES, invalid_problems, problems, tensors

pytestmark = pytest.mark.usefixtures("tiles")

# Every configuration that torch's own tests have for its 2-D convolution: input, weight, bias, geometry.
# From sample_inputs_conv2d and common_nn in torch.testing._internal, and test/nn/test_convolution.py.
CONFIGURATIONS = [
    ((1, 3, 4, 4), (3, 3, 3, 3), True, {"stride": (2, 2), "padding": 2}),
    ((2, 4, 8, 8), (2, 2, 3, 3), True, {"stride": (3, 2), "padding": (2, 1), "groups": 2, "dilation": (4, 4)}),
    ((1, 4, 5, 5), (1, 4, 2, 3), True, {"stride": 2, "padding": 1, "dilation": (2, 3)}),
    ((1, 2, 4, 3), (4, 2, 3, 4), False, {"stride": 2, "padding": 1}),
    ((1, 4, 5, 5), (1, 4, 2, 3), True, {"stride": 2, "padding": "valid"}),
    ((1, 4, 5, 5), (1, 4, 2, 3), True, {"stride": 1, "padding": "same", "dilation": 3}),
    ((2, 4, 6, 6), (4, 1, 3, 3), True, {"groups": 4}),
    ((2, 4, 6, 6), (8, 1, 3, 3), True, {"groups": 4}),
    ((2, 4, 6, 6), (8, 1, 3, 3), False, {"groups": 4}),
    ((2, 4, 6, 6), (4, 1, 3, 3), True, {"groups": 4, "stride": (3, 2)}),
    ((2, 4, 6, 6), (4, 1, 3, 3), True, {"groups": 4, "stride": (2, 2)}),
    ((2, 4, 6, 6), (4, 1, 3, 3), True, {"groups": 4, "padding": (1, 1)}),
    ((2, 4, 5, 5), (4, 1, 2, 2), True, {"groups": 4, "dilation": (2, 2)}),
    ((2, 4, 6, 5), (6, 2, 3, 2), True, {"groups": 2}),
    ((1, 4, 5, 5), (3, 4, 3, 3), False, {}),
    ((2, 3, 7, 5), (4, 3, 3, 2), True, {}),
    ((2, 3, 6, 6), (4, 3, 3, 3), True, {"stride": (2, 2)}),
    ((2, 3, 6, 6), (4, 3, 3, 3), True, {"stride": (2, 2), "padding": (1, 1)}),
    ((2, 3, 8, 8), (2, 3, 3, 3), True, {"stride": (2, 2), "padding": (1, 1), "dilation": (2, 2)}),
    ((2, 3, 6, 5), (4, 3, 3, 2), False, {}),
    ((0, 3, 7, 5), (4, 3, 3, 2), True, {}),
    ((0, 4, 4, 4), (4, 1, 3, 3), True, {"stride": 2, "padding": 1, "groups": 4}),
    ((2, 2, 6, 5), (4, 2, 3, 4), True, {"padding": "valid"}),
    ((2, 2, 6, 5), (4, 2, 3, 4), True, {"padding": "same"}),
    ((2, 2, 6, 5), (4, 2, 3, 4), True, {"padding": "same", "dilation": 2}),
    ((2, 4, 6, 6), (5, 4, 3, 3), True, {"padding": "same"}),
    ((1, 1, 9, 20), (1, 1, 5, 10), True, {"padding": "same"}),
    ((1, 1, 9, 20), (1, 1, 3, 4), True, {"padding": "same", "dilation": (1, 2)}),
    ((1, 1, 10, 11), (1, 1, 4, 5), False, {"padding": "same"}),
    ((1, 1, 10, 11), (1, 1, 4, 4), False, {"padding": "same", "dilation": 3}),
    ((1, 1, 1, 10), (1, 1, 1, 4), False, {"padding": "valid"}),
    ((1, 2, 5, 5), (2, 2, 1, 1), False, {}),
    ((1, 24, 6, 6), (24, 1, 3, 3), False, {"stride": [2, 2], "padding": [1, 1], "dilation": [2, 2], "groups": 24}),
    ((2, 4, 6, 6), (16, 2, 3, 3), False, {"groups": 2}),
    ((2, 2, 4, 20), (2, 1, 3, 5), False, {"stride": (1, 10), "groups": 2}),
    ((2, 6, 7, 8), (12, 2, 3, 3), True, {"stride": 2, "dilation": 2, "groups": 3}),
    ((3, 1, 2, 2), (1, 1, 3, 3), True, {"padding": 1}),
    ((4, 8, 32, 32), (16, 4, 5, 5), True, {"stride": 2, "padding": 2, "dilation": 2, "groups": 2}),
    ((1, 16, 1, 1), (8, 16, 3, 3), True, {"stride": (2, 1), "padding": (1, 1)}),
    ((64, 16, 16, 16), (32, 16, 1, 1), False, {}),
    ((1, 3, 32, 32), (3, 1, 1, 25), False, {"groups": 3}),
    ((1, 3, 56, 56), (64, 3, 7, 7), True, {"stride": 2, "padding": 3}),
]


@pytest.mark.parametrize("batched", [True, False], ids=["batched", "unbatched"])
@pytest.mark.parametrize(("input", "weight", "bias", "geometry"), CONFIGURATIONS, ids=str)
def test_it_agrees_with_torch_on_every_configuration_of_torchs_own_tests(
        input, weight, bias, geometry, batched, device):
    X, K, b = tensors(input, weight, weight[:1], device=device)
    if not batched and len(X) == 0:
        X = X.new_ones(X.shape[1:])
    elif not batched:
        X = X[0]
    b = b if bias else None
    assert_conv2d(conv2d(X, K, b, **geometry), X, K, b, oracle=torch_conv2d, **geometry)


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128], ids=str)
@pytest.mark.parametrize(("input", "weight", "bias", "geometry"), CONFIGURATIONS[:15], ids=str)
def test_its_gradients_agree_with_torchs(input, weight, bias, geometry, dtype):
    X, K, b = tensors(input, weight, weight[:1], dtype=dtype)
    wanted = [t.requires_grad_() for t in (X, K, b)[:2 + bias]]
    grads = [torch.autograd.grad(f(*wanted, **geometry).abs().square().sum(), wanted)
             for f in (conv2d, torch_conv2d_with_gradients)]
    torch.testing.assert_close(*grads, rtol=1e-12, atol=1e-10)


def torch_conv2d_with_gradients(*arguments, **geometry):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Using padding='same' with even kernel")
        return torch.nn.functional.conv2d(*arguments, **geometry)


# Every call that torch's own tests expect to fail: input, weight, bias or its dtype, geometry.
# From error_inputs_conv2d in torch.testing._internal, and test/nn/test_convolution.py.
ERRORS = [
    ((2, 4, 4), (3, 2, 3, 3), torch.int64, {}), ((2, 4, 4), (3, 2, 3, 3), torch.complex128, {}),
    ((1, 1, 4, 4), (1, 2, 2, 3), 1, {"stride": (-1,)}), ((1, 1, 4, 3), (1, 2, 2, 4), 1, {"padding": (-1,)}),
    ((1, 1, 4, 2), (1, 1, 2, 5), 1, {"dilation": (-1,)}), ((1, 1, 4, 4), (1, 1, 3, 2), 2, {}),
    ((1, 1, 4, 3), (1, 2, 2), 1, {"padding": "same"}), ((2, 2, 4, 3), (2, 2, 1, 3), 2, {"groups": 3}),
    ((2, 2, 4, 3), (2, 2, 1, 3), 2, {"padding": "same", "groups": 3}),
    ((2, 2, 4, 5), (2, 2, 1, 4), 2, {"padding": "same", "groups": -1}),
    ((2, 2, 4, 3), (2, 2, 4, 3), 2, {"padding": "same", "groups": 0}),
    ((1, 10, 1, 28, 28), (6, 1, 5, 5), 6, {}), ((1, 1, 4, 4), (1, 1, 3, 3), 1, {"stride": 2, "dilation": 2}),
    ((1, 3, 1, 1), (33, 3, 10, 10), 33, {}), ((1, 3, 4, 4), (6, 3, 4, 4), 6, {"stride": -1}),
    ((1, 3, 4, 4), (6, 3, 4, 4), 6, {"stride": 0}), ((3, 3), (8, 3, 3, 3), 8, {}),
    ((3, 3, 3, 3, 3), (8, 3, 3, 3), 8, {}), ((3, 1, 2, 2), (1, 1, 3, 3), 1, {}),
    ((2, 1, 40, 0), (33, 0, 3, 3), 33, {"stride": 2}),
]


@pytest.mark.parametrize(("input", "weight", "bias", "geometry"), ERRORS, ids=str)
def test_it_refuses_every_call_that_torchs_own_tests_expect_to_fail(input, weight, bias, geometry, device):
    X, K = tensors(input, weight, device=device)
    b = X.new_zeros(bias) if isinstance(bias, int) else torch.zeros(len(K), dtype=bias, device=device)
    with pytest.raises((ValueError, TypeError)):
        conv2d(X, K, b, **geometry)


@given(st.data())
def test_it_is_right_whatever_is_drawn(device, data):
    problem = data.draw(problems(device))
    assert_conv2d(conv2d(**problem.arguments), problem.input, problem.weight, problem.bias,
                  **{name: problem.arguments[name] for name in ("stride", "padding", "dilation", "groups")})


@given(st.data())
def test_it_refuses_whatever_is_wrong(device, data):
    problem, error = data.draw(invalid_problems(device))
    with pytest.raises(error):
        conv2d(**problem.arguments)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@given(invalid_problems(mistakes=[name for name, (_, torch_raises, _) in MISTAKES.items() if torch_raises]))
def test_torch_refuses_the_same(drawn):
    problem, _ = drawn
    assume(problem.input is None or len(problem.input))  # of an empty batch, torch does not check everything
    with pytest.raises((RuntimeError, ValueError, TypeError, IndexError)):
        torch.nn.functional.conv2d(**problem.arguments)


@pytest.mark.peers
@pytest.mark.parametrize("oracle", [scipy_conv2d, keras_conv2d, jax_conv2d, torch_conv2d])
@given(st.data())
@settings(max_examples=50)
def test_it_agrees_with_scipy_keras_jax_and_torch(oracle, data):
    problem = data.draw(problems().filter(lambda p: len(p.input)))  # an empty batch is not for all of them
    assert_conv2d(conv2d(**problem.arguments), problem.input, problem.weight, problem.bias, oracle=oracle,
                  **{name: problem.arguments[name] for name in ("stride", "padding", "dilation", "groups")})


def test_defaults_are_the_function_of_section_7_4(device):
    X, K = tensors((3, 6, 5), (4, 3, 2, 2), device=device)
    assert torch.equal(conv2d(X, K), corr2d_multi_in_out(X, K))
    assert torch.equal(conv2d(X[None], K)[0], corr2d_multi_in_out(X, K))


def test_padding_stride_and_bias_by_hand(device):
    X, K = torch.arange(9.0, device=device).reshape(1, 3, 3), torch.ones(1, 1, 2, 2, device=device)
    Y = conv2d(X, K, torch.tensor([100.0], device=device), stride=2, padding=1)
    assert Y.tolist() == [[[100 + 0, 100 + 1 + 2], [100 + 3 + 6, 100 + 4 + 5 + 7 + 8]]]


def test_dilation_by_hand(device):
    X, K = torch.arange(9.0, device=device).reshape(1, 3, 3), torch.arange(4.0, device=device).reshape(1, 1, 2, 2)
    assert conv2d(X, K, dilation=2).tolist() == [[[0*0 + 2*1 + 6*2 + 8*3]]]


def test_same_puts_the_odd_zeros_below_and_on_the_right(device):
    X, K = torch.ones(1, 2, 3, device=device), torch.ones(1, 1, 2, 2, device=device)
    assert conv2d(X, K, padding="same").tolist() == [[[4, 4, 2], [2, 2, 1]]]


def test_each_group_sees_its_own_channels_by_hand(device):
    X = torch.tensor([1.0, 10.0, 100.0, 1000.0], device=device).reshape(4, 1, 1)
    K = torch.tensor([[1.0, 2.0], [3.0, 4.0]], device=device).reshape(2, 2, 1, 1)
    assert conv2d(X, K, groups=2).flatten().tolist() == [1*1 + 10*2, 100*3 + 1000*4]


def test_groups_equal_one_block_diagonal_kernel(device):
    X, K = tensors((2, 6, 5, 4), (9, 2, 2, 3), device=device)
    K_dense = K.new_zeros(9, 6, 2, 3)
    for group in range(3):
        K_dense[3 * group:3 * group + 3, 2 * group:2 * group + 2] = K[3 * group:3 * group + 3]
    assert_conv2d(conv2d(X, K_dense), X, K, groups=3)
    assert_conv2d(conv2d(X, K, groups=3), X, K_dense)


def test_one_infinite_channel_stays_in_its_group(device):
    X, K = tensors((4, 3, 3), (4, 2, 2, 2), device=device)
    X[3] = float("inf")
    Y = conv2d(X, K, groups=2)
    assert Y[:2].isfinite().all()
    assert not Y[2:].isfinite().any()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_nan_and_infinity_spread_to_the_windows_that_hold_them_and_no_further(bad, device):
    X, K = tensors((1, 2, 6, 7), (3, 2, 2, 2), dtype=torch.float64, device=device)
    X[0, 1, 2, 3] = bad
    Y = conv2d(X, K, padding=1)
    assert_conv2d(Y, X, K, padding=1)
    assert (~Y.isfinite()).nonzero()[:, 2:].unique(dim=0).tolist() == [[2, 3], [2, 4], [3, 3], [3, 4]]


@pytest.mark.parametrize("geometry", [
    {}, {"stride": 2}, {"padding": (1, 0)}, {"padding": "same"}, {"dilation": (2, 1)}, {"groups": 2},
    {"stride": (1, 2), "padding": 1, "dilation": 2, "groups": 2}], ids=str)
def test_derivatives_are_right(geometry, device):
    inputs = [t.requires_grad_() for t in tensors(
        (2, 2, 4, 3), (2, 2 // geometry.get("groups", 1), 2, 2), (2,), dtype=torch.float64, device=device)]
    assert gradcheck(lambda *t: conv2d(*t, **geometry), inputs, nondet_tol=1e-12)
    assert gradgradcheck(lambda *t: conv2d(*t, **geometry), inputs, nondet_tol=1e-12)


@pytest.mark.parametrize("in_dims", [(0, None, None), (None, 0, None), (None, None, 0), (0, 0, 0)], ids=str)
def test_vmap_equals_a_loop(in_dims, device):
    arguments = [t if d is None else torch.stack([t, -2 * t, 3 * t]) for d, t in zip(in_dims, tensors(
        (2, 4, 5, 4), (6, 2, 3, 2), (6,), dtype=torch.float64, device=device))]
    Y = vmap(lambda *t: conv2d(*t, padding=1, groups=2), in_dims)(*arguments)
    for p in range(3):
        X, K, b = (t if d is None else t[p] for d, t in zip(in_dims, arguments))
        assert_conv2d(Y[p], X, K, b, padding=1, groups=2)


def test_inputs_are_not_written_to(device):
    tensors_ = tensors((2, 4, 5, 4), (6, 2, 3, 2), (6,), device=device)
    before, versions = [t.clone() for t in tensors_], [t._version for t in tensors_]
    conv2d(*(t.requires_grad_() for t in tensors_), stride=2, padding=1, groups=2).sum().backward()
    assert all(map(torch.equal, tensors_, before))
    assert [t._version for t in tensors_] == versions


@pytest.mark.parametrize("number", [2, (2, 2), [2, 2], torch.Size([2, 2]), torch.tensor(2)], ids=repr)
def test_whole_numbers_may_come_in_any_form(number, device):
    X, K = tensors((2, 9, 9), (3, 2, 2, 2), device=device)
    assert_conv2d(conv2d(X, K, stride=number, padding=number, dilation=number), X, K, stride=2, padding=2, dilation=2)


def test_a_stride_beyond_the_image_leaves_the_first_window(device):
    X, K = tensors((2, 5, 4), (3, 2, 2, 2), device=device)
    assert_conv2d(conv2d(X, K, stride=10**9), X, K, stride=10**9)


def test_meta_tensors_have_shapes_only():
    X, K = torch.empty(2, 4, 500, 400, device="meta"), torch.empty(6, 2, 3, 3, device="meta")
    assert conv2d(X, K, stride=2, padding=1, groups=2).shape == (2, 6, 250, 200)


@pytest.mark.filterwarnings("ignore:.*autograd.function.Function.* should not be instantiated:DeprecationWarning")
def test_torch_can_compile_it(device):
    X, K, b = tensors((2, 4, 7, 6), (6, 2, 3, 2), (6,), device=device)
    compiled = torch.compile(conv2d, fullgraph=True, backend="eager")
    assert_conv2d(compiled(X, K, b, stride=2, groups=2), X, K, b, stride=2, groups=2)


@pytest.mark.parametrize("which", [0, 1], ids=["input", "weight"])
def test_the_memory_format_is_kept(which, device):
    X, K = tensors((2, 3, 6, 5), (4, 3, 3, 3), device=device)
    both = [X, K]
    both[which] = both[which].to(memory_format=torch.channels_last)
    Y = conv2d(*both, padding=1)
    assert Y.is_contiguous(memory_format=torch.channels_last)
    assert conv2d(X, K, padding=1).is_contiguous()
    assert_conv2d(Y, X, K, padding=1)


@pytest.mark.parametrize("one", [[2], (2,)], ids=str)
def test_a_sequence_of_one_counts_for_both_directions(one, device):
    X, K = tensors((2, 9, 9), (3, 2, 2, 2), device=device)
    assert_conv2d(conv2d(X, K, stride=one, padding=one, dilation=one), X, K, stride=2, padding=2, dilation=2)
