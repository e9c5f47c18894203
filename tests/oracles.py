"""What we compare with: other people's convolutions, our plainest one, and the bound on the difference.

All take what `d2lconv.conv2d` takes, batched, compute in float64 (or complex128) on the CPU, and
share nothing with the package.
"""

import ast
import importlib.util
import os
import warnings
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import torch

HALF = (torch.float16, torch.bfloat16)


def wide(tensor):
    """Move to the CPU, in the widest dtype of its kind."""
    return tensor.detach().cpu().to(torch.complex128 if tensor.is_complex() else torch.float64)


def pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def pad(input, weight, padding, dilation):
    """Put zeros around the images; of an odd number, "same" has the greater part below and right."""
    if padding in ("same", "valid"):
        spans = [d * (k - 1) * (padding == "same") for k, d in zip(weight.shape[2:], pair(dilation))]
        (top, left), (bottom, right) = [s // 2 for s in spans], [s - s // 2 for s in spans]
    else:
        (top, left) = (bottom, right) = pair(padding)
    padded = input.new_zeros(*input.shape[:2], input.shape[2] + top + bottom, input.shape[3] + left + right)
    padded[:, :, top:padded.shape[2] - bottom, left:padded.shape[3] - right] = input
    return padded


def plain_conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """For each row and column of the kernel, add what it sees, times its weights."""
    X = pad(wide(input), weight, padding, dilation).unflatten(1, (groups, -1))  # n g c h w
    K = wide(weight).unflatten(0, (groups, -1))  # g o c k_h k_w
    (s_h, s_w), (d_h, d_w), (k_h, k_w) = pair(stride), pair(dilation), K.shape[3:]
    h_out, w_out = X.shape[3] - d_h * (k_h - 1), X.shape[4] - d_w * (k_w - 1)
    Y = sum(torch.einsum("ngchw,goc->ngohw",
                         X[..., a * d_h:a * d_h + h_out:s_h, b * d_w:b * d_w + w_out:s_w], K[..., a, b])
            for a, b in product(range(k_h), range(k_w))).flatten(1, 2)
    return Y if bias is None else Y + wide(bias).reshape(-1, 1, 1)


def torch_conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """torch's own."""
    with warnings.catch_warnings():  # it warns that "same" with an even kernel copies
        warnings.filterwarnings("ignore", message="Using padding='same' with even kernel", category=UserWarning)
        return torch.nn.functional.conv2d(wide(input), wide(weight), None if bias is None else wide(bias),
                                          stride, padding, dilation, groups)


def rational_conv2d(input, weight):
    """Exact, in rational numbers, one image at a time: (c_i, h, w), (c_o, c_i, k_h, k_w)."""
    X, K = input.tolist(), weight.tolist()
    (_, h, w), (_, c_i, k_h, k_w) = input.shape, weight.shape
    return [[[sum(Fraction(X[c][i + a][j + b]) * Fraction(k[c][a][b])
                  for c, a, b in product(range(c_i), range(k_h), range(k_w)))
              for j in range(w - k_w + 1)] for i in range(h - k_h + 1)] for k in K]


def cut_out(package, file, *functions, **namespace):
    """Take functions out of an installed package's source, without importing the package."""
    source = Path(importlib.util.find_spec(package).origin).parent.joinpath(file).read_text(encoding="utf-8")
    body = [node for node in ast.parse(source).body if getattr(node, "name", None) in functions]
    exec(compile(ast.Module(body, []), file, "exec"), namespace)
    return namespace[functions[0]]


def d2l_corr2d():
    """D2L's own function, out of its source: to import d2l.torch, as CI does, needs torchvision, pandas and more."""
    if os.environ.get("D2LCONV_REAL_D2L"):
        from d2l import torch as d2l
        return d2l.corr2d

    class d2l:  # the two names that it uses, as d2l.torch defines them
        zeros, reduce_sum = torch.zeros, staticmethod(lambda x: x.sum())

    return cut_out("d2l", "torch.py", "corr2d", d2l=d2l)


def scipy_conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """SciPy's correlation of two planes, summed over the channels."""
    from scipy.signal import correlate2d
    X, (d_h, d_w), (s_h, s_w) = pad(wide(input), weight, padding, dilation), pair(dilation), pair(stride)
    c_o, c_k, k_h, k_w = weight.shape
    K = weight.new_zeros(c_o, c_k, d_h * (k_h - 1) + 1, d_w * (k_w - 1) + 1, dtype=X.dtype, device="cpu")
    K[..., ::d_h, ::d_w] = wide(weight)
    Y = torch.stack([torch.stack([
        sum(torch.from_numpy(correlate2d(x[o // (c_o // groups) * c_k + c].numpy(), K[o, c].numpy().conj(),
                                         "valid"))[::s_h, ::s_w] for c in range(c_k))
        for o in range(c_o)]) for x in X])
    return Y if bias is None else Y + wide(bias).reshape(-1, 1, 1)


def keras_conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """The NumPy reference of Keras's own tests, channels last."""
    np_conv2d = cut_out("keras", "src/layers/convolutional/conv_test.py", "np_conv2d",
                        np=np, as_strided=np.lib.stride_tricks.as_strided)
    X, bias = pad(wide(input), weight, padding, dilation), weight.new_zeros(len(weight)) if bias is None else bias
    Y = np_conv2d(X.movedim(1, -1).contiguous().numpy(), wide(weight).permute(2, 3, 1, 0).contiguous().numpy(),
                  wide(bias).numpy(), pair(stride), "valid", "channels_last", pair(dilation), groups)
    return torch.from_numpy(Y).movedim(-1, 1)


def jax_conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """The NumPy reference of JAX's own tests, group by group."""
    from jax._src import lax_reference
    X = pad(wide(input), weight, padding, dilation)
    Y = torch.cat([torch.from_numpy(lax_reference.conv_with_general_padding(
        x.numpy(), k.numpy(), pair(stride), [(0, 0), (0, 0)], (1, 1), pair(dilation)))
        for x, k in zip(X.chunk(groups, 1), wide(weight).chunk(groups))], dim=1)
    return Y if bias is None else Y + wide(bias).reshape(-1, 1, 1)


def error_bound(expected, magnitude, terms, dtype, summed_in=None):
    """How far a result in ``dtype`` may be from ``expected``, elementwise, whatever the order of its sums.

    ``expected`` and ``magnitude``, the same sums over absolute values, come in float64; ``terms`` are
    the numbers added up for one element. ``(1 + u) g magnitude + u |expected| + eta``: ``g = terms a /
    (1 - terms a)`` is what rounding does to a sum in ``summed_in`` (unit roundoff ``a``; float32 for
    half types), ``u`` rounds the result, ``eta`` is its smallest number. Source: N. J. Higham, Accuracy
    and Stability of Numerical Algorithms, section 3.1.
    """
    summed_in = summed_in or (torch.float32 if dtype in HALF else dtype)
    underflows = terms if summed_in in HALF else 1  # there each product is rounded to half as well
    parts = 2 if dtype.is_complex else 1  # a complex product is made of four real ones, two for each part
    result, a = torch.finfo(dtype), torch.finfo(summed_in).eps / 2
    g = parts * terms * a / (1 - parts * terms * a)
    if result.bits == 64:
        g = 2 * g  # the expected numbers are float64 as well
    u, eta = result.eps / 2, underflows * result.smallest_normal * result.eps
    return parts**0.5 * ((1 + u) * g * magnitude + u * expected.abs() + eta)


def assert_conv2d(actual, input, weight, bias=None, *, oracle=plain_conv2d, rounds_products=False, **geometry):
    """Assert that ``actual`` is the convolution: shape, dtype, device, and every element within the bound.

    ``input`` and ``weight`` may lack leading axes, as the four functions have them. Integers are exact.
    """
    images, kernels = (t.reshape((1,) * (4 - t.ndim) + t.shape) for t in (input, weight))
    expected = oracle(images, kernels, bias, **geometry)
    sizes = plain_conv2d(images.abs(), kernels.abs(), None if bias is None else bias.abs(), **geometry)
    for tensor in (input, weight):
        if tensor.ndim < 4:
            expected, sizes = expected[0], sizes[0]
    assert (actual.shape, actual.dtype, actual.device) == (expected.shape, input.dtype, input.device)
    if not actual.is_floating_point() and not actual.is_complex():
        assert torch.equal(wide(actual), expected)
        return
    terms = kernels[0].numel() + (bias is not None) + 2 * rounds_products
    bound = error_bound(expected, sizes, terms, actual.dtype, actual.dtype if rounds_products else None)
    assert_within(bound, actual, expected)


def assert_within(bound, actual, expected):
    """Assert that no element is farther off than its bound, and that NaN and infinity stand where they must."""
    actual, finite = wide(actual), expected.isfinite()
    assert torch.equal(actual.isfinite(), finite)
    assert torch.equal(actual[~finite].nan_to_num(nan=0), expected[~finite].nan_to_num(nan=0))
    too_far = finite & ((actual - expected).abs() > bound)
    assert not too_far.any(), (
        f"{too_far.sum()} of {too_far.numel()} elements are out of bounds, the first at "
        f"{tuple(too_far.nonzero()[0].tolist())}: {actual[too_far][0]} instead of {expected[too_far][0]}")
