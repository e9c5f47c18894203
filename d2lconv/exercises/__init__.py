"""Checkers for the exercises: each takes a learner's function, and answers with a `Report` that reads well.

>>> from d2lconv import exercises
>>> exercises.check_corr2d_multi_in(lambda X, K: ...)
… Not yet. Write corr2d_multi_in(X, K): correlate each channel with its slice of the kernel, and add up.
  Shapes: (c_i, h, w), (c_i, k_h, k_w) -> (h - k_h + 1, w - k_w + 1).
  Read "How to write a convolution with multiple input channels in Python"
  https://your_name.github.io/d2lconv/input_channels.html#how-to-write-a-convolution-with-multiple-input-channels-in-python

There is a ``check_<name>`` for every exercise in `EXERCISES`. It waits 10 seconds for one call of your
function, or as many as you say: ``check_corr2d(corr2d, seconds=60)``. An endless loop ends with a report.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import torch

from d2lconv.exercises.engine.check import checker
from d2lconv.exercises.engine.exercise import EXERCISES, Wrong
from d2lconv.exercises.engine.report import Finding, Misconception, Report

with torch.device("cpu"):  # where the problems are made, whatever the default is
    from d2lconv.exercises.tasks import counts, equality, kernels, layers  # noqa: F401  (they register)

if TYPE_CHECKING:
    class Checker(Protocol):
        def __call__(self, function: Callable[..., Any], seconds: float = ...) -> Report: ...

    def __getattr__(name: str) -> Checker: ...

globals().update({f"check_{name}": checker(exercise) for name, exercise in EXERCISES.items()})
__all__ = ["EXERCISES", "Finding", "Misconception", "Report", "Wrong", "wrong_answers"]
__all__ += [f"check_{name}" for name in EXERCISES]


def wrong_answers(name: str) -> tuple[Wrong, ...]:
    """Return the known wrong answers to an exercise, each with its ``misconception`` and its ``function``.

    Those that take one side for another, the same dozens in every exercise, are not among them.

    >>> wrong_answers("corr2d_multi_in")[0].misconception.name
    'mean instead of sum'
    """
    return tuple(wrong for wrong in EXERCISES[name].wrong if not wrong.about_sides)
