"""Wrong implementations of what can be made of kernels and channels."""

import torch
from torch.nn import functional as F

from d2lconv.exercises import kernels as true
from d2lconv.exercises import misconceptions as of
from d2lconv.exercises.misconceptions import wrong


def turned(K):
    return K.flip(-1, -2)


wrong(of.CORRELATED, "compose")(lambda K1, K2: true.compose(K1, turned(K2)))
wrong(of.CORRELATED, "compose")(lambda K1, K2: true.compose(turned(K1), K2))
wrong(of.CORRELATED, "compose")(lambda K1, K2: turned(true.compose(K1, K2)))
wrong(of.VALID_COMPOSE, "compose")(lambda K1, K2: F.conv2d(K1.transpose(0, 1), turned(K2)).transpose(0, 1))
wrong(of.VALID_COMPOSE, "compose")(lambda K1, K2: F.conv2d(K1.transpose(0, 1), K2).transpose(0, 1))
wrong(of.MIDDLE, "compose")(lambda K1, K2: true.compose(K1, K2) / len(K1))
wrong(of.MIDDLE, "compose")(lambda K1, K2: true.compose(K1[:1], K2[:, :1]))
wrong(of.MIDDLE, "compose")(lambda K1, K2: true.compose(K1.sum(0, True), K2.sum(1, True)))
wrong(of.EXCHANGED_IO, "compose")(lambda K1, K2: true.compose(K1, K2).transpose(0, 1))
wrong(of.EXCHANGED_IO, "compose")(lambda K1, K2: true.compose(K1.transpose(0, 1), K2))
wrong(of.EXCHANGED_IO, "compose")(lambda K1, K2: true.compose(K2, K1))
wrong(of.EXCHANGED_HW, "compose")(lambda K1, K2: true.compose(K1, K2).mT)

wrong(of.FLIPPED, "as_matrix")(lambda K, h, w: true.as_matrix(turned(K), h, w))
wrong(of.EXCHANGED_HW, "as_matrix")(lambda K, h, w: true.as_matrix(K, w, h))
wrong(of.EXCHANGED_HW, "as_matrix")(lambda K, h, w: true.as_matrix(K.mT, h, w))
wrong(of.SHARED, "as_matrix")(lambda K, h, w: true.as_matrix(K[:, :1].expand_as(K), h, w))
wrong(of.EXCHANGED_IO, "as_matrix")(lambda K, h, w: true.as_matrix(K.transpose(0, 1), h, w))


@wrong(of.EXCHANGED_IO, "as_matrix")
def matrix_transposed(K, h, w):
    return true.as_matrix(K, h, w).T


