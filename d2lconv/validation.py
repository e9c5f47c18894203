"""Validation: patterns of axes, parsed once; one cheap test; and, where it fails, the message.

A wrong shape or value is a ``ValueError``; a wrong type, dtype or device is a ``TypeError``. Each
message says what came in, what disagrees, and what to do. Nothing is cut, broadcast, cast or moved.
"""

import functools
import inspect
import operator
import reprlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function

F = TypeVar("F", bound=Callable[..., Any])
Axes = tuple[str, ...]
Pair = tuple[int, int]
Shapes = dict[str, Sequence[int]]  # by the names of tensors
Pads = tuple[Pair, Pair]  # (top, bottom), (left, right)
IntOrPair = int | tuple[int, int] | tuple[int] | list[int]  # the same both ways, or vertical and horizontal

INEXACT = frozenset({torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128})
DTYPES = INEXACT | {torch.int32, torch.int64}
IMAGES = ("n", "c_i", "h", "w")
KERNELS = ("c_o", "c_i", "k_h", "k_w")
POINTWISE = ("c_o", "c_i", "1", "1")
TAKERS = {"n": "conv2d", "c_i": "corr2d_multi_in", "c_o": "corr2d_multi_in_out"}  # of tensors with this leading axis


class Geometry(NamedTuple):
    """Where the windows of a valid problem are: all that a computation needs besides its tensors.

    Sizes, stride, padding and dilation are in pixels, vertical and horizontal; ``padding`` is ((top, bottom),
    (left, right)).

    >>> Geometry(input_size=(5, 6), kernel_size=(3, 3), stride=(2, 1)).output_size
    (2, 4)
    """

    input_size: Sequence[int]
    kernel_size: Sequence[int]
    stride: Pair = (1, 1)
    padding: Pads = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)
    groups: int = 1

    @property
    def output_size(self) -> Pair:
        """Count the places of a window along each axis."""
        h, w = (
            (size + sum(pads) - dilated(k, dilation)) // stride + 1
            for size, k, stride, pads, dilation
            in zip(self.input_size, self.kernel_size, self.stride, self.padding, self.dilation)
        )
        return h, w


def shapes(returns: str = "", **patterns: str) -> Callable[[F], F]:
    """Decorate a function with the axes of its tensors, which are compared by name at every call.

    Shapes: as the patterns say. Axes of one name have one size, in one tensor and between tensors; ``1`` is
    an axis of size 1; a kernel ``k_h k_w`` fits into its image ``h w``; ``returns`` describes the output.

    Raises ``ValueError`` for a wrong shape or pattern, ``TypeError`` for a wrong or mixed dtype or device.

    >>> @shapes(X="c_i h w", K="c_i k_h k_w", returns="c_i")
    ... def sums(X, K):
    ...     return X.sum((1, 2)) + K.sum((1, 2))
    >>> sums.__shapes__
    '(c_i, h, w), (c_i, k_h, k_w) -> (c_i,)'
    >>> sums(torch.ones(3, 8, 8), torch.ones(2, 5, 5))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: X has 3 input channels, but K has 2: ...

    Source: axes named in a string are an idea of einops, https://einops.rocks
    """
    if callable(returns) or not patterns:
        raise ValueError('write each argument\'s name, and its axes: @shapes(X="c_i h w").')
    axes = {name: parse(pattern) for name, pattern in patterns.items()}
    described = ", ".join(map(format_axes, axes.values()))
    if returns:
        described += f" -> {format_axes(parse(returns))}"

    def decorate(function: F) -> F:
        signature = inspect.signature(function)
        places = [one.name for one in signature.parameters.values() if one.kind <= one.POSITIONAL_OR_KEYWORD]
        if [*axes] != places[:len(axes)]:
            raise ValueError(f"the patterns describe {', '.join(axes)}, which are not the first positional "
                             f"arguments of {function.__name__}{signature}.")

        @functools.wraps(function)
        def checked(*args: Any, **kwargs: Any) -> Any:
            if kwargs or len(args) < len(axes):
                try:
                    bound = signature.bind(*args, **kwargs)
                except TypeError:
                    return function(*args, **kwargs)  # which says what is missing
                bound.apply_defaults()
                args, kwargs = bound.args, bound.kwargs
            tensors = args[:len(axes)]
            if has_torch_function(tensors):
                return handle_torch_function(checked, tensors, *args, **kwargs)
            if not are_plain(*tensors):
                check_tensors(**dict(zip(axes, tensors)))
            check_shapes(axes, {name: tensor.shape for name, tensor in zip(axes, tensors)})
            return function(*args, **kwargs)

        vars(checked)["__shapes__"] = described
        return checked  # type: ignore[return-value]
    return decorate


