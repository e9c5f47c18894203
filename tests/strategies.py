"""What is drawn: problems for Hypothesis, convolutions that must be right and calls that must be refused; random
tensors; and a few of many things that are too many for every run."""

import dataclasses
import os
import random

import torch
from hypothesis import strategies as st

REALS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
COMPLEX = (torch.complex64, torch.complex128)
INTEGERS = (torch.int32, torch.int64)
REFUSED = (torch.bool, torch.uint8, torch.int8, torch.int16)
THOROUGH = "THOROUGH" in os.environ  # weekly


def some(things, number, seed=0):
    """Draw a few of many, always the same ones in their order; if THOROUGH is set, all."""
    things = list(things)
    return things if THOROUGH else [things[n] for n in sorted(random.Random(seed).sample(range(len(things)), number))]


def computable(device):
    """The dtypes that this device computes in: CUDA multiplies no integer matrices."""
    return REALS + COMPLEX + (INTEGERS if torch.device(device).type == "cpu" else ())


def tensors(*shapes, dtype=torch.float32, device="cpu", seed=0):
    """Random tensors, the same on every device: drawn on the CPU from their own generator, then moved."""
    generator = torch.Generator().manual_seed(seed)
    if dtype.is_floating_point or dtype.is_complex:
        kind = torch.complex128 if dtype.is_complex else torch.float64
        drawn = [torch.randn(shape, dtype=kind, generator=generator) for shape in shapes]
    else:
        drawn = [torch.randint(-9, 10, shape, generator=generator) for shape in shapes]
    moved = [tensor.to(device, dtype) for tensor in drawn]
    return moved if len(moved) > 1 else moved[0]


@dataclasses.dataclass
class Problem:
    """The arguments of one call of conv2d."""

    input: torch.Tensor
    weight: torch.Tensor
    bias: torch.Tensor | None = None
    stride: object = 1
    padding: object = 0
    dilation: object = 1
    groups: object = 1

    @property
    def arguments(self):
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def __repr__(self):
        return f"Problem({', '.join(f'{name}={seen(value)}' for name, value in self.arguments.items())})"


def seen(value):
    """Show of a tensor what decides: shape, strides, dtype."""
    return f"<{tuple(value.shape)} by {value.stride()}, {value.dtype}>" if torch.is_tensor(value) else repr(value)


def one_or_two(least, most):
    """An integer, or a pair of them."""
    number = st.integers(least, most)
    return number | st.tuples(number, number)


def both(value):
    return (value, value) if isinstance(value, int) else value


LAYOUTS = {  # the same numbers (expanded: the first image's), but otherwise in memory
    "contiguous": lambda t: t,
    "channels last": lambda t: t.movedim(-3, -1).contiguous().movedim(-1, -3),
    "every second": lambda t: torch.stack([t, t + 1], dim=-1)[..., 0],
    "transposed": lambda t: t.mT.contiguous().mT,
    "expanded": lambda t: t[:1].expand_as(t),
}


@st.composite
def problems(draw, device="cpu"):
    """Draw a call that conv2d must answer."""
    groups, c_k, multiplier = (draw(st.integers(1, 3)) for _ in range(3))
    kernel_size = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    dilation = draw(one_or_two(1, 3))
    padding = draw(one_or_two(0, 3) | st.sampled_from(["same", "valid"]))
    stride = draw(one_or_two(1, 3)) if padding != "same" else draw(st.sampled_from([1, (1, 1)]))
    pads = {"same": (99, 99), "valid": (0, 0)}[padding] if isinstance(padding, str) else both(padding)
    spans = [d * (k - 1) + 1 for d, k in zip(both(dilation), kernel_size)]
    size = [max(1, span - 2 * p) + draw(st.integers(0, 5)) for span, p in zip(spans, pads)]
    batch = draw(st.sampled_from([(), (0,), (1,), (2,), (3,)]))
    shapes = [(*batch, groups * c_k, *size), (groups * multiplier, c_k, *kernel_size), (groups * multiplier,)]
    dtype = draw(st.sampled_from(computable(device)))
    input, weight, bias = tensors(*shapes, dtype=dtype, device=device, seed=draw(st.integers(0, 2**32 - 1)))
    input, weight = (LAYOUTS[draw(st.sampled_from(list(LAYOUTS)))](t) for t in (input, weight))
    return Problem(input, weight, draw(st.sampled_from([bias, None])), stride, padding, dilation, groups)


