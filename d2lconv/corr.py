"""The same four functions by matrix products: fast, in every dtype that we take, on any device, differentiable."""

from torch import Tensor

from d2lconv.tiling import correlate_with_bias
from d2lconv.validation import Geometry, shapes


@shapes(X="h w", K="k_h k_w", returns="h_out w_out")
def corr2d(X: Tensor, K: Tensor) -> Tensor:
    """Correlate one channel with one kernel.

    Shapes: ``(h, w), (k_h, k_w) -> (h - k_h + 1, w - k_w + 1)``.

    Raises ``ValueError`` for a wrong shape, ``TypeError`` for a wrong or mixed dtype or device.

    >>> import torch
    >>> corr2d(torch.arange(9.).reshape(3, 3), torch.arange(4.).reshape(2, 2))
    tensor([[19., 25.],
            [37., 43.]])

    Source: Dive into Deep Learning, equation 7.2.1. Loops: `d2lconv.loops.corr2d`.
    """
    Y = contract(X[None, None], K[None, None])
    return Y[0, 0]


@shapes(X="c_i h w", K="c_i k_h k_w", returns="h_out w_out")
def corr2d_multi_in(X: Tensor, K: Tensor) -> Tensor:
    """Correlate each input channel with its slice of the kernel, and sum over the channels.

    Shapes: ``(c_i, h, w), (c_i, k_h, k_w) -> (h - k_h + 1, w - k_w + 1)``.

    Raises ``ValueError`` for a wrong shape, ``TypeError`` for a wrong or mixed dtype or device.

    >>> import torch
    >>> X, K = torch.arange(9.).reshape(3, 3), torch.arange(4.).reshape(2, 2)
    >>> corr2d_multi_in(torch.stack([X, X + 1]), torch.stack([K, K + 1]))
    tensor([[ 56.,  72.],
            [104., 120.]])

    Source: Dive into Deep Learning, section 7.4.1. Loops: `d2lconv.loops.corr2d_multi_in`.
    """
    Y = contract(X[None], K[None])
    return Y[0, 0]


@shapes(X="c_i h w", K="c_o c_i k_h k_w", returns="c_o h_out w_out")
def corr2d_multi_in_out(X: Tensor, K: Tensor) -> Tensor:
    """Apply one kernel per output channel, each over all input channels.

    Shapes: ``(c_i, h, w), (c_o, c_i, k_h, k_w) -> (c_o, h - k_h + 1, w - k_w + 1)``.

    Raises ``ValueError`` for a wrong shape, ``TypeError`` for a wrong or mixed dtype or device.

    >>> import torch
    >>> X, K = torch.ones(2, 4, 6), torch.ones(5, 2, 3, 3)
    >>> corr2d_multi_in_out(X, K).shape
    torch.Size([5, 2, 4])

    Source: Dive into Deep Learning, section 7.4.2. Loops: `d2lconv.loops.corr2d_multi_in_out`.
    """
    Y = contract(X[None], K)
    return Y[0]


@shapes(X="c_i h w", K="c_o c_i 1 1", returns="c_o h w")
def corr2d_multi_in_out_1x1(X: Tensor, K: Tensor) -> Tensor:
    """Mix the channels of every pixel with one matrix.

    Shapes: ``(c_i, h, w), (c_o, c_i, 1, 1) -> (c_o, h, w)``.

    Raises ``ValueError`` for a wrong shape, ``TypeError`` for a wrong or mixed dtype or device.

    >>> import torch
    >>> X, K = torch.ones(3, 2, 2), torch.tensor([[1., 2., 3.]]).reshape(1, 3, 1, 1)
    >>> corr2d_multi_in_out_1x1(X, K)
    tensor([[[6., 6.],
             [6., 6.]]])

    Source: Dive into Deep Learning, section 7.4.3. Loops: `d2lconv.loops.corr2d_multi_in_out_1x1`.
    """
    Y = contract(X[None], K)
    return Y[0]


def contract(X: Tensor, K: Tensor) -> Tensor:
    """Correlate a batch: ``(n, c_i, h, w), (c_o, c_i, k_h, k_w) -> (n, c_o, h_out, w_out)``."""
    geometry = Geometry(X.shape[2:], K.shape[2:])
    return correlate_with_bias(X, K, None, geometry)
