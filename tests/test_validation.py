"""What goes wrong elsewhere must not here: every bad input is refused, in words that help."""

import re
import timeit
from functools import partial

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from d2lconv import Conv2d, conv2d, conv2d_cost, corr, shapes
from d2lconv.validation import check_tensors
from oracles import assert_conv2d
from strategies import REFUSED, tensors

ONES = torch.ones


def refuses(function, X, K, error, *words):
    """Assert that a call raises just this error, and that each of the words is in its message."""
    with pytest.raises(error) as caught:
        function(X, K)
    assert type(caught.value) is error
    for word in words:
        assert word in str(caught.value), f"{word!r} is not in: {caught.value}"


# The rows of the table, for both forms and, where it makes sense, for conv2d.

def test_channel_counts_that_differ(form):
    refuses(form.corr2d_multi_in, ONES(3, 8, 8), ONES(2, 5, 5), ValueError,
            "X has 3 input channels, but K has 2", "(c_i, h, w) = (3, 8, 8)", "(c_i, k_h, k_w) = (2, 5, 5)")
    refuses(form.corr2d_multi_in_out, ONES(1, 8, 8), ONES(4, 3, 5, 5), ValueError,
            "X has 1 input channel, but K has 3", "(4, 3, 5, 5)")
    refuses(form.corr2d_multi_in_out_1x1, ONES(3, 8, 8), ONES(4, 2, 1, 1), ValueError,
            "X has 3 input channels, but K has 2", "(4, 2, 1, 1)")
    refuses(conv2d, ONES(1, 1, 8, 8), ONES(4, 3, 5, 5), ValueError,
            "input has 1 input channel, but weight is made for 3", "(1, 1, 8, 8)", "(4, 3, 5, 5)")


def test_4d_where_3d_is_meant(form):
    refuses(form.corr2d_multi_in, ONES(1, 3, 8, 8), ONES(3, 5, 5), ValueError,
            "X must be (c_i, h, w), but is (1, 3, 8, 8)", "an extra leading axis n",
            "X[0], or conv2d, which takes (n, c_i, h, w)")
    refuses(form.corr2d_multi_in, ONES(3, 8, 8), ONES(4, 3, 5, 5), ValueError,
            "K must be (c_i, k_h, k_w)", "an extra leading axis c_o", "K[0], or corr2d_multi_in_out, which")
    refuses(form.corr2d_multi_in_out, ONES(2, 3, 8, 8), ONES(4, 3, 5, 5), ValueError, "X[0]", "(n, c_i, h, w)")
    refuses(form.corr2d, ONES(1, 8, 8), ONES(5, 5), ValueError, "X must be (h, w)", "c_i",
            "X[0], or corr2d_multi_in, which takes (c_i, h, w)")


def test_4d_images_are_a_batch_for_conv2d(device):
    X, K = tensors((2, 3, 8, 8), (4, 3, 5, 5), device=device)
    assert_conv2d(conv2d(X, K), X, K)


def test_an_axis_too_few(form):
    refuses(form.corr2d_multi_in, ONES(8, 8), ONES(1, 5, 5), ValueError,
            "X must be (c_i, h, w)", "c_i is missing", "X[None]")
    refuses(form.corr2d_multi_in, ONES(8), ONES(1, 5, 5), ValueError, "c_i and h are missing", "X[None, None]")
    refuses(form.corr2d_multi_in_out, ONES(3, 8, 8), ONES(3, 5, 5), ValueError, "c_o is missing", "K[None]")
    refuses(conv2d, ONES(8, 8), ONES(1, 1, 5, 5), ValueError,
            "input must be (c_i, h, w)", "c_i is missing", "input[None]")
    refuses(conv2d, ONES(3, 8, 8), ONES(3, 5, 5), ValueError, "weight must be", "c_o is missing", "weight[None]")


@pytest.mark.parametrize(("name", "axes_X", "axes_K"), [
    ("corr2d", "(h, w)", "(k_h, k_w)"), ("corr2d_multi_in", "(c_i, h, w)", "(c_i, k_h, k_w)"),
    ("corr2d_multi_in_out", "(c_i, h, w)", "(c_o, c_i, k_h, k_w)"),
    ("corr2d_multi_in_out_1x1", "(c_i, h, w)", "(c_o, c_i, 1, 1)")])
