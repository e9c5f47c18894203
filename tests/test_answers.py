"""What a learner's function answers is run, brought to the kind that is wanted, compared and shown."""

import dataclasses
import functools
import math
import runpy
import statistics

import numpy as np
import pytest
import torch

import d2lconv
from d2lconv import exercises
from d2lconv.exercises import recognise
from d2lconv.exercises.feedback import (
    faulty,
    first_difference,
    first_lines,
    in_place,
    notes,
    printed,
    progress,
    size,
    total,
    unchecked,
    wrong_type,
)
from d2lconv.exercises.guard import FLOOD, Outcome, call, read, source_line
from d2lconv.exercises.misconceptions import UNCHECKED, ZIP
from d2lconv.exercises.recognise import agree, explains
from d2lconv.exercises.report import Finding, Report, Section
from d2lconv.exercises.task import EXERCISES, Exercise, Problem, made
from d2lconv.exercises.trial import Trial, attempt, contains_tensor, expected, fault
from d2lconv.exercises.values import brief, grid, kind, largest, safe, same, settled, shape, show, shown, slack

ONE = torch.ones(2, 2)
WIDE = ONE.double()
KINDS = [(None, "None (nothing)"), (ONE, "a tensor"), ([1], "a list"), ((1,), "a tuple"), (np.ones(1), "a NumPy array"),
         (1.5, "a float"), (1, "an int"), ("1", "a string"), (lambda: 1, "a function"),
         (True, "True or False"), ({}, "an object of type dict"), ((n for n in ()), "a generator (from yield)")]


# Of what kind it is.

@pytest.mark.parametrize(("value", "said"), KINDS, ids=[said for _, said in KINDS])
def test_a_kind_is_named_in_words(value, said):
    assert kind(value) == said


@pytest.mark.parametrize(("value", "truth", "brought"), [
    (2, 1, 2), (2.5, 1, 2.5), (np.int64(2), 1, 2), (np.array([2]), 1, 2), (torch.tensor(2), 1, 2),
    (ONE[:1, :1], 1, 1.0),
    ((1, 2), (3, 4), (1, 2)), ([1, 2], (3, 4), (1, 2)), (torch.tensor([1, 2]), (3, 4), (1, 2)), ((1, 2, 3), (3, 4),
    (1, 2, 3)),
    (True, False, True), (np.bool_(True), False, True), (torch.tensor(True), False, True)], ids=str)
def test_what_means_the_same_is_taken(value, truth, brought):
    found = settled(value, truth)
    assert found == brought
    assert type(found) is type(brought)


@pytest.mark.parametrize(("value", "truth", "said"), [
    (1.0, ONE, "a tensor is wanted, but a float came back"),
    (ONE, 1, "a number is wanted, but a tensor came back"),
    (True, 1, "a number is wanted, but True or False came back"),
    ("1", 1, "a number is wanted, but a string came back"),
    (None, 1, r"a number is wanted, but None \(nothing\) came back"),
    (np.ones(0), 1, "a number is wanted, but a NumPy array came back"),
    (1, (1, 2), "2 numbers are wanted, as a tuple, but an int came back"),
    (ONE, (1, 2), "2 numbers are wanted, as a tuple, but a tensor came back"),
    (ONE, (ONE, ONE), "two tensors are wanted, as a tuple, but a tensor came back"),
    ((ONE,), (ONE, ONE), "two tensors are wanted, as a tuple, but a tuple came back"),
    ((ONE,), (ONE, 1), "two tensors are wanted, as a tuple, but a tuple came back"),
    ((ONE, 1), (ONE, ONE), "a tensor is wanted, but an int came back"),
    (1, True, "True or False is wanted, but an int came back"),
    (torch.tensor([True, True]), True, "True or False is wanted, but a tensor came back"),
    (torch.tensor(1), True, "True or False is wanted, but a tensor came back")], ids=str)
def test_anything_else_is_said_to_be_what_it_is(value, truth, said):
    with pytest.raises(TypeError, match=f"^{said}$"):
        settled(value, truth)


