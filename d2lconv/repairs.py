"""What to write instead, when a network stops: every repair is tried before it is recommended."""

import contextlib
import inspect
import math
import re
from itertools import accumulate

import torch
from torch import Tensor, nn

from d2lconv.conv import Conv2d

MADE_FOR = {"in_channels": "channels", "num_features": "channels", "num_channels": "channels",
            "num_parameters": "channels", "in_features": "features", "input_size": "features"}
CASTS = {torch.float16: ".half()", torch.bfloat16: ".bfloat16()", torch.float32: ".float()", torch.float64: ".double()"}
VIEWS = {  # what a tensor of so many axes may lack, or have in another order, the likeliest first
    1: {"": "", "[None]": "a batch of one"},
    2: {"": "", "[None, None]": "a batch of one image of one channel", "[None]": "a batch of one"},
    3: {"": "", "[None]": "a batch of one image", "[:, None]": "each image has one channel",
        ".movedim(-1, 0)[None]": "channels first, in a batch of one",
        "[:3][None]": "colours without alpha, in a batch of one",
        "[..., :3].movedim(-1, 0)[None]": "channels first, without alpha, in a batch of one"},
    4: {"": "", ".movedim(-1, 1)": "channels first", ".squeeze(1)": "no axis for a single channel",
        "[:, :3]": "colours without alpha", "[..., :3].movedim(-1, 1)": "channels first, without alpha"},
    5: {"": "", ".squeeze(1)": "one axis less", "[0]": "one axis less"},
}
COLOURS = {1: (".expand(-1, 3, -1, -1)", "the same grey three times"),
           3: (".mean(1, keepdim=True)", "grey, the mean of the colours")}


def find_repairs(trace, attempt):
    """Return what helps, at most two of them: lines to write, each with the `Trace` that it leads to.

    ``attempt`` runs the network after such lines. If none leads to its end, the one that leads furthest
    is taken, and what helps from there on.
    """
    helping, furthest = [], ("", trace)
    for stage in rearranged, rebuilt, recoloured, remade:
        if stage is remade and furthest[0]:
            break
        for lines in stage(trace):
            again = attempt(lines)
            if again.error is None and not again.mixed():
                helping.append((lines, again))
                break
            if reached(again) > reached(furthest[1]):
                furthest = lines, again
        if helping and stage is not rebuilt:
            break
    lines, again = furthest
    if helping or not lines:
        return helping
    more = find_repairs(again, lambda later: attempt(f"{lines}\n{later}"))
    return [(f"{lines}\n{later}", last) for later, last in more] or [furthest]


def reached(trace):
    """Count the layers that have run."""
    return sum(call.output is not None for call in trace.layers())


def rearranged(trace):
    """Write the input with other axes, and with the type and on the device of the network."""
    for tensor, name, assign in inputs(trace.X):
        for cast, of_type in casts(tensor, trace).items():
            for view, of_axes in VIEWS.get(tensor.ndim, {}).items():
                opaque = {"[:3]": -3, "[:, ": -3, "[...": -1}.get(view[:4])
                if ":3" not in view or tensor.shape[opaque] == 4:
                    yield assign(name + view + cast, of_axes, of_type)


def inputs(X):
    """List each input: its tensor, its name, and a function that writes the line which assigns another to it."""
    if isinstance(X, dict):
        return [(x, f"X[{key!r}]", assignment(f"X[{key!r}]")) for key, x in X.items() if isinstance(x, Tensor)]
    if isinstance(X, tuple) and any(isinstance(x, Tensor) for x in X):
        names = [f"X[{n}]" for n in range(len(X))]
        return [(x, names[n], assignment("X", names[:n], names[n + 1:])) for n, x in enumerate(X)
                if isinstance(x, Tensor)]
    made = "X" if isinstance(X, Tensor) else "torch.rand(X)" if isinstance(X, tuple) else "torch.tensor(X)"
    made = "torch.stack(X)" if isinstance(X, list) else made
    with contextlib.suppress(Exception):
        return [(eval(made, {"torch": torch, "X": X}), made, assignment("X"))]
    return []


def assignment(target, before=(), after=()):
    """Return a function that writes an assignment, and why it is made."""
    def write(expression, *why):
        value = ", ".join([*before, expression, *after])
        comment = ", ".join(filter(None, why))
        return f"{target} = {f'({value})' if before or after else value}" + (comment and f"  # {comment}")
    return write


def casts(tensor, trace):
    """List what may follow a tensor's name to give it the network's type and device, and why."""
    weight = next((p for p in trace.model.parameters() if p.is_floating_point()), tensor)
    if trace.refused and isinstance(trace.refused.module, nn.Embedding):
        return {".long()": "indices are integers"}
    move = "" if weight.device == tensor.device else f'.to("{weight.device}")'
    cast = "" if weight.dtype == tensor.dtype else CASTS.get(weight.dtype, "")
    scale = " / 255" if cast and tensor.dtype == torch.uint8 else ""
    why = ["bytes become numbers from 0 to 1"] * bool(scale) + ["as the weights are"] * bool(move + cast and not scale)
    return {move + cast + scale: ", ".join(why)}


