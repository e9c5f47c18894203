"""The slips that are possible wherever an exercise has certain axes or arguments: generated, not remembered."""

import inspect
import itertools

import torch
from torch.nn.functional import pad

from d2lconv.exercises.engine.exercise import EXERCISES, Exercise, Habits, axes, call_by_name
from d2lconv.exercises.engine.sandbox import Refusal
from d2lconv.exercises.tasks import misconceptions as of

HABITS = Habits(of.IN_PLACE, of.REMEMBERED, of.UNCHECKED, of.ZIP)


def task(read, problems, wrong=(), **more):
    """Register an exercise with its own wrong answers, and with the slips that its axes and arguments allow."""
    def register(truth):
        (first, *_), *_ = problems.values()
        counted = all(isinstance(value, int) for value in first)
        changes = *wrong, *slips(axes(truth)), *(arguments(truth, read, wrong) if counted else [])
        EXERCISES[truth.__name__] = Exercise(truth, problems, of.READ[read], changes, HABITS, **more)
        return truth
    return register


def arguments(truth, read, wrong):
    """Slips in the numbers that a count is made of: one left out, of the wrong sign, or taken for another."""
    names, known = list(inspect.signature(truth).parameters), {misconception.name for misconception, _ in wrong}
    left_out = [(of.left_out(name, read), on(**{name: 1})) for name in names]
    return [
        *(slip for slip in left_out if slip[0].name not in known),
        *((of.SIGN, edited(name, lambda n: -n)) for name in names),
        *((of.ARGUMENTS, swapped(*pair)) for pair in itertools.combinations(names, 2)),
    ]


def swapped(one, other):
    """Two arguments, each in the other's place."""
    return lambda f, given: f(**{**given, one: given[other], other: given[one]})


def on(**edits):
    """A change of arguments: each edit is the new value, or makes it of the arguments that it names."""
    def change(f, given):
        other = {
            name: call_by_name(edit, {**given, "given": given}) if callable(edit) else edit
            for name, edit in edits.items() if given.get(name) is not None}  # no bias stays none
        return f(**{**given, **other})
    return change


def edited(name, edit):
    """A change of one argument, whatever its name."""
    return on(**{name: lambda given: edit(given[name])})


def slips(shapes):
    """The slips that these axes allow, those first that are preferred where two explain the same."""
    X, K = shapes.get("X", ()), shapes.get("K", ())
    if X[-2:] != ("h", "w") or not K:
        return orders(shapes)
    found = summed(len(X) - 3, len(K) - 3, len(shapes["return"]) - 2) if "c_i" in X else []
    if K[0] == "c_o":
        found += several_kernels(len(X) - 3)
    if K[-1] == "k_w":
        found += windows("c_i" in X, X[:-2] == K[:-2])
    if K[0] == "c":
        found += apart()
    if len(X) == 4:
        found += whole_layer()
    found += channels_last(len(X) - 3, len(K) - 3, K[-1] == "k_w") if len(X) > 2 else []
    return [*found, *orders(shapes), *(sides() if K[-1] == "k_w" else [])]


# Which channels, which slices


def summed(x, k, y):
    """Slips in the sum over input channels: axis ``x`` of X, ``k`` of K; the maps' axis of the result is ``y``."""
    def one_slice(place):
        return on(X=lambda X, K, groups=1: X.narrow(x, 0, K.shape[k] * groups),  # no other channel is missed
                  K=lambda K: K * (torch.arange(K.shape[k]) == place % K.shape[k])[:, None, None])

    def maps(f, given):
        X, c = given["X"], given["K"].shape[k]
        parts = [(X.index_select(x, torch.arange(n, X.shape[x], c)), given["K"].narrow(k, n, 1)) for n in range(c)]
        return [f(**{**given, "X": channel, "K": kernel}) for channel, kernel in parts]

    def put_together(combine):
        return biased(lambda f, given: combine(torch.stack(maps(f, given))), lambda Y, bias: Y + bias[:, None, None])

    return [
        (of.MEAN, on(K=lambda K: K / K.shape[k])),
        (of.MEAN, on(K=lambda K: K / K.shape[k:].numel())),
        (of.SHARED, on(K=lambda K: K.narrow(k, 0, 1).expand_as(K))),
        (of.SHARED, on(K=lambda K: K.narrow(k, -1, 1).expand_as(K))),
        (of.ONE_CHANNEL, one_slice(0)),
        (of.ONE_CHANNEL, one_slice(-1)),
        (of.STACKED, lambda f, given: torch.stack(maps(f, given), y)),
        (of.STACKED, lambda f, given: torch.stack(maps(f, given), max(y - 1, 0))),
        (of.STACKED, lambda f, given: torch.cat(maps(f, given), max(y - 1, 0))),
        (of.RELU_FIRST, put_together(lambda maps: maps.relu().sum(0))),
        (of.EVERYWHERE, on(X=lambda X: X.sum(x, keepdim=True).expand_as(X))),
        (of.ONE_CHANNEL, on(X=lambda X: X.narrow(x, 0, 1).expand_as(X))),
        *((of.LEFT_OUT, put_together(lambda maps, place=place: fewer(maps, 0, place).sum(0))) for place in (0, -1)),
        *another_order("K", k),
        *((of.NO_SUM, put_together(combine)) for combine in (
            lambda maps: maps.amax(0), lambda maps: maps.prod(0), lambda maps: 2 * maps[0] - maps.sum(0))),
    ]


