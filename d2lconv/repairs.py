"""Why a network stops, and what to write instead: every repair is tried before it is recommended."""

import inspect
import math
import re
import textwrap
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from d2lconv.conv import Conv2d
from d2lconv.trace import Trace, known, size, users_line

FEATURES = "in_features", "input_size"  # which a layer counts on the last axis
MADE_FOR = "in_channels", "num_features", "num_channels", "num_parameters", *FEATURES
FEATURES_LAST = nn.Embedding, nn.Linear, nn.RNNBase, nn.LayerNorm
CASTS = {torch.float16: ".half()", torch.bfloat16: ".bfloat16()", torch.float32: ".float()", torch.float64: ".double()"}
VIEWS = [  # the axes of what is given, what to write after it, and why: the likeliest first
    ("f", "[None]", "a batch of one"),
    ("h w", "[None, None]", "a batch of one image of one channel"),
    ("n l", "[:, None]", "each row has one channel"),
    ("c l", "[None]", "a batch of one"),
    ("n c", "[:, :, None, None]", "each row is one pixel"),
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
    ("n 1 c h w", ".squeeze(1)", "one axis less"),
    ("n t c h w", ".movedim(2, 1)", "channels before frames"),
    ("n t h w c", ".movedim(-1, 1)", "channels first"),
]
COLOURS = [("n 1 h w", ".expand(-1, 3, -1, -1)", "the same grey three times"),
           ("n 3 h w", ".mean(1, keepdim=True)", "grey, the mean of the colours")]


def find_repairs(trace: Trace, attempt: Callable[[str], Trace]) -> list[tuple[str, Trace]]:
    """Return what helps, at most two of them: lines to type, each with the `Trace` that it leads to.

    ``attempt`` runs the network after some lines. If none leads to its end, those that lead furthest
    are taken, and what helps from there on.
    """
    helping, lines, furthest = [], "", trace
    own_view = trace.mixed() or trace.operation[0] in ("view", "reshape")
    stages = {
        "view": [""] * bool(own_view and not trace.mended),
        "input": rearranged(trace, VIEWS),
        "layer": rebuilt(trace),
        "colours": rearranged(trace, COLOURS),
        "size": resized(trace),
    }
    for stage, candidates in stages.items():
        if stage == "size" and furthest is not trace:
            break
        for candidate in candidates:
            again = attempt(candidate)
            if again.error is None and not again.mixed():
                helping.append((candidate, again))
                break
            if again.reached() > furthest.reached():
                lines, furthest = candidate, again
        if helping and stage != "layer":
            break
    if helping or furthest is trace:
        return helping
    more = find_repairs(furthest, lambda later: attempt(f"{lines}\n{later}"))
    return [(f"{lines}\n{later}".strip(), last) for later, last in more] or [(lines, furthest)]


