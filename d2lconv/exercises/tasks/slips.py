"""The slips that are possible wherever an exercise has certain axes or arguments: generated, not remembered."""

import inspect
import itertools

import torch
from torch.nn.functional import pad

from d2lconv.exercises import misconceptions as of
from d2lconv.exercises.engine.exercise import EXERCISES, Exercise, axes
from d2lconv.exercises.engine.values import has_tensor
from d2lconv.exercises.tasks.changes import biased, flipped, on, repeated, totalled
from d2lconv.exercises.tasks.layer_slips import sides, whole_layer


def task(read, problems, wrong=(), **more):
    """Register an exercise with its own wrong answers, and with the slips that its axes and arguments allow.

    It makes numbers of integers, or takes a tensor: slips in integers have no tensors as their results.
    """
    def register(truth):
        (first, *_), *_ = problems.values()
        counted = all(isinstance(value, int) for value in first)
        answer = truth(*first)
        if counted and has_tensor(answer):
            raise TypeError(f"{truth.__name__} makes a tensor of integers alone: let it take a tensor, too.")
        changes = [*wrong, *slips(axes(truth))]
        if isinstance(answer, tuple) and len(answer) == 2:
            changes.append((of.RESULTS, lambda Y: Y[::-1]))
        if counted:
            changes += arguments(truth, read, wrong)
        EXERCISES[truth.__name__] = Exercise(truth, problems, of.READ[read], (*changes,), **more)
        return truth
    return register


def arguments(truth, read, wrong):
    """Slips in the numbers that a count is made of: one left out, of the wrong sign, or taken for another."""
    names, known = list(inspect.signature(truth).parameters), {misconception.name for misconception, *_ in wrong}
    left_out = [(of.left_out(name, read), on(**{name: 1})) for name in names]
    return [
        *(slip for slip in left_out if slip[0].name not in known),
        (of.SIGN, *(on(**{name: lambda T: -T}) for name in names)),
        (of.ARGUMENTS, *(exchanged(*pair) for pair in itertools.combinations(names, 2))),
    ]


def exchanged(one, other):
    """Two arguments, each in the other's place."""
    return lambda f, given: f(**{one: given[other], other: given[one]})


def slips(shapes):
    """The slips that these axes allow, those first that are preferred where two explain the same."""
    X, K = shapes.get("X", ()), shapes.get("K", ())
    if X[-2:] != ("h", "w") or not K:
        return orders(shapes)
    found = summed(K[0] == "c_o") if "c_i" in X else []
    if K[0] == "c_o":
        found += several_kernels()
    if K[-1] == "k_w":
        found += windows("c_i" in X, X[:-2] == K[:-2])
    if K[0] == "c":
        found += apart()
    if len(X) == 4:
        found += whole_layer()
    found += channels_last(K[0] == "c_o", K[-1] == "k_w") if len(X) > 2 else []
    return [*found, *orders(shapes), *(sides() if K[-1] == "k_w" else [])]


# Which channels, which slices


def another_order(name, axis):
    """Channels from the last to the first, or each one place further."""
    return [
        (of.REVERSED, on(**{name: flipped(axis)})),
        (of.NEIGHBOUR, *(on(**{name: lambda T, step=step: T.roll(step, axis)}) for step in (1, -1))),
    ]


def all_but(place):
    """Without the first, or the last; of a single one nothing is left, and a loop over it stops."""
    def edit(T):
        if len(T) == 1:
            raise ValueError("nothing is left")
        return T[1:] if place == 0 else T[:-1]
    return edit


