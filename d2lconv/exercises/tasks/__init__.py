"""The exercises, one place each: the true function, whose docstring is the task, its problems and wrong answers."""
