"""What an exercise is: a contract, the true function, and a family of problems."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from d2lconv.exercises.report import Report

Checker = Callable[[Callable[..., Any]], Report]  # of a learner's function


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """Arguments by name, in their order, and the stage of building at which they are first right."""

    stage: str
    arguments: dict[str, Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Exercise:
    """What is asked of a function, and what it is compared with.

    ``keywords`` are passed by name. ``adapt`` makes of a learner's function the one that is compared.
    ``mismatch`` is a problem whose channel counts differ, and ``cut`` the same without the surplus channel.
    """

    name: str
    contract: str
    truth: Callable[..., Any]
    problems: tuple[Problem, ...]
    keywords: tuple[str, ...] = ()
    adapt: Callable[..., Any] = lambda function: function
    mismatch: Problem | None = None
    cut: Problem | None = None


EXERCISES = {}


def exercise(truth: Callable[..., Any], problems: Iterable[Problem], **options: Any) -> Callable[[Checker], Checker]:
    """Register the exercise of a checker; its contract is what the checker's docstring says."""
    def register(checker):
        name = checker.__name__.removeprefix("check_")
        said = checker.__doc__.partition(">>>")[0].removeprefix("Check ").replace("``", "").split("\n\n")
        contract = "\n".join(" ".join(part.split()) for part in said if part.strip())
        EXERCISES[name] = Exercise(name, contract, truth, tuple(problems), **options)
        return checker
    return register


def made(stage, names, *values):
    """Problems of one stage, from tuples of arguments.

    >>> made("two numbers", "a b", (1, 2))
    (Problem(stage='two numbers', arguments={'a': 1, 'b': 2}),)
    """
    return tuple(Problem(stage, dict(zip(names.split(), arguments))) for arguments in values)
