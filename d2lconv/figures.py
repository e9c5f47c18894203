"""Static figures of convolutions, drawn with matplotlib: the only module that imports it.

A figure brings no paper: all that it says is on tiles that can be read on light and on dark.
"""

import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image
from torch import Tensor

from d2lconv._layout import Grid, Row, lay_out, lay_out_weight
from d2lconv.arithmetic import check_shown
from d2lconv.palette import PALETTE, TILES
from d2lconv.validation import KERNELS, IntOrPair, check_axes, check_int

CELL = 0.33  # inches; all that follows is in cells
DPI = 100  # pixels per inch, on the page
SHARP = 2  # pixels of the PNG for each of these
BETWEEN = 0.8  # from column to column
GAP = 1.5  # from row to row, with a caption
LONGEST, LEAST = 2, 0.35  # sides of a stack's map
MAPS = 8  # that are drawn of a stack
STEP = 0.12  # from map to map
DOWN = 1  # an arrow to the next stack
FONT: dict[str, Any] = {"family": "DejaVu Sans", "parse_math": False}  # it comes with matplotlib
NUMBER: dict[str, Any] = {**FONT, "size": 10, "ha": "center", "va": "center_baseline"}
COLOURS = {name: light for name, (light, _) in PALETTE.items()} | TILES


class Drawing(Figure):
    """A Figure with a description, which a notebook shows once, sharp, on the page's own paper."""

    description: str = "A drawing"

    def __repr__(self) -> str:
        return self.description

    def _ipython_display_(self) -> None:
        """Show the figure and close it, so that neither `plt.show` nor the cell's end shows it again."""
        from IPython.display import display

        plt.close(self)
        shown = {"image/png": self.png(), "text/plain": repr(self)}
        width = round(self.get_figwidth() * DPI)
        display(shown, metadata={"image/png": {"width": width}}, raw=True)

    def png(self) -> bytes:
        """Return the figure as a PNG of few bytes, transparent where nothing is drawn."""
        full, small = io.BytesIO(), io.BytesIO()
        self.savefig(full, format="png", dpi=SHARP * DPI, facecolor="none")
        picture = Image.open(full).quantize(256, Image.Quantize.FASTOCTREE)
        picture.save(small, "PNG", optimize=True)
        return small.getvalue()


def draw(X: Tensor, K: Tensor, at: Sequence[int] | None = None, bias: Tensor | None = None, stride: IntOrPair = 1,
         padding: IntOrPair | str = 0, dilation: IntOrPair = 1, groups: int = 1) -> Drawing:
    """Draw how one output element comes about: window, kernel, each channel's map, and their sum.

    Shapes: as in `explain`; without ``at`` the element is the first. Of more than five channels,
    five are drawn.

    Raises what `explain` raises.

    >>> import torch
    >>> X, K = torch.arange(9).reshape(3, 3), torch.arange(4).reshape(2, 2)
    >>> draw(X, K, at=(0, 1)).description
    '1*0 + 2*1 + 4*2 + 5*3 = 25, the element (0, 1) of output 0'

    Source: Dive into Deep Learning, figure 7.4.1, has the classic example as a picture.
    """
    return paint(*lay_out(X, K, at, bias, stride, padding, dilation, groups))


def draw_weight(K: Tensor) -> Drawing:
    """Draw a weight as a grid of slices: a row for each output channel, a column for each input channel.

    Shapes: ``(c_o, c_i, k_h, k_w)``. Of more than five channels, five are drawn.

    Raises ``ValueError`` for another number of axes, ``TypeError`` for what is no tensor of numbers,
    or is on the device meta.

    >>> import torch
    >>> draw_weight(torch.arange(8).reshape(2, 2, 1, 2)).description
    '2 kernels of 2 slices: K[0, 0] = [[0, 1]], K[0, 1] = [[2, 3]], K[1, 0] = [[4, 5]], K[1, 1] = [[6, 7]]'

    Source: the order of the axes is that of Dive into Deep Learning, section 7.4.2.
    """
    check_shown(K=K)
    check_axes("K", K.shape, KERNELS)
    return paint(*lay_out_weight(K.detach().cpu()))


def draw_stacks(shapes: Sequence[tuple[int, int, int] | str]) -> Drawing:
    """Draw stacks of feature maps, each in a row of its own, labelled ``c@hxw``, with an arrow to the next.

    Shapes: a sequence of ``(c, h, w)``; a string between two of them is written at their arrow. Of more
    than eight maps, eight are drawn.

    Raises ``ValueError`` for a shape that is not three sizes, or a string that is not between two
    shapes; ``TypeError`` for a size that is not an integer.

    >>> draw_stacks([(3, 64, 64), "5 kernels", (5, 63, 63)]).description
    '3@64x64 -> 5 kernels -> 5@63x63'

    Source: the labels are those of LeCun and others (1998), Gradient-Based Learning Applied to Document
    Recognition, figure 2.
    """
    shapes = list(shapes)
    kinds = "".join(map(kind, shapes))
    if not re.fullmatch("(shape(note)?)*shape", kinds):
        raise ValueError("shapes must be a list of (c, h, w), without the n of a batch, with at most one string "
                         f"between two of them, but is {shapes}.")
    parts = [part if isinstance(part, str) else [check_int("a size", n, 1) for n in part] for part in shapes]
    longest_sides = [max(part[1:]) for part in parts if not isinstance(part, str)]
    scale = LONGEST / max(longest_sides)
    ax = paper()
    y = 0.0
    words = []
    for part in parts:
        if isinstance(part, str):
            words.append(" ".join(part.split()))
            write(ax, LONGEST, y + DOWN / 2, words[-1], ha="left")
            continue
        if y:
            arrow = {"arrowstyle": "-|>", "color": COLOURS["quiet"]}
            ax.annotate("", (0, y + DOWN), (0, y), arrowprops=arrow)
            y += DOWN
        c, h, w = part
        words.append(f"{c}@{h}x{w}")
        high, wide = max(LEAST, h * scale), max(LEAST, w * scale)
        y += stack(ax, y, words[-1], c, high, wide)
    return trim(ax, " -> ".join(words))


