"""What can be made of kernels and channels: one layer of two, a matrix, blocks, gradients."""

import torch
from torch.nn import functional as F

from d2lconv.exercises.tasks import misconceptions as of
from d2lconv.exercises.tasks.numbers import CLASSIC_X, counted, drawn, integers
from d2lconv.exercises.tasks.slips import after, on, task


def turned(K):
    """A kernel turned by half a circle."""
    return K.flip(-1, -2)


@task(read="colours", problems={
    "a small kernel": [(counted(1, 1, start=2),), (counted(2, 2, start=1),)],
    "any kernel": [(drawn(2, 3),), (drawn(3, 3),), (drawn(3, 2),)],
}, wrong=[
    (of.SHARED, lambda f, K: torch.stack([K, K, K])[None]),
    (of.MEAN, lambda f, K: torch.stack([K, K, K])[None] / 3),
    (of.MEAN, after(lambda Y: Y / 3)),
    (of.BLUE, after(lambda Y: Y.flip(1))),
    (of.BLUE, after(lambda Y: Y.roll(1, 1))),
    (of.LAST, after(lambda Y: Y.movedim(1, -1))),
    (of.LAST, after(lambda Y: Y[0].movedim(0, -1)[..., None])),
])
def red_only(K):
    """Make a kernel for RGB images that does K to red, and sees no green and no blue.

    Shapes: ``(k_h, k_w) -> (1, 3, k_h, k_w)``.
    """
    return torch.stack([K, 0 * K, 0 * K])[None]


@task(read="grey", problems={
    "one kernel": [(counted(1, 3, 1, 1, start=1),), (counted(1, 3, 2, 2),)],
    "several kernels": [(counted(3, 3, 1, 1),), (drawn(4, 3, 3, 2),), (drawn(2, 3, 2, 2),)],
}, wrong=[
    (of.GREY_MEAN, after(lambda Y: Y / 3)),
    (of.GREY_FIRST, lambda f, K: K[:, :1]),
    (of.EXCHANGED_IO, lambda f, K: K.sum(0, keepdim=True).transpose(0, 1)),
])
def grey_kernel(K):
    """Make the kernel for one channel that gives on a grey image what K gives on RGB.

    Shapes: ``(c_o, 3, k_h, k_w) -> (c_o, 1, k_h, k_w)``; a grey image has three equal channels in RGB.
    """
    return K.sum(1, keepdim=True)


@task(read="first or last", problems={
    "one kernel": [(counted(2, 2, 1, 1),)],
    "several channels": [
        (counted(1, 1, 2, 2),), (counted(2, 2, 2, 2),), (counted(2, 2, 3, 2),), (drawn(3, 3, 2, 4),)],
    "not square": [(counted(1, 2, 2, 2),), (drawn(2, 3, 1, 4),), (drawn(3, 1, 2, 2),)],
}, wrong=[
    (of.RESHAPED, lambda f, K: K.reshape(*K.shape[:1:-1], *K.shape[:2])),
    (of.EXCHANGED_IO, lambda f, K: K.permute(2, 3, 0, 1)),
    (of.EXCHANGED_HW, lambda f, K: K.permute(3, 2, 1, 0)),
])
def hwio_to_oihw(K):
    """Bring a Keras kernel into torch's order of axes.

    Shapes: ``(k_h, k_w, c_i, c_o) -> (c_o, c_i, k_h, k_w)``.
    """
    return K.permute(3, 2, 0, 1)


@task(read="fold", problems={
    "one channel": [(counted(1, 1, 1, 1, start=2), counted(1, start=1), counted(1, 1, 1, 1, start=3),
                     counted(1, start=4))],
    "several channels": [
        (counted(2, 2, 1, 1), counted(2, start=1), counted(2, 2, 1, 1, start=1), counted(2, start=10)),
        (drawn(2, 2, 1, 1), drawn(2, seed=1), drawn(2, 2, 1, 1, seed=1), drawn(2)),
        (drawn(3, 2, 1, 1), drawn(3), drawn(4, 3, 1, 1), drawn(4)),
    ],
    "any numbers": [(drawn(3, 4, 1, 1), drawn(3), drawn(2, 3, 1, 1), drawn(2))],
}, wrong=[
    (of.NO_FOLD_BIAS, lambda f, K1, b1, K2, b2: (f(K1, b1, K2, b2)[0], b1 + b2)),
    (of.NO_FOLD_BIAS, lambda f, K1, b1, K2, b2: (f(K1, b1, K2, b2)[0], b2)),
    (of.FOLD_ORDER, lambda f, K1, b1, K2, b2: (f(K2, b2, K1, b1)[0], f(K1, b1, K2, b2)[1])),
    (of.FOLD_ORDER, lambda f, K1, b1, K2, b2: f(K2, b2, K1, b1)),
])
def fold(K1, b1, K2, b2):
    """Find the one 1x1 layer ``(K, b)`` that does what two in a row do.

    Shapes: ``(c_m, c_i, 1, 1), (c_m,), (c_o, c_m, 1, 1), (c_o,) -> (c_o, c_i, 1, 1), (c_o,)``.
    """
    M1, M2 = K1[:, :, 0, 0], K2[:, :, 0, 0]
    return (M2 @ M1)[:, :, None, None], M2 @ b1 + b2


