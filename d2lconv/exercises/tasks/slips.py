"""The slips that are possible wherever an exercise has certain axes or arguments: generated, not remembered.

A change takes a right function and its arguments by name, and returns what somebody with the misconception gets.
"""

import inspect
import itertools

import torch
from torch.nn.functional import pad

from d2lconv.exercises.engine.exercise import axes, exercise
from d2lconv.exercises.engine.sandbox import Refusal
from d2lconv.exercises.tasks import misconceptions as of


def task(problems, read, wrong=(), **more):
    """Register an exercise with its own wrong answers, and with the slips that its axes allow."""
    def register(truth):
        changes = [*wrong, *slips(truth)]
        habits = {"in_place": of.IN_PLACE, "unchecked": of.UNCHECKED, "truncated": of.ZIP}
        return exercise(problems, of.READ[read], changes, **habits, **more)(truth)
    return register


def on(name, edit):
    """A change of one argument."""
    return lambda f, **given: f(**{**given, name: edit(given[name])})


def after(edit):
    """A change of the result."""
    return lambda f, **given: edit(f(**given))


def without(name):
    """An option that is left out."""
    return lambda f, **given: f(**{other: value for other, value in given.items() if other != name})


def slips(truth):
    """The slips that an exercise allows, those first that are preferred where two explain the same."""
    shapes = axes(truth)
    X, K, Y = (shapes.get(name, ()) for name in ("X", "K", "return"))
    layer = X[-2:] == ("h", "w") and bool(K)
    x, k = channel(X), len(K) - 3
    found = []
    if layer and "c_i" in X:
        found += summed(x, k, len(Y) - 2, K[-1] == "k_w")
    if layer and K[0] == "c_o":
        found += several_kernels(x)
    if layer and K[-1] == "k_w" and "c_i" not in X:
        found.append((of.MEAN, on("K", lambda K: K / (K.shape[-1] * K.shape[-2]))))
    if layer and K[-1] == "k_w":
        found += [(of.FLIPPED, on("K", lambda K: K.flip(-1, -2))), *borders()]
        if "c_i" in X:
            found.append((of.FLIPPED, on("K", lambda K: K.flip(-1, -2, -3))))
        if X[:-2] == K[:-2]:
            found.append((of.MATMUL, multiplied))
    if layer and K[0] == "c":
        found += apart()
    if layer and "groups" in inspect.signature(truth).parameters:
        found += whole_layer()
    found += orders(shapes)
    if layer and K[-1] == "k_w":
        found += sides()
    return found


def channel(names):
    """Which axis counts channels, from the names of all."""
    return next((place for place, name in enumerate(names) if name.startswith("c")), 0)


# Which channels, which slices


def summed(x, k, y, windowed):
    """Slips in the sum over input channels: axis ``x`` of X, ``k`` of K; the maps' axis of the result is ``y``."""
    def divided(size):
        return on("K", lambda K: K / size(K))

    def slice_for_all(place):
        return on("K", lambda K: K.select(k, place).unsqueeze(k).expand_as(K))

    def one_slice(place):
        def change(f, X, K, **more):
            mask = torch.zeros(K.shape[k])
            mask[place] = 1
            met = X.narrow(x, 0, K.shape[k] * more.get("groups", 1))  # no other channel is missed
            return f(X=met, K=K * mask[:, None, None], **more)
        return change

    def maps(f, X, K, **more):
        more.pop("bias", None)
        c = K.shape[k]
        met = [X.index_select(x, torch.arange(n, X.shape[x], c)) for n in range(c)]  # one channel of each group
        return [f(X=channel, K=K.narrow(k, n, 1), **more) for n, channel in enumerate(met)]

    def activated(f, **given):
        bias = given.get("bias")
        Y = sum(one.relu() for one in maps(f, **given))
        return Y if bias is None else Y + bias[:, None, None]

    return [
        (of.MEAN, divided(lambda K: K.shape[k])),
        (of.MEAN, divided(lambda K: K.shape[k] * K.shape[-1] * K.shape[-2])),
        *([(of.MEAN, divided(lambda K: K.shape[-1] * K.shape[-2]))] if windowed else []),
        (of.SHARED, slice_for_all(0)),
        (of.SHARED, slice_for_all(-1)),
        (of.ONE_CHANNEL, one_slice(0)),
        (of.ONE_CHANNEL, one_slice(-1)),
        (of.STACKED, lambda f, **given: torch.stack(maps(f, **given), y)),
        (of.STACKED, lambda f, **given: torch.stack(maps(f, **given), max(y - 1, 0))),
        (of.STACKED, lambda f, **given: torch.cat(maps(f, **given), max(y - 1, 0))),
        (of.RELU_FIRST, activated),
        (of.EVERYWHERE, on("X", lambda X: X.sum(x, keepdim=True).expand_as(X))),
    ]


