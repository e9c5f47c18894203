"""The numbers in the problems: small integers in order, then random ones, all made on the CPU."""

import math

import torch


def counted(*shape):
    """Count up in each plane, which begins at the sum of its indices, as in the classic example.

    >>> counted(2, 2, 2).tolist()
    [[[0.0, 1.0], [2.0, 3.0]], [[1.0, 2.0], [3.0, 4.0]]]
    """
    if len(shape) > 2:
        return torch.stack([counted(*shape[1:]) + n for n in range(shape[0])])
    return torch.arange(math.prod(shape)).reshape(shape).float()


def drawn(*shape, seed=0):
    """Random numbers with one decimal, which are short to print, and rounded in binary."""
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return (torch.randn(shape, generator=generator, dtype=torch.float64) * 10).round().div(10).float()


def tensors(problems):
    """Make tensors of all shapes in problems: in the first of each stage counted, in the others drawn.

    The first comes again at the end, with other numbers: what is kept from one call to the next is no answer there.
    """
    def made(value, place):
        if isinstance(value, dict):
            return {name: made(part, place) for name, part in value.items()}
        if not isinstance(value, tuple):
            return value
        plain = place == 0 and len(value) > 1 and torch.Size(value).numel() > 1
        return counted(*value) if plain else drawn(*value, seed=place)

    def stage(several):
        return [tuple(made(value, place) for value in values) for place, values in enumerate([*several, several[0]])]

    return {name: stage(several) for name, several in problems.items()}
