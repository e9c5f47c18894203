"""What saves the contraction memory on large images, and time on the way back.

Columns repeat a pixel up to ``k_h * k_w`` times. Where they are many, they are made and multiplied a tile
at a time: some rows of one image, or some images. The derivatives, each a sum of the same kind, are stated
here, so that autograd need not keep the columns.

`correlate_with_bias` goes to `dispatch`, and that to one of three: to `correlate` for a compiler or an
exporter, to `TiledConv` for autograd, and else to `correlate_tiles`. A compiler cannot follow a loop of tiles,
whose number depends on the image, and makes none of its own: all columns are in memory there, and are kept for the
way back.
"""

from collections.abc import Callable
from itertools import product
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.fx.experimental.proxy_tensor import get_proxy_mode

from d2lconv.contraction import add_border, correlate, im2col, is_depthwise, multiply, windows
from d2lconv.runtime import autocast_off
from d2lconv.validation import Geometry, dilated

TILE = 2**19  # numbers in the columns of a tile: 2 MiB of float32, still in a core's cache when they are multiplied
UNTILED = 4  # a batch of so many tiles at most is not cut: to put its output together would take longer
PIXELS = 512  # output pixels in a tile, at least: a matrix product with fewer columns is slow


def correlate_with_bias(X: Tensor, K: Tensor, bias: Tensor | None, geometry: Geometry) -> Tensor:
    """Correlate and add the bias: half types are summed in float32 and rounded once, whatever autocast says.

    Shapes: ``(n, c_i, h, w), (c_o, c_i / groups, k_h, k_w), (c_o,) -> (n, c_o, h_out, w_out)``.
    """
    if X.dtype in (torch.float16, torch.bfloat16):
        bias = None if bias is None else bias.float()
        Y = correlate_with_bias(X.float(), K.float(), bias, geometry)
        return Y.to(X.dtype)
    with autocast_off(X.device.type):
        Y = dispatch(X, K, geometry)
    return Y if bias is None else Y + bias[:, None, None]


def dispatch(X: Tensor, K: Tensor, geometry: Geometry) -> Tensor:
    """Correlate in the way that whoever watches can follow: a compiler or tracer, autograd, or nobody."""
    is_traced = torch.compiler.is_compiling() or torch.jit.is_tracing() or get_proxy_mode()
    if is_traced:
        return correlate(X, K, geometry).contiguous()
    if is_differentiated(X) or is_differentiated(K):
        return tiled_conv(X, K, None, geometry)
    return correlate_tiles(X, K, geometry)


def is_differentiated(tensor: Tensor) -> bool:
    """Tell whether autograd follows a tensor, backwards or forwards: only then is a Function worth its time."""
    if tensor.requires_grad and torch.is_grad_enabled():
        return True
    try:
        return forward_ad.unpack_dual(tensor).tangent is not None
    except RuntimeError:  # under vmap inside of a forward derivative torch cannot tell
        return True


def correlate_tiles(X: Tensor, K: Tensor, geometry: Geometry) -> Tensor:
    """Do what `correlate` does, with the columns of one tile in memory at a time."""
    n, c_i, c_o = len(X), X.shape[1], len(K)
    tiles = cut(n, c_i, c_o, geometry)
    if len(tiles) == 1:
        return correlate(X, K, geometry).contiguous()
    Y = zero(X, K).new_empty(n, c_o, *geometry.output_size)
    for images, rows in tiles:
        W = windows_of(X, geometry, images, rows)
        Y[images, :, rows] = multiply(K, W, geometry.groups)
    return Y


def zero(A: Tensor, B: Tensor) -> Tensor:
    """Return a zero that is batched, as vmap calls it, if one of the two is: so must be what both are written into."""
    return A.new_zeros(()) + B.new_zeros(())


