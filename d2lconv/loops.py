"""The four functions as the formulas read: loops over positions and over channels.

They are here to be read, and to be the measure of `d2lconv.corr`, which computes the
same numbers fast. (Half types are rounded at every step here, and once there; `torch.autocast`
reaches the matrix product here, and nothing there.) The chapters show these very definitions.
All of them raise ``ValueError`` for a wrong shape, ``TypeError`` for a wrong or mixed dtype or
device.

Source: Dive into Deep Learning, sections 7.2 and 7.4, https://d2l.ai
"""

import torch
from torch import Tensor

from d2lconv.validation import shapes


@shapes(X="h w", K="k_h k_w")
def corr2d(X: Tensor, K: Tensor) -> Tensor:
    """Slide one kernel over one channel; each output element is the sum of a window times the kernel.

    Shapes: ``(h, w), (k_h, k_w) -> (h - k_h + 1, w - k_w + 1)``.

    >>> corr2d(torch.tensor([[0, 1, 2], [3, 4, 5], [6, 7, 8]]), torch.tensor([[0, 1], [2, 3]]))
    tensor([[19, 25],
            [37, 43]])

    Source: Dive into Deep Learning, equation 7.2.1 and listing of section 7.2.
    """
    (h, w), (k_h, k_w) = X.shape, K.shape
    Y = []
    for i in range(h - k_h + 1):
        for j in range(w - k_w + 1):
            Y.append((X[i:i + k_h, j:j + k_w] * K).sum())
    return torch.stack(Y).reshape(h - k_h + 1, w - k_w + 1).to(X.dtype)


@shapes(X="c_i h w", K="c_i k_h k_w")
def corr2d_multi_in(X: Tensor, K: Tensor) -> Tensor:
    """Correlate each input channel with its own slice of the kernel, then add the maps up.

    Shapes: ``(c_i, h, w), (c_i, k_h, k_w) -> (h - k_h + 1, w - k_w + 1)``.

    >>> X = torch.arange(9).reshape(3, 3)
    >>> K = torch.arange(4).reshape(2, 2)
    >>> corr2d_multi_in(torch.stack([X, X + 1]), torch.stack([K, K + 1]))
    tensor([[ 56,  72],
            [104, 120]])

    Source: Dive into Deep Learning, section 7.4.1.
    """
    return sum(corr2d(x, k) for x, k in zip(X, K))  # type: ignore[return-value]  # no channels would give 0


@shapes(X="c_i h w", K="c_o c_i k_h k_w")
def corr2d_multi_in_out(X: Tensor, K: Tensor) -> Tensor:
    """Apply one kernel per output channel, each over all input channels, and stack the results.

    Shapes: ``(c_i, h, w), (c_o, c_i, k_h, k_w) -> (c_o, h - k_h + 1, w - k_w + 1)``.

    >>> X = torch.arange(9).reshape(1, 3, 3)
    >>> K = torch.arange(4).reshape(1, 2, 2)
    >>> corr2d_multi_in_out(X, torch.stack([K, K + 1, K + 2])).shape
    torch.Size([3, 2, 2])

    Source: Dive into Deep Learning, section 7.4.2.
    """
    return torch.stack([corr2d_multi_in(X, k) for k in K])


@shapes(X="c_i h w", K="c_o c_i 1 1")
def corr2d_multi_in_out_1x1(X: Tensor, K: Tensor) -> Tensor:
    """Mix the channels of each pixel: a 1x1 kernel is one matrix, applied at every position.

    Shapes: ``(c_i, h, w), (c_o, c_i, 1, 1) -> (c_o, h, w)``.

    >>> X = torch.arange(6).reshape(3, 1, 2)
    >>> K = torch.tensor([[1, 1, 1], [0, 0, 2]]).reshape(2, 3, 1, 1)
    >>> corr2d_multi_in_out_1x1(X, K)
    tensor([[[ 6,  9]],
    <BLANKLINE>
            [[ 8, 10]]])

    Source: Dive into Deep Learning, section 7.4.3.
    """
    c_i, h, w = X.shape
    c_o = K.shape[0]
    Y = K.reshape(c_o, c_i) @ X.reshape(c_i, h * w)
    return Y.reshape(c_o, h, w)
