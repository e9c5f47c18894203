"""What happens to the channels in any network: each layer in its turn, and where and why the network stops."""

import dataclasses
import html
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from d2lconv.conv import Conv2d
from d2lconv.figures import Drawing, draw_stacks
from d2lconv.reasons import advise
from d2lconv.repairs import find_repairs
from d2lconv.trace import Call, Trace, duplicate, is_layer, shape_of

HEADS = ["layer", "kind", "in", "out", "weight", "parameters", "MACs", "bytes out"]
SIDES, ALIGN = "<<<<<>>>", {"<": "left", ">": "right"}
MONO = "font-family: monospace; font-size: 0.85em; background: none; color: inherit; "
TEXT = MONO + "white-space: pre-wrap; overflow-wrap: anywhere; margin: 0.6em 0"
SCROLL = 'role="group" aria-label="layers" tabindex="0" data-lm-suppress-shortcuts="true" style="overflow-x: auto"'
CELL = "padding: 0.1em 0.35em; white-space: nowrap; background: none; text-align: "


def summary(model: nn.Module, X: Any) -> "Summary":
    """Run a network once, and report what each layer makes of the channels, up to one that refuses.

    Shapes: ``X`` is a tensor, a tuple of tensors for several inputs, or a dict for named ones. A copy
    runs, with its hooks, in the mode the network is in, uncompiled: neither network nor ``X`` nor random
    generators change. Multiply-adds are those of convolutions and linear layers, without biases; layers
    of torch that hold others are one row. If the network stops, repairs are tried, and those that help
    reported.

    Raises ``TypeError`` if ``model`` is not a module in Python; what the network raises is in the report.

    >>> import torch
    >>> report = summary(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(9, 10)), torch.ones(1, 3, 8, 8))
    >>> report.ok, report.failed, report.repairs
    (False, '2', ('model[2] = nn.Linear(288, 10)',))

    Source: the table is torchinfo's idea, https://github.com/TylerYep/torchinfo
    """
    if not isinstance(model, nn.Module):
        hint = " Make one of this class." if isinstance(model, type) else ""
        raise TypeError(f"model must be a torch.nn.Module, but its type is {type(model).__name__}.{hint}")
    if any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
        raise TypeError("model must be the network in Python, but torch.jit has compiled it, or a layer in it.")
    trace = Trace(duplicate(model, torch.clone), X)
    repairs = [] if trace.ok else find_repairs(trace)
    held = sum(p.numel() for p in trace.model.parameters() if not is_lazy(p))
    typed = tuple(run.lines for run in repairs if not run.mended)
    return Summary(tuple(rows(trace)), held, trace.stopped.name if trace.stopped else None,
                   advise(trace, repairs), typed, trace.error)


@dataclasses.dataclass(frozen=True)
class Row:
    """One call of a layer; its parameters count at its first call, and a layer that refuses has no output."""

    name: str
    kind: str
    input_shape: tuple[int, ...] | None
    output_shape: tuple[int, ...] | None
    weight_shape: tuple[int, ...] | None
    parameters: int
    macs: int
    output_bytes: int

    def cells(self) -> list[str]:
        """Write the row as text."""
        shapes = format_shape(self.input_shape), format_shape(self.output_shape) or "refused"
        weight = "x".join(map(str, self.weight_shape or ()))
        counts = [f"{n:,}" if n else "" for n in (self.parameters, self.macs, self.output_bytes)]
        return [self.name, self.kind, *shapes, weight, *counts]


