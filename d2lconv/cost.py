"""What a convolution costs: output size, parameters, multiply-adds, memory. Integer arithmetic only."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from d2lconv.validation import IntOrPair, check_bool, check_conv2d_shapes, check_int


@dataclasses.dataclass(frozen=True)
class Cost:
    """The cost of one call of a convolution; `conv2d_cost` defines each number."""

    output_shape: tuple[int, ...]
    parameters: int
    macs: int
    flops: int
    input_bytes: int
    weight_bytes: int
    output_bytes: int


def conv2d_cost(input_shape: Sequence[int], weight_shape: Sequence[int], bias: bool = False, stride: IntOrPair = 1,
                padding: IntOrPair | str = 0, dilation: IntOrPair = 1, groups: int = 1, *, itemsize: int = 4) -> Cost:
    """Count what `conv2d` computes and holds, from the shapes alone.

    Shapes: ``input_shape (n, c_i, h, w)`` or ``(c_i, h, w)``, ``weight_shape (c_o, c_i / groups, k_h,
    k_w)``. With ``h_out = (h + top + bottom - dilation * (k_h - 1) - 1) // stride + 1``, and so for
    ``w_out``:

    - ``parameters = c_o * c_i / groups * k_h * k_w``, and ``c_o`` more with a bias;
    - ``macs = n * c_o * h_out * w_out * c_i / groups * k_h * k_w``, one multiply-add (MAC) for every
      weight at every position, zeros of the padding included;
    - ``flops = 2 * macs``, a multiply-add counted as two operations, and the bias not at all, as
      torch's counter does;
    - bytes: elements times ``itemsize``, the bytes of one element (4 for float32); ``weight_bytes``
      counts the bias too.

    Raises ``ValueError`` for shapes that do not fit and values out of range, ``TypeError`` for what
    is not an integer.

    >>> cost = conv2d_cost((128, 256, 256), (128, 128, 5, 5), padding=2)
    >>> cost.output_shape, cost.parameters
    ((128, 256, 256), 409600)
    >>> cost.macs, cost.flops
    (26843545600, 53687091200)

    Source: Dive into Deep Learning, section 7.4, exercises; torch.utils.flop_counter.
    """
    input_shape = check_shape("input_shape", input_shape)
    weight_shape = check_shape("weight_shape", weight_shape)
    itemsize = check_int("itemsize", itemsize, 1)
    geometry = check_conv2d_shapes(input_shape, weight_shape, stride, padding, dilation, groups)
    output_shape = (*input_shape[:-3], weight_shape[0], *geometry.output_size)
    parameters = math.prod(weight_shape) + weight_shape[0] * check_bool("bias", bias)
    macs = math.prod(output_shape) * math.prod(weight_shape[1:])
    return Cost(
        output_shape=output_shape,
        parameters=parameters,
        macs=macs,
        flops=2 * macs,
        input_bytes=math.prod(input_shape) * itemsize,
        weight_bytes=parameters * itemsize,
        output_bytes=math.prod(output_shape) * itemsize,
    )


def check_shape(name: str, shape: Any) -> tuple[int, ...]:
    """Return a shape as a tuple of integers."""
    if not isinstance(shape, (tuple, list)):
        raise TypeError(f"{name} must be a tuple of sizes, for example tensor.shape, but its type is "
                        f"{type(shape).__name__}.")
    return tuple(check_int(f"each size in {name}", size, 0) for size in shape)
