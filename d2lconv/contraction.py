"""The sum inside every convolution: windows times kernels, added up over channel, row and column.

Each window becomes a column (im2col), each kernel a row; then a layer is one matrix product. A kernel that
sees a single channel has too few numbers for that, and is added up place by place (depthwise).
"""

from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor
from torch.nn.functional import pad

from d2lconv.validation import Geometry, Pads, Pair


def correlate(X: Tensor, K: Tensor, geometry: Geometry) -> Tensor:
    """Multiply every window with every kernel, and sum over channel, row and column.

    Shapes: ``(n, c_i, h, w), (c_o, c_i / groups, k_h, k_w) -> (n, c_o, h_out, w_out)``.

    >>> X, K = torch.arange(9.).reshape(1, 1, 3, 3), torch.arange(4.).reshape(1, 1, 2, 2)
    >>> correlate(X, K, Geometry(output_size=(2, 2)))
    tensor([[[[19., 25.],
              [37., 43.]]]])
    """
    W = windows(add_border(X, geometry.padding), K.shape[2:], geometry.stride, geometry.dilation)
    if is_depthwise(K, geometry.groups):
        return depthwise(K, W)
    return multiply(K, W, geometry.groups)


def add_border(X: Tensor, padding: Pads) -> Tensor:
    """Put zeros around each image: ``(..., h, w) -> (..., top + h + bottom, left + w + right)``."""
    (top, bottom), (left, right) = padding
    return pad(X, (left, right, top, bottom)) if top or bottom or left or right else X


def windows(X: Tensor, kernel_size: Sequence[int], stride: Pair = (1, 1), dilation: Pair = (1, 1)) -> Tensor:
    """Show every window that a kernel meets, as a view: nothing is copied.

    Shapes: ``(..., h, w) -> (..., h_out, w_out, k_h, k_w)``.

    >>> windows(torch.arange(6).reshape(2, 3), (2, 2))[0, 1]
    tensor([[1, 2],
            [4, 5]])
    """
    (k_h, k_w), (s_h, s_w), (d_h, d_w) = kernel_size, stride, dilation
    W = X.unfold(-2, d_h * (k_h - 1) + 1, s_h)
    W = W.unfold(-2, d_w * (k_w - 1) + 1, s_w)
    return W if dilation == (1, 1) else W[..., ::d_h, ::d_w]


def im2col(W: Tensor, groups: int) -> Tensor:
    """Write each window as a column. (Windows of 1x1 kernels are columns already, and not copied.)

    Shapes: ``(n, c_i, h_out, w_out, k_h, k_w) -> (groups, c_i / groups * k_h * k_w, n * h_out * w_out)``.
    """
    n, c_i, h_out, w_out, k_h, k_w = W.shape
    columns = W.permute(1, 4, 5, 0, 2, 3)  # (c_i, k_h, k_w, n, h_out, w_out)
    return columns.reshape(groups, c_i // groups * k_h * k_w, n * h_out * w_out)


def multiply(K: Tensor, W: Tensor, groups: int) -> Tensor:
    """Multiply kernels, a row each, with windows, a column each; every group has a product of its own.

    Shapes: ``(c_o, c_i / groups, k_h, k_w), (n, c_i, h_out, w_out, k_h, k_w) -> (n, c_o, h_out, w_out)``.
    """
    if groups == 1:  # the same, in one call
        Y: Tensor = torch.tensordot(K, W, dims=([1, 2, 3], [1, 4, 5]))
        return Y.transpose(0, 1)
    (c_o, *_), (n, _, h_out, w_out, *_) = K.shape, W.shape
    rows = K.reshape(groups, c_o // groups, -1)
    Y = torch.bmm(rows, im2col(W, groups))  # (groups, c_o / groups, n * h_out * w_out)
    return Y.reshape(c_o, n, h_out, w_out).transpose(0, 1)


def is_depthwise(K: Tensor, groups: int) -> bool:
    """Tell whether each kernel sees one channel of several: too few numbers in a row for a matrix product."""
    return K.shape[1] == 1 < groups


def depthwise(K: Tensor, W: Tensor) -> Tensor:
    """Add up, for every place in the kernel, the pixels that it meets times its weight.

    Shapes: ``(c_o, 1, k_h, k_w), (n, c_i, h_out, w_out, k_h, k_w) -> (n, c_o, h_out, w_out)``.
    """
    _, c_i, *_, k_h, k_w = W.shape
    K = K.reshape(c_i, -1, 1, 1, k_h, k_w)  # (c_i, kernels for each, 1, 1, k_h, k_w)
    W = W.unsqueeze(2)  # (n, c_i, 1, h_out, w_out, k_h, k_w)
    Y = W[..., 0, 0] * K[..., 0, 0]
    for a, b in [*product(range(k_h), range(k_w))][1:]:
        Y = torch.addcmul(Y, W[..., a, b], K[..., a, b])
    return Y.flatten(1, 2)
