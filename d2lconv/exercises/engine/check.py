"""Check a function by what it returns on a family of problems."""

import dataclasses
import inspect
import time

import torch
from torch import nn

from d2lconv.exercises.engine.feedback import first_lines, in_place, leaked, notes, progress
from d2lconv.exercises.engine.recognise import recognised
from d2lconv.exercises.engine.report import Finding, Report
from d2lconv.exercises.engine.sandbox import SECONDS, Stop
from d2lconv.exercises.engine.trial import Fault, attempt
from d2lconv.exercises.engine.values import describe_type

AFTERWARDS = 2.0  # seconds for all that is tried after the first fault, only to recognise it


def check(function, exercise, seconds=SECONDS):
    """Run a function on the problems of an exercise and return the `Report`."""
    early = not_a_function(function, exercise)
    if early is not None:  # a report that has not passed is false
        return early
    with torch.device("cpu"):  # where we compare, whatever the default is; the function has a thread of its own
        trials = tried(function, exercise, seconds)
        first = trials[0].outcome
        if first.stop == Stop.UNWRITTEN or (not first.stop and (first.value is None or first.value is ...)):
            return not_yet(first, exercise)
        return reported(function, exercise, trials)


def tried(function, exercise, seconds):
    """One trial for each problem, in their order; after a fault only while it is quick."""
    trials, until = [], None
    for problem in exercise.problems:
        left = seconds if until is None else min(seconds, until - time.monotonic())
        if left <= 0:
            break
        trials.append(attempt(function, problem, exercise, left))
        if trials[-1].fault == Fault.ENDLESS:
            return trials if until is None else trials[:-1]
        if trials[-1].fault and until is None:
            until = time.monotonic() + AFTERWARDS
    return trials


def reported(function, exercise, trials):
    """Put the findings together."""
    found = progress(trials, exercise)
    wrong = next((trial for trial in trials if trial.fault), None)
    changed = next((trial.outcome for trial in trials if trial.outcome.changed), None)
    if not wrong and not changed:
        return Report(True, (*found, *notes(function, exercise, trials), *leaked(trials)))
    known = recognised(trials, exercise) if wrong else ()
    if known:
        found += tuple(Finding("name", one.name, hint=one.hint, read=one.read) for one in known)
    elif changed:
        found += in_place(changed, bool(wrong), exercise.in_place)
    else:
        read = exercise.reads.get(wrong.problem.stage, exercise.read)
        found = (*found[:-1], dataclasses.replace(found[-1], read=read))
    return Report(False, (*found, *leaked(trials)))


def not_a_function(function, exercise):
    """Answer what is not a function: an ellipsis is a beginning, a value was called too early, a class is a class."""
    if function is None or function is ... or function is NotImplemented:
        return todo(exercise)
    layer = isinstance(function, nn.Module)
    if layer or inspect.isclass(function):
        what = "A layer" if layer else "A class"
        text = f"{what} came, where a function is wanted: {exercise.call}."
        hint = f"Write a function that takes all it needs as arguments:\ndef {exercise.call}:\n    return ..."
        return Report(False, (Finding("wrong", text, hint=hint, read=exercise.read),))
    if not callable(function) or isinstance(function, torch.Tensor):
        text = f"The checker needs the function itself, but got {describe_type(function)}."
        hint = f"Pass its name without calling it: check_{exercise.name}({exercise.name})"
        return Report(False, (Finding("wrong", text, hint=hint),))
    return None


def not_yet(outcome, exercise):
    """Answer a function that is not written yet, or that prints where it should return."""
    if outcome.printed.strip() and not outcome.stop:
        text, hint = "Your function prints something, but returns nothing.", "What is printed is gone: end with return."
        return Report(False, (Finding("wrong", text, first_lines(outcome.printed), hint),))
    return todo(exercise)


def todo(exercise):
    """Say what is to be written."""
    what, _, more = exercise.contract.partition("\n")
    text = f"Not yet. Write {exercise.call}: {what[0].lower()}{what[1:]}"
    return Report(False, (Finding("todo", text, hint=more, read=exercise.read),))


def checker(exercise):
    """The public checker of an exercise."""
    def check_it(function, seconds=SECONDS):
        return check(function, exercise, seconds)
    check_it.__name__ = check_it.__qualname__ = f"check_{exercise.name}"
    check_it.__module__ = "d2lconv.exercises"
    task = inspect.getdoc(exercise.truth)
    check_it.__doc__ = f"Check ``{exercise.call}``: {task[0].lower()}{task[1:]}"
    return check_it
