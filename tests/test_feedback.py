"""What the checkers say: a report that helps, whatever a function does, and nothing around it is changed."""

import contextlib
import dataclasses
import importlib
import os
import random
import sys
import threading
import time
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from test_exercises import CHECKERS, conv, corr, d2l_corr2d_multi_in, judge, layer, rows, unbiased
from torch import nn
from torch.nn import functional as F

import d2lconv
from d2lconv import exercises, loops
from d2lconv.exercises import Finding, Report
from d2lconv.exercises.engine import trial
from d2lconv.exercises.engine.show import show, table
from d2lconv.exercises.misconceptions import READ
from d2lconv.exercises.tasks import counts, kernels

# Notes on the pass


STOPS = "float64 went in, and met a float32 that the function makes: it stops. (float32 is right.)"


def by_matrix_in_float32(X, K):
    M = kernels.as_matrix(K[None, None].float(), *X.shape)
    return (M @ X.reshape(-1)).reshape(len(X) - len(K) + 1, -1)


def by_layer_in_float32(X, K):
    layer = nn.Conv2d(len(X), len(K), K.shape[2:], bias=False)
    layer.weight.data.copy_(K)
    return layer(X[None])[0]


@pytest.mark.parametrize(("name", "function", "notes"), [
    ("corr2d", by_matrix_in_float32, [STOPS]),
    ("corr2d_multi_in_out", by_layer_in_float32, [STOPS]),
    ("corr2d", lambda X, K: loops.corr2d(X.float(), K.float()).to(X.dtype),
     ["float64 went in and came out, but was rounded on the way."]),
    ("corr2d_multi_in", d2lconv.corr2d_multi_in, []),
    ("corr2d_multi_in", lambda X, K: d2lconv.corr2d_multi_in(X.flip(0), K.flip(0)), []),  # in another order
    ("corr2d_multi_in", lambda X, K: d2lconv.corr2d_multi_in(X, K) if len(X) == len(K) else None, []),
])
def test_what_is_right_passes_with_a_note_on_what_it_loses(name, function, notes):
    report = judge(name, function)
    assert report.passed
    assert [(finding.kind, finding.text) for finding in report.findings[1:]] == [("note", note) for note in notes]


def leaks_twice(X, K):
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(7)
    return corr(X, K)


def keeps_a_half(X, K):
    x = X if len(X) == len(K) else X[:1].expand(len(K), -1, -1)
    return loops.corr2d_multi_in(x, K).half()


SINGLE = """\
  torch.zeros and torch.tensor make float32 whatever comes in; X.new_zeros and X.new_tensor keep what
  X has.
"""
NO_ANSWER = "· Note: it answers for X of shape (3, 4, 4) and K of shape (2, 2, 2), where no answer is right"


@pytest.mark.parametrize(("name", "function", "notes"), [
    ("corr2d", leaks_twice, """\
· Note: it changes the default dtype and the random seed, for everything that runs after it; \
the checker has put that back.
  A function should leave what is around it as it was.
"""),
    ("corr2d", by_matrix_in_float32, f"· Note: {STOPS}\n  RuntimeError: "),
    ("corr2d_multi_in", d2l_corr2d_multi_in, f"""\
· Note: float64 went in, float32 came out.
{SINGLE}{NO_ANSWER} (channels truncated by zip).
  Where two counts differ, zip, or a loop over one of them, leaves the rest out without a word:
  compare the counts first. With several kernels: loop over the kernels, and zip X with each of them.
  Read "What happens when the number of channels is wrong?"
"""),
    ("corr2d_multi_in", keeps_a_half, f"""\
· Note: float32 went in, float16 came out.
  float16 keeps three digits and bfloat16 two: leave X and K as they come, and convert neither.
{NO_ANSWER}.
  Here no two channels belong together. A careful function compares the counts and raises.
  Read "What happens when the number of channels is wrong?"
"""),
], ids=lambda part: getattr(part, "__name__", ""))
def test_notes_stand_below_what_is_right(name, function, notes):
    report = judge(name, function)
    first, _, more = f"{report}\n".partition("\n")
    assert report.passed
    assert first.startswith("✓ Right: every shape, one channel")
    assert more.startswith(notes)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_a_half_type_passes_with_a_note_and_a_hint_that_fits(dtype):
    report = exercises.check_corr2d_multi_in(lambda X, K: loops.corr2d_multi_in(X.to(dtype), K.to(dtype)))
    assert report.passed
    assert report.findings[1].text == f"float32 went in, {str(dtype)[6:]} came out."
    assert "convert neither" in report.findings[1].hint
    assert not exercises.check_corr2d_multi_in(lambda X, K: loops.corr2d_multi_in(X, K).to(dtype) / len(X))


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
        pass


