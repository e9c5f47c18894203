"""Write values for a reader: NumPy's printing, with as many digits as the difference needs."""

import reprlib

import numpy as np
import torch

from d2lconv.exercises.engine.values import stacked

SHOWN = 40  # a tensor with more elements is described, and only its first difference shown
DIGITS = 4, 7, 10, 17
BRIEF = reprlib.Repr()
BRIEF.maxstring = BRIEF.maxother = 120
BRIEF.maxlist = BRIEF.maxtuple = 9


def show(value, digits=4):
    """Write a value: small tensors in full, large ones by their shape.

    >>> print(show(torch.tensor([[1.0, 2.0], [10.0, 0.0]])))
    [[ 1,  2],
     [10,  0]]
    >>> show(torch.ones(9, 9)), show((3, 8.0)), show(1 / 3), show(None)
    ('(9, 9) numbers', '(3, 8)', '0.3333', 'None')
    """
    if isinstance(value, (tuple, list)) and contains_tensor(value):
        together = stacked(value)
        if together is None:
            return f"({', '.join(show(part, digits) for part in value[:8])})"
        value = together
    if isinstance(value, torch.Tensor):
        try:
            return show_tensor(value, digits)
        except Exception:  # nested, quantized, ...
            return "a tensor that cannot be shown"
    if isinstance(value, (tuple, torch.Size)) and len(value) <= 8:
        return f"({', '.join(show(part, digits) for part in value)})"
    return show_number(value, digits)


def contains_tensor(value):
    """Say whether a tensor is in nested tuples and lists."""
    if isinstance(value, (tuple, list)):
        return any(map(contains_tensor, value[:1000]))
    return isinstance(value, torch.Tensor)


def show_tensor(value, digits):
    """Write a tensor, integers without a point."""
    if value.numel() > SHOWN:
        return f"{tuple(value.shape)} numbers"
    if value.numel() == 0:
        return f"no numbers: its shape is {tuple(value.shape)}"
    array = value.detach().double().numpy() if not value.is_complex() else value.numpy()
    if value.ndim == 0:
        return show_number(array.item(), digits)
    if np.isfinite(array).all() and (array == array.round()).all() and not value.is_complex():
        array = array.astype(np.int64)
    return np.array2string(
        array, separator=", ", precision=digits, floatmode="maxprec_equal", max_line_width=200,
        suppress_small=bool(abs(array).max() > 1e-3))


def show_number(value, digits):
    """Write a number with so many digits, and anything else as it writes itself."""
    if isinstance(value, (np.generic, np.ndarray)) and value.size == 1:
        value = value.item()
    if isinstance(value, float):
        whole = value == value // 1 and abs(value) < 2**53
        return f"{value:.{0 if whole else digits}{'f' if whole else 'g'}}"
    try:
        text = BRIEF.repr(value)
    except Exception:
        text = f"an object of type {type(value).__name__}"
    return text if len(text) <= 120 else f"{text[:120]} ..."


def table(pairs):
    """Write named values below each other; the last two, yours and wanted, with digits that tell them apart.

    >>> print(table([("X", torch.ones(2, 2)), ("yours", 0.20601), ("wanted", 0.20602)]))
    X      = [[1, 1],
              [1, 1]]
    yours  = 0.20601
    wanted = 0.20602
    """
    (yours, wanted) = [value for _, value in pairs][-2:] if len(pairs) > 1 else (0, 1)
    digits = next((n for n in DIGITS if show(yours, n) != show(wanted, n)), DIGITS[0])
    rows = [squeezed(name, value) for name, value in pairs]
    width = max(len(name) for name, _ in rows)
    last = len(rows) - 2
    lines = []
    for place, (name, value) in enumerate(rows):
        text = show(value, digits if place >= last else DIGITS[0])
        lines.append(f"{name.ljust(width)} = " + text.replace("\n", "\n" + " " * (width + 3)))
    return "\n".join(lines)


def squeezed(name, value):
    """Show a kernel of 1x1 slices as the matrix that it is."""
    matrix = isinstance(value, torch.Tensor) and value.ndim == 4 and value.shape[2:] == (1, 1)
    return (f"{name}[:, :, 0, 0]", value[:, :, 0, 0]) if matrix and value.numel() > 1 else (name, value)