# Whether it is right.

@pytest.mark.parametrize(("value", "truth", "equal"), [
    (1, 1, True), (1, 2, False), (2**60 + 1, 2**60, False), (True, True, True), (0.1 + 0.2, 0.3, True),
    (0.3001, 0.3, False),
    (1e-13, 0.0, True), (1e-11, 0.0, False), (1 + 1e-8, 1.0, False), ((1, 2), (1, 2), True), ((1, 2), (1, 3), False),
    ((1, 2, 3), (1, 2), False), (ONE, ONE.double(), True), (ONE + 1e-3, ONE, False), (ONE[None], ONE, False),
    (1, ONE, False),
    (torch.tensor([0.1]), torch.tensor([0.1]).double() * (1 + 1e-8), True), (ONE.long(), ONE, True),
    (ONE * (1 + 1e-3j), ONE, False), (torch.tensor([math.nan]), torch.tensor([1.0]), False)], ids=str)
def test_equal_is_what_rounding_allows(value, truth, equal):
    assert same(value, truth) is equal


def test_a_tensor_may_be_off_by_the_slack_and_no_more():
    assert same(ONE + 0.25, ONE, slack=0.25)
    assert not same(ONE + 0.26, ONE, slack=0.25)
    assert same((ONE + 0.25, ONE), (ONE, ONE), slack=0.25)


def test_the_slack_grows_with_the_products_in_a_sum():
    eps, size = torch.finfo(torch.float32).eps, 16 * math.ceil(math.log2(32 + 1))
    arguments = {"X": torch.ones(2, 4, 4), "K": torch.ones(2, 3, 3), "n": 3, "bias": torch.ones(1000)}
    assert slack(arguments, 18 * ONE, torch.float32) == (18 + 1 + size) * eps * 18
    assert slack({"X": torch.ones(1, 31)}, ONE, torch.float32) == (31 + 1 + 16 * 5) * eps
    assert slack({"n": 3}, ONE, torch.float32) == 0


def test_the_largest_element_is_the_largest_of_all():
    assert largest(torch.tensor([1.0, -3.0])) == 3
    assert largest((ONE, 2 * ONE)) == 2
    assert largest(torch.ones(0)) == largest(7) == 0


def test_shapes_are_compared_part_by_part():
    assert shape((ONE, (ONE[0], 3))) == ((2, 2), ((2,), ()))


@pytest.mark.parametrize(("outcome", "truth", "said"), [
    (Outcome(error="ValueError"), ONE, "it stops with an error"),
    (Outcome(1), ONE, "a tensor is wanted, but an int came back"),
    (Outcome(1), 2, "the answer is not right yet"), (Outcome(2), 2, ""),
    (Outcome(ONE[0]), ONE, "the shape is not right yet"),
    (Outcome(2 * ONE), ONE, "the numbers are not right yet"), (Outcome(1.25 * ONE), ONE, "")], ids=str)
def test_a_fault_is_said_in_a_few_words(outcome, truth, said):
    assert fault(outcome, truth, room=0.25) == said


def test_an_answer_is_made_of_tensors_or_not():
    assert contains_tensor(ONE)
    assert contains_tensor((ONE, 1))
    assert not contains_tensor((1, ONE))
    assert not contains_tensor(())


# How it is run.

def test_a_call_keeps_what_was_printed_and_what_was_changed():
    def function(X, n, *, groups):
        print(n, groups)
        X += 1
        return X

    outcome = call(function, {"X": torch.zeros(1), "n": 5, "groups": 2}, keywords=("groups",))
    assert (outcome.value, outcome.printed, outcome.changed, outcome.error) == (torch.ones(1), "5 2\n", ("X",), "")


@pytest.mark.parametrize("other", [torch.zeros(2), torch.zeros(1).double(), torch.zeros(1, device="meta")], ids=str)
def test_an_argument_that_can_no_longer_be_compared_is_changed(other):
    assert call(lambda X: torch.utils.swap_tensors(X, other.clone()), {"X": torch.zeros(1)}).changed == ("X",)