def stubborn(X, K):
    while True:
        with contextlib.suppress(Exception):
            print("still here")


def immortal(X, K):
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(0.001)


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
    generator, coroutine, stubborn, deep, resized, int, Rude, nn.Linear(2, 2), print,
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
    lambda X, K: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
    lambda X, K: torch.quantize_per_tensor(X, 0.1, 0, torch.qint8),
    lambda X, K: [torch.quantize_per_tensor(X, 0.1, 0, torch.qint8)] * 2,
]


@pytest.mark.filterwarnings(r"ignore:[\s\S]*TooLong:pytest.PytestUnraisableExceptionWarning")  # it fell into gc
@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_nothing_that_a_function_does_ends_the_checker(number, capfd):
    for name in CHECKERS if number % 11 == 0 else ("check_corr2d_multi_in", "check_macs", "check_fold"):
        report = getattr(exercises, name)(HOSTILE[number])
        assert not report.passed
        assert "Traceback" not in repr(report)
        assert len(repr(report)) < 3000
        assert report._repr_html_()
    assert capfd.readouterr() == ("", "")


def test_nothing_of_what_came_back_is_called_where_no_time_is_set():
    asked = []

    class Counts:
        def __len__(self):
            asked.append(self)
            return 1

    assert not exercises.check_corr2d(lambda X, K: Counts())
    assert asked == []


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


def noisy(X, K, factor=2):
    print("K is", tuple(K.shape))
    return factor * loops.corr2d(X, K)


def test_what_a_right_function_prints_is_kept_off_its_pass(capsys):
    assert "K is" not in str(exercises.check_corr2d(lambda X, K: noisy(X, K, 1)))
    assert "K is" in str(exercises.check_corr2d(noisy))
    assert capsys.readouterr().out == ""


def broken(X, K):
    Y = X.no_such_thing
    return Y


def placed(X, K):
    X[0, 0] = X
    return X


def unreturned(X, K):
    Y = corr(X, K)  # noqa: F841


def centred(X, K):
    Y = loops.corr2d_multi_in(X, K)
    X -= X.mean()
    return Y


def square_kernels(X, K, b, *more):
    assert K.shape[2] == K.shape[3], "Kernel must be square"
    return conv(X, K, b, *more)


def square_images(X, K):
    assert X.shape[1] == X.shape[2], "Input tensor must be square"
    return F.conv2d(X[None], K[:, None], groups=len(X))[0]


