"""Checkers of what can be made of kernels and channels: one layer of two, a matrix, blocks, gradients."""

import torch
from torch.nn import functional as F

from d2lconv.exercises.judge import judge
from d2lconv.exercises.problems import CLASSIC_X, counted, drawn, integers, two_layers
from d2lconv.exercises.task import exercise, made

WIDE = torch.float64


def compose(K1, K2):
    """The true ``compose``: a full true convolution, summed over the middle channels."""
    (k_h, k_w) = K2.shape[2:]
    padded = F.pad(K1.transpose(0, 1), (k_w - 1, k_w - 1, k_h - 1, k_h - 1))  # (c_i, c_m, ...)
    return F.conv2d(padded, K2.flip(-1, -2)).transpose(0, 1)


@exercise(compose, two_layers())
def check_compose(function):
    """Check ``compose(K1, K2)``: one kernel that does what K1 and then K2 do, with stride 1 and no padding.

    Shapes: ``(c_m, c_i, a_h, a_w), (c_o, c_m, b_h, b_w) -> (c_o, c_i, a_h + b_h - 1, a_w + b_w - 1)``.

    >>> check_compose(lambda K1, K2: torch.einsum("omij,mckl->ocij", K2, K1)).passed
    False
    """
    return judge(function, "compose")


def as_matrix(K, h, w):
    """The true ``as_matrix``: column by column, what one input element alone gives."""
    c_i = K.shape[1]
    unit = torch.eye(c_i * h * w, dtype=K.dtype).reshape(-1, c_i, h, w)
    return F.conv2d(unit, K).flatten(1).T


@exercise(as_matrix, (
    *made("one channel", "K h w", (counted(1, 1, 2, 2, start=1), 3, 3), (drawn(1, 1, 1, 2), 2, 2)),
    *made("not square", "K h w", (counted(1, 1, 2, 2, start=1), 2, 4), (integers(1, 1, 1, 2), 3, 2)),
    *made("several channels", "K h w", (counted(2, 2, 1, 2, start=1), 2, 2), (integers(2, 2, 2, 2), 3, 3),
          (drawn(2, 3, 2, 3), 3, 4), (drawn(2, 2, 3, 2), 4, 3)),
    *made("any numbers", "K h w", (drawn(1, 2, 2, 2, dtype=WIDE), 3, 3))))
def check_as_matrix(function):
    """Check ``as_matrix(K, h, w)``: the matrix M with ``M @ X.reshape(-1)`` equal to ``Y.reshape(-1)``.

    Shapes: ``(c_o, c_i, k_h, k_w) -> (c_o * h_out * w_out, c_i * h * w)``, no padding, stride 1.

    >>> bool(check_as_matrix(as_matrix))
    True
    """
    return judge(function, "as_matrix")


