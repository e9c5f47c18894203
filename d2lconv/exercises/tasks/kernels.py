"""What can be made of kernels and channels: one layer of two, a matrix, blocks, gradients."""

import itertools

import torch
from torch.nn import functional as F

from d2lconv.exercises import misconceptions as of
from d2lconv.exercises.engine.values import describe_type
from d2lconv.exercises.tasks.changes import dealt, first_group, flipped, groups_reversed, on, repeated, totalled
from d2lconv.exercises.tasks.numbers import drawn, tensors
from d2lconv.exercises.tasks.slips import task

turned = flipped(-1, -2)  # by half a circle


def around(K):
    """So many zeros around an image that a kernel reaches each pixel with each of its weights."""
    k_h, k_w = K.shape[-2:]
    return k_w - 1, k_w - 1, k_h - 1, k_h - 1


def bordered(Y, K, h, w):
    """What becomes of a result if there are zeros around the image for a kernel of h x w, and not of K's sides."""
    k_h, k_w = K.shape[-2:]
    return F.pad(Y, (w - k_w, w - k_w, h - k_h, h - k_h))  # fewer than none are cut off


def sided(name, height, width):
    """The same, for a kernel with two of its own sides taken for its height and its width."""
    return lambda given, Y: bordered(Y, given[name], given[name].shape[height], given[name].shape[width])


def seen(red, others, parts=1):
    """So much of a kernel for red, and so much for green and for blue."""
    return lambda K: torch.stack([red * K, others * K, others * K])[None] / parts


@task("colours", exact=True, problems=tensors({
    "a small kernel": [((2, 2),), ((1, 1),)],
    "any kernel": [((2, 3),), ((3, 3),), ((3, 2),)],
}), wrong=[
    (of.SHARED, seen(1, 1)),
    (of.ONES, seen(1, 1, parts=3)),
    (of.MEAN, seen(1, 0, parts=3)),
    (of.BLUE, lambda Y: Y.flip(1), lambda Y: Y.roll(1, 1)),
    (of.ONES, lambda Y: torch.where(Y == 0, 1, Y),
     lambda K: torch.stack([K, torch.ones_like(K), torch.ones_like(K)])[None],
     seen(1, -1),
     seen(1, -0.5)),
    (of.LAST, lambda Y: Y.movedim(1, -1), lambda Y: Y[0].movedim(0, -1)[..., None]),
])
def red_only(K):
    """Make a kernel for RGB images that does K to red, and sees no green and no blue.

    Shapes: ``(k_h, k_w) -> (1, 3, k_h, k_w)``.
    """
    return torch.stack([K, 0 * K, 0 * K])[None]


@task("grey", tensors({
    "one kernel": [((1, 3, 2, 2),), ((1, 3, 1, 1),)],
    "several kernels": [((3, 3, 1, 1),), ((4, 3, 3, 2),), ((2, 3, 2, 2),)],
}), wrong=[
    (of.GREY_MEAN, lambda Y: Y / 3),
    (of.GREY_ONE, *(lambda K, place=place: K[:, [place]] for place in range(3))),
    (of.LEFT_OUT, lambda K: K[:, :2].sum(1, keepdim=True),
     lambda K: K[:, 1:].sum(1, keepdim=True)),
    (of.LUMINANCE, on(K=lambda K: K * torch.tensor([0.299, 0.587, 0.114], dtype=K.dtype)[:, None, None])),
    (of.EXCHANGED_IO, lambda K: K.sum(0, keepdim=True).transpose(0, 1)),
])
def grey_kernel(K):
    """Make the kernel for one channel that gives on a grey image what K gives on RGB.

    Shapes: ``(c_o, 3, k_h, k_w) -> (c_o, 1, k_h, k_w)``; a grey image has three equal channels in RGB.
    """
    return K.sum(1, keepdim=True)