SAID = {
    "corr2d": [
        ("prints something, but returns nothing", lambda X, K: print(loops.corr2d(X, K))),
        ("returns nothing here:\n    X = [[0, 1, 2],", unreturned),
        *((advice, function) for advice, function in [
            ("torch.stack makes one tensor of a list", lambda X, K: torch.tensor([X[0], X[1]])),
            ("torch.stack makes one tensor of several numbers", lambda X, K: torch.cat([X.sum(), K.sum()])),
            ("square brackets", lambda X, K: torch.stack(x for x in X)),
            ("reshape to the axes you want", lambda X, K: X.sum() @ K),
            ("is .sum() missing", lambda X, K: X.clone()[0, 0].add_(X)),
            ("is .sum() missing", placed),
            ("Divide with //", lambda X, K: X.new_zeros(list(range(len(X) / 2)))),
            ("permute takes all of them", lambda X, K: X.transpose(1, 0, 2)),
            ("neither true nor false", lambda X, K: X if K else K),
            ("Something is None", lambda X, K: X + None),
            ("written **", lambda X, K: X.sum().item() ^ 2)]),
        ("Not yet", lambda X, K: ...),
        ("check_corr2d(corr2d)", torch.ones(2, 2)),
        ("The numbers are right: make a tensor of them", lambda X, K: loops.corr2d(X, K).tolist()),
        ("in the line: Y = X.no_such_thing", broken),
        ("it is called with (X, K), but takes (X)", lambda X: X),
        ("A class came, where a function is wanted: corr2d(X, K)", nn.Conv2d),
        ("A layer came, where a function is wanted: corr2d(X, K)", nn.Conv2d(1, 1, 2)),
        ("printed on the way:\n    K is (2, 2)", noisy),
        ("    yours  = [[19, 25],\n              [37, 43]]", lambda X, K: [list(row) for row in loops.corr2d(X, K)])],
    "corr2d_multi_in": [
        ("maps stacked instead of summed", lambda X, K: [loops.corr2d(x, k) for x, k in zip(X, K)]),
        ("The result is right, but your function changes X", centred),
        ("→ This looks like: input changed in place\n", centred)],
    "depthwise": [
        ("are right, but in a list: torch.stack", lambda X, K: [loops.corr2d(x, k) for x, k in zip(X, K)]),
        ("are right, but in a list: torch.stack",
         lambda X, K: [[*loops.corr2d(x, k)] for x, k in zip(X, K)]),
        ("AssertionError: Input tensor must be square", square_images),
        ("→ This looks like: what is not square is refused\n", square_images)],
    "conv2d": [
        ("(X, K, bias=...), but takes (X, K, stride)", lambda X, K, stride=1: F.conv2d(X, K, None, stride)),
        ("def conv2d(X, K, bias=None", nn.Conv2d),
        ("Right so far: one channel, several channels", lambda X, K: F.conv2d(X, K)),
        ("AssertionError: Kernel must be square", layer(square_kernels)),
        ("→ This looks like: what is not square is refused\n", layer(square_kernels))],
}


@pytest.mark.parametrize(("name", "said", "function"), rows(SAID))
def test_a_report_says_it(name, said, function):
    report = judge(name, function)
    assert not report.passed
    assert said in str(report)


def napping(function):
    def slow(X, K):
        time.sleep(0.3)
        return function(X, K)
    return slow


@pytest.fixture
def impatient(monkeypatch):
    """Where a call only adds to what is known, wait less long for it than these functions take."""
    for function in (trial.attempt, trial.run):
        monkeypatch.setattr(function, "__defaults__", (0.1,))


@pytest.mark.usefixtures("impatient")
def test_a_function_that_takes_its_time_has_no_memory_and_loses_nothing():
    wrong = judge("corr2d", napping(lambda X, K: loops.corr2d(X, K) + (len(X) != len(X[0]))))
    assert not wrong.passed
    assert not wrong.misconceptions
    right = judge("corr2d", napping(loops.corr2d))
    assert right.passed
    assert len(right.findings) == 1


CAME_BACK = [
    *(("corr2d", f"a tensor is wanted, but {what} came back", value) for what, value in [
        ("a list", [1, 2]), ("a tuple", (1, 2)), ("a NumPy array", np.zeros(3)), ("a float", 1.5), ("an int", 1),
        ("a string", "text"), ("True or False", True), ("a function", corr), ("an object of type dict", {})]),
    ("macs", "a number is wanted, but a tensor came back", torch.ones(2)),
    ("macs", "a number is wanted, but a string came back", "27"),
    ("macs", "a number is wanted, but True or False came back", True),
    ("agree", "True or False is wanted, but an int came back", 1),
    ("output_shape", "3 numbers are wanted, as a tuple, but an int came back", 3),
    ("output_shape", "There are 2, and 3 are wanted", (1, 2)),
    ("output_shape", "a number is wanted, but a string came back", ("1", "2", "3")),
    ("fold", "two tensors are wanted, as a tuple, but a tensor came back", torch.ones(2, 2, 1, 1)),
    ("fold", "two tensors are wanted, as a tuple, but a list of length 1 came back", [torch.ones(2, 2, 1, 1)]),
    ("fold", "a tensor is wanted, but a list came back", (torch.ones(2, 2, 1, 1), [1, 2])),
]


@pytest.mark.parametrize(("name", "said", "value"), CAME_BACK, ids=lambda part: part if isinstance(part, str) else "")
def test_what_came_back_is_called_by_its_name(name, said, value):
    report = judge(name, lambda *arguments, **options: value)
    assert said in str(report).replace("\n  ", " ")


