"""explain: the arithmetic of one output element, in words that can be checked by hand."""

import dataclasses
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from d2lconv.arithmetic import exact, explain, number
from oracles import torch_conv2d
from strategies import tensors

X = torch.arange(9).reshape(3, 3)
K = torch.arange(4).reshape(2, 2)
X, K = torch.stack([X, X + 1]), torch.stack([K, K + 1])


def test_the_classic_first_element_reads_as_in_the_chapter():
    first = explain(X, K, at=(0, 0))
    assert str(first) == repr(first) == (
        "(0*0 + 1*1 + 3*2 + 4*3) + (1*1 + 2*2 + 4*3 + 5*4) = 19 + 37 = 56")
    assert (first.value, first.terms, first.channels, first.at) == (56, (19, 37), (0, 1), (0, 0, 0))


def test_the_last_element_sees_the_last_window():
    assert str(explain(X, K, (1, 1))) == (
        "(4*0 + 5*1 + 7*2 + 8*3) + (5*1 + 6*2 + 8*3 + 9*4) = 43 + 77 = 120")


def test_a_single_channel_needs_no_parentheses():
    assert str(explain(X[0], K[0], (0, 0))) == "0*0 + 1*1 + 3*2 + 4*3 = 19"
    assert str(explain(X[:1], K[:1], (0, 0))) == "0*0 + 1*1 + 3*2 + 4*3 = 19"


def test_a_1x1_kernel_has_one_product_for_each_channel():
    assert str(explain(X, K[:, 1:, 1:], (0, 1))) == "1*3 + 2*4 = 3 + 8 = 11"


def test_the_bias_is_one_more_term():
    first = explain(X, K[None], (0, 0, 0), bias=torch.tensor([-6]))
    assert str(first).endswith(" + (-6) = 19 + 37 + (-6) = 50")
    assert (first.value, first.bias) == (50, -6)


def test_padding_is_shown_as_the_zeros_that_it_is():
    assert str(explain(X[0], K[0], (0, 0), padding=1)) == "0*0 + 0*1 + 0*2 + 0*3 = 0"
    assert str(explain(X[0], K[0], (3, 3), padding=1)) == "8*0 + 0*1 + 0*2 + 0*3 = 0"


def test_the_stride_moves_the_window():
    assert str(explain(X[0], K[0], (0, 1), padding=(0, 1), stride=(1, 2))) == "1*0 + 2*1 + 4*2 + 5*3 = 25"


def test_dilation_spreads_the_window():
    assert str(explain(X[0], K[0], (0, 0), dilation=2)) == "0*0 + 2*1 + 6*2 + 8*3 = 38"
    assert str(explain(X[0], K[0], (1, 0), dilation=(1, 2))) == "3*0 + 5*1 + 6*2 + 8*3 = 41"


def test_tensors_without_numbers_are_refused():
    with pytest.raises(TypeError, match="device meta, where tensors have shapes but no numbers"):
        explain(X.to("meta"), K.to("meta"), (0, 0))


def test_a_group_sees_its_own_channels_only():
    second = explain(X, K[:, None], (1, 0, 0), groups=2)
    assert str(second) == "1*1 + 2*2 + 4*3 + 5*4 = 37"
    assert second.channels == (1,)


def test_negative_numbers_stand_in_parentheses():
    assert str(explain(-X[0], K[0] - 2, (0, 0))) == "0*(-2) + (-1)*(-1) + (-3)*0 + (-4)*1 = -3"


def test_fractions_are_shown_to_four_digits_and_said_to_be_rounded():
    third = torch.full((1, 1), 1 / 3)
    assert str(explain(third, third, (0, 0))) == "0.3333*0.3333 ≈ 0.1111"
    tenth = torch.full((1, 1), 0.1)
    assert str(explain(tenth, tenth, (0, 0))) == "0.1*0.1 = 0.01"  # as float32 means it


def test_a_long_sum_leaves_out_its_middle_and_says_how_much():
    text = str(explain(torch.ones(12, 5, 5), torch.ones(12, 5, 5), (0, 0)))
    products = "(1*1 + 1*1 + 1*1 + ... 20 more ... + 1*1 + 1*1)"
    assert text == (" + ".join([*[products] * 3, "... 7 more ...", *[products] * 2])
                    + " = 25 + 25 + 25 + ... 7 more ... + 25 + 25 = 300")


def test_ten_channels_are_too_many_to_show():
    assert "+ ... 5 more ... +" in str(explain(torch.ones(10, 1, 1), torch.ones(10, 1, 1), (0, 0)))


def test_a_3x3_window_is_shown_whole():
    assert "more" not in str(explain(torch.ones(9, 3, 3), torch.ones(9, 3, 3), (0, 0)))


