"""Why a network stops: what an error's own words leave out, and what to write instead.

Images that are mixed come first, since what follows them makes no sense; then the layer that refused, and what it is
given; and where no layer refused, the line of the network's own code, and what its operation was given.
"""

import math
import re
import textwrap
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from d2lconv.layers import FEATURES, arriving, fitting, kind_of, reach, stride_between, where, written
from d2lconv.trace import Call, Trace, shape_of, users_line

JOINED = " torch.cat joins {}, unless it is given the axis of the channels, 1."


def advise(trace: Trace, repairs: list[Trace]) -> str:
    """Write why a network stopped, or what is odd in one that ran, and what to write instead."""
    text = reason(trace, repairs)
    for n, then in enumerate(repairs):
        intro = "or:" if n else "To get further, write:" if then.error else "Write:"
        if then.mended and not n:
            text += f" Write: {then.mended[0]}"
            intro = "and:"
        if then.lines:
            text += f"\n{intro}\n{textwrap.indent(then.lines, '    ')}"
        if then.error:
            text += f"\nThen: {reason(then)}"
    return "\n".join([*filter(None, [text]), *unseen(trace.model)])


def unseen(model: nn.Module) -> Iterator[str]:
    """Say which attributes hold layers that torch does not see, since it looks into no list, tuple or dict."""
    seen = {*model.modules()}
    for name, module in model.named_modules():
        for attribute, value in vars(module).items():
            if {leaf for leaf in tree_leaves(value) if isinstance(leaf, nn.Module)} - seen:
                better = "Dict" if isinstance(value, dict) else "List"
                yield (f"{where(model, name)}.{attribute} holds layers in a {type(value).__name__}, where torch does "
                       "not see them: they have no rows here, and no optimizer gets their weights. "
                       f"Make it an nn.Module{better}.")


def reason(trace: Trace, repairs: Sequence[Trace] = ()) -> str:
    """Say what is wrong; nothing if nothing is. Mixed images are left out if a repair outside of forward helps."""
    if trace.mixed and not any(run.ok and not run.mended for run in repairs):
        before, after = trace.mixed
        hint = JOINED.format("images") if len(shape_of(after.input)) == 4 else ""
        return (f"The network mixes the images: {where(trace.model, before.name)} returns {shape_of(before.output)}, "
                f"but {where(trace.model, after.name)} gets {shape_of(after.input)}.{hint}")
    if trace.error is None:
        return "The network returns nothing. Has its forward a return?" if trace.returns_nothing else ""
    if trace.refused:
        return refusal(trace, trace.refused)
    return own_code(trace, trace.error, repairs)


def refusal(trace: Trace, call: Call) -> str:
    """Say why a layer of torch, or ours, refused."""
    layer, x, place = call.module, call.given, where(trace.model, call.name)
    if x is None:
        return f"{place} is given nothing.{' Has the forward before it a return?' * (len(trace.calls) > 1)}"
    if not isinstance(x, Tensor):
        kind = type(x).__name__
        hint = f" Call it: nn.{kind}()(x)." if isinstance(x, nn.Module) else ""
        return f"{place} takes a tensor, but is given an object of type {kind}.{hint}"
    if isinstance(layer, nn.Embedding) and x.numel():
        return (f"{place} takes integers from 0 to {layer.num_embeddings - 1}, "
                f"but gets {x.dtype} from {x.min()} to {x.max()}.")
    weight = getattr(layer, "weight", None)
    if isinstance(weight, Tensor):
        for kind in ("dtype", "device"):
            if getattr(x, kind) != getattr(weight, kind):
                return f"The input is {getattr(x, kind)}, but {place}.weight is {getattr(weight, kind)}."
    if layer in [earlier.module for earlier in trace.calls[:-1]]:
        return (f"{place} has run before, and gets {shape_of(x)} now. "
                f"This call needs a layer of its own: {written(layer, **fitting(layer, x))}")
    of_axes = x.ndim < 2 or re.search(r"\b\d-?D\b|\b\d dim", str(trace.error))  # "expected 4D input"
    if not of_axes:
        if said := other_number(trace, call):
            return said
        sides = reach(layer)
        if any(k > n for k, n in zip(sides, x.shape[-len(sides):])):
            return f"{place} looks at {'x'.join(map(str, sides))} numbers, but its input is only {shape_of(x)}."
    if not of_axes or len(call.shapes) > 1:
        return f"{place} ({type(layer).__name__}) gets {' and '.join(map(str, call.shapes))}."
    stacked = x.ndim == 5 and getattr(layer, "in_channels", 0) == x.shape[1] * x.shape[2]
    axes = "axis" if x.ndim == 1 else "axes"
    return (f"{place} ({type(layer).__name__}) gets a tensor of {x.ndim} {axes}, {shape_of(x)}."
            f"{' torch.stack makes an axis; torch.cat, with axis 1, joins channels.' * stacked}")


