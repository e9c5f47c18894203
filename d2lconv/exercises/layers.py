"""Checkers of the layers: the four functions of the chapters, `conv2d`, and depthwise convolution."""

import torch
from torch.nn import functional as F

from d2lconv import loops
from d2lconv.exercises import problems
from d2lconv.exercises.judge import judge
from d2lconv.exercises.problems import drawn
from d2lconv.exercises.task import exercise, made


def conv2d(X, K, bias=None, stride=1, padding=0, groups=1):
    """The true ``conv2d``, which goes beyond the loops."""
    return F.conv2d(X, K, bias, stride, padding, 1, groups)


def depthwise(X, K):
    """The true ``depthwise``."""
    return torch.stack([loops.corr2d(x, k) for x, k in zip(X, K)])


def three_and_two(X, K):
    """A problem whose channel counts differ, and the same with the third channel cut off."""
    (mismatch,) = made("", "X K", (X, K))
    (cut,) = made("", "X K", (X[..., :2, :, :], K))
    return {"mismatch": mismatch, "cut": cut}


@exercise(loops.corr2d, problems.one_channel())
def check_corr2d(function):
    """Check ``corr2d(X, K)``: slide the kernel over the image, and at each place sum window times kernel.

    Shapes: ``(h, w), (k_h, k_w) -> (h - k_h + 1, w - k_w + 1)``.

    >>> check_corr2d(loops.corr2d)
    ✓ Right: every shape, a small image, not square, any numbers.
    """
    return judge(function, "corr2d")


@exercise(loops.corr2d_multi_in, problems.one_kernel(), **three_and_two(drawn(3, 4, 4), drawn(2, 2, 2)))
def check_corr2d_multi_in(function):
    """Check ``corr2d_multi_in(X, K)``: correlate each channel with its slice of the kernel, and add up.

    Shapes: ``(c_i, h, w), (c_i, k_h, k_w) -> (h - k_h + 1, w - k_w + 1)``.

    >>> check_corr2d_multi_in(lambda X, K: loops.corr2d_multi_in(X, K) / len(X)).misconception
    'mean instead of sum'
    """
    return judge(function, "corr2d_multi_in")


@exercise(loops.corr2d_multi_in_out, problems.several_kernels(),
          **three_and_two(drawn(3, 4, 4), drawn(2, 2, 2, 2)))
def check_corr2d_multi_in_out(function):
    """Check ``corr2d_multi_in_out(X, K)``: apply each kernel to all input channels, and stack the maps.

    Shapes: ``(c_i, h, w), (c_o, c_i, k_h, k_w) -> (c_o, h - k_h + 1, w - k_w + 1)``.

    >>> check_corr2d_multi_in_out(lambda X, K: loops.corr2d_multi_in_out(X, K.flip(-1, -2))).misconception
    'kernel flipped (true convolution)'
    """
    return judge(function, "corr2d_multi_in_out")


@exercise(loops.corr2d_multi_in_out_1x1, problems.pixels(),
          **three_and_two(drawn(3, 4, 4), drawn(2, 2, 1, 1)))
def check_corr2d_multi_in_out_1x1(function):
    """Check ``corr2d_multi_in_out_1x1(X, K)``: mix the channels of every pixel with one matrix.

    Shapes: ``(c_i, h, w), (c_o, c_i, 1, 1) -> (c_o, h, w)``.

    >>> bool(check_corr2d_multi_in_out_1x1(lambda X, K: torch.einsum("chw,ocij->ohw", X, K)))
    True
    """
    return judge(function, "corr2d_multi_in_out_1x1")


@exercise(conv2d, problems.layers(), keywords=("stride", "padding", "groups"),
          **three_and_two(drawn(1, 3, 4, 4), drawn(2, 2, 2, 2)))
def check_conv2d(function):
    """Check ``conv2d(X, K, bias=None, stride=1, padding=0, groups=1)``: the whole layer, on a batch.

    Shapes: ``(n, c_i, h, w), (c_o, c_i / groups, k_h, k_w), (c_o,) -> (n, c_o, h_out, w_out)``.
    The options are whole numbers, passed by name, and only where they are used: build one after the other.

    >>> print(check_conv2d(lambda X, K: F.conv2d(X, K)).findings[0])
    ✓ Right so far: one image of one channel, several channels, several images, not square.
    """
    return judge(function, "conv2d")


@exercise(depthwise, problems.apart(), **three_and_two(drawn(3, 4, 4), drawn(2, 2, 2)))
def check_depthwise(function):
    """Check ``depthwise(X, K)``: each channel meets its own kernel, and the maps stay apart.

    Shapes: ``(c, h, w), (c, k_h, k_w) -> (c, h - k_h + 1, w - k_w + 1)``.

    >>> bool(check_depthwise(lambda X, K: F.conv2d(X[None], K[:, None], groups=len(X))[0]))
    True
    """
    return judge(function, "depthwise")
