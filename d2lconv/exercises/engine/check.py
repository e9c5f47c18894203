"""Check a function by what it returns on a family of problems."""

import contextlib
import dataclasses
import inspect
import itertools
import math
import time

import torch

from d2lconv.exercises import misconceptions as of
from d2lconv.exercises.engine.binding import in_order, is_guessed
from d2lconv.exercises.engine.feedback import in_place, named, no_function, no_result, progress
from d2lconv.exercises.engine.notes import leaks, losses
from d2lconv.exercises.engine.observe import observed
from d2lconv.exercises.engine.recognise import recognised, remembered
from d2lconv.exercises.engine.report import Report
from d2lconv.exercises.engine.sandbox import SECONDS, Fault
from d2lconv.exercises.engine.trial import attempt

AFTERWARDS = 2.0  # seconds for all that is tried after the first fault, only to recognise it


def check(function, exercise, seconds=SECONDS):
    """Run a function on the problems of an exercise and return the `Report`."""
    finding = no_function(function, exercise)
    if finding:
        return Report(False, (finding,))
    here = torch.get_default_device().type == "cpu"  # a default that is set makes every call of torch slower
    with contextlib.nullcontext() if here else torch.device("cpu"):  # the function has a thread of its own
        adapted = exercise.adapt(function)
        trials = tried(adapted, exercise.problems, seconds)
        if any(trial.fault for trial in trials) and is_guessed(adapted, exercise):
            as_asked = in_order(adapted)
            again = tried(as_asked, exercise.problems, seconds)
            if reach(again) > reach(trials):
                adapted, trials = as_asked, again
        finding = no_result(function, exercise, trials[0])
        if finding:
            return Report(False, (finding,))
        return reported(adapted, exercise, trials)


def reach(trials):
    """How far a function comes: how many problems until it is wrong, and how many until it stops."""
    right = itertools.takewhile(lambda trial: not trial.fault, trials)
    returned = itertools.takewhile(lambda trial: not trial.outcome.stop, trials)
    return len([*right]), len([*returned])


def tried(function, problems, seconds):
    """One trial for each problem, in their order; after a fault only while it is quick."""
    trials, until = [], math.inf
    for problem in problems:
        left = min(seconds, until - time.monotonic())
        if left <= 0:
            break
        trials.append(attempt(function, problem, left))
        fault = trials[-1].fault
        if fault == Fault.ENDLESS:
            return trials if until == math.inf else trials[:-1]
        if fault:
            until = min(until, time.monotonic() + AFTERWARDS)
    return trials


def reported(function, exercise, trials):
    """Put the findings together."""
    found = progress(trials)
    wrong = next((trial for trial in trials if trial.fault), None)
    changed = next((trial.outcome.changed for trial in trials if trial.outcome.changed), None)
    known = recognised(trials, exercise)
    if wrong and not known and not changed and remembered(function, trials):
        known = (of.REMEMBERED,)
    if known:
        found += map(named, known)
    elif changed:
        found += [in_place(changed, right=not wrong), named(of.IN_PLACE)]
    elif wrong:
        hint = found[-1].hint or observed(trials)
        read = exercise.reads.get(wrong.problem.stage, exercise.read)
        found[-1] = dataclasses.replace(found[-1], hint=hint, read=read)
    else:
        found += losses(function, exercise, trials)
    return Report(not wrong and not changed, (*found, *leaks(trials)))


def checker(exercise):
    """The public checker of an exercise."""
    def check_it(function, seconds=SECONDS):
        return check(function, exercise, seconds)
    check_it.__name__ = check_it.__qualname__ = f"check_{exercise.name}"
    check_it.__module__ = "d2lconv.exercises"
    task = inspect.getdoc(exercise.truth) or ""
    check_it.__doc__ = f"Check ``{exercise.call}``: {task[0].lower()}{task[1:]}"
    return check_it
