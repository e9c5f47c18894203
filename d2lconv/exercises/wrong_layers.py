"""Wrong implementations of the layers, one or more for each misconception.

Most are written once, as ``f(X, K)`` with ``(c_i, h, w), (c_o, c_i, k_h, k_w)``, and lifted to the
exercises that have fewer or more axes.
"""

import torch
from torch.nn.functional import pad

from d2lconv.corr import corr2d_multi_in_out as corr
from d2lconv.exercises import misconceptions as of
from d2lconv.exercises.misconceptions import wrong


def layered(f):
    """Make of ``f(X, K)`` a layer with batch, bias, stride, padding and groups."""
    def layer(X, K, bias=None, stride=1, padding=0, groups=1):
        X = pad(X, (padding,) * 4)
        Y = torch.stack([torch.cat([f(x, k) for x, k in zip(image.chunk(groups), K.chunk(groups))])
                         for image in X])[..., ::stride, ::stride]
        return Y if bias is None else Y + bias[:, None, None]
    return layer


LIFT = {
    "corr2d": lambda f: lambda X, K: f(X[None], K[None, None])[0],
    "corr2d_multi_in": lambda f: lambda X, K: f(X, K[None])[0],
    "corr2d_multi_in_out": lambda f: f,
    "corr2d_multi_in_out_1x1": lambda f: f,
    "conv2d": layered,
    "depthwise": lambda f: lambda X, K: torch.cat([f(x[None], k[None, None]) for x, k in zip(X, K)]),
}
ONE = "corr2d corr2d_multi_in corr2d_multi_in_out conv2d depthwise"
IN = "corr2d_multi_in corr2d_multi_in_out corr2d_multi_in_out_1x1 conv2d"
OUT = "corr2d_multi_in_out corr2d_multi_in_out_1x1 conv2d"


@wrong(of.MEAN, IN, LIFT)
def mean_over_channels(X, K):
    return corr(X, K) / len(X)


@wrong(of.MEAN, ONE, LIFT)
def mean_over_window(X, K):
    return corr(X, K) / K[0].numel()


@wrong(of.MEAN, "corr2d_multi_in corr2d_multi_in_out conv2d", LIFT)
def mean_over_places(X, K):
    return corr(X, K) / K[0, 0].numel()


@wrong(of.SHARED, IN, LIFT)
def first_slice_for_all(X, K):
    return corr(X, K[:, :1].expand_as(K))


@wrong(of.SHARED, IN, LIFT)
def last_slice_for_all(X, K):
    return corr(X, K[:, -1:].expand_as(K))


@wrong(of.SHARED, "depthwise")
def first_kernel_for_all(X, K):
    return torch.cat([corr(x[None], K[None, :1]) for x in X])


@wrong(of.ONE_CHANNEL, IN, LIFT)
def first_channel_only(X, K):
    return corr(X[:1], K[:, :1])


@wrong(of.ONE_CHANNEL, IN, LIFT)
def last_channel_only(X, K):
    return corr(X[-1:], K[:, -1:])


@wrong(of.STACKED, "corr2d_multi_in")
def maps_of_one_kernel(X, K):
    return torch.cat([corr(x[None], k[None, None]) for x, k in zip(X, K)])


@wrong(of.STACKED, "corr2d_multi_in_out corr2d_multi_in_out_1x1")
def maps_of_all_kernels(X, K):
    return torch.stack([maps_of_one_kernel(X, k) for k in K])


@wrong(of.SAME_OUTPUT, OUT, LIFT)
def first_kernel_again(X, K):
    return corr(X, K[:1].expand_as(K))


@wrong(of.FLIPPED, ONE, LIFT)
def flipped_in_space(X, K):
    return corr(X, K.flip(-1, -2))


@wrong(of.FLIPPED, "corr2d_multi_in corr2d_multi_in_out conv2d", LIFT)
def flipped_in_channels_too(X, K):
    return corr(X, K.flip(-1, -2, -3))


@wrong(of.ZIP, "corr2d_multi_in_out corr2d_multi_in_out_1x1", LIFT)
def zip_with_the_kernels(X, K):
    c = min(len(X), len(K))
    return corr(X[:c], K[:, :c])


@wrong(of.ZIP, "corr2d_multi_in_out corr2d_multi_in_out_1x1", LIFT)
def zip_pairs_maps(X, K):
    return torch.cat([corr(x[None], k[None, :1]) for x, k in zip(X, K)])


@wrong(of.ZIP, "conv2d")
def first_channels_for_every_group(X, K, bias=None, stride=1, padding=0, groups=1):
    return layered(corr)(X[:, :K.shape[1]], K, bias, stride, padding)


@wrong(of.LAST, OUT, LIFT)
def output_channels_last(X, K):
    return corr(X, K).movedim(0, -1)


@wrong(of.LAST, "conv2d")
def layer_with_channels_last(X, K, bias=None, stride=1, padding=0, groups=1):
    return layered(corr)(X, K, bias, stride, padding, groups).movedim(1, -1)


@wrong(of.LAST, IN, LIFT)
def input_channels_last(X, K):
    return corr(X.movedim(-1, 0), K)


