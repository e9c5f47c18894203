"""What to write where a network stops: every repair is tried before it is recommended.

A repair is a line of code to type before the network is called. It gives the input another form, makes the layer that
refused anew, or changes a size. A candidate helps if with it the network runs to its end, or at least further.
"""

import math
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from d2lconv.conv import Conv2d
from d2lconv.layers import fitting, kind_of, reach, same_padding, stride_between, where, written
from d2lconv.reasons import joined
from d2lconv.trace import Call, Trace, shape_of

FEATURES_LAST = nn.Embedding, nn.Linear, nn.RNNBase, nn.LayerNorm, nn.TransformerEncoderLayer
CASTS = {torch.float16: ".half()", torch.bfloat16: ".bfloat16()", torch.float32: ".float()", torch.float64: ".double()"}
TENSORS = [  # from a list, a batch with its labels, an array, an image of PIL, a shape
    "torch.stack(X)", "X[0]", "torch.tensor(X)", "torch.tensor(np.array(X))", "torch.rand(X)"
]
AXES = [  # those of what is given, what to write after it, and why: the likeliest first
    ("h w", "[None, None]", "a batch of one image of one channel"),
    ("n l", "[:, None]", "each row has one channel"),
    ("c l", "[None]", "a batch of one"),
    ("n c", "[:, :, None, None]", "each row is one pixel"),
    ("f", "[None]", "a batch of one"),
    ("c h w", "[None]", "a batch of one image"),
    ("n h w", "[:, None]", "each image has one channel"),
    ("h w c", ".movedim(-1, 0)[None]", "channels first, in a batch of one"),
    ("n l c", ".movedim(-1, 1)", "channels first"),
    ("4 h w", "[:3][None]", "colours without alpha, in a batch of one"),
    ("h w 4", "[..., :3].movedim(-1, 0)[None]", "channels first, without alpha, in a batch of one"),
    ("n h w c", ".movedim(-1, 1)", "channels first"),
    ("n h w 1", ".movedim(-1, 1).expand(-1, 3, -1, -1)", "channels first, the same grey three times"),
    ("n 1 h w", ".squeeze(1)", "no axis for a single channel"),
    ("n 4 h w", "[:, :3]", "colours without alpha"),
    ("n h w 4", "[..., :3].movedim(-1, 1)", "channels first, without alpha"),
    ("n d h w", "[:, None]", "each volume has one channel"),
    ("n 1 c h w", ".squeeze(1)", "one axis less"),
    ("n t c h w", ".movedim(2, 1)", "channels before frames"),
    ("n t h w c", ".movedim(-1, 1)", "channels first"),
    ("n t c h w", ".flatten(0, 1)", "each frame is an image"),
]
COLOURS = [
    ("h w", ".expand(1, 3, -1, -1)", "a batch of one, the same grey three times"),
    ("1 h w", ".expand(1, 3, -1, -1)", "a batch of one, the same grey three times"),
    ("n h w", "[:, None].expand(-1, 3, -1, -1)", "each image the same grey three times"),
    ("n 1 h w", ".expand(-1, 3, -1, -1)", "the same grey three times"),
    ("n 3 h w", ".mean(1, keepdim=True)", "grey, the mean of the colours"),
]
Table = list[tuple[str, str, str]]


def find_repairs(trace: Trace) -> list[Trace]:
    """Return the network's runs after what helps, at most two of them.

    If nothing leads to its end, what leads furthest is taken, and what helps from there on.
    """
    formed = furthest(trace, ["", *rearranged(trace, AXES)])  # no line: an own view may be all that is wrong
    if formed.ok:
        return [formed]
    made, coloured = furthest(trace, rebuilt(trace)), furthest(trace, rearranged(trace, COLOURS))
    if helpful := [run for run in (made, coloured) if run.ok]:
        return sorted(helpful, key=lambda run: -len(shape_of(run.calls[0].input)))  # first what makes a batch
    best = max(formed, made, coloured, key=Trace.reached)
    if best is trace:
        best = furthest(trace, resized(trace))
    return [] if best is trace else find_repairs(best) or [best]


def furthest(trace: Trace, candidates: Iterable[str]) -> Trace:
    """Try lines until some lead to the network's end; return the run that gets furthest, or this one if none helps."""
    best = trace
    for lines in candidates:
        best = max(best, trace.after(lines), key=Trace.reached)
        if best.ok:
            break
    return best


# What a network is given

def rearranged(trace: Trace, table: Table) -> Iterator[str]:
    """Write the input with other axes, and with the type and on the device of the network."""
    c = getattr(trace.refused and trace.refused.module, "in_channels", 0) or 1
    for x, way, line in inputs(trace.X):
        cast, why_cast = cast_for(x, trace)
        for view, why in views(x, table, c):
            if view or cast or way not in line:  # it is another input
                comment = ", ".join(filter(None, [why, why_cast]))
                yield f"{line.replace('{}', way + view + cast)}  # {comment}".rstrip(" #")


