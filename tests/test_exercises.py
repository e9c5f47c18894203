"""The checkers accuse no right function, call mistakes by their names, and give no false name."""

import dataclasses
import functools
import inspect
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import d2lconv
from d2lconv import exercises, loops
from d2lconv.exercises import EXERCISES
from d2lconv.exercises import misconceptions as of
from d2lconv.exercises.engine import observe
from d2lconv.exercises.engine.binding import matched
from d2lconv.exercises.engine.check import checker
from d2lconv.exercises.engine.exercise import Exercise, Problem
from d2lconv.exercises.engine.report import Section
from d2lconv.exercises.misconceptions import READ
from d2lconv.exercises.tasks import counts, kernels
from d2lconv.exercises.tasks.changes import on
from d2lconv.exercises.tasks.slips import task
from strategies import some

BOOK = Path(__file__).parent.parent / "book"
CHECKERS = [name for name in exercises.__all__ if name.startswith("check_")]


def judge(name, function):
    return getattr(exercises, f"check_{name}")(function)


def rows(table):
    """The parameters of a test, from lists of rows by exercise."""
    return [pytest.param(name, *row, id=f"{name}-{row[0]}") for name, several in table.items() for row in several]


# How learners write a layer


def corr(X, K):
    return F.conv2d(X[None, None], K[None, None])[0, 0]


def unbiased(X, K, stride=1, padding=0, groups=1):
    return F.conv2d(X, K, None, stride, padding, 1, groups)


def conv(X, K, bias, *more):
    return unbiased(X, K, *more) + bias[:, None, None]


def layer(function):
    """A learner's whole layer, made of what it does with every option; no bias is a bias of zero."""
    def conv2d(X, K, bias=None, stride=1, padding=0, groups=1):
        return function(X, K, X.new_zeros(1) if bias is None else bias, stride, padding, groups)
    return conv2d


def window_by_window(h, w, value):
    """A map of h by w numbers, each made by itself."""
    return torch.stack([torch.stack([value(i, j) for j in range(w)]) for i in range(h)])


def d2l_corr2d(X, K):
    h, w = K.shape
    Y = torch.zeros((X.shape[0] - h + 1, X.shape[1] - w + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i:i + h, j:j + w] * K).sum()
    return Y


def d2l_corr2d_multi_in(X, K):
    return sum(d2l_corr2d(x, k) for x, k in zip(X, K))


def d2l_corr2d_multi_in_out(X, K):
    return torch.stack([d2l_corr2d_multi_in(X, k) for k in K], 0)


# Right functions


def unfolded(X, K):
    return X.unfold(1, K.shape[-2], 1).unfold(2, K.shape[-1], 1)


def einsum(X, K):
    return torch.einsum("chwij,ocij->ohw", unfolded(X, K), K)


def im2col(X, K):
    columns = F.unfold(X[None], K.shape[2:])[0]
    return (K.flatten(1) @ columns).reshape(len(K), X.shape[1] - K.shape[2] + 1, -1)


def fourier(X, K):
    h, w = X.shape[1:]
    Y = torch.fft.irfft2((torch.fft.rfft2(X) * torch.fft.rfft2(K, s=(h, w)).conj()).sum(1), s=(h, w))
    return Y[:, :h - K.shape[2] + 1, :w - K.shape[3] + 1]


def through_numpy(X, K):
    x, k = X.cpu().numpy(), K.cpu().numpy()
    windows = np.lib.stride_tricks.sliding_window_view(x, k.shape[2:], axis=(1, 2))
    return torch.from_numpy(np.einsum("chwij,ocij->ohw", windows, k))


def seven_loops(X, K):
    c_o, c_i, k_h, k_w = K.shape
    Y = torch.zeros(c_o, X.shape[1] - k_h + 1, X.shape[2] - k_w + 1, dtype=X.dtype)
    X, K = X.tolist(), K.tolist()
    for o, i, j in itertools.product(*map(range, Y.shape)):
        for c, a, b in itertools.product(range(c_i), range(k_h), range(k_w)):
            Y[o, i, j] += X[c][i + a][j + b] * K[o][c][a][b]
    return Y


def layer_object(X, K):
    layer = nn.Conv2d(len(X), len(K), K.shape[2:], bias=False).to(X)
    layer.weight = nn.Parameter(K)
    return layer(X[None]).squeeze(0)


def in_double(X, K):
    return einsum(X.double(), K.double())


def by_matrix(X, K):
    M = kernels.as_matrix(K.cpu(), *X.shape[1:])
    return (M @ X.cpu().reshape(-1)).reshape(len(K), X.shape[1] - K.shape[2] + 1, -1)


STYLES = [d2l_corr2d_multi_in_out, einsum, im2col, fourier, through_numpy, seven_loops, layer_object, F.conv2d,
          in_double, by_matrix, d2lconv.corr2d_multi_in_out, loops.corr2d_multi_in_out]


@pytest.mark.parametrize("style", STYLES, ids=lambda f: f.__name__)
def test_a_right_function_of_any_style_is_not_accused(style):
    def grouped(X, K, bias, stride, padding, groups):
        images = [torch.cat([style(x, k) for x, k in zip(image.chunk(groups), K.chunk(groups))])
                  for image in F.pad(X, (padding,) * 4)]
        Y = torch.stack(images)[..., ::stride, ::stride]
        return Y + bias[:, None, None].to(Y)

    def apart(X, K):
        return torch.cat([style(x[None], k[None, None]) for x, k in zip(X, K)])

    assert exercises.check_corr2d(lambda X, K: style(X[None], K[None, None])[0])
    assert exercises.check_corr2d_multi_in(lambda X, K: style(X, K[None])[0])
    assert exercises.check_corr2d_multi_in_out(style)
    assert exercises.check_corr2d_multi_in_out_1x1(style)
    assert exercises.check_depthwise(apart)
    assert exercises.check_conv2d(layer(grouped))


class TakesBoth(nn.Module):
    def forward(self, X, K):
        return corr(X, K)


def checked_itself(X, K):
    assert exercises.check_corr2d(corr)
    return corr(X, K)


