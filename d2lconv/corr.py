"""The same four functions as one tensor contraction: fast, any float dtype, any device, differentiable.

A correlation multiplies every window of the image with the kernel and sums over channel, row and
column of the window. `windows` is the view that holds them all; `contract` sums, strip by strip.
"""

import torch

from d2lconv._doorway import shapes
from d2lconv.runtime import autocast_dtype

HALF = (torch.float16, torch.bfloat16)
STRIP = 2**19  # numbers in the columns of a strip: 2 MB of float32


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
    """
    if X.dtype in HALF:  # sum in float32, round once
        wide = (t if t is None else t.float() for t in (X, K, bias))
        return contract(*wide, stride, dilation, groups).to(X.dtype)
    if autocast_dtype(X.device.type):  # which would round the factors
        with torch.autocast(X.device.type, enabled=False):
            return contract(X, K, bias, stride, dilation, groups)
    W = windows(X, K.shape[2:], stride, dilation)
    images, rows = strip_size(W.shape)
    K = K.reshape(groups, len(K) // groups, -1)
    Y = join([join([product(strip, K) for strip in block.split(rows, dim=2)], dim=2)
              for block in W.split(images)], dim=0)
    return Y if bias is None else Y + bias[:, None, None]


def product(W, K):
    """Write each window as a column, each kernel as a row, and the layer as a matrix product.

    Shapes: ``(n, c_i, h_out, w_out, k_h, k_w), (g, c_o / g, m) -> (n, c_o, h_out, w_out)``, where
    ``m = c_i / g * k_h * k_w`` is the length of a row.
    """
    (n, _, h_out, w_out, _, _), (g, c_g, m) = W.shape, K.shape
    columns = W.permute(1, 4, 5, 0, 2, 3).reshape(g, m, n * h_out * w_out)
    Y = K.squeeze(0) @ columns.squeeze(0)  # without the axis of groups, where there is only one: faster
    return Y.reshape(g * c_g, n, h_out, w_out).transpose(0, 1)


def strip_size(shape):
    """Choose how many images, and how many rows of each, are turned into columns at a time.

    Columns repeat a pixel up to ``k_h * k_w`` times, and are read again at once: they should be few
    enough to stay in the cache, and enough to keep the matrix product busy.

    >>> strip_size((16, 64, 224, 224, 3, 3)), strip_size((16, 6, 10, 10, 5, 5))
    ((1, 4), (16, 10))
    """
    n, c_i, h_out, w_out, k_h, k_w = shape
    row = c_i * k_h * k_w * w_out
    return min(max(1, n), max(1, STRIP // (row * h_out))), min(h_out, max(1, STRIP // row))


def join(parts, dim):
    """Concatenate, but leave a single part as it is."""
    return torch.cat(parts, dim) if len(parts) > 1 else parts[0].contiguous()
