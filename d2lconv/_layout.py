"""Where everything stands in a figure of a convolution: grids of numbers, and the signs between them.

Lengths are in cells, the square around one number; x points right and y down. Nothing is drawn here.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch.nn.functional import pad

from d2lconv.arithmetic import explain, problem
from d2lconv.conv import conv2d

GAP, CAPTION, BELOW = 0.9, 0.7, 0.6  # between columns; a caption's height; free under a grid
LETTER = 0.2  # the mean width of a letter in a caption
LARGEST, SIDE, MOST = 10, 5, 5  # numbers on a side, else an image so long; channels that are shown


@dataclass(frozen=True)
class Grid:
    """A rectangle of numbers under a caption, a part of them marked, some of them faint."""

    caption: str
    values: torch.Tensor
    kind: str  # window, kernel, term or value: how the marked part looks
    mark: tuple[int, int, int, int] | None = None  # first row, first column, rows, columns
    faint: torch.Tensor | None = None
    x: float = 0.0  # of the left upper corner
    y: float = 0.0

    @property
    def size(self):
        """Width and height."""
        (rows, columns), longest = self.values.shape, max(self.values.shape)
        scale = SIDE / longest if longest > LARGEST else 1
        return columns * scale, rows * scale

    @property
    def slot(self):
        """The width to keep free: a caption may stand out into the gaps a little."""
        return max(self.size[0], len(self.caption) * LETTER - 0.5)

    @property
    def bottom(self):
        return self.y + self.size[1]


def lay_out(X, K, at, bias, stride, padding, groups):
    """Place all that belongs to one output element.

    Returns the grids, the signs ``(x, y, text)`` between them, and a description in words.
    """
    images, kernels, steps, sides, _ = problem(X, K, bias, stride, padding, groups)
    first = (0,) * (3 if K.ndim == 4 else 2)
    element = explain(X, K, first if at is None else at, bias, stride, padding, groups)
    images, kernels, bias = (t if t is None else t.detach().cpu() for t in (images, kernels, bias))
    edges = (*sides[1], *sides[0])  # left, right, top, bottom
    border = pad(torch.zeros_like(images[0], dtype=torch.bool), edges, value=True)

    (o, i, j), kernel_size = element.at, tuple(kernels.shape[2:])
    window = (i * steps[0], j * steps[1], *kernel_size)
    inputs = [Grid("input" if X.ndim == 2 else f"channel {c}", x, "window",
                   *((window, border) if c in element.channels else (None, border | True)))
              for c, x in enumerate(pad(images, edges))]
    slices = [Grid("kernel" if K.ndim == 2 else f"slice {[o, n] if K.ndim == 4 else n}", k, "kernel",
                   (0, 0, *kernel_size)) for n, k in enumerate(kernels[o])]
    terms = [Grid(f"{inputs[c].caption} ⋆ {k.caption}", correlate(inputs[c].values, k.values, steps), "term",
                  (i, j, 1, 1)) for c, k in zip(element.channels, slices)]
    result = "output" if len(terms) == 1 and bias is None else "sum"
    sums = [Grid(f"output {n}" if K.ndim == 4 else result, y, "value", (i, j, 1, 1) if n == o else None)
            for n, y in enumerate(conv2d(images, kernels, bias, stride, padding, groups=groups))]

    words = describe(element, window, K.ndim, any(edges))
    if kernel_size == (1, 1) and 1 < len(images) <= MOST >= len(kernels):
        return *by_pixel(element, inputs, kernels, sums, bias), words
    return *by_channel(element, inputs, slices, terms, sums), words


def correlate(x, k, stride):
    """Correlate one channel with one slice: ``(h, w), (k_h, k_w) -> (h_out, w_out)``."""
    return conv2d(x[None], k[None, None], stride=stride)[0]


def describe(element, window, axes, padded):
    """Say in words what a figure shows."""
    lines = element.lines()
    text = " ".join(lines[-2:])[2:] if len(str(element)) > 100 and len(lines) > 2 else str(element)
    rows, columns = (f"{name}s {n} to {n + k - 1}" if k > 1 else f"{name} {n}"
                     for name, n, k in zip(("row", "column"), window[:2], window[2:]))
    return (f"{text}, the output at {element.at if axes == 4 else element.at[1:]}, from {rows} and {columns} "
            f"of the {'padded ' * padded}input{' channels' * (len(element.channels) > 1)}")


def by_channel(element, inputs, slices, terms, sums):
    """Give every input channel a row, and put the outputs beside them."""
    parts = dict(zip(element.channels, zip(slices, terms)))
    shown = few(len(inputs), element.channels)
    outputs = [sums[o] for o in few(len(sums), element.at[:1])]
    rows = [[inputs[c], *parts.get(c, (None, None))] for c in shown]
    if element.bias is not None:
        last = max(n for n, row in enumerate(rows) if row[1])
        added = Grid("bias", torch.tensor([[element.bias]]), "kernel", (0, 0, 1, 1))
        rows.insert(last + 1, [None, None, added])
    elif len(terms) == 1:  # whose map is the output already
        rows = [row[:2] for row in rows]
    levels = pile([max(grid.size[1] for grid in row if grid) for row in rows])
    columns = [list(zip(column, levels)) for column in zip(*rows)]
    grids, middles, gaps = side_by_side([*columns, stand(outputs)])

    chosen = next(grid for grid in grids if grid.kind == "value" and grid.mark)
    signs = [(gaps[-1], chosen.y + chosen.size[1] / 2, "=")]
    for row, y in zip(rows, levels):
        signs += [(gaps[n], y, sign) for n, sign in enumerate("⋆="[:len(row) - 1]) if row[1]]
    addends = [grid for grid in grids if grid.kind == "term" or grid.caption == "bias"]
    signs += [(middles[2], (upper.bottom + lower.y - CAPTION) / 2, "+")
              for upper, lower in pairwise(addends)]
    below = max(grid.bottom for grid in grids) + CAPTION
    left_out = len(inputs) - len(shown), len(terms) - len(parts.keys() & set(shown)), len(sums) - len(outputs)
    signs += [(middles[n], below, f"and {more} more") for n, more in zip((0, 2, -1), left_out) if more]
    return grids, signs


def by_pixel(element, inputs, kernels, sums, bias):
    """Write 1x1 kernels as one matrix, which multiplies the channels of one pixel."""
    (o, i, j), (c_o, c_k), first = element.at, kernels.shape[:2], element.channels[0]
    row, column = inputs[first].mark[:2]
    group = torch.arange(c_o) // (c_o * c_k // len(inputs))
    inside = group[:, None] == torch.arange(len(inputs)) // c_k  # whether a kernel sees a channel
    matrix = torch.zeros(inside.shape, dtype=kernels.dtype).masked_scatter(inside, kernels)
    pixel = torch.stack([grid.values[row, column] for grid in inputs])[:, None]
    result = torch.stack([grid.values[i, j] for grid in sums])[:, None]
    columns = [inputs,
               [Grid("kernels", matrix, "kernel", (o, first, 1, c_k), ~inside)],
               [Grid("pixel", pixel, "window", (first, 0, c_k, 1))],
               [Grid("new pixel", result, "value", (o, 0, 1, 1))],
               [replace(grid, kind="value" if grid.mark else "term", mark=(i, j, 1, 1)) for grid in sums]]
    texts = ["", "·", "=", ""]
    if bias is not None:
        columns.insert(3, [Grid("bias", bias[:, None], "kernel", (o, 0, 1, 1))])
        texts.insert(2, "+")
    grids, _, gaps = side_by_side([stand(column) for column in columns])
    return grids, [(x, 0, text) for x, text in zip(gaps, texts) if text]


def few(n, wanted):
    """Choose at most `MOST` of n channels, the wanted ones first.

    >>> few(8, wanted=(6, 7))
    [0, 1, 2, 6, 7]
    """
    return sorted(sorted(range(n), key=lambda c: c not in wanted)[:MOST])


def pile(heights):
    """Return the middles of grids that stand under each other, centred on 0.

    >>> pile([3, 3])  # 3, then 0.6 free, and 0.7 for the caption
    [-2.15, 2.15]
    """
    tops = [sum(heights[:n]) + n * (BELOW + CAPTION) for n in range(len(heights))]
    middle = (tops[-1] + heights[-1]) / 2
    return [round(top + height / 2 - middle, 6) for top, height in zip(tops, heights)]


def stand(grids):
    """Pair grids with the middles at which they stand under each other."""
    return list(zip(grids, pile([grid.size[1] for grid in grids])))


def side_by_side(columns):
    """Place columns of (grid, middle); return the grids, and x of the columns and of the gaps between."""
    x, grids, middles, edges = 0, [], [], []
    for column in columns:
        column = [(grid, y) for grid, y in column if grid]
        slot, width = max(grid.slot for grid, _ in column), max(grid.size[0] for grid, _ in column)
        middle = x + slot / 2
        grids += [replace(grid, x=middle - grid.size[0] / 2, y=y - grid.size[1] / 2) for grid, y in column]
        middles += [middle]
        edges += [middle - width / 2, middle + width / 2]
        x += slot + GAP
    gaps = [(left + right) / 2 for left, right in zip(edges[1::2], edges[2::2])]
    return grids, middles, [*gaps[:-1], x - slot - 1.5 * GAP]  # the last sign stands beside captions
