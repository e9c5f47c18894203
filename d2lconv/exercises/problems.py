"""The problems that every function is tried on: small integers first, then random, then awkward.

All are made on the CPU from seeded generators, so that they are the same everywhere.
"""

import torch

from d2lconv.exercises.task import Problem, made

CLASSIC_X, CLASSIC_K = torch.arange(9.).reshape(3, 3), torch.arange(4.).reshape(2, 2)


def counted(*shape, start=0, step=1):
    """Small integers in order, which show where each number goes.

    >>> counted(2, 2, start=1)
    tensor([[1., 2.],
            [3., 4.]])
    """
    return (torch.arange(torch.Size(shape).numel()) * step + start).float().reshape(shape)


def drawn(*shape, seed=0, dtype=torch.float32):
    """Random numbers with one decimal, which are short to print, and rounded in binary."""
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return (torch.randn(shape, generator=generator, dtype=torch.float64) * 10).round().div(10).to(dtype)


def integers(*shape, seed=0):
    """Random integers from -4 to 5."""
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return torch.randint(-4, 6, shape, generator=generator).float()


def one_channel():
    """For ``corr2d``: ``(h, w), (k_h, k_w)``."""
    return (
        *made("a small image", "X K", (CLASSIC_X, CLASSIC_K), (counted(4, 4), counted(3, 3, start=1))),
        *made("not square", "X K", (counted(3, 5), CLASSIC_K), (integers(4, 3), integers(2, 3)),
              (integers(5, 3), integers(3, 1)), (drawn(3, 6), drawn(1, 2)), (drawn(5, 4), drawn(2, 3))),
        *made("any numbers", "X K", (integers(4, 4), integers(2, 2)), (drawn(5, 5), drawn(2, 2)),
              (drawn(3, 3), drawn(3, 3)), (drawn(4, 4), drawn(1, 1)),
              (drawn(6, 5, dtype=torch.float64), drawn(3, 2, dtype=torch.float64))),
    )


def several_kernels():
    """For ``corr2d_multi_in_out``: ``(c_i, h, w), (c_o, c_i, k_h, k_w)``."""
    X, K = torch.stack([CLASSIC_X, CLASSIC_X + 1]), torch.stack([CLASSIC_K, CLASSIC_K + 1])
    return (
        *made("one channel and one kernel", "X K", (CLASSIC_X[None], CLASSIC_K[None, None]),
              (drawn(1, 4, 4), drawn(1, 1, 2, 2))),
        *made("several input channels", "X K", (X, K[None]), (drawn(3, 4, 4), drawn(1, 3, 2, 2))),
        *made("several kernels", "X K", (X, torch.stack([K, K + 1, K + 2])),
              (integers(3, 3, 3), integers(3, 3, 2, 2)), (drawn(3, 3, 3), drawn(2, 3, 3, 3)),
              (drawn(2, 4, 4), drawn(2, 2, 2, 2)), (drawn(3, 3, 3, seed=1), drawn(4, 3, 2, 2)),
              (integers(1, 3, 3), integers(2, 1, 2, 2))),
        *made("not square", "X K", (counted(1, 2, 3), counted(1, 1, 1, 2, start=1)),
              (counted(2, 3, 5), counted(2, 2, 2, 2)), (integers(2, 4, 3), integers(3, 2, 2, 3)),
              (integers(3, 5, 3), integers(3, 3, 3, 1)), (drawn(2, 3, 2), drawn(2, 2, 2, 2)),
              (drawn(3, 4, 6), drawn(2, 3, 3, 2)), (drawn(3, 5, 2), drawn(2, 3, 2, 2))),
        *made("any numbers", "X K", (drawn(32, 3, 3), drawn(4, 32, 2, 2)),
              (drawn(3, 5, 5, dtype=torch.float64), drawn(2, 3, 2, 2, dtype=torch.float64))),
    )


