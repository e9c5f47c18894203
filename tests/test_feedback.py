"""What the checkers say: names that are true, hints that help, and a report whatever a function does."""

import contextlib
import functools
import importlib
import os
import threading
import time

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from d2lconv import exercises, loops
from d2lconv.exercises import Finding, Report
from d2lconv.exercises.engine.binding import matched
from d2lconv.exercises.engine.show import show, table


def corr(X, K):
    return F.conv2d(X[None, None], K[None, None])[0, 0]


# One side for both, and what is not square


def one_side(X, K):
    k = K.shape[-2]
    return torch.stack([torch.stack([(X[..., i:i + k, j:j + k] * K).sum() for j in range(X.shape[-1] - k + 1)])
                        for i in range(X.shape[-2] - k + 1)])


@pytest.mark.parametrize(("check", "function"), [
    (exercises.check_corr2d, one_side),
    (exercises.check_corr2d_multi_in, one_side),
    (exercises.check_corr2d_multi_in_out, lambda X, K: torch.stack([one_side(X, k) for k in K])),
    (exercises.check_depthwise, lambda X, K: torch.stack([one_side(x, k) for x, k in zip(X, K)])),
    (exercises.check_parameters, lambda c_i, c_o, k_h, k_w, bias, groups: (
        c_o * (c_i // groups) * k_h * k_h + bias * c_o)),
    (exercises.check_macs, lambda i, w, s, p: exercises.EXERCISES["macs"].truth(i, (*w[:3], w[2]), s, p)),
], ids=lambda value: getattr(value, "__name__", ""))
def test_one_side_for_both_is_called_that(check, function):
    assert check(function).misconception == "height used for the width, too"


def test_what_refuses_problems_that_are_not_square_is_told_so_in_its_own_words():
    def layer(X, K, bias=None, stride=1, padding=0, groups=1):
        assert K.shape[2] == K.shape[3], "Kernel must be square"
        return torch.conv2d(X, K, bias, stride, padding, 1, groups)

    def depth(X, K):
        assert X.shape[1] == X.shape[2], "Input tensor must be square"
        return torch.conv2d(X[None], K[:, None], groups=len(X))[0]

    for report, said in ((exercises.check_conv2d(layer), "Kernel must be square"),
                         (exercises.check_depthwise(depth), "Input tensor must be square")):
        assert report.misconception == "what is not square is refused"
        assert f"AssertionError: {said}" in str(report)


# Right in float32


def toeplitz(X, K):
    (h, w), (a, b) = X.shape, K.shape
    M = torch.zeros((h - a + 1) * (w - b + 1), h * w)
    for i in range(h - a + 1):
        for j in range(w - b + 1):
            for r in range(a):
                M[i * (w - b + 1) + j, (i + r) * w + j:(i + r) * w + j + b] = K[r]
    return (M @ X.reshape(-1)).reshape(h - a + 1, w - b + 1)


def by_layer(X, K):
    layer = nn.Conv2d(K.shape[1], K.shape[0], tuple(K.shape[2:]), bias=False)
    with torch.no_grad():
        layer.weight.copy_(K)
    return layer(X[None])[0]


@pytest.mark.parametrize(("check", "function"), [
    (exercises.check_corr2d, toeplitz), (exercises.check_corr2d_multi_in_out, by_layer)])
def test_what_is_right_in_float32_passes_with_a_note(check, function):
    report = check(function)
    assert report.passed
    assert report.findings[1].kind == "note"
    assert report.findings[1].text.startswith("float64 went in")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_a_half_type_passes_with_a_note_and_a_hint_that_fits(dtype):
    report = exercises.check_corr2d_multi_in(lambda X, K: loops.corr2d_multi_in(X.to(dtype), K.to(dtype)))
    assert report.passed
    assert report.findings[1].text == f"float32 went in, {str(dtype)[6:]} came out."
    assert "convert neither" in report.findings[1].hint
    assert not exercises.check_corr2d_multi_in(lambda X, K: loops.corr2d_multi_in(X, K).to(dtype) / len(X))


# Orders and names of arguments


@pytest.mark.parametrize("function", [
    lambda size, kernel, stride, padding: (size + 2 * padding - kernel) // stride + 1,
    lambda n, k, p, s: (n + 2 * p - k) // s + 1,
    lambda stride, padding, kernel_size, input_size: (input_size + 2 * padding - kernel_size) // stride + 1,
    lambda a, b, c, d: (a + 2 * d - b) // c + 1,
    lambda *four: (four[0] + 2 * four[3] - four[1]) // four[2] + 1,
])
def test_any_published_order_of_arguments_works(function):
    assert exercises.check_output_size(function)


def test_options_may_have_other_names_and_no_defaults():
    def forward(x, w, b, stride, pad, groups):
        return F.conv2d(x, w, b, stride, pad, 1, groups)

    assert exercises.check_conv2d(forward)
    assert matched(["p", "s"], ["stride", "padding"]) == {"stride": "s", "padding": "p"}


# Hints


@pytest.mark.parametrize(("check", "name", "right_axis"), [("check_conv2d", "channels last", 1),
                                                           ("check_corr2d_multi_in_out", "channels last", 0)])
def test_the_hint_for_channels_last_mends_it(check, name, right_axis):
    def last(X, K, bias=None, stride=1, padding=0, groups=1):
        return F.conv2d(X, K, bias, stride, padding, 1, groups).movedim(-3, -1)

    check = getattr(exercises, check)
    report = check(last)
    assert report.misconception == name
    assert f"movedim(-1, {right_axis})" in report.findings[-1].hint
    assert check(lambda X, K, **more: last(X, K, **more).movedim(-1, right_axis))


@pytest.mark.parametrize("limit", [1e-5, 1e-7, 1e-8])
def test_an_over_strict_bound_is_not_called_equality(limit):
    def close(A, B, X, K):
        return bool(((A - B).abs() / (A.abs() + B.abs()).clamp_min(1e-8)).max() < limit)

    assert exercises.check_agree(close).misconception == "a bound relative to the result"


def test_a_mistake_without_a_name_is_sent_to_the_section_of_its_stage():
    def first_group(X, K, bias=None, stride=1, padding=0, groups=1):
        Y = F.conv2d(X[:, :K.shape[1]], K, bias, stride, padding)
        return Y if groups == 1 else Y * 2

    report = exercises.check_conv2d(first_group)
    assert report.misconception is None
    assert report.findings[-1].text.startswith("Groups")
    assert report.findings[-1].read.page == "groups"


# Two at once


def test_two_known_mistakes_are_both_named():
    signal = pytest.importorskip("scipy.signal")
    for mode, size in (("same", "`same` instead of `valid`"), ("full", "`full` instead of `valid`")):
        def convolve(X, K, mode=mode):
            return torch.from_numpy(signal.convolve2d(X.cpu().numpy(), K.cpu().numpy(), mode=mode))
        assert exercises.check_corr2d(convolve).misconceptions == ("kernel flipped (true convolution)", size)
    both = exercises.check_parameters(lambda c_i, c_o, k_h, k_w, bias, groups: c_i * c_o * k_h * k_w)
    assert both.misconception == "bias forgotten and groups left out"
    both = exercises.check_output_size(lambda size, kernel, padding, stride: (size + padding - kernel) / stride + 1)
    assert both.misconceptions == ("padding on one side", "floor and ceiling in the output size")


# Lists, classes, layers, numbers


def test_numbers_have_the_digits_in_which_they_differ():
    assert table([("yours", torch.tensor(0.2060013)), ("wanted", torch.tensor(0.2060019))]) == (
        "yours  = 0.2060013\nwanted = 0.2060019")


def test_a_1x1_kernel_is_shown_as_the_matrix_that_it_is():
    assert table([("K", torch.ones(2, 3, 1, 1)), ("yours", 1), ("wanted", 2)]).splitlines()[:2] == [
        "K[:, :, 0, 0] = [[1, 1, 1],", "                 [1, 1, 1]]"]


@pytest.mark.parametrize(("value", "text"), [
    (torch.tensor([[1., 10.]]), "[[ 1, 10]]"), (torch.tensor([0.5, 2.0]), "[0.5, 2.0]"), (torch.ones(41),
    "(41,) numbers"), (torch.ones(0, 2), "no numbers: its shape is (0, 2)"), (np.float32(0.5), "0.5"), (True, "True"),
    ((1, 2.0), "(1, 2)"), (torch.Size([2, 3]), "(2, 3)"), (float("nan"), "nan")], ids=str)
def test_a_value_is_shown_for_a_reader(value, text):
    assert show(value) == text


# What a function does besides


def endless(X, K):
    while True:
        pass


def stubborn(X, K):
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(0.001)


@pytest.mark.parametrize("function", [endless, stubborn])
def test_an_endless_loop_ends_with_a_report(function):
    report = exercises.check_corr2d(function, seconds=0.3)
    assert "One channel: it takes too long" in str(report)
    assert "is not done after 0.3 seconds" in str(report)


def test_an_endless_loop_ends_in_a_thread_too():
    reports = []
    threads = [threading.Thread(target=lambda: reports.append(exercises.check_corr2d(endless, seconds=0.2)))
               for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert ["takes too long" in str(report) for report in reports] == [True] * 3


def test_what_goes_on_in_c_is_reported_and_left_behind():
    report = exercises.check_corr2d(lambda X, K: time.sleep(4), seconds=0.1)
    assert "cannot be stopped, and was left behind" in str(report)


def leaks():
    def device(X, K):
        torch.set_default_device("meta")
        torch.set_default_device("cpu")
        torch.set_default_device("meta")

    return {
        "the default device": device,
        "the default dtype": lambda X, K: torch.set_default_dtype(torch.float64),
        "the working directory": lambda X, K: os.chdir(os.sep),
        "the environment": lambda X, K: os.environ.update(D2LCONV_DEVICE="nonsense"),
        "how torch prints numbers": lambda X, K: torch.set_printoptions(precision=1),
        "how NumPy prints numbers": lambda X, K: np.set_printoptions(precision=1),
        "the random seed": lambda X, K: torch.manual_seed(time.time_ns() % 2**31),
        "whether gradients are recorded": lambda X, K: torch.set_grad_enabled(False),
        "autocast": lambda X, K: torch.autocast("cpu").__enter__(),
        "sys.stdout": lambda X, K: __import__("sys").stdout.close(),
    }


@pytest.mark.parametrize("what", leaks())
def test_what_a_function_changes_around_it_is_put_back_and_said(what, capsys):
    def state():
        return (torch.get_default_device(), torch.get_default_dtype(), os.getcwd(), dict(os.environ),
                torch.initial_seed(), torch.is_grad_enabled(), torch.is_autocast_enabled("cpu"),
                repr(torch.tensor(1 / 3)), repr(np.array(1 / 3)))

    def function(X, K):
        Y = corr(X, K)
        leaks()[what](X, K)
        return Y

    before = state()
    report = exercises.check_corr2d(function)
    assert state() == before
    assert report.passed
    assert what in report.findings[-1].text
    print("still here")
    assert capsys.readouterr().out == "still here\n"


def test_a_drawn_number_is_no_change():
    before = torch.get_rng_state()
    report = exercises.check_corr2d(lambda X, K: corr(X, K) + 0 * torch.rand(1))
    assert report.passed
    assert len(report.findings) == 1
    assert torch.equal(torch.get_rng_state(), before)


def test_a_checker_in_a_checked_function_works():
    def function(X, K):
        assert exercises.check_corr2d(corr)
        return corr(X, K)

    assert exercises.check_corr2d(function)


def test_after_a_fault_nothing_runs_for_long():
    calls = []

    def slow(X, K):
        calls.append(len(X))
        time.sleep(1.5)

    began = time.monotonic()
    assert not exercises.check_corr2d_multi_in(lambda X, K: slow(X, K) or 2 * X)
    assert len(calls) <= 4
    assert time.monotonic() > began


@pytest.mark.parametrize("value", [
    lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]), lambda: torch.ones(2, 2).bool(),
    lambda: torch.quantize_per_tensor(torch.ones(2, 2), 0.1, 0, torch.qint8), lambda: torch.ones(1).expand(10**9)],
    ids=["nested", "bool", "quantized", "huge"])
def test_odd_tensors_are_reported(value):
    assert not exercises.check_corr2d(lambda X, K: value())


# The report


def test_a_report_names_what_it_found_and_shows_it_everywhere():
    both = Report(False, (Finding("wrong", "no", "1"), Finding("name", "mean"), Finding("name", "other")))
    assert both.misconceptions == ("mean", "other")
    assert both.misconception == "mean and other"
    assert Report(True, ()).misconception is None
    page = exercises.check_corr2d(lambda X, K: -corr(X, K))._repr_html_()
    assert "font-family: ui-monospace, monospace" in page
    assert "text-decoration: underline" in page
    assert "color: inherit" in page


# What is right in another dress, and what is wrong in a way of its own


class TakesBoth(nn.Module):
    def forward(self, X, K):
        return corr(X, K)


@pytest.mark.parametrize(("check", "function"), [
    (exercises.check_corr2d, TakesBoth()),
    (exercises.check_separable_ratio, lambda c_i, c_o, k: torch.tensor(1 / c_o + 1 / k**2)),
    (exercises.check_backward, lambda *shapes, **more: np.array(
        exercises.EXERCISES["backward"].truth(*shapes, **more))),
    (exercises.check_agree, lambda Y1, Y2, X, K: all(
        bool(((Y - torch.einsum("oc,chw->ohw", K[:, :, 0, 0].double(), X.double())).abs()
              <= torch.einsum("oc,chw->ohw", K[:, :, 0, 0].abs().double(), X.abs().double())
              * K.shape[1] * 2**-24 * 1.01).all()) for Y in (Y1, Y2))),
])
def test_a_right_answer_in_another_dress_passes(check, function):
    report = check(function)
    assert report, report


@pytest.mark.parametrize(("check", "function", "name"), [
    (exercises.check_corr2d_multi_in_out, lambda X, K: torch.stack(
        [loops.corr2d_multi_in(X, k) for k in K], 1), "maps stacked along the wrong axis"),
    (exercises.check_as_matrix, lambda K, h, w: exercises.EXERCISES["as_matrix"].truth(K, h, w).T,
     "the matrix on its side"),
    (exercises.check_channel_shuffle, lambda X, groups: X, "nothing moved"),
    (exercises.check_agree, lambda Y1, Y2, X, K: bool((Y1 - Y2).abs().max() <= 2 * len(X) * 2**-24 * torch.einsum(
        "oc,chw->ohw", K[:, :, 0, 0].abs(), X.abs()).max()), "one absolute threshold for all sizes"),
])
def test_a_mistake_has_its_own_name(check, function, name):
    assert check(function).misconception == name


def of_layer(change):
    """A whole layer of a learner's, made of torch's."""
    return lambda X, K, bias=None, stride=1, padding=0, groups=1: change(X, K, bias, stride, padding, groups)


def conv(X, K, bias=None, stride=1, padding=0, groups=1):
    return F.conv2d(X, K, bias, stride, padding, 1, groups)


def of_channels(change):
    """A learner's sum over channels, made of the maps of the channels."""
    return lambda X, K: change([corr(x, k) for x, k in zip(X, K)])


SLIPS = {
    "images of the batch not kept apart": [
        of_layer(lambda X, *more: conv(X[:1], *more)), of_layer(lambda X, *more: conv(X[:1], *more).expand(
            len(X), -1, -1, -1))],
    "bias subtracted": [of_layer(lambda X, K, b, *more: conv(X, K, None if b is None else -b, *more))],
    "bias added along the height": [
        of_layer(lambda X, K, b, *more: conv(X, K, None, *more) + (0 if b is None else b[:, None]))],
    "groups interleaved": [of_layer(lambda X, K, b, s, p, g: torch.cat([
        conv(X.chunk(g, 1)[m % g], k[None], None, s, p) for m, k in enumerate(K)], 1)
        + (0 if b is None else b[:, None, None]))],
    "stride or padding along one axis only": [
        of_layer(lambda X, K, b, s, p, g: conv(X, K, b, (s, 1), p, g)), of_layer(
            lambda X, K, b, s, p, g: conv(X, K, b, s, (0, p), g))],
    "padded with other numbers than zeros": [
        of_layer(lambda X, K, b, s, p, g: conv(F.pad(X, (p,) * 4, mode="replicate") if p else X, K, b, s, 0, g))],
    "padding added twice": [of_layer(lambda X, K, b, s, p, g: conv(F.pad(X, (p,) * 4), K, b, s, p, g))],
    "image thinned before the convolution": [
        of_layer(lambda X, K, b, s, p, g: conv(F.pad(X, (p,) * 4)[..., ::s, ::s], K, b, 1, 0, g))],
    "first or last channel left out": [lambda X, K: sum(corr(X[c], K[c]) for c in range(len(X) - 1))],
    "a neighbour taken instead": [lambda X, K: sum(corr(X[c - 1], K[c]) for c in range(len(X)))],
    "from the last to the first": [lambda X, K: sum(corr(x, k) for x, k in zip(X.flip(0), K))],
    "the maps put together without a sum": [
        of_channels(lambda maps: torch.stack(maps).amax(0)),
        of_channels(lambda maps: functools.reduce(torch.mul, maps)),
        of_channels(lambda maps: functools.reduce(torch.sub, maps))],
}


@pytest.mark.parametrize(("name", "function"), [(name, f) for name, several in SLIPS.items() for f in several])
def test_a_slip_of_a_sign_an_index_or_an_axis_has_its_name(name, function):
    check = exercises.check_conv2d if function.__defaults__ else exercises.check_corr2d_multi_in
    assert check(function).misconception == name


@pytest.mark.parametrize(("check", "function", "said"), [
    (exercises.check_corr2d, lambda X, K: corr(X, K)[None], "All numbers are right: an axis of size 1 is too many."),
    (exercises.check_corr2d, lambda X, K: corr(X, K).relu(), "What is negative became 0: no activation is asked for."),
    (exercises.check_corr2d, lambda X, K: -3 * corr(X, K), "It is -3 times what is wanted."),
    (exercises.check_corr2d, lambda X, K: corr(X, K).flip(1), "The right numbers are there, in another order."),
    (exercises.check_corr2d, lambda X, K: corr(X, K).int(), "What follows the decimal point is lost."),
    (exercises.check_corr2d_multi_in_out, lambda X, K: conv(X, K).flatten(0, 1), "in order: only their shape is not."),
    (exercises.check_corr2d_multi_in_out, lambda X, K: conv(X, K).sum(0), "Axis 0 was summed over, and should stay."),
    (exercises.check_corr2d_multi_in_out, lambda X, K: conv(X, K)[-1], "Only the last along axis 0 came out."),
    (exercises.check_conv2d, of_layer(lambda X, *more: conv(X, *more)[0]), "Only the first along axis 0 came out."),
    (exercises.check_depthwise, lambda X, K: torch.stack([corr(x, k) * (c == 0) for c, (x, k) in enumerate(
        zip(X, K))]), "Where a number came out it is right: the others stayed 0."),
    (exercises.check_red_only, lambda K: torch.stack([2 * K, 0 * K, 0 * K])[None], "It is 2 times what is wanted."),
    (exercises.check_memory, lambda *shapes: 4 * exercises.EXERCISES["memory"].truth(*shapes), "It is 4 times"),
    (exercises.check_composed_size, lambda k1, k2, stride: k1 + (k2 - 1) * stride + 1, "It is 1 too large."),
    (exercises.check_growth, lambda *n: (8, exercises.EXERCISES["growth"].truth(*n)[1]),
     "The first: it is 2 times what is wanted. The second is right."),
])
def test_what_all_wrong_results_have_in_common_is_said(check, function, said):
    report = check(function)
    assert report.misconception is None
    assert said in report.findings[-1].hint


@pytest.mark.parametrize("name", ["red_only", "hwio_to_oihw", "block_diagonal", "channel_shuffle"])
def test_where_numbers_are_only_moved_the_smallest_error_is_one(name):
    def nearly(*given):
        return exercises.EXERCISES[name].truth(*given) + 1e-9

    report = getattr(exercises, f"check_{name}")(nearly)
    assert not report.passed
    assert "nearly right" in report.findings[-1].hint


@pytest.mark.parametrize("name", [name for name, exercise in exercises.EXERCISES.items() if name not in (
    "corners", "agree") and exercise.problems[0].size])
def test_an_answer_that_is_kept_for_a_shape_fails_and_is_named(name):
    kept = {}

    def by_shape(*given, **options):
        key = [(n, getattr(value, "shape", value)) for n, value in [*enumerate(given), *options.items()]]
        return kept.setdefault(str(key), exercises.EXERCISES[name].truth(*given, **options))

    report = getattr(exercises, f"check_{name}")(by_shape)
    assert not report.passed
    assert report.misconception == "the answer depends on earlier calls"


def test_a_list_that_grows_from_call_to_call_is_named():
    def growing(X, K, maps=[]):  # noqa: B006
        maps.extend(corr(x, k) for x, k in zip(X, K))
        return sum(maps[-len(X) - 1:])

    assert exercises.check_corr2d_multi_in(growing).misconception == "the answer depends on earlier calls"


def test_who_runs_a_large_layer_is_told_that_counting_is_meant():
    def step_by_step(input_shape, weight_shape, stride, padding):
        steps = range(exercises.EXERCISES["macs"].truth(input_shape, weight_shape, stride, padding))
        return sum(1 for _ in steps)

    report = exercises.check_macs(step_by_step, seconds=0.5)
    assert "Right so far: a small layer" in str(report)
    assert "Count, do not compute" in report.findings[-1].hint
    assert "loop" not in report.findings[-1].hint


def test_a_line_that_is_all_of_a_function_is_not_quoted():
    assert "in the line" not in str(exercises.check_corr2d(lambda X, K: X.no_such_thing))


def test_what_an_import_writes_into_the_environment_is_not_the_learners(tmp_path, monkeypatch):
    (tmp_path / "imported_once.py").write_text("import os\nos.environ['IMPORTED'] = 'yes'\n")
    monkeypatch.syspath_prepend(tmp_path)

    def function(X, K):
        importlib.import_module("imported_once")
        return corr(X, K)

    assert len(exercises.check_corr2d(function).findings) == 1


def test_a_result_that_is_not_returned_is_missed():
    def corr2d(X, K):
        Y = corr(X, K)  # noqa: F841

    assert "returns nothing" in str(exercises.check_corr2d(corr2d))
    assert "Not yet" in str(exercises.check_corr2d(lambda X, K: ...))
