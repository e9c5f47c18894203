"""The sum behind every function here: windows times kernels, added up over channel, row and column.

A window becomes a column, a kernel a row, and a layer one matrix product. Columns repeat a pixel up to
``k_h * k_w`` times; where they are many, they are made and used a strip at a time, and the derivatives,
each a sum of the same kind, are stated here, so that autograd need not keep the columns.
"""

from itertools import product

import torch
from torch.autograd import forward_ad
from torch.nn.functional import pad

from d2lconv.cost import output_size
from d2lconv.runtime import autocast_off

HALF = (torch.float16, torch.bfloat16)
STRIP = 2**19  # numbers that are worked on at a time: 2 MB of float32, which a CPU keeps in its cache
NONE = ((0, 0), (0, 0))  # no padding at (top, bottom), (left, right)


def contract(X, K, bias=None, stride=(1, 1), padding=NONE, dilation=(1, 1), groups=1):
    """Multiply every window with every kernel, sum over channel, row and column, and add the bias.

    Shapes: ``(n, c_i, h, w), (c_o, c_i / groups, k_h, k_w), (c_o,) -> (n, c_o, h_out, w_out)``.

    >>> contract(torch.ones(1, 2, 3, 3), torch.ones(4, 2, 2, 2)).shape
    torch.Size([1, 4, 2, 2])
    """
    if X.dtype in HALF:  # sum in float32, round once
        wide = (t if t is None else t.float() for t in (X, K, bias))
        return contract(*wide, stride, padding, dilation, groups).to(X.dtype)
    few = X.numel() * K.shape[2] * K.shape[3] <= STRIP * stride[0] * stride[1]  # numbers in the columns, about
    with autocast_off(X.device.type):
        if few or torch.compiler.is_compiling():  # a compiler does not see into an autograd.Function
            W = windows(padded(X, padding), K.shape[2:], stride, dilation)
            Y = maps(K.reshape(groups, K.shape[0] // groups, -1), W)
        else:
            Y = InStrips.apply(X, K, stride, padding, dilation, groups)
    return Y if bias is None else Y + bias[:, None, None]


def padded(X, padding):
    """Put a border of zeros around each image, if there is one to put."""
    (top, bottom), (left, right) = padding
    return X if padding == NONE else pad(X, (left, right, top, bottom))


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
    return X if dilation == (1, 1) else X[..., ::d_h, ::d_w]


def columns(W, groups):
    """Write each window as a column: ``(n, c_i, h, w, k_h, k_w) -> (groups, c_i / groups * k_h * k_w, n * h * w)``."""
    n, c_i, h, w, k_h, k_w = W.shape
    return W.permute(1, 4, 5, 0, 2, 3).reshape(groups, c_i // groups * k_h * k_w, n * h * w)


def multiply(A, B):
    """Multiply the matrices of each group; a single one as such, which is faster."""
    return torch.mm(A[0], B[0])[None] if len(A) == 1 else torch.bmm(A, B)


def maps(rows, W):
    """Multiply kernels, written as rows, with windows: ``(g, c_o / g, m), (n, c_i, h, w, ...) -> (n, c_o, h, w)``."""
    (g, c_g, _), (n, _, h, w, _, _) = rows.shape, W.shape
    return multiply(rows, columns(W, g)).reshape(g * c_g, n, h, w).transpose(0, 1).contiguous()


def strips(n, h_out, row):
    """Choose the parts that are worked on one after the other: images, and rows of the output.

    Columns are written and read again at once: they should be few enough to stay in the cache, and
    many enough to keep the matrix product busy. A strip is some rows of one image, or some images.
    ``row`` is how many numbers one row of the output takes.

    >>> strips(n=1, h_out=10, row=STRIP // 4)[1:]
    [(slice(0, 1, None), slice(4, 8, None)), (slice(0, 1, None), slice(8, 10, None))]
    """
    images, rows = max(1, STRIP // (row * h_out)), max(1, STRIP // row)
    return [(slice(i, i + images), slice(r, min(r + rows, h_out)))
            for i in range(0, n, images) for r in range(0, h_out, rows)]


def band(X, first, last, sides):
    """Cut rows ``first`` to ``last`` out of the padded images; they count from the image's first, outside are zeros."""
    h = X.shape[2]
    border = max(0, min(last, 0) - first), max(0, last - max(first, h))
    return padded(X[:, :, max(0, first):max(0, last)], (border, sides))


class InStrips(torch.autograd.Function):
    """The sum in strips, and its derivatives; the arguments are those of `contract`, without the bias.

    `torch.func.vmap` works; torch's older batching (``is_grads_batched``) does not.
    """

    @staticmethod
    def forward(X, K, stride, padding, dilation, groups):
        (n, c_i, h, w), (c_o, c_k, k_h, k_w), ((top, _), sides) = X.shape, K.shape, padding
        span = dilation[0] * (k_h - 1) + 1
        h_out, w_out = output_size((h, w), (k_h, k_w), stride, padding, dilation)
        Y, matrix = X.new_empty(n, c_o, h_out, w_out), K.reshape(groups, c_o // groups, -1)
        if c_k == 1 < groups:  # rows of k_h * k_w numbers are too short for a matrix product
            W = windows(padded(X, padding), (k_h, k_w), stride, dilation)
            return shifted(W, K.unflatten(0, (groups, -1)), out=Y.unflatten(1, (groups, -1))).flatten(1, 2)
        for images, rows in strips(n, h_out, max(c_i * k_h * k_w, c_o) * w_out):
            first, last = rows.start * stride[0] - top, (rows.stop - 1) * stride[0] + span - top
            W, y = windows(band(X[images], first, last, sides), (k_h, k_w), stride, dilation), Y[images, :, rows]
            if groups == len(y) == 1:  # a plain matrix, which can be written where it belongs
                torch.mm(matrix[0], columns(W, 1)[0], out=y[0].view(c_o, -1))
            else:
                y.copy_(maps(matrix, W))
        return Y

    @staticmethod
    def setup_context(ctx, inputs, output):
        X, K, *ctx.geometry = inputs
        ctx.save_for_backward(X, K)
        ctx.save_for_forward(X, K)

    @staticmethod
    def backward(ctx, dY):
        (X, K), (stride, padding, *others) = ctx.saved_tensors, ctx.geometry
        dX = dK = None
        with autocast_off(dY.device.type):
            if ctx.needs_input_grad[0]:
                (top, bottom), (left, right) = padding
                size = (*X.shape[:2], top + X.shape[2] + bottom, left + X.shape[3] + right)
                dX = gradient_of_image(dY, K, size, stride, *others)
                if padding != NONE:
                    dX = dX[:, :, top:size[2] - bottom, left:size[3] - right]
            if ctx.needs_input_grad[1]:
                dK = gradient_of_kernel(padded(X, padding), dY, K.shape, stride, *others)
        return dX, dK, None, None, None, None

    @staticmethod
    def jvp(ctx, dX, dK, *_):
        X, K = (forward_ad.unpack_dual(t).primal for t in ctx.saved_tensors)
        with forward_ad._set_fwd_grad_enabled(True):  # torch switches it off here, and second ones were zero
            return sum(InStrips.apply(x, k, *ctx.geometry) for x, k in ((dX, K), (X, dK))
                       if x is not None and k is not None)

    @staticmethod
    def vmap(info, in_dims, X, K, stride, padding, dilation, groups):
        """More images are a longer batch; more kernels, more output channels or, each for its own images, groups."""
        (x, k, *_), many = in_dims, info.batch_size
        if k is None:
            Y = InStrips.apply(X.movedim(x, 0).flatten(0, 1), K, stride, padding, dilation, groups)
            return Y.unflatten(0, (many, -1)), 0
        if x is None:  # the new kernels of a group stand beside its old ones
            K = K.movedim(k, 0).unflatten(1, (groups, -1)).transpose(0, 1).flatten(0, 2)
            Y = InStrips.apply(X, K, stride, padding, dilation, groups)
            return Y.unflatten(1, (groups, many, -1)).transpose(1, 2).flatten(2, 3), 1
        X, K = X.movedim(x, 1).flatten(1, 2), K.movedim(k, 0).flatten(0, 1)
        return InStrips.apply(X, K, stride, padding, dilation, many * groups).unflatten(1, (many, -1)), 1


def shifted(W, K, out):
    """Add up shifted images, each times one weight per map: for kernels that see one channel.

    Shapes: ``(n, g, h, w, k_h, k_w), (g, c_o / g, 1, k_h, k_w) -> (n, g, c_o / g, h, w)``.
    """
    out.zero_()
    for a, b in product(range(K.shape[3]), range(K.shape[4])):
        out.addcmul_(W[:, :, None, ..., a, b], K[..., 0, a, b, None, None])
    return out


def gradient_of_image(dY, K, shape, stride, dilation, groups):
    """Correlate the spread-out ``dY`` with the kernels, flipped in space, their channels exchanged.

    Shapes: ``(n, c_o, h_out, w_out), (c_o, c_i / groups, k_h, k_w) -> shape (n, c_i, h, w)``, padded.
    """
    if groups == 1 and not torch.is_grad_enabled():  # no derivative of the derivative is wanted
        return added_back(dY, K, shape, stride, dilation)
    (n, _, h, w), (k_h, k_w), (s_h, s_w), (d_h, d_w) = shape, K.shape[2:], stride, dilation
    top, left = d_h * (k_h - 1), d_w * (k_w - 1)
    spread = dY.new_zeros(n, dY.shape[1], h + top, w + left)
    spread[:, :, top:h:s_h, left:w:s_w] = dY
    K = K.conj().unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1).flip(-2, -1)
    return InStrips.apply(spread, K, (1, 1), NONE, dilation, groups)


def added_back(dY, K, shape, stride, dilation):
    """Compute `gradient_of_image` in place: what each window is due is added to the pixels that it covers.

    That is faster, most of all with a stride, since nothing is multiplied with zeros; but autograd could
    not look into it.
    """
    dX = dY.new_zeros(shape)
    W = windows(dX, K.shape[2:], stride, dilation)
    for images, rows in strips(len(W), W.shape[2], max(K[0].numel(), len(K)) * W.shape[3]):
        dy = dY[images, :, rows]
        dW = K.conj().flatten(1).T @ dy.transpose(0, 1).flatten(1)  # (c_i * k_h * k_w, n * h * w)
        dW = dW.reshape(shape[1], *K.shape[2:], len(dy), *dy.shape[2:])
        for a, b in product(range(K.shape[2]), range(K.shape[3])):
            W[images, :, rows, :, a, b] += dW[:, a, b].transpose(0, 1)
    return dX


def gradient_of_kernel(X, dY, shape, stride, dilation, groups):
    """Multiply ``dY`` with the windows that it came from, and sum over images, rows and columns.

    Shapes: ``(n, c_i, h, w), (n, c_o, h_out, w_out) -> shape (c_o, c_i / groups, k_h, k_w)``, X padded.
    """
    W = windows(X.conj(), shape[2:], stride, dilation)
    return sum(
        multiply(dY[images, :, rows].transpose(0, 1).reshape(groups, shape[0] // groups, -1),
                 columns(W[images, :, rows], groups).transpose(1, 2))
        for images, rows in strips(len(W), W.shape[2], W[0, :, 0].numel())).reshape(shape)
