"""Recognise a misconception by what a function returns, not by how it is written."""

import functools
import itertools

from d2lconv.exercises.engine.exercise import Wrong, changed
from d2lconv.exercises.engine.sandbox import Fault, Outcome, Refusal
from d2lconv.exercises.engine.trial import attempt, judged
from d2lconv.exercises.engine.values import has_tensor, shape

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
        explained = {wrong: explains(tried, wrong.function) for wrong in exercise.wrong}
        best = max(explained, key=lambda wrong: explained[wrong], default=None)
        if best and explained[best]:
            return (best.misconception,)
    return () if exercise.options else pair(trials, exercise.wrong)


def explains(trials, wrong, everything=False):
    """Count the faults that a wrong answer explains; 0 if it contradicts a single one.

    Where the wrong one happens to be right, the function must be; where both return something, it must be the
    same; and both must be wrong together. Where the wrong one stops, the function may stop in the same way, which
    counts, or return something wrong, which does not. One case of agreement is chance: two equal answers are asked
    for, or two equal stops beside two right answers, and half of the faults.
    """
    agreed = right = stopped = 0
    for trial in sorted(trials, key=lambda trial: trial.fault is None):  # what is wrong contradicts soonest
        theirs = (imagine if everything else imagined)(wrong, trial.problem)  # two together are not met again
        if bool(theirs.fault) != bool(trial.fault):
            return 0
        if not theirs.fault:
            right += 1
        elif theirs.fault not in STOPPED:
            if not trial.agrees(theirs.answer):
                return 0
            agreed += 1
        elif theirs.fault == trial.fault:
            stopped += 1
        elif trial.fault in STOPPED:
            return 0
    explained, faults = agreed + stopped, len(trials) - right
    if everything:
        return explained if agreed >= 2 and explained == faults else 0
    enough = agreed >= 2 or (right >= 2 and stopped >= 2)
    return explained if enough and explained >= faults / 2 else 0


def pair(trials, wrong):
    """Find two misconceptions at once, which only together explain everything; first what is seen in the smallest."""
    smallest = min((trial for trial in trials if trial.fault), key=lambda trial: trial.problem.size)
    if smallest.outcome.stop:
        return ()
    few = some_of_each(wrong)
    alone = {one: imagined(one.function, smallest.problem) for one in few}
    harmless = {one for one, trial in alone.items() if not trial.fault}
    agreeing = {one for one, trial in alone.items() if trial.fault and smallest.agrees(trial.answer)}
    for one, other in itertools.combinations(few, 2):
        if one.misconception == other.misconception:
            continue  # a second mistake of one kind can undo the first, or make something else of it
        if {one, other} & harmless and not {one, other} & agreeing:
            continue  # what changes nothing here leaves the other as it is alone
        both = changed(other.change, one.function)
        theirs = imagine(both, smallest.problem)
        if smallest.agrees(theirs.answer) and explains(trials, both, everything=True):
            seen_first = sorted((one, other), key=lambda mistake: mistake not in agreeing)
            return tuple(mistake.misconception for mistake in seen_first)
    return ()


def some_of_each(wrong):
    """A few wrong answers of each misconception, without the slow ones."""
    few: list[Wrong] = []
    for one in wrong:
        of_its_kind = [other for other in few if other.misconception == one.misconception]
        if len(of_its_kind) < PER_MISCONCEPTION and not one.about_sides:
            few.append(one)
    return few


def imagine(wrong, problem):
    """Try one of our own wrong answers, in float64 on the CPU, and return the `Trial`."""
    try:
        outcome = Outcome(problem.apply(wrong))
    except Refusal:
        outcome = Outcome(stop=Fault.REFUSED)
    except Exception:
        outcome = Outcome(stop=Fault.ERROR)
    return judged(problem, outcome)


imagined = functools.cache(imagine)


def remembered(function, trials):
    """Say whether a function answers by what it was asked before: with an old answer, or another one than before."""
    wrong = next(trial for trial in trials if trial.fault)
    right = [trial for trial in trials if not trial.fault]
    alike = [trial.problem for trial in right if shapes(trial.problem) == shapes(wrong.problem)]
    if has_tensor(wrong.problem.truth) and any(wrong.agrees(problem.truth) for problem in alike):
        return True
    return bool(right) and attempt(function, right[0].problem).fault not in (None, Fault.ENDLESS)


def shapes(problem):
    """The arguments of a problem, of tensors only their shapes."""
    return [shape(value) or value for value in problem.arguments.values()]
