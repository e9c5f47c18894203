"""The arithmetic behind one output element: every product, every channel's part, the sum."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from itertools import chain
from typing import Any

from torch import Tensor

from d2lconv import validation
from d2lconv.contraction import add_border, windows
from d2lconv.validation import Geometry, IntOrPair

LONGEST = 9  # a 3x3 window still reads well; of anything longer, the middle is left out
LATEX = {"*": r" \cdot ", "≈": r"\approx", "nan": r"\text{nan}", "inf": r"\infty"}


def explain(X: Tensor, K: Tensor, at: Sequence[int], bias: Tensor | None = None, stride: IntOrPair = 1,
            padding: IntOrPair | str = 0, dilation: IntOrPair = 1, groups: int = 1) -> "Arithmetic":
    """Write out how one output element comes about; ``str`` is the arithmetic, ``.value`` the number.

    Shapes: ``K (c_o, c_i / groups, k_h, k_w)`` with ``at = (o, i, j)`` and ``bias (c_o,)``; or, for
    one output channel, ``K (c_i, k_h, k_w)`` or ``(k_h, k_w)`` with ``at = (i, j)`` and ``bias (1,)``.
    ``X`` is ``(c_i, h, w)``, or ``(h, w)`` with a ``K (k_h, k_w)``.

    Raises ``ValueError`` for a wrong shape, or an ``at`` outside of the output; ``TypeError`` for a
    wrong or mixed dtype or device, or for tensors on the device meta.

    >>> import torch
    >>> X, K = torch.arange(9).reshape(3, 3), torch.arange(4).reshape(2, 2)
    >>> explain(torch.stack([X, X + 1]), torch.stack([K, K + 1]), at=(0, 0))
    (0*0 + 1*1 + 3*2 + 4*3) + (1*1 + 2*2 + 4*3 + 5*4) = 19 + 37 = 56

    Source: Dive into Deep Learning, section 7.4.1.
    """
    images, kernels, geometry = problem(X, K, bias, stride, padding, dilation, groups)
    c_o, c_k, *_ = kernels.shape
    axes = ("o", "i", "j") if K.ndim == 4 else ("i", "j")
    o, i, j = place(at, (c_o, *geometry.output_size), axes)

    group = o // (c_o // groups)
    channels = range(group * c_k, (group + 1) * c_k)
    seen = add_border(images[channels.start:channels.stop], geometry.padding)
    window = windows(seen, geometry.kernel_size, geometry.stride, geometry.dilation)[:, i, j]  # (c_k, k_h, k_w)
    added = None if bias is None else bias[o].item()
    return Arithmetic((o, i, j), tuple(channels), frozen(window), frozen(kernels[o]), added)


@dataclass(frozen=True)
class Arithmetic:
    """One output element ``at = (o, i, j)``, with the numbers that it is made of.

    Shapes: for each of the input ``channels`` that the element sees, ``windows`` and ``slices`` hold
    ``k_h`` rows of ``k_w`` numbers, and ``terms`` one number.

    >>> Arithmetic((0, 0, 0), (0,), (((1, -2),),), (((3, 4),),), bias=7)
    (1*3 + (-2)*4) + 7 = (-5) + 7 = 2
    """

    at: tuple[int, ...]
    channels: tuple[int, ...]
    windows: tuple[Any, ...]
    slices: tuple[Any, ...]
    bias: float | None = None

    @property
    def products(self) -> tuple[Any, ...]:
        """For each channel, the pairs of numbers that are multiplied, in reading order."""
        return tuple(tuple(zip(chain(*window), chain(*kernel)))
                     for window, kernel in zip(self.windows, self.slices))

    @property
    def terms(self) -> tuple[Any, ...]:
        """What each input channel contributes, in Python's own unlimited integers or float64."""
        return tuple(sum(x * k for x, k in pairs) for pairs in self.products)

    @property
    def value(self) -> Any:
        """The sum of the terms, and of the bias if there is one; the layer's own dtype may round it."""
        return sum(self.terms) + (self.bias or 0)

    def lines(self) -> list[str]:
        """Break the arithmetic as it is best read: a line for each channel, for the bias, for the sums."""
        bias = [] if self.bias is None else [self.bias]
        factors = [n for pairs in self.products for pair in pairs for n in pair]
        shown = [*factors, *self.terms, *bias, self.value]
        equals = "=" if all(map(exact, shown)) else "≈"

        sums = []
        for pairs in self.products:
            products = [f"{factor(x)}*{factor(k)}" for x, k in pairs]
            sums.append(" + ".join(elide(products)))
        if len(sums) + len(bias) > 1:
            sums = [f"({text})" if " + " in text else text for text in sums]
        added = [factor(b) for b in bias]
        first, *others = elide(sums) + added
        lines = [first, *(f"+ {other}" for other in others)]
        if others:
            terms = elide([factor(term) for term in self.terms]) + added
            lines.append(f"{equals} {' + '.join(terms)}")
        return [*lines, f"{equals} {number(self.value)}"]

    def __str__(self) -> str:
        return " ".join(self.lines())

    __repr__ = __str__

    def _repr_latex_(self) -> str:
        first, *others = self.lines()
        lines = [f"& {first}", *(f"{line[0]} & {line[2:]}" for line in others)]
        text = r" \\ ".join(lines)
        text = re.sub(r"\.\.\. (\d+) more \.\.\.", r"\\cdots \1 \\text{ more} \\cdots", text)
        text = re.sub(r"e(-?\d+)", r" \\cdot 10^{\1}", text)
        for plain, latex in LATEX.items():
            text = text.replace(plain, latex)
        return rf"$\begin{{aligned}} {text} \end{{aligned}}$"


