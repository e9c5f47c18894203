"""What an exercise is: a true function whose docstring is the task, problems in stages, wrong answers."""

import dataclasses
import functools
import inspect
import math
import re
from collections.abc import Callable
from typing import Any

import torch

from d2lconv.exercises.engine.report import Misconception, Section
from d2lconv.exercises.engine.values import has_tensor, largest

EXERCISES: dict[str, "Exercise"] = {}


@dataclasses.dataclass(frozen=True, eq=False)
class Wrong:
    """A wrong answer: its misconception, the change that makes it of a right function, and the wrong function."""

    misconception: Misconception
    change: Callable[..., Any]
    function: Callable[..., Any]

    @property
    def about_sides(self):
        """Whether it takes one side for another, as dozens do in every exercise that has windows."""
        return getattr(self.change, "about_sides", False)


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """Arguments by name, in their order, and the stage of building at which they are first right."""

    exercise: "Exercise"
    stage: str
    arguments: dict[str, Any]

    @property
    def tensors(self):
        """Those of the arguments that are tensors."""
        return {name: value for name, value in self.arguments.items() if isinstance(value, torch.Tensor)}

    @property
    def size(self):
        """How much there is to read in it."""
        return sum(tensor.numel() for tensor in self.tensors.values())

    def convert(self, change):
        """Return the same problem with other tensors."""
        changed = {name: change(tensor) for name, tensor in self.tensors.items()}
        return Problem(self.exercise, self.stage, {**self.arguments, **changed})

    def apply(self, function):
        """Return what one of our own functions answers, in float64 on the CPU."""
        return function(**self.convert(torch.Tensor.double).arguments)

    @functools.cached_property
    def truth(self):
        """The right answer."""
        return self.apply(self.exercise.truth)

    @functools.cached_property
    def scale(self):
        """The largest element of the right answer from absolute values; 0 where nothing may be rounded."""
        if self.exercise.exact or not has_tensor(self.truth):
            return 0.0
        return largest(self.convert(torch.abs).apply(self.exercise.truth))

    def tolerance(self, half=None):
        """How far rounding can move a result: the bound of the summed products, for any order and algorithm.

        With ``m`` products in a sum, ``a`` the unit roundoff, and ``scale`` the largest sum of absolute values,
        ``|Y - Y_ref| <= 2 * m * a * scale``. Transforms (FFT, Winograd) move all of a result by a multiple of its
        largest element, which grows with the logarithm of the size: hence the maximum, and the second part of
        ``m``. Half types must accumulate in float32: their bound is 9 of their own units.
        """
        sizes = [tensor.numel() for tensor in self.tensors.values() if tensor.ndim > 1]
        if not sizes:
            return 0.0
        if half:
            return 9 * torch.finfo(half).eps * self.scale
        m = min(sizes) + 1 + 16 * math.ceil(math.log2(max(sizes) + 1))
        return m * torch.finfo(torch.float32).eps * self.scale


@dataclasses.dataclass(frozen=True, eq=False)
class Exercise:
    """What is asked of a function, and what it is compared with.

    ``stages`` are tuples of arguments; a dictionary at the end of a tuple holds options by name. ``reads`` says
    where to read about a stage, if not where ``read`` says. ``options`` are passed by name. ``adapt`` makes of a
    learner's function, which is called as ``written``, the one that is compared. ``mismatch`` are arguments whose
    channel counts differ. Where numbers are only moved, the answer is ``exact``. ``changes`` are misconceptions, each
    with the changes that it may make of a right function.
    """

    truth: Callable[..., Any]
    stages: dict[str, list[tuple[Any, ...]]]
    read: Section
    changes: tuple[tuple[Any, ...], ...]
    reads: dict[str, Section] = dataclasses.field(default_factory=dict)
    options: tuple[str, ...] = ()
    written: str = ""
    adapt: Callable[..., Any] = lambda function: function
    mismatch: dict[str, torch.Tensor] | None = None
    exact: bool = False

    @property
    def name(self):
        """The name that the learner's function has."""
        return self.truth.__name__

    @functools.cached_property
    def arguments(self):
        """The parameters of the right function, by name."""
        return inspect.signature(self.truth).parameters

    @property
    def call(self):
        """How a call is written, as ``corr2d(X, K)``."""
        return self.written or f"{self.name}{inspect.signature(self.truth)}"

    @property
    def contract(self):
        """The task and the shapes, a paragraph in a line."""
        paragraphs = (inspect.getdoc(self.truth) or "").replace("``", "").split("\n\n")
        return "\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)

    @functools.cached_property
    def problems(self):
        """All problems, stage by stage."""
        made = []
        for stage, several in self.stages.items():
            for given in several:
                *values, options = given if isinstance(given[-1], dict) else (*given, {})
                arguments = {**dict(zip(self.arguments, values)), **options}
                made.append(Problem(self, stage, arguments))
        return tuple(made)

    @functools.cached_property
    def wrong(self) -> tuple[Wrong, ...]:
        """The wrong answers, those first that are preferred where two explain the same.

        Of counts, which cost nothing, only those that are wrong, and not as one before: a rule may make others.
        """
        made = [
            Wrong(misconception, change, changed(change, self.truth))
            for misconception, *changes in self.changes for change in changes]
        if any(problem.size for problem in self.problems):
            return tuple(made)
        by_results: dict[str, Wrong] = {}
        for wrong in made:
            by_results.setdefault(self.results(wrong.function), wrong)
        by_results.pop(self.results(self.truth), None)
        return tuple(by_results.values())

    def results(self, function):
        """What a function of ours answers to every problem, as text."""
        made = []
        for problem in self.problems:
            try:
                made.append(repr(problem.apply(function)))
            except ArithmeticError:
                made.append("nothing")
        return "; ".join(made)


def call_by_name(function, known):
    """Call a function of ours with those of the known things that its parameters name."""
    return function(**{name: known[name] for name in names_of(function) if name in known})


@functools.cache
def names_of(function):
    """The names of the parameters of a function of ours."""
    return tuple(inspect.signature(function).parameters)


def changed(change, truth):
    """Make of a right function a wrong one, which takes the same arguments.

    The change names what it needs: arguments, ``given`` for all of them, the right result ``Y``, and ``f``, the right
    function, which takes what is given unless it is called with something else.

    >>> changed(lambda Y, n: Y + n, lambda n: 2 * n)(3)
    9
    """
    signature, needed = inspect.signature(truth), names_of(change)

    @functools.wraps(truth)
    def function(*by_position, **by_name):
        bound = signature.bind(*by_position, **by_name)
        bound.apply_defaults()
        given = bound.arguments
        f = functools.partial(truth, **given)
        result = {"Y": f()} if "Y" in needed else {}
        return call_by_name(change, {**given, "given": given, "f": f, **result})
    return function


def axes(truth):
    """The names of the axes that a docstring's line of shapes gives to each argument and to the result.

    >>> def f(X, n): "Shapes: ``(c, h - 1), n -> (h,)``."
    >>> axes(f)
    {'X': ('c', 'h - 1'), 'return': ('h',)}
    """
    line = re.search(r"Shapes: ``(.*?)``", inspect.getdoc(truth) or "", re.DOTALL)
    if not line or line[1].partition("->")[2].count("(") != 1:
        return {}
    *taken, result = [tuple(filter(None, group.split(", "))) for group in re.findall(r"\(([^()]*?),?\)", line[1])]
    return {**dict(zip(inspect.signature(truth).parameters, taken)), "return": result}
