"""Recognise a misconception by what a function returns, not by how it is written."""

import collections
import functools
import itertools

from d2lconv.exercises.engine.exercise import answer, changed
from d2lconv.exercises.engine.report import Misconception
from d2lconv.exercises.engine.sandbox import Fault, Outcome, Refusal
from d2lconv.exercises.engine.trial import attempt, expected, has_tensor, judged
from d2lconv.exercises.engine.values import allclose, coerce, largest, shape, tolerance

STOPPED = Fault.ERROR, Fault.REFUSED, Fault.UNWRITTEN
PER_MISCONCEPTION = 3  # of its wrong answers, where two mistakes are put together


def recognised(trials, exercise):
    """Find the misconceptions whose own wrong answer explains best what a function did: none, one or two.

    A layer is built option by option: if nothing explains all stages, as many as can be explained count, but
    not the first alone, where one channel hides how channels are combined. Its mistakes are named one by one.
    """
    stages = list(dict.fromkeys(trial.problem.stage for trial in trials))
    for length in range(len(stages), 1, -1) if exercise.options else [len(stages)]:
        tried = [trial for trial in trials if trial.problem.stage in stages[:length]]
        if not any(trial.fault for trial in tried):
            return ()
        explained = [explains(tried, wrong.function, exercise) for wrong in exercise.wrong]
        if most := max(explained, default=0):
            return (exercise.wrong[explained.index(most)].misconception,)
        if not exercise.options and (found := pair(tried, exercise)):
            return found
    return ()


def remembered(function, trials, exercise):
    """Say whether a function answers by what it was asked before: with an old answer, or another one than before."""
    wrong = next(trial for trial in trials if trial.fault)
    right = [trial for trial in trials if not trial.fault]
    if has_tensor(wrong.truth) and any(
            alike(trial.problem, wrong.problem) and agree(wrong, trial.truth) for trial in right):
        return True
    return bool(right) and attempt(function, right[0].problem, exercise, seconds=2.0).fault is not None


def alike(problem, other):
    """Say whether two problems have tensors of the same shapes, and are equal otherwise."""
    shapes = [[shape(value) or value for value in one.arguments.values()] for one in (problem, other)]
    return shapes[0] == shapes[1]


def pair(trials, exercise):
    """Two misconceptions at once, which only together explain everything."""
    smallest = min((trial for trial in trials if trial.fault), key=lambda trial: trial.problem.size)
    if smallest.outcome.stop:
        return ()
    seen: dict[Misconception, int] = collections.Counter()
    few = []
    for wrong in exercise.wrong:
        seen[wrong.misconception] += 1
        if seen[wrong.misconception] <= PER_MISCONCEPTION and not wrong.simulated:
            few.append(wrong)
    alone = {wrong: imagined(wrong.function, smallest.problem, exercise) for wrong in few}
    agreeing = {wrong for wrong, (value, fault) in alone.items() if fault and agree(smallest, value)}
    harmless = {wrong for wrong, (_, fault) in alone.items() if not fault}
    for one, other in itertools.combinations(few, 2):
        if one.misconception == other.misconception:
            continue  # a second mistake of one kind can undo the first, or make something else of it
        if {one, other} & harmless and not {one, other} & agreeing:
            continue  # what changes nothing here leaves the other as it is alone
        both = changed(other.change, one.function)
        theirs, fault = imagined.__wrapped__(both, smallest.problem, exercise)
        possible = fault not in (None, *STOPPED) and agree(smallest, theirs)
        if possible and explains(trials, both, exercise, everything=True):
            return one.misconception, other.misconception
    return ()


def explains(trials, wrong, exercise, everything=False):
    """Count the faults that a wrong answer explains; 0 if it contradicts a single one.

    Where the wrong one happens to be right, the function must be; where both return something, it must
    be the same; and both must be wrong together. One case of agreement is chance, and where the wrong one
    cannot go on, any error is allowed: two agreements are asked for, and half of the faults.
    """
    agreed = right = stopped = 0
    for trial in sorted(trials, key=lambda trial: trial.fault is None):  # what is wrong contradicts soonest
        theirs, fault = imagined(wrong, trial.problem, exercise)
        if bool(fault) != bool(trial.fault):
            return 0
        if fault is None:
            right += 1
        elif fault in STOPPED:
            if trial.fault in STOPPED and fault != trial.fault:
                return 0
            stopped += fault == trial.fault
        elif agree(trial, theirs):
            agreed += 1
        else:
            return 0
    enough = agreed >= 2 or (right >= 2 and stopped >= 2 and not everything)
    wanted = (len(trials) - right) * (1 if everything else 0.5)
    return agreed + stopped if enough and agreed + stopped >= wanted else 0


@functools.cache
def imagined(wrong, problem, exercise):
    """What a wrong answer returns in float64 on the CPU, and what is wrong with that."""
    try:
        value = answer(wrong, problem)
    except Refusal:
        return None, Fault.REFUSED
    except Exception:
        return None, Fault.ERROR
    truth, terms = expected(exercise, problem)
    return value, judged(Outcome(value), truth, tolerance(problem.arguments, terms))[0]


def agree(trial, theirs):
    """Say whether what came out is this wrong answer; a larger answer may be rounded by more."""
    try:
        value, theirs = coerce(trial.value, trial.truth), coerce(theirs, trial.truth)
        room = trial.tolerance * max(1.0, largest(theirs) / (largest(trial.truth) or 1.0))
        return shape(value) == shape(theirs) and allclose(value, theirs, room)
    except Exception:
        return False