@task("first or last", exact=True, problems=tensors({
    "one kernel": [((2, 2, 1, 1),)],
    "several channels": [((2, 2, 2, 2),), ((1, 1, 2, 2),), ((2, 2, 3, 2),), ((3, 3, 2, 4),)],
    "not square": [((1, 2, 2, 2),), ((2, 3, 1, 4),), ((3, 1, 2, 2),)],
}), wrong=[
    (of.RESHAPED, lambda K: K.reshape(*K.shape[:1:-1], *K.shape[:2])),
    (of.SHARED, lambda Y: Y[:, :1], lambda Y: Y[:, 0]),
])
def hwio_to_oihw(K):
    """Bring a Keras kernel into torch's order of axes.

    Shapes: ``(k_h, k_w, c_i, c_o) -> (c_o, c_i, k_h, k_w)``.
    """
    return K.permute(3, 2, 0, 1)


def two_layers(c_i, c_m, c_o):
    """The shapes of two 1x1 layers in a row, each with its biases."""
    return (c_m, c_i, 1, 1), (c_m,), (c_o, c_m, 1, 1), (c_o,)


@task("fold", tensors({
    "one channel": [two_layers(1, 1, 1)],
    "several channels": [
        two_layers(2, 2, 2), two_layers(3, 2, 3), two_layers(2, 3, 4), two_layers(3, 3, 3), two_layers(4, 3, 2)],
}), wrong=[
    (of.NO_FOLD_BIAS, lambda Y, b1, b2: (Y[0], b1 + b2), lambda Y, b2: (Y[0], b2)),
    (of.SECOND_BIAS, lambda Y, b1, K2, b2: (Y[0], K2[:, :, 0, 0] @ (b1 + b2))),
    (of.BIAS_NONE, on(b2=lambda b2: 0 * b2)),
    (of.BIAS_SIGN, on(b2=lambda b2: -b2), on(b1=lambda b1: -b1)),
    (of.FOLD_ORDER, lambda f, Y, K1, b1, K2, b2: (f(K1=K2, b1=b2, K2=K1, b2=b1)[0], Y[1]),
     lambda f, K1, b1, K2, b2: f(K1=K2, b1=b2, K2=K1, b2=b1)),
])
def fold(K1, b1, K2, b2):
    """Find the one 1x1 layer ``(K, b)`` that does what two in a row do.

    Shapes: ``(c_m, c_i, 1, 1), (c_m,), (c_o, c_m, 1, 1), (c_o,) -> (c_o, c_i, 1, 1), (c_o,)``.
    """
    M1, M2 = K1[:, :, 0, 0], K2[:, :, 0, 0]
    return (M2 @ M1)[:, :, None, None], M2 @ b1 + b2