def another_order(name, axis):
    """Channels from the last to the first, or each one place further."""
    return [
        (of.REVERSED, edited(name, lambda T: T.flip(axis))),
        (of.NEIGHBOUR, edited(name, lambda T: T.roll(1, axis))),
        (of.NEIGHBOUR, edited(name, lambda T: T.roll(-1, axis))),
    ]


def fewer(T, axis, place):
    """All but the first, or the last, along an axis; of a single one nothing is left, and a loop over it stops."""
    if T.shape[axis] == 1:
        raise ValueError("nothing is left")
    return T.narrow(axis, int(place == 0), T.shape[axis] - 1)


def biased(without, combine):
    """A change of what is there before the bias, and how the bias comes in."""
    def change(f, given, bias=None):
        Y = call_by_name(without, {"f": f, "given": {**given, "bias": None} if "bias" in given else given})
        return Y if bias is None else combine(Y, bias)
    return change


def several_kernels(x):
    """Slips in the choice of the kernel."""
    return [
        (of.SAME_OUTPUT, on(K=lambda K: K[:1].expand_as(K))),
        (of.ZIP, on(X=lambda X, K: X.narrow(x, 0, len(K)), K=lambda K: K[:, :min(K.shape[1], len(K))])),
        (of.ZIP, lambda f, X, K: torch.cat([f(X=a[None], K=b[None, :1]) for a, b in zip(X, K)])),
        (of.SAME_OUTPUT, on(K=lambda K: K[-1:].expand_as(K))),
        *((of.LEFT_OUT, on(K=lambda K, place=place: fewer(K, 0, place))) for place in (0, -1)),
        *another_order("K", 0),
    ]


def windows(summed, alike):
    """Slips in the window: flipped, divided by, multiplied as a matrix, and a border that nobody asked for."""
    def around(before, after):
        return lambda X, K: pad(X, (before(K.shape[-1]), after(K.shape[-1]), before(K.shape[-2]), after(K.shape[-2])))

    def kept(rows, columns):
        def change(K):
            some = torch.zeros_like(K)
            some[..., rows, columns] = K[..., rows, columns]
            return some
        return on(K=change)

    all_of_it, ends = slice(None), (slice(0, 1), slice(-1, None))
    half, rest, whole = lambda k: k // 2, lambda k: (k - 1) // 2, lambda k: k - 1

    def each_window(combine):
        def change(X, K, Y):
            windows = X.unfold(-2, K.shape[-2], 1).unfold(-2, K.shape[-1], 1)
            maps = combine(windows, K[..., None, None, :, :])
            return maps if Y.ndim == maps.ndim else maps.sum(0)
        return change

    return [
        (of.MEAN, on(K=lambda K: K / K.shape[-2:].numel())),
        (of.FLIPPED, on(K=lambda K: K.flip(-1, -2))),
        *((of.SAME_SIZE, on(X=around(*edges))) for edges in ((rest, half), (half, rest), (half, half))),
        (of.SAME_SIZE, on(X=around(half, half), padding=0)),
        (of.FULL_SIZE, on(X=around(whole, whole))),
        (of.SAME_SIZE, lambda Y, K: pad(Y, (0, K.shape[-1] - 1, 0, K.shape[-2] - 1))),
        (of.PLUS_ONE, lambda Y: Y[..., :-1, :-1]),
        *([(of.FLIPPED, on(K=lambda K: K.flip(-1, -2, -3)))] if summed else []),
        (of.FLIPPED_ONE, on(K=lambda K: K.flip(-1))),
        (of.FLIPPED_ONE, on(K=lambda K: K.flip(-2))),
        *((of.PART, kept(rows, columns)) for rows, columns in (
            *itertools.product(ends, ends), *((end, all_of_it) for end in ends), *((all_of_it, end) for end in ends))),
        (of.POOLED, lambda Y, K: Y[..., ::K.shape[-2], ::K.shape[-1]]),
        *([
            (of.MATMUL, each_window(lambda X, K: (X @ K).sum((-1, -2)))),
            (of.ADDED, each_window(lambda X, K: (X + K).sum((-1, -2)))),
            (of.LARGEST, each_window(lambda X, K: (X * K).amax((-1, -2)))),
        ] if alike else []),
    ]


