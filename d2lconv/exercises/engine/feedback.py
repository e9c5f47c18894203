"""Say what was found, in the order in which a learner builds a function."""

import itertools

import torch

from d2lconv.exercises.engine.binding import bound
from d2lconv.exercises.engine.exercise import Problem
from d2lconv.exercises.engine.report import Finding
from d2lconv.exercises.engine.sandbox import call
from d2lconv.exercises.engine.show import SHOWN, table
from d2lconv.exercises.engine.trial import Fault, attempt, expected, half, has_tensor, judged
from d2lconv.exercises.engine.values import allclose, coerce, shape, stacked, tolerance

KEEP = "torch.zeros(...) makes float32 whatever comes in; X.new_zeros(...) keeps what X has."
HALVES = "float16 keeps three digits and bfloat16 two: leave X and K as they come, and convert neither."
STACK = "The numbers are right, but in a list: torch.stack makes one tensor of a list of tensors."
RIGHT_NUMBERS = "The numbers are right: make a tensor of them, with torch.as_tensor."


def first_lines(text, most=5):
    """The first lines of what was printed.

    >>> first_lines("1\\n2\\n3", most=2)
    '1\\n2\\n...'
    """
    lines = [line[:100] for line in text.strip().splitlines()]
    more = ["..."] if len(lines) > most else []
    return "\n".join(lines[:most] + more)


def progress(trials, exercise):
    """Say what is right so far, stage by stage, and show the smallest problem of the first that is not."""
    stages = {}
    for trial in trials:
        stages.setdefault(trial.problem.stage, []).append(trial)
    right = list(itertools.takewhile(lambda stage: not any(t.fault for t in stages[stage]), stages))
    faults = {trial.fault for trial in trials}
    shapes_right = has_tensor(trials[0].truth) and faults <= {None, Fault.NUMBERS}
    named = ["every shape"] * shapes_right + right
    if len(right) == len(stages):
        return (Finding("right", f"Right: {', '.join(named)}."),)
    found = (Finding("right", f"Right so far: {', '.join(named)}."),) if named else ()
    stage = list(stages)[len(right)]
    worst = min((t for t in stages[stage] if t.fault), key=lambda t: t.problem.size)
    return (*found, faulty(stage, worst))


def faulty(stage, trial):
    """Show a problem, what came out, and what should have."""
    title = f"{stage[0].upper()}{stage[1:]}: {trial.told}."
    rows = list(trial.problem.arguments.items())
    printed = first_lines(trial.outcome.printed)
    after = f"\nprinted on the way:\n{printed}" if printed else ""
    if trial.outcome.stop:
        numbers = table([*rows, ("wanted", trial.truth)])
        return Finding("wrong", title, numbers + after, trial.outcome.error)
    if trial.fault == Fault.NUMBERS and total(trial.truth) > SHOWN:
        return Finding("wrong", title, table([*rows, *first_difference(trial)]) + after)
    if trial.fault == Fault.SHAPE:
        rows += [("yours has shape", shape(coerce(trial.outcome.value, trial.truth))),
                 ("wanted is shape", shape(trial.truth))]
    rows += [("yours", trial.outcome.value), ("wanted", trial.truth)]
    return Finding("wrong", title, table(rows) + after, wrong_type(trial))


def total(value):
    """How many numbers an answer has."""
    if isinstance(value, tuple):
        return sum(map(total, value))
    return value.numel() if isinstance(value, torch.Tensor) else 1


def first_difference(trial):
    """Where a large answer first differs."""
    value, truth = coerce(trial.outcome.value, trial.truth), trial.truth
    if isinstance(truth, tuple):
        part = next(i for i, (v, t) in enumerate(zip(value, truth)) if not allclose(v, t, trial.tolerance))
        value, truth = value[part], truth[part]
    wrong = ~((value.to(torch.complex128) - truth.double()).abs() <= trial.tolerance)
    where = tuple(wrong.nonzero()[0].tolist())
    at = f"[{', '.join(map(str, where))}]"
    return [(f"yours{at}", value[where].item()), (f"wanted{at}", truth[where].item())]