def parse(pattern: str) -> Axes:
    """Split a pattern into the names of its axes.

    >>> parse("c_o c_i 1 1")
    ('c_o', 'c_i', '1', '1')
    """
    axes = tuple(pattern.split()) if isinstance(pattern, str) else ()
    if not axes or not all(axis == "1" or axis.isidentifier() for axis in axes):
        raise ValueError(f'{pattern!r} is no pattern of axes: write names, or the number 1, with spaces '
                         f'between them, for example "c_o c_i 1 1".')
    return axes


def check_shapes(patterns: dict[str, Axes], shapes: Shapes) -> None:
    """Let through axes of one name that have one size, none of them empty, and kernels that fit into their images."""
    try:
        compare(patterns, shapes)
    except ValueError as error:
        if [all_axes(axes) for axes in patterns.values()] not in ([IMAGES, KERNELS], [IMAGES, POINTWISE]):
            raise
        exchanged = dict(zip(shapes, reversed(shapes.values())))
        raise ValueError(f"{error}{order_hint([*patterns], lambda: compare(patterns, exchanged))}") from None


def order_hint(names: Sequence[str], check_exchanged: Callable[[], Any]) -> str:
    """Say that the image comes first, if image and kernel would pass in each other's place."""
    try:
        check_exchanged()
    except ValueError:
        return ""
    return f" If {names[0]} and {names[1]} are exchanged: {names[0]} is the image, and comes first."


def compare(patterns: dict[str, Axes], shapes: Shapes) -> None:
    """Do what `check_shapes` says, for arguments in their right order."""
    sizes = {"1": 1}
    for name, shape in shapes.items():
        check_axes(name, shape, patterns[name])
        for axis, size in zip(patterns[name], shape):
            if sizes.setdefault(axis, size) != size:
                raise_mismatch(axis, sizes[axis], size, (first_with(axis, patterns), name), patterns, shapes)
    for axis, kernel_axis, side in ("h", "k_h", "high"), ("w", "k_w", "wide"):
        if axis in sizes and sizes.get(kernel_axis, 0) > sizes[axis]:
            names = first_with(axis, patterns), first_with(kernel_axis, patterns)
            check_fit(names, side, sizes[axis], sizes[kernel_axis], hint=hint_for(names, patterns, shapes))


def first_with(axis: str, patterns: dict[str, Axes]) -> str:
    """Return the name of the first tensor that has an axis."""
    return next(name for name, axes in patterns.items() if axis in axes)


def raise_mismatch(axis: str, expected: int, size: int, names: tuple[str, str], patterns: dict[str, Axes],
                   shapes: Shapes) -> None:
    """Raise for an axis that has one size in the first tensor, and another in the second, which may be the same."""
    first, second = names
    both = " and ".join(f"{name} is {format_axes(patterns[name], shapes[name])}" for name in dict.fromkeys(names))
    if axis == "1":
        advice = ("a 1x1 kernel has one weight for each pair of channels. For larger kernels take corr2d_multi_in_out."
                  if all_axes(patterns[second]) == POINTWISE else "an axis 1 has one element.")
        raise ValueError(f"{second} must be {format_axes(patterns[second])}, but is {tuple(shapes[second])}: {advice}")
    if axis != "c_i" or first == second:
        raise ValueError(f"{axis} is {expected} in {first}, but {size} in {second}: {both}.")
    raise ValueError(f"{first} has {channels(expected)}, but {second} has {size}: {both}. "
                     f"Every input channel needs its own slice of the kernel, so c_i must be the "
                     f"same in both.{hint_for(names, patterns, shapes)}")


