"""The sum inside every convolution: windows times kernels, added up over channel, row and column.

Each window becomes a column (im2col), each kernel a row; then a layer is one matrix product, and with
groups as many products. A depthwise layer, whose products would be one row each, is summed place by place.
"""

from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor
from torch.nn.functional import pad

from d2lconv.validation import Geometry, Pads, Pair, dilated


def correlate(X: Tensor, K: Tensor, geometry: Geometry) -> Tensor:
    """Multiply every window with every kernel, and sum over channel, row and column.

    Shapes: ``(n, c_i, h, w), (c_o, c_i / groups, k_h, k_w) -> (n, c_o, h_out, w_out)``.

    >>> X, K = torch.arange(9.).reshape(1, 1, 3, 3), torch.arange(4.).reshape(1, 1, 2, 2)
    >>> correlate(X, K, Geometry((3, 3), (2, 2)))
    tensor([[[[19., 25.],
              [37., 43.]]]])
    """
    X = add_border(X, geometry.padding)
    W = windows(X, geometry.kernel_size, geometry.stride, geometry.dilation)
    return multiply(K, W, geometry.groups)


def add_border(X: Tensor, padding: Pads) -> Tensor:
    """Put zeros around each image: ``(..., h, w) -> (..., top + h + bottom, left + w + right)``."""
    (top, bottom), (left, right) = padding
    if top or bottom or left or right:
        return pad(X, (left, right, top, bottom))
    return X


def windows(X: Tensor, kernel_size: Sequence[int], stride: Pair = (1, 1), dilation: Pair = (1, 1)) -> Tensor:
    """Show every window that a kernel meets, as a view: nothing is copied.

    Shapes: ``(..., h, w) -> (..., h_out, w_out, k_h, k_w)``.

    >>> windows(torch.arange(6).reshape(2, 3), (2, 2))[0, 1]
    tensor([[1, 2],
            [4, 5]])
    """
    k_h, k_w = kernel_size
    d_h, d_w = dilation
    W = X.unfold(-2, dilated(k_h, d_h), stride[0])  # (..., h_out, w, k_h)
    W = W.unfold(-2, dilated(k_w, d_w), stride[1])  # (..., h_out, w_out, k_h, k_w)
    if dilation == (1, 1):
        return W
    return W[..., ::d_h, ::d_w]


def im2col(W: Tensor, groups: int) -> Tensor:
    """Write each window as a column.

    Windows of a 1x1 kernel with stride 1, on one image, are columns already, and not copied.

    Shapes: ``(n, c_i, h_out, w_out, k_h, k_w) -> (groups, c_i / groups * k_h * k_w, n * h_out * w_out)``.
    """
    n, c_i, h_out, w_out, k_h, k_w = W.shape
    columns = W.permute(1, 4, 5, 0, 2, 3)  # (c_i, k_h, k_w, n, h_out, w_out)
    return columns.reshape(
        groups,
        c_i // groups * k_h * k_w,
        n * h_out * w_out,
    )


def multiply(K: Tensor, W: Tensor, groups: int) -> Tensor:
    """Multiply kernels, a row each, with windows, a column each; every group has a product of its own.

    Shapes: ``(c_o, c_i / groups, k_h, k_w), (n, c_i, h_out, w_out, k_h, k_w) -> (n, c_o, h_out, w_out)``.
    """
    n, c_i, h_out, w_out, *_ = W.shape
    c_o = len(K)
    if is_depthwise(c_i, c_o, groups):
        return depthwise(K, W)
    rows = K.reshape(groups, c_o // groups, -1)
    Y = torch.bmm(rows, im2col(W, groups))  # (groups, c_o / groups, n * h_out * w_out)
    Y = Y.reshape(c_o, n, h_out, w_out)
    return Y.transpose(0, 1)


def is_depthwise(c_i: int, c_o: int, groups: int) -> bool:
    """Tell whether each of several channels has a kernel of its own, and only one."""
    return c_i == c_o == groups > 1


def depthwise(K: Tensor, W: Tensor) -> Tensor:
    """Add up, place by place in the kernel, its weight times the pixels that it meets: no window is copied.

    Shapes: ``(c, 1, k_h, k_w), (n, c, h_out, w_out, k_h, k_w) -> (n, c, h_out, w_out)``.
    """
    K = K[:, 0, :, :, None, None]  # (c, k_h, k_w, 1, 1)
    (a, b), *others = product(*map(range, W.shape[-2:]))
    Y = W[..., a, b] * K[:, a, b]
    for a, b in others:
        Y.addcmul_(W[..., a, b], K[:, a, b])
    return Y