def rebuilt(trace):
    """Write the layer that refused as it would take what it is given."""
    call = trace.refused
    if call and not isinstance(call.given, Tensor) and len(trace.layers()) > 1:
        before = where(trace.layers()[-2].name)
        yield f"{before}.register_forward_hook(lambda layer, given, output: output[0])  # without its state"
    elif call and call.input is not None:
        weight = getattr(call.module, "weight", None)
        like = "" if weight is None or weight.dtype == torch.float32 else CASTS.get(weight.dtype, "")
        for layer in replacements(call.module, call.input, where(call.name)):
            yield f"{where(call.name)} = {layer}{like}"


def replacements(layer, x, place):
    """Write layers that may take x, the likeliest first."""
    changes = fitting(layer, x)
    if isinstance(layer, nn.Linear) and x.ndim > 2:
        yield f"nn.Sequential(nn.Flatten(), {place})"
        if x.ndim == 4 and x.shape[1] == layer.in_features:
            yield f"nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), {place})"
        yield f"nn.Sequential(nn.Flatten(), {written(layer, in_features=x[0].numel())})"
    if isinstance(layer, nn.LayerNorm) and x.ndim > 1:
        yield f"nn.GroupNorm(1, {x.shape[1]})"
    yield written(layer, **changes)
    if hasattr(layer, "ceil_mode"):
        yield f"nn.Adaptive{type(layer).__name__}(1)"  # of all that is left
    if hasattr(layer, "kernel_size"):
        yield written(layer, **changes, padding=same(layer))
        yield written(layer, **changes, kernel_size=tuple(map(min, x.shape[-2:], pair(layer.kernel_size))))
    yield re.sub(r"[123]d\(", f"{max(1, x.ndim - 2)}d(", written(layer, **changes))


def fitting(layer, x):
    """Find the arguments of a layer for as many channels or features as x has."""
    name = next((name for name in MADE_FOR if hasattr(layer, name)), None)
    if name is None or x.ndim < 2:
        return {}
    c = arriving(layer, name, x)
    changes = {name: c}
    if hasattr(layer, "num_groups"):
        changes["num_groups"] = math.gcd(layer.num_groups, c)
    if getattr(layer, "groups", 1) > 1:
        depthwise = layer.groups == layer.in_channels
        changes["groups"] = c if depthwise else math.gcd(layer.groups, c)
        changes["out_channels"] = -(-layer.out_channels // changes["groups"]) * changes["groups"]
    return changes


def arriving(layer, name, x):
    """Count the channels or features that x brings to a layer."""
    unbatched = isinstance(getattr(layer, "kernel_size", None), tuple) and x.ndim == len(layer.kernel_size) + 1
    return x.shape[-1 if MADE_FOR[name] == "features" else 0 if unbatched else 1]


def same(layer):
    """Return the padding that keeps the size."""
    dilation = pair(getattr(layer, "dilation", 1))
    return tuple(d * (k - 1) // 2 for d, k in zip(dilation, pair(layer.kernel_size)))


def pair(value):
    """Return a number as two."""
    return value if isinstance(value, tuple) else (value, value)


def written(layer, **changes):
    """Write the call that makes a layer, with some of its arguments changed.

    >>> written(nn.Conv2d(3, 16, 3, padding=1), in_channels=1)
    'nn.Conv2d(1, 16, 3, padding=1)'
    """
    kind, parts = type(layer), []
    if isinstance(layer, nn.RNNBase):  # its signature names no arguments
        return "nn." + re.sub(r"\d+", str(changes.get("input_size")), repr(layer), count=1)
    for name, parameter in inspect.signature(kind).parameters.items():
        value = changes.get(name, getattr(layer, name, parameter.default))
        value = value is not None if name == "bias" else brief(value)
        if parameter.default is parameter.empty:
            parts.append(repr(value))
        elif value != parameter.default and name not in ("device", "dtype"):
            parts.append(f"{name}={value!r}")
    return f"{'d2l' if kind is Conv2d else 'nn'}.{kind.__name__}({', '.join(parts)})"


def brief(value):
    """Return a pair of equal numbers as one of them."""
    return value[0] if isinstance(value, tuple) and len({*value}) == 1 else value


def recoloured(trace):
    """Write grey images as colour images, and the reverse."""
    for tensor, name, assign in inputs(trace.X):
        if tensor.ndim == 4 and tensor.shape[1] in COLOURS:
            recolour, why = COLOURS[tensor.shape[1]]
            yield assign(name + recolour, why)


def remade(trace):
    """Write images of another size, or convolutions before the one that refused that keep it."""
    yield "model.eval()  # a single value has no statistics to normalise with"
    narrowing = [call for call in trace.layers() if isinstance(call.module, (nn.Conv2d, Conv2d))
                 and call.output is not None and call.output.shape[-2:] != call.input.shape[-2:]]
    lines = [f"{where(call.name)} = {written(call.module, padding=same(call.module))}" for call in narrowing]
    yield from accumulate(reversed(lines), lambda later, line: f"{line}\n{later}")
    for tensor, name, assign in inputs(trace.X):
        if tensor.ndim == 4:
            h, w = tensor.shape[-2:]
            for n in (2, 4, 8, 16, 32):
                yield assign(f"nn.functional.pad({name}, (0, {-w % n}, 0, {-h % n}))", f"sides that {n} divides")
            for side in (28, 32, 64, 224):
                yield assign(f"nn.functional.interpolate({name}, {side})", f"images of {side}x{side}")


def where(name):
    """Write the way to a module.

    >>> where("features.0.conv")
    'model.features[0].conv'
    """
    return re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", f"model.{name}".rstrip("."))
