"""What a layer is made for, what reaches it, and the code that makes it."""

import inspect
import math
import re
from typing import Any

from torch import Tensor, nn

from d2lconv.conv import Conv2d
from d2lconv.validation import dilated

FEATURES = "in_features", "input_size", "embed_dim"  # which a layer counts on the last axis
MADE_FOR = "in_channels", "num_features", "num_channels", "num_parameters", *FEATURES


def where(model: nn.Module, name: str) -> str:
    """Write the way to a module: features.0.conv is model.features[0].conv."""
    way, module = "model", model
    for part in filter(None, name.split(".")):
        if isinstance(module, nn.ModuleDict):
            way += f"[{part!r}]"
        else:
            way += f".{part}" if part.isidentifier() else f"[{[*module._modules].index(part)}]"
        module = module.get_submodule(part)
    return way


def arriving(layer: nn.Module, x: Tensor) -> tuple[str, int]:
    """Return the argument that says for how many channels or features a layer is made, and how many x brings."""
    name = next((name for name in MADE_FOR if hasattr(layer, name)), "")
    if not name or x.ndim < 2:
        return "", 0
    if name in FEATURES:
        return name, x.shape[-1]
    kernel = getattr(layer, "kernel_size", None)
    one_image = isinstance(kernel, tuple) and x.ndim == len(kernel) + 1 and x.shape[1] != getattr(layer, name)
    return name, x.shape[0 if one_image else 1]


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


def reach(layer: Any) -> tuple[int, ...]:
    """Return how far a kernel reaches along each axis, spread by its dilation."""
    axes = re.search(r"[123](?=d$)", kind_of(layer).__name__)
    n = int(axes[0]) if axes else 2
    kernel, dilation = (as_tuple(getattr(layer, name, 1), n) for name in ("kernel_size", "dilation"))
    return tuple(map(dilated, kernel, dilation))


def as_tuple(value: Any, n: int) -> tuple[int, ...]:
    """Return a number n times, and several as they are."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * n


def stride_between(before: tuple[int, ...], after: tuple[int, ...]) -> int:
    """Return the stride that makes maps as high as others."""
    return math.ceil(before[2] / max(1, after[2]))


def same_padding(layer: Any) -> tuple[int, ...]:
    """Return the padding that keeps the size; where a kernel is even, the size shrinks by one."""
    return tuple((n - 1) // 2 for n in reach(layer))


def kind_of(layer: nn.Module) -> type:
    """Return the type of a layer, or the one of torch or ours that it comes from."""
    homes = "torch.nn.modules.", "d2lconv."
    return next(kind for kind in type(layer).__mro__ if kind.__module__.startswith(homes))


def written(layer: nn.Module, **changes: Any) -> str:
    """Write the call that makes a layer, with some of its arguments changed."""
    if isinstance(layer, nn.RNNBase):  # its signature names no arguments
        return "nn." + re.sub(r"\d+", str(changes.get("input_size", layer.input_size)), repr(layer), count=1)
    kind = kind_of(layer)
    parts = []
    for name, parameter in inspect.signature(kind).parameters.items():
        value = changes.get(name, getattr(layer, name, parameter.default))
        if isinstance(value, tuple) and len({*value}) == 1:
            value = value[0]
        if name == "bias":
            value = value is not None or not getattr(layer, "affine", True)
        if parameter.default is parameter.empty:
            parts.append(repr(value))
        elif value != parameter.default:
            parts.append(f"{name}={value!r}")
    package = "d2l" if kind is Conv2d else "nn"
    return f"{package}.{kind.__name__}({', '.join(parts)})"