@pytest.mark.parametrize(("said", "function"), [
    ("a generator (from yield, or from for in round brackets)", generator),
    ("a coroutine (from async)", coroutine),
    ("None (nothing)", lambda X, K: corr(X, K) if X[0, 0] == 0 else None),
])
def test_what_came_back_for_a_tensor_is_called_by_its_name(said, function):
    assert f"a tensor is wanted, but {said} came back" in str(exercises.check_corr2d(function))


def test_how_many_numbers_came_out_is_said_of_an_answer_that_has_not_as_many():
    report = exercises.check_output_shape(lambda i, w, s, p: (0, 0, 0, 0) if p else (0, 0, 0))
    assert report.findings[-1].hint == "How many numbers came out? There are 4, and 3 are wanted."


def test_integers_are_right_where_they_are_equal_and_else_are_not():
    def integers(X, K, factor=1):
        Y = factor * corr(X, K)
        return Y.long() if torch.equal(X, X.round()) else Y

    assert exercises.check_corr2d(integers)
    report = exercises.check_corr2d(lambda X, K: integers(X, K, 1.5))
    assert report.findings[0].text == "Right so far: every shape."
    assert report.findings[1].text.startswith("One channel")
    assert "[19, 25]" in report.findings[1].numbers


@pytest.mark.parametrize(("name", "function"), [
    ("hwio_to_oihw", lambda K: K.permute(3, 2, 0, 1).half()),
    ("grey_kernel", lambda K: K.sum(1, keepdim=True).half()),
])
def test_what_only_moves_numbers_may_round_each_once(name, function):
    report = judge(name, function)
    assert report.passed
    assert report.findings[1].text == "float32 went in, float16 came out."


def test_one_number_may_be_rounded_as_any_sum_may():
    assert exercises.check_grey_kernel(lambda K: K.sum(1, keepdim=True) * (1 + 3e-7))


def test_another_shape_for_float64_is_a_note():
    report = exercises.check_corr2d(lambda X, K: X if X.dtype == torch.float64 else corr(X, K))
    assert report.passed
    assert report.findings[-1].kind == "note"


def test_a_branch_without_return_is_shown_its_problem_and_is_not_called_unwritten():
    def parameters(c_i, c_o, k_h, k_w, bias=True, groups=1):
        if bias:
            return c_i * c_o

    report = exercises.check_parameters(parameters)
    assert "returns nothing here" in str(report)
    assert "bias   = False" in str(report)
    assert "in every branch" in report.findings[0].hint


def test_no_message_of_ours_is_cut():
    report = exercises.check_corr2d_multi_in_out(lambda X, K: d2lconv.conv2d(X[:, None, None], K.transpose(0, 1)))
    assert "..." not in report.findings[-1].hint


def test_a_line_that_is_all_of_a_function_is_not_quoted():
    assert "in the line" not in str(exercises.check_corr2d(lambda X, K: X.no_such_thing))


@pytest.mark.parametrize("name", ["conv2d", "corr2d_multi_in_out"])
def test_the_hint_for_channels_last_mends_it(name):
    def last(X, K, **more):
        return F.conv2d(X, K, **more).movedim(-3, -1)

    report = judge(name, last)
    assert report.misconception == "channels last"
    assert "movedim(-1, -3)" in report.findings[-1].hint
    assert judge(name, lambda X, K, **more: last(X, K, **more).movedim(-1, -3))


def test_a_mistake_without_a_name_is_sent_to_the_section_of_its_stage():
    def first_group(X, K, b, s, p, g):
        return conv(X[:, :K.shape[1]], K, b, s, p) * (1 if g == 1 else 2)

    report = exercises.check_conv2d(layer(first_group))
    assert report.misconception is None
    assert report.findings[-1].text.startswith("Groups")
    assert report.findings[-1].read.page == "groups"


# The report


def mean(X, K):
    return loops.corr2d_multi_in(X, K) / len(X)


def test_feedback_says_what_is_right_shows_the_smallest_problem_and_where_to_read():
    assert str(exercises.check_corr2d_multi_in(mean)) == """\
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
  A convolution adds all products up, and divides by nothing.
  Read "Why the sum, and not the mean?"
  https://your_name.github.io/d2lconv/input_channels.html#why-the-sum-and-not-the-mean"""