def several_kernels(x):
    """Slips in the choice of the kernel."""
    return [
        (of.SAME_OUTPUT, on("K", lambda K: K[:1].expand_as(K))),
        (of.ZIP, lambda f, X, K, **more: f(
            X=X.narrow(x, 0, len(K)), K=K[:, :min(K.shape[1], len(K))], **more)),
        (of.ZIP, lambda f, X, K: torch.cat([f(X=a[None], K=b[None, :1]) for a, b in zip(X, K)])),
    ]


def apart():
    """Slips where channels stay apart."""
    return [
        (of.SHARED, on("K", lambda K: K[:1].expand_as(K))),
        (of.SUMMED, after(lambda Y: Y.sum(0))),
        (of.SUMMED, after(lambda Y: Y.sum(0, keepdim=True))),
        (of.EVERYWHERE, on("X", lambda X: X.sum(0, keepdim=True).expand_as(X))),
        (of.EVERYWHERE, lambda f, X, K: torch.cat([f(X=X, K=one.expand_as(K)) for one in K])),
        (of.MEAN, after(lambda Y: Y / len(Y))),
    ]


def multiplied(f, X, K):
    """Multiply window and kernel as matrices, and sum."""
    windows = X.unfold(-2, K.shape[-2], 1).unfold(-2, K.shape[-1], 1)
    products = (windows @ K[..., None, None, :, :]).sum((-1, -2))
    return products if f(X=X, K=K).ndim == products.ndim else products.sum(0)


# Which axis


def orders(shapes):
    """Axes in another order: in the result, and in each argument."""
    arguments = [(name, names) for name, names in shapes.items() if name != "return"]
    X, K, Y = (shapes.get(name, ()) for name in ("X", "K", "return"))
    found = []
    if spatial(Y) and len(Y) > 2 and not Y[-3].startswith(("c_i", "c_m", "3", "1")):
        c = len(Y) - 3
        found.append((of.last(c), after(lambda Y: Y.movedim(c, -1))))
    if spatial(Y) and (Y[:1] == ("n",) or (Y[0] == "c_o" and len(Y) == 3)):
        found += [
            (of.RESHAPED, after(refolded)),
            (of.TRANSPOSED, after(lambda Y: Y.mT.reshape(Y.shape))),
        ]
    if len(X) > 2 and K and Y:
        found += channels_last_inside(len(X) - 3, len(K) - 3, K[-1] == "k_w")
    for name, names in arguments:
        if spatial(names):
            found.append((of.EXCHANGED_HW, on(name, lambda T: T.mT)))
        if "dY" not in shapes and len(names) == 4 and names[0].startswith("c_") and names[1].startswith("c_"):
            found.append((of.EXCHANGED_IO, on(name, lambda T: T.transpose(0, 1))))
    if spatial(Y):
        found.append((of.EXCHANGED_HW, after(lambda Y: Y.mT)))
    if len(Y) == 4 and Y[0].startswith("c_") and Y[1].startswith("c_"):
        found.append((of.EXCHANGED_IO, after(lambda Y: Y.transpose(0, 1))))
    return found


def refolded(Y):
    """Maps whose pixels' channels lie side by side, and are folded as if they did not."""
    return Y.movedim(-3, -1).reshape(Y.shape)


def spatial(names):
    """Say whether the last two axes are a height and a width that may differ."""
    return len(names) > 1 and names[-2] != names[-1] and "*" not in names[-1] and names[-1][0] in "wkab"


def channels_last_inside(x, k, windowed):
    """Slips in the order of the input's and the kernel's axes, from the channels' axis on."""
    input_reshaped = on("X", lambda X: X.reshape(X.movedim(x, -1).shape).movedim(-1, x))
    found = [
        (of.last(x), on("X", lambda X: X.movedim(-1, x))),
        (of.RESHAPED, input_reshaped),
        (of.TRANSPOSED, on("X", lambda X: X.movedim(x, -1).reshape(X.shape))),
        (of.TRANSPOSED, on("X", lambda X: X.mT.reshape(X.shape))),
    ]
    if windowed:
        found.append((of.last(x), lambda f, X, K, **more: f(X=X.movedim(-1, x), K=K.movedim(-1, k), **more)))
    if k == 1:
        found += [
            (of.RESHAPED, on("K", lambda K: K.reshape(*K.shape[1::-1], *K.shape[2:]).transpose(0, 1))),
            (of.RESHAPED, lambda f, **given: refolded(input_reshaped(f, **given))),
            (of.TRANSPOSED, on("K", lambda K: K.transpose(0, 1).reshape(K.shape))),
        ]
    return found


