"""Compare what functions return: tensors up to their rounding error, integers exactly."""

import math
import numbers

import numpy as np
import torch

NAMES = {"Tensor": "a tensor", "list": "a list", "tuple": "a tuple", "ndarray": "a NumPy array",
         "float": "a float", "int": "an int", "str": "a string", "generator": "a generator (from yield)",
         "coroutine": "a coroutine (from async)", "function": "a function", "bool": "True or False",
         "NoneType": "None (nothing)"}
DIGITS = 1e-9  # how closely floats that are counted must agree
MANY = 100_000  # numbers in lists, after which they are not made a tensor


def describe_type(value):
    """Name what a value is, in words.

    >>> describe_type([1, 2]), describe_type({})
    ('a list', 'an object of type dict')
    """
    name = type(value).__name__
    return NAMES.get(name, f"an object of type {name}")


def coerce(value, truth):
    """Bring an answer to the type of the truth, or raise ``TypeError`` with what it is instead.

    A tensor stays one; where the truth is an integer, a tuple or a float, anything that means one is.
    """
    if isinstance(truth, torch.Tensor):
        if isinstance(value, torch.Tensor):
            return value
        raise TypeError(f"a tensor is wanted, but {describe_type(value)} came back")
    if isinstance(truth, tuple):
        return coerce_tuple(value, truth)
    if isinstance(truth, bool):
        return coerce_bool(value)
    scalar = isinstance(value, torch.Tensor) and value.numel() == 1
    if scalar or (isinstance(value, (np.ndarray, np.generic)) and value.size == 1):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"a number is wanted, but {describe_type(value)} came back")
    return value


def coerce_tuple(value, truth):
    """Bring an answer to a tuple like the truth; several numbers may be too many or too few."""
    parts = value
    if isinstance(value, torch.Tensor) and value.ndim == 1:
        parts = value.tolist()
    of_tensors = isinstance(truth[0], torch.Tensor)
    many = isinstance(parts, (tuple, list))
    if not many or (of_tensors and len(parts) != len(truth)):
        wanted = "two tensors are" if of_tensors else f"{len(truth)} numbers are"
        raise TypeError(f"{wanted} wanted, as a tuple, but {describe_type(value)} came back")
    if len(parts) != len(truth):
        return tuple(coerce(part, 0) for part in parts)
    return tuple(coerce(part, wanted) for part, wanted in zip(parts, truth))


def coerce_bool(value):
    """Bring an answer to True or False."""
    single = isinstance(value, torch.Tensor) and value.dtype == torch.bool and value.numel() == 1
    if isinstance(value, (bool, np.bool_)) or single:
        return bool(value)
    raise TypeError(f"True or False is wanted, but {describe_type(value)} came back")


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
        return tuple(shape(part) for part in value)
    return tuple(value.shape) if isinstance(value, torch.Tensor) else ()


def allclose(value, truth, tolerance=0.0, relative=0.0):
    """Say whether two coerced answers are equal: tensors up to their rounding, floats to nine digits.

    ``tolerance`` is for all elements, ``relative`` in parts of each; an answer's own dtype rounds once more.
    """
    if isinstance(truth, tuple):
        pairs = zip(value, truth)
        return len(value) == len(truth) and all(allclose(v, t, tolerance, relative) for v, t in pairs)
    if isinstance(truth, (bool, int)):
        return bool(value == truth)
    if not isinstance(truth, torch.Tensor):
        return math.isclose(value, truth, rel_tol=DIGITS, abs_tol=1e-12)
    if not isinstance(value, torch.Tensor) or value.shape != truth.shape:
        return False
    error = (value.to(torch.complex128) - truth.double()).abs()
    return bool((error <= tolerance + (relative + eps(value)) * truth.double().abs()).all())


def eps(value):
    """The distance from 1 to the next number of a tensor's dtype; 0 where all are exact."""
    inexact = value.is_floating_point() or value.is_complex()
    return torch.finfo(value.dtype).eps if inexact else 0.0


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
    if torch.finfo(dtype).bits == 16:
        m = min(m, 9)
    return m * torch.finfo(dtype).eps * largest(terms)


def largest(value):
    """The largest absolute element of a tensor, or of several."""
    if isinstance(value, tuple):
        return max(map(largest, value))
    empty = not isinstance(value, torch.Tensor) or value.numel() == 0
    return 0.0 if empty else value.double().abs().max().item()
