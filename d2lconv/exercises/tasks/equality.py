"""What may be called equal: two results that differ by rounding, and two that do not."""

import numpy as np
import torch

from d2lconv.exercises import misconceptions as of
from d2lconv.exercises.tasks.slips import task

ERROR = 2.0**-13  # of the sum of absolute values


def summed(scale, error=None):
    """A 1x1 layer's results: in order and from the last channel, or in order twice, with an error."""
    generator = torch.Generator().manual_seed(7)
    X, K = (torch.randn(shape, generator=generator) for shape in ((64, 3, 4), (8, 64, 1, 1)))
    X = X * scale
    terms = (K[:, :, 0, 0, None, None] * X).movedim(1, 0)
    first, second = added(terms), added(terms.flip(0) if error is None else terms)
    second[3, 1, 2] += terms.abs().sum(0)[3, 1, 2] * (error or 0)
    return first, second, X, K


def added(terms):
    """Add along the first axis, one after the other, rounding each time."""
    totals = np.add.accumulate(terms.numpy())  # no sum of torch's keeps an order
    return torch.from_numpy(totals[-1].copy())


def cancelling(large):
    """Two channels that cancel, and a small third: between them it is rounded away in part, after them it is not."""
    X = torch.tensor([large, 0.3, -large])[:, None, None].expand(3, 2, 2).contiguous()
    K = torch.tensor([1.1, 0.7, 1.1]).reshape(1, 3, 1, 1)
    terms = K[0] * X
    return added(terms)[None], added(terms[[0, 2, 1]])[None], X, K


def repeated(number, channels):
    """The same number in so many channels, added one after the other, and in halves: the first drifts away."""
    X, K = torch.full((channels, 1, 1), number), torch.ones(1, channels, 1, 1)
    halves = X
    while len(halves) > 1:
        halves = halves[::2] + halves[1::2]
    return added(X)[None], halves, X, K


def integers(y1, y2, k1, k2):
    """Two results of one pixel of two channels, 1 and 2."""
    X, K = torch.tensor([[[1.]], [[2.]]]), torch.tensor([[[[k1]], [[k2]]]])
    return torch.tensor([[[y1]]]), torch.tensor([[[y2]]]), X, K


def one_large_pixel(size):
    """One pixel so many times as large as the others, and a real error in one of these."""
    scale = torch.ones(3, 4)
    scale[0, 0] = size
    return summed(scale, ERROR)


def bound(X, K):
    """How far two orders of summation can be apart, for every output."""
    terms = torch.einsum("oc,chw->ohw", K[:, :, 0, 0].abs().double(), X.abs().double())
    return 2 * len(X) * 2.0**-24 * 1.01 * terms


WRONG = summed(1.0, ERROR)


def within(Y1, Y2, X, K, factor=1):
    """Which outputs are no further apart than so many times the bound."""
    return (Y1.double() - Y2.double()).abs() <= factor * bound(X, K)


def relative(limit, least):
    """A bound on the difference as a part of the results, or of a least size."""
    return lambda Y1, Y2: bool(((Y1 - Y2).abs() <= limit * (Y1.abs() + Y2.abs()).clamp_min(least)).all())


@task(read="agree", problems={
    "small integers": [integers(11., 11., 3., 4.), integers(11., 12., 3., 4.), integers(12., 11., 3., 4.)],
    "another order of summation": [summed(1.0)],
    "no difference": [summed(1.0, 0.0)],
    "a real error": [WRONG, (WRONG[1], WRONG[0], *WRONG[2:]), summed(1.0, 1.0)],
    "large numbers": [summed(1e4), summed(1e4, 0.0), summed(1e4, ERROR)],
    "small numbers": [summed(1e-5), summed(1e-5, 0.0), summed(1e-5, ERROR)],
    "the last digit": [integers(3., 3. + 2**-22, 1., 1.), integers(5., 5. - 2**-21, 1., 2.)],
    "a large pixel beside small ones": [one_large_pixel(1e5), one_large_pixel(1e6)],
    "tiny numbers": [summed(1e-20)],
    "sums that cancel": [cancelling(100000.1), cancelling(20000.1)],
    "thousands of channels": [repeated(0.1, 2048), repeated(0.3, 2048)],
}, wrong=[
    (of.EXACT, lambda Y1, Y2: torch.equal(Y1, Y2)),
    (of.ABSOLUTE,
     *(lambda Y1, Y2, limit=limit: bool((Y1 - Y2).abs().max() < limit) for limit in (1e-3, 1e-5, 1e-6, 1e-7, 1e-9)),
     *(lambda Y1, Y2, limit=limit: torch.allclose(Y1, Y2, atol=limit) for limit in (1e-3, 1e-5, 1e-6)),
     lambda Y1, Y2, X, K: bool((Y1 - Y2).abs().max() <= bound(X, K).max())),
    (of.RELATIVE,
     lambda Y1, Y2: torch.allclose(Y1, Y2),
     relative(1e-3, 0.0), relative(1e-5, 1e-8), relative(1e-6, 0.0), relative(1e-6, 1e-8), relative(1e-8, 1e-8)),
    (of.LOOSE, lambda given: bool(within(**given, factor=100).all())),
    (of.ANY, lambda given: bool(within(**given).any())),
    (of.ONE_SIGN, lambda Y1, Y2, X, K: bool((bound(X, K) >= Y1 - Y2).all()),
     lambda Y1, Y2, X, K: bool((bound(X, K) >= Y2 - Y1).all())),
    (of.STRICT, *(lambda given, X, n=n: bool(within(**given, factor=n / len(X) / 2).all()) for n in (1, 16))),
])
def agree(Y1, Y2, X, K):
    """Decide whether two float32 results of a 1x1 layer can differ by rounding alone.

    Shapes: ``(c_o, h, w)`` twice, ``(c_i, h, w)`` and ``(c_o, c_i, 1, 1)``, to True or False.
    """
    return bool(within(Y1, Y2, X, K).all())
