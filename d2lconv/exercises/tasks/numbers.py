"""The numbers in the problems: small integers in order, then random ones, all made on the CPU."""

import torch

CLASSIC_X, CLASSIC_K = torch.arange(9.).reshape(3, 3), torch.arange(4.).reshape(2, 2)
TWO_X, TWO_K = torch.stack([CLASSIC_X, CLASSIC_X + 1]), torch.stack([CLASSIC_K, CLASSIC_K + 1])


def counted(*shape, start=0):
    """Small integers in order, which show where each number goes.

    >>> counted(2, 2, start=1)
    tensor([[1., 2.],
            [3., 4.]])
    """
    return torch.arange(start, start + torch.Size(shape).numel()).float().reshape(shape)


def drawn(*shape, seed=0):
    """Random numbers with one decimal, which are short to print, and rounded in binary."""
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return (torch.randn(shape, generator=generator, dtype=torch.float64) * 10).round().div(10).float()


def integers(*shape, seed=0):
    """Random integers from -4 to 5."""
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return torch.randint(-4, 6, shape, generator=generator).float()