def test_the_axes_are_named_as_in_the_formulas(form, name, axes_X, axes_K):
    function, X = getattr(form, name), ONES((3,) * (axes_X.count(",") + 1))
    refuses(function, ONES(()), ONES(()), ValueError, f"X must be {axes_X}, but is ()")
    refuses(function, X, ONES(()), ValueError, f"K must be {axes_K}, but is ()")


def test_five_axes(form):
    refuses(form.corr2d_multi_in_out, ONES(1, 1, 3, 8, 8), ONES(4, 3, 5, 5), ValueError, "(1, 1, 3, 8, 8)", "5 axes")
    refuses(conv2d, ONES(1, 1, 3, 8, 8), ONES(4, 3, 5, 5), ValueError, "(1, 1, 3, 8, 8)", "5 axes")


def test_32_and_64_bit_integers_are_exact(form):
    for dtype in (torch.int32, torch.int64):
        Y = form.corr2d(torch.tensor([[2**24 + 1]], dtype=dtype), torch.tensor([[1]], dtype=dtype))
        assert (Y.dtype, Y.item()) == (dtype, 2**24 + 1)  # float32 has no such number


@pytest.mark.parametrize("dtype", REFUSED, ids=str)
def test_small_integers_and_bool_are_refused(form, dtype):
    for function in (form.corr2d_multi_in_out, conv2d):
        refuses(function, ONES(3, 8, 8).to(dtype), ONES(4, 3, 5, 5).to(dtype), TypeError,
                str(dtype), ".float()", ".long()")


def test_integers_on_cuda_are_refused(form):
    with FakeTensorMode():  # no GPU is needed to see what a tensor on one says of itself
        X = ONES(3, 4, 4, dtype=torch.int64, device="cuda")
        refuses(form.corr2d_multi_in, X, X, TypeError, "torch.int64 on cuda", ".double()", ".cpu()")


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64], ids=str)
def test_other_numbers_on_cuda_come_through_the_door(dtype):
    with FakeTensorMode():
        check_tensors(X=ONES(3, 4, 4, dtype=dtype, device="cuda"))


def test_float64_is_kept(form, device):
    X = torch.tensor([[1 + 2.0**-40]], dtype=torch.float64, device=device)
    assert form.corr2d(X, torch.ones_like(X)).item() == 1 + 2.0**-40


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_types_are_kept(form, dtype, device):
    X, K = tensors((3, 5, 4), (2, 3, 2, 2), dtype=dtype, device=device)
    assert form.corr2d_multi_in_out(X, K).dtype == conv2d(X, K).dtype == dtype


def test_the_imaginary_part_is_kept(form, device):
    X = torch.tensor([[1 + 2j]], device=device)
    assert form.corr2d(X, torch.tensor([[3 + 4j]], device=device)).item() == (1 + 2j) * (3 + 4j)


def test_mixed_dtypes(form):
    for function, K in ((form.corr2d_multi_in_out, "K"), (conv2d, "weight")):
        refuses(function, ONES(3, 8, 8), ONES(4, 3, 5, 5).double(), TypeError,
                f"is torch.float32, but {K} is torch.float64", "convert one", f".to({K}.dtype)")
        refuses(function, ONES(3, 8, 8).long(), ONES(4, 3, 5, 5), TypeError, "torch.int64", f".to({K}.dtype)")
        refuses(function, ONES(3, 8, 8), ONES(4, 3, 5, 5).long(), TypeError, "torch.int64", f"{K}.to(")  # loses nothing


def test_mixed_devices(form):
    for function, K in ((form.corr2d_multi_in_out, "K"), (conv2d, "weight")):
        refuses(function, ONES(3, 8, 8), ONES(4, 3, 5, 5).to("meta"), TypeError,
                f"is on cpu, but {K} is on meta", "move one", f"{K}.to(")


def test_a_kernel_one_larger_than_the_image(form):
    refuses(form.corr2d, ONES(3, 3), ONES(4, 3), ValueError, "does not fit", "K is 4 high", "X is only 3")
    refuses(form.corr2d, ONES(3, 3), ONES(3, 4), ValueError, "K is 4 wide", "X is only 3")
    refuses(conv2d, ONES(1, 3, 3), ONES(1, 1, 3, 4), ValueError, "weight is 4 wide", "input is only 3")


def test_a_kernel_much_larger_or_with_a_zero_side(form):
    refuses(form.corr2d_multi_in, ONES(2, 3, 3), ONES(2, 30, 40), ValueError, "K is 30 high")
    for function in (form.corr2d_multi_in_out, conv2d):
        refuses(function, ONES(2, 3, 3), ONES(4, 2, 0, 2), ValueError, "(4, 2, 0, 2)", "axis k_h is empty")
        refuses(function, ONES(2, 3, 3), ONES(4, 2, 2, 0), ValueError, "axis k_w is empty")


