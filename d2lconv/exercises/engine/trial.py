"""Try a function on a problem: the right answer, what came out, and what is wrong with that."""

import dataclasses
import functools

import torch

from d2lconv.exercises.engine.binding import bound
from d2lconv.exercises.engine.exercise import Problem, answer
from d2lconv.exercises.engine.sandbox import Fault, Outcome, call
from d2lconv.exercises.engine.values import allclose, coerce, describe_type, shape, stacked, tolerance

LOOP = "Does a loop never end?"
COUNT = "Count, do not compute: a product of a few of these numbers is the answer, however large the layer is."


@dataclasses.dataclass(frozen=True)
class Trial:
    """One problem, its right answer, what came out, and what is wrong with that (None if nothing is)."""

    problem: Problem
    truth: object
    tolerance: float
    outcome: Outcome
    fault: Fault | None
    told: str = ""  # the fault in words

    @property
    def value(self):
        """What came out, with lists of tensors made one."""
        together = stacked(self.outcome.value) if isinstance(self.truth, torch.Tensor) else None
        return self.outcome.value if together is None else together


def attempt(function, problem, exercise, seconds):
    """Run a function on one problem and find the fault of what comes out, if there is one."""
    truth, terms = expected(exercise, problem)
    function = exercise.adapt(function)
    by_position, by_name = bound(function, exercise, problem.arguments)
    outcome = call(function, by_position, by_name, seconds=seconds)
    if outcome.stop == Fault.ENDLESS:
        outcome = dataclasses.replace(outcome, error=f"{outcome.error}\n{LOOP if problem.size else COUNT}")
    room = tolerance(problem.arguments, terms, half(outcome.value) or torch.float32)
    fault, told = judged(outcome, truth, room)
    return Trial(problem, truth, room, outcome, fault, told)


def half(value):
    """The half type of an answer, or None."""
    dtype = getattr(first(value), "dtype", None)
    return dtype if dtype in (torch.float16, torch.bfloat16) else None


def first(value):
    """A value, or the first of several."""
    return value[0] if isinstance(value, tuple) and value else value


@functools.cache
def expected(exercise, problem):
    """The right answer in float64 on the CPU, and the same from absolute values; 0 where nothing may be rounded."""
    truth = answer(exercise.truth, problem)
    rounded = has_tensor(truth) and not exercise.exact
    return truth, answer(exercise.truth, problem.changed(torch.abs)) if rounded else 0.0


def has_tensor(truth):
    """Say whether a right answer is made of tensors."""
    return isinstance(first(truth), torch.Tensor)


def judged(outcome, truth, room):
    """Find the fault of an outcome, and say it in a few words; (None, "") if there is none."""
    if outcome.stop:
        return outcome.stop, outcome.stop.value
    try:
        value = coerce(outcome.value, truth)
        if has_tensor(truth) and shape(value) != shape(truth):
            return Fault.SHAPE, Fault.SHAPE.value
        if allclose(value, truth, room):
            return None, ""
    except TypeError as error:
        return Fault.TYPE, str(error)
    except Exception:
        return Fault.UNREADABLE, f"{Fault.UNREADABLE.value}: {describe_type(outcome.value)}"
    fault = Fault.NUMBERS if has_tensor(truth) else Fault.ANSWER
    return fault, fault.value