# Which sides


def slid(size, window):
    """Loops over the places that somebody believes in, each with the window that they believe in.

    What does not fit fails or is broadcast as in the learner's own loops.
    """
    def change(f, X, K, stride=1, padding=0, **more):
        X = pad(X, [padding] * 4)
        h, w, k_h, k_w = size(*X.shape[-2:], *K.shape[-2:])
        a, b = window(*K.shape[-2:])
        rows = []
        for i in range(0, h - k_h + 1, stride):
            row = []
            for j in range(0, w - k_w + 1, stride):
                patch = X[..., i:i + a, j:j + b]
                sides = torch.broadcast_tensors(*(T[(0,) * (T.ndim - 2)] for T in (patch, K)))[0].shape
                patch, kernel = (T.expand(*T.shape[:-2], *sides) for T in (patch, K))
                row.append(f(X=patch, K=kernel, **more))
            rows.append(torch.cat(row, -1))
        return torch.cat(rows, -2)
    change.simulated = True
    return change


def stopping(part, error):
    """Stop where the image, the kernel or the result is not square: as an assert does, or a wrong index."""
    def change(f, X, K, **more):
        Y = f(X=X, K=K, **more)
        if any(side[-1] != side[-2] for side in part(X, K, Y)):
            raise error
        return Y
    change.simulated = True
    return change


def sides():
    """One side taken for both, two exchanged, and what is not square refused."""
    sizes = {
        "right": lambda h, w, k_h, k_w: (h, w, k_h, k_w),
        "k_h": lambda h, w, k_h, k_w: (h, w, k_h, k_h),
        "k_w": lambda h, w, k_h, k_w: (h, w, k_w, k_w),
        "h": lambda h, w, k_h, k_w: (h, h, k_h, k_w),
        "w": lambda h, w, k_h, k_w: (w, w, k_h, k_w),
        "h and k_h": lambda h, w, k_h, k_w: (h, h, k_h, k_h),
        "w and k_w": lambda h, w, k_h, k_w: (w, w, k_w, k_w),
        "exchanged k": lambda h, w, k_h, k_w: (h, w, k_w, k_h),
        "exchanged X": lambda h, w, k_h, k_w: (w, h, k_h, k_w),
        "exchanged": lambda h, w, k_h, k_w: (w, h, k_w, k_h),
    }
    windows = {
        "right": lambda k_h, k_w: (k_h, k_w),
        "k_h": lambda k_h, k_w: (k_h, k_h),
        "k_w": lambda k_h, k_w: (k_w, k_w),
        "exchanged": lambda k_h, k_w: (k_w, k_h),
    }
    both, exchanged = [], []
    for (size, of_size), (window, of_window) in itertools.product(sizes.items(), windows.items()):
        if size == window == "right":
            continue
        listed = exchanged if "exchanged" in size + window else both
        listed.append(slid(of_size, of_window))
    kernel, image, result, all_of_it = (
        lambda X, K, Y: [K.shape], lambda X, K, Y: [X.shape], lambda X, K, Y: [Y.shape],
        lambda X, K, Y: [X.shape, K.shape])
    return [
        *((of.NOT_SQUARE, stopping(part, Refusal)) for part in (kernel, image, result, all_of_it)),
        *((of.SQUARE, change) for change in both),
        *((of.EXCHANGED_HW, change) for change in exchanged),
        *((of.SQUARE, stopping(part, IndexError)) for part in (kernel, image, all_of_it)),
        (of.EXCHANGED_HW, stopping(result, IndexError)),
    ]


# Which size


def borders():
    """A border that is put around the image, or a row and a column that are missing."""
    def half(k):
        return k // 2

    def rest(k):
        return (k - 1) // 2

    def whole(k):
        return k - 1

    def around(before, behind):
        def change(f, X, K, **more):
            k_h, k_w = K.shape[-2:]
            return f(X=pad(X, (before(k_w), behind(k_w), before(k_h), behind(k_h))), K=K, **more)
        return change

    return [
        *((of.SAME_SIZE, around(*pair)) for pair in ((rest, half), (half, rest), (half, half))),
        (of.SAME_SIZE, lambda f, **given: around(half, half)(f, **{**given, **({"padding": 0} if (
            "padding" in given) else {})})),
        (of.FULL_SIZE, around(whole, whole)),
        (of.PLUS_ONE, after(lambda Y: Y[..., :-1, :-1])),
    ]