def one_kernel():
    """For ``corr2d_multi_in``: ``(c_i, h, w), (c_i, k_h, k_w)``."""
    X, K = torch.stack([CLASSIC_X, CLASSIC_X + 1]), torch.stack([CLASSIC_K, CLASSIC_K + 1])
    return (
        *made("one channel", "X K", (CLASSIC_X[None], CLASSIC_K[None]), (drawn(1, 4, 4), drawn(1, 2, 2))),
        *made("several channels", "X K", (X, K), (integers(3, 3, 3), integers(3, 2, 2)),
              (drawn(3, 4, 4), drawn(3, 3, 3)), (drawn(3, 3, 3), drawn(3, 2, 2))),
        *made("not square", "X K", (counted(1, 2, 3), counted(1, 1, 2, start=1)),
              (counted(2, 3, 5), counted(2, 2, 2)), (integers(2, 4, 3), integers(2, 2, 3)),
              (drawn(2, 3, 2), drawn(2, 2, 2)), (drawn(3, 4, 6), drawn(3, 3, 2)), (drawn(3, 5, 2), drawn(3, 2, 2))),
        *made("any numbers", "X K", (drawn(32, 3, 3), drawn(32, 2, 2)),
              (drawn(3, 5, 5, dtype=torch.float64), drawn(3, 2, 2, dtype=torch.float64))),
    )


def pixels():
    """For ``corr2d_multi_in_out_1x1``: ``(c_i, h, w), (c_o, c_i, 1, 1)``."""
    return (
        *made("one channel and one kernel", "X K", (counted(1, 2, 2), counted(1, 1, 1, 1, start=3))),
        *made("several input channels", "X K", (counted(2, 2, 2), counted(1, 2, 1, 1, start=1)),
              (drawn(3, 3, 3), drawn(1, 3, 1, 1))),
        *made("several kernels", "X K", (counted(2, 2, 2), counted(2, 2, 1, 1)),
              (counted(3, 3, 3), counted(2, 3, 1, 1)),
              (integers(3, 3, 3), integers(3, 3, 1, 1)), (drawn(3, 3, 3), drawn(3, 3, 1, 1)),
              (drawn(2, 3, 3), drawn(4, 2, 1, 1))),
        *made("not square", "X K", (counted(2, 2, 3), counted(2, 2, 1, 1)), (integers(3, 4, 2), integers(2, 3, 1, 1)),
              (drawn(2, 1, 5), drawn(3, 2, 1, 1)), (drawn(3, 2, 3), drawn(3, 3, 1, 1))),
        *made("any numbers", "X K", (drawn(32, 2, 3), drawn(8, 32, 1, 1)),
              (drawn(3, 2, 4, dtype=torch.float64), drawn(2, 3, 1, 1, dtype=torch.float64))),
    )


def layers():
    """For ``conv2d``: a batch ``(n, c_i, h, w)``, and one more option at each stage."""
    def layer(stage, X, K, **options):
        return Problem(stage, {"X": X, "K": K, **options})

    X, K = torch.stack([CLASSIC_X, CLASSIC_X + 1])[None], torch.stack([CLASSIC_K, CLASSIC_K + 1])[None]
    return (
        layer("one image of one channel", CLASSIC_X[None, None], CLASSIC_K[None, None]),
        layer("one image of one channel", drawn(1, 1, 4, 4), drawn(1, 1, 3, 3)),
        layer("several channels", X, torch.cat([K, K + 1, K + 2])),
        layer("several channels", integers(1, 3, 3, 3), integers(3, 3, 2, 2)),
        layer("several channels", drawn(1, 2, 4, 4), drawn(2, 2, 3, 3)),
        layer("several channels", drawn(1, 3, 4, 3), drawn(2, 3, 1, 1)),
        layer("several channels", drawn(1, 3, 3, 3), drawn(3, 3, 2, 2)),
        layer("several images", drawn(3, 2, 4, 4), drawn(2, 2, 2, 2)),
        layer("not square", counted(1, 2, 3, 5), counted(1, 2, 2, 2)),
        layer("not square", integers(1, 2, 5, 3), integers(2, 2, 2, 3)),
        layer("not square", drawn(2, 2, 4, 6), drawn(3, 2, 3, 2)),
        layer("a bias", X, torch.cat([K, K + 1]), bias=torch.tensor([10., 20.])),
        layer("a bias", drawn(2, 3, 3, 4), drawn(2, 3, 2, 2), bias=drawn(2)),
        layer("a bias", drawn(1, 3, 3, 3), drawn(3, 3, 2, 2), bias=drawn(3)),
        layer("a bias", drawn(1, 2, 4, 4), drawn(3, 2, 2, 2), bias=drawn(3, seed=1)),
        layer("a stride", counted(1, 1, 5, 5), CLASSIC_K[None, None], stride=2),
        layer("a stride", integers(1, 2, 4, 6), integers(2, 2, 2, 2), stride=2),
        layer("a stride", drawn(2, 2, 7, 6), drawn(3, 2, 2, 3), stride=3),
        layer("padding", counted(1, 1, 3, 3, start=1), torch.ones(1, 1, 3, 3), padding=1),
        layer("padding", drawn(1, 2, 3, 4), drawn(2, 2, 2, 2), padding=1),
        layer("padding", drawn(2, 2, 3, 3), drawn(2, 2, 3, 2), padding=2),
        layer("groups", counted(1, 2, 3, 3), counted(2, 1, 2, 2), groups=2),
        layer("groups", integers(1, 4, 3, 3), integers(4, 2, 2, 2), groups=2),
        layer("groups", drawn(2, 4, 3, 4), drawn(6, 2, 2, 2), groups=2),
        layer("groups", drawn(1, 6, 3, 3), drawn(6, 2, 2, 2), groups=3),
        layer("everything together", drawn(2, 4, 6, 5), drawn(4, 2, 3, 3), bias=drawn(4), stride=2, padding=1,
              groups=2),
        layer("everything together", drawn(1, 2, 4, 5, dtype=torch.float64), drawn(2, 2, 2, 2, dtype=torch.float64),
              bias=drawn(2, dtype=torch.float64), padding=1),
    )


