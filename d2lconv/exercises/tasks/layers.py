"""The layers: the four functions of the chapters, `conv2d`, and depthwise convolution."""

import torch
from torch.nn import functional as F

from d2lconv import corr
from d2lconv.exercises.engine.exercise import Problem
from d2lconv.exercises.tasks.misconceptions import READ
from d2lconv.exercises.tasks.numbers import CLASSIC_K, CLASSIC_X, TWO_K, TWO_X, counted, drawn, integers
from d2lconv.exercises.tasks.slips import task


def three_and_two(X, K):
    """A problem whose channel counts differ, and the same with the third channel cut off."""
    cut = X[..., :2, :, :]
    return {"mismatch": Problem("", {"X": X, "K": K}), "cut": Problem("", {"X": cut, "K": K})}


@task(read="formula", problems={
    "a small image": [(CLASSIC_X, CLASSIC_K), (counted(4, 4), counted(3, 3, start=1))],
    "not square": [
        (counted(3, 5), CLASSIC_K), (integers(4, 3), integers(2, 3)), (integers(5, 3), integers(3, 1)),
        (drawn(3, 6), drawn(1, 2)), (drawn(4, 4), drawn(2, 1)), (drawn(5, 4), drawn(2, 3)),
    ],
    "any numbers": [
        (integers(4, 4), integers(2, 2)), (drawn(5, 5), drawn(2, 2)), (drawn(3, 3), drawn(3, 3)),
        (drawn(4, 4), drawn(1, 1)), (drawn(6, 5), drawn(3, 2)),
    ],
})
def corr2d(X, K):
    """Slide the kernel over the image, and at each place sum window times kernel.

    Shapes: ``(h, w), (k_h, k_w) -> (h - k_h + 1, w - k_w + 1)``.
    """
    return corr.corr2d(X, K)


@task(read="sum", **three_and_two(drawn(3, 4, 4), drawn(2, 2, 2)), problems={
    "one channel": [(CLASSIC_X[None], CLASSIC_K[None]), (drawn(1, 4, 4), drawn(1, 2, 2))],
    "several channels": [
        (TWO_X, TWO_K), (integers(3, 3, 3), integers(3, 2, 2)), (drawn(3, 4, 4), drawn(3, 3, 3)),
        (drawn(3, 3, 3), drawn(3, 2, 2)),
    ],
    "not square": [
        (counted(1, 2, 3), counted(1, 1, 2, start=1)), (counted(2, 3, 5), counted(2, 2, 2)),
        (integers(2, 4, 3), integers(2, 2, 3)), (drawn(2, 3, 2), drawn(2, 2, 2)), (drawn(2, 4, 4), drawn(2, 2, 1)),
        (drawn(3, 4, 6), drawn(3, 3, 2)), (drawn(3, 5, 2), drawn(3, 2, 2)),
    ],
    "any numbers": [(drawn(32, 3, 3), drawn(32, 2, 2)), (drawn(3, 5, 5), drawn(3, 2, 2))],
})
def corr2d_multi_in(X, K):
    """Correlate each channel with its slice of the kernel, and add up.

    Shapes: ``(c_i, h, w), (c_i, k_h, k_w) -> (h - k_h + 1, w - k_w + 1)``.
    """
    return corr.corr2d_multi_in(X, K)


