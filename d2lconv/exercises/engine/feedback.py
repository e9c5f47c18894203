"""Say what was found, in the order in which a learner builds a function."""

import itertools

import torch

from d2lconv.exercises.engine.binding import bound
from d2lconv.exercises.engine.exercise import Problem
from d2lconv.exercises.engine.report import Finding
from d2lconv.exercises.engine.sandbox import Fault, call
from d2lconv.exercises.engine.show import SHOWN, table
from d2lconv.exercises.engine.trial import Trial, attempt, expected, first, half, has_tensor, judged
from d2lconv.exercises.engine.values import allclose, coerce, shape, tolerance

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
    return "\n".join(lines[:most] + ["..."] * (len(lines) > most))


def progress(trials):
    """Say what is right so far, stage by stage, and show the smallest problem of the first that is not."""
    stages: dict[str, list[Trial]] = {}
    for trial in trials:
        stages.setdefault(trial.problem.stage, []).append(trial)
    right = list(itertools.takewhile(lambda stage: not any(t.fault for t in stages[stage]), stages))
    shapes_right = has_tensor(trials[0].truth) and {trial.fault for trial in trials} <= {None, Fault.NUMBERS}
    named = ", ".join(["every shape"] * shapes_right + right)
    if len(right) == len(stages):
        return (Finding("right", f"Right: {named}."),)
    stage = list(stages)[len(right)]
    smallest = min((t for t in stages[stage] if t.fault), key=lambda t: t.problem.size)
    found = faulty(f"{stage[0].upper()}{stage[1:]}: {smallest.told}.", smallest)
    return (Finding("right", f"Right so far: {named}."), found) if named else (found,)


def faulty(title, trial):
    """Show a problem, what came out, and what should have."""
    rows, value, truth = list(trial.problem.arguments.items()), trial.outcome.value, trial.truth
    if trial.outcome.stop:
        rows += [("wanted", truth)]
    elif trial.fault == Fault.NUMBERS and shown(truth) > SHOWN:
        rows += first_difference(trial)
    else:
        if trial.fault == Fault.SHAPE:
            rows += [("yours has shape", shape(coerce(value, truth))), ("wanted is shape", shape(truth))]
        rows += [("yours", value), ("wanted", truth)]
    printed = first_lines(trial.outcome.printed)
    numbers = table(rows) + (f"\nprinted on the way:\n{printed}" if printed else "")
    hint = trial.outcome.error
    wanted_tensor = trial.fault == Fault.TYPE and isinstance(truth, torch.Tensor)
    if wanted_tensor and allclose(trial.value, truth, trial.tolerance):
        hint = STACK if isinstance(value[0], torch.Tensor) else RIGHT_NUMBERS
    return Finding("wrong", title, numbers, hint)


def shown(value):
    """How many numbers an answer has."""
    return sum(map(shown, value)) if isinstance(value, tuple) else value.numel()


def first_difference(trial):
    """Where a large answer first differs."""
    pairs = [(coerce(trial.outcome.value, trial.truth), trial.truth)]
    if isinstance(trial.truth, tuple):
        pairs = [pair for pair in zip(*pairs[0]) if not allclose(*pair, trial.tolerance)]
    value, truth = pairs[0]
    wrong = ~((value.to(torch.complex128) - truth.double()).abs() <= trial.tolerance)
    where = tuple(wrong.nonzero()[0].tolist())
    at = f"[{', '.join(map(str, where))}]"
    return [(f"yours{at}", value[where].item()), (f"wanted{at}", truth[where].item())]


def named(misconception):
    """Name a misconception."""
    return Finding("name", misconception.name, hint=misconception.hint, read=misconception.read)


def in_place(outcome, also_wrong, misconception):
    """Tell that an argument was changed."""
    name, before = next(iter(outcome.changed.items()))
    beginning = "Besides, " if also_wrong else "The result is right, but "
    text = f"{beginning}your function changes {name}, which belongs to the caller."
    return Finding("wrong", text, table([(f"{name} before", before)])), named(misconception)


def leaked(trials):
    """Note what a function changes outside of itself."""
    names = " and ".join(dict.fromkeys(name for trial in trials for name in trial.outcome.leaked))
    text = f"it changes {names}, for everything that runs after it; the checker has put that back."
    return (Finding("note", text, hint="A function should leave what is around it as it was."),) if names else ()


def notes(function, exercise, trials):
    """What a right function loses: digits, a check of the channel counts."""
    if not has_tensor(trials[0].truth):
        return ()
    low = [dtype for dtype in (half(trial.outcome.value) for trial in trials) if dtype]
    return (*rounded(low[0], "float32", HALVES), *unchecked(function, exercise)) if low else (
        *in_double(function, exercise, trials[-1].problem), *unchecked(function, exercise))


def rounded(dtype, given, hint):
    """Note that a result has fewer digits than what was given."""
    name = str(dtype).removeprefix("torch.")
    return (Finding("note", f"{given} went in, {name} came out.", hint=hint),) if name != given else ()


def in_double(function, exercise, problem):
    """Note what becomes of float64, which no stage asks for."""
    again = attempt(function, problem.changed(torch.Tensor.double), exercise, seconds=2.0)
    if again.outcome.stop:
        text = "float64 went in, and met a float32 that the function makes: it stops. (float32 is right.)"
        return (Finding("note", text, hint=f"{again.outcome.error}\n{KEEP}"),)
    value = first(again.outcome.value)
    if not isinstance(value, torch.Tensor):
        return ()
    exact = allclose(coerce(again.outcome.value, again.truth), again.truth, again.tolerance * 2.0**-29)
    if exact or value.dtype != torch.float64:
        return rounded(value.dtype, "float64", KEEP)
    return (Finding("note", "float64 went in and came out, but was rounded on the way.", hint=KEEP),)


def unchecked(function, exercise):
    """Note that a function answers where the channel counts differ, and whether it cut channels off."""
    if not exercise.mismatch:
        return ()
    function = exercise.adapt(function)
    by_position, by_name = bound(function, exercise, exercise.mismatch)
    outcome = call(function, by_position, by_name, seconds=2.0)
    if outcome.stop or not isinstance(outcome.value, torch.Tensor):
        return ()
    X, K = exercise.mismatch["X"], exercise.mismatch["K"]
    cut = Problem("", {"X": X.narrow(-3, 0, K.shape[-3]), "K": K})
    truth, terms = expected(exercise, cut)
    fault, _ = judged(outcome, truth, tolerance(cut.arguments, terms))
    habits = exercise.habits
    known, what = (habits.unchecked, "") if fault else (habits.cut, f" ({habits.cut.name})")
    shapes = f"X of shape {tuple(X.shape)} and K of shape {tuple(K.shape)}"
    text = f"it answers for {shapes}, where no answer is right{what}."
    return (Finding("note", text, hint=known.hint, read=known.read),)
