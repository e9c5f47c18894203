"""Checkers of what is counted: sizes, parameters, multiply-adds, memory. And of what may be called equal."""

import math

import torch

from d2lconv.cost import conv2d_cost
from d2lconv.exercises.judge import judge
from d2lconv.exercises.task import exercise, made

COST = (  # input_shape, weight_shape, stride, padding
    *made("a small layer", "input_shape weight_shape stride padding", ((1, 3, 3), (1, 1, 2, 2), 1, 0),
          ((2, 3, 3), (3, 2, 2, 2), 1, 0), ((3, 8, 8), (5, 3, 3, 3), 1, 0)),
    *made("not square", "input_shape weight_shape stride padding", ((2, 4, 7), (3, 2, 3, 1), 1, 0),
          ((3, 9, 5), (4, 3, 2, 3), 1, 0)),
    *made("padding", "input_shape weight_shape stride padding", ((1, 3, 3), (1, 1, 3, 3), 1, 1),
          ((128, 256, 256), (128, 128, 5, 5), 1, 2), ((3, 12, 10), (8, 3, 3, 5), 1, 3)),
    *made("a stride", "input_shape weight_shape stride padding", ((1, 5, 5), (1, 1, 2, 2), 2, 0),
          ((3, 224, 224), (64, 3, 7, 7), 2, 3), ((4, 10, 11), (6, 4, 3, 2), 3, 1), ((2, 8, 8), (3, 2, 3, 3), 3, 0),
          ((1, 7, 10), (2, 1, 2, 2), 3, 0), ((1, 6, 9), (2, 1, 2, 3), 2, 0)),
)


def cost(input_shape, weight_shape, stride=1, padding=0):
    """Everything that is counted, by the package's own formulas."""
    return conv2d_cost(input_shape, weight_shape, stride=stride, padding=padding)


def output_size(size, kernel, padding=0, stride=1):
    """The true ``output_size``."""
    return (size + 2 * padding - kernel) // stride + 1


@exercise(output_size, (
    *made("no padding", "size kernel padding stride", (3, 2, 0, 1), (8, 3, 0, 1), (64, 1, 0, 1),
          (5, 5, 0, 1)),
    *made("padding", "size kernel padding stride", (3, 3, 1, 1), (6, 2, 1, 1), (13, 5, 2, 1), (4, 3, 3, 1)),
    *made("a stride", "size kernel padding stride", (6, 2, 0, 2), (5, 2, 0, 2), (11, 4, 0, 3), (10, 3, 0, 4)),
    *made("both", "size kernel padding stride", (224, 7, 3, 2), (8, 3, 1, 2), (9, 2, 1, 3))))
def check_output_size(function):
    """Check ``output_size(size, kernel, padding, stride)``: how many outputs along one side.

    Shapes: four whole numbers, the padding on each of the two sides, to one whole number.

    >>> check_output_size(lambda size, kernel, padding, stride: size - kernel + 1)
    ✓ Right so far: no padding.
    ✗ Padding: the answer is not right yet.
        size    = 3
        kernel  = 3
        padding = 1
        stride  = 1
        yours   = 1
        wanted  = 3
      Read "The formula"
      https://your_name.github.io/d2lconv/notation.html#the-formula
    """
    return judge(function, "output_size")


@exercise(lambda *layer: cost(*layer).output_shape, COST)
def check_output_shape(function):
    """Check ``output_shape(input_shape, weight_shape, stride, padding)``: predict the shape of a layer's output.

    Shapes: ``(c_i, h, w)`` and ``(c_o, c_i, k_h, k_w)`` as tuples, and two whole numbers, to ``(c_o, h_out, w_out)``.

    >>> bool(check_output_shape(lambda *layer: cost(*layer).output_shape))
    True
    """
    return judge(function, "output_shape")


