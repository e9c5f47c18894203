"""Wrong implementations of the layers, one or more for each misconception.

Most are written once, as ``f(X, K)`` with ``(c_i, h, w), (c_o, c_i, k_h, k_w)``, and lifted to the
exercises that have fewer or more axes. Those of the whole layer take ``(X, K, bias, stride, padding, groups)``.
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
plain = layered(corr)


def lifted(misconception, exercises):
    """Register ``f(X, K)`` for exercises, lifted to each."""
    return wrong(misconception, exercises, LIFT)


def whole(misconception):
    """Register a function of all six arguments for ``conv2d``."""
    def register(f):
        wrong(misconception, "conv2d")(lambda X, K, bias=None, stride=1, padding=0, groups=1: f(
            X, K, bias, stride, padding, groups))
    return register


# Which channels, which slices

lifted(of.MEAN, IN)(lambda X, K: corr(X, K) / len(X))
lifted(of.MEAN, ONE)(lambda X, K: corr(X, K) / K[0].numel())
lifted(of.MEAN, "corr2d_multi_in corr2d_multi_in_out conv2d")(lambda X, K: corr(X, K) / K[0, 0].numel())
lifted(of.SHARED, IN)(lambda X, K: corr(X, K[:, :1].expand_as(K)))
lifted(of.SHARED, IN)(lambda X, K: corr(X, K[:, -1:].expand_as(K)))
wrong(of.SHARED, "depthwise")(lambda X, K: torch.cat([corr(x[None], K[None, :1]) for x in X]))
lifted(of.ONE_CHANNEL, IN)(lambda X, K: corr(X[:1], K[:, :1]))
lifted(of.ONE_CHANNEL, IN)(lambda X, K: corr(X[-1:], K[:, -1:]))
wrong(of.STACKED, "corr2d_multi_in")(LIFT["depthwise"](corr))
wrong(of.STACKED, "corr2d_multi_in_out corr2d_multi_in_out_1x1")(
    lambda X, K: torch.stack([LIFT["depthwise"](corr)(X, k) for k in K]))
lifted(of.SAME_OUTPUT, OUT)(lambda X, K: corr(X, K[:1].expand_as(K)))
lifted(of.FLIPPED, ONE)(lambda X, K: corr(X, K.flip(-1, -2)))
lifted(of.FLIPPED, "corr2d_multi_in corr2d_multi_in_out conv2d")(lambda X, K: corr(X, K.flip(-1, -2, -3)))
lifted(of.ZIP, "corr2d_multi_in_out corr2d_multi_in_out_1x1")(
    lambda X, K: corr(X[:len(K)], K[:, :min(len(X), len(K))]))
lifted(of.ZIP, "corr2d_multi_in_out corr2d_multi_in_out_1x1")(
    lambda X, K: torch.cat([corr(x[None], k[None, :1]) for x, k in zip(X, K)]))
whole(of.ZIP)(lambda X, K, b, s, p, g: plain(X[:, :K.shape[1]], K, b, s, p))
wrong(of.SUMMED, "depthwise")(lambda X, K: corr(X, K[None])[0])
wrong(of.SUMMED, "depthwise")(lambda X, K: corr(X, K[None]))
lifted(of.RELU_FIRST, IN)(lambda X, K: sum(corr(x[None], k[:, None]).relu() for x, k in zip(X, K.transpose(0, 1))))

# Which axis

lifted(of.LAST, OUT)(lambda X, K: corr(X, K).movedim(0, -1))
whole(of.LAST)(lambda *layer: plain(*layer).movedim(1, -1))
lifted(of.LAST, IN)(lambda X, K: corr(X.movedim(-1, 0), K))
lifted(of.LAST, IN)(lambda X, K: corr(X.movedim(-1, 0), K).movedim(0, -1))
lifted(of.LAST, "corr2d_multi_in corr2d_multi_in_out")(lambda X, K: corr(X.movedim(-1, 0), K.movedim(-1, 1)))
lifted(of.EXCHANGED_HW, ONE)(lambda X, K: corr(X, K.mT))
lifted(of.EXCHANGED_HW, f"{ONE} corr2d_multi_in_out_1x1")(lambda X, K: corr(X, K).mT)
lifted(of.EXCHANGED_HW, ONE)(lambda X, K: corr(X.mT, K))


def only_square(part):
    """Raise where this part of a problem is not square, as an index does that runs along the other side."""
    def function(X, K):
        Y = corr(X, K)
        if len(set(part(X, K, Y).shape[-2:])) == 2:
            raise IndexError("one side was taken for the other")
        return Y
    return function


for part in (lambda X, K, Y: Y), (lambda X, K, Y: K), (lambda X, K, Y: X):
    lifted(of.EXCHANGED_HW, ONE)(only_square(part))


@lifted(of.SQUARE, ONE)
def height_for_both(X, K):
    Y, side = corr(X, K), X.shape[1] - K.shape[2] + 1
    if side > Y.shape[-1]:
        raise IndexError("there are not as many columns as rows")
    return Y[..., :side]


lifted(of.EXCHANGED_IO, OUT)(lambda X, K: corr(X, K.transpose(0, 1)))
lifted(of.RESHAPED, OUT)(lambda X, K: corr(X, K).movedim(0, -1).reshape(corr(X, K).shape))
lifted(of.RESHAPED, OUT)(lambda X, K: corr(X, K.reshape(*K.shape[1::-1], *K.shape[2:]).transpose(0, 1)))
lifted(of.RESHAPED, OUT)(lambda X, K: corr(X.reshape(*X.shape[1:], len(X)).movedim(-1, 0), K))
lifted(of.TRANSPOSED, OUT)(lambda X, K: corr(X, K).mT.reshape(corr(X, K).shape))
lifted(of.TRANSPOSED, OUT)(lambda X, K: corr(X.movedim(0, -1).reshape(X.shape), K))
lifted(of.TRANSPOSED, OUT)(lambda X, K: corr(X, K.transpose(0, 1).reshape(K.shape)))
lifted(of.TRANSPOSED, "corr2d_multi_in_out_1x1")(lambda X, K: corr(X.mT.reshape(X.shape), K))

# Which size


def with_border(before, after):
    """Pad first, by as much as the kernel's sides say."""
    def function(X, K):
        (k_h, k_w) = K.shape[2:]
        return corr(pad(X, (before(k_w), after(k_w), before(k_h), after(k_h))), K)
    return function