def test_what_is_explained_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        explain(X, K, (0, 0)).bias = 1


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64, torch.complex64])
def test_every_element_has_the_value_of_torch(dtype, device):
    X, K, bias = tensors((6, 4, 5), (4, 3, 2, 3), (4,), dtype=dtype)
    expected = torch_conv2d(X[None], K, bias, stride=(1, 2), padding=(0, 1), groups=2)[0]
    X, K, bias = (t.to(device) for t in (X, K, bias))
    actual = [[[explain(X, K, (o, i, j), bias, (1, 2), (0, 1), groups=2).value for j in range(len(expected[0, 0]))]
               for i in range(len(expected[0]))] for o in range(len(expected))]
    torch.testing.assert_close(torch.tensor(actual, dtype=expected.dtype), expected, rtol=1e-12, atol=1e-12)


def test_its_latex_is_what_the_site_can_show():
    latex = explain(X, K[None], (0, 0, 0), bias=torch.tensor([-6]))._repr_latex_()
    assert latex == (r"$\begin{aligned} & (0 \cdot 0 + 1 \cdot 1 + 3 \cdot 2 + 4 \cdot 3) \\ "
                     r"+ & (1 \cdot 1 + 2 \cdot 2 + 4 \cdot 3 + 5 \cdot 4) \\ "
                     r"+ & (-6) \\ = & 19 + 37 + (-6) \\ = & 50 \end{aligned}$")


def test_its_latex_says_where_numbers_are_rounded():
    third = torch.full((1, 1), 1 / 3)
    assert r"\approx & 0.1111" in explain(third, third, (0, 0))._repr_latex_()


def test_the_site_can_show_the_latex_of_odd_numbers():
    odd = torch.tensor([1e-9, 1e30, torch.nan, torch.inf, -0.5])[:, None, None].expand(5, 3, 4)
    latex = explain(odd, odd, (0, 0))._repr_latex_()
    for shown in (r"10^{-9}", r"10^{30}", r"\text{nan} \cdot \text{nan}", r"\infty \cdot \infty"):
        assert shown in latex
    assert r"\cdots 7 \text{ more} \cdots" in latex
    pytest.importorskip("docutils.utils.math.latex2mathml").tex2mathml(latex.strip("$"))


@given(st.floats(-1.79e308, 1.79e308) | st.floats(-1e6, 1e6))  # four digits of the very largest are infinite
def test_a_number_is_shown_to_four_digits_or_better(x):
    shown = number(x)
    assert abs(float(shown) - x) <= 0.5001e-3 * abs(x)
    assert len(re.sub(r"\D", "", shown.partition("e")[0]).lstrip("0")) <= 16
    assert exact(x) == (abs(float(shown) - x) <= 1e-6 * min(abs(x), 1e4))


@pytest.mark.parametrize(("x", "shown"), [
    (0.0015, "0.0015"), (0.00015, "1.5e-4"), (12345.67, "12346"), (1e14 + 0.5, "100000000000001"), (1e15 + 0.5, "1e15"),
    (2.0**53 - 1, "9007199254740991"), (2.0**53, "9.007e15"), (1 + 2j, "(1+2j)"), (1 - 2j, "(1-2j)")])
def test_a_number_is_written_plainly_where_that_is_short(x, shown):
    assert number(x) == shown


@given(st.integers())
def test_an_integer_is_shown_in_full(n):
    assert number(n) == str(n)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: explain(X, K[:1], (0, 0)), r"X has 2 input channels, but K is made for 1"),
    (lambda: explain(X[0], K, (0, 0)), r"X must be \(c_i, h, w\), but is \(3, 3\): c_i is missing"),
    (lambda: explain(X, K[0], (0, 0)), r"X must be \(h, w\), but is \(2, 3, 3\): .* Take one, for example X\[0\]"),
    (lambda: explain(X[None], K, (0, 0)), r"an extra leading axis n"),
    (lambda: explain(X, K[0, 0], (0, 0)), r"K must be \(k_h, k_w\), but is \(2,\): k_h is missing"),
    (lambda: explain(X, K, (0, 0, 0)), r"at must be \(i, j\), but is \(0, 0, 0\)"),
    (lambda: explain(X, K[None], (0, 0)), r"at must be \(o, i, j\), but is \(0, 0\)"),
    (lambda: explain(X, K, 0), r"at must be \(i, j\), but is 0"),
    (lambda: explain(X, K, (0, 2)), r"at=\(0, 2\) is outside of the output, which is \(2, 2\): take j from 0 to 1"),
    (lambda: explain(X, K, (-1, 0)), r"at's i must be at least 0, but is -1"),
    (lambda: explain(X, K[None], (0, 0, 0), groups=2), r"groups"),
    (lambda: explain(X, K[:, None], (0, 0, 0), torch.ones(1).long(), groups=2), r"bias must be \(c_o,\) = \(2,\)"),
])
def test_a_wrong_shape_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("call", [
    lambda: explain(X.tolist(), K, (0, 0)),
    lambda: explain(X, K.float(), (0, 0)),
    lambda: explain(X, K, (0.0, 0)),
    lambda: explain(X, K[None], (0, 0, 0), bias=torch.ones(1)),
])
def test_a_wrong_type_is_refused(call):
    with pytest.raises(TypeError):
        call()
