"""Static figures of convolutions, drawn with matplotlib: the only module that imports it.

Every grid has axes of its own, labelled with its caption. What a colour tells, an outline or a weight
tells as well.
"""

import io
import re
from collections.abc import Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from PIL import Image
from torch import Tensor

from d2lconv._layout import CAPTION, LARGEST, LETTER, lay_out
from d2lconv.validation import IntOrPair, check_int

CELL, DPI, SHARP, MARGIN = 0.36, 100, 2, 0.2  # inches; pixels per inch, and of the PNG for each; cells
STACK, MAPS, MINIMUM, ROOM = 3, 8, 0.35, 0.3  # cells: the longest side, (maps), the least side, at an arrow
FONT, SMALL = "DejaVu Sans", 9  # the font comes with matplotlib; points
SIGNS = {"⋆": 22, "·": 20, "+": 15, "=": 15}  # points
INK, MUTED, LINE, PALE, PAPER = "#1b1f24", "#69727d", "#8d97a2", "#d5dae0", "#ffffff"
BLUE, PALE_BLUE, ORANGE, PALE_ORANGE = "#0062a3", "#d3e8f7", "#b34a00", "#ffe9d6"
MARKS = {  # how the marked part of each kind of grid is filled and outlined
    "window": (PALE_BLUE, {"edgecolor": BLUE, "linewidth": 2}),
    "kernel": (PALE_ORANGE, {"edgecolor": ORANGE, "linewidth": 1.5, "linestyle": (0, (4, 1.5))}),
    "term": (PALE_BLUE, {"edgecolor": BLUE, "linewidth": 1.2}),
    "value": (BLUE, {"edgecolor": BLUE, "linewidth": 2}),
}


class Drawing(Figure):
    """A Figure with a description, which a notebook shows once, sharp, on paper of its own."""

    description: str = "A drawing"

    def __repr__(self):
        return self.description

    def _ipython_display_(self):
        """Show the figure and close it, so that neither `plt.show` nor the cell's end shows it again."""
        from IPython.display import display

        plt.close(self)
        metadata = {"image/png": {"width": round(self.get_figwidth() * DPI)}}
        display({"image/png": self.png(), "text/plain": repr(self)}, metadata=metadata, raw=True)

    def png(self) -> bytes:
        """Return the figure as a PNG of few bytes: 64 colours do for lines and letters, 256 for images."""
        full, small = io.BytesIO(), io.BytesIO()
        self.savefig(full, format="png", dpi=SHARP * DPI, facecolor=PAPER)
        palette = Image.Quantize.FASTOCTREE, Image.Quantize.MEDIANCUT
        method, colours = (palette[0], 256) if any(ax.images for ax in self.axes) else (palette[1], 64)
        Image.open(full).convert("RGB").quantize(colours, method).save(small, "PNG", optimize=True)
        return small.getvalue()


def draw(X: Tensor, K: Tensor, at: Sequence[int] | None = None, bias: Tensor | None = None, stride: IntOrPair = 1,
         padding: IntOrPair | str = 0, groups: int = 1) -> Drawing:
    """Draw how one output element comes about: window, kernel, each channel's map, and their sum.

    Shapes: as in `explain`; without ``at`` the element is the first. 1x1 kernels are drawn as the
    matrix that maps the channels of one pixel. Of more than five channels, five are drawn.

    Raises what `explain` raises.

    >>> X, K = torch.arange(9).reshape(3, 3), torch.arange(4).reshape(2, 2)
    >>> figure = draw(X, K, at=(0, 1))
    >>> figure  # describes itself
    1*0 + 2*1 + 4*2 + 5*3 = 25, the output at (0, 1), from rows 0 to 1 and columns 1 to 2 of the input
    >>> plt.close(figure)
    """
    grids, signs, description = lay_out(X, K, at, bias, stride, padding, groups)
    left = min(grid.x - (grid.slot - grid.size[0]) / 2 for grid in grids) - MARGIN
    right = max(grid.x + (grid.slot + grid.size[0]) / 2 for grid in grids) + MARGIN
    top = min(grid.y for grid in grids) - CAPTION - MARGIN
    bottom = max(*(grid.bottom for grid in grids), *(y for _, y, _ in signs)) + MARGIN
    width, height = right - left, bottom - top

    figure = blank(width, height, description)
    for grid in grids:
        place = ((grid.x - left) / width, (bottom - grid.bottom) / height,
                 grid.size[0] / width, grid.size[1] / height)
        fill(figure.add_axes(place, label=grid.caption), grid)
    for x, y, text in signs:
        figure.text((x - left) / width, (bottom - y) / height, text, ha="center", va="center", family=FONT,
                    size=SIGNS.get(text, SMALL), color=INK)
    return figure


def blank(width, height, description):
    """Make a Drawing of so many cells, with nothing in it yet."""
    figure = plt.figure(FigureClass=Drawing, figsize=(width * CELL, height * CELL), dpi=DPI, facecolor=PAPER)
    figure.description = description
    return figure


def fill(ax, grid):
    """Draw a grid into its axes: numbers, or an image where they would be too many."""
    rows, columns = grid.values.shape
    row, column, high, wide = grid.mark or (0, 0, 0, 0)
    faint = torch.zeros(rows, columns, dtype=torch.bool) if grid.faint is None else grid.faint
    if max(rows, columns) > LARGEST:
        values = grid.values.abs() if grid.values.is_complex() else grid.values
        ax.imshow(values.double().numpy(), cmap="gray", aspect="auto")
    else:
        texts = [short(x) for x in grid.values.flatten().tolist()]
        size = min(11, 36 / max(map(len, texts)))
        for n, text in enumerate(texts):
            i, j = divmod(n, columns)
            marked = row <= i < row + high and column <= j < column + wide
            cell(ax, i, j, text, size, faint[i, j], grid.kind if marked else None)
    if grid.mark:
        halo = [withStroke(linewidth=4, foreground=PAPER)] if ax.images else None
        ax.add_patch(Rectangle((column - 0.5, row - 0.5), wide, high, fill=False, zorder=4, clip_on=False,
                               gid="mark", path_effects=halo, **MARKS[grid.kind][1]))
    ax.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))
    ax.set_title(grid.caption, family=FONT, size=SMALL, color=MUTED if faint.all() else INK, pad=4)
    ax.axis("off")


