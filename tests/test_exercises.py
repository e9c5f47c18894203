"""The checkers: they accuse no right function, give no false name, and survive what learners write."""

import contextlib
import html.parser
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
from d2lconv.exercises import EXERCISES, Finding, Report
from d2lconv.exercises.engine.check import checker
from d2lconv.exercises.engine.report import Section
from d2lconv.exercises.tasks import counts, kernels
from d2lconv.exercises.tasks import misconceptions as of
from d2lconv.exercises.tasks.changes import on
from d2lconv.exercises.tasks.misconceptions import IN_PLACE, READ
from d2lconv.exercises.tasks.slips import task

BOOK = Path(__file__).parent.parent / "book"
CHECKERS = [name for name in exercises.__all__ if name.startswith("check_")]


def judge(function, name):
    return getattr(exercises, f"check_{name}")(function)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """The problems are tiny: threads only get into each other's way."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# Right functions, in the styles in which people write them


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


def einsum(X, K):
    windows = X.unfold(1, K.shape[2], 1).unfold(2, K.shape[3], 1)
    return torch.einsum("chwij,ocij->ohw", windows, K)


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
    def layer(X, K, bias=None, stride=1, padding=0, groups=1):
        X = F.pad(X, (padding,) * 4)
        Y = torch.stack([torch.cat([style(x, k) for x, k in zip(image.chunk(groups), K.chunk(groups))])
                         for image in X])[..., ::stride, ::stride]
        return Y if bias is None else Y + bias[:, None, None].to(Y)

    assert exercises.check_corr2d_multi_in_out(style)
    assert exercises.check_corr2d_multi_in(lambda X, K: style(X, K[None])[0])
    assert exercises.check_corr2d(lambda X, K: style(X[None], K[None, None])[0])
    assert exercises.check_corr2d_multi_in_out_1x1(style)
    assert exercises.check_depthwise(lambda X, K: torch.cat([style(x[None], k[None, None])
                                                             for x, k in zip(X, K)]))
    assert exercises.check_conv2d(layer)


@pytest.mark.parametrize("right", [
    (exercises.check_conv2d, F.conv2d), (exercises.check_conv2d, d2lconv.conv2d),
    (exercises.check_depthwise, lambda X, K: F.conv2d(X, K[:, None], groups=len(X))),
    (exercises.check_depthwise, lambda X, K: torch.einsum(
        "chwij,cij->chw", X.unfold(1, K.shape[1], 1).unfold(2, K.shape[2], 1), K)),
    (exercises.check_compose, lambda K1, K2: F.conv_transpose2d(K2, K1.transpose(0, 1).transpose(0, 1))),
    (exercises.check_grey_kernel, lambda K: torch.stack([k.sum(0)[None] for k in K])),
    (exercises.check_hwio_to_oihw, lambda K: K.movedim((2, 3), (1, 0))),
    (exercises.check_red_only, lambda K: F.pad(K[None, None], (0, 0, 0, 0, 0, 2))),
    (exercises.check_corners, lambda: (torch.ones(1, 2, 1, 1), torch.tensor([-1.]))),
    (exercises.check_corners, lambda: (torch.tensor([[[[2.]], [[3.]]]]), torch.tensor([-4.]))),
    (exercises.check_block_diagonal, lambda K, groups: torch.cat([F.pad(
        k, (0, 0, 0, 0, g * k.shape[1], (groups - 1 - g) * k.shape[1])) for g, k in enumerate(K.chunk(groups))])),
    (exercises.check_output_size, lambda size, kernel, padding, stride: len(
        range(0, size + 2 * padding - kernel + 1, stride))),
    (exercises.check_output_shape, lambda i, w, s, p: F.conv2d(
        torch.empty(i, device="meta"), torch.empty(w, device="meta"), None, s, p).shape),
    (exercises.check_macs, lambda i, w, s, p: float(counts.macs(i, w, s, p))),
    (exercises.check_macs, lambda i, w, s, p: np.prod(counts.output_shape(i, w, s, p)) * np.prod(w[1:])),
    (exercises.check_separable_ratio, lambda c_i, c_o, k: torch.tensor(1 / c_o + 1 / k**2, dtype=torch.float64)),
    (exercises.check_agree, lambda Y1, Y2, X, K: ((Y1 - Y2).abs() <= 1e-5 * torch.einsum(
        "oc,chw->ohw", K[:, :, 0, 0].abs(), X.abs())).all()),
], ids=lambda pair: pair[0].__name__)
def test_other_right_answers_pass(right):
    check, function = right
    assert check(function)


@pytest.mark.parametrize("name", sorted(EXERCISES))
def test_the_truth_passes_its_own_exercise(name):
    if name != "corners":
        assert judge(EXERCISES[name].truth, name)


def test_there_is_a_checker_for_every_exercise_and_an_exercise_for_every_checker():
    assert {f"check_{name}" for name in EXERCISES} == set(CHECKERS)


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


# Notes on the pass


def test_d2ls_listing_passes_with_notes_on_dtype_and_channels():
    report = exercises.check_corr2d_multi_in(d2l_corr2d_multi_in)
    dtype, channels = report.findings[1:]
    assert report.passed
    assert "float64 went in, float32 came out" in dtype.text
    assert "channels truncated by zip" in channels.text
    assert channels.read == READ["counts differ"]


def test_rounding_on_the_way_is_noted():
    report = exercises.check_corr2d(lambda X, K: loops.corr2d(X.float(), K.float()).to(X.dtype))
    assert report.passed
    assert "rounded on the way" in report.findings[1].text


def test_a_careful_function_gets_no_note():
    assert len(exercises.check_corr2d_multi_in(d2lconv.corr2d_multi_in).findings) == 1


# Misconceptions


@pytest.mark.parametrize("name", sorted(set(EXERCISES) - {"corners"}))
def test_a_registered_misconception_is_recognised_as_itself(name):
    for wrong in EXERCISES[name].wrong:
        if name == "corr2d" or not wrong.simulated:
            report = judge(wrong.function, name)
            assert not report.passed
            assert report.misconception == wrong.misconception.name


def written_otherwise():
    """Misconceptions in code that does not look like the registry's, with the names that they should get."""
    def no_transpose(X, K):
        c_i, h, w = X.shape
        return (X.reshape(h * w, c_i) @ K.reshape(len(K), c_i).T).T.reshape(-1, h, w)

    def bias_inside(X, K, bias=None, stride=1, padding=0, groups=1):
        if bias is None or groups > 1:
            bias = None if bias is None else bias * K.shape[1]
            return F.conv2d(X, K, bias, stride, padding, 1, groups)
        return sum(F.conv2d(X[:, c:c + 1], K[:, c:c + 1], bias, stride, padding) for c in range(X.shape[1]))

    def dealt(X, K, bias=None, stride=1, padding=0, groups=1):
        Y = torch.cat([F.conv2d(X[:, g::groups], K.chunk(groups)[g], None, stride, padding)
                       for g in range(groups)], 1)
        return Y if bias is None else Y + bias[None, :, None, None]

    def ceiling(size, kernel, padding, stride):
        return int(np.ceil((size + 2 * padding - kernel) / stride)) + 1

    def relu_until_groups(X, K, bias=None, stride=1, padding=0, groups=1):
        if groups > 1:
            return F.conv2d(X, K, bias, stride, padding, 1, groups)
        Y = sum(F.relu(F.conv2d(X[:, c:c + 1], K[:, c:c + 1], None, stride, padding)) for c in range(X.shape[1]))
        return Y if bias is None else Y + bias.view(1, -1, 1, 1)

    def sides_exchanged(X, K):
        k_h, k_w = K.shape
        Y = X.new_zeros(X.shape[0] - k_w + 1, X.shape[1] - k_h + 1)
        for i in range(Y.shape[0]):
            for j in range(Y.shape[1]):
                Y[i, j] = (X[i:i + k_h, j:j + k_w] * K).sum()
        return Y

    def overwritten(X, K):
        for x, k in zip(X, K):
            Y = d2l_corr2d(x, k)
        return Y

    return [
        ("conv2d", lambda X, K, bias=None, stride=1, padding=0, groups=1: F.conv2d(
            X, K, None if bias is None else bias * K[0].numel(), stride, padding, 1, groups),
         "bias added in the inner sum"),
        ("parameters", lambda c_i, c_o, k_h, k_w, bias, groups: c_o * c_i // groups * k_h * k_w + bias,
         "one bias per layer"),
        ("macs", lambda i, w, s, p: EXERCISES["macs"].truth(i, w, 1, p), "stride left out"),
        ("growth", lambda h, w, k, padding: (4, 4), "padding taken for the whole size"),
        ("corr2d", lambda X, K: torch.stack([torch.stack([(X[i:i + len(K), j:j + K.shape[1]] @ K).sum() for j in range(
            X.shape[1] - K.shape[1] + 1)]) for i in range(len(X) - len(K) + 1)]),
         "matrix product instead of products of elements"),
        ("strip_width", lambda k, cache: (cache - 2 * k * k + k) // (k + 1), "negative where it should be 0"),
        ("input_gradient", lambda dY, K: F.conv_transpose2d(dY[None], K.transpose(0, 1))[0],
         "channels not exchanged on the way back"),
        ("strip_reads", lambda h, w, k, delta: h * (k + delta - 1) * -(-(w - k + 1) // delta),
         "last strip not narrowed"),
        ("corr2d_multi_in_out_1x1", lambda X, K: (X.reshape(-1, len(X)) @ K.reshape(len(K), -1).T).reshape(
            len(K), *X.shape[1:]), "reshaped where it should be transposed"),
        ("conv2d", relu_until_groups, "activation before the sum"),
        ("corr2d", sides_exchanged, "height and width exchanged"),
        ("corr2d_multi_in", overwritten, "only one input channel seen"),
        ("corr2d_multi_in_out_1x1", no_transpose, "reshaped where it should be transposed"),
        ("conv2d", bias_inside, "bias added once per channel pair"),
        ("conv2d", dealt, "groups interleaved"),
        ("output_size", ceiling, "floor and ceiling in the output size"),
        ("parameters", lambda c_i, c_o, k_h, k_w, bias, groups: (k_h * k_w * c_i // groups * c_o)
         + (c_i if bias else 0), "one bias per input channel"),
        ("flops", lambda i, w, s, p: counts.macs(i, w, s, p),
         "multiply-adds counted as one operation where two are meant"),
        ("corr2d_multi_in_out", lambda X, K: F.conv2d(X[None], K.transpose(0, 1))[0], "c_o and c_i exchanged"),
        ("corners", lambda: (torch.ones(1, 2, 1, 1), torch.zeros(1)), "either edge instead of both"),
    ]


@pytest.mark.parametrize(("exercise", "function", "name"), written_otherwise(),
                         ids=lambda value: value if isinstance(value, str) else "")
def test_a_misconception_in_other_code_gets_its_name(exercise, function, name):
    assert judge(function, exercise).misconception == name


def test_an_input_changed_in_place_fails_and_is_named():
    def centred(X, K):
        Y = loops.corr2d_multi_in(X, K)
        X -= X.mean()
        return Y

    report = exercises.check_corr2d_multi_in(centred)
    assert not report.passed
    assert report.misconception == IN_PLACE.name
    assert "The result is right" in report.findings[1].text


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


@pytest.mark.parametrize("number", range(len(UNKNOWN)))
def test_an_unknown_wrong_function_is_rejected_without_a_name(number):
    function = UNKNOWN[number]
    for check, lifted in (
        (exercises.check_corr2d_multi_in_out, function),
        (exercises.check_corr2d_multi_in_out_1x1, function),
        (exercises.check_conv2d, lambda X, K, bias=None, stride=1, padding=0, groups=1: torch.stack(
            [function(x, K) for x in X])),
    ):
        report = check(lifted)
        assert not report.passed
        assert report.misconception is None, report


@pytest.mark.parametrize(("check", "function"), [
    (exercises.check_output_size, lambda size, kernel, padding, stride: 7),
    (exercises.check_output_size, lambda size, kernel, padding, stride: size - kernel),
    (exercises.check_parameters, lambda c_i, c_o, k_h, k_w, bias, groups: c_i + c_o),
    (exercises.check_macs, lambda i, w, s, p: 0),
    (exercises.check_macs, lambda i, w, s, p: float("nan")),
    (exercises.check_backward, lambda i, w, s, p: (1, 2)),
    (exercises.check_agree, lambda Y1, Y2, X, K: False),
    (exercises.check_fold, lambda K1, b1, K2, b2: (K1, b1)),
    (exercises.check_hwio_to_oihw, lambda K: K),
    (exercises.check_channel_shuffle, lambda X, groups: X.roll(2, 0)),
    (exercises.check_corners, lambda: (-torch.ones(1, 2, 1, 1), torch.ones(1))),
])
def test_other_unknown_wrong_answers_get_no_name(check, function):
    report = check(function)
    assert not report.passed
    assert report.misconception is None


# What learners write


class Rude:
    def __repr__(self):
        raise RuntimeError("no")

    __str__ = __len__ = __iter__ = __float__ = __eq__ = __repr__
    __hash__ = None


class RudeError(Exception):
    def __str__(self):
        raise RuntimeError("no")


def generator(X, K):
    yield X


async def coroutine(X, K):
    return X


def endless(X, K):
    while True:
        with contextlib.suppress(Exception):
            print("still here")


def deep(X, K):
    return deep(X, K)


def throw(exception):
    def function(X, K):
        raise exception
    return function


def resized(X, K):
    X.resize_(0)
    return K


HOSTILE = [
    generator, coroutine, endless, deep, resized, int, Rude, nn.Linear(2, 2), print,
    *(throw(e) for e in (SystemExit, SystemExit(3), GeneratorExit(), MemoryError(), StopIteration(), RudeError(),
                         ValueError("x" * 10**6), Exception("<b>&"), UserWarning("a"))),
    *(lambda X, K, value=value: value for value in (
        0, 1.5, "text", True, [], (), {}, [[1, 2], [3]], np.zeros(3), np.float64(1), np.array("a"), object(), Rude(),
        torch.empty(3, device="meta"), torch.zeros(2, 2).to_sparse(), torch.zeros(2, 2, dtype=torch.bool),
        torch.zeros(2, 2, dtype=torch.complex64), torch.zeros(2, 2, requires_grad=True), torch.Size([2]),
        torch.zeros(1).expand(10**9), float("nan"), 10**400, (torch.zeros(2), None), type, Rude)),
    lambda: None, lambda X: X, lambda X, K, more: X, lambda *, X, K: X, lambda X, K: sys.exit("done"),
    lambda X, K: X.numpy(1, 2), lambda X, K: undefined,  # noqa: F821
    lambda X, K: d2l_corr2d_multi_in(X, K).tolist(), lambda X, K: torch.vmap(loops.corr2d)(X, K),
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_nothing_that_a_function_does_ends_the_checker(number, capfd):
    for name in CHECKERS if number % 5 == 0 else ("check_corr2d_multi_in", "check_macs", "check_fold"):
        report = getattr(exercises, name)(HOSTILE[number])
        assert not report.passed
        assert "Traceback" not in repr(report)
        assert len(repr(report)) < 3000
        assert report._repr_html_()
    assert capfd.readouterr() == ("", "")


def test_a_learner_can_interrupt():
    with pytest.raises(KeyboardInterrupt):
        exercises.check_corr2d(throw(KeyboardInterrupt))


@pytest.mark.parametrize("name", CHECKERS)
def test_a_starting_cell_is_not_accused(name):
    def unwritten(*arguments, **options):
        raise NotImplementedError

    def todo(*arguments, **options):
        raise NotImplementedError("your turn")

    check = getattr(exercises, name)
    for start in (..., None, lambda *arguments, **options: ..., lambda *arguments, **options: None, unwritten, todo):
        report = check(start)
        assert not report.passed
        assert [finding.kind for finding in report.findings] == ["todo"]
        assert str(report).startswith(f"… Not yet. Write {name.removeprefix('check_')}(")


def test_prints_are_shown_with_the_wrong_answer_and_kept_off_a_pass(capsys):
    def noisy(X, K, factor=2):
        print("K is", tuple(K.shape))
        return factor * loops.corr2d(X, K)

    assert "printed on the way:\n    K is (2, 2)" in str(exercises.check_corr2d(noisy))
    assert "K is" not in str(exercises.check_corr2d(lambda X, K: noisy(X, K, 1)))
    assert capsys.readouterr().out == ""


def broken(X, K):
    Y = X.no_such_thing
    return Y


@pytest.mark.parametrize(("name", "given", "said"), [
    ("corr2d", lambda X, K: print(loops.corr2d(X, K)), "prints something, but returns nothing"),
    ("corr2d", torch.ones(2, 2), "check_corr2d(corr2d)"),
    ("corr2d", lambda X, K: loops.corr2d(X, K).tolist(), "The numbers are right: make a tensor of them"),
    ("corr2d", broken, "in the line: Y = X.no_such_thing"),
    ("corr2d", lambda X: X, "it is called with (X, K), but takes (X)"),
    ("conv2d", lambda X, K, stride=1: F.conv2d(X, K, None, stride), "(X, K, bias=...), but takes (X, K, stride)"),
    ("corr2d", nn.Conv2d, "A class came, where a function is wanted: corr2d(X, K)"),
    ("corr2d", nn.Conv2d(1, 1, 2), "A layer came, where a function is wanted: corr2d(X, K)"),
    ("conv2d", nn.Conv2d, "def conv2d(X, K, bias=None"),
    ("conv2d", lambda X, K: F.conv2d(X, K), "Right so far: one channel, several channels"),
    ("corr2d_multi_in", lambda X, K: [loops.corr2d(x, k) for x, k in zip(X, K)], "maps stacked instead of summed"),
    ("depthwise", lambda X, K: [loops.corr2d(x, k) for x, k in zip(X, K)], "are right, but in a list: torch.stack"),
    ("corr2d", lambda X, K: [list(row) for row in loops.corr2d(X, K)],
     "    yours  = [[19, 25],\n              [37, 43]]"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_a_report_says_it(name, given, said):
    assert said in str(judge(given, name))


# Feedback


def test_feedback_says_what_is_right_shows_the_smallest_problem_and_where_to_read():
    assert str(exercises.check_corr2d_multi_in(lambda X, K: loops.corr2d_multi_in(X, K) / len(X))) == """\
✓ Right so far: every shape, one channel.
✗ Several channels: the numbers are not right yet.
    X      = [[[0, 1, 2],
               [3, 4, 5],
               [6, 7, 8]],

              [[1, 2, 3],
               [4, 5, 6],
               [7, 8, 9]]]
    K      = [[[0, 1],
               [2, 3]],

              [[1, 2],
               [3, 4]]]
    yours  = [[28, 36],
              [52, 60]]
    wanted = [[ 56,  72],
              [104, 120]]
→ This looks like: mean instead of sum
  A convolution adds all products up and divides by nothing: the mean is right only up to scale.
  Read "Why the sum, and not the mean?"
  https://your_name.github.io/d2lconv/input_channels.html#why-the-sum-and-not-the-mean"""


def test_feedback_is_the_same_every_time():
    first, second = (exercises.check_corr2d_multi_in_out(lambda X, K: C(X, K).flip(0)) for _ in range(2))
    assert first == second
    assert first._repr_html_() == second._repr_html_()


def test_html_is_well_formed_escaped_and_without_a_background_of_its_own():
    opened = []

    class Balance(html.parser.HTMLParser):
        def handle_starttag(self, tag, attrs):
            opened.append(tag)

        def handle_endtag(self, tag):
            assert opened.pop() == tag

    text = exercises.check_corr2d_multi_in(lambda X, K: loops.corr2d_multi_in(X, K) / len(X))._repr_html_()
    Balance().feed(text)
    assert opened == []
    assert '/input_channels.html#why-the-sum-and-not-the-mean"' in text
    assert "background: none" in text
    assert "<script" not in Report(False, (Finding("wrong", "<script>", "<script>", "<script>"),))._repr_html_()


def test_anchors_are_made_as_docutils_makes_them():
    nodes = pytest.importorskip("docutils.nodes")
    for section in [*READ.values(), Section("a", "1x1, at 2!"), Section("b", "`Conv2d`: (c_o, c_i)?")]:
        assert section.url.partition("#")[2] == nodes.make_id(section.heading)


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


def test_every_misconception_has_a_hint_and_a_section():
    for misconception in {IN_PLACE, *misconceptions()}:
        assert misconception.hint.endswith((".", ")", "?"))
        assert misconception.read in READ.values()


def test_docstrings_are_contracts():
    for name in CHECKERS:
        assert "Shapes: " in getattr(exercises, name).__doc__


def test_wrong_answers_can_be_called_like_the_truth():
    X, K = torch.ones(2, 3, 3), torch.ones(2, 2, 2)
    truth = exercises.EXERCISES["corr2d_multi_in"].truth(X, K)
    mean = exercises.wrong_answers("corr2d_multi_in")[0]
    assert mean.misconception.name == "mean instead of sum"
    assert torch.equal(mean.function(X, K), truth / 2)
