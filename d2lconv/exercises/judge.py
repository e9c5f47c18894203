"""Judge a function by what it returns on a family of problems."""

import dataclasses

import torch

from d2lconv.exercises.feedback import first_lines, in_place, notes, progress
from d2lconv.exercises.misconceptions import READ, TOPICS
from d2lconv.exercises.recognise import recognised
from d2lconv.exercises.report import Finding, Report
from d2lconv.exercises.task import EXERCISES
from d2lconv.exercises.trial import attempt
from d2lconv.exercises.values import kind


def judge(function, name):
    """Run a function on every problem of an exercise and return the `Report`."""
    with torch.device("cpu"):  # where we compare, whatever the default is; `call` changes to the learner's
        return judged(function, EXERCISES[name])


def judged(function, exercise):
    """Run a function on every problem of an exercise, one after the other, and put the findings together."""
    early = not_a_function(function, exercise)
    if early is not None:  # a report that has not passed is false
        return early
    trials = []
    for problem in exercise.problems:
        trials.append(attempt(exercise.adapt(function), problem, exercise))
        first = trials[0].outcome
        if first.unwritten or (not first.error and (first.value is None or first.value is ...)):
            return not_yet(trials[0], exercise)
        if "prints without end" in trials[-1].outcome.error:
            break
    findings = progress(trials)
    if all(not trial.fault and not trial.outcome.changed for trial in trials):
        return Report(True, (*findings, *notes(function, exercise, trials)))
    wrong = any(trial.fault for trial in trials)
    known = recognised(trials, exercise) if wrong else None
    changed = next((trial for trial in trials if trial.outcome.changed), None)
    if known:
        findings = (*findings, Finding("name", known.name, hint=known.hint, read=known.read))
    elif changed:
        findings = (*findings, *in_place(changed, wrong))
    else:
        findings = (*findings[:-1], dataclasses.replace(findings[-1], read=READ[TOPICS[exercise.name]]))
    return Report(False, findings)


def not_a_function(function, exercise):
    """Answer what is not a function: an ellipsis is a beginning, a value was called too early."""
    if function is None or function is ... or function is NotImplemented:
        return todo(exercise)
    if not callable(function) or isinstance(function, torch.Tensor):
        return Report(False, (Finding(
            "wrong", f"The checker needs the function itself, but got {kind(function)}.",
            hint=f"Pass its name without calling it: check_{exercise.name}({exercise.name})"),))
    return None


def not_yet(trial, exercise):
    """Answer a function that is not written yet, or that prints where it should return."""
    printed = trial.outcome.printed.strip()
    if printed and not trial.outcome.unwritten:
        return Report(False, (Finding(
            "wrong", "Your function prints something, but returns nothing.", numbers=first_lines(printed),
            hint="What is printed is gone for the caller: end with return."),))
    return todo(exercise)


def todo(exercise):
    """Say what is to be written."""
    what, _, more = exercise.contract.partition("\n")
    return Report(False, (Finding("todo", f"Not yet. Write {what}", hint=more, read=READ[TOPICS[exercise.name]]),))