def dealt_inputs(Y, groups):
    """Deal the inputs of a dense kernel out to the groups like cards."""
    return Y.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)


def dealt_kernels(K, groups):
    """Deal the kernels out, with their inputs in runs."""
    c_k = K.shape[1]
    dense = K.new_zeros(len(K), c_k * groups, *K.shape[2:])
    for o, kernel in enumerate(K):
        first = o % groups * c_k
        dense[o, first:first + c_k] = kernel
    return dense


def dealt_both(K, groups):
    """Deal kernels and inputs out."""
    dense = K.new_zeros(len(K), K.shape[1] * groups, *K.shape[2:])
    for o, kernel in enumerate(K):
        dense[o, o % groups::groups] = kernel
    return dense


@task(read="blocks", problems={
    "one group": [(counted(2, 2, 1, 1, start=1), 1)],
    "several groups": [
        (counted(2, 1, 1, 1, start=1), 2), (counted(4, 2, 1, 1, start=1), 2), (integers(6, 2, 2, 1), 3),
        (drawn(6, 1, 2, 2), 2), (drawn(3, 2, 2, 2), 3),
    ],
    "any numbers": [(drawn(4, 2, 2, 3), 2)],
}, wrong=[
    (of.EVERYWHERE, lambda f, K, groups: K.repeat(1, groups, 1, 1)),
    (of.GROUP_KERNEL, lambda f, K, groups: f(K.chunk(groups)[0].repeat(groups, 1, 1, 1), groups)),
    (of.INTERLEAVED, lambda f, K, groups: dealt_inputs(f(K, groups), groups)),
    (of.INTERLEAVED, lambda f, K, groups: dealt_both(K, groups)),
    (of.INTERLEAVED, lambda f, K, groups: dealt_kernels(K, groups)),
    (of.NO_GROUPS, lambda f, K, groups: K),
])
def block_diagonal(K, groups):
    """Make the kernel that does in one group what K does in several.

    Shapes: ``(c_o, c_i / groups, k_h, k_w) -> (c_o, c_i, k_h, k_w)``.
    """
    (c_o, c_k, k_h, k_w) = K.shape
    dense = K.new_zeros(groups, c_o // groups, groups, c_k, k_h, k_w)
    for g, block in enumerate(K.chunk(groups)):
        dense[g, :, g] = block
    return dense.reshape(c_o, groups * c_k, k_h, k_w)


@task(read="shuffle", problems={
    "two groups of two": [(counted(4, 1, 1), 2), (drawn(4, 2, 1), 2)],
    "other groups": [
        (counted(6, 1, 1), 2), (counted(6, 1, 2), 3), (drawn(8, 2, 3), 4), (drawn(8, 2, 2), 2), (drawn(6, 3, 1), 3)],
}, wrong=[
    (of.UNSHUFFLE, lambda f, X, groups: f(X, len(X) // groups)),
    (of.RESHAPED, lambda f, X, groups: X),
])
def channel_shuffle(X, groups):
    """Take the first channel of each group, then the second of each, and so on.

    Shapes: ``(c, h, w) -> (c, h, w)``, ``c`` a multiple of ``groups``.
    """
    return X.reshape(groups, -1, *X.shape[1:]).transpose(0, 1).reshape(X.shape)


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
    return layer


@task(read="edges", written="corners()", adapt=lit, problems={
    "all four sorts of pixels": [(torch.tensor([[[0., 0, 1, 1]], [[0, 1, 0, 1]]]),)],
    "whole maps": [
        (integers(2, 4, 4).gt(0).float(),), (integers(2, 3, 5).gt(1).float(),), (integers(2, 6, 6).gt(2).float(),)],
}, wrong=[
    (of.EITHER, lambda f, E: torch.maximum(E[0], E[1])),
])
def corners(E):
    """Choose weights of a 1x1 layer which, after a ReLU, is above zero only where two edges meet.

    Shapes: returns ``(K, b)``, which are ``(1, 2, 1, 1)`` and ``(1,)``. The input E, ``(2, h, w)``, is one where
    there is a horizontal (E[0]) or a vertical (E[1]) edge, and zero elsewhere.
    """
    return E[0] * E[1]


@task(read="fold", problems={
    "one channel": [
        (counted(1, 1, 2, 2, start=1), counted(1, 1, 2, 2)), (drawn(1, 1, 3, 3), drawn(1, 1, 2, 2)),
        (counted(1, 1, 1, 1, start=2), counted(1, 1, 2, 2)),
    ],
    "several middle channels": [
        (counted(2, 1, 2, 2), counted(1, 2, 2, 2)), (drawn(3, 1, 3, 3), drawn(1, 3, 2, 2))],
    "several inputs and outputs": [
        (integers(2, 3, 2, 2), integers(2, 2, 2, 2)), (integers(2, 2, 2, 2, seed=1), integers(2, 2, 2, 2, seed=2)),
        (drawn(2, 2, 3, 3), drawn(2, 2, 2, 2)), (drawn(3, 2, 2, 2), drawn(4, 3, 3, 3)),
    ],
    "not square": [
        (integers(2, 1, 2, 3), integers(1, 2, 3, 2)), (drawn(2, 2, 1, 3), drawn(3, 2, 2, 2)),
        (drawn(2, 2, 2, 3), drawn(1, 2, 2, 3)),
    ],
    "any numbers": [(drawn(2, 2, 2, 2), drawn(1, 2, 2, 2))],
}, wrong=[
    (of.CORRELATED, on("K2", turned)),
    (of.CORRELATED, on("K1", turned)),
    (of.CORRELATED, after(turned)),
    (of.VALID_COMPOSE, lambda f, K1, K2: F.conv2d(K1.transpose(0, 1), turned(K2)).transpose(0, 1)),
    (of.VALID_COMPOSE, lambda f, K1, K2: F.conv2d(K1.transpose(0, 1), K2).transpose(0, 1)),
    (of.MIDDLE, lambda f, K1, K2: f(K1, K2) / len(K1)),
    (of.MIDDLE, lambda f, K1, K2: f(K1[:1], K2[:, :1])),
    (of.MIDDLE, lambda f, K1, K2: f(K1.sum(0, True), K2.sum(1, True))),
    (of.EXCHANGED_IO, lambda f, K1, K2: f(K2, K1)),
])
def compose(K1, K2):
    """Make one kernel that does what K1 and then K2 do, with stride 1 and no padding.

    Shapes: ``(c_m, c_i, a_h, a_w), (c_o, c_m, b_h, b_w) -> (c_o, c_i, a_h + b_h - 1, a_w + b_w - 1)``.
    """
    (k_h, k_w) = K2.shape[2:]
    padded = F.pad(K1.transpose(0, 1), (k_w - 1, k_w - 1, k_h - 1, k_h - 1))  # (c_i, c_m, ...)
    return F.conv2d(padded, turned(K2)).transpose(0, 1)


def same_size(f, K, h, w):
    """The matrix of a layer that keeps the size."""
    (c_i, k_h, k_w) = K.shape[1:]
    unit = torch.eye(c_i * h * w, dtype=K.dtype).reshape(-1, c_i, h, w)
    return F.conv2d(F.pad(unit, ((k_w - 1) // 2, k_w // 2, (k_h - 1) // 2, k_h // 2)), K).flatten(1).T


def pixels_before_channels(f, K, h, w):
    """The matrix for images that are written with their channels last."""
    M = f(K, h, w).unflatten(1, (K.shape[1], -1)).mT.flatten(1)
    return M.unflatten(0, (len(K), -1)).transpose(0, 1).flatten(0, 1)


def input_columns_first(f, K, h, w):
    """The matrix for images that are written column by column."""
    return f(K, h, w).unflatten(1, (K.shape[1], h, w)).mT.flatten(1)


def columns_first(f, K, h, w):
    """The same, with the output written column by column, too."""
    places = len(K), h - K.shape[2] + 1, w - K.shape[3] + 1
    return input_columns_first(f, K, h, w).unflatten(0, places).transpose(1, 2).flatten(0, 2)


@task(read="matrix", problems={
    "one channel": [(counted(1, 1, 2, 2, start=1), 3, 3), (drawn(1, 1, 1, 2), 2, 2)],
    "not square": [(counted(1, 1, 2, 2, start=1), 2, 4), (integers(1, 1, 1, 2), 3, 2), (drawn(1, 1, 2, 2), 4, 3)],
    "several channels": [
        (counted(2, 2, 1, 2, start=1), 2, 2), (integers(2, 2, 2, 2), 3, 3), (drawn(2, 3, 2, 3), 3, 4),
        (drawn(2, 2, 3, 2), 4, 3),
    ],
    "any numbers": [(drawn(1, 2, 2, 2), 3, 3)],
}, wrong=[
    (of.FLIPPED, on("K", turned)),
    (of.SQUARE, lambda f, K, h, w: f(K, h, h)),
    (of.SQUARE, lambda f, K, h, w: f(K, w, w)),
    (of.EXCHANGED_HW, lambda f, K, h, w: f(K, w, h)),
    (of.SHARED, on("K", lambda K: K[:, :1].expand_as(K))),
    (of.TRANSPOSED, lambda f, K, h, w: f(K, h, w).T),
    (of.SAME_SIZE, same_size),
    (of.LAST, pixels_before_channels),
    (of.TRANSPOSED, columns_first),
    (of.TRANSPOSED, input_columns_first),
])
def as_matrix(K, h, w):
    """Make the matrix M with ``M @ X.reshape(-1)`` equal to ``Y.reshape(-1)``.

    Shapes: ``(c_o, c_i, k_h, k_w) -> (c_o * h_out * w_out, c_i * h * w)``, no padding, stride 1.
    """
    c_i = K.shape[1]
    unit = torch.eye(c_i * h * w, dtype=K.dtype).reshape(-1, c_i, h, w)
    return F.conv2d(unit, K).flatten(1).T  # column by column, what one input element alone gives


@task(read="kernel gradient", problems={
    "one channel": [(CLASSIC_X[None], counted(1, 2, 2)), (drawn(1, 4, 4), drawn(1, 3, 3))],
    "several channels": [
        (counted(2, 3, 3), counted(3, 2, 2)), (integers(2, 3, 3), integers(2, 2, 2)), (drawn(3, 4, 4), drawn(2, 2, 2)),
        (drawn(3, 4, 4, seed=1), drawn(3, 3, 3)),
    ],
    "not square": [
        (integers(1, 3, 4), integers(2, 2, 2)), (drawn(2, 5, 3), drawn(2, 3, 2)), (drawn(2, 3, 5), drawn(3, 2, 2))],
}, wrong=[
    (of.FLIPPED, on("dY", turned)),
    (of.FLIPPED, after(turned)),
    (of.SUMMED, lambda f, X, dY: f(X, dY).sum(1, keepdim=True).expand(len(dY), len(X), -1, -1)),
])
def weight_gradient(X, dY):
    """Find the gradient of ``(dY * Y).sum()`` with respect to the kernel K.

    Shapes: ``(c_i, h, w), (c_o, h_out, w_out) -> (c_o, c_i, k_h, k_w)``, where Y is K on X, without padding.
    """
    return F.conv2d(X[:, None], dY[:, None]).transpose(0, 1)  # each channel of X with each channel of dY


@task(read="input gradient", problems={
    "one channel": [(counted(1, 2, 2), counted(1, 1, 2, 2)), (drawn(1, 3, 3), drawn(1, 1, 2, 2))],
    "several channels": [
        (counted(2, 2, 2), counted(2, 3, 2, 2)), (integers(2, 2, 2), integers(2, 2, 2, 2)),
        (drawn(3, 3, 3), drawn(3, 2, 2, 2)), (drawn(3, 3, 3, seed=1), drawn(3, 3, 3, 3)),
    ],
    "not square": [
        (integers(1, 2, 3), integers(1, 2, 2, 2)), (drawn(2, 3, 2), drawn(2, 2, 2, 3)),
        (drawn(2, 3, 4), drawn(2, 3, 1, 2)), (drawn(2, 4, 4), drawn(2, 2, 3, 2)),
    ],
}, wrong=[
    (of.NOT_FLIPPED, on("K", turned)),
    (of.NOT_EXCHANGED, on("K", lambda K: K.transpose(0, 1))),
    (of.NOT_FULL, lambda f, dY, K: F.conv2d(dY, turned(K).transpose(0, 1))),
    (of.NOT_FULL, lambda f, dY, K: F.conv2d(dY, K.transpose(0, 1))),
])
def input_gradient(dY, K):
    """Find the gradient of ``(dY * Y).sum()`` with respect to the input X.

    Shapes: ``(c_o, h_out, w_out), (c_o, c_i, k_h, k_w) -> (c_i, h, w)``, where Y is K on X, without padding.
    """
    return F.conv_transpose2d(dY[None], K)[0]