def numbered(Y, K, groups):
    """Kernel o in group o // groups, which is an IndexError where there is no such group."""
    dense = torch.zeros_like(Y).unflatten(1, (groups, -1))
    for o, kernel in enumerate(K):
        dense[o, o // groups] = kernel
    return dense.flatten(1, 2)


@task("blocks", exact=True, problems=tensors({
    "one group": [((2, 2, 1, 1), 1)],
    "several groups": [
        ((4, 2, 1, 1), 2), ((2, 1, 1, 1), 2), ((6, 2, 2, 1), 3), ((6, 1, 2, 2), 2), ((3, 2, 2, 2), 3),
        ((4, 2, 2, 3), 2)],
}), wrong=[
    (of.EVERYWHERE, lambda K, groups: K.repeat(1, groups, 1, 1)),
    (of.GROUP_KERNEL, on(K=first_group)),
    (of.INTERLEAVED, on(Y=dealt(1, back=True)), on(K=dealt(0), Y=dealt(0, back=True)),
     on(K=dealt(0), Y=lambda Y, groups: dealt(1, back=True)(dealt(0, back=True)(Y, groups), groups))),
    (of.GROUP_NUMBER, numbered),
    (of.NO_GROUPS, lambda K: K,
     lambda K, groups: F.pad(K, (0, 0, 0, 0, 0, K.shape[1] * (groups - 1)))),
    (of.REVERSED, on(Y=groups_reversed)),
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


@task("shuffle", exact=True, problems=tensors({
    "two groups of two": [((4, 1, 1), 2), ((4, 2, 1), 2)],
    "other groups": [((6, 1, 1), 2), ((6, 1, 2), 3), ((8, 2, 3), 4), ((8, 2, 2), 2), ((6, 3, 1), 3)],
}), wrong=[
    (of.UNSHUFFLE, on(groups=lambda X, groups: len(X) // groups)),
    (of.UNMOVED, lambda X: X),
    (of.REVERSED, lambda X: X.flip(0), lambda X, groups: torch.cat(X.chunk(groups)[::-1])),
    (of.NEIGHBOUR, lambda X: X.roll(1, 0)),
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
        if result is None or result is ...:
            return result
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            raise TypeError(f"two tensors are wanted, as (K, b), but {describe_type(result)} came back")
        K, b = (torch.as_tensor(part).to(E) for part in result)
        if tuple(K.shape) != (1, 2, 1, 1) or tuple(b.shape) != (1,):
            raise ValueError(f"K must be (1, 2, 1, 1) and b (1,), but they are {tuple(K.shape)} and {tuple(b.shape)}")
        return ((K[0, :, 0, 0, None, None] * E).sum(0) + b).relu().sign()
    return layer


@task("edges", {
    "all four sorts of pixels": [(torch.tensor([[[0., 0, 1, 1]], [[0, 1, 0, 1]]]),)],
    "whole maps": [(drawn(2, *shape).gt(0).float(),) for shape in ((4, 4), (3, 5), (6, 6))],
}, wrong=[
    (of.EITHER, lambda E: torch.maximum(E[0], E[1])),
    (of.NEVER, lambda E: 0 * E[0]),
    (of.ALWAYS, lambda E: 0 * E[0] + 1),
    (of.ONE_EDGE, lambda E: E[0],
     lambda E: E[1],
     lambda E: E[0] * (1 - E[1]),
     lambda E: E[1] * (1 - E[0])),
], written="corners()", adapt=lit)
def corners(E):
    """Choose weights of a 1x1 layer which, after a ReLU, is above zero only where two edges meet.

    Shapes: returns ``(K, b)``, which are ``(1, 2, 1, 1)`` and ``(1,)``. The input E, ``(2, h, w)``, is one where
    there is a horizontal (E[0]) or a vertical (E[1]) edge, and zero elsewhere.
    """
    return E[0] * E[1]


def laid(pieces):
    """Lay a kernel at each place, each over what is there already, where it should be added."""
    (h, w), (k_h, k_w) = pieces.shape[:2], pieces.shape[-2:]
    Y = pieces.new_zeros(*pieces.shape[2:-2], h + k_h - 1, w + k_w - 1)
    for i, j in itertools.product(range(h), range(w)):
        Y[..., i:i + k_h, j:j + k_w] = pieces[i, j]
    return Y


@task("fold", tensors({
    "one channel": [((1, 1, 2, 2), (1, 1, 2, 2)), ((1, 1, 3, 3), (1, 1, 2, 2)), ((1, 1, 1, 1), (1, 1, 2, 2))],
    "several middle channels": [((2, 1, 2, 2), (1, 2, 2, 2)), ((3, 1, 3, 3), (1, 3, 2, 2))],
    "several inputs and outputs": [
        ((2, 3, 2, 2), (2, 2, 2, 2)), ((2, 2, 2, 2), (2, 2, 2, 2)), ((2, 2, 3, 3), (2, 2, 2, 2)),
        ((3, 2, 2, 2), (4, 3, 3, 3)), ((2, 2, 2, 2), (1, 2, 2, 2))],
    "not square": [
        ((2, 1, 2, 3), (1, 2, 3, 2)), ((2, 2, 1, 3), (3, 2, 2, 2)), ((2, 2, 2, 3), (1, 2, 2, 3))],
}), wrong=[
    (of.CORRELATED, on(K2=turned), on(K1=turned), on(Y=turned)),
    (of.VALID_COMPOSE, lambda Y, K2: bordered(Y, K2, 1, 1)),
    (of.SQUARE, sided("K2", 2, 2), sided("K2", 3, 3)),
    (of.MIDDLE, lambda Y, K1: Y / len(K1),
     on(K1=lambda K1: K1[:1], K2=lambda K2: K2[:, :1]),
     on(K1=lambda K1: K1.sum(0, True), K2=lambda K2: K2.sum(1, True))),
    (of.EXCHANGED_IO, lambda f, K1, K2: f(K1=K2, K2=K1)),
    (of.OVERWRITTEN, lambda K1, K2: laid(torch.einsum("omij,mcab->ijocab", K2, K1))),
])
def compose(K1, K2):
    """Make one kernel that does what K1 and then K2 do, with stride 1 and no padding.

    Shapes: ``(c_m, c_i, a_h, a_w), (c_o, c_m, b_h, b_w) -> (c_o, c_i, a_h + b_h - 1, a_w + b_w - 1)``.
    """
    return F.conv_transpose2d(K2, K1)  # every pair of elements counts, and their offsets add up


def column_by_column(K, h, w, border=(0, 0, 0, 0)):
    """The matrix of a layer: in each column what one input element alone gives."""
    c_i = K.shape[1]
    unit = torch.eye(c_i * h * w, dtype=K.dtype).reshape(-1, c_i, h, w)
    return F.conv2d(F.pad(unit, border), K).flatten(1).T


def same_size(K, h, w):
    """The matrix of a layer that keeps the size."""
    k_h, k_w = K.shape[2:]
    return column_by_column(K, h, w, ((k_w - 1) // 2, k_w // 2, (k_h - 1) // 2, k_h // 2))


def written(*axes):
    """The matrix for images that are written in another order: pixel by pixel, or column by column."""
    def change(Y, K, h, w):
        elements = Y.reshape(len(K), h - K.shape[2] + 1, -1, K.shape[1], h, w)
        return elements.permute(axes).reshape(Y.shape)
    return change


@task("matrix", tensors({
    "one channel": [((1, 1, 2, 2), 3, 3), ((1, 1, 1, 2), 2, 2)],
    "not square": [((1, 1, 2, 2), 2, 4), ((1, 1, 1, 2), 3, 2), ((1, 1, 2, 2), 4, 3)],
    "several channels": [
        ((2, 2, 1, 2), 2, 2), ((2, 2, 2, 2), 3, 3), ((2, 3, 2, 3), 3, 4), ((2, 2, 3, 2), 4, 3), ((1, 2, 2, 2), 3, 3)],
}), wrong=[
    (of.FLIPPED, on(K=turned)),
    (of.SQUARE, on(w=lambda h: h), on(h=lambda w: w)),
    (of.EXCHANGED_HW, lambda f, h, w: f(h=w, w=h)),
    (of.SHARED, on(K=repeated(1))),
    (of.ON_ITS_SIDE, lambda Y: Y.T),
    (of.SAME_SIZE, same_size),
    (of.RESHAPED, lambda Y: Y.T.reshape(Y.shape)),
    (of.LAST, written(1, 2, 0, 4, 5, 3)),
    (of.TRANSPOSED, written(0, 2, 1, 3, 5, 4), written(0, 1, 2, 3, 5, 4)),
])
def as_matrix(K, h, w):
    """Make the matrix M with ``M @ X.reshape(-1)`` equal to ``Y.reshape(-1)``.

    Shapes: ``(c_o, c_i, k_h, k_w) -> (c_o * h_out * w_out, c_i * h * w)``, no padding, stride 1.
    """
    return column_by_column(K, h, w)


def last_place(X, dY):
    """The last place of the kernel alone: its window, times what came back to it."""
    h_out, w_out = dY.shape[1:]
    return torch.einsum("o,cij->ocij", dY[:, -1, -1], X[:, h_out - 1:, w_out - 1:])


@task("kernel gradient", tensors({
    "one channel": [((1, 3, 3), (1, 2, 2)), ((1, 4, 4), (1, 3, 3))],
    "several channels": [
        ((2, 3, 3), (3, 2, 2)), ((2, 3, 3), (2, 2, 2)), ((3, 4, 4), (2, 2, 2)), ((3, 4, 4), (3, 3, 3))],
    "not square": [((1, 3, 4), (2, 2, 2)), ((2, 5, 3), (2, 3, 2)), ((2, 3, 5), (3, 2, 2))],
}), wrong=[
    (of.FLIPPED, on(dY=turned), on(Y=turned)),
    (of.SUMMED, on(Y=totalled(1)), lambda Y: Y.sum(1, keepdim=True)),
    (of.EXCHANGED_IO, lambda Y: Y.transpose(0, 1)),
    (of.RESHAPED, lambda Y: Y.transpose(0, 1).reshape(Y.shape)),
    (of.MEAN, lambda Y, dY: Y / dY[0].numel()),
    (of.FULL_SIZE, on(X=lambda X, dY: F.pad(X, around(dY)))),
    (of.OVERWRITTEN, last_place),
])
def weight_gradient(X, dY):
    """Find the gradient of ``(dY * Y).sum()`` with respect to the kernel K.

    Shapes: ``(c_i, h, w), (c_o, h_out, w_out) -> (c_o, c_i, k_h, k_w)``, where Y is K on X, without padding.
    """
    return F.conv2d(X[:, None], dY[:, None]).transpose(0, 1)  # each channel of X with each channel of dY


@task("input gradient", tensors({
    "one channel": [((1, 2, 2), (1, 1, 2, 2)), ((1, 3, 3), (1, 1, 2, 2))],
    "several channels": [
        ((2, 2, 2), (2, 3, 2, 2)), ((2, 2, 2), (2, 2, 2, 2)), ((3, 3, 3), (3, 2, 2, 2)), ((3, 3, 3), (3, 3, 3, 3))],
    "not square": [
        ((1, 2, 3), (1, 2, 2, 2)), ((2, 3, 2), (2, 2, 2, 3)), ((2, 3, 4), (2, 3, 1, 2)), ((2, 4, 4), (2, 2, 3, 2))],
}), wrong=[
    (of.NOT_FLIPPED, on(K=turned)),
    (of.NOT_EXCHANGED, on(K=lambda K: K.transpose(0, 1))),
    (of.REVERSED, on(K=flipped(0)), on(K=flipped(1)), on(K=flipped(0, 1))),
    (of.NOT_FLIPPED, on(K=flipped(-1)), on(K=flipped(-2))),
    (of.MEAN, lambda Y, dY: Y / len(dY)),
    (of.SQUARE, sided("K", 2, 2), sided("K", 3, 3)),
    (of.EXCHANGED_HW, sided("K", 3, 2)),
    (of.OVERWRITTEN, lambda dY, K: laid(torch.einsum("oij,ocab->ijcab", dY, K)),
     lambda dY, K: laid(dY[-1, :, :, None, None, None] * K[-1])),
    (of.NOT_FULL, lambda Y, K: bordered(Y, K, 1, 1)),
    (of.OTHER_BORDER, lambda Y, K: bordered(Y, K, 2, 2), lambda Y: F.pad(Y, (1, 1, 1, 1))),
])
def input_gradient(dY, K):
    """Find the gradient of ``(dY * Y).sum()`` with respect to the input X.

    Shapes: ``(c_o, h_out, w_out), (c_o, c_i, k_h, k_w) -> (c_i, h, w)``, where Y is K on X, without padding.
    """
    return F.conv_transpose2d(dY[None], K)[0]
