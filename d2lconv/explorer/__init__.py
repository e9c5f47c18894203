"""The interactive figure: Python makes the data, the script in the page draws and recomputes."""

import base64
import json
import re
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from string import Template

import torch

from d2lconv import palette
from d2lconv.arithmetic import explain, number, problem
from d2lconv.cost import conv2d_cost
from d2lconv.validation import IntOrPair, check_bool, check_int

CHANNELS, SIDE, KERNEL = 16, 64, 16  # the largest that a page can show
DIGITS = 10  # numbers in a row: more of them are shown as a picture
CLASSIC = {"c_i": 2, "c_o": 1, "k": 2, "size": 3}
KNOWN = ("mean instead of sum", "one shared kernel", "only one input channel seen",
           "the same kernel for every output channel", "kernel flipped (true convolution)",
           "activation before the sum", "height and width exchanged", "c_o and c_i exchanged",
           "`same` instead of `valid`", "padding on one side", "bias added once per channel pair",
           "one group's kernel on all groups")  # the misconceptions that predict.js computes

ONE_TO_FOUR = (1, 2, 3, 4)
BELIEFS = [("bias", "bias", (False, True)), ("relu", "ReLU", (False, True)),
           ("combine", "The channels' maps are", ("sum", "mean")), ("slices", "Each channel meets", ("own", "shared")),
           ("act", "The activation comes", ("after", "before")), ("out", "What comes out", ("c_o", "all"))]
WORDS = {"sum": "added", "mean": "averaged?", "own": "its own slice", "shared": "one shared slice?",
         "after": "after the sum", "before": "before the sum?", "c_o": "one map a kernel", "all": "one map a slice?"}


def explore(X: torch.Tensor | None = None, K: torch.Tensor | None = None, bias: torch.Tensor | None = None,
            stride: IntOrPair = 1, padding: IntOrPair | str = 0, groups: int = 1, dilation: IntOrPair = 1, *,
            predict: bool = False) -> "Explorer":
    """Show in the page where each number of a convolution's output comes from, and let everything be changed.

    Shapes: as `explain`, at most 16 channels of 64x64 and kernels of 16x16. What has more than ten
    numbers in a row is shown as a picture. Every number, stride, padding, dilation and groups can be
    changed in the page where they fit; with more groups than given, each kernel keeps its own group's
    slices. Without tensors, the page shows the classic family ``X[c, i, j] = w*i + j + c`` and
    ``K[o, c, a, b] = k_w*a + b + c + o``, and every shape can be changed as well. With ``predict``, the
    output's numbers are covered until the reader has typed each, or given up; a wrong one is met with
    the name of the misconception that gives it.

    Raises ``ValueError`` for a wrong or too large shape, ``TypeError`` for a wrong or mixed dtype or
    device, for complex numbers, and for tensors on the device meta.

    >>> explore()
    X (2, 3, 3), K (1, 2, 2, 2), stride 1, padding 0, groups 1 -> Y (1, 2, 2)
    Y[0, 0, 0] = (0*0 + 1*1 + 3*2 + 4*3) + (1*1 + 2*2 + 4*3 + 5*4) = 19 + 37 = 56

    Source: the classic example is that of Dive into Deep Learning, section 7.4.1.
    """
    if (X is None) != (K is None) or (X is None and bias is not None):
        raise ValueError("explore takes X and K together, with a bias or without, or none of the three.")
    predict, groups, sizes = check_bool("predict", predict), check_int("groups", groups, 1), None
    if X is None:
        if groups > 4:
            raise ValueError(f"the classic family has at most 4 groups, but groups is {groups}: "
                             f"for more, give your own X and K.")
        sizes = CLASSIC if groups == 1 else {**CLASSIC, "c_i": groups, "c_o": groups}
        X, K = family(**sizes, groups=groups)
    X, K, geometry = problem(X, K, bias, stride, padding, groups, dilation)
    if X.is_complex():
        raise TypeError(f"X is {X.dtype}, and explore draws real numbers: take X.real and K.real.")
    border = max(map(max, geometry.padding))
    if border > KERNEL:
        raise ValueError(f"padding is {border}, but explore shows every number: at most {KERNEL} on each side.")
    if max(len(X), len(K)) > CHANNELS or max(X.shape[1:]) > SIDE or max(K.shape[2:]) > KERNEL:
        raise ValueError(f"X is {tuple(X.shape)} and K is {tuple(K.shape)}, but explore shows at most {CHANNELS} "
                         f"channels of {SIDE}x{SIDE}, and kernels of {KERNEL}x{KERNEL}. Take a part, for example "
                         f"X[:, :{SIDE}, :{SIDE}].")
    return Explorer(X, K, bias, stride, padding, groups, dilation, sizes, predict)


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
    stride: IntOrPair
    padding: IntOrPair | str
    groups: int
    dilation: IntOrPair
    sizes: dict[str, int] | None
    predict: bool

    def _repr_html_(self):
        scripts = ["numbers.js", "address.js", "explorer.js"]
        scripts += ["pictures.js"] * self.pictures() + ["predict.js"] * self.predict
        return Template(asset("explorer.html")).substitute(
            palette=palette.css(), star=palette.STAR, style=asset("explorer.css"), script="".join(map(asset, scripts)),
            given=json.dumps(self.given(), separators=(",", ":")),  # NaN and Infinity are JavaScript, too
            shapes=escape(self.shapes()), table=self.table(), arithmetic=self.first())

    def __repr__(self):
        return f"{self.shapes()}\nY[0, 0, 0] = {self.first()}"

    def given(self):
        """What the script in the page is given."""
        _, _, geometry = problem(self.X, self.K, self.bias, self.stride, self.padding, self.groups, self.dilation)
        steps = {"stride": geometry.stride, "padding": geometry.padding, "dilation": geometry.dilation}
        data = {"sizes": self.sizes, **steps, "groups": self.groups, "predict": self.predict,
                "pictures": self.pictures(), "controls": controls(self.sizes, self.X, self.K, self.groups, **steps)}
        if self.sizes is None:
            data["X"] = packed(self.X) if self.pictures() else self.X.tolist()
            data["K"] = self.K.tolist()
            data["bias"] = None if self.bias is None else self.bias.tolist()
        if self.predict:
            data["beliefs"] = beliefs()
        return data

    def pictures(self):
        """Whether a matrix may have too many numbers in a row for digits."""
        widest = max(*self.X.shape[1:], *self.K.shape[2:], len(self.K[0]) * self.K.shape[3])
        return self.sizes is None and widest + 4 > DIGITS

    def shapes(self) -> str:
        """The problem in one line."""
        cost = conv2d_cost(self.X.shape, self.K.shape, False, self.stride, self.padding, self.dilation, self.groups)
        spread = "" if self.dilation == 1 else f"dilation {self.dilation}, "
        return (f"X {tuple(self.X.shape)}, K {tuple(self.K.shape)}, stride {self.stride}, "
                f"padding {self.padding}, {spread}groups {self.groups} -> Y {cost.output_shape}")

    def first(self):
        """The arithmetic of the first output element."""
        return explain(self.X, self.K, (0, 0, 0), self.bias, self.stride, self.padding, self.groups, self.dilation)

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


