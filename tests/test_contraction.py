"""What is worked on at a time: how large the strips are, who shares them, and when there is only one.

That the results are right with strips of any size is shown in test_corr.py and test_conv.py.
"""

import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F

from d2lconv import contraction, conv2d, corr2d_multi_in_out
from d2lconv.contraction import InStrips, dealt, depthwise, share, strips
from strategies import tensors


@pytest.fixture
def threads():
    """Set the number of threads, and set it back."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def sizes(parts):
    """Images and rows of each strip."""
    return [(images.stop - images.start, rows.stop - rows.start) for images, rows in parts]


def test_a_strip_is_some_images_or_some_rows_of_one(monkeypatch):
    monkeypatch.setattr(contraction, "STRIP", 100)
    assert sizes(strips(n=6, h_out=5, row=4)) == [(3, 5), (3, 5)]
    assert sizes(strips(n=2, h_out=10, row=30)) == [(1, 3), (1, 3), (1, 3), (1, 1)] * 2
    assert sizes(strips(n=1, h_out=3, row=1000)) == [(1, 1)] * 3


def test_the_strips_are_all_there_is_one_after_the_other(monkeypatch):
    monkeypatch.setattr(contraction, "STRIP", 50)
    seen = [(image, row) for images, rows in strips(n=3, h_out=7, row=11)
            for image in range(images.start, images.stop) for row in range(rows.start, rows.stop)]
    assert seen == [(image, row) for image in range(3) for row in range(7)]


@pytest.mark.parametrize(("total", "most", "alone", "by_two", "by_four"), [
    (10, 4, 4, 4, 4), (9, 3, 3, 4, 3), (9, 5, 5, 6, 8), (2, 9, 2, 2, 2), (3, 9, 3, 4, 3), (5, 1, 1, 1, 1),
    (5, 0, 1, 1, 1)])
def test_shares_are_equal_and_can_be_shared_again(threads, total, most, alone, by_two, by_four):
    for number, size in ((1, alone), (2, by_two), (4, by_four)):
        threads(number)
        assert share(total, most) == size


def test_threads_get_images_or_the_rows_of_the_only_one(threads):
    threads(2)
    assert dealt(torch.ones(4, 3, 6, 5)).shape == (2, 2, 3, 6, 5)
    assert dealt(torch.ones(2, 3, 6, 5)).shape == (2, 1, 3, 6, 5)
    assert dealt(torch.ones(1, 3, 6, 5)).shape == (2, 1, 3, 3, 5)
    assert dealt(torch.ones(1, 3, 5, 6)).shape == (1, 1, 3, 5, 6)


@pytest.mark.parametrize(("image", "kernel", "stride", "in_strips"), [
    ((1, 4, 9, 9), (2, 4, 2, 2), 1, False),  # 1024 numbers in the columns
    ((1, 4, 9, 10), (2, 4, 2, 2), 1, True),
    ((1, 4, 16, 16), (2, 4, 2, 2), 2, False),
    ((1, 4, 16, 18), (2, 4, 2, 2), 2, True),
    ((1, 4, 11, 8), (2, 4, 4, 1), 1, False),
    ((1, 4, 8, 12), (2, 4, 1, 4), 1, True),
    ((1, 4, 8, 8), (2, 4, 1, 4), 1, False),
    ((4, 4, 3, 3), (7, 4, 3, 3), 1, False),  # 1008 numbers in the kernels, for four images
    ((4, 4, 3, 3), (8, 4, 3, 3), 1, True),
    ((2, 8, 16, 16), (2, 8, 1, 1), 1, False),  # the columns are the image itself
    ((2, 8, 16, 16), (2, 8, 1, 1), (1, 2), True),
    ((2, 8, 16, 16), (256, 8, 1, 1), 1, False),  # as many numbers in the kernels as in the image
    ((2, 8, 16, 16), (257, 8, 1, 1), 1, True),
    ((1, 8, 4, 4), (128, 8, 1, 1), 1, False),  # 1024 again
    ((1, 8, 4, 4), (129, 8, 1, 1), 1, True),
])
def test_strips_are_made_where_columns_are_many(monkeypatch, image, kernel, stride, in_strips):
    calls, apply = [], InStrips.apply
    monkeypatch.setattr(contraction, "STRIP", 2048)
    monkeypatch.setattr(InStrips, "apply", lambda *arguments: calls.append(1) or apply(*arguments))
    conv2d(torch.ones(image), torch.ones(kernel), stride=stride)
    assert bool(calls) == in_strips


@pytest.mark.parametrize(("kernel", "groups", "row"), [
    ((6, 4, 4, 3), 1, 4 * 12 * 30), ((90, 4, 4, 3), 1, 90 * 30), ((6, 2, 4, 3), 2, 4 * 12 * 30),
    ((8, 1, 4, 3), 4, (4 + 8) * 30)], ids=["columns", "many outputs", "groups", "depthwise"])
def test_what_a_row_takes_is_its_columns_or_its_output(monkeypatch, kernel, groups, row):
    rows = []
    monkeypatch.setattr(contraction, "STRIP", 2048)
    monkeypatch.setattr(contraction, "strips", lambda *arguments: rows.append(arguments[2]) or strips(*arguments))
    X = torch.ones(1, 4, 32, 32, requires_grad=True)
    Y = conv2d(X, torch.ones(kernel), groups=groups)
    assert rows == [row]
    Y.sum().backward()
    assert rows[1:] == [row] or groups == 4


def test_a_kernel_is_depthwise_if_it_sees_one_channel_of_several():
    assert depthwise(torch.ones(4, 1, 3, 3), groups=4)
    assert not depthwise(torch.ones(4, 1, 3, 3), groups=1)
    assert not depthwise(torch.ones(4, 2, 3, 3), groups=2)


@pytest.mark.parametrize(("wanted", "groups", "in_place"), [(False, 1, True), (True, 1, False), (False, 4, True)],
                         ids=["gradient", "gradient of it, too", "depthwise"])
def test_a_gradient_is_added_up_in_place_unless_autograd_must_look_into_it(monkeypatch, wanted, groups, in_place):
    calls, added_back = [], contraction.added_back
    monkeypatch.setattr(contraction, "STRIP", 256)
    monkeypatch.setattr(contraction, "added_back", lambda *arguments: calls.append(1) or added_back(*arguments))
    X = torch.ones(1, 4, 16, 16, requires_grad=True)
    Y = conv2d(X, torch.ones(4, 4 // groups, 3, 3), groups=groups)
    torch.autograd.grad(Y.sum(), X, create_graph=wanted)
    assert bool(calls) == in_place


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")  # torch's own, on first use
@pytest.mark.parametrize("only", [0, 1], ids=["image", "kernel"])
def test_one_of_the_two_derivatives_can_be_had_alone(monkeypatch, only):
    monkeypatch.setattr(contraction, "STRIP", 256)
    X, K = tensors((1, 4, 16, 16), (3, 4, 3, 3), dtype=torch.float64)
    given, direction = (X, K)[only].requires_grad_(), torch.randn_like((X, K)[only])

    def with_the_other(function, T):
        return function(*((T, K) if only == 0 else (X, T)))

    gradients = [torch.autograd.grad(with_the_other(f, given).square().sum(), given)[0] for f in (conv2d, F.conv2d)]
    torch.testing.assert_close(*gradients)
    _, change = torch.func.jvp(lambda T: with_the_other(conv2d, T), (given.detach(),), (direction,))
    torch.testing.assert_close(change, with_the_other(F.conv2d, direction))  # since the layer is linear in each


def test_the_gradient_of_the_image_can_be_mapped_over_kernels(monkeypatch):
    monkeypatch.setattr(contraction, "STRIP", 256)
    for groups, c_k in ((1, 4), (4, 1)):
        X, kernels, dY = tensors((1, 4, 16, 16), (2, 4, c_k, 3, 3), (1, 4, 14, 14), dtype=torch.float64)

        def gradient(K, f=conv2d, X=X, dY=dY, groups=groups):
            return torch.func.vjp(lambda X: f(X, K, groups=groups), X)[1](dY)[0]

        expected = torch.stack([gradient(K, F.conv2d) for K in kernels])
        torch.testing.assert_close(torch.func.vmap(gradient)(kernels), expected)


def test_no_gradient_is_rounded_by_autocast(strips):
    X, K = tensors((2, 3, 8, 8), (4, 3, 3, 3))
    X.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        inside, = torch.autograd.grad(corr2d_multi_in_out(X[0], K).square().sum(), X)
    outside, = torch.autograd.grad(corr2d_multi_in_out(X[0], K).square().sum(), X)
    torch.testing.assert_close(inside, outside)


def test_an_infinite_weight_is_met_where_it_is_used_and_nowhere_else(monkeypatch):
    monkeypatch.setattr(contraction, "STRIP", 64)
    X, K = torch.ones(1, 2, 6, 6, requires_grad=True), torch.ones(2, 1, 3, 3)
    K[0, 0, 0, 0] = torch.inf
    gradient, = torch.autograd.grad(conv2d(X, K, groups=2).sum(), X)
    assert not gradient.isnan().any()


def test_the_batch_may_stay_open_when_a_layer_is_exported():
    """In a process of its own: torch exports nothing where exact_float32 is in force."""
    code = """import torch, d2lconv
batch, X = torch.export.Dim("batch", min=2, max=4096), torch.ones(8, 3, 32, 32)
program = torch.export.export(d2lconv.Conv2d(3, 4, 3, padding=1), (X,), dynamic_shapes=({0: batch},))
assert program.module()(torch.ones(300, 3, 32, 32)).shape == (300, 4, 32, 32)"""
    subprocess.run([sys.executable, "-c", code], check=True)
