"""Compare and show what functions return: tensors up to their rounding error, whole numbers exactly."""

import math
import numbers

import torch

from d2lconv.arithmetic import number

SHOWN = 40  # a tensor with more elements is described, and only its first difference shown


def brief(x):
    """Write a number as `d2lconv.explain` does, and anything else as it writes itself.

    >>> brief(56.0), brief(0.123456), brief(-0.0), brief(True)
    ('56', '0.1235', '0', 'True')
    """
    if not isinstance(x, bool):
        for abstract, plain in ((numbers.Integral, int), (numbers.Real, float), (numbers.Complex, complex)):
            if isinstance(x, abstract):
                return number(plain(x))
    return safe(x)


def safe(value):
    """Write anything, whatever its own repr does."""
    try:
        text = repr(value)
    except Exception:
        text = f"an object of type {type(value).__name__}"
    return text if len(text) <= 120 else f"{text[:120]} ..."


def grid(nested, indent=0):
    """Write nested lists of text as torch does: one row a line, all numbers equally wide.

    >>> print(grid([[["1", "2"]], [["3", "4"]]]))
    [[[1, 2]],
    <BLANKLINE>
     [[3, 4]]]
    """
    if not nested or not isinstance(nested[0], list):
        return f"[{', '.join(nested)}]"
    depth, inner = 0, nested[0]
    while inner and isinstance(inner, list):
        depth, inner = depth + 1, inner[0]
    between = "," + "\n" * depth + " " * (indent + 1)
    return f"[{between.join(grid(part, indent + 1) for part in nested)}]"


def show(value, indent=0):
    """Write a value for a reader: small tensors in full, large ones by their shape.

    >>> show(torch.ones(2, 2)), show(torch.ones(9, 9)), show((3, 8.0)), show(None)
    ('[[1, 1],\\n [1, 1]]', '(9, 9) numbers', '(3, 8)', 'None')
    """
    if isinstance(value, torch.Tensor):
        if value.numel() > SHOWN:
            return f"{tuple(value.shape)} numbers"
        if value.numel() == 0:
            return f"no numbers: its shape is {tuple(value.shape)}"
        texts = [brief(x) for x in value.reshape(-1).tolist()]
        width = max(map(len, texts))
        return brief(value.item()) if value.ndim == 0 else grid(folded(
            [text.rjust(width) for text in texts], value.shape), indent)
    if type(value) in (tuple, list, torch.Size) and len(value) <= 8:
        joint = ",\n" + " " * (indent + 1) if any(isinstance(v, torch.Tensor) for v in value) else ", "
        return f"({joint.join(show(part, indent + 1) for part in value)})"
    return brief(value)


def folded(flat, shape):
    """Fold a flat list into nested lists of this shape."""
    for size in reversed(shape[1:]):
        flat = [flat[i:i + size] for i in range(0, len(flat), size)]
    return flat


def shown(pairs):
    """Write named values below each other, the values aligned."""
    width = max(len(name) for name, _ in pairs)
    return "\n".join(f"{name.ljust(width)} = {show(value, width + 3)}" for name, value in pairs)


def settled(value, truth):
    """Bring an answer to the kind of the truth, or raise ``TypeError`` with what it is instead.

    A tensor stays one; where the truth is a whole number, a tuple or a float, anything that means one is.
    """
    if isinstance(truth, torch.Tensor):
        if isinstance(value, torch.Tensor):
            return value
        raise TypeError(f"a tensor is wanted, but {kind(value)} came back")
    if isinstance(truth, tuple):
        parts = list(value) if isinstance(value, (tuple, list)) else None
        if parts is None and isinstance(value, torch.Tensor) and value.ndim == 1:
            parts = value.tolist()
        if parts is None or (len(parts) != len(truth) and isinstance(truth[0], torch.Tensor)):
            what = "two tensors are" if isinstance(truth[0], torch.Tensor) else f"{len(truth)} numbers are"
            raise TypeError(f"{what} wanted, as a tuple, but {kind(value)} came back")
        if len(parts) != len(truth):
            return tuple(settled(part, 0) for part in parts)
        return tuple(settled(part, wanted) for part, wanted in zip(parts, truth))
    if isinstance(truth, bool):
        if type(value).__name__ in ("bool", "bool_"):
            return bool(value)
        if isinstance(value, torch.Tensor) and value.dtype == torch.bool and value.numel() == 1:
            return bool(value)
        raise TypeError(f"True or False is wanted, but {kind(value)} came back")
    if (isinstance(value, torch.Tensor) and value.numel() == 1) or type(value).__module__ == "numpy":
        value = value.item() if getattr(value, "size", None) != 0 else value
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"a number is wanted, but {kind(value)} came back")
    return value


def kind(value):
    """Name what a value is, in words."""
    if value is None:
        return "None (nothing)"
    names = {"Tensor": "a tensor", "list": "a list", "tuple": "a tuple", "ndarray": "a NumPy array",
             "float": "a float", "int": "an int", "str": "a string", "generator": "a generator (from yield)",
             "coroutine": "a coroutine (from async)", "function": "a function", "bool": "True or False"}
    name = type(value).__name__
    return names.get(name, f"an object of type {name}")


def shape(value):
    """The shape of a tensor, of each part of a tuple, and nothing for a number."""
    if isinstance(value, tuple):
        return tuple(shape(part) for part in value)
    return tuple(value.shape) if isinstance(value, torch.Tensor) else ()


def same(value, truth, slack=0.0):
    """Say whether two settled answers are equal: tensors up to ``slack``, floats to nine digits."""
    if isinstance(truth, tuple):
        return len(value) == len(truth) and all(same(v, t, slack) for v, t in zip(value, truth))
    if not isinstance(truth, torch.Tensor):
        return (value == truth if isinstance(truth, (int, bool))
                else math.isclose(value, truth, rel_tol=1e-9, abs_tol=1e-12))
    if not isinstance(value, torch.Tensor) or value.shape != truth.shape:
        return False
    last = torch.finfo(value.dtype).eps if value.is_floating_point() or value.is_complex() else 0.0
    value, truth = value.to(torch.complex128), truth.double()
    return bool(((value - truth).abs() <= slack + last * truth.abs()).all())


def slack(arguments, terms_truth, dtype):
    """How far rounding can move a result: the bound of the summed products, for any order and algorithm.

    With ``m`` products in a sum, ``a`` the unit roundoff, and ``Y+`` the same result from absolute values,
    ``|Y - Y_ref| <= 2 * m * a * max(Y+)``. Transforms (FFT, Winograd) move all of a result by a multiple of
    its largest element, which grows with the logarithm of the size: hence the maximum, and the second term.
    """
    tensors = [t for t in arguments.values() if isinstance(t, torch.Tensor) and t.ndim > 1]
    if not tensors:
        return 0.0
    m = min(t.numel() for t in tensors) + 1
    m += 16 * math.ceil(math.log2(max(t.numel() for t in tensors) + 1))
    return 2 * m * torch.finfo(dtype).eps / 2 * largest(terms_truth)


def largest(value):
    """The largest absolute element of a tensor, or of several."""
    if isinstance(value, tuple):
        return max(map(largest, value))
    return value.double().abs().max().item() if isinstance(value, torch.Tensor) and value.numel() else 0.0
