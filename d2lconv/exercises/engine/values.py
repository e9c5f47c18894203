"""Compare what functions return: tensors up to their rounding error, integers exactly."""

import math
import numbers

import numpy as np
import torch

NAMES = {
    "Tensor": "a tensor", "list": "a list", "tuple": "a tuple", "ndarray": "a NumPy array", "float": "a float",
    "int": "an int", "str": "a string", "bool": "True or False", "NoneType": "None (nothing)", "function": "a function",
    "generator": "a generator (from yield, or from for in round brackets)", "coroutine": "a coroutine (from async)",
}
WANTED = {torch.Tensor: "a tensor", bool: "True or False", numbers.Real: "a number"}
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
    kind = next(kind for kind in WANTED if isinstance(truth, kind))
    if kind is not torch.Tensor:
        value = unboxed(value)
    if not isinstance(value, kind) or isinstance(value, bool) != isinstance(truth, bool):
        raise TypeError(f"{WANTED[kind]} is wanted, but {describe_type(value)} came back")
    return value


def coerce_all(value, truth):
    """Bring an answer to a tuple like the truth; of numbers there may be too many or too few."""
    numbers_alone = isinstance(value, (torch.Tensor, np.ndarray)) and value.ndim == 1 and not has_tensor(truth)
    parts = value.tolist() if numbers_alone else value
    several = isinstance(parts, (tuple, list))
    same_length = several and len(parts) == len(truth)
    if not several or (has_tensor(truth) and not same_length):
        wanted = "two tensors are" if has_tensor(truth) else f"{len(truth)} numbers are"
        length = f" of length {len(parts)}" if several else ""
        raise TypeError(f"{wanted} wanted, as a tuple, but {describe_type(value)}{length} came back")
    return tuple(map(coerce, parts, truth if same_length else [0] * len(parts)))


def unboxed(value):
    """Take a number out of a tensor or an array that holds nothing else."""
    boxed = isinstance(value, (torch.Tensor, np.ndarray, np.generic)) and np.prod(value.shape) == 1
    return value.item() if boxed else value


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
        if not isinstance(value, (tuple, list)) or len(value) > MANY:
            return None
        if isinstance(value[0], (torch.Tensor, tuple, list, np.ndarray)):
            return torch.stack([stacked(part) for part in value])
        return torch.as_tensor(value)
    except Exception:
        return None


def first(value):
    """Return a value, or the first of several."""
    return value[0] if isinstance(value, tuple) and value else value


def has_tensor(truth):
    """Say whether a right answer is made of tensors."""
    return isinstance(first(truth), torch.Tensor)


def shape(value):
    """The shape of a tensor, of each part of a tuple, and nothing for a number."""
    if isinstance(value, tuple):
        return tuple(map(shape, value))
    return tuple(value.shape) if isinstance(value, torch.Tensor) else ()


def largest(value):
    """The largest absolute element of a tensor, or of several."""
    if isinstance(value, tuple):
        return max(map(largest, value))
    empty = not isinstance(value, torch.Tensor) or value.numel() == 0
    return 0.0 if empty else value.double().abs().max().item()


def allclose(value, truth, tolerance):
    """Say whether two coerced answers are equal: tensors up to their rounding, fractions to six digits."""
    if isinstance(truth, tuple):
        return len(value) == len(truth) and all(allclose(v, t, tolerance) for v, t in zip(value, truth))
    if isinstance(truth, (bool, int)):
        return bool(value == truth)
    if not isinstance(truth, torch.Tensor):
        return math.isclose(value, truth, rel_tol=DIGITS, abs_tol=1e-12)
    if not isinstance(value, torch.Tensor) or value.shape != truth.shape:
        return False
    return bool(isclose(value, truth, tolerance).all())


def isclose(value, truth, tolerance):
    """Say which elements of two tensors of one shape are equal up to their rounding."""
    inexact = value.is_floating_point() or value.is_complex()
    rounded = torch.finfo(value.dtype).eps if inexact else 0.0  # once more, to the answer's own dtype
    error = (value.to(torch.complex128) - truth.double()).abs()
    return error <= tolerance + rounded * truth.double().abs()
