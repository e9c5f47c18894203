"""What a figure of a convolution shows: columns of grids of numbers. Nothing is drawn here."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor

from d2lconv.arithmetic import Arithmetic, elide, explain, number, problem
from d2lconv.contraction import add_border, windows
from d2lconv.conv import conv2d
from d2lconv.palette import STAR, channel
from d2lconv.validation import Geometry, dilated

DIGIT, LETTER = 0.28, 0.2  # cells: the mean width of a digit, and of a caption's letter
LARGEST = 10  # numbers on a side: of more an image is drawn
SIDE = 5  # cells: the longer side of such an image
MOST = 5  # channels that are shown


@dataclass
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
    images, kernels, geometry = problem(X, K, bias, *settings)
    if at is None:
        at = (0, 0, 0) if K.ndim == 4 else (0, 0)
    element = explain(X, K, at, bias, *settings)
    images, kernels = images.detach().cpu(), kernels.detach().cpu()
    bias = None if bias is None else bias.detach().cpu()

    inputs = input_rows(images, kernels, element, geometry)
    o, i, j = element.at
    if bias is not None:
        value = bias[o].reshape(1, 1)
        inputs.append([None, None, Grid("bias", value, tiles(value), above="+")])
    elif len(element.channels) == 1:  # whose map is the output already
        inputs = [row[:2] for row in inputs]
    outputs = output_rows(conv2d(images, kernels, bias, *settings), element)
    return [*zip(*inputs), *zip(*outputs)], f"{element}, the element ({i}, {j}) of output {o}"


def input_rows(X: Tensor, K: Tensor, element: Arithmetic, geometry: Geometry) -> list[Row]:
    """Show for each input channel its image, and if the element sees it, the slice that it meets and their map."""
    outside = add_border(torch.ones_like(X[0]), geometry.padding) == 0
    X = add_border(X, geometry.padding)
    o, i, j = element.at
    top, left = i * geometry.stride[0], j * geometry.stride[1]
    frame = (top, left, *map(dilated, geometry.kernel_size, geometry.dilation))
    window = torch.zeros_like(outside)
    windows(window, geometry.kernel_size, geometry.stride, geometry.dilation)[i, j] = True  # a view

    rows: list[Row] = []
    for c in kept(len(X), element.channels):
        name = f"channel {c}"
        hue = channel(c)
        tint = f"{hue}_tint"
        if c not in element.channels:
            rows.append([Grid(name, X[c], tiles(X[c], "outside")), None, None])
            continue
        n = c - element.channels[0]
        weights = K[o, n]
        alone = conv2d(X[None, c], weights[None, None], None, geometry.stride, 0, geometry.dilation)[0]
        image = Grid(name, X[c], tiles(X[c], outside=outside, window_tint=window), hue, frame)
        kernel = Grid(f"slice K[{o}, {n}]", weights, tiles(weights, tint), hue, sign=STAR)
        plus = "+" if n else ""
        term = Grid(f"{name}'s map", alone, tiles(alone), hue, (i, j, 1, 1), sign="=", above=plus)
        term.tiles[i][j] = tint
        rows.append([image, kernel, term])
    return with_rest(rows, len(X))


def output_rows(Y: Tensor, element: Arithmetic) -> list[Row]:
    """Show the output channels, and in one of them the element."""
    o, i, j = element.at
    rows: list[Row] = []
    for n in kept(len(Y), [o]):
        name = f"output {n}" if len(Y) > 1 else "output"
        grid = Grid(name, Y[n], tiles(Y[n]), "output")
        if n == o:
            grid.tiles[i][j] = "output"
            grid.frame, grid.sign = (i, j, 1, 1), "="
        rows.append([grid])
    return with_rest(rows, len(Y))


def lay_out_weight(K: Tensor) -> tuple[list[Row], str]:
    """Show the slices of a weight, a column for each input channel, and describe them."""
    c_o, c_i = K.shape[:2]
    rows: list[Row] = []
    for o in kept(c_o):
        row = []
        for c in kept(c_i):
            hue = channel(c)
            row.append(Grid(f"K[{o}, {c}]", K[o, c], tiles(K[o, c], f"{hue}_tint"), hue))
        rows.append(row)
    columns: list[Row] = [*zip(*with_rest(rows, c_o))]

    places = elide([*product(range(c_o), range(c_i))])
    texts = [one if isinstance(one, str) else f"K[{one[0]}, {one[1]}] = {K[one].tolist()}" for one in places]
    return with_rest(columns, c_i), f"{c_o} kernels of {c_i} slices: {', '.join(texts)}"


def tiles(values: Tensor, colour: str = "cell", /, **places: Tensor) -> list[list[str]]:
    """Name a colour for each number: the last one whose mask holds there, else the first."""
    names = [[colour] * values.shape[1] for _ in range(len(values))]
    for name, mask in places.items():
        for row, column in mask.nonzero().tolist():
            names[row][column] = name
    return names


def kept(count: int, wanted: Collection[int] = ()) -> list[int]:
    """Choose at most `MOST` of so many rows, the wanted ones first.

    >>> kept(16, wanted=[7, 8])
    [0, 1, 2, 7, 8]
    """
    wanted_first = sorted(range(count), key=lambda n: n not in wanted)
    return sorted(wanted_first[:MOST])


def with_rest(rows: list[Row], count: int) -> list[Row]:
    """Say below the last row how many of all are left out."""
    first = rows[-1][0]
    if first and count > len(rows):
        first.below = f"and {count - len(rows)} more"
    return rows