def views(x: Tensor, table: Table, c: int) -> Iterator[tuple[str, str]]:
    """List what to write after x, and why: nothing, what the table has for its axes, or images of c channels."""
    yield "", ""
    for axes, view, why in table:
        names = axes.split()
        if len(names) == x.ndim and all(name.isalpha() or int(name) == n for name, n in zip(names, x.shape)):
            yield view, why
    side = math.isqrt(x.shape[1] // c) if x.ndim == 2 else 0
    if side and x.shape[1] == c * side**2:
        yield f".reshape(-1, {c}, {side}, {side})", f"each row is an image of {side}x{side}"


def inputs(X: Any) -> Iterator[tuple[Tensor, str, str]]:
    """List each tensor that X is, holds or makes: the tensor, the way to it, and a line that sets it to {}."""
    ways = [(way, "X = {}") for way in (["X"] if isinstance(X, Tensor) else TENSORS)]
    if isinstance(X, dict):
        ways = [(f"X[{key!r}]", f"X[{key!r}] = {{}}") for key in X]
    if isinstance(X, tuple):
        items = [f"X[{n}]" for n in range(len(X))]
        ways = [(item, f"X = ({', '.join(items)})".replace(item, "{}")) for item in items] + ways
    for way, line in ways:
        with suppress(Exception):
            x = eval(way, {"torch": torch, "np": np, "X": X})
            if isinstance(x, Tensor):
                yield x, way, "import numpy as np\n" * ("np." in way) + line


def cast_for(x: Tensor, trace: Trace) -> tuple[str, str]:
    """Return what to write after a tensor to give it the network's type and device, and why."""
    if trace.refused and isinstance(trace.refused.module, nn.Embedding):
        return ".long()", "indices are integers"
    weight = next((p for p in trace.model.parameters() if p.is_floating_point()), x)
    move = "" if weight.device == x.device else f'.to("{weight.device}")'
    cast = "" if weight.dtype == x.dtype else CASTS.get(weight.dtype, "")
    if cast and x.is_complex():
        return f"{move}.abs(){cast}", "magnitudes are real"
    if cast and x.dtype == torch.uint8:
        return f"{move}{cast} / 255", "bytes become numbers from 0 to 1"
    return move + cast, "as the weights are" if move + cast else ""


# The layer that refused

def rebuilt(trace: Trace) -> Iterator[str]:
    """Write what might stand in the place of the layer that refused, or before it, the likeliest first."""
    if trace.refused is None or joined(trace):  # the layer is right
        return
    layer, x = trace.refused.module, trace.refused.given
    before = [None, *trace.calls][-2]
    names = [name for name, module in trace.model.named_modules(remove_duplicate=False) if module is layer]
    for place in [where(trace.model, name) for name in reversed(names)]:  # a shared layer has several
        for move, why in moves(layer, x, before):
            yield f"{place}.register_forward_pre_hook(lambda layer, given: given[0]{move})  # {why}"
        if not isinstance(x, Tensor):
            continue
        dtype = next((p.dtype for p in layer.parameters()), torch.float32)
        if dtype != x.dtype in CASTS:
            yield f"{place} = {place}{CASTS[x.dtype]}"
        if before and isinstance(before.module, nn.Flatten):
            yield f"{where(trace.model, before.name)} = nn.Flatten()"
        like = "" if dtype == torch.float32 else CASTS.get(dtype, "")
        of_own_type = "" if kind_of(layer) is type(layer) else f"  # in place of {type(layer).__name__}"
        cast = "X = X.long()\n" if isinstance(layer, nn.Embedding) and x.is_floating_point() else ""
        grey = before is None and getattr(layer, "in_channels", 0) == 1
        if grey and x.ndim < 2 + len(reach(layer)) and 1 not in x.shape[1:2]:
            continue  # a batch without a channel axis
        again = layer in [call.module for call in trace.calls[:-1]]
        for text in replacements(layer, x, place, again):
            yield f"{cast}{place} = {text}{like}{of_own_type}"


def moves(layer: Any, x: Any, before: Call | None) -> Iterator[tuple[str, str]]:
    """List what to write after that which a layer is given, and why, if the layer before it says so."""
    if isinstance(x, tuple):
        yield "[0]", "the first of a tuple"
    if not isinstance(x, Tensor) or before is None:
        return
    if x.ndim == 2 and len(reach(layer)) == 2 and getattr(layer, "in_channels", 0) == x.shape[1]:
        yield "[:, :, None, None]", "each row is one pixel"
    c, axes = getattr(layer, "in_channels", 0), shape_of(before.output)
    if x.ndim == 4 and c in x.shape[2:] and axes != shape_of(x) and sorted(axes) == sorted(x.shape):
        yield f".movedim({x.shape.index(c, 2)}, 1)", "its channels are there"
    wants_last = isinstance(layer, FEATURES_LAST)
    are_last = isinstance(before.module, FEATURES_LAST)
    if x.ndim == 3 and wants_last != are_last and 1 not in x.shape[1:]:
        yield ".movedim(1, -1)" if wants_last else ".movedim(-1, 1)", "its features are there"
    if isinstance(layer, nn.RNNBase) and x.ndim == 4 and layer.batch_first:
        yield ".flatten(1, 2).movedim(1, -1)", "each column is a step"


def replacements(layer: Any, x: Tensor, place: str, again: bool) -> Iterator[str]:
    """Write layers that may take x, at the first call of a layer or again."""
    if isinstance(layer, nn.Linear) and x.ndim > 2:
        yield f"nn.Sequential(nn.Flatten(), {place})"
        yield f"nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), {place})"
        yield f"nn.Sequential(nn.Flatten(), {written(layer, in_features=math.prod(x.shape[1:]))})"
    if isinstance(layer, nn.LayerNorm) and x.ndim == 4 and len(layer.normalized_shape) == 1:
        yield f"nn.GroupNorm(1, {x.shape[1]})"
    if isinstance(layer, nn.Unflatten):
        yield f"nn.Unflatten({layer.dim}, {(-1, *layer.unflattened_size[1:])})"
    changes = fitting(layer, x)
    same_kind = written(layer, **changes)
    exchanged = [written(layer, **swap) for swap in exchanges(layer) if changes.items() <= swap.items() and not again]
    if isinstance(layer, nn.Linear) and layer.in_features < layer.out_features:  # a head of so many classes?
        yield from exchanged
    window_on_matrix = x.ndim < 3 and hasattr(layer, "kernel_size")
    other_channels = x.ndim == 5 and same_kind != written(layer)
    if not (window_on_matrix or other_channels):  # which mean something else than other dimensions
        yield re.sub(r"[123]d\(", f"{max(1, x.ndim - 2)}d(", same_kind)
    yield same_kind
    yield from exchanged
    if hasattr(layer, "ceil_mode"):
        yield f"nn.Adaptive{type(layer).__name__}(1)"  # of all that is left
    if hasattr(layer, "kernel_size"):
        yield written(layer, **changes, padding=same_padding(layer))
        sides = reach(layer)
        yield written(layer, **changes, kernel_size=tuple(map(min, x.shape[-len(sides):], sides)))


def exchanges(layer: Any) -> Iterator[dict[str, int]]:
    """List the arguments of a layer whose first two numbers are exchanged."""
    for things in ("features", "channels"):
        comes, goes = f"in_{things}", f"out_{things}"
        if hasattr(layer, comes) and hasattr(layer, goes):
            yield {comes: getattr(layer, goes), goes: getattr(layer, comes)}


# Sizes

def resized(trace: Trace) -> Iterator[str]:
    """Write images of another size, or convolutions before the one that refused that keep it."""
    yield "model.eval()  # a single value has no statistics to normalise with"
    name, shapes = trace.operation
    if name.strip("_") in ("add", "sub") and [*map(len, shapes)] == [4, 4]:
        small, large = sorted(shapes, key=lambda shape: shape[2:])
        for call in reversed(trace.calls):
            if shape_of(call.output) == large and reach(call.module) == (1, 1) and hasattr(call.module, "stride"):
                strided = written(call.module, stride=stride_between(large, small))
                yield f"{where(trace.model, call.name)} = {strided}"
    lines = ""
    for call in reversed(trace.calls):
        narrows = shape_of(call.output)[-2:] not in ((), shape_of(call.input)[-2:])
        if narrows and isinstance(call.module, (nn.Conv2d, Conv2d)):
            padded = written(call.module, padding=same_padding(call.module))
            lines = f"{where(trace.model, call.name)} = {padded}\n{lines}"
            yield lines
    of_maps = {*map(len, shapes)} <= {4}  # no operation with anything else is mended by another size
    for x, way, line in inputs(trace.X):
        for n in (2, 4, 8, 16, 32) if of_maps and x.ndim == 4 else ():
            if n > min(x.shape[2:]):
                break  # it cannot be halved so often
            right, bottom = -x.shape[3] % n, -x.shape[2] % n
            padded = f"nn.functional.pad({way}, (0, {right}, 0, {bottom}))"
            yield line.replace("{}", padded) + f"  # sides that {n} divides"
    for call in reversed(trace.calls):
        if isinstance(call.module, nn.ConvTranspose2d):  # several sizes of its output fit a strided convolution
            larger = written(call.module, output_padding=tuple(n - 1 for n in call.module.stride))
            yield f"{where(trace.model, call.name)} = {larger}"