def other_number(trace: Trace, call: Call) -> str:
    """Say whether a layer is made for another number of channels or features, and where those come from."""
    shape, (name, c) = shape_of(call.given), arriving(call.module, call.given)
    made_for = getattr(call.module, name, c)
    if made_for == c:
        return ""
    things = ("feature" if name in FEATURES else "channel") + "s" * (made_for != 1)
    said = f"{where(trace.model, call.name)} is made for {made_for} {things}, but gets {c}: its input is {shape}"
    maps = [shape_of(call.output) for call in trace.calls if len(shape_of(call.output)) == 4]
    flattened = [one for one in maps if math.prod(one[1:]) == c]
    if name in FEATURES and len(shape) == 4:
        said += ", maps that are not flattened"
    elif flattened:
        said += ", from {} channels of {}x{}".format(*flattened[-1][1:])
    return f"{said}.{JOINED.format('rows or columns') if joined(trace) else ''}"


def joined(trace: Trace) -> bool:
    """Tell whether the layer that refused gets maps joined along rows or columns, and should get them as channels."""
    call = trace.refused
    if call is None or call.input is None or call.input.ndim != 4:
        return False
    shape, (name, c) = shape_of(call.input), arriving(call.module, call.input)
    made_for = getattr(call.module, name, c)
    maps = [shape_of(earlier.output) for earlier in trace.calls if shape_of(earlier.output)[1:2] == (c,)]
    one_side = [one for one in maps if {*one[2:]} & {*shape[2:]}]
    return made_for != c and any(math.prod(one) * made_for == math.prod(shape) * c for one in one_side)


def own_code(trace: Trace, error: Exception, repairs: Sequence[Trace]) -> str:
    """Say which line of the network's own code refused, what it was given, and what may be meant if no repair is it."""
    line = users_line(traceback.extract_tb(error.__traceback__)) or "the call of the network itself"
    said = f"No layer refused, but the network's own code: {line}"
    if call := trace.stopped:
        of_torch = kind_of(call.module) is not nn.Module and isinstance(call.given, Tensor)
        number = other_number(trace, call) if of_torch else ""
        said = f"{number} {where(trace.model, call.name)} refused, in its own code: {line}".lstrip()
    name, shapes = trace.operation
    if shapes:
        said += f"\nThere, {name} was given {' and '.join(map(str, shapes))}."
        guess = meant(name.strip("_"), shapes)  # y += x calls add_
        said += "" if repairs and "self.shortcut" in guess else guess
    return said


def meant(operation: str, shapes: list[Any]) -> str:
    """Guess what an operation on tensors of these shapes should be."""
    one, other = shapes[0], shapes[-1]
    match operation:
        case "view" | "reshape":
            return f" Each image has {math.prod(one[1:])} numbers there."
        case "cat" if len({*map(len, shapes)}) > 1:
            return " All must have as many axes: .flatten(1) makes a row of each image."
        case "cat" if one[0] == 1 != other[0] and one[-1] == other[-1]:
            return f" A batch of one is repeated by .expand({other[0]}{', -1' * (len(one) - 1)})."
        case "cat":
            return " Only the axis along which they are joined may differ."
        case "matmul" | "bmm" if one[-1] == other[-1]:
            return " Their last axes agree: write .transpose(-2, -1) after the second."
        case "add" | "sub" | "mul" | "div" if len(one) == 4 and other in (one[:2], one[1:2]):
            axes = ":, " * len(other)
            return f" For one number for each channel, write [{axes}None, None] after the second."
        case "add" | "sub" if len(one) == len(other) == 4:
            return shortcut(*sorted([one, other], key=lambda shape: (-shape[2], shape[1])))
    return ""


def shortcut(before: Any, after: Any) -> str:
    """Write the layer that makes one shape of another before their sum, if a stride does that."""
    stride = stride_between(before, after)
    if [math.ceil(n / stride) for n in before[2:]] != [*after[2:]]:
        return ""
    strided = f", stride={stride}" if stride > 1 else ""
    return (f" Before the sum, {before} needs a layer of its own: "
            f"self.shortcut = nn.Conv2d({before[1]}, {after[1]}, 1{strided})")
