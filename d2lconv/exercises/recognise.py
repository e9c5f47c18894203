"""Recognise a misconception by what a function returns, not by how it is written."""

import functools

from d2lconv.exercises.guard import Outcome
from d2lconv.exercises.misconceptions import wrongs
from d2lconv.exercises.trial import answer, fault
from d2lconv.exercises.values import largest, same, settled, shape


def recognised(trials, exercise):
    """Find the misconception whose own wrong implementation explains best what a function did.

    A layer is built option by option: if nothing explains all stages, as many as can be explained count.
    """
    stages = list(dict.fromkeys(trial.problem.stage for trial in trials))
    for length in range(len(stages), 0, -1) if exercise.keywords else [len(stages)]:
        name = best_explanation([t for t in trials if t.problem.stage in stages[:length]], exercise)
        if name:
            return name
    return None


def best_explanation(trials, exercise):
    """Return the misconception with the wrong implementation that explains most, or None."""
    best, name = 0, None
    for misconception, wrong in wrongs(exercise.name):
        explained = explains(trials, wrong, exercise)
        if explained > best:
            best, name = explained, misconception
    return name


def explains(trials, wrong, exercise):
    """Count the faults that a wrong implementation explains; 0 if it contradicts a single one.

    Where the wrong one happens to be right, the function must be; where both return something, it must
    be the same; and both must be wrong together. One case of agreement is chance, and where the wrong one
    cannot go on, anything wrong is allowed: two agreements are asked for, and half of the faults.
    """
    agreed = right = stopped = 0
    for trial in trials:
        theirs = imagined(wrong, trial.problem, exercise)
        if theirs is not None and not fault(Outcome(theirs), trial.truth, trial.slack):
            if trial.fault:
                return 0
            right += 1
        elif not trial.fault:
            return 0
        elif theirs is None:
            stopped += bool(trial.outcome.error)
        elif agree(trial, theirs):
            agreed += 1
        else:
            return 0
    enough = agreed >= 2 or (right >= 2 and stopped >= 2)
    return agreed + stopped if enough and 2 * (agreed + stopped) >= len(trials) - right else 0


@functools.cache
def imagined(wrong, problem, exercise):
    """What a wrong implementation returns, in float64 on the CPU; None where it cannot go on."""
    try:
        return answer(wrong, problem, exercise)
    except Exception:
        return None


def agree(trial, theirs):
    """Say whether what came out is this wrong answer; a larger answer may be rounded by more."""
    try:
        value, theirs = settled(trial.outcome.value, trial.truth), settled(theirs, trial.truth)
        room = trial.slack * max(1.0, largest(theirs) / (largest(trial.truth) or 1.0))
        return shape(value) == shape(theirs) and same(value, theirs, room)
    except Exception:
        return False
