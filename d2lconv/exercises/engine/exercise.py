"""What an exercise is: a true function whose docstring is the task, problems in stages, wrong answers."""

import dataclasses
import functools
import inspect
import re
from collections.abc import Callable
from typing import Any

import torch

from d2lconv.exercises.engine.report import Section

EXERCISES: dict[str, "Exercise"] = {}


@dataclasses.dataclass(frozen=True)
class Misconception:
    """A wrong belief: what it is called, what to think of instead, where to read on."""

    name: str
    hint: str
    read: Section


@dataclasses.dataclass(frozen=True, eq=False)
class Wrong:
    """A wrong answer to an exercise: the misconception it comes from, and a function with the exercise's arguments.

    ``change`` makes of a right function the wrong one, and so it also puts a second mistake on a first.
    """

    misconception: Misconception
    change: Callable[..., Any]
    function: Callable[..., Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """Arguments by name, in their order, and the stage of building at which they are first right."""

    stage: str
    arguments: dict[str, Any]

    @property
    def size(self):
        """How much there is to read in it."""
        return sum(value.numel() for value in self.arguments.values() if isinstance(value, torch.Tensor))


@dataclasses.dataclass(frozen=True, eq=False)
class Exercise:
    """What is asked of a function, and what it is compared with.

    ``reads`` says where to read about a stage, if not where ``read`` says. ``options`` are passed by name.
    ``adapt`` makes of a learner's function, which is called as ``written``, the one that is compared.
    ``mismatch`` is a problem whose channel counts differ, and ``cut`` the same without the surplus channel.
    The last three are what a function may do besides: change its input, answer a mismatch, cut channels off.
    """

    truth: Callable[..., Any]
    problems: tuple[Problem, ...]
    read: Section
    changes: tuple[tuple[Misconception, Callable[..., Any]], ...] = ()
    reads: dict[str, Section] = dataclasses.field(default_factory=dict)
    options: tuple[str, ...] = ()
    written: str = ""
    adapt: Callable[..., Any] = lambda function: function
    mismatch: Problem | None = None
    cut: Problem | None = None
    in_place: Misconception | None = None
    unchecked: Misconception | None = None
    truncated: Misconception | None = None

    @property
    def name(self):
        """The name that the learner's function has."""
        return self.truth.__name__

    @property
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
        told = inspect.getdoc(self.truth).partition(">>>")[0].replace("``", "")
        paragraphs = [" ".join(part.split()) for part in told.split("\n\n")]
        return "\n".join(filter(None, paragraphs))

    @functools.cached_property
    def wrong(self) -> tuple[Wrong, ...]:
        """The wrong answers, those first that are preferred where two explain the same."""
        return tuple(
            Wrong(misconception, change, changed(change, self.truth))
            for misconception, change in self.changes
        )


def changed(change, truth):
    """Make of a right function a wrong one, which takes the same arguments.

    >>> def double(n): return 2 * n
    >>> changed(lambda f, n: f(n=n) + 1, double)(3)
    7
    """
    signature = inspect.signature(truth)

    @functools.wraps(truth)
    def function(*by_position, **by_name):
        return change(truth, **signature.bind(*by_position, **by_name).arguments)
    return function


def axes(truth):
    """The names of the axes that a docstring's line of shapes gives to each argument and to the result.

    >>> def f(X, n): "Shapes: ``(c, h - 1), n -> (h,)``."
    >>> axes(f)
    {'X': ('c', 'h - 1'), 'return': ('h',)}
    """
    line = re.search(r"Shapes: ``(.*?)``", inspect.getdoc(truth), re.DOTALL)
    taken, _, given = line[1].partition("->") if line else ("", "", "")
    groups = re.findall(r"\(([^()]*)\)", taken)
    results = re.findall(r"\(([^()]*)\)", given)
    if len(results) != 1:
        return {}
    names = list(inspect.signature(truth).parameters)[:len(groups)]
    split = [tuple(axis.strip() for axis in group.split(",") if axis.strip()) for group in groups + results]
    return dict(zip([*names, "return"], split))


def exercise(problems, read, wrong=(), **more):
    """Register an exercise: the decorated function is the truth, and its docstring the task.

    ``problems`` are tuples of arguments by stage; a dictionary at the end of a tuple holds options by name.
    """
    def register(truth):
        names = inspect.signature(truth).parameters
        made = [
            Problem(stage, named(names, values))
            for stage, several in problems.items()
            for values in several
        ]
        EXERCISES[truth.__name__] = Exercise(truth, tuple(made), read, tuple(wrong), **more)
        return truth
    return register


def named(names, values):
    """Give arguments their names.

    >>> named(("X", "K", "stride"), (1, 2, {"stride": 3}))
    {'X': 1, 'K': 2, 'stride': 3}
    """
    *values, last = values
    if isinstance(last, dict):
        return {**dict(zip(names, values)), **last}
    return dict(zip(names, [*values, last]))
