"""What to write where a network stops: every repair is tried before it is recommended."""

import inspect
import math
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn

from d2lconv.conv import Conv2d
from d2lconv.trace import Call, Trace, known, size

FEATURES = "in_features", "input_size", "embed_dim"  # which a layer counts on the last axis
MADE_FOR = "in_channels", "num_features", "num_channels", "num_parameters", *FEATURES
FEATURES_LAST = nn.Embedding, nn.Linear, nn.RNNBase, nn.LayerNorm, nn.TransformerEncoderLayer
CASTS = {torch.float16: ".half()", torch.bfloat16: ".bfloat16()", torch.float32: ".float()", torch.float64: ".double()"}
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
    ("n 1 h w", ".expand(-1, 3, -1, -1)", "the same grey three times"),
    ("n 3 h w", ".mean(1, keepdim=True)", "grey, the mean of the colours"),
]
Table = list[tuple[str, str, str]]


def find_repairs(trace: Trace, attempt: Callable[[str], Trace]) -> list[tuple[str, Trace]]:
    """Return what helps, at most two of them: lines to type, each with the `Trace` that it leads to.

    ``attempt`` runs the network after some lines. If none leads to its end, those that lead furthest
    are taken, and what helps from there on.
    """
    helping, lines, furthest = [], "", trace
    stages = {
        "view": [] if trace.mended else [""],  # a trial mends views
        "input": rearranged(trace, AXES),
        "layer": rebuilt(trace),
        "colours": rearranged(trace, COLOURS),
        "size": resized(trace),
    }
    for stage, candidates in stages.items():
        if stage == "size" and furthest is not trace:
            break
        for candidate in candidates:
            again = attempt(candidate)
            if again.ok:
                helping.append((candidate, again))
                break
            if again.reached > furthest.reached:
                lines, furthest = candidate, again
        if helping and stage != "layer":
            break
    if helping or furthest is trace:
        return helping
    more = find_repairs(furthest, lambda later: attempt(f"{lines}\n{later}"))
    return [(f"{lines}\n{later}".strip(), last) for later, last in more] or [(lines, furthest)]


# What a network is given

def rearranged(trace: Trace, table: Table) -> Iterator[str]:
    """Write the input with other axes, and with the type and on the device of the network."""
    c = getattr(trace.refused and trace.refused.module, "in_channels", 0) or 1
    for x, name, line in inputs(trace.X):
        cast, why_cast = cast_for(x, trace)
        for view, why in views(x, table, c):
            comment = ", ".join(filter(None, [why, why_cast]))
            if view + cast or name not in line:
                yield line.replace("{}", name + view + cast) + (comment and f"  # {comment}")


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
    """List each input: its tensor, its name, and a line that sets it to {}."""
    if isinstance(X, dict):
        yield from ((x, f"X[{key!r}]", f"X[{key!r}] = {{}}") for key, x in X.items() if isinstance(x, Tensor))
    elif isinstance(X, tuple) and any(isinstance(x, Tensor) for x in X):
        names = [f"X[{n}]" for n in range(len(X))]
        for n, x in enumerate(X):
            if isinstance(x, Tensor):
                yield x, names[n], f"X = ({', '.join([*names[:n], '{}', *names[n + 1:]])})"
        yield from inputs([*X])  # as a batch that comes with its labels
    else:
        made = {Tensor: ["X"], tuple: ["torch.rand(X)"], list: ["torch.stack(X)", "X[0]", "torch.tensor(X)"]}
        ways = next((ways for kind, ways in made.items() if isinstance(X, kind)), ["torch.tensor(X)"])
        for way in ways:
            with suppress(Exception):
                if isinstance(x := eval(way, {"torch": torch, "X": X}), Tensor):
                    yield x, way, "X = {}"
        if hasattr(X, "__array_interface__"):  # as an image of PIL
            import numpy as np

            yield torch.tensor(np.array(X)), "torch.tensor(np.array(X))", "import numpy as np\nX = {}"