# Which bias, which group


def whole_layer():
    """Slips in the options of a whole layer."""
    def option(change):
        return lambda f, X, K, bias=None, stride=1, padding=0, groups=1: change(
            lambda X=X, K=K, bias=bias, stride=stride, padding=padding, groups=groups: f(
                X=X, K=K, bias=bias, stride=stride, padding=padding, groups=groups),
            X, K, bias, stride, padding, groups)

    def biased(change):
        return option(lambda f, X, K, bias, *_: f() if bias is None else change(f, X, K, bias))

    def padded(sides):
        return option(lambda f, X, K, bias, stride, padding, groups: f(X=pad(X, sides(padding)), padding=0))

    def rounded_up(f, X, K, bias, stride, padding, groups):
        X = pad(X, [padding] * 4)
        right, below = (-(x - k) % stride for x, k in zip(X.shape[:1:-1], K.shape[:1:-1]))
        return f(X=pad(X, (0, right, 0, below)), padding=0)

    def back(f, X, K, bias, groups):
        Y = f(X=X, K=K, bias=None)
        Y = Y[:, dealt(torch.arange(Y.shape[1]), groups, 0).argsort()]
        return Y if bias is None else Y + bias[:, None, None]

    return [
        (of.ONE_SIDE, padded(lambda p: (0, p, 0, p))),
        (of.ONE_SIDE, padded(lambda p: (p, 0, p, 0))),
        (of.ONE_SIDE, padded(lambda p: (0, 2 * p, 0, 2 * p))),
        (of.TOTAL_PADDING, padded(lambda p: (p // 2, p - p // 2) * 2)),
        (of.NO_PADDING, without("padding")),
        (of.NO_STRIDE, without("stride")),
        (of.ROUNDING, option(rounded_up)),
        (of.BIAS_NONE, without("bias")),
        (of.BIAS_PAIR, biased(lambda f, X, K, b: f(bias=K.shape[1] * b))),
        (of.BIAS_WEIGHT, biased(lambda f, X, K, b: f(bias=K[0].numel() * b))),
        (of.BIAS_WEIGHT, biased(lambda f, X, K, b: f(bias=K[0, 0].numel() * b))),
        (of.BIAS_WIDTH, biased(lambda f, X, K, b: f(bias=None) + b)),
        (of.BIAS_ONE, biased(lambda f, X, K, b: f(bias=b[:1].expand_as(b)))),
        (of.BIAS_ONE, biased(lambda f, X, K, b: f(bias=b.sum().expand_as(b)))),
        (of.BIAS_IN, biased(lambda f, X, K, b: f(X=X + b[:, None, None], bias=None))),
        (of.BIAS_IN, biased(lambda f, X, K, b: f(bias=b[:X.shape[1]].sum().expand_as(b)))),
        (of.NO_GROUPS, option(lambda f, X, K, b, s, p, g: f(K=K.expand(-1, X.shape[1], -1, -1), groups=1))),
        (of.EVERYWHERE, option(lambda f, X, K, b, s, p, g: f(K=K.repeat(1, g, 1, 1), groups=1))),
        (of.ZIP, option(lambda f, X, K, b, s, p, g: f(X=X[:, :K.shape[1]], groups=1))),
        (of.GROUP_KERNEL, option(lambda f, X, K, b, s, p, g: f(K=K.chunk(g)[0].repeat(g, 1, 1, 1)))),
        (of.INTERLEAVED, option(lambda f, X, K, b, s, p, g: f(X=dealt(X, g, 1)))),
        (of.INTERLEAVED, option(lambda f, X, K, b, s, p, g: back(f, X, K, b, g))),
        (of.INTERLEAVED, option(lambda f, X, K, b, s, p, g: back(f, dealt(X, g, 1), dealt(K, g, 0), b, g))),
        (of.INTERLEAVED, option(lambda f, X, K, b, s, p, g: f(K=dealt(K, g, 0)))),
        (of.INTERLEAVED, option(lambda f, X, K, b, s, p, g: f(X=dealt(X, g, 1), K=dealt(K, g, 0)))),
    ]


def dealt(T, groups, axis):
    """Deal channels out to the groups like cards."""
    return T.unflatten(axis, (-1, groups)).transpose(axis, axis + 1).flatten(axis, axis + 1)