def hint_for(names: tuple[str, str], patterns: dict[str, Axes], shapes: Shapes) -> str:
    """Return `layout_hint`'s guess, if the two are an image and a kernel whose axes are in the usual order."""
    image, kernel = names
    if all_axes(patterns[image]) == IMAGES and all_axes(patterns[kernel]) in (KERNELS, POINTWISE):
        return layout_hint(names, shapes[image], shapes[kernel])
    return ""


def are_plain(*tensors: Any) -> bool:
    """Test cheaply that all are plain dense tensors of one dtype that we compute in, on one device."""
    first = tensors[0]
    for tensor in tensors:
        if type(tensor) is not Tensor and type(tensor) is not torch.nn.Parameter:
            return False
        if tensor.is_nested or tensor.dtype is not first.dtype or tensor.device != first.device:
            return False
        if tensor.layout is not torch.strided:
            return False
    return first.dtype in INEXACT or (first.dtype in DTYPES and not first.is_cuda)


def check_tensors(**tensors: Any) -> None:
    """Let through dense tensors of one dtype that we compute in, all on one device."""
    for name, tensor in tensors.items():
        if said := unusable(name, tensor):
            raise TypeError(f"{name} {said}")
    (first, one), *others = tensors.items()
    for name, tensor in others:
        if tensor.dtype != one.dtype:
            wide = torch.promote_types(one.dtype, tensor.dtype)
            advice = f"convert both to {wide}"
            if wide == tensor.dtype:
                advice = f"convert one, for example {first}.to({name}.dtype)"
            if wide == one.dtype:
                advice = f"convert one, for example {name}.to({first}.dtype)"
            raise TypeError(f"{first} is {one.dtype}, but {name} is {tensor.dtype}. Nothing is cast "
                            f"silently: {advice}.")
        if tensor.device != one.device:
            raise TypeError(f"{first} is on {one.device}, but {name} is on {tensor.device}. Nothing "
                            f"is moved silently: move one, for example {name}.to({first}.device).")
        kinds = {type(one).__name__, type(tensor).__name__}
        if "FakeTensor" in kinds and len(kinds) > 1:
            raise TypeError(f"one of {first} and {name} is a fake tensor, which has a shape and no numbers, "
                            f"and the other is real: make both, or neither, in one FakeTensorMode.")


def unusable(name: str, tensor: Any) -> str:
    """Return why we cannot compute with a tensor, and what to take instead; nothing if we can."""
    if not isinstance(tensor, Tensor):
        instead = "torch.tensor(...) makes a tensor of it"
        if isinstance(tensor, (list, tuple)) and tensor and isinstance(tensor[0], Tensor):
            instead = "torch.stack(...) makes one tensor of several"
        if isinstance(tensor, int) and name == "input":
            instead += ", and a layer is written Conv2d, with a capital C"
        if isinstance(tensor, torch.nn.Module):
            instead = "call the layer, or take its .weight"
        if name == "bias" and isinstance(tensor, (int, str, tuple)):
            instead = "leave it out, or write the name of what you meant, for example stride=2"
        return f"must be a torch.Tensor, but its type is {type(tensor).__name__}: {instead}."
    if tensor.is_nested:
        return f"is a nested tensor: take torch.nested.to_padded_tensor({name}, 0), or its images one by one."
    if tensor.layout is not torch.strided:
        return f"is stored as {tensor.layout}: take {name}.to_dense()."
    if tensor.is_quantized:
        return f"is quantized, {tensor.dtype}: take {name}.dequantize()."
    if tensor.dtype == torch.complex32:
        return f"is {tensor.dtype}, in which torch cannot sum: take {name}.to(torch.complex64)."
    if tensor.dtype not in DTYPES:
        scaled = " / 255 for an image" if tensor.dtype == torch.uint8 else ""
        return (f"is {tensor.dtype}, in which sums overflow or are not defined: take {name}.float(){scaled}, "
                f"or {name}.long() for exact integers.")
    if tensor.is_cuda and tensor.dtype not in INEXACT:
        return (f"is {tensor.dtype} on {tensor.device}, and CUDA multiplies no integer matrices: take "
                f".double(), exact up to 2**53, or go to the CPU with .cpu().")
    return ""