def cell(ax, row, column, text, size, faint, kind):
    """Draw one number in its square; ``kind`` says how it is marked, if it is."""
    ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=MARKS[kind][0] if kind else PAPER,
                           edgecolor=PALE if faint else LINE, linewidth=0.8, zorder=1 if faint else 2,
                           clip_on=False))
    ax.text(column, row, text, ha="center", va="center_baseline", family=FONT, size=size, zorder=5,
            weight="bold" if kind == "value" else "normal",
            color=PAPER if kind == "value" else MUTED if faint else INK)


def short(x):
    """Write a number so that it fits into a cell.

    >>> [short(x) for x in (56, 2.0, 1 / 3, 12.345, 123456.7)]
    ['56', '2', '0.33', '12', '1.2e5']
    """
    if not isinstance(x, complex) and abs(x) < 1e5 and x == int(x):
        text = str(int(x))
    else:
        text = re.sub(r"e([+-])0*", lambda e: "e" + e[1].strip("+"), f"{x:.{1 if abs(x) < 0.1 else 2}g}")
    return text.replace("-", "\N{MINUS SIGN}")


def draw_stacks(shapes: Sequence[tuple[int, int, int] | str]) -> Drawing:
    """Draw stacks of feature maps, labelled ``c@hxw``, with an arrow from each to the next.

    Shapes: a sequence of ``(c, h, w)``; a string between two of them is written at their arrow. Of more
    than eight maps, eight are drawn.

    Raises ``ValueError`` for a shape that is not three sizes, or a string that is not between two
    shapes; ``TypeError`` for a size that is not an integer.

    >>> figure = draw_stacks([(3, 64, 64), "5 kernels", (5, 63, 63)])
    >>> figure
    3@64x64 -> 5 kernels -> 5@63x63
    >>> plt.close(figure)
    """
    stacks, notes = alternate(shapes)
    scale = STACK / max(max(h, w) for _, h, w in stacks)
    low = max(max(MINIMUM, h * scale) + spread(c) for c, h, _ in stacks) / 2
    names, x = [f"{c}@{h}x{w}" for c, h, w in stacks], 0
    words = [names[0], *(word for pair in zip(notes, names[1:]) for word in pair if word)]

    figure = blank(1, 1, " -> ".join(words).replace("\n", " "))
    ax = figure.add_axes((0, 0, 1, 1), label="stacks")
    for name, (c, h, w), note in zip(names, stacks, [None, *notes]):
        x = x if note is None else arrow(ax, x, note)
        x = stack(ax, x, low + 0.8, name, c, h, w, scale)
    figure.set_size_inches((x + 2 * MARGIN) * CELL, (2 * low + 0.8 + 2 * MARGIN) * CELL)
    ax.set(xlim=(-MARGIN, x + MARGIN), ylim=(low + 0.8 + MARGIN, -low - MARGIN))
    ax.axis("off")
    return figure


def alternate(shapes):
    """Split a sequence into its shapes, and the notes at the arrows between them."""
    stacks, notes = [], []
    for part in (shapes := list(shapes)):
        if isinstance(part, str):
            notes += [part]
        else:
            notes += [""] * (len(stacks) - len(notes))
            stacks += [tuple(check_int("a size", n, 1) for n in part) if isinstance(part, (tuple, list)) else ()]
        if not 0 <= len(stacks) - len(notes) <= 1:
            break
    if len(stacks) != len(notes) + 1 or any(len(shape) != 3 for shape in stacks):
        raise ValueError(f"shapes must be a list of (c, h, w), with at most one string between two of them, "
                         f"but is {shapes}.")
    return stacks, notes


def spread(c):
    """How far the last of c maps stands to the right of the first, and above it."""
    return min(0.3 * (c - 1), 0.3 * (MAPS - 1), 1.5)


def stack(ax, x, low, name, c, h, w, scale):
    """Draw c maps from x on, each before the last, with their name at the bottom; return where they end."""
    h, w, n = max(MINIMUM, h * scale), max(MINIMUM, w * scale), min(c, MAPS)
    slot = max(w + spread(c), len(name) * LETTER * 1.3)
    left, top = x + (slot - w - spread(c)) / 2, -(h + spread(c)) / 2
    for back in [spread(c) * (k / max(1, n - 1)) for k in range(n)][::-1]:
        ax.add_patch(Rectangle((left + back, top + spread(c) - back), w, h, gid=name,
                               facecolor=PALE_BLUE, edgecolor=BLUE, linewidth=1.2))
    ax.text(x + slot / 2, low, name, ha="center", family=FONT, size=11, color=INK)
    return x + slot


def arrow(ax, x, note):
    """Draw an arrow from x on, with a note above; return where the next stack begins."""
    start = x + ROOM
    end = start + max(1.8, *(len(line) * LETTER + 0.4 for line in note.split("\n")))
    ax.annotate("", (end, 0), (start, 0),
                arrowprops={"arrowstyle": "-|>", "color": INK, "shrinkA": 0, "shrinkB": 0})
    ax.text((start + end) / 2, -0.25, note, ha="center", va="bottom", family=FONT, size=SMALL, color=INK)
    return end + ROOM