def test_an_image_with_a_zero_side(form):
    for function in (form.corr2d_multi_in_out, conv2d):
        refuses(function, ONES(2, 0, 3), ONES(4, 2, 1, 1), ValueError, "(2, 0, 3)", "axis h is empty")


def test_zero_input_channels(form):
    for function in (form.corr2d_multi_in_out, conv2d):
        refuses(function, ONES(0, 3, 3), ONES(4, 0, 2, 2), ValueError, "(0, 3, 3)", "axis c_i is empty")
    refuses(form.corr2d_multi_in_out, ONES(2, 3, 3), ONES(0, 2, 2, 2), ValueError, "axis c_o is empty")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")], ids=str)
def test_nan_and_infinity_spread_to_touched_windows_only(form, bad, device):
    X, K = torch.ones(2, 4, 4, device=device), torch.ones(1, 2, 2, 2, device=device)
    X[1, 0, 3] = bad
    Y = form.corr2d_multi_in_out(X, K)
    assert (~Y.isfinite()).nonzero().tolist() == [[0, 0, 2]]
    assert Y[0, 2, 0] == 8


# Expanded, transposed, requires_grad and vmap are in test_corr.py, CUDA is wherever `device` is.

@pytest.mark.parametrize("shape", [(2, 1, 1, 3), (2, 1, 3, 1), (2, 3, 3, 3)], ids=str)
def test_a_1x1_kernel_that_is_none(form, shape):
    refuses(form.corr2d_multi_in_out_1x1, ONES(shape[1], 4, 4), ONES(shape), ValueError,
            "K must be (c_o, c_i, 1, 1)", str(shape), "corr2d_multi_in_out")


def test_a_1x1_kernel_as_a_matrix(form):
    refuses(form.corr2d_multi_in_out_1x1, ONES(3, 4, 4), ONES(2, 3), ValueError,
            "K must be (c_o, c_i, 1, 1), but is (2, 3)", "K.reshape(2, 3, 1, 1)")


@pytest.mark.parametrize("shape", [(3,), (3, 1, 1), (2, 3, 1)], ids=str)
def test_a_1x1_kernel_with_other_axes_missing_gets_no_wrong_advice(form, shape):
    refuses(form.corr2d_multi_in_out_1x1, ONES(3, 4, 4), ONES(shape), ValueError,
            f"K must be (c_o, c_i, 1, 1), but is {shape}", "None" if shape[-2:] == (1, 1) else "1, 1)")


# What a beginner types.

@pytest.mark.parametrize("X", [np.ones((3, 8, 8)), [[[1.0]]], None, 2], ids=lambda X: type(X).__name__)
def test_what_is_no_tensor(form, X):
    for function, name in ((form.corr2d_multi_in_out, "X"), (conv2d, "input")):
        refuses(function, X, ONES(4, 3, 5, 5), TypeError,
                f"{name} must be a torch.Tensor, but its type is {type(X).__name__}", "torch.tensor(")


def test_arguments_in_the_wrong_order(form):
    refuses(form.corr2d_multi_in_out, ONES(4, 3, 2, 2), ONES(3, 8, 8), ValueError,
            "X must be (c_i, h, w)", "(4, 3, 2, 2)")


def test_a_sparse_tensor(form):
    refuses(form.corr2d, torch.eye(4).to_sparse(), ONES(2, 2), TypeError, "torch.sparse_coo", "X.to_dense()")


@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
def test_a_half_complex_tensor_keeps_its_imaginary_part(form):
    X = ONES(3, 3, dtype=torch.complex64).to(torch.complex32)
    refuses(form.corr2d, X, X, TypeError, "torch.complex32", "torch.complex64")


def test_channels_last():
    refuses(conv2d, ONES(1, 8, 9, 3), ONES(4, 3, 2, 2), ValueError, "channels last", "input.movedim(-1, -3)")


def test_grey_images_without_their_channel():
    refuses(conv2d, ONES(16, 28, 28), ONES(4, 1, 3, 3), ValueError, "16 images of one channel", "input[:, None]")