def all_axes(axes: Axes) -> Axes:
    """Return all axes of the images or kernels whose last axes these are; of other patterns, just these."""
    for full in (IMAGES, KERNELS, POINTWISE):
        if len(axes) > 1 and axes == full[-len(axes):]:
            return full
    return axes


def check_axes(name: str, shape: Sequence[int], axes: Axes) -> None:
    """Let through a shape with as many axes, none of them empty but a batch ``n``."""
    if len(shape) == len(axes) and 0 not in shape:
        return
    shape = tuple(shape)
    full = all_axes(axes)
    extra = len(shape) - len(axes)
    must = f"{name} must be {format_axes(axes)}, but is {shape}: "
    if len(shape) > len(full):
        raise ValueError(f"{must}it has {len(shape)} axes, not {len(axes)}.")
    if extra > 0:
        found = full[-len(shape):]
        leading = "an extra leading axis" if extra == 1 else "extra leading axes"
        raise ValueError(f"{must}it has {leading} {' and '.join(found[:extra])}. "
                         f"Take one, for example {name}[{', '.join('0' * extra)}], or {TAKERS[found[0]]}, "
                         f"which takes {format_axes(found)}.")
    if extra < 0 and full == POINTWISE and shape[-2:] != (1, 1):
        spelt = ((1,) * (len(axes) - 2 - len(shape)) + shape + (1, 1))[:len(axes)]
        raise ValueError(f"{must}the two sides of a 1x1 kernel are axes, too. Take {name}.reshape{spelt}.")
    if extra < 0:
        missing = axes[:-extra]
        made = f"{name}[{', '.join(['None'] * len(missing))}], which is {(1,) * len(missing) + shape}"
        raise ValueError(f"{must}{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing. "
                         f"One of something is still an axis: take {made}.")
    for axis, size in zip(axes, shape):
        if size == 0 and axis != "n":
            raise ValueError(f"{name} is {format_axes(axes, shape)}: its axis {axis} is empty.")


def check_fit(names: tuple[str, str], side: str, size: int, kernel_size: int, padding: int = 0, dilation: int = 1,
              hint: str = "") -> None:
    """Let through a kernel that fits into the padded image along one axis, as high or as wide as ``side`` says."""
    reach = dilated(kernel_size, dilation)
    if reach <= size + padding:
        return
    spread = f" (dilation spreads {kernel_size} over {reach})" if dilation > 1 else ""
    padded = " with its padding" if padding else ""
    raise ValueError(f"the kernel does not fit: {names[1]} is {reach} {side}{spread}, but {names[0]} is only "
                     f"{size + padding}{padded}. Take a smaller kernel, or pad {names[0]}.{hint}")


def check_conv2d(input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: Any,
                 names: tuple[str, str] = ("input", "weight")) -> Geometry:
    """Let through what `conv2d` can compute, and return its geometry."""
    tensors = (input, weight) if bias is None else (input, weight, bias)
    if not are_plain(*tensors):
        check_tensors(**dict(zip((*names, "bias"), tensors)))
    geometry = check_conv2d_shapes(input.shape, weight.shape, stride, padding, dilation, groups, names)
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"bias must be (c_o,) = ({len(weight)},), one number for each output channel, "
                         f"but is {tuple(bias.shape)}.{layout_hint(names, input.shape, weight.shape, groups)}")
    return geometry


