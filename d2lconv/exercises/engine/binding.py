"""Pass arguments as the learner's own function calls them, so that any published order works."""

import inspect

NAMES = {  # what people call an argument, in small letters
    "size": "n n_in in_size input_size input h_in w_in side length",
    "kernel": "k f kernel_size k_size filter filter_size window",
    "stride": "s strides step",
    "padding": "p pad pads",
    "bias": "b use_bias has_bias",
    "groups": "g group num_groups n_groups",
    "X": "input inputs image images img a x_in",
    "K": "w weight weights kernel kernels filter filters f",
    "c_i": "in_channels c_in cin ci in_ch",
    "c_o": "out_channels c_out cout co out_ch",
    "k_h": "kh kernel_h kernel_height f_h",
    "k_w": "kw kernel_w kernel_width f_w",
    "input_shape": "input in_shape x_shape shape i",
    "weight_shape": "weight kernel_shape k_shape w_shape weights_shape w",
    "delta": "d", "cache": "m memory cache_size",
}


def bound(function, problem):
    """The arguments of a problem as this function takes them: (by position, by name).

    Names that are known go by name, the rest by position; without a readable signature, all but the options do.
    """
    exercise, given = problem.exercise, dict(problem.arguments)
    theirs = parameters(function)
    names = matched(theirs, exercise.arguments)
    for name, parameter in names.items():
        required = theirs[parameter].default is inspect.Parameter.empty
        if required and name in exercise.options and name not in given:
            given[name] = exercise.arguments[name]
    if given.keys() <= names.keys():
        return {}, {names[name]: value for name, value in given.items()}
    by_position = {name: value for name, value in given.items() if name not in exercise.options}
    by_name = {names.get(name, name): value for name, value in given.items() if name in exercise.options}
    return by_position, by_name


def parameters(function):
    """The parameters that can be passed by name; none where the function takes them in another way."""
    try:
        found = inspect.signature(function, follow_wrapped=False).parameters
    except (ValueError, TypeError):
        return {}
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return dict(found) if all(parameter.kind in named for parameter in found.values()) else {}


def matched(theirs, ours):
    """Which of the learner's parameters is which argument: by its name, and the rest in their order.

    >>> matched(["n_in", "kernel", "pad", "stride"], ["size", "kernel", "stride", "padding"])
    {'kernel': 'kernel', 'stride': 'stride', 'size': 'n_in', 'padding': 'pad'}
    """
    found: dict[str, str] = {}
    for same in (lambda mine, name: name == mine,
                 lambda mine, name: name.lower() == mine.lower(),
                 lambda mine, name: name.lower() in NAMES.get(mine, "").split()):
        for mine in ours:
            free = [name for name in theirs if name not in found.values() and same(mine, name)]
            if mine not in found and free:
                found[mine] = free[0]
    others = [mine for mine in ours if mine not in found]
    rest = [name for name in theirs if name not in found.values()]
    return {**found, **dict(zip(others, rest))}