@pytest.mark.parametrize(("arguments", "error", "words"), [
    ({"stride": 0}, ValueError, ["stride must be at least 1, but is 0"]),
    ({"stride": -1}, ValueError, ["stride must be at least 1, but is -1"]),
    ({"stride": 1.0}, TypeError, ["stride must be an integer, but is 1.0"]),
    ({"stride": True}, TypeError, ["stride must be an integer, but is True"]),
    ({"stride": (1, 2, 3)}, ValueError, ["stride", "pair (vertical, horizontal)", "(1, 2, 3)"]),
    ({"stride": (2, "2")}, TypeError, ["stride", "'2'"]),
    ({"dilation": 0}, ValueError, ["dilation must be at least 1, but is 0"]),
    ({"dilation": 9}, ValueError, ["does not fit", "10 high", "dilation spreads 2 over 10", "only 8"]),
    ({"padding": -1}, ValueError, ["padding must be at least 0, but is -1"]),
    ({"padding": "Same"}, ValueError, ['"same"', '"valid"', "'Same'"]),
    ({"padding": "same", "stride": 2}, ValueError, ['padding="same"', "stride 1", "(2, 2)"]),
    ({"padding": 1, "dilation": 11}, ValueError, ["12 high", "only 10 with its padding"]),
    ({"groups": 0}, ValueError, ["groups must be at least 1, but is 0"]),
    ({"groups": 2}, ValueError, ["4 input channels", "2 * 4 = 8"]),
    ({"bias": ONES(3)}, ValueError, ["bias must be (c_o,) = (6,)", "each output channel", "(3,)"]),
    ({"bias": ONES(1, 6)}, ValueError, ["(6,)", "(1, 6)"]),
    ({"bias": ONES(6, 1)}, ValueError, ["(6,)", "(6, 1)"]),
    ({"bias": ONES(0)}, ValueError, ["(6,)", "(0,)"]),
    ({"bias": ONES(6).double()}, TypeError, ["torch.float32", "bias is torch.float64"]),
    ({"bias": ONES(6).to("meta")}, TypeError, ["cpu", "bias is on meta"]),
    ({"bias": 2}, TypeError, ["bias must be a torch.Tensor", "int"]),
], ids=str)
def test_conv2d_names_the_argument_and_its_value(arguments, error, words):
    refuses(lambda X, K: conv2d(X, K, **arguments), ONES(4, 8, 8), ONES(6, 4, 2, 2), error, *words)


def test_groups_that_do_not_divide_the_kernels():
    refuses(lambda X, K: conv2d(X, K, groups=2), ONES(4, 8, 8), ONES(5, 2, 3, 3), ValueError, "5 kernels", "groups=2")


def test_a_message_has_no_page_of_numbers():
    with pytest.raises(TypeError) as caught:
        conv2d(ONES(3, 8, 8), ONES(4, 3, 2, 2), stride=ONES(3, 90, 90))
    assert len(str(caught.value)) < 200


def test_the_check_serves_any_function_of_an_image_and_a_kernel():
    @shapes(X="c_i h w", K="c_i k_h k_w")
    def sizes(X, K):
        """Say how large."""
        return tuple(X.shape), tuple(K.shape)

    assert sizes(ONES(2, 5, 4), ONES(2, 3, 3)) == sizes(K=ONES(2, 3, 3), X=ONES(2, 5, 4)) == ((2, 5, 4), (2, 3, 3))
    assert sizes.__doc__ == "Say how large."
    refuses(sizes, ONES(2, 5, 4), ONES(3, 3, 3), ValueError, "2 input channels, but K has 3")


def test_every_size_may_be_one(form, device):
    X, K = tensors((1, 1, 1), (1, 1, 1, 1), device=device)
    assert form.corr2d_multi_in_out(X, K).shape == conv2d(X, K).shape == (1, 1, 1)


# What the messages say in the end.

