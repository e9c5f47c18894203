"""The layers: the four functions of the chapters, `conv2d`, and depthwise convolution."""

import torch
from torch.nn import functional as F

from d2lconv import corr
from d2lconv.exercises.engine.exercise import axes
from d2lconv.exercises.misconceptions import READ
from d2lconv.exercises.tasks.numbers import drawn, tensors
from d2lconv.exercises.tasks.slips import task

SIZES = {  # c_i, c_o, h, w, k_h, k_w; each stage with the axis without which there is none
    ("one channel", ""): [(1, 1, 3, 3, 2, 2), (1, 1, 4, 4, 3, 3)],
    ("several channels", "c"): [(2, 1, 3, 3, 2, 2), (3, 1, 3, 3, 2, 2), (3, 1, 4, 4, 3, 3)],
    ("several kernels", "c_o"): [
        (2, 3, 3, 3, 2, 2), (3, 3, 3, 3, 2, 2), (3, 2, 3, 3, 3, 3), (2, 2, 4, 4, 2, 2), (3, 4, 3, 3, 2, 2),
        (1, 2, 3, 3, 2, 2)],
    ("not square", ""): [
        (1, 1, 2, 3, 1, 2), (2, 2, 3, 5, 2, 2), (2, 3, 4, 3, 2, 3), (3, 3, 5, 3, 3, 1), (2, 2, 3, 2, 2, 2),
        (2, 1, 4, 4, 2, 1), (3, 2, 4, 6, 3, 2), (3, 2, 5, 2, 2, 2)],
    ("any numbers", ""): [(3, 2, 5, 5, 2, 2), (4, 3, 4, 4, 1, 1), (3, 2, 6, 5, 3, 2)],
    ("many channels", "c"): [(3, 2, 4, 3, 2, 2), (32, 4, 3, 3, 2, 2)],
}


def shaped(names, sizes):
    """The shape with these axes.

    >>> shaped(("n", "c_i / groups", "h", "1"), (3, 2, 6, 5, 2, 2))
    (1, 3, 6, 1)
    """
    size = dict(zip(("c_i", "c_o", "h", "w", "k_h", "k_w"), sizes), c=sizes[0])
    return tuple(size.get(name.split(" ")[0], 1) for name in names)


def layer(read, more=None, **others):
    """Register a layer: its problems have the sizes above, and its own ``more``."""
    def register(truth):
        X, K = (axes(truth)[name] for name in "XK")
        problems = {
            stage: [(shaped(X, sizes), shaped(K, sizes)) for sizes in several]
            for (stage, needed), several in SIZES.items() if any(name.startswith(needed) for name in X + K)
        }
        x, k = shaped(X, (3, 2, 4, 4, 2, 2)), shaped(K, (2, 2, 4, 4, 2, 2))
        mismatch = {"X": drawn(*x), "K": drawn(*k)} if "c" in X[-3:][0] else None
        return task(read, tensors({**problems, **(more or {})}), mismatch=mismatch, **others)(truth)
    return register


@layer(read="loops")
def corr2d(X, K):
    """Slide the kernel over the image, and at each place sum window times kernel.

    Shapes: ``(h, w), (k_h, k_w) -> (h - k_h + 1, w - k_w + 1)``.
    """
    return corr.corr2d(X, K)


@layer(read="loops")
def corr2d_multi_in(X, K):
    """Correlate each channel with its slice of the kernel, and add up.

    Shapes: ``(c_i, h, w), (c_i, k_h, k_w) -> (h - k_h + 1, w - k_w + 1)``.
    """
    return corr.corr2d_multi_in(X, K)


@layer(read="outputs")
def corr2d_multi_in_out(X, K):
    """Apply each kernel to all input channels, and stack the maps.

    Shapes: ``(c_i, h, w), (c_o, c_i, k_h, k_w) -> (c_o, h - k_h + 1, w - k_w + 1)``.
    """
    return corr.corr2d_multi_in_out(X, K)


@layer(read="matrix")
def corr2d_multi_in_out_1x1(X, K):
    """Mix the channels of every pixel with one matrix.

    Shapes: ``(c_i, h, w), (c_o, c_i, 1, 1) -> (c_o, h, w)``.
    """
    return corr.corr2d_multi_in_out_1x1(X, K)


@layer(
    read="whole layer", options=("bias", "stride", "padding", "groups"),
    reads={"a bias": READ["parameters"], "a stride": READ["formula"], "padding": READ["padding"],
           "groups": READ["groups"], "several channels": READ["outputs"], "several kernels": READ["outputs"]},
    more={
        "several images": [((3, 2, 4, 4), (2, 2, 2, 2)), ((2, 2, 4, 6), (3, 2, 3, 2))],
        "a bias": [
            ((1, 2, 3, 3), (2, 2, 2, 2), {"bias": (2,)}), ((2, 3, 3, 4), (2, 3, 2, 2), {"bias": (2,)}),
            ((1, 3, 3, 3), (3, 3, 2, 2), {"bias": (3,)}), ((1, 2, 4, 4), (3, 2, 2, 2), {"bias": (3,)})],
        "a stride": [
            ((1, 1, 5, 5), (1, 1, 2, 2), {"stride": 2}), ((1, 2, 4, 6), (2, 2, 2, 2), {"stride": 2}),
            ((2, 2, 7, 6), (3, 2, 2, 3), {"stride": 3})],
        "padding": [
            ((1, 1, 3, 3), (1, 1, 3, 3), {"padding": 1}), ((1, 2, 3, 4), (2, 2, 2, 2), {"padding": 1}),
            ((2, 2, 3, 3), (2, 2, 3, 2), {"padding": 2})],
        "groups": [
            ((1, 2, 3, 3), (2, 1, 2, 2), {"groups": 2}), ((1, 4, 3, 3), (4, 2, 2, 2), {"groups": 2}),
            ((2, 4, 3, 4), (6, 2, 2, 2), {"groups": 2}), ((1, 6, 3, 3), (6, 2, 2, 2), {"groups": 3}),
            ((1, 3, 3, 3), (6, 1, 2, 2), {"groups": 3})],
        "everything together": [
            ((2, 4, 6, 5), (4, 2, 3, 3), {"bias": (4,), "stride": 2, "padding": 1, "groups": 2}),
            ((1, 4, 4, 5), (4, 2, 2, 3), {"bias": (4,), "groups": 2}),
            ((1, 2, 4, 5), (2, 2, 2, 2), {"bias": (2,), "padding": 1})],
    })
def conv2d(X, K, bias=None, stride=1, padding=0, groups=1):
    """Write the whole layer, on a batch.

    Shapes: ``(n, c_i, h, w), (c_o, c_i / groups, k_h, k_w), (c_o,) -> (n, c_o, h_out, w_out)``.
    The options are passed by name, and only where they are used: build one after the other.
    """
    return F.conv2d(X, K, bias, stride, padding, 1, groups)


@layer(read="depthwise")
def depthwise(X, K):
    """Let each channel meet its own kernel, and keep the maps apart.

    Shapes: ``(c, h, w), (c, k_h, k_w) -> (c, h - k_h + 1, w - k_w + 1)``.
    """
    return torch.stack([corr.corr2d(x, k) for x, k in zip(X, K)])
