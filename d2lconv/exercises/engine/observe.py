"""Say what can be seen in wrong results, whatever the mistake is: a sentence that is true of every one of them."""

import sys

import torch

from d2lconv.exercises.engine.sandbox import Fault
from d2lconv.exercises.engine.values import MANY, allclose, largest

CLOSE = 1e-5  # of the largest number: float32 will do
ABOUT = 1e-3  # four digits of it
SEEN = {Fault.NUMBERS, Fault.SHAPE, Fault.ANSWER}
NEARLY = "It is nearly right: what is rounded on the way, or added, however small?"


def observed(trials):
    """What all wrong results have in common, or nothing."""
    wrong = [trial for trial in trials if trial.fault]
    if len(wrong) < 2 or not {trial.fault for trial in wrong} <= SEEN:
        return ""
    if not all(plain(trial.answer) for trial in wrong):
        return ""
    if isinstance(wrong[0].problem.truth, tuple):
        return of_parts(wrong)
    return in_common([(tensor(trial.answer), tensor(trial.problem.truth)) for trial in wrong])


def plain(answer):
    """Say whether there are not too many numbers to look at, and real ones that a float can hold."""
    if isinstance(answer, torch.Tensor):
        return answer.numel() <= MANY and not answer.is_complex()
    if isinstance(answer, tuple):
        return all(map(plain, answer))
    return not isinstance(answer, bool) and abs(answer) < sys.float_info.max


def of_parts(trials):
    """Look at each part of a tuple by itself."""
    for trial in trials:
        answer, truth = trial.answer, trial.problem.truth
        if len(answer) != len(truth):
            return f"How many numbers came out? There are {len(answer)}, and {len(truth)} are wanted."
    said = []
    answers = zip(*(trial.answer for trial in trials))
    truths = zip(*(trial.problem.truth for trial in trials))
    tolerances = [trial.tolerance for trial in trials]
    for name, mine, wanted in zip(("first", "second", "third"), answers, truths):
        pairs = [(tensor(answer), tensor(truth)) for answer, truth in zip(mine, wanted)]
        wrong = [pair for pair in pairs if not same(*pair)]
        if all(map(allclose, mine, wanted, tolerances)):
            said.append(f"The {name} is right.")
        elif not wrong:
            said.append(f"The {name} is nearly right.")
        elif sentence := in_common(wrong):
            said.append(f"The {name}: {sentence[0].lower()}{sentence[1:]}")
    return " ".join(said)


def tensor(value):
    """Numbers as a float64 tensor."""
    return torch.as_tensor(value, dtype=torch.float64)


def in_common(pairs):
    """The first sentence that is true of all pairs of a result and the truth."""
    first, *others = [list(sentences(*pair)) for pair in pairs]
    return next((sentence for sentence in first if all(sentence in other for other in others)), "")


def same(value, truth, close=CLOSE):
    """Say whether two tensors are equal, but for a small part of the largest number."""
    return allclose(value, truth, close * largest(truth))


def sentences(value, truth):
    """All that is true of a result beside the truth, the most telling first."""
    as_many = value.numel() == truth.numel()
    if value.shape == truth.shape:
        yield from number_by_number(value, truth)
    elif as_many and same(value.flatten(), truth.flatten()):
        yield from in_another_shape(value, truth)
    yield from along_an_axis(value, truth)
    if value.numel() == 1 and not as_many and same(value.flatten(), truth.sum()[None]):
        yield "All of it was summed up to one number: which axes should stay?"
    if as_many and same(value.flatten().sort()[0], truth.flatten().sort()[0]):
        yield "The right numbers are there, in another order."
    if same(value, truth, 1e-2):
        yield NEARLY


def in_another_shape(value, truth):
    """The same numbers, in another shape."""
    if [n for n in value.shape if n > 1] == [n for n in truth.shape if n > 1]:
        more = value.ndim - truth.ndim
        what = "too many" if more > 0 else "missing" if more else "in another place"
        which = "an axis of size 1 is" if abs(more) < 2 else f"{abs(more)} axes of size 1 are"
        yield f"All numbers are right: {which} {what}."
    yield "All numbers are right, and in order: only their shape is not."


def number_by_number(value, truth):
    """A factor, a difference, or what became of some numbers."""
    if same(value, truth, ABOUT):
        yield NEARLY
    elif value.any() and truth.any():
        factor = f"{((value * truth).sum() / (truth * truth).sum()).item():.4g}"
        if same(value, float(factor) * truth, ABOUT):
            yield "The sign is the wrong one." if factor == "-1" else f"It is {factor} times what is wanted."
    difference = value - truth
    more = difference.flatten()[0].item()
    if same(difference, torch.full_like(truth, more)):
        yield f"It is {abs(more):.4g} too {'large' if more > 0 else 'small'}."
    if same(value, truth.clamp(min=0)):
        yield "What is negative became 0: no activation is asked for."
    if not value.any():
        yield "Nothing but zeros came out."
    if same(value, torch.where(value == 0, value, truth)):
        yield "Where a number came out it is right: the others stayed 0."
    integers = truth.floor(), truth.ceil(), truth.round(), truth.trunc()
    if any(same(value, integer) for integer in integers):
        yield "What follows the decimal point is lost."


def along_an_axis(value, truth):
    """What came out of several along an axis, and which of them are right."""
    for axis, n in enumerate(truth.shape):
        for name, place in (("last", n - 1), ("first", 0)):
            one = truth.select(axis, place)
            if same(value, one) or same(value, one.unsqueeze(axis)):
                yield f"Only the {name} along axis {axis} came out."
            if value.shape == truth.shape and n > 1:
                right = [same(mine, wanted) for mine, wanted in zip(value.unbind(axis), truth.unbind(axis))]
                if right.count(right[place]) == 1:
                    yield f"Along axis {axis}, only the {name} is {'right' if right[place] else 'wrong'}."
        if same(value, truth.sum(axis)) or same(value, truth.sum(axis, keepdim=True)):
            yield f"Axis {axis} was summed over, and should stay."
