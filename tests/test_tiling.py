"""Tiles: how large they are, that a result does not depend on them, and the derivatives that are stated there."""

import subprocess
import sys
import warnings

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import forward_ad, gradcheck, gradgradcheck
from torch.func import grad, hessian, jacfwd, jacrev, jvp, linearize, vjp, vmap

from d2lconv import Conv2d, conv2d, tiling
from d2lconv.tiling import cut
from d2lconv.validation import Geometry
from strategies import tensors

GEOMETRIES = [{}, {"stride": 2, "padding": 1}, {"groups": 4, "padding": 1}, {"groups": 2, "dilation": 2}]
SMALL, LARGE = (2, 4, 8, 7), (4, 16, 96, 96)


def problem(shape, groups=1, dtype=torch.float32, **geometry):
    """Draw images, kernels, and the layer of ours and of torch."""
    c = shape[1]
    X, K = tensors(shape, (c, c // groups, 3, 3), dtype=dtype)
    return X, K, [lambda X, K, f=f: f(X, K, None, groups=groups, **geometry) for f in (conv2d, F.conv2d)]


def sizes(tiles):
    """Count the images and the rows of each tile."""
    return [(images.stop - images.start, rows.stop - rows.start) for images, rows in tiles]


def seen_through(k_h, k_w, h_out, w_out):
    """Where the windows are, from the size of a kernel and of the output."""
    return Geometry((h_out + k_h - 1, w_out + k_w - 1), (k_h, k_w))


def test_a_tile_is_some_images_or_some_rows_of_one(monkeypatch):
    monkeypatch.setattr(tiling, "TILE", 1000)
    monkeypatch.setattr(tiling, "PIXELS", 1)
    monkeypatch.setattr(tiling, "UNTILED", 1)
    channels = 2, 7  # c_i and c_o; ten numbers in a column of a 5x1 kernel, so a hundred pixels in a tile
    assert sizes(cut(6, *channels, seen_through(5, 1, 5, 6))) == [(3, 5), (3, 5)]
    assert sizes(cut(2, *channels, seen_through(5, 1, 10, 30))) == [(1, 3), (1, 3), (1, 3), (1, 1)] * 2
    assert sizes(cut(1, *channels, seen_through(5, 1, 3, 1000))) == [(1, 1)] * 3
    assert sizes(cut(2, *channels, seen_through(5, 1, 5, 20))) == [(1, 5), (1, 5)]
    assert sizes(cut(0, *channels, seen_through(5, 1, 3, 3))) == [(0, 3)]


def test_a_tile_has_pixels_enough_for_a_fast_product(monkeypatch):
    monkeypatch.setattr(tiling, "TILE", 1)
    monkeypatch.setattr(tiling, "PIXELS", 60)
    monkeypatch.setattr(tiling, "UNTILED", 1)
    assert sizes(cut(1, 9, 1, seen_through(3, 3, 12, 10))) == [(1, 6), (1, 6)]


def test_a_few_tiles_are_one_if_that_is_all(monkeypatch):
    monkeypatch.setattr(tiling, "TILE", 1)
    monkeypatch.setattr(tiling, "PIXELS", 30)
    monkeypatch.setattr(tiling, "UNTILED", 4)
    assert sizes(cut(1, 9, 1, seen_through(3, 3, 12, 10))) == [(1, 12)]
    assert sizes(cut(1, 9, 1, seen_through(3, 3, 13, 10))) == [(1, 3)] * 4 + [(1, 1)]


@pytest.mark.parametrize(("c_i", "c_o", "k"), [(2, 20, 3), (2, 18, 3), (9, 3, 1)], ids=["more", "as many", "1x1"])
def test_rows_are_not_cut_where_columns_are_no_larger_than_the_output(small_tiles, c_i, c_o, k):
    assert sizes(cut(2, c_i, c_o, seen_through(k, k, 12, 10))) == [(1, 12), (1, 12)]


def test_rows_are_cut_where_a_layer_with_groups_makes_columns_and_not_where_it_is_depthwise(small_tiles):
    windows = seen_through(3, 3, 12, 10)
    assert sizes(cut(2, 4, 4, windows._replace(groups=4))) == [(1, 12), (1, 12)]
    assert sizes(cut(2, 4, 8, windows._replace(groups=4))) == [(1, 1)] * 24


def test_the_tiles_are_all_there_is_one_after_the_other(small_tiles):
    seen = [(image, row) for images, rows in cut(3, 1, 1, seen_through(2, 2, 7, 2))
            for image in range(images.start, images.stop) for row in range(rows.start, rows.stop)]
    assert seen == [(image, row) for image in range(3) for row in range(7)]


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")  # torch's own, on first use
def test_a_function_is_entered_only_where_a_derivative_is_wanted(monkeypatch):
    class Entered(Exception):
        pass

    def enter(*_):
        raise Entered

    monkeypatch.setattr(tiling, "tiled_conv", enter)
    X, K, (ours, _) = problem(SMALL)
    ours(X, K)
    with torch.no_grad():
        ours(X.clone().requires_grad_(), K)
    with forward_ad.dual_level():
        ours(X, K)
    for wanted in (lambda: ours(X.clone().requires_grad_(), K), lambda: ours(X, K.clone().requires_grad_()),
                   lambda: jvp(ours, (X, K), (X, K))):
        with pytest.raises(Entered):
            wanted()


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_gradients_are_those_of_torch(small_tiles, geometry):
    X, K, layers = problem(SMALL, dtype=torch.float64, **geometry)
    grads = [torch.autograd.grad(f(X, K).square().sum(), (X, K)) for f in layers
             if (X.requires_grad_(), K.requires_grad_())]
    torch.testing.assert_close(*grads)


@pytest.mark.parametrize("only", [0, 1], ids=["image", "kernel"])
def test_one_of_the_two_derivatives_can_be_taken_alone(small_tiles, only):
    X, K, layers = problem(SMALL, dtype=torch.float64)
    inputs = [X, K]
    inputs[only].requires_grad_()
    grads = [torch.autograd.grad(f(*inputs).square().sum(), inputs[only]) for f in layers]
    torch.testing.assert_close(*grads)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")  # torch's own, on first use
@pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr Node:UserWarning")  # torch's own, in linearize
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("shape", [SMALL, LARGE], ids=["small", "large"])
def test_linearize_is_the_layer_itself_since_the_layer_is_linear(shape, geometry):
    X, K, (ours, theirs) = problem(shape, **geometry)
    X1, K1 = torch.randn_like(X), torch.randn_like(K)
    of_K, of_X = linearize(lambda K: ours(X, K), K)[1], linearize(lambda X: ours(X, K), X)[1]
    torch.testing.assert_close(of_K(K1), theirs(X, K1), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(of_X(X1), theirs(X1, K), rtol=1e-3, atol=1e-3)
    first = of_K(K1)
    of_K(2 * K1)
    torch.testing.assert_close(first, theirs(X, K1), rtol=1e-3, atol=1e-3)  # a later call does not write into it


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_forward_derivatives_of_gradients_are_those_of_torch(small_tiles, geometry):
    X, K, layers = problem(SMALL, dtype=torch.float64, **geometry)
    dX, dK = torch.randn_like(X), torch.randn_like(K)
    found = [jvp(grad(lambda X, K, f=f: f(X, K).pow(3).sum(), argnums=(0, 1)), (X, K), (dX, dK))[1] for f in layers]
    torch.testing.assert_close(*found)


def test_third_derivatives_are_not_silently_zero(small_tiles):
    X, K = tensors((1, 1, 3, 3), (1, 1, 2, 2), dtype=torch.float64)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit.script.*")
        ours, theirs = (jacfwd(jacfwd(grad(lambda K, f=f: f(X, K).pow(3).sum())))(K) for f in (conv2d, F.conv2d))
    torch.testing.assert_close(ours, theirs)
    assert ours.any()


NESTED = {
    "hessian": lambda f, X, K: hessian(lambda K: f(X, K))(K),
    "hessian, both": lambda f, X, K: jacrev(jacfwd(f, argnums=0), argnums=1)(X, K),
    "hessians": lambda f, X, K: vmap(lambda x: hessian(lambda K: f(x[None], K))(K))(X),
    "gradients of problems": lambda f, X, K: vmap(grad(f, argnums=(0, 1)))(*map(torch.stack, ([X, 2 * X], [K, -K]))),
    "of several axes": lambda f, X, K: vmap(grad(f, argnums=(0, 1)), (1, None), (2, 3))(torch.stack([X, -X], 1), K),
    "derivative of a map": lambda f, X, K: jvp(lambda X: vmap(lambda x: f(x[None], K))(X), (X,), (X,)),
    "linearized gradient": lambda f, X, K: linearize(grad(f, argnums=1), X, K)[1](X, K),
}


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr Node:UserWarning")
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("take", NESTED.values(), ids=NESTED)
def test_transforms_can_be_nested(small_tiles, take, groups):
    X, K, layers = problem((2, 4, 4, 4), groups, torch.float64, padding=1)
    found = [take(lambda X, K, f=f: f(X, K).pow(3).sum(), X, K) for f in layers]
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("groups", [1, 4])
def test_each_image_has_its_own_gradients_without_a_slow_fallback(tiles, groups):
    X, K, layers = problem(SMALL, groups, torch.float64)
    found = [vmap(grad(lambda x, K, f=f: f(x, K).square().sum(), argnums=(0, 1)), (0, None))(X, K) for f in layers]
    torch.testing.assert_close(*found)


def test_the_gradient_of_the_image_can_be_mapped_over_kernels(small_tiles):
    for groups, c_k in ((1, 4), (4, 1)):
        X, kernels, dY = tensors((1, 4, 8, 8), (2, 4, c_k, 3, 3), (1, 4, 6, 6), dtype=torch.float64)

        def gradient(K, f=conv2d, X=X, dY=dY, groups=groups):
            return vjp(lambda X: f(X, K, groups=groups), X)[1](dY)[0]

        expected = torch.stack([gradient(K, F.conv2d) for K in kernels])
        torch.testing.assert_close(vmap(gradient)(kernels), expected)


FORMS = {
    "a batch": lambda X: X, "a batch of one": lambda X: X[:1], "an empty batch": lambda X: X[:0],
    "an image": lambda X: X[0], "channels last": lambda X: X.to(memory_format=torch.channels_last),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(("c_o", "groups"), [(4, 1), (1, 1), (4, 4)])
def test_what_a_layer_returns_may_be_written_into_and_its_gradients_too(tiles, c_o, groups, form):
    X, K = tensors((2, 4, 5, 6), (c_o, 4 // groups, 3, 3), dtype=torch.float64)
    found = []
    for f in (conv2d, F.conv2d):
        inputs = form(X).clone().requires_grad_(), K.clone().requires_grad_()
        Y = f(*inputs, groups=groups).relu_()
        gradients = torch.autograd.grad(Y.pow(3).sum(), inputs, create_graph=True, materialize_grads=True)
        found.append([Y, *[gradient.relu_() for gradient in gradients]])
    torch.testing.assert_close(*found)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
@pytest.mark.parametrize(("n", "groups"), [(1, 1), (2, 2)])
def test_all_derivatives_may_be_taken_of_several_gradients_at_once(tiles, n, groups):
    inputs = tensors((n, 2, 3, 4), (2, 2 // groups, 2, 2), dtype=torch.float64)
    inputs = [tensor.requires_grad_() for tensor in inputs]

    def layer(X, K):
        return conv2d(X, K, padding=(1, 0), groups=groups)

    assert gradcheck(layer, inputs, check_batched_grad=True, check_forward_ad=True, check_batched_forward_grad=True)
    assert gradgradcheck(layer, inputs, check_batched_grad=True)


def test_an_infinite_weight_is_met_where_it_is_used_and_nowhere_else(small_tiles):
    X, K = torch.ones(1, 2, 6, 6, requires_grad=True), torch.ones(2, 1, 3, 3)
    K[0, 0, 0, 0] = torch.inf
    gradient, = torch.autograd.grad(conv2d(X, K, groups=2).sum(), X)
    assert not gradient.isnan().any()


def test_no_gradient_is_rounded_by_autocast(tiles):
    X, K = tensors((2, 3, 8, 8), (4, 3, 3, 3))
    Y = conv2d(X.requires_grad_(), K)
    with torch.autocast("cpu", torch.bfloat16):
        inside, = torch.autograd.grad(Y.sum(), X, retain_graph=True)
    outside, = torch.autograd.grad(Y.sum(), X)
    torch.testing.assert_close(inside, outside, rtol=0, atol=0)


def test_only_the_columns_of_a_tile_are_in_memory():
    """All the columns of an image of 16 MiB are 144 MiB."""
    code = """if True:
        import resource, torch
        from d2lconv import conv2d
        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # MiB
        X, K = torch.ones(1, 32, 362, 362), torch.ones(32, 32, 3, 3)
        conv2d(X[..., :64, :64], K)
        before = peak()
        Y = conv2d(X, K[:, :1], padding=1, groups=32)  # depthwise, which makes none
        print(peak() - before)
        Y = conv2d(X, K, padding=1)
        print(peak() - before)
        Y = conv2d(X.requires_grad_(), K.requires_grad_(), padding=1)
        dX, = torch.autograd.grad(Y.square().sum(), X, create_graph=True)
        dX.square().sum().backward()
        print(peak() - before)
    """
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    depthwise, forward, twice_back = map(float, run.stdout.split())
    assert depthwise < 3 * 16
    assert forward < 16 + 64
    assert twice_back < 20 * 16  # autograd keeps some fifteen tensors like the image, and no columns


@pytest.mark.filterwarnings("ignore:.*torch.jit.trace.*:DeprecationWarning")  # torch's own
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")  # of each `if`, whose condition is fixed by then
@pytest.mark.parametrize("gradients", [True, False], ids=["with gradients", "without"])
@pytest.mark.parametrize("shape", [SMALL, LARGE], ids=["small", "large"])
def test_a_traced_layer_is_right_at_other_sizes(shape, gradients):
    c = shape[1]
    layer = Conv2d(c, 4, 3, padding=1)
    with torch.set_grad_enabled(gradients):
        traced = torch.jit.trace(layer, tensors(shape))
        for other in ((1, c, 9, 5), (3, c, 40, 150)):
            X = tensors(other)
            torch.testing.assert_close(traced(X), F.conv2d(X, layer.weight, layer.bias, padding=1))


def test_the_batch_may_stay_open_when_a_layer_is_exported():
    """In a process of its own: torch exports nothing where exact_float32 is in force."""
    code = """import torch, d2lconv
batch, X = torch.export.Dim("batch", min=2, max=4096), torch.ones(8, 3, 32, 32)
program = torch.export.export(d2lconv.Conv2d(3, 4, 3, padding=1), (X,), dynamic_shapes=({0: batch},))
assert program.module()(torch.ones(300, 3, 32, 32)).shape == (300, 4, 32, 32)"""
    subprocess.run([sys.executable, "-c", code], check=True)