def controls(sizes, X, K, groups, stride, padding, dilation):
    """What can be chosen in the page: for each control its name, label, values, and how they are written."""
    fit = [g for g in range(1, len(X) + 1) if len(X) % g + len(K) % g + g % groups == 0]
    shapes = [("c_i", "channels in", ONE_TO_FOUR), ("c_o", "channels out", ONE_TO_FOUR), ("k", "kernel", (1, 2, 3)),
              ("size", "image", (3, 4, 5))]
    rest = [("groups", "groups", ONE_TO_FOUR if sizes else fit), ("stride", "stride", pairs(1, 2, 3, given=stride)),
            ("padding", "padding", pairs((0, 0), (1, 1), (2, 2), given=padding)),
            ("dilation", "dilation", pairs(1, 2, given=dilation)), *BELIEFS]
    return [{"name": name, "label": label, "values": values, "texts": [written(name, value) for value in values]}
            for name, label, values in shapes * bool(sizes) + rest if len(values) > 1]


def pairs(*usual, given):
    """Take each value for both directions, and the given pair if it is none of them."""
    values = [(value, value) for value in usual]
    return values if given in values else [*values, given]


def written(name, value):
    """Write a value of a control: a pair of equal numbers as one of them."""
    if name in ("k", "size"):
        return f"{value}x{value}"
    if isinstance(value, tuple):
        both = [written("", side) for side in value]
        return both[0] if both[0] == both[1] else (", " if name else "+").join(both)
    return {False: "off", True: "on"}[value] if isinstance(value, bool) else WORDS.get(value, str(value))


def packed(X):
    """Write many numbers as bytes: the levels of a photograph one each, others as float32."""
    for levels in (1, 255):
        codes = (X * levels).round()
        if codes.min() >= 0 and codes.max() <= 255 and torch.equal((codes / levels).to(X.dtype), X):
            return {"shape": X.shape, "levels": levels, "bytes": base64_of(codes.to(torch.uint8))}
    return {"shape": X.shape, "bytes": base64_of(X.float())}


def base64_of(tensor):
    return base64.b64encode(tensor.detach().cpu().contiguous().numpy().tobytes()).decode()


def beliefs():
    """The registered misconceptions that predict.js computes, in order of preference."""
    from d2lconv.exercises import wrong_answers  # late: whoever predicts nothing needs no exercises

    entries = {entry.misconception.name: entry.misconception for entry in wrong_answers("conv2d")}
    return [{"name": name, "hint": entries[name].hint} for name in entries if name in KNOWN]


@cache
def asset(name):
    """Read one of the files beside this one; scripts and styles without indentation and comments."""
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    if name.endswith(".css"):
        text = re.sub(r";?\s*(})|/\*.*?\*/", r"\1", text, flags=re.DOTALL)
    if name.endswith(".js"):
        text = re.sub(r"(?<=[;{]) // .*|^ *//.*\n", "", text, flags=re.MULTILINE)
    return text if name.endswith(".html") else re.sub(r"^\s+", "", text, flags=re.MULTILINE)