def cut(n: int, c_i: int, c_o: int, geometry: Geometry) -> list[tuple[slice, slice]]:
    """Cut a batch into tiles, each some images and some rows of the output, as `TILE` and `PIXELS` say.

    >>> cut(3, 1, 1, Geometry(input_size=(4, TILE // 9 + 2), kernel_size=(3, 3)))[:2]
    [(slice(0, 1, None), slice(0, 1, None)), (slice(0, 1, None), slice(1, 2, None))]
    """
    k_h, k_w = geometry.kernel_size
    h_out, w_out = geometry.output_size
    column = c_i * k_h * k_w
    pixels = max(PIXELS, TILE // column)
    if n * h_out * w_out <= UNTILED * pixels:
        return [(slice(0, n), slice(0, h_out))]
    small_columns = column <= c_o or k_h * k_w == 1  # no larger than the output, or not made
    if small_columns or is_depthwise(c_i, c_o, geometry.groups):
        pixels = max(PIXELS, h_out * w_out)  # whole images
    images = max(1, pixels // (h_out * w_out))
    rows = max(1, pixels // w_out)
    return [*product(parts(n, images), parts(h_out, rows))]


def parts(n: int, size: int) -> list[slice]:
    """Cut n things into parts of one size; the last may be smaller."""
    starts = range(0, n, size)
    return [slice(start, min(start + size, n)) for start in starts]


def part(tensor: Tensor, images: slice, rows: slice) -> Tensor:
    """Show ``tensor[images, :, rows]``; all of it as it is, for batched gradients refuse an index that takes all."""
    for axis, places in ((0, images), (2, rows)):
        size = tensor.shape[axis]
        start, stop, _ = places.indices(size)
        if stop - start != size:
            tensor = tensor.narrow(axis, start, stop - start)
    return tensor


def windows_of(X: Tensor, geometry: Geometry, images: slice, rows: slice) -> Tensor:
    """Show the windows of a tile of the output, without padding the images where they are not seen.

    Shapes: ``(n, c_i, h, w) -> (images, c_i, rows, w_out, k_h, k_w)``.
    """
    (top, _), sides = geometry.padding
    stride = geometry.stride[0]
    high = dilated(geometry.kernel_size[0], geometry.dilation[0])
    first = rows.start * stride - top
    size = (rows.stop - rows.start - 1) * stride + high
    seen = slice(max(0, first), max(0, first + size))
    inside = part(X, images, seen)
    above = min(max(0, -first), size)
    below = size - above - inside.shape[2]
    X_rows = add_border(inside, ((above, below), sides))
    return windows(X_rows, geometry.kernel_size, geometry.stride, geometry.dilation)


class TiledConv(torch.autograd.Function):
    """The derivative of ``T(X, K, dY)``, the sum of all ``x * k * dy``, by the factor that is None.

    ==========  ========  ==================
    None is     result    computed by
    ==========  ========  ==================
    dY          Y         `correlate_tiles`
    X           dX        `input_gradient`
    K           dK        `weight_gradient`
    ==========  ========  ==================

    T is linear in each factor. So a result's own derivative by a factor is T again, with the incoming gradient
    in the place of the None, and None in the place of that factor. (Complex factors are conjugated.)
    """

    @staticmethod
    def forward(X: Any, K: Any, dY: Any, geometry: Geometry) -> Tensor:
        if X is None:
            return input_gradient(dY, K, geometry)
        if K is None:
            return weight_gradient(X, dY, geometry)
        return no_view(correlate_tiles(X, K, geometry))

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        *factors, ctx.geometry = inputs
        ctx.save_for_backward(*factors)
        ctx.save_for_forward(*factors)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        factors = [gradient if tensor is None else tensor.conj() for tensor in ctx.saved_tensors]
        gradients = []
        with autocast_off(gradient.device.type):
            for place, needed in enumerate(ctx.needs_input_grad):  # never by the geometry
                others = [*factors[:place], None, *factors[place + 1:]]
                gradients.append(tiled_conv(*others, ctx.geometry) if needed else None)
        return tuple(gradients)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        factors = [tensor if tensor is None else forward_ad.unpack_dual(tensor).primal for tensor in ctx.saved_tensors]
        terms = []
        # torch switches forward derivatives off in here, and those of this sum would silently be zero
        with forward_ad._set_fwd_grad_enabled(True):
            for place, tangent in enumerate(tangents):
                if tangent is not None:
                    varied = [*factors[:place], tangent, *factors[place + 1:]]
                    terms.append(tiled_conv(*varied, ctx.geometry))
            return sum(terms)

    @staticmethod
    def vmap(info: Any, in_dims: Any, X: Any, K: Any, dY: Any, geometry: Geometry) -> tuple[Tensor, int]:
        """Compute all layers that are mapped over at once, each as a group: they share nothing."""
        layers = info.batch_size
        channels = 1, 0, 1  # the axes of c_i in X, of c_o in K, of c_o in dY
        factors = [
            join_channels(tensor, dim, axis, layers)
            for tensor, dim, axis in zip((X, K, dY), in_dims, channels)
        ]
        grouped = geometry._replace(groups=layers * geometry.groups)
        results = tiled_conv(*factors, grouped)
        axis = 0 if K is None else 1
        return results.unflatten(axis, (layers, -1)), axis


tiled_conv: Callable[..., Tensor] = TiledConv.apply


def no_view(tensor: Tensor) -> Tensor:
    """Return a tensor that is not a view, for autograd forbids to write into a view that a Function returns."""
    try:
        return tensor.detach()
    except RuntimeError:  # batched gradients do not know it
        return tensor.clone()


def join_channels(tensor: Tensor | None, dim: int | None, channels: int, layers: int) -> Tensor | None:
    """Join the channels of all layers, which are along the axis ``dim``; with None, each layer has the same."""
    if tensor is None:
        return None
    if dim is None:
        tensor, dim = tensor.expand(layers, *tensor.shape), 0
    return tensor.movedim(dim, channels).flatten(channels, channels + 1)


def input_gradient(dY: Tensor, K: Tensor, geometry: Geometry) -> Tensor:
    """Add to every pixel what is due to it, from each window that covers it.

    Shapes: ``(n, c_o, h_out, w_out), (c_o, c_i / groups, k_h, k_w) -> (n, c_i, h, w)``.
    """
    n, c_o, *_ = dY.shape
    c_i = K.shape[1] * geometry.groups
    h, w = geometry.input_size
    (top, bottom), (left, right) = geometry.padding
    dX = zero(dY, K).new_zeros(n, c_i, top + h + bottom, left + w + right)
    W = windows(dX, geometry.kernel_size, geometry.stride, geometry.dilation)
    for images, rows in cut(n, c_i, c_o, geometry):
        tile = part(W, images, rows)
        col2im(part(dY, images, rows), K, tile, geometry.groups)
    return add_border(dX, ((-top, -bottom), (-left, -right)))


def col2im(dY: Tensor, K: Tensor, W: Tensor, groups: int) -> None:
    """Multiply a gradient with the kernels, and add the columns to the windows that they came from.

    Shapes: ``(n, c_o, h_out, w_out), (c_o, c_i / groups, k_h, k_w), (n, c_i, h_out, w_out, k_h, k_w)``; ``W`` is a
    view of the image's gradient.
    """
    n, c_i, h_out, w_out, k_h, k_w = W.shape
    if is_depthwise(c_i, len(K), groups):
        for a, b in product(range(k_h), range(k_w)):
            weight = K[:, :, a, b, None]  # (c, 1, 1)
            W[..., a, b].addcmul_(dY, weight)
        return
    rows = K.reshape(groups, len(K) // groups, -1)
    columns = torch.bmm(rows.transpose(1, 2), as_columns(dY, groups))
    columns = columns.reshape(c_i, k_h, k_w, n, h_out, w_out)
    columns = columns.transpose(0, 3)  # (n, k_h, k_w, c_i, h_out, w_out)
    for a, b in product(range(k_h), range(k_w)):
        W[..., a, b] += columns[:, a, b]  # in one place of all windows no pixel is met twice


def weight_gradient(X: Tensor, dY: Tensor, geometry: Geometry) -> Tensor:
    """Multiply ``dY`` with the windows that it came from, and sum over images, rows and columns.

    Shapes: ``(n, c_i, h, w), (n, c_o, h_out, w_out) -> (c_o, c_i / groups, k_h, k_w)``.
    """
    n, c_i, *_ = X.shape
    c_o, groups = dY.shape[1], geometry.groups
    dK = X.new_zeros(())
    for images, rows in cut(n, c_i, c_o, geometry):
        W = windows_of(X, geometry, images, rows)
        columns = im2col(W, groups)
        dY_columns = as_columns(part(dY, images, rows), groups)
        products = torch.bmm(dY_columns, columns.transpose(1, 2))
        dK = dK + products.reshape(c_o, c_i // groups, *geometry.kernel_size)
    return dK


def as_columns(Y: Tensor, groups: int) -> Tensor:
    """Write each pixel as a column: ``(n, c, h, w) -> (groups, c / groups, n * h * w)``."""
    n, c, h, w = Y.shape
    Y = Y.transpose(0, 1)
    return Y.reshape(groups, c // groups, n * h * w)
