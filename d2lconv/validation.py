"""Validation: the checks that every public function makes once, on entry, and their messages.

A wrong shape or value is a ``ValueError``; a wrong type, dtype or device is a ``TypeError``. Each
message says what came in, what disagrees, and what to do. Nothing is cut, broadcast, cast or moved.
"""

import functools
import operator
import reprlib
from collections.abc import Callable
from typing import Any, Protocol

import torch

DTYPES = frozenset({
    torch.float16, torch.bfloat16, torch.float32, torch.float64,
    torch.complex64, torch.complex128, torch.int32, torch.int64,
})
IMAGES = ("n", "c_i", "h", "w")
KERNELS = ("c_o", "c_i", "k_h", "k_w")
TAKERS = {"n": "conv2d", "c_i": "corr2d_multi_in", "c_o": "corr2d_multi_in_out"}  # of tensors with this axis in front
IntOrPair = int | tuple[int, int]  # the same both ways, or vertical and horizontal


class Correlation(Protocol):
    """The type of the four functions."""

    def __call__(self, X: torch.Tensor, K: torch.Tensor) -> torch.Tensor: ...


def shapes(X: str, K: str) -> Callable[[Callable[[Any, Any], Any]], Correlation]:
    """Decorate a function of ``X`` and ``K`` with the axes it takes, to be checked at every call.

    Shapes: as the two patterns say; ``c_i`` must be the same in both, and the kernel must fit.

    Raises ``ValueError`` for a wrong shape, ``TypeError`` for a wrong or mixed dtype or device.

    >>> @shapes(X="c_i h w", K="c_i k_h k_w")
    ... def channels(X, K):
    ...     return len(X)
    >>> channels(torch.ones(3, 8, 8), torch.ones(2, 5, 5))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: X has 3 input channels, but K has 2: ...

    Source: axes named in a string are an idea of einops, https://einops.rocks
    """
    axes_X, axes_K = tuple(X.split()), tuple(K.split())

    def decorate(function):
        @functools.wraps(function)
        def checked(X, K):
            check_tensors(X=X, K=K)
            check_axes("X", X.shape, axes_X, IMAGES)
            check_axes("K", K.shape, axes_K, KERNELS)
            if "c_i" in axes_K and X.shape[-3] != K.shape[-3]:
                raise ValueError(
                    f"X has {channels(X.shape[-3])}, but K has {K.shape[-3]}: "
                    f"X is {format_axes(axes_X, X.shape)} and K is {format_axes(axes_K, K.shape)}. "
                    f"Every input channel needs its own slice of the kernel, so c_i must be the "
                    f"same in both.{layout_hint(('X', 'K'), X.shape, K.shape)}")
            check_fit("X", X.shape[-2:], "K", K.shape[-2:])
            return function(X, K)
        return checked
    return decorate


def check_tensors(**tensors):
    """Let through dense tensors of one dtype that we compute in, all on one device.

    Raises ``TypeError``, and names the two that disagree.
    """
    for name, tensor in tensors.items():
        if not isinstance(tensor, torch.Tensor):
            raise TypeError(f"{name} must be a torch.Tensor, but its type is {type(tensor).__name__}: " + (
                "call the layer, or take its .weight." if isinstance(tensor, torch.nn.Module) else
                "leave it out, or write the name of what you meant, for example stride=2."
                if name == "bias" and isinstance(tensor, (int, str)) else
                "torch.tensor(...) makes a tensor of it."))
        if tensor.dtype == torch.complex32:
            raise TypeError(f"{name} is {tensor.dtype}, in which torch cannot sum: "
                            f"take {name}.to(torch.complex64).")
        if tensor.dtype not in DTYPES:
            raise TypeError(f"{name} is {tensor.dtype}, in which sums overflow or are not defined: "
                            f"take {name}.float(), or {name}.long() for exact integers.")
        if tensor.layout is not torch.strided:
            raise TypeError(f"{name} is stored as {tensor.layout}: take {name}.to_dense().")
    (first, one), *others = tensors.items()
    for name, tensor in others:
        if tensor.dtype != one.dtype:
            holds_both = torch.promote_types(one.dtype, tensor.dtype) == tensor.dtype
            this, to = (first, name) if holds_both else (name, first)
            raise TypeError(f"{first} is {one.dtype}, but {name} is {tensor.dtype}. Nothing is cast "
                            f"silently: convert one, for example {this}.to({to}.dtype).")
        if tensor.device != one.device:
            raise TypeError(f"{first} is on {one.device}, but {name} is on {tensor.device}. Nothing "
                            f"is moved silently: move one, for example {name}.to({first}.device).")
    if one.is_cuda and not (one.is_floating_point() or one.is_complex()):
        raise TypeError(f"{first} is {one.dtype} on {one.device}, and CUDA multiplies no integer "
                        f"matrices: take .double(), exact up to 2**53, or go to the CPU with .cpu().")