CLASSIC = """\
    X      = [[0, 1, 2],
              [3, 4, 5],
              [6, 7, 8]]
    K      = [[0, 1],
              [2, 3]]
"""
WANTED = """\
    wanted = [[19, 25],
              [37, 43]]
"""


def talks(X, K):
    for line in ["x" * 101, *range(1, 6)]:
        print(line)
    return 2 * corr(X, K)


def stops(X, K):
    Y = X[5]
    return Y


def changes_and_is_wrong(X, K):
    X += 1
    return corr(X, K)


def one_number_doubled(X, K):
    Y = d2lconv.corr2d_multi_in_out(X, K)
    if Y.numel() > 40:
        Y[1, 0, 2] *= 2
    return Y


@pytest.mark.parametrize(("name", "function", "findings"), [
    ("corr2d", talks, "✓ Right so far: every shape.\n✗ One channel: the numbers are not right yet.\n" + CLASSIC + """\
    yours  = [[38, 50],
              [74, 86]]
""" + WANTED + f"""\
    printed on the way:
    {"x" * 100}
    1
    2
    3
    4
    ...
  It is 2 times what is wanted.
"""),
    ("corr2d", stops, "✗ One channel: it stops with an error.\n" + CLASSIC + WANTED + """\
  IndexError: index 5 is out of bounds for dimension 0 with size 3
  in the line: Y = X[5]
"""),
    ("corr2d", lambda X, K: corr(X, K)[None], """\
✗ One channel: the shape is not right yet.
    X            = [[0, 1, 2],
                    [3, 4, 5],
                    [6, 7, 8]]
    K            = [[0, 1],
                    [2, 3]]
    your shape   = (1, 2, 2)
    wanted shape = (2, 2)
    yours        = [[[19, 25],
                     [37, 43]]]
    wanted       = [[19, 25],
                    [37, 43]]
  All numbers are right: an axis of size 1 is too many.
"""),
    ("corr2d", changes_and_is_wrong,
     "✓ Right so far: every shape.\n✗ One channel: the numbers are not right yet.\n" + CLASSIC + """\
    yours  = [[25, 31],
              [43, 49]]
""" + WANTED + """\
✗ Besides, your function changes X, which belongs to the caller.
    X before = [[0, 1, 2],
                [3, 4, 5],
                [6, 7, 8]]
→ This looks like: input changed in place
"""),
    ("corr2d_multi_in_out", one_number_doubled, """\
✓ Right so far: every shape, one channel, several channels, several kernels, not square.
✗ Any numbers: the numbers are not right yet.
    X               = (4, 4, 4) numbers
    K[:, :, 0, 0]   = [[-0.6, -1.0, -0.3, -1.2],
                       [ 0.9, -0.3, -0.9, -1.0],
                       [-1.2,  1.9, -0.9, -0.8]]
    yours[1, 0, 2]  = -1.24
    wanted[1, 0, 2] = -0.62
"""),
    ("fold", lambda *given: (kernels.fold(*given)[0], 3 * kernels.fold(*given)[1]), """\
✓ Right so far: every shape.
✗ One channel: the numbers are not right yet.
    K1     = [[[[-1.6]]]]
    b1     = [0.7]
    K2     = [[[[-1.6]]]]
    b2     = [0.7]
    yours  = ([[[[2.56]]]], [-1.26])
    wanted = ([[[[2.56]]]], [-0.42])
  The first is right. The second: it is 3 times what is wanted.
"""),
    ("macs", lambda *given: 1, """\
✗ A small layer: the answer is not right yet.
    input_shape  = (1, 3, 3)
    weight_shape = (1, 1, 2, 2)
    stride       = 1
    padding      = 0
    yours        = 1
    wanted       = 16
"""),
], ids=lambda part: getattr(part, "__name__", ""))
def test_a_report_shows_the_problem_what_came_and_what_was_wanted(name, function, findings):
    report = judge(name, function)
    assert str(report).startswith(findings)
    assert str(report).removeprefix(findings).startswith("  ")  # where to read, or the hint of a name


def test_feedback_is_the_same_every_time():
    first, second = (exercises.check_corr2d_multi_in_out(lambda X, K: unbiased(X, K).flip(0)) for _ in range(2))
    assert first == second
    assert first._repr_html_() == second._repr_html_()


