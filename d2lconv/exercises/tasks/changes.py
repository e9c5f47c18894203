"""How a right function is changed into a wrong one: its arguments, its result, its bias."""

import functools

import torch

from d2lconv.exercises.engine.exercise import call_by_name


def on(Y=lambda Y: Y, **edits):
    """A change of arguments, or of the result Y.

    Each edit is the new value, or makes it of the arguments that it names; T is the old value, whatever its name.
    """
    def change(f, given):
        other = {
            name: call_by_name(edit, {**given, "T": given[name]}) if callable(edit) else edit
            for name, edit in edits.items() if given.get(name) is not None}  # no bias stays none
        result = f(**other)
        return call_by_name(Y, {**given, "Y": result, "T": result})
    return change


def flipped(*axes):
    """From the last to the first, along these axes."""
    return lambda T: T.flip(axes)


def repeated(axis, place=0):
    """The first along an axis, or the last, in the place of each."""
    return lambda T: T.narrow(axis, place, 1).expand_as(T)


def totalled(axis):
    """The sum along an axis, in the place of each."""
    return lambda T: T.sum(axis, keepdim=True).expand_as(T)


def first_group(T, groups):
    """The first group in the place of each."""
    return torch.cat([T.chunk(groups)[0]] * groups)


def groups_reversed(T, groups):
    """The groups from the last to the first, each as it was."""
    return T.unflatten(1, (groups, -1)).flip(1).flatten(1, 2)


def biased(combine=lambda Y, bias: Y + bias[:, None, None], without=lambda f: f()):
    """A change of how the bias comes in, or of what is there before it."""
    def change(f, given, bias=None):
        bare = functools.partial(f, bias=None) if "bias" in given else f
        Y = call_by_name(without, {**given, "given": given, "f": bare})
        return Y if bias is None else combine(Y, bias)
    return change


def dealt(axis, back=False):
    """Channels dealt out to the groups like cards, or collected again."""
    def edit(T, groups):
        sizes = (groups, -1) if back else (-1, groups)
        return T.unflatten(axis, sizes).transpose(axis, axis + 1).flatten(axis, axis + 1)
    return edit