def apart():
    """Slips where channels stay apart."""
    return [
        (of.SHARED, on(K=lambda K: K[:1].expand_as(K))),
        (of.SUMMED, lambda Y: Y.sum(0)),
        (of.SUMMED, lambda Y: Y.sum(0, keepdim=True)),
        (of.EVERYWHERE, on(X=lambda X: X.sum(0, keepdim=True).expand_as(X))),
        (of.EVERYWHERE, lambda f, X, K: torch.cat([f(X=X, K=one.expand_as(K)) for one in K])),
        (of.MEAN, lambda Y: Y / len(Y)),
        (of.ONE_CHANNEL, on(X=lambda X: X[:1].expand_as(X))),
        *((of.LEFT_OUT, lambda Y, place=place: fewer(Y, 0, place)) for place in (0, -1)),
        *another_order("K", 0),
        *another_order("X", 0)[1:],
    ]


# Which axis


def orders(shapes):
    """Axes in another order: in each argument, and in the result."""
    found, Y = [], shapes.get("return", ())
    if spatial(Y) and len(Y) > 2 and not Y[-3].startswith(("c_i", "c_m", "3", "1")):
        c = len(Y) - 3
        found += [(of.last(c), lambda Y: Y.movedim(c, -1)), (of.between(c), lambda Y: Y.movedim(c, c + 1))]
        if Y[0] in ("n", "c_o") and len(Y) < 4 + (Y[0] == "n"):
            found += [(of.RESHAPED, refolded), (of.TRANSPOSED, lambda Y: Y.mT.reshape(Y.shape))]
    for name, names in shapes.items():
        for misconception, known, edit in (
            (of.EXCHANGED_HW, spatial(names), lambda T: T.mT),
            (of.EXCHANGED_IO, kernel(names) and "dY" not in shapes, lambda T: T.transpose(0, 1)),
        ):
            change = (lambda Y, edit=edit: edit(Y)) if name == "return" else edited(name, edit)
            found += [(misconception, change)] if known else []
    return found


def spatial(names):
    """Say whether the last two axes are a height and a width that may differ."""
    return len(names) > 1 and names[-2] != names[-1] and "*" not in names[-1] and names[-1][0] in "wkab"


def kernel(names):
    """Say whether the first two of four axes count output and input channels."""
    return len(names) == 4 and names[0].startswith("c_") and names[1].startswith("c_")


def refolded(Y):
    """Maps whose pixels' channels lie side by side, and are folded as if they did not."""
    return Y.movedim(-3, -1).reshape(Y.shape)


def channels_last(x, k, windowed):
    """Slips in the order of the input's and the kernel's axes, from the channels' axis on."""
    reshaped = on(X=lambda X: X.reshape(X.movedim(x, -1).shape).movedim(-1, x))
    several = [
        (of.RESHAPED, on(K=lambda K: K.reshape(*K.shape[1::-1], *K.shape[2:]).transpose(0, 1))),
        (of.RESHAPED, lambda f, given: refolded(reshaped(f, given))),
        (of.TRANSPOSED, on(K=lambda K: K.transpose(0, 1).reshape(K.shape))),
    ]
    return [
        (of.last(x), on(X=lambda X: X.movedim(-1, x))),
        (of.RESHAPED, reshaped),
        (of.TRANSPOSED, on(X=lambda X: X.movedim(x, -1).reshape(X.shape))),
        (of.TRANSPOSED, on(X=lambda X: X.mT.reshape(X.shape))),
        *([(of.last(x), on(X=lambda X: X.movedim(-1, x), K=lambda K: K.movedim(-1, k)))] if windowed else []),
        *(several if k == 1 else []),
    ]