def test_html_is_well_formed_escaped_and_without_a_background_of_its_own():
    page = exercises.check_corr2d_multi_in(mean)._repr_html_()
    assert ElementTree.fromstring(page).tag == "div"
    assert '/input_channels.html#why-the-sum-and-not-the-mean"' in page
    for style in ("background: none", "font-family: ui-monospace, monospace", "text-decoration: underline",
                  "color: inherit"):
        assert style in page
    assert "<script" not in Report(False, (Finding("wrong", "<script>", "<script>", "<script>"),))._repr_html_()


def test_html_shows_each_part_of_a_finding_that_is_there():
    full = Finding("name", "mean", "1 < 2", "think\nagain", READ["sum"])._repr_html_()
    parts = ElementTree.fromstring(f"<div>{full.replace('<br>', '<br/>')}</div>")
    assert [(part.tag, " ".join(part.itertext())) for part in parts] == [
        ("div", "→ This looks like:  mean"), ("pre", "1 < 2"), ("div", "think again"),
        ("div", "Read  Why the sum, and not the mean?")]
    assert [part.find("strong") is not None for part in parts] == [True, False, False, False]
    assert [part.find("br") is not None for part in parts] == [False, False, True, False]
    assert Finding("note", "it prints")._repr_html_() == '<div style="margin: 0.3em 0">· Note: it prints</div>'


def test_html_of_what_passed_has_another_bar_than_of_what_did_not():
    assert "border-left: 0.25em solid #3a9a57; " in Report(True, ())._repr_html_()
    assert "border-left: 0.25em solid #c77700; " in Report(False, ())._repr_html_()