def kind(part: Any) -> str:
    """Say what a part of `draw_stacks` is."""
    if isinstance(part, str):
        return "note"
    is_shape = hasattr(part, "__len__") and len(part) == 3
    return "shape" if is_shape else "neither"


def stack(ax: Axes, y: float, name: str, count: int, h: float, w: float) -> float:
    """Draw maps from y on, each before the last, with their name beside them; return their height."""
    steps = [STEP * n for n in range(min(count, MAPS))]
    furthest = steps[-1]
    left = -(w + furthest) / 2
    height = h + furthest
    for step in reversed(steps):
        rectangle(ax, left + step, y + furthest - step, w, h, facecolor=COLOURS["cell"], gid=name)
    write(ax, LONGEST, y + height / 2, name, "output", ha="left")
    return height


def paint(columns: Sequence[Row], description: str) -> Drawing:
    """Draw columns of grids beside each other; what is in one row has one middle."""
    ax = paper()
    x = 0.0
    for column in columns:
        peers = [other for other in columns if len(other) == len(column)]
        heights = [max(grid.size[1] for grid in row if grid) for row in zip(*peers)]
        width = max(grid.size[0] for grid in column if grid)
        middle = x + width / 2
        y = -(sum(heights) + GAP * len(heights)) / 2
        for grid, height in zip(column, heights):
            if grid:
                write(ax, x - BETWEEN / 2, y + height / 2, grid.sign)
                draw_grid(ax, middle, y + height / 2, grid)
            y += height + GAP
        x += width + BETWEEN
    return trim(ax, description)


def draw_grid(ax: Axes, x: float, y: float, grid: Grid) -> None:
    """Draw a grid around a place: numbers, or an image where they would be too many."""
    rows, columns = grid.values.shape
    wide, high = grid.cell
    left = x - wide * columns / 2
    top = y - high * rows / 2
    bottom = y + high * rows / 2
    write(ax, x, top - 1.15, grid.above)
    write(ax, x, top - 0.4, grid.caption, grid.colour)
    write(ax, x, bottom + 0.4, grid.below)
    if not grid.texts:
        image = grid.values.abs() if grid.values.is_complex() else grid.values
        right = left + wide * columns
        extent = left, right, bottom, top
        ax.imshow(image.double().numpy(), "gray", extent=extent, aspect="auto", clip_on=False)
    for i, row in enumerate(grid.texts):
        for j, text in enumerate(row):
            tile = grid.tiles[i][j]
            rectangle(ax, left + j * wide, top + i, wide, 1, facecolor=COLOURS[tile])
            colour = COLOURS["text" if tile in TILES else "on_output"]
            place = left + (j + 0.5) * wide, top + i + 0.5
            ax.text(*place, text, color=colour, gid=grid.caption, **NUMBER)
    if grid.frame:
        i, j, rows, columns = grid.frame
        edge = COLOURS["window" if grid.texts else "window_tint"]
        rectangle(ax, left + j * wide, top + i * high, wide * columns, high * rows,
                  edgecolor=edge, linewidth=2.5, gid=f"frame in {grid.caption}")


def rectangle(ax: Axes, x: float, y: float, width: float, height: float, **given: Any) -> None:
    """Draw a rectangle, thin and empty unless something else is given."""
    usual: dict[str, Any] = {"edgecolor": COLOURS["quiet"], "linewidth": 0.6, "facecolor": "none"}
    patch = Rectangle((x, y), width, height, clip_on=False, **(usual | given))
    ax.add_patch(patch)


def write(ax: Axes, x: float, y: float, text: str, colour: str = "quiet", ha: Any = "center") -> None:
    """Write words, or a sign, on a tile of their own."""
    if not text:
        return
    tile = {"boxstyle": "round,pad=0.25", "facecolor": COLOURS[colour], "edgecolor": "none"}
    size = 12 if len(text) == 1 else 9
    ink = COLOURS["on_output"]
    ax.text(x, y, text, size=size, color=ink, bbox=tile, ha=ha, va="center", **FONT)


def paper() -> Axes:
    """Make axes that count in cells, in a Drawing without anything else."""
    figure = plt.figure(FigureClass=Drawing, figsize=(CELL, CELL), dpi=DPI, facecolor="none")
    ax = figure.add_axes((0, 0, 1, 1), xlim=(0, 1), ylim=(1, 0))
    ax.axis("off")
    return ax


def trim(ax: Axes, description: str) -> Drawing:
    """Give a Drawing the size of what is in its axes, and a description."""
    drawing: Drawing = ax.figure  # type: ignore[assignment]  # `paper` has made it
    box: Any = ax.get_tightbbox()
    box = box.padded(3).transformed(ax.transData.inverted())
    ax.set(xlim=(box.x0, box.x1), ylim=(box.y0, box.y1))
    drawing.set_size_inches(CELL * box.width, CELL * -box.height)
    drawing.description = description
    return drawing