def check_axes(name, shape, axes, full):
    """Let through a shape with these axes, each at least one long, and ``"1"`` exactly one.

    A batch ``n`` may be empty. ``full`` are all the axes that such a tensor can have.

    Raises ``ValueError``, and names the axis that is missing, extra or empty.
    """
    shape, extra = tuple(shape), len(shape) - len(axes)
    must = f"{name} must be {format_axes(axes)}, but is {shape}: "
    if len(shape) > len(full):
        raise ValueError(f"{must}{len(shape)} axes are more than any function here takes.")
    if extra > 0:
        found = full[-len(shape):]
        names = " and ".join(found[:extra])
        raise ValueError(f"{must}{names} in front {'is' if extra == 1 else 'are'} too many. Take {name}"
                         f"[{', '.join('0' * extra)}], or {TAKERS[found[0]]}, which takes {format_axes(found)}.")
    if extra < 0 and axes[-1] == "1" and shape[-2:] != (1, 1):
        spelt = ((1,) * (2 - len(shape)) + shape + (1, 1))[:4]
        raise ValueError(f"{must}the two sides of a 1x1 kernel are axes, too. Take {name}.reshape{spelt}.")
    if extra < 0:
        raise ValueError(f"{must}{' and '.join(axes[:-extra])} {'is' if extra == -1 else 'are'} missing. "
                         f"One of something is still an axis: take {name}[{', '.join(['None'] * -extra)}].")
    for axis, size in zip(axes, shape):
        if size == 0 and axis != "n":
            raise ValueError(f"{name} is {format_axes(axes, shape)}: its axis {axis} is empty.")
        if size != 1 and axis == "1":
            raise ValueError(f"{must}a 1x1 kernel has one weight for each pair of channels. "
                             f"For larger kernels take corr2d_multi_in_out.")


def check_fit(name_X, size, name_K, kernel_size, padding=(0, 0), dilation=(1, 1)):
    """Let through a kernel that fits into the padded image.

    Raises ``ValueError``, and says which side is too short.
    """
    for side, x, k, p, d in zip(("high", "wide"), size, kernel_size, padding, dilation):
        span = d * (k - 1) + 1
        if span > x + p:
            raise ValueError(
                f"the kernel does not fit: {name_K} is {span} {side}"
                f"{f' (dilation spreads {k} over {span})' if d > 1 else ''}, but {name_X} is only "
                f"{x + p}{' with its padding' if p else ''}. Take a smaller kernel, or pad {name_X}.")


def check_conv2d(input, weight, bias, stride, padding, dilation, groups, names=("input", "weight")):
    """Let through what `conv2d` can compute, and spell its parameters out.

    Returns ``stride`` and ``dilation`` as (vertical, horizontal), ``padding`` as
    ((top, bottom), (left, right)).

    Raises ``ValueError`` for a wrong shape or value, ``TypeError`` for a wrong type.
    """
    tensors = dict(zip(names, (input, weight)))
    check_tensors(**tensors if bias is None else tensors | {"bias": bias})
    geometry = check_conv2d_shapes(input.shape, weight.shape, stride, padding, dilation, groups, names)
    if bias is not None and tuple(bias.shape) != (len(weight),):
        raise ValueError(f"bias must be (c_o,) = ({len(weight)},), one number for each output channel, "
                         f"but is {tuple(bias.shape)}.")
    return geometry


