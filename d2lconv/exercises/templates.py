"""What a question is made of: a template, its numbers, its tensors, and how these are shown."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from random import Random
from typing import Any

import torch

from d2lconv.arithmetic import explain, number
from d2lconv.exercises.engine.report import Misconception
from d2lconv.exercises.tasks.numbers import counted

USUAL = {  # what the parameters of these names are in practice, unless a template says otherwise
    "c c_i c_o": (2, 3, 4, 5, 6, 8),
    "h w": (6, 7, 8, 9, 10),
    "k k_h k_w k2 kernel w1 w2": (2, 3, 4, 5),
    "stride": (1, 2, 3),
    "padding": (0, 1, 2),
    "groups": (2, 3, 4),
    "i j o": (0, 1),
    "draw": range(1, 60),
}


@dataclass(frozen=True, eq=False)
class Template:
    """A question that can be asked with many numbers.

    A template computes nothing itself. Its ``arguments`` are handed to the true function of its ``exercise`` and to
    the registered wrong ones; what is ``asked`` of each result is the answer, or the mark of a belief.

    ``numbers`` gives each parameter the book's own value, and others for practice. ``words`` are more to fill into
    ``text`` and ``why``, and the ``grid`` that is shown between them. ``beliefs`` are those that the question tells
    apart. With ``options``, it is a choice: each option has its belief, and the right one has none.
    """

    topic: str
    exercise: str
    numbers: dict[str, tuple[int, Sequence[int]]]
    arguments: Callable[..., Any]
    text: str
    why: str
    beliefs: tuple[Misconception, ...] = ()
    asked: Callable[..., Any] = lambda result, **numbers: result
    words: Callable[..., dict[str, str]] = lambda arguments, **numbers: {}
    options: dict[str, Misconception | None] = field(default_factory=dict)

    @property
    def told_apart(self) -> tuple[Misconception, ...]:
        """The beliefs that have a wrong answer of their own."""
        return self.beliefs or tuple(belief for belief in self.options.values() if belief)


def own(**values):
    """Give each parameter its own value, and those for practice: the usual ones, unless both are given.

    >>> own(padding=1, k_h=(3, (3, 5)))
    {'padding': (1, (0, 1, 2)), 'k_h': (3, (3, 5))}
    """
    usual = {name: others for names, others in USUAL.items() for name in names.split()}
    return {name: n if isinstance(n, tuple) else (n, usual[name]) for name, n in values.items()}


# The tensors of a question

def ones(*patterns):
    """Return a function that makes tensors of ones: only their shapes matter.

    >>> [one.shape for one in ones("c_i h w", "c_i k k")(c_i=2, h=5, w=4, k=3)]
    [torch.Size([2, 5, 4]), torch.Size([2, 3, 3])]
    """
    def make(**numbers):
        shapes = [[numbers[axis] for axis in pattern.split()] for pattern in patterns]
        return list(map(torch.ones, shapes))
    return make


def drawn(*shapes):
    """Return a function that makes tensors of these shapes."""
    return lambda draw, **_: tensors(draw, *shapes)


def tensors(draw, *shapes):
    """Make tensors of these shapes: counted up as in the classic example (``draw`` 0), or drawn anew.

    >>> tensors(7, (1, 3), (2,))
    [tensor([[ 0., -1.,  2.]], dtype=torch.float64), tensor([-1.,  2.], dtype=torch.float64)]
    """
    if draw == 0:
        return [counted(*shape).double() for shape in shapes]
    random = Random(draw)  # Python's generator gives the same digits everywhere
    made = []
    for shape in shapes:
        digits = random.choices(range(-1, 5), k=math.prod(shape))
        made.append(torch.tensor(digits).reshape(shape).double())
    return made


# How they are shown

def by_channel(given, o=0, i=0, j=0, **_):
    """Show each channel of X beside the slices that meet it, and write out the first element asked for."""
    X, K, bias = [*given, None][:3]
    rows = []
    for c, x in enumerate(X):
        if K.ndim == 4:
            slices = [block(f"K[{n}, {c}]", kernel[c]) for n, kernel in enumerate(K)]
        else:
            slices = [block(f"K[{c}]", K[c])]
        rows.append(side_by_side(block(f"X[{c}]", x), *slices))
    at = (o, i, j) if K.ndim == 4 else (i, j)
    return {
        "grid": "\n\n".join(rows),
        "b": "" if bias is None else in_a_row(bias),
        "sum": str(explain(X, K, at, bias)),
    }


def block(name, matrix):
    """Write a matrix under its name, as lines of equal length.

    >>> block("K", torch.tensor([[0, -1], [2, 3]]))
    ['K     ', ' 0  -1', ' 2   3']
    """
    cells = [[number(x) for x in row] for row in matrix.tolist()]
    width = max(len(cell) for row in cells for cell in row)
    lines = [name, *("  ".join(cell.rjust(width) for cell in row) for row in cells)]
    return [line.ljust(max(map(len, lines))) for line in lines]


def side_by_side(*blocks):
    """Join blocks of lines, the first lines in one row.

    >>> print(side_by_side(["X   ", "0  1"], ["K", "2", "3"]))
    X      K
    0  1   2
           3
    """
    widths = [len(lines[0]) for lines in blocks]
    rows = zip_longest(*blocks, fillvalue="")
    return "\n".join("   ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def in_a_row(values):
    """Write numbers in a row.

    >>> in_a_row(torch.tensor([1.0, 2.0]))
    '1, 2'
    """
    return ", ".join(map(number, values.flatten().tolist()))
