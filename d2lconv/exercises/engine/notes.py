"""Note what a function does besides: what it changes around itself, and what a right one loses."""

import torch

from d2lconv.exercises import misconceptions as of
from d2lconv.exercises.engine.exercise import Problem
from d2lconv.exercises.engine.report import Finding
from d2lconv.exercises.engine.sandbox import Fault
from d2lconv.exercises.engine.trial import attempt, judged, run
from d2lconv.exercises.engine.values import allclose, first, has_tensor

KEEP = "torch.zeros and torch.tensor make float32 whatever comes in; X.new_zeros and X.new_tensor keep what X has."
HALVES = "float16 keeps three digits and bfloat16 two: leave X and K as they come, and convert neither."


def leaks(trials):
    """Note what a function changes outside of itself."""
    leaked = dict.fromkeys(name for trial in trials for name in trial.outcome.leaked)
    if leaked:
        text = f"it changes {' and '.join(leaked)}, for everything that runs after it; the checker has put that back."
        yield Finding("note", text, hint="A function should leave what is around it as it was.")


def losses(function, exercise, trials):
    """Note what a right function loses: digits, a check of the channel counts."""
    if has_tensor(trials[0].problem.truth):
        yield from digits(function, trials)
        if exercise.mismatch:
            yield from channel_counts(function, exercise)


def digits(function, trials):
    """Note that a result has fewer digits than what was given: float32 in the trials, and float64 once more."""
    halves = [trial.half for trial in trials if trial.half]
    if halves:
        yield Finding("note", f"float32 went in, {str(halves[0]).removeprefix('torch.')} came out.", hint=HALVES)
        return
    again = attempt(function, trials[-1].problem.convert(torch.Tensor.double))
    value = first(again.outcome.value)
    if again.outcome.stop == Fault.ENDLESS:  # it had less time than the trials
        return
    if again.outcome.stop:
        text = "float64 went in, and met a float32 that the function makes: it stops. (float32 is right.)"
        yield Finding("note", text, hint=f"{again.outcome.error}\n{KEEP}")
    elif not isinstance(value, torch.Tensor):
        return
    elif value.dtype != torch.float64:
        yield Finding("note", f"float64 went in, {str(value.dtype).removeprefix('torch.')} came out.", hint=KEEP)
    elif not allclose(again.answer, again.problem.truth, again.tolerance * 2.0**-29):
        yield Finding("note", "float64 went in and came out, but was rounded on the way.", hint=KEEP)


def channel_counts(function, exercise):
    """Note that a function answers where the channel counts differ, and whether it cut channels off."""
    outcome = run(function, Problem(exercise, "", exercise.mismatch))
    if outcome.stop or not isinstance(outcome.value, torch.Tensor):
        return
    X, K = exercise.mismatch["X"], exercise.mismatch["K"]
    cut = Problem(exercise, "", {"X": X.narrow(-3, 0, K.shape[-3]), "K": K})
    if judged(cut, outcome).fault:
        known, what = of.UNCHECKED, ""
    else:
        known, what = of.ZIP, f" ({of.ZIP.name})"
    shapes = f"X of shape {tuple(X.shape)} and K of shape {tuple(K.shape)}"
    text = f"it answers for {shapes}, where no answer is right{what}."
    yield Finding("note", text, hint=known.hint, read=known.read)