EXCHANGED = "If X and K are exchanged: X is the image, and comes first."
EQUAL = "Every input channel needs its own slice of the kernel, so c_i must be the same in both."
ENDS = [
    (lambda: corr.corr2d(ONES(1, 2, 5, 5), ONES(2, 2)),
     "(1, 2, 5, 5): it has extra leading axes n and c_i. Take one, for example X[0, 0], or conv2d, which takes "
     "(n, c_i, h, w)."),
    (lambda: corr.corr2d(ONES(5, 5), ONES(2, 2, 2)),
     "(2, 2, 2): it has an extra leading axis c_i. Take one, for example K[0], or corr2d_multi_in, which takes "
     "(c_i, k_h, k_w)."),
    (lambda: corr.corr2d_multi_in_out_1x1(ONES(3, 8, 8), ONES(3)),
     "(3,): the two sides of a 1x1 kernel are axes, too. Take K.reshape(1, 3, 1, 1)."),
    (lambda: corr.corr2d_multi_in_out_1x1(ONES(3, 8, 8), ONES(2, 3, 1)),
     "(2, 3, 1): the two sides of a 1x1 kernel are axes, too. Take K.reshape(2, 3, 1, 1)."),
    (lambda: corr.corr2d_multi_in_out_1x1(ONES(3, 8, 8), ONES(3, 1, 1)),
     "(3, 1, 1): c_o is missing. One of something is still an axis: take K[None], which is (1, 3, 1, 1)."),
    (lambda: corr.corr2d_multi_in(ONES(3, 8, 8), ONES(2, 2, 2)),
     f"X is (c_i, h, w) = (3, 8, 8) and K is (c_i, k_h, k_w) = (2, 2, 2). {EQUAL}"),
    (lambda: corr.corr2d_multi_in_out(ONES(8, 8, 3), ONES(4, 3, 5, 5)),
     f"{EQUAL} If X has its channels last, X.movedim(-1, -3) puts them first."),
    (lambda: corr.corr2d_multi_in_out(ONES(3, 8, 8), ONES(4, 1, 5, 5)),
     f"{EQUAL} If X is 3 images of one channel, conv2d takes X[:, None]."),
    (lambda: corr.corr2d_multi_in_out(ONES(3, 8, 8), ONES(2, 2, 3, 4)),
     f"{EQUAL} If K is (k_h, k_w, c_i, c_o), K.permute(3, 2, 0, 1) puts it in order."),
    (lambda: corr.corr2d_multi_in_out(ONES(3, 8, 8), ONES(1, 2, 3, 4)), EQUAL),  # no side of a kernel is 1, the other 2
    (lambda: corr.corr2d_multi_in_out(ONES(3, 8, 8), ONES(2, 2, 3, 2)), EQUAL),  # nor has it so few output channels
    (lambda: corr.corr2d_multi_in_out(ONES(3, 8, 8), ONES(2, 2, 5, 4)), EQUAL),
    (lambda: conv2d(ONES(6, 8, 8), ONES(2, 2, 3, 4), groups=2),
     "weight is made for 2 * 2 = 4, 2 groups of 2: input is (c_i, h, w) = (6, 8, 8) and weight is (c_o, c_i/groups, "
     "k_h, k_w) = (2, 2, 3, 4). Make the two agree. If weight is (k_h, k_w, c_i, c_o), weight.permute(3, 2, 0, 1) puts "
     "it in order."),
    (lambda: corr.corr2d(ONES(5, 2), ONES(2, 3)),
     "K is 3 wide, but X is only 2. Take a smaller kernel, or pad X."),
    (lambda: conv2d(ONES(1, 4, 8), ONES(1, 1, 3, 2), dilation=2),
     "weight is 5 high (dilation spreads 3 over 5), but input is only 4. Take a smaller kernel, or pad input."),
    (lambda: conv2d(ONES(1, 5, 5), ONES(1, 1, 2, 2), 2),
     "its type is int: leave it out, or write the name of what you meant, for example stride=2."),
    (lambda: conv2d(2, 3, 2), "makes a tensor of it, and a layer is written Conv2d, with a capital C."),
    (lambda: corr.corr2d_multi_in([ONES(5, 5)] * 2, ONES(2, 2, 2)), "torch.stack(...) makes one tensor of several."),
    *((lambda exchanged=exchanged: exchanged(ONES(2, 3, 3)), EXCHANGED) for exchanged in (
        lambda image: corr.corr2d(ONES(2, 2), image[0]),
        lambda image: corr.corr2d_multi_in(ONES(2, 2, 2), image),
        lambda image: corr.corr2d_multi_in_out(ONES(4, 2, 2, 2), image),
        lambda image: corr.corr2d_multi_in_out_1x1(ONES(4, 2, 1, 1), image))),
    (lambda: conv2d(ONES(4, 2, 2, 2), ONES(2, 3, 3)), "exchanged: input is the image, and comes first."),
    (lambda: conv2d_cost((4, 2, 2, 2), (2, 3, 3)), "exchanged: input is the image, and comes first."),
]


@pytest.mark.parametrize(("call", "end"), ENDS)
def test_a_message_says_what_to_do(call, end):
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    assert str(caught.value).endswith(end)


