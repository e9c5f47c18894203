"""How a right function is changed into a wrong one: its arguments, its bias, the order of its channels."""


from d2lconv.exercises.engine.exercise import call_by_name
from d2lconv.exercises.tasks import misconceptions as of


def swapped(one, other):
    """Two arguments, each in the other's place."""
    return lambda f, given: f(**{**given, one: given[other], other: given[one]})


def on(**edits):
    """A change of arguments: each edit is the new value, or makes it of the arguments that it names."""
    def change(f, given):
        other = {
            name: call_by_name(edit, {**given, "given": given}) if callable(edit) else edit
            for name, edit in edits.items() if given.get(name) is not None}  # no bias stays none
        return f(**{**given, **other})
    return change


def edited(name, edit):
    """A change of one argument, whatever its name."""
    return on(**{name: lambda given: edit(given[name])})


def another_order(name, axis):
    """Channels from the last to the first, or each one place further."""
    return [
        (of.REVERSED, edited(name, lambda T: T.flip(axis))),
        (of.NEIGHBOUR, edited(name, lambda T: T.roll(1, axis))),
        (of.NEIGHBOUR, edited(name, lambda T: T.roll(-1, axis))),
    ]


def fewer(T, axis, place):
    """All but the first, or the last, along an axis; of a single one nothing is left, and a loop over it stops."""
    if T.shape[axis] == 1:
        raise ValueError("nothing is left")
    return T.narrow(axis, int(place == 0), T.shape[axis] - 1)


def biased(without, combine):
    """A change of what is there before the bias, and how the bias comes in."""
    def change(f, given, bias=None):
        Y = call_by_name(without, {"f": f, "given": {**given, "bias": None} if "bias" in given else given})
        return Y if bias is None else combine(Y, bias)
    return change


def refolded(Y):
    """Maps whose pixels' channels lie side by side, and are folded as if they did not."""
    return Y.movedim(-3, -1).reshape(Y.shape)


def dealt(T, groups, axis):
    """Deal channels out to the groups like cards."""
    return T.unflatten(axis, (-1, groups)).transpose(axis, axis + 1).flatten(axis, axis + 1)