def test_the_arguments_are_copies():
    X = torch.zeros(1)
    call(lambda X: X.add_(1), {"X": X})
    assert X == 0


def test_what_is_not_written_is_told_from_an_error_of_torch():
    def unwritten(X):
        raise NotImplementedError

    def said(X):
        raise NotImplementedError("later")

    assert call(unwritten, {"X": 1}).unwritten
    assert call(said, {"X": 1}).unwritten
    assert not call(lambda X: next(iter(())), {"X": 1}).unwritten
    outcome = call(lambda X: torch.ones(1, device="meta").cpu(), {"X": 1})
    assert outcome.error.startswith("NotImplementedError: Cannot copy")
    assert not outcome.unwritten


@pytest.mark.parametrize(("function", "said"), [
    (lambda: 1, "it cannot be called like this: too many positional arguments"),
    (lambda X, K: 1, "it cannot be called like this: missing a required argument: 'K'"),
    (lambda X: int("x" * 300), "ValueError: invalid literal for int() with base 10: '" + "x" * 159 + " ..."),
    (lambda X: [][0], "IndexError: list index out of range\nin the line: (lambda X: [][0],"),
    (functools.wraps(lambda X, K: 1)(lambda X: [][0]), "IndexError: list index out of range")])
def test_an_error_is_told_in_two_lines(function, said):
    assert call(function, {"X": 1}).error.startswith(said)


def test_what_an_error_says_is_cut_after_200_characters():
    def function(length):
        raise ValueError("x" * length)

    for length, told in ((200, "x" * 200), (201, "x" * 200 + " ...")):
        assert call(function, {"length": length}).error.splitlines()[0] == f"ValueError: {told}"