def test_nothing_is_called_exchanged_that_would_not_fit_the_other_way_round():
    with pytest.raises(ValueError, match=r"Take a smaller kernel, or pad X\.$"):
        corr.corr2d(ONES(5, 2), ONES(2, 3))
    with pytest.raises(ValueError, match="is 3 in X, but 4 in K"):
        shapes(X="a", K="a")(lambda X, K: X)(ONES(3), ONES(4))


# Patterns of axes.

def test_axes_are_compared_by_name_wherever_they_are():
    @shapes(X="c_i h w", K="c_o c_i k_h")
    def f(X, K):
        return True

    assert f(ONES(2, 3, 3), ONES(4, 2, 2))
    refuses(f, ONES(2, 3, 3), ONES(2, 4, 2), ValueError, "X has 2 input channels, but K has 4")


def test_an_axis_that_occurs_twice_in_one_tensor_has_one_size():
    @shapes(X="n n h w")
    def f(X):
        return True

    assert f(ONES(4, 4, 2, 3))
    with pytest.raises(ValueError, match=r"n is 4 in X, but 3 in X: X is \(n, n, h, w\) = \(4, 3, 4, 4\)"):
        f(ONES(4, 3, 4, 4))


def test_three_tensors_and_an_argument_after_them():
    @shapes(X="c h w", K="k c", b="k")
    def f(X, K, b, scale=1):
        return scale

    assert f(ONES(2, 5, 5), ONES(3, 2), ONES(3)) == 1
    assert f(ONES(2, 5, 5), b=ONES(3), K=ONES(3, 2), scale=7) == 7
    with pytest.raises(ValueError, match=r"k is 3 in K, but 4 in b: K is \(k, c\) = \(3, 2\) and b is \(k,\) = \(4,\)"):
        f(ONES(2, 5, 5), ONES(3, 2), ONES(4))


@pytest.mark.parametrize("pattern", ["", "c_i 2 w", "c-i h w", "h, w", "()", (2, 3, 3)])
def test_a_pattern_that_is_none_is_refused_at_decoration(pattern):
    with pytest.raises(ValueError, match=f"^{re.escape(repr(pattern))} is no pattern"):
        shapes(X=pattern)


@pytest.mark.parametrize("misused", [lambda f: shapes(f), lambda f: shapes("c h w")(f), lambda f: shapes()(f)])
def test_a_decorator_without_names_says_how_it_is_written(misused):
    with pytest.raises(ValueError, match=r'@shapes\(X="c_i h w"\)'):
        misused(lambda X: X)


@pytest.mark.parametrize("function", [lambda K, X: X, lambda X, *, K: X, lambda *X, K=None: X])
def test_patterns_are_for_the_first_positional_arguments_of_a_function(function):
    with pytest.raises(ValueError, match=r"describe X, K, which are not the first positional arguments of <lambda>\("):
        shapes(X="h w", K="k_h k_w")(function)


def test_only_an_image_and_a_kernel_are_thought_to_be_exchanged():
    product = shapes(A="m n", B="n p")(lambda A, B: A @ B)
    with pytest.raises(ValueError, match=r"^n is 3 in A, but 4 in B: [^.]*\.$"):
        product(ONES(2, 3), ONES(4, 2))


def test_a_default_is_checked_like_what_is_given():
    @shapes(X="h w")
    def sums(X=None):
        return X.sum()

    assert sums(ONES(2, 2)) == 4
    with pytest.raises(TypeError, match=r"X must be a torch\.Tensor, but its type is NoneType"):
        sums()


@pytest.mark.parametrize("name", ["corr2d", "corr2d_multi_in", "corr2d_multi_in_out", "corr2d_multi_in_out_1x1"])
def test_the_output_is_what_the_pattern_says(name):
    function = getattr(corr, name)
    inputs, output = function.__shapes__.split(" -> ")
    sizes = {"c_i": 2, "h": 7, "w": 6, "c_o": 5, "k_h": 3, "k_w": 2, "h_out": 5, "w_out": 5, "1": 1}
    X, K, Y = (tuple(sizes[axis] for axis in re.findall(r"\w+", axes))
               for axes in (*inputs[1:-1].split("), ("), output))
    assert function(ONES(X), ONES(K)).shape == Y


# What a beginner's image or kernel really is.

