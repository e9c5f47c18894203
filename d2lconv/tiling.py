"""What saves the contraction memory on large images, and time on the way back.

Columns repeat a pixel up to ``k_h * k_w`` times. Where they are many, they are made and multiplied a tile
at a time: some rows of one image, or some images. The derivatives, each a sum of the same kind, are stated
here, so that autograd need not keep the columns.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from d2lconv.contraction import add_border, correlate, im2col, windows
from d2lconv.runtime import autocast_dtype, autocast_off
from d2lconv.validation import Geometry

TILE = 2**21  # numbers in the columns of a tile: 8 MiB of float32, still in the last cache when they are multiplied
PIXELS = 512  # output pixels in a tile, at least: with fewer a matrix product is slow
NONE = ((0, 0), (0, 0))


def convolve(X: Tensor, K: Tensor, bias: Tensor | None, geometry: Geometry) -> Tensor:
    """Correlate and add the bias: half types are summed in float32 and rounded once, whatever autocast says.

    Shapes: ``(n, c_i, h, w), (c_o, c_i / groups, k_h, k_w), (c_o,) -> (n, c_o, h_out, w_out)``.
    """
    if X.dtype in (torch.float16, torch.bfloat16):
        bias = None if bias is None else bias.float()
        Y = convolve(X.float(), K.float(), bias, geometry)
        return Y.to(X.dtype)
    if autocast_dtype(X.device.type):
        with autocast_off(X.device.type):
            return convolve(X, K, bias, geometry)
    Y = correlate_watched(X, K, geometry)
    return Y if bias is None else Y + bias[:, None, None]


def correlate_watched(X: Tensor, K: Tensor, geometry: Geometry) -> Tensor:
    """Correlate in a way that a compiler, or autograd, can follow where one of them watches."""
    if torch.compiler.is_compiling():  # it refuses a Function, and makes tiles of its own
        return correlate(X, K, geometry).contiguous()
    if torch.is_grad_enabled() and (X.requires_grad or K.requires_grad):
        return tiled_conv(X, K, geometry)
    return correlate_tiles(X, K, geometry)


def correlate_tiles(X: Tensor, K: Tensor, geometry: Geometry) -> Tensor:
    """Do what `correlate` does, with the columns of one tile in memory at a time.

    Forward derivatives take all columns at once: torch cannot trace what is written into a view.
    """
    tiles = cut(len(X), K, geometry)
    if len(tiles) == 1 or is_dual(X, K):
        return correlate(X, K, geometry).contiguous()
    shape = len(X), len(K), *geometry.output_size
    Y = empty_like_both(X, K, shape)
    inside = replace(geometry, padding=NONE)
    for images, rows in tiles:
        seen = band(X[images], K, geometry, rows)
        Y[images, :, rows] = correlate(seen, K, inside)
    return Y


def cut(n: int, K: Tensor, geometry: Geometry) -> list[tuple[slice, slice]]:
    """Cut a batch into tiles, each some images and some rows of the output, as `TILE` and `PIXELS` say.

    >>> cut(3, torch.ones(1, 1, 3, 3), Geometry(output_size=(2, TILE // 9)))[:2]
    [(slice(0, 1, None), slice(0, 1, None)), (slice(0, 1, None), slice(1, 2, None))]
    """
    c_o, c_k, k_h, k_w = K.shape
    h_out, w_out = geometry.output_size
    column = geometry.groups * c_k * k_h * k_w
    pixels = max(PIXELS, TILE // column)
    if n * h_out * w_out <= pixels:
        return [(slice(0, n), slice(0, h_out))]
    if column <= c_o or k_h * k_w == 1:
        pixels = max(PIXELS, h_out * w_out)  # columns no larger than the output, or none at all
    images = max(1, pixels // (h_out * w_out))
    rows = max(1, pixels // w_out)
    return [*product(parts(n, images), parts(h_out, rows))]


def parts(n: int, size: int) -> list[slice]:
    """Cut n things into parts of one size; the last may be smaller."""
    return [slice(first, min(first + size, n)) for first in range(0, n, size)]


def band(X: Tensor, K: Tensor, geometry: Geometry, rows: slice) -> Tensor:
    """Return the rows of the padded images that these rows of the output see, without padding the others."""
    (top, _), sides = geometry.padding
    h, stride = X.shape[2], geometry.stride[0]
    high = geometry.dilation[0] * (K.shape[2] - 1) + 1
    first = rows.start * stride - top
    last = (rows.stop - 1) * stride - top + high
    above = max(0, min(last, 0) - first)
    below = max(0, last - max(first, h))
    inside = X[:, :, max(0, first):max(0, last)]
    return add_border(inside, ((above, below), sides))


def empty_like_both(X: Tensor, K: Tensor, shape: Sequence[int]) -> Tensor:
    """Make room for a result: under vmap it must be batched if one of the two is."""
    either = X.new_zeros(()) + K.new_zeros(())
    return either.new_empty(shape)


def is_dual(*tensors: Tensor) -> bool:
    """Tell whether one of them carries a forward derivative."""
    return any(forward_ad.unpack_dual(tensor).tangent is not None for tensor in tensors)


def needs_derivative(*tensors: Tensor) -> bool:
    """Tell whether a gradient will be differentiated, so that it must not be written in place."""
    return torch.is_grad_enabled() or is_dual(*tensors)


class TiledConv(torch.autograd.Function):
    """`correlate_tiles`, and its derivatives."""

    generate_vmap_rule = True

    @staticmethod
    def forward(X: Tensor, K: Tensor, geometry: Geometry) -> Tensor:
        return correlate_tiles(X, K, geometry)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        X, K, ctx.geometry = inputs
        ctx.save_for_backward(X, K)
        ctx.save_for_forward(X, K)

    @staticmethod
    def backward(ctx: Any, dY: Tensor) -> Any:
        X, K = ctx.saved_tensors
        dX = dK = None
        with autocast_off(dY.device.type):
            if ctx.needs_input_grad[0]:
                dX = input_gradient(dY, K, X.shape, ctx.geometry)
            if ctx.needs_input_grad[1]:
                dK = weight_gradient(X, dY, K, ctx.geometry)
        return dX, dK, None

    @staticmethod
    def jvp(ctx: Any, dX: Tensor, dK: Tensor, *_: Any) -> Tensor:
        X, K = ctx.saved_tensors
        X = forward_ad.unpack_dual(X).primal
        K = forward_ad.unpack_dual(K).primal
        # torch switches forward derivatives off in here, and those of this sum would silently be zero
        with forward_ad._set_fwd_grad_enabled(True):
            of_X = correlate(dX, K, ctx.geometry)
            of_K = correlate(X, dK, ctx.geometry)
            return of_X + of_K


tiled_conv: Callable[[Tensor, Tensor, Geometry], Tensor] = TiledConv.apply


def input_gradient(dY: Tensor, K: Tensor, shape: Sequence[int], geometry: Geometry) -> Tensor:
    """Add to every pixel what is due to it, from each window that covers it.

    Shapes: ``(n, c_o, h_out, w_out), (c_o, c_i / groups, k_h, k_w) -> shape (n, c_i, h, w)``.
    """
    n, c_i, h, w = shape
    (top, bottom), (left, right) = geometry.padding
    padded = n, c_i, top + h + bottom, left + w + right
    way = flipped_correlation if needs_derivative(dY, K) else add_back
    dX = way(dY, K.conj(), padded, geometry)
    dX = dX.narrow(2, top, h)
    return dX.narrow(3, left, w)


def add_back(dY: Tensor, K: Tensor, shape: Sequence[int], geometry: Geometry) -> Tensor:
    """Compute the gradient of the padded image in place, a tile at a time."""
    dX = empty_like_both(dY, K, shape).zero_()
    W = windows(dX, K.shape[2:], geometry.stride, geometry.dilation)
    for images, rows in cut(len(dX), K, geometry):
        tile = images, slice(None), rows
        col2im(dY[tile], K, W[tile], geometry.groups)
    return dX


def col2im(dY: Tensor, K: Tensor, W: Tensor, groups: int) -> None:
    """Multiply a gradient with the kernels, and add the columns to the windows that they came from.

    Shapes: ``(n, c_o, h_out, w_out), (c_o, c_i / groups, k_h, k_w), (n, c_i, h_out, w_out, k_h, k_w)``; ``W`` is a
    view of the image's gradient.
    """
    n, c_i, h_out, w_out, k_h, k_w = W.shape
    rows = K.reshape(groups, len(K) // groups, -1)
    dY_columns = im2col(dY[..., None, None], groups)
    columns = torch.bmm(rows.transpose(1, 2), dY_columns)
    columns = columns.reshape(c_i, k_h, k_w, n, h_out, w_out)
    columns = columns.transpose(0, 3)  # (n, k_h, k_w, c_i, h_out, w_out)
    for a, b in product(range(k_h), range(k_w)):
        W[..., a, b] += columns[:, a, b]


def flipped_correlation(dY: Tensor, K: Tensor, shape: Sequence[int], geometry: Geometry) -> Tensor:
    """Compute the same as a correlation, of which autograd knows the derivatives.

    ``dY``, spread by the stride and padded, meets the kernels, flipped in space, with their channels exchanged.
    """
    n, _, h, w = shape
    c_o, _, k_h, k_w = K.shape
    s_h, s_w = geometry.stride
    d_h, d_w = geometry.dilation
    top = d_h * (k_h - 1)
    left = d_w * (k_w - 1)
    spread = dY.new_zeros(n, c_o, top + h, left + w)
    spread[:, :, top:h:s_h, left:w:s_w] = dY
    K = K.unflatten(0, (geometry.groups, -1))
    K = K.transpose(1, 2).flatten(0, 1)  # (c_i, c_o / groups, k_h, k_w)
    K = K.flip(2, 3)
    flipped = Geometry((h, w), dilation=geometry.dilation, groups=geometry.groups)
    return correlate_watched(spread, K, flipped)


def weight_gradient(X: Tensor, dY: Tensor, K: Tensor, geometry: Geometry) -> Tensor:
    """Multiply ``dY`` with the windows that it came from, and sum over images, rows and columns.

    Shapes: ``(n, c_i, h, w), (n, c_o, h_out, w_out) -> (c_o, c_i / groups, k_h, k_w)``.
    """
    X = X.conj()
    groups = geometry.groups
    if needs_derivative(X, dY):
        return exchanged_correlation(X, dY, K, geometry)
    dK = K.new_zeros(groups, len(K) // groups, K[0].numel())
    for images, rows in cut(len(X), K, geometry):
        seen = band(X[images], K, geometry, rows)
        W = windows(seen, K.shape[2:], geometry.stride, geometry.dilation)
        columns = im2col(W, groups)
        due = dY[images, :, rows]
        dY_columns = im2col(due[..., None, None], groups)
        dK = dK + torch.bmm(dY_columns, columns.transpose(1, 2))
    return dK.reshape(K.shape)


def exchanged_correlation(X: Tensor, dY: Tensor, K: Tensor, geometry: Geometry) -> Tensor:
    """Compute the same as a correlation, of which autograd knows the derivatives.

    The padded images meet ``dY``; batch and channels exchange their places, and so do stride and dilation.
    """
    k_h, k_w = K.shape[2:]
    _, _, h_out, w_out = dY.shape
    s_h, s_w = geometry.stride
    d_h, d_w = geometry.dilation
    high = s_h * (h_out - 1) + d_h * (k_h - 1) + 1
    wide = s_w * (w_out - 1) + d_w * (k_w - 1) + 1
    X = add_border(X, geometry.padding)
    X = X[:, :, :high, :wide]  # below and beside that, the stride has left pixels out
    X = X.unflatten(1, (geometry.groups, -1))
    X = X.permute(2, 1, 0, 3, 4).flatten(1, 2)  # (c_i / groups, groups * n, high, wide)
    dY = dY.transpose(0, 1)
    exchanged = Geometry((k_h, k_w), geometry.dilation, NONE, geometry.stride, geometry.groups)
    dK = correlate_watched(X, dY, exchanged)
    return dK.transpose(0, 1)