def cast_for(x: Tensor, trace: Trace) -> tuple[str, str]:
    """Return what to write after a tensor to give it the network's type and device, and why."""
    weight = next((p for p in trace.model.parameters() if p.is_floating_point()), x)
    if trace.refused and isinstance(trace.refused.module, nn.Embedding):
        return ".long()", "indices are integers"
    move = "" if weight.device == x.device else f'.to("{weight.device}")'
    if x.is_complex() and not weight.is_complex():
        return f"{move}.abs(){CASTS[weight.dtype]}", "magnitudes are real"
    cast = "" if weight.dtype == x.dtype else CASTS.get(weight.dtype, "")
    if cast and x.dtype == torch.uint8:
        return f"{move}{cast} / 255", "bytes become numbers from 0 to 1"
    return move + cast, "as the weights are" if move + cast else ""


# The layer that refused

def rebuilt(trace: Trace) -> Iterator[str]:
    """Write the layer that refused as it would take what it is given, the likeliest first."""
    call = trace.refused
    if call is None:
        return
    layer, x = call.module, call.given
    before = next(iter(trace.calls[-2:-1]), None)
    names = [name for name, module in trace.model.named_modules(remove_duplicate=False) if module is layer]
    place = where(names[min(trace.times(layer), len(names)) - 1])  # a shared layer has several
    for move, why in moves(layer, x, before):
        yield f"{place}.register_forward_pre_hook(lambda layer, given: given[0]{move})  # {why}"
    if not isinstance(x, Tensor):
        return
    dtype = getattr(getattr(layer, "weight", None), "dtype", torch.float32)
    if dtype != x.dtype in CASTS:
        yield f"{place} = {place}{CASTS[x.dtype]}"
    if before and isinstance(before.module, nn.Flatten):
        yield f"{where(before.name)} = nn.Flatten()"
    like = "" if dtype == torch.float32 else CASTS.get(dtype, "")
    of_own_type = "" if kind_of(layer) is type(layer) else f"  # in place of {type(layer).__name__}"
    for text in replacements(layer, x, place) if known(layer) else ():
        yield f"{place} = {text}{like}{of_own_type}"


def moves(layer: Any, x: Any, before: Call | None) -> Iterator[tuple[str, str]]:
    """List what to write after that which a layer is given, and why, if the layer before it says so."""
    if isinstance(x, tuple):
        yield "[0]", "the first of a tuple"
    if not isinstance(x, Tensor) or before is None:
        return
    wants_last = isinstance(layer, FEATURES_LAST)
    are_last = isinstance(before.module, FEATURES_LAST)
    if x.ndim == 3 and wants_last != are_last and 1 not in x.shape[1:]:
        yield ".movedim(1, -1)" if wants_last else ".movedim(-1, 1)", "its features are there"
    if isinstance(layer, nn.RNNBase) and x.ndim == 4 and layer.batch_first:
        yield ".flatten(1, 2).movedim(1, -1)", "each column is a step"


def replacements(layer: Any, x: Tensor, place: str) -> Iterator[str]:
    """Write layers that may take x."""
    changes = fitting(layer, x)
    if isinstance(layer, nn.Linear) and x.ndim > 2:
        yield f"nn.Sequential(nn.Flatten(), {place})"
        if x.ndim == 4 and x.shape[1] == layer.in_features:
            yield f"nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), {place})"
        yield f"nn.Sequential(nn.Flatten(), {written(layer, in_features=math.prod(x.shape[1:]))})"
    if isinstance(layer, nn.LayerNorm) and x.ndim == 4 and len(layer.normalized_shape) == 1:
        yield f"nn.GroupNorm(1, {x.shape[1]})"
    same_kind = written(layer, **changes)
    other_kind = re.sub(r"[123]d\(", f"{max(1, x.ndim - 2)}d(", same_kind)
    if x.ndim == 4:
        yield other_kind
    yield same_kind
    if x.ndim < 4 or same_kind == written(layer):  # five axes, and other channels: they mean something else
        yield other_kind
    if hasattr(layer, "ceil_mode"):
        yield f"nn.Adaptive{type(layer).__name__}(1)"  # of all that is left
    if hasattr(layer, "kernel_size"):
        yield written(layer, **changes, padding=same(layer))
        yield written(layer, **changes, kernel_size=tuple(map(min, x.shape[-2:], pair(layer.kernel_size))))