@pytest.mark.parametrize(("X", "K", "groups", "words"), [
    ((4, 8, 9), (5, 3, 2, 2), 1, "If input is an RGBA image, input[:3] leaves the transparency out."),
    ((2, 4, 8, 9), (5, 3, 2, 2), 1, "If input is an RGBA image, input[:, :3] leaves the transparency out."),
    ((8, 9, 4), (5, 3, 2, 2), 1, "input[..., :3].movedim(-1, -3) leaves the transparency out"),
    ((1, 16, 72, 72), (3, 3, 16, 1), 16, "Keras's depthwise (k_h, k_w, c_i, m), weight.permute(2, 3, 0, 1)"
     ".reshape(16, 1, 3, 3) is torch's."),
    ((1, 3, 8, 8), (3, 3, 3, 16), 1, "16 wide, but input is only 8. Take a smaller kernel, or pad input. If weight is "
     "(k_h, k_w, c_i, c_o), weight.permute(3, 2, 0, 1) puts it in order."),
    ((32, 8, 8), (64, 1, 3, 3), 64, "For a depthwise layer take groups=32, the number of input channels."),
])
def test_a_message_guesses_what_was_meant_and_its_advice_helps(X, K, groups, words):
    refuses(lambda X, K: conv2d(X, K, groups=groups), ONES(X), ONES(K), ValueError, words)
    names = {"input": ONES(X), "weight": ONES(K)}
    if code := re.search(r"(input|weight)[\[.]\S*(?:, \S+)*?[\])](?= (?:leaves|puts|is torch))", words):
        names[code[1]] = eval(code[0], names)
        assert conv2d(names["input"], names["weight"], groups=groups).ndim == len(X)


def test_a_bias_for_a_kernel_in_keras_order_says_so():
    refuses(lambda X, K: conv2d(X, K, ONES(16)), ONES(1, 3, 50, 50), ONES(3, 3, 3, 16), ValueError,
            "bias must be (c_o,) = (3,)", "weight.permute(3, 2, 0, 1) puts it in order")


def test_a_depthwise_layer_is_advised_to_take_as_many_groups_as_input_channels():
    with pytest.raises(ValueError, match=r"in_channels=32 must be divisible by groups=64\. .* take groups=32"):
        Conv2d(32, 64, 3, groups=64)
    Conv2d(32, 64, 3, groups=32)


def test_no_advice_leads_to_the_next_error():
    with pytest.raises(ValueError, match=r"in_channels=6 must be divisible by groups=4\.$"):  # 6 do not divide 4
        Conv2d(6, 4, 3, groups=4)
    with pytest.raises(ValueError, match=r"Make the two agree\.$"):
        conv2d(ONES(6, 8, 8), ONES(4, 1, 3, 3), groups=4)


def test_the_sides_that_are_missing_are_added_to_as_many_axes_as_the_pattern_has():
    function = shapes(K="c_i 1 1")(lambda K: K)
    with pytest.raises(ValueError, match=r"Take K\.reshape\(3, 1, 1\)\."):
        function(ONES(3))
    assert function(ONES(3).reshape(3, 1, 1)).shape == (3, 1, 1)


def test_an_image_of_bytes_is_told_how_to_become_numbers(form):
    X = torch.ones(3, 4, 4, dtype=torch.uint8)
    refuses(form.corr2d_multi_in, X, X, TypeError, "X.float() / 255 for an image")


# Tensors of other kinds.

@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
def test_nested_tensors_are_refused(form):
    X = torch.nested.nested_tensor([ONES(3, 4), ONES(2, 4)])
    refuses(form.corr2d, X, ONES(2, 2), TypeError, "X is a nested tensor", "torch.nested.to_padded_tensor(X, 0)")
    refuses(conv2d, X, ONES(1, 1, 2, 2), TypeError, "input is a nested tensor")


@pytest.mark.filterwarnings("ignore:.*uantiz.*:UserWarning", "ignore:.*uantiz.*:DeprecationWarning")
def test_quantized_tensors_are_refused(form):
    X = torch.quantize_per_tensor(ONES(3, 4), 0.1, 0, torch.quint8)
    refuses(form.corr2d, X, X, TypeError, "X is quantized", "X.dequantize()")


def test_a_fake_and_a_real_tensor_are_refused(form):
    with FakeTensorMode():
        X = ONES(3, 4)
    refuses(form.corr2d, X, ONES(2, 2), TypeError, "one of X and K is a fake tensor")


