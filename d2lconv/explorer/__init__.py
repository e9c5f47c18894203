"""The interactive figure: Python makes the data, the script in the page draws and recomputes."""

import base64
import json
import re
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import torch

from d2lconv import palette
from d2lconv.arithmetic import explain, number, problem
from d2lconv.cost import conv2d_cost
from d2lconv.validation import IntOrPair, check_bool, check_int

CHANNELS, SIDE, KERNEL = 16, 64, 16  # the largest that a page can show
DIGITS = 10  # numbers in a row: more of them are shown as a picture
CLASSIC = {"c_i": 2, "c_o": 1, "k": 2, "size": 3}
COUNTS = {n: str(n) for n in (1, 2, 3, 4)}
SHAPES = [
    ("c_i", "channels in", COUNTS),
    ("c_o", "channels out", COUNTS),
    ("k", "kernel", {n: f"{n}x{n}" for n in (1, 2, 3)}),
    ("size", "image", {n: f"{n}x{n}" for n in (3, 4, 5)}),
]
BELIEFS = [
    ("bias", "bias", {False: "off", True: "on"}),
    ("relu", "ReLU", {False: "off", True: "on"}),
    ("combine", "The channels' maps are", {"sum": "added", "mean": "averaged?"}),
    ("slices", "Each channel meets", {"own": "its own slice", "shared": "one shared slice?"}),
    ("act", "The activation comes", {"after": "after the sum", "before": "before the sum?"}),
    ("out", "What comes out", {"c_o": "one map a kernel", "all": "one map a slice?"}),
]


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
    settings = bias, stride, padding, groups, dilation
    X, K, geometry = problem(X, K, *settings)
    if X.is_complex():
        raise TypeError(f"X is {X.dtype}, and explore draws real numbers: take X.real and K.real.")
    border = max(map(max, geometry.padding))
    if border > KERNEL:
        raise ValueError(f"padding is {border}, but explore shows every number: at most {KERNEL} on each side.")
    if max(len(X), len(K)) > CHANNELS or max(X.shape[1:]) > SIDE or max(K.shape[2:]) > KERNEL:
        raise ValueError(f"X is {tuple(X.shape)} and K is {tuple(K.shape)}, but explore shows at most {CHANNELS} "
                         f"channels of {SIDE}x{SIDE}, and kernels of {KERNEL}x{KERNEL}. Take a part, for example "
                         f"X[:, :{SIDE}, :{SIDE}].")
    return Explorer(X, K, settings, sizes, predict)


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
    settings: tuple[Any, ...]  # bias, stride, padding, groups, dilation
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
        bias, _, _, groups, _ = self.settings
        _, _, geometry = problem(self.X, self.K, *self.settings)
        data = {name: getattr(geometry, name) for name in ("stride", "padding", "dilation")}
        data["controls"] = controls(self.sizes, self.X, self.K, groups, **data)
        data |= {"groups": groups, "sizes": self.sizes, "predict": self.predict, "pictures": self.pictures()}
        if self.sizes is None:
            data["X"] = packed(self.X) if self.pictures() else self.X.tolist()
            data["K"] = self.K.tolist()
            data["bias"] = None if bias is None else bias.tolist()
        if self.predict:
            data["beliefs"] = beliefs()
        return data

    def pictures(self):
        """Whether a matrix may have too many numbers in a row for digits."""
        c_i, *kernel = self.K.shape[1:]
        widest = max(*self.X.shape[1:], *kernel, c_i * kernel[1])
        return self.sizes is None and widest + 4 > DIGITS

    def shapes(self) -> str:
        """The problem in one line."""
        _, stride, padding, groups, dilation = self.settings
        cost = conv2d_cost(self.X.shape, self.K.shape, False, stride, padding, dilation, groups)
        spread = "" if dilation == 1 else f"dilation {dilation}, "
        return (f"X {tuple(self.X.shape)}, K {tuple(self.K.shape)}, stride {stride}, padding {padding}, "
                f"{spread}groups {groups} -> Y {cost.output_shape}")

    def first(self):
        """The arithmetic of the first output element."""
        return explain(self.X, self.K, (0, 0, 0), *self.settings)

    def table(self) -> str:
        """The rows of the first element's table, which is all that some viewers let through."""
        first = self.first()
        lines = []
        for c, *matrices, term in zip(first.channels, first.windows, first.slices, first.terms):
            texts = ["<br>".join("&nbsp; ".join(map(number, row)) for row in matrix) for matrix in matrices]
            lines += [[f"input channel {c}", *texts, number(term)]]
        if first.bias is not None:
            lines += [["bias", "", "", number(first.bias)]]
        lines += [["sum = output", "", "", f"<b>{number(first.value)}</b>"]]
        looks = "padding: 0.3em 0.8em; border: 1px solid; text-align: right"  # which outlive stylesheets
        rows = ["".join(f'<td style="{looks}">{text}</td>' for text in line) for line in lines]
        return "\n".join(f"<tr>{row}</tr>" for row in rows)


def controls(sizes, X, K, groups, stride, padding, dilation):
    """What can be chosen in the page: for each control its name, label, values, and how they are written."""
    fit = {g: str(g) for g in range(1, len(X) + 1) if len(X) % g + len(K) % g + g % groups == 0}
    listed: list[Any] = [*(SHAPES if sizes else []), ("groups", "groups", COUNTS if sizes else fit)]
    for name, pairs, given in (("stride", [(1, 1), (2, 2), (3, 3)], stride),
                               ("padding", [((n, n), (n, n)) for n in (0, 1, 2)], padding),
                               ("dilation", [(1, 1), (2, 2)], dilation)):
        listed += [(name, name, {pair: written(pair) for pair in [*pairs, given]})]
    return [{"name": name, "label": label, "values": [*texts], "texts": [*texts.values()]}
            for name, label, texts in [*listed, *BELIEFS] if len(texts) > 1]


def written(value, between=", "):
    """Write a pair of equal sides as one of them."""
    if not isinstance(value, tuple):
        return str(value)
    first, second = (written(side, "+") for side in value)
    return first if first == second else f"{first}{between}{second}"


def packed(X):
    """Write many numbers as bytes: the levels of a photograph one each, others as float32."""
    codes, found = X.float(), {"shape": X.shape}
    for levels in (1, 255):
        pixels = (X * levels).round()
        if pixels.min() >= 0 and pixels.max() <= 255 and torch.equal((pixels / levels).to(X.dtype), X):
            codes, found["levels"] = pixels.to(torch.uint8), levels
            break
    raw = codes.detach().cpu().contiguous().numpy().tobytes()
    return {**found, "bytes": base64.b64encode(raw).decode()}


def beliefs():
    """The registered misconceptions that predict.js computes, in order of preference."""
    from d2lconv.exercises import wrong_answers  # late: whoever predicts nothing needs no exercises

    known = re.findall(r'^"(.*)": \(', asset("predict.js"), flags=re.MULTILINE)
    entries = {entry.misconception.name: entry.misconception for entry in wrong_answers("conv2d")}
    return [{"name": name, "hint": entries[name].hint} for name in entries if name in known]


@cache
def asset(name):
    """Read one of the files beside this one; scripts and styles without indentation and comments."""
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    if name.endswith(".css"):
        text = re.sub(r";?\s*(})|/\*.*?\*/", r"\1", text, flags=re.DOTALL)
    if name.endswith(".js"):
        text = re.sub(r"(?<=[;{]) // .*|^ *//.*\n", "", text, flags=re.MULTILINE)
    return text if name.endswith(".html") else re.sub(r"^\s+", "", text, flags=re.MULTILINE)