def rearranged(trace: Trace, table: list[tuple[str, str, str]]) -> Iterator[str]:
    """Write the input with other axes, and with the type and on the device of the network."""
    for tensor, name, line in inputs(trace.X):
        cast, why_cast = cast_for(tensor, trace)
        c = getattr(trace.refused and trace.refused.module, "in_channels", 0) or 1
        side = math.isqrt(tensor.numel() // c // len(tensor)) if tensor.ndim == 2 and len(tensor) else 0
        row = f"n {c * side ** 2}", f".reshape(-1, {c}, {side}, {side})", f"each row is an image of {side}x{side}"
        for axes, view, why in [("f " * tensor.ndim, "", ""), *table, row]:
            fits = [a.isalpha() or int(a) == n for a, n in zip(axes.split(), tensor.shape)]
            if len(axes.split()) == tensor.ndim and all(fits):
                comment = ", ".join(filter(None, [why, why_cast]))
                yield line.replace("{}", name + view + cast) + (comment and f"  # {comment}")


def inputs(X: Any) -> Iterator[tuple[Tensor, str, str]]:
    """List each input: its tensor, its name, and a line that sets it to {}."""
    if isinstance(X, dict):
        yield from ((x, f"X[{key!r}]", f"X[{key!r}] = {{}}") for key, x in X.items() if isinstance(x, Tensor))
    elif isinstance(X, tuple) and any(isinstance(x, Tensor) for x in X):
        names = [f"X[{n}]" for n in range(len(X))]
        for n, x in enumerate(X):
            if isinstance(x, Tensor):
                yield x, names[n], f"X = ({', '.join([*names[:n], '{}', *names[n + 1:]])})"
    else:
        made = {Tensor: ["X"], tuple: ["torch.rand(X)"], list: ["torch.stack(X)", "X[0]", "torch.tensor(X)"]}
        for name in next((names for kind, names in made.items() if isinstance(X, kind)), ["torch.tensor(X)"]):
            with suppress(Exception):
                if isinstance(x := eval(name, {"torch": torch, "X": X}), Tensor):
                    yield x, name, "X = {}"


def cast_for(tensor: Tensor, trace: Trace) -> tuple[str, str]:
    """Return what to write after a tensor to give it the network's type and device, and why."""
    weight = next((p for p in trace.model.parameters() if p.is_floating_point()), tensor)
    if trace.refused and isinstance(trace.refused.module, nn.Embedding):
        return ".long()", "indices are integers"
    move = "" if weight.device == tensor.device else f'.to("{weight.device}")'
    cast = "" if weight.dtype == tensor.dtype else CASTS.get(weight.dtype, "")
    if cast and tensor.dtype == torch.uint8:
        return f"{move}{cast} / 255", "bytes become numbers from 0 to 1"
    return move + cast, "as the weights are" if move + cast else ""


def rebuilt(trace: Trace) -> Iterator[str]:
    """Write the layer that refused as it would take what it is given, the likeliest first."""
    call = trace.refused
    if call and isinstance(call.given, tuple) and len(trace.calls) > 1:
        hook = "lambda layer, given, output: output[0]"
        yield f"{where(trace.calls[-2].name)}.register_forward_hook({hook})  # without its state"
    if not call or not isinstance(call.given, Tensor):
        return
    names = [name for name, module in trace.model.named_modules(remove_duplicate=False) if module is call.module]
    place = where(names[min(trace.times(call.module), len(names)) - 1])  # a shared layer has several
    dtype, given = getattr(getattr(call.module, "weight", None), "dtype", torch.float32), call.given.dtype
    like = "" if dtype == torch.float32 else CASTS.get(dtype, "")
    if dtype != given in CASTS:
        yield f"{place} = {place}{CASTS[given]}"
    for before in trace.calls[-2:-1]:
        if order := reordered(call.module, call.given, before.module):
            yield f"{place}.register_forward_pre_hook(lambda layer, given: given[0]{order})  # its features are there"
        if isinstance(before.module, nn.Flatten):
            yield f"{where(before.name)} = nn.Flatten()"
    for text in replacements(call.module, call.given, place):
        yield f"{place} = {text}{like}"


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
    yield from (other_kind, same_kind) if x.ndim == 4 else (same_kind, other_kind)
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
        changes["groups"] = c if layer.groups == layer.in_channels else math.gcd(layer.groups, c)
        changes["out_channels"] = -(-layer.out_channels // changes["groups"]) * changes["groups"]
    return changes


def arriving(layer: nn.Module, x: Tensor) -> tuple[str, int]:
    """Return the argument that says for how many channels or features a layer is made, and how many x brings."""
    name = next((name for name in MADE_FOR if hasattr(layer, name)), "")
    if not name or x.ndim < 2:
        return "", 0
    kernel = getattr(layer, "kernel_size", None)
    one_image = isinstance(kernel, tuple) and x.ndim == len(kernel) + 1 < 4
    return name, x.shape[-1 if name in FEATURES else 0 if one_image else 1]


def reordered(layer: Any, x: Tensor, before: Any) -> str:
    """Return what moves the features of a sequence to where a layer looks for them, if the one before says so."""
    wants_last, are_last = isinstance(layer, FEATURES_LAST), isinstance(before, FEATURES_LAST)
    made_for = getattr(layer, arriving(layer, x)[0] or "normalized_shape", None)
    found = x.shape[1 if wants_last else -1] if x.ndim == 3 else 0
    if wants_last == are_last or made_for not in (found, (found,)) or found == math.prod(x.shape[1:]):
        return ""
    return ".movedim(1, -1)" if wants_last else ".movedim(-1, 1)"


def same(layer: Any) -> tuple[int, ...]:
    """Return the padding that keeps the size."""
    return tuple(d * (k - 1) // 2 for d, k in zip(pair(getattr(layer, "dilation", 1)), pair(layer.kernel_size)))


def pair(value: Any) -> Any:
    """Return a number as two."""
    return value if isinstance(value, tuple) else (value, value)


def written(layer: nn.Module, **changes: Any) -> str:
    """Write the call that makes a layer, with some of its arguments changed."""
    kind, parts = type(layer), []
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


def resized(trace: Trace) -> Iterator[str]:
    """Write images of another size, or convolutions before the one that refused that keep it."""
    yield "model.eval()  # a single value has no statistics to normalise with"
    narrowing = [call for call in trace.calls if isinstance(call.module, (nn.Conv2d, Conv2d))
                 and size(call.output)[-2:] not in ((), size(call.input)[-2:])]
    lines = [f"{where(call.name)} = {written(call.module, padding=same(call.module))}" for call in narrowing]
    yield from accumulate(reversed(lines), lambda later, line: f"{line}\n{later}")
    for tensor, name, line in inputs(trace.X):
        for n in (2, 4, 8, 16, 32) if tensor.ndim == 4 else ():
            right, bottom = -tensor.shape[3] % n, -tensor.shape[2] % n
            padded = f"nn.functional.pad({name}, (0, {right}, 0, {bottom}))"
            yield line.replace("{}", padded) + f"  # sides that {n} divides"


def where(name: str) -> str:
    """Write the way to a module: features.0.conv is model.features[0].conv."""
    return re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", f"model.{name}".rstrip("."))


def advise(trace: Trace, repairs: list[tuple[str, Trace]]) -> str:
    """Write why a network stopped, or what is odd in one that ran, and what to write instead."""
    text = reason(trace)
    for n, (lines, then) in enumerate(repairs):
        intro = "or:" if n else "To get further, write:" if then.error else "Write:"
        if then.mended and not n:
            text += f" Write: {then.mended[0]}"
            intro = "and:"
        if lines:
            text += "".join(f"\n{line}" for line in [intro, *textwrap.indent(lines, "    ").splitlines()])
        if then.error:
            text += f"\nThen: {reason(then)}"
    return text


def reason(trace: Trace) -> str:
    """Say what an error's own words leave out."""
    call, mixed = trace.refused, trace.mixed()
    if mixed:
        before, after = mixed
        cat = " torch.cat joins images, unless it is given the axis of the channels, 1."
        return (f"The network mixes the images: {where(before.name)} returns {size(before.output)}, "
                f"but {where(after.name)} gets {size(after.input)}.{cat * (len(size(after.input)) == 4)}")
    if trace.error is None or call is None or not known(call.module):
        return own_code(trace) if trace.error else ""
    layer, x, place = call.module, call.given, where(call.name)
    if x is None:
        return f"{place} is given nothing. Has the forward before it a return?"
    if not isinstance(x, Tensor):
        return f"{place} takes a tensor, but is given a {type(x).__name__}."
    weight = getattr(layer, "weight", None)
    for kind in ("dtype", "device") if isinstance(weight, Tensor) and not isinstance(layer, nn.Embedding) else ():
        if getattr(x, kind) != getattr(weight, kind):
            return f"The input is {getattr(x, kind)}, but {place}.weight is {getattr(weight, kind)}."
    if trace.times(layer) > 1:
        return (f"{place} has run before, and gets {size(x)} now. "
                f"This call needs a layer of its own: {written(layer, **fitting(layer, x))}")
    name, c = arriving(layer, x)
    axes_fit = not re.search(r"\b\dD\b", str(trace.error))  # "expected 4D input"
    made_for = getattr(layer, name, c)
    if axes_fit and made_for != c:
        maps = [size(call.output)[1:] for call in trace.calls if len(size(call.output)) == 4]
        source = [", from {} channels of {}x{}".format(*shape) for shape in maps if math.prod(shape) == c]
        source += [", maps that are not flattened"] * (name in FEATURES and x.ndim == 4)
        things = f"{'feature' if name in FEATURES else 'channel'}{'s' * (made_for != 1)}"
        return f"{place} is made for {made_for} {things}, but gets {c}: its input is {size(x)}{''.join(source[-1:])}."
    kernel, dilation = pair(getattr(layer, "kernel_size", 1)), pair(getattr(layer, "dilation", 1))
    window = [d * (k - 1) + 1 for d, k in zip(dilation, kernel)]
    if axes_fit and any(k > n for k, n in zip(window, x.shape[-len(window):])):
        return f"{place} looks at {'x'.join(map(str, window))} numbers, but its input is only {size(x)}."
    return f"{place} ({type(layer).__name__}) gets a tensor of {x.ndim} axes, {size(x)}."


def own_code(trace: Trace) -> str:
    """Say which line of the network's own code refused, what it was given, and what may be meant."""
    frames = traceback.extract_tb(trace.error.__traceback__) if trace.error else []
    code, (name, args) = users_line(frames), trace.operation
    shapes = [size(x) for x in tree_leaves(args) if isinstance(x, Tensor)]
    said = f"No layer refused, but the network's own code: {code or 'the call of the network itself'}"
    if not shapes:
        return said
    said += f"\nThere, {name} was given {' and '.join(map(str, shapes))}."
    if name in ("view", "reshape"):
        return f"{said} Each image has {math.prod(shapes[0][1:])} numbers there."
    if name == "cat" and len({*map(len, shapes)}) > 1:
        return f"{said} All must have as many axes: .flatten(1) makes a row of each image."
    if name == "cat":
        return f"{said} Only the axis along which they are joined may differ."
    if name in ("matmul", "bmm") and shapes[0][-1] == shapes[1][-1]:
        return f"{said} Their last axes agree: write .transpose(-2, -1) after the second."
    if len(shapes) == 2 and shapes[0][:2] == shapes[1]:
        return f"{said} For one number for each channel, write [:, :, None, None] after the second."
    if [len(shape) for shape in shapes] != [4, 4]:
        return said
    before, after = sorted(shapes, key=lambda shape: (-shape[2], shape[1]))
    stride = -(-before[2] // after[2])
    layer = f"nn.Conv2d({before[1]}, {after[1]}, 1{f', stride={stride}' if stride > 1 else ''})"
    shortcut = f" Before the sum, {before} needs a layer of its own: self.shortcut = {layer}"
    return said + shortcut * (-(-before[2] // stride) == after[2])
