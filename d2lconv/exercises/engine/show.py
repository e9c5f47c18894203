"""Write values for a reader: NumPy's printing, with as many digits as the difference needs."""

import reprlib

import numpy as np
import torch

from d2lconv.exercises.engine.values import stacked, unboxed

SHOWN = 40  # a tensor with more elements is described, and only its first difference shown
DIGITS = 4, 7, 10, 17


def show(value, digits=4):
    """Write a value: small tensors in full, large ones by their shape.

    >>> print(show(torch.tensor([[1.0, 2.0], [10.0, 0.0]])))
    [[ 1,  2],
     [10,  0]]
    >>> show(torch.ones(9, 9)), show((3, 8.0)), show(1 / 3), show(None)
    ('(9, 9) numbers', '(3, 8)', '0.3333', 'None')
    """
    several = isinstance(value, list) and value and isinstance(value[0], (list, torch.Tensor))
    if several or isinstance(value, np.ndarray):
        together = stacked(value)
        if together is not None:
            value = together
        elif several:
            value = tuple(value)
    if isinstance(value, torch.Tensor):
        try:
            return show_tensor(value, digits)
        except Exception:  # nested, ...
            return "a tensor that cannot be shown"
    if isinstance(value, tuple):
        more = ", ..." if len(value) > 8 else "," if len(value) == 1 else ""
        return f"({', '.join(show(part, digits) for part in value[:8])}{more})"
    value = unboxed(value)
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 2**53 else f"{value:.{digits}g}"
    return reprlib.repr(value)


def show_tensor(value, digits):
    """Write a tensor, integers without a point."""
    if value.numel() > SHOWN:
        return f"{tuple(value.shape)} numbers"
    if value.numel() == 0:
        return f"no numbers: its shape is {tuple(value.shape)}"
    as_it_is = value.is_complex() or value.dtype == torch.bool
    array = value.numpy() if as_it_is else value.double().numpy()
    if value.ndim == 0:
        return show(array.item(), digits)
    if not as_it_is and np.isfinite(array).all() and (array == array.round()).all():
        array = array.astype(np.int64)
    text = np.array2string(
        array, separator=", ", precision=digits, floatmode="maxprec_equal", max_line_width=200,
        suppress_small=bool(abs(array).max() > 1e-3))
    return text.replace("\n\n\n", "\n\n")  # one line between two kernels is enough


def table(pairs):
    """Write named values below each other, each with digits that tell it from all that is another value.

    >>> print(table([("X", torch.ones(2, 2)), ("yours", 0.20601), ("wanted", 0.20602)]))
    X      = [[1, 1],
              [1, 1]]
    yours  = 0.20601
    wanted = 0.20602
    """
    pairs = [squeezed(*pair) for pair in pairs]
    shown = [[show(value, digits) for digits in DIGITS] for _, value in pairs]
    width = max(len(name) for name, _ in pairs)
    lines = []
    for (name, _), texts in zip(pairs, shown):
        alike = [other for other in shown if other[0] == texts[0] and other[-1] != texts[-1]]
        text = next(text for place, text in enumerate(texts) if all(other[place] != text for other in alike))
        lines.append(f"{name.ljust(width)} = " + text.replace("\n", "\n" + " " * (width + 3)))
    return "\n".join(lines)


def squeezed(name, value):
    """What has slices of 1x1, without their axes: a kernel is the matrix that it is, an image one number a channel."""
    if not isinstance(value, torch.Tensor) or value.ndim < 3 or value.shape[-2:] != (1, 1) or value.numel() == 1:
        return name, value
    return f"{name}[{':, ' * (value.ndim - 2)}0, 0]", value[..., 0, 0]