def apart():
    """For ``depthwise``: ``(c, h, w), (c, k_h, k_w)``."""
    X, K = torch.stack([CLASSIC_X, CLASSIC_X + 1]), torch.stack([CLASSIC_K, CLASSIC_K + 1])
    return (
        *made("one channel", "X K", (CLASSIC_X[None], CLASSIC_K[None])),
        *made("several channels", "X K", (X, K), (integers(3, 3, 3), integers(3, 2, 2)),
              (drawn(3, 4, 4), drawn(3, 3, 3))),
        *made("not square", "X K", (counted(2, 3, 5), counted(2, 2, 2)), (integers(2, 4, 3), integers(2, 2, 3)),
              (drawn(3, 5, 4), drawn(3, 3, 1)), (drawn(4, 2, 6), drawn(4, 2, 3))),
        *made("any numbers", "X K", (drawn(16, 3, 3), drawn(16, 2, 2)),
              (drawn(2, 4, 4, dtype=torch.float64), drawn(2, 2, 2, dtype=torch.float64))),
    )


def two_layers():
    """For ``compose``: ``(c_m, c_i, k1, k1), (c_o, c_m, k2, k2)``, not always square."""
    return (
        *made("one channel", "K1 K2", (counted(1, 1, 2, 2, start=1), counted(1, 1, 2, 2)),
              (drawn(1, 1, 3, 3), drawn(1, 1, 2, 2)), (counted(1, 1, 1, 1, start=2), counted(1, 1, 2, 2))),
        *made("several middle channels", "K1 K2", (counted(2, 1, 2, 2), counted(1, 2, 2, 2)),
              (drawn(3, 1, 3, 3), drawn(1, 3, 2, 2))),
        *made("several inputs and outputs", "K1 K2", (integers(2, 3, 2, 2), integers(2, 2, 2, 2)),
              (integers(2, 2, 2, 2, seed=1), integers(2, 2, 2, 2, seed=2)),
              (drawn(2, 2, 3, 3), drawn(2, 2, 2, 2)), (drawn(3, 2, 2, 2), drawn(4, 3, 3, 3))),
        *made("not square", "K1 K2", (integers(2, 1, 2, 3), integers(1, 2, 3, 2)),
              (drawn(2, 2, 1, 3), drawn(3, 2, 2, 2))),
        *made("any numbers", "K1 K2", (drawn(2, 2, 2, 2, dtype=torch.float64), drawn(1, 2, 2, 2, dtype=torch.float64))),
    )
