"""Say what came where a function is wanted, how far a function has come, and what is wrong first."""

import dis
import inspect
from typing import Any

import torch
from torch import nn

from d2lconv.exercises.engine.report import Finding
from d2lconv.exercises.engine.sandbox import Fault
from d2lconv.exercises.engine.show import SHOWN, table
from d2lconv.exercises.engine.values import describe_type, has_tensor, isclose, shape

ONE_TENSOR = "torch.stack makes one tensor of a list of tensors."
STACK = f"The numbers are right, but in a list: {ONE_TENSOR}"
RIGHT_NUMBERS = "The numbers are right: make a tensor of them, with torch.as_tensor."
ONE_PLACE = "A place for one number gets a whole map: is .sum() missing, or another index?"
ADVICE = {  # for what torch and Python say where a learner's tensors do not fit
    "only one element tensors can be converted": ONE_TENSOR,
    "zero-dimensional tensor": "torch.stack makes one tensor of several numbers; torch.cat puts tensors end to end.",
    "must be tuple of Tensors, not generator": "Give torch.stack a list: square brackets inside of the round ones.",
    "at least 1D": "squeeze takes away every axis of size 1, channels among them: reshape to the axes you want.",
    "match the broadcast shape": ONE_PLACE,
    "number of dimensions in the tensor": ONE_PLACE,
    "cannot be interpreted as an integer": "Divide with //, which gives an integer, not with /.",
    "transpose() takes": "transpose exchanges two axes; permute takes all of them, in their new order.",
    "is ambiguous": "A tensor of several numbers is neither true nor false. For a bias: `bias is not None`.",
    "and 'NoneType'": "Something is None: a bias that is left out, or what a function without return gives.",
    "for ^:": "A power is written **.",
}
WITH_NAMES = {*dis.hasname, *dis.haslocal, *dis.hasfree}  # the steps of a program that read or write a name


def no_function(function, exercise):
    """Answer what is no function: nothing yet, a class, a layer, or what came from a call."""
    if function is None or function is ... or function is NotImplemented:
        return todo(exercise)
    forward = function.forward if isinstance(function, nn.Module) else None
    is_layer = forward and len(inspect.signature(forward).parameters) < len(exercise.arguments)  # it holds its weights
    if isinstance(function, type) or is_layer:
        what = "A layer" if is_layer else "A class"
        text = f"{what} came, where a function is wanted: {exercise.call}."
        hint = f"Write a function that takes all it needs as arguments:\ndef {exercise.call}:\n    return ..."
        return Finding("wrong", text, hint=hint, read=exercise.read)
    if isinstance(function, torch.Tensor) or not callable(function):
        text = f"The checker needs the function itself, but got {describe_type(function)}."
        hint = f"Pass its name without calling it: check_{exercise.name}({exercise.name})"
        return Finding("wrong", text, hint=hint)
    return None


def no_result(function, exercise, trial):
    """Answer a function that is not written yet, or that prints or computes, and returns nothing."""
    outcome = trial.outcome
    if outcome.stop:
        return todo(exercise) if outcome.stop == Fault.UNWRITTEN else None
    if not (outcome.value is None or outcome.value is ...):
        return None
    printed = first_lines(outcome.printed)
    if printed:
        text = "Your function prints something, but returns nothing."
        return Finding("wrong", text, printed, "What is printed is gone: end with return.")
    if not computes(function):
        return todo(exercise)
    text = "Your function computes something, but returns nothing here:"
    hint = "What it has found is gone: end with return, in every branch of an if."
    return Finding("wrong", text, table(trial.problem.arguments.items()), hint)


def computes(function: Any) -> bool:
    """Say whether a function does anything with a name, be it an argument's or one of its own."""
    if hasattr(function, "computes"):  # a grader's, which is in another process
        return bool(function.computes)
    code = getattr(function, "__code__", None)
    return code is not None and any(step.opcode in WITH_NAMES for step in dis.get_instructions(code))


def todo(exercise):
    """Say what is to be written."""
    what, _, more = exercise.contract.partition("\n")
    text = f"Not yet. Write {exercise.call}: {what[0].lower()}{what[1:]}"
    return Finding("todo", text, hint=more, read=exercise.read)


def progress(trials):
    """Say what is right so far, stage by stage, and show the smallest problem of the first that is not."""
    stages = list(dict.fromkeys(trial.problem.stage for trial in trials))
    wrong = [trial for trial in trials if trial.fault]
    first = wrong[0].problem.stage if wrong else None
    right = stages[:stages.index(first)] if wrong else stages
    if has_tensor(trials[0].problem.truth) and all(trial.fault == Fault.NUMBERS for trial in wrong):
        right = ["every shape", *right]
    named = ", ".join(right)
    if not wrong:
        return [Finding("right", f"Right: {named}.")]
    smallest = min((trial for trial in wrong if trial.problem.stage == first), key=lambda trial: trial.problem.size)
    found = [Finding("right", f"Right so far: {named}.")] if named else []
    return [*found, faulty(smallest)]


def faulty(trial):
    """Show a problem, what came out, and what should have."""
    stage, outcome, truth = trial.problem.stage, trial.outcome, trial.problem.truth
    title = f"{stage[0].upper()}{stage[1:]}: {trial.told or trial.fault.value}."
    numbers = table([*trial.problem.arguments.items(), *yours_and_wanted(trial)])
    printed = first_lines(outcome.printed)
    if printed:
        numbers += f"\nprinted on the way:\n{printed}"
    advice = next((advice for said, advice in ADVICE.items() if said in outcome.error), "")
    hint = f"{outcome.error}\n{advice}".strip()
    if trial.fault == Fault.TYPE and trial.agrees(truth):
        innermost = outcome.value[0]
        while isinstance(innermost, (tuple, list)):
            innermost = innermost[0]
        rows = isinstance(innermost, torch.Tensor) and innermost.ndim  # of a list of lists, too
        hint = STACK if rows or isinstance(outcome.value[0], torch.Tensor) else RIGHT_NUMBERS
    return Finding("wrong", title, numbers, hint)


def yours_and_wanted(trial):
    """What came out and what should have, as named values."""
    value, truth = trial.outcome.value, trial.problem.truth
    if trial.outcome.stop:
        return [("wanted", truth)]
    if trial.fault == Fault.NUMBERS and isinstance(truth, torch.Tensor) and truth.numel() > SHOWN:
        wrong = ~isclose(trial.answer, truth, trial.tolerance)
        where = wrong.nonzero()[0].tolist()
        return [(f"{name}{where}", numbers[tuple(where)].item())
                for name, numbers in (("yours", trial.answer), ("wanted", truth))]
    shapes = [("your shape", shape(trial.answer)), ("wanted shape", shape(truth))]
    return [*(shapes if trial.fault == Fault.SHAPE else []), ("yours", value), ("wanted", truth)]


def first_lines(text):
    """The first lines of what was printed.

    >>> first_lines("1\\n2\\n3\\n4\\n5\\n6")
    '1\\n2\\n3\\n4\\n5\\n...'
    """
    lines = [line[:100] for line in text.strip().splitlines()]
    return "\n".join(lines[:5] + ["..."] * (len(lines) > 5))


def named(misconception):
    """Name a misconception."""
    return Finding("name", misconception.name, hint=misconception.hint, read=misconception.read)


def in_place(changed, right):
    """Tell that a function changed an argument, which is shown as it was before."""
    name, before = next(iter(changed.items()))
    beginning = "The result is right, but " if right else "Besides, "
    text = f"{beginning}your function changes {name}, which belongs to the caller."
    return Finding("wrong", text, table([(f"{name} before", before)]))