def wrong_type(trial):
    """If only the type is wrong, say that the numbers are right, and how to make a tensor of them."""
    value = stacked(trial.outcome.value)
    if trial.fault != Fault.TYPE or value is None or not isinstance(trial.truth, torch.Tensor):
        return ""
    if not allclose(value, trial.truth, trial.tolerance):
        return ""
    of_tensors = isinstance(trial.outcome.value[0], torch.Tensor)
    return STACK if of_tensors else RIGHT_NUMBERS


def in_place(outcome, also_wrong, misconception):
    """Tell that an argument was changed."""
    name, before = next(iter(outcome.changed.items()))
    beginning = "Besides, " if also_wrong else "The result is right, but "
    text = f"{beginning}your function changes {name}, which belongs to the caller."
    return (
        Finding("wrong", text, table([(f"{name} before", before)])),
        Finding("name", misconception.name, hint=misconception.hint, read=misconception.read),
    )


def leaked(trials):
    """Note what a function changes outside of itself."""
    names = list(dict.fromkeys(name for trial in trials for name in trial.outcome.leaked))
    if not names:
        return ()
    text = f"it changes {' and '.join(names)}, for everything that runs after it; the checker has put that back."
    return (Finding("note", text, hint="A function should leave what is around it as it was."),)


def notes(function, exercise, trials):
    """What a right function loses: digits, a check of the channel counts."""
    if not has_tensor(trials[0].truth):
        return ()
    low = [half(trial.outcome.value) for trial in trials]
    if any(low):
        found = Finding("note", f"float32 went in, {name_of(next(filter(None, low)))} came out.", hint=HALVES)
        return (found, *unchecked(function, exercise))
    return (*in_double(function, exercise, trials[-1]), *unchecked(function, exercise))


def name_of(dtype):
    """A dtype without torch's name before it."""
    return str(dtype).removeprefix("torch.")


def in_double(function, exercise, trial):
    """Note what becomes of float64, which no stage asks for."""
    arguments = {
        name: value.double() if isinstance(value, torch.Tensor) else value
        for name, value in trial.problem.arguments.items()
    }
    again = attempt(function, Problem("float64", arguments), exercise, seconds=2.0)
    value = again.outcome.value
    value = value[0] if isinstance(value, tuple) and value else value
    if again.outcome.stop:
        text = "float64 went in, and met a float32 that the function makes: it stops. (float32 is right.)"
        return (Finding("note", text, hint=f"{again.outcome.error}\n{KEEP}"),)
    if not isinstance(value, torch.Tensor):
        return ()
    if value.dtype != torch.float64:
        return (Finding("note", f"float64 went in, {name_of(value.dtype)} came out.", hint=KEEP),)
    exact = allclose(coerce(again.outcome.value, again.truth), again.truth, again.tolerance * 2.0**-29)
    text = "float64 went in and came out, but was rounded on the way."
    return () if exact else (Finding("note", text, hint=KEEP),)


def unchecked(function, exercise):
    """Note that a function answers where the channel counts differ, and whether it cut channels off."""
    if not exercise.mismatch:
        return ()
    arguments = exercise.mismatch.arguments
    function = exercise.adapt(function)
    outcome = call(function, *bound(function, exercise, arguments), seconds=2.0)
    if outcome.stop or not isinstance(outcome.value, torch.Tensor):
        return ()
    shapes = " and ".join(f"{name} of shape {tuple(value.shape)}" for name, value in arguments.items())
    truth, terms = expected(exercise, exercise.cut)
    fault, _ = judged(outcome, truth, tolerance(arguments, terms))
    known = exercise.unchecked if fault else exercise.truncated
    what = "" if fault else f" ({known.name})"
    text = f"it answers for {shapes}, where no answer is right{what}."
    return (Finding("note", text, hint=known.hint, read=known.read),)