@dataclasses.dataclass(frozen=True)
class Summary:
    """What `summary` found; its repr is the table and the advice. ``repairs`` are lines to type, the best first."""

    rows: tuple[Row, ...]
    parameters: int
    failed: str | None
    advice: str
    repairs: tuple[str, ...]
    error: Exception | None

    @property
    def ok(self) -> bool:
        """Whether the network ran to its end."""
        return self.error is None

    @property
    def macs(self) -> int:
        """The multiply-adds of all rows."""
        return sum(row.macs for row in self.rows)

    def draw(self) -> Drawing:
        """Draw the feature maps in the order of execution, one stack wherever their shape changes.

        Raises ``ValueError`` if no layer ran, or if maps have more axes than height and width.
        """
        if not self.rows:
            raise ValueError("there is nothing to draw: no layer ran.")
        parts: list[Any] = [maps(self.rows[0].input_shape or ())]
        for row in self.rows:
            if row.output_shape and maps(row.output_shape) != parts[-1]:
                parts += [f"{row.name}\n{row.kind}", maps(row.output_shape)]
        return draw_stacks(parts)

    def table(self) -> list[list[str]]:
        """Write the heads, the rows and the totals as text."""
        totals = self.parameters, self.macs, sum(row.output_bytes for row in self.rows)
        return [HEADS, *(row.cells() for row in self.rows), ["total", *[""] * 4, *(f"{n:,}" for n in totals)]]

    def messages(self) -> list[str]:
        """Write what the network raised, and the advice."""
        said = []
        if not self.ok:
            place = self.failed or (self.rows[-1].kind if self.failed == "" else "the network")
            said.append(f"✗ {place}: {self.error}")
        if self.advice:
            said.append(f"→ {self.advice}")
        return said

    def __repr__(self) -> str:
        table = self.table()
        widths = [max(map(len, column)) for column in zip(*table)]
        lines = []
        for line in table:
            cells = [f"{text:{side}{width}}" for text, side, width in zip(line, SIDES, widths)]
            lines.append("  ".join(cells).rstrip())
        return "\n".join(lines + self.messages())

    def _repr_html_(self) -> str:
        lines = ""
        for line in self.table():
            tag, weight = "th" if line == HEADS else "td", "bold" if "refused" in line else "inherit"
            cells = [f'<{tag} style="{CELL}{ALIGN[side]}">{html.escape(text)}</{tag}>'
                     for text, side in zip(line, SIDES)]
            lines += f'<tr style="font-weight: {weight}">{"".join(cells)}</tr>'
        messages = "".join(f'<div style="{TEXT}">{html.escape(message)}</div>' for message in self.messages())
        table = f'<table style="{MONO}border-collapse: collapse; margin: 0">{lines}</table>'
        return f'<div class="d2lconv-report"><div {SCROLL}>{table}</div>{messages}</div>'


def rows(trace: Trace) -> Iterator[Row]:
    """Make a row of each call of a layer."""
    counted: set[Tensor] = set()
    for call in trace.calls:
        layer = call.module
        held = {p for p in layer.parameters(recurse=is_layer(layer)) if not is_lazy(p)} - counted
        counted |= held
        weight = getattr(layer, "weight", None)
        shape = tuple(weight.shape) if isinstance(weight, Tensor) and not is_lazy(weight) else None
        output = shape_of(call.output) if call.returned else None
        yield Row(call.name, type(layer).__name__, shape_of(call.input) or None, output, shape,
                  sum(p.numel() for p in held), multiply_adds(call), getattr(call.output, "nbytes", 0))


def multiply_adds(call: Call) -> int:
    """Count those of a convolution or a linear layer: each weight of a kernel at each place."""
    layer = call.module
    if call.output is None or not isinstance(layer, (nn.Linear, nn.modules.conv._ConvNd, Conv2d)):
        return 0
    places = call.input if getattr(layer, "transposed", False) else call.output
    return math.prod(shape_of(places)) * layer.weight[0].numel()


def format_shape(shape: tuple[int, ...] | None) -> str:
    """Write the shape of a batch of images as c@hxw, and any other as it is; nothing if there is none."""
    if shape is None:
        return ""
    return "{}@{}x{}".format(*shape[1:]) if len(shape) == 4 else str(shape)


def maps(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of an image of a batch, or of a row of numbers, as (c, h, w)."""
    if len(shape) == 3:
        return shape
    if len(shape) > 4:
        raise ValueError(f"only images can be drawn, (n, c, h, w), but there is a tensor of {shape}.")
    return (*(shape[1:] or shape), 1, 1, 1)[:3]