def summed(several):
    """Slips in the sum over input channels, axis -3 of X and of K, into one map or into several."""
    def one_slice(place):
        return on(X=lambda X, K, groups=1: X.narrow(-3, 0, K.shape[-3] * groups),  # no other channel is missed
                  K=lambda K: K * (torch.arange(K.shape[-3]) == place % K.shape[-3])[:, None, None])

    def maps(f, X, K):
        c = K.shape[-3]
        return torch.stack([f(X=X[..., n::c, :, :], K=K[..., n:n + 1, :, :]) for n in range(c)])

    def put_together(combine):
        return biased(without=lambda f, X, K: combine(maps(f, X, K)))

    def stacked(combine, axis=-3):
        return lambda f, X, K: combine(maps(f, X, K).movedim(0, axis))

    return [
        (of.MEAN, on(K=lambda K: K / K.shape[-3]), on(K=lambda K: K / K.shape[-3:].numel())),
        (of.SHARED, on(K=repeated(-3)), on(K=repeated(-3, -1))),
        (of.ONE_CHANNEL, one_slice(0), one_slice(-1)),
        (of.STACKED, stacked(lambda T: T),
         *([stacked(lambda T: T, -4), stacked(lambda T: T.flatten(-4, -3), -4),
            stacked(lambda T: T.flatten(-4, -3)), stacked(lambda T: T.select(-4, 0))] if several else
           [stacked(lambda T: T.flatten(0, 1))])),
        (of.RELU_FIRST, put_together(lambda maps: maps.relu().sum(0))),
        (of.SUMMED_FIRST, on(X=totalled(-3))),
        (of.ONE_CHANNEL, on(X=repeated(-3))),
        (of.LEFT_OUT, *(put_together(lambda maps, place=place: all_but(place)(maps).sum(0)) for place in (0, -1))),
        *another_order("K", -3),
        (of.NO_SUM, put_together(lambda maps: maps.amax(0)), put_together(lambda maps: maps.prod(0)),
         put_together(lambda maps: 2 * maps[0] - maps.sum(0))),
    ]


def several_kernels():
    """Slips in the choice of the kernel."""
    return [
        (of.SAME_OUTPUT, on(K=repeated(0))),
        (of.ZIP, on(X=lambda X, K: X.narrow(-3, 0, len(K)), K=lambda K: K[:, :min(K.shape[1], len(K))]),
         lambda f, X, K: torch.cat([f.func(X=x[None], K=k[None, :1]) for x, k in zip(X, K)])),  # without options
        (of.SAME_OUTPUT, on(K=repeated(0, -1))),
        (of.LEFT_OUT, on(K=all_but(0)), on(K=all_but(-1))),
        *another_order("K", 0),
    ]


def windows(summed, alike):
    """Slips in the window: flipped, divided by, multiplied as a matrix, and a border that nobody asked for."""
    def around(before, after):
        def edit(T, K):
            k_h, k_w = K.shape[-2:]
            return pad(T, (before(k_w), after(k_w), before(k_h), after(k_h)))
        return edit

    def kept(rows, columns):
        def edit(K):
            some = torch.zeros_like(K)
            some[..., rows, columns] = K[..., rows, columns]
            return some
        return on(K=edit)

    def each_window(combine):
        def change(X, K, Y):
            windows = X.unfold(-2, K.shape[-2], 1).unfold(-2, K.shape[-1], 1)
            maps = combine(windows, K[..., None, None, :, :])
            return maps if Y.ndim == maps.ndim else maps.sum(0)
        return change

    *parts, _ = itertools.product((slice(0, 1), slice(-1, None), slice(None)), repeat=2)  # the last is all of it
    none, half, rest, whole = lambda k: 0, lambda k: k // 2, lambda k: (k - 1) // 2, lambda k: k - 1
    return [
        (of.MEAN, on(K=lambda K: K / K.shape[-2:].numel())),
        (of.FLIPPED, on(K=flipped(-1, -2))),
        (of.SAME_SIZE, on(X=around(rest, half)), on(X=around(half, rest)), on(X=around(half, half)),
         on(X=around(half, half), padding=0)),
        (of.FULL_SIZE, on(X=around(whole, whole))),
        (of.SAME_SIZE, on(Y=around(none, whole))),
        (of.PLUS_ONE, lambda Y: Y[..., :-1, :-1]),
        *([(of.FLIPPED, on(K=flipped(-1, -2, -3)))] if summed else []),
        (of.FLIPPED_ONE, on(K=flipped(-1)), on(K=flipped(-2))),
        (of.PART, *(kept(*part) for part in parts)),
        (of.POOLED, lambda Y, K: Y[..., ::K.shape[-2], ::K.shape[-1]]),
        *([
            (of.MATMUL, each_window(lambda X, K: (X @ K).sum((-1, -2)))),
            (of.ADDED, each_window(lambda X, K: (X + K).sum((-1, -2)))),
            (of.LARGEST, each_window(lambda X, K: (X * K).amax((-1, -2)))),
            (of.PART, each_window(lambda X, K: (X[..., :-1, :-1] * K).sum((-1, -2)))),
        ] if alike else []),
    ]


