"""Try a function on a problem: what came out, and what is wrong with that."""

import dataclasses

import torch

from d2lconv.exercises.engine.binding import bound
from d2lconv.exercises.engine.exercise import Problem
from d2lconv.exercises.engine.sandbox import Fault, Outcome, call
from d2lconv.exercises.engine.values import allclose, coerce, describe_type, first, has_tensor, largest, shape, stacked

QUICK = 2.0  # seconds for one call that only adds to what is known
HALF_TYPES = torch.float16, torch.bfloat16
LOOP = "Does a loop never end?"
COUNT = "Count, do not compute: a formula of these few numbers is the answer, however large they are."


@dataclasses.dataclass(frozen=True)
class Trial:
    """One problem, what came out, the same as it is compared, and what is wrong with that (None if nothing is)."""

    problem: Problem
    outcome: Outcome
    answer: object = None
    fault: Fault | None = None
    told: str = ""  # what is known of the fault, if more than its name

    @property
    def half(self):
        """The half type of what came out, or None."""
        dtype = getattr(first(self.outcome.value), "dtype", None)
        return dtype if dtype in HALF_TYPES else None

    @property
    def tolerance(self):
        """How far rounding can move what came out."""
        return self.problem.tolerance(self.half)

    def agrees(self, other):
        """Say whether what came out is another answer, too; a larger one may be rounded by more."""
        try:
            tolerance = self.tolerance * max(1.0, largest(other) / (largest(self.problem.truth) or 1.0))
            return shape(self.answer) == shape(other) and allclose(self.answer, other, tolerance)
        except Exception:
            return False


def attempt(function, problem, seconds=QUICK):
    """Run a learner's function on a problem, and return the `Trial`."""
    return judged(problem, run(function, problem, seconds))


def run(function, problem, seconds=QUICK):
    """Run a learner's function on a problem, and return the `Outcome`, with a hint where it does not end."""
    by_position, by_name = bound(function, problem)
    outcome = call(function, by_position, by_name, seconds)
    if outcome.stop == Fault.ENDLESS:
        hint = LOOP if problem.size else COUNT
        outcome = dataclasses.replace(outcome, error=f"{outcome.error}\n{hint}")
    return outcome


def judged(problem, outcome):
    """Compare an outcome with the right answer, and return the `Trial`."""
    if outcome.stop:
        return Trial(problem, outcome, None, outcome.stop)
    truth = problem.truth
    try:
        answer = coerce(outcome.value, truth)
        same_shape = shape(answer) == shape(truth)
        trial = Trial(problem, outcome, answer)
        if same_shape and allclose(answer, truth, trial.tolerance):
            return trial
    except TypeError as error:
        answer = stacked(outcome.value) if isinstance(truth, torch.Tensor) else None
        return Trial(problem, outcome, answer, Fault.TYPE, str(error))
    except Exception:
        told = f"{Fault.UNREADABLE.value}: {describe_type(outcome.value)}"
        return Trial(problem, outcome, None, Fault.UNREADABLE, told)
    fault = Fault.ANSWER if not has_tensor(truth) else Fault.NUMBERS if same_shape else Fault.SHAPE
    return dataclasses.replace(trial, fault=fault)