def test_what_seems_endless_is_stopped():
    def prints(X):
        for _ in range(2 * FLOOD // 1000):  # as good as endless, but the test should end if nothing stops it
            print("x" * 1000)

    def calls(X):
        return calls(X)

    outcome = call(prints, {"X": 1})
    assert outcome.error == "it prints without end, and was stopped"
    assert FLOOD < len(outcome.printed) <= FLOOD + 1002
    assert call(calls, {"X": 1}).error.startswith("it calls itself without end (RecursionError)")


def test_the_line_is_the_learners_own():
    def function():
        raise ValueError(1)  # and then

    with pytest.raises(ValueError, match="1") as caught:
        function()
    assert source_line(caught.value, function) == "\nin the line: raise ValueError(1)  # and then"
    assert source_line(caught.value, len) == ""
    with pytest.raises(statistics.StatisticsError) as caught:
        statistics.mean([])
    assert source_line(caught.value, function) == "\nin the line: statistics.mean([])"


def test_a_long_line_is_cut_after_120_characters(tmp_path):
    path, line = tmp_path / "answer.py", f"raise ValueError  # {'x' * 200}"
    path.write_text(f"def function(X):\n    {line}\n")
    function = runpy.run_path(str(path))["function"]
    assert call(function, {"X": 1}).error == f"ValueError\nin the line: {line[:120]}"


def test_results_come_to_the_cpu_out_of_autograd_and_dense():
    turned = torch.ones(1, dtype=torch.complex64).conj()
    value = read((torch.ones(2, requires_grad=True) * 2, torch.eye(2).to_sparse(), turned, 3))
    assert [value[0].requires_grad, value[1].layout, value[2].is_conj(), value[3]] == [False, torch.strided, False, 3]
    assert type(read([1])) is list


# How it is shown.

@pytest.mark.parametrize(("value", "text"), [
    (56.0, "56"), (True, "True"), ("a", "'a'"), (np.float32(0.5), "0.5"), (np.int64(3), "3"), (1 + 2j, "(1+2j)"),
    (None, "None")])
def test_a_value_is_brief(value, text):
    assert brief(value) == text


def test_whatever_an_object_says_of_itself_can_be_written():
    class Hostile:
        def __repr__(self):
            raise SystemError

    assert safe(Hostile()) == "an object of type Hostile"
    assert safe("x" * 118) == repr("x" * 118)
    assert safe("x" * 119) == "'" + "x" * 119 + " ..."


def test_nested_lists_are_written_as_torch_writes_them():
    assert grid([["1", "2"], ["3", "4"]], indent=2) == "[[1, 2],\n   [3, 4]]"
    assert grid([[["1"]], [["2"]]]) == "[[[1]],\n\n [[2]]]"
    assert grid([]) == "[]"


@pytest.mark.parametrize(("value", "text"), [
    (torch.arange(40), "[" + ", ".join(f"{n:2}" for n in range(40)) + "]"), (torch.ones(41), "(41,) numbers"),
    (torch.ones(0, 2), "no numbers: its shape is (0, 2)"), (torch.tensor(3.0), "3"),
    (torch.tensor([[1, 10]]), "[[ 1, 10]]"),
    ((1, 2.0), "(1, 2)"), ([1] * 8, "(1, 1, 1, 1, 1, 1, 1, 1)"), ([1] * 9, str([1] * 9)),
    ((ONE, torch.tensor(5)), "([[1, 1],\n  [1, 1]],\n 5)"), (torch.Size([2, 3]), "(2, 3)")], ids=str)
def test_a_value_is_shown_for_a_reader(value, text):
    assert show(value) == text


def test_named_values_stand_below_each_other():
    assert shown([("X", ONE), ("want", 3)]) == "X    = [[1, 1],\n        [1, 1]]\nwant = 3"


# The report.

def test_a_finding_is_text_and_page():
    finding = Finding("name", "a < b", "1\n\n2", "Read this. " * 12, Section("groups", "What do groups lose?"))
    assert str(finding).splitlines() == [
        "→ This looks like: a < b", "    1", "", "    2",
        f"  {'Read this. ' * 8}Read this.", f"  {'Read this. ' * 2}Read this.",
        '  Read "What do groups lose?"', f"  {finding.read.url}"]
    page = finding._repr_html_()
    for part in ("<strong>a &lt; b</strong>", "→ This looks like: ", ">1\n\n2</pre>", "Read this. ", finding.read.url):
        assert part in page
    assert "<pre" not in Finding("note", "so")._repr_html_()
    assert "<strong>" not in Finding("note", "so")._repr_html_()
    assert str(Finding("note", "so")) == "· Note: so"
    assert "one<br>two" in Finding("note", "so", hint="one\ntwo")._repr_html_()
    assert str(Finding("note", "so", hint="x" * 50 + " " + "y" * 50)).count("\n") == 2  # 101 are too many for a line


def test_a_report_is_as_true_as_it_passed_and_names_the_first_name():
    findings = (Finding("wrong", "no"), Finding("name", "mean"), Finding("name", "other"))
    assert not Report(False, findings)
    assert Report(True, findings)
    assert Report(False, findings).misconception == "mean"
    assert Report(False, findings[:1]).misconception is None
    assert repr(Report(False, findings)).splitlines() == ["✗ no", "→ This looks like: mean", "→ This looks like: other"]
    assert "solid #3a9a57; " in Report(True, ())._repr_html_()
    assert "solid #c77700; " in Report(False, ())._repr_html_()


@pytest.mark.parametrize("kind", [Section, Finding, Report, Problem, Exercise, Trial, Outcome])
def test_nothing_of_an_answer_can_be_changed(kind):
    assert kind.__dataclass_params__.frozen


def test_an_exercise_is_only_equal_to_itself():
    assert dataclasses.replace(DOUBLE) != DOUBLE
    assert dataclasses.replace(DOUBLE.problems[0]) != DOUBLE.problems[0]


def test_a_contract_is_what_the_docstring_says_in_lines():
    assert EXERCISES["corr2d"].contract == (
        "corr2d(X, K): slide the kernel over the image, and at each place sum window times kernel.\n"
        "Shapes: (h, w), (k_h, k_w) -> (h - k_h + 1, w - k_w + 1).")


def test_a_whole_number_has_no_slack():
    assert expected(DOUBLE, DOUBLE.problems[2]) == (6, 0.0)


@pytest.mark.parametrize(("given", "said"), [(5, "an int"), (ONE, "a tensor")], ids=str)
def test_a_value_is_told_from_a_function(given, said):
    (finding,) = exercises.check_corr2d(given).findings
    assert finding.text == f"The checker needs the function itself, but got {said}."
    assert not exercises.check_corr2d(given).passed


def test_what_only_prints_has_not_passed():
    report = exercises.check_corr2d(lambda X, K: print("here"))
    assert report.findings[0].text == "Your function prints something, but returns nothing."
    assert not report.passed


def test_what_is_to_be_written_is_said_in_two_parts():
    (finding,) = exercises.check_corr2d(None).findings
    what, more = EXERCISES["corr2d"].contract.split("\n", 1)
    assert (finding.text, finding.hint) == (f"Not yet. Write {what}", more)


def test_where_nothing_is_right_or_known_only_the_fault_is_shown():
    (finding,) = exercises.check_corr2d(lambda X, K: "seven").findings
    assert finding.kind == "wrong"
    assert finding.read


def test_a_coroutine_is_named():
    async def function():
        pass

    coroutine = function()
    coroutine.close()
    assert kind(coroutine) == "a coroutine (from async)"


# What is said of it: a function of one number is to double it.

DOUBLE = Exercise("double", "double(n)", lambda n: 2 * n, made("small numbers", "n", (1,), (2,), (3,), (4,)))


def tried(function, *numbers, exercise=DOUBLE):
    return [attempt(function, problem, exercise) for problem in made("small numbers", "n", *((n,) for n in numbers))]


def stops_at_three(n):
    return n + 2 if n < 3 else [][n]


@pytest.mark.parametrize(("function", "wrong", "numbers", "explained"), [
    (lambda n: n + 2, lambda n: n + 2, (1, 2, 3, 4), 3),  # at 2 it is right
    (lambda n: n + 2, lambda n: n + 2, (1, 2), 0),  # one agreement is chance
    (lambda n: n + 2, lambda n: n + 2, (1, 3), 2),
    (lambda n: n + 2 + (n == 4), lambda n: n + 2, (1, 2, 3, 4), 0),  # another fault at 4
    (lambda n: n + 2 if n != 3 else 6, lambda n: n + 2, (1, 2, 3, 4), 0),  # right at 3
    (lambda n: n + 3, lambda n: n + 2, (1, 2, 3, 4), 0),  # wrong at 2
    (stops_at_three, stops_at_three, (-1, 0, 1, 3, 4), 5),
    (stops_at_three, stops_at_three, (2, 3, 4), 0),
    (lambda n: 2 * n if n < 3 else [][n], lambda n: 2 * n if n < 3 else [][n], (1, 2, 3, 4), 2),
    (lambda n: 2 * n if n < 3 else [][n], lambda n: 2 * n if n < 3 else [][n], (1, 2, 3), 0),
    (lambda n: 2 * n if n < 3 else 0, lambda n: 2 * n if n < 3 else [][n], (1, 2, 3, 4), 0),  # it does not stop
    (lambda n: n + 2 if n < 3 else 0, stops_at_three, (-1, 0, 3, 4, 5), 0),  # less than half of the faults
    (lambda n: n + 2 if n < 3 else 0, stops_at_three, (-1, 0, 3, 4), 2),
    (lambda n: n + 2 if n < 3 else 0, stops_at_three, (-2, -1, 0, 3, 4, 5), 3),
])
def test_a_wrong_function_explains_another_if_it_contradicts_nothing(function, wrong, numbers, explained):
    assert explains(tried(function, *numbers), wrong, DOUBLE) == explained


@pytest.mark.parametrize(("stages", "keywords", "name"), [
    ([(1, 3), (4, 5)], ("n",), "adds two"), ([(1, 3), (4, 5)], (), "adds two"),
    ([(1, 3), (4, 9)], ("n",), "adds two"), ([(1, 3), (4, 9)], (), None),  # at 9 it does something else
    ([(2,), (1, 3), (9,)], ("n",), "adds two"), ([(1,), (9,)], ("n",), None)])
def test_a_layer_is_explained_as_far_as_it_can_be(stages, keywords, name, monkeypatch):
    monkeypatch.setattr(recognise, "wrongs", lambda name: [("adds two", lambda n: n + 2)])
    exercise = dataclasses.replace(DOUBLE, keywords=keywords)
    problems = [problem for stage, numbers in enumerate(stages) for problem in made(stage, "n", *zip(numbers))]
    trials = [attempt(lambda n: n + 2 if n < 9 else 0, problem, exercise) for problem in problems]
    assert recognise.recognised(trials, exercise) == name


@pytest.mark.parametrize(("truth", "theirs", "value", "agreed"), [
    (4, 8, 8.9, True), (4, 8, 9.1, False), (4, 4, 4.4, True), (4, 4, 4.75, False), (4, 2, 2.4, True),
    (0, 4, 5.5, True)])
def test_the_room_grows_with_the_size_of_the_wrong_answer(truth, theirs, value, agreed):
    trial = Trial(None, truth * ONE, 0.5, Outcome(value * ONE), "the numbers are not right yet")
    assert agree(trial, theirs * ONE) == agreed


def test_a_larger_answer_may_be_rounded_by_more():
    exercise = Exercise("same", "same(X)", lambda X: X, ())
    (problem,) = made("", "X", (ONE,))
    trial = dataclasses.replace(attempt(lambda X: 100 * X + 0.5, problem, exercise), slack=0.01)
    assert agree(trial, 100 * ONE)
    assert not agree(trial, 10 * ONE)
    assert not agree(dataclasses.replace(trial, slack=0.001), 100 * ONE)
    assert not agree(trial, 100 * ONE[0])
    assert not agree(trial, "a string")


def test_what_is_right_so_far_comes_first_and_then_the_smallest_fault():
    trials = [*tried(lambda n: 2 * n, 1, 2), *(
        attempt(lambda n: 0, problem, DOUBLE) for problem in made("large numbers", "n", (300,), (200,)))]
    right, wrong = progress(trials)
    assert str(right) == "✓ Right so far: small numbers."
    assert str(wrong).splitlines() == [
        "✗ Large numbers: the answer is not right yet.", "    n      = 300", "    yours  = 0", "    wanted = 600"]
    (all_right,) = progress(trials[:2])
    assert str(all_right) == "✓ Right: small numbers."
    (all_right,) = progress([*trials[:2], attempt(lambda n: 2 * n, *made("large numbers", "n", (300,)), DOUBLE)])
    assert str(all_right) == "✓ Right: small numbers, large numbers."
    (nothing,) = progress(trials[2:])
    assert nothing.kind == "wrong"


def test_of_a_large_answer_the_first_difference_is_shown():
    truth, value = torch.zeros(3, 4), torch.zeros(3, 4)
    value[1, 2], value[2, 0] = 5, 6
    trial = Trial(None, truth, 0.5, Outcome(value), "the numbers are not right yet")
    assert first_difference(trial) == [("yours[1, 2]", 5.0), ("wanted[1, 2]", 0.0)]
    both = Trial(None, (truth, truth), 0.5, Outcome((truth, value)), "the numbers are not right yet")
    assert first_difference(both) == [("yours[1, 2]", 5.0), ("wanted[1, 2]", 0.0)]
    value[0, 1] = 0.5  # within the slack
    assert first_difference(trial)[0][0] == "yours[1, 2]"
    assert first_difference(dataclasses.replace(trial, truth=truth + 5, outcome=Outcome(truth + 5 + value))) == [
        ("yours[1, 2]", 10.0), ("wanted[1, 2]", 5.0)]


def test_beside_an_error_stands_what_was_wanted():
    (found,) = progress(tried(lambda n: [][n], 1))
    assert (found.numbers, found.hint.split(":")[0]) == ("n      = 1\nwanted = 2", "IndexError")


@pytest.mark.parametrize(("truth", "value", "cut"), [
    (torch.ones(40), torch.zeros(40), False), (torch.ones(41), torch.zeros(41), True),
    (torch.ones(41), torch.zeros(42), False)], ids=["few numbers", "many numbers", "another shape"])
def test_a_large_answer_with_wrong_numbers_is_cut_to_the_first(truth, value, cut):
    (problem,) = made("large images", "X", (ONE,))
    trial = Trial(problem, truth, 0.5, Outcome(value), fault(Outcome(value), truth, 0.5))
    finding = faulty("large images", trial)
    assert (finding.kind, finding.text) == ("wrong", f"Large images: {trial.fault}.")
    assert ("yours[0]" in finding.numbers) == cut
    assert ("yours has shape" in finding.numbers) == (len(value) != len(truth))


def test_a_check_of_the_channels_is_missed_where_a_tensor_comes_back_and_only_there():
    exercise = EXERCISES["corr2d_multi_in"]

    def right(X, K, otherwise=None):
        return d2lconv.corr2d_multi_in(X, K) if len(X) == len(K) else otherwise

    assert unchecked(right, exercise) == ()
    answers = "it answers for X of shape (3, 4, 4) and K of shape (2, 2, 2), where no answer is right"
    assert unchecked(lambda X, K: right(X, K, torch.zeros(2, 2)), exercise) == (
        Finding("note", f"{answers}.", hint=UNCHECKED.hint, read=UNCHECKED.read),)
    assert unchecked(lambda X, K: sum(map(d2lconv.corr2d, X, K)), exercise) == (
        Finding("note", f"{answers} ({ZIP.name}).", hint=ZIP.hint, read=ZIP.read),)


@pytest.mark.parametrize(("value", "said"), [
    (WIDE, None), (ONE, "float64 went in, float32 came out."), ((ONE, WIDE), "float64 went in, float32 came out."),
    (WIDE + 0.75 * 2**-30, None), (WIDE + 1.5 * 2**-30, "float64 went in and came out, but was rounded on the way."),
    (WIDE > 0, None)])
def test_what_a_right_function_loses_is_noted(value, said):
    exercise = Exercise("pair", "pair(X, K)", lambda X, K: X, ())
    (problem,) = made("", "X K", (WIDE, ONE))
    truth = (WIDE, WIDE) if isinstance(value, tuple) else WIDE
    found = notes(None, exercise, [Trial(problem, truth, 0.5, Outcome(value), "")])  # 2**-29 of the slack are left
    assert [(note.kind, note.text) for note in found] == ([("note", said)] if said else [])


@pytest.mark.parametrize(("wrong", "said"), [(False, "The result is right, but your"), (True, "Besides, your")])
def test_an_argument_that_is_changed_is_named(wrong, said):
    trial = attempt(lambda X: X.add_(1), *made("", "X", (ONE,)), Exercise("", "", lambda X: X + 1, ()))
    assert in_place(trial, wrong)[0].text == f"{said} function changes X, which belongs to the caller."


def test_a_list_of_right_numbers_is_told_from_wrong_ones():
    trial = Trial(None, ONE, 0.0, Outcome([[1, 1], [1, 1]]), "a tensor is wanted, but a list came back")
    assert wrong_type(trial).startswith("The numbers are right: make a tensor of them")
    for other in ([[1, 1], [1, 2]], "text", ONE):
        assert wrong_type(dataclasses.replace(trial, outcome=Outcome(other))) == ""


def test_what_was_printed_is_cut_after_five_lines():
    assert first_lines("1\n2\n3\n4\n5") == "1\n2\n3\n4\n5"
    assert first_lines("1\n2\n3\n4\n5\n6") == "1\n2\n3\n4\n5\n..."
    assert first_lines("x" * 101) == "x" * 100
    assert printed(Outcome(printed=" a \n")) == "\nprinted on the way:\na"
    assert printed(Outcome(printed=" \n")) == ""


def test_how_much_there_is_to_read():
    assert size(Problem("", {"X": torch.ones(2, 3), "n": 4})) == 7
    assert total((ONE, 3)) == 5