@wrong(of.LAST, IN, LIFT)
def all_channels_last(X, K):
    return corr(X.movedim(-1, 0), K).movedim(0, -1)


@wrong(of.LAST, "corr2d_multi_in corr2d_multi_in_out", LIFT)
def both_channels_last(X, K):
    return corr(X.movedim(-1, 0), K.movedim(-1, 1))


@wrong(of.EXCHANGED_HW, ONE, LIFT)
def kernel_transposed(X, K):
    return corr(X, K.mT)


@wrong(of.EXCHANGED_HW, f"{ONE} corr2d_multi_in_out_1x1", LIFT)
def output_transposed(X, K):
    return corr(X, K).mT


@wrong(of.EXCHANGED_HW, ONE, LIFT)
def image_transposed(X, K):
    return corr(X.mT, K)


@wrong(of.EXCHANGED_HW, ONE, LIFT)
def ranges_exchanged(X, K):
    Y = corr(X, K)
    if Y.shape[-1] != Y.shape[-2]:
        raise IndexError("i runs down to w_out, which is not the height")
    return Y


@wrong(of.EXCHANGED_HW, ONE, LIFT)
def kernel_sides_exchanged(X, K):
    if K.shape[-1] != K.shape[-2]:
        raise IndexError("windows are as wide as the kernel is high")
    return corr(X, K)


@wrong(of.EXCHANGED_HW, ONE, LIFT)
def image_sides_exchanged(X, K):
    if X.shape[-1] != X.shape[-2]:
        raise IndexError("i runs down to the width")
    return corr(X, K)


@wrong(of.SQUARE, ONE, LIFT)
def height_for_both(X, K):
    Y, side = corr(X, K), X.shape[1] - K.shape[2] + 1
    if side > Y.shape[-1]:
        raise IndexError("there are not as many columns as rows")
    return Y[..., :side]


@wrong(of.EXCHANGED_IO, OUT, LIFT)
def kernel_axes_exchanged(X, K):
    return corr(X, K.transpose(0, 1))


@wrong(of.RESHAPED, OUT, LIFT)
def folded_from_pixels(X, K):
    Y = corr(X, K)
    return Y.movedim(0, -1).reshape(Y.shape)


@wrong(of.RESHAPED, OUT, LIFT)
def kernel_folded(X, K):
    (c_o, c_i, k_h, k_w) = K.shape
    return corr(X, K.reshape(c_i, c_o, k_h, k_w).transpose(0, 1))


@wrong(of.RESHAPED, "corr2d_multi_in_out corr2d_multi_in_out_1x1 conv2d", LIFT)
def image_folded(X, K):
    return corr(X.reshape(*X.shape[1:], len(X)).movedim(-1, 0), K)


@wrong(of.TRANSPOSED, OUT, LIFT)
def columns_before_rows(X, K):
    Y = corr(X, K)
    return Y.mT.reshape(Y.shape)


@wrong(of.TRANSPOSED, OUT, LIFT)
def image_transposed_and_folded(X, K):
    return corr(X.movedim(0, -1).reshape(X.shape), K)


@wrong(of.TRANSPOSED, OUT, LIFT)
def kernel_transposed_and_folded(X, K):
    return corr(X, K.transpose(0, 1).reshape(K.shape))


@wrong(of.TRANSPOSED, "corr2d_multi_in_out_1x1", LIFT)
def image_columns_before_rows(X, K):
    return corr(X.mT.reshape(X.shape), K)


@wrong(of.RELU_FIRST, IN, LIFT)
def relu_on_each_map(X, K):
    return sum(corr(x[None], k[:, None]).relu() for x, k in zip(X, K.transpose(0, 1)))