# Which sides


def slid(image, kernel, window):
    """Loops over the places that somebody believes in, with the window that they believe in.

    Each belief says which two of the true sides are taken. What does not fit fails, or is broadcast, as in the
    learner's own loops.
    """
    def change(f, given, X, K, stride=1, padding=0):
        X = pad(X, [padding] * 4)
        given = {**given, "padding": 0, "stride": 1} if "padding" in given else given
        (h, w), (k_h, k_w), (a, b) = (
            [sides[place] for place in believed]
            for sides, believed in ((X.shape[-2:], image), (K.shape[-2:], kernel), (K.shape[-2:], window)))
        rows = []
        for i in range(0, h - k_h + 1, stride):
            row = []
            for j in range(0, w - k_w + 1, stride):
                patch = X[..., i:i + a, j:j + b]
                both = torch.broadcast_shapes(patch.shape[-2:], K.shape[-2:])
                row.append(f(**{**given, "X": patch.expand(*X.shape[:-2], *both), "K": K.expand(*K.shape[:-2], *both)}))
            rows.append(torch.cat(row, -1))
        return torch.cat(rows, -2)
    change.simulated = True  # type: ignore[attr-defined]
    return change


def stopping(part, error, otherwise=lambda Y: Y):
    """Stop where the image, the kernel or the result is not square: as an assert does, or a wrong index."""
    def change(X, K, Y):
        if any(shape[-1] != shape[-2] for shape in part(X.shape, K.shape, Y.shape)):
            raise error
        return otherwise(Y)
    change.simulated = True  # type: ignore[attr-defined]
    return change


def sides():
    """One side taken for both, two exchanged, and what is not square refused."""
    right, exchanged, one, other = (0, 1), (1, 0), (0, 0), (1, 1)
    beliefs = list(itertools.product((right, one, other, exchanged), repeat=3))
    loops = [(of.EXCHANGED_HW if exchanged in belief else of.SQUARE, slid(*belief)) for belief in beliefs[1:]]
    parts = [lambda X, K, Y: [K], lambda X, K, Y: [X], lambda X, K, Y: [X, K]]
    result = lambda X, K, Y: [Y]  # noqa: E731
    return [
        *((of.NOT_SQUARE, stopping(part, Refusal)) for part in (*parts, result)),
        *sorted(loops, key=lambda loop: loop[0] is of.EXCHANGED_HW),
        *((of.SQUARE, stopping(part, IndexError)) for part in parts),
        (of.EXCHANGED_HW, stopping(result, IndexError)),
        (of.EXCHANGED_HW, stopping(result, IndexError, lambda Y: Y.mT)),
    ]


# Which bias, which group