@task(read="outputs", **three_and_two(drawn(3, 4, 4), drawn(2, 2, 2, 2)), problems={
    "one channel and one kernel": [(CLASSIC_X[None], CLASSIC_K[None, None]), (drawn(1, 4, 4), drawn(1, 1, 2, 2))],
    "several input channels": [(TWO_X, TWO_K[None]), (drawn(3, 4, 4), drawn(1, 3, 2, 2))],
    "several kernels": [
        (TWO_X, torch.stack([TWO_K, TWO_K + 1, TWO_K + 2])), (integers(3, 3, 3), integers(3, 3, 2, 2)),
        (drawn(3, 3, 3), drawn(2, 3, 3, 3)), (drawn(2, 4, 4), drawn(2, 2, 2, 2)),
        (drawn(3, 3, 3, seed=1), drawn(4, 3, 2, 2)), (integers(1, 3, 3), integers(2, 1, 2, 2)),
    ],
    "not square": [
        (counted(1, 2, 3), counted(1, 1, 1, 2, start=1)), (counted(2, 3, 5), counted(2, 2, 2, 2)),
        (integers(2, 4, 3), integers(3, 2, 2, 3)), (integers(3, 5, 3), integers(3, 3, 3, 1)),
        (drawn(2, 3, 2), drawn(2, 2, 2, 2)), (drawn(3, 4, 6), drawn(2, 3, 3, 2)), (drawn(3, 5, 2), drawn(2, 3, 2, 2)),
    ],
    "any numbers": [(drawn(32, 3, 3), drawn(4, 32, 2, 2)), (drawn(3, 5, 5), drawn(2, 3, 2, 2))],
})
def corr2d_multi_in_out(X, K):
    """Apply each kernel to all input channels, and stack the maps.

    Shapes: ``(c_i, h, w), (c_o, c_i, k_h, k_w) -> (c_o, h - k_h + 1, w - k_w + 1)``.
    """
    return corr.corr2d_multi_in_out(X, K)


@task(read="matrix", **three_and_two(drawn(3, 4, 4), drawn(2, 2, 1, 1)), problems={
    "one channel and one kernel": [(counted(1, 2, 2), counted(1, 1, 1, 1, start=3))],
    "several input channels": [
        (counted(2, 2, 2), counted(1, 2, 1, 1, start=1)), (drawn(3, 3, 3), drawn(1, 3, 1, 1))],
    "several kernels": [
        (counted(2, 2, 2), counted(2, 2, 1, 1)), (counted(3, 3, 3), counted(2, 3, 1, 1)),
        (integers(3, 3, 3), integers(3, 3, 1, 1)), (drawn(3, 3, 3), drawn(3, 3, 1, 1)),
        (drawn(2, 3, 3), drawn(4, 2, 1, 1)),
    ],
    "not square": [
        (counted(2, 2, 3), counted(2, 2, 1, 1)), (integers(3, 4, 2), integers(2, 3, 1, 1)),
        (drawn(2, 1, 5), drawn(3, 2, 1, 1)), (drawn(3, 2, 3), drawn(3, 3, 1, 1)),
    ],
    "any numbers": [(drawn(32, 2, 3), drawn(8, 32, 1, 1)), (drawn(3, 2, 4), drawn(2, 3, 1, 1))],
})
def corr2d_multi_in_out_1x1(X, K):
    """Mix the channels of every pixel with one matrix.

    Shapes: ``(c_i, h, w), (c_o, c_i, 1, 1) -> (c_o, h, w)``.
    """
    return corr.corr2d_multi_in_out_1x1(X, K)


