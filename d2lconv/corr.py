"""The same four functions as one tensor contraction: fast, any float dtype, any device, differentiable.

A correlation multiplies every window of the image with the kernel and sums over channel, row and
column of the window. `windows` is the view that holds them all; `contract` is the sum.
"""

import torch

from d2lconv._doorway import shapes

HALF = (torch.float16, torch.bfloat16)
STRIP = 2**20  # elements of copied windows per strip: 4 MB of float32, which a CPU's cache can hold


@shapes(X="h w", K="k_h k_w")
def corr2d(X, K):
    """Correlate one channel with one kernel.

    Shapes: ``(h, w), (k_h, k_w) -> (h - k_h + 1, w - k_w + 1)``.

    Raises ``ValueError`` for a wrong shape, ``TypeError`` for a wrong or mixed dtype or device.

    >>> corr2d(torch.arange(9.).reshape(3, 3), torch.arange(4.).reshape(2, 2))
    tensor([[19., 25.],
            [37., 43.]])

    Source: Dive into Deep Learning, equation 7.2.1. Loops: `d2lconv.loops.corr2d`.
    """
    return contract(X[None, None], K[None, None])[0, 0]


@shapes(X="c_i h w", K="c_i k_h k_w")
def corr2d_multi_in(X, K):
    """Correlate each input channel with its slice of the kernel, and sum over the channels.

    Shapes: ``(c_i, h, w), (c_i, k_h, k_w) -> (h - k_h + 1, w - k_w + 1)``.

    Raises ``ValueError`` for a wrong shape, ``TypeError`` for a wrong or mixed dtype or device.

    >>> X, K = torch.arange(9.).reshape(3, 3), torch.arange(4.).reshape(2, 2)
    >>> corr2d_multi_in(torch.stack([X, X + 1]), torch.stack([K, K + 1]))
    tensor([[ 56.,  72.],
            [104., 120.]])

    Source: Dive into Deep Learning, section 7.4.1. Loops: `d2lconv.loops.corr2d_multi_in`.
    """
    return contract(X[None], K[None])[0, 0]


@shapes(X="c_i h w", K="c_o c_i k_h k_w")
def corr2d_multi_in_out(X, K):
    """Apply one kernel per output channel, each over all input channels.

    Shapes: ``(c_i, h, w), (c_o, c_i, k_h, k_w) -> (c_o, h - k_h + 1, w - k_w + 1)``.

    Raises ``ValueError`` for a wrong shape, ``TypeError`` for a wrong or mixed dtype or device.

    >>> X, K = torch.ones(2, 4, 6), torch.ones(5, 2, 3, 3)
    >>> corr2d_multi_in_out(X, K).shape
    torch.Size([5, 2, 4])

    Source: Dive into Deep Learning, section 7.4.2. Loops: `d2lconv.loops.corr2d_multi_in_out`.
    """
    return contract(X[None], K)[0]


@shapes(X="c_i h w", K="c_o c_i 1 1")
def corr2d_multi_in_out_1x1(X, K):
    """Mix the channels of every pixel with one matrix.

    Shapes: ``(c_i, h, w), (c_o, c_i, 1, 1) -> (c_o, h, w)``.

    Raises ``ValueError`` for a wrong shape, ``TypeError`` for a wrong or mixed dtype or device.

    >>> X, K = torch.ones(3, 2, 2), torch.tensor([[1., 2., 3.]]).reshape(1, 3, 1, 1)
    >>> corr2d_multi_in_out_1x1(X, K)
    tensor([[[6., 6.],
             [6., 6.]]])

    Source: Dive into Deep Learning, section 7.4.3. Loops: `d2lconv.loops.corr2d_multi_in_out_1x1`.
    """
    return contract(X[None], K)[0]


def windows(X, kernel_size, stride=(1, 1), dilation=(1, 1)):
    """Show every window that a kernel meets, as a view: nothing is copied.

    Shapes: ``(..., h, w) -> (..., h_out, w_out, k_h, k_w)``.

    >>> windows(torch.arange(6).reshape(2, 3), (2, 2))[0, 1]
    tensor([[1, 2],
            [4, 5]])
    """
    (k_h, k_w), (s_h, s_w), (d_h, d_w) = kernel_size, stride, dilation
    X = X.unfold(-2, d_h * (k_h - 1) + 1, s_h)  # (..., h_out, w, span_h)
    X = X.unfold(-2, d_w * (k_w - 1) + 1, s_w)  # (..., h_out, w_out, span_h, span_w)
    return X[..., ::d_h, ::d_w]


def contract(X, K, bias=None, stride=(1, 1), dilation=(1, 1), groups=1):
    """Multiply every window with every kernel, sum over channel, row and column, and add the bias.

    Shapes: ``(n, c_i, h, w), (c_o, c_i / groups, k_h, k_w), (c_o,) -> (n, c_o, h_out, w_out)``.

    A window becomes a column, a kernel a row, and the layer one matrix product. The columns repeat
    every pixel up to ``k_h * k_w`` times, so they are made for one strip of output rows at a time.
    """
    if X.dtype in HALF:  # sum in float32, round once
        wide = (t if t is None else t.float() for t in (X, K, bias))
        return contract(*wide, stride, dilation, groups).to(X.dtype)
    (n, _, _, _), (c_o, c_k, k_h, k_w) = X.shape, K.shape
    W = windows(X, (k_h, k_w), stride, dilation)  # (n, c_i, h_out, w_out, k_h, k_w)
    h_out, w_out = W.shape[2:4]
    K = K.reshape(groups, c_o // groups, c_k * k_h * k_w)
    rows = max(1, STRIP // (c_k * k_h * k_w * w_out))
    Y = torch.cat([
        K @ strip.permute(0, 1, 4, 5, 2, 3).reshape(n, groups, c_k * k_h * k_w, strip.shape[2] * w_out)
        for strip in W.split(rows, dim=2)
    ], dim=3).reshape(n, c_o, h_out, w_out)
    return Y if bias is None else Y + bias[:, None, None]