def with_other_names(x, w, b, stride, pad, groups):
    return F.conv2d(x, w, b, stride, pad, 1, groups)


def on_blocks(K, groups):
    c = K.shape[1]
    return torch.cat([F.pad(k, (0, 0, 0, 0, g * c, (groups - 1 - g) * c)) for g, k in enumerate(K.chunk(groups))])


def absolute_terms(X, K):
    return torch.einsum("oc,chw->ohw", K[:, :, 0, 0].abs().double(), X.abs().double())


def near_the_exact_sum(Y1, Y2, X, K):
    exact = torch.einsum("oc,chw->ohw", K[:, :, 0, 0].double(), X.double())
    room = absolute_terms(X, K) * len(X) * 2**-24 * 1.01
    return all(bool(((Y - exact).abs() <= room).all()) for Y in (Y1, Y2))


RIGHT = {
    "corr2d": [TakesBoth(), checked_itself],
    "conv2d": [F.conv2d, d2lconv.conv2d, with_other_names],
    "depthwise": [
        lambda X, K: F.conv2d(X, K[:, None], groups=len(X)),
        lambda X, K: torch.einsum("chwij,cij->chw", unfolded(X, K), K)],
    "compose": [lambda K1, K2: F.conv_transpose2d(K2, K1.transpose(0, 1).transpose(0, 1))],
    "grey_kernel": [lambda K: torch.stack([k.sum(0)[None] for k in K])],
    "hwio_to_oihw": [lambda K: K.movedim((2, 3), (1, 0))],
    "red_only": [lambda K: F.pad(K[None, None], (0, 0, 0, 0, 0, 2))],
    "corners": [
        lambda: (torch.ones(1, 2, 1, 1), torch.tensor([-1.])),
        lambda: (torch.tensor([[[[2.]], [[3.]]]]), torch.tensor([-4.]))],
    "block_diagonal": [on_blocks],
    "output_size": [
        lambda size, kernel, padding, stride: len(range(0, size + 2 * padding - kernel + 1, stride)),
        lambda size, kernel, stride, padding: (size + 2 * padding - kernel) // stride + 1,
        lambda n, k, p, s: (n + 2 * p - k) // s + 1,
        lambda stride, padding, kernel_size, input_size: (input_size + 2 * padding - kernel_size) // stride + 1,
        lambda a, b, c, d: (a + 2 * d - b) // c + 1,
        lambda *four: (four[0] + 2 * four[3] - four[1]) // four[2] + 1],
    "output_shape": [lambda i, w, s, p: F.conv2d(
        torch.empty(i, device="meta"), torch.empty(w, device="meta"), None, s, p).shape],
    "macs": [
        lambda i, w, s, p: float(counts.macs(i, w, s, p)),
        lambda i, w, s, p: np.prod(counts.output_shape(i, w, s, p)) * np.prod(w[1:])],
    "backward": [lambda *shapes, **more: np.array(counts.backward(*shapes, **more))],
    "separable_ratio": [
        lambda c_i, c_o, k: torch.tensor(1 / c_o + 1 / k**2),
        lambda c_i, c_o, k: torch.tensor(1 / c_o + 1 / k**2, dtype=torch.float64)],
    "agree": [
        lambda Y1, Y2, X, K: ((Y1 - Y2).abs() <= 2e-7 * len(X) * absolute_terms(X, K)).all(),
        near_the_exact_sum],
}


@pytest.mark.parametrize(("name", "function"), [
    *((name, exercise.truth) for name, exercise in EXERCISES.items() if name != "corners"),
    *((name, function) for name, several in RIGHT.items() for function in several),
])
def test_other_right_answers_pass_and_so_does_every_truth(name, function):
    assert judge(name, function)


def weights_first(w, height, width):
    return kernels.as_matrix(w, height, width)


@pytest.mark.parametrize(("name", "function"), [  # what looks like another argument's name is not taken for it
    ("corr2d", lambda f, h: corr(f, h)),
    ("conv2d", lambda f, h, bias=None, stride=1, padding=0, groups=1: (
        F.conv2d(f, h, bias, stride, padding, groups=groups))),
    ("as_matrix", weights_first),
    ("separable_ratio", lambda C, K, R: 1 / K + 1 / R**2),
    ("output_size", lambda m, n, s=1, p=0: (m + 2 * p - n) // s + 1),
    ("strip_width", lambda m, n: counts.strip_width(m, n)),
    ("compose", lambda second, first: kernels.compose(first, second)),
    ("macs", lambda kernel, image, strides=1, pad=0: counts.macs(image, kernel, strides, pad)),
])
def test_arguments_come_as_their_names_say_or_as_they_are_asked_for(name, function):
    assert judge(name, function)


ALSO_CALLED = {
    "size": "n_in", "kernel": "filter_size", "stride": "strides", "padding": "pads", "bias": "use_bias",
    "groups": "num_groups", "X": "image", "K": "weights", "dY": "grad_output", "K1": "weight1", "b1": "bias1",
    "K2": "weight2", "b2": "bias2", "k1": "kernel1", "k2": "kernel2", "h": "rows", "w": "cols", "k": "kernel_size",
    "c_i": "in_channels", "c_o": "out_channels", "k_h": "kernel_h", "k_w": "kernel_w", "input_shape": "in_shape",
    "weight_shape": "kernel_shape", "delta": "d", "cache": "capacity",
}


@pytest.mark.parametrize("mine", ALSO_CALLED)
def test_an_argument_by_another_name_may_come_in_another_place(mine):
    theirs = ALSO_CALLED[mine]
    assert matched([theirs, "anything"], ["another", mine]) == {mine: theirs, "another": "anything"}
    assert any(mine in exercise.arguments for exercise in EXERCISES.values())


def test_a_function_that_is_wrapped_is_called_as_the_wrapper_takes_it():
    @functools.wraps(corr)
    def wrapped(*both):
        return corr(*both)

    assert exercises.check_corr2d(wrapped)


def test_what_is_wrong_either_way_is_shown_the_way_that_does_not_stop():
    report = exercises.check_corr2d(lambda f, h: 2 * corr(f, h))  # f is a filter elsewhere
    assert report.findings[-1].hint == "It is 2 times what is wanted."


@pytest.mark.parametrize(("name", "function"), [
    ("agree", lambda Y1, Y2, X, K: bool(((Y1 - Y2).abs() <= 1e-5 * absolute_terms(X, K)).all())),  # whatever c_i is
    ("strip_reads", lambda h, w, k, d: h * (d + k - 1) if d > w - k else counts.strip_reads(h, w, k, d)),
    ("growth", lambda h, w, k, padding: counts.growth(h, w, 2 * (k // 2) + 1, padding)),
    ("output_size", lambda size, kernel, stride=1, padding=0: int((size + 2 * padding - kernel) * (1 / stride)) + 1),
    ("macs", lambda i, w, s=1, p=0: torch.tensor(counts.macs(i, w, s, p)).float().item()),
    ("conv2d", layer(lambda X, K, b, s, p, g: conv(X, K if g == 1 else K[..., :K.shape[2]], b, s, p, g))),
])
def test_what_is_wrong_in_some_corner_does_not_pass(name, function):
    assert not judge(name, function).passed


def test_gradients_agree_with_autograd():
    X, K = torch.randn(2, 5, 4).requires_grad_(), torch.randn(3, 2, 2, 3).requires_grad_()
    Y = F.conv2d(X, K)
    dY = torch.randn_like(Y)
    dX, dK = torch.autograd.grad(Y, (X, K), dY)
    torch.testing.assert_close(kernels.input_gradient(dY, K), dX)
    torch.testing.assert_close(kernels.weight_gradient(X, dY), dK)


def test_truths_do_what_their_docstrings_say():
    X, K = torch.randn(4, 6, 5).double(), torch.randn(6, 2, 2, 3).double()
    K2 = torch.randn(3, 6, 3, 2).double()
    dense = kernels.block_diagonal(K, 2)
    torch.testing.assert_close(F.conv2d(X, dense), F.conv2d(X, K, groups=2))
    torch.testing.assert_close(F.conv2d(X, kernels.compose(dense, K2)), F.conv2d(F.conv2d(X, dense), K2))
    torch.testing.assert_close(kernels.as_matrix(dense, 6, 5) @ X.reshape(-1), F.conv2d(X, dense).reshape(-1))
    assert torch.equal(kernels.channel_shuffle(X, 2), F.channel_shuffle(X[None], 2)[0])
    for h, w, k, delta in itertools.product((5, 6), (5, 8), (1, 3, 5), (1, 2, 4)):
        out = w - k + 1
        reads = sum(h * (min(delta, out - j) + k - 1) for j in range(0, out, delta))
        assert counts.strip_reads(h, w, k, delta) == reads
    for k, cache in itertools.product((1, 2, 3, 5), range(120)):
        fits = [d for d in range(1, 120) if k * (k + d - 1) + k * k + d <= cache]
        assert counts.strip_width(k, cache) == max(fits, default=0)


# Misconceptions


@pytest.mark.parametrize("name", sorted(set(EXERCISES) - {"corners"}))
def test_a_registered_misconception_is_recognised_as_itself(name):
    registered = [wrong for wrong in EXERCISES[name].wrong if name == "corr2d" or not wrong.about_sides]
    kinds = {wrong.misconception for wrong in registered}
    for kind in kinds:
        for wrong in some([wrong for wrong in registered if wrong.misconception == kind], 1):
            report = judge(name, wrong.function)
            assert not report.passed
            assert report.misconception == kind.name


def one_side(X, K):
    k = K.shape[-2]
    return window_by_window(X.shape[-2] - k + 1, X.shape[-1] - k + 1, lambda i, j: (X[..., i:i + k, j:j + k] * K).sum())


def sides_exchanged(X, K):
    k_h, k_w = K.shape
    return window_by_window(len(X) - k_w + 1, X.shape[1] - k_h + 1, lambda i, j: (X[i:i + k_h, j:j + k_w] * K).sum())


def matrix_products(X, K):
    h, w = K.shape
    return window_by_window(len(X) - h + 1, X.shape[1] - w + 1, lambda i, j: (X[i:i + h, j:j + w] @ K).sum())


def overwritten(X, K):
    for x, k in zip(X, K):
        Y = d2l_corr2d(x, k)
    return Y


def growing(X, K, maps=[]):  # noqa: B006
    maps.extend(corr(x, k) for x, k in zip(X, K))
    return sum(maps[-len(X) - 1:])


def of_maps(combine):
    """A learner's sum over channels, made of the maps of the channels."""
    return lambda X, K: combine([corr(x, k) for x, k in zip(X, K)])


def no_transpose(X, K):
    c_i, h, w = X.shape
    return (X.reshape(h * w, c_i) @ K.reshape(len(K), c_i).T).T.reshape(-1, h, w)


def folded_anew(X, K):
    return (X.reshape(-1, len(X)) @ K.reshape(len(K), -1).T).reshape(len(K), *X.shape[1:])


def bias_inside(X, K, b, s, p, g):
    if g > 1:
        return conv(X, K, b * K.shape[1], s, p, g)
    return sum(conv(x, k, b, s, p) for x, k in zip(X.split(1, 1), K.split(1, 1)))


def relu_until_groups(X, K, b, s, p, g):
    if g > 1:
        return conv(X, K, b, s, p, g)
    return sum(unbiased(x, k, s, p).relu() for x, k in zip(X.split(1, 1), K.split(1, 1))) + b[:, None, None]


def every_gth_channel(X, K, b, s, p, g):
    return torch.cat([unbiased(X[:, n::g], k, s, p) for n, k in enumerate(K.chunk(g))], 1) + b[:, None, None]


def every_gth_kernel(X, K, b, s, p, g):
    groups = X.chunk(g, 1)
    return torch.cat([unbiased(groups[o % g], k[None], s, p) for o, k in enumerate(K)], 1) + b[:, None, None]


def kernel_cut_along_axis_1(X, K, b, s, p, g):
    pairs = zip(X.chunk(g, 1), K.chunk(g, 1))
    return torch.cat([unbiased(x, k, s, p) for x, k in pairs], 1) + b[:, None, None]


def last_window(X, dY):
    c_o, h_out, w_out = dY.shape
    dK = X.new_zeros(c_o, len(X), X.shape[1] - h_out + 1, X.shape[2] - w_out + 1)
    for i, j in itertools.product(range(h_out), range(w_out)):
        dK[:] = dY[:, i, j, None, None, None] * X[:, i:i + dK.shape[2], j:j + dK.shape[3]]
    return dK


def by_group_number(K, groups):
    c_o, c_k = K.shape[:2]
    Y = K.new_zeros(c_o, groups * c_k, *K.shape[2:])
    for o in range(c_o):
        g = o // groups
        Y[o, g * c_k:(g + 1) * c_k] = K[o]
    return Y


def replicated(X, K, b, s, p, g):
    return conv(F.pad(X, (p,) * 4, mode="replicate"), K, b, s, 0, g)


def thinned(X, K, b, s, p, g):
    return conv(F.pad(X, (p,) * 4)[..., ::s, ::s], K, b, 1, 0, g)


def relative_bound(limit):
    return lambda A, B, X, K: bool(((A - B).abs() / (A.abs() + B.abs()).clamp_min(1e-8)).max() < limit)


def bound_by_the_largest(Y1, Y2, X, K):
    return bool((Y1 - Y2).abs().max() <= 2 * len(X) * 2**-24 * absolute_terms(X, K).max())


NAMED = {  # in code that does not look like the registry's
    "corr2d": [
        ("height used for the width, too", one_side),
        ("height and width exchanged", sides_exchanged),
        ("matrix product instead of products of elements", matrix_products)],
    "corr2d_multi_in": [
        ("height used for the width, too", one_side),
        ("only one input channel seen", overwritten),
        ("the answer depends on earlier calls", growing),
        ("first or last channel left out", lambda X, K: sum(corr(X[c], K[c]) for c in range(len(X) - 1))),
        ("a neighbour taken instead", lambda X, K: sum(corr(X[c - 1], K[c]) for c in range(len(X)))),
        ("from the last to the first", lambda X, K: sum(corr(x, k) for x, k in zip(X.flip(0), K))),
        *(("the maps put together without a sum", of_maps(combine)) for combine in (
            lambda maps: torch.stack(maps).amax(0),
            lambda maps: functools.reduce(torch.mul, maps),
            lambda maps: functools.reduce(torch.sub, maps)))],
    "corr2d_multi_in_out": [
        ("height used for the width, too", lambda X, K: torch.stack([one_side(X, k) for k in K])),
        ("c_o and c_i exchanged", lambda X, K: F.conv2d(X[None], K.transpose(0, 1))[0]),
        ("maps stacked instead of summed", lambda X, K: torch.stack([corr(x, k) for one in K for x, k in zip(X, one)])),
        ("maps stacked instead of summed", lambda X, K: torch.stack([corr(x, k) for x, k in zip(X, K[0])])),
        ("maps stacked along the wrong axis", lambda X, K: torch.stack([loops.corr2d_multi_in(X, k) for k in K], 1))],
    "corr2d_multi_in_out_1x1": [
        ("height and width exchanged", lambda X, K: C(X, K).reshape(len(K), X.shape[2], X.shape[1])),
        ("reshaped where it should be transposed", no_transpose),
        ("reshaped where it should be transposed", folded_anew)],
    "depthwise": [
        ("height used for the width, too", lambda X, K: torch.stack([one_side(x, k) for x, k in zip(X, K)]))],
    "conv2d": [(name, layer(function)) for name, function in [
        ("images of the batch not kept apart", lambda X, *more: conv(X[:1], *more)),
        ("images of the batch not kept apart", lambda X, *more: conv(X[:1], *more).expand(len(X), -1, -1, -1)),
        ("mean instead of sum", lambda X, K, *more: conv(X, K, *more) / X.shape[1] if len(K) == 1 else X),
        ("bias added in the inner sum", lambda X, K, b, *more: conv(X, K, b * K[0].numel(), *more)),
        ("bias added once per channel pair", bias_inside),
        ("bias subtracted", lambda X, K, b, *more: conv(X, K, -b, *more)),
        ("bias added along the height", lambda X, K, b, *more: unbiased(X, K, *more) + b[:, None]),
        ("activation before the sum", relu_until_groups),
        ("groups interleaved", every_gth_channel),
        ("groups interleaved", every_gth_kernel),
        ("the kernel cut along the wrong axis", kernel_cut_along_axis_1),
        ("stride or padding along one axis only", lambda X, K, b, s, p, g: conv(X, K, b, (s, 1), p, g)),
        ("stride or padding along one axis only", lambda X, K, b, s, p, g: conv(X, K, b, s, (0, p), g)),
        ("padded with other numbers than zeros", replicated),
        ("padding added twice", lambda X, K, b, s, p, g: conv(F.pad(X, (p,) * 4), K, b, s, p, g)),
        ("image thinned before the convolution", thinned)]],
    "corners": [("either edge instead of both", lambda: (torch.ones(1, 2, 1, 1), torch.zeros(1)))],
    "as_matrix": [("the matrix on its side", lambda K, h, w: kernels.as_matrix(K, h, w).T)],
    "weight_gradient": [("overwritten instead of added", last_window)],
    "channel_shuffle": [("nothing moved", lambda X, groups: X)],
    "input_gradient": [
        ("channels not exchanged on the way back", lambda dY, K: F.conv_transpose2d(dY[None], K.transpose(0, 1))[0]),
        ("kernel not flipped on the way back and height used for the width, too",
         lambda dY, K: F.conv2d(F.pad(dY, [K.shape[-1] - 1] * 4), K.transpose(0, 1)))],
    "compose": [
        ("kernels correlated where they are convolved and height used for the width, too",
         lambda K1, K2: F.conv2d(K1.transpose(0, 1), K2, padding=K2.shape[-1] - 1).transpose(0, 1))],
    "block_diagonal": [("divided by the number of groups to find the group", by_group_number)],
    "output_size": [
        ("floor and ceiling in the output size",
         lambda size, kernel, padding, stride: int(np.ceil((size + 2 * padding - kernel) / stride)) + 1),
        ("floor and ceiling in the output size and padding on one side",
         lambda size, kernel, padding, stride: (size + padding - kernel) / stride + 1),
        ("off by one in the output size and stride and padding left out",  # the first is seen in the first problem
         lambda size, kernel, padding, stride: size - kernel),
        ("something left out of the division by the stride",
         lambda size, kernel, padding, stride: size + 2 * padding - kernel // stride + 1),
        ("1 added before the division by the stride",
         lambda size, kernel, padding, stride: (size + 2 * padding - kernel + 1) // stride)],
    "output_shape": [
        ("stride and padding left out", lambda i, w, s, p: (w[0], i[1] - w[2] + 1, i[2] - w[3] + 1))],
    "parameters": [
        ("one bias per layer", lambda c_i, c_o, k_h, k_w, bias, groups: c_o * c_i // groups * k_h * k_w + bias),
        ("one bias per input channel",
         lambda c_i, c_o, k_h, k_w, bias, groups: k_h * k_w * c_i // groups * c_o + (c_i if bias else 0)),
        ("height used for the width, too",
         lambda c_i, c_o, k_h, k_w, bias, groups: c_o * (c_i // groups) * k_h * k_h + bias * c_o),
        ("nothing counted without a bias",
         lambda c_i, c_o, k_h, k_w, bias, groups: c_o * (c_i // groups) * k_h * k_w + c_o if bias else 0),
        ("output channels divided by the groups",
         lambda c_i, c_o, k_h, k_w, bias, groups: (c_o // groups) * (c_i // groups) * k_h * k_w + bias * c_o),
        ("bias forgotten and groups left out", lambda c_i, c_o, k_h, k_w, bias, groups: c_i * c_o * k_h * k_w)],
    "macs": [
        ("stride left out", lambda i, w, s, p: counts.macs(i, w, 1, p)),
        ("height used for the width, too", lambda i, w, s, p: counts.macs(i, (*w[:3], w[2]), s, p))],
    "flops": [
        ("multiply-adds counted as one operation where two are meant", lambda i, w, s, p: counts.macs(i, w, s, p))],
    "fold": [
        ("the two results exchanged", lambda *given: kernels.fold(*given)[::-1]),
        ("second bias multiplied, too", lambda K1, b1, K2, b2: (
            kernels.fold(K1, b1, K2, b2)[0], K2[:, :, 0, 0] @ (b1 + b2)))],
    "growth": [
        ("the two results exchanged", lambda *sizes: counts.growth(*sizes)[::-1]),
        ("padding taken for the whole size", lambda h, w, k, padding: (4, 4)),
        ("padding left out", lambda h, w, k, padding: (4, 1))],
    "strip_reads": [
        ("last strip not narrowed", lambda h, w, k, delta: h * (k + delta - 1) * -(-(w - k + 1) // delta))],
    "strip_width": [("not 0 where nothing fits", lambda k, cache: (cache - 2 * k * k + k) // (k + 1))],
    "agree": [
        *(("a bound relative to the result", relative_bound(limit)) for limit in (1e-5, 1e-7, 1e-8)),
        ("one element that agrees is enough",
         lambda Y1, Y2, X, K: bool(((Y1 - Y2).abs() <= 2e-7 * len(X) * absolute_terms(X, K)).any())),
        ("less room than rounding needs",
         lambda Y1, Y2, X, K: bool(((Y1 - Y2).abs() <= 1e-6 * absolute_terms(X, K)).all())),
        ("one absolute threshold for all sizes", lambda Y1, Y2, X, K: torch.allclose(Y1, Y2, atol=1e-5)),
        ("one absolute threshold for all sizes", bound_by_the_largest)],
}


@pytest.mark.parametrize(("exercise", "name", "function"), rows(NAMED))
def test_a_misconception_in_other_code_gets_its_name(exercise, name, function):
    report = judge(exercise, function)
    assert not report.passed
    assert report.misconception == name


# How much must agree before a name is given. Problem n asks for n, and the n-th letter says what comes out of it.


def refused(n):
    raise AssertionError


LETTERS = {"r": lambda n: n, "a": lambda n: n + 100, "b": lambda n: -n, "c": lambda n: -(n + 100),
           "x": lambda n: n // 0, "y": refused}


def spelt(letters):
    """A function that answers n by its letter."""
    return lambda n, k=0: LETTERS[letters[n - 1]](n)


def report_for(learner, *changes, stages=1, options=()):
    """The report on a learner's answers, where at most two misconceptions are known by their changes."""
    def itself(n, k=0):
        """Return n."""
        return n

    numbers = [(n,) for n in range(1, len(learner) + 1)]
    each = len(numbers) // stages
    problems = {f"stage {place}": numbers[place * each:(place + 1) * each] for place in range(stages)}
    known = tuple(zip((of.PLUS_ONE, of.SIGN), changes))
    return checker(Exercise(itself, problems, READ["sizes"], known, options=options))(spelt(learner))


def names_for(*letters, **more):
    return report_for(*letters, **more).misconceptions


@pytest.mark.parametrize(("belief", "learner", "is_named"), [
    ("aarr", "aarr", True),      # it is wrong where the belief is, in the same way,
    ("aarr", "aaar", False),     # and nowhere else,
    ("aaar", "aarr", False),
    ("aaar", "aabr", False),     # and in no other way
    ("arrr", "arrr", False),     # one agreement is chance
    ("xxrr", "xxrr", True),      # to stop, too, agrees, beside two that are right
    ("xrrr", "xrrr", False),
    ("xxxr", "xxxr", False),
    ("aaxr", "aabr", True),      # where the belief stops, any number will do,
    ("aaxx", "aabb", True),      # for half of the faults at most,
    ("aaxxx", "aabbb", False),
    ("aaxr", "aayr", False),     # but not to stop in another way
    ("aabr", "aaxr", False),
])
def test_a_name_needs_two_agreements_half_of_the_faults_and_no_contradiction(belief, learner, is_named):
    assert names_for(learner, lambda n: spelt(belief)(n)) == (("off by one in the output size",) if is_named else ())


@pytest.mark.parametrize(("learner", "options", "is_named"), [
    ("aaaabb", ("k",), True),
    ("aabbbb", ("k",), False),  # the first stage alone
    ("aaaabb", (), False),
])
def test_only_where_options_are_built_one_by_one_a_later_stage_may_be_wrong_in_another_way(learner, options, is_named):
    names = names_for(learner, lambda n: spelt("aaaaaa")(n), stages=3, options=options)
    assert bool(names) == is_named


@pytest.mark.parametrize(("more", "negative", "learner", "order"), [
    ("aarr", "bbrr", "ccrr", (0, 1)),
    ("arrr", "brrr", "crrr", ()),      # one agreement is chance
    ("aaxr", "bbrr", "ccxr", (0, 1)),
    ("aaxr", "bbrr", "ccbr", ()),      # together they must explain everything
    ("rraa", "brbr", "brca", (1, 0)),  # what is seen in the first problem comes first
    ("rarr", "rbrr", "arrr", ()),
])
def test_two_mistakes_are_named_where_together_they_explain_everything(more, negative, learner, order):
    def first(n, Y):
        return Y if more[n - 1] == "r" else spelt(more)(n)

    def second(n, Y):
        return Y if negative[n - 1] == "r" else -Y

    names = "off by one in the output size", of.SIGN.name
    assert names_for(learner, first, second) == tuple(names[place] for place in order)


def test_of_two_mistakes_the_one_that_is_seen_comes_first_whatever_the_other_does_alone():
    def negative(n, Y):
        return -n if n == 1 else Y

    assert names_for("baar", lambda n: spelt("aaar")(n), negative) == (of.SIGN.name, of.PLUS_ONE.name)


@pytest.mark.parametrize("mode", ["same", "full"])
def test_two_known_mistakes_are_both_named(mode):
    signal = pytest.importorskip("scipy.signal")
    report = exercises.check_corr2d(lambda X, K: torch.from_numpy(
        signal.convolve2d(X.cpu().numpy(), K.cpu().numpy(), mode=mode)))
    assert report.misconceptions == ("kernel flipped (true convolution)", f"`{mode}` instead of `valid`")


@pytest.mark.parametrize("name", [name for name, exercise in EXERCISES.items() if name not in (
    "corners", "agree") and exercise.problems[0].size])
def test_an_answer_that_is_kept_for_a_shape_fails_and_is_named(name):
    kept = {}

    def by_shape(*given, **options):
        key = [(n, getattr(value, "shape", value)) for n, value in [*enumerate(given), *options.items()]]
        return kept.setdefault(str(key), EXERCISES[name].truth(*given, **options))

    report = judge(name, by_shape)
    assert not report.passed
    assert report.misconception == "the answer depends on earlier calls"


# Wrong in a way of its own

C = d2lconv.corr2d_multi_in_out
UNKNOWN = [
    lambda X, K: C(X, K) + 1,
    lambda X, K: C(X, K).flip(-1),
    lambda X, K: C(X, K).relu(),
    lambda X, K: C(X, K).half().float() if X.dtype == torch.float32 else C(X, K) + 0.1,
    lambda X, K: C(X, K).roll(1, -1),
    lambda X, K: torch.randn_like(C(X, K)),
    lambda X, K: C(X, K).cumsum(-1),
    lambda X, K: C(X, K)[None],
    lambda X, K: C(X, K).flatten(),
    lambda X, K: C(X, K) if len(X) < 3 else C(X, K) * 0.9,
    lambda X, K: C(X, K) if X.shape[1] == X.shape[2] else C(X, K) + 1,
    lambda X, K: X,
    lambda X, K: C(X, K) * float("nan"),
]


def image_by_image(function):
    return layer(lambda X, K, *options: torch.stack([function(x, K) for x in X]))


def broken_where_two_things_meet(X, K):  # is no check of squareness, which one channel would meet, too
    return X.nothing if len(X) > 1 and X.shape[1] != X.shape[2] else d2lconv.corr2d_multi_in(X, K)


def without_the_last(X, K):  # where one row and one column are all, nothing is left
    Y = corr(X, K)
    Y[-1] = Y[:, -1] = 0
    return Y


NAMELESS = {  # with what can be said all the same
    "corr2d": [
        ("All numbers are right: an axis of size 1 is too many.", lambda X, K: corr(X, K)[None]),
        ("What is negative became 0: no activation is asked for.", lambda X, K: corr(X, K).relu()),
        ("The sign is the wrong one.", lambda X, K: -corr(X, K)),
        ("It is -3 times what is wanted.", lambda X, K: -3 * corr(X, K)),
        ("The right numbers are there, in another order.", lambda X, K: corr(X, K).flip(1)),
        ("What follows the decimal point is lost.", lambda X, K: corr(X, K).int()),
        ("Where a number came out it is right: the others stayed 0.", without_the_last)],
    "corr2d_multi_in": [("", broken_where_two_things_meet)],
    "corr2d_multi_in_out": [
        ("in order: only their shape is not.", lambda X, K: unbiased(X, K).flatten(0, 1)),
        ("Axis 0 was summed over, and should stay.", lambda X, K: unbiased(X, K).sum(0)),
        ("All of it was summed up to one number: which axes should stay?", lambda X, K: unbiased(X, K).sum()),
        ("Only the last along axis 0 came out.", lambda X, K: unbiased(X, K)[-1]),
        *(("", function) for function in UNKNOWN)],
    "corr2d_multi_in_out_1x1": [("", function) for function in UNKNOWN],
    "conv2d": [
        ("Only the first along axis 0 came out.", layer(lambda X, *more: conv(X, *more)[0])),
        *(("", image_by_image(function)) for function in UNKNOWN)],
    "depthwise": [
        ("Where a number came out it is right: the others stayed 0.",
         lambda X, K: F.conv2d(X, K[:, None], groups=len(X)) * (torch.arange(len(X)) == 0)[:, None, None])],
    "red_only": [("It is 2 times what is wanted.", lambda K: torch.stack([2 * K, 0 * K, 0 * K])[None])],
    "memory": [
        ("It is 4 times", lambda *shapes: 4 * counts.memory(*shapes)),
        ("Nothing but zeros came out.", lambda *shapes: 0)],
    "separable_ratio": [("It is nearly right", lambda c_i, c_o, k: round(1 / c_o + 1 / k**2, 4))],
    "composed_size": [("It is 1 too large.", lambda k1, k2, stride: k1 + (k2 - 1) * stride + 1)],
    "growth": [
        ("The first: it is 2 times what is wanted. The second is right.",
         lambda *sizes: (8, counts.growth(*sizes)[1])),
        ("The first is right. The second is nearly right.",
         lambda *sizes: (4, counts.growth(*sizes)[1] * (1 + 5e-6))),
        ("How many numbers came out? There are 1, and 2 are wanted.", lambda *sizes: (4,))],
    "output_size": [
        ("", lambda size, kernel, padding, stride: 7)],
    "parameters": [("", lambda c_i, c_o, k_h, k_w, bias, groups: c_i + c_o)],
    "macs": [("", lambda i, w, s, p: 0), ("", lambda i, w, s, p: float("nan")), ("", lambda i, w, s, p: 10**400)],
    "backward": [("", lambda i, w, s, p: (1, 2))],
    "agree": [("", lambda Y1, Y2, X, K: False)],
    "fold": [("", lambda K1, b1, K2, b2: (K1, b1))],
    "hwio_to_oihw": [("", lambda K: K)],
    "channel_shuffle": [("", lambda X, groups: X.roll(2, 0))],
    "corners": [("", lambda: (-torch.ones(1, 2, 1, 1), torch.ones(1)))],
}


@pytest.mark.parametrize(("name", "said", "function"), rows(NAMELESS))
def test_what_all_wrong_results_have_in_common_is_said_where_no_name_is_known(name, said, function):
    report = judge(name, function)
    assert not report.passed
    assert report.misconception is None, report
    assert said in report.findings[-1].hint


@pytest.mark.parametrize(("learner", "said"), [
    ("aar", "It is 100 too large."),
    ("arr", ""),   # of one alone, all is true
    ("aax", ""),   # nothing is true of what did not come
])
def test_what_is_said_is_true_of_at_least_two_results_and_of_all(learner, said):
    assert report_for(learner).findings[-1].hint == said


T = torch.tensor([[1, 2, 3], [4, 5, 6.5]]).double()
SIGNS = torch.tensor([[-1.5, 2.5], [3.5, -4.5]]).double()
AWRY = torch.tensor([[4, 0, 4], [4, 5, 6.5]]).double()  # T with another first row
OTHERS_0 = "Where a number came out it is right: the others stayed 0."
ORDER = "The right numbers are there, in another order."
SHAPE = "All numbers are right, and in order: only their shape is not."
ROUNDED = "What follows the decimal point is lost."
LAST_OF_EACH = ["Along axis 0, only the last is wrong.", "Along axis 0, only the first is right.",
                "Along axis 1, only the last is wrong."]


@pytest.mark.parametrize(("value", "wanted", "said"), [
    (T, 1.0005 * T, [observe.NEARLY, observe.NEARLY]),
    (1.005 * T, T, ["It is 1.005 times what is wanted.", observe.NEARLY]),
    (T + torch.tensor([0.03, -0.02, 0.01]), T, [observe.NEARLY]),
    (2 * T, T, ["It is 2 times what is wanted."]),
    (-T, T, ["The sign is the wrong one."]),
    (T + 2, T, ["It is 2 too large."]),
    (T - 2, T, ["It is 2 too small."]),
    (3 * T[:1, :1], T[:1, :1], ["It is 3 times what is wanted.", "It is 2 too large."]),
    (0 * T, T, ["Nothing but zeros came out.", OTHERS_0]),
    (T * (T < 6), T, [OTHERS_0, *LAST_OF_EACH]),
    (SIGNS.clamp(min=0), SIGNS, ["What is negative became 0: no activation is asked for.", OTHERS_0]),
    (T.floor(), T, [ROUNDED, *LAST_OF_EACH]),
    (T.ceil(), T, [ROUNDED, *LAST_OF_EACH]),
    (T.round(), T, [ROUNDED, *LAST_OF_EACH]),
    (SIGNS.trunc(), SIGNS, [ROUNDED]),
    (AWRY, T, ["Along axis 0, only the last is right.", "Along axis 0, only the first is wrong."]),
    (T[1], T, ["Only the last along axis 0 came out."]),
    (T[:1], T, ["Only the first along axis 0 came out."]),
    (T[:, 0], T, ["Only the first along axis 1 came out."]),
    (T[:, -1:], T, ["Only the last along axis 1 came out."]),
    (T.sum(0), T, ["Axis 0 was summed over, and should stay."]),
    (T.sum(1, keepdim=True), T, ["Axis 1 was summed over, and should stay."]),
    (T.sum(), T, ["All of it was summed up to one number: which axes should stay?"]),
    (T[None], T, ["All numbers are right: an axis of size 1 is too many.", SHAPE, ORDER]),
    (T[None, None], T, ["All numbers are right: 2 axes of size 1 are too many.", SHAPE, ORDER]),
    (T, T[None, None], ["All numbers are right: 2 axes of size 1 are missing.", SHAPE, ORDER]),
    (T[:, None], T[None], ["All numbers are right: an axis of size 1 is in another place.", SHAPE, ORDER]),
    (T.flatten(), T, [SHAPE, ORDER]),
    (T.mT, T, [ORDER]),
    (T.flip(1), T, [ORDER]),
    (torch.cat([T, T]), T, []),
    (torch.full_like(T, 3), T, []),
])
def test_all_that_is_true_of_a_wrong_result_is_seen_and_nothing_else(value, wanted, said):
    assert list(observe.sentences(value, wanted)) == said


@pytest.mark.parametrize("name", ["red_only", "hwio_to_oihw", "block_diagonal", "channel_shuffle"])
def test_where_numbers_are_only_moved_the_smallest_error_is_one(name):
    report = judge(name, lambda *given: EXERCISES[name].truth(*given) + 1e-9)
    assert not report.passed
    assert "nearly right" in report.findings[-1].hint


# The book


def test_anchors_are_made_as_docutils_makes_them():
    nodes = pytest.importorskip("docutils.nodes")
    for section in [*READ.values(), Section("a", "1x1, at 2!"), Section("b", "`Conv2d`: (c_o, c_i)?")]:
        assert section.url.partition("#")[2] == nodes.make_id(section.heading)


def test_the_tolerance_is_the_bound_of_the_products_that_are_summed():
    given = {"X": torch.ones(1, 1, 3, 3), "K": torch.ones(1, 1, 2, 2), "bias": torch.ones(1)}
    problem = Problem(EXERCISES["conv2d"], "", given)  # sums of 4 products and a bias, which are 5; 9 numbers at most
    assert problem.tolerance() == pytest.approx((4 + 1 + 16 * 4) * 2**-23 * 5)
    assert problem.tolerance(torch.float16) == pytest.approx(9 * 2**-10 * 5)
    assert EXERCISES["macs"].problems[0].tolerance() == 0


def test_the_wrong_answers_are_listed_without_the_dozens_about_sides_and_cannot_be_changed():
    listed = exercises.wrong_answers("corr2d_multi_in")
    assert 0 < len(listed) < len(EXERCISES["corr2d_multi_in"].wrong) / 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        listed[0].misconception = None


def misconceptions():
    return {wrong.misconception for name in EXERCISES for wrong in exercises.wrong_answers(name)}


def headings(page):
    """The headings of a page of the book, from its source."""
    if (BOOK / f"{page}.md").exists():
        text = (BOOK / f"{page}.md").read_text("utf-8")
    else:
        cells = json.loads((BOOK / f"{page}.ipynb").read_text("utf-8"))["cells"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return re.findall(r"^##? +(.*?) *$", text, re.MULTILINE)


@pytest.mark.parametrize("section", READ.values(), ids=lambda section: section.url.rpartition("/")[2])
def test_every_section_that_a_report_names_is_in_the_book(section):
    assert headings(section.page).count(section.heading) == 1


def test_no_report_sends_to_a_solution():  # the exercise does, below its hints
    assert "solutions" not in {section.page for section in READ.values()}


def test_every_section_is_named_by_a_report():
    named = {exercise.read for exercise in EXERCISES.values()} | {known.read for known in misconceptions()}
    assert set(READ.values()) - named <= {READ["care"], READ["counts differ"]}


def test_every_exercise_has_a_solution_under_the_same_heading_and_each_links_to_the_other():
    nodes = pytest.importorskip("docutils.nodes")
    first, last = "How do the checkers talk?", ("What next?", "In practice")
    asked, answered = ([h for h in headings(page)[1:] if h != first and h not in last]
                       for page in ("exercises", "solutions"))
    assert asked == answered
    links = re.findall(r"\(solutions\.ipynb#([\w-]+)\)", (BOOK / "exercises.ipynb").read_text("utf-8"))
    assert links == [nodes.make_id(heading) for heading in asked]


def test_every_checker_is_called_in_the_exercises_and_in_the_solutions():
    for page in "exercises", "solutions":
        assert set(re.findall(r"check_\w+", (BOOK / f"{page}.ipynb").read_text("utf-8"))) == set(CHECKERS)


def test_checkers_work_whatever_the_default_device_is():
    code = f"""
import torch
torch.set_default_device("meta")  # as different from the CPU as a GPU is
from d2lconv import exercises
{inspect.getsource(d2l_corr2d)}
assert exercises.check_corr2d(d2l_corr2d)
for name, exercise in exercises.EXERCISES.items():
    assert name == "corners" or getattr(exercises, f"check_{{name}}")(exercise.truth)
assert exercises.check_corners(lambda: (torch.ones(1, 2, 1, 1), torch.tensor([-1.])))
assert exercises.check_depthwise(lambda X, K: X).misconception is None
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_truth_that_makes_tensors_makes_them_on_the_cpu():
    exercise = dataclasses.replace(EXERCISES["as_matrix"])  # which has computed nothing yet
    with torch.device("meta"):
        assert checker(exercise)(exercise.truth)


def test_a_new_exercise_needs_one_place_only():
    @task("sizes", {"once": [(1, 2), (3, 5)], "again": [(4, 3), (6, 6)]}, wrong=[
        (of.INVERTED, on(a=lambda b: b, b=lambda a: a)),
        (of.PLUS_ONE, lambda Y: Y + 1),
        (of.SQUARE, lambda a: a - a),
    ])
    def difference(a, b):
        """Subtract b from a.

        Shapes: two integers to one.
        """
        return a - b

    check = checker(EXERCISES.pop("difference"))
    assert check(lambda a, b: a - b)
    assert check(lambda b, a: a - b)
    for name, wrong in ((of.INVERTED, lambda a, b: b - a), (of.PLUS_ONE, lambda a, b: a - b + 1), (
            of.SQUARE, lambda a, b: 0)):
        assert check(wrong).misconception == name.name
    assert str(check(...)) == """\
… Not yet. Write difference(a, b): subtract b from a.
  Shapes: two integers to one.
  Read "What is the output size of a convolution?"
  https://your_name.github.io/d2lconv/output_channels.html#what-is-the-output-size-of-a-convolution"""


def test_an_exercise_that_makes_a_tensor_of_integers_is_refused_in_words():
    with pytest.raises(TypeError, match="some_ones makes a tensor of integers alone: let it take a tensor, too"):
        @task("sizes", {"once": [(1,), (2,)]})
        def some_ones(n):
            return torch.ones(n)
    assert "some_ones" not in EXERCISES


def test_every_hint_is_a_sentence():
    for misconception in {of.IN_PLACE, *misconceptions()}:
        assert misconception.hint.endswith((".", ")", "?"))


def test_a_checker_says_what_it_checks():
    assert exercises.check_corr2d.__doc__.startswith("Check ``corr2d(X, K)``: slide the kernel over the image")


def test_docstrings_are_contracts():
    for name in CHECKERS:
        assert "Shapes: " in getattr(exercises, name).__doc__