def problem(X: Any, K: Any, bias: Tensor | None, stride: IntOrPair, padding: IntOrPair | str,
            dilation: IntOrPair, groups: int) -> tuple[Tensor, Tensor, Geometry]:
    """Check a problem, and spell it out: one channel and one output channel are still axes.

    Shapes: the returned ``X (c_i, h, w)``, ``K (c_o, c_i / groups, k_h, k_w)``.
    """
    check_shown(X=X, K=K)
    validation.check_axes("K", K.shape, validation.KERNELS[-max(K.ndim, 2):])
    validation.check_axes("X", X.shape, validation.IMAGES[-min(K.ndim, 3):])
    X = X[(None,) * (3 - X.ndim)]
    K = K[(None,) * (4 - K.ndim)]
    return X, K, validation.check_conv2d(X, K, bias, stride, padding, dilation, groups, ("X", "K"))


def check_shown(**tensors: Any) -> None:
    """Refuse what is no tensor of numbers."""
    validation.check_tensors(**tensors)
    for name, tensor in tensors.items():
        if tensor.is_meta:
            raise TypeError(f"{name} is on the device meta, where tensors have shapes but no numbers: there are none "
                            f"to show. Take tensors with numbers, for example torch.rand({name}.shape).")


def place(at: Any, shape: tuple[int, ...], axes: tuple[str, ...]) -> tuple[int, ...]:
    """Return ``at`` as ``(o, i, j)``, if it lies inside of an output of this shape."""
    try:
        found = tuple(at)
    except TypeError:
        found = (at,)
    if len(found) != len(axes):
        raise ValueError(f"at must be ({', '.join(axes)}), but is {at!r}: a K with four axes has an "
                         f"output channel o to choose, any other K has none.")
    found = tuple(validation.check_int(f"at's {axis}", n, 0) for axis, n in zip(axes, found))
    shape = shape[-len(axes):]
    for axis, n, size in zip(axes, found, shape):
        if n >= size:
            raise ValueError(f"at={found} is outside of the output, which is {shape}: "
                             f"take {axis} from 0 to {size - 1}.")
    return (0, *found)[-3:]


def frozen(tensor: Tensor) -> tuple[Any, ...]:
    """Turn a tensor of three axes into tuples of Python numbers."""
    return tuple(tuple(tuple(row) for row in rows) for rows in tensor.tolist())


def elide(parts: list[Any]) -> list[Any]:
    """Leave out the middle of a long sum, and say how much.

    >>> elide(list("abcdefghijklmn"))
    ['a', 'b', 'c', '... 9 more ...', 'm', 'n']
    """
    if len(parts) <= LONGEST:
        return parts
    return [*parts[:3], f"... {len(parts) - 5} more ...", *parts[-2:]]


def factor(x: Any) -> str:
    """Write a number so that an operator may stand before it: negative numbers in parentheses."""
    text = number(x)
    return f"({text})" if text.startswith("-") else text


def number(x: Any) -> str:
    """Write a number: an integer in full, any other with four significant digits, or more if it has as many in front.

    >>> [number(x) for x in (56, -2.0, 1 / 3, 1234.56, 0.000123456)]
    ['56', '-2', '0.3333', '1235', '1.235e-4']
    """
    if isinstance(x, complex):
        real, imaginary = number(x.real), number(x.imag)
        sign = "" if imaginary.startswith("-") else "+"
        return f"({real}{sign}{imaginary}j)"
    if x != x or abs(x) == float("inf"):
        return str(x)
    if isinstance(x, int) or (x == int(x) and abs(x) < 2**53):
        return str(int(x))
    exponent = Decimal(repr(x)).adjusted()
    plain = -4 < exponent < 15
    precision = max(4, exponent + 1) if plain else 4
    rounded = Context(precision, ROUND_HALF_UP).create_decimal(x).normalize()
    if plain:
        return f"{rounded:f}"
    mantissa, _, power = f"{rounded:e}".partition("e")
    return f"{mantissa}e{int(power)}"


def exact(x: Any) -> bool:
    """Say whether `number` shows all of a number: float32's own rounding is not held against it, a fraction is.

    >>> exact(0.1000000015), exact(1000000.5)
    (True, False)
    """
    shown = complex(number(x))
    return bool(x != x or shown == x or abs(shown - x) <= 1e-6 * min(abs(x), 1e4))
