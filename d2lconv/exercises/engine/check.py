"""Check a function by what it returns on a family of problems."""

import contextlib
import dataclasses
import inspect
import time

import torch
from torch import nn

from d2lconv.exercises.engine.feedback import first_lines, in_place, leaked, named, notes, progress
from d2lconv.exercises.engine.observe import observed
from d2lconv.exercises.engine.recognise import recognised, remembered
from d2lconv.exercises.engine.report import Finding, Report
from d2lconv.exercises.engine.sandbox import SECONDS, Fault
from d2lconv.exercises.engine.trial import attempt
from d2lconv.exercises.engine.values import describe_type

AFTERWARDS = 2.0  # seconds for all that is tried after the first fault, only to recognise it


def check(function, exercise, seconds=SECONDS):
    """Run a function on the problems of an exercise and return the `Report`."""
    if function is None or function is ... or function is NotImplemented:
        return Report(False, (todo(exercise),))
    if isinstance(function, (type, torch.Tensor)) or is_layer(function, exercise) or not callable(function):
        return Report(False, (no_function(function, exercise),))
    with on_cpu():  # where we compare, whatever the default is; the function has a thread of its own
        trials = tried(function, exercise, seconds)
        outcome = trials[0].outcome
        if outcome.stop == Fault.UNWRITTEN or (not outcome.stop and (outcome.value is None or outcome.value is ...)):
            return Report(False, (nothing(outcome, function) or todo(exercise),))
        return reported(function, exercise, trials)


def on_cpu():
    """Make new tensors on the CPU; where they are made there already, this costs nothing."""
    return contextlib.nullcontext() if torch.get_default_device().type == "cpu" else torch.device("cpu")


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
    found = progress(trials)
    wrong = next((trial for trial in trials if trial.fault), None)
    changed = next((trial.outcome for trial in trials if trial.outcome.changed), None)
    known = recognised(trials, exercise) if wrong else ()
    if wrong and not known and not changed and remembered(function, trials, exercise):
        known = (exercise.habits.remembered,)
    if known:
        found += tuple(map(named, known))
    elif changed:
        found += in_place(changed, bool(wrong), exercise.habits.in_place)
    elif not wrong:
        found += notes(function, exercise, trials)
    else:
        read = exercise.reads.get(wrong.problem.stage, exercise.read)
        found = (*found[:-1], dataclasses.replace(found[-1], hint=found[-1].hint or observed(trials), read=read))
    return Report(not wrong and not changed, (*found, *leaked(trials)))


def no_function(value, exercise):
    """Answer a class, a layer, or a value that came from a call."""
    if isinstance(value, (type, nn.Module)):
        what = "A class" if isinstance(value, type) else "A layer"
        text = f"{what} came, where a function is wanted: {exercise.call}."
        hint = f"Write a function that takes all it needs as arguments:\ndef {exercise.call}:\n    return ..."
        return Finding("wrong", text, hint=hint, read=exercise.read)
    text = f"The checker needs the function itself, but got {describe_type(value)}."
    return Finding("wrong", text, hint=f"Pass its name without calling it: check_{exercise.name}({exercise.name})")


def is_layer(function, exercise):
    """Say whether this is a layer that holds its weights, and so takes less than the exercise gives."""
    forward = function.forward if isinstance(function, nn.Module) else None
    return forward is not None and len(inspect.signature(forward).parameters) < len(exercise.arguments)


def nothing(outcome, function):
    """Tell a function that it prints, or computes, where it should return, if it does."""
    if outcome.stop:
        return None
    if outcome.printed.strip():
        text = "Your function prints something, but returns nothing."
        return Finding("wrong", text, first_lines(outcome.printed), "What is printed is gone: end with return.")
    code = getattr(function, "__code__", None)
    works = code and (code.co_names or code.co_nlocals > len(inspect.signature(function).parameters))
    text = "Your function computes something, but returns nothing."
    return Finding("wrong", text, hint="What it has found is gone: end with return.") if works else None


def todo(exercise):
    """Say what is to be written."""
    what, _, more = exercise.contract.partition("\n")
    text = f"Not yet. Write {exercise.call}: {what[0].lower()}{what[1:]}"
    return Finding("todo", text, hint=more, read=exercise.read)


def checker(exercise):
    """The public checker of an exercise."""
    def check_it(function, seconds=SECONDS):
        return check(function, exercise, seconds)
    check_it.__name__ = check_it.__qualname__ = f"check_{exercise.name}"
    check_it.__module__ = "d2lconv.exercises"
    task = inspect.getdoc(exercise.truth) or ""
    check_it.__doc__ = f"Check ``{exercise.call}``: {task[0].lower()}{task[1:]}"
    return check_it
