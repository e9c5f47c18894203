"""The sum behind every function here: windows times kernels, added up over channel, row and column.

A window becomes a column, a kernel a row, and a layer one matrix product. Columns repeat a pixel up to
``k_h * k_w`` times; where they are many, they are made and used a strip at a time, and the derivatives,
each a sum of the same kind, are stated here, so that autograd need not keep the columns (of second
derivatives it does).
"""

from itertools import product
from math import ceil, gcd

import torch
from torch.autograd import forward_ad
from torch.nn.functional import pad

from d2lconv.cost import output_size
from d2lconv.runtime import autocast_dtype, autocast_off

HALF = (torch.float16, torch.bfloat16)
STRIP = 2**20  # numbers that are worked on at a time, or a row: 4 MB of float32, which a CPU keeps in its caches
NONE = ((0, 0), (0, 0))  # no padding at (top, bottom), (left, right)


def contract(X, K, bias=None, stride=(1, 1), padding=NONE, dilation=(1, 1), groups=1):
    """Multiply every window with every kernel, sum over channel, row and column, and add the bias.

    Shapes: ``(n, c_i, h, w), (c_o, c_i / groups, k_h, k_w), (c_o,) -> (n, c_o, h_out, w_out)``.

    >>> contract(torch.ones(1, 2, 3, 3), torch.ones(4, 2, 2, 2)).shape
    torch.Size([1, 4, 2, 2])
    """
    if X.dtype in HALF:  # sum in float32, round once; autograd keeps the image in float32
        wide = (t if t is None else t.float() for t in (X, K, bias))
        return contract(*wide, stride, padding, dilation, groups).to(X.dtype)
    rounds = autocast_dtype(X.device.type) and len(X)  # in derivatives, too, unless they are those of InStrips
    with autocast_off(X.device.type):
        # a compiler refuses the Function, and must not be asked about sizes that it leaves open
        if torch.compiler.is_compiling() or (not rounds and at_once(X, K, stride, padding, dilation)):
            W = windows(padded(X, padding), K.shape[2:], stride, dilation)
            Y = maps(K.reshape(groups, K.shape[0] // groups, -1), W[:, None])[:, 0]  # each image is a lot of its own
        else:
            Y = InStrips.apply(X, K, stride, padding, dilation, groups)
    return Y if bias is None else Y + bias[:, None, None]


def at_once(X, K, stride, padding, dilation):
    """Tell whether the columns, and the kernels that autograd repeats for each image, are few enough to keep."""
    kernels = len(X) * K.numel()
    if padding == NONE and K.shape[2:] == stride == (1, 1):  # the columns are the image, and are not copied
        return kernels <= max(X.numel(), STRIP // 2)
    h_out, w_out = output_size(X.shape[2:], K.shape[2:], stride, padding, dilation)
    return max(len(X) * X.shape[1] * K.shape[2] * K.shape[3] * h_out * w_out, kernels) <= STRIP // 2


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


def dealt(T):
    """Deal the images of a strip, or the rows of its only one, out to the threads.

    Shapes: ``(n, c, h, ...) -> (p, n / p, c, h, ...)`` or ``(p, 1, c, h / p, ...)``, ``p`` equal lots: each
    thread then multiplies the columns that it has written, and need not fetch them from another's cache.
    """
    axis = 0 if len(T) > 1 else 2
    return T.unflatten(axis, (gcd(T.shape[axis], torch.get_num_threads()), -1)).movedim(axis, 0)


def columns(W, groups):
    """Write each window of ``p`` lots as a column.

    Shapes: ``(p, n, c_i, h, w, k_h, k_w) -> (p * g, c_i / g * k_h * k_w, n * h * w)``.
    """
    p, n, c_i, h, w, k_h, k_w = W.shape
    return W.permute(0, 2, 5, 6, 1, 3, 4).reshape(p * groups, c_i // groups * k_h * k_w, n * h * w)


def maps(matrix, W):
    """Multiply kernels, a row each, with windows: ``(g, c_o / g, m), (p, n, c_i, h, ...) -> (p, n, c_o, ...)``."""
    (g, c_g, m), (p, n, _, h, w, *_) = matrix.shape, W.shape
    Y = torch.bmm(matrix.expand(p, g, c_g, m).flatten(0, 1), columns(W, g))
    return Y.view(p, g * c_g, n, h, w).transpose(1, 2)


def strips(n, h_out, row):
    """Choose the parts that are worked on one after the other: images, and rows of the output.

    Columns are written and read again at once: they should be few enough to stay in the cache, and
    many enough to keep the matrix product busy. A strip is some rows of one image, or some images.
    ``row`` is how many numbers one row of the output takes.

    >>> [rows for _, rows in strips(n=1, h_out=3, row=STRIP // 2)][-1].stop
    3
    """
    images, rows = share(n, STRIP // (row * h_out)), share(h_out, STRIP // row)
    return [(slice(i, i + images), slice(r, min(r + rows, h_out)))
            for i in range(0, n, images) for r in range(0, h_out, rows)]


def share(total, most):
    """Return the size of shares of about ``most``, all but the last equal, which the threads can share again."""
    size, threads = ceil(total / ceil(total / max(1, most))), torch.get_num_threads()
    return size if size < threads else size + -size % threads


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
        (n, c_i, h, w), (c_o, _, k_h, k_w), ((top, _), sides) = X.shape, K.shape, padding
        span = dilation[0] * (k_h - 1) + 1
        h_out, w_out = output_size((h, w), (k_h, k_w), stride, padding, dilation)
        Y, matrix = X.new_empty(n, c_o, h_out, w_out), K.reshape(groups, c_o // groups, -1)
        per_pixel = c_i + c_o if depthwise(K, groups) else max(c_i * k_h * k_w, c_o)
        for images, rows in strips(n, h_out, per_pixel * w_out):
            first, last = rows.start * stride[0] - top, (rows.stop - 1) * stride[0] + span - top
            W, y = windows(band(X[images], first, last, sides), (k_h, k_w), stride, dilation), Y[images, :, rows]
            if depthwise(K, groups):
                shifted(W, K, out=y)
            elif len(dealt(y)) == len(y) == groups == 1:  # a plain matrix, which can be written where it belongs
                torch.mm(matrix[0], columns(W[None], 1)[0], out=y[0].flatten(1))
            else:
                dealt(y).copy_(maps(matrix, dealt(W)))
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
            return InStrips.apply(dX, K, *ctx.geometry) + InStrips.apply(X, dK, *ctx.geometry)

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


def depthwise(K, groups):
    """Tell whether each kernel sees one channel of several: too few numbers in a row for a matrix product."""
    return K.shape[1] == 1 < groups


def shifted(W, K, out):
    """Add up shifted images, each times one weight per map: for kernels that see one channel.

    Shapes: ``(n, c_i, h, w, k_h, k_w), (c_o, 1, k_h, k_w) -> (n, c_o, h, w)``.
    """
    out, K = (T.unflatten(axis, (W.shape[1], -1)) for T, axis in ((out, 1), (K, 0)))
    out.zero_()
    for a, b in product(range(K.shape[3]), range(K.shape[4])):
        out.addcmul_(W[:, :, None, ..., a, b], K[..., 0, a, b, None, None])


def gradient_of_image(dY, K, shape, stride, dilation, groups):
    """Add to every pixel of the padded image what is due to it, from each window that covers it.

    Shapes: ``(n, c_o, h_out, w_out), (c_o, c_i / groups, k_h, k_w) -> shape (n, c_i, h, w)``, padded. Where autograd
    must look into it, that is a sum of the same kind: the spread-out ``dY`` is correlated with the kernels, flipped
    in space, their channels exchanged.
    """
    if not torch.is_grad_enabled():  # no derivative of the derivative is wanted
        return added_back(dY, K, shape, stride, dilation, groups)
    (n, _, h, w), (k_h, k_w), (s_h, s_w), (d_h, d_w) = shape, K.shape[2:], stride, dilation
    top, left = d_h * (k_h - 1), d_w * (k_w - 1)
    spread = dY.new_zeros(n, dY.shape[1], h + top, w + left)
    spread[:, :, top:h:s_h, left:w:s_w] = dY
    K = K.conj().unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1).flip(2, 3)
    return InStrips.apply(spread, K, (1, 1), NONE, dilation, groups)


def added_back(dY, K, shape, stride, dilation, groups):
    """Compute `gradient_of_image` in place, which is faster, since nothing is multiplied with zeros between strides."""
    dX = (dY.new_zeros(()) + K.new_zeros(())).new_zeros(shape)  # batched by vmap if one of the two is
    W, places = windows(dX, K.shape[2:], stride, dilation), [*product(range(K.shape[2]), range(K.shape[3]))]
    if depthwise(K, groups):  # `shifted`, the other way
        dY, K = (T.unflatten(axis, (groups, -1)) for T, axis in ((dY, 1), (K.conj(), 0)))
        for m, (a, b) in product(range(K.shape[1]), places):
            W[..., a, b].addcmul_(dY[:, :, m], K[:, m, :, a, b, None])
        return dX
    matrix, per_pixel = K.conj().reshape(groups, len(K) // groups, -1).transpose(1, 2), shape[1] * len(places)
    for images, rows in strips(len(W), W.shape[2], max(per_pixel, len(K)) * W.shape[3]):
        dW = maps(matrix, dealt(dY[images, :, rows])[..., None, None])  # (p, n, c_i * k_h * k_w, h, w)
        dW, due = dW.unflatten(2, (shape[1], *K.shape[2:])), dealt(W[images, :, rows])
        for a, b in places:
            due[..., a, b] += dW[:, :, :, a, b]
    return dX


def gradient_of_kernel(X, dY, shape, stride, dilation, groups):
    """Multiply ``dY`` with the windows that it came from, and sum over images, rows and columns.

    Shapes: ``(n, c_i, h, w), (n, c_o, h_out, w_out) -> shape (c_o, c_i / groups, k_h, k_w)``, X padded.
    """
    W = windows(X.conj(), shape[2:], stride, dilation)
    return sum(
        torch.bmm(columns(dealt(dY[images, :, rows])[..., None, None], groups),
                  columns(dealt(W[images, :, rows]), groups).transpose(1, 2)).unflatten(0, (-1, groups)).sum(0)
        for images, rows in strips(len(W), W.shape[2], W[0, :, 0].numel())).reshape(shape)
