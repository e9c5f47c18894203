"""What a figure of a convolution shows: columns of grids of numbers. Nothing is drawn here."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import pad

from d2lconv.arithmetic import elide, explain, number, problem
from d2lconv.conv import conv2d
from d2lconv.palette import STAR, channel

DIGIT, LETTER = 0.28, 0.2  # cells: the mean width of a digit, and of a caption's letter
LARGEST, SIDE, MOST = 10, 5, 5  # numbers on a side, else an image so long; channels that are shown


@dataclass(frozen=True)
class Grid:
    """Numbers below a caption, each on a tile of some colour, with a sign before them."""

    caption: str
    values: Tensor
    tiles: list[list[str]]
    colour: str = "quiet"  # of the caption
    frame: tuple[int, ...] = ()  # what is outlined: first row, first column, rows, columns
    sign: str = ""
    above: str = ""
    below: str = ""

    @property
    def texts(self):
        """The numbers as they are written; none where an image is drawn."""
        if max(self.values.shape) > LARGEST:
            return []
        return [[number(x) for x in row] for row in self.values.tolist()]

    @property
    def cell(self):
        """Width and height of a number's tile."""
        lengths = [len(text) for row in self.texts for text in row]
        if lengths:
            return max(1, DIGIT * max(lengths) + 0.15), 1
        side = SIDE / max(self.values.shape)
        return side, side

    @property
    def size(self):
        """The width to keep free, also for the caption, and the height."""
        rows, columns = self.values.shape
        width, height = self.cell
        return max(width * columns, LETTER * len(self.caption) + 0.3), height * rows


def lay_out(X, K, at, bias, stride, padding, groups, dilation):
    """Show all that belongs to one output element.

    Returns columns of grids, None where a column has a gap, and a description in words.
    """
    if at is None:
        at = (0, 0, 0) if K.ndim == 4 else (0, 0)
    element = explain(X, K, at, bias, stride, padding, groups, dilation)
    X, K, geometry = problem(X, K, bias, stride, padding, groups, dilation)
    stride, padding, dilation = geometry.stride, geometry.padding, geometry.dilation
    X, K = X.detach().cpu(), K.detach().cpu()
    bias = None if bias is None else bias.detach().cpu()
    border = (*padding[1], *padding[0])
    outside = pad(torch.zeros_like(X[0], dtype=torch.bool), border, value=True)
    X = pad(X, border)
    Y = conv2d(X, K, bias, stride, 0, dilation, groups)

    o, i, j = element.at
    top, left = i * stride[0], j * stride[1]
    high, wide = ((k - 1) * d + 1 for k, d in zip(K.shape[2:], dilation))
    window = torch.zeros_like(outside)
    window[top:top + high:dilation[0], left:left + wide:dilation[1]] = True
    chosen = torch.zeros_like(Y[0], dtype=torch.bool)
    chosen[i, j] = True
    here = (i, j, 1, 1)

    rows = []
    for c, image in enumerate(X):
        name, hue, tint = f"channel {c}", channel(c), f"{channel(c)}_tint"
        if c not in element.channels:
            rows += [[Grid(name, image, tiles(image, "outside")), None, None]]
            continue
        n = c - element.channels[0]
        weights = K[o, n]
        alone = conv2d(image[None], weights[None, None], None, stride, 0, dilation)[0]
        rows += [[
            Grid(name, image, tiles(image, outside=outside, window_tint=window), hue, (top, left, high, wide)),
            Grid(f"slice K[{o}, {n}]", weights, tiles(weights, tint), hue, sign=STAR),
            Grid(f"{name}'s map", alone, tiles(alone, **{tint: chosen}), hue, here, "=", "+" * (n > 0)),
        ]]
    rows = few(rows, element.channels)
    if bias is not None:
        value = bias[o].reshape(1, 1)
        rows += [[None, None, Grid("bias", value, tiles(value), above="+")]]
    elif len(element.channels) == 1:  # whose map is the output already
        rows = [row[:2] for row in rows]

    names = [f"output {n}" for n in range(len(Y))] if len(Y) > 1 else ["output"]
    outputs = [[Grid(name, values, tiles(values), "output")] for name, values in zip(names, Y)]
    outputs[o] = [replace(*outputs[o], tiles=tiles(Y[o], output=chosen), frame=here, sign="=")]
    columns = [*zip(*rows), *zip(*few(outputs, [o]))]
    return columns, f"{element}, the element ({i}, {j}) of output {o}"


def lay_out_weight(K):
    """Show the slices of a weight, a column for each input channel, and describe them."""
    rows = [[Grid(f"K[{o}, {c}]", k, tiles(k, f"{channel(c)}_tint"), channel(c)) for c, k in enumerate(kernel)]
            for o, kernel in enumerate(K)]
    texts = [f"{grid.caption} = {grid.values.tolist()}" for row in rows for grid in row]
    columns = few([*zip(*few(rows, ()))], ())
    return columns, f"{len(K)} kernels of {len(K[0])} slices: {', '.join(elide(texts))}"


def tiles(values, colour="cell", **places):
    """Name a colour for each number: the last one whose mask holds there, else the first."""
    names = [[colour] * values.shape[1] for _ in values]
    for name, mask in places.items():
        for row, column in mask.nonzero().tolist():
            names[row][column] = name
    return names


def few(rows, wanted):
    """Keep at most `MOST` rows, the wanted ones first, and say below the last how many are left out."""
    kept = sorted(range(len(rows)), key=lambda n: n not in wanted)[:MOST]
    shown = [[*rows[n]] for n in sorted(kept)]
    if len(rows) > MOST:
        shown[-1][0] = replace(shown[-1][0], below=f"and {len(rows) - MOST} more")
    return shown
