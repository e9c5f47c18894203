"""What a figure of a convolution shows: columns of grids of numbers. Nothing is drawn here."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from d2lconv.arithmetic import elide, explain, number, problem
from d2lconv.contraction import add_border
from d2lconv.conv import conv2d
from d2lconv.palette import STAR, channel
from d2lconv.validation import dilated

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
    def texts(self) -> list[list[str]]:
        """The numbers as they are written; none where an image is drawn."""
        if max(self.values.shape) > LARGEST:
            return []
        return [[number(x) for x in row] for row in self.values.tolist()]

    @property
    def cell(self) -> tuple[float, float]:
        """Width and height of a number's tile."""
        lengths = [len(text) for row in self.texts for text in row]
        if lengths:
            return max(1, DIGIT * max(lengths) + 0.15), 1
        side = SIDE / max(self.values.shape)
        return side, side

    @property
    def size(self) -> tuple[float, float]:
        """The width to keep free, also for the caption, and the height."""
        rows, columns = self.values.shape
        width, height = self.cell
        of_caption = LETTER * len(self.caption) + 0.3
        return max(width * columns, of_caption), height * rows


Row = Sequence[Grid | None]


def lay_out(X: Tensor, K: Tensor, at: Sequence[int] | None, bias: Tensor | None, *settings: Any,
            ) -> tuple[list[Row], str]:
    """Show all that belongs to one output element; the settings are stride, padding, dilation and groups.

    Returns columns of grids, None where a column has a gap, and a description in words.
    """
    if at is None:
        at = (0, 0, 0) if K.ndim == 4 else (0, 0)
    element = explain(X, K, at, bias, *settings)
    X, K, geometry = problem(X, K, bias, *settings)
    X, K = X.detach().cpu(), K.detach().cpu()
    bias = None if bias is None else bias.detach().cpu()
    stride, dilation, groups = geometry.stride, geometry.dilation, geometry.groups
    rows, columns = geometry.padding
    outside = pad(torch.zeros_like(X[0], dtype=torch.bool), (*columns, *rows), value=True)
    X = add_border(X, geometry.padding)
    Y = conv2d(X, K, bias, stride, 0, dilation, groups)

    o, i, j = element.at
    s_h, s_w = stride
    d_h, d_w = dilation
    k_h, k_w = K.shape[2:]
    high = dilated(k_h, d_h)
    wide = dilated(k_w, d_w)
    frame = i * s_h, j * s_w, high, wide
    window = torch.zeros_like(outside)
    window[i * s_h:, j * s_w:][:high:d_h, :wide:d_w] = True
    chosen = torch.zeros_like(Y[0], dtype=torch.bool)
    chosen[i, j] = True
    here = (i, j, 1, 1)

    shown: list[Row] = []
    for c, image in enumerate(X):
        name, hue, tint = f"channel {c}", channel(c), f"{channel(c)}_tint"
        if c not in element.channels:
            shown.append([Grid(name, image, tiles(image, "outside")), None, None])
            continue
        n = c - element.channels[0]
        weights = K[o, n]
        alone = conv2d(image[None], weights[None, None], None, stride, 0, dilation)[0]
        shown.append([
            Grid(name, image, tiles(image, outside=outside, window_tint=window), hue, frame),
            Grid(f"slice K[{o}, {n}]", weights, tiles(weights, tint), hue, sign=STAR),
            Grid(f"{name}'s map", alone, tiles(alone, **{tint: chosen}), hue, here, "=", "+" * (n > 0)),
        ])
    shown = few(shown, element.channels)
    if bias is not None:
        value = bias[o].reshape(1, 1)
        shown.append([None, None, Grid("bias", value, tiles(value), above="+")])
    elif len(element.channels) == 1:  # whose map is the output already
        shown = [row[:2] for row in shown]

    outputs: list[Row] = []
    for n, values in enumerate(Y):
        grid = Grid(f"output {n}" if len(Y) > 1 else "output", values, tiles(values), "output")
        if n == o:
            grid = replace(grid, tiles=tiles(values, output=chosen), frame=here, sign="=")
        outputs.append([grid])
    return [*zip(*shown), *zip(*few(outputs, [o]))], f"{element}, the element ({i}, {j}) of output {o}"


def lay_out_weight(K: Tensor) -> tuple[list[Row], str]:
    """Show the slices of a weight, a column for each input channel, and describe them."""
    rows = []
    for o, kernel in enumerate(K):
        rows.append([Grid(f"K[{o}, {c}]", k, tiles(k, f"{channel(c)}_tint"), channel(c)) for c, k in enumerate(kernel)])
    texts = [f"{grid.caption} = {grid.values.tolist()}" for row in rows for grid in row]
    columns = [*zip(*few(rows, ()))]
    return few(columns, ()), f"{len(K)} kernels of {len(K[0])} slices: {', '.join(elide(texts))}"


def tiles(values: Tensor, colour: str = "cell", /, **places: Tensor) -> list[list[str]]:
    """Name a colour for each number: the last one whose mask holds there, else the first."""
    names = [[colour] * values.shape[1] for _ in values]
    for name, mask in places.items():
        for row, column in mask.nonzero().tolist():
            names[row][column] = name
    return names


def few(rows: Sequence[Row], wanted: Collection[int]) -> list[Row]:
    """Keep at most `MOST` rows, the wanted ones first, and say below the last how many are left out."""
    kept = sorted(range(len(rows)), key=lambda n: n not in wanted)[:MOST]
    shown = [rows[n] for n in sorted(kept)]
    if len(rows) > MOST:
        first, *others = shown[-1]
        shown[-1] = [first and replace(first, below=f"and {len(rows) - MOST} more"), *others]
    return shown
