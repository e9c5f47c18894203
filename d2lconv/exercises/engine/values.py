"""Compare what functions return: tensors up to their rounding error, integers exactly."""

import math
import numbers

import numpy as np
import torch

NAMES = {"Tensor": "a tensor", "list": "a list", "tuple": "a tuple", "ndarray": "a NumPy array",
         "float": "a float", "int": "an int", "str": "a string", "generator": "a generator (from yield)",
         "coroutine": "a coroutine (from async)", "function": "a function", "bool": "True or False",
         "NoneType": "None (nothing)"}
DIGITS = 1e-6  # how closely fractions that are counted must agree: float32 will do
MANY = 100_000  # numbers in lists, after which they are not made a tensor


def describe_type(value):
    """Name what a value is, in words.

    >>> describe_type([1, 2]), describe_type({})
    ('a list', 'an object of type dict')
    """
    name = type(value).__name__
    return NAMES.get(name, f"an object of type {name}")


def coerce(value, truth):
    """Bring an answer to the type of the truth, or raise ``TypeError`` with what it is instead."""
    if isinstance(truth, tuple):
        return coerce_all(value, truth)
    arrays = () if isinstance(truth, torch.Tensor) else (torch.Tensor, np.ndarray, np.generic)
    if isinstance(value, arrays) and np.prod(value.shape) == 1:
        value = value.item()
    if isinstance(truth, torch.Tensor):
        wanted, right = "a tensor", isinstance(value, torch.Tensor)
    elif isinstance(truth, bool):
        wanted, right = "True or False", isinstance(value, bool)
    else:
        wanted, right = "a number", isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not right:
        raise TypeError(f"{wanted} is wanted, but {describe_type(value)} came back")
    return value


def coerce_all(value, truth):
    """Bring an answer to a tuple like the truth; of numbers there may be too many or too few."""
    parts = value.tolist() if isinstance(value, (torch.Tensor, np.ndarray)) and value.ndim == 1 else value
    of_tensors = isinstance(truth[0], torch.Tensor)
    if not isinstance(parts, (tuple, list)) or (of_tensors and len(parts) != len(truth)):
        wanted = "two tensors are" if of_tensors else f"{len(truth)} numbers are"
        raise TypeError(f"{wanted} wanted, as a tuple, but {describe_type(value)} came back")
    return tuple(map(coerce, parts, truth if len(parts) == len(truth) else [0] * len(parts)))


def stacked(value):
    """Make one tensor of nested lists, of tensors or of numbers; None where that is not possible.

    >>> stacked([torch.tensor([1, 2]), torch.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    if isinstance(value, torch.Tensor):
        return value
    try:
        if isinstance(value, np.ndarray):
            return torch.from_numpy(value)
        if not isinstance(value, (tuple, list)) or not value or len(value) > MANY:
            return None
        if isinstance(value[0], (torch.Tensor, tuple, list, np.ndarray)):
            return torch.stack([stacked(part) for part in value])
        return torch.as_tensor(value)
    except Exception:
        return None


def shape(value):
    """The shape of a tensor, of each part of a tuple, and nothing for a number."""
    if isinstance(value, tuple):
        return tuple(map(shape, value))
    return tuple(value.shape) if isinstance(value, torch.Tensor) else ()


def allclose(value, truth, tolerance=0.0):
    """Say whether two coerced answers are equal: tensors up to their rounding, fractions to six digits."""
    if isinstance(truth, tuple):
        return len(value) == len(truth) and all(allclose(v, t, tolerance) for v, t in zip(value, truth))
    if isinstance(truth, (bool, int)):
        return bool(value == truth)
    if not isinstance(truth, torch.Tensor):
        return math.isclose(value, truth, rel_tol=DIGITS, abs_tol=1e-12)
    if not isinstance(value, torch.Tensor) or value.shape != truth.shape:
        return False
    inexact = value.is_floating_point() or value.is_complex()
    rounded = torch.finfo(value.dtype).eps if inexact else 0.0  # once more, to the answer's own dtype
    error = (value.to(torch.complex128) - truth.double()).abs()
    return bool((error <= tolerance + rounded * truth.double().abs()).all())


def tolerance(arguments, terms, dtype=torch.float32):
    """How far rounding can move a result: the bound of the summed products, for any order and algorithm.

    With ``m`` products in a sum, ``a`` the unit roundoff, and ``terms`` the result from absolute values,
    ``|Y - Y_ref| <= 2 * m * a * max(terms)``. Transforms (FFT, Winograd) move all of a result by a multiple of
    its largest element, which grows with the logarithm of the size: hence the maximum, and the second part
    of ``m``. Half types must accumulate in float32: their bound is 9 of their own units.
    """
    sizes = [value.numel() for value in arguments.values() if isinstance(value, torch.Tensor) and value.ndim > 1]
    if not sizes:
        return 0.0
    m = min(sizes) + 1 + 16 * math.ceil(math.log2(max(sizes) + 1))
    half = torch.finfo(dtype).bits == 16
    return (9 if half else m) * torch.finfo(dtype).eps * largest(terms)


def largest(value):
    """The largest absolute element of a tensor, or of several."""
    if isinstance(value, tuple):
        return max(map(largest, value))
    empty = not isinstance(value, torch.Tensor) or value.numel() == 0
    return 0.0 if empty else value.double().abs().max().item()
