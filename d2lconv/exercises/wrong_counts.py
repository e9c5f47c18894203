"""Wrong implementations of what is counted, and of what may be called equal."""

import math

import torch

from d2lconv.exercises import counts as true
from d2lconv.exercises import misconceptions as of
from d2lconv.exercises.misconceptions import wrong


def one_side(size, kernel, padding, stride):
    return (size + padding - kernel) // stride + 1


def rounded_up(size, kernel, padding, stride):
    return -(-(size + 2 * padding - kernel) // stride) + 1


def no_one(size, kernel, padding, stride):
    return (size + 2 * padding - kernel) // stride


SIZES = [
    (of.ONE_SIDE, one_side),
    (of.ROUNDING, rounded_up),
    (of.PLUS_ONE, no_one),
    (of.PLUS_ONE, lambda size, kernel, padding, stride: (size + 2 * padding - kernel + 1) // stride + 1),
    (of.ROUNDING, lambda size, kernel, padding, stride: (size + 2 * padding - kernel) / stride + 1),
    (of.ROUNDING, lambda size, kernel, padding, stride: round((size + 2 * padding - kernel) / stride) + 1),
    (of.ROUNDING, lambda size, kernel, padding, stride: (size + 2 * padding - kernel + 1) // stride),
    (of.INPUT_PLACES, lambda size, kernel, padding, stride: size),
]


def shape_with(size):
    """Make of a formula for one side the shape of an output."""
    def output_shape(input_shape, weight_shape, stride, padding):
        (h, w), (c_o, _, k_h, k_w) = input_shape[-2:], weight_shape
        return c_o, size(h, k_h, padding, stride), size(w, k_w, padding, stride)
    return output_shape


def macs_with(shape, factor=1):
    """Make of an output's shape the multiply-adds."""
    return lambda *layer: factor * math.prod(shape(*layer)) * math.prod(layer[1][1:])


def memory_with(shape):
    """Make of an output's shape the memory."""
    return lambda *layer: math.prod(layer[0]) + math.prod(layer[1]) + math.prod(shape(*layer))


for name, size in SIZES:
    wrong(name, "output_size")(size)
    wrong(name, "output_shape")(shape_with(size))
    wrong(name, "macs")(macs_with(shape_with(size)))
    wrong(name, "flops")(macs_with(shape_with(size), 2))
    wrong(name, "memory")(memory_with(shape_with(size)))


@wrong(of.LAST, "output_shape")
def channels_behind(*layer):
    (c_o, h, w) = true.cost(*layer).output_shape
    return h, w, c_o


@wrong(of.EXCHANGED_HW, "output_shape")
def width_before_height(*layer):
    (c_o, h, w) = true.cost(*layer).output_shape
    return c_o, w, h


@wrong(of.EXCHANGED_IO, "output_shape")
def input_channels_kept(*layer):
    return layer[0][0], *true.cost(*layer).output_shape[1:]


for task, factor, own in (("macs", 1, of.MAC_TWO), ("flops", 2, of.MAC_ONE)):
    wrong(own, task)(lambda *layer, factor=factor: 2 / factor * true.cost(*layer).macs)
    wrong(of.NO_PLACES, task)(lambda *layer, factor=factor: factor * math.prod(layer[1]))
    wrong(of.TWO_LOOPS, task)(lambda *layer, factor=factor: factor * true.cost(*layer).macs / layer[0][0])
    wrong(of.OUTPUTS_OUT, task)(lambda *layer, factor=factor: factor * true.cost(*layer).macs / layer[1][0])

wrong(of.MEMORY_IN_OUT, "memory")(lambda *layer: true.memory(*layer) - math.prod(layer[1]))

wrong(of.ONE_WAY, "backward")(lambda *layer: (true.cost(*layer).macs, true.backward(*layer)[1]))
wrong(of.ONE_WAY, "backward")(lambda *layer: (true.cost(*layer).macs, true.memory(*layer)))
wrong(of.MAC_TWO, "backward")(lambda *layer: (4 * true.cost(*layer).macs, true.backward(*layer)[1]))
wrong(of.ROUNDING, "backward")(lambda *layer: (
    2 * macs_with(shape_with(rounded_up))(*layer),
    memory_with(shape_with(rounded_up))(*layer) + math.prod(layer[0]) + math.prod(layer[1])))

wrong(of.BIAS_IN, "parameters")(lambda c_i, c_o, k_h, k_w, bias, groups:
                             true.parameters(c_i, c_o, k_h, k_w, False, groups) + bias * c_i)
wrong(of.BIAS_PAIR, "parameters")(lambda c_i, c_o, k_h, k_w, bias, groups:
                               true.parameters(c_i, c_o, k_h, k_w, False, groups) + bias * c_o * c_i // groups)
wrong(of.BIAS_PAIR, "parameters")(lambda c_i, c_o, k_h, k_w, bias, groups:
                               true.parameters(c_i, c_o, k_h, k_w, False, groups) + bias * c_o * c_i)
wrong(of.BIAS_NONE, "parameters")(lambda c_i, c_o, k_h, k_w, bias, groups:
                               true.parameters(c_i, c_o, k_h, k_w, False, groups))
wrong(of.SHARED, "parameters")(lambda c_i, c_o, k_h, k_w, bias, groups: c_o * k_h * k_w + bias * c_o)
wrong(of.OUTPUTS_OUT, "parameters")(lambda c_i, c_o, k_h, k_w, bias, groups: c_i // groups * k_h * k_w + bias)
wrong(of.OUTPUTS_OUT, "parameters")(lambda c_i, c_o, k_h, k_w, bias, groups: c_i // groups * k_h * k_w + bias * c_o)
wrong(of.NO_GROUPS, "parameters")(lambda c_i, c_o, k_h, k_w, bias, groups: true.parameters(c_i, c_o, k_h, k_w, bias))
wrong(of.GROUP_KERNEL, "parameters")(lambda c_i, c_o, k_h, k_w, bias, groups:
                                  true.parameters(c_i, c_o, k_h, k_w, False, groups) // groups + bias * c_o)
# the two beliefs about biases, with one about groups
wrong(of.BIAS_IN, "parameters")(lambda c_i, c_o, k_h, k_w, bias, groups:
                             true.parameters(c_i, c_o, k_h, k_w, False) + bias * c_i)

wrong(of.LINEAR, "growth")(lambda h, w, k, padding: (2, true.growth(h, w, k, padding)[1]))


@wrong(of.TOTAL_PADDING, "growth")
def padding_in_all(h, w, k, padding):
    def places(p):
        return (h + p - k + 1) * (w + p - k + 1)
    return 4, places(2 * padding) / places(padding)


wrong(of.SIZES_ADD, "composed_size")(lambda k1, k2, stride: k1 * k2)
wrong(of.SIZES_ADD, "composed_size")(lambda k1, k2, stride: k1 + k2)
wrong(of.SIZES_ADD, "composed_size")(lambda k1, k2, stride: k1 + k2 * stride)
wrong(of.NO_STRIDE, "composed_size")(lambda k1, k2, stride: k1 + k2 - 1)

wrong(of.INVERTED, "separable_ratio")(lambda c_i, c_o, k: 1 / true.separable_ratio(c_i, c_o, k))
wrong(of.NO_POINTWISE, "separable_ratio")(lambda c_i, c_o, k: 1 / c_o)
wrong(of.NO_POINTWISE, "separable_ratio")(lambda c_i, c_o, k: 1 / k**2)
wrong(of.EXCHANGED_IO, "separable_ratio")(lambda c_i, c_o, k: 1 / c_i + 1 / k**2)

wrong(of.WIDE_STRIP, "strip_reads")(lambda h, w, k, delta: h * (w - k + 1))
wrong(of.ONE_STRIP, "strip_reads")(lambda h, w, k, delta: h * w)
wrong(of.K_PLUS, "strip_reads")(lambda h, w, k, delta: h * (w - k + 1 + -(-(w - k + 1) // delta) * k))
wrong(of.K_PLUS, "strip_reads")(lambda h, w, k, delta: h * (k + delta) * -(-(w - k + 1) // delta))
wrong(of.ROUNDING, "strip_reads")(lambda h, w, k, delta: h * (k + delta - 1) * ((w - k + 1) // delta))
wrong(of.ROUNDING, "strip_reads")(lambda h, w, k, delta: h * (k + delta - 1) * -(-(w - k + 1) // delta))

wrong(of.K_PLUS, "strip_width")(lambda k, cache: max(0, (cache - 2 * k * k) // (k + 1)))
wrong(of.WIDE_STRIP, "strip_width")(lambda k, cache: max(0, (cache - k * k) // (k + 1)))
wrong(of.ROUNDING, "strip_width")(lambda k, cache: max(0, -(-(cache - 2 * k * k + k) // (k + 1))))

wrong(of.EXACT, "agree")(lambda Y1, Y2, X, K: torch.equal(Y1, Y2))
wrong(of.ABSOLUTE, "agree")(lambda Y1, Y2, X, K: bool((Y1 - Y2).abs().max() < 1e-6))
wrong(of.ABSOLUTE, "agree")(lambda Y1, Y2, X, K: bool((Y1 - Y2).abs().sum() < 1e-6))
wrong(of.RELATIVE, "agree")(lambda Y1, Y2, X, K: torch.allclose(Y1, Y2))
wrong(of.RELATIVE, "agree")(lambda Y1, Y2, X, K: torch.allclose(Y1, Y2, rtol=1e-5, atol=0))
