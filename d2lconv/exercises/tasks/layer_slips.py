"""The slips that are possible in a whole layer: with its sides, its images, stride, padding, bias and groups."""

import itertools

import torch
from torch.nn.functional import pad

from d2lconv.exercises import misconceptions as of
from d2lconv.exercises.engine.sandbox import Refusal
from d2lconv.exercises.tasks.changes import biased, dealt, first_group, flipped, groups_reversed, on, repeated, totalled

# Which sides


def slid(image, kernel, window):
    """Loops over the places that somebody believes in, with the window that they believe in.

    Each belief says which two of the true sides are taken. What does not fit fails, or is broadcast, as in the
    learner's own loops.
    """
    def change(f, given, X, K, stride=1, padding=0):
        X = pad(X, [padding] * 4)
        done = {"padding": 0, "stride": 1} if "padding" in given else {}
        (h, w), (k_h, k_w), (a, b) = (
            [sides[place] for place in believed]
            for sides, believed in ((X.shape[-2:], image), (K.shape[-2:], kernel), (K.shape[-2:], window)))
        rows = []
        for i in range(0, h - k_h + 1, stride):
            row = []
            for j in range(0, w - k_w + 1, stride):
                patch = X[..., i:i + a, j:j + b]
                both = torch.broadcast_shapes(patch.shape[-2:], K.shape[-2:])
                row.append(f(X=patch.expand(*X.shape[:-2], *both), K=K.expand(*K.shape[:-2], *both), **done))
            rows.append(torch.cat(row, -1))
        return torch.cat(rows, -2)
    change.about_sides = True  # type: ignore[attr-defined]
    return change


def stopping(names, error, otherwise=lambda Y: Y):
    """Stop where the image X, the kernel K or the result Y is not square: as an assert does, or a wrong index."""
    def change(given, Y):
        shapes = [{**given, "Y": Y}[name].shape for name in names]
        if any(shape[-1] != shape[-2] for shape in shapes):
            raise error
        return otherwise(Y)
    change.about_sides = True  # type: ignore[attr-defined]
    return change


def sides():
    """One side taken for both, two exchanged, and what is not square refused."""
    right, exchanged, one, other = (0, 1), (1, 0), (0, 0), (1, 1)
    _, *beliefs = itertools.product((right, one, other, exchanged), repeat=3)  # the first is all right
    return [
        (of.NOT_SQUARE, *(stopping(names, Refusal) for names in ("K", "X", "XK", "Y"))),
        (of.SQUARE, *(slid(*belief) for belief in beliefs if exchanged not in belief)),
        (of.EXCHANGED_HW, *(slid(*belief) for belief in beliefs if exchanged in belief)),
        (of.SQUARE, *(stopping(names, IndexError) for names in ("K", "X", "XK"))),
        (of.EXCHANGED_HW, stopping("Y", IndexError), stopping("Y", IndexError, lambda Y: Y.mT)),
    ]


# Which bias, which group


def whole_layer():
    """Slips in the options of a whole layer."""
    def padded(sides=lambda p: [p] * 4, **how):
        return on(X=lambda X, padding: pad(X, sides(padding), **how), padding=0)

    def rounded_up(X, K, stride, padding):
        X = pad(X, [padding] * 4)
        right, below = (-(x - k) % stride for x, k in zip(X.shape[:1:-1], K.shape[:1:-1]))
        return pad(X, (0, right, 0, below))

    def thinned(X, stride, padding):
        return pad(X, [padding] * 4)[..., ::stride, ::stride]

    dealings = {"X": dealt(1), "K": dealt(0), "Y": dealt(1, back=True)}

    def cut(f, X, K, groups):
        pairs = zip(X.chunk(groups, 1), K.chunk(groups, 1))
        return torch.cat([f(X=x, K=k, groups=1) for x, k in pairs], 1)

    return [
        (of.ONE_SIDE, padded(lambda p: (0, p, 0, p)),
         padded(lambda p: (p, 0, p, 0)),
         padded(lambda p: (0, 2 * p, 0, 2 * p))),
        (of.ONE_AXIS, padded(lambda p: (p, p)), padded(lambda p: (0, 0, p, p))),
        (of.PADDED_TWICE, on(padding=lambda padding: 2 * padding)),
        (of.PADDED_AFTER, on(padding=0, Y=lambda Y, padding: pad(Y, [padding] * 4))),
        (of.NOT_ZEROS, padded(value=1.0), padded(mode="replicate"), padded(mode="reflect"), padded(mode="circular")),
        (of.TOTAL_PADDING, padded(lambda p: (p // 2, p - p // 2) * 2)),
        (of.NO_PADDING, on(padding=0)),
        (of.NO_STRIDE, on(stride=1)),
        (of.ROUNDING, on(X=rounded_up, padding=0)),
        (of.ONE_AXIS, on(stride=1, Y=lambda Y, stride: Y[..., ::stride, :]),
         on(stride=1, Y=lambda Y, stride: Y[..., ::stride])),
        (of.STRIDE_SIZE, lambda f, Y: f(stride=1)[..., :Y.shape[2], :Y.shape[3]]),
        (of.THINNED, on(X=thinned, padding=0, stride=1)),
        (of.ONE_IMAGE, lambda Y: Y[:1],
         lambda Y: Y[-1:],
         on(Y=repeated(0)),
         lambda Y: Y.sum(0, keepdim=True)),
        (of.BIAS_NONE, on(bias=None)),
        (of.BIAS_SIGN, on(bias=lambda bias: -bias)),
        (of.BIAS_PAIR, on(bias=lambda K, bias: K.shape[1] * bias)),
        (of.BIAS_WEIGHT, on(bias=lambda K, bias: K[0].numel() * bias),
         on(bias=lambda K, bias: K[0, 0].numel() * bias)),
        (of.BIAS_WIDTH, biased(lambda Y, bias: Y + bias)),
        (of.BIAS_HEIGHT, biased(lambda Y, bias: Y + bias[:, None])),
        (of.BIAS_BATCH, biased(lambda Y, bias: Y + bias[:, None, None, None])),
        (of.BIAS_TIMES, biased(lambda Y, bias: Y * bias[:, None, None])),
        (of.REVERSED, on(bias=flipped(0))),
        (of.BIAS_ONE, on(bias=repeated(0)),
         on(bias=totalled(0)),
         on(bias=lambda bias: bias.mean().expand_as(bias))),
        (of.BIAS_GROUP, on(bias=first_group)),
        (of.BIAS_IN, on(X=lambda X, bias: X if bias is None else X + bias[:, None, None], bias=None),
         on(bias=lambda X, bias: bias[:X.shape[1]].sum().expand_as(bias))),
        (of.NO_GROUPS, on(K=lambda X, K: K.expand(-1, X.shape[1], -1, -1), groups=1)),
        (of.EVERYWHERE, on(K=lambda K, groups: K.repeat(1, groups, 1, 1), groups=1)),
        (of.GROUP_AXIS, biased(without=cut)),
        (of.NO_GROUPS, on(groups=1), on(X=lambda X, K: X[:, :K.shape[1]], groups=1)),
        (of.GROUP_KERNEL, on(K=first_group)),
        (of.ONE_GROUP, lambda Y, groups: Y[:, :Y.shape[1] // groups]),
        (of.REVERSED, on(X=groups_reversed)),
        (of.SUMMED, lambda Y, groups: Y.unflatten(1, (groups, -1)).sum(1)),
        (of.INTERLEAVED, *(biased(without=on(**dict(itertools.compress(dealings.items(), which))))
                           for which in itertools.product((0, 1), repeat=3) if any(which))),
    ]
