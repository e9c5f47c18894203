"""Say what was found, in the order in which a learner builds a function."""

import itertools

import torch

from d2lconv.exercises.guard import call
from d2lconv.exercises.misconceptions import IN_PLACE, UNCHECKED, ZIP
from d2lconv.exercises.report import Finding
from d2lconv.exercises.trial import contains_tensor, expected, fault
from d2lconv.exercises.values import largest, same, settled, shape, shown

DTYPE_HINT = "torch.zeros(...) makes float32 whatever comes in; X.new_zeros(...) keeps what X has."


def first_lines(text, most=5):
    """The first lines of what was printed."""
    lines = [line[:100] for line in text.splitlines()]
    return "\n".join([*lines[:most], *(["..."] if len(lines) > most else [])])


def progress(trials):
    """Say what is right so far, stage by stage, and show the smallest problem of the first that is not."""
    stages = {}
    for trial in trials:
        stages.setdefault(trial.problem.stage, []).append(trial)
    right = list(itertools.takewhile(lambda stage: not any(t.fault for t in stages[stage]), stages))
    shapes_right = contains_tensor(trials[0].truth) and not any(
        t.fault and "numbers" not in t.fault for t in trials)
    named = ["every shape"] * shapes_right + right
    if len(right) == len(stages):
        return (Finding("right", f"Right: {', '.join(named)}."),)
    found = (Finding("right", f"Right so far: {', '.join(named)}."),) if named else ()
    stage = list(stages)[len(right)]
    worst = min((t for t in stages[stage] if t.fault), key=lambda t: size(t.problem))
    return (*found, faulty(stage, worst))


def size(problem):
    """How much there is to read in a problem."""
    return sum(value.numel() if isinstance(value, torch.Tensor) else 1 for value in problem.arguments.values())


def faulty(stage, trial):
    """Show a problem, what came out, and what should have."""
    outcome, title = trial.outcome, f"{stage[0].upper()}{stage[1:]}: {trial.fault}."
    pairs = list(trial.problem.arguments.items())
    if outcome.error:
        hint = outcome.error
        return Finding("wrong", title, shown([*pairs, ("wanted", trial.truth)]) + printed(outcome), hint)
    if "numbers" in trial.fault and largest(trial.truth) and total(trial.truth) > 40:
        return Finding("wrong", title, shown([*pairs, *first_difference(trial)]) + printed(outcome))
    pairs += [("yours", outcome.value), ("wanted", trial.truth)]
    if "shape" in trial.fault:
        pairs += [("yours has shape", shape(settled(outcome.value, trial.truth))),
                  ("wanted is shape", shape(trial.truth))]
    return Finding("wrong", title, shown(pairs) + printed(outcome), wrong_type(trial))


def total(value):
    """How many numbers an answer has."""
    return sum(map(total, value)) if isinstance(value, tuple) else value.numel() if isinstance(
        value, torch.Tensor) else 1


def printed(outcome):
    """What the function printed on the way, for the reader who looks for the error by printing."""
    text = outcome.printed.strip()
    return f"\nprinted on the way:\n{first_lines(text)}" if text else ""


def first_difference(trial):
    """Where a large answer first differs."""
    value, truth = settled(trial.outcome.value, trial.truth), trial.truth
    if isinstance(truth, tuple):
        part = next(i for i, (v, t) in enumerate(zip(value, truth)) if not same(v, t, trial.slack))
        value, truth = value[part], truth[part]
    wrong = ~((value.to(torch.complex128) - truth.double()).abs() <= trial.slack)
    where = tuple(wrong.nonzero()[0].tolist())
    at = f"[{', '.join(map(str, where))}]"
    return [(f"yours{at}", value[where].item()),
            (f"wanted{at}", truth[where].item())]


def wrong_type(trial):
    """If only the type is wrong, say that the numbers are right."""
    if not isinstance(trial.truth, torch.Tensor) or isinstance(trial.outcome.value, torch.Tensor):
        return ""
    try:
        value = torch.as_tensor(trial.outcome.value)
        right = same(value, trial.truth, trial.slack)
    except Exception:
        return ""
    return "The numbers are right: make a tensor of them, with torch.stack or torch.as_tensor." if right else ""


def in_place(trial, also_wrong):
    """Tell that an argument was changed."""
    name = trial.outcome.changed[0]
    text = (f"{'Besides, ' if also_wrong else 'The result is right, but '}your function changes {name}, "
            f"which belongs to the caller.")
    return (Finding("wrong", text, shown([(f"{name} before", trial.problem.arguments[name])])),
            Finding("name", IN_PLACE.name, hint=IN_PLACE.hint, read=IN_PLACE.read))


def notes(function, exercise, trials):
    """What a right function loses: the dtype, its accuracy, a check of the channel counts."""
    found = []
    for trial in trials:
        value, given = trial.outcome.value, [
            v for v in trial.problem.arguments.values() if isinstance(v, torch.Tensor)]
        value = value[0] if isinstance(value, tuple) and value else value
        if not given or not isinstance(value, torch.Tensor) or value.dtype == torch.bool:
            continue
        if value.dtype != given[0].dtype:
            lost = str(given[0].dtype).removeprefix("torch."), str(value.dtype).removeprefix("torch.")
            found.append(Finding("note", f"{lost[0]} went in, {lost[1]} came out.", hint=DTYPE_HINT))
            break
        if value.dtype == torch.float64 and not same(
                settled(trial.outcome.value, trial.truth), trial.truth, trial.slack * 2.0**-29):
            found.append(Finding("note", "float64 went in and came out, but was rounded on the way.",
                                 hint=DTYPE_HINT))
            break
    if exercise.mismatch:
        found += unchecked(exercise.adapt(function), exercise)
    return tuple(found)


def unchecked(function, exercise):
    """Note that a function answers where the channel counts differ, and whether it cut channels off."""
    outcome = call(function, exercise.mismatch.arguments, exercise.keywords)
    if outcome.error or not isinstance(outcome.value, torch.Tensor):
        return ()
    shapes = " and ".join(f"{name} of shape {tuple(value.shape)}"
                          for name, value in exercise.mismatch.arguments.items())
    truth, room = expected(exercise, exercise.cut)
    known = UNCHECKED if fault(outcome, truth, room) else ZIP
    what = f" ({ZIP.name})" if known is ZIP else ""
    return (Finding("note", f"it answers for {shapes}, where no answer is right{what}.",
                    hint=known.hint, read=known.read),)
