"""What is counted: sizes, parameters, multiply-adds, memory."""

import math

from d2lconv.exercises.engine.exercise import call_by_name, changed
from d2lconv.exercises.tasks import misconceptions as of
from d2lconv.exercises.tasks.changes import edited, on
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
    "both": [((3, 224, 224), (64, 3, 7, 7), 2, 3), ((4, 10, 11), (6, 4, 3, 2), 3, 1)],
}
SIZES = [  # slips in the number of places along one side
    (of.ONE_SIDE, on(padding=lambda padding: padding / 2)),
    (of.NO_PADDING, on(padding=0)),
    (of.NO_STRIDE, on(stride=1)),
    (of.ROUNDING, lambda f, size, kernel, stride, padding: -(-(f(size, kernel, 1, padding) - 1) // stride) + 1),
    (of.ROUNDING, lambda f, size, kernel, stride, padding: (f(size, kernel, 1, padding) - 1) / stride + 1),
    (of.ROUNDING, lambda f, size, kernel, stride, padding: round((f(size, kernel, 1, padding) - 1) / stride) + 1),
    (of.ROUNDING, lambda f, size, kernel, stride, padding: f(size, kernel, 1, padding) // stride),
    (of.PLUS_ONE, lambda Y: Y - 1),
    (of.PLUS_ONE, on(size=lambda size: size + 1)),
    (of.INPUT_PLACES, lambda size: size),
    (of.INPUT_PLACES, lambda size, padding: size + 2 * padding),
    (of.POOLED, lambda size, kernel: size // kernel),
    (of.STRIDE_TIMES, lambda f, size, kernel, stride, padding: (f(size, kernel, 1, padding) - 1) * stride + 1),
]


def exchanged(shape):
    """A shape with its two sides exchanged."""
    return *shape[:-2], shape[-1], shape[-2]


def squared(shape, side):
    """A shape with one of its sides taken for both."""
    return *shape[:-2], shape[side], shape[side]


def slips_in_size(total):
    """The slips in a layer's output size ``out``, in what is counted of it; one side taken for both, or exchanged."""
    def of_output(given, out):
        return call_by_name(total, {**given, "out": out})

    def along_a_side(change):
        size = changed(change, output_size)
        return lambda given, input_shape, weight_shape, stride, padding: of_output(given, (weight_shape[0], *(
            size(n, k, stride, padding) for n, k in zip(input_shape[1:], weight_shape[2:]))))

    def in_output(change):
        return lambda given: of_output(given, change(output_shape, given))

    def in_product(change):
        return lambda given: change(lambda **other: of_output(other, output_shape(**given)), given)

    def one_axis(axis, **options):
        def change(given):
            out = [*output_shape(**given)]
            out[axis] = output_shape(**{**given, **options})[axis]
            return of_output(given, tuple(out))
        return change

    one_side = [
        edited(name, lambda shape, side=side: squared(shape, side))
        for name in ("weight_shape", "input_shape") for side in (-2, -1)]
    return [
        *((misconception, along_a_side(change)) for misconception, change in SIZES),
        *((of.SQUARE, change) for one in one_side for change in (one, in_output(one), in_product(one))),
        *((of.SQUARE, lambda given, side=side: of_output(given, squared(output_shape(**given), side)))
          for side in (-2, -1)),
        *((of.ONE_AXIS, one_axis(axis, **{option: value}))
          for axis in (1, 2) for option, value in (("stride", 1), ("padding", 0))),
        *((of.EXCHANGED_HW, edited(name, exchanged)) for name in ("weight_shape", "input_shape")),
    ]


@task(read="formula", wrong=SIZES, problems={
    "no padding": [(3, 2, 1, 0), (8, 3, 1, 0), (64, 1, 1, 0), (5, 5, 1, 0)],
    "a stride": [(6, 2, 2, 0), (5, 2, 2, 0), (11, 4, 3, 0), (10, 3, 4, 0)],
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
    (of.EXCHANGED_HW, lambda Y: exchanged(Y)),
    (of.EXCHANGED_IO, lambda Y, input_shape: (input_shape[0], *Y[1:])),
])
def output_shape(input_shape, weight_shape, stride=1, padding=0):
    """Predict the shape of a layer's output.

    Shapes: ``(c_i, h, w)`` and ``(c_o, c_i, k_h, k_w)`` as tuples, and two integers, to ``(c_o, h_out, w_out)``.
    """
    return weight_shape[0], *(output_size(n, k, stride, padding) for n, k in zip(input_shape[1:], weight_shape[2:]))


@task(read="parameters", problems={
    "no bias": [(2, 1, 2, 2, False, 1), (2, 3, 2, 2, False, 1), (3, 5, 2, 3, False, 1), (2, 3, 1, 3, False, 1)],
    "a bias": [(3, 16, 3, 3, True, 1), (16, 32, 3, 3, True, 1), (4, 4, 1, 1, True, 1), (64, 10, 5, 1, True, 1)],
    "groups": [(4, 4, 3, 3, False, 4), (4, 6, 3, 3, True, 2), (12, 24, 1, 3, True, 3)],
}, wrong=[
    (of.BIAS_NONE, on(bias=False)),
    (of.BIAS_IN, lambda Y, c_i, c_o, bias: Y + bias * (c_i - c_o)),
    (of.BIAS_ONE, lambda Y, c_o, bias: Y + bias * (1 - c_o)),
    (of.BIAS_PAIR, lambda Y, c_i, c_o, bias, groups: Y + bias * c_o * (c_i // groups - 1)),
    (of.BIAS_PAIR, lambda Y, c_i, c_o, bias: Y + bias * c_o * (c_i - 1)),
    (of.BIAS_WEIGHT, lambda Y, c_o, bias: (Y - bias * c_o) * (1 + bias)),
    (of.SHARED, on(c_i=lambda groups: groups)),
    (of.OUTPUTS_OUT, lambda Y, c_o, bias: (Y - bias * c_o) // c_o + bias * c_o),
    (of.OUTPUTS_OUT, on(c_o=1)),
    (of.BIAS_SIGN, lambda Y, c_o, bias: Y - 2 * bias * c_o),
    (of.BIAS_GROUP, lambda Y, c_o, bias, groups: Y - bias * c_o + bias * c_o // groups),
    (of.BIAS_ALWAYS, on(bias=True)),
    (of.WINDOW_OUT, on(k_h=1, k_w=1)),
    (of.SIDES_ADDED, on(k_h=lambda k_h, k_w: k_h + k_w, k_w=1)),
    (of.NO_GROUPS, on(groups=1)),
    (of.GROUPS_TIMES, on(c_i=lambda c_i, groups: c_i * groups**2)),
    (of.OUTPUTS_SPLIT, lambda f, c_i, c_o, k_h, k_w, bias, groups: f(c_i, c_o // groups, k_h, k_w, bias, groups)),
    (of.GROUP_KERNEL, lambda Y, c_o, bias, groups: (Y - bias * c_o) // groups + bias * c_o),
    (of.SQUARE, on(k_w=lambda k_h: k_h)),
    (of.SQUARE, on(k_h=lambda k_w: k_w)),
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
        (of.NO_PLACES, lambda weight_shape: factor * math.prod(weight_shape)),
        (of.TWO_LOOPS, lambda Y, input_shape: Y // input_shape[0]),
        (of.OUTPUTS_OUT, lambda Y, weight_shape: Y // weight_shape[0]),
        (of.WINDOW_OUT, lambda Y, weight_shape: Y // math.prod(weight_shape[2:])),
        (of.SIDES_ADDED, lambda Y, weight_shape: Y // math.prod(weight_shape[2:]) * sum(weight_shape[2:])),
        *((of.TWICE, lambda Y, weight_shape, axis=axis: Y * weight_shape[axis]) for axis in range(4)),
        (of.ONE_LESS, lambda Y, given: Y - math.prod(output_shape(**given))),
        (of.BIAS_COUNTED, lambda Y, given: Y + math.prod(output_shape(**given))),
        (of.ROUNDING, lambda f, given, stride: f(**{**given, "stride": 1}) // stride**2),
        *slips_in_size(lambda out, weight_shape: factor * math.prod(out) * math.prod(weight_shape[1:])),
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


def held(out, input_shape, weight_shape):
    """The numbers in X, K and Y."""
    return math.prod(input_shape) + math.prod(weight_shape) + math.prod(out)


@task(read="memory", problems=LAYERS, wrong=[
    (of.MEMORY_IN_OUT, lambda Y, weight_shape: Y - math.prod(weight_shape)),
    (of.HALF_MEMORY, lambda Y, input_shape: Y - math.prod(input_shape)),
    (of.HALF_MEMORY, lambda Y, given: Y - math.prod(output_shape(**given))),
    (of.OUTPUTS_OUT, lambda Y, given: Y - math.prod(output_shape(**given)) // given["weight_shape"][0] * (
        given["weight_shape"][0] - 1)),
    (of.OUTPUTS_OUT, lambda Y, weight_shape: Y - math.prod(weight_shape[1:]) * (weight_shape[0] - 1)),
    (of.BIAS_COUNTED, lambda Y, weight_shape: Y + weight_shape[0]),
    (of.PADDED_STORED, lambda Y, input_shape, padding: Y - math.prod(input_shape) + input_shape[0] * math.prod(
        side + 2 * padding for side in input_shape[1:])),
    *slips_in_size(held),
])
def memory(input_shape, weight_shape, stride=1, padding=0):
    """Count the numbers that forward reads and makes: the elements of X, of K and of Y together.

    Shapes: ``(c_i, h, w)`` and ``(c_o, c_i, k_h, k_w)`` as tuples, and two integers, to one integer.
    The padding is not stored, and there is no bias.
    """
    return held(output_shape(input_shape, weight_shape, stride, padding), input_shape, weight_shape)


def there_and_back(out, input_shape, weight_shape):
    """The multiply-adds and the numbers of going backward."""
    work = math.prod(out) * math.prod(weight_shape[1:])
    return 2 * work, held(out, input_shape, weight_shape) + math.prod(input_shape) + math.prod(weight_shape)


@task(read="kernel gradient", problems=LAYERS, wrong=[
    (of.ONE_WAY, lambda Y: (Y[0] // 2, Y[1])),
    (of.ONE_WAY, lambda given: (macs(**given), memory(**given))),
    (of.ONLY_GRADIENTS, lambda f, given: (f(**given)[0], memory(**given))),
    (of.MAC_TWO, lambda Y: (2 * Y[0], Y[1])),
    (of.FORWARD_TOO, lambda Y: (Y[0] // 2 * 3, Y[1])),
    (of.OUTPUT_HELD, lambda Y, given: (Y[0], Y[1] + math.prod(output_shape(**given)))),
    *slips_in_size(there_and_back),
])
def backward(input_shape, weight_shape, stride=1, padding=0):
    """Count what going backward costs: the multiply-adds of dX and dK, and the numbers in X, K, dY, dX and dK.

    Shapes: ``(c_i, h, w)`` and ``(c_o, c_i, k_h, k_w)`` as tuples, and two integers, to a pair of integers.
    Each product of forward gives one for dX and one for dK.
    """
    return there_and_back(output_shape(input_shape, weight_shape, stride, padding), input_shape, weight_shape)


@task(read="parameters", problems={
    "no padding": [(8, 8, 3, 0), (16, 12, 5, 0)],
    "padding": [(4, 4, 3, 1), (32, 32, 5, 2), (6, 10, 3, 1), (9, 5, 3, 3)],
}, wrong=[
    (of.LINEAR, lambda Y: (2, Y[1])),
    (of.INVERTED, lambda Y: (Y[0], 1 / Y[1])),
    (of.INVERTED, lambda Y: (1 / Y[0], 1 / Y[1])),
    (of.INPUT_PLACES, on(k=1)),
    (of.ONE_AXIS, lambda f, h, k, padding: (4, f(h, h, k, padding)[1] ** 0.5)),
    (of.PLUS_ONE, on(k=lambda k: k + 1)),
    (of.TOTAL_PADDING, lambda f, h, w, k, padding: (4, f(h - padding, w - padding, k, padding)[1])),
    (of.TOTAL_PADDING, on(padding=lambda padding: padding / 2)),
    *((of.PADDING_LINEAR, lambda padding, factor=factor: (4, factor if padding else 1)) for factor in (4, 2)),
    *((of.PADDING_LINEAR, lambda factor=factor: (4, factor)) for factor in (4, 2, 1)),
    (of.SQUARE, on(w=lambda h: h)),
    (of.SQUARE, on(h=lambda w: w)),
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
    (of.SIZES_ADD, lambda k1, k2: k1 * k2),
    (of.SIZES_ADD, lambda k1, k2: k1 + k2),
    (of.SIZES_ADD, lambda k1, k2, stride: k1 + k2 * stride),
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
    (of.NO_POINTWISE, lambda c_o: 1 / c_o),
    (of.NO_POINTWISE, lambda k: 1 / k**2),
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
    "a narrower last strip": [(4, 6, 2, 2), (10, 12, 3, 4), (7, 9, 5, 3)],
}, wrong=[
    (of.WIDE_STRIP, lambda h, w, k: h * (w - k + 1)),
    (of.ONE_STRIP, lambda h, w: h * w),
    (of.ONE_STRIP, lambda h, k, delta: h * (k + delta - 1)),
    (of.OUTPUT_ROWS, lambda Y, h, k: Y // h * (h - k + 1)),
    (of.K_PLUS, lambda h, w, k, delta: h * (w - k + 1 + strips(w, k, delta) * k)),
    (of.K_PLUS, lambda h, w, k, delta: h * (k + delta) * strips(w, k, delta)),
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


@task(read="memory", problems={
    "a small cache": [(2, 20), (3, 40), (1, 9)],
    "other caches": [(3, 1000), (5, 8192), (7, 8000), (3, 16)],
    "too small for any": [(3, 11), (5, 20), (7, 30)],
}, wrong=[
    (of.K_PLUS, lambda k, cache: max(0, (cache - 2 * k * k) // (k + 1))),
    (of.WIDE_STRIP, lambda k, cache: max(0, (cache - k * k) // (k + 1))),
    (of.NO_ROOM, lambda k, cache: max(0, (cache - k * k + k) // (k + 1))),
    (of.NO_ROOM, lambda k, cache: max(0, (cache - 2 * k * k + k) // k)),
    (of.NO_ZERO, lambda Y: max(1, Y)),
    (of.STRIP_ROUNDED, lambda k, cache: max(0, (cache - 2 * k * k + k) / (k + 1))),
    (of.STRIP_ROUNDED, lambda k, cache: max(0, -(-(cache - 2 * k * k + k) // (k + 1)))),
    (of.NO_ZERO, lambda k, cache: (cache - 2 * k * k + k) // (k + 1)),
])
def strip_width(k, cache):
    """Find the largest delta for which a step of the strip fits into the cache.

    Shapes: two integers to one. The cache holds k rows of the strip, each k + delta - 1 numbers wide,
    the k x k kernel, and one row of delta outputs. If not even delta = 1 fits, the answer is 0.
    """
    return max(0, (cache - 2 * k * k + k) // (k + 1))