def test_a_report_and_its_findings_cannot_be_changed_afterwards():
    report = exercises.check_corr2d(loops.corr2d)
    for part, name in ((report, "passed"), (report.findings[0], "text")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(part, name, "")


def test_a_report_names_what_it_found():
    both = Report(False, (Finding("wrong", "no", "1"), Finding("name", "mean"), Finding("name", "other")))
    assert both.misconceptions == ("mean", "other")
    assert both.misconception == "mean and other"
    assert Report(True, ()).misconception is None


def test_numbers_have_the_digits_in_which_they_differ():
    assert table([("yours", torch.tensor(0.2060013)), ("wanted", torch.tensor(0.2060019))]) == (
        "yours  = 0.2060013\nwanted = 0.2060019")


@pytest.mark.parametrize(("yours", "shown"), [
    (1 / 3, "0.3333"),
    (1 / 3 + 1e-6, "0.3333343"),
    (1 / 3 + 1e-9, "0.3333333343"),
    (1 / 3 + 1e-15, "0.33333333333333431"),
])
def test_a_number_has_four_digits_or_as_many_as_tell_it_from_the_other(yours, shown):
    assert table([("yours", yours), ("wanted", 1 / 3)]).splitlines()[0] == f"yours  = {shown}"


def test_a_1x1_kernel_is_shown_as_the_matrix_that_it_is():
    assert table([("K", torch.ones(2, 3, 1, 1)), ("yours", 1), ("wanted", 2)]).splitlines()[:2] == [
        "K[:, :, 0, 0] = [[1, 1, 1],", "                 [1, 1, 1]]"]
    assert table([("X", torch.ones(3, 1, 1)), ("yours", 1), ("wanted", 2)]).startswith("X[:, 0, 0] = [1, 1, 1]\n")


def test_at_most_one_empty_line_stands_between_two_kernels():
    assert "\n\n\n" not in show(torch.ones(2, 2, 2, 2))


@pytest.mark.parametrize(("value", "text"), [
    (torch.tensor([[1., 10.]]), "[[ 1, 10]]"),
    (torch.tensor([0.5, 2.0]), "[0.5, 2.0]"),
    (torch.ones(41), "(41,) numbers"),
    (torch.ones(0, 2), "no numbers: its shape is (0, 2)"),
    (np.float32(0.5), "0.5"),
    (np.array([[1.0, 10.0]]), "[[ 1, 10]]"),
    (np.array(["a"]), "'a'"),
    (torch.tensor(False), "False"),
    (torch.tensor([True, False]), "[ True, False]"),
    ((1,), "(1,)"),
    (True, "True"),
    ((1, 2.0), "(1, 2)"),
    ((*range(8),), "(0, 1, 2, 3, 4, 5, 6, 7)"),
    ((*range(9),), "(0, 1, 2, 3, 4, 5, 6, 7, ...)"),
    (torch.Size([2, 3]), "(2, 3)"),
    (float("nan"), "nan"),
], ids=str)
def test_a_value_is_shown_for_a_reader(value, text):
    assert show(value) == text


# What takes too long


@pytest.mark.parametrize("function", [endless, immortal])
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


def test_who_runs_a_large_layer_is_told_that_counting_is_meant():
    report = exercises.check_macs(lambda i, w, s, p: sum(1 for _ in range(counts.macs(i, w, s, p))), seconds=0.5)
    assert "Right so far: a small layer" in str(report)
    assert "Count, do not compute" in report.findings[-1].hint
    assert "loop" not in report.findings[-1].hint


def test_after_a_fault_nothing_runs_for_long():
    calls = []

    def slow(X, K):
        calls.append(len(X))
        time.sleep(1.5)

    assert not exercises.check_corr2d_multi_in(lambda X, K: slow(X, K) or 2 * X)
    assert len(calls) <= 4


def test_two_faults_are_enough_for_a_name_if_nothing_ends_after_them():
    calls = []

    def flips(X, K):
        calls.append(X)
        while len(calls) > 2:
            pass
        return d2l_corr2d_multi_in(X, K.flip(1, 2))

    assert exercises.check_corr2d_multi_in(flips).misconception == "kernel flipped (true convolution)"


# What a function does besides


def change_the_device(X, K):
    torch.set_default_device("meta")
    torch.set_default_device("cpu")
    torch.set_default_device("meta")


LEAKS = {
    "the default device": change_the_device,
    "the default dtype": lambda X, K: torch.set_default_dtype(torch.float64),
    "the working directory": lambda X, K: os.chdir(os.sep),
    "the environment": lambda X, K: os.environ.update(D2LCONV_DEVICE="nonsense"),
    "how torch prints numbers": lambda X, K: torch.set_printoptions(precision=1),
    "how NumPy prints numbers": lambda X, K: np.set_printoptions(precision=1),
    "the random seed": lambda X, K: torch.manual_seed(time.time_ns() % 2**31),
    "whether gradients are recorded": lambda X, K: torch.set_grad_enabled(False),
    "autocast": lambda X, K: torch.autocast("cpu").__enter__(),
    "sys.stdout": lambda X, K: sys.stdout.close(),
}


@pytest.mark.parametrize("what", LEAKS)
def test_what_a_function_changes_around_it_is_put_back_and_said(what, capsys):
    def state():
        return (torch.get_default_device(), torch.get_default_dtype(), os.getcwd(), dict(os.environ),
                torch.initial_seed(), torch.is_grad_enabled(), torch.is_autocast_enabled("cpu"),
                repr(torch.tensor(1 / 3)), repr(np.array(1 / 3)))

    def function(X, K):
        Y = corr(X, K)
        LEAKS[what](X, K)
        return Y

    before = state()
    report = exercises.check_corr2d(function)
    assert state() == before
    assert report.passed
    assert what in report.findings[-1].text
    print("still here")
    assert capsys.readouterr().out == "still here\n"


def test_a_drawn_number_is_no_change():
    def state():
        return torch.get_rng_state().tolist(), random.getstate(), repr(np.random.get_state())  # noqa: NPY002

    before = state()
    report = exercises.check_corr2d(
        lambda X, K: corr(X, K) + 0 * torch.rand(1) + 0 * random.random() + 0 * np.random.rand())  # noqa: NPY002
    assert report.passed
    assert len(report.findings) == 1
    assert state() == before


def test_what_an_import_writes_into_the_environment_is_not_the_learners(tmp_path, monkeypatch):
    (tmp_path / "imported_once.py").write_text("import os\nos.environ['IMPORTED'] = 'yes'\n")
    monkeypatch.syspath_prepend(tmp_path)

    def function(X, K):
        importlib.import_module("imported_once")
        return corr(X, K)

    assert len(exercises.check_corr2d(function).findings) == 1
