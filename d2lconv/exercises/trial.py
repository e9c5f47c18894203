"""Try a function on a problem: the right answer, what came out, and what is wrong with that."""

import dataclasses
import functools

import torch

from d2lconv.exercises.guard import Outcome, call
from d2lconv.exercises.task import Problem
from d2lconv.exercises.values import kind, same, settled, shape, slack


@dataclasses.dataclass(frozen=True)
class Trial:
    """One problem, its right answer, what came out, and what is wrong with that ("" if nothing is)."""

    problem: Problem
    truth: object
    slack: float
    outcome: Outcome
    fault: str


def attempt(function, problem, exercise):
    """Run a function on one problem and find the fault of what comes out, if there is one."""
    truth, room = expected(exercise, problem)
    outcome = call(function, problem.arguments, exercise.keywords)
    return Trial(problem, truth, room, outcome, fault(outcome, truth, room))


@functools.cache
def expected(exercise, problem):
    """The right answer in float64 on the CPU, and how far float32 may be from it."""
    truth = answer(exercise.truth, problem, exercise)
    if not contains_tensor(truth):
        return truth, 0.0
    positive = answer(exercise.truth, problem, exercise, torch.abs)
    return truth, slack(problem.arguments, positive, torch.float32)


def answer(function, problem, exercise, change=lambda tensor: tensor):
    """Call one of our own functions with a problem's arguments, its tensors in float64 on the CPU."""
    wide = {name: change(value.double()) if isinstance(value, torch.Tensor) else value
            for name, value in problem.arguments.items()}
    by_name = {name: wide.pop(name) for name in exercise.keywords if name in wide}
    return function(*wide.values(), **by_name)


def contains_tensor(value):
    """Say whether an answer is made of tensors."""
    return isinstance(value[0] if isinstance(value, tuple) and value else value, torch.Tensor)


def fault(outcome, truth, room):
    """Say in a few words what is wrong with an outcome; "" if nothing is."""
    if outcome.error:
        return "it stops with an error"
    try:
        value = settled(outcome.value, truth)
    except TypeError as error:
        return str(error)
    except Exception:
        return f"what came back cannot be read: {kind(outcome.value)}"
    if not contains_tensor(truth):
        return "" if same(value, truth) else "the answer is not right yet"
    if shape(value) != shape(truth):
        return "the shape is not right yet"
    return "" if same(value, truth, room) else "the numbers are not right yet"