def check_conv2d_shapes(input_shape: Sequence[int], weight_shape: Sequence[int], stride: Any, padding: Any,
                        dilation: Any, groups: Any, names: tuple[str, str] = ("input", "weight")) -> Geometry:
    """Do what `check_conv2d` does, for those who have only shapes."""
    try:
        return geometry_of(input_shape, weight_shape, stride, padding, dilation, groups, names)
    except ValueError as error:
        options = stride, padding, dilation, groups, names
        hint = order_hint(names, lambda: geometry_of(weight_shape, input_shape, *options))
        raise ValueError(f"{error}{hint}") from None


def geometry_of(input_shape: Sequence[int], weight_shape: Sequence[int], stride: Any, padding: Any, dilation: Any,
                groups: Any, names: tuple[str, str]) -> Geometry:
    """Do what `check_conv2d_shapes` does, for arguments in their right order."""
    stride = as_pair("stride", stride, 1)
    dilation = as_pair("dilation", dilation, 1)
    groups = check_int("groups", groups, 1)
    axes = IMAGES[-max(3, len(input_shape)):]
    check_axes(names[0], input_shape, axes)
    check_axes(names[1], weight_shape, KERNELS)
    (c_i, h, w), (c_o, c_k, k_h, k_w) = input_shape[-3:], weight_shape
    if c_i != groups * c_k:
        expected = f"{c_k}" if groups == 1 else f"{groups} * {c_k} = {groups * c_k}, {groups} groups of {c_k}"
        weight_axes = "c_o", "c_i/groups", "k_h", "k_w"
        raise ValueError(f"{names[0]} has {channels(c_i)}, but {names[1]} is made for {expected}: "
                         f"{names[0]} is {format_axes(axes, input_shape)} and "
                         f"{names[1]} is {format_axes(weight_axes, weight_shape)}. Make the two agree."
                         f"{layout_hint(names, input_shape, weight_shape, groups)}")
    if c_o % groups:
        raise ValueError(f"{names[1]} has {c_o} kernels, but groups={groups}: c_o must be divisible by groups.")
    padding = resolve_padding(padding, stride, dilation, (k_h, k_w))
    geometry = Geometry((h, w), (k_h, k_w), stride, padding, dilation, groups)
    if min(geometry.output_size) < 1:
        hint = layout_hint(names, input_shape, weight_shape, groups)
        for side, size, k, pads, d in zip(("high", "wide"), (h, w), (k_h, k_w), padding, dilation):
            check_fit(names, side, size, k, sum(pads), d, hint)
    return geometry


def dilated(kernel_size: int, dilation: int) -> int:
    """Return how far a kernel reaches along one axis, spread by its dilation.

    >>> dilated(3, dilation=2)
    5
    """
    return dilation * (kernel_size - 1) + 1


def resolve_padding(padding: Any, stride: Pair, dilation: Pair, kernel_size: Pair) -> Pads:
    """Spell padding out as ((top, bottom), (left, right)); an odd one of "same" goes last.

    >>> resolve_padding("same", (1, 1), (1, 1), (2, 3))
    ((0, 1), (1, 1))
    """
    if padding == "same":
        if stride != (1, 1):
            raise ValueError(f'padding="same" keeps the size only with stride 1, but stride is '
                             f'{stride}: give padding as numbers.')
        rows, columns = (d * (k - 1) for d, k in zip(dilation, kernel_size))
        return (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2)
    if isinstance(padding, str) and padding != "valid":
        raise ValueError(f'padding must be "same", "valid", an integer or a pair, but is {padding!r}.')
    rows, columns = as_pair("padding", 0 if padding == "valid" else padding, 0)
    return (rows, rows), (columns, columns)