def half(k):
    return k // 2


def rest(k):
    return (k - 1) // 2


for before, after in (rest, half), (half, rest), (half, half):
    lifted(of.SAME_SIZE, ONE)(with_border(before, after))
whole(of.SAME_SIZE)(lambda X, K, b, s, p, g: layered(with_border(half, half))(X, K, b, s, 0, g))
lifted(of.FULL_SIZE, ONE)(with_border(lambda k: k - 1, lambda k: k - 1))
lifted(of.PLUS_ONE, ONE)(lambda X, K: corr(X, K)[:, :-1, :-1])
whole(of.ONE_SIDE)(lambda X, K, b, s, p, g: plain(pad(X, (0, p, 0, p)), K, b, s, 0, g))
whole(of.ONE_SIDE)(lambda X, K, b, s, p, g: plain(pad(X, (p, 0, p, 0)), K, b, s, 0, g))
whole(of.ONE_SIDE)(lambda X, K, b, s, p, g: plain(pad(X, (0, 2 * p, 0, 2 * p)), K, b, s, 0, g))
whole(of.ONE_SIDE)(lambda X, K, b, s, p, g: plain(pad(X, (p // 2, p - p // 2) * 2), K, b, s, 0, g))


@whole(of.ROUNDING)
def size_rounded_up(X, K, bias, stride, padding, groups):
    X = pad(X, (padding,) * 4)
    right, below = (-(x - k) % stride for x, k in zip(X.shape[:1:-1], K.shape[:1:-1]))
    return plain(pad(X, (0, right, 0, below)), K, bias, stride, 0, groups)


# Which bias, which group

whole(of.BIAS_PAIR)(lambda X, K, b, s, p, g: plain(X, K, None if b is None else K.shape[1] * b, s, p, g))
whole(of.BIAS_WIDTH)(lambda X, K, b, s, p, g: plain(X, K, None, s, p, g) + (0 if b is None else b))
whole(of.BIAS_IN)(lambda X, K, b, s, p, g: plain(X if b is None else X + b[:, None, None], K, None, s, p, g))
whole(of.BIAS_IN)(lambda X, K, b, s, p, g: plain(X, K, None, s, p, g) + (0 if b is None else b[:X.shape[1]].sum()))
whole(of.GROUP_KERNEL)(lambda X, K, b, s, p, g: plain(X, K.chunk(g)[0].repeat(g, 1, 1, 1), b, s, p, g))


def dealt(T, groups, axis):
    """Deal channels out to the groups like cards."""
    return T.unflatten(axis, (-1, groups)).transpose(axis, axis + 1).flatten(axis, axis + 1)


def sorted_back(Y, bias, groups):
    """Put maps that were dealt out into their order, and only then add the bias."""
    Y = Y[:, dealt(torch.arange(Y.shape[1]), groups, 0).argsort()]
    return Y if bias is None else Y + bias[:, None, None]


whole(of.INTERLEAVED)(lambda X, K, b, s, p, g: plain(dealt(X, g, 1), K, b, s, p, g))
whole(of.INTERLEAVED)(lambda X, K, b, s, p, g: sorted_back(plain(X, K, None, s, p, g), b, g))
whole(of.INTERLEAVED)(lambda X, K, b, s, p, g: sorted_back(
    plain(dealt(X, g, 1), dealt(K, g, 0), None, s, p, g), b, g))
whole(of.INTERLEAVED)(lambda X, K, b, s, p, g: plain(X, dealt(K, g, 0), b, s, p, g))
whole(of.INTERLEAVED)(lambda X, K, b, s, p, g: plain(dealt(X, g, 1), dealt(K, g, 0), b, s, p, g))