@task(read="whole layer", **three_and_two(drawn(1, 3, 4, 4), drawn(2, 2, 2, 2)),
      options=("bias", "stride", "padding", "groups"),
      reads={"a bias": READ["parameters"], "a stride": READ["formula"], "padding": READ["padding"],
             "groups": READ["groups"], "several channels": READ["outputs"]},
      problems={
    "one image of one channel": [
        (CLASSIC_X[None, None], CLASSIC_K[None, None]), (drawn(1, 1, 4, 4), drawn(1, 1, 3, 3))],
    "several channels": [
        (TWO_X[None], torch.stack([TWO_K, TWO_K + 1, TWO_K + 2])), (integers(1, 3, 3, 3), integers(3, 3, 2, 2)),
        (drawn(1, 2, 4, 4), drawn(2, 2, 3, 3)), (drawn(1, 3, 4, 3), drawn(2, 3, 1, 1)),
        (drawn(1, 3, 3, 3), drawn(3, 3, 2, 2)),
    ],
    "several images": [(drawn(3, 2, 4, 4), drawn(2, 2, 2, 2))],
    "not square": [
        (counted(1, 2, 3, 5), counted(1, 2, 2, 2)), (integers(1, 2, 5, 3), integers(2, 2, 2, 3)),
        (drawn(2, 2, 4, 6), drawn(3, 2, 3, 2)), (drawn(1, 1, 3, 5), drawn(2, 1, 1, 2)),
        (drawn(1, 2, 4, 4), drawn(1, 2, 2, 1)),
    ],
    "a bias": [
        (TWO_X[None], torch.stack([TWO_K, TWO_K + 1]), {"bias": torch.tensor([10., 20.])}),
        (drawn(2, 3, 3, 4), drawn(2, 3, 2, 2), {"bias": drawn(2)}),
        (drawn(1, 3, 3, 3), drawn(3, 3, 2, 2), {"bias": drawn(3)}),
        (drawn(1, 2, 4, 4), drawn(3, 2, 2, 2), {"bias": drawn(3, seed=1)}),
    ],
    "a stride": [
        (counted(1, 1, 5, 5), CLASSIC_K[None, None], {"stride": 2}),
        (integers(1, 2, 4, 6), integers(2, 2, 2, 2), {"stride": 2}),
        (drawn(2, 2, 7, 6), drawn(3, 2, 2, 3), {"stride": 3}),
    ],
    "padding": [
        (counted(1, 1, 3, 3, start=1), torch.ones(1, 1, 3, 3), {"padding": 1}),
        (drawn(1, 2, 3, 4), drawn(2, 2, 2, 2), {"padding": 1}),
        (drawn(2, 2, 3, 3), drawn(2, 2, 3, 2), {"padding": 2}),
    ],
    "groups": [
        (counted(1, 2, 3, 3), counted(2, 1, 2, 2), {"groups": 2}),
        (integers(1, 4, 3, 3), integers(4, 2, 2, 2), {"groups": 2}),
        (drawn(2, 4, 3, 4), drawn(6, 2, 2, 2), {"groups": 2}),
        (drawn(1, 6, 3, 3), drawn(6, 2, 2, 2), {"groups": 3}),
        (drawn(1, 3, 3, 3), drawn(6, 1, 2, 2), {"groups": 3}),
    ],
    "everything together": [
        (drawn(2, 4, 6, 5), drawn(4, 2, 3, 3), {"bias": drawn(4), "stride": 2, "padding": 1, "groups": 2}),
        (drawn(1, 2, 4, 5), drawn(2, 2, 2, 2), {"bias": drawn(2), "padding": 1}),
    ],
})
def conv2d(X, K, bias=None, stride=1, padding=0, groups=1):
    """Write the whole layer, on a batch.

    Shapes: ``(n, c_i, h, w), (c_o, c_i / groups, k_h, k_w), (c_o,) -> (n, c_o, h_out, w_out)``.
    The options are passed by name, and only where they are used: build one after the other.
    """
    return F.conv2d(X, K, bias, stride, padding, 1, groups)


@task(read="depthwise", **three_and_two(drawn(3, 4, 4), drawn(2, 2, 2)), problems={
    "one channel": [(CLASSIC_X[None], CLASSIC_K[None])],
    "several channels": [
        (TWO_X, TWO_K), (integers(3, 3, 3), integers(3, 2, 2)), (drawn(3, 4, 4), drawn(3, 3, 3))],
    "not square": [
        (counted(2, 3, 5), counted(2, 2, 2)), (integers(2, 4, 3), integers(2, 2, 3)), (drawn(3, 5, 4), drawn(3, 3, 1)),
        (drawn(2, 3, 4), drawn(2, 1, 2)), (drawn(4, 2, 6), drawn(4, 2, 3)), (drawn(2, 3, 5), drawn(2, 2, 1)),
    ],
    "any numbers": [(drawn(16, 3, 3), drawn(16, 2, 2)), (drawn(2, 4, 4), drawn(2, 2, 2))],
})
def depthwise(X, K):
    """Let each channel meet its own kernel, and keep the maps apart.

    Shapes: ``(c, h, w), (c, k_h, k_w) -> (c, h - k_h + 1, w - k_w + 1)``.
    """
    return torch.stack([corr.corr2d(x, k) for x, k in zip(X, K)])