@wrong(of.SAME_SIZE, "as_matrix")
def matrix_of_same_size(K, h, w):
    (c_i, k_h, k_w) = K.shape[1:]
    unit = torch.eye(c_i * h * w, dtype=K.dtype).reshape(-1, c_i, h, w)
    return F.conv2d(F.pad(unit, ((k_w - 1) // 2, k_w // 2, (k_h - 1) // 2, k_h // 2)), K).flatten(1).T


@wrong(of.LAST, "as_matrix")
def pixels_before_channels(K, h, w):
    M = true.as_matrix(K, h, w)
    return M.unflatten(1, (K.shape[1], -1)).mT.flatten(1).unflatten(0, (len(K), -1)).transpose(0, 1).flatten(0, 1)


@wrong(of.TRANSPOSED, "as_matrix")
def columns_before_rows(K, h, w):
    places = (len(K), h - K.shape[2] + 1, w - K.shape[3] + 1)
    return columns_of_image_first(K, h, w).unflatten(0, places).transpose(1, 2).flatten(0, 2)


@wrong(of.TRANSPOSED, "as_matrix")
def columns_of_image_first(K, h, w):
    return true.as_matrix(K, h, w).unflatten(1, (K.shape[1], h, w)).mT.flatten(1)


wrong(of.EVERYWHERE, "block_diagonal")(lambda K, groups: K.repeat(1, groups, 1, 1))
wrong(of.GROUP_KERNEL, "block_diagonal")(lambda K, groups: true.block_diagonal(
    K.chunk(groups)[0].repeat(groups, 1, 1, 1), groups))
wrong(of.EXCHANGED_IO, "block_diagonal")(lambda K, groups: true.block_diagonal(K, groups).transpose(0, 1))


@wrong(of.INTERLEAVED, "block_diagonal")
def inputs_dealt_out(K, groups):
    dense = true.block_diagonal(K, groups)
    return dense.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)


@wrong(of.INTERLEAVED, "block_diagonal")
def kernels_dealt_out(K, groups):
    dense = torch.zeros(len(K), K.shape[1] * groups, *K.shape[2:], dtype=K.dtype)
    for o, kernel in enumerate(K):
        dense[o, o % groups::groups] = kernel
    return dense


@wrong(of.INTERLEAVED, "block_diagonal")
def outputs_dealt_out(K, groups):
    c_k = K.shape[1]
    dense = torch.zeros(len(K), c_k * groups, *K.shape[2:], dtype=K.dtype)
    for o, kernel in enumerate(K):
        g = o % groups
        dense[o, g * c_k:(g + 1) * c_k] = kernel
    return dense


wrong(of.UNSHUFFLE, "channel_shuffle")(lambda X, groups: true.channel_shuffle(X, len(X) // groups))
wrong(of.RESHAPED, "channel_shuffle")(lambda X, groups: X)

wrong(of.RESHAPED, "hwio_to_oihw")(lambda K: K.reshape(*K.shape[:1:-1], *K.shape[:2]))
wrong(of.EXCHANGED_IO, "hwio_to_oihw")(lambda K: K.permute(2, 3, 0, 1))
wrong(of.EXCHANGED_HW, "hwio_to_oihw")(lambda K: K.permute(3, 2, 1, 0))

wrong(of.SHARED, "red_only")(lambda K: torch.stack([K, K, K])[None])
wrong(of.MEAN, "red_only")(lambda K: torch.stack([K, K, K])[None] / 3)
wrong(of.MEAN, "red_only")(lambda K: torch.stack([K, 0 * K, 0 * K])[None] / 3)
wrong(of.BLUE, "red_only")(lambda K: torch.stack([0 * K, 0 * K, K])[None])
wrong(of.BLUE, "red_only")(lambda K: torch.stack([0 * K, K, 0 * K])[None])
wrong(of.LAST, "red_only")(lambda K: torch.stack([K, 0 * K, 0 * K], -1)[None])
wrong(of.LAST, "red_only")(lambda K: torch.stack([K, 0 * K, 0 * K], -1)[..., None])

wrong(of.GREY_MEAN, "grey_kernel")(lambda K: K.mean(1, keepdim=True))
wrong(of.GREY_FIRST, "grey_kernel")(lambda K: K[:, :1])
wrong(of.EXCHANGED_IO, "grey_kernel")(lambda K: K.sum(0, keepdim=True).transpose(0, 1))

wrong(of.NO_FOLD_BIAS, "fold")(lambda K1, b1, K2, b2: (true.fold(K1, b1, K2, b2)[0], b1 + b2))
wrong(of.NO_FOLD_BIAS, "fold")(lambda K1, b1, K2, b2: (true.fold(K1, b1, K2, b2)[0], b2))
wrong(of.FOLD_ORDER, "fold")(lambda K1, b1, K2, b2: (true.fold(K2, b2, K1, b1)[0], true.fold(K1, b1, K2, b2)[1]))
wrong(of.FOLD_ORDER, "fold")(lambda K1, b1, K2, b2: true.fold(K2, b2, K1, b1))

wrong(of.EITHER, "corners")(lambda E: torch.maximum(E[0], E[1]))

wrong(of.FLIPPED, "weight_gradient")(lambda X, dY: true.weight_gradient(X, turned(dY)))
wrong(of.FLIPPED, "weight_gradient")(lambda X, dY: turned(true.weight_gradient(X, dY)))
wrong(of.EXCHANGED_IO, "weight_gradient")(lambda X, dY: true.weight_gradient(X, dY).transpose(0, 1))
wrong(of.EXCHANGED_HW, "weight_gradient")(lambda X, dY: true.weight_gradient(X, dY).mT)

wrong(of.NOT_FLIPPED, "input_gradient")(lambda dY, K: true.input_gradient(dY, turned(K)))
wrong(of.EXCHANGED_IO, "input_gradient")(lambda dY, K: true.input_gradient(dY, K.transpose(0, 1)))
wrong(of.EXCHANGED_HW, "input_gradient")(lambda dY, K: true.input_gradient(dY, K).mT)
wrong(of.EXCHANGED_HW, "input_gradient")(lambda dY, K: true.input_gradient(dY, K.mT))