@wrong(of.SAME_SIZE, ONE, LIFT)
def same_size(X, K):
    (k_h, k_w) = K.shape[2:]
    return corr(pad(X, ((k_w - 1) // 2, k_w // 2, (k_h - 1) // 2, k_h // 2)), K)


@wrong(of.SAME_SIZE, ONE, LIFT)
def same_size_as_scipy(X, K):
    (k_h, k_w) = K.shape[2:]
    return corr(pad(X, (k_w // 2, (k_w - 1) // 2, k_h // 2, (k_h - 1) // 2)), K)


@wrong(of.SAME_SIZE, ONE, LIFT)
def half_a_kernel_on_each_side(X, K):
    (k_h, k_w) = K.shape[2:]
    return corr(pad(X, (k_w // 2, k_w // 2, k_h // 2, k_h // 2)), K)


@wrong(of.SAME_SIZE, "conv2d")
def same_size_whatever_is_asked(X, K, bias=None, stride=1, padding=0, groups=1):
    (k_h, k_w) = K.shape[2:]
    return layered(corr)(pad(X, (k_w // 2, k_w // 2, k_h // 2, k_h // 2)), K, bias, stride, 0, groups)


@wrong(of.FULL_SIZE, ONE, LIFT)
def full_size(X, K):
    (k_h, k_w) = K.shape[2:]
    return corr(pad(X, (k_w - 1, k_w - 1, k_h - 1, k_h - 1)), K)


@wrong(of.PLUS_ONE, ONE, LIFT)
def last_place_left_out(X, K):
    return corr(X, K)[:, :-1, :-1]


@wrong(of.SUMMED, "depthwise")
def summed_as_usual(X, K):
    return corr(X, K[None])[0]


@wrong(of.SUMMED, "depthwise")
def summed_with_an_axis(X, K):
    return corr(X, K[None])


@wrong(of.BIAS_PAIR, "conv2d")
def bias_in_the_sum(X, K, bias=None, stride=1, padding=0, groups=1):
    return layered(corr)(X, K, None if bias is None else K.shape[1] * bias, stride, padding, groups)


@wrong(of.BIAS_WIDTH, "conv2d")
def bias_along_the_width(X, K, bias=None, stride=1, padding=0, groups=1):
    return layered(corr)(X, K, None, stride, padding, groups) + (0 if bias is None else bias)


@wrong(of.BIAS_IN, "conv2d")
def bias_on_the_image(X, K, bias=None, stride=1, padding=0, groups=1):
    return layered(corr)(X if bias is None else X + bias[:, None, None], K, None, stride, padding, groups)


@wrong(of.BIAS_IN, "conv2d")
def bias_of_each_input_map(X, K, bias=None, stride=1, padding=0, groups=1):
    Y = layered(corr)(X, K, None, stride, padding, groups)
    return Y if bias is None else Y + bias[:X.shape[1]].sum()


@wrong(of.ONE_SIDE, "conv2d")
def padded_below_and_right(X, K, bias=None, stride=1, padding=0, groups=1):
    return layered(corr)(pad(X, (0, padding, 0, padding)), K, bias, stride, 0, groups)


@wrong(of.ONE_SIDE, "conv2d")
def padded_above_and_left(X, K, bias=None, stride=1, padding=0, groups=1):
    return layered(corr)(pad(X, (padding, 0, padding, 0)), K, bias, stride, 0, groups)


@wrong(of.ONE_SIDE, "conv2d")
def total_on_one_side(X, K, bias=None, stride=1, padding=0, groups=1):
    return layered(corr)(pad(X, (0, 2 * padding, 0, 2 * padding)), K, bias, stride, 0, groups)


@wrong(of.ONE_SIDE, "conv2d")
def total_split(X, K, bias=None, stride=1, padding=0, groups=1):
    a, b = padding // 2, padding - padding // 2
    return layered(corr)(pad(X, (a, b, a, b)), K, bias, stride, 0, groups)


@wrong(of.ROUNDING, "conv2d")
def size_rounded_up(X, K, bias=None, stride=1, padding=0, groups=1):
    X = pad(X, (padding,) * 4)
    right, below = (-(x - k) % stride for x, k in zip(X.shape[:1:-1], K.shape[:1:-1]))
    return layered(corr)(pad(X, (0, right, 0, below)), K, bias, stride, 0, groups)


@wrong(of.GROUP_KERNEL, "conv2d")
def first_groups_kernels(X, K, bias=None, stride=1, padding=0, groups=1):
    K = K.chunk(groups)[0].repeat(groups, 1, 1, 1)
    return layered(corr)(X, K, bias, stride, padding, groups)


def dealt(T, groups, axis):
    """Deal channels out to the groups like cards."""
    return T.unflatten(axis, (-1, groups)).transpose(axis, axis + 1).flatten(axis, axis + 1)


@wrong(of.INTERLEAVED, "conv2d")
def inputs_dealt_out(X, K, bias=None, stride=1, padding=0, groups=1):
    return layered(corr)(dealt(X, groups, 1), K, bias, stride, padding, groups)


@wrong(of.INTERLEAVED, "conv2d")
def outputs_dealt_out(X, K, bias=None, stride=1, padding=0, groups=1):
    order = dealt(torch.arange(len(K)), groups, 0).argsort()
    Y = layered(corr)(X, K, None, stride, padding, groups)[:, order]
    return Y if bias is None else Y + bias[:, None, None]


@wrong(of.INTERLEAVED, "conv2d")
def kernels_dealt_out(X, K, bias=None, stride=1, padding=0, groups=1):
    order = dealt(torch.arange(len(K)), groups, 0)
    Y = layered(corr)(dealt(X, groups, 1), K[order], None, stride, padding, groups)[:, order.argsort()]
    return Y if bias is None else Y + bias[:, None, None]


@wrong(of.INTERLEAVED, "conv2d")
def kernels_dealt_out_and_left_there(X, K, bias=None, stride=1, padding=0, groups=1):
    order = dealt(torch.arange(len(K)), groups, 0)
    return layered(corr)(X, K[order], bias, stride, padding, groups)


@wrong(of.INTERLEAVED, "conv2d")
def all_dealt_out_and_left_there(X, K, bias=None, stride=1, padding=0, groups=1):
    order = dealt(torch.arange(len(K)), groups, 0)
    return layered(corr)(dealt(X, groups, 1), K[order], bias, stride, padding, groups)