def fitting(layer: Any, x: Tensor) -> dict[str, Any]:
    """Find the arguments of a layer for as many channels or features as x has."""
    if isinstance(layer, nn.Embedding) and x.numel():
        return {"num_embeddings": int(x.max()) + 1}
    if isinstance(layer, nn.LayerNorm):
        return {"normalized_shape": [*x.shape[-len(layer.normalized_shape):]]}
    name, c = arriving(layer, x)
    changes = {name: c} if name else {}
    if hasattr(layer, "num_groups"):
        changes["num_groups"] = math.gcd(layer.num_groups, c)
    if name == "in_channels" and layer.groups > 1:
        depthwise = layer.groups == layer.in_channels
        groups = c if depthwise else math.gcd(layer.groups, c)
        changes["groups"] = groups
        changes["out_channels"] = math.ceil(layer.out_channels / groups) * groups
    return changes


def arriving(layer: nn.Module, x: Tensor) -> tuple[str, int]:
    """Return the argument that says for how many channels or features a layer is made, and how many x brings."""
    name = next((name for name in MADE_FOR if hasattr(layer, name)), "")
    if not name or x.ndim < 2:
        return "", 0
    kernel = getattr(layer, "kernel_size", None)
    one_image = isinstance(kernel, tuple) and x.ndim == len(kernel) + 1 < 4
    return name, x.shape[-1 if name in FEATURES else 0 if one_image else 1]


def same(layer: Any) -> tuple[int, ...]:
    """Return the padding that keeps the size."""
    return tuple((n - 1) // 2 for n in window(layer))


def window(layer: Any) -> tuple[int, ...]:
    """Return how far a kernel reaches, spread by its dilation."""
    kernel = pair(getattr(layer, "kernel_size", 1))
    dilation = pair(getattr(layer, "dilation", 1))
    return tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel))


def pair(value: Any) -> Any:
    """Return a number as two."""
    return value if isinstance(value, tuple) else (value, value)


def kind_of(layer: nn.Module) -> type:
    """Return the type of a layer, or the one of torch or ours that it comes from."""
    return next(kind for kind in type(layer).__mro__ if kind.__module__.startswith(("torch.nn.modules.", "d2lconv.")))


def written(layer: nn.Module, **changes: Any) -> str:
    """Write the call that makes a layer, with some of its arguments changed."""
    kind, parts = kind_of(layer), []
    if isinstance(layer, nn.RNNBase):  # its signature names no arguments
        return "nn." + re.sub(r"\d+", str(changes.get("input_size")), repr(layer), count=1)
    for name, parameter in inspect.signature(kind).parameters.items():
        value = changes.get(name, getattr(layer, name, parameter.default))
        if isinstance(value, tuple) and len({*value}) == 1:
            value = value[0]
        if name == "bias":
            value = value is not None or not getattr(layer, "affine", True)
        if parameter.default is parameter.empty:
            parts.append(repr(value))
        elif value != parameter.default and name not in ("device", "dtype"):
            parts.append(f"{name}={value!r}")
    return f"{'d2l' if kind is Conv2d else 'nn'}.{kind.__name__}({', '.join(parts)})"


# Sizes

def resized(trace: Trace) -> Iterator[str]:
    """Write images of another size, or convolutions before the one that refused that keep it."""
    yield "model.eval()  # a single value has no statistics to normalise with"
    lines = []
    for call in trace.calls:
        narrows = size(call.output)[-2:] not in ((), size(call.input)[-2:])
        if narrows and isinstance(call.module, (nn.Conv2d, Conv2d)):
            lines.append(f"{where(call.name)} = {written(call.module, padding=same(call.module))}")
    yield from accumulate(reversed(lines), lambda later, line: f"{line}\n{later}")
    for x, name, line in inputs(trace.X):
        for n in (2, 4, 8, 16, 32) if x.ndim == 4 else ():
            right, bottom = -x.shape[3] % n, -x.shape[2] % n
            padded = f"nn.functional.pad({name}, (0, {right}, 0, {bottom}))"
            yield line.replace("{}", padded) + f"  # sides that {n} divides"


def where(name: str) -> str:
    """Write the way to a module: features.0.conv is model.features[0].conv."""
    return re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", f"model.{name}".rstrip("."))