def apart():
    """Slips where channels stay apart."""
    return [
        (of.SHARED, on(K=repeated(0))),
        (of.SUMMED, lambda Y: Y.sum(0), lambda Y: Y.sum(0, keepdim=True)),
        (of.EVERYWHERE, on(X=totalled(0)), lambda f, K: torch.cat([f(K=k.expand_as(K)) for k in K])),
        (of.MEAN, lambda Y: Y / len(Y)),
        (of.OTHER_CHANNEL, on(X=repeated(0))),
        (of.LEFT_OUT, on(Y=all_but(0)), on(Y=all_but(-1))),
        *another_order("K", 0),
        *another_order("X", 0)[1:],
    ]


# Which axis


def refolded(Y):
    """Maps whose pixels' channels lie side by side, and are folded as if they did not."""
    return Y.movedim(-3, -1).reshape(Y.shape)


def orders(shapes):
    """Axes in another order: in each argument, and in the result."""
    found, Y = [], shapes.get("return", ())
    if len(Y) > 2 and Y[-1].startswith("w"):  # maps, not a kernel
        found += [(of.LAST, lambda Y: Y.movedim(-3, -1)), (of.between(len(Y) - 3), lambda Y: Y.movedim(-3, -2))]
        if Y[-3] == "c_o":
            found += [(of.RESHAPED, refolded), (of.TRANSPOSED, lambda Y: Y.mT.reshape(Y.shape))]
            found += [(of.EXCHANGED_HW, lambda Y: Y.reshape(Y.mT.shape))]
    for name, names in shapes.items():
        what = "Y" if name == "return" else name
        if names[-1].startswith(("w", "k_w", "a_w", "b_w")):
            found.append((of.EXCHANGED_HW, on(**{what: lambda T: T.mT})))
        if len(names) == 4 and names[0][0] == names[1][0] == "c" and "dY" not in shapes:
            found.append((of.EXCHANGED_IO, on(**{what: lambda T: T.transpose(0, 1)})))
    return found


def channels_last(several, windowed):
    """Slips in the order of the input's and the kernel's axes, from the channels' axis on."""
    def reshaped(X):
        return X.reshape(X.movedim(-3, -1).shape).movedim(-1, -3)

    of_kernels = [
        (of.RESHAPED, on(K=lambda K: K.reshape(*K.shape[1::-1], *K.shape[2:]).transpose(0, 1)),
         on(X=reshaped, Y=refolded)),
        (of.TRANSPOSED, on(K=lambda K: K.transpose(0, 1).reshape(K.shape))),
    ]
    return [
        (of.LAST, on(X=lambda X: X.movedim(-1, -3))),
        (of.RESHAPED, on(X=reshaped)),
        (of.TRANSPOSED, on(X=lambda X: X.movedim(-3, -1).reshape(X.shape)),
         on(X=lambda X: X.mT.reshape(X.shape))),
        *([(of.LAST, on(X=lambda X: X.movedim(-1, -3), K=lambda K: K.movedim(-1, -3)))] if windowed else []),
        *(of_kernels if several else []),
    ]