def check_conv2d_shapes(input_shape, weight_shape, stride, padding, dilation, groups, names=("input", "weight")):
    """Do what `check_conv2d` does, for those who have only shapes."""
    image, kernel = names
    stride, dilation = as_pair("stride", stride, 1), as_pair("dilation", dilation, 1)
    groups = check_int("groups", groups, 1)
    axes = IMAGES[-max(3, len(input_shape)):]
    check_axes(image, input_shape, axes, IMAGES)
    check_axes(kernel, weight_shape, KERNELS, KERNELS)
    (c_i, h, w), (c_o, c_k, k_h, k_w) = input_shape[-3:], weight_shape
    if c_i != groups * c_k:
        expected = f"{c_k}" if groups == 1 else f"groups * c_k = {groups} * {c_k} = {groups * c_k}"
        raise ValueError(
            f"{image} has {channels(c_i)}, but {kernel} is made for {expected}: {image} is "
            f"{format_axes(axes, input_shape)} and {kernel} is "
            f"{format_axes(('c_o', 'c_i/groups', 'k_h', 'k_w'), weight_shape)}. Make the two agree."
            f"{layout_hint(names, input_shape, weight_shape, groups)}")
    if c_o % groups:
        raise ValueError(f"{kernel} has {c_o} kernels, which cannot be shared out among groups={groups}: "
                         f"c_o must be a multiple of groups.")
    padding = resolve_padding(padding, stride, dilation, (k_h, k_w))
    check_fit(image, (h, w), kernel, (k_h, k_w), tuple(map(sum, padding)), dilation)
    return stride, padding, dilation


def resolve_padding(padding, stride, dilation, kernel_size):
    """Spell padding out as ((top, bottom), (left, right)); an odd one of "same" goes last.

    >>> resolve_padding("same", (1, 1), (1, 1), (2, 3))
    ((0, 1), (1, 1))
    """
    if padding == "same":
        if stride != (1, 1):
            raise ValueError(f'padding="same" keeps the size only with stride 1, but stride is '
                             f'{stride}: give padding as numbers.')
        totals = [d * (k - 1) for d, k in zip(dilation, kernel_size)]
        return tuple((total // 2, total - total // 2) for total in totals)
    if isinstance(padding, str) and padding != "valid":
        raise ValueError(f'padding must be "same", "valid", an integer or a pair, but is {padding!r}.')
    return tuple((p, p) for p in as_pair("padding", 0 if padding == "valid" else padding, 0))


def as_pair(name, value, least):
    """Spell an integer, or a pair of them, out as (vertical, horizontal).

    >>> as_pair("stride", 2, least=1)
    (2, 2)
    """
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise ValueError(f"{name} must be an integer or a pair (vertical, horizontal), "
                             f"but is {value!r}.")
        return check_int(name, value[0], least), check_int(name, value[1], least)
    return (check_int(name, value, least),) * 2


def check_int(name, value, least):
    """Return a whole number that is at least ``least``; a bool is none."""
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None:
        raise TypeError(f"{name} takes whole numbers, but {reprlib.repr(value)} is not one.")
    if number < least:
        raise ValueError(f"{name} must be at least {least}, but is {number}.")
    return number


def channels(c_i):
    """Count input channels in words."""
    return f"{c_i} input channel{'' if c_i == 1 else 's'}"


def check_bool(name, value):
    """Return True or False; None is False, and anything else is an error."""
    if value is not None and not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, but is {reprlib.repr(value)}: if that was meant for "
                        f"another argument, write its name, for example stride=2.")
    return bool(value)


def layout_hint(names, image, kernel, groups=1):
    """Guess where the channels are, when the image and the kernel do not agree about their number."""
    (name_X, name_K), c_i = names, groups * kernel[-3]
    if image[-1] == c_i:
        return f" If {name_X} has its channels last, {name_X}.movedim(-1, -3) puts them first."
    if len(kernel) == 4 and kernel[0] == kernel[1] < kernel[3] and groups * kernel[2] == image[-3]:
        return f" If {name_K} is (k_h, k_w, c_i, c_o), {name_K}.permute(3, 2, 0, 1) puts it in order."
    if len(image) == 3 and c_i == 1:
        return f" If {name_X} is {image[0]} images of one channel, conv2d takes {name_X}[:, None]."
    return ""


def format_axes(axes, shape=None):
    """Write axes as ``(c_i, h, w)``, and with a shape as ``(c_i, h, w) = (3, 8, 8)``."""
    return f"({', '.join(axes)})" + ("" if shape is None else f" = {tuple(shape)}")