# name: (what must be raised, whether torch raises as well, how to make it). Where torch does not always raise,
# it computes something of no use: no channels, bytes that wrap, numbers out of a tensor that holds none.
MISTAKES = {
    "a channel too many in weight": (ValueError, True, lambda p: {"weight": torch.cat([p.weight] * 2, 1)}),
    "a channel too many in input": (ValueError, True, lambda p: {"input": torch.cat([p.input] * 2, -3)}),
    "channels last": (ValueError, True, lambda p: {
        "input": p.input.new_ones(*p.input.shape[:-3], 28, 30, p.input.shape[-3])}),
    "no channels": (ValueError, False, lambda p: {
        "input": p.input.narrow(-3, 0, 0), "weight": p.weight[:, :0]}),
    "no kernels": (ValueError, False, lambda p: {"weight": p.weight[:0], "bias": None}),
    "a kernel too high": (ValueError, True, lambda p: {
        "weight": p.weight.new_ones(*p.weight.shape[:2], p.input.shape[-2] + 1, 1), "padding": 0}),
    "a kernel too wide": (ValueError, True, lambda p: {
        "weight": p.weight.new_ones(*p.weight.shape[:2], 1, p.input.shape[-1] + 9), "padding": "valid"}),
    "a kernel without rows": (ValueError, True, lambda p: {"weight": p.weight[:, :, :0]}),
    "an image without columns": (ValueError, True, lambda p: {"input": p.input[..., :0]}),
    "a plane": (ValueError, True, lambda p: {"input": p.input.reshape(-1, p.input.shape[-1])}),
    "a batch of batches": (ValueError, True, lambda p: {"input": p.input.new_ones(1, 1, *p.input.shape[-3:])}),
    "a single kernel": (ValueError, True, lambda p: {"weight": p.weight[0]}),
    "a bias too long": (ValueError, True, lambda p: {"bias": p.weight.new_ones(len(p.weight) + 1)}),
    "a bias with axes": (ValueError, True, lambda p: {"bias": p.weight.new_ones(1, len(p.weight), 1, 1)}),
    "stride zero": (ValueError, True, lambda p: {"stride": 0}),
    "three strides": (ValueError, True, lambda p: {"stride": (1, 1, 1)}),
    "negative padding": (ValueError, True, lambda p: {"padding": (0, -1)}),
    "dilation zero": (ValueError, True, lambda p: {"dilation": (1, 0)}),
    "same with a stride": (ValueError, True, lambda p: {"padding": "same", "stride": (1, 2)}),
    "a word for padding": (ValueError, True, lambda p: {"padding": "Same"}),
    "groups zero": (ValueError, True, lambda p: {"groups": 0}),
    "groups that do not divide the channels": (ValueError, True, lambda p: {"groups": p.groups + 4}),
    "groups that do not divide the kernels": (ValueError, True, lambda p: {
        "groups": 2, "input": p.input.new_ones(2 * p.weight.shape[1], 50, 50),
        "weight": p.weight[:1], "bias": None}),
    "a stride that is a fraction": (TypeError, True, lambda p: {"stride": 1.5}),
    "a stride that is true": (TypeError, False, lambda p: {"stride": True}),
    "weight of another dtype": (TypeError, True, lambda p: {
        "weight": p.weight.to(torch.complex64 if p.weight.dtype != torch.complex64 else torch.complex128)}),
    "bias of another dtype": (TypeError, False, lambda p: {"bias": torch.ones(
        len(p.weight), dtype=torch.int64 if p.weight.dtype != torch.int64 else torch.int32,
        device=p.weight.device)}),
    "weight on another device": (TypeError, False, lambda p: {"weight": p.weight.to("meta")}),
    "bool": (TypeError, False, lambda p: {"input": p.input != 0, "weight": p.weight != 0, "bias": None}),
    "bytes": (TypeError, False, lambda p: {
        "input": p.input.real.to(torch.uint8), "weight": p.weight.real.to(torch.uint8), "bias": None}),
    "an array": (TypeError, True, lambda p: {"weight": [[[[1.0]]]]}),
    "a number for bias": (TypeError, True, lambda p: {"bias": 0.5}),
    "nothing": (TypeError, True, lambda p: {"input": None}),
}


@st.composite
def invalid_problems(draw, device="cpu", mistakes=tuple(MISTAKES)):
    """Draw a good call with one mistake in it, and the error that it must raise."""
    problem, mistake = draw(problems(device)), draw(st.sampled_from(mistakes))
    error, _, spoil = MISTAKES[mistake]
    return dataclasses.replace(problem, **spoil(problem)), error