def test_tracers_and_tensor_like_objects_are_dispatched(form):
    class Seen:
        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):
            return function.__name__, len(args)

    assert form.corr2d(Seen(), ONES(2, 2)) == ("corr2d", 2)
    assert conv2d(ONES(1, 3, 3), Seen(), stride=2) == ("conv2d", 7)
    traced = torch.fx.symbolic_trace(lambda X, K: form.corr2d_multi_in_out(X, K) + conv2d(X, K))
    X, K = tensors((2, 5, 4), (3, 2, 2, 2))
    torch.testing.assert_close(traced(X, K), 2 * conv2d(X, K))


# Where it is cheap.

def test_all_is_well_costs_a_few_comparisons_by_hand():
    @shapes(X="c_i h w", K="c_o c_i k_h k_w")
    def checked(X, K):
        pass

    def by_hand(X, K):
        return (X.shape[0] == K.shape[1] and X.shape[1] >= K.shape[2] and X.shape[2] >= K.shape[3]
                and X.dtype == K.dtype and X.device == K.device)

    X, K = ONES(2, 3, 3), ONES(3, 2, 2, 2)
    rounds = [(timeit.timeit(lambda: checked(X, K), number=300), timeit.timeit(lambda: by_hand(X, K), number=300))
              for _ in range(15)]
    assert min(ours / hand for ours, hand in rounds) < 4


def test_a_side_that_fits_by_its_padding_is_not_the_one_that_is_named():
    padded = partial(conv2d, padding=1)
    refuses(padded, ONES(1, 3, 2), ONES(1, 1, 5, 9), ValueError, "weight is 9 wide, but input is only 4")


# Patterns other than those of the four functions.

HEIGHT_FIRST = {"X": "h w c_i", "K": "k_h k_w c_i c_o"}


@pytest.mark.parametrize(("patterns", "given", "words"), [
    ({"X": "c_i w", "K": "c_i k_w"}, [(2, 3), (2, 5)], "K is 5 wide, but X is only 3"),
    (HEIGHT_FIRST, [(3, 9, 9), (4, 1, 9, 2)], "K is 4 high, but X is only 3"),
    (HEIGHT_FIRST, [(9, 3, 5), (4, 4, 5, 6)], "K is 4 wide, but X is only 3"),
    ({"b": "k"}, [(3, 2)], "b must be (k,), but is (3, 2): it has 2 axes, not 1."),
    ({"b": "w"}, [(3, 2)], "b must be (w,), but is (3, 2): it has 2 axes, not 1."),
    ({"K": "c_o c_i 1 1"}, [(2, 3, 0, 1)], "K is (c_o, c_i, 1, 1) = (2, 3, 0, 1): its axis 1 is empty."),
    ({"X": "n c d h w", "K": "o c k"}, [(1, 2, 3, 4, 5), (1, 3, 1)], "c is 2 in X, but 3 in K"),
    ({"X": "n c 1"}, [(2, 3, 4)], "X must be (n, c, 1), but is (2, 3, 4): an axis 1 has one element."),
    ({"X": "n c 1"}, [(2, 3)], "n is missing. One of something is still an axis: take X[None], which is (1, 2, 3)."),
    ({"X": "c_i h w", "K": "c_i k_w k_h"}, [(8, 8, 3), (3, 2, 2)], "so c_i must be the same in both."),
    ({"X": "h w c_i", "K": "c_i k_h k_w"}, [(8, 8, 3), (8, 2, 2)], "so c_i must be the same in both."),
    ({"K": "c_o c_i k_h k_w", "X": "c_i h w"}, [(4, 3, 2, 2), (8, 8, 3)], "so c_i must be the same in both."),
])
def test_any_pattern_is_checked_by_the_names_of_its_axes(patterns, given, words):
    names = ", ".join(patterns)
    function = eval(f"lambda {names}: True")
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        shapes(**patterns)(function)(*map(ONES, given))
    assert "movedim" not in str(caught.value)  # a guess for images whose axes are in another order


def test_a_size_is_compared_with_its_own_axis_also_where_the_fast_way_is_not_taken():
    @shapes(X="c_i h w", K="c_o c_i k_h")
    def f(X, K):
        return True

    with FakeTensorMode():
        assert f(ONES(5, 3, 3), ONES(4, 5, 2))


@pytest.mark.parametrize("dtypes", [(torch.float64, torch.complex64), (torch.float16, torch.bfloat16)], ids=str)
def test_neither_of_two_dtypes_is_advised_where_both_would_lose(form, dtypes):
    X, K = (ONES(3, 3, dtype=dtype) for dtype in dtypes)
    refuses(form.corr2d, X, K, TypeError, f"convert both to {torch.promote_types(*dtypes)}")