def block_diagonal(K, groups):
    """The true ``block_diagonal``."""
    (c_o, c_k, k_h, k_w) = K.shape
    dense = K.new_zeros(groups, c_o // groups, groups, c_k, k_h, k_w)
    for g, block in enumerate(K.chunk(groups)):
        dense[g, :, g] = block
    return dense.reshape(c_o, groups * c_k, k_h, k_w)


@exercise(block_diagonal, (
    *made("one group", "K groups", (counted(2, 2, 1, 1, start=1), 1)),
    *made("several groups", "K groups", (counted(2, 1, 1, 1, start=1), 2), (counted(4, 2, 1, 1, start=1), 2),
          (integers(6, 2, 2, 1), 3), (drawn(6, 1, 2, 2), 2), (drawn(3, 2, 2, 2), 3)),
    *made("any numbers", "K groups", (drawn(4, 2, 2, 3, dtype=WIDE), 2))))
def check_block_diagonal(function):
    """Check ``block_diagonal(K, groups)``: the kernel that does in one group what K does in several.

    Shapes: ``(c_o, c_i / groups, k_h, k_w) -> (c_o, c_i, k_h, k_w)``.

    >>> check_block_diagonal(lambda K, groups: K.repeat(1, groups, 1, 1)).misconception
    'every kernel on every channel'
    """
    return judge(function, "block_diagonal")


def channel_shuffle(X, groups):
    """The true ``channel_shuffle``."""
    return X.reshape(groups, -1, *X.shape[1:]).transpose(0, 1).reshape(X.shape)


@exercise(channel_shuffle, (
    *made("two groups of two", "X groups", (counted(4, 1, 1), 2), (drawn(4, 2, 1), 2)),
    *made("other groups", "X groups", (counted(6, 1, 1), 2), (counted(6, 1, 2), 3), (drawn(8, 2, 3), 4),
          (drawn(8, 2, 2), 2), (drawn(6, 3, 1, dtype=WIDE), 3))))
def check_channel_shuffle(function):
    """Check ``channel_shuffle(X, groups)``: the first channel of each group, then the second of each, ...

    Shapes: ``(c, h, w) -> (c, h, w)``, ``c`` a multiple of ``groups``.

    >>> bool(check_channel_shuffle(lambda X, groups: F.channel_shuffle(X[None], groups)[0]))
    True
    """
    return judge(function, "channel_shuffle")


@exercise(lambda K: K.permute(3, 2, 0, 1), (
    *made("one kernel", "K", (counted(2, 2, 1, 1),)),
    *made("several channels", "K", (counted(1, 1, 2, 2),), (counted(2, 2, 2, 2),), (counted(2, 2, 3, 2),),
          (drawn(3, 3, 2, 4),)),
    *made("not square", "K", (counted(1, 2, 2, 2),), (drawn(2, 3, 1, 4),), (drawn(3, 1, 2, 2, dtype=WIDE),))))
def check_hwio_to_oihw(function):
    """Check ``hwio_to_oihw(K)``: bring a Keras kernel into torch's order of axes.

    Shapes: ``(k_h, k_w, c_i, c_o) -> (c_o, c_i, k_h, k_w)``.

    >>> check_hwio_to_oihw(lambda K: K.reshape(*K.shape[:1:-1], *K.shape[:2])).misconception
    'reshaped where it should be transposed'
    """
    return judge(function, "hwio_to_oihw")


@exercise(lambda K: torch.stack([K, 0 * K, 0 * K])[None], (
    *made("a small kernel", "K", (counted(1, 1, start=2),), (counted(2, 2, start=1),)),
    *made("any kernel", "K", (drawn(2, 3),), (drawn(3, 3),), (drawn(3, 2, dtype=WIDE),))))
def check_red_only(function):
    """Check ``red_only(K)``: a kernel for RGB images that does K to red, and sees no green and no blue.

    Shapes: ``(k_h, k_w) -> (1, 3, k_h, k_w)``.

    >>> check_red_only(lambda K: torch.stack([K, K, K])[None]).misconception
    'one shared kernel'
    """
    return judge(function, "red_only")


@exercise(lambda K: K.sum(1, keepdim=True), (
    *made("one kernel", "K", (counted(1, 3, 1, 1, start=1),), (counted(1, 3, 2, 2),)),
    *made("several kernels", "K", (counted(3, 3, 1, 1),), (drawn(4, 3, 3, 2),), (drawn(2, 3, 2, 2, dtype=WIDE),))))
def check_grey_kernel(function):
    """Check ``grey_kernel(K)``: the kernel for one channel that gives on a grey image what K gives on RGB.

    Shapes: ``(c_o, 3, k_h, k_w) -> (c_o, 1, k_h, k_w)``; a grey image has three equal channels in RGB.

    >>> check_grey_kernel(lambda K: K.mean(1, keepdim=True)).misconception
    "mean instead of sum over the kernel's slices"
    """
    return judge(function, "grey_kernel")


def fold(K1, b1, K2, b2):
    """The true ``fold``."""
    M1, M2 = K1[:, :, 0, 0], K2[:, :, 0, 0]
    return (M2 @ M1)[:, :, None, None], M2 @ b1 + b2


@exercise(fold, (
    *made("one channel", "K1 b1 K2 b2", (counted(1, 1, 1, 1, start=2), counted(1, start=1),
                                         counted(1, 1, 1, 1, start=3), counted(1, start=4))),
    *made("several channels", "K1 b1 K2 b2",
          (counted(2, 2, 1, 1), counted(2, start=1), counted(2, 2, 1, 1, start=1), counted(2, start=10)),
          (drawn(2, 2, 1, 1), drawn(2, seed=1), drawn(2, 2, 1, 1, seed=1), drawn(2)),
          (drawn(3, 2, 1, 1), drawn(3), drawn(4, 3, 1, 1), drawn(4))),
    *made("any numbers", "K1 b1 K2 b2", (drawn(3, 4, 1, 1, dtype=WIDE), drawn(3, dtype=WIDE),
                                         drawn(2, 3, 1, 1, dtype=WIDE), drawn(2, dtype=WIDE)))))
def check_fold(function):
    """Check ``fold(K1, b1, K2, b2)``: the one 1x1 layer ``(K, b)`` that does what two in a row do.

    Shapes: ``(c_m, c_i, 1, 1), (c_m,), (c_o, c_m, 1, 1), (c_o,) -> (c_o, c_i, 1, 1), (c_o,)``.

    >>> bool(check_fold(fold))
    True
    """
    return judge(function, "fold")


def lit(function):
    """Make of a learner's ``(K, b)`` the map of pixels where the layer lights up."""
    def layer(E):
        result = function()
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            return result
        K, b = (torch.as_tensor(part).to(E) for part in result)
        if tuple(K.shape) != (1, 2, 1, 1) or tuple(b.shape) != (1,):
            raise ValueError(f"K must be (1, 2, 1, 1) and b (1,), but they are {tuple(K.shape)} and {tuple(b.shape)}")
        return ((K[0, :, 0, 0, None, None] * E).sum(0) + b).relu().sign()
    layer.__wrapped__ = function  # whose source is quoted when it raises
    return layer


@exercise(lambda E: E[0] * E[1], (
    *made("all four sorts of pixels", "E", (torch.tensor([[[0., 0, 1, 1]], [[0, 1, 0, 1]]]),)),
    *made("whole maps", "E", (integers(2, 4, 4).gt(0).float(),), (integers(2, 3, 5).gt(1).float(),),
          (integers(2, 6, 6).gt(2).float(),))), adapt=lit)
def check_corners(function):
    """Check ``corners()``: weights of a 1x1 layer which, after a ReLU, is above zero only where two edges meet.

    Shapes: returns ``(K, b)``, ``(1, 2, 1, 1)`` and ``(1,)``. The input E, ``(2, h, w)``, is one where there
    is a horizontal (E[0]) or a vertical (E[1]) edge, and zero elsewhere.

    >>> check_corners(lambda: (torch.ones(1, 2, 1, 1), torch.zeros(1))).misconception
    'either edge instead of both'
    """
    return judge(function, "corners")


def weight_gradient(X, dY):
    """The true ``weight_gradient``: each channel of X, correlated with each channel of dY."""
    return F.conv2d(X[:, None], dY[:, None]).transpose(0, 1)


@exercise(weight_gradient, (
    *made("one channel", "X dY", (CLASSIC_X[None], counted(1, 2, 2)), (drawn(1, 4, 4), drawn(1, 3, 3))),
    *made("several channels", "X dY", (counted(2, 3, 3), counted(3, 2, 2)), (integers(2, 3, 3), integers(2, 2, 2)),
          (drawn(3, 4, 4), drawn(2, 2, 2)), (drawn(3, 4, 4, seed=1), drawn(3, 3, 3))),
    *made("not square", "X dY", (integers(1, 3, 4), integers(2, 2, 2)), (drawn(2, 5, 3), drawn(2, 3, 2)),
          (drawn(2, 3, 5, dtype=WIDE), drawn(3, 2, 2, dtype=WIDE)))))
def check_weight_gradient(function):
    """Check ``weight_gradient(X, dY)``: the gradient of ``(dY * Y).sum()`` with respect to the kernel K.

    Shapes: ``(c_i, h, w), (c_o, h_out, w_out) -> (c_o, c_i, k_h, k_w)``, where Y is K on X, without padding.

    >>> bool(check_weight_gradient(weight_gradient))
    True
    """
    return judge(function, "weight_gradient")


def input_gradient(dY, K):
    """The true ``input_gradient``: dY, padded, with the kernel flipped in space and its channels exchanged."""
    return F.conv_transpose2d(dY[None], K)[0]


@exercise(input_gradient, (
    *made("one channel", "dY K", (counted(1, 2, 2), counted(1, 1, 2, 2)), (drawn(1, 3, 3), drawn(1, 1, 2, 2))),
    *made("several channels", "dY K", (counted(2, 2, 2), counted(2, 3, 2, 2)),
          (integers(2, 2, 2), integers(2, 2, 2, 2)), (drawn(3, 3, 3), drawn(3, 2, 2, 2)),
          (drawn(3, 3, 3, seed=1), drawn(3, 3, 3, 3))),
    *made("not square", "dY K", (integers(1, 2, 3), integers(1, 2, 2, 2)), (drawn(2, 3, 2), drawn(2, 2, 2, 3)),
          (drawn(2, 3, 4, dtype=WIDE), drawn(2, 3, 1, 2, dtype=WIDE)))))
def check_input_gradient(function):
    """Check ``input_gradient(dY, K)``: the gradient of ``(dY * Y).sum()`` with respect to the input X.

    Shapes: ``(c_o, h_out, w_out), (c_o, c_i, k_h, k_w) -> (c_i, h, w)``, where Y is K on X, without padding.

    >>> bool(check_input_gradient(input_gradient))
    True
    """
    return judge(function, "input_gradient")
