"""Questions with named misconceptions, answered in the page: predict, commit, and only then look.

jupyterquiz 2.9.6 was tried first: it names a belief for a typed number, but writes 44 KB for each question, with
random ids, so that no two runs agree; it has no fallback without scripts and no live region for a screen reader.
"""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from random import Random

import torch

from d2lconv.arithmetic import number
from d2lconv.exercises import EXERCISES, wrong_answers
from d2lconv.exercises.engine.report import Misconception
from d2lconv.exercises.question_bank import TEMPLATES
from d2lconv.exercises.question_page import ask_page, practice_page
from d2lconv.exercises.templates import Template
from d2lconv.validation import check_bool, check_int

VARIANTS = 20  # of each question in `practice`


class Unfit(ValueError):
    """These numbers make no question: two beliefs, or a belief and the truth, cannot be told apart."""


@dataclass(frozen=True, eq=False)
class Question:
    """One question with its numbers.

    ``answer`` is the right answer, as a reader would type or choose it. Each ``wrong`` answer that a known belief
    gives leads to that belief.

    >>> print(ask("parameters"))
    How many parameters does `Conv2d(3, 5, 2)` have, with its biases?
    >>> ask("parameters").answer, ask("parameters").wrong["63"].name
    ('65', 'one bias per input channel')
    """

    name: str
    template: Template
    values: dict[str, str]
    text: str
    grid: str
    options: tuple[str, ...]
    why: str
    answer: str
    wrong: dict[str, Misconception]
    hide_next: bool = False

    def __repr__(self):
        options = [f"- {option}" for option in self.options]
        return "\n".join(filter(None, [self.text, self.grid, *options]))

    def _repr_html_(self):
        return ask_page(self)


@dataclass(frozen=True, eq=False)
class Practice:
    """What `practice` returns: the questions, one after the other, where HTML is shown."""

    questions: tuple[Question, ...]

    def __repr__(self):
        return f"{len(self.questions)} questions, to be answered where HTML is shown"

    def _repr_html_(self):
        return practice_page(self.questions)


def ask(question: str, *, hide_next: bool = True, **numbers: int) -> Question:
    """Ask a question in the page, before the cell whose result decides it.

    A wrong answer is met with the name of the belief that leads to it. On the site, the output of the next cell is
    folded until the question is answered, or the reader opens it; with ``hide_next=False`` it stays as it is.
    ``numbers`` replace the book's own.

    Raises ``ValueError`` for an unknown question or number, and where two beliefs give the same answer;
    ``TypeError`` for a number that is not an integer.

    >>> ask("shape_in", c_i=3, h=8, w=6, k=3)
    `X` has the shape (3, 8, 6) and `K` the shape (3, 3, 3). What is the shape of `corr2d_multi_in(X, K)`?
    """
    if question not in TEMPLATES:
        raise ValueError(f"there is no question {question!r}: take one of {', '.join(TEMPLATES)}.")
    own = {name: value for name, (value, _) in TEMPLATES[question].numbers.items()}
    unknown = [name for name in numbers if name not in own]
    if unknown:
        raise ValueError(f"the question {question!r} has no number {unknown[0]!r}: it has {', '.join(own)}.")
    own |= {name: check_int(name, n, 0) for name, n in numbers.items()}
    return pose(question, own, check_bool("hide_next", hide_next))


@cache
def practice() -> Practice:
    """Ask one question after the other, always with new numbers; the page lists the beliefs that are still held.

    The page mixes a pool of numbers that is made here, and comes back to a number only when all have been used.

    >>> len(practice().questions) > 400
    True
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the tensors are tiny: threads would only wait for each other
    try:
        questions = [question for name in TEMPLATES for question in itertools.islice(variants(name), VARIANTS)]
    finally:
        torch.set_num_threads(threads)
    return Practice(tuple(questions))


def variants(name: str) -> Iterator[Question]:
    """Pose a question with all its other numbers, in an order that is mixed and always the same."""
    numbers = TEMPLATES[name].numbers
    others = list(itertools.product(*(others for _, others in numbers.values())))
    Random(name).shuffle(others)
    telling = min(2, len(TEMPLATES[name].told_apart))  # beliefs
    asked = {repr(ask(name))}
    for values in others:
        try:
            question = pose(name, dict(zip(numbers, values)))
        except Unfit:
            continue
        if len(set(question.wrong.values())) >= telling and repr(question) not in asked:
            asked.add(repr(question))
            yield question


def pose(name: str, numbers: Mapping[str, int], hide_next: bool = False) -> Question:
    """Compute the right answer, and what each belief makes of the same numbers."""
    template = TEMPLATES[name]
    with torch.device("cpu"):
        try:
            arguments = template.arguments(**numbers)
        except (ArithmeticError, RuntimeError):
            raise Unfit("there are no tensors with these numbers: take others.") from None
        words = template.words(arguments, **numbers)
        truth = outcome(template, EXERCISES[template.exercise].truth, arguments, numbers)
        found = [(wrong.misconception, outcome(template, wrong.function, arguments, numbers))
                 for wrong in wrong_answers(template.exercise) if wrong.misconception in template.told_apart]
    found = [(belief, result) for belief, result in found if result != truth]
    values = {name: str(value) for name, value in {**numbers, **words}.items()}
    options = {option.format_map(values): belief for option, belief in template.options.items()}
    values["answer"], wrong = chosen(options, found) if options else typed(truth, found)
    text, why = template.text.format_map(values), template.why.format_map(values)
    grid = values.get("grid", "")
    return Question(name, template, values, text, grid, tuple(options), why, values["answer"], wrong, hide_next)


def outcome(template, function, arguments, numbers):
    """What is asked of a function's result; None where it raises, as a belief may on some shapes."""
    try:
        result = template.asked(function(*arguments), **numbers)
    except Exception:
        return None
    return result.tolist() if isinstance(result, torch.Tensor) else result


def typed(truth, found):
    """The right answer, and for each wrong one that can be typed its belief: one alone."""
    right = plain(truth)
    wrong: dict[str, Misconception] = {}
    if right is None:
        raise Unfit("the question has no answer with these numbers.")
    for belief, result in found:
        answer = plain(result)
        if answer in (right, None) or (", " in answer and ", " not in right):  # a row, where a number is asked for
            continue
        if wrong.setdefault(answer, belief) is not belief:
            raise Unfit(f'"{wrong[answer].name}" and "{belief.name}" both give {answer}: take other numbers.')
    if not wrong:
        raise Unfit("with these numbers, no wrong belief shows: take others.")
    return right, wrong


def chosen(options, found):
    """The right option, and the belief of each other one, which must give another result."""
    wrong = {option: belief for option, belief in options.items() if belief}
    right, = options.keys() - wrong.keys()
    shown = [belief for belief, _ in found]
    for belief in wrong.values():
        if belief not in shown:
            raise Unfit(f'"{belief.name}" gives the right result with these numbers: take others.')
    return right, wrong


def plain(result):
    """Write a result as a reader types it; None for what is neither a number nor a row of numbers.

    >>> plain(5.0), plain((3, 5, 5)), plain(56 / 3), plain([[1]])
    ('5', '3, 5, 5', '18.67', None)
    """
    row = result if isinstance(result, (list, tuple)) else [result]
    numbers = [isinstance(x, (int, float)) and math.isfinite(x) for x in row]
    return ", ".join(map(number, row)) if row and all(numbers) else None