def parameters(c_i, c_o, k_h, k_w, bias=True, groups=1):
    """The true ``parameters``."""
    return c_o * (c_i // groups) * k_h * k_w + c_o * bias


@exercise(parameters, (
    *made("no bias", "c_i c_o k_h k_w bias groups", (2, 1, 2, 2, False, 1), (2, 3, 2, 2, False, 1),
          (3, 5, 2, 3, False, 1)),
    *made("a bias", "c_i c_o k_h k_w bias groups", (3, 16, 3, 3, True, 1), (16, 32, 3, 3, True, 1),
          (4, 4, 1, 1, True, 1), (64, 10, 5, 1, True, 1)),
    *made("groups", "c_i c_o k_h k_w bias groups", (4, 4, 3, 3, False, 4), (4, 6, 3, 3, True, 2),
          (12, 24, 1, 3, True, 3))))
def check_parameters(function):
    """Check ``parameters(c_i, c_o, k_h, k_w, bias, groups)``: how many weights and biases a layer has.

    Shapes: four whole numbers, True or False, and a whole number, to one whole number.

    >>> check_parameters(lambda c_i, c_o, k_h, k_w, bias, groups: c_o * c_i * k_h * k_w + bias * c_i).misconception
    'one bias per input channel'
    """
    return judge(function, "parameters")


@exercise(lambda *layer: cost(*layer).macs, COST)
def check_macs(function):
    """Check ``macs(input_shape, weight_shape, stride, padding)``: the multiply-adds of a layer, going forward.

    Shapes: ``(c_i, h, w)`` and ``(c_o, c_i, k_h, k_w)`` as tuples, and two whole numbers, to one whole number.
    A multiply-add is one; zeros of the padding count, a bias does not.

    >>> check_macs(lambda *layer: cost(*layer).flops).misconception
    'operations counted where multiply-adds are meant'
    """
    return judge(function, "macs")


@exercise(lambda *layer: cost(*layer).flops, COST)
def check_flops(function):
    """Check ``flops(input_shape, weight_shape, stride, padding)``: the operations of a layer, going forward.

    Shapes: ``(c_i, h, w)`` and ``(c_o, c_i, k_h, k_w)`` as tuples, and two whole numbers, to one whole number.
    A product is one operation, and adding it up is another; zeros of the padding count, a bias does not.

    >>> check_flops(lambda *layer: cost(*layer).macs).misconception
    'multiply-adds counted as one operation where two are meant'
    """
    return judge(function, "flops")


def memory(*layer):
    """The true ``memory``."""
    return math.prod(layer[0]) + math.prod(layer[1]) + math.prod(cost(*layer).output_shape)


@exercise(memory, COST)
def check_memory(function):
    """Check ``memory(input_shape, weight_shape, stride, padding)``: how many numbers forward reads and makes.

    Shapes: ``(c_i, h, w)`` and ``(c_o, c_i, k_h, k_w)`` as tuples, and two whole numbers, to one whole number:
    the elements of X, of K and of Y together, padding not stored, no bias.

    >>> bool(check_memory(memory))
    True
    """
    return judge(function, "memory")


def backward(*layer):
    """The true ``backward``."""
    c = cost(*layer)
    return 2 * c.macs, 2 * (math.prod(layer[0]) + math.prod(layer[1])) + math.prod(c.output_shape)


@exercise(backward, COST)
def check_backward(function):
    """Check ``backward(input_shape, weight_shape, stride, padding)``: what going backward costs.

    Shapes: ``(c_i, h, w)`` and ``(c_o, c_i, k_h, k_w)`` as tuples, and two whole numbers, to a pair: the
    multiply-adds of dX and dK together (each product of forward gives one of each), and the elements of all
    that is read and made: X, K and dY, dX and dK.

    >>> bool(check_backward(backward))
    True
    """
    return judge(function, "backward")


def growth(h, w, k, padding):
    """The true ``growth``."""
    def places(p):
        return (h + 2 * p - k + 1) * (w + 2 * p - k + 1)
    return 4, places(2 * padding) / places(padding)


@exercise(growth, (
    *made("no padding", "h w k padding", (8, 8, 3, 0), (16, 12, 5, 0)),
    *made("padding", "h w k padding", (4, 4, 3, 1), (32, 32, 5, 2), (6, 10, 3, 1), (9, 5, 3, 3))))
def check_growth(function):
    """Check ``growth(h, w, k, padding)``: how the multiply-adds of a k x k layer grow.

    Shapes: four whole numbers, the padding on each side, to a pair of factors: for twice as many input and
    output channels, and for twice the padding. Stride 1.

    >>> bool(check_growth(growth))
    True
    """
    return judge(function, "growth")


def composed_size(k1, k2, stride=1):
    """The true ``composed_size``."""
    return k1 + (k2 - 1) * stride


@exercise(composed_size, (
    *made("stride 1", "k1 k2 stride", (2, 2, 1), (3, 3, 1), (5, 1, 1), (1, 4, 1), (3, 5, 1)),
    *made("a first stride", "k1 k2 stride", (3, 2, 2), (3, 3, 2), (7, 3, 2), (2, 4, 3))))
def check_composed_size(function):
    """Check ``composed_size(k1, k2, stride)``: the size of the one kernel that does what two in a row do.

    Shapes: the sides of the first and the second kernel, and the stride of the first layer, to one side.

    >>> check_composed_size(lambda k1, k2, stride: k1 + k2 - 1).misconception
    'stride of the first layer left out'
    """
    return judge(function, "composed_size")


def separable_ratio(c_i, c_o, k):
    """The true ``separable_ratio``."""
    return (c_i * k * k + c_i * c_o) / (c_o * c_i * k * k)


@exercise(separable_ratio, (
    *made("1x1 both times", "c_i c_o k", (2, 4, 1)),
    *made("square layers", "c_i c_o k", (2, 2, 3), (128, 128, 3), (128, 128, 5)),
    *made("other layers", "c_i c_o k", (3, 64, 7), (64, 16, 3), (5, 1, 2))))
def check_separable_ratio(function):
    """Check ``separable_ratio(c_i, c_o, k)``: a separable layer's cost as a part of the ordinary one's.

    Shapes: three whole numbers to a fraction. Separable is depthwise, k x k, and then 1x1 to c_o channels;
    the ratio is the same for weights and, with equal sizes, for multiply-adds.

    >>> bool(check_separable_ratio(lambda c_i, c_o, k: 1 / c_o + 1 / k**2))
    True
    """
    return judge(function, "separable_ratio")


def strip_reads(h, w, k, delta):
    """The true ``strip_reads``."""
    strips = -(-(w - k + 1) // delta)
    return h * (w - k + 1 + strips * (k - 1))


@exercise(strip_reads, (
    *made("one output column at a time", "h w k delta", (3, 3, 2, 1), (8, 8, 3, 1)),
    *made("strips that fit", "h w k delta", (4, 5, 2, 2), (8, 8, 3, 3), (8, 8, 3, 6), (16, 20, 5, 4)),
    *made("a narrower last strip", "h w k delta", (4, 6, 2, 2), (10, 12, 3, 4), (7, 9, 5, 3))))
def check_strip_reads(function):
    """Check ``strip_reads(h, w, k, delta)``: how many elements are read if the image is taken in strips.

    Shapes: four whole numbers to one. A strip is h high, gives delta columns of output, and reads only the
    columns that they need; the last strip may be narrower. Stride 1, no padding, one channel.

    >>> bool(check_strip_reads(strip_reads))
    True
    """
    return judge(function, "strip_reads")


def strip_width(k, cache):
    """The true ``strip_width``."""
    return max(0, (cache - 2 * k * k + k) // (k + 1))


@exercise(strip_width, (
    *made("a small cache", "k cache", (2, 20), (3, 40), (1, 9)),
    *made("other caches", "k cache", (3, 1000), (5, 8192), (7, 8000), (3, 16)),
    *made("too small for any", "k cache", (3, 18), (5, 20))))
def check_strip_width(function):
    """Check ``strip_width(k, cache)``: the largest delta for which a step of the strip fits into the cache.

    Shapes: two whole numbers to one. The cache holds k rows of the strip, each k + delta - 1 numbers wide,
    the k x k kernel, and one row of delta outputs. If not even delta = 1 fits, the answer is 0.

    >>> bool(check_strip_width(strip_width))
    True
    """
    return judge(function, "strip_width")


def pairs_of_results():
    """Pairs of results that differ by rounding only, or by a real error, at several scales."""
    generator = torch.Generator().manual_seed(7)
    for scale in (1.0, 1e4, 1e-5):
        X, K = (torch.randn(shape, generator=generator) for shape in ((64, 3, 4), (8, 64, 1, 1)))
        X = X * scale
        terms = K[:, :, :, :, None].reshape(8, 64, 1, 1) * X[None]
        forward, order = terms[:, 0], torch.arange(63, -1, -1)
        backward = terms[:, 63]
        for a, b in zip(range(1, 64), order[1:]):
            forward, backward = forward + terms[:, a], backward + terms[:, b]
        wrong = forward.clone()
        wrong[3, 1, 2] += terms.abs().sum(1)[3, 1, 2] * 2.0**-9
        yield forward, backward, X, K, scale
        yield forward, forward.clone(), X, K, scale
        yield forward, wrong, X, K, scale


def cancelling():
    """Two channels that cancel almost: the sums differ by much of themselves, and by rounding only."""
    X = torch.tensor([10000.1, 0.3, -10000.1])[:, None, None].expand(3, 2, 2).contiguous()
    K = torch.tensor([1.1, 0.7, 1.1]).reshape(1, 3, 1, 1)
    products = [k * x for k, x in zip(K[0], X)]
    return ((products[0] + products[1]) + products[2])[None], (products[0] + products[2] + products[1])[None], X, K


def agree(Y1, Y2, X, K):
    """The true ``agree``: no further apart than rounding to 24 bits can bring two orders of summation."""
    terms = torch.einsum("oc,chw->ohw", K[:, :, 0, 0].abs().double(), X.abs().double())
    return bool(((Y1.double() - Y2.double()).abs() <= 2 * X.shape[0] * 2.0**-24 * 1.01 * terms).all())


@exercise(agree, (
    *made("small integers", "Y1 Y2 X K", *((torch.tensor([[[y1]]]), torch.tensor([[[y2]]]),
                                            torch.tensor([[[1.]], [[2.]]]), torch.tensor([[[[3.]], [[4.]]]]))
                                           for y1, y2 in ((11., 11.), (11., 12.)))),
    *(p for i, results in enumerate(pairs_of_results()) for p in made(
        ("another order of summation", "no difference", "a real error")[i % 3] if results[4] == 1 else
        f"{'large' if results[4] > 1 else 'small'} numbers", "Y1 Y2 X K", results[:4])),
    *made("sums that cancel", "Y1 Y2 X K", cancelling()),
))
def check_agree(function):
    """Check ``agree(Y1, Y2, X, K)``: may two float32 results of a 1x1 layer differ by rounding alone?

    Shapes: ``(c_o, h, w)`` twice, ``(c_i, h, w)`` and ``(c_o, c_i, 1, 1)``, to True or False.

    >>> check_agree(lambda Y1, Y2, X, K: torch.equal(Y1, Y2)).misconception
    'exact equality of floats'
    """
    return judge(function, "agree")
