"""Pass arguments as the learner's own function calls them, so that any published order works."""

import inspect

NAMES = {  # what people call an argument, in small letters
    "size": "n n_in in_size input_size input h_in w_in side length",
    "kernel": "k f kernel_size k_size filter filter_size window",
    "stride": "s strides step",
    "padding": "p pad pads",
    "bias": "b use_bias has_bias",
    "groups": "g group num_groups n_groups",
    "X": "input inputs inp image images img a x_in signal",
    "K": "w weight weights kernel kernels kern filter filters f",
    "dY": "dy grad_y grad_out grad_output gradient",
    "K1": "w1 weight1 kernel1 first inner", "b1": "bias1", "K2": "w2 weight2 kernel2 second outer", "b2": "bias2",
    "k1": "first inner kernel1", "k2": "second outer kernel2",
    "h": "height rows", "w": "width cols columns", "k": "kernel kernel_size d_k",
    "c_i": "in_channels c_in cin ci in_ch channels",
    "c_o": "out_channels c_out cout co out_ch filters",
    "k_h": "kh kernel_h kernel_height f_h h",
    "k_w": "kw kernel_w kernel_width f_w w",
    "input_shape": "input in_shape x_shape shape i image inputs",
    "weight_shape": "weight kernel_shape k_shape w_shape weights_shape w kernel filters",
    "delta": "d", "cache": "m memory cache_size capacity",
}


def bound(function, problem):
    """The arguments of a problem as this function takes them: (by position, by name).

    All go by the function's own names where each argument has a parameter, known by its name or by its place; else
    all but the options go by position.
    """
    exercise, given = problem.exercise, dict(problem.arguments)
    theirs = parameters(function)
    names = matched(theirs, exercise.arguments)
    for name, parameter in names.items():
        required = theirs[parameter].default is inspect.Parameter.empty
        if required and name in exercise.options and name not in given:
            given[name] = exercise.arguments[name].default
    if given.keys() <= names.keys():
        return {}, {names[name]: value for name, value in given.items()}
    by_position = {name: value for name, value in given.items() if name not in exercise.options}
    by_name = {names.get(name, name): value for name, value in given.items() if name in exercise.options}
    return by_position, by_name


def in_order(function):
    """The same function, called by position, as it is asked for: for names that only look like another argument's."""
    return lambda *given, **options: function(*given, **options)


def is_guessed(function, exercise):
    """Say whether a function's names give its arguments another order than the one that is asked for."""
    theirs = parameters(function)
    found = matched(theirs, exercise.arguments)
    return [found[name] for name in exercise.arguments if name in found] != list(theirs)


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
                 lambda mine, name: name.lower() in NAMES.get(mine, "").split(),
                 lambda mine, name: True):
        for mine in ours:
            free = [name for name in theirs if name not in found.values() and same(mine, name)]
            if mine not in found and free:
                found[mine] = free[0]
    return found