def as_pair(name: str, value: Any, least: int) -> Pair:
    """Spell an integer, or a sequence of one or two, out as (vertical, horizontal)."""
    if not isinstance(value, (tuple, list)):
        return (check_int(name, value, least),) * 2
    if len(value) not in (1, 2):
        raise ValueError(f"{name} must be an integer or a pair (vertical, horizontal), but is {value!r}.")
    return check_int(name, value[0], least), check_int(name, value[-1], least)


def check_int(name: str, value: Any, least: int) -> int:
    """Return an integer that is at least ``least``; a bool is not an integer here."""
    if type(value) is int and value >= least:
        return value
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        hint = " Divide with //, which gives an integer, not with /." if isinstance(value, float) else ""
        raise TypeError(f"{name} must be an integer, but is {reprlib.repr(value)}.{hint}") from None
    if number < least:
        raise ValueError(f"{name} must be at least {least}, but is {number}.")
    return number


def check_bool(name: str, value: Any) -> bool:
    """Return True or False; None is False, and anything else is an error."""
    if value is not None and not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, but is {reprlib.repr(value)}: if that was meant for "
                        f"another argument, write its name, for example stride=2.")
    return bool(value)


def layout_hint(names: tuple[str, str], image: Sequence[int], kernel: Sequence[int], groups: int = 1) -> str:
    """Guess what an image or a kernel really is, when the two do not agree.

    >>> layout_hint(("X", "K"), (8, 8, 3), (4, 3, 5, 5))
    ' If X has its channels last, X.movedim(-1, -3) puts them first.'
    """
    if len(image) < 3 or len(kernel) < 3:
        return ""
    X, K = names
    c_i = groups * kernel[-3]
    if image[-1] == c_i != image[-3]:
        return f" If {X} has its channels last, {X}.movedim(-1, -3) puts them first."
    if c_i == 3 and image[-3] == 4:
        colours = f"{X}[:, :3]" if len(image) == 4 else f"{X}[:3]"
        return f" If {X} is an RGBA image, {colours} leaves the transparency out."
    if c_i == 3 != image[-3] and image[-1] == 4:
        return (f" If {X} is an RGBA image with its channels last, {X}[..., :3].movedim(-1, -3) leaves the "
                f"transparency out, and puts the channels first.")
    if len(kernel) == 4 and kernel[0] == kernel[1] and groups == kernel[2] == image[-3] > 1:
        sizes = kernel[2] * kernel[3], 1, *kernel[:2]
        return f" If {K} is Keras's depthwise (k_h, k_w, c_i, m), {K}.permute(2, 3, 0, 1).reshape{sizes} is torch's."
    if len(kernel) == 4 and kernel[0] == kernel[1] < kernel[3] and groups * kernel[2] == image[-3]:
        return f" If {K} is (k_h, k_w, c_i, c_o), {K}.permute(3, 2, 0, 1) puts it in order."
    if kernel[-3] == 1 < groups and (hint := depthwise_hint(image[-3], kernel[0], groups)):
        return hint
    if len(image) == 3 and c_i == 1 != image[0]:
        return f" If {X} is {image[0]} images of one channel, conv2d takes {X}[:, None]."
    return ""


def depthwise_hint(c_i: int, c_o: int, groups: int) -> str:
    """Say how a depthwise layer is written, if its outputs are taken for groups."""
    if groups == c_o != c_i and c_o % c_i == 0:
        return f" For a depthwise layer take groups={c_i}, the number of input channels."
    return ""


def format_axes(axes: Axes, shape: Sequence[int] | None = None) -> str:
    """Write axes as ``(c_i, h, w)``, and with a shape as ``(c_i, h, w) = (3, 8, 8)``."""
    named = f"({', '.join(axes)}{',' * (len(axes) == 1)})"
    return named if shape is None else f"{named} = {tuple(shape)}"


def channels(c_i: int) -> str:
    """Write a number of input channels in words."""
    return f"{c_i} input channel{'s' * (c_i != 1)}"
