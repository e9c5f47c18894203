"""Why a network stops, in words that say which number meets which."""

import math
import re

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from d2lconv.repairs import MADE_FOR, arriving, pair, where
from d2lconv.validation import check_conv2d_shapes


def advise(trace, repairs):
    """Write why a network stopped and what to write instead, or what is odd in one that ran, if anything is."""
    lines = [mixed_batch(trace) if trace.error is None else reason(trace)]
    for n, (repair, then) in enumerate(repairs):
        intro = "or:" if n else "Write:" if then.error is None else "To get further, write:"
        lines += [intro, *(f"    {line}" for line in repair.splitlines())]
    return "\n".join(lines)


def reason(trace):
    """Say what an error's own words leave out."""
    if trace.refused is None:
        return own_code(trace)
    call, place = trace.refused, where(trace.refused.name)
    if not isinstance(call.given, Tensor):
        return f"{place} takes a tensor, but is given a {type(call.given).__name__}."
    return other_type(call, place) or other_channels(call, place) or other_size(call, place, trace)


def other_type(call, place):
    """Compare the input's dtype and device with the weight's."""
    weight = getattr(call.module, "weight", None)
    if weight is None or isinstance(call.module, nn.Embedding):
        return ""
    for kind in "dtype", "device":
        given, held = getattr(call.input, kind), getattr(weight, kind)
        if given != held:
            return f"The input is {given}, but {place}.weight is {held}."
    return ""


def other_channels(call, place):
    """Ask validation what is wrong with the input of a convolution."""
    layer = call.module
    if not isinstance(layer, nn.Conv2d) or is_lazy(layer.weight):  # ours has asked it already
        return ""
    try:
        check_conv2d_shapes(call.input.shape, layer.weight.shape, layer.stride, layer.padding, layer.dilation,
                            layer.groups, ("input", f"{place}.weight"))
    except ValueError as refusal:
        return str(refusal)
    return ""


def other_size(call, place, trace):
    """Compare what a layer is made for with what arrives."""
    layer, x = call.module, call.input
    axes = f"{place} ({type(layer).__name__}) gets a tensor of {x.ndim} axes, {tuple(x.shape)}."
    if re.search(r"\b\dD\b", str(trace.error)):  # "expected 4D input"
        return axes
    for name, things in MADE_FOR.items():
        made = getattr(layer, name, None)
        if x.ndim > 1 and made not in (None, arriving(layer, name, x)):
            return (f"{place} is made for {made} {things}, but gets {arriving(layer, name, x)}: "
                    f"its input is {tuple(x.shape)}{origin(trace, x)}.")
    window = pair(getattr(layer, "kernel_size", 1))
    if any(k > size for k, size in zip(window, x.shape[-2:])):
        return f"{place} looks at {window[0]}x{window[-1]} numbers, but its input is only {tuple(x.shape)}."
    return axes


def origin(trace, x):
    """Say from which maps a row of features comes."""
    outputs = [call.output for call in trace.layers() if call.output is not None]
    maps = [y.shape[1:] for y in outputs if y.ndim == 4 and y[0].numel() == x.shape[-1]]
    return ", from {} channels of {}x{}".format(*maps[-1]) if maps else ""


def own_code(trace):
    """Say which line of the network's own code refused, what it was given, and what may be meant."""
    code, (operation, shapes) = trace.line(), trace.operation
    if not shapes:
        return "No layer refused, but the call of the network itself."
    said = (f"No layer refused, but the network's own code: {code}\n"
            f"There, {operation} was given {' and '.join(map(str, shapes))}. ")
    if operation == "view" and "not compatible" in str(trace.error):
        return f"{said}Write: {code.replace('.view(', '.reshape(')}"
    flat = re.sub(r"\.(view|reshape)\([^,()]*,[^,()]*\)", ".flatten(1)", code)
    if operation in ("view", "reshape") and flat != code:
        return f"{said}Each image has {math.prod(shapes[0][1:])} numbers there. For a row of them write: {flat}"
    if operation == "cat":
        return f"{said}Only the axis along which they are joined may differ."
    if len(shapes) == 2 and len(shapes[0]) == len(shapes[1]) == 4:
        return f"{said}{shortcut(*sorted(shapes, key=lambda shape: (-shape[2], shape[1])))}"
    return said


def shortcut(before, after):
    """Say which 1x1 convolution makes two summands agree, if one does."""
    (_, c, h, _), (_, d, k, _) = before, after
    stride = -(-h // k)
    if -(-h // stride) != k:
        return ""
    layer = f"nn.Conv2d({c}, {d}, 1{f', stride={stride}' if stride > 1 else ''})"
    return f"Before the sum, {before} needs a layer of its own: self.shortcut = {layer}"


def mixed_batch(trace):
    """Say where the network's own code has mixed the images of a batch, if it has."""
    if trace.mixed() is None:
        return ""
    before, after = trace.mixed()
    return (f"The network runs, but mixes the images: from {where(before.name)} come {len(before.output)}, "
            f"{tuple(before.output.shape)}, and to {where(after.name)} go {len(after.input)} rows, "
            f"{tuple(after.input.shape)}. For one row of each image write x.flatten(1).")
