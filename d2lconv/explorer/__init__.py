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
from torch import Tensor

from d2lconv import palette
from d2lconv.arithmetic import Arithmetic, explain, number, problem
from d2lconv.validation import Geometry, IntOrPair, check_bool, check_int

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


def explore(X: Tensor | None = None, K: Tensor | None = None, bias: Tensor | None = None,
            stride: IntOrPair = 1, padding: IntOrPair | str = 0, dilation: IntOrPair = 1, groups: int = 1, *,
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
    predict = check_bool("predict", predict)
    groups = check_int("groups", groups, 1)
    sizes = None
    if X is None:
        if groups > 4:
            raise ValueError(f"the classic family has at most 4 groups, but groups is {groups}: "
                             f"for more, give your own X and K.")
        sizes = CLASSIC if groups == 1 else {**CLASSIC, "c_i": groups, "c_o": groups}
        X, K = family(**sizes, groups=groups)
    settings = bias, stride, padding, dilation, groups
    X, K, geometry = problem(X, K, *settings)
    if X.is_complex():
        raise TypeError(f"X is {X.dtype}, and explore draws real numbers: take X.real and K.real.")
    border = max(map(max, geometry.padding))
    if border > KERNEL:
        raise ValueError(f"padding is {border}, but explore shows every number: at most {KERNEL} on each side.")
    too_large = max(len(X), len(K)) > CHANNELS or max(X.shape[1:]) > SIDE
    if too_large or max(K.shape[2:]) > KERNEL:
        raise ValueError(f"X is {tuple(X.shape)} and K is {tuple(K.shape)}, but explore shows at most {CHANNELS} "
                         f"channels of {SIDE}x{SIDE}, and kernels of {KERNEL}x{KERNEL}. Take a part, for example "
                         f"X[:, :{SIDE}, :{SIDE}].")
    return Explorer(X, K, settings, geometry, sizes, predict)


def family(c_i: int = 2, c_o: int = 1, k: int = 2, size: int = 3, groups: int = 1) -> tuple[Tensor, Tensor]:
    """Make the classic tensors, in the classic or in other sizes.

    Shapes: ``-> (c_i, size, size), (c_o, c_i / groups, k, k)``.

    >>> family()[1]
    tensor([[[[0, 1],
              [2, 3]],
    <BLANKLINE>
             [[1, 2],
              [3, 4]]]])
    """
    c, o = torch.arange(c_i), torch.arange(c_o)
    plane = torch.arange(size * size).reshape(size, size)
    weights = torch.arange(k * k).reshape(k, k)
    slices = weights + c[:c_i // groups, None, None]
    return plane + c[:, None, None], slices + o[:, None, None, None]


@dataclass(frozen=True, eq=False)
class Explorer:
    """What `explore` returns: HTML where that is shown, elsewhere shapes and the first element."""

    X: Tensor
    K: Tensor
    settings: tuple[Any, ...]  # bias, stride, padding, dilation, groups
    geometry: Geometry
    sizes: dict[str, int] | None
    predict: bool

    def _repr_html_(self) -> str:
        scripts = ["numbers.js", "address.js", "explorer.js"]
        scripts += ["pictures.js"] * self.pictures() + ["predict.js"] * self.predict
        return Template(asset("explorer.html")).substitute(
            palette=palette.css(),
            star=palette.STAR,
            style=asset("explorer.css"),
            script="".join(map(asset, scripts)),
            given=json.dumps(self.given(), separators=(",", ":")),  # NaN and Infinity are JavaScript, too
            shapes=escape(self.shapes()),
            table=self.table(),
            arithmetic=self.first(),
        )

    def __repr__(self) -> str:
        return f"{self.shapes()}\nY[0, 0, 0] = {self.first()}"

    def given(self) -> dict[str, Any]:
        """What the script in the page is given."""
        bias, *_, groups = self.settings
        data = {
            "stride": self.geometry.stride,
            "padding": self.geometry.padding,
            "dilation": self.geometry.dilation,
            "controls": self.controls(),
            "groups": groups,
            "sizes": self.sizes,
            "pictures": self.pictures(),
        }
        if self.sizes is None:
            data["X"] = packed(self.X) if self.pictures() else self.X.tolist()
            data["K"] = self.K.tolist()
            data["bias"] = None if bias is None else bias.tolist()
        if self.predict:
            data["beliefs"] = beliefs()
        return data

    def controls(self) -> list[dict[str, Any]]:
        """What can be chosen in the page: for each control its name, label, values, and how they are written."""
        c_i, c_o, groups = len(self.X), len(self.K), self.geometry.groups
        fit = {g: str(g) for g in range(1, c_i + 1) if c_i % g == c_o % g == g % groups == 0}
        listed: list[Any] = [
            *(SHAPES if self.sizes else []),
            ("groups", "groups", COUNTS if self.sizes else fit),
            ("stride", "stride", pairs((1, 1), (2, 2), (3, 3), self.geometry.stride)),
            ("padding", "padding", pairs(*(((n, n), (n, n)) for n in (0, 1, 2)), self.geometry.padding)),
            ("dilation", "dilation", pairs((1, 1), (2, 2), self.geometry.dilation)),
            *BELIEFS,
        ]
        return [
            {"name": name, "label": label, "values": [*texts], "texts": [*texts.values()]}
            for name, label, texts in listed if len(texts) > 1
        ]

    def pictures(self) -> bool:
        """Whether a matrix may have too many numbers in a row for digits."""
        c_i, k_h, k_w = self.K.shape[1:]
        widest = max(*self.X.shape[1:], k_h, k_w, c_i * k_w)
        border = max(2, *map(max, self.geometry.padding))  # the controls lead to 2
        return self.sizes is None and widest + 2 * border > DIGITS

    def shapes(self) -> str:
        """The problem in one line."""
        _, stride, padding, dilation, groups = self.settings
        output = len(self.K), *self.geometry.output_size
        spread = "" if dilation == 1 else f"dilation {dilation}, "
        return (f"X {tuple(self.X.shape)}, K {tuple(self.K.shape)}, stride {stride}, padding {padding}, "
                f"{spread}groups {groups} -> Y {output}")

    def first(self) -> Arithmetic:
        """The arithmetic of the first output element."""
        return explain(self.X, self.K, (0, 0, 0), *self.settings)

    def table(self) -> str:
        """The rows of the first element's table, which is all that some viewers let through."""
        first = self.first()
        lines = []
        for c, window, kernel, term in zip(first.channels, first.windows, first.slices, first.terms):
            lines.append([f"input channel {c}", in_rows(window), in_rows(kernel), number(term)])
        if first.bias is not None:
            lines.append(["bias", "", "", number(first.bias)])
        lines.append(["sum = output", "", "", f"<b>{number(first.value)}</b>"])
        looks = "padding: 0.3em 0.8em; border: 1px solid; text-align: right"  # which outlive stylesheets
        rows = ["".join(f'<td style="{looks}">{text}</td>' for text in line) for line in lines]
        return "\n".join(f"<tr>{row}</tr>" for row in rows)


def in_rows(matrix: Any) -> str:
    """Write a matrix as lines of HTML."""
    return "<br>".join("&nbsp; ".join(map(number, row)) for row in matrix)


def pairs(*choices: Any) -> dict[Any, str]:
    """Return each choice once, with how it is written."""
    return {choice: written(choice) for choice in choices}


def written(value: Any, between: str = ", ") -> str:
    """Write a pair of equal sides as one of them."""
    if not isinstance(value, tuple):
        return str(value)
    first, second = (written(side, "+") for side in value)
    return first if first == second else f"{first}{between}{second}"


def packed(X: Tensor) -> dict[str, Any]:
    """Write many numbers as bytes: the levels of a photograph one each, others as float32."""
    codes = X.float()
    found: dict[str, Any] = {"shape": X.shape}
    for levels in (1, 255):
        pixels = (X * levels).round()
        in_a_byte = pixels.min() >= 0 and pixels.max() <= 255
        if in_a_byte and torch.equal((pixels / levels).to(X.dtype), X):
            codes = pixels.to(torch.uint8)
            found["levels"] = levels
            break
    raw = codes.detach().cpu().contiguous().numpy().tobytes()
    return {**found, "bytes": base64.b64encode(raw).decode()}


def beliefs() -> list[dict[str, str]]:
    """The registered misconceptions that predict.js computes, in order of preference."""
    from d2lconv.exercises import wrong_answers  # late: whoever predicts nothing needs no exercises

    known = re.findall(r'^"(.*)": \(', asset("predict.js"), flags=re.MULTILINE)
    entries = {entry.misconception.name: entry.misconception for entry in wrong_answers("conv2d")}
    return [{"name": name, "hint": entries[name].hint} for name in entries if name in known]


@cache
def asset(name: str) -> str:
    """Read one of the files beside this one; scripts and styles without indentation and comments."""
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    if name.endswith(".css"):
        text = re.sub(r";?\s*(})|/\*.*?\*/", r"\1", text, flags=re.DOTALL)
    if name.endswith(".js"):
        text = re.sub(r"(?<=[;{]) // .*|^ *//.*\n", "", text, flags=re.MULTILINE)
    return text if name.endswith(".html") else re.sub(r"^\s+", "", text, flags=re.MULTILINE)