def whole_layer():
    """Slips in the options of a whole layer."""
    def padded(sides):
        return on(X=lambda X, padding: pad(X, sides(padding)), padding=0)

    def rounded_up(f, given, X, K, stride, padding):
        X = pad(X, [padding] * 4)
        right, below = (-(x - k) % stride for x, k in zip(X.shape[:1:-1], K.shape[:1:-1]))
        return f(**{**given, "X": pad(X, (0, right, 0, below)), "padding": 0})

    def with_bias(combine):
        return biased(lambda f, given: f(**given), combine)

    def filled(**how):
        def change(f, given, X, padding):
            return f(**{**given, "X": pad(X, [padding] * 4, **how), "padding": 0}) if padding else f(**given)
        return change

    def dense(f, given, stride):
        return f(**{**given, "stride": 1})

    def grouped(edit):
        return lambda X, groups: edit(X.unflatten(1, (groups, -1))).flatten(1, 2)

    def interleaved(inputs, kernels, outputs):
        def change(f, given, X, K, bias, groups):
            X, K = dealt(X, groups, 1) if inputs else X, dealt(K, groups, 0) if kernels else K
            Y = f(**{**given, "X": X, "K": K, "bias": None})
            Y = Y[:, dealt(torch.arange(len(K)), groups, 0).argsort()] if outputs else Y
            return Y if bias is None else Y + bias[:, None, None]
        return change

    return [
        (of.ONE_SIDE, padded(lambda p: (0, p, 0, p))),
        (of.ONE_SIDE, padded(lambda p: (p, 0, p, 0))),
        (of.ONE_SIDE, padded(lambda p: (0, 2 * p, 0, 2 * p))),
        (of.ONE_AXIS, padded(lambda p: (p, p))),
        (of.ONE_AXIS, padded(lambda p: (0, 0, p, p))),
        (of.PADDED_TWICE, on(padding=lambda padding: 2 * padding)),
        (of.PADDED_AFTER, lambda f, given, padding: pad(f(**{**given, "padding": 0}), [padding] * 4)),
        *((of.NOT_ZEROS, filled(**how)) for how in (
            {"value": 1.0}, {"mode": "replicate"}, {"mode": "reflect"}, {"mode": "circular"})),
        (of.TOTAL_PADDING, padded(lambda p: (p // 2, p - p // 2) * 2)),
        (of.NO_PADDING, on(padding=0)),
        (of.NO_STRIDE, on(stride=1)),
        (of.ROUNDING, rounded_up),
        (of.ONE_AXIS, lambda f, given, stride: dense(f, given, stride)[..., ::stride, :]),
        (of.ONE_AXIS, lambda f, given, stride: dense(f, given, stride)[..., ::stride]),
        (of.STRIDE_SIZE, lambda f, given, Y, stride: dense(f, given, stride)[..., :Y.shape[2], :Y.shape[3]]),
        (of.THINNED, on(
            X=lambda X, padding, stride: pad(X, [padding] * 4)[..., ::stride, ::stride], padding=0, stride=1)),
        (of.ONE_IMAGE, lambda Y: Y[:1]),
        (of.ONE_IMAGE, lambda Y: Y[-1:]),
        (of.ONE_IMAGE, lambda Y: Y[0]),
        (of.ONE_IMAGE, lambda Y: Y[:1].expand_as(Y)),
        (of.ONE_IMAGE, lambda Y: Y.sum(0, keepdim=True)),
        (of.BIAS_NONE, on(bias=None)),
        (of.BIAS_SIGN, on(bias=lambda bias: -bias)),
        (of.BIAS_PAIR, on(bias=lambda K, bias: K.shape[1] * bias)),
        (of.BIAS_WEIGHT, on(bias=lambda K, bias: K[0].numel() * bias)),
        (of.BIAS_WEIGHT, on(bias=lambda K, bias: K[0, 0].numel() * bias)),
        (of.BIAS_WIDTH, with_bias(lambda Y, bias: Y + bias)),
        (of.BIAS_HEIGHT, with_bias(lambda Y, bias: Y + bias[:, None])),
        (of.BIAS_BATCH, with_bias(lambda Y, bias: Y + bias[:, None, None, None])),
        (of.BIAS_TIMES, with_bias(lambda Y, bias: Y * bias[:, None, None])),
        (of.REVERSED, on(bias=lambda bias: bias.flip(0))),
        (of.BIAS_ONE, on(bias=lambda bias: bias[:1].expand_as(bias))),
        (of.BIAS_ONE, on(bias=lambda bias: bias.sum().expand_as(bias))),
        (of.BIAS_ONE, on(bias=lambda bias: bias.mean().expand_as(bias))),
        (of.BIAS_ONE, on(bias=lambda bias, groups: bias.chunk(groups)[0].repeat(groups))),
        (of.BIAS_IN, on(X=lambda X, bias: X if bias is None else X + bias[:, None, None], bias=None)),
        (of.BIAS_IN, on(bias=lambda X, bias: bias[:X.shape[1]].sum().expand_as(bias))),
        (of.NO_GROUPS, on(K=lambda X, K: K.expand(-1, X.shape[1], -1, -1), groups=1)),
        (of.EVERYWHERE, on(K=lambda K, groups: K.repeat(1, groups, 1, 1), groups=1)),
        (of.NO_GROUPS, on(X=lambda X, K: X[:, :K.shape[1]], groups=1)),
        (of.GROUP_KERNEL, on(K=lambda K, groups: K.chunk(groups)[0].repeat(groups, 1, 1, 1))),
        (of.ONE_GROUP, lambda Y, groups: Y[:, :Y.shape[1] // groups]),
        (of.REVERSED, on(X=grouped(lambda X: X.flip(1)))),
        (of.SUMMED, lambda Y, groups: Y.unflatten(1, (groups, -1)).sum(1)),
        *((of.INTERLEAVED, interleaved(*which)) for which in itertools.product((0, 1), repeat=3) if any(which)),
    ]


def dealt(T, groups, axis):
    """Deal channels out to the groups like cards."""
    return T.unflatten(axis, (-1, groups)).transpose(axis, axis + 1).flatten(axis, axis + 1)
