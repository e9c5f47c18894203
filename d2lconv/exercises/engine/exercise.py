"""What an exercise is: a true function whose docstring is the task, problems in stages, wrong answers."""

import dataclasses
import functools
import inspect
import re
from collections.abc import Callable
from typing import Any

import torch

from d2lconv.exercises.engine.report import Misconception, Section

EXERCISES: dict[str, "Exercise"] = {}


@dataclasses.dataclass(frozen=True, eq=False)
class Wrong:
    """A wrong answer: its misconception, the change that makes it of a right function, and the wrong function."""

    misconception: Misconception
    change: Callable[..., Any]
    function: Callable[..., Any]

    @property
    def simulated(self):
        """Whether it is a learner's loop, which is slow, and is the same in every exercise."""
        return getattr(self.change, "simulated", False)


@dataclasses.dataclass(frozen=True)
class Habits:
    """What a function may do besides: change its input, remember, answer a mismatch, cut channels off."""

    in_place: Misconception
    remembered: Misconception
    unchecked: Misconception
    cut: Misconception


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """Arguments by name, in their order, and the stage of building at which they are first right."""

    stage: str
    arguments: dict[str, Any]

    @property
    def size(self):
        """How much there is to read in it."""
        return sum(value.numel() for value in self.arguments.values() if isinstance(value, torch.Tensor))

    def changed(self, change):
        """The same with other tensors."""
        values = {name: change(value) if isinstance(value, torch.Tensor) else value
                  for name, value in self.arguments.items()}
        return Problem(self.stage, values)


@dataclasses.dataclass(frozen=True, eq=False)
class Exercise:
    """What is asked of a function, and what it is compared with.

    ``stages`` are tuples of arguments; a dictionary at the end of a tuple holds options by name. ``reads`` says
    where to read about a stage, if not where ``read`` says. ``options`` are passed by name. ``adapt`` makes of a
    learner's function, which is called as ``written``, the one that is compared. ``mismatch`` are arguments whose
    channel counts differ. ``habits`` are what a function may do besides. Where numbers are only moved, the answer
    is ``exact``.
    """

    truth: Callable[..., Any]
    stages: dict[str, list[tuple[Any, ...]]]
    read: Section
    changes: tuple[tuple[Misconception, Callable[..., Any]], ...]
    habits: Habits | None = None
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
        """The names of the arguments, each with its default or `inspect.Parameter.empty`."""
        parameters = inspect.signature(self.truth).parameters
        return {name: parameter.default for name, parameter in parameters.items()}

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
                *values, more = given if isinstance(given[-1], dict) else (*given, {})
                made.append(Problem(stage, {**dict(zip(self.arguments, values)), **more}))
        return tuple(made)

    @functools.cached_property
    def wrong(self) -> tuple[Wrong, ...]:
        """The wrong answers, those first that are preferred where two explain the same.

        Of counts, which cost nothing, only those that are wrong, and not as one before: a rule may make others.
        """
        made = [Wrong(one, change, changed(change, self.truth)) for one, change in self.changes]
        if any(problem.size for problem in self.problems):
            return tuple(made)
        seen, told_apart = {self.results(self.truth)}, []
        for one in made:
            results = self.results(one.function)
            if results not in seen:
                seen.add(results)
                told_apart.append(one)
        return tuple(told_apart)

    def results(self, function):
        """What a function of ours makes of every problem, as text."""
        return "; ".join(attempted(function, problem) for problem in self.problems)


def answer(function, problem):
    """Call one of our own functions with a problem's arguments, its tensors in float64 on the CPU."""
    return function(**problem.changed(torch.Tensor.double).arguments)


def attempted(function, problem):
    """What a function of ours makes of a problem, as text."""
    try:
        return repr(answer(function, problem))
    except ArithmeticError:
        return "nothing"


def call_by_name(function, known):
    """Call a function of ours with those of the known things that its parameters name."""
    return function(**{name: known[name] for name in names_of(function) if name in known})


@functools.cache
def names_of(function):
    """The names of the parameters of a function of ours."""
    return tuple(inspect.signature(function).parameters)


def changed(change, truth):
    """Make of a right function a wrong one, which takes the same arguments.

    The change names what it needs: arguments, ``given`` for all of them, the right function ``f``, its result ``Y``.

    >>> changed(lambda Y, n: Y + n, lambda n: 2 * n)(3)
    9
    """
    signature, needed = inspect.signature(truth), names_of(change)

    @functools.wraps(truth)
    def function(*by_position, **by_name):
        bound = signature.bind(*by_position, **by_name)
        bound.apply_defaults()
        given = bound.arguments
        result = {"Y": truth(**given)} if "Y" in needed else {}
        return call_by_name(change, {**given, "given": given, "f": truth, **result})
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
