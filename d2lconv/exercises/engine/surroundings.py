"""What a function may change outside of itself: read before and after a call, said, and put back."""

import contextlib
import os
import random
import sys
from typing import Any

import numpy as np
import torch

from d2lconv.runtime import exact_float32

PRINTING = vars(torch._tensor_str.PRINT_OPTS)
STATE = {
    "the default dtype": torch.get_default_dtype,
    "the default device": torch.get_default_device,
    "the random seed": torch.initial_seed,
    "whether gradients are recorded": torch.is_grad_enabled,
    "autocast": lambda: torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda"),
    "how torch prints numbers": lambda: dict(PRINTING),
    "how NumPy prints numbers": np.get_printoptions,
    "the working directory": os.getcwd,
    "the environment": lambda: dict(os.environ),
}


def read():
    """Read all of it; what cannot be read (a folder that was removed) is None."""
    values: dict[str, Any] = {**dict.fromkeys(STATE), "modules": len(sys.modules)}
    for name, get in STATE.items():
        with contextlib.suppress(Exception):
            values[name] = get()
    return values


def differences(before, after):
    """The names of what was changed; but what an import writes into the environment is its own affair."""
    imported = before["modules"] != after["modules"]
    return [name for name in STATE if before[name] != after[name] and not (imported and name == "the environment")]


@contextlib.contextmanager
def kept():
    """Put back what all threads share, whatever happens; the rest ends with the function's thread.

    >>> with kept():
    ...     torch.set_default_dtype(torch.float64)
    >>> torch.get_default_dtype()
    torch.float32
    """
    before = read()
    seeds = torch.get_rng_state(), random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with exact_float32(), np.printoptions():
            yield
    finally:
        torch.set_rng_state(seeds[0])
        random.setstate(seeds[1])
        np.random.set_state(seeds[2])  # noqa: NPY002
        torch.set_default_dtype(before["the default dtype"])
        PRINTING.update(before["how torch prints numbers"])
        if before["the environment"] != dict(os.environ):
            os.environ.clear()
            os.environ.update(before["the environment"])
        if before["the working directory"]:
            os.chdir(before["the working directory"])
