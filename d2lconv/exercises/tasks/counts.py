"""What is counted: sizes, parameters, multiply-adds, memory."""

import functools
import math

from d2lconv.exercises import misconceptions as of
from d2lconv.exercises.engine.exercise import call_by_name, changed
from d2lconv.exercises.tasks.changes import on
from d2lconv.exercises.tasks.slips import task

LAYERS = {  # input_shape, weight_shape, stride, padding
    "a small layer": [
        ((1, 3, 3), (1, 1, 2, 2), 1, 0), ((2, 3, 3), (3, 2, 2, 2), 1, 0), ((3, 8, 8), (5, 3, 3, 3), 1, 0)],
    "not square": [
        ((2, 4, 7), (3, 2, 3, 1), 1, 0), ((3, 9, 5), (4, 3, 2, 3), 1, 0), ((2, 5, 7), (3, 2, 2, 2), 1, 0)],
    "a stride": [
        ((1, 5, 5), (1, 1, 2, 2), 2, 0), ((2, 8, 8), (3, 2, 3, 3), 3, 0), ((1, 7, 10), (2, 1, 2, 2), 3, 0),
        ((1, 6, 9), (2, 1, 2, 3), 2, 0)],
    "padding": [
        ((1, 3, 3), (1, 1, 3, 3), 1, 1), ((128, 256, 256), (128, 128, 5, 5), 1, 2), ((3, 12, 10), (8, 3, 3, 5), 1, 3)],
    "both": [
        ((3, 224, 224), (64, 3, 7, 7), 2, 3), ((4, 10, 11), (6, 4, 3, 2), 3, 1), ((3, 225, 223), (97, 3, 7, 5), 1, 3)],
}


def rounded(number):
    """The places along one side, with another way to make a number of the steps between them."""
    return on(stride=1, Y=lambda Y, stride: number((Y - 1) / stride) + 1)


