"""The interactive figure: Python makes the data, the script in the page draws and recomputes."""

import json
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from string import Template

import torch

from d2lconv.arithmetic import explain, number, problem
from d2lconv.cost import conv2d_cost
from d2lconv.validation import check_int

MOST = 16  # channels, and pixels a side: more numbers than a page can show
CLASSIC = {"c_i": 2, "c_o": 1, "k": 2, "size": 3}


def explore(X: torch.Tensor | None = None, K: torch.Tensor | None = None, bias: torch.Tensor | None = None,
            stride: int = 1, padding: int = 0, groups: int = 1) -> "Explorer":
    """Show in the page where each number of a convolution's output comes from, and let it be changed.

    Shapes: as `explain`, at most 16 channels of 16x16. Stride, padding and groups can be changed in
    the page where they fit; with more groups than given, each kernel keeps its own group's slices.
    Without tensors, the page shows the classic family ``X[c, i, j] = w*i + j + c`` and
    ``K[o, c, a, b] = k_w*a + b + c + o``, and every shape can be changed as well.

    Raises ``ValueError`` for a wrong or too large shape, ``TypeError`` for a wrong or mixed dtype or
    device, and for complex numbers.

    >>> explore()
    X (2, 3, 3), K (1, 2, 2, 2), stride 1, padding 0, groups 1 -> Y (1, 2, 2)
    Y[0, 0, 0] = (0*0 + 1*1 + 3*2 + 4*3) + (1*1 + 2*2 + 4*3 + 5*4) = 19 + 37 = 56

    Source: the classic example is that of Dive into Deep Learning, section 7.4.1.
    """
    if (X is None) != (K is None) or (X is None and bias is not None):
        raise ValueError("explore takes X and K together, with a bias or without, or none of the three.")
    stride, padding = check_int("stride", stride, 1), check_int("padding", padding, 0)
    groups, sizes = check_int("groups", groups, 1), None
    if X is None:
        if groups > 4:
            raise ValueError(f"the classic family has at most 4 groups, but groups is {groups}: "
                             f"for more, give your own X and K.")
        sizes = CLASSIC if groups == 1 else {**CLASSIC, "c_i": groups, "c_o": groups}
        X, K = family(**sizes, groups=groups)
    X, K, *_ = problem(X, K, bias, stride, padding, groups)
    if X.is_complex():
        raise TypeError(f"X is {X.dtype}, and explore draws real numbers: take X.real and K.real.")
    if padding > MOST:
        raise ValueError(f"padding is {padding}, but explore shows every number: at most {MOST} on each side.")
    if max(*X.shape, *K.shape) > MOST:
        raise ValueError(f"X is {tuple(X.shape)} and K is {tuple(K.shape)}, but explore shows every number: "
                         f"at most {MOST} channels of {MOST}x{MOST}. Take a part, for example X[:, :8, :8].")
    return Explorer(X, K, bias, stride, padding, groups, sizes)


def family(c_i=2, c_o=1, k=2, size=3, groups=1):
    """Make the classic tensors, in the classic or in other sizes.

    Shapes: ``-> (c_i, size, size), (c_o, c_i / groups, k, k)``.

    >>> family()[1]
    tensor([[[[0, 1],
              [2, 3]],
    <BLANKLINE>
             [[1, 2],
              [3, 4]]]])
    """
    plane, weights = torch.arange(size * size), torch.arange(k * k)
    X = plane.reshape(size, size) + torch.arange(c_i)[:, None, None]
    slices = weights.reshape(k, k) + torch.arange(c_i // groups)[:, None, None]
    return X, slices + torch.arange(c_o)[:, None, None, None]


@dataclass(frozen=True, eq=False)
class Explorer:
    """What `explore` returns: HTML where that is shown, elsewhere shapes and the first element."""

    X: torch.Tensor
    K: torch.Tensor
    bias: torch.Tensor | None
    stride: int
    padding: int
    groups: int
    sizes: dict[str, int] | None

    def _repr_html_(self):
        given = {"sizes": self.sizes, "stride": self.stride, "padding": self.padding, "groups": self.groups}
        if self.sizes is None:
            given |= {"X": self.X.tolist(), "K": self.K.tolist(),
                      "bias": None if self.bias is None else self.bias.tolist()}
        return Template(asset("explorer.html")).substitute(
            style=asset("explorer.css"), script=asset("explorer.js"),
            given=json.dumps(given, separators=(",", ":")),  # NaN and Infinity are JavaScript, too
            shapes=escape(self.shapes()), table=self.table(), arithmetic=self.first())

    def __repr__(self):
        return f"{self.shapes()}\nY[0, 0, 0] = {self.first()}"

    def shapes(self) -> str:
        """The problem in one line."""
        cost = conv2d_cost(self.X.shape, self.K.shape, stride=self.stride, padding=self.padding, groups=self.groups)
        return (f"X {tuple(self.X.shape)}, K {tuple(self.K.shape)}, stride {self.stride}, "
                f"padding {self.padding}, groups {self.groups} -> Y {cost.output_shape}")

    def first(self):
        """The arithmetic of the first output element."""
        return explain(self.X, self.K, (0, 0, 0), self.bias, self.stride, self.padding, self.groups)

    def table(self) -> str:
        """The rows of the first element's table, which is all that some viewers let through."""
        def rows(numbers):
            return "<br>".join("&nbsp; ".join(map(number, row)) for row in numbers)

        first = self.first()
        lines = [(f"input channel {c}", rows(window), rows(kernel), number(term))
                 for c, window, kernel, term
                 in zip(first.channels, first.windows, first.slices, first.terms)]
        if first.bias is not None:
            lines.append(("bias", "", "", number(first.bias)))
        lines.append(("sum = output", "", "", f"<b>{number(first.value)}</b>"))
        return "\n".join(f"<tr>{''.join(cell(text) for text in line)}</tr>" for line in lines)


def cell(text):
    """A table cell whose looks survive where stylesheets are taken away."""
    return f'<td style="padding: 0.3em 0.8em; border: 1px solid; text-align: right">{text}</td>'


@cache
def asset(name):
    """Read one of the files beside this one."""
    return (Path(__file__).parent / name).read_text(encoding="utf-8")
