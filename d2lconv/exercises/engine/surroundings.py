"""What a function may change outside of itself: each is read before and after a call, said, and put back."""

import contextlib
import os
import random

import numpy as np
import torch

from d2lconv.runtime import exact_float32

PROCESS = {  # what all threads share
    "the default dtype": torch.get_default_dtype,
    "the working directory": os.getcwd,
    "the environment": lambda: dict(os.environ),
    "how torch prints numbers": lambda: dict(vars(torch._tensor_str.PRINT_OPTS)),
    "the random seed": torch.initial_seed,
}
THREAD = {  # what ends with the thread in which the function runs, and with its context
    "how NumPy prints numbers": np.get_printoptions,
    "the default device": torch.get_default_device,
    "whether gradients are recorded": torch.is_grad_enabled,
    "autocast": lambda: torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda"),
}


def read(state):
    """Read some of the surroundings; what cannot be read (a folder that was removed) is None."""
    values = {}
    for name, get in state.items():
        values[name] = None
        with contextlib.suppress(Exception):
            values[name] = get()
    return values


def differing(before, after):
    """Name what is no longer as it was."""
    return tuple(name for name in before if before[name] != after[name])


@contextlib.contextmanager
def kept():
    """Put back what all threads share, whatever happens; yield a list which then names what was changed.

    >>> with kept() as changed:
    ...     torch.set_default_dtype(torch.float64)
    >>> changed, torch.get_default_dtype()
    (['the default dtype'], torch.float32)
    """
    changed, before = [], read(PROCESS)
    seeds = torch.get_rng_state(), random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with exact_float32(), np.printoptions():
            yield changed
            changed += differing(before, read(PROCESS))
    finally:
        torch.set_rng_state(seeds[0])
        random.setstate(seeds[1])
        np.random.set_state(seeds[2])  # noqa: NPY002
        torch.set_default_dtype(before["the default dtype"])
        vars(torch._tensor_str.PRINT_OPTS).update(before["how torch prints numbers"])
        if before["the environment"] != dict(os.environ):
            os.environ.clear()
            os.environ.update(before["the environment"])
        if before["the working directory"]:
            os.chdir(before["the working directory"])