SIZES = [  # slips in the number of places along one side
    (of.ONE_SIDE, on(padding=lambda padding: padding / 2)),
    (of.NO_PADDING, on(padding=0)),
    (of.NO_STRIDE, on(stride=1)),
    (of.ROUNDING, rounded(math.ceil), rounded(float), rounded(round)),
    (of.ONE_BEFORE, on(stride=1, Y=lambda Y, stride: Y // stride)),
    (of.NO_OPTIONS, on(stride=1, padding=0)),
    (of.BRACKETS, lambda size, kernel, stride, padding: size + 2 * padding - kernel // stride + 1,
     lambda size, kernel, stride, padding: (size - kernel) // stride + 2 * padding + 1),
    (of.PLUS_ONE, lambda Y: Y - 1, on(size=lambda size: size + 1)),
    (of.INPUT_PLACES, lambda size: size, lambda size, padding: size + 2 * padding),
    (of.POOLED, lambda size, kernel: size // kernel),
    (of.STRIDE_TIMES, on(stride=1, Y=lambda Y, stride: (Y - 1) * stride + 1)),
]


def with_sides(shape, height, width):
    """A shape with two of its own sides taken for its height and its width."""
    return *shape[:-2], shape[height], shape[width]


def of_layer(count, given, out, Y=None):
    """Count something of a layer, made of its numbers by name: x, k and y are how many X, K and Y hold."""
    shapes = *given["input_shape"], *given["weight_shape"]
    sides = dict(zip(("c_i", "h", "w", "c_o", "c_k", "k_h", "k_w"), shapes))
    x, k, y = map(math.prod, (given["input_shape"], given["weight_shape"], out))
    work = y * math.prod(given["weight_shape"][1:])
    return call_by_name(count, {**given, **sides, "out": out, "x": x, "k": k, "y": y, "work": work, "Y": Y})


def counted(count):
    """Another count of a layer, of its own output; Y is the right count."""
    return lambda Y, given: of_layer(count, given, output_shape(**given), Y)


def slips_in_size(count):
    """The slips in a layer's output size, in what is counted of it; one side taken for both, or exchanged."""
    of_output = functools.partial(of_layer, count)

    def along(change_h, change_w):
        size_h, size_w = changed(change_h, output_size), changed(change_w, output_size)

        def change(given, input_shape, weight_shape, stride, padding):
            (_, h, w), (c_o, _, k_h, k_w) = input_shape, weight_shape
            return of_output(given, (c_o, size_h(h, k_h, stride, padding), size_w(w, k_w, stride, padding)))
        return change

    def one_side(name, side, in_product, in_output):
        def change(given):
            edited = {**given, name: with_sides(given[name], side, side)}
            return of_output(edited if in_product else given, output_shape(**(edited if in_output else given)))
        return change

    shapes = "weight_shape", "input_shape"
    right, dense, bare = on(), on(stride=1), on(padding=0)
    return [
        *((misconception, *(along(change, change) for change in changes)) for misconception, *changes in SIZES),
        (of.SQUARE,
         *(one_side(name, side, *where)
           for name in shapes for side in (-2, -1) for where in ((True, True), (False, True), (True, False))),
         *(lambda given, side=side: of_output(given, with_sides(output_shape(**given), side, side))
           for side in (-2, -1))),
        (of.ONE_AXIS, along(dense, right), along(bare, right), along(right, dense), along(right, bare)),
        (of.EXCHANGED_HW, *(on(**{name: lambda T: with_sides(T, -1, -2)}) for name in shapes)),
    ]


@task(read="formula", wrong=SIZES, problems={
    "no padding": [(3, 2, 1, 0), (8, 3, 1, 0), (64, 1, 1, 0), (5, 5, 1, 0)],
    "a stride": [(6, 2, 2, 0), (5, 2, 2, 0), (11, 4, 3, 0), (10, 3, 4, 0), (98, 49, 49, 0)],
    "padding": [(3, 3, 1, 1), (6, 2, 1, 1), (13, 5, 1, 2), (4, 3, 1, 3)],
    "both": [(224, 7, 2, 3), (8, 3, 2, 1), (9, 2, 3, 1)],
})
def output_size(size, kernel, stride=1, padding=0):
    """Count the outputs along one side; the padding is on each of its two ends.

    Shapes: four integers to one integer.
    """
    return (size + 2 * padding - kernel) // stride + 1


@task(read="sizes", problems=LAYERS, wrong=[
    *slips_in_size(lambda out: out),
    (of.LAST, lambda Y: (*Y[1:], Y[0])),
    (of.EXCHANGED_HW, lambda Y: with_sides(Y, -1, -2)),
    (of.EXCHANGED_IO, lambda Y, input_shape: (input_shape[0], *Y[1:])),
])
def output_shape(input_shape, weight_shape, stride=1, padding=0):
    """Predict the shape of a layer's output.

    Shapes: ``(c_i, h, w)`` and ``(c_o, c_i, k_h, k_w)`` as tuples, and two integers, to ``(c_o, h_out, w_out)``.
    """
    (_, h, w), (c_o, _, k_h, k_w) = input_shape, weight_shape
    return c_o, output_size(h, k_h, stride, padding), output_size(w, k_w, stride, padding)


def in_parts(combine):
    """Another count of what a layer learns, made of the arguments, the weights, and the biases if there are any."""
    def change(f, given):
        return call_by_name(combine, {**given, "weights": f(bias=False), "biases": given["bias"] * given["c_o"]})
    return change


@task(read="parameters", problems={
    "no bias": [(2, 1, 2, 2, False, 1), (2, 3, 2, 2, False, 1), (3, 5, 2, 3, False, 1), (2, 3, 1, 3, False, 1)],
    "a bias": [(3, 16, 3, 3, True, 1), (16, 32, 3, 3, True, 1), (4, 4, 1, 1, True, 1), (64, 10, 5, 1, True, 1)],
    "groups": [(4, 4, 3, 3, False, 4), (4, 6, 3, 3, True, 2), (12, 24, 1, 3, True, 3)],
}, wrong=[
    (of.BIAS_NONE, on(bias=False)),
    (of.BIAS_IN, in_parts(lambda weights, bias, c_i: weights + bias * c_i)),
    (of.BIAS_ONE, in_parts(lambda weights, bias: weights + bias)),
    (of.BIAS_PAIR, in_parts(lambda weights, biases, c_i, groups: weights + biases * (c_i // groups)),
     in_parts(lambda weights, biases, c_i: weights + biases * c_i)),
    (of.BIAS_WEIGHT, in_parts(lambda weights, bias: weights * (1 + bias)),
     in_parts(lambda weights, biases, k_h, k_w: weights + biases * k_h * k_w)),
    (of.SHARED, on(c_i=lambda groups: groups)),
    (of.OUTPUTS_OUT, in_parts(lambda weights, biases, c_o: weights // c_o + biases), on(c_o=1)),
    (of.BIAS_SIGN, in_parts(lambda weights, biases: weights - biases)),
    (of.BIAS_GROUP, in_parts(lambda weights, biases, groups: weights + biases // groups),
     in_parts(lambda weights, bias, groups: weights + bias * groups)),
    (of.BIAS_ALWAYS, on(bias=True)),
    (of.BIAS_BRANCH, lambda Y, bias: Y if bias else 0),
    (of.WINDOW_OUT, on(k_h=1, k_w=1)),
    (of.SIDES_ADDED, on(k_h=lambda k_h, k_w: k_h + k_w, k_w=1)),
    (of.NO_GROUPS, on(groups=1)),
    (of.GROUPS_TIMES, on(c_i=lambda c_i, groups: c_i * groups**2)),
    (of.OUTPUTS_SPLIT, on(c_o=lambda c_o, groups: c_o // groups),
     in_parts(lambda weights, biases, groups: weights // groups + biases)),
    (of.SQUARE, on(k_w=lambda k_h: k_h), on(k_h=lambda k_w: k_w)),
])
def parameters(c_i, c_o, k_h, k_w, bias=True, groups=1):
    """Count the weights and biases of a layer.

    Shapes: four integers, True or False, and an integer, to one integer.
    """
    return c_o * (c_i // groups) * k_h * k_w + c_o * bias


def slips_in_work(factor):
    """The slips in a count of multiply-adds (factor 1) or operations (2)."""
    return [
        (of.MAC_ONE if factor == 2 else of.MAC_TWO, lambda Y: Y * 2 / factor**2),
        (of.NO_PLACES, counted(lambda k: factor * k)),
        (of.TWO_LOOPS, counted(lambda Y, c_i: Y // c_i)),
        (of.OUTPUTS_OUT, counted(lambda Y, c_o: Y // c_o)),
        (of.WINDOW_OUT, counted(lambda Y, k_h, k_w: Y // (k_h * k_w))),
        (of.SIDES_ADDED, counted(lambda Y, k_h, k_w: Y // (k_h * k_w) * (k_h + k_w))),
        (of.TWICE, *(lambda Y, weight_shape, axis=axis: Y * weight_shape[axis] for axis in range(4))),
        (of.ONE_LESS, counted(lambda Y, y: Y - y)),
        (of.BIAS_COUNTED, counted(lambda Y, y: Y + y)),
        (of.ROUNDING, on(stride=1, Y=lambda Y, stride: Y // stride**2)),
        *slips_in_size(lambda work: factor * work),
    ]


@task(read="macs", problems=LAYERS, wrong=slips_in_work(1))
def macs(input_shape, weight_shape, stride=1, padding=0):
    """Count the multiply-adds of a layer, going forward.

    Shapes: ``(c_i, h, w)`` and ``(c_o, c_i, k_h, k_w)`` as tuples, and two integers, to one integer.
    A multiply-add is one; zeros of the padding count, a bias does not.
    """
    return math.prod(output_shape(input_shape, weight_shape, stride, padding)) * math.prod(weight_shape[1:])


@task(read="macs", problems=LAYERS, wrong=slips_in_work(2))
def flops(input_shape, weight_shape, stride=1, padding=0):
    """Count the operations of a layer, going forward.

    Shapes: ``(c_i, h, w)`` and ``(c_o, c_i, k_h, k_w)`` as tuples, and two integers, to one integer.
    A product is one operation, and adding it up is another; zeros of the padding count, a bias does not.
    """
    return 2 * macs(input_shape, weight_shape, stride, padding)


@task(read="memory", problems=LAYERS, wrong=[
    (of.MEMORY_IN_OUT, counted(lambda x, y: x + y)),
    (of.HALF_MEMORY, counted(lambda k, y: k + y), counted(lambda x, k: x + k)),
    (of.OUTPUTS_OUT, counted(lambda x, k, y, c_o: x + k + y // c_o),
     counted(lambda x, k, y, c_o: x + k // c_o + y)),
    (of.BIAS_COUNTED, counted(lambda Y, c_o: Y + c_o)),
    (of.PADDED_STORED, counted(lambda k, y, c_i, h, w, padding: c_i * (h + 2 * padding) * (w + 2 * padding) + k + y)),
    *slips_in_size(lambda x, k, y: x + k + y),
])
def memory(input_shape, weight_shape, stride=1, padding=0):
    """Count the numbers that forward reads and makes: the elements of X, of K and of Y together.

    Shapes: ``(c_i, h, w)`` and ``(c_o, c_i, k_h, k_w)`` as tuples, and two integers, to one integer.
    The padding is not stored, and there is no bias.
    """
    out = output_shape(input_shape, weight_shape, stride, padding)
    return math.prod(input_shape) + math.prod(weight_shape) + math.prod(out)


@task(read="kernel gradient", problems=LAYERS, wrong=[
    (of.ONE_WAY, counted(lambda work, Y: (work, Y[1])),
     counted(lambda work, x, k, y: (work, x + k + y))),
    (of.ONLY_GRADIENTS, counted(lambda work, x, k, y: (2 * work, x + k + y))),
    (of.MAC_TWO, counted(lambda work, Y: (4 * work, Y[1]))),
    (of.FORWARD_TOO, counted(lambda work, Y: (3 * work, Y[1]))),
    (of.OUTPUT_HELD, counted(lambda work, x, k, y: (2 * work, 2 * (x + k + y)))),
    *slips_in_size(lambda work, x, k, y: (2 * work, 2 * x + 2 * k + y)),
])
def backward(input_shape, weight_shape, stride=1, padding=0):
    """Count what going backward costs: the multiply-adds of dX and dK, and the numbers in X, K, dY, dX and dK.

    Shapes: ``(c_i, h, w)`` and ``(c_o, c_i, k_h, k_w)`` as tuples, and two integers, to a pair of integers.
    Each product of forward gives one for dX and one for dK.
    """
    given = input_shape, weight_shape, stride, padding
    return 2 * macs(*given), memory(*given) + math.prod(input_shape) + math.prod(weight_shape)


@task(read="parameters", problems={
    "no padding": [(8, 8, 3, 0), (16, 12, 5, 0)],
    "padding": [(4, 4, 3, 1), (32, 32, 5, 2), (6, 10, 3, 1), (9, 5, 3, 3), (8, 6, 2, 1)],
}, wrong=[
    (of.LINEAR, lambda Y: (2, Y[1])),
    (of.INVERTED, lambda Y: (Y[0], 1 / Y[1]), lambda Y: (1 / Y[0], 1 / Y[1])),
    (of.INPUT_PLACES, on(k=1)),
    (of.ONE_AXIS, on(w=lambda h: h, Y=lambda Y: (4, Y[1] ** 0.5))),
    (of.PLUS_ONE, on(k=lambda k: k + 1)),
    (of.TOTAL_PADDING, on(h=lambda h, padding: h - padding, w=lambda w, padding: w - padding),
     on(padding=lambda padding: padding / 2)),
    (of.PADDING_LINEAR, *(lambda padding, factor=factor: (4, factor if padding else 1) for factor in (4, 2)),
     lambda: (4, 4), lambda: (4, 2)),
    (of.NO_PADDING, lambda: (4, 1)),
    (of.SQUARE, on(w=lambda h: h), on(h=lambda w: w)),
])
def growth(h, w, k, padding):
    """Find how the multiply-adds of a k x k layer grow for twice the channels, and for twice the padding.

    Shapes: four integers, the padding on each side, to a pair of factors: for twice as many input and
    output channels, and for twice the padding. Stride 1.
    """
    before, after_it = ((h + 2 * p - k + 1) * (w + 2 * p - k + 1) for p in (padding, 2 * padding))
    return 4, after_it / before


@task(read="fold", problems={
    "stride 1": [(2, 2, 1), (3, 3, 1), (5, 1, 1), (1, 4, 1), (3, 5, 1)],
    "a first stride": [(3, 2, 2), (3, 3, 2), (7, 3, 2), (2, 4, 3)],
}, wrong=[
    (of.NO_FIRST_STRIDE, on(stride=1)),
    (of.SIZES_ADD, lambda k1, k2: k1 * k2,
     lambda k1, k2: k1 + k2,
     lambda k1, k2, stride: k1 + k2 * stride,
     lambda k1, k2, stride: k1 + k2 * stride - 1,
     lambda k1, k2, stride: (k1 + k2 - 1) * stride),
])
def composed_size(k1, k2, stride=1):
    """Find the size of the one kernel that does what two in a row do.

    Shapes: the sides of the first and the second kernel, and the stride of the first layer, to one side.
    """
    return k1 + (k2 - 1) * stride


@task(read="separable", problems={
    "1x1 both times": [(2, 4, 1)],
    "square layers": [(2, 2, 3), (128, 128, 3), (128, 128, 5)],
    "other layers": [(3, 64, 7), (64, 16, 3), (5, 1, 2)],
}, wrong=[
    (of.INVERTED, lambda Y: 1 / Y),
    (of.SAVED, lambda Y: 1 - Y),
    (of.K_ONCE, lambda c_o, k: 1 / c_o + 1 / k),
    (of.NO_GROUPS, lambda c_i, c_o, k: (c_i * k * k + c_o) / (c_o * k * k)),
    (of.NO_POINTWISE, lambda c_o: 1 / c_o, lambda k: 1 / k**2),
    (of.EXCHANGED_IO, lambda c_i, k: 1 / c_i + 1 / k**2),
])
def separable_ratio(c_i, c_o, k):
    """Find a separable layer's cost as a part of the ordinary one's.

    Shapes: three integers to a fraction. Separable is depthwise, k x k, and then 1x1 to c_o channels;
    the ratio is the same for weights and, with equal sizes, for multiply-adds.
    """
    return (c_i * k * k + c_i * c_o) / (c_o * c_i * k * k)


def strips(w, k, delta):
    """How many strips there are, a narrower last one among them."""
    return -(-(w - k + 1) // delta)


@task(read="sizes", problems={
    "one output column at a time": [(3, 3, 2, 1), (8, 8, 3, 1)],
    "strips that fit": [(4, 5, 2, 2), (8, 8, 3, 3), (8, 8, 3, 6), (16, 20, 5, 4)],
    "a narrower last strip": [(4, 6, 2, 2), (10, 12, 3, 4), (7, 9, 5, 3), (4, 5, 2, 6), (4, 5, 1, 2)],
}, wrong=[
    (of.WIDE_STRIP, lambda h, w, k: h * (w - k + 1)),
    (of.ONE_STRIP, lambda h, w: h * w),
    (of.FIRST_STRIP, lambda h, k, delta: h * (k + delta - 1)),
    (of.OUTPUT_ROWS, lambda Y, h, k: Y // h * (h - k + 1)),
    (of.K_PLUS, lambda h, w, k, delta: h * (w - k + 1 + strips(w, k, delta) * k),
     lambda h, w, k, delta: h * (k + delta) * strips(w, k, delta)),
    (of.NO_LAST_STRIP, lambda h, w, k, delta: h * (k + delta - 1) * ((w - k + 1) // delta)),
    (of.LAST_STRIP, lambda h, w, k, delta: h * (k + delta - 1) * strips(w, k, delta)),
    (of.SQUARE, on(w=lambda h: h)),
])
def strip_reads(h, w, k, delta):
    """Count the elements that are read if the image is taken in strips.

    Shapes: four integers to one. A strip is h high, gives delta columns of output, and reads only the
    columns that they need; the last strip may be narrower. Stride 1, no padding, one channel.
    """
    return h * (w - k + 1 + strips(w, k, delta) * (k - 1))


def left(k, cache):
    """How many numbers are left in the cache for the strip's columns, of which each takes k + 1."""
    return cache - 2 * k * k + k


@task(read="memory", problems={
    "a small cache": [(2, 20), (3, 40), (1, 9)],
    "other caches": [(3, 1000), (5, 8192), (7, 8000), (3, 16)],
    "too small for any": [(3, 11), (5, 20), (7, 30)],
}, wrong=[
    (of.K_PLUS, on(cache=lambda k, cache: cache - k)),
    (of.WIDE_STRIP, on(cache=lambda k, cache: cache + k * (k - 1))),
    (of.NO_ROOM, on(cache=lambda k, cache: cache + k * k),
     lambda k, cache: max(0, left(k, cache) // k)),
    (of.NO_ZERO, lambda Y: max(1, Y)),
    (of.STRIP_ROUNDED, lambda k, cache: max(0, left(k, cache) / (k + 1)),
     lambda k, cache: max(0, -(-left(k, cache) // (k + 1)))),
    (of.NO_ZERO, lambda k, cache: left(k, cache) // (k + 1), lambda k, cache: int(left(k, cache) / (k + 1))),
])
def strip_width(k, cache):
    """Find the largest delta for which a step of the strip fits into the cache.

    Shapes: two integers to one. The cache holds k rows of the strip, each k + delta - 1 numbers wide,
    the k x k kernel, and one row of delta outputs. If not even delta = 1 fits, the answer is 0.
    """
    return max(0, left(k, cache) // (k + 1))
